"""Kernels on rows at the ends of the number line: softmax, projections, entropies, against numbers of 700 digits.

Bounds are as in test_extremes.py. ``FASTMPG_FUZZ=N python -m pytest tests/test_extreme_rows.py -m slow``: 5 N rows.
"""

import os

import digits
import numpy as np
import pytest
from digits import INF, MP, exact
from extremes import ENDS, STEPS, TINY, UNIT, check, largest, power

from fastmpg.kernels import simplex
from fastmpg.metrics.respond import soft_maximum

DRAWS = int(os.environ.get("FASTMPG_FUZZ", 30))


def numbers(rng, size):
    """Of one size or many, with ties, small beside a level, and -inf where there is something else."""
    kind, drawn = rng.integers(5), rng.uniform(-1, 1, size)
    row = drawn * rng.choice(ENDS, size if kind == 0 else 1)
    if kind == 1:
        row = np.rint(2 * drawn) * rng.choice(ENDS)
    elif kind == 2:
        row = 1e8 + drawn * 10.0 ** -rng.integers(8)
    elif kind == 3:
        row = drawn * 10.0 ** rng.integers(0, 4)
    return np.where((rng.random(size) < 0.1) & (np.arange(size) > 0), -np.inf, row)


def kernels(seed):
    """Rows of the simplex, one kernel after the other."""
    rng, naive = np.random.default_rng([2029, seed]), digits.naive
    row, tau = numbers(rng, int(rng.integers(1, 7))), power(rng)
    n, true = row.size, exact(row)
    size, near = largest(row), [abs(x - max(true)) for x in true]
    theta, p = row[None].copy(), np.zeros((1, n))
    simplex.softmax_rows(theta, np.array([0, n]), p)
    # an exponent x is rounded by x roundings, below -708 it is 0 as a whole
    law = naive.softmax(true)
    check("softmax", p[0], law, [w * (2 * min(x, 750) + STEPS) * UNIT + TINY for w, x in zip(law, near, strict=True)])
    out = np.zeros(n)
    simplex.log_softmax_row(row, out)
    shown = naive.log_softmax(true)
    check("logarithms of a softmax", out, shown, STEPS * UNIT * (1 + size + largest(shown)))
    value, heat = soft_maximum(row, tau, out), MP.mpf(tau)
    scaled = true / heat
    law = naive.softmax(scaled)
    check("soft maximum", value, max(true) + heat * MP.log(sum(MP.exp(x - max(scaled)) for x in scaled)),
          STEPS * UNIT * (abs(max(true)) + heat * (1 + MP.log(n))) + TINY)
    check("its weights", out, law, [w * (3 * min(x / heat, 750) + STEPS) * UNIT + TINY
                                    for w, x in zip(law, near, strict=True)])
    there = int(np.isfinite(row).sum())
    for floor in (0.0, 1e-300, 0.3 / there):
        simplex.project_row(row, floor, out)
        mass = 1 - there * MP.mpf(floor)
        kept = naive.project_simplex(np.array([x / mass for x in true if MP.isfinite(x)], object))
        expected = np.array([MP.mpf(0)] * n, object)
        expected[np.isfinite(row)] = floor + mass * kept
        check(f"projection above {floor}", out, expected, 8 * n * UNIT)
    other = np.where(rng.random(n) < 0.2, 0.0, rng.random(n) ** rng.choice([1, 100, 700]))
    law = exact(p[0])
    logs = [abs(MP.log(x)) for x in (*law, *exact(other)) if x > 0]
    check("entropy", simplex.entropy(p[0]), naive.entropy(law), n * STEPS * UNIT * (1 + max(logs)) + TINY)
    expected = INF if any(x > 0 and y == 0 for x, y in zip(law, other, strict=True)) else sum(
        x * MP.log(x / MP.mpf(float(y))) for x, y in zip(law, other, strict=True) if x > 0)
    check("divergence", simplex.divergence(p[0], other), expected, n * STEPS * UNIT * (1 + 2 * max(logs)) + TINY)


def lost_by_kernels(seeds):
    lost = {}
    for seed in seeds:
        try:
            kernels(seed)
        except Exception as error:
            lost[seed] = f"{type(error).__name__}: {error}"
    return lost


def test_divergences_of_numbers_far_apart():
    assert abs(simplex.divergence(np.array([1.0, 0.0]), np.array([1e-310, 1.0])) - 713.8013788281542) < 1e-12


def test_rows_of_the_simplex():
    assert lost_by_kernels(range(30)) == {}


@pytest.mark.slow
def test_many_rows_of_the_simplex():
    assert lost_by_kernels(range(1000, 1000 + 5 * DRAWS)) == {}
