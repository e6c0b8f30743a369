"""The folder of a sweep: a manifest that says what it is, and a file for every task that is finished."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from ..models.game import Game
from . import storage
from ._sweep_task import failed, failure_of, file_of, found
from .about import plain, rule_of, seed_of, versions
from .checkpoint import digest
from .until import described

FORMAT = 1
MANIFEST = "sweep.json"
OLD = 3600.0  # seconds after which a half-written file is of a process that died: another may write here meanwhile


def described_sweep(game: Game, rule: Any, steps: int, grid: dict[str, Any], runs: int, policy: Any, seed: Any,
                    record: Any, until: Any) -> dict[str, Any]:
    """What a sweep is, as JSON; its "id" is a digest of the rest but for versions."""
    tables = game.tables()
    start = policy if policy is None or isinstance(policy, str) else hashlib.sha256(
        np.ascontiguousarray(policy, float).tobytes()).hexdigest()
    told = {"format": FORMAT, "kind": "sweep", "game": {"name": game.name, "class": type(game).__name__,
                                                       "digest": digest(tables) if tables else None},
            "rule": rule_of(rule),
            "steps": steps, "grid": {name: plain(values) for name, values in grid.items()}, "runs": runs,
            "policy": start, "rng": seed_of(seed),
            "record": record.options(), "until": described(until)}
    return told | {"id": _digest(told), "versions": versions()}


def _digest(told: dict[str, Any]) -> str:
    """Of what a sweep is, which versions are no part of."""
    what = {name: value for name, value in told.items() if name not in ("id", "versions")}
    return storage.seal_of(what)


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What the folder of a sweep says that it is.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        told = json.loads((Path(folder) / MANIFEST).read_text())
        counts = [told["runs"], told["steps"], *map(len, told["grid"].values())]
        if (told["format"], told["kind"]) != (FORMAT, "sweep") or not all(_check.is_int(n) and n >= 0 for n in counts):
            raise ValueError
        if told["id"] != _digest(told) or not isinstance(told["rule"]["name"], str):
            raise ValueError
        return dict(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{os.fspath(folder)} holds no sweep of this version of fastmpg: its {MANIFEST} is missing or "
                         "damaged") from None


def open_folder(folder: str, told: dict[str, Any]) -> None:
    """Make the folder this sweep's, or go on with it.

    Raises
    ------
    ValueError
        If it holds anything else, or another sweep: nothing is touched then.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise ValueError(f"folder must name a folder, and {folder} is a file")
    there = sorted(os.listdir(path)) if path.exists() else []
    if MANIFEST in there:
        known = read_manifest(path)
        if known["id"] != told["id"]:
            other = [name for name in ("game", "rule", "grid", "runs", "steps", "rng", "policy", "record", "until")
                     if known.get(name) != told[name]]
            raise ValueError(f"folder {folder} holds another sweep, of {known['rule']['name']} (what differs: "
                             f"{', '.join(other)}): nothing was touched; name another folder")
        storage.clear_left(path, lambda name: True, OLD)
        return
    strange = [name for name in there if not name.endswith(".tmp")]
    if strange:
        raise ValueError(f"a sweep needs a folder of its own, and {folder} holds {strange[0]!r}: nothing was touched; "
                         "name another, or one that does not exist yet")
    path.mkdir(parents=True, exist_ok=True)
    storage.write_atomically(path / MANIFEST, json.dumps(told, indent=1).encode())


def state_of(folder: str | os.PathLike[str], thorough: bool = True) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """The manifest, and tasks by what became of them: "done", "failed", "damaged" (to be made again), "missing"."""
    told = read_manifest(folder)
    total = told["runs"] * int(np.prod([len(values) for values in told["grid"].values()], dtype=object))
    names = set(os.listdir(folder))
    tasks: dict[str, list[int]] = {"done": [], "failed": [], "damaged": [], "missing": []}
    for task in range(total):
        if file_of(folder, task).name in names:
            whole = not thorough or found(os.fspath(folder), told["id"], task) is not None
            tasks["done" if whole else "damaged"].append(task)
        elif failure_of(folder, task).name in names and failed(os.fspath(folder), told["id"], task) is not None:
            tasks["failed"].append(task)
        else:
            tasks["missing"].append(task)
    return told, tasks
