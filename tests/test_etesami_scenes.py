"""The experiments on grid games, the rabbit hole, the driving scene and inverse learning."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg.experiments import catalogue, etesami2020_irl
from fastmpg.experiments import etesami2020_scenes as scenes
from fastmpg.experiments.experiment import PRINTED, RECOMPUTED, STATEMENT


def run(name):
    """An experiment whose checks are all met, each by itself, and whose figures are drawn."""
    pytest.importorskip("matplotlib")
    outcome = catalogue[name].run()
    assert [check for check in outcome.checks if not check.ok] == []
    assert len({check.name for check in outcome.checks}) == len(outcome.checks)
    assert {check.source for check in outcome.checks} <= {PRINTED, RECOMPUTED, STATEMENT}
    for figure in outcome.figures:
        figure.draw().draw_without_rendering()
    return outcome


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["etesami-rabbit", "etesami-driving"])
def test_the_statements_are_met_and_the_figures_drawn(name):
    run(name)


@pytest.mark.slow
@pytest.mark.whole
@pytest.mark.parametrize("name", ["etesami-grids", "etesami-irl"])
def test_the_numbers_of_the_long_ones_are_met(name):
    run(name)


def test_scores_against_the_horizon():
    """A product of policies without a correlation: the score that an evaluation over so many moves finds."""
    learning, game = (fm.games.grid_2(ends="first", discount=gamma) for gamma in (0.9, 1.0))
    policy = fm.random_policy(learning, 1)
    one, other = fm.split(learning, policy)
    found = scenes.score(learning, np.einsum("sa,sb->sab", one, other).reshape(36, 25))
    assert_allclose(found, fm.evaluate_horizon(game, [policy] * scenes.EPISODES).score, rtol=1e-12)


def test_scores_that_learners_may_end_with():
    assert scenes.is_one_of(np.array([2.0, 1.0]), scenes.ONE_OF_TWO)
    assert not scenes.is_one_of(np.array([1.0, 1.0]), scenes.ONE_OF_TWO)
    assert not scenes.is_one_of(np.array([2.0, 1.0]), scenes.ONE_OF_TWO[:1])


def test_a_rabbit_far_from_everything():
    """P(down) at the entrance is read where the fox is: rows and columns as on the map."""
    game = fm.games.rabbit_hole()
    policy = fm.uniform_policy(game)
    policy[42 * 4 + 17, 5:] = [0, 0, 1, 0, 0]  # the fox in the corner, cell 4
    found = scenes.entering(policy)
    assert found[4] == 1 and np.isnan(found[17])
    assert np.nanmax(np.delete(found, 4)) == 0.2, "the hole, too, is there to go to"
    assert scenes.away()[[17, 12, 4, 0]].tolist() == [0, 1, 5, 5]


@pytest.mark.compiled
def test_weights_are_those_of_both_players():
    found = etesami2020_irl.learn_weights("softmax")
    path = etesami2020_irl.path_of(found)
    assert path.shape == (found.iterations + 1, 4) and (path[0] == 0).all()
    assert_allclose(path[-1], np.concatenate(found.theta), rtol=0, atol=0)
