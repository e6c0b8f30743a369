"""Where policies are drawn: a square for two players with two actions each, a triangle for one with three."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ._names import Labels

HIGH = np.sqrt(3.0) / 2.0
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, HIGH]])


class Square:
    """Two players with two actions each: how likely each plays its first one."""

    def __init__(self, labels: Labels, players: tuple[int, int]) -> None:
        self.labels, self.players = labels, players
        self.columns = [int(labels.edges[i]) for i in players]

    def whose(self) -> str:
        """For titles: nobody, as axes say it."""
        return ""

    def place(self, rows: Float) -> tuple[Any, Any]:
        """x and y (...,) of policies of one state (..., A_total)."""
        return rows[..., self.columns[0]], rows[..., self.columns[1]]

    def points(self, count: int, edge: float = 0.0) -> Float:
        """(count^2, 2): a lattice, row by row, that stays ``edge`` away from the sides."""
        side = np.linspace(edge, 1.0 - edge, count)
        return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)

    def fill(self, row: Float, points: Float) -> Float:
        """(P, A_total): a state's policy with the two players' at the points (P, 2)."""
        out = np.tile(row, (len(points), 1))
        for column, p in zip(self.columns, points.T, strict=True):
            out[:, column], out[:, column + 1] = p, 1.0 - p
        return out

    def frame(self, ax: Any) -> None:
        """Axes and names."""
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        for side, i in zip("xy", self.players, strict=True):
            getattr(ax, f"set_{side}label")(f"{self.labels.player(i)}: probability of {self.labels.action(i, 0)}")
        ax.grid(False)


class Triangle:
    """One player with three actions: a corner for each."""

    def __init__(self, labels: Labels, player: int) -> None:
        self.labels, self.players, self.low = labels, (player,), int(labels.edges[player])

    def whose(self) -> str:
        """For titles."""
        return f" of {self.labels.player(self.players[0])}"

    def place(self, rows: Float) -> tuple[Any, Any]:
        """x and y (...,) of policies of one state (..., A_total)."""
        at = rows[..., self.low:self.low + 3] @ CORNERS
        return at[..., 0], at[..., 1]

    def points(self, count: int, edge: float = 0.0) -> Float:
        """(P, 2): a triangular lattice that stays ``edge`` away from the sides."""
        n = count - 1
        inner = [(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)]
        weights = edge + (1.0 - 3.0 * edge) * np.array(inner, np.float64) / n
        return weights @ CORNERS

    def fill(self, row: Float, points: Float) -> Float:
        """(P, A_total): a state's policy with the player's at the points (P, 2)."""
        third = points[:, 1] / HIGH
        second = points[:, 0] - 0.5 * third
        own = np.clip(np.stack([1.0 - second - third, second, third], axis=1), 0.0, 1.0)
        out = np.tile(row, (len(points), 1))
        out[:, self.low:self.low + 3] = own / own.sum(axis=1, keepdims=True)
        return out

    def frame(self, ax: Any) -> None:
        """The triangle, its lines at quarters, and names at its corners."""
        i = self.players[0]
        closed = np.vstack([CORNERS, CORNERS[:1]])
        ax.plot(*closed.T, color="black", linewidth=0.9, zorder=2)
        for share in (0.25, 0.5, 0.75):
            for k in range(3):
                one, two, three = CORNERS[k], CORNERS[(k + 1) % 3], CORNERS[(k + 2) % 3]
                ends = np.array([share * one + (1 - share) * two, share * one + (1 - share) * three])
                ax.plot(*ends.T, color="0.85", linewidth=0.6, zorder=0)
        for a, (corner, ha, va) in enumerate(zip(CORNERS, ("right", "left", "center"), ("top", "top", "bottom"),
                                                 strict=True)):
            shift = ((-0.02, -0.02), (0.02, -0.02), (0.0, 0.02))[a]
            ax.text(*(corner + shift), self.labels.action(i, a), ha=ha, va=va, fontsize=8)
        ax.set(xlim=(-0.16, 1.16), ylim=(-0.1, HIGH + 0.1), aspect="equal")
        ax.set_axis_off()


def chart_of(labels: Labels, players: Any, what: str = "players") -> Square | Triangle:
    """The chart for one player with three actions or two with two; by default the first that there are.

    Raises
    ------
    ValueError
        If there are none, or the given ones have other numbers of actions.
    """
    counts = labels.num_actions
    if players is None:
        if 3 in counts:
            return Triangle(labels, counts.index(3))
        two = [i for i, n in enumerate(counts) if n == 2][:2]
        if len(two) < 2:
            raise ValueError(f"{what} must be one with three actions or two with two actions each, of which this game "
                             f"has none: its players have {_check.shown(tuple(counts))}")
        return Square(labels, (two[0], two[1]))
    chosen = [players] if _check.is_int(players) else _check.sequence(players, what, "players")
    if len(chosen) not in (1, 2):
        raise ValueError(f"{what} must be one player or two, found {_check.shown(players)}")
    found = [_check.integer(i, what, low=0, high=len(counts) - 1) for i in chosen]
    wanted = 3 if len(found) == 1 else 2
    if len(set(found)) < len(found) or any(counts[i] != wanted for i in found):
        raise ValueError(f"{what} must be one with three actions or two with two actions each, found "
                         f"{', '.join(f'player {i} with {counts[i]}' for i in found)}")
    return Triangle(labels, found[0]) if wanted == 3 else Square(labels, (found[0], found[1]))


def paths_of(source: Any, state: int) -> tuple[Float, NDArray[Any] | None]:
    """Policies of one state over time (..., K, A_total), and their steps where they are known.

    Raises
    ------
    ValueError
        If none were recorded.
    """
    from ..run.result import Result

    if isinstance(source, Result):
        if "policy" not in source.trace:
            raise ValueError('source must hold policies over time: record them, '
                             'record=fastmpg.Record(metrics=("policy", ...))')
        return source.trace["policy"][..., state, :], source.trace["step"]
    table = _check.array(source, "source")
    if table.ndim < 3:
        raise ValueError(f"source must be a result, or policies (..., K, S, A_total), found shape {table.shape}")
    return table[..., state, :], None
