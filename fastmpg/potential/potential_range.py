"""The range of the stage potential, which provable step sizes ask for, as an interval."""

from __future__ import annotations

import numpy as np

from ..metrics._interval import ROUNDING, Interval, around
from ..models.game import Game, check_game
from ..theory._potential_range import range_and_missed

__all__ = ["potential_range"]

ULP = 2.0**-52


def potential_range(game: Game) -> Interval:
    """D = max phi - min phi of the stage potential, the largest over states: what :mod:`fastmpg.theory` calls D.

    Parameters
    ----------
    game : Game
        Of identical interest, where phi is the reward; or one whose stage payoffs have a potential, of one state or
        with transitions that nobody's actions change.

    Returns
    -------
    Interval
        Of every phi that misses changes of payoffs by one deviation by no more than the one found does, which is
        rounding: two such functions differ by at most twice that at every step of a path of N deviations.

    Raises
    ------
    ValueError
        If the game has none that can be read off.
    TypeError
        If it is no game.

    Examples
    --------
    >>> import fastmpg as fm
    >>> dilemma = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> found = fm.potential.potential_range(dilemma)
    >>> found.holds(3.0), found.width < 1e-13
    (True, True)

    Notes
    -----
    Monderer and Shapley (1996), Theorem 2.8.
    """
    check_game(game)
    payoffs = np.asarray(game.payoff_range(), np.float64)
    planes = np.asarray(getattr(game, "rewards", ()))
    if game.shares_reward or game.num_players == 1 or (planes.size and (planes == planes[:1]).all()):
        width = float(np.ptp(payoffs[0]))
        return around(width, 0.0 if width == 0.0 else ULP * width, ROUNDING, 0.0)
    found = range_and_missed(game)
    if found is None:
        raise ValueError(f"game must share one reward, or have stage potentials and moves that no action changes, "
                         f"found {game!r}: see fastmpg.potential.defect and fastmpg.potential.of")
    size, n = float(np.abs(payoffs).max()), game.num_players
    step = found[1] * (1.0 + 4.0 * ULP) + 4.0 * ULP * (size + found[0])
    return around(found[0], 2.0 * n * step, ROUNDING, 0.0)
