"""What elimination with and without pivoting share: the parts below and right of a panel, and triangular systems."""

from ..machine import kernel

PANEL = 4  # columns of a panel: the rows below are then passed over once for four of them


@kernel
def below(lu, k, k1):
    """Divide column k by its pivot, which is not 0, and take it from the columns up to k1, in all rows below."""
    inverse = 1.0 / lu[k, k]
    for i in range(k + 1, lu.shape[0]):
        f = lu[i, k] * inverse
        lu[i, k] = f
        for j in range(k + 1, k1):
            lu[i, j] -= f * lu[k, j]


@kernel
def beside(lu, k0, k1):
    """The panel's rows to the right of it."""
    for k in range(k0 + 1, k1):
        for m in range(k0, k):
            f, row, above = lu[k, m], lu[k, k1:], lu[m, k1:]
            for j in range(row.size):
                row[j] -= f * above[j]


@kernel
def rest(lu, k0, k1):
    """The rows below a panel, to the right of it; nothing is there behind a panel of fewer columns."""
    if k1 - k0 == PANEL:
        u0, u1, u2, u3 = lu[k0, k1:], lu[k0 + 1, k1:], lu[k0 + 2, k1:], lu[k0 + 3, k1:]
        for i in range(k1, lu.shape[0]):  # four rows a pass, as in the contraction
            row, f0, f1, f2, f3 = lu[i, k1:], lu[i, k0], lu[i, k0 + 1], lu[i, k0 + 2], lu[i, k0 + 3]
            for j in range(row.size):
                row[j] -= f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]


@kernel
def solve(lu, x):
    """x (n,) <- (L U)^-1 x."""
    n = lu.shape[0]
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
def solve_transposed(lu, x):
    """x (n,) <- (L U)^-T x."""
    n = lu.shape[0]
    for k in range(n):
        x[k] /= lu[k, k]
        for j in range(k + 1, n):
            x[j] -= lu[k, j] * x[k]
    for k in range(n - 1, 0, -1):
        for j in range(k):
            x[j] -= lu[k, j] * x[k]
