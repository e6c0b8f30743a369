"""Pictures: drawn from what was recorded, without touching matplotlib's settings."""

import subprocess
import sys

import numpy as np
import pytest

import fastmpg as fm

matplotlib = pytest.importorskip("matplotlib")
from fastmpg import plot  # noqa: E402


@pytest.fixture(autouse=True)
def agg(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    matplotlib.use("Agg")


@pytest.fixture(scope="module")
def one():
    record = fm.Record(every=5, metrics=("ne_gap", "value", "c", "policy"))
    return fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(5.0), 50, record=record)


@pytest.fixture(scope="module")
def many():
    rule = fm.rules.EntropyNaturalGradientPlay(eta=0.1, tau=np.array([[0.1], [1.0]]))
    record = fm.Record(metrics=("ne_gap", "qre_gap", "value"))
    return fm.ensemble(fm.games.random_normal_form((2, 3)), rule, 20, 3, policy="random", record=record)


def axes():
    return plot.figure()[1][0, 0]


def ink(sheet):
    """Share of pixels that are not white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(sheet)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    return float((picture < 250).any(axis=-1).mean())


def test_a_trace_is_drawn_as_it_was_recorded(one):
    ax = plot.trace(one, "ne_gap", axes(), first=1)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), one.trace["step"] + 1)
    np.testing.assert_allclose(line.get_ydata(), one.trace["ne_gap"].max(axis=1))
    assert "NE-gap" in ax.get_ylabel() and "t = 1" in ax.get_xlabel()


@pytest.mark.parametrize("reduce, function", [("max", np.max), ("min", np.min), ("mean", np.mean), ("sum", np.sum)])
def test_players_are_reduced_as_asked(one, reduce, function):
    ax = plot.trace(one, "ne_gap", axes(), reduce=reduce)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), function(one.trace["ne_gap"], axis=1))


def test_players_are_drawn_apart_on_request_and_by_default_where_values_differ(one, many):
    assert len(plot.trace(one, "ne_gap", axes(), reduce="players").lines) == 2
    assert len(plot.trace(one, "value", axes()).lines) == 1  # one reward for all
    assert len(plot.trace(many, "value", axes(), by=()).lines) == 2
    assert ([text.get_text() for text in plot.trace(many, "value", axes(), by=()).get_legend().get_texts()]
            == ["player 0", "player 1"])


@pytest.mark.parametrize("band", ["range", "std", None])
def test_an_ensemble_is_a_mean_and_a_band(many, band):
    ax = plot.trace(many, "qre_gap", axes(), band=band, log="xy", label="all", by=())
    gap = many.trace["qre_gap"].max(axis=-1).reshape(6, -1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), gap.mean(axis=0))
    assert len(ax.collections) == (band is not None)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    if band == "range":
        corners = ax.collections[0].get_paths()[0].vertices[:, 1]
        assert corners.max() == pytest.approx(gap.max()) and corners.min() == pytest.approx(gap.min())


@pytest.mark.parametrize("wrong, message",
                         [({"metric": "mismatch"}, "trace holds"), ({"metric": "policy"}, "plot.policy"),
                          ({"reduce": "median"}, "reduce"), ({"band": "wide"}, "band"), ({"log": "z"}, "log")])
def test_what_cannot_be_drawn_is_said(one, wrong, message):
    with pytest.raises(ValueError, match=message):
        plot.trace(one, ax=axes(), **wrong)


def test_policies_are_drawn_over_time_and_as_a_table(one):
    game = fm.games.zhang_3x2()
    over_time = plot.policy(one, game)
    np.testing.assert_allclose(over_time.axes[0].lines[2].get_ydata(), one.trace["policy"][:, 0, 2])
    assert len(over_time.axes[0].lines) == 3 and len(over_time.axes[1].lines) == 2
    still = plot.policy(one.policy, game)
    np.testing.assert_allclose(still.axes[0].images[0].get_array(), one.policy)
    assert ink(over_time) > 0.01 and ink(still) > 0.05
    markov = fm.games.random_markov(4, (2, 3))
    assert plot.policy(fm.uniform_policy(markov), markov).axes[0].images[0].get_array().shape == (4, 5)


@pytest.mark.parametrize("kind, head", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_are_saved_the_same_every_time(one, tmp_path, kind, head):
    files = []
    for name in ("a", "b"):
        sheet, grid = plot.figure(title="title")
        plot.trace(one, "ne_gap", grid[0, 0])
        files.append(plot.save(sheet, tmp_path / f"{name}.{kind}").read_bytes())
    assert files[0] == files[1] and files[0].startswith(head) and len(files[0]) > 2000
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        plot.save(sheet, tmp_path / "a.xyz")


def test_settings_stay_as_they_are_and_a_new_figure_is_pyplot_s(one):
    before = dict(matplotlib.rcParams)
    ax = plot.trace(one)
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot

    assert pyplot.fignum_exists(ax.figure.number)
    pyplot.close(ax.figure)


@pytest.mark.compiled
def test_every_figure_of_a_quick_experiment_is_drawn():
    from fastmpg.experiments import catalogue

    for name in ("zhang-3x2", "zhang-3player", "sun2023-potential", "sun-markov"):
        for figure in catalogue[name].run().figures:
            assert ink(figure.draw()) > 0.01, (name, figure.name)


@pytest.fixture(scope="module")
def crossing():
    return fm.solvers.mge_fb(fm.games.driving(), 12)


@pytest.mark.compiled
def test_a_junction_is_drawn_until_everybody_has_arrived(crossing):
    sheet = plot.junction(crossing)
    frames = [ax for ax in sheet.axes if ax.images]
    assert [ax.get_title() for ax in frames] == [f"t = {t}" for t in range(9)]
    play = crossing.most_likely()
    for t in (0, 3, 8):  # markers lie where most likely play is, rings at the goals
        markers = [line for line in frames[t].lines if line.get_marker() not in ("None", "")]
        at = [(float(line.get_xdata()[0]), float(line.get_ydata()[0]))
              for line in markers if line.get_markerfacecolor() != "none"]
        assert at == [tuple(crossing.game.layout[x, ::-1]) for x in play.paths[:, t]]
        rings = [(float(line.get_xdata()[0]), float(line.get_ydata()[0]))
                 for line in markers if line.get_markerfacecolor() == "none"]
        assert rings == [tuple(crossing.game.layout[x, ::-1]) for x in crossing.game.goals]
    assert ink(sheet) > 0.1
    assert len([ax for ax in plot.junction(crossing, [2, 5]).axes if ax.images]) == 2
    reckless = fm.solvers.mge_fb(fm.games.driving(mu=0.01), 12)
    assert plot.junction(reckless, [2]).axes[0].get_title() == "t = 2, car 1 meets pedestrian"


def test_a_crowd_is_drawn_by_its_weight(crossing):
    sheet = plot.junction(crossing, [0, 4], most=3)
    drawn = sheet.axes[1].images[0].get_array()
    np.testing.assert_allclose(np.asarray(drawn).reshape(-1), crossing.crowd[4])
    with pytest.raises(ValueError, match="solution must be of a game with a layout"):
        plot.junction(fm.solvers.mge_fb(fm.OccupancyGame([[0]], [[0.0]], [0]), 1))
    for wrong in ({"steps": []}, {"steps": [13]}, {"columns": 0}, {"most": 0}, {"play": 1}):
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            plot.junction(crossing, **wrong)


def test_occupancies_are_drawn_over_time(crossing):
    sheet = plot.occupancy(crossing)
    assert [ax.get_title() for ax in sheet.axes] == list(crossing.game.players)
    for i, ax in enumerate(sheet.axes):
        np.testing.assert_allclose(ax.lines[-1].get_ydata(), crossing.occupancy(i)[:, crossing.game.goals[i]])
        assert "goal" in ax.get_legend().get_texts()[-1].get_text()
    assert ink(sheet) > 0.02
    with pytest.raises(ValueError, match="players must hold at least one"):
        plot.occupancy(crossing, [])
    with pytest.raises(TypeError, match="solution must be what"):
        plot.occupancy(None)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"fastmpg\[report\]"):
        plot.figure()


@pytest.mark.compiled
def test_importing_the_package_imports_no_plotting():
    code = ("import sys, fastmpg, fastmpg.plot, fastmpg.cli, fastmpg.experiments; "
            "assert not {'matplotlib', 'tqdm'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_branches_and_potentials_are_drawn(tmp_path):
    game = fm.NormalFormGame([[[4, 0], [3, 2]], [[4, 3], [0, 2]]])
    found = fm.solvers.quantal_response_tracing(game)
    ax = plot.branch(found, game)
    assert len(ax.lines) == 4 and ax.get_xscale() == "symlog"
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), found.policies[:, 0, 1])

    team = fm.games.random_markov(2, (2, 2), identical_interest=True, rng=0)
    record = fm.Record(every=5, metrics=("policy", "value"))
    result = fm.learn(team, fm.rules.NaturalGradientPlay(0.1), 20, record=record)
    ax = plot.potential(result, team)
    rise = result.trace["value"][:, 0] - result.trace["value"][0, 0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), rise, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="has no potential"):
        game = fm.games.random_markov(2, (2, 2), rng=0)
        only = fm.Record(metrics=("policy",))
        plot.potential(fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 20, record=only), game)
    with pytest.raises(ValueError, match='record "policy"'):
        plot.potential(fm.learn(team, fm.rules.NaturalGradientPlay(0.1), 20), team)
