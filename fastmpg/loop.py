"""THE loop: every rule on every game runs through it.

    feedback <- observe(game, policy);   trace <- metrics, where due;   state <- update(rule, state, feedback)
"""

from __future__ import annotations

from ._jit import kernel, method
from .record import due, write

observe, update = method("observe", inline=True), method("update", inline=True)


@kernel
def run_chunk(rule, model, state, feedback, recorder, key, first, last, steps):
    """Steps first..last-1 of a run of ``steps`` updates. Step ``steps`` itself only observes and records."""
    for k in range(first, last):
        observe(feedback, model, state, key, k)
        if due(recorder, k):
            write(recorder, model, state.policy)
        if k < steps:
            update(rule, state, feedback, k)
