"""Sums over one vector: the innermost loops of everything else."""

from ..machine import inlined, precise


@inlined
def dot(a, b):
    """sum a b    a, b (n,)"""
    total = 0.0
    for e in range(a.size):
        total += a[e] * b[e]
    return total


@precise
def dot_in_order(a, b):
    """The same from first to last, every product rounded: the same bits on every machine."""
    total = 0.0
    for e in range(a.size):
        total += a[e] * b[e]
    return total


@inlined
def scale(factor, a, out):
    """out = factor a; ``out`` may be ``a``.    a, out (n,)"""
    for e in range(out.size):
        out[e] = factor * a[e]


@inlined
def add(factor, a, out):
    """out += factor a    a, out (n,)"""
    for e in range(out.size):
        out[e] += factor * a[e]


@precise
def gather_dot(a, index, first, last, x):
    """sum a[k] x[index[k]] over first <= k < last, one by one: the processors' own gathers are slower.

    a, index (entries,)   x (S,)
    """
    t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
    k = first
    while k + 4 <= last:
        t0 += a[k] * x[index[k]]
        t1 += a[k + 1] * x[index[k + 1]]
        t2 += a[k + 2] * x[index[k + 2]]
        t3 += a[k + 3] * x[index[k + 3]]
        k += 4
    while k < last:
        t0 += a[k] * x[index[k]]
        k += 1
    return (t0 + t1) + (t2 + t3)


@inlined
def largest_of(row):
    """The first index of the largest entry.    row (n,)"""
    top, where = row[0], 0
    for a in range(1, row.size):
        if row[a] > top:
            top, where = row[a], a
    return where
