"""Where a policy over a horizon leads, straight from a game's tables: no player's model is formed on the way.

    O^{t+1}(u) = sum_s O^t(s) sum_a prod_i pi_i^t(a_i | s) P(u | s, a)

Etesami & Straehle (2020), (12), of joint states. States that cannot be met at t cost nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..._check import Float
from ...machine import attach, inlined, method, unit
from .ahead import actions_of
from .dense import DenseModel
from .game import MarkovGame
from .sparse import SparseModel

spread = method("spread")


@inlined
def _spread_dense(model, s, j, weight, out):
    """out (S,) += weight P(. | s, j)."""
    row = model.transitions[s, j]
    for u in range(out.size):
        out[u] += weight * row[u]


@inlined
def _spread_sparse(model, s, j, weight, out):
    """out (S,) += weight P(. | s, j), by the row's own entries."""
    row, first = s * model.rewards.shape[2] + j, model.chain_pointer[s]
    for k in range(model.pointer[row], model.pointer[row + 1]):
        out[model.chain_index[first + model.slot[k]]] += weight * model.probability[k]


attach(spread=_spread_dense)(DenseModel)
attach(spread=_spread_sparse)(SparseModel)


class Forward(NamedTuple):
    """What :func:`laws_of_horizon` reads and fills.

    model   available (S, A_total) bool   policy (T, S, A_total)   laws (T + 1, S): O^0 is there before
    start (N + 1,), column (A_total,), joint, weights (joint actions,): of one state, scratch
    """

    model: Any
    available: Any
    policy: Any
    laws: Any
    start: Any
    column: Any
    joint: Any
    weights: Any


@unit
def laws_of_horizon(frame):
    """frame.laws[1:], the first stage first."""
    start, weights = frame.start, frame.weights
    for t in range(frame.policy.shape[0]):
        law, out = frame.laws[t], frame.laws[t + 1]
        for u in range(out.size):
            out[u] = 0.0
        for s in range(law.size):
            if law[s] != 0.0:
                actions_of(frame.model, frame.available, s, start, frame.column, frame.joint)
                weights[0], size = law[s], 1
                for i in range(start.size - 2, -1, -1):  # in the order of ``joint``
                    for a in range(start[i + 1] - start[i] - 1, -1, -1):
                        chance = frame.policy[t, s, frame.column[start[i] + a]]
                        for m in range(size):
                            weights[a * size + m] = chance * weights[m]
                    size *= start[i + 1] - start[i]
                for m in range(size):
                    if weights[m] != 0.0:
                        spread(frame.model, s, frame.joint[m], weights[m], out)


def forward(game: MarkovGame, policy: Float, law: Float | None) -> Forward:
    """The workspace for the laws of states under a policy (T, S, A_total), from ``law`` (S,) or the game's own."""
    horizon, states, columns = policy.shape
    joint = math.prod(game.num_actions)
    laws = np.zeros((horizon + 1, states))
    laws[0] = game.initial if law is None else law
    available = np.ones((states, columns), bool) if game.available is None else game.available
    return Forward(game.held, available, policy, laws, np.zeros(game.num_players + 1, np.int64),
                   np.zeros(columns, np.int64), np.zeros(joint, np.int64), np.zeros(joint))
