"""Whole trajectories: every state and joint action of a run, in memory or streamed to files.

A folder of a trajectory holds its segments and a manifest, which names a segment before there is one. What the
manifest does not name is somebody else's: it is never written to nor deleted, and a folder that holds any of it is
refused before a run begins.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from .._same import comparable, same
from . import storage

MANIFEST = "manifest.json"
TAKEN = "another run has begun to write its trajectory to {}: give every run a folder of its own"
BUFFER = 32 * 2**20  # bytes kept in memory while streaming
FORMAT = 1


@comparable
class Trajectory:
    """The states and actions of one run, or of an ensemble (run axes in front).

    Attributes
    ----------
    states : ndarray (K + 1,)
        The state at every step, the one after the last step included.
    actions : ndarray (K, N)
        What the players did at every step.

    Notes
    -----
    A streamed trajectory is read from its folder whenever it is asked for; :meth:`segments` reads it piece by piece.
    """

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __init__(self, states: Any = None, actions: Any = None, folder: str | os.PathLike[str] | None = None) -> None:
        self._states, self._actions, self.folder = states, actions, folder

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Trajectory:
        """A trajectory that was streamed to a folder.

        Raises
        ------
        ValueError
            If the folder holds none, or a piece of it is missing or damaged.
        """
        _finished(_check.path(folder, "folder"))
        return cls(folder=folder)

    def segments(self) -> Iterator[tuple[int, Any, Any]]:
        """(first step, states (n,), actions (n, N)) piece by piece; the last state comes without an action."""
        if self.folder is None:
            yield 0, self._states, self._actions
            return
        found = _finished(self.folder)
        for first, last in found["segments"]:
            try:
                arrays, meta = storage.unpack(Path(self.folder) / _name(first))
            except FileNotFoundError:
                raise ValueError(f"{_name(first)}, which the manifest names, is missing from "
                                 f"{os.fspath(self.folder)}") from None
            shapes = {"states": (last - first,), "actions": (last - first, found["players"])}
            held = {name: table.shape for name, table in arrays.items() if table.dtype.kind in "iu"}
            if meta != _segment_meta(found.get("run"), first, last) or held != shapes:
                raise ValueError(f"{_name(first)} in {self.folder} is not the segment that the manifest names")
            yield first, arrays["states"], arrays["actions"]
        yield found["steps"], np.array([found["state"]]), np.zeros((0, found["players"]), np.int32)

    @property
    def states(self) -> Any:
        """(K + 1,)"""
        return self._states if self.folder is None else np.concatenate([states for _, states, _ in self.segments()])

    @property
    def actions(self) -> Any:
        """(K, N)"""
        return self._actions if self.folder is None else np.concatenate([actions for _, _, actions in self.segments()])

    def reshape(self, lead: tuple[int, ...]) -> None:
        """Put run axes in front."""
        for name in ("_states", "_actions"):
            value = getattr(self, name)
            setattr(self, name, value.reshape(*lead, *value.shape[1:]))

    def __len__(self) -> int:
        """The number of steps."""
        return int(self._actions.shape[-2] if self.folder is None else _finished(self.folder)["steps"])

    def _parts(self) -> tuple[Any, ...]:
        return self.states, self.actions

    def __repr__(self) -> str:
        where = "in memory" if self.folder is None else f"in {os.fspath(self.folder)}"
        return f"<Trajectory: {len(self)} steps, {where}>"


def _name(first: int) -> str:
    return f"{first:015d}.npz"


def _segment_meta(run: str | None, first: int, last: int) -> dict[str, Any]:
    meta = {"format": FORMAT, "kind": "segment", "first": first, "last": last}
    return meta if run is None else meta | {"run": run}


def _manifest(folder: str | os.PathLike[str]) -> Any:
    """What a folder holds, finished or not.

    ``segments``: pairs of a first step and the one after the last
    ``named``: first steps of all files that may be there
    """
    try:
        found = json.loads((Path(folder) / MANIFEST).read_text())
        if found.pop("seal") != storage.seal_of(found) or (found["format"], found["kind"]) != (FORMAT, "trajectory"):
            raise ValueError
        found.setdefault("named", [first for first, _ in found["segments"]])
        steps = (*found["named"], *(k for pair in found["segments"] for k in pair))
        if not all(_check.is_int(k) and k >= 0 for k in steps):
            raise ValueError
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        raise ValueError(f"{os.fspath(folder)} holds no trajectory of this version of fastmpg: its {MANIFEST} is "
                         "missing or damaged") from None
    return found


def _finished(folder: str | os.PathLike[str]) -> Any:
    found = _manifest(folder)
    if found.get("open") or not all(_check.is_int(found.get(name)) and found[name] >= 0
                                    for name in ("steps", "state", "players")):
        raise ValueError(f"the trajectory in {os.fspath(folder)} is not whole: its run goes on, or was killed; "
                         "resume it")
    return found


def _held(folder: Path, fresh: bool) -> Any:
    """The manifest of a folder to which a trajectory may be written, None if there is none yet.

    Raises
    ------
    ValueError
        If there is no folder of this name but something else; for a fresh run, if anything is there that no manifest
        names.
    """
    try:
        there = sorted(os.listdir(folder))
    except FileNotFoundError:
        if not folder.is_symlink():
            return None
        there = None
    except NotADirectoryError:
        there = None
    if there is None:
        raise ValueError(f"a trajectory needs a folder, and {os.fspath(folder)} is none: name another, or one that "
                         "does not exist yet")
    found = _manifest(folder) if MANIFEST in there else None
    names = {MANIFEST, *(map(_name, found["named"]) if found else ())}
    for name in there if fresh else ():
        plain = stat.S_ISREG(os.lstat(folder / name).st_mode)
        if (storage.left_by(name) or name) not in names or not plain:
            told = "is no plain file" if not plain else "its manifest does not name" if found else "is of no trajectory"
            raise ValueError(f"a trajectory needs a folder of its own, and {os.fspath(folder)} holds {name!r}, which "
                             f"{told}: nothing was touched; name another folder, or move that file away")
    return found


class Writer:
    """Where kernels write a trajectory: arrays for all of it, or a buffer that goes to files when it is full."""

    def __init__(self, players: int, steps: int, runs: int, folder: str | None, fresh: bool = True) -> None:
        self.folder, self.players, self.fresh = folder, players, fresh
        row = 8 + 4 * players
        if folder is None:
            _check.budget(row * (steps + 1) * runs,
                          f"a trajectory of {steps} steps of {players} players in {runs} run{'s' * (runs > 1)}",
                          'stream it to files: Record(trajectory="a folder")')
        elif runs > 1:
            raise ValueError("an ensemble's trajectories are kept in memory: use Record(trajectory=True), or learn() "
                             "for each run")
        else:
            self.before = _held(Path(folder), fresh)
            os.makedirs(folder, exist_ok=True)
        self.room = steps + 1 if folder is None else max(1, min(steps + 1, BUFFER // row))
        self.states = np.zeros((runs, self.room), np.int64)
        self.actions = np.zeros((runs, self.room, players), np.int32)
        self.origin = np.zeros(1, np.int64)  # the step of the buffer's first row
        self.segments: list[list[int]] = []
        self.run: str | None = secrets.token_hex(16)  # whose the folder is
        self.opened, self.begun = False, -1

    def until(self, k: int) -> int:
        """The step before which the buffer has to be emptied."""
        return int(self.origin[0]) + self.room if self.folder is not None else 2**62

    def _write_manifest(self, named: list[int], **more: Any) -> None:
        meta = {"format": FORMAT, "kind": "trajectory", "players": self.players, "segments": self.segments,
                "run": self.run} | more
        if named != [first for first, _ in self.segments]:
            meta["named"] = named
        meta["seal"] = storage.seal_of(meta)
        storage.write_atomically(Path(str(self.folder)) / MANIFEST, json.dumps(meta).encode())

    def _open(self) -> None:
        """Make the folder this run's: what its manifest names beyond this run's segments is deleted, nothing else."""
        if self.folder is None or self.opened:
            return
        folder = Path(self.folder)
        found = _held(folder, self.fresh)
        if (found or {}).get("run") not in {self.run, (self.before or {}).get("run")}:
            raise ValueError(TAKEN.format(self.folder))
        mine = [first for first, _ in self.segments]
        named = sorted({*mine, *(found["named"] if found else ())})
        self._write_manifest(named, open=True)
        kept = {MANIFEST, *map(_name, mine)}
        for name in os.listdir(folder):
            if name not in kept and (storage.left_by(name) or name) in {MANIFEST, *map(_name, named)}:
                (folder / name).unlink()
        if named != mine:
            self._write_manifest(mine, open=True)
        self.opened = True

    def _still_mine(self) -> None:
        if _manifest(str(self.folder)).get("run") != self.run:
            raise ValueError(TAKEN.format(self.folder))

    def flush(self, k: int) -> None:
        """Steps before k to files."""
        if self.folder is None:
            return
        self._open()
        first = int(self.origin[0])
        if k == first:
            return
        self._still_mine()
        target = Path(self.folder) / _name(first)
        if first != self.begun and os.path.lexists(target):
            raise ValueError(f"{target} has come there while the run went on, and is not its own: move it away, "
                             "and resume")
        self.begun = first  # whoever is interrupted from here on does it again, and may find what is done already
        before = [each for each in self.segments if each[0] < first]
        self._write_manifest([*(begin for begin, _ in before), first], open=True)
        arrays: dict[str, Any] = {"states": self.states[0, :k - first], "actions": self.actions[0, :k - first]}
        storage.write_atomically(target, storage.pack(arrays, _segment_meta(self.run, first, k), compress=False))
        self.segments = [*before, [first, k]]
        self.origin[0] = k

    def close(self, k: int, places: Any) -> Trajectory:
        """The trajectory of the steps before k; ``places``: the state that each run is in."""
        if self.folder is None:
            self.states[:, k] = places
            return Trajectory(self.states[:, :k + 1], self.actions[:, :k])
        if not self.opened and self.before and not self.before.get("open") and self._unchanged(k):
            return Trajectory.load(self.folder)
        self.flush(k)
        self._still_mine()
        self._write_manifest([first for first, _ in self.segments], steps=k, state=int(places[0]))
        return Trajectory.load(self.folder)

    def _unchanged(self, k: int) -> bool:
        return same([self.before.get(name) for name in ("steps", "segments", "run")], [k, self.segments, self.run])

    def restart(self, k: int, segments: list[list[int]], run: str | None) -> None:
        """Go on at step k after the segments that a checkpoint knows; later files are of steps to be made again."""
        self.segments, self.origin[0], self.run = [list(each) for each in segments if each[1] <= k], k, run
        if self.folder is None:
            return
        found = self.before or {}
        if found.get("run") != run or (self.segments and not found):
            held = "the trajectory of another run" if found else "no trajectory"
            raise ValueError(f"{self.folder} holds {held}, so the run of this checkpoint cannot go on: put its own "
                             "folder back")
        for first, _ in self.segments:
            if not (Path(self.folder) / _name(first)).is_file():
                raise ValueError(f"{_name(first)}, which this checkpoint goes on from, is missing from "
                                 f"{self.folder}: put it back")
