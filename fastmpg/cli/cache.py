"""``fastmpg cache fill`` and ``fastmpg cache clear``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from .names import games, pick, rules
from .output import OK, on_terminal, show_json, table


def clear(options: argparse.Namespace) -> int:
    """Delete compiled code."""
    from ..machine import cache_folder, clear_cache

    count = clear_cache()
    if options.json:
        show_json({"deleted": count})
    else:
        print(f"{count} compiled units deleted from {cache_folder()}")
    return OK


def fill(options: argparse.Namespace) -> int:
    """Compile ahead of time what games and rules need."""
    from ..machine import cache_folder
    from ..run import fill as module

    asked = ([pick(name, games(), "game") for name in options.game],
             [pick(name, rules(), "rule") for name in options.rules or ()])
    if options.jobs is not None and options.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, found {options.jobs}")
    terminal, began, count = on_terminal(), time.perf_counter(), 0

    def told(one: Any) -> None:
        nonlocal count
        count += len(one.compiled)
        if terminal:
            print(f"\r\x1b[K{count} units compiled: {one.rule or 'metrics'} on {one.game}", end="", file=sys.stderr,
                  flush=True)

    try:
        done = module.fill(*asked, options.jobs, told)
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    found: dict[str, Any] = {}
    for label in dict.fromkeys(one.game for one in done):
        mine = [one for one in done if one.game == label]
        found[label] = {"compiled": [[name, round(spent, 3)] for one in mine for name, spent in one.compiled],
                        "seconds": round(sum(one.seconds for one in mine), 3),
                        "rules": sorted(one.rule for one in mine if one.rule is not None and not one.unfit)}
    if options.json:
        show_json({"folder": str(cache_folder()), "seconds": round(seconds, 3), "games": found})
        return OK
    rows = [("game", "rules", "units compiled", "seconds")]
    rows += [(label, str(len(one["rules"])), str(len(one["compiled"])), f"{one['seconds']:.1f}")
             for label, one in found.items()]
    print(table(rows, (1, 2, 3)))
    print(f"{count} units compiled in {seconds:.1f} s; kept in {cache_folder()}")
    return OK
