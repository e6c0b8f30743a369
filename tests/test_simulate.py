"""Sampled runs: the same bits however they are run, extremes, the limit of learning, and what is refused."""

import hashlib
import math
import os
import pickle
import subprocess
import sys

import naive
import numpy as np
import pytest
import test_counts
from numpy.testing import assert_allclose, assert_array_equal
from simulating import EPS, TABLES, assert_same, check_ensemble, compiled_only, replay_tables, snapshots, twin_of

import fastmpg as fm
from fastmpg.models.counts import sampler as counting
from fastmpg.models.counts.sampler import CountSampler, FlatSampler
from fastmpg.policy import uniform_policy
from fastmpg.run.job import Job
from fastmpg.run.run import run_key


@compiled_only
@pytest.mark.parametrize("players", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("runs", [3, 4])
def test_an_ensemble_is_its_runs_alone(players, runs, rng):
    game = fm.games.random_markov(3, (2,) * players, rng=rng)
    check_ensemble(game, fm.rules.TwoTimescaleQ(tau=0.01), 700, runs, int(rng.integers(2**32)))


@compiled_only
@pytest.mark.parametrize("num_actions", [(1, 4), (2, 3, 5), (3, 2, 3, 1)])
def test_an_ensemble_of_ragged_players_from_random_policies(num_actions, rng):
    game = fm.games.random_markov(4, num_actions, rng=rng)
    check_ensemble(game, fm.rules.TwoTimescaleQ(tau=0.1), 700, 3, int(rng.integers(2**32)), policy="random")


@compiled_only
@pytest.mark.parametrize("payoffs", test_counts.PAYOFFS)
def test_an_ensemble_of_a_count_game(payoffs, rng):
    """Runs have scratch of their own."""
    game, _ = test_counts.draw(rng, 3, 2, 2, payoffs, "factored")
    seed = int(rng.integers(2**32))
    one = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=0.1), 700, 5, rng=seed, record=snapshots(700), threads=4)
    for r, child in enumerate(np.random.SeedSequence(seed).spawn(5)):
        assert_same(one, fm.learn(game, fm.rules.TwoTimescaleQ(tau=0.1), 700, rng=child, record=snapshots(700)), r)


@compiled_only
def test_an_ensemble_over_temperatures(rng):
    """Runs that share vectors need not share their temperature; tables of step sizes belong to all."""
    game, seed, steps = fm.games.random_markov(3, (2, 2), rng=rng), int(rng.integers(2**32)), 700
    taus, beta = [0.5, 1e-2, 1e-8], (0.9, 0.5, 0.01)
    rule = fm.rules.TwoTimescaleQ(np.array(taus)[:, None], (0.6, 1.0), beta)
    together = fm.ensemble(game, rule, steps, 3, rng=seed, record=snapshots(steps))
    assert together.policy.shape == (3, 3, 3, 4)
    for t, tau in enumerate(taus):
        for r, child in enumerate(np.random.SeedSequence(seed).spawn(3)):
            alone = fm.learn(game, fm.rules.TwoTimescaleQ(tau, (0.6, 1.0), beta), steps, rng=child,
                             record=snapshots(steps))
            assert_same(together, alone, (t, r))


@compiled_only
@pytest.mark.parametrize("players", [2, 4, 5, 9])
def test_threads_change_no_bit(players, rng):
    game, seed = fm.games.random_markov(3, (2,) * players, rng=rng), int(rng.integers(2**32))
    one, *others = (fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=0.01), 1500, 7, rng=seed,
                                record=snapshots(1500), threads=threads) for threads in (1, 2, 4))
    for other in others:
        assert_same(other, one)


@compiled_only
@pytest.mark.parametrize("players", [3, 4, 8, 9])
@pytest.mark.parametrize("runs", [1, 2])
def test_chunks_change_no_bit(players, runs, rng):
    """The same run in pieces of 1, of 7 (so that blocks of draws are cut), of 1000 and at once; two runs share vectors
    where they can."""
    game, rule, steps = (fm.games.random_markov(3, (2,) * players, rng=rng),
                         fm.rules.TwoTimescaleQ(tau=0.01).checked(), 2003)
    seeds = np.random.SeedSequence(int(rng.integers(2**32))).spawn(runs)
    alone = [fm.learn(game, rule, steps, rng=seed, record=snapshots(steps)) for seed in seeds]
    for chunk in (1, 7, 1000, steps + 1):
        start, keys = [uniform_policy(game)] * runs, [run_key(seed) for seed in seeds]
        with Job(game, [rule] * runs, steps, snapshots(steps), start, keys, 1, single=runs == 1) as job:
            while job.k <= steps:
                job._advance(min(steps + 1, job.k + chunk))
            job.publish()
        for r, run in enumerate(job.runs):
            for name in TABLES:
                assert_array_equal(job.trace[name][r], alone[r].trace[name], err_msg=f"{name}, chunks of {chunk}")
                assert_array_equal(getattr(run.state, name), getattr(alone[r].state, name))
            assert_array_equal(job.writer.states[r, :steps], alone[r].trajectory.states[:-1])


@compiled_only
@pytest.mark.parametrize("seconds", [1e-12, 1e9])
def test_chunks_of_a_call_change_no_bit(seconds, rng, monkeypatch):
    game, rule, seed = (fm.games.random_markov(3, (2, 2, 2), rng=rng), fm.rules.TwoTimescaleQ(tau=0.01),
                        int(rng.integers(2**32)))
    usual = fm.learn(game, rule, 1001, rng=seed, record=snapshots(1001))
    usual_many = fm.ensemble(game, rule, 1001, 3, rng=seed, record=snapshots(1001))
    monkeypatch.setattr("fastmpg.run.job.CHUNK_SECONDS", seconds)
    assert_same(fm.learn(game, rule, 1001, rng=seed, record=snapshots(1001)), usual)
    assert_same(fm.ensemble(game, rule, 1001, 3, rng=seed, record=snapshots(1001)), usual_many)


@compiled_only
@pytest.mark.parametrize("every", [1, 7, 64])
def test_callbacks_change_no_bit(every, rng):
    game, rule, seed = (fm.games.random_markov(3, (2, 2, 2), rng=rng), fm.rules.TwoTimescaleQ(tau=0.01),
                        int(rng.integers(2**32)))
    record, seen = fm.Record(every=every, metrics=TABLES, trajectory=True), []
    usual = fm.learn(game, rule, 300, rng=seed, record=record)

    def look(snapshot):
        seen.append(snapshot.step)
        assert_array_equal(snapshot.policy, snapshot.trace["policy"][-1])

    assert_same(fm.learn(game, rule, 300, rng=seed, record=record, callback=look), usual)
    assert seen == usual.trace["step"].tolist()


@compiled_only
def test_recording_changes_no_bit(rng):
    """More metrics, exact ones among them, leave the run alone."""
    game, rule, seed = (fm.games.random_markov(3, (2, 2), rng=rng), fm.rules.TwoTimescaleQ(tau=0.1),
                        int(rng.integers(2**32)))
    few = fm.learn(game, rule, 500, rng=seed, record=fm.Record(every=500, metrics=()))
    many = fm.learn(game, rule, 500, rng=seed,
                    record=fm.Record(every=50, metrics=("ne_gap", "qre_gap", "value", *TABLES)))
    assert_array_equal(few.policy, many.policy)
    assert_array_equal(few.state.q, many.state.q)
    for row, policy in enumerate(many.trace["policy"]):
        assert_allclose(many.trace["qre_gap"][row], fm.qre_gap(game, policy, 0.1), rtol=0, atol=1e-12)


CHILD = """
import hashlib, sys
import numba, fastmpg as fm
game = fm.games.routing(4)
fm.set_threads(int(sys.argv[1]))
result = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau=1e-3), 3000, 5, rng=11, \
record=fm.Record(every=1000, metrics=("ne_gap", "policy")))
print(hashlib.sha256(result.policy.tobytes() + result.trace["ne_gap"].tobytes()).hexdigest())
"""


@compiled_only
def test_threading_layers_change_no_bit():
    found = set()
    for layer, threads in (("workqueue", 1), ("workqueue", 2), ("omp", 2)):
        settings = os.environ | {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
        done = subprocess.run([sys.executable, "-c", CHILD, str(threads)], capture_output=True, text=True,
                              env=settings, timeout=300)
        if layer == "omp" and "threading layer" in done.stderr:
            continue  # not built for this platform
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1 and len(found.pop().strip()) == hashlib.sha256().digest_size * 2


def check_rows(policy, num_actions):
    """Rows of the simplex. The rule renormalises them at every step, which leaves a few ulps; 1e-12 is asked for."""
    assert np.isfinite(policy).all() and policy.min() >= 0.0
    for own in naive.split(policy, num_actions):
        assert_allclose(own.sum(axis=-1), 1.0, rtol=0, atol=1e-12)


@compiled_only
@pytest.mark.parametrize("tau", [1e-300, 1e-8, 1e8, 1e290])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e6, 1e12])
def test_extreme_temperatures_and_rewards(tau, scale, rng):
    base = fm.games.random_markov(3, (2, 3), rng=rng, discount=0.99)
    game = fm.MarkovGame((base.rewards - 0.5) * scale, base.transitions, 0.99)
    record = fm.Record(steps=fm.Record.log_spaced(20_000, 8), metrics=TABLES)
    result = fm.learn(game, fm.rules.TwoTimescaleQ(tau), 20_000, rng=rng, record=record)
    for q, policy in zip(result.trace["q"], result.trace["policy"], strict=True):
        assert np.isfinite(q).all()
        check_rows(policy, game.num_actions)
    if tau < 1:
        # entropies add at most tau log 3 a stage: |q| <= sup |r| / (1 - gamma) + that
        assert np.abs(result.state.q).max() <= 100 * (0.5 * scale + tau * math.log(3)) * (1 + 1e-9)


@compiled_only
def test_a_million_steps_at_tau_1e_8(rng):
    base = fm.games.random_markov(4, (2, 3, 2), rng=rng)
    game = fm.MarkovGame(base.rewards * 1e6, base.transitions, 0.9)
    result = fm.learn(game, fm.rules.TwoTimescaleQ(1e-8), 10**6, rng=rng, record=fm.Record(every=10**6, metrics=TABLES))
    assert np.isfinite(result.state.q).all() and result.state.q.max() > 1e6
    check_rows(result.policy, game.num_actions)
    assert result.state.visits.sum() == 10**6
    for counts in naive.split(result.state.counts, game.num_actions):
        assert_array_equal(counts.sum(axis=1), result.state.visits)


@compiled_only
@pytest.mark.parametrize("step", [0.3, 1e-3, 1e-7])
def test_rows_do_not_drift(step, rng):
    """A million moves of one row, at step sizes that do not fade: the smaller, the less do moves themselves mend a sum.

    Renormalised at the last step, n entries miss a sum of 1 by n roundings of the sum and n of the products, half an
    ulp each; not renormalised, by 2e-14 at 1e-7.
    """
    game = fm.games.random_normal_form((3, 4), rng=rng)
    rule = fm.rules.TwoTimescaleQ(0.3, (0.6, 1.0), (step,) * 3)
    result = fm.learn(game, rule, 10**6, rng=rng, record=fm.Record(every=10**6, metrics=()))
    for own in naive.split(result.policy, game.num_actions):
        assert_allclose(own.sum(), 1.0, rtol=0, atol=own.size * EPS)


@pytest.mark.parametrize("num_actions", [(2, 2), (3, 1, 2)])
def test_q_tilde_of_the_twin(num_actions, rng):
    """The same from values: Qbar^tau plus the entropy of the state itself; and a fixed point of one stage."""
    game, tau = naive.random_game(rng, num_actions, 3, 0.8), 0.3
    policies = naive.random_policy(rng, num_actions, 3)
    found = naive.q_tilde(game, policies, tau)
    for own, q, policy in zip(found, naive.q_bar(game, policies, tau), policies, strict=True):
        assert_allclose(own, q + tau * naive.entropy(policy)[:, None], rtol=0, atol=1e-12)


@compiled_only
@pytest.mark.slow
def test_the_limit_is_the_equilibrium(rng):
    """10^7 steps of six runs on an identical-interest game of two states at tau = 0.5.

    Rewards lie in [0, 1] and gamma = 0.5, so that best responses contract and there is one QRE. With alpha = n^-0.6, q
    fluctuates around Qtilde by about sqrt(alpha(n)), so that its root mean square over runs falls as n^-0.3: by
    10^0.9 = 7.9 from step 10^4 to 10^7, of which half is asked for. Policies average softmax(q / tau) with beta = 1/n:
    noise as n^-1/2, and through the softmax's curvature a bias as Var q = n^-0.6, so that the gap, quadratic in both,
    falls as n^-1 to n^-1.2, by 1000 or more; 100 is asked for. At 10^7 it is below 1e-4 of the rewards' range.
    """
    game, tau, runs = fm.games.random_markov(2, (2, 2), 0.5, rng, identical_interest=True), 0.5, 6
    at = [10**4, 10**5, 10**6, 10**7]
    result = fm.ensemble(game, fm.rules.TwoTimescaleQ(tau, (0.6, 1.0), (1.0, 1.0)), 10**7, runs, rng=rng,
                         record=fm.Record(steps=at, metrics=("q", "policy", "qre_gap")))
    twin = twin_of(game)
    errors, gaps = [], []
    for row in range(len(at)):
        off = [result.trace["q"][r, row]
               - naive.join(naive.q_tilde(twin, naive.split(result.trace["policy"][r, row], (2, 2)), tau))
               for r in range(runs)]
        errors.append(np.sqrt(np.mean(np.square(off))))
        gaps.append(result.trace["qre_gap"][:, row].max(axis=1).mean())
    assert_allclose(gaps[-1], np.mean([fm.qre_gap(game, p, tau).max() for p in result.policy]), rtol=1e-6, atol=1e-15)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] / errors[-1] >= 4
    assert gaps[0] / gaps[-1] >= 100 and gaps[-1] <= 1e-4


def steady_reset(uniforms):
    return 0


def steady_step(state, actions, uniforms, rewards):
    rewards[:] = 0.0
    return 0


def infinite_step(state, actions, uniforms, rewards):
    rewards[:] = np.inf
    return 0


GOOD = {"reset": steady_reset, "step": steady_step, "num_actions": (2, 2), "num_observations": 3, "discount": 0.5}


@pytest.mark.parametrize("change, error, message", [
    ({"reset": 3}, TypeError, r"reset must be a function reset\(uniforms\), found 3"),
    ({"step": None}, TypeError, r"step must be a function step\(.*\), found None"),
    ({"observe": 3}, TypeError, 'observe must be a function, "hash" or None, found 3'),
    ({"observe": "hush"}, TypeError, 'observe must be a function, "hash" or None'),
    ({"reset": lambda u: 0.0}, TypeError, "reset must return an integer, found 0.0 of type float"),
    ({"reset": lambda u: None}, TypeError, "reset must return an integer, found None"),
    ({"step": lambda s, a, u, r: 1.0}, TypeError, "step must return an integer"),
    ({"step": lambda s, a, u, r: True}, TypeError, "step must return an integer"),
    ({"step": infinite_step}, ValueError, "step must fill rewards with finite numbers"),
    ({"observe": lambda s: 0.5}, TypeError, "observe must return an integer"),
    ({"observe": lambda s: 3}, ValueError, "state 0 is seen as row 3, outside of the 3 observations"),
    ({"observe": lambda s: -1}, ValueError, "seen as row -1"),
    ({"reset": lambda u: 7}, ValueError, 'give observe=, or observe="hash"'),
    ({"step": lambda s, a, u, r: 3}, ValueError, "state 3 is seen as row 3"),
    ({"reset": lambda: 0}, TypeError, r"reset must be a function reset\(uniforms\), found one of \(\)"),
    ({"num_actions": 2}, TypeError, "num_actions"),
    ({"num_actions": ()}, ValueError, "at least one player"),
    ({"num_observations": 0}, ValueError, "num_observations"),
    ({"num_observations": 2**26 + 1}, ValueError, "num_observations"),
    ({"discount": 1.5}, ValueError, "discount"),
    ({"draws": -1}, ValueError, "draws"),
    ({"draws": 1.5}, TypeError, "draws"),
])
def test_simulators_that_cannot_be(change, error, message):
    with pytest.raises(error, match=message):
        fm.SimulatorGame(**(GOOD | change))


def forbidden(*_, **__):
    raise AssertionError("a run was prepared")


def test_a_simulator_has_no_exact_values(monkeypatch):
    game, policy = fm.SimulatorGame(**GOOD), np.full((3, 4), 0.5)
    monkeypatch.setattr("fastmpg.run.run.Run.prepare", forbidden)  # refused before anything is compiled
    for rule in (fm.rules.NaturalGradientPlay(eta=0.1), fm.rules.QAscent(eta=0.1)):
        with pytest.raises(TypeError, match=r"needs exact values, which .* a simulator, does not have") as caught:
            fm.learn(game, rule, 10)
        assert "\n" not in str(caught.value)
    for record in (None, fm.Record(metrics=("ne_gap",)), fm.Record(metrics=("policy", "qre_gap", "mismatch"))):
        with pytest.raises(ValueError,
                           match=r"a simulator has no exact .*gap.*: record only average_policy, counts, policy, q,"):
            fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 10, record=record)
        with pytest.raises(ValueError, match="a simulator has no exact"):
            fm.ensemble(game, fm.rules.TwoTimescaleQ(0.1), 10, 3, record=record)
    for function in (fm.ne_gap, fm.evaluate, fm.metrics.c, fm.metrics.gradient):
        with pytest.raises(TypeError, match="is a simulator: it has no exact evaluation"):
            function(game, policy)
    with pytest.raises(TypeError, match="no exact evaluation"):
        game.to_dense()


def test_records_that_a_rule_cannot_give(monkeypatch):
    game = fm.games.zhang_3x2()
    monkeypatch.setattr("fastmpg.run.run.Run.prepare", forbidden)
    rule = fm.rules.NaturalGradientPlay(eta=0.1)
    with pytest.raises(ValueError, match="NaturalGradientPlay keeps no q: leave it out"):
        fm.learn(game, rule, 10, record=fm.Record(metrics=("q",)))
    with pytest.raises(ValueError, match="keeps no counts and no visits: leave them out"):
        fm.learn(game, rule, 10, record=fm.Record(metrics=("counts", "visits", "ne_gap")))
    with pytest.raises(ValueError, match="learns from expectations: there is no trajectory"):
        fm.learn(game, rule, 10, record=fm.Record(trajectory=True))
    with pytest.raises(TypeError, match="trajectory must be True, False or a folder"):
        fm.Record(trajectory=3)
    with pytest.raises(ValueError, match="an ensemble's trajectories are kept in memory"):
        fm.ensemble(game, fm.rules.TwoTimescaleQ(0.1), 10, 2, record=fm.Record(trajectory="never"))


@pytest.mark.parametrize("change, error, message", [
    ({"tau": 0.0}, ValueError, "tau must be"),
    ({"tau": -1.0}, ValueError, "tau must be"),
    ({"tau": math.nan}, ValueError, "tau must be"),
    ({"tau": math.inf}, ValueError, "tau must be"),
    ({"tau": "hot"}, TypeError, "tau must be a real number"),
    ({"alpha": 0.5}, ValueError, "alpha must be .exponent, offset., or at least three step sizes, found 0.5"),
    ({"alpha": (0.5,)}, ValueError, "alpha must be"),
    ({"beta": ((1.0, 1.0),)}, ValueError, "beta must be"),
    ({"alpha": (-0.1, 1.0)}, ValueError, "the exponent of alpha must be"),
    ({"beta": (1.0, -0.5)}, ValueError, "the offset of beta must be"),
    ({"beta": (1.0, math.nan)}, ValueError, "beta must be finite"),
    ({"alpha": (0.5, 0.25, 0.3)}, ValueError,
     "step sizes of alpha must lie in .0, 1. and never increase, found 0.3 for visit 3"),
    ({"alpha": (1.5, 0.5, 0.25)}, ValueError, "found 1.5 for visit 1"),
    ({"beta": (0.5, 0.25, 0.0)}, ValueError, "step sizes of beta .* found 0.0 for visit 3"),
    ({"beta": (0.5, 0.25, -0.1)}, ValueError, "found -0.1 for visit 3"),
    ({"beta": ("a", "b", "c")}, TypeError, "beta must hold real numbers"),
])
def test_rules_that_cannot_be(change, error, message, monkeypatch):
    monkeypatch.setattr("fastmpg.run.run.Run.prepare", forbidden)
    rule = fm.rules.TwoTimescaleQ(**({"tau": 0.1} | change))
    with pytest.raises(error, match=message):
        fm.learn(fm.games.routing(2), rule, 10)
    if error is ValueError and "tau" not in change:
        with pytest.raises(error, match=message):
            fm.ensemble(fm.games.routing(2), rule, 10, 2)


@pytest.mark.compiled
def test_one_run_uncompiled_or_not(rng):
    """Short enough to pass as plain Python too."""
    replay_tables(fm.games.random_markov(2, (2, 3), rng=rng), 20, rng, tau=0.2)


COUNTED = [fm.games.routing(4, form="count", reward="team"), fm.games.routing(4, form="count", transitions="averaged"),
           pytest.param(fm.games.routing(9, 3, form="count"), marks=pytest.mark.slow),
           pytest.param(fm.games.safe_distancing(5), marks=pytest.mark.slow)]


@compiled_only
@pytest.mark.parametrize("game", COUNTED, ids=repr)
def test_flat_tables_of_counts_give_the_same_bits(game, monkeypatch):
    """Few counts lie in flat tables; without room for them a tally finds the same numbers for the same draws."""
    def run(made):
        record = fm.Record(metrics=TABLES, trajectory=True)
        found = fm.learn(made, fm.rules.TwoTimescaleQ(0.1), 2000, rng=4, record=record)
        return [found.trace[name] for name in TABLES] + [found.trajectory.states, found.trajectory.actions]

    flat = game.sampler()
    assert isinstance(flat, FlatSampler)
    found = run(game)
    monkeypatch.setattr(counting, "ROOM", 0)
    other = pickle.loads(pickle.dumps(game))
    assert isinstance(other.sampler(), CountSampler)
    for ours, theirs in zip(found, run(other), strict=True):
        assert_array_equal(ours, theirs)
