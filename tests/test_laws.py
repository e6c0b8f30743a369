"""The laws of what is simulated: next states, actions, first states.

Statistical tests accept p-values of at least P_VALUE, fixed before anything was drawn; their draws are the same in
every session.
"""


import naive
import numpy as np
import pytest
import test_counts
from numpy.testing import assert_allclose
from simulating import EPS, FROZEN, P_VALUE, chi_square, compiled_only, law_p_value, markov, twin_of

import fastmpg as fm


def frozen_trajectory(game, steps, rng, policy=None):
    """States and actions of players who never learn."""
    rule = fm.rules.TwoTimescaleQ(tau=1.0, beta=FROZEN)
    result = fm.learn(game, rule, steps, rng=rng, policy=policy,
                      record=fm.Record(every=steps, metrics=("policy",), trajectory=True))
    assert_allclose(result.trace["policy"][1], result.trace["policy"][0], rtol=0, atol=4 * EPS)
    return result.trajectory.states, result.trajectory.actions


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
    policy[0, 0], policy[0, 1:num_actions[0]] = (
        0.0, policy[0, 1:num_actions[0]] / max(policy[0, 1:num_actions[0]].sum(), 1e-9))
    policy[0, :1] = 1.0 if num_actions[0] == 1 else 0.0
    states, actions = frozen_trajectory(game, 50_000, rng, policy)
    rows = naive.split(policy, num_actions)
    for s in range(2):
        mine = actions[states[:-1] == s]
        for i, n in enumerate(num_actions):
            assert chi_square(np.bincount(mine[:, i], minlength=n), rows[i][s] * len(mine)) >= P_VALUE
            j = (i + 1) % len(num_actions)
            law = np.outer(rows[i][s], rows[j][s])
            assert chi_square(np.bincount(mine[:, i] * law.shape[1] + mine[:, j], minlength=law.size),
                              law * len(mine)) >= P_VALUE


@compiled_only
def test_first_states_follow_the_initial_law(rng):
    game, runs = markov(rng, "zeros"), 3000
    result = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=1.0), 0, runs, rng=rng,
                         record=fm.Record(metrics=(), trajectory=True))
    first = result.trajectory.states[:, 0]
    assert first.shape == (runs,)
    assert chi_square(np.bincount(first, minlength=4), game.initial * runs) >= P_VALUE
