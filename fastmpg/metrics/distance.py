"""How far the policies of a run are from best responses to its end.

    distance_i = sum_s |V_i(s; pi_i^k, pi_-i^K) - max_{pi_i'} V_i(s; pi_i', pi_-i^K)|, K the last snapshot
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _check, machine
from .._check import Float
from ..feedback.desk import PARALLEL_WORK, evaluated
from ..kernels.simplex import weighed
from ..machine import kernel
from ..models.game import Game, check_game, deviate, solve
from ..policy import check_policy, settle
from .origin import centred
from .respond import profile, respond

__all__ = ["distance_to_nash"]


@kernel
def distances(model, desk, policy, snapshots, out):
    """out[k, i] = sum_s |value of i when it alone plays snapshots[k] - its best one|; needs a contracted model.

    policy (S, A_total)   snapshots (K, S, A_total)   out (K, N). P^pi is overwritten.
    """
    value = desk.rhs
    profile(desk, policy, 0, policy.shape[1])
    for i in range(out.shape[1]):
        respond(model, desk, policy, i, 0.0, desk.value[i])
        low, high = desk.offset[i], desk.offset[i + 1]
        for k in range(out.shape[0]):
            profile(desk, snapshots[k], low, high)
            for s in range(desk.best.size):
                value[0, s] = 0.0
                for c in range(low, high):
                    value[0, s] += weighed(snapshots[k, s, c], desk.work.reward[s, c])
            if model.discount > 0.0:
                deviate(model, desk.work, desk.deviation, i)
                solve(model, desk.work, value, False)
            out[k, i] = 0.0
            for s in range(desk.best.size):
                out[k, i] += abs(desk.best[s] - value[0, s])
        profile(desk, policy, low, high)


def _snapshots(game: Game, policies: ArrayLike) -> Float:
    """Policies (..., K, S, A_total), every one of them checked."""
    check_game(game)
    table, single, _ = _check.law_table(policies, "policies")
    size = (game.num_states, sum(game.num_actions))
    if table.ndim < 3 or table.shape[-2:] != size or 0 in table.shape:
        raise ValueError(f"policies must have shape (..., K, S, A_total) with K >= 1 and (S, A_total) = {size}, found "
                         f"{table.shape}; "
                         'record them with Record(metrics=("policy",))')
    return settle(game, table, [single] * game.num_players, "policies", "snapshot")


def distance_to_nash(game: Game, policies: ArrayLike, last: ArrayLike | None = None) -> Float:
    """How much worse than a best response every snapshot of a player is against the others' last policies.

    distance[k, i] = sum_s |V_i(s; pi_i^k, pi_-i^K) - max_{pi_i'} V_i(s; pi_i', pi_-i^K)|, where K is the last snapshot.

    Parameters
    ----------
    game : Game
    policies : array_like (..., K, S, A_total)
        Snapshots such as ``result.trace["policy"]``; an ensemble's run axes may stand in front.
    last : array_like (S, A_total) or (..., S, A_total), optional
        What the others play: one policy for all runs, or one a run. By default every run's last snapshot.

    Returns
    -------
    ndarray (..., K, N)
        Non-negative. At the last snapshot 0 for a player who responds best, and for all of them at a Nash equilibrium.
        Exact up to the rounding of linear solves.

    Raises
    ------
    ValueError
        If the snapshots do not fit the game, with the player, state and snapshot.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> start, end = fm.uniform_policy(game), fm.join([[0.0, 0.0, 1.0], [1.0, 0.0]])
    >>> fm.metrics.distance_to_nash(game, [start, end]).round(4)
    array([[0.4133, 0.6   ],
           [0.    , 0.    ]])

    Notes
    -----
    Maheshwari et al. (2022), section 4, whose figures draw it. Earlier snapshots are judged against the others' *last*
    policies, so that this is not the NE-gap along the run; and a distance that falls to 0 says of the last snapshot
    alone that it is an equilibrium.
    """
    table = _snapshots(game, policies)
    lead, size = table.shape[:-3], table.shape[-2:]
    if last is None:
        ends = table[..., -1, :, :]
    else:
        given, single, _ = _check.law_table(last, "last")
        if given.shape not in (size, (*lead, *size)):
            raise ValueError(f"last must have shape (S, A_total) = {size}, or one a run, {(*lead, *size)}, found "
                             f"{given.shape}")
        ends = np.broadcast_to(settle(game, given, [single] * game.num_players, "last", "run"), (*lead, *size))
    out, (game, _) = np.zeros((*table.shape[:-2], game.num_players)), centred(game)
    for run in np.ndindex(lead):
        end = check_policy(game, ends[run], "last")
        desk = evaluated(game, end, wants_visit=False)
        with machine.parallel_region(game.work_size > PARALLEL_WORK):
            distances(game.model, desk, end, table[run], out[run])
    return out
