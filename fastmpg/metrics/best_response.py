"""A player's best response, as people ask for it; the kernel is in :mod:`.respond`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.bench import Question, ask
from ..feedback.desk import evaluate_desk
from ..machine import Bound, unit
from ..models.game import Game, check_game
from ._certified import certified_best
from ._discounts import at_discount, discounts_of
from ._interval import Interval
from .origin import centred
from .respond import profile, respond


@overload
def best_response(game: Game, policy: Any, player: int, *, tau: float = ..., discount: Any = ...,
                  certified: Literal[False] = ...) -> tuple[Float, Float]: ...


@overload
def best_response(game: Game, policy: Any, player: int, *, tau: float = ..., discount: Any = ...,
                  certified: Literal[True]) -> tuple[Float, Interval]: ...


def best_response(game: Game, policy: Any, player: int, *, tau: float = 0.0, discount: Any = None,
                  certified: bool = False) -> tuple[Float, Any]:
    """A player's exact best response to the others' policies.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
        The profile; the player's own part is ignored.
    player : int
    tau : float
        0 for a deterministic best response (the lowest index among ties); above, the weight of the responder's entropy.
    discount : float or array_like (N,), optional
        In [0, 1), instead of the game's; of several, one a player, the player's own counts.
    certified : bool
        Whether the value comes as an :class:`fastmpg.Interval` that holds that of an exact best response.

    Returns
    -------
    response : ndarray (S, A_player), of a stack (..., S, A_player)
    value : ndarray (S,), of a stack (..., S), or Interval
        The player's (entropy-regularised) value from every state.

    Neither the response nor what it gains depends on the origin of a player's payoffs: where their level drowns their
    differences they are counted from the middle of their range.

    Raises
    ------
    ValueError, TypeError
        If the policy does not fit the game or there is no such player.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.best_response(game, fm.uniform_policy(game), player=0)
    (array([[0., 1., 0.]]), array([0.155]))
    """
    check_game(game)
    i = _check.player(player, game.num_players)
    weight, certified = _check.real(tau, "tau", 0.0), _check.flag(certified, "certified")
    if discount is not None:
        own = discounts_of(game, discount)
        game = at_discount(game, own[i] if isinstance(own, tuple) else own)
    near, shift = centred(game)
    found, states = ask(near, policy, _responses[i], weight), game.num_states
    response = np.ascontiguousarray(found[..., :-states]).reshape(*found.shape[:-1], states, game.num_actions[i])
    if certified:
        return response, certified_best(game, policy, i, weight)
    return response, found[..., -states:] + shift[i] / (1.0 - game.discount)


class ResponseFrame(NamedTuple):
    """A desk, the player (1,), and where its response (S, A_i) and the value of that (S,) go."""

    desk: Any
    player: Any
    response: Any
    value: Any


@unit
def write_response(frame, row):
    """A best response at the desk's temperature, begun from the values there."""
    desk, i = frame.desk, frame.player[0]
    low = desk.offset[i]
    profile(desk, desk.policy, 0, desk.policy.shape[1])
    respond(desk.model, desk, desk.policy, i, desk.temperature[0], desk.value[i])
    for s in range(desk.best.size):
        frame.value[s] = desk.best[s]
        for a in range(frame.response.shape[1]):
            frame.response[s, a] = desk.deviation[s, low + a]


class _Responses(dict[int, Question]):
    """The question of every player."""

    def __missing__(self, i: int) -> Question:
        def question(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
            size, states = game.num_states * game.num_actions[i], game.num_states
            out = np.zeros(size + states)
            frame = ResponseFrame(desk, np.array([i]), out[:size].reshape(states, -1), out[size:])
            return [evaluate_desk.bind(desk), write_response.bind(frame)], out

        self[i] = question
        return question


_responses = _Responses()
