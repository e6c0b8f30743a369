"""Forked children: OpenMP ends them when they enter their parent's threads, so they do without, to the same bits."""

import functools
import multiprocessing
import os
import pickle
import subprocess
import sys
import traceback

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg import machine
from fastmpg.feedback.desk import PARALLEL_WORK, evaluated

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or machine.UNCOMPILED,
                                reason="there is no fork here, or no compiled code")

KINDS = {
    "dense": lambda rng: fm.games.random_markov(60, (4, 5, 4), rng=rng),
    "sparse": lambda rng: fm.games.random_markov(600, (4, 4, 4), rng=rng, sparse=8),
}


def in_child(work):
    """Fork, and have the child's array."""
    source, sink = os.pipe()
    process = os.fork()
    if process == 0:  # never return into pytest
        status = 1
        try:
            os.close(source)
            with os.fdopen(sink, "wb") as file:
                pickle.dump(work(), file)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(sink)
    with os.fdopen(source, "rb") as file:
        data = file.read()
    assert os.waitpid(process, 0)[1] == 0, "the child died"
    return pickle.loads(data)


def values(game):
    return fm.evaluate(game, fm.uniform_policy(game)).value


@pytest.fixture
def two_threads(keep_threads):
    fm.set_threads(2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forked_child_computes_the_same_bits_with_one_thread(kind, two_threads):
    game, other = KINDS[kind](1), KINDS[kind](2)
    assert game.work_size > PARALLEL_WORK
    expected, further = values(game), values(other)
    assert in_child(lambda: np.array(machine.threads())) == 1 and machine.threads() == 2
    assert_array_equal(in_child(lambda: values(game)), expected)
    assert_array_equal(in_child(lambda: values(KINDS[kind](2))), further)
    assert_array_equal(values(game), expected)  # and the parent goes on with its threads


def test_what_was_prepared_with_threads_before_the_fork(two_threads):
    """A workspace of two shares, made in the parent and used in the child."""
    game = KINDS["dense"](1)
    policy = fm.uniform_policy(game)
    oracle = evaluated(game, policy)
    assert oracle.work.contraction.frame.shares == 2
    expected = oracle.q_bar.copy()

    def again():
        oracle.work.reward[:] = oracle.work.p_bar[:] = np.nan
        type(game.model).contract(game.model, oracle.work, oracle.policy)
        return np.concatenate([oracle.work.reward.ravel(), oracle.work.p_bar.ravel()])

    assert_array_equal(in_child(again), again())
    assert_array_equal(evaluated(game, policy).q_bar, expected)


def test_grandchildren_and_set_threads(two_threads):
    game = KINDS["dense"](1)
    expected = values(game)

    def child():
        fm.set_threads(2)
        return in_child(lambda: values(game))

    assert_array_equal(in_child(child), expected)


def test_runs_in_a_forked_child(two_threads):
    game, rule = KINDS["dense"](1), fm.rules.NaturalGradientPlay(0.1)
    record = fm.Record(every=5, metrics=("policy",))
    expected = fm.learn(game, rule, 5, record=record).policy
    assert_array_equal(in_child(lambda: fm.learn(game, rule, 5, record=record).policy), expected)
    many = fm.ensemble(game, rule, 3, 3, policy="random", record=record).policy
    for more in ({}, {"threads": 2}):
        work = functools.partial(fm.ensemble, game, rule, 3, 3, policy="random", record=record, **more)
        assert_array_equal(in_child(lambda work=work: work().policy), many)


def test_a_pool_of_forked_processes(two_threads):
    games = [KINDS["dense"](seed) for seed in range(3)]
    expected = [values(game) for game in games]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for found, known in zip(pool.map_async(values, games).get(timeout=60), expected, strict=True):
            assert_array_equal(found, known)


FRESH = """
import os
import pickle
import fastmpg as fm
from fastmpg import machine
if os.fork() == 0:
    fm.set_threads(2)
    print(machine.threads(), flush=True)
    os._exit(0)
print(os.wait()[1])
"""


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one processor")
def test_a_child_of_a_process_without_threads_starts_its_own():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["2", "0"], done.stderr
