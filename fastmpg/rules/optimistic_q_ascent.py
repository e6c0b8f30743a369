"""Optimistic Q-ascent with a smoothed critic.

    Qc_i(s, a_i)  = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) V_i(t)          against the others' played policies
    V_i(s)       <- (1 - a_k) V_i(s) + a_k <pi_i(. | s), Qc_i(s, .)>
    pbar_i       <- P_Delta( pbar_i + eta Qc_i ),        pi_i <- P_Delta( pbar_i + eta Qc_i )      with the same Qc

from V = 0; pi is what is played, pbar the policy without the second, optimistic half of the step: its next Qc is
guessed to be the last one. Ding et al. (2022), "optimistic policy gradient ascent with smoothed critic", after Wei et
al. (2021).
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.critic import Critic
from ..kernels.simplex import project_row, weighed
from ..machine import attach, inlined, kernel
from ..models.game import Game


@kernel
def _step(anchor, q, policy, offset, s, eta):
    """One state's rows: pbar <- P(pbar + eta Qc), then pi <- P(pbar + eta Qc).

    anchor (pbar), q (Qc), policy (pi) (S, A_total)   offset (N + 1,)
    """
    for i in range(offset.size - 1):
        one, other = offset[i], offset[i + 1]
        for c in range(one, other):
            anchor[s, c] += eta * q[s, c]
        project_row(anchor[s, one:other], 0.0, anchor[s, one:other])
        for c in range(one, other):
            policy[s, c] = anchor[s, c] + eta * q[s, c]
        project_row(policy[s, one:other], 0.0, policy[s, one:other])


@kernel
def _smooth(value, policy, q, offset, s, share):
    """V_i(s) <- (1 - share) V_i(s) + share <pi_i(. | s), Qc_i(s, .)>.    value (N, S)   policy, q (S, A_total)"""
    for i in range(offset.size - 1):
        mean = 0.0
        for c in range(offset[i], offset[i + 1]):
            mean += weighed(policy[s, c], q[s, c])
        value[i, s] = (1.0 - share) * value[i, s] + share * mean


@inlined
def _update(rule, state, feedback, k):
    """V, pbar and pi of every player and state, from the same Qc: Ding et al. (2022), Wei et al. (2021).

    policy, anchor, q_bar (S, A_total)   value (N, S)
    """
    share = rule.scale
    if rule.slope > 0.0:
        share = min(1.0, rule.scale * math.pow(k + 1.0, -rule.slope))
    elif rule.slope < 0.0:  # (H + 1) / (H + k + 1), H = 2 / (1 - gamma), times 1 - gamma
        left = 1.0 - feedback.discount
        share = (2.0 + left) / (2.0 + left * (k + 1.0))
    for s in range(state.policy.shape[0]):
        if share > 0.0:
            _smooth(state.value, state.policy, feedback.q_bar, feedback.offset, s, share)
        _step(state.anchor, feedback.q_bar, state.policy, feedback.offset, s, rule.eta)


class OptimisticState(NamedTuple):
    """policy (S, A_total), which is played; anchor (S, A_total), pbar; value (N, S), the critic's."""

    policy: Any
    anchor: Any
    value: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> OptimisticState:
        """The state at a given policy: pbar is the same, V is 0."""
        return cls(policy.copy(), policy.copy(), np.zeros((game.num_players, game.num_states)))


@attach(update=_update)
class _Numbers(NamedTuple):
    """eta, and a_k = scale (slope 0), scale k^-slope (slope > 0) or (H + 1) / (H + k) (slope -1)."""

    eta: float
    scale: float
    slope: float


@attach(feedback=Critic, state=OptimisticState, update=_update, uses_visitation=False,
        examples=({}, {"critic": 0.2}, {"critic": (1.0, 0.5)}, {"critic": "exact"}),
        proved="two players, zero-sum or of one interest: last iterates converge (Wei et al. 2021; Ding et al. "
               "2022)",
        fails="nothing is known of more than two players")
class OptimisticQAscent(NamedTuple):
    """Every player moves its probabilities along its critic's Q twice: for good, and ahead of the next step.

    Against an opponent who does the same, last iterates converge where those of :class:`QAscent` go round in circles.

    Parameters
    ----------
    eta : float
        Step size, > 0.
    critic : "smoothed", float, (float, float) or "exact"
        How V follows what is seen, a_k at the k-th step: "smoothed" is (H + 1) / (H + k) with H = 2 / (1 - gamma); a
        number in (0, 1] is a constant; (c, p) is min(1, c k^-p), c and p > 0. "exact": Qc is the marginalised Q of the
        played policies themselves, by a linear system a step.

    Notes
    -----
    Ding et al. (2022); Wei et al. (2021). Theory is for two players: last iterates of zero-sum and of cooperative games
    with a smoothed critic. The update has the same meaning for any number of them, and is offered so.

    The step matters: much smaller than the gaps between payoffs it will not be seen to converge in thousands of steps
    (at eta = 0.1 (1 - gamma) it has hardly begun). What is played are last iterates; for averages record
    "average_policy", for the best policy so far see :func:`fastmpg.metrics.best_gap`.

    Examples
    --------
    >>> import fastmpg as fm
    >>> pennies = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    >>> start = [[0.9, 0.1], [0.8, 0.2]]
    >>> for rule in (fm.rules.QAscent(0.1), fm.rules.OptimisticQAscent(0.1, critic="exact")):
    ...     gap = fm.learn(pennies, rule, 499, policy=start).trace["ne_gap"][-1]
    ...     print(f"{gap.max():.2g}")
    0.73
    2.6e-05
    """

    eta: float = 0.1
    critic: Literal["smoothed", "exact"] | float | tuple[float, float] = "smoothed"

    @property
    def uses_value(self) -> bool:
        """Whether Qc is that of the played policies themselves."""
        return self.critic == "exact"

    def checked(self) -> OptimisticQAscent:
        """The rule with its parameters checked."""
        critic: Any = self.critic
        what = 'critic must be "smoothed", "exact", a share in (0, 1], or a tuple (c, p) for c k^-p'
        if isinstance(critic, str):
            if critic not in ("smoothed", "exact"):
                raise ValueError(f"{what}, found {critic!r}")
        elif isinstance(critic, tuple):
            if len(critic) != 2:
                raise ValueError(f"{what}, found {_check.shown(critic)}")
            critic = tuple(_check.real(each, f"the {name} of critic", 0.0, open_low=True)
                           for each, name in zip(critic, ("factor", "exponent"), strict=True))
        else:
            try:
                critic = _check.real(critic, "critic", 0.0, 1.0, open_low=True)
            except TypeError:
                raise TypeError(f"{what}, found {_check.shown(critic)}") from None
        return OptimisticQAscent(_check.real(self.eta, "eta", 0.0, open_low=True), critic)

    def compiled(self) -> _Numbers:
        """The rule in numbers."""
        if self.critic == "smoothed":
            return _Numbers(self.eta, 1.0, -1.0)
        if self.critic == "exact":
            return _Numbers(self.eta, 0.0, 0.0)
        if isinstance(self.critic, tuple):
            return _Numbers(self.eta, *self.critic)
        return _Numbers(self.eta, float(self.critic), 0.0)
