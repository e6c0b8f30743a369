"""Pictures of sweeps: a panel for each value of a parameter, and heat maps over two of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import _check
from ..metrics.metric import known
from ..run.result import Result
from ._figure import axes_of, panels, style
from ._names import along, number, titled, varied
from .results import reduced, trace


def facets(result: Result, metric: str = "ne_gap", ax: Any = None, *, by: str | None = None,
           columns: str | None = None, rows: str | None = None, **options: Any) -> Any:
    """Draw a metric of a sweep against the step: a panel for each value of a parameter, or of two.

    Parameters
    ----------
    result : Result
    metric : str
        Any recorded metric but "policy".
    ax : matplotlib Axes, or sequence of one a panel, row by row, optional
        Where to draw; a new figure by default.
    by, columns, rows : str, optional
        Run axes: whose values have colours of their own, and panels beside and below one another. By default the first
        parameters that vary: one is coloured, a second makes columns, a third rows.
    **options
        For :func:`trace`.

    Returns
    -------
    matplotlib Figure
        Or ``ax`` if it was given.

    Raises
    ------
    ValueError
        If a parameter that varies has no place, or an axis is none of the result's.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> rule = fm.rules.EntropyNaturalGradientPlay(np.array([[[0.1]], [[0.2]]]), np.array([[0.5], [1.0]]))
    >>> result = fm.ensemble(fm.games.zhang_3x2(), rule, 20, 3, policy="random")
    >>> sheet = fm.plot.facets(result, columns="tau")  # doctest: +SKIP
    """
    free = [name for name in varied(result) if name not in (by, columns, rows)]
    chosen: dict[str, str | None] = {"by": by, "columns": columns, "rows": rows}
    for place, name in chosen.items():
        if name is not None:
            along(result, name)  # says that there is no such axis
        elif free:
            chosen[place] = free.pop(0)
    taken = [name for name in chosen.values() if name is not None]
    if len(set(taken)) < len(taken):
        raise ValueError(f"by, columns and rows must be different axes, found {', '.join(taken)}")
    if free:
        raise ValueError(f"by, columns and rows have no place for {', '.join(free)}, which vary too: draw a part")
    across, down = chosen["columns"], chosen["rows"]
    lists = [along(result, name) if name is not None else [None] for name in (down, across)]
    count = len(lists[0]) * len(lists[1])
    _check.budget(10_000_000 * count, f"a figure of {count} panels", "draw a part of the sweep")
    wide = min(len(lists[1]), 6) if down is None else len(lists[1])
    size = 3.1 * wide + 0.5, 2.7 * -(-count // wide) + 0.4
    made, axes = panels(ax, count, wide, size, f"{titled(result)} on {result.game}")
    colour = [] if chosen["by"] is None else [chosen["by"]]
    for places, one in zip(itertools.product(*(range(len(each)) for each in lists)), axes, strict=True):
        at: list[Any] = [slice(None)] * len(result.dims)
        told = []
        for name, values, k in zip((down, across), lists, places, strict=True):
            if name is not None:
                at[result.dims.index(name)] = slice(k, k + 1)
                told.append(f"{name} = {number(values[k])}")
        trace(part_of(result, tuple(at)), metric, one, by=colour, **options)
        one.set_title(", ".join(told))
        if made is not ax and one is not axes[0] and (axes.index(one) % wide):
            one.set_ylabel("")
        if one is not axes[0] and one.get_legend() is not None:
            one.get_legend().remove()
    lows, highs = zip(*(one.get_ylim() for one in axes), strict=True)
    for one in axes:
        one.set_ylim(min(lows), max(highs))
    return made


def part_of(result: Result, at: tuple[Any, ...]) -> Result:
    """The runs at slices of the run axes."""
    lead = at[:len(result.dims)]
    coords = {}
    for name, values in result.coords.items():
        if name in result.dims:
            coords[name] = values[lead[result.dims.index(name)]]
        else:
            own = tuple(each if n > 1 else slice(None) for each, n in zip(lead, values.shape, strict=True))
            coords[name] = values[own]
    trace_ = {name: table if name == "step" else table[lead] for name, table in result.trace.items()}
    state = type(result.state)(**{name: value[lead] for name, value in vars(result.state).items()})
    steps = result.steps[lead] if isinstance(result.steps, np.ndarray) else result.steps
    return Result(result.policy[lead], trace_, result.status, result.message, steps, state, result.rule, result.game,
                  None, result.dims, coords, result.about)


def heat(result: Result, metric: str = "ne_gap", ax: Any = None, *, x: str | None = None, y: str | None = None,
         reduce: str = "max", log: bool = False, row: int = -1) -> Any:
    """Draw a metric over two parameters of a sweep: the mean of the runs at the last recorded step.

    Parameters
    ----------
    result : Result
    metric : str
        Any recorded metric with a number for each run, or for each player.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    x, y : str, optional
        Run axes; by default the first two parameters that vary, the first one upwards.
    reduce : "max", "min", "mean" or "sum"
        What is done over the players.
    log : bool
        Logarithmic colours.
    row : int
        Which recorded step, counted from the end if negative.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the metric was not recorded or has several numbers, or fewer than two parameters vary.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> rule = fm.rules.EntropyNaturalGradientPlay(np.array([[[0.1]], [[0.2]]]), np.array([[0.5], [1.0]]))
    >>> result = fm.ensemble(fm.games.zhang_3x2(), rule, 20, 3, policy="random")
    >>> ax = fm.plot.heat(result, x="tau", y="eta")  # doctest: +SKIP
    """
    if metric not in result.trace or known().get(metric) is None or known()[metric].axes not in ((), ("N",)):
        able = [name for name in result.trace if name in known() and known()[name].axes in ((), ("N",))]
        raise ValueError(f"metric must be a recorded one with a number for each run or player, "
                         f"{', '.join(able) or 'of which there are none'}, found {_check.shown(metric)}")
    if reduce not in ("max", "min", "mean", "sum"):
        raise ValueError(f'reduce must be "max", "min", "mean" or "sum", found {_check.shown(reduce)}')
    free = [name for name in varied(result) if name not in (x, y)]
    upwards = y if y is not None else free.pop(0) if free else None
    sideways = x if x is not None else free.pop(0) if free else None
    if upwards is None or sideways is None or upwards == sideways:
        raise ValueError(f"x and y must be two different run axes, found {', '.join(result.dims) or 'a single run'}; "
                         "fastmpg.plot.trace draws one parameter in colours")
    values = [along(result, sideways), along(result, upwards)]
    rows = int(result.trace["step"].size)
    k = _check.integer(row, "row", low=-rows, high=rows - 1)
    table = reduced(result, metric, reduce)[..., k]
    keep = result.dims.index(upwards), result.dims.index(sideways)
    others = tuple(axis for axis in range(table.ndim) if axis not in keep)
    found = table.mean(axis=others) if others else table
    found = found if keep[0] < keep[1] else found.T
    with style():
        ax = axes_of(ax)
        from matplotlib.colors import LogNorm

        positive = found[np.isfinite(found) & (found > 0)]
        norm = LogNorm(positive.min(), positive.max()) if log and positive.size and np.ptp(positive) > 0 else None
        shown = np.ma.masked_where(~np.isfinite(found) | ((found <= 0) & (norm is not None)), found)
        picture = ax.pcolormesh(np.arange(found.shape[1] + 1), np.arange(found.shape[0] + 1), shown, cmap="viridis",
                                norm=norm, edgecolors="white", linewidth=0.5)
        for side, each, name in (("x", values[0], sideways), ("y", values[1], upwards)):
            every = -(-len(each) // 12)
            getattr(ax, f"set_{side}ticks")(np.arange(0, len(each), every) + 0.5,
                                            [number(v) for v in each[::every]])
            getattr(ax, f"set_{side}label")(name)
        ax.grid(False)
        if found.size <= 64:
            for a, b in np.ndindex(found.shape):
                if not np.ma.getmaskarray(shown)[a, b]:
                    red, green, blue = picture.cmap(picture.norm(found[a, b]))[:3]
                    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                    ax.text(b + 0.5, a + 0.5, f"{found[a, b]:.2g}", ha="center", va="center", fontsize=7,
                            color="white" if dark else "black")
        told = f", {reduce} of the players" if known()[metric].axes and result.trace[metric].shape[-1] > 1 else ""
        mean = ", mean over runs" if others and any(table.shape[axis] > 1 for axis in others) else ""
        step = int(result.trace["step"][k])
        ax.figure.colorbar(picture, ax=ax, label=f"{known()[metric].label}{told}")
        ax.set_title(f"after {step} steps{mean}")
    return ax
