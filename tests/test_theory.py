"""The provable steps and bounds of fastmpg.theory: by hand from the papers (laid against runs: test_bounds.py)."""

import functools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import theory

ACTIONS = (2, 3)
COUNTS = (theory.log_barrier_gradient_iterations, theory.log_barrier_natural_iterations)
BOUNDS = (theory.gradient_play_bound, theory.natural_gradient_bound)


def spanning(*ranges, actions=ACTIONS, discount=0.5, initial=(0.25, 0.75)):
    """A Markov game whose payoffs span exactly these ranges, one per player, or one that all share."""
    shape = (len(initial), *actions)
    rewards = np.array([np.linspace(lo, hi, math.prod(shape)).reshape(shape) for lo, hi in ranges])
    moves = np.zeros((*shape, len(initial)))
    moves[..., -1] = 1.0  # the first state is seen at the start alone: M is its a-priori bound 1/((1 - gamma) rho(0))
    build = fm.MarkovGame if len(ranges) > 1 else fm.MarkovGame.identical_interest
    return build(rewards if len(ranges) > 1 else rewards[0], moves, discount, initial)


UNIT = spanning((0.0, 1.0))  # n = 2, max A = 3, 1 - gamma = 1/2, M = 1/(1/2 * 1/4) = 8, D = W = 1
ZHANG = fm.games.zhang_3x2()  # payoffs in [-1, 0.2], one state: W = D = 1.2, M = 1

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
    (theory.natural_gradient_bound,
     {"steps": 10, "c": 1.0, "mismatch": 2.0, "potential_range": 2.0, "eta": 0.01}, 12 / (0.5 * 0.1)),
    # 9 * 2355.2 / ((1/2) * 0.1 * 10^6) + 0.1 * 3 * 8
    (theory.log_barrier_natural_bound, {"steps": 10**6, "lam": 0.1}, 0.423936 + 2.4),
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
]] + [(spanning((0.0, 1.0), discount=0.9, initial=(1.0,)), theory.log_barrier_weight, {"epsilon": 0.3}, 0.1)]  # M = 1


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
        (theory.log_barrier_gradient_step, -1, {"lam": 0.03}, {}),
        (theory.log_barrier_natural_step, -1, {"lam": 0.03}, {}),
        (theory.log_barrier_weight, 1, {"epsilon": 0.2}, {}),
        (theory.log_barrier_natural_bound, 1, {"lam": 0.03}, {"steps": 9}),
        *((bound, 2, {}, {"steps": 9, "c": 0.3}) for bound in BOUNDS),
        *((count, 0, {"epsilon": 0.2}, {}) for count in COUNTS),
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
    for linear in (spanning((0.0, 1.0), (0.0, 0.5)), spanning((0.0, 1.0), (1.0, 0.0))):
        # sums of terms of one action each, with moves of none: a potential game
        assert theory.natural_gradient_step(linear) > 0.0
        bent = linear.rewards ** np.array([2.0, 3.0]).reshape(2, 1, *[1] * (linear.rewards.ndim - 2))
        game = fm.MarkovGame(bent, linear.transitions, linear.discount, linear.initial)
        with pytest.raises(ValueError, match=r"found different rewards; pass .* widths, (1.125|2)\)"):
            theory.natural_gradient_step(game)
        assert theory.natural_gradient_step(game, potential_range=1.0) == pytest.approx(1 / 16)
    for game in (spanning((0.0, 1.0), (0.0, 1.0)), spanning((0.0, 2.0), actions=(3,))):  # one reward twice; one player
        assert theory.natural_gradient_step(game) == pytest.approx(1 / 16)


@pytest.mark.parametrize("function, arguments, message", [
    (theory.log_barrier_weight, {"epsilon": 0.0}, r"epsilon must be .* in \(0, inf\), found 0"),
    (theory.log_barrier_weight, {"epsilon": 0.1, "rule": "other"},
     "rule must be 'gradient' or 'natural', found 'other'"),
    (theory.log_barrier_weight, {"epsilon": 0.1, "mismatch": 1.5},
     r"mismatch \(at least num_states.* \[2, inf\), found 1.5"),
    (theory.log_barrier_gradient_step, {"lam": -1.0}, r"lam .* \[0, inf\), found -1"),
    (theory.log_barrier_natural_step, {"lam": math.inf}, "lam .* found inf"),
    (theory.log_barrier_natural_bound, {"steps": 5, "lam": 0.0}, r"lam .* \(0, inf\), found 0"),
    (theory.gradient_play_bound, {"steps": 0, "c": 0.5}, "steps must be at least 1, found 0"),
    (theory.natural_gradient_bound, {"steps": 5, "c": 1.5}, r"c .* \(0, 1\], found 1.5"),
    (theory.gradient_play_bound, {"steps": 5, "c": 0.5, "eta": 0.1},
     r"up to gradient_play_step\) .* \(0, 0.0104167\], found 0.1"),
    (theory.natural_gradient_bound, {"steps": 5, "c": 0.5, "eta": 0.07},
     r"up to natural_gradient_step\) .* 0.0625\], found 0.07"),
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
