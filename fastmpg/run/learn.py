"""Running rules on games: one run, or many side by side."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game
from ..policy import check_policy, random_policy, uniform_policy
from . import checkpoint as _checkpoint
from .checkpoint import Keeper
from .job import Job, leaves, run_key
from .progress import Progress
from .record import Record
from .result import Diverged, Interrupted, Result


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


def _checked_rule(rule: Any) -> Any:
    if isinstance(rule, type):
        raise TypeError(f"rule must be an instance, found the class {rule.__name__}; write {rule.__name__}(...)")
    if not (isinstance(rule, tuple) and hasattr(rule, "_fields") and hasattr(type(rule), "update")):
        raise TypeError(f"rule must be a NamedTuple with a static kernel `update`, found {rule!r}; see fastmpg.rules")
    return rule.checked() if hasattr(rule, "checked") else rule


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


def _finish(job: Job, shape: tuple[int, ...] | None, label: str, status: str, throw: bool, said: str = "") -> Result:
    """What a job leaves behind; ``shape``: the run axes, None for a single run."""
    job.publish()
    lead = shape or ()
    rows = job.rows

    def shaped(values: Any) -> Any:
        stacked = np.stack(values)
        return stacked.reshape(*lead, *stacked.shape[1:])

    names = [name for name in leaves(job.runs[0].state) if "." not in name]
    state = {name: shaped([getattr(run.state, name) for run in job.runs]) for name in names}
    trace = {name: value[:rows] if name == "step" else value[:, :rows].reshape(*lead, rows, *value.shape[2:])
             for name, value in job.trace.items()}
    trajectory = None
    if job.writer is not None:
        trajectory = job.writer.close(job.made, [run.feedback.place[0] for run in job.runs])
        if job.writer.folder is None:
            trajectory.reshape(lead)
    bad = int((~np.isfinite(state["policy"])).any(axis=(-2, -1)).sum())
    if bad:
        status = "diverged"
    count, what = len(job.runs), "the policy" if shape is None else f"in {bad} of {len(job.runs)} runs the policy"
    of = "" if shape is None else f" of {count} runs"
    message = {"done": f"all {job.steps} steps{of} were made", "stopped": f"the callback ended the run after step {job.made}",
               "interrupted": f"interrupted after {job.made} of {job.steps} steps{of}",
               "diverged": f"{what} held NaN after {job.made} steps: try a smaller step size, or clip"}[status]
    result = Result(state["policy"], trace, status, f"{message} ({said})" if said else message, job.made, SimpleNamespace(**state),
                    label, job.game.name, trajectory)
    if throw and status in ("interrupted", "diverged"):
        error: Interrupted | Diverged = (Interrupted if status == "interrupted" else Diverged)(result.message)
        error.result = result
        raise error
    return result


def _drive(job: Job, keeper: Keeper | None, callback: Callable[[Snapshot], Any] | None, progress: bool, label: str) -> str:
    """Run a job to its end, or until it is told to stop; its status."""
    status = "done"

    def show(k: int) -> bool:
        nonlocal status
        job.publish()
        rows = job.rows
        trace = {name: value[:rows] if name == "step" else value[0, :rows] for name, value in job.trace.items()}
        for view in trace.values():
            view.flags.writeable = False
        if callback is not None and callback(Snapshot(k, job.runs[0].state.policy.copy(), trace)):
            status = "stopped"
        return status == "stopped"

    count = len(job.runs)
    with job, Progress(count * (job.steps + 1), label, progress) as bar:
        try:
            job.compile()
            if keeper is not None:
                keeper.save(job, "running")
            before = 0
            for after in job.chunks() if callback is None else job.chunks_between(show):
                bar.advance(count * (after - before))
                before = after
                if keeper is not None:
                    keeper.save_if_due(job)
        except KeyboardInterrupt:
            status = "interrupted"
        if keeper is not None:
            with job.signals.undivided(quiet=True):
                keeper.save(job, status)
    return status


def learn(game: Game, rule: Any, steps: int, *, policy: Any = None, rng: Any = None, record: Record | None = None,
          callback: Callable[[Snapshot], Any] | None = None, checkpoint: str | os.PathLike[str] | None = None, progress: bool = False,
          throw: bool = True) -> Result:
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
        Of sampled rules and of policy="random".
    record : Record, optional
        What to write down; NE-gap and value at every step by default.
    callback : callable, optional
        Called with a :class:`Snapshot` after every recorded step; a true return value ends the run.
    checkpoint : path, optional
        A file to keep up to date with all that :func:`resume` needs, from the first second on: at kill -9 at most the last
        seconds are made again; Ctrl-C and SIGTERM write it before the run ends.
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
    record = _streamed(record, checkpoint)
    start = _initial(game, rule, policy, rng)
    job = Job(game, [rule], steps, record, [start], [run_key(_check.seed_sequence(rng))], None, single=True)
    keeper = None if checkpoint is None else Keeper(checkpoint, *_described(rule, record, None), game)
    status = _drive(job, keeper, callback, progress, type(rule).__name__)
    return _finish(job, None, _label(rule), status, throw)


def _streamed(record: Record, checkpoint: Any) -> Record:
    """A trajectory of a run with checkpoints goes to files, of which a checkpoint holds the names alone."""
    if record.trajectory is True and checkpoint is not None:
        return record.replace(trajectory=f"{os.fspath(checkpoint)}.trajectory")
    return record


def _described(rule: Any, record: Record, shape: tuple[int, ...] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A rule and a record as JSON and arrays."""
    fields = rule._asdict()
    arrays = {f"rule/{name}": np.asarray(value) for name, value in fields.items() if isinstance(value, np.ndarray | list)}
    plain = {name: value for name, value in fields.items() if f"rule/{name}" not in arrays}
    kind = type(rule)
    return {"rule": {"module": kind.__module__, "name": kind.__qualname__, "fields": plain}, "record": record.options(),
            "shape": None if shape is None else list(shape)}, arrays


def _rule_of(arrays: dict[str, Any], meta: dict[str, Any], given: Any) -> Any:
    told = meta["rule"]
    if not told["module"].startswith("fastmpg.rules."):
        if given is None:
            raise ValueError(f"{told['name']} is a rule of {told['module']}, which checkpoints do not import: give it, "
                             "resume(path, rule=...)")
        if type(given).__qualname__ != told["name"]:
            raise ValueError(f"the rule of this checkpoint is a {told['name']}, found {given!r}")
        return given
    kind = getattr(importlib.import_module(told["module"]), told["name"])
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in told["fields"].items()}
    rule = kind(**fields, **{name.partition("/")[2]: value for name, value in arrays.items() if name.startswith("rule/")})
    if given is not None and _label(given) != _label(rule):
        raise ValueError(f"the rule of this checkpoint is {_label(rule)}, found {_label(given)}")
    return rule


def resume(path: str | os.PathLike[str], steps: int | None = None, *, game: Game | None = None, rule: Any = None,
           callback: Callable[[Snapshot], Any] | None = None, progress: bool = False, throw: bool = True,
           threads: int | None = None) -> Result:
    """Go on from a checkpoint, bit for bit as if the run had never stopped, and keep the checkpoint up to date.

    Parameters
    ----------
    path : path
        What was given to ``checkpoint``.
    steps : int, optional
        A new number of updates, counted from the run's beginning; the run's own by default. A finished run is returned as it is.
    game, rule : optional
        Needed if they are made of functions of yours, which are not stored: simulators, and rules from outside the package.
    callback, progress, throw, threads
        As for :func:`learn` and :func:`ensemble`.

    Returns
    -------
    Result

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    ValueError
        If the checkpoint and the one before it are damaged, or what is given is not what ran, or ``steps`` lie behind.

    Warns
    -----
    CheckpointWarning
        If the newest checkpoint was damaged, and the one before it was used; the result's message says so too.

    Examples
    --------
    >>> import tempfile, fastmpg as fm
    >>> path = tempfile.mkdtemp() + "/run.ckpt"
    >>> half = fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(eta=5.0), 50, checkpoint=path)
    >>> whole = fm.resume(path, steps=100)
    >>> bool((whole.policy == fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(eta=5.0), 100).policy).all())
    True
    """
    arrays, meta, said = _checkpoint.load(path)
    made, target = meta["k"], meta["steps"] if steps is None else _check.integer(steps, "steps", low=0)
    if target < made:
        raise ValueError(f"steps must be at least the {made} that were made, found {target}")
    world = _checkpoint.load_game(path, arrays, meta, game)
    whole_rule = _rule_of(arrays, meta, rule)
    shape = None if meta["shape"] is None else tuple(meta["shape"])
    rules = [_checked_rule(one) for one in (_spread(whole_rule, shape or ())[0] if shape is not None else [whole_rule])]
    record = Record(**meta["record"])
    start = uniform_policy(world)
    keys = list(arrays["keys"])
    job = Job(world, rules, target, record, [start] * len(rules), keys, threads, single=shape is None)
    job.restore(arrays, made, meta["segments"])
    label = _label(whole_rule)
    if meta["status"] == "done" and target == meta["steps"]:
        for run in job.runs:
            run.recorder.cursor[0] = job.trace["step"].size
        for name, value in job.trace.items():
            if name != "step":
                value[...] = arrays[f"trace/{name}"]
        return _finish(job, shape, label, "done", throw, said)
    keeper = Keeper(path, *_described(whole_rule, record, shape), world)
    status = _drive(job, keeper, callback, progress, type(whole_rule).__name__)
    return _finish(job, shape, label, status, throw, said)


def _spread(rule: Any, lead: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """The rules of all places when the arrays among a rule's parameters broadcast against the run axis, and their shape."""
    whole = getattr(type(rule), "tables", ())  # parameters that are sequences by themselves
    fields = {k: np.asarray(v) if isinstance(v, np.ndarray | list) and k not in whole else v for k, v in rule._asdict().items()}
    arrays = {k: v for k, v in fields.items() if isinstance(v, np.ndarray) and k not in whole}
    try:
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()), lead)
    except ValueError:
        shapes = {k: v.shape for k, v in arrays.items()}
        raise ValueError(f"the rule's parameters {shapes} do not broadcast against the run axis {lead}") from None
    count = int(np.prod(shape, dtype=object))
    if count == 0:
        raise ValueError(f"the grid of the rule's parameters is empty: shape {shape}")
    grid = {k: np.broadcast_to(v, shape).ravel() if k in arrays else itertools.repeat(v, count) for k, v in fields.items()}
    rules = [type(rule)(**dict(zip(grid, values, strict=True))) for values in zip(*grid.values(), strict=True)] or [rule] * count
    return rules, tuple(map(int, shape))


def ensemble(game: Game, rule: Any, steps: int, runs: int | None = None, *, policy: Any = None, rng: Any = 0,
             record: Record | None = None, checkpoint: str | os.PathLike[str] | None = None, progress: bool = False, throw: bool = True,
             threads: int | None = None) -> Result:
    """Run a rule many times side by side, over seeds and over a grid of its parameters.

    Parameters
    ----------
    game, rule, steps, record, checkpoint, progress, throw
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
    rules, shape = _spread(rule, () if runs is None else (runs,))
    count, places = len(rules), int(shape[-1]) if shape else 1
    checked = [_check_inputs(game, one, steps, record) for one in rules]
    total, what = checked[0][1], checked[0][2]
    seeds = _check.children(_check.seed_sequence(rng), places)
    many = policy is not None and not isinstance(policy, str | list | tuple) and np.ndim(policy) == 3
    if many and np.shape(policy)[0] != places:
        raise ValueError(f"policy must have one entry per run, ({places}, S, A_total), found shape {np.shape(policy)}")
    starts = [_initial(game, checked[0][0], policy[r] if many else policy, seeds[r]) for r in range(places)]
    keys = [run_key(seed) for seed in seeds]
    order = [r % places for r in range(count)]
    job = Job(game, [one[0] for one in checked], total, what, [starts[r] for r in order], [keys[r] for r in order], threads, single=False)
    keeper = None if checkpoint is None else Keeper(checkpoint, *_described(rule, what, shape), game)
    status = _drive(job, keeper, None, progress, f"{count} runs")
    return _finish(job, shape, _label(rule), status, throw)
