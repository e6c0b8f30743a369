"""Runs that end by themselves: when greedy policies have stood for so many stages, or a metric lies below a level."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from resuming import same

import fastmpg as fm
from fastmpg import cli
from fastmpg.run import run

GAME = fm.games.routing(3)
Q = fm.rules.IndependentQLearning(0.2, ("exponential", 0.01))
STAND = fm.Unchanged(stages=300)
EACH = fm.Record(every=1, metrics=("policy",))
SOME = fm.Record(every=100, metrics=("policy",))
RULES = {"Q": Q, "TwoTimescaleQ": fm.rules.TwoTimescaleQ(0.3), "NSCP": fm.rules.NSCPLearner(0.2, ("exponential", 0.01)),
         "rollouts": fm.rules.MonteCarloGradientAscent(0.01, rollouts=2, length=3),
         "exact": fm.rules.NaturalGradientPlay(0.05)}


def decisions(policies, game):
    """(K, S, N): the first most probable action, of policies (K, S, A_total)."""
    return np.stack([part.argmax(axis=-1) for part in np.split(policies, game.offset[1:-1], axis=-1)], axis=-1)


def settling(policies, game, stages):
    """Updates made when decisions have stood for so many, from the policies before and after every update."""
    found, changed = decisions(policies, game), 0
    for k in range(1, len(found)):
        if (found[k] != found[k - 1]).any():
            changed = k
        if k - changed >= stages:
            return k
    return None


@pytest.mark.parametrize("name", ["Q", *(pytest.param(each, marks=pytest.mark.slow) for each in RULES if each != "Q")])
def test_a_run_ends_when_what_everybody_does_has_stood(name):
    """The stage by hand, from a record of every policy; till then the run is the one without a condition."""
    rule, stages = RULES[name], 20 if name == "rollouts" else 300
    whole = fm.learn(GAME, rule, 3000, rng=5, record=EACH)
    expected = settling(whole.trace["policy"], GAME, stages)
    assert expected is not None and expected < 3000
    found = fm.learn(GAME, rule, 3000, rng=5, record=EACH, until=fm.Unchanged(stages))
    assert (found.status, found.steps) == ("settled", expected)
    assert f"settled after {expected} steps" in found.message
    assert_array_equal(found.policy, whole.trace["policy"][expected])
    assert_array_equal(found.trace["policy"], whole.trace["policy"][:expected])
    early = fm.learn(GAME, rule, expected - 1, rng=5, record=EACH, until=fm.Unchanged(stages))
    assert early.status == "done"


@pytest.mark.compiled
def test_a_state_that_notes_changes_itself_is_watched_as_one_that_is_compared():
    """With actions that are missing, episodes, ties and three players."""
    mask = np.ones((4, 6), bool)
    mask[1, 0] = mask[2, 4] = False
    rng = np.random.default_rng(0)
    game = fm.MarkovGame(rng.integers(0, 3, (2, 4, 3, 3)), np.full((4, 3, 3, 4), 0.25), 0.9, available=mask,
                         terminal=[3])
    for rule in (Q, Q._replace(exploration=0.3), Q._replace(alpha=1.0, exploration=1.0)):
        whole = fm.learn(game, rule, 2000, rng=1, record=EACH)
        for stages in (5, 17, 60):
            found = fm.learn(game, rule, 2000, rng=1, record=EACH, until=fm.Unchanged(stages))
            assert found.steps == (settling(whole.trace["policy"], game, stages) or 2000)


def test_below_ends_an_exact_run_at_its_last_row():
    game, rule = fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(eta=5.0)
    whole = fm.learn(game, rule, 1000)
    first = int(np.argmax((whole.trace["ne_gap"] < 1e-6).all(axis=1)))
    found = fm.learn(game, rule, 1000, until=fm.Below("ne_gap", 1e-6))
    assert (found.status, found.steps) == ("settled", first)
    assert_array_equal(found.trace["ne_gap"], whole.trace["ne_gap"][:first + 1])
    late = fm.learn(game, rule, 1000, until=fm.Below("ne_gap", 1e-6), record=fm.Record(every=50))
    assert late.steps == -(-first // 50) * 50 == late.trace["step"][-1]
    never = fm.learn(game, rule, 100, until=fm.Below("ne_gap", -1.0))
    assert (never.status, never.steps) == ("done", 100)
    assert fm.learn(game, rule, 100, until=fm.Below("ne_gap", 10.0)).steps == 0


@pytest.mark.compiled
@pytest.mark.parametrize("rule", [Q, RULES["TwoTimescaleQ"], RULES["NSCP"]], ids=["Q", "two-timescale", "NSCP"])
def test_runs_of_an_ensemble_end_by_themselves(rule):
    """Each as if alone, whatever the threads; rows behind its end are NaN."""
    runs = 7
    many = fm.ensemble(GAME, rule, 3000, runs, rng=3, record=SOME, until=STAND)
    assert many.status == "settled" and many.steps.shape == (runs,) and len(set(many.steps.tolist())) > 1
    for threads in (1, 2):
        same(many, fm.ensemble(GAME, rule, 3000, runs, rng=3, record=SOME, until=STAND, threads=threads))
    for r, seed in enumerate(np.random.SeedSequence(3).spawn(runs)):
        alone = fm.learn(GAME, rule, 3000, rng=seed, record=SOME, until=STAND)
        assert alone.steps == many.steps[r]
        assert_array_equal(alone.policy, many.policy[r])
        rows = alone.trace["step"].size
        assert_array_equal(alone.trace["policy"], many.trace["policy"][r, :rows])
        assert np.isnan(many.trace["policy"][r, rows:]).all()


def test_some_runs_settle_and_others_make_all_steps():
    all_of_them = fm.ensemble(GAME, Q, 3000, 7, rng=3, record=SOME, until=STAND).steps
    last = int(np.sort(all_of_them)[3])
    some = fm.ensemble(GAME, Q, last, 7, rng=3, record=SOME, until=STAND)
    assert some.status == "done" and "that settled before" in some.message
    assert_array_equal(some.steps, np.minimum(all_of_them, last))


@pytest.mark.parametrize("name", ["Q", "TwoTimescaleQ", "exact"])
def test_chunks_and_resuming_keep_every_bit(name, monkeypatch, tmp_path):
    rule, until = RULES[name], fm.Below("ne_gap", 1e-3) if name == "exact" else STAND
    record = fm.Record(every=10, metrics=("ne_gap", "policy"))
    whole = fm.learn(GAME, rule, 3000, rng=5, record=record, until=until)
    assert whole.status == "settled"
    with monkeypatch.context() as patch:
        patch.setattr("fastmpg.run.job.CHUNK_SECONDS", 1e-7)
        same(whole, fm.learn(GAME, rule, 3000, rng=5, record=record, until=until))
    path = tmp_path / "run.ckpt"
    same(whole, fm.learn(GAME, rule, 3000, rng=5, record=record, until=until, checkpoint=path))
    same(whole, fm.resume(path))  # one that has settled is given back
    same(whole, fm.resume(path, steps=4000))  # and stays settled
    for cut in (0, 1, whole.steps // 2, whole.steps - 1, whole.steps):
        cut -= cut % 10 if name == "exact" else 0  # a last row that is none of the whole run's could end it there
        half = tmp_path / f"{cut}.ckpt"
        fm.learn(GAME, rule, cut, rng=5, record=record, until=until, checkpoint=half)
        after = fm.resume(half, steps=3000)
        assert (after.status, after.steps) == (whole.status, whole.steps)
        assert_array_equal(after.policy, whole.policy)
        assert_array_equal(after.trace["policy"], whole.trace["policy"])


def test_an_ensemble_with_ends_is_resumed(tmp_path):
    path = tmp_path / "many.ckpt"
    whole = fm.ensemble(GAME, Q, 3000, 7, rng=3, record=SOME, until=STAND)
    cut = int(np.sort(whole.steps)[3])
    fm.ensemble(GAME, Q, cut, 7, rng=3, record=SOME.replace(every=100), until=STAND, checkpoint=path)
    found = fm.resume(path, steps=3000)
    assert_array_equal(found.steps, whole.steps)
    assert_array_equal(found.policy, whole.policy)
    rows = whole.trace["step"].size
    assert_array_equal(found.trace["policy"][:, :rows], whole.trace["policy"])
    saved = tmp_path / "result.npz"
    whole.save(saved)
    assert_array_equal(fm.Result.load(saved).steps, whole.steps)
    same(fm.resume(path), found)  # one that has settled is given back, though its last chunk went further than its rows


def test_a_callback_and_a_trajectory_end_with_the_run():
    seen = []
    found = fm.learn(GAME, Q, 3000, rng=5, record=SOME.replace(trajectory=True), until=STAND,
                     callback=lambda snapshot: seen.append(snapshot.step))
    plain = fm.learn(GAME, Q, 3000, rng=5, record=SOME, until=STAND)
    same(plain, found, trajectories=False)
    assert seen == list(range(0, found.steps, 100))
    assert found.trajectory.states.shape == (found.steps + 1,) and found.trajectory.actions.shape == (found.steps, 3)
    assert found.trajectory.states[-1] == found.state.place
    with pytest.raises(ValueError, match="trajectories of different lengths"):
        fm.ensemble(GAME, Q, 10, 2, record=SOME.replace(trajectory=True), until=STAND)


@pytest.mark.parametrize("until, error, said", [
    (300, TypeError, "until must be fastmpg.Unchanged"), (fm.Unchanged(0), ValueError, "stages must be"),
    (fm.Unchanged(0.5), TypeError, "stages must be"), (fm.Below("c", 1.0), ValueError, "'c', which is not recorded"),
    (fm.Below("ne_gap", "low"), TypeError, "level must be"), (fm.Unchanged, TypeError, "until must be")])
def test_what_is_no_condition_is_refused(until, error, said, monkeypatch):
    monkeypatch.setattr(run.Run, "prepare", None)
    with pytest.raises(error, match=said):
        fm.learn(GAME, Q, 10, until=until)
    with pytest.raises(error, match=said):
        fm.ensemble(GAME, Q, 10, 2, until=until)


def test_baselines_of_phases_are_watched_in_every_row():
    """What changes at a phase's end changes in all rows at once."""
    game = fm.games.random_markov(3, (2, 3), 0.5, identical_interest=True, rng=2)
    rule, record = fm.rules.DecentralisedQLearning(200, exploration=0.2), fm.Record(every=1, metrics=("policy",))
    found = fm.learn(game, rule, 20_000, rng=3, record=record, until=fm.Unchanged(stages=1500))
    actions = np.stack([each.argmax(axis=-1) for each in np.split(found.trace["policy"], game.offset[1:-1], axis=-1)])
    changed = np.flatnonzero((actions[:, 1:] != actions[:, :-1]).any(axis=(0, 2))) + 1
    assert found.status == "settled" and changed.size > 0 and found.steps == changed[-1] + 1500


@pytest.mark.parametrize("given, status", [("unchanged=30", "settled"), ("ne_gap=1e-3", "settled")])
def test_the_command_line_ends_runs(capsys, given, status):
    what = "IndependentQLearning" if given.startswith("un") else "NaturalGradientPlay"
    words = ["run", "zhang_3x2", what, "--steps", "100000", "--until", given, "--json"]
    assert cli.main([*words, "--metrics", "policy"] if given.startswith("un") else [*words, "--eta", "5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == status and told["steps"] < 100000
    assert cli.main([*words[:-2], "nonsense"]) == 2
    assert "unchanged=STAGES or METRIC=LEVEL" in capsys.readouterr().err
