"""The experiments on exploring hunters and their prey, and the pictures of play over a horizon."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import plot
from fastmpg.experiments import catalogue, etesami2020_damping, etesami2020_pursuit
from fastmpg.experiments.experiment import NOT_REPRODUCED, PRINTED, RECOMPUTED, STATEMENT

NAMES = ("etesami-pursuit", "etesami-pursuit-2", "etesami-alpha")


@pytest.fixture(scope="module")
def pursued():
    game = fm.games.pursuit_3()
    return game, fm.solvers.mge_f(game, 3, value="max")


def axes():
    pytest.importorskip("matplotlib")
    return plot.figure()[1][0, 0]


def drawn(outcome):
    pytest.importorskip("matplotlib")
    for figure in outcome.figures:
        figure.draw().draw_without_rendering()


def test_the_experiments_are_found():
    assert set(NAMES) <= set(catalogue)


@pytest.mark.compiled
@pytest.mark.parametrize("name", NAMES[:2])
def test_the_pursuits_are_drawn_and_say_where_numbers_come_from(name, monkeypatch):
    monkeypatch.setattr(etesami2020_pursuit, "NSCP_STEPS", 1000)
    outcome = catalogue[name].run()
    assert [check for check in outcome.checks if not check.ok] == []
    assert {check.source for check in outcome.checks} >= {PRINTED, RECOMPUTED, NOT_REPRODUCED}
    wide = [check.name for check in outcome.checks if check.source == PRINTED and check.tolerance > 5.1e-4]
    assert all("reconstruction" in each for each in wide)
    drawn(outcome)


@pytest.mark.slow
@pytest.mark.whole
def test_damped_sweeps_meet_the_statements():
    outcome = catalogue["etesami-alpha"].run()
    assert [check for check in outcome.checks if not check.ok] == []
    assert {check.source for check in outcome.checks} == {RECOMPUTED, STATEMENT}
    drawn(outcome)


@pytest.mark.compiled
def test_few_sweeps_meet_few_statements(monkeypatch):
    """Checks are computed from the runs: where these end early, they say so."""
    monkeypatch.setattr(etesami2020_damping, "SWEEPS", 30)
    monkeypatch.setattr(etesami2020_damping, "LONG", 30)
    monkeypatch.setattr(etesami2020_damping, "NEAR", 200)
    outcome = catalogue["etesami-alpha"].run()
    missed = {check.name for check in outcome.checks if not check.ok}
    assert sum("settle" in name for name in missed) >= 5 and sum("policies at I1" in name for name in missed) >= 2
    drawn(outcome)


@pytest.mark.compiled
def test_another_value_kind_misses_the_printed_table(monkeypatch):
    true = etesami2020_pursuit.mge_f
    monkeypatch.setattr(etesami2020_pursuit, "mge_f", lambda game, horizon, value: true(game, horizon, value="softmax"))
    outcome = catalogue["etesami-pursuit"].run()
    printed = [check for check in outcome.checks if check.source == PRINTED]
    assert len(printed) >= 11 and not any(check.ok for check in printed)


@pytest.mark.compiled
def test_a_state_of_a_stage_is_a_one_shot_game(pursued):
    game, solved = pursued
    for t, places in ((0, (0, 8, 4)), (1, (3, 4, 1)), (2, (2, 5, 8))):
        state = etesami2020_pursuit.at(places)
        shot = etesami2020_damping.one_shot(game, solved.value[t + 1], state)
        found = fm.solvers.mge_f(shot, 1, terminal=0.0)
        assert_allclose(found.policy[0, 0], solved.policy[t, state][game.available[state]], atol=1e-12)
    value = etesami2020_damping.mirrored(solved.value[1])
    assert_allclose(value, solved.value[1], atol=1e-12)
    one, two, prey = value.reshape(3, 9, 9, 9)
    assert (one == two.transpose(1, 0, 2)).all() and (prey == prey.transpose(1, 0, 2)).all()


@pytest.mark.compiled
def test_hunts_are_counted_as_simulated_games_have_them():
    game = fm.games.pursuit_2()
    policy = fm.solvers.mge_f(game, 22).policy
    found = etesami2020_pursuit.hunt(game, policy)
    played = fm.play_horizon(game, policy, 20_000, rng=3)
    met = played.states // 9 == played.states % 9
    error = 4 * met.sum(axis=1).std() / np.sqrt(20_000)
    assert abs(met.sum(axis=1).mean() - found.counted) < error
    assert abs(met[:, 1:].sum(axis=1).mean() - found.later) < error
    assert found.score == pytest.approx(0.4 * found.counted)


# ------------------------------------------------------------------------------------------------------- the pictures
def test_arrows_are_the_moves_that_there_are(pursued):
    pytest.importorskip("matplotlib")
    game, solved = pursued
    state = etesami2020_pursuit.at((0, 8, 4))
    sheet = plot.arrows(solved.policy[0], game, [(0, 8, 4), 1], names=("a", "b", "c"))
    said = [text.get_text() for text in sheet.axes[0].texts]
    for p in solved.policy[0, state][game.available[state]]:
        assert f"{p:.3f}" in said
    tips = [text for text in sheet.axes[0].texts if hasattr(text, "arrow_patch") and text.arrow_patch is not None]
    assert len(tips) == game.available[state].sum() - 3
    right = [text for text in tips if text.xy[0] > 0 and text.xyann == (0, 0)]
    assert right and right[0].xy[1] == 0.0
    assert [ax.get_title() for ax in sheet.axes] == ["(0, 8, 4)", "(0, 0, 1)"]
    assert [text.get_text() for text in sheet.legends[0].get_texts()] == ["a", "b", "c"]
    sheet.draw_without_rendering()


@pytest.mark.parametrize("change, message", [
    ({"states": []}, "states must hold at least one"), ({"states": [729]}, "states must be"),
    ({"states": [(0, 1)]}, "a cell for each of 3 players"), ({"states": [(0, 1, 9)]}, "states must be"),
    ({"shape": (2, 3)}, "on 2 x 3 cells"), ({"shape": (0, 3)}, "shape must be"), ({"shape": 3}, "shape must be"),
    ({"names": ("a",)}, "names must hold 3"), ({"titles": ()}, "titles must hold 1")])
def test_what_cannot_be_drawn_as_arrows_is_refused(pursued, change, message):
    game, solved = pursued
    options = {"states": [0]} | change
    with pytest.raises((ValueError, TypeError), match=message):
        plot.arrows(solved.policy[0], game, **options)


def test_sets_of_states_are_drawn_over_time(pursued):
    game, solved = pursued
    found = fm.evaluate_horizon(game, solved.policy, initial=etesami2020_pursuit.at((0, 8, 4)))
    mask = etesami2020_pursuit.meetings()["a hunter alone with the prey"]
    ax = plot.horizon(found, {"mask": mask, "numbers": np.flatnonzero(mask), "all": range(729)}, axes(), marker="s")
    by_mask, by_numbers, everything = (line.get_ydata() for line in ax.lines)
    assert_allclose(by_mask, found.occupancy[:, mask].sum(axis=1), atol=1e-15)
    assert_allclose(by_numbers, by_mask, atol=0)
    assert_allclose(everything, 1.0)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mask", "numbers", "all"]
    assert ax.lines[0].get_marker() == "s" and ax.get_xlabel() == "step t"
    for wrong in ({}, [mask], {"a": mask[:-1]}, {"a": [729]}, {"a": [-1]}, {"a": mask * 1.0}, {"a": "x"}):
        with pytest.raises(ValueError, match="sets"):
            plot.horizon(found, wrong, axes())
    with pytest.raises(TypeError, match="evaluate_horizon"):
        plot.horizon(solved, {"a": mask})
