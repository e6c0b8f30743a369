"""Gain and bias: what players earn a step in the long run, and what the first state is worth beside that."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..horizon.evaluate import evaluate_horizon
from ..models.game import Game
from ..policy import check_policy
from ._decisions import gain_and_bias
from .chain import chain

__all__ = ["average_reward"]


class AverageReward(NamedTuple):
    """What a policy earns without discount.

    Attributes
    ----------
    gain : ndarray (N, S)
        Average reward a step for ever, from every state: P* r.
    bias : ndarray (N, S)
        (I - P + P*)^-1 (I - P*) r: the sum of what rewards exceed the gain by, in the mean over starting times, so that
        gain + bias = r + P bias and P* bias = 0.
    limit : ndarray (S, S)
        P*, the share of time spent in t from s: the limit of (1/T) sum_k P^k.
    classes : int
        Recurrent classes; with one of them the gain does not depend on the first state.
    """

    gain: Float
    bias: Float
    limit: Float
    classes: int

    def __repr__(self) -> str:
        return (f"<AverageReward: {self.gain.shape[0]} players, gain in [{self.gain.min():.6g}, "
                f"{self.gain.max():.6g}], {self.classes} recurrent classes>")


def average_reward(game: Game, policy: Any) -> AverageReward:
    """Gain and bias of a policy, exactly: the discount is not used, and may be 1.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total) or list of (S, A_i)

    Returns
    -------
    AverageReward

    Raises
    ------
    ValueError, TypeError
        If the policy does not fit the game, or the game is a simulator.
    MemoryError
        If tables (S, S) do not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> moves = [[[0.5, 0.5]], [[0.25, 0.75]]]  # one player with one action: a third of the time in state 0
    >>> game = fm.MarkovGame([[[3.0], [0.0]]], moves, 0.9)
    >>> found = fm.metrics.average_reward(game, [[1.0], [1.0]])
    >>> found.gain.round(12), found.bias.round(12)
    (array([[1., 1.]]), array([[ 2.66666667, -1.33333333]]))

    Notes
    -----
    Puterman (1994), chapter 8 and appendix A. (1 - gamma) V_i goes to the gain as gamma goes to 1. What a player could
    gain by another policy: :func:`gain_gap`.
    """
    table = check_policy(game, policy)
    states = game.num_states
    _check.budget(8 * 6 * states * states, f"gain and bias in {game!r}", "ask of a game with fewer states")
    if game.discount < 1.0:
        moves = chain(game, table)
    else:  # no value of an infinite horizon, and no desk: a decision from every state
        moves = np.stack([evaluate_horizon(game, table[None], terminal=0.0, initial=s).occupancy[1]
                          for s in range(states)])
    reward = evaluate_horizon(game, table[None], terminal=0.0).value[0]  # (N, S), of one step
    return AverageReward(*gain_and_bias(moves, reward))
