"""Nash regret (1/T) sum_t max_i NE-gap_i(pi^t) of a recorded run: Ding et al. (2022)."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .. import _check

__all__ = ["nash_regret"]


def nash_regret(gap: ArrayLike) -> float:
    """(1/T) sum_t max_i NE-gap_i(pi^t) of a trace.

    Parameters
    ----------
    gap : array_like (T, N)
        Such as ``result.trace["ne_gap"]`` recorded at every step.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.nash_regret([[0.5, 0.25], [0.0, 0.5]])
    0.5

    Notes
    -----
    Ding et al. (2022).
    """
    table = _check.array(gap, "gap")
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"gap must have shape (T, N) with at least one entry, found {table.shape}")
    return float(table.max(axis=1).mean())
