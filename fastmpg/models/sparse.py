"""Sparse transitions: CSR rows s J + j, never densified.

The chain P^pi keeps the pattern "all states that any joint action in s can lead to"; ``slot`` sends every stored
transition to its place there. What player i sees of the future is read from the rows again for each value function, so
that no table larger than the game is ever formed. Chains of few states are solved densely, others by BiCGSTAB with a
certified residual.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._jit import attach, kernel
from ..kernels import linear
from ..kernels.joint import suffix_weights
from ..kernels.marginal import contract_own, contract_rewards

DIRECT = 128  # states up to which a sparse chain is solved densely: 128 kB, a few tens of microseconds
TOLERANCE = 1e-14  # relative residual at which the iteration ends; rounding usually ends it first


class SparseWork(NamedTuple):
    """reward (S, A_total)   chain (nnz of the pattern,)   lu (S, S) or (0, 0)   plane (J,)   krylov (7, S)"""

    reward: Any
    chain: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any
    krylov: Any
    plane: Any
    lead: Any
    tail: Any
    x: Any
    y: Any
    others: Any


@kernel
def _mix(model, work, policy):
    """P^pi into the chain."""
    j = 0
    for s in range(policy.shape[0]):
        lead_top = suffix_weights(policy[s], model.n_actions, model.offset, 0, model.cut, -1, work.lead)
        tail_top = suffix_weights(policy[s], model.n_actions, model.offset, model.cut, model.n_actions.size, -1, work.tail)
        for k in range(model.chain_pointer[s], model.chain_pointer[s + 1]):
            work.chain[k] = 0.0
        for l in range(lead_top, work.lead.size):
            for u in range(tail_top, work.tail.size):
                weight = work.lead[l] * work.tail[u]
                if weight != 0.0:
                    for k in range(model.pointer[j], model.pointer[j + 1]):
                        work.chain[model.slot[k]] += weight * model.probability[k]
                j += 1


@kernel
def _contract(model, work, policy):
    for s in range(policy.shape[0]):
        contract_rewards(model.rewards, s, policy[s], model.n_actions, model.offset, model.cut, work.lead, work.tail, work.x, work.y,
                         work.others, work.reward[s])
    _mix(model, work, policy)


@kernel
def _factor(model, work):
    n_states = work.lu.shape[0]
    if n_states > 0:
        for s in range(n_states):
            for t in range(n_states):
                work.lu[s, t] = 0.0
            work.lu[s, s] = 1.0
            for k in range(model.chain_pointer[s], model.chain_pointer[s + 1]):
                work.lu[s, model.chain_index[k]] -= model.discount * work.chain[k]
        linear.factor(work.lu, work.pivot, work.routines, work.scalars)


@kernel
def _deviate(model, work, policy, i):
    _mix(model, work, policy)
    _factor(model, work)


@kernel
def _solve(model, work, rhs, transposed):
    if work.lu.shape[0] > 0:
        linear.solve(work.lu, work.pivot, work.routines, work.scalars, rhs, transposed)
    else:
        for i in range(rhs.shape[0]):
            linear.sparse_solve(model.chain_pointer, model.chain_index, work.chain, model.discount, rhs[i], transposed,
                                TOLERANCE, work.krylov)


@kernel
def _lookahead(model, work, policy, i, value, q):
    n, after = model.n_actions[i], 1
    for d in range(i + 1, model.n_actions.size):
        after *= model.n_actions[d]
    others = work.plane.size // n
    row = 0
    for s in range(policy.shape[0]):
        for l in range(others // after):
            for a in range(n):
                for u in range(after):
                    total = 0.0
                    for k in range(model.pointer[row], model.pointer[row + 1]):
                        total += model.probability[k] * value[model.index[k]]
                    work.plane[a * others + l * after + u] = total
                    row += 1
        contract_own(work.plane, i, policy[s], model.n_actions, model.offset, work.others, q[s])
        for c in range(model.offset[i], model.offset[i + 1]):
            q[s, c] = work.reward[s, c] + model.discount * q[s, c]


@attach(contract=_contract, factor=_factor, deviate=_deviate, solve=_solve, lookahead=_lookahead)
class SparseModel(NamedTuple):
    """rewards (N, S, J) own action first, or (1, S, J)

    pointer (S J + 1,), index, probability: P(t | s, j) in CSR   slot: place in the chain
    chain_pointer (S + 1,), chain_index: the pattern of P^pi   discount   initial (S,)   n_actions   offset   cut
    """

    rewards: Any
    pointer: Any
    index: Any
    probability: Any
    slot: Any
    chain_pointer: Any
    chain_index: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    cut: int
