"""Polymatrix games against their dense form and tests/naive.py."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import rules

RULES = {
    "gradient": rules.GradientPlay(0.1),
    "barrier": rules.NaturalGradientPlay(0.1, 0.01, "centred"),
    "entropy": rules.EntropyNaturalGradientPlay(0.05, 0.3),
    "projected": rules.ProjectedGradientAscent(0.1),
    "q": rules.QAscent(0.1),
}


def draw(rng, actions, states, discount, density=0.7):
    """A random graph with payoffs by state, in either direction or in one only."""
    pairs = [(i, k) for i in range(len(actions)) for k in range(len(actions)) if i != k and rng.random() < density]
    payoffs = {(i, k): rng.normal(size=(states, actions[i], actions[k])) for i, k in pairs}
    solo = [rng.normal(size=(states, n)) for n in actions]
    moves = rng.dirichlet(np.ones(states), states)
    return (fm.PolymatrixGame(payoffs, actions, moves, discount, rng.dirichlet(np.ones(states)), solo=solo),
            payoffs, solo)


def rewards_of(game, payoffs, solo):
    """(N, S, A_0, ...) by looping over joint actions."""
    table = np.zeros((game.num_players, game.num_states, *game.num_actions))
    for joint in np.ndindex(*game.num_actions):
        for i, a in enumerate(joint):
            others = [k for k in range(len(joint)) if (i, k) in payoffs]
            table[(i, slice(None), *joint)] = solo[i][:, a] + sum(payoffs[i, k][:, a, joint[k]] for k in others)
    return table


CASES = [((2, 3), 1, 0.0), ((3, 2, 4), 3, 0.9), ((2, 2, 2, 3), 2, 0.5), ((1, 4, 2), 2, 0.0), ((5,), 3, 0.8)]


def check_rule(name, game, dense, policy, size):
    """Three steps on either form."""
    one, other = (fm.learn(each, RULES[name], 3, policy=policy, record=fm.Record(metrics=("ne_gap", "value")))
                  for each in (game, dense))
    assert_allclose(one.policy, other.policy, rtol=0, atol=1e-10)
    assert_allclose(one.trace["ne_gap"], other.trace["ne_gap"], rtol=0, atol=size)


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("actions, states, discount", CASES)
def test_every_rule(name, actions, states, discount, rng):
    game, *_ = draw(rng, actions, states, discount)
    check_rule(name, game, game.to_dense(), fm.random_policy(game, rng),
               1e-10 * np.abs(game.payoff_range()).max() / (1 - discount))


@pytest.mark.parametrize("actions, states, discount", CASES)
def test_agrees_with_dense_and_naive(actions, states, discount, rng):
    game, payoffs, solo = draw(rng, actions, states, discount)
    dense = game.to_dense()
    table = rewards_of(game, payoffs, solo)
    assert_allclose(dense.rewards, table, rtol=0, atol=1e-14 * np.abs(table).max())
    policy = fm.random_policy(game, rng)
    twin = naive.Game(table, np.broadcast_to(dense.transitions, dense.transitions.shape), discount, game.initial)
    size = 1e-10 * np.abs(table).max() / (1 - discount)
    found = fm.evaluate(game, policy)
    expected = fm.evaluate(dense, policy)
    for name in ("value", "q_bar", "adv_bar", "visit"):
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=size, err_msg=name)
    assert_allclose(found.value, naive.value(twin, naive.split(policy, actions)), rtol=0, atol=size)
    assert_allclose(fm.ne_gap(game, policy), fm.ne_gap(dense, policy), rtol=0, atol=size)
    assert_allclose(fm.qre_gap(game, policy, 0.3), fm.qre_gap(dense, policy, 0.3), rtol=0, atol=size)
    check_rule("entropy", game, dense, policy, size)
    low, high = game.payoff_range().T
    reached = table.reshape(len(actions), -1)
    assert (low <= reached.min(axis=1) + 1e-12).all() and (high >= reached.max(axis=1) - 1e-12).all()


@pytest.mark.compiled
def test_simulates_its_own_rewards(rng):
    game, payoffs, solo = draw(rng, (2, 3, 2), 3, 0.6)
    record = fm.Record(steps=[2000], metrics=("q",), trajectory=True)
    one, other = (fm.learn(each, rules.TwoTimescaleQ(0.2), 2000, rng=4, record=record)
                  for each in (game, game.to_dense()))
    np.testing.assert_array_equal(one.trajectory.actions[0], other.trajectory.actions[0])
    table = rewards_of(game, payoffs, solo)
    counts = np.zeros((3, 7), int)
    for s, joint in zip(one.trajectory.states, one.trajectory.actions, strict=False):
        counts[s, game.offset[:-1] + joint] += 1
    np.testing.assert_array_equal(counts, one.state.counts)
    assert np.abs(one.trace["q"]).max() <= np.abs(table).max() / (1 - 0.6) + 0.2 * np.log(3) / (1 - 0.6)


def test_survives_a_checkpoint(rng, tmp_path):
    game, *_ = draw(rng, (2, 3, 2), 3, 0.6)
    path = tmp_path / "run.ckpt"
    fm.learn(game, rules.NaturalGradientPlay(0.1), 20, checkpoint=path)
    np.testing.assert_array_equal(fm.resume(path, 40).policy, fm.learn(game, rules.NaturalGradientPlay(0.1), 40).policy)


def test_many_players(rng):
    """A ring of a thousand: joint actions could not be counted, let alone stored."""
    game = fm.games.ring_polymatrix(1000, 5, rng=1)
    policy = fm.random_policy(game, rng)
    pieces, tables, reward = fm.split(game, policy), game.payoffs, fm.evaluate(game, policy).q_bar
    for i in (0, 1, 500, 999):
        left, right = (i - 1) % 1000, (i + 1) % 1000
        expected = tables[i, left][0] @ pieces[left][0] + tables[i, right][0] @ pieces[right][0]
        assert_allclose(reward[0, 5 * i:5 * i + 5], expected, rtol=0, atol=1e-15)
        assert_allclose(fm.ne_gap(game, policy)[i], expected.max() - pieces[i][0] @ expected, rtol=0, atol=1e-14)
    with pytest.raises(MemoryError, match="the dense form"):
        game.to_dense()
    assert abs(fm.evaluate(game, policy).value.sum()) < 1e-10  # every edge is zero-sum


M = [[1.0, 0.0], [0.0, 1.0]]
WRONG = {
    "no mapping": (([M], (2, 2)), TypeError, "must map pairs of players to tables, found list"),
    "a key that is no pair": (({0: M}, (2, 2)), TypeError, "found the key 0"),
    "a player with itself": (({(0, 0): M}, (2, 2)), ValueError, r"two different players below 2, found \(0, 0\)"),
    "a player that is not there": (({(0, 2): M}, (2, 2)), ValueError, r"two different players below 2, found \(0, 2\)"),
    "a table of another shape": (({(0, 1): M}, (2, 3)), ValueError,
                                 r"payoffs\[0, 1\] must have shape .* = \(2, 3\).*found \(2, 2\)"),
    "not a number": (({(0, 1): [[np.nan, 0], [0, 1]]}, (2, 2)), ValueError, r"payoffs\[0, 1\] must be finite"),
    "transitions": (({(0, 1): M}, (2, 2), np.ones((2, 3))), ValueError,
                    r"transitions must have shape \(S, S\), found \(2, 3\)"),
    "rows": (({(0, 1): M}, (2, 2), np.ones((2, 2))), ValueError, "sum to 1, found 2.0 in state 0"),
    "discount": (({(0, 1): M}, (2, 2), np.eye(2), 1.5), ValueError, "discount"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    given, error, says = WRONG[name]
    with pytest.raises(error, match=says):
        fm.PolymatrixGame(*given)
    with pytest.raises(ValueError, match="one table per player, 2, found 1"):
        fm.PolymatrixGame({(0, 1): M}, (2, 2), solo=[[0, 0]])
    with pytest.raises(ValueError, match=r"solo\[1\] must have shape"):
        fm.PolymatrixGame({(0, 1): M}, (2, 2), solo=[[0, 0], [0, 0, 0]])
