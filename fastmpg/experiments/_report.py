"""Reruns published experiments and writes what came out: index.html with its pictures, and results.json."""

from __future__ import annotations

import html
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, NamedTuple

from .. import machine
from ..run import storage
from ..run._workers import pool_of
from .experiment import NOT_REPRODUCED, SOURCES, Check, Experiment, Outcome

NO_PICTURES = 'No figures: they need matplotlib, which is not installed (pip install "fastmpg[report]").'
STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5b6474; --line: #d9dde4; --paper: #ffffff; --tint: #f5f6f8;
  --good: #0b6b4f; --bad: #b3340a; --open: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --soft: #a0a8b6; --line: #353c49; --paper: #14171d;
  --tint: #1c2129; --good: #5fd0a8; --bad: #ff9a6b; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .1rem; padding-top: 1rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; } .soft { color: var(--soft); font-size: .92rem; } a { color: inherit; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .32rem .7rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; background: var(--tint); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.ok { color: var(--good); font-weight: 600; } .miss { color: var(--bad); font-weight: 600; }
.open { color: var(--open); font-weight: 600; }
figure { margin: 1.25rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; padding: .4rem; }
figcaption { color: var(--soft); font-size: .92rem; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .92em; }
"""


class Finished(NamedTuple):
    """An experiment that was run: what came out, how long it took, the files of its figures with their captions."""

    experiment: Experiment
    outcome: Outcome
    seconds: float
    pictures: Sequence[tuple[str, str]]

    @property
    def met(self) -> int:
        """Checks that are met."""
        return sum(check.met for check in self.expected)

    @property
    def expected(self) -> Sequence[Check]:
        """Checks without the statements that are known not to be reproduced."""
        return [check for check in self.outcome.checks if check.source != NOT_REPRODUCED]

    @property
    def open(self) -> int:
        """How many statements are not reproduced."""
        return len(self.outcome.checks) - len(self.expected)

    @property
    def ok(self) -> bool:
        """Whether every check is as its source says."""
        return all(check.ok for check in self.outcome.checks)


def headline(checks: Sequence[Check]) -> str:
    """How many checks are met, by where their numbers come from.

    Examples
    --------
    >>> from fastmpg.experiments.experiment import PRINTED, STATEMENT
    >>> headline([Check("a", 1.0, 1.0, 0.0, PRINTED), Check("b", 1.0, 2.0, 0.0, PRINTED),
    ...           Check("c", 1.0, 1.0, 0.0, STATEMENT), Check("d", 1.0, 2.0, 0.0, NOT_REPRODUCED)])
    'printed in the paper: 1 of 2 met; statement: 1 of 1 met; printed or stated, not reproduced: 1'
    """
    parts = []
    for source in SOURCES:
        own = [check for check in checks if check.source == source]
        if own:
            parts.append(f"{source}: {len(own)}" if source == NOT_REPRODUCED
                         else f"{source}: {sum(check.met for check in own)} of {len(own)} met")
    return "; ".join(parts)


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    import scipy

    from .. import __version__

    return {"fastmpg": __version__, **machine.versions(), "scipy": scipy.__version__}


def as_json(finished: Sequence[Finished]) -> dict[str, Any]:
    """The content of results.json; what is not a finite number is null."""
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def row(check: Check) -> dict[str, Any]:
        return {"name": check.name, "published": number(check.published), "ours": number(check.ours),
                "tolerance": check.tolerance, "ok": check.ok, "verdict": check.verdict,
                "source": check.source}

    return {one.experiment.name: {"title": one.experiment.title, "paper": one.experiment.paper,
                                  "checks": [row(check) for check in one.outcome.checks],
                                  "figures": [{"file": file, "caption": caption} for file, caption in one.pictures],
                                  "seconds": round(one.seconds, 3)}
            for one in finished}


def _table(checks: Sequence[Check]) -> str:
    if not checks:
        return '<p class="soft">No number is published: figures only.</p>'
    def row(check: Check) -> str:
        tone = "miss" if not check.ok else "ok" if check.met else "open"
        verdict = f'<td class="{tone}">{check.verdict}</td>'
        return (f'<tr><td>{html.escape(check.name)}</td><td class="n">{check.published:.10g}</td><td '
                f'class="n">{check.ours:.10g}</td><td class="n">{check.tolerance:.2g}</td>{verdict}'
                f'<td class="soft">{html.escape(check.source)}</td></tr>')

    return ('<div class="scroll"><table><thead><tr><th>check</th><th class="n">expected</th><th class="n">ours</th>'
            '<th class="n">tolerance</th><th>verdict</th><th>expected is</th></tr></thead>'
            f'<tbody>{"".join(map(row, checks))}</tbody></table></div>')


def _section(one: Finished, drawn: bool) -> str:
    name, title, paper, run = one.experiment
    parts = [f'<h2 id="{html.escape(name)}">{html.escape(title)}</h2>',
             f'<p class="soft"><code>{html.escape(name)}</code> · {html.escape(paper)} · {one.seconds:.1f} s</p>',
             f'<p>{html.escape((run.__doc__ or "").strip())}</p>']
    parts += [f'<figure><img src="{html.escape(file)}" alt="{html.escape(caption)}" '
              f'loading="lazy"><figcaption>{html.escape(caption)}'
              "</figcaption></figure>" for file, caption in one.pictures]
    if not drawn and one.outcome.figures:
        parts.append(f'<p class="soft">{html.escape(NO_PICTURES)}</p>')
    parts += [_table(one.outcome.checks), *(f"<p>{html.escape(note)}</p>" for note in one.outcome.notes)]
    return "\n".join(parts)


def page(finished: Sequence[Finished], total: int, drawn: bool) -> str:
    """The report as one HTML page."""
    def row(one: Finished) -> str:
        name = html.escape(one.experiment.name)
        return (f'<tr><td><a href="#{name}">{name}</a></td><td>{html.escape(one.experiment.title)}</td>'
                f'<td class="n {"ok" if one.ok else "miss"}">{one.met} of {len(one.expected)}</td>'
                f'<td class="n open">{one.open or ""}</td><td class="n">{one.seconds:.1f} s</td></tr>')

    checks = [check for one in finished for check in one.outcome.checks]
    state = f"{len(finished)} of {total} experiments, " if len(finished) < total else ""
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
            'content="width=device-width">'
            f"<title>fastmpg: published experiments, rerun</title><style>{STYLE}</style></head><body>\n"
            f"<h1>Published experiments, rerun</h1>\n<p>{state}{html.escape(headline(checks))}; "
            f"{sum(one.seconds for one in finished):.1f} s.</p>\n"
            f'<p class="soft">{" · ".join(f"{k} {html.escape(v)}" for k, v in versions().items())}. Seconds include '
            'compiling what '
            "was not in the cache, not drawing.</p>\n"
            '<div class="scroll"><table><thead><tr><th>experiment</th><th></th><th class="n">met</th>'
            '<th class="n">not reproduced</th><th class="n">time</th></tr></thead>'
            f"<tbody>{''.join(map(row, finished))}</tbody></table></div>\n"
            + "\n".join(_section(one, drawn) for one in finished) + "\n</body></html>\n")


def _draw(experiment: Experiment, outcome: Outcome, folder: Path) -> list[tuple[str, str]]:
    from .. import plot

    pictures = []
    for figure in outcome.figures:
        path = plot.save(figure.draw(), folder / f"{experiment.name}-{figure.name}.png")
        pictures.append((path.name, figure.caption))
    return pictures


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def _finish(one: Experiment, folder: Path) -> Finished:
    """Run one experiment and draw its figures."""
    began = time.perf_counter()
    outcome = one.run()
    seconds = time.perf_counter() - began
    return Finished(one, outcome, seconds, _draw(one, outcome, folder) if can_draw() else ())


def _elsewhere(name: str, folder: str,
               threads: int) -> tuple[Sequence[Check], Sequence[str], float, Sequence[tuple[str, str]]]:
    """The same in a process of its own, without what cannot leave it."""
    from . import catalogue

    machine.set_threads(threads)
    done = _finish(catalogue[name], Path(folder))
    return done.outcome.checks, done.outcome.notes, done.seconds, done.pictures


def _finishing(experiments: Sequence[Experiment], folder: Path, jobs: int,
               started: Callable[[Experiment], Any]) -> Iterator[Finished]:
    """Experiments as they end, up to ``jobs`` of them side by side."""
    if jobs == 1 or len(experiments) == 1:
        for one in experiments:
            started(one)
            yield _finish(one, folder)
        return
    share = max(1, machine.threads() // jobs)
    with pool_of(jobs) as pool:
        waiting = {pool.submit(_elsewhere, one.name, os.fspath(folder), share): one for one in experiments}
        for future in as_completed(waiting):
            checks, notes, seconds, pictures = future.result()
            started(waiting[future])
            yield Finished(waiting[future], Outcome(checks, (), notes), seconds, pictures)


def reproduce(experiments: Sequence[Experiment], folder: str | os.PathLike[str], *, jobs: int = 1,
              started: Callable[[Experiment], Any] = lambda _: None,
              ended: Callable[[Finished], Any] = lambda _: None) -> list[Finished]:
    """Run experiments; the report is whole after each of them.

    Parameters
    ----------
    experiments : sequence of Experiment
    folder : path
        Where index.html, results.json and the figures go; made if it is not there.
    jobs : int
        How many run side by side, in processes. Nothing but the seconds depends on it.
    started, ended : callable
        Told of every experiment before and after.

    Returns
    -------
    list of Finished
        In the order of the experiments.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    drawn, finished = can_draw(), []
    order = {one.name: place for place, one in enumerate(experiments)}
    for one in _finishing(experiments, target, jobs, started):
        finished.append(one)
        finished.sort(key=lambda each: order[each.experiment.name])
        storage.write_atomically(target / "results.json", (json.dumps(as_json(finished), indent=1) + "\n").encode())
        storage.write_atomically(target / "index.html", page(finished, len(experiments), drawn).encode())
        ended(one)
    return finished
