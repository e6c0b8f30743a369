"""Marginalised Q that looks ahead with values of the rule's own: what learners with a critic see.

    Qc_i(s, a_i) = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) V_i(t)

with r_i and P_i the marginal model of player i against the others' current policies, and V_i what the rule keeps in its
state, instead of the policy's values. It takes one contraction and no linear system.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..machine import Held, attach, call, inlined, unit
from ..models.available import choices
from ..models.game import Game, contract, lookahead
from .desk import Desk, evaluate_desk


@unit
def look_ahead(frame):
    """Qc from ``frame.value`` (N, S), at ``frame.desk``; without a future it is the marginal reward itself."""
    desk = frame.desk
    contract(desk.model, desk.work, desk.policy)
    if desk.model.discount > 0.0:
        for i in range(frame.value.shape[0]):
            lookahead(desk.model, desk.work, desk.policy, i, frame.value[i], desk.q_bar)


class Ahead(NamedTuple):
    """A desk, and the values (N, S) to look ahead with."""

    desk: Any
    value: Any


@inlined
def _observe(critic, state, key, k):
    """Bring the tables that ``critic`` shows up to date with the policy; key and step k do not matter."""
    call(critic.evaluation, ())


@attach(observe=_observe,
        sees="exact expectations over one step, beyond it values of its own")
class Critic(NamedTuple):
    """Exact expectations over one step, and values of the rule's own beyond it.

    The rule's state must keep ``value`` (N, S). A rule that ``uses_value`` gets the policy's own marginalised Q
    instead, as :class:`fastmpg.Oracle` has it: then the state's ``value`` is not read.

    Attributes
    ----------
    q_bar (S, A_total)
        Marginalised Q against the others' current policies, beyond the next step by those values. -inf at actions that
        a player does not have in a state.
    offset (N + 1,)
        First column of every player.
    available (S, A_total) of bool, num_actions (S, N)
        Which actions there are, and how many each player has, in every state.
    discount : float
    evaluation
        The unit that brings them up to date, bound to the run's desk.
    """

    q_bar: Any
    offset: Any
    available: Any
    num_actions: Any
    discount: float
    evaluation: Any

    @classmethod
    def create(cls, game: Game, state: Any, *, temperature: float, wants_value: bool, wants_visit: bool,
               threads: int | None, beside: Any = None) -> tuple[Critic, Held]:
        """The feedback of one run, and its desk, which has at least contracted the policy (temperature NaN)."""
        desk = Held(Desk.create(game, state.policy, temperature=temperature if wants_value else math.nan,
                                wants_value=wants_value, wants_visit=False, threads=threads,
                                beside=None if beside is None else beside.frame))
        evaluation = evaluate_desk.bind(desk) if wants_value else look_ahead.bind(Ahead(desk, state.value))
        return cls(desk.q_bar, desk.offset, *choices(game), desk.discount, evaluation), desk
