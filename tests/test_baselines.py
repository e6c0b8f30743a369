"""Learners by samples that others are compared with: independent and correlated Q-learning, and best responses to
models of the others.
"""

import signal
import threading
from typing import Any, NamedTuple

import naive
import naive_numbers
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats
from naive_baselines import correlated_equilibrium, incentives
from numpy.testing import assert_allclose, assert_array_equal
from simulating import EPS, compiled_only

import fastmpg as fm
from fastmpg.machine import Callback, call, check_callback, unit
from fastmpg.rules import correlated_q_learning as correlated
from fastmpg.rules.rule import contract
from fastmpg.run.run import run_key

Q, CE, NSCP = fm.rules.IndependentQLearning, fm.rules.CorrelatedQLearning, fm.rules.NSCPLearner
DECAYING = ("exponential", 0.02)
RULES = [Q(), Q((0.6, 1.0), DECAYING, "uniform_opponents"), Q((1.0, 0.5, 0.1), 1.0), Q(1.0, 0.0), NSCP(0.5, DECAYING),
         NSCP((0.8, 0.0), 0.3, 0.2), CE(), CE("libertarian", 1, (0.6, 1.0), DECAYING), CE("utilitarian", 0, 1.0, 1.0)]
MORE = [fm.rules.DecentralisedQLearning(20, exploration=0.3), fm.rules.DecentralisedQLearning(7, 0.2, 0.5, 0.2, 0.3),
        fm.rules.SmoothedFictitiousPlay(0.5), fm.rules.SmoothedFictitiousPlay(0.1, 0.2, (0.8, 0.0)),
        fm.rules.VLearning(payoffs=(-2.0, 3.0)), fm.rules.VLearning(0.1, (-2.0, 3.0))]


def masked(rng, num_actions=(3, 2), states=4, discount=0.8, **options):
    """A random game in which some actions are missing."""
    mask = rng.random((states, sum(num_actions))) < 0.6
    for low, n in zip(np.cumsum([0, *num_actions[:-1]]), num_actions, strict=True):
        mask[np.arange(states), low + rng.integers(n, size=states)] = True
    twin = naive.random_game(rng, num_actions, states, discount)
    return fm.MarkovGame(twin.rewards, twin.transitions, discount, twin.initial, available=mask, **options)


def episodes(discount=0.9, rng=None):
    """A corridor 0 - 1 - 2 for one who walks and one who watches: leaving 2 pays (1, -1) and ends; steps may slip.

    With a generator other rewards are added to these: above 0, the value of all that was never played, so that there
    are no ties.
    """
    moves, rewards = np.zeros((4, 2, 2, 4)), np.zeros((2, 4, 2, 2)) if rng is None else rng.uniform(1, 2, (2, 4, 2, 2))
    for s in range(3):
        moves[s, 0, :, s] = 1.0
        moves[s, 1, :, s + 1] = 0.75
        moves[s, 1, :, max(s - 1, 0)] += 0.25
    rewards[:, 2, 1] += np.array([0.75, -0.75])[:, None]
    rewards[:, 3], moves[3] = np.nan, np.nan
    return fm.MarkovGame(rewards, moves, discount, [0.5, 0.25, 0.25, 0.0], terminal=[3])


def label(rule):
    return f"{type(rule).__name__}-{'-'.join(map(str, rule))}".replace(" ", "")


# ---------------------------------------------------------------------------------------------------------- twins
@pytest.mark.parametrize("kind", ["all", "masked", "episodes"])
@pytest.mark.parametrize("rule", [*RULES, *MORE], ids=label)
def test_replay(rule, kind, rng):
    """States and actions are what the twin takes of the generator's numbers, and its tables what the run keeps."""
    game = {"all": lambda: fm.games.random_markov(3, (2, 3), 0.8, rng=rng), "masked": lambda: masked(rng),
            "episodes": lambda: episodes(rng=rng)}[kind]()
    steps, seed = (60 if isinstance(rule, CE) else 300), np.random.SeedSequence(rng.integers(2**32))
    record = fm.Record(every=steps, metrics=("policy",), trajectory=True)
    run = fm.learn(game, rule, steps, rng=seed, record=record)
    key, states, actions = run_key(seed).tolist(), run.trajectory.states, run.trajectory.actions
    twin = naive.twin_of(type(rule).__name__)
    more = {"seed": tuple(key)} if getattr(twin, "seeded", False) else {}
    twin = twin(game, naive.split(fm.uniform_policy(game), game.num_actions), **rule._asdict(), **more)
    assert states[0] == first(game, naive_numbers.uniform(key, 0, 0, 2))
    for k in range(steps):
        s, a, t = states[k], actions[k], states[k + 1]
        assert list(a) == twin.act(s, [naive_numbers.uniform(key, k, i, 0) for i in range(2)], k), k
        law = game.transitions[(s, *a)]
        if game.terminal is not None and law[3] > 0 and (law[t] == 0 or s == 2):  # from 2: back, or over
            ended = over(game, s, a, naive_numbers.uniform(key, k, 0, 1))
            if ended:
                assert t == (first(game, naive_numbers.uniform(key, k + 1, 0, 2)) if k < steps - 1 or t != 3 else 3)
                t = 3
        assert law[t] > 0
        twin.step((s, a, game.rewards[(slice(None), s, *a)], t))
    assert_allclose(run.policy, naive.join(twin.policies), rtol=0, atol=1e-9)
    if hasattr(twin, "joint_q"):
        found = run.state.joint_q.reshape(twin.joint_q.shape)
        possible = np.isfinite(found)
        assert_allclose(found[possible], twin.joint_q[possible], rtol=0, atol=1e-9)
    if hasattr(twin, "q"):
        assert_allclose(run.state.q, naive.join(twin.q), rtol=0, atol=1e-12)
    if kind == "episodes":
        assert run.state.visits[3] == 0 and (len(set(states[:-1].tolist())) == 3
                                                or not getattr(rule, "exploration", 0))


def first(game, u):
    """The first state, by inversion."""
    return int(np.flatnonzero(np.cumsum(game.initial) > u)[0])


def over(game, s, actions, u):
    """Whether the alias table of the corridor's row led to the end: the one entry above a uniform share of 1/4 fills
    the others.
    """
    sampler, row = game.sampler(), (s * 4 + actions[0] * 2 + actions[1]) * 4
    place, rest = divmod(u * 4, 1.0)
    at = row + int(place)
    return (int(place) if rest < sampler.threshold[at] else int(sampler.other[at])) == 3


@compiled_only
@pytest.mark.parametrize("rule", [Q(0.5, 0.3), NSCP(0.5, 0.3), CE("utilitarian", 0, 0.5, 0.3)], ids=label)
def test_how_players_explore(rule):
    """The greedy, or recommended, action with 1 - epsilon and any one that there is with epsilon, independently."""
    rewards = np.zeros((2, 1, 4, 3))
    rewards[:, 0, 1, 2] = 1.0
    game = fm.MarkovGame(rewards, np.ones((1, 4, 3, 1)), 0.0, available=[[1, 1, 0, 1, 0, 1, 1]])
    run = fm.learn(game, rule, 200_000, rng=3, record=fm.Record(every=200_000, metrics=("policy",), trajectory=True))
    late = run.trajectory.actions[2000:]
    expected = np.multiply.outer([0.1, 0.8, 0.0, 0.1], [0.0, 0.15, 0.85]) * len(late)
    counts = np.zeros((4, 3))
    np.add.at(counts, tuple(late.T), 1)
    assert (counts[expected == 0] == 0).all()
    assert scipy.stats.chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-6
    assert_array_equal(run.policy, [[0, 1, 0, 0, 0, 0, 1]])


def test_first_tables():
    game = fm.games.random_markov(3, (2, 3), 0.5, rng=1)
    opponents = fm.learn(game, Q(initial="uniform_opponents"), 0, rng=0)
    assert_allclose(opponents.state.q[:, :2], game.rewards[0].mean(axis=2) / 0.5, rtol=1e-14)
    assert_allclose(opponents.state.q[:, 2:], game.rewards[1].mean(axis=1) / 0.5, rtol=1e-14)
    assert_array_equal(opponents.policy, (
        opponents.state.q == np.repeat([opponents.state.q[:, :2].max(1), opponents.state.q[:, 2:].max(1)],
                                                                         [2, 3], axis=0).T))
    table = np.arange(15.0).reshape(3, 5) // 2
    given = fm.learn(game, Q(initial=table), 0, rng=0)
    assert_array_equal(given.state.q, table)
    assert_array_equal(given.policy, [[0.5, 0.5, 0, 0, 1], [0, 1, 0, 0.5, 0.5], [0.5, 0.5, 0, 0, 1]])
    start = fm.random_policy(game, 2)
    assert_array_equal(fm.learn(game, Q(), 0, policy=start).policy, start)
    crowd = fm.games.routing(3, form="count")
    assert_allclose(fm.learn(crowd, Q(initial="uniform_opponents"), 0).state.q,
                    fm.learn(crowd.to_dense(), Q(initial="uniform_opponents"), 0).state.q, rtol=1e-13)


@compiled_only
def test_values_of_an_episode():
    """One step size a visit: the means of what was seen, near the values by hand; nothing is expected after the end."""
    game, steps = episodes(), 400_000
    run = fm.learn(game, Q((0.8, 0.0), 1.0, np.full((4, 4), 7.0)), steps, rng=1,
                   record=fm.Record(every=steps, metrics=("policy",)))
    p = game.discount * np.array([[0.25, 0.75, 0.0], [0.25, 0.0, 0.75], [0.0, 0.25, 0.0]])
    value = np.linalg.solve(np.eye(3) - p, [0, 0, 0.75])  # always walking is best for the walker
    assert_allclose(run.state.q[:3, 1], value, atol=0.02)
    assert_allclose(run.state.q[:3, 0], game.discount * value, atol=0.02)
    assert_array_equal(run.state.q[3], np.zeros(4))


@compiled_only
@pytest.mark.parametrize("form", ["dense", "sparse", "count"])
def test_episodes_of_other_rules(form):
    """Two-timescale learning never plays in a terminal state either, in any form of a game."""
    game = episodes()
    if form == "sparse":
        game = fm.MarkovGame(game.rewards, sp.csr_array(game.transitions.reshape(16, 4)), 0.9, game.initial,
                             terminal=game.terminal)
    elif form == "count":
        game = fm.CountGame(np.ones((4, 2, 3)), np.full((4, 4), 0.25), 0.9, [0.5, 0.25, 0.25, 0.0], terminal=[3])
    run = fm.learn(game, fm.rules.TwoTimescaleQ(tau=0.1), 2000, rng=1,
                   record=fm.Record(every=2000, metrics=("policy",), trajectory=True))
    assert run.state.visits[3] == 0 and (run.trajectory.states[:-1] < 3).all() and run.state.visits[:3].min() > 50


# ------------------------------------------------------------------------------------------------ stage equilibria
@pytest.mark.parametrize("num_actions", [(2, 2), (3, 4), (1, 3), (2, 2, 3)], ids=str)
@pytest.mark.parametrize("missing", [False, True])
def test_stage_equilibria(num_actions, missing, rng):
    """Of random stage games: equilibria, as good as those of the whole program, whether by it or by the shortcut."""
    players, joint = len(num_actions), int(np.prod(num_actions))
    game = masked(rng, num_actions, 30) if missing else fm.games.random_markov(30, num_actions, rng=rng)
    for weights in (np.ones(players), np.eye(players)[0], np.eye(players)[-1]):
        state = correlated.CorrelatedState.start(game, fm.uniform_policy(game))
        state.stage.weights[...] = weights
        q = rng.normal(size=(players, 30, joint)) * np.array([1.0, 1e-6, 1e6])[np.arange(30) % 3][:, None]
        q[:, 15:] = np.round(q[:, 15:])  # many ties
        state.joint_q[...] = np.where(np.isinf(state.joint_q), -np.inf, q)
        state.stale[...] = 1
        programs = 0
        for s in range(30):
            programs += correlated.best_for_all(state.joint_q, s, weights, game.offset) < 0
            correlated.refresh(state, s, game.offset)
            stage, can = state.joint_q[:, s].reshape(players, *num_actions), np.isfinite(
                state.joint_q[0, s]).reshape(num_actions)
            sigma, scale = state.joint[s], max(1e-300, np.abs(q[:, s]).max())
            best = correlated_equilibrium(stage / scale, weights, can)
            finite = np.where(can, stage, 0.0) / scale
            assert (state.stale[s] == 0 and abs(sigma.sum() - 1) < 1e-12
                    and (sigma >= 0).all() and (sigma[~can.ravel()] == 0).all())
            assert (incentives(finite, can) @ sigma >= -1e-6).all()
            aim = np.tensordot(weights, finite, 1).ravel()
            assert abs(aim @ sigma - aim @ best.ravel()) < 1e-6
            assert_allclose(state.value[:, s], scale * (finite.reshape(players, -1) @ sigma),
                            rtol=1e-12, atol=1e-12 * scale)
            marginals = [sigma.reshape(num_actions).sum(axis=tuple(k for k in range(players) if k != i))
                         for i in range(players)]
            assert_allclose(state.policy[s], np.concatenate(marginals), rtol=0, atol=1e-14)
        assert 0 < programs < 30 or joint == max(num_actions)


@compiled_only
def test_a_mediator_does_better_than_any_nash_equilibrium():
    """Chicken: 21/4 each (by hand: what is told to dare gains nothing, what is told to give way loses nothing)."""
    game = fm.NormalFormGame([[[6, 2], [7, 0]], [[6, 7], [2, 0]]])
    run = fm.learn(game, CE(alpha=1.0, exploration=0.5), 500, rng=0, record=fm.Record(every=500, metrics=("policy",)))
    assert_allclose(run.state.joint, [[0.5, 0.25, 0.25, 0.0]], atol=1e-9)
    assert_allclose(run.state.value, [[5.25], [5.25]], atol=1e-8)
    for dictator in (0, 1):
        run = fm.learn(game, CE("libertarian", dictator, 1.0, 0.5), 500, rng=0,
                       record=fm.Record(every=500, metrics=("policy",)))
        assert_allclose(run.state.value[:, 0], [7.0, 2.0] if dictator == 0 else [2.0, 7.0])


# -------------------------------------------------------------------------------------------------- called by kernels
class Caller(NamedTuple):
    function: Any
    calls: Any


@unit
def calling(frame, count):
    """Calls a function ``count`` times, and counts."""
    for n in range(count):
        call(frame.function, (n, count))
        frame.calls[0] += 1


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_python_raises_is_kept(error):
    seen = []

    def function(n, count):
        seen.append((n, count))
        if n == 2:
            raise error

    made, calls = Callback(function), np.zeros(1, np.int64)
    calling.bind(Caller(made.bound, calls))(5)
    assert seen == [(0, 5), (1, 5), (2, 5)] and calls[0] == 5 and made.failed[0] == 1
    with pytest.raises(type(error), match=r"no|3"):
        check_callback(made.bound)
    made.check()  # said once


def test_ctrl_c_runs_a_function_again():
    seen = []

    def function(n):
        seen.append(n)
        if seen == [0, 1]:
            raise KeyboardInterrupt

    made = Callback(function)
    calling.bind(Caller(made.bound, np.zeros(1, np.int64)))(3)
    assert seen == [0, 1, 1, 2] and made.failed[0] == 0
    with pytest.raises(KeyboardInterrupt):
        made.check()
    made.check()


@compiled_only
def test_a_failed_program_is_an_error(monkeypatch, rng):
    game, rule, record = fm.games.random_markov(3, (2, 3), rng=5), CE(exploration=1.0), fm.Record(
        every=400, metrics=("policy",))
    before = fm.learn(game, rule, 400, rng=1, record=record)

    class Failed:
        success, message = False, "HiGHS gave up"

    with monkeypatch.context() as patched:
        patched.setattr(correlated, "milp", lambda *_, **__: Failed)
        for call_it in (lambda: fm.learn(game, rule, 400, rng=1, record=record),
                        lambda: fm.ensemble(game, rule, 400, 3, record=record, threads=2)):
            with pytest.raises(RuntimeError,
                               match=r"stage game in state \d was not solved: HiGHS gave up; values .* \[\["):
                call_it()
    assert fm.learn(game, rule, 400, rng=1, record=record) == before


@compiled_only
def test_interrupted_in_a_program(monkeypatch, tmp_path):
    """Ctrl-C while HiGHS is at work: a checkpoint from which the run goes on bit for bit."""
    game, rule, record = fm.games.random_markov(3, (2, 3), rng=5), CE(exploration=1.0), fm.Record(
        every=2000, metrics=("policy",))
    whole, solve, count = fm.learn(game, rule, 2000, rng=1, record=record), correlated.Program.solve, []

    def interrupted(self, s):
        count.append(s)
        if len(count) == 5:
            signal.raise_signal(signal.SIGINT)
        solve(self, s)

    with monkeypatch.context() as patched:
        patched.setattr(correlated.Program, "solve", interrupted)
        half = fm.learn(game, rule, 2000, rng=1, record=record, checkpoint=tmp_path / "run", throw=False)
    assert half.status == "interrupted" and 0 < half.steps < 2000
    rest = fm.resume(tmp_path / "run")
    for name in ("policy", "joint", "joint_q", "value", "joint_counts"):
        assert_array_equal(getattr(rest.state, name), getattr(whole.state, name), err_msg=name)


@compiled_only
@pytest.mark.parametrize("rule",
                         [Q(0.3, DECAYING), NSCP(0.3, DECAYING), CE("utilitarian", 0, 0.3, DECAYING)], ids=label)
def test_runs_side_by_side_and_in_pieces(rule, tmp_path, rng):
    """An ensemble on threads, a run in another thread, and a resumed run: the same bits."""
    game, steps = masked(rng), 250
    record = fm.Record(steps=[0, 7, 100, steps], metrics=("policy",), trajectory=True)
    together = fm.ensemble(game, rule, steps, 4, rng=11, record=record, threads=2)
    alone, kept = [], []
    for child in np.random.SeedSequence(11).spawn(4):
        alone.append(fm.learn(game, rule, steps, rng=child, record=record))
    worker = threading.Thread(target=lambda: kept.append(
        fm.learn(game, rule, steps, rng=np.random.SeedSequence(11).spawn(4)[2], record=record)))
    worker.start()
    worker.join(60)
    fm.learn(game, rule, 90, rng=np.random.SeedSequence(11).spawn(4)[2], record=record.replace(steps=[0, 7]),
             checkpoint=tmp_path / "run")
    rest = fm.resume(tmp_path / "run", steps)
    for r, one in enumerate(alone):
        assert_array_equal(together.trace["policy"][r], one.trace["policy"])
        assert_array_equal(together.trajectory.actions[r], one.trajectory.actions)
    for name, value in vars(alone[2].state).items():
        assert_array_equal(getattr(kept[0].state, name), value, err_msg=name)
        assert_array_equal(getattr(rest.state, name), value, err_msg=name)
        assert_array_equal(getattr(together.state, name)[2], value, err_msg=name)


@compiled_only
def test_a_grid_of_parameters():
    game = fm.games.random_markov(2, (2, 2), rng=1)
    rule = Q(alpha=np.array([[0.1], [0.5]]), exploration=np.array([0.0, 0.5, 1.0]))
    many = fm.ensemble(game, rule, 50, record=fm.Record(every=50, metrics=("policy",)))
    one = fm.learn(game, Q(0.5, 0.5), 50, rng=np.random.SeedSequence(0).spawn(2)[1],
                   record=fm.Record(every=50, metrics=("policy",)))
    assert many.policy.shape == (2, 3, 2, 4)
    assert_array_equal(many.state.q[1, 1], one.state.q)


# ---------------------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize("rule, says", [
    (Q(alpha=0.0), r"alpha must be a finite number in \(0, 1\], found 0"),
    (Q(alpha=[0.5, 0.1]), "alpha must be a step size in .* or a tuple"),
    (Q(alpha=(0.5, 0.7, 0.1)), "must lie in .* and never increase"),
    (Q(exploration=1.5), r"exploration must be a finite number in \[0, 1\]"),
    (Q(exploration=("linear", 1.0)), r'exploration must be a probability, or \("exponential", beta\)'),
    (Q(exploration=("exponential", -1.0)), "beta of exploration must be"),
    (Q(exploration="greedy"), "must be a probability"),
    (fm.rules.NSCPLearner(exploration=("boltzmann", 1.0)), r"probabilities\), found"),
    (Q(initial="ones"), 'initial must be "zeros", "uniform_opponents" or an array'),
    (Q(initial=np.zeros((1, 4))), r"initial must have shape \(S, A_total\) = \(1, 5\)"),
    (Q(initial=np.full((1, 5), np.nan)), "initial"),
    (NSCP(memory=0.0), "memory must be"), (CE("egalitarian"), 'objective must be "utilitarian" or "libertarian"'),
    (CE("libertarian", dictator=2), "dictator must be between 0 and 1, found 2"), (CE(dictator=-1), "dictator must be"),
], ids=lambda value: str(value) if isinstance(value, str) else label(value))
def test_what_is_refused(rule, says):
    with pytest.raises((ValueError, TypeError), match=says):
        fm.learn(fm.games.zhang_3x2(), rule, 1)


def test_tables_that_do_not_fit():
    game = fm.games.routing(40, form="count")
    for rule in (NSCP(), CE()):
        with pytest.raises(MemoryError,
                           match=r"values of .* joint actions.*use a rule that keeps none, as IndependentQLearning"):
            fm.learn(game, rule, 1, record=fm.Record(metrics=("policy",)))


def test_who_may_see_what():
    """A rule that reads others' play says so by its feedback."""
    assert contract(Q).feedback.kind is fm.Transition
    assert contract(NSCP).feedback.kind is contract(CE).feedback.kind is fm.JointTransition


# ---------------------------------------------------------------------------------- Etesami and Straehle, figure 5
def score(game, joint, steps=200):
    """What the players expect of a game, play (S, J) of joint actions, without discounting."""
    moves = np.einsum("sj,sjt->st", joint, game.transitions.toarray().reshape(*joint.shape, -1))
    law, total = game.initial, 0.0
    for _ in range(steps):
        total, law = total + np.einsum("sj,nsj,s->n", joint, game.rewards.reshape(2, *joint.shape), law), law @ moves
    assert law[~game.terminal].sum() < 1e-9, "the game does not end"
    return total


def scores(name, rule, steps, runs=8):
    """On a grid game that ends with the first arrival."""
    game = getattr(fm.games, name)(ends="first", discount=0.9)
    many = fm.ensemble(game, rule, steps, runs, rng=0, record=fm.Record(every=steps, metrics=("policy",)))
    play = getattr(many.state, "joint", None)
    if play is None:
        rows = [fm.split(game, policy) for policy in many.policy]
        play = np.array([np.einsum("sa,sb->sab", *row).reshape(game.num_states, -1) for row in rows])
    return game, many, np.array([score(game, each) for each in play])


ONE_OF = ([1.0, 2.0], [2.0, 1.0])


@compiled_only
@pytest.mark.parametrize("name, wanted", [("grid_1", ([30.0, 30.0],)), ("grid_2", ONE_OF)])
def test_q_learning_on_grid_games(name, wanted):
    """Printed in the paper: 30, 30 and 1, 2."""
    _, _, found = scores(name, Q((0.6, 1.0), ("exponential", 3e-5)), 400_000)
    print(f"{name}, Q-learning, 8 seeds:", found.round(9).tolist())
    assert all(np.abs(each - found[r]).max() < 64 * EPS
               for r, each in enumerate([min(wanted, key=lambda w: np.abs(w - f).max()) for f in found]))


@compiled_only
@pytest.mark.slow
@pytest.mark.parametrize("objective, dictator", [("utilitarian", 0), ("libertarian", 0), ("libertarian", 1)])
def test_correlated_q_learning_on_grid_1(objective, dictator):
    """Printed in the paper: 30, 30. Moves are certain, so that the newest sample is the truth: step size 1, values
    30 gamma^3.
    """
    game, many, found = scores("grid_1", CE(objective, dictator, 1.0, 1.0), 10_000)
    print(f"grid_1, {objective} {dictator}, 8 seeds:", found.round(9).tolist())
    assert_allclose(found, 30.0, rtol=64 * EPS)
    assert_allclose(many.state.value[:, :, game.initial.argmax()], 30 * 0.9**3, rtol=1e-12)


@compiled_only
@pytest.mark.slow
@pytest.mark.parametrize("objective, dictator, wanted",
                         [("utilitarian", 0, ONE_OF), ("libertarian", 0, ONE_OF[1:]), ("libertarian", 1, ONE_OF[:1])])
def test_correlated_q_learning_on_grid_2(objective, dictator, wanted):
    """Printed in the paper: 1, 2 (uCE-Q) and 2, 1 (lCE-Q). Libertarian: the dictator has the 2."""
    _, _, found = scores("grid_2", CE(objective, dictator, (0.8, 1.0), 1.0), 8_000, 4)
    print(f"grid_2, {objective} {dictator}, 4 seeds:", found.round(9).tolist())
    assert all(min(np.abs(w - each).max() for w in wanted) < 64 * EPS for each in found)
