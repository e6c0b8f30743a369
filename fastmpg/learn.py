"""Running rules on games: one run, or many side by side."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from . import _check, _jit
from ._check import Float
from .evaluate import PARALLEL_WORK, Oracle
from .loop import run_chunk
from .models.game import Game, check_game
from .policy import check_policy, random_policy, uniform_policy
from .progress import Progress
from .record import Record, Recorder
from .result import Diverged, Interrupted, Result
from .rules.state import TableState

CHUNK_SECONDS = 0.1  # how long compiled code runs before Python hears Ctrl-C, shows progress and calls back


class Snapshot(NamedTuple):
    """What a callback sees after a recorded step.

    Attributes
    ----------
    step : int
    policy : ndarray (S, A_total)
    trace : dict of ndarray
        Rows recorded so far, this one last.
    """

    step: int
    policy: Float
    trace: dict[str, Any]


class _Run(NamedTuple):
    """One run ready to go: everything the loop takes."""

    rule: Any
    model: Any
    state: Any
    feedback: Any
    recorder: Recorder
    steps: int
    threaded: bool

    def advance(self, first: int, last: int, steps: int | None = None) -> None:
        """Steps first..last-1; ``steps``: the one that observes and records only, by default the run's last."""
        with _jit.parallel_region(self.threaded):
            run_chunk(self.rule, self.model, self.state, self.feedback, self.recorder, np.uint64(0), first, last,
                      self.steps if steps is None else steps)

    def chunks(self, first: int = 0, total: int | None = None) -> Iterator[int]:
        """Run on; yield the number of the next step after every chunk of about CHUNK_SECONDS."""
        count, total = 1, self.steps + 1 if total is None else total
        while first < total:
            last = min(total, first + count)
            began = time.perf_counter()
            self.advance(first, last)
            spent = time.perf_counter() - began
            count = max(1, int(count * min(10.0, CHUNK_SECONDS / max(spent, 1e-9))))
            first = last
            yield first

    def chunks_between(self, steps: list[int], seen: Callable[[int], bool]) -> Iterator[int]:
        """As :meth:`chunks`, calling ``seen(k)`` at every listed step k, recorded and not yet updated, until it returns true."""
        first = 0
        for k in steps:
            yield from self.chunks(first, k)
            first = k
            self.advance(k, k + 1, k)
            if seen(k):
                return
        yield from self.chunks(first)


def _checked_rule(rule: Any) -> Any:
    if isinstance(rule, type):
        raise TypeError(f"rule must be an instance, found the class {rule.__name__}; write {rule.__name__}(...)")
    if not (isinstance(rule, tuple) and hasattr(rule, "_fields") and hasattr(type(rule), "update")):
        raise TypeError(f"rule must be a NamedTuple with a static kernel `update`, found {rule!r}; see fastmpg.rules")
    return rule.checked() if hasattr(rule, "checked") else rule


def _prepare(game: Game, rule: Any, steps: int, policy: Float, record: Record, trace: dict[str, Any], run: int,
             threads: int | None) -> _Run:
    kind = type(rule)
    feedback_type = getattr(kind, "feedback", Oracle)
    state = getattr(kind, "state", TableState).start(game, policy)
    tau = float(getattr(rule, "temperature", 0.0))
    feedback = feedback_type.create(game, temperature=tau, wants_value=bool(getattr(rule, "uses_value", True)),
                                    wants_visit=bool(getattr(rule, "uses_visitation", True)), threads=threads)
    recorder = record.recorder(game, trace, run, feedback, tau)
    numbers = rule.compiled() if hasattr(rule, "compiled") else rule
    return _Run(numbers, game.model, state, feedback, recorder, steps,
                game.work_size > PARALLEL_WORK if threads is None else threads > 1)


def _initial(game: Game, rule: Any, policy: Any, rng: Any) -> Float:
    if isinstance(policy, str):
        if policy not in ("uniform", "random"):
            raise ValueError(f'policy must be an array, "uniform" or "random", found {policy!r}')
        table = uniform_policy(game) if policy == "uniform" else random_policy(game, rng)
    else:
        table = uniform_policy(game) if policy is None else check_policy(game, policy)
    if getattr(rule, "lam", 0.0) > 0.0 and (table <= 0.0).any():
        s, c = (int(x) for x in np.argwhere(table <= 0.0)[0])
        i = int(np.searchsorted(game.offset, c, side="right")) - 1
        raise ValueError(f"a log-barrier needs every initial probability above 0, found {table[s, c]} for player {i}, "
                         f"action {c - int(game.offset[i])} in state {s}")
    return table


def _check_inputs(game: Any, rule: Any, steps: Any, record: Any) -> tuple[Any, int, Record]:
    check_game(game)
    if not (record is None or isinstance(record, Record)):
        raise TypeError(f"record must be a fastmpg.Record, found {record!r}")
    return _checked_rule(rule), _check.integer(steps, "steps", low=0), record or Record()


def _label(rule: Any) -> str:
    parts = ", ".join(f"{k}={v!r}" if not isinstance(v, np.ndarray) else f"{k}=<{v.shape}>" for k, v in rule._asdict().items())
    return f"{type(rule).__name__}({parts})"


def _trim(trace: dict[str, Any], rows: int, lead: int) -> dict[str, Any]:
    """The rows written so far; ``lead`` run axes come before them."""
    cut = (slice(None),) * lead + (slice(0, rows),)
    views = {name: value[:rows] if name == "step" else value[cut] for name, value in trace.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


def _finished(game: Game, rule: Any, run: _Run, trace: dict[str, Any], done: int, status: str) -> Result:
    made = min(done, run.steps)
    if not np.isfinite(run.state.policy).all():
        status = "diverged"
    message = {"done": f"all {run.steps} steps were made", "stopped": f"the callback ended the run after step {made}",
               "interrupted": f"interrupted after {made} of {run.steps} steps",
               "diverged": f"the policy held NaN after {made} steps: try a smaller step size, or clip"}[status]
    return Result(run.state.policy, trace, status, message, made, run.state, _label(rule), game.name)


def _throw(result: Result, throw: bool) -> Result:
    if throw and result.status in ("interrupted", "diverged"):
        error: Interrupted | Diverged = (Interrupted if result.status == "interrupted" else Diverged)(result.message)
        error.result = result
        raise error
    return result


def learn(game: Game, rule: Any, steps: int, *, policy: Any = None, rng: Any = None, record: Record | None = None,
          callback: Callable[[Snapshot], Any] | None = None, progress: bool = False, throw: bool = True) -> Result:
    """Run a learning rule on a game.

    Parameters
    ----------
    game : Game
    rule : NamedTuple
        One of :mod:`fastmpg.rules`, or one of your own (see the README).
    steps : int
        Updates to make; all players move at once in each.
    policy : array_like (S, A_total), list of (S, A_i), "uniform" or "random", optional
        Where to start; uniform by default. It is copied.
    rng : None, int, SeedSequence or Generator
        For policy="random".
    record : Record, optional
        What to write down; NE-gap and value at every step by default.
    callback : callable, optional
        Called with a :class:`Snapshot` after every recorded step; a true return value ends the run.
    progress : bool
        Show a bar on a terminal.
    throw : bool
        Raise when the run was interrupted or diverged (the exception's ``.result`` holds what was computed); if false,
        return with that status.

    Returns
    -------
    Result

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, before anything runs.
    MemoryError
        If the trace or the workspace would not fit.
    Diverged, Interrupted
        See ``throw``.

    Examples
    --------
    >>> import fastmpg as fm
    >>> result = fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(eta=5.0), 10)
    >>> result.trace["ne_gap"].max(axis=1)[[0, -1]].round(6)
    array([0.38    , 0.003457])
    """
    rule, steps, record = _check_inputs(game, rule, steps, record)
    start = _initial(game, rule, policy, rng)
    trace = record.allocate(game, steps, 1)
    run = _prepare(game, rule, steps, start, record, trace, 0, None)
    one = {name: value if name == "step" else value[0] for name, value in trace.items()}
    status, done = "done", 0

    def show(k: int) -> bool:
        nonlocal status, done
        done = k
        if callback is not None and callback(Snapshot(k, run.state.policy.copy(), _trim(one, int(run.recorder.cursor[0]), 0))):
            status = "stopped"
        return status == "stopped"

    try:
        with Progress(steps + 1, type(rule).__name__, progress) as bar:
            for after in run.chunks() if callback is None else run.chunks_between(trace["step"].tolist(), show):
                bar.advance(after - done)
                done = after
    except KeyboardInterrupt:
        status = "interrupted"
    return _throw(_finished(game, rule, run, _trim(one, int(run.recorder.cursor[0]), 0), done, status), throw)


def ensemble(game: Game, rule: Any, steps: int, runs: int | None = None, *, policy: Any = None, rng: Any = 0,
             record: Record | None = None, progress: bool = False, throw: bool = True, threads: int | None = None) -> Result:
    """Run a rule many times side by side, over seeds and over a grid of its parameters.

    Parameters
    ----------
    game, rule, steps, record, progress, throw
        As for :func:`learn`. The rule's parameters may be arrays: they broadcast against each other and against the run
        axis (runs,), as numpy arrays do. tau of shape (8, 1) with runs=20 makes 8 x 20 runs.
    runs : int, optional
        Length of the run axis, the last of the leading axes; without it the parameters' own shape is used.
    policy : as for :func:`learn`, or array_like (runs, S, A_total)
        "random" draws one initial policy per place on the run axis, the same for every parameter.
    rng : None, int, SeedSequence or Generator
        Place r on the run axis is seeded by the r-th child of its seed sequence.
    threads : int, optional
        Runs at a time; by default as many as numba has threads.

    Returns
    -------
    Result
        With the run axes in front of ``policy`` and of every array of the trace but "step".

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> rule = fm.rules.EntropyNaturalGradientPlay(eta=0.1, tau=np.array([[0.1], [1.0]]))
    >>> result = fm.ensemble(fm.games.zhang_3x2(), rule, 100, runs=3, policy="random", record=fm.Record(every=50))
    >>> result.policy.shape, result.trace["ne_gap"].shape
    ((2, 3, 1, 5), (2, 3, 3, 2))
    """
    if runs is not None:
        runs = _check.integer(runs, "runs", low=1)
    if isinstance(rule, type) or not hasattr(rule, "_asdict"):
        _checked_rule(rule)
    fields = {k: np.asarray(v) if isinstance(v, np.ndarray | list) else v for k, v in rule._asdict().items()}
    try:
        shape = np.broadcast_shapes(*(v.shape for v in fields.values() if isinstance(v, np.ndarray)), () if runs is None else (runs,))
    except ValueError:
        shapes = {k: v.shape for k, v in fields.items() if isinstance(v, np.ndarray)}
        raise ValueError(f"the rule's parameters {shapes} do not broadcast against the run axis ({runs},)") from None
    count, places = int(np.prod(shape, dtype=object)), int(shape[-1]) if shape else 1
    if count == 0:
        raise ValueError(f"the grid of the rule's parameters is empty: shape {shape}")
    grid = {k: np.broadcast_to(v, shape).ravel() if isinstance(v, np.ndarray) else itertools.repeat(v, count) for k, v in fields.items()}
    rules = [type(rule)(**dict(zip(grid, values, strict=True))) for values in zip(*grid.values(), strict=True)] or [rule] * count
    checked = [_check_inputs(game, one, steps, record) for one in rules]
    total, what = checked[0][1], checked[0][2]
    seeds = _check.children(_check.seed_sequence(rng), places)
    many = policy is not None and not isinstance(policy, str | list | tuple) and np.ndim(policy) == 3
    if many and np.shape(policy)[0] != places:
        raise ValueError(f"policy must have one entry per run, ({places}, S, A_total), found shape {np.shape(policy)}")
    starts = [_initial(game, checked[0][0], policy[r] if many else policy, seeds[r]) for r in range(places)]
    trace = what.allocate(game, total, count)
    workers = _check.integer(threads, "threads", low=1) if threads is not None else _jit.threads()
    if game.workspace_bytes() * workers > _check.free_bytes() // 2:
        workers = 1
    kernel_threads = None if workers == 1 or count == 1 else 1
    stop = threading.Event()

    def work(r: int) -> tuple[_Run, int]:
        run, done = _prepare(game, checked[r][0], total, starts[r % places], what, trace, r, kernel_threads), 0
        for after in run.chunks():
            bar.advance(after - done)
            done = after
            if stop.is_set():
                break
        return run, done

    status = "done"
    with Progress(count * (total + 1), f"{count} runs", progress) as bar, ThreadPoolExecutor(min(workers, count)) as pool:
        futures = [pool.submit(work, r) for r in range(count)]
        try:
            outcomes = [future.result() for future in futures]
        except KeyboardInterrupt:
            status = "interrupted"
            stop.set()
            for future in futures:
                future.cancel()
            outcomes = [future.result() for future in futures if not future.cancelled()]
            if len(outcomes) < count:  # runs that never began: their rows stay NaN
                spare = _prepare(game, checked[0][0], total, starts[0], what, trace, count - 1, 1)
                blank = type(spare.state)(*(np.full_like(x, np.nan) for x in spare.state))
                outcomes += [(spare._replace(state=blank), 0)] * (count - len(outcomes))
    states = [run.state for run, _ in outcomes]
    stacked = type(states[0])(*(np.stack(arrays).reshape(*shape, *arrays[0].shape) for arrays in zip(*states, strict=True)))
    made = min(min(done for _, done in outcomes), total)
    bad = int((~np.isfinite(stacked.policy)).any(axis=(-2, -1)).sum())
    if status == "done" and bad:
        status = "diverged"
    message = {"done": f"all {total} steps of {count} runs were made", "interrupted": "interrupted: some runs are not complete",
               "diverged": f"in {bad} of {count} runs the policy held NaN: try a smaller step size, or clip"}[status]
    shaped = {name: value if name == "step" else value.reshape(*shape, *value.shape[1:]) for name, value in trace.items()}
    label = _label(type(rule)(**fields))
    return _throw(Result(stacked.policy, shaped, status, message, made, stacked, label, game.name), throw)
