"""The feedback that exact rules learn from: values, visitation and marginalised Q of the current policy.

    V_i = (I - gamma P^pi)^-1 (r_i^pi + tau H(pi_i))        d = (1 - gamma) rho^T (I - gamma P^pi)^-1
    Qbar_i(s, a_i) = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) V_i(t)

with r_i(s, a_i) and P_i the marginal model of player i against the others (Zhang et al. 2022, section 2; with tau > 0 the
entropy-regularised values of Sun et al. 2024, section IV-C, where Qbar holds no entropy at s itself).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _jit
from .. import policy as _policy
from .._check import Float
from .._jit import attach, inlined, kernel
from ..kernels.simplex import entropy
from ..models.game import Game, contract, factor, lookahead, solve

PARALLEL_WORK = 200_000  # table entries (about 100 us) below which threads cost more than they bring


@kernel
def stage_payoffs(reward, policy, offset, tau, out):
    """out[i, s] = sum_a pi_i(a | s) r_i(s, a) + tau H(pi_i(. | s)).    reward, policy (S, A_total)   out (N, S)"""
    for i in range(offset.size - 1):
        for s in range(policy.shape[0]):
            total = 0.0
            for c in range(offset[i], offset[i + 1]):
                total += policy[s, c] * reward[s, c]
            if tau != 0.0:
                total += tau * entropy(policy[s, offset[i]:offset[i + 1]])
            out[i, s] = total


@kernel
def discounted_visits(model, oracle):
    """d from a factored chain; sums to 1."""
    for s in range(oracle.visit.size):
        oracle.rhs[0, s] = (1.0 - model.discount) * model.initial[s]
    if model.discount > 0.0:
        solve(model, oracle.work, oracle.rhs, True)
        for s in range(oracle.visit.size):
            oracle.visit[s] = oracle.rhs[0, s]
    else:
        for s in range(oracle.visit.size):
            oracle.visit[s] = model.initial[s]


@inlined
def finish(model, oracle, policy):
    """Values and marginalised Q from a contracted model; P^pi is left factored. Without a future, Qbar is the reward itself."""
    if oracle.wants_value:
        stage_payoffs(oracle.work.reward, policy, oracle.offset, oracle.temperature, oracle.value)
    if model.discount > 0.0:
        factor(model, oracle.work)
        if oracle.shared:
            solve(model, oracle.work, oracle.value[:1], False)
            for i in range(1, oracle.value.shape[0]):
                for s in range(oracle.value.shape[1]):
                    oracle.value[i, s] = oracle.value[0, s]
        else:
            solve(model, oracle.work, oracle.value, False)
        for i in range(oracle.value.shape[0]):
            lookahead(model, oracle.work, policy, i, oracle.value[i], oracle.q_bar)


@inlined
def evaluate_into(model, oracle, policy):
    """Everything that the oracle is asked for, from a checked policy."""
    contract(model, oracle.work, policy)
    finish(model, oracle, policy)
    if oracle.wants_visit:
        discounted_visits(model, oracle)


@inlined
def _observe(oracle, model, state, key, k):
    evaluate_into(model, oracle, state.policy)


@attach(observe=_observe)
class Oracle(NamedTuple):
    """Exact feedback: what a rule that may ask for expectations sees.

    Attributes
    ----------
    value (N, S), q_bar (S, A_total)
        Values and marginalised Q of the current policy, with entropy at ``temperature`` when that is not 0.
    visit (S,)
        Discounted visitation, if the rule asked for it.
    offset (N + 1,)
        First column of every player.
    discount, temperature : float
    work, deviation, scratch, best, rhs, row, shared, wants_value, wants_visit
        Workspace.
    """

    value: Any
    q_bar: Any
    visit: Any
    offset: Any
    discount: float
    temperature: float
    wants_value: bool
    wants_visit: bool
    shared: bool
    work: Any
    deviation: Any
    scratch: Any
    best: Any
    rhs: Any
    row: Any

    @classmethod
    def create(cls, game: Game, *, temperature: float = 0.0, wants_value: bool = True, wants_visit: bool = True,
               threads: int | None = None, beside: Oracle | None = None) -> Oracle:
        """Workspace for the exact feedback of one run.

        ``threads`` defaults to as many as numba has where the game is large enough for them to pay. ``beside``: the workspace of a
        run on the same game that never moves at the same time, to be shared.

        Raises
        ------
        TypeError
            If the game is a simulator.
        """
        if not game.exact:
            game.workspace()
        shared = game.shares_reward and (temperature == 0.0 or game.num_players == 1)
        flags: dict[str, Any] = {"temperature": float(temperature), "wants_value": bool(wants_value or game.discount > 0.0),
                                 "wants_visit": bool(wants_visit), "shared": shared}
        if beside is not None:
            return beside._replace(**flags)
        shape, columns = (game.num_players, game.num_states), (game.num_states, sum(game.num_actions))
        if threads is None:
            threads = _jit.threads() if game.work_size > PARALLEL_WORK else 1
        work = game.workspace(threads)
        return cls(value=np.zeros(shape), q_bar=work.reward if game.discount == 0.0 else np.zeros(columns), visit=np.zeros(game.num_states),
                   offset=game.offset, discount=game.discount, work=work, deviation=np.zeros(columns), scratch=np.zeros(columns),
                   best=np.zeros(game.num_states), rhs=np.zeros((1, game.num_states)), row=np.zeros(max(game.num_actions)), **flags)


def contracted(game: Game, policy: Any, *, temperature: float = 0.0, wants_visit: bool = True) -> tuple[Oracle, Float]:
    """An oracle that has evaluated a checked copy of the policy, and that copy."""
    table = _policy.check_policy(game, policy)
    oracle = Oracle.create(game, temperature=temperature, wants_visit=wants_visit)
    with _jit.parallel_region(game.work_size > PARALLEL_WORK):
        evaluate_into(game.model, oracle, table)
    return oracle, table
