"""THE loop: every rule on every game runs through it.

    feedback <- observe(game, policy);   trace <- metrics, where due;   state <- update(rule, state, feedback)
"""

from __future__ import annotations

from .._jit import inlined, kernel, method
from ..kernels.simplex import check_policy_rows
from .trace import due, write


@inlined
def _nothing(obj):
    pass


@inlined
def _stay(feedback, k):
    pass


observe, update = method("observe"), method("update")
proceed = method("proceed", default=_stay)  # the environment moves on
publish = method("publish", default=_nothing)  # a state that keeps its tables in another order writes them out
update_pair = method("update_pair")


@kernel
def run_chunk(rule, model, state, feedback, recorder, key, first, last, steps):
    """Steps first..last-1 of a run of ``steps`` updates. Step ``steps`` itself only observes and records."""
    for k in range(first, last):
        observe(feedback, model, state, key, k)
        if due(recorder, k):
            publish(state)
            check_policy_rows(state.policy, feedback.offset, recorder.fault, k)
            write(recorder, model, state)
        if k < steps:
            update(rule, state, feedback, k)
            proceed(feedback, k)


@kernel
def run_pair(rules, model, states, feedbacks, recorders, keys, first, last, steps):
    """The same for two runs at once, of rules that can move two (``update_pair``)."""
    for k in range(first, last):
        observe(feedbacks[0], model, states[0], keys[0], k)
        observe(feedbacks[1], model, states[1], keys[1], k)
        if due(recorders[0], k):
            publish(states[0])
            check_policy_rows(states[0].policy, feedbacks[0].offset, recorders[0].fault, k)
            write(recorders[0], model, states[0])
            publish(states[1])
            check_policy_rows(states[1].policy, feedbacks[1].offset, recorders[1].fault, k)
            write(recorders[1], model, states[1])
        if k < steps:
            update_pair(rules[0], rules[1], states[0], states[1], feedbacks[0], feedbacks[1], k)
            proceed(feedbacks[0], k)
            proceed(feedbacks[1], k)


@kernel
def bring_up(state):
    """Publish, for readers outside the loop."""
    publish(state)
