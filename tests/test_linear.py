"""Linear Q-ascent: samples replayed and unbiased, the regression against the twin, the same bits however it runs."""

import functools
import math
import subprocess
import sys

import naive
import naive_linear
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sampling import replayed_play, replayed_tables, samples
from simulating import compiled_only

import fastmpg as fm
from fastmpg.feedback._times import CHUNK
from fastmpg.feedback.samples import FURTHEST, check_horizon
from fastmpg.run import job
from fastmpg.run.run import run_key

RULE = fm.rules.LinearQAscent
KEY = np.array([12345, 678], np.uint64)
TABLES = fm.Record(metrics=("policy", "q"))
ACTIONS = (2, 3)
MASK = np.array([[1, 1, 1, 0, 1], [0, 1, 1, 1, 1], [1, 1, 0, 0, 1]], bool)


def same(found, expected):
    for ours, theirs in zip(found[:2], expected[:2], strict=True):
        assert_array_equal(ours, theirs)
    assert_allclose(found[2], expected[2], rtol=0, atol=1e-11)


def masked():
    """A game of three states in which actions are missing, and a policy on it, a table a player."""
    full, rng = fm.games.random_markov(3, ACTIONS, 0.8, rng=4), np.random.default_rng(5)
    game = fm.MarkovGame(full.rewards, full.transitions, 0.8, full.initial, available=MASK)
    weights = np.where(MASK, rng.exponential(size=MASK.shape), 0.0)
    return game, [part / part.sum(axis=1, keepdims=True) for part in np.split(weights, game.offset[1:-1], axis=1)]


# ------------------------------------------------------------------------------------------------------------ samples
@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("states, actions, discount",
                         [(4, (2, 3), 0.8), (1, (3, 2, 2), 0.9), (3, (2, 2), 0.0), (5, (4,), 0.5)])
def test_samples_are_replayed_from_their_numbers(rng, states, actions, discount, form):
    """Whole vectors and what is left over; numbers beyond 32 bits."""
    game = dense = fm.games.random_markov(states, actions, discount, rng=rng)
    if form == "sparse":
        moves = np.asarray(dense.transitions).reshape(-1, states)
        game = fm.MarkovGame(dense.rewards, sp.csr_array(moves), discount, dense.initial)
    policies = naive.random_policy(rng, actions, states)
    for player in range(len(actions)):
        for first in (0, 2**40 + 3):
            found = samples(game, naive.join(policies), KEY, first, 37, player, 0.3)
            same(found, replayed_tables(dense, policies, KEY, first, 37, player, 0.3))


def test_shared_rewards_and_missing_actions():
    game, policies = masked()
    for player in (0, 1):
        found = samples(game, naive.join(policies), KEY, 7, 200, player, 0.9)
        same(found, replayed_tables(game, policies, KEY, 7, 200, player, 0.9))
        assert game.available[found[0], game.offset[player] + found[1]].all()
    team = fm.MarkovGame.identical_interest(game.rewards[0], game.transitions, 0.8, game.initial)
    policies = naive.random_policy(np.random.default_rng(1), ACTIONS, 3)
    same(samples(team, naive.join(policies), KEY, 0, 40, 1, 0.3),
         replayed_tables(team, policies, KEY, 0, 40, 1, 0.3))


def reset(uniforms):
    return int(3 * uniforms[0])


def step(state, actions, uniforms, rewards):
    for i in range(rewards.size):
        rewards[i] = state + 2.0 * actions[i] - actions[i - 1]
    return (state + actions.sum() + (1 if uniforms[1] < 0.3 else 0)) % 3


@functools.cache
def simulator(discount=0.8, masked=False, actions=ACTIONS):
    """One game, and so one compilation, for all tests that play on it."""
    available = MASK if masked else None
    return fm.SimulatorGame(reset, step, actions, 3, discount, draws=2, available=available)


def stepped(s, actions, uniforms):
    rewards = np.zeros(len(actions))
    return rewards, step(s, np.array(actions), uniforms, rewards)


@pytest.mark.parametrize("actions", [(2, 3), (2,) * 19])
def test_games_played_player_by_player(rng, actions):
    """Two players, and as many as need several vectors of numbers a step."""
    game, policies = simulator(actions=actions), naive.random_policy(rng, actions, 3)
    for player in (0, len(actions) - 1):
        found = samples(game, naive.join(policies), KEY, 5, 60, player, 0.3)
        same(found, replayed_play(game, policies, KEY, 5, 60, player, 0.3, reset, stepped))


def test_players_of_simulators_take_what_there_is():
    can = np.split(MASK, [2], axis=1)
    game, (_, policies) = simulator(masked=True), masked()
    found = samples(game, naive.join(policies), KEY, 5, 200, 1, 0.9)
    same(found, replayed_play(game, policies, KEY, 5, 200, 1, 0.9, reset, stepped, can))


def in_standard_errors(game, policy, player, exploration, found):
    """How far the means of the returns are from Qbar, and the counts of (s, a) from their law, at most."""
    rows, taken, returns = found
    exact, part = fm.evaluate(game, policy), slice(game.offset[player], game.offset[player + 1])
    q, own = exact.q_bar[:, part], policy[:, part]
    n = own.shape[1]
    law = (exact.visit[:, None] * ((1 - exploration) * own + exploration / n)).ravel()
    cells = rows * n + taken
    counts, squares = np.bincount(cells, minlength=law.size), np.bincount(cells, returns**2, law.size)
    mean = np.bincount(cells, returns, law.size) / counts
    error = np.sqrt((squares / counts - mean**2) / counts)
    return (np.abs(mean - q.ravel()) / error).max(), (np.abs(counts - rows.size * law)
                                                      / np.sqrt(rows.size * law * (1 - law))).max()


@compiled_only
@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["dense", "count"])
def test_returns_are_unbiased(form, count):
    """Within four standard errors for every state and action, and so is how often each is sampled."""
    game = (fm.games.random_markov(3, ACTIONS, 0.8, rng=1) if form == "dense"
            else fm.games.routing(3, form="count"))
    policy = fm.random_policy(game, 2)
    errors = in_standard_errors(game, policy, 1, 0.4, samples(game, policy, KEY, 0, count, 1, 0.4))
    assert max(errors) <= 4.0, errors


def test_times_that_could_not_be_counted_are_refused():
    check_horizon(0.9999999, 1)
    with pytest.raises(ValueError, match=r"need a discount of at most 0\.99999998"):
        check_horizon(1.0 - 1e-9, 1)
    with pytest.raises(ValueError, match="need a discount of at most"):
        check_horizon(1.0, 1)
    assert -math.log(2.0**-52) <= FURTHEST


# --------------------------------------------------------------------------------------------------------- regression
def table_of(rng, states, columns, d):
    phi = rng.normal(size=(states, columns, d))
    return phi / np.linalg.norm(phi, axis=-1, keepdims=True)


@pytest.mark.parametrize("more", [{}, {"radius": 2.0}, {"radius": 1e-3}, {"sgd": (0.5, 4.0)}, {"sgd": 0.5},
                                  {"features": 3}, {"features": 3, "radius": 0.5}, {"exploration": 1.0},
                                  {"step": "natural"}, {"step": "natural", "sgd": (0.5, 4.0)}], ids=str)
@pytest.mark.parametrize("form", ["dense", "masked"])
def test_rounds_are_the_twin_s(rng, form, more):
    """Six rounds, estimates and policies to 1e-12."""
    game, policies = masked() if form == "masked" else (fm.games.random_markov(3, ACTIONS, 0.8, rng=2),
                                                        naive.random_policy(rng, ACTIONS, 3))
    if "features" in more:
        more = more | {"features": table_of(rng, 3, 5, more["features"])}
    name = "LinearQAscent" if more.get("step") is None else "SampledNaturalGradient"
    given = {"exploration": 0.1} | {key: value for key, value in more.items() if key != "step"}
    rule = getattr(fm.rules, name)(0.05, 150, **given)
    can = None if form == "dense" else np.split(MASK, [2], axis=1)
    slow = getattr(naive_linear, name)(naive.Game(None, None, 0.8, None, can), policies, **rule._asdict())
    run = fm.learn(game, rule, 6, policy=naive.join(policies), rng=7, record=TABLES)
    key = run_key(np.random.SeedSequence(7))
    for k in range(6):
        now = naive.join(slow.policies)
        seen = [samples(game, now, key, (2 * k + i) * 150, 150, i, rule.exploration) for i in (0, 1)]
        slow.step([list(zip(*each, strict=True)) for each in seen])
        assert_allclose(run.trace["policy"][k + 1], naive.join(slow.policies), rtol=0, atol=1e-12)
        q = np.concatenate([phi @ w for phi, w in zip(slow.features, slow.weights, strict=True)], axis=1)
        assert_allclose(run.trace["q"][k + 1], q, rtol=0, atol=1e-12)


def features(state, player, action, out):
    """Of three states: where it is, and what is done there."""
    out[:] = 0.0
    out[state] = 0.6
    out[3 + action] = 0.8 if player == 0 else -0.8


def columns(features, states, num_actions, d):
    """The table (S, A_total, d) of a function of features."""
    table = np.zeros((states, sum(num_actions), d))
    for s in range(states):
        for c, (i, a) in enumerate((i, a) for i, n in enumerate(num_actions) for a in range(n)):
            features(s, i, a, table[s, c])
    return table


def test_features_by_a_function_list_no_state():
    """Weights of the first round are those of the same features in a table; the policy is a function of their sum."""
    game, rule = simulator(), RULE(0.05, 60, features, 6)
    table = rule._replace(features=columns(features, 3, ACTIONS, 6), dimension=None)
    record = fm.Record(metrics=("policy",))
    one, other = (fm.learn(game, each, 1, rng=3, record=record) for each in (rule, table))
    assert_allclose(one.state.weights, other.state.weights, rtol=0, atol=1e-12)
    assert_array_equal(one.state.weights, one.state.total)
    rows = fm.linear_policy(rule, game, one.state.total, range(3))
    assert_allclose(np.concatenate(rows, axis=1), other.policy, rtol=0, atol=1e-12)
    many = fm.learn(game, rule, 6, rng=3, record=record)
    assert not np.array_equal(many.state.total, many.state.weights)
    before = fm.learn(game, rule, 5, rng=3, record=record)
    seen = np.concatenate(fm.linear_policy(rule, game, before.state.total, range(3)), axis=1)
    assert_allclose(many.policy, seen, rtol=0, atol=1e-12)  # of the round before, at the states that it sampled


@compiled_only
@pytest.mark.slow
def test_states_without_number_are_learned():
    """A state of 2^62 values, one row of observations: what pays is a coordinate of it, which the features show."""
    def begin(uniforms):
        return int(uniforms[0] * 2.0**62)

    def move(state, actions, uniforms, rewards):
        good = (state >> 61) & 1
        rewards[:] = 1.0 if actions[0] == good and actions[1] == good else 0.0
        return int(uniforms[0] * 2.0**62)

    def shown(state, player, action, out):
        good = (state >> 61) & 1
        out[:] = 0.0
        out[2 * good + action] = 1.0

    game = fm.SimulatorGame(begin, move, (2, 2), 1, 0.5, observe=lambda state: 0)
    rule = RULE(0.1, 400, shown, 4, exploration=0.02)
    run = fm.learn(game, rule, 200, rng=0, record=fm.Record(every=200, metrics=("policy",)))
    rows = fm.linear_policy(rule, game, run.state.total, [5, 2**61 + 5])
    for part in rows:
        assert_allclose(part, [[0.99, 0.01], [0.01, 0.99]], rtol=0, atol=1e-12)


def test_too_long_features_are_told():
    def long(state, player, action, out):
        out[:] = 1.0

    with pytest.raises(ValueError, match=r"have \|phi\| <= 1, found \|phi\|\^2 = 2 for player 0, action 0 in"):
        fm.learn(simulator(), RULE(0.1, 10, long, 2), 2, record=fm.Record(metrics=("policy",)))


@compiled_only
def test_estimates_tend_to_q_as_one_over_the_root_of_k():
    """Slope -1/2 +- .1 of the root mean square error of one round's estimates, 16 runs of K = 1000 .. 256000; with many
    samples a few rounds are those of exact Q-ascent projected onto the same set.
    """
    game = fm.games.random_markov(3, ACTIONS, 0.7, rng=3)
    policy, sizes = fm.random_policy(game, 1), 1000 * 4 ** np.arange(5)
    q = fm.evaluate(game, policy).q_bar
    errors = []
    for size in sizes:
        runs = fm.ensemble(game, RULE(0.1, int(size), exploration=0.5), 1, 16, policy=policy, rng=5, record=TABLES)
        errors.append(np.sqrt(np.mean((runs.trace["q"][:, 1] - q) ** 2)))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(slope + 0.5) <= 0.1, (slope, errors)


# ---------------------------------------------------------------------------------------------------------- same bits
@compiled_only
@pytest.mark.parametrize("form", ["dense", "simulator"])
def test_the_same_bits_on_any_threads_and_in_chunks(form, monkeypatch, keep_threads):
    """More samples than a chunk holds; runs alone, in ensembles, and by 1 to 8 shares."""
    game = fm.games.random_markov(3, ACTIONS, 0.6, rng=1) if form == "dense" else simulator(0.6)
    rule, children = RULE(0.05, CHUNK + 1001), np.random.SeedSequence(3).spawn(3)
    together = [fm.ensemble(game, rule, 3, 3, rng=3, record=TABLES, threads=threads) for threads in (1, 2)]
    for name in ("policy", "q"):
        assert_array_equal(together[0].trace[name], together[1].trace[name])
    for seconds in (0.1, 1e-9):
        monkeypatch.setattr(job, "CHUNK_SECONDS", seconds)
        for threads in range(1, keep_threads + 1):
            fm.set_threads(threads)
            alone = fm.learn(game, rule, 3, rng=children[1], record=TABLES)
            assert_array_equal(alone.trace["policy"], together[0].trace["policy"][1])
    if form == "dense":
        policy = fm.random_policy(game, 4)
        found = [samples(game, policy, KEY, 11, CHUNK + 777, 1, 0.2, threads) for threads in range(1, 9)]
        for each in found[1:]:
            for ours, first in zip(each, found[0], strict=True):
                assert_array_equal(ours, first)


@pytest.mark.parametrize("more", [{}, {"radius": 1.0}, {"features": "table"}], ids=str)
def test_a_run_goes_on_from_a_checkpoint(tmp_path, more):
    game = fm.games.random_markov(3, ACTIONS, 0.6, rng=1)
    if more.get("features"):
        more = {"features": table_of(np.random.default_rng(1), 3, 5, 4)}
    rule, record = RULE(0.1, 40, **more), fm.Record(every=3, metrics=("policy", "ne_gap"))
    whole = fm.learn(game, rule, 20, rng=5, record=record)
    fm.learn(game, rule, 11, rng=5, record=record, checkpoint=tmp_path / "run")
    resumed = fm.resume(tmp_path / "run", 20)
    for name, value in whole.trace.items():
        assert_array_equal(resumed.trace[name], value)
    assert_array_equal(resumed.policy, whole.policy)


def test_a_function_is_given_again_to_a_checkpoint(tmp_path):
    game, rule, record = simulator(), RULE(0.05, 30, features, 6), fm.Record(metrics=("policy",))
    whole = fm.learn(game, rule, 6, rng=3, record=record)
    fm.learn(game, rule, 3, rng=3, record=record, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=r"has the function features, which checkpoints do not import: give the rule"):
        fm.resume(tmp_path / "run", 6, game=game)
    with pytest.raises(ValueError, match="the rule of this checkpoint is LinearQAscent"):
        fm.resume(tmp_path / "run", 6, game=game, rule=rule._replace(eta=0.1))
    resumed = fm.resume(tmp_path / "run", 6, game=game, rule=rule)
    assert_array_equal(resumed.state.total, whole.state.total)
    assert_array_equal(resumed.trace["policy"], whole.trace["policy"])


# ------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize("wrong, message", [
    ({"eta": 0.0}, "eta"), ({"samples": 0}, "samples"), ({"samples": 2.5}, "samples"),
    ({"exploration": 0.0}, "exploration"), ({"exploration": 1.5}, "exploration"), ({"radius": 0.0}, "radius"),
    ({"radius": math.inf}, "radius"), ({"sgd": 0.75}, r"sgd must give steps in \(0, 1/2\], found 0\.75"),
    ({"sgd": (0.5, 0.0)}, "take an offset of at least"), ({"dimension": 3}, "dimension is for features that are a"),
    ({"features": np.ones((3, 5, 2))}, r"must have \|phi\| <= 1, found \|phi\|\^2 = 2 in row 0, column 0"),
    ({"features": np.zeros((3, 4, 2))}, r"\(S, A_total\) = \(3, 5\)"), ({"features": np.zeros((3, 5))}, "features"),
    ({"features": [np.zeros((3, 2, 2)), np.zeros((3, 3, 1))]}, "one S and one d"), ({"features": "rbf"}, "features"),
    ({"features": features}, "dimension must be given"),
    ({"features": features, "dimension": 6}, "on simulators alone"),
    ({"features": lambda state: state, "dimension": 6}, "features")], ids=lambda given: "".join(given))
def test_wrong_parameters_are_refused(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fm.learn(fm.games.random_markov(3, ACTIONS, 0.6, rng=1), RULE(**wrong), 1)


def test_a_first_policy_beside_a_function_is_refused():
    with pytest.raises(ValueError, match="the first policy must be uniform"):
        fm.learn(simulator(), RULE(0.1, 10, features, 6), 1, policy=fm.random_policy(simulator(), 1),
                 record=fm.Record(metrics=("policy",)))
    with pytest.raises(ValueError, match="need a discount of at most"):
        fm.learn(fm.games.random_markov(3, ACTIONS, 1.0 - 1e-9, rng=1), RULE(), 1)


@compiled_only
@pytest.mark.slow
def test_memory_does_not_grow_with_the_samples():
    """A round of 10^6 samples a player after one of 10^4: not a megabyte more, where a column of them would be 16."""
    code = """if True:
        import resource
        import fastmpg as fm
        game, most = fm.games.random_markov(5, (2, 2), 0.8, rng=1), []
        for size in (10_000, 1_000_000):
            fm.learn(game, fm.rules.LinearQAscent(0.1, size), 1, rng=0, record=fm.Record(metrics=("policy",)))
            most.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(most[1] - most[0])
    """
    grown = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert grown <= 1024, f"{grown} KiB"
