"""Q-learning in a pricing game as one writes it with numba at first, and the same in plain Python.

np.random, one table a player, ``argmax`` and ``max`` over its rows, an exponential a stage: what a typical replication
of Calvano et al. (2020) has. ``python`` is the same text, interpreted.
"""

import math

import numba
import numpy as np


def q_learning(profit, q, alpha, beta, gamma, unchanged, most, seed):
    """A session of two firms: (stages, state, q), until their greedy prices stood for ``unchanged`` stages.

    profit (N, m, m)   q (N, S, m): of state m p_0 + p_1, changed in place
    """
    np.random.seed(seed)
    firms, prices = profit.shape[0], profit.shape[1]
    actions = np.zeros(firms, np.int64)
    state, since, stage = np.random.randint(prices**firms), 0, 0
    while stage < most and since < unchanged:
        epsilon = math.exp(-beta * stage)
        for i in range(firms):
            if np.random.random() < epsilon:
                actions[i] = np.random.randint(prices)
            else:
                actions[i] = np.argmax(q[i, state])
        after = prices * actions[0] + actions[1]
        same = True
        for i in range(firms):
            a = actions[i]
            before = np.argmax(q[i, state])
            target = profit[i, actions[0], actions[1]] + gamma * np.max(q[i, after])
            q[i, state, a] += alpha * (target - q[i, state, a])
            if np.argmax(q[i, state]) != before:
                same = False
        since = since + 1 if same else 0
        state = after
        stage += 1
    return stage, state


python = q_learning
run = numba.njit(q_learning)
