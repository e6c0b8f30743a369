"""One state, no future: the kernels of a normal-form game, where Q is the marginal reward itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._jit import attach, inlined
from ..kernels.contract_dense import contract_rewards


class StageWork(NamedTuple):
    """reward (1, A_total); the rest is scratch of the contraction."""

    reward: Any
    lead: Any
    tail: Any
    x: Any
    y: Any
    others: Any


@inlined
def _contract(model, work, policy):
    contract_rewards(model.rewards, 0, policy[0], model.n_actions, model.offset, model.cut, work.lead, work.tail, work.x, work.y,
                     work.others, work.reward[0])


@inlined
def _factor(model, work):
    pass


@inlined
def _deviate(model, work, policy, i):
    pass


@inlined
def _solve(model, work, rhs, transposed):
    pass


@inlined
def _lookahead(model, work, policy, i, value, q):
    for c in range(model.offset[i], model.offset[i + 1]):
        q[0, c] = work.reward[0, c]


@attach(contract=_contract, factor=_factor, deviate=_deviate, solve=_solve, lookahead=_lookahead)
class StageModel(NamedTuple):
    """rewards (N, 1, J) own action first, or (1, 1, J)   discount 0   initial (1,)

    n_actions (N,)   offset (N + 1,)   cut: first player of the contraction's tail group
    """

    rewards: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    cut: int
