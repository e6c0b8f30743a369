"""The gradient of the values in softmax parameters, and its norm: Zhang et al. (2022), eq. (4).

    dV_i(rho)/dtheta_i(s, a) = d(s) pi_i(a | s) Abar_i(s, a) / (1 - gamma)

Recorded is the 2-norm over all players, states and actions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._check import Float
from ..feedback.bench import ask
from ..feedback.desk import evaluate_desk, visits_of_desk
from ..kernels.simplex import weighed
from ..machine import Bound, kernel, unit
from ..models.game import Game
from .metric import Metric, Recorded
from .rounding import largest

__all__ = ["grad_norm", "gradient"]


@kernel
def gradient_into(value, q_bar, visit, policy, offset, discount, out):
    """Softmax-parameter gradient (S, A_total)."""
    for s in range(q_bar.shape[0]):
        weight = visit[s] / (1.0 - discount)
        for i in range(offset.size - 1):
            for c in range(offset[i], offset[i + 1]):
                out[s, c] = weight * weighed(policy[s, c], q_bar[s, c] - value[i, s])


@kernel
def norm(table):
    """Square root of the sum of squares.    table (S, A_total)"""
    total = 0.0
    for s in range(table.shape[0]):
        for c in range(table.shape[1]):
            total += table[s, c] * table[s, c]
    if 1e-280 < total < math.inf:
        return math.sqrt(total)
    size = largest(table.reshape(-1))  # squares overflow or vanish where the norm itself does not
    if not 0.0 < size < math.inf:
        return size
    total = 0.0
    for s in range(table.shape[0]):
        for c in range(table.shape[1]):
            total += (table[s, c] / size) ** 2
    return size * math.sqrt(total)


@unit
def write(frame, row):
    """The norm of the gradient, which is left in the scratch table."""
    desk = frame.desk
    gradient_into(desk.value, desk.q_bar, desk.visit, desk.policy, desk.offset, desk.discount, frame.scratch)
    frame.out[row] = norm(frame.scratch)


METRIC = Metric("grad_norm", (), "gradient norm ‖∇V‖₂", write, visits=True, scratch=("S", "A"))


def _gradient(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    """What is left in the scratch table."""
    slope = np.zeros_like(desk.policy)
    frame = Recorded(desk, np.zeros(1), desk.temperature, slope)
    return [evaluate_desk.bind(desk), visits_of_desk.bind(desk), write.bind(frame)], slope


def gradient(game: Game, policy: Any) -> Float:
    """dV_i(rho)/dtheta_i in every player's own softmax parameters.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    ndarray (S, A_total), of a stack (..., S, A_total)

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.gradient(game, fm.uniform_policy(game)).round(4)
    array([[-0.0683,  0.1267, -0.0583,  0.0058, -0.0058]])

    Notes
    -----
    Zhang et al. (2022), eq. (4).
    """
    out = ask(game, policy, _gradient)
    return out.reshape(*out.shape[:-1], game.num_states, sum(game.num_actions))


def grad_norm(game: Game, policy: Any) -> Float:
    """2-norm of :func:`gradient` per player; the papers' scalar is the 2-norm of these.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    ndarray (N,), of a stack (..., N)

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.grad_norm(game, fm.uniform_policy(game)).round(4)
    array([0.1553, 0.0082])

    Notes
    -----
    Zhang et al. (2022), eq. (4).
    """
    slope, first = gradient(game, policy), game.offset[:-1]
    _, power = np.frexp(np.maximum.reduceat(np.abs(slope), first, axis=-1).max(axis=-2, keepdims=True))
    near = np.ldexp(slope, -np.repeat(power, game.num_actions, axis=-1))  # whose squares neither overflow nor vanish
    with np.errstate(over="ignore"):
        return np.ldexp(np.sqrt(np.add.reduceat(near**2, first, axis=-1).sum(axis=-2)), power[..., 0, :])
