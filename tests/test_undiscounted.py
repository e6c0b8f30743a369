"""Games without discounting are for finite horizons: what needs values of an infinite one says so."""

import numpy as np
import pytest
from simulating import compiled_only

import fastmpg as fm

ENDLESS = {
    "evaluate": lambda game, policy: fm.evaluate(game, policy),
    "ne_gap": lambda game, policy: fm.ne_gap(game, policy),
    "relative ne_gap": lambda game, policy: fm.ne_gap(game, policy, relative=True),
    "qre_gap": lambda game, policy: fm.qre_gap(game, policy, 0.1),
    "ne_gap_bound": lambda game, policy: fm.metrics.ne_gap_bound(game, policy),
    "best_response": lambda game, policy: fm.best_response(game, policy, 0),
    "gradient": lambda game, policy: fm.metrics.gradient(game, policy),
    "distance": lambda game, policy: fm.metrics.distance_to_nash(game, [policy]),
    "round_robin": lambda game, policy: fm.solvers.round_robin(game, policy),
    "learn": lambda game, policy: fm.learn(game, fm.rules.EntropyNaturalGradientPlay(0.1, 0.1), 3),
    "ensemble": lambda game, policy: fm.ensemble(game, fm.rules.QAscent(0.1), 3, 2),
    "two timescales": lambda game, policy: fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 3, record=fm.Record(metrics=())),
    "exact metrics of rollouts":
        lambda game, policy: fm.learn(game, fm.rules.MonteCarloGradientAscent(0.1, length=3), 3),
    "theory": lambda game, policy: fm.theory.gradient_play_step(game),
}


@pytest.mark.parametrize("ask", ENDLESS)
def test_what_has_no_end_needs_discounting(ask):
    game = fm.games.random_markov(2, (2, 2), discount=1.0, rng=1)
    with pytest.raises(ValueError, match=r"an infinite horizon needs discount below 1, found 1 for 'random_markov'"
                                         r".*evaluate_horizon"):
        ENDLESS[ask](game, fm.uniform_policy(game))


@pytest.mark.parametrize("discount", [1.1, -0.1, np.nan])
def test_discounts_that_are_none(discount):
    with pytest.raises(ValueError, match="discount must be"):
        fm.games.random_markov(2, (2, 2), discount=discount, rng=1)


@compiled_only
def test_rollouts_end_and_need_none():
    """Undiscounted returns of five steps: the best policy is found all the same."""
    game = fm.MarkovGame.identical_interest(np.array([[0.0, 1.0]]), np.ones((1, 2, 1)), 1.0)
    rule = fm.rules.MonteCarloGradientAscent(0.01, length=5)
    assert fm.learn(game, rule, 100, rng=0, record=fm.Record(metrics=())).policy[0, 1] > 0.9
