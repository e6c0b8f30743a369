"""Correlated policies and welfare: against enumerated deviations, linear programs and figures by hand."""

import itertools

import naive_equilibria as naive
import numpy as np
import pytest
from scipy.optimize import linprog

import fastmpg as fm

CHICKEN = fm.NormalFormGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
PLAYS = np.array([[[1.0, 0, 0, 1]], [[0, 1, 1, 0]], [[0, 1, 0, 1]]])


def enumerated(game, law, i, told):
    """Largest gain (S,) over deterministic deviations, each evaluated as a chain on its own.    law (S, A_0, A_1)"""
    states, own = game.num_states, game.num_actions[i]
    law, rewards, moves = (np.moveaxis(x, i + 1, 1) for x in (law, game.rewards[min(i, len(game.rewards) - 1)],
                                                              game.transitions))

    def value(phi):  # phi (S, A_i): what is played for what is told
        paid, chain = np.zeros(states), np.zeros((states, states))
        for s, a, b in itertools.product(range(states), range(own), range(law.shape[2])):
            paid[s] += law[s, a, b] * rewards[s, phi[s, a], b]
            chain[s] += law[s, a, b] * moves[s, phi[s, a], b]
        return np.linalg.solve(np.eye(states) - game.discount * chain, paid)

    each = itertools.product(range(own), repeat=states * own if told else states)
    maps = (np.reshape(phi, (states, own)) if told else np.repeat(np.array(phi)[:, None], own, axis=1) for phi in each)
    stay = value(np.tile(np.arange(own), (states, 1)))
    return np.max([value(phi) for phi in maps], axis=0) - stay


@pytest.mark.parametrize("sizes", [(2, (2, 3)), (3, (2, 2)), (1, (3, 2))])
def test_gaps_are_those_of_the_best_deviation(sizes):
    for seed in range(4):
        game = fm.games.random_markov(*sizes, rng=seed)
        stack = np.stack([fm.random_policy(game, seed + 10 * k) for k in range(3)])
        weights = np.array([0.2, 0.5, 0.3])
        first = game.num_actions[0]
        law = np.einsum("t,tsa,tsb->sab", weights, stack[:, :, :first], stack[:, :, first:])
        for gap, told in ((fm.metrics.cce_gap, False), (fm.metrics.ce_gap, True)):
            found = gap(game, stack, weights=weights, start="every")
            expected = [np.maximum(enumerated(game, law, i, told), 0.0) for i in range(2)]
            assert np.abs(found - expected).max() <= 1e-12
            assert np.abs(gap(game, stack, weights=weights) - found @ game.initial).max() <= 1e-15


def test_one_policy_alone_has_its_nash_gap():
    for seed in range(100):
        game = fm.games.random_markov(1 + seed % 3, [(2, 2), (2, 3, 2), (4,)][seed % 3], rng=seed)
        policy = fm.random_policy(game, seed)
        for gap in (fm.metrics.cce_gap, fm.metrics.ce_gap):
            for start in (None, "worst"):
                assert np.abs(gap(game, policy, start=start) - fm.ne_gap(game, policy, start=start)).max() <= 1e-12


def test_what_is_told_helps_and_runs_are_taken():
    game = fm.games.random_markov(2, (2, 3), rng=0)
    run = fm.learn(game, fm.rules.NaturalGradientPlay(0.2), 40, record=fm.Record(metrics=("policy", "ne_gap")))
    coarse = fm.metrics.cce_gap(game, run)
    assert np.array_equal(coarse, fm.metrics.cce_gap(game, run.trace["policy"]))
    assert np.array_equal(coarse, fm.metrics.cce_gap(game, run.trace))
    assert (fm.metrics.ce_gap(game, run) >= coarse - 1e-12).all()
    with pytest.raises(ValueError, match="policies must hold recorded policies"):
        fm.metrics.cce_gap(game, {"ne_gap": run.trace["ne_gap"]})
    with pytest.raises(ValueError, match="weights must be >= 0"):
        fm.metrics.cce_gap(game, run, weights=-np.ones(41))


def test_figures_by_hand_and_by_a_linear_program():
    """Chicken: a third each is Aumann's correlated equilibrium; the best one has welfare 21/2 (linear program)."""
    assert fm.metrics.ce_gap(CHICKEN, PLAYS).tolist() == [0.0, 0.0]
    assert fm.metrics.ce_gap(CHICKEN, PLAYS[2:]).tolist() == [1.0, 1.0]
    payoffs = CHICKEN.payoffs
    rows = []
    for i, a, b in itertools.product(range(2), range(2), range(2)):
        row = np.zeros((2, 2))
        at = (a, slice(None)) if i == 0 else (slice(None), a)
        other = (b, slice(None)) if i == 0 else (slice(None), b)
        row[at] = payoffs[i][other] - payoffs[i][at]
        rows.append(row.ravel())
    best = linprog(-payoffs.sum(axis=0).ravel(), A_ub=rows, b_ub=np.zeros(8), A_eq=np.ones((1, 4)), b_eq=[1.0])
    assert best.fun == pytest.approx(-10.5)
    corners = np.array([[[1.0, 0, 1, 0]], *PLAYS])  # joint actions (0, 0), (0, 1), (1, 0), (1, 1)
    assert fm.metrics.ce_gap(CHICKEN, corners, weights=np.maximum(best.x, 0.0)).max() <= 1e-12
    worse = np.maximum(best.x, 0.0) + np.array([0.0, 0.0, 0.0, 0.1])
    assert fm.metrics.ce_gap(CHICKEN, corners, weights=worse).max() > 1e-3


def test_missing_actions_of_deviators_are_no_deviations():
    game = fm.NormalFormGame([[[0, 0], [5, 5]], [[0, 0], [0, 0]]], available=[[1, 0, 1, 1]])
    assert fm.metrics.cce_gap(game, [[1.0, 0, 0.5, 0.5]]).tolist() == [0.0, 0.0]


def test_the_best_welfare_is_that_of_the_best_pure_profile():
    for seed in range(20):
        game = fm.games.random_markov(2, (2, 3), rng=seed)
        found = fm.metrics.best_welfare(game)
        sums = [sum(naive.pure_value(game, each, i) @ game.initial for i in range(2))
                for each in naive.pure_profiles(game)]
        assert found.welfare == pytest.approx(max(sums), abs=1e-12)
        assert fm.metrics.welfare(game, found.policy) == pytest.approx(found.welfare, abs=1e-12)


def test_prices():
    """Chicken: (dare, yield) both ways, welfare 9 of 12. Costs: ratios turn round. Mixed signs: none."""
    listed = fm.solvers.pure_equilibria(CHICKEN).policy
    found = fm.metrics.price_of_anarchy(CHICKEN, listed)
    assert (found.best, found.equilibria.tolist(), found.anarchy, found.stability) == (12.0, [9.0, 9.0], 4 / 3, 4 / 3)
    costs = fm.NormalFormGame([[[-1, -6], [-2, -4]], [[-1, -2], [-6, -4]]])
    told = fm.metrics.price_of_anarchy(costs, fm.solvers.pure_equilibria(costs).policy)
    assert (told.anarchy, told.stability) == (4.0, 1.0)
    hunt = fm.NormalFormGame.identical_interest([[-2, -9], [-9, -8]])
    told = fm.metrics.price_of_anarchy(hunt, fm.solvers.pure_equilibria(hunt).policy)
    assert (told.anarchy, told.stability, told.best_equilibrium, told.worst_equilibrium) == (4.0, 1.0, 0, 1)
    assert fm.metrics.welfare(hunt, fm.solvers.pure_equilibria(hunt).policy).tolist() == [-4.0, -16.0]
    mixed = fm.NormalFormGame.identical_interest([[2, -9], [-9, -8]])
    assert np.isnan(fm.metrics.price_of_anarchy(mixed, fm.solvers.pure_equilibria(mixed).policy).anarchy)
    with pytest.raises(ValueError, match="policies"):
        fm.metrics.price_of_anarchy(CHICKEN, np.zeros((0, 1, 4)))
