"""The steps and bounds of fastmpg.theory laid against runs (by hand from the papers: test_theory.py)."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import rules, theory

RECORD = fm.Record(metrics=("ne_gap", "value", "c", "mismatch", "grad_norm", "policy"))
BOUNDS = (theory.gradient_play_bound, theory.natural_gradient_bound)


def shared(seed, actions, lo=0.0, hi=1.0, states=1, discount=0.0):
    """A random identical-interest game whose payoffs span [lo, hi] exactly."""
    rng = np.random.default_rng(seed)
    r = rng.random((states, *actions))
    moves = rng.dirichlet(np.full(states, 0.5), (states, *actions))
    rho = rng.dirichlet(np.full(states, 5.0))
    return fm.MarkovGame.identical_interest(lo + (hi - lo) * (r - r.min()) / np.ptp(r), moves, discount, rho)


GAMES = {"matrix": ((3, 2),), "three players": ((2, 3, 2),), "wide payoffs": ((3, 3), -20.0, 15.0),
         "markov": ((2, 2), 0.0, 1.0, 2, 0.5), "markov, wide payoffs": ((2, 3), -3.0, 9.0, 2, 0.7)}


def run(game, rule, steps, **start):
    """The trace of a run, one row per policy (the last one's too), with the largest NE-gap as "gap"."""
    trace = fm.learn(game, rule, steps, record=RECORD, **start).trace
    return trace | {"gap": trace["ne_gap"].max(axis=1)}


def average(x):
    """Mean over the T policies before the updates at [T - 1]."""
    return np.cumsum(x[:-1]) / np.arange(1, len(x))


def barrier(game, trace, lam):
    """The regularised potential of an identical-interest run, its squared gradient norms, and the exponents f with
    their weight."""
    counts, left = np.repeat(game.num_actions, game.num_actions), 1 - game.discount
    potential, squares, exponents, energy = [], [], [], []
    for value, pi in zip(trace["value"], trace["policy"]):
        found = fm.evaluate(game, pi)
        d = found.visit[:, None]
        potential.append(value[0] + lam * np.log(pi).sum())
        squares.append(np.sum((fm.metrics.gradient(game, pi) + lam - lam * counts * pi) ** 2))
        exponents.append(found.adv_bar / left + lam / (d * pi) - lam * counts / d)
        energy.append(np.sum(d * pi * exponents[-1] ** 2))
    return np.array(potential), np.array(squares), np.array(exponents), np.array(energy)


@pytest.mark.parametrize("rule", [lambda k: rules.GradientPlay(0.01 / k, 0.02 * k),
                                  lambda k: rules.NaturalGradientPlay(0.01 / k, 0.02 * k),
                                  lambda k: rules.EntropyNaturalGradientPlay(0.01 / k, 3.0 * k)])
def test_one_scale_and_time_unit(rule):
    """The claim behind the units: payoffs a + k r with (eta/k, k lam, k tau) run through the same policies."""
    game, k = shared(0, (2, 3), states=2, discount=0.6), 40.0
    rewards = k * np.stack([game.rewards[0]] * 2) + np.array([-11.0, 5.0])[:, None, None, None]
    wide = fm.MarkovGame(rewards, game.transitions, 0.6, game.initial)
    assert_allclose(fm.learn(wide, rule(k), 30).policy, fm.learn(game, rule(1.0), 30).policy, rtol=1e-9)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", ["gradient", "natural"])
def test_unregularised_runs_stay_below_their_bounds(name, rule):
    game = shared(11, *GAMES[name])
    bound = BOUNDS[rule == "natural"]
    eta = theory.natural_gradient_step(game) if rule == "natural" else theory.gradient_play_step(game)
    trace = run(game, (rules.NaturalGradientPlay if rule == "natural" else rules.GradientPlay)(eta), 600)
    measured, c, M = (average(trace["gap"] ** 2), np.minimum.accumulate(trace["c"]),
                      np.maximum.accumulate(trace["mismatch"]))
    for T in (1, 2, 10, 60, 600):
        assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1])
        assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1], mismatch=M[T], eta=eta)
    # the inequalities the bounds are sums of hold at every update
    natural = trace["c"][:-1] / (3 * M[1:]) * trace["gap"][:-1] ** 2
    assert np.all(np.diff(trace["value"][:, 0])
                  >= eta * (natural if rule == "natural" else trace["grad_norm"][:-1] ** 2 / 2) - 1e-12)


def test_potential_game_with_different_rewards():
    """r_i = phi + h_i(a_-i): with the range of phi passed, the bounds hold."""
    rng = np.random.default_rng(4)
    phi = rng.random((3, 3))
    game, width = (fm.NormalFormGame(np.stack([phi + 5 * rng.random((1, 3)), phi - 2 * rng.random((3, 1))])),
                   float(np.ptp(phi)))
    for bound, rule in ((BOUNDS[0], rules.GradientPlay(theory.gradient_play_step(game))),
                        (BOUNDS[1],
                         rules.NaturalGradientPlay(theory.natural_gradient_step(game, potential_range=width)))):
        trace = run(game, rule, 500)
        measured, c = average(trace["gap"] ** 2), np.minimum.accumulate(trace["c"])
        for T in (1, 20, 500):
            assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1], potential_range=width)


@pytest.mark.parametrize("lo, hi", [(0.0, 1.0), (-2.0, 2.0)])
def test_log_barrier_gradient_play_arrives_in_time(lo, hi):
    game, epsilon = shared(21, (2, 2), lo, hi), 0.5 * (hi - lo)
    lam, T = (theory.log_barrier_weight(game, epsilon=epsilon),
              theory.log_barrier_gradient_iterations(game, epsilon=epsilon))
    assert math.ceil(2 * 4 * (12 + 2 * 2 * 0.25) / 0.25) == T  # the same for both payoff ranges
    eta = theory.log_barrier_gradient_step(game, lam=lam)
    trace = run(game, rules.GradientPlay(eta, lam), T)
    potential, squares, _, _ = barrier(game, trace, lam)
    assert trace["gap"][:T].min() <= epsilon
    assert squares[:T].min() <= min(2 * (hi - lo) / (eta * T), lam**2)
    assert np.all(np.diff(potential) >= eta / 2 * squares[:-1] - 1e-12)


def test_theorem_6_prints_the_norm_where_its_square_belongs():
    """A flat game: the printed min ||grad|| <= 2 D/((1-gamma) eta T) fails by a factor, with the square it holds."""
    width, lam, T = 1e-3, 1e-6, 1000
    game = fm.NormalFormGame.identical_interest([[width, 0.0], [0.0, 0.0]])  # in [0, 1]: the step is the printed one
    eta = theory.log_barrier_gradient_step(game, lam=lam)
    least = barrier(game, run(game, rules.GradientPlay(eta, lam), T), lam)[1][:T].min()
    assert least <= 2 * width / (eta * T) < math.sqrt(least) / 5


@pytest.mark.parametrize("name", ["matrix", "markov", "markov, wide payoffs"])
@pytest.mark.parametrize("weight", [1e-3, 0.05, 1.0])
def test_log_barrier_natural_runs_stay_below_their_bound(name, weight):
    game = shared(31, *GAMES[name])
    lo, hi = game.payoff_range()[0]
    lam, left, A, w = (weight * (hi - lo), 1 - game.discount, max(game.num_actions),
                       1.0 if lo >= 0 and hi <= 1 else hi - lo)
    M = 1.0 if game.num_states == 1 else 1 / (left * game.initial.min())
    eta = theory.log_barrier_natural_step(game, lam=lam)
    trace = run(game, rules.NaturalGradientPlay(eta, lam), 150)
    for T in (1, 5, 50, 150):
        assert average(trace["gap"])[T - 1] <= theory.log_barrier_natural_bound(game, steps=T, lam=lam)
    # what the proof needs at every step: exponents in [-1/16, 5/16], Lemma 24's floor, Theorem 7's ascent
    potential, _, f, energy = barrier(game, trace, lam)
    assert eta * f.min() >= -1 / 16 and eta * f.max() <= 5 / 16
    assert trace["policy"].min() >= lam / (4 * (lam * A * M + w / left**2))
    assert np.all(np.diff(potential) >= eta / 36 * energy[:-1] - 1e-12)


def test_log_barrier_natural_play_arrives_in_time():
    game = shared(41, (2, 2))
    T, lam = (theory.log_barrier_natural_iterations(game, epsilon=0.5),
              theory.log_barrier_weight(game, epsilon=0.5, rule="natural"))
    assert T == 36 * 2 * 44 / 0.25  # 1/eta = 4 (2 * 0.5 + 4 + 6)
    assert run(game, rules.NaturalGradientPlay(theory.log_barrier_natural_step(game, lam=lam), lam),
               T)["gap"][:T].mean() <= 0.5


def qre_gaps(game, start, eta, tau, steps):
    """Along a run; beyond eta = 1 / tau, which the rule refuses though the theorem does not, along its equation."""
    if eta * tau > 1:
        with pytest.raises(ValueError, match=r"eta must be in \(0, \(1 - discount\) / tau\]"):
            fm.learn(game, rules.EntropyNaturalGradientPlay(eta, tau), steps, policy=start)
        found = []
        for _ in range(steps + 1):
            found.append(fm.qre_gap(game, start, tau).max())
            theta = (1 - eta * tau) * np.log(start) + eta * fm.evaluate(game, start).q_bar
            start = fm.join([np.exp(part - part.max()) / np.exp(part - part.max()).sum()
                             for part in fm.split(game, theta)])
        return np.array(found)
    record = fm.Record(metrics=("qre_gap",))
    return fm.learn(game, rules.EntropyNaturalGradientPlay(eta, tau), steps, policy=start,
                    record=record).trace["qre_gap"].max(axis=1)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0, "beyond"])
@pytest.mark.parametrize("lo, hi", [(0.0, 1.0), (-4.0, 6.0)])
def test_entropy_runs_converge_at_the_proved_rate(fraction, lo, hi):
    game = fm.NormalFormGame(np.random.default_rng(51).uniform(lo, hi, (3, 2, 3, 2)))  # no potential
    w = 1.0 if lo == 0.0 else np.ptp(game.payoff_range(), axis=1).max()
    tau = 1.05 * 2 * w * 7
    assert theory.entropy_natural_step(game, tau=tau) == 1 / tau
    eta = 0.5 * (1 / tau + 2 / (tau + 2 * w * 7)) if fraction == "beyond" else fraction / tau
    start = fm.random_policy(game, 52)
    bound = theory.entropy_natural_bound(game, start, tau=tau, eta=eta, steps=60)
    measured = qre_gaps(game, start, eta, tau, 60)
    assert bound.shape == measured.shape == (61,)
    assert np.all(measured <= bound) and bound[-1] < bound[0]
    assert_allclose(bound[1:] / bound[:-1], abs(1 - eta * tau) + 2 * eta * w * 7)


@pytest.mark.parametrize("tau", [12.0, 100.0])
def test_the_printed_range_of_sun_is_too_wide(tau):
    """Constant payoffs, sum A_i = 4, eta just inside eta < 1/(tau - 8): the printed bound fails, ours holds."""
    game, start, eta = fm.NormalFormGame(np.zeros((2, 2, 2))), np.array([[0.6, 0.4, 0.5, 0.5]]), 0.999 / (tau - 8)
    measured = qre_gaps(game, start, eta, tau, 7)
    printed = 2 * tau * (1 - eta * tau + 8 * eta) ** np.arange(8) * math.log(0.5 / 0.4)
    assert measured[5] > printed[5] > 0
    if tau < 16:  # tau < 4 sum A_i: the printed range goes past 2/tau, where the run diverges
        assert measured[-1] > 10 * measured[0]
        with pytest.raises(ValueError, match=r"printed 1/\(tau - 2 sum A_i\) is an error"):
            theory.entropy_natural_bound(game, start, tau=tau, eta=eta, steps=7)
    else:
        assert np.all(measured <= theory.entropy_natural_bound(game, start, tau=tau, eta=eta, steps=7))
