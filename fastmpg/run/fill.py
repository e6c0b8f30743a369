"""Filling the cache of compiled code ahead of time: what games and rules need, in processes.

Compiled code depends on a game's model, not on its size, so that small games serve.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any, NamedTuple

from .. import games as room
from .. import metrics
from .. import rules as dynamics
from ..feedback.desk import Desk, evaluate_desk
from ..machine.cache import cache_folder, usable
from ..machine.units import COMPILED
from ..metrics.best_response import best_response
from ..metrics.evaluation import evaluate
from ..metrics.metric import known
from ..models.game import Game
from ..policy import uniform_policy
from ..rules.rule import contract
from ..solvers import pure_equilibria, round_robin
from ._workers import pool_of
from .ensemble import ensemble
from .learn import learn
from .record import Record

EVERY_MODEL = ("zhang_3x2", "random_markov", "queueing", "routing", "ring_polymatrix")
# of parameters that a game or a rule asks for
SMALL: dict[str, Any] = {"num_states": 3, "num_actions": (2, 2), "tau": 0.5, "lam": 0.5}
# a game that has such a parameter is built both ways; code for a simulator is never kept
FORMS = {"form": ("dense", "count")}


class Filled(NamedTuple):
    """What was done for one game (``rule`` None: its metrics) or one rule on it.

    compiled: units and the seconds that each took, none of which was in the cache
    seconds: in all   unfit: why the rule cannot run
    """

    game: str
    rule: str | None
    compiled: tuple[tuple[str, float], ...]
    seconds: float
    unfit: str = ""


def _needed(made: Any) -> dict[str, Any]:
    """Values for the parameters that have no default."""
    asked = [name for name, each in inspect.signature(made).parameters.items()
             if each.default is inspect.Parameter.empty]
    if set(asked) - set(SMALL):
        raise ValueError(f"{made.__name__} needs {', '.join(asked)}, and no value of one is known here: name something "
                         "else that needs the same code")
    return {each: SMALL[each] for each in asked}


def specimens(names: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Small games of these names in every form that they have: label -> name and arguments.

    Raises
    ------
    ValueError
        If a game asks for something that is not known here.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for name in names:
        asked, arguments = inspect.signature(getattr(room, name)).parameters, _needed(getattr(room, name))
        both = [each for each in FORMS if each in asked and asked[each].default is not None]
        for key in both or [""]:
            for form in FORMS.get(key, ("",)):
                found[f"{name} ({key}={form})" if key else name] = (name, arguments | ({key: form} if key else {}))
    return found


@functools.cache
def _game(label: str) -> Game:
    name, arguments = specimens([label.partition(" ")[0]])[label]
    return getattr(room, name)(**arguments)  # type: ignore[no-any-return]


def _exact(rule: str) -> bool:
    return not contract(getattr(dynamics, rule)).feedback.sampled


def _ask(label: str) -> None:
    """Every public question about a policy, and what looks for equilibria by compiled code."""
    game = _game(label)
    if not game.exact:
        return
    policy = uniform_policy(game)
    values = SMALL | {"q": policy, "player": 0}
    evaluate(game, policy)
    evaluate(game, policy, tau=0.5)
    best_response(game, policy, 0)
    metrics.distance_to_nash(game, policy[None])
    for name in metrics.__all__:
        question = getattr(metrics, name)
        asked = inspect.signature(question).parameters
        walks = "state" in asked  # along sure moves: what that compiles, others do too
        if list(asked)[:2] == ["game", "policy"] and not walks:  # several policies at once compile no more
            question(game, policy, **{each: values[each] for each in ("tau", "lam", "q", "player") if each in asked})
    metrics.ne_gap(game, policy, start="worst")
    round_robin(game)
    if game.num_states == 1:  # of several states, what is certified of candidates is compiled by then
        pure_equilibria(game)
    evaluate_desk.bind(Desk.create(game, threads=2))()  # and with threads, as larger games


def _play(label: str, rule: Any) -> None:
    """A step of a run, and of two runs side by side, with all that can be recorded."""
    game, kept = _game(label), contract(type(rule)).state.fields
    wanted = [each.name for each in known().values() if (game.exact if each.exact else each.source in kept)]
    learn(game, rule, 1, rng=0, record=Record(metrics=wanted))
    ensemble(game, rule, 1, 2, rng=0, record=Record(metrics=("policy",)), threads=1)


def _task(labels: Sequence[str], rule: str | None) -> list[Filled]:
    """The games one after the other in this process."""
    kind, done = rule and getattr(dynamics, rule), []
    chosen = kind and kind(**_needed(kind))
    for label in labels:
        began, before, unfit = time.perf_counter(), len(COMPILED), ""
        if rule is None:
            _ask(label)
        else:
            try:
                _play(label, chosen)
            except (TypeError, ValueError) as error:  # which say why this rule is not for this game
                unfit = str(error)
        done.append(Filled(label, rule, tuple(COMPILED[before:]), time.perf_counter() - began, unfit))
    return done


def _tasks(labels: Sequence[str], rules: Sequence[str]) -> list[tuple[Sequence[str], str | None]]:
    """What is done in one process each. Units that rules share come with the metrics, so these go first, games of one
    model together; an exact rule's loop serves every exact game."""
    models: dict[type, list[str]] = {}
    for label in labels:
        if _game(label).exact:
            models.setdefault(type(_game(label).model), []).append(label)
    out: list[tuple[Sequence[str], str | None]] = [(alike, None) for alike in models.values()]
    for rule in rules:
        out += [(labels, rule)] if _exact(rule) else [([label], rule) for label in labels]
    return out


def _in_processes(tasks: list[tuple[Sequence[str], str | None]], jobs: int) -> Iterator[list[Filled]]:
    with pool_of(jobs) as pool:
        waiting = list(tasks)
        running: dict[Any, tuple[Sequence[str], str | None]] = {}
        while waiting or running:
            busy = {label for labels, rule in running.values() if rule is None for label in labels}
            busy |= {label for labels, rule in waiting if rule is None for label in labels}
            for task in [each for each in waiting if each[1] is None or not busy & set(each[0])][:jobs - len(running)]:
                waiting.remove(task)
                running[pool.submit(_task, *task)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                del running[future]
                yield future.result()


def fill(games: Sequence[str] = (), rules: Sequence[str] = (), jobs: int | None = None,
         told: Callable[[Filled], None] = lambda one: None) -> list[Filled]:
    """Compile what games and rules need, and keep it in the cache.

    Parameters
    ----------
    games, rules : sequence of str
        Names; by default one game of every model, and every rule that fits.
    jobs : int, optional
        Processes; by default one a processor.
    told : callable
        Called with every :class:`Filled` as it comes.

    Raises
    ------
    OSError
        If compiled code cannot be kept.
    ValueError
        If a rule that was asked for fits none of the games.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            sound = usable(cache_folder())
        except RuntimeWarning as warning:
            raise OSError(str(warning)) from None
    if not sound:
        raise OSError(f"compiled code cannot be kept in {cache_folder()}")
    labels = list(specimens(list(dict.fromkeys(games)) or EVERY_MODEL))
    tasks = _tasks(labels, list(dict.fromkeys(rules)) or dynamics.__all__)
    count = min(len(tasks), jobs if jobs is not None else len(os.sched_getaffinity(0))
                if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    done: list[Filled] = []
    for some in _in_processes(tasks, count) if count > 1 else (_task(*task) for task in tasks):
        for one in some:
            done.append(one)
            told(one)
    for rule in dict.fromkeys(rules):
        why = [one.unfit for one in done if one.rule == rule]
        if all(why):
            raise ValueError(why[0])
    return done
