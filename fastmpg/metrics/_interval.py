"""Certificates as intervals: what is computed, what it may be off by, and why that is not less."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._check import array
from .._same import comparable

ROUNDING = "rounding"
RESIDUAL = "the residual of the linear solve"
NOTHING = "overflow, or rows that outweigh the discount: nothing can be said"
SHOWN = 4


@comparable
class Interval(NamedTuple):
    """The number that is asked for, or every entry of an array of them, lies between: proved, rounding included.

    Attributes
    ----------
    low, high : float or ndarray (...)
        Of one shape.
    limit : str
        What keeps the interval from being narrower.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> found = fm.ne_gap(game, fm.uniform_policy(game), certified=True)
    >>> bool(found.low[0] < 0.38 < found.high[0]), bool(found.width.max() < 1e-14), found.limit
    (True, True, 'rounding')
    """

    low: Any
    high: Any
    limit: str

    @property
    def width(self) -> Any:
        """high - low; 0 where both are the same infinity."""
        with np.errstate(invalid="ignore"):
            found = np.where(np.equal(self.low, self.high), 0.0, np.subtract(self.high, self.low))
        return float(found) if found.ndim == 0 else found

    def holds(self, value: Any) -> bool:
        """Whether every entry of a value, or of an array of them that broadcasts, lies inside."""
        table, shape = array(value, "value"), np.shape(self.low)
        try:
            np.broadcast_shapes(table.shape, shape)
        except ValueError:
            raise ValueError(f"value must broadcast with the interval's shape {shape}, found shape {table.shape}"
                             ) from None
        return bool(np.all((self.low <= table) & (table <= self.high)))

    def __repr__(self) -> str:
        low, high = np.atleast_1d(self.low), np.atleast_1d(self.high)
        shape = "" if np.ndim(self.low) == 0 else f" of shape {np.shape(self.low)}"
        if low.size == 0:
            return f"<Interval{shape}>"
        each = [f"[{a:.6g}, {b:.6g}]" for a, b in zip(low.flat[:SHOWN], high.flat[:SHOWN], strict=True)]
        more = ", ..." if low.size > SHOWN else ""
        most = "" if low.size == 1 else "at most "
        return f"<Interval{shape} {', '.join(each)}{more}, width {most}{np.max(self.width):.3g} by {self.limit}>"


def around(value: Any, error: Any, limit: str, least: float = -np.inf) -> Interval:
    """[value - error, value + error], rounded outwards, never below ``least``; everything where either is NaN.

    An error of 0 says that the value is exact.
    """
    value, error = np.broadcast_arrays(np.asarray(value, np.float64), np.asarray(error, np.float64))
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = value - error, value + error
        low = np.where(error == 0.0, value, np.nextafter(low, -np.inf))
        high = np.where(error == 0.0, value, np.nextafter(high, np.inf))
    lost = np.isnan(value) | np.isnan(error) | np.isinf(error)
    low, high = np.maximum(np.where(lost, -np.inf, low), least), np.where(lost, np.inf, high)
    if lost.any():
        limit = NOTHING
    if low.ndim == 0:
        return Interval(float(low), float(high), limit)
    for each in (low, high):
        each.flags.writeable = False
    return Interval(low, high, limit)


def limit_of(error: Any, rounded: Any) -> str:
    """What the larger part of the widest error is: what rounding may have done, or a residual that was seen."""
    flat, part = np.ravel(error), np.ravel(rounded)
    at = int(flat.argmax()) if flat.size else 0
    return ROUNDING if flat.size == 0 or not 2.0 * part[at] < flat[at] else RESIDUAL
