"""What several tests of simulation share: twins, frozen trajectories, replays, users' simulators."""

import math

import naive
import naive_rules
import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.kernels import rng as generator
from fastmpg.machine import kernel
from fastmpg.machine.vectors import LANES

EPS = np.finfo(float).eps
P_VALUE = 1e-6
FROZEN = (1e-300,) * 3  # step sizes so small that the table never changes
TABLES = ("q", "policy", "counts", "visits")
compiled_only = pytest.mark.compiled


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
    uniform_rows(np.array(key, np.uint64), first, steps // LANES, players, draws, span, np.zeros(LANES, np.int64),
                 np.zeros(LANES**2), out)
    rows = out.reshape(steps, span)
    return rows[:, :players], rows[:, ahead:ahead + draws]


def chi_square(observed, expected):
    """p-value of counts against expectations; cells below 5 expected are pooled, impossible ones must be empty."""
    observed, expected = np.ravel(observed), np.ravel(expected)
    assert observed[expected == 0].sum() == 0, "an impossible outcome was drawn"
    small = expected < 5
    cells = [*zip(observed[~small], expected[~small], strict=True), (observed[small].sum(), expected[small].sum())]
    cells = [(o, e) for o, e in cells if e > 0]
    return scipy.stats.chi2.sf(sum((o - e) ** 2 / e for o, e in cells), max(1, len(cells) - 1))


def joint_index(actions, num_actions):
    return np.ravel_multi_index(tuple(actions.T), num_actions)


def law_p_value(states, actions, twin):
    """p-value of all transitions of a trajectory: statistics and degrees of freedom summed over (s, joint action)."""
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
        return fm.MarkovGame(rng.random((2, 4, 2, 2)), moves / moves.sum(axis=-1, keepdims=True), 0.9,
                             [0.0, 0.3, 0.7, 0.0])
    return fm.games.random_normal_form((2, 3), rng=rng)


def table_reward(twin, states, actions):
    """reward(k) from tables over joint actions."""
    return lambda k: twin.rewards[(slice(None), states[k], *actions[k])]


def check_replay(game, steps, rng, reward, tau=0.5, alpha=(0.6, 1.0), beta=(1.0, 1.0), rows=None, policy=None):
    """1e-12 of max(1, |q|) at every snapshot: two digits above what rounding leaves in such runs (5e-15).

    ``reward``: of (states, actions), a function of the step. ``rows``: what players see of the states.
    """
    rule = fm.rules.TwoTimescaleQ(tau, alpha, beta)
    at = fm.Record.log_spaced(steps, 12)
    result = fm.learn(game, rule, steps, rng=rng, policy=policy,
                      record=fm.Record(steps=at, metrics=TABLES, trajectory=True))
    states, actions = result.trajectory.states, result.trajectory.actions
    assert states.shape == (steps + 1,) and actions.shape == (steps, game.num_players) and result.steps == steps
    seen = states if rows is None else rows(states)
    start = None if policy is None else naive.split(policy, game.num_actions)
    twin = naive_rules.two_timescale_q(seen, actions, reward(states, actions), game.num_actions, game.num_states,
                                 game.discount, tau, alpha, beta, at, start)
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
