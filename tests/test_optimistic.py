"""Optimistic Q-ascent: its twin, and gaps that a separate program in plain NumPy found along its runs."""

import naive
import naive_rules
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm

CRITICS = ("smoothed", "exact", 0.25, (0.9, 0.5))


def pennies():
    payoff = np.array([[1.0, -1.0], [-1.0, 1.0]])
    return fm.NormalFormGame(np.stack([payoff, -payoff]), name="matching pennies")


def markov(cooperative):
    rng = np.random.default_rng(2022)
    payoff = rng.random((3, 3, 3))
    rewards = np.stack([payoff, payoff if cooperative else -payoff])
    return fm.MarkovGame(rewards, rng.dirichlet(np.ones(3), (3, 3, 3)), 0.5)


def gaps(game, rule, at, policy=None):
    """The largest gap of the t-th policy, t = 1 the first."""
    record = fm.Record(steps=[t - 1 for t in at], metrics=("ne_gap",))
    return fm.learn(game, rule, max(at) - 1, policy=policy, record=record).trace["ne_gap"].max(axis=1)


def near(found, expected, digits):
    """To so many printed digits, and to 1e-9 where numbers are smaller."""
    assert_allclose(found, expected, rtol=0.5 * 10.0 ** (1 - digits), atol=1e-9)


def test_matching_pennies():
    """Recomputed independently: plain ascent goes round, the optimistic one settles."""
    at, start = (1, 10, 100, 500, 1000, 2000), [[0.9, 0.1], [0.8, 0.2]]
    plain = gaps(pennies(), fm.rules.QAscent(0.1), at, start)
    assert_allclose(plain, [1.28, 1.475474, 1.304169, 0.7260330, 1.248705, 0.7083285], rtol=1e-6)
    ours = gaps(pennies(), fm.rules.OptimisticQAscent(0.1, critic="exact"), at, start)
    assert_allclose(ours[:5], [1.28, 1.005171, 0.1211648, 2.556346e-5, 4.7227e-10], rtol=1e-6, atol=1e-9)
    assert_allclose(ours[4], 4.7227e-10, rtol=1e-4)
    assert ours[5] < 1e-14


@pytest.mark.parametrize("eta, cooperative, optimistic, plain", [
    (0.5, False, [0.4195, 0.07719, 1.579e-4, 3.96e-9, 2.83e-10], [0.4195, 0.1581, 0.1676, 0.2172, 0.2103]),
    (0.5, True, [0.4195, 0.01721, 0.004947, 0.0, 0.0], None),
    (0.2, False, [0.4195, 0.1283, 0.02880, 0.001164, 2.089e-5], [0.4195, 0.1541, 0.1673, 0.1440, 0.1540])])
def test_markov_games(eta, cooperative, optimistic, plain):
    """Recomputed independently, with the smoothed critic: last iterates of both kinds of games settle."""
    at, game = (1, 10, 100, 500, 1000), markov(cooperative)
    near(gaps(game, fm.rules.OptimisticQAscent(eta), at), optimistic, 3 if eta == 0.5 and not cooperative else 4)
    if plain is not None:
        near(gaps(game, fm.rules.QAscent(eta), at), plain, 4)


@pytest.mark.compiled
def test_the_average_of_plain_ascent_settles():
    """Recomputed independently: gap .0075 of the average of 2000 policies, eta .2; every step has to be recorded."""
    game = markov(False)
    run = fm.learn(game, fm.rules.QAscent(0.2), 1999, record=fm.Record(metrics=("ne_gap", "policy", "average_policy")))
    policies = run.trace["policy"]
    for k in (0, 1, 7, 1999):
        assert_allclose(run.trace["average_policy"][k], policies[:k + 1].mean(axis=0), atol=1e-13)
    assert abs(fm.ne_gap(game, run.trace["average_policy"][-1]).max() - 0.0075) <= 5e-5
    best = fm.metrics.best_gap(run.trace["ne_gap"])
    assert_array_equal(best, [run.trace["ne_gap"][:k + 1].max(axis=1).min() for k in range(2000)])
    assert_array_equal(fm.ne_gap(game, policies[run.trace["ne_gap"].max(axis=1).argmin()]).max(), best[-1])


@pytest.mark.compiled
def test_a_step_too_small_shows_nothing():
    """At eta = .1 (1 - gamma) it is still far away after 4 000 steps: .011 at gamma .5, recomputed independently."""
    assert abs(gaps(markov(False), fm.rules.OptimisticQAscent(0.05), (4000,))[0] - 0.011) <= 5e-4


@pytest.mark.parametrize("critic", CRITICS, ids=str)
@pytest.mark.parametrize("actions, states, discount", [((2, 3), 4, 0.8), ((3, 2, 2), 3, 0.5), ((2, 2), 1, 0.0)])
def test_many_steps_are_the_twins(rng, critic, actions, states, discount):
    slow = naive.random_game(rng, actions, states, discount)
    start = naive.random_policy(rng, actions, states)
    twin = naive_rules.OptimisticQAscent(slow, start, 0.05, critic)
    for _ in range(25):
        twin.step()
    rows = sp.csr_array(slow.transitions.reshape(-1, states))
    for moves in (slow.transitions, rows):
        game = fm.MarkovGame(slow.rewards, moves, discount, slow.initial)
        run = fm.learn(game, fm.rules.OptimisticQAscent(0.05, critic=critic), 25, policy=start)
        assert_allclose(run.policy, naive.join(twin.policies), rtol=0, atol=1e-12)
        assert_allclose(run.state.anchor, naive.join(twin.anchor), rtol=0, atol=1e-12)
        if critic != "exact":
            assert_allclose(run.state.value, twin.value, rtol=0, atol=1e-12 / (1 - discount))


@pytest.mark.parametrize("metrics", [(), ("ne_gap",), ("ne_gap", "qre_gap", "value", "grad_norm", "average_policy")])
def test_what_is_recorded_changes_nothing(metrics):
    """The critic's desk serves the metrics too: they leave what it shows alone, and are the policy's own."""
    game, rule = fm.games.random_markov(5, (3, 2), rng=4), fm.rules.OptimisticQAscent(0.1)
    run = fm.learn(game, rule, 30, record=fm.Record(metrics=metrics))
    bare = fm.learn(game, rule, 30, record=fm.Record(metrics=()))
    assert_array_equal(run.policy, bare.policy)
    assert_array_equal(run.state.value, bare.state.value)
    if metrics:
        assert_allclose(run.trace["ne_gap"][-1], fm.ne_gap(game, run.policy), rtol=0, atol=1e-13)
    if "value" in metrics:
        evaluation = fm.evaluate(game, run.policy)
        assert_allclose(run.trace["value"][-1], evaluation.value @ game.initial, rtol=1e-13)
        assert_allclose(run.trace["grad_norm"][-1], np.linalg.norm(fm.metrics.grad_norm(game, run.policy)), rtol=1e-12)


@pytest.mark.parametrize("critic", CRITICS, ids=str)
def test_a_run_that_stopped_goes_on(tmp_path, critic):
    game, rule = fm.games.random_markov(4, (2, 3), rng=1), fm.rules.OptimisticQAscent(0.1, critic=critic)
    record = fm.Record(metrics=("ne_gap", "average_policy"))
    whole = fm.learn(game, rule, 40, record=record)

    def stop(snapshot):
        return snapshot.step >= 17

    fm.learn(game, rule, 40, record=record, callback=stop, checkpoint=tmp_path / "kept")
    again = fm.resume(tmp_path / "kept")
    for name in ("policy", "anchor", "value"):
        assert_array_equal(getattr(again.state, name), getattr(whole.state, name))
    assert_array_equal(again.trace["average_policy"], whole.trace["average_policy"])
    assert_array_equal(again.trace["ne_gap"], whole.trace["ne_gap"])


def test_the_same_bits_in_an_ensemble_and_with_any_threads():
    game = fm.games.random_markov(6, (3, 2, 3), rng=1)
    rule, record = fm.rules.OptimisticQAscent(0.1), fm.Record(metrics=("ne_gap",))
    runs = [fm.ensemble(game, rule, 20, 3, policy="random", rng=5, threads=threads, record=record)
            for threads in (1, 2, 4)]
    for other in runs[1:]:
        assert_array_equal(other.policy, runs[0].policy)
        assert_array_equal(other.trace["ne_gap"], runs[0].trace["ne_gap"])


@pytest.mark.parametrize("critic, error, says", [
    ("foo", ValueError, 'critic must be "smoothed", "exact".*found \'foo\''), (0.0, ValueError, "critic"),
    (1.5, ValueError, "critic"), (None, TypeError, 'critic must be "smoothed"'), ((1.0,), ValueError, "a tuple"),
    ((1.0, -1.0), ValueError, "the exponent of critic"), ((0.0, 1.0), ValueError, "the factor of critic")])
def test_critics_that_are_none(critic, error, says):
    with pytest.raises(error, match=says):
        fm.learn(pennies(), fm.rules.OptimisticQAscent(0.1, critic=critic), 1)
