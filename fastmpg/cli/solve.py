"""``fastmpg solve``."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .names import chosen, maker, pick
from .output import MISSED, OK, finite, show_json, table

DONE = {"converged", "equilibrium"}  # among statuses
FIRST = "pure_equilibria"
SHOWN = 200  # entries of an array that are printed


def solvers() -> dict[str, Callable[..., Any]]:
    """The solvers that take a game and what a flag can say."""
    from .. import solvers as room

    found = {}
    for name in room.__all__:
        each = getattr(room, name)
        if not inspect.isclass(each):
            first, *rest = inspect.signature(each).parameters.values()
            if first.name == "game" and not any(p.default is p.empty and p.name in ("features",) for p in rest):
                found[name] = each
    return found


def flags(solver: Callable[..., Any]) -> Any:
    """What a solver takes besides the game, as :func:`.names.parameters` reads it."""

    def stand_in(**given: Any) -> Any:
        return given

    whole = inspect.signature(solver)
    stand_in.__signature__ = whole.replace(parameters=list(whole.parameters.values())[1:])  # type: ignore[attr-defined]
    return stand_in


def method_of(words: Sequence[str]) -> str:
    """The solver that --method names among the words, or the first choice."""
    for at, word in enumerate(words):
        if word.startswith("--method="):
            return pick(word.partition("=")[2], solvers(), "method")
        if word == "--method" and at + 1 < len(words):
            return pick(words[at + 1], solvers(), "method")
    return FIRST


def welfare(game: Any, found: Any) -> Any:
    """Prices of anarchy and stability where a solver lists equilibria: None where it does not, or why they are not
    known."""
    from .. import metrics

    listed: Any = getattr(found, "policy", None)
    if getattr(listed, "ndim", 0) != 3 or not hasattr(found, "number") | hasattr(found, "runs") or len(listed) == 0:
        return None
    try:
        return metrics.price_of_anarchy(game, listed)
    except (TypeError, ValueError, MemoryError) as error:
        return str(error)


def solve(options: argparse.Namespace) -> int:
    """Solve a named game and list what the solver returns."""
    import numpy as np

    game = maker(options.game)(**chosen(options, "game"))
    method = pick(options.method, solvers(), "method")
    found = solvers()[method](game, **chosen(options, "method"))
    runs = getattr(found, "runs", None)  # of many starts
    state = getattr(found, "status", None) if runs is None else next(iter(DONE & set(found.statuses)), "none")
    status = OK if not isinstance(state, str) or state in DONE else MISSED
    paid = welfare(game, found)
    fields = found._asdict() if hasattr(found, "_asdict") else {"found": repr(found)}
    if options.json:
        show_json(finite({"game": game.name, "method": method, **fields,
                          **({} if paid is None else {"welfare": paid})}))
        return status
    print(f"{method} on {game.name}: {found!r}")
    if isinstance(paid, str):
        print(f"welfare: not known, {paid}")
    elif paid is not None:
        print(f"welfare: {paid.best:.6g} at best, {paid.equilibria.max():.6g} in the best equilibrium (number "
              f"{paid.best_equilibrium}), {paid.equilibria.min():.6g} in the worst (number {paid.worst_equilibrium}); "
              f"price of anarchy {paid.anarchy:.6g}, of stability {paid.stability:.6g}")
    if runs is not None:
        print()
        print(table([("start", "status", "rounds", "moves", "NE-gap"),
                     *((str(r), run.status, str(run.rounds), str(run.moves), f"{run.ne_gap.max():.3g}")
                       for r, run in enumerate(runs))], (0, 2, 3, 4)))
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            shape = " x ".join(map(str, value.shape))
            print(f"\n{name} ({shape})")
            if 0 < value.size <= SHOWN:
                print(np.array2string(value, precision=6, suppress_small=True, max_line_width=110))
            elif value.size:
                print("  --json prints it")
    return status
