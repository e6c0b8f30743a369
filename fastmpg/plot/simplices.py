"""Pictures of how policies move: paths on the simplex of a player with two or three actions, or of two players."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..run.result import Result
from ._charts import Square, Triangle, chart_of, paths_of
from ._figure import COLOURS, axes_of, style
from ._groups import groups
from ._names import Labels

MOST = 200  # paths


def draw_paths(ax: Any, chart: Square | Triangle, source: Any, state: int, by: Any = None, **line: Any) -> None:
    """Paths on a chart: a ring where one begins, a disc where it ends."""
    rows, _ = paths_of(source, state)
    each = groups(source, by) if isinstance(source, Result) and rows.ndim > 2 else []
    parts = [(rows[group.at], group.label, group.look) for group in each] or [(rows, None, {})]
    count = int(np.prod(rows.shape[:-2], dtype=np.int64))
    thin = count > 12
    for found, label, look in parts:
        usual = {"color": COLOURS[0], "linewidth": 0.8 if thin else 1.4, "alpha": 0.55 if thin else 0.9}
        style_of = usual | look | line
        x, y = chart.place(found.reshape(-1, *found.shape[-2:])[:MOST])
        for k in range(len(x)):
            ax.plot(x[k], y[k], label=label if k == 0 else None, zorder=4, **style_of)
        colour, size = style_of["color"], 3.0 if thin else 5.0
        ax.plot(x[:, 0], y[:, 0], "o", markersize=size, markerfacecolor="white", markeredgecolor=colour, zorder=5,
                linestyle="none")
        ax.plot(x[:, -1], y[:, -1], "o", markersize=size, color=colour, zorder=6, linestyle="none")
    if len(parts) > 1:
        for handle in ax.legend(fontsize="small").legend_handles:
            handle.set_alpha(1.0)


def simplex(source: Any, game: Any = None, ax: Any = None, *, players: Any = None, state: int = 0, by: Any = None,
            **line: Any) -> Any:
    """Draw the paths of policies in one state: a triangle for three actions, a square for two players with two each.

    A ring is where a path begins, a disc where it ends. A player with two actions, asked for alone, is drawn against
    the step.

    Parameters
    ----------
    source : Result, or array_like (..., K, S, A_total)
        With "policy" recorded; of an ensemble every run, at most 200 a colour, is a path.
    game : Game, optional
        Needed for arrays, and results that older versions saved.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    players : int, or two int, optional
        Whose; by default the first with three actions, else the first two with two.
    state : int
    by : str, or sequence of at most two str, optional
        Run axes that have colours, as for :func:`trace`.
    **line
        For matplotlib's ``plot``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If no policies were recorded, or no such players are there.

    Examples
    --------
    >>> import fastmpg as fm
    >>> record = fm.Record(metrics=("policy",))
    >>> result = fm.ensemble(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(5.0), 50, 6, policy="random",
    ...                      record=record)
    >>> ax = fm.plot.simplex(result)  # doctest: +SKIP
    """
    labels = Labels(source if game is None and isinstance(source, Result) else game)
    s = _check.integer(state, "state", low=0, high=labels.num_states - 1)
    rows, steps = paths_of(source, s)
    if rows.shape[-1] != labels.edges[-1]:
        raise ValueError(f"source must hold policies of {labels.edges[-1]} columns, found {rows.shape[-1]}")
    lone = [players] if _check.is_int(players) else players
    if lone is not None and len(_check.sequence(lone, "players", "players")) == 1:
        i = _check.integer(lone[0], "players", low=0, high=len(labels.num_actions) - 1)
        if labels.num_actions[i] == 2:
            return _over_time(source, labels, rows, steps, i, axes_of(ax), s, by, line)
    chart = chart_of(labels, players)
    with style():
        ax = axes_of(ax)
        chart.frame(ax)
        draw_paths(ax, chart, source, s, by, **line)
        ax.set_title(_title(labels, chart, s))
    return ax


def _title(labels: Labels, chart: Square | Triangle, state: int) -> str:
    where = f" in {labels.state(state)}" if labels.num_states > 1 else ""
    who = labels.player(chart.players[0]) if isinstance(chart, Triangle) else "policies"
    return f"{who}{where}"


def _over_time(source: Any, labels: Labels, rows: Any, steps: Any, i: int, ax: Any, state: int, by: Any,
               line: dict[str, Any]) -> Any:
    column = int(labels.edges[i])
    each = groups(source, by) if isinstance(source, Result) and rows.ndim > 2 else []
    parts = [(rows[group.at], group.label, group.look) for group in each] or [(rows, None, {})]
    x = np.arange(rows.shape[-2]) if steps is None else steps
    with style():
        for found, label, look in parts:
            table = found[..., column].reshape(-1, x.size)[:MOST]
            for k, y in enumerate(table):
                ax.plot(x, y, label=label if k == 0 else None, **(
                    {"color": COLOURS[0], "alpha": 0.6 if len(table) > 12 else 1.0} | look | line))
        ax.set(xlabel="iteration", ylabel=f"probability of {labels.action(i, 0)}", ylim=(-0.03, 1.03),
               title=labels.player(i) + (f" in {labels.state(state)}" if labels.num_states > 1 else ""))
        if len(parts) > 1:
            ax.legend(fontsize="small")
    return ax
