"""Exact values of time-dependent policies, where they lead, and what they are expected to see."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..models.game import Game, check_game
from .given import first_law, horizon_policy, terminal_payoff
from .stages import occupancy_of_stages, run, stages, values_of_stages


@comparable
class HorizonEvaluation(NamedTuple):
    """What :func:`evaluate_horizon` finds.

    Attributes
    ----------
    value : ndarray (T + 1, N, S)
        Every player's value from t on; ``value[T]`` is the terminal payoff.
    score : ndarray (N,)
        The value of the whole game: ``value[0]`` on average over the first state.
    occupancy : ndarray (T + 1, S)
        The law of the state at t.
    policy : ndarray (T, S, A_total)
        As it was played.
    num_actions : tuple of int
    discount : float
    """

    value: Float
    score: Float
    occupancy: Float
    policy: Float
    num_actions: tuple[int, ...]
    discount: float

    def features(self, features: Any, player: int | None = None) -> Float:
        """Expected counts of features over the horizon, discounted as rewards are.

        Parameters
        ----------
        features : array_like (S, K) or (S, A_i, K)
            Of states: counted at t = 0, ..., T, the state after the last decision included, as rewards are that depend
            on the state alone. Of states and a player's actions: at the T decisions.
        player : int, optional
            Whose actions; not for features of states.

        Returns
        -------
        ndarray (K,)

        Raises
        ------
        ValueError, TypeError
            If the features do not fit the game.

        Examples
        --------
        >>> import numpy as np, fastmpg as fm
        >>> game = fm.games.imitation_line()
        >>> found = fm.evaluate_horizon(game, np.stack([fm.uniform_policy(game)] * 4))
        >>> one, two = np.indices((4, 4)).reshape(2, 16)
        >>> counts = found.features(np.stack([one == 3, one == two], axis=1) * 1.0)
        >>> counts.round(3)
        array([0.556, 0.788])
        >>> bool(abs(counts @ [1, -1.5] - found.score[0]) < 1e-12)  # its rewards are made of them
        True
        """
        table = _check.array(features, "features")
        horizon, n_states, _ = self.policy.shape
        if table.ndim == 2:
            _check.shape(table, "features", (n_states, table.shape[1]), "(S, K)")
            weights = self.discount ** np.arange(horizon + 1)
            return (weights @ self.occupancy) @ table
        if table.ndim != 3:
            raise ValueError(f"features must have shape (S, K), or (S, A_i, K) with a player, found {table.shape}")
        if player is None:
            raise ValueError(f"features of shape {table.shape} are of a player's actions: say which, with player=")
        i = _check.player(player, len(self.num_actions))
        _check.shape(table, "features", (n_states, self.num_actions[i], table.shape[2]), f"(S, A_{i}, K)")
        low = sum(self.num_actions[:i])
        own = self.policy[:, :, low:low + self.num_actions[i]] * self.occupancy[:-1, :, None]
        return np.einsum("t,tsa,sak->k", self.discount ** np.arange(horizon), own, table)

    def __repr__(self) -> str:
        horizon, players, states = self.value.shape
        return (f"<HorizonEvaluation: {horizon - 1} decisions, {players} players, {states} states, score "
                f"{np.array2string(self.score, precision=6, threshold=8)}>")


def evaluate_horizon(game: Game, policy: Any, *, terminal: Any = None, initial: Any = None, play: str = "mixed",
                     ties: str = "split") -> HorizonEvaluation:
    """Values, scores and occupancy of a policy that may depend on time, over a finite horizon, exactly.

    V_i^T = terminal_i and V_i^t(s) = E[r_i(s, a) + gamma V_i^{t+1}(s')], a by the policy of stage t and gamma the
    game's discount, which may be 1.

    Parameters
    ----------
    game : Game
        With an exact model.
    policy : array_like (T, S, A_total), list of T (S, A_total), or list of N (T, S, A_i)
        One policy for every decision t = 0, ..., T - 1.
    terminal : array_like (N, S) or float, optional
        What players receive for the state after the last decision. By default their rewards where these depend on the
        state alone, whatever anybody does, and else 0.
    initial : array_like (S,) or int, optional
        The law of the first state, or that state; by default the game's own.
    play : str
        "mixed": actions are drawn from the policy; "greedy": every player takes the most likely one.
    ties : str
        Of actions that are equally likely up to 1e-9 of their probability, greedy play takes each equally often
        ("split"), or the first ("first").

    Returns
    -------
    HorizonEvaluation

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
    >>> found = fm.evaluate_horizon(game, np.stack([fm.uniform_policy(game)] * 5))
    >>> found
    <HorizonEvaluation: 5 decisions, 2 players, 81 states, score [1.358348 1.358348]>
    >>> found.value.shape, found.occupancy.shape
    ((6, 2, 81), (6, 81))

    Notes
    -----
    Etesami and Straehle (2020), equations (7), (8) and (12).
    """
    check_game(game)
    checked, law = horizon_policy(game, policy, play, ties), first_law(game, initial)
    made = stages(game, checked, terminal_payoff(game, terminal), law)
    run(game, values_of_stages.bind(made))
    run(game, occupancy_of_stages.bind(made))
    score = made.value[0] @ made.occupancy[0]
    return HorizonEvaluation(made.value, score, made.occupancy, checked, game.num_actions, game.discount)
