"""What compiled code writes down: a row of the trace at every recorded step."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..machine import call_each, inlined


@inlined
def due(recorder, k):
    """Whether step k is the next one to write down."""
    row = recorder.cursor[0]
    return row < recorder.steps.size and recorder.steps[row] == k


@inlined
def write(recorder):
    """Fill the next row of the trace."""
    row = recorder.cursor[0]
    recorder.cursor[0] = row + 1
    call_each(recorder.units, (row,))


class Recorder(NamedTuple):
    """A run's trace as compiled code sees it, whatever is recorded.

    steps (K,) ascending   cursor (1,): the next row   units: what to call with it, one after the other
    """

    steps: Any
    cursor: Any
    units: Any
