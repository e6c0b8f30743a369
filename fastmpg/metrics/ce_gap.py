"""How far a correlated policy, a mixture of recorded ones, is from correlated equilibrium."""

from __future__ import annotations

from typing import Any, Literal, overload

from .._check import Float
from ._correlated import deviation_gaps
from ._interval import Interval

__all__ = ["ce_gap"]


@overload
def ce_gap(game: Any, policies: Any, *, weights: Any = ..., start: Any = ..., certified: Literal[False] = ...
           ) -> Float: ...


@overload
def ce_gap(game: Any, policies: Any, *, weights: Any = ..., start: Any = ..., certified: Literal[True]
           ) -> Interval: ...


def ce_gap(game: Any, policies: Any, *, weights: Any = None, start: Any = None, certified: bool = False) -> Any:
    """What every player could gain by replacing what it is told to do: the distance from correlated equilibrium.

    As :func:`cce_gap`, but who deviates hears its own drawn action in every state before it picks another. At least as
    large.

    Parameters
    ----------
    game, policies, weights, start, certified
        As for :func:`cce_gap`.

    Returns
    -------
    ndarray (N,), or Interval, with ``start="every"`` (N, S)
        max over maps phi_i(s, a_i) of what V_i gains, at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> import fastmpg as fm
    >>> chicken = fm.NormalFormGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
    >>> plays = np.array([[[1, 0, 0, 1]], [[0, 1, 1, 0]], [[0, 1, 0, 1]]])
    >>> fm.metrics.ce_gap(chicken, plays)  # a third each: Aumann's equilibrium
    array([0., 0.])
    >>> fm.metrics.ce_gap(chicken, plays[2:])
    array([1., 1.])

    Notes
    -----
    Aumann (1974, 1987).
    """
    return deviation_gaps(game, policies, weights, start, True, certified)
