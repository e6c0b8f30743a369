"""``fastmpg sweep`` and ``fastmpg status``."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .names import add_parameters, chosen, game_name, literal, maker, pick, rules
from .output import INTERRUPTED, MISSED, OK, finite, on_terminal, show_json, table

ENGINES = "serial, processes, processes:N, loky, loky:N, dask:ADDRESS or mpi"


def arguments(command: Callable[..., Any], argv: Sequence[str]) -> None:
    """The two commands."""
    from .run import about_runs

    one = command("sweep", sweep,
                  "run a rule at every point of a grid of its parameters, over seeds, on many processors",
                  epilog="The folder is also the resume: the same command makes what is missing, with any engine. "
                  "dask:ADDRESS is a scheduler's, as tcp://host:8786; of mpi start it as `mpiexec -n N python -m "
                  "mpi4py.futures -m fastmpg sweep ...`. `fastmpg sweep GAME RULE --help` shows the parameters of both")
    one.add_argument("game", metavar="GAME")
    one.add_argument("rule", metavar="RULE")
    one.add_argument("--grid", action="append", default=[], metavar="NAME=V,V,...",
                     help="a parameter of the rule and its values; give it again for another one")
    one.add_argument("--folder", required=True, metavar="DIR", help="where every finished task leaves a file")
    one.add_argument("--engine", default="serial", metavar="ENGINE", help=f"{ENGINES} (default: %(default)s)")
    about_runs(one)
    one.set_defaults(runs=1)
    named = [word for word in argv[1:3] if not word.startswith("-")] if argv[:1] == ["sweep"] else []
    if len(named) == 2:
        game, rule = game_name(named[0]), pick(named[1], rules(), "rule")
        varied = [after.partition("=")[0] for before, after in itertools.pairwise(argv) if before == "--grid"]
        varied += [word[len("--grid="):].partition("=")[0] for word in argv if word.startswith("--grid=")]
        add_parameters(one, {"game": (game, maker(game)), "rule": (rule, rules()[rule])}, varied)
    one = command("status", status, "how far a sweep is")
    one.add_argument("folder", metavar="DIR")


def grid_of(words: Sequence[str]) -> dict[str, list[Any]]:
    """What --grid says: ``eta=0.1,0.2``."""
    grid: dict[str, list[Any]] = {}
    for word in words:
        name, found, values = word.partition("=")
        name = name.strip().replace("-", "_")
        if not (found and name and values.strip(", ")):
            raise ValueError(f"--grid must be NAME=VALUE,VALUE,..., as eta=0.1,0.2, found {word!r}")
        if name in grid:
            raise ValueError(f"--grid {name} is given twice")
        value = literal(values)
        grid[name] = list(value) if isinstance(value, tuple) else [value]
    return grid


@contextlib.contextmanager
def engine(word: str) -> Any:
    """What --engine says: None, a number of processes, or an executor."""
    kind, _, rest = word.partition(":")
    count = os.cpu_count() or 1
    if kind in ("processes", "loky") and rest:
        try:
            count = int(rest)
        except ValueError:
            raise ValueError(f"--engine {kind}:N takes a whole number, found {rest!r}") from None
    if kind not in ("serial", "processes", "loky", "dask", "mpi") or (kind == "dask" and not rest):
        raise ValueError(f"--engine must be {ENGINES}, found {word!r}")
    if kind in ("serial", "processes"):
        yield None if kind == "serial" else count
        return
    extra = {"loky": "loky", "dask": "dask", "mpi": "mpi"}[kind]
    try:
        if kind == "loky":
            from loky import get_reusable_executor

            yield get_reusable_executor(max_workers=count)
        elif kind == "dask":
            from dask.distributed import Client

            with Client(rest) as client:
                yield client.get_executor()
        else:
            from mpi4py.futures import MPIPoolExecutor

            with MPIPoolExecutor() as pool:
                yield pool
    except ImportError as error:
        raise ImportError(f"--engine {kind}: {error}; pip install 'fastmpg[{extra}]'") from None


def sweep(options: argparse.Namespace) -> int:
    """Make a sweep, or go on with it."""
    import warnings

    from ..run.record import Record
    from ..run.sweep import SweepInterrupted
    from ..run.sweep import sweep as make
    from .run import ending

    game, kind = maker(options.game)(**chosen(options, "game")), rules()[options.rule]
    grid = grid_of(options.grid)
    unknown = [name for name in grid if name not in kind._fields]
    if unknown:
        raise ValueError(f"--grid: {options.rule} has no parameter {unknown[0]!r}; it has {', '.join(kind._fields)}")
    rule = kind(**{name: values[0] for name, values in grid.items()} | chosen(options, "rule"))
    metrics = options.metrics or ("ne_gap,value" if game.exact else "policy")
    record = Record(every=options.every or max(1, options.steps // 1000),
                    metrics=tuple(filter(None, metrics.split(","))))
    done = OK
    with engine(options.engine) as executor, warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"fastmpg: {message}", file=sys.stderr)
        try:
            found = make(game, rule, options.steps, grid, runs=options.runs, policy=options.policy, rng=options.seed,
                         record=record, until=ending(options.until), executor=executor, folder=options.folder,
                         progress=on_terminal())
        except SweepInterrupted as error:
            print(f"fastmpg: {error}", file=sys.stderr)
            return INTERRUPTED
    if found.failures:
        done = MISSED
        for at, failure in list(found.failures.items())[:5]:
            where = ", ".join(f"{name}={found.coords[name][k]}" for name, k in zip(found.dims, at, strict=True))
            print(f"fastmpg: {where}: {failure.error}: {failure.message}", file=sys.stderr)
    if options.json:
        show_json(finite({"game": game.name, "rule": options.rule, "folder": options.folder, "tasks": found.table()}))
        return done
    print(repr(found)[1:-1])
    print(table(*_summary(found)))
    return done


def _summary(found: Any) -> tuple[list[Sequence[str]], range]:
    """A row a point of the grid: how many runs are done, and their last largest NE-gaps."""
    import numpy as np

    names = found.dims[:-1]
    rows: list[Sequence[str]] = [(*names, "done", "NE-gap, least run", "median", "largest")]
    for at in np.ndindex(found.results.shape[:-1]):
        runs = [each for each in found.results[at] if hasattr(each, "trace")]
        gaps = [float(each.trace["ne_gap"][-1].max()) for each in runs
                if "ne_gap" in each.trace and each.trace["step"].size]
        cells = [f"{value:.6g}" for value in (np.min(gaps), np.median(gaps), np.max(gaps))] if gaps else ["-"] * 3
        rows.append((*(str(found.coords[name][k]) for name, k in zip(names, at, strict=True)),
                     f"{len(runs)} of {found.results.shape[-1]}", *cells))
    return rows, range(len(names), len(names) + 4)


def status(options: argparse.Namespace) -> int:
    """Say how far a sweep is."""
    import time

    from ..run._sweep_folder import state_of
    from ..run._sweep_task import failed, file_of

    told, tasks = state_of(options.folder)
    total, when = sum(map(len, tasks.values())), [os.stat(file_of(options.folder, k)).st_mtime for k in tasks["done"]]
    last = None if not when else time.time() - max(when)
    pace = (max(when) - min(when)) / (len(when) - 1) if len(when) > 1 else None
    left = total - len(tasks["done"])
    if options.json:
        show_json(finite({"rule": told["rule"]["name"], "game": told["game"]["name"], "grid": told["grid"],
                          "runs": told["runs"], "tasks": total, **{name: len(each) for name, each in tasks.items()},
                          "seconds_since_last": last, "seconds_a_task": pace}))
        return OK
    grid = " x ".join([*(f"{name} ({len(values)})" for name, values in told["grid"].items()), f"run ({told['runs']})"])
    print(f"{told['rule']['name']} on {told['game']['name']}, {told['steps']} steps: {grid}")
    print(f"{len(tasks['done'])} of {total} tasks done" + "".join(f", {len(tasks[name])} {name}" for name in
                                                                ("failed", "damaged", "missing") if tasks[name]))
    if last is not None and left:
        print(f"the last one {last:.0f} s ago" + (f"; at the pace so far {left * pace:.0f} s to go" if pace else ""))
    for task in tasks["failed"][:5]:
        print(f"task {task}: {failed(options.folder, told['id'], task)!r}"[:300])
    return OK
