"""What rules carry from step to step: the contract of states, and the two that most rules use."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._check import Float
from .._contract import members
from ..machine import inlined, kernel, method
from ..models.game import Game


def _nothing(state: Any) -> None:
    pass


@inlined
def _published(state):
    """A state whose tables are what a trace shows has nothing to write out."""


@kernel
def first_largest(state, s, i, low, high):
    """Player i's action of largest probability in row s, the first of several.    state.policy (S, A_total)"""
    best = low
    for c in range(low + 1, high):
        if state.policy[s, c] > state.policy[s, best]:
            best = c
    return best - low


publish = method("publish", default=_published)  # a state that keeps its tables in another order writes them out


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateContract:
    """All that a state may have: a NamedTuple of arrays, ``policy`` (S, A_total) among them, whose class has these
    names.

    Every array in it, also in NamedTuples inside it, goes into checkpoints; every array of its own into
    ``Result.state``. The fields ``q`` (S, A_total), ``counts`` (S, A_total) and ``visits`` (S,) are what the metrics of
    these names record.

    Attributes
    ----------
    start : classmethod (game, policy) -> state
        The state at a given policy, which it copies. Required.
    act : kernel (state, s, offset, uniforms, at, actions)
        Of sampled rules: every player's action in row ``s``, from its own number uniforms[at + i]. By default player i
        draws from its row of ``policy``. It must only take what is there: where a game has ``available``, keep that in
        the state, which ``start`` makes.
    publish : kernel (state)
        Brings ``policy`` and what is recorded up to date, for states that keep them in another order. By default
        nothing.
    decided : kernel (state, s, i, low, high) -> action
        The action of largest probability of player i, who has columns low..high-1, in row ``s``, ties to the lowest
        index: of states that know it, or keep their tables in another order (see :class:`fastmpg.Unchanged`). By
        default ``policy`` is searched.
    moved_at : kernel (state) -> int
        Updates made when what ``decided`` says changed last in any row, of states that note it. By default
        :class:`fastmpg.Unchanged` compares.
    holds_actions : tuple of str
        Fields (S, N) that hold an action of every player, -1 where there is none: a file that holds others is refused.
    check : method ()
        Raises what compiled code could only note down; asked after every chunk of a run. By default nothing.
    fields : tuple of str
        Names of the NamedTuple's fields.
    """

    start: Callable[[Game, Float], Any]
    act: Any = None
    publish: Any = None
    decided: Any = None
    moved_at: Any = None
    holds_actions: tuple[str, ...] = ()
    check: Callable[[Any], None] = _nothing
    fields: tuple[str, ...] = dataclasses.field(default=(), init=False)


@functools.lru_cache(maxsize=1024)
def _resolved(kind: Any) -> StateContract:
    made = StateContract(**members(kind, StateContract, "state"))
    if "policy" not in kind._fields:
        raise TypeError(f"{kind.__name__} has no field `policy`, which every state must have; "
                        f"its fields are {', '.join(kind._fields)}")
    object.__setattr__(made, "fields", kind._fields)
    return made


def state_contract(kind: Any) -> StateContract:
    """What a class of states has, with defaults filled in.

    Raises
    ------
    TypeError
        If it is no class of states, or has a name that no state has.
    """
    if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
        raise TypeError(f"the state of a rule must be a NamedTuple class such as fastmpg.TableState, found {kind!r}")
    return _resolved(kind)


class SoftmaxState(NamedTuple):
    """policy (S, A_total) and theta (S, A_total), its logarithm up to a constant per player and state."""

    policy: Any
    theta: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> SoftmaxState:
        """The state at a given policy (probabilities of 0 have theta = -inf and stay 0)."""
        with np.errstate(divide="ignore"):
            return cls(policy.copy(), np.log(policy))


class TableState(NamedTuple):
    """policy (S, A_total) alone."""

    policy: Any

    @classmethod
    def start(cls, game: Game, policy: Float) -> TableState:
        """The state at a given policy."""
        return cls(policy.copy())


def refuse_zeros(game: Game, policy: Float, why: str, instead: str = "") -> None:
    """Refuse a first policy that gives an action no probability where it can be taken."""
    zero = policy <= 0.0 if game.available is None else (policy <= 0.0) & game.available
    if zero.any():
        s, c = (int(x) for x in np.argwhere(zero)[0])
        i = int(np.searchsorted(game.offset, c, side="right")) - 1
        raise ValueError(f"{why} needs every initial probability above 0 in policy, found {policy[s, c]} for player "
                         f"{i}, action {c - int(game.offset[i])} in state {s}{instead}")
