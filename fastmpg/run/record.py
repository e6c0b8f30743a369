"""What a run writes down: which steps, which metrics."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._same import comparable
from ..feedback.desk import Desk, evaluate_desk, finish_desk, payoffs_of_desk, visits_of_desk
from ..machine import Bound, Bounds, Held
from ..metrics.metric import Copied, copy_table, known, lay_row
from ..metrics.origin import centred
from ..models.available import missing_of
from ..models.game import Game
from ..rules.rule import contract
from .trace import Recorder, Watched, watch_policy


@comparable
class Record:
    """What :func:`learn` writes down.

    Parameters
    ----------
    every : int
        Record every so many steps, from step 0 (the initial policy) on; the last step is always recorded.
    metrics : sequence of str
        Any of "ne_gap" (K, N), "qre_gap" (K, N), "value" (K, N), "c" (K,), "mismatch" (K,), "grad_norm" (K,),
        "log_barrier" and "visited_log_barrier" (K, N), "policy" and "average_policy" (K, S, A_total), the latter the
        mean of the policies at the recorded steps so far, and "average_ne_gap" (K, N), the NE-gap of that, with which
        it is recorded;
        of rules that keep them "q" and "counts" (K, S, A_total), how often each player took each action in each state,
        and "visits" (K, S).
    steps : sequence of int, optional
        Explicit steps instead of ``every``; see :meth:`log_spaced`.
    tau : float, optional
        Temperature of "qre_gap"; by default that of the rule.
    trajectory : bool or path
        Of sampled rules: keep all states and actions, in memory (True) or as files in a folder; see
        :class:`Trajectory`.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.Record(every=100, metrics=("ne_gap", "c"))
    Record(every=100, metrics=('ne_gap', 'c'))
    >>> fm.Record(steps=fm.Record.log_spaced(1000, 4)).steps
    (0, 1, 10, 100, 1000)
    """

    def __init__(self, every: int = 1, metrics: Sequence[str] = ("ne_gap", "value"), *,
                 steps: Sequence[int] | ArrayLike | None = None, tau: float | None = None,
                 trajectory: bool | str | os.PathLike[str] = False) -> None:
        if isinstance(metrics, str):
            raise TypeError(f"metrics must be a sequence of names, found the single name {metrics!r}; write "
                            f"({metrics!r},)")
        if not isinstance(metrics, Iterable):
            raise TypeError(f"metrics must be a sequence of names, found {_check.shown(metrics)}")
        self.every = _check.integer(every, "every", low=1)
        self.metrics = tuple(_check.sequence(metrics, "metrics", "names"))
        for name in self.metrics:
            if not isinstance(name, str) or name not in known():
                raise ValueError(f"metrics: there is no metric {_check.shown(name)}; choose from {', '.join(known())}")
        of = [known()[name].of for name in self.metrics if known()[name].of]
        self.metrics = (*(name for name in dict.fromkeys(of) if name not in self.metrics), *self.metrics)
        self.tau = None if tau is None else _check.real(tau, "tau", 0.0)
        if not isinstance(trajectory, bool | str | os.PathLike):
            raise TypeError(f"trajectory must be True, False or a folder to write to, found {_check.shown(trajectory)}")
        self.trajectory: bool | str = trajectory if isinstance(trajectory, bool) else ""
        if not isinstance(trajectory, bool):
            self.trajectory = _check.path(trajectory, "trajectory")
        self.steps: tuple[int, ...] | None = None
        if steps is not None:
            listed = _check.sequence(steps, "steps", "at least one step")
            if not listed:
                raise ValueError(f"steps must be a sequence of at least one step, found {_check.shown(steps)}")
            if _check.is_masked(steps):
                raise ValueError("steps must not have masked entries")
            listed = [_check.integer(k, "every entry of steps", low=0) for k in listed]
            self.steps = tuple(sorted(set(listed)))

    def options(self) -> dict[str, Any]:
        """What to build the same record from."""
        return {"every": self.every, "metrics": list(self.metrics), "steps": None if self.steps is None
                else list(self.steps),
                "tau": self.tau, "trajectory": self.trajectory}

    def _parts(self) -> tuple[Any, ...]:
        return self.every, self.metrics, self.steps, self.tau, self.trajectory

    def replace(self, **options: Any) -> Record:
        """The same with other options."""
        return Record(**(self.options() | options))

    def check(self, game: Game, rule: type, sampled: bool, moves: bool) -> None:
        """Refuse what this rule on this game cannot give; ``moves``: its feedback follows one trajectory.

        Raises
        ------
        TypeError, ValueError
            A sentence that says what to do instead.
        """
        if not game.exact:
            if not sampled:
                raise TypeError(f"{rule.__name__} needs exact values, which {game!r}, a simulator, does not have: "
                                "use a sampled rule, or build the game from tables or counts")
            exact = [name for name in self.metrics if known()[name].exact]
            if exact:
                others = ", ".join(each.name for each in known().values() if not each.exact)
                raise ValueError(f"a simulator has no exact {', '.join(exact)}: record only {others}")
        kept = contract(rule).state.fields
        missing = [each.source for each in map(known().get, self.metrics)
                   if each is not None and not each.exact and each.source not in kept]
        if missing:
            raise ValueError(f"{rule.__name__} keeps no {' and no '.join(missing)}: leave "
                             f"{'them' if missing[1:] else 'it'} out of metrics")
        if self.trajectory and not moves:
            why = "plays rollouts that do not continue each other" if sampled else "learns from expectations"
            raise ValueError(f"{rule.__name__} {why}: there is no trajectory to record")

    @staticmethod
    def log_spaced(last: int, count: int) -> NDArray[np.int64]:
        """Step 0 and about ``count`` steps up to ``last``, evenly spaced in their logarithm, repetitions dropped."""
        last, count = _check.integer(last, "last", low=1), _check.integer(count, "count", low=1)
        _check.budget(40 * count, f"a list of {count} steps", "ask for a smaller count")
        return np.unique(np.concatenate([[0], np.rint(np.geomspace(1, last, count)).astype(np.int64)]))

    def at(self, steps: int) -> NDArray[np.int64]:
        """The steps that a run of this many updates records."""
        steps = _check.integer(steps, "steps", low=0)
        if self.steps is None:
            rows = np.arange(0, steps + 1, self.every, dtype=np.int64)
            return rows if rows[-1] == steps else np.append(rows, steps)
        late = [k for k in self.steps if k > steps]
        if late:
            raise ValueError(f"cannot record step {late[0]} of a run of {steps} steps")
        return np.array(self.steps, np.int64)

    def allocate(self, game: Game, steps: int, runs: int) -> dict[str, NDArray[Any]]:
        """The trace of ``runs`` runs, run axis first, still empty.

        Raises
        ------
        MemoryError
            If it would not fit, before anything is allocated.
        """
        shapes, count = self._shapes(game, steps, runs)
        what = f"a trace of {count} steps of {', '.join(self.metrics)} in {runs} run{'s' * (runs > 1)}"
        _check.budget(self._bytes(game, steps, runs), what,
                      "record fewer steps (Record(every=...) or Record(steps=Record.log_spaced(...))) or fewer metrics")
        rows = self.at(steps)
        return {"step": rows} | {name: np.full((runs, rows.size, *shape[2:]), np.nan) for name, shape in shapes.items()}

    def _shapes(self, game: Game, steps: int, runs: int) -> tuple[dict[str, tuple[int, ...]], int]:
        """Of the trace's tables, and how many rows they have."""
        count = steps // self.every + 1 + (steps % self.every > 0) if self.steps is None else len(self.steps)
        asked = (known()[name] for name in self.metrics)
        return {each.name: (runs, count, *each.shape(each.axes, game)) for each in asked}, count

    def _bytes(self, game: Game, steps: int, runs: int) -> int:
        """What :meth:`allocate` takes."""
        shapes, count = self._shapes(game, steps, runs)
        return sum(8 * math.prod(shape) for shape in shapes.values()) + 24 * count

    def recorder(self, game: Game, trace: dict[str, NDArray[Any]], run: int, state: Any, desk: Held | None, tau: float,
                 threads: int | None = None) -> Recorder:
        """The trace of one run as kernels see it.

        ``desk``: where the run's feedback evaluates its policy, if that is what it does; else an evaluation is made for
        the metrics. So it is for metrics of differences where the level of payoffs drowns these: of the game with
        payoffs counted from their middle (see :mod:`..metrics.origin`), as :func:`ne_gap` does.
        """
        asked = [known()[name] for name in self.metrics]
        exact = [each for each in asked if each.exact and not each.of]
        fault = np.array([-1.0, 0.0, 0.0, 0.0, 0.0])
        units: list[Bound] = [watch_policy.bind(Watched(state.policy, game.offset, missing_of(game.available), fault))]
        near = centred(game)[0] if any(each.exact for each in asked) else game
        apart = [each for each in exact if each.differences and near is not game]
        temperature = np.array([self.tau if self.tau is not None else tau], np.float64)
        for metrics, origin in ((exact if near is game else [each for each in exact if not each.differences], game),
                                (apart, near)):
            if metrics:
                visits = any(each.visits for each in metrics)
                at = self._desk(origin, state, desk if origin is game else None, visits, threads, units)
                bound = [(each, each.recorded(at, trace[each.name][run], temperature, game)) for each in metrics]
                units += [each.early.bind(frame) for each, frame in bound if each.early is not None]
                units += [each.write.bind(frame) for each, frame in bound if each.write is not None]
        units += [(each.write or copy_table).bind(Copied(getattr(state, each.source), trace[each.name][run]))
                  for each in asked if not each.exact]
        for each in asked:
            if each.of:
                origin = near if each.differences else game
                at = Held(Desk.create(origin, np.zeros(state.policy.shape), wants_visit=each.visits, threads=threads))
                frame = each.recorded(at, trace[each.name][run], temperature, game)
                units += [lay_row.bind(Copied(trace[each.of][run], at.policy)), evaluate_desk.bind(at),
                          *(unit.bind(frame) for unit in (each.early, each.write) if unit is not None)]
        return Recorder(trace["step"], np.zeros(1, np.int64), np.zeros(1, np.int64), fault, Bounds(units))

    @staticmethod
    def _desk(game: Game, state: Any, desk: Held | None, visits: bool, threads: int | None, units: list[Bound]) -> Held:
        """Where the state's policy is evaluated at temperature 0, by ``units`` with what is added to them."""
        if desk is None:
            desk = Held(Desk.create(game, state.policy, wants_visit=visits, threads=threads))
            units.append(evaluate_desk.bind(desk))
        elif desk.temperature[0] != 0.0:
            desk = Held(desk.at(0.0, game))
            units.append(finish_desk.bind(desk))
            if visits:
                units.append(visits_of_desk.bind(desk))
        else:
            if not desk.wants_value:
                units.append(payoffs_of_desk.bind(desk))
            if visits and not desk.wants_visit:
                units.append(visits_of_desk.bind(desk))
        return desk

    def __repr__(self) -> str:
        when = f"every={self.every}" if self.steps is None else f"steps=<{len(self.steps)} of 0..{self.steps[-1]}>"
        tau = "" if self.tau is None else f", tau={self.tau:g}"
        path = f", trajectory={self.trajectory!r}" if self.trajectory else ""
        return f"Record({when}, metrics={self.metrics!r}{tau}{path})"
