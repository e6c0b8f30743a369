"""QRE-gap_i: the NE-gap where every player's stage payoff is r_i + tau H(pi_i(. | s)): Sun et al. (2024), eq. (4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

from .. import _check
from .._check import Float
from ..feedback.bench import ask
from ..feedback.desk import evaluate_desk
from ..machine import Bound, unit
from ..models.game import Game
from ._certified import certified_gap
from ._discounts import at_discount, discounts_of, each_player
from ._interval import Interval
from ._starts import from_start, start_of
from .gaps import gaps, values_at
from .metric import Metric, Recorded
from .ne_gap import from_every_state
from .origin import centred

__all__ = ["qre_gap"]


@unit
def early(frame):
    """The values at the temperature."""
    desk = frame.desk
    values_at(desk.model, desk, desk.policy, frame.tau[0], frame.scratch)


@unit
def write(frame, row):
    """The gaps of all players, from entropy-regularised best responses."""
    desk = frame.desk
    gaps(desk.model, desk, desk.policy, frame.tau[0], frame.scratch, frame.out[row])


METRIC = Metric("qre_gap", ("N",), "QRE-gap", write, early, scratch=("N", "S"), differences=True)


def _gaps(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    """The desk itself has the values at the temperature."""
    out = np.zeros((1, game.num_players))
    return [evaluate_desk.bind(desk), write.bind(Recorded(desk, out, desk.temperature, desk.value))], out


@overload
def qre_gap(game: Game, policy: Any, tau: float, *, start: Any = ..., discount: Any = ...,
            certified: Literal[False] = ...) -> Float: ...


@overload
def qre_gap(game: Game, policy: Any, tau: float, *, start: Any = ..., discount: Any = ...,
            certified: Literal[True]) -> Interval: ...


def qre_gap(game: Game, policy: Any, tau: float, *, start: Any = None, discount: Any = None,
            certified: bool = False) -> Any:
    """The gap when every player's stage payoff is r_i + tau H(pi_i): the distance from quantal response equilibrium.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    tau : float
        Temperature, >= 0; 0 gives :func:`ne_gap`.
    start : None, "worst", "every", int or array_like (S,)
        Where play begins, as in :func:`ne_gap`.
    discount : float or array_like (N,), optional
        Instead of the game's, as in :func:`ne_gap`.
    certified : bool
        Whether to return an :class:`fastmpg.Interval` that holds the gap, as of :func:`ne_gap`.

    Returns
    -------
    ndarray (N,), of a stack (..., N); with ``start="every"`` (..., N, S), or Interval
        In a normal-form game, tau KL(pi_i || softmax(rbar_i / tau)).

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.qre_gap(fm.NormalFormGame.identical_interest([[0.0, 0.0]]), [[1.0], [0.5, 0.5]], tau=1.0)
    array([0., 0.])

    Notes
    -----
    Sun et al. (2024), eq. (4).
    """
    weight = _check.real(tau, "tau", 0.0)
    certified = _check.flag(certified, "certified")
    if discount is not None:
        own = discounts_of(game, discount)
        if isinstance(own, tuple):
            again: Any = qre_gap
            return each_player(game, own, lambda twin: again(twin, policy, weight, start=start, certified=certified),
                               -2 if isinstance(start, str) and start == "every" else -1)
        game = at_discount(game, own)
    if certified:
        return certified_gap(game, policy, weight, start)
    if start is None:
        return ask(centred(game)[0], policy, _gaps, weight)
    start = start_of(game, start)
    return from_start(game, ask(centred(game)[0], policy, from_every_state, weight), start)
