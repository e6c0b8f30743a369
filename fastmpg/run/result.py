"""What a run leaves behind: frozen, with a status, and able to be saved."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from . import labelled, storage
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
    dims : tuple of str
        Names of the run axes: a parameter of the rule that varies along one, or "run"; none of a single run.
    coords : mapping of str to ndarray
        What stands along the run axes, by their names; parameters that vary along one that has another name, or along
        several, are arrays that broadcast against all run axes.
    about : mapping
        Where it comes from, as JSON has it: the rule's parameters, the game's sizes and names, the seed if it is known,
        versions. It has no part in ``==``.
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
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __post_init__(self) -> None:
        ends = [self.steps] if isinstance(self.steps, np.ndarray) else []
        for array in (self.policy, *self.trace.values(), *vars_of(self.state).values(), *ends, *self.coords.values()):
            array.flags.writeable = False
        for name in ("trace", "coords", "about"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        axes = max(0, self.policy.ndim - 2)
        dims = tuple(self.dims) or (*(f"axis_{k}" for k in range(axes - 1)), "run")[-axes:] * (axes > 0)
        if len(dims) != axes:
            raise ValueError(f"dims must name the {axes} run axes, found {dims}")
        object.__setattr__(self, "dims", dims)

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "about")

    def __reduce__(self) -> tuple[Any, ...]:
        """Built anew, and so frozen again: by pickle, and by copy."""
        return type(self), tuple(dict(part) if isinstance(part, MappingProxyType) else part
                                 for part in (*self._parts(), self.about))

    def __repr__(self) -> str:
        rows = self.trace["step"].size
        made = np.asarray(self.steps)
        steps = f"{made.min()}" if made.min() == made.max() else f"{made.min()} to {made.max()}"
        parts = [f"<Result: {self.rule} on {self.game!r}, {steps} steps, {self.status}"]
        if self.policy.ndim > 2:
            counts = self.policy.shape[:-2]
            parts.append(f"{'x'.join(map(str, counts))} runs" + self._axes())
        if "ne_gap" in self.trace and rows:
            last = self.trace["ne_gap"][..., -1, :].max(axis=-1)
            parts.append(f"NE-gap {last:.3g}" if last.ndim == 0 else f"NE-gap {last.min():.3g} to {last.max():.3g}")
        parts.append(f"{rows} recorded: {', '.join(sorted(set(self.trace) - {'step'})) or 'nothing'}>")
        return ", ".join(parts)

    def _axes(self) -> str:
        """The run axes for a repr, where they are more than runs."""
        return "" if self.dims == ("run",) else f" ({' x '.join(self.dims)})"

    def to_xarray(self) -> Any:
        """The trace and the last policy as an ``xarray.Dataset`` with named axes; needs ``fastmpg[xarray]``.

        Returns
        -------
        xarray.Dataset
            A variable a recorded metric, of dimensions (\\*dims, "step", "player", "state", "action") as far as it has
            them, "last_policy", and of ensembles whose runs ended separately "steps". Coordinates are those of
            ``coords``, the recorded steps, and names where the game has them, else numbers. Players with fewer actions
            than others have NaN at the missing ones; where their names differ, "action_name" (player, action) holds
            them. Attributes say what ran, from which seed, with which versions, and how it ended.

        Examples
        --------
        >>> import numpy as np, fastmpg as fm
        >>> rule = fm.rules.NaturalGradientPlay(eta=np.array([[1.0], [5.0]]))
        >>> result = fm.ensemble(fm.games.zhang_3x2(), rule, 10, runs=3)
        >>> result.to_xarray()["ne_gap"].sel(eta=5.0).mean("run").dims  # doctest: +SKIP
        ('step', 'player')
        """
        return labelled.dataset(self)

    def to_frame(self, metrics: Sequence[str] | None = None) -> Any:
        """The trace in long form as a ``pandas.DataFrame``, one number a row; needs ``fastmpg[pandas]``.

        Parameters
        ----------
        metrics : sequence of str, optional
            Of the recorded ones; all by default.

        Returns
        -------
        pandas.DataFrame
            Columns: the run axes and parameters of ``coords``, "step", "metric", then "player", "state" and "action" as
            far as some metric has them (missing where it has not), and "value".

        Raises
        ------
        ValueError
            If one was not recorded.
        MemoryError
            If the table would not fit.
        """
        return labelled.frame(self, metrics)

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write :meth:`to_xarray` to a netCDF file, whole or not at all; needs ``fastmpg[xarray]``.

        Parameters
        ----------
        path : path
        """
        labelled.netcdf(self, _check.path(path, "path"))

    def _repr_html_(self) -> str:
        """For notebooks: a small table, and how the largest gap fell."""
        return labelled.page(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one npz file (no pickle), whole or not at all; a streamed trajectory stays in its
        folder.
        """
        _check.path(path, "path")
        arrays = {"policy": self.policy}
        arrays |= {f"trace/{name}": value for name, value in self.trace.items()}
        arrays |= {f"state/{name}": value for name, value in vars_of(self.state).items()}
        arrays |= {f"coords/{name}": value for name, value in self.coords.items()}
        meta = {"format": FORMAT, "kind": "result", "status": self.status, "message": self.message,
                "steps": np.asarray(self.steps).tolist(), "rule": self.rule, "game": self.game, "trajectory": None,
                "dims": list(self.dims), "about": dict(self.about)}
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
        groups: dict[str, dict[str, Any]] = {"trace": {}, "state": {}, "trajectory": {}, "coords": {}}
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
            made, about = meta["steps"], meta.get("about") or {}
            if not isinstance(about, dict) or not all(isinstance(about.get(name) or {}, dict)
                                                      for name in ("names", "game", "rule", "versions")):
                raise ValueError
            return cls(policy, groups["trace"], meta["status"], meta["message"],
                       np.array(made) if isinstance(made, list) else made,
                       SimpleNamespace(**groups["state"]), meta["rule"], meta["game"], trajectory,
                       tuple(meta.get("dims") or ()), groups["coords"], about)


def vars_of(state: Any) -> dict[str, Any]:
    """A state's arrays by name."""
    return state._asdict() if hasattr(state, "_asdict") else vars(state)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM during a run; ``.result`` holds all that was computed. A script that lets it pass exits with
    130, as shells have it."""

    result: Result

    def __init__(self, *said: object) -> None:
        super().__init__(*said)
        if not isinstance(sys.excepthook, _Hook):
            sys.excepthook = _Hook(sys.excepthook)


class _Hook:
    """Exits with 130 where nobody catches :class:`Interrupted`: Python does so for KeyboardInterrupt itself alone."""

    def __init__(self, before: Any) -> None:
        self.before = before

    def __call__(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        self.before(kind, error, trace)
        if issubclass(kind, Interrupted):
            gc.freeze()  # else Python looks through all that the compiler made, for a third of a second
            raise SystemExit(130)


class Diverged(ArithmeticError):
    """A policy stopped being one (NaN, or no probabilities); ``.result`` holds all that was computed."""

    result: Result
