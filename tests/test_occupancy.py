"""Occupancy games and forward-backward sweeps, against naive_occupancy.py and the numbers of the driving scene."""

import itertools
import pickle

import naive_occupancy as naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.solvers import mge_fb

KINDS, TERMINALS = ("mean", "softmax", "max"), ("with_psi", "plain", "extra_decision")


def random_game(seed, players=3, states=4, actions=(2, 3, 3), weight=0.7, by_action=True, laws=False, **more):
    """Random graphs with masks, one for each player; no two alike."""
    rng = np.random.default_rng(seed)
    graphs, rewards = [], []
    for i in range(players):
        p = rng.dirichlet(np.full(states, 0.4), (states, actions[i]))
        p[(p < 0.05)] = 0.0
        p /= p.sum(axis=2, keepdims=True)
        taken = rng.random((states, actions[i])) < 0.7
        taken[np.arange(states), rng.integers(0, actions[i], states)] = True
        graphs.append(np.where(taken[:, :, None], p, 0.0))
        rewards.append(rng.normal(size=(states, actions[i]) if by_action else states))
    starts = list(rng.dirichlet(np.ones(states), players)) if laws else rng.integers(0, states, players)
    if "psi" not in more or more.pop("pooled", False):
        more["mu"] = weight * rng.random(players)
    return fm.OccupancyGame(graphs, rewards, starts, **more)


def same(game, found, twin, tol=1e-10):
    q, policies, values, occupancy = twin[:4]
    for i in range(game.num_players):
        assert_allclose(found.policy(i), policies[i], rtol=0, atol=tol)
        assert_array_equal(np.isneginf(found.q(i)), np.isneginf(q[i]))
        assert_allclose(found.q(i)[np.isfinite(q[i])], q[i][np.isfinite(q[i])], rtol=tol, atol=tol)
        assert_allclose(found.value(i), values[i], rtol=tol, atol=tol)
        assert_allclose(found.occupancy(i), occupancy[i], rtol=0, atol=tol)


# ------------------------------------------------------------------------------------------------- against the twin
@pytest.mark.compiled
@pytest.mark.parametrize("value", KINDS)
@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_solutions_are_those_of_the_twin(value, terminal, alpha):
    for seed, more in ((0, {"players": 2}), (1, {}), (2, {"by_action": False}), (3, {"laws": True})):
        game = random_game(seed, **more)
        found = mge_fb(game, 5, 1.3, value=value, terminal=terminal, alpha=alpha, tol=1e-13)
        twin = naive.mge_fb(game, 5, 1.3, value=value, terminal=terminal, alpha=alpha)
        assert found.status == "settled" and found.residual <= 1e-13
        same(game, found, twin)


def test_sweeps_are_those_of_the_twin_one_by_one():
    """Also where they have not settled: the same numbers after one sweep, two, and five."""
    game = random_game(4, weight=8.0)
    for sweeps in (1, 2, 5):
        found = mge_fb(game, 6, 2.0, maxiter=sweeps)
        twin = naive.mge_fb(game, 6, 2.0, maxiter=sweeps)
        assert (found.status, found.iterations) == ("maxiter", sweeps)
        assert found.residual == pytest.approx(twin[5], abs=1e-12)
        same(game, found, twin)


def test_the_crowd_is_the_weighted_sum_of_occupancies():
    game = random_game(5)
    found = mge_fb(game, 4)
    assert_allclose(found.crowd, sum(game.mu[j] * found.occupancy(j) for j in range(3)), atol=1e-15)
    assert not found.crowd.flags.writeable
    for i in range(3):
        assert_allclose(found.occupancy(i).sum(axis=1), 1.0, atol=1e-12)


def test_scores_are_those_of_the_markov_game_of_joint_states():
    """Independent route: players of a Markov game over X^M who pay mu_j for being in one state with j."""
    for seed, more in ((6, {"players": 2}), (7, {}), (8, {"laws": True, "by_action": False})):
        game = random_game(seed, **more)
        for value in KINDS:
            found = mge_fb(game, 3, value=value)
            policies = [found.policy(i) for i in range(game.num_players)]
            assert_allclose(found.scores(), naive.collision_scores(game, policies, 3), atol=1e-9)
    starts = naive.laws(game)
    found = mge_fb(game, 3)  # value "mean" is what is paid
    assert_allclose(found.scores(), [starts[i] @ found.value(i)[0] for i in range(3)], atol=1e-12)


# ------------------------------------------------------------------------------------------------- interactions
def pooled(player, state, crowd):
    return -0.5 * crowd * crowd - 0.1 * player


def functional(player, state, occupancy):
    total = 0.0
    for j in range(occupancy.size):
        total += (1 + j) * occupancy[j] * occupancy[j]
    return -total / (1.0 + state)


def test_interactions_may_be_functions():
    game = random_game(9, psi=pooled, pooled=True)
    linear = naive.weighted(game)
    twin = naive.mge_fb(game, 4, psi=lambda i, o: -0.5 * linear(i, o) ** 2 - 0.1 * i)
    same(game, mge_fb(game, 4, tol=1e-13), twin)
    game = random_game(9, psi=functional)

    def psi(i, o):
        others = [(1 + j) * o[j] ** 2 for j in range(len(o)) if j != i]
        return -sum(others) / (1.0 + np.arange(4))

    found = mge_fb(game, 4, tol=1e-13, terminal="extra_decision")
    same(game, found, naive.mge_fb(game, 4, psi=psi, terminal="extra_decision"))
    assert found.simulate(3, 0).shape == (3, 3, 5) and np.isfinite(found.scores()).all()


def test_a_function_of_weights_is_weights():
    given = random_game(10)
    game = fm.OccupancyGame([naive.transitions(given, i) for i in range(3)],
                            [naive.rewards(given, i) for i in range(3)], given.starts,
                            mu=given.mu, psi=lambda player, state, crowd: -crowd)
    one, other = mge_fb(given, 5), mge_fb(game, 5)
    assert one.iterations == other.iterations
    for i in range(3):
        assert_allclose(one.q(i), other.q(i), atol=1e-13)


def test_psi_that_is_no_number_is_refused():
    game = random_game(9, psi=lambda player, state, crowd: np.log(crowd - 1.0), pooled=True)
    with pytest.raises(ValueError, match=r"what psi returns must be a finite number|"
                                         r"psi must return finite numbers, found another for player"):
        mge_fb(game, 3)
    game = random_game(9, psi=lambda player, state, crowd: 1.0 / crowd if crowd > 0.0
                       else 0.0 * crowd / crowd if player > 5
                       else np.inf if player == 1 and crowd > 0.1 else 0.0, pooled=True)
    with pytest.raises(TypeError, match="psi must be a function"):
        random_game(9, psi=lambda player: 0.0, pooled=True)


# ------------------------------------------------------------------------------------------------- the driving scene
MARKS = {"mean": [7, 5, 8, 3]}


@pytest.mark.compiled
def test_driving_arrivals_are_those_of_the_statement():
    """Ours, recomputed independently (a reconstruction): pedestrian 3, car 2 at 5, car 1 at 7, car 3 at 8, no crash."""
    game = fm.games.driving()
    assert game.players == ("car 1", "car 2", "car 3", "pedestrian")
    reached, policies = None, {}
    for terminal in TERMINALS:
        found = fm.solvers.mge_fb(game, 12, terminal=terminal)
        play = found.most_likely()
        assert found.status == "settled"
        assert play.arrivals.tolist() == [7, 5, 8, 3] and play.meetings == ()
        policies[terminal] = [found.policy(i)[:12] for i in range(4)]
        reached = [found.occupancy(i)[:12] > 0 for i in range(4)] if terminal == "with_psi" else reached
    largest = {other: max((np.abs(policies["with_psi"][i] - policies[other][i]).max(axis=2) * reached[i]).max()
                          for i in range(4))
               for other in TERMINALS[1:]}
    assert largest["plain"] == pytest.approx(0.35, abs=0.005)  # "differ by up to .35 and .37", where players can be
    assert largest["extra_decision"] == pytest.approx(0.37, abs=0.005)


def test_nobody_gives_way_where_meeting_costs_little():
    play = fm.solvers.mge_fb(fm.games.driving(mu=0.01), 12).most_likely()
    assert (2, 0, 3) in play.meetings  # car 1 meets the pedestrian at t = 2
    assert play.arrivals[3] == 3


@pytest.mark.compiled
def test_driving_is_the_twin_s():
    game = fm.games.driving()
    found = fm.solvers.mge_fb(game, 6, tol=1e-13)
    same(game, found, naive.mge_fb(game, 6))


# ------------------------------------------------------------------------------------------------- status
def swap(weight, **more):
    """Two players, two states: both want the first, which holds one."""
    return fm.OccupancyGame([[0, 1], [0, 1]], [[1.0, 0.0]] * 2, [1, 1], mu=weight, final=[[0.0, 0.0]] * 2, **more)


def test_a_cycle_is_told_with_its_residual():
    game = swap(8.0)
    found = fm.solvers.mge_fb(game, 2, 4.0)
    assert found.status == "cycle" and found.period == 2 and found.residual > 0.5 and "cycle of 2" in repr(found)
    assert found.iterations < 200
    damped = fm.solvers.mge_fb(game, 2, 4.0, alpha=0.05)
    assert damped.status == "settled" and damped.period == 0
    same(game, damped, naive.mge_fb(game, 2, 4.0, alpha=0.05), 1e-8)


@pytest.mark.compiled
def test_slow_convergence_is_no_cycle():
    """The first alpha below the limit, where sweeps swing for long, and tiny weights, with which W hardly moves."""
    game = swap(30.0)
    assert fm.solvers.mge_fb(game, 2, 4.0, alpha=1e-3, tol=1e-6, maxiter=50_000).status == "settled"
    assert fm.solvers.mge_fb(swap(1e-11), 2, alpha=0.01).status == "settled"
    assert fm.solvers.mge_fb(swap(0.0), 2).iterations == 2
    assert fm.solvers.mge_fb(swap(0.0), 2, alpha=0.01).status == "settled"  # W does not move at all
    assert fm.solvers.mge_fb(swap([1.0, 0.0]), 2, alpha=0.01).status == "settled"


def test_solutions_pickle():
    found = fm.solvers.mge_fb(fm.games.driving(), 5)
    copy = pickle.loads(pickle.dumps(found))
    assert repr(copy) == repr(found)
    assert_array_equal(copy.crowd, found.crowd)
    assert_array_equal(copy.q(2), found.q(2))
    assert_array_equal(copy.simulate(4, 1), found.simulate(4, 1))


@pytest.mark.compiled
def test_start_goes_on_from_a_solution():
    game = fm.games.driving()
    whole, half = fm.solvers.mge_fb(game, 12, maxiter=40), fm.solvers.mge_fb(game, 12, maxiter=20)
    rest = fm.solvers.mge_fb(game, 12, start=half, maxiter=20)
    assert_array_equal(rest.policy(0), whole.policy(0))
    done = fm.solvers.mge_fb(game, 12)
    assert fm.solvers.mge_fb(game, 12, start=done).iterations == 1
    with pytest.raises(ValueError, match="start must be a solution of the same horizon"):
        fm.solvers.mge_fb(game, 11, start=done)


# ------------------------------------------------------------------------------------------------- size and threads
def grid(side):
    """Next states on a square grid: right, stay, down, left, up."""
    x = np.arange(side * side).reshape(side, side)
    to = np.full((side, side, 5), -1)
    to[:, :-1, 0], to[:, :, 1], to[:-1, :, 2], to[:, 1:, 3], to[1:, :, 4] = x[:, 1:], x, x[1:], x[:, :-1], x[:-1]
    return to.reshape(-1, 5)


def crowd_game(players, side, seed=0, weight=1.0):
    rng = np.random.default_rng(seed)
    goals, starts = rng.integers(0, side * side, (2, players))
    row, column = np.divmod(np.arange(side * side), side)
    rewards = -(np.abs(row - goals[:, None] // side) + np.abs(column - goals[:, None] % side)) / side
    return fm.OccupancyGame(grid(side), rewards, starts, mu=weight, goals=goals)


@pytest.mark.compiled
def test_bits_do_not_depend_on_threads(keep_threads):
    game, found = crowd_game(40, 12), {}
    for count in (1, 2):
        fm.set_threads(min(count, keep_threads))
        one = fm.solvers.mge_fb(game, 15, maxiter=7)
        found[count] = one.crowd.copy(), one.policy(3), one.scores(), one.simulate(5, 1), one.residual
    for a, b in zip(found[1], found[2], strict=True):
        assert_array_equal(a, b)


@pytest.mark.compiled
def test_players_hold_what_they_can_reach():
    """1 000 players on a 100 x 100 grid: 8 bytes a reached state and step, told beforehand."""
    game = crowd_game(1000, 100)
    assert game.nbytes < 90e6  # 80 MB of rewards
    found = fm.solvers.mge_fb(game, 8, maxiter=2)
    reached = sum(2 * t * (t + 1) + 1 for t in range(9))
    assert found.nbytes < 1000 * (8 * reached + 4 * 145 + 24 * 11) + 8 * 9 * 10_000 < 20e6
    assert found.policy(17).shape == (8, 10_000, 5)
    assert_allclose(found.policy(17).sum(axis=2), 1.0)
    assert_allclose(found.occupancy(999).sum(axis=1), 1.0)
    with pytest.raises(MemoryError, match=r"occupancies, of 1000 players.*shorter horizon"):
        fm.solvers.mge_fb(game, 8, max_bytes=2 * 10**6)
    with pytest.raises(MemoryError, match=r"1000 players, 10000 states and 1000000000 steps"):
        fm.solvers.mge_fb(game, 10**9)


@pytest.mark.slow
def test_a_thousand_players_answer_one_another():
    """Settled on a 100 x 100 grid; some players' answers to the crowd again, in plain NumPy on the grid."""
    game, horizon, to = crowd_game(1000, 100), 12, grid(100)
    found = fm.solvers.mge_fb(game, horizon, alpha=0.5, tol=1e-9)
    assert found.status == "settled"
    assert_allclose(found.crowd.sum(axis=1), 1000.0)
    for i in (0, 333, 999):
        psi = found.occupancy(i) - found.crowd
        value, policies = game.final(i) + psi[horizon], []
        for t in range(horizon - 1, -1, -1):
            q = np.where(to >= 0, (game.reward(i) + psi[t])[:, None] + value[to], -np.inf)
            weight = np.exp(q - q.max(axis=1, keepdims=True))
            policies.insert(0, weight / weight.sum(axis=1, keepdims=True))
            value = (policies[0] * np.where(to >= 0, q, 0.0)).sum(axis=1)
        assert_allclose(found.policy(i), policies, atol=1e-13)
        law = np.eye(10_000)[game.starts[i]]
        for t in range(horizon):
            after = np.zeros(10_000)
            np.add.at(after, to[to >= 0], (law[:, None] * policies[t])[to >= 0])
            law = after
            assert_allclose(found.occupancy(i)[t + 1], law, rtol=0, atol=1e-8)


def test_a_large_crowd_is_the_same_code_as_a_small_one():
    """Players at opposite ends who cannot meet within the horizon play as if alone."""
    game = crowd_game(2, 30, weight=5.0)
    game = fm.OccupancyGame(grid(30), [game.reward(0), game.reward(1)], [0, 899], mu=5.0)
    both = fm.solvers.mge_fb(game, 6)
    for i in range(2):
        alone = fm.solvers.mge_fb(fm.OccupancyGame(grid(30), [game.reward(i)], [int(game.starts[i])], mu=5.0), 6)
        assert_allclose(both.occupancy(i), alone.occupancy(0), atol=1e-15)
    assert both.iterations == 2


# ------------------------------------------------------------------------------------------------- play
@pytest.mark.compiled
def test_sampled_paths_are_distributed_as_the_occupancies():
    game = random_game(11, laws=True)
    found = fm.solvers.mge_fb(game, 4)
    paths = found.simulate(40_000, 3)
    assert paths.shape == (40_000, 3, 5)
    for i in range(3):
        for t in range(5):
            seen = np.bincount(paths[:, i, t], minlength=4) / 40_000
            assert_allclose(seen, found.occupancy(i)[t], atol=4.5 * 0.5 / 200)  # 4.5 standard errors at most
    pairs = np.bincount(paths[:, 0, 4] * 4 + paths[:, 1, 4], minlength=16) / 40_000  # players are independent
    assert_allclose(pairs, np.outer(found.occupancy(0)[4], found.occupancy(1)[4]).ravel(), atol=4.5 * 0.5 / 200)
    assert_array_equal(paths[:7], found.simulate(7, 3))
    assert (paths[:7] != found.simulate(7, 4)).any()


def test_likely_play_follows_the_largest_probabilities():
    game = random_game(12)
    found = fm.solvers.mge_fb(game, 5)
    for i in range(3):
        x, p = int(game.starts[i]), naive.transitions(game, i)
        for t in range(6):
            assert found.most_likely().paths[i, t] == x
            if t < 5:
                x = int(p[x, found.policy(i)[t, x].argmax()].argmax())
    assert found.most_likely().arrivals is None


# ------------------------------------------------------------------------------------------------- theory
def measured(game, horizon, beta, value="mean"):
    """Largest factor by which the change of Q went on from one sweep to the next, of sweeps one by one."""
    tables = []
    for sweeps in range(1, 8):
        found = fm.solvers.mge_fb(game, horizon, beta, value=value, maxiter=sweeps, tol=1e-300)
        tables.append([np.where(np.isfinite(found.q(i)), found.q(i), 0.0) for i in range(game.num_players)])
    steps = [max(np.abs(a - b).max() for a, b in zip(one, two, strict=True)) for one, two in itertools.pairwise(tables)]
    return max(b / a for a, b in itertools.pairwise(steps) if a > 1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_sweeps_contract_as_proved(seed):
    """Measured factors stay below all three forms, also where these are above 1."""
    for weight, horizon, beta in ((0.002, 3, 1.0), (0.05, 3, 0.5), (0.5, 2, 1.0)):
        game = random_game(20 + seed, weight=weight)
        for value in KINDS:
            total = fm.theory.occupancy_factor(game, horizon, beta, form="sum", value=value)
            assert measured(game, horizon, beta, value) <= total
        forms = [fm.theory.occupancy_factor(game, horizon, beta, form=form) for form in ("sum", "sharp", "printed")]
        assert 0 < forms[0] < forms[1] < forms[2]


def test_the_printed_condition_is_theorem_3():
    """2 L T <= xi exp(-beta (T + 1) xi) is factor <= 1; half of L and the proof's last line but one ask for less."""
    game, steps, beta = random_game(30, weight=0.01, by_action=False), 3, 0.7
    others = (game.mu.sum() - game.mu).max()
    xi = (steps + 1) * (np.abs(game.payoff_range()).max() + others)
    assert (fm.theory.occupancy_factor(game, steps, beta, form="printed")
            == pytest.approx(2 * others * steps / (xi * np.exp(-beta * (steps + 1) * xi))))
    assert (fm.theory.occupancy_factor(game, steps, beta)
            == pytest.approx(others * steps * (1 + beta * xi) ** (steps + 1) / xi))
    stretch = 1 + beta * xi
    assert fm.theory.occupancy_factor(game, steps, beta, form="sum") == pytest.approx(
        others / 2 * beta * sum(j * stretch**j for j in range(1, steps + 1)))
    given = fm.OccupancyGame(grid(2), np.ones((2, 4)), [0, 1], psi=functional)
    with pytest.raises(ValueError, match="lipschitz and bound are known only for weights"):
        fm.theory.occupancy_factor(given, 2)
    assert fm.theory.occupancy_factor(given, 2, lipschitz=1.0, bound=1.0) > 0
    assert fm.theory.occupancy_factor(swap(0.0), 2) == 0.0


def test_what_the_proof_rests_on(rng):
    """The policies' constant is beta, and reached; the mean's is 1 + beta xi; half the 1-norm bounds what is felt."""
    def soft(q, beta):
        w = np.exp(beta * (q - q.max(axis=-1, keepdims=True)))
        return w / w.sum(axis=-1, keepdims=True)

    for beta in (0.3, 1.0, 4.0):
        q, step = rng.normal(size=(2, 20_000, 4))
        step *= 1e-6 / np.abs(step).max(axis=1, keepdims=True)
        slope = np.abs(soft(q + step, beta) - soft(q, beta)).sum(axis=1) / 1e-6
        assert slope.max() <= beta * (1 + 1e-6)
        two = np.zeros((1, 2))
        edge = np.array([[1e-6, -1e-6]])
        assert np.abs(soft(two + edge, beta) - soft(two, beta)).sum() / 1e-6 == pytest.approx(beta, rel=1e-6)
        mean = [(soft(each, beta) * each).sum(axis=1) for each in (q, q + step)]
        assert (np.abs(mean[1] - mean[0]) / 1e-6 <= (1 + beta * np.abs(q).max(axis=1)) * (1 + 1e-5)).all()
    p, q = rng.dirichlet(np.ones(5), (2, 1000))
    assert (np.abs(p - q).max(axis=1) <= np.abs(p - q).sum(axis=1) / 2 + 1e-15).all()
