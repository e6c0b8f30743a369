"""Gymnasium: environments of one player, and games from the tables of its toy texts."""

from __future__ import annotations

import functools
from typing import Any

from .. import _check
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame
from ._episode import Episode
from ._optional import optional
from ._outcomes import from_outcomes, title_of, to_outcomes

__all__ = ["from_gymnasium", "to_gymnasium"]


def from_gymnasium(env: Any, discount: float, *, name: str | None = None) -> MarkovGame:
    """The game of a Gymnasium environment that lists its outcomes, as toy texts do: FrozenLake, Taxi, CliffWalking.

    Parameters
    ----------
    env : gymnasium.Env
        With ``env.unwrapped.P[state][action] = [(probability, next state, reward, done), ...]``. Wrappers, and with
        them limits of time, are not looked at.
    discount : float
        In [0, 1]: environments have none.
    name : str, optional
        What reports call it.

    Returns
    -------
    MarkovGame
        Of one player. Rewards are means over the next states. A state that is only ever reached by an outcome that is
        done, and is no first one, is terminal. Where another outcome goes on from the same state, as in Taxi, those
        that are done lead to one terminal state more, the last. The first state's law is
        ``env.unwrapped.initial_state_distrib``, uniform where there is none.

    Raises
    ------
    TypeError, ValueError
        If there is no such table, or what is wrong in it.

    Examples
    --------
    >>> import fastmpg as fm
    >>> class Corridor:  # two steps to the door
    ...     P = {0: {0: [(1.0, 0, 0.0, False)], 1: [(1.0, 1, 0.0, False)]},
    ...          1: {0: [(1.0, 0, 0.0, False)], 1: [(1.0, 2, 1.0, True)]}, 2: {0: [(1.0, 2, 0.0, True)]}}
    ...     initial_state_distrib = [1.0, 0.0, 0.0]
    >>> game = fm.io.from_gymnasium(Corridor(), 0.9)
    >>> game.terminal
    array([False, False,  True])
    >>> fm.best_response(game, fm.uniform_policy(game), 0)[1]
    array([0.9, 1. , 0. ])
    """
    gamma = _check.real(discount, "discount", 0.0, 1.0)
    inner = getattr(env, "unwrapped", env)
    table = getattr(inner, "P", None)
    if table is None or isinstance(env, type):
        raise TypeError(f"env must be a Gymnasium environment with a table of outcomes, env.unwrapped.P, found "
                        f"{_check.shown(env)}")
    return from_outcomes(table, 1, gamma, getattr(inner, "initial_state_distrib", None), title_of(inner, name))


def to_gymnasium(game: Game, *, horizon: int | None = None, ends: str = "horizon") -> Any:
    """A Gymnasium environment of a game of one player.

    Parameters
    ----------
    game : Game
        Of one player.
    horizon : int, optional
        Steps after which an episode is truncated; never by default.
    ends : "horizon" or "discount"
        Environments do not discount. "horizon": learners do, themselves, by ``env.unwrapped.game.discount``.
        "discount": an episode terminates after every step with probability 1 - discount, so that the mean of its plain
        sum of rewards is the game's value.

    Returns
    -------
    gymnasium.Env
        States and actions are ``Discrete``; a terminal state terminates. ``reset(seed=...)`` fixes everything that
        follows. ``info["action_mask"]`` (A,) of int8 says which actions there are; another one is an error. Rewards are
        those that the game's tables hold: the means over the next states. ``env.unwrapped.game`` is the game,
        ``env.unwrapped.P`` its table of outcomes, as the toy texts have it.

    Raises
    ------
    ValueError, TypeError
        What is wrong with which argument.
    ImportError
        If gymnasium is not installed.
    """
    check_game(game)
    if game.num_players != 1:
        raise ValueError(f"game must have one player for Gymnasium, found {game.num_players}: see to_pettingzoo")
    episode = Episode(game, horizon, ends)
    gym = optional("gymnasium", "gymnasium", "to_gymnasium")

    class GameEnv(gym.Env):  # type: ignore[misc, name-defined]
        metadata: dict[str, Any] = {"render_modes": [], "name": game.name}  # noqa: RUF012

        def __init__(self) -> None:
            self.game = game
            self.observation_space = gym.spaces.Discrete(game.num_states)
            self.action_space = gym.spaces.Discrete(game.num_actions[0])
            self.render_mode = None

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
            super().reset(seed=seed)
            return episode.begin(self.np_random), {"action_mask": episode.mask(0)}

        def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
            paid, ended, cut = episode.step((action,), self.np_random)
            return episode.seen(), float(paid[0]), ended, cut, {"action_mask": episode.mask(0)}

        @functools.cached_property
        def P(self) -> Any:
            return to_outcomes(game)

        @property
        def initial_state_distrib(self) -> Any:
            return game.initial

    return GameEnv()
