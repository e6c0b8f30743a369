"""Inverse learning of rewards by maximum causal entropy: online MMCE-IRL, which matches features.

    theta_j <- Proj_{|theta_j| <= B}( theta_j + rho (Fhat_j - Fbar_j) )

Fhat_j: what an expert's trajectory is expected to count of player j's features; Fbar_j: what the model's does, whose
players explore (MGE-F) for rewards R_j = <theta_j, F_j> at beta = 1. Etesami & Straehle (2020), Theorems 4 and 5 and
Algorithm 4, which prints a minus: that walks away from the data. With Gamma = H + <theta, E F - Fhat>, the dual
max_pi Gamma is minimised and has the gradient E F - Fhat, so a step of descent is theta + rho (Fhat - Fbar).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..horizon.given import first_law
from ..machine import Held
from ..models.available import possible
from ..models.game import Game, check_game
from ..models.markov.forward import forward, laws_of_horizon
from ..models.markov.game import MarkovGame
from ..models.markov.stages import CONTINUED, KINDS, TRACKED, Stage
from ._demonstrations import (
    Demonstrations,
    Features,
    counted,
    demonstrations,
    features_of,
    joined,
    split_up,
    warn_of_dependence,
)
from ._exploring import choice
from ._sweeps import within

__all__ = ["MceIrl", "mce_irl"]

TIGHT = 1e-10  # of a stage's equilibrium, in payoffs


@comparable
class MceIrl(NamedTuple):
    """What :func:`mce_irl` finds.

    Attributes
    ----------
    theta : tuple of ndarray (K_i,)
        Every player's weights; None where the reward is known.
    policy : ndarray (T, S, A_total)
        Of the players of the model, at ``theta``.
    counts, expert_counts : tuple of ndarray (K_i,)
        Fbar and Fhat: how much the model and the experts count of every feature, in a trajectory.
    gap : ndarray (iterations + 1,)
        The largest \\|Fhat - Fbar\\| before every step, and after the last; online, to what is known of Fhat by then.
    log_likelihood : ndarray (iterations + 1,)
        Of what the experts did in a trajectory, on average, all players' actions together; NaN if only counts are
        known. Online, too, it is that of all trajectories.
    log_likelihood_by_player : ndarray (iterations + 1, N)
    path : tuple of ndarray (iterations + 1, K_i)
        Weights before every step, and after the last.
    status : str
        "converged": features match to the tolerance; "bound": as well as they can with weights in the ball; "limit":
        ``maxiter`` steps were made; "lost": the model's equilibrium at ``theta`` was not reached from uniform play in
        some state; "diverged": weights beyond all numbers, the last ones before that are kept.
    iterations : int
        Steps that were made.
    residual : float
        Largest \\|U(Q) - Q\\| of the model's equilibrium.
    kind : str
        What a state is worth: "softmax", "mean" or "max".
    """

    theta: tuple[Float | None, ...]
    policy: Float
    counts: tuple[Float | None, ...]
    expert_counts: tuple[Float | None, ...]
    gap: Float
    log_likelihood: Float
    log_likelihood_by_player: Float
    path: tuple[Float | None, ...]
    status: str
    iterations: int
    residual: float
    kind: str

    def __repr__(self) -> str:
        likely = "" if np.isnan(self.log_likelihood[-1]) else f", log-likelihood {self.log_likelihood[-1]:.6g}"
        learned = sum(each is not None for each in self.theta)
        return (f"<MceIrl: {learned} of {len(self.theta)} players, {len(self.policy)} decisions, "
                f"{self.status} after {self.iterations} steps, feature gap {self.gap[-1]:.1e}{likely}>")


def mce_irl(game: Game, features: Any, *, policy: Any = None, trajectories: Any = None, counts: Any = None,
            horizon: int | None = None, value: str = "softmax", theta: Any = None,
            step: float | Callable[[int], float] = 0.3, radius: float | None = None, online: bool = False,
            terminal: Any = None, initial: Any = None, tol: float = 1e-7, maxiter: int = 10_000) -> MceIrl:
    """Weights of rewards that are linear in features, from what experts are seen to do: maximum causal entropy.

    Parameters
    ----------
    game : Game
        Its moves, discount (1 in the paper) and first state; its rewards are read for players whose reward is known.
    features : list of N array_like (S, K_i) or (S, A_i, K_i), or None
        F_i, of states or of states and the player's own actions; None: the player's reward is known, that of the game,
        and it is not updated. Features of states are counted at t = 0, ..., T, the state after the last decision
        included, as in :meth:`fastmpg.HorizonEvaluation.features`; those of states and actions at the T decisions (and
        a feature of states that is not to count at T is one of these, the same for every action). States that end the
        game are states like others here.
    policy : array_like (T, S, A_total), optional
        The experts' policy: their expectations are computed exactly. One of this, ``trajectories`` and ``counts``.
    trajectories : HorizonPlay, or pair of arrays, optional
        What experts did: states (n, T + 1) and actions (n, T, N). Whether the game moves like that is not asked.
    counts : list of N array_like (K_i,), or None, optional
        Fhat_i: what an expert's trajectory counts of every feature, discounted as rewards are, on average.
    horizon : int, optional
        T, for ``counts``.
    value : {"softmax", "mean", "max"}
        What a state is worth to players of the model, see :func:`mge_f`: "softmax" is Theorem 4.
    theta : list of N array_like (K_i,), or None, optional
        Weights to begin from; zeros by default.
    step : float, or function of k
        rho > 0; of the k-th step (k = 0, 1, ...), if a function.
    radius : float, optional
        B: every player's weights are kept in the ball \\|theta_i\\| <= B. By default there is none.
    online : bool
        Whether trajectories arrive one by one: one more before every step, as in Algorithm 4, and steps go on after the
        last. Fhat is the mean of those that are there.
    terminal : array_like (N, S), optional
        What players of a known reward receive for the last state; by default R where that depends on the state alone,
        and else 0. Rows of others are not used.
    initial : array_like (S,) or int, optional
        The law of the first state, or that state; by default the game's own.
    tol : float
        Largest \\|Fhat - Fbar\\| of a solution.
    maxiter : int
        Most steps.

    Returns
    -------
    MceIrl
        Look at its status before you trust it.

    Raises
    ------
    ValueError, TypeError
        What is wrong with an argument; a simulator is refused.
    MemoryError
        If the game's tables would not fit.

    Warns
    -----
    UserWarning
        If features of players are linearly dependent where they can be met. Weights are then not unique: with [x_1 = 3,
        x_1 = x_2] and [x_2 = 0, x_1 = x_2] on the line below, features match to 1e-7 at (1.056, -.154), (.526, -.154)
        in place of (1, -1.5), (.7, .8).

    Examples
    --------
    >>> import fastmpg as fm
    >>> from fastmpg.games.imitation_line import line_features
    >>> game = fm.games.imitation_line()
    >>> expert = fm.solvers.mge_f(game, 4, value="softmax").policy  # for (1, -1.5) and (.7, .8)
    >>> found = fm.solvers.mce_irl(game, line_features(), policy=expert)
    >>> found
    <MceIrl: 2 of 2 players, 4 decisions, converged after 649 steps, feature gap 1.0e-07, log-likelihood -6.11865>
    >>> [each.round(5).tolist() for each in found.theta]
    [[1.0, -1.5], [0.7, 0.8]]
    >>> seen = fm.play_horizon(game, expert, 10_000, rng=0)
    >>> sampled = fm.solvers.mce_irl(game, line_features(), trajectories=seen)
    >>> bool(abs(sampled.theta[1] - found.theta[1]).max() < 0.1)
    True

    Notes
    -----
    This is feature matching. With one player Fhat - Fbar (undiscounted, value "softmax", exact expectations) is the
    gradient of the log-likelihood; with more it is not, as players answer one another, though where it vanishes is the
    right point when the experts are such players: on the line, at theta = (.3, -.2), (.1, .2), it is (1.0770, -.4320)
    for player 1, and the slopes of its own log-likelihood are (1.0682, -.2993). So the likelihood is recorded beside
    the gap.

    Every step's equilibria are looked for near those of the step before; the last ones are confirmed by continuation
    from uniform play, as :func:`mge_f` finds them, and where these are others and do not match, all further steps use
    continuation. Scaling: beta is 1, so weights and known rewards are in units of players' inverse temperature.

    Etesami & Straehle (2020), section 6.
    """
    table, kind = _tables(game), KINDS[choice(value, "value", tuple(KINDS))]
    given, law = features_of(table, features), first_law(table, initial)
    weights = np.zeros(sum(each.shape[-1] for each in given if each is not None))
    if theta is not None:
        weights = joined(given, theta, "theta")
    ball = None if radius is None else _check.real(radius, "radius", 0.0, open_low=True)
    rho, enough = _step(step), _check.real(tol, "tol", 0.0, open_low=True)
    most, arriving = _check.integer(maxiter, "maxiter", low=0), _check.flag(online, "online")
    last = None if terminal is None else _check.array(terminal, "terminal")
    if last is not None:
        _check.shape(last, "terminal", (table.num_players, table.num_states), "(N, S)")
    shown = demonstrations(table, given, law, policy, trajectories, counts, horizon, arriving)
    warn_of_dependence(table, given, law, shown.horizon)
    model = Imitators(table, given, shown.horizon, kind, law, last)
    return _matched(model, shown, _projected(given, weights, ball), rho, ball, enough, most, str(value))


class Imitators:
    """The model's players, again and again at other weights: the workspace of MGE-F and of the forward pass.

    policy (T, S, A_total), laws (T + 1, S)   counts (K,): Fbar   settled: whether every equilibrium was found
    """

    def __init__(self, game: MarkovGame, features: Features, horizon: int, kind: int, law: Float | None,
                 terminal: Float | None) -> None:
        players, states = game.num_players, game.num_states
        joint = int(np.prod(game.num_actions))
        _check.budget(8 * (players * states * joint + 2 * horizon * states * sum(game.num_actions)),
                      f"rewards of {game!r} and policies for {horizon} decisions", "give a smaller game")
        self.game, self.features = game, features
        self.rewards = np.zeros((players, states, joint))
        self.last = np.zeros((players, states))
        for i, own in enumerate(features):
            if own is None:
                self.rewards[i], self.last[i] = _known(game, i, None if terminal is None else terminal[i])
        self.stage = Stage(game, 1.0, game.discount, kind, 1.0, False)
        model = Held(game.model._replace(rewards=self.rewards))
        self.stage.frame = self.stage.frame._replace(model=model)
        made = forward(game, np.zeros((horizon, states, sum(game.num_actions))), law)
        self.policy, self.laws, self.forward = made.policy, made.laws, laws_of_horizon.bind(made)
        self.residual, self.settled, self.counts = np.inf, False, np.zeros(0)

    def solve(self, theta: Float, how: int) -> None:
        """Policy, laws and counts at weights; equilibria CONTINUED from uniform play, or TRACKED from the last ones."""
        states, frame = self.game.num_states, self.stage.frame
        for i, (own, weights) in enumerate(zip(self.features, split_up(self.features, theta), strict=True)):
            if own is not None and weights is not None:
                reward = own @ weights
                self.rewards[i].reshape(states, self.game.num_actions[i], -1)[...] = reward.reshape(states, -1, 1)
                if own.ndim == 2:
                    self.last[i] = reward
        frame.ahead[...] = self.last
        self.residual, self.settled = 0.0, True
        for t in range(len(self.policy) - 1, -1, -1):
            if how != CONTINUED:
                frame.policy[...] = self.policy[t]
            self.stage.solve(how)
            self.policy[t], frame.ahead[...] = frame.policy, frame.value
            off = float(frame.off.max())
            self.residual = max(self.residual, off) if off < np.inf else np.inf
            self.settled &= bool(frame.found.all()) and off <= within(TIGHT, frame.q)
        self.forward()
        visits = self.policy * self.laws[:-1, :, None] if any(
            own is not None and own.ndim == 3 for own in self.features) else self.policy
        self.counts = counted(self.game, self.features, self.laws, visits)


class _Likelihood:
    """The log-likelihood of what experts did, per trajectory and player, under a policy (T, S, A_total)."""

    def __init__(self, game: MarkovGame, visits: Float | None) -> None:
        self.players, self.at = game.num_players, None
        if visits is not None:
            flat = visits.reshape(-1)
            self.at = np.flatnonzero(flat)
            self.weight = flat[self.at]
            owner = np.repeat(np.arange(game.num_players), game.num_actions)
            self.owner = owner[self.at % len(owner)]

    def of(self, policy: Float) -> Float:
        if self.at is None:
            return np.full(self.players, np.nan)
        with np.errstate(divide="ignore"):  # what has underflowed
            each = np.log(policy.reshape(-1)[self.at])
        return np.bincount(self.owner, self.weight * each, self.players).astype(np.float64)


def _matched(model: Imitators, shown: Demonstrations, theta: Float, rho: Callable[[int], float], ball: float | None,
             tol: float, most: int, kind: str) -> MceIrl:
    """Algorithm 4."""
    features, likelihood = model.features, _Likelihood(model.game, shown.visits)
    gaps, likely, path = [], [], []
    complete = 0 if shown.running is None else len(shown.running) - 1  # the first step that has all the data
    k, tracks, status = 0, True, ""  # tracks: whether equilibria may be looked for near the last ones
    while not status:
        hat = shown.counts if shown.running is None or k >= complete else shown.running[k]
        size, confirmed = rho(k) if k < most else 0.0, not (tracks and k)
        model.solve(theta, CONTINUED if confirmed else TRACKED)
        while True:
            move = hat - model.counts
            gap, following = _largest(move), _projected(features, theta + size * move, ball)
            if k >= complete and gap <= tol:
                status = "converged"
            elif k == most:
                status = "limit"
            elif k >= complete and ball is not None and _largest(following - theta) <= tol * size:
                status = "bound"
            elif not _largest(following) < np.inf:
                status = "diverged"
            else:
                status = ""
            if confirmed or not status:
                break
            model.solve(theta, CONTINUED)
            confirmed = True
            tracks = False
        gaps.append(gap)
        likely.append(likelihood.of(model.policy))
        path.append(theta)
        if not status:
            theta, k = following, k + 1
    if not model.settled and status != "diverged":
        status = "lost"
    by_player, kept = np.array(likely), np.array(path)
    return MceIrl(split_up(features, theta), model.policy, split_up(features, model.counts),
                  split_up(features, shown.counts), np.array(gaps), by_player.sum(axis=1), by_player,
                  split_up(features, kept), status, k, model.residual, kind)


def _largest(parts: Float) -> float:
    """Largest size of an entry; infinite where one is no number."""
    worst = float(np.abs(parts).max())
    return worst if worst < np.inf else np.inf


def _projected(features: Features, theta: Float, ball: float | None) -> Float:
    """The nearest weights in every player's ball."""
    if ball is None:
        return theta
    parts = []
    for own in split_up(features, theta):
        if own is not None:
            length = float(np.linalg.norm(own))
            parts.append(own if length <= ball else own * (ball / length))
    return np.concatenate(parts)


def _tables(game: Game) -> MarkovGame:
    """The game with tables."""
    check_game(game)
    if not game.exact:
        game.workspace()  # says why
    table = game if isinstance(game, MarkovGame) else game.to_dense()
    if not isinstance(table, MarkovGame):
        raise TypeError(f"to_dense() of {game!r} must give a MarkovGame, found {type(table).__name__}")
    return table


def _known(game: MarkovGame, i: int, terminal: Float | None) -> tuple[Float, Float]:
    """Player i's rewards (S, J), own action first, and what it receives for the last state (S,)."""
    table = game.rewards[0 if game.shares_reward else i]
    states, axes = game.num_states, tuple(range(1, table.ndim))
    can: Any = True if game.available is None else possible(game.available, game.num_actions)
    low, high = table.min(axis=axes, where=can, initial=np.inf), table.max(axis=axes, where=can, initial=-np.inf)
    last = terminal if terminal is not None else low if (low == high).all() else np.zeros(states)
    return np.moveaxis(table, 1 + i, 1).reshape(states, -1), last


def _step(given: Any) -> Callable[[int], float]:
    """rho of the k-th step."""
    if callable(given):
        _check.arity(given, 1, "step", "step(k), or a number", known=False)
        return lambda k: _check.real(given(k), f"step({k})", 0.0, open_low=True)
    rho = _check.real(given, "step", 0.0, open_low=True)
    return lambda k: rho
