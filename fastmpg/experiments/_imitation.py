"""Weights on the imitation line from more and more trajectories: for the page and the tests of inverse learning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import games
from .._check import Float
from ..games.imitation_line import THETA, line_features
from ..horizon.play import play_horizon
from ..solvers.mce_irl import mce_irl
from ..solvers.mge_f import mge_f

SIZES = (100, 1_000, 10_000, 100_000)  # trajectories
HORIZON = 4
TOLERANCE = 1e-5  # of features: sampled ones are off by 3e-3 even where 10^5 trajectories are seen


def sampled_errors(sizes: Sequence[int] = SIZES, runs: int = 32, *, value: str = "softmax", seed: int = 0) -> Float:
    """theta - theta* (len(sizes), runs, N, K) of weights learned from so many sampled trajectories each.

    Raises
    ------
    RuntimeError
        If features of some run are not matched.
    """
    game, features = games.imitation_line(), line_features()
    expert = mge_f(game, HORIZON, value=value).policy
    out = np.zeros((len(sizes), runs, *THETA.shape))
    for at, size in enumerate(sizes):
        for run in range(runs):
            seen = play_horizon(game, expert, size, rng=[seed, size, run])
            found = mce_irl(game, features, trajectories=seen, value=value, tol=TOLERANCE)
            if found.status != "converged":
                raise RuntimeError(f"{size} trajectories, run {run}: {found!r}")
            out[at, run] = [own for own in found.theta if own is not None] - THETA
    return out


def error_slope(sizes: Sequence[int], errors: Float) -> tuple[Float, float]:
    """Root mean square of |theta - theta*| by number of trajectories, and its slope on log-log axes: -1/2 in theory."""
    size = np.sqrt((errors**2).sum(axis=(2, 3)).mean(axis=1))
    return size, float(np.polyfit(np.log(np.asarray(sizes, np.float64)), np.log(size), 1)[0])
