"""What a rule asks of its first policy and of a game's discount before it runs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm

ENTROPY = fm.rules.EntropyNaturalGradientPlay
STAGE = fm.games.zhang_3x2()
PURE = np.array([[1.0, 0.0, 0.0, 0.0, 1.0]])


def markov(gamma, seed=3):
    return fm.games.random_markov(3, (2, 3), gamma, rng=seed)


def logit(game, policy, tau):
    """Every player's softmax of Qbar / tau, Q with entropy: the logit reply."""
    parts = fm.split(game, fm.evaluate(game, policy, tau=tau).q_bar / tau)
    e = [np.exp(part - part.max(axis=1, keepdims=True)) for part in parts]
    return fm.join([part / part.sum(axis=1, keepdims=True) for part in e])


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 0.7, 0.9, 0.99, 0.999, 0.9999])
@pytest.mark.parametrize("tau", [0.1, 0.3, 7.0])
def test_the_largest_step_is_the_logit_reply(gamma, tau):
    """As the error names it, as a user computes it from 1 - gamma, and as it is written in decimals; from any start."""
    game = markov(gamma)
    start = fm.random_policy(game, 1)
    expected = logit(game, start, tau)
    decimals = round(1 - gamma, 6)
    for eta in ((1 - game.discount) / tau, decimals / tau, decimals * (1 / tau), np.nextafter((1 - gamma) / tau, 0)):
        assert_allclose(fm.learn(game, ENTROPY(eta, tau), 1, policy=start).policy, expected, rtol=1e-9)
    pure = fm.join([np.eye(n)[np.zeros(3, int)] for n in game.num_actions])
    found = fm.learn(game, ENTROPY(decimals / tau, tau), 1, policy=pure).policy
    assert_allclose(found, logit(game, pure, tau), rtol=1e-9)


def test_a_pure_start_at_the_largest_step_reaches_the_equilibrium():
    game = fm.NormalFormGame.identical_interest([[1.0, 0.0], [0.0, 0.5]])
    result = fm.learn(game, ENTROPY(1.0, 1.0), 200, policy=[[0.0, 1.0, 1.0, 0.0]],
                      record=fm.Record(every=200, metrics=("qre_gap",)))
    assert result.status == "done" and result.trace["qre_gap"][-1].max() < 1e-12 < result.trace["qre_gap"][0].max()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 0.999])
@pytest.mark.parametrize("beyond", [1 + 1e-9, 1.5, 2.5])
def test_beyond_it_the_range_is_named(gamma, beyond):
    game, tau = markov(gamma), 0.25
    with pytest.raises(ValueError,
                       match=r"eta must be in \(0, \(1 - discount\) / tau\] = \(0, \d\S*\] for this game, found \d"):
        fm.learn(game, ENTROPY(beyond * (1 - gamma) / tau, tau), 3)


def test_a_start_that_cannot_move_is_refused():
    says = (r"entropy-regularised play needs every initial probability above 0 in policy, found 0\.0 for player 0, "
            r"action 1 in state 0; .*eta =")
    with pytest.raises(ValueError, match=says):
        fm.learn(STAGE, ENTROPY(0.1, 0.1), 3, policy=PURE)
    with pytest.raises(ValueError, match=says):
        fm.ensemble(STAGE, ENTROPY(0.1, 0.1), 3, 2, policy=np.stack([fm.uniform_policy(STAGE), PURE]))
    assert_array_equal(fm.learn(STAGE, ENTROPY(0.1, 0.0), 3, policy=PURE).policy, PURE)  # what NaturalGradientPlay does


def test_every_place_of_a_grid_is_asked():
    """Not the first one alone."""
    with pytest.raises(ValueError, match="eta must be in"):
        fm.ensemble(STAGE, ENTROPY(0.5, np.array([0.1, 1.0, 3.0])), 3)
    with pytest.raises(ValueError, match="a log-barrier needs every initial probability above 0"):
        fm.ensemble(STAGE, fm.rules.GradientPlay(0.1, np.array([0.0, 0.2])), 3, policy=PURE)
    with pytest.raises(ValueError, match="a log-barrier needs every initial probability above 0"):
        fm.learn(STAGE, fm.rules.NaturalGradientPlay(0.1, 0.2), 3, policy=PURE)
    fm.ensemble(STAGE, fm.rules.GradientPlay(0.1, np.array([0.0, 0.0])), 3, policy=PURE)
