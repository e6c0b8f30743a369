"""How far a correlated policy, a mixture of recorded ones, is from coarse correlated equilibrium."""

from __future__ import annotations

from typing import Any, Literal, overload

from .._check import Float
from ._correlated import deviation_gaps
from ._interval import Interval

__all__ = ["cce_gap"]


@overload
def cce_gap(game: Any, policies: Any, *, weights: Any = ..., start: Any = ..., certified: Literal[False] = ...
            ) -> Float: ...


@overload
def cce_gap(game: Any, policies: Any, *, weights: Any = ..., start: Any = ..., certified: Literal[True]
            ) -> Interval: ...


def cce_gap(game: Any, policies: Any, *, weights: Any = None, start: Any = None, certified: bool = False) -> Any:
    """What every player could gain by ignoring a correlated policy: the distance from coarse correlated equilibrium.

    In every state, at every step, one of the policies is drawn anew and all play by it: the joint law sigma(a | s) is
    the mixture of their products. Without a future that is the empirical distribution of play. (A policy drawn once for
    all steps is another matter in games of several states: the best reply to it depends on what was seen.)

    Parameters
    ----------
    game : Game
        Whose tables over joint actions can be written down, with a discount below 1.
    policies : array_like (T, S, A_total), Result or its trace
        Such as ``result.trace["policy"]``.
    weights : array_like (T,), optional
        >= 0, divided by their sum; even by default.
    start : None, "worst", "every", int or array_like (S,)
        Where play begins, as in :func:`ne_gap`.
    certified : bool
        Whether to return an :class:`fastmpg.Interval` of such arrays that holds the gap of the game, the policies and
        the weights exactly as they are given.

    Returns
    -------
    ndarray (N,), or Interval, with ``start="every"`` (N, S)
        max over stationary policies pi_i' of V_i(pi_i', sigma_-i) - V_i(sigma), at least 0: exact but for the rounding
        of linear solves. Of one policy alone that is :func:`ne_gap`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        If policies do not fit the game, or its tables do not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> import fastmpg as fm
    >>> chicken = fm.NormalFormGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
    >>> plays = np.array([[[1, 0, 0, 1]], [[0, 1, 1, 0]], [[0, 1, 0, 1]]])
    >>> fm.metrics.cce_gap(chicken, plays[:2])  # a coin tells who dares
    array([0., 0.])
    >>> fm.metrics.cce_gap(chicken, plays, weights=[0, 0, 1])
    array([1., 1.])

    Notes
    -----
    Moulin & Vial (1978); in Markov games as of Daskalakis, Golowich & Zhang (2022), with stationary policies.
    """
    return deviation_gaps(game, policies, weights, start, False, certified)
