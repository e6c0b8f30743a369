"""Best responses without discount: the largest average reward a step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game
from ..policy import check_policy
from ._decisions import best_gain, decisions
from .origin import centred

__all__ = ["gain_response"]


class GainResponse(NamedTuple):
    """A best response without discount.

    Attributes
    ----------
    policy : ndarray (S, A_player)
        Deterministic; the best from every state at once.
    gain : ndarray (S,)
        Its average reward a step for ever, from every state.
    bias : ndarray (S,)
        Its bias, see :func:`average_reward`; another response of the same gain may have a larger one.
    residual : float
        The largest violation of the equations of optimality g = max P g, g + h = max (r + P h). Where the gain is the
        same from all states, the best exceeds it by no more than this, but for rounding.
    """

    policy: Float
    gain: Float
    bias: Float
    residual: float

    def __repr__(self) -> str:
        return (f"<GainResponse: gain in [{self.gain.min():.6g}, {self.gain.max():.6g}], residual "
                f"{self.residual:.1e}>")


def gain_response(game: Game, policy: Any, player: int) -> GainResponse:
    """A player's best response to the others' policies when only the average reward counts.

    Parameters
    ----------
    game : Game
        Its discount is not used, and may be 1.
    policy : array_like (S, A_total) or list of (S, A_i)
        The profile; the player's own part is ignored.
    player : int

    Returns
    -------
    GainResponse

    Raises
    ------
    ValueError, TypeError
        If the policy does not fit the game, the game is a simulator, there is no such player, or policy iteration did
        not come to an end, which it always does but for rounding.
    MemoryError
        If tables (S, A_total, S) do not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> # one player: to state 0, or to state 1
    >>> game = fm.MarkovGame([[[1.0, 3.0], [0.0, 2.0]]], [[[1, 0], [0, 1]], [[1, 0], [0, 1]]], 0.9)
    >>> found = fm.metrics.gain_response(game, fm.uniform_policy(game), 0)
    >>> found.policy, found.gain  # back and forth earns 3 and 0 in turn, staying in state 0 earns 1, in state 1 it is 2
    (array([[0., 1.],
           [0., 1.]]), array([2., 2.]))

    Notes
    -----
    Puterman (1994), section 9.2: multichain policy iteration, exact whatever chains the player can choose among.
    """
    check_game(game)
    i = _check.player(player, game.num_players)
    table = check_policy(game, policy)
    near, shift = centred(game)
    low, high = game.offset[i], game.offset[i + 1]
    reward, moves = decisions(near, table)
    found = best_gain(reward[:, low:high], moves[:, low:high])
    settled(found, i)
    response = np.zeros((game.num_states, high - low))
    response[np.arange(game.num_states), found.action] = 1.0
    return GainResponse(response, found.gain + shift[i], found.bias, found.residual)


def settled(found: Any, i: int) -> None:
    """Refuse what is not known to be best."""
    if not found.stood:
        raise ValueError(f"policy: the best response of player {i} without discount was not found: rounding keeps "
                         f"swapping choices of nearly the same gain (residual {found.residual:.1e}); ask at a discount "
                         "near 1, fastmpg.ne_gap(..., discount=0.9999)")
