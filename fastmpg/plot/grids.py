"""Policies on grids: what one player does in every cell, with a table of numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..policy import check_policy
from ._figure import COLOURS, axes_of, style
from ._names import Labels
from .horizons import MOVES


def cells_of(shape: Any) -> tuple[int, int]:
    """Rows and columns.

    Raises
    ------
    ValueError, TypeError
        If they are not two whole numbers.
    """
    given = _check.sequence(shape, "shape", "two numbers, rows and columns")
    if len(given) != 2:
        raise ValueError(f"shape must be two numbers, rows and columns, found {_check.shown(shape)}")
    return _check.integer(given[0], "shape", low=1), _check.integer(given[1], "shape", low=1)


def states_of(game: Game, shape: tuple[int, int], player: int, others: Any) -> list[int]:
    """The state for each cell of one player: cells are states, or the digits of states, one a player.

    Raises
    ------
    ValueError
        If the game's states are neither, or ``others`` do not say where the other players are.
    """
    cells = shape[0] * shape[1]
    if game.num_states == cells and others is None:
        return list(range(cells))
    if game.num_states != cells**game.num_players:
        raise ValueError(f"game must have a state for each of {cells} cells, or for each cell of every player, "
                         f"{cells}^{game.num_players}, found {game.num_states}; with other states give states=")
    if others is None:
        raise ValueError(f"others must say on which cell every other player is, {game.num_players - 1} numbers")
    given = [_check.integer(x, "others", low=0, high=cells - 1)
             for x in _check.sequence(others, "others", "cells, one for every other player")]
    if len(given) != game.num_players - 1:
        raise ValueError(f"others must hold one cell for every other player, {game.num_players - 1}, found "
                         f"{len(given)}")
    found = []
    for cell in range(cells):
        places = (*given[:player], cell, *given[player:])
        found.append(int(np.ravel_multi_index(places, (cells,) * game.num_players)))
    return found


def grid(policy: Any, game: Game, shape: Any, ax: Any = None, *, player: int = 0, others: Any = None,
         states: Sequence[int] | None = None, moves: Any = MOVES, shade: Any = None, label: str = "") -> Any:
    """Draw what one player does in every cell of a grid: arrows as long as a move is likely, a disc for staying.

    Parameters
    ----------
    policy : array_like (S, A_total) or list of (S, A_i)
    game : Game
        Whose states are cells, row by row, or have every player's cell as digits (player 0 slowest), as those of
        :func:`fastmpg.games.pursuit_2`; others with ``states``.
    shape : (int, int)
        Rows and columns.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    player : int
    others : sequence of N - 1 int, optional
        The cells of the other players, which are drawn as crosses.
    states : sequence of int, optional
        The state of every cell instead; -1 where there is none.
    moves : sequence of A_i (int, int)
        Columns and rows by which every action moves, rows downwards; by default right, stay, down, left, up.
    shade : array_like (S,), optional
        Numbers for the cells' colours, such as a value or a visitation; their meaning is the ``label``.
    label : str

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If the game is not on such a grid.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_2()
    >>> ax = fm.plot.grid(fm.solvers.mge_f(game, 9).policy[0], game, (3, 3), others=[8])  # doctest: +SKIP
    """
    table, labels = check_policy(game, policy), Labels(game)
    i, (rows, columns) = _check.player(player, game.num_players), cells_of(shape)
    steps = np.array([[_check.integer(x, "moves") for x in _check.sequence(each, "moves", "two numbers")]
                      for each in _check.sequence(moves, "moves", "pairs, one an action")])
    if steps.shape != (game.num_actions[i], 2):
        raise ValueError(f"moves must hold two numbers for each of {game.num_actions[i]} actions, found shape "
                         f"{steps.shape}")
    if states is None:
        chosen = states_of(game, (rows, columns), i, others)
    else:
        chosen = [_check.integer(s, "states", low=-1, high=game.num_states - 1)
                  for s in _check.sequence(states, "states", "states, one a cell")]
        if len(chosen) != rows * columns:
            raise ValueError(f"states must hold one state for each of {rows * columns} cells, found {len(chosen)}")
    own = table[:, game.offset[i]:game.offset[i + 1]]
    behind = None
    if shade is not None:
        behind = _check.array(shade, "shade")
        _check.shape(behind, "shade", (game.num_states,), "(S,)")
    with style():
        ax = axes_of(ax)
        _background(ax, rows, columns, chosen, behind, label)
        for cell, s in enumerate(chosen):
            if s >= 0:
                _cell(ax, own[s], steps, cell % columns, cell // columns)
        for other in [] if others is None or states is not None else others:
            ax.plot(other % columns, other // columns, "x", color=COLOURS[1], markersize=11, markeredgewidth=2.2,
                    zorder=5)
        ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal",
               title=f"{labels.player(i)}, {game.name}")
        ax.set_axis_off()
    return ax


def _background(ax: Any, rows: int, columns: int, chosen: list[int], behind: Any, label: str) -> None:
    """Cells, coloured where there are numbers; dark where there is no state."""
    from matplotlib.colors import ListedColormap

    there = np.array(chosen).reshape(rows, columns) >= 0
    if behind is not None:
        picture = np.ma.masked_where(~there, behind[np.maximum(chosen, 0)].reshape(rows, columns))
        drawn = ax.imshow(picture, cmap="Blues", interpolation="nearest", zorder=0)
        ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
    ax.imshow(np.ma.masked_where(there, np.ones((rows, columns))), cmap=ListedColormap(["#404040"]),
              interpolation="nearest", zorder=0)
    for edge in range(columns + 1):
        ax.plot([edge - 0.5] * 2, [-0.5, rows - 0.5], color="0.8", linewidth=0.8, zorder=1)
    for edge in range(rows + 1):
        ax.plot([-0.5, columns - 0.5], [edge - 0.5] * 2, color="0.8", linewidth=0.8, zorder=1)


def _cell(ax: Any, row: Any, steps: Any, x: float, y: float) -> None:
    """Arrows from the middle of a cell, and a disc with the area of the probability to stay."""
    for (right, below), p in zip(steps.tolist(), row.tolist(), strict=True):
        if p < 0.01:
            continue
        if right == below == 0:
            ax.plot(x, y, "o", markersize=9.0 * np.sqrt(p), color=COLOURS[0], markeredgewidth=0, alpha=0.9, zorder=3)
            continue
        scale = (0.12 + 0.33 * p) / np.hypot(right, below)
        ax.annotate("", (x + right * scale, y + below * scale), (x, y), zorder=4,
                    arrowprops={"arrowstyle": "-|>,head_width=0.18,head_length=0.3", "color": COLOURS[0],
                                "linewidth": 0.6 + 1.6 * p, "shrinkA": 0, "shrinkB": 0})
