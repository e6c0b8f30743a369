"""Plain twins of what is best without discount."""

import numpy as np
from scipy.optimize import linprog


def lp_gain(reward, moves):
    """Largest average reward (S,) of a decision process, reward (S, A) with -inf where there is no action, moves
    (S, A, S): min sum g subject to g >= P_a g, g + h >= r_a + P_a h (Puterman 1994, section 9.3)."""
    states = len(reward)
    rows, right = [], []
    for s in range(states):
        for a in np.flatnonzero(np.isfinite(reward[s])):
            step = np.eye(states)[s] - moves[s, a]
            rows += [np.concatenate([step, np.zeros(states)]), np.concatenate([np.eye(states)[s], step])]
            right += [0.0, reward[s, a]]
    cost = np.concatenate([np.ones(states), np.zeros(states)])
    found = linprog(cost, -np.array(rows), -np.array(right), bounds=(None, None), method="highs")
    assert found.status == 0, found.message
    return found.x[:states]


def cesaro_gain(chain, reward, doublings=40):
    """Mean of P^k r over the first 2^doublings steps: S_2m = (S_m + P^m S_m) / 2."""
    total, power = reward.astype(float), chain.copy()
    for _ in range(doublings):
        total, power = (total + power @ total) / 2, power @ power
        power /= power.sum(axis=1, keepdims=True)
    return total
