"""Conditional gradient (Frank-Wolfe) play, and fictitious play with exact beliefs.

    pi_i <- pi_i + h_k (b_i - pi_i),     b_i(. | s) = e_{argmax_a Qbar_i(s, a)},     h_k = min(1, c / (k + p))

Frank and Wolfe (1956), Jaggi (2013): b_i is the vertex at which the linear model of V_i, player i's gradient
d(s) Qbar_i / (1 - gamma), is largest; d(s) > 0 changes nothing. Without a future, h_k = 1 / (k + 1) is the fictitious
play of Brown (1951): pi_i is the average of the best responses so far.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _check
from ..feedback.oracle import Oracle
from ..kernels.vector import largest_of
from ..machine import attach, inlined
from .state import TableState


@inlined
def _update(rule, state, feedback, k):
    """pi <- pi + h_k (b - pi).    policy, q_bar (S, A_total)"""
    step = rule.constant if rule.constant > 0.0 else min(1.0, rule.scale / (k + rule.shift))
    policy, offset = state.policy, feedback.offset
    for s in range(policy.shape[0]):
        for i in range(offset.size - 1):
            best = offset[i] + largest_of(feedback.q_bar[s, offset[i]:offset[i + 1]])
            for c in range(offset[i], offset[i + 1]):
                policy[s, c] = (1.0 - step) * policy[s, c] + (step if c == best else 0.0)


@attach(update=_update)
class _Step(NamedTuple):
    """The step size: constant, or, where that is 0, min(1, scale / (k + shift))."""

    constant: float
    scale: float
    shift: float


@attach(feedback=Oracle, state=TableState, update=_update, uses_value=False, uses_visitation=False, tables=("step",),
        examples=({}, {"step": 0.1}, {"step": (1.0, 1.0)}),
        proved="fictitious play, step (1, 1): two-player zero-sum games (Robinson 1951), potential games (Monderer "
               "and Shapley 1996), without a future",
        fails="Shapley's (1964) game of three actions; Markov games: nothing is known")
class FrankWolfe(NamedTuple):
    """Every player moves its policy towards the pure action that is best against the others' policies as they are.

    Parameters
    ----------
    step : float, or (float, float)
        A constant in (0, 1]; or (c, p) with c, p > 0, at update k = 0, 1, ... min(1, c / (k + p)). The default (2, 2)
        is that of Frank-Wolfe; (1, 1) is fictitious play, (1, 2) the same with the first policy as a first observation.
        A step of 1 is a best response.

    Notes
    -----
    Of several best actions the first is taken. In Markov games "best" is by Qbar of the policies as they are, so that a
    step of 1 is one of policy iteration and not yet a best response.

    Fictitious play converges in two-player zero-sum games (Robinson 1951) and in potential games (Monderer and Shapley
    1996), and goes round in Shapley's (1964) game of three actions.

    Examples
    --------
    >>> import fastmpg as fm
    >>> pennies = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    >>> found = fm.learn(pennies, fm.rules.FrankWolfe((1, 1)), 10_000, record=fm.Record(every=10_000))
    >>> bool(found.trace["ne_gap"][-1].max() < 0.02)
    True
    """

    step: Any = (2.0, 2.0)

    def checked(self) -> FrankWolfe:
        """The rule with its parameters checked."""
        if not isinstance(self.step, tuple | list):
            return FrankWolfe(_check.real(self.step, "step", 0.0, 1.0, open_low=True))
        if len(self.step) != 2:
            raise ValueError(f"step must be a number in (0, 1] or (c, p) for min(1, c / (k + p)), found "
                             f"{_check.shown(self.step)}")
        return FrankWolfe((_check.real(self.step[0], "c of step", 0.0, open_low=True),
                           _check.real(self.step[1], "p of step", 0.0, open_low=True)))

    def compiled(self) -> _Step:
        """The rule as kernels see it."""
        return _Step(0.0, *self.step) if isinstance(self.step, tuple) else _Step(self.step, 0.0, 1.0)
