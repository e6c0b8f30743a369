"""Words that people bring along from elsewhere: the error that names the one that is meant here."""

from __future__ import annotations

import difflib
import functools
import inspect
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
# What it is called elsewhere -> what it can be here, the first that the function takes.
MEANT = {
    "rng": "seed random_state random_seed generator key prng",
    "discount": "gamma discount_factor delta df",
    "steps": "iterations n_iter num_iterations max_iter maxiter iters n_steps num_steps timesteps total_timesteps "
             "epochs episodes T",
    "runs": "n_runs num_runs repeats n_seeds num_seeds seeds trials",
    "policy": "policies pi strategy strategies profile policy0 initial_policy init",
    "initial": "mu rho mu0 initial_state initial_distribution start p0",
    "num_players": "n_players players n_agents num_agents agents N",
    "num_actions": "n_actions actions action_sizes A",
    "num_states": "n_states states S",
    "rewards": "reward r R u payoffs payoff",
    "reward": "rewards payoff payoffs r R u",
    "payoffs": "payoff payoff_matrices payoff_matrix matrices rewards reward u",
    "payoff": "payoffs reward rewards u",
    "transitions": "transition p P T phi dynamics",
    "available": "mask action_mask legal legal_actions valid",
    "terminal": "terminals done dones absorbing",
    "progress": "verbose tqdm",
    "threads": "n_jobs num_threads n_threads workers",
    "tau": "temperature entropy entropy_weight",
    "name": "title label",
    "rule": "algorithm algo learner",
    "until": "tol stop stopping",
    "callback": "callbacks on_step",
    "game": "env environment",
}


def meant(word: str, known: Iterable[str]) -> str | None:
    """The word among the known ones that is meant, if one is near enough to tell."""
    names = list(known)
    for here, elsewhere in MEANT.items():
        if here in names and word in elsewhere.split():
            return here
    close = difflib.get_close_matches(word, names, 1, 0.75)
    return close[0] if close else None


def refuse(function: Callable[..., Any], known: frozenset[str], given: Iterable[str]) -> None:
    """Raise for the first word that a function does not take.

    Raises
    ------
    TypeError
        With the word to write in its place, or all that there are.
    """
    name = function.__qualname__.removesuffix(".__init__")
    for word in given:
        if word not in known:
            right = meant(word, sorted(known))
            instead = f"write {right}=" if right else f"it takes {', '.join(sorted(known))}"
            raise TypeError(f"{name} takes no argument {word}=: {instead}")


def guided(function: F) -> F:
    """The function, with an error that names the right word where Python's would only say that one is wrong."""
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return function
    known = frozenset(each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY))
    known -= {"self", "cls"}
    look = refuse

    def call(*args: Any, **named: Any) -> Any:
        if not named.keys() <= known:
            look(function, known, named)
        return function(*args, **named)

    # with the function's own globals: by these doctest tells whose its examples are
    own = types.FunctionType(call.__code__, function.__globals__, function.__name__,
                             None, call.__closure__)
    return functools.wraps(function)(own)  # type: ignore[return-value]
