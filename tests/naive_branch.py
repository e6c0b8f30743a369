"""The equations of logit Markov quantal response equilibrium, and their derivatives.

Of :mod:`.quantal_response_tracing`. Unknowns y: beta = log pi (S, A_total), values V (N, S), lam. Of every player i and
state s, with Q_i(s, a) the player's marginal Q at pi and V,

    sum_a exp beta(s, a) = 1 (in logarithms)
    [beta(s, a) - beta(s, a*) - lam (Q_i(s, a) - Q_i(s, a*))] / max(1, lam) = 0     a other than a*, a likely action
    V_i(s) - sum_a pi(s, a) Q_i(s, a) = 0

Rows of missing actions read beta = 0, and pi is 0 there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..metrics._joint import joint_tables, others_out
from ..models.game import Game

Whole = NDArray[np.int64]


class Equations:
    """The system of one game, with payoffs around 0 and of range 1: lam counts in units of 1 / ``unit``."""

    def __init__(self, game: Game) -> None:
        tables = joint_tables(game, "quantal response", 4)
        n, states, self.num_actions = game.num_players, game.num_states, game.num_actions
        self.size = states * (sum(self.num_actions) + n)
        _check.budget(8 * 4 * self.size**2 + 8 * states * math.prod(self.num_actions) * states * (n + 1),
                      f"the equations of quantal response in {game!r}", "ask of a smaller game")
        self.states, self.players, self.discount = states, n, game.discount
        self.edges = [int(x) for x in game.offset]
        both = game.payoff_range()
        self.unit = float(np.ptp(both, axis=1).max()) or 1.0
        middle = both.mean(axis=1)[:, None, None]
        self.rewards = ((tables.rewards - middle) / self.unit).reshape(n, states, *self.num_actions)
        moves = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
        self.moves = np.asarray(moves, np.float64).reshape(states, *self.num_actions, states)
        self.can = np.ones((states, self.edges[-1]), bool) if game.available is None else game.available

    def start(self) -> Float:
        """y of lam = 0: everyone plays evenly."""
        counts = np.add.reduceat(self.can, self.edges[:-1], axis=1)
        beta = np.where(self.can, -np.log(np.repeat(counts, self.num_actions, axis=1)), 0.0)
        y = np.concatenate([beta.ravel(), np.zeros(self.players * self.states + 1)])
        residual, jacobian = self.at(y, self.likely(y))
        # the equations of V are linear in V
        at = slice(beta.size, self.size)
        y[at] -= np.linalg.solve(jacobian[at, at], residual[at])
        return y

    def policy(self, y: Float) -> Float:
        """pi (S, A_total)."""
        beta = y[:self.states * self.edges[-1]].reshape(self.states, -1)
        return np.where(self.can, np.exp(np.minimum(beta, 1.0)), 0.0)

    def likely(self, y: Float) -> Whole:
        """The likeliest action of every player, as a column: (S, N)."""
        beta = np.where(self.can, y[:self.can.size].reshape(self.can.shape), -np.inf)
        return np.stack([low + beta[:, low:high].argmax(axis=1)
                         for low, high in zip(self.edges[:-1], self.edges[1:], strict=True)], axis=1)

    def marginals(self, y: Float) -> tuple[Float, Float]:
        """Q (S, A_total) and V (N, S)."""
        policy = self.policy(y)
        value = y[policy.size:-1].reshape(self.players, self.states)
        q = np.zeros_like(policy)
        for i in range(self.players):
            stage = self.rewards[i] + self.discount * (self.moves @ value[i])
            q[:, self.edges[i]:self.edges[i + 1]] = self._against(stage, policy, (i,))
        return q, value

    def _against(self, table: Float, policy: Float, kept: tuple[int, ...]) -> Float:
        """Everybody but ``kept`` averaged out of (S, A_0, ..., more axes)."""
        return others_out(table, np.split(policy, self.edges[1:-1], axis=1), kept)

    def at(self, y: Float, likely: Whole) -> tuple[Float, Float]:
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

    def fixed_point_residual(self, y: Float) -> float:
        """Largest |pi - softmax(lam Q)|, and of V, at y: what the equations are about, computed without them."""
        q, value = self.marginals(y)
        policy, worst = self.policy(y), 0.0
        for i, (low, high) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            logits = np.where(self.can[:, low:high], y[-1] * q[:, low:high], -np.inf)
            logits = np.exp(logits - logits.max(axis=1, keepdims=True))
            answer = logits / logits.sum(axis=1, keepdims=True)
            worst = max(worst, float(np.abs(policy[:, low:high] - answer).max()),
                        float(np.abs((policy[:, low:high] * q[:, low:high]).sum(axis=1) - value[i]).max()))
        return worst


def tangent(jacobian: Float, before: Float) -> tuple[Float, float]:
    """The unit null vector (n + 1,) of (n, n + 1) on the side of ``before``, and the sign of det [J; t]."""
    matrix: Any = np.vstack([jacobian, before])
    right = np.zeros(len(before))
    right[-1] = 1.0
    found = np.linalg.solve(matrix, right)
    sign = float(np.linalg.slogdet(matrix)[0])  # [J; t] has the same: t . before > 0
    return found / np.linalg.norm(found), sign
