"""Dense tables: P (S, J, S) is read once an evaluation, and never again by values, gradients or best responses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ...kernels import csr
from ...kernels.contract_dense import contract_states
from ...kernels.joint import cut_players, own_action_last, scratch_sizes
from ...machine import UNCOMPILED, array_at, attach, call, fanned, inlined, lapack, unit
from ...machine.vectors import LANES, aligned
from ..chain import CHAIN


class DenseScratch(NamedTuple):
    """What a contraction reads and fills: the model (a :class:`DenseModel`), and

    reward (S, A_total)   p_bar (S, A_total, S)   chain (S, S)
    lead, tail, x, y, others: one row for every share of the states   rows, paid: see
    :func:`contract_narrow`
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
    rows: Any
    paid: Any


class DenseWork(NamedTuple):
    """reward, p_bar, chain: as in ``DenseScratch``   lu (S, S), pivot, routines, scalars: factors   contraction:
    bound
    """

    reward: Any
    p_bar: Any
    chain: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any
    contraction: Any


@unit
def contract_share(frame, share, policy):
    """One share of the states of a :class:`DenseScratch`.    policy: the address of (S, A_total)"""
    m, shares = frame.model, frame.lead.shape[0]
    n_states = frame.reward.shape[0]
    contract_states(m.rewards, m.transitions, array_at(policy, frame.reward.shape, np.float64), m.n_actions, m.offset,
                    m.cut, n_states * share // shares, n_states * (share + 1) // shares, frame.lead[share],
                    frame.tail[share], frame.x[share], frame.y[share], frame.others[share], frame.rows, frame.paid,
                    frame.reward, frame.p_bar, frame.chain)


NARROW = 2**17  # numbers of padded tables


def _narrow(n_states: int, actions: tuple[int, ...], planes: int) -> bool:
    """Whether a workspace keeps tables as rows of a vector: few states, few actions, and everybody's own rewards."""
    own = planes == len(actions) > 1
    return bool(own and n_states <= LANES and max(actions) <= LANES and math.prod(actions) * n_states * LANES <= NARROW)


def share_sizes(n_states: int, actions: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers in lead, tail, x, y and others of a share: x and y hold rows of whole vectors, x one more to spare."""
    whole = -(-n_states // LANES) * LANES
    lead, tail, x, y, others = scratch_sizes(actions, cut_players(actions, n_states), whole)
    return lead, tail, x + LANES, y, others


def scratch_numbers(n_states: int, actions: tuple[int, ...], planes: int, shares: int) -> int:
    """How many there are in :func:`scratch_of`."""
    joint, beside = math.prod(actions), 0
    if _narrow(n_states, actions, planes):
        beside = n_states * LANES * (joint + planes * (joint // min(actions)))
    return shares * sum(share_sizes(n_states, actions)) + beside


def scratch_of(model: DenseModel, shares: int) -> list[Any]:
    """lead, tail, x, y, others, rows and paid of :class:`DenseScratch`."""
    actions, n_states = tuple(map(int, model.n_actions)), model.transitions.shape[0]
    sizes = share_sizes(n_states, actions)
    rows, paid = aligned(0), aligned(0)
    if _narrow(n_states, actions, model.rewards.shape[0]):
        rows, paid = aligned(model.transitions.size // n_states * LANES), own_action_last(model.rewards, actions)
        rows.reshape(-1, LANES)[:, :n_states] = model.transitions.reshape(-1, n_states)
    return [*(aligned(shares * n).reshape(shares, n) for n in sizes), rows, paid]


def work_bytes(n_states: int, actions: tuple[int, ...], planes: int, shares: int) -> int:
    """Bytes of :func:`workspace`, as a Python integer."""
    scratch = scratch_numbers(n_states, actions, planes, shares)
    return 8 * (n_states * sum(actions) * (n_states + 1) + 2 * n_states**2 + scratch)


def workspace(game: Any, threads: int) -> DenseWork:
    """Room for one evaluation of a dense game, and its contraction in shares of the states."""
    actions, n_states = sum(game.num_actions), game.num_states
    shares = 1 if UNCOMPILED else min(threads, n_states)
    reward, p_bar = np.zeros((n_states, actions)), np.zeros((n_states, actions, n_states))
    chain, lu = np.zeros((n_states, n_states)), np.zeros((n_states, n_states))
    frame = DenseScratch(game.held, reward, p_bar, chain, *scratch_of(game.model, shares))
    return DenseWork(reward, p_bar, chain, lu, np.zeros(n_states, np.int32),
                     np.array([lapack("dgetrf"), lapack("dgetrs")]), np.zeros(4, np.int32),
                     fanned(contract_share.bind(frame), shares))


def dense_rows(transitions: ArrayLike, joint: int, dtype: str, copy: bool,
               where: Callable[[int], str]) -> tuple[NDArray[Any], float]:
    """P (S, J, S), checked, settled and stored as ``dtype``, and the largest change that settling took."""
    moves, from_single, own = _check.law_table(transitions, "transitions", copy=copy and dtype == "float64")
    n_states = moves.shape[-1]
    moves, change = _check.transitions(moves.reshape(n_states, joint, n_states), from_single, where, own=own)
    if dtype == "float64":
        return moves, change
    stored = moves.astype(np.float32)
    csr.settle_single(np.arange(0, stored.size + 1, n_states), stored.reshape(-1))
    return stored, change


@inlined
def _contract(model, work, policy):
    """Reward, transitions and chain at ``policy`` (S, A_total), by shares: see :func:`contract_share`."""
    call(work.contraction, (0, policy.ctypes.data))


@attach(contract=_contract, **CHAIN)
class DenseModel(NamedTuple):
    """rewards (N, S, J) own action first, or (1, S, J)   transitions (S, J, S), double or single
    discount   initial (S,)   n_actions (N,)   offset (N + 1,)

    cut: first player of the contraction's tail group   missing (K,): places in a flat (S, A_total)
    """

    rewards: Any
    transitions: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    cut: int
    missing: Any
