"""The gradient of the values in softmax parameters.

    grad_norm = 2-norm over all players and states of dV_i(rho)/dtheta_i = d(s) pi_i(a | s) Abar_i(s, a) / (1 - gamma)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._check import Float
from ..feedback.desk import evaluated
from ..machine import kernel
from ..models.game import Game


@kernel
def gradient_into(value, q_bar, visit, policy, offset, discount, out):
    """Softmax-parameter gradient (S, A_total)."""
    for s in range(q_bar.shape[0]):
        weight = visit[s] / (1.0 - discount)
        for i in range(offset.size - 1):
            for c in range(offset[i], offset[i + 1]):
                out[s, c] = weight * policy[s, c] * (q_bar[s, c] - value[i, s])


@kernel
def norm(table):
    """Square root of the sum of squares."""
    total = 0.0
    for s in range(table.shape[0]):
        for c in range(table.shape[1]):
            total += table[s, c] * table[s, c]
    return math.sqrt(total)


def gradient(game: Game, policy: Any) -> Float:
    """dV_i(rho)/dtheta_i in every player's own softmax parameters, (S, A_total) (Zhang et al. 2022, eq. 4)."""
    oracle = evaluated(game, policy)
    out = np.zeros_like(oracle.policy)
    gradient_into(oracle.value, oracle.q_bar, oracle.visit, oracle.policy, oracle.offset, game.discount, out)
    return out


def grad_norm(game: Game, policy: Any) -> Float:
    """2-norm of :func:`gradient` per player, (N,); the papers' scalar is the 2-norm of these."""
    parts = np.add.reduceat(gradient(game, policy) ** 2, game.offset[:-1], axis=1)
    return np.sqrt(parts.sum(axis=0))
