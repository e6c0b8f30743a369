"""All pure stationary equilibria: against exhaustive walks, in floats and in fractions."""

import sys
from fractions import Fraction

import naive_equilibria as naive
import numpy as np
import pytest

import fastmpg as fm

SOLVE = fm.solvers.pure_equilibria


@pytest.mark.parametrize("num_actions", [(4, 5), (2, 3, 2), (3, 1), (1, 4), (2, 2, 2, 2), (6,)])
def test_normal_forms_equal_a_scan(num_actions):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        payoffs = rng.standard_normal((len(num_actions), *num_actions))
        if seed % 2:
            payoffs = np.round(payoffs)  # ties
        game = fm.NormalFormGame(payoffs) if len(num_actions) > 1 else fm.NormalFormGame.identical_interest(payoffs[0])
        found = SOLVE(game)
        assert np.array_equal(found.actions[:, 0], naive.numpy_scan(payoffs))
        assert found.number == len(found.policy) and found.profiles == np.prod(num_actions)
        if found.number:
            assert fm.ne_gap(game, found.policy).max() == 0.0
            assert np.allclose(found.value, fm.evaluate(game, found.policy).value, rtol=0, atol=1e-14)


def test_the_game_with_two_of_them_in_which_best_replies_go_round():
    game = fm.games.random_normal_form((4, 5), rng=2)
    assert SOLVE(game).number == 2 and fm.solvers.round_robin(game).status == "cycle"


def test_shared_payoffs_masks_and_other_models():
    payoff = np.random.default_rng(0).standard_normal((3, 4))
    shared = fm.NormalFormGame.identical_interest(payoff)
    assert np.array_equal(SOLVE(shared).actions, SOLVE(fm.NormalFormGame([payoff, payoff])).actions)
    mask = [[1, 0, 1, 1, 1, 0, 1]]
    whole = fm.NormalFormGame(np.random.default_rng(1).integers(0, 3, (2, 3, 4)))
    cut = fm.NormalFormGame(whole.payoffs, available=mask)
    small = fm.NormalFormGame(whole.payoffs[:, [0, 2]][:, :, [0, 1, 3]])
    mapped = SOLVE(small).actions[:, 0]
    expected = np.stack([np.array([0, 2])[mapped[:, 0]], np.array([0, 1, 3])[mapped[:, 1]]], axis=1)
    assert len(expected) and np.array_equal(SOLVE(cut).actions[:, 0], expected)
    ring = fm.games.ring_polymatrix(4)
    assert np.array_equal(SOLVE(ring).actions, SOLVE(ring.to_dense()).actions)


@pytest.mark.compiled
@pytest.mark.parametrize("sizes", [(3, (2, 3)), (2, (2, 2, 2)), (4, (2, 2)), (3, (3,)), (2, (1, 4))])
@pytest.mark.parametrize("discount", [0.3, 0.9, 0.999])
def test_markov_games_equal_an_exhaustive_walk(sizes, discount):
    for seed in range(8):
        for shared in (False, True):
            game = fm.games.random_markov(*sizes, discount=discount, rng=seed, identical_interest=shared)
            found, every = SOLVE(game), naive.pure_profiles(game)
            table = np.zeros((len(every), game.num_states, sum(game.num_actions)))
            np.put_along_axis(table, every + game.offset[:-1], 1.0, axis=-1)
            gap, error = fm.ne_gap(game, table, start="worst").max(axis=1), fm.metrics.ne_gap_bound(game, table)
            assert np.array_equal(found.actions, every[gap <= error])
            assert (found.ne_gap <= found.error).all()


def test_markov_games_in_fractions():
    """Dyadic payoffs, transitions and discount: every number of the walk is exact, ties too."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rewards = rng.integers(0, 3, (2, 2, 2, 2))
        moves = rng.multinomial(4, np.full(2, 0.5), (2, 2, 2)) / 4.0
        game = fm.MarkovGame(rewards, moves, 0.75)
        exact = [each.tolist() for each in naive.pure_profiles(game)
                 if naive.is_pure_equilibrium(game, each, 0, Fraction)]
        assert SOLVE(game).actions.tolist() == exact


def test_sparse_games_and_masks_of_several_states():
    dense = fm.games.random_markov(3, (2, 2), rng=3, sparse=2).to_dense()
    sparse = fm.games.random_markov(3, (2, 2), rng=3, sparse=2)
    assert SOLVE(sparse).number and np.array_equal(SOLVE(sparse).actions, SOLVE(dense).actions)
    mask = np.ones((3, 4), bool)
    mask[1, 1] = mask[0, 2] = False
    game = fm.MarkovGame(dense.rewards, dense.transitions, dense.discount, available=mask)
    every = naive.pure_profiles(game)
    every = every[[bool((mask[np.arange(3), each[:, 0]] & mask[np.arange(3), 2 + each[:, 1]]).all()) for each in every]]
    expected = [each.tolist() for each in every if naive.is_pure_equilibrium(without_masks(game), each, 1e-9)]
    assert SOLVE(game).profiles == 16 and SOLVE(game).actions.tolist() == expected


def without_masks(game):
    """The same game with prohibitive payoffs where an action is missing."""
    rewards = np.broadcast_to(game.rewards, (2, *game.rewards.shape[1:])).copy()
    for i in range(2):
        for s in range(3):
            for a in range(2):
                if not game.available[s, game.offset[i] + a]:
                    rewards[i, s][(slice(None),) * i + (a,)] = -1e6
    return fm.MarkovGame(rewards, np.where(game.transitions.sum(-1, keepdims=True) > 0, game.transitions, 1 / 3), 0.9)


def test_gains_up_to_tol():
    game = fm.games.random_markov(3, (2, 2), rng=5)
    every = naive.pure_profiles(game)
    found = SOLVE(game, tol=0.3)
    assert found.actions.tolist() == [each.tolist() for each in every if naive.is_pure_equilibrium(game, each, 0.3)]
    assert (found.ne_gap <= 0.3 + found.error).all() and found.number > SOLVE(game).number
    payoffs = np.random.default_rng(0).standard_normal((2, 3, 3))
    near = SOLVE(fm.NormalFormGame(payoffs), tol=0.5)
    gaps = [max(plane.max(axis=i)[a[1 - i]] - plane[tuple(a)] for i, plane in enumerate(payoffs))
            for a in near.actions[:, 0]]
    assert np.allclose(near.ne_gap, gaps, rtol=0, atol=1e-15) and near.ne_gap.max() > 0.0


def test_too_much_is_refused_with_sizes():
    with pytest.raises(ValueError, match=r"1024 deterministic policies .* max_policies = 100"):
        SOLVE(fm.games.random_markov(10, (2, 2), rng=0, discount=0.99), max_policies=100)
    game = fm.MarkovGame(np.zeros((2, 4, 3, 3)), np.full((4, 3, 3, 4), 0.25), 0.5)
    with pytest.raises(ValueError, match="too many ties"):
        SOLVE(game, max_policies=2000)
    with pytest.raises(MemoryError, match="joint actions"):
        SOLVE(fm.games.ring_polymatrix(60, 4))


def test_round_robin_from_many_starts_finds_some_of_them():
    game = fm.games.random_markov(4, (2, 2), rng=0, identical_interest=True)
    every = {each.tobytes() for each in SOLVE(game).policy}
    found = fm.solvers.round_robin(game, starts=30, rng=1)
    assert len(found.runs) == 30 and found.found.sum() == sum(run.status == "equilibrium" for run in found.runs) == 30
    assert len({each.tobytes() for each in found.policy}) == len(found.policy) >= 1
    assert {each.tobytes() for each in found.policy} <= every
    stack = np.stack([fm.random_policy(game, seed) for seed in range(3)])
    kept = stack.copy()
    several = fm.solvers.round_robin(game, starts=stack)
    for run, start in zip(several.runs, stack, strict=True):
        assert np.array_equal(run.policy, fm.solvers.round_robin(game, start).policy)
    assert np.array_equal(stack, kept)
    with pytest.raises(ValueError, match="policy or starts"):
        fm.solvers.round_robin(game, stack[0], starts=2)


@pytest.mark.parametrize("build", [lambda: fm.games.random_markov(6, (3, 2, 3), rng=1, discount=0.95),
                                   lambda: fm.games.random_markov(6, (3, 2), rng=1, sparse=2),
                                   lambda: fm.games.routing(4, form="count"),
                                   lambda: fm.games.random_normal_form((4, 5), rng=2),
                                   lambda: fm.NormalFormGame(1e12 + np.round(
                                       np.random.default_rng(0).standard_normal((2, 3, 3)), 1))],
                         ids=["dense", "sparse", "count", "one state", "far from 0"])
def test_round_robins_in_parallel_are_those_one_by_one(build, monkeypatch, keep_threads):
    monkeypatch.setattr(sys.modules["fastmpg.solvers.round_robin"], "CALL_WORK", 10**6)  # shares, however small it is
    game = build()
    stack = np.stack([fm.random_policy(game, seed) for seed in range(7)])
    alone = [fm.solvers.round_robin(game, each) for each in stack]
    for threads in (1, 2):
        fm.set_threads(threads)
        found = fm.solvers.round_robin(game, starts=stack)
        assert found.statuses == tuple(run.status for run in alone)
        for one, other in zip(found.runs, alone, strict=True):
            assert (one.rounds, one.moves) == (other.rounds, other.moves)
            for name in ("policy", "value", "ne_gap", "hidden"):
                assert np.array_equal(getattr(one, name), getattr(other, name)), name
    early = fm.solvers.round_robin(game, starts=stack, maxiter=1)
    assert set(early.statuses) == {"limit"} and {run.rounds for run in early.runs} == {1}
