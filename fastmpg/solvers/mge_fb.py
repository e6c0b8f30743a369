"""MGE-FB: forward-backward sweeps over players who meet through their occupancies alone.

    forward     O_i^{t+1}(y) = sum_{x, a} pi_i^t(a | x) P_i(y | x, a) O_i^t(x)
    backward    Q_i^t(x, a) = R_i(x, a) + Psi_i(O_-i^t)(x) + sum_y P_i(y | x, a) V_i^{t+1}(y),
                pi_i^t = softmax(beta Q_i^t)

until the occupancies stay. Etesami & Straehle (2020), Algorithm 3, equations (9)-(12). Time and memory are linear in
players, states and steps: no joint state is formed. What is kept are the occupancies; policies and Q of a player follow
from these, and are made when they are asked for.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _check, machine
from ..kernels.occupancy import (
    MAX,
    MEAN,
    SOFTMAX,
    Felt,
    Sweep,
    Sweeping,
    feel,
    sum_crowd,
    sweep_players,
    sweeps,
)
from ..kernels.occupancy_play import play_uniformly, reach
from ..machine import Held, fanned
from ..models.occupancy.game import OccupancyGame
from ._occupancy import INSTEAD, OccupancyPlan, OccupancyPlay, OccupancySolution

__all__ = ["OccupancyPlay", "OccupancySolution", "mge_fb"]

KINDS = {"mean": MEAN, "softmax": SOFTMAX, "max": MAX}
TERMINALS = ("with_psi", "plain", "extra_decision")
PARALLEL_WORK = 20_000  # cells, steps and actions of a sweep (about 100 us) below which threads do not pay
PATIENCE = 0.1  # seconds of sweeps between two chances for Ctrl-C


# -------------------------------------------------------------------------------------------------------- preparation
def _cones(game: OccupancyGame, plan: OccupancyPlan,
           max_bytes: int | None) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Cells that players can reach: cells (C,), first (M,), counts (M, D + 1)."""
    m, x = game.num_players, game.num_states
    counts, cells, first, total = np.zeros((m, plan.decisions + 1), np.int64), [], np.zeros(m, np.int64), 0
    room = np.zeros(x, np.int32)
    for i in range(m):
        begin = [game.starts[i]] if game.starts.ndim == 1 else np.flatnonzero(game.starts[i] > 0)
        counts[i, 0] = len(begin)
        room[:len(begin)] = begin
        reach(game.model, i, counts[i], room, np.zeros(x, np.bool_))
        cells.append(room[:counts[i, -1]].copy())
        first[i] = total
        total += int(counts[i, -1])
        if i % 64 == 0:
            _check.budget(8 * total, f"the states that {i + 1} of {m} players can reach", INSTEAD, max_bytes)
    return np.concatenate(cells), first, counts


def _prepared(game: OccupancyGame, plan: OccupancyPlan, max_bytes: int | None) -> tuple[Felt, Sweep]:
    """A sweep with O^0 in its place and nothing else."""
    m, x, steps = game.num_players, game.num_states, plan.horizon
    _check.budget(24 * m * (steps + 2) + 16 * (steps + 1) * x, f"{m} players, {x} states and {steps} steps", INSTEAD,
                  max_bytes)
    cells, first, counts = _cones(game, plan, max_bytes)
    sizes = counts[:, :steps + 1]
    place = np.zeros((m, plan.decisions + 2), np.int64)
    ends = np.cumsum(sizes).reshape(m, steps + 1)
    place[:, :steps + 1] = ends - sizes
    place[:, steps + 1:] = ends[:, -1:]
    if plan.decisions > steps:
        place[:, -1] += counts[:, -1]
    entries = int(ends[-1, -1])
    largest = int((sizes.sum(axis=1) * np.array(game.num_actions)).max())
    width = int(counts[:, -1].max())
    shares = min(machine.threads(), m) if entries * max(game.num_actions) > PARALLEL_WORK else 1
    actions = max(game.num_actions)
    functional = 0 if game.has_weights else m * (x * (steps + 1) + shares)
    need = 8 * (entries + 2 * (steps + 1) * x + functional)
    need += shares * (8 * (largest + (5 + actions) * width + x + 4) + 4 * x)
    _check.budget(need, f"{entries} occupancies, of {m} players in up to {width} of {x} states over {steps} steps, "
                  f"with room for {shares} threads,", INSTEAD, max_bytes)
    occupancy = np.zeros(entries)
    for i in range(m):
        law = 1.0 if game.starts.ndim == 1 else game.starts[i, cells[first[i]:first[i] + counts[i, 0]]]
        occupancy[place[i, 0]:place[i, 0] + counts[i, 0]] = law
    row = np.zeros(steps + 1)
    felt = Felt(psi=game.interaction(), weight=game.mu, cells=cells, first=first, counts=counts, place=place,
                occupancy=occupancy, crowd=np.zeros((steps + 1, x)), level=np.zeros((shares, width)),
                everyone=np.zeros((0, 0, 0) if game.has_weights else (steps + 1, x, m)),
                others=np.zeros((shares, 0 if game.has_weights else m)), fault=np.zeros((shares, 4), np.int64))
    return felt, Sweep(
        model=Held(game.model), felt=feel.bind(felt), weight=game.mu, cells=cells, first=first, counts=counts,
        place=place, occupancy=occupancy, crowd=felt.crowd, kept=np.zeros((steps + 1, x)),
        moved=row.copy(), apart=row.copy(), horizon=steps, decisions=plan.decisions, beta=plan.beta, alpha=plan.alpha,
        kind=KINDS[plan.value], charged=plan.terminal == "with_psi", keep=False, shares=shares,
        policy=np.zeros((shares, largest)), q=np.zeros((1, 1)), values=np.zeros((1, 1)),
        gaps=np.zeros((shares, width * actions)), value=np.zeros((shares, 2, width)),
        flow=np.zeros((shares, 2, width)), local=np.zeros((shares, x), np.int32),
        before=np.zeros((shares, x)), everyone=felt.everyone, level=felt.level, residual=np.zeros(m),
        paths=np.zeros((1, 1, 1), np.int32), key=np.zeros(2, np.uint64), score=np.zeros(m))


def _begin(sweep: Sweep, start: Any, game: OccupancyGame) -> None:
    """Occupancies to begin with: those of uniform play, or of an earlier solution."""
    with machine.parallel_region(sweep.shares > 1):
        if isinstance(start, OccupancySolution):
            old = start._sweep
            if (old.cells.shape, old.counts.shape) != (sweep.cells.shape, sweep.counts.shape) or not (
                    np.array_equal(old.cells, sweep.cells) and np.array_equal(old.counts, sweep.counts)):
                raise ValueError("start must be a solution of the same horizon, on the same graphs and from the same "
                                 f"starts, found {start!r}")
            sweep.occupancy[...] = old.occupancy
        else:
            fanned(play_uniformly.bind(sweep._replace(alpha=1.0)), sweep.shares)(0)
        fanned(sum_crowd.bind(sweep), sweep.shares)(0)


def mge_fb(game: OccupancyGame, horizon: int, beta: float = 1.0, *,
           value: Literal["mean", "softmax", "max"] = "mean", alpha: float = 1.0,
           terminal: Literal["with_psi", "plain", "extra_decision"] = "with_psi",
           start: OccupancySolution | None = None, tol: float = 1e-10, maxiter: int = 10_000,
           max_bytes: int | None = None) -> OccupancySolution:
    """Boltzmann policies of players who know what to expect of one another, by forward-backward sweeps.

    Parameters
    ----------
    game : OccupancyGame
    horizon : int
        T, at least 1: players act at t = 0 .. T - 1.
    beta : float
        Inverse temperature, above 0.
    value : "mean", "softmax" or "max"
        What a state is worth: sum_a pi Q (equation (10)), (1/beta) log sum_a exp(beta Q), or max_a Q.
    alpha : float
        In (0, 1]: the share of the new occupancies, O <- alpha O' + (1 - alpha) O. 1 is the paper's sweep. Equation
        (14) damps Q instead, of which there is A times as much; fixed points, and eigenvalues there, are the same.
    terminal : "with_psi", "plain" or "extra_decision"
        V_i^T = R_F,i + Psi_i(O_-i^T) (T decisions, each state of the path charged once), R_F,i (equation (10)), or a
        decision at T as well, Q_i^T = R_i + Psi_i(O_-i^T) + E R_F,i (Algorithm 3 with the proof's equation (27)).
    start : OccupancySolution, optional
        Where to begin, as at another temperature; by default all players are uniform.
    tol : float
        For the largest change of an occupancy in one sweep.
    maxiter : int
        Most sweeps.
    max_bytes : int, optional
        Refuse to take more; by default, what the machine has free.

    Returns
    -------
    OccupancySolution
        Its status says whether it settled. It is the same, bit for bit, for any number of threads.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or psi returns what is no number.
    MemoryError
        If the occupancies would not fit: 8 bytes for every player, step and state that the player can reach by then,
        and, for every thread, 8 for every step, state and action of one player.

    Examples
    --------
    >>> import fastmpg as fm
    >>> found = fm.solvers.mge_fb(fm.games.driving(), 12)
    >>> found.status, found.policy(0).shape, found.crowd.shape
    ('settled', (12, 40, 5), (13, 40))
    >>> fm.solvers.mge_fb(fm.games.driving(mu=0.01), 12).most_likely().meetings  # nobody gives way
    ((1, 1, 3), (2, 0, 3))

    Notes
    -----
    Etesami & Straehle (2020), Algorithm 3. :func:`fastmpg.theory.occupancy_factor` says when it must settle.
    """
    if not isinstance(game, OccupancyGame):
        raise TypeError(f"game must be a fastmpg.OccupancyGame, found {_check.shown(game)}")
    for name, given, allowed in (("value", value, tuple(KINDS)), ("terminal", terminal, TERMINALS)):
        if not isinstance(given, str) or given not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, found {_check.shown(given)}")
    if start is not None and not isinstance(start, OccupancySolution):
        raise TypeError(f"start must be a solution of mge_fb, found {_check.shown(start)}")
    plan = OccupancyPlan(
        _check.integer(horizon, "horizon", low=1, high=10**9), _check.real(beta, "beta", 0.0, 1e100, open_low=True),
        value, _check.real(alpha, "alpha", 0.0, 1.0, open_low=True), terminal,
        _check.real(tol, "tol", 0.0, open_low=True))
    most = _check.integer(maxiter, "maxiter", low=1)
    if (plan.horizon + 2) * (float(np.abs(game.payoff_range()).max()) + float(np.abs(game.mu).sum())) > 1e150:
        raise ValueError("rewards, mu and horizon are too large: sums of rewards would overflow")
    felt, sweep = _prepared(game, plan, max_bytes)
    _begin(sweep, start, game)
    sweep.kept[...] = sweep.crowd
    count, found = np.array([0, 0, 1, 0]), np.array([np.inf, plan.tol, 0.0])
    with machine.parallel_region(sweep.shares > 1):
        run = sweeps.bind(Sweeping(
            fanned(sweep_players.bind(sweep), sweep.shares), fanned(sum_crowd.bind(sweep), sweep.shares), sweep.crowd,
            sweep.kept, sweep.moved, sweep.apart, sweep.residual, felt.fault, count, found))
        step = 1
        while count[0] < most and found[0] > plan.tol and not count[3]:
            began = time.perf_counter()
            run(min(step, most - int(count[0])))
            _check_psi(felt)
            if time.perf_counter() - began < PATIENCE / 2:
                step *= 2
    return OccupancySolution(game, plan, felt, sweep, count, found)


def _check_psi(felt: Felt) -> None:
    """Refuse what psi said where it said no number."""
    noted = felt.fault[felt.fault[:, 0] != 0]
    if noted.size:
        _, i, t, x = (int(each) for each in noted[0])
        raise ValueError(f"psi must return finite numbers, found another for player {i} in state {x} at step {t}")
