"""What compiled code writes down: the trace, a row a recorded step."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._jit import UNCOMPILED, attach, field, inlined, invoke, kernel, method
from ..feedback.oracle import discounted_visits, finish, stage_payoffs
from ..metrics.concentration import greedy_mass, mismatch_of
from ..metrics.gaps import gaps, values_at
from ..metrics.gradient import gradient_into, norm
from ..models.game import contract

# The trace's arrays after their leading axis of K recorded steps, by the letters of the game's sizes.
SHAPES: dict[str, tuple[str, ...]] = {
    "ne_gap": ("N",), "qre_gap": ("N",), "value": ("N",), "c": (), "mismatch": (), "grad_norm": (), "policy": ("S", "A"),
    "q": ("S", "A"), "counts": ("S", "A"), "visits": ("S",),
}
TABLES = ("q", "counts", "visits")  # recorded from the state of rules that keep them
EXACT = tuple(name for name in SHAPES if name not in (*TABLES, "policy"))  # need a model of the game
READY, VALUES, NOTHING = 0, 1, 2  # what the feedback has computed of an exact evaluation at temperature 0


q_of, counts_of, visits_of = (field(name) for name in TABLES)


@inlined
def due(recorder, k):
    """Whether step k is the next one to write down."""
    row = recorder.cursor[0]
    return row < recorder.steps.size and recorder.steps[row] == k


@inlined
def _copy(table, out, row):
    if out.shape[0] > 0:
        for s in range(out.shape[1]):
            for c in range(out.shape[2]):
                out[row, s, c] = table[s, c]


@kernel
def _copy_tables(recorder, policy, q, counts, visits):
    row = recorder.cursor[0]
    recorder.cursor[0] += 1
    _copy(policy, recorder.policy, row)
    _copy(q, recorder.q, row)
    _copy(counts, recorder.counts, row)
    if recorder.visits.shape[0] > 0:
        for s in range(visits.size):
            recorder.visits[row, s] = visits[s]


@inlined
def _write_tables(recorder, model, state):
    """``q`` and the others stand for themselves where a state keeps them, and are not looked at where it does not."""
    policy = state.policy
    _copy_tables(recorder, policy, q_of(state, policy), counts_of(state, policy), visits_of(state, recorder.steps))


@attach(write=_write_tables)
class TableRecorder(NamedTuple):
    """What needs no model: steps (K,) ascending   cursor (1,) next row   policy, q, counts (K, S, A_total)   visits (K, S)

    fault (5,): of :func:`check_policy_rows`

    What is not recorded has length 0, here and in :class:`Recorder`.
    """

    steps: Any
    cursor: Any
    fault: Any
    policy: Any
    q: Any
    counts: Any
    visits: Any


@kernel
def write_exact(recorder, model, policy, row):
    """The metrics that need a model, whatever the rule: compiled once a model."""
    oracle = recorder.oracle
    wants_gap, wants_soft = recorder.ne_gap.shape[0] > 0, recorder.qre_gap.shape[0] > 0
    wants_visit = recorder.mismatch.size > 0 or recorder.grad_norm.size > 0
    if recorder.known == NOTHING:
        contract(model, oracle.work, policy)
    if recorder.known != READY:
        finish(model, oracle, policy)
    elif not oracle.wants_value:
        stage_payoffs(oracle.work.reward, policy, oracle.offset, 0.0, oracle.value)
    if wants_visit and not (recorder.known == READY and oracle.wants_visit):
        discounted_visits(model, oracle)
    if recorder.value.shape[0] > 0:
        for i in range(oracle.value.shape[0]):
            total = 0.0
            for s in range(oracle.value.shape[1]):
                total += model.initial[s] * oracle.value[i, s]
            recorder.value[row, i] = total
    if recorder.c.size > 0:
        recorder.c[row] = greedy_mass(oracle.q_bar, policy, oracle.offset)
    if recorder.mismatch.size > 0:
        recorder.mismatch[row] = mismatch_of(oracle.visit)
    if recorder.grad_norm.size > 0:
        gradient_into(oracle.value, oracle.q_bar, oracle.visit, policy, oracle.offset, oracle.discount, recorder.slope)
        recorder.grad_norm[row] = norm(recorder.slope)
    if wants_soft:  # before any best response overwrites the chain
        values_at(model, oracle, policy, recorder.tau, recorder.soft)
    if wants_gap:
        gaps(model, oracle, policy, 0.0, oracle.value, recorder.ne_gap[row])
    if wants_soft:
        gaps(model, oracle, policy, recorder.tau, recorder.soft, recorder.qre_gap[row])


def _write(recorder, model, state):
    row = recorder.cursor[0]
    _write_tables(recorder.tables, model, state)
    if recorder.exact:
        write_exact(recorder, model, state.policy, row)


if not UNCOMPILED:

    @inlined
    def _write(recorder, model, state):
        row = recorder.cursor[0]
        _write_tables(recorder.tables, model, state)
        if recorder.exact:
            invoke(recorder.address, (recorder, model, state.policy, row))


@attach(write=_write)
class Recorder(NamedTuple):
    """A run's trace as kernels see it.

    steps, cursor, fault: as in ``tables``   ne_gap, qre_gap, value (K, N)   c, mismatch, grad_norm (K,)
    tau: temperature of the QRE-gap   known: READY, VALUES or NOTHING   exact: whether there is such a metric
    address: of :func:`write_exact`
    oracle: exact evaluation at temperature 0   soft (N, S), slope (S, A_total): scratch
    """

    steps: Any
    cursor: Any
    fault: Any
    tables: TableRecorder
    ne_gap: Any
    qre_gap: Any
    value: Any
    c: Any
    mismatch: Any
    grad_norm: Any
    tau: float
    known: int
    exact: bool
    address: int
    oracle: Any
    soft: Any
    slope: Any


write = method("write")  # write(recorder, model, state): fill the next row of the trace
