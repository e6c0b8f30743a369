"""When a run ends before its last step: conditions, and how compiled code watches for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..feedback.transition import Transition
from ..machine import attach, inlined, method
from ..models.game import Game
from ..rules.rule import Contract
from ..rules.state import first_largest, publish
from .record import Record


@inlined
def _not_yet(watch, k):
    """Nothing that is recorded ends the run."""
    return False


@inlined
def _goes_on(watch, state, feedback, k):
    """No update ends the run."""
    return False


# reached(watch, row): whether the run ends at step k, of which the row before the recorder's next one tells;
# stands(watch, state, feedback, k): whether it ends after update k. Either leaves the updates made in watch.ended[0].
reached, stands = method("reached", default=_not_yet), method("stands", default=_goes_on)
decided, moved_at = method("decided", default=first_largest), method("moved_at")


class Endless(NamedTuple):
    """Watches nothing.    ended (1,): -1"""

    ended: Any


@inlined
def _stood(watch, since, k):
    """Whether nothing has changed for long enough after update k, and if so the end."""
    if k + 1 - since < watch.stages:
        return False
    watch.ended[0] = k + 1
    return True


@inlined
def _compare(watch, state, s, k):
    """Note what the players decide in row s after update k, and when that changed last."""
    for i in range(watch.offset.size - 1):
        a = decided(state, s, i, watch.offset[i], watch.offset[i + 1])
        if a != watch.decisions[s, i]:
            watch.decisions[s, i] = a
            watch.changed[0] = k + 1


@inlined
def _row_stands(watch, state, feedback, k):
    """A step of one transition: the only row that it changes is that of the state it began in."""
    _compare(watch, state, feedback.state[0], k)
    return _stood(watch, watch.changed[0], k)


@inlined
def _table_stands(watch, state, feedback, k):
    """Every row may have changed."""
    publish(state)
    for s in range(watch.decisions.shape[0]):
        _compare(watch, state, s, k)
    return _stood(watch, watch.changed[0], k)


@inlined
def _noted_stands(watch, state, feedback, k):
    """A state that notes itself when something changed."""
    return _stood(watch, moved_at(state), k)


@attach(stands=_noted_stands)
class NotesWatched(NamedTuple):
    """A state that notes when decisions change.    ended (1,), stages: as in :class:`RowsWatched`"""

    ended: Any
    stages: int


@attach(stands=_row_stands)
class RowsWatched(NamedTuple):
    """Decisions of learners from single transitions.

    ended (1,): updates made at the end, -1 before   decisions (S, N)   changed (1,): updates made when one of them
    changed last   offset (N + 1,)   stages: how many updates they have to stand
    """

    ended: Any
    decisions: Any
    changed: Any
    offset: Any
    stages: int


@attach(stands=_table_stands)
class TableWatched(NamedTuple):
    """As :class:`RowsWatched`, of rules whose step may change every row."""

    ended: Any
    decisions: Any
    changed: Any
    offset: Any
    stages: int


@inlined
def _row_is_below(watch, k):
    """Whether all entries of the row just written lie below the level."""
    row = watch.cursor[0] - 1
    for e in range(watch.trace.shape[1]):
        if not watch.trace[row, e] < watch.level:
            return False
    watch.ended[0] = k
    return True


@attach(reached=_row_is_below)
class TraceWatched(NamedTuple):
    """A recorded metric.    ended (1,): as in :class:`RowsWatched`   trace (K, E)   cursor (1,): the next row"""

    ended: Any
    trace: Any
    cursor: Any
    level: float


@comparable
class Unchanged(NamedTuple):
    """A run ends when every player's greedy policy has stood in every state for so many stages.

    Parameters
    ----------
    stages : int
        Updates in a row, at least 1. Calvano et al. (2020) take 100 000.

    Notes
    -----
    The greedy policy is, in every state, a player's action of largest probability, ties to the lowest index: for
    learners of values, whose policy is the greedy one, that of largest value. It is looked at after every update, so
    that the run ends at the very stage, whatever the chunks.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[5, 0], [6, 1]], [[5, 6], [0, 1]]])
    >>> rule = fm.rules.IndependentQLearning(alpha=0.1, exploration=("exponential", 1e-3))
    >>> record = fm.Record(every=10**6, metrics=("policy",))
    >>> fm.learn(game, rule, 10**6, rng=0, record=record, until=fm.Unchanged(stages=10_000)).status
    'settled'
    """

    stages: int

    def checked(self) -> Unchanged:
        """The condition with its parameter checked."""
        return Unchanged(_check.integer(self.stages, "stages", low=1))

    def check(self, record: Record) -> None:
        """It can be asked of every rule."""

    def _watch(self, game: Game, asked: Contract, state: Any, feedback: Any, record: Record, table: Any,
              cursor: Any) -> Any:
        """What compiled code watches of a run."""
        if asked.state.moved_at is not None:
            return NotesWatched(np.full(1, -1), self.stages)
        seen = np.empty((game.num_states, game.num_players), np.int64)
        look = RowsWatched if isinstance(feedback, Transition) and (
            asked.state.publish is None or asked.state.decided is not None) else TableWatched
        made = look(np.full(1, -1), seen, np.zeros(1, np.int64), game.offset, self.stages)
        first_decisions(made, state)
        return made


def first_decisions(watch: Any, state: Any) -> None:
    """What the players decide before the first update."""
    policy = state.policy
    for i, (low, high) in enumerate(zip(watch.offset[:-1], watch.offset[1:], strict=True)):
        watch.decisions[:, i] = policy[:, low:high].argmax(axis=1)


@comparable
class Below(NamedTuple):
    """A run ends at the first recorded step at which a metric lies below a level, for all players.

    Parameters
    ----------
    metric : str
        A recorded one: it must be among the metrics of ``record``.
    level : float

    Notes
    -----
    It is looked at where the run records, before the update of that step: the last row of the trace is the one that
    ended the run.

    Examples
    --------
    >>> import fastmpg as fm
    >>> result = fm.learn(fm.games.zhang_3x2(), fm.rules.NaturalGradientPlay(eta=5.0), 10_000,
    ...                   until=fm.Below("ne_gap", 1e-6))
    >>> result.status, result.steps, bool(result.trace["ne_gap"][-1].max() < 1e-6)
    ('settled', 435, True)
    """

    metric: str
    level: float

    def checked(self) -> Below:
        """The condition with its parameters checked."""
        return Below(_check.text(self.metric, "metric"), _check.real(self.level, "level"))

    def check(self, record: Record) -> None:
        """Refuse a metric that is not recorded.

        Raises
        ------
        ValueError
            With what is.
        """
        if self.metric not in record.metrics:
            raise ValueError(f"until waits for {self.metric!r}, which is not recorded: add it to the metrics of "
                             f"record, found {', '.join(record.metrics) or 'none'}")

    def _watch(self, game: Game, asked: Contract, state: Any, feedback: Any, record: Record, table: Float,
              cursor: Any) -> Any:
        """What compiled code watches of a run."""
        return TraceWatched(np.full(1, -1), table.reshape(table.shape[0], -1), cursor, self.level)


CONDITIONS = (Unchanged, Below)


def condition(given: Any, record: Record) -> Any:
    """A condition, or None, checked.

    Raises
    ------
    TypeError, ValueError
        If it is none, or cannot be watched with this record.
    """
    if given is None:
        return None
    if not isinstance(given, CONDITIONS):
        raise TypeError("until must be fastmpg.Unchanged(stages=...) or fastmpg.Below(metric, level), found "
                        f"{_check.shown(given)}")
    made = given.checked()
    made.check(record)
    return made


def described(until: Any) -> Any:
    """A condition as JSON."""
    return None if until is None else {"kind": type(until).__name__, **until._asdict()}


def restored(told: Any) -> Any:
    """The condition that :func:`described` told of."""
    if told is None:
        return None
    kinds = {kind.__name__: kind for kind in CONDITIONS}
    return kinds[told["kind"]](**{name: value for name, value in told.items() if name != "kind"})
