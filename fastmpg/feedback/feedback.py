"""The contract of feedbacks: what a class has from which rules learn."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from .._contract import members


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedbackContract:
    """All that a feedback may have: a NamedTuple, ``offset`` (N + 1,) and ``discount`` among its fields, whose class
    has these names.

    Those of the package also show which actions there are in every state, ``available`` (S, A_total) of bool, and how
    many each player has, ``num_actions`` (S, N): see :func:`..models.available.choices`.

    Attributes
    ----------
    create : static method (game, state, *, temperature, wants_value, wants_visit, threads, beside) -> (feedback, desk)
        The workspace of one run; the options are the rule's wishes. ``desk``: where it evaluates the policy exactly, or
        None; ``beside``: the desk of a run that is never moved on at the same time, to be shared. Required.
    observe : kernel (feedback, state, key, k)
        Looks at the game before update k. Required.
    proceed : kernel (feedback, k)
        Moves the environment on after update k. By default nothing.
    sampled : bool
        Whether rules learn from samples, and simulators will do, instead of expectations. Default False.
    continues : bool
        Whether one trajectory runs through all steps. Such a feedback has the fields ``place`` (1,), the environment's
        state, ``filled`` (1,), -1 where nothing is drawn ahead, and ``states``, ``history`` and ``origin``, to which
        :func:`proceed` writes the trajectory; see :class:`fastmpg.Transition`. Default False.
    spreads : bool
        Whether it hands shares of its own work to threads. Default False.
    sees : str
        What a player sees, in a few words.
    kind : type
        The class itself.
    """

    create: Callable[..., Any]
    observe: Any
    proceed: Any = None
    sampled: bool = False
    continues: bool = False
    spreads: bool = False
    sees: str = ""
    kind: Any = dataclasses.field(default=None, init=False)


@functools.lru_cache(maxsize=1024)
def _resolved(kind: Any) -> FeedbackContract:
    made = FeedbackContract(**members(kind, FeedbackContract, "feedback"))
    object.__setattr__(made, "kind", kind)
    return made


def feedback_contract(kind: Any) -> FeedbackContract:
    """What a class of feedbacks has, with defaults filled in.

    Raises
    ------
    TypeError
        If it is no class of feedbacks, or has a name that no feedback has.
    """
    if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
        raise TypeError("the feedback of a rule must be fastmpg.Oracle, fastmpg.Critic, fastmpg.Transition, "
                        f"fastmpg.JointTransition, fastmpg.Rollouts or fastmpg.Samples, found {kind!r}")
    return _resolved(kind)
