"""Step sizes of learners from samples: (n + c)^-p at the n-th visit, or a table of them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..kernels.elementary import integer, power
from ..machine import kernel, precise
from ..machine.vectors import aligned, any_lane, gather, select

TABLE = 131_072  # step sizes looked up; later ones are computed, by the function that filled the table


@precise
def step_size(table, exponent, shift, n):
    """The step size at the n-th visit, n a float or a vector of them."""
    beyond = n >= float(table.size)
    if any_lane(beyond):
        if exponent == 0.0:
            return gather(table, integer(select(beyond, table.size - 1.0, n)))
        return power(n + shift, -exponent)
    return gather(table, integer(n))


@kernel
def fill_table(exponent, shift, out):
    """out[n] = (n + shift)^-exponent for n >= 1."""
    for n in range(1, out.size):
        out[n] = power(n + shift, -exponent)


@functools.lru_cache(maxsize=64)
def power_table(exponent: float, shift: float) -> Float:
    table = aligned(TABLE)
    fill_table(exponent, shift, table)
    return table


@functools.lru_cache(maxsize=64)
def given_table(given: tuple[float, ...]) -> Float:
    return np.array([0.0, *given])


def schedule(given: Any, name: str) -> tuple[float, ...]:
    """(exponent, offset), or the step sizes themselves, checked."""
    table = _check.array(given, name)
    if table.ndim != 1 or table.size < 2:
        raise ValueError(f"{name} must be (exponent, offset), or at least three step sizes, found {given!r}")
    if table.size == 2:
        exponent = _check.real(table[0], f"the exponent of {name}", 0.0)
        return exponent, _check.real(table[1], f"the offset of {name}", 0.0)
    bad = (table <= 0) | (table > 1) | (np.diff(table, prepend=1.0) > 0)
    if bad.any():
        n = int(np.argmax(bad))
        raise ValueError(f"the step sizes of {name} must lie in (0, 1] and never increase, found {float(table[n])} "
                         f"for visit {n + 1}")
    return tuple(map(float, table))


def rate(given: Any, name: str) -> Any:
    """A constant step size in (0, 1], or a :func:`schedule` in a tuple, checked."""
    if isinstance(given, tuple):
        return schedule(given, name)
    try:
        return _check.real(given, name, 0.0, 1.0, open_low=True)
    except TypeError:
        raise TypeError(f"{name} must be a step size in (0, 1], or a tuple: (exponent, offset), or at least three "
                        f"step sizes, found {_check.shown(given)}") from None


def numbers(given: Any) -> tuple[Any, float, float]:
    """Table, exponent and shift of a :func:`rate`, for :func:`step_size`."""
    if isinstance(given, float):
        return given_table((given,)), 0.0, 0.0
    return (power_table(*given), *given) if len(given) == 2 else (given_table(given), 0.0, 0.0)
