"""Quantal responses traced in NumPy: all equations and derivatives at once, Newton at every point, tangents ahead.

Unknowns y: beta = log pi (S, A_total), values V (N, S), lam. Of every player i and
state s, with Q_i(s, a) the player's marginal Q at pi and V,

    sum_a exp beta(s, a) = 1 (in logarithms)
    [beta(s, a) - beta(s, a*) - lam (Q_i(s, a) - Q_i(s, a*))] / max(1, lam) = 0     a other than a*, a likely action
    V_i(s) - sum_a pi(s, a) Q_i(s, a) = 0

Rows of missing actions read beta = 0, and pi is 0 there.
"""

import numpy as np

import fastmpg as fm

FIRST, SHORTEST = 0.02, 1e-10
CROSSING, NEWTON, EXACT, OFF, TURN = 1e-7, 8, 1e-7, 0.35, 0.8


class Equations:
    """The system of one game, with payoffs around 0 and of range 1: lam counts in units of 1 / ``unit``."""

    def __init__(self, game):
        n, states, self.num_actions = game.num_players, game.num_states, game.num_actions
        self.size = states * (sum(self.num_actions) + n)
        self.states, self.players, self.discount = states, n, game.discount
        self.edges = [int(x) for x in game.offset]
        both = game.payoff_range()
        self.unit = float(np.ptp(both, axis=1).max()) or 1.0
        middle = both.mean(axis=1)[:, None, None]
        rewards = np.broadcast_to(game.rewards.reshape(-1, states, *self.num_actions),
                                  (n, states, *self.num_actions)).reshape(n, states, -1)
        self.rewards = ((rewards - middle) / self.unit).reshape(n, states, *self.num_actions)
        self.moves = np.asarray(game.transitions).reshape(states, *self.num_actions, states)
        self.can = np.ones((states, self.edges[-1]), bool) if game.available is None else game.available

    def start(self):
        """y of lam = 0: everyone plays evenly."""
        counts = np.add.reduceat(self.can, self.edges[:-1], axis=1)
        beta = np.where(self.can, -np.log(np.repeat(counts, self.num_actions, axis=1)), 0.0)
        y = np.concatenate([beta.ravel(), np.zeros(self.players * self.states + 1)])
        residual, jacobian = self.at(y, self.likely(y))
        # the equations of V are linear in V
        at = slice(beta.size, self.size)
        y[at] -= np.linalg.solve(jacobian[at, at], residual[at])
        return y

    def policy(self, y):
        """pi (S, A_total)."""
        beta = y[:self.states * self.edges[-1]].reshape(self.states, -1)
        return np.where(self.can, np.exp(np.minimum(beta, 1.0)), 0.0)

    def likely(self, y):
        """The likeliest action of every player, as a column: (S, N)."""
        beta = np.where(self.can, y[:self.can.size].reshape(self.can.shape), -np.inf)
        return np.stack([low + beta[:, low:high].argmax(axis=1)
                         for low, high in zip(self.edges[:-1], self.edges[1:], strict=True)], axis=1)

    def marginals(self, y):
        """Q (S, A_total) and V (N, S)."""
        policy = self.policy(y)
        value = y[policy.size:-1].reshape(self.players, self.states)
        q = np.zeros_like(policy)
        for i in range(self.players):
            stage = self.rewards[i] + self.discount * (self.moves @ value[i])
            q[:, self.edges[i]:self.edges[i + 1]] = self._against(stage, policy, (i,))
        return q, value

    def _against(self, table, policy, kept):
        """Everybody but ``kept`` averaged out of (S, A_0, ..., more axes)."""
        parts = np.split(policy, self.edges[1:-1], axis=1)
        for j in reversed(range(len(parts))):
            if j not in kept:
                table = np.einsum("sa...,sa->s...", np.moveaxis(table, 1 + j, 1), parts[j])
        return table

    def at(self, y, likely):
        """Residual (n,) and its derivatives (n, n + 1)."""
        states, edges, gamma, lam = self.states, self.edges, self.discount, float(y[-1])
        width, policy = edges[-1], self.policy(y)
        first, every = states * width, np.arange(states)
        scale = 1.0 / max(1.0, lam)
        beta, value = y[:first].reshape(states, width), y[first:-1].reshape(self.players, states)
        out, jac = np.zeros(self.size), np.zeros((self.size, self.size + 1))
        by_beta = jac[:first, :first].reshape(states, width, states, width)
        by_value = jac[:first, first:-1].reshape(states, width, self.players, states)
        of_value = jac[first:, :first].reshape(self.players, states, states, width)
        own_value = jac[first:, first:-1].reshape(self.players, states, self.players, states)
        q = np.zeros_like(policy)
        for i in range(self.players):
            low, high = edges[i], edges[i + 1]
            mine = policy[:, low:high]
            stage = self.rewards[i] + gamma * (self.moves @ value[i])
            q[:, low:high] = paid = self._against(stage, policy, (i,))
            mean = (mine * paid).sum(axis=1)
            out[first + i * states:first + (i + 1) * states] = value[i] - mean
            for k in range(self.players):
                if k != i:
                    cross = self._against(stage, policy, (i, k))
                    cross = cross if i < k else cross.swapaxes(1, 2)
                    cross = cross * policy[:, None, edges[k]:edges[k + 1]]  # (S, A_i, A_k): dQ / dbeta_k
                    by_beta[every, low:high, every, edges[k]:edges[k + 1]] = -lam * cross
                    of_value[i, every, every, edges[k]:edges[k + 1]] = -(mine[:, :, None] * cross).sum(axis=1)
            of_value[i, every, every, low:high] = -mine * paid
            ahead = self._against(self.moves, policy, (i,))  # (S, A_i, S)
            by_value[:, low:high, i] = -lam * gamma * ahead
            own_value[i, every, i, every] += 1.0
            own_value[i, :, i] -= gamma * (mine[:, :, None] * ahead).sum(axis=1)
        columns = np.arange(width)
        by_beta[every[:, None], columns, every[:, None], columns] += 1.0
        jac[:first, -1] = -q.ravel()
        left = beta - lam * q
        # rows relative to the likely action's, whose own row is the sum of probabilities
        base = np.repeat(likely, self.num_actions, axis=1)
        rows = np.arange(first)
        reference = (every[:, None] * width + base).ravel()
        jac[:first] = scale * (jac[rows] - jac[reference])
        out[:first] = scale * (left.ravel() - left.ravel()[reference])
        for i in range(self.players):
            low, high = edges[i], edges[i + 1]
            total = policy[:, low:high].sum(axis=1)
            row = every * width + likely[:, i]
            jac[row] = 0.0
            out[row] = np.log(total)
            by_beta[every, likely[:, i], every, low:high] = policy[:, low:high] / total[:, None]
        gone = np.flatnonzero(~self.can.ravel())
        jac[gone] = 0.0
        jac[gone, gone] = 1.0
        out[gone] = y[gone]
        return out, jac


def tangent(jacobian, before):
    """The unit null vector (n + 1,) of (n, n + 1) on the side of ``before``, and the sign of det [J; t]."""
    matrix = np.vstack([jacobian, before])
    right = np.zeros(len(before))
    right[-1] = 1.0
    found = np.linalg.solve(matrix, right)
    sign = float(np.linalg.slogdet(matrix)[0])  # [J; t] has the same: t . before > 0
    return found / np.linalg.norm(found), sign


def corrected(system, guess, along, likely, far):
    """The point of the branch in the plane through ``guess`` across ``along``, and derivatives there; None if lost."""
    y, size, last = guess.copy(), np.inf, False
    for _ in range(NEWTON):
        residual, jacobian = system.at(y, likely)
        step = np.linalg.solve(np.vstack([jacobian, along]), np.append(residual, along @ (y - guess)))
        now = float(np.linalg.norm(step))
        if not np.isfinite(now) or (now > max(far, 0.5 * size) and not last):
            return None
        y, size, far = y - step, now, 0.0
        if last:
            return (y, system.at(y, likely)[1]) if y[-1] >= 0.0 else None
        last = now <= EXACT * (1.0 + float(np.linalg.norm(y)))
    return None


def trace(game, tol=1e-7, longest=np.inf):
    """lam (K,) and policies (K, S, A_total) of the branch, no step longer than ``longest`` times 1 + lam; turns too."""
    system = Equations(game)
    y = system.start()
    likely, along = system.likely(y), np.append(np.zeros(y.size - 1), 1.0)
    along, sign = tangent(system.at(y, likely)[1], along)
    points, step, turns = [y], FIRST, 0
    while True:
        step = min(step, longest * (1.0 + y[-1]))
        found = corrected(system, y + step * along, along, likely, OFF * step)
        if found is not None:
            after, other = tangent(found[1], along)
            bent, flipped = after @ along < TURN, other != sign
            if bent or (flipped and step > CROSSING * (1.0 + y[-1])):
                found = None
        if found is None:
            step *= 0.5
            assert step > SHORTEST * (1.0 + abs(y[-1]))
            continue
        turns += bool(after[-1] * along[-1] < 0.0)
        y, along, sign = found[0], after, other
        points.append(y)
        if (system.likely(y) != likely).any():
            likely = system.likely(y)
            along, sign = tangent(system.at(y, likely)[1], along)
        policies = system.policy(y)
        policies /= np.repeat(np.add.reduceat(policies, system.edges[:-1], axis=1), system.num_actions, axis=1)
        if fm.ne_gap(game, policies, start="worst").max() <= tol * max(1.0, system.unit):
            break
        step *= 2.0
    return np.array([y[-1] for y in points]) / system.unit, np.stack([system.policy(y) for y in points]), turns
