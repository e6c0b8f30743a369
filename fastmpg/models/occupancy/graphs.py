"""Graphs of individual states, as rows: what players may do in a cell, and where it leads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ... import _check

INSTEAD = "share a graph between players, or give integers (X, A) where moves are certain"


class Graph(NamedTuple):
    """pointer (X A + 1,), target, probability (E,) of rows x A + a; an action that cannot be taken has an empty row."""

    pointer: NDArray[np.int64]
    target: NDArray[np.int32]
    probability: NDArray[np.float64]
    states: int
    actions: int

    @property
    def available(self) -> NDArray[np.bool_]:
        """(X, A): which actions can be taken."""
        return (np.diff(self.pointer) > 0).reshape(self.states, self.actions)


def _rows(given: Any, name: str) -> tuple[Any, int, int]:
    """Rows (X A, X) as a csr_array, and X and A, of the three ways to write them down."""
    if sp.issparse(given):
        rows, states = given.shape
        if states < 1 or rows < 1 or rows % states:
            raise ValueError(f"{name} must have shape (X * A, X), found {given.shape}")
        if given.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold real numbers, found dtype {given.dtype}")
        table = sp.csr_array(given, dtype=np.float64, copy=True)
        table.sum_duplicates()
        return table, states, rows // states
    found = _check.read(given, name)
    if found.ndim == 2 and found.dtype.kind in "iu":
        states, actions = found.shape
        if states < 1 or actions < 1:
            raise ValueError(f"{name} must hold at least one state and one action, found shape {found.shape}")
        outside = (found < -1) | (found >= states)
        if outside.any():
            x, a = (int(each) for each in np.argwhere(outside)[0])
            raise ValueError(f"{name} must lead to states 0 to {states - 1}, or be -1 where the action cannot be "
                             f"taken, found {int(found[x, a])} in state {x}, action {a}")
        to = found.reshape(-1)
        pointer = np.concatenate([[0], np.cumsum(to >= 0)])
        index = to[to >= 0]
        return sp.csr_array((np.ones(index.size), index, pointer), shape=(to.size, states)), states, actions
    if found.ndim != 3 or found.shape[0] != found.shape[2] or found.size == 0:
        raise ValueError(f"{name} must be integers (X, A) (the next state, -1 where an action cannot be taken), "
                         f"probabilities (X, A, X), or sparse rows (X * A, X), found shape {found.shape} of "
                         f"{found.dtype}")
    states, actions = found.shape[:2]
    return sp.csr_array(found.reshape(states * actions, states).astype(np.float64)), states, actions


def graph_of(given: Any, available: Any, name: str, mask_name: str) -> Graph:
    """A graph, checked.

    Parameters
    ----------
    given : array_like of int (X, A), array_like (X, A, X), or scipy.sparse (X * A, X)
    available : array_like of bool (X, A), optional
    name, mask_name : str
        What messages call the two.
    """
    table, states, actions = _rows(given, name)
    taken = np.diff(table.indptr).reshape(states, actions) > 0
    if available is not None:
        mask = _check.read(available, mask_name)
        if mask.dtype != np.bool_:
            raise TypeError(f"{mask_name} must hold True or False, found dtype {mask.dtype}")
        if mask.shape != (states, actions):
            raise ValueError(f"{mask_name} must have shape (X, A) = {(states, actions)}, found {mask.shape}")
        missing = mask & ~taken
        if missing.any():
            x, a = (int(each) for each in np.argwhere(missing)[0])
            raise ValueError(f"{mask_name} says that action {a} can be taken in state {x}, where {name} leads nowhere")
        taken = mask
    if not taken.any(axis=1).all():
        x = int(np.argmin(taken.any(axis=1)))
        raise ValueError(f"{name if available is None else mask_name} must leave an action in every state, found none "
                         f"in state {x}; let it stay where it is")
    table.data[~np.repeat(taken.reshape(-1), np.diff(table.indptr))] = 0.0  # whatever stood there
    table.eliminate_zeros()
    keep = np.flatnonzero(taken.reshape(-1))
    if not np.isfinite(table.data).all():
        raise ValueError(f"{name} must be finite, found {float(table.data[np.argmin(np.isfinite(table.data))])}")
    total = np.asarray(table.sum(axis=1)).reshape(-1)[keep]
    low = float(table.data.min(initial=0.0))
    off = np.abs(total - 1.0)
    if low < 0.0 or off.max() > _check.TOLERANCE:
        row = int(np.searchsorted(table.indptr, int(np.argmin(table.data)), side="right")) - 1 if low < 0.0 else int(
            keep[np.argmax(off)])
        found = f"{low!r}" if low < 0.0 else f"a sum of {float(total[np.argmax(off)])!r}"
        raise ValueError(f"probabilities of {name} must be at least 0 and sum to 1, found {found} in state "
                         f"{row // actions}, action {row % actions}; divide each row by its sum, in float64")
    return Graph(table.indptr.astype(np.int64), table.indices.astype(np.int32), table.data.astype(np.float64), states,
                 actions)
