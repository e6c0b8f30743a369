"""The gap of the best policy so far in a recorded run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Float

__all__ = ["best_gap"]


def best_gap(gap: ArrayLike) -> Float:
    """min_{t <= k} max_i NE-gap_i(pi^t) at every recorded step k: how near a run has come, whatever it did later.

    Parameters
    ----------
    gap : array_like (T, N)
        Such as ``result.trace["ne_gap"]``.

    Returns
    -------
    ndarray (T,)
        Never increasing; its last entry belongs to the policy at the recorded step ``gap.max(axis=1).argmin()``.

    Raises
    ------
    ValueError
        If the shape is another, or there is no entry.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.metrics.best_gap([[0.5, 0.25], [0.0, 0.125], [0.5, 0.5]])
    array([0.5  , 0.125, 0.125])
    """
    table = _check.array(gap, "gap")
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"gap must have shape (T, N) with at least one entry, found {table.shape}")
    return np.minimum.accumulate(table.max(axis=1))
