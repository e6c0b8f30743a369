"""Pictures of learning: recorded metrics and policies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..metrics.metric import known
from ..models.game import Game
from ..policy import check_policy
from ..run.result import Result
from ._figure import axes_of, panels, style
from ._groups import LINES, groups
from ._names import Labels

MOST_BANDS = 6  # that can be told apart


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
          band: str | None = "auto", log: str = "", by: Any = None, label: str | None = None, first: int = 0,
          **line: Any) -> Any:
    """Draw a recorded metric against the step.

    Parameters
    ----------
    result : Result
        Of :func:`fastmpg.learn` or :func:`fastmpg.ensemble`; over an ensemble's runs the mean is drawn, and a band.
        Runs of different parameters are told apart, see ``by``.
    metric : str
        Any recorded metric but "policy", which :func:`policy` draws.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    reduce : "max", "min", "mean", "sum" or "players", optional
        What is done with one number per player: reduce them, or draw a line for each. By default gaps are reduced to
        their maximum, and values are drawn per player unless all are equal.
    band : "auto", "range", "std" or None
        Smallest to largest of the runs, or one standard deviation either side of the mean. By default the first, of up
        to six lines.
    log : "", "x", "y" or "xy"
        Logarithmic axes; what is not positive is left out there.
    by : str, or sequence of at most two str, optional
        Run axes (``Result.dims``): a colour for each value along the first, a line style along the second; the other
        runs make the band. By default those along which the rule's parameters vary; () puts all runs together.
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
        If the metric was not recorded, or more than two parameters vary: see :func:`facets`.
    ImportError
        If matplotlib is not installed.
    """
    if metric not in result.trace or metric in ("step", "policy"):
        names = ", ".join(sorted(set(result.trace) - {"step", "policy"})) or "nothing"
        hint = "; plot.policy draws policies" if metric == "policy" else ""
        raise ValueError(f"cannot draw {metric!r}: the trace holds {names}{hint}")
    if reduce not in (None, "max", "min", "mean", "sum", "players"):
        raise ValueError(f'reduce must be "max", "min", "mean", "sum" or "players", found {reduce!r}')
    if band not in (None, "auto", "range", "std"):
        raise ValueError(f'band must be "auto", "range", "std" or None, found {band!r}')
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
    x, ax = result.trace["step"] + first, axes_of(ax)
    drawn = groups(result, by, label)
    apart = len(drawn) > 1
    if band == "auto":
        band = "range" if len(drawn) * len(lines) <= MOST_BANDS else None
    with style():
        for i, rows in enumerate(lines):
            for group in drawn:
                who = _player(result, i) if split_players else None
                name = ", ".join(filter(None, (group.label, who))) or group.label
                look = group.look | ({"linestyle": LINES[i % len(LINES)]} if apart and split_players else {})
                runs(x, rows[group.at], ax, band=band, log=log, label=name, **(look | line))
        ax.set_xlabel("iteration" + (" t (t = 1: initial policy)" if first == 1 else ""))
        reduction = {"max": "largest of the players", "min": "smallest of the players", "mean": "mean over the players",
                  "sum": "sum over the players"}.get(reduce, "")
        named = reduction and known()[metric].axes and metric != "value" and table.shape[-1] > 1
        ax.set_ylabel(f"{known()[metric].label} ({reduction})" if named else known()[metric].label)
        if split_players or apart or label is not None:
            ax.legend(ncols=1 + (len(ax.lines) > 8), fontsize="small" if len(ax.lines) > 8 else None)
    return ax


def _player(result: Result, i: int) -> str:
    names = result.about.get("names") or {}
    return str(names["players"][i]) if "players" in names else f"player {i}"


def policy(source: Any, game: Game | None = None, ax: Any = None, *, state: int = 0) -> Any:
    """Draw a policy as a table of probabilities, or a recorded run's policies in one state against the step.

    Parameters
    ----------
    source : Result, or a policy (S, A_total) or list of (S, A_i)
        A result of a single run that recorded "policy" is drawn over time, any other by its last policy.
    game : Game, optional
        Needed for arrays, and results that older versions saved.
    ax : matplotlib Axes, or sequence of N, optional
        Where to draw: one for a table, one a player over time. A new figure by default.
    state : int
        Whose policies are drawn over time.

    Returns
    -------
    matplotlib Figure
        Or ``ax`` if it was given.
    """
    labels = Labels(source if game is None and isinstance(source, Result) else game)
    if isinstance(source, Result) and "policy" in source.trace and source.trace["policy"].ndim == 3:
        return _policy_over_time(source, game, labels, ax, _check.integer(state, "state", 0, labels.num_states - 1))
    table = source.policy if isinstance(source, Result) else source
    if game is not None:
        table = check_policy(game, table)
    elif table.ndim != 2:
        raise ValueError(f"source must hold one policy, found those of {' x '.join(map(str, table.shape[:-2]))} runs: "
                         "fastmpg.plot.simplex draws many")
    width, height, named = table.shape[1], table.shape[0], "actions" in labels.names
    made, (here,) = panels(ax, 1, 1, (min(14.0, 2.2 + 0.55 * width), min(10.0, 1.7 + 0.42 * height + 0.4 * named)),
                           f"policy, {labels.title}")
    with style():
        picture = here.imshow(table, vmin=0.0, vmax=1.0, cmap="Blues", aspect="auto")
        edges = labels.edges
        for edge in edges[1:-1]:
            here.axvline(edge - 0.5, color="black", linewidth=1.2)
        here.set_xticks(range(width), [labels.action(i, int(c - edges[i]), short=True)
                                       for i in range(len(edges) - 1) for c in range(edges[i], edges[i + 1])])
        if named:
            here.tick_params(axis="x", labelrotation=45)
        rows = range(height) if height <= 20 else [0, height - 1]
        here.set_yticks(rows, [labels.state(s, short=True) for s in rows])
        here.set_xlabel("action, by player: " + " | ".join(labels.player(i) if "players" in labels.names else str(i)
                                                           for i in range(len(edges) - 1)))
        here.set_ylabel("state")
        here.grid(False)
        if table.size <= 400:
            for s in range(height):
                for c in range(width):
                    here.text(c, s, _share(float(table[s, c])), ha="center", va="center", fontsize=7,
                              color="white" if table[s, c] > 0.6 else "black")
        here.figure.colorbar(picture, ax=here, label="probability")
    return made


def _share(p: float) -> str:
    """A probability in a cell."""
    return "0" if p < 0.005 else "1" if p > 0.995 else f"{p:.2f}"


def _policy_over_time(result: Result, game: Game | None, labels: Labels, given: Any, state: int) -> Any:
    players = len(labels.num_actions)
    columns = min(4, players)
    where = f" in {labels.state(state)}" if labels.num_states > 1 else ""
    made, axes = panels(given, players, columns, (3.2 * columns + 0.4, 2.6 * -(-players // columns) + 0.4),
                        f"policies{where}, {labels.title}")
    with style():
        for i, ax in enumerate(axes):
            for a in range(labels.num_actions[i]):
                column = int(labels.edges[i]) + a
                if game is not None and game.available is not None and not game.available[state, column]:
                    continue
                ax.plot(result.trace["step"], result.trace["policy"][:, state, column], label=labels.action(i, a))
            ax.set(title=labels.player(i), xlabel="iteration", ylabel="probability", ylim=(-0.03, 1.03))
            if labels.num_actions[i] <= 8:
                ax.legend()
    return made
