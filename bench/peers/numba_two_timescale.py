"""Two-timescale Q-learning as one writes it with numba at first: dense P and r, np.random, libm's exp, log and pow."""

import math

import numba
import numpy as np


@numba.njit
def run(rewards, transitions, n_actions, offset, gamma, tau, alpha, beta, shift, steps, seed):
    """rewards (N, S, J)   transitions (S, J, S)   offset (N + 1,)   step sizes (n + shift)^-alpha, (n + shift)^-beta"""
    np.random.seed(seed)
    n_players, n_states = rewards.shape[0], rewards.shape[1]
    q, policy = np.zeros((n_states, offset[-1])), np.zeros((n_states, offset[-1]))
    visits, counts = np.zeros(n_states, np.int64), np.zeros((n_states, offset[-1]), np.int64)
    for i in range(n_players):
        policy[:, offset[i]:offset[i + 1]] = 1 / n_actions[i]
    actions, weights = np.zeros(n_players, np.int64), np.zeros(n_actions.max())
    s = np.random.randint(n_states)
    for _ in range(steps):
        j = 0
        for i in range(n_players):
            u, a, total = np.random.random(), 0, policy[s, offset[i]]
            while u >= total and a < n_actions[i] - 1:
                a += 1
                total += policy[s, offset[i] + a]
            actions[i] = a
            j = j * n_actions[i] + a
        u, t, total = np.random.random(), 0, transitions[s, j, 0]
        while u >= total and t < n_states - 1:
            t += 1
            total += transitions[s, j, t]
        visits[s] += 1
        slow = (visits[s] + shift) ** -beta
        for i in range(n_players):
            low, high = offset[i], offset[i + 1]
            taken = low + actions[i]
            counts[s, taken] += 1
            fast = (counts[s, taken] + shift) ** -alpha
            nu, value, top, total = 0.0, 0.0, -np.inf, 0.0
            for c in range(low, high):
                if policy[s, c] > 0:
                    nu += policy[s, c] * math.log(policy[s, c])
                value += policy[t, c] * q[t, c]
                top = max(top, q[s, c])
            for c in range(low, high):
                weights[c - low] = math.exp((q[s, c] - top) / tau)
                total += weights[c - low]
            change = fast * (rewards[i, s, j] - tau * nu + gamma * value - q[s, taken])
            for c in range(low, high):
                policy[s, c] += slow * (weights[c - low] / total - policy[s, c])
            q[s, taken] += change
        s = t
    return policy, q
