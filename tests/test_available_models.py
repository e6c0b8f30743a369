"""State-dependent action sets in every other model: counts, pairs, simulators, functions, products of factors."""

import copy
import functools
import pickle

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulating import compiled_only
from test_available import TAU, policy_on, ragged

import fastmpg as fm


def count_pair(kind):
    """A count game of three players whose action 1 is missing, and the game of the two other actions."""
    rng = np.random.default_rng(2)
    states, law = 2, rng.dirichlet(np.ones(2), (2, 4))  # law[s, n]: of the players on action 0

    def moves(s, counts):
        return law[s][counts[:, 0]]

    mask = np.tile([True, False, True], (states, 3))
    many, few = fm.count_vectors(3, 3), fm.count_vectors(3, 2)
    same = np.array([np.flatnonzero((many == [u, 0, v]).all(axis=1))[0] for u, v in few])
    if kind == "own":
        table = rng.uniform(-1, 1, (states, 3, 4))
        return fm.CountGame(table, moves, 0.9, available=mask), fm.CountGame(table[:, [0, 2]], moves, 0.9)
    if kind == "each":
        table = rng.uniform(-1, 1, (3, states, 3, 4))
        return fm.CountGame(table, moves, 0.9, available=mask), fm.CountGame(table[:, :, [0, 2]], moves, 0.9)
    if kind == "vector":
        table = rng.uniform(-1, 1, (states, 3, len(many)))
        build = functools.partial(fm.CountGame.from_count_vectors, num_players=3)
        return build(table, moves, 0.9, available=mask), build(table[:, [0, 2]][..., same], moves, 0.9)
    table = rng.uniform(-1, 1, (states, len(many)))
    build = functools.partial(fm.CountGame.identical_interest, num_players=3)
    return build(table, moves, 0.9, num_actions=3, available=mask), build(table[:, same], moves, 0.9, num_actions=2)


@pytest.mark.parametrize("kind", ["own", "each", "vector", "shared"])
def test_count_games_without_an_action(kind):
    game, less = count_pair(kind)
    policy = fm.random_policy(less, 1)
    given = np.zeros((2, 9))
    given[:, game.available[0]] = policy
    assert_allclose(fm.evaluate(game, given, tau=TAU).value,
                    fm.evaluate(less, policy, tau=TAU).value, rtol=0, atol=1e-12)
    assert_allclose(fm.qre_gap(game, given, TAU), fm.qre_gap(less, policy, TAU), rtol=0, atol=1e-12)
    assert_array_equal(game.payoff_range(), less.payoff_range())
    rule = fm.rules.NaturalGradientPlay(0.1)
    found, expected = fm.learn(game, rule, 5, policy=given), fm.learn(less, rule, 5, policy=policy)
    assert_allclose(found.policy[:, game.available[0]], expected.policy, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["own", "each", "vector", "shared"])
def test_ragged_count_games_are_their_dense_form(kind):
    rng = np.random.default_rng(4)
    parts = ragged(rng, 2, (3, 3, 3), 0.7)
    plain, _ = count_pair(kind)
    game = type(plain).from_tables({**plain.tables(), "available": np.concatenate(parts, axis=1)})
    dense, policy = game.to_dense(), naive.join(policy_on(rng, parts))
    assert_array_equal(dense.available, game.available)
    assert_array_equal(game.payoff_range(), dense.payoff_range())
    assert_allclose(fm.evaluate(game, policy).q_bar, fm.evaluate(dense, policy).q_bar, rtol=0, atol=1e-12)
    assert_allclose(fm.ne_gap(game, policy), fm.ne_gap(dense, policy), rtol=0, atol=1e-12)
    assert pickle.loads(pickle.dumps(game)) == game == type(game).from_tables(game.tables()) != plain


def test_polymatrix_games_are_their_dense_form():
    rng = np.random.default_rng(6)
    parts = ragged(rng, 3, (2, 3, 2), 0.7)
    payoffs = {}
    for i, k in ((0, 1), (1, 0), (1, 2), (2, 0)):
        table = rng.uniform(-1, 1, (3, parts[i].shape[1], parts[k].shape[1]))
        payoffs[i, k] = np.where(parts[i][:, :, None] & parts[k][:, None], table, np.nan)
    solo = [np.where(part, rng.uniform(-1, 1, part.shape), np.nan) for part in parts]
    game = fm.PolymatrixGame(payoffs, (2, 3, 2), rng.dirichlet(np.ones(3), 3), 0.9, solo=solo, available=parts)
    dense, policy = game.to_dense(), naive.join(policy_on(rng, parts))
    assert_allclose(fm.evaluate(game, policy).q_bar, fm.evaluate(dense, policy).q_bar, rtol=0, atol=1e-12)
    assert_allclose(fm.qre_gap(game, policy, TAU), fm.qre_gap(dense, policy, TAU), rtol=0, atol=1e-12)
    low, high = game.payoff_range().T
    assert ((low <= dense.payoff_range()[:, 0]).all()
            and (high >= dense.payoff_range()[:, 1]).all() and np.isfinite([low, high]).all())
    assert pickle.loads(pickle.dumps(game)) == game == type(game).from_tables(game.tables())


def begin(uniforms):
    return 0


def both(state, actions, uniforms, rewards):
    if actions[0] == 1:  # nobody ever takes it
        rewards[:] = np.nan
    rewards[0], rewards[1] = 1.0 if actions[0] == actions[1] else 0.0, uniforms[0]
    return (state + actions[0] + (uniforms[0] < 0.3)) % 3


def without_one(state, actions, uniforms, rewards):
    first = 2 * actions[0]
    rewards[0], rewards[1] = 1.0 if first == actions[1] else 0.0, uniforms[0]
    return (state + first + (uniforms[0] < 0.3)) % 3


@compiled_only
@pytest.mark.slow
def test_simulators_without_an_action():
    mask = np.tile([True, False, True, True, True], (3, 1))
    game = fm.SimulatorGame(begin, both, (3, 2), 3, 0.8, available=mask)
    less = fm.SimulatorGame(begin, without_one, (2, 2), 3, 0.8)
    keep, record = mask[0], fm.Record(metrics=("policy",), every=100)
    found, expected = (fm.learn(each, fm.rules.TwoTimescaleQ(0.1), 200, rng=2, record=record) for each in (game, less))
    assert_allclose(found.policy[:, keep], expected.policy, rtol=0, atol=1e-12)
    assert (found.policy[:, ~keep] == 0).all()
    assert "(12 of 15 available)" in repr(game) and game == copy.deepcopy(game) != less


@pytest.mark.slow
def test_functions_are_asked_only_about_what_can_be_done():
    def moves(state, actions):
        return 99 if state == 0 and actions[1] == 1 else (state + actions[0]) % 3

    def reward(state, actions, out):
        out[0], out[1] = state, actions[1]
        if state == 0 and actions[1] == 1:
            out[0] = np.nan

    def available(state, player, action):
        return not (state == 0 and player == 1 and action == 1)

    game = fm.MarkovGame.from_moves(3, (2, 2), moves, reward, 0.9, available=available)
    mask = np.ones((3, 4), bool)
    mask[0, 3] = False
    assert_array_equal(game.available, mask)
    assert game == fm.MarkovGame.from_moves(3, (2, 2), moves, reward, 0.9, available=mask)
    assert_array_equal(game.transitions.toarray()[[0, 1, 2, 3]].argmax(axis=1), [0, 0, 1, 0])
    assert_array_equal(game.to_dense().rewards[:, 0, :, 1], 0)


def test_products_of_factors():
    """A corridor of three places with walls: what runs into one is not there, and may be anything."""
    step = np.full((3, 2, 3), np.nan)
    for x in range(3):
        for a, move in enumerate((-1, 1)):
            if 0 <= x + move < 3:
                step[x, a] = np.eye(3)[x + move]
    place = np.arange(9)[:, None]
    mask = np.concatenate([place // 3 > 0, place // 3 < 2, place % 3 > 0, place % 3 < 2], axis=1)
    moves = fm.product_transitions([step[:, :, None], step[:, None]], (2, 2), available=mask)
    game = fm.MarkovGame(np.zeros((2, 9, 2, 2)), moves, 0.9, available=mask)
    assert moves.nnz == 36 and game.transitions.nnz == 36
    assert_array_equal(game.action_counts()[[0, 4, 8]], [[1, 1], [2, 2], [1, 1]])
    assert moves.toarray()[0 * 4 + 3].argmax() == 4 and moves.toarray()[0].argmax() == 0
    with pytest.raises(ValueError, match=r"factors\[0\] must be finite"):
        fm.product_transitions([step[:, :, None], step[:, None]], (2, 2))
