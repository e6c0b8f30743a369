"""NE-gap_i = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi): Zhang et al. (2022), Definition 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.bench import ask
from ..feedback.desk import evaluate_desk
from ..machine import Bound, unit
from ..models.game import Game
from ._certified import certified_gap, told
from ._discounts import at_discount, discounts_of, each_player
from ._interval import Interval, around
from ._starts import from_start, start_of
from .gaps import ERROR, gaps, state_gaps
from .metric import Metric, as_recorded
from .origin import centred

__all__ = ["ne_gap", "ne_gap_bound"]


@unit
def write(frame, row):
    """The gaps of all players, from best responses."""
    desk = frame.desk
    gaps(desk.model, desk, desk.policy, 0.0, desk.value, frame.out[row])


METRIC = Metric("ne_gap", ("N",), "NE-gap", write, differences=True)
_GAPS = as_recorded(METRIC)


class StatesFrame(NamedTuple):
    """A desk, and where gaps from every state go (N, S)."""

    desk: Any
    out: Any


@unit
def write_states(frame, row):
    """The gaps of all players from every state, at the desk's temperature."""
    desk = frame.desk
    state_gaps(desk.model, desk, desk.policy, desk.temperature[0], desk.value, frame.out)


def from_every_state(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    """The question for gaps from every state, at the desk's temperature."""
    out = np.zeros((game.num_players, game.num_states))
    return [evaluate_desk.bind(desk), write_states.bind(StatesFrame(desk, out))], out


@overload
def ne_gap(game: Game, policy: Any, *, relative: bool = ..., start: Any = ..., discount: Any = ...,
           certified: Literal[False] = ...) -> Float: ...


@overload
def ne_gap(game: Game, policy: Any, *, relative: bool = ..., start: Any = ..., discount: Any = ...,
           certified: Literal[True]) -> Interval: ...


def ne_gap(game: Game, policy: Any, *, relative: bool = False, start: Any = None, discount: Any = None,
           certified: bool = False) -> Any:
    """What every player could gain by deviating alone: the distance from Nash equilibrium.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    relative : bool
        Divide by the player's payoff range over 1 - discount, the largest difference that two values can have.
    start : None, "worst", "every", int or array_like (S,)
        Where play begins: by the game's initial law (None), in the state from which the player could gain most, in
        every state, in one, or by another law. One deviation is best from all of them, so that a policy is a Nash
        equilibrium from every start where "worst" is 0.
    discount : float or array_like (N,), optional
        In [0, 1), instead of the game's; or every player's own, by which it values what it has and what it could have.
    certified : bool
        Whether to return an :class:`fastmpg.Interval` of such arrays that holds the gap of the game and the policy
        exactly as they are given.

    Returns
    -------
    ndarray (N,), of a stack (..., N), or Interval
        With ``start="every"`` (N, S), of a stack (..., N, S).
        Non-negative; exact up to the rounding of a linear solve (best responses by policy iteration), see
        :func:`ne_gap_bound`. Where the level of a player's payoffs drowns their differences they are counted from the
        middle of their range, so that gaps do not depend on the origin.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.ne_gap(game, fm.uniform_policy(game))
    array([0.38      , 0.01166667])
    >>> game = fm.games.random_markov(3, (2, 2), rng=0)
    >>> fm.ne_gap(game, fm.uniform_policy(game), start="every").shape
    (2, 3)

    Raises
    ------
    ValueError, TypeError
        If the policy is none of the game, ``start`` names no first state, or ``discount`` is none.

    Notes
    -----
    Zhang et al. (2022), Definition 1; from every start: Maheshwari et al. (2022), Definition 2.2.
    """
    relative, certified = _check.flag(relative, "relative"), _check.flag(certified, "certified")
    if discount is not None:
        own = discounts_of(game, discount)
        if isinstance(own, tuple):
            again: Any = ne_gap
            return each_player(game, own, lambda twin: again(twin, policy, relative=relative, start=start,
                                                             certified=certified),
                               -2 if isinstance(start, str) and start == "every" else -1)
        game = at_discount(game, own)
    if certified:
        found = certified_gap(game, policy, 0.0, start)
        return _divided(found, game, start) if relative else found
    if start is None:
        out = ask(centred(game)[0], policy, _GAPS)
    else:
        start = start_of(game, start)
        out = from_start(game, ask(centred(game)[0], policy, from_every_state), start)
    if relative:
        span = _span(game, start)
        return np.divide(out, span, out=np.zeros_like(out), where=span > 0)
    return out


def _span(game: Game, start: Any) -> Float:
    """The payoff range over 1 - discount, (N,) or (N, 1) where gaps are (N, S)."""
    low, high = game.payoff_range().T
    span = np.asarray((high - low) / (1 - game.discount))
    return span[:, None] if isinstance(start, str) and start == "every" else span


def _divided(found: Interval, game: Game, start: Any) -> Interval:
    """An interval of gaps by the span, whose own two roundings are left out on both sides."""
    span = _span(game, start)
    low, high = (np.divide(each, span, out=np.zeros_like(each), where=span > 0) for each in found[:2])
    middle = 0.5 * (low + high)
    return around(middle, (high - middle) * (1.0 + 4e-16) + 2e-15 * high, found.limit, 0.0)


def ne_gap_bound(game: Game, policy: Any, tau: float = 0.0, *, discount: Any = None) -> Any:
    """Certified bound on the error of every entry of :func:`ne_gap`, or of :func:`qre_gap` at tau.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    tau : float
        Temperature, >= 0.
    discount : float or array_like (N,), optional
        As in :func:`ne_gap`.

    Returns
    -------
    float, of a stack ndarray (...)
        At least |computed gap - gap| for every player, where the gap is that of the game and the policy exactly as
        given, negative ones (of rows that sum to more than 1) counted as 0. It adds the certified errors of the best
        response's value and of the policy's own: Bellman residuals and what rounding may hide of them
        (fastmpg/metrics/rounding.py), over 1 - gamma. Infinite where nothing can be said: overflow, or rows that sum to
        1/gamma.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.ne_gap_bound(game, fm.uniform_policy(game)) < 1e-14
    True
    """
    weight = _check.real(tau, "tau", 0.0)
    own = None if discount is None else discounts_of(game, discount)
    if isinstance(own, tuple):
        out = each_player(game, own, lambda twin: told(twin, policy, weight)[..., ERROR], -1).max(axis=-1)
    else:
        near = game if own is None else at_discount(game, own)
        out = told(near, policy, weight)[..., ERROR].max(axis=-1)
    return float(out) if out.ndim == 0 else out
