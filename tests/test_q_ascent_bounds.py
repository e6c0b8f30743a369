"""What policies can visit, exactly; the steps and the regret of independent Q-ascent, every inequality of the proof."""

import itertools
import math

import naive
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import theory
from fastmpg.experiments.ding2022_regret import bounded, family, steered
from fastmpg.theory import _constants
from fastmpg.theory.mismatch import is_small


def pure(game):
    """Every deterministic policy (S, A_total)."""
    rows = [list(itertools.product(*(np.flatnonzero(part) for part in np.split(
        np.ones(sum(game.num_actions)) if game.available is None else game.available[s], game.offset[1:-1]))))
        for s in range(game.num_states)]
    for chosen in itertools.product(*rows):
        table = np.zeros((game.num_states, sum(game.num_actions)))
        for s, actions in enumerate(chosen):
            table[s, game.offset[:-1] + np.array(actions)] = 1.0
        yield table


def sparse(game):
    moves = np.asarray(game.transitions).reshape(-1, game.num_states)
    return fm.MarkovGame(game.rewards, sp.csr_array(moves), game.discount, game.initial)


def masked():
    full = fm.games.random_markov(3, (2, 3), 0.8, rng=4)
    mask = np.array([[1, 1, 1, 0, 1], [0, 1, 1, 1, 1], [1, 1, 0, 0, 1]], bool)
    return fm.MarkovGame(full.rewards, full.transitions, 0.8, full.initial, available=mask)


GAMES = {"two": fm.games.random_markov(3, (2, 2), 0.9, rng=1),
         "three": fm.games.random_markov(2, (2, 2, 2), 0.95, rng=2),
         "masked": masked(), "sparse": sparse(fm.games.random_markov(3, (2, 2), 0.6, rng=5)),
         "counts": fm.games.safe_distancing(2), "routing": fm.games.routing(2, form="count")}


@pytest.mark.parametrize("name", GAMES)
def test_extremes_are_those_of_all_deterministic_policies(name):
    game = GAMES[name]
    found = theory.mismatch_supremum(game)
    seen = np.array([fm.evaluate(game, each).visit for each in pure(game)])
    assert_allclose(found.largest, seen.max(axis=0), rtol=0, atol=1e-12)
    assert_allclose(found.smallest, seen.min(axis=0), rtol=0, atol=1e-12)
    assert found.error < 1e-11
    assert found.ratio == pytest.approx((seen.max(axis=0) / game.initial).max(), rel=1e-9)
    assert found.mismatch == pytest.approx((1 / seen.min(axis=0)).max(), rel=1e-8)
    assert found.pair_ratio == pytest.approx((seen.max(axis=0) / seen.min(axis=0)).max(), rel=1e-8)


@pytest.mark.parametrize("states", [4, 30])
def test_extremes_are_those_of_a_linear_program(states):
    """Occupancies d(s, a) >= 0 with sum_a d(t, a) - gamma sum P d = (1 - gamma) rho: max and min of each state's."""
    game = fm.games.random_markov(states, (2, 2), 0.9, rng=states)
    moves, found = np.asarray(game.transitions).reshape(states, 4, states), theory.mismatch_supremum(game)
    flow = np.repeat(np.eye(states), 4, axis=1) - 0.9 * moves.reshape(-1, states).T
    for s in range(0, states, max(1, states // 4)):
        goal = np.repeat(np.arange(states) == s, 4).astype(float)
        for sign, value in ((-1, found.largest), (1, found.smallest)):
            best = scipy.optimize.linprog(sign * goal, A_eq=flow, b_eq=0.1 * game.initial, method="highs")
            assert sign * best.fun == pytest.approx(value[s], abs=1e-7)


def test_no_policy_and_no_a_priori_bound_does_better(rng):
    game = fm.games.random_markov(4, (3, 2), 0.9, rng=7)
    found = theory.mismatch_supremum(game)
    visits = np.array([fm.evaluate(game, fm.random_policy(game, rng)).visit for _ in range(500)])
    assert (visits <= found.largest + found.error).all() and (visits >= found.smallest - found.error).all()
    assert found.ratio <= 1 / game.initial.min() and found.mismatch <= 1 / (0.1 * game.initial.min())


def test_states_that_can_be_avoided_or_begin_nothing():
    moves = np.zeros((2, 2, 1, 2))
    moves[:, 0, 0, 0] = moves[:, 1, 0, 1] = 1.0  # an action for either state
    game = fm.MarkovGame(np.zeros((2, 2, 2, 1)), moves, 0.5, [1.0, 0.0])
    found = theory.mismatch_supremum(game)
    assert_allclose(found.largest, [1.0, 0.5], atol=1e-15)
    assert_allclose(found.smallest, [0.5, 0.0], atol=1e-15)
    assert found.ratio == found.mismatch == found.pair_ratio == math.inf
    still = fm.MarkovGame(np.zeros((2, 2, 2, 1)), moves, 0.0, [0.75, 0.25])
    assert theory.mismatch_supremum(still)[:3] == (1.0, 4.0, 1.0)
    assert theory.mismatch_supremum(fm.games.zhang_3x2())[:3] == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="discount"):
        theory.mismatch_supremum(fm.MarkovGame(np.zeros((2, 2, 2, 1)), moves, 1.0))


def test_theorems_take_it_where_games_are_small(monkeypatch):
    """M, and so every bound, falls from its a-priori value; larger games keep that."""
    game = fm.games.random_markov(4, (2, 2), 0.9, rng=3, identical_interest=True)
    found = theory.mismatch_supremum(game)
    assert is_small(game) and _constants.mismatch_or_bound(game, None) == found.mismatch
    tight = [theory.gradient_play_bound(game, steps=10, c=0.5), theory.log_barrier_weight(game, epsilon=0.1),
             theory.gradient_domination_by_ratio(game, fm.uniform_policy(game))[0]]
    monkeypatch.setattr(_constants, "exact_mismatch", lambda game: None)
    monkeypatch.setattr("fastmpg.theory.stationary.exact_mismatch", lambda game: None)
    wide = [theory.gradient_play_bound(game, steps=10, c=0.5), theory.log_barrier_weight(game, epsilon=0.1),
            theory.gradient_domination_by_ratio(game, fm.uniform_policy(game))[0]]
    a_priori = 1 / (0.1 * game.initial.min())
    assert_allclose([wide[0] / tight[0], tight[1] / wide[1], wide[2] / tight[2]],
                    [(a_priori / found.mismatch) ** 2, a_priori / found.mismatch, a_priori / found.pair_ratio])
    assert not is_small(fm.games.random_markov(200, (2, 2), rng=0))


# ------------------------------------------------------------------------------------------------------------ the proof
CASES = [(seed, actions, states, discount) for seed, (actions, states, discount) in enumerate(
    [((2, 2), 1, 0.5), ((3, 2), 4, 0.8), ((2, 2, 2), 3, 0.5), ((4, 3), 8, 0.8), ((2, 1, 3), 2, 0.9)])]


def cooperative(seed, actions, states, discount):
    return fm.games.random_markov(states, actions, discount, rng=seed, identical_interest=True)


def norms(game, delta):
    """||delta_i(s)|| (S, N)."""
    return np.stack([np.linalg.norm(part, axis=1) for part in np.split(delta, game.offset[1:-1], axis=1)], axis=1)


@pytest.mark.parametrize("seed, actions, states, discount", CASES)
def test_every_inequality_of_the_proof(seed, actions, states, discount, rng):
    """At random policies, from the interior to near the boundary; rewards of width W, off zero."""
    game = cooperative(seed, actions, states, discount)
    n, most, w = len(actions), max(actions), np.ptp(game.rewards) / (1 - discount)
    alpha = theory.q_ascent_step(game)
    assert alpha == pytest.approx(1 / (2 * n * most * w))
    longest = 4 / ((n - 1) * most * w)
    for trial in range(20):
        policy = fm.random_policy(game, rng)
        if trial % 2:
            policy = naive.join([p**8 / (p**8).sum(axis=1, keepdims=True) for p in naive.split(policy, actions)])
        here = fm.evaluate(game, policy)
        for eta in (alpha, longest):
            after = fm.learn(game, fm.rules.QAscent(eta), 1, policy=policy).policy
            delta, there = after - policy, fm.evaluate(game, after)
            size, gain = norms(game, delta), (there.value - here.value)[0] @ game.initial
            inner = np.add.reduceat(delta * here.q_bar, game.offset[:-1], axis=1)
            assert (inner >= size**2 / eta - 1e-12).all()
            least = (1 / eta - (n - 1) * most * w / 4) / (1 - discount) * there.visit @ (size**2).sum(axis=1)
            assert gain >= least - 1e-12
            if eta == alpha:
                assert least >= 7 / (8 * alpha * (1 - discount)) * there.visit @ (size**2).sum(axis=1) - 1e-12
                for i in range(n):
                    answer = naive.join([q if j != i else fm.best_response(game, policy, i)[0]
                                         for j, q in enumerate(naive.split(policy, actions))])
                    far = fm.evaluate(game, answer).visit
                    gap = fm.ne_gap(game, policy)[i]
                    assert gap <= 2 / (alpha * (1 - discount)) * far @ size[:, i] + 1e-12


@pytest.mark.parametrize("seed, actions, states, discount", CASES)
def test_the_value_never_falls_and_regret_is_below_its_bound(seed, actions, states, discount):
    game, T = cooperative(seed, actions, states, discount), 400
    run = fm.learn(game, fm.rules.QAscent(theory.q_ascent_step(game)), T - 1,
                   record=fm.Record(metrics=("ne_gap", "value")))
    assert (np.diff(run.trace["value"][:, 0]) >= -1e-13).all()
    for t in (1, 10, T):
        assert fm.nash_regret(run.trace["ne_gap"][:t]) <= theory.q_ascent_bound(game, steps=t)
    found = theory.mismatch_supremum(game)
    by_hand = np.ptp(game.rewards) * math.sqrt(64 * found.ratio * len(actions) * max(actions) / (7 * T)) / (
        1 - discount) ** 2
    assert theory.q_ascent_bound(game, steps=T) == pytest.approx(by_hand)
    assert theory.q_ascent_bound(game, steps=T, ratio=4 * found.ratio) == pytest.approx(2 * by_hand)


def test_the_step_is_the_gradient_s_with_a_penalty_weighed_by_the_visitation(rng):
    """argmax over the simplex of <p, d Qbar/(1-gamma)> - d/(2 (1-gamma) eta) ||p - pi||^2, by a general solver."""
    game, eta = fm.games.random_markov(2, (3, 2), 0.7, rng=3), 0.3
    policy = fm.random_policy(game, rng)
    here, after = fm.evaluate(game, policy), fm.learn(game, fm.rules.QAscent(eta), 1, policy=policy).policy
    for s, (first, last) in itertools.product(range(2), [(0, 3), (3, 5)]):
        d, q, p0 = here.visit[s] / 0.3, here.q_bar[s, first:last], policy[s, first:last]
        best = scipy.optimize.minimize(lambda p, d=d, q=q, p0=p0: -d * (p @ q - np.sum((p - p0) ** 2) / (2 * eta)), p0,
                                       bounds=[(0, 1)] * q.size, options={"ftol": 1e-14},
                                       constraints={"type": "eq", "fun": lambda p: p.sum() - 1})
        assert_allclose(after[s, first:last], best.x, atol=1e-6)


@pytest.mark.parametrize("states, beta", [(5, 0.15), (20, 0.15), (40, 0.1), (20, 0.3)])
def test_what_the_experiment_says_of_d_without_solving_every_mdp(states, beta):
    """From below one state's MDP, from above (1-gamma)/(1-gamma C): both hold, and the first is that state's own."""
    game = family(states, beta, 1)
    found = theory.mismatch_supremum(game)
    assert steered(game) == pytest.approx(found.largest[0] * states, rel=1e-9)
    assert steered(game) <= found.ratio * (1 + 1e-9) and found.ratio <= bounded(game)
    assert bounded(game) <= 0.5 / (1 - 0.5 * (1 + 3 * beta)) + 1e-12


# ---------------------------------------------------------------------------------------------------------- the slides
def test_the_slides_comparison():
    game = fm.games.random_markov(3, (2, 3), 0.8, rng=1, identical_interest=True)
    found, width = theory.mismatch_supremum(game), np.ptp(game.rewards)
    table = theory.iterations_table(game, 0.1 * width, c=0.25)
    assert [row.iterations for row in table] == pytest.approx(
        [6 * found.ratio**4 * 100, 18 * found.ratio**2 * 100, 18 * found.pair_ratio**2 * 100,
         6 * found.mismatch**2 * 1600])
    assert [row.samples for row in table[:3]] == pytest.approx(
        [36 * found.ratio**6 * 1e5, 9 * 6 * found.ratio**4 * 1e6, 81 * 27 * 2 * found.pair_ratio**6 * 1e6])
    assert math.isnan(theory.iterations_table(game, 0.1)[3].iterations)


@pytest.mark.parametrize("call, message", [
    (lambda: theory.q_ascent_step(fm.games.random_markov(2, (2, 2), rng=0)), "identical interest"),
    (lambda: theory.q_ascent_bound(fm.games.zhang_3x2(), steps=0), "steps"),
    (lambda: theory.q_ascent_bound(fm.games.zhang_3x2(), steps=5, ratio=0.5), "ratio"),
    (lambda: theory.iterations_table(fm.games.zhang_3x2(), 0.0), "epsilon"),
    (lambda: theory.iterations_table(fm.games.zhang_3x2(), 0.1, c=2.0), "c must"),
    (lambda: theory.mismatch_supremum(fm.games.routing(2, form="simulator")), "simulator"),
    (lambda: theory.mismatch_supremum(family(2049, 0.15, 0)), "4 joint actions in 2049 states, 16793604"),
    (lambda: theory.iterations_table(family(2049, 0.15, 0), 0.1), "ratio=... or mismatch=")])
def test_refusals(call, message):
    with pytest.raises((ValueError, TypeError, MemoryError), match=message):
        call()


def test_a_constant_game():
    game = fm.MarkovGame.identical_interest(np.ones((2, 2, 2)), np.full((2, 2, 2, 2), 0.5), 0.9)
    assert theory.q_ascent_step(game) == math.inf and theory.q_ascent_bound(game, steps=3) == 0.0
