"""Pictures of learning: recorded metrics and policies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.metric import known
from ..models.game import Game
from ..policy import check_policy, split
from ..run.result import Result
from ._figure import figure, style


def reduced(result: Result, metric: str, reduce: str = "max") -> NDArray[Any]:
    """A metric of a trace with its players put together: (..., K).

    Parameters
    ----------
    result : Result
    metric : str
        A recorded metric other than "policy".
    reduce : "max", "min", "mean" or "sum"
        What is done over the players, where the metric has one number for each.
    """
    table = result.trace[metric]
    if not known()[metric].axes:
        return np.asarray(table)
    return np.asarray(getattr(np, reduce)(table, axis=-1))


def runs(x: NDArray[Any], rows: NDArray[Any], ax: Any, *, band: str | float | None = "range", log: str = "",
         label: str | None = None, **line: Any) -> Any:
    """Draw many runs of one number as their mean and a band about it.

    Parameters
    ----------
    x : array_like (K,)
    rows : array_like (..., K)
        One row a run.
    ax : matplotlib Axes
    band : "range", "std", float or None
        Smallest to largest of the runs, one standard deviation either side of the mean, or the middle share of the
        runs: .8 goes from the lowest to the highest tenth.
    log : "", "x", "y" or "xy"
        Logarithmic axes; what is not positive is left out there.
    label : str, optional
        For the legend.
    **line
        For matplotlib's ``plot``.

    Returns
    -------
    matplotlib Line2D
        The mean.
    """
    x, table = np.asarray(x), np.asarray(rows)
    table = table.reshape(-1, x.size)
    mean = table.mean(axis=0)
    with style():
        drawn = ax.plot(x, mean, label=label, **line)[0]
        if band is not None and table.shape[0] > 1:
            if band == "range":
                low, high = table.min(axis=0), table.max(axis=0)
            elif band == "std":
                low, high = mean - table.std(axis=0), mean + table.std(axis=0)
            else:
                low, high = np.quantile(table, [0.5 - float(band) / 2, 0.5 + float(band) / 2], axis=0)
            if "y" in log and (table > 0).any():
                low = np.maximum(low, table[table > 0].min())
            ax.fill_between(x, low, high, color=drawn.get_color(), alpha=0.18, linewidth=0)
        for side in log:
            getattr(ax, f"set_{side}scale")("log", nonpositive="mask")
    return drawn


def trace(result: Result, metric: str = "ne_gap", ax: Any = None, *, reduce: str | None = None,
          band: str | None = "range", log: str = "", label: str | None = None, first: int = 0, **line: Any) -> Any:
    """Draw a recorded metric against the step.

    Parameters
    ----------
    result : Result
        Of :func:`fastmpg.learn` or :func:`fastmpg.ensemble`; over an ensemble's runs the mean is drawn, and a band.
    metric : str
        Any recorded metric but "policy", which :func:`policy` draws.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    reduce : "max", "min", "mean", "sum" or "players", optional
        What is done with one number per player: reduce them, or draw a line for each. By default gaps are reduced to
        their maximum, and values are drawn per player unless all are equal.
    band : "range", "std" or None
        Smallest to largest of the runs, or one standard deviation either side of the mean.
    log : "", "x", "y" or "xy"
        Logarithmic axes; what is not positive is left out there.
    label : str, optional
        For the legend.
    first : int
        Added to the step: 1 counts as papers do that call the initial policy t = 1.
    **line
        For matplotlib's ``plot``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the metric was not recorded.
    ImportError
        If matplotlib is not installed.
    """
    if metric not in result.trace or metric in ("step", "policy"):
        names = ", ".join(sorted(set(result.trace) - {"step", "policy"})) or "nothing"
        hint = "; plot.policy draws policies" if metric == "policy" else ""
        raise ValueError(f"cannot draw {metric!r}: the trace holds {names}{hint}")
    if reduce not in (None, "max", "min", "mean", "sum", "players"):
        raise ValueError(f'reduce must be "max", "min", "mean", "sum" or "players", found {reduce!r}')
    if band not in (None, "range", "std"):
        raise ValueError(f'band must be "range", "std" or None, found {band!r}')
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f'log must be "", "x", "y" or "xy", found {log!r}')
    table = result.trace[metric]
    if reduce is None:
        alike = metric != "value" or (np.ptp(table, axis=-1) <= 1e-12 * np.abs(table).max(initial=1.0)).all()
        reduce = "max" if alike else "players"
    split_players = bool(known()[metric].axes) and reduce == "players"
    if split_players:
        lines = np.moveaxis(table, -1, 0)
    else:
        lines = reduced(result, metric, reduce if reduce != "players" else "max")[None]
    x = result.trace["step"] + first
    with style():
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots(layout="constrained")[1]
        for i, rows in enumerate(lines):
            name = f"{label + ', ' if label else ''}player {i}" if split_players else label
            runs(x, rows, ax, band=band, log=log, label=name, **line)
        ax.set_xlabel("iteration" + (" t (t = 1: initial policy)" if first == 1 else ""))
        reduction = {"max": "largest of the players", "min": "smallest of the players", "mean": "mean over the players",
                  "sum": "sum over the players"}.get(reduce, "")
        named = reduction and known()[metric].axes and metric != "value" and table.shape[-1] > 1
        ax.set_ylabel(f"{known()[metric].label} ({reduction})" if named else known()[metric].label)
        if split_players or label is not None:
            ax.legend()
    return ax


def policy(source: Any, game: Game, *, state: int = 0) -> Any:
    """Draw a policy as a table of probabilities, or a recorded run's policies in one state against the step.

    Parameters
    ----------
    source : Result, or a policy (S, A_total) or list of (S, A_i)
        A result of a single run that recorded "policy" is drawn over time, any other by its last policy.
    game : Game
    state : int
        Whose policies are drawn over time.

    Returns
    -------
    matplotlib Figure
    """
    if isinstance(source, Result) and "policy" in source.trace and source.trace["policy"].ndim == 3:
        return _policy_over_time(source, game, state)
    table = check_policy(game, source.policy if isinstance(source, Result) else source)
    width, height = table.shape[1], table.shape[0]
    sheet, axes = figure(size=(min(14.0, 2.2 + 0.55 * width), min(10.0, 1.7 + 0.42 * height)),
                         title=f"policy, {game.name}")
    ax = axes[0, 0]
    with style():
        picture = ax.imshow(table, vmin=0.0, vmax=1.0, cmap="Blues", aspect="auto")
        edges = game.offset
        for edge in edges[1:-1]:
            ax.axvline(edge - 0.5, color="black", linewidth=1.2)
        ax.set_xticks(range(width), [str(c - edges[i]) for i in range(game.num_players)
                                     for c in range(edges[i], edges[i + 1])])
        ax.set_yticks(range(height) if height <= 20 else [0, height - 1])
        ax.set_xlabel("action, by player: " + " | ".join(map(str, range(game.num_players))))
        ax.set_ylabel("state")
        ax.grid(False)
        if table.size <= 400:
            for s in range(height):
                for c in range(width):
                    ax.text(c, s, f"{table[s, c]:.2g}", ha="center", va="center", fontsize=7,
                            color="white" if table[s, c] > 0.6 else "black")
        sheet.colorbar(picture, ax=ax, label="probability")
    return sheet


def _policy_over_time(result: Result, game: Game, state: int) -> Any:
    columns = min(4, game.num_players)
    rows = -(-game.num_players // columns)
    where = f" in state {state}" if game.num_states > 1 else ""
    sheet, axes = figure(rows, columns, size=(3.2 * columns + 0.4, 2.6 * rows + 0.4),
                         title=f"policies{where}, {game.name}")
    parts = split(game, result.trace["policy"])
    with style():
        for i, ax in enumerate(axes.ravel()):
            if i >= game.num_players:
                ax.set_axis_off()
                continue
            for a in range(game.num_actions[i]):
                if game.available is not None and not game.available[state, game.offset[i] + a]:
                    continue
                ax.plot(result.trace["step"], parts[i][:, state, a], label=f"action {a}")
            ax.set(title=f"player {i}", xlabel="iteration", ylabel="probability", ylim=(-0.03, 1.03))
            if game.num_actions[i] <= 8:
                ax.legend()
    return sheet
