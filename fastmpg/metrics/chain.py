"""The chain of states that a policy induces: P^pi(t | s) = sum_a pi(a | s) P(t | s, a)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from ..feedback.bench import ask
from ..machine import Bound, unit
from ..models.game import Game, contract, push

__all__ = ["chain"]


class ChainFrame(NamedTuple):
    """A desk, a law (S,), and where the chain's rows go (S, S)."""

    desk: Any
    law: Any
    out: Any


@unit
def write_chain(frame, row):
    """out[s, t] = P^pi(t | s)."""
    desk = frame.desk
    contract(desk.model, desk.work, desk.policy)
    for s in range(frame.law.size):
        for t in range(frame.law.size):
            frame.law[t] = 0.0
        frame.law[s] = 1.0
        push(desk.model, desk.work, frame.law, frame.out[s])


def _chain(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    out = np.zeros((game.num_states, game.num_states))
    return [write_chain.bind(ChainFrame(desk, np.zeros(game.num_states), out))], out


def chain(game: Game, policy: Any) -> Float:
    """How states follow each other under a policy.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    ndarray (S, S), of a stack (..., S, S)
        P^pi(t | s) at [s, t]; of a normal-form game the one state again.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.routing(2)
    >>> fm.metrics.chain(game, fm.uniform_policy(game))[0].round(4)
    array([0.4 , 0.25, 0.25, 0.1 ])

    Notes
    -----
    Maheshwari et al. (2022), section C, P(s' | s, pi).
    """
    out = ask(game, policy, _chain)
    return out.reshape(*out.shape[:-1], game.num_states, game.num_states)
