"""Running a rule on a game."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .. import _check
from .._check.words import guided
from ..models.game import Game
from .about import seed_of
from .checkpoint import Keeper, _described
from .drive import Snapshot, _check_inputs, _check_manner, _drive, _finish, _initial, _streamed
from .job import Job
from .record import Record
from .result import Result
from .run import run_key
from .until import Below, Unchanged, condition


@guided
def learn(game: Game, rule: Any, steps: int, *, policy: Any = None, rng: Any = None, record: Record | None = None,
          until: Unchanged | Below | None = None, callback: Callable[[Snapshot], Any] | None = None,
          checkpoint: str | os.PathLike[str] | None = None,
          progress: bool = False, throw: bool = True) -> Result:
    """Run a learning rule on a game.

    Parameters
    ----------
    game : Game
    rule : NamedTuple
        One of :mod:`fastmpg.rules`, or one of your own (see ``fastmpg/docs/howto/rules.md``).
    steps : int
        Updates to make; all players move at once in each.
    policy : array_like (S, A_total), list of (S, A_i), "uniform" or "random", optional
        Where to start; uniform by default. It is copied.
    rng : None, int, SeedSequence or Generator
        Of sampled rules and of policy="random".
    record : Record, optional
        What to write down; NE-gap and value at every step by default.
    until : Unchanged or Below, optional
        What ends the run before that, with status "settled"; ``Result.steps`` says when.
    callback : callable, optional
        Called with a :class:`Snapshot` after every recorded step; a true return value ends the run.
    checkpoint : path, optional
        A file to keep up to date with all that :func:`resume` needs, from the first second on: at kill -9 at most the
        last seconds are made again; Ctrl-C and SIGTERM write it before the run ends.
    progress : bool
        Show a bar on a terminal or in a notebook, from the first moment on.
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
    _check_manner(callback, progress, throw, checkpoint=checkpoint)
    rule, steps, record = _check_inputs(game, rule, steps, record)
    record = _streamed(record, checkpoint)
    until = condition(until, record)
    start = _initial(game, rule, policy, rng)
    job = Job(game, [rule], steps, record, [start], [run_key(_check.seed_sequence(rng))], None, single=True,
              until=until)
    keeper, seed = None, seed_of(rng)
    if checkpoint is not None:
        keeper = Keeper(checkpoint, *_described(rule, record, None, until, seed), game)
    with job.signals:
        status = _drive(job, keeper, callback, progress, type(rule).__name__)
        return _finish(job, None, rule, status, throw, seed=seed)
