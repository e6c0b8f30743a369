"""Gain and bias: by hand, by Cesaro means, by vanishing discounts."""

import numpy as np
import pytest

import fastmpg as fm

AVERAGE = fm.metrics.average_reward


def one_player(moves, reward, discount=0.9):
    """A game of one player with one action: a chain with rewards."""
    return fm.MarkovGame(np.array(reward, float)[None, :, None], np.array(moves, float)[:, None], discount)


def ask(moves, reward, discount=0.9):
    return AVERAGE(one_player(moves, reward, discount), np.ones((len(reward), 1)))


def test_chains_by_hand():
    turn = ask([[0, 1], [1, 0]], [2, 0])  # periodic: bias is a mean over starts
    assert turn.gain.tolist() == [[1.0, 1.0]] and turn.bias == pytest.approx(np.array([[0.5, -0.5]]))
    ends = ask([[0, 0.25, 0.75], [0, 1, 0], [0, 0, 1]], [10, 4, 8])  # two ends
    assert ends.gain == pytest.approx(np.array([[7.0, 4.0, 8.0]])) and ends.classes == 2
    assert ends.bias == pytest.approx(np.array([[3.0, 0.0, 0.0]]))
    assert ask([[1.0]], [5.0], 1.0).gain == pytest.approx(5.0)


def test_normal_forms_gain_their_payoffs():
    game = fm.games.zhang_3x2()
    policy = fm.random_policy(game, 0)
    found = AVERAGE(game, policy)
    assert np.abs(found.gain - fm.evaluate(game, policy).value).max() <= 1e-15 and np.abs(found.bias).max() == 0.0


@pytest.mark.parametrize("sparse", [None, 2])
def test_equations_and_vanishing_discounts(sparse):
    for seed in range(10):
        game = fm.games.random_markov(5, (2, 3), rng=seed, discount=1.0 - 1e-7, sparse=sparse)
        policy = fm.random_policy(game, seed)
        found, moves = AVERAGE(game, policy), fm.metrics.chain(game, policy)
        reward = fm.evaluate_horizon(game, policy[None], terminal=0.0).value[0]
        assert np.abs(found.gain + found.bias - reward - found.bias @ moves.T).max() <= 1e-12
        assert np.abs(found.limit @ moves - found.limit).max() <= 1e-12 and np.allclose(found.limit.sum(axis=1), 1.0)
        assert np.abs(found.bias @ found.limit.T).max() <= 1e-12
        value = fm.evaluate(game, policy).value
        assert np.abs(1e-7 * value - found.gain).max() <= 1e-5  # V = gain / (1 - gamma) + bias + ..
        mean = np.mean([np.linalg.matrix_power(moves, k) for k in range(3000)], axis=0)
        assert np.abs(mean - found.limit).max() <= 0.01
