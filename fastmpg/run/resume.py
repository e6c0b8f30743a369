"""Going on from a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .. import _check
from ..models.game import Game, check_game
from ..policy import uniform_policy
from ..rules.rule import _checked_rule
from . import checkpoint as _checkpoint
from . import storage
from .checkpoint import Keeper, _described, load_rule
from .drive import Snapshot, _check_manner, _drive, _finish, _status_of
from .grid import expanded
from .job import Job
from .record import Record
from .result import Result
from .until import restored


def resume(path: str | os.PathLike[str], steps: int | None = None, *, game: Game | None = None, rule: Any = None,
           callback: Callable[[Snapshot], Any] | None = None, progress: bool = False, throw: bool = True,
           threads: int | None = None) -> Result:
    """Go on from a checkpoint, bit for bit as if the run had never stopped, and keep the checkpoint up to date.

    Parameters
    ----------
    path : path
        What was given to ``checkpoint``.
    steps : int, optional
        A new number of updates, counted from the run's beginning; the run's own by default. A finished run is returned
        as it is.
    game, rule : optional
        Needed if they are made of functions of yours, which are not stored: simulators, and rules from outside the
        package.
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
    _check_manner(callback, progress, throw, threads)
    if game is not None:
        check_game(game)
    arrays, meta, said = _checkpoint.load(_check.path(path, "path"))
    made, target = meta["k"], meta["steps"] if steps is None else _check.integer(steps, "steps", low=0)
    if target < made:
        raise ValueError(f"steps must be at least the {made} that were made, found {target}")
    world = _checkpoint.load_game(path, arrays, meta, game)
    if rule is not None and (isinstance(rule, type) or not hasattr(rule, "_asdict")):
        _checked_rule(rule)
    whole_rule = load_rule(arrays, meta, rule)
    shape = None if meta["shape"] is None else tuple(meta["shape"])
    one_by_one = [whole_rule] if shape is None else expanded(whole_rule, shape)[0]
    rules = [_checked_rule(one) for one in one_by_one]
    with storage.as_damaged(os.fspath(path)):
        record, until = Record(**meta["record"]), restored(meta.get("until"))
    where = storage.refound(path, record.trajectory, meta.get("beside"))
    if where != record.trajectory:
        record = record.replace(trajectory=where)
    start = uniform_policy(world)
    keys = list(arrays["keys"])
    job = Job(world, rules, target, record, [start] * len(rules), keys, threads, single=shape is None, fresh=False,
              until=until)
    with job.signals:
        job.prepare()
        job.restore(arrays, made, meta["segments"], meta.get("owner"))
        seed = meta.get("rng")
        if meta["status"] in ("done", "settled") and target == meta["steps"]:
            with storage.as_damaged(os.fspath(path)):
                rows = arrays["trace/step"].size
                for r, run in enumerate(job.runs):
                    run.recorder.cursor[0] = rows if until is None else arrays["rows"][r]
                for name, value in job.trace.items():
                    if name != "step":
                        value[:, :rows] = arrays[f"trace/{name}"]
            return _finish(job, shape, whole_rule, _status_of(job), throw, said, seed)
        keeper = Keeper(path, *_described(whole_rule, record, shape, until, seed), world, fresh=False)
        status = _drive(job, keeper, callback, progress, type(whole_rule).__name__)
        return _finish(job, shape, whole_rule, status, throw, said, seed)
