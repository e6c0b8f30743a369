"""Inverse learning by maximum causal entropy: against the plain twin, by other routes, on a line of known weights."""

import functools
import warnings

import naive_horizon
import naive_irl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_mge import random_game

import fastmpg as fm
from fastmpg.experiments._imitation import SIZES, error_slope, sampled_errors
from fastmpg.games.imitation_line import THETA, line_features
from fastmpg.solvers import mce_irl, mge_f
from fastmpg.solvers._demonstrations import laws_of

pytestmark = pytest.mark.compiled  # minutes as Python

FEATURES = line_features()
SHARED = [FEATURES[0], np.stack([FEATURES[1][:, 0], FEATURES[0][:, 1]], axis=1)]  # [x1 = 3, x1 = x2], [x2 = 0, x1 = x2]


@functools.cache
def line():
    return fm.games.imitation_line()


@functools.cache
def expert(kind="softmax"):
    return mge_f(line(), 4, value=kind).policy


@functools.cache
def exact(kind):
    return mce_irl(line(), FEATURES, policy=expert(kind), value=kind)


def paid(features, theta):
    """The line with rewards <theta_i, F_i>."""
    rewards = np.stack([own @ weights for own, weights in zip(features, theta, strict=True)])
    rewards = np.broadcast_to(rewards[:, :, None, None], (2, 16, 3, 3))
    return fm.MarkovGame(rewards, line().transitions, 1.0, line().initial, available=line().available)


def profiles(game, policy):
    return [naive_horizon.split(each, game.num_actions) for each in policy]


def random_features(rng, game, kinds):
    """One array a player: "s" of states, "a" of states and actions, None."""
    shapes = {"s": lambda i: (game.num_states, 2), "a": lambda i: (game.num_states, game.num_actions[i], 2)}
    return [None if kind is None else rng.uniform(-1, 1, shapes[kind](i)) for i, kind in enumerate(kinds)]


# ---------------------------------------------------------------------------------------------- the line, known weights
@pytest.mark.parametrize(("kind", "steps", "likelihood"), [("softmax", 650, -6.11865), ("mean", 725, -5.97004)])
def test_weights_of_the_line_are_found(kind, steps, likelihood):
    """From 0 with step .3 and exact data: theta to 1e-5, the gap 1e-7 within so many steps, the likelihood to 1e-5.

    Numbers are the statement's, recomputed by a separate NumPy program.
    """
    found = exact(kind)
    assert found.status == "converged" and found.iterations <= steps and found.gap[-1] <= 1e-7
    assert_allclose(np.stack(found.theta), THETA, atol=1e-5)
    assert_allclose(found.log_likelihood[-1], likelihood, atol=1e-5)
    assert_allclose(found.policy, expert(kind), atol=1e-6)
    assert_allclose(found.log_likelihood_by_player.sum(axis=1), found.log_likelihood, rtol=1e-14)
    assert found.gap.shape == found.log_likelihood.shape == (found.iterations + 1,)
    assert [each.shape for each in found.path] == [(found.iterations + 1, 2)] * 2


def test_what_is_recorded_is_the_policys():
    """Likelihood, counts and policy of the result, by the twin and the public functions at its theta."""
    found, game = exact("mean"), naive_horizon.tables(line())
    made = naive_irl.policies_at(game, FEATURES, found.theta, 4, "mean")
    assert_allclose(found.policy, [np.concatenate(each, axis=1) for each in made], atol=1e-11)
    assert_allclose(found.log_likelihood_by_player[-1],
                    naive_irl.expected_log_likelihood(game, profiles(line(), expert("mean")), made), atol=1e-11)
    seen = fm.evaluate_horizon(line(), expert("mean"))
    ours = fm.evaluate_horizon(line(), found.policy)
    for i in range(2):
        assert_allclose(found.expert_counts[i], seen.features(FEATURES[i]), atol=1e-13)
        assert_allclose(found.counts[i], ours.features(FEATURES[i]), atol=1e-13)


def test_shared_feature_is_warned_of():
    """Features match at other weights than the truth (statement, recomputed by a separate NumPy program)."""
    with pytest.warns(UserWarning, match=r"features of players 0, 1 are linearly dependent.*1 of 4 directions"):
        found = mce_irl(line(), SHARED, policy=mge_f(paid(SHARED, THETA), 4, value="softmax").policy)
    assert found.status == "converged"
    assert_allclose(np.stack(found.theta), [[1.056, -0.154], [0.526, -0.154]], atol=5e-4)
    assert abs(np.stack(found.theta) - THETA).max() > 0.2


def test_matching_is_no_ascent_of_the_likelihood():
    """At (.3, -.2), (.1, .2): Fhat - Fbar of player 1 against the slopes of its own log-likelihood (statement)."""
    point, h = np.array([[0.3, -0.2], [0.1, 0.2]]), 1e-4

    def at(theta):
        return mce_irl(line(), FEATURES, policy=expert(), theta=list(theta), maxiter=0)

    found = at(point)
    assert found.status == "limit" and found.iterations == 0
    assert_allclose(found.expert_counts[0] - found.counts[0], [1.0770, -0.4320], atol=5e-5)
    slopes = []
    for k in range(2):
        up, down = point.copy(), point.copy()
        up[0, k], down[0, k] = point[0, k] + h, point[0, k] - h
        slopes.append((at(up).log_likelihood_by_player[0, 0] - at(down).log_likelihood_by_player[0, 0]) / (2 * h))
    assert_allclose(slopes, [1.0682, -0.2993], atol=5e-5)


@pytest.mark.parametrize("kind", ["s", "a"])
def test_alone_matching_is_ascent_of_the_likelihood(rng, kind):
    """One player, random moves: the gradient by differences, 1e-7."""
    game = random_game(rng, (3,), 4)
    features = random_features(rng, game, [kind])
    truth, point, h = rng.uniform(-2, 2, 2), rng.uniform(-2, 2, 2), 1e-4
    data = mce_irl(game, features, counts=[np.zeros(2)], horizon=3, theta=[truth], maxiter=0).policy

    def likelihood(theta):
        return mce_irl(game, features, policy=data, theta=[theta], maxiter=0).log_likelihood[0]

    found = mce_irl(game, features, policy=data, theta=[point], maxiter=0)
    slopes = [(likelihood(point + h * e) - likelihood(point - h * e)) / (2 * h) for e in np.eye(2)]
    assert_allclose(found.expert_counts[0] - found.counts[0], slopes, atol=1e-7)


# ------------------------------------------------------------------------------------------------------------- the twin
@pytest.mark.parametrize("value", ["softmax", "mean", "max"])
@pytest.mark.parametrize(("actions", "kinds", "options"), [
    ((2, 3), "sa", {}), ((3, 2), ["a", None], {"sparse": True, "discount": 0.8}),
    ((2, 2, 2), [None, "s", "a"], {"masked": False}),
    ((3,), "a", {}), ((2, 2), ["s", None], {"shared": True})], ids=["dense", "known", "three", "alone", "shared"])
def test_steps_are_the_twins(rng, value, actions, kinds, options):
    """Weights after each of four steps, 1e-9: projected to a ball, with a step that falls, not from 0."""
    game = random_game(rng, actions, 3, scale=0.5, **options)
    plain, features = naive_horizon.tables(game), random_features(rng, game, kinds)
    start = [None if own is None else rng.uniform(-0.4, 0.4, 2) for own in features]
    expert = [fm.random_policy(game, rng) for _ in range(2)]
    hat = naive_irl.counts(plain, features, profiles(game, expert))

    def step(k):
        return 2 / (k + 1)

    found = mce_irl(game, features, policy=expert, value=value, theta=start, step=step, radius=0.9, maxiter=4)
    path = naive_irl.mce_irl(plain, features, lambda k: hat, 2, value, start, step, 4, 0.9)
    for i, own in enumerate(features):
        if own is None:
            assert found.theta[i] is None and found.counts[i] is None and found.path[i] is None
        else:
            assert_allclose(found.expert_counts[i], hat[i], atol=1e-12)
            assert_allclose(found.path[i], [each[i] for each in path], atol=1e-9)
            assert max(np.linalg.norm(found.path[i], axis=1)) <= 0.9 + 1e-12
    made = naive_irl.policies_at(plain, features, path[-1], 2, value)
    likely = naive_irl.expected_log_likelihood(plain, profiles(game, expert), made)
    assert_allclose(found.log_likelihood_by_player[-1], likely, atol=1e-8)


def test_trajectories_are_the_twins():
    """Counts and likelihood of sampled data, by trajectory; a HorizonPlay and a pair of arrays are the same."""
    play = fm.play_horizon(line(), expert(), 7, rng=3)
    actions = [np.eye(3)[[0, 1, 2]][None].repeat(16, 0).reshape(16, 3, 3), FEATURES[1]]  # which move, and places
    found = mce_irl(line(), actions, trajectories=play, maxiter=3)
    again = mce_irl(line(), actions, trajectories=(play.states, play.actions.tolist()), maxiter=3)
    assert found == again
    one = [naive_irl.counts_of(actions, 1.0, s, a) for s, a in zip(play.states, play.actions, strict=True)]
    for i in range(2):
        assert_allclose(found.expert_counts[i], np.mean([each[i] for each in one], axis=0), atol=1e-13)
    made = profiles(line(), found.policy)
    likely = [naive_irl.log_likelihood(made, s, a) for s, a in zip(play.states, play.actions, strict=True)]
    assert_allclose(found.log_likelihood_by_player[-1], np.mean(likely, axis=0), atol=1e-12)


def test_trajectories_one_by_one():
    """Online: step k sees the mean of the first k + 1, to 1e-9; in the end the weights are those of all at once."""
    play = fm.play_horizon(line(), expert(), 40, rng=5)
    one = [naive_irl.counts_of(FEATURES, 1.0, s, a) for s, a in zip(play.states, play.actions, strict=True)]
    found = mce_irl(line(), FEATURES, trajectories=play, online=True)

    def so_far(k):
        return [np.mean([each[i] for each in one[:k + 1]], axis=0) for i in (0, 1)]

    path = naive_irl.mce_irl(naive_horizon.tables(line()), FEATURES, so_far, 4, "softmax", [np.zeros(2)] * 2,
                             lambda k: 0.3, 6)
    for i in range(2):
        assert_allclose(found.path[i][:7], [each[i] for each in path], atol=1e-9)
    whole = mce_irl(line(), FEATURES, trajectories=play)
    assert found.status == whole.status == "converged" and found.iterations != whole.iterations
    assert_allclose(np.stack(found.theta), np.stack(whole.theta), atol=1e-5)
    assert_allclose(found.log_likelihood[0], whole.log_likelihood[0], rtol=1e-14)  # of all, from the start
    soon = mce_irl(line(), FEATURES, trajectories=play, online=True, tol=100.0)
    assert soon.iterations == 39  # not before all were seen


def test_counts_are_enough():
    """The same weights from Fhat alone; nobody then knows a likelihood."""
    seen = fm.evaluate_horizon(line(), expert())
    found = mce_irl(line(), FEATURES, counts=[seen.features(own) for own in FEATURES], horizon=4)
    assert_allclose(np.stack(found.theta), np.stack(exact("softmax").theta), atol=1e-9)
    assert np.isnan(found.log_likelihood).all() and "likelihood" not in repr(found)
    assert "log-likelihood -6.11865" in repr(exact("softmax"))


# ----------------------------------------------------------------------------------------------------- options and ends
def test_known_rewards_stay():
    """Player 2's reward is known, or none of its features: the other's weights are found, and each by itself."""
    for known in (0, 1):
        features = [None if i == known else own for i, own in enumerate(FEATURES)]
        found = mce_irl(line(), features, policy=expert())
        assert found.status == "converged" and found.theta[known] is None
        assert_allclose(found.theta[1 - known], THETA[1 - known], atol=1e-5)
    given = mce_irl(line(), features, policy=expert(), terminal=line().rewards[:, :, 0, 0])
    assert given == found  # what is the default here
    other = mce_irl(line(), features, policy=expert(), terminal=np.zeros((2, 16)), maxiter=0)
    assert abs(other.policy[3] - found.policy[3])[:, 3:].max() > 0.1  # the last decision has nothing to look forward to


def test_rewards_of_others_are_not_read(rng):
    """The game may hold anything in place of rewards that are learned."""
    game = random_game(rng, (2, 3), 3)
    features, data = random_features(rng, game, ["s", None]), [fm.random_policy(game, rng)] * 2
    table = np.array(game.rewards)
    table[0] = 1e9
    other = fm.MarkovGame(table, game.transitions, 1.0, available=game.available)
    assert mce_irl(game, features, policy=data, maxiter=5) == mce_irl(other, features, policy=data, maxiter=5)


def test_in_a_ball():
    """Weights end on the sphere where the truth is outside; a ball that holds it changes nothing."""
    found = mce_irl(line(), FEATURES, policy=expert(), radius=1.0)
    assert found.status == "bound" and found.gap[-1] > 1e-3
    assert_allclose(np.linalg.norm(np.stack(found.theta), axis=1), 1.0, atol=1e-9)
    push = [h - b for h, b in zip(found.expert_counts, found.counts, strict=True)]
    for own, g in zip(found.theta, push, strict=True):  # what would still be gained points out of the ball
        assert_allclose(g, own * (g @ own), atol=1e-6)
        assert g @ own > 0
    free = mce_irl(line(), FEATURES, policy=expert(), radius=2.0)
    assert_array_equal(np.stack(free.theta), np.stack(exact("softmax").theta))


def test_ends():
    few = mce_irl(line(), FEATURES, policy=expert(), maxiter=3)
    assert few.status == "limit" and few.iterations == 3 and len(few.gap) == 4
    wild = mce_irl(line(), FEATURES, policy=expert(), step=lambda k: 1e308, maxiter=50)
    assert wild.status in ("diverged", "lost") and np.isfinite(np.stack(wild.theta)).all()
    done = mce_irl(line(), FEATURES, policy=expert(), theta=list(THETA))
    assert done.status == "converged" and done.iterations == 0 and done.gap[0] < 1e-12


def test_policy_is_the_one_from_uniform_play():
    """What the last step's policy is, mge_f finds at those weights, though steps start from one another."""
    found = mce_irl(line(), FEATURES, policy=expert(), maxiter=60)
    assert_allclose(found.policy, mge_f(paid(FEATURES, found.theta), 4, value="softmax").policy, atol=1e-12)


def coordination():
    """From state 0 two players get to state 1 or 2 if they choose alike; from 3 and 4 the first decides whether to go.

    The second is paid (3.5, 4) in states 1 and 2, and what the first is paid there is to be learned.
    """
    moves = np.zeros((5, 2, 2, 5))
    moves[:3, 0, 0, 1] = moves[:3, 1, 1, 2] = moves[3, 0, :, 1] = moves[4, 0, :, 2] = 1.0
    moves[..., 0] = 1.0 - moves.sum(axis=-1)
    rewards = np.zeros((2, 5, 2, 2))
    rewards[1] = np.array([0.0, 3.5, 4.0, 0.0, 0.0])[:, None, None]
    return fm.MarkovGame(rewards, moves, 1.0, initial=[1 / 3, 0, 0, 1 / 3, 1 / 3])


def test_another_equilibrium_does_not_pass():
    """Weights are led along to where another equilibrium than that from uniform play would match: it is not taken."""
    game, features, truth = coordination(), [np.eye(5)[:, 1:3], None], np.array([3.5, 4.0])

    def last(theta):
        return [[0.0, *theta, 0.0, 0.0], game.rewards[1, :, 0, 0]]

    near = mge_f(game, 1, value="softmax", branch="start", start=[[0.95, 0.05, 0.95, 0.05]] * 5, terminal=last(truth))
    far = mge_f(game, 1, value="softmax", terminal=last(truth))
    assert near.status == far.status == ("converged",) and near.policy[0, 0, 0] > 0.9 and far.policy[0, 0, 0] < 0.1
    found = mce_irl(game, features, policy=near.policy, theta=[[4.5, 3.7], None], step=20.0, maxiter=2000)
    assert abs(found.path[0] - truth).max(axis=1).min() < 1e-4  # there it was
    assert found.status == "limit" and found.gap.min() > 1e-7 and found.gap[-1] > 1e-3
    assert_allclose(found.policy, mge_f(game, 1, value="softmax", terminal=last(found.theta[0])).policy, atol=1e-11)


@pytest.mark.parametrize("sparse", [False, True])
def test_laws_are_those_of_evaluation(rng, sparse):
    """The forward pass without players' models, against the one with them, 1e-14."""
    game = random_game(rng, (2, 3, 2), 5, sparse=sparse)
    policy, law = np.array([fm.random_policy(game, rng) for _ in range(4)]), rng.dirichlet(np.ones(5))
    assert_allclose(laws_of(game, policy, None), fm.evaluate_horizon(game, policy).occupancy, atol=1e-14)
    assert_allclose(laws_of(game, policy, law), fm.evaluate_horizon(game, policy, initial=law).occupancy, atol=1e-14)


def test_two_hunters_and_a_known_prey():
    """The pursuit's own rewards are where everything matches, at 729 states shared out between threads."""
    game = fm.games.pursuit_3()
    one, two, prey = np.indices((9, 9, 9)).reshape(3, 729)
    apart, together = (one == two) & (one != prey), (one == two) & (one == prey)
    features = [np.stack([apart, together, (one == prey) & (one != two)], axis=1), None, None]
    features[1] = np.stack([-3.75 * apart - 2.5 * together, (two == prey) & (one != two)], axis=1)
    policy, truth = mge_f(game, 3, value="softmax").policy, [[-3.75, -2.5, 1.25], [1.0, 1.25], None]
    with pytest.warns(UserWarning, match="players 0, 1 are"):  # both mind meeting each other
        found = mce_irl(game, features, policy=policy, theta=truth, maxiter=1)
    assert found.status == "converged" and found.iterations == 0 and found.gap[0] < 1e-12
    features[1] = features[1][:, 1:]
    found = mce_irl(game, features, policy=policy, maxiter=3)
    assert found.status == "limit" and found.gap[0] > found.gap[3] > 1e-2


@pytest.mark.parametrize("swap", [False, True])
def test_dependence(rng, swap):
    """Told for features that are the same in all states that can be met, by whose they are; and for no others."""
    game = random_game(rng, (2, 3), 4, masked=False)
    one, both, place = rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, 4), np.arange(4.0)
    data = {"policy": [fm.random_policy(game, rng)] * 2, "maxiter": 0}

    def ask(*features):
        mce_irl(game, features[::-1] if swap else features, **data)

    if swap:
        game = fm.MarkovGame(game.rewards[::-1].transpose(0, 1, 3, 2), game.transitions.transpose(0, 2, 1, 3), 1.0)
        data["policy"] = [fm.random_policy(game, rng)] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(one, place[:, None])
        ask(one, np.repeat(both[:, None, None], 3, axis=1))  # of actions: at T it does not count
        ask(one[:, None] * np.array([0.0, 1.0])[:, None], one[:, None] * np.array([0.0, 1.0, 2.0])[:, None])
    with pytest.warns(UserWarning, match="players 0, 1"):
        ask(one, (one @ [2.0, -3.0])[:, None])
    with pytest.warns(UserWarning, match="players 0, 1"):  # their actions do not matter, after all
        ask(np.repeat(one[:, None], 2, axis=1), np.repeat(one[:, None, :1], 3, axis=1))
    with pytest.warns(UserWarning, match=f"player {int(swap)} are"):
        ask(np.stack([both, 2 * both], axis=1), place[:, None])
    if not swap:
        with pytest.warns(UserWarning, match="players 0, 1"):  # apart in a state that nobody comes to
            still = fm.MarkovGame(np.zeros((2, 2, 1, 1)), np.eye(2)[:, None, None], 1.0, initial=[1.0, 0.0])
            mce_irl(still, [[[1.0], [0.0]], [[1.0], [2.0]]], policy=[[[1.0, 1.0], [1.0, 1.0]]], maxiter=0)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"policy": None}, "policy=, trajectories= or counts="),
    ({"counts": [[1, 1], [1, 1]]}, "found policy and counts"),
    ({"policy": None, "counts": [[1, 1], [1, 1]]}, "counts need horizon="),
    ({"policy": None, "counts": [[1, 1], None], "horizon": 4}, r"counts\[1\] must be an array"),
    ({"policy": None, "counts": [[1, 1], [1, 1, 1]], "horizon": 4}, r"counts\[1\] must have shape \(K,\) = \(2,\)"),
    ({"features": [FEATURES[0]]}, "features must hold one array, or None, for each of 2 players, found 1"),
    ({"features": [None, None]}, "at least one player"),
    ({"features": [FEATURES[0], FEATURES[1][:5]]}, r"features\[1\] must have shape \(S, K\) = \(16, 2\), found \(5"),
    ({"features": [FEATURES[0], np.zeros((16, 2, 1))]}, r"features\[1\] must have shape \(S, A_1, K\) = \(16, 3, 1\)"),
    ({"features": [FEATURES[0], FEATURES[1] * np.nan]}, r"features\[1\] must be finite"),
    ({"theta": [[0, 0]]}, "theta must hold one array, or None, for each of 2"),
    ({"theta": [[0, 0], None]}, r"theta\[1\] must be an array"),
    ({"features": [FEATURES[0], None], "theta": [[0, 0], [0, 0]]}, r"theta\[1\] must be None"),
    ({"step": -1.0}, "step must be"), ({"step": lambda k: -float(k)}, r"step\(0\) must be"),
    ({"radius": 0}, "radius must be"),
    ({"value": "entropy"}, "value must be one of"), ({"online": True}, "online=True needs trajectories"),
    ({"horizon": 3}, "horizon must be that of policy, 4"), ({"terminal": [0.0]}, "terminal must have shape"),
    ({"policy": None, "trajectories": ([[3, 7]], [[[2, 2, 1]]])}, r"\(n, T, N\) = \(1, 1, 2\), found \(1, 1, 3\)"),
    ({"policy": None, "trajectories": ([[3, 17]], [[[0, 0]]])}, "found 17 at t = 1 of trajectory 0"),
    ({"policy": None, "trajectories": ([[3, 3]], [[[2, 0]]])},
     "player 0 must be ones that it has, found 2 in state 3 at t = 0 of trajectory 0"),
    ({"policy": None, "trajectories": ([[3, 3.5]], [[[0, 0]]])}, "whole numbers"),
    ({"policy": None, "trajectories": ([[3]], np.zeros((1, 0, 2)))}, "at least one"),
])
def test_what_is_wrong_is_said(wrong, said):
    with pytest.raises((ValueError, TypeError), match=said):
        mce_irl(line(), **({"features": FEATURES, "policy": expert()} | wrong))


def test_simulators_are_refused():
    with pytest.raises(TypeError, match="simulator"):
        mce_irl(fm.games.routing(2, form="simulator"), [None, [[1.0]] * 4], counts=[None, [1.0]], horizon=2)


def test_other_models_are_taken_by_their_tables(rng):
    """A game by counts and its dense form, bit for bit."""
    game = fm.games.routing(2, form="count")
    features = [rng.uniform(-1, 1, (4, 1)), rng.uniform(-1, 1, (4, 2, 2))]
    data = fm.play_horizon(game, [fm.random_policy(game, rng)] * 2, 30, rng=1)
    found = mce_irl(game, features, trajectories=data, maxiter=5)
    assert found == mce_irl(game.to_dense(), features, trajectories=data, maxiter=5)


def test_nothing_of_the_callers_is_changed():
    features, policy, theta = [own.copy() for own in FEATURES], expert().copy(), [np.zeros(2), np.ones(2)]
    mce_irl(line(), features, policy=policy, theta=theta, maxiter=3)
    assert_array_equal(features, FEATURES)
    assert_array_equal(policy, expert())
    assert_array_equal(theta, [np.zeros(2), np.ones(2)])
    assert line() == fm.games.imitation_line()


# ------------------------------------------------------------------------------------------------------ sampled experts
@pytest.mark.slow
def test_errors_fall_with_the_root_of_the_data():
    """10^2 .. 10^5 trajectories: the slope of the error is -1/2 within .1 (statement), and its size the delta method's.

    theta(Fhat) has the Jacobian J^-1, J = dFbar/dtheta, so errors are J^-1 Cov(F) J^-T / n in the mean square.
    """
    errors = sampled_errors()
    size, slope = error_slope(SIZES, errors)
    assert abs(slope + 0.5) <= 0.1
    h, columns = 1e-5, []
    for k in range(4):
        each = []
        for sign in (1, -1):
            theta = THETA + sign * h * np.eye(4)[k].reshape(2, 2)
            each.append(np.concatenate(mce_irl(line(), FEATURES, policy=expert(), theta=list(theta), maxiter=0).counts))
        columns.append((each[0] - each[1]) / (2 * h))
    play = fm.play_horizon(line(), expert(), 100_000, rng=8)
    one = np.concatenate([own[play.states].sum(axis=1) for own in FEATURES], axis=1)
    inverse = np.linalg.inv(np.transpose(columns))
    spread = inverse @ np.cov(one.T) @ inverse.T
    trace, runs = np.trace(spread), errors.shape[1]
    off = np.sqrt(2 * np.trace(spread @ spread) / runs) / trace  # relative standard deviation of a mean of squares
    assert_allclose(size[2:] ** 2 * SIZES[2:], trace, rtol=4 * off)
    bias = errors[3].mean(axis=0).reshape(-1)  # none is left
    assert (abs(bias) < 4 * np.sqrt(np.diag(spread) / SIZES[3] / runs)).all()


def test_sampled_errors_fall():
    """Two sizes, a few runs: what the slow test asks in full."""
    errors = sampled_errors((200, 20_000), 4)
    assert errors.shape == (2, 4, 2, 2)
    assert error_slope((200, 20_000), errors)[0][1] < 0.5 * error_slope((200, 20_000), errors)[0][0]
