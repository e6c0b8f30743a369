"""Twins of the rules of the literature that learn from samples: tables and loops."""

import itertools

import naive_numbers
import numpy as np
from naive_baselines import _Greedy, draw, mask_of, step_size
from naive_literature import CHOICES, key_of


def softened(q, tau):
    """softmax(q / tau), and tau log sum exp(q / tau)."""
    top = q.max()
    weights = np.exp((q - top) / tau)
    return weights / weights.sum(), top + tau * np.log(weights.sum())


class DecentralisedQLearning(_Greedy):
    """Q-learning against players who hold still for a phase; then those whose baselines are not good enough respond."""

    seeded = True

    def __init__(self, game, policies, phase, alpha=(1.0, 0.0), exploration=0.1, inertia=0.5, tolerance=0.0, seed=7):
        super().__init__(game, policies, alpha, exploration)
        self.phase, self.inertia, self.tolerance, self.k = phase, inertia, tolerance, 0
        self.key = key_of(seed) if isinstance(seed, int) else seed
        self.counts = [np.zeros(q.shape, int) for q in self.q]

    def number(self, index):
        return naive_numbers.uniform(self.key, self.k, index, CHOICES)

    def step(self, seen):
        s, actions, rewards, t = seen
        for i, a in enumerate(actions):
            self.counts[i][s, a] += 1
            aim = rewards[i] + self.game.discount * self.q[i][t].max()
            self.q[i][s, a] += step_size(self.alpha, int(self.counts[i][s, a])) * (aim - self.q[i][s, a])
        if (self.k + 1) % self.phase == 0:
            for i, (policy, q) in enumerate(zip(self.policies, self.q, strict=True)):
                good = q >= q.max(axis=1, keepdims=True) - self.tolerance
                if not good[policy > 0].all() and self.number(2 * i) >= self.inertia:
                    for x in range(len(q)):
                        best = np.flatnonzero(good[x])
                        u = self.number(2 * (i + len(self.policies) * x) + 1)
                        policy[x] = np.eye(q.shape[1])[best[int(u * len(best))]]
                self.counts[i][:] = 0
        self.k += 1


class SmoothedFictitiousPlay:
    """Beliefs, values of joint actions by the beliefs' soft values, and smoothed best responses."""

    def __init__(self, game, policies, tau=0.1, alpha=(0.6, 1.0), beta=(1.0, 1.0)):
        self.game, self.tau, self.alpha, self.beta = game, tau, alpha, beta
        self.policies, self.can = [np.array(p) for p in policies], mask_of(game, policies)
        sizes, states = tuple(p.shape[1] for p in policies), len(policies[0])
        self.model, self.visits = [np.array(p) for p in policies], np.zeros(states, int)
        self.joint_q, self.counts = np.zeros((len(sizes), states, *sizes)), np.zeros((states, *sizes), int)
        self.value = np.zeros((len(sizes), states))

    def act(self, s, numbers, k):
        return [draw(self.policies[i][s], u) for i, u in enumerate(numbers)]

    def worth(self, i, s, a):
        """Of player i's action a in state s against the beliefs."""
        others = [range(m.shape[1]) if j != i else [a] for j, m in enumerate(self.model)]
        return sum(np.prod([m[s, b] for j, (m, b) in enumerate(zip(self.model, joint, strict=True)) if j != i])
                   * self.joint_q[(i, s, *joint)] for joint in itertools.product(*others))

    def step(self, seen):
        s, actions, rewards, t = seen
        self.visits[s] += 1
        self.counts[(s, *actions)] += 1
        beta = step_size(self.beta, int(self.counts[(s, *actions)]))
        for i, reward in enumerate(rewards):
            aim = reward + self.game.discount * self.value[i, t]
            self.joint_q[(i, s, *actions)] += beta * (aim - self.joint_q[(i, s, *actions)])
        for m, a in zip(self.model, actions, strict=True):
            m[s] += step_size(self.alpha, int(self.visits[s])) * (np.eye(m.shape[1])[a] - m[s])
        for i, policy in enumerate(self.policies):
            q = np.array([self.worth(i, s, a) if there else -np.inf for a, there in enumerate(self.can[i][s])])
            policy[s], self.value[i, s] = softened(q, self.tau)


class _Bandits:
    """Rewards to [0, 1], and actions by the policy."""

    def __init__(self, game, policies, payoffs):
        self.game, self.policies, self.can = game, [np.array(p) for p in policies], mask_of(game, policies)
        self.range = [payoffs or tuple(row) for row in game.payoff_range()]

    def act(self, s, numbers, k):
        return [draw(self.policies[i][s], u) for i, u in enumerate(numbers)]

    def scaled(self, i, reward):
        low, high = self.range[i]
        return (reward - low) / (high - low) if high > low else 0.0


class Exp3P(_Bandits):
    """w(a) *= exp(gain [1{a played} x / p(a) + bonus / p(a)]), mixed with the uniform law."""

    def __init__(self, game, policies, exploration=0.1, confidence=0.0, stages=None, payoffs=None):
        super().__init__(game, policies, payoffs)
        self.exploration, self.confidence, self.stages = exploration, confidence, stages
        self.weights = [np.where(can[0], 1.0, 0.0) for can in self.can]

    def step(self, seen):
        _, actions, rewards, _ = seen
        for i, (policy, w, a) in enumerate(zip(self.policies, self.weights, actions, strict=True)):
            can = self.can[i][0]
            estimate = np.where(can, 0.0, 0.0)
            estimate[a] = self.scaled(i, rewards[i]) / policy[0, a]
            gain, n = self.exploration / can.sum(), can.sum()
            if self.stages:
                gain /= 3
                estimate[can] += self.confidence / (policy[0, can] * np.sqrt(n * self.stages))
            w *= np.exp(gain * estimate)
            policy[0] = np.where(can, (1 - self.exploration) * w / w.sum() + self.exploration / n, 0.0)


class VLearning(_Bandits):
    """The sums of weighted losses in full: alpha_n^i = alpha_i prod_{j > i} (1 - alpha_j)."""

    def __init__(self, game, policies, bonus=0.0, payoffs=None):
        super().__init__(game, policies, payoffs)
        states, self.bonus, self.horizon = len(policies[0]), bonus, 1 / (1 - game.discount)
        self.value = np.full((len(policies), states), self.horizon)
        if getattr(game, "terminal", None) is not None:
            self.value[:, game.terminal] = 0.0
        self.losses = [[[] for _ in range(states)] for _ in policies]

    def step(self, seen):
        s, actions, rewards, t = seen
        h = self.horizon
        for i, (policy, a) in enumerate(zip(self.policies, actions, strict=True)):
            losses, can = self.losses[i][s], self.can[i][s]
            n, count = len(losses) + 1, can.sum()
            aim = self.scaled(i, rewards[i]) + self.game.discount * self.value[i, t]
            eta, alpha = np.sqrt(h * np.log(count) / (count * n)), (h + 1) / (h + n)
            losses.append(np.eye(len(can))[a] * (h - aim) / h / (policy[s, a] + eta))
            value = (1 - alpha) * self.value[i, s] + alpha * (aim + self.bonus * np.sqrt(h**3 * count / n))
            self.value[i, s] = min(value, h)
            shares = [(h + 1) / (h + m) * np.prod([1 - (h + 1) / (h + j) for j in range(m + 1, n + 1)])
                      for m in range(1, n + 1)]
            total = sum(share * loss for share, loss in zip(shares, losses, strict=True)) / alpha
            weights = np.where(can, np.exp(-eta * (total - total[can].min())), 0.0)
            policy[s] = weights / weights.sum()


__all__ = ["DecentralisedQLearning", "Exp3P", "SmoothedFictitiousPlay", "VLearning"]
