"""Ctrl-C and SIGTERM: while code is compiled, in runs, while files are written, in sweeps. The process exits with 130
within a second, and what it was asked to keep is there.

``FASTMPG_FUZZ=20 python -m pytest tests/test_signals.py -m slow`` sends as many of both to each.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal
from processes import files, settings

import fastmpg as fm
from fastmpg import cli, machine
from fastmpg.run import checkpoint

pytestmark = pytest.mark.compiled

SIGNALS = int(os.environ.get("FASTMPG_FUZZ", 1))
NUMBERS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
COMMAND = ["-m", "fastmpg"]
ROUTING = ["routing", "TwoTimescaleQ", "--tau", "1e-3", "--metrics", "policy"]
RULE = fm.rules.TwoTimescaleQ(tau=1e-3)


def some(kinds, number, folder):
    """As many as are asked for, of one kind after the other: a kind, a generator, and a folder of its own."""
    kinds, draw = [*kinds], random.Random(number)
    for n in range(SIGNALS):
        place = folder / str(n)
        place.mkdir()
        yield kinds[(n + number) % len(kinds)], draw, place


def begin(words, cache=None):
    return subprocess.Popen([sys.executable, "-P", "-W", "error", *map(str, words)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=settings(cache or machine.cache_root()))


def wait_for(process, there):
    """Until something is there; the process must not end before."""
    while not there():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def stop(process, number, most=1.0):
    """Send a signal; what was said until the end, which is soon."""
    began = time.monotonic()
    process.send_signal(number)
    process.wait(120)
    seconds = time.monotonic() - began
    out, err = process.communicate()
    print(f"{seconds:.3f} s after {number.name}")
    # Python ends itself by SIGINT where nobody catches KeyboardInterrupt: shells say 130 of both
    assert process.returncode in (130, -signal.SIGINT), (process.returncode, err)
    assert seconds < most, f"{seconds:.3f} s: {err}"
    return out, err


# --------------------------------------------------------------------------------------------------------------- runs
SCRIPT = """
import sys
import numpy as np
import fastmpg as fm
record = fm.Record(every=10**12, metrics=("policy",))
if sys.argv[1] == "script":
    fm.learn(fm.games.routing(), fm.rules.TwoTimescaleQ(tau=1e-3), 10**12, rng=0, record=record, checkpoint=sys.argv[2])
else:
    fm.learn(fm.games.random_markov(6, (3, 2, 3), rng=1), fm.rules.NaturalGradientPlay(1e-4), 10**12, record=record,
             checkpoint=sys.argv[2])
"""
RUNS = {"command": [*COMMAND, "run", *ROUTING, "--steps", 10**9, "--every", 10**9, "--json", "--checkpoint"],
        "ensemble": [*COMMAND, "run", *ROUTING, "--steps", 10**9, "--every", 10**9, "--runs", 4, "--json",
                     "--checkpoint"],
        "script": ["-c", SCRIPT, "script"], "exact": ["-c", SCRIPT, "exact"]}


def unbroken(kind, steps):
    record = fm.Record(steps=[steps], metrics=("policy",))
    if kind == "ensemble":
        return fm.ensemble(fm.games.routing(), RULE, steps, 4, rng=0, record=record)
    if kind == "exact":
        return fm.learn(fm.games.random_markov(6, (3, 2, 3), rng=1), fm.rules.NaturalGradientPlay(1e-4), steps,
                        record=record)
    return fm.learn(fm.games.routing(), RULE, steps, rng=0, record=record)


def interrupt_a_run(kind, number, draw, folder):
    path, out = folder / "run.ckpt", folder / "out.npz"
    more = [path, "--out", out] if RUNS[kind][0] == "-m" else [path]
    process = begin([*RUNS[kind], *more])
    wait_for(process, path.exists)
    time.sleep(draw.uniform(0.0, 2.0))
    told, err = stop(process, number)
    meta = checkpoint.load(path)[1]
    assert meta["status"] == "interrupted" and "interrupted after" in err
    if len(more) > 1:
        said, kept = json.loads(told), fm.Result.load(out)
        assert said["status"] == kept.status == "interrupted" and said["steps"] == meta["k"] == kept.steps
    further = meta["k"] + 1000
    assert_array_equal(fm.resume(path, further).policy, unbroken(kind, further).policy)


def test_sigterm_in_a_run(tmp_path):
    interrupt_a_run("command", signal.SIGTERM, random.Random(1), tmp_path)


@pytest.mark.slow
@NUMBERS
def test_runs(number, tmp_path):
    for kind, draw, place in some(RUNS, number, tmp_path):
        interrupt_a_run(kind, number, draw, place)


@pytest.mark.parametrize("what", [KeyboardInterrupt, SystemExit, None], ids=str)
def test_a_handler_of_somebody_elses(what, tmp_path):
    """It is called between chunks, so that what it raises leaves a checkpoint of the step that it tells."""
    def hear(number, frame):
        heard.append(number)
        if what is not None:
            raise what

    def watch(snapshot):
        if not begun:
            begun.append(threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)))
            begun[0].start()
        return bool(heard)

    begun, heard, path, record = [], [], tmp_path / "run.ckpt", fm.Record(every=10**9, metrics=("policy",))
    game, before = fm.games.routing(), signal.signal(signal.SIGTERM, hear)
    try:
        with pytest.raises(what) if what is not None else contextlib.nullcontext():
            fm.learn(game, RULE, 10**10, rng=0, record=record.replace(every=2 * 10**6), checkpoint=path, callback=watch)
        assert signal.getsignal(signal.SIGTERM) is hear
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    made = checkpoint.load(path)[1]["k"]
    assert made > 0 or what is SystemExit
    assert_array_equal(fm.resume(path, made + 1000).policy, unbroken("command", made + 1000).policy)


# ------------------------------------------------------------------------------------------------------------- writes
WRITES = """
import os, sys, time
real = os.fsync
def slow(handle):
    print("writing", flush=True)
    time.sleep(0.05)
    real(handle)
os.fsync = slow
from fastmpg import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def interrupt_a_write(count, number, draw, folder):
    """A file is flushed, and then its folder: of the first checkpoint, the last, and the result."""
    path, out = folder / "run.ckpt", folder / "out.npz"
    process = begin(["-c", WRITES, "run", *ROUTING, "--steps", 1000, "--every", 1000, "--checkpoint", path, "--out",
                     out])
    for _ in range(count + 1):
        assert process.stdout.readline() == "writing\n"
    time.sleep(draw.uniform(0.0, 0.06))
    stop(process, number)
    kept = fm.Result.load(out)
    assert kept.steps == (1000 if count > 1 else 0) or count == 1
    whole = unbroken("command", 1000)
    assert_array_equal(fm.resume(path).policy, whole.policy)
    if kept.steps == 1000:
        assert_array_equal(kept.policy, whole.policy)
    assert {each.name for each in folder.iterdir()} <= {"run.ckpt", "run.ckpt.previous", "out.npz"}


def test_ctrl_c_in_a_write(tmp_path):
    interrupt_a_write(4, signal.SIGINT, random.Random(2), tmp_path)


@pytest.mark.slow
@NUMBERS
def test_writes(number, tmp_path):
    for count, draw, place in some(range(6), number, tmp_path):
        interrupt_a_write(count, number, draw, place)


# ------------------------------------------------------------------------------------------------------------- sweeps
GRID = [*ROUTING[:2], "--metrics", "policy", "--grid", "tau=0.1,0.01", "--runs", "20", "--steps", "100000"]


def workers_of(process):
    """Processes that it began, as Linux lists them."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return found.read_text().split() if found.exists() else []


def runs(pid):
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def interrupt_a_sweep(engine, number, draw, folder, capsys):
    words = ["sweep", *GRID, "--folder", str(folder)]
    process = begin([*COMMAND, *words, "--engine", engine])
    wait_for(process, lambda: folder.exists() and any(folder.glob("0*.npz")))
    time.sleep(draw.uniform(0.0, 0.5))
    workers = workers_of(process)
    with capsys.disabled():
        _, err = stop(process, number)
    assert "of 40 tasks were made: call it again with folder" in err
    deadline = time.monotonic() + 30
    while any(map(runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(runs, workers)), "no worker is left"
    before = {each.name: each.stat().st_mtime_ns for each in folder.glob("0*.npz")}
    assert 0 < len(before) < 40
    assert cli.main(words) == 0 and "40 done" in capsys.readouterr().out
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    record = fm.Record(every=100, metrics=("policy",))
    whole = fm.sweep(fm.games.routing(), RULE, 100_000, {"tau": [0.1, 0.01]}, runs=20,
                     policy="uniform", record=record)
    assert_array_equal(fm.Sweep.load(folder).stack().policy, whole.stack().policy)


@pytest.mark.slow
@NUMBERS
def test_sweeps(number, tmp_path, capsys):
    for engine, draw, place in some(["serial", "processes:2"], number, tmp_path):
        interrupt_a_sweep(engine, number, draw, place / "sweep", capsys)


# -------------------------------------------------------------------------------------------------------- compilation
def interrupt_compilation(kind, number, draw, cache):
    """At its next function: one more may be kept, and no other."""
    script = ("import fastmpg as fm\n"
              "fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(0.1), 10)")
    process = begin(["-c", script] if kind == "script" else
                    [*COMMAND, "run", "zhang_3x2", "NaturalGradientPlay", "--eta", "0.1", "--steps", 10], cache)
    wait_for(process, (cache / "units").exists)
    time.sleep(draw.uniform(0.0, 1.5))  # the whole takes twice as long
    before = len(files(cache))
    _, err = stop(process, number, most=120)
    assert len(files(cache)) <= before + 1, "at the next function"
    assert "KeyboardInterrupt" in err if kind == "script" else err == "\nfastmpg: interrupted\n"
    assert not list(cache.rglob("*.tmp"))


@pytest.mark.slow
@NUMBERS
def test_compilation(number, tmp_path):
    for kind, draw, place in some(["command", "script"], number, tmp_path):
        interrupt_compilation(kind, number, draw, place)
