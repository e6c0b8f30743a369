"""The experiments on the safe-distancing game."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.experiments import catalogue, ding2022, ding2022_laws
from fastmpg.experiments.ding2022 import Ascent

NAMES = ("ding-distancing", "ding-rollouts")
GAME = fm.games.safe_distancing()


def loads(safe, distancing):
    """A pure policy with these loads."""
    tables = [np.repeat(np.eye(4), each, axis=0).ravel() for each in (safe, distancing)]
    return np.array(tables)


def test_the_experiments_are_found():
    assert set(NAMES) <= set(catalogue)


@pytest.mark.slow
@pytest.mark.whole
@pytest.mark.parametrize("name", NAMES)
def test_the_statements_are_met_and_the_figures_drawn(name):
    pytest.importorskip("matplotlib")
    outcome = catalogue[name].run()
    assert [check for check in outcome.checks if not check.ok] == []
    assert len({check.name for check in outcome.checks}) == len(outcome.checks)
    for figure in outcome.figures:
        sheet = figure.draw()
        assert all(ax.get_xlabel() and ax.get_ylabel() for ax in sheet.axes)
        sheet.draw_without_rendering()


@pytest.mark.compiled
@pytest.mark.parametrize("name", NAMES)
def test_short_runs_meet_few_statements_and_are_drawn(name, monkeypatch):
    """Checks are computed from the runs: where the policies have hardly moved, they say so."""
    pytest.importorskip("matplotlib")
    for short in ("STEPS", "SAMPLED_STEPS"):
        monkeypatch.setattr(ding2022, short, 200 if short == "SAMPLED_STEPS" else 12)
    monkeypatch.setattr(ding2022, "STARTS", 3)
    monkeypatch.setattr(ding2022, "SAMPLED_RUNS", 3)
    outcome = catalogue[name].run()
    assert sum(not check.ok for check in outcome.checks) >= 4
    for figure in outcome.figures:
        figure.draw().draw_without_rendering()


def test_the_equilibria_are_equilibria():
    """4, 4 at the best facilities when safe; 2 each when distancing, or everybody at one, which nobody leaves alone."""
    good, bad = loads((0, 0, 4, 4), (2, 2, 2, 2)), loads((0, 0, 4, 4), (0, 0, 0, 8))
    for policy in (good, bad):
        assert fm.ne_gap(GAME, policy).max() == 0.0
    assert fm.ne_gap(GAME, loads((0, 0, 3, 5), (2, 2, 2, 2))).max() > 100
    assert_array_equal(ding2022.occupancy(GAME, good), [[0, 0, 4, 4], [2, 2, 2, 2]])
    assert_array_equal(ding2022.ends_distancing(ding2022.occupancy(GAME, np.array([good, bad]))), [True, False])
    assert fm.evaluate(GAME, bad).value[:, 1].mean() == pytest.approx(-5200.0)


def test_measures(rng):
    policies = np.array([[fm.random_policy(GAME, rng) for _ in range(3)] for _ in range(2)])
    ends = policies[:, -1]
    found = ding2022.distance(policies, ends, 8)
    expected = [[sum(np.abs(a - b).sum() for a, b in zip(fm.split(GAME, table), fm.split(GAME, end), strict=True)) / 8
                 for table in run]
                for run, end in zip(policies, ends, strict=True)]
    assert_allclose(found, expected)
    assert (found[:, -1] == 0.0).all()
    assert ding2022.payoff_range(GAME) == pytest.approx((48 + 99) / 0.01)
    corners = ding2022.corners(GAME, policies)
    assert_array_equal(np.sort(corners.reshape(-1, 4), axis=1), np.tile([0, 0, 0, 1], (corners.size // 4, 1)))
    assert ((corners * policies).reshape(-1, 4).sum(axis=1) == policies.reshape(-1, 4).max(axis=1)).all()
    assert_array_equal(ding2022.late(np.arange(42.0).reshape(2, 21)), [19.0, 40.0])
    assert ding2022.short(1e-3) == "1e-3" and ding2022.short(3e-5) == "3e-5"


def test_settled_is_for_good():
    result = fm.ensemble(GAME, fm.rules.QAscent(1e-3), 3, 3, record=fm.Record(metrics=("policy",)))
    gap = np.array([[1.0, 1e-5, 1.0, 1e-5], [1.0, 1e-5, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert_array_equal(Ascent(GAME, (1e-3,), result, gap).settled, [3.0, 1.0, np.inf])


# ------------------------------------------------------------------------------- no potential game; degenerate laws
def test_values_of_pure_policies_and_their_squares():
    """Values by evaluation; the largest defect is that of a square, and no square that is drawn has a larger one."""
    game = fm.games.safe_distancing(2)
    dense, policies = game.to_dense(), np.array(list(np.ndindex(4, 4)))
    values = ding2022_laws.pure_values(dense)
    assert values.shape == (2, 2, 16, 16)

    def value(i, s, p, q):
        policy = np.stack([np.concatenate([np.eye(4)[policies[p][t]], np.eye(4)[policies[q][t]]]) for t in range(2)])
        return fm.evaluate(game, policy).value[i, s]

    draws = np.random.default_rng(0).integers(0, 16, (60, 4))
    largest, seen = ding2022_laws.largest_defect(values), []
    for p, p_, q, q_ in draws.tolist():
        for s in range(2):
            seen.append(abs(value(0, s, p_, q) - value(0, s, p, q) + value(1, s, p_, q_) - value(1, s, p_, q)
                            + value(0, s, p, q_) - value(0, s, p_, q_) + value(1, s, p, q) - value(1, s, p, q_)))
        assert_allclose(values[:, :, p, q], [[value(i, s, p, q) for s in range(2)] for i in range(2)], rtol=1e-12)
    assert 0.2 * largest < max(seen) <= largest * (1 + 1e-12)
    assert ding2022_laws.largest_defect(ding2022_laws.pure_values(
        fm.games.safe_distancing(3, discount=0.0).to_dense())) < 1e-12


@pytest.mark.compiled
def test_short_runs_from_other_laws(monkeypatch):
    pytest.importorskip("matplotlib")
    for name, value in {"STARTS": 2, "STEPS": 20, "ROWS": 10}.items():
        monkeypatch.setattr(ding2022_laws, name, value)
    outcome = catalogue["ding-laws"].run()
    assert 2 <= sum(not check.ok for check in outcome.checks) < len(outcome.checks)
    outcome.figures[0].draw().draw_without_rendering()
