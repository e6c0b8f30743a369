"""Disks that are full after any number of bytes, and any call of the system that fails: for everything that the library
writes, what was there stays, and nothing else is left behind.
"""

import builtins
import errno
import os
import signal

import pytest
from writing import FILES, FOLDERS, listing, restored

from fastmpg._check import storage
from fastmpg.run import checkpoint

resource = pytest.importorskip("resource", reason="full disks are made with RLIMIT_FSIZE")
ERRORS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES]


class Disk:
    """A disk that holds so many bytes a file, while entered."""

    def __init__(self, most):
        self.most = most

    def __enter__(self):
        self.limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.most, self.limit[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.limit)
        signal.signal(signal.SIGXFSZ, self.heard)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SHORTEST", 1e9)  # runs write their last checkpoint alone
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def largest(writer, path, folder):
    """Bytes of the largest file of the new version."""
    writer.write(path, 1)
    return max(len(each) for each in listing(folder).values())


def full(writer, folder, step):
    """How often a file did not fit; the old version is then as it was, to the byte."""
    path = folder / f"file{writer.suffix}"
    size, tries = largest(writer, path, folder), 0
    restored(folder, {})
    writer.write(path, 0)
    before, old = listing(folder), writer.read(path)
    for most in range(0, size, step):
        with Disk(most), pytest.raises(OSError) as told:
            writer.write(path, 1)
        assert told.value.strerror and listing(folder) == before, most
        tries += 1
    assert writer.read(path) == old
    writer.write(path, 1)
    assert writer.read(path) != old and len(listing(folder)) == len(before)
    return tries


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_keeps_what_there_was(name, place):
    assert full(FILES[name], place, 4001) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_disk_that_is_full_after_every_64th_byte(name, place):
    print(name, full(FILES[name], place, 64))


def several(name, folder, step):
    """The same of runs that write several files, one after the other: what did not come is made when there is room, and
    what came before is whole."""
    writer, whole = FOLDERS[name], folder.parent / "whole"
    whole.mkdir()
    path = folder / "file"
    writer.write(whole / "file", 1)
    expected, names = writer.read(whole / "file"), set(listing(whole))
    tries = 0
    for most in range(0, max(len(each) for each in listing(whole).values()), step):
        restored(folder, {})
        with Disk(most), pytest.raises(OSError) as told:
            writer.write(path, 1)
        assert told.value.strerror
        failures = {f"file/{task:06d}.failed.json" for task in (0, 1)} if name == "sweep" else set()
        assert set(listing(folder)) <= names | failures, most
        writer.write(path, 1)
        assert writer.read(path) == expected and set(listing(folder)) <= names | {"file.previous", "run.ckpt.previous"}
        tries += 1
    return tries


@pytest.mark.parametrize("name", FOLDERS)
def test_runs_go_on_when_there_is_room(name, place):
    assert several(name, place, 1009) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_runs_go_on_after_every_64th_byte(name, place):
    print(name, several(name, place, 64))


class Failing:
    """The calls that write, of which the one with a number fails."""

    def __init__(self, monkeypatch):
        self.calls, self.failing, self.number = [], None, errno.EIO
        for name in ("fsync", "link", "replace", "mkdir", "unlink"):
            monkeypatch.setattr(os, name, self.watched(name, getattr(os, name)))
        monkeypatch.setattr(storage, "open", self.watched("open", builtins.open), raising=False)

    def watched(self, name, real):
        def call(*arguments, **more):
            self.calls.append(name)
            if len(self.calls) - 1 == self.failing:
                raise OSError(self.number, os.strerror(self.number), str(arguments[0]))
            return real(*arguments, **more)

        return call


def broken(writer, folder, error, monkeypatch):
    """How many calls a writer makes; each in turn fails."""
    path = folder / f"file{writer.suffix}"
    writer.write(path, 0)
    before, old = listing(folder), writer.read(path)
    watch = Failing(monkeypatch)
    watch.number = error
    writer.write(path, 1)
    calls, after = list(watch.calls), listing(folder)
    new = writer.read(path)
    for number, name in enumerate(calls):
        restored(folder, before)
        watch.calls, watch.failing = [], number
        try:
            writer.write(path, 1)
            told = None
        except OSError as failed:
            told = failed
        watch.failing = None
        now = listing(folder)
        if told is None:  # a folder that cannot be told to be written down, or a system without hard links
            assert writer.read(path) == new, (number, name)
        else:
            assert told.errno == error and told.filename and writer.read(path) in (old, new), (number, name)
            assert name == "unlink" or set(now) <= set(after), (number, name, sorted(now))
    monkeypatch.undo()
    return len(calls)


@pytest.mark.parametrize("name", ["result", "checkpoint"])
def test_any_call_that_fails(name, place, monkeypatch):
    assert broken((FILES | FOLDERS)[name], place, errno.EIO, monkeypatch) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", [*FILES, "checkpoint"])
def test_any_call_that_fails_of_every_writer(name, error, place, monkeypatch):
    print(name, broken((FILES | FOLDERS)[name], place, error, monkeypatch))
