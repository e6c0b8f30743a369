"""Q-ascent on linear estimates from samples: Ding et al. (2022), Algorithm 2, as their slides have it.

    w_i ~ argmin_{|w| <= W} E (<phi_i(s, a), w> - R)^2,     s ~ d_rho^pi, a ~ (1 - xi) pi_i + xi uniform, E R = Qbar_i
    pi_i(. | s) <- P( pi_i(. | s) + eta <phi_i(s, .), w_i> ),     P onto (1 - xi) simplex + xi uniform
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback._times import CHUNK
from ..feedback.samples import Samples, collect, ready
from ..machine import attach, precise
from ..models.game import Game
from ..policy import uniform_policy
from ._features import (
    LONGEST,
    FeatureTable,
    Fit,
    OneHot,
    ascend,
    close_fit,
    empty_fit,
    function_features,
    learn,
    open_fit,
)
from ._schedule import numbers, rate

MOST = 2**31  # samples of an estimate


@precise
def rounds(rule, state, feedback, k):
    """Everybody's estimate from samples of the same policy, in turns, and then everybody's step."""
    ready(feedback.source, rule, state, feedback)
    players = feedback.offset.size - 1
    for i in range(players):
        open_fit(rule.features, state, feedback, i)
        for done in range(0, rule.samples, CHUNK):
            count = min(CHUNK, rule.samples - done)
            collect(feedback.source, rule, state, feedback,
                    (feedback.iteration[0] * players + i) * rule.samples + done, count, i)
            learn(rule.features, rule, state, feedback, i, done, count)
        close_fit(rule.features, rule, state, feedback, i)
    ascend(rule.features, rule, state, feedback)


class LinearState(NamedTuple):
    """What is kept.

    policy, q (S, A_total)
        The policy, and the last estimates of Qbar. With features that are a function: in every row those at the state
        that was last sampled in it, of the round before the last step; rows that were never sampled show the first.
    weights, total (N, d)
        The last estimates w_i, and the sum of all of them, which is the policy where features are a function. Empty
        where there are no features.
    fault (5,), fit
        What compiled code could only note down, and the regression under way.
    """

    policy: Any
    q: Any
    weights: Any
    total: Any
    fault: Any
    fit: Fit

    @classmethod
    def start(cls, game: Game, policy: Float) -> LinearState:
        """The state at a given policy, without features."""
        nothing = np.zeros((game.num_players, 0))
        return cls(policy.copy(), np.zeros_like(policy), nothing, nothing.copy(), np.zeros(5),
                   empty_fit(policy.size, 0))

    def check(self) -> None:
        """Raise what compiled code could only note down.

        Raises
        ------
        ValueError
            If a function of features gave some that are longer than 1.
        """
        if self.fault[0] != 0.0:
            place, i, a = (int(x) for x in self.fault[1:4])
            self.fault[0] = 0.0
            raise ValueError(f"features must have |phi| <= 1, found |phi|^2 = {self.fault[4]:.6g} for player {i}, "
                             f"action {a} in state {place}; divide them by the largest |phi| that there is")


@attach(update=rounds)
class _Linear(NamedTuple):
    """The rule as kernels see it."""

    eta: float
    samples: int
    exploration: float
    radius: float
    rate: Any
    rate_exponent: float
    rate_shift: float
    features: Any


@attach(feedback=Samples, state=LinearState, update=rounds, tables=("features",),
        examples=({"samples": 50}, {"samples": 50, "radius": 3.0}),
        proved="potential games: the Nash regret of QAscent, and what the estimates miss (Ding et al. 2022, "
               "Algorithm 2)",
        fails="features that cannot tell Qbar: their error stays")
class LinearQAscent(NamedTuple):
    """Every player fits its marginalised Q by linear features to samples, moves along the fit and projects back.

    Parameters
    ----------
    eta : float
        Step size of the policies, > 0.
    samples : int
        K: of every player for every update, so that a round takes N K of them.
    features : array_like (S, A_total, d), list of N of (S, A_i, d), callable or None
        phi_i(s, a), each of length at most 1. None: one feature for every state and action, and no error of
        approximation. On simulators also ``features(state, player, action, out)``, which fills ``out`` (d,) for the
        state itself (an integer), compiled as their other functions; then no state is ever listed.
    dimension : int, optional
        d, of a callable.
    exploration : float
        xi in (0, 1]: the sampled player takes an action from (1 - xi) pi_i + xi uniform, and policies are projected
        onto (1 - xi) simplex + xi uniform.
    radius : float, optional
        W > 0: estimates are kept in the ball |w| <= W. By default nowhere.
    sgd : float or tuple
        b_k, the step size of the regression at its k-th sample: a constant, (exponent p, offset c) for (k + c)^-p, or a
        table that never increases; in (0, 1/2].

    Notes
    -----
    A sample costs the steps of two geometric times, 1 + 2 gamma / (1 - gamma) on average. R is the sum of rewards
    without discount up to the second time, which makes it unbiased for Qbar_i(s, a) (:mod:`fastmpg.feedback.samples`).
    Players are perturbed one at a time, since Qbar_i is a value against the others' policies as they are: that is what
    N turns of K samples are for.

    The regression is projected stochastic gradient descent from the last round's estimate (0 at first), and the
    estimate is the average of its iterates with weights proportional to k (Lacoste-Julien, Schmidt and Bach 2012). With
    a constant step b <= 1/4 that average is consistent for least squares whatever the features' covariance (Bach and
    Moulines 2013): E (<phi, w> - R)^2 exceeds its least value by eps_stat = O(d / K), which `fastmpg reproduce
    ding-linear` measures. Without features an estimate is, up to its weights, the mean of the returns of a state and
    action; where a round has none, the last one stands.

    The remembered choice of xi in the paper, min{(d^2 N A eps_stat / ((1 - gamma)^2 W^2))^(1/3), 1/2}, was not read and
    is not built in.

    With features that are a function the policy is P(uniform + eta <phi_i(s, .), w_i^1 + ... + w_i^k>): projected where
    it is asked for, instead of after every step, and the first policy is uniform. :func:`fastmpg.linear_policy` says
    what it is.

    Ding et al. (2022), Algorithm 2, read in their slides.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> rule = fm.rules.LinearQAscent(0.5, samples=2000, exploration=0.02)
    >>> result = fm.learn(game, rule, 30, rng=0)
    >>> result.trace["ne_gap"].max(axis=1)[[0, -1]].round(2)
    array([0.38, 0.01])
    """

    eta: float = 0.1
    samples: int = 1000
    features: Any = None
    dimension: int | None = None
    exploration: float = 0.05
    radius: float | None = None
    sgd: float | tuple[float, ...] = 0.25

    def checked(self) -> LinearQAscent:
        """The rule with its parameters checked."""
        features: Any = self.features
        if callable(features):
            _check.arity(features, 4, "features", "features(state, player, action, out)")
            if self.dimension is None:
                raise ValueError("dimension must be given where features is a function: how many numbers it fills")
        elif self.dimension is not None:
            raise ValueError(f"dimension is for features that are a function, found {_check.shown(self.dimension)} "
                             f"beside {_check.shown(features)}; leave it out")
        elif isinstance(features, list | tuple):
            parts = [_check.array(part, f"features[{i}]") for i, part in enumerate(features)]
            shapes = {(part.shape[:1], part.shape[2:]) for part in parts}
            if len(shapes) != 1 or any(part.ndim != 3 for part in parts):
                raise ValueError("features must hold one array (S, A_i, d) per player with one S and one d, found "
                                 f"shapes {[part.shape for part in parts]}")
            features = np.concatenate(parts, axis=1)
        elif features is not None:
            features = _check.array(features, "features")
            if features.ndim != 3 or features.shape[2] == 0:
                raise ValueError(f"features must have the shape (S, A_total, d), found {features.shape}")
        if features is not None and not callable(features):
            square = (features**2).sum(axis=2)
            if not (square <= LONGEST).all():
                s, c = (int(x) for x in np.argwhere(~(square <= LONGEST))[0])
                raise ValueError(f"features must have |phi| <= 1, found |phi|^2 = {square[s, c]:.6g} in row {s}, "
                                 f"column {c}; divide them by the largest |phi| that there is")
        sgd = rate(self.sgd, "sgd")
        largest = sgd if isinstance(sgd, float) else max(sgd) if len(sgd) > 2 else (1.0 + sgd[1]) ** -sgd[0]
        if not largest <= 0.5:
            raise ValueError(f"sgd must give steps in (0, 1/2], found {largest:.6g} at the first sample: longer ones "
                             "diverge; for (exponent, offset) take an offset of at least 2^(1 / exponent) - 1")
        return LinearQAscent(
            _check.real(self.eta, "eta", 0.0, open_low=True),
            _check.integer(self.samples, "samples", low=1, high=MOST), features,
            None if self.dimension is None else _check.integer(self.dimension, "dimension", low=1, high=10**6),
            _check.real(self.exploration, "exploration", 0.0, 1.0, open_low=True),
            None if self.radius is None else _check.real(self.radius, "radius", 0.0, open_low=True), sgd)

    def opening(self, game: Game, state: LinearState) -> LinearState:
        """The first state, with room for the weights of features."""
        if self.features is None:
            return state
        d = self.dimension or self.features.shape[2]
        rooms = np.zeros((game.num_players, d)), np.zeros((game.num_players, d))
        return LinearState(state.policy, state.q, *rooms, state.fault, empty_fit(d, d))

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse features that do not fit the game, and a first policy that is not uniform with a function."""
        if self.features is None:
            return
        if not callable(self.features):
            expected = (game.num_states, sum(game.num_actions))
            if self.features.shape[:2] != expected:
                raise ValueError(f"features must have the shape (S, A_total, d) with (S, A_total) = {expected} for "
                                 f"{game!r}, found {self.features.shape}")
            return
        if game.exact:
            raise ValueError(f"features may be a function on simulators alone; {game!r} lists its states: give a table "
                             "(S, A_total, d)")
        if not np.allclose(policy, uniform_policy(game), rtol=0.0, atol=1e-12):
            raise ValueError("with features that are a function the first policy must be uniform, found another: leave "
                             "policy out")

    def compiled(self) -> _Linear:
        """The rule as kernels see it."""
        features = (OneHot() if self.features is None else function_features(self.features) if callable(self.features)
                    else FeatureTable(self.features))
        radius = math.inf if self.radius is None else self.radius
        return _Linear(self.eta, self.samples, self.exploration, radius, *numbers(self.sgd), features)
