"""One run, or two that share vectors: rule, model, state, feedback and recorder, ready for the loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _jit
from .._check import Float
from ..feedback.oracle import PARALLEL_WORK
from ..feedback.transition import start
from ..models.game import Game
from ..rules.rule import contract
from .loop import run_chunk, run_pair
from .record import Record
from .trajectory import Writer

CHUNK_SECONDS = 0.1  # how long compiled code runs before Python hears Ctrl-C, shows progress, saves and calls back
RUN_KEY = 0x6B6579  # of the child of a run's seed sequence that keys its randomness; others seed its first policy


def run_key(seed: np.random.SeedSequence) -> Any:
    """The key of one run's randomness: two 32-bit words."""
    child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, RUN_KEY))
    return child.generate_state(2).astype(np.uint64)


class Run(NamedTuple):
    """One run ready to go: everything the loop takes."""

    rule: Any
    model: Any
    state: Any
    feedback: Any
    recorder: Any
    key: Any
    steps: int
    threaded: bool

    @classmethod
    def prepare(cls, game: Game, rule: Any, steps: int, policy: Float, record: Record, trace: dict[str, Any], place: int,
                threads: int | None, key: Any = None, writer: Writer | None = None, beside: Run | None = None) -> Run:
        """A run of a checked rule that writes to place ``place`` of the trace.

        ``beside``: a run that is never moved on at the same time, whose workspace for exact feedback serves both.
        """
        asked = contract(type(rule))
        state, tau = asked.state.start(game, policy), float(asked.temperature(rule))
        more = {"beside": beside.feedback} if beside is not None else {}
        feedback: Any = asked.feedback.create(game, temperature=tau, wants_value=bool(asked.uses_value(rule)),
                                              wants_visit=bool(asked.uses_visitation(rule)), threads=threads, **more)
        if writer is not None:
            feedback = feedback._replace(states=writer.states[place], history=writer.actions[place], origin=writer.origin)
        key = np.zeros(2, np.uint64) if key is None else key
        if asked.feedback.continues:
            start(feedback, key)
        numbers = _jit.distinct(asked.compiled(rule))
        return cls(numbers, game.model, _jit.distinct(state), feedback, record.recorder(game, trace, place, feedback, tau), key, steps,
                   game.work_size > PARALLEL_WORK if threads is None else threads > 1)

    def advance(self, first: int, last: int, steps: int | None = None) -> None:
        """Steps first..last-1; ``steps``: the one that observes and records only, by default the run's last."""
        with _jit.parallel_region(self.threaded):
            run_chunk(self.rule, self.model, self.state, self.feedback, self.recorder, self.key, first, last,
                      self.steps if steps is None else steps)


class Pair(NamedTuple):
    """Two runs that share vectors."""

    one: Run
    other: Run

    def advance(self, first: int, last: int, steps: int | None = None) -> None:
        """As that of a run."""
        a, b = self
        run_pair((a.rule, b.rule), a.model, (a.state, b.state), (a.feedback, b.feedback), (a.recorder, b.recorder), (a.key, b.key),
                 first, last, a.steps if steps is None else steps)


def leaves(state: Any, prefix: str = "") -> dict[str, Any]:
    """Every array in a state, by its path."""
    found: dict[str, Any] = {}
    for name, value in state._asdict().items():
        if isinstance(value, np.ndarray):
            found[prefix + name] = value
        elif hasattr(value, "_asdict"):
            found |= leaves(value, f"{prefix}{name}.")
    return found
