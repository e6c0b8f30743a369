"""The provable steps and bounds of fastmpg.theory: by hand from the papers, and against plain NumPy runs."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg import theory

# ---------------------------------------------------------------------------------------------------------------------
# Stand-in games and the runs, in plain NumPy
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stand:
    """Only what the formulas read from a game."""

    num_players: int = 2
    num_states: int = 2
    num_actions: tuple = (2, 3)
    discount: float = 0.5
    initial: tuple = (0.25, 0.75)
    payoffs: tuple = ((0.0, 1.0), (0.0, 1.0))
    identical_interest: bool = True

    def payoff_range(self):
        return np.array(self.payoffs, dtype=float)


STAND = Stand()  # n = 2, max A = 3, 1 - gamma = 1/2, M <= 1/(1/2 * 1/4) = 8, D = 1, W = 1
MATRIX = Stand(num_states=1, num_actions=(3, 2), discount=0.0, initial=(1.0,), payoffs=((-1.0, 0.2), (-1.0, 0.2)))


def scaled(stand, k, shifts=(0.0, 0.0)):
    return replace(
        stand, payoffs=tuple((k * lo + b, k * hi + b) for (lo, hi), b in zip(stand.payoffs, shifts, strict=True))
    )


@dataclass(frozen=True)
class Dense:
    """A dense game with everything a naive run needs: rewards (N,S,A0,..), transitions (S,A0,..,S)."""

    rewards: np.ndarray
    transitions: np.ndarray
    discount: float
    initial: np.ndarray

    @property
    def num_players(self):
        return self.rewards.shape[0]

    @property
    def num_states(self):
        return self.rewards.shape[1]

    @property
    def num_actions(self):
        return self.rewards.shape[2:]

    def payoff_range(self):
        flat = self.rewards.reshape(self.num_players, -1)
        return np.stack([flat.min(1), flat.max(1)], 1)


def static(payoffs):
    return Dense(payoffs[:, None], np.ones((1, *payoffs.shape[1:], 1)), 0.0, np.ones(1))


def shared_static(rng, actions, lo=0.0, hi=1.0):
    """A random identical interest normal-form game whose payoffs span [lo, hi] exactly."""
    r = rng.random(actions)
    r = lo + (hi - lo) * (r - r.min()) / (r.max() - r.min())
    return static(np.broadcast_to(r, (len(actions), *actions)).copy())


def shared_markov(rng, states, actions, discount, lo=0.0, hi=1.0):
    r = rng.uniform(lo, hi, (states, *actions))
    p = rng.dirichlet(np.full(states, 0.5), (states, *actions))
    rho = rng.dirichlet(np.full(states, 5.0))
    return Dense(np.broadcast_to(r, (len(actions), *r.shape)).copy(), p, discount, rho)


def evaluate(game, policies):
    """value (N,S), visit (S,), q_bar and adv_bar as lists of (S,A_i)."""
    letters = "abc"[: game.num_players]
    own = [f"s{x}" for x in letters]
    chain = np.einsum(f"s{letters}t,{','.join(own)}->st", game.transitions, *policies)
    stage = np.einsum(f"ns{letters},{','.join(own)}->ns", game.rewards, *policies)
    inverse = np.linalg.inv(np.eye(game.num_states) - game.discount * chain)
    value = stage @ inverse.T
    visit = (1.0 - game.discount) * game.initial @ inverse
    q_bar, adv_bar = [], []
    for i in range(game.num_players):
        q = game.rewards[i] + game.discount * game.transitions @ value[i]
        others = [p for j, p in enumerate(policies) if j != i]
        names = ",".join(x for j, x in enumerate(own) if j != i)
        q_bar.append(np.einsum(f"s{letters},{names}->{own[i]}", q, *others))
        adv_bar.append(q_bar[i] - value[i][:, None])
    return value, visit, q_bar, adv_bar


def gap(game, policies):
    """Largest NE-gap over the players, best responses by trying every deterministic policy."""
    value = evaluate(game, policies)[0] @ game.initial
    worst = 0.0
    for i, actions in enumerate(game.num_actions):
        for choice in itertools.product(range(actions), repeat=game.num_states):
            trial = list(policies)
            trial[i] = np.eye(actions)[list(choice)]
            worst = max(worst, float(evaluate(game, trial)[0][i] @ game.initial - value[i]))
    return worst


def softmax(theta):
    e = np.exp(theta - theta.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def uniform(game):
    return [np.full((game.num_states, a), 1.0 / a) for a in game.num_actions]


def run(game, rule, steps, eta, lam=0.0, tau=0.0, start=None, gaps=True):
    """One dictionary of lists per run: policies before every update (and after the last), gap, visit, f, gradient."""
    log = [np.log(p) for p in (start or uniform(game))]
    trace = {"policy": [], "gap": [], "visit": [], "f": [], "gradient": [], "c": [], "potential": []}
    left = 1.0 - game.discount
    for _ in range(steps + 1):
        pi = [softmax(x) for x in log]
        value, d, q_bar, adv_bar = evaluate(game, pi)
        gradient, f, c = [], [], []
        for p, q, a in zip(pi, q_bar, adv_bar, strict=True):
            n = p.shape[1]
            gradient.append(d[:, None] * p * a / left + lam - lam * n * p)
            f.append(a / left + lam / (d[:, None] * p) - lam * n / d[:, None])
            c.append(np.sum(p * (q == q.max(1, keepdims=True)), axis=1).min())
        trace["policy"].append(pi)
        trace["visit"].append(d)
        trace["f"].append(f)
        trace["gradient"].append(gradient)
        trace["c"].append(min(c))
        trace["potential"].append(value[0] @ game.initial + lam * sum(np.log(p).sum() for p in pi))
        if gaps:
            trace["gap"].append(
                gap(game, pi) if game.num_states > 1 else max(float(a.max()) for a in adv_bar)  # one state: max Abar
            )
        for i in range(game.num_players):
            if rule == "gradient":
                log[i] = log[i] + eta * gradient[i]
            elif rule == "natural":
                log[i] = np.log(pi[i]) + eta * f[i]
            else:
                log[i] = (1.0 - eta * tau) * np.log(pi[i]) + eta * q_bar[i]
    return trace


def averages(x):
    """Mean of the first T entries at [T - 1], the policy after the last update left out."""
    x = np.asarray(x)[:-1]
    return np.cumsum(x) / np.arange(1, x.size + 1)


# ---------------------------------------------------------------------------------------------------------------------
# By hand
# ---------------------------------------------------------------------------------------------------------------------


def test_steps_by_hand():
    assert theory.gradient_play_step(STAND) == pytest.approx(0.125 / 12)  # (1/2)^3 / (6 * 2)
    assert theory.natural_gradient_step(STAND) == pytest.approx(0.25 / 4)  # (1/2)^2 / (2 * 2 * 1)
    assert theory.natural_gradient_step(STAND, potential_range=0.5) == pytest.approx(0.25 / 2)
    # Theorem 6: (1/8) / (6*2 + 2*0.1*3*(1/8))
    assert theory.log_barrier_gradient_step(STAND, lam=0.1) == pytest.approx(0.125 / 12.075)
    assert theory.log_barrier_gradient_step(STAND, lam=0.0) == theory.gradient_play_step(STAND)
    # Theorem 7, M = 8: 1/(4 (4*0.1*3*64 + 4*8*4 + 3*2*8*8)) = 1/(4 (76.8 + 128 + 384)); first entry 1/(15 (4 + 2.4))
    assert theory.log_barrier_natural_step(STAND, lam=0.1) == pytest.approx(1 / 2355.2)
    assert theory.log_barrier_natural_step(STAND, lam=0.1, mismatch=2.0) == pytest.approx(1 / (4 * (4.8 + 32 + 96)))
    assert theory.entropy_natural_step(replace(MATRIX, payoffs=((0, 1), (0, 1))), tau=16.0) == 1 / 16


def test_weights_by_hand():
    assert theory.log_barrier_weight(STAND, epsilon=0.24) == pytest.approx(0.01)  # 0.24 / (8 * 3)
    assert theory.log_barrier_weight(STAND, epsilon=0.24, rule="natural") == pytest.approx(0.005)
    assert theory.log_barrier_weight(STAND, epsilon=0.24, mismatch=4.0) == pytest.approx(0.02)


def test_bounds_by_hand():
    # 2 * 3 * 8^2 * 1 / ((1/2) * 0.1^2 * (0.125/12) * 1000), which is 12 n max A M^2 D / ((1-gamma)^4 c^2 T)
    assert theory.gradient_play_bound(STAND, steps=1000, c=0.1) == pytest.approx(7_372_800 / 1000)
    assert theory.gradient_play_bound(STAND, steps=1000, c=0.1) == pytest.approx(12 * 2 * 3 * 64 * 16 / (0.01 * 1000))
    assert theory.gradient_play_bound(STAND, steps=1000, c=0.1, eta=0.01) == pytest.approx(7680.0)
    # 3 * 8 * 1 / ((1/2) * 0.1 * (1/16) * 1000), which is 6 n M D^2 / ((1-gamma)^3 c T)
    assert theory.natural_gradient_bound(STAND, steps=1000, c=0.1) == pytest.approx(7.68)
    assert theory.natural_gradient_bound(STAND, steps=1000, c=0.1) == pytest.approx(6 * 2 * 8 * 8 / (0.1 * 1000))
    assert theory.natural_gradient_bound(
        STAND, steps=10, c=1.0, mismatch=2.0, potential_range=2.0, eta=0.01
    ) == pytest.approx(3 * 2 * 2 / (0.5 * 0.01 * 10))
    # 9 * 1 * 2355.2 / ((1/2) * 0.1 * 10^6) + 0.1 * 3 * 8
    assert theory.log_barrier_natural_bound(STAND, steps=10**6, lam=0.1) == pytest.approx(0.423936 + 2.4)


def test_iterations_by_hand():
    # Theorem 6 with M = 8, epsilon = 0.24, lam = 0.01: 2 * 9 * 64 * (96 + 0.06) / ((1/2) * 0.0576) = 3842400
    assert theory.log_barrier_gradient_iterations(STAND, epsilon=0.24) == 3_842_400
    # Theorem 7, lam = 0.005: 1/eta = 4 (4*0.005*3*64 + 128 + 384); 36 * 3 * 8 * 2063.36 / ((1/2) * 0.0576) = 61900800
    assert theory.log_barrier_natural_iterations(STAND, epsilon=0.24) == 61_900_800
    # a smaller step needs proportionally more
    assert theory.log_barrier_gradient_iterations(STAND, epsilon=0.24, eta=0.005) == 2 * 9 * 64 * 200 / 0.5 / 0.0576
    # the bound at T iterations is epsilon, at T - 1 it is not
    for epsilon in (0.3, 0.07):
        T = theory.log_barrier_natural_iterations(STAND, epsilon=epsilon)
        lam = theory.log_barrier_weight(STAND, epsilon=epsilon, rule="natural")
        assert theory.log_barrier_natural_bound(STAND, steps=T, lam=lam) <= epsilon * (1 + 1e-12)
        assert theory.log_barrier_natural_bound(STAND, steps=T - 1, lam=lam) > epsilon


def test_the_published_game_by_hand():
    """Zhang's 3 x 2 game: payoffs in [-1, 0.2], so W = D = 1.2."""
    game = fm.games.zhang_3x2()
    for g in (game, MATRIX):
        assert theory.gradient_play_step(g) == pytest.approx(1 / 14.4)
        assert theory.natural_gradient_step(g) == pytest.approx(1 / 4.8)
        assert theory.log_barrier_gradient_step(g, lam=0.003) == pytest.approx(1 / (14.4 + 0.018))
        assert theory.log_barrier_natural_step(g, lam=0.003) == pytest.approx(1 / (4 * (0.036 + 4.8 + 7.2)))
        assert theory.gradient_play_bound(g, steps=10_000, c=0.1) == pytest.approx(1.0368)
        assert theory.natural_gradient_bound(g, steps=1000, c=0.1) == pytest.approx(0.1728)
        assert theory.log_barrier_gradient_iterations(g, epsilon=0.25) == math.ceil(21.6 * 14.9 / 0.0625)
        assert theory.log_barrier_natural_iterations(g, epsilon=0.25) == 103_680


def test_entropy_bound_by_hand():
    # player 0's marginal rewards against uniform play: (3/4, 1/4); player 1's: (1/2, 1/2)
    game = fm.NormalFormGame(np.array([[[1.0, 0.5], [0.0, 0.5]], [[0.0, 1.0], [1.0, 0.0]]]))
    tau, eta = 16.0, 1 / 32
    # |log 1/2 - log softmax(3/4 tau, 1/4 tau)|: the larger side is the action with the smaller reward
    distance = math.log(1 + math.exp(0.5 / tau)) - math.log(2)
    q = 1 - 0.5 + 2 * 4 / 32
    expected = 2 * tau * distance * q ** np.arange(4)
    assert_allclose(theory.entropy_natural_bound(game, fm.uniform_policy(game), tau=tau, eta=eta, steps=3), expected)
    pair = fm.split(game, fm.uniform_policy(game))
    assert_allclose(theory.entropy_natural_bound(game, pair, tau=tau, eta=eta, steps=3), expected)
    # past 1/tau the sign of 1 - eta tau turns: q = |1 - 1.25| + 2 * 4 * 1.25/16
    fast = theory.entropy_natural_bound(game, pair, tau=tau, eta=1.25 / tau, steps=1)
    assert fast[1] / fast[0] == pytest.approx(0.25 + 0.625)


def test_entropy_bound_scales_with_the_payoffs():
    rng = np.random.default_rng(5)
    payoffs = rng.random((2, 2, 3))
    payoffs[:, 0, 0], payoffs[:, 1, 1] = 0.0, 1.0  # widths exactly 1
    game = fm.NormalFormGame(payoffs)
    wide = fm.NormalFormGame(7.0 * payoffs + np.array([-3.0, 2.0])[:, None, None])
    start = fm.random_policy(game, 3)
    base = theory.entropy_natural_bound(game, start, tau=11.0, eta=0.05, steps=4)
    assert_allclose(theory.entropy_natural_bound(wide, start, tau=77.0, eta=0.05 / 7, steps=4), 7.0 * base)


# ---------------------------------------------------------------------------------------------------------------------
# Properties
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0.01, 3.0, 250.0])
def test_units(k):
    """Payoffs times k, shifted out of [0, 1]: steps / k, weights and gap bounds * k, squared gap bounds * k^2."""
    base, big = scaled(STAND, 1.0, (-7.0, -7.0)), scaled(STAND, k, (-300.0, -300.0))
    e, lam = 0.2, 0.03
    assert theory.gradient_play_step(big) == pytest.approx(theory.gradient_play_step(base) / k)
    assert theory.natural_gradient_step(big) == pytest.approx(theory.natural_gradient_step(base) / k)
    assert theory.log_barrier_gradient_step(big, lam=k * lam) == pytest.approx(
        theory.log_barrier_gradient_step(base, lam=lam) / k
    )
    assert theory.log_barrier_natural_step(big, lam=k * lam) == pytest.approx(
        theory.log_barrier_natural_step(base, lam=lam) / k
    )
    assert theory.log_barrier_weight(big, epsilon=k * e) == pytest.approx(
        k * theory.log_barrier_weight(base, epsilon=e)
    )
    for bound in (theory.gradient_play_bound, theory.natural_gradient_bound):
        assert bound(big, steps=9, c=0.3) == pytest.approx(k**2 * bound(base, steps=9, c=0.3))
    assert theory.log_barrier_natural_bound(big, steps=9, lam=k * lam) == pytest.approx(
        k * theory.log_barrier_natural_bound(base, steps=9, lam=lam)
    )
    for count in (theory.log_barrier_gradient_iterations, theory.log_barrier_natural_iterations):
        assert count(big, epsilon=k * e) == pytest.approx(count(base, epsilon=e), abs=1)


def test_payoffs_inside_the_unit_interval_keep_the_printed_formula():
    inside = replace(STAND, payoffs=((0.1, 0.6), (0.0, 0.9)))
    assert theory.gradient_play_step(inside) == theory.gradient_play_step(STAND)
    # outside, every player is shifted on its own: the widest one decides
    outside = replace(STAND, payoffs=((5.0, 5.5), (-3.0, -1.0)))
    assert theory.gradient_play_step(outside) == pytest.approx(theory.gradient_play_step(STAND) / 2)
    constant = replace(STAND, payoffs=((5.0, 5.0), (5.0, 5.0)))
    assert theory.gradient_play_step(constant) == theory.gradient_play_step(STAND)


def test_one_scale_and_time_unit():
    """The claim behind the units: payoffs a + k r with (eta/k, k lam, k tau) run through the same policies."""
    rng = np.random.default_rng(0)
    game = shared_markov(rng, 2, (2, 3), 0.6)
    k = 40.0
    wide = replace(game, rewards=k * game.rewards + np.array([-11.0, 5.0])[:, None, None, None])
    for rule in ("gradient", "natural", "entropy"):
        a = run(game, rule, 30, 0.01, lam=0.02, tau=3.0, gaps=False)["policy"][-1]
        b = run(wide, rule, 30, 0.01 / k, lam=0.02 * k, tau=3.0 * k, gaps=False)["policy"][-1]
        for x, y in zip(a, b, strict=True):
            assert_allclose(x, y, rtol=1e-9)


def test_the_second_entry_of_theorem_7_is_the_smaller():
    rng = np.random.default_rng(1)
    for _ in range(200):
        n, gamma, M, lam = int(rng.integers(1, 9)), rng.uniform(0, 0.99), rng.uniform(2, 500), rng.exponential()
        actions = tuple(int(a) for a in rng.integers(1, 9, n))
        g = Stand(n, 2, actions, gamma, (0.5, 0.5), ((0.0, 1.0),) * n)
        A, left = max(actions), 1 - gamma
        second = 1 / (4 * (4 * lam * A * M**2 + 4 * M / left**2 + 3 * n * M / left**3))
        assert second <= 1 / (15 * (1 / left**2 + lam * A * M))
        assert theory.log_barrier_natural_step(g, lam=lam, mismatch=M) == pytest.approx(second)


def test_bounds_move_the_right_way():
    for bound in (theory.gradient_play_bound, theory.natural_gradient_bound):
        base = bound(STAND, steps=100, c=0.1)
        assert bound(STAND, steps=200, c=0.1) == pytest.approx(base / 2)
        assert bound(STAND, steps=100, c=0.2) < base
        assert bound(STAND, steps=100, c=0.1, mismatch=2.0) < base
        assert bound(STAND, steps=100, c=0.1, potential_range=2.0) > base
        assert bound(STAND, steps=100, c=0.1, eta=1e-3) > base
    for count in (theory.log_barrier_gradient_iterations, theory.log_barrier_natural_iterations):
        assert count(STAND, epsilon=0.1) > count(STAND, epsilon=0.2) > 0
        assert count(STAND, epsilon=0.1) > count(STAND, epsilon=0.1, mismatch=2.0)


def test_one_state_has_mismatch_one():
    discounted = replace(MATRIX, discount=0.9)
    assert theory.log_barrier_weight(discounted, epsilon=0.3) == pytest.approx(0.1)


def test_payoffs_of_real_games_give_the_same_numbers():
    rng = np.random.default_rng(2)
    r = rng.uniform(-2, 3, (2, 3))
    game = fm.NormalFormGame.identical_interest(r)
    width = r.max() - r.min()
    assert theory.gradient_play_step(game) == pytest.approx(1 / (12 * width))
    assert theory.natural_gradient_step(game) == pytest.approx(1 / (4 * width))
    # stored twice, the reward is still shared
    assert theory.natural_gradient_step(fm.NormalFormGame(np.stack([r, r]))) == pytest.approx(1 / (4 * width))
    p = rng.dirichlet(np.ones(2), (2, 2, 3))
    markov = fm.MarkovGame(rng.random((2, 2, 2, 3)), p, 0.5, np.array([0.25, 0.75]))
    assert theory.gradient_play_step(markov) == pytest.approx(0.125 / 12)
    assert theory.natural_gradient_step(markov, potential_range=1.0) == pytest.approx(1 / 16)
    assert theory.log_barrier_natural_step(markov, lam=0.1) == pytest.approx(1 / 2355.2)


# ---------------------------------------------------------------------------------------------------------------------
# Measured against bound
# ---------------------------------------------------------------------------------------------------------------------

GAMES = {
    "matrix": lambda rng: shared_static(rng, (3, 2)),
    "three players": lambda rng: shared_static(rng, (2, 3, 2)),
    "wide payoffs": lambda rng: shared_static(rng, (3, 3), -20.0, 15.0),
    "markov": lambda rng: shared_markov(rng, 2, (2, 2), 0.5),
    "markov, wide payoffs": lambda rng: shared_markov(rng, 2, (2, 3), 0.7, -3.0, 9.0),
}


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", ["gradient", "natural"])
def test_unregularised_runs_stay_below_their_bounds(name, rule):
    game = GAMES[name](np.random.default_rng(11))
    step, bound = {
        "gradient": (theory.gradient_play_step, theory.gradient_play_bound),
        "natural": (theory.natural_gradient_step, theory.natural_gradient_bound),
    }[rule]
    eta = step(game)
    trace = run(game, rule, 120 if game.num_states > 1 else 600, eta)
    measured = averages(np.square(trace["gap"]))
    c = np.minimum.accumulate(trace["c"])
    M = np.maximum.accumulate([1 / d.min() for d in trace["visit"]])
    for T in (1, 2, 10, 60, measured.size):
        assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1])
        assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1], mismatch=max(M[T], game.num_states), eta=eta)
    # the inequalities the bounds are sums of hold at every update
    rise = np.diff(trace["potential"])
    if rule == "gradient":
        norm = np.array([sum((g**2).sum() for g in gs) for gs in trace["gradient"]])[:-1]
        assert np.all(rise >= eta / 2 * norm - 1e-12)
    else:
        left = np.asarray(trace["c"])[:-1] * eta / (3 * M[1:]) * np.square(trace["gap"])[:-1]
        assert np.all(rise >= left - 1e-12)


def test_potential_game_with_different_rewards():
    """r_i = phi + h_i(a_-i): the range of phi must be passed, and then the bounds hold."""
    rng = np.random.default_rng(4)
    phi = rng.random((3, 3))
    game = static(np.stack([phi + 5 * rng.random((1, 3)), phi - 2 * rng.random((3, 1))]))
    with pytest.raises(ValueError, match="pass potential_range"):
        theory.natural_gradient_step(game)
    width = float(phi.max() - phi.min())
    for rule, bound, eta in (
        ("gradient", theory.gradient_play_bound, theory.gradient_play_step(game)),
        ("natural", theory.natural_gradient_bound, theory.natural_gradient_step(game, potential_range=width)),
    ):
        trace = run(game, rule, 500, eta)
        measured, c = averages(np.square(trace["gap"])), np.minimum.accumulate(trace["c"])
        for T in (1, 20, 500):
            assert measured[T - 1] <= bound(game, steps=T, c=c[T - 1], potential_range=width)


def test_log_barrier_gradient_play_arrives_in_time():
    rng = np.random.default_rng(21)
    epsilon = 0.5
    for lo, hi in ((0.0, 1.0), (-2.0, 2.0)):
        game = shared_static(rng, (2, 2), lo, hi)
        e = epsilon * (hi - lo)
        lam = theory.log_barrier_weight(game, epsilon=e)
        T = theory.log_barrier_gradient_iterations(game, epsilon=e)
        assert math.ceil(2 * 4 * (12 + 2 * 2 * epsilon / 2) / epsilon**2) == T  # the same for both payoff ranges
        eta = theory.log_barrier_gradient_step(game, lam=lam)
        trace = run(game, "gradient", T, eta, lam=lam)
        norm = np.array([sum((g**2).sum() for g in gs) for gs in trace["gradient"]])[:-1]
        assert min(trace["gap"][:T]) <= e
        assert norm.min() <= 2 * (hi - lo) / (eta * T)  # the squared norm ...
        assert math.sqrt(norm.min()) <= lam
        assert np.all(np.diff(trace["potential"]) >= eta / 2 * norm - 1e-12)


def test_theorem_6_prints_the_norm_where_its_square_belongs():
    """A flat game: the printed min ||grad|| <= 2 D/((1-gamma) eta T) fails by a factor, with the square it holds."""
    width, lam, T = 1e-3, 1e-6, 1000
    payoff = width * np.array([[1.0, 0.0], [0.0, 0.0]])  # inside [0, 1], so W = 1 and the step is the printed one
    game = static(np.stack([payoff, payoff]))
    eta = theory.log_barrier_gradient_step(game, lam=lam)
    trace = run(game, "gradient", T, eta, lam=lam)
    least = min(sum((g**2).sum() for g in gs) for gs in trace["gradient"][:T])
    assert least <= 2 * width / (eta * T)
    assert math.sqrt(least) > 5 * 2 * width / (eta * T)


@pytest.mark.parametrize("name", ["matrix", "markov", "markov, wide payoffs"])
@pytest.mark.parametrize("weight", [1e-3, 0.05, 1.0])
def test_log_barrier_natural_runs_stay_below_their_bound(name, weight):
    game = GAMES[name](np.random.default_rng(31))
    scale = float(np.ptp(game.payoff_range()))
    lam, left, A = weight * scale, 1 - game.discount, max(game.num_actions)
    M = 1.0 if game.num_states == 1 else 1 / (left * game.initial.min())
    eta = theory.log_barrier_natural_step(game, lam=lam)
    trace = run(game, "natural", 150, eta, lam=lam)
    measured = averages(trace["gap"])
    for T in (1, 5, 50, 150):
        assert measured[T - 1] <= theory.log_barrier_natural_bound(game, steps=T, lam=lam)
    # what the proof needs at every step: exponents in [-1/16, 5/16], Lemma 24's floor, Theorem 7's ascent
    w = max(1.0, scale) if game.rewards.min() < 0 or game.rewards.max() > 1 else 1.0
    exponents = eta * np.array([[v for f in fs for v in f.ravel()] for fs in trace["f"]])
    assert exponents.min() >= -1 / 16 and exponents.max() <= 5 / 16
    floor = lam / (4 * (lam * A * M + w / left**2))
    assert min(p.min() for pi in trace["policy"] for p in pi) >= floor
    energy = [
        sum((d[:, None] * p * f**2).sum() for p, f in zip(pi, fs, strict=True))
        for pi, fs, d in zip(trace["policy"], trace["f"], trace["visit"], strict=True)
    ]
    assert np.all(np.diff(trace["potential"]) >= eta / 36 * np.array(energy[:-1]) - 1e-12)


def test_log_barrier_natural_play_arrives_in_time():
    game = shared_static(np.random.default_rng(41), (2, 2))
    epsilon = 0.5
    T = theory.log_barrier_natural_iterations(game, epsilon=epsilon)
    assert T == 36 * 2 * 44 / 0.25  # 1/eta = 4 (2 epsilon + 4 + 6)
    lam = theory.log_barrier_weight(game, epsilon=epsilon, rule="natural")
    trace = run(game, "natural", T, theory.log_barrier_natural_step(game, lam=lam), lam=lam)
    assert np.mean(trace["gap"][:T]) <= epsilon


def qre_gap(game, pi, tau):
    """Largest tau KL(pi_i || softmax(rbar_i / tau)) over the players, one state."""
    _, _, q_bar, _ = evaluate(game, pi)
    return max(float(tau * np.sum(p * (np.log(p) - np.log(softmax(q / tau))))) for p, q in zip(pi, q_bar, strict=True))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0, "beyond"])
@pytest.mark.parametrize("lo, hi", [(0.0, 1.0), (-4.0, 6.0)])
def test_entropy_runs_converge_at_the_proved_rate(fraction, lo, hi):
    rng = np.random.default_rng(51)
    payoffs = rng.uniform(lo, hi, (3, 2, 3, 2))  # no potential
    game = fm.NormalFormGame(payoffs)
    widths = np.ptp(payoffs.reshape(3, -1), axis=1)
    w = 1.0 if lo == 0.0 else widths.max()
    tau = 1.05 * 2 * w * 7
    assert theory.entropy_natural_step(game, tau=tau) == 1 / tau
    limit = 2 / (tau + 2 * w * 7)
    eta = 0.5 * (1 / tau + limit) if fraction == "beyond" else fraction / tau
    start = [rng.dirichlet(np.ones(a), 1) for a in (2, 3, 2)]
    bound = theory.entropy_natural_bound(game, fm.join(start), tau=tau, eta=eta, steps=60)
    trace = run(static(payoffs), "entropy", 60, eta, tau=tau, start=start, gaps=False)
    measured = np.array([qre_gap(static(payoffs), pi, tau) for pi in trace["policy"]])
    assert bound.shape == measured.shape == (61,)
    assert np.all(measured <= bound)
    assert_allclose(bound[1:] / bound[:-1], abs(1 - eta * tau) + 2 * eta * w * 7)
    assert bound[-1] < bound[0]


@pytest.mark.parametrize("tau", [12.0, 100.0])
def test_the_printed_range_of_sun_is_too_wide(tau):
    """Constant payoffs, sum A_i = 4, eta just inside eta < 1/(tau - 8): the printed bound fails, ours holds."""
    payoffs = np.zeros((2, 2, 2))
    game, start = static(payoffs), [np.array([[0.6, 0.4]]), np.array([[0.5, 0.5]])]
    eta = 0.999 / (tau - 8)
    trace = run(game, "entropy", 7, eta, tau=tau, start=start, gaps=False)
    measured = np.array([qre_gap(game, pi, tau) for pi in trace["policy"]])
    printed = 2 * tau * (1 - eta * tau + 8 * eta) ** np.arange(8) * math.log(0.5 / 0.4)
    assert measured[5] > printed[5] > 0
    real = fm.NormalFormGame(payoffs)
    if tau < 16:  # tau < 4 sum A_i: the printed range goes past 2/tau, where the run diverges
        assert measured[-1] > 10 * measured[0]
        with pytest.raises(ValueError, match="printed theorem is an error"):
            theory.entropy_natural_bound(real, fm.join(start), tau=tau, eta=eta, steps=7)
    else:
        bound = theory.entropy_natural_bound(real, fm.join(start), tau=tau, eta=eta, steps=7)
        assert np.all(measured <= bound)


# ---------------------------------------------------------------------------------------------------------------------
# Refusals
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda g: theory.log_barrier_weight(g, epsilon=0.0), "epsilon is 0.0, expected a positive"),
        (lambda g: theory.log_barrier_weight(g, epsilon=math.nan), "epsilon is nan"),
        (lambda g: theory.log_barrier_weight(g, epsilon=0.1, rule="other"), "rule is 'other'"),
        (lambda g: theory.log_barrier_weight(g, epsilon=0.1, mismatch=1.5), "at least num_states = 2"),
        (lambda g: theory.log_barrier_gradient_step(g, lam=-1.0), "lam is -1.0"),
        (lambda g: theory.log_barrier_natural_step(g, lam=math.inf), "lam is inf"),
        (lambda g: theory.log_barrier_natural_bound(g, steps=5, lam=0.0), "lam is 0.0, expected a positive"),
        (lambda g: theory.gradient_play_bound(g, steps=0, c=0.5), "steps is 0"),
        (lambda g: theory.gradient_play_bound(g, steps=5, c=0.0), "c is 0.0"),
        (lambda g: theory.gradient_play_bound(g, steps=5, c=1.5), "c is 1.5"),
        (lambda g: theory.gradient_play_bound(g, steps=5, c=0.5, eta=0.1), "at most gradient_play_step = 0.0104167"),
        (lambda g: theory.gradient_play_bound(g, steps=5, c=0.5, eta=-0.1), "eta is -0.1"),
        (lambda g: theory.natural_gradient_bound(g, steps=5, c=0.5, eta=0.07), "natural_gradient_step = 0.0625"),
        (lambda g: theory.natural_gradient_step(g, potential_range=-1.0), "potential_range is -1.0"),
        (lambda g: theory.natural_gradient_step(g, potential_range=0.0), "every policy is an equilibrium"),
        (lambda g: theory.log_barrier_natural_iterations(g, epsilon=0.1, eta=1.0), "log_barrier_natural_step"),
        (lambda g: theory.log_barrier_gradient_iterations(g, epsilon=0.1, eta=1.0), "log_barrier_gradient_step"),
        (lambda g: theory.entropy_natural_step(g, tau=50.0), "2 states and discount 0.5"),
    ],
)
def test_refusals_name_what_was_found_and_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(STAND)


def test_a_state_never_started_from_needs_a_mismatch():
    game = replace(STAND, num_states=3, initial=(0.5, 0.0, 0.5))
    for call in (
        lambda **m: theory.gradient_play_bound(game, steps=5, c=0.5, **m),
        lambda **m: theory.natural_gradient_bound(game, steps=5, c=0.5, **m),
        lambda **m: theory.log_barrier_weight(game, epsilon=0.5, **m),
        lambda **m: theory.log_barrier_natural_step(game, lam=0.5, **m),
        lambda **m: theory.log_barrier_natural_bound(game, steps=5, lam=0.5, **m),
        lambda **m: theory.log_barrier_gradient_iterations(game, epsilon=0.5, **m),
        lambda **m: theory.log_barrier_natural_iterations(game, epsilon=0.5, **m),
    ):
        with pytest.raises(ValueError, match=r"state 1: .* pass mismatch="):
            call()
        assert call(mismatch=12.0) > 0
    assert theory.gradient_play_step(game) > 0  # needs none


def test_potential_range_is_asked_for_where_it_is_unknown():
    for game in (replace(STAND, identical_interest=False), replace(STAND, payoffs=((0.0, 1.0), (0.0, 0.5)))):
        with pytest.raises(ValueError, match="identical interest games; pass potential_range"):
            theory.natural_gradient_step(game)
        assert theory.natural_gradient_step(game, potential_range=1.0) == pytest.approx(1 / 16)
    single = replace(STAND, num_players=1, num_actions=(3,), payoffs=((0.0, 2.0),), identical_interest=False)
    assert theory.natural_gradient_step(single) == pytest.approx(1 / 16)


def test_payoffs_and_discount_are_checked():
    with pytest.raises(ValueError, match="player 1: the payoff range"):
        theory.gradient_play_step(replace(STAND, payoffs=((0.0, 1.0), (0.0, math.inf))))
    with pytest.raises(ValueError, match=r"shape \(1, 2\), expected \(2, 2\)"):
        theory.gradient_play_step(replace(STAND, payoffs=((0.0, 1.0),)))
    with pytest.raises(ValueError, match=r"discount is 1\.0"):
        theory.gradient_play_step(replace(STAND, discount=1.0))
    with pytest.raises(ValueError, match="larger epsilon"):
        theory.log_barrier_gradient_iterations(STAND, epsilon=1e-153)


def test_entropy_refusals():
    unit = replace(MATRIX, payoffs=((0.0, 1.0), (0.0, 1.0)))
    for tau in (10.0, 1.0, math.nan, -3.0):  # 2 * (3 + 2) = 10 itself is out
        with pytest.raises(ValueError, match=r"expected more than 2 W sum A_i = 10 "):
            theory.entropy_natural_step(unit, tau=tau)
    with pytest.raises(ValueError, match=r"2 W sum A_i = 12 \(W = 1.2"):
        theory.entropy_natural_step(MATRIX, tau=11.0)
    game = fm.NormalFormGame(np.random.default_rng(0).random((2, 3, 2)))
    start = fm.uniform_policy(game)
    with pytest.raises(ValueError, match="steps is -1"):
        theory.entropy_natural_bound(game, start, tau=12.0, eta=0.01, steps=-1)
    for eta in (0.0, -0.1, 0.1, math.nan):
        with pytest.raises(ValueError, match="expected 0 < eta <"):
            theory.entropy_natural_bound(game, start, tau=12.0, eta=eta, steps=3)
    with pytest.raises(ValueError, match="in column 2, expected every probability positive"):
        corner = np.array([[0.5, 0.5, 0.0, 0.5, 0.5]])
        theory.entropy_natural_bound(game, corner, tau=12.0, eta=0.01, steps=3)
    with pytest.raises(ValueError, match="policy has 4 entries"):
        theory.entropy_natural_bound(game, start[:, :4], tau=12.0, eta=0.01, steps=3)
    assert_array_equal(theory.entropy_natural_bound(game, start, tau=12.0, eta=0.01, steps=0).shape, (1,))
