"""Samples of games whose joint actions are listed, LANES at a time: see :mod:`.samples`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import machine
from ..kernels.alias import alias_tables, draw_lanes
from ..kernels.elementary import floor, integer, real
from ..kernels.rng import SAMPLES, START, STEPS, pair
from ..machine import attach, call, fanned, inlined, kernel, unit
from ..machine.vectors import LANES, aligned, broadcast, gather, load, select, store
from ..models.game import Game
from ..models.sampler import leap
from ._times import CHUNK, draw_times, own_action

FEW = 512  # samples that are not worth threads
BINS = 1024  # of lengths, by which samples are sorted


class TabledWork(NamedTuple):
    """What a share of a chunk reads and writes.

    joint_threshold, joint_other (S J,): alias tables of the joint actions in every state
    start_threshold, start_other (S,): that of the first state
    policy (S, A_total)   stride (N,): of a player's action in a joint one
    rows, actions, returns (CHUNK,): what is found   exploration (1,)   scale: of :func:`geometric`
    states, before, after, order, lengths (CHUNK,), played, serial (CHUNK,) of uint64, counts (shares, BINS), lanes
    (shares, 2 LANES), sums (shares, LANES): samples under way
    """

    key: Any
    sampler: Any
    joint_threshold: Any
    joint_other: Any
    start_threshold: Any
    start_other: Any
    policy: Any
    offset: Any
    available: Any
    num_actions: Any
    n_actions: Any
    stride: Any
    joint: int
    players: int
    shared: bool
    rows: Any
    actions: Any
    returns: Any
    exploration: Any
    scale: float
    states: Any
    before: Any
    after: Any
    order: Any
    played: Any
    serial: Any
    counts: Any
    lanes: Any
    sums: Any
    shares: int
    shift: int


@kernel
def sort_by_length(lengths, lo, hi, shift, counts, order):
    """order[lo:hi] = the samples lo..hi-1 from short to long, up to 2^shift: lanes that end together waste nothing.

    lengths, order (CHUNK,)   counts (BINS,)
    """
    for b in range(BINS):
        counts[b] = 0
    for m in range(lo, hi):
        counts[min(lengths[m] >> shift, BINS - 1)] += 1
    at = lo
    for b in range(BINS):
        at, counts[b] = at + counts[b], at
    for m in range(lo, hi):
        b = min(lengths[m] >> shift, BINS - 1)
        order[counts[b]] = m
        counts[b] += 1


@inlined
def _walk(frame, first, lo, hi, lengths, player, lanes, sums):
    """Play samples lo..hi-1 on for their lengths, from ``states`` on; add up the rewards of ``player`` from step 1 on.

    lengths, frame.states, frame.returns (CHUNK,)   frame.played (CHUNK,): the steps before   player: -1 for no rewards
    """
    key0, key1 = broadcast(frame.key[0]), broadcast(frame.key[1])
    stream, n, joint = broadcast(np.uint64(SAMPLES)), frame.players, frame.joint
    for g in range(lo, hi, LANES):
        longest = 0
        for r in range(LANES):
            m = frame.order[min(g + r, hi - 1)]
            lanes[r] = m
            length = lengths[m] if g + r < hi else 0
            lanes[LANES + r] = length
            longest = max(longest, length)
        chosen, stop = load(lanes, 0), load(lanes, LANES)
        now, numbers = gather(frame.states, chosen), gather(frame.serial, chosen) + np.uint64(first)
        block, total = gather(frame.played, chosen), broadcast(0.0)
        for t in range(longest):
            u, v = pair(key0, key1, numbers, block + np.uint64(t), stream)
            at = now * joint
            at = at + draw_lanes(u, at, joint, frame.joint_threshold, frame.joint_other)
            going = stop > t
            if player >= 0:
                reward = gather(frame.sampler.rewards, at if frame.shared else at * n + player)
                total = total + select(going, reward, 0.0)
            now = select(going, leap(frame.sampler, at, v), now)
        store(lanes, LANES, now)
        store(sums, 0, total)
        for r in range(min(LANES, hi - g)):
            frame.states[lanes[r]] = lanes[LANES + r]
            if player >= 0:
                frame.returns[lanes[r]] += sums[r]


@kernel
def _deviate(frame, first, lo, hi, player, lanes, sums):
    """The step at which ``player`` alone explores, in samples lo..hi-1: its action, its reward, and the next states."""
    key0, key1 = broadcast(frame.key[0]), broadcast(frame.key[1])
    own, stride = frame.n_actions[player], frame.stride[player]
    per_stride, per_own = 1.0 / stride, 1.0 / own
    for g in range(lo, hi, LANES):
        numbers = load(frame.serial, g) + np.uint64(first)
        _, x = pair(key0, key1, numbers, broadcast(np.uint64(0)), broadcast(np.uint64(START)))
        store(sums, 0, x)
        now = load(frame.states, g)
        u, v = pair(key0, key1, numbers, load(frame.played, g), broadcast(np.uint64(SAMPLES)))
        at = now * frame.joint
        at = at + draw_lanes(u, at, frame.joint, frame.joint_threshold, frame.joint_other)
        tail = floor((real(at) + 0.5) * per_stride)  # exact: at < 2^20
        store(lanes, 0, at)
        store(lanes, LANES, integer(tail - floor((tail + 0.5) * per_own) * own))  # the player's action in it
        for r in range(min(LANES, hi - g)):
            s = frame.states[g + r]
            a = own_action(frame.policy, s, frame.offset[player], frame.offset[player + 1], frame.available,
                           frame.num_actions[s, player], frame.exploration[0], sums[r])
            frame.rows[g + r], frame.actions[g + r] = s, a
            lanes[r] += (a - lanes[LANES + r]) * stride
            frame.returns[g + r] = frame.sampler.rewards[lanes[r] if frame.shared
                                                         else lanes[r] * frame.players + player]
        store(frame.states, g, leap(frame.sampler, load(lanes, 0), v))


@unit
def tabled_share(frame, share, first, count, player, _):
    """One of the shares of ``count`` <= CHUNK samples from number ``first`` on."""
    blocks = (count + LANES - 1) // LANES
    lo = blocks * share // frame.shares * LANES
    hi = min(count, blocks * (share + 1) // frame.shares * LANES)
    lanes, sums, counts = frame.lanes[share], frame.sums[share], frame.counts[share]
    draw_times(frame.key, first, frame.scale, frame.before, frame.after, lo, hi)
    key0, key1, n = broadcast(frame.key[0]), broadcast(frame.key[1]), frame.start_threshold.size
    for m in range(lo, hi, LANES):
        u, _ = pair(key0, key1, load(STEPS, 0) + np.uint64(first + m), broadcast(np.uint64(0)),
                    broadcast(np.uint64(START)))
        store(frame.states, m, draw_lanes(u, broadcast(0), n, frame.start_threshold, frame.start_other))
        store(frame.played, m, broadcast(np.uint64(0)))
    sort_by_length(frame.before, lo, hi, frame.shift, counts, frame.order)
    _walk(frame, first, lo, hi, frame.before, -1, lanes, sums)
    for m in range(lo, hi):
        frame.played[m] = np.uint64(frame.before[m])
    _deviate(frame, first, lo, hi, player, lanes, sums)
    for m in range(lo, hi):
        frame.played[m] += np.uint64(1)
    sort_by_length(frame.after, lo, hi, frame.shift, counts, frame.order)
    _walk(frame, first, lo, hi, frame.after, player, lanes, sums)


@kernel
def joint_law(policy, offset, n_actions, s, out):
    """out[j] = the probability of joint action j in state s, player 0's action slowest.    policy (S, A_total)"""
    out[0], size = 1.0, 1
    for i in range(n_actions.size):
        for j in range(size - 1, -1, -1):
            p = out[j]
            for a in range(n_actions[i] - 1, -1, -1):
                out[j * n_actions[i] + a] = p * policy[s, offset[i] + a]
        size *= n_actions[i]


@inlined
def _ready_tables(source, rule, state, feedback):
    """The alias tables of this round's policy."""
    joint = source.small.size
    for s in range(source.pointer.size - 1):
        joint_law(state.policy, feedback.offset, source.n_actions, s, source.chance[s * joint:(s + 1) * joint])
    alias_tables(source.pointer, source.chance, source.small, source.large, source.threshold, source.other)
    feedback.exploration[0] = rule.exploration


@inlined
def _collect_tables(source, rule, state, feedback, first, count, player):
    """``count`` samples of ``player`` from number ``first`` on, by threads where they pay."""
    if count <= FEW:
        call(source.whole, (0, first, count, player, 0))
    else:
        call(source.share, (0, first, count, player, 0))


@attach(ready=_ready_tables, collect=_collect_tables)
class Tabled(NamedTuple):
    """Samples of a game whose joint actions are listed.

    share, whole: units that draw a chunk, by threads and alone
    pointer (S + 1,), chance, threshold (S J,), other (S J,): alias tables of the joint actions in every state
    small, large (J,): scratch   n_actions (N,)
    """

    share: Any
    whole: Any
    pointer: Any
    chance: Any
    threshold: Any
    other: Any
    small: Any
    large: Any
    n_actions: Any


def tabled(game: Game, sampler: Any, state: Any, shared: dict[str, Any], available: Any, num_actions: Any,
            scale: float, times: tuple[Any, Any], threads: int | None) -> Tabled:
    """The source of one run."""
    joint, rows = math.prod(game.num_actions), game.num_states
    n_actions = np.array(game.num_actions)
    stride = np.array([math.prod(game.num_actions[i + 1:]) for i in range(game.num_players)])
    tables = np.zeros(rows * joint), np.zeros(rows * joint, np.int32)
    starts = np.zeros(rows), np.zeros(rows, np.int32)
    alias_tables(np.array([0, rows]), game.initial, np.zeros(rows, np.int64), np.zeros(rows, np.int64), *starts)
    count = machine.threads() if threads is None else threads
    mean = 1.0 / (1.0 - game.discount)

    batch = (aligned(CHUNK + LANES, 0, np.int64), *times, aligned(CHUNK, 0, np.int64),
             aligned(CHUNK + LANES, 0, np.uint64), np.arange(CHUNK + LANES, dtype=np.uint64))

    def work(shares: int) -> TabledWork:
        return TabledWork(shared["key"], sampler, *tables, *starts, state.policy, game.offset, available, num_actions,
                          n_actions, stride, joint, game.num_players, sampler.shared, shared["rows"],
                          shared["actions"], shared["returns"], shared["exploration"], scale, *batch,
                          np.zeros((shares, BINS), np.int64), np.zeros((shares, 2 * LANES), np.int64),
                          np.zeros((shares, LANES)), shares, max(0, math.ceil(math.log2(16.0 * mean / BINS))))

    whole = tabled_share.bind(work(1))
    share = whole if count == 1 else fanned(tabled_share.bind(work(count)), count)
    return Tabled(share, whole, np.arange(rows + 1) * joint, np.zeros(rows * joint), *tables,
                  np.zeros(joint, np.int64), np.zeros(joint, np.int64), n_actions)
