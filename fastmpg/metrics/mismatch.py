"""M(pi) = max_s 1 / d(s): Zhang et al. (2022), eq. (7)."""

from __future__ import annotations

import math
from typing import Any

from ..feedback.bench import ask
from ..machine import kernel, unit
from ..models.game import Game
from .metric import Metric, as_recorded

__all__ = ["mismatch"]


@kernel
def mismatch_of(visit):
    """M(pi) = max_s 1 / d(s)."""
    least = math.inf
    for s in range(visit.size):
        least = min(least, visit[s])
    return 1.0 / least


@unit
def write(frame, row):
    """One over the least visitation."""
    frame.out[row] = mismatch_of(frame.desk.visit)


METRIC = Metric("mismatch", (), "mismatch M(π)", write, visits=True)
_MISMATCH = as_recorded(METRIC)


def mismatch(game: Game, policy: Any) -> Any:
    """M(pi) = max_s 1 / d(s), infinite when a state is never visited.

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
    >>> fm.metrics.mismatch(game, fm.uniform_policy(game))
    1.0

    Notes
    -----
    Zhang et al. (2022), eq. (7).
    """
    out = ask(game, policy, _MISMATCH)[..., 0]
    return float(out) if out.ndim == 0 else out
