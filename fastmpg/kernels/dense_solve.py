"""Dense linear systems of one induced chain: (I - gamma P) V = r for values, its transpose for visitation.

I - gamma P is strictly diagonally dominant by rows, so elimination needs no pivoting (growth at most 2). Small systems
are solved by our own elimination inside the compiled loop, larger ones by scipy's LAPACK called from it by address;
large sparse chains are those of :mod:`.sparse_solve`.
"""

import numpy as np

from ..machine import UNCOMPILED, call_address, kernel
from . import triangular
from .triangular import PANEL, below, beside, rest

OWN = 10**9 if UNCOMPILED else 160  # states: up to here our own elimination wins; above, LAPACK does


@kernel
def system(chain, gamma, lu):
    """lu = I - gamma P.    chain, lu (S, S)"""
    n = chain.shape[0]
    for s in range(n):
        for t in range(n):
            lu[s, t] = -gamma * chain[s, t]
        lu[s, s] += 1.0


@kernel
def factor(lu, pivot, routines, scalars):
    """Factor in place; returns 0, or 1 + the row where a pivot vanished (never for gamma < 1 and stochastic rows).

    lu (S, S)   pivot (S,) int32 and scalars (4,) int32 for LAPACK   routines (2,) addresses of dgetrf and dgetrs
    """
    n = lu.shape[0]
    if n > OWN:
        scalars[0], scalars[1] = n, 0
        size, info = scalars.ctypes.data, scalars[1:].ctypes.data
        call_address(routines[0], (size, size, lu.ctypes.data, size, pivot.ctypes.data, info))
        return np.int64(scalars[1])
    for k0 in range(0, n, PANEL):
        k1 = min(k0 + PANEL, n)
        for k in range(k0, k1):  # the panel: a few columns, all rows below
            if lu[k, k] == 0.0:
                return np.int64(k + 1)
            below(lu, k, k1)
        beside(lu, k0, k1)
        rest(lu, k0, k1)
    return np.int64(0)


@kernel
def solve(lu, pivot, routines, scalars, rhs, transposed):
    """Solve in place for every row of rhs (R, S): (I - gamma P) x = rhs, or its transpose."""
    n = lu.shape[0]
    if n > OWN:
        scalars[0], scalars[1], scalars[2] = n, 0, rhs.shape[0]
        scalars[3] = 0x4E4E4E4E if transposed else 0x54545454  # LAPACK sees our rows as columns: 'N' and 'T' swap
        size, info, count = scalars.ctypes.data, scalars[1:].ctypes.data, scalars[2:].ctypes.data
        call_address(routines[1], (scalars[3:].ctypes.data, size, count, lu.ctypes.data, size, pivot.ctypes.data,
                                   rhs.ctypes.data, size, info))
        return
    for i in range(rhs.shape[0]):
        if transposed:
            triangular.solve_transposed(lu, rhs[i])
        else:
            triangular.solve(lu, rhs[i])
