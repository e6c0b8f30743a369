"""Every file that the library writes: cut anywhere, flipped anywhere, and written to a disk that is full anywhere.

``FASTMPG_FUZZ=10000 python -m pytest tests/test_damage.py -m slow`` flips as many bits of every kind of file.
"""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest

import fastmpg as fm
from fastmpg import machine
from fastmpg.machine import cache
from fastmpg.run import checkpoint, trajectory

FLIPS = int(os.environ.get("FASTMPG_FUZZ", 2000))
GAME, RULE = fm.games.routing(2), fm.rules.TwoTimescaleQ(tau=0.1)


def result(path):
    """A result, its file, and how it is read."""
    found = fm.learn(GAME, RULE, 20, rng=0, record=fm.Record(every=10))
    found.save(path)
    return path, fm.Result.load, found


def saved_checkpoint(path):
    fm.learn(GAME, RULE, 20, rng=0, record=fm.Record(every=10), checkpoint=path)
    checkpoint.previous(path).unlink(missing_ok=True)
    return path, fm.resume, fm.resume(path)


def segment(path):
    found = fm.learn(GAME, RULE, 20, rng=0, record=fm.Record(every=10, trajectory=path)).trajectory
    return path / trajectory._name(0), lambda _: fm.Trajectory.load(path).actions.tolist(), found.actions.tolist()


def manifest(path):
    found = fm.learn(GAME, RULE, 20, rng=0, record=fm.Record(every=10, trajectory=path)).trajectory
    return path / trajectory.MANIFEST, lambda _: fm.Trajectory.load(path).actions.tolist(), found.actions.tolist()


WRITERS = [result, saved_checkpoint, segment, manifest]


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
def test_every_cut_and_thousands_of_flips(write, tmp_path):
    file, read, whole = write(tmp_path / "file")
    content, rng = file.read_bytes(), np.random.default_rng(0)
    for length in range(len(content)):
        assert not wrong(file, read, whole, content[:length]), length
    for _ in range(FLIPS):
        flipped = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
        assert not wrong(file, read, whole, bytes(flipped))


def test_a_damaged_manifest_never_gives_other_moves(tmp_path):
    """It is plain text without a seal: a flip may change what it counts, and segments say themselves whose they are."""
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


FULL = """
import os, resource, signal, sys
from pathlib import Path
import fastmpg as fm
from fastmpg.run import checkpoint
kind, folder, step = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
game, rule = fm.games.routing(2), fm.rules.TwoTimescaleQ(tau=0.1)
record = fm.Record(every=10)
before, after = (fm.learn(game, rule, steps, rng=0, record=record) for steps in (20, 40))
target = folder / "file"
if kind == "result":
    write, read = after.save, fm.Result.load
    before.save(target)
else:
    write = lambda path: fm.learn(game, rule, 40, rng=0, record=record, checkpoint=path)
    read = lambda path: fm.resume(path)
    fm.learn(game, rule, 20, rng=0, record=record, checkpoint=target)
old = {each.name: each.read_bytes() for each in folder.iterdir()}
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size, tries = target.stat().st_size, 0
for limit in range(0, size, step):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        write(target)
        raise SystemExit(f"nothing was said at {limit} of {size}")
    except OSError as error:
        assert error.strerror, error
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    now = {each.name: each.read_bytes() for each in folder.iterdir()}
    if kind == "checkpoint" and now != old:  # the new run's first one fitted, its last one did not
        assert sorted(now) == ["file", "file.previous"] and now["file.previous"] == old["file"], limit
        assert fm.resume(target).steps == 40
        for name, content in old.items():
            (folder / name).write_bytes(content)
    else:
        assert now == old, (limit, sorted(now))
    tries += 1
assert read(target) == before
print(tries)
"""


@pytest.mark.parametrize("kind", ["result", "checkpoint"])
def test_a_disk_that_is_full_keeps_what_there_was(kind, tmp_path):
    """After every so many bytes (of the slow test: every 64th), and leaves nothing else behind."""
    done = subprocess.run([sys.executable, "-c", FULL, kind, str(tmp_path), "1024"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["result", "checkpoint"])
def test_a_disk_that_is_full_after_every_64th_byte(kind, tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, kind, str(tmp_path), "64"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 40
