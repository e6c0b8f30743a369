r"""Passes over the stages of a horizon, by any exact model: the value of a policy, occupancy, best responses.

    Qbar_i^t(s, a_i) = r_i(s, a_i) + gamma sum_u P_i^t(u | s, a_i) V_i^{t+1}(u)            V_i^T given
    V_i^t(s) = sum_a pi_i^t(a | s) Qbar_i^t(s, a)      or, of a best response, max_a Qbar_i^t(s, a)
    O^{t+1}(u) = sum_s O^t(s) P^t(u | s)                                                    O^0 given

with r_i(s, a_i) and P_i^t the model of player i against the others' pi_-i^t, and P^t the chain of all (Etesami and
Straehle 2020, equations (7), (8) and (12)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check, machine
from .._check import Float
from ..kernels.simplex import weighed
from ..machine import unit
from ..models.game import Game, check_sums, contract, lookahead, pull, push

PARALLEL_WORK = 200_000  # table entries (about 100 us) below which threads cost more than they bring


class Stages(NamedTuple):
    """What the passes read and fill.

    model, work: see :mod:`..models.game`   policy (T, S, A_total)   offset (N + 1,)
    value (T + 1, N, S), occupancy (T + 1, S): V^T and O^0 are there before
    best (T + 1, N, S), response (T, S, A_total): of best responses, or empty
    q (S, A_total): scratch   shared: whether all players have the same values
    """

    model: Any
    work: Any
    policy: Any
    offset: Any
    value: Any
    occupancy: Any
    best: Any
    response: Any
    q: Any
    shared: bool


@unit
def values_of_stages(frame):
    """frame.value[:T], the last stage first: V^t = r^pi + gamma P^pi V^{t+1}."""
    for back in range(frame.policy.shape[0]):
        t = frame.policy.shape[0] - 1 - back
        contract(frame.model, frame.work, frame.policy[t])
        for i in range(frame.offset.size - 1):
            if i > 0 and frame.shared:
                for s in range(frame.q.shape[0]):
                    frame.value[t, i, s] = frame.value[t, 0, s]
            else:
                pull(frame.model, frame.work, frame.value[t + 1, i], frame.value[t, i])
                for s in range(frame.q.shape[0]):
                    total = frame.model.discount * frame.value[t, i, s]
                    for c in range(frame.offset[i], frame.offset[i + 1]):
                        total += weighed(frame.policy[t, s, c], frame.work.reward[s, c])
                    frame.value[t, i, s] = total


@unit
def occupancy_of_stages(frame):
    """frame.occupancy[1:], the first stage first."""
    for t in range(frame.policy.shape[0]):
        contract(frame.model, frame.work, frame.policy[t])
        push(frame.model, frame.work, frame.occupancy[t], frame.occupancy[t + 1])


@unit
def responses_of_stages(frame, first, last):
    """frame.best[:T] of players first..last-1, and their columns of frame.response: the first of the best actions."""
    for back in range(frame.policy.shape[0]):
        t = frame.policy.shape[0] - 1 - back
        contract(frame.model, frame.work, frame.policy[t])
        for i in range(first, last):
            lookahead(frame.model, frame.work, frame.policy[t], i, frame.best[t + 1, i], frame.q)
            low, high = frame.offset[i], frame.offset[i + 1]
            for s in range(frame.q.shape[0]):
                best = low
                for c in range(low + 1, high):
                    if frame.q[s, c] > frame.q[s, best]:
                        best = c
                frame.best[t, i, s] = frame.q[s, best]
                if frame.response.shape[0] > 0:
                    for c in range(low, high):
                        frame.response[t, s, c] = 1.0 if c == best else 0.0


def stages(game: Game, policy: Float, terminal: Float, initial: Float | None = None, *, best: bool = False,
           response: bool = False) -> Stages:
    """The workspace of all passes over a checked policy.

    Raises
    ------
    TypeError
        If the game is a simulator.
    ValueError
        If values might be larger than what can be computed with.
    MemoryError
        If the values of all stages would not fit.
    """
    if not game.exact:
        game.workspace()  # says why
    horizon, n_states, columns = policy.shape
    times = horizon if game.discount == 1.0 else min(float(horizon), 1.0 / (1.0 - game.discount))
    check_sums(game, times, float(np.abs(terminal).max(initial=0.0)))
    tables = (2 if best else 1) * (horizon + 1) * game.num_players * n_states + (horizon + 1) * n_states
    _check.budget(8 * (tables + columns * n_states * (horizon if response else 1)),
                  f"the values of {horizon} stages of {game!r}", "take the horizon in pieces, from the last one: the "
                  "value of a piece's first stage is the terminal payoff of the piece before")
    value = np.zeros((horizon + 1, game.num_players, n_states))
    value[horizon] = terminal
    occupancy = np.zeros((horizon + 1, n_states))
    occupancy[0] = game.initial if initial is None else initial
    shared = game.shares_reward and bool((terminal == terminal[0]).all())
    work = game.workspace(machine.threads() if game.work_size > PARALLEL_WORK else 1)
    return Stages(game.held, work, policy, game.offset, value, occupancy, value.copy() if best else value[:0],
                  np.zeros(policy.shape if response else (0, 0, 0)), np.zeros((n_states, columns)), shared)


def run(game: Game, passes: Any, *numbers: int) -> None:
    """Make one pass, with threads where they pay."""
    with machine.parallel_region(game.work_size > PARALLEL_WORK):
        passes(*numbers)
