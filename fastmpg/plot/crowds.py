"""Pictures of occupancy games: who is likely to be where, frame by frame and over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..solvers._occupancy import OccupancyPlay, OccupancySolution
from ._figure import COLOURS, panels, shades, style

# What there is on a map (the characters of fastmpg.games.driving); anything else is open ground.
GROUND = {"s": "#e4ddcb", "z": "#b9b9c0", ".": "#f4f6f2", "#": "#404040"} | dict.fromkeys("weu", "#c9c9ce")
MARKERS = "ospD^vP*"


def _solution(solution: Any) -> OccupancySolution:
    if not isinstance(solution, OccupancySolution):
        raise TypeError(f"solution must be what fastmpg.solvers.mge_fb returns, found {_check.shown(solution)}")
    return solution


def _names(solution: OccupancySolution) -> Sequence[str]:
    game = solution.game
    return game.players or [f"player {i}" for i in range(game.num_players)]


def _map(solution: OccupancySolution) -> NDArray[np.int64]:
    """Row and column of every state."""
    if solution.game.layout is None:
        raise ValueError("solution must be of a game with a layout, found none: give OccupancyGame its layout=")
    return np.round(solution.game.layout).astype(np.int64)


def junction(solution: OccupancySolution, steps: Sequence[int] | None = None, ax: Any = None, *, columns: int = 4,
             play: OccupancyPlay | None = None, most: int = 8) -> Any:
    """Draw a game on its map, frame by frame: where players are in most likely play, and where else they may be.

    Parameters
    ----------
    solution : OccupancySolution
        Of a game with a ``layout``; its ``ground`` colours the map, its ``goals`` are rings.
    steps : sequence of int, optional
        Frames to draw; by default t = 0, 1, .. until everybody has arrived, or all of them.
    ax : matplotlib Axes, or one for every frame, optional
        Where to draw; a new figure by default.
    columns : int
        Frames a row.
    play : OccupancyPlay, optional
        Markers; by default the most likely play. Shades are the probabilities of ``solution``.
    most : int
        Players of which each has a colour; of more, all are drawn alike, in the colour of the crowd.

    Returns
    -------
    matplotlib Figure
        Or ``ax`` if it was given.

    Raises
    ------
    ValueError
        If the game has no layout, or a step is outside of the horizon.
    ImportError
        If matplotlib is not installed.
    """
    found, game = _solution(solution), solution.game
    where, path = _map(found), found.most_likely() if play is None else play
    if not isinstance(path, OccupancyPlay):
        raise TypeError(f"play must be what most_likely() returns, found {_check.shown(play)}")
    last = found.horizon
    if steps is None:
        if path.arrivals is not None and (path.arrivals >= 0).all():
            last = int(path.arrivals.max())
        chosen = list(range(last + 1))
    else:
        chosen = [_check.integer(t, "steps", low=0, high=last) for t in _check.sequence(steps, "steps", "steps")]
        if not chosen:
            raise ValueError("steps must hold at least one step, found none")
    width = min(_check.integer(columns, "columns", low=1), len(chosen))
    height, span = where[:, 0].max() + 1, where[:, 1].max() + 1
    many = game.num_players > _check.integer(most, "most", low=1)
    tables = [] if many else [found.occupancy(i) for i in range(game.num_players)]
    rows = -(-len(chosen) // width)
    what = "where the crowd is" if many else "probabilities (shaded) and most likely play"
    size = 2.75 * width + (0.7 if many else 0.1), rows * (2.6 * height / span + 0.34) + 0.75
    made, axes = panels(ax, len(chosen), width, size, f"{game.name}: {what}")
    sheet = axes[0].figure
    with style():
        for n, one in enumerate(axes):
            one.set_axis_off()
            _frame(one, found, where, path, tables, chosen[n])
        if many:
            _scale(sheet, axes)
        else:
            _legend(sheet, found)
    return made


def _frame(ax: Any, found: OccupancySolution, where: NDArray[np.int64], path: OccupancyPlay, tables: list[Any],
           t: int) -> None:
    """One step on the map."""
    from matplotlib.colors import to_rgb

    game = found.game
    height, span = where[:, 0].max() + 1, where[:, 1].max() + 1
    picture = np.ones((height, span, 3))
    for x, (r, c) in enumerate(where):
        kind = game.ground[x] if game.ground is not None else "."
        picture[r, c] = to_rgb(GROUND.get(kind, GROUND["."]))
    small = max(height, span) <= 40
    if tables:
        for i, table in enumerate(tables):
            shade = np.array(to_rgb(COLOURS[i % len(COLOURS)]))
            for x, (r, c) in enumerate(where):
                weight = 0.75 * table[t, x]
                picture[r, c] = (1 - weight) * picture[r, c] + weight * shade
        ax.imshow(picture, interpolation="nearest")
    else:
        dense = np.full((height, span), np.nan)
        dense[where[:, 0], where[:, 1]] = found.crowd[t]
        ax.imshow(dense, cmap="viridis", vmin=0.0, vmax=max(float(found.crowd.max()), 1e-300), interpolation="nearest")
    if small:
        for edge in range(span + 1):
            ax.plot([edge - 0.5] * 2, [-0.5, height - 0.5], color="white", linewidth=0.5, zorder=1)
        for edge in range(height + 1):
            ax.plot([-0.5, span - 0.5], [edge - 0.5] * 2, color="white", linewidth=0.5, zorder=1)
        if game.ground is not None:
            for x, (r, c) in enumerate(where):
                if game.ground[x] == "z":  # bars of a zebra crossing
                    for k in range(4):
                        ax.fill_between([c - 0.5 + 0.25 * k + 0.06, c - 0.5 + 0.25 * k + 0.19], r - 0.44, r + 0.44,
                                        color="white", alpha=0.75, linewidth=0, zorder=1)
    if tables:
        for i in range(len(tables)):
            colour = COLOURS[i % len(COLOURS)]
            if game.goals is not None:
                r, c = where[game.goals[i]]
                ax.plot(c, r, marker="o", markersize=13, markerfacecolor="none", markeredgecolor=colour,
                        markeredgewidth=1.4, zorder=2)
            r, c = where[path.paths[i, t]]
            here = [j for j in range(len(tables)) if path.paths[j, t] == path.paths[i, t]]
            shift = 0.0 if len(here) == 1 else 0.22 * (here.index(i) - (len(here) - 1) / 2)
            ax.plot(c + shift, r + shift, marker=MARKERS[i % len(MARKERS)], markersize=7, color=colour,
                    markeredgecolor="white", markeredgewidth=0.8, zorder=3)
    met, names = [(i, j) for s, i, j in path.meetings if s == t] if tables else [], _names(found)
    said = f", {len(met)} pairs meet" if met else ""
    if len(met) == 1:
        said = f", {names[met[0][0]]} meets {names[met[0][1]]}"
    ax.set_title(f"t = {t}{said}", fontsize=9, pad=3)


def _legend(sheet: Any, found: OccupancySolution) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], marker=MARKERS[i % len(MARKERS)], color=COLOURS[i % len(COLOURS)], linestyle="none",
                      markersize=7, label=name) for i, name in enumerate(_names(found))]
    if found.game.goals is not None:
        handles.append(Line2D([], [], marker="o", markerfacecolor="none", color="#404040", linestyle="none",
                              markersize=10, label="goal"))
    sheet.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _scale(sheet: Any, axes: list[Any]) -> None:
    sheet.colorbar(axes[0].images[0], ax=axes, label="crowd, sum of mu O", shrink=0.8)


def occupancy(solution: OccupancySolution, players: Sequence[int] | None = None, ax: Any = None, *,
              least: float = 0.02) -> Any:
    """Draw occupancies over time: a panel a player, a line for every state that it is likely to be in.

    Parameters
    ----------
    solution : OccupancySolution
    players : sequence of int, optional
        Whose; by default all, up to eight.
    ax : matplotlib Axes, or one for every player, optional
        Where to draw; a new figure by default.
    least : float
        Only states that are reached with at least this probability at some step.

    Returns
    -------
    matplotlib Figure
        Or ``ax`` if it was given. Of games with a ``layout`` states are named by row and column. The goal's line is
        thick and black.
    """
    found, game = _solution(solution), solution.game
    chosen = (list(range(min(8, game.num_players))) if players is None else
              [_check.integer(i, "players", low=0, high=game.num_players - 1)
               for i in _check.sequence(players, "players", "players")])
    if not chosen:
        raise ValueError("players must hold at least one player, found none")
    floor = _check.real(least, "least", 0.0, 1.0)
    where = None if game.layout is None else _map(found)
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    made, axes = panels(ax, len(chosen), columns, (3.5 * columns + 0.2, 3.4 * rows + 0.4),
                        f"{game.name}: occupancies over time")
    names, time = _names(found), np.arange(found.horizon + 1)
    with style():
        for i, one in zip(chosen, axes, strict=True):
            table = found.occupancy(i)
            goal = -1 if game.goals is None else int(game.goals[i])
            likely = [int(x) for x in np.flatnonzero(table.max(axis=0) >= floor) if x != goal]
            likely.sort(key=lambda x: (float(time @ table[:, x]) / table[:, x].sum(), x))  # as they are passed
            kept = sorted(sorted(likely, key=lambda x: -table[:, x].max())[:9], key=likely.index)
            for x, colour in zip(kept, shades(len(kept)), strict=True):
                one.plot(time, table[:, x], color=colour, label=_place(x, where))
            if goal >= 0:
                one.plot(time, table[:, goal], color="black", linewidth=2.2, label=f"goal {_place(goal, where)}")
            one.set(title=names[i], xlabel="step t", ylabel="probability", ylim=(-0.03, 1.03))
            one.legend(fontsize=7, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.18), columnspacing=1.0,
                       handlelength=1.3)
    return made


def _place(x: int, where: NDArray[np.int64] | None) -> str:
    return str(x) if where is None else f"({where[x, 0]}, {where[x, 1]})"
