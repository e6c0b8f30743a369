"""Which payoffs of a count game can be received where some players lack some actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels.contract_counts import EACH, OWN, SHARED

SUBSETS = 256  # sets of actions that are gone through


def received(model: Any, mask: NDArray[np.bool_], counts: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Every player's payoffs, in some order, at what all can choose together.

    model: a :class:`.model.CountModel`   mask (S, A_total)   counts (C, L): in the order of its tables, or empty

    Players can divide as u says if, for every set B of actions, those who have no other are at most sum_{a in B} u_a
    (Hall 1935). Beyond :data:`SUBSETS` sets this is not asked, and payoffs may be among them that nobody receives.
    """
    n_states, n_players = mask.shape[0], model.n_actions.size
    can = mask.reshape(n_states, n_players, -1)
    n_actions = can.shape[2]
    if model.payoff_kind in (OWN, EACH):
        n = np.arange(n_players + 1)
        bound = can & (can.sum(axis=2, keepdims=True) == 1)  # has nothing else
        most, least = can.sum(axis=1)[..., None], bound.sum(axis=1)[..., None]
        for i in range(n_players):
            low = least + ~bound[:, i, :, None]
            yield model.rewards[i if model.payoff_kind == EACH else 0][can[:, i, :, None] & (n >= low) & (n <= most)]
        return
    sets = np.array([[(b >> a) & 1 for a in range(n_actions)] for b in range(2**n_actions)], np.bool_) \
        if 2**n_actions <= SUBSETS else np.zeros((0, n_actions), np.bool_)
    # (S, N, B): whether a player has no action outside of the set
    inside: NDArray[np.bool_] = np.logical_not((can[:, :, None] & ~sets).any(axis=3))
    sums, least = counts @ sets.T.astype(np.int64), inside.sum(axis=1)  # (C, B), (S, B)
    if model.payoff_kind == SHARED:
        yield model.rewards[0, ..., 0][(sums >= least[:, None]).all(axis=2)]
        return
    for i in range(n_players):
        some = []
        for a in range(n_actions):
            rest = (least - inside[:, i])[:, None] + sets[:, a]
            good = can[:, i, a, None] & (counts[:, a] >= 1) & (sums >= rest).all(axis=2)
            some.append(model.rewards[0, ..., a][good])
        yield np.concatenate(some)
