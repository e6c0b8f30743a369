"""What users hold can be pickled, copied and compared: results, evaluations, records, games, rules."""

import concurrent.futures
import copy
import inspect
import multiprocessing
import pickle

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg._same import comparable, same
from fastmpg.machine import UNCOMPILED


def reset(uniforms):
    return 0


def step(state, actions, uniforms, rewards):
    rewards[:] = 1.0 if actions[0] == actions[1] else 0.0
    return (state + actions[0]) % 3


def first_only(state):
    return 0


def simulator(name="mine", **more):
    return fm.SimulatorGame(reset, step, (2, 2), 3, 0.5, name=name, **more)


PENNIES = [[1.0, -1.0], [-1.0, 1.0]]
GAMES = {
    "normal form": lambda: fm.NormalFormGame([PENNIES, PENNIES]),
    "identical interest": fm.games.zhang_3x2,
    "dense": lambda: fm.games.random_markov(4, (2, 3), rng=1),
    "sparse": lambda: fm.games.random_markov(5, (2, 3), rng=3, sparse=2),
    "queueing": lambda: fm.games.queueing(2, 2, 3),
    "count": lambda: fm.games.routing(5, form="count"),
    "routing": lambda: fm.games.routing(4),
    "distancing": fm.games.safe_distancing,
    "polymatrix": lambda: fm.PolymatrixGame({(0, 1): PENNIES, (1, 2): PENNIES}, (2, 2, 2)),
    "named simulator": lambda: fm.games.routing(4, form="simulator"),
    "simulator": simulator,
    "simulator, observed": lambda: simulator(observe=first_only, draws=2),
}
WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy}
WAYS |= {f"pickle {n}": lambda value, n=n: pickle.loads(pickle.dumps(value, n)) for n in (2, pickle.HIGHEST_PROTOCOL)}


def equal(one, other):
    """``==`` says so as a truth value, both ways, and ``!=`` the contrary."""
    answers, contrary = (one == other, other == one), (one != other, other != one)
    assert all(type(each) is bool for each in answers + contrary)
    assert len(set(answers)) == 1 and set(contrary) == {not answers[0]}
    return answers[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", GAMES)
def test_games(name, way):
    game = GAMES[name]()
    game.name = "renamed"
    other = WAYS[way](game)
    assert other is not game and type(other) is type(game) and equal(game, other) and hash(game) == hash(other)
    assert repr(other) == repr(game) and other.name == "renamed"
    assert not other.initial.flags.writeable
    with pytest.raises(AttributeError, match="immutable"):
        other.discount = 0.3
    for key, table in game.tables().items():
        assert_array_equal(other.tables()[key], table)
    for one, two in zip(game.model, other.model, strict=True):
        if isinstance(one, np.ndarray):
            assert one.flags.c_contiguous == two.flags.c_contiguous and one.dtype == two.dtype
    if game.exact:
        assert_array_equal(fm.ne_gap(other, fm.uniform_policy(other)), fm.ne_gap(game, fm.uniform_policy(game)))


def test_games_differ():
    games = [make() for make in GAMES.values()]
    for i, one in enumerate(games):
        for j, other in enumerate(games):
            assert equal(one, other) == (i == j), (one, other)
        assert not equal(one, 3) and not equal(one, None) and one != "x"
    assert not equal(fm.games.random_markov(4, (2, 3), rng=1), fm.games.random_markov(4, (2, 3), rng=2))
    assert not equal(fm.games.routing(4, form="simulator"), fm.games.routing(4, form="simulator", discount=0.25))
    assert not equal(simulator(), simulator(draws=3))
    assert equal(simulator("a"), simulator("b")), "names are for reports"
    assert len({fm.games.zhang_3x2(), fm.games.zhang_3x2()}) == 1


def test_a_deep_copy_is_a_copy():
    game = fm.MarkovGame(np.zeros((1, 1, 2)), np.ones((1, 2, 1)), 0.5, copy=False)
    other = copy.deepcopy(game)
    assert not np.shares_memory(other.model.rewards, game.model.rewards)
    assert np.shares_memory(other.initial, other.model.initial)


@pytest.mark.skipif(UNCOMPILED, reason="nothing is compiled")
def test_compiled_functions_go_by_value():
    @njit
    def inner(state, actions, uniforms, rewards):
        rewards[:] = 1.0
        return state

    game = fm.SimulatorGame(reset, inner, (2, 2), 3, 0.5)
    assert equal(pickle.loads(pickle.dumps(game)), game)


def test_functions_without_a_name_are_refused():
    def inner(state, actions, uniforms, rewards):
        return state

    for function, what in ((inner, "inner"), (lambda state, actions, uniforms, rewards: 0, "lambda")):
        game = fm.SimulatorGame(reset, function, (2, 2), 3, 0.5)
        with pytest.raises(pickle.PicklingError,
                           match=rf"step is <function .*{what}.*no other process can find.*at the top of a module"):
            pickle.dumps(game)
        assert equal(copy.deepcopy(game), game) and equal(copy.copy(game), game)


@pytest.mark.slow
def test_a_renamed_named_game_goes_on(tmp_path):
    """A checkpoint knows which function built the game, whatever it is called."""
    game, rule = fm.games.routing(4, form="simulator"), fm.rules.TwoTimescaleQ(tau=0.1)
    game.name = "mine"
    record = fm.Record(every=10, metrics=("policy",))
    first = fm.learn(game, rule, 20, rng=1, record=record, checkpoint=tmp_path / "run")
    again = fm.resume(tmp_path / "run")
    assert equal(first, again) and again.game == "mine"


# -------------------------------------------------------------------------------------------------------------- rules
def rules():
    for name in fm.rules.__all__:
        kind = getattr(fm.rules, name)
        needed = [each for each in inspect.signature(kind).parameters.values() if each.default is each.empty]
        yield kind(**{each.name: 0.5 for each in needed})


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("way", WAYS)
def test_rules(rule, way):
    other = WAYS[way](rule)
    assert type(other) is type(rule) and equal(rule, other) and hash(rule) == hash(other)
    first = rule._fields[0]
    assert not equal(rule, rule._replace(**{first: 0.25})) and not equal(rule, tuple(rule))
    many = rule._replace(**{first: np.array([0.5, np.nan])})
    assert equal(many, WAYS[way](many)) and not equal(many, rule)
    assert (not equal(many, many._replace(**{first: np.array([0.5, 1.0])}))
            and not equal(many, many._replace(**{first: np.array([0.5])})))
    with pytest.raises(TypeError, match="unhashable"):
        hash(many)
    lost = rule._replace(**{first: float("nan")})
    assert (equal(lost, rule._replace(**{first: -float("nan")}))
            and hash(lost) == hash(rule._replace(**{first: np.float64("nan")})))


def test_rules_of_two_classes_are_two_rules():
    kinds = {}
    for rule in rules():
        for known in kinds:
            assert not equal(known, rule)
        kinds[rule] = True


# ------------------------------------------------------------------------------------------------------------ results
def result_of(what):
    if what == "exact":
        return fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(0.1), 5)
    record = fm.Record(every=5, metrics=("q", "policy"), trajectory=what == "trajectory")
    rule = fm.rules.TwoTimescaleQ(tau=0.1)
    if what == "ensemble":
        return fm.ensemble(fm.games.routing(4), rule._replace(tau=np.array([[0.1], [1.0]])), 10, 2, record=record)
    return fm.learn(fm.games.routing(4), rule, 10, rng=0, record=record)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["exact", "sampled", "trajectory", "ensemble"])
def test_results(what, way):
    result = result_of(what)
    other = WAYS[way](result)
    assert equal(result, other) and repr(other) == repr(result) and other is not result
    assert equal(result, result_of(what)), "the same seeded run again"
    for array in (other.policy, *other.trace.values(), *vars(other.state).values()):
        assert not array.flags.writeable
    with pytest.raises(TypeError):
        other.trace["step"] = 0
    with pytest.raises(AttributeError):
        other.status = "done"
    with pytest.raises(TypeError, match="unhashable"):
        hash(result)
    if way == "deepcopy":
        assert not np.shares_memory(other.policy, result.policy)
    if what == "trajectory":
        assert equal(result.trajectory, other.trajectory)
    assert not equal(result, 1) and not equal(result, result_of("exact" if what != "exact" else "sampled"))


def test_a_saved_result_equals_the_loaded_one(tmp_path):
    for what in ("exact", "trajectory", "ensemble"):
        result = result_of(what)
        result.save(tmp_path / "it.npz")
        assert equal(fm.Result.load(tmp_path / "it.npz"), result)


def diverge():
    return fm.learn(fm.NormalFormGame([[10.0, -10.0, 3.0]]), fm.rules.GradientPlay(1e308), 3)


def test_results_with_nan_equal_their_copies():
    found = []
    for _ in range(2):
        with pytest.raises(fm.Diverged) as caught:
            diverge()
        found.append(caught.value.result)
    assert np.isnan(found[0].policy).any() and equal(*found)


@pytest.mark.parametrize("way", WAYS)
def test_evaluations_records_snapshots_and_trajectories(way, tmp_path):
    game, seen = fm.games.routing(4), []
    policy = fm.random_policy(game, 0)
    evaluation = fm.evaluate(game, policy)
    assert equal(evaluation, WAYS[way](evaluation)) and equal(evaluation, fm.evaluate(game, policy))
    assert (not equal(evaluation, fm.evaluate(game, fm.uniform_policy(game)))
            and not equal(evaluation, tuple(evaluation)))
    for record in (fm.Record(), fm.Record(steps=[1, 5], metrics=("c",), tau=0.5), fm.Record(trajectory=str(tmp_path))):
        other = WAYS[way](record)
        assert equal(record, other) and hash(record) == hash(other) and repr(record) == repr(other)
        assert not equal(record, record.replace(every=77)) and not equal(record, None)
    fm.learn(game, fm.rules.NaturalGradientPlay(), 3, callback=seen.append)
    assert all(equal(each, WAYS[way](each)) for each in seen) and not equal(seen[0], seen[1])
    streamed = fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 50, rng=1,
                        record=fm.Record(metrics=(), trajectory=tmp_path / "steps"))
    kept = fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 50, rng=1, record=fm.Record(metrics=(), trajectory=True))
    assert (equal(streamed.trajectory, WAYS[way](streamed.trajectory))
            and equal(kept.trajectory, WAYS[way](kept.trajectory)))
    assert equal(streamed.trajectory, kept.trajectory) and equal(streamed, kept)
    other = fm.learn(game, fm.rules.TwoTimescaleQ(0.1), 50, rng=2, record=fm.Record(metrics=(), trajectory=True))
    assert not equal(kept.trajectory, other.trajectory) and not equal(kept.trajectory, 5)
    with pytest.raises(TypeError, match="unhashable"):
        hash(kept.trajectory)


def test_results_of_a_users_rule(tmp_path):
    from typing import NamedTuple

    class Halfway(NamedTuple):
        eta: float = 0.5

        @staticmethod
        def update(rule, state, feedback, k):
            state.policy[0, 0] = state.policy[0, 0]

    result = fm.learn(fm.games.zhang_3x2(), Halfway(), 3)
    assert equal(pickle.loads(pickle.dumps(result)), result) and equal(copy.deepcopy(result), result)




@pytest.mark.compiled
def test_a_pool_of_spawned_processes():
    """What goes there and comes back: games, rules, records, results, and errors with theirs."""
    game, rule, record = fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(0.1), fm.Record(every=2)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(fm.learn, game, rule, 6, record=record).result(timeout=300)
        assert equal(found, fm.learn(game, rule, 6, record=record))
        assert not found.policy.flags.writeable
        with pytest.raises(fm.Diverged) as caught:
            pool.submit(diverge).result(timeout=300)
    assert caught.value.result.status == "diverged"


def test_same():
    assert same({"a": [np.zeros(2)]}, {"a": [np.zeros(2)]}) and not same({"a": 1}, {"b": 1}) and not same([1], (1,))
    assert same(1, 1.0) and not same(np.zeros(1), 0.0) and not same(np.zeros((1, 2)), np.zeros(2))
    assert same(np.array(["a"]), np.array(["a"])) and not same(np.array(["a"]), np.array([1]))
    assert same(np.array([np.nan, 1j]), np.array([np.nan, 1j])) and not same(float("nan"), 1.0)

    @comparable
    class Point:
        def __init__(self, x):
            self.x = x

        def _parts(self):
            return (self.x,)

    assert Point(1) == Point(1) and Point(1) != Point(2) and Point(1) != 1 and hash(Point(1.0)) == hash(Point(1))
