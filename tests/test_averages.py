"""The gap of the average policy along a run, and of runs that differ by chance."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from recording import same

import fastmpg as fm

PENNIES = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
FAR = fm.NormalFormGame(2.0**40 + np.round(np.random.default_rng(0).normal(size=(2, 3, 3)), 1))
GAMES = {"one state": lambda: PENNIES, "dense": lambda: fm.games.random_markov(4, (2, 3), rng=1),
         "count": lambda: fm.games.routing(3, form="count"), "far from 0": lambda: FAR}


@pytest.mark.parametrize("name", GAMES)
def test_recorded_is_the_gap_of_what_is_recorded(name):
    game = GAMES[name]()
    record = fm.Record(every=3, metrics=("average_ne_gap", "policy", "ne_gap"))
    assert record.metrics == ("average_policy", "average_ne_gap", "policy", "ne_gap")
    run = fm.learn(game, fm.rules.QAscent(0.05), 20, policy=fm.random_policy(game, 0), record=record)
    means = np.cumsum(run.trace["policy"], axis=0) / np.arange(1, 9)[:, None, None]
    assert np.abs(run.trace["average_policy"] - means).max() <= 1e-14
    assert_array_equal(run.trace["average_ne_gap"], fm.ne_gap(game, run.trace["average_policy"]))
    plain = fm.learn(game, fm.rules.QAscent(0.05), 20, policy=fm.random_policy(game, 0),
                     record=fm.Record(every=3, metrics=("ne_gap",)))
    assert_array_equal(run.trace["ne_gap"], plain.trace["ne_gap"])  # a desk of its own: nothing else moves


def test_averages_settle_where_last_iterates_go_round():
    """Matching pennies by projected ascent: policies end on the border, their average near the middle."""
    run = fm.learn(PENNIES, fm.rules.QAscent(0.01), 20_000, policy=[[0.7, 0.3, 0.5, 0.5]],
                   record=fm.Record(every=10, metrics=("average_ne_gap", "ne_gap")))
    assert run.trace["ne_gap"][-1].max() > 0.3 and run.trace["average_ne_gap"][-1].max() < 0.03
    regret = fm.nash_regret(run.trace["ne_gap"])
    assert run.trace["average_ne_gap"][-1].max() < regret


def test_chunks_resumes_and_ensembles_have_the_same_bits(tmp_path):
    game, rule = GAMES["dense"](), fm.rules.NaturalGradientPlay(0.2)
    record = fm.Record(every=2, metrics=("average_ne_gap",))
    whole = fm.learn(game, rule, 30, record=record)
    fm.learn(game, rule, 13, record=record, checkpoint=tmp_path / "run")
    fm.learn(game, rule, 12, record=record, checkpoint=tmp_path / "other")
    longer = fm.resume(tmp_path / "other", steps=30)
    assert_array_equal(longer.trace["average_ne_gap"], whole.trace["average_ne_gap"])
    starts = np.stack([fm.random_policy(game, seed) for seed in range(3)])
    for threads in (1, 2):
        many = fm.ensemble(game, rule, 9, 3, policy=starts, record=record, threads=threads)
        for r, start in enumerate(starts):
            alone = fm.learn(game, rule, 9, policy=start, record=record)
            assert_array_equal(many.trace["average_ne_gap"][r], alone.trace["average_ne_gap"])
    again = fm.learn(game, rule, 30, record=record)
    same(again, whole)


def test_stops_when_the_average_is_near():
    run = fm.learn(PENNIES, fm.rules.QAscent(0.01), 20_000, policy=[[0.7, 0.3, 0.5, 0.5]],
                   record=fm.Record(every=10, metrics=("average_ne_gap",)), until=fm.Below("average_ne_gap", 0.05))
    assert run.status == "settled" and run.steps < 20_000


def test_over_runs():
    gap = np.random.default_rng(0).random((5, 7, 3))
    found, worst = fm.metrics.gap_over_runs(gap), gap.max(axis=2)
    for k in range(7):
        regret = [fm.nash_regret(each[:k + 1]) for each in gap]
        assert found.gap[k] == pytest.approx(worst[:, k].mean()) and found.regret[k] == pytest.approx(np.mean(regret))
        spread = [np.sqrt(((x - np.mean(x)) ** 2).sum() / 4 / 5) for x in (worst[:, k], regret)]
        assert [found.gap_error[k], found.regret_error[k]] == pytest.approx(spread)
    assert found.runs == 5
    order = np.random.default_rng(1).permutation(5)
    assert fm.metrics.gap_over_runs(gap[order][:, :, ::-1]).gap == pytest.approx(found.gap)  # runs and players renamed
    for wrong in (gap[0], gap[:1], gap[:, :0]):
        with pytest.raises(ValueError, match=r"gap must have shape \(R, K, N\) of at least two runs"):
            fm.metrics.gap_over_runs(wrong)


def test_standard_errors_of_a_sampled_rule():
    """The mean of 40 more runs lies within some standard errors of 40: both sets are independent."""
    game = fm.games.routing(2)
    rule, record = fm.rules.TwoTimescaleQ(tau=0.1), fm.Record(every=100, metrics=("average_ne_gap", "ne_gap"))
    one, two = (fm.metrics.gap_over_runs(fm.ensemble(game, rule, 400, 40, rng=seed, record=record)
                                         .trace["average_ne_gap"]) for seed in (0, 1))
    assert (one.gap_error[1:] > 0.0).all() and one.gap_error[0] == 0.0
    assert (np.abs(one.gap - two.gap)[1:] <= 5.0 * np.hypot(one.gap_error, two.gap_error)[1:]).all()
