"""``fastmpg list`` and ``fastmpg info``."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .names import chosen, first_line, games, maker, parameters, rules, signature
from .output import OK, finite, show_json


def listing(options: argparse.Namespace) -> int:
    """List what there is."""
    def experiments() -> dict[str, tuple[str, str]]:
        from ..experiments import catalogue

        return {name: (each.title, each.paper) for name, each in catalogue.items()}

    def metrics() -> dict[str, tuple[str, str]]:
        from ..metrics.metric import known

        return {name: (each.label, "(" + ", ".join(("K", *each.axes)) + ("," if not each.axes else "") + ")")
                for name, each in known().items()}

    def things(found: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        return {name: (first_line(each), signature(each)) for name, each in found.items()}

    sources: dict[str, tuple[str, Callable[[], dict[str, tuple[str, str]]]]] = {
        "games": ("parameters", lambda: things(games())), "rules": ("parameters", lambda: things(rules())),
        "experiments": ("paper", experiments), "metrics": ("shape", metrics)}
    kinds = [options.kind] if options.kind else list(sources)
    if options.json:
        show_json({kind: {name: {"about": about, sources[kind][0]: more}
                          for name, (about, more) in sources[kind][1]().items()}
                   for kind in kinds})
        return OK
    for i, kind in enumerate(kinds):
        print(("\n" if i else "") + kind)
        for name, (about, more) in sources[kind][1]().items():
            head, tail = (f"({more})", "") if kind in ("games", "rules") else ("", f"; {more}")
            print(f"  {name}{head}\n      {about}{tail}")
    return OK


def info(options: argparse.Namespace) -> int:
    """Versions and cache, or the sizes of games."""
    from .. import _check, machine
    from ..experiments import _report

    if not options.game:
        files = machine.cached_files()
        facts: dict[str, Any] = {"versions": _report.versions(), "threads": machine.threads(),
                                 "cache": str(machine.cache_folder()),
                                 "units": len(files), "unit_bytes": sum(path.stat().st_size for path in files)}
        if options.json:
            show_json(facts)
            return OK
        rows = [(name, version) for name, version in facts["versions"].items()]
        rows += [("threads", str(facts["threads"])), ("cache", facts["cache"]),
                 ("compiled units", f"{facts['units']}, {_check.gib(facts['unit_bytes'])}")]
        print("\n".join(f"{name:18}{value}" for name, value in rows))
        return OK
    found = {}
    for name in options.game:
        make = maker(name)
        given = chosen(options, "game")
        missing = [each for each, default in parameters(make).items() if default is inspect.Parameter.empty
                   and each not in given]
        if missing:
            raise ValueError(f"{name} needs {', '.join('--' + each.replace('_', '-') for each in missing)}: ask for it "
                             "alone, with values")
        found[name] = make(**given)
    if options.json:
        show_json({name: finite({"repr": repr(game), "num_players": game.num_players, "num_states": game.num_states,
                                 "num_actions": game.num_actions, "discount": game.discount, "nbytes": game.nbytes,
                                 "workspace_bytes": game.workspace_bytes(),
                                 "payoff_range": game.payoff_range(),
                                 **(told_potential(game) if options.potential else {})})
                   for name, game in found.items()})
        return OK
    for i, game in enumerate(found.values()):
        low, high = game.payoff_range().T
        size, work = game.nbytes, game.workspace_bytes()
        print("\n" * (i > 0) + f"{game!r}\n  tables     {_check.gib(size)}\n  workspace  {_check.gib(work)}\n"
              f"  total      {_check.gib(size + work)}\n"
              f"  payoffs    from {low.min() + 0:.6g} to {high.max() + 0:.6g}")
        if options.potential:
            print("\n".join(f"  {each}" for each in nearness(game).values()))
    return OK


def told_potential(game: Any) -> dict[str, Any]:
    """The same in numbers."""
    found = nearness(game)
    near, square = found["alpha"], found["defect"]
    return {"potential_defect": square.defect, "potential_change": square.change,
            "alpha": near if isinstance(near, str) else [near.lower, near.upper]}


def nearness(game: Any) -> dict[str, Any]:
    """How near a game comes to a potential game: what can be said of its size."""
    from .. import potential

    if not game.exact:
        raise ValueError(f"{game!r} has no exact values: build it from tables or counts to ask for its potential")
    found: dict[str, Any] = {"defect": potential.defect(game)}
    try:
        found["alpha"] = potential.alpha(game)
    except MemoryError as error:
        found["alpha"] = str(error)
    return found
