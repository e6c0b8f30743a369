"""EXP3 and EXP3.P: adversarial bandits, one a player, who see nothing but their own reward.

    p_i = (1 - xi) w_i / sum w_i + xi / A_i,      x = (r_i - low) / (high - low) in [0, 1]
    w_i(a) <- w_i(a) exp( (xi / A_i) [ 1{a played} x / p_i(a) ] )                                            EXP3
    w_i(a) <- w_i(a) exp( (xi / 3 A_i) [ 1{a played} x / p_i(a) + c / (p_i(a) sqrt(A_i T)) ] )               EXP3.P

Auer, Cesa-Bianchi, Freund and Schapire (2002), Figures 1 and 2.
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
from .state import refuse_zeros


@precise
def _update(rule, state, feedback, k):
    """Everybody's weights (1, A_total), in logarithms, and policies."""
    policy, theta, offset = state.policy, state.theta, feedback.offset
    for i in range(offset.size - 1):
        low, high, n = offset[i], offset[i + 1], float(feedback.num_actions[0, i])
        played = low + feedback.actions[i]
        x = scaled(state, i, feedback.rewards[i])
        gain, bonus = rule.exploration / n, 0.0
        if rule.stages > 0.0:
            gain, bonus = gain / 3.0, rule.confidence / math.sqrt(n * rule.stages)
        top = -math.inf
        for c in range(low, high):
            if feedback.available[0, c]:
                theta[0, c] += gain * ((x if c == played else 0.0) + bonus) / policy[0, c]
                top = max(top, theta[0, c])
        total = 0.0
        for c in range(low, high):
            theta[0, c] -= top
            policy[0, c] = exp(theta[0, c])
            total += policy[0, c]
        for c in range(low, high):
            if feedback.available[0, c]:
                policy[0, c] = (1.0 - rule.exploration) * (policy[0, c] / total) + rule.exploration / n


class BanditState(NamedTuple):
    """policy (1, A_total), which is played; theta (1, A_total), logarithms of the weights, the largest 0; low, scale
    (N,): rewards to [0, 1].
    """

    policy: Any
    theta: Any
    low: Any
    scale: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> BanditState:
        """Equal weights."""
        theta = np.zeros(policy.shape)
        if game.available is not None:
            theta[~game.available] = -np.inf
        return cls(policy.copy(), theta, np.zeros(game.num_players), np.ones(game.num_players))


@attach(update=_update)
class _Bandit(NamedTuple):
    """The rule as kernels see it."""

    exploration: float
    confidence: float
    stages: float


@attach(feedback=Transition, state=BanditState, update=_update, tables=("payoffs",),
        examples=({}, {"exploration": 0.3, "confidence": 2.0, "stages": 1000}),
        proved="expected regret below 2.63 sqrt(T A ln A) of the range against anybody, without states (Auer et "
               "al. 2002)",
        fails="policies themselves may go round: only averages are near coarse correlated equilibria")
class Exp3P(NamedTuple):
    """Every player treats the stage game as a bandit whose rewards an adversary may choose.

    Parameters
    ----------
    exploration : float
        xi in (0, 1]: share of the uniform law in what is played.
    confidence : float
        c >= 0, of EXP3.P: how far above the mean the estimates are kept.
    stages : int, optional
        T of EXP3.P: for how many stages the confidence is meant. None: EXP3.
    payoffs : (float, float), optional
        Smallest and largest reward, for all players. By default each player's own in the game, which simulators do not
        know.

    Notes
    -----
    Of games of one state. Auer et al. (2002): with xi = min(1, sqrt(A ln A / ((e - 1) T))) the expected regret of EXP3
    against any others is at most 2 sqrt(e - 1) sqrt(T A ln A) of the rewards' range (Corollary 3.2), and that of EXP3.P
    holds with high probability. Play as a whole then comes near the coarse correlated equilibria; policies themselves
    may go round for ever.

    The first policy is played once; the weights start equal.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[5, 0], [6, 1]], [[5, 6], [0, 1]]])       # both are better off with action 1
    >>> fm.learn(game, fm.rules.Exp3P(0.05), 10_000, rng=0, record=fm.Record(every=10_000)).policy.round(3)
    array([[0.025, 0.975, 0.025, 0.975]])
    """

    exploration: float = 0.1
    confidence: float = 0.0
    stages: Any = None
    payoffs: Any = None

    def checked(self) -> Exp3P:
        """The rule with its parameters checked."""
        return Exp3P(_check.real(self.exploration, "exploration", 0.0, 1.0, open_low=True),
                     _check.real(self.confidence, "confidence", 0.0),
                     None if self.stages is None else _check.integer(self.stages, "stages", low=1),
                     checked_range(self.payoffs))

    def check_start(self, game: Game, policy: Float) -> None:
        """Refuse games of several states, and first policies without a probability."""
        if game.num_states != 1:
            raise ValueError(f"Exp3P is for games of one state, found {game!r}; take VLearning")
        needs_range(game, self.payoffs, "Exp3P")
        refuse_zeros(game, policy, "Exp3P")

    def opening(self, game: Game, state: Any) -> None:
        """Write the rewards' range."""
        write_range(game, self.payoffs, state)

    def compiled(self) -> _Bandit:
        """The rule as kernels see it."""
        return _Bandit(self.exploration, self.confidence, float(self.stages or 0))
