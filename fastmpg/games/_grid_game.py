"""Grid games: two players walk to their goals and should not meet on the way."""

from __future__ import annotations

import numpy as np

from .. import _check
from .._check import Float
from ..models.markov.game import MarkovGame
from ._lattice import STAY, at, walk


def grid_game(law: Float, starts: tuple[int, int], goals: tuple[int, int], prize: float, name: str, ends: str,
              discount: float) -> MarkovGame:
    """Two players with one law (C, 5, C) of moves, before goals; rewards are the expectations of those of a transition.

    A player that reaches its goal receives ``prize``, once, and stays there. Two players that move to one cell receive
    -1 each, unless it is the goal of both or one of them had arrived before. ends "both": one plays on when the other
    has arrived; "first": nobody moves or receives anything then.
    """
    if not (isinstance(ends, str) and ends in ("both", "first")):
        raise ValueError(f'ends must be "both" or "first" (arrival), found {_check.shown(ends)}')
    cells, laws = len(law), []
    for goal in goals:
        own = law.copy()
        own[goal] = 0.0
        own[goal, STAY, goal] = 1.0
        laws.append(own)
    walking = np.array([[cell != goal for cell in range(cells)] for goal in goals], np.float64)
    meeting = np.array([not cell == goals[0] == goals[1] for cell in range(cells)], np.float64)
    clash = np.einsum("xac,ybc,c,x,y->xyab", *laws, meeting, *walking)
    arrival = [law[:, :, goal] * here[:, None] for law, goal, here in zip(laws, goals, walking, strict=True)]
    rewards = np.stack([prize * arrival[0][:, None, :, None] - clash, prize * arrival[1][None, :, None, :] - clash])
    start = at(cells * starts[0] + starts[1], cells**2)
    game = walk(laws, rewards.reshape(2, cells**2, *law.shape[1:2] * 2), start, name, discount)
    if ends == "both":
        return game
    over = (walking[0][:, None] * walking[1]).ravel() == 0.0
    return MarkovGame(game.rewards, game.transitions, discount, start, available=game.available, terminal=over,
                      name=name)
