"""Random games."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from .. import _check
from .._check.words import guided
from ..models.markov.game import INSTEAD, MarkovGame, dense_bytes
from ..models.normal_form import NormalFormGame

__all__ = ["random_markov", "random_normal_form"]


@guided
def random_markov(num_states: int, num_actions: Sequence[int], discount: float = 0.9, rng: Any = 0,
                  identical_interest: bool = False, sparse: int | None = None) -> MarkovGame:
    """A Markov game with independent rewards U(0, 1) and random transitions.

    Parameters
    ----------
    num_states : int
    num_actions : sequence of int
        One number a player.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    rng : None, int, SeedSequence or Generator
    identical_interest : bool
        One reward for all players.
    sparse : int, optional
        Store the transitions sparsely, with this many different next states a row; dense by default.

    Raises
    ------
    MemoryError
        If the tables would not fit, before anything is drawn.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.games.random_markov(3, (2, 4), rng=1)
    <MarkovGame 'random_markov': 2 players, 3 states, actions (2, 4), discount 0.9, own rewards>
    """
    n_states, actions = _check.integer(num_states, "num_states", low=1), _check.num_actions(num_actions)
    gamma = _check.discount(discount)
    joint, planes = math.prod(actions), 1 if _check.flag(identical_interest, "identical_interest") else len(actions)
    label = f"a random game of {n_states} states and {joint} joint actions"
    draw = _check.generator(rng)
    build = MarkovGame.identical_interest if identical_interest else MarkovGame
    if sparse is None:
        _check.budget(dense_bytes(n_states, actions, planes), label, INSTEAD)
        rows = draw.exponential(size=(n_states, *actions, n_states))
        rows /= rows.sum(axis=-1, keepdims=True)
        moves: Any = rows
    else:
        width = _check.integer(sparse, "sparse", low=1, high=n_states)
        _check.budget(8 * n_states * joint * (planes + 3 * width), label, "ask for fewer next states a row")
        weights = draw.exponential(size=(n_states * joint, width))
        weights /= weights.sum(axis=1, keepdims=True)
        start = draw.integers(0, n_states, n_states * joint)[:, None]
        step = draw.integers(1, max(2, n_states // width + 1), n_states * joint)[:, None]
        columns = (start + step * np.arange(width)) % n_states
        moves = sp.csr_array((weights.ravel(), columns.ravel(), np.arange(0, weights.size + 1, width)),
                             shape=(n_states * joint, n_states))
    rewards = draw.random((n_states, *actions) if identical_interest else (planes, n_states, *actions))
    return build(rewards, moves, gamma, name="random_markov")


@guided
def random_normal_form(num_actions: Sequence[int], rng: Any = 0, identical_interest: bool = False) -> NormalFormGame:
    """A normal-form game with independent payoffs U(0, 1), one for all players on request.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.games.random_normal_form((3, 4, 5))
    <NormalFormGame 'random_normal_form': 3 players, 1 states, actions (3, 4, 5), discount 0, own rewards>
    """
    actions = _check.num_actions(num_actions)
    planes = 1 if _check.flag(identical_interest, "identical_interest") else len(actions)
    _check.budget(8 * planes * math.prod(actions), f"a random game of {math.prod(actions)} joint actions", INSTEAD)
    payoffs = _check.generator(rng).random((planes, *actions))
    if identical_interest:
        return NormalFormGame.identical_interest(payoffs[0], name="random_normal_form")
    return NormalFormGame(payoffs, name="random_normal_form")
