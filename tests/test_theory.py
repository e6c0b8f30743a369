"""The provable steps and bounds of fastmpg.theory: by hand from the papers, and laid against runs."""

import functools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import rules, theory

ACTIONS = (2, 3)
RECORD = fm.Record(metrics=("ne_gap", "value", "c", "mismatch", "grad_norm", "policy"))
COUNTS = (theory.log_barrier_gradient_iterations, theory.log_barrier_natural_iterations)
BOUNDS = (theory.gradient_play_bound, theory.natural_gradient_bound)


def spanning(*ranges, actions=ACTIONS, discount=0.5, initial=(0.25, 0.75)):
    """A Markov game whose payoffs span exactly these ranges, one per player, or one that all share."""
    shape = (len(initial), *actions)
    rewards = np.array([np.linspace(lo, hi, math.prod(shape)).reshape(shape) for lo, hi in ranges])
    moves = np.full((*shape, len(initial)), 1 / len(initial))
    build = fm.MarkovGame if len(ranges) > 1 else fm.MarkovGame.identical_interest
    return build(rewards if len(ranges) > 1 else rewards[0], moves, discount, initial)


UNIT = spanning((0.0, 1.0))  # n = 2, max A = 3, 1 - gamma = 1/2, M <= 1/(1/2 * 1/4) = 8, D = W = 1
ZHANG = fm.games.zhang_3x2()  # payoffs in [-1, 0.2], one state: W = D = 1.2, M = 1


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
    """The regularised potential of an identical-interest run, its squared gradient norms, and the exponents f with their weight."""
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


BY_HAND = [(UNIT, *case) for case in [
    (theory.gradient_play_step, {}, 0.125 / 12),  # (1/2)^3 / (6 * 2)
    (theory.natural_gradient_step, {}, 0.25 / 4),  # (1/2)^2 / (2 * 2 * 1)
    (theory.natural_gradient_step, {"potential_range": 0.5}, 0.25 / 2),
    # Theorem 6: (1/8) / (6*2 + 2*0.1*3*(1/8))
    (theory.log_barrier_gradient_step, {"lam": 0.1}, 0.125 / 12.075),
    (theory.log_barrier_gradient_step, {"lam": 0.0}, 0.125 / 12),
    # Theorem 7, M = 8: 1/(4 (4*0.1*3*64 + 4*8*4 + 3*2*8*8)); the first entry is 1/(15 (4 + 2.4))
    (theory.log_barrier_natural_step, {"lam": 0.1}, 1 / 2355.2),
    (theory.log_barrier_natural_step, {"lam": 0.1, "mismatch": 2.0}, 1 / (4 * (4.8 + 32 + 96))),
    (theory.log_barrier_weight, {"epsilon": 0.24}, 0.01),  # 0.24 / (8 * 3)
    (theory.log_barrier_weight, {"epsilon": 0.24, "rule": "natural"}, 0.005),
    (theory.log_barrier_weight, {"epsilon": 0.24, "mismatch": 4.0}, 0.02),
    # 2 * 3 * 8^2 * 1 / ((1/2) * 0.1^2 * (0.125/12) * 1000) = 12 n max A M^2 D / ((1-gamma)^4 c^2 T)
    (theory.gradient_play_bound, {"steps": 1000, "c": 0.1}, 12 * 2 * 3 * 64 * 16 / (0.01 * 1000)),
    (theory.gradient_play_bound, {"steps": 1000, "c": 0.1, "eta": 0.01}, 7680.0),
    # 3 * 8 * 1 / ((1/2) * 0.1 * (1/16) * 1000) = 6 n M D^2 / ((1-gamma)^3 c T)
    (theory.natural_gradient_bound, {"steps": 1000, "c": 0.1}, 6 * 2 * 8 * 8 / (0.1 * 1000)),
    (theory.natural_gradient_bound, {"steps": 10, "c": 1.0, "mismatch": 2.0, "potential_range": 2.0, "eta": 0.01}, 12 / (0.5 * 0.1)),
    (theory.log_barrier_natural_bound, {"steps": 10**6, "lam": 0.1}, 0.423936 + 2.4),  # 9*2355.2/((1/2)*0.1*10^6) + 0.1*3*8
    # lam = 0.01: 2 * 9 * 64 * (96 + 0.06) / ((1/2) * 0.0576), and with a given step
    (theory.log_barrier_gradient_iterations, {"epsilon": 0.24}, 3_842_400),
    (theory.log_barrier_gradient_iterations, {"epsilon": 0.24, "eta": 0.005}, 2 * 9 * 64 * 200 / 0.5 / 0.0576),
    # lam = 0.005: 1/eta = 4 (4*0.005*3*64 + 128 + 384); 36 * 3 * 8 * 2063.36 / ((1/2) * 0.0576)
    (theory.log_barrier_natural_iterations, {"epsilon": 0.24}, 61_900_800),
]] + [(ZHANG, *case) for case in [
    (theory.gradient_play_step, {}, 1 / 14.4),
    (theory.natural_gradient_step, {}, 1 / 4.8),
    (theory.log_barrier_gradient_step, {"lam": 0.003}, 1 / (14.4 + 0.018)),
    (theory.log_barrier_natural_step, {"lam": 0.003}, 1 / (4 * (0.036 + 4.8 + 7.2))),
    (theory.gradient_play_bound, {"steps": 10_000, "c": 0.1}, 1.0368),
    (theory.natural_gradient_bound, {"steps": 1000, "c": 0.1}, 0.1728),
    (theory.log_barrier_gradient_iterations, {"epsilon": 0.25}, math.ceil(21.6 * 14.9 / 0.0625)),
    (theory.log_barrier_natural_iterations, {"epsilon": 0.25}, 103_680),
    (theory.entropy_natural_step, {"tau": 16.0}, 1 / 16),
]] + [(spanning((0.0, 1.0), discount=0.9, initial=(1.0,)), theory.log_barrier_weight, {"epsilon": 0.3}, 0.1)]  # one state: M = 1


@pytest.mark.parametrize("game, function, arguments, expected", BY_HAND)
def test_by_hand(game, function, arguments, expected):
    found = function(game, **arguments)
    assert found == (expected if isinstance(expected, int) else pytest.approx(expected))
    assert type(found) is (int if function in COUNTS else float)


def test_iterations_are_the_fewest_that_the_bound_grants():
    epsilon = 0.07
    T = theory.log_barrier_natural_iterations(UNIT, epsilon=epsilon)
    lam = theory.log_barrier_weight(UNIT, epsilon=epsilon, rule="natural")
    assert theory.log_barrier_natural_bound(UNIT, steps=T, lam=lam) <= epsilon * (1 + 1e-12)
    assert theory.log_barrier_natural_bound(UNIT, steps=T - 1, lam=lam) > epsilon


def test_entropy_bound_by_hand():
    # player 0's marginal rewards against uniform play: (3/4, 1/4); player 1's: (1/2, 1/2)
    game = fm.NormalFormGame([[[1.0, 0.5], [0.0, 0.5]], [[0.0, 1.0], [1.0, 0.0]]])
    start, tau = fm.uniform_policy(game), 16.0
    # |log 1/2 - log softmax(3/4 tau, 1/4 tau)|: the larger side is the action with the smaller reward
    expected = 2 * tau * (math.log(1 + math.exp(0.5 / tau)) - math.log(2)) * (1 - 0.5 + 2 * 4 / 32) ** np.arange(4)
    for policy in (start, fm.split(game, start)):
        assert_allclose(theory.entropy_natural_bound(game, policy, tau=tau, eta=1 / 32, steps=3), expected)
    # past 1/tau the sign of 1 - eta tau turns: q = |1 - 1.25| + 2 * 4 * 1.25/16
    fast = theory.entropy_natural_bound(game, start, tau=tau, eta=1.25 / tau, steps=1)
    assert fast[1] / fast[0] == pytest.approx(0.25 + 0.625)
    assert theory.entropy_natural_bound(game, start, tau=tau, eta=0.01, steps=0).shape == (1,)


@pytest.mark.parametrize("k", [0.01, 3.0, 250.0])
def test_units(k):
    """Payoffs times k, shifted out of [0, 1]: steps / k, weights and gap bounds * k, squared gap bounds * k^2."""
    base, big = spanning((-7.0, -6.0)), spanning((-300.0, k - 300.0))
    for function, power, scaled, plain in (
        (theory.gradient_play_step, -1, {}, {}), (theory.natural_gradient_step, -1, {}, {}),
        (theory.log_barrier_gradient_step, -1, {"lam": 0.03}, {}), (theory.log_barrier_natural_step, -1, {"lam": 0.03}, {}),
        (theory.log_barrier_weight, 1, {"epsilon": 0.2}, {}), (theory.log_barrier_natural_bound, 1, {"lam": 0.03}, {"steps": 9}),
        *((bound, 2, {}, {"steps": 9, "c": 0.3}) for bound in BOUNDS), *((count, 0, {"epsilon": 0.2}, {}) for count in COUNTS),
    ):
        found = function(big, **{name: k * value for name, value in scaled.items()}, **plain)
        assert found == pytest.approx(k**power * function(base, **scaled, **plain), rel=1e-6, abs=float(power == 0))


def test_entropy_bound_scales_with_the_payoffs():
    payoffs = np.random.default_rng(5).random((2, 2, 3))
    payoffs[:, 0, 0], payoffs[:, 1, 1] = 0.0, 1.0  # widths exactly 1
    game, wide = fm.NormalFormGame(payoffs), fm.NormalFormGame(7.0 * payoffs + np.array([-3.0, 2.0])[:, None, None])
    start = fm.random_policy(game, 3)
    base = theory.entropy_natural_bound(game, start, tau=11.0, eta=0.05, steps=4)
    assert_allclose(theory.entropy_natural_bound(wide, start, tau=77.0, eta=0.05 / 7, steps=4), 7.0 * base)


@pytest.mark.parametrize("rule", [lambda k: rules.GradientPlay(0.01 / k, 0.02 * k), lambda k: rules.NaturalGradientPlay(0.01 / k, 0.02 * k),
                                  lambda k: rules.EntropyNaturalGradientPlay(0.01 / k, 3.0 * k)])
def test_one_scale_and_time_unit(rule):
    """The claim behind the units: payoffs a + k r with (eta/k, k lam, k tau) run through the same policies."""
    game, k = shared(0, ACTIONS, states=2, discount=0.6), 40.0
    rewards = k * np.stack([game.rewards[0]] * 2) + np.array([-11.0, 5.0])[:, None, None, None]
    wide = fm.MarkovGame(rewards, game.transitions, 0.6, game.initial)
    assert_allclose(fm.learn(wide, rule(k), 30).policy, fm.learn(game, rule(1.0), 30).policy, rtol=1e-9)


def test_the_widest_payoffs_decide_outside_the_unit_interval():
    printed = theory.gradient_play_step(UNIT)
    assert theory.gradient_play_step(spanning((0.1, 0.6), (0.0, 0.9))) == printed
    assert theory.gradient_play_step(spanning((5.0, 5.5), (-3.0, -1.0))) == pytest.approx(printed / 2)
    assert theory.gradient_play_step(spanning((5.0, 5.0), (5.0, 5.0))) == printed


def test_the_second_entry_of_theorem_7_is_the_smaller():
    rng = np.random.default_rng(1)
    for _ in range(100):
        n, gamma, M, lam = int(rng.integers(1, 6)), rng.uniform(0, 0.99), rng.uniform(2, 500), rng.exponential()
        actions = tuple(int(a) for a in rng.integers(1, 5, n))
        A, left = max(actions), 1 - gamma
        second = 1 / (4 * (4 * lam * A * M**2 + 4 * M / left**2 + 3 * n * M / left**3))
        assert second <= 1 / (15 * (1 / left**2 + lam * A * M))
        game = spanning((0.0, 1.0), actions=actions, discount=gamma, initial=(0.5, 0.5))
        assert theory.log_barrier_natural_step(game, lam=lam, mismatch=M) == pytest.approx(second)


def test_bounds_move_the_right_way():
    for bound in (functools.partial(b, UNIT) for b in BOUNDS):
        base = bound(steps=100, c=0.1)
        assert bound(steps=200, c=0.1) == pytest.approx(base / 2)
        assert max(bound(steps=100, c=0.2), bound(steps=100, c=0.1, mismatch=2.0)) < base
        assert min(bound(steps=100, c=0.1, potential_range=2.0), bound(steps=100, c=0.1, eta=1e-3)) > base
        assert bound(steps=100, c=1e-320) > 1e300
    for count in COUNTS:
        assert count(UNIT, epsilon=0.1) > max(count(UNIT, epsilon=0.2), count(UNIT, epsilon=0.1, mismatch=2.0)) > 0


def test_potential_range_is_asked_for_where_it_is_unknown():
    for game in (spanning((0.0, 1.0), (0.0, 0.5)), spanning((0.0, 1.0), (1.0, 0.0))):
        with pytest.raises(ValueError, match=r"only for identical interest, found different rewards; pass .* widths, (1.5|2)\)"):
            theory.natural_gradient_step(game)
        assert theory.natural_gradient_step(game, potential_range=1.0) == pytest.approx(1 / 16)
    for game in (spanning((0.0, 1.0), (0.0, 1.0)), spanning((0.0, 2.0), actions=(3,))):  # one reward stored twice; one player
        assert theory.natural_gradient_step(game) == pytest.approx(1 / 16)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", ["gradient", "natural"])
def test_unregularised_runs_stay_below_their_bounds(name, rule):
    game = shared(11, *GAMES[name])
    bound = BOUNDS[rule == "natural"]
    eta = theory.natural_gradient_step(game) if rule == "natural" else theory.gradient_play_step(game)
    trace = run(game, (rules.NaturalGradientPlay if rule == "natural" else rules.GradientPlay)(eta), 600)
    measured, c, M = average(trace["gap"] ** 2), np.minimum.accumulate(trace["c"]), np.maximum.accumulate(trace["mismatch"])
    for T in (1, 2, 10, 60, 600):
        assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1])
        assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1], mismatch=M[T], eta=eta)
    # the inequalities the bounds are sums of hold at every update
    natural = trace["c"][:-1] / (3 * M[1:]) * trace["gap"][:-1] ** 2
    assert np.all(np.diff(trace["value"][:, 0]) >= eta * (natural if rule == "natural" else trace["grad_norm"][:-1] ** 2 / 2) - 1e-12)


def test_potential_game_with_different_rewards():
    """r_i = phi + h_i(a_-i): with the range of phi passed, the bounds hold."""
    rng = np.random.default_rng(4)
    phi = rng.random((3, 3))
    game, width = fm.NormalFormGame(np.stack([phi + 5 * rng.random((1, 3)), phi - 2 * rng.random((3, 1))])), float(np.ptp(phi))
    for bound, rule in ((BOUNDS[0], rules.GradientPlay(theory.gradient_play_step(game))),
                        (BOUNDS[1], rules.NaturalGradientPlay(theory.natural_gradient_step(game, potential_range=width)))):
        trace = run(game, rule, 500)
        measured, c = average(trace["gap"] ** 2), np.minimum.accumulate(trace["c"])
        for T in (1, 20, 500):
            assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1], potential_range=width)


@pytest.mark.parametrize("lo, hi", [(0.0, 1.0), (-2.0, 2.0)])
def test_log_barrier_gradient_play_arrives_in_time(lo, hi):
    game, epsilon = shared(21, (2, 2), lo, hi), 0.5 * (hi - lo)
    lam, T = theory.log_barrier_weight(game, epsilon=epsilon), theory.log_barrier_gradient_iterations(game, epsilon=epsilon)
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
    game = fm.NormalFormGame.identical_interest([[width, 0.0], [0.0, 0.0]])  # inside [0, 1]: the step is the printed one
    eta = theory.log_barrier_gradient_step(game, lam=lam)
    least = barrier(game, run(game, rules.GradientPlay(eta, lam), T), lam)[1][:T].min()
    assert least <= 2 * width / (eta * T) < math.sqrt(least) / 5


@pytest.mark.parametrize("name", ["matrix", "markov", "markov, wide payoffs"])
@pytest.mark.parametrize("weight", [1e-3, 0.05, 1.0])
def test_log_barrier_natural_runs_stay_below_their_bound(name, weight):
    game = shared(31, *GAMES[name])
    lo, hi = game.payoff_range()[0]
    lam, left, A, w = weight * (hi - lo), 1 - game.discount, max(game.num_actions), 1.0 if lo >= 0 and hi <= 1 else hi - lo
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
    T, lam = theory.log_barrier_natural_iterations(game, epsilon=0.5), theory.log_barrier_weight(game, epsilon=0.5, rule="natural")
    assert T == 36 * 2 * 44 / 0.25  # 1/eta = 4 (2 * 0.5 + 4 + 6)
    assert run(game, rules.NaturalGradientPlay(theory.log_barrier_natural_step(game, lam=lam), lam), T)["gap"][:T].mean() <= 0.5


def qre_gaps(game, start, eta, tau, steps):
    """Along a run; beyond eta = 1 / tau, which the rule refuses though the theorem does not, along its equation."""
    if eta * tau > 1:
        with pytest.raises(ValueError, match=r"eta must be in \(0, \(1 - discount\) / tau\]"):
            fm.learn(game, rules.EntropyNaturalGradientPlay(eta, tau), steps, policy=start)
        found = []
        for _ in range(steps + 1):
            found.append(fm.qre_gap(game, start, tau).max())
            theta = (1 - eta * tau) * np.log(start) + eta * fm.evaluate(game, start).q_bar
            start = fm.join([np.exp(part - part.max()) / np.exp(part - part.max()).sum() for part in fm.split(game, theta)])
        return np.array(found)
    record = fm.Record(metrics=("qre_gap",))
    return fm.learn(game, rules.EntropyNaturalGradientPlay(eta, tau), steps, policy=start, record=record).trace["qre_gap"].max(axis=1)


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


@pytest.mark.parametrize("function, arguments, message", [
    (theory.log_barrier_weight, {"epsilon": 0.0}, r"epsilon must be .* in \(0, inf\), found 0"),
    (theory.log_barrier_weight, {"epsilon": 0.1, "rule": "other"}, "rule must be 'gradient' or 'natural', found 'other'"),
    (theory.log_barrier_weight, {"epsilon": 0.1, "mismatch": 1.5}, r"mismatch \(at least num_states.* \[2, inf\), found 1.5"),
    (theory.log_barrier_gradient_step, {"lam": -1.0}, r"lam .* \[0, inf\), found -1"),
    (theory.log_barrier_natural_step, {"lam": math.inf}, "lam .* found inf"),
    (theory.log_barrier_natural_bound, {"steps": 5, "lam": 0.0}, r"lam .* \(0, inf\), found 0"),
    (theory.gradient_play_bound, {"steps": 0, "c": 0.5}, "steps must be at least 1, found 0"),
    (theory.natural_gradient_bound, {"steps": 5, "c": 1.5}, r"c .* \(0, 1\], found 1.5"),
    (theory.gradient_play_bound, {"steps": 5, "c": 0.5, "eta": 0.1}, r"up to gradient_play_step\) .* \(0, 0.0104167\], found 0.1"),
    (theory.natural_gradient_bound, {"steps": 5, "c": 0.5, "eta": 0.07}, r"up to natural_gradient_step\) .* 0.0625\], found 0.07"),
    (theory.natural_gradient_step, {"potential_range": -1.0}, "potential_range .* found -1"),
    (theory.natural_gradient_step, {"potential_range": 0.0}, "found 0: every policy is an equilibrium"),
    (theory.log_barrier_natural_iterations, {"epsilon": 0.1, "eta": 1.0}, "up to log_barrier_natural_step"),
    (theory.log_barrier_natural_iterations, {"epsilon": 1e-300}, "larger epsilon"),
    (theory.entropy_natural_step, {"tau": 50.0}, "one state and discount 0, found 2 states and discount 0.5"),
])
def test_refusals_name_what_was_found_and_expected(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(UNIT, **arguments)


@pytest.mark.parametrize("function, arguments", [
    *[(bound, {"steps": 5, "c": 0.5}) for bound in BOUNDS], *[(count, {"epsilon": 0.5}) for count in COUNTS],
    (theory.log_barrier_weight, {"epsilon": 0.5}), (theory.log_barrier_natural_step, {"lam": 0.5}),
    (theory.log_barrier_natural_bound, {"steps": 5, "lam": 0.5}),
])
def test_a_state_never_started_from_needs_a_mismatch(function, arguments):
    game = spanning((0.0, 1.0), initial=(0.5, 0.0, 0.5))
    with pytest.raises(ValueError, match=r"in state 1; or pass mismatch="):
        function(game, **arguments)
    assert function(game, mismatch=12.0, **arguments) > 0
    assert theory.gradient_play_step(game) > 0  # needs none


@pytest.mark.parametrize("payoffs, discount, message", [
    ([[0.0, 1.0], [0.0, math.inf]], 0.5, r"payoff_range\(\) must be finite, found inf at index \(1, 1\)"),
    ([[0.0, 1.0]], 0.5, r"\(N, 2\) = \(2, 2\), found \(1, 2\)"),
    ([[0.0, 1.0], [1.0, 0.0]], 0.5, "min <= max"),
    ([[0.0, 1.0], [0.0, 1.0]], 1.0, "needs discount below 1, found 1"),
])
def test_payoffs_and_discount_are_checked(payoffs, discount, message):
    class Odd(fm.MarkovGame):
        payoff_range = lambda self: np.array(payoffs)  # noqa: E731

    game = Odd(UNIT.rewards.repeat(2, axis=0), UNIT.transitions, 0.5)
    object.__setattr__(game, "discount", discount)
    with pytest.raises(ValueError, match=message):
        theory.gradient_play_step(game)


def test_entropy_refusals():
    unit = fm.NormalFormGame.identical_interest(np.linspace(0, 1, 6).reshape(3, 2))
    for tau in (10.0, 1.0, math.nan, -3.0):  # 2 * (3 + 2) = 10 itself is out
        with pytest.raises(ValueError, match=r"tau \(above 2 W sum A_i.* \(10, inf\), found"):
            theory.entropy_natural_step(unit, tau=tau)
    with pytest.raises(ValueError, match=r"W = 1.2\) .* \(12, inf\), found 11"):
        theory.entropy_natural_step(ZHANG, tau=11.0)
    bound, start = functools.partial(theory.entropy_natural_bound, unit, tau=12.0), fm.uniform_policy(unit)
    with pytest.raises(ValueError, match="steps must be at least 0, found -1"):
        bound(start, eta=0.01, steps=-1)
    for eta in (0.0, -0.1, 0.1, math.nan):
        with pytest.raises(ValueError, match=r"eta .* \(0, 0.0909091\), found"):
            bound(start, eta=eta, steps=3)
    with pytest.raises(ValueError, match="positive everywhere, found 0 for player 0, action 2"):
        bound(np.array([[0.5, 0.5, 0.0, 0.5, 0.5]]), eta=0.01, steps=3)
    with pytest.raises(ValueError, match=r"policy must have shape .* \(1, 5\), found \(1, 4\)"):
        bound(start[:, :4], eta=0.01, steps=3)
