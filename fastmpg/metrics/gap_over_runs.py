"""Gaps of an ensemble's runs: their mean with its standard error, and Nash regret beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Float

__all__ = ["gap_over_runs"]


class GapOverRuns(NamedTuple):
    """Means over runs that differ by chance alone.

    Attributes
    ----------
    runs : int
    gap, gap_error : ndarray (K,)
        max_i NE-gap_i at every recorded step, and the standard error of that mean: what one more set of as many runs
        would differ by, of the order of.
    regret, regret_error : ndarray (K,)
        (1/(k + 1)) sum_{t <= k} max_i NE-gap_i(pi^t), of the recorded steps so far.
    """

    runs: int
    gap: Float
    gap_error: Float
    regret: Float
    regret_error: Float

    def __repr__(self) -> str:
        return (f"<GapOverRuns: {self.runs} runs, at the end gap {self.gap[-1]:.6g} +- {self.gap_error[-1]:.1g}, Nash "
                f"regret {self.regret[-1]:.6g} +- {self.regret_error[-1]:.1g}>")


def gap_over_runs(gap: ArrayLike) -> GapOverRuns:
    """Mean gap and Nash regret of several runs along their steps, with standard errors.

    Parameters
    ----------
    gap : array_like (R, K, N)
        Of at least two runs, such as ``fm.ensemble(...).trace["ne_gap"]``; or of their average policies,
        ``trace["average_ne_gap"]``.

    Returns
    -------
    GapOverRuns
        The mean of gaps. The gap of a mean policy over runs is another matter: see :func:`ne_gap`.

    Raises
    ------
    ValueError, TypeError
        If the shape is another, or there is one run alone.

    Examples
    --------
    >>> import fastmpg as fm
    >>> found = fm.metrics.gap_over_runs([[[0.5, 0.25], [0.0, 0.25]], [[0.5, 0.5], [0.75, 0.5]]])
    >>> found
    <GapOverRuns: 2 runs, at the end gap 0.5 +- 0.2, Nash regret 0.5 +- 0.1>
    >>> found.gap_error
    array([0.  , 0.25])

    Notes
    -----
    Standard errors are s / sqrt(R), s with R - 1 degrees of freedom; runs of an ensemble are independent.
    """
    table = _check.array(gap, "gap")
    if table.ndim != 3 or table.size == 0 or len(table) < 2:
        raise ValueError(f"gap must have shape (R, K, N) of at least two runs, found {table.shape}")
    worst = table.max(axis=2)
    regret = np.cumsum(worst, axis=1) / np.arange(1.0, worst.shape[1] + 1.0)
    # from the first run's: what all share rounds nothing
    error = [(each - each[0]).std(axis=0, ddof=1) / np.sqrt(len(table)) for each in (worst, regret)]
    return GapOverRuns(len(table), worst.mean(axis=0), error[0], regret.mean(axis=0), error[1])
