"""Phase portraits: where a rule moves policies, everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..metrics.evaluation import evaluate
from ..models.game import Game, check_game
from ..policy import check_policy, uniform_policy
from ..rules.rule import contract_of
from ..run.ensemble import ensemble
from ..run.record import Record
from ._charts import Square, Triangle, chart_of
from ._figure import axes_of, shades, style
from ._names import Labels
from .simplices import draw_paths

EDGE = 0.02  # how far from the sides rules are asked, which cannot leave them


def phase(game: Game, rule: Any = None, ax: Any = None, *, players: Any = None, state: int = 0, policy: Any = None,
          points: int = 13, paths: Any = ()) -> Any:
    """Draw where a rule moves the policies of one player with three actions, or of two players with two each.

    Parameters
    ----------
    game : Game
    rule : NamedTuple, optional
        An exact rule of :mod:`fastmpg.rules`: arrows are one update, from a fresh state. Without one, replicator
        dynamics, policy times advantage.
    ax : matplotlib Axes, optional
        Where to draw; a new pyplot figure by default.
    players : int, or two int, optional
        As for :func:`simplex`.
    state : int
    policy : array_like (S, A_total), list of (S, A_i), optional
        What everybody else plays, and these players in other states; uniform by default.
    points : int
        A side of the lattice where the rule is asked.
    paths : Result, or sequence of Result
        With "policy" recorded: drawn on top.

    Returns
    -------
    matplotlib Axes
        Colours are how far one update goes.

    Raises
    ------
    ValueError, TypeError
        If the rule is a sampled one, or no such players are there.

    Examples
    --------
    >>> import fastmpg as fm
    >>> hunt = fm.NormalFormGame([[[4, 0], [3, 2]], [[4, 3], [0, 2]]])
    >>> ax = fm.plot.phase(hunt, fm.rules.NaturalGradientPlay(0.1))  # doctest: +SKIP

    Notes
    -----
    In a triangle the other players stand still, also where the rule would move them.
    """
    check_game(game)
    labels = Labels(game)
    s = _check.integer(state, "state", low=0, high=game.num_states - 1)
    count = _check.integer(points, "points", low=3, high=200)
    chart = chart_of(labels, players)
    base = uniform_policy(game) if policy is None else check_policy(game, policy)
    at = chart.points(count, EDGE)
    stack = np.tile(base, (len(at), 1, 1))
    stack[:, s] = chart.fill(base[s], at)
    speed = _moved(game, rule, stack)[:, s]
    with style():
        ax = axes_of(ax)
        chart.frame(ax)
        x, y = chart.place(stack[:, s] + speed)
        _arrows(ax, chart, at, np.stack([x, y], axis=1) - at, count, "one update" if rule is not None else "speed")
        for each in [paths] if hasattr(paths, "trace") else _check.sequence(paths, "paths", "results"):
            draw_paths(ax, chart, each, s, color="#D55E00")
        what = "replicator dynamics" if rule is None else type(rule).__name__
        where = f" in {labels.state(s)}" if game.num_states > 1 else ""
        ax.set_title(f"{what}{chart.whose()}{where}, {game.name}")
    return ax


def _moved(game: Game, rule: Any, stack: Float) -> Float:
    """(P, S, A_total): by how much one update changes each policy of a stack."""
    if rule is None:
        found = evaluate(game, stack).adv_bar
        return np.where(stack > 0.0, stack * np.where(np.isfinite(found), found, 0.0), 0.0)
    if contract_of(rule).feedback.sampled:
        raise ValueError(f"rule must be an exact one, found {type(rule).__name__}, whose single updates are noise")
    after = ensemble(game, rule, 1, len(stack), policy=stack, record=Record(every=1, metrics=("policy",)))
    return after.policy - stack


def _dark() -> Any:
    """Viridis from bright to dark, without its palest colours."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(shades(64)[::-1])


def _arrows(ax: Any, chart: Square | Triangle, at: Float, move: Float, count: int, label: str) -> None:
    """A field of arrows of one length, coloured by how far they go."""
    size = np.hypot(move[:, 0], move[:, 1])
    floor = 1e-12 * max(1.0, float(size.max(initial=0.0)))
    unit = np.where(size[:, None] > floor, move / np.maximum(size, floor)[:, None], 0.0)
    length = 0.62 / (count - 1)
    picture = ax.quiver(at[:, 0], at[:, 1], unit[:, 0] * length, unit[:, 1] * length, size, cmap=_dark(),
                        angles="xy", scale_units="xy", scale=1.0, pivot="mid", width=0.005, headwidth=4.2,
                        headlength=4.5, headaxislength=4.0, zorder=3)
    ax.figure.colorbar(picture, ax=ax, label=f"length of {label}" if label != "speed" else label, shrink=0.8)
