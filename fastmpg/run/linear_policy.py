"""The policy of linear Q-ascent at states that are never listed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..kernels.simplex import project_row
from ..kernels.vector import dot_in_order
from ..models.available import choices
from ..models.game import Game, check_game
from ..models.sampler import row
from ..rules.rule import contract_of


def linear_policy(rule: Any, game: Game, total: Any, states: Any) -> list[Float]:
    """Every player's policy of :class:`fastmpg.rules.LinearQAscent` with features that are a function.

    Parameters
    ----------
    rule : LinearQAscent
    game : Game
        The simulator that it played on.
    total : array_like (N, d)
        ``result.state["total"]``: the sums of all estimates.
    states : sequence of int
        n states of the simulator.

    Returns
    -------
    list of N ndarrays (n, A_i)
        P(uniform + eta <phi_i(s, .), total_i>), P onto (1 - xi) simplex + xi uniform; 0 for actions that are not there.

    Raises
    ------
    ValueError, TypeError
        If the rule's features are no function, or an argument does not fit.

    Notes
    -----
    Ding et al. (2022), Algorithm 2, projected where it is asked for.

    Examples
    --------
    >>> import fastmpg as fm
    >>> def reset(uniforms):
    ...     return 0
    >>> def step(state, actions, uniforms, rewards):  # two players are paid for meeting
    ...     rewards[:] = 1.0 if actions[0] == actions[1] else 0.0
    ...     return int(uniforms[0] * 1e6)
    >>> def features(state, player, action, out):
    ...     out[:] = 0.0
    ...     out[action] = 1.0
    >>> game = fm.SimulatorGame(reset, step, (2, 2), 1, 0.5, observe=lambda state: 0)
    >>> rule = fm.rules.LinearQAscent(features=features, dimension=2)
    >>> fm.linear_policy(rule, game, [[1.0, 3.0], [0.0, 0.0]], [7])[0].round(2)
    array([[0.4, 0.6]])
    """
    checked = contract_of(rule).checked(rule)
    if not callable(getattr(checked, "features", None)):
        raise ValueError(f"rule must be a LinearQAscent whose features are a function, found {_check.shown(rule)}; "
                         "otherwise the policy is a table, result.policy")
    check_game(game)
    if game.exact:
        raise ValueError(f"game must be a simulator, found {game!r}")
    sums = _check.array(total, "total")
    if sums.shape != (game.num_players, checked.dimension):
        raise ValueError(f"total must have the shape (N, d) = {(game.num_players, checked.dimension)}, found "
                         f"{sums.shape}")
    if not isinstance(states, list | tuple | range | np.ndarray) or getattr(states, "ndim", 1) == 0:
        raise TypeError(f"states must be a sequence of whole numbers, found {_check.shown(states)}")
    places = [_check.integer(each, "states") for each in states]
    fill, phi = getattr(checked.features, "py_func", checked.features), np.zeros(checked.dimension)
    available, counts = choices(game)
    found = [np.zeros((len(places), n)) for n in game.num_actions]
    for at, place in enumerate(places):
        s = row(game.sampler(), place)
        game.check()
        for i, n in enumerate(game.num_actions):
            scores = np.full(n, -np.inf)
            for a in np.flatnonzero(available[s, game.offset[i]:game.offset[i + 1]]):
                fill(place, i, int(a), phi)
                scores[a] = 1.0 / counts[s, i] + checked.eta * dot_in_order(phi, sums[i])
            project_row(scores, checked.exploration / counts[s, i], found[i][at])
    return found
