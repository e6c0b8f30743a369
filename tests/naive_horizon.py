"""Slow, obvious twins for finite horizons: plain NumPy, games with action sets that depend on the state.

rewards (N, S, A0, ..), transitions (S J, S) rows s J + j (a scipy.sparse or plain matrix), available: a list of N bool
arrays (S, A_i); a policy over a horizon is a list of T profiles, each a list of N arrays (S, A_i); values are (N, S).
"""

import string
from typing import NamedTuple

import numpy as np


class Game(NamedTuple):
    rewards: np.ndarray
    transitions: object
    available: list
    initial: np.ndarray
    discount: float = 1.0


def tables(game, available=None):
    """The same game out of fastmpg's."""
    n, states, actions = game.num_players, game.num_states, game.num_actions
    rewards = np.broadcast_to(game.rewards, (n, states, *actions))
    transitions = game.transitions if game.is_sparse else game.transitions.reshape(-1, states)
    mask = game.available if available is None else available
    mask = np.ones((states, sum(actions)), bool) if mask is None else mask
    return Game(rewards, transitions, np.split(mask, np.cumsum(actions)[:-1], axis=1), game.initial, game.discount)


def of_states(game):
    """R_i(s) (N, S) of rewards that depend on the state alone: those of everybody's first available action."""
    first = [mask.argmax(axis=1) for mask in game.available]
    return game.rewards[(slice(None), np.arange(len(first[0])), *first)]


def split(table, num_actions):
    """(..., A_total) -> [(..., A_i)]."""
    return np.split(np.asarray(table), np.cumsum(num_actions)[:-1], axis=-1)


def future(game, value):
    """gamma sum_t P(t|s,a) V(t): (S, A0, ..) of one value function (S,)."""
    return game.discount * (game.transitions @ value).reshape(game.rewards.shape[1:])


def marginal(table, policy, i):
    """sum over a_-i of prod_{k != i} pi_k(a_k|s) table(s, a): (S, A_i), of a table (S, A0, ..)."""
    letters = string.ascii_letters[: len(policy)]
    others = [k for k in range(len(policy)) if k != i]
    terms = ",".join([f"Z{letters}", *[f"Z{letters[k]}" for k in others]])
    return np.einsum(f"{terms}->Z{letters[i]}", table, *[policy[k] for k in others])


def dot(p, q):
    """sum_a p(a) q(a), 0 times -inf is 0."""
    return np.sum(np.where(p > 0, p, 0.0) * np.where(p > 0, q, 0.0), axis=-1)


# Evaluation


def look(game, policy, i, value):
    """Qbar_i(s,a_i) = E[r_i + gamma V(s')] against the others, -inf at what is not available."""
    q = marginal(game.rewards[i] + future(game, value), policy, i)
    return np.where(game.available[i], q, -np.inf)


def joint(policy):
    """pi(a|s) = prod_i pi_i(a_i|s): (S, J)."""
    table = policy[0]
    for p in policy[1:]:
        table = (table[:, :, None] * p[:, None, :]).reshape(len(p), -1)
    return table


def evaluate(game, policies, terminal):
    """Values (T + 1, N, S) and occupancy (T + 1, S)."""
    value, occupancy = [terminal], [game.initial]
    for policy in reversed(policies):
        value.insert(0, np.array([dot(policy[i], look(game, policy, i, value[0][i])) for i in range(len(policy))]))
    for policy in policies:
        occupancy.append((occupancy[-1][:, None] * joint(policy)).reshape(-1) @ game.transitions)
    return np.array(value), np.array(occupancy)


def best_value(game, policies, terminal, i):
    """max over player i's policies of its value, (T + 1, S), against the others' policies."""
    value = [terminal[i]]
    for policy in reversed(policies):
        value.insert(0, look(game, policy, i, value[0]).max(axis=1))
    return np.array(value)


def greedy(policy, ties="split"):
    """The most likely action of every row; even shares, or the first, of those within 1e-9 of it."""
    best = policy >= policy.max(axis=-1, keepdims=True) - 1e-9
    if ties == "first":
        best = np.arange(policy.shape[-1]) == best.argmax(axis=-1)[..., None]
    return best / best.sum(axis=-1, keepdims=True)


# MGE-F, state by state


def boltzmann(q, beta):
    """softmax(beta q) along the last axis; -inf has probability 0."""
    weights = np.exp(beta * (q - q.max(axis=-1, keepdims=True)))
    return weights / weights.sum(axis=-1, keepdims=True)


def state_value(q, beta, kind):
    """The value kinds "mean", "softmax" and "max" of rows q."""
    if kind == "max":
        return q.max(axis=-1)
    if kind == "mean":
        return dot(boltzmann(q, beta), q)
    return q.max(axis=-1) + np.log(np.exp(beta * (q - q.max(axis=-1, keepdims=True))).sum(axis=-1)) / beta


def stage(games, available, beta, alpha, tol, maxiter):
    """Fixed points of Q_i = E_{a_-i ~ softmax(beta Q_-i)} U_i(a) in every state, by damped sweeps from Q = 0.

    games (N, S, A0, ..): U_i.  A state leaves the iteration when none of its numbers moves by more than tol.
    """
    q = [np.where(mask, 0.0, -np.inf) for mask in available]
    active = np.arange(len(q[0]))
    for _ in range(maxiter):
        policy = [boltzmann(each[active], beta) for each in q]
        moved = np.zeros(len(active))
        for i, mask in enumerate(available):
            new = np.where(mask[active], marginal(games[i][active], policy, i), -np.inf)
            old = q[i][active]
            with np.errstate(invalid="ignore"):
                moved = np.maximum(moved, np.where(mask[active], np.abs(new - old), 0.0).max(axis=1))
                q[i][active] = np.where(mask[active], alpha * new + (1 - alpha) * old, -np.inf)
        active = active[moved > tol]
        if active.size == 0:
            break
    return q, active


def mge_f(game, horizon, beta, kind, terminal, alpha=0.4, tol=1e-11, maxiter=4000):
    """Policies (a list of T profiles), values (T + 1, N, S) and the states that did not settle, of every stage."""
    value, policies, unsettled = [terminal], [], []
    for _ in range(horizon):
        games = np.array([game.rewards[i] + future(game, value[0][i]) for i in range(len(game.available))])
        q, active = stage(games, game.available, beta, alpha, tol, maxiter)
        value.insert(0, np.array([state_value(each, beta, kind) for each in q]))
        policies.insert(0, [boltzmann(each, beta) for each in q])
        unsettled.insert(0, active)
    return policies, np.array(value), unsettled
