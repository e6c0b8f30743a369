"""Results in other programs: xarray, pandas and netCDF, with the packages themselves."""

import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmpg as fm

ETA, TAU = np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1), np.array([[0.5], [1.0]])
METRICS = ("ne_gap", "c", "policy", "value")


@pytest.fixture(scope="module")
def game():
    return fm.games.random_markov(2, (3, 2), 0.5, rng=0).named("game", players=["Ann", "Bob"], states=["hot", "cold"],
                                                          actions=[["a", "b", "c"], ["x", "y"]])


@pytest.fixture(scope="module")
def swept(game):
    rule = fm.rules.EntropyNaturalGradientPlay(ETA, TAU)
    return fm.ensemble(game, rule, 4, 2, rng=5, policy="random", record=fm.Record(every=2, metrics=METRICS))


@pytest.mark.peers
def test_a_dataset_has_named_axes(game, swept):
    found = swept.to_xarray()
    assert dict(found.sizes) == {"eta": 3, "tau": 2, "run": 2, "step": 3, "player": 2, "state": 2, "action": 3}
    assert found["ne_gap"].dims == ("eta", "tau", "run", "step", "player")
    assert found["c"].dims == ("eta", "tau", "run", "step")
    assert found["policy"].dims == ("eta", "tau", "run", "step", "player", "state", "action")
    assert_array_equal(found["ne_gap"], swept.trace["ne_gap"])
    assert_array_equal(found["step"], [0, 2, 4])
    for i, player in enumerate(("Ann", "Bob")):
        own = found["policy"].sel(player=player)
        names = [str(name) for name in found["action_name"].sel(player=player).values]
        assert names == [*game.names.actions[i], *[""] * (3 - game.num_actions[i])]
        part = fm.split(game, swept.trace["policy"])[i]
        assert_array_equal(own[..., :game.num_actions[i]], part)
        assert np.isnan(own[..., game.num_actions[i]:]).all()
        assert_array_equal(found["last_policy"].sel(player=player)[..., :game.num_actions[i]],
                           fm.split(game, swept.policy)[i])
    one = found["value"].sel(eta=0.2, tau=1.0, run=1, step=4, player="Bob")
    assert float(one) == swept.trace["value"][1, 1, 1, 2, 1]


@pytest.mark.peers
def test_attributes_say_where_it_comes_from(swept):
    told = swept.to_xarray().attrs
    assert told["game"] == "game" and told["status"] == "done" and told["steps_made"] == 4
    assert json.loads(told["rng"]) == 5 and told["fastmpg_version"] == fm.__version__
    assert json.loads(told["rule_parameters"])["tau"] == TAU.tolist() and told["num_actions"] == [3, 2]


@pytest.mark.peers
def test_netcdf_holds_the_same(swept, tmp_path):
    import xarray

    swept.to_netcdf(tmp_path / "a.nc")
    with xarray.open_dataset(tmp_path / "a.nc") as found:
        assert found.equals(swept.to_xarray()) and found.attrs["rule"] == swept.rule
    assert [each.name for each in tmp_path.iterdir()] == ["a.nc"]
    with pytest.raises(FileNotFoundError, match="folder that exists"):
        swept.to_netcdf(tmp_path / "no" / "a.nc")
    for wrong in (None, 3, b"x", ""):
        with pytest.raises((TypeError, ValueError), match="path"):
            swept.to_netcdf(wrong)


@pytest.mark.peers
def test_a_frame_has_one_number_a_row(game, swept):
    import pandas

    found = swept.to_frame()
    assert list(found.columns) == ["eta", "tau", "run", "step", "metric", "player", "state", "action", "value"]
    count = 3 * 2 * 2 * 3 * (2 + 1 + 2 + 2 * 5)  # runs x steps x (gaps, c, values, a policy's numbers)
    assert len(found) == count and not found["value"].isna().any()
    for metric, table in swept.trace.items():
        if metric != "step":
            assert sorted(found[found["metric"] == metric]["value"]) == sorted(table.ravel())
    gaps = swept.to_frame(["ne_gap"])
    assert list(gaps.columns) == ["eta", "tau", "run", "step", "metric", "player", "value"]
    wide = gaps.pivot(index=["eta", "tau", "run", "step"], columns="player", values="value")
    assert_array_equal(wide[["Ann", "Bob"]].to_numpy(), swept.trace["ne_gap"].reshape(-1, 2))
    row = found[(found["metric"] == "policy") & (found["eta"] == 0.3) & (found["tau"] == 0.5) & (found["run"] == 1)
                & (found["step"] == 2) & (found["player"] == "Bob") & (found["state"] == "cold")
                & (found["action"] == "y")]
    assert row["value"].item() == swept.trace["policy"][2, 0, 1, 1, 1, 4]
    assert isinstance(found["metric"].dtype, pandas.CategoricalDtype)
    assert len(swept.to_frame([])) == 0


@pytest.mark.peers
def test_frame_and_dataset_agree(swept):
    frame = swept.to_xarray()["ne_gap"].to_dataframe().reset_index()
    mine = swept.to_frame(["ne_gap"]).rename(columns={"value": "ne_gap"}).drop(columns="metric")
    assert (mine[frame.columns.intersection(mine.columns)].to_numpy() == frame[
        frame.columns.intersection(mine.columns)].to_numpy()).all()


@pytest.mark.peers
def test_single_runs_without_names_and_other_grids(tmp_path):
    game = fm.games.zhang_3x2()
    one = fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 2)
    found = one.to_xarray()
    assert found["ne_gap"].dims == ("step", "player") and found["last_policy"].shape == (2, 1, 3)
    assert_array_equal(found["player"], [0, 1])
    assert list(one.to_frame().columns) == ["step", "metric", "player", "value"]
    one.save(tmp_path / "a")
    assert fm.Result.load(tmp_path / "a").to_xarray().identical(found)
    zipped = fm.ensemble(game, fm.rules.EntropyNaturalGradientPlay([0.1, 0.2], np.array([1.0, 2.0])), 2)
    found = zipped.to_xarray()
    assert found["tau"].dims == ("eta",) and float(found["tau"].sel(eta=0.2)) == 2.0
    assert set(map(tuple, zipped.to_frame()[["eta", "tau"]].to_numpy())) == {(0.1, 1.0), (0.2, 2.0)}
    both = fm.ensemble(game, fm.rules.EntropyNaturalGradientPlay(np.array([[0.1], [0.2]]), np.array([[1.0], [2.0]])),
                       2, 3)
    found = both.to_xarray()
    assert found["tau"].dims == ("eta",) and found["ne_gap"].dims == ("eta", "run", "step", "player")
    assert set(map(tuple, both.to_frame()[["eta", "tau"]].to_numpy())) == {(0.1, 1.0), (0.2, 2.0)}
    ended = fm.ensemble(game, fm.rules.NaturalGradientPlay(np.array([0.1, 5.0])), 50, until=fm.Below("ne_gap", 0.05))
    assert_array_equal(ended.to_xarray()["steps"], ended.steps)
    same = game.named(players=["a", "b"])
    shared = fm.games.routing(3).named(actions=["left", "right"])
    assert fm.learn(same, fm.rules.NaturalGradientPlay(0.1), 1).to_xarray()["player"].values.tolist() == ["a", "b"]
    found = fm.learn(shared, fm.rules.NaturalGradientPlay(0.1), 1).to_xarray()
    assert found["action"].values.tolist() == ["left", "right"] and "action_name" not in found.coords


@pytest.mark.peers
def test_wrong_metrics_are_refused(swept):
    for wrong, message in ((["mismatch"], "metrics must be recorded ones, ne_gap, c, policy, value, found 'mismatch'"),
                           ("ne_gap", "metrics must be a sequence"), (3, "metrics must be a sequence"),
                           ([None], "metrics must be recorded ones"), (np.zeros((2, 2)), "metrics must be recorded")):
        with pytest.raises((ValueError, TypeError), match=message):
            swept.to_frame(wrong)


def test_without_them_the_extra_is_named(swept, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xarray", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    for call, extra in ((swept.to_xarray, "xarray"), (swept.to_frame, "pandas"),
                        (lambda: swept.to_netcdf(tmp_path / "a"), "xarray")):
        with pytest.raises(ImportError, match=rf"pip install 'fastmpg\[{extra}\]'"):
            call()
