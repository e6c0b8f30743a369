"""Dense tables: P (S, J, S) is read once an evaluation, and never again by values, gradients or best responses."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...kernels.contract_dense import contract_states
from ...kernels.joint import cut_players, own_action_last, scratch_sizes
from ...machine import array_at, attach, call, inlined, unit
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


@inlined
def _contract(model, work, policy):
    """Reward, transitions and chain at ``policy`` (S, A_total), by shares: see :func:`contract_share`."""
    call(work.contraction, (0, policy.ctypes.data))


@attach(contract=_contract, **CHAIN)
class DenseModel(NamedTuple):
    """rewards (N, S, J) own action first, or (1, S, J)   transitions (S, J, S)   discount   initial (S,)   n_actions
    (N,)   offset (N + 1,)

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
