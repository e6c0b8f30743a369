"""Runs under way: one, or an ensemble, moved on together, stopped between steps, and taken up again."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import _check, machine
from .._check import Float
from ..machine.explain import explained, told
from ..metrics.metric import known
from ..models.game import Game
from ..rules.rule import contract
from . import storage
from .record import Record
from .run import CHUNK_SECONDS, Pair, Run, leaves
from .signals import Signals
from .team import Team
from .trajectory import Writer


def _put(target: Any, value: Any) -> None:
    """Copy what has this very shape and is of this kind, and nothing that numpy would stretch."""
    if value.shape != target.shape or value.dtype.kind != target.dtype.kind:
        raise ValueError
    target[...] = value


def _within(value: Any, low: Any, high: Any) -> None:
    if ((value < low) | (value > high)).any():
        raise ValueError


def _ours(function: Any) -> bool:
    return (getattr(function, "__module__", "") or "").partition(".")[0] == __name__.partition(".")[0]


COUNTED = {"counts", "visits", "joint_counts"}


class Job:
    """All runs of one call of learn or ensemble; step ``k`` is the next one for every run."""

    def __init__(self, game: Game, rules: list[Any], steps: int, record: Record, starts: list[Float], keys: list[Any],
                 threads: int | None, single: bool, fresh: bool = True, until: Any = None) -> None:
        count = self.count = len(rules)
        self.game, self.steps, self.record, self.until, self.k = game, steps, record, until, 0
        self.rule, self.asked = rules[0], contract(type(rules[0]))
        sampled = self.asked.feedback.sampled
        record.check(game, type(rules[0]), sampled, self.asked.feedback.continues)
        if until is not None and record.trajectory and not single:
            raise ValueError("runs that end separately (until=) have trajectories of different lengths, which an "
                             "ensemble does not keep: leave trajectory out of record, or use fastmpg.learn for each")
        self.trace = record.allocate(game, steps, count)
        folder = record.trajectory if isinstance(record.trajectory, str) else None
        self.writer = Writer(game.num_players, steps, count, folder, fresh) if record.trajectory else None
        self.workers = 1 if single else _check.integer(threads, "threads",
                                                       low=1) if threads is not None else machine.threads()
        if not _check.fits(game.workspace_bytes() * self.workers, 0.5):
            self.workers = 1
        kernel_threads = None if self.workers == 1 or count == 1 else 1
        if any(known()[name].exact and (sampled or known()[name].of) for name in record.metrics):
            _check.budget(count * game.workspace_bytes(), f"workspace for exact metrics of {count} runs of {game!r}",
                          "ask for fewer runs")
        self.runs: list[Run] = []
        self.units: list[Run | Pair] = []
        self._going = 0
        self.signals = Signals()
        self._team: Team | None = None
        self.left = ""  # what was left behind in the middle of a step, and at which
        self._asked: Any = (rules, starts, keys, kernel_threads)

    def prepare(self) -> None:
        """Make the runs, if that is not done: here everything is compiled that they need, or loaded.

        Raises
        ------
        TypeError
            If a rule of the user's does not compile: its line, and one sentence.
        """
        if self.runs:
            return
        rules, starts, keys, threads = self._asked
        runs: list[Run] = []
        with self._explaining():
            # units take turns among the workers; every worker has one desk for exact feedback
            for r, rule in enumerate(rules):
                beside = runs[r - self.workers] if r >= self.workers and not self.asked.feedback.sampled else None
                runs.append(Run.prepare(self.game, rule, self.steps, starts[r], self.record, self.trace, r, threads,
                                        keys[r], self.writer, beside, self.until))
            self._group(list(runs))
        self.runs, self._going = runs, len(runs)
        self.workers = min(self.workers, len(self.units))

    def _group(self, waiting: list[Run]) -> None:
        """Make units of the runs that go on: neighbours share vectors where their rule can."""
        self.units = []
        while waiting:
            one = waiting.pop(0)
            if waiting and self.asked.pairs(self.game, one.rule, waiting[0].rule):
                self.units.append(Pair.of(one, waiting.pop(0)))
            else:
                self.units.append(one)

    def __enter__(self) -> Job:
        own = bool(self._own_functions()) and threading.current_thread() is threading.main_thread()
        if self.workers > 1 or own:
            self._team = Team(self.workers, self.signals.wanted if own else None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._team is not None:
            self._team.close()

    def _share(self, worker: int, last: int, steps: int | None) -> None:
        for unit in self.units[worker::self.workers]:
            with self._blaming(unit):
                unit.advance(self.k, last, steps)

    def _advance(self, last: int, steps: int | None = None) -> None:
        """All runs, steps k..last-1, whole: a signal is heard afterwards."""
        with self.signals.undivided():
            if self._team is None:
                self._share(0, last, steps)
            else:
                try:
                    self._team.do(lambda worker: self._share(worker, last, steps))
                finally:
                    if self._team.left:
                        self.k = min(int(run.recorder.now[0]) for run in self.runs)
                        self.left = f"{self._suspects()} did not come back from step {self.k}"
            if steps is None or last <= steps:
                self.k = last
            if self.until is not None:
                self._part()
            self.check()

    def _part(self) -> None:
        """Leave behind the runs that have ended; whether those that go on share vectors changes no bit of them."""
        going = [run for run in self.runs if run.ended < 0]
        if not going:  # the rows of the trace end there, wherever the chunk did
            self.k = max(run.ended for run in self.runs)
        if len(going) < self._going:
            self._going = len(going)
            self._group(going)

    @property
    def settled(self) -> bool:
        """Whether the condition has ended every run."""
        return self.until is not None and all(run.ended >= 0 for run in self.runs)

    @property
    def lengths(self) -> list[int]:
        """Updates that every run has made."""
        return [run.ended if run.ended >= 0 else self.made for run in self.runs]

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """What of the user's does not compile is told by its line, in one sentence."""
        try:
            yield
        except Exception as error:
            own = self._own_kernels()
            compiler = type(error).__module__.partition(".")[0] == "numba"
            compiler = compiler or isinstance(error, NotImplementedError | AttributeError)
            if machine.UNCOMPILED or not own or not compiler:
                raise
            names = " or ".join(f"`{name}`" for name in own)
            raise explained(error, list(own.values()), f"{names} of {type(self.rule).__name__}") from error

    def _own_kernels(self) -> dict[str, Any]:
        """The kernels of the rule and its state that are not the package's, by name."""
        rule, state = self.asked, self.asked.state
        found = {"update": rule.update, "update_pair": rule.update_pair, "act": state.act, "publish": state.publish}
        return {name: each for name, each in found.items() if each is not None and not _ours(each)}

    def _own_functions(self) -> dict[str, Any]:
        """All that a run calls and that is not the package's: kernels, and functions of the rule and the game."""
        game = {getattr(each, "__name__", ""): each for each in getattr(self.game, "_functions", ())}
        given = game | self.rule._asdict()
        return self._own_kernels() | {name: each for name, each in given.items() if callable(each) and not _ours(each)}

    def _suspects(self) -> str:
        own = self._own_functions()
        of = type(self.rule).__name__ if self._own_kernels() else repr(self.game.name)
        return f"{' or '.join(f'`{name}`' for name in own) or 'a function'} of {of}"

    @contextlib.contextmanager
    def _blaming(self, unit: Run | Pair) -> Iterator[None]:
        """What code of the user's raises is told with its step, and with its line where the compiler knows it."""
        run = unit if isinstance(unit, Run) else unit.one
        with machine.Watch(run.recorder.now) as watch:
            try:
                yield
            except Exception as error:
                if watch.step < 0:  # not by compiled code
                    raise
                where = f"at step {watch.step}"
                if self.count > 1:
                    where += f" of run {next(r for r, each in enumerate(self.runs) if each is run)}"
                raise told(error, self._suspects(), where) from error

    def chunks(self, total: int | None = None) -> Iterator[int]:
        """Run on; yield the number of the next step after every chunk of about CHUNK_SECONDS."""
        count, total = 1, self.steps + 1 if total is None else total
        while self.k < total and not self.settled:
            last = min(total, self.k + count)
            if self.writer is not None:
                last = min(last, self.writer.until(self.k))
            began, made = time.perf_counter(), last - self.k
            self._advance(last)
            spent = time.perf_counter() - began
            count = max(1, int(made * min(10.0, CHUNK_SECONDS / max(spent, 1e-9))))
            if self.writer is not None and self.k >= self.writer.until(self.k):
                self.writer.flush(self.made)
            self.signals.ask()
            yield self.k

    def chunks_between(self, seen: Callable[[int], bool]) -> Iterator[int]:
        """As :meth:`chunks`, calling ``seen(k)`` at every recorded step k before its update, until it returns true."""
        for k in self.trace["step"][np.searchsorted(self.trace["step"], self.k):].tolist():
            yield from self.chunks(k)
            if self.settled and self.k < k:
                break
            if not self.settled:
                self._advance(k + 1, k)
            if seen(k) or self.settled:
                return
        yield from self.chunks()

    @property
    def made(self) -> int:
        """Updates made."""
        return min(self.k, self.steps)

    @property
    def rows(self) -> int:
        """Rows of the trace that every run has written, or that some has if runs end separately."""
        return (min if self.until is None else max)(int(run.recorder.cursor[0]) for run in self.runs)

    def faults(self) -> list[tuple[int, Float]]:
        """(run, note of :func:`check_policy_rows`) of every run whose policy stopped being one."""
        for run in self.runs:
            run.recorder.units.bounds[0](0, self.made)  # the one that watches the policy
        return [(r, run.recorder.fault) for r, run in enumerate(self.runs) if run.recorder.fault[0] >= 0]

    def publish(self) -> None:
        """Bring the public tables of every state up to date."""
        for run in self.runs:
            with self._blaming(run):
                run.publish()
        self.check()

    def check(self) -> None:
        """Raise what compiled code could only note down, of the game or of a state."""
        self.game.check()
        for run in self.runs:
            self.asked.state.check(run.state)

    # ------------------------------------------------------------------------------------------ leaving, coming back
    def arrays(self) -> dict[str, Any]:
        """All that a later job needs to go on from step ``made``."""
        self.publish()
        out = {f"trace/{name}": value[:self.rows] if name == "step" else value[:, :self.rows]
               for name, value in self.trace.items()}
        for name in leaves(self.runs[0].state):
            out[f"state/{name}"] = np.stack([leaves(run.state)[name] for run in self.runs])
        if self.asked.feedback.continues:
            out["place"] = np.stack([run.feedback.place for run in self.runs])
        out["keys"] = np.stack([run.key for run in self.runs])
        out["fault"] = np.stack([run.recorder.fault for run in self.runs])
        if self.until is not None:
            out["rows"] = np.array([run.recorder.cursor[0] for run in self.runs])
            for name in self._watched():
                out[f"until/{name}"] = np.stack([getattr(run.until, name) for run in self.runs])
        return out

    def _watched(self) -> list[str]:
        """What a condition remembers of a run."""
        return [name for name in ("ended", "decisions", "changed") if name in self.runs[0].until._fields]

    def _restore_ends(self, arrays: dict[str, Any]) -> None:
        """What the condition remembers, and the last rows of runs that it has ended."""
        for r, run in enumerate(self.runs):
            for name in self._watched():
                getattr(run.until, name)[...] = arrays[f"until/{name}"][r]
            if run.ended >= 0:
                rows = int(arrays["rows"][r])
                at = np.searchsorted(self.trace["step"], arrays["trace/step"][:rows])
                held = (at < self.trace["step"].size) & (self.trace["step"][np.minimum(at, self.trace["step"].size - 1)]
                                                         == arrays["trace/step"][:rows])
                for name, value in self.trace.items():
                    if name != "step":
                        value[r, at[held]] = arrays[f"trace/{name}"][r, :rows][held]
                run.recorder.cursor[0] = np.count_nonzero(held)
        self._part()

    def _refuse_strange(self, run: Run, found: dict[str, Any]) -> None:
        """Kernels look up tables by whole numbers that a state holds: a file's are those that a run can come to."""
        state = self.asked.state
        for name, value in found.items():
            if value.dtype.kind not in "iu":
                continue
            if name in state.holds_actions:
                _within(value, -1, np.array(self.game.num_actions) - 1)
            elif "." not in name:  # counts, and notes of steps
                _within(value, -1 if name not in COUNTED else 0, 2**53)
            elif _ours(type(run.state)) and not np.array_equal(value, leaves(run.state)[name]):
                raise ValueError  # how tables are laid out follows from the game

    def restore(self, arrays: dict[str, Any], k: int, segments: list[list[int]], owner: str | None = None) -> None:
        """Go on at step k from what :meth:`arrays` gave; ``owner``: whose the trajectory's folder has to be.

        Raises
        ------
        ValueError
            If the rule keeps something that is not there, before anything is changed.
        """
        missing = [name for name in leaves(self.runs[0].state) if f"state/{name}" not in arrays]
        if missing:
            raise storage.Damaged(f"the checkpoint holds no {', '.join(missing)} for {type(self.rule).__name__}: it "
                                  "was written by another version of the package; resume it with that one")
        with storage.as_damaged("this checkpoint"):
            known, steps = arrays["trace/step"], self.trace["step"]
            rows = int(np.searchsorted(known, k))
            kept, picked = np.isin(steps, known[:rows]), np.isin(known[:rows], steps)
            if not kept[:np.searchsorted(steps, k)].all():
                raise ValueError
            for name, value in self.trace.items():
                if name != "step":
                    _put(value[:, kept], arrays[f"trace/{name}"][:, :rows][:, picked])
                    value[:, kept] = arrays[f"trace/{name}"][:, :rows][:, picked]
            for r, run in enumerate(self.runs):
                self._refuse_strange(run, {name: arrays[f"state/{name}"][r] for name in leaves(run.state)})
                if self.asked.feedback.continues and self.game.exact:
                    _within(arrays["place"][r], 0, self.game.num_states - 1)
                _put(run.key, arrays["keys"][r])
                if "fault" in arrays:
                    _put(run.recorder.fault, arrays["fault"][r])
                for name, leaf in leaves(run.state).items():
                    _put(leaf, arrays[f"state/{name}"][r])
                if self.asked.feedback.continues:
                    _put(run.feedback.place, arrays["place"][r])
                    run.feedback.filled[0] = -1
                run.recorder.cursor[0] = np.searchsorted(steps, k)
            if self.until is not None:
                self._restore_ends(arrays)
        self.k = k
        if self.writer is not None:
            self.writer.restart(k, segments, owner)
