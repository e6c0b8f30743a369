"""Many runs side by side."""

from __future__ import annotations

import os
from typing import Any

from .. import _check
from .._check.words import guided
from ..models.game import Game
from ..rules.rule import contract_of
from .about import seed_of
from .checkpoint import Keeper, _described
from .drive import _check_inputs, _check_manner, _drive, _finish, _initial
from .grid import expanded
from .job import Job
from .record import Record
from .result import Result
from .run import run_key
from .until import Below, Unchanged, condition


@guided
def ensemble(game: Game, rule: Any, steps: int, runs: int | None = None, *, policy: Any = None, rng: Any = 0,
             record: Record | None = None, until: Unchanged | Below | None = None,
             checkpoint: str | os.PathLike[str] | None = None, progress: bool = False, throw: bool = True,
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
        "random" draws one initial policy per index of the run axis, the same for every parameter.
    rng : None, int, SeedSequence or Generator
        Place r on the run axis is seeded by the r-th child of its seed sequence.
    until : Unchanged or Below, optional
        As for :func:`learn`, of every run by itself: none waits for another, and ``Result.steps`` is one number a run.
        Rows of the trace behind a run's end are NaN.
    threads : int, optional
        Runs at a time; by default as many as numba has threads.

    Returns
    -------
    Result
        With the run axes in front of ``policy`` and of every array of the trace but "step"; ``dims`` names them, and
        ``coords`` holds the parameters' values along them.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> rule = fm.rules.EntropyNaturalGradientPlay(eta=0.1, tau=np.array([[0.1], [1.0]]))
    >>> result = fm.ensemble(fm.games.zhang_3x2(), rule, 100, runs=3, policy="random", record=fm.Record(every=50))
    >>> result.policy.shape, result.trace["ne_gap"].shape
    ((2, 3, 1, 5), (2, 3, 3, 2))
    >>> result.dims, result.coords["tau"]
    (('tau', 'run'), array([0.1, 1. ]))
    """
    _check_manner(None, progress, throw, threads, checkpoint)
    if runs is not None:
        runs = _check.integer(runs, "runs", low=1)
    contract_of(rule)
    rules, shape = expanded(rule, () if runs is None else (runs,))
    count, places = len(rules), int(shape[-1]) if shape else 1
    checked = [_check_inputs(game, one, steps, record) for one in rules]
    total, what = checked[0][1], checked[0][2]
    until = condition(until, what)
    seeds = _check.children(_check.seed_sequence(rng), places)
    many = policy is not None and not isinstance(policy, str | list | tuple)
    many = many and len(_check.shape_of(policy, "policy")) == 3
    policy = _check.read(policy, "policy") if many else policy
    if many and policy.shape[0] != places:
        raise ValueError(f"policy must have one entry per run, ({places}, S, A_total), found shape {policy.shape}")
    starts = [_initial(game, checked[0][0], policy[r] if many else policy, seeds[r]) for r in range(places)]
    for r, one in enumerate(checked):
        contract_of(one[0]).check_start(one[0], game, starts[r % places])
    keys = [run_key(seed) for seed in seeds]
    order = [r % places for r in range(count)]
    job = Job(game, [one[0] for one in checked], total, what, [starts[r] for r in order], [keys[r] for r in order],
              threads, single=False, until=until)
    keeper, seed = None, seed_of(rng)
    if checkpoint is not None:
        keeper = Keeper(checkpoint, *_described(rule, what, shape, until, seed), game)
    with job.signals:
        status = _drive(job, keeper, None, progress, f"{count} runs")
        return _finish(job, shape, rule, status, throw, seed=seed)
