"""A grid of a rule's parameters."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import _check
from ..rules.rule import contract


def expanded(rule: Any, lead: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """The rules of all runs and the shape of the grid: arrays among a rule's parameters broadcast to the run axis."""
    whole = contract(type(rule)).tables  # parameters that are sequences by themselves
    fields = {k: np.asarray(v) if isinstance(v, np.ndarray | list) and k not in whole else v
              for k, v in rule._asdict().items()}
    arrays = {k: v for k, v in fields.items() if isinstance(v, np.ndarray) and k not in whole}
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
