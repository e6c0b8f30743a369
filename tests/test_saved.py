"""Results on disk: saved and loaded, whole or refused."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from recording import ALL, NPG, same

import fastmpg as fm
from fastmpg.run import storage


# ------------------------------------------------------------------------------------------------------------ files
@pytest.fixture(scope="module")
def game():
    return fm.games.random_markov(4, (2, 3), rng=1)


@pytest.fixture
def saved(game, tmp_path):
    run = fm.learn(game, NPG, 20, policy="random", rng=1, record=fm.Record(every=2, metrics=ALL))
    run.save(tmp_path / "run.npz")
    return run, tmp_path / "run.npz"


def test_save_and_load(saved, game, tmp_path):
    run, path = saved
    same(fm.Result.load(path), run)
    same(fm.Result.load(str(path)), run)
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"], "no temporary file stays behind"
    many = fm.ensemble(game, fm.rules.EntropyNaturalGradientPlay(0.1, np.array([[0.1], [0.5]])), 4,
                       runs=3, policy="random")
    many.save(path)
    same(fm.Result.load(path), many)
    with pytest.raises(ValueError, match="read-only"):
        fm.Result.load(path).policy[...] = 0
    fm.Result.load(path).save(tmp_path / "again.npz")
    same(fm.Result.load(tmp_path / "again.npz"), many)


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    run, path = saved
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        run.save(path)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["run.npz"]


def intact_or_refused(run, path, data):
    """True if the damage was noticed; anything but the same content or a ValueError fails."""
    path.write_bytes(data)
    try:
        found = fm.Result.load(path)
    except ValueError as error:
        assert str(path) in str(error), "the message names the file"
        return True
    same(found, run)
    return False


def test_truncated_files_are_refused(saved):
    run, path = saved
    data = path.read_bytes()
    lengths = sorted({*range(64), *np.linspace(64, len(data) - 1, 150).astype(int).tolist(),
                      *range(len(data) - 64, len(data))})
    for length in lengths:
        assert intact_or_refused(run, path, data[:length]), f"{length} of {len(data)} bytes were taken for a whole file"
    assert not intact_or_refused(run, path, data)


def test_flipped_bits_are_refused_or_harmless(saved):
    """500 flips, a fifth of them in the directory at the end, where a flip can change a member's name or packing."""
    run, path = saved
    data, rng = path.read_bytes(), np.random.default_rng(0)
    places = [*rng.integers(0, len(data), 400), *rng.integers(len(data) - 1000, len(data), 100)]
    wrong, noticed = [], 0
    for place in map(int, places):
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            noticed += intact_or_refused(run, path, bytes(damaged))
        except Exception as error:
            wrong.append(f"byte {place} of {len(data)}: {type(error).__name__}: {str(error)[:80]}")
    assert not wrong, "\n".join(wrong)
    assert noticed > 250


def test_files_of_other_kinds_are_refused(saved, tmp_path):
    run, path = saved
    arrays = dict(np.load(path))
    meta = json.loads(bytes(arrays.pop("meta.json")))

    def archive(contents, **changes):
        kept = {k: v for k, v in (meta | changes).items() if v is not None}
        return storage.pack(contents, kept)

    def raw(**contents):
        buffer = io.BytesIO()
        np.savez(buffer, **contents)
        return buffer.getvalue()

    npy = io.BytesIO()
    np.save(npy, np.zeros(3))
    assert not intact_or_refused(run, path, archive(arrays))
    refused = {
        "empty": b"",
        "text": b"hello",
        "npy": npy.getvalue(),
        "npz of another program": raw(x=np.zeros(3)),
        "kind": archive(arrays, kind="game"),
        "format": archive(arrays, format=meta["format"] + 1),
        "no policy": archive({k: v for k, v in arrays.items() if k != "policy"}),
        "no status": archive(arrays, status=None),
        "no rule": archive(arrays, rule=None),
        "unknown group": archive(arrays | {"other/x": np.zeros(3)}),
        "meta is a list": storage.pack(arrays, []),
        "meta is no JSON": raw(**arrays, **{"meta.json": np.frombuffer(b"{", np.uint8)}),
    }
    wrong = []
    for what, data in refused.items():
        try:
            if not intact_or_refused(run, path, data):
                wrong.append(f"{what}: loaded")
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)
    with pytest.raises(FileNotFoundError):
        fm.Result.load(tmp_path / "absent.npz")


class Bomb:
    """Unpickled, it raises."""

    def __reduce__(self):
        return (eval, ("1 / 0",))


def test_no_pickle_is_ever_read_or_written(saved):
    run, path = saved
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            version = np.lib.format.read_magic(archive.open(name))
            assert version == (1, 0)
            with archive.open(name) as member:
                np.lib.format.read_magic(member)
                assert not np.lib.format.read_array_header_1_0(member)[2].hasobject, name
    arrays = dict(np.load(path))
    buffer = io.BytesIO()
    np.savez(buffer, **(arrays | {"policy": np.array([Bomb()], dtype=object)}))
    assert intact_or_refused(run, path, buffer.getvalue())
    assert intact_or_refused(run, path, pickle.dumps(Bomb()))
    forged = np.empty(1, dtype=object)
    with pytest.raises(TypeError, match="x holds Python objects"):
        fm.learn.__globals__["Result"].save.__globals__["storage"].pack({"x": forged}, {})
