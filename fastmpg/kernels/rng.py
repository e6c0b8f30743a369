"""Randomness by counting: Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011).

A draw is a function of (key of the run, step, index, stream): the same whatever the threads, the chunks or the order in
which it is asked for. Keys come from numpy's SeedSequence. A block of four words makes two uniform numbers of 52 bits.
"""

import numpy as np

from ..machine import inlined, precise
from ..machine.flat import store_pairs
from ..machine.vectors import LANES, broadcast, columns_out, load, number, store, whole

ACTIONS, ENVIRONMENT, START, LENGTHS, SAMPLES, CHOICES = 0, 1, 2, 3, 4, 5  # streams
WORD = np.uint64(0xFFFFFFFF)
MULTIPLY = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
SHIFT, DROP, EXPONENT = np.uint64(32), np.uint64(12), np.uint64(0x3FF0000000000000)


@precise
def _rounds(c0, c1, c2, c3, k0, k1):
    """Two rounds, and the key of the next. Written out: a loop of ten keeps its counter's words in memory."""
    first, second = (c0 & WORD) * MULTIPLY[0], (c2 & WORD) * MULTIPLY[1]
    c0, c1, c2, c3 = (second >> SHIFT) ^ (c1 ^ k0), second, (first >> SHIFT) ^ (c3 ^ k1), first
    k0, k1 = k0 + WEYL[0], k1 + WEYL[1]
    first, second = (c0 & WORD) * MULTIPLY[0], (c2 & WORD) * MULTIPLY[1]
    c0, c1, c2, c3 = (second >> SHIFT) ^ (c1 ^ k0), second, (first >> SHIFT) ^ (c3 ^ k1), first
    return c0, c1, c2, c3, k0 + WEYL[0], k1 + WEYL[1]


@precise
def philox(c0, c1, c2, c3, k0, k1):
    """Ten rounds on a counter and a key of 32-bit words, in uint64s or vectors of them; only low halves count."""
    c0, c1, c2, c3, k0, k1 = _rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _rounds(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@precise
def unit(low, high):
    """A number in [0, 1), a multiple of 2^-52, from two 32-bit words."""
    return number(whole((((low & WORD) | (high << SHIFT)) >> DROP) | EXPONENT)) - 1.0


@precise
def pair(key0, key1, step, block, stream):
    """Uniform numbers 2 block and 2 block + 1 of a step."""
    c0, c1, c2, c3 = philox(step, step >> SHIFT, block, stream, key0, key1)
    return unit(c0, c1), unit(c2, c3)


STEPS = np.arange(LANES, dtype=np.uint64)


@inlined
def fill_steps(key, step, players, draws, starts, scratch, out):
    """What LANES steps from ``step`` on need: out[starts[b] + i] for player i, out[starts[b] + 2 ceil(players / 2) + d]
    for draw d.

    starts (LANES,)   scratch (LANES^2,)   Rows of ``out`` are rounded up to LANES numbers; two numbers a step may also
    lie side by side, starts = 0, 2, 4, ...
    """
    lanes, key0, key1 = load(STEPS, 0) + step, broadcast(key[0]), broadcast(key[1])
    acting = (players + 1) // 2
    blocks = acting + (draws + 1) // 2
    if blocks == 1 and starts[1] == 2:  # side by side: no columns to turn
        u, v = pair(key0, key1, lanes, broadcast(np.uint64(0)), broadcast(np.uint64(ACTIONS)))
        store_pairs(out, 0, u, v)
        return
    for b in range(0, blocks, LANES // 2):
        for c in range(min(LANES // 2, blocks - b)):
            block, stream = (b + c, ACTIONS) if b + c < acting else (b + c - acting, ENVIRONMENT)
            u, v = pair(key0, key1, lanes, broadcast(np.uint64(block)), broadcast(np.uint64(stream)))
            store(scratch, 2 * LANES * c, u)
            store(scratch, 2 * LANES * c + LANES, v)
        columns_out(out, starts, 2 * b, scratch, 0)
