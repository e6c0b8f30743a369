"""Whole trajectories: every state and joint action of a run, in memory or streamed to files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from . import storage

MANIFEST = "manifest.json"
BUFFER = 32 * 2**20  # bytes kept in memory while streaming
FORMAT = 1


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
        _manifest(_check.path(folder, "folder"))
        return cls(folder=folder)

    def segments(self) -> Iterator[tuple[int, Any, Any]]:
        """(first step, states (n,), actions (n, N)) piece after piece; the state after the last step comes with no action."""
        if self.folder is None:
            yield 0, self._states, self._actions
            return
        found = _manifest(self.folder)
        for first, last in found["segments"]:
            arrays, meta = storage.unpack(Path(self.folder) / _name(first))
            if meta != {"format": FORMAT, "kind": "segment", "first": first, "last": last}:
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
        return int(self._actions.shape[-2] if self.folder is None else _manifest(self.folder)["steps"])

    def __repr__(self) -> str:
        where = "in memory" if self.folder is None else f"in {os.fspath(self.folder)}"
        return f"<Trajectory: {len(self)} steps, {where}>"


def _name(first: int) -> str:
    return f"{first:015d}.npz"


def _manifest(folder: str | os.PathLike[str]) -> Any:
    try:
        found = json.loads((Path(folder) / MANIFEST).read_text())
        if found.get("format") != FORMAT or found.get("kind") != "trajectory":
            raise ValueError
    except (OSError, ValueError, AttributeError):
        raise ValueError(f"{os.fspath(folder)} holds no trajectory of this version of fastmpg: its {MANIFEST} is missing or "
                         "damaged") from None
    return found


class Writer:
    """Where kernels write a trajectory: arrays for all of it, or a buffer that goes to files when it is full."""

    def __init__(self, players: int, steps: int, runs: int, folder: str | None) -> None:
        self.folder, self.players = folder, players
        row = 8 + 4 * players
        if folder is None:
            _check.budget(row * (steps + 1) * runs, f"a trajectory of {steps} steps of {players} players in {runs} run{'s' * (runs > 1)}",
                          'stream it to files: Record(trajectory="a folder")')
        elif runs > 1:
            raise ValueError("an ensemble's trajectories are kept in memory: use Record(trajectory=True), or learn() for each run")
        else:
            os.makedirs(folder, exist_ok=True)
        self.room = steps + 1 if folder is None else max(1, min(steps + 1, BUFFER // row))
        self.states = np.zeros((runs, self.room), np.int64)
        self.actions = np.zeros((runs, self.room, players), np.int32)
        self.origin = np.zeros(1, np.int64)  # the step of the buffer's first row
        self.segments: list[list[int]] = []

    def until(self, k: int) -> int:
        """The step before which the buffer has to be emptied."""
        return int(self.origin[0]) + self.room if self.folder is not None else 2**62

    def flush(self, k: int) -> None:
        """Steps before k to files."""
        first = int(self.origin[0])
        if self.folder is None or k == first:
            return
        arrays: dict[str, Any] = {"states": self.states[0, :k - first], "actions": self.actions[0, :k - first]}
        meta: dict[str, Any] = {"format": FORMAT, "kind": "segment", "first": first, "last": k}
        storage.write_atomically(Path(self.folder) / _name(first), storage.pack(arrays, meta, compress=False))
        self.segments.append([first, k])
        self.origin[0] = k

    def close(self, k: int, places: Any) -> Trajectory:
        """The trajectory of the steps before k; ``places``: the state that each run is in."""
        if self.folder is None:
            states = np.concatenate([self.states[:, :k], np.asarray(places)[:, None]], axis=1)
            return Trajectory(states, self.actions[:, :k])
        self.flush(k)
        meta = {"format": FORMAT, "kind": "trajectory", "players": self.players, "steps": k, "state": int(places[0]),
                "segments": self.segments}
        storage.write_atomically(Path(self.folder) / MANIFEST, json.dumps(meta).encode())
        return Trajectory.load(self.folder)

    def restart(self, k: int, segments: list[list[int]]) -> None:
        """Go on at step k after the segments that a checkpoint knows; files after them are of steps to be made again."""
        self.segments, self.origin[0] = [list(each) for each in segments if each[1] <= k], k
        if self.folder is not None:
            known = {_name(first) for first, _ in self.segments}
            for path in Path(self.folder).glob("[0-9]*.npz"):
                if path.name not in known:
                    path.unlink()
