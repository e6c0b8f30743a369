"""What compiled code writes down: a row of the trace at every recorded step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..kernels.simplex import check_missing, check_policy_rows
from ..machine import call_each, inlined, unit

NEVER = np.iinfo(np.int64).max


@inlined
def due(recorder):
    """The next step to write down."""
    row = recorder.cursor[0]
    return recorder.steps[row] if row < recorder.steps.size else NEVER


@inlined
def write(recorder, k):
    """Fill the next row of the trace."""
    row = recorder.cursor[0]
    recorder.cursor[0] = row + 1
    call_each(recorder.units, (row, k))


class Watched(NamedTuple):
    """A policy (S, A_total) with its players' columns (N + 1,), where flat what cannot be taken (K,), and what is found
    wrong with it (5,).
    """

    policy: Any
    offset: Any
    missing: Any
    fault: Any


@unit
def watch_policy(frame, row, k):
    """Note the first recorded step at which the policy is none of the game: :func:`.simplex.check_policy_rows`."""
    check_policy_rows(frame.policy, frame.offset, frame.fault, k)
    check_missing(frame.policy, frame.offset, frame.missing, frame.fault, k)


class Recorder(NamedTuple):
    """A run's trace as compiled code sees it, whatever is recorded.

    steps (K,) ascending   cursor (1,): the next row   now (1,): the step that is being made, for whoever asks
    why it does not end   fault (5,): of :func:`watch_policy`
    units: what to call with the row and the step, one after the other
    """

    steps: Any
    cursor: Any
    now: Any
    fault: Any
    units: Any
