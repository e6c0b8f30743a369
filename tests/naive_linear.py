"""Twins of linear Q-ascent: samples played out one by one from their numbers, and its regression in full."""

import numpy as np

START, LENGTHS, SAMPLES = 2, 3, 4  # streams


def time(u, discount):
    """A time with P(time >= t) = discount^t, by inversion."""
    return 0 if discount == 0.0 else int(np.floor(np.log(1.0 - u) / np.log(discount)))


def floored(policy, can, exploration):
    """(1 - xi) pi + xi uniform over what can be taken."""
    return (1.0 - exploration) * policy * can + exploration * can / can.sum()


def inverted(row, u):
    """Inversion; what rounding leaves over is the last action that can be taken."""
    total, there = np.cumsum(row), np.flatnonzero(row > 0)
    return int(there[min(np.searchsorted(total[there], u, side="right"), there.size - 1)])


def played(number, first, act, move, discount, player):
    """(state, action of the player, return) of a sample.

    number(stream, t, index): uniform numbers of the sample; first(number) -> state; act(s, number, t, explores) ->
    actions; move(s, actions, number, t) -> (rewards (N,), next state)
    """
    before, after = time(number(LENGTHS, 0, 0), discount), time(number(LENGTHS, 0, 1), discount)
    s, total, found = first(number), 0.0, None
    for t in range(before + 1 + after):
        actions = act(s, number, t, t == before)
        if t == before:
            found = s, actions[player]
        rewards, after_s = move(s, actions, number, t)
        if t >= before:
            total += rewards[player]
        s = after_s
    return (*found, total)


class LinearQAscent:
    """w <- Proj_{|w| <= W}(w - b_k 2 (<phi, w> - R) phi), estimate sum_k k w_k / sum_k k;
    pi <- P(pi + eta <phi, w>), P onto (1 - xi) simplex + xi uniform.   Ding et al., Algorithm 2.
    """

    def __init__(self, game, policies, eta=0.1, samples=1000, features=None, dimension=None, exploration=0.05,
                 radius=None, sgd=0.25):
        n_states, self.policies = len(policies[0]), [np.array(p) for p in policies]
        self.eta, self.exploration, self.radius, self.sgd = eta, exploration, radius, sgd
        widths = [p.shape[1] for p in policies]
        if features is None:  # one feature for every state and action
            self.features = [np.eye(n_states * a).reshape(n_states, a, -1) for a in widths]
        else:
            self.features = np.split(np.asarray(features), np.cumsum(widths)[:-1], axis=1)
        self.can = ([np.ones(p.shape, bool) for p in policies] if getattr(game, "available", None) is None
                    else game.available)
        self.weights = [np.zeros(phi.shape[2]) for phi in self.features]

    def fitted(self, phi, w, samples):
        """The estimate from samples (row, action, return), beginning at w."""
        total, k = np.zeros_like(w), 0
        for s, a, aim in samples:
            k += 1
            step = self.sgd if not isinstance(self.sgd, tuple) else (k + self.sgd[1]) ** -self.sgd[0]
            w = w - step * 2.0 * (phi[s, a] @ w - aim) * phi[s, a]
            if self.radius is not None and np.linalg.norm(w) > self.radius:
                w = w * (self.radius / np.linalg.norm(w))
            total += k * w
        return total / (k * (k + 1) / 2)

    def step(self, seen):
        """``seen``: every player's samples of this round."""
        for i, policy in enumerate(self.policies):
            self.weights[i] = self.fitted(self.features[i], self.weights[i], seen[i])
            moved = policy + self.eta * self.features[i] @ self.weights[i]
            for s, can in enumerate(self.can[i]):
                least = self.exploration / can.sum()
                row = (moved[s, can] - least) / (1.0 - self.exploration) if self.exploration < 1.0 else None
                policy[s] = 0.0
                policy[s, can] = least + (0.0 if row is None else (1.0 - self.exploration) * simplex(row))


def simplex(row):
    """Euclidean projection onto the simplex, by sorting."""
    down = np.sort(row)[::-1]
    shift = (np.cumsum(down) - 1.0) / np.arange(1, row.size + 1)
    return np.maximum(row - shift[np.flatnonzero(down > shift)[-1]], 0.0)


class SampledNaturalGradient(LinearQAscent):
    """theta += eta q / (1 - gamma), q by one feature a state and action; pi = (1 - xi) softmax(theta) + xi uniform."""

    def __init__(self, game, policies, eta=0.1, samples=1000, exploration=0.05, sgd=0.25):
        super().__init__(game, policies, eta, samples, exploration=exploration, sgd=sgd)
        self.gain = eta / (1 - game.discount)
        with np.errstate(divide="ignore"):
            self.theta = [np.log(p) for p in self.policies]

    def step(self, seen):
        for i, can in enumerate(self.can):
            self.weights[i] = self.fitted(self.features[i], self.weights[i], seen[i])
            self.theta[i] = np.where(can, self.theta[i] + self.gain * self.features[i] @ self.weights[i], -np.inf)
            weights = np.exp(self.theta[i] - self.theta[i].max(axis=1, keepdims=True))
            self.policies[i] = ((1 - self.exploration) * weights / weights.sum(axis=1, keepdims=True)
                                + self.exploration * can / can.sum(axis=1, keepdims=True))
