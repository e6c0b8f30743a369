"""What a run will take, before any of it is allocated."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _check, machine
from .._check.words import guided
from ..feedback.desk import PARALLEL_WORK
from ..metrics.metric import known
from ..metrics.origin import far
from ..models.game import Game, check_game
from ..policy import uniform_policy
from ..rules.rule import contract_of
from .drive import _check_inputs
from .record import Record
from .run import leaves

OBJECTS = 8 * 2**10  # bytes of a run's small arrays and of Python's objects


class Memory(NamedTuple):
    """Bytes that a run takes; ``total`` is their sum.

    Attributes
    ----------
    tables : int
        The game's own, :attr:`Game.nbytes`, which are there already.
    workspace : int
        Scratch of exact values, of rules and of recorded metrics.
    simulation : int
        Tables from which a sampled rule's moves are drawn.
    states : int
        Policies and what else the rule keeps, their copies in the result, and a run's own objects.
    trace, trajectory : int
        What is recorded.
    """

    tables: int
    workspace: int
    simulation: int
    states: int
    trace: int
    trajectory: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {_check.gib(size)}" for name, size in self._asdict().items() if size)
        return f"<Memory: {_check.gib(self.total)}: {parts}>"


@guided
def memory(game: Game, rule: Any = None, steps: int = 0, runs: int = 1, *, record: Record | None = None,
           threads: int | None = None) -> Memory:
    """What :func:`learn` or :func:`ensemble` would take; without a rule, what one evaluation takes.

    Compiled code (some 200 MiB with numba and scipy) and what you hold yourself come on top. One policy of the game is
    made to see how large the rule's state is, and nothing else.

    Parameters
    ----------
    game : Game
    rule : NamedTuple, optional
    steps, runs : int
    record : Record, optional
        That of the run; NE-gap and value at every step by default.
    threads : int, optional
        Of an ensemble; as many as numba has by default.

    Returns
    -------
    Memory

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(100, (4, 4))
    >>> round(fm.memory(game).total / 2**20)
    2
    >>> fm.memory(game, fm.rules.NaturalGradientPlay(0.1), 10**6, record=fm.Record(metrics=("policy",))).trace
    6424006424
    """
    check_game(game)
    runs = _check.integer(runs, "runs", low=1)
    workers = machine.threads() if threads is None else _check.integer(threads, "threads", low=1)
    if rule is None:
        return Memory(game.nbytes, _desks(game, 1, 1), 0, 0, 0, 0)
    rule, steps, kept = _check_inputs(game, rule, steps, record)
    asked = contract_of(rule)
    sampled = asked.feedback.sampled
    kept.check(game, type(rule), sampled, asked.feedback.continues)
    metrics = [known()[name] for name in kept.metrics]
    beside = sum(1 for each in metrics if each.of)  # each evaluates policies of its own
    exact = any(each.exact and not each.of for each in metrics)
    apart = any(each.exact and each.differences for each in metrics) and far(game)
    shared = min(runs, workers)
    desks = (0 if sampled else shared) + runs * (beside + (exact and (sampled or apart)))
    inner = 1 if runs > 1 and workers > 1 else None
    tables = game.nbytes + (game.model.rewards.nbytes if apart and hasattr(game.model, "rewards") else 0)
    start = uniform_policy(game)
    state = asked.state.start(game, start)
    copied = sum(each.nbytes for name, each in leaves(state).items() if "." not in name)
    path = runs * (8 + 4 * game.num_players) * (steps + 1) * bool(kept.trajectory is True)
    return Memory(tables, _desks(game, desks, inner), _simulation(game) if sampled else 0,
                  runs * (_held(state) + copied + start.nbytes + OBJECTS), kept._bytes(game, steps, runs), path)


def _held(state: Any) -> int:
    """Bytes of a state's arrays, however deep."""
    return sum(_held(each) if isinstance(each, tuple) else int(getattr(each, "nbytes", 0)) for each in state)


def _desks(game: Game, count: int, threads: int | None) -> int:
    """Workspaces, and what lies beside each: see :class:`..feedback.desk.Desk`."""
    if not (game.exact and count):
        return 0
    shares = machine.threads() if threads is None and game.work_size > PARALLEL_WORK else 1
    columns = game.num_states * sum(game.num_actions)
    return count * (game.workspace_bytes(shares) + 8 * (3 * columns + (game.num_players + 3) * game.num_states))


def _simulation(game: Game) -> int:
    """Alias tables of the transitions, and rewards by joint action: see models/sampler.py."""
    model = game.model
    probability = getattr(model, "probability", getattr(model, "transitions", None))
    size = (16 if hasattr(model, "pointer") else 12) * int(getattr(probability, "size", 0))
    rewards = getattr(model, "rewards", None)
    return size + (rewards.nbytes if rewards is not None and not game.shares_reward else 0)
