"""Exploring players: thresholds and factors of Theorems 1 and 2 by hand and against measured ones, damping."""

import math

import naive_horizon
import naive_mge
import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_mge import joined, random_game

import fastmpg as fm
from fastmpg import theory
from fastmpg.solvers import mge_f, mge_i


def own_rewards(rng, actions, states, discount, largest):
    """A game whose rewards, between -largest and largest, depend on the state and the player's own action alone."""
    shape, rewards = (states, *actions), []
    for i, n in enumerate(actions):
        table = rng.choice([-1.0, 1.0], (states, n)) * largest
        rewards.append(np.broadcast_to(np.expand_dims(table, [1 + k for k in range(len(actions)) if k != i]), shape))
    return fm.MarkovGame(np.array(rewards), rng.dirichlet(np.full(states, 0.3), shape), discount)


def jacobian(update, q):
    """Of a map of flat Q, by central differences."""
    columns = [(update(q + d) - update(q - d)) / 2e-6 for d in 1e-6 * np.eye(q.size)]
    return np.array(columns).T


def operator(game, beta, kind="mean", ahead=None):
    """Q -> T(Q), flat over the actions that are there: MGE-I's, or a stage's given what comes after."""
    plain = naive_horizon.tables(game)
    mask = np.concatenate(plain.available, axis=1)

    def update(x):
        q = np.full(mask.shape, -np.inf)
        q[mask] = x
        parts = np.split(q, game.offset[1:-1], axis=1)
        after = naive_mge.value(parts, beta, kind) if ahead is None else ahead
        return joined(naive_mge.answers(plain, parts, after, beta))[mask]

    return update, mask


def test_softmax_has_slope_beta_and_no_less():
    """sup-norm to 1-norm: 4 p (1 - p) beta along (1, -1), beta at p = 1/2."""
    for beta in (0.5, 3.0):
        near = [naive_mge.choices([np.array([[x, -x]])], beta)[0] for x in (1e-5, -1e-5)]
        assert np.abs(near[0] - near[1]).sum() / 2e-5 == pytest.approx(beta, rel=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(200):
        q, step = rng.normal(size=(2, 4)) * rng.choice([0.1, 1, 10])
        change = np.abs(np.subtract(*[naive_mge.choices([x[None]], 2.0)[0] for x in (q, q + step)])).sum()
        assert change <= 2.0 * np.abs(step).max() + 1e-12


def test_thresholds_by_hand(rng):
    """Theorem 1: (1-g)^2/(2 g M beta), and twice that; Theorem 2: 1/(2 beta (M-1)(1+T)), and 1/(beta (M-1) T)."""
    game = own_rewards(rng, (2, 2, 2), 2, 0.8, 1.0)
    assert theory.mge_i_reward_limit(game, 0.5, printed=True) == pytest.approx(0.04 / (2 * 0.8 * 3 * 0.5))
    assert theory.mge_i_reward_limit(game, 0.5) == pytest.approx(0.04 / (0.8 * 3 * 0.5))
    assert theory.mge_i_reward_limit(game, gamma=0.0) == math.inf
    assert theory.mge_f_reward_limit(game, 4, 0.5, printed=True) == pytest.approx(1 / (2 * 0.5 * 2 * 5))
    flat = fm.MarkovGame(game.rewards, game.transitions, 1.0)
    assert theory.mge_f_reward_limit(flat, 4, 0.5) == pytest.approx(1 / (0.5 * 2 * 4))
    assert_allclose(theory.mge_f_factors(flat, 3, 0.5), 2 * 0.5 * np.array([3, 2, 1]))
    assert_allclose(theory.mge_f_factors(game, 2, 0.5), 2 * 0.5 * 0.8 * np.array([1.8, 1.0]))
    assert_allclose(theory.mge_f_factors(flat, 2, terminal=np.zeros((3, 2))), [2.0, 0.0])
    at = theory.mge_i_reward_limit(game, 0.5)
    assert theory.mge_i_factor(game, 0.5, reward=at) == pytest.approx(1.0)
    assert theory.mge_i_factor(game, 0.5, reward=at / 2) == pytest.approx(0.9)
    alone = fm.MarkovGame(np.ones((1, 1, 2)), np.ones((1, 2, 1)), 0.5)
    assert theory.mge_f_reward_limit(alone, 3) == math.inf


def test_rewards_that_others_move_count(rng):
    """Where a reward depends on others' actions, their play moves it as well: (M-1) beta B more."""
    own, mixed = own_rewards(rng, (2, 3), 2, 0.5, 0.1), random_game(rng, (2, 3), 2, 0.5, masked=False)
    more = theory.mge_i_factor(mixed, 0.7, reward=0.1) - theory.mge_i_factor(own, 0.7)
    assert more == pytest.approx(0.07)
    assert theory.mge_i_factor(mixed, 0.7, reward=theory.mge_i_reward_limit(mixed, 0.7)) == pytest.approx(1.0)
    assert_allclose(theory.mge_f_factors(mixed, 2, reward=0.1) - theory.mge_f_factors(own, 2), 0.1)
    table = np.zeros((2, 1, 2, 2))
    table[0, 0] = [[1.0, np.nan], [2.0, 3.0]]  # player 0's depends on the other's action where that cannot be taken
    hidden = fm.MarkovGame(table, np.ones((1, 2, 2, 1)), 0.5, available=[[1, 1, 1, 0]])
    assert (theory.mge_i_factor(hidden, reward=1.0)
            == theory.mge_i_factor(own_rewards(rng, (2, 2), 1, 0.5, 1.0), reward=1.0))


@pytest.mark.parametrize("gamma", [0.5, 0.7, 0.9, 0.95])
@pytest.mark.parametrize("actions", [(2, 2), (2, 2, 2)], ids=["two", "three"])
def test_measured_factor_of_mge_i(rng, gamma, actions):
    """Largest row sum of T's Jacobian over |Q| <= B/(1-gamma): <= (1+gamma)/2 at the printed bound, < 1 at twice it."""
    for printed, most in ((True, (1 + gamma) / 2), (False, 1.0)):
        game = own_rewards(rng, actions, 2, gamma, 1.0)
        size = theory.mge_i_reward_limit(game, 0.8, printed=printed)
        game = fm.MarkovGame(size * game.rewards, game.transitions, gamma)
        assert theory.mge_i_factor(game, 0.8) == pytest.approx(most)
        update, mask = operator(game, 0.8)
        ball, worst = size / (1 - gamma), 0.0
        for _ in range(6):
            q = ball * rng.choice([-1.0, 0.0, 1.0], mask.sum())
            assert np.abs(update(q)).max() <= ball * (1 + 1e-12)
            worst = max(worst, np.abs(jacobian(update, q)).sum(axis=1).max())
        assert gamma - 1e-6 <= worst <= most + 1e-6 and worst < 1.0


def test_measured_factors_of_stages(rng):
    """The same of every stage of MGE-F, with rewards of one's own action and with others'."""
    for game in (own_rewards(rng, (2, 3), 2, 1.0, 0.3), random_game(rng, (2, 2, 2), 2, scale=0.3, masked=False)):
        last = rng.uniform(-0.3, 0.3, (game.num_players, 2))
        found, factors = mge_f(game, 3, 0.9, terminal=last), theory.mge_f_factors(game, 3, 0.9, terminal=last)
        for t in range(3):
            update, mask = operator(game, 0.9, ahead=found.value[t + 1])
            for q in (found.q[t][mask], rng.normal(size=mask.sum())):
                assert np.abs(jacobian(update, q)).sum(axis=1).max() <= factors[t] + 1e-6


def test_below_the_threshold_undamped_sweeps_settle(rng):
    """At 0.99 of the sharp limits, from uniform play and from elsewhere, to the same solution."""
    game = own_rewards(rng, (2, 2, 2), 3, 1.0, 1.0)
    game = fm.MarkovGame(0.99 * theory.mge_f_reward_limit(game, 4, 2.0) * game.rewards, game.transitions, 1.0)
    found = mge_f(game, 4, 2.0, alpha=1.0)
    other = mge_f(game, 4, 2.0, alpha=1.0, branch="start", start=fm.random_policy(game, rng))
    assert found.status == other.status == ("converged",) * 4
    assert_allclose(found.policy, mge_f(game, 4, 2.0).policy, atol=1e-8)
    assert_allclose(found.policy, other.policy, atol=1e-8)


# --------------------------------------------------------------------------------------------------------- damping
@pytest.mark.compiled
@pytest.mark.parametrize(("kind", "alpha"), [("max", [0.7243, 0.7533, 0.8666]), ("mean", [0.7332, 0.7686, 0.8666])],
                         ids=["max", "mean"])
def test_damping_limit_of_the_pursuit(kind, alpha):
    """Ours, recomputed independently: .8666, .7533 (max), .7686 (mean), .7243 (max), .7332 (mean); 80, 80, 56 repel."""
    game = fm.games.pursuit_3()
    limit = theory.damping_limit(game, mge_f(game, 3, value=kind))
    assert_allclose(limit.alpha, alpha, atol=5e-5)
    assert limit.repelling.tolist() == [80, 80, 56]
    together = np.array(np.unravel_index(limit.state, (9, 9, 9)))
    assert (together[0] == together[1]).all(), "the hunters are on one node"


def settles(game, found, alpha, near, **more):
    """Whether sweeps from near a one-stage solution come back to it."""
    again = mge_f(game, 1, found.beta, alpha=alpha, branch="start", start=near, maxiter=4000, tol=1e-12, **more)
    return np.abs(again.policy[0] - found.policy[0]).max(axis=1) < 1e-7


@pytest.mark.compiled
@pytest.mark.parametrize("actions", [(2, 2), (3, 3), (2, 2, 2), (2, 3, 2)], ids=["2x2", "3x3", "2x2x2", "2x3x2"])
def test_alpha_at_which_sweeps_stop_settling(rng, actions):
    """Bisected on random one-shot games, it is the limit to 0.01."""
    tried = 0
    while tried < 4:
        game = fm.NormalFormGame(rng.normal(size=(len(actions), *actions)))
        found = mge_f(game, 1, rng.uniform(2.0, 6.0))
        limit = theory.damping_limit(game, found)
        if limit.repelling[0] or not 0.1 < limit.alpha[0] < 0.95:
            continue
        tried += 1
        near = found.policy[0] * (1 + 1e-4 * rng.normal(size=found.policy[0].shape))
        near = fm.join([part / part.sum(axis=1, keepdims=True) for part in fm.split(game, near)])
        low, high = 0.5 * limit.alpha[0], 1.0
        assert settles(game, found, low, near)[0] and not settles(game, found, high, near)[0]
        while high - low > 4e-3:
            middle = (low + high) / 2
            low, high = (middle, high) if settles(game, found, middle, near)[0] else (low, middle)
        assert abs(low - limit.alpha[0]) < 0.01


def test_alpha_at_which_the_pursuit_stops_settling():
    """Ours, recomputed independently: .7043 settles at the first stage's narrowest state, .7443 leaves it for a cycle.

    There the hunters are on one node, where only what keeps their symmetry exactly stays: values are mirrored to the
    last bit, and both start alike.
    """
    game = fm.games.pursuit_3()
    solved = mge_f(game, 3, value="max")
    state = int(theory.damping_limit(game, solved).state[0])
    last = solved.value[1].reshape(3, 9, 9, 9).copy()
    last[1] = last[0].transpose(1, 0, 2)
    last[2] = 0.5 * (last[2] + last[2].transpose(1, 0, 2))
    last = last.reshape(3, 729)
    found = mge_f(game, 1, value="max", terminal=last)
    near = (found.policy[0] * (1 + 1e-4 * np.tile(np.cos(np.arange(5)), 3))).reshape(729, 3, 5)
    near = (near / near.sum(axis=2, keepdims=True)).reshape(729, 15)
    near[:, 5:10] = np.where(np.arange(729)[:, None] // 81 == np.arange(729)[:, None] // 9 % 9,
                             near[:, :5], near[:, 5:10])
    more = {"branch": "start", "start": near, "terminal": last, "value": "max", "maxiter": 1200, "tol": 1e-12}
    settled, left = (mge_f(game, 1, alpha=alpha, **more) for alpha in (0.7043, 0.7443))
    there = game.available[state]
    assert np.abs(settled.q[0, state, there] - found.q[0, state, there]).max() < 1e-10
    assert np.abs(left.policy[0, state] - found.policy[0, state]).max() > 1e-2


@pytest.mark.parametrize("kind", ["mean", "softmax", "max"])
def test_damping_limit_of_mge_i(rng, kind):
    """From the eigenvalues of the twin's whole operator, by differences."""
    game = random_game(rng, (2, 3), 3, 0.7, scale=3.0)
    found = mge_i(game, 2.0, value=kind, tol=1e-12)
    update, mask = operator(game, 2.0, kind)
    away = 1 - np.linalg.eigvals(jacobian(update, found.q[mask]))
    want = (2 * away.real / np.abs(away) ** 2)[away.real > 0].min()
    limit = theory.damping_limit(game, found)
    assert limit.alpha[0] == pytest.approx(min(want, 2.0), rel=1e-4) and limit.repelling[0] == (away.real <= 0).sum()


def test_bad_arguments(rng):
    game = random_game(rng, (2, 2), 2, 0.5)
    for call in (theory.mge_i_factor, theory.mge_i_reward_limit, lambda *a: theory.mge_f_factors(a[0], 2, *a[1:]),
                 lambda *a: theory.mge_f_reward_limit(a[0], 2, *a[1:])):
        with pytest.raises(ValueError, match="beta must be"):
            call(game, 0.0)
        with pytest.raises(TypeError, match="fastmpg game"):
            call(1, 1.0)
    with pytest.raises(ValueError, match="gamma must be"):
        theory.mge_i_factor(fm.games.pursuit_3())
    with pytest.raises(ValueError, match="horizon must be"):
        theory.mge_f_factors(game, 0)
    with pytest.raises(TypeError, match=r"mge_f or solvers\.mge_i"):
        theory.damping_limit(game, 1)
    with pytest.raises(ValueError, match="of this game"):
        theory.damping_limit(fm.games.pursuit_3(), mge_f(game, 1))
