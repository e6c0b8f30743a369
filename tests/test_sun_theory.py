"""Sun et al. (2024) by other routes: the regularised gradient, the printed Markov form, the sequences of the proof."""

import naive
import naive_rules
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_perturbed import GAMES, complex_steps

import fastmpg as fm
from fastmpg import metrics, theory
from fastmpg.experiments import catalogue, sun2024
from fastmpg.experiments.experiment import NOT_REPRODUCED
from fastmpg.machine import UNCOMPILED
from fastmpg.machine.units import COMPILED

ENTROPY = fm.rules.EntropyNaturalGradientPlay
MARKOV = fm.games.random_markov(3, (2, 3), 0.7, rng=1)


# ------------------------------------------------------------------------------------------- the regularised gradient
@pytest.mark.parametrize("tau", [0.0, 0.3])
@pytest.mark.parametrize("name", GAMES)
def test_the_regularised_gradient_is_that_of_the_values(name, tau):
    """By complex steps in every softmax parameter, which are exact to rounding."""
    game = GAMES[name]
    policies = np.stack([fm.random_policy(game, seed) for seed in range(2)])
    found = metrics.regularised_gradient(game, policies, tau)

    def move(table, s, c, own, step):
        table[s, c] *= np.exp(step)  # e^theta: an action that is not there stays away
        table[s, own] /= table[s, own].sum()

    for policy, slope in zip(policies, found, strict=True):
        assert_allclose(slope, complex_steps(game, policy, tau, move), rtol=1e-11, atol=1e-13)
    if tau == 0.0:
        assert_allclose(found, metrics.gradient(game, policies), rtol=1e-12, atol=1e-15)


def test_the_regularised_gradient_is_the_printed_one_of_a_static_game():
    """pi_i (rbar_i - tau log pi_i - rhat_i), Sun et al. (2024), section III-A, in plain NumPy."""
    payoffs, tau = np.random.default_rng(0).random((2, 3, 4)), 0.2
    game = fm.NormalFormGame(payoffs)
    p, q = (part[0] for part in fm.split(game, fm.random_policy(game, 1)))
    found = fm.split(game, metrics.regularised_gradient(game, [[p], [q]], tau))
    for own, bar, slope in zip((p, q), (payoffs[0] @ q, p @ payoffs[1]), found, strict=True):
        assert_allclose(slope[0], own * (bar - tau * np.log(own) - (own @ bar + tau * naive.entropy(own))), atol=1e-15)


@pytest.mark.parametrize("name", GAMES)
def test_the_rule_climbs_the_regularised_gradient_naturally(name):
    """Eq. (1): theta += eta F^+ grad is what the rule does without matrices; and not what the printed form does."""
    game, eta, tau = GAMES[name], 0.05, 0.3
    policy = fm.random_policy(game, 3)
    slope = fm.split(game, metrics.regularised_gradient(game, policy, tau))
    stepped = []
    for own, block, rise in zip(fm.split(game, policy), metrics.fisher_matrix(game, policy), slope, strict=True):
        natural = np.einsum("sab,sb->sa", np.linalg.pinv(block, hermitian=True), rise)
        weight = own * np.exp(eta * natural)
        stepped.append(weight / weight.sum(axis=1, keepdims=True))
    rule = fm.learn(game, ENTROPY(eta, tau), 1, policy=policy).policy
    assert_allclose(fm.join(stepped), rule, rtol=0, atol=1e-12)
    printed = fm.learn(game, ENTROPY(eta, tau, "printed"), 1, policy=policy).policy
    assert (np.abs(printed - rule).max() > 1e-5) == (game.num_states > 1)


def test_the_regularised_gradient_at_the_edge():
    game = fm.games.zhang_3x2()
    edge = metrics.regularised_gradient(game, [[1.0, 0.0, 0.0], [0.5, 0.5]], 0.1)
    assert_array_equal(edge[0, :3], 0.0)
    flat = fm.NormalFormGame(np.zeros((2, 2, 2)))
    assert_array_equal(metrics.regularised_gradient(flat, fm.uniform_policy(flat), 1.0), 0.0)


@pytest.mark.parametrize("rare", [0.3, 1e-2, 1e-4, 1e-8])
def test_the_pseudo_inverse_sees_the_rank_that_there_is(rare):
    """Rounding in 1 - p must not pass for information: the advantage, less its mean over actions (Zhang, Lemma 11)."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        game, p = fm.NormalFormGame(rng.random((2, 2, 2))), rare * (1 + 0.3 * rng.random())
        policy = np.array([[p, 1 - p, 0.5, 0.5]])
        adv = fm.evaluate(game, policy).adv_bar[0, :2]
        assert_allclose(metrics.natural_gradient(game, policy)[0, :2], adv - adv.mean(),
                        rtol=1e-12 / rare)


# ------------------------------------------------------------------------------------------- the printed Markov form
@pytest.mark.parametrize("name", ["markov", "three players"])  # not every action: test_available.py
@pytest.mark.parametrize("tau", [0.0, 0.4])
def test_the_printed_form_is_its_twin(name, tau):
    game = GAMES[name]
    policy = fm.random_policy(game, 5)
    twin = naive.start(naive_rules.entropy_natural_gradient_play, game, fm.split(game, policy), eta=0.1, tau=tau,
                       advantage="printed")
    twin.step()
    assert_allclose(fm.learn(game, ENTROPY(0.1, tau, "printed"), 1, policy=policy).policy, naive.join(twin.policies),
                    rtol=0, atol=1e-12)


def test_the_printed_form_stops_beside_the_qre():
    """random_markov(3, (2, 3), 0.7, rng=1), tau .5: 3.874214e-5 and .005301343 come from the twins of naive.py, run to
    rest in plain NumPy."""
    record = fm.Record(metrics=("qre_gap", "policy"))
    right, printed = (fm.learn(MARKOV, ENTROPY(0.3, 0.5, kind), 300, record=record).trace
                      for kind in ("regularised", "printed"))
    assert right["qre_gap"][-1].max() < 1e-14
    assert printed["qre_gap"][-1].max() == pytest.approx(3.8742138e-5, rel=1e-6)
    assert np.abs(printed["policy"][-1] - right["policy"][-1]).max() == pytest.approx(0.005301343, rel=1e-6)
    # where it rests: pi_i ~ exp(Abar_i / tau), with values that count no entropy
    for own, adv in zip(fm.split(MARKOV, printed["policy"][-1]),
                        fm.split(MARKOV, fm.evaluate(MARKOV, printed["policy"][-1]).adv_bar), strict=True):
        assert_allclose(own, naive.softmax(adv / 0.5), atol=1e-13)


def test_without_a_future_both_forms_have_the_same_bits():
    game = fm.games.random_normal_form((3, 4, 5))
    record = fm.Record(metrics=("policy", "qre_gap", "ne_gap"))
    one, other = (fm.learn(game, ENTROPY(0.1, 0.2, kind), 50, policy="random", rng=1, record=record).trace
                  for kind in ("regularised", "printed"))
    assert_array_equal(one["policy"], other["policy"])
    assert_allclose(one["qre_gap"], other["qre_gap"], atol=1e-14)  # of both at tau, not at the oracle's temperature
    assert np.abs(other["qre_gap"] - other["ne_gap"]).max() > 0.01


@pytest.mark.skipif(UNCOMPILED, reason="about compiled code")
def test_the_printed_form_compiles_nothing_of_its_own():
    record = fm.Record(metrics=("qre_gap",))
    fm.learn(MARKOV, ENTROPY(0.1, 0.2), 2, record=record)
    before = len(COMPILED)
    fm.learn(MARKOV, ENTROPY(0.1, 0.2, "printed"), 2, record=record)
    assert COMPILED[before:] == []


@pytest.mark.parametrize("wrong", ["regularized", "", None, 1, ["printed"]])
def test_another_advantage_is_refused(wrong):
    with pytest.raises((ValueError, TypeError), match='advantage must be "regularised" or "printed"'):
        fm.learn(MARKOV, ENTROPY(0.1, 0.1, wrong), 1)


def test_a_run_that_was_saved_without_an_advantage_goes_on(tmp_path):
    """Checkpoints name the parameters; without this one they mean the default."""
    from fastmpg.run.checkpoint import load_rule

    told = {"module": "fastmpg.rules.entropy_natural_gradient_play", "name": "EntropyNaturalGradientPlay",
            "fields": {"eta": 0.1, "tau": 0.5}}
    assert load_rule({}, {"rule": told}, None) == ENTROPY(0.1, 0.5, "regularised")
    fm.learn(MARKOV, ENTROPY(0.1, 0.5, "printed"), 5, checkpoint=tmp_path / "run")
    whole = fm.learn(MARKOV, ENTROPY(0.1, 0.5, "printed"), 10)
    assert_array_equal(fm.resume(tmp_path / "run", 10).policy, whole.policy)


# ------------------------------------------------------------------------------------------- the proof of Theorem 3.3
def proved(game, eta, tau, steps=60, rng=2):
    trace = fm.learn(game, ENTROPY(eta, tau), steps, policy="random", rng=rng,
                     record=fm.Record(metrics=("policy", "qre_gap"))).trace
    return trace, theory.entropy_natural_proof(game, trace["policy"], tau=tau, eta=eta)


SOME = fm.NormalFormGame(np.random.default_rng(5).random((2, 3, 3)), available=[1, 1, 0, 1, 1, 1])


@pytest.mark.parametrize("game", [fm.games.random_normal_form((3, 4, 5), rng=4), SOME], ids=["all", "some"])
@pytest.mark.parametrize("eta, tau", [(0.1, 0.02), (0.1, 0.5), (0.02, 30.0)])
def test_the_sequences_of_the_proof_along_runs(game, eta, tau):
    """Every line of it that is about the sequences, in plain NumPy; at temperatures with and without a theorem."""
    trace, found = proved(game, eta, tau)
    can = np.ones(found.log_xi.shape[1], bool) if game.available is None else game.available[0]
    bars = np.array([fm.evaluate(game, policy).q_bar[0] for policy in trace["policy"]])
    with np.errstate(divide="ignore"):
        logs = np.log(trace["policy"][:, 0])
    for i, (low, high) in enumerate(zip(game.offset[:-1], game.offset[1:], strict=True)):
        own = np.arange(low, high)[can[low:high]]
        xi, bar = found.log_xi[:, own], bars[:, own]
        assert_allclose(np.exp(xi[0]), np.exp(bar[0] / tau).sum() * trace["policy"][0, 0, own], rtol=1e-12)  # (5)
        for k in range(60):
            assert_allclose(xi[k + 1], (1 - eta * tau) * xi[k] + eta * bar[k], rtol=1e-12)
            right = (1 - eta * tau) * (xi[k] - bar[k] / tau) + (bar[k] - bar[k + 1]) / tau  # (6)
            assert_allclose(xi[k + 1] - bar[k + 1] / tau, right, atol=1e-11)
        assert_allclose(naive.log_softmax(xi), logs[:, own], atol=1e-9)  # pi ~ xi
        assert_allclose(found.distance[:, i], np.abs(xi - bar / tau).max(axis=1), rtol=1e-10)
        assert_allclose(found.pull[:, i], np.abs(np.diff(bar, axis=0)).max(axis=1) / tau, rtol=1e-10, atol=1e-15)
        # the last line, an equality
        start = logs[0, own] - naive.log_softmax(bar[0] / tau)
        assert found.distance[0, i] == pytest.approx(np.abs(start).max(), rel=1e-11)
    assert np.isnan(found.log_xi[:, ~can]).all()
    keep = 1 - eta * tau
    assert np.all(found.distance[1:] <= keep * found.distance[:-1] + found.pull + 1e-11)
    moved = found.distance.max(axis=1)
    assert np.all(found.pull.max(axis=1) <= 2 * eta * can.sum() * moved[:-1] + 1e-14)
    sharp = 0.5 * eta * (game.num_players - 1)  # and what is derived beyond the proof
    assert np.all(found.pull.max(axis=1) <= sharp * moved[:-1] + 1e-14)
    assert np.all(found.gap_bound <= found.gap_bound[0] * (keep + sharp) ** np.arange(61) * (1 + 1e-10))
    assert np.all(trace["qre_gap"].max(axis=1) <= found.gap_bound + 1e-14)
    assert_allclose(found.gap_bound, 2 * tau * moved)


def test_the_bound_begins_with_the_sequence_and_stays_above_it():
    """Theorem 3.3's right side at k = 0 is the proof's own, and from there on the larger."""
    game, tau = fm.games.random_normal_form((3, 4, 5), rng=4), 25.0
    trace, found = proved(game, 0.03, tau)
    bound = theory.entropy_natural_bound(game, trace["policy"][0], tau=tau, eta=0.03, steps=60)
    assert bound[0] == pytest.approx(found.gap_bound[0], rel=1e-11)
    assert np.all(found.gap_bound <= bound * (1 + 1e-11)) and found.gap_bound[30] < 0.01 * bound[30]


@pytest.mark.parametrize("change, says", [
    ({"policies": fm.uniform_policy(fm.games.zhang_3x2())}, "policies must be those of one run"),
    ({"policies": np.array([[[1.0, 0, 0, 0.5, 0.5]]])}, "policies must begin with one that is positive.* column 1"),
    ({"tau": 0.0}, "tau"), ({"eta": -1.0}, "eta"), ({"game": MARKOV}, "one state and discount 0")])
def test_what_is_no_run_of_a_static_game_is_refused(change, says):
    game = fm.games.zhang_3x2()
    given = {"game": game, "policies": np.stack([fm.uniform_policy(game)] * 2), "tau": 1.0, "eta": 0.1} | change
    with pytest.raises(ValueError, match=says):
        theory.entropy_natural_proof(**given)


# -------------------------------------------------------------------------------------------------- the experiments
@pytest.mark.parametrize("name, unmet", [("sun-proof", 0), ("sun-markov-printed", 1)])
@pytest.mark.compiled
def test_the_experiments_meet_what_they_say(name, unmet):
    outcome = catalogue[name].run()
    assert [check.name for check in outcome.checks if not check.ok] == []
    assert sum(check.source == NOT_REPRODUCED for check in outcome.checks) == unmet and outcome.figures


@pytest.mark.compiled
def test_without_regularisation_a_third_of_the_games_converges():
    """The run beside Figure 1: 10 of the experiment's 20 draws, a pure Nash equilibrium each; the drawn one cycles."""
    solved = []
    for seed in range(20):
        game = fm.games.random_normal_form((3, 4, 5), rng=seed)
        gap = sun2024.cold(game, 20 + seed)
        solved.append(bool((gap < 1e-10).any()))
        if solved[-1]:
            end = fm.ensemble(game, ENTROPY(0.1, 0.0), 20000, 1, policy="random", rng=20 + seed,
                              record=fm.Record(every=20000)).policy[0, 0]
            assert np.maximum.reduceat(end, game.offset[:-1]).min() > 1 - 1e-6
    assert sum(solved) == 10 and not solved[0]
