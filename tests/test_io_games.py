"""Normal-form games in files: gambit's two formats and tables of numpy, what they say of bad files, and mutations."""

import os
import zlib
from fractions import Fraction

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.cli import main
from fastmpg.io import _formats
from fastmpg.io._text import number_of, written

# gambit's manual, "Game representation formats": the same game with payoffs and with outcomes
PAYOFFS = '''NFG 1 R "Selten (IJGT, 75), Figure 2, normal form"
{ "Player 1" "Player 2" } { 3 2 }

1 1 0 2 0 2 1 1 0 3 2 0
'''
OUTCOMES = '''NFG 1 R "Selten (IJGT, 75), Figure 2, normal form" { "Player 1" "Player 2" }

{
{ "1" "2" "3" }
{ "1" "2" }
}

{
{ "" 1, 1 }
{ "" 0, 2 }
{ "" 0, 2 }
{ "" 1, 1 }
{ "" 0, 3 }
{ "" 2, 0 }
}
1 2 3 4 5 6
'''
SELTEN = [[[1, 1], [0, 0], [0, 2]], [[1, 1], [2, 3], [2, 0]]]
NAMED = r'''NFG 1 R "a \"quoted\" title, C:\new" { "Ann" "Bob" }
{ { "up" "down" } { "l" "l" "" } } "a comment"
1/3 -2/7, .5 1.5e-3 0.1 2. -0 1E2 7 8 9 12345678901234567890'''
# gambit's contrib/games/2x2.agg of GAMUT's, without its comments; node s's payoffs by (own count, other's)
GAMUT = """#AGG
# Players: 2
2
2
0
2 2
0 1
0 1
#the action graph:
2 0 1
2 1 0
0\t35.622809717175556 -3.7188980070375948
0\t-10.180526107272556 95.1203958671928
"""
FUNCTIONS = ("0", "1", "2", "3", "10 0 [1 2 3]", "10 1 [1 2 3]", "11 0 [0 1 0]", "12 5 [7 2 3]", "13 5 [7 2 3]")


def dense(game):
    """Payoffs (N, A_0, ...) of a game of one state."""
    table = game.to_dense().rewards[:, 0]
    return np.broadcast_to(table, (game.num_players, *table.shape[1:]))


def read(tmp_path, text, suffix=".nfg", **options):
    path = tmp_path / f"game{suffix}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return fm.io.read(path, **options)


@pytest.mark.parametrize("text", [PAYOFFS, OUTCOMES, OUTCOMES.replace("1, 1", "1 1"), PAYOFFS.replace("\n", "\r\n\t"),
                                  "\ufeff" + PAYOFFS.replace("{ 3 2 }", '{ 3 2 } "comment"')])
def test_the_manuals_game(tmp_path, text):
    game = read(tmp_path, text)
    assert game.name == "Selten (IJGT, 75), Figure 2, normal form" and game.names is None
    np.testing.assert_array_equal(game.payoffs, SELTEN)


def test_outcome_0_pays_nothing(tmp_path):
    game = read(tmp_path, OUTCOMES.replace("1 2 3 4 5 6", "0 2 3 4 0 6"))
    np.testing.assert_array_equal(game.payoffs, [[[0, 1], [0, 0], [0, 2]], [[0, 1], [2, 0], [2, 0]]])


def test_names_and_exact_numbers(tmp_path):
    game = read(tmp_path, NAMED)
    assert game.name == r'a "quoted" title, C:\new'
    assert game.names.players == ("Ann", "Bob") and game.names.actions == (("up", "down"), ("l_1", "l_2", "_1"))
    numbers = [1 / 3, -2 / 7, 0.5, 0.0015, 0.1, 2.0, 0.0, 100.0, 7.0, 8.0, 9.0, 12345678901234567890.0]
    np.testing.assert_array_equal(game.payoffs.T.reshape(-1), numbers)
    fm.io.write(game, tmp_path / "again.nfg")
    again = fm.io.read(tmp_path / "again.nfg")
    assert again.names == game.names and again.name == game.name and again == game


def test_rationals_are_rounded_once(rng):
    for _ in range(200):
        top, bottom = int(rng.integers(-10**18, 10**18)), int(rng.integers(1, 10**18))
        assert number_of(f"{top}/{bottom}") == float(Fraction(top, bottom)) == top / bottom
    values = [*rng.normal(size=200), 1e300, 5e-324, -0.0, 1e16, 1e22, 123456.0]
    assert all(float(written(x)) == x and "+" not in written(x) for x in values)  # gambit reads no plus sign


@pytest.mark.parametrize("sizes", [(1,), (4,), (1, 1), (3, 2), (2, 3, 4), (2, 1, 2, 3)])
def test_round_trips(tmp_path, rng, sizes):
    game = fm.NormalFormGame(rng.normal(size=(len(sizes), *sizes)) * 10.0 ** rng.integers(-20, 20), name="a game")
    for style in ("payoffs", "outcomes"):
        fm.io.write_nfg(game, tmp_path / "x.nfg", style=style, comment='says "hello"')
        np.testing.assert_array_equal(fm.io.read(tmp_path / "x.nfg").payoffs, game.payoffs)
    for suffix in ("agg", "npz"):
        fm.io.write(game, tmp_path / f"x.{suffix}")
        np.testing.assert_array_equal(dense(fm.io.read(tmp_path / f"x.{suffix}")), game.payoffs)
    assert fm.io.read(tmp_path / "x.npz").name == "a game"


def test_actions_that_are_not_there_are_left_out(tmp_path, rng):
    game = fm.NormalFormGame(rng.normal(size=(2, 3, 2)), available=[[[1, 0, 1]], [[1, 1]]])
    game = game.named(actions=[["a", "b", "c"], ["d", "e"]])
    for suffix in ("nfg", "npz"):
        fm.io.write(game, tmp_path / f"x.{suffix}")
        found = fm.io.read(tmp_path / f"x.{suffix}")
        np.testing.assert_array_equal(found.payoffs, game.payoffs[:, [0, 2]])
        assert found.names.actions == (("a", "c"), ("d", "e"))


@pytest.mark.parametrize("text, said", [
    ("", "line 1, column 1: expected 'NFG' first"),
    ("NFG 2 R", "line 1, column 5: expected '1' as the version, found '2'"),
    ('NFG 1 R "t', "line 1, column 9: expected the game's title in quotation marks, found a text without its end"),
    ('NFG 1 R "t" { 3', "line 1, column 15: expected the name of a player in quotation marks, or '}', found '3'"),
    ('NFG 1 R "t"\n{ "a" } { 0 }', "line 2, column 11: expected how many strategies player 1 has, at least 1"),
    (PAYOFFS.replace("0 3", "0 x3"), "line 4, column 19: expected payoff 10 of 12, an integer, decimal or rational, "
                                     "found 'x3'"),
    (PAYOFFS.replace("0 3", "1/0"), "expected payoff 9 of 12, an integer, decimal or rational, found '1/0'"),
    (PAYOFFS.replace("0 3", "1e999 3"), "at most 1.8e+308 in size, found '1e999'"),
    (PAYOFFS.replace("2 0\n", "2"), "line 4, column 22: expected payoff 12 of 12"),
    (PAYOFFS + "7", "line 5, column 1: expected the end of the file after 6 joint strategies, found '7'"),
    (OUTCOMES.replace("5 6", "5 7"), "line 16, column 11: expected the outcome of joint strategy 6 of 6, from 0 to 6"),
    ('NFG 1 R "t" { "a" "b" } { 999999999 999999999 } 1', "expected 999999998000000001 joint strategies, found a file"),
    (b'NFG 1 R "\xff"', "line 1, column 10: expected text in UTF-8, found the byte 0xff"),
])
def test_bad_nfg(tmp_path, text, said):
    with pytest.raises(ValueError) as error:
        read(tmp_path, text)
    assert said in str(error.value) and "game.nfg" in str(error.value)


@pytest.mark.parametrize("text, said", [
    ("#BAGG", "line 1, column 1: expected '#AGG' first"),
    ("#AGG\n0", "line 2, column 1: expected the number of players, at least 1, found '0'"),
    (GAMUT.replace("2 1 0\n", "2 1 2\n"), "expected a neighbour of node 1, from 0 to 1, found '2'"),
    (GAMUT.replace("0 1\n0 1", "1 0\n0 1"), "line 7, column 3: expected an action node of player 0, ascending, from 2"),
    (GAMUT.replace("95.1203958671928", ""), "expected number 2 of 2 payoffs of action node 1, found the end"),
    (GAMUT.replace("0\t35", "1 1 [1 1] 35").replace("-3.7188980070375948", ""), "payoff of action node 0 at the"),
    (GAMUT.replace("0\t35", "7\t35"), "how the payoffs of action node 0 are given, 0 (in full) or 1 (listed)"),
    ("#AGG\n1 1 2 1 0\n0 1 2 1 1\n0 0\n0 1", "function nodes that lead to one another in a circle"),
    ("#AGG\n1 1 1 1 0\n1 1 1 0\n4\n0 1", "expected the type of function node 1, 0 to 3 or 10 to 13, found '4'"),
])
def test_bad_agg(tmp_path, text, said):
    with pytest.raises(ValueError) as error:
        read(tmp_path, text, ".agg")
    assert said in str(error.value) and "game.agg" in str(error.value)


def test_gamuts_game(tmp_path):
    """Each player alone on its road finds (1, 0) there in lexicographic order; both on one, (2, 0)."""
    game = read(tmp_path, GAMUT, ".agg")
    together, alone = 95.1203958671928, -10.180526107272556
    assert isinstance(game, fm.CountGame)
    np.testing.assert_array_equal(dense(game)[0], [[-3.7188980070375948, 35.622809717175556], [alone, together]])
    np.testing.assert_array_equal(dense(game)[1], dense(game)[0].T)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_functions_by_hand(tmp_path, rng, kind):
    """Three players, three shared actions, one function node: payoffs listed by a loop over joint actions."""
    path = tmp_path / "x.agg"
    text, payoffs = functions(kind, rng)
    path.write_text(text)
    counted, table = fm.io.read(path), fm.io.read(path, form="table")
    assert isinstance(counted, fm.CountGame)
    np.testing.assert_array_equal(dense(counted), table.payoffs)
    for joint in np.ndindex(3, 3, 3):
        for i, node in enumerate(joint):
            count = folded(kind, joint)
            key = {0: (count,), 1: (joint.count(0), count), 2: (count,)}[node]
            assert table.payoffs[(i, *joint)] == payoffs[node][key]


def folded(kind, joint):
    """What the function node counts: its neighbours are the action nodes 0 and 1."""
    name, _, rest = kind.partition(" ")
    default, _, weights = rest.partition(" ")
    near = [a for a in joint if a < 2]
    w = [int(x) for x in weights.strip("[]").split()] or [1, 1, 1]
    ends = [w[a] if weights else a for a in near]
    if name in ("0", "10"):
        return len(joint) * int(default or 0) + sum(w[a] for a in near)
    if name in ("1", "11"):
        return int(sum(w[a] for a in near) + int(default or 0) > 0)
    return (max if name in ("2", "12") else min)(ends, default=int(default or 4))


def functions(kind, rng):
    """A file that lists payoffs of all that a loop over joint actions meets, in random order; and these payoffs."""
    lines, payoffs = ["#AGG", "3 3 1", "3 3 3", *["0 1 2"] * 3, "1 3", "2 0 3", "1 3", "2 0 1", kind], []
    for node in range(3):
        keys = sorted({((joint.count(0), folded(kind, joint)) if node == 1 else (folded(kind, joint),))
                       for joint in np.ndindex(3, 3, 3) if node in joint})
        payoffs.append({keys[k]: float(rng.normal()) for k in rng.permutation(len(keys))})
        lines += [f"1 {len(keys)}", *(f"[{' '.join(map(str, key))}] {value}" for key, value in payoffs[-1].items())]
    return "\n".join(lines) + "\n", payoffs  # gambit reads no number at the very end


def test_counts_and_pairs_stay_small(tmp_path, rng):
    """Fifty players on three roads, and a ring of forty with three actions: 3^50 and 3^40 joint actions."""
    counts = fm.CountGame(rng.normal(size=(1, 3, 51)), [[1.0]], 0.0)
    fm.io.write(counts, tmp_path / "counts.agg")
    again = fm.io.read(tmp_path / "counts.agg")
    np.testing.assert_array_equal(again.payoffs[..., 1:], counts.payoffs[..., 1:])
    with pytest.raises(MemoryError, match="joint actions"):
        fm.io.read(tmp_path / "counts.agg", form="table")
    with pytest.raises(MemoryError):
        fm.io.write(counts, tmp_path / "counts.nfg")
    ring = fm.games.ring_polymatrix(40, 3)
    fm.io.write(ring, tmp_path / "ring.agg")
    found = fm.io.read(tmp_path / "ring.agg", form="polymatrix")
    policy = fm.random_policy(ring, rng)
    np.testing.assert_allclose(fm.evaluate(found, policy).q_bar, fm.evaluate(ring, policy).q_bar, rtol=0, atol=1e-13)
    assert set(found.payoffs) == set(ring.payoffs)
    with pytest.raises(ValueError, match="sums over single others"):
        fm.io.write(fm.NormalFormGame(rng.normal(size=(3, 2, 2, 2))), tmp_path / "x.agg")
        fm.io.read(tmp_path / "x.agg", form="polymatrix")


@pytest.mark.parametrize("make", [
    lambda rng: fm.CountGame(rng.normal(size=(3, 1, 2, 4)), [[1.0]], 0.0),
    lambda rng: fm.CountGame.from_count_vectors(rng.normal(size=(1, 3, 15)), [[1.0]], 0.0, num_players=4),
    lambda rng: fm.CountGame.identical_interest(rng.normal(size=(1, 15)), [[1.0]], 0.0, num_players=4, num_actions=3),
    lambda rng: fm.PolymatrixGame({(0, 1): rng.normal(size=(2, 3)), (2, 0): rng.normal(size=(2, 2))}, (2, 3, 2),
                                  solo=[[1, 2], [3, 4, 5], [6, 7]]),
], ids=["each", "vector", "shared", "pairs"])
def test_models_as_action_graphs(tmp_path, rng, make):
    game = make(rng)
    fm.io.write(game, tmp_path / "x.agg")
    np.testing.assert_array_equal(dense(fm.io.read(tmp_path / "x.agg")), dense(game))


def test_profiles_are_not_misread(rng):
    """A (2, 2, 2) array is payoffs by player here, payoff profiles to QuantEcon; its arrays begin with own actions."""
    profiles = rng.normal(size=(2, 2, 2))
    game = fm.io.from_quantecon(profiles)
    for joint in np.ndindex(2, 2):
        np.testing.assert_array_equal(game.payoffs[(slice(None), *joint)], profiles[joint])
    with pytest.raises(ValueError, match=r"game must have shape \(A_0, ..., A_{N-1}, N\)"):
        fm.io.from_quantecon(rng.normal(size=(2, 2, 3)))


def test_tables_of_numpy(tmp_path, rng):
    markov = fm.games.random_markov(3, (2, 3))
    fm.io.write(markov, tmp_path / "x.npz")
    assert fm.io.read(tmp_path / "x.npz") == markov
    fm.games.zhang_3x2().save(tmp_path / "saved.npz")
    assert fm.io.read(tmp_path / "saved.npz") == fm.games.zhang_3x2()
    np.savez(tmp_path / "bad.npz", pay=[1])
    with pytest.raises(ValueError, match="must hold payoffs, or rewards, transitions and discount"):
        fm.io.read(tmp_path / "bad.npz")
    np.savez(tmp_path / "bad.npz", payoffs=np.array([None]))
    with pytest.raises(ValueError, match=r"no whole \.npz file of numbers"):
        fm.io.read(tmp_path / "bad.npz")


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "x.nfg"
    with pytest.raises(ValueError, match="one state"):
        fm.io.write(fm.games.random_markov(2, (2, 2)), path)
    with pytest.raises(ValueError, match="ends in a backslash"):
        fm.io.write(fm.NormalFormGame([[1.0]], name="C:\\"), path)
    with pytest.raises(TypeError, match="takes style, comment"):
        fm.io.write(fm.NormalFormGame([[1.0]]), path, stile="outcomes")
    assert not path.exists()


def test_formats_are_found():
    known = _formats.formats()
    assert {"nfg", "agg", "npz"} <= set(known) and _formats.of_path("A.NFG").name == "nfg"
    with pytest.raises(ValueError, match="did you mean 'nfg'"):
        fm.io.read("x", "nfgg")
    with pytest.raises(ValueError, match=r"\.nfg \(nfg\)"):
        fm.io.read("x.xyz")


def mutated(text, rng):
    """Bytes changed, cut, doubled and exchanged for marks."""
    data = bytearray(text.encode())
    for _ in range(int(rng.integers(1, 4))):
        at, kind = int(rng.integers(len(data))), int(rng.integers(5))
        if kind == 0:
            data[at] = int(rng.integers(256))
        elif kind == 1:
            del data[at:at + int(rng.integers(1, 8))]
        elif kind == 2:
            data[at:at] = data[int(rng.integers(len(data))):][:int(rng.integers(1, 20))]
        elif kind == 3:
            data[at:at + 1] = rng.choice(np.frombuffer(b'{}[]",/.-+e0987#\\ \n', np.uint8), 1).tobytes()
        else:
            data[at:at] = str(int(rng.integers(-10**9, 10**18))).encode()
        data = data or bytearray(b"x")
    return bytes(data)


def test_mutations_are_refused_by_us(tmp_path):
    """Whatever the file: a game, or an error that says which file. More with FASTMPG_FUZZ=N."""
    refused = 0
    for suffix, text in ((".nfg", PAYOFFS), (".nfg", OUTCOMES), (".nfg", NAMED), (".agg", GAMUT),
                         *((".agg", functions(kind, np.random.default_rng(1))[0]) for kind in ("1", "10 1 [1 2 3]"))):
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        for _ in range(int(os.environ.get("FASTMPG_FUZZ", "40"))):
            bad = mutated(text, rng)
            try:
                read(tmp_path, bad, suffix)
            except (ValueError, MemoryError) as error:
                assert "game" in str(error) or "need" in str(error), (bad, error)
                refused += 1
    assert refused > 30
    fm.io.write(fm.NormalFormGame(np.arange(8.0).reshape(2, 2, 2)), tmp_path / "x.npz")
    whole, rng = (tmp_path / "x.npz").read_bytes(), np.random.default_rng(0)
    for _ in range(int(os.environ.get("FASTMPG_FUZZ", "40"))):
        bad = bytearray(whole)
        for at in rng.integers(len(bad), size=3):
            bad[at] = int(rng.integers(256))
        (tmp_path / "y.npz").write_bytes(bad[:int(rng.integers(1, 2 * len(bad)))])
        try:
            fm.io.read(tmp_path / "y.npz")
        except (ValueError, TypeError, MemoryError) as error:
            assert "y.npz" in str(error), error


def test_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "selten.nfg").write_text(PAYOFFS)
    (tmp_path / "roads.agg").write_text(GAMUT)
    (tmp_path / "bad.nfg").write_text(PAYOFFS[:-5])
    (tmp_path / "pricing").write_text("no game")
    assert main(["solve", "selten.nfg", "--json"]) == 0 and '"number"' in capsys.readouterr().out
    assert main(["info", "selten.nfg", "roads.agg"]) == 0 and "CountGame 'roads'" in capsys.readouterr().out
    assert main(["info", "roads.agg", "--form", "table"]) == 0 and "NormalFormGame" in capsys.readouterr().out
    assert main(["run", "./selten.nfg", "NaturalGradientPlay", "--eta", "0.1", "--steps", "3"]) == 0
    assert "Selten" in capsys.readouterr().out
    for words, said in ((["info", "none.nfg"], "'none.nfg' is no file"), (["info", "bad.nfg"], "bad.nfg, line 4"),
                        (["info", "x/y"], "is no file"), (["solve", "bad.nfg"], "bad.nfg, line 4"),
                        (["run", "no.agg", "NaturalGradientPlay", "--steps", "1"], "'no.agg' is no file")):
        assert main(words) == 2 and said in capsys.readouterr().err
    assert main(["info", "pricing", "--num-prices", "2"]) == 0  # the name comes before a file
