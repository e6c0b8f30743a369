"""Names of players, states and actions: they go along with a game and change nothing of it."""

import copy
import pickle

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.models.names import WIDEST, listed

PENNIES = [[1.0, -1.0], [-1.0, 1.0]]
GAMES = {
    "normal form": lambda: fm.NormalFormGame([PENNIES, PENNIES]),
    "dense": lambda: fm.games.random_markov(4, (2, 2), rng=1),
    "sparse": lambda: fm.games.random_markov(5, (2, 2), rng=3, sparse=2),
    "count": lambda: fm.games.routing(3, form="count"),
    "polymatrix": lambda: fm.PolymatrixGame({(0, 1): PENNIES, (1, 2): PENNIES}, (2, 2, 2)),
    "simulator": lambda: fm.games.routing(3, form="simulator"),
    "pricing": lambda: fm.games.pricing(num_prices=2),
    "occupancy": lambda: fm.OccupancyGame([[0, 1], [1, 0]], [[0, 1], [0, 1]], starts=[0, 1]),
}
WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda game: pickle.loads(pickle.dumps(game))}


def words(letter, count):
    return tuple(f"{letter}{k}" for k in range(count))


@pytest.mark.parametrize("name", GAMES)
def test_every_game_takes_names_and_stays_the_game_it_is(name):
    game = GAMES[name]()
    before, title = repr(game), game.name
    players, states = words("p", game.num_players), words("s", game.num_states)
    named = game.named("called so", list(players), states, ["left", "right"])
    assert game.names is None and game.name == title and repr(game) == before
    assert type(named) is type(game) and (named.model is game.model or named.model == game.model)
    assert named.names == fm.Names(players, states, (("left", "right"),) * game.num_players)
    assert named == game and hash(named) == hash(game) and named.name == "called so"
    for way in WAYS.values():
        other = way(named)
        assert other.names == named.names and other.name == "called so" and repr(other) == repr(named)
    with pytest.raises(AttributeError):
        named.names = None
    if name != "occupancy":
        assert "p0, p1" in repr(named) and "left, right" in repr(named)
        if game.exact:
            assert named.to_dense().names == named.names
    else:
        assert named.players == players and game.players is None


def test_what_was_built_for_a_game_serves_its_named_twin():
    for game in (GAMES["simulator"](), GAMES["dense"]()):
        sampler = game.sampler()
        assert game.named(actions=["l", "r"]).sampler() is sampler


def test_names_add_up_and_may_differ_by_player():
    game = fm.games.zhang_3x2().named(players=["Ann", "Bob"])
    both = game.named(actions=[["a", "b", "c"], ["d", "e"]])
    assert both.names == fm.Names(("Ann", "Bob"), None, (("a", "b", "c"), ("d", "e"))) and game.names.actions is None
    assert "players (Ann, Bob)" in repr(both) and "actions (a, b, c) x (d, e)" in repr(both)
    assert fm.games.zhang_3x2().named("only a title").names is None
    driving = fm.games.driving()
    assert driving.names.players == driving.players


@pytest.mark.parametrize("wrong, message", [
    ({"players": ["Ann"]}, r"players must hold one string for every player, 2 of them, found 1"),
    ({"players": ["Ann", "Ann"]}, r"players must be different from one another, found 'Ann' twice"),
    ({"players": ["Ann", 1]}, r"players\[1\] must be a string, found 1"),
    ({"players": "AB"}, r"players must be a sequence of strings, found 'AB'"),
    ({"states": ["a", "b"]}, r"states must hold one string for every state, 1 of them, found 2"),
    ({"actions": ["a", "b"]}, r"actions must be one list of strings for every player, as their numbers of actions "
                              r"differ, \(3, 2\)"),
    ({"actions": [["a", "b", "c"]]}, r"actions must hold one list of strings for every player, 2 of them"),
    ({"actions": [["a", "b"], ["a", "b"]]}, r"actions\[0\] must hold one string for every action of player 0, 3"),
    ({"actions": [["a", "b", "c"], ["d", "d"]]}, r"actions\[1\] must be different"),
    ({"title": 3}, r"title must be a string, found 3"),
])
def test_wrong_names_are_refused(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fm.games.zhang_3x2().named(**wrong)


def test_long_lists_are_cut():
    assert listed(["a", "b"]) == "a, b" and listed(["a\nb"]) == "'a\\nb'"
    assert len(listed(words("player", 100))) <= WIDEST + 5 and listed(words("player", 100)).endswith(", ...")
    assert len(listed(["x" * 1000, "y"])) <= WIDEST + 5
    game = fm.NormalFormGame(np.zeros((2, 50, 50))).named(actions=words("a rather long name ", 50))
    assert len(repr(game)) < 300


def test_a_run_goes_on_with_the_names_of_its_game(tmp_path, monkeypatch):
    from fastmpg.run import checkpoint

    game = fm.games.random_markov(3, (2, 2), rng=0).named("mine", ["Ann", "Bob"], actions=["l", "r"])
    for most in (checkpoint.LARGE, 0):  # tables inside of the checkpoint, and beside it
        monkeypatch.setattr(checkpoint, "LARGE", most)
        path = tmp_path / f"run{most}"
        fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 2, checkpoint=path)
        arrays, meta, _ = checkpoint.load(path)
        again = checkpoint.load_game(path, arrays, meta, None)
        assert again == game and again.names == game.names and again.name == "mine"
        assert fm.resume(path, 4, game=fm.games.random_markov(3, (2, 2), rng=0)).steps == 4  # names are no content
