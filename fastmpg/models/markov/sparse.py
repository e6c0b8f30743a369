"""Sparse transitions: CSR rows s J + j, never densified.

An entry names a place in the union of all states that any joint action in s can lead to, which is also the pattern
of the chain P^pi. Where that union is short beside the rows (local moves), a contraction reads P once and leaves every
player's marginal transitions behind; else rows are read again for each value function, and nothing larger than the game
is formed. Chains of few states are solved densely, others iteratively with a certified residual, see
:mod:`fastmpg.kernels.sparse_solve`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...kernels import dense_solve, sparse_solve
from ...kernels.contract_sparse import ALL, CHAIN, contract_states, look_states
from ...kernels.joint import scratch_sizes
from ...kernels.simplex import entropy
from ...machine import UNCOMPILED, Held, array_at, attach, call, fanned, inlined, kernel, lapack, unit

DIRECT = 128  # states up to which a sparse chain is solved densely: 128 kB, a few tens of microseconds
MARGINAL = 2  # marginal transitions are kept where they hold at most this many numbers for every stored transition


class Factors(NamedTuple):
    """Incomplete factors of a chain, states in the order of elimination (see :func:`.sparse_solve.factor`).

    order, rank (S,): that order and its inverse   here (S,) scratch
    start (S + 1,), middle (S,): rows and their diagonals
    column, value: the entries; a diagonal is kept inverted
    """

    order: Any
    rank: Any
    here: Any
    start: Any
    middle: Any
    column: Any
    value: Any


class SparseScratch(NamedTuple):
    """What the passes over P read and fill: the model (a :class:`SparseModel`), and

    reward (S, A_total)   p_bar (A_total pattern,) or (0,)   chain (pattern,)
    lead, tail, x, y, others, near, plane: one row for every share of the states
    """

    model: Any
    reward: Any
    p_bar: Any
    chain: Any
    lead: Any
    tail: Any
    x: Any
    y: Any
    others: Any
    near: Any
    plane: Any


class Chain(NamedTuple):
    """What the iterative solver reads and fills: I - gamma P without the zeros of P, its factors, and scratch.

    pointer (S + 1,), index (pattern,), value (pattern,)   factors: :class:`Factors`
    scratch (shares, VECTORS, S)   residual (N,)
    numbers (2,): discount, and the share of a residual that may be left
    """

    pointer: Any
    index: Any
    value: Any
    factors: Any
    scratch: Any
    residual: Any
    numbers: Any


class SparseWork(NamedTuple):
    """reward, p_bar, chain: as in ``SparseScratch``   lu (S, S) or (0, 0), pivot, routines, scalars: dense factors

    sparse: the :class:`Chain` of the iterative solver   correction (1, S)
    contraction, look: passes over P
    factoring, solution, solution_of_one: the solver, for several right-hand sides and for one
    """

    reward: Any
    chain: Any
    p_bar: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any
    sparse: Any
    correction: Any
    contraction: Any
    look: Any
    factoring: Any
    solution: Any
    solution_of_one: Any


@unit
def contract_share(frame, share, what, policy):
    """One share of the states of a :class:`SparseScratch`: P^pi and, with ``what`` ALL, the marginals.

    policy: the address of (S, A_total)
    """
    m, shares = frame.model, frame.plane.shape[0]
    n_states = frame.reward.shape[0]
    contract_states(what, m.rewards, m.pointer, m.probability, m.slot, m.chain_pointer,
                    array_at(policy, frame.reward.shape, np.float64), m.n_actions, m.offset, m.cut,
                    n_states * share // shares, n_states * (share + 1) // shares, frame.lead[share], frame.tail[share],
                    frame.x[share], frame.y[share], frame.others[share], frame.reward, frame.p_bar, frame.chain)


@unit
def look_share(frame, share, i, policy, value, q):
    """One share of the states of :func:`.contract_sparse.look_states`.

    policy, value, q: addresses of (S, A_total), (S,), (S, A_total)
    """
    m, shares = frame.model, frame.plane.shape[0]
    n_states = frame.reward.shape[0]
    look_states(i, m.pointer, m.probability, m.slot, m.chain_pointer, m.chain_index, m.discount,
                array_at(policy, frame.reward.shape, np.float64), m.n_actions, m.offset, n_states * share // shares,
                n_states * (share + 1) // shares, frame.plane[share], frame.others[share], frame.near[share],
                frame.reward, frame.p_bar, array_at(value, (n_states,), np.float64),
                array_at(q, frame.reward.shape, np.float64))


@unit
def factor_chain(frame):
    """Incomplete factors of a :class:`Chain`."""
    sparse_solve.factor(frame.pointer, frame.index, frame.value, frame.numbers[0], frame.factors)


@unit
def solve_share(frame, share, shares, transposed, rhs, count):
    """One of ``shares`` shares of the right-hand sides.    rhs: the address of (count, S)"""
    n_states = frame.pointer.size - 1
    sparse_solve.solve_some(frame.pointer, frame.index, frame.value, frame.numbers[0], frame.factors,
                            array_at(rhs, (count, n_states), np.float64), count * share // shares,
                            count * (share + 1) // shares, transposed != 0, frame.numbers[1], frame.scratch[share],
                            frame.residual)


@inlined
def _pass(what, model, work, policy):
    """One pass over P at ``policy`` (S, A_total), by shares; ``what``: see contract_sparse."""
    call(work.contraction, (0, what, policy.ctypes.data))


@inlined
def _lookahead(model, work, policy, i, value, q):
    """q[s, c] = reward[s, c] + gamma sum_t P_i(t | s, c) value(t) in the columns of player i, by shares.

    policy, q (S, A_total)   value (S,)
    """
    call(work.look, (0, i, policy.ctypes.data, value.ctypes.data, q.ctypes.data))


@kernel
def _contract(model, work, policy):
    """Reward, chain and, where they are kept, every player's transitions at ``policy`` (S, A_total)."""
    _pass(ALL, model, work, policy)


@inlined
def _iterate(work, rhs, transposed, share):
    """Solve for rhs (R, S) iteratively, in place, until at most ``share`` of it is left (0: to rounding)."""
    work.sparse.numbers[1] = share
    if rhs.shape[0] == 1:
        call(work.solution_of_one, (0, 1, transposed, rhs.ctypes.data, 1))
    else:
        call(work.solution, (0, work.sparse.scratch.shape[0], transposed, rhs.ctypes.data, rhs.shape[0]))


@kernel
def _factor(model, work):
    """Ready the chain of the contracted policy: LU factors where it is solved densely, else incomplete ones.

    work.lu (S, S), or (0, 0) where chains are solved iteratively
    """
    n_states = work.lu.shape[0]
    if n_states > 0:
        for s in range(n_states):
            for t in range(n_states):
                work.lu[s, t] = 0.0
            work.lu[s, s] = 1.0
            for k in range(model.chain_pointer[s], model.chain_pointer[s + 1]):
                work.lu[s, model.chain_index[k]] -= model.discount * work.chain[k]
        dense_solve.factor(work.lu, work.pivot, work.routines, work.scalars)
    else:
        sparse_solve.pack(model.chain_pointer, model.chain_index, work.chain, work.sparse.pointer, work.sparse.index)
        call(work.factoring, ())


@kernel
def _deviate(model, work, policy, i):
    """As :func:`_factor`, the chain that of player i's columns of ``policy`` (S, A_total).

    From p_bar, [A_total first + c width + e] in a state with ``width`` next states, or by another pass over P.
    """
    if work.p_bar.size == 0:
        _pass(CHAIN, model, work, policy)
    else:
        columns = policy.shape[1]
        for s in range(policy.shape[0]):
            first, last = model.chain_pointer[s], model.chain_pointer[s + 1]
            width, out = last - first, work.chain[first:last]
            for e in range(width):
                out[e] = 0.0
            for c in range(model.offset[i], model.offset[i + 1]):
                weight = policy[s, c]
                if weight != 0.0:
                    row = work.p_bar[columns * first + c * width:columns * first + (c + 1) * width]
                    for e in range(width):
                        out[e] += weight * row[e]
    _factor(model, work)


@kernel
def _solve(model, work, rhs, transposed):
    """rhs (R, S) <- (I - gamma P)^-1 rhs, or by the transpose, P the chain factored last."""
    if work.lu.shape[0] > 0:
        dense_solve.solve(work.lu, work.pivot, work.routines, work.scalars, rhs, transposed)
    else:
        _iterate(work, rhs, transposed, 0.0)


@kernel
def _improve(model, work, policy, i, tau, q, value, share):
    """Add to ``value`` a correction from the same chain, its Bellman residual on the right: it need not be exact.

    policy, q (S, A_total)   value (S,)
    """
    rhs = work.correction if work.lu.shape[0] == 0 else value.reshape((1, value.size))
    direct, table = work.lu.shape[0] > 0, work.reward if work.lu.shape[0] > 0 else q
    for s in range(value.size):
        total = 0.0 if direct else -value[s]
        for c in range(model.offset[i], model.offset[i + 1]):
            if policy[s, c] != 0.0:
                total += policy[s, c] * table[s, c]
        if tau > 0.0:
            total += tau * entropy(policy[s, model.offset[i]:model.offset[i + 1]])
        rhs[0, s] = total
    if direct:
        _solve(model, work, rhs, False)
        return True
    _iterate(work, rhs, False, share)
    for s in range(value.size):
        value[s] += rhs[0, s]
    return share == 0.0


@kernel
def _push(model, work, law, out):
    """out(t) = sum_s law(s) P^pi(t | s), from work.chain on its pattern.    law, out (S,)"""
    for t in range(out.size):
        out[t] = 0.0
    for s in range(law.size):
        if law[s] != 0.0:
            for k in range(model.chain_pointer[s], model.chain_pointer[s + 1]):
                out[model.chain_index[k]] += law[s] * work.chain[k]


@kernel
def _pull(model, work, value, out):
    """out(s) = sum_t P^pi(t | s) value(t), from work.chain on its pattern.    value, out (S,)"""
    for s in range(out.size):
        total = 0.0
        for k in range(model.chain_pointer[s], model.chain_pointer[s + 1]):
            total += work.chain[k] * value[model.chain_index[k]]
        out[s] = total


@attach(contract=_contract, factor=_factor, deviate=_deviate, solve=_solve, lookahead=_lookahead, improve=_improve,
        push=_push, pull=_pull)
class SparseModel(NamedTuple):
    """rewards (N, S, J) own action first, or (1, S, J)

    pointer (S J + 1,), slot, probability: P(t | s, j) in CSR, by the place of t in the union of next states
    chain_pointer (S + 1,), chain_index: that union, the pattern of P^pi
    discount   initial (S,)   n_actions   offset   cut   missing (K,): places in a flat (S, A_total)
    """

    rewards: Any
    pointer: Any
    probability: Any
    slot: Any
    chain_pointer: Any
    chain_index: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    cut: int
    missing: Any


def table_bytes(n_states: int, joint: int, planes: int, entries: int, pattern: int, item: int) -> int:
    """Bytes of a sparse game's tables, as a Python integer."""
    wide = planes * n_states * joint + n_states * joint + 1 + 2 * n_states + 1
    return 8 * wide + entries * (item + 4) + 4 * pattern


class Layout(NamedTuple):
    """Sizes of a workspace, from numbers that are known before any table is."""

    n_states: int
    actions: tuple[int, ...]
    cut: int
    entries: int
    pattern: int
    widest: int

    @property
    def marginal(self) -> bool:
        """Whether every player's marginal transitions are kept."""
        return sum(self.actions) * self.pattern <= MARGINAL * self.entries

    @property
    def side(self) -> int:
        """Of the dense factors."""
        return self.n_states if self.n_states <= DIRECT else 0

    @property
    def factor_entries(self) -> int:
        """Room for the incomplete factors."""
        return 0 if self.side else min(self.pattern + self.n_states, (sparse_solve.WIDTH + 1) * self.n_states)

    @property
    def scratch(self) -> tuple[int, ...]:
        """Lengths of lead, tail, x, y, others and near."""
        return *scratch_sizes(self.actions, self.cut, self.widest if self.marginal else 1), self.widest

    def bytes(self, threads: int) -> int:
        """What :meth:`workspace` allocates."""
        shares, columns, solver = min(threads, self.n_states), sum(self.actions), 0
        if not self.side:
            solvers = min(threads, len(self.actions))
            solver = self.n_states * (8 * (sparse_solve.VECTORS * solvers + 1)
                                      + 36) + 12 * self.factor_entries + 4 * self.pattern
        numbers = self.n_states * columns + self.pattern * (1 + columns * self.marginal) + self.side**2
        return 8 * (numbers + shares * (sum(self.scratch) + math.prod(self.actions))) + solver

    def workspace(self, model: Any, threads: int) -> SparseWork:
        """Scratch arrays."""
        n, side = self.n_states, self.side
        shares, rest = 1 if UNCOMPILED else min(threads, n), 0 if side else n
        reward, chain = np.zeros((n, sum(self.actions))), np.zeros(self.pattern)
        p_bar = np.zeros(sum(self.actions) * self.pattern if self.marginal else 0)
        lead, tail, x, y, others, near = (np.zeros((shares, size)) for size in self.scratch)
        plane = np.zeros((shares, math.prod(self.actions)))
        scratch = Held(SparseScratch(model, reward, p_bar, chain, lead, tail, x, y, others, near, plane))
        order, where, here = (np.zeros(rest, np.int32) for _ in range(3))
        factors = Factors(order, where, here, np.zeros(rest + 1, np.int64), np.zeros(rest, np.int64),
                          np.zeros(self.factor_entries, np.uint32), np.zeros(self.factor_entries))
        solvers = 1 if UNCOMPILED else min(threads, len(self.actions))
        sparse = Held(Chain(np.zeros(rest + 1, np.int64), np.zeros(0 if side else self.pattern, np.uint32), chain,
                            factors,
                       np.zeros((solvers, sparse_solve.VECTORS, rest)), np.zeros(len(self.actions)),
                            np.array([model.discount, 0.0])))
        solution = solve_share.bind(sparse)
        return SparseWork(reward, chain, p_bar, np.zeros((side, side)), np.zeros(side, np.int32),
                          np.array([lapack("dgetrf"), lapack("dgetrs")]), np.zeros(4, np.int32), sparse,
                          np.zeros((1, rest)), fanned(contract_share.bind(scratch), shares),
                          fanned(look_share.bind(scratch), shares), factor_chain.bind(sparse),
                          fanned(solution, solvers), solution)
