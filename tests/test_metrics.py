"""Metrics: one file each, found by itself; asked about one policy or a stack; runs record what functions say."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg import machine
from fastmpg.feedback import bench
from fastmpg.metrics.metric import known
from fastmpg.metrics.origin import centred

PUBLIC = {"average_reward", "best_gap", "best_on_cycle", "best_welfare", "c", "cce_gap", "ce_gap", "chain", "cycle",
          "deviation", "distance_to_nash", "fisher_matrix", "gain_gap", "gain_response",
          "gap_over_runs",
          "grad_norm", "gradient", "log_barrier",
          "log_barrier_objective", "mismatch", "nash_regret", "natural_gradient", "ne_gap", "ne_gap_bound",
          "price_of_anarchy", "welfare",
          "perturbed_gradient", "q_error", "qre_gap", "regularised_gradient", "smoothed_q"}
EXACT = ("ne_gap", "qre_gap", "c", "mismatch", "grad_norm", "value", "log_barrier", "visited_log_barrier")


# ------------------------------------------------------------------------------------------------------- one file each
@pytest.mark.compiled
def test_functions_stay_functions_when_everything_is_found():
    """A module of the same name, once loaded, becomes an attribute of its folder: the function has to stand there."""
    known()
    assert set(fm.metrics.__all__) == PUBLIC
    for name in PUBLIC:
        assert inspect.isfunction(getattr(fm.metrics, name)), name
    assert (fm.ne_gap, fm.qre_gap, fm.nash_regret) == (fm.metrics.ne_gap, fm.metrics.qre_gap, fm.metrics.nash_regret)
    code = """
import inspect, importlib, pkgutil, sys
import fastmpg.metrics.c
from fastmpg.metrics import mismatch
import fastmpg as fm
for info in pkgutil.iter_modules(fm.metrics.__path__):
    importlib.import_module(f"fastmpg.metrics.{info.name}")
print(all(inspect.isfunction(getattr(fm.metrics, name)) for name in fm.metrics.__all__), inspect.isfunction(mismatch))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stderr


def test_every_recorded_metric_has_a_file_of_its_name():
    for name, metric in known().items():
        module = sys.modules[f"fastmpg.metrics.{name}"]
        assert module.METRIC is metric and metric.label
        assert not metric.exact or metric.write.__module__ == module.__name__


NEW = '''"""Largest probability of any action."""

from ..machine import unit
from .metric import Metric, as_recorded

__all__ = ["sharpness"]


@unit
def write(frame, row):
    """The largest entry of every player's columns."""
    desk = frame.desk
    for i in range(desk.offset.size - 1):
        frame.out[row, i] = 0.0
        for s in range(desk.policy.shape[0]):
            for c in range(desk.offset[i], desk.offset[i + 1]):
                frame.out[row, i] = max(frame.out[row, i], desk.policy[s, c])


METRIC = Metric("sharpness", ("N",), "sharpest decision", write)
_SHARPNESS = as_recorded(METRIC)


def sharpness(game, policy):
    """The largest probability that each player gives to an action."""
    from ..feedback.bench import ask

    return ask(game, policy, _SHARPNESS)
'''
USED = """
import numpy as np, fastmpg as fm
from fastmpg import cli, plot
game = fm.games.random_markov(3, (2, 3), rng=0)
run = fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 4, record=fm.Record(metrics=("sharpness", "policy")))
parts = fm.split(game, run.trace["policy"])
assert run.trace["sharpness"].shape == (5, 2)
assert np.array_equal(run.trace["sharpness"], np.stack([part.max(axis=(1, 2)) for part in parts], axis=-1))
assert np.array_equal(fm.metrics.sharpness(game, run.trace["policy"]), run.trace["sharpness"])
assert cli.main(["list", "metrics"]) == 0
try:
    fm.Record(metrics=("sharpnes",))
except ValueError as error:
    assert "sharpness" in str(error)
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
plot.trace(run, "sharpness")
assert "sharpest decision" in pyplot.gca().get_ylabel(), pyplot.gca().get_ylabel()
"""


@pytest.mark.compiled
def test_a_new_metric_is_one_file(tmp_path):
    """Trace, command line, plot label and public function, without touching anything else."""
    pytest.importorskip("matplotlib")
    package = Path(fm.__file__).parent
    shutil.copytree(package, tmp_path / "fastmpg", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fastmpg" / "metrics" / "sharpness.py").write_text(NEW)
    done = subprocess.run([sys.executable, "-c", USED], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "sharpness" in done.stdout and "sharpest decision" in done.stdout and "(K, N)" in done.stdout


# ------------------------------------------------------------------------------------------------------------- stacks
def games():
    rng = np.random.default_rng(3)
    pairs = {(i, j): rng.normal(size=(2, 2)) for i in range(3) for j in range(3) if i != j}
    return {
        "one state": fm.games.zhang_3x2(),
        "dense": fm.games.random_markov(6, (3, 2, 3), rng=1),
        "sparse": fm.games.queueing(2, 3, 5),
        "counts": fm.games.routing(3, form="count"),
        "polymatrix": fm.PolymatrixGame(pairs, (2, 2, 2)),
    }


GAMES = games()
QUESTIONS = {
    "ne_gap": lambda g, p: fm.ne_gap(g, p),
    "relative": lambda g, p: fm.ne_gap(g, p, relative=True),
    "qre_gap": lambda g, p: fm.qre_gap(g, p, 0.3),
    "qre_gap at 0": lambda g, p: fm.qre_gap(g, p, 0.0),
    "bound": lambda g, p: fm.metrics.ne_gap_bound(g, p),
    "soft bound": lambda g, p: fm.metrics.ne_gap_bound(g, p, 0.2),
    "c": fm.metrics.c,
    "mismatch": fm.metrics.mismatch,
    "gradient": fm.metrics.gradient,
    "grad_norm": fm.metrics.grad_norm,
    "smoothed_q": lambda g, p: fm.metrics.smoothed_q(g, p, 0.4),
    "response": lambda g, p: fm.best_response(g, p, 1)[0],
    "response's value": lambda g, p: fm.best_response(g, p, 0, tau=0.1)[1],
} | {f"{name} at {tau}": (lambda g, p, name=name, tau=tau: getattr(fm.evaluate(g, p, tau=tau), name))
     for name in fm.Evaluation._fields for tau in (0.0, 0.5)}


@pytest.mark.compiled
@pytest.mark.parametrize("form", GAMES)
def test_a_stack_is_its_policies_one_by_one(form, monkeypatch):
    """Leading axes broadcast, with the same bits, whatever the number of threads."""
    game = GAMES[form]
    stack = np.stack([fm.random_policy(game, r) for r in range(6)])
    before, most = stack.copy(), machine.threads()
    try:
        for name, question in QUESTIONS.items():
            alone = np.stack([question(game, policy) for policy in stack])
            for work, count in ((bench.PARALLEL_WORK, most), (0, most), (0, 1)):
                monkeypatch.setattr(bench, "PARALLEL_WORK", work)
                machine.set_threads(count)
                found = question(game, stack)
                assert_array_equal(found, alone, err_msg=f"{name}, {count} threads")
            assert_array_equal(question(game, stack.reshape(2, 3, *stack.shape[1:])),
                               alone.reshape(2, 3, *alone.shape[1:]), err_msg=name)
    finally:
        machine.set_threads(most)
    assert_array_equal(stack, before)


def test_threads_share_a_stack(monkeypatch):
    """Several desks are at work where there are several threads, and one is enough for little."""
    game, taken = fm.games.random_markov(4, (2, 2), rng=0), []
    real = bench.Benches.take

    def take(self, game, threads):
        taken.append(threads)
        return real(self, game, threads)

    monkeypatch.setattr(bench.Benches, "take", take)
    monkeypatch.setattr(machine, "threads", lambda: 3)
    stack = np.stack([fm.uniform_policy(game)] * 400)
    gaps = fm.ne_gap(game, stack)
    assert taken == [1, 1, 1] and (gaps == gaps[0]).all() and gaps.shape == (400, 2)
    taken.clear()
    fm.ne_gap(game, stack[:5])
    assert taken == [1]


def test_shapes_of_stacks():
    game = GAMES["dense"]
    stack = np.stack([fm.random_policy(game, r) for r in range(4)]).reshape(2, 2, 6, 8)
    found = fm.evaluate(game, stack)
    assert found.value.shape == (2, 2, 3, 6) and found.q_bar.shape == found.adv_bar.shape == (2, 2, 6, 8)
    assert found.visit.shape == (2, 2, 6) and found.error_bound.shape == (2, 2)
    assert all(each.flags.c_contiguous for each in found)
    assert repr(found).startswith("<Evaluation: 2 x 2 policies, 3 players, 6 states, values in [")
    assert fm.ne_gap(game, stack[:0]).shape == (0, 2, 3) and fm.evaluate(game, stack[:0]).value.shape == (0, 2, 3, 6)
    for name, question in QUESTIONS.items():
        assert question(game, stack[:0]).shape == (0, 2, *np.shape(question(game, stack[0, 0]))), name
    assert "0 x 2 policies" in repr(fm.evaluate(game, stack[:0]))
    one = fm.evaluate(game, stack[0, 0])
    assert type(one.error_bound) is float and type(fm.metrics.c(game, stack[0, 0])) is float
    assert (type(fm.metrics.mismatch(game, stack[0, 0])) is float
            and type(fm.metrics.ne_gap_bound(game, stack[0, 0])) is float)


def test_what_an_ensemble_returns():
    game = GAMES["dense"]
    runs = fm.ensemble(game, fm.rules.NaturalGradientPlay(0.1), 5, runs=3, rng=0,
                       record=fm.Record(metrics=("ne_gap", "policy")))
    assert_array_equal(fm.ne_gap(game, runs.policy), runs.trace["ne_gap"][:, -1])
    assert_array_equal(fm.ne_gap(game, runs.trace["policy"]), runs.trace["ne_gap"])


def test_lists_by_player():
    """(S, A_i) a player is one policy, (..., S, A_i) a player a stack."""
    for game in (GAMES["dense"], GAMES["one state"]):
        stack = np.stack([fm.random_policy(game, r) for r in range(4)])
        parts = fm.split(game, stack)
        assert_array_equal(fm.ne_gap(game, parts), fm.ne_gap(game, stack))
        assert_array_equal(fm.ne_gap(game, [part[2] for part in parts]), fm.ne_gap(game, stack[2]))
        assert_array_equal(fm.ne_gap(game, tuple(part.tolist() for part in parts)), fm.ne_gap(game, stack))
        with pytest.raises(ValueError, match=r"found 4 whole policies .*numpy.stack"):
            fm.ne_gap(game, list(stack))


@pytest.mark.parametrize("spoil, message", [
    (lambda p: p.__setitem__((1, 2, 3, 4), -0.5),
     r"player 1 must not be negative, found -0.5 in state 3 for action 1 of policy \(1, 2\)"),
    (lambda p: p.__setitem__((0, 1, 0, 0), 0.9),
     r"policy of player 0 must sum to 1, found .* in state 0 of policy \(0, 1\)"),
    (lambda p: p.__setitem__((1, 0, 5, 7), np.nan), r"policy must be finite, found nan at index \(1, 0, 5, 7\)"),
])
def test_every_policy_of_a_stack_is_checked(spoil, message):
    game = GAMES["dense"]
    stack = np.stack([fm.random_policy(game, r) for r in range(6)]).reshape(2, 3, 6, 8)
    spoil(stack)
    for question in QUESTIONS.values():
        with pytest.raises(ValueError, match=message):
            question(game, stack)


def test_stacks_of_single_precision_and_of_other_shapes():
    game = GAMES["dense"]
    stack = np.stack([fm.random_policy(game, r) for r in range(3)])
    single = stack.astype(np.float32)
    assert_array_equal(fm.ne_gap(game, single), [fm.ne_gap(game, one) for one in single])
    with pytest.raises(ValueError,
                       match=r"\(6, 8\), found \(3, 6, 7\); a stack of policies has shape \(\.\.\., 6, 8\)"):
        fm.ne_gap(game, stack[..., :7])
    with pytest.raises(ValueError, match="masked"):
        fm.ne_gap(game, np.ma.array(stack, mask=stack > 0.9))
    with pytest.raises(TypeError, match="no exact evaluation"):
        fm.ne_gap(fm.games.routing(2, form="simulator"), stack)


# -------------------------------------------------------------------------------------------------------- single calls
def test_temperatures_share_what_is_set_up():
    """No unit is bound anew for another temperature, and none leaves anything behind for the next question."""
    game = fm.games.random_markov(4, (2, 3), rng=5)
    policy = fm.random_policy(game, 1)
    fresh = {tau: fm.qre_gap(fm.games.random_markov(4, (2, 3), rng=5), policy, tau) for tau in (0.0, 0.1, 0.7)}
    values = {tau: fm.evaluate(fm.games.random_markov(4, (2, 3), rng=5), policy, tau=tau).value
              for tau in (0.0, 0.1, 0.7)}
    for tau in (0.7, 0.0, 0.1, 0.0, 0.7, 0.1):
        assert_array_equal(fm.qre_gap(game, policy, tau), fresh[tau])
        assert_array_equal(fm.evaluate(game, policy, tau=tau).value, values[tau])
    (one,), = game._benches.spare.values()
    assert len(one.tasks) == 4


def test_answers_belong_to_the_caller():
    game = fm.games.random_markov(4, (2, 3), rng=5)
    policy = fm.uniform_policy(game)
    first = fm.evaluate(game, policy), fm.ne_gap(game, policy), fm.best_response(game, policy, 0)
    kept = first[0].value.copy(), first[1].copy(), first[2][0].copy()
    other = fm.random_policy(game, 0)
    fm.evaluate(game, other), fm.ne_gap(game, other), fm.best_response(game, other, 0)
    assert_array_equal(first[0].value, kept[0])
    assert_array_equal(first[1], kept[1])
    assert_array_equal(first[2][0], kept[2])
    for each in (first[1], first[0].value, first[2][1]):
        each[...] = -1.0
    assert_array_equal(fm.ne_gap(game, policy), kept[1])


def test_a_refused_policy_leaves_nothing_behind():
    game = fm.games.random_markov(4, (2, 3), rng=5)
    policy = fm.random_policy(game, 1)
    expected = fm.ne_gap(game, policy)
    wrong = policy.copy()
    wrong[2, 0] += 0.5
    with pytest.raises(ValueError, match=r"player 0 must sum to 1, found .* in state 2"):
        fm.ne_gap(game, wrong)
    assert_array_equal(fm.ne_gap(game, policy), expected)
    near = policy.copy()
    near[0, 0] += 1e-9  # within the tolerance: taken as it is
    assert_array_equal(fm.ne_gap(game, near), fm.ne_gap(game, near[None])[0])


# ------------------------------------------------------------------------------------------------- recorded and asked
@pytest.mark.parametrize("level", [0.0, 3e12])
@pytest.mark.parametrize("rule", [fm.rules.NaturalGradientPlay(1e-14),
                                  fm.rules.EntropyNaturalGradientPlay(1e-14, tau=1e-3),
                                  fm.rules.TwoTimescaleQ(0.5)], ids=lambda rule: type(rule).__name__)
def test_recorded_is_what_the_functions_say(level, rule):
    """Of games whose level exceeds their spread too; the value is that of the game itself."""
    base = fm.games.random_markov(4, (2, 3), rng=2)
    game = fm.MarkovGame(np.round(base.rewards * 64) + level, base.transitions, discount=base.discount)
    assert (centred(game)[0] is not game) == (level > 0)
    run = fm.learn(game, rule, 3, policy=fm.random_policy(game, 4), rng=1,
                   record=fm.Record(metrics=(*EXACT, "policy"), tau=0.25))
    policies = run.trace["policy"]
    close = np.testing.assert_allclose
    assert_array_equal(run.trace["ne_gap"], fm.ne_gap(game, policies))
    assert_array_equal(run.trace["c"], fm.metrics.c(game, policies))
    close(run.trace["qre_gap"], fm.qre_gap(game, policies, 0.25), rtol=1e-12, atol=1e-12)
    close(run.trace["mismatch"], fm.metrics.mismatch(game, policies), rtol=1e-14)
    close(run.trace["grad_norm"], np.sqrt((fm.metrics.grad_norm(game, policies) ** 2).sum(axis=-1)), rtol=1e-14)
    values = fm.evaluate(game, policies)
    close(run.trace["value"], values.value @ game.initial, rtol=1e-14)
    assert (values.value.min() > 2e12) == (level > 0)
