"""Units of compiled code: one machine code for one source, Ctrl-C while compiling, and what a terminal is told."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from processes import files, run, session_cache, settings

import fastmpg as fm
from fastmpg import machine
from fastmpg.machine import units
from fastmpg.rules.rule import contract

# ---------------------------------------------------------------------------------------------------------------- bits
GAMES = {
    "one state": lambda: fm.games.zhang_3x2(), "dense": lambda: fm.games.random_markov(6, (3, 2, 3), rng=1),
    "sparse": lambda: fm.games.queueing(2, 3, 5), "count": lambda: fm.games.routing(5, form="count"),
    "polymatrix": lambda: fm.games.ring_polymatrix(4, 3)}
EXACT = [name for name in fm.rules.__all__ if not contract(getattr(fm.rules, name)).feedback.sampled]
STEPS = 20

BITS = """
import hashlib, json, sys
import fastmpg as fm
from fastmpg.machine.units import COMPILED
from fastmpg.metrics.metric import known
steps, games, tasks = json.loads(sys.argv[1])
made = {"one state": lambda: fm.games.zhang_3x2(), "dense": lambda: fm.games.random_markov(6, (3, 2, 3), rng=1),
        "sparse": lambda: fm.games.queueing(2, 3, 5), "count": lambda: fm.games.routing(5, form="count"),
        "polymatrix": lambda: fm.games.ring_polymatrix(4, 3)}
made = {name: made[name]() for name in games}
exact = [each.name for each in known().values() if each.exact]
found = {}
def keep(name, *arrays):
    found[name] = hashlib.sha256(b"".join(each.tobytes() for each in arrays)).hexdigest()
for name, rule in tasks:
    game = made[name]
    start = fm.random_policy(game, 1)
    if rule is None:
        keep(name + " evaluate", *fm.evaluate(game, start)[:4])
        keep(name + " gaps", fm.ne_gap(game, start), fm.qre_gap(game, start, 0.3), *fm.best_response(game, start, 1))
    else:
        record = fm.Record(metrics=exact, tau=0.3)
        result = fm.learn(game, getattr(fm.rules, rule)(), steps, policy=start, rng=1, record=record)
        keep(f"{name} {rule}", result.policy, *(result.trace[each] for each in sorted(result.trace)))
print(json.dumps([len(COMPILED), found]))
"""


def bits(folder, tasks, steps=STEPS):
    """How many units a process compiled, and hashes of all that it computed."""
    games = list(dict.fromkeys(name for name, _ in tasks))
    return json.loads(run(BITS, folder, json.dumps([steps, games, tasks])).stdout)


@pytest.mark.slow
def test_the_process_that_compiles_computes_the_same_bits(tmp_path):
    """A process with an empty cache against one that finds everything, in whichever order other code was compiled."""
    tasks = [["dense", None], ["dense", "NaturalGradientPlay"]]
    compiled, cold = bits(tmp_path, tasks)
    again, cached = bits(tmp_path, tasks)
    assert compiled > 10 and again == 0
    assert cold == cached
    _, session = bits(machine.cache_root(), [["one state", "GradientPlay"], ["one state", None], *tasks[::-1]])
    assert {name: session[name] for name in cold} == cold


@pytest.mark.slow
def test_one_machine_code_for_one_source(tmp_path):
    """Every model and exact rule: filled ahead of time, and cached; every model with every other exact rule (all with
    FASTMPG_FUZZ): cold in another order.

    What the session has compiled is taken for filled as far as it goes: by other processes, in whatever order.
    """
    tasks = [[name, rule] for name in GAMES for rule in (None, *EXACT)]
    session_cache(tmp_path / "filled")
    done = subprocess.run([sys.executable, "-m", "fastmpg", "cache", "fill", "--jobs", "2", "--json"],
                          env=settings(tmp_path / "filled"), capture_output=True, text=True, check=True)
    assert done.stderr == "" and len(json.loads(done.stdout)["games"]) == 6
    left, filled = bits(tmp_path / "filled", tasks)
    assert left == 0 and len(filled) == len(GAMES) * (2 + len(EXACT))
    anew = [task for task in tasks if "FASTMPG_FUZZ" in os.environ or task[1] in (None, *EXACT[::2])]
    compiled, cold = bits(tmp_path / "cold", anew[::-1])
    assert compiled > 40 and cold == {name: filled[name] for name in cold} and len(cold) > len(filled) // 2
    assert bits(tmp_path / "cold", anew) == [0, cold]
    assert {path.name for path in files(tmp_path / "cold")} <= {path.name for path in files(tmp_path / "filled")}


THREADS = """
import sys
import fastmpg as fm
from fastmpg.feedback.desk import Desk, evaluate_desk
from fastmpg.machine.units import COMPILED
game = fm.games.random_markov(6, (3, 2, 3), rng=1)
for threads in map(int, sys.argv[1:]):
    desk = Desk.create(game, fm.uniform_policy(game), threads=threads)
    evaluate_desk.bind(desk)()
    print(*map(repr, desk.value.ravel().tolist()))
print(len(COMPILED))
"""


@pytest.mark.compiled
def test_a_process_that_compiles_nothing_has_threads(tmp_path):
    """Code for threads needs numba's runtime, which only numba's compiler starts by itself."""
    session_cache(tmp_path)
    one, two, _ = run(THREADS, tmp_path, "1", "2").stdout.splitlines()
    assert run(THREADS, tmp_path, "2").stdout.splitlines() == [two, "0"] and one == two


COUNTED = """
from fastmpg import machine
from fastmpg.machine.units import COMPILED
compiled = []
from numba.core import event
class Listener(event.Listener):
    def on_start(self, happened): compiled.append(str(happened.data["dispatcher"].py_func.__name__))
    def on_end(self, happened): pass
event.register("numba:compile", Listener())

@machine.kernel
def times(x, count):
    return x * count

@machine.kernel
def several(x):
    return times(x, 2) + times(x, 3) + times(x, times(2, 2))

print(several(5), *sorted(compiled), len(COMPILED))
print(times(5, 6), *sorted(compiled), len(COMPILED))
print(times(7, 6), several(1), *sorted(compiled), len(COMPILED))
"""


@pytest.mark.compiled
def test_one_version_serves_every_caller(tmp_path):
    """Integers that a caller writes out do not make versions of their own, and neither does a call from Python."""
    lines = run(COUNTED, tmp_path).stdout.splitlines()
    assert lines == ["45 several times 1", "30 several times 2", "42 9 several times 2"]
    assert files(tmp_path) == [], "a user's own"


@pytest.mark.slow
def test_three_sessions_of_a_user(tmp_path):
    """evaluate; then learn, which uses what evaluate cached; then learn from the cache."""
    start = ("import fastmpg as fm; game = fm.games.random_markov(4, (2, 3), rng=1); "
             "rule = fm.rules.NaturalGradientPlay(0.2)\n")
    run(start + "fm.evaluate(game, fm.uniform_policy(game))", tmp_path)
    learn = start + "print(*map(repr, fm.learn(game, rule, 3).policy.ravel().tolist()))"
    assert run(learn, tmp_path).stdout == run(learn, tmp_path).stdout


# -------------------------------------------------------------------------------------------------------------- Ctrl-C
STOPPED = """
import sys, threading, time
import fastmpg as fm
from fastmpg.machine import units
game = fm.games.zhang_3x2()
go = lambda: fm.learn(game, fm.rules.GradientPlay(0.1), 5)
gone = []
def work():
    try:
        gone.append(go().policy)
    except BaseException as error:
        gone.append(error)
for stop in range(int(sys.argv[1])):
    print("go", flush=True)
    try:
        if sys.argv[2] == "thread":
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        else:
            go()
    except KeyboardInterrupt:
        print("stopped", len(units.COMPILED), flush=True)
        continue
    print("not stopped", flush=True)
if sys.argv[2] == "thread":
    mine = go().policy
    while not gone:  # a join that was interrupted does not wait again
        time.sleep(0.01)
    print((gone[0] == mine).all())
print(*map(repr, go().policy.ravel().tolist()))
"""


@pytest.mark.compiled
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("moments, where", [((0.5, 0.5, 0.1), "main"),
                                            pytest.param((1.0,), "thread", marks=pytest.mark.slow)])
def test_ctrl_c_while_compiling(tmp_path, moments, where):
    """KeyboardInterrupt every time, and every next call works, in the end with the right result; whatever thread was
    compiling."""
    process = subprocess.Popen([sys.executable, "-P", "-c", STOPPED, str(len(moments)), where],
                               env=settings(tmp_path), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    compiled = []
    for moment in moments:
        assert process.stdout.readline() == "go\n"
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        said = process.stdout.readline().split()
        assert said[0] == "stopped", said
        compiled.append(int(said[1]))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and err == "", err
    right = " ".join(map(repr, fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(0.1), 5).policy.ravel().tolist()))
    assert out.splitlines() == (["True"] if where == "thread" else []) + [right]
    assert compiled == sorted(compiled) and len(files(tmp_path)) > compiled[-1], \
        "stopped while compiling, and what was made was kept"


def test_the_handlers_of_others_hear_ctrl_c(monkeypatch):
    """Once, after the unit, whatever became of it; and they are put back."""
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    mine = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(ZeroDivisionError), units.compiling("x", True):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            assert heard == []
            raise ZeroDivisionError
        assert heard == [signal.SIGINT] and signal.getsignal(signal.SIGINT) is mine
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with units.compiling("x", True):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


# ---------------------------------------------------------------------------------------------- what a terminal is told
class Terminal:
    """stderr as a terminal, or not."""

    def __init__(self, terminal=True):
        self.text, self.terminal = "", terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return self.terminal


@pytest.fixture
def notice(monkeypatch):
    """Told after 0.05 s, and again after a pause of 0.5 s."""
    monkeypatch.setattr(units, "PATIENCE", 0.05)
    monkeypatch.setattr(units, "BURST", 0.5)
    made = units._Notice()
    monkeypatch.setattr(units, "_notice", made)
    return made


def lines(monkeypatch, terminal, *seconds, kept=True):
    """What is said while units take so long to compile."""
    screen = Terminal(terminal)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        for n, each in enumerate(seconds):
            if each < 0:
                time.sleep(-each)
                continue
            with units.compiling(f"unit_{n}", kept):
                time.sleep(each)
    return screen.text.splitlines()


def test_a_burst_of_units_is_one_line(notice, monkeypatch):
    first = lines(monkeypatch, True, 0.1, 0.1, 0.1)
    assert (len(first) == 1 and first[0].startswith("fastmpg: compiling unit_0 ...")
            and str(machine.cache_folder()) in first[0])
    assert lines(monkeypatch, True, 0.1, 0.0) == [], "still the same burst"
    again = lines(monkeypatch, True, -0.6, 0.1, kept=False)
    assert len(again) == 1 and "not kept" in again[0]


def test_many_short_units_are_a_long_time(notice, monkeypatch):
    said = lines(monkeypatch, True, *[0.02] * 8)
    assert len(said) == 1 and "unit_0" not in said[0]


def test_nothing_is_said_of_what_is_quick_or_where_nobody_looks(notice, monkeypatch):
    assert lines(monkeypatch, True, 0.0, 0.01) == []
    assert lines(monkeypatch, False, 0.2, 0.2) == []
    monkeypatch.setattr(sys, "stderr", None)
    with units.compiling("x", True):
        pass
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer) and each.is_alive()]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_is_told_that_it_compiles(tmp_path):
    """One line for all units of a first call; none where everything is in the cache, and none on a pipe."""
    import pty

    code = "import fastmpg as fm; fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(0.1), 2)"
    said = []
    for _ in range(2):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([sys.executable, "-P", "-c", code], env=settings(tmp_path),
                                   stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 1000)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            text += part
        os.close(ours)
        assert process.wait(timeout=300) == 0 and process.stdout.read() == b""
        process.stdout.close()
        said.append(text.decode().splitlines())
    assert len(said[0]) == 1 and said[0][0].startswith("fastmpg: compiling ") and str(tmp_path) in said[0][0]
    assert said[1] == []
    shutil.rmtree(tmp_path / "units")
    assert run("from fastmpg.kernels.simplex import entropy; import numpy as np; from fastmpg.machine import units; "
               "units.PATIENCE = 0.0\nentropy(np.ones(2))", tmp_path).stderr == ""
