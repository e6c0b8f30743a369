"""THE loop: every rule on every game runs through it.

    feedback <- observe(game, policy);   trace <- metrics, where due;   state <- update(rule, state, feedback)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..machine import inlined, method, unit
from ..rules.state import publish
from .trace import due, write
from .until import reached, stands


@inlined
def _stay(feedback, k):
    """Feedback without an environment has nothing that moves on."""


observe, update = method("observe"), method("update")
proceed = method("proceed", default=_stay)  # the environment moves on
update_pair = method("update_pair")


class RunFrame(NamedTuple):
    """What the loop needs of a run: rule, state, feedback and recorder, the key (2,) of its randomness, and what may
    end it (see :mod:`.until`).
    """

    rule: Any
    state: Any
    feedback: Any
    recorder: Any
    key: Any
    until: Any


class PairFrame(NamedTuple):
    """Two runs."""

    one: Any
    other: Any


@unit
def run_chunk(run, first, last, steps):
    """Steps first..last-1 of a run of ``steps`` updates, or fewer if it ends. Step ``steps`` itself only observes and
    records.
    """
    next_row = due(run.recorder)
    for k in range(first, last):
        run.recorder.now[0] = k
        observe(run.feedback, run.state, run.key, k)
        if k == next_row:
            publish(run.state)
            write(run.recorder, k)
            next_row = due(run.recorder)
            if reached(run.until, k):
                break
        if k < steps:
            update(run.rule, run.state, run.feedback, k)
            proceed(run.feedback, k)
            if stands(run.until, run.state, run.feedback, k):
                break


@unit
def run_pair(pair, first, last, steps):
    """The same for two runs at once, of rules that can move two (``update_pair``), until one of them ends."""
    one, other = pair.one, pair.other
    next_row = due(one.recorder)
    for k in range(first, last):
        one.recorder.now[0] = other.recorder.now[0] = k
        observe(one.feedback, one.state, one.key, k)
        observe(other.feedback, other.state, other.key, k)
        if k == next_row:
            publish(one.state)
            write(one.recorder, k)
            publish(other.state)
            write(other.recorder, k)
            next_row = due(one.recorder)
            first_ends = reached(one.until, k)
            if reached(other.until, k) or first_ends:
                break
        if k < steps:
            update_pair(one.rule, other.rule, one.state, other.state, one.feedback, other.feedback, k)
            proceed(one.feedback, k)
            proceed(other.feedback, k)
            first_ends = stands(one.until, one.state, one.feedback, k)
            if stands(other.until, other.state, other.feedback, k) or first_ends:
                break


@unit
def publish_state(state):
    """Publish, for readers outside the loop."""
    publish(state)
