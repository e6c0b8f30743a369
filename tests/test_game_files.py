"""Games on disk: the same bits come back, or one error that names the file."""

import io
import json
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg.run import storage

PENNIES = [[1.0, -1.0], [-1.0, 1.0]]
MASK = [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 1, 1]]
GRAPH = np.array([[[0.5, 0.5], [0.0, 0.0]], [[0.25, 0.75], [1.0, 0.0]]])


def driving():
    return fm.games.driving()


def float32():
    moves = np.random.default_rng(0).dirichlet(np.ones(3), (3, 2, 2)).astype(np.float32)
    return fm.MarkovGame(np.random.default_rng(1).normal(size=(2, 3, 2, 2)), moves, 0.9, [0.2, 0.3, 0.5])


GAMES = {
    "normal form": lambda: fm.NormalFormGame([PENNIES, PENNIES]).named("t", ["a", "b"], ["s"],
                                                                       [["l", "r"], ["u", "v"]]),
    "normal form, masked": lambda: fm.NormalFormGame([PENNIES, PENNIES], available=[[1, 1, 1, 0]]),
    "identical interest": fm.games.zhang_3x2,
    "dense": lambda: fm.games.random_markov(4, (2, 3), rng=1),
    "dense, one for all": lambda: fm.games.random_markov(4, (2, 3), rng=1, identical_interest=True),
    "masked, terminal": lambda: fm.MarkovGame(*(fm.games.random_markov(3, (2, 2), rng=1).tables()[name] for name in (
        "rewards", "transitions")), 0.9, [0.0, 1 / 3, 2 / 3], available=MASK, terminal=[2]),
    "from float32": float32,
    "in float32": lambda: fm.MarkovGame(float32().rewards, float32().transitions, 0.9, dtype="float32"),
    "discount 1": lambda: fm.games.pursuit_2(),
    "sparse": lambda: fm.games.random_markov(5, (2, 3), rng=3, sparse=2),
    "sparse, float32": lambda: fm.games.grid_1(),
    "count": lambda: fm.games.routing(5, form="count"),
    "count, one for all": lambda: fm.games.routing(4, form="count", reward="team"),
    "count vectors": lambda: fm.CountGame.from_count_vectors(np.random.default_rng(0).random((1, 2, 4)), [[1.0]], 0.0,
                                                             num_players=3),
    "distancing": fm.games.safe_distancing,
    "polymatrix": lambda: fm.PolymatrixGame({(0, 1): PENNIES, (2, 1): [[1, 2], [3, 4], [5, 6]]}, (2, 2, 3),
                                            [[0.5, 0.5], [0.1, 0.9]], 0.7, solo=[[1, 2], [3, 4], [5, 6, 7]]),
    "driving": driving,
    "occupancy": lambda: fm.OccupancyGame([sp.csr_array(GRAPH.reshape(4, 2)), np.array([[0, 1], [1, -1]])],
                                          [[[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0]], [[0.25, 0.75], [1.0, 0.0]],
                                          mu=[1.0, 2.0], final=[[0.0, 1.0], [2.0, 3.0]]),
}


@pytest.mark.parametrize("name", GAMES)
def test_the_same_game_comes_back(name, tmp_path):
    game, path = GAMES[name](), tmp_path / "game"
    game.name = "called so"
    game.save(path)
    kind = fm.OccupancyGame if isinstance(game, fm.OccupancyGame) else fm.Game
    again = kind.load(path)
    assert type(again) is type(game) and again == game and again.name == "called so" and again.names == game.names
    assert repr(again) == repr(game) and [each.name for each in tmp_path.iterdir()] == ["game"]
    for one, two in zip(game.model, again.model, strict=True):
        assert np.array_equal(one, two) and np.asarray(one).dtype == np.asarray(two).dtype
    if kind is fm.Game:
        assert_array_equal(again.initial, game.initial)
        assert again.largest_change == game.largest_change and again.discount == game.discount
    else:
        for part in ("goals", "layout", "ground", "players", "starts", "mu"):
            assert_array_equal(getattr(again, part), getattr(game, part))
        assert_array_equal(fm.solvers.mge_fb(again, 3).crowd, fm.solvers.mge_fb(game, 3).crowd)
    again.save(path)  # over itself
    assert kind.load(path) == game


def test_what_is_made_of_functions_is_refused(tmp_path):
    for game in (fm.games.routing(4, form="simulator"), fm.games.pricing(num_prices=2),
                 fm.OccupancyGame([[0, 1], [1, 0]], [[0, 1], [0, 1]], [0, 1], psi=lambda player, state, crowd: crowd)):
        if game.tables():
            continue
        with pytest.raises(TypeError, match="is made of functions, which are not stored"):
            game.save(tmp_path / "game")
    assert not list(tmp_path.iterdir())


def test_a_class_loads_its_own(tmp_path):
    fm.games.zhang_3x2().save(tmp_path / "game")
    assert fm.NormalFormGame.load(tmp_path / "game") == fm.games.zhang_3x2()
    with pytest.raises(ValueError, match=r"holds a NormalFormGame, no OccupancyGame: .* fastmpg\.NormalFormGame\.load"):
        fm.OccupancyGame.load(tmp_path / "game")
    with pytest.raises(FileNotFoundError):
        fm.Game.load(tmp_path / "absent")
    with pytest.raises(ValueError, match="path must name a file"):
        fm.games.zhang_3x2().save(tmp_path)
    fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(0.1), 1).save(tmp_path / "result")
    with pytest.raises(ValueError, match="is no game that this version"):
        fm.Game.load(tmp_path / "result")


def refused(path, data, kind=fm.Game):
    """True where it is refused as it should be; False where it was taken."""
    path.write_bytes(data)
    try:
        kind.load(path)
    except ValueError as error:
        assert str(path) in str(error) and len(str(error)) < 600 and "\n" not in str(error)
        return True
    return False


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "game"
    fm.games.random_markov(3, (2, 2), rng=0).save(path)
    data = path.read_bytes()
    for length in np.linspace(0, len(data) - 1, 60).astype(int):
        assert refused(path, data[:length])
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(data), 200):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        assert refused(path, bytes(damaged))


WRONG = {"a string": np.array(["x", "y"]), "nothing": np.zeros(0), "no axes": np.array(1.0), "NaN": np.full(3, np.nan),
         "seven axes": np.zeros((1, 2, 1, 2, 1, 2, 1)), "-1": np.full(7, -1), "huge": np.full(9, 2**62),
         "complex": np.full(3, 1j), "a record": np.zeros(3, [("a", float)]), "truths": np.ones(5, bool)}


@pytest.mark.parametrize("name", ["normal form", "dense", "sparse", "masked, terminal", "count", "polymatrix",
                                  "occupancy", "driving"])
def test_forged_files_are_refused(name, tmp_path):
    """Sealed as they should be, with one entry replaced, resized or missing: one error, or a game that is one."""
    game, path = GAMES[name](), tmp_path / "game"
    game.save(path)
    kind = fm.OccupancyGame if isinstance(game, fm.OccupancyGame) else fm.Game
    arrays, meta = storage.unpack(path)
    count = 0
    for key, value in arrays.items():
        forged = dict(WRONG) | {"shorter": value[:-1] if value.ndim else value, "int": np.zeros(value.shape, int),
                                "doubled": np.concatenate([value, value]) if value.ndim else value}
        if value.dtype.kind in "iuf" and value.ndim:
            forged |= {"larger": value * 1000 + 1, "shifted": np.roll(value, 1), "less": -value - 1}
        for wrong in forged.values():
            count += refused(path, storage.pack(arrays | {key: wrong}, meta), kind)
        count += refused(path, storage.pack({k: v for k, v in arrays.items() if k != key}, meta), kind)
    assert count > 8 * len(arrays)
    for key in meta:
        for wrong in (None, 3, "x", [], {"a": 1}, {"players": 3}, {"actions": [["a"]]}, {"states": ["a"] * 100}):
            refused(path, storage.pack(arrays, meta | {key: wrong}), kind)
        refused(path, storage.pack(arrays, {k: v for k, v in meta.items() if k != key}), kind)
    assert refused(path, storage.pack(arrays, meta | {"class": "SimulatorGame"}), kind)
    assert refused(path, storage.pack(arrays, meta | {"class": "object"}), kind)
    assert refused(path, storage.pack(arrays, []), kind)


def test_an_array_that_claims_to_be_larger_than_it_is(tmp_path):
    """numpy makes room for what a header says before it reads."""
    path = tmp_path / "game"
    fm.games.zhang_3x2().save(path)
    arrays, meta = storage.unpack(path)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, value in (arrays | {"meta.json": np.frombuffer(json.dumps(meta).encode(), np.uint8)}).items():
            part = io.BytesIO()
            np.save(part, value)
            text = part.getvalue()
            if name == "payoffs":
                told = repr(value.shape).encode()
                text = text.replace(told, b"(99999999999,)".ljust(len(told), b" "), 1)
            archive.writestr(f"{name}.npy", text)
    data = body.getvalue()[:-2]
    import hashlib

    sealed = data + (64).to_bytes(2, "little") + hashlib.sha256(data).hexdigest().encode()
    path.write_bytes(sealed)
    with pytest.raises(ValueError, match=r"not written by fastmpg: 'payoffs\.npy' in it is no plain array"):
        fm.Game.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "game"
    fm.games.zhang_3x2().save(path)
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        fm.games.random_markov(2, (2, 2)).save(path)
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["game"]
