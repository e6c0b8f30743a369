"""Zero-sum Markov games: against value iteration, closed forms, fractions and a linear program over occupancies."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

import fastmpg as fm

SOLVE = fm.solvers.shapley


def zero_sum(num_states, num_actions, discount, rng):
    game = fm.games.random_markov(num_states, num_actions, discount=discount, rng=rng)
    reward = game.rewards[0]
    return fm.MarkovGame([reward, -reward], game.transitions, discount)


def value_iteration(game, sweeps):
    """Shapley's own iteration, matrix games by the dual program of scipy alone."""
    value = np.zeros(game.num_states)
    for _ in range(sweeps):
        q = game.rewards[0] + game.discount * game.transitions @ value
        value = np.array([minimax(each) for each in q])
    return value


def minimax(payoff):
    """min w over the column player's mixes: the other program than the solver's."""
    rows, columns = payoff.shape
    limits = np.hstack([payoff, -np.ones((rows, 1))])
    found = linprog(np.append(np.zeros(columns), 1.0), A_ub=limits, b_ub=np.zeros(rows),
                    A_eq=np.append(np.ones(columns), 0.0)[None], b_eq=[1.0],
                    bounds=[(0, None)] * columns + [(None, None)])
    return found.fun


@pytest.mark.compiled
@pytest.mark.parametrize(("num_states", "num_actions", "discount"),
                         [(1, (3, 4), 0.5), (3, (2, 3), 0.6), (4, (3, 3), 0.8)])
def test_value_iteration_gets_there(num_states, num_actions, discount):
    for seed in range(3):
        game = zero_sum(num_states, num_actions, discount, seed)
        found, sweeps = SOLVE(game), int(np.log(1e-9) / np.log(discount))
        slow = value_iteration(game, sweeps)
        assert found.status == "converged" and (found.upper - found.lower).max() <= 1e-10
        assert np.abs(found.value - slow).max() <= 1e-8


@pytest.mark.compiled
def test_a_hundred_games_have_values_to_ten_digits_and_equilibria():
    for seed in range(100):
        game = zero_sum(1 + seed % 4, (2 + seed % 2, 3), (0.0, 0.5, 0.9, 0.97)[seed // 25], seed)
        found = SOLVE(game)
        assert found.status == "converged" and (found.upper - found.lower).max() <= 1e-10
        assert fm.ne_gap(game, found.policy, start="worst").max() <= 1e-10
        assert (found.lower <= found.upper).all()
        other = SOLVE(fm.MarkovGame(game.rewards[::-1].swapaxes(2, 3), game.transitions.swapaxes(1, 2), game.discount))
        assert np.abs(found.value + other.value).max() <= 1e-10  # the players change places


def test_two_by_two_games_in_fractions():
    """v = (ad - bc) / (a + d - b - c) without a saddle: Shapley and Snow (1950); over 1 - gamma if play repeats."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        (a, b), (c, d) = table = rng.integers(-5, 6, (2, 2)).tolist()
        low, high = max(min(a, b), min(c, d)), min(max(a, c), max(b, d))
        exact = Fraction(low) if low == high else Fraction(a * d - b * c, a + d - b - c)
        game = fm.MarkovGame([[table], np.negative([table])], np.ones((1, 2, 2, 1)), 0.75)
        found = SOLVE(game)
        assert Fraction(found.lower[0]) <= 4 * exact <= Fraction(found.upper[0])


def test_a_game_solved_by_hand():
    """Pennies, paid 1 or 2 for a match, go on with probability 1/2 after one: v is the value of
    [[1 + .4 v, -1], [-1, 2 + .4 v]], which has no saddle, so that (5 + .8 v) v = (1 + .4 v) (2 + .4 v) - 1.
    """
    stop = np.zeros((2, 2, 2, 2))
    stop[..., 1] = 1.0
    stop[0, 0, 0] = stop[0, 1, 1] = [0.5, 0.5]
    reward = np.array([[[1.0, -1.0], [-1.0, 2.0]], np.zeros((2, 2))])
    found = SOLVE(fm.MarkovGame([reward, -reward], stop, 0.8))
    assert found.value == pytest.approx([(np.sqrt(17.0) - 3.8) / 1.28, 0.0], abs=1e-10)


def test_missing_actions_sparse_rows_and_wide_intervals():
    game = zero_sum(3, (3, 3), 0.9, 0)
    mask = np.ones((3, 6), bool)
    mask[1, 0] = mask[2, 4] = False
    cut = fm.MarkovGame(game.rewards, game.transitions, 0.9, available=mask)
    found = SOLVE(cut)
    assert found.status == "converged" and (found.policy[~mask] == 0.0).all()
    assert fm.ne_gap(cut, found.policy, start="worst").max() <= 1e-10
    sparse = fm.games.random_markov(6, (2, 2), rng=1, sparse=2)
    sparse = fm.MarkovGame([sparse.rewards[0], -sparse.rewards[0]], sparse.transitions, 0.9)
    assert np.abs(SOLVE(sparse).value - SOLVE(sparse.to_dense()).value).max() <= 1e-10
    near = SOLVE(zero_sum(3, (2, 2), 1.0 - 1e-9, 0))
    assert near.status == "stalled" and (near.lower < near.upper).all()
    assert SOLVE(game, maxiter=1).status == "limit"


def test_what_is_not_zero_sum_is_refused():
    with pytest.raises(ValueError, match=r"zero-sum.*found a sum of .* in state 0 at actions \(\d, \d\)"):
        SOLVE(fm.games.zhang_3x2())
    with pytest.raises(ValueError, match="two players, found 3"):
        SOLVE(fm.games.zhang_3player())
