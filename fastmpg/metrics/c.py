"""c(pi) = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s): Zhang et al. (2022), eq. (7)."""

from __future__ import annotations

import math
from typing import Any

from ..feedback.bench import ask
from ..machine import kernel, unit
from ..models.game import Game
from .metric import Metric, as_recorded
from .origin import centred

__all__ = ["c"]

TIED = 1e-12  # of the largest Q in the state, to which its rounding is relative: this close to the best counts as best


@kernel
def greedy_mass(q_bar, policy, offset):
    """c(pi): the least probability that a player gives to its best actions in a state."""
    least = 1.0
    for s in range(q_bar.shape[0]):
        for i in range(offset.size - 1):
            top, size = -math.inf, 0.0
            for c in range(offset[i], offset[i + 1]):
                top = max(top, q_bar[s, c])
                size = max(size, abs(q_bar[s, c]) if q_bar[s, c] != -math.inf else 0.0)
            mass = 0.0
            for c in range(offset[i], offset[i + 1]):
                if q_bar[s, c] >= top - TIED * size:
                    mass += policy[s, c]
            least = min(least, mass)
    return least


@unit
def write(frame, row):
    """The least mass on best actions.    out (K,)"""
    frame.out[row] = greedy_mass(frame.desk.q_bar, frame.desk.policy, frame.desk.offset)


METRIC = Metric("c", (), "c(π), mass on best actions", write, differences=True)
_MASS = as_recorded(METRIC)


def c(game: Game, policy: Any) -> Any:
    """c(pi): the least probability that a player gives to its best actions in a state.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    float, of a stack ndarray (...)

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.c(game, fm.uniform_policy(game))
    0.3333333333333333

    Notes
    -----
    Zhang et al. (2022), eq. (7).
    """
    out = ask(centred(game)[0], policy, _MASS)[..., 0]
    return float(out) if out.ndim == 0 else out
