"""Processes that are killed in runs, at any moment and between any two calls that write; a full disk, and a command
line that goes on.

``FASTMPG_FUZZ=300 python -m pytest tests/test_killed.py -m slow`` kills as many, of all kinds together.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings

import pytest
from killing import KINDS, NEW, OLD, Nursery, go, often, things, whole
from numpy.testing import assert_array_equal
from resuming import GAME, RULE, same, tables

import fastmpg as fm
from fastmpg import cli
from fastmpg.run import checkpoint, storage

KILLS = int(os.environ.get("FASTMPG_FUZZ", 24))
pytestmark = pytest.mark.compiled


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    made = Nursery(tmp_path_factory.mktemp("nursery"))
    yield made
    made.close()


def left(place):
    """What runs leave that nobody asked for."""
    return [each.name for each in place.rglob(".*") if each.suffix != ".lock"]


def kill(kind, kills, nursery, folder, monkeypatch):
    """A run is killed over and over while it goes on from where it was. Whatever is left after a death goes on, in this
    process and without a warning, to what the unbroken run says. Deaths that leave nothing do not count."""
    often(monkeypatch.setattr)
    expected, draw, died, lives, place = whole(kind), random.Random(kind), 0, 0, folder / "0"
    place.mkdir()
    _, lasts = nursery.live(kind, place)  # one that nobody kills, for its length
    same(go(kind, place), expected)
    shutil.rmtree(place)
    while died < kills:
        place.mkdir(exist_ok=True)
        killed, _ = nursery.live(kind, place, seconds=draw.uniform(0.0, lasts))
        lives += 1
        assert lives < 50 * kills
        if not killed:  # it came to its end
            shutil.rmtree(place)
            continue
        died += any(place.rglob("run.ckpt")) or any(place.rglob("0*.npz"))
        copy = shutil.copytree(place, folder / "copy")
        same(go(kind, copy), expected)
        assert kind == "sweep" or not left(copy)
        shutil.rmtree(copy)


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9(kind, nursery, tmp_path, monkeypatch):
    kill(kind, 2, nursery, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_at_many_moments(kind, nursery, tmp_path, monkeypatch):
    kill(kind, -(-KILLS // len(KINDS)), nursery, tmp_path, monkeypatch)


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


def deaths(kind, nursery, folder, begin=lambda place: None, **more):
    """The places that deaths leave: before the first call that changes a file, before the second, and so on."""
    died, count = True, 0
    while died:
        place = folder / str(count)
        place.mkdir()
        begin(place)
        died, _ = nursery.live(kind, place, steps=1, count=count, **more)
        yield place
        count += 1


@pytest.mark.parametrize("kind", ["exact", *(pytest.param(each, marks=pytest.mark.slow) for each in KINDS
                                             if each in ("trajectory", "sweep") or (KILLS >= 300 and each != "exact"))])
def test_death_between_any_two_calls(kind, nursery, tmp_path, monkeypatch):
    """Of all that write or rename something. A trajectory takes the place of another run's, and is that, or whole, or
    says that it is not."""
    often(monkeypatch.setattr)
    expected, count = whole(kind, 1), 0

    def begin(place):
        if kind == "trajectory":
            record = fm.Record(every=700, metrics=("policy",), trajectory=place / "run.ckpt.trajectory")
            old.append(fm.learn(GAME, RULE, 700, rng=1, record=record).trajectory.states)

    old = []
    for place in deaths(kind, nursery, tmp_path, begin):
        if kind == "trajectory":
            try:
                found = fm.Trajectory.load(place / "run.ckpt.trajectory").states
                assert_array_equal(found, old[0] if found.size > 2 else expected.trajectory.states)
            except ValueError as error:
                assert "is not whole: its run goes on, or was killed" in str(error)
        same(go(kind, place, 1), expected)
        assert kind == "sweep" or not left(place)
        count += 1
    assert count > 50


@pytest.mark.slow
def test_death_without_hard_links(nursery, tmp_path, monkeypatch):
    """The checkpoint before the newest may have to do, which is said."""
    often(monkeypatch.setattr)
    expected, count, told = whole("exact", 1), 0, 0
    for place in deaths("exact", nursery, tmp_path, links=False):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            found = go("exact", place, 1)
        assert_array_equal(found.policy, expected.policy)
        assert [each.category for each in seen] in ([], [checkpoint.CheckpointWarning])
        told += len(seen)
        count += 1
    assert 0 < told < count / 5


@pytest.mark.parametrize("kind", ["game", "result"])
def test_death_while_a_file_is_replaced(kind, nursery, tmp_path):
    """It is the old one, whole, or the new one, and both happen."""
    things()
    file, died, count, seen = tmp_path / "it.npz", True, 0, []
    read = fm.Game.load if kind == "game" else fm.Result.load
    while died:
        OLD[kind].save(file)
        died, _ = nursery.live(kind, tmp_path, steps=1, count=count)
        found = read(file)
        seen.append(found == NEW[kind])
        assert seen[-1] or found == OLD[kind]
        assert {"it.npz"} == {storage.left_by(each.name) or each.name for each in tmp_path.iterdir()}
        count += 1
    assert count > 7 and seen == sorted(seen) and not seen[0]


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
