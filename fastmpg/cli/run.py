"""``fastmpg run`` and ``fastmpg resume``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from .names import chosen, maker, rules, whole
from .output import INTERRUPTED, MISSED, OK, finite, on_terminal, show_json, table


def about_runs(one: argparse.ArgumentParser) -> None:
    """What is asked of a run, one by one or many."""
    one.add_argument("--steps", type=whole, required=True, metavar="N", help="updates to make")
    one.add_argument("--every", type=whole, metavar="K", help="record every K steps (default: about 1000 times)")
    one.add_argument("--metrics",
                     help="what to record, with commas (`fastmpg list metrics`; default: ne_gap,value, of simulators "
                     "policy)")
    one.add_argument("--policy", choices=("uniform", "random"), default="uniform",
                     help="where to start (default: %(default)s)")
    one.add_argument("--seed", type=whole, default=0, metavar="N",
                     help="of random policies and sampled rules (default: 0)")
    one.add_argument("--runs", type=whole, metavar="R", help="make so many runs side by side")
    one.add_argument("--until", metavar="WHAT=X",
                     help="end a run early: unchanged=STAGES when everybody's greedy policy has stood for so long, or "
                     "a recorded metric below a level, as ne_gap=1e-6")


def run(options: argparse.Namespace) -> int:
    """Run a rule on a named game."""
    from ..run.ensemble import ensemble
    from ..run.learn import learn
    from ..run.record import Record

    game = maker(options.game)(**chosen(options, "game"))
    rule = rules()[options.rule](**chosen(options, "rule"))
    writable(options)
    metrics = options.metrics or ("ne_gap,value" if game.exact else "policy")
    record = Record(every=options.every or max(1, options.steps // 1000),
                    metrics=tuple(filter(None, metrics.split(","))), trajectory=options.trajectory or False)
    many = {"policy": options.policy, "rng": options.seed, "record": record, "progress": on_terminal(),
            "checkpoint": options.checkpoint, "until": ending(options.until)}

    def go() -> Any:
        if options.runs is None:
            return learn(game, rule, options.steps, **many)
        return ensemble(game, rule, options.steps, options.runs, **many)

    return told(go, game, options)


def ending(given: str | None) -> Any:
    """What --until says."""
    from ..run.until import Below, Unchanged

    if given is None:
        return None
    what, _, value = given.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"--until must be unchanged=STAGES or METRIC=LEVEL, as ne_gap=1e-6, found {given!r}") from None
    if what != "unchanged":
        return Below(what, number)
    if not number.is_integer():
        raise ValueError(f"--until unchanged=STAGES takes a whole number, found {value}")
    return Unchanged(int(number))


def go_on(options: argparse.Namespace) -> int:
    """Go on from a checkpoint."""
    import warnings

    from ..run import checkpoint
    from ..run.resume import resume

    writable(options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # resume() says it again
        arrays, meta, _ = checkpoint.load(options.file)
        game = checkpoint.load_game(options.file, arrays, meta, None)
    return told(lambda: resume(options.file, options.steps, game=game, progress=on_terminal()), game, options)


def writable(options: argparse.Namespace) -> None:
    """Refuse an --out that cannot be written."""
    if options.out is not None and not str(options.out).endswith(".npz"):
        raise ValueError(f"--out must name a .npz file, found {options.out!r}")
    if options.out is not None and not os.path.isdir(os.path.dirname(options.out) or "."):
        raise ValueError(f"--out: there is no folder {os.path.dirname(options.out)!r}")


def told(go: Callable[[], Any], game: Any, options: argparse.Namespace) -> int:
    """Run, save and say how far from equilibrium the last policies are."""
    import time
    import warnings

    import numpy as np

    from ..metrics.ne_gap import ne_gap
    from ..run.checkpoint import CheckpointWarning
    from ..run.result import Diverged, Interrupted
    from ..run.signals import Signals

    began, status = time.perf_counter(), OK
    with Signals() as signals, signals.undivided():  # a run hears them itself; what it has made is saved
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", CheckpointWarning)
                warnings.showwarning = lambda message, *_, **__: print(f"fastmpg: {message}", file=sys.stderr)
                result = go()
        except (Interrupted, Diverged) as error:
            result, status = error.result, INTERRUPTED if isinstance(error, Interrupted) else MISSED
            print(f"fastmpg: {error}", file=sys.stderr)
        seconds = time.perf_counter() - began
        if options.out is not None:
            result.save(options.out)
    if not game.exact or status == INTERRUPTED or not np.isfinite(result.policy).all():
        gap = np.full((*result.policy.shape[:-2], game.num_players), np.nan)
    else:
        gap = ne_gap(game, result.policy)
    if options.tolerance is not None and not gap.max() <= options.tolerance and status == OK:
        status = MISSED
    if options.json:
        show_json(finite({"game": game.name, "rule": result.rule, "steps": result.steps, "status": result.status,
                          "message": result.message,
                          "ne_gap": gap, "max_ne_gap": gap.max(), "seconds": round(seconds, 4), "out": options.out}))
        return status
    print(f"{result.rule} on {game.name}: {result.message}, {seconds:.2f} s")
    if not game.exact or status == INTERRUPTED:
        print("no NE-gap")
    elif gap.ndim == 1:
        print(table([("player", "NE-gap"), *((str(i), f"{x:.6g}") for i, x in enumerate(gap))], (0, 1)))
    else:
        flat = gap.reshape(-1, gap.shape[-1])
        columns = zip(flat.min(axis=0), np.median(flat, axis=0), flat.max(axis=0), strict=True)
        print(table([("player", "NE-gap, least run", "median", "largest"),
                     *((str(i), *(f"{x:.6g}" for x in row)) for i, row in enumerate(columns))], (0, 1, 2, 3)))
    if options.tolerance is not None:
        print(f"largest NE-gap {gap.max():.6g}: {'within' if gap.max() <= options.tolerance else 'above'} "
              f"{options.tolerance:g}")
    if options.out is not None:
        print(options.out)
    return status
