"""Games of one's own: functions of expectations, beside the same games from tables."""

import copy
import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm


class Roads(NamedTuple):
    slope: Any


class Tables(NamedTuple):
    """Of two players with two and three actions: rewards (2, S, 2, 3), transitions (S, 2, 3, S)."""

    rewards: Any
    transitions: Any


def worth(roads, policy, out):
    """A road costs its slope for everybody who is on it: oneself, and the others on average."""
    n = roads.slope.size
    for road in range(n):
        load = policy[0, road::n].sum()
        for i in range(policy.shape[1] // n):
            out[0, n * i + road] = -roads.slope[road] * (1.0 + load - policy[0, n * i + road])


def pair_worth(tables, policy, out):
    for s in range(policy.shape[0]):
        for a in range(2):
            out[s, a] = (tables.rewards[0, s, a] * policy[s, 2:]).sum()
        for b in range(3):
            out[s, 2 + b] = (tables.rewards[1, s, :, b] * policy[s, :2]).sum()


def pair_moves(tables, policy, out):
    for s in range(policy.shape[0]):
        for t in range(policy.shape[0]):
            for a in range(2):
                out[s, a, t] = (tables.transitions[s, a, :, t] * policy[s, 2:]).sum()
            for b in range(3):
                out[s, 2 + b, t] = (tables.transitions[s, :, b, t] * policy[s, :2]).sum()


def roads(players=5, **more):
    return fm.CustomGame(worth, Roads([1.0, 3.0]), (2,) * players, payoffs=(-3 * players, -1), **more)


@pytest.fixture(scope="module")
def both():
    dense = fm.games.random_markov(3, (2, 3), 0.8, rng=0)
    mine = fm.CustomGame(pair_worth, Tables(dense.rewards, dense.transitions), (2, 3), 3, moves=pair_moves,
                         discount=0.8, initial=dense.initial)
    return mine, dense


@pytest.mark.slow
def test_roads_are_the_count_game_of_the_same_costs():
    mine = roads()
    twin = fm.CountGame(-np.arange(6) * np.array([[[1.0], [3.0]]]), [[1.0]], 0.0)
    policy = fm.random_policy(twin, 0)
    ours, theirs = fm.evaluate(mine, policy), fm.evaluate(twin, policy)
    for name in ("value", "q_bar", "adv_bar", "visit"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-13)
    assert ours.error_bound == np.inf, "nothing is known of a user's arithmetic"
    assert_allclose(fm.ne_gap(mine, policy), fm.ne_gap(twin, policy), rtol=1e-12)
    assert_allclose(fm.ne_gap(mine, policy, relative=True), fm.ne_gap(mine, policy) / 14)
    assert_allclose(mine.to_dense().rewards, twin.to_dense().rewards)
    rule = fm.rules.NaturalGradientPlay(0.1)
    one, two = (fm.learn(game, rule, 30, policy=policy) for game in (mine, twin))
    assert_allclose(one.policy, two.policy, rtol=1e-10)
    large = roads(1000)  # 2^1000 joint actions
    assert fm.evaluate(large, fm.uniform_policy(large)).q_bar[0, 0] == pytest.approx(-500.5)


@pytest.mark.slow
def test_states_and_moves_are_those_of_the_same_markov_game(both):
    mine, dense = both
    policy = fm.random_policy(dense, 1)
    ours, theirs = fm.evaluate(mine, policy, tau=0.1), fm.evaluate(dense, policy, tau=0.1)
    for name in ("value", "q_bar", "adv_bar", "visit"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-10, atol=1e-12)
    assert_allclose(fm.ne_gap(mine, policy), fm.ne_gap(dense, policy), rtol=1e-10)
    assert_allclose(fm.qre_gap(mine, policy, 0.1), fm.qre_gap(dense, policy, 0.1), rtol=1e-10)
    assert_allclose(fm.metrics.chain(mine, policy), fm.metrics.chain(dense, policy), rtol=1e-12)
    found = mine.to_dense()
    assert_allclose(found.rewards, dense.rewards)
    assert_allclose(found.transitions, dense.transitions)
    runs = [fm.ensemble(game, fm.rules.NaturalGradientPlay(0.1), 20, 2, policy="random",
                        record=fm.Record(metrics=("ne_gap", "c"))) for game in both]
    assert_allclose(runs[0].trace["ne_gap"], runs[1].trace["ne_gap"], rtol=1e-8, atol=1e-12)


def test_a_second_game_of_the_same_functions_compiles_nothing(both):
    assert type(roads().model) is type(roads(7).model) and type(roads().model) is not type(both[0].model)


@pytest.mark.slow
def test_it_is_copied_pickled_compared_and_named(tmp_path):
    game = roads().named("roads", actions=["fast", "slow"])
    for other in (copy.deepcopy(game), pickle.loads(pickle.dumps(game))):
        assert other == game and other.names == game.names and other.name == "roads"
        assert_array_equal(fm.ne_gap(other, fm.uniform_policy(other)), fm.ne_gap(game, fm.uniform_policy(game)))
    assert game != fm.CustomGame(worth, Roads([1.0, 2.0]), (2,) * 5) and game != roads(4)
    assert "fast" in repr(game) and game.to_dense().names == game.names
    with pytest.raises(TypeError, match="made of functions, which are not stored"):
        game.save(tmp_path / "game")
    fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 2, checkpoint=tmp_path / "run")
    assert fm.resume(tmp_path / "run", 4, game=game).steps == 4
    with pytest.raises(TypeError, match="cannot be simulated"):
        fm.learn(game, fm.rules.IndependentQLearning(0.1), 2, record=fm.Record(metrics=("policy",)))
    slope = np.array([1.0, 3.0])
    mine = fm.CustomGame(worth, Roads(slope), (2, 2))
    slope[:] = 0
    assert mine.model.tables.slope.tolist() == [1.0, 3.0], "tables are copied"


def nothing(tables, policy, out):
    pass


def fails(tables, policy, out):
    raise KeyError("mine")


def halves(tables, policy, out):
    out[:] = 0.5


@pytest.mark.parametrize("wrong, message", [
    ({"worth": nothing}, "worth must fill out with finite numbers, found nan in state 0, column 0"),
    ({"worth": lambda out: None}, r"worth must be a function worth\(tables, policy, out\)"),
    ({"tables": [1.0]}, "tables must be a NamedTuple"), ({"tables": Roads}, "tables must be a NamedTuple"),
    ({"tables": Roads("x")}, r"tables\.slope"), ({"tables": Roads([np.nan])}, r"tables\.slope must be finite"),
    ({"num_states": 2}, "moves must be given for a game of 2 states"), ({"discount": 0.5}, "moves must be given"),
    ({"worth": halves, "moves": halves, "num_states": 3}, r"moves must fill out with probabilities that sum to 1"),
    ({"payoffs": [1, 2, 3]}, "payoffs must be bounds"), ({"payoffs": [2, 1]}, "payoffs must be the smallest"),
    ({"available": [[0, 0, 1, 1]]}, "every player needs at least one available action"),
])
def test_what_is_wrong_is_said(wrong, message):
    given = {"worth": worth, "tables": Roads([1.0, 3.0]), "num_actions": (2, 2)} | wrong
    with pytest.raises((ValueError, TypeError), match=message):
        fm.CustomGame(**given)
    with pytest.raises(KeyError, match="mine"):
        fm.CustomGame(fails, Roads([1.0]), (1,))


@pytest.mark.slow
def test_missing_actions_are_never_taken():
    game = roads(3, available=[[1, 1, 1, 0, 1, 1]])
    twin = fm.CountGame(-np.arange(4) * np.array([[[1.0], [3.0]]]), [[1.0]], 0.0, available=[[1, 1, 1, 0, 1, 1]])
    policy = fm.uniform_policy(game)
    assert_allclose(fm.evaluate(game, policy).q_bar, fm.evaluate(twin, policy).q_bar)
    assert_allclose(fm.ne_gap(game, policy), fm.ne_gap(twin, policy))
