"""``fastmpg reproduce``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from .names import pick
from .output import MISSED, OK, on_terminal, show_json, table


def reproduce(options: argparse.Namespace) -> int:
    """Rerun published experiments."""
    from ..experiments import catalogue

    wanted = [catalogue[pick(name, catalogue, "experiment")] for name in options.name] or list(catalogue.values())
    wanted = list(dict.fromkeys(wanted))
    from ..experiments import _report

    terminal, count = on_terminal(), 0

    def started(experiment: Any) -> None:
        nonlocal count
        count += 1
        if terminal:
            print(f"[{count}/{len(wanted)}] {experiment.name} ...", end="", file=sys.stderr, flush=True)

    def ended(finished: Any) -> None:
        if terminal:
            print(f"\r\x1b[K[{count}/{len(wanted)}] {finished.experiment.name}: {finished.met} of "
                  f"{len(finished.expected)} met, {finished.seconds:.1f} s", file=sys.stderr)

    finished = _report.reproduce(wanted, options.out, jobs=max(1, options.jobs), started=started, ended=ended)
    checks = [(one, check) for one in finished for check in one.outcome.checks]
    if options.json:
        show_json(_report.as_json(finished))
    else:
        rows = [("experiment", "met", "of", "not reproduced", "seconds")]
        rows += [(one.experiment.name, str(one.met), str(len(one.expected)), str(one.open or ""), f"{one.seconds:.1f}")
                 for one in finished]
        print(table(rows, (1, 2, 3, 4)))
        for one, check in checks:
            if not check.met:
                print(f"{check.verdict}: {one.experiment.name}: {check.name}: expected {check.published:.10g}, ours "
                      f"{check.ours:.10g}, tolerance {check.tolerance:.2g}")
        print(_report.headline([check for _, check in checks]))
        print(os.path.join(options.out, "index.html") + ("" if _report.can_draw() else f"\n{_report.NO_PICTURES}"))
    return OK if all(one.ok for one in finished) else MISSED
