"""Rules and games of a user's that go wrong: one sentence that names rule and step, and a process that lives on."""

import re
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
import pytest
from processes import settings
from test_learn import interrupt_after

import fastmpg as fm
from fastmpg import machine
from fastmpg.run.checkpoint import load
from fastmpg.run.team import GRACE

pytestmark = pytest.mark.compiled

GAME = fm.games.zhang_3x2()


def rule(update, **members):
    """A rule with this update."""

    class Mine(NamedTuple):
        rate: float = 0.5

    for name, value in ({"update": staticmethod(update)} | members).items():
        setattr(Mine, name, value)
    return Mine()


def whole(path):
    """The step of a checkpoint, whose policy is one."""
    arrays, meta, _ = load(path)
    assert arrays["state/policy"].sum() == GAME.num_players and meta["status"] == "running"
    return meta["k"]


def beyond(rule, state, feedback, k):
    if k == 3:
        state.policy[state.policy.shape[0], 0] = 1.0


def far(rule, state, feedback, k):
    if k == 3:
        state.policy[10**12, 0] = 1.0


def below(rule, state, feedback, k):
    if k == 3:
        state.policy[-5, 0] = 1.0


def reads(rule, state, feedback, k):
    if k == 3:
        state.policy[0, 0] += 0.0 * feedback.q_bar[0, 10**6]


def raises(rule, state, feedback, k):
    if k == 3:
        raise LookupError("nothing there")


def asserts(rule, state, feedback, k):
    if k == 3:
        raise AssertionError  # of an `assert`, which pytest would write anew


def pops(rule, state, feedback, k):
    kept = [1.0] * (3 - k)
    kept.pop()


def shapes(rule, state, feedback, k):
    state.policy[0, :3] = np.ones(3 if k < 3 else 5)


def solves(rule, state, feedback, k):
    state.policy[0, 0] += 0.0 * np.linalg.solve(np.eye(2) * (3.0 - k), np.ones(2))[0]


def takes(rule, state, feedback, k):
    if k == 3:
        state.policy[0, 0] += np.zeros(10**14)[k]


def holds_minus_one(rule, state, feedback, k):
    state.policy[0, 0] += 0.0 * np.zeros(2 - k).size


WRONG = [(beyond, "IndexError: index is out of bounds"), (far, "IndexError"), (below, "IndexError"),
         (reads, "IndexError"), (raises, r'`raise LookupError\("nothing there"\)`: LookupError: nothing there'),
         (asserts, "`raise AssertionError.*`: AssertionError$"), (pops, "IndexError: pop from empty list"),
         (shapes, "ValueError: cannot assign slice of shape .3,. from input of shape .5,."),
         (solves, "LinAlgError: Matrix is singular"), (holds_minus_one, "ValueError: negative dimensions")]


@pytest.mark.parametrize("update, says", [pytest.param(*row, id=row[0].__name__, marks=() if row[0] in (beyond, raises)
                                                       else pytest.mark.slow) for row in WRONG])
def test_what_an_update_raises(update, says):
    """It used to be printed as ignored, the rest of the chunk was left out, and the run was called done."""
    with pytest.raises(ValueError, match=rf"(in `update` of Mine|:\d+: in `{update.__name__}`) at step 3: .*{says}"):
        fm.learn(GAME, rule(update), 100)
    assert fm.learn(GAME, fm.rules.NaturalGradientPlay(0.1), 2).status == "done"


def test_no_memory():
    with pytest.raises(MemoryError, match="in `update` of Mine at step 3: MemoryError: Allocation failed"):
        fm.learn(GAME, rule(takes), 100)


def test_the_cause_is_kept_and_no_file_is_torn(tmp_path):
    """The checkpoint stays that of a whole step, from which the run goes on once the rule is mended."""
    with pytest.raises(ValueError, match="at step 3") as caught:
        fm.learn(GAME, rule(raises), 100, checkpoint=tmp_path / "run")
    assert isinstance(caught.value.__cause__, LookupError)
    assert re.match(rf"{re.escape(__file__)}:{raises.__code__.co_firstlineno + 2}: ", str(caught.value))
    assert whole(tmp_path / "run") == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_in_an_ensemble_the_run_is_named(threads):
    def late(rule, state, feedback, k):
        if rule.rate > 2.5 and k == 7:
            raise ValueError("too fast")

    grid = type(rule(late))(np.array([0.0, 1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"in `late` at step 7 of run 3: .*: too fast"):
        fm.ensemble(GAME, grid, 100, threads=threads)


def far_reward(state, actions, uniforms, rewards):
    rewards[:] = 1.0
    if uniforms[0] > 0.99:
        rewards[actions[0] + 70] = 1.0
    return (state + 1) % 3


def origin(uniforms):
    return 0


class Nothing(NamedTuple):
    zero: float = 0.0


def worth(tables, policy, out):
    for c in range(out.shape[1]):
        out[:, c] = c % 2
    if policy[0, 1] > 0.8:
        raise RuntimeError("far away")


def moves(tables, policy, out):
    out[:] = 0.5
    if policy[0, 1] > 0.7:
        out[out.shape[0], 0, 0] = 1.0


@pytest.mark.slow
@pytest.mark.parametrize("made", [fm.rules.TwoTimescaleQ(0.1), fm.rules.MonteCarloGradientAscent(0.1),
                                  fm.rules.IndependentQLearning(0.1)], ids=lambda each: type(each).__name__)
def test_a_simulator_that_fails_later(made):
    game = fm.SimulatorGame(origin, far_reward, (2, 2), 3, 0.5)
    with pytest.raises(ValueError, match=r"in `origin` or `far_reward` of 'simulator' at step \d+: IndexError"):
        fm.learn(game, made, 5000, rng=0, record=fm.Record(every=1000, metrics=("policy",)))


@pytest.mark.slow
def test_a_game_that_fails_later():
    """In a run the step is that at which it failed, though the loop around it knew nothing of it."""
    alone = fm.CustomGame(worth, Nothing(), (2, 2))
    with pytest.raises(ValueError, match=r"in `worth` at step (\d+): .*RuntimeError: far away") as caught:
        fm.learn(alone, fm.rules.NaturalGradientPlay(0.1), 10**5)
    step = int(re.search(r"at step (\d+)", str(caught.value))[1])
    before = fm.learn(alone, fm.rules.NaturalGradientPlay(0.1), step - 1)
    assert before.policy[0, 1] <= 0.8
    with pytest.raises(RuntimeError, match="far away"):
        fm.evaluate(alone, [[[0.1, 0.9]], [[0.1, 0.9]]])
    both = fm.CustomGame(lambda tables, policy, out: worth_of_columns(out), Nothing(), (2, 2), 2, moves=moves,
                         discount=0.5)
    with pytest.raises(ValueError, match=r"in `<lambda>` or `moves` of 'custom game' at step \d+: IndexError"):
        fm.learn(both, fm.rules.NaturalGradientPlay(0.1), 1000)
    with pytest.raises(IndexError):
        fm.ne_gap(both, [[[0.1, 0.9]] * 2, [[0.1, 0.9]] * 2])


SHARE = 0.25


def shared(tables, policy, out):
    for c in range(out.shape[1]):
        out[:, c] = SHARE * (c % 2)


def leads(state, actions):
    return np.int64(SHARE > 0.5)


@pytest.mark.slow  # compiles seven functions
def test_what_a_function_names_is_as_it_stands(monkeypatch):
    """A second game of the same function sees what has changed; where nothing has, nothing is compiled again."""
    def games():
        return (fm.CustomGame(shared, Nothing(), (2, 2)),
                fm.MarkovGame.from_moves(2, (2, 2), leads, np.zeros((2, 2, 2, 2)), 0.5))

    def said(one, other):
        return fm.evaluate(one, fm.uniform_policy(one)).q_bar[0, 1], other.transitions.toarray()[0, 1]

    assert said(*games()) == (0.25, 0.0)
    held, again = games()[0], games()[0]
    assert type(held.model) is type(again.model)
    monkeypatch.setitem(globals(), "SHARE", 0.75)
    assert said(*games()) == (0.75, 1.0)
    assert said(held, games()[1]) == (0.25, 1.0)


@fm.kernel
def worth_of_columns(out):
    for c in range(out.shape[1]):
        out[:, c] = c % 2


@pytest.mark.parametrize("value, says", [
    (np.nan, "held NaN .*: at step 4 in state 1 player 1's probability of action 0 is nan"),
    (-0.5, "left the simplex .*: at step 4 in state 1 player 1's probability of action 0 is -0.5"),
    (2.0, "left the simplex .*: at step 4 in state 1 player 1's probabilit")])
def test_what_is_no_policy(value, says):
    """Rule, step, state, player and action."""

    class Writes(NamedTuple):
        value: float

        @staticmethod
        def update(rule, state, feedback, k):
            if k == 3:
                state.policy[1, 2] = rule.value

    game = fm.games.random_markov(2, (2, 2), rng=0)
    with pytest.raises(fm.Diverged, match=says) as caught:
        fm.learn(game, Writes(value), 20)
    assert "steps of Writes" in str(caught.value)


def test_a_callback_that_raises_is_python():
    def seen(snapshot):
        raise LookupError("mine")

    with pytest.raises(LookupError, match=r"^mine$"):
        fm.learn(GAME, fm.rules.NaturalGradientPlay(0.1), 5, callback=seen)


# ------------------------------------------------------------------------------------------------- loops without an end
ENDLESS = """
import signal, sys, threading, time, os
from typing import NamedTuple
import fastmpg as fm
from fastmpg.run import team
team.GRACE = 1.0
class Waits(NamedTuple):
    at: int = 3
    @staticmethod
    def update(rule, state, feedback, k):
        while k == rule.at:
            state.policy[0, 0] += 1e-30
def origin(uniforms):
    return 0
def step(state, actions, uniforms, rewards):
    while uniforms[0] > 0.999:
        rewards[0] += 1.0
    rewards[:] = 1.0
    return 0
def ask(number):
    while signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):  # until the run listens
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(os.getpid(), number)
if __name__ == "__main__":
    game, kept = fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(0.1)
    fm.learn(game, Waits(), 2)
    played = fm.SimulatorGame(origin, step, (2, 2), 1, 0.5)
    quiet = fm.Record(every=1000, metrics=("policy",))
    if sys.argv[1] == "SIGINT":
        call = lambda: fm.learn(game, Waits(), 100, checkpoint=sys.argv[2])
    else:
        fm.ensemble(played, fm.rules.TwoTimescaleQ(0.1), 10, 3, threads=2, record=quiet)
        call = lambda: fm.ensemble(played, fm.rules.TwoTimescaleQ(0.1), 10**6, 3, threads=2, record=quiet)
    threading.Thread(target=ask, args=(getattr(signal, sys.argv[1]),), daemon=True).start()
    try:
        call()
    except fm.Interrupted as error:
        assert error.result.status == "interrupted", error
        print(error, flush=True)
    assert fm.learn(game, kept, 10).status == "done"  # the process is usable
    assert fm.ensemble(game, kept, 10, 4, threads=2).status == "done"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("number, says", [
    ("SIGINT", "interrupted after 3 of 100 steps; `update` of Waits did not come back from step 3: "),
    pytest.param("SIGTERM", r"interrupted after \d+ of 1000000 steps of 3 runs; `origin` or `step` of .",
                 marks=pytest.mark.slow)
])
def test_an_endless_loop_is_left_behind(tmp_path, number, says):
    """The sentence comes, the process goes on and ends, and the checkpoint is that of a whole step."""
    program = tmp_path / "endless.py"
    program.write_text(ENDLESS)
    done = subprocess.run([sys.executable, str(program), number, str(tmp_path / "run")], capture_output=True, text=True,
                          env=settings(machine.cache_folder().parent), timeout=300)
    assert done.returncode == 0 and re.match(says, done.stdout), done.stdout + done.stderr
    if number == "SIGINT":
        assert whole(tmp_path / "run") <= 3


def test_a_slow_update_is_waited_for():
    """A step that ends within the grace is whole."""

    @fm.kernel
    def slow(rule, state, feedback, k):
        total = 0.0
        for n in range(int(3e8 * rule.rate)):
            total += 1.0 / (n + 1.0 + total)
        state.policy[0, 0] += 1e-300 * total

    made = rule(slow)
    fm.learn(GAME, made._replace(rate=0.0), 1)
    timer, began = interrupt_after(0.3), time.monotonic()
    result = fm.learn(GAME, made._replace(rate=0.1), 10**6, throw=False)
    timer.cancel()
    assert result.status == "interrupted" and "left behind" not in result.message and result.steps >= 1
    assert time.monotonic() - began < 0.3 + GRACE + 5

