"""A grid of a rule's parameters."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..rules.rule import contract


def swept(rule: Any) -> dict[str, NDArray[Any]]:
    """The parameters of a rule that are arrays of values, one a run."""
    whole = contract(type(rule)).tables  # parameters that are sequences by themselves
    return {k: np.asarray(v) for k, v in rule._asdict().items() if isinstance(v, np.ndarray | list) and k not in whole}


def axes_of(rule: Any, shape: tuple[int, ...]) -> tuple[tuple[str, ...], dict[str, NDArray[Any]]]:
    """Names of a grid's axes, and what stands along them: see ``Result.dims`` and ``Result.coords``.

    An axis has the name of the first parameter that varies along it and along no other; else the last one is "run", and
    others are "axis_0" and so on.
    """
    whole = len(shape)
    arrays = {k: v.reshape((1,) * (whole - v.ndim) + v.shape) for k, v in swept(rule).items() if v.ndim <= whole}
    names: list[str | None] = [None] * whole
    for given, v in arrays.items():
        long = [axis for axis in range(whole) if v.shape[axis] > 1]
        own = whole - np.ndim(rule._asdict()[given])  # the first axis of an array that has one entry
        if not long and own < whole and shape[own] == 1:
            long = [own]
        if len(long) == 1 and names[long[0]] is None:
            names[long[0]] = given
    dims = tuple(name or ("run" if axis == whole - 1 else f"axis_{axis}") for axis, name in enumerate(names))
    coords: dict[str, NDArray[Any]] = {}
    for axis, name in enumerate(dims):
        coords[name] = arrays[name].ravel() if name in arrays else np.arange(shape[axis])
    coords |= {name: v for name, v in arrays.items() if name not in coords}
    return dims, {name: _plain(v) for name, v in coords.items()}


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers and strings of one's own, read-only; other things as they are written."""
    own = values.copy() if values.dtype.kind in "biufU" else np.array([str(v) for v in values.ravel()]).reshape(
        values.shape)
    own.flags.writeable = False
    return own


def expanded(rule: Any, lead: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """The rules of all runs and the shape of the grid: arrays among a rule's parameters broadcast to the run axis."""
    arrays = swept(rule)
    fields = rule._asdict() | arrays
    try:
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()), lead)
    except ValueError:
        shapes = {k: v.shape for k, v in arrays.items()}
        raise ValueError(f"the rule's parameters {shapes} do not broadcast against the run axis {lead}") from None
    count = int(np.prod(shape, dtype=object))
    if count == 0:
        raise ValueError(f"the grid of the rule's parameters is empty: shape {shape}")
    _check.budget(1000 * count, f"a grid of {count} runs", "ask for fewer runs")
    grid = {k: np.broadcast_to(v, shape).ravel() if k in arrays else itertools.repeat(v, count)
            for k, v in fields.items()}
    rules = [type(rule)(**dict(zip(grid, values, strict=True)))
             for values in zip(*grid.values(), strict=True)] or [rule] * count
    return rules, tuple(map(int, shape))
