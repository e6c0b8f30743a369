"""What tests of killed processes run: runs of every kind, each of which begins or goes on from what it finds, and a
process that forks one after the other. A module, as that process and the tests share the rules."""

import builtins
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from processes import PACKAGE, settings

import fastmpg as fm
from fastmpg import machine
from fastmpg.run import _sweep_task, checkpoint, job, trajectory

ROUTES, MARKOV = fm.games.routing(4), fm.games.random_markov(6, (3, 2, 3), rng=1)
TWO, Q = fm.rules.TwoTimescaleQ(tau=0.01), fm.rules.IndependentQLearning(0.2, ("exponential", 1e-4))


@fm.kernel
def step(rule, state, feedback, k):
    """A part of the way to the best action, in turn with what a state of one's own counts."""
    for s in range(state.policy.shape[0]):
        for i in range(feedback.offset.size - 1):
            low, high = feedback.offset[i], feedback.offset[i + 1]
            best = low
            for c in range(low, high):
                if feedback.q_bar[s, c] > feedback.q_bar[s, best]:
                    best = c
            for c in range(low, high):
                state.policy[s, c] *= 1 - rule.rate
            state.policy[s, best] += rule.rate


class FictitiousStep(NamedTuple):
    """A user's rule, as the documents tell it."""

    rate: float = 0.1
    feedback = fm.Oracle
    state = fm.TableState
    update = staticmethod(step)


class Kind(NamedTuple):
    """A run: what makes it, of what, for how many steps, and what resume has to be given."""

    make: object
    game: object
    rule: object
    steps: int
    more: dict
    again: dict = MappingProxyType({})


def tables(*metrics, every=300, **more):
    return fm.Record(every=every, metrics=metrics, **more)


def watch(snapshot):
    """A callback that ends nothing."""


SAMPLED, EXACT = tables("q", "policy", "counts"), tables("ne_gap", "policy", "c", every=40)
KINDS = {
    "sampled": Kind(fm.learn, ROUTES, TWO, 60_000, {"record": SAMPLED}),
    "exact": Kind(fm.learn, MARKOV, fm.rules.NaturalGradientPlay(1e-4), 4000, {"record": EXACT}),
    "callback": Kind(fm.learn, ROUTES, TWO, 30_000, {"record": SAMPLED, "callback": watch}, {"callback": watch}),
    "ensemble": Kind(fm.ensemble, ROUTES, TWO._replace(tau=np.array([[0.01], [0.1]])), 20_000,
                     {"record": SAMPLED, "runs": 3}),
    "until": Kind(fm.ensemble, ROUTES, Q, 10**7, {"record": tables("policy", every=3000), "runs": 3,
                                                  "until": fm.Unchanged(60_000)}),
    "trajectory": Kind(fm.learn, ROUTES, TWO, 20_000, {"record": SAMPLED.replace(trajectory=True)}),
    "own rule": Kind(fm.learn, MARKOV, FictitiousStep(1e-3), 4000, {"record": EXACT},
                     {"rule": FictitiousStep(1e-3)}),
    "sweep": Kind(fm.sweep, MARKOV, fm.rules.NaturalGradientPlay(1e-4), 300,
                  {"record": EXACT, "runs": 3, "grid": {"eta": [1e-4, 1e-3]}}),
}


def whole(kind, steps=None):
    """The run that nothing stops."""
    one = KINDS[kind]
    made = one.make(one.game, one.rule, one.steps if steps is None else steps, rng=9, **one.more)
    return made.stack() if kind == "sweep" else made


def go(kind, folder, steps=None):
    """Begin a run, or go on from what is there."""
    one, path = KINDS[kind], Path(folder) / "run.ckpt"
    if kind != "sweep" and (path.exists() or checkpoint.previous(path).exists()):
        return fm.resume(path, **one.again)
    given = one.game, one.rule, one.steps if steps is None else steps
    if kind != "sweep":
        return one.make(*given, rng=9, checkpoint=path, **one.more)
    with ThreadPoolExecutor(1) as pool:  # as if elsewhere: the game goes to a file
        return one.make(*given, rng=9, folder=Path(folder) / "sweep", executor=pool, **one.more).stack()


def often(set_=setattr, each=False):
    """Checkpoints take most of the time, or come after each step; segments are short, games go to their own files."""
    for where, name, value in ((checkpoint, "SHORTEST", 0.0), (checkpoint, "SHARE", 0.0 if each else 0.3),
                               (checkpoint, "LARGE", 100), (_sweep_task, "LARGE", 100),
                               (trajectory, "BUFFER", 24 * 2000), (job, "CHUNK_SECONDS", 1e-9 if each else 0.002)):
        set_(where, name, value)


# ------------------------------------------------------------------------------------------------- death at a call
CALLS = ("open", "close", "fsync", "ftruncate", "pwrite", "link", "unlink", "replace", "rename", "mkdir", "rmdir")


def die_at(count, links=True):
    """From here on this process is killed before its call number ``count`` of what changes files; with the list of
    all that were made. Half of what is written is one call, and the rest another."""
    made = []

    def counted(real, name):
        def call(*given, **more):
            if len(made) == count:
                os.kill(os.getpid(), signal.SIGKILL)
            made.append(name)
            if name == "link" and not links:
                raise OSError("no hard links here")
            return real(*given, **more)
        return call

    def opened(path, mode="r", *given, **more):
        if not set(mode) & set("wxa+"):
            return real_open(path, mode, *given, **more)
        file = counted(real_open, "open")(path, mode, 0)
        raw = file.write

        def write(data):
            data = memoryview(data)
            for part in (data[:len(data) // 2], data[len(data) // 2:]):
                counted(raw, "write")(part)
            return len(data)

        file.write = write
        return file

    real_open, builtins.open = builtins.open, opened
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name), name))
    return made


# ------------------------------------------------------------------------------------------------------- the nursery
class Nursery:
    """A process in which everything is compiled, and whose forks are to be killed."""

    def __init__(self, cache):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__)), str(cache)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=settings(machine.cache_root(), PYTHONPATH=os.pathsep.join(
                [str(PACKAGE.parent), str(Path(__file__).parent)])))
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def live(self, kind, folder, seconds=None, steps="", count=-1, links=True):
        """A fork makes a run, or goes on with it, and is killed after so many seconds, or before a call. Whether it
        was; and the seconds, or calls, that it took."""
        began = time.monotonic()
        pid, = self.ask(kind, folder, steps, count, int(links))
        if seconds is not None:
            time.sleep(seconds)
            os.kill(int(pid), signal.SIGKILL)  # it is there, or a zombie, until it is asked for
        code, = self.ask("end")
        assert code in ("0", "-9"), "what was raised is in stderr"
        return code == "-9", time.monotonic() - began

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait() == 0


def _fork(kind, folder, steps, count, links):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if count != "-1" or steps:
            often(each=True)
            die_at(int(count), links == "1")
        ACTS.get(kind, go)(kind, folder, *([int(steps)] if steps else []))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def save(kind, folder, steps):
    """One thing over another."""
    NEW[kind].save(Path(folder) / "it.npz")


ACTS = {"result": save, "game": save}
OLD, NEW = {}, {}


def things():
    """What is saved over what, by kind."""
    for into, seed in ((OLD, 1), (NEW, 2)):
        into["game"] = fm.games.random_markov(4, (2, 2), rng=seed)
        into["result"] = fm.learn(into["game"], fm.rules.NaturalGradientPlay(0.1), 20, record=tables("ne_gap", every=1))


if __name__ == "__main__":
    often()
    things()
    for each in KINDS:
        place = Path(sys.argv[1]) / each
        place.mkdir()
        go(each, place, 3)
        go(each, place, 3)
    print("ready", flush=True)
    pid = 0
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        if words == ["end"]:
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        else:
            pid = _fork(*words)
            print(pid, flush=True)
