"""Large sparse chains: (I - gamma P) x = b, or its transpose, by preconditioned BiCGSTAB inside iterative refinement.

I - gamma P is an M-matrix, so that an incomplete factorisation without fill exists and is stable (Meijerink and van der
Vorst 1977). Where most states have one likely successor, states are eliminated after it: chains that are nearly
deterministic, which defeat every Krylov method in a random order, are then nearly triangular. (Adding what is dropped
to the diagonal halves the iterations on regular grids, and multiplies them by eight on random chains.)

Every solution ends with a residual that is computed afresh, and is corrected until that is rounding. What it returns
bounds the true residual, rounding of its own included (:func:`certificate`), so that for rows that sum to 1

    |V - V*|_inf <= |b - (I - gamma P) V|_inf / (1 - gamma)        |d - d*|_1 <= |residual|_1 / (1 - gamma)

Where the iteration fails to halve the residual, symmetric Gauss-Seidel goes on from there, which is slow and cannot
stall.
"""

import numpy as np

from ..machine import kernel
from .vector import add, dot, gather_dot

WIDTH = 64  # entries of a row from which only the larger ones enter the factors
LIKELY = 0.4  # mean probability of the likeliest successor from which states are ordered by it
VECTORS = 10  # of scratch
EPS = 2.220446049250313e-16
INNER = 1e-9  # reduction that one call of BiCGSTAB is asked for: its own residual drifts from the true one beyond
MOST, PATIENCE = 2000, 500  # iterations of one call, and of one that does not halve its residual


@kernel
def norm(x, transposed):
    """1-norm if transposed, else the largest entry; NaN if there is one.    x (S,)"""
    total = 0.0
    for s in range(x.size):
        size = abs(x[s])
        if transposed:
            total += size
        elif not size <= total:
            total = size
    return total


@kernel
def pack(pointer, index, chain, packed, column):
    """Leave the zeros out: a deviation to one action may use a small part of the pattern. chain is packed in place.

    packed (S + 1,)   column (pattern,)
    """
    end, first = 0, pointer[0]
    packed[0] = 0
    for s in range(packed.size - 1):
        last = pointer[s + 1]
        for k in range(first, last):
            if chain[k] != 0.0:
                chain[end], column[end] = chain[k], index[k]
                end += 1
        first = last
        packed[s + 1] = end


@kernel
def order_states(pointer, index, chain, order, rank, stack):
    """The order of elimination: by likeliest successors first where these decide, else as the states are numbered.

    order, rank (S,) int32, inverse to each other   stack (S,) int32
    """
    n, mass = order.size, 0.0
    for s in range(n):
        best, where = 0.0, np.int64(s)
        for k in range(pointer[s], pointer[s + 1]):
            if chain[k] > best:
                best, where = chain[k], np.int64(index[k])
        mass += best
        order[s] = where
        rank[s] = -1
    if mass < LIKELY * n:
        for s in range(n):
            order[s] = s
            rank[s] = s
        return
    count = 0
    for first in range(n):
        depth, s = 0, first
        while rank[s] == -1:
            rank[s] = -2
            stack[depth] = s
            depth += 1
            s = order[s]
        while depth > 0:
            depth -= 1
            rank[stack[depth]] = count
            count += 1
    for s in range(n):
        order[rank[s]] = s


@kernel
def factor(pointer, index, chain, gamma, factors):
    """Incomplete factors of I - gamma P without fill; see :class:`Factors` in models/markov/sparse.py.

    pointer (S + 1,)   index, chain (pattern,)
    """
    order, rank, here, start = factors.order, factors.rank, factors.here, factors.start
    middle, column, value = factors.middle, factors.column, factors.value
    n = order.size
    order_states(pointer, index, chain, order, rank, here)
    for s in range(n):
        here[s] = -1
    end = 0
    for i in range(n):
        s = order[i]
        start[i] = end
        filled = 0
        for k in range(pointer[s], pointer[s + 1]):
            filled += chain[k] > 0.0
        low = 0.0 if filled <= WIDTH else 1.0 / WIDTH
        own = 1.0
        for k in range(pointer[s], pointer[s + 1]):
            p, t = chain[k], np.int64(index[k])
            if t == s:
                own -= gamma * p
            elif p > low:
                c, at = rank[t], end
                while at > start[i] and column[at - 1] > c:
                    column[at], value[at] = column[at - 1], value[at - 1]
                    at -= 1
                column[at], value[at] = c, -gamma * p
                end += 1
        at = end
        while at > start[i] and column[at - 1] > i:
            column[at], value[at] = column[at - 1], value[at - 1]
            at -= 1
        column[at], value[at] = i, own
        middle[i] = at
        end += 1
        for k in range(start[i], end):
            here[column[k]] = k
        for k in range(start[i], at):
            j = column[k]
            share = value[k] * value[middle[j]]
            value[k] = share
            for m in range(middle[j] + 1, start[j + 1] if j + 1 < i else start[i]):
                to = here[column[m]]
                if to >= 0:
                    value[to] -= share * value[m]
        for k in range(start[i], end):
            here[column[k]] = -1
        value[at] = 1.0 / value[at]
    start[n] = end


@kernel
def precondition(factors, r, transposed, z, out):
    """out = M^-1 r, or its transpose, M the factors' product.    z (S,) scratch; ``out`` may be ``r``"""
    order, start, middle, column, value = factors.order, factors.start, factors.middle, factors.column, factors.value
    n = order.size
    if not transposed:
        for i in range(n):
            z[i] = r[order[i]] - gather_dot(value, column, start[i], middle[i], z)
        for i in range(n - 1, -1, -1):
            z[i] = (z[i] - gather_dot(value, column, middle[i] + 1, start[i + 1], z)) * value[middle[i]]
            out[order[i]] = z[i]
    else:
        for i in range(n):
            z[i] = r[order[i]]
        for i in range(n):
            total = z[i] * value[middle[i]]
            z[i] = total
            for k in range(middle[i] + 1, start[i + 1]):
                z[column[k]] -= value[k] * total
        for i in range(n - 1, -1, -1):
            total = z[i]
            out[order[i]] = total
            for k in range(start[i], middle[i]):
                z[column[k]] -= value[k] * total


@kernel
def bicgstab(pointer, index, chain, gamma, factors, r, transposed, target, x, scratch):
    """x with |r - A x| <= target, or as near as it comes; r becomes the residual; the iterations. scratch (7, S)

    Right-preconditioned, so that the residual that it watches is that of the system itself.
    """
    n = r.size
    shadow, p, v, t, y, hat, z = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5], scratch[6]
    for s in range(n):
        shadow[s], p[s], v[s], x[s] = r[s], 0.0, 0.0, 0.0
    rho, alpha, omega = 1.0, 1.0, 1.0
    best, since = np.inf, 0
    for iteration in range(MOST):
        left = norm(r, transposed)
        since = 0 if left < 0.5 * best else since + 1
        best = min(best, left)
        after = dot(shadow, r)
        if left <= target or since > PATIENCE or after == 0.0 or omega == 0.0 or not abs(after) < np.inf:
            return iteration
        beta = (after / rho) * (alpha / omega)
        rho = after
        for s in range(n):
            p[s] = r[s] + beta * (p[s] - omega * v[s])
        precondition(factors, p, transposed, z, y)
        sparse_apply(pointer, index, chain, gamma, y, transposed, v)
        bottom = dot(shadow, v)
        if bottom == 0.0:
            return iteration
        alpha = rho / bottom
        add(-alpha, v, r)
        add(alpha, y, x)
        if norm(r, transposed) <= target:
            return iteration + 1
        precondition(factors, r, transposed, z, hat)
        sparse_apply(pointer, index, chain, gamma, hat, transposed, t)
        bottom = dot(t, t)
        omega = dot(t, r) / bottom if bottom > 0.0 else 0.0
        add(omega, hat, x)
        add(-omega, t, r)
    return MOST


@kernel
def certificate(pointer, index, gamma, b, x, transposed, left, count):
    """An upper bound on the norm of the true residual b - (I - gamma P) x from that of the computed one.

    An entry of it sums k + 2 numbers, k entries of its row or column, with at most k + 4 roundings each, in any order
    (Higham 2002, section 3.1): it is off by at most (k + 4) u / (1 - (k + 4) u) times the sum of their absolute values.
    Rows of the chain must sum to at most 1.001, and only the pattern is read.

    left: the computed norm   count (S,): scratch   Returns NaN where the norm is.
    """
    most, terms = 0.0, 1.0
    if transposed:
        terms = float(x.size)  # of the norm's own sum
        for s in range(x.size):
            count[s] = 0.0
        for k in range(pointer[0], pointer[x.size]):
            count[index[k]] += 1.0
        for s in range(x.size):
            most = max(most, count[s])
    else:
        for s in range(x.size):
            most = max(most, float(pointer[s + 1] - pointer[s]))
    size = norm(b, transposed) + (1.0 + 1.001 * gamma) * norm(x, transposed)
    roundings = 0.5 * EPS * (most + 4.0)
    return left * (1.0 + 2.0 * EPS * (terms + 4.0)) + 1.001 * roundings / (1.0 - roundings) * size


@kernel
def solve(pointer, index, chain, gamma, factors, rhs, transposed, share, scratch):
    """Solve in place for one right-hand side, to rounding, or to a residual of ``share`` times rhs's own norm.

    rhs (S,)   scratch (VECTORS, S)
    Returns the norm of the residual, computed afresh, with a bound on its rounding: 1-norm if transposed, else the
    largest entry.
    """
    left = _solve_to(pointer, index, chain, gamma, factors, rhs, transposed, share, scratch)
    return certificate(pointer, index, gamma, scratch[0], rhs, transposed, left, scratch[2])


@kernel
def _solve_to(pointer, index, chain, gamma, factors, rhs, transposed, share, scratch):
    """As :func:`solve`, and returns the norm as computed; scratch[0] is left as rhs was.

    rhs (S,)   scratch (VECTORS, S)
    """
    n = rhs.size
    b, r, step, more = scratch[0], scratch[1], scratch[2], scratch[3:]
    for s in range(n):
        b[s] = rhs[s]
        r[s] = rhs[s]
        rhs[s] = 0.0
    whole = norm(b, transposed)
    left = whole
    for _ in range(50):
        target = max(share * whole, 2.0 * EPS * (whole + 2.0 * norm(rhs, transposed)))
        if left <= target:
            return left
        bicgstab(pointer, index, chain, gamma, factors, r, transposed, max(0.3 * target, INNER * left), step, more)
        add(1.0, step, rhs)
        sparse_apply(pointer, index, chain, gamma, rhs, transposed, r)
        for s in range(n):
            r[s] = b[s] - r[s]
        now = norm(r, transposed)
        if now <= 0.5 * left:
            left = now
            continue
        if now < left and now <= 100.0 * target:
            return now
        for s in range(n):  # not NaN - NaN: from the vector itself
            if not abs(step[s]) < np.inf:
                rhs[s] = 0.0
            else:
                rhs[s] -= step[s]
        sparse_apply(pointer, index, chain, gamma, rhs, transposed, r)
        for s in range(n):
            r[s] = b[s] - r[s]
        left = norm(r, transposed)
        if left > 100.0 * target:
            for s in range(n):
                step[s] = 0.0
            gauss_seidel(pointer, index, chain, gamma, r, step, more[0], max(1e-16 * left, target), transposed)
            add(1.0, step, rhs)
            sparse_apply(pointer, index, chain, gamma, rhs, transposed, r)
            for s in range(n):
                r[s] = b[s] - r[s]
            left = norm(r, transposed)
        return left
    return left


@kernel
def solve_some(pointer, index, chain, gamma, factors, rhs, low, high, transposed, share, scratch, residual):
    """Right-hand sides low..high-1 with one share's scratch (VECTORS, S).    rhs (R, S)   residual (R,)"""
    for i in range(low, high):
        residual[i] = solve(pointer, index, chain, gamma, factors, rhs[i], transposed, share, scratch)



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
def _residual(pointer, index, chain, gamma, b, x, transposed, r):
    """r (S,) = b - (I - gamma P) x, or of the transpose, with P in CSR rows.

    pointer (S + 1,), index, chain (pattern,)   b, x (S,)
    """
    sparse_apply(pointer, index, chain, gamma, x, transposed, r)
    for s in range(x.size):
        r[s] = b[s] - r[s]


@kernel
def _relax(pointer, index, chain, gamma, s, x, r, transposed, b):
    """One Gauss-Seidel step: solve the equation of state s for x[s]. With ``transposed``, the residual r is kept.

    Returns how far x[s] moved.

    x, r, b (S,)
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
def gauss_seidel(pointer, index, chain, gamma, b, x, r, target, transposed):
    """Symmetric Gauss-Seidel to ``target`` or until rounding stops it: it gains at least gamma a sweep.

    b, x, r (S,): x is where to start, and ends as the solution; r is scratch   Returns the residual's norm.
    """
    _residual(pointer, index, chain, gamma, b, x, transposed, r)
    left, moved, size = norm(r, transposed), np.inf, 0.0
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
        left = norm(r, transposed)
    return left
