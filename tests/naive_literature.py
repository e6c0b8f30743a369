"""Twins of the rules of the literature that see exact expectations, on top of :mod:`naive`."""

import naive
import naive_numbers
import numpy as np

RUN_KEY = 0x6B6579  # of the child of a run's seed that keys its randomness
CHOICES = 5  # stream of a rule's own numbers


def key_of(seed):
    """The two words of key of the run with this seed."""
    return tuple(np.random.SeedSequence(seed, spawn_key=(RUN_KEY,)).generate_state(2).tolist())


def pure(policy, s, a):
    """The policy of one player with action a in state s."""
    policy = policy.copy()
    policy[s] = np.eye(policy.shape[1])[a]
    return policy


class FrankWolfe:
    """pi += h (best vertex - pi), h constant or min(1, c / (k + p))."""

    grids = ({"step": [0.3, 1.0, (0.5, 4.0)]},)

    def __init__(self, game, policies, step=(2.0, 2.0)):
        self.game, self.policies, self.size, self.k = game, policies, step, 0

    def step(self):
        h = min(1.0, self.size[0] / (self.k + self.size[1])) if isinstance(self.size, tuple) else self.size
        vertices = [np.eye(q.shape[1])[q.argmax(axis=1)] for q in naive.q_bar(self.game, self.policies)]
        self.policies = [p + h * (b - p) for p, b in zip(self.policies, vertices, strict=True)]
        self.k += 1


class OptimisticMultiplicativeWeights:
    """log pi += eta (2 Q^k - Q^{k-1}) / (1 - gamma) up to a constant, Q^{-1} = Q^0."""

    grids = ({"eta": [0.3, 2.0]},)

    def __init__(self, game, policies, eta):
        self.game, self.policies, self.eta, self.last = game, policies, eta / (1 - game.discount), None

    def step(self):
        seen = [np.where(np.isfinite(q), q, 0.0) for q in naive.q_bar(self.game, self.policies)]  # where p is 0
        before = self.last or seen
        self.policies = [naive.softmax(naive.log(p) + self.eta * (2 * q - old))
                         for p, q, old in zip(self.policies, seen, before, strict=True)]
        self.last = seen


class Moving:
    """Players who are awake by their first number of the update move in every state, as ``move`` says."""

    grids = ({"inertia": [0.0, 0.3, 0.7]},)

    def __init__(self, game, policies, inertia=0.5, seed=0):
        self.game, self.policies, self.inertia, self.key, self.k = game, policies, inertia, key_of(seed), 0

    def number(self, index):
        return naive_numbers.uniform(self.key, self.k, index, CHOICES)

    def step(self):
        after = [p.copy() for p in self.policies]
        for i, q in enumerate(naive.q_bar(self.game, self.policies)):
            if self.number(2 * i) >= self.inertia:
                for s in range(len(q)):
                    after[i] = self.move(after[i], s, q[s], self.number(2 * (i + len(after) * s) + 1))
        self.policies = after
        self.k += 1


class BestResponse(Moving):
    """The first best action; who plays a best one already stays."""

    def move(self, policy, s, q, u):
        stays = policy[s].max() == 1.0 and q[policy[s].argmax()] == q.max()
        return policy if stays else pure(policy, s, q.argmax())


class BetterResponse(Moving):
    """Any of the actions above the policy's mean."""

    def move(self, policy, s, q, u):
        there = np.isfinite(q)
        better = np.flatnonzero(q > np.sum(policy[s][there] * q[there]))
        return pure(policy, s, better[int(u * len(better))]) if len(better) else policy


def sequential_maximum_improvement(game, policies, tau=0.0):
    """The player and state with most to gain by q + tau H respond there, the first state and in it the first player."""
    q_bar, most, best = naive.q_bar(game, policies, tau), 0.0, None
    for s in range(len(policies[0])):
        for i, policy in enumerate(policies):
            q = q_bar[i][s]
            row = naive.softmax(q / tau) if tau > 0 else np.eye(q.size)[q.argmax()]
            gain = np.sum((row - policy[s])[np.isfinite(q)] * q[np.isfinite(q)])
            gain += tau * (naive.entropy(row) - naive.entropy(policy[s]))
            if gain > most:
                most, best = gain, (i, s, row)
    after = [p.copy() for p in policies]
    if best is not None:
        after[best[0]][best[1]] = best[2]
    return after


sequential_maximum_improvement.grids = [{"tau": [0.0, 0.3]}]


def softmax_draw(q, tau, u):
    """Inversion of exp(q / tau) at u."""
    mass = np.cumsum(np.exp((q - q.max()) / tau))
    return int(np.flatnonzero(u * mass[-1] < mass)[0])


class Revising:
    """One player a step, drawn by the first number of the update."""

    grids = ({"tau": [0.05, 1.0]},)

    def __init__(self, game, policies, tau=0.1, seed=0):
        self.game, self.policies, self.tau, self.key, self.k = game, policies, tau, key_of(seed), 0

    def number(self, index):
        return naive_numbers.uniform(self.key, self.k, index, CHOICES)

    def step(self):
        i = int(self.number(0) * len(self.policies))
        q, own = naive.q_bar(self.game, self.policies)[i], self.policies[i].copy()
        for s in range(len(q)):
            own = self.revise(own, s, q[s])
        self.policies = [own if j == i else p for j, p in enumerate(self.policies)]
        self.k += 1


class LogLinearLearning(Revising):
    """An action by exp(q / tau)."""

    def revise(self, policy, s, q):
        return pure(policy, s, softmax_draw(q, self.tau, self.number(2 * s + 1)))


class BinaryLogLinearLearning(Revising):
    """A trial action, taken by the logistic law of what it pays more."""

    def revise(self, policy, s, q):
        there = np.flatnonzero(np.isfinite(q))
        trial = there[int(self.number(2 * s + 2) * len(there))]
        more = q[trial] - np.sum(policy[s][there] * q[there])
        return pure(policy, s, trial) if self.number(2 * s + 3) < 1 / (1 + np.exp(-more / self.tau)) else policy
