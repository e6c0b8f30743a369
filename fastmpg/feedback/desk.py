"""Exact evaluation of a policy: values, visitation, marginalised Q, and the workspace for them.

    V_i = (I - gamma P^pi)^-1 (r_i^pi + tau H(pi_i))        d = (1 - gamma) rho^T (I - gamma P^pi)^-1
    Qbar_i(s, a_i) = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) V_i(t)

with r_i(s, a_i) and P_i the marginal model of player i against the others (Zhang et al. 2022, section 2; with tau > 0
the entropy-regularised values of Sun et al. 2024, section IV-C, where Qbar holds no entropy at s itself). Of an action
that a player does not have in a state, r_i(s, a_i) and Qbar_i(s, a_i) are -inf.

A *desk* is one game's workspace: the policy under evaluation, what is found of it, and scratch. What is done at a desk
is a unit over it, compiled once a model and called by address.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import machine
from .._check import Float
from ..kernels.simplex import entropy, weighed
from ..machine import inlined, kernel, unit
from ..models.game import Game, check_discounted, contract, factor, lookahead, solve
from ..policy import check_policy

PARALLEL_WORK = 200_000  # table entries (about 100 us) below which threads cost more than they bring


@kernel
def stage_payoffs(reward, policy, offset, tau, out):
    """out[i, s] = sum_a pi_i(a | s) r_i(s, a) + tau H(pi_i(. | s)).    reward, policy (S, A_total)   out (N, S)"""
    for i in range(offset.size - 1):
        for s in range(policy.shape[0]):
            total = 0.0
            for c in range(offset[i], offset[i + 1]):
                total += weighed(policy[s, c], reward[s, c])
            if tau != 0.0:
                total += tau * entropy(policy[s, offset[i]:offset[i + 1]])
            out[i, s] = total


@kernel
def discounted_visits(model, desk):
    """d from a factored chain; sums to 1.    desk.visit (S,)"""
    for s in range(desk.visit.size):
        desk.rhs[0, s] = (1.0 - model.discount) * model.initial[s]
    if model.discount > 0.0:
        solve(model, desk.work, desk.rhs, True)
        for s in range(desk.visit.size):
            desk.visit[s] = desk.rhs[0, s]
    else:
        for s in range(desk.visit.size):
            desk.visit[s] = model.initial[s]


@inlined
def finish(model, desk, policy):
    """Values and marginalised Q from a contracted model; P^pi is left factored.

    Without a future, Qbar is the reward itself.

    policy, desk.q_bar (S, A_total)   desk.value (N, S)
    """
    if desk.wants_value:
        stage_payoffs(desk.work.reward, policy, desk.offset, desk.temperature[0], desk.value)
    if model.discount > 0.0:
        factor(model, desk.work)
        if desk.shared:
            solve(model, desk.work, desk.value[:1], False)
            for i in range(1, desk.value.shape[0]):
                for s in range(desk.value.shape[1]):
                    desk.value[i, s] = desk.value[0, s]
        else:
            solve(model, desk.work, desk.value, False)
        for i in range(desk.value.shape[0]):
            lookahead(model, desk.work, policy, i, desk.value[i], desk.q_bar)


@inlined
def evaluate_into(model, desk, policy):
    """Everything that the desk is asked for, from a checked policy."""
    contract(model, desk.work, policy)
    finish(model, desk, policy)
    if desk.wants_visit:
        discounted_visits(model, desk)


@unit
def evaluate_desk(desk):
    """Evaluate the policy on the desk."""
    evaluate_into(desk.model, desk, desk.policy)


@unit
def finish_desk(desk):
    """As :func:`evaluate_desk`, where the policy's model was contracted already."""
    finish(desk.model, desk, desk.policy)


@unit
def payoffs_of_desk(desk):
    """The values of a game without a future.    desk.value (N, 1)"""
    stage_payoffs(desk.work.reward, desk.policy, desk.offset, desk.temperature[0], desk.value)


@unit
def visits_of_desk(desk):
    """The visitation, where the chain was factored already."""
    discounted_visits(desk.model, desk)


class Desk(NamedTuple):
    """The workspace of exact evaluation.

    model, work: see :mod:`..models.game`   policy (S, A_total): under evaluation   offset (N + 1,)   discount
    value (N, S), q_bar (S, A_total), visit (S,): what is found, at ``temperature`` (1,), as far as ``wants_value``,
    ``wants_visit`` ask
    shared: whether all players have the same values   fault (1,): of :func:`.bench.put`
    deviation, scratch (S, A_total), best (S,), rhs (1, S), row (largest A_i,): of best responses and single chains
    """

    model: Any
    work: Any
    policy: Any
    value: Any
    q_bar: Any
    visit: Any
    offset: Any
    discount: float
    temperature: Any
    wants_value: bool
    wants_visit: bool
    shared: bool
    fault: Any
    deviation: Any
    scratch: Any
    best: Any
    rhs: Any
    row: Any

    @classmethod
    def create(cls, game: Game, policy: Float | None = None, *, temperature: float = 0.0, wants_value: bool = True,
               wants_visit: bool = True, threads: int | None = None, beside: Desk | None = None) -> Desk:
        """A desk for one game; ``policy`` is the array that will be evaluated, whenever it changes.

        ``threads`` defaults to as many as numba has where the game is large enough for them to pay. ``beside``: the
        desk of a run on the same game that never moves at the same time, to be shared.

        Raises
        ------
        TypeError
            If the game is a simulator.
        ValueError
            If its discount is 1.
        """
        if not game.exact:
            game.workspace()
        check_discounted(game)
        columns = (game.num_states, sum(game.num_actions))
        shared = game.shares_reward and (temperature == 0.0 or game.num_players == 1)
        more: dict[str, Any] = {"temperature": np.array([float(temperature)]),
                                "wants_value": bool(wants_value or game.discount > 0.0),
                                "wants_visit": bool(wants_visit), "shared": shared,
                                "policy": np.zeros(columns) if policy is None else policy}
        if beside is not None:
            return beside._replace(**more)
        if threads is None:
            threads = machine.threads() if game.work_size > PARALLEL_WORK else 1
        work = game.workspace(threads)
        return cls(model=game.held, work=work, value=np.zeros((game.num_players, game.num_states)),
                   q_bar=work.reward if game.discount == 0.0 else np.zeros(columns), visit=np.zeros(game.num_states),
                   offset=game.offset, discount=game.discount, fault=np.zeros(1, np.int64), deviation=np.zeros(columns),
                   scratch=np.zeros(columns), best=np.zeros(game.num_states), rhs=np.zeros((1, game.num_states)),
                   row=np.zeros(max(game.num_actions)), **more)

    def at(self, temperature: float, game: Game) -> Desk:
        """The same work at another temperature: what is found lies apart from what was found here."""
        q_bar = self.q_bar if game.discount == 0.0 else np.zeros_like(self.q_bar)
        return self._replace(temperature=np.array([temperature]), wants_value=True, value=np.zeros_like(self.value),
                             q_bar=q_bar, visit=np.zeros_like(self.visit), shared=game.shares_reward
                             and (temperature == 0.0 or game.num_players == 1))

    def warm(self, game: Game) -> Desk:
        """The same desk for work at a temperature above 0, to be written into ``temperature``."""
        return self._replace(temperature=np.ones(1), shared=game.shares_reward and game.num_players == 1)


def evaluated(game: Game, policy: Any, *, temperature: float = 0.0, wants_visit: bool = True) -> Desk:
    """A desk of its own that has evaluated a checked copy of the policy."""
    desk = Desk.create(game, check_policy(game, policy), temperature=temperature, wants_visit=wants_visit)
    with machine.parallel_region(game.work_size > PARALLEL_WORK):
        evaluate_desk.bind(desk)()
    return desk
