"""The exact core against tests/naive.py: every quantity and every rule, on random games in every representation.

Tolerance: 1e-10 relative to the largest number that the quantity could reach, which is max|r| / (1 - gamma) for values
(rewards are drawn from [-1, 1], so that it is at most 100), 1 for probabilities. It is stated once, in :func:`scale`.
"""

import functools
import itertools
from typing import NamedTuple

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.rules.rule import contract

TOLERANCE = 1e-10
DISCOUNTS = (0.0, 0.5, 0.9, 0.99)
TAUS = (0.05, 0.7, 3.0)
EPS = np.finfo(float).eps


class Case(NamedTuple):
    """One game in every form that can hold it."""

    game: naive.Game
    policies: list
    forms: dict

    @property
    def num_actions(self):
        return self.game.rewards.shape[2:]

    @property
    def policy(self):
        return naive.join(self.policies)


def rows(transitions):
    """(S, A0, .., S) as scipy.sparse (S J, S)."""
    return sp.csr_array(transitions.reshape(-1, transitions.shape[-1]))


def thin(rng, transitions, keep):
    """Drop entries, but never a row's largest, so that the sparse form has something to leave out."""
    kept = (rng.random(transitions.shape) < keep) | (transitions == transitions.max(axis=-1, keepdims=True))
    thinned = np.where(kept, transitions, 0.0)
    return thinned / thinned.sum(axis=-1, keepdims=True)


def forms_of(game):
    """Every representation of one game."""
    shared = bool((game.rewards == game.rewards[:1]).all())
    forms = {
        "dense": fm.MarkovGame(game.rewards, game.transitions, game.discount, game.initial),
        "sparse": fm.MarkovGame(game.rewards, rows(game.transitions), game.discount, game.initial),
    }
    if shared:
        build = fm.MarkovGame.identical_interest
        forms["dense shared"] = build(game.rewards[0], game.transitions, game.discount, game.initial)
        forms["sparse shared"] = build(game.rewards[0], rows(game.transitions), game.discount, game.initial)
    if game.rewards.shape[1] == 1 and game.discount == 0.0:
        forms["normal form"] = fm.NormalFormGame(game.rewards[:, 0])
        if shared:
            forms["normal form shared"] = fm.NormalFormGame.identical_interest(game.rewards[0, 0])
    return forms


def make(seed, limit, num_players=None, num_states=None, num_actions=None, discount=None, shared=None, scale=1.0):
    """Case number ``seed``: sizes drawn until states times joint actions fit the loops of naive.py."""
    rng = np.random.default_rng([2026, seed])
    while True:
        players = num_players or 1 + seed % 6
        states = num_states or int(rng.choice([1, 2, 3, 5, 8, 13, 40]))
        actions = num_actions or tuple(rng.integers(1, 7, players).tolist())
        if states * int(np.prod(actions)) <= limit:
            break
    gamma = DISCOUNTS[seed // 6 % 4] if discount is None else discount
    game = naive.random_game(rng, actions, states, gamma, shared=seed % 3 == 0 if shared is None else shared)
    game = game._replace(rewards=game.rewards * scale)
    if seed % 2:
        game = game._replace(transitions=thin(rng, game.transitions, 0.3))
    return Case(game, naive.random_policy(rng, actions, states), forms_of(game))


RANDOM, QUICK = 60, 36  # cases, and those of the quick suite: kinds come round every 24
EXTRA = {
    "one player": {"num_players": 1, "num_states": 8, "num_actions": (5,), "discount": 0.9},
    "one action each": {"num_players": 3, "num_states": 5, "num_actions": (1, 1, 1), "discount": 0.9},
    "one action between": {"num_players": 3, "num_states": 4, "num_actions": (2, 1, 3), "discount": 0.5},
    "stage game": {"num_players": 3, "num_states": 1, "num_actions": (3, 4, 2), "discount": 0.0, "shared": False},
    "stage game shared": {"num_players": 3, "num_states": 1, "num_actions": (3, 4, 2), "discount": 0.0, "shared": True},
    "stage game one player": {"num_players": 1, "num_states": 1, "num_actions": (6,), "discount": 0.0},
    "one state, discounted": {"num_players": 2, "num_states": 1, "num_actions": (3, 3), "discount": 0.9},
    "payoffs of 1e6": {"num_players": 2, "num_states": 5, "num_actions": (3, 2), "discount": 0.9, "scale": 1e6},
    "payoffs of 1e-12": {"num_players": 2, "num_states": 5, "num_actions": (3, 2), "discount": 0.9, "scale": 1e-12},
    "stage payoffs of 1e6": {"num_players": 2, "num_states": 1, "num_actions": (3, 2), "discount": 0.0, "scale": 1e6},
    "forty states": {"num_players": 2, "num_states": 40, "num_actions": (2, 2), "discount": 0.99},
}
SLOW = {
    "LAPACK": {"num_players": 2, "num_states": 170, "num_actions": (2, 2), "discount": 0.9},
    "six players": {"num_players": 6, "num_states": 3, "num_actions": (2, 3, 2, 4, 3, 2), "discount": 0.9},
    "forty states, three players": {"num_players": 3, "num_states": 40, "num_actions": (3, 2, 4), "discount": 0.99},
    "iterative sparse": {"num_players": 2, "num_states": 150, "num_actions": (2, 2), "discount": 0.9},
    "iterative sparse, far-sighted": {"num_players": 2, "num_states": 140, "num_actions": (2, 2), "discount": 0.99},
}
CASES = [*range(QUICK), *EXTRA,
         *(pytest.param(which, marks=pytest.mark.slow) for which in (*range(QUICK, RANDOM), *SLOW))]
every_case = pytest.mark.parametrize("which", CASES)


@functools.cache
def case(which):
    if isinstance(which, int):
        return make(which, limit=250 if which % 10 else 500)
    named = EXTRA | SLOW
    return make(1000 + list(named).index(which), limit=2000, **named[which])


def scale(game, tau=0.0):
    """The largest value that the game could give: max (|r| + tau log A) / (1 - gamma)."""
    largest = np.abs(game.rewards).max() + tau * np.log(max(game.rewards.shape[2:]))
    return float(largest) / (1 - game.discount)


def in_units(game):
    """The game with rewards in [-1, 1] and the unit: the twin's value iteration stops at an absolute 1e-13."""
    unit = np.abs(game.rewards).max()
    return game._replace(rewards=game.rewards / unit), unit


def close(found, expected, size, what):
    assert np.shape(found) == np.shape(expected), what
    assert_allclose(found, expected, rtol=0, atol=TOLERANCE * size, err_msg=what)


# ------------------------------------------------------------------------------------------------------- evaluation
def check_evaluation(case):
    game, policies = case.game, case.policies
    value, visit = naive.value(game, policies), naive.visitation(game, policies)
    q, advantage = naive.join(naive.q_bar(game, policies)), naive.join(naive.adv_bar(game, policies))
    for form, built in case.forms.items():
        found = fm.evaluate(built, case.policy)
        close(found.value, value, scale(game), form)
        close(found.visit, visit, 1.0, form)
        close(found.q_bar, q, scale(game), form)
        close(found.adv_bar, advantage, scale(game), form)


@every_case
def test_evaluate(which):
    check_evaluation(case(which))


@every_case
def test_evaluate_with_entropy(which):
    game, policies = case(which).game, case(which).policies
    unit = np.abs(game.rewards).max()
    for tau in TAUS:
        tau *= unit
        value, q = naive.value(game, policies, tau), naive.join(naive.q_bar(game, policies, tau))
        for form, built in case(which).forms.items():
            found = fm.evaluate(built, case(which).policy, tau=tau)
            close(found.value, value, scale(game, tau), form)
            close(found.q_bar, q, scale(game, tau), form)


def precise_value(game, policies):
    """V in long double: the chain summed in long double, the double solution refined by long-double residuals."""
    states, long = game.rewards.shape[1], np.longdouble
    joint = np.ones((states, 1), dtype=long)
    for p in policies:
        joint = (joint[:, :, None] * p.astype(long)[:, None, :]).reshape(states, -1)
    reward = np.einsum("sj,nsj->ns", joint, game.rewards.reshape(len(policies), states, -1).astype(long))
    chain = np.einsum("sj,sjt->st", joint, game.transitions.reshape(states, -1, states).astype(long))
    system = np.eye(states, dtype=long) - long(game.discount) * chain
    value = np.zeros_like(reward)
    for _ in range(8):
        residual = reward - np.einsum("st,nt->ns", system, value)
        value += np.linalg.solve(system.astype(float), residual.astype(float).T).T
    assert np.abs(residual).max() <= 64 * np.finfo(long).eps * np.abs(value).max()
    return value


@every_case
def test_error_bound_is_honest(which):
    """|V - V*| <= error_bound, up to the rounding of the twin, which is that of long double."""
    game, policies = case(which).game, case(which).policies
    exact = precise_value(game, policies)
    rounding = float(64 * np.finfo(np.longdouble).eps) * scale(game) / (1 - game.discount)
    for form, built in case(which).forms.items():
        found = fm.evaluate(built, case(which).policy)
        assert float(np.abs(found.value - exact).max()) <= found.error_bound + rounding, form
        assert 0.0 <= found.error_bound <= TOLERANCE * scale(game), form


@every_case
def test_metrics(which):
    game, policies = case(which).game, case(which).policies
    slopes = naive.gradient(game, policies)
    least, mismatch = naive.c_of(game, policies), naive.mismatch(game, policies)
    size = scale(game) / (1 - game.discount)
    for form, built in case(which).forms.items():
        policy = case(which).policy
        close(fm.metrics.gradient(built, policy), naive.join(slopes), size, form)
        per_player = fm.metrics.grad_norm(built, policy)
        close(per_player, [np.sqrt((g**2).sum()) for g in slopes], size, form)
        close(np.sqrt((per_player**2).sum()), naive.grad_norm(game, policies), size, form)
        close(fm.metrics.c(built, policy), least, 1.0, form)
        close(fm.metrics.mismatch(built, policy), mismatch, mismatch**2, form)  # 1/d: d is good to 1e-10, not 1/d


@pytest.mark.parametrize("which", [n for n in range(RANDOM) if n // 6 % 4 < 3][::4])
def test_gradient_against_central_differences(which):
    """dV_i(rho)/dtheta_i by (V(theta + h) - V(theta - h)) / 2h: truncation h^2 V''' and rounding eps V / h.

    V''' is at most of the order scale / (1 - gamma)^3, the 10 stands for its constant.
    """
    game, h = case(which).game, 1e-5
    rng = np.random.default_rng(which)
    thetas = [rng.normal(size=p.shape) for p in case(which).policies]
    expected = naive.join(naive.finite_difference_gradient(game, thetas, h))
    policy = naive.join([naive.softmax(t) for t in thetas])
    tolerance = 10 * (h**2 / (1 - game.discount) ** 3 + EPS / h) * scale(game)
    for form, built in case(which).forms.items():
        assert_allclose(fm.metrics.gradient(built, policy), expected, rtol=0, atol=tolerance, err_msg=form)


# --------------------------------------------------------------------------------------- best responses and their gaps
def replaced(built, policy, player, response):
    changed = policy.copy()
    changed[:, built.offset[player] : built.offset[player + 1]] = response
    return changed


def check_gaps(case):
    one, unit = in_units(case.game)
    expected = unit * naive.ne_gap(one, case.policies)
    span = np.ptp(case.game.rewards.reshape(len(case.policies), -1), axis=1) / (1 - case.game.discount)
    for form, built in case.forms.items():
        found = fm.ne_gap(built, case.policy)
        assert (found >= 0.0).all(), form
        close(found, expected, scale(case.game), form)
        relative = fm.ne_gap(built, case.policy, relative=True)
        close(relative * span, np.where(span > 0, expected, 0.0), scale(case.game), form)
        assert fm.metrics.ne_gap_bound(built, case.policy) <= TOLERANCE * scale(case.game), form


@every_case
def test_ne_gap(which):
    check_gaps(case(which))


@pytest.mark.compiled
@every_case
def test_qre_gap(which):
    game, policies = case(which).game, case(which).policies
    one, unit = in_units(game)
    expected = {tau: unit * naive.qre_gap(one, policies, tau) for tau in TAUS}
    for form, built in case(which).forms.items():
        for tau in TAUS:
            found = fm.qre_gap(built, case(which).policy, tau * unit)
            close(found, expected[tau], scale(game, tau * unit), f"{form} at {tau}")
        assert_array_equal(fm.qre_gap(built, case(which).policy, 0.0), fm.ne_gap(built, case(which).policy), form)


def check_best_response(case):
    """Its value is the optimum, and the response that it names achieves it."""
    one, unit = in_units(case.game)
    for i in range(len(case.policies)):
        value = unit * naive.best_response(one, case.policies, i)[1]
        for form, built in case.forms.items():
            response, found = fm.best_response(built, case.policy, i)
            close(found, value, scale(case.game), form)
            assert_array_equal(np.sort(response, axis=1)[:, :-1], 0.0, form)
            assert_array_equal(response.max(axis=1), 1.0, form)
            reached = fm.evaluate(built, replaced(built, case.policy, i, response)).value[i]
            close(reached, value, scale(case.game), form)


@every_case
def test_best_response(which):
    check_best_response(case(which))


@every_case
def test_soft_best_response(which):
    game, policies = case(which).game, case(which).policies
    one, unit = in_units(game)
    tau = TAUS[1] * unit
    for i in range(len(policies)):
        policy, value = naive.soft_best_response(one, policies, i, TAUS[1])
        value = unit * value
        for form, built in case(which).forms.items():
            response, found = fm.best_response(built, case(which).policy, i, tau=tau)
            close(found, value, scale(game, tau), form)
            close(response, policy, scale(game, tau) / tau, form)  # d softmax(q / tau) <= dq / tau
            reached = fm.evaluate(built, replaced(built, case(which).policy, i, response), tau=tau).value[i]
            close(reached, value, scale(game, tau), form)


@pytest.mark.parametrize("which", [n for n in range(RANDOM) if n % 6 < 4][::3])
def test_best_response_against_linear_program(which):
    """HiGHS keeps every constraint to 1e-10, so that the least feasible V is off by at most S 1e-10 / (1 - gamma)."""
    game, policies = case(which).game, case(which).policies
    tolerance = game.rewards.shape[1] * 1e-10 / (1 - game.discount) + TOLERANCE * scale(game)
    for i in range(len(policies)):
        expected = naive.best_response_lp(game, policies, i)
        for form, built in case(which).forms.items():
            assert_allclose(fm.best_response(built, case(which).policy, i)[1], expected, rtol=0,
                            atol=tolerance, err_msg=form)


# ------------------------------------------------------------------------------------------- one step of every rule
def cases_of(name):
    """(rule, twin at some policies) for each of its examples and of the grids that its twin is compared at, as
    functions of units.

    eta is in units of (1 - gamma) / max|r|, tau and lam of max|r|.
    """
    kind, twin = getattr(fm.rules, name), naive.twin_of(name)
    grids = [dict(zip(grid, values, strict=True)) for grid in getattr(twin, "grids", [])
             for values in itertools.product(*grid.values())]
    for given in grids + list(contract(kind).examples):

        def build(eta, tau, given=given):
            unit = {"eta": eta, "tau": tau, "lam": tau}
            whole = kind._field_defaults | given
            parameters = {name: value * unit[name] if name in unit else value for name, value in whole.items()}
            return kind(**parameters), lambda game, policies: naive.start(twin, game, policies, **parameters)

        yield build


RULES = [name for name in fm.rules.__all__ if not contract(getattr(fm.rules, name)).feedback.sampled]


def can_start(rule, built, policy):
    try:
        contract(type(rule)).check_start(rule, built, policy)
    except ValueError:
        return False
    return True


def check_rule(name, case):
    """One step of every parameter set that can start at the case's policy; how many there were."""
    game, policies = case.game, case.policies
    unit, compared = np.abs(game.rewards).max(), 0
    for build in cases_of(name):
        rule, start = build((1 - game.discount) / unit, unit)
        if not can_start(rule, case.forms["dense"], case.policy):
            continue
        twin = start(game, policies)
        twin.step()
        compared += 1
        for form, built in case.forms.items():
            result = fm.learn(built, rule, 1, policy=case.policy, rng=0, record=fm.Record(metrics=()))
            close(result.policy, naive.join(twin.policies), 1.0, f"{rule} on {form}")
    return compared


@pytest.mark.parametrize("name", RULES)
@every_case
def test_one_step(name, which):
    assert check_rule(name, case(which)) > 0


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("which", range(0, RANDOM, 12))
def test_twenty_steps(name, which):
    """A run is its steps: twenty of the naive ones in a row. Errors grow by at most a factor of 10 over them."""
    game, policies = case(which).game, case(which).policies
    rule, start = next(cases_of(name))(0.1 * (1 - game.discount) / np.abs(game.rewards).max(), 1.0)
    twin = start(game, policies)
    for _ in range(20):
        twin.step()
    for form, built in case(which).forms.items():
        close(fm.learn(built, rule, 20, policy=case(which).policy, rng=0).policy, naive.join(twin.policies), 10.0, form)


# ----------------------------------------------------------------------------------------- policies at the boundary
def with_policies(case, policies):
    return case._replace(policies=policies)


def deterministic(case, seed):
    rng = np.random.default_rng(seed)
    return [np.eye(p.shape[1])[rng.integers(0, p.shape[1], p.shape[0])] for p in case.policies]


def nearly(policies, low):
    """Every 0 becomes ``low``; the 1 stays 1, which it is to rounding."""
    return [np.where(p == 0.0, low, p) for p in policies]


BOUNDARY = [n for n in range(RANDOM) if n % 5 == 2]


@pytest.mark.parametrize("which", BOUNDARY)
@pytest.mark.compiled
def test_deterministic_policies(which):
    corner = with_policies(case(which), deterministic(case(which), which))
    check_evaluation(corner)
    check_gaps(corner)
    check_best_response(corner)
    for name in RULES:
        check_rule(name, corner)


@pytest.mark.parametrize("low", [1e-300, 1e-20])
@pytest.mark.parametrize("which", BOUNDARY[::2])
@pytest.mark.compiled
def test_nearly_deterministic_policies(which, low):
    corner = with_policies(case(which), nearly(deterministic(case(which), which), low))
    check_evaluation(corner)
    check_gaps(corner)
    for name in RULES:
        check_rule(name, corner)


def test_an_action_comes_back_from_the_brink():
    """Logarithms are kept: an action at 1e-300 that is better by 1 a step wins after about 700 natural steps of 1."""
    game = fm.NormalFormGame([[0.0, 1.0]])
    steps = int(np.ceil(-np.log(1e-300)))
    rule = fm.rules.NaturalGradientPlay(eta=1.0)
    run = fm.learn(game, rule, steps + 40, policy=[[1.0, 1e-300]], record=fm.Record(metrics=("policy",)))
    better = run.trace["policy"][:, 0, 1]
    assert better[steps // 2] < 1e-100 and better[-1] > 1 - 1e-15
    assert (np.diff(better) >= 0).all()


# ------------------------------------------------------------------------------------------- representations agree
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shared", [False, True])
def test_normal_form_is_a_markov_game_with_one_state(seed, shared):
    """The same answers to the last digits from the normal form, the dense and the sparse game."""
    one = make(600 + seed, limit=800, num_states=1, discount=0.0, shared=shared, num_players=1 + seed)
    assert {"dense", "sparse", "normal form"} <= set(one.forms)
    first = one.forms["normal form"]
    for form, built in one.forms.items():
        for ask in (
            lambda g: fm.evaluate(g, one.policy).value,
            lambda g: fm.evaluate(g, one.policy).q_bar,
            lambda g: fm.ne_gap(g, one.policy),
            lambda g: fm.qre_gap(g, one.policy, 0.5),
            lambda g: fm.metrics.gradient(g, one.policy),
            lambda g: g.payoff_range(),
            lambda g: fm.best_response(g, one.policy, 0)[0],
        ):
            assert_allclose(ask(built), ask(first), rtol=0, atol=32 * EPS, err_msg=form)


@pytest.mark.parametrize("which", range(0, RANDOM, 7))
def test_to_dense_is_the_same_game(which):
    dense = case(which).forms["dense"]
    back = case(which).forms["sparse"].to_dense()
    assert_array_equal(back.rewards, dense.rewards)
    assert_array_equal(back.transitions, dense.transitions)
    assert_array_equal(back.initial, dense.initial)
    assert (back.discount, back.num_actions) == (dense.discount, dense.num_actions)
    assert dense.to_dense() is dense


def test_sparse_rows_may_hold_duplicates_and_any_order():
    """Entries of one row and column add up, whatever scipy format they come in."""
    rewards = np.arange(2.0).reshape(1, 2, 1)
    coo = sp.coo_array(([0.25, 0.5, 0.25, 1.0], ([0, 0, 0, 1], [1, 0, 1, 1])), shape=(2, 2))
    dense = fm.MarkovGame(rewards, coo.toarray().reshape(2, 1, 2), 0.5)
    for form in (coo, coo.tocsr(), coo.tocsc(), sp.csr_matrix(coo), coo.tolil()):
        assert_array_equal(fm.evaluate(fm.MarkovGame(rewards, form, 0.5), [[1.0], [1.0]]).value,
                           fm.evaluate(dense, [[1.0], [1.0]]).value)
