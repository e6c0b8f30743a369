"""Correlated policies as mixtures of recorded ones, and the decision processes of those who deviate from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policies
from ._interval import around, limit_of
from ._joint import joint_tables
from ._starts import from_start, start_of
from .origin import centred
from .rounding import TINY, UNIT, error_bound, magnitudes, policy_excess

CHUNK = 2**22  # entries of joint laws at a time


def mixture(game: Game, policies: Any, weights: Any) -> tuple[Float, Float]:
    """Checked policies (T, S, A_total), from a trace too, and weights (T,) that sum to 1."""
    check_game(game)
    check_discounted(game)
    if isinstance(getattr(policies, "trace", None), Mapping):  # of a run
        policies = policies.trace
    if isinstance(policies, Mapping):
        if "policy" not in policies:
            raise ValueError("policies must hold recorded policies, found a trace without \"policy\": record it, "
                             'fm.Record(metrics=("policy",))')
        policies = policies["policy"]
    stack = np.asarray(check_policies(game, policies, "policies"), np.float64)
    if stack.ndim == 2:
        stack = stack[None]
    if stack.ndim != 3 or len(stack) == 0:
        raise ValueError(f"policies must be a stack (T, S, A_total) with at least one policy, found {stack.shape}")
    if weights is None:
        return stack, np.full(len(stack), 1.0 / len(stack))
    share = _check.array(weights, "weights")
    _check.shape(share, "weights", (len(stack),), "(T,), one per policy")
    if (share < 0.0).any() or not 0.0 < share.sum() < np.inf:
        raise ValueError(f"weights must be >= 0 with a positive sum, found {_check.shown(share.tolist())}")
    return stack, share / share.sum()


def joint_law(game: Game, stack: Float, share: Float) -> Float:
    """sigma(a | s) = sum_t w_t prod_i pi_i^t(a_i | s): (S, J)."""
    states, joint = game.num_states, math.prod(game.num_actions)
    law = np.zeros((states, joint))
    step = max(1, CHUNK // (states * joint))
    for low in range(0, len(stack), step):
        part = stack[low:low + step]
        made = part[:, :, game.offset[0]:game.offset[1]] * share[low:low + step, None, None]
        for i in range(1, game.num_players):
            own = part[:, :, game.offset[i]:game.offset[i + 1]]
            made = (made[:, :, :, None] * own[:, :, None, :]).reshape(*made.shape[:2], -1)
        law += made.sum(axis=0)
    return law


def _solved(reward: Float, chain: Float, discount: float) -> Float:
    return np.asarray(np.linalg.solve(np.eye(len(reward)) - discount * chain, reward), np.float64)


def deviation_gaps(game: Game, policies: Any, weights: Any, start: Any, told: bool, certified: Any = False) -> Any:
    """What every player gains by its best deviation from the mixture; ``told``: it hears its own action first.

    Of player i, with sigma(a_i, a_-i | s) the law: the deviation picks b in state s, given the recommendation a_i or
    not. That is a decision process with rewards and moves sum_{a_-i} sigma(a_i, a_-i | s) (r_i, P)(s, b, a_-i), summed
    over a_i where nothing is told, and solved by policy iteration. Levels of payoffs cancel in a gain, but not their
    rounding: they are counted from their middle.
    """
    stack, share = mixture(game, policies, weights)
    begin, certified = start_of(game, start), _check.flag(certified, "certified")
    n, states, gamma = game.num_players, game.num_states, game.discount
    near = centred(game)[0]
    tables = joint_tables(near, "deviations", 2)
    joint = math.prod(game.num_actions)
    most = max(game.num_actions)
    _check.budget(8 * states * (most * (most if told else 1) * (states + 1) + joint * (states + 2)),
                  f"deviations from a correlated policy in {game!r}", "ask of a game with fewer states")
    law = joint_law(game, stack, share).reshape(states, *game.num_actions)
    moves = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
    moves = np.asarray(moves, np.float64).reshape(states, *game.num_actions, states)
    chain = np.einsum("sj,sjt->st", law.reshape(states, joint), moves.reshape(states, joint, states))
    out, error, seen = np.zeros((n, states)), np.zeros((n, states)), np.zeros(n)
    for i, own in enumerate(game.num_actions):
        mine = np.moveaxis(law, i + 1, 1).reshape(states, own, -1)
        if not told:
            mine = mine.sum(axis=1, keepdims=True)
        reward = tables.rewards[i].reshape(states, *game.num_actions)
        if tables.can is not None:
            reward = np.where(tables.can.reshape(reward.shape), reward, 0.0)
        paid = np.einsum("sj,sj->s", law.reshape(states, joint), reward.reshape(states, joint))
        value = _solved(paid, chain, gamma)
        reward = np.moveaxis(reward, i + 1, 1).reshape(states, own, -1)
        ahead = np.moveaxis(moves, i + 1, 1).reshape(states, own, -1, states)
        gets = np.einsum("skm,sbm->skb", mine, reward)  # (S, K, A_i), K recommendations
        leads = np.einsum("skm,sbmt->skbt", mine, ahead)
        if game.available is not None:
            gets = np.where(game.available[:, None, game.offset[i]:game.offset[i + 1]], gets, -np.inf)
        best = _best(gets, leads, value, gamma)
        out[i] = np.maximum(best - value, 0.0)
        if certified:
            residuals = (np.abs(paid + gamma * chain @ value - value),
                         np.abs((gets + gamma * leads @ best).max(axis=2).sum(axis=1) - best))
            error[i], seen[i] = _error(near, stack, i, residuals, (value, best))
    begin = game.initial if begin is None else begin
    found = from_start(game, out.ravel(), begin)
    if not certified:
        return found
    limit = limit_of(error.max(axis=1), seen)
    if isinstance(begin, str):
        return around(found, error if begin == "every" else error.max(axis=1), limit, 0.0)
    mass = float(begin.sum()) * (1.0 + 1e-12)
    most = out.max(axis=1)  # the mean may underflow
    return around(found, mass * (error.max(axis=1) + (states + 3) * UNIT * 1.01 * most) + (most > 0.0) * states * TINY,
                  limit, 0.0)


def _error(game: Game, stack: Float, i: int, residuals: tuple[Float, Float], values: tuple[Float, Float]) -> Any:
    """Bounds (S,) on the error of a gain, from the residuals of both values as computed, and their rounding; and the
    largest part that is rounding alone.

    As in :mod:`.rounding`, with these roundings on the longest path to TV: of a law, products of N probabilities, T
    terms and weights of T terms; of payoffs and moves, tables over joint actions and the sum over these; S terms of
    what is ahead, and the sum over recommendations.
    """
    m = magnitudes(game)
    sums, one = np.zeros(2), np.zeros(2)
    for each in stack:
        policy_excess(np.ascontiguousarray(each), game.offset, one)
        sums = np.maximum(sums, one)
    joint = math.prod(game.num_actions)
    dense = game.num_players + max(game.num_actions)  # of sums of payoffs against others, of products of facilities
    steps = dense + game.num_players + 2 * len(stack) + 3 + joint + game.num_states + max(game.num_actions) + 4
    share = steps * UNIT / (1.0 - steps * UNIT)
    sums += 2.0 * (len(stack) + 2) * UNIT  # shares need not sum to 1 exactly
    bounds = []
    for seen in (True, False):
        total = np.zeros(game.num_states)
        for residual, value in zip(residuals, values, strict=True):
            size = float(m.size[i]) + m.discount * (1.0 + m.off) * float(np.abs(value).max())
            rounded = share * (1.0 + 2.0 * float(sums[0])) * size + steps * TINY
            total += error_bound(m, i, sums, float(residual.max()) if seen else 0.0, rounded)
        bounds.append(total + UNIT * np.abs(values[1] - values[0]))
    return bounds[0], float(bounds[1].max())


def _best(gets: Float, leads: Float, value: Float, gamma: float) -> Float:
    """Values (S,) of the best deviation, by policy iteration from what one deviation from ``value`` gains."""
    near = 1e-14 * float(np.abs(gets[np.isfinite(gets)]).max(initial=0.0)) / (1.0 - gamma)
    best = value
    for _ in range(10_000):
        q = gets + gamma * leads @ value
        pick = q.argmax(axis=2)[:, :, None]
        paid = np.take_along_axis(gets, pick, 2)[:, :, 0].sum(axis=1)
        chain = np.take_along_axis(leads, pick[..., None], 2)[:, :, 0].sum(axis=1)
        value = _solved(paid, chain, gamma)
        if not (value > best + near).any():
            return np.maximum(value, best)
        best = np.maximum(value, best)
    return best
