"""learn, Record and Result: what is recorded, what stops a run, what survives, and rules written outside the package
(ensembles: test_ensembles.py)."""

import itertools
import signal
import threading
import time
from typing import Any, NamedTuple

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recording import ALL, NPG, same

import fastmpg as fm
from fastmpg import machine


@pytest.fixture(scope="module")
def game():
    return fm.games.random_markov(4, (2, 3), rng=1)


@pytest.fixture(scope="module")
def stage():
    return fm.games.zhang_3x2()


# ------------------------------------------------------------------------------------------------------- the trace
def test_every_row_describes_the_policy_before_its_update(game):
    """Row k holds what the public functions say of the policy after k updates; the last row is the last policy's."""
    run = fm.learn(game, NPG, 6, policy="random", rng=5, record=fm.Record(metrics=ALL, tau=0.4))
    assert_array_equal(run.trace["step"], np.arange(7))
    assert_array_equal(run.trace["policy"][-1], run.policy)
    assert_array_equal(run.trace["policy"][0], fm.random_policy(game, 5))
    for k, policy in enumerate(run.trace["policy"]):
        shorter = fm.learn(game, NPG, k, policy="random", rng=5, record=fm.Record(metrics=()))
        assert_array_equal(shorter.policy, policy)
        assert (shorter.steps, shorter.status) == (k, "done")
        close = {"rtol": 1e-13, "atol": 1e-13}
        assert_allclose(run.trace["ne_gap"][k], fm.ne_gap(game, policy), **close)
        assert_allclose(run.trace["qre_gap"][k], fm.qre_gap(game, policy, 0.4), **close)
        assert_allclose(run.trace["value"][k], fm.evaluate(game, policy).value @ game.initial, **close)
        assert_allclose(run.trace["c"][k], fm.metrics.c(game, policy), **close)
        assert_allclose(run.trace["mismatch"][k], fm.metrics.mismatch(game, policy), **close)
        assert_allclose(run.trace["grad_norm"][k], np.sqrt((fm.metrics.grad_norm(game, policy) ** 2).sum()), **close)


@pytest.mark.parametrize("metrics", [(), *((m,) for m in ALL), ("c", "policy"), ("mismatch", "ne_gap")], ids=str)
@pytest.mark.parametrize("rule", [NPG, fm.rules.EntropyNaturalGradientPlay(0.05, 0.3)], ids=lambda r: type(r).__name__)
def test_what_else_is_recorded_changes_no_number(game, rule, metrics):
    every = fm.learn(game, rule, 10, record=fm.Record(metrics=ALL))
    some = fm.learn(game, rule, 10, record=fm.Record(metrics=metrics))
    assert set(some.trace) == {"step", *metrics}
    assert_array_equal(some.policy, every.policy)
    for name in metrics:
        assert_array_equal(some.trace[name], every.trace[name])


@pytest.mark.parametrize(
    "steps, every, expected",
    [(10, 1, range(11)), (10, 3, [0, 3, 6, 9, 10]), (10, 5, [0, 5, 10]), (10, 11, [0, 10]),
     (0, 1, [0]), (1, 100, [0, 1])],
)
def test_recorded_steps(stage, steps, every, expected):
    run = fm.learn(stage, NPG, steps, record=fm.Record(every, metrics=("policy",)))
    assert_array_equal(run.trace["step"], list(expected))
    full = fm.learn(stage, NPG, steps, record=fm.Record(metrics=("policy",)))
    assert_array_equal(run.trace["policy"], full.trace["policy"][list(expected)])
    assert_array_equal(run.policy, full.policy)


@pytest.mark.parametrize("steps", [[0], [7], [0, 1, 5], (5, 1, 5, 0), np.array([2, 9]), [30], range(3)], ids=str)
def test_explicit_steps(stage, steps):
    """Sorted, once each, and the run goes on to its end after the last of them, with a callback and without."""
    full = fm.learn(stage, NPG, 30, record=fm.Record(metrics=("policy",)))
    seen = []
    for callback in (None, lambda snapshot: seen.append(snapshot.step)):
        run = fm.learn(stage, NPG, 30, record=fm.Record(steps=steps, metrics=("policy",)), callback=callback)
        expected = sorted({int(k) for k in steps})
        assert_array_equal(run.trace["step"], expected)
        assert_array_equal(run.trace["policy"], full.trace["policy"][expected])
        assert_array_equal(run.policy, full.policy)
        assert (run.steps, run.status) == (30, "done")
    assert seen == expected


@pytest.mark.parametrize("last, count", [(1, 1), (1, 5), (10, 3), (1000, 4), (10**6, 50), (7, 100)])
def test_log_spaced_steps(last, count):
    steps = fm.Record.log_spaced(last, count)
    assert steps[0] == 0 and steps[-1] == (last if count > 1 else 1)
    assert (np.diff(steps) > 0).all() and len(steps) <= count + 1
    ideal = np.geomspace(1, last, count)
    assert np.abs(steps[1:, None] - ideal).min(axis=1).max() <= 0.5, "every step is one of the evenly spaced, rounded"
    assert np.abs(ideal[:, None] - steps[1:]).min(axis=1).max() <= 0.5, "and each of those is there"
    assert_array_equal(fm.Record(steps=steps).at(last), steps)


def test_the_gap_is_taken_at_the_temperature_of_the_rule(game):
    rule = fm.rules.EntropyNaturalGradientPlay(0.05, 0.7)
    for record, tau in ((fm.Record(metrics=("qre_gap", "policy")), 0.7),
                        (fm.Record(metrics=("qre_gap", "policy"), tau=0.2), 0.2)):
        run = fm.learn(game, rule, 4, record=record)
        expected = [fm.qre_gap(game, p, tau) for p in run.trace["policy"]]
        assert_allclose(run.trace["qre_gap"], expected, rtol=1e-12, atol=1e-13)
    plain = fm.learn(game, NPG, 4, record=fm.Record(metrics=("qre_gap", "ne_gap")))
    assert_array_equal(plain.trace["qre_gap"], plain.trace["ne_gap"])


def test_default_record_is_gap_and_value_at_every_step(stage):
    run = fm.learn(stage, NPG, 3)
    assert set(run.trace) == {"step", "ne_gap", "value"} and run.trace["step"].size == 4


# ------------------------------------------------------------------------------------------------------ the callback
@pytest.mark.parametrize("every", [1, 4])
def test_callback_sees_the_policy_of_its_row(game, every):
    """At every recorded step: the policy that the newest row describes, and all rows up to it."""
    record, seen = fm.Record(every, metrics=("policy", "ne_gap")), []
    run = fm.learn(
        game, NPG, 10, record=record,
        callback=lambda s: seen.append(s._replace(trace={k: v.copy() for k, v in s.trace.items()}))
    )
    assert [s.step for s in seen] == run.trace["step"].tolist()
    for row, s in enumerate(seen):
        assert_array_equal(s.trace["step"], run.trace["step"][: row + 1])
        assert_array_equal(s.trace["ne_gap"], run.trace["ne_gap"][: row + 1])
        assert_array_equal(s.trace["policy"], run.trace["policy"][: row + 1])
        assert_array_equal(s.policy, run.trace["policy"][row], f"snapshot of step {s.step}")


def test_callback_ends_the_run_at_the_step_it_saw(game):
    """The result is that of a run of so many steps."""
    record = fm.Record(metrics=("policy", "value"))
    stopped = fm.learn(game, NPG, 100, record=record, callback=lambda s: s.step == 7)
    short = fm.learn(game, NPG, 7, record=record)
    assert stopped.status == "stopped" and "7" in stopped.message
    assert stopped.steps == 7
    assert_array_equal(stopped.trace["step"], np.arange(8))
    assert_array_equal(stopped.trace["policy"], short.trace["policy"])
    assert_array_equal(stopped.policy, short.policy)


def test_callback_ends_the_run_before_it_moves(game):
    stopped = fm.learn(game, NPG, 100, callback=lambda s: True)
    assert (stopped.status, stopped.steps) == ("stopped", 0)
    assert_array_equal(stopped.policy, fm.uniform_policy(game))


def test_callback_cannot_touch_the_run(game):
    """Writing into what it was shown changes nothing (or is refused)."""

    def meddle(snapshot):
        for array in (snapshot.policy, *snapshot.trace.values()):
            if array.flags.writeable:
                array[...] = 0

    record = fm.Record(metrics=("ne_gap", "policy"))
    same(fm.learn(game, NPG, 5, record=record, callback=meddle), fm.learn(game, NPG, 5, record=record))


def test_an_error_in_the_callback_is_the_callers(game):
    class Mine(Exception):
        pass

    def callback(snapshot):
        raise Mine

    with pytest.raises(Mine):
        fm.learn(game, NPG, 5, callback=callback)


# ---------------------------------------------------------------------------------------- interrupted and diverged
def test_interrupted_in_a_callback(game):
    def callback(snapshot):
        if snapshot.step == 5:
            raise KeyboardInterrupt

    record = fm.Record(metrics=("policy", "value"))
    with pytest.raises(fm.Interrupted) as caught:
        fm.learn(game, NPG, 50, record=record, callback=callback)
    result = caught.value.result
    short = fm.learn(game, NPG, 5, record=record)
    assert result.status == "interrupted" and isinstance(caught.value, KeyboardInterrupt)
    assert result.message in str(caught.value) and "50" in result.message
    assert_array_equal(result.trace["step"], np.arange(6))
    assert_array_equal(result.trace["policy"], short.trace["policy"])
    assert_array_equal(result.policy, short.policy)
    assert result.steps == 5
    quiet = fm.learn(game, NPG, 50, record=record, callback=callback, throw=False)
    same(quiet, result)


def interrupt_after(seconds):
    """What Ctrl-C does: a signal to the main thread, which a waiting lock hears as well."""
    timer = threading.Timer(seconds, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    return timer


def test_ctrl_c_is_heard_soon(game):
    """A run of hours gives way within a second or so and keeps its rows: the first of them are those of a short run."""
    record = fm.Record(every=1000)
    fm.learn(game, NPG, 1)
    timer, began = interrupt_after(0.5), time.monotonic()
    try:
        with pytest.raises(fm.Interrupted) as caught:
            fm.learn(game, NPG, 10**9, record=fm.Record(every=10**6))
    finally:
        timer.cancel()
    assert time.monotonic() - began < 5
    result = caught.value.result
    assert 0 < result.steps < 10**9
    assert result.trace["step"].size == (result.steps - 1) // 10**6 + 1
    assert np.isfinite(result.trace["ne_gap"]).all()
    assert_array_equal(result.trace["ne_gap"][0], fm.learn(game, NPG, 1000, record=record).trace["ne_gap"][0])
    assert_allclose(result.policy.sum(axis=1), game.num_players, rtol=1e-12)


def test_ctrl_c_in_an_ensemble(game):
    """All runs move on together: the result is a whole one, of the steps that were made; the exception carries it."""
    fm.learn(game, NPG, 1)
    timer, began = interrupt_after(0.5), time.monotonic()
    try:
        with pytest.raises(fm.Interrupted) as caught:
            fm.ensemble(game, NPG, 10**9, runs=4, threads=1, record=fm.Record(every=10**4), policy="random")
    finally:
        timer.cancel()
    assert time.monotonic() - began < 10
    result = caught.value.result
    assert result.status == "interrupted" and result.policy.shape == (4, 4, 5) and np.isfinite(result.policy).all()
    assert 0 < result.steps < 10**9 and result.trace["step"][-1] <= result.steps < result.trace["step"][-1] + 10**4
    assert np.isfinite(result.trace["ne_gap"]).all()
    assert result.trace["ne_gap"].shape[:2] == (4, result.trace["step"].size)


@pytest.mark.parametrize(
    "rule",
    [
        fm.rules.NaturalGradientPlay(1e308),
        fm.rules.QAscent(1e308),
        fm.rules.GradientPlay(1e308),
        fm.rules.ProjectedGradientAscent(1e308),
        fm.rules.EntropyNaturalGradientPlay(1e308, 0.0),
    ],
    ids=lambda r: type(r).__name__,
)
def test_diverged(rule):
    """A step that overflows is never passed off as a policy."""
    game = fm.NormalFormGame([[10.0, -10.0, 3.0]])
    with pytest.raises(fm.Diverged) as caught:
        fm.learn(game, rule, 3)
    result = caught.value.result
    assert isinstance(caught.value, ArithmeticError)
    assert result.status == "diverged" and np.isnan(result.policy).any() and "smaller step" in result.message
    assert_allclose(result.trace["value"][0], [1.0], rtol=1e-15)
    same(fm.learn(game, rule, 3, throw=False), result)
    with pytest.raises(fm.Diverged, match="2 of 2 runs"):
        fm.ensemble(game, rule, 3, runs=2)


def test_diverged_runs_of_an_ensemble_leave_the_others_alone():
    game = fm.NormalFormGame([[10.0, -10.0, 3.0]])
    result = fm.ensemble(game, fm.rules.GradientPlay(np.array([0.5, 1e308, 0.25])), 5, throw=False)
    assert result.status == "diverged" and "1 of 3" in result.message
    assert np.isnan(result.policy[1]).any()
    for r, eta in ((0, 0.5), (2, 0.25)):
        assert_array_equal(result.policy[r], fm.learn(game, fm.rules.GradientPlay(eta), 5).policy)


# ---------------------------------------------------------------------------------------- what is whose
def test_callers_arrays_stay_as_they_were():
    rng = np.random.default_rng(3)
    rewards, moves, rho = rng.random((2, 3, 2, 2)), rng.dirichlet(np.ones(3), (3, 2, 2)), np.array([0.2, 0.3, 0.5])
    policy = np.concatenate([rng.dirichlet(np.ones(2), 3)] * 2, axis=1)
    arrays = rewards, moves, rho, policy
    before = [a.copy() for a in arrays]
    for copy in (True, False):
        built = fm.MarkovGame(rewards, moves, 0.9, rho, copy=copy)
        fm.learn(built, NPG, 5, policy=policy)
        fm.learn(built, fm.rules.QAscent(0.1), 5, policy=policy)
        fm.ensemble(built, NPG, 5, runs=2, policy=np.stack([policy, policy]))
        fm.evaluate(built, policy, tau=0.1)
        fm.ne_gap(built, policy)
        fm.best_response(built, policy, 0)
        for mine, then in zip(arrays, before, strict=True):
            assert_array_equal(mine, then)
            assert mine.flags.writeable
    built = fm.MarkovGame(rewards, moves, 0.9, rho)
    value = fm.evaluate(built, policy).value
    rewards[:], moves[:], rho[:] = 7.0, 7.0, 7.0
    assert_array_equal(fm.evaluate(built, policy).value, value, "a game keeps its own copy")


def test_a_sparse_game_keeps_its_own_copy():
    game = fm.games.random_markov(5, (2, 2), rng=1, sparse=2)
    policy = fm.uniform_policy(game)
    value = fm.evaluate(game, policy).value
    handed = game.transitions
    source = handed.copy()
    other = fm.MarkovGame(game.rewards, source, game.discount)
    for rows in (handed, source):
        rows.data[:] = 0.0
        rows.indices[:] = 0
        rows.indptr[:] = 0
    assert_array_equal(fm.evaluate(game, policy).value, value)
    assert_array_equal(fm.evaluate(other, policy).value, value)


def test_results_and_games_are_frozen(game):
    run = fm.learn(game, NPG, 3)
    for array in (run.policy, run.state.policy, run.state.theta, *run.trace.values(), game.initial,
                  game.rewards, game.transitions):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(TypeError):
        run.trace["ne_gap"] = 0
    with pytest.raises(AttributeError):
        run.policy = None
    with pytest.raises(AttributeError, match="immutable"):
        game.discount = 0.5


def test_lists_of_policies_are_accepted_everywhere(game):
    rng = np.random.default_rng(0)
    parts = naive.random_policy(rng, game.num_actions, game.num_states)
    table = naive.join(parts)
    nested = [part.tolist() for part in parts]
    assert_array_equal(fm.join(parts), table)
    for mine, theirs in zip(fm.split(game, table), fm.split(game, parts), strict=True):
        assert_array_equal(mine, theirs)
    for form in (parts, tuple(parts), nested, table.tolist(), np.asfortranarray(table)):
        for ask in (
            lambda p: fm.evaluate(game, p).value,
            lambda p: fm.ne_gap(game, p),
            lambda p: fm.qre_gap(game, p, 0.3),
            lambda p: fm.best_response(game, p, 1)[1],
            lambda p: fm.metrics.gradient(game, p),
            lambda p: fm.metrics.grad_norm(game, p),
            lambda p: fm.metrics.c(game, p),
            lambda p: fm.metrics.mismatch(game, p),
            lambda p: fm.learn(game, NPG, 2, policy=p).policy,
            lambda p: fm.ensemble(game, NPG, 2, runs=2, policy=p).policy,
        ):
            assert_array_equal(ask(form), ask(table))


@pytest.mark.parametrize("players", [1, 2, 3])
def test_nested_lists_of_rows_are_policies_too(players):
    """A list of S rows (S, A_total) with as many states as players is no list of S players' tables."""
    game = fm.games.random_markov(players, (2,) * players, rng=1)
    table = fm.random_policy(game, 3)
    assert_array_equal(fm.evaluate(game, table.tolist()).value, fm.evaluate(game, table).value)


@pytest.mark.parametrize(
    "form",
    [[[0.2, 0.3, 0.5], [0.5, 0.5]], [[[0.2, 0.3, 0.5]], [[0.5, 0.5]]], [0.2, 0.3, 0.5, 0.5, 0.5],
     [[0.2, 0.3, 0.5, 0.5, 0.5]]],
    ids=str,
)
def test_policies_of_one_state_need_no_state_axis(stage, form):
    expected = np.array([[0.2, 0.3, 0.5, 0.5, 0.5]])
    assert_array_equal(fm.learn(stage, NPG, 0, policy=form).policy, expected)
    assert_array_equal(fm.ne_gap(stage, form), fm.ne_gap(stage, expected))


def test_initial_policies_by_name(game):
    assert_array_equal(fm.learn(game, NPG, 0).policy, fm.uniform_policy(game))
    assert_array_equal(fm.learn(game, NPG, 0, policy="uniform").policy, fm.uniform_policy(game))
    for seed in (3, np.random.SeedSequence(3)):
        assert_array_equal(fm.learn(game, NPG, 0, policy="random", rng=seed).policy, fm.random_policy(game, 3))
    one, two = (fm.learn(game, NPG, 0, policy="random", rng=s).policy for s in (1, 2))
    assert (one != two).all()


# ------------------------------------------------------------------------------------ rules from outside the package
def natural(rule: Any, state: Any, feedback: Any, k: Any) -> None:
    """Natural gradient play again, as a user would write it."""
    for s in range(state.theta.shape[0]):
        for c in range(state.theta.shape[1]):
            state.theta[s, c] += rule.eta / (1.0 - feedback.discount) * feedback.q_bar[s, c]
        for i in range(feedback.offset.size - 1):
            low, high = feedback.offset[i], feedback.offset[i + 1]
            total = 0.0
            for c in range(low, high):
                total += np.exp(state.theta[s, c])
            for c in range(low, high):
                state.policy[s, c] = np.exp(state.theta[s, c]) / total


class Decorated(NamedTuple):
    eta: float = 0.1
    update = staticmethod(fm.kernel(natural))
    state = fm.SoftmaxState


class Plain(NamedTuple):
    eta: float = 0.1
    update = staticmethod(natural)
    state = fm.SoftmaxState


class Warm(NamedTuple):
    """It moves nobody, and asks for values with entropy."""

    temperature: float = 0.5
    feedback = fm.Oracle

    @staticmethod
    @fm.kernel
    def update(rule, state, feedback, k):
        state.policy[0, 0] = feedback.value[0, 0]


@pytest.mark.parametrize("kind", [Decorated, Plain], ids=lambda k: k.__name__)
def test_a_rule_of_ones_own(game, kind):
    """The same loop, records, callbacks and ensembles as the built-in rule, to rounding; nothing of it goes to disk."""
    before = {p: p.stat().st_mtime_ns for p in machine.cached_files()}
    record = fm.Record(every=3, metrics=ALL)
    mine, theirs = (
        fm.learn(game, rule, 20, policy="random", rng=1, record=record)
        for rule in (kind(0.05), fm.rules.NaturalGradientPlay(0.05))
    )
    assert_allclose(mine.policy, theirs.policy, rtol=0, atol=1e-12)
    for name in ALL:
        assert_allclose(mine.trace[name], theirs.trace[name], rtol=1e-10, atol=1e-12, err_msg=name)
    assert kind.__name__ in mine.rule and "0.05" in mine.rule
    grid = fm.ensemble(game, kind(np.array([0.05, 0.1])), 20, policy=mine.trace["policy"][0], threads=2)
    assert_array_equal(grid.policy[0], mine.policy)
    written = [p for p in machine.cached_files() if p not in before or p.stat().st_mtime_ns != before[p]]
    assert not [p.name for p in written if b"test_learn" in p.read_bytes() or kind.__name__.encode() in p.read_bytes()]


def test_a_temperature_of_ones_own(stage):
    """A field named temperature puts entropy into the feedback and into the recorded QRE-gap."""
    record = fm.Record(steps=[0], metrics=("qre_gap",))
    run = fm.learn(stage, Warm(0.5), 1, record=record, throw=False)  # what it writes is no policy
    uniform = fm.uniform_policy(stage)
    assert_allclose(run.policy[0, 0], fm.evaluate(stage, uniform, tau=0.5).value[0, 0], rtol=1e-14)
    assert_allclose(run.trace["qre_gap"][0], fm.qre_gap(stage, uniform, 0.5), rtol=1e-13)


def test_labels_name_what_ran(stage):
    run = fm.learn(stage, fm.rules.GradientPlay(0.25), 1)
    assert run.rule == "GradientPlay(eta=0.25, lam=0.0)" and run.game == "zhang_3x2"
    text = repr(run)
    assert all(part in text for part in ("GradientPlay(eta=0.25", "zhang_3x2", "1 steps", "done", "ne_gap"))
    for steps, every in itertools.product((0, 3), (1, 2)):
        assert f"{steps} steps" in repr(fm.learn(stage, NPG, steps, record=fm.Record(every)))


def test_a_rule_defined_again_is_a_new_rule():
    """As when a notebook's cell is run again: same name, same fields, another update, another state."""

    def define(number):
        class Kept(NamedTuple):
            policy: Any
            seen: Any

            @classmethod
            def start(cls, game, policy):
                return cls(policy.copy(), np.zeros(1))

        class Again(NamedTuple):
            eta: float = 0.5

            @staticmethod
            def update(rule, state, feedback, k):
                state.seen[0] = number * rule.eta

        Again.state = Kept
        return Again()

    game = fm.games.zhang_3x2()
    for number in (1.0, 2.0):
        assert fm.learn(game, define(number), 2).state.seen[0] == number / 2
