"""Trajectories in folders: only files that the manifest names are written or deleted, whatever else is there."""

import json
import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmpg as fm
from fastmpg.run import checkpoint, job, storage, trajectory

GAME = fm.games.routing(4)
RULE = fm.rules.TwoTimescaleQ(tau=0.01)
K = 3000


def record(folder=True):
    return fm.Record(every=K, metrics=("policy",), trajectory=folder)


def learn(folder, steps=K, rng=5, **more):
    return fm.learn(GAME, RULE, steps, rng=rng, record=record(folder), **more)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(trajectory, "BUFFER", 24 * 500)


@pytest.fixture(scope="module")
def whole():
    return learn(True)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "steps"


def content(folder):
    """Everything in a folder, links unread."""
    return {str(each.relative_to(folder)): os.readlink(each) if each.is_symlink()
            else each.read_bytes() if each.is_file() else None
            for each in sorted(folder.rglob("*"))}


def check(result, whole):
    assert result.trajectory == whole.trajectory
    assert_array_equal(result.policy, whole.policy)


class Stop(Exception):
    pass


def often(monkeypatch):
    for name in ("SHORTEST", "SHARE"):
        monkeypatch.setattr(checkpoint, name, 0.0)


def stops(monkeypatch, count):
    """A checkpoint after every chunk; the process "dies" at the given write of a file, and writes nothing more."""
    often(monkeypatch)
    real, seen = storage.write_atomically, []

    def dies(target, data, **more):
        seen.append(target)
        if len(seen) > count:
            raise Stop
        return real(target, data, **more)

    monkeypatch.setattr(storage, "write_atomically", dies)
    return seen


# -------------------------------------------------------------------------------------------------- what is not its own
def plant(folder, what):
    folder.mkdir()
    other = folder.parent / "elsewhere.npz"
    other.write_bytes(b"mine too")
    if what == "link":
        (folder / "000000000000000.npz").symlink_to(other)
    elif what == "dangling link":
        (folder / "000000000000500.npz").symlink_to(folder / "nowhere")
    elif what == "folder":
        (folder / "000000000000000.npz").mkdir()
    else:
        (folder / what).write_bytes(b"mine")


OTHERS = ["2024_results.npz", "000000000000000.npz", "notes.txt", ".hidden", "link", "dangling link", "folder",
          ".000000000000000.npz.77.tmp"]


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("how", ["learn", "with a checkpoint"])
def test_a_folder_that_holds_anything_else_is_refused_before_anything_runs(what, how, folder, monkeypatch):
    plant(folder, what)
    before = content(folder.parent)
    monkeypatch.setattr(job.Job, "prepare", None)
    more = {} if how == "learn" else {"checkpoint": folder.parent / "run.ckpt"}
    with pytest.raises(ValueError, match=r"needs a folder of its own, and .* holds .*nothing was touched"):
        learn(folder, **more)
    assert content(folder.parent) == before


def test_the_folder_beside_a_checkpoint_is_refused_too(tmp_path):
    place = tmp_path / "run.ckpt.trajectory"
    plant(place, "2024_results.npz")
    with pytest.raises(ValueError, match=r"holds '2024_results\.npz'"):
        learn(True, checkpoint=tmp_path / "run.ckpt")
    assert content(place) == {"2024_results.npz": b"mine"}


def test_what_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for each in (tmp_path / "file", tmp_path / "file" / "inside", tmp_path / "link"):
        with pytest.raises(ValueError, match="a trajectory needs a folder, and"):
            learn(each)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.compiled
def test_a_link_to_a_folder_is_that_folder(tmp_path, whole):
    (tmp_path / "large disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "large disk")
    check(learn(tmp_path / "link"), whole)
    assert (tmp_path / "large disk" / trajectory.MANIFEST).exists() and (tmp_path / "link").is_symlink()


@pytest.mark.compiled
def test_a_file_beside_a_finished_trajectory_keeps_the_next_run_out(folder, whole):
    learn(folder, 600)
    (folder / "2024_results.npz").write_bytes(b"mine")
    before = content(folder)
    with pytest.raises(ValueError, match=r"holds '2024_results\.npz', which its manifest does not name"):
        learn(folder)
    assert content(folder) == before
    (folder / "2024_results.npz").unlink()
    check(learn(folder), whole)


@pytest.mark.compiled
@pytest.mark.parametrize("what", ["2024_results.npz", "000000000099999.npz", ".000000000099999.npz.77.tmp"])
def test_resuming_leaves_a_users_files_alone(what, folder, whole, monkeypatch):
    path = folder.parent / "run.ckpt"
    with monkeypatch.context() as patch:
        stops(patch, 12)
        with pytest.raises(Stop):
            learn(folder, checkpoint=path)
    (folder / what).write_bytes(b"mine")
    (folder / "more").mkdir()
    (folder / "more" / "000000000000000.npz").write_bytes(b"mine")
    check(fm.resume(path), whole)
    assert content(folder)[what] == b"mine" and content(folder)["more/000000000000000.npz"] == b"mine"


@pytest.mark.compiled
def test_a_users_file_in_the_place_of_the_next_segment(folder, whole, monkeypatch):
    path = folder.parent / "run.ckpt"
    with monkeypatch.context() as patch:
        stops(patch, 12)
        with pytest.raises(Stop):
            learn(folder, checkpoint=path)
    made = checkpoint.load(path)[1]["k"]
    known = {0, *json.loads((folder / trajectory.MANIFEST).read_text()).get("named", [])}
    target = folder / f"{made:015d}.npz"
    assert 0 < made < K
    if made in known:
        told = json.loads((folder / trajectory.MANIFEST).read_text()) | {"named": []}
        del told["seal"]
        (folder / trajectory.MANIFEST).write_text(json.dumps(told | {"seal": storage.seal_of(told)}))
    target.write_bytes(b"mine")
    with pytest.raises(ValueError, match="is not its own: move it away, and resume"):
        fm.resume(path)
    assert target.read_bytes() == b"mine"
    target.unlink()
    check(fm.resume(path), whole)


# ------------------------------------------------------------------------------------------------------- other runs
@pytest.mark.compiled
def test_a_longer_run_before_leaves_nothing_behind(folder, whole):
    learn(folder, 2 * K, rng=8)
    check(learn(folder), whole)
    found = json.loads((folder / trajectory.MANIFEST).read_text())
    assert ({each.name for each in folder.iterdir()}
            == {trajectory.MANIFEST, *(f"{first:015d}.npz" for first, _ in found["segments"])})


def test_a_run_that_is_refused_leaves_the_one_before(folder, whole):
    learn(folder)
    with pytest.raises(ValueError, match="a file in a folder that exists"):
        learn(folder, rng=9, checkpoint=folder.parent / "none" / "run")
    with pytest.raises(ValueError, match="must sum to 1"):
        fm.learn(GAME, RULE, 10, policy=np.ones((4, 8)), record=record(folder))
    assert fm.Trajectory.load(folder) == whole.trajectory


@pytest.mark.compiled
def test_a_checkpoint_does_not_go_on_with_the_trajectory_of_another_run(folder, whole):
    """Nor does it mix their segments, which bear the same names."""
    path = folder.parent / "run.ckpt"
    learn(folder, 1000, checkpoint=path)
    kept = content(folder)
    other = learn(folder, 1000, rng=6)
    with pytest.raises(ValueError, match="holds the trajectory of another run"):
        fm.resume(path, K)
    assert fm.Trajectory.load(folder) == other.trajectory
    for each in folder.iterdir():
        each.unlink()
    with pytest.raises(ValueError, match="holds no trajectory"):
        fm.resume(path, K)
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    last = sorted(folder.glob("0*.npz"))[1]
    last.rename(folder.parent / "away")
    with pytest.raises(ValueError, match="is missing from"):
        fm.resume(path, K)
    (folder.parent / "away").rename(last)
    check(fm.resume(path, K), whole)


def test_segments_of_another_run_are_noticed(folder):
    learn(folder, 1000)
    piece = folder / "000000000000500.npz"
    assert piece.exists()
    old = piece.read_bytes()
    result = learn(folder, 1000, rng=6)
    piece.write_bytes(old)
    with pytest.raises(ValueError, match="is not the segment that the manifest names"):
        _ = result.trajectory.states


def test_two_runs_at_once_in_one_folder(folder):
    """The one that comes later has the folder; the other says so instead of mixing in."""
    began = []

    def callback(snapshot):
        if snapshot.step == 600 and not began:
            began.append(learn(folder, 700, rng=3))

    with pytest.raises(ValueError, match="another run has begun to write"):
        fm.learn(GAME, RULE, K, rng=5,
                 record=fm.Record(every=600, metrics=("policy",), trajectory=folder), callback=callback)
    assert fm.Trajectory.load(folder) == learn(True, 700, rng=3).trajectory == began[0].trajectory


def test_a_finished_run_writes_nothing_when_it_is_asked_for_again(folder, whole, monkeypatch):
    path = folder.parent / "run.ckpt"
    learn(folder, checkpoint=path)
    monkeypatch.setattr(storage, "write_atomically", None)
    check(fm.resume(path), whole)


# ----------------------------------------------------------------------------------------------------- interruptions
@pytest.mark.compiled
def test_an_interruption_at_any_write(tmp_path, whole, monkeypatch):
    """Ctrl-C may come when a file is there and nobody has noted it: the last checkpoint is written all the same."""
    count, seen = 0, [None]
    while seen:
        folder, path = tmp_path / f"{count}" / "steps", tmp_path / f"{count}" / "run.ckpt"
        folder.parent.mkdir()
        real, seen = storage.write_atomically, []

        def write(target, data, real=real, seen=seen, count=count, **more):
            made = real(target, data, **more)
            seen.append(target)
            if len(seen) == count + 1:
                raise KeyboardInterrupt
            return made

        with monkeypatch.context() as patch:
            often(patch)
            patch.setattr(storage, "write_atomically", write)
            try:
                result = learn(folder, checkpoint=path, throw=False)
            except KeyboardInterrupt:  # while the result was put together
                result = None
        if len(seen) <= count:
            check(result, whole)
            break
        check(fm.resume(path), whole)
        count += 1
    assert count > 20


def test_damaged_manifests_are_told(folder):
    learn(folder, 700)
    path = folder / trajectory.MANIFEST
    good = json.loads(path.read_text())
    for bad in ("", "[]", "{}", json.dumps(good | {"segments": [["../x", 1]]}),
                json.dumps(good | {"segments": [[-1, 5]]}), json.dumps(good | {"named": ["a"]}),
                json.dumps(good | {"segments": 5})):
        path.write_text(bad)
        with pytest.raises(ValueError, match=r"manifest\.json is missing or damaged"):
            fm.Trajectory.load(folder)
        with pytest.raises(ValueError, match=r"manifest\.json is missing or damaged"):
            learn(folder)
    path.write_text(json.dumps(good))
    (folder / "000000000000500.npz").unlink()
    with pytest.raises(ValueError, match="which the manifest names, is missing"):
        _ = fm.Trajectory.load(folder).states


# -------------------------------------------------------------------------------------------------------- checkpoints
@pytest.mark.parametrize("name", ["run.ckpt", "run.ckpt.previous", "run.ckpt.game"])
@pytest.mark.parametrize("what", ["text", "npz", "result", "link to nowhere", "folder"])
def test_a_users_file_in_the_place_of_a_checkpoint_is_refused(name, what, tmp_path, monkeypatch):
    target = tmp_path / name
    if what == "text":
        target.write_text("mine")
    elif what == "npz":
        with open(target, "wb") as file:
            np.savez(file, mine=np.zeros(3))
    elif what == "result":
        learn(True, 10).save(target)
    elif what == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = content(tmp_path)
    monkeypatch.setattr(job.Job, "prepare", None)
    said = "must name a file" if (name, what) == ("run.ckpt", "folder") else "nothing was touched; name another file"
    with pytest.raises(ValueError, match=said):
        fm.learn(GAME, RULE, 10, record=fm.Record(metrics=("policy",)), checkpoint=tmp_path / "run.ckpt")
    assert content(tmp_path) == before


def test_an_older_checkpoint_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGE", 100)
    path, plain = tmp_path / "run.ckpt", fm.Record(metrics=("policy",))
    for steps in (10, 20):
        fm.learn(GAME, RULE, steps, record=plain, checkpoint=path)
    assert fm.resume(path).steps == 20


def test_results_are_saved_over_files_as_numpy_does(tmp_path, whole):
    (tmp_path / "it.npz").write_text("old")
    whole.save(tmp_path / "it.npz")
    assert fm.Result.load(tmp_path / "it.npz") == whole
