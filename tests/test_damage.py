"""Every file that the library writes and seals: cut anywhere, flipped anywhere.

``FASTMPG_FUZZ=10000 python -m pytest tests/test_damage.py -m slow`` cuts at every byte and flips as many bits, of every
kind of file.
"""

import contextlib
import os

import numpy as np
import pytest
import writing

import fastmpg as fm
from fastmpg import machine
from fastmpg.machine import cache
from fastmpg.run import checkpoint, trajectory

FLIPS = int(os.environ.get("FASTMPG_FUZZ", 700))
CUTS = 1 if "FASTMPG_FUZZ" in os.environ else 5  # bytes from one cut to the next
def result(path):
    """A file, how it is read, and what is read from it while it is whole."""
    return written(writing.FILES["result"], path)


def game(path):
    return written(writing.FILES["game"], path)


def saved_checkpoint(path):
    found = written(writing.FOLDERS["checkpoint"], path)
    checkpoint.previous(path).unlink(missing_ok=True)  # nothing to fall back on
    return found


def segment(path):
    return within(path, trajectory._name(0))


def manifest(path):
    return within(path, trajectory.MANIFEST)


def within(path, name):
    """A file of a trajectory's folder."""
    _, read, whole = written(writing.FOLDERS["trajectory"], path)
    return path / name, lambda _: read(path), whole


def written(writer, path):
    writer.write(path, 0)
    return path, writer.read, writer.read(path)


def sweep(path):
    """A sweep that is asked for again makes what is damaged again, and says the same."""
    def read(_):
        made = fm.sweep(writing.GAME, writing.RULE, 5, {"tau": [0.1]}, rng=0, folder=path, record=fm.Record(every=5))
        return made.results[0, 0].policy.tobytes(), dict(made.failures)

    whole = read(path)
    return path, read, whole


def task(path):
    folder, read, whole = sweep(path)
    return folder / "000000.npz", read, whole


def sweep_manifest(path):
    folder, read, whole = sweep(path)
    return folder / "sweep.json", read, whole


WRITERS = [result, game, saved_checkpoint, segment, manifest, task, sweep_manifest]


def wrong(file, read, whole, content):
    """What is wrong with what is read from a damaged file: an answer that is another, or no error of ours."""
    file.write_bytes(content)
    try:
        return None if read(file) == whole else "another answer"
    except ValueError as error:
        return None if len(str(error)) > 20 and str(file.parent) in str(error) else f"says {error}"
    except Exception as error:
        return repr(error)


@pytest.mark.parametrize("write", WRITERS, ids=lambda each: each.__name__)
def test_cut_anywhere(write, tmp_path):
    file, read, whole = write(tmp_path / "file")
    content = file.read_bytes()
    for length in [*range(0, len(content), max(1, len(content) // 300)), len(content) - 1]:
        assert not wrong(file, read, whole, content[:length]), length


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITERS, ids=lambda each: each.__name__)
def test_many_cuts_and_flips(write, tmp_path):
    file, read, whole = write(tmp_path / "file")
    content, rng = file.read_bytes(), np.random.default_rng(0)
    for length in range(0, len(content), CUTS):
        assert not wrong(file, read, whole, content[:length]), length
    for _ in range(FLIPS):
        flipped = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
        assert not wrong(file, read, whole, bytes(flipped))


def test_a_damaged_manifest_never_gives_other_moves(tmp_path):
    """Every bit of it: plain text with a seal, which tells also where a run was at its end."""
    file, read, whole = manifest(tmp_path / "file")
    content = file.read_bytes()
    for at in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[at] ^= 1 << bit
            file.write_bytes(bytes(flipped))
            with contextlib.suppress(ValueError):
                assert read(file) == whole


@pytest.mark.slow
def test_thousands_of_flips_of_compiled_code(tmp_path, monkeypatch):
    """A unit of the cache is taken only if its seal fits; else it is as if it were not there."""
    entry = min(machine.cache_folder().rglob("*.unit"), key=lambda each: each.stat().st_size)
    content, rng = entry.read_bytes(), np.random.default_rng(1)
    monkeypatch.setenv("FASTMPG_CACHE_DIR", str(tmp_path))
    target = machine.cache_folder() / entry.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = entry.name.removesuffix(".unit")

    def put(data):
        target.write_bytes(data)
        target.chmod(0o600)
        return cache.load(name)

    assert put(content) is not None
    for _ in range(FLIPS):
        flipped = bytearray(content)
        flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
        assert put(bytes(flipped)) is None
    for length in range(0, len(content), 97):
        assert put(content[:length]) is None
