"""Samples of linear Q-ascent: as the package draws them, and played out one by one in plain NumPy."""

from typing import Any, NamedTuple

import naive_linear
import naive_numbers
import numpy as np

from fastmpg.feedback._times import CHUNK
from fastmpg.feedback.samples import Samples, collect, ready
from fastmpg.kernels.alias import alias_tables
from fastmpg.machine import unit
from fastmpg.rules.linear_q_ascent import LinearQAscent
from fastmpg.rules.rule import contract


class Batch(NamedTuple):
    """A run's rule, state and feedback."""

    rule: Any
    state: Any
    feedback: Any


@unit
def open_batch(batch):
    """A round begins."""
    ready(batch.feedback.source, batch.rule, batch.state, batch.feedback)


@unit
def chunk_of(batch, first, count, player):
    """Samples first .. first + count - 1, of one player."""
    collect(batch.feedback.source, batch.rule, batch.state, batch.feedback, first, count, player)


def samples(game, policy, key, first, count, player, exploration, threads=1):
    """(rows, actions, returns) of ``count`` samples from number ``first`` on, at a policy (S, A_total)."""
    made = contract(LinearQAscent)
    rule = made.checked(LinearQAscent(exploration=exploration))
    state = made.state.start(game, policy)
    feedback, _ = Samples.create(game, state, threads=threads)
    feedback.key[:] = key
    batch = Batch(made.compiled(rule), state, feedback)
    open_batch.bind(batch)()
    draw, found = chunk_of.bind(batch), []
    for done in range(0, count, CHUNK):
        some = min(CHUNK, count - done)
        draw(first + done, some, player)
        found.append([table[:some].copy() for table in (feedback.rows, feedback.actions, feedback.returns)])
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def aliased(rows):
    """A function (row, u) -> outcome that draws from probability rows (n, m) as alias tables do."""
    n, m = rows.shape
    threshold, other = np.empty(n * m), np.empty(n * m, np.int32)
    alias_tables(np.arange(n + 1) * m, rows.ravel(), np.empty(m, np.int64), np.empty(m, np.int64), threshold, other)

    def draw(row, u):
        c = int(u * m)
        return c if u * m - c < threshold[row * m + c] else int(other[row * m + c])

    return draw


def replayed_tables(game, policies, key, first, count, player, exploration):
    """The same samples of a dense game, joint actions and states by alias tables."""
    shape, n = game.num_actions, game.num_players
    joint = int(np.prod(shape))
    can = ([np.ones(p.shape, bool) for p in policies] if game.available is None
           else np.split(game.available, game.offset[1:-1], axis=1))
    law = np.array([np.multiply.reduce(np.meshgrid(*(p[s] for p in policies), indexing="ij")).ravel()
                    for s in range(game.num_states)])
    acting, starting = aliased(law), aliased(np.array([game.initial]))
    moving = aliased(np.asarray(game.transitions).reshape(-1, game.num_states))
    rewards = game.rewards.reshape(-1, game.num_states, joint) * np.ones((n, 1, 1))

    def act(s, number, t, explores):
        found = list(np.unravel_index(acting(s, number(naive_linear.SAMPLES, t, 0)), shape))
        if explores:
            row = naive_linear.floored(policies[player][s], can[player][s], exploration)
            found[player] = naive_linear.inverted(row, number(naive_linear.START, 0, 1))
        return tuple(int(a) for a in found)

    def move(s, actions, number, t):
        at = s * joint + int(np.ravel_multi_index(actions, shape))
        return (rewards[:, s, at - s * joint],
                0 if game.num_states == 1 else moving(at, number(naive_linear.SAMPLES, t, 1)))

    def begin(number):
        return starting(0, number(naive_linear.START, 0, 0))

    return all_of(begin, act, move, game.discount, key, first, count, player, 1)


def replayed_play(game, policies, key, first, count, player, exploration, begin, step, can=None):
    """The same of games that are played player by player: begin(uniforms), step(s, actions, uniforms)."""
    n = game.num_players
    width = (n + 1) // 2 + (game.draws + 1) // 2
    can = [np.ones(p.shape, bool) for p in policies] if can is None else can

    def act(s, number, t, explores):
        rows = [naive_linear.floored(p[s], can[i][s], exploration if explores and i == player else 0.0)
                for i, p in enumerate(policies)]
        return tuple(naive_linear.inverted(row, number(naive_linear.SAMPLES, t, i)) for i, row in enumerate(rows))

    def move(s, actions, number, t):
        return step(s, actions, [number(naive_linear.SAMPLES, t, 2 * ((n + 1) // 2) + d) for d in range(game.draws)])

    def first_state(number):
        return begin([number(naive_linear.START, 0, d) for d in range(game.draws)])

    return all_of(first_state, act, move, game.discount, key, first, count, player, width)


def all_of(begin, act, move, discount, key, first, count, player, width):
    """Samples first .. first + count - 1; step t of one takes the numbers from 2 ``width`` t on."""
    key = [int(word) for word in key]
    found = []
    for n in range(first, first + count):
        def number(stream, t, index, n=n):
            return naive_numbers.uniform(key, n, 2 * width * t + index, stream)

        found.append(naive_linear.played(number, begin, act, move, discount, player))
    rows, actions, returns = zip(*found, strict=True)
    return np.array(rows), np.array(actions), np.array(returns)
