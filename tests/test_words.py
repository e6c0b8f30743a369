"""Words that people bring along: the error names the one that is meant."""

import inspect
import pickle

import numpy as np
import pytest

import fastmpg as fm

GAME = fm.games.zhang_3x2()


@pytest.mark.parametrize("call, said", [
    (lambda: fm.learn(GAME, None, 1, seed=0), "learn takes no argument seed=: write rng="),
    (lambda: fm.learn(GAME, None, iterations=5), "learn takes no argument iterations=: write steps="),
    (lambda: fm.ensemble(GAME, None, 1, n_runs=3), "ensemble takes no argument n_runs=: write runs="),
    (lambda: fm.evaluate(GAME, None, gamma=0.9), "evaluate takes no argument gamma=: write discount="),
    (lambda: fm.MarkovGame([], [], gamma=0.9), "MarkovGame takes no argument gamma=: write discount="),
    (lambda: fm.MarkovGame.identical_interest([], [], 0.9, mu=1),
     "MarkovGame.identical_interest takes no argument mu=: write initial="),
    (lambda: fm.NormalFormGame(payoff_matrices=1), "NormalFormGame takes no argument payoff_matrices=: write payoffs="),
    (lambda: fm.CountGame([], [], 0.5, avaliable=1), "CountGame takes no argument avaliable=: write available="),
    (lambda: fm.games.routing(n_agents=3), "routing takes no argument n_agents=: write num_players="),
    (lambda: fm.games.random_markov(2, (2, 2), seed=1), "random_markov takes no argument seed=: write rng="),
    (lambda: fm.learn(GAME, None, 1, colour=0), "it takes callback, checkpoint, game, policy"),
])
def test_the_right_word(call, said):
    with pytest.raises(TypeError) as error:
        call()
    assert said in str(error.value)


def test_nothing_else_changes():
    assert list(inspect.signature(fm.games.routing).parameters)[:2] == ["num_players", "num_links"]
    assert pickle.loads(pickle.dumps(fm.learn)) is fm.learn and fm.evaluate.__doc__.startswith("Values")

    class Mine(fm.NormalFormGame):  # a class of one's own is served too
        def __init__(self, payoffs, price):
            super().__init__(payoffs)

    with pytest.raises(TypeError, match=r"Mine takes no argument prise=: write price="):
        Mine([[1.0]], prise=1)


def test_one_table_a_player(rng):
    tables = rng.normal(size=(3, 2, 3, 4))
    assert fm.NormalFormGame(*tables) == fm.NormalFormGame(tables)
    first, second = rng.normal(size=(2, 2, 2))
    game = fm.NormalFormGame(first, second.tolist(), name="bimatrix")
    assert game == fm.NormalFormGame([first, second]) and game.name == "bimatrix"
    for wrong in ((first, second, first), (first, second[:1]), (tables, tables), (first, 1.0)):
        with pytest.raises(ValueError, match=r"one a player, each of the same shape .*NormalFormGame\(A, B\)"):
            fm.NormalFormGame(*wrong)
    with pytest.raises(ValueError, match=r"for two matrices NormalFormGame\(A, B\)"):
        fm.NormalFormGame(first)
    np.testing.assert_array_equal(game.payoffs[0], first)
