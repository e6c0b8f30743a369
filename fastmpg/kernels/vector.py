"""Sums over one vector: the innermost loops of everything else."""

from .._jit import inlined


@inlined
def dot(a, b):
    """sum a b"""
    total = 0.0
    for e in range(a.size):
        total += a[e] * b[e]
    return total


@inlined
def scale(factor, a, out):
    """out = factor a; ``out`` may be ``a``."""
    for e in range(out.size):
        out[e] = factor * a[e]


@inlined
def add(factor, a, out):
    """out += factor a"""
    for e in range(out.size):
        out[e] += factor * a[e]
