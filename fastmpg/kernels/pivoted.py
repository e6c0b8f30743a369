"""Dense linear systems of no particular structure: LU with partial pivoting, and the sign of the determinant.

By our own elimination, the same bits wherever it runs; large systems by scipy's LAPACK, called by address.
"""

from ..machine import UNCOMPILED, call_address, kernel

OWN = 10**9 if UNCOMPILED else 320  # unknowns: above, LAPACK takes less than half the time
PANEL = 4


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
    inverse = 1.0 / lu[k, k]
    for i in range(k + 1, n):
        f = lu[i, k] * inverse
        lu[i, k] = f
        for j in range(k + 1, k1):
            lu[i, j] -= f * lu[k, j]
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
        for k in range(k0 + 1, k1):
            for m in range(k0, k):  # the panel's rows to the right
                f, row, above = lu[k, m], lu[k, k1:], lu[m, k1:]
                for j in range(row.size):
                    row[j] -= f * above[j]
        if k1 - k0 == PANEL:
            u0, u1, u2, u3 = lu[k0, k1:], lu[k0 + 1, k1:], lu[k0 + 2, k1:], lu[k0 + 3, k1:]
            for i in range(k1, n):  # four rows a pass
                row, f0, f1, f2, f3 = lu[i, k1:], lu[i, k0], lu[i, k0 + 1], lu[i, k0 + 2], lu[i, k0 + 3]
                for j in range(row.size):
                    row[j] -= f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]
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
    for k in range(1, n):
        total = x[k]
        for j in range(k):
            total -= lu[k, j] * x[j]
        x[k] = total
    for k in range(n - 1, -1, -1):
        total = x[k]
        for j in range(k + 1, n):
            total -= lu[k, j] * x[j]
        x[k] = total / lu[k, k]


@kernel
def substitute_transposed(lu, pivot, x):
    """x (n,) <- A^-T x, of factors made by :func:`eliminate`."""
    n = lu.shape[0]
    for k in range(n):
        x[k] /= lu[k, k]
        for j in range(k + 1, n):
            x[j] -= lu[k, j] * x[k]
    for k in range(n - 1, 0, -1):
        for j in range(k):
            x[j] -= lu[k, j] * x[k]
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
