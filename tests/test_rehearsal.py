"""Every experiment goes to its end and draws its pictures whatever comes out: with runs of a few steps, whose last row
stands for all that follow, in one copy for all runs of an ensemble; with equilibria that are uniform play; with small
sizes.

The numbers are wrong then, and the report must say so. Compiled, `fastmpg reproduce` makes the runs themselves.
"""

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.experiments import _calvano_grid, catalogue
from fastmpg.experiments.zhang2022_time import cpu_seconds
from fastmpg.machine import UNCOMPILED
from fastmpg.policy import uniform_policy
from fastmpg.run.grid import expanded
from fastmpg.theory.exploring import DampingLimit

STEPS = 3  # that are made
pytestmark = [pytest.mark.skipif(not UNCOMPILED, reason="compiled, all runs are made in full"),
              pytest.mark.patience(20)]


def learnt(game, rule, steps, runs=None, *, policy=None, rng=0, record=None, until=None, **others):
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


def explored(game, horizon, beta=1.0, *, value="mean", alpha=None, **others):
    """What `mge_f` returns."""
    players, states = game.num_players, game.num_states
    policy = np.broadcast_to(uniform_policy(game), (horizon, states, game.offset[-1]))
    return fm.solvers.MgeF(policy, policy, np.zeros((horizon + 1, players, states)), beta, np.ones(horizon, int),
                           np.zeros(horizon), ("converged",) * horizon, np.zeros(horizon, int),
                           (np.ones(3),) * horizon, value, "jacobi")


def eased(call, **less):
    """The same with less work."""
    return lambda *args, **others: call(*args, **others | less)


def imitated(*args, **others):
    """What `mce_irl` returns that has matched the features."""
    return fm.solvers.mce_irl(*args, **others | {"maxiter": STEPS})._replace(status="converged")


def played(game, policy, runs, **others):
    """What `play_horizon` returns."""
    return fm.play_horizon(game, policy, min(runs, 20), **others)


def held(game, found):
    """What `damping_limit` returns."""
    stages = len(found.status)
    return DampingLimit(np.ones(stages), np.zeros(stages, int), np.zeros(stages, int))


def timed(do):
    """What `cpu_seconds` returns, by a clock that sees everything."""
    return max(cpu_seconds(do), 1e-9)


def smaller(build, players=2, **fixed):
    """A named game with fewer players."""
    return lambda count=players, *args, **others: build(min(count, players), *args, **others | fixed)


ALPHA = SimpleNamespace(lower=0.5, upper=1.0, gap=0.75)
EVERYWHERE = {
    "learn": learnt, "ensemble": learnt, "mge_f": explored, "mge_fb": eased(fm.solvers.mge_fb, maxiter=STEPS),
    "mce_irl": imitated, "play_horizon": played, "logit_dynamics": eased(fm.solvers.logit_dynamics, tol=1e-3),
    "damping_limit": held, "cpu_seconds": timed, "pricing": smaller(fm.games.pricing, num_prices=3),
    "routing": smaller(fm.games.routing, 4),
    "potential": SimpleNamespace(defect=eased(fm.potential.defect, samples=2), alpha=lambda game, **options: ALPHA)}
SIZES = {
    "maheshwari2022": {"RUNS": 2, "ROWS": 5},
    "maheshwari2022_flow": {"RUNS": 2, "ROWS": 5, "STARTS": 2, "STAGES": 1000},
    "ding2022_linear": {"SIZES": np.array([4, 8]), "COURSES": (4, 8), "ROUNDS": 3},
    "ding2022_regret": {"STATES": (2, 3, 30), "SEEDS": 1, "LISTED": 3},
    "etesami2020_irl": {"SIZES": (4, 8), "RUNS": 2}, "etesami2020_pursuit": {"NSCP_SEEDS": 1},
    "potential_claims": {"KAPPAS": (0.1, 1.0), "SHARES": (0.1, 1.0)},
    "sun2024": {"SOLVED": np.inf, "SEEDS": 2}}  # every run converges


@pytest.fixture
def rehearsing(monkeypatch):
    """All stand-ins in place, and nothing kept of what comes out."""
    modules = {key.rpartition(".")[2]: each for key, each in sys.modules.items()
               if key.startswith("fastmpg.experiments.")}
    for name, module in modules.items():
        for called, other in (EVERYWHERE | SIZES.get(name, {})).items():
            if hasattr(module, called):
                monkeypatch.setattr(module, called, other)
    kept = [value for module in modules.values() for value in vars(module).values() if hasattr(value, "cache_clear")]
    for each in kept:
        each.cache_clear()
    yield
    for each in kept:  # wrong numbers
        each.cache_clear()


@pytest.mark.parametrize("name", sorted(catalogue))
def test_rehearsal(name, rehearsing):
    outcome = catalogue[name].run()
    assert len({check.name for check in outcome.checks}) == len(outcome.checks)
    assert all(check.verdict for check in outcome.checks)
    assert name == "zhang-time" or not all(check.ok for check in outcome.checks), "wrong numbers are seen"
    for figure in outcome.figures:
        sheet = figure.draw()
        assert sheet.axes, figure.name


def test_the_grid_of_prices(rehearsing, tmp_path, capsys):
    """Made point by point, and taken up: what is there is not made again."""
    call = [str(tmp_path), "--points", "2", "--sessions", "2"]
    _calvano_grid.main(call)
    made = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("2-2-*.npy")}
    assert len(made) == 4 and (tmp_path / "grid.png").stat().st_size > 0
    assert capsys.readouterr().out.count("h left") == 4
    gone = min(made)
    (tmp_path / gone).unlink()
    _calvano_grid.main(call)
    again = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("2-2-*.npy")}
    assert {name for name in again if again[name] != made[name]} == {gone} and again.keys() == made.keys()
