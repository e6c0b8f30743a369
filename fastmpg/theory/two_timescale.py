r"""When two-timescale Q-learning is proved to converge: Maheshwari et al. (2022) [M], Assumptions 2.1 and 3.2.

**Where the printed paper needs care.**

- [M] gives alpha(n) = n^-c1, beta(n) = n^-c2 with 0 < c1 <= c2 <= 1 as an example of Assumption 3.2. Its (iv) excludes
  c1 = c2, where beta/alpha is 1 for ever; and n^-c is not in (0, 1) at n = 0 and 1. A step of 1 at the first visit does
  no harm (it forgets the first estimate); n = 0 never comes.
- [M] Assumption 2.1 asks for one joint action whose chain is irreducible and aperiodic. What the proof uses, (26), is
  that the chain is so under policies that play everything, which needs less.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.csgraph import breadth_first_order, connected_components

from .. import _check
from .._check import Float
from ..metrics.chain import chain
from ..models.game import Game, check_game
from ..policy import split, uniform_policy
from ..rules._schedule import schedule


class StepSizeConditions(NamedTuple):
    """What :func:`step_size_conditions` finds.

    Attributes
    ----------
    diverging : bool
        (i): both sums diverge, both limits are 0, neither ever increases.
    summable : bool
        (ii): sums of alpha^(1 + q/2) and of beta^(1 + q'/2) are finite for some q, q' >= 2.
    regular : bool
        (iii): alpha([x n])/alpha(n) and beta([x n])/beta(n) are bounded for every x in (0, 1).
    separated : bool
        (iv): beta/alpha goes to 0.
    """

    diverging: bool
    summable: bool
    regular: bool
    separated: bool

    @property
    def holds(self) -> bool:
        """Whether all of Assumption 3.2 does."""
        return all(self)


def step_size_conditions(alpha: Any, beta: Any) -> StepSizeConditions:
    """Which conditions of Assumption 3.2 the step sizes of a two-timescale learner meet.

    Parameters
    ----------
    alpha, beta : (float, float), or sequence of float
        As of :class:`fastmpg.rules.TwoTimescaleQ`: (exponent p, offset c) for (n + c)^-p, or a table whose last entry
        stays.

    Returns
    -------
    StepSizeConditions

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.step_size_conditions((0.6, 1), (1, 1)).holds
    True
    >>> fm.theory.step_size_conditions((0.6, 0), (0.6, 0))  # c1 = c2, which the paper's example allows
    StepSizeConditions(diverging=True, summable=True, regular=True, separated=False)

    Notes
    -----
    Maheshwari et al. (2022), Assumption 3.2. With p > 0, q = 2/p makes alpha^(1 + q/2) summable: its exponent is p + 1.
    """
    powers = []
    for given, name in ((alpha, "alpha"), (beta, "beta")):
        sizes = schedule(given, name)
        powers.append(sizes[0] if len(sizes) == 2 else 0.0)  # a table ends in a constant
    return StepSizeConditions(all(0.0 < p <= 1.0 for p in powers), all(p > 0.0 for p in powers), True,
                              powers[0] < powers[1])


def _is_ergodic(table: Float) -> bool:
    """Whether a chain is irreducible and aperiodic: the greatest common divisor of level(s) + 1 - level(t) is 1."""
    moves = table > 0.0
    if connected_components(moves, connection="strong")[0] > 1:
        return False
    order, before = breadth_first_order(moves, 0)
    level = np.zeros(len(table), np.int64)
    for s in order[1:]:
        level[s] = level[before[s]] + 1
    start, end = np.nonzero(moves)
    return math.gcd(*(level[start] + 1 - level[end]).tolist()) == 1


class Ergodicity(NamedTuple):
    """What :func:`ergodicity` finds.

    Attributes
    ----------
    starts_everywhere : bool
        Whether the initial law is positive in every state.
    profile : tuple of int or None
        A joint action, the same in every state, whose chain is irreducible and aperiodic; None if none was found.
    searched : bool
        Whether None means that there is none.
    mixing : bool
        Whether the chain is irreducible and aperiodic where everybody plays everything, which the proof uses.
    """

    starts_everywhere: bool
    profile: tuple[int, ...] | None
    searched: bool
    mixing: bool

    @property
    def holds(self) -> bool | None:
        """Whether Assumption 2.1 does; None where too few joint actions were tried to say."""
        if self.profile is None and self.starts_everywhere and not self.searched:
            return None
        return self.starts_everywhere and self.profile is not None


def ergodicity(game: Game, *, limit: int = 10_000) -> Ergodicity:
    """Whether every state comes back again and again: Assumption 2.1, and what its proof uses.

    Parameters
    ----------
    game : Game
    limit : int
        Most joint actions to try, >= 1; those that some state does not have are none.

    Returns
    -------
    Ergodicity

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.theory.ergodicity(fm.games.routing(4))
    Ergodicity(starts_everywhere=True, profile=(0, 0, 0, 0), searched=True, mixing=True)

    Notes
    -----
    Maheshwari et al. (2022), Assumption 2.1. Transitions are moves of probability > 0, however small.
    """
    check_game(game)
    limit = _check.integer(limit, "limit", low=1)
    size = game.num_states
    starts = bool((game.initial > 0.0).all())
    mixing = _is_ergodic(chain(game, uniform_policy(game)))
    if not mixing:  # what any joint action leads to is led to by uniform play
        return Ergodicity(starts, None, True, mixing)
    can = np.ones((size, sum(game.num_actions)), np.bool_) if game.available is None else game.available
    always = [np.flatnonzero(part.all(axis=0)).tolist() for part in split(game, can)]
    for tried, profile in enumerate(itertools.product(*always)):
        if tried == limit:
            return Ergodicity(starts, None, False, mixing)
        policy = np.zeros(can.shape)
        policy[:, game.offset[:-1] + np.array(profile)] = 1.0
        if _is_ergodic(chain(game, policy)):
            return Ergodicity(starts, profile, True, mixing)
    return Ergodicity(starts, None, True, mixing)
