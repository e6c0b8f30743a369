"""Payoffs counted from a player's own middle, where their level would drown their differences.

Adding c to all payoffs of a player adds c / (1 - gamma) to its values and changes nothing that anybody prefers, but
values carry rounding relative to their level. Where the level exceeds the payoffs' width by more than FAR, best
responses, gaps and ties are those of the same game with every such player's payoffs counted from the middle of their
range. The differences are exact (Sterbenz 1974: both numbers lie within a factor of 2), so that nothing depends on the
origin any more. Other games are left as they are, bit for bit.

The middle is the player's, not the state's: rows of transitions are distributions, whatever the last bit of their sum
is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._check import Float
from ..models.custom import CustomGame
from ..models.game import BUILT, Game, check_game
from ..models.polymatrix import PolymatrixModel

FAR = 16.0


def _middle(low: Float, high: Float) -> Float:
    """What to subtract: the middle of every range that is narrow beside its level, else 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        middle = low + 0.5 * width
        return np.where(np.abs(middle) > FAR * width, middle, 0.0)


def _moved(game: Game) -> tuple[Any, Float, Float]:
    """The model with payoffs counted from their middle, or None; (N,) what was subtracted, and how much in all."""
    model: Any = game.model
    if isinstance(model, PolymatrixModel):
        shift, moved = np.zeros(game.num_players), np.zeros(game.num_players)
        size, flat, solo = game.num_states * model.n_actions, model.payoffs, model.solo
        tables: list[tuple[int, Any]] = [
            (i, slice(model.start[e], model.start[e] + size[i] * model.n_actions[model.other[e]]))
            for i in range(game.num_players) for e in range(model.edges[i], model.edges[i + 1])]
        tables += [(i, (slice(None), slice(model.offset[i], model.offset[i + 1]))) for i in range(game.num_players)]
        for i, where in tables:
            table = (solo if isinstance(where, tuple) else flat)[where]
            middle = float(_middle(table.min(), table.max()))
            if middle != 0.0:
                if flat is model.payoffs:  # a copy of what is moved, and of nothing where nothing is
                    flat, solo = flat.copy(), solo.copy()
                (solo if isinstance(where, tuple) else flat)[where] -= middle
            shift[i] += middle
            moved[i] += abs(middle)
        return (model._replace(payoffs=flat, solo=solo) if moved.any() else None), shift, moved
    low, high = game.payoff_range().T
    shift = _middle(low, high)
    if not shift.any():
        return None, shift, shift
    if isinstance(game, CustomGame):
        return None, shift, np.zeros(game.num_players)
    planes = model.rewards
    by_plane = shift[:planes.shape[0]].reshape(-1, *(1,) * (planes.ndim - 1))
    return model._replace(rewards=planes - by_plane), shift, np.abs(shift)


def far(game: Game) -> bool:
    """Whether :func:`centred` makes a twin, by the range of payoffs alone."""
    return bool(_middle(*game.payoff_range().T).any())


def centred(game: Game) -> tuple[Game, Float]:
    """A game of the same preferences with payoffs around 0, and what was subtracted (N,): mostly itself and zeros.

    Its rewards are a copy, made once; everything else is shared.
    """
    found = getattr(game, "_centred", None)
    if found is None:
        check_game(game)
        found = (None, np.zeros(game.num_players))
        if game.exact:
            model, shift, moved = _moved(game)
            if model is not None:
                twin = object.__new__(type(game))
                kept = {k: v for k, v in game.__dict__.items() if k not in BUILT}
                twin.__dict__.update(kept, _model=model)
                twin.__dict__.update(_centred=found, _moved=moved)
                found = (twin, shift)
        object.__setattr__(game, "_centred", found)
    near, shift = found
    return (game if near is None else near), shift
