"""Dense linear systems of no particular structure: LU with partial pivoting, and the sign of the determinant.

By our own elimination, the same bits wherever it runs; large systems by scipy's LAPACK, called by address.
"""

from ..machine import UNCOMPILED, call_address, kernel
from . import triangular
from .triangular import PANEL, below, beside, rest

OWN = 10**9 if UNCOMPILED else 320  # unknowns: above, LAPACK takes less than half the time


@kernel
def _column(lu, pivot, k, k1, n):
    """The pivot of column k is brought up; the columns up to k1 below it are updated. False if all are 0."""
    best, at = abs(lu[k, k]), k
    for i in range(k + 1, n):
        if abs(lu[i, k]) > best:
            best, at = abs(lu[i, k]), i
    pivot[k] = at + 1
    if best == 0.0:
        return False
    if at != k:
        one, other = lu[k], lu[at]
        for j in range(n):
            kept = one[j]
            one[j] = other[j]
            other[j] = kept
    below(lu, k, k1)
    return True


@kernel
def eliminate(lu, pivot):
    """Factor (n, n) in place by our own elimination; the sign of the determinant, 0 if it is singular.

    pivot (n,) int32: row k was swapped with pivot[k] - 1
    """
    n = lu.shape[0]
    for k0 in range(0, n, PANEL):
        k1 = min(k0 + PANEL, n)
        for k in range(k0, k1):
            if not _column(lu, pivot, k, k1, n):
                return 0.0
        beside(lu, k0, k1)
        rest(lu, k0, k1)
    return _sign(lu, pivot)


@kernel
def _sign(lu, pivot):
    """Of the determinant: of the pivots and of the swaps."""
    sign = 1.0
    for k in range(lu.shape[0]):
        if (pivot[k] != k + 1) != (lu[k, k] < 0.0):
            sign = -sign
    return sign


@kernel
def substitute(lu, pivot, x):
    """x (n,) <- A^-1 x, of factors made by :func:`eliminate`."""
    n = lu.shape[0]
    for k in range(n):
        other = pivot[k] - 1
        kept = x[k]
        x[k] = x[other]
        x[other] = kept
    triangular.solve(lu, x)


@kernel
def substitute_transposed(lu, pivot, x):
    """x (n,) <- A^-T x, of factors made by :func:`eliminate`."""
    n = lu.shape[0]
    triangular.solve_transposed(lu, x)
    for k in range(n - 1, -1, -1):
        other = pivot[k] - 1
        kept = x[k]
        x[k] = x[other]
        x[other] = kept


@kernel
def factor(lu, pivot, routines, scalars):
    """As :func:`eliminate`, by LAPACK where that is faster.

    routines (2,): addresses of dgetrf and dgetrs   scalars (4,) int32: what LAPACK reads
    """
    n = lu.shape[0]
    if n <= OWN:
        return eliminate(lu, pivot)
    scalars[0], scalars[1] = n, 0
    size, info = scalars.ctypes.data, scalars[1:].ctypes.data
    call_address(routines[0], (size, size, lu.ctypes.data, size, pivot.ctypes.data, info))
    return _sign(lu, pivot) if scalars[1] == 0 else 0.0


@kernel
def solve(lu, pivot, routines, scalars, x):
    """x (n,) <- A^-1 x, of factors made by :func:`factor`."""
    n = lu.shape[0]
    if n <= OWN:
        substitute(lu, pivot, x)
        return
    scalars[0], scalars[1], scalars[2] = n, 0, 1
    scalars[3] = 0x54545454  # LAPACK sees our rows as columns: 'T'
    size, info, count = scalars.ctypes.data, scalars[1:].ctypes.data, scalars[2:].ctypes.data
    call_address(routines[1], (scalars[3:].ctypes.data, size, count, lu.ctypes.data, size, pivot.ctypes.data,
                               x.ctypes.data, size, info))
