"""Flows on policies: what solvers of differential equations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from .. import _check
from .._check import Float
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policy, uniform_policy

COARSEST = 0.01  # tolerance of the integration


class Flow(NamedTuple):
    """A solution of a differential equation of policies.

    Attributes
    ----------
    name : str
    times : ndarray (K,)
    policy : ndarray (K, S, A_total)
        At these times.
    speed : float
        The largest |dpi/dt| that is left at the last time, rates left aside: 0 where the flow rests.
    """

    name: str
    times: Float
    policy: Float
    speed: float

    def __repr__(self) -> str:
        return (f"<Flow of the {self.name}: {self.times.size} policies until t = {self.times[-1]:g}, speed "
                f"{self.speed:.3g}>")


def legal(game: Game, table: Float) -> Float:
    """The policy that an integrator's table misses by rounding and its tolerance."""
    near = np.maximum(table, 0.0) if game.available is None else np.where(game.available, np.maximum(table, 0.0), 0.0)
    return near / np.repeat(np.add.reduceat(near, game.offset[:-1], axis=1), game.num_actions, axis=1)


def flow(game: Game, field: Callable[[Float], Float], times: Any, policy: Any, rates: Any, tol: float,
         name: str) -> Flow:
    """The solution of dpi_i(s)/dt = rates_i(s) field(pi) at ``times`` (K,), from ``policy`` at t = 0.

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    RuntimeError
        If scipy cannot integrate so far.
    """
    check_game(game)
    check_discounted(game)
    tol = _check.real(tol, "tol", 1e-13, COARSEST)
    at = _check.array(times, "times")
    if at.ndim != 1 or at.size == 0 or at[0] < 0.0 or at[-1] > 1e6 or not (np.diff(at) > 0.0).all():
        raise ValueError(f"times must be one or more increasing numbers in [0, 1e6], found {_check.shown(at)}")
    start = uniform_policy(game) if policy is None else check_policy(game, policy)
    speeds = _check.array(rates, "rates")
    shape = (game.num_players, game.num_states)
    if speeds.shape not in ((), shape[1:], shape) or not ((speeds > 0.0) & (speeds <= 1.0)).all():
        raise ValueError(f"rates must be numbers in (0, 1], one for all, one a state, {shape[1:]}, or one a player and "
                         f"state, {shape}, found {_check.shown(speeds)}")
    by_entry = np.repeat(np.broadcast_to(speeds, shape).T, game.num_actions, axis=1)
    _check.budget(8 * at.size * start.size, f"policies at {at.size} times", "ask for fewer times")

    def move(t: float, flat: Float) -> Float:
        return np.asarray(by_entry * field(legal(game, flat.reshape(start.shape)))).ravel()

    if at[-1] == 0.0:
        found = start.ravel()[None]
    else:
        solved = solve_ivp(move, (0.0, at[-1]), start.ravel(), "LSODA", at, rtol=tol, atol=1e-2 * tol)
        if not solved.success:
            raise RuntimeError(f"the {name} could not be integrated to t = {at[-1]:g}: {solved.message}")
        found = solved.y.T
    policies = np.stack([legal(game, each) for each in found.reshape(-1, *start.shape)])
    return Flow(name, at, policies, float(np.abs(field(policies[-1])).max()))
