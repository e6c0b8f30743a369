"""Draws from probability rows by alias tables, one comparison a draw (Walker 1977, Vose 1991)."""

import numpy as np

from ..machine import inlined, kernel, precise
from ..machine.vectors import gather, select
from .elementary import floor, integer, real


@kernel
def alias_tables(pointer, probability, small, large, threshold, other):
    """Fill the tables of CSR rows: outcome c of n is kept with probability threshold[c], else replaced by other[c] of
    its row.

    pointer (rows + 1,)   probability, threshold, other (nnz,)   small, large: scratch of the longest row's length
    """
    for row in range(pointer.size - 1):
        start, n = pointer[row], pointer[row + 1] - pointer[row]
        total = 0.0
        for c in range(start, start + n):
            total += probability[c]
        n_small, n_large = 0, 0
        for c in range(n):
            threshold[start + c] = probability[start + c] * n / total
            other[start + c] = c
            if threshold[start + c] < 1.0:
                small[n_small] = c
                n_small += 1
            else:
                large[n_large] = c
                n_large += 1
        while n_small > 0 and n_large > 0:
            n_small -= 1
            poor, rich = small[n_small], large[n_large - 1]
            other[start + poor] = rich
            threshold[start + rich] -= 1.0 - threshold[start + poor]
            if threshold[start + rich] < 1.0:
                n_large -= 1
                small[n_small] = rich
                n_small += 1
        for c in range(n_small):  # what rounding left over is 1 up to rounding
            threshold[start + small[c]] = 1.0
        for c in range(n_large):
            threshold[start + large[c]] = 1.0


@inlined
def draw(u, start, n, threshold, other):
    """The outcome among 0..n-1 that a uniform number in [0, 1) selects."""
    x = u * n
    c = np.int64(x)
    # both: a branch would be guessed wrong
    kept, replaced = gather(threshold, start + c), np.int64(gather(other, start + c))
    return select(x - c < kept, c, replaced)


@precise
def draw_lanes(u, start, n, threshold, other):
    """:func:`draw` in every lane, of rows of their own: start, n whole numbers or vectors of them, n < 2^51.

    Numbers are made whole in one instruction, which vectors have not: in the place of :func:`draw` it costs a
    simulation up to 3 %.
    """
    x = u * real(n)
    below = floor(x)
    c = integer(below)
    kept, replaced = gather(threshold, start + c), gather(other, start + c)
    return select(x - below < kept, c, replaced)
