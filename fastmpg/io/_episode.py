"""A game played step by step from Python: what environments of other packages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..machine.vectors import LANES
from ..models.game import Game, check_game
from ..models.sampler import begin, private, row, step

ENDING = ("horizon", "discount")


def ending(value: Any) -> bool:
    """Whether an episode may also end by the discount: ``ends`` of environments."""
    if not isinstance(value, str) or value not in ENDING:
        raise ValueError(f'ends must be "horizon" or "discount", found {_check.shown(value)}')
    return value == "discount"


class Episode:
    """A game, where it stands, and its random numbers.

    horizon: steps after which an episode is cut off, or None   chance: that it goes on after a step
    """

    def __init__(self, game: Game, horizon: Any, ends: Any) -> None:
        check_game(game)
        self.game = game
        self.horizon = None if horizon is None else _check.integer(horizon, "horizon", low=1)
        self.chance = game.discount if ending(ends) else 1.0
        self.sampler, self.players = private(game.sampler()), game.num_players
        room = -(-self.players // LANES) * LANES
        self.actions, self.rewards = np.zeros(room, np.int64), np.zeros(room)
        self.state, self.steps, self.over = 0, 0, True

    def begin(self, rng: np.random.Generator) -> int:
        """A new episode; the row of its first state."""
        self.state, self.steps, self.over = int(begin(self.sampler, rng.random(max(1, self.game.draws)), 0)), 0, False
        return self.seen()

    def seen(self) -> int:
        """The row of tables that the players see: the state, of all games but some simulators."""
        return int(row(self.sampler, np.int64(self.state)))

    def mask(self, player: int) -> NDArray[np.int8]:
        """Which actions a player has where it is, (A_i,) of 0 and 1."""
        first, last = self.game.offset[player:player + 2]
        if self.game.available is None:
            return np.ones(last - first, np.int8)
        return self.game.available[self.seen(), first:last].astype(np.int8)

    def step(self, actions: Sequence[Any], rng: np.random.Generator) -> tuple[Float, bool, bool]:
        """Rewards (N,), whether the episode has ended, and whether it is cut off here."""
        if self.over:
            raise ValueError("the episode is over, or has not begun: call reset() before step()")
        for i, action in enumerate(actions):
            chosen = _check.integer(action, f"the action of player {i}", low=0, high=self.game.num_actions[i] - 1)
            if not self.mask(i)[chosen]:
                raise ValueError(f"the action of player {i} must be one that it has in state {self.seen()}, found "
                                 f"{chosen}: see the action mask")
            self.actions[i] = chosen
        numbers = rng.random(max(1, self.game.draws))
        self.state = int(step(self.sampler, np.int64(self.state), self.actions, self.rewards, numbers, 0))
        self.game.check()
        self.steps += 1
        final = self.game.terminal is not None and bool(self.game.terminal[self.seen()])
        ended = final or (self.chance < 1.0 and rng.random() >= self.chance)
        cut = not ended and self.horizon is not None and self.steps >= self.horizon
        self.over = ended or cut
        return self.rewards[:self.players].copy(), ended, cut
