"""From scipy.sparse rows, or arrays of them, to a :class:`~.sparse.SparseModel`, with little memory beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ... import _check
from ..._check import Float
from ...kernels import csr
from ...kernels.joint import cut_players
from ..available import Mask, possible, possible_rows
from .sparse import Layout, SparseModel, table_bytes

DTYPES = {"float64": 8, "float32": 4}
LARGEST = 2**31  # states that 32-bit indices tell apart


class Rows(NamedTuple):
    """Canonical CSR rows: pointer int64, index int32 or int64, probability.

    own: whether they may be overwritten   single: whether they come from float32
    """

    pointer: NDArray[np.int64]
    index: Any
    probability: NDArray[Any]
    own: bool
    single: bool = False

    @property
    def spare(self) -> bool:
        """Whether a game's 32-bit places may be written over the index."""
        return self.own and self.index.dtype == np.int32

    def stay(self, mask: Mask, actions: tuple[int, ...]) -> Rows:
        """The same, where what somebody cannot take does not move."""
        moved = possible_rows(self.pointer, self.index, self.probability, possible(mask, actions))
        return Rows(*moved, True, self.single)

    def held(self, dtype: str) -> int:
        """Bytes that a game's tables will take over."""
        kept = self.probability.nbytes if self.own and self.probability.dtype == dtype else 0
        return self.pointer.nbytes + kept + (self.index.nbytes if self.spare else 0)


def canonical(transitions: Any, own: bool = False) -> Rows:
    """The rows of a scipy.sparse matrix, sorted and without duplicates (which add up as in scipy)."""
    if transitions.dtype.kind not in "fiub":
        raise TypeError(f"transitions must hold real numbers, found dtype {transitions.dtype}")
    single = transitions.dtype == np.float32
    if transitions.format != "csr":
        transitions, own = sp.csr_array(transitions), True
    pointer = np.array(transitions.indptr, np.int64)
    if transitions.indices.size < pointer[-1]:
        raise ValueError(f"transitions hold {transitions.indices.size} indices where the row pointer needs "
                         f"{pointer[-1]}")
    if not csr.is_canonical(pointer, transitions.indices):
        transitions = sp.csr_array(transitions, dtype=np.float64, copy=not own)
        transitions.has_canonical_format = transitions.has_sorted_indices = False
        transitions.sum_duplicates()
        pointer, own = np.array(transitions.indptr, np.int64), True
    count = int(pointer[-1])
    return Rows(pointer, transitions.indices[:count], transitions.data[:count], own, single)


def dtype_name(value: Any) -> str:
    """ "float64" or "float32"."""
    try:
        name = np.dtype(value).name
    except Exception:  # numpy raises whatever comes
        name = _check.shown(value)
    if name not in DTYPES:
        raise ValueError(f'dtype must be "float64" or "float32", found {name}')
    return name


def build(rows: Rows, rewards: Float, actions: tuple[int, ...], discount: float, initial: Float,
          offset: NDArray[np.int64], missing: NDArray[np.int64], dtype: str, copy: bool, max_bytes: int | None,
          where: Callable[[int], str]) -> tuple[SparseModel, Layout, float]:
    """The model of rows over states and joint actions, its workspace's layout, the largest change of a probability.

    Raises
    ------
    ValueError
        If a row is no distribution.
    MemoryError
        If the tables, or the workspace of one evaluation, would not fit.
    """
    planes, n_states, joint = rewards.shape
    entries = int(rows.pointer[-1])
    if n_states >= LARGEST:
        raise ValueError(f"a sparse game has fewer than {LARGEST} states, found {n_states}")
    if entries and not 0 <= int(rows.index.min()) <= int(rows.index.max()) < n_states:
        raise ValueError(f"transitions lead to states {int(rows.index.min())} to {int(rows.index.max())}, but there "
                         f"are {n_states}")
    unsettled = check(rows, dtype, where)
    mark, chain_pointer = np.zeros(n_states, np.int32), np.zeros(n_states + 1, np.int64)
    csr.count_unions(rows.pointer, rows.index, joint, mark, chain_pointer)
    union, widest = int(chain_pointer[-1]), int(np.diff(chain_pointer).max())
    marginal = Layout(n_states, actions, 0, entries, union, widest).marginal
    layout = Layout(n_states, actions, cut_players(actions, max(1, union // n_states) if marginal else 1), entries,
                    union, widest)
    refuse_large(planes, joint, layout, dtype, max_bytes, rewards.nbytes + rows.held(dtype))

    slot = rows.index.view(np.uint32) if rows.spare else np.empty(entries, np.uint32)
    chain_index = np.empty(union, np.uint32)
    csr.fill_unions(rows.pointer, rows.index, joint, mark, chain_pointer, chain_index, slot)
    probability: NDArray[Any] = np.asarray(rows.probability, dtype)
    theirs = not rows.own and np.may_share_memory(probability, rows.probability)
    if theirs and (copy or unsettled or dtype == "float32"):
        probability = probability.copy()
    change = settle(rows.pointer, probability, rows.single and dtype == "float64") if unsettled else 0.0
    if dtype == "float32":
        csr.settle_single(rows.pointer, probability)
    counts = np.array(actions, np.int64)
    return SparseModel(rewards, rows.pointer, probability, slot, chain_pointer, chain_index, discount, initial, counts,
                       offset, layout.cut, missing), layout, change


def settle(pointer: NDArray[np.int64], probability: NDArray[Any], every: bool) -> float:
    """Negative rounding becomes 0; such rows, or ``every`` row, are divided by their sums; the largest change."""
    change, first, n_rows = 0.0, 0, pointer.size - 1
    while first < n_rows:
        last = max(first + 1, int(np.searchsorted(pointer, pointer[first] + _check.CHUNK, side="right")) - 1)
        here, bounds = slice(int(pointer[first]), int(pointer[last])), pointer[first:last + 1]
        before = probability[here].astype(np.float64)
        after, starts = np.maximum(before, 0.0), bounds[:-1] - bounds[0]  # no row is empty: they sum to 1
        total = np.add.reduceat(after, starts)
        if not every:
            total[np.minimum.reduceat(before, starts) >= 0.0] = 1.0
        after /= np.repeat(total, np.diff(bounds))
        change = max(change, float(np.abs(after - before).max()))
        probability[here] = after
        first = last
    return change


def check(rows: Rows, dtype: str, where: Callable[[int], str]) -> bool:
    """Refuse rows that are no distributions; whether they have to be settled, as :func:`fastmpg._check.laws` does."""
    pointer, probability = rows.pointer, rows.probability
    with np.errstate(invalid="ignore", over="ignore"):
        total = float(probability.sum(dtype=np.float64)) if probability.size else 0.0
    if not np.isfinite(total):
        bad = np.flatnonzero(~np.isfinite(probability))
        if bad.size:
            row = int(np.searchsorted(pointer, bad[0], side="right")) - 1
            raise ValueError(f"transitions must be finite, found {float(probability[bad[0]])} {where(row)}")
    worst, number = np.zeros(2, np.int64), np.zeros(2)
    csr.worst_rows(pointer, probability, worst, number)
    single = rows.single or probability.dtype == np.float32
    tolerance = _check.single_tolerance(int(np.diff(pointer).max())) if single else _check.TOLERANCE
    if number[0] < -tolerance:
        raise ValueError(f"transition probabilities must not be negative, found {float(number[0])!r} "
                         f"{where(int(worst[0]))}")
    if abs(number[1] - 1.0) > tolerance:
        raise ValueError(f"transition probabilities must sum to 1, found {float(number[1])!r} {where(int(worst[1]))}; "
                         "divide each row by its sum, in float64 (for an absorbing state, let it lead to itself)")
    return bool(number[0] < 0.0 or (single and dtype == "float64" and number[1] != 1.0))


def refuse_large(planes: int, joint: int, layout: Layout, dtype: str, limit: int | None, held: int) -> None:
    """Say what a game needs, and what would fit, before it is built; ``held``: bytes of it that are taken."""
    tables = table_bytes(layout.n_states, joint, planes, layout.entries, layout.pattern, DTYPES[dtype])
    work = layout.bytes(1)
    have = _check.free_bytes() + held if limit is None else limit
    states = layout.n_states * have // (tables + work)
    advice = (f"that is tables of {_check.gib(tables)} and a workspace of {_check.gib(work)}; about {states} states "
              "like these would fit")
    if dtype == "float64" and layout.entries:
        advice += f'; the sparse rows with dtype="float32" need {_check.gib(4 * layout.entries)} less'
    what = f"a sparse game of {layout.n_states} states, {joint} joint actions and {layout.entries} transitions"
    _check.budget(tables + work, what, advice + "; a count-based model has no joint actions", limit, held)


def to_csr(model: SparseModel, n_states: int) -> Any:
    """scipy.sparse rows (S J, S), a copy."""
    fits = model.slot.size < 2**31
    index = np.empty(model.slot.size, np.int32 if fits else np.int64)
    csr.columns_of(model.pointer, model.slot, model.rewards.shape[2], model.chain_pointer, model.chain_index, index)
    pointer = model.pointer.astype(index.dtype)
    return sp.csr_array((model.probability.copy(), index, pointer), shape=(model.pointer.size - 1, n_states))
