"""Dense tables: P (S, J, S) is read once an evaluation, and never again by values, gradients or best responses."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._jit import UNCOMPILED, attach, inlined, spread
from ...kernels.contract_dense import POLICY, contract_states
from ..chain import CHAIN


class DenseWork(NamedTuple):
    """reward (S, A_total)   p_bar (S, A_total, S)   chain (S, S)   lu, pivot, routines, scalars: factors

    lead, tail, x, y, others: scratch of the contraction, one row for every share of the states
    plan: of the contraction (empty when uncompiled)
    """

    reward: Any
    p_bar: Any
    chain: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any
    lead: Any
    tail: Any
    x: Any
    y: Any
    others: Any
    plan: Any


def _contract(model, work, policy):
    contract_states(model.rewards, model.transitions, policy, model.n_actions, model.offset, model.cut, 0, policy.shape[0],
                    work.lead[0], work.tail[0], work.x[0], work.y[0], work.others[0], work.reward, work.p_bar, work.chain)


if not UNCOMPILED:

    @inlined
    def _contract(model, work, policy):
        work.plan[POLICY] = policy.ctypes.data
        spread(work.plan)


@attach(contract=_contract, **CHAIN)
class DenseModel(NamedTuple):
    """rewards (N, S, J) own action first, or (1, S, J)   transitions (S, J, S)   discount   initial (S,)   n_actions (N,)   offset (N + 1,)

    cut: first player of the contraction's tail group
    """

    rewards: Any
    transitions: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    cut: int
