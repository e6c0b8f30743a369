"""Projected gradient ascent and independent Q-ascent with Monte-Carlo estimates.

    "gradient":  pi_i(. | s) <- P( pi_i(. | s) + eta ghat_i(s, .) ),   ghat_i(s, a) = mean over rollouts of
                 sum_t gamma^t 1{s_t = s, a_t = a} G_t^i / pi_i(a | s)
    "q":         pi_i(. | s) <- P( pi_i(. | s) + eta (Qhat_i(s, .) - Vhat_i(s)) )

Ding et al. (2022); Leonardos et al. (2022).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .. import _check
from ..feedback.rollouts import LONGEST, Rollouts, play
from ..kernels.simplex import project_row
from ..machine import attach, inlined, kernel
from .state import TableState

MOST = 2**31  # rollouts of an estimate


@kernel
def _gradient_step(policy, s, first, last, feedback, scale):
    """Move one player's row along ghat; what has probability 0 is not drawn but by rounding, and stands.

    policy (S, A_total), columns first..last-1
    """
    for c in range(first, last):
        if policy[s, c] > 0.0:
            policy[s, c] += scale * feedback.discounted[s, c] / policy[s, c]


@kernel
def _q_step(policy, s, first, last, feedback, eta):
    """Move one player's row along Qhat - Vhat, with Qhat = Vhat where an action was not taken.

    policy (S, A_total), columns first..last-1
    """
    visits, total = 0.0, 0.0
    for c in range(first, last):
        visits += feedback.visits[s, c]
        total += feedback.returns[s, c]
    for c in range(first, last):
        if feedback.visits[s, c] > 0.0:
            policy[s, c] += eta * (feedback.returns[s, c] / feedback.visits[s, c] - total / visits)


@inlined
def _update(rule, state, feedback, k):
    """Play the batch of iteration k, then one ascent step and a projection in every row that it has seen.

    policy (S, A_total)   Ding et al. (2022); the projection keeps every probability at exploration / A_i or more, A_i
    the number of actions that the player has in the state
    """
    play(feedback, state, rule.rollouts, rule.length)
    for r in range(feedback.found[0]):
        s = feedback.order[r]
        for i in range(feedback.offset.size - 1):
            first, last = feedback.offset[i], feedback.offset[i + 1]
            if rule.gradient:
                _gradient_step(state.policy, s, first, last, feedback, rule.eta / rule.rollouts)
            else:
                _q_step(state.policy, s, first, last, feedback, rule.eta)
            n = feedback.num_actions[s, i]
            if n < last - first:
                for c in range(first, last):
                    if not feedback.available[s, c]:
                        state.policy[s, c] = -math.inf
            project_row(state.policy[s, first:last], rule.exploration / n, state.policy[s, first:last])


@attach(update=_update)
class _Ascent(NamedTuple):
    """The rule as kernels see it."""

    eta: float
    rollouts: int
    length: int
    gradient: bool
    exploration: float


@attach(feedback=Rollouts, state=TableState, update=_update, examples=({}, {"kind": "q", "exploration": 0.1}),
        proved="potential games: the Nash regret of exact steps up to the error of the batches (Ding et al. 2022; "
               "Leonardos et al. 2022)",
        fails="rollouts that are cut too short are biased; the noise of small batches stays")
class MonteCarloGradientAscent(NamedTuple):
    """Every player estimates its gradient, or its marginalised Q, from rollouts, moves along it and projects back.

    Parameters
    ----------
    eta : float
        Step size, > 0.
    rollouts : int
        How many are played for every update, each from a state drawn from the initial law.
    length : int
        Steps of a rollout.
    kind : "gradient" or "q"
        What is estimated.
    exploration : float
        xi in [0, 1): rows are projected onto (1 - xi) simplex + xi uniform, which keeps every probability at xi / A or
        above, A the number of actions that a player has in the state.

    Notes
    -----
    A player sees the states, its own actions and its own rewards. G_t^i is the discounted sum of its rewards from step
    t to the rollout's end, t = 0 .. length - 1.

    "gradient": ghat_i(s, a) is the mean over the rollouts of sum_t gamma^t 1{s_t = s, a_t = a} G_t^i / pi_i(a | s).
    Where pi_i(a | s) > 0 its expectation is the derivative in pi_i(a | s) of the value of ``length`` steps, which tends
    to d(s) Qbar_i(s, a) / (1 - gamma) as rollouts grow. Where it is 0 the estimate is 0. Its variance grows as
    1 / pi_i(a | s), which ``exploration`` bounds. A policy at a corner would never leave it otherwise.

    "q": Qhat_i(s, a) is the mean of G_t^i over all visits of (s, a) at any t of any rollout, Vhat_i(s) that over all
    visits of s. An action that was not taken in s counts as average, Qhat = Vhat: it gains or loses only what the
    projection takes from all of a row alike. As projections ignore what is added to a whole row, the step is otherwise
    that of Q-ascent. Returns from late steps are cut short; a player's draws do not depend on t, so that this weakens
    the differences between actions alike, and estimates Q-values of a horizon between 1 and ``length``.

    Rows that a batch has not seen stay as they are, which includes first policies nearer to the boundary than
    ``exploration``.

    Ding et al. (2022), the comparison with sampled gradients, 10 rollouts of 20 steps; Leonardos et al. (2022),
    projected stochastic gradient ascent.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> rule = fm.rules.MonteCarloGradientAscent(0.05, length=1, kind="q", exploration=0.01)
    >>> result = fm.learn(game, rule, 500, rng=0)
    >>> result.trace["ne_gap"].max(axis=1)[[0, -1]].round(3)
    array([0.38 , 0.004])
    """

    eta: float = 0.1
    rollouts: int = 10
    length: int = 20
    kind: str = "gradient"
    exploration: float = 0.0

    def checked(self) -> MonteCarloGradientAscent:
        """The rule with its parameters checked."""
        if not isinstance(self.kind, str) or self.kind not in ("gradient", "q"):
            raise ValueError(f'kind must be "gradient" or "q", found {_check.shown(self.kind)}')
        return MonteCarloGradientAscent(
            _check.real(self.eta, "eta", 0.0, open_low=True),
            _check.integer(self.rollouts, "rollouts", low=1, high=MOST),
            _check.integer(self.length, "length", low=1, high=LONGEST), str(self.kind),
            _check.real(self.exploration, "exploration", 0.0, 1.0, open_high=True))

    def compiled(self) -> _Ascent:
        """The rule as kernels see it."""
        return _Ascent(self.eta, self.rollouts, self.length, self.kind == "gradient", self.exploration)
