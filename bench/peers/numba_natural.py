"""One natural-gradient iteration with its NE-gap as one writes it with numba at first: a loop over joint actions."""

import math

import numba
import numpy as np


@numba.njit
def marginals(rewards, transitions, policy, n_actions, offset, reward, moves):
    """Every player's rewards (S, A_total) and moves (S, A_total, S) against the others.

    rewards (N, S, J)   transitions (S, J, S)   policy (S, A_total)   offset (N + 1,)
    """
    n_players, n_states, joint = rewards.shape
    reward[:], moves[:] = 0.0, 0.0
    column = np.zeros(n_players, np.int64)
    for s in range(n_states):
        for j in range(joint):
            left = j
            for i in range(n_players - 1, -1, -1):
                column[i] = offset[i] + left % n_actions[i]
                left //= n_actions[i]
            for i in range(n_players):
                weight = 1.0
                for k in range(n_players):
                    if k != i:
                        weight *= policy[s, column[k]]
                reward[s, column[i]] += weight * rewards[i, s, j]
                for t in range(n_states):
                    moves[s, column[i], t] += weight * transitions[s, j, t]


@numba.njit
def best_values(reward, moves, low, high, gamma):
    """Policy iteration of the player with columns low..high-1: values (S,)."""
    n_states = reward.shape[0]
    choice, paid, system = np.full(n_states, low), np.zeros(n_states), np.zeros((n_states, n_states))
    while True:
        for s in range(n_states):
            paid[s] = reward[s, choice[s]]
            for t in range(n_states):
                system[s, t] = (1.0 if s == t else 0.0) - gamma * moves[s, choice[s], t]
        value = np.linalg.solve(system, paid)
        gain = 0.0
        for s in range(n_states):
            best = -np.inf
            for c in range(low, high):
                q = reward[s, c] + gamma * np.sum(moves[s, c] * value)
                if q > best:
                    best, choice[s] = q, c
            gain = max(gain, best - value[s])
        if gain <= 1e-12 * (1.0 + np.abs(value).max()):
            return value


@numba.njit
def step(rewards, transitions, policy, n_actions, offset, gamma, initial, eta, reward, moves):
    """The NE-gap (N,) of a policy, which becomes the next one in place; reward, moves: see :func:`marginals`."""
    n_players, n_states = rewards.shape[0], rewards.shape[1]
    marginals(rewards, transitions, policy, n_actions, offset, reward, moves)
    system, gap = np.eye(n_states), np.zeros(n_players)
    for s in range(n_states):
        for c in range(offset[0], offset[1]):
            for t in range(n_states):
                system[s, t] -= gamma * policy[s, c] * moves[s, c, t]
    after = np.empty_like(policy)
    for i in range(n_players):
        low, high, stage = offset[i], offset[i + 1], np.zeros(n_states)
        for s in range(n_states):
            for c in range(low, high):
                stage[s] += policy[s, c] * reward[s, c]
        value = np.linalg.solve(system, stage)
        best = best_values(reward, moves, low, high, gamma)
        for s in range(n_states):
            gap[i] += initial[s] * (best[s] - value[s])
            top, total = -np.inf, 0.0
            for c in range(low, high):
                advantage = reward[s, c] + gamma * np.sum(moves[s, c] * value) - value[s]
                after[s, c] = math.log(policy[s, c]) + eta / (1.0 - gamma) * advantage
                top = max(top, after[s, c])
            for c in range(low, high):
                after[s, c] = math.exp(after[s, c] - top)
                total += after[s, c]
            for c in range(low, high):
                after[s, c] /= total
    policy[:] = after
    return gap


class NaturalGradient:
    """rewards (N or 1, S, A0, ..), transitions (S, A0, .., S), initial (S,); step() takes and gives [(S, A_i)]."""

    def __init__(self, rewards, transitions, discount, initial, eta):
        self.n_actions = np.array(transitions.shape[1:-1])
        self.offset = np.concatenate([[0], np.cumsum(self.n_actions)])
        states, players = len(transitions), self.n_actions.size
        given = np.broadcast_to(rewards, (players, *rewards.shape[1:]))
        self.tables = (np.ascontiguousarray(given.reshape(players, states, -1)),
                       np.ascontiguousarray(transitions.reshape(states, -1, states)))
        self.rest = discount, np.ascontiguousarray(initial), eta
        width = self.offset[-1]
        self.work = np.empty((states, width)), np.empty((states, width, states))

    def step(self, policies):
        """The next policies, and the NE-gap (N,) of the given ones."""
        policy = np.concatenate(policies, axis=1)
        gap = step(*self.tables, policy, self.n_actions, self.offset, *self.rest, *self.work)
        return np.split(policy, self.offset[1:-1], axis=1), gap
