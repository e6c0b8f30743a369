"""What simulation needs of a game: a *sampler*, a NamedTuple whose class carries these static kernels.

    begin(sampler, uniforms, at)                       the first state, an int64
    step(sampler, state, actions, rewards, uniforms, at)
                                                       the next state; fills rewards[:N]
    row(sampler, state)                                the row of the learners' tables for a state: what players observe
    leap(sampler, at, u)                               optional, of games whose joint actions are listed: the next
                                                       states of the rows at = s J + j, vectors, by the numbers u

    step_draws                                         optional: how many numbers a step takes, where a start takes more

and, where it has scratch, a method ``alone()``: the sampler with scratch of its own, for one run. Others are shared by
all runs.

actions, rewards: N entries, rounded up to whole vectors   uniforms[at + d]: draw d of this step, in [0, 1)
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from .._contract import members
from ..kernels.alias import alias_tables
from ..machine import inlined, method


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplerContract:
    """All that a sampler may have; see above. ``create``: how a game makes one."""

    begin: Any
    step: Any
    row: Any
    leap: Any = None
    step_draws: int | None = None
    alone: Callable[[Any], Any] = lambda sampler: sampler
    create: Any = None


@functools.lru_cache(maxsize=1024)
def _contract(kind: Any) -> SamplerContract:
    return SamplerContract(**members(kind, SamplerContract, "sampler"))


def private(sampler: Any) -> Any:
    """The sampler for one run."""
    kind: Any = type(sampler)
    return _contract(kind).alone(sampler)


def step_draws(game: Any, sampler: Any) -> int:
    """How many uniform numbers a step of the environment takes."""
    kind: Any = type(sampler)
    own = _contract(kind).step_draws
    return int(game.draws if own is None else own)


def listed(sampler: Any) -> bool:
    """Whether the sampler lists joint actions, see ``leap``."""
    kind: Any = type(sampler)
    return _contract(kind).leap is not None


SMALLER = "simulate a sparse, count-based or simulator form of the game"
begin, step, row, leap = method("begin"), method("step"), method("row"), method("leap")


@inlined
def begin_by_law(sampler, uniforms, at):
    """The first state: inversion of sampler.initial (S,) at uniforms[at]."""
    total, last = 0.0, 0
    for s in range(sampler.initial.size):
        if sampler.initial[s] > 0.0:
            total, last = total + sampler.initial[s], s
            if uniforms[at] < total:
                return s
    return last


@inlined
def row_is_state(sampler, state):
    """Players observe the state itself."""
    return state


def alias(pointer: Any, probability: Float, what: str) -> tuple[Any, Any]:
    """Alias tables of CSR rows.

    Raises
    ------
    MemoryError
        If they would not fit.
    """
    _check.budget(12 * probability.size, f"the alias tables of {what}", SMALLER)
    longest = int(np.diff(pointer).max()) if pointer.size > 1 else 0
    threshold, other = np.empty(probability.size), np.empty(probability.size, np.int32)
    alias_tables(pointer, probability, np.empty(longest, np.int64), np.empty(longest, np.int64), threshold, other)
    return threshold, other
