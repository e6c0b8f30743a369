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

from .. import _check, machine
from ..kernels.occupancy import Felt, Sweep, Sweeping, sum_crowd, sweep_players, sweeps
from ..kernels.occupancy_play import play_uniformly
from ..machine import fanned
from ..models.occupancy.game import OccupancyGame
from ._occupancy import KINDS, OccupancyPlan, OccupancyPlay, OccupancySolution, prepared

__all__ = ["OccupancyPlay", "OccupancySolution", "mge_fb"]

TERMINALS = ("with_psi", "plain", "extra_decision")
PATIENCE = 0.1  # seconds of sweeps between two chances for Ctrl-C


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
    felt, sweep = prepared(game, plan, max_bytes)
    _begin(sweep, start, game)
    sweep.kept[...] = sweep.crowd
    count, found = np.array([0, 0, 1, 0]), np.array([np.inf, plan.tol, 0.0, np.inf])
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
