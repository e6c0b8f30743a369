"""Rewards scaled to [0, 1]: of rules whose theory is of such, and that are told the range or take the game's own.

Their state has ``low`` and ``scale`` (N,): x = (r_i - low) scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from ..machine import precise
from ..models.game import Game


@precise
def scaled(state, i, reward):
    """Player i's reward in [0, 1]."""
    return min(max((reward - state.low[i]) * state.scale[i], 0.0), 1.0)


def checked_range(given: Any) -> Any:
    """None, or (low, high) as floats.

    Raises
    ------
    ValueError, TypeError
        If it is no range.
    """
    if given is None:
        return None
    pair = _check.array(given, "payoffs")
    if pair.shape != (2,) or not pair[0] < pair[1]:
        raise ValueError("payoffs must be the smallest and the largest reward, (low, high) with low < high, found "
                         f"{_check.shown(given)}")
    return float(pair[0]), float(pair[1])


def needs_range(game: Game, given: Any, rule: str) -> None:
    """Refuse games that do not know the range of their rewards, where it is not given."""
    if given is None and not np.isfinite(game.payoff_range()).all():
        raise ValueError(f"{rule} needs to know the range of the rewards, which {game!r} does not: give payoffs = "
                         "(low, high)")


def write_range(game: Game, given: Any, state: Any) -> None:
    """Write ``low`` and ``scale``."""
    low, high = (game.payoff_range() if given is None else np.tile(given, (game.num_players, 1))).T
    state.low[:] = low
    state.scale[:] = 1.0 / np.where(high > low, high - low, 1.0)
