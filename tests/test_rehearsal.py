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
from fastmpg.experiments import catalogue
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


def explored_for_ever(game, *args, **others):
    """What `mge_fb` returns: found in as few sweeps."""
    return fm.solvers.mge_fb(game, *args, **others | {"maxiter": STEPS})


def imitated(*args, **others):
    """What `mce_irl` returns."""
    return fm.solvers.mce_irl(*args, **others | {"maxiter": STEPS})._replace(status="converged")


def played(game, policy, runs, **others):
    """What `play_horizon` returns."""
    return fm.play_horizon(game, policy, min(runs, 20), **others)


def moved(*args, **others):
    """What `logit_dynamics` returns."""
    return fm.solvers.logit_dynamics(*args, **others | {"tol": 1e-3})


def smaller(build, players=2, **fixed):
    """A named game with fewer players."""
    return lambda count=players, *args, **others: build(min(count, players), *args, **others | fixed)


ALPHA = SimpleNamespace(lower=0.5, upper=1.0, gap=0.75)
EVERYWHERE = {
    "learn": learnt, "ensemble": learnt, "mge_f": explored, "mge_fb": explored_for_ever, "mce_irl": imitated,
    "play_horizon": played, "logit_dynamics": moved,
    "damping_limit": lambda game, found: DampingLimit(np.ones(len(found.status)), np.zeros(len(found.status), int),
                                                      np.zeros(len(found.status), int)),
    "pricing": smaller(fm.games.pricing, num_prices=3), "routing": smaller(fm.games.routing, 4),
    "potential": SimpleNamespace(defect=lambda game, **options: fm.potential.defect(game, **options | {"samples": 2}),
                                 alpha=lambda game, **options: ALPHA)}
SIZES = {
    "maheshwari2022": {"RUNS": 2, "ROWS": 5},
    "maheshwari2022_flow": {"RUNS": 2, "ROWS": 5, "STARTS": 2, "STAGES": 1000},
    "ding2022_linear": {"SIZES": np.array([4, 8]), "COURSES": (4, 8), "ROUNDS": 3},
    "ding2022_regret": {"STATES": (2, 3, 30), "SEEDS": 1, "LISTED": 3},
    "etesami2020_irl": {"SIZES": (4, 8), "RUNS": 2}, "etesami2020_pursuit": {"NSCP_SEEDS": 1},
    "potential_claims": {"KAPPAS": (0.1, 1.0), "SHARES": (0.1, 1.0)},
    "zhang2022_time": {"cpu_seconds": lambda do: 1e-3 + 0 * (do() is None)},  # a clock may be coarse
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
    assert outcome.checks or name == "zhang-time"
    for figure in outcome.figures:
        sheet = figure.draw()
        assert sheet.axes, figure.name


def test_the_grid_of_prices(rehearsing, monkeypatch, tmp_path, capsys):
    """Made point by point, and taken up."""
    from fastmpg.experiments import _calvano_grid as grid

    for called in ("pricing", "sessions"):
        monkeypatch.setattr(grid, called, vars(sys.modules["fastmpg.experiments.calvano2020"])[called])
    monkeypatch.setattr(grid, "pricing", EVERYWHERE["pricing"])
    grid.main([str(tmp_path), "--points", "2", "--sessions", "2"])
    assert len(list(tmp_path.glob("2-2-*.npy"))) == 4 and (tmp_path / "grid.png").stat().st_size > 0
    assert "h left" in capsys.readouterr().out
    next(tmp_path.glob("2-2-*.npy")).unlink()
    grid.main([str(tmp_path), "--points", "2", "--sessions", "2"])
    assert len(list(tmp_path.glob("2-2-*.npy"))) == 4
