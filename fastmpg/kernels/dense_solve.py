"""Linear systems of one induced chain: (I - gamma P) V = r for values, its transpose for visitation.

I - gamma P is strictly diagonally dominant by rows, so elimination needs no pivoting (growth at most 2). Small systems
are solved by our own elimination inside the compiled loop, larger dense ones by scipy's LAPACK called from it by address,
sparse ones by BiCGSTAB and Gauss-Seidel with a residual that certifies the answer:

    |V - V*|_inf <= |r - (I - gamma P) V|_inf / (1 - gamma)        |d - d*|_1 <= |residual|_1 / (1 - gamma)
"""

import numpy as np

from .._jit import UNCOMPILED, call, kernel
from .vector import dot, gather_dot

OWN = 10**9 if UNCOMPILED else 160  # states: up to here our own elimination wins; above, LAPACK does
PANEL = 4


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
        call(routines[0], (size, size, lu.ctypes.data, size, pivot.ctypes.data, info))
        return np.int64(scalars[1])
    for k0 in range(0, n, PANEL):
        k1 = min(k0 + PANEL, n)
        for k in range(k0, k1):  # the panel: a few columns, all rows below
            if lu[k, k] == 0.0:
                return np.int64(k + 1)
            inverse = 1.0 / lu[k, k]
            for i in range(k + 1, n):
                f = lu[i, k] * inverse
                lu[i, k] = f
                for j in range(k + 1, k1):
                    lu[i, j] -= f * lu[k, j]
            if k > k0:  # the panel's rows to the right
                for m in range(k0, k):
                    f, row, above = lu[k, m], lu[k, k1:], lu[m, k1:]
                    for j in range(row.size):
                        row[j] -= f * above[j]
        if k1 - k0 == PANEL:
            u0, u1, u2, u3 = lu[k0, k1:], lu[k0 + 1, k1:], lu[k0 + 2, k1:], lu[k0 + 3, k1:]
            for i in range(k1, n):  # four rows a pass, as in the contraction
                row, f0, f1, f2, f3 = lu[i, k1:], lu[i, k0], lu[i, k0 + 1], lu[i, k0 + 2], lu[i, k0 + 3]
                for j in range(row.size):
                    row[j] -= f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j]
    return np.int64(0)


@kernel
def solve(lu, pivot, routines, scalars, rhs, transposed):
    """Solve in place for every row of rhs (R, S): (I - gamma P) x = rhs, or its transpose."""
    n = lu.shape[0]
    if n > OWN:
        scalars[0], scalars[1], scalars[2] = n, 0, rhs.shape[0]
        scalars[3] = 0x4E4E4E4E if transposed else 0x54545454  # LAPACK sees our rows as columns: 'N' and 'T' swap
        size, info, count = scalars.ctypes.data, scalars[1:].ctypes.data, scalars[2:].ctypes.data
        call(routines[1], (scalars[3:].ctypes.data, size, count, lu.ctypes.data, size, pivot.ctypes.data, rhs.ctypes.data, size, info))
        return
    for i in range(rhs.shape[0]):
        x = rhs[i]
        if transposed:
            for k in range(n):
                x[k] /= lu[k, k]
                for j in range(k + 1, n):
                    x[j] -= lu[k, j] * x[k]
            for k in range(n - 1, 0, -1):
                for j in range(k):
                    x[j] -= lu[k, j] * x[k]
        else:
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
def sparse_apply(pointer, index, chain, gamma, x, transposed, out):
    """out = (I - gamma P) x, or its transpose, for P in CSR."""
    n = x.size
    for s in range(n):
        out[s] = x[s]
    for s in range(n):
        if transposed:
            weight = gamma * x[s]
            for k in range(pointer[s], pointer[s + 1]):
                out[index[k]] -= weight * chain[k]
        else:
            out[s] -= gamma * gather_dot(chain, index, pointer[s], pointer[s + 1], x)


@kernel
def _norm(x, transposed):
    """1-norm if transposed, else the largest entry."""
    total = 0.0
    for s in range(x.size):
        total = total + abs(x[s]) if transposed else max(total, abs(x[s]))
    return total


@kernel
def _residual(pointer, index, chain, gamma, b, x, transposed, r):
    sparse_apply(pointer, index, chain, gamma, x, transposed, r)
    for s in range(x.size):
        r[s] = b[s] - r[s]


@kernel
def _relax(pointer, index, chain, gamma, s, x, r, transposed, b):
    """One Gauss-Seidel step at state s: solve its equation for x[s]. With ``transposed``, r is the residual and is kept.

    Returns how far x[s] moved.
    """
    own, total = 1.0, 0.0
    for k in range(pointer[s], pointer[s + 1]):
        if index[k] == s:
            own -= gamma * chain[k]
        else:
            total += chain[k] * x[index[k]]
    if not transposed:
        before = x[s]
        x[s] = (b[s] + gamma * total) / own
        return abs(x[s] - before)
    step = r[s] / own
    x[s] += step
    r[s] = 0.0
    for k in range(pointer[s], pointer[s + 1]):
        if index[k] != s:
            r[index[k]] += gamma * chain[k] * step
    return abs(step)


@kernel
def _sweep(pointer, index, chain, gamma, b, x, r, target, transposed):
    """Symmetric Gauss-Seidel until the residual is at most ``target`` or rounding stops it: at least gamma a sweep, always."""
    _residual(pointer, index, chain, gamma, b, x, transposed, r)
    left, moved, size = _norm(r, transposed), np.inf, 0.0
    limit = 100 - int(80.0 / np.log(gamma)) if gamma > 0.0 else 100  # e^-80: far below rounding
    for _ in range(limit):
        if left <= target or moved <= 1e-16 * size:
            break
        moved, size = 0.0, 0.0
        for s in range(x.size):
            moved = max(moved, _relax(pointer, index, chain, gamma, s, x, r, transposed, b))
        for s in range(x.size - 1, -1, -1):
            moved = max(moved, _relax(pointer, index, chain, gamma, s, x, r, transposed, b))
            size = max(size, abs(x[s]))
        _residual(pointer, index, chain, gamma, b, x, transposed, r)
        left = _norm(r, transposed)


@kernel
def sparse_solve(pointer, index, chain, gamma, rhs, transposed, tolerance, scratch):
    """Solve in place for one right-hand side: BiCGSTAB, and where that stalls, symmetric Gauss-Seidel, which cannot.

    scratch (7, S)   rhs (S,)   Returns the residual's norm: 1-norm if transposed, else the largest entry.
    Ends when that norm is at most ``tolerance`` times rhs's own, or when rounding stops all progress.
    """
    n = rhs.size
    b, x, r, shadow, p, v, t = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5], scratch[6]
    for s in range(n):
        b[s] = rhs[s]
        x[s] = b[s]
    target = tolerance * _norm(b, transposed)
    best, stalled, fresh = np.inf, 0, True
    rho, alpha, omega = 1.0, 1.0, 1.0
    for iteration in range(2000):
        if fresh:  # a start, and every 50 iterations: the recursive residual drifts from the true one
            _residual(pointer, index, chain, gamma, b, x, transposed, r)
            for s in range(n):
                shadow[s] = r[s]
                p[s] = 0.0
                v[s] = 0.0
            rho, alpha, omega, fresh = 1.0, 1.0, 1.0, False
        norm = _norm(r, transposed)
        stalled = 0 if norm < 0.5 * best else stalled + 1
        if norm < best:
            best = norm
            for s in range(n):
                rhs[s] = x[s]
        after = dot(shadow, r)
        if norm <= target or stalled > 40 or after == 0.0 or omega == 0.0 or not abs(after) < np.inf:
            break
        beta = (after / rho) * (alpha / omega)
        rho = after
        for s in range(n):
            p[s] = r[s] + beta * (p[s] - omega * v[s])
        sparse_apply(pointer, index, chain, gamma, p, transposed, v)
        bottom = dot(shadow, v)
        if bottom == 0.0:
            break
        alpha = rho / bottom
        for s in range(n):
            r[s] -= alpha * v[s]
            x[s] += alpha * p[s]
        sparse_apply(pointer, index, chain, gamma, r, transposed, t)
        bottom = dot(t, t)
        omega = dot(t, r) / bottom if bottom > 0.0 else 0.0
        for s in range(n):
            x[s] += omega * r[s]
            r[s] -= omega * t[s]
        fresh = iteration % 50 == 49
    _sweep(pointer, index, chain, gamma, b, rhs, r, target, transposed)
    _residual(pointer, index, chain, gamma, b, rhs, transposed, r)
    return _norm(r, transposed)
