"""Exact feedback: what rules that may ask for expectations learn from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine import Held, attach, call, inlined
from ..models.available import choices
from ..models.game import Game
from .desk import Desk, evaluate_desk


@inlined
def _observe(oracle, state, key, k):
    """Evaluate the policy of ``state``, into the tables that ``oracle`` shows; they do not depend on key and step k."""
    oracle.key[0], oracle.key[1] = key[0], key[1]
    call(oracle.evaluation, ())


@attach(observe=_observe,
        sees="exact values and marginalised Q of the policies as they are")
class Oracle(NamedTuple):
    """Exact feedback: what a rule that may ask for expectations sees.

    Attributes
    ----------
    value (N, S), q_bar (S, A_total)
        Values and marginalised Q of the current policy, with entropy at ``temperature`` when that is not 0. Q is -inf
        at actions that a player does not have in a state.
    visit (S,)
        Discounted visitation, if the rule asked for it.
    offset (N + 1,)
        First column of every player.
    available (S, A_total) of bool, num_actions (S, N)
        Which actions there are, and how many each player has, in every state.
    discount, temperature : float
    key (2,)
        The run's key, of rules that draw: number by number a function of it, k and an index
        (:func:`fastmpg.kernels.rng.pair`, stream CHOICES).
    evaluation
        The unit that brings them up to date, bound to the run's desk.
    """

    value: Any
    q_bar: Any
    visit: Any
    offset: Any
    available: Any
    num_actions: Any
    discount: float
    temperature: float
    key: Any
    evaluation: Any

    @classmethod
    def create(cls, game: Game, state: Any, *, temperature: float, wants_value: bool, wants_visit: bool,
               threads: int | None, beside: Any = None) -> tuple[Oracle, Held]:
        """The feedback of one run, and its desk."""
        desk = Held(Desk.create(game, state.policy, temperature=temperature, wants_value=wants_value,
                                wants_visit=wants_visit,
                           threads=threads, beside=None if beside is None else beside.frame))
        return cls(desk.value, desk.q_bar, desk.visit, desk.offset, *choices(game), desk.discount, float(temperature),
                   np.zeros(2, np.uint64), evaluate_desk.bind(desk)), desk
