"""Runs that stop and go on: checkpoints, damage, trajectories in files (stopped processes: test_killed.py). Nothing
computed is lost, no answer is wrong."""

import random
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from resuming import GAME, RULE, same, tables

import fastmpg as fm
from fastmpg.run import checkpoint, job, storage, trajectory

K = 20_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


class Stop(Exception):
    pass


def stop_at(monkeypatch, count):
    """A checkpoint after every short chunk; after so many of them the process "dies", and nothing more is written."""
    monkeypatch.setattr(checkpoint, "SHORTEST", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)
    monkeypatch.setattr(job, "CHUNK_SECONDS", 1e-4)
    real, seen = storage.write_atomically, []

    def dies(target, data, **more):
        if str(target).endswith(".ckpt"):
            seen.append(target)
            if len(seen) > count:
                raise Stop
        return real(target, data, **more)

    monkeypatch.setattr(storage, "write_atomically", dies)


SPARSE = fm.games.random_markov(5, (2, 3), rng=3, sparse=2)
CASES = {
    "two-timescale, dense": (GAME, RULE, tables),
    "two-timescale, count": (fm.games.routing(9, form="count"), RULE, tables),
    "two-timescale, simulator": (fm.games.routing(4, form="simulator"), RULE, tables),
    "two-timescale, sparse": (SPARSE, fm.rules.TwoTimescaleQ(0.1, alpha=(0.9, 0.8, 0.5, 0.01)), tables),
    "natural, dense": (fm.games.random_markov(4, (2, 3), rng=1), fm.rules.NaturalGradientPlay(0.1),
                       lambda **k: fm.Record(every=100, **k)),
    "natural, normal form": (fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(1e-3),
                             lambda **k: fm.Record(every=7, **k)),
    "projected, sparse": (SPARSE, fm.rules.ProjectedGradientAscent(0.01),
                          lambda **k: fm.Record(every=100, metrics=("policy", "c"), **k)),
}


@pytest.mark.compiled
@pytest.mark.parametrize("name", CASES)
def test_a_stopped_run_goes_on_as_if_it_had_not(name, path, monkeypatch):
    game, rule, record = CASES[name]
    steps = K if "two" in name else 1000
    whole = fm.learn(game, rule, steps, rng=5, record=record())
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        with pytest.raises(Stop):
            fm.learn(game, rule, steps, rng=5, record=record(), checkpoint=path)
    made = checkpoint.load(path)[1]["k"]
    assert 0 < made < steps
    same(fm.resume(path), whole)
    assert not list(path.parent.glob(".*tmp"))


@pytest.mark.compiled
def test_a_finished_run_is_returned_as_it_is(path, monkeypatch):
    first = fm.learn(GAME, RULE, K, rng=5, record=tables(), checkpoint=path)
    monkeypatch.setattr(job.Job, "_advance", None)
    same(fm.resume(path), first)


@pytest.mark.parametrize("steps", [K, K + 1, 3 * K])
def test_a_finished_run_goes_further(steps, path):
    """As a longer run from the start: a last row that the longer one does not record is gone."""
    record = fm.Record(every=3000, metrics=("q", "ne_gap"))
    fm.learn(GAME, RULE, K, rng=5, record=record, checkpoint=path)
    same(fm.resume(path, steps), fm.learn(GAME, RULE, steps, rng=5, record=record))


def test_going_back_is_refused(path):
    fm.learn(GAME, RULE, 100, rng=5, record=tables(), checkpoint=path)
    with pytest.raises(ValueError, match="at least the 100 that were made, found 99"):
        fm.resume(path, 99)


@pytest.mark.parametrize("runs", [1, 3, 4])
def test_an_ensemble_goes_on(runs, path, monkeypatch):
    rule = fm.rules.TwoTimescaleQ(np.array([[0.01], [0.5]]))
    whole = fm.ensemble(GAME, rule, K, runs, rng=5, record=tables())
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(Stop):
            fm.ensemble(GAME, rule, K, runs, rng=5, record=tables(), checkpoint=path)
    result = fm.resume(path, threads=1)
    assert result.policy.shape == (2, runs, 4, 8)
    same(result, whole)


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_trajectories_go_on(where, path, monkeypatch):
    """With checkpoints a trajectory is streamed; pieces that were written after the last checkpoint are made again."""
    monkeypatch.setattr(trajectory, "BUFFER", 24 * 1000)
    whole = fm.learn(GAME, RULE, K, rng=5, record=tables(trajectory=True))
    assert (whole.trajectory.states.shape == (K + 1,)
            and whole.trajectory.actions.shape == (K, 4) and len(whole.trajectory) == K)
    asked = True if where == "memory" else str(path.parent / "steps")
    with monkeypatch.context() as patch:
        stop_at(patch, 9)
        with pytest.raises(Stop):
            fm.learn(GAME, RULE, K, rng=5, record=tables(trajectory=asked), checkpoint=path)
    result = fm.resume(path)
    same(result, whole)
    pieces = list(result.trajectory.segments())
    assert len(pieces) > 10 and [first for first, _, _ in pieces] == sorted(first for first, _, _ in pieces)
    assert all(states.size <= 1001 for _, states, _ in pieces)
    loaded = fm.Trajectory.load(result.trajectory.folder)
    assert_array_equal(loaded.states, whole.trajectory.states)


def test_a_streamed_trajectory_needs_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(trajectory, "BUFFER", 24 * 100)
    whole = fm.learn(GAME, RULE, 1000, rng=5, record=tables(trajectory=True))
    streamed = fm.learn(GAME, RULE, 1000, rng=5, record=tables(trajectory=tmp_path / "steps"))
    same(streamed, whole)
    streamed.save(tmp_path / "result.npz")
    whole.save(tmp_path / "whole.npz")
    for name in ("result", "whole"):
        again = fm.Result.load(tmp_path / f"{name}.npz")
        assert_array_equal(again.trajectory.states, whole.trajectory.states)
        assert_array_equal(again.trajectory.actions, whole.trajectory.actions)
    piece = sorted((tmp_path / "steps").glob("0*.npz"))[2]
    piece.write_bytes(piece.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged"):
        _ = streamed.trajectory.states
    with pytest.raises(ValueError, match="no trajectory"):
        fm.Trajectory.load(tmp_path)


# ------------------------------------------------------------------------------------------------------------- damage
@pytest.fixture(scope="module")
def two_generations(tmp_path_factory):
    """A checkpoint, the one before it, and what their run comes to."""
    path = tmp_path_factory.mktemp("generations") / "run.ckpt"
    game = fm.games.zhang_3x2()
    rule, record = fm.rules.NaturalGradientPlay(1e-3), fm.Record(every=50, metrics=("policy",))
    fm.learn(game, rule, 300, record=record, checkpoint=path)
    fm.resume(path, 400)
    return path.read_bytes(), checkpoint.previous(path).read_bytes(), fm.learn(game, rule, 500, record=record)


def resumed(folder, newest, older, whole):
    """Resume from two generations; whether the older one was used. Any answer is the right one."""
    path = folder / "run.ckpt"
    for target, content in ((path, newest), (checkpoint.previous(path), older)):
        target.unlink(missing_ok=True)
        if content is not None:
            target.write_bytes(content)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = fm.resume(path, 500)
    same(result, whole)
    told = [str(each.message) for each in said if issubclass(each.category, checkpoint.CheckpointWarning)]
    assert ("went on from the one before it" in result.message) == bool(told)
    return bool(told)


def test_whole_generations(two_generations, tmp_path):
    newest, older, whole = two_generations
    assert not resumed(tmp_path, newest, older, whole)
    assert not resumed(tmp_path, newest, None, whole)
    assert resumed(tmp_path, None, older, whole)


def damaged(newest, count, flips):
    yield b""
    for k in range(1, count):
        yield newest[:k * len(newest) // count]
    yield newest[:-1]
    yield newest[:-100] + bytes(100)
    yield newest[:len(newest) // 2] + bytes(len(newest) - len(newest) // 2)
    draw = random.Random(20261120)
    for _ in range(flips):
        at = draw.randrange(8 * len(newest))
        out = bytearray(newest)
        out[at // 8] ^= 1 << at % 8
        yield bytes(out)


@pytest.mark.parametrize("count, flips", [(20, 60), pytest.param(200, 2000, marks=pytest.mark.slow)])
def test_a_damaged_checkpoint_is_never_read(count, flips, two_generations, tmp_path):
    newest, older, whole = two_generations
    for content in damaged(newest, count, flips):
        assert resumed(tmp_path, content, older, whole)


def test_two_damaged_checkpoints_are_an_error(two_generations, tmp_path):
    newest, older, whole = two_generations
    with pytest.raises(ValueError, match=r"damaged.*and so is the one before it"):
        resumed(tmp_path, newest[:-1], older[:100], whole)
    with pytest.raises(ValueError, match="damaged"):
        resumed(tmp_path, newest[:-1], None, whole)
    with pytest.raises(FileNotFoundError):
        fm.resume(tmp_path / "nothing.ckpt")
    result = tmp_path / "result.npz"
    whole.save(result)
    with pytest.raises(ValueError, match="is no checkpoint"):
        fm.resume(result)


def test_large_games_have_a_file_of_their_own(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGE", 100)
    first = fm.learn(GAME, RULE, K, rng=5, record=tables(), checkpoint=path)
    same(fm.resume(path), first)
    tables_file = checkpoint.game_file(path)
    content = tables_file.read_bytes()
    tables_file.unlink()
    with pytest.raises(ValueError, match=r"tables.*missing"):
        fm.resume(path)
    same(fm.resume(path, game=GAME), first)
    with pytest.raises(ValueError, match="is not the game of this checkpoint"):
        fm.resume(path, game=fm.games.routing(4, discount=0.6))
    tables_file.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="damaged"):
        fm.resume(path)


def test_what_is_made_of_functions_is_asked_for(path):
    def reset(uniforms):
        return 0

    def step(state, actions, uniforms, rewards):
        rewards[:] = actions[0] == actions[1]
        return (state + 1) % 3

    game = fm.SimulatorGame(reset, step, (2, 2), 3, 0.5)
    first = fm.learn(game, RULE, 100, rng=5, record=tables(), checkpoint=path)
    with pytest.raises(ValueError, match="give it, resume"):
        fm.resume(path)
    same(fm.resume(path, game=game), first)


def test_rules_from_outside_are_asked_for(path):
    from typing import NamedTuple

    class Halfway(NamedTuple):
        eta: float = 0.5

        @staticmethod
        def update(rule, state, feedback, k):
            state.policy[0, 0] = state.policy[0, 0]

    game = fm.games.zhang_3x2()
    first = fm.learn(game, Halfway(), 3, checkpoint=path)
    with pytest.raises(ValueError, match="do not import: give it"):
        fm.resume(path)
    same(fm.resume(path, rule=Halfway()), first)
    with pytest.raises(ValueError, match=r"is a .*Halfway"):
        fm.resume(path, rule=RULE)


def test_what_a_state_is_called_in_files(path, monkeypatch):
    """Checkpoints outlive the code: a field of a state that is renamed would lose every run that was kept before."""
    rule, game = fm.rules.TwoTimescaleQ(0.1), fm.games.random_markov(2, (2, 2), rng=0)
    fm.learn(game, rule, 5, rng=0, record=fm.Record(metrics=("q",)), checkpoint=path)
    arrays, _, _ = checkpoint.load(path)
    assert {name.removeprefix("state/") for name in arrays if name.startswith("state/")} == {
        "policy", "q", "visits", "counts", "tables.numbers", "tables.n_actions", "tables.last", "tables.scratch",
        "nobody.tables.numbers", "nobody.visits", "nobody.state", "nobody.actions", "nobody.rewards"}
    real = checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda where: ({k: v for k, v in real(where)[0].items() if k != "state/q"},
                                                           *real(where)[1:]))
    with pytest.raises(ValueError,
                       match="the checkpoint holds no q for TwoTimescaleQ: it was written by another version"):
        fm.resume(path, steps=9)


def test_a_checkpoint_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match="a file in a folder that exists"):
        fm.learn(GAME, RULE, 10, record=tables(), checkpoint=tmp_path / "none" / "run.ckpt")
    with pytest.raises(ValueError, match="a file in a folder that exists"):
        fm.learn(GAME, RULE, 10, record=tables(), checkpoint=tmp_path)
