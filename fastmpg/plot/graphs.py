"""Policies on graphs: states as pies of what a player does there, and arrows for where play goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..metrics.chain import chain
from ..metrics.evaluation import evaluate
from ..models.game import Game
from ..policy import check_policy
from ._figure import COLOURS, axes_of, shades, style
from ._names import Labels

MOST = 60  # states that can be told apart
GAP = 0.012  # between an arrow's head and the pie


def graph(policy: Any, game: Game, ax: Any = None, *, player: int = 0, layout: Any = None, least: float = 0.02) -> Any:
    """Draw a policy on the graph of states: pies are a player's probabilities, arrows the chain that all induce.

    Parameters
    ----------
    policy : array_like (S, A_total) or list of (S, A_i)
    game : Game
        Of at most 60 states.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    player : int
    layout : array_like (S, 2), optional
        x and y of every state; a circle by default.
    least : float
        Moves of a smaller probability are left out.

    Returns
    -------
    matplotlib Axes
        Pies are larger where play is more often, by discounted visitation; arrows wider where a move is likelier.

    Raises
    ------
    ValueError, TypeError
        If the game is too large or has no exact model.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.routing(4)
    >>> ax = fm.plot.graph(fm.uniform_policy(game), game)  # doctest: +SKIP
    """
    table, labels = check_policy(game, policy), Labels(game)
    i = _check.player(player, game.num_players)
    if game.num_states > MOST:
        raise ValueError(f"game must have at most {MOST} states to be drawn as a graph, found {game.num_states}")
    floor = _check.real(least, "least", 0.0, 1.0)
    if layout is None:
        angle = 0.5 * np.pi - 2.0 * np.pi * np.arange(game.num_states) / game.num_states
        at = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (game.num_states > 1)
    else:
        at = _check.array(layout, "layout")
        _check.shape(at, "layout", (game.num_states, 2), "(S, 2)")
    moves = chain(game, table)
    often = evaluate(game, table).visit if game.discount < 1.0 else np.full(game.num_states, 1.0 / game.num_states)
    span = float(max(np.ptp(at, axis=0).max(), 1e-9)) if game.num_states > 1 else 2.0
    reach = 0.085 * span if game.num_states <= 12 else 0.9 * span / game.num_states
    size = reach * (0.45 + 0.55 * np.sqrt(often / max(float(often.max()), 1e-300)))
    with style():
        ax = axes_of(ax)
        for s, t in np.argwhere((moves >= floor) & (moves > 0.0)).tolist():
            _arrow(ax, at, size, s, t, float(moves[s, t]), span)
        own = table[:, game.offset[i]:game.offset[i + 1]]
        colours = list(COLOURS) if own.shape[1] <= len(COLOURS) else shades(own.shape[1])
        for s in range(game.num_states):
            _pie(ax, at[s], float(size[s]), own[s], colours)
            if game.num_states > 1:
                far = 2.5 if moves[s, s] >= floor else 1.35  # outside of the loop
                _name(ax, at, s, far * float(size[s]), labels.state(s, short=True), layout is None)
        from matplotlib.patches import Patch

        ax.legend(handles=[Patch(color=colours[a], label=labels.action(i, a)) for a in range(own.shape[1])],
                  title=labels.player(i), fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        room = 3.6 * reach
        low, high = at.min(axis=0) - room, at.max(axis=0) + room
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", title=f"policy on {game.name}")
        ax.set_axis_off()
    return ax


def _pie(ax: Any, centre: Float, size: float, row: Float, colours: list[Any]) -> None:
    from matplotlib.patches import Circle, Wedge

    middle, angle = (float(centre[0]), float(centre[1])), 90.0
    for a, p in enumerate(row):
        if p > 0.0:
            ax.add_patch(Wedge(middle, size, angle - 360.0 * p, angle, facecolor=colours[a], linewidth=0, zorder=3))
            angle -= 360.0 * p
    ax.add_patch(Circle(middle, size, facecolor="none", edgecolor="white", linewidth=1.2, zorder=4))


def _name(ax: Any, at: Float, s: int, away: float, text: str, outside: bool) -> None:
    """So far away from the middle of a pie, outside of a circle of states; else below."""
    out = at[s] - at.mean(axis=0) if outside else np.array([0.0, -1.0])
    out = out / max(float(np.hypot(*out)), 1e-12)
    x, y = at[s] + out * away
    ax.text(x, y, text, fontsize=8, ha="center" if abs(out[0]) < 0.3 else "left" if out[0] > 0 else "right",
            va="center" if abs(out[1]) < 0.3 else "bottom" if out[1] > 0 else "top", zorder=5)


def _arrow(ax: Any, at: Float, size: Float, s: int, t: int, chance: float, span: float) -> None:
    """From one pie's rim to another's, bent to the left; or a loop outwards."""
    from matplotlib.patches import FancyArrowPatch

    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 6.0 + 6.0 * chance, "color": "0.45",
                            "linewidth": 0.5 + 2.2 * chance, "alpha": 0.35 + 0.65 * chance, "zorder": 1 + chance,
                            "shrinkA": 0.0, "shrinkB": 0.0}
    if s == t:
        out = at[s] - at.mean(axis=0)
        out = out / np.hypot(*out) if np.hypot(*out) > 1e-9 * span else np.array([0.0, 1.0])
        side = np.array([-out[1], out[0]])
        rim = [at[s] + size[s] * (0.9 * out + sign * 0.55 * side) for sign in (1.0, -1.0)]
        ax.add_patch(FancyArrowPatch(rim[0], rim[1], connectionstyle="arc3,rad=-1.9", **look))
        return
    bend = 0.16
    way = (at[t] - at[s]) / np.hypot(*(at[t] - at[s]))
    side = np.array([way[1], -way[0]])
    begin = at[s] + size[s] * (way + 2 * bend * side) / np.hypot(1.0, 2 * bend)
    end = at[t] + (size[t] + GAP * span) * (-way + 2 * bend * side) / np.hypot(1.0, 2 * bend)
    ax.add_patch(FancyArrowPatch(begin, end, connectionstyle=f"arc3,rad={bend}", **look))
