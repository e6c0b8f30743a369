"""Sampled feedback for regression: pairs of a state and an action, and unbiased samples of what the action is worth.

A sample of player i: everybody plays pi until a Geometric(1 - gamma) time, which ends in a state s of the law
d_rho^pi; there player i alone takes an action from (1 - xi) pi_i + xi uniform; everybody plays on, by pi again, until
another geometric time, and R is the *undiscounted* sum of i's rewards from s on. Since P(time >= t) = gamma^t, the
expectation of R is Qbar_i(s, a_i) (Ding et al. 2022, Algorithm 2, as their slides have it). Others are not perturbed
in i's samples: players take turns, and of a batch of K, player i's are the numbers n = (k N + i) K .. (k N + i + 1) K - 1
of a run, k that of the update.

Sample n draws at step n of the streams START (its first state, by the first of the blocks, and its own action), LENGTHS
(both times) and SAMPLES (all that happens at its step t, in blocks t B .. (t + 1) B - 1), so that it depends on the
run's key, n and the policy alone: not on the threads, nor on what is sampled beside it.

Where joint actions are listed, they are drawn from an alias table of every state, made once a round: two numbers a step,
however many players, and LANES samples at a time. Other games are played player by player.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import machine
from ..kernels.alias import alias_tables, draw_lanes
from ..kernels.elementary import floor, integer, log, real
from ..kernels.rng import LENGTHS, SAMPLES, START, STEPS, pair
from ..machine import attach, call, fanned, inlined, kernel, method, precise, unit
from ..machine.vectors import LANES, aligned, broadcast, gather, load, select, store
from ..models.available import choices
from ..models.game import Game
from ..models.sampler import SamplerContract, begin, leap, private, row, step
from .transition import up

CHUNK = 8192  # samples drawn before they are learned from
FEW = 512  # samples that are not worth threads
BINS = 1024  # of lengths, by which samples are sorted
MOST_JOINT = 2**20  # entries of the tables of joint actions: making them anew must not outweigh the sampling
FURTHEST = 36.05  # -log of the smallest 1 - u: a time is at most this many times 1 / (1 - gamma)


# ---------------------------------------------------------------------------------------------------------- the times
@precise
def geometric(u, scale):
    """A time with P(time >= t) = gamma^t, scale = 1 / log gamma (0 for gamma 0): a whole number, as a float."""
    return floor(log(1.0 - u) * scale)


@kernel
def draw_times(key, first, scale, before, after, lo, hi):
    """Both times of samples first + lo .. first + hi - 1, in ``before`` and ``after`` (CHUNK,); hi is rounded up to
    whole vectors.
    """
    key0, key1, stream, block = broadcast(key[0]), broadcast(key[1]), broadcast(np.uint64(LENGTHS)), broadcast(
        np.uint64(0))
    for m in range(lo, hi, LANES):
        u, v = pair(key0, key1, load(STEPS, 0) + np.uint64(first + m), block, stream)
        store(before, m, integer(geometric(u, scale)))
        store(after, m, integer(geometric(v, scale)))


# ------------------------------------------------------------------------------------------- games with joint actions
class Work(NamedTuple):
    """What a share of a chunk reads and writes.

    joint_threshold, joint_other (S J,): alias tables of the joint actions in every state   start_threshold, start_other (S,): the first states
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


@precise
def own_action(policy, s, first, last, available, count, exploration, u):
    """An action of (1 - xi) pi_i + xi uniform over what is there, by inversion.

    policy, available (S, A_total), columns first..last-1   count: how many are there
    """
    chosen, end, total = -1, 0, 0.0
    for c in range(first, last):
        if available[s, c]:
            total += (1.0 - exploration) * policy[s, c] + exploration / count
            end = c - first
            if chosen < 0 and u < total:
                chosen = end
    return chosen if chosen >= 0 else end


@kernel
def _deviate(frame, first, lo, hi, player, lanes, sums):
    """The step at which ``player`` alone plays as it explores, in samples lo..hi-1; what it leads to, and its reward."""
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


# --------------------------------------------------------------------------------------- games played one by one
@inlined
def _ready_play(source, rule, state, feedback):
    """Nothing is kept from one round to the next."""


@kernel
def _fill(source, key, n, t):
    """uniforms[:2 B]: what step t of sample n needs, players first, then the environment's draws."""
    key0, key1, width = broadcast(key[0]), broadcast(key[1]), source.blocks
    lanes = load(STEPS, 0) + np.uint64(t * width)
    for b in range(0, width, LANES):
        u, v = pair(key0, key1, broadcast(np.uint64(n)), lanes + np.uint64(b), broadcast(np.uint64(SAMPLES)))
        store(source.halves, 0, u)
        store(source.halves, LANES, v)
        for c in range(min(LANES, width - b)):
            source.uniforms[2 * (b + c)] = source.halves[c]
            source.uniforms[2 * (b + c) + 1] = source.halves[LANES + c]


@kernel
def _first(source, key, n):
    """The first state of sample n."""
    for b in range((source.draws + 1) // 2):
        source.uniforms[2 * b], source.uniforms[2 * b + 1] = pair(key[0], key[1], np.uint64(n), np.uint64(b),
                                                                  np.uint64(START))
    return begin(source.sampler, source.uniforms, 0)


@inlined
def _collect_play(source, rule, state, feedback, first, count, player):
    """As :func:`_collect_tables`, one sample after the other."""
    draw_times(feedback.key, first, source.scale, source.before, source.after, 0, count)
    for m in range(count):
        n = first + m
        place = _first(source, feedback.key, n)
        feedback.returns[m] = 0.0
        for t in range(source.before[m] + 1 + source.after[m]):
            _fill(source, feedback.key, n, t)
            s, special = row(source.sampler, place), t == source.before[m]
            probabilities(rule.features, rule, state, feedback, s, place, source.now[0])
            if special:
                feedback.rows[m], feedback.places[m] = s, place
                shown(rule.features, rule, state, feedback, s, place, source.now[0])
            for i in range(feedback.offset.size - 1):
                source.actions[i] = own_action(source.now, 0, feedback.offset[i], feedback.offset[i + 1],
                                               feedback.available[s:s + 1], feedback.num_actions[s, i],
                                               rule.exploration if special and i == player else 0.0,
                                               source.uniforms[i])
            if special:
                feedback.actions[m] = source.actions[player]
            place = step(source.sampler, place, source.actions, source.rewards, source.uniforms, source.first)
            if t >= source.before[m]:
                feedback.returns[m] += source.rewards[player]


@attach(ready=_ready_play, collect=_collect_play)
class Played(NamedTuple):
    """Samples of a game that is played player by player: by counts, or a simulator.

    before, after (CHUNK,), scale: of the times   now (1, A_total), actions, rewards (N,), rounded up to whole vectors,
    uniforms, halves (2 LANES,): of a step   blocks: B   first: where the environment's numbers begin
    """

    before: Any
    after: Any
    scale: float
    now: Any
    actions: Any
    rewards: Any
    uniforms: Any
    halves: Any
    blocks: int
    first: int
    draws: int
    sampler: Any


ready, collect = method("ready"), method("collect")
# probabilities(features, rule, state, feedback, s, place, out): everybody's policy in a state, seen as row s, (A_total,)
# shown(features, rule, state, feedback, s, place, now): notes the policy in a state that players take an action from
probabilities, shown = method("probabilities"), method("shown")


@inlined
def _observe(feedback, state, key, k):
    """Note the key (2,) and the number k of the update: the rule asks for samples itself."""
    feedback.key[0], feedback.key[1] = key[0], key[1]
    feedback.iteration[0] = k


@inlined
def _stay(feedback, k):
    """No environment goes on from one update to the next."""


@attach(observe=_observe, proceed=_stay, sampled=True, spreads=True)
class Samples(NamedTuple):
    """Sampled feedback. A rule calls ``ready(source, rule, state, feedback)`` once a round, and then ``collect(source,
    rule, state, feedback, first, count, player)`` for up to CHUNK samples, numbers first .. first + count - 1.

    Attributes
    ----------
    rows, actions, returns, places : (CHUNK,)
        Of every sample the row of the tables and the player's action, its return, and (where games are played player by
        player) the state itself.
    offset : (N + 1,)
        First column of every player.
    available : (S, A_total) of bool, num_actions : (S, N)
        Which actions there are, and how many each player has, in every row of the tables.
    discount : float
    key, iteration, exploration, source
        Of the samples under way.
    """

    rows: Any
    actions: Any
    returns: Any
    places: Any
    offset: Any
    available: Any
    num_actions: Any
    discount: float
    key: Any
    iteration: Any
    exploration: Any
    source: Any

    @classmethod
    def create(cls, game: Game, state: Any, *, threads: int | None = None, **_: Any) -> tuple[Samples, None]:
        """The workspace of one run.

        Raises
        ------
        ValueError
            If the discount is so near to 1 that the steps of a sample could not be counted.
        """
        sampler = private(game.sampler())
        tabled = hasattr(type(sampler), "leap") and game.num_states * math.prod(game.num_actions) <= MOST_JOINT
        blocks = 1 if tabled else (game.num_players + 1) // 2 + (game.draws + 1) // 2
        check_horizon(game.discount, blocks)
        size = CHUNK + LANES
        shared = {"rows": aligned(size, 0, np.int64), "actions": aligned(size, 0, np.int64), "returns": aligned(size),
                  "offset": game.offset, "key": np.zeros(2, np.uint64), "exploration": np.zeros(1)}
        available, num_actions = choices(game)
        scale = 1.0 / math.log(game.discount) if game.discount > 0.0 else 0.0
        times = aligned(size, 0, np.int64), aligned(size, 0, np.int64)
        places = np.zeros(0 if tabled else size, np.int64)
        source = (_tabled(game, sampler, state, shared, available, num_actions, scale, times, threads) if tabled
                  else _played(game, sampler, scale, times, blocks))
        made = cls(places=places, available=available, num_actions=num_actions, discount=game.discount,
                   iteration=np.zeros(1, np.int64), source=source, **shared)
        return made, None


def check_horizon(discount: float, blocks: int) -> None:
    """Refuse a discount at which a sample of some steps could take more than the 2^32 blocks that it has."""
    if not (discount == 0.0 or 2 * FURTHEST * blocks < 2**32 * (1.0 - discount)):
        most = 1.0 - 2 * FURTHEST * blocks / 2**32
        raise ValueError(f"samples until a geometric time need a discount of at most {most:.10g} here, found {discount!r}"
                         "; take a lower one, or a rule that evaluates exactly")


def _tabled(game: Game, sampler: Any, state: Any, shared: dict[str, Any], available: Any, num_actions: Any,
            scale: float, times: tuple[Any, Any], threads: int | None) -> Tabled:
    joint, rows = math.prod(game.num_actions), game.num_states
    n_actions = np.array(game.num_actions)
    stride = np.array([math.prod(game.num_actions[i + 1:]) for i in range(game.num_players)])
    tables = np.zeros(rows * joint), np.zeros(rows * joint, np.int32)
    starts = np.zeros(rows), np.zeros(rows, np.int32)
    alias_tables(np.array([0, rows]), game.initial, np.zeros(rows, np.int64), np.zeros(rows, np.int64), *starts)
    count = machine.threads() if threads is None else threads
    mean = 1.0 / (1.0 - game.discount)

    def work(shares: int) -> Work:
        return Work(shared["key"], sampler, *tables, *starts, state.policy, game.offset, available, num_actions,
                    n_actions, stride, joint, game.num_players, sampler.shared, shared["rows"], shared["actions"],
                    shared["returns"], shared["exploration"], scale, aligned(CHUNK + LANES, 0, np.int64), *times,
                    aligned(CHUNK, 0, np.int64), aligned(CHUNK + LANES, 0, np.uint64),
                    np.arange(CHUNK + LANES, dtype=np.uint64), np.zeros((shares, BINS), np.int64),
                    np.zeros((shares, 2 * LANES), np.int64), np.zeros((shares, LANES)), shares,
                    max(0, math.ceil(math.log2(16.0 * mean / BINS))))

    whole = tabled_share.bind(work(1))
    share = whole if count == 1 else fanned(tabled_share.bind(work(count)), count)
    return Tabled(share, whole, np.arange(rows + 1) * joint, np.zeros(rows * joint), *tables,
                  np.zeros(joint, np.int64), np.zeros(joint, np.int64), n_actions)


def _played(game: Game, sampler: Any, scale: float, times: tuple[Any, Any], blocks: int) -> Played:
    players = up(game.num_players)
    acting = (game.num_players + 1) // 2
    return Played(*times, scale, np.zeros((1, sum(game.num_actions))), np.full(players, -1, np.int64),
                  np.zeros(players), np.zeros(max(2 * blocks, game.draws + 1) + 2), np.zeros(2 * LANES), blocks,
                  2 * acting, game.draws, sampler)
