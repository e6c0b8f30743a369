"""Every experiment goes to its end and draws its pictures whatever comes out: with runs of a few steps, whose last row
stands for all that follow, in one copy for all runs of an ensemble.

The numbers are wrong then, and the report must say so. Compiled, `fastmpg reproduce` makes the runs themselves.
"""

import dataclasses
import sys

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.experiments import catalogue
from fastmpg.machine import UNCOMPILED
from fastmpg.run.grid import expanded

STEPS = 3  # that are made
LONG = {"calvano2020", "ding-linear", "ding-regret", "etesami-alpha", "etesami-irl", "etesami-pursuit",
        "etesami-pursuit-2", "etesami-rabbit", "maheshwari-flow", "maheshwari-s1", "maheshwari-s3",
        "potential-claims"}  # solved, or evaluated too often, for Python
NEEDS = {"sun-random-3x4x5", "zhang-time"}  # runs that converge, a clock that sees them
pytestmark = pytest.mark.skipif(not UNCOMPILED, reason="compiled, all runs are made in full")


def shortened(game, rule, steps, runs=None, *, policy=None, rng=0, record=None, until=None, **others):
    """What `learn` and, with its parameters spread out or a number of runs, `ensemble` return."""
    record = record or fm.Record()
    rules, shape = expanded(rule, () if runs is None else (runs,))
    many = policy is not None and not isinstance(policy, str | list | tuple) and np.ndim(policy) == 3
    made = min(steps, STEPS)
    short = fm.learn(game, rules[0], made, policy=policy[0] if many else policy, rng=rng,
                     record=record.replace(every=1, steps=None, trajectory=False))
    rows = record.at(steps)

    def spread(array):
        return np.broadcast_to(array, (*shape, *array.shape)).copy()

    trace = {name: spread(array[np.minimum(rows, made)]) for name, array in short.trace.items() if name != "step"}
    state = type(short.state)(**{name: spread(value) for name, value in vars(short.state).items()})
    ends = np.full(shape, steps) if until is not None and shape else steps
    return dataclasses.replace(short, policy=spread(short.policy), trace={"step": rows, **trace}, state=state,
                               steps=ends, dims=("grid",) * (len(shape) - 1) + ("run",) * bool(shape))


@pytest.mark.parametrize("name", sorted(set(catalogue) - LONG - NEEDS))
def test_rehearsal(name, monkeypatch):
    modules = [each for key, each in sys.modules.items() if key.startswith("fastmpg.experiments.")]
    for module in modules:
        for called in ("learn", "ensemble"):
            if hasattr(module, called):
                monkeypatch.setattr(module, called, shortened)
    kept = [value for module in modules for value in vars(module).values() if hasattr(value, "cache_clear")]
    for each in kept:
        each.cache_clear()
    try:
        outcome = catalogue[name].run()
    finally:
        for each in kept:  # wrong numbers
            each.cache_clear()
    assert outcome.checks and len({check.name for check in outcome.checks}) == len(outcome.checks)
    assert all(check.verdict for check in outcome.checks)
    for figure in outcome.figures:
        sheet = figure.draw()
        assert sheet.axes, figure.name
