"""How learners of values explore: a probability by step, or a temperature.

    epsilon    epsilon exp(-beta k)    min(1, (k + c)^-p)    a table    and Boltzmann: P(a) ~ exp(q(s, a) / T_k)

A schedule is computed for LANES steps at once, or step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from ..kernels.elementary import exp, power
from ..machine import precise
from ..machine.vectors import LANES, load, store

AHEAD = np.arange(float(LANES))
FORMS = ('exploration must be a probability, or ("exponential", beta), ("power", p) or ("power", p, c), ("table", '
         "probabilities)")
HOT = ', ("boltzmann", T) or ("boltzmann", T, beta)'


class Schedule(NamedTuple):
    """scale exp(-decay k), where exponent is 0 and the table is empty    table (K,): by step, the last one stays

    (k + shift)^-exponent, at most 1, where exponent is above 0   hot: temperatures instead of probabilities
    """

    scale: float
    decay: float
    exponent: float
    shift: float
    table: Any
    hot: bool


def checked(given: Any, *, temperatures: bool = False) -> Any:
    """What a rule's ``exploration`` says, checked: a probability, or a tuple of a word and numbers.

    temperatures: whether the rule can draw by Boltzmann's law

    Raises
    ------
    ValueError, TypeError
        If it is none of these forms.
    """
    forms = FORMS + HOT if temperatures else FORMS
    if isinstance(given, str) or not isinstance(given, tuple | list):
        if isinstance(given, str):
            raise ValueError(f"{forms}, found {_check.shown(given)}")
        return _check.real(given, "exploration", 0.0, 1.0)
    word, rest = (given[0] if given and isinstance(given[0], str) else None), list(given[1:])
    if word == "exponential" and len(rest) == 1:
        return "exponential", _check.real(rest[0], "beta of exploration", 0.0)
    if word == "power" and len(rest) in (1, 2):
        c = rest[1] if len(rest) == 2 else 1.0
        return "power", _check.real(rest[0], "p of exploration", 0.0), _check.real(c, "c of exploration", 0.0,
                                                                                  open_low=True)
    if word == "table" and len(rest) == 1:
        table = _check.array(rest[0], "the table of exploration")
        if table.ndim != 1 or table.size == 0 or ((table < 0) | (table > 1)).any():
            raise ValueError("the table of exploration must hold at least one probability, by step, found "
                             f"{_check.shown(rest[0])}")
        return "table", tuple(map(float, table))
    if word == "boltzmann" and temperatures and len(rest) in (1, 2):
        decay = rest[1] if len(rest) == 2 else 0.0
        return ("boltzmann", _check.real(rest[0], "T of exploration", 0.0, open_low=True),
                _check.real(decay, "beta of exploration", 0.0))
    raise ValueError(f"{forms}, found {_check.shown(given)}")


def schedule(given: Any) -> Schedule:
    """A checked ``exploration`` as kernels see it."""
    none = np.zeros(0)
    if not isinstance(given, tuple):
        return Schedule(given, 0.0, 0.0, 1.0, none, False)
    if given[0] == "exponential":
        return Schedule(1.0, given[1], 0.0, 1.0, none, False)
    if given[0] == "power":
        return Schedule(1.0, 0.0, given[1], given[2], none, False)
    if given[0] == "table":
        return Schedule(1.0, 0.0, 0.0, 1.0, np.array(given[1]), False)
    return Schedule(given[1], given[2], 0.0, 1.0, none, True)


def first_of(plan: Schedule) -> float:
    """Its number at step 0."""
    if plan.table.size:
        return float(plan.table[0])
    return min(1.0, plan.shift**-plan.exponent) if plan.exponent > 0.0 else plan.scale


@precise
def number_at(plan, k):
    """The number of step k."""
    if plan.table.size > 0:
        return plan.table[min(k, plan.table.size - 1)]
    if plan.exponent > 0.0:
        x = k + plan.shift
        return power(x, -plan.exponent) if x > 1.0 else 1.0
    return exp(k * -plan.decay) * plan.scale if plan.decay > 0.0 else plan.scale


@precise
def plan_ahead(plan, k, out):
    """out (LANES,): the numbers of steps k, k + 1, ..."""
    if plan.table.size == 0 and plan.exponent == 0.0 and plan.decay > 0.0:
        store(out, 0, exp((load(AHEAD, 0) + float(k)) * -plan.decay) * plan.scale)
    else:
        for r in range(LANES):
            out[r] = number_at(plan, k + r)
