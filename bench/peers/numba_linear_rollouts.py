"""Samples for linear Q-ascent as one writes them with numba at first: dense P and r, np.random, player by player."""

import numba
import numpy as np


@numba.njit
def sample(rewards, transitions, initial, policy, n_actions, offset, gamma, exploration, player, count, seed):
    """The rows, actions and returns of ``count`` samples.

    rewards (N, S, J)   transitions (S, J, S)   initial (S,)   policy (S, A_total)   offset (N + 1,)
    """
    np.random.seed(seed)
    n_players, n_states = n_actions.size, initial.size
    rows, taken, returns = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
    for m in range(count):
        u, s, total = np.random.random(), 0, initial[0]
        while u >= total and s < n_states - 1:
            s += 1
            total += initial[s]
        before = 0
        while np.random.random() < gamma:
            before += 1
        after = 0
        while np.random.random() < gamma:
            after += 1
        for t in range(before + 1 + after):
            j = 0
            for i in range(n_players):
                if t == before and i == player and np.random.random() < exploration:
                    a = np.random.randint(n_actions[i])
                else:
                    u, a, total = np.random.random(), 0, policy[s, offset[i]]
                    while u >= total and a < n_actions[i] - 1:
                        a += 1
                        total += policy[s, offset[i] + a]
                if t == before and i == player:
                    rows[m], taken[m] = s, a
                j = j * n_actions[i] + a
            if t >= before:
                returns[m] += rewards[player, s, j]
            u, after_s, total = np.random.random(), 0, transitions[s, j, 0]
            while u >= total and after_s < n_states - 1:
                after_s += 1
                total += transitions[s, j, after_s]
            s = after_s
    return rows, taken, returns
