"""Derivatives of updates at equilibria: closed forms, runs that come back or leave, and what is refused."""

import numpy as np
import pytest

import fastmpg as fm

HUNT = fm.NormalFormGame([[[4, 0], [3, 3]], [[4, 3], [0, 3]]])
PENNIES = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])


@pytest.mark.parametrize("eta", [0.1, 0.7])
def test_closed_forms_of_natural_gradients(eta):
    """exp(-eta times the smallest loss) at strict pure equilibria; I + eta [0, b; c, 0] pi (1 - pi) at mixed ones."""
    rule = fm.rules.NaturalGradientPlay(eta)
    assert fm.stability(HUNT, rule, [[1, 0, 1, 0]]).radius == pytest.approx(np.exp(-eta), abs=1e-7)
    assert fm.stability(HUNT, rule, [[0, 1, 0, 1]]).radius == pytest.approx(np.exp(-3 * eta), abs=1e-7)
    mixed = fm.stability(HUNT, rule, [[0.75, 0.25, 0.75, 0.25]])
    assert mixed.verdict == "repelling"
    assert np.abs(np.sort(mixed.eigenvalues) - [1 - 0.75 * eta, 1 + 0.75 * eta]).max() < 1e-8
    around = fm.stability(PENNIES, rule, fm.uniform_policy(PENNIES))  # 1 +- i eta
    assert around.radius == pytest.approx(np.sqrt(1 + eta**2), abs=1e-8) and around.verdict == "repelling"


def test_entropy_makes_the_mixed_equilibrium_attracting():
    """eta tau of the logits are forgotten: (1 - eta tau) +- i eta."""
    found = fm.stability(PENNIES, fm.rules.EntropyNaturalGradientPlay(0.5, 0.3), fm.uniform_policy(PENNIES))
    assert found.radius == pytest.approx(np.hypot(0.85, 0.5), abs=1e-7) and found.verdict == "attracting"


def test_projections_reach_pure_equilibria_in_finitely_many_steps():
    for rule in (fm.rules.QAscent(0.1), fm.rules.ProjectedGradientAscent(0.1)):
        assert fm.stability(HUNT, rule, [[1, 0, 1, 0]]).radius == 0.0
        assert fm.stability(HUNT, rule, [[0.75, 0.25, 0.75, 0.25]]).radius == pytest.approx(1.2, abs=1e-9)


def test_softmax_gradients_neither_come_nor_go_at_the_first_order():
    found = fm.stability(HUNT, fm.rules.GradientPlay(0.5), [[1, 0, 1, 0]])
    assert found.verdict == "undecided" and found.radius == pytest.approx(1.0, abs=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(4))
def test_runs_in_markov_games_come_back_at_that_rate(seed):
    game = fm.games.random_markov(2, (2, 3), rng=seed, identical_interest=True)
    rule = fm.rules.NaturalGradientPlay(0.05)
    for policy in fm.solvers.pure_equilibria(game).policy[:2]:
        found = fm.stability(game, rule, policy)
        assert found.verdict == "attracting" and found.border == len(found.columns) == 6
        away = 0.999 * policy + 0.001 * fm.uniform_policy(game)
        run = fm.learn(game, rule, 4000, policy=away, record=fm.Record(every=1, metrics=("policy",)))
        off = run.trace["policy"][:, policy == 0.0].max(axis=1)
        last = np.flatnonzero(off > 1e-200)[-1]
        assert off[last] / off[last - 1] == pytest.approx(found.radius, abs=1e-6)


@pytest.mark.compiled
def test_the_derivative_is_that_of_single_runs():
    game = fm.games.random_markov(2, (2, 2), rng=3, identical_interest=True)
    rule = fm.rules.EntropyNaturalGradientPlay(0.02, 2.0)
    policy = fm.learn(game, rule, 5000).policy
    found, h = fm.stability(game, rule, policy), 1e-6
    assert found.verdict == "attracting" and found.border == 0 and found.moved <= 1e-12
    for k, (s, c) in enumerate(found.columns):
        step = np.zeros_like(policy)
        other = c + 1 if c % 2 == 0 else c - 1
        step[s, c], step[s, other] = h, -h
        ends = [fm.learn(game, rule, 1, policy=policy + sign * step).policy for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * h)
        assert np.abs(slope[tuple(found.columns.T)] - found.jacobian[:, k]).max() <= 1e-8


def test_missing_actions_have_no_directions():
    game = fm.NormalFormGame(np.array(HUNT.payoffs), available=[[1, 0, 1, 1]])
    found = fm.stability(game, fm.rules.NaturalGradientPlay(0.5), [[1, 0, 1, 0]])
    assert len(found.columns) == 1 and found.radius == pytest.approx(np.exp(-0.5), abs=1e-7)
    alone = fm.NormalFormGame(np.array(HUNT.payoffs), available=[[1, 0, 1, 0]])
    assert fm.stability(alone, fm.rules.NaturalGradientPlay(0.5), [[1, 0, 1, 0]]).radius == 0.0


def test_what_is_refused():
    with pytest.raises(ValueError, match="policy must be a fixed point of the rule"):
        fm.stability(HUNT, fm.rules.NaturalGradientPlay(0.5), fm.uniform_policy(HUNT))
    with pytest.raises(ValueError, match="rule must learn from exact feedback and draw nothing, found TwoTimescaleQ"):
        fm.stability(HUNT, fm.rules.TwoTimescaleQ(0.1), [[1, 0, 1, 0]])
    with pytest.raises(ValueError, match=r"rule must be one rule, found eta of shape \(2,\)"):
        fm.stability(HUNT, fm.rules.NaturalGradientPlay(np.array([0.1, 0.2])), [[1, 0, 1, 0]])


@pytest.mark.parametrize("kind", [fm.rules.BestResponse, fm.rules.BetterResponse, fm.rules.LogLinearLearning,
                                  fm.rules.BinaryLogLinearLearning])
def test_rules_that_draw_are_no_maps(kind):
    with pytest.raises(ValueError, match=f"draw nothing, found {kind.__name__}"):
        fm.stability(fm.NormalFormGame.identical_interest([[1, 0], [0, 1]]), kind(), [[1, 0, 1, 0]])
