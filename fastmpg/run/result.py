"""What a run leaves behind: frozen, with a status, and able to be saved."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from . import storage
from .trajectory import Trajectory

FORMAT = 1


@comparable
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Result:
    """The outcome of :func:`learn` or :func:`ensemble`.

    Attributes
    ----------
    policy : ndarray (S, A_total)
        The last policy; an ensemble has its run axes in front, here and in the trace.
    trace : mapping of str to ndarray
        "step" (K,) and every recorded metric (K, ...). Row 0 is the initial policy at step 0.
    status : str
        "done", "settled" (by ``until``), "stopped" (by the callback), "interrupted", or "diverged".
    message : str
        The same in a sentence.
    steps : int, or ndarray of int
        Updates made; of an ensemble with ``until``, one number a run.
    state : object
        The rule's last state, such as ``state.theta``; of rules that follow one trajectory also ``state.place`` (),
        the state of the game that the run ended in.
    rule, game : str
        What ran on what.
    trajectory : Trajectory or None
        All states and actions, if they were recorded.
    """

    policy: Float
    trace: Mapping[str, Any]
    status: str
    message: str
    steps: Any
    state: Any
    rule: str
    game: str
    trajectory: Any = None

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __post_init__(self) -> None:
        ends = [self.steps] if isinstance(self.steps, np.ndarray) else []
        for array in (self.policy, *self.trace.values(), *vars_of(self.state).values(), *ends):
            array.flags.writeable = False
        object.__setattr__(self, "trace", MappingProxyType(dict(self.trace)))

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Built anew, and so frozen again: by pickle, and by copy."""
        return type(self), tuple(dict(part) if isinstance(part, MappingProxyType) else part for part in self._parts())

    def __repr__(self) -> str:
        rows = self.trace["step"].size
        made = np.asarray(self.steps)
        steps = f"{made.min()}" if made.min() == made.max() else f"{made.min()} to {made.max()}"
        parts = [f"<Result: {self.rule} on {self.game!r}, {steps} steps, {self.status}"]
        if self.policy.ndim > 2:
            parts.append(f"{'x'.join(map(str, self.policy.shape[:-2]))} runs")
        if "ne_gap" in self.trace and rows:
            last = self.trace["ne_gap"][..., -1, :].max(axis=-1)
            parts.append(f"NE-gap {last:.3g}" if last.ndim == 0 else f"NE-gap {last.min():.3g} to {last.max():.3g}")
        parts.append(f"{rows} recorded: {', '.join(sorted(set(self.trace) - {'step'})) or 'nothing'}>")
        return ", ".join(parts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one npz file (no pickle), whole or not at all; a streamed trajectory stays in its
        folder.
        """
        _check.path(path, "path")
        arrays = {"policy": self.policy}
        arrays |= {f"trace/{name}": value for name, value in self.trace.items()}
        arrays |= {f"state/{name}": value for name, value in vars_of(self.state).items()}
        meta = {"format": FORMAT, "kind": "result", "status": self.status, "message": self.message,
                "steps": np.asarray(self.steps).tolist(), "rule": self.rule, "game": self.game, "trajectory": None}
        if self.trajectory is not None:
            meta["trajectory"] = self.trajectory.folder and os.fspath(self.trajectory.folder)
            meta["beside"] = storage.beside(path, meta["trajectory"])
            if self.trajectory.folder is None:
                arrays |= {"trajectory/states": self.trajectory.states, "trajectory/actions": self.trajectory.actions}
        storage.write_atomically(path, storage.pack(arrays, meta))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Result:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged, or not a saved result.
        """
        arrays, meta = storage.unpack(_check.path(path, "path"))
        if meta.get("kind") != "result" or meta.get("format") != FORMAT:
            raise storage.Damaged(f"{os.fspath(path)} is no saved result of this version of fastmpg")
        groups: dict[str, dict[str, Any]] = {"trace": {}, "state": {}, "trajectory": {}}
        with storage.as_damaged(os.fspath(path)):
            policy = arrays.pop("policy")
            for name, value in arrays.items():
                group, _, key = name.partition("/")
                groups[group][key] = value
            told = [meta[name] for name in ("status", "message", "rule", "game")]
            if policy.ndim < 2 or groups["trace"]["step"].ndim != 1 or not all(isinstance(each, str) for each in told):
                raise ValueError
            steps, folder = groups["trajectory"], storage.refound(path, meta.get("trajectory"), meta.get("beside"))
            trajectory = Trajectory(**steps, folder=folder) if steps or folder else None
            made = meta["steps"]
            return cls(policy, groups["trace"], meta["status"], meta["message"],
                       np.array(made) if isinstance(made, list) else made,
                       SimpleNamespace(**groups["state"]), meta["rule"], meta["game"], trajectory)


def vars_of(state: Any) -> dict[str, Any]:
    """A state's arrays by name."""
    return state._asdict() if hasattr(state, "_asdict") else vars(state)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run; ``.result`` holds all that was computed."""

    result: Result


class Diverged(ArithmeticError):
    """A policy stopped being one (NaN, or no probabilities); ``.result`` holds all that was computed."""

    result: Result
