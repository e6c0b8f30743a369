"""Environments of games, and games of environments: against tables, values and the packages' own tests."""

import warnings

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.io._episode import Episode
from fastmpg.io._outcomes import to_outcomes


class Listed:
    """An environment that lists its outcomes."""

    def __init__(self, table, law=None, agents=None):
        self.P = table
        if law is not None:
            self.initial_state_distrib = law
        if agents is not None:
            self.possible_agents = agents


def iterated(table, discount):
    """Optimal values of a table of outcomes, by value iteration to the last digits."""
    value = np.zeros(len(table))
    for _ in range(20_000):
        after = np.array([max(sum(p * (r + (0.0 if done else discount * value[t])) for p, t, r, done in each)
                              for each in table[s].values()) for s in range(len(table))])
        if np.array_equal(after, value):
            break
        value = after
    return value


def test_a_state_that_ends_and_goes_on():
    """State 1 is an end for those who come from 0 by action 0, not for those who come by action 1: as in Taxi."""
    table = {0: {0: [(1.0, 1, 5.0, True)], 1: [(0.5, 1, 1.0, False), (0.5, 0, 2.0, False)]},
             1: {0: [(1.0, 0, 1.0, False)], 1: [(1.0, 1, 0.0, False)]}}
    game = fm.io.from_gymnasium(Listed(table), 0.5)
    assert game.num_states == 3 and game.terminal.tolist() == [False, False, True]
    np.testing.assert_array_equal(game.rewards[0, :2], [[5.0, 1.5], [1.0, 0.0]])
    np.testing.assert_array_equal(game.transitions[:2], [[[0, 0, 1], [0.5, 0.5, 0]], [[1, 0, 0], [0, 1, 0]]])
    np.testing.assert_allclose(fm.best_response(game, fm.uniform_policy(game), 0)[1][:2], iterated(table, 0.5))
    assert fm.io.from_gymnasium(Listed(to_outcomes(game), game.initial), 0.5) == game


def test_a_first_state_does_not_end():
    table = {0: {0: [(1.0, 0, 1.0, True)]}}
    game = fm.io.from_gymnasium(Listed(table, [1.0]), 0.5)
    assert game.terminal.tolist() == [False, True]
    np.testing.assert_array_equal(fm.evaluate(game, fm.uniform_policy(game)).value, [[1.0, 0.0]])


@pytest.mark.parametrize("game", [
    fm.games.random_markov(4, (3,)), fm.games.random_markov(4, (2, 3)), fm.games.random_markov(5, (2, 3), sparse=2),
    fm.games.grid_1(discount=0.9), fm.games.zhang_3x2().to_dense()], ids=lambda game: game.name)
def test_there_and_back(game):
    made = Listed(to_outcomes(game), game.initial, [f"player_{i}" for i in range(game.num_players)])
    found = (fm.io.from_gymnasium if game.num_players == 1 else fm.io.from_pettingzoo)(made, game.discount)
    assert found.num_states == game.num_states and found.num_actions == game.num_actions
    policy = fm.random_policy(game, 1)
    ours, theirs = fm.evaluate(found, policy).value, fm.evaluate(game, policy).value
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert game.num_players == 1 or found.names.players == tuple(made.possible_agents)
    if game.terminal is not None:
        np.testing.assert_array_equal(found.terminal, game.terminal)


@pytest.mark.parametrize(("table", "said"), [
    ({}, "P must have at least one state"), ({1: {0: []}}, "keys 0 to 0"), ({0: {}}, r"P\[0\] must have at least"),
    ({0: {0: [(1.0, 0, 0.0)]}}, r"an outcome of P\[0\]\[0\] must be"), ({0: {0: [(0.5, 0, 0.0, False)]}}, "sum to 1"),
    ({0: {0: [(1.0, 1, 0.0, False)]}}, "a next state of P"), ({0: {0: [(1.0, 0, "a", False)]}}, "a reward of P"),
    ({0: {0: [(1.0, 0, 0.0, 1)]}}, "done of P"), ({0: {0: [(-1.0, 0, 0.0, False)]}}, "a probability of P"),
    (5, "P must"), ({0: {0: [(1.0, 0, [1.0, 2.0], False)]}}, "a number, or one a player")])
def test_tables_that_are_wrong(table, said):
    with pytest.raises((ValueError, TypeError), match=said):
        fm.io.from_gymnasium(Listed(table), 0.5)


def test_joint_actions_that_are_wrong():
    for table, said in (({0: {0: []}}, "a sequence"), ({0: {(0, 0, 0): []}}, "2 parts"),
                        ({0: {(0, 0): [], (1, 1): []}}, "4 of them, found 2"), ({0: [[]]}, "dict")):
        with pytest.raises((ValueError, TypeError), match=said):
            fm.io.from_pettingzoo(Listed(table, agents=["a", "b"]), 0.5)
    for wrong in (Listed({}), object(), Listed):
        with pytest.raises(TypeError, match="env must be"):
            fm.io.from_pettingzoo(wrong, 0.5)


@pytest.mark.parametrize("game", [fm.games.random_markov(3, (2, 3), rng=1), fm.games.random_markov(3, (2, 3), sparse=2),
                                  fm.games.zhang_3x2(), fm.games.routing(), fm.games.routing(form="count"),
                                  fm.games.routing(form="simulator")], ids=repr)
def test_an_episode_plays_the_game(game, rng):
    """Rewards are the tables'; next states are as often as they say, within five standard errors; seeds repeat."""
    episode = Episode(game, None, "horizon")
    policy = [rng.integers(n) for n in game.num_actions]
    episode.begin(np.random.default_rng(3))
    draw, states, rewards = np.random.default_rng(4), [episode.seen()], []
    for _ in range(4000):
        paid, ended, cut = episode.step(policy, draw)
        assert not ended and not cut
        states.append(episode.seen())
        rewards.append(paid)
    again = Episode(game, None, "horizon")
    again.begin(np.random.default_rng(3))
    draw = np.random.default_rng(4)
    assert [again.step(policy, draw)[0].tolist() for _ in range(50)] == [each.tolist() for each in rewards[:50]]
    form = game.to_dense() if game.exact else fm.games.routing()
    law = form.transitions[(slice(None), *policy)]
    for s in range(form.num_states):
        left = np.flatnonzero(np.array(states[:-1]) == s)
        if left.size == 0:
            continue
        often = np.bincount(np.array(states)[left + 1], minlength=form.num_states) / left.size
        error = np.sqrt(law[s] * (1 - law[s]) / left.size)
        assert (np.abs(often - law[s]) <= 5 * error + 1e-12).all()
        paid = np.broadcast_to(form.rewards, (game.num_players, *form.rewards.shape[1:]))[(slice(None), s, *policy)]
        np.testing.assert_allclose(rewards[left[0]], paid)


def test_ends_of_episodes():
    game = fm.games.random_markov(3, (2,), 0.75)
    episode, draw, lengths = Episode(game, None, "discount"), np.random.default_rng(0), []
    for _ in range(2000):
        episode.begin(draw)
        while not episode.step([0], draw)[1]:
            pass
        lengths.append(episode.steps)
    assert abs(np.mean(lengths) - 4.0) < 5 * np.sqrt(12.0 / 2000)  # geometric: mean 1 / (1 - discount), variance 12
    with pytest.raises(ValueError, match="reset"):
        episode.step([0], draw)
    limited = Episode(game, 2, "horizon")
    limited.begin(draw)
    assert limited.step([1], draw)[1:] == (False, False) and limited.step([1], draw)[1:] == (False, True)
    with pytest.raises(ValueError, match="reset"):
        limited.step([0], draw)
    once = fm.MarkovGame([[[1.0], [0.0]]], [[[0.0, 1.0]], [[0.0, 1.0]]], 0.5, [1, 0], terminal=[1])
    final = Episode(once, 1, "horizon")
    final.begin(draw)
    assert final.step([0], draw)[1:] == (True, False)  # it ends, and is not cut off
    limited.begin(draw)
    for wrong in (2, -1, 0.5, "left", None):
        with pytest.raises((ValueError, TypeError), match="the action of player 0"):
            limited.step([wrong], draw)
    with pytest.raises(ValueError, match="ends must be"):
        Episode(game, None, "soon")


def test_actions_that_there_are_not():
    game = fm.NormalFormGame([[[1, 2], [3, 4]], [[1, 2], [3, 4]]], available=[[1, 1, 1, 0]])
    episode = Episode(game, None, "horizon")
    episode.begin(np.random.default_rng(0))
    assert episode.mask(1).tolist() == [1, 0]
    with pytest.raises(ValueError, match="the action of player 1 must be one that it has"):
        episode.step([0, 1], np.random.default_rng(0))


def test_packages_that_are_missing(monkeypatch):
    for name in ("gymnasium", "pettingzoo"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
        with pytest.raises(ImportError, match=rf'needs {name}: pip install "fastmpg\[{name}\]"'):
            getattr(fm.io, f"to_{name}")(fm.games.random_markov(2, (2,)))


@pytest.mark.peers
@pytest.mark.parametrize("game", [
    fm.games.zhang_3x2(), fm.games.grid_1(), fm.games.routing(100, form="count"), fm.games.routing(form="simulator"),
    fm.games.random_markov(5, (2, 3, 2), sparse=2), fm.games.pursuit_2()], ids=repr)
def test_pettingzoo_accepts_it(game):
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    for ends, horizon in (("horizon", 25), ("discount", None), ("horizon", None)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parallel_api_test(fm.io.to_pettingzoo(game, horizon=horizon, ends=ends), num_cycles=200)
    if game.available is None:
        parallel_seed_test(lambda: fm.io.to_pettingzoo(game, horizon=25))


@pytest.mark.peers
def test_pettingzoo_there_and_back():
    for game in (fm.games.random_markov(4, (2, 3)), fm.games.grid_1(discount=0.9)):
        assert fm.io.to_pettingzoo(game.named(players=["Ann", "Bob"])).possible_agents == ["Ann", "Bob"]
        env = fm.io.to_pettingzoo(game)
        assert fm.io.from_pettingzoo(env, game.discount) == game and env.game is game
        def plays(env=env):
            return [env.step(dict.fromkeys(env.agents, 1))[0] for _ in range(9)]

        env.reset(seed=1)
        if game.available is None:
            first = [plays(), env.reset(), plays()]
            env.reset(seed=1)
            assert [plays(), env.reset(), plays()] == first  # without a seed the numbers go on
        env.reset(seed=1)
        with pytest.raises(ValueError, match="none for 'player_1'"):
            env.step({"player_0": 0})


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_gymnasium_accepts_it():
    from gymnasium.utils.env_checker import check_env

    game = fm.games.random_markov(4, (3,), rng=2)
    env = fm.io.to_gymnasium(game, horizon=10)
    check_env(env)
    assert fm.io.from_gymnasium(env, game.discount) == game
    policy, value = fm.best_response(game, fm.uniform_policy(game), 0)
    env, sums = fm.io.to_gymnasium(game, ends="discount"), []
    for seed in range(2000):
        state, info = env.reset(seed=seed)
        total, ended = 0.0, False
        assert info["action_mask"].tolist() == [1, 1, 1]
        while not ended:
            state, paid, ended, _, _ = env.step(int(policy[state].argmax()))
            total += paid
        sums.append(total)
    assert abs(np.mean(sums) - game.initial @ value) < 5 * np.std(sums) / np.sqrt(2000)


@pytest.mark.peers
@pytest.mark.parametrize(("name", "states"), [("FrozenLake-v1", 16), ("FrozenLake8x8-v1", 64), ("Taxi-v4", 501),
                                              ("CliffWalking-v1", 48)])
def test_toy_texts(name, states):
    """Optimal values against value iteration on the environment's own table."""
    import gymnasium

    env = gymnasium.make(name)
    game = fm.io.from_gymnasium(env, 0.99)
    assert (game.num_states, game.name) == (states, name)
    ours = fm.best_response(game, fm.uniform_policy(game), 0)[1]
    theirs = iterated(env.unwrapped.P, 0.99)
    inside = ~game.terminal[:theirs.size]
    np.testing.assert_allclose(ours[:theirs.size][inside], theirs[inside], rtol=1e-10, atol=1e-10)


@pytest.mark.peers
def test_the_cliff():
    """Sutton and Barto (2018), example 6.6: the optimal path along the cliff takes 13 steps of -1, not discounted."""
    import gymnasium

    game = fm.io.from_gymnasium(gymnasium.make("CliffWalking-v1"), 1.0 - 1e-12)
    assert game.initial @ fm.best_response(game, fm.uniform_policy(game), 0)[1] == pytest.approx(-13.0, abs=1e-9)
