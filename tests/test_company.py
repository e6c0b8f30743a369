"""Checkpoints in company: two runs on one name, links, folders that are resumed from elsewhere; and who else listens to
Ctrl-C."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.run import checkpoint, storage

GAME, RULE = fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=1e-2)
STEPS = 4000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def learn(path, steps=STEPS, **more):
    return fm.learn(GAME, RULE, steps, rng=0, record=fm.Record(steps=[steps], metrics=("q",), **more),
                    checkpoint=path)


WAITS = """
import sys, fastmpg as fm
def wait(snapshot):
    print("running", flush=True)
    sys.stdin.readline()
record = fm.Record(every=1000, metrics=("q",))
fm.learn(fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=1e-2), 2000, rng=0, record=record, checkpoint=sys.argv[1],
         callback=wait)
"""


@pytest.mark.compiled
def test_another_process_is_told_who_writes(path):
    with subprocess.Popen([sys.executable, "-c", WAITS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as other:
        assert other.stdout.readline() == "running\n"
        before = path.read_bytes()
        with pytest.raises(ValueError, match=rf"being written by another run \(process {other.pid}\): name another"):
            learn(path)
        with pytest.raises(ValueError, match="being written by another run"):
            fm.resume(path)
        assert path.read_bytes() == before, "it was left alone"
        other.communicate("\n" * 9)
    assert other.returncode == 0
    assert fm.resume(path).steps == 2000
    assert sorted(each.name for each in path.parent.iterdir()) == ["run.ckpt", "run.ckpt.previous"], "no lock is left"


@pytest.mark.compiled
def test_a_killed_process_leaves_no_lock(path):
    with subprocess.Popen([sys.executable, "-c", WAITS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as other:
        assert other.stdout.readline() == "running\n"
        other.kill()
    assert fm.resume(path).steps == 2000


@pytest.mark.compiled
def test_threads_on_one_name(path):
    """One of them runs, the others are told; with names of their own all do."""
    told, done, gate = [], [], threading.Barrier(4)

    def run(name):
        gate.wait()
        try:
            done.append(learn(name, 400_000))
        except ValueError as error:
            told.append(str(error))

    for names in ([path] * 4, [path.with_name(f"{i}.ckpt") for i in range(4)]):
        told.clear(), done.clear()
        threads = [threading.Thread(target=run, args=(name,)) for name in names]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(done) + len(told) == 4
        assert len(done) == 4 if len(set(names)) == 4 else 1 <= len(done) < 4
        assert all("being written by another run" in each for each in told)
        assert all((one.policy == done[0].policy).all() for one in done)


def test_threads_write_one_file_whole(tmp_path):
    """What they write last stands there whole, and nothing beside it."""
    contents = [bytes([i]) * 100_000 for i in range(8)]

    def write(content):
        for _ in range(20):
            storage.write_atomically(tmp_path / "file", content, keep=tmp_path / "before")

    threads = [threading.Thread(target=write, args=(each,)) for each in contents]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (tmp_path / "file").read_bytes() in contents and (tmp_path / "before").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.compiled
def test_a_link_stays_one(tmp_path):
    real, link = tmp_path / "disk" / "real.ckpt", tmp_path / "run.ckpt"
    real.parent.mkdir()
    learn(real, 100)
    link.symlink_to(real)
    whole = learn(link)
    assert link.is_symlink() and checkpoint.previous(real).exists() and len(list(tmp_path.iterdir())) == 2
    assert (fm.resume(link, steps=2 * STEPS).policy == fm.resume(real, steps=2 * STEPS).policy).all()
    saved = tmp_path / "saved.npz"
    saved.symlink_to(tmp_path / "disk" / "result.npz")
    whole.save(saved)
    assert saved.is_symlink() and fm.Result.load(saved).steps == STEPS


@pytest.mark.parametrize("moved", [False, True], ids=["from elsewhere", "moved"])
@pytest.mark.compiled
def test_a_relative_trajectory_is_found(moved, tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir(), elsewhere.mkdir()
    monkeypatch.chdir(home)
    learn("run.ckpt", trajectory="moves").save("result.npz")
    monkeypatch.chdir(elsewhere)
    if moved:
        home = home.rename(tmp_path / "new")
    longer = fm.resume(home / "run.ckpt", steps=2 * STEPS)
    assert not list(elsewhere.iterdir()), "nothing is written where it was resumed from"
    assert len(longer.trajectory) == 2 * STEPS
    whole = fm.learn(GAME, RULE, 2 * STEPS, rng=0, record=fm.Record(steps=[2 * STEPS], trajectory=True, metrics=("q",)))
    assert (longer.trajectory.actions == whole.trajectory.actions).all()
    assert len(fm.Result.load(home / "result.npz").trajectory) == 2 * STEPS, "the folder goes on with the run"


LISTENS = """
import asyncio, os, signal, sys, threading, time
import fastmpg as fm
game, rule, record = fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=1e-2), fm.Record(steps=[10**12], metrics=("q",))
def run(): fm.learn(game, rule, 10**12, rng=0, record=record, callback=None)
async def here(): run()
async def thread(): await asyncio.to_thread(run)
def raises(number, frame): raise SystemExit(7)
fm.learn(game, rule, 10, rng=0, record=record.replace(steps=[10]))
threading.Timer(0.5, lambda: (times.append(time.monotonic()), os.kill(os.getpid(), signal.SIGINT))).start()
times, how = [], sys.argv[1]
try:
    if how == "handler":
        signal.signal(signal.SIGINT, raises)
        run()
    else:
        asyncio.run(here() if how == "asyncio" else thread())
except BaseException as error:
    print(type(error).__name__, time.monotonic() - times[0])
"""


@pytest.mark.parametrize("how", ["asyncio", "to_thread", "handler"])
@pytest.mark.compiled
def test_whoever_else_listens(how):
    """A run of days ends when Ctrl-C comes, in a task, in a thread that a task waits for, or with a user's handler."""
    done = subprocess.run([sys.executable, "-c", LISTENS, how], capture_output=True, text=True, check=True, timeout=120)
    name, seconds = done.stdout.split()
    assert name == {"asyncio": "Interrupted", "to_thread": "KeyboardInterrupt", "handler": "SystemExit"}[how]
    assert np.isfinite(float(seconds))  # that it came at all is what is asked; see the timeout


def forged(path, **change):
    """A checkpoint with a description that was changed, and a seal that fits."""
    arrays, meta = storage.unpack(path)
    for name, value in change.items():
        meta[name] = value
        if value is ...:
            del meta[name]
    path.write_bytes(storage.pack(arrays, meta))


RULED = {"module": "fastmpg.rules.two_timescale_q", "name": "TwoTimescaleQ", "fields": {"tau": 1e-2}}


@pytest.mark.parametrize("change", [
    *({name: ...} for name in ("k", "steps", "rule", "record", "shape", "segments", "owner", "status", "game",
                               "game_type", "game_digest", "recipe")),
    {"k": 10**30}, {"k": -1}, {"k": "1"}, {"k": None}, {"steps": 1.5}, {"segments": [1]}, {"segments": [[1, 2, 3]]},
    {"shape": [10**9]}, {"game_type": "Path"}, {"status": 3}, {"record": {"nothing": 1}}, {"record": []},
    {"record": {"every": 10**40}}, {"builder": "__builtins__", "recipe": {}},
    {"builder": "importlib", "recipe": {}}, {"recipe": {"nothing": 1}},
    {"rule": RULED | {"name": "contract"}}, {"rule": RULED | {"module": "fastmpg.rules.os"} | {"name": "system"}},
    {"rule": RULED | {"fields": {"nothing": 1}}}, {"rule": RULED | {"fields": 3}}, {"rule": []},
    {"rule": RULED | {"functions": 3}}, {"until": {"nothing": 1}}, {"until": 3},
], ids=str)
def test_a_description_that_is_forged(change, path):
    """Its seal fits, as anybody can make one; the sentence says that it is none of this library's."""
    learn(path, 100)
    checkpoint.previous(path).unlink(missing_ok=True)
    forged(path, **change)
    with pytest.raises((storage.Damaged, ValueError), match=r"fastmpg|checkpoint|not the game|expected|must"):
        fm.resume(path)
    assert sorted(each.name for each in path.parent.iterdir()) == ["run.ckpt"]


@pytest.mark.parametrize("name", ["keys", "trace/step", "state/q", "state/policy", "trace/q", "place"])
@pytest.mark.parametrize("change", ["missing", "empty", "short", "text", "huge header"])
def test_tables_that_are_forged(name, change, path):
    fm.learn(GAME, RULE, 100, rng=0, record=fm.Record(every=10, metrics=("q",)), checkpoint=path)
    checkpoint.previous(path).unlink(missing_ok=True)
    arrays, meta = storage.unpack(path)
    value = arrays.pop(name)
    if change != "missing":
        arrays[name] = {"empty": value[:0], "short": value[..., 1:], "text": np.array("text"),
                        "huge header": value}[change]
    path.write_bytes(storage.pack(arrays, meta) if change != "huge header" else sealed(archive(
        {f"{each}.npy": npy(table, shape=(10**18,) if each == name else None) for each, table in arrays.items()}
        | {f"{storage.META}.npy": npy(np.frombuffer(json.dumps(meta).encode(), np.uint8))})))
    with pytest.raises(storage.Damaged, match=r"fastmpg|the checkpoint holds no"):
        fm.resume(path, steps=200)


@pytest.mark.parametrize("rule, name, number", [
    (RULE, "place", 99), (RULE, "place", -1), (RULE, "state/tables.n_actions", 5), (RULE, "state/tables.last", 7),
    (RULE, "state/visits", -1), (RULE, "state/counts", 2**60),
    (fm.rules.IndependentQLearning(0.1, 0.1), "state/first", 4),
    (fm.rules.IndependentQLearning(0.1, 0.1), "state/greedy", -2),
    (fm.rules.DecentralisedQLearning(5), "state/greedy", 9)])
def test_numbers_beyond_their_tables(rule, name, number, path):
    """Kernels look tables up by them, and check nothing."""
    fm.learn(GAME, rule, 100, rng=0, record=fm.Record(every=50, metrics=("policy",)), checkpoint=path)
    checkpoint.previous(path).unlink(missing_ok=True)
    arrays, meta = storage.unpack(path)
    table = arrays[name].copy()
    table.flat[0] = number
    path.write_bytes(storage.pack(arrays | {name: table}, meta))
    with pytest.raises(storage.Damaged, match="was not written by fastmpg"):
        fm.resume(path, steps=200)


def sealed(body):
    """With the seal that this library would give it."""
    return body + storage.SEAL.to_bytes(2, "little") + hashlib.sha256(body).hexdigest().encode()


def npy(array, shape=None):
    """An array as a file of numpy's, with another shape in its header."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": array.dtype.str, "fortran_order": False,
                                                  "shape": array.shape if shape is None else shape})
    return buffer.getvalue() + array.tobytes()


def archive(entries):
    """A compressed archive up to the length of its comment."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return buffer.getvalue()[:-2]


def described(text):
    return archive({f"{storage.META}.npy": npy(np.frombuffer(text, np.uint8))})


def pickled():
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([os.system], object))
    return buffer.getvalue()[:-2]


def twice():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            target.writestr(f"{storage.META}.npy", npy(np.frombuffer(b"{}", np.uint8)))
    return buffer.getvalue()[:-2]


FORGED = {
    "nothing": lambda: b"", "no archive": lambda: b"x" * 1000, "deep": lambda: described(b"[" * 10**6),
    "a header of 8 before 256 MiB": lambda: archive({"x.npy": npy(np.zeros(2**25), (1,))}),
    "a pickle": pickled, "twice": twice, "not JSON": lambda: described(b"{"), "a list": lambda: described(b"[1]"),
    "a long number": lambda: described(b"[" + b"9" * 10**5 + b"]"),
}


@pytest.mark.parametrize("what", FORGED)
def test_archives_that_are_forged(what, path):
    path.write_bytes(sealed(FORGED[what]()))
    for read in (storage.unpack, fm.resume, fm.Result.load):
        with pytest.raises(storage.Damaged, match="not written by fastmpg"):
            read(path)
