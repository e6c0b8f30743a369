"""Potential landscapes: how high the potential is at every policy of two players, or of one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import _check
from ..metrics.ne_gap import ne_gap
from ..models.game import Game, check_game
from ..policy import check_policy, uniform_policy
from ..potential.difference import difference
from ._charts import Square, chart_of
from ._figure import COLOURS, axes_of, style
from ._names import Labels
from .simplices import draw_paths

FLAT = 1e-9  # of the payoffs' range: NE-gaps up to here are equilibria


def landscape(game: Game, ax: Any = None, *, players: Any = None, state: int = 0, policy: Any = None, points: int = 31,
              levels: int = 14, check: bool = True, paths: Any = ()) -> Any:
    """Draw the potential over the policies of one player with three actions, or of two players with two each.

    Parameters
    ----------
    game : Game
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    players : int, or two int, optional
        As for :func:`simplex`.
    state : int
    policy : array_like (S, A_total), list of (S, A_i), optional
        What everybody else plays, and these players in other states; uniform by default. The potential is counted from
        there.
    points : int
        A side of the lattice on which the potential is computed.
    levels : int
        Contours.
    check : bool
        Whether to refuse games that have no potential; see :func:`fastmpg.potential.difference`.
    paths : Result, or sequence of Result
        With "policy" recorded: drawn on top.

    Returns
    -------
    matplotlib Axes
        Stars are corners where nobody could gain: pure equilibria, with the others as they are.

    Raises
    ------
    ValueError, TypeError
        If the game has no potential, or no such players are there.

    Examples
    --------
    >>> import fastmpg as fm
    >>> meet = fm.NormalFormGame.identical_interest([[2, 0], [0, 1]])
    >>> ax = fm.plot.landscape(meet)  # doctest: +SKIP
    """
    check_game(game)
    labels = Labels(game)
    s = _check.integer(state, "state", low=0, high=game.num_states - 1)
    count, lines = _check.integer(points, "points", low=3, high=400), _check.integer(levels, "levels", low=2, high=200)
    chart = chart_of(labels, players)
    base = uniform_policy(game) if policy is None else check_policy(game, policy)
    at = chart.points(count)
    rows = chart.fill(base[s], at)
    if _check.flag(check, "check"):
        difference(game, base, base)  # says why there is none
    height = np.empty(len(at))
    one = base.copy()
    for k, row in enumerate(rows):
        one[s] = row
        height[k] = difference(game, one, base, check=False).value
    with style():
        ax = axes_of(ax)
        chart.frame(ax)
        edges: Any = lines
        if np.ptp(height) <= 1e-12 * max(1.0, float(np.abs(height).max())):
            edges = [height.min() - 1.0, height.max() + 1.0]
        if isinstance(chart, Square):
            grid = height.reshape(count, count)
            side = np.linspace(0.0, 1.0, count)
            picture = ax.contourf(side, side, grid, levels=edges, cmap="viridis", zorder=1)
            ax.contour(side, side, grid, levels=edges, colors="white", linewidths=0.4, zorder=1)
        else:
            picture = ax.tricontourf(at[:, 0], at[:, 1], height, levels=edges, cmap="viridis", zorder=1)
            ax.tricontour(at[:, 0], at[:, 1], height, levels=edges, colors="white", linewidths=0.4, zorder=1)
        ax.figure.colorbar(picture, ax=ax, label="Φ(π) - Φ(π of the others)" if policy is not None
                           else "Φ(π) - Φ(uniform)", shrink=0.8)
        _stars(ax, game, chart, base, s)
        for each in [paths] if hasattr(paths, "trace") else _check.sequence(paths, "paths", "results"):
            draw_paths(ax, chart, each, s, color=COLOURS[1])
        where = f" in {labels.state(s)}" if game.num_states > 1 else ""
        ax.set_title(f"potential{chart.whose()}{where}, {game.name}")
    return ax


def _stars(ax: Any, game: Game, chart: Any, base: Any, s: int) -> None:
    """Corners where none of the drawn players could gain."""
    low, high = game.payoff_range().T
    scale = float((high - low).max()) / (1.0 - game.discount)
    options = [range(game.num_actions[i]) for i in chart.players]
    for choice in itertools.product(*options):
        table = base.copy()
        for i, a in zip(chart.players, choice, strict=True):
            table[s, game.offset[i]:game.offset[i + 1]] = 0.0
            table[s, game.offset[i] + a] = 1.0
        if game.available is not None and (table[~game.available] > 0).any():
            continue
        if ne_gap(game, table)[list(chart.players)].max() <= FLAT * scale:
            x, y = chart.place(table[s])
            ax.plot(x, y, "*", markersize=13, color="white", markeredgecolor="black", markeredgewidth=0.9, zorder=7,
                    clip_on=False)
