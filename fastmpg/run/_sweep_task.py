"""One task of a sweep: a run, in whatever process, and the file that it leaves."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import machine
from ..models.game import Game
from . import storage
from .checkpoint import LARGE, digest
from .learn import learn
from .result import Result

FAILED, GAME = "failed.json", "game.npz"
_games: dict[str, Game] = {}  # the one that this process was sent last


class Failure(NamedTuple):
    """A task that raised an error; it is tried again when the sweep is called again.

    Attributes
    ----------
    error, message : str
        The error's class and what it said.
    traceback : str
    """

    error: str
    message: str
    traceback: str

    def __repr__(self) -> str:
        return f"<Failure: {self.error}: {self.message}>"


class SweepWork(NamedTuple):
    """What all tasks of a sweep share.

    Attributes
    ----------
    sweep : str
        Whose tasks these are; every file says it.
    blob, digest : bytes, str
        The game, pickled once for all tasks; of a large one in the folder, only what it is.
    rule, steps, policy, record, until : as for :func:`learn`
    seed : SeedSequence
        Run r has its r-th child.
    folder : str or None
        Where files go.
    home : int
        The process that asked.
    """

    sweep: str
    blob: bytes
    digest: str
    rule: Any
    steps: int
    policy: Any
    record: Any
    until: Any
    seed: Any
    folder: str | None
    home: int

    def game(self) -> Game:
        """The game, unpacked once a process."""
        if self.digest not in _games:
            _games.clear()
            game = pickle.loads(self.blob) if self.blob else Game.load(Path(str(self.folder)) / GAME)
            if not self.blob and digest(game.tables()) != self.digest:
                raise ValueError(f"{Path(str(self.folder)) / GAME} holds another game than this sweep's")
            _games[self.digest] = game
        return _games[self.digest]


def packed(game: Game, dumps: Any, folder: str | None) -> tuple[bytes, str]:
    """A game for :class:`SweepWork`, nothing where it stays here; a large one goes to the folder, once for all."""
    tables = game.tables() if folder is not None else {}
    if dumps is not None and tables and sum(each.nbytes for each in tables.values()) > LARGE:
        blob, key = b"", digest(tables)
        if not (Path(str(folder)) / GAME).exists():
            game.save(Path(str(folder)) / GAME)
    else:
        blob = b"" if dumps is None else dumps(game)
        key = hashlib.sha256(blob).hexdigest()
    return blob, key


def file_of(folder: str | os.PathLike[str], task: int) -> Path:
    """Where a task's result is."""
    return Path(folder) / f"{task:06d}.npz"


def failure_of(folder: str | os.PathLike[str], task: int) -> Path:
    """Where it is said how a task failed."""
    return Path(folder) / f"{task:06d}.{FAILED}"


def found(folder: str, sweep: str, task: int) -> Result | None:
    """The result of a task that has one; None if there is none, or a damaged one, or another sweep's."""
    try:
        result = Result.load(file_of(folder, task))
    except (OSError, ValueError):
        return None
    return result if result.about.get("sweep") == {"id": sweep, "task": task} else None


def run_task(work: SweepWork, task: int, run: int, point: dict[str, Any], game: Game | None = None) -> Any:
    """Make a run, unless its file is there; a Result or a Failure, None where it went to its file.

    One thread a worker: the processor has others to do. Whatever goes wrong is the task's own.
    """
    away, before = os.getpid() != work.home, machine.threads()
    try:
        if work.folder is not None and found(work.folder, work.sweep, task) is not None:
            return None
        if away:
            machine.set_threads(1)
        seed = np.random.SeedSequence(work.seed.entropy, spawn_key=(*work.seed.spawn_key, run),
                                      pool_size=work.seed.pool_size)
        result = learn(game or work.game(), work.rule._replace(**point), work.steps, policy=work.policy, rng=seed,
                       record=work.record, until=work.until, throw=False)
        if result.status == "interrupted":
            raise KeyboardInterrupt
        result = dataclasses.replace(result, about={**result.about, "sweep": {"id": work.sweep, "task": task}})
        if work.folder is None:
            return result
        result.save(file_of(work.folder, task))
        failure_of(work.folder, task).unlink(missing_ok=True)
        return None
    except Exception as error:
        return kept(work, task, Failure(type(error).__name__, str(error), traceback.format_exc()))
    finally:
        if away:
            machine.set_threads(before)


def kept(work: SweepWork, task: int, failure: Failure) -> Failure:
    """Write down how a task failed."""
    if work.folder is not None:
        text = json.dumps({"sweep": work.sweep, "task": task, **failure._asdict()})
        storage.write_atomically(failure_of(work.folder, task), text.encode())
    return failure


def gave_up(work: SweepWork, task: int, why: str) -> Failure:
    """What becomes of a task that takes processes with it."""
    return kept(work, task, Failure("BrokenProcessPool", why, ""))


def failed(folder: str, sweep: str, task: int) -> Failure | None:
    """How a task failed, if it did."""
    try:
        said = json.loads(failure_of(folder, task).read_text())
        return Failure(*(str(said[name]) for name in Failure._fields)) if said["sweep"] == sweep else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
