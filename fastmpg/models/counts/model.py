"""Count games for compiled code: the model, its workspace, and the contraction by laws of counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...kernels.contract_counts import contract_units
from ...machine import array_at, attach, call, inlined, unit
from ..chain import CHAIN


class CountScratch(NamedTuple):
    """What a contraction reads and fills: the model (a :class:`CountModel`), and

    reward (S, A_total)   p_bar (S, A_total, S)   chain (S, S)   floats, ints: one row for every share of the states
    """

    model: Any
    reward: Any
    p_bar: Any
    chain: Any
    floats: Any
    ints: Any


class CountWork(NamedTuple):
    """reward, p_bar, chain: as in ``CountScratch``   lu (S, S), pivot, routines, scalars: factors   contraction:
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
    """One share of the states, or of their halves, of a :class:`CountScratch`.    policy: the address of (S,
    A_total)
    """
    m, shares = frame.model, frame.floats.shape[0]
    parts = 1 if shares == 1 else 2
    units = parts * frame.reward.shape[0]
    contract_units(m.kind, m.payoff_kind, m.rewards, m.transitions, m.choose, m.layout,
                   array_at(policy, frame.reward.shape, np.float64), m.n_actions[0], parts, units * share // shares,
                   units * (share + 1) // shares, frame.floats[share], frame.ints[share], frame.reward, frame.p_bar,
                   frame.chain)


@inlined
def _contract(model, work, policy):
    """Reward, transitions and chain at ``policy`` (S, A_total), by shares: see :func:`contract_share`."""
    call(work.contraction, (0, policy.ctypes.data))


@attach(contract=_contract, **CHAIN)
class CountModel(NamedTuple):
    """rewards (1 or N, S, L, N + 1) or (1, S, C, L or 1)   transitions (L, m, N + 1, m), (1, S, C, S) or (1, 1, S, S)

    choose (L + 1, N + 3): C(u + d - 1, d)   layout: cuts of the scratch rows
    kind, payoff_kind: see :mod:`...kernels.contract_counts`
    discount   initial (S,)   n_actions (N,)   offset (N + 1,)   missing (K,): places in a flat (S, A_total)
    C count vectors in the order of :mod:`...kernels.count_laws`
    """

    rewards: Any
    transitions: Any
    choose: Any
    layout: Any
    kind: int
    payoff_kind: int
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    missing: Any
