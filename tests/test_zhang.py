"""What a gradient says of a policy, the natural gradient as defined, and the log-barrier: Zhang et al. (2022)."""

import itertools

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg import metrics, theory
from fastmpg.experiments import catalogue, zhang2022, zhang2022_bounds
from fastmpg.experiments.experiment import DATA, PRINTED, RECOMPUTED, STATEMENT

BOTH = (theory.gradient_domination, theory.gradient_domination_by_ratio)


def softmax(game, theta):
    parts = [np.exp(part - part.max(axis=-1, keepdims=True)) for part in fm.split(game, theta)]
    return np.concatenate([part / part.sum(axis=-1, keepdims=True) for part in parts], axis=-1)


def slopes(game, theta, what, h=1e-5):
    """Central differences of what(policy) (N,) in every parameter: (N, S, A_total)."""
    out = np.zeros((game.num_players, *theta.shape))
    for s, c in np.ndindex(theta.shape):
        ahead, behind = theta.copy(), theta.copy()
        ahead[s, c] += h
        behind[s, c] -= h
        out[:, s, c] = (what(softmax(game, ahead)) - what(softmax(game, behind))) / (2 * h)
    return out


def own(game, slope):
    """Of slopes (N, S, A_total), every player's own columns: (S, A_total)."""
    return np.concatenate([fm.split(game, slope[i])[i] for i in range(game.num_players)], axis=1)


def value(game):
    return lambda policy: fm.evaluate(game, policy).value @ game.initial


def random_game(seed, actions=(2, 3), states=3, discount=0.6):
    return fm.games.random_markov(states, actions, discount=discount, rng=seed)


PICKY = fm.NormalFormGame(np.random.default_rng(5).random((2, 3, 3)), available=[[1, 0, 1], [1, 1, 1]])
GAMES = {"matrix": fm.games.zhang_3x2(), "three players": random_game(1, (2, 2, 3), 2), "markov": random_game(2),
         "far": random_game(3, discount=0.95), "not every action": PICKY}


# ------------------------------------------------------------------------------------------------- Lemma 1, Remark 4
@pytest.mark.parametrize("name", GAMES)
def test_gradient_domination(name):
    """From Qbar, d and slopes by differences; and half of it bounds the gap, near the boundary as well."""
    game = GAMES[name]
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(8, game.num_states, sum(game.num_actions))) * np.geomspace(0.1, 10, 8)[:, None, None]
    if game.available is not None:
        theta[:, ~game.available] = -np.inf
    stack = np.array([softmax(game, each) for each in theta])
    gaps = fm.ne_gap(game, stack)
    for bound in BOTH:
        assert (gaps <= bound(game, stack) / 2 + 1e-12).all()
        assert_array_equal(bound(game, stack)[3], bound(game, stack[3]))
    if game.available is not None:
        return
    found = fm.evaluate(game, stack[0])
    slope = own(game, slopes(game, theta[0], value(game)))
    every = np.array([fm.evaluate(game, each).visit for each in pure(game)])
    spread = (every.max(axis=0) / every.min(axis=0)).max()
    for i, (q, p, g) in enumerate(zip(*(fm.split(game, each) for each in (found.q_bar, stack[0], slope)))):
        c = p[np.arange(game.num_states), q.argmax(axis=1)].min()
        norm = np.sqrt(q.shape[1]) / c * np.linalg.norm(g)
        assert_allclose(BOTH[0](game, stack[0])[i], norm / found.visit.min(), rtol=1e-6)
        assert_allclose(BOTH[1](game, stack[0])[i], norm * np.sqrt(game.num_states) * spread, rtol=1e-6)
        assert_allclose(BOTH[1](game, stack[0], ratio=2.0)[i], norm * np.sqrt(game.num_states) * 2.0, rtol=1e-6)


def test_lemma_1_says_nothing_at_a_stationary_point_that_is_no_equilibrium():
    game = fm.games.zhang_3x2()
    assert_array_equal(theory.gradient_domination(game, [[0, 1, 0], [1, 0]]), [np.inf, 0.0])
    with pytest.raises(ValueError, match="ratio"):
        theory.gradient_domination_by_ratio(game, fm.uniform_policy(game), ratio=0.5)


def test_the_minimum_over_players_is_not_needed_in_lemma_1_but_in_lemma_2():
    """The second player answers best, with a c of its own of 1; the least is 0, and it is no equilibrium."""
    game = fm.games.zhang_3x2()
    policy = [[0, 1, 0], [1, 0]]
    assert metrics.c(game, policy) == 0.0 and theory.gradient_domination(game, policy)[1] == 0.0
    assert fm.ne_gap(game, policy)[1] == 0.0 and theory.stationarity(game, policy).is_nash is False


# --------------------------------------------------------------------------------------------------------- Lemma 2
def pure(game):
    """Every deterministic policy: all are stationary."""
    rows = [range(n) for n in game.num_actions for _ in range(game.num_states)]
    for choice in itertools.product(*rows):
        yield [np.eye(n)[list(choice[i * game.num_states:(i + 1) * game.num_states])]
               for i, n in enumerate(game.num_actions)]


@pytest.mark.parametrize("game", [random_game(7, (2, 2), 2), random_game(8, (3, 2), 2, 0.9),
                                  fm.NormalFormGame(1e6 + 0.1 * np.random.default_rng(0).random((3, 2, 3, 2)))])
def test_lemma_2_beside_best_responses(game):
    """Nash or not, by mass on best actions against gaps from policy iteration, at every deterministic policy."""
    verdicts = []
    for policy in pure(game):
        found = theory.stationarity(game, policy)
        gap = fm.ne_gap(game, policy, relative=True)
        assert found.is_stationary and found.is_nash is bool(gap.max() < 1e-9)
        assert_array_equal(found.best.all(axis=1), gap < 1e-9)
        assert_array_equal(found.best, ~found.stuck)
        verdicts.append(found.is_nash)
    assert 0 < sum(verdicts) < len(verdicts)


def test_mixed_equilibria_and_what_is_not_stationary():
    pennies = fm.NormalFormGame(np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]))
    found = theory.stationarity(pennies, fm.uniform_policy(pennies))
    assert found.verdict == "Nash equilibrium" and "c = 1" in repr(found)
    assert theory.stationarity(pennies, [[0.6, 0.4], [0.5, 0.5]]).verdict == "not stationary"
    game = fm.games.zhang_3x2()
    found = theory.stationarity(game, fm.uniform_policy(game))
    assert found.verdict == "not stationary" and found.is_nash is None and not found.is_stationary
    assert_allclose(found.gain.max(axis=1), fm.ne_gap(game, fm.uniform_policy(game)))
    assert_allclose(found.gradient.max(), np.abs(metrics.gradient(game, fm.uniform_policy(game))).max())
    undecided = theory.stationarity(game, [[0.0, 0.7, 0.3], [0.9, 0.1]], gradient_tol=1.0)
    assert undecided.verdict == "undecided" and undecided.is_nash is None


def test_the_run_of_figure_1_passes_a_stationary_point_that_is_no_equilibrium():
    game = fm.games.zhang_3x2()
    trace = fm.learn(game, fm.rules.NaturalGradientPlay(5.0), 999, record=fm.Record(metrics=("policy",))).trace
    verdicts = [theory.stationarity(game, trace["policy"][t - 1]).verdict for t in (1, 250, 1000)]
    assert verdicts == ["not stationary", "stationary, no Nash equilibrium", "Nash equilibrium"]
    assert trace["policy"][249, 0, 1] > 1 - 1e-9, "player 1 plays its action 2, where appendix 8 prints action 3"
    for move in (lambda r: 1000 * r, lambda r: r - 1e5):
        other = fm.NormalFormGame.identical_interest(move(game.payoffs[0]))
        assert [theory.stationarity(other, trace["policy"][t - 1]).verdict for t in (1, 250, 1000)] == verdicts


def test_finite_parameters_are_never_stuck():
    """Lemma 2 read at finite theta: c > 0, so that a small gradient alone makes an equilibrium, as Lemma 1 says."""
    game = random_game(4)
    for seed in range(20):
        assert metrics.c(game, fm.random_policy(game, seed)) > 0.0


def test_a_state_that_is_never_visited_is_refused():
    moves = np.zeros((2, 2, 2, 2))
    moves[..., 0] = 1.0
    game = fm.MarkovGame(np.zeros((2, 2, 2, 2)), moves, 0.5, [1.0, 0.0])
    with pytest.raises(ValueError, match=r"policy must visit every state .* d = 0 in state 1"):
        theory.stationarity(game, fm.uniform_policy(game))


# --------------------------------------------------------------------------------------------------- Fisher matrices
@pytest.mark.parametrize("name", ["three players", "markov"])
def test_fisher_matrix_is_the_mean_square_of_the_score(name):
    """E_{s ~ d, a ~ pi_i} of the outer product of grad log pi_i(a | s), these by differences of log-softmax."""
    game = GAMES[name]
    theta = np.random.default_rng(3).normal(size=(game.num_states, sum(game.num_actions)))
    policy = softmax(game, theta)
    visit = fm.evaluate(game, policy).visit
    for i, blocks in enumerate(metrics.fisher_matrix(game, policy)):
        n, h = game.num_actions[i], 1e-6
        mine = fm.split(game, theta)[i].ravel()
        steps = h * np.eye(mine.size)

        def log_pi(at, n=n):
            rows = at.reshape(-1, n)
            return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))

        score = np.array([(log_pi(mine + e) - log_pi(mine - e)) / (2 * h) for e in steps])  # (S A_i, S, A_i)
        weight = visit[:, None] * fm.split(game, policy)[i]
        expected = np.einsum("usa,vsa,sa->uv", score, score, weight)
        assert_allclose(scipy.linalg.block_diag(*blocks), expected, atol=1e-9)
    stack = np.stack([policy, fm.uniform_policy(game)])
    assert_allclose(metrics.fisher_matrix(game, stack)[1][0], metrics.fisher_matrix(game, policy)[1])


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("lam", [0.0, 0.02])
def test_natural_gradient_play_is_the_fisher_form(name, lam):
    """F^+ of the whole matrix times the gradient of the objective, its softmax, and one step of the rule: (9), (16)."""
    game, eta = GAMES[name], 0.3
    start = fm.random_policy(game, 4)
    direction = metrics.natural_gradient(game, start, lam=lam)
    slope = metrics.gradient(game, start)
    can = np.ones(start.shape, bool) if game.available is None else game.available
    for i, (blocks, g, p, way) in enumerate(zip(metrics.fisher_matrix(game, start), *(
            fm.split(game, each) for each in (slope, start, direction)))):
        had = fm.split(game, can)[i]
        g = np.where(had, g + lam - lam * had.sum(axis=1, keepdims=True) * p, 0.0)
        assert_allclose(np.linalg.pinv(scipy.linalg.block_diag(*blocks)) @ g.ravel(), way.ravel(), atol=1e-9)
        assert_allclose(way.sum(axis=1), 0.0, atol=1e-9)
    ours = fm.learn(game, fm.rules.NaturalGradientPlay(eta, lam), 1, policy=start).policy
    with np.errstate(divide="ignore"):
        theta = np.log(start) + eta * direction
    assert_allclose(ours, softmax(game, theta), rtol=1e-9)


def test_natural_gradients_of_a_stack():
    game = GAMES["markov"]
    stack = np.stack([fm.random_policy(game, k) for k in range(3)])
    found = metrics.natural_gradient(game, stack, lam=0.1)
    assert_allclose(found[2], metrics.natural_gradient(game, stack[2], lam=0.1))


# ------------------------------------------------------------------------------------------------------- log-barrier
def test_the_log_barrier_and_its_objective():
    """From plain NumPy, in a run, and the slope printed below (14), by differences."""
    game, lam = GAMES["markov"], 0.07
    trace = fm.learn(game, fm.rules.GradientPlay(0.5, lam), 5,
                     record=fm.Record(metrics=("value", "log_barrier", "visited_log_barrier", "policy"))).trace
    for k, policy in enumerate(trace["policy"]):
        visit = fm.evaluate(game, policy).visit
        plain = [np.log(part).sum() for part in fm.split(game, policy)]
        weighed = [visit @ np.log(part).sum(axis=1) for part in fm.split(game, policy)]
        assert_allclose(trace["log_barrier"][k], plain, rtol=1e-13)
        assert_allclose(trace["visited_log_barrier"][k], weighed, rtol=1e-11)
        assert_allclose(metrics.log_barrier_objective(game, policy, lam), trace["value"][k] + lam * np.array(plain),
                        rtol=1e-12)
    for visited in (False, True):
        assert_array_equal(metrics.log_barrier(game, trace["policy"], visited=visited),
                           trace["visited_log_barrier" if visited else "log_barrier"])
    theta = np.random.default_rng(1).normal(size=policy.shape)
    policy, counts = softmax(game, theta), np.repeat(game.num_actions, game.num_actions)
    slope = own(game, slopes(game, theta, lambda p: metrics.log_barrier_objective(game, p, lam)))
    assert_allclose(slope, metrics.gradient(game, policy) + lam - lam * counts * policy, atol=1e-8)


def test_the_visited_barrier_is_a_payoff_and_not_a_player_s_own():
    """J~_i is a value at stage payoffs r_i + lam (1-gamma) sum log pi_i; its slope moves with the others' policies."""
    game, lam = GAMES["markov"], 0.07
    one, policy = fm.random_policy(game, 0), fm.random_policy(game, 1)
    more = np.stack([np.log(part).sum(axis=1) for part in fm.split(game, policy)])
    rewards = game.rewards + lam * (1 - game.discount) * more[:, :, None, None]
    twin = fm.MarkovGame(rewards, game.transitions, game.discount, game.initial)
    assert_allclose(metrics.log_barrier_objective(game, policy, lam, visited=True), value(twin)(policy), rtol=1e-12)
    theta = np.log(policy)
    other = theta.copy()
    other[:, game.num_actions[0]:] = np.log(one)[:, game.num_actions[0]:]  # player 1 plays otherwise
    own_slope = [fm.split(game, slopes(game, at, lambda p, v=visited: metrics.log_barrier(game, p, visited=v))[0])[0]
                 for visited in (False, True) for at in (theta, other)]
    assert_allclose(own_slope[0], own_slope[1], atol=1e-8)
    assert abs(own_slope[2] - own_slope[3]).max() > 1e-3


def test_the_regularised_potential_never_falls_at_the_provable_step():
    """Phi~ (14) of an identical-interest run, read off its trace: Theorem 6 and Lemma 26."""
    rng = np.random.default_rng(2)
    game = fm.MarkovGame.identical_interest(rng.random((2, 2, 3)), rng.dirichlet([1, 1], (2, 2, 3)), 0.5)
    lam = 0.05
    record = fm.Record(metrics=("value", "log_barrier", "grad_norm"))
    for rule in (fm.rules.GradientPlay(theory.log_barrier_gradient_step(game, lam=lam), lam),
                 fm.rules.NaturalGradientPlay(theory.log_barrier_natural_step(game, lam=lam), lam)):
        trace = fm.learn(game, rule, 300, record=record).trace
        potential = trace["value"][:, 0] + lam * trace["log_barrier"].sum(axis=1)
        assert (np.diff(potential) >= -1e-12).all() and potential[-1] > potential[0]


def test_barriers_at_the_boundary_and_of_actions_that_are_not_there():
    game = fm.games.zhang_3x2()
    assert_array_equal(metrics.log_barrier(game, [[1, 0, 0], [0.5, 0.5]]), [-np.inf, 2 * np.log(0.5)])
    assert_array_equal(metrics.log_barrier_objective(game, [[1, 0, 0], [0.5, 0.5]], 0.0), [-0.43, -0.43])
    uniform = fm.uniform_policy(PICKY)
    for visited in (False, True):
        assert_allclose(metrics.log_barrier(PICKY, uniform, visited=visited), [2 * np.log(0.5), 3 * np.log(1 / 3)])


# ------------------------------------------------------------------------------------------------------- experiments
def three_players(rule, last, eta=10.0, lam=0.003):
    """The largest NE-gap at t = 1..last of one of the paper's rules in the game of three, in plain NumPy."""
    one = np.array([[-1, 0.14], [0.16, 0.15], [0.2, -1]])
    two = np.array([[-1, 0.14], [0.16, 0.15], [0.24, -1]]) - 0.01
    payoff = np.stack([one, two], axis=2)
    theta, gaps = [np.zeros(3), np.zeros(2), np.zeros(2)], []
    for _ in range(last):
        x, y, z = pi = [np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in theta]
        q = payoff @ z @ y, x @ (payoff @ z), y @ (x @ payoff.reshape(3, 4)).reshape(2, 2)
        value = x @ q[0]
        gaps.append(max(each.max() for each in q) - value)
        for i, (p, each) in enumerate(zip(pi, q)):
            slope = p * (each - value)
            step = {"gradient": eta * slope, "natural": eta * (each - value),
                    "gradient, barrier": eta * (slope + lam - lam * p.size * p)}.get(rule)
            if step is None:
                step = np.clip(eta * (each - value + lam / p - lam * p.size), -1, 1)
            theta[i] = theta[i] + step
    return np.array(gaps)


def test_the_numbers_of_three_players_by_plain_numpy():
    """What the experiment calls recomputed, computed once more."""
    ends = {"gradient": (5000, 0.029405), "gradient, barrier": (1000, 0.005869), "natural, barrier": (1000, 0.007354)}
    for rule, (last, number) in ends.items():
        gaps = three_players(rule, last)
        assert gaps[0] == pytest.approx(0.376667, abs=5e-7) and gaps[-1] == pytest.approx(number, abs=5e-7)
    gaps = three_players("natural", 400)
    assert gaps[272] > 1e-6 > gaps[273:].max(), "below 1e-6 from t = 274 on"


@pytest.mark.compiled
def test_every_number_of_zhang_says_where_it_comes_from():
    """Figures alone are printed: the authors' data, ours, or statements; one "around iteration 70" is in the text."""
    sources = {name: {check.source for check in catalogue[name].run().checks} for name in catalogue
               if name.startswith("zhang") and name != "zhang-time"}
    assert sources == {"zhang-3x2": {DATA, PRINTED}, "zhang-3x2-starts": {STATEMENT, RECOMPUTED},
                       "zhang-3player": {RECOMPUTED}, "zhang-8player": {DATA}, "zhang-bounds": {STATEMENT}}


@pytest.mark.compiled
def test_bounds_are_drawn_beside_runs_that_keep_them():
    outcome = catalogue["zhang-bounds"].run()
    assert [check.name for check in outcome.checks if not check.ok] == []
    theorems, lemma = (figure.draw() for figure in outcome.figures)
    assert len(theorems.axes) == 8 and len(lemma.axes) == 4
    for ax in theorems.axes:
        x, measured = ax.lines[0].get_data()
        proved = np.interp(np.log(x), *map(np.log, ax.lines[1].get_data())) if ax.get_xlabel() == "updates T" else None
        assert ax.get_yscale() == "log" and (proved is None or (np.log(measured) <= proved).all())
    assert any("stationary, no Nash equilibrium from t = 179" in note for note in outcome.notes)
    assert zhang2022_bounds.falls(np.array([0.0, 1.0, 0.5, 2.0, 2.0 - 1e-14])) == 1


@pytest.mark.compiled
def test_time_is_measured_and_never_checked():
    outcome = catalogue["zhang-time"].run()
    assert outcome.checks == () and "2.04 s" in outcome.notes[0]
    sheet = outcome.figures[0].draw()
    assert [len(ax.lines) for ax in sheet.axes] == [4, 4]
    assert zhang2022.settled(fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(5.0), 999)) == 388
