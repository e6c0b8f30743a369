"""One player's decision process against the others' policies, in tables, and what is best in it without discount.

Gains and biases by multichain policy iteration (Puterman 1994, section 9.2): first towards states of larger gain, then,
among actions that keep the gain, towards larger bias. The bias is the one with P* h = 0, with which no policy comes
back. All that is a policy's own, here of the responder, is solved for exactly: :func:`gain_and_bias`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from .. import _check
from .._check import Float
from ..feedback.bench import ask
from ..machine import Bound, unit
from ..models.game import Game, contract, lookahead
from ..models.normal_form import NormalFormGame
from ._discounts import at_discount

HALF = 0.5  # a discount at which nothing is rounded
NEAR = 1e-12  # of what is compared: less than this is no improvement
ROUNDS = 1000


# -------------------------------------------------------------------------------------------------- decision processes
class TablesFrame(NamedTuple):
    """A desk, a value function (S,), and where rewards (S, A_total) and moves (S, A_total, S) go."""

    desk: Any
    value: Any
    reward: Any
    moves: Any


@unit
def write_tables(frame, row):
    """Every player's marginal model: r_i(s, a_i), and the discount times P_i(t | s, a_i) at [s, a_i, t]."""
    desk, states = frame.desk, frame.value.size
    contract(desk.model, desk.work, desk.policy)
    for s in range(states):
        for c in range(desk.policy.shape[1]):
            frame.reward[s, c] = desk.work.reward[s, c]
            desk.work.reward[s, c] = 0.0
    for t in range(states):
        for s in range(states):
            frame.value[s] = 1.0 if s == t else 0.0
        for i in range(desk.offset.size - 1):
            lookahead(desk.model, desk.work, desk.policy, i, frame.value, desk.scratch)
        for s in range(states):
            for c in range(desk.policy.shape[1]):
                frame.moves[s, c, t] = desk.scratch[s, c]


def _tables(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    states, columns = game.num_states, sum(game.num_actions)
    out = np.zeros(states * columns * (states + 1))
    reward, moves = out[:states * columns], out[states * columns:]
    frame = TablesFrame(desk, np.zeros(states), reward.reshape(states, columns), moves.reshape(states, columns, states))
    return [write_tables.bind(frame)], out


def decisions(game: Game, policy: Any) -> tuple[Float, Float]:
    """All players' decision processes: r_i(s, a_i) (S, A_total), -inf where an action is missing, and P_i (S, A_total,
    S); their discount is not used, and may be 1.

    Raises
    ------
    ValueError, TypeError
        If the policy does not fit the game, or the game is a simulator.
    MemoryError
        If the tables do not fit.
    """
    if not game.exact:
        game.workspace()  # says why
    states, columns = game.num_states, sum(game.num_actions)
    _check.budget(8 * 3 * states * columns * (states + 1), f"decision processes in {game!r}",
                  "ask of a game with fewer states")
    once = isinstance(game, NormalFormGame)  # played again and again: the one state stays
    found = ask(game if once else at_discount(game, HALF), policy, _tables)
    reward, moves = found[:states * columns].reshape(states, columns), found[states * columns:]
    return reward, np.ones((1, columns, 1)) if once else moves.reshape(states, columns, states) / HALF


# ----------------------------------------------------------------------------------------------------- without discount
def limit_of(moves: Float) -> tuple[Float, int]:
    """P* (S, S) of a chain (S, S), and its number of recurrent classes."""
    states = len(moves)
    count, label = connected_components(moves > 0.0, connection="strong")
    leaves = np.zeros(count, bool)
    here, there = np.nonzero(moves > 0.0)
    leaves[label[here[label[here] != label[there]]]] = True
    limit, classes = np.zeros((states, states)), np.flatnonzero(~leaves)
    transient = np.flatnonzero(leaves[label])
    if transient.size:
        inner = np.eye(transient.size) - moves[np.ix_(transient, transient)]
    for each in classes:
        own = np.flatnonzero(label == each)
        # the law of the class: pi (I - P) = 0 with one equation replaced by sum pi = 1
        system = (np.eye(own.size) - moves[np.ix_(own, own)]).T
        system[-1] = 1.0
        law = np.linalg.solve(system, np.eye(own.size)[-1])
        limit[np.ix_(own, own)] = law
        if transient.size:
            ends = np.linalg.solve(inner, moves[np.ix_(transient, own)].sum(axis=1))
            limit[np.ix_(transient, own)] = ends[:, None] * law if len(classes) > 1 else law
    return limit, len(classes)


def gain_and_bias(moves: Float, reward: Float) -> tuple[Float, Float, Float, int]:
    """Gain and bias (R, S) of rewards (R, S) on a chain (S, S), its P*, and its number of recurrent classes.

    With one class the gain is one number, to the last bit.
    """
    limit, classes = limit_of(moves)
    gain = reward @ limit.T
    if classes == 1:
        gain[:] = gain[:, :1]
    bias = np.linalg.solve(np.eye(len(moves)) - moves + limit, (reward - gain).T).T
    return gain, np.ascontiguousarray(bias), limit, classes


class Best(NamedTuple):
    """The best without discount: action (S,), gain, bias (S,), residual, and whether it stood before the rounds ended.
    """

    action: NDArray[np.int64]
    gain: Float
    bias: Float
    residual: float
    stood: bool


def best_gain(reward: Float, moves: Float) -> Best:
    """A gain-optimal choice of a decision process, reward (S, A) with -inf where there is no action, moves (S, A, S).

    The residual is the larger violation of g = max P g and, over what keeps the gain, g + h = max r + P h. Where the
    gain is one number the best exceeds it by no more than that, but for rounding (Odoni 1969).
    """
    can, states = np.isfinite(reward), np.arange(len(reward))
    action, stood = reward.argmax(axis=1), False
    size = float(np.abs(reward[can]).max(initial=0.0))
    for _ in range(ROUNDS):
        gain, bias, _, classes = gain_and_bias(moves[states, action], reward[states, action][None])
        g, h = gain[0], bias[0]
        ahead = np.where(can, moves @ g if classes > 1 else g[0], -np.inf)
        near = NEAR * size
        keeps = ahead >= ahead.max(axis=1, keepdims=True) - near
        q = np.where(keeps, reward + moves @ h, -np.inf)
        up = ahead.max(axis=1) > ahead[states, action] + near
        residual = max(float((ahead.max(axis=1) - g).max()), float((q.max(axis=1) - g - h).max()), 0.0)
        if up.any():
            action = np.where(up, ahead.argmax(axis=1), action)
            continue
        better = q.max(axis=1) > q[states, action] + NEAR * (size + float(np.abs(h).max()))
        if not better.any():
            stood = True
            break
        action = np.where(better, q.argmax(axis=1), action)
    return Best(action, g, h, residual, stood)
