"""A sweep keeps its coordinates: names of the run axes, and the parameters along them."""

import copy
import json
import pickle
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg.models import html
from fastmpg.run.grid import axes_of

GAME = fm.games.zhang_3x2()
ETA, TAU = np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1), np.array([[0.5], [1.0]])
KIND = fm.rules.EntropyNaturalGradientPlay
RECORD = fm.Record(every=2, metrics=("ne_gap", "policy"))


@pytest.fixture(scope="module")
def swept():
    return fm.ensemble(GAME, KIND(ETA, TAU), 4, 2, rng=5, policy="random", record=RECORD)


def test_axes_have_the_names_of_what_varies_along_them(swept):
    assert swept.dims == ("eta", "tau", "run") and list(swept.coords) == ["eta", "tau", "run"]
    for name, values in (("eta", [0.1, 0.2, 0.3]), ("tau", [0.5, 1.0]), ("run", [0, 1])):
        assert_array_equal(swept.coords[name], values)
    assert "3x2x2 runs (eta x tau x run)" in repr(swept)
    seeds = np.random.SeedSequence(5).spawn(2)
    for e, eta in enumerate(swept.coords["eta"]):  # every place holds the run of its coordinates
        for t, tau in enumerate(swept.coords["tau"]):
            for r in swept.coords["run"]:
                one = fm.learn(GAME, KIND(float(eta), float(tau)), 4, rng=seeds[r], policy="random", record=RECORD)
                assert_array_equal(swept.policy[e, t, r], one.policy)


@pytest.mark.parametrize("eta, tau, shape, dims, others", [
    (0.1, 1.0, (4,), ("run",), {}),
    ([0.1, 0.2], 1.0, (2,), ("eta",), {}),
    ([0.1, 0.2], np.array([1.0, 2.0]), (2,), ("eta",), {"tau": (2,)}),
    (np.array([[0.1], [0.2]]), np.array([[1.0], [2.0]]), (2, 3), ("eta", "run"), {"tau": (2, 1)}),
    (np.ones((2, 3)), 1.0, (2, 3), ("axis_0", "run"), {"eta": (2, 3)}),
    (np.array([[0.1]]), 1.0, (1, 3), ("eta", "run"), {}),
    (np.array([0.1]), 1.0, (3,), ("run",), {"eta": (1,)}),
    (np.array([0.1]), 1.0, (1,), ("eta",), {}),
    (0.1, 1.0, (), (), {}),
])
def test_other_grids(eta, tau, shape, dims, others):
    named, coords = axes_of(KIND(eta, tau), shape)
    assert named == dims and {k: v.shape for k, v in coords.items() if k not in dims} == others
    for axis, name in enumerate(dims):
        assert coords[name].shape == shape[axis:axis + 1]
    for name in others:  # they broadcast against the run axes, and say which run had what
        assert_array_equal(np.broadcast_to(coords[name], shape), np.broadcast_to({"eta": eta, "tau": tau}[name], shape))


def test_they_are_saved_resumed_and_copied(swept, tmp_path):
    swept.save(tmp_path / "a.npz")
    found = fm.Result.load(tmp_path / "a.npz")
    for other in (found, copy.deepcopy(swept), pickle.loads(pickle.dumps(swept))):
        assert other == swept and other.dims == swept.dims and dict(other.about) == dict(swept.about)
        with pytest.raises(ValueError, match="read-only"):
            other.coords["eta"][0] = 1
    fm.ensemble(GAME, KIND(ETA, TAU), 2, 2, rng=5, policy="random", record=RECORD, checkpoint=tmp_path / "run")
    again = fm.resume(tmp_path / "run", 4)
    assert again == swept and again.about["rng"] == 5
    with pytest.raises(ValueError, match="dims must name the 3 run axes"):
        fm.Result(swept.policy, swept.trace, "done", "", 4, swept.state, "", "", dims=("run",))


def test_files_from_before_still_load(swept, tmp_path):
    from fastmpg.run import storage

    swept.save(tmp_path / "a.npz")
    arrays, meta = storage.unpack(tmp_path / "a.npz")
    old = {name: value for name, value in arrays.items() if not name.startswith("coords/")}
    kept = {name: value for name, value in meta.items() if name not in ("dims", "about")}
    storage.write_atomically(tmp_path / "b.npz", storage.pack(old, kept))
    found = fm.Result.load(tmp_path / "b.npz")
    assert found.dims == ("axis_0", "axis_1", "run") and not found.coords
    assert_array_equal(found.policy, swept.policy)
    with pytest.raises(ValueError, match="saved by an older version"):
        found._repr_html_() and fm.run.labelled._sizes(found)


def test_what_a_result_says_of_its_making(tmp_path):
    game = GAME.named(players=["Ann", "Bob"])
    one = fm.learn(game, fm.rules.NaturalGradientPlay(0.1, clip="raw"), 1, rng=np.random.SeedSequence(7).spawn(2)[1])
    told = one.about
    assert told["rule"]["name"] == "NaturalGradientPlay" and told["rule"]["parameters"]["clip"] == "raw"
    assert told["rng"] == {"entropy": 7, "spawn_key": [1]} and told["names"] == {"players": ["Ann", "Bob"]}
    assert told["versions"]["fastmpg"] == fm.__version__ and json.loads(json.dumps(dict(told))) == dict(told)
    assert fm.learn(game, fm.rules.NaturalGradientPlay(0.1, clip="raw"), 1).about["rng"] is None
    assert one == fm.learn(GAME, fm.rules.NaturalGradientPlay(0.1, clip="raw"), 1), "it has no part in =="


# ------------------------------------------------------------------------------------------------------------ notebooks
def parsed(page):
    """HTML that is well formed, as the package writes it."""
    return ElementTree.fromstring(page.replace("&nbsp;", " "))


def test_pages_are_small_whole_and_escaped(swept):
    evil = "<script>alert('x')</script>"
    game = GAME.named(evil, players=[evil, "b & c"], actions=[["<b>", "\"", "'"], ["&amp;", ">"]])
    found = fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 20)
    for thing in (game, found, fm.evaluate(game, fm.uniform_policy(game)), swept, fm.games.driving(),
                  fm.games.routing(4), fm.games.routing(4, form="simulator"), fm.games.random_markov(3, (2, 2)),
                  fm.evaluate(fm.games.routing(4), fm.uniform_policy(fm.games.routing(4)))):
        page = thing._repr_html_()
        parsed(page)
        assert len(page) < 8000 and "<script" not in page and not re.search(r"(src|href)=", page)
    assert "&lt;script&gt;" in game._repr_html_() and "axis eta" in swept._repr_html_()
    assert "<svg" in found._repr_html_()


def test_a_sparkline_shows_what_it_is_given():
    def heights(values, **more):
        text = html.sparkline(values, "x", **more)
        return [[float(point.split(",")[1]) for point in line.get("points").split()]
                for line in parsed(text).iter("{http://www.w3.org/2000/svg}polyline")]

    (line,) = heights([0.0, 1.0, 0.5])
    assert line == [html.HEIGHT - html.EDGE, html.EDGE, html.HEIGHT / 2]
    (line,) = heights([1e-4, 1e-2, 1.0], log=True)
    assert line == [html.HEIGHT - html.EDGE, html.HEIGHT / 2, html.EDGE]
    assert [len(each) for each in heights([1.0, float("nan"), 2.0, 3.0])] == [2, 2], "interrupted where nothing is"
    assert heights([]) == [] and heights([float("inf")] * 3) == [] and len(heights([2.0] * 3)[0]) == 3
    assert len(heights(list(range(10_000)))[0]) == 200
    assert heights([0.0, -1.0], log=True) == []
    rects = [float(each.get("height")) for each in parsed(html.bars([1.0, 3.0, 0.0], "x")).iter()
             if each.tag.endswith("rect")]
    assert rects[0] * 3 == pytest.approx(rects[1], abs=0.2) and rects[2] == 0
