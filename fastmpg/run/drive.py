"""What learn, ensemble and resume share: inputs checked, a job driven to its end, and its result."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policy, random_policy, uniform_policy
from ..rules.rule import _checked_rule, _label, contract_of
from .about import about
from .checkpoint import Keeper
from .grid import axes_of
from .job import Job
from .progress import Progress
from .record import Record
from .result import Diverged, Interrupted, Result
from .run import leaves

LEFT = ("; {}: its loop was left behind and runs on until this process ends, and policy and state are as that step had "
        "made them by then")


@comparable
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


def _initial(game: Game, rule: Any, policy: Any, rng: Any) -> Float:
    if isinstance(policy, str):
        if policy not in ("uniform", "random"):
            raise ValueError(f'policy must be an array, "uniform" or "random", found {_check.shown(policy)}')
        table = uniform_policy(game) if policy == "uniform" else random_policy(game, rng)
    else:
        table = uniform_policy(game) if policy is None else check_policy(game, policy)
    contract_of(rule).check_start(rule, game, table)
    return table


def _check_inputs(game: Any, rule: Any, steps: Any, record: Any) -> tuple[Any, int, Record]:
    check_game(game)
    if not (record is None or isinstance(record, Record)):
        raise TypeError(f"record must be a fastmpg.Record, found {_check.shown(record)}")
    if not contract_of(rule).feedback.sampled:
        check_discounted(game)
    return _checked_rule(rule), _check.integer(steps, "steps", low=0), record or Record()


def _finish(job: Job, shape: tuple[int, ...] | None, rule: Any, status: str, throw: bool, said: str = "",
            seed: Any = None) -> Result:
    """What a job leaves behind; ``shape``: the run axes, None for a single run; ``rule`` with all its parameters."""
    if not job.left:
        job.publish()
    lead = shape or ()
    rows = job.rows

    def shaped(values: Any) -> Any:
        stacked = np.stack(values)
        return stacked.reshape(*lead, *stacked.shape[1:])

    names = [name for name in leaves(job.runs[0].state) if "." not in name]
    state = {name: shaped([getattr(run.state, name) for run in job.runs]) for name in names}
    if job.asked.feedback.continues:
        state["place"] = np.array([run.feedback.place[0] for run in job.runs]).reshape(lead)
    trace = {name: value[:rows] if name == "step" else value[:, :rows].reshape(*lead, rows, *value.shape[2:])
             for name, value in job.trace.items()}
    if job.left:  # whose thread still has these arrays
        trace = {name: value.copy() for name, value in trace.items()}
    trajectory = None
    if job.writer is not None:
        trajectory = job.writer.close(job.made, [run.feedback.place[0] for run in job.runs])
        if job.writer.folder is None:
            trajectory.reshape(lead)
    faults = [] if job.left else job.faults()
    if faults:
        status = "diverged"
    elif job.signals.heard:  # while this was put together: the run is whole, and whoever goes on after it is told
        status = "interrupted"
    of = "" if shape is None else f" of {len(job.runs)} runs"
    early = sum(run.ended >= 0 for run in job.runs)
    message = {"done": f"all {job.steps} steps{of} were made" + f" but for {early} that settled before" * (early > 0),
               "settled": _ended(job, of),
               "stopped": f"the callback ended the run after step {job.made}",
               "interrupted": f"interrupted after {job.made} of {job.steps} steps{of}" + LEFT.format(job.left)
                              * bool(job.left),
               "diverged": _told(job, faults, shape is None)}[status]
    steps: Any = shaped(np.array(job.lengths)) if shape is not None and job.until is not None else job.lengths[0]
    result = Result(state["policy"], trace, status, f"{message} ({said})" if said else message, steps,
                    SimpleNamespace(**state), _label(rule), job.game.name, trajectory, *axes_of(rule, lead),
                    about(job.game, rule, seed))
    if throw and status in ("interrupted", "diverged"):
        error: Interrupted | Diverged = (Interrupted if status == "interrupted" else Diverged)(result.message)
        error.result = result
        raise error
    return result


def _ended(job: Job, of: str) -> str:
    """How the runs ended that their condition ended."""
    least, most = min(job.lengths), max(job.lengths)
    when = f"after {least} steps" if least == most else f"after {least} to {most} steps"
    return f"settled {when}{of}, at {job.until}"


def _told(job: Job, faults: list[tuple[int, Float]], single: bool) -> str:
    """What became of policies that are none any more: where it was seen first, and what to do."""
    if not faults:
        return ""
    r, (k, s, i, a, value) = faults[0]
    whose = "the policy" if single else f"in {len(faults)} of {len(job.runs)} runs the policy"
    entry = f"player {i:.0f}'s " + (f"probability of action {a:.0f}" if a >= 0 else "probabilities sum to")
    run = "" if single else f"of run {r} "
    where = f"at step {k:.0f} {run}in state {s:.0f} {entry} {'is ' if a >= 0 else ''}{value:.6g}"
    rule = type(job.rule).__name__
    if not np.isfinite(value):
        return f"{whose} held NaN after {job.made} steps of {rule}: {where}; try a smaller step size, or clip"
    mask = job.game.available
    if a >= 0 and mask is not None and not mask[int(s), job.game.offset[int(i)] + int(a)]:
        return (f"{whose} played what cannot be taken within {job.made} steps of {rule}: {where}; its `update` must "
                "leave unavailable actions at probability 0, see feedback.available")
    return (f"{whose} left the simplex within {job.made} steps of {rule}: {where}; its `update` must leave rows of "
            "probabilities")


def _drive(job: Job, keeper: Keeper | None, callback: Callable[[Snapshot], Any] | None, progress: bool,
           label: str) -> str:
    """Run a job to its end, or until it is told to stop; its status. From then on signals are held."""
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

    with Progress(job.count * (job.steps + 1), label, progress) as bar, keeper.lock if keeper else nullcontext():
        job.prepare()
        bar.begin()
        with job:
            try:
                if keeper is not None:
                    keeper.clear()
                    keeper.save(job, "running")
                before = 0
                for after in job.chunks() if callback is None else job.chunks_between(show):
                    bar.advance(job.count * (after - before))
                    before = after
                    if keeper is not None:
                        keeper.save_if_due(job)
                if status == "done":
                    status = _status_of(job)
                job.signals.hold()
            except KeyboardInterrupt:
                job.signals.hold()
                status = "interrupted"
            if keeper is not None and not job.left:
                keeper.save(job, status)
    return status


def _status_of(job: Job) -> str:
    """That of a job which has nothing left to do."""
    return "settled" if job.settled else "done"


def _check_manner(callback: Any = None, progress: Any = False, throw: Any = True, threads: Any = None,
                  checkpoint: Any = None) -> None:
    """What is asked of every entry's options."""
    if callback is not None:
        _check.arity(callback, 1, "callback", "callback(snapshot)", known=False)
    _check.flag(progress, "progress")
    _check.flag(throw, "throw")
    if threads is not None:
        _check.integer(threads, "threads", low=1)
    if checkpoint is not None:
        _check.path(checkpoint, "checkpoint")


def _streamed(record: Record, checkpoint: Any) -> Record:
    """A trajectory of a run with checkpoints goes to files, of which a checkpoint holds the names alone."""
    if record.trajectory is True and checkpoint is not None:
        return record.replace(trajectory=f"{os.fspath(checkpoint)}.trajectory")
    return record
