"""Where a result comes from, as JSON has it: what ran on what, by which versions, from which seed."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .. import _check, machine
from ..models.game import Game

SHOWN = 1000  # numbers of a parameter that a result tells


def entropy_of(seed: np.random.SeedSequence) -> Any:
    """A whole number, or a list of them."""
    def flat(value: Any) -> list[int]:
        if isinstance(value, list | tuple | np.ndarray):
            return [number for each in value for number in flat(each)]
        return [int(value)]

    return int(seed.entropy) if _check.is_int(seed.entropy) else flat([] if seed.entropy is None else seed.entropy)


def seed_of(rng: Any) -> Any:
    """What makes the same random numbers again: a number, several, or a SeedSequence's parts; None if not known."""
    if isinstance(rng, np.random.SeedSequence):
        return {"entropy": entropy_of(rng), "spawn_key": list(map(int, rng.spawn_key))}
    if _check.is_int(rng):
        return int(rng)
    if isinstance(rng, list | tuple | np.ndarray):
        return np.asarray(rng, object).tolist()
    return None


@functools.cache
def versions() -> dict[str, str]:
    """Of the package and of what its numbers may depend on."""
    from .. import __version__

    return {"fastmpg": __version__, **machine.versions()}


def plain(value: Any, most: float = math.inf) -> Any:
    """A parameter as JSON has it; of an array of more than so many numbers its shape."""
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist() if value.dtype.kind in "biufU" and value.size <= most else f"<{value.shape}>"
    if isinstance(value, list | tuple):
        return [plain(each, most) for each in value]
    return getattr(value, "__qualname__", str(value))


def rule_of(rule: Any, most: float = math.inf) -> dict[str, Any]:
    """A rule's name and parameters."""
    return {"name": type(rule).__name__, "parameters": {k: plain(v, most) for k, v in rule._asdict().items()}}


def about(game: Game, rule: Any, seed: Any) -> dict[str, Any]:
    """What :class:`.result.Result` keeps of its making; ``seed``: of :func:`seed_of`."""
    return {"rule": rule_of(rule, SHOWN),
            "game": {"kind": type(game).__name__, "num_actions": list(game.num_actions), "discount": game.discount},
            "names": None if game.names is None else game.names.lists(), "rng": seed, "versions": dict(versions())}
