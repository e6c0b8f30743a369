"""How often play is where: discounted visitation, as bars or on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..metrics.evaluation import evaluate
from ..models.game import Game
from ..policy import check_policy
from ._figure import COLOURS, axes_of, style
from ._names import Labels
from .grids import cells_of

BARS, NAMED = 80, 24  # states that are drawn as bars; with all their names


def visits(policy: Any, game: Game, ax: Any = None, *, shape: Any = None, player: int = 0) -> Any:
    """Draw the discounted visitation of states: bars, or on a grid how likely it is that a player is in each cell.

    Parameters
    ----------
    policy : array_like (S, A_total), list of (S, A_i), or a stack (R, S, A_total) of at most seven
        Bars of several are side by side.
    game : Game
        Of discount below 1.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    shape : (int, int), optional
        Rows and columns of a grid whose cells are the states, or the digits of states, one a player.
    player : int
        Whose cells.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If the game has no such grid, or no discount.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.routing(4)
    >>> ax = fm.plot.visits(fm.uniform_policy(game), game)  # doctest: +SKIP
    """
    labels = Labels(game)
    i = _check.player(player, game.num_players)
    if shape is not None:
        return _on_grid(policy, game, axes_of(ax), cells_of(shape), i, labels)
    several = not isinstance(policy, list | tuple) and len(_check.shape_of(policy, "policy")) == 3
    tables = np.stack([check_policy(game, each) for each in policy]) if several else check_policy(game, policy)[None]
    if not 1 <= len(tables) <= len(COLOURS):
        raise ValueError(f"policy must be one, or a stack of at most {len(COLOURS)}, found {len(tables)}")
    rows = evaluate(game, tables).visit
    x = np.arange(game.num_states)
    with style():
        ax = axes_of(ax)
        for k, row in enumerate(rows):
            told = None if len(rows) == 1 else f"policy {k}"
            if game.num_states <= BARS:
                width = 0.8 / len(rows)
                ax.bar(x + (k - 0.5 * (len(rows) - 1)) * width, row, width, color=COLOURS[k], label=told)
            else:
                ax.plot(x, row, color=COLOURS[k], linewidth=0.9, label=told)
        if game.num_states <= NAMED:
            names = [labels.state(s, short=True) for s in range(game.num_states)]
            ax.set_xticks(x, names, rotation=45 if max(map(len, names)) > 4 else 0,
                          ha="right" if max(map(len, names)) > 4 else "center")
        ax.set(xlabel="state", ylabel="discounted visitation", title=game.name)
        ax.grid(axis="x", visible=False)
        if len(rows) > 1:
            ax.legend()
    return ax


def _on_grid(policy: Any, game: Game, ax: Any, shape: tuple[int, int], i: int, labels: Labels) -> Any:
    cells, row = shape[0] * shape[1], evaluate(game, check_policy(game, policy)).visit
    if game.num_states not in (cells, cells**game.num_players):
        raise ValueError(f"game must have a state for each of {cells} cells, or for each cell of every player, "
                         f"{cells}^{game.num_players}, found {game.num_states}")
    if game.num_states != cells:
        rest = tuple(k for k in range(game.num_players) if k != i)
        row = row.reshape((cells,) * game.num_players).sum(axis=rest)
    with style():
        picture = ax.imshow(row.reshape(shape), cmap="Blues", vmin=0.0, interpolation="nearest")
        ax.set_xticks(range(shape[1]))
        ax.set_yticks(range(shape[0]))
        ax.grid(False)
        who = f", {labels.player(i)}" if game.num_states != cells else ""
        ax.set(title=f"{game.name}{who}", xlabel="column", ylabel="row")
        ax.figure.colorbar(picture, ax=ax, label="discounted visitation", shrink=0.8)
    return ax
