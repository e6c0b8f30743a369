"""What a recorded metric is. One file of this folder defines one, and is found by itself.

A module that records something holds ``METRIC = Metric(...)``: the trace, the command line, plots and tests follow from
that. Its public functions, if it has any, are those that it lists in ``__all__``; :func:`as_recorded` asks about
policies what a run records.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import _discover
from .._check import Float
from ..feedback.bench import Question
from ..feedback.desk import evaluate_desk, visits_of_desk
from ..machine import Bound, Unit, unit
from ..models.game import Game


class Recorded(NamedTuple):
    """What the unit of an exact metric is bound to.

    desk: the policy, evaluated at temperature 0 (see :class:`..feedback.desk.Desk`)
    out (K, ...): the trace, a row a recorded step
    tau (1,): the temperature that the metric is asked for   scratch: of the shape that the metric names
    """

    desk: Any
    out: Any
    tau: Any
    scratch: Any


class Copied(NamedTuple):
    """What the unit of a table is bound to: a table of the rule's state, and the trace."""

    table: Any
    out: Any


@unit
def copy_table(frame, row):
    """Write down the table as it is."""
    table, out = frame.table.reshape(-1), frame.out[row].reshape(-1)
    for e in range(table.size):
        out[e] = table[e]


@unit
def lay_row(frame, row):
    """The policy (S, A_total) at this row of a trace onto a desk."""
    table, out = frame.table[row].reshape(-1), frame.out.reshape(-1)
    for e in range(table.size):
        out[e] = table[e]


class Metric(NamedTuple):
    """A recorded metric.

    Attributes
    ----------
    name : str
    axes : tuple of str
        Of the trace after the recorded steps: "N" players, "S" states, "A" the columns of a policy.
    label : str
        For plots.
    write : Unit or None
        ``write(recorded, row)`` fills row ``row`` of ``recorded.out``. None: ``table`` is copied.
    early : Unit or None
        ``early(recorded)``, run before the ``write`` of any metric, while the chain of the policy is as its evaluation
        left it: best responses overwrite it.
    visits : bool
        Whether the visitation is needed.
    scratch : tuple of str
        Axes of ``recorded.scratch``.
    differences : bool
        Whether it is about differences of a player's payoffs alone: where their level drowns these, the desk is that of
        the game with payoffs counted from their middle (see :mod:`.origin`).
    table : str
        A table of the rule's state, by default, without ``write``, that of the metric's name. With it ``write`` is
        bound to a :class:`Copied` instead of a :class:`Recorded`, and needs no model of the game.
    of : str
        Another metric, a table of policies that is recorded with this one: these are what lies on the desk, one of its
        own, instead of the run's policy.
    """

    name: str
    axes: tuple[str, ...]
    label: str
    write: Unit | None = None
    early: Unit | None = None
    visits: bool = False
    scratch: tuple[str, ...] = ()
    differences: bool = False
    table: str = ""
    of: str = ""

    @property
    def exact(self) -> bool:
        """Whether it needs a model of the game."""
        return self.write is not None and not self.table

    @property
    def source(self) -> str:
        """The table of the rule's state that is read, if it is no exact metric."""
        return self.table or self.name

    def recorded(self, desk: Any, out: Any, tau: Any, game: Game) -> Recorded:
        """What :attr:`write` and :attr:`early` are bound to."""
        return Recorded(desk, out, tau, np.zeros(self.shape(self.scratch, game)))

    @staticmethod
    def shape(axes: tuple[str, ...], game: Game) -> tuple[int, ...]:
        """The lengths of axes."""
        sizes = {"N": game.num_players, "S": game.num_states, "A": sum(game.num_actions)}
        return tuple(sizes[each] for each in axes)


def as_recorded(metric: Metric) -> Question:
    """What a run records of a policy, at temperature 0, as a question for :func:`..feedback.bench.ask`."""

    def question(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
        out = np.zeros((1, *metric.shape(metric.axes, game)))
        frame = metric.recorded(desk, out, desk.temperature, game)
        units = [evaluate_desk.bind(desk), *([visits_of_desk.bind(desk)] if metric.visits else [])]
        return [*units, *(each.bind(frame) for each in (metric.early, metric.write) if each is not None)], out

    return question


@functools.cache
def known() -> dict[str, Metric]:
    """Every recorded metric, by name."""
    found = [module.METRIC for module in _discover.modules(__name__.rpartition(".")[0], [str(Path(__file__).parent)])
             if hasattr(module, "METRIC")]
    return {each.name: each for each in sorted(found, key=lambda each: (not each.exact, each.name))}
