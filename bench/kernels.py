"""Every kernel alone: at least one case a file of fastmpg/kernels (a test says which is missing); ``CASES[name]()``
gives what to call.

A case calls by address what runs call by address, where there is such a unit; else the kernel as Python calls it, which
takes ten microseconds more; and what is inlined for single numbers in a loop of this file.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fastmpg as fm
from fastmpg.kernels import (
    alias,
    count_groups,
    csr,
    dense_solve,
    elementary,
    eliminate,
    joint,
    simplex,
    sparse_solve,
    vector,
)
from fastmpg.kernels import rng as random
from fastmpg.kernels.occupancy_play import play_uniformly
from fastmpg.machine import fanned, unit
from fastmpg.machine.vectors import LANES
from fastmpg.models.markov.sparse import Factors

from . import occupancy, workloads

CASES: dict[str, Callable[[], Callable[[], Any]]] = {}


def case(function):
    """What sets a call up; its name begins with that of the file of fastmpg/kernels that it is about."""
    CASES[function.__name__] = function
    return function


def numbers(*shape):
    """Random ones, at the start of a cache line: where memory happens to begin decides a third of a dot product."""
    size = int(np.prod(shape))
    room = np.empty(size + 8)
    first = -room.ctypes.data % 64 // 8
    room[first:first + size] = np.random.default_rng(0).random(size)
    return room[first:first + size].reshape(shape)


class Frame(NamedTuple):
    """What the units below take."""

    a: Any
    b: Any = 0
    c: Any = 0
    d: Any = 0


@unit
def exp_of_all(frame):
    for e in range(frame.a.size):
        frame.b[e] = elementary.exp(frame.a[e])


@unit
def log_of_all(frame):
    for e in range(frame.a.size):
        frame.b[e] = elementary.log(frame.a[e])


@unit
def power_of_all(frame):
    for e in range(frame.a.size):
        frame.b[e] = elementary.power(frame.a[e], -0.6)


@unit
def draw_all(frame):
    for e in range(frame.a.size):
        frame.b[e] = alias.draw(frame.a[e], 0, frame.c.size, frame.c, frame.d)


@unit
def project_all(frame):
    for s in range(frame.a.shape[0]):
        simplex.project_row(frame.a[s], 0.0, frame.b[s])


@unit
def numbers_of_steps(frame, blocks):
    for block in range(blocks):
        random.fill_steps(frame.a, np.uint64(block * LANES), 4, 1, frame.b, frame.c, frame.d)


@case
def alias_tables():
    rows, n = 2000, 12  # no processor learns their branches by heart
    probability, scratch = numbers(rows * n), np.empty((2, n), np.int64)
    tables = np.empty(rows * n), np.empty(rows * n, np.int64)
    pointer = np.arange(rows + 1) * n
    return lambda: alias.alias_tables(pointer, probability, *scratch, *tables)


@case
def alias_draw():
    threshold, other = np.full(50, 0.7), np.arange(50)[::-1].copy()
    return draw_all.bind(Frame(numbers(20_000), np.empty(20_000, np.int64), threshold, other))


def contraction(game, *more):
    """A contraction at a random policy, by address as a run calls it."""
    work, row = game.workspace(1), workloads.policy(game)
    return lambda: work.contraction(0, *more, row.ctypes.data)


@case
def contract_dense_narrow():
    return contraction(workloads.game(8, 3, 5))


@case
def contract_dense_wide():
    return contraction(workloads.game(4, 4, 40))


@case
def contract_sparse():
    return contraction(workloads.game(4, 3, 200, sparse=5), 0)


@case
def contract_counts():
    return contraction(fm.games.routing(60, form="count"))


@case
def count_laws_of_three_actions():
    return contraction(fm.games.routing(14, 3, form="count"))


@case
def count_groups_of_pairs():
    players, actions = 2000, 4
    row = numbers(players // 2, actions).repeat(2, axis=0).ravel()
    slots, head, order, member, after, weight = (np.zeros(players, np.int64) for _ in range(6))
    slot_group, tally, behind = (np.zeros(n, np.int64) for n in (2 * players + 1, players + 2, players + 1))
    return lambda: count_groups.group_players(row, actions, slots, slot_group, member, after, head, weight, order,
                                              tally, behind, np.zeros(row.size))


@case
def csr_sort():
    keys = np.random.default_rng(0).integers(0, 10**6, 3000)
    work = keys.copy()

    def call():
        work[:] = keys
        csr.sort(work, work.size)

    return call


@case
def csr_unions():
    states, joint_actions, width = 200, 40, 5
    rng, rows = np.random.default_rng(0), states * joint_actions
    index = (rng.integers(0, states, (rows, 1)) + np.arange(width)) % states
    pointer, of_chain = np.arange(rows + 1) * width, np.zeros(states + 1, np.int64)
    columns, mark = index.astype(np.uint32).ravel(), np.zeros(states, np.int64)
    return lambda: csr.count_unions(pointer, columns, joint_actions, mark, of_chain)


@case
def dense_solve_factor():
    chain, lu = np.random.default_rng(0).dirichlet(np.ones(100), 100), np.empty((100, 100))
    routines = np.array([fm.machine.lapack("dgetrf"), fm.machine.lapack("dgetrs")])
    work = np.empty(100, np.int32), routines, np.zeros(4, np.int32)

    def call():
        dense_solve.system(chain, 0.9, lu)
        dense_solve.factor(lu, *work)

    return call


@case
def dense_solve_solve():
    chain, lu = np.random.default_rng(0).dirichlet(np.ones(100), 100), np.empty((100, 100))
    routines = np.array([fm.machine.lapack("dgetrf"), fm.machine.lapack("dgetrs")])
    work = np.empty(100, np.int32), routines, np.zeros(4, np.int32)
    dense_solve.system(chain, 0.9, lu)
    dense_solve.factor(lu, *work)
    right = np.ones((30, 100))

    def call():
        right[:] = 1.0
        dense_solve.solve(lu, *work, right, False)

    return call


@case
def eliminate_with_pivots():
    table, work = numbers(80, 84), np.empty((80, 84))

    def call():
        work[:] = table
        eliminate.eliminate(work, 80, 84)

    return call


@case
def elementary_exp():
    return exp_of_all.bind(Frame(-5 * numbers(20_000), np.empty(20_000)))


@case
def elementary_log():
    return log_of_all.bind(Frame(5 * numbers(20_000) + 1e-3, np.empty(20_000)))


@case
def elementary_power():
    return power_of_all.bind(Frame(5 * numbers(20_000) + 1.0, np.empty(20_000)))


@case
def joint_suffix_weights():
    actions = np.full(10, 3)
    row, offset, out = np.full(30, 1 / 3), np.arange(11) * 3, np.empty(joint.level_sizes((3,) * 10))
    return lambda: joint.suffix_weights(row, actions, offset, 0, 10, -1, out)


@case
def logit_of_stages():
    """Equilibria of the stages that a learner meets."""
    return workloads.Simulation(fm.games.grid_2(ends="first", discount=0.9), fm.rules.NSCPLearner(exploration=1.0), 200)


@case
def occupancy_sweep():
    return occupancy.Sweeps(occupancy.crowd(6, 30), 12)


@case
def occupancy_play():
    play = fanned(play_uniformly.bind(occupancy.Sweeps(occupancy.crowd(6, 30), 12).sweep), 1)
    return lambda: play(0)


@case
def pivoted_elimination():
    from fastmpg.kernels import pivoted  # here, as commits before it run the other cases

    table, work, pivot = numbers(80, 80), numbers(80, 80), np.zeros(80, np.int32)

    def call():
        work[:] = table
        pivoted.eliminate(work, pivot)

    return call


@case
def quantal_branch():
    """The equations of quantal response, and following their solutions."""
    game = fm.games.random_markov(2, (2, 2), 0.9, rng=0)
    return lambda: fm.solvers.quantal_response_tracing(game)


@case
def rng_philox():
    frame = Frame(np.array([1, 2], np.uint64), np.arange(LANES) * 8, np.zeros(LANES**2), np.zeros(LANES * 16))
    draw = numbers_of_steps.bind(frame)
    return lambda: draw(500)


@case
def triangular_solve():
    from fastmpg.kernels import triangular  # here, as commits before it run the other cases

    lu, x = numbers(100, 100) + 100 * np.eye(100), np.ones(100)

    def call():
        x[:] = 1.0
        triangular.solve(lu, x)
        triangular.solve_transposed(lu, x)

    return call


@case
def simplex_softmax():
    given, offset = 5 * numbers(500, 12), np.array([0, 3, 7, 12])
    theta, policy = given.copy(), np.empty_like(given)
    return lambda: simplex.softmax_rows(theta, offset, policy)


@case
def simplex_project():
    rows = numbers(1000, 6)
    return project_all.bind(Frame(rows, np.empty_like(rows)))


@case
def sparse_solve_factor():
    return chain_of_a_game()[0]


@case
def sparse_solve_solve():
    return chain_of_a_game()[1]


def chain_of_a_game(n=1500, width=6):
    """Factors and a solution of a random sparse chain."""
    rng = np.random.default_rng(0)
    index = np.sort(np.stack([rng.permutation(n)[:width] for _ in range(n)]), axis=1).astype(np.uint32).ravel()
    table = np.arange(n + 1) * width, index, rng.dirichlet(np.ones(width), n).ravel()
    small = [np.zeros(n, np.int32) for _ in range(3)]
    room = n * (width + 1)
    made = Factors(*small, np.zeros(n + 1, np.int64), np.zeros(n, np.int64), np.zeros(room, np.uint32), np.zeros(room))
    sparse_solve.factor(*table, 0.95, made)
    found, scratch = np.ones(n), np.zeros((sparse_solve.VECTORS, n))

    def solve():
        found[:] = 1.0
        sparse_solve.solve(*table, 0.95, made, found, False, 0.0, scratch)

    return lambda: sparse_solve.factor(*table, 0.95, made), solve


@case
def vector_dot():
    a = numbers(60_000)
    return lambda: vector.dot(a, a)


@case
def vector_gather_dot():
    a, index = numbers(20_000), np.random.default_rng(0).integers(0, 20_000, 20_000)
    return lambda: vector.gather_dot(a, index, 0, a.size, a)


class Kernels:
    """A call of each case."""

    params = [list(CASES)]
    param_names = ["case"]
    rounds, repeat = 2, (5, 20, 2.0)
    timeout = 120

    def setup(self, name):
        self.call = CASES[name]()
        self.call()

    def time_kernel(self, name):
        self.call()
