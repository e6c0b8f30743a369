"""Exponentials, logarithms and powers as close as documented; alias tables that hold the probabilities."""

import math
from decimal import Context, Decimal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulating import EPS, P_VALUE, chi_square, compiled_only

from fastmpg.kernels import elementary
from fastmpg.kernels.alias import alias_tables, draw
from fastmpg.machine import UNCOMPILED, kernel
from fastmpg.machine.vectors import LANES, load, store
from fastmpg.rules import _schedule as rule_module


@kernel
def exp_numbers(x, out):
    for n in range(x.size):
        out[n] = elementary.exp(x[n])


@kernel
def exp_lanes(x, out):
    for n in range(0, x.size, LANES):
        store(out, n, elementary.exp(load(x, n)))


@kernel
def log_numbers(x, out):
    for n in range(x.size):
        out[n] = elementary.log(x[n])


@kernel
def log_lanes(x, out):
    for n in range(0, x.size, LANES):
        store(out, n, elementary.log(load(x, n)))


@kernel
def plogp_numbers(x, out):
    for n in range(x.size):
        out[n] = elementary.plogp(x[n])


@kernel
def plogp_lanes(x, out):
    for n in range(0, x.size, LANES):
        store(out, n, elementary.plogp(load(x, n)))


@kernel
def power_numbers(x, exponent, out):
    for n in range(x.size):
        out[n] = elementary.power(x[n], exponent)


@kernel
def power_lanes(x, exponent, out):
    for n in range(0, x.size, LANES):
        store(out, n, elementary.power(load(x, n), exponent))


def both(name, x, *rest):
    """Values at the numbers x, found one by one and LANES at a time: the same bits."""
    count = len(x)
    padded = np.resize(np.array(x, dtype=float), -(-count // LANES) * LANES)
    numbers, lanes = np.zeros((2, padded.size))
    globals()[f"{name}_numbers"](padded, *rest, numbers)
    globals()[f"{name}_lanes"](padded, *rest, lanes)
    assert_array_equal(numbers.view(np.int64), lanes.view(np.int64))
    return numbers[:count]


CONTEXT = Context(prec=60, Emin=-999999, Emax=999999)


def relative(found, exact):
    """Largest relative error against numbers of 60 digits."""
    worst = Decimal(0)
    for value, true in zip(found.tolist(), exact, strict=True):
        worst = max(worst, abs(Decimal(value) - true) / abs(true) if true else abs(Decimal(value)))
    return float(worst)


def far_and_near(rng, count):
    """Positive normal numbers: all magnitudes, around 1, around sqrt(1/2) and sqrt(2), where the reduction turns."""
    return np.concatenate([np.exp(rng.uniform(-708, 709, count)), 1 + rng.uniform(-0.3, 0.42, count),
                           1 + rng.normal(size=count) * 1e-8,
                           math.sqrt(0.5) * (1 + rng.normal(size=count) * 1e-15),
                           math.sqrt(2) * (1 + rng.normal(size=count) * 1e-15),
                           [1.0, 1 - EPS / 2, 1 + EPS, np.finfo(float).tiny, np.finfo(float).max, 2.0, 0.5, math.e]])


# The documented bounds are of fused multiply-adds; uncompiled, products round once more.
@compiled_only
def test_exp_is_as_close_as_documented(rng):
    """Three roundings of half an ulp each: of r + 1, of the polynomial's low end and of the result."""
    x = np.concatenate([rng.uniform(-708, 709, 3000), rng.normal(size=2000), rng.normal(size=500) * 1e-9,
                        [0.0, -0.0, -708.0, 709.0]])
    assert relative(both("exp", x), [CONTEXT.exp(Decimal(v)) for v in x.tolist()]) <= 1.5 * EPS


@compiled_only
def test_log_is_as_close_as_documented(rng):
    x = far_and_near(rng, 1500)
    assert relative(both("log", x), [CONTEXT.ln(Decimal(v)) for v in x.tolist()]) <= 3e-16


@compiled_only
@pytest.mark.parametrize("exponent", [-1.0, -0.6, -0.5, -1e-3, 0.0, 0.3, 1.0, 2.5])
def test_power_is_as_close_as_documented(exponent, rng):
    """1e-15 (1 + |exponent log x|), over the visits 1..1e9 that step sizes see and beyond."""
    x = np.concatenate([np.arange(1, 300), rng.integers(1, 10**9, 500) + rng.random(500),
                        np.exp(rng.uniform(-200, 200, 300))])
    exact = [CONTEXT.exp(CONTEXT.ln(Decimal(v)) * Decimal(exponent)) for v in x.tolist()]
    found = both("power", x, exponent)
    for value, true, at in zip(found.tolist(), exact, x.tolist(), strict=True):
        assert abs(Decimal(value) / true - 1) <= Decimal(1e-15 * (1 + abs(exponent * math.log(at)))), at


@compiled_only
def test_plogp_is_close(rng):
    """One rounding of the product on top of the logarithm's 3e-16."""
    x = np.concatenate([rng.random(2000), np.exp(rng.uniform(-700, 0, 2000)), 1 - rng.random(500) * 1e-9])
    exact = [Decimal(v) * CONTEXT.ln(Decimal(v)) for v in x.tolist()]
    assert relative(both("plogp", x), exact) <= 3e-16 + EPS / 2


def test_elementary_edges():
    below = np.nextafter(-708.0, -np.inf)
    found = both("exp", [np.nan, -np.inf, -1e300, -745.0, below, -708.0, 0.0, -0.0])
    assert math.isnan(found[0])
    assert_array_equal(found[1:5], 0.0)
    assert_allclose(found[5], math.exp(-708), rtol=1e-15)
    assert_array_equal(found[6:], 1.0)
    assert_array_equal(both("log", [1.0]), 0.0)
    tiny = np.finfo(float).tiny
    found = both("plogp", [0.0, 5e-324, tiny / 2, 1.0, np.nan, tiny])
    assert_array_equal(found[:4], 0.0)
    assert math.isnan(found[4])
    assert_allclose(found[5], tiny * math.log(tiny), rtol=1e-15)
    assert_array_equal(both("power", [1.0, 7.0, 1e9], 0.0), 1.0)


@kernel
def steps_of(table, exponent, shift, visits, numbers, lanes):
    for n in range(visits.size):
        numbers[n] = rule_module.step_size(table, exponent, shift, visits[n])
    for n in range(0, visits.size, LANES):
        store(lanes, n, rule_module.step_size(table, exponent, shift, load(visits, n)))


@pytest.mark.parametrize("exponent, shift", [(0.6, 1.0), (1.0, 0.0), (0.5, 3.25), (0.0, 5.0)])
def test_step_sizes_cross_the_end_of_the_table_smoothly(exponent, shift, rng):
    """The same bits looked up and computed: a short table gives what a longer one gives."""
    visits = np.concatenate([np.arange(1.0, 41.0), rng.integers(1, 64, 24)])
    found = []
    for size in (2, 17, 64):
        table, numbers, lanes = np.zeros(size), np.zeros(visits.size), np.zeros(visits.size)
        rule_module.fill_table(exponent, shift, table)
        steps_of(table, exponent, shift, visits, numbers, lanes)
        found += [numbers, lanes]
    for other in found:
        assert_array_equal(other, found[0])
    assert_allclose(found[0], (visits + shift) ** -exponent, rtol=4e-15)  # 1e-15 (1 + log 64) of either power


def test_step_sizes_of_a_given_table():
    visits = np.arange(1.0, 17.0)
    numbers, lanes = np.zeros((2, 16))
    steps_of(np.array([0.0, 0.5, 0.25, 0.125]), 0.0, 0.0, visits, numbers, lanes)
    assert_array_equal(numbers, [0.5, 0.25] + [0.125] * 14)
    assert_array_equal(lanes, numbers)


@kernel
def draw_all(u, start, n, threshold, other, out):
    for k in range(u.size):
        out[k] = draw(u[k], start, n, threshold, other)


def tables_of(rows):
    """Alias tables of a list of rows of different lengths."""
    pointer = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    flat, longest = np.concatenate(rows), max(map(len, rows))
    threshold, other = np.full(flat.size, np.nan), np.full(flat.size, -1, np.int32)
    alias_tables(pointer, flat, np.empty(longest, np.int64), np.empty(longest, np.int64), threshold, other)
    return pointer, threshold, other


def probability_rows(rng, kind):
    sizes = {"dense": [7] * 30, "ragged": rng.integers(1, 40, 30), "zeros": [12] * 30, "one-hot": [1, 2, 5, 9] * 5,
             "equal": list(range(1, 40)), "tiny": [6] * 20, "off": [8] * 20}[kind]
    rows = [rng.dirichlet(np.ones(n)) for n in sizes]
    if kind == "zeros":
        for row in rows:
            row[rng.permutation(row.size)[:rng.integers(1, row.size)]] = 0.0
        rows = [row / row.sum() for row in rows]
    elif kind == "one-hot":
        rows = [np.eye(n)[rng.integers(n)] for n in sizes]
    elif kind == "equal":
        rows = [np.full(n, 1.0 / n) for n in sizes]
    elif kind == "tiny":
        rows = [np.array([1e-300, 1e-17, 1e-9, 0.25, 0.0, 0.75 - 1e-9])[rng.permutation(6)] for _ in sizes]
    elif kind == "off":  # within the tolerance that a game's rows have
        rows = [row * (1 + rng.uniform(-1e-8, 1e-8)) for row in rows]
    return rows


@pytest.mark.parametrize("kind", ["dense", "ragged", "zeros", "one-hot", "equal", "tiny", "off"])
def test_alias_tables_hold_the_probabilities(kind, rng):
    """p_c = (threshold_c + sum over d replaced by c of (1 - threshold_d)) / n.

    Thresholds reach n and are lowered up to n times, half an ulp each, so that a probability may be off by n EPS.
    """
    rows = probability_rows(rng, kind)
    pointer, threshold, other = tables_of(rows)
    for r, row in enumerate(rows):
        n, own = row.size, slice(pointer[r], pointer[r + 1])
        assert (threshold[own].min() >= 0.0 and threshold[own].max() <= 1.0
                and (other[own] >= 0).all() and (other[own] < n).all())
        found = threshold[own].copy()
        np.add.at(found, other[own], 1.0 - threshold[own])
        assert_allclose(found / n, row / row.sum(), rtol=0, atol=n * EPS)
        reached = set(np.flatnonzero(threshold[own] > 0)) | set(other[own][threshold[own] < 1])
        assert not reached & set(np.flatnonzero(row == 0)), "an impossible outcome can be drawn"
        ends = np.concatenate([np.arange(n) / n, np.nextafter(np.arange(1, n + 1) / n, 0), [1 - 2**-52]])
        drawn = np.full(ends.size, -1)
        draw_all(ends, int(pointer[r]), n, threshold, other, drawn)
        assert (drawn >= 0).all() and (drawn < n).all() and (row[drawn] > 0).all()


@pytest.mark.parametrize("kind", ["dense", "zeros", "one-hot"])
def test_alias_draws_follow_the_law(kind, rng):
    count = 2000 if UNCOMPILED else 100_000
    rows = probability_rows(rng, kind)[:3]
    pointer, threshold, other = tables_of(rows)
    for r, row in enumerate(rows):
        out = np.zeros(count, np.int64)
        draw_all(rng.random(count), int(pointer[r]), row.size, threshold, other, out)
        assert chi_square(np.bincount(out, minlength=row.size), row * count) >= P_VALUE
