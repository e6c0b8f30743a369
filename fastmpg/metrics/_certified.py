"""What :func:`.gaps.certify_gaps` finds, as intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from ..feedback.bench import Question, ask
from ..feedback.desk import evaluate_desk
from ..machine import Bound, unit
from ..models.game import Game
from ._interval import Interval, around, limit_of
from ._starts import from_start, start_of
from .gaps import BEST, BEST_ROUNDED, ERROR, EVERY, GAP, GAP_ROUNDED, HEAD, certify_gaps
from .origin import centred
from .rounding import TINY, UNIT, magnitudes


class CertifyGapsFrame(NamedTuple):
    """A desk, its game's :class:`.rounding.Magnitudes`, room for sums (2,), the first player (1,), and where rows of
    :func:`.gaps.certify_gaps` go."""

    desk: Any
    magnitudes: Any
    sums: Any
    first: Any
    out: Any


@unit
def write_certified(frame, row):
    """Gaps and best responses at the desk's temperature, with bounds on their errors."""
    desk = frame.desk
    certify_gaps(desk.model, desk, desk.policy, desk.temperature[0], frame.magnitudes, frame.sums, frame.first[0],
                 frame.out)


def _rows(desk: Any, game: Game, first: int, count: int) -> tuple[Sequence[Bound], Float]:
    out = np.zeros((count, HEAD + 2 * game.num_states))
    frame = CertifyGapsFrame(desk, magnitudes(game), np.zeros(2), np.array([first]), out)
    return [evaluate_desk.bind(desk), write_certified.bind(frame)], out.reshape(-1)


def _everybody(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    return _rows(desk, game, 0, game.num_players)


class _One(dict[int, Question]):
    """The question of every player."""

    def __missing__(self, i: int) -> Question:
        self[i] = lambda desk, game: _rows(desk, game, i, 1)
        return self[i]


_one = _One()


def told(game: Game, policy: Any, tau: float) -> Float:
    """Rows (..., N, HEAD + 2 S) of :func:`.gaps.certify_gaps`, with payoffs counted from their middle."""
    found = ask(centred(game)[0], policy, _everybody, tau)
    return found.reshape(*found.shape[:-1], game.num_players, HEAD + 2 * game.num_states)


def certified_gap(game: Game, policy: Any, tau: float, start: Any) -> Interval:
    """An interval of :func:`.ne_gap.ne_gap` at temperature 0, of :func:`.qre_gap.qre_gap` above."""
    start = start_of(game, start)
    rows = told(game, policy, tau)
    states = game.num_states
    limit = limit_of(rows[..., EVERY], rows[..., GAP_ROUNDED])
    if start is None:
        return around(rows[..., GAP], rows[..., ERROR], limit, 0.0)
    gains, error = rows[..., HEAD + states:], rows[..., EVERY]
    found = from_start(game, gains.reshape(*gains.shape[:-2], -1), start)
    if isinstance(start, str):
        return around(found, error[..., None] if start == "every" else error, limit, 0.0)
    mass = float(start.sum()) * (1.0 + 1e-12)
    most = gains.max(axis=-1)
    return around(found, mass * (error + (states + 3) * UNIT * 1.01 * most) + (most > 0.0) * states * TINY, limit, 0.0)


def certified_best(game: Game, policy: Any, player: int, tau: float) -> Interval:
    """An interval of the value (..., S) of a player's best response."""
    near, shift = centred(game)
    rows = ask(near, policy, _one[player], tau)
    best, error = rows[..., HEAD:HEAD + game.num_states], rows[..., BEST]
    limit, level = limit_of(error, rows[..., BEST_ROUNDED]), shift[player] / (1.0 - game.discount)
    with np.errstate(over="ignore", invalid="ignore"):
        error = error[..., None] + (4.0 * UNIT * (np.abs(best) + abs(level)) if level != 0.0 else 0.0)
        return around(best + level, error, limit)
