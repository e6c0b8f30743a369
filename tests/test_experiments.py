"""The published experiments: found, compared with what is computed, reported."""

import json
import math

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.experiments import _report, catalogue, zhang2022
from fastmpg.experiments.experiment import (
    NOT_REPRODUCED,
    PRINTED,
    RECOMPUTED,
    SOURCES,
    STATEMENT,
    Check,
    Experiment,
    Figure,
    Outcome,
    printed,
)

NAMES = {"zhang-3x2", "zhang-3x2-starts", "zhang-3player", "zhang-8player", "sun-random-3x4x5",
         "sun-ring-polymatrix", "sun-markov", "sun2023-potential", "etesami-pursuit", "etesami-pursuit-2",
         "etesami-alpha"}
QUICK = ("zhang-3x2", "zhang-3x2-starts", "zhang-3player", "zhang-8player", "sun-markov", "sun2023-potential",
         "etesami-pursuit", "etesami-pursuit-2", "ding-optimistic")


def test_every_published_experiment_is_found():
    assert set(catalogue) >= NAMES
    for name, each in catalogue.items():
        assert each.name == name and each.title and each.paper and each.run.__doc__


@pytest.mark.parametrize("published, ours, ok",
                         [(1.0, 1.0, True), (1.0, 1.01, True), (1.0, 1.02, False), (1.0, math.nan, False),
                          (math.nan, 1.0, False), (1.0, math.inf, False), (math.inf, math.inf, False)])
def test_a_check_is_met_within_its_tolerance_and_never_by_nan(published, ours, ok):
    check = Check("x", published, ours, 0.015, PRINTED)
    assert check.ok is check.met is ok and check.verdict == ("met" if ok else "missed")


@pytest.mark.parametrize("ours, ok", [(1.0, False), (1.02, True), (math.nan, False), (math.inf, False)])
def test_what_is_not_reproduced_is_never_met_and_must_not_be_reproduced(ours, ok):
    check = Check("x", 1.0, ours, 0.015, NOT_REPRODUCED)
    assert check.ok is ok and check.met is (ours == 1.0)
    assert check.verdict.startswith("not reproduced" if ok else "not as it says")


@pytest.mark.parametrize("text, half", [
    ("0.01462194", 5e-9), ("1.2995e-5", 5e-10), ("0.0330566", 5e-8), ("-0.22500000", 5e-9), ("7.37e-25", 5e-28)])
def test_a_printed_number_is_compared_to_half_its_last_digit(text, half):
    check = printed("x", text, float(text))
    assert check.tolerance == pytest.approx(half) and check.published == float(text)
    assert not printed("x", text, float(text) + 1.1 * half).ok
    assert printed("x", text, float(text) + 1.1 * half, 2 * half).ok


@pytest.mark.compiled
@pytest.mark.parametrize("name", QUICK)
def test_the_published_numbers_are_met(name):
    outcome = catalogue[name].run()
    assert [check.name for check in outcome.checks if not check.ok] == []
    assert {check.source for check in outcome.checks} <= set(SOURCES)
    assert len({check.name for check in outcome.checks}) == len(outcome.checks)
    assert outcome.figures


@pytest.mark.slow
@pytest.mark.whole
def test_everything_is_reproduced(tmp_path):
    finished = _report.reproduce(list(catalogue.values()), tmp_path)
    assert [(one.experiment.name, check) for one in finished for check in one.outcome.checks if not check.ok] == []
    assert set(json.loads((tmp_path / "results.json").read_text())) == set(catalogue)


@pytest.mark.compiled
def test_checks_are_computed_from_the_run_not_typed(monkeypatch):
    """Another reward gives other numbers, and the report says so."""
    changed = fm.games.zhang_3x2().payoffs[0] + 0.001 * np.arange(6).reshape(3, 2)
    monkeypatch.setattr(zhang2022.matrix, "zhang_3x2",
                        lambda: fm.NormalFormGame.identical_interest(changed, name="changed"))
    outcome = catalogue["zhang-3x2"].run()
    assert sum(not check.ok for check in outcome.checks) > 10


def test_the_trace_at_the_paper_s_t_is_one_step_earlier():
    result = fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(5.0), 3)
    assert zhang2022.at(result, "ne_gap", 1) == pytest.approx(0.38)
    assert zhang2022.at(result, "ne_gap", 4) == result.trace["ne_gap"][3].max()


def test_plain_probabilities_underflow_where_logarithms_do_not():
    game, start = fm.games.zhang_3x2(), zhang2022.BAD
    gap, underflow = zhang2022.linear_domain(game.payoffs[0], start, 5.0, 1000)
    ours = fm.learn(game, fm.rules.NaturalGradientPlay(5.0), 999, policy=list(start))
    assert 130 <= underflow <= 134
    np.testing.assert_allclose(gap[:underflow], ours.trace["ne_gap"].max(axis=1)[:underflow], rtol=1e-7, atol=1e-14)
    assert ours.state.theta[0, 2] - ours.state.theta[0, 1] < -745 and np.isfinite(ours.state.theta).all()


@pytest.mark.parametrize("players, actions", [(3, 2), (4, 3), (5, 4)])
def test_the_ring_is_zero_sum_and_joins_neighbours_only(players, actions):
    game = fm.games.ring_polymatrix(players, actions, rng=3).to_dense()
    game = fm.NormalFormGame(game.rewards[:, 0])
    assert game.num_actions == (actions,) * players
    np.testing.assert_allclose(game.payoffs.sum(axis=0), 0.0, atol=1e-14)
    assert np.abs(game.payoffs).max() <= 2.0
    for i in range(players):  # no effect of anybody but the two neighbours
        for other in set(range(players)) - {i, (i + 1) % players, (i - 1) % players}:
            table = np.moveaxis(game.payoffs[i], other, 0)
            np.testing.assert_array_equal(table, np.broadcast_to(table[:1], table.shape))
    again = fm.games.ring_polymatrix(players, actions, rng=3).to_dense()
    np.testing.assert_array_equal(game.payoffs, again.rewards[:, 0])


def test_the_ring_s_edges_are_the_draws_in_order():
    payoffs = fm.games.ring_polymatrix(3, 2, rng=7).to_dense().rewards[:, 0]
    draw = np.random.default_rng(7)
    a, b, c = (draw.uniform(-1, 1, (2, 2)) for _ in range(3))  # edges 0-1, 1-2, 2-0
    for x, y, z in np.ndindex(2, 2, 2):
        expected = a[x, y] - c[z, x], b[y, z] - a[x, y], c[z, x] - b[y, z]
        np.testing.assert_allclose(payoffs[:, x, y, z], expected, atol=1e-15)


@pytest.mark.parametrize("wrong", [{"num_players": 2}, {"num_actions": 0}, {"num_players": 2.5}])
def test_the_ring_refuses_what_is_no_ring(wrong):
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        fm.games.ring_polymatrix(**wrong)


def test_a_ring_too_large_is_refused_before_it_is_drawn():
    with pytest.raises(MemoryError, match="ring of 30 players"):
        fm.games.ring_polymatrix(30, 10**6)


# -------------------------------------------------------------------------------------------------------- the report
def blob(draw=None):
    figures = (Figure("f", "a <caption>", draw),) if draw else ()
    checks = (Check("met <b>", 1.0, 1.0, 0.1, STATEMENT), Check("missed", 1.0, 3.0, 0.1, PRINTED),
              Check("nan", 1.0, math.nan, 0.1, RECOMPUTED), Check("open", 1.0, 3.0, 0.1, NOT_REPRODUCED))
    outcome = Outcome(checks, figures, ("a & b",))

    def run():
        """What is <run>."""
        return outcome

    return Experiment("one", "first & best", "A paper <2024>", run)


def simple_figure():
    from fastmpg import plot

    sheet, axes = plot.figure()
    axes[0, 0].plot([0, 1], [0, 1])
    return sheet


def test_the_report_has_the_agreed_shape_and_escapes_html(tmp_path):
    pytest.importorskip("matplotlib")
    finished = _report.reproduce([blob(simple_figure)], tmp_path / "new" / "folder")
    assert not finished[0].ok and finished[0].met == 1 and len(finished[0].expected) == 3 and finished[0].open == 1
    content = json.loads((tmp_path / "new" / "folder" / "results.json").read_text())
    assert set(content) == {"one"} and set(content["one"]) == {"title", "paper", "checks", "figures", "seconds"}
    assert content["one"]["checks"][0] == {"name": "met <b>", "published": 1.0, "ours": 1.0,
                                           "tolerance": 0.1, "ok": True, "verdict": "met", "source": "statement"}
    assert content["one"]["checks"][2]["ours"] is None and content["one"]["checks"][2]["ok"] is False
    assert content["one"]["checks"][3]["verdict"] == "not reproduced" and content["one"]["checks"][3]["ok"] is True
    page = (tmp_path / "new" / "folder" / "index.html").read_text()
    for raw in ("<b>", "<caption>", "<2024>", "<run>", "a & b"):
        assert raw not in page
    assert ("<p>printed in the paper: 0 of 1 met; ours, recomputed independently: 0 of 1 met; statement: 1 of 1 met; "
            "printed or stated, not reproduced: 1; ") in page
    assert 'src="one-f.png"' in page and (tmp_path / "new" / "folder" / "one-f.png").stat().st_size > 1000
    assert str(tmp_path) not in page
    assert not list((tmp_path / "new" / "folder").glob(".*"))


def test_an_interrupted_report_holds_what_was_finished(tmp_path):
    def stop():
        """Never ends."""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _report.reproduce([blob(), Experiment("two", "t", "p", stop)], tmp_path)
    assert set(json.loads((tmp_path / "results.json").read_text())) == {"one"}
    assert "1 of 2 experiments" in (tmp_path / "index.html").read_text()


def test_without_matplotlib_the_report_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(_report, "can_draw", lambda: False)
    _report.reproduce([blob(simple_figure)], tmp_path)
    assert "No figures" in (tmp_path / "index.html").read_text()
    assert not list(tmp_path.glob("*.png"))
