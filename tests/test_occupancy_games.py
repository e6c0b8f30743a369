"""Occupancy games as they are given: graphs in any form, rewards of the end, and what is refused."""

import pickle

import naive_occupancy as naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from test_occupancy import grid, swap

import fastmpg as fm


def test_graphs_may_be_given_in_any_form():
    to = np.array([[1, 0, -1], [2, 1, 0], [-1, 2, 1]])
    dense = np.where(to[:, :, None] == np.arange(3), 1.0, 0.0)
    sparse = sp.csr_array(dense.reshape(9, 3))
    full = dense.copy()
    full[to < 0] = np.nan  # never read
    made = [fm.OccupancyGame(each, np.eye(3)[:2], [0, 2], **more) for each, more in
            ((to, {}), (dense, {}), (sparse, {}), (full, {"available": to >= 0}), ([to, to], {}), ([to, dense], {}),
             (full, {"available": [to >= 0] * 2}))]
    for game in made:
        assert_array_equal(game.available(1), to >= 0)
        assert_array_equal(naive.transitions(game, 1), dense)
    assert (made[0] == made[1] == made[3] == made[4]
            and made[4].model.pointer.size == 10 and made[5].model.pointer.size == 19)
    assert made[0] != fm.OccupancyGame(to, np.eye(3)[:2], [0, 1]) and hash(made[0]) == hash(made[1])
    copy = pickle.loads(pickle.dumps(made[0]))
    assert copy == made[0] and copy.starts.flags.writeable is False
    with pytest.raises(AttributeError, match="immutable"):
        made[0].mu = 2.0


def test_the_caller_s_arrays_stay_as_they_are():
    to, rewards, mu = grid(3), np.full((2, 9, 5), np.nan), np.ones(2)
    rewards[:, to >= 0] = 1.0
    before = to.copy(), rewards.copy(), mu.copy()
    game = fm.OccupancyGame(to, rewards, [0, 1], mu=mu)
    fm.solvers.mge_fb(game, 2)
    for was, now in zip(before, (to, rewards, mu), strict=True):
        assert_array_equal(was, now)
    mu[:] = 7.0
    assert_array_equal(game.mu, 1.0)
    assert_array_equal(game.payoff_range(), [[0.0, 1.0]] * 2)  # R_F is 0 where rewards depend on the action


def test_the_end_is_the_reward_of_the_state_by_default():
    by_state = fm.OccupancyGame(grid(2), np.arange(8.0).reshape(2, 4), [0, 1])
    assert_array_equal(by_state.final(1), [4, 5, 6, 7])
    assert_array_equal(fm.OccupancyGame(grid(2), np.ones((2, 4, 5)), [0, 1]).final(1), 0)
    assert_array_equal(fm.OccupancyGame(grid(2), np.ones((2, 4)), [0, 1], final=np.full((2, 4), 3.0)).final(0), 3)


@pytest.mark.parametrize("arguments, message", [
    ({"transitions": [[0, 5], [1, 0]]}, r"transitions must lead to states 0 to 1.* found 5 in state 0, action 1"),
    ({"transitions": [[0, 1], [-1, -1]]}, "transitions must leave an action in every state, found none in state 1"),
    ({"transitions": np.full((2, 2, 2), 0.4)}, "sum to 1, found a sum of 0.8 in state 0, action 0"),
    ({"transitions": np.array([[[1.5, -0.5], [1, 0]], [[1, 0], [1, 0]]])}, r"found -0.5 in state 0, action 0"),
    ({"transitions": [grid(2), grid(3)]},
     r"transitions\[1\] must have as many states as those of player 0, 4, found 9"),
    ({"transitions": np.zeros((2, 3, 4))}, r"transitions must be integers \(X, A\)"),
    ({"available": [[True, False], [False, False]]},
     "available must leave an action in every state, found none in state 1"),
    ({"transitions": [[0, -1], [1, 0]], "available": np.ones((2, 2), bool)},
     "says that action 1 can be taken in state 0"),
    ({"available": np.ones((2, 3), bool)}, r"available must have shape \(X, A\) = \(2, 2\), found \(2, 3\)"),
    ({"available": np.ones((2, 2))}, "available must hold True or False, found dtype float64"),
    ({"rewards": np.zeros((2, 3))}, r"rewards\[0\] must have shape \(X,\) = \(2,\) or"),
    ({"rewards": [[0, np.nan], [0, 0]]}, r"rewards\[0\] must be finite, found nan"),
    ({"starts": [0]}, "starts must hold one item for every player, 2 of them, found 1"),
    ({"starts": [0, 2]}, r"starts\[1\] must be between 0 and 1, found 2"),
    ({"starts": [[0.5, 0.6], [1, 0]]}, r"starts\[0\] must sum to 1"),
    ({"mu": [1.0]}, r"mu must have shape \(M,\) = \(2,\), found \(1,\)"),
    ({"mu": np.inf}, "mu must be finite"),
    ({"final": [[0, 0, 0]] * 2}, r"final\[0\] must have shape \(X,\)"),
    ({"goals": [0, 9]}, r"goals\[1\] must be between 0 and 1, found 9"),
    ({"layout": [[0, 0]]}, r"layout must have shape \(X, 2\)"),
    ({"players": ["a"]}, "players must hold 2 strings, found 1"),
])
def test_bad_games_are_refused(arguments, message):
    good = {"transitions": [[0, 1], [1, 0]], "rewards": np.zeros((2, 2)), "starts": [0, 1]}
    with pytest.raises((ValueError, TypeError), match=message):
        fm.OccupancyGame(**(good | arguments))


@pytest.mark.parametrize("arguments, message", [
    ({"game": fm.games.zhang_3x2()}, "game must be a fastmpg.OccupancyGame"), ({"horizon": 0}, "horizon must be"),
    ({"beta": 0.0}, r"beta must be a finite number in \(0"),
    ({"value": "min"}, "value must be one of 'mean', 'softmax', 'max'"),
    ({"alpha": 0.0}, "alpha must be"), ({"alpha": 1.5}, "alpha must be"),
    ({"terminal": "psi"}, "terminal must be one of"), ({"tol": 0.0}, "tol must be"),
    ({"maxiter": 0}, "maxiter must be"), ({"start": 1}, "start must be a solution"),
])
def test_bad_questions_are_refused(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fm.solvers.mge_fb(**({"game": swap(1.0), "horizon": 2} | arguments))
