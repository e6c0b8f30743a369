"""The rules of the literature that draw or learn from samples, by what was proved of them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from simulating import compiled_only
from test_literature import congestion

import fastmpg as fm

LAST = fm.Record(every=10**9)


def rosenthal(game):
    """A potential of a game of congestion, or of one interest, by integrating deviations from the first profile."""
    sizes = game.num_actions
    phi = np.zeros(sizes)
    for a in np.ndindex(*sizes):
        at = [0] * len(sizes)
        for i in range(len(sizes)):
            before = game.payoffs[min(i, len(game.payoffs) - 1)][tuple(at)]
            at[i] = a[i]
            phi[a] += game.payoffs[min(i, len(game.payoffs) - 1)][tuple(at)] - before
    return phi


@pytest.mark.parametrize("kind", [fm.rules.LogLinearLearning, fm.rules.BinaryLogLinearLearning])
@pytest.mark.parametrize("which", ["congestion", "one interest"])
def test_profiles_are_visited_by_the_law_of_the_potential(kind, which):
    """exp(phi / tau) / Z (Blume 1993; Marden and Shamma 2012): total variation from 8 runs of 50 000 updates."""
    rng = np.random.default_rng(1)
    game = congestion(rng, 3, 2) if which == "congestion" else fm.games.random_normal_form(
        (2, 3), identical_interest=True, rng=rng)
    tau, phi = 0.5, rosenthal(game)
    expected = np.exp((phi - phi.max()) / tau)
    expected /= expected.sum()
    found = fm.ensemble(game, kind(tau), 50_000, 8, rng=2, record=fm.Record(every=1, metrics=("policy",)))
    actions = np.stack([each.argmax(axis=-1) for each in np.split(found.trace["policy"][:, 200:, 0],
                                                                  game.offset[1:-1], axis=-1)])
    seen = np.bincount(np.ravel_multi_index(tuple(actions.reshape(len(actions), -1)), game.num_actions),
                       minlength=phi.size)
    off = 0.5 * np.abs(seen / seen.sum() - expected.ravel()).sum()
    uniform = 0.5 * np.abs(1.0 / phi.size - expected).sum()
    assert off < 0.015 < 0.1 < uniform


@compiled_only
def test_baselines_are_equilibria_nearly_always():
    """Arslan and Yuksel (2017), Theorem 1: of a team with several equilibria; players who learn at once may miss each
    other.
    """
    game = fm.games.random_markov(2, (2, 2), 0.5, identical_interest=True, rng=5)
    rule = fm.rules.DecentralisedQLearning(10_000, exploration=0.02, inertia=0.5)
    record = fm.Record(steps=np.arange(1, 101) * 10_000, metrics=("ne_gap",))
    found = fm.ensemble(game, rule, 1_000_000, 8, policy="random", rng=3, record=record)
    assert (found.trace["ne_gap"][:, 20:].max(axis=-1) < 1e-12).mean() > 0.95


@compiled_only
def test_smoothed_fictitious_play_finds_the_equilibrium_of_zero_sum_games():
    """Sayin et al. (2022): two-player zero-sum Markov games."""
    one = fm.games.random_markov(3, (2, 3), 0.5, identical_interest=True, rng=4)
    game = fm.MarkovGame(np.concatenate([one.rewards, -one.rewards]), one.transitions, 0.5)
    record = fm.Record(every=500_000, metrics=("qre_gap",))
    found = fm.ensemble(game, fm.rules.SmoothedFictitiousPlay(0.3, (0.8, 1.0)), 500_000, 4, rng=1, record=record)
    first, last = found.trace["qre_gap"][:, 0].max(), found.trace["qre_gap"][:, -1].max()
    assert last < 0.01 < 0.1 < first


@compiled_only
@pytest.mark.parametrize("rule", ["EXP3", "EXP3.P"])
def test_the_regret_of_bandits_stays_below_the_bound(rule):
    """Auer et al. (2002), Corollary 3.2 on average, Theorem 6.3 (remembered) in every run at delta = .05, against an
    opponent who learns too.
    """
    game = fm.games.random_normal_form((4, 4), rng=6)
    span, steps, n = np.ptp(game.payoffs.reshape(2, -1), axis=1), 10_000, 4
    sure = np.log(n * steps / 0.05)
    made = (fm.rules.Exp3P(min(1.0, np.sqrt(n * np.log(n) / ((np.e - 1) * steps)))) if rule == "EXP3" else
            fm.rules.Exp3P(min(0.6, 2 * np.sqrt(0.6 * n * np.log(n) / steps)), 2 * np.sqrt(sure), steps))
    regrets = []
    for seed in range(8):
        moves = fm.learn(game, made, steps, rng=seed, record=fm.Record(every=steps, trajectory=True)).trajectory.actions
        one, other = moves.T
        got = game.payoffs[0][one, other].sum(), game.payoffs[1][one, other].sum()
        best = game.payoffs[0][:, other].sum(axis=1).max(), game.payoffs[1][one].sum(axis=0).max()
        regrets.append((np.array(best) - got) / span)
    if rule == "EXP3":
        assert np.mean(regrets, axis=0).max() < 2 * np.sqrt(np.e - 1) * np.sqrt(steps * n * np.log(n))
    else:
        bound = 4 * np.sqrt(n * steps * sure) + 4 * np.sqrt(5 / 3 * n * steps * np.log(n)) + 8 * sure
        assert np.max(regrets) < bound < steps


@compiled_only
def test_the_mean_of_bandits_in_states_solves_a_zero_sum_game():
    """Jin et al. (2021): with one state the policies' average is an equilibrium, where the last ones go round."""
    game = fm.NormalFormGame([[[2, -1], [-1, 1]], [[-2, 1], [1, -1]]])
    found = fm.learn(game, fm.rules.VLearning(), 400_000, rng=0, record=fm.Record(every=20, metrics=("policy",)))
    mean = found.trace["policy"][1:].mean(axis=0)
    assert fm.ne_gap(game, mean).max() < 0.03


def test_what_the_rules_refuse():
    game = fm.games.random_markov(2, (2, 2), rng=0)
    for call, says in ((lambda: fm.learn(game, fm.rules.Exp3P(), 3), "games of one state, found .*VLearning"),
                       (lambda: fm.learn(game, fm.rules.Exp3P(payoffs=(1, 1)), 3), "low < high, found"),
                       (lambda: fm.learn(game, fm.rules.VLearning(payoffs=3), 3), "low < high, found"),
                       (lambda: fm.learn(game, fm.rules.FrankWolfe((1, 2, 3)), 3), r"min\(1, c / \(k \+ p\)\)"),
                       (lambda: fm.learn(game, fm.rules.BestResponse(1.0), 3), "inertia must be"),
                       (lambda: fm.learn(game, fm.rules.DecentralisedQLearning(0), 3), "phase must be at least 1")):
        with pytest.raises(ValueError, match=says):
            call()


@compiled_only
def test_runs_in_company_and_in_pieces(tmp_path):
    """A run of an ensemble is the run alone; a stopped run goes on with the same numbers of its own."""
    game = fm.games.random_markov(3, (2, 3), 0.8, rng=1)
    rules = fm.rules.DecentralisedQLearning(7, exploration=0.3), fm.rules.SmoothedFictitiousPlay(), fm.rules.VLearning()
    for rule in rules:
        together = fm.ensemble(game, rule, 100, 3, rng=5, record=fm.Record(every=10, metrics=("policy",)))
        for r, child in enumerate(np.random.SeedSequence(5).spawn(3)):
            path = tmp_path / f"{type(rule).__name__}{r}.npz"
            fm.learn(game, rule, 50, rng=child, record=fm.Record(every=10, metrics=("policy",)), checkpoint=path)
            assert_array_equal(fm.resume(path, 100).trace["policy"], together.trace["policy"][r])


@compiled_only
@pytest.mark.parametrize("rule", [fm.rules.Exp3P(0.2), fm.rules.Exp3P(0.2, 1.0, 500)], ids=repr)
def test_bandits_leave_out_what_is_missing(rule, rng):
    """As the game without the column: the same numbers draw the same actions."""
    payoffs = rng.random((2, 3, 2))
    mask = [[1, 0, 1, 1, 1]]
    game = fm.MarkovGame(payoffs[:, None], np.ones((1, 3, 2, 1)), 0.0, available=mask)
    less = fm.MarkovGame(payoffs[:, None, ::2], np.ones((1, 2, 2, 1)), 0.0)
    rule = rule._replace(payoffs=(0.0, 1.0))
    one, other = (fm.learn(each, rule, 500, rng=1, record=LAST).policy[0] for each in (game, less))
    assert one[1] == 0.0
    np.testing.assert_allclose(one[[0, 2, 3, 4]], other, rtol=0, atol=1e-12)
