"""Replays: the states and actions that a run recorded, taken through the update of tests/naive.py, which shares nothing
with the package but the rewards it is given.
"""


import naive_numbers
import numpy as np
import pytest
import test_counts
from numpy.testing import assert_array_equal
from simulating import (
    P_VALUE,
    TABLES,
    check_ensemble,
    check_replay,
    compiled_only,
    law_p_value,
    markov,
    replay_tables,
    twin_of,
)

import fastmpg as fm
from fastmpg.models.simulator import hashed
from fastmpg.rules import _schedule as rule_module
from fastmpg.run.run import run_key


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


SCHEDULES = [((0.5, 0.0), (1.0, 0.0)), ((0.0, 0.0), (0.0, 3.0)), ((0.9, 2.5), (1.5, 10.0)),
             ([0.9, 0.5, 0.25, 0.1], (1.0, 1.0)), ((0.6, 1.0), (1.0, 1.0, 0.5)),
             ([1.0, 0.3, 0.02], [0.5, 0.5, 0.001])]


@compiled_only
@pytest.mark.parametrize("alpha, beta", SCHEDULES)
def test_replay_of_step_sizes(alpha, beta, rng):
    replay_tables(fm.games.random_markov(3, (2, 2), rng=rng), 2000, rng, alpha=alpha, beta=beta)


def link_reward(players, team=False):
    """The routing game's rewards from its definition: b_l - m_l (1 + s_l) n_l on two links."""

    def reward(states, actions):
        def at(k):
            a = actions[k]
            own = np.array([(9, 16)[l] - (2, 4)[l] * (1 + ((states[k] % 4) >> (1 - l) & 1)) * np.sum(a == l)
                            for l in a], float)
            return np.full(players, own.sum()) if team else own

        return at

    return reward


@compiled_only
@pytest.mark.parametrize("players", [1, 2, 4, 8, 9, 17,
                                     *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 5, 6, 7, 12, 16, 20))])
def test_replay_of_routing_through_counts(players, rng):
    check_replay(fm.games.routing(players, form="count"), max(300, 5000 // players), rng,
                 link_reward(players), tau=1e-3)


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
    assert states[0] == links_reset([naive_numbers.uniform(key, 0, 0, 2)])
    for k in range(200):
        drawn, rewards = [naive_numbers.uniform(key, k, d, 1) for d in range(2)], np.zeros(4)
        assert links_step(states[k], actions[k], drawn, rewards) == states[k + 1]
    first = [int(naive_numbers.uniform(key, 0, i, 0) >= 0.5) for i in range(4)]
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
    """Numba's dispatchers tell NamedTuples apart by names alone, and its cache functions: every game keeps its own."""

    def circle(stride, **options):
        def reset(uniforms):
            return stride

        def step(state, actions, uniforms, rewards):
            rewards[:] = stride
            return (state + stride) % 12

        return fm.SimulatorGame(reset, step, (1,), 12, 0.0, **options)

    rule, record = fm.rules.TwoTimescaleQ(1.0, (0.0, 0.0)), fm.Record(metrics=TABLES, trajectory=True)
    for stride, row, options in ((1, lambda s: s, {}), (5, lambda s: s, {}),
                                 (1, lambda s: s // 3, {"observe": lambda s: s // 3}),
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
                          rows=lambda states: np.array([naive_numbers.splitmix64(s) % 64 for s in states.tolist()]))
    assert (result.state.visits > 0).all()


@compiled_only
def test_hash():
    for state in (0, 1, 2, 3, 10**18, -1, -5, -2**63, 2**63 - 1):
        for rows in (1, 2, 64, 1000, 2**26):
            assert hashed(state, rows) == naive_numbers.splitmix64(state % 2**64) % rows
    assert naive_numbers.splitmix64(0) == 0xE220A8397B1DCDAF  # the reference generator's first output, seeded with 0


@compiled_only
@pytest.mark.slow
def test_a_simulator_in_an_ensemble_gives_the_same_bits(rng):
    check_ensemble(links_game(3), fm.rules.TwoTimescaleQ(tau=0.01), 1000, 3, int(rng.integers(2**32)))
