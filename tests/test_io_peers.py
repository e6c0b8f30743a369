"""Games to and from other packages, with these packages: the same tables, and their equilibria are equilibria here."""

import itertools

import gambit
import numpy as np
import pytest

import fastmpg as fm

pytestmark = pytest.mark.peers
SIZES = [(2, 2), (3, 2), (3, 4), (2, 3, 4), (2, 2, 2)]


def game_of(sizes, rng):
    return fm.NormalFormGame(rng.integers(-9, 10, size=(len(sizes), *sizes)) / 8, name="a game")


def gap(game, strategies):
    return fm.ne_gap(game, [np.asarray(s, float)[None] for s in strategies]).max()


@pytest.mark.parametrize("sizes", SIZES)
def test_pygambit(rng, sizes):
    import pygambit

    game = game_of(sizes, rng).named(players=[f"p{i}" for i in range(len(sizes))],
                                     actions=[[f"s{i}{a}" for a in range(n)] for i, n in enumerate(sizes)])
    there = fm.io.to_pygambit(game)
    assert fm.io.from_pygambit(there) == game and fm.io.from_pygambit(there).names == game.names
    assert there.title == "a game"
    for i, table in enumerate(there.to_arrays(dtype=float)):
        np.testing.assert_array_equal(table, game.payoffs[i])
    solve = pygambit.nash.enummixed_solve if len(sizes) == 2 else pygambit.nash.logit_solve
    result = solve(there, **({"rational": True} if len(sizes) == 2 else {"maxregret": 1e-10}))
    assert len(gambit.equilibria(result)) >= 1
    for found in gambit.equilibria(result):
        flat = gambit.shares(there, found)
        # exact fractions where they are asked for, else a regret of 1e-10 of the range of payoffs
        assert gap(game, np.split(flat, np.cumsum(sizes)[:-1])) < (1e-12 if len(sizes) == 2 else 1e-9)


def test_pygambit_reads_what_is_written(tmp_path, rng):
    import pygambit

    for scale in (1.0, 1e-9, 1e18):
        game = fm.NormalFormGame(rng.normal(size=(3, 2, 3, 2)) * scale)
        fm.io.write(game, tmp_path / "x.agg")
        np.testing.assert_array_equal(fm.io.from_pygambit(pygambit.read_agg(tmp_path / "x.agg")).payoffs, game.payoffs)
        for style in ("payoffs", "outcomes"):
            fm.io.write_nfg(game, tmp_path / "x.nfg", style=style)
            there = pygambit.read_nfg(tmp_path / "x.nfg")
            np.testing.assert_array_equal(np.array(there.to_arrays(dtype=float)), game.payoffs)
            (tmp_path / "y.nfg").write_text(there.to_nfg())
            assert fm.io.read(tmp_path / "y.nfg") == game


def test_action_graphs_as_gambit_has_them(tmp_path, rng):
    import pygambit
    from test_io_games import FUNCTIONS, GAMUT, dense, functions

    for text in (GAMUT, *(functions(kind, rng)[0] for kind in FUNCTIONS)):
        (tmp_path / "x.agg").write_text(text)
        there = fm.io.from_pygambit(pygambit.read_agg(tmp_path / "x.agg"))
        for form in ("auto", "table"):
            np.testing.assert_array_equal(dense(fm.io.read_agg(tmp_path / "x.agg", form=form)), there.payoffs)


@pytest.mark.parametrize("sizes", [*SIZES, (5,)])
def test_quantecon(rng, sizes):
    import quantecon.game_theory as qe

    game = game_of(sizes, rng)
    there = fm.io.to_quantecon(game)
    assert fm.io.from_quantecon(there) == game and there.nums_actions == sizes
    for joint in np.ndindex(*sizes):
        np.testing.assert_array_equal(there[joint if len(sizes) > 1 else joint[0]],
                                      np.squeeze(game.payoffs[(slice(None), *joint)]))
    profiles = rng.normal(size=(*sizes, len(sizes)))
    assert fm.io.from_quantecon(profiles) == fm.io.from_quantecon(qe.NormalFormGame(profiles))
    if len(sizes) == 2:
        found = qe.support_enumeration(there)
        assert len(found) >= 1 and all(gap(game, each) < 1e-9 for each in found)
    for joint in qe.pure_nash_brute(there):
        pure = [np.eye(n)[a] for n, a in zip(sizes, joint, strict=True)]
        assert gap(game, pure) == 0.0
    square = rng.normal(size=(3, 3))
    assert fm.io.from_quantecon(square) == fm.io.from_quantecon(qe.NormalFormGame(square))


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2), (3, 4)])
def test_nashpy(rng, sizes):
    import nashpy

    game = fm.NormalFormGame(rng.normal(size=(2, *sizes)))  # of no ties, of which nashpy warns
    there = fm.io.to_nashpy(game)
    assert isinstance(there, nashpy.Game) and fm.io.from_nashpy(there) == game
    found = list(there.support_enumeration())
    assert len(found) >= 1 and all(gap(game, each) < 1e-9 for each in found)
    with pytest.raises(ValueError, match="two players"):
        fm.io.to_nashpy(game_of((2, 2, 2), rng))


@pytest.mark.parametrize("sizes", [*SIZES, (5,)])
def test_openspiel(rng, sizes):
    game = game_of(sizes, rng).named(actions=[[f"s{i}{a}" for a in range(n)] for i, n in enumerate(sizes)])
    there = fm.io.to_openspiel(game)
    found = fm.io.from_openspiel(there)
    assert found == game and found.name == game.name and found.names.actions == game.names.actions
    for joint in itertools.product(*map(range, sizes)):
        state = there.new_initial_state()
        state.apply_actions(list(joint))
        np.testing.assert_array_equal(state.returns(), game.payoffs[(slice(None), *joint)])


def test_openspiels_own_games():
    import pyspiel
    from open_spiel.python.algorithms import exploitability
    from open_spiel.python.policy import UniformRandomPolicy

    for name in ("matrix_rps", "matrix_pd", "blotto(players=3,coins=4,fields=2)"):
        there = pyspiel.load_game(name)
        game = fm.io.from_openspiel(there)
        turns = pyspiel.convert_to_turn_based(there)
        total = exploitability.nash_conv(turns, UniformRandomPolicy(turns))
        assert abs(fm.ne_gap(game, fm.uniform_policy(game)).sum() - total) < 1e-12
    assert game.num_actions == (5, 5, 5) and abs(game.payoffs.sum(axis=0)).max() == 0
    with pytest.raises(ValueError, match="everybody moves once"):
        fm.io.from_openspiel(pyspiel.load_game("tic_tac_toe"))
