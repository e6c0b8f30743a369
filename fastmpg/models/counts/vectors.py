"""Count vectors: how many players choose each action, and where each vector is stored."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ... import _check
from ...kernels.contract_counts import vectors

INSTEAD = "use fewer players or actions, or transitions that factor over facilities or are the same for all actions"

MOST_ACTIONS = 2**16  # no table over more fits, and counting them would take long


def count_vectors(num_players: int, num_actions: int) -> NDArray[np.int64]:
    """All ways in which players can divide over actions: the order of tables over count vectors.

    Parameters
    ----------
    num_players, num_actions : int

    Returns
    -------
    ndarray (C, L) of int64
        C = comb(N + L - 1, L - 1) rows (n_1, ..., n_L) that sum to N, in lexicographic order. For two actions row n is
        (n, N - n).

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.count_vectors(2, 3).tolist()
    [[0, 0, 2], [0, 1, 1], [0, 2, 0], [1, 0, 1], [1, 1, 0], [2, 0, 0]]
    """
    n_players = _check.integer(num_players, "num_players", low=1)
    n_actions = _check.integer(num_actions, "num_actions", low=1, high=MOST_ACTIONS)
    need = 8 * vectors(n_players, n_actions) * (n_actions + 4)
    _check.budget(need,
                  f"the {vectors(n_players, n_actions)} count vectors of {n_players} players on {n_actions} actions",
                  INSTEAD)
    table, left = np.zeros((1, 0), np.int64), np.array([n_players])
    for _ in range(n_actions - 1):
        origin = np.repeat(np.arange(left.size), left + 1)
        number = np.arange(origin.size) - np.repeat(np.cumsum(left + 1) - left - 1, left + 1)
        table, left = np.column_stack([table[origin], number]), left[origin] - number
    return np.column_stack([table, left])


def _chooses(n_players: int, n_actions: int) -> NDArray[np.int64]:
    """C(u + d - 1, d); where that passes 2**62 no table over count vectors fits, and the entry is never used."""
    rows = [[min(math.comb(u + d - 1, d), 2**62) if u + d > 0 else 1 for u in range(n_players + 3)]
            for d in range(n_actions + 1)]
    return np.array(rows, np.int64)


def _indices(counts: NDArray[np.int64], choose: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where count vectors (..., L) are stored."""
    sums = np.cumsum(counts, axis=-1)
    index = np.zeros(counts.shape[:-1], np.int64)
    for d in range(1, counts.shape[-1]):
        index += choose[d, sums[..., d - 1]]
    return index
