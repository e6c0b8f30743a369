"""How far two-timescale learners' q-estimates are from what they estimate: Maheshwari et al. (2022), Lemma 3.4.

    error_i = max_{s, a} |q_i(s, a) - Q~_i(s, a; pi)|
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game
from ..policy import check_policies
from .smoothed import smoothed_q

__all__ = ["q_error"]


def q_error(game: Game, policy: Any, q: Any, tau: float) -> Float:
    """Largest |q_i(s, a) - Q~_i(s, a; pi)| of every player, with Q~ of the policy that it plays at the same time.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
        Such as ``trace["policy"]``.
    q : array_like, of the policies' shape
        Such as ``trace["q"]``; what it holds at actions that a player does not have is not read.
    tau : float
        Temperature, >= 0.

    Returns
    -------
    ndarray (N,), of a stack (..., N)

    Raises
    ------
    ValueError, TypeError
        If shapes differ, or an estimate is no finite number.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.routing(2)
    >>> record = fm.Record(steps=[0, 20_000], metrics=("policy", "q"))
    >>> trace = fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 20_000, rng=0, record=record).trace
    >>> error = fm.metrics.q_error(game, trace["policy"], trace["q"], 0.1)
    >>> bool((error[1] < 0.2 * error[0]).all())
    True

    Notes
    -----
    Maheshwari et al. (2022), Lemma 3.4: it goes to 0 along a run, with probability 1.
    """
    table = check_policies(game, policy)
    given = np.asarray(_check.read(q, "q"), np.float64)
    if given.shape != table.shape:
        raise ValueError(f"q must have the policies' shape {table.shape}, found {given.shape}")
    can = np.ones(table.shape[-2:], np.bool_) if game.available is None else game.available
    if not np.isfinite(given[..., can]).all():
        raise ValueError("q must be finite wherever there is an action, found other numbers")
    aim = smoothed_q(game, table, tau)
    off = np.abs(np.subtract(given, aim, out=np.zeros_like(aim), where=np.broadcast_to(can, aim.shape)))
    return np.maximum.reduceat(off, game.offset[:-1], axis=-1).max(axis=-2)
