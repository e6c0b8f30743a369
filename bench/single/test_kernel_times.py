"""pytest-benchmark: each kernel alone, ``pytest bench --benchmark-only``."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import fastmpg as fm
from bench import occupancy, workloads
from fastmpg.kernels import dense_solve, simplex, vector
from fastmpg.machine import unit


def run(benchmark, function, *args):
    function(*args)  # compile outside the timing
    benchmark(function, *args)


class Frame(NamedTuple):
    """What the kernels below take, packed outside the timing: a call from Python would pack it every time."""

    a: Any
    b: Any = 0
    c: Any = 0
    d: Any = 0
    e: Any = 0


@unit
def read(frame):
    frame.b[0] = vector.dot(frame.a, frame.a)


@unit
def factor(frame):
    dense_solve.system(frame.a, 0.9, frame.b)
    dense_solve.factor(frame.b, frame.c, frame.d, frame.e)


@unit
def softmax(frame):
    simplex.softmax_rows(frame.a, frame.b, frame.c)


@pytest.mark.parametrize("size", list(workloads.SIZES))
def test_contract(benchmark, size):
    game = workloads.game(*workloads.SIZES[size])
    work, row = game.workspace(1), workloads.policy(game)
    run(benchmark, work.contraction, 0, row.ctypes.data)


@pytest.mark.parametrize("size", list(workloads.SIZES))
def test_read_of_transitions(benchmark, size):
    """The bandwidth that bounds the contraction."""
    table = workloads.game(*workloads.SIZES[size]).model.transitions.ravel()
    run(benchmark, read.bind(Frame(table, np.zeros(1))))


@pytest.mark.parametrize("states", [5, 20, 32, 33, 100, 300])
def test_factor(benchmark, states):
    chain = np.random.default_rng(0).dirichlet(np.ones(states), states)
    lu, pivot, scalars = np.empty((states, states)), np.empty(states, np.int32), np.zeros(4, np.int32)
    routines = np.array([fm.machine.lapack("dgetrf"), fm.machine.lapack("dgetrs")])

    run(benchmark, factor.bind(Frame(chain, lu, pivot, routines, scalars)))


@pytest.mark.parametrize("states", [1, 100])
def test_softmax(benchmark, states):
    rng = np.random.default_rng(0)
    theta, offset = rng.normal(size=(states, 12)), np.array([0, 3, 7, 12])
    run(benchmark, softmax.bind(Frame(theta, offset, np.empty_like(theta))))


@pytest.mark.parametrize("size", list(workloads.SIZES))
def test_ne_gap(benchmark, size):
    game = workloads.game(*workloads.SIZES[size])
    run(benchmark, fm.ne_gap, game, workloads.policy(game))


@pytest.mark.parametrize("game", ["static", "markov"])
def test_round_robin(benchmark, game):
    static = game == "static"
    target = fm.games.random_normal_form((3, 4, 5), identical_interest=True) if static else workloads.game(
        3, 5, 5, shared=True)
    run(benchmark, fm.solvers.round_robin, target)


@pytest.mark.parametrize("value", ["mean", "max"])
def test_pursuit(benchmark, value):
    """MGE-F of three stages, 729 states each."""
    game = fm.games.pursuit_3()
    run(benchmark, lambda: fm.solvers.mge_f(game, 3, value=value))


@pytest.mark.parametrize("players", [4, 100])
@pytest.mark.parametrize("part", ["players", "crowd"])
def test_forward_backward(benchmark, players, part):
    """Half a sweep of MGE-FB on a grid of 10^4 cells."""
    sweeps = occupancy.Sweeps(occupancy.crowd(players), 20)
    run(benchmark, sweeps.parts[part == "crowd"], 0)
