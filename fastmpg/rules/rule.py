"""The contract of rules: every attribute that a rule may have, its meaning and its default, on one page.

    class FictitiousStep(NamedTuple):          # the fields are the rule's parameters
        rate: float = 0.1
        feedback = fm.Oracle                   # names of the contract
        update = staticmethod(step)

Nothing else asks a rule what it has: a run reads :func:`contract` of its class.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._check import Float, shown
from .._contract import members
from ..feedback.feedback import FeedbackContract, feedback_contract
from ..feedback.oracle import Oracle
from ..models.game import Game
from .state import StateContract, TableState, state_contract


def _itself(rule: Any) -> Any:
    return rule


def _anywhere(rule: Any, game: Game, policy: Float) -> None:
    pass


def _as_it_is(rule: Any, game: Game, state: Any) -> None:
    pass


def _never(game: Game, one: Any, other: Any) -> bool:
    return False


def _zero(rule: Any) -> float:
    return 0.0


def _the_oracle_s(rule: Any) -> float:
    return contract(type(rule)).temperature(rule)


def _yes(rule: Any) -> bool:
    return True


ORACLE, TABLE = feedback_contract(Oracle), state_contract(TableState)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contract:
    """All that a rule may have: a NamedTuple of its parameters whose class has these names.

    A static kernel is ``staticmethod(function)``, the function plain or under ``fastmpg.kernel``. What differs with the
    parameters may be a field, a property or a plain value of the class; here it is a function of the rule.

    Attributes
    ----------
    update : static kernel (rule, state, feedback, k)
        Changes the state in place, all players at once; ``k`` counts updates from 0. Required. Actions that a player
        does not have in a state (``feedback.available``, (S, A_total) of bool; ``feedback.num_actions``, (S, N)) have
        probability 0 in the first policy and must keep it: Q is -inf there, so that a step in logarithms needs no care,
        while a product with the probability does.
    feedback : class
        What the rule may see: :class:`fastmpg.Oracle` (default), :class:`fastmpg.Critic`, :class:`fastmpg.Transition`,
        :class:`fastmpg.JointTransition`, :class:`fastmpg.Rollouts` or :class:`fastmpg.Samples`.
    state : class
        What it keeps: :class:`fastmpg.TableState` (default), :class:`fastmpg.SoftmaxState` or one of your own, see
        :class:`fastmpg.rules.state.StateContract`.
    temperature : float
        Weight of the entropy in the oracle's values. Default 0.
    qre_temperature : float
        That of a recorded QRE-gap, where the record has none of its own. Default ``temperature``.
    uses_value, uses_visitation : bool
        Whether ``update`` reads the oracle's ``value`` and ``visit``; where not, they need not be computed. Default
        True.
    checked : method () -> rule
        The rule with its parameters checked and made numbers; raises ValueError or TypeError. By default the rule
        itself.
    check_start : method (game, policy)
        Raises ValueError if the rule cannot start at this policy (S, A_total). By default nothing.
    opening : method (game, state)
        Writes into the first state what depends on the rule's parameters, or returns another, of the same class. By
        default nothing.
    compiled : method () -> NamedTuple
        The rule as kernels see it: numbers and arrays only, whose class has ``update`` (and ``update_pair``) too. By
        default the rule itself.
    tables : tuple of str
        Parameters that are sequences by themselves, of which an ensemble makes no grid. Default ().
    update_pair : static kernel (rule, other_rule, state, other, feedback, other_feedback, k)
        Updates two runs at once. Default None.
    pairs : static method (game, one, other) -> bool
        Whether two compiled rules can be updated at once. By default never.
    draws : bool
        Whether ``update`` draws numbers of its own (``feedback.key``), so that it is no map from states to states.
        Default False.
    proved, fails : str
        What is proved of it, with the source, and where it fails, in a few words.
    examples : sequence of mappings
        Parameters that show the rule at work, for benchmarks and tests: one without parameters by default, ``({},)``.
    """

    update: Any
    feedback: FeedbackContract = ORACLE
    state: StateContract = TABLE
    temperature: Callable[[Any], float] = _zero
    qre_temperature: Callable[[Any], float] = _the_oracle_s
    uses_value: Callable[[Any], bool] = _yes
    uses_visitation: Callable[[Any], bool] = _yes
    checked: Callable[[Any], Any] = _itself
    check_start: Callable[[Any, Game, Float], None] = _anywhere
    opening: Callable[[Any, Game, Any], Any] = _as_it_is
    compiled: Callable[[Any], Any] = _itself
    tables: tuple[str, ...] = ()
    update_pair: Any = None
    pairs: Callable[[Game, Any, Any], bool] = _never
    draws: bool = False
    proved: str = ""
    fails: str = ""
    examples: tuple[Mapping[str, Any], ...] = ({},)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompiledContract:
    """All that a rule's compiled form may have: ``update`` and ``update_pair`` as in :class:`Contract`."""

    update: Any
    update_pair: Any = None


@functools.lru_cache(maxsize=1024)
def _compiled_form(kind: Any) -> CompiledContract:
    return CompiledContract(**members(kind, CompiledContract, "compiled rule"))


def _compiling(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The method ``compiled`` of a class, with the class of what it returns looked at."""

    def compiled(rule: Any) -> Any:
        made: Any = method(rule)
        kind: Any = type(made)
        if kind is not type(rule):
            _compiled_form(kind)
        return made

    return compiled


@functools.lru_cache(maxsize=1024)
def _resolved(kind: Any) -> Contract:
    found = members(kind, Contract, "rule")
    for name in ("temperature", "qre_temperature", "uses_value", "uses_visitation"):
        if name in found:
            found[name] = operator.attrgetter(name)
    if "compiled" in found:
        found["compiled"] = _compiling(found["compiled"])
    if not callable(found["update"]):
        raise TypeError(f"{kind.__name__}.update must be a kernel (rule, state, feedback, k), "
                        f"found {found['update']!r}")
    if "feedback" in found:
        found["feedback"] = feedback_contract(found["feedback"])
    if "state" in found:
        found["state"] = state_contract(found["state"])
    return Contract(**found)


def contract(kind: Any) -> Contract:
    """What a class of rules has, with defaults filled in: made once a class.

    Raises
    ------
    TypeError
        If the class has a public name that is no part of the contract, with the closest one that is.
    """
    return _resolved(kind)


def contract_of(rule: Any) -> Contract:
    """The contract of an instance.

    Raises
    ------
    TypeError
        If it is no rule.
    """
    if isinstance(rule, type):
        raise TypeError(f"rule must be an instance, found the class {rule.__name__}; write {rule.__name__}(...)")
    if not (isinstance(rule, tuple) and hasattr(rule, "_fields")):
        raise TypeError(f"rule must be a NamedTuple with a static kernel `update`, found {shown(rule)}; see "
                        "fastmpg.rules")
    try:
        return contract(type(rule))
    except TypeError as error:
        if hasattr(type(rule), "update"):
            raise
        raise TypeError(f"rule must be a NamedTuple with a static kernel `update`, found {shown(rule)}: "
                        f"{error}") from None


def examples(kind: type) -> list[Any]:
    """The rules of a class that its contract gives as examples."""
    return [kind(**each) for each in contract(kind).examples]


def _checked_rule(rule: Any) -> Any:
    return contract_of(rule).checked(rule)


def _label(rule: Any) -> str:
    parts = ", ".join(f"{k}=<{v.shape}>" if isinstance(v, np.ndarray) else
                      f"{k}={v.__qualname__ if callable(v) and hasattr(v, '__qualname__') else repr(v)}"
                      for k, v in rule._asdict().items())
    return f"{type(rule).__name__}({parts})"
