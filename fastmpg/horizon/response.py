"""Best responses over a finite horizon, by backward induction, and what they gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_game
from .given import first_law, horizon_policy, terminal_payoff
from .stages import responses_of_stages, run, stages, values_of_stages


def best_response_horizon(game: Game, policy: Any, player: int, *, terminal: Any = None, play: str = "mixed",
                          ties: str = "split") -> tuple[Float, Float]:
    """A player's exact best response, over a finite horizon, to the others' policies.

    Parameters
    ----------
    game : Game
        With an exact model.
    policy : array_like (T, S, A_total), list of T (S, A_total), or list of N (T, S, A_i)
        The profile; the player's own part is ignored.
    player : int
    terminal, play, ties
        As for :func:`evaluate_horizon`; how the others play.

    Returns
    -------
    response : ndarray (T, S, A_player)
        Deterministic: the first of the best actions that the player has.
    value : ndarray (T + 1, S)
        What it brings from every t and state on.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or the game is a simulator.
    MemoryError
        If the values would not fit.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> game = fm.games.grid_1()
    >>> response, value = fm.best_response_horizon(game, np.stack([fm.uniform_policy(game)] * 5), 0)
    >>> round(float(value[0] @ game.initial), 4)  # A keeps away from B, who wanders about
    29.9031
    >>> response[0, 9 * 6 + 0]  # by going to the right first
    array([1., 0., 0., 0., 0.])
    """
    check_game(game)
    i = _check.player(player, game.num_players)
    made = stages(game, horizon_policy(game, policy, play, ties), terminal_payoff(game, terminal), best=True,
                  response=True)
    run(game, responses_of_stages.bind(made), i, i + 1)
    return made.response[:, :, game.offset[i]:game.offset[i + 1]].copy(), made.best[:, i].copy()


def ne_gap_horizon(game: Game, policy: Any, *, terminal: Any = None, initial: Any = None, play: str = "mixed",
                   ties: str = "split") -> Float:
    """What every player could gain over a finite horizon by deviating alone.

    Parameters
    ----------
    game, policy, terminal, initial, play, ties
        As for :func:`evaluate_horizon`.

    Returns
    -------
    ndarray (N,)
        Non-negative: the score of a best response less that of the policy.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or the game is a simulator.
    MemoryError
        If the values would not fit.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> game = fm.games.pursuit_3()
    >>> stay = np.tile([0, 1, 0, 0, 0], 3) * np.ones((3, 729, 1))
    >>> fm.ne_gap_horizon(game, stay, initial=81 * 0 + 9 * 8 + 4)  # a hunter two steps away from the prey: 2 times 5/4
    array([2.5, 2.5, 0. ])
    """
    check_game(game)
    made = stages(game, horizon_policy(game, policy, play, ties), terminal_payoff(game, terminal),
                  first_law(game, initial), best=True)
    run(game, values_of_stages.bind(made))
    run(game, responses_of_stages.bind(made), 0, game.num_players)
    return np.maximum(0.0, (made.best[0] - made.value[0]) @ made.occupancy[0])
