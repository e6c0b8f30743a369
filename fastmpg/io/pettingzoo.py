"""PettingZoo: parallel environments of games, and games from environments that list their outcomes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ._episode import Episode
from ._optional import optional
from ._outcomes import from_outcomes, title_of, to_outcomes

__all__ = ["from_pettingzoo", "to_pettingzoo"]


def from_pettingzoo(env: Any, discount: float, *, name: str | None = None) -> MarkovGame:
    """The game of a parallel environment that lists its outcomes.

    Parameters
    ----------
    env : pettingzoo.ParallelEnv
        With ``possible_agents`` and ``env.unwrapped.P[state][(a_0, ..., a_{N-1})] = [(probability, next state, rewards
        (N,), done), ...]``, as :func:`to_pettingzoo` makes them. PettingZoo's own environments have no tables.
    discount : float
        In [0, 1].
    name : str, optional
        What reports call it.

    Returns
    -------
    MarkovGame
        See :func:`from_gymnasium`; its players have the agents' names.

    Raises
    ------
    TypeError, ValueError
        If there is no such table, or what is wrong in it.

    Examples
    --------
    >>> import fastmpg as fm
    >>> class Env:
    ...     possible_agents = ["left", "right"]
    ...     P = {0: {(a, b): [(1.0, 0, [a == b, a != b], False)] for a in (0, 1) for b in (0, 1)}}
    >>> fm.io.from_pettingzoo(Env(), 0.5).rewards[0, 0]
    array([[1., 0.],
           [0., 1.]])
    """
    gamma = _check.real(discount, "discount", 0.0, 1.0)
    inner = getattr(env, "unwrapped", env)
    table, agents = getattr(inner, "P", None), getattr(inner, "possible_agents", None)
    if table is None or agents is None or isinstance(env, type):
        raise TypeError("env must be a parallel environment with possible_agents and a table of outcomes, "
                        f"env.unwrapped.P, found {_check.shown(env)}")
    names = [str(each) for each in _check.sequence(agents, "possible_agents of env", "names")]
    if not names:
        raise ValueError("possible_agents of env must name at least one player, found none")
    law = getattr(inner, "initial_state_distrib", None)
    return from_outcomes(table, len(names), gamma, law, title_of(inner, name)).named(players=names)


def to_pettingzoo(game: Game, *, horizon: int | None = None, ends: str = "horizon") -> Any:
    """A PettingZoo parallel environment of any game.

    Parameters
    ----------
    game : Game
        Any, simulators and games of counts included.
    horizon : int, optional
        Steps after which an episode is truncated for all; never by default.
    ends : "horizon" or "discount"
        Environments do not discount. "horizon": learners do, themselves, by ``env.unwrapped.game.discount``.
        "discount": an episode terminates for all after every step with probability 1 - discount, so that the mean of
        its plain sum of rewards is the game's value.

    Returns
    -------
    pettingzoo.ParallelEnv
        Agents have the players' names, or are "player_0", "player_1", ...; all see the state, as ``Discrete``. In a
        game where actions are missing, observations are ``{"observation": state, "action_mask": (A_i,) of int8}``, and
        an action that there is not is an error. A terminal state terminates all. ``reset(seed=...)`` fixes everything
        that follows. Rewards are those that the game's tables hold: the means over the next states. ``env.game`` is the
        game, ``env.P`` its table of outcomes, see :func:`from_pettingzoo`.

    Raises
    ------
    ValueError, TypeError
        What is wrong with which argument.
    ImportError
        If pettingzoo is not installed.
    """
    episode = Episode(game, horizon, ends)
    zoo = optional("pettingzoo", "pettingzoo", "to_pettingzoo")
    spaces = optional("gymnasium.spaces", "pettingzoo", "to_pettingzoo")
    named = game.names.players if game.names else None
    names = list(named or (f"player_{i}" for i in range(game.num_players)))

    class GameEnv(zoo.ParallelEnv):  # type: ignore[misc, name-defined]
        metadata: dict[str, Any] = {"render_modes": [], "name": game.name}  # noqa: RUF012

        def __init__(self) -> None:
            self.game, self.render_mode = game, None
            self.agents: list[str] = []
            self.possible_agents = list(names)
            self.rng: Any = None
            self.action_spaces = {each: spaces.Discrete(n) for each, n in zip(names, game.num_actions, strict=True)}
            self.observation_spaces = {}
            for each, n in zip(names, game.num_actions, strict=True):
                seen = spaces.Discrete(game.num_states)
                mask = {"observation": seen, "action_mask": spaces.Box(0, 1, (n,), np.int8)}
                self.observation_spaces[each] = seen if game.available is None else spaces.Dict(mask)

        def observation_space(self, agent: str) -> Any:
            return self.observation_spaces[agent]

        def action_space(self, agent: str) -> Any:
            return self.action_spaces[agent]

        def _seen(self, agents: list[str]) -> dict[str, Any]:
            state = episode.seen()
            if game.available is None:
                return dict.fromkeys(agents, state)
            return {each: {"observation": state, "action_mask": episode.mask(names.index(each))} for each in agents}

        def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
            if seed is not None or self.rng is None:
                self.rng = _check.generator(seed, "seed")
            self.agents = list(names)
            episode.begin(self.rng)
            return self._seen(self.agents), {each: {} for each in self.agents}

        def step(self, actions: dict[str, Any]) -> tuple[Any, ...]:
            if not self.agents:
                return {}, {}, {}, {}, {}
            wrong = [each for each in self.agents if each not in actions]
            if wrong:
                raise ValueError(f"actions must hold one for every agent, found none for {wrong[0]!r}")
            paid, ended, cut = episode.step([actions[each] for each in self.agents], self.rng)
            live, self.agents = self.agents, [] if ended or cut else self.agents
            return (self._seen(live), dict(zip(live, paid.tolist(), strict=True)), dict.fromkeys(live, ended),
                    dict.fromkeys(live, cut), {each: {} for each in live})

        @functools.cached_property
        def P(self) -> Any:
            return to_outcomes(game)

        @property
        def initial_state_distrib(self) -> Any:
            return game.initial

        def state(self) -> Any:
            return np.array(episode.seen())

    return GameEnv()
