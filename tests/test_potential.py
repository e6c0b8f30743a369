"""Potentials: cycles of deviations, Jacobians, differences, those of stage games, and how near a game comes."""

import itertools
import json

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_literature import congestion

import fastmpg as fm
from fastmpg import cli, potential
from fastmpg.metrics._joint import joint_tables
from fastmpg.potential import _pairs, _programs, _squares
from fastmpg.potential.jacobian_asymmetry import mixed_derivatives


def dense_of(game):
    """The plain twin of a game with tables."""
    rewards = np.broadcast_to(game.rewards, (game.num_players, *game.rewards.shape[1:]))
    return naive.Game(rewards, game.transitions, game.discount, game.initial)


# ------------------------------------------------------------------------------------------------------------- defect
@pytest.mark.parametrize("num_states, actions", [(1, (2, 3)), (2, (2, 2)), (2, (2, 2, 2)), (1, (3, 2, 2))])
def test_all_deterministic_squares_by_loops(rng, num_states, actions):
    game = fm.games.random_markov(num_states, actions, 0.7, rng=rng)
    found = potential.defect(game, samples=1)
    each = [list(itertools.product(range(n), repeat=num_states)) for n in actions]
    values = {}
    for profile in itertools.product(*each):
        rows = [np.eye(n)[list(d)] for n, d in zip(actions, profile, strict=True)]
        values[profile] = naive.value(dense_of(game), rows)
    worst = 0.0
    for i, k in itertools.combinations(range(len(actions)), 2):
        for profile in values:
            for a, b in itertools.product(each[i], each[k]):
                one, both, other = list(profile), list(profile), list(profile)
                one[i], other[k] = a, b
                both[i], both[k] = a, b
                v = [values[tuple(p)] for p in (profile, one, both, other)]
                around = v[1][i] - v[0][i] + v[2][k] - v[1][k] + v[3][i] - v[2][i] + v[0][k] - v[3][k]
                worst = max(worst, np.abs(around).max())
    assert found.exhaustive and found.defect == pytest.approx(worst, rel=1e-9)
    corners = [naive.value(dense_of(game), naive.split(corner, actions))[:, found.state] for corner in found.square]
    i, k = found.players
    around = sum((corners[(c + 1) % 4] - corners[c])[(i, k, i, k)[c]] for c in range(4))
    assert abs(around) == pytest.approx(found.defect, rel=1e-9)
    assert "all deterministic squares" in repr(found)


@pytest.mark.compiled
def test_what_an_independent_build_found_of_the_benchmarks():
    """Routing with own rewards and safe distancing are no Markov potential games: 8.7 of 37.8 and about 1090 of 10000
    were found there on other squares; ours are the worst of more.
    """
    routing, distancing = fm.games.routing(4), fm.games.safe_distancing(4)
    found = potential.defect(routing, samples=300)
    assert found.defect > 8.7 and found.relative > 0.2
    found = potential.defect(distancing, samples=300)
    assert found.defect > 1000 and found.relative > 0.1
    for options in ({"reward": "team"}, {"transitions": "averaged"}):
        for form in ("dense", "count"):
            found = potential.defect(fm.games.routing(4, form=form, **options), samples=300)
            assert found.relative < 1e-12 and found.defect <= found.error and found.alpha == 0.0


@pytest.mark.compiled
@pytest.mark.parametrize("discount", [0.0, 0.9, 1 - 1e-9])
def test_what_rounding_makes_of_a_defect_is_bounded(rng, discount):
    """Payoffs far from 0 in games that have a potential: the defect lies within its error, so that nothing is claimed.
    Of games that have none that is found out as long as values are told apart.
    """
    for level in (0.0, 1e6, -1e9):
        one = fm.games.random_markov(3, (2, 2), discount, identical_interest=True, rng=rng)
        own = rng.uniform(-1, 1, (2, 3, 2, 2))
        for rewards, has in ((np.concatenate([one.rewards] * 2) + level, True), (own + level, False)):
            found = potential.defect(fm.MarkovGame(rewards, one.transitions, discount))
            assert found.alpha == max(0.0, found.defect - found.error) / 4
            assert found.alpha == 0.0 if has else found.alpha > 0.0 or abs(level) / (1 - discount) > 1e11


# ----------------------------------------------------------------------------------------------------------- Jacobian
def gradient(game, policies, player):
    """d V_player(rho) / d pi_player (S, A): plain contraction, complex numbers welcome."""
    n, states = len(policies), len(policies[0])

    def kept(table, who):
        for j in reversed(range(n)):
            if j != who:
                table = np.einsum("sa...,sa->s...", np.moveaxis(table, 1 + j, 1), policies[j])
        return table

    moves, rewards = kept(game.transitions, player), kept(game.rewards[player], player)
    inverse = np.linalg.inv(np.eye(states) - game.discount * np.einsum("sat,sa->st", moves, policies[player]))
    value = inverse @ np.einsum("sa,sa->s", rewards, policies[player])
    return (game.initial @ inverse)[:, None] * (rewards + game.discount * moves @ value)


@pytest.mark.parametrize("actions", [(2, 3), (2, 2, 3)])
def test_mixed_derivatives_are_complex_steps(rng, actions):
    game = fm.games.random_markov(3, actions, 0.9, rng=rng)
    policy, dense = fm.random_policy(game, rng), dense_of(game)
    for i, k in itertools.combinations(range(len(actions)), 2):
        own, other = mixed_derivatives(game, joint_tables(game, "a test"), policy, i, k)
        for t, b in np.ndindex(3, actions[k]):
            parts = [p.astype(complex) for p in fm.split(game, policy)]
            parts[k][t, b] += 1e-30j
            assert_allclose(own[:, :, t, b], gradient(dense, parts, i).imag / 1e-30, rtol=1e-9, atol=1e-10)
        for s, a in np.ndindex(3, actions[i]):
            parts = [p.astype(complex) for p in fm.split(game, policy)]
            parts[i][s, a] += 1e-30j
            assert_allclose(other[s, a], gradient(dense, parts, k).imag / 1e-30, rtol=1e-9, atol=1e-10)


def test_symmetric_exactly_in_potential_games(rng):
    for game, has in ((fm.games.routing(3, reward="team"), True), (fm.games.routing(3, transitions="averaged"), True),
                      (fm.games.routing(3), False), (congestion(rng), True),
                      (fm.games.random_markov(2, (2, 2), rng=rng), False)):
        found = potential.jacobian_asymmetry(game, fm.random_policy(game, rng))
        assert (found.relative < 1e-12) == has
        assert_array_equal(found.asymmetry, found.asymmetry.T)
        assert "JacobianAsymmetry" in repr(found)


# --------------------------------------------------------------------------------------------------------- difference
def test_differences_are_those_of_known_potentials(rng):
    game = fm.games.random_markov(4, (2, 3, 2), 0.95, identical_interest=True, rng=rng)
    policy, other = fm.random_policy(game, rng), fm.random_policy(game, rng)
    value = fm.evaluate(game, np.stack([policy, other])).value[:, 0] @ game.initial
    found = potential.difference(game, policy, other)
    assert_allclose(found.value, value[0] - value[1], rtol=1e-10)
    assert found.error < 1e-10 * abs(found.value) and found.nodes < 512

    game = congestion(rng)
    phi = potential.of(game).table[0]
    mixed = [np.einsum("abc,a,b,c->", phi, *[p[0] for p in fm.split(game, each)])
             for each in (fm.random_policy(game, 1), fm.uniform_policy(game))]
    assert_allclose(potential.difference(game, fm.random_policy(game, 1)).value, mixed[0] - mixed[1], rtol=1e-10)


@pytest.mark.compiled
def test_where_there_is_no_potential_there_is_no_difference(rng):
    game = fm.games.routing(3)
    with pytest.raises(ValueError, match="has no potential: <PotentialDefect"):
        potential.difference(game, fm.random_policy(game, rng))
    assert np.isfinite(potential.difference(game, fm.random_policy(game, rng), check=False).value)


# ------------------------------------------------------------------------------------------------------- stage games
def test_potentials_of_congestion_games_are_rosenthal_s(rng):
    """sum_l sum_{m <= n_l} c_l(m), up to a constant."""
    cost = rng.uniform(-1, 0, (3, 4))
    payoff, rosenthal = np.zeros((3, 3, 3, 3)), np.zeros((3, 3, 3))
    for a in np.ndindex(3, 3, 3):
        for i in range(3):
            payoff[(i, *a)] = cost[a[i], a.count(a[i])]
        rosenthal[a] = sum(cost[link, m] for link in range(3) for m in range(1, a.count(link) + 1))
    found = potential.of(fm.NormalFormGame(payoff))
    assert found.exact.all() and found.ordinal.all()
    assert_allclose(found.table[0], rosenthal - rosenthal.mean(), atol=1e-12)


@pytest.mark.parametrize("actions", [(2, 3), (3, 2, 4)])
def test_nearest_potentials_by_least_squares_in_full(rng, actions):
    game = fm.games.random_normal_form(actions, rng=rng)
    joint = list(np.ndindex(*actions))
    rows, right = [], []
    for at, a in enumerate(joint):
        for i, n in enumerate(actions):
            for b in range(n):
                if b != a[i]:
                    other = (*a[:i], b, *a[i + 1:])
                    row = np.zeros(len(joint))
                    row[joint.index(other)], row[at] = 1.0, -1.0
                    rows.append(row)
                    right.append(game.payoffs[(i, *other)] - game.payoffs[(i, *a)])
    phi = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0].reshape(actions)
    found = potential.of(game)
    assert_allclose(found.table[0], phi - phi.mean(), atol=1e-12)
    assert not found.exact.any()


def test_orders():
    """Voorneveld and Norde: an ordinal potential that is not exact; a cycle of better replies; a weak cycle."""
    dilemma = fm.NormalFormGame([[[3, 0], [9, 1]], [[3, 5], [0, 1]]])
    found = potential.of(dilemma)
    assert not found.exact[0] and found.ordinal[0] and found.generalised[0]
    pennies = potential.of(fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]))
    assert not pennies.ordinal[0] and not pennies.generalised[0]
    weak = potential.of(fm.NormalFormGame([[[0, 1], [0, 0]], [[0, 0], [0, 1]]]))
    assert weak.generalised[0] and not weak.ordinal[0]
    weighted = np.random.default_rng(0).random((2, 3))
    game = fm.NormalFormGame([weighted / 2.0, weighted / 0.5])
    assert potential.of(game, weights=[2.0, 0.5]).exact[0] and not potential.of(game).exact[0]
    assert_allclose(potential.of(game, weights=[2.0, 0.5]).table[0], weighted - weighted.mean(), atol=1e-14)


def test_missing_actions_are_left_out(rng):
    game = fm.games.random_markov(2, (3, 2), 0.5, identical_interest=True, rng=rng)
    mask = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 0, 1]], bool)
    rewards = game.rewards.copy()
    rewards[:, 0, 2], rewards[:, 1, :, 0] = np.nan, np.nan
    game = fm.MarkovGame(np.concatenate([rewards, rewards]), game.transitions, 0.5, available=mask)
    found = potential.of(game)
    assert found.exact.all() and np.isnan(found.table[0, 2]).all() and np.isnan(found.table[1, :, 0]).all()
    assert potential.alpha(game).upper == 0.0 and potential.defect(game).relative < 1e-12


# --------------------------------------------------------------------------------------------------------------- alpha
def missed(game, phi, rng, tries=40):
    """The largest change that the value of phi misses, of random policies and deviations."""
    one = fm.MarkovGame.identical_interest(np.nan_to_num(phi), game.transitions, game.discount, game.initial)
    worst = 0.0
    for t in range(tries):
        policy, other = fm.random_policy(game, rng), fm.random_policy(game, rng)
        if t % 2:
            policy, other = (np.concatenate([np.eye(p.shape[1])[p.argmax(axis=1)] for p in fm.split(game, each)],
                                            axis=1) for each in (policy, other))
        for i in range(game.num_players):
            moved = policy.copy()
            own = slice(game.offset[i], game.offset[i + 1])
            moved[:, own] = other[:, own]
            pair = np.stack([policy, moved])
            change = np.diff(fm.evaluate(game, pair).value[:, i] - fm.evaluate(one, pair).value[:, 0], axis=0)
            worst = max(worst, np.abs(change).max())
    return worst


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(4))
def test_alpha_lies_in_its_interval(seed):
    """What the returned function misses is below ``upper``; its optimiser is an upper-equilibrium."""
    rng = np.random.default_rng(seed)
    game = fm.games.random_markov(3, (2, 3) if seed % 2 else (2, 2, 2), 0.8, rng=seed)
    found = potential.alpha(game, starts=3, rounds=2)
    assert 0.0 < found.lower < found.upper < 2.0 * found.lower
    assert missed(game, found.phi, rng) <= found.upper
    assert found.gap <= found.upper and fm.ne_gap(game, found.policy).max() == found.gap
    assert {type(each) for each in (found.lower, found.upper, found.gap)} == {float}
    assert "width" in repr(found) and "potential functions that" in repr(found)
    assert found.interval[:2] == (found.lower, found.upper)
    team = found.team(game)  # nobody gains there by deviating alone: at most upper in the game
    for start in (None, *(fm.random_policy(game, rng) for _ in range(3))):
        at = fm.solvers.round_robin(team, start).policy
        assert fm.ne_gap(team, at).max() < 1e-12 and fm.ne_gap(game, at, start="worst").max() <= found.upper
    with pytest.raises(ValueError, match="game must be the one that alpha was asked of"):
        found.team(fm.games.zhang_3x2())


def changes_of(game, reward, i, region, rng):
    """max_s of V^reward(pi_i', pi_-i) - V^reward(pi), of random policies of a region of player i's deviations."""
    worst, vertices = -np.inf, list(region.mixes)
    for _ in range(30):
        parts = [np.einsum("sv,sva->sa", rng.dirichlet(np.full(mix.shape[1], 0.3), len(mix)), mix) for mix in vertices]
        own = [np.where(each, rng.dirichlet(np.full(each.shape[1], 0.3), len(each)), 0.0) for each in region.own]
        one = fm.MarkovGame.identical_interest(reward, game.transitions, game.discount)
        value = [fm.evaluate(one, [*parts[:i], each / each.sum(axis=1, keepdims=True), *parts[i:]]).value[0]
                 for each in own]
        worst = max(worst, (value[0] - value[1]).max())
    return worst


@pytest.mark.parametrize("actions", [(2, 3), (2, 2, 2)])
def test_bounds_by_pairs_of_states_hold_in_every_part(rng, actions):
    """Of whatever is halved, and the best choices' own change comes near where they do not disagree."""
    game = fm.games.random_markov(3, actions, 0.8, rng=rng)
    for i in range(len(actions)):
        h, law = np.moveaxis(game.rewards[i], 1 + i, 1), np.moveaxis(game.transitions, 1 + i, 1)
        regions = [_pairs.whole(actions, i, 3, np.ones((3, *actions), bool))]
        for _ in range(6):
            region = regions.pop(0)
            found = _pairs.bounded(h, law, 0.8, region)
            assert changes_of(game, game.rewards[i], i, region, rng) <= found.bound
            if found.halve is not None:
                regions += _pairs.halves(region, found.halve)
            else:
                one = fm.MarkovGame.identical_interest(game.rewards[i], game.transitions, 0.8)
                value = [fm.evaluate(one, [*found.others[:i], own, *found.others[i:]]).value[0] for own in found.own]
                assert (value[0] - value[1]).max() == pytest.approx(found.bound, rel=1e-9)
                break


@pytest.mark.parametrize("seed", range(3))
def test_cycles_prove_what_linear_programs_say(seed):
    """The dual of the program of the nearest potential, less what its tolerances leave."""
    rng = np.random.default_rng(seed)
    payoffs = rng.uniform(-1, 1, (3, 2, 3, 2)) * 10.0**rng.integers(-6, 7)
    there = np.ones((2, 3, 2), bool)
    proved, best = _squares.cycle_bound(payoffs, there), _programs.chebyshev(payoffs, there)[1]
    assert best * (1 - 1e-6) <= proved <= best * (1 + 1e-6)
    off = 1e-3 * np.abs(payoffs).max()
    assert proved - 2.01 * off <= _squares.cycle_bound(payoffs, there, off) <= proved - 1.99 * off


@pytest.mark.parametrize("seed", range(6))
def test_alpha_of_normal_forms_is_that_of_a_linear_program(seed):
    """The nearest potential in the largest deviation: a full program over phi here."""
    from scipy.optimize import linprog

    game = fm.games.random_normal_form((2, 3, 2) if seed % 2 else (3, 3), rng=seed)
    actions = game.num_actions
    joint = list(np.ndindex(*actions))
    rows, right = [], []
    for at, a in enumerate(joint):
        for i, n in enumerate(actions):
            for b in range(n):
                if b != a[i]:
                    other = (*a[:i], b, *a[i + 1:])
                    row = np.zeros(len(joint) + 1)
                    row[joint.index(other)], row[at], row[-1] = 1.0, -1.0, -1.0
                    rows.append(row)
                    right.append(game.payoffs[(i, *other)] - game.payoffs[(i, *a)])
    best = linprog(np.eye(len(joint) + 1)[-1], rows, right, bounds=(None, None), method="highs").fun
    found = potential.alpha(game)
    assert_allclose([found.lower, found.upper], best, rtol=2e-6)
    assert found.gap <= found.upper * (1 + 1e-9)


def test_near_potential_games_are_found_near(rng):
    """Perturbed team games: at most 2 kappa / (1 - gamma), and 0 with kappa."""
    one = fm.games.random_markov(3, (2, 2), 0.9, identical_interest=True, rng=rng)
    noise = rng.uniform(-1, 1, (2, 3, 2, 2))
    for kappa in (0.0, 1e-3, 0.1):
        game = fm.MarkovGame(one.rewards + kappa * noise, one.transitions, 0.9)
        found = potential.alpha(game, starts=1, rounds=1)
        assert found.lower <= found.upper <= 2 * kappa / (1 - 0.9) * (1 + 1e-9)
        assert (found.lower > 0.0) == (kappa > 0.0)


def test_large_games_are_refused_with_what_to_do_instead():
    with pytest.raises(MemoryError, match=r"fastmpg\.potential\.defect is a lower bound"):
        potential.alpha(fm.games.routing(20, form="count"))


@pytest.mark.compiled
def test_the_command_line_says_how_near_a_game_is(capsys):
    assert cli.main(["info", "routing", "--num-players", "2", "--potential"]) == 0
    said = capsys.readouterr().out
    assert "<PotentialDefect" in said and "<PotentialInterval [" in said
    assert cli.main(["info", "zhang_3x2", "--potential", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["zhang_3x2"]
    assert told["alpha"] == [0.0, 0.0] and told["potential_defect"] < 1e-12
    assert cli.main(["info", "pricing", "--form", "simulator", "--potential"]) == 2
    assert "has no exact values" in capsys.readouterr().err
