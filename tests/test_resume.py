"""Runs that stop and go on: checkpoints, kill -9, Ctrl-C, damage, trajectories in files. Nothing computed is lost, no
answer is wrong."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg import cli
from fastmpg.run import checkpoint, job, storage, trajectory

GAME = fm.games.routing(4)
RULE = fm.rules.TwoTimescaleQ(tau=0.01)
K = 20_000


def tables(every=5000, **more):
    return fm.Record(every=every, metrics=("q", "policy", "counts", "visits"), **more)


def same(one, other, trajectories=True):
    """Two results are the same, bit for bit."""
    assert one.status == other.status and one.steps == other.steps
    assert_array_equal(one.policy, other.policy)
    assert set(one.trace) == set(other.trace)
    for name, value in one.trace.items():
        assert_array_equal(value, other.trace[name], err_msg=name)
    for name, value in vars(one.state).items():
        assert_array_equal(value, getattr(other.state, name), err_msg=name)
    if one.trajectory is not None and trajectories:
        assert_array_equal(one.trajectory.states, other.trajectory.states)
        assert_array_equal(one.trajectory.actions, other.trajectory.actions)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


class Stop(Exception):
    pass


def stop_at(monkeypatch, count):
    """A checkpoint after every short chunk; after so many of them the process "dies", and nothing more is written."""
    monkeypatch.setattr(checkpoint, "SHORTEST", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)
    monkeypatch.setattr(job, "CHUNK_SECONDS", 1e-4)
    real, seen = storage.write_atomically, []

    def dies(target, data, **more):
        if str(target).endswith(".ckpt"):
            seen.append(target)
            if len(seen) > count:
                raise Stop
        return real(target, data, **more)

    monkeypatch.setattr(storage, "write_atomically", dies)


SPARSE = fm.games.random_markov(5, (2, 3), rng=3, sparse=2)
CASES = {
    "two-timescale, dense": (GAME, RULE, tables),
    "two-timescale, count": (fm.games.routing(9, form="count"), RULE, tables),
    "two-timescale, simulator": (fm.games.routing(4, form="simulator"), RULE, tables),
    "two-timescale, sparse": (SPARSE, fm.rules.TwoTimescaleQ(0.1, alpha=(0.9, 0.8, 0.5, 0.01)), tables),
    "natural, dense": (fm.games.random_markov(4, (2, 3), rng=1), fm.rules.NaturalGradientPlay(0.1),
                       lambda **k: fm.Record(every=100, **k)),
    "natural, normal form": (fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(1e-3),
                             lambda **k: fm.Record(every=7, **k)),
    "projected, sparse": (SPARSE, fm.rules.ProjectedGradientAscent(0.01),
                          lambda **k: fm.Record(every=100, metrics=("policy", "c"), **k)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_stopped_run_goes_on_as_if_it_had_not(name, path, monkeypatch):
    game, rule, record = CASES[name]
    steps = K if "two" in name else 1000
    whole = fm.learn(game, rule, steps, rng=5, record=record())
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        with pytest.raises(Stop):
            fm.learn(game, rule, steps, rng=5, record=record(), checkpoint=path)
    made = checkpoint.load(path)[1]["k"]
    assert 0 < made < steps
    same(fm.resume(path), whole)
    assert not list(path.parent.glob(".*tmp"))


def test_a_finished_run_is_returned_as_it_is(path, monkeypatch):
    first = fm.learn(GAME, RULE, K, rng=5, record=tables(), checkpoint=path)
    monkeypatch.setattr(job.Job, "_advance", None)
    same(fm.resume(path), first)


@pytest.mark.parametrize("steps", [K, K + 1, 3 * K])
def test_a_finished_run_goes_further(steps, path):
    """As a longer run from the start: a last row that the longer one does not record is gone."""
    record = fm.Record(every=3000, metrics=("q", "ne_gap"))
    fm.learn(GAME, RULE, K, rng=5, record=record, checkpoint=path)
    same(fm.resume(path, steps), fm.learn(GAME, RULE, steps, rng=5, record=record))


def test_going_back_is_refused(path):
    fm.learn(GAME, RULE, 100, rng=5, record=tables(), checkpoint=path)
    with pytest.raises(ValueError, match="at least the 100 that were made, found 99"):
        fm.resume(path, 99)


@pytest.mark.parametrize("runs", [1, 3, 4])
def test_an_ensemble_goes_on(runs, path, monkeypatch):
    rule = fm.rules.TwoTimescaleQ(np.array([[0.01], [0.5]]))
    whole = fm.ensemble(GAME, rule, K, runs, rng=5, record=tables())
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(Stop):
            fm.ensemble(GAME, rule, K, runs, rng=5, record=tables(), checkpoint=path)
    result = fm.resume(path, threads=1)
    assert result.policy.shape == (2, runs, 4, 8)
    same(result, whole)


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_trajectories_go_on(where, path, monkeypatch):
    """With checkpoints a trajectory is streamed; pieces that were written after the last checkpoint are made again."""
    monkeypatch.setattr(trajectory, "BUFFER", 24 * 1000)
    whole = fm.learn(GAME, RULE, K, rng=5, record=tables(trajectory=True))
    assert (whole.trajectory.states.shape == (K + 1,)
            and whole.trajectory.actions.shape == (K, 4) and len(whole.trajectory) == K)
    asked = True if where == "memory" else str(path.parent / "steps")
    with monkeypatch.context() as patch:
        stop_at(patch, 9)
        with pytest.raises(Stop):
            fm.learn(GAME, RULE, K, rng=5, record=tables(trajectory=asked), checkpoint=path)
    result = fm.resume(path)
    same(result, whole)
    pieces = list(result.trajectory.segments())
    assert len(pieces) > 10 and [first for first, _, _ in pieces] == sorted(first for first, _, _ in pieces)
    assert all(states.size <= 1001 for _, states, _ in pieces)
    loaded = fm.Trajectory.load(result.trajectory.folder)
    assert_array_equal(loaded.states, whole.trajectory.states)


def test_a_streamed_trajectory_needs_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(trajectory, "BUFFER", 24 * 100)
    whole = fm.learn(GAME, RULE, 1000, rng=5, record=tables(trajectory=True))
    streamed = fm.learn(GAME, RULE, 1000, rng=5, record=tables(trajectory=tmp_path / "steps"))
    same(streamed, whole)
    streamed.save(tmp_path / "result.npz")
    whole.save(tmp_path / "whole.npz")
    for name in ("result", "whole"):
        again = fm.Result.load(tmp_path / f"{name}.npz")
        assert_array_equal(again.trajectory.states, whole.trajectory.states)
        assert_array_equal(again.trajectory.actions, whole.trajectory.actions)
    piece = sorted((tmp_path / "steps").glob("0*.npz"))[2]
    piece.write_bytes(piece.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged"):
        _ = streamed.trajectory.states
    with pytest.raises(ValueError, match="no trajectory"):
        fm.Trajectory.load(tmp_path)


# ------------------------------------------------------------------------------------------------------------- damage
@pytest.fixture(scope="module")
def two_generations(tmp_path_factory):
    """A checkpoint, the one before it, and what their run comes to."""
    path = tmp_path_factory.mktemp("generations") / "run.ckpt"
    game = fm.games.zhang_3x2()
    rule, record = fm.rules.NaturalGradientPlay(1e-3), fm.Record(every=50, metrics=("policy",))
    fm.learn(game, rule, 300, record=record, checkpoint=path)
    fm.resume(path, 400)
    return path.read_bytes(), checkpoint.previous(path).read_bytes(), fm.learn(game, rule, 500, record=record)


def resumed(folder, newest, older, whole):
    """Resume from two generations; whether the older one was used. Any answer is the right one."""
    path = folder / "run.ckpt"
    for target, content in ((path, newest), (checkpoint.previous(path), older)):
        target.unlink(missing_ok=True)
        if content is not None:
            target.write_bytes(content)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = fm.resume(path, 500)
    same(result, whole)
    told = [str(each.message) for each in said if issubclass(each.category, checkpoint.CheckpointWarning)]
    assert ("went on from the one before it" in result.message) == bool(told)
    return bool(told)


def test_whole_generations(two_generations, tmp_path):
    newest, older, whole = two_generations
    assert not resumed(tmp_path, newest, older, whole)
    assert not resumed(tmp_path, newest, None, whole)
    assert resumed(tmp_path, None, older, whole)


def damaged(newest, count, flips):
    yield b""
    for k in range(1, count):
        yield newest[:k * len(newest) // count]
    yield newest[:-1]
    yield newest[:-100] + bytes(100)
    yield newest[:len(newest) // 2] + bytes(len(newest) - len(newest) // 2)
    draw = random.Random(20261120)
    for _ in range(flips):
        at = draw.randrange(8 * len(newest))
        out = bytearray(newest)
        out[at // 8] ^= 1 << at % 8
        yield bytes(out)


@pytest.mark.parametrize("count, flips", [(20, 60), pytest.param(200, 2000, marks=pytest.mark.slow)])
def test_a_damaged_checkpoint_is_never_read(count, flips, two_generations, tmp_path):
    newest, older, whole = two_generations
    for content in damaged(newest, count, flips):
        assert resumed(tmp_path, content, older, whole)


def test_two_damaged_checkpoints_are_an_error(two_generations, tmp_path):
    newest, older, whole = two_generations
    with pytest.raises(ValueError, match=r"damaged.*and so is the one before it"):
        resumed(tmp_path, newest[:-1], older[:100], whole)
    with pytest.raises(ValueError, match="damaged"):
        resumed(tmp_path, newest[:-1], None, whole)
    with pytest.raises(FileNotFoundError):
        fm.resume(tmp_path / "nothing.ckpt")
    result = tmp_path / "result.npz"
    whole.save(result)
    with pytest.raises(ValueError, match="is no checkpoint"):
        fm.resume(result)


def test_large_games_have_a_file_of_their_own(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGE", 100)
    first = fm.learn(GAME, RULE, K, rng=5, record=tables(), checkpoint=path)
    same(fm.resume(path), first)
    tables_file = checkpoint.game_file(path)
    content = tables_file.read_bytes()
    tables_file.unlink()
    with pytest.raises(ValueError, match=r"tables.*missing"):
        fm.resume(path)
    same(fm.resume(path, game=GAME), first)
    with pytest.raises(ValueError, match="is not the game of this checkpoint"):
        fm.resume(path, game=fm.games.routing(4, discount=0.6))
    tables_file.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="damaged"):
        fm.resume(path)


def test_what_is_made_of_functions_is_asked_for(path):
    def reset(uniforms):
        return 0

    def step(state, actions, uniforms, rewards):
        rewards[:] = actions[0] == actions[1]
        return (state + 1) % 3

    game = fm.SimulatorGame(reset, step, (2, 2), 3, 0.5)
    first = fm.learn(game, RULE, 100, rng=5, record=tables(), checkpoint=path)
    with pytest.raises(ValueError, match="give it, resume"):
        fm.resume(path)
    same(fm.resume(path, game=game), first)


def test_rules_from_outside_are_asked_for(path):
    from typing import NamedTuple

    class Halfway(NamedTuple):
        eta: float = 0.5

        @staticmethod
        def update(rule, state, feedback, k):
            state.policy[0, 0] = state.policy[0, 0]

    game = fm.games.zhang_3x2()
    first = fm.learn(game, Halfway(), 3, checkpoint=path)
    with pytest.raises(ValueError, match="do not import: give it"):
        fm.resume(path)
    same(fm.resume(path, rule=Halfway()), first)
    with pytest.raises(ValueError, match=r"is a .*Halfway"):
        fm.resume(path, rule=RULE)


def test_what_a_state_is_called_in_files(path, monkeypatch):
    """Checkpoints outlive the code: a field of a state that is renamed would lose every run that was kept before."""
    rule, game = fm.rules.TwoTimescaleQ(0.1), fm.games.random_markov(2, (2, 2), rng=0)
    fm.learn(game, rule, 5, rng=0, record=fm.Record(metrics=("q",)), checkpoint=path)
    arrays, _, _ = checkpoint.load(path)
    assert {name.removeprefix("state/") for name in arrays if name.startswith("state/")} == {
        "policy", "q", "visits", "counts", "tables.numbers", "tables.n_actions", "tables.last", "tables.scratch",
        "nobody.tables.numbers", "nobody.visits", "nobody.state", "nobody.actions", "nobody.rewards"}
    real = checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda where: ({k: v for k, v in real(where)[0].items() if k != "state/q"},
                                                           *real(where)[1:]))
    with pytest.raises(ValueError,
                       match="the checkpoint holds no q for TwoTimescaleQ: it was written by another version"):
        fm.resume(path, steps=9)


def test_a_checkpoint_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match="a file in a folder that exists"):
        fm.learn(GAME, RULE, 10, record=tables(), checkpoint=tmp_path / "none" / "run.ckpt")
    with pytest.raises(ValueError, match="a file in a folder that exists"):
        fm.learn(GAME, RULE, 10, record=tables(), checkpoint=tmp_path)


# ----------------------------------------------------------------------------------------------- signals and kill -9
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


@pytest.mark.parametrize("where", ["session", pytest.param("cold", marks=pytest.mark.slow)])
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
