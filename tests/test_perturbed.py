"""Maheshwari et al. (2022) by other routes: perturbed games, weighted potentials, step sizes, chains of states."""

import itertools
import math
import sys

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg import metrics, theory

PICKY = fm.MarkovGame(np.random.default_rng(5).random((2, 2, 2, 3)),
                      np.random.default_rng(6).dirichlet(np.ones(2), (2, 2, 3)), 0.7,
                      available=[[1, 1, 1, 0, 1], [1, 1, 1, 1, 1]])
GAMES = {"matrix": fm.games.zhang_3x2(), "markov": fm.games.random_markov(3, (2, 3), discount=0.8, rng=2),
         "three players": fm.games.random_markov(2, (2, 3, 2), discount=0.5, rng=3),
         "counts": fm.games.routing(3, form="count"), "not every action": PICKY}


def dense(game):
    """Rewards (N, S, J), transitions (S, J, S) of a game, whatever its form."""
    table = game if isinstance(game, fm.MarkovGame | fm.NormalFormGame) else game.to_dense()
    n, states = game.num_players, game.num_states
    if isinstance(table, fm.NormalFormGame):
        rewards = np.broadcast_to(table.payoffs, (n, *game.num_actions))
        return rewards.reshape(n, 1, -1), np.ones((1, rewards[0].size, 1))
    rewards = np.broadcast_to(table.rewards, (n, states, *game.num_actions))
    return rewards.reshape(n, states, -1), np.asarray(table.transitions).reshape(states, -1, states)


def values(game, table, tau):
    """V~ (N, S) of a table (S, A_total) of probabilities that need be neither real nor sum to 1; and the chain."""
    rewards, transitions = dense(game)
    parts = np.split(table, game.offset[1:-1], axis=1)
    joint = np.ones((game.num_states, 1))
    for part in parts:
        joint = (joint[:, :, None] * part[:, None]).reshape(game.num_states, -1)
    chain = np.einsum("sj,sjt->st", joint, transitions)
    stage = np.einsum("sj,nsj->ns", joint, rewards).astype(joint.dtype)
    for i, part in enumerate(parts):
        stage[i] -= tau * np.where(part == 0, 0, part * np.log(np.where(part == 0, 1, part))).sum(axis=1)
    return np.linalg.solve(np.eye(game.num_states) - game.discount * chain, stage.T).T, chain


def complex_steps(game, policy, tau, move):
    """dV~_i(rho) (S, A_total) by ``move(table, s, c, own, step)``, which moves a complex table at player i's entry (s,
    c), ``own`` its columns, in place: exact to rounding.
    """
    found = np.empty(policy.shape)
    for s, c in np.ndindex(policy.shape):
        i = int(np.searchsorted(game.offset, c, side="right")) - 1
        moved = policy.astype(complex)
        move(moved, s, c, slice(game.offset[i], game.offset[i + 1]), 1e-30j)
        found[s, c] = (values(game, moved, tau)[0][i] @ game.initial).imag / 1e-30
    return found


def deviated(game, policy, player, other):
    out = policy.copy()
    own = slice(game.offset[player], game.offset[player + 1])
    out[:, own] = other[:, own]
    return out


# ------------------------------------------------------------------------------------------- Lemmas D.1 and D.2, (14)
@pytest.mark.parametrize("tau", [0.0, 0.3])
@pytest.mark.parametrize("name", GAMES)
def test_the_perturbed_gradient_is_that_of_the_values(name, tau):
    """Lemma D.1 by complex steps in every probability, which is exact to rounding."""
    game = GAMES[name]
    policies = np.stack([fm.random_policy(game, seed) for seed in range(2)])
    found = metrics.perturbed_gradient(game, policies, tau)

    def move(table, s, c, own, step):
        table[s, c] += step

    for policy, slope in zip(policies, found, strict=True):
        played = policy != 0.0
        assert_array_equal(slope[~played], 0.0)
        assert_allclose(slope[played], complex_steps(game, policy, tau, move)[played], rtol=1e-11, atol=1e-12)


def test_the_gradient_where_nothing_is_played():
    game = fm.games.zhang_3x2()
    edge = [[1.0, 0.0, 0.0], [0.5, 0.5]]
    assert_array_equal(np.isinf(metrics.perturbed_gradient(game, edge, 0.1)), [[0, 1, 1, 0, 0]])
    assert_allclose(metrics.perturbed_gradient(game, edge, 0.0), fm.evaluate(game, edge).q_bar)
    stay = np.zeros((2, 2, 2))
    stay[:, :, 0] = 1.0
    lost = fm.MarkovGame(np.ones((1, 2, 2)), stay, 0.5, [1.0, 0.0])
    assert_array_equal(metrics.perturbed_gradient(lost, [[0.5, 0.5], [1.0, 0.0]], 1.0)[1], 0.0)


@pytest.mark.parametrize("tau", [0.0, 0.5])
@pytest.mark.parametrize("name", GAMES)
def test_the_performance_difference_is_that_of_the_values(name, tau, rng):
    """Lemma D.2 by the values on both sides, to a pure deviation too; and state by state at other initial laws."""
    game = GAMES[name]
    policy, other = fm.random_policy(game, rng), fm.random_policy(game, rng)
    for player in range(game.num_players):
        best, _ = fm.best_response(game, policy, player)
        for own in (fm.split(game, other)[player], best):
            moved = [own if i == player else part for i, part in enumerate(fm.split(game, policy))]
            found = theory.performance_difference(game, policy, player, own, tau=tau)
            gain = (values(game, fm.join(moved), tau)[0] - values(game, policy, tau)[0])[player] @ game.initial
            assert found.shape == (game.num_states,)
            assert found.sum() == pytest.approx(gain, rel=1e-10, abs=1e-12)
        assert_allclose(theory.performance_difference(game, policy, player, fm.split(game, policy)[player], tau=tau), 0,
                        atol=1e-13)


@pytest.mark.parametrize("own", [[[1.0, 0.0]], [[2.0, -1.0, 0.0]], "wrong", [[0.5, 0.5, np.nan]]])
def test_what_is_no_deviation_is_refused(own):
    game = fm.games.zhang_3x2()
    with pytest.raises((ValueError, TypeError), match="own"):
        theory.performance_difference(game, fm.uniform_policy(game), 0, own)


def rosenthal(game):
    """The averaged routing game with Rosenthal's potential for a reward."""
    links, n = game.num_actions[0], game.num_players
    choice = np.indices(game.num_actions).reshape(n, -1)
    state = np.indices((2,) * links).reshape(links, -1).T
    slope, height, total = (2.0, 4.0), (9.0, 16.0), np.zeros((game.num_states, choice.shape[1]))
    for l in range(links):
        for j, count in enumerate((choice == l).sum(axis=0)):
            for m in range(1, count + 1):
                total[:, j] += height[l] - slope[l] * (1 + state[:, l]) * m
    return fm.MarkovGame.identical_interest(total.reshape(-1, *game.num_actions), game.transitions, game.discount)


def test_the_perturbed_potential_is_one_where_nobody_moves_the_state(rng):
    """Lemma 3.1(b), with Phi of a game of different rewards and of one reward; from every state."""
    tau, game = 0.7, fm.games.routing(3, transitions="averaged")
    stage, team = rosenthal(game), fm.games.routing(3, transitions="averaged", reward="team")
    for _ in range(5):
        policy, other = fm.random_policy(game, rng), fm.random_policy(game, rng)
        for player in range(3):
            pair = np.stack([policy, deviated(game, policy, player, other)])
            phi = theory.perturbed_potential(game, pair, tau, potential=fm.evaluate(stage, pair).value[:, 0])
            rise = [values(game, each, tau)[0][player] for each in pair]
            assert_allclose(phi[1] - phi[0], rise[1] - rise[0], rtol=1e-11, atol=1e-11)
            phi = theory.perturbed_potential(team, pair, tau)
            rise = [values(team, each, tau)[0][player] for each in pair]
            assert_allclose(phi[1] - phi[0], rise[1] - rise[0], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["matrix", "counts", "not every action"])
def test_the_perturbed_potential_by_its_definition(name, rng):
    """Phi - tau sum over discounted visits from s of sum_i w_i nu_i, by plain linear algebra."""
    game, tau = GAMES[name], 0.4
    weights = np.arange(1.0, game.num_players + 1)
    policy, phi = fm.random_policy(game, rng), rng.random(game.num_states)
    visits = np.linalg.inv(np.eye(game.num_states) - game.discount * values(game, policy, 0.0)[1])
    nu = sum(w * np.where(part > 0, part * np.log(np.where(part > 0, part, 1)), 0).sum(axis=1)
             for w, part in zip(weights, fm.split(game, policy), strict=True))
    found = theory.perturbed_potential(game, policy, tau, potential=phi, weights=weights)
    assert_allclose(found, phi - tau * visits @ nu, rtol=1e-12)
    assert_array_equal(theory.perturbed_potential(game, policy, 0.0, potential=phi), phi)


def test_a_weighted_potential_game_has_a_weighted_perturbed_potential(rng):
    """Footnote 4: Phi~ changes by w_i times the perturbed value's change."""
    phi, weights, tau = rng.random((2, 3, 2)), np.array([0.5, 2.0, 4.0]), 0.2
    game = fm.NormalFormGame(np.stack([phi / w for w in weights]))
    one = fm.NormalFormGame.identical_interest(phi)
    policy, other = fm.random_policy(game, rng), fm.random_policy(game, rng)
    for player in range(3):
        pair = np.stack([policy, deviated(game, policy, player, other)])
        found = theory.perturbed_potential(game, pair, tau, potential=fm.evaluate(one, pair).value[:, 0],
                                           weights=weights)
        rise = [values(game, each, tau)[0][player] for each in pair]
        assert_allclose(found[1] - found[0], weights[player] * (rise[1] - rise[0]), rtol=1e-12)
    assert_allclose(fm.potential.defect(game, weights=weights).relative, 0.0, atol=1e-13)
    assert_allclose(fm.potential.defect(game, weights="fit").weights, weights / weights.mean(), rtol=1e-9)
    assert fm.potential.defect(game).relative > 0.01


def test_a_potential_must_be_known_and_fit():
    game = fm.games.random_markov(3, (2, 2), rng=1)
    policy = fm.uniform_policy(game)
    for more, message in (({}, "potential is known only"), ({"potential": [1.0]}, r"potential .*\(3,\)"),
                          ({"potential": np.ones(3), "weights": [1.0, 0.0]}, "weights must be positive"),
                          ({"potential": np.ones(3), "weights": [1.0]}, r"weights .*\(N,\)")):
        with pytest.raises(ValueError, match=message):
            theory.perturbed_potential(game, policy, 0.1, **more)


# ---------------------------------------------------------------------------------------------------- where (14) ends
def test_the_printed_potential_is_none_where_players_move_the_state():
    """Lemma 3.1(b) in a team game: (14) changes by something else, and no other function could do."""
    game, tau, rng = fm.games.routing(2, reward="team"), 1.0, np.random.default_rng(0)
    policy = fm.random_policy(game, rng)
    pair = np.stack([policy, deviated(game, policy, 0, fm.random_policy(game, rng))])
    phi = theory.perturbed_potential(game, pair, tau)
    rise = values(game, pair[1], tau)[0][0] - values(game, pair[0], tau)[0][0]
    others = [values(game, each, tau)[0][1] - values(game, each, 0.0)[0][1] for each in pair]  # what the proof drops
    assert np.abs(phi[1] - phi[0] - rise).max() > 1e-2
    assert_allclose(phi[1] - phi[0] - rise, others[1] - others[0], rtol=1e-9, atol=1e-12)
    assert fm.potential.defect(game).relative < 1e-13
    assert fm.potential.defect(game, tau=tau).relative > 1e-3
    still = fm.games.routing(2, reward="team", transitions="averaged")
    assert fm.potential.defect(still, tau=tau).relative < 1e-13


@pytest.mark.parametrize("name, weights", [("markov", None), ("three players", [1.0, 3.0, 0.5]), ("counts", None)])
def test_the_four_cycles_by_plain_values(name, weights, monkeypatch):
    """The same squares, walked one deviation after the other."""
    game, tau = GAMES[name], 0.3
    seen = []
    module = sys.modules["fastmpg.potential.defect"]
    real = module.evaluate
    monkeypatch.setattr(module, "evaluate", lambda near, table, tau: seen.append(table) or real(near, table, tau=tau))
    monkeypatch.setattr(module, "_fits", lambda game: False)
    found = fm.potential.defect(game, weights=weights, tau=tau, samples=6, rng=1)
    scale, worst, largest = np.ones(game.num_players) if weights is None else np.array(weights), 0.0, 0.0
    for square in seen[0]:
        total = np.zeros(game.num_states)
        for corner in range(4):
            before, after = square[corner], square[(corner + 1) % 4]
            if (before == after).all():  # a pure policy's own action again
                continue
            mover = int(np.searchsorted(game.offset, np.nonzero((before != after).any(axis=0))[0][0], "right")) - 1
            change = scale[mover] * (values(game, after, tau)[0] - values(game, before, tau)[0])[mover]
            total, largest = total + change, max(largest, np.abs(change).max())
        worst = max(worst, np.abs(total).max())
    assert (found.defect, found.change) == (pytest.approx(worst, rel=1e-9), pytest.approx(largest, rel=1e-9))
    assert worst > 1e-3


def test_weights_are_fitted_only_where_they_are_positive():
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    game = fm.NormalFormGame([pennies, -pennies])  # weights (1, -1) would do
    assert_array_equal(fm.potential.defect(game, weights="fit").weights, 1.0)
    alone = fm.NormalFormGame([[1.0, 2.0]])
    assert fm.potential.defect(alone).relative == 0.0
    apart = fm.NormalFormGame(np.stack([np.repeat([[1.0], [2.0]], 2, 1), np.repeat([[5.0, 3.0]], 2, 0)]))
    assert_allclose(fm.potential.defect(apart, weights="fit").weights, 1.0)  # all weights do: the plainest
    with pytest.raises(ValueError, match="fit"):
        fm.potential.defect(game, weights="best")


# --------------------------------------------------------------------------------------- Lemma 3.1(c), Rbar, Lemma 3.4
@pytest.mark.compiled
@pytest.mark.parametrize("epsilon", [0.3, 0.01])
def test_equilibria_below_the_temperature_are_near_equilibria(epsilon):
    """At the equilibrium of the perturbed game, from the worst state, at the sharper limit and at the printed one."""
    for game in (fm.games.routing(4), fm.games.routing(2, reward="team"), fm.games.zhang_3x2()):
        for printed in (False, True):
            tau = theory.temperature_limit(game, epsilon, printed=printed)
            found = fm.solvers.logit_dynamics(game, tau, [2000.0])
            assert fm.qre_gap(game, found.policy[-1], tau).max() < 1e-9
            assert fm.ne_gap(game, found.policy[-1], start="worst").max() <= epsilon
    tau = theory.temperature_limit(fm.NormalFormGame.identical_interest([0.0, 1.0]), epsilon)
    game = fm.NormalFormGame.identical_interest([0.0, 1.278 * tau])  # within a factor 2.5 of what can be
    assert 0.4 * epsilon < fm.ne_gap(game, fm.solvers.logit_dynamics(game, tau, [60.0]).policy[-1]).max() <= epsilon


def test_the_temperature_limit_by_its_formulas():
    game = fm.games.random_markov(2, (2, 5, 3), discount=0.75, rng=0)
    assert theory.temperature_limit(game, 0.1) == pytest.approx(0.1 * 0.25 / math.log(5))
    assert theory.temperature_limit(game, 0.1, printed=True) == pytest.approx(0.1 * math.e * 0.25 / 10)
    single = fm.NormalFormGame.identical_interest([[1.0]])
    assert theory.temperature_limit(single, 0.1) == theory.temperature_limit(single, 0.1, printed=True) == math.inf
    assert theory.temperature_limit(PICKY, 0.1) == pytest.approx(0.03 / math.log(3))
    worst = max(-sum(p * math.log(p) for p in row) for row in np.random.default_rng(0).dirichlet(np.ones(5), 1000))
    assert worst < math.log(5) < 5 / math.e


@pytest.mark.compiled
@pytest.mark.parametrize("name", GAMES)
def test_estimates_stay_in_their_range(name):
    """Recorded at every stage, at a temperature where entropy matters."""
    game = GAMES[name]
    for tau in (1e-3, 2.0):
        trace = fm.learn(game, fm.rules.TwoTimescaleQ(tau), 2000, rng=0,
                         record=fm.Record(every=1, metrics=("q",))).trace
        for q, (low, high) in zip(fm.split(game, trace["q"]), theory.q_estimate_range(game, tau), strict=True):
            seen = q[q > -np.inf]
            assert low <= seen.min() <= seen.max() <= high
            assert high - low < 3 * np.ptp(seen) or name != "matrix"


def test_the_printed_range_of_estimates_lacks_absolute_values():
    """Rewards of -1, one action: ubar = -1, so Rbar = max(ubar/(1-gamma), |q^0|) = 0; q goes to -2."""
    game = fm.MarkovGame(-np.ones((1, 1, 1)), np.ones((1, 1, 1)), 0.5)
    q = fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 1000, rng=0).state.q
    assert max(game.payoff_range().max() / 0.5, 0.0) == 0.0
    assert -2.0 <= q.item() < -1.9
    assert_array_equal(theory.q_estimate_range(game, 0.1), [[-2.0, 0.0]])
    assert_array_equal(theory.q_estimate_range(game, 0.1, q=[[3.0]]), [[-2.0, 3.0]])


def test_the_error_of_estimates_by_the_mean_update(rng):
    """|q - Q~| against the fixed point of (21) by iteration, over a stack; absent actions are not read."""
    for game in (GAMES["markov"], PICKY):
        policies, tau = np.stack([fm.random_policy(game, rng) for _ in range(3)]), 0.2
        q = rng.normal(size=policies.shape)
        found = metrics.q_error(game, policies, q if game.available is None else np.where(game.available, q, -np.inf),
                                tau)
        slow = naive.Game(game.rewards, game.transitions, game.discount, game.initial)
        for r, policy in enumerate(policies):
            parts = fm.split(game, policy)
            for i, own in enumerate(parts):
                reward = naive.marginal_reward(slow.rewards, parts, i)
                moves = naive.marginal_transition(slow.transitions, parts, i)
                nu = np.where(own > 0, own * np.log(np.where(own > 0, own, 1)), 0).sum(axis=1)
                aim = np.zeros_like(own)
                for _ in range(300):
                    aim = reward - tau * nu[:, None] + game.discount * moves @ (own * aim).sum(axis=1)
                off = np.abs(fm.split(game, q[r])[i] - aim)
                can = off if game.available is None else off[fm.split(game, game.available)[i]]
                assert found[r, i] == pytest.approx(can.max(), rel=1e-11)


@pytest.mark.parametrize("q, message", [(np.zeros((2, 5)), "shape"), (np.full((3, 5), np.nan), "finite"),
                                        ("wrong", "q")])
def test_what_are_no_estimates_is_refused(q, message):
    game = GAMES["markov"]
    with pytest.raises((ValueError, TypeError), match=message):
        metrics.q_error(game, fm.uniform_policy(game), q, 0.1)
    with pytest.raises((ValueError, TypeError), match=message):
        theory.q_estimate_range(game, 0.1, q=q)


# ------------------------------------------------------------------------------------------------- Assumptions 3.2, 2.1
@pytest.mark.parametrize("alpha, beta, expected", [
    ((0.6, 1.0), (1.0, 1.0), (1, 1, 1, 1)), ((0.5, 0.0), (1.0, 0.0), (1, 1, 1, 1)),
    ((0.6, 0.0), (0.6, 0.0), (1, 1, 1, 0)), ((1.0, 1.0), (0.6, 1.0), (1, 1, 1, 0)),
    ((0.6, 1.0), (1.5, 1.0), (0, 1, 1, 1)), ((0.0, 1.0), (1.0, 1.0), (0, 0, 1, 1)),
    ((0.5, 0.3, 0.1), (1.0, 1.0), (0, 0, 1, 1)), ((0.6, 1.0), (0.5, 0.3, 0.1), (0, 0, 1, 0))])
def test_the_conditions_on_step_sizes(alpha, beta, expected):
    """And by their numbers: partial sums over decades, and beta/alpha, far out."""
    found = theory.step_size_conditions(alpha, beta)
    assert tuple(map(int, found)) == expected and found.holds is all(expected)

    def size(given, n):
        return np.full(n.shape, given[-1]) if len(given) > 2 else (n + given[1]) ** -given[0]

    n = np.logspace(3, 12, 10)
    ratio = size(beta, n) / size(alpha, n)
    assert (ratio[-1] < 0.1 * ratio[0]) == expected[3]
    tails = [n * size(given, n) for given in (alpha, beta)]  # about what a decade adds to the sum
    limits = [size(given, n)[-1] < 0.1 * size(given, n)[0] for given in (alpha, beta)]
    assert expected[0] == (all(limits) and all(each[-1] > 0.9 * each[0] for each in tails))
    for given in (alpha, beta) if expected[1] else ():  # some power is summable: q = 2/p
        powers = n * size(given, n) ** (1 + 1 / given[0])
        assert powers[-1] < 0.1 * powers[0]


def test_the_papers_example_of_step_sizes_allows_what_its_condition_excludes():
    """0 < c1 <= c2 <= 1: c1 = c2 fails (iv), and only (iv)."""
    for c in (0.5, 0.75, 1.0):
        assert theory.step_size_conditions((c, 0), (c, 0)) == (True, True, True, False)
    assert theory.step_size_conditions((0.5, 0), (0.75, 0)).holds


@pytest.mark.parametrize("alpha", ["wrong", (1.0,), (-1.0, 0.0), (0.1, 0.5, 0.2)])
def test_what_are_no_step_sizes_is_refused(alpha):
    with pytest.raises((ValueError, TypeError), match="alpha"):
        theory.step_size_conditions(alpha, (1.0, 1.0))
    with pytest.raises((ValueError, TypeError), match="beta"):
        theory.step_size_conditions((0.6, 1.0), alpha)


def primitive(chain):
    """Whether some power is positive: the (S - 1)^2 + 1-th, Wielandt."""
    return (np.linalg.matrix_power((chain > 0).astype(object), (len(chain) - 1) ** 2 + 1) > 0).all()


def test_ergodicity_by_powers_of_every_joint_action(rng):
    """Random games whose moves are deterministic or nearly so: irreducible or not, periodic or not, masked or not."""
    found_kinds = set()
    for trial in range(60):
        states = int(rng.integers(2, 5))
        rows = np.zeros((states, 2, 2, states))
        for s, a, b in np.ndindex(states, 2, 2):
            rows[s, a, b, rng.integers(states, size=rng.integers(1, 3))] = 1.0
        rows /= rows.sum(axis=-1, keepdims=True)
        mask = None if trial % 3 else np.column_stack([np.ones(states), rng.random(states) < 0.6, np.ones((states, 2))])
        game = fm.MarkovGame(np.zeros((2, states, 2, 2)), rows, 0.5, available=mask)
        able = itertools.product([0, 1] if mask is None or mask[:, 1].all() else [0], [0, 1])
        right = [joint for joint in able if primitive(rows[:, *joint])]
        found = theory.ergodicity(game)
        assert found.profile == (right[0] if right else None) and found.starts_everywhere
        assert found.searched and found.holds is bool(right)
        chain = metrics.chain(game, fm.uniform_policy(game))
        assert found.mixing is bool(primitive(chain)) and (found.mixing or not right)
        found_kinds.add((found.mixing, bool(right)))
    assert found_kinds == {(True, True), (True, False), (False, False)}


def test_ergodicity_of_other_forms_and_what_is_not_searched():
    swap = np.zeros((2, 2, 2))
    swap[0, 0, 1] = swap[1, 0, 0] = swap[0, 1, 0] = swap[1, 1, 1] = 1.0  # go on, or stay: neither alone
    game = fm.MarkovGame(np.zeros((1, 2, 2)), swap, 0.5)
    assert theory.ergodicity(game) == (True, None, True, True) and theory.ergodicity(game).holds is False
    assert theory.ergodicity(game, limit=1) == (True, None, False, True)
    assert theory.ergodicity(game, limit=1).holds is None
    start = fm.MarkovGame(np.zeros((1, 2, 2)), np.full((2, 2, 2), 0.5), 0.5, [1.0, 0.0])
    assert theory.ergodicity(start).holds is False and theory.ergodicity(start).profile == (0,)
    for form in (fm.games.routing(50, form="count"), fm.games.zhang_3x2(),
                 fm.MarkovGame(np.zeros((1, 2, 2)), sp.csr_array(np.full((4, 2), 0.5)), 0.5)):
        assert theory.ergodicity(form).holds


@pytest.mark.parametrize("name", GAMES)
def test_the_chain_by_joint_probabilities(name, rng):
    game = GAMES[name]
    policies = np.stack([fm.random_policy(game, rng) for _ in range(2)])
    expected = np.stack([values(game, each, 0.0)[1] for each in policies])
    assert_allclose(metrics.chain(game, policies), expected, rtol=0, atol=1e-15)
