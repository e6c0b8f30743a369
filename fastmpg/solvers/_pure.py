"""The search for pure equilibria of games with several states (see :mod:`.pure_equilibria`)."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..metrics._joint import JointTables, digits
from ..models.game import Game

NEAR = 1e-9  # relative: what rounding may make of ties while candidates are collected; each is certified afterwards
CHUNK = 2**22  # entries of one batch of decision processes
SWEEPS = 400  # of interval iteration, at most

Whole = NDArray[np.int64]


class Searched(NamedTuple):
    """Tables of a search.

    rewards (N, S, J)   moves (S, J, S)   slack (N,): gains that do not count yet   strides (N,): of joint actions
    """

    rewards: Float
    moves: Float
    slack: Float
    strides: Whole
    num_actions: tuple[int, ...]
    discount: float


def _kept(game: Game, t: Searched, can: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Joint actions (S, J) that may be played in an equilibrium, by interval iteration on values.

    V_i(s) of an equilibrium lies between the least and the largest value of joint actions left in s. One goes where a
    player gains by some deviation whatever the values ahead are within these bounds.
    """
    joint = math.prod(game.num_actions)
    keep = can.copy()
    width = np.stack([np.where(can, t.rewards, np.inf).min(axis=(1, 2)), np.where(can, t.rewards, -np.inf).max(
        axis=(1, 2))])[:, :, None] / (1.0 - t.discount)
    low, high = (np.repeat(each, game.num_states, axis=1) for each in width)  # (N, S)
    each = digits(game, np.arange(joint))
    for _ in range(SWEEPS):
        q_low = t.rewards + t.discount * np.einsum("sjt,nt->nsj", t.moves, low)
        q_high = t.rewards + t.discount * np.einsum("sjt,nt->nsj", t.moves, high)
        low = np.maximum(low, np.where(keep, q_low, np.inf).min(axis=2))
        high = np.minimum(high, np.where(keep, q_high, -np.inf).max(axis=2))
        before = keep.sum()
        for i, own in enumerate(game.num_actions):
            base = np.arange(joint) - each[:, i] * t.strides[i]
            for b in range(own):
                other = base + b * t.strides[i]
                step = t.moves[:, other] - t.moves
                gain = (t.rewards[i][:, other] - t.rewards[i] + t.discount * (np.maximum(step, 0.0) @ low[i]
                        + np.minimum(step, 0.0) @ high[i]))
                keep &= ~(can[:, other] & (gain > t.slack[i]))
        if not keep.any(axis=1).all() or keep.sum() == before:
            return keep
    return keep


def _processes(t: Searched, i: int, base: Whole) -> tuple[Float, Float]:
    """Player i's decision processes against others' joint actions base (B, S): (B, S, A_i), (B, S, A_i, S)."""
    index = base[:, :, None] + np.arange(t.num_actions[i]) * t.strides[i]
    states = np.arange(base.shape[1])[:, None]
    return t.rewards[i][states, index], t.moves[states, index]


def _value(reward: Float, moves: Float, action: Whole, discount: float) -> Float:
    """(B, S) of choices action (B, S)."""
    paid = np.take_along_axis(reward, action[:, :, None], 2)[:, :, 0]
    chain = np.take_along_axis(moves, action[:, :, None, None], 2)[:, :, 0]
    return np.asarray(np.linalg.solve(np.eye(action.shape[1]) - discount * chain, paid[:, :, None])[:, :, 0],
                      np.float64)


def _best(t: Searched, i: int, base: Whole, can: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which actions (B, S, A_i) are best replies, up to the slack, by policy iteration on every process at once."""
    reward, moves = _processes(t, i, base)
    reward = np.where(can, reward, -np.inf)
    action = reward.argmax(axis=2)
    for _ in range(100):
        value = _value(reward, moves, action, t.discount)
        q = reward + t.discount * np.einsum("bsat,bt->bsa", moves, value)
        better = q.max(axis=2) > np.take_along_axis(q, action[:, :, None], 2)[:, :, 0] + 1e-5 * t.slack[i]
        if not better.any():
            break
        action = np.where(better, q.argmax(axis=2), action)
    # a policy may lose tol in all, and so no more in any state at once
    return np.asarray(q >= q.max(axis=2, keepdims=True) - t.slack[i])


def _stays(t: Searched, i: int, joint: Whole, can: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether (B,) player i gains no more than the slack by a change in one state, at profiles joint (B, S)."""
    own = joint // t.strides[i] % t.num_actions[i]
    reward, moves = _processes(t, i, joint - own * t.strides[i])
    value = _value(reward, moves, own, t.discount)
    q = np.where(can, reward + t.discount * np.einsum("bsat,bt->bsa", moves, value), -np.inf)
    return np.asarray((q.max(axis=2) <= value + t.slack[i]).all(axis=1))


def search(game: Game, tables: JointTables, tol: float, most: int) -> tuple[Whole, int]:
    """Profiles (K, S) of joint actions that may be equilibria, and policies of others that were walked through."""
    n, states, joint = game.num_players, game.num_states, math.prod(game.num_actions)
    _check.budget(8 * states * joint * states * (3 + n), f"a search for pure equilibria of {game!r}",
                  "ask of a game with fewer states")
    moves = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
    span = np.ptp(game.payoff_range(), axis=1) / (1.0 - game.discount)
    strides = np.array([math.prod(game.num_actions[i + 1:]) for i in range(n)], np.int64)
    t = Searched(tables.rewards, np.asarray(moves, np.float64).reshape(states, joint, states), tol + NEAR * span,
                 strides, game.num_actions, game.discount)
    can = np.ones((states, joint), bool) if tables.can is None else tables.can
    keep = _kept(game, t, can)
    if not keep.any(axis=1).all():
        return np.zeros((0, states), np.int64), 0
    each = digits(game, np.arange(joint))
    left = [np.stack([np.bincount(each[row, i], minlength=own) > 0 for row in keep])
            for i, own in enumerate(game.num_actions)]  # (S, A_i) of every player
    policies = [math.prod(int(k) for k in mask.sum(axis=1)) for mask in left]
    who = max(range(n), key=lambda i: (policies[i], i))
    others = [i for i in range(n) if i != who]
    count = math.prod(policies[i] for i in others)
    if count > most:
        raise ValueError(f"the players but one of {game!r} have {count} deterministic policies that may be played in "
                         f"an equilibrium, more than max_policies = {most}; raise it, or look for some equilibria with "
                         "fastmpg.solvers.round_robin")
    choices: list[Any] = [np.flatnonzero(left[i][s]) * strides[i] for s in range(states) for i in others]
    columns = [np.array([game.available[:, game.offset[i] + a] for a in range(own)]).T if game.available is not None
               else np.ones((states, own), bool) for i, own in enumerate(game.num_actions)]
    batch, found, candidates = max(1, CHUNK // (states * states * game.num_actions[who])), [], 0
    walk = itertools.product(*choices) if others else iter([()])
    while chunk := list(itertools.islice(walk, batch)):
        base = np.array(chunk, np.int64).reshape(len(chunk), states, len(others)).sum(axis=2)
        best = _best(t, who, base, columns[who])
        replies = _products(best, base, strides[who], most - candidates, tol)
        candidates += len(replies)
        for i in others:
            stays = [_stays(t, i, replies[low:low + batch], columns[i]) for low in range(0, len(replies), batch)]
            replies = replies[np.concatenate(stays)] if stays else replies
        found.append(replies)
    return np.concatenate(found) if found else np.zeros((0, states), np.int64), count


def _products(best: NDArray[np.bool_], base: Whole, stride: int, most: int, tol: float) -> Whole:
    """Every choice among the best actions (B, S, A), added to base (B, S): (K, S)."""
    numbers = best.sum(axis=2)
    total = sum(math.prod(map(int, row)) for row in numbers) if (numbers > 1).any() else len(base)
    if total > most:
        raise ValueError(f"there are {total} candidates or more among responses, beyond what max_policies leaves, "
                         f"{most}: payoffs have too many ties (within tol = {tol:g}) to list all equilibria; raise "
                         "max_policies")
    single = (numbers == 1).all(axis=1)
    out = [base[single] + best[single].argmax(axis=2) * stride]
    for row, at in zip(best[~single], base[~single], strict=True):
        picks = itertools.product(*(np.flatnonzero(each) for each in row))
        out.append(at + np.array(list(picks), np.int64) * stride)
    return np.concatenate(out)
