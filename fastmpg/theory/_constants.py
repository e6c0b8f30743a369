"""The constants of the theorems (see the package), from a game or as given."""

from __future__ import annotations

import math
import weakref

import numpy as np

from .. import _check
from .._check import Float, real
from ..models.game import Game, check_discounted, check_game
from ._potential_range import known_range
from .mismatch import MismatchSupremum, is_small, mismatch_supremum

_found: weakref.WeakKeyDictionary[Game, MismatchSupremum] = weakref.WeakKeyDictionary()


def payoff_range_of(game: Game) -> Float:
    """(N, 2) of (min, max)."""
    check_game(game)
    payoffs = _check.array(game.payoff_range(), "game.payoff_range()")
    _check.shape(payoffs, "game.payoff_range()", (game.num_players, 2), "(N, 2)")
    if (payoffs[:, 0] > payoffs[:, 1]).any():
        raise ValueError(f"game.payoff_range() must hold min <= max for every player, found {payoffs.tolist()}")
    return payoffs


def sizes(game: Game) -> tuple[int, int, float, float]:
    """n, A = max A_i(s), 1 - gamma and W."""
    payoffs = payoff_range_of(game)
    width = float(np.ptp(payoffs, axis=1).max())
    if width == 0.0 or (payoffs.min() >= 0.0 and payoffs.max() <= 1.0):
        width = 1.0
    check_discounted(game)
    return game.num_players, int(game.action_counts().max()), 1.0 - game.discount, width


def exact_mismatch(game: Game) -> MismatchSupremum | None:
    """What policies can visit where that takes a moment, found once a game; else None."""
    if not is_small(game):
        return None
    if game not in _found:
        _found[game] = mismatch_supremum(game)
    return _found[game]


def mismatch_or_bound(game: Game, given: float | None) -> float:
    """M as given; else exact where the game is small, or its a-priori bound."""
    check_game(game)
    if given is not None:
        # up to rounding
        return real(given, "mismatch (at least num_states, as d sums to 1)", game.num_states * (1.0 - 1e-9))
    if game.num_states == 1:
        return 1.0
    check_discounted(game)
    found = exact_mismatch(game)
    if found is not None and math.isfinite(found.mismatch):
        return found.mismatch
    if not (game.initial > 0.0).all():
        s = int(np.argmin(game.initial > 0.0))
        raise ValueError(f"the initial law must be positive in every state, found {game.initial[s]} in state {s}; or "
                         "pass mismatch=..., an upper bound on fastmpg.metrics.mismatch over the run's policies")
    return 1.0 / (sizes(game)[2] * float(game.initial.min()))


def potential_range_or_known(game: Game, given: float | None, *, shared: bool = False) -> float:
    """D as given, or the reward's own range where the reward is the potential; found, unless it must be ``shared``, in
    potential games of one state, and where moves do not depend on actions.
    """
    if given is not None:
        return real(given, "potential_range", 0.0)
    widths = np.ptp(payoff_range_of(game), axis=1)
    planes = np.asarray(getattr(game, "rewards", ()))  # one reward may be stored once per player
    if not (game.shares_reward or game.num_players == 1 or (planes.size and (planes == planes[:1]).all())):
        found = None if shared else known_range(game)
        if found is not None:
            return found
        raise ValueError("potential_range is known only for identical interest"
                         f"{'' if shared else ' and where stage payoffs alone make a potential'}, found "
                         "different rewards; pass max phi "
                         "- min phi or an upper bound (for a normal-form potential game, such as the sum of payoff "
                         f"widths, {widths.sum():.6g})")
    return float(widths[0])


def over(top: float, *below: float) -> float:
    """top divided by positive numbers in turn, infinite where they underflow to 0."""
    for each in below:
        top = top / each if each > 0.0 else math.inf if top > 0.0 else 0.0
    return top


def step_or_largest(eta: float | None, largest: float, source: str) -> float:
    """eta, by default the largest provable one and at most (up to rounding) that."""
    return largest if eta is None else real(eta, f"eta (provable up to {source})", 0.0, largest * (1.0 + 1e-12),
                                            open_low=True)


def round_up(top: float, bottom: float) -> int:
    """top / bottom as a number of updates; a rounding error above a whole number is not charged."""
    count = top / bottom if bottom > 0.0 else math.inf
    if not math.isfinite(count):
        raise ValueError("the number of iterations must be a finite float, found more; give a larger "
                         "epsilon or eta, or a smaller mismatch or potential_range")
    near = round(count)
    return max(1, near if abs(count - near) <= 1e-12 * count else math.ceil(count))
