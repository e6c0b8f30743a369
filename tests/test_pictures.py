"""Pictures of sweeps, simplices, phases, landscapes, graphs and grids: what is drawn is what was computed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import cli

matplotlib = pytest.importorskip("matplotlib")
from fastmpg import plot  # noqa: E402
from fastmpg.plot._charts import CORNERS, HIGH, Square, Triangle, chart_of  # noqa: E402
from fastmpg.plot._names import Labels, titled  # noqa: E402

KIND = fm.rules.EntropyNaturalGradientPlay
HUNT = fm.NormalFormGame([[[4, 0], [3, 2]], [[4, 3], [0, 2]]]).named("hunt", ["Ann", "Bob"], None, ["stag", "hare"])
MEET = fm.NormalFormGame.identical_interest([[2, 0], [0, 1]])
RECORD = fm.Record(metrics=("ne_gap", "policy", "value"))


@pytest.fixture(autouse=True)
def agg(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    matplotlib.use("Agg")


@pytest.fixture(scope="module")
def game():
    return fm.games.zhang_3x2().named(players=["Ann", "Bob"], actions=[["a", "b", "c"], ["x", "y"]])


@pytest.fixture(scope="module")
def swept(game):
    eta, tau = np.array([0.1, 0.2, 0.4]).reshape(3, 1, 1), np.array([[0.1], [0.5]])
    return fm.ensemble(game, KIND(eta, tau), 6, 4, policy="random", record=RECORD)


@pytest.fixture(scope="module")
def one(game):
    return fm.ensemble(game, KIND(np.array([[0.1], [0.2]]), 0.5), 6, 4, policy="random", record=RECORD)


def axes():
    return plot.figure()[1][0, 0]


def drawn(ax):
    """Without an error, and not white."""
    sheet = ax.figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(sheet)
    canvas.draw()
    return float((np.asarray(canvas.buffer_rgba())[..., :3] < 250).any(axis=-1).mean()) > 0.005


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --------------------------------------------------------------------------------------------------------------- sweeps
def test_a_trace_tells_parameters_apart(one, swept):
    ax = axes()
    assert plot.trace(one, "ne_gap", ax) is ax and legend(ax) == ["eta = 0.1", "eta = 0.2"]
    gap = one.trace["ne_gap"].max(axis=-1)
    for line, rows in zip(ax.lines, gap, strict=True):
        assert_allclose(line.get_ydata(), rows.mean(axis=0))
    assert len({line.get_color() for line in ax.lines}) == 2 and len(ax.collections) == 2
    ax = plot.trace(swept, "ne_gap", axes())
    assert len(ax.lines) == 6 and len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 6
    assert legend(ax)[1] == "eta = 0.1, tau = 0.5"
    pooled = plot.trace(swept, "ne_gap", axes(), by="tau")
    assert_allclose(pooled.lines[1].get_ydata(), swept.trace["ne_gap"].max(axis=-1)[:, 1].mean(axis=(0, 1)))
    assert len(plot.trace(swept, "ne_gap", axes(), by=()).lines) == 1
    apart = plot.trace(one, "value", axes(), reduce="players")
    assert len(apart.lines) == 4 and legend(apart)[-1] == "eta = 0.2, Bob"
    for wrong in ("alpha", ["eta", "eta"], ["eta", "tau", "run"], 3, [None]):
        with pytest.raises((ValueError, TypeError), match="by must"):
            plot.trace(swept, "ne_gap", axes(), by=wrong)


def test_facets_have_a_panel_a_value(swept):
    sheet = plot.facets(swept)
    assert [ax.get_title() for ax in sheet.axes] == ["tau = 0.1", "tau = 0.5"]
    for t, ax in enumerate(sheet.axes):
        for e, line in enumerate(ax.lines):
            assert_allclose(line.get_ydata(), swept.trace["ne_gap"].max(axis=-1)[e, t].mean(axis=0))
    assert sheet.axes[0].get_ylim() == sheet.axes[1].get_ylim()
    assert sheet.get_suptitle() == "EntropyNaturalGradientPlay(advantage='regularised') on zhang_3x2"
    rows = plot.facets(swept, by="run", columns="eta", rows="tau")
    assert [ax.get_title() for ax in rows.axes][:2] == ["tau = 0.1, eta = 0.1", "tau = 0.1, eta = 0.2"]
    assert len(rows.axes) == 6 and len(rows.axes[0].lines) == 4
    given = plot.figure(1, 3)[1]
    assert plot.facets(swept, ax=given, by="tau", columns="eta") is given
    for wrong, message in (({"by": "x"}, "no run axis 'x'"), ({"by": "eta", "columns": "eta"}, "different"),
                           ({"ax": axes()}, "ax must be 2 matplotlib Axes")):
        with pytest.raises(ValueError, match=message):
            plot.facets(swept, **wrong)


def test_a_heat_map_holds_the_means_of_runs(swept, one):
    ax = axes()
    assert plot.heat(swept, "ne_gap", ax, log=True) is ax
    found = swept.trace["ne_gap"][..., -1, :].max(axis=-1).mean(axis=2)  # (eta, tau)
    assert_allclose(np.asarray(ax.collections[0].get_array()).reshape(found.shape), found)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0.1", "0.2", "0.4"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("tau", "eta") and drawn(ax)
    turned = plot.heat(swept, "ne_gap", axes(), x="eta", y="tau", row=0, reduce="sum")
    assert_allclose(np.asarray(turned.collections[0].get_array()).reshape(2, 3),
                    swept.trace["ne_gap"][..., 0, :].sum(axis=-1).mean(axis=2).T)
    for wrong, message in (({"metric": "policy"}, "metric must"), ({"x": "eta", "y": "eta"}, "two different run axes"),
                           ({"reduce": "median"}, "reduce must"), ({"row": 7}, "row must")):
        with pytest.raises(ValueError, match=message):
            plot.heat(swept, **({"ax": axes()} | wrong))
    with pytest.raises(ValueError, match="x and y must be two different"):
        plot.heat(one, ax=axes())


# -------------------------------------------------------------------------------------------------------------- charts
def test_charts_go_there_and_back(game):
    rng, row = np.random.default_rng(0), fm.random_policy(game, 0)[0]
    triangle = chart_of(Labels(game), None)
    assert isinstance(triangle, Triangle)
    corners = triangle.fill(row, CORNERS)
    assert_allclose(corners[:, :3], np.eye(3), atol=1e-15)
    assert_allclose(corners[:, 3:], np.tile(row[3:], (3, 1)))
    own = rng.dirichlet(np.ones(3), 20)
    at = np.stack(triangle.place(np.hstack([own, np.tile(row[3:], (20, 1))])), axis=1)
    assert_allclose(triangle.fill(row, at)[:, :3], own, atol=1e-12)
    assert len(triangle.points(5)) == 15 and triangle.points(5)[:, 1].max() == pytest.approx(HIGH)
    square = chart_of(Labels(HUNT), None)
    assert isinstance(square, Square) and square.fill(np.full(4, 0.5), np.array([[0.2, 0.9]])).tolist() == [
        [0.2, 0.8, 0.9, pytest.approx(0.1)]]
    for wrong in (1, [0, 0], [0, 1, 2], [0, 7], "ab", [0, 1]):
        with pytest.raises((ValueError, TypeError), match="players"):
            chart_of(Labels(game), wrong)


def test_paths_on_a_simplex(one, game):
    ax = axes()
    assert plot.simplex(one, ax=ax) is ax
    paths = [line for line in ax.lines if len(line.get_xdata()) == 7]
    assert len(paths) == 8 and legend(ax) == ["eta = 0.1", "eta = 0.2"]
    policies = one.trace["policy"][0, 2, :, 0, :3]
    assert_allclose(np.stack([paths[2].get_xdata(), paths[2].get_ydata()], axis=1), policies @ CORNERS)
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"] and ax.get_title() == "Ann" and drawn(ax)
    over_time = plot.simplex(one, ax=axes(), players=1)
    assert_allclose(over_time.lines[5].get_ydata(), one.trace["policy"][1, 1, :, 0, 3])
    assert over_time.get_ylabel() == "probability of x"
    single = fm.learn(HUNT, fm.rules.NaturalGradientPlay(0.1), 5, policy="random", rng=0, record=RECORD)
    ax = plot.simplex(single, ax=axes())
    assert_allclose(ax.lines[0].get_xdata(), single.trace["policy"][:, 0, 0])
    assert_allclose(ax.lines[0].get_ydata(), single.trace["policy"][:, 0, 2])
    assert ax.get_xlabel() == "Ann: probability of stag"
    by_array = plot.simplex(single.trace["policy"], HUNT, axes())
    assert_allclose(by_array.lines[0].get_xdata(), ax.lines[0].get_xdata())
    with pytest.raises(ValueError, match=r"record=fastmpg\.Record"):
        plot.simplex(fm.learn(HUNT, fm.rules.NaturalGradientPlay(0.1), 5), ax=axes())
    for wrong in (None, 3, "x", np.zeros((2, 2)), np.zeros((3, 1, 7))):
        with pytest.raises((ValueError, TypeError), match="source"):
            plot.simplex(wrong, HUNT, axes())


def test_arrows_of_a_phase_portrait_are_updates():
    rule = fm.rules.NaturalGradientPlay(0.1)
    ax = axes()
    assert plot.phase(HUNT, rule, ax, points=5) is ax
    quiver = ax.collections[0]
    for k in (0, 7, 18):
        p, q = quiver.get_offsets()[k]
        start = np.array([[p, 1 - p, q, 1 - q]])
        move = fm.learn(HUNT, rule, 1, policy=start).policy - start
        assert quiver.get_array()[k] == pytest.approx(np.hypot(move[0, 0], move[0, 2]), rel=1e-9)
        assert quiver.U[k] * move[0, 2] == pytest.approx(quiver.V[k] * move[0, 0], abs=1e-12)
    still = plot.phase(HUNT, None, axes(), points=4)  # replicator: x_i (payoff - mean payoff)
    p, q = still.collections[0].get_offsets()[5]
    gains = (np.array([4 * q, 3 * q + 2 * (1 - q)]), np.array([4 * p, 3 * p + 2 * (1 - p)]))
    speed = [x * (1 - x) * (gain[0] - gain[1]) for x, gain in zip((p, q), gains, strict=True)]
    assert still.collections[0].get_array()[5] == pytest.approx(np.hypot(*speed))
    run = fm.learn(HUNT, rule, 5, policy="random", rng=0, record=RECORD)
    assert len(plot.phase(HUNT, rule, axes(), points=3, paths=run).lines) == 3 and drawn(still)
    with pytest.raises(ValueError, match="rule must be an exact one"):
        plot.phase(HUNT, fm.rules.TwoTimescaleQ(0.1), axes())
    assert drawn(plot.phase(fm.games.zhang_3x2(), None, axes(), players=0))


def test_a_landscape_is_the_potential():
    ax = axes()
    run = fm.learn(MEET, fm.rules.NaturalGradientPlay(0.1), 5, policy="random", rng=0, record=RECORD)
    assert plot.landscape(MEET, ax, points=5, levels=6, paths=run) is ax and drawn(ax)
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert sorted((float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in stars) == [(0, 0), (1, 1)]
    low, high = (float(x) for x in ax.collections[0].get_clim())
    value = [2 * p * q + (1 - p) * (1 - q) - 0.75 for p in (0, 1) for q in (0, 1)]  # against the uniform policy
    assert low <= min(value) + 0.2 and high >= max(value) - 0.2
    with pytest.raises(ValueError, match="has no potential"):
        plot.landscape(fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]), axes())
    assert drawn(plot.landscape(fm.NormalFormGame.identical_interest(np.zeros((2, 2))), axes(), points=3))
    assert drawn(plot.landscape(fm.games.zhang_3x2(), axes(), players=0, points=5))
    stages = fm.games.random_markov(2, (2, 2), identical_interest=True, rng=0)
    assert drawn(plot.landscape(stages, axes(), state=1, points=3))


# -------------------------------------------------------------------------------------------------------- states, cells
def test_a_graph_shows_policy_and_chain():
    from matplotlib.patches import FancyArrowPatch, Wedge

    game = fm.games.routing(3).named(states=["a", "b", "c", "d"], actions=["left", "right"])
    policy = fm.random_policy(game, 0)
    ax = axes()
    assert plot.graph(policy, game, ax, player=1, least=0.1) is ax and drawn(ax)
    pies = [patch for patch in ax.patches if isinstance(patch, Wedge)]
    shares = [(patch.theta2 - patch.theta1) / 360 for patch in pies]
    assert_allclose(np.array(shares).reshape(4, 2), fm.split(game, policy)[1])
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == (fm.metrics.chain(game, policy) >= 0.1).sum()
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "d"] and legend(ax) == ["left", "right"]
    assert drawn(plot.graph(policy, game, axes(), layout=[[0, 0], [1, 0], [0, 1], [1, 1]]))
    assert drawn(plot.graph(fm.uniform_policy(HUNT), HUNT, axes()))
    for wrong, message in (({"player": 3}, "player"), ({"layout": [[0, 0]]}, "layout"), ({"least": 2}, "least")):
        with pytest.raises(ValueError, match=message):
            plot.graph(policy, game, axes(), **wrong)
    many = fm.games.random_markov(61, (2,), rng=0)
    with pytest.raises(ValueError, match="at most 60 states"):
        plot.graph(fm.uniform_policy(many), many, axes())


def test_a_grid_shows_moves():
    game = fm.games.pursuit_2()
    policy = fm.random_policy(game, 0)
    ax = axes()
    assert plot.grid(policy, game, (3, 3), ax, others=[8]) is ax and drawn(ax)
    stay = [line for line in ax.lines if line.get_marker() == "o"]
    assert [tuple(map(float, (line.get_xdata()[0], line.get_ydata()[0]))) for line in stay] == [
        (c % 3, c // 3) for c in range(9)]
    for cell, line in enumerate(stay):  # the state where the hunter is in the cell and the prey in 8
        assert line.get_markersize() == pytest.approx(9 * np.sqrt(policy[9 * cell + 8, 1]))
    arrows = len([text for text in ax.texts if text.arrow_patch is not None])
    first = policy[8::9, :5]
    assert arrows == (first[:, [0, 2, 3, 4]] >= 0.01).sum()
    shaded = plot.grid(policy, game, (3, 3), axes(), player=1, others=[0], shade=np.arange(81.0), label="number")
    assert_allclose(np.ma.filled(shaded.images[0].get_array(), -1).ravel(), np.arange(9.0))
    holes = plot.grid(policy, game, (2, 2), axes(), states=[0, -1, 5, 7])
    assert drawn(holes)
    for wrong, message in (({"others": None}, "others must"), ({"others": [9]}, "others"), ({"shape": (2, 2)}, "game"),
                           ({"moves": [(1, 0)]}, "moves"), ({"states": [0]}, "states"), ({"shape": 3}, "shape"),
                           ({"shade": [1.0]}, "shade")):
        given = {"policy": policy, "game": game, "shape": (3, 3), "ax": axes(), "others": [8]} | wrong
        with pytest.raises((ValueError, TypeError), match=message):
            plot.grid(**given)


def test_visits_are_bars_or_cells():
    game = fm.games.routing(3).named(states=["a", "b", "c", "d"])
    policy = fm.random_policy(game, 0)
    visit = fm.evaluate(game, policy).visit
    ax = axes()
    assert plot.visits(policy, game, ax) is ax
    assert_allclose([patch.get_height() for patch in ax.patches], visit)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c", "d"]
    assert len(plot.visits(np.stack([policy] * 3), game, axes()).patches) == 12
    large = fm.games.random_markov(100, (2, 2), rng=0, sparse=3)
    assert_allclose(plot.visits(fm.uniform_policy(large), large, axes()).lines[0].get_ydata().sum(), 1.0)
    walk = fm.games.grid_1(discount=0.9)
    found = plot.visits(fm.uniform_policy(walk), walk, axes(), shape=(3, 3), player=1).images[0].get_array()
    assert_allclose(found.ravel(), fm.evaluate(walk, fm.uniform_policy(walk)).visit.reshape(9, 9).sum(axis=0))
    for wrong in ({"shape": (2, 2)}, {"shape": 2}, {"shape": (3, 3), "player": 2}):
        with pytest.raises((ValueError, TypeError), match=r"shape|game|player"):
            plot.visits(fm.uniform_policy(walk), walk, axes(), **wrong)


def test_pictures_with_several_panels_take_as_many_axes(game):
    single = fm.learn(game, fm.rules.NaturalGradientPlay(5.0), 5, record=RECORD)
    both = plot.figure(1, 2)[1]
    assert plot.policy(single, game, both) is both and [ax.get_title() for ax in both[0]] == ["Ann", "Bob"]
    ax = axes()
    assert plot.policy(single.policy, game, ax) is ax
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c", "x", "y"]
    assert plot.policy(single).axes[0].get_title() == "Ann", "a result knows its game's names"
    ax, crossing = axes(), fm.solvers.mge_fb(fm.games.driving(), 3)
    assert plot.junction(crossing, [1], ax) is ax and plot.occupancy(crossing, [0], axes()).get_title() == "car 1"
    pursuit = fm.games.pursuit_3()
    ax = axes()
    assert plot.arrows(fm.uniform_policy(pursuit), pursuit, [(0, 8, 4)], ax) is ax
    with pytest.raises(ValueError, match="ax must be 2 matplotlib Axes, found 1"):
        plot.policy(single, game, axes())


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_vectors_stay_vectors(kind, tmp_path, game):
    sheet, grid = plot.figure(1, 2)
    plot.graph(fm.uniform_policy(game), game, grid[0, 0])
    plot.phase(HUNT, None, grid[0, 1], points=4)
    data = plot.save(sheet, tmp_path / f"a.{kind}").read_bytes()
    if kind == "svg":
        # the one picture in it is the gradient of the colour bar
        assert data.count(b"<image") <= 1 and data.count(b"<path") > 20
    else:
        assert data.startswith(b"%PDF") and data.count(b"/Subtype /Image") <= 1


def test_a_title_leaves_out_what_varies(swept, one):
    assert titled(swept) == "EntropyNaturalGradientPlay(advantage='regularised')"
    assert "tau=0.5" in titled(one) and "eta" not in titled(one)


# -------------------------------------------------------------------------------------------------------- command line
def test_the_command_line_draws_each_kind(swept, game, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    swept.save("sweep.npz")
    game.save("game.npz")
    fm.learn(game, fm.rules.NaturalGradientPlay(5.0), 5, record=RECORD).save("one.npz")
    for words in (["sweep.npz", "--log"], ["sweep.npz", "--by", "tau"], ["sweep.npz", "--kind", "heat", "--log"],
                  ["sweep.npz", "--kind", "simplex"], ["one.npz", "--kind", "policy"],
                  ["game.npz", "--kind", "landscape", "--players", "0", "--result", "one.npz"],
                  ["game.npz", "--kind", "phase", "--players", "0", "--rule", "natural-gradient-play", "--eta", "1"],
                  ["routing", "--num-players", "3"], ["routing", "--kind", "visits"],
                  ["grid-1", "--discount", "0.9", "--kind", "visits", "--shape", "3,3"]):
        assert cli.main(["plot", *words, "--out", "a.png"]) == 0, (words, capsys.readouterr().err)
        assert (tmp_path / "a.png").stat().st_size > 2000
        (tmp_path / "a.png").unlink()
    assert cli.main(["plot", "sweep.npz"]) == 0 and cli.main(["plot", "zhang-3x2", "--json"]) == 0
    assert {each.name for each in tmp_path.glob("*.png")} == {"sweep-ne_gap.png", "zhang_3x2-graph.png"}
    fm.io.write(HUNT, "hunt.nfg")
    assert cli.main(["plot", "hunt.nfg", "--kind", "phase"]) == 0 and (tmp_path / "hunt-phase.png").exists()
    capsys.readouterr()
    for words, message in ((["one.npz", "--kind", "graph"], "draws games"), (["game.npz", "--kind", "heat"], "results"),
                           (["one.npz", "--kind", "heat"], "two different run axes"),
                           (["nothing"], "no game 'nothing'"),
                           (["game.npz", "--kind", "phase", "--players", "x"], "--players takes whole numbers"),
                           (["game.npz", "--kind", "phase", "--rule", "nope"], "no rule 'nope'")):
        assert cli.main(["plot", *words]) == 2
        assert message in capsys.readouterr().err
