"""Independent V-learning: values of states and an adversarial bandit in every state.

    alpha = (H + 1) / (H + n),     n = n(s) the visits, this one included,     H = 1 / (1 - gamma)
    V_i(s)  <- (1 - alpha) V_i(s) + alpha [ x + gamma V_i(t) + bonus_n ],      at most H;    V = H at first
    l_i     =  [ H - x - gamma V_i(t) ] / H    at the action played, divided by pi_i(a | s) + eta_n
    G_i(s)  <- (1 - alpha) G_i(s) + alpha l_i,     pi_i(. | s) ~ exp( -eta_n G_i(s) / alpha )
    eta_n   =  sqrt(H ln A_i / (A_i n)),     bonus_n = c sqrt(H^3 A_i / n),     x = (r_i - low) / (high - low)

Jin, Liu, Wang and Yu (2021, "V-learning: a simple, efficient, decentralized algorithm for multiagent RL"): Algorithm 1
with the bandit of its Algorithm "FTRL for weighted adversarial bandits", remembered; there of episodes of H steps, here
of a discount. Sums of losses with weights that grow, alpha_n^i, are kept as their weighted mean G.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.transition import Transition
from ..kernels.elementary import exp
from ..machine import attach, precise
from ..models.game import Game
from ._ranges import checked_range, needs_range, scaled, write_range


@precise
def _update(rule, state, feedback, k):
    """Value and bandit of everybody in the state.    value (N, S)   policy, loss (S, A_total)"""
    s, t, offset = feedback.state[0], feedback.state[1], feedback.offset
    horizon = 1.0 / (1.0 - feedback.discount)
    state.visits[s] += 1
    n = float(state.visits[s])
    alpha = (horizon + 1.0) / (horizon + n)
    for i in range(offset.size - 1):
        low, high, actions = offset[i], offset[i + 1], float(feedback.num_actions[s, i])
        played = low + feedback.actions[i]
        x = scaled(state, i, feedback.rewards[i])
        aim = x + feedback.discount * state.value[i, t]
        eta = math.sqrt(horizon * state.logs[s, i] / (actions * n))
        lost = (horizon - aim) / horizon / (state.policy[s, played] + eta)
        bonus = rule.bonus * math.sqrt(horizon * horizon * horizon * actions / n)
        state.value[i, s] = min((1.0 - alpha) * state.value[i, s] + alpha * (aim + bonus), horizon)
        least = math.inf
        for c in range(low, high):
            if feedback.available[s, c]:
                state.loss[s, c] = (1.0 - alpha) * state.loss[s, c] + (alpha * lost if c == played else 0.0)
                least = min(least, state.loss[s, c])
        total = 0.0
        for c in range(low, high):
            if feedback.available[s, c]:
                state.policy[s, c] = exp(eta / alpha * (least - state.loss[s, c]))
                total += state.policy[s, c]
        for c in range(low, high):
            state.policy[s, c] /= total


class VState(NamedTuple):
    """policy, loss (S, A_total): what is played, and the weighted mean of losses; value (N, S); visits (S,); logs
    (S, N): ln A_i; low, scale (N,): rewards to [0, 1].
    """

    policy: Any
    loss: Any
    value: Any
    visits: Any
    logs: Any
    low: Any
    scale: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> VState:
        """Every state as good as can be; terminal ones worth nothing."""
        players, states = game.num_players, policy.shape[0]
        counts = np.tile(np.array(game.num_actions, float), (states, 1))
        if game.available is not None:
            counts = np.add.reduceat(game.available.astype(float), game.offset[:-1], axis=1)
        value = np.full((players, states), 1.0 / (1.0 - game.discount) if game.discount < 1.0 else 0.0)
        if game.terminal is not None:
            value[:, game.terminal] = 0.0
        return cls(policy.copy(), np.zeros(policy.shape), value, np.zeros(states, np.int64), np.log(counts),
                   np.zeros(players), np.ones(players))


@attach(update=_update)
class _Bonus(NamedTuple):
    """The rule as kernels see it."""

    bonus: float


@attach(feedback=Transition, state=VState, update=_update, tables=("payoffs",), examples=({}, {"bonus": 0.1}),
        proved="coarse correlated equilibria after O(H^5 S max A_i / eps^2) episodes, in zero-sum games "
               "equilibria, by the mixture of all policies (Jin et al. 2021)",
        fails="last policies need not converge")
class VLearning(NamedTuple):
    """Every player learns the values of states, and in each of them runs a bandit on what follows.

    Parameters
    ----------
    bonus : float
        c >= 0: optimism. The proof needs a constant times a logarithm; 0 is what is mostly run.
    payoffs : (float, float), optional
        Smallest and largest reward, for all players. By default each player's own in the game, which simulators do not
        know.

    Notes
    -----
    Jin et al. (2021): the mixture of policies by visits, from which a step is drawn as the proof has it, is a coarse
    correlated equilibrium after O(H^5 S max_i A_i / eps^2) episodes, whatever the number of players; in two-player
    zero-sum games its marginals are an equilibrium. Last policies need not converge. Values are of rewards scaled to
    [0, 1].

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[5, 0], [6, 1]], [[5, 6], [0, 1]]])       # both are better off with action 1
    >>> found = fm.learn(game, fm.rules.VLearning(), 50_000, rng=0, record=fm.Record(every=50_000))
    >>> bool(found.policy[0, [1, 3]].min() > 0.95)
    True
    """

    bonus: float = 0.0
    payoffs: Any = None

    def checked(self) -> VLearning:
        """The rule with its parameters checked."""
        return VLearning(_check.real(self.bonus, "bonus", 0.0), checked_range(self.payoffs))

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse what has no horizon, and rewards without a range."""
        if not game.discount < 1.0:
            raise ValueError(f"VLearning needs a discount below 1, found {game!r}")
        needs_range(game, self.payoffs, "VLearning")

    def opening(self, game: Game, state: Any) -> None:
        """Write the rewards' range."""
        write_range(game, self.payoffs, state)

    def compiled(self) -> _Bonus:
        """The rule as kernels see it."""
        return _Bonus(self.bonus)
