"""Twins of the learners by samples that Etesami and Straehle compare with: tables, loops, linear programs in full."""

import itertools

import numpy as np
import scipy.optimize


def step_size(given, n):
    """A constant; else as in naive.py, where (exponent, offset) or a table are told apart by length."""
    if not isinstance(given, tuple):
        return given
    return (n + given[1]) ** -given[0] if len(given) == 2 else given[min(n, len(given)) - 1]


def epsilon(given, k):
    """The probability of exploring in step k."""
    return np.exp(-given[1] * k) if isinstance(given, tuple) else given


def greedy(row):
    """All actions of largest value alike."""
    best = row == row.max()
    return best / best.sum()


def mask_of(game, policies):
    """(S, A_i) of bool a player: what can be taken."""
    if getattr(game, "available", None) is None:
        return [np.ones(p.shape, bool) for p in policies]
    if isinstance(game.available, list):
        return game.available
    return np.split(game.available, np.cumsum([p.shape[1] for p in policies])[:-1], axis=1)


def explore(u, eps, can):
    """Which of the actions that can be taken a number below eps stands for."""
    actions = np.flatnonzero(can)
    return actions[int(u / eps * len(actions))]


def draw(row, u):
    """Inversion: the first action whose cumulated probability is above u."""
    return int(np.flatnonzero(np.cumsum(row) > u)[0])


class _Greedy:
    """What epsilon-greedy learners share: q[i] (S, A_i), policies greedy in it once a state was seen."""

    def __init__(self, game, policies, alpha, exploration):
        self.game, self.alpha, self.exploration = game, alpha, exploration
        self.policies = [np.array(p) for p in policies]
        self.can = mask_of(game, policies)
        self.q = [np.where(can, 0.0, -np.inf) for can in self.can]

    def act(self, s, numbers, k):
        """The players' actions in state s at step k by their numbers in [0, 1)."""
        eps = epsilon(self.exploration, k)
        return [explore(u, eps, self.can[i][s]) if u < eps else draw(self.policies[i][s], (u - eps) / (1 - eps))
                for i, u in enumerate(numbers)]


class IndependentQLearning(_Greedy):
    """q_i(s, a_i) += alpha(n_i(s, a_i)) [r_i + gamma max_b q_i(t, b) - q_i(s, a_i)]   Watkins (1989)."""

    def __init__(self, game, policies, alpha=0.1, exploration=0.1, initial="zeros"):
        super().__init__(game, policies, alpha, exploration)
        self.counts = [np.zeros(p.shape, int) for p in policies]
        if isinstance(initial, str) and initial == "uniform_opponents":
            shared = [can / can.sum(axis=1, keepdims=True) for can in self.can]
            rewards = np.broadcast_to(game.rewards, (len(policies), *game.rewards.shape[1:]))
            for i, q in enumerate(self.q):
                for s, a in np.argwhere(self.can[i]):
                    others = [shared[k][s] if k != i else np.eye(q.shape[1])[a] for k in range(len(policies))]
                    q[s, a] = sum(np.prod([p[b] for p, b in zip(others, joint, strict=True)]) * rewards[(i, s, *joint)]
                                  for joint in np.ndindex(*rewards.shape[2:])) / (1 - game.discount)
        elif not isinstance(initial, str):
            for q, table in zip(self.q, np.split(initial, np.cumsum([p.shape[1] for p in policies])[:-1], axis=1),
                                strict=True):
                q[:] = np.where(np.isinf(q), q, table)
        if not (isinstance(initial, str) and initial == "zeros"):
            for i, q in enumerate(self.q):
                if getattr(game, "terminal", None) is not None:
                    q[game.terminal] = np.where(np.isinf(q[game.terminal]), q[game.terminal], 0.0)
                self.policies[i] = np.array([greedy(row) for row in q])

    def step(self, seen):
        """One stage: (state, actions, rewards, next state)."""
        s, actions, rewards, t = seen
        for i, a in enumerate(actions):
            self.counts[i][s, a] += 1
            aim = rewards[i] + self.game.discount * self.q[i][t].max()
            self.q[i][s, a] += step_size(self.alpha, int(self.counts[i][s, a])) * (aim - self.q[i][s, a])
            self.policies[i][s] = greedy(self.q[i][s])


class NSCPLearner(_Greedy):
    """Q_i(s, a) += alpha(n(s, a)) [r_i + gamma max_b q_i(t, b) - Q_i(s, a)], q_i its mean over the models m_j."""

    def __init__(self, game, policies, alpha=0.1, exploration=0.1, memory=None):
        super().__init__(game, policies, alpha, exploration)
        sizes, states = tuple(p.shape[1] for p in policies), len(policies[0])
        self.memory, self.model = memory, [np.array(p) for p in policies]
        self.joint_q, self.counts = np.zeros((len(sizes), states, *sizes)), np.zeros((states, *sizes), int)
        self.visits = np.zeros(states, int)

    def worth(self, i, s, a):
        """Of player i's action a in state s against the models."""
        total = 0.0
        for joint in itertools.product(*(range(m.shape[1]) for m in self.model)):
            if joint[i] == a:
                total += np.prod([m[s, b] for k, (m, b) in enumerate(zip(self.model, joint, strict=True))
                                  if k != i]) * self.joint_q[(i, s, *joint)]
        return total

    def step(self, seen):
        """One stage: (state, actions, rewards, next state)."""
        s, actions, rewards, t = seen
        self.visits[s] += 1
        self.counts[(s, *actions)] += 1
        alpha = step_size(self.alpha, int(self.counts[(s, *actions)]))
        for i, reward in enumerate(rewards):
            aim = reward + self.game.discount * self.q[i][t].max()
            self.joint_q[(i, s, *actions)] += alpha * (aim - self.joint_q[(i, s, *actions)])
        share = 1.0 / self.visits[s] if self.memory is None else self.memory
        for m, a in zip(self.model, actions, strict=True):
            m[s] += share * (np.eye(m.shape[1])[a] - m[s])
        for i, q in enumerate(self.q):
            for a in np.flatnonzero(self.can[i][s]):
                q[s, a] = self.worth(i, s, a)
            self.policies[i][s] = greedy(q[s])


def incentives(q, can):
    """Rows of "who is told a gains nothing by b": q (N, A_0, ..), can (A_0, ..) which joint actions there are."""
    rows = []
    for i in range(len(q)):
        for a, b in itertools.permutations(range(q.shape[1 + i]), 2):
            row = np.zeros(q.shape[1:])
            for joint in np.ndindex(*q.shape[1:]):
                other = (*joint[:i], b, *joint[i + 1:])
                if joint[i] == a and can[joint] and can[other]:
                    row[joint] = q[(i, *joint)] - q[(i, *other)]
            rows.append(row.ravel())
    return np.array(rows).reshape(-1, q[0].size)


def correlated_equilibrium(q, weights, can):
    """The best correlated equilibrium of a stage game for sum_i w_i q_i, as (A_0, ..): the whole linear program."""
    gain, aim = incentives(np.where(can, q, 0.0), can), np.tensordot(weights, np.where(can, q, 0.0), 1).ravel()
    found = scipy.optimize.linprog(-aim, A_ub=-gain if len(gain) else None,
                                   b_ub=np.zeros(len(gain)) if len(gain) else None,
                                   A_eq=np.ones((1, aim.size)), b_eq=[1.0], bounds=[(0, float(c)) for c in can.ravel()])
    assert found.success, found.message
    return found.x.reshape(q.shape[1:])


class CorrelatedQLearning:
    """Q_i(s, a) += alpha(n(s, a)) [r_i + gamma sum_b sigma(b | t) Q_i(t, b) - Q_i(s, a)]  (Greenwald, Hall 2003)."""

    def __init__(self, game, policies, objective="utilitarian", dictator=0, alpha=0.1, exploration=0.1):
        self.game, self.alpha, self.exploration = game, alpha, exploration
        sizes, states = tuple(p.shape[1] for p in policies), len(policies[0])
        self.weights = np.ones(len(sizes)) if objective == "utilitarian" else np.eye(len(sizes))[dictator]
        self.can = mask_of(game, policies)
        self.possible = np.array([self._product([c[s] for c in self.can]) for s in range(states)], bool)
        self.joint_q, self.counts = np.zeros((len(sizes), states, *sizes)), np.zeros((states, *sizes), int)
        self.joint = np.array([self._product([p[s] for p in policies]) for s in range(states)])

    @staticmethod
    def _product(rows):
        out = np.ones(())
        for row in rows:
            out = np.multiply.outer(out, row)
        return out

    @property
    def policies(self):
        """Marginals of the equilibria."""
        players = range(len(self.can))
        return [self.joint.sum(axis=tuple(1 + k for k in players if k != i)) for i in players]

    def act(self, s, numbers, k):
        """The players' actions: the first that does not explore draws what is recommended to all."""
        eps = epsilon(self.exploration, k)
        told = [(u - eps) / (1 - eps) for u in numbers if u >= eps]
        joint = np.unravel_index(draw(self.joint[s].ravel(), told[0]), self.joint[s].shape) if told else None
        return [explore(u, eps, self.can[i][s]) if u < eps else joint[i] for i, u in enumerate(numbers)]

    def step(self, seen):
        """One stage: (state, actions, rewards, next state)."""
        s, actions, rewards, t = seen
        self.counts[(s, *actions)] += 1
        alpha, at = step_size(self.alpha, int(self.counts[(s, *actions)])), (slice(None), s, *actions)
        value = (self.joint[t] * self.joint_q[:, t]).reshape(len(rewards), -1).sum(axis=1)
        before = self.joint_q[at].copy()
        self.joint_q[at] += alpha * (rewards + self.game.discount * value - self.joint_q[at])
        if (self.joint_q[at] != before).any():
            self.joint[s] = correlated_equilibrium(self.joint_q[:, s], self.weights, self.possible[s])
