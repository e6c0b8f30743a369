"""Slow, obvious twin of inverse learning: plain NumPy over the games of naive_horizon, one step after the other.

Features are a list of N arrays (S, K_i) or (S, A_i, K_i), or None where the game's own reward is known; weights and
counts are lists of N arrays (K_i,), or None.
"""

import naive_horizon
import numpy as np


def rewards(game, features, theta):
    """The game with R_i(s, a) = <theta_i, F_i> for players with features, and R_F (N, S)."""
    table, last = np.array(game.rewards), np.zeros((len(features), game.rewards.shape[1]))
    for i, own in enumerate(features):
        if own is None:
            can = np.ones(table.shape[1:], bool)
            for k, mask in enumerate(game.available):
                can &= mask.reshape([len(mask)] + [-1 if j == k else 1 for j in range(len(features))])
            for s in range(table.shape[1]):
                seen = np.unique(table[i, s][can[s]])
                last[i, s] = seen[0] if len(seen) == 1 else np.nan
            if np.isnan(last[i]).any():
                last[i] = 0.0
            continue
        value = own @ theta[i]
        for s in range(table.shape[1]):
            for a in np.ndindex(table.shape[2:]):
                table[(i, s, *a)] = value[s] if own.ndim == 2 else value[s, a[i]]
        if own.ndim == 2:
            last[i] = value
    return game._replace(rewards=table), last


def policies_at(game, features, theta, horizon, kind):
    """T profiles of exploring players, damped sweeps from uniform play."""
    made, last = rewards(game, features, theta)
    found, _, unsettled = naive_horizon.mge_f(made, horizon, 1.0, kind, last, alpha=0.5, tol=1e-13)
    assert not any(len(each) for each in unsettled)
    return found


def counts(game, features, policies):
    """Discounted expected counts: of features of states at t = 0..T, of states and actions at t = 0..T - 1."""
    _, laws = naive_horizon.evaluate(game, policies, np.zeros((len(features), game.rewards.shape[1])))
    found = []
    for i, own in enumerate(features):
        if own is None:
            found.append(None)
            continue
        total = np.zeros(own.shape[-1])
        for t, law in enumerate(laws):
            for s, chance in enumerate(law):
                if own.ndim == 2:
                    total += game.discount**t * chance * own[s]
                elif t < len(policies):
                    total += game.discount**t * chance * (policies[t][i][s] @ own[s])
        found.append(total)
    return found


def counts_of(features, discount, states, actions):
    """The same of one trajectory: states (T + 1,), actions (T, N)."""
    found = []
    for i, own in enumerate(features):
        total = None if own is None else np.zeros(own.shape[-1])
        if own is not None and own.ndim == 2:
            for t, s in enumerate(states):
                total += discount**t * own[s]
        elif own is not None:
            for t, a in enumerate(actions):
                total += discount**t * own[states[t], a[i]]
        found.append(total)
    return found


def log_likelihood(policies, states, actions):
    """(N,): of one trajectory."""
    total = np.zeros(actions.shape[1])
    for t, a in enumerate(actions):
        for i in range(len(total)):
            total[i] += np.log(policies[t][i][states[t], a[i]])
    return total


def expected_log_likelihood(game, expert, policies):
    """(N,): under an expert's T profiles, per trajectory."""
    _, laws = naive_horizon.evaluate(game, expert, np.zeros((len(game.available), game.rewards.shape[1])))
    total = np.zeros(len(game.available))
    for t, profile in enumerate(expert):
        for i, own in enumerate(profile):
            total[i] += laws[t] @ (own * np.log(np.where(own > 0, policies[t][i], 1.0))).sum(axis=1)
    return total


def mce_irl(game, features, hat, horizon, kind, theta, step, steps, radius=np.inf):
    """Weights before every step and after the last; ``hat`` and ``step`` of step k by functions."""
    path = [theta]
    for k in range(steps):
        bar = counts(game, features, policies_at(game, features, theta, horizon, kind))
        theta = [None if own is None else own + step(k) * (h - b) for own, h, b in zip(theta, hat(k), bar, strict=True)]
        theta = [own if own is None else own * min(1.0, radius / np.linalg.norm(own)) for own in theta]
        path.append(theta)
    return path
