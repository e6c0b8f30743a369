"""One run, or two that share vectors: rule, model, state, feedback and recorder, ready for the loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import machine
from .._check import Float
from ..feedback.desk import PARALLEL_WORK
from ..feedback.transition import start
from ..models.game import Game
from ..rules.rule import contract
from .loop import PairFrame, RunFrame, publish_state, run_chunk, run_pair
from .record import Record
from .trajectory import Writer
from .until import Endless

CHUNK_SECONDS = 0.1  # how long compiled code runs before Python hears Ctrl-C, shows progress, saves and calls back
RUN_KEY = 0x6B6579  # of the child of a run's seed sequence that keys its randomness; others seed its first policy


def run_key(seed: np.random.SeedSequence) -> Any:
    """The key of one run's randomness: two 32-bit words."""
    child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, RUN_KEY))
    return child.generate_state(2).astype(np.uint64)


class Run(NamedTuple):
    """One run ready to go."""

    rule: Any
    state: Any
    feedback: Any
    recorder: Any
    key: Any
    steps: int
    threaded: bool
    desk: Any
    frame: Any
    chunk: Any
    publication: Any
    until: Any

    @classmethod
    def prepare(cls, game: Game, rule: Any, steps: int, policy: Float, record: Record, trace: dict[str, Any],
                index: int, threads: int | None, key: Any = None, writer: Writer | None = None,
                beside: Run | None = None, until: Any = None) -> Run:
        """A run of a checked rule that writes to row ``index`` of the trace's run axis.

        ``beside``: a run that is never moved on at the same time, whose desk serves both. ``until``: the condition that
        may end it.
        """
        asked = contract(type(rule))
        state, tau = asked.state.start(game, policy), float(asked.temperature(rule))
        state = asked.opening(rule, game, state) or state
        feedback, desk = asked.feedback.create(game, state, temperature=tau, wants_value=bool(asked.uses_value(rule)),
                                               wants_visit=bool(asked.uses_visitation(rule)), threads=threads,
                                               beside=None if beside is None else beside.desk)
        if writer is not None:
            feedback = feedback._replace(states=writer.states[index], history=writer.actions[index],
                                         origin=writer.origin)
        key = np.zeros(2, np.uint64) if key is None else key
        if asked.feedback.continues:
            start(feedback, key)
        numbers = asked.compiled(rule)
        recorder = record.recorder(game, trace, index, state, desk, float(asked.qre_temperature(rule)), threads)
        threaded = (asked.feedback.spreads or game.work_size > PARALLEL_WORK) if threads is None else threads > 1
        watch: Any = Endless(np.full(1, -1))
        if until is not None:
            table = trace[until.metric][index] if "metric" in until._fields else None
            watch = until._watch(game, asked, state, feedback, record, table, recorder.cursor)
        frame = machine.Held(RunFrame(numbers, state, feedback, recorder, key, watch))
        return cls(numbers, state, feedback, recorder, key, steps, threaded, desk, frame, run_chunk.bind(frame),
                   publish_state.bind(state), watch)

    @property
    def ended(self) -> int:
        """Updates made when the condition ended the run; -1 while it has not."""
        return int(self.until.ended[0])

    def advance(self, first: int, last: int, steps: int | None = None) -> None:
        """Steps first..last-1; ``steps``: the one that observes and records only, by default the run's last."""
        if self.ended >= 0:
            return
        with machine.parallel_region(self.threaded):
            self.chunk(first, last, self.steps if steps is None else steps)

    def publish(self) -> None:
        """Bring the public tables of the state up to date."""
        self.publication()


class Pair(NamedTuple):
    """Two runs that share vectors."""

    one: Run
    other: Run
    chunk: Any

    @classmethod
    def of(cls, one: Run, other: Run) -> Pair:
        """The pair of two runs."""
        return cls(one, other, run_pair.bind(PairFrame(one.frame, other.frame)))

    def advance(self, first: int, last: int, steps: int | None = None) -> None:
        """As that of a run; when one of the two ends, the other goes on by itself."""
        runs = self.one, self.other
        if max(run.ended for run in runs) < 0:
            self.chunk(first, last, self.one.steps if steps is None else steps)
            first = max(run.ended for run in runs)
            if first < 0:
                return
        for run in runs:
            run.advance(first, last, steps)


def leaves(state: Any, prefix: str = "") -> dict[str, Any]:
    """Every array in a state, by its path, but what is only kept to be found again faster."""
    found: dict[str, Any] = {}
    for name, value in state._asdict().items():
        if isinstance(value, np.ndarray):
            found[prefix + name] = value
        elif hasattr(value, "_asdict") and not getattr(value, "transient", False):
            found |= leaves(value, f"{prefix}{name}.")
    return found
