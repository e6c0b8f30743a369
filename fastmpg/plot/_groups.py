"""Runs that belong together in a picture: those of the same parameters, with a colour and a line style of their own."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from ..run.result import Result
from ._figure import COLOURS, shades
from ._names import along, number, varied

LINES = ("-", "--", ":", "-.")


class Group(NamedTuple):
    """Runs of the same parameters.

    at: what to index the run axes with   label: for the legend   look: colour and line style for matplotlib's ``plot``
    """

    at: tuple[Any, ...]
    label: str | None
    look: dict[str, Any]


def axes_by(result: Result, by: Any) -> list[str]:
    """The run axes to tell runs apart by: one or two names, none, or by default those along which parameters vary."""
    if by is None:
        names = varied(result)
        if len(names) > 2:
            raise ValueError(f"by must name one or two of the {len(names)} parameters that vary, {', '.join(names)}; "
                             "fastmpg.plot.facets draws a panel for each value of the others")
        return names
    names = [by] if isinstance(by, str) else _check.sequence(by, "by", "names of run axes")
    if len(names) > 2 or len(set(map(str, names))) < len(names):
        raise ValueError(f"by must name at most two run axes, for colours and line styles, found {_check.shown(by)}")
    for name in names:
        if not isinstance(name, str) or name not in result.dims:
            raise ValueError(f"by must name run axes, {', '.join(result.dims) or 'of which there are none'}, found "
                             f"{_check.shown(name)}")
    if len(names) == 2 and len(along(result, names[1])) > len(LINES):
        raise ValueError(f"by must be two axes of which the second has at most {len(LINES)} values, for line styles, "
                         f"found {len(along(result, names[1]))} of {names[1]}; fastmpg.plot.facets draws panels")
    return names


def colours_for(values: Any) -> list[Any]:
    """Ordered shades for three and more numbers, else colours that are told apart."""
    values = np.asarray(values)
    several = values.dtype.kind in "iuf" and values.size > 2
    return shades(values.size) if several or values.size > len(COLOURS) else list(COLOURS[:values.size])


def groups(result: Result, by: Any = None, label: str | None = None) -> list[Group]:
    """All runs, by the values along one or two run axes; see :func:`axes_by`."""
    names = axes_by(result, by)
    if not names:
        return [Group((slice(None),) * len(result.dims), label, {})]
    found = []
    lists = [along(result, name) for name in names]
    colours = colours_for(lists[0])
    for places in itertools.product(*(range(len(values)) for values in lists)):
        at: list[Any] = [slice(None)] * len(result.dims)
        for name, k in zip(names, places, strict=True):
            at[result.dims.index(name)] = k
        told = ", ".join(f"{name} = {number(values[k])}" for name, values, k in zip(names, lists, places, strict=True))
        look = {"color": colours[places[0]]}
        if len(places) > 1:
            look["linestyle"] = LINES[places[1]]
        found.append(Group(tuple(at), f"{label}, {told}" if label else told, look))
    return found
