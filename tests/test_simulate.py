"""Sampled feedback from the generator's words to the limit of learning: known answers, laws, replays, same bits.

A replay takes the states and actions that a run recorded through the update of tests/naive.py, which shares nothing with
the package but the rewards it is given. Statistical tests accept p-values of at least P_VALUE, fixed before anything was drawn;
their draws are the same in every session.
"""

import hashlib
import math
import os
import subprocess
import sys
from decimal import Context, Decimal

import naive
import numpy as np
import pytest
import scipy.stats
import test_counts
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.kernels import elementary
from fastmpg.kernels import rng as generator
from fastmpg.kernels.alias import alias_tables, draw
from fastmpg.machine import UNCOMPILED, kernel
from fastmpg.machine.vectors import LANES, LINE, aligned, load, store
from fastmpg.models.simulator import hashed
from fastmpg.policy import uniform_policy
from fastmpg.rules import two_timescale_q as rule_module
from fastmpg.run.job import Job
from fastmpg.run.run import run_key

EPS = np.finfo(float).eps
P_VALUE = 1e-6
FROZEN = (1e-300,) * 3  # step sizes so small that the table never changes
TABLES = ("q", "policy", "counts", "visits")
compiled_only = pytest.mark.skipif(UNCOMPILED, reason="far too slow uncompiled, or about compiled code")


# ------------------------------------------------------------------------------------------------------------- Philox
KNOWN = [  # Random123 1.14, kat_vectors: counter, key, answer
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]
LOW = np.uint64(0xFFFFFFFF)


@kernel
def philox_numbers(words, out):
    for n in range(words.shape[1]):
        c0, c1, c2, c3 = generator.philox(words[0, n], words[1, n], words[2, n], words[3, n], words[4, n], words[5, n])
        out[0, n], out[1, n], out[2, n], out[3, n] = c0, c1, c2, c3


@kernel
def philox_lanes(words, out):
    for n in range(0, words.shape[1], LANES):
        c0, c1, c2, c3 = generator.philox(load(words[0], n), load(words[1], n), load(words[2], n), load(words[3], n),
                                          load(words[4], n), load(words[5], n))
        store(out[0], n, c0)
        store(out[1], n, c1)
        store(out[2], n, c2)
        store(out[3], n, c3)


@kernel
def unit_numbers(low, high, out):
    for n in range(low.size):
        out[n] = generator.unit(low[n], high[n])


@kernel
def unit_lanes(low, high, out):
    for n in range(0, low.size, LANES):
        store(out, n, generator.unit(load(low, n), load(high, n)))


@kernel
def uniform_rows(key, first, count, players, draws, span, starts, scratch, out):
    """Steps first..first + LANES count - 1, a row of ``span`` numbers for each."""
    for block in range(count):
        for b in range(starts.size):
            starts[b] = (block * starts.size + b) * span
        generator.fill_steps(key, np.uint64(first + block * starts.size), players, draws, starts, scratch, out)


def uniforms(key, first, steps, players, draws):
    """(steps, players) numbers of the players and (steps, draws) of the environment, as a run has them."""
    ahead = players + players % 2
    span = -(-(ahead + draws) // LANES) * LANES
    out = np.full(steps * span, np.nan)
    uniform_rows(np.array(key, np.uint64), first, steps // LANES, players, draws, span, np.zeros(LANES, np.int64), np.zeros(LANES**2), out)
    rows = out.reshape(steps, span)
    return rows[:, :players], rows[:, ahead:ahead + draws]


def columns(answers):
    """Words of (counter, key) pairs in columns of uint64, repeated to whole vectors."""
    words = np.array([(*counter, *key) for counter, key in answers], np.uint64).T
    return np.ascontiguousarray(np.resize(words.T, (-(-words.shape[1] // LANES) * LANES, 6)).T)


@pytest.mark.parametrize("size", [1, 8, 13, 1000])
@pytest.mark.parametrize("dtype, fill", [(np.float64, 0.0), (np.int64, -1)])
def test_aligned_arrays(size, dtype, fill):
    many = [aligned(size, fill, dtype) for _ in range(20)]  # wherever NumPy finds room
    for table in many:
        assert table.ctypes.data % LINE == 0 and table.flags.writeable and table.flags.c_contiguous
        assert_array_equal(table, np.full(size, fill, dtype), strict=True)
    for table in many:
        table[:] = 7
    assert all((table == 7).all() for table in many)


@pytest.mark.parametrize("players", [4, 9])
def test_what_a_step_reads_as_vectors_begins_on_a_cache_line(players):
    game = fm.games.routing(players)
    job = Job(game, [fm.rules.TwoTimescaleQ(0.01).checked()], 1, fm.Record(steps=[1], metrics=("policy",)), [uniform_policy(game)],
              [run_key(np.random.SeedSequence(0))], 1, single=True)
    job.prepare()
    feedback, tables = job.runs[0].feedback, job.runs[0].state.tables
    read = (tables.numbers, tables.last, tables.scratch, feedback.actions, feedback.rewards, feedback.uniforms, feedback.scratch)
    assert [table.ctypes.data % LINE for table in read] == [0] * len(read)


@pytest.mark.parametrize("philox", [philox_numbers, philox_lanes])
def test_philox_known_answers(philox):
    words = columns([(counter, key) for counter, key, _ in KNOWN])
    out = np.zeros((4, words.shape[1]), np.uint64)
    philox(words, out)
    assert_array_equal((out & LOW)[:, :len(KNOWN)].T, [answer for _, _, answer in KNOWN])
    assert [naive.philox(counter, key) for counter, key, _ in KNOWN] == [answer for _, _, answer in KNOWN], "the twin itself"


def test_philox_is_its_twin_on_random_words(rng):
    words = rng.integers(0, 2**32, (6, 25 * LANES), np.uint64)
    numbers, lanes = np.zeros((2, 4, words.shape[1]), np.uint64)
    philox_numbers(words, numbers)
    philox_lanes(words, lanes)
    expected = [naive.philox(column[:4], column[4:]) for column in words.T.tolist()]
    assert_array_equal((numbers & LOW).T, expected)
    assert_array_equal((lanes & LOW).T, expected)
    # words above 32 bits, which rounds leave behind, must not matter
    dirty = words | (rng.integers(0, 2**20, words.shape, np.uint64) << np.uint64(32)) * np.array([1, 0, 1, 0, 0, 0], np.uint64)[:, None]
    philox_numbers(dirty, lanes)
    assert_array_equal(lanes & LOW, numbers & LOW)


def test_unit(rng):
    """The upper 52 bits of (high, low) as a fraction: exact, from 0 to 1 - 2^-52; what stands above 32 bits is ignored."""
    low, high = rng.integers(0, 2**32, (2, 10 * LANES), np.uint64)
    low[:4], high[:4] = [0, 2**32 - 1, 4095, 4096], [0, 2**32 - 1, 0, 0]
    expected = [(h << 32 | l) // 4096 / 2**52 for l, h in zip(low.tolist(), high.tolist(), strict=True)]
    numbers, lanes = np.zeros((2, low.size))
    unit_numbers(low | np.uint64(7 << 40), high | np.uint64(5 << 33), numbers)
    unit_lanes(low | np.uint64(7 << 40), high | np.uint64(5 << 33), lanes)
    assert_array_equal(numbers, expected)
    assert_array_equal(lanes, expected)
    assert_array_equal(numbers[:4], [0.0, 1 - 2**-52, 0.0, 2**-52])


@pytest.mark.parametrize("players, draws", [(1, 0), (1, 1), (2, 1), (3, 2), (4, 4), (5, 1), (7, 9), (8, 1), (9, 3), (20, 5)])
def test_draws_are_those_of_their_counters(players, draws, rng):
    """(key, step, player) and (key, step, draw) fix a number, whatever else is asked for beside it, and beyond 2^32 steps too."""
    key = tuple(rng.integers(0, 2**32, 2).tolist())
    for first in (0, 8, 2**32 - 8):
        mine, world = uniforms(key, first, 2 * LANES, players, draws)
        for k in range(2 * LANES):
            assert mine[k].tolist() == [naive.uniform(key, first + k, i, 0) for i in range(players)]
            assert world[k].tolist() == [naive.uniform(key, first + k, d, 1) for d in range(draws)]
        fewer, _ = uniforms(key, first + LANES, LANES, 1, 0)
        assert_array_equal(fewer[:, 0], mine[LANES:, 0])


def chi_square(observed, expected):
    """p-value of counts against expectations; cells below 5 expected are pooled, impossible ones must be empty."""
    observed, expected = np.ravel(observed), np.ravel(expected)
    assert observed[expected == 0].sum() == 0, "an impossible outcome was drawn"
    small = expected < 5
    cells = [*zip(observed[~small], expected[~small], strict=True), (observed[small].sum(), expected[small].sum())]
    cells = [(o, e) for o, e in cells if e > 0]
    return scipy.stats.chi2.sf(sum((o - e) ** 2 / e for o, e in cells), max(1, len(cells) - 1))


def check_uniform(u, bins):
    """Cells of the unit interval; not too even either."""
    p = chi_square(np.bincount((u * bins).astype(int), minlength=bins), np.full(bins, u.size / bins))
    assert P_VALUE <= p <= 1 - P_VALUE


def check_pairs(u, v, bins=4 if UNCOMPILED else 16):
    """Cells of the unit square."""
    cell = (u * bins).astype(int) * bins + (v * bins).astype(int)
    p = chi_square(np.bincount(cell.ravel(), minlength=bins**2), np.full(bins**2, cell.size / bins**2))
    assert P_VALUE <= p <= 1 - P_VALUE


def test_draws_are_uniform_and_independent(rng):
    steps = 200 if UNCOMPILED else 100_000
    key = rng.integers(0, 2**32, 2)
    mine, world = uniforms(key, 0, steps, 5, 2)
    bins = 16 if UNCOMPILED else 256
    for u in (*mine.T, *world.T):
        check_uniform(u, bins)
    check_uniform(mine.ravel() * 2**20 % 1, bins)  # the lower bits
    for i in range(4):
        check_pairs(mine[:, i], mine[:, i + 1])
    check_pairs(mine[1:], mine[:-1])
    check_pairs(mine[LANES:], mine[:-LANES])
    check_pairs(mine[:, :2], world)
    for other in (key + np.array([1, 0]), key + np.array([0, 1]), key[::-1]):
        check_pairs(mine, uniforms(other, 0, steps, 5, 2)[0])
    check_pairs(mine, uniforms(key, 2**32, steps, 5, 2)[0])


def test_draws_never_repeat(rng):
    """60 000 numbers of 52 bits have two equal ones with probability 4e-7."""
    key, steps = rng.integers(0, 2**31, 2), 80 if UNCOMPILED else 2000
    parts = [uniforms(key + np.array(add), first, steps, 4, 1) for add in ((0, 0), (1, 0), (0, 1)) for first in (0, 2**32)]
    every = np.concatenate([np.concatenate([mine, world], axis=1).ravel() for mine, world in parts])
    assert np.unique(every).size == every.size


# --------------------------------------------------------------------------------------------------------- elementary
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
    """Positive normal numbers: all magnitudes, around 1, around the square roots of 1/2 and 2 where the reduction turns over."""
    return np.concatenate([np.exp(rng.uniform(-708, 709, count)), 1 + rng.uniform(-0.3, 0.42, count), 1 + rng.normal(size=count) * 1e-8,
                           math.sqrt(0.5) * (1 + rng.normal(size=count) * 1e-15), math.sqrt(2) * (1 + rng.normal(size=count) * 1e-15),
                           [1.0, 1 - EPS / 2, 1 + EPS, np.finfo(float).tiny, np.finfo(float).max, 2.0, 0.5, math.e]])


# The documented bounds are of fused multiply-adds; uncompiled, products round once more.
@compiled_only
def test_exp_is_as_close_as_documented(rng):
    """Three roundings of half an ulp each: of r + 1, of the polynomial's low end and of the result."""
    x = np.concatenate([rng.uniform(-708, 709, 3000), rng.normal(size=2000), rng.normal(size=500) * 1e-9, [0.0, -0.0, -708.0, 709.0]])
    assert relative(both("exp", x), [CONTEXT.exp(Decimal(v)) for v in x.tolist()]) <= 1.5 * EPS


@compiled_only
def test_log_is_as_close_as_documented(rng):
    x = far_and_near(rng, 1500)
    assert relative(both("log", x), [CONTEXT.ln(Decimal(v)) for v in x.tolist()]) <= 3e-16


@compiled_only
@pytest.mark.parametrize("exponent", [-1.0, -0.6, -0.5, -1e-3, 0.0, 0.3, 1.0, 2.5])
def test_power_is_as_close_as_documented(exponent, rng):
    """1e-15 (1 + |exponent log x|), over the visits 1..1e9 that step sizes see and beyond."""
    x = np.concatenate([np.arange(1, 300), rng.integers(1, 10**9, 500) + rng.random(500), np.exp(rng.uniform(-200, 200, 300))])
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


# -------------------------------------------------------------------------------------------------------- alias tables
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
        assert threshold[own].min() >= 0.0 and threshold[own].max() <= 1.0 and (other[own] >= 0).all() and (other[own] < n).all()
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


# ------------------------------------------------------------------------------------------ the law of what is simulated
def joint_index(actions, num_actions):
    return np.ravel_multi_index(tuple(actions.T), num_actions)


def law_p_value(states, actions, twin):
    """p-value of all transitions of a trajectory: statistics and degrees of freedom added up over (state, joint action)."""
    num_actions = twin.transitions.shape[1:-1]
    n_states = twin.transitions.shape[0]
    row = states[:-1] * math.prod(num_actions) + joint_index(actions, num_actions)
    law = twin.transitions.reshape(-1, n_states)
    observed = np.zeros(law.shape)
    np.add.at(observed, (row, states[1:]), 1)
    expected = law * observed.sum(axis=1, keepdims=True)
    assert observed[law == 0].sum() == 0, "an impossible next state"
    statistic, freedom = 0.0, 0
    for o, e in zip(observed, expected, strict=True):
        kept = e >= 5
        rest = e[~kept].sum()
        if rest >= 5:
            statistic += (o[~kept].sum() - rest) ** 2 / rest
        if kept.sum() + (rest >= 5) >= 2:
            statistic += ((o[kept] - e[kept]) ** 2 / e[kept]).sum()
            freedom += kept.sum() + (rest >= 5) - 1
        elif rest >= 5:
            statistic -= (o[~kept].sum() - rest) ** 2 / rest
    return scipy.stats.chi2.sf(statistic, freedom) if freedom else 1.0


def twin_of(game):
    """A game's own dense tables."""
    rewards = game.rewards
    if rewards.shape[0] == 1:
        rewards = np.repeat(rewards, game.num_players, axis=0)
    transitions = game.transitions
    if not isinstance(transitions, np.ndarray):
        transitions = transitions.toarray().reshape(game.num_states, *game.num_actions, game.num_states)
    return naive.Game(rewards, transitions, game.discount, game.initial)


def frozen_trajectory(game, steps, rng, policy=None):
    """States and actions of players who never learn."""
    rule = fm.rules.TwoTimescaleQ(tau=1.0, beta=FROZEN)
    result = fm.learn(game, rule, steps, rng=rng, policy=policy, record=fm.Record(every=steps, metrics=("policy",), trajectory=True))
    assert_allclose(result.trace["policy"][1], result.trace["policy"][0], rtol=0, atol=4 * EPS)
    return result.trajectory.states, result.trajectory.actions


def markov(rng, kind):
    if kind == "dense":
        return fm.games.random_markov(3, (2, 3), rng=rng)
    if kind == "sparse":
        return fm.games.random_markov(9, (2, 2), rng=rng, sparse=3)
    if kind == "shared":
        return fm.games.random_markov(4, (3, 2), rng=rng, identical_interest=True)
    if kind == "zeros":
        moves = rng.dirichlet(np.ones(4), (4, 2, 2)) * (rng.random((4, 2, 2, 4)) < 0.5)
        moves[..., 0] += moves.sum(axis=-1) == 0
        return fm.MarkovGame(rng.random((2, 4, 2, 2)), moves / moves.sum(axis=-1, keepdims=True), 0.9, [0.0, 0.3, 0.7, 0.0])
    return fm.games.random_normal_form((2, 3), rng=rng)


@compiled_only
@pytest.mark.parametrize("kind", ["dense", "sparse", "shared", "zeros", "normal form"])
def test_next_states_follow_the_transitions(kind, rng):
    game = markov(rng, kind)
    states, actions = frozen_trajectory(game, 60_000, rng)
    assert states.shape == (60_001,) and actions.shape == (60_000, game.num_players)
    assert law_p_value(states, actions, twin_of(game)) >= P_VALUE


@compiled_only
@pytest.mark.parametrize("payoffs", test_counts.PAYOFFS)
@pytest.mark.parametrize("moves", test_counts.MOVES)
def test_next_states_of_count_games(payoffs, moves, rng):
    game, twin = test_counts.draw(rng, 3, 2, 2, payoffs, moves)
    assert law_p_value(*frozen_trajectory(game, 30_000, rng), twin) >= P_VALUE


@compiled_only
def test_next_states_of_three_facilities(rng):
    game, twin = test_counts.draw(rng, 2, 3, 2, "own", "factored")
    assert law_p_value(*frozen_trajectory(game, 60_000, rng), twin) >= P_VALUE


@compiled_only
@pytest.mark.parametrize("num_actions", [(2, 3, 4), (1, 5), (2,) * 9])
def test_actions_follow_the_policy(num_actions, rng):
    """Every player on its own, then neighbours in pairs; actions of probability 0 are never played."""
    game = fm.games.random_markov(2, num_actions, rng=rng)
    policy = fm.random_policy(game, rng)
    policy[0, 0], policy[0, 1:num_actions[0]] = 0.0, policy[0, 1:num_actions[0]] / max(policy[0, 1:num_actions[0]].sum(), 1e-9)
    policy[0, :1] = 1.0 if num_actions[0] == 1 else 0.0
    states, actions = frozen_trajectory(game, 50_000, rng, policy)
    rows = naive.split(policy, num_actions)
    for s in range(2):
        mine = actions[states[:-1] == s]
        for i, n in enumerate(num_actions):
            assert chi_square(np.bincount(mine[:, i], minlength=n), rows[i][s] * len(mine)) >= P_VALUE
            j = (i + 1) % len(num_actions)
            law = np.outer(rows[i][s], rows[j][s])
            assert chi_square(np.bincount(mine[:, i] * law.shape[1] + mine[:, j], minlength=law.size), law * len(mine)) >= P_VALUE


@compiled_only
def test_first_states_follow_the_initial_law(rng):
    game, runs = markov(rng, "zeros"), 3000
    result = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=1.0), 0, runs, rng=rng, record=fm.Record(metrics=(), trajectory=True))
    first = result.trajectory.states[:, 0]
    assert first.shape == (runs,)
    assert chi_square(np.bincount(first, minlength=4), game.initial * runs) >= P_VALUE


# -------------------------------------------------------------------------------------------------------------- replay
def table_reward(twin, states, actions):
    """reward(k) from tables over joint actions."""
    return lambda k: twin.rewards[(slice(None), states[k], *actions[k])]


def check_replay(game, steps, rng, reward, tau=0.5, alpha=(0.6, 1.0), beta=(1.0, 1.0), rows=None, policy=None):
    """1e-12 of max(1, |q|) at every snapshot: two digits above what rounding leaves in such runs (5e-15).

    ``reward``: of (states, actions), a function of the step. ``rows``: what players see of the states.
    """
    rule = fm.rules.TwoTimescaleQ(tau, alpha, beta)
    at = fm.Record.log_spaced(steps, 12)
    result = fm.learn(game, rule, steps, rng=rng, policy=policy, record=fm.Record(steps=at, metrics=TABLES, trajectory=True))
    states, actions = result.trajectory.states, result.trajectory.actions
    assert states.shape == (steps + 1,) and actions.shape == (steps, game.num_players) and result.steps == steps
    seen = states if rows is None else rows(states)
    start = None if policy is None else naive.split(policy, game.num_actions)
    twin = naive.two_timescale_q(seen, actions, reward(states, actions), game.num_actions, game.num_states, game.discount, tau, alpha,
                                 beta, at, start)
    for row, k in enumerate(at.tolist()):
        q, pi, counts, visits = twin[k]
        found = {name: result.trace[name][row] for name in TABLES}
        assert_array_equal(found["visits"], visits)
        assert_array_equal(found["counts"], counts)
        assert (np.abs(found["q"] - q) <= 1e-12 * np.maximum(1.0, np.abs(q))).all(), f"q at step {k}"
        assert_allclose(found["policy"], pi, rtol=0, atol=1e-12, err_msg=f"policy at step {k}")
    for name in TABLES:
        assert_array_equal(getattr(result.state, name), result.trace[name][-1])
    assert_array_equal(result.policy, result.trace["policy"][-1])
    return result


def replay_tables(game, steps, rng, twin=None, **options):
    twin = twin_of(game) if twin is None else twin
    return check_replay(game, steps, rng, lambda states, actions: table_reward(twin, states, actions), **options)


@compiled_only
@pytest.mark.parametrize("kind", ["dense", "sparse", "shared", "zeros", "normal form"])
@pytest.mark.parametrize("tau", [1e-8, 1e-3, 0.5])
def test_replay(kind, tau, rng):
    replay_tables(markov(rng, kind), 3000, rng, tau=tau)


@compiled_only
@pytest.mark.parametrize("num_actions", [(1,), (3,), (2, 3, 5), (1, 4), (5, 1, 2), (4, 4, 3, 2), (2, 3, 2, 2, 3),
                                         (2, 3, 2, 2, 2, 3, 2, 2, 2)], ids=str)
def test_replay_of_ragged_actions(num_actions, rng):
    game = fm.games.random_markov(3, num_actions, rng=rng)
    replay_tables(game, max(300, 4000 // len(num_actions)), rng, tau=0.1, policy=fm.random_policy(game, rng))


SCHEDULES = [((0.5, 0.0), (1.0, 0.0)), ((0.0, 0.0), (0.0, 3.0)), ((0.9, 2.5), (1.5, 10.0)), ([0.9, 0.5, 0.25, 0.1], (1.0, 1.0)),
             ((0.6, 1.0), (1.0, 1.0, 0.5)), ([1.0, 0.3, 0.02], [0.5, 0.5, 0.001])]


@compiled_only
@pytest.mark.parametrize("alpha, beta", SCHEDULES)
def test_replay_of_step_sizes(alpha, beta, rng):
    replay_tables(fm.games.random_markov(3, (2, 2), rng=rng), 2000, rng, alpha=alpha, beta=beta)


def link_reward(players, team=False):
    """The routing game's rewards from its definition: b_l - m_l (1 + s_l) n_l on two links."""

    def reward(states, actions):
        def at(k):
            a = actions[k]
            own = np.array([(9, 16)[l] - (2, 4)[l] * (1 + ((states[k] % 4) >> (1 - l) & 1)) * np.sum(a == l) for l in a], float)
            return np.full(players, own.sum()) if team else own

        return at

    return reward


@compiled_only
@pytest.mark.parametrize("players", [*range(1, 10), 12, 16, 17, 20])
def test_replay_of_routing_through_counts(players, rng):
    check_replay(fm.games.routing(players, form="count"), max(300, 5000 // players), rng, link_reward(players), tau=1e-3)


@compiled_only
@pytest.mark.parametrize("form", ["dense", "count"])
@pytest.mark.parametrize("reward", ["own", "team"])
@pytest.mark.parametrize("transitions", ["counts", "averaged"])
def test_replay_of_routing(form, reward, transitions, rng):
    game = fm.games.routing(4, form=form, reward=reward, transitions=transitions)
    check_replay(game, 1500, rng, link_reward(4, reward == "team"), tau=1e-6)


@compiled_only
@pytest.mark.parametrize("payoffs", test_counts.PAYOFFS)
@pytest.mark.parametrize("moves", test_counts.MOVES)
def test_replay_of_count_games(payoffs, moves, rng):
    game, twin = test_counts.draw(rng, 3, 2, 2, payoffs, moves)
    replay_tables(game, 800, rng, twin, tau=0.05)


@compiled_only
@pytest.mark.parametrize("payoffs", test_counts.PAYOFFS)
def test_replay_of_count_games_of_three_actions(payoffs, rng):
    game, twin = test_counts.draw(rng, 5, 3, 1, payoffs, "fixed")
    replay_tables(game, 800, rng, twin, tau=0.05)


@pytest.mark.slow
@compiled_only
@pytest.mark.parametrize("exponents", [(0.6, 1.0), (0.0, 0.5)])
def test_replay_beyond_the_tables_of_step_sizes(exponents, rng):
    """One state: its visits, and the counts of the action that one player has alone, pass the last entry."""
    game, steps = fm.games.random_normal_form((1, 2), rng=rng), rule_module.TABLE + 4000
    result = replay_tables(game, steps, rng, alpha=(exponents[0], 1.0), beta=(exponents[1], 1.0))
    assert result.state.visits[0] > rule_module.TABLE and result.state.counts[0, 0] > rule_module.TABLE


# ---------------------------------------------------------------------------------------------------------- simulators
LAST = 1500  # the state after which clocked_row() leaves the tables, in steps


def links_reset(uniforms):
    return int(uniforms[0] * 4)


def links_step(state, actions, uniforms, rewards):
    """The routing game of the library, two links, written as a simulator."""
    taken = 0
    for a in actions:
        taken += a
    loads, after = (actions.size - taken, taken), 0
    for l in range(2):
        unsafe = (state >> (1 - l)) & 1
        for i in range(actions.size):
            if actions[i] == l:
                rewards[i] = (9.0, 16.0)[l] - (2.0, 4.0)[l] * (1 + unsafe) * loads[l]
        after = 2 * after + (1 if uniforms[l] < (0.8 if loads[l] >= 2 else 0.2) else 0)
    return after


def clocked_step(state, actions, uniforms, rewards):
    """The same with a clock in the state, which nobody sees."""
    links, taken = state % 4, 0
    for a in actions:
        taken += a
    loads, after = (actions.size - taken, taken), 0
    for l in range(2):
        unsafe = (links >> (1 - l)) & 1
        for i in range(actions.size):
            if actions[i] == l:
                rewards[i] = (9.0, 16.0)[l] - (2.0, 4.0)[l] * (1 + unsafe) * loads[l]
        after = 2 * after + (1 if uniforms[l] < (0.8 if loads[l] >= 2 else 0.2) else 0)
    return 4 * (state // 4 + 1) + after


def clocked_row(state):
    return state % 4 if state < 4 * LAST else 77


def links_game(players=4, **options):
    return fm.SimulatorGame(links_reset, links_step, (2,) * players, 4, 0.5, draws=2, **options)


@pytest.fixture(scope="module")
def clocked():
    """Compiled once: nothing of a user's function is cached on disk."""
    return fm.SimulatorGame(links_reset, clocked_step, (2,) * 4, 4, 0.5, observe=clocked_row, draws=2)


@compiled_only
def test_replay_of_a_simulator(rng):
    """Its states and actions too are those that the generator's counters give."""
    game, seed = links_game(), np.random.SeedSequence(rng.integers(2**32))
    result = check_replay(game, 1500, seed, link_reward(4), tau=1e-3)
    states, actions = result.trajectory.states, result.trajectory.actions
    key = run_key(seed).tolist()
    assert states[0] == links_reset([naive.uniform(key, 0, 0, 2)])
    for k in range(200):
        drawn, rewards = [naive.uniform(key, k, d, 1) for d in range(2)], np.zeros(4)
        assert links_step(states[k], actions[k], drawn, rewards) == states[k + 1]
    first = [int(naive.uniform(key, 0, i, 0) >= 0.5) for i in range(4)]
    assert actions[0].tolist() == first
    assert law_p_value(states, actions, twin_of(fm.games.routing(4))) >= P_VALUE


@compiled_only
@pytest.mark.slow
@pytest.mark.parametrize("reward", ["own", "team"])
@pytest.mark.parametrize("transitions", ["counts", "averaged"])
def test_replay_of_the_routing_simulator(reward, transitions, rng):
    game = fm.games.routing(4, form="simulator", reward=reward, transitions=transitions)
    result = check_replay(game, 1500, rng, link_reward(4, reward == "team"), tau=1e-3)
    twin = twin_of(fm.games.routing(4, reward=reward, transitions=transitions))
    assert law_p_value(result.trajectory.states, result.trajectory.actions, twin) >= P_VALUE


@compiled_only
def test_replay_of_an_observed_simulator(clocked, rng):
    result = check_replay(clocked, 1200, rng, link_reward(4), tau=1e-3, rows=lambda states: states % 4)
    assert_array_equal(result.trajectory.states // 4, np.arange(1201))


@compiled_only
def test_an_observation_out_of_range_during_a_run(clocked, rng):
    record = fm.Record(every=10**6, metrics=("policy",))
    rule = fm.rules.TwoTimescaleQ(tau=0.1)
    with pytest.raises(ValueError, match=r"state \d+ was seen as row 77, outside of the 4 observations"):
        fm.learn(clocked, rule, 4 * LAST, rng=rng, record=record)
    fm.learn(clocked, rule, LAST - 2, rng=rng, record=record)  # the fault was cleared


@compiled_only
@pytest.mark.slow
def test_simulators_of_one_shape_are_told_apart(rng):
    """Numba's dispatchers tell NamedTuples apart by their names alone, and its cache functions: every game keeps its own."""

    def circle(stride, **options):
        def reset(uniforms):
            return stride

        def step(state, actions, uniforms, rewards):
            rewards[:] = stride
            return (state + stride) % 12

        return fm.SimulatorGame(reset, step, (1,), 12, 0.0, **options)

    rule, record = fm.rules.TwoTimescaleQ(1.0, (0.0, 0.0)), fm.Record(metrics=TABLES, trajectory=True)
    for stride, row, options in ((1, lambda s: s, {}), (5, lambda s: s, {}), (1, lambda s: s // 3, {"observe": lambda s: s // 3}),
                                 (1, lambda s: s // 6, {"observe": lambda s: s // 6})):
        result = fm.learn(circle(stride, **options), rule, 24, rng=rng, record=record)
        states = [stride * (k + 1) % 12 for k in range(25)]
        assert result.trajectory.states.tolist() == states
        assert result.state.visits.tolist() == np.bincount([row(s) for s in states[:24]], minlength=12).tolist()
        assert set(result.state.q[result.state.visits > 0].ravel().tolist()) == {float(stride)}


@compiled_only
@pytest.mark.slow
def test_replay_of_a_hashed_simulator(rng):
    game = fm.SimulatorGame(links_reset, clocked_step, (2,) * 4, 64, 0.5, observe="hash", draws=2)
    result = check_replay(game, 2000, rng, link_reward(4), tau=1e-3,
                          rows=lambda states: np.array([naive.splitmix64(s) % 64 for s in states.tolist()]))
    assert (result.state.visits > 0).all()


@compiled_only
def test_hash():
    for state in (0, 1, 2, 3, 10**18, -1, -5, -2**63, 2**63 - 1):
        for rows in (1, 2, 64, 1000, 2**26):
            assert hashed(state, rows) == naive.splitmix64(state % 2**64) % rows
    assert naive.splitmix64(0) == 0xE220A8397B1DCDAF  # the first output of the reference generator seeded with 0


@compiled_only
@pytest.mark.slow
def test_a_simulator_in_an_ensemble_gives_the_same_bits(rng):
    check_ensemble(links_game(3), fm.rules.TwoTimescaleQ(tau=0.01), 1000, 3, int(rng.integers(2**32)))


# ----------------------------------------------------------------------------------------------------------- same bits
def snapshots(steps):
    return fm.Record(steps=fm.Record.log_spaced(steps, 6), metrics=TABLES, trajectory=True)


def assert_same(found, expected, place=()):
    """All that two results hold, bit for bit; ``place``: which run of the first."""
    for name in TABLES:
        assert_array_equal(found.trace[name][place], expected.trace[name], err_msg=name)
        assert_array_equal(getattr(found.state, name)[place], getattr(expected.state, name), err_msg=name)
    assert_array_equal(found.policy[place], expected.policy)
    assert_array_equal(found.trajectory.states[place], expected.trajectory.states)
    assert_array_equal(found.trajectory.actions[place], expected.trajectory.actions)


def check_ensemble(game, rule, steps, runs, seed, **options):
    together = fm.ensemble(game, rule, steps, runs, rng=seed, record=snapshots(steps), **options)
    for r, child in enumerate(np.random.SeedSequence(seed).spawn(runs)):
        assert_same(together, fm.learn(game, rule, steps, rng=child, record=snapshots(steps), **options), r)
    assert len({together.trajectory.actions[r].tobytes() for r in range(runs)}) == runs, "runs must differ"
    return together


@compiled_only
@pytest.mark.parametrize("players", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("runs", [3, 4])
def test_an_ensemble_is_its_runs_alone(players, runs, rng):
    game = fm.games.random_markov(3, (2,) * players, rng=rng)
    check_ensemble(game, fm.rules.TwoTimescaleQ(tau=0.01), 700, runs, int(rng.integers(2**32)))


@compiled_only
@pytest.mark.parametrize("num_actions", [(1, 4), (2, 3, 5), (3, 2, 3, 1)])
def test_an_ensemble_of_ragged_players_from_random_policies(num_actions, rng):
    game = fm.games.random_markov(4, num_actions, rng=rng)
    check_ensemble(game, fm.rules.TwoTimescaleQ(tau=0.1), 700, 3, int(rng.integers(2**32)), policy="random")


@compiled_only
@pytest.mark.parametrize("payoffs", test_counts.PAYOFFS)
def test_an_ensemble_of_a_count_game(payoffs, rng):
    """Runs have scratch of their own."""
    game, _ = test_counts.draw(rng, 3, 2, 2, payoffs, "factored")
    seed = int(rng.integers(2**32))
    one = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=0.1), 700, 5, rng=seed, record=snapshots(700), threads=4)
    for r, child in enumerate(np.random.SeedSequence(seed).spawn(5)):
        assert_same(one, fm.learn(game, fm.rules.TwoTimescaleQ(tau=0.1), 700, rng=child, record=snapshots(700)), r)


@compiled_only
def test_an_ensemble_over_temperatures(rng):
    """Runs that share vectors need not share their temperature; tables of step sizes belong to all."""
    game, seed, steps = fm.games.random_markov(3, (2, 2), rng=rng), int(rng.integers(2**32)), 700
    taus, beta = [0.5, 1e-2, 1e-8], (0.9, 0.5, 0.01)
    rule = fm.rules.TwoTimescaleQ(np.array(taus)[:, None], (0.6, 1.0), beta)
    together = fm.ensemble(game, rule, steps, 3, rng=seed, record=snapshots(steps))
    assert together.policy.shape == (3, 3, 3, 4)
    for t, tau in enumerate(taus):
        for r, child in enumerate(np.random.SeedSequence(seed).spawn(3)):
            alone = fm.learn(game, fm.rules.TwoTimescaleQ(tau, (0.6, 1.0), beta), steps, rng=child, record=snapshots(steps))
            assert_same(together, alone, (t, r))


@compiled_only
@pytest.mark.parametrize("players", [2, 4, 5, 9])
def test_threads_change_no_bit(players, rng):
    game, seed = fm.games.random_markov(3, (2,) * players, rng=rng), int(rng.integers(2**32))
    one, *others = (fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=0.01), 1500, 7, rng=seed, record=snapshots(1500), threads=threads)
                    for threads in (1, 2, 4))
    for other in others:
        assert_same(other, one)


@compiled_only
@pytest.mark.parametrize("players", [3, 4, 8, 9])
@pytest.mark.parametrize("runs", [1, 2])
def test_chunks_change_no_bit(players, runs, rng):
    """The same run in pieces of 1, of 7 (so that blocks of draws are cut), of 1000 and at once; two runs share vectors where they can."""
    game, rule, steps = fm.games.random_markov(3, (2,) * players, rng=rng), fm.rules.TwoTimescaleQ(tau=0.01).checked(), 2003
    seeds = np.random.SeedSequence(int(rng.integers(2**32))).spawn(runs)
    alone = [fm.learn(game, rule, steps, rng=seed, record=snapshots(steps)) for seed in seeds]
    for chunk in (1, 7, 1000, steps + 1):
        start, keys = [uniform_policy(game)] * runs, [run_key(seed) for seed in seeds]
        with Job(game, [rule] * runs, steps, snapshots(steps), start, keys, 1, single=runs == 1) as job:
            while job.k <= steps:
                job._advance(min(steps + 1, job.k + chunk))
            job.publish()
        for r, run in enumerate(job.runs):
            for name in TABLES:
                assert_array_equal(job.trace[name][r], alone[r].trace[name], err_msg=f"{name}, chunks of {chunk}")
                assert_array_equal(getattr(run.state, name), getattr(alone[r].state, name))
            assert_array_equal(job.writer.states[r, :steps], alone[r].trajectory.states[:-1])


@compiled_only
@pytest.mark.parametrize("seconds", [1e-12, 1e9])
def test_chunks_of_a_call_change_no_bit(seconds, rng, monkeypatch):
    game, rule, seed = fm.games.random_markov(3, (2, 2, 2), rng=rng), fm.rules.TwoTimescaleQ(tau=0.01), int(rng.integers(2**32))
    usual = fm.learn(game, rule, 1001, rng=seed, record=snapshots(1001))
    usual_many = fm.ensemble(game, rule, 1001, 3, rng=seed, record=snapshots(1001))
    monkeypatch.setattr("fastmpg.run.job.CHUNK_SECONDS", seconds)
    assert_same(fm.learn(game, rule, 1001, rng=seed, record=snapshots(1001)), usual)
    assert_same(fm.ensemble(game, rule, 1001, 3, rng=seed, record=snapshots(1001)), usual_many)


@compiled_only
@pytest.mark.parametrize("every", [1, 7, 64])
def test_callbacks_change_no_bit(every, rng):
    game, rule, seed = fm.games.random_markov(3, (2, 2, 2), rng=rng), fm.rules.TwoTimescaleQ(tau=0.01), int(rng.integers(2**32))
    record, seen = fm.Record(every=every, metrics=TABLES, trajectory=True), []
    usual = fm.learn(game, rule, 300, rng=seed, record=record)

    def look(snapshot):
        seen.append(snapshot.step)
        assert_array_equal(snapshot.policy, snapshot.trace["policy"][-1])

    assert_same(fm.learn(game, rule, 300, rng=seed, record=record, callback=look), usual)
    assert seen == usual.trace["step"].tolist()


@compiled_only
def test_recording_changes_no_bit(rng):
    """More metrics, exact ones among them, leave the run alone."""
    game, rule, seed = fm.games.random_markov(3, (2, 2), rng=rng), fm.rules.TwoTimescaleQ(tau=0.1), int(rng.integers(2**32))
    few = fm.learn(game, rule, 500, rng=seed, record=fm.Record(every=500, metrics=()))
    many = fm.learn(game, rule, 500, rng=seed, record=fm.Record(every=50, metrics=("ne_gap", "qre_gap", "value", *TABLES)))
    assert_array_equal(few.policy, many.policy)
    assert_array_equal(few.state.q, many.state.q)
    for row, policy in enumerate(many.trace["policy"]):
        assert_allclose(many.trace["qre_gap"][row], fm.qre_gap(game, policy, 0.1), rtol=0, atol=1e-12)


CHILD = """
import hashlib, sys
import numba, fastmpg as fm
game = fm.games.routing(4)
fm.set_threads(int(sys.argv[1]))
result = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=1e-3), 3000, 5, rng=11, record=fm.Record(every=1000, metrics=("ne_gap", "policy")))
print(hashlib.sha256(result.policy.tobytes() + result.trace["ne_gap"].tobytes()).hexdigest())
"""


@compiled_only
def test_threading_layers_change_no_bit():
    found = set()
    for layer, threads in (("workqueue", 1), ("workqueue", 2), ("omp", 2)):
        settings = os.environ | {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
        done = subprocess.run([sys.executable, "-c", CHILD, str(threads)], capture_output=True, text=True, env=settings, timeout=300)
        if layer == "omp" and "threading layer" in done.stderr:
            continue  # not built for this platform
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1 and len(found.pop().strip()) == hashlib.sha256().digest_size * 2


# ------------------------------------------------------------------------------------------------------------ extremes
def check_rows(policy, num_actions):
    """Rows of the simplex. The rule renormalises them at every step, which leaves a few ulps; the issue asks for 1e-12."""
    assert np.isfinite(policy).all() and policy.min() >= 0.0
    for own in naive.split(policy, num_actions):
        assert_allclose(own.sum(axis=-1), 1.0, rtol=0, atol=1e-12)


@compiled_only
@pytest.mark.parametrize("tau", [1e-300, 1e-8, 1e8])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e6, 1e12])
def test_extreme_temperatures_and_rewards(tau, scale, rng):
    base = fm.games.random_markov(3, (2, 3), rng=rng, discount=0.99)
    game = fm.MarkovGame((base.rewards - 0.5) * scale, base.transitions, 0.99)
    record = fm.Record(steps=fm.Record.log_spaced(20_000, 8), metrics=TABLES)
    result = fm.learn(game, fm.rules.TwoTimescaleQ(tau), 20_000, rng=rng, record=record)
    for q, policy in zip(result.trace["q"], result.trace["policy"], strict=True):
        assert np.isfinite(q).all()
        check_rows(policy, game.num_actions)
    if tau < 1:
        # entropies add at most tau log 3 a stage: |q| <= sup |r| / (1 - gamma) + that
        assert np.abs(result.state.q).max() <= 100 * (0.5 * scale + tau * math.log(3)) * (1 + 1e-9)


@compiled_only
def test_a_million_steps_at_tau_1e_8(rng):
    base = fm.games.random_markov(4, (2, 3, 2), rng=rng)
    game = fm.MarkovGame(base.rewards * 1e6, base.transitions, 0.9)
    result = fm.learn(game, fm.rules.TwoTimescaleQ(1e-8), 10**6, rng=rng, record=fm.Record(every=10**6, metrics=TABLES))
    assert np.isfinite(result.state.q).all() and result.state.q.max() > 1e6
    check_rows(result.policy, game.num_actions)
    assert result.state.visits.sum() == 10**6
    for counts in naive.split(result.state.counts, game.num_actions):
        assert_array_equal(counts.sum(axis=1), result.state.visits)


@compiled_only
@pytest.mark.parametrize("step", [0.3, 1e-3, 1e-7])
def test_rows_do_not_drift(step, rng):
    """A million moves of one row, at step sizes that do not fade: the smaller, the less do moves themselves mend a sum.

    Renormalised at the last step, n entries miss a sum of 1 by n roundings of the sum and n of the products, half an ulp
    each; not renormalised, by 2e-14 at 1e-7.
    """
    game = fm.games.random_normal_form((3, 4), rng=rng)
    rule = fm.rules.TwoTimescaleQ(0.3, (0.6, 1.0), (step,) * 3)
    result = fm.learn(game, rule, 10**6, rng=rng, record=fm.Record(every=10**6, metrics=()))
    for own in naive.split(result.policy, game.num_actions):
        assert_allclose(own.sum(), 1.0, rtol=0, atol=own.size * EPS)


# --------------------------------------------------------------------------------------------------------------- limit
@pytest.mark.parametrize("num_actions", [(2, 2), (3, 1, 2)])
def test_q_tilde_of_the_twin(num_actions, rng):
    """The same from values: Qbar^tau plus the entropy of the state itself; and a fixed point of one stage."""
    game, tau = naive.random_game(rng, num_actions, 3, 0.8), 0.3
    policies = naive.random_policy(rng, num_actions, 3)
    found = naive.q_tilde(game, policies, tau)
    for own, q, policy in zip(found, naive.q_bar(game, policies, tau), policies, strict=True):
        assert_allclose(own, q + tau * naive.entropy(policy)[:, None], rtol=0, atol=1e-12)


@compiled_only
@pytest.mark.slow
def test_the_limit_is_the_equilibrium(rng):
    """10^7 steps of six runs on an identical-interest game of two states at tau = 0.5.

    Rewards lie in [0, 1] and gamma = 0.5, so that best responses contract and there is one QRE. With alpha = n^-0.6, q
    fluctuates around Qtilde by about sqrt(alpha(n)), so that its root mean square over runs falls as n^-0.3: by
    10^0.9 = 7.9 from step 10^4 to 10^7, of which half is asked for. Policies average softmax(q / tau) with beta = 1/n:
    noise as n^-1/2, and through the softmax's curvature a bias as Var q = n^-0.6, so that the gap, quadratic in both, falls
    as n^-1 to n^-1.2, by 1000 or more; 100 is asked for. At 10^7 it is below 1e-4 of the rewards' range.
    """
    game, tau, runs = fm.games.random_markov(2, (2, 2), 0.5, rng, identical_interest=True), 0.5, 6
    at = [10**4, 10**5, 10**6, 10**7]
    result = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau, (0.6, 1.0), (1.0, 1.0)), 10**7, runs, rng=rng,
                         record=fm.Record(steps=at, metrics=("q", "policy", "qre_gap")))
    twin = twin_of(game)
    errors, gaps = [], []
    for row in range(len(at)):
        off = [result.trace["q"][r, row] - naive.join(naive.q_tilde(twin, naive.split(result.trace["policy"][r, row], (2, 2)), tau))
               for r in range(runs)]
        errors.append(np.sqrt(np.mean(np.square(off))))
        gaps.append(result.trace["qre_gap"][:, row].max(axis=1).mean())
    assert_allclose(gaps[-1], np.mean([fm.qre_gap(game, p, tau).max() for p in result.policy]), rtol=1e-6, atol=1e-15)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] / errors[-1] >= 4
    assert gaps[0] / gaps[-1] >= 100 and gaps[-1] <= 1e-4


# -------------------------------------------------------------------------------------------------------------- errors
def steady_reset(uniforms):
    return 0


def steady_step(state, actions, uniforms, rewards):
    rewards[:] = 0.0
    return 0


def infinite_step(state, actions, uniforms, rewards):
    rewards[:] = np.inf
    return 0


GOOD = {"reset": steady_reset, "step": steady_step, "num_actions": (2, 2), "num_observations": 3, "discount": 0.5}


@pytest.mark.parametrize("change, error, message", [
    ({"reset": 3}, TypeError, r"reset must be a function reset\(uniforms\), found 3"),
    ({"step": None}, TypeError, r"step must be a function step\(.*\), found None"),
    ({"observe": 3}, TypeError, 'observe must be a function, "hash" or None, found 3'),
    ({"observe": "hush"}, TypeError, 'observe must be a function, "hash" or None'),
    ({"reset": lambda u: 0.0}, TypeError, "reset must return an integer, found 0.0 of type float"),
    ({"reset": lambda u: None}, TypeError, "reset must return an integer, found None"),
    ({"step": lambda s, a, u, r: 1.0}, TypeError, "step must return an integer"),
    ({"step": lambda s, a, u, r: True}, TypeError, "step must return an integer"),
    ({"step": infinite_step}, ValueError, "step must fill rewards with finite numbers"),
    ({"observe": lambda s: 0.5}, TypeError, "observe must return an integer"),
    ({"observe": lambda s: 3}, ValueError, "state 0 is seen as row 3, outside of the 3 observations"),
    ({"observe": lambda s: -1}, ValueError, "seen as row -1"),
    ({"reset": lambda u: 7}, ValueError, 'give observe=, or observe="hash"'),
    ({"step": lambda s, a, u, r: 3}, ValueError, "state 3 is seen as row 3"),
    ({"reset": lambda: 0}, TypeError, r"reset must be a function reset\(uniforms\), found one of \(\)"),
    ({"num_actions": 2}, TypeError, "num_actions"),
    ({"num_actions": ()}, ValueError, "at least one player"),
    ({"num_observations": 0}, ValueError, "num_observations"),
    ({"num_observations": 2**26 + 1}, ValueError, "num_observations"),
    ({"discount": 1.0}, ValueError, "discount"),
    ({"draws": -1}, ValueError, "draws"),
    ({"draws": 1.5}, TypeError, "draws"),
])
def test_simulators_that_cannot_be(change, error, message):
    with pytest.raises(error, match=message):
        fm.SimulatorGame(**(GOOD | change))


def forbidden(*_, **__):
    raise AssertionError("a run was prepared")


def test_a_simulator_has_no_exact_values(monkeypatch):
    game, policy = fm.SimulatorGame(**GOOD), np.full((3, 4), 0.5)
    monkeypatch.setattr("fastmpg.run.run.Run.prepare", forbidden)  # refused before anything is compiled
    for rule in (fm.rules.NaturalGradientPlay(eta=0.1), fm.rules.QAscent(eta=0.1)):
        with pytest.raises(TypeError, match=r"needs exact values, which .* a simulator, does not have") as caught:
            fm.learn(game, rule, 10)
        assert "\n" not in str(caught.value)
    for record in (None, fm.Record(metrics=("ne_gap",)), fm.Record(metrics=("policy", "qre_gap", "mismatch"))):
        with pytest.raises(ValueError, match=r"a simulator has no exact .*gap.*: record only counts, policy, q, visits"):
            fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 10, record=record)
        with pytest.raises(ValueError, match="a simulator has no exact"):
            fm.ensemble(game, fm.rules.TwoTimescaleQ(0.1), 10, 3, record=record)
    for function in (fm.ne_gap, fm.evaluate, fm.metrics.c, fm.metrics.gradient):
        with pytest.raises(TypeError, match="is a simulator: it has no exact evaluation"):
            function(game, policy)
    with pytest.raises(TypeError, match="no exact evaluation"):
        game.to_dense()


def test_records_that_a_rule_cannot_give(monkeypatch):
    game = fm.games.zhang_3x2()
    monkeypatch.setattr("fastmpg.run.run.Run.prepare", forbidden)
    rule = fm.rules.NaturalGradientPlay(eta=0.1)
    with pytest.raises(ValueError, match="NaturalGradientPlay keeps no q: leave it out"):
        fm.learn(game, rule, 10, record=fm.Record(metrics=("q",)))
    with pytest.raises(ValueError, match="keeps no counts and no visits: leave them out"):
        fm.learn(game, rule, 10, record=fm.Record(metrics=("counts", "visits", "ne_gap")))
    with pytest.raises(ValueError, match="learns from expectations: there is no trajectory"):
        fm.learn(game, rule, 10, record=fm.Record(trajectory=True))
    with pytest.raises(TypeError, match="trajectory must be True, False or a folder"):
        fm.Record(trajectory=3)
    with pytest.raises(ValueError, match="an ensemble's trajectories are kept in memory"):
        fm.ensemble(game, fm.rules.TwoTimescaleQ(0.1), 10, 2, record=fm.Record(trajectory="never"))


@pytest.mark.parametrize("change, error, message", [
    ({"tau": 0.0}, ValueError, "tau must be"),
    ({"tau": -1.0}, ValueError, "tau must be"),
    ({"tau": math.nan}, ValueError, "tau must be"),
    ({"tau": math.inf}, ValueError, "tau must be"),
    ({"tau": "hot"}, TypeError, "tau must be a real number"),
    ({"alpha": 0.5}, ValueError, "alpha must be .exponent, offset., or at least three step sizes, found 0.5"),
    ({"alpha": (0.5,)}, ValueError, "alpha must be"),
    ({"beta": ((1.0, 1.0),)}, ValueError, "beta must be"),
    ({"alpha": (-0.1, 1.0)}, ValueError, "the exponent of alpha must be"),
    ({"beta": (1.0, -0.5)}, ValueError, "the offset of beta must be"),
    ({"beta": (1.0, math.nan)}, ValueError, "beta must be finite"),
    ({"alpha": (0.5, 0.25, 0.3)}, ValueError, "step sizes of alpha must lie in .0, 1. and never increase, found 0.3 for visit 3"),
    ({"alpha": (1.5, 0.5, 0.25)}, ValueError, "found 1.5 for visit 1"),
    ({"beta": (0.5, 0.25, 0.0)}, ValueError, "step sizes of beta .* found 0.0 for visit 3"),
    ({"beta": (0.5, 0.25, -0.1)}, ValueError, "found -0.1 for visit 3"),
    ({"beta": ("a", "b", "c")}, TypeError, "beta must hold real numbers"),
])
def test_rules_that_cannot_be(change, error, message, monkeypatch):
    monkeypatch.setattr("fastmpg.run.run.Run.prepare", forbidden)
    rule = fm.rules.TwoTimescaleQ(**({"tau": 0.1} | change))
    with pytest.raises(error, match=message):
        fm.learn(fm.games.routing(2), rule, 10)
    if error is ValueError and "tau" not in change:
        with pytest.raises(error, match=message):
            fm.ensemble(fm.games.routing(2), rule, 10, 2)


def test_one_run_uncompiled_or_not(rng):
    """Short enough to pass as plain Python too."""
    replay_tables(fm.games.random_markov(2, (2, 3), rng=rng), 20, rng, tau=0.2)
