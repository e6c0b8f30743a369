"""Memory: what is predicted before anything is allocated is what is then taken, and calls leave nothing behind."""

import contextlib
import ctypes
import gc
import os
import sys
import time
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from test_public_entries import CALLABLES, valid

import fastmpg as fm

pytestmark = pytest.mark.compiled

GRADIENT, LEARNING = fm.rules.NaturalGradientPlay(0.1), fm.rules.TwoTimescaleQ(0.1)
ENDS = fm.Record(every=10**9)  # first and last step
PLAIN = fm.Record(every=10**9, metrics=("policy",))


def dense(states, **options):
    rewards = np.random.default_rng(0).random((2, states, 4, 4))
    moves = np.full((states, 4, 4, states), 1.0 / states)
    return lambda: fm.MarkovGame(rewards, moves, 0.9, **options)


def sparse(states, **options):
    rows = np.arange(states * 16)
    columns = np.sort(((rows // 16)[:, None] + np.arange(8)) % states, axis=1).astype(np.int32)
    moves = sp.csr_array((np.full(columns.size, 0.125), columns.ravel(),
                          np.arange(0, columns.size + 1, 8, dtype=np.int32)), shape=(states * 16, states))
    rewards = np.random.default_rng(0).random((2, states, 4, 4))
    return lambda: fm.MarkovGame(rewards, moves, 0.9, **options)


def stage(players):
    payoffs = np.random.default_rng(0).random((players, *(5,) * players))
    return lambda: fm.NormalFormGame(payoffs)


def crowd(players):
    return lambda: fm.games.routing(players, form="count")


def polymatrix(players):
    payoffs = {(i, k): np.random.default_rng(i).random((24, 24))
               for i in range(players) for k in range(players) if i != k}
    return lambda: fm.PolymatrixGame(payoffs, (24,) * players)


def evaluated(game):
    return fm.memory(game), lambda: fm.evaluate(game, fm.uniform_policy(game))


def solved(game):
    return fm.memory(game), lambda: fm.solvers.round_robin(game, maxiter=3)


def learnt(rule, steps, record):
    return lambda game: (fm.memory(game, rule, steps, record=record),
                         lambda: fm.learn(game, rule, steps, rng=0, record=record))


def together(rule, steps, runs, record):
    return lambda game: (fm.memory(game, rule, steps, runs, record=record, threads=2),
                         lambda: fm.ensemble(game, rule, steps, runs, rng=0, record=record, threads=2))


TRACED = fm.Record(metrics=("policy", "ne_gap"))
WALKED = fm.Record(every=10**9, metrics=("policy",), trajectory=True)
# a game, its sizes for compilation and for the measurement, and what is done with it
SHAPES = {
    "dense": (dense, 20, 200, evaluated),
    "float32": (lambda states: dense(states, dtype="float32"), 20, 250, learnt(GRADIENT, 2, ENDS)),
    "sparse": (sparse, 100, 4000, evaluated),
    "sparse float32": (lambda states: sparse(states, dtype="float32"), 100, 4000, learnt(GRADIENT, 1, ENDS)),
    "stage": (stage, 3, 7, learnt(GRADIENT, 2, ENDS)),
    "counts": (crowd, 5, 4000, learnt(GRADIENT, 1, ENDS)),
    "polymatrix": (polymatrix, 3, 25, learnt(GRADIENT, 2, ENDS)),
    "ensemble": (dense, 20, 60, together(GRADIENT, 1, 200, ENDS)),
    "trace": (dense, 20, 25, learnt(GRADIENT, 3000, TRACED)),
    "trajectory": (dense, 20, 25, learnt(LEARNING, 300_000, WALKED)),
    "sampled": (dense, 20, 150, learnt(LEARNING, 10, PLAIN)),
    "sampled, sparse": (sparse, 100, 4000, learnt(LEARNING, 10, PLAIN)),
    "sampled, exact gaps": (dense, 20, 150, learnt(fm.rules.IndependentQLearning(0.1), 10, ENDS)),
    "sampled ensemble": (dense, 20, 60, together(LEARNING, 10, 100, PLAIN)),
    "rollouts": (dense, 20, 150, learnt(fm.rules.MonteCarloGradientAscent(0.1), 2, PLAIN)),
    "solver": (dense, 20, 200, solved),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_peak_is_what_was_predicted(shape, keep_threads):
    """From the call that builds the game on; kernels allocate nothing, so that Python sees all of it."""
    make, small, large, ask = SHAPES[shape]
    fm.set_threads(1)
    ask(make(small)())[1]()  # compiles
    build = make(large)
    gc.collect()
    tracemalloc.start()
    try:
        game = build()
        said, call = ask(game)
        kept = call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept is not None and said.total > 2**20
    assert peak / 1.2 <= said.total <= 1.2 * peak, f"{peak / 2**20:.2f} MiB, predicted {said}"


# ---------------------------------------------------------------------------------------------------------- many calls
CALLS = int(os.environ.get("FASTMPG_FUZZ", 80))
SECONDS = max(0.05, CALLS / 10_000)  # of one callable; slower ones are called fewer times
OFTEN = ("learn", "ensemble", "evaluate", "ne_gap", "MarkovGame", "solvers.round_robin")

# bytes a call that scipy's LSODA itself keeps, as of scipy 1.17: `solve_ivp` alone does
LSODA = {f"solvers.{name}_dynamics": 1500 for name in ("replicator", "logit")}


def resident():
    """Bytes in memory, without what could be given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("label", [pytest.param(each, marks=() if each in OFTEN else pytest.mark.slow)
                                   for each in CALLABLES])
def test_calls_leave_nothing_behind(label, tmp_path, monkeypatch, keep_threads):
    """After a quarter of the calls nothing grows any more."""
    monkeypatch.chdir(tmp_path)
    call, given = CALLABLES[label][0], valid(label, tmp_path)

    def times(count, until):
        made = 0
        while made < count and (made < 3 or time.monotonic() < until):
            with contextlib.suppress(ValueError, ImportError, OSError):  # some find nothing there, or nobody
                call(**given)
            made += 1
        return made

    times(3, 0.0)
    warm = times(CALLS // 4, time.monotonic() + SECONDS / 4)
    for _ in range(2):  # what calls leave behind they leave again; what others in this process took before, once
        before = resident()
        made = times(CALLS, time.monotonic() + SECONDS)
        grown = resident() - before
        most = 2**20 + LSODA.get(label, 0) * made
        if grown < most:
            break
    assert grown < most, f"{grown} bytes more after {made} calls, {warm} calls having been made before"
