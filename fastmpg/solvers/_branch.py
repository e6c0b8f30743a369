"""The equations of logit Markov quantal response equilibrium of one game, of :mod:`.quantal_response_tracing`.

What they are, and how they are solved, is said in :mod:`..kernels.quantal`; here are their arrays.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..kernels.quantal import Logit, derivatives, payoffs, residual, whole
from ..machine import lapack
from ..metrics._joint import digits, joint_tables
from ..models.game import Game

Whole = NDArray[np.int64]


class Equations:
    """The system of one game, with payoffs around 0 and of range 1: lam counts in units of 1 / ``unit``."""

    def __init__(self, game: Game) -> None:
        tables = joint_tables(game, "quantal response", 4)
        n, states, self.num_actions = game.num_players, game.num_states, game.num_actions
        width, joint = sum(self.num_actions), math.prod(self.num_actions)
        self.size = states * (width + n)
        _check.budget(8 * (4 * self.size**2 if states == 1 else 2 * (n * states + 1)**2)
                      + 8 * states * (joint * (states + 2 * n) + width * (width + states + n)),
                      f"the equations of quantal response in {game!r}", "ask of a smaller game")
        self.states, self.players = states, n
        self.edges = [int(x) for x in game.offset]
        both = game.payoff_range()
        self.unit = float(np.ptp(both, axis=1).max()) or 1.0
        middle = both.mean(axis=1)[:, None, None]
        moves = tables.moves if isinstance(tables.moves, np.ndarray) else tables.moves.toarray()
        self.can = np.ones((states, width), bool) if game.available is None else game.available.copy()
        order = (self.size if states == 1 else n * states) + 1
        self.logit = Logit(
            np.ascontiguousarray((tables.rewards - middle) / self.unit),
            np.ascontiguousarray(moves, np.float64).reshape(states, joint, states),
            np.ascontiguousarray(digits(game, np.arange(joint)) + game.offset[:-1]),
            np.array(self.edges, np.int64), self.can, np.array([float(game.discount)]),
            np.zeros((states, n), np.int64), np.zeros((states, width)), np.zeros((states, width)),
            np.zeros((states, width)), np.zeros((n, states, joint)), np.zeros((states, states)),
            np.zeros((states, width, states)), np.zeros((2, n + 1)), np.zeros((states, width, width)),
            np.zeros((states, width), np.int32), np.zeros((states, n, width)), np.zeros((states, width)),
            np.zeros((order, order)), np.zeros(order, np.int32), np.zeros(order),
            np.array([lapack("dgetrf"), lapack("dgetrs")]), np.zeros(4, np.int32))

    def at_once(self) -> bool:
        """From now on all unknowns are solved for at once, at a price; False if they are already, or do not fit."""
        order = self.size + 1
        if len(self.logit.lu) == order or not _check.fits(8 * order**2):
            return False
        self.logit = self.logit._replace(lu=np.zeros((order, order)), pivot=np.zeros(order, np.int32),
                                         x=np.zeros(order))
        return True

    def start(self) -> Float:
        """y of lam = 0, everyone playing evenly, with values still 0."""
        counts = np.add.reduceat(self.can, self.edges[:-1], axis=1)
        beta = np.where(self.can, -np.log(np.repeat(counts, self.num_actions, axis=1)), 0.0)
        return np.concatenate([beta.ravel(), np.zeros(self.players * self.states + 1)])

    def policy(self, y: Float) -> Float:
        """pi (..., S, A_total) at y (..., n + 1), with rows that sum to 1 as nearly as floats can."""
        beta = y[..., :self.can.size].reshape(*y.shape[:-1], *self.can.shape)
        policy = np.where(self.can, np.exp(np.minimum(beta, 1.0)), 0.0)
        return np.asarray(policy / np.repeat(np.add.reduceat(policy, self.edges[:-1], axis=-1), self.num_actions,
                                             axis=-1))

    def likely(self, y: Float) -> Whole:
        """The likeliest action of every player, as a column: (S, N)."""
        beta = np.where(self.can, y[:self.can.size].reshape(self.can.shape), -np.inf)
        return np.stack([low + beta[:, low:high].argmax(axis=1)
                         for low, high in zip(self.edges[:-1], self.edges[1:], strict=True)], axis=1)

    def at(self, y: Float, likely: Whole) -> tuple[Float, Float]:
        """Residual (n,) and its derivatives (n, n + 1)."""
        self.logit.base[:] = likely
        out, matrix = np.zeros(self.size), np.zeros((self.size, self.size + 1))
        payoffs(self.logit, y)
        residual(self.logit, y, out)
        derivatives(self.logit, y)
        whole(self.logit, matrix)
        return out, matrix
