"""Random numbers: known answers, laws, and that no number serves twice."""


import naive_numbers
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from simulating import P_VALUE, chi_square, uniforms

import fastmpg as fm
from fastmpg.kernels import rng as generator
from fastmpg.machine import UNCOMPILED, kernel
from fastmpg.machine.vectors import LANES, LINE, aligned, load, store
from fastmpg.policy import uniform_policy
from fastmpg.run.job import Job
from fastmpg.run.run import run_key

KNOWN = [  # Random123 1.14, kat_vectors: counter, key, answer
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
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
    job = Job(game, [fm.rules.TwoTimescaleQ(0.01).checked()], 1, fm.Record(steps=[1], metrics=("policy",)),
              [uniform_policy(game)], [run_key(np.random.SeedSequence(0))], 1, single=True)
    job.prepare()
    feedback, tables = job.runs[0].feedback, job.runs[0].state.tables
    read = (tables.numbers, tables.last, tables.scratch, feedback.actions, feedback.rewards,
            feedback.uniforms, feedback.scratch)
    assert [table.ctypes.data % LINE for table in read] == [0] * len(read)


@pytest.mark.parametrize("philox", [philox_numbers, philox_lanes])
def test_philox_known_answers(philox):
    words = columns([(counter, key) for counter, key, _ in KNOWN])
    out = np.zeros((4, words.shape[1]), np.uint64)
    philox(words, out)
    assert_array_equal((out & LOW)[:, :len(KNOWN)].T, [answer for _, _, answer in KNOWN])
    assert [naive_numbers.philox(counter, key) for counter, key, _ in KNOWN] == [answer for _, _, answer in KNOWN], \
        "the twin itself"


def test_philox_is_its_twin_on_random_words(rng):
    words = rng.integers(0, 2**32, (6, 25 * LANES), np.uint64)
    numbers, lanes = np.zeros((2, 4, words.shape[1]), np.uint64)
    philox_numbers(words, numbers)
    philox_lanes(words, lanes)
    expected = [naive_numbers.philox(column[:4], column[4:]) for column in words.T.tolist()]
    assert_array_equal((numbers & LOW).T, expected)
    assert_array_equal((lanes & LOW).T, expected)
    # words above 32 bits, which rounds leave behind, must not matter
    dirty = (words | (rng.integers(0, 2**20, words.shape, np.uint64) << np.uint64(32))
             * np.array([1, 0, 1, 0, 0, 0], np.uint64)[:, None])
    philox_numbers(dirty, lanes)
    assert_array_equal(lanes & LOW, numbers & LOW)


def test_unit(rng):
    """The upper 52 bits of (high, low) as a fraction: exact, from 0 to 1 - 2^-52; what is above 32 bits is ignored."""
    low, high = rng.integers(0, 2**32, (2, 10 * LANES), np.uint64)
    low[:4], high[:4] = [0, 2**32 - 1, 4095, 4096], [0, 2**32 - 1, 0, 0]
    expected = [(h << 32 | l) // 4096 / 2**52 for l, h in zip(low.tolist(), high.tolist(), strict=True)]
    numbers, lanes = np.zeros((2, low.size))
    unit_numbers(low | np.uint64(7 << 40), high | np.uint64(5 << 33), numbers)
    unit_lanes(low | np.uint64(7 << 40), high | np.uint64(5 << 33), lanes)
    assert_array_equal(numbers, expected)
    assert_array_equal(lanes, expected)
    assert_array_equal(numbers[:4], [0.0, 1 - 2**-52, 0.0, 2**-52])


@pytest.mark.parametrize("players, draws",
                         [(1, 0), (1, 1), (2, 1), (3, 2), (4, 4), (5, 1), (7, 9), (8, 1), (9, 3), (20, 5)])
def test_draws_are_those_of_their_counters(players, draws, rng):
    """(key, step, player) or (key, step, draw) fixes a number, whatever is asked for beside it; also beyond 2^32."""
    key = tuple(rng.integers(0, 2**32, 2).tolist())
    for first in (0, 8, 2**32 - 8):
        mine, world = uniforms(key, first, 2 * LANES, players, draws)
        for k in range(2 * LANES):
            assert mine[k].tolist() == [naive_numbers.uniform(key, first + k, i, 0) for i in range(players)]
            assert world[k].tolist() == [naive_numbers.uniform(key, first + k, d, 1) for d in range(draws)]
        fewer, _ = uniforms(key, first + LANES, LANES, 1, 0)
        assert_array_equal(fewer[:, 0], mine[LANES:, 0])


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
    parts = [uniforms(key + np.array(add), first, steps, 4, 1)
             for add in ((0, 0), (1, 0), (0, 1)) for first in (0, 2**32)]
    every = np.concatenate([np.concatenate([mine, world], axis=1).ravel() for mine, world in parts])
    assert np.unique(every).size == every.size
