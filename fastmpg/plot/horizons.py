"""Pictures of play over a finite horizon: policies as arrows on a grid, and how likely sets of states are over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..horizon.evaluate import HorizonEvaluation
from ..models.game import Game
from ..policy import check_policy, split
from ._figure import COLOURS, axes_of, panels, shades, style
from ._names import Labels
from .crowds import MARKERS

MOVES = ((1, 0), (0, 0), (0, 1), (-1, 0), (0, -1))  # right, stay, down, left, up, as (column, row)
STAY = 1


def _places(game: Game, shape: tuple[int, int], states: Any) -> tuple[list[int], list[tuple[int, ...]]]:
    """States, and the cells of all players in each."""
    given = _check.sequence(shape, "shape", "two numbers, rows and columns")
    if len(given) != 2:
        raise ValueError(f"shape must be two numbers, rows and columns, found {_check.shown(shape)}")
    rows, columns = (_check.integer(n, "shape", low=1) for n in given)
    sizes = (rows * columns,) * game.num_players
    if game.num_states != (rows * columns)**game.num_players or any(n != len(MOVES) for n in game.num_actions):
        raise ValueError(f"game must have {game.num_players} players with five actions each on {rows} x {columns} "
                         f"cells, {(rows * columns)**game.num_players} states, found {game!r}")
    chosen = []
    for state in _check.sequence(states, "states", "states"):
        if isinstance(state, tuple | list):
            if len(state) != len(sizes):
                raise ValueError(f"states must hold numbers, or a cell for each of {len(sizes)} players, found {state}")
            cells = [_check.integer(x, "states", low=0, high=rows * columns - 1) for x in state]
            chosen.append(int(np.ravel_multi_index(tuple(cells), sizes)))
        else:
            chosen.append(_check.integer(state, "states", low=0, high=game.num_states - 1))
    if not chosen:
        raise ValueError("states must hold at least one state, found none")
    return chosen, [tuple(int(x) for x in np.unravel_index(s, sizes)) for s in chosen]


def arrows(policy: Any, game: Game, states: Any, ax: Any = None, *, shape: tuple[int, int] = (3, 3),
           names: Sequence[str] | None = None, titles: Sequence[str] | None = None, title: str = "") -> Any:
    """Draw what players on a grid do in some states: arrows as long as a move is likely, a disc for staying.

    Parameters
    ----------
    policy : array_like (S, A_total), or list of (S, A_i)
        Of one stage.
    game : Game
        As :func:`fastmpg.games.pursuit_3`: every player is on a cell, these are the digits of the state (player 0
        slowest), and actions are right, stay, down, left, up.
    states : sequence of int, or of tuples of cells
        A panel each.
    ax : matplotlib Axes, or one for every state, optional
        Where to draw; a new figure by default.
    shape : (int, int)
        Rows and columns of the grid, whose cells are counted row by row.
    names : sequence of str, optional
        Of the players; by default those of the game.
    titles : sequence of str, optional
        Of the panels.
    title : str

    Returns
    -------
    matplotlib Figure
        Or ``ax`` if it was given.

    Raises
    ------
    ValueError, TypeError
        If the game is not of that kind, or a state is not in it.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> found = fm.solvers.mge_f(game, 3)
    >>> sheet = fm.plot.arrows(found.policy[0], game, [(0, 8, 4), (0, 8, 2)])  # doctest: +SKIP
    """
    table = check_policy(game, policy)
    chosen, cells = _places(game, shape, states)
    called = list(names) if names is not None else [Labels(game).player(i) for i in range(game.num_players)]
    heads = list(titles) if titles is not None else [str(each) for each in cells]
    for given, what, many in ((called, "names", game.num_players), (heads, "titles", len(chosen))):
        if len(given) != many:
            raise ValueError(f"{what} must hold {many} strings, found {len(given)}")
    across = min(3, len(chosen))
    down = -(-len(chosen) // across)
    made, axes = panels(ax, len(chosen), across,
                        (1.25 * shape[1] * across + 0.3, 1.3 * shape[0] * down + 0.8), title)
    with style():
        from matplotlib.lines import Line2D

        for n, one in enumerate(axes):
            one.set_axis_off()
            _grid(one, shape)
            for i, part in enumerate(split(game, table)):
                here = [j for j in range(len(called)) if cells[n][j] == cells[n][i]]
                shift = 0.0 if len(here) == 1 else 0.24 * (here.index(i) - (len(here) - 1) / 2)
                row, column = divmod(cells[n][i], shape[1])
                _player(one, part[chosen[n]], column + shift, row + shift, i)
            one.set_title(heads[n], pad=4)
        axes[0].figure.legend(handles=[Line2D([], [], marker=MARKERS[i % len(MARKERS)], color=COLOURS[i % len(COLOURS)],
                                     linestyle="none", markersize=7, label=name) for i, name in enumerate(called)],
                     loc="outside lower center", ncols=len(called))
    return made


def _grid(ax: Any, shape: tuple[int, int]) -> None:
    """Cells, and their numbers in a corner."""
    rows, columns = shape
    for edge in range(columns + 1):
        ax.plot([edge - 0.5] * 2, [-0.5, rows - 0.5], color="0.8", linewidth=0.8, zorder=0)
    for edge in range(rows + 1):
        ax.plot([-0.5, columns - 0.5], [edge - 0.5] * 2, color="0.8", linewidth=0.8, zorder=0)
    for x in range(rows * columns):
        ax.text(x % columns - 0.45, x // columns - 0.45, str(x), fontsize=7, color="0.55", ha="left", va="top")
    ax.set(xlim=(-0.55, columns - 0.45), ylim=(rows - 0.45, -0.55), aspect="equal")


def _player(ax: Any, row: Float, x: float, y: float, i: int) -> None:
    """One player: its marker and disc, and an arrow with its probability for every move."""
    colour = COLOURS[i % len(COLOURS)]
    # a square root: discs of probabilities p are p in area
    ax.plot(x, y, "o", markersize=34 * np.sqrt(row[STAY]), color=colour, alpha=0.22, markeredgewidth=0, zorder=1)
    ax.plot(x, y, MARKERS[i % len(MARKERS)], markersize=7, color=colour, markeredgecolor="white", markeredgewidth=0.8,
            zorder=4)
    ax.text(x + 0.09, y + 0.09, f"{row[STAY]:.3f}", fontsize=7, color=colour, ha="left", va="top", zorder=5)
    for a, (right, below) in enumerate(MOVES):
        if a == STAY or not row[a] > 0.0:
            continue
        length = 0.15 + 0.45 * row[a]
        tip = x + right * length, y + below * length
        ax.annotate("", tip, (x, y), zorder=3,
                    arrowprops={"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "color": colour,
                                "linewidth": 0.8 + 2.6 * row[a], "shrinkA": 4, "shrinkB": 0})
        if right:  # above the arrow's end
            where, sides = (tip[0] - 0.02 * right, y - 0.04), {"ha": "center", "va": "bottom"}
        else:  # behind its tip
            where, sides = (x, tip[1] + 0.03 * below), {"ha": "center", "va": "top" if below > 0 else "bottom"}
        ax.text(*where, f"{row[a]:.3f}", fontsize=7, color=colour, zorder=5, **sides)


def horizon(evaluation: HorizonEvaluation, sets: Mapping[str, Any], ax: Any = None, **line: Any) -> Any:
    """Draw how likely sets of states are at every step of a finite horizon: a line a set.

    Parameters
    ----------
    evaluation : HorizonEvaluation
        Of :func:`fastmpg.evaluate_horizon`.
    sets : mapping of str to array_like (S,) of bool, or to sequence of int
        Names for the legend, and the states of each: a mask, or their numbers.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    **line
        For matplotlib's ``plot``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If a set is not of the game's states, or there is none.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> game = fm.games.pursuit_2()
    >>> found = fm.evaluate_horizon(game, fm.solvers.mge_f(game, 22).policy)
    >>> hunter, prey = np.indices((9, 9)).reshape(2, 81)
    >>> ax = fm.plot.horizon(found, {"hunted": hunter == prey})  # doctest: +SKIP
    """
    if not isinstance(evaluation, HorizonEvaluation):
        raise TypeError(f"evaluation must be what fastmpg.evaluate_horizon returns, found {_check.shown(evaluation)}")
    states = evaluation.occupancy.shape[1]
    if not isinstance(sets, Mapping) or not sets:
        raise ValueError(f"sets must map at least one name to states, found {_check.shown(sets)}")
    lines = {}
    for name, chosen in sets.items():
        table = np.asarray(chosen)
        if table.dtype == bool and table.shape == (states,):
            inside = table
        elif table.ndim == 1 and table.dtype.kind in "iu" and ((table >= 0) & (table < states)).all():
            inside = np.isin(np.arange(states), table)
        else:
            raise ValueError(f"sets[{name!r}] must be a mask ({states},) of bool, or numbers of states in [0, {states}"
                             f"), found {_check.shown(chosen)}")
        lines[name] = evaluation.occupancy @ inside
    time, ax = np.arange(evaluation.occupancy.shape[0]), axes_of(ax)
    with style():
        colours: Sequence[Any] = COLOURS if len(lines) <= len(COLOURS) else shades(len(lines))
        for (name, y), colour in zip(lines.items(), colours, strict=False):
            ax.plot(time, y, **({"marker": "o", "markersize": 3.5, "color": colour, "label": name} | line))
        ax.set(xlabel="step t", ylabel="probability")
        ax.legend()
    return ax
