"""What an experiment is: a published run made again, its printed numbers compared, its figures drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

# by which the authors' data miss exact arithmetic, and gaps between payoffs of size 1 round in float64
ROUNDING = 1e-13
# where a number to compare with comes from
PRINTED, DATA = "printed in the paper", "the authors' data"
RECOMPUTED, STATEMENT = "ours, recomputed independently", "statement"
NOT_REPRODUCED = "printed or stated, not reproduced"
SOURCES = PRINTED, DATA, RECOMPUTED, STATEMENT, NOT_REPRODUCED


class Check(NamedTuple):
    """A published number beside ours.

    Attributes
    ----------
    name : str
    published, ours : float
    tolerance : float
        By which they may differ.
    source : str
        Where the number comes from: PRINTED, DATA, RECOMPUTED (by another program of ours; the paper prints none),
        STATEMENT (of the paper or of theory, here in numbers), or NOT_REPRODUCED: what a paper prints or states and
        does not come out here, which never counts as met.
    """

    name: str
    published: float
    ours: float
    tolerance: float
    source: str

    @property
    def met(self) -> bool:
        """Whether ours is within the tolerance; NaN never is."""
        return bool(abs(self.published - self.ours) <= self.tolerance)

    @property
    def ok(self) -> bool:
        """Whether it is as its source says: met, or, where that says so, not reproduced (nor without a number)."""
        if self.source == NOT_REPRODUCED:
            return not self.met and math.isfinite(self.published - self.ours)
        return self.met

    @property
    def verdict(self) -> str:
        """In words."""
        if self.source == NOT_REPRODUCED:
            return "not reproduced" if self.ok else "not as it says: reproduced, or no number"
        return "met" if self.met else "missed"


class Figure(NamedTuple):
    """A picture that can be drawn.

    Attributes
    ----------
    name : str
        Of its file.
    caption : str
    draw : callable
        Without arguments; returns a matplotlib figure. Called only where matplotlib is there.
    """

    name: str
    caption: str
    draw: Callable[[], Any]


class Outcome(NamedTuple):
    """What running an experiment gives."""

    checks: Sequence[Check] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()


class Experiment(NamedTuple):
    """A published experiment.

    Attributes
    ----------
    name, title, paper : str
    run : callable
        Without arguments; returns an :class:`Outcome`.
    """

    name: str
    title: str
    paper: str
    run: Callable[[], Outcome]


def experiment(name: str, *, title: str, paper: str) -> Callable[[Callable[[], Outcome]], Experiment]:
    """Decorator: make a function that returns an :class:`Outcome` an experiment that the command line finds."""
    return lambda run: Experiment(name, title, paper, run)


def printed(name: str, published: str, ours: float, at_least: float = 0.0, source: str = PRINTED) -> Check:
    """Compare with a number as it is printed: to half a unit in its last digit, or to ``at_least`` where that is more.

    Examples
    --------
    >>> check = printed("value", "0.191003", 0.1910026)
    >>> check.tolerance, check.ok
    (5e-07, True)
    """
    number = Decimal(published)
    digits = number.as_tuple().exponent
    assert isinstance(digits, int)
    return Check(name, float(number), float(ours), max(float(Decimal(5).scaleb(digits - 1)), at_least), source)
