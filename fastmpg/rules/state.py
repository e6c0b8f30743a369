"""What softmax rules carry from step to step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from ..models.game import Game


class SoftmaxState(NamedTuple):
    """policy (S, A_total) and theta (S, A_total), its logarithm up to a constant per player and state."""

    policy: Any
    theta: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> SoftmaxState:
        """The state at a given policy (probabilities of 0 have theta = -inf and stay 0)."""
        with np.errstate(divide="ignore"):
            return cls(policy.copy(), np.log(policy))


class TableState(NamedTuple):
    """policy (S, A_total) alone."""

    policy: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> TableState:
        """The state at a given policy."""
        return cls(policy.copy())


def refuse_zeros(game: Game, policy: Float, why: str, instead: str = "") -> None:
    """Refuse a first policy that gives an action no probability."""
    if (policy <= 0.0).any():
        s, c = (int(x) for x in np.argwhere(policy <= 0.0)[0])
        i = int(np.searchsorted(game.offset, c, side="right")) - 1
        raise ValueError(f"{why} needs every initial probability above 0 in policy, found {policy[s, c]} for player {i}, "
                         f"action {c - int(game.offset[i])} in state {s}{instead}")
