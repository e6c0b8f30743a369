"""Sampled feedback for regression: pairs of a state and an action, and unbiased samples of what the action is worth.

A sample of player i: everybody plays pi until a Geometric(1 - gamma) time, which ends in a state s of the law
d_rho^pi; there player i alone takes an action from (1 - xi) pi_i + xi uniform; everybody plays on, by pi again, until
another geometric time, and R is the *undiscounted* sum of i's rewards from s on. Since P(time >= t) = gamma^t, the
expectation of R is Qbar_i(s, a_i) (Ding et al. 2022, Algorithm 2, as their slides have it). Others are not perturbed
in i's samples: players take turns. Of batches of K, those of player i for update k are a run's numbers n = (k N + i) K
.. (k N + i + 1) K - 1.

Sample n draws at step n of the streams START (its first state, by the first of the blocks, and its own action), LENGTHS
(both times) and SAMPLES (all that happens at its step t, in blocks t B .. (t + 1) B - 1), so that it depends on the
run's key, n and the policy alone: not on the threads, nor on what is sampled beside it.

Where joint actions are listed, they are drawn from an alias table of every state, made once a round: two numbers a
step, however many players, and LANES samples at a time. Other games are played player by player.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..machine import attach, method
from ..machine.vectors import LANES, aligned
from ..models.available import choices
from ..models.game import Game
from ..models.sampler import listed, private
from ._played import played
from ._tabled import tabled
from ._times import CHUNK
from .rollouts import note

MOST_JOINT = 2**20  # entries of the tables of joint actions: making them anew must not outweigh the sampling
FURTHEST = 36.05  # -log of the smallest 1 - u: a time is at most this many times 1 / (1 - gamma)

ready, collect = method("ready"), method("collect")


@attach(observe=note, sampled=True, spreads=True,
        sees="samples of its own return, each from a fresh start")
class Samples(NamedTuple):
    """Sampled feedback. A rule calls ``ready(source, rule, state, feedback)`` once a round, and then ``collect(source,
    rule, state, feedback, first, count, player)`` for up to CHUNK samples, numbers first .. first + count - 1.

    Attributes
    ----------
    rows, actions, returns, places : (CHUNK,)
        Of every sample the row of the tables and the player's action, its return, and (where games are played player by
        player) the state itself.
    offset : (N + 1,)
        First column of every player.
    available : (S, A_total) of bool, num_actions : (S, N)
        Which actions there are, and how many each player has, in every row of the tables.
    discount : float
    key, iteration, exploration, source
        Of the samples under way.
    """

    rows: Any
    actions: Any
    returns: Any
    places: Any
    offset: Any
    available: Any
    num_actions: Any
    discount: float
    key: Any
    iteration: Any
    exploration: Any
    source: Any

    @classmethod
    def create(cls, game: Game, state: Any, *, threads: int | None = None, **_: Any) -> tuple[Samples, None]:
        """The workspace of one run.

        Raises
        ------
        ValueError
            If the discount is so near to 1 that the steps of a sample could not be counted.
        """
        sampler = private(game.sampler())
        lanes = listed(sampler) and game.num_states * math.prod(game.num_actions) <= MOST_JOINT
        blocks = 1 if lanes else (game.num_players + 1) // 2 + (game.draws + 1) // 2
        check_horizon(game.discount, blocks)
        size = CHUNK + LANES
        shared = {"rows": aligned(size, 0, np.int64), "actions": aligned(size, 0, np.int64), "returns": aligned(size),
                  "offset": game.offset, "key": np.zeros(2, np.uint64), "exploration": np.zeros(1)}
        available, num_actions = choices(game)
        scale = 1.0 / math.log(game.discount) if game.discount > 0.0 else 0.0
        times = aligned(size, 0, np.int64), aligned(size, 0, np.int64)
        places = np.zeros(0 if lanes else size, np.int64)
        source = (tabled(game, sampler, state, shared, available, num_actions, scale, times, threads) if lanes
                  else played(game, sampler, scale, times, blocks))
        made = cls(places=places, available=available, num_actions=num_actions, discount=game.discount,
                   iteration=np.zeros(1, np.int64), source=source, **shared)
        return made, None


def check_horizon(discount: float, blocks: int) -> None:
    """Refuse a discount at which a sample of some steps could take more than the 2^32 blocks that it has."""
    if not (discount == 0.0 or 2 * FURTHEST * blocks < 2**32 * (1.0 - discount)):
        most = 1.0 - 2 * FURTHEST * blocks / 2**32
        raise ValueError(f"samples until a geometric time need a discount of at most {most:.10g} here, found "
                         f"{discount!r}; take a lower one, or a rule that evaluates exactly")
