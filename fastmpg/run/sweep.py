"""A grid of parameters times seeds, on one processor or many machines, with a folder that is also the resume."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import itertools
import os
import pickle
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, ProcessPoolExecutor, wait
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import _check
from .._check.words import guided
from ..models.game import Game
from ..rules.rule import _label, contract_of
from ._sweep_folder import described_sweep, open_folder, state_of
from ._sweep_task import Failure, SweepWork, failed, file_of, found, gave_up, packed, run_task
from ._workers import pool_of
from .drive import _check_inputs
from .learn import learn
from .progress import Progress
from .record import Record
from .result import Interrupted, Result, vars_of
from .signals import Signals
from .until import Below, Unchanged, condition

ALONE, DEATHS = 2, 5  # workers that may die at a task before it is made alone, and before it is given up


class SweepInterrupted(Interrupted):
    """Ctrl-C or SIGTERM during a sweep; ``.result`` is the :class:`Sweep` so far."""


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Sweep:
    """The outcome of :func:`sweep`.

    Attributes
    ----------
    results : ndarray of object (*grid, runs)
        A :class:`Result`, or a :class:`Failure`, or None where a task was not made.
    dims : tuple of str
        Names of its axes: the grid's parameters, and "run".
    coords : mapping of str to ndarray
        What stands along them.
    folder : str or None
        Where the files are.
    """

    results: Any
    dims: tuple[str, ...]
    coords: Mapping[str, Any]
    folder: str | None = None

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Sweep:
        """What a folder holds, finished or not; nothing is run.

        Raises
        ------
        ValueError
            If it holds no sweep.
        """
        where = _check.path(folder, "folder")
        told, _ = state_of(where, thorough=False)
        coords = {name: np.array(values) for name, values in told["grid"].items()} | {"run": np.arange(told["runs"])}
        shape = tuple(len(each) for each in coords.values())
        results = np.empty(shape, object)
        for task, at in enumerate(np.ndindex(shape)):
            results[at] = found(where, told["id"], task) or failed(where, told["id"], task)
        return cls(results, tuple(coords), coords, where)

    @property
    def failures(self) -> dict[tuple[int, ...], Failure]:
        """Tasks that raised an error, by their place in ``results``."""
        return {at: each for at, each in np.ndenumerate(self.results) if isinstance(each, Failure)}

    def stack(self) -> Result:
        """All runs as one :class:`Result`, as :func:`ensemble` gives it.

        Raises
        ------
        ValueError
            If a task is missing or failed.
        """
        flat = list(self.results.ravel())
        missing = sum(not isinstance(each, Result) for each in flat)
        if missing:
            raise ValueError(f"{missing} of {len(flat)} tasks have no result: call the sweep again with its folder, or "
                             "use `results`")
        longest = max(flat, key=lambda each: each.trace["step"].size)
        rows, shape = longest.trace["step"].size, self.results.shape

        def stacked(values: list[Any]) -> Any:
            return np.stack(values).reshape(*shape, *np.shape(values[0]))

        def whole(name: str, each: Result) -> Any:
            value = each.trace[name]
            padded = np.full((rows, *value.shape[1:]), np.nan)
            padded[:len(value)] = value
            return padded

        trace = {name: longest.trace[name] if name == "step" else stacked([whole(name, each) for each in flat])
                 for name in longest.trace}
        state = {name: stacked([vars_of(each.state)[name] for each in flat]) for name in vars_of(flat[0].state)}
        counts = Counter(each.status for each in flat)
        ends = np.array([each.steps for each in flat])
        return Result(stacked([each.policy for each in flat]), trace, max(counts, key=counts.__getitem__),
                      ", ".join(f"{count} {status}" for status, count in counts.items()),
                      int(ends[0]) if (ends == ends[0]).all() else ends.reshape(shape), SimpleNamespace(**state),
                      flat[0].rule.partition("(")[0], flat[0].game, None, self.dims, dict(self.coords),
                      {name: value for name, value in flat[0].about.items() if name not in ("sweep", "rng")})

    def table(self) -> list[dict[str, Any]]:
        """A row a task: parameters, run, status, steps, and the last largest NE-gap where it was recorded."""
        rows = []
        for at, each in np.ndenumerate(self.results):
            row = {name: self.coords[name][k].item() for name, k in zip(self.dims, at, strict=True)}
            if isinstance(each, Result):
                row |= {"status": each.status, "steps": each.steps}
                if "ne_gap" in each.trace and each.trace["step"].size:
                    row["ne_gap"] = float(each.trace["ne_gap"][-1].max())
            else:
                row |= {"status": "missing" if each is None else f"failed: {each.error}: {each.message}", "steps": 0}
            rows.append(row)
        return rows

    def __repr__(self) -> str:
        counts = Counter("missing" if each is None else "failed" if isinstance(each, Failure) else each.status
                         for each in self.results.ravel())
        axes = " x ".join(f"{name} ({len(self.coords[name])})" for name in self.dims)
        where = "" if self.folder is None else f", in {self.folder}"
        return f"<Sweep: {axes}, {', '.join(f'{n} {what}' for what, n in counts.items())}{where}>"


@guided
def sweep(game: Game, rule: Any, steps: int, grid: Mapping[str, Any] | None = None, *, runs: int = 1,
          policy: Any = None, rng: Any = 0, record: Record | None = None, until: Unchanged | Below | None = None,
          executor: Executor | int | None = None, folder: str | os.PathLike[str] | None = None,
          progress: bool = False) -> Sweep:
    """Run a rule at every point of a grid of its parameters, over seeds, on anything that runs tasks.

    Parameters
    ----------
    game, rule, steps, policy, record, until : as for :func:`learn`
    grid : mapping of str to sequence, optional
        Parameters of the rule and their values; every combination is made.
    runs : int
        Runs at every point.
    rng : None, int, SeedSequence or Generator
        Run r, at every point of the grid, has the r-th child of its seed sequence: its bits are those of
        ``learn(..., rng=numpy.random.SeedSequence(seed).spawn(runs)[r])`` and of run r of an :func:`ensemble`,
        whichever machine it was made on.
    executor : concurrent.futures.Executor or int, optional
        What runs the tasks: a number of processes, or any executor, such as ``loky.get_reusable_executor()``,
        ``dask.distributed.Client(...).get_executor()`` or ``mpi4py.futures.MPIPoolExecutor()``. Without it one after
        the other, here. Workers use one thread each.
    folder : path, optional
        Where every finished task leaves a file, which all workers must see. Called again with it, whatever became of
        the last call and with whatever executor, only what is missing is made; failed tasks are tried again.
    progress : bool
        A bar of tasks with the time that remains, on a terminal or in a notebook.

    Returns
    -------
    Sweep
        With a result a task, or a :class:`Failure` that says what it raised; the other tasks go on.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, the folder holds something else, or a game or rule cannot be sent to another
        process: before anything runs.
    SweepInterrupted
        At Ctrl-C or SIGTERM; ``.result`` has what is finished.

    Examples
    --------
    >>> import fastmpg as fm
    >>> found = fm.sweep(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(eta=1.0), 50, {"eta": [0.1, 1.0]}, runs=3,
    ...                  policy="random", record=fm.Record(every=50))
    >>> found
    <Sweep: eta (2) x run (3), 6 done>
    >>> found.stack().trace["ne_gap"].shape
    (2, 3, 2, 2)
    """
    _check.flag(progress, "progress")
    runs, axes = _check.integer(runs, "runs", low=1), _axes(rule, grid)
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    _check.budget(2000 * runs * len(points), f"a sweep of {runs * len(points)} tasks", "ask for fewer")
    checked = [_check_inputs(game, rule._replace(**point), steps, record) for point in points]
    _, steps, record = checked[0]
    if record.trajectory is not False:
        raise ValueError("record.trajectory: tasks of a sweep share no folder of moves; use learn() for that run")
    until, seed = condition(until, record), _check.seed_sequence(rng)
    where = None if folder is None else _check.path(folder, "folder")
    sent = _sendable(game, rule, executor)
    learn(game, checked[0][0], 0, policy=policy, rng=seed, record=Record(metrics=()))  # a policy that does not fit
    told = described_sweep(game, rule, steps, axes, runs, policy, seed, record, until)
    if where is not None:
        open_folder(where, told)
    work = SweepWork(told["id"], *packed(game, sent, where), rule, steps, policy, record, until, seed, where,
                     os.getpid())
    coords = {name: _column(values) for name, values in axes.items()} | {"run": np.arange(runs)}
    results = np.empty((*(len(each) for each in axes.values()), runs), object)
    tasks = [(task, task % runs, points[task // runs]) for task in range(results.size)]
    status = _all(work, game, tasks, results, executor, progress)
    out = Sweep(results, tuple(coords), coords, where)
    if where is not None:
        out = dataclasses.replace(out, results=Sweep.load(where).results)
    if status:
        error = SweepInterrupted(f"interrupted, {status}: " + ("what is finished is in .result" if where is None else
                                                               f"call it again with folder={where!r} to go on"))
        error.result = out  # type: ignore[assignment]
        raise error
    return out


def _axes(rule: Any, grid: Any) -> dict[str, list[Any]]:
    """The grid as lists, checked against the rule."""
    contract_of(rule)
    if grid is not None and not isinstance(grid, Mapping):
        raise TypeError("grid must be a mapping of a parameter's name to its values, as {'eta': [0.1, 0.2]}, found "
                        f"{_check.shown(grid)}")
    axes = {}
    for name, values in (grid or {}).items():
        if name not in rule._fields:
            raise ValueError(f"grid: {type(rule).__name__} has no parameter {_check.shown(name)}; it has "
                             f"{', '.join(rule._fields)}")
        listed = _check.sequence(values, f"grid[{name!r}]", "at least one value")
        if not listed:
            raise ValueError(f"grid[{name!r}] must have at least one value")
        axes[name] = list(listed)
    return axes


def _column(values: list[Any]) -> Any:
    """Values along an axis as an array; what is no number or word as it is written."""
    found = np.array(values) if all(isinstance(v, bool | int | float | str | np.generic) for v in values) else None
    return np.array([str(v) for v in values]) if found is None else found


def _sendable(game: Game, rule: Any, executor: Any) -> Any:
    """What makes bytes of a game, if tasks can be sent where they are made; None where they stay here.

    Raises
    ------
    TypeError
        If they cannot, or nothing can run them.
    """
    if executor is None:
        return None
    if not (_check.is_int(executor) or callable(getattr(executor, "submit", None))):
        raise TypeError("executor must be a number of processes or a concurrent.futures.Executor, found "
                        f"{_check.shown(executor)}")
    if _check.is_int(executor):
        _check.integer(executor, "executor", low=1)
    dumps = pickle.dumps
    if not isinstance(executor, int | ProcessPoolExecutor):
        with contextlib.suppress(ImportError):  # loky and dask send what pickle cannot
            dumps = importlib.import_module("cloudpickle").dumps
    for what, each in (("game", game), ("rule", rule)):
        try:
            dumps(each)
        except Exception as error:
            raise TypeError(f"{what} cannot be sent to another process ({error}): define its functions and classes in "
                            "a module that can be imported there, or leave executor out") from None
    return dumps


def _all(work: SweepWork, game: Game, tasks: list[Any], results: Any, executor: Any, progress: bool) -> str:
    """Make all tasks; an empty string, or how many were made before Ctrl-C."""
    waiting = [each for each in tasks if work.folder is None or found(work.folder, work.sweep, each[0]) is None]
    if len(waiting) < len(tasks) and work.folder is not None:
        damaged = [task for task, *_ in waiting if os.path.lexists(file_of(work.folder, task))]
        if damaged:
            warnings.warn(f"{len(damaged)} of {len(tasks)} tasks in {work.folder} are damaged and made again",
                          UserWarning, stacklevel=4)
    made = len(tasks) - len(waiting)
    with Progress(len(tasks), _label(work.rule).partition("(")[0], progress, " tasks") as bar, Signals() as signals:
        try:
            if waiting and executor is not None:
                _compile(work, game, waiting[0])
            bar.begin()
            bar.advance(made)
            for task, outcome in _outcomes(work, game, waiting, executor):
                results.ravel()[task] = outcome
                bar.advance(1)
                made += 1
                signals.ask()
        except KeyboardInterrupt:
            return f"{made} of {len(tasks)} tasks were made"
        except BrokenExecutor as error:
            raise type(error)(f"a worker of the executor died after {made} of {len(tasks)} tasks: with a folder, call "
                              "the sweep again to make the rest; a number of processes instead of an executor goes on "
                              "by itself") from error
    return ""


def _compile(work: SweepWork, game: Game, task: Any) -> None:
    """Fill the cache that workers share, once, before they all compile the same."""
    record = work.record.replace(steps=[0])
    rule = work.rule._replace(**task[2])
    if learn(game, rule, 1, policy=work.policy, rng=work.seed, record=record, throw=False).status == "interrupted":
        raise KeyboardInterrupt


def _outcomes(work: SweepWork, game: Game, tasks: list[Any], executor: Any) -> Iterator[tuple[int, Any]]:
    """(task, its outcome) as they come."""
    if executor is None:
        for task in tasks:
            number, run, point = task
            yield number, run_task(work, number, run, point, game)
    elif _check.is_int(executor):
        yield from _in_processes(work, tasks, int(executor))
    else:
        yield from _submitted(work, tasks, executor)


def _submitted(work: SweepWork, tasks: list[Any], executor: Any, most: int | None = None) -> Iterator[tuple[int, Any]]:
    """As they come from an executor, which knows of so many at a time."""
    waiting = iter(tasks)
    futures: dict[Any, int] = {}
    try:
        while True:
            for task in itertools.islice(waiting, None if most is None else most - len(futures)):
                futures[executor.submit(run_task, work, *task)] = task[0]
            if not futures:
                return
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                yield futures.pop(future), outcome
    except BrokenExecutor as error:
        error.left = set(futures.values())  # type: ignore[attr-defined]
        raise
    finally:
        for future in futures:
            future.cancel()


def _in_processes(work: SweepWork, tasks: list[Any], count: int) -> Iterator[tuple[int, Any]]:
    """In processes of our own: those that die are replaced, and what they left is made again."""
    waiting, deaths = {task[0]: task for task in tasks}, Counter[int]()
    while waiting:
        # those that two deaths have stopped come last and alone, so that a death is their own
        chosen = [task for each, task in waiting.items() if deaths[each] < ALONE] or [next(iter(waiting.values()))]
        try:
            with pool_of(min(count, len(chosen))) as pool:
                # no more than they work at, so that it is seen whose tasks a death has stopped
                for task, outcome in _submitted(work, chosen, pool, count):
                    del waiting[task]
                    yield task, outcome
        except BrokenExecutor as error:
            for task in [each for each in waiting if each in error.left]:  # type: ignore[attr-defined]
                deaths[task] += 1
                if deaths[task] >= DEATHS:
                    del waiting[task]
                    yield task, gave_up(work, task, f"a process that worked at it died {DEATHS} times")
