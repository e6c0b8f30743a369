"""Tables over joint actions, for what cannot be computed from the players' marginals."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..models.available import possible
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame
from ..policy import uniform_policy
from .best_response import best_response


class JointTables(NamedTuple):
    """A game over joint actions, player 0 the slowest digit.

    rewards (N, S, J)   moves (S J, S), an array or scipy.sparse rows   can (S, J): which joint actions there are, or
    None if all
    """

    rewards: Float
    moves: Any
    can: NDArray[np.bool_] | None


def joint_tables(game: Game, what: str, times: int = 1) -> JointTables:
    """The tables of a game that can be written down; ``times``: how many arrays of the rewards' size come on top.

    Raises
    ------
    TypeError, ValueError
        If it is no game, or made of functions.
    MemoryError
        If the tables do not fit.
    """
    check_game(game)
    if not game.exact:
        game.workspace()  # says why
    n, states, joint = game.num_players, game.num_states, math.prod(game.num_actions)
    _check.budget(8 * n * states * joint * (1 + times), f"{what} of {game!r}, over {joint} joint actions",
                  "ask of a game with fewer players or actions")
    near: Any = game if hasattr(game, "rewards") and hasattr(game, "transitions") else game.to_dense()
    rewards = np.broadcast_to(near.rewards.reshape(-1, states, joint), (n, states, joint))
    moves = near.transitions
    if isinstance(moves, np.ndarray):
        moves = moves.reshape(states * joint, states)
    can = None if game.available is None else possible(game.available, game.num_actions).reshape(states, joint)
    return JointTables(rewards, moves, can)


def others_out(table: Float, policies: Any, kept: tuple[int, ...]) -> Float:
    """The mean of (S, A_0, ..., more axes) over everybody's actions but those of ``kept``, in the order of players.

    policies: N of (S, A_i)
    """
    for j in reversed(range(len(policies))):
        if j not in kept:  # players after j are gone unless kept: the place of j is still j + 1
            table = np.einsum("sa...,sa->s...", np.moveaxis(table, 1 + j, 1), policies[j])
    return table


def together(game: Game, tables: JointTables, reward: Float) -> tuple[Float, Float]:
    """A pure policy (S, A_total) that is best for a reward (S, J) of all players as one, and its values (S,)."""
    states, joint = reward.shape
    moves = tables.moves if not isinstance(tables.moves, np.ndarray) else tables.moves.reshape(states, joint, states)
    one = MarkovGame(reward[None], moves, game.discount, game.initial, available=tables.can)
    policy, value = best_response(one, uniform_policy(one), 0)
    return pure_policy(game, digits(game, policy.argmax(axis=1))), value


def digits(game: Game, joint: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every player's action (..., N) in joint actions (...)."""
    return np.stack(np.unravel_index(joint, game.num_actions), axis=-1).astype(np.int64)


def pure_policy(game: Game, actions: NDArray[np.int64]) -> Float:
    """(..., S, A_total) of 0s and 1s from actions (..., S, N)."""
    out = np.zeros((*actions.shape[:-1], sum(game.num_actions)))
    np.put_along_axis(out, actions + game.offset[:-1], 1.0, axis=-1)
    return out
