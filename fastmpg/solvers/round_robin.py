"""Round-robin best-response dynamics over stationary policies.

Players take turns; each moves to its exact best response when that is strictly better from some state. In a Markov
potential game every move raises the potential, so the dynamics end at a pure equilibrium; elsewhere they may cycle.
Monderer & Shapley (1996), Lemma 2.3; for Markov potential games, Leonardos et al. (2022), Theorem 3.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check, machine
from .._check import Float
from ..feedback.desk import PARALLEL_WORK, Desk, finish
from ..machine import kernel
from ..metrics.gaps import gaps
from ..metrics.respond import profile, respond
from ..models.game import Game, contract
from ..policy import check_policy, uniform_policy

__all__ = ["RoundRobin", "round_robin"]

BETTER = 1e-11  # relative to the values' size: what counts as strictly better


@kernel
def _round(model, oracle, policy, always):
    """One turn of every player, in order; returns how many changed their policy (``always``: take the response anyway)."""
    moves = 0
    for i in range(oracle.value.shape[0]):
        contract(model, oracle.work, policy)
        finish(model, oracle, policy)
        profile(oracle, policy, 0, policy.shape[1])
        respond(model, oracle, policy, i, 0.0, oracle.value[i])
        size, gain = 1e-300, 0.0
        for s in range(policy.shape[0]):
            size = max(size, abs(oracle.best[s]))
            gain = max(gain, oracle.best[s] - oracle.value[i, s])
        if always or gain > BETTER * size:
            moves += 1
            for s in range(policy.shape[0]):
                for c in range(oracle.offset[i], oracle.offset[i + 1]):
                    policy[s, c] = oracle.deviation[s, c]
    contract(model, oracle.work, policy)
    finish(model, oracle, policy)
    return moves


@kernel
def _gaps(model, oracle, policy, out):
    gaps(model, oracle, policy, 0.0, oracle.value, out)


class RoundRobin(NamedTuple):
    """Where the dynamics ended.

    Attributes
    ----------
    policy : ndarray (S, A_total)
        A pure profile.
    value : ndarray (N, S)
    ne_gap : ndarray (N,)
    rounds, moves : int
        Rounds of all players made, and changes of policy after the first of them.
    status : str
        "equilibrium" (a round without a move), "cycle" (a profile came back), or "limit" (``maxiter`` rounds).
    """

    policy: Float
    value: Float
    ne_gap: Float
    rounds: int
    moves: int
    status: str

    def __repr__(self) -> str:
        return f"<RoundRobin: {self.status} after {self.rounds} rounds, {self.moves} moves, NE-gap {self.ne_gap.max():.3g}>"


def round_robin(game: Game, policy: Any = None, *, maxiter: int = 10_000) -> RoundRobin:
    """Let players best-respond in turn until none can improve.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total) or list of (S, A_i), optional
        Where to start; uniform by default. In the first round everyone moves to a pure best response.
    maxiter : int
        Most rounds to make.

    Returns
    -------
    RoundRobin
        Its status says whether the profile is an equilibrium or the dynamics came back to an earlier profile.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.solvers.round_robin(fm.games.zhang_3x2())
    <RoundRobin: equilibrium after 3 rounds, 1 moves, NE-gap 0>
    >>> fm.solvers.round_robin(fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])).status  # matching pennies
    'cycle'

    Notes
    -----
    Monderer & Shapley (1996), Lemma 2.3; Leonardos et al. (2022), Theorem 3.1.
    """
    limit = _check.integer(maxiter, "maxiter", low=1)
    table = uniform_policy(game) if policy is None else check_policy(game, policy)
    oracle = Desk.create(game, table, wants_visit=False)
    gap = np.zeros(game.num_players)
    seen: set[bytes] = set()
    rounds, moves, status = 0, 0, "limit"
    with machine.parallel_region(game.work_size > PARALLEL_WORK):
        while rounds < limit:
            made = _round(game.model, oracle, table, rounds == 0)
            rounds += 1
            moves += made if rounds > 1 else 0
            if rounds > 1 and made == 0:
                status = "equilibrium"
                break
            profile = np.packbits(table > 0.5).tobytes()
            if profile in seen:
                status = "cycle"
                break
            seen.add(profile)
        value = oracle.value.copy()
        _gaps(game.model, oracle, table, gap)
    return RoundRobin(table, value, gap, rounds, moves, status)
