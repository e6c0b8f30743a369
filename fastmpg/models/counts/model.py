"""Count games for compiled code: the model, its workspace, and the contraction by laws of counts."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._jit import UNCOMPILED, attach, inlined, spread
from ...kernels import contract_counts
from ...kernels.contract_counts import POLICY
from ..chain import CHAIN


class CountWork(NamedTuple):
    """reward (S, A_total)   p_bar (S, A_total, S)   chain (S, S)   lu, pivot, routines, scalars: factors

    floats, ints: scratch of the contraction, one row for every share of the states
    plan: of the contraction (empty when uncompiled)
    """

    reward: Any
    p_bar: Any
    chain: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any
    floats: Any
    ints: Any
    plan: Any


def _contract(model, work, policy):
    contract_counts.contract_units(model.kind, model.payoff_kind, model.rewards, model.transitions, model.choose, model.layout, policy,
                         model.n_actions[0], 1, 0, policy.shape[0], work.floats[0], work.ints[0], work.reward, work.p_bar, work.chain)


if not UNCOMPILED:

    @inlined
    def _contract(model, work, policy):
        work.plan[POLICY] = policy.ctypes.data
        spread(work.plan)


@attach(contract=_contract, **CHAIN)
class CountModel(NamedTuple):
    """rewards (1 or N, S, L, N + 1) or (1, S, C, L or 1)   transitions (L, m, N + 1, m), (1, S, C, S) or (1, 1, S, S)

    choose (L + 1, N + 3): C(u + d - 1, d)   layout: cuts of the scratch rows   kind, payoff_kind: see :mod:`...kernels.contract_counts`
    discount   initial (S,)   n_actions (N,)   offset (N + 1,)   C count vectors in the order of :mod:`...kernels.count_laws`
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
