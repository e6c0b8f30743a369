"""Sampled feedback of learners who watch each other: all of a transition."""

from __future__ import annotations

from ..machine import attach
from .transition import Transition


@attach(sees="the state, everybody's actions, step by step")
class JointTransition(Transition):
    """As :class:`fastmpg.Transition`, for rules that read everybody's ``actions`` and ``rewards``.

    Attributes
    ----------
    state, actions, rewards, offset, discount
        As of a transition. Rules that name this class are no independent learners: it is how they say so.
    """
