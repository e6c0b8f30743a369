"""Processes that stop in runs: kill -9, Ctrl-C, death between any two calls, a full disk, and a command line that goes
on."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from numpy.testing import assert_array_equal
from resuming import GAME, RULE, same, tables

import fastmpg as fm
from fastmpg import cli
from fastmpg.run import checkpoint, storage

pytestmark = pytest.mark.compiled


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


CHILD = """
import sys, hashlib
import fastmpg as fm
from fastmpg.run import checkpoint
checkpoint.SHORTEST, checkpoint.SHARE = 0.02, 0.5
what, path, steps = sys.argv[1], sys.argv[2], int(float(sys.argv[3]))
record = fm.Record(steps=fm.Record.log_spaced(steps, 30), metrics=("q", "policy", "counts"))
if what == "learn":
    fm.learn(fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=1e-3), 10, record=fm.Record(every=10, metrics=("policy",)))
    print("go", flush=True)
    result = fm.learn(fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=1e-3), steps, rng=9, record=record, \
checkpoint=path)
else:
    result = fm.resume(path)
digest = hashlib.sha256()
for name in ("q", "policy", "counts"):
    digest.update(result.trace[name].tobytes())
print(result.steps, digest.hexdigest())
"""


def child(what, path, steps, **more):
    words = [sys.executable, "-W", "error", "-c", CHILD, what, str(path), str(steps)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **more)


def unbroken(steps):
    record = fm.Record(steps=fm.Record.log_spaced(steps, 30), metrics=("q", "policy", "counts"))
    result = fm.learn(GAME, fm.rules.TwoTimescaleQ(tau=1e-3), steps, rng=9, record=record)
    digest = hashlib.sha256()
    for name in ("q", "policy", "counts"):
        digest.update(result.trace[name].tobytes())
    return f"{steps} {digest.hexdigest()}"


@pytest.mark.parametrize("steps, kills", [(3_000_000, 3), pytest.param(10_000_000, 50, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments(steps, kills, path):
    """The run is killed over and over while it goes on from where it was; then, or at its end, it says what the
    unbroken run says."""
    expected, draw, died, began_again = unbroken(steps), random.Random(7), 0, 0
    while died < kills:
        for leftover in path.parent.iterdir():
            leftover.unlink()
        process = child("learn", path, steps)
        assert process.stdout.readline() == "go\n"
        time.sleep(draw.uniform(0.0, 1e-7 * steps))
        process.kill()
        process.wait()
        process.stdout.close()
        died += 1
        if not path.exists() and not checkpoint.previous(path).exists():
            began_again += 1  # killed before the first checkpoint was there: nothing to go on from, and nothing claimed
            continue
        if checkpoint.load(path)[1]["status"] == "done":
            continue
        result = fm.resume(path)  # without a warning: death leaves the newest checkpoint whole and in its place
        digest = hashlib.sha256()
        for name in ("q", "policy", "counts"):
            digest.update(result.trace[name].tobytes())
        assert f"{result.steps} {digest.hexdigest()}" == expected
    assert began_again <= max(1, kills // 5)


EXACT = """
import hashlib, sys
import fastmpg as fm
from fastmpg.run import checkpoint
checkpoint.SHORTEST, checkpoint.SHARE = 0.02, 0.5
def learn(steps, path=None):
    return fm.learn(fm.games.random_markov(6, (3, 2, 3), rng=1), fm.rules.NaturalGradientPlay(1e-4), steps, \
checkpoint=path,
                    record=fm.Record(steps=fm.Record.log_spaced(steps, 30), metrics=("ne_gap", "policy", "c")))
if __name__ == "__main__":
    what, path, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "learn":
        learn(10)
        print("go", flush=True)
    result = learn(steps, path) if what == "learn" else fm.resume(path)
    print(hashlib.sha256(b"".join(result.trace[name].tobytes() for name in sorted(result.trace))).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["session", "cold"])
def test_kill_9_of_a_process_that_compiled(where, path, tmp_path, monkeypatch):
    """An exact rule: the killed process compiled its code, the next one loads or recompiles it; the same bits."""
    steps, words = 300_000, [sys.executable, "-W", "error", "-c", EXACT]
    environment = {name: os.environ | {"FASTMPG_CACHE_DIR": str(tmp_path / name)} for name in ("first", "second")}
    process = subprocess.Popen([*words, "learn", str(path), str(steps)], stdout=subprocess.PIPE, text=True,
                               env=environment["first"])
    assert process.stdout.readline() == "go\n"
    deadline = time.monotonic() + 60
    while not (path.exists() and checkpoint.load(path)[1]["k"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    process.stdout.close()
    assert 0 < checkpoint.load(path)[1]["k"] < steps
    found = subprocess.run([*words, "resume", str(path), str(steps)], capture_output=True, text=True, check=True,
                           env=None if where == "session" else environment["second"]).stdout
    for name in ("SHORTEST", "SHARE"):
        monkeypatch.setattr(checkpoint, name, getattr(checkpoint, name))  # put back afterwards
    space = {"__name__": "here"}
    exec(EXACT, space)
    whole = space["learn"](steps)
    assert (found.strip()
            == hashlib.sha256(b"".join(whole.trace[name].tobytes() for name in sorted(whole.trace))).hexdigest())


class Death(BaseException):
    """As kill -9: nothing that would be done later is done."""


@pytest.mark.parametrize("links", [True, False])
def test_death_between_any_two_calls(links, path, monkeypatch):
    """A whole checkpoint bears the newest one's name; without hard links the older may have to do, which is said."""
    other, older = path.with_name("other"), checkpoint.previous(path)
    for steps, where in ((1000, path), (2000, other)):
        fm.learn(GAME, RULE, steps, record=tables(500), checkpoint=where)
    old, new = path.read_bytes(), other.read_bytes()
    real, calls, alive = {name: getattr(os, name) for name in ("fsync", "link", "unlink", "replace")}, [], None

    def watched(name):
        def call(*arguments, **more):
            if len(calls) == alive:
                raise Death
            calls.append(name)
            if name == "link" and not links:
                raise OSError("no hard links here")
            return real[name](*arguments, **more)
        return call

    def write():
        for leftover in path.parent.iterdir():
            real["unlink"](leftover)
        path.write_bytes(old)
        calls.clear()
        storage.write_atomically(path, new, keep=older)

    for name in real:
        monkeypatch.setattr(os, name, watched(name))
    write()
    assert path.read_bytes() == new and older.read_bytes() == old and len(list(path.parent.iterdir())) == 2
    seen, missing = set(), 0
    for alive in range(len(calls)):
        with pytest.raises(Death):
            write()
        if path.exists():
            seen.add(checkpoint.load(path)[1]["k"])
        else:
            missing += 1
            with pytest.warns(checkpoint.CheckpointWarning, match="is missing"):
                assert checkpoint.load(path)[1]["k"] == 1000
        alive = None  # and the next one is written as if nothing had been
        storage.write_atomically(path, new, keep=older)
        assert path.read_bytes() == new
    assert seen == {1000, 2000} and missing == (0 if links else 1)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_signals_write_a_checkpoint_and_exit_130(number, path, capsys):
    """Within a second; the continuation is that of the unbroken run."""
    steps = 1_000_000_000
    process = subprocess.Popen([sys.executable, "-m", "fastmpg", "run", "routing", "TwoTimescaleQ", "--tau", "1e-3",
                                "--steps", str(steps), "--metrics", "policy", "--every", str(steps),
                                "--checkpoint", str(path), "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(1.2)
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and time.monotonic() - began < 1.0
    told = json.loads(out)
    assert told["status"] == "interrupted" and "interrupted after" in err
    meta = checkpoint.load(path)[1]
    assert meta["status"] == "interrupted" and meta["k"] == told["steps"] > 0
    further = meta["k"] + 1000
    result = fm.resume(path, further) if further >= meta["k"] else None
    record = fm.Record(steps=[further], metrics=("policy",))
    whole = fm.learn(GAME, fm.rules.TwoTimescaleQ(tau=1e-3), further, rng=0, record=record)
    assert_array_equal(result.policy, whole.policy)


def test_the_command_line_goes_on(path, capsys):
    words = ["run", "routing", "TwoTimescaleQ", "--tau", "0.01", "--steps", "5000", "--seed", "3"]
    assert cli.main([*words, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert cli.main([*words[:5], "--steps", "2000", "--seed", "3", "--every", "5", "--checkpoint", str(path)]) == 0
    capsys.readouterr()
    out = path.parent / "out.npz"
    assert cli.main(["resume", str(path), "--steps", "5000", "--json", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ne_gap"] == whole["ne_gap"] and told["steps"] == 5000
    assert fm.Result.load(out).steps == 5000
    path.write_bytes(path.read_bytes()[:-1])
    assert cli.main(["resume", str(path)]) == 0
    assert "went on from the one before it" in capsys.readouterr().err
    assert cli.main(["resume", str(path.parent / "none")]) == 2


@pytest.mark.skipif(os.name != "posix", reason="full disks are made with RLIMIT_FSIZE")
def test_a_full_disk_loses_nothing(path):
    """A checkpoint that cannot be written leaves the one before it in place, and the error is told."""
    import resource

    fm.learn(GAME, RULE, 1000, rng=5, record=tables(), checkpoint=path)
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
        with pytest.raises(OSError):
            fm.resume(path, 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, heard)
    assert path.read_bytes() == before and not list(path.parent.glob(".*tmp"))
    same(fm.resume(path, 2000), fm.learn(GAME, RULE, 2000, rng=5, record=tables()))


LONG = """
import resource, sys
import numpy as np
import fastmpg as fm
game, rule = fm.games.routing(4), fm.rules.TwoTimescaleQ(tau=1e-3)
def run(steps, path):
    return fm.learn(game, rule, steps, rng=2, record=fm.Record(steps=[steps], metrics=("policy",)), checkpoint=path)
run(100_000, sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = run(100_000_000, sys.argv[1])
rows = np.add.reduceat(result.policy, game.offset[:-1], axis=1)
print(result.state.visits.sum(), np.abs(rows - 1).max(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_hundred_million_steps(path):
    """Rows still sum to 1, and a run a thousand times as long takes no more memory."""
    done = subprocess.run([sys.executable, "-c", LONG, str(path)], capture_output=True, text=True, check=True)
    visits, drift, kilobytes = done.stdout.split()
    assert int(visits) == 10**8 and float(drift) <= 1e-12 and int(kilobytes) < 4096, done.stdout
