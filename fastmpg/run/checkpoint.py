"""Checkpoints: all that a run needs to go on, in one sealed file, with the one before it kept beside.

A checkpoint is written to a temporary file, flushed to the disk and renamed, after the previous one has been named
``NAME.previous`` too: whenever the process dies, the newest one is whole. Its seal is a SHA-256 over every byte
(storage.py), so a damaged one is never read; the previous one is then used, with a warning.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from ..models.names import renamed
from ..rules.rule import _label
from . import storage
from .record import Record
from .until import described

FORMAT = 1
LARGE = 2**20  # bytes of a game's tables above which they go to a file of their own, written once
SHORTEST, SHARE = 1.0, 20.0  # seconds between checkpoints: at least one, and twenty times what writing one takes


class CheckpointWarning(UserWarning):
    """The newest checkpoint was damaged or missing, and the one before it was used."""


def real(path: str | os.PathLike[str]) -> Path:
    """What a name leads to, through links: checkpoints lie beside the file itself."""
    return Path(os.path.realpath(path))


def previous(path: Path) -> Path:
    """Where the checkpoint before the newest one is."""
    return path.with_name(path.name + ".previous")


def game_file(path: Path) -> Path:
    """Where a large game's tables are."""
    return path.with_name(path.name + ".game")


class Keeper:
    """Writes a job's checkpoints."""

    def __init__(self, path: str | os.PathLike[str], meta: dict[str, Any], arrays: dict[str, Any], game: Game,
                 fresh: bool = True) -> None:
        self.path = real(path)
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise ValueError(f"checkpoint must name a file in a folder that exists, found {os.fspath(path)!r}")
        self.lock = storage.Lock(self.path)
        if fresh:
            _refuse_others(Path(path), self.path)
        tables, self.fixed = game.tables(), dict(arrays)
        self.meta = meta | {"format": FORMAT, "kind": "checkpoint", "game": game.name, "game_type": type(game).__name__,
                            "game_digest": digest(tables) if tables else None, "recipe": game.recipe,
                            "builder": game.builder, "names": game.names and game.names.lists(),
                            "beside": storage.beside(self.path, meta["record"].get("trajectory"))}
        self.large: dict[str, Any] = {}
        if tables and sum(each.nbytes for each in tables.values()) > LARGE:
            self.large = tables
        elif tables:
            self.fixed |= {f"game/{name}": value for name, value in tables.items()}
        self.due, self.cost = 0.0, 0.0

    def clear(self) -> None:
        """Delete what deaths left half written; only while the lock is held, as nobody else writes then."""
        if self.lock.held >= 0:
            storage.clear_left(self.path.parent, (self.path.name, game_file(self.path).name).__contains__)

    def save(self, job: Any, status: str) -> None:
        """Write a checkpoint now."""
        began = time.perf_counter()
        if job.writer is not None:
            job.writer.flush(job.made)
        meta = self.meta | {"k": job.made, "steps": job.steps, "status": status, "segments": [], "owner": None}
        if job.writer is not None:
            meta |= {"segments": job.writer.segments, "owner": job.writer.run}
        if self.large:
            packed = storage.pack(self.large, {"format": FORMAT, "kind": "game"}, compress=False)
            storage.write_atomically(game_file(self.path), packed)
            self.large = {}
        data = storage.pack(self.fixed | job.arrays(), meta, compress=False)
        storage.write_atomically(self.path, data, keep=previous(self.path))
        now = time.perf_counter()
        self.due = now + max(SHORTEST, SHARE * (now - began))

    def save_if_due(self, job: Any) -> None:
        """Write a checkpoint if the last one is old enough."""
        if time.perf_counter() >= self.due:
            self.save(job, "running")


def _refuse_others(name: Path, path: Path) -> None:
    """What a new run's checkpoints would replace has to be an older run's; ``path``: what the name leads to."""
    for each, kind in ((name, "checkpoint"), (path, "checkpoint"), (previous(path), "checkpoint"),
                       (game_file(path), "game")):
        if os.path.lexists(each) and not (each.is_file() and storage.kind_of(each) == kind):
            what = "checkpoint" if kind == "checkpoint" else "game of a checkpoint"
            raise ValueError(f"{each} exists and is no {what}, or a damaged one: nothing was touched; name another "
                             "file, or delete it")


def digest(tables: dict[str, Any]) -> str:
    """SHA-256 of a game's tables."""
    total = hashlib.sha256()
    for name in sorted(tables):
        value = np.ascontiguousarray(tables[name])
        total.update(f"{name} {value.dtype.str} {value.shape}\0".encode())
        total.update(value.tobytes())
    return total.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays, meta = storage.unpack(path)
    if meta.get("kind") != "checkpoint" or meta.get("format") != FORMAT:
        raise storage.Damaged(f"{path} is no checkpoint of this version of fastmpg")
    with storage.as_damaged(os.fspath(path)):
        if not _whole(arrays, meta):
            raise ValueError
    return arrays, meta


def _whole(arrays: dict[str, Any], meta: dict[str, Any]) -> bool:
    """Whether a description has what every description has: a seal can be made by anybody."""
    def maybe(value: Any, kind: type) -> bool:
        return value is None or isinstance(value, kind)

    rule, shape = meta["rule"], meta["shape"]
    numbers = meta["k"], meta["steps"], *(shape or ()), *(k for pair in meta["segments"] for k in pair)
    texts = (rule["module"], rule["name"], meta["game"], meta["game_type"])
    return (all(_check.is_int(each) and 0 <= each < 2**62 for each in numbers) and meta["k"] <= meta["steps"]
            and all(isinstance(each, str) for each in texts) and meta["game_type"] in Game.kinds
            and isinstance(rule["fields"], dict) and isinstance(meta["record"], dict) and maybe(shape, list)
            and all(len(pair) == 2 for pair in meta["segments"]) and maybe(meta["owner"], str)
            and maybe(meta["game_digest"], str) and maybe(meta["recipe"], dict) and maybe(meta.get("builder"), str)
            and meta["status"] in ("running", "done", "settled", "stopped", "interrupted")
            and arrays["keys"].shape == (math.prod(shape or ()), 2) and arrays["keys"].dtype == np.uint64
            and arrays["trace/step"].ndim == 1)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The newest whole checkpoint, and a sentence if that is not the newest one.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If all are damaged.
    """
    newest, older = real(path), previous(real(path))
    try:
        return *_read(newest), ""
    except (ValueError, FileNotFoundError) as error:
        if not older.exists():
            raise
        problem = error
    try:
        arrays, meta = _read(older)
    except (ValueError, FileNotFoundError):
        raise ValueError(f"{problem}, and so is the one before it, {older}") from None
    what = problem if isinstance(problem, ValueError) else f"{newest} is missing"
    said = f"{what}; went on from the one before it, at step {meta['k']}"
    warnings.warn(said, CheckpointWarning, stacklevel=3)
    return arrays, meta, said


def load_game(path: str | os.PathLike[str], arrays: dict[str, Any], meta: dict[str, Any], given: Game | None) -> Game:
    """The game of a checkpoint: its own, or the given one if it is the same.

    Raises
    ------
    ValueError
        If the tables are damaged, or the given game is another one, or none is given and none was stored.
    """
    if given is not None:
        tables = given.tables()
        if (digest(tables) if tables else None) != meta["game_digest"] or type(given).__name__ != meta["game_type"]:
            raise ValueError(f"{given!r} is not the game of this checkpoint, {meta['game']!r}: their tables differ")
        return given
    if meta["recipe"] is not None:
        from .. import games

        with storage.as_damaged(os.fspath(path)):
            builder = meta.get("builder") or meta["game"]
            if builder not in games.__all__:
                raise ValueError
            named: Game = getattr(games, builder)(**meta["recipe"])
            named.name = meta["game"]
            return renamed(named, meta.get("names"))
    if meta["game_digest"] is None:
        raise ValueError(f"{meta['game']!r} is made of a user's functions, which are not stored: give it, resume(path, "
                         "game=...)")
    tables = {name.partition("/")[2]: value for name, value in arrays.items() if name.startswith("game/")}
    if not tables:
        try:
            tables, _ = storage.unpack(game_file(real(path)))
        except FileNotFoundError:
            raise ValueError(f"the game's tables, {game_file(real(path))}, are missing: put them back, or give it, "
                             "resume(path, game=...)") from None
    if digest(tables) != meta["game_digest"]:
        raise ValueError(f"{game_file(real(path))} holds another game than the checkpoint's")
    with storage.as_damaged(os.fspath(path)):
        game: Game = Game.kinds[meta["game_type"]].from_tables(tables)
        game.name = meta["game"]
        return renamed(game, meta.get("names"))


def _described(rule: Any, record: Record, shape: tuple[int, ...] | None,
               until: Any = None, seed: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A rule, a record, a condition and a seed as JSON and arrays."""
    fields = rule._asdict()
    arrays = {f"rule/{name}": np.asarray(value) for name, value in fields.items()
              if isinstance(value, np.ndarray | list)}
    plain = {name: None if callable(value) else value for name, value in fields.items()
             if f"rule/{name}" not in arrays}
    functions = {name: value.__qualname__ for name, value in fields.items() if callable(value)}
    kind = type(rule)
    return {"rule": {"module": kind.__module__, "name": kind.__qualname__, "fields": plain}
            | ({"functions": functions} if functions else {}), "record": record.options(),
            "shape": None if shape is None else list(shape), "until": described(until), "rng": seed}, arrays


def load_rule(arrays: dict[str, Any], meta: dict[str, Any], given: Any) -> Any:
    """The rule of a checkpoint: its own, or the given one if it is the same.

    Raises
    ------
    ValueError
        If it is none of this library's, or the given one is another, or one is needed and none is given.
    """
    told = meta["rule"]
    if not told["module"].startswith("fastmpg.rules."):
        if given is None:
            raise ValueError(f"{told['name']} is a rule of {told['module']}, which checkpoints do not import: give it, "
                             "resume(path, rule=...)")
        if type(given).__qualname__ != told["name"]:
            raise ValueError(f"the rule of this checkpoint is a {told['name']}, found {given!r}")
        return given
    from .. import rules

    kind: Any = getattr(rules, told["name"], None)
    functions = told.get("functions", {})
    if told["name"] not in rules.__all__ or not isinstance(functions, dict):
        raise storage.Damaged(f"this checkpoint is of a rule {told['name']!r} of {told['module']!r}, which this "
                              "version of fastmpg has not")
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in told["fields"].items()}
    if functions:
        if given is None:
            raise ValueError(f"{told['name']} has the function {', '.join(functions.values())}, which checkpoints do "
                             "not import: give the rule, resume(path, rule=...)")
        fields |= {name: getattr(given, name) for name in functions if name in getattr(given, "_fields", ())}
    with storage.as_damaged("this checkpoint"):
        rule = kind(**fields, **{name.partition("/")[2]: value for name, value in arrays.items()
                                 if name.startswith("rule/")})
    if given is not None and _label(given) != _label(rule):
        raise ValueError(f"the rule of this checkpoint is {_label(rule)}, found {_label(given)}")
    return rule
