"""Everything that the library writes, in two versions: an old one that is there, and a new one that takes its place.

A writer is (suffix, write, read): ``write(path, new)`` writes the old (0) or the new (1) version, ``read(path)`` gives
back something that can be compared. A name with a folder in it is one of several files.
"""

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastmpg as fm

GAME, RULE = fm.games.routing(2), fm.rules.TwoTimescaleQ(tau=0.1)
SMALL = [fm.games.zhang_3x2(), fm.NormalFormGame([[[1.0, 2.0], [0.5, 1 / 3]], [[0.0, 1.0], [2.0, 7.0]]])]
ALONE = [fm.games.random_markov(states, (2,), 0.9, rng=1) for states in (2, 3)]
ROADS = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 2
<NUMBER OF LINKS> 1
<END OF METADATA>
1 2 {capacity} 1 1 1 1 ;
"""


class Writer(NamedTuple):
    """See the module."""

    suffix: str
    write: Any
    read: Any


def learned(new, **more):
    return fm.learn(GAME, RULE, 20 * (1 + new), rng=0, record=fm.Record(every=10, **more.pop("record", {})), **more)


def segments(path, new):
    """A run with its moves in a folder, beside its checkpoint."""
    return learned(new, record={"trajectory": path}, checkpoint=path.with_name("run.ckpt"))


def moves(path):
    found = fm.Trajectory.load(path)
    return found.states.tolist(), found.actions.tolist()


def sweep(path, new):
    """A sweep's folder: a description and a file for each task."""
    found = fm.sweep(GAME, RULE, 20 * (1 + new), {"tau": [0.1, 0.2]}, rng=0, folder=path)
    if found.failures:
        raise OSError(5, next(iter(found.failures.values())).message)


def swept(path, new=None):
    whole = fm.Sweep.load(path)
    return [result.policy.tobytes() for result in whole.results.ravel()]


@functools.cache
def roads(new):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source_net.tntp")
        source.write_text(ROADS.format(capacity=1 + new))
        return fm.io.read_tntp_network(source)


@functools.cache
def sheet(new):
    from matplotlib.figure import Figure

    made = Figure(figsize=(1 + new, 1))
    made.subplots().plot([0, 1])
    return made


def checkpoint(path, new):
    learned(new, checkpoint=path)


def games(suffix, pair, **options):
    return Writer(suffix, lambda path, new: fm.io.write(pair[new], path, **options), lambda path: fm.io.read(path))


FILES = {
    "result": Writer("", lambda path, new: learned(new).save(path), fm.Result.load),
    "game": Writer(".npz", lambda path, new: SMALL[new].save(path), lambda path: fm.Game.load(path)),
    "npz": games(".npz", SMALL), "nfg": games(".nfg", SMALL), "agg": games(".agg", SMALL), "mdp": games(".mdp", ALONE),
    "csv": games(".csv", SMALL),
    "roads": Writer("_net.tntp", lambda path, new: fm.io.write_tntp_network(roads(new), path),
                    lambda path: np.asarray(fm.io.read_tntp_network(path).capacity).tolist()),
    "figure": Writer(".svg", lambda path, new: fm.plot.save(sheet(new), path), lambda path: path.read_bytes()),
}
FOLDERS = {
    "checkpoint": Writer("", checkpoint, lambda path: fm.resume(path)),
    "trajectory": Writer("", segments, moves),
    "sweep": Writer("", sweep, swept),
}


def listing(folder):
    """All that lies in a folder: {name: content}."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


def restored(folder, content):
    """Put a folder back as it was."""
    shutil.rmtree(folder)
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    folder.mkdir(exist_ok=True)
