"""Sweeps: the bits of single runs whatever makes them, a folder that is the resume, failures that stay their own."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sweeping import GAME, GRID, RULE, Deadly, Odd, go, options

import fastmpg as fm
from fastmpg.cli import main
from fastmpg.run import _sweep_task, storage

PROGRAM = str(Path(__file__).with_name("sweeping.py"))


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "sweep")


def whole(runs, steps):
    """The same runs by an ensemble, in this process."""
    more = {name: value for name, value in options(runs, steps).items() if name not in ("grid", "steps", "runs")}
    return fm.ensemble(GAME, RULE._replace(tau=np.array(GRID["tau"])[:, None]), steps, runs, **more)


def check(found, runs, steps):
    """Every bit that of the ensemble, and of a run by itself."""
    one, other = found.stack(), whole(runs, steps)
    assert one.dims == other.dims and one.trace.keys() == other.trace.keys()
    assert (one.policy == other.policy).all() and one.steps == other.steps
    assert all((one.trace[name] == other.trace[name]).all() for name in one.trace)
    assert (one.state.q == other.state.q).all() and (one.coords["tau"] == GRID["tau"]).all()


@pytest.mark.compiled
def test_bits_of_ensembles_and_of_single_runs(folder):
    plain, kept = go(None, "serial", 3, 500), go(folder, "serial", 3, 500)
    check(plain, 3, 500), check(kept, 3, 500)
    alone = fm.learn(GAME, RULE._replace(tau=0.01), 500, policy="random", rng=np.random.SeedSequence(3).spawn(3)[2],
                     record=fm.Record(every=500, metrics=("ne_gap", "q")))
    assert plain.results[1, 2] == kept.results[1, 2] == alone
    assert repr(kept) == f"<Sweep: tau (2) x run (3), 6 done, in {folder}>"
    assert kept.table()[5] == {"tau": 0.01, "run": 2, "status": "done", "steps": 500,
                               "ne_gap": alone.trace["ne_gap"][-1].max()}
    again = fm.Sweep.load(folder)
    assert (again.results == kept.results).all() and not again.failures


def test_threads_are_an_executor_too(folder):
    with ThreadPoolExecutor(3) as pool:
        check(fm.sweep(GAME, RULE, **options(3, 500), executor=pool, folder=folder), 3, 500)


def files(folder):
    return {each: (each.stat().st_ino, each.stat().st_mtime_ns) for each in Path(folder).glob("0*.npz")}


def test_only_what_is_missing_is_made(folder):
    go(folder, "serial", 3, 200)
    before = files(folder)
    assert len(before) == 6
    go(folder, "serial", 3, 200)
    assert files(folder) == before
    lost, torn, other = (_sweep_task.file_of(folder, k) for k in (1, 3, 4))
    lost.unlink()
    torn.write_bytes(torn.read_bytes()[:-100])
    other.write_bytes(_sweep_task.file_of(folder, 5).read_bytes())  # a whole result, and another task's
    with pytest.warns(UserWarning, match=r"2 of 6 tasks in .* are damaged and made again"):
        check(go(folder, "serial", 3, 200), 3, 200)
    after = files(folder)
    assert {each.name for each in before if before[each] != after[each]} == {lost.name, torn.name, other.name}


@pytest.mark.compiled
@pytest.mark.parametrize("change", [
    {"steps": 201}, {"runs": 4}, {"rng": 4}, {"policy": "uniform"}, {"grid": {"tau": [0.1, 0.02]}},
    {"record": fm.Record(every=100, metrics=("q",))}, {"rule": RULE._replace(alpha=(0.7, 1))},
    {"game": fm.games.routing(3)}, {"until": fm.Unchanged(10**6)}], ids=lambda change: next(iter(change)))
def test_the_folder_of_another_sweep_is_refused(change, folder):
    go(folder, "serial", 3, 200)
    before = files(folder)
    with pytest.raises(ValueError, match=f"holds another sweep, .*{next(iter(change))}.*nothing was touched"):
        fm.sweep(**{"game": GAME, "rule": RULE, "folder": folder, **options(3, 200), **change})
    assert files(folder) == before


@pytest.mark.parametrize("what", ["a file", "another's file", "a damaged manifest", "no sweep"])
def test_what_is_no_folder_of_a_sweep(what, folder):
    path = Path(folder)
    if what == "a file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / ("sweep.json" if "manifest" in what else "notes.txt")).write_text("[[[")
    if what != "no sweep":
        with pytest.raises(ValueError, match=r"folder|holds no sweep"):
            go(folder, "serial", 1, 10)
    with pytest.raises(ValueError, match="holds no sweep of this version"):
        fm.Sweep.load(folder)
    assert what == "a file" or len(list(path.iterdir())) == 1


@pytest.mark.parametrize("given, says", [
    ({"grid": {"tou": [1.0]}}, "has no parameter 'tou'"), ({"grid": {"tau": []}}, "at least one value"),
    ({"grid": {"tau": [0.1, -1.0]}}, "tau must be"), ({"grid": [0.1]}, "grid must be a mapping"),
    ({"grid": {"tau": 0.1}}, "tau"), ({"executor": 0}, "executor must be at least 1"),
    ({"executor": "dask"}, "concurrent.futures.Executor"), ({"runs": 0}, "runs must be"),
    ({"record": fm.Record(trajectory=True)}, "record.trajectory"), ({"policy": [[0.5]]}, "policy"),
    ({"rule": type("Local", (Odd,), {})(), "grid": None, "executor": 1, "policy": None, "record": None},
     "rule cannot be sent to another process"),
])
def test_what_does_not_fit_is_told_before_anything_runs(given, says, folder):
    with pytest.raises((ValueError, TypeError), match=says):
        fm.sweep(**{"game": GAME, "rule": RULE, "folder": folder, **options(2, 50), **given})
    assert not os.path.exists(folder)


def test_failures_stay_their_own(folder, monkeypatch):
    """A run that ends as no policy is a result; an error is kept with its traceback, and tried again."""
    made = fm.sweep(fm.games.zhang_3x2(), Odd(), 3, {"rate": [0.1, 2.0]}, runs=2, folder=folder)
    assert [each["status"] for each in made.table()] == ["done", "done", "diverged", "diverged"]
    real = _sweep_task.learn

    def fails(game, rule, steps, **more):
        if rule.tau == 0.01 and steps:
            raise OSError("the disk is gone")
        return real(game, rule, steps, **more)

    monkeypatch.setattr(_sweep_task, "learn", fails)
    other = f"{folder}2"
    found = go(other, "serial", 2, 50)
    assert set(found.failures) == {(1, 0), (1, 1)} and found.failures[1, 0].error == "OSError"
    assert "fails" in found.failures[1, 0].traceback and "2 done, 2 failed" in repr(found)
    assert found.table()[3]["status"] == "failed: OSError: the disk is gone"
    with pytest.raises(ValueError, match="2 of 4 tasks have no result"):
        found.stack()
    monkeypatch.undo()
    check(go(other, "serial", 2, 50), 2, 50)
    assert not list(Path(other).glob("*failed*"))


def test_interrupted_and_taken_up(folder, monkeypatch):
    """Ctrl-C as the 38th run begins, not at some moment: Python drops it where it falls into what collects garbage."""
    real, begun = _sweep_task.learn, []

    def interrupted(*given, **more):
        begun.append(1)
        if len(begun) == 38:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*given, **more)

    monkeypatch.setattr(_sweep_task, "learn", interrupted)
    with pytest.raises(fm.SweepInterrupted, match="37 of 200 tasks were made: call it again with folder") as told:
        go(folder, "serial", 100, 100)
    done = sum(each is not None for each in told.value.result.results.ravel())
    assert len(files(folder)) == done < 200
    assert not [each for each in Path(folder).iterdir() if each.suffix not in (".npz", ".json")]


def test_the_command_line(folder, capsys):
    words = ["sweep", "zhang_3x2", "NaturalGradientPlay", "--grid", "eta=0.1,1", "--grid", "lam=0,0.003,0.01",
             "--runs", "2", "--policy", "random", "--steps", "50", "--folder", folder]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "Sweep: eta (2) x lam (3) x run (2), 12 done" in text and text.count("2 of 2") == 6
    assert main(["status", folder]) == 0 and "12 of 12 tasks done" in capsys.readouterr().out
    _sweep_task.file_of(folder, 3).unlink()
    assert main(["status", folder, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["done"], said["missing"], said["tasks"]) == (11, 1, 12)
    assert main([*words, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tasks"]) == 12
    for wrong, says in ((["--engine", "slurm"], "--engine must be"), (["--engine", "dask"], "--engine must be"),
                        (["--grid", "eta=2"], "given twice"), (["--grid", "tau=1"], "no parameter 'tau'"),
                        (["--grid", "clip"], "NAME=VALUE")):
        assert main([*words, *wrong]) == 2 and says in capsys.readouterr().err


@pytest.mark.compiled
def test_large_games_go_to_the_folder_once(folder, monkeypatch):
    monkeypatch.setattr(_sweep_task, "LARGE", 10)
    check(go(folder, "processes", 2, 100), 2, 100)
    assert fm.Game.load(Path(folder) / "game.npz") == GAME
    fm.games.routing(3).save(Path(folder) / "game.npz")
    _sweep_task.file_of(folder, 1).unlink()
    assert "another game than this sweep's" in go(folder, "processes", 2, 100).failures[0, 1].message


def children(process):
    """Processes that work for one."""
    said = subprocess.run(["pgrep", "-P", str(process), "-f", "spawn_main"], capture_output=True, text=True).stdout
    return [int(word) for word in said.split()]


@contextlib.contextmanager
def killing(folder, workers, most, pause):
    """Meanwhile send SIGKILL to one of the workers after every pause; who was killed, and files that came twice."""
    draw, stop, killed, seen, twice = random.Random(most), threading.Event(), [], {}, []

    def kill():
        while not stop.wait(draw.uniform(*pause)) and len(killed) < most:
            found = workers()
            if found:
                killed.append(draw.choice(found))
                os.kill(killed[-1], signal.SIGKILL)

    def watch():
        while not stop.wait(0.02):
            for name, mark in files(folder).items():
                if seen.setdefault(name, mark) != mark:
                    twice.append(name)

    helpers = [threading.Thread(target=each) for each in (kill, watch)]
    for each in helpers:
        each.start()
    try:
        yield killed, twice
    finally:
        stop.set()
        for each in helpers:
            each.join()


@pytest.mark.slow
def test_processes_that_die_are_replaced(folder):
    """SIGKILL to a worker at random moments: every task is made, none that was finished twice."""
    with killing(folder, lambda: children(os.getpid()), 10, (1.0, 2.5)) as (killed, twice):
        found = go(folder, "processes", 100, 200_000)
    check(found, 100, 200_000)
    assert len(killed) >= 3 and not twice


@pytest.mark.slow
def test_a_task_that_kills_its_process_is_given_up(folder, monkeypatch):
    """The others are made."""
    found = fm.sweep(GAME, Deadly(), 5, {"rate": [0.1, 2.0]}, runs=3, folder=folder, executor=2)
    assert [each["status"][:25] for each in found.table()] == ["done"] * 3 + ["failed: BrokenProcessPool"] * 3
    assert len(list(Path(folder).glob("*failed*"))) == 3


@pytest.mark.slow
def test_killed_and_continued_by_another_engine(folder):
    """kill -9 of everything at random moments; the next engine makes the rest."""
    draw = random.Random(1)
    for engine in ("processes", "serial", "processes"):
        with subprocess.Popen([sys.executable, PROGRAM, folder, engine, "20", "100000"], stdout=subprocess.PIPE,
                              start_new_session=True) as program:
            assert program.stdout.readline()
            begun = time.monotonic()
            while not files(folder) and time.monotonic() < begun + 60:
                time.sleep(0.05)
            time.sleep(draw.uniform(0.0, 0.5))
            os.killpg(program.pid, signal.SIGKILL)
    before = files(folder)
    assert before
    check(go(folder, "serial", 20, 100_000), 20, 100_000)
    assert all(files(folder)[each] == mark for each, mark in before.items())


def test_what_deaths_left_half_written_goes_in_time(folder):
    """But not what another engine may be writing, nor what is somebody else's."""
    go(folder, "serial", 2, 5)
    old, new, other = (Path(folder, name) for name in (".000001.npz.99000000.tmp", ".000002.npz.99000000.tmp", ".mine"))
    for each in (old, new, other):
        each.write_bytes(b"half")
    for each in (old, other):
        os.utime(each, (1e9, 1e9))
    go(folder, "serial", 2, 5)
    assert not old.exists() and new.exists() and other.exists()


@pytest.mark.slow
def test_workers_end_with_the_process_that_asked(folder):
    """kill -9 of it alone."""
    with subprocess.Popen([sys.executable, PROGRAM, folder, "processes", "100", "200000"], stdout=subprocess.PIPE,
                          text=True) as program:
        asked, begun = int(program.stdout.readline().split()[1]), time.monotonic()
        while len(files(folder)) < 3 and time.monotonic() < begun + 60:
            time.sleep(0.05)
        workers = children(asked)
        program.kill()
    assert len(workers) == 2
    while any(Path(f"/proc/{each}/cmdline").exists() and Path(f"/proc/{each}/cmdline").read_bytes()
              for each in workers):  # a zombie has none
        assert time.monotonic() < begun + 120
        time.sleep(0.05)


@pytest.mark.peers
def test_loky(folder):
    check(go(folder, "loky", 5, 1000), 5, 1000)


@pytest.mark.peers
def test_mpi(folder):
    """Two ranks: one asks, one works."""
    done = subprocess.run(["mpiexec", "-n", "2", sys.executable, "-m", "mpi4py.futures", PROGRAM, folder, "mpi", "5",
                           "1000"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    check(fm.Sweep.load(folder), 5, 1000)


@pytest.mark.peers
@pytest.mark.slow
def test_dask_workers_that_die(folder):
    """One of two workers is killed at 20 random moments of 200 tasks: all results, none made twice, same bits."""
    from dask import config
    from dask.distributed import Client, LocalCluster

    def both():
        workers = [each.pid for each in cluster.workers.values() if each.status.name == "running"]
        return workers if len(workers) == 2 else []

    with (config.set({"distributed.scheduler.allowed-failures": 50}),
          LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
          Client(cluster) as client, killing(folder, both, 20, (0.3, 0.9)) as (killed, twice)):
        found = fm.sweep(GAME, RULE, **options(100, 1_000_000), executor=client.get_executor(), folder=folder)
    print(f"{len(killed)} workers were killed")
    check(found, 100, 1_000_000)
    assert len(killed) == 20 and not twice and len(files(folder)) == 200


def test_files_say_whose_they_are(folder):
    go(folder, "serial", 1, 10)
    about = fm.Result.load(_sweep_task.file_of(folder, 1)).about
    assert about["sweep"]["task"] == 1 and about["rule"]["parameters"]["tau"] == 0.01
    assert about["rng"] == {"entropy": 3, "spawn_key": [0]}
    assert storage.kind_of(_sweep_task.file_of(folder, 0)) == "result"
