"""The command line: ``fastmpg COMMAND``.

Exit status: 0 all well, 2 bad input (one line on stderr), 3 not converged or a published number missed, 130 interrupted. What a
script wants goes to stdout, progress to stderr and only on a terminal.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

OK, BAD_INPUT, MISSED, INTERRUPTED, PIPE_CLOSED = 0, 2, 3, 130, 141


class Parser(argparse.ArgumentParser):
    """argparse whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(complain(message))


def complain(message: str) -> int:
    """Say on stderr what is wrong."""
    print(f"fastmpg: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


# ---------------------------------------------------------------------------------------- names and values
def plain(name: str) -> str:
    """A name without case, dashes and underscores."""
    return name.replace("-", "").replace("_", "").lower()


def pick(name: str, known: Iterable[str], what: str) -> str:
    """The known name that is meant.

    Raises
    ------
    ValueError
        If there is none, with the list and the closest one.
    """
    table = {plain(each): each for each in known}
    if plain(name) in table:
        return table[plain(name)]
    close = difflib.get_close_matches(plain(name), table, 1, 0.5)
    hint = f"did you mean {table[close[0]]}? Choose" if close else "choose"
    raise ValueError(f"there is no {what} {name!r}; {hint} from {', '.join(table.values())}")


def literal(text: str) -> Any:
    """A flag's value: whole number, number, yes or no, none, several of these with commas, or a word."""
    if "," in text:
        return tuple(literal(part) for part in text.split(",") if part.strip())
    word = text.strip()
    if word.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(word)
    return word


def whole(text: str) -> int:
    """A whole number, also as 1e6 or 1_000."""
    number = literal(text)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return number


def games() -> dict[str, Callable[..., Any]]:
    """The named games."""
    from . import games as room

    return {name: getattr(room, name) for name in room.__all__}


def rules() -> dict[str, Any]:
    """The learning rules."""
    from . import rules as room

    return {name: getattr(room, name) for name in room.__all__}


def parameters(thing: Any) -> dict[str, Any]:
    """Names and defaults of what a game function or a rule class takes; inspect.Parameter.empty where there is no default."""
    return {name: each.default for name, each in inspect.signature(thing).parameters.items()}


def signature(thing: Any) -> str:
    """The parameters for people: ``eta=0.1, lam=0.0``."""
    return ", ".join(name if default is inspect.Parameter.empty else f"{name}={default!r}" for name, default in parameters(thing).items())


def first_line(thing: Any) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def add_parameters(parser: argparse.ArgumentParser, things: Mapping[str, tuple[str, Any]]) -> None:
    """Flags for the parameters of each (kind -> name, thing); a name that is taken gets its kind in front, as --rule.tau."""
    taken = {option for action in parser._actions for option in action.option_strings}
    flags = {kind: {name: f"--{name.replace('_', '-')}" for name in parameters(thing)} for kind, (_, thing) in things.items()}
    often = [flag for each in flags.values() for flag in each.values()]
    for kind, (title, thing) in things.items():
        group = parser.add_argument_group(f"parameters of the {kind} {title}")
        for name, default in parameters(thing).items():
            flag = flags[kind][name]
            if flag in taken or often.count(flag) > 1:
                flag = f"--{kind}.{flag[2:]}"
            missing = default is inspect.Parameter.empty
            group.add_argument(flag, dest=f"{kind}.{name}", type=literal, required=missing, metavar="VALUE",
                               default=argparse.SUPPRESS, help="required" if missing else f"default {default!r}".replace("%", "%%"))


def chosen(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The parameters of this kind that were given."""
    return {name.partition(".")[2]: value for name, value in vars(options).items() if name.startswith(f"{kind}.")}


# ---------------------------------------------------------------------------------------------------- output
def on_terminal() -> bool:
    """Whether progress is shown."""
    return sys.stderr.isatty()


def show_json(value: Any) -> None:
    """Print what scripts read."""
    print(json.dumps(value, indent=1))


def finite(value: Any) -> Any:
    """Arrays and numpy numbers as JSON has them; what is not finite is null."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def table(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Columns of text, aligned; the first row is the head."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(widths[c]) if c in numbers else cell.ljust(widths[c]) for c, cell in enumerate(row)).rstrip()
             for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


# -------------------------------------------------------------------------------------------------- commands
def reproduce(options: argparse.Namespace) -> int:
    """Rerun published experiments."""
    from .experiments import catalogue

    wanted = [catalogue[pick(name, catalogue, "experiment")] for name in options.name] or list(catalogue.values())
    wanted = list(dict.fromkeys(wanted))
    from .experiments import _report

    terminal, count = on_terminal(), 0

    def started(experiment: Any) -> None:
        nonlocal count
        count += 1
        if terminal:
            print(f"[{count}/{len(wanted)}] {experiment.name} ...", end="", file=sys.stderr, flush=True)

    def ended(finished: Any) -> None:
        if terminal:
            print(f"\r\x1b[K[{count}/{len(wanted)}] {finished.experiment.name}: {finished.met} of {len(finished.outcome.checks)} met, "
                  f"{finished.seconds:.1f} s", file=sys.stderr)

    finished = _report.reproduce(wanted, options.out, started=started, ended=ended)
    missed = [(one, check) for one in finished for check in one.outcome.checks if not check.ok]
    if options.json:
        show_json(_report.as_json(finished))
    else:
        rows = [("experiment", "met", "of", "seconds")]
        rows += [(one.experiment.name, str(one.met), str(len(one.outcome.checks)), f"{one.seconds:.1f}") for one in finished]
        print(table(rows, (1, 2, 3)))
        for one, check in missed:
            print(f"missed: {one.experiment.name}: {check.name}: published {check.published:.10g}, ours {check.ours:.10g}, "
                  f"tolerance {check.tolerance:.2g}")
        print(os.path.join(options.out, "index.html") + ("" if _report.can_draw() else f"\n{_report.NO_PICTURES}"))
    return MISSED if missed else OK


def run(options: argparse.Namespace) -> int:
    """Run a rule on a named game."""
    from .run.ensemble import ensemble
    from .run.learn import learn
    from .run.record import Record

    game = games()[options.game](**chosen(options, "game"))
    rule = rules()[options.rule](**chosen(options, "rule"))
    writable(options)
    metrics = options.metrics or ("ne_gap,value" if game.exact else "policy")
    record = Record(every=options.every or max(1, options.steps // 1000), metrics=tuple(filter(None, metrics.split(","))),
                    trajectory=options.trajectory or False)
    many = {"policy": options.policy, "rng": options.seed, "record": record, "progress": on_terminal(), "checkpoint": options.checkpoint}

    def go() -> Any:
        if options.runs is None:
            return learn(game, rule, options.steps, **many)
        return ensemble(game, rule, options.steps, options.runs, **many)

    return told(go, game, options)


def go_on(options: argparse.Namespace) -> int:
    """Go on from a checkpoint."""
    import warnings

    from .run import checkpoint
    from .run.resume import resume

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

    from .metrics.ne_gap import ne_gap
    from .run.checkpoint import CheckpointWarning
    from .run.result import Diverged, Interrupted

    began, status = time.perf_counter(), OK
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
        show_json(finite({"game": game.name, "rule": result.rule, "steps": result.steps, "status": result.status, "message": result.message,
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
        print(f"largest NE-gap {gap.max():.6g}: {'within' if gap.max() <= options.tolerance else 'above'} {options.tolerance:g}")
    if options.out is not None:
        print(options.out)
    return status


def listing(options: argparse.Namespace) -> int:
    """List what there is."""
    def experiments() -> dict[str, tuple[str, str]]:
        from .experiments import catalogue

        return {name: (each.title, each.paper) for name, each in catalogue.items()}

    def metrics() -> dict[str, tuple[str, str]]:
        from .metrics.metric import known

        return {name: (each.label, "(" + ", ".join(("K", *each.axes)) + ("," if not each.axes else "") + ")")
                for name, each in known().items()}

    def things(found: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        return {name: (first_line(each), signature(each)) for name, each in found.items()}

    sources: dict[str, tuple[str, Callable[[], dict[str, tuple[str, str]]]]] = {
        "games": ("parameters", lambda: things(games())), "rules": ("parameters", lambda: things(rules())),
        "experiments": ("paper", experiments), "metrics": ("shape", metrics)}
    kinds = [options.kind] if options.kind else list(sources)
    if options.json:
        show_json({kind: {name: {"about": about, sources[kind][0]: more} for name, (about, more) in sources[kind][1]().items()}
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
    from . import _check, machine
    from .experiments import _report

    if not options.game:
        files = machine.cached_files()
        facts: dict[str, Any] = {"versions": _report.versions(), "threads": machine.threads(), "cache": str(machine.cache_folder()),
                                 "units": len(files), "unit_bytes": sum(path.stat().st_size for path in files)}
        if options.json:
            show_json(facts)
            return OK
        rows = [(name, version) for name, version in facts["versions"].items()]
        rows += [("threads", str(facts["threads"])), ("cache", facts["cache"]),
                 ("compiled kernels", f"{facts['kernels']}, {_check.gib(facts['kernel_bytes'])}"),
                 ("of all versions", f"{facts['kernels_of_all_versions']}, {_check.gib(facts['bytes_of_all_versions'])}")]
        print("\n".join(f"{name:18}{value}" for name, value in rows))
        return OK
    found = {}
    for name in options.game:
        make = games()[name]
        given = chosen(options, "game")
        missing = [each for each, default in parameters(make).items() if default is inspect.Parameter.empty and each not in given]
        if missing:
            raise ValueError(f"{name} needs {', '.join('--' + each.replace('_', '-') for each in missing)}: ask for it alone, with values")
        found[name] = make(**given)
    if options.json:
        show_json({name: finite({"repr": repr(game), "num_players": game.num_players, "num_states": game.num_states,
                                 "num_actions": game.num_actions, "discount": game.discount, "nbytes": game.nbytes,
                                 "workspace_bytes": game.workspace_bytes(),
                                 "payoff_range": game.payoff_range()})
                   for name, game in found.items()})
        return OK
    for i, game in enumerate(found.values()):
        low, high = game.payoff_range().T
        size, work = game.nbytes, game.workspace_bytes()
        print("\n" * (i > 0) + f"{game!r}\n  tables     {_check.gib(size)}\n  workspace  {_check.gib(work)}\n"
              f"  total      {_check.gib(size + work)}\n"
              f"  payoffs    from {low.min() + 0:.6g} to {high.max() + 0:.6g}")
    return OK


def draw(options: argparse.Namespace) -> int:
    """Draw a saved result."""
    from . import plot
    from .run.result import Result

    result = Result.load(options.file)
    out = options.out or os.path.splitext(options.file)[0] + f"-{options.metric}.png"
    sheet, axes = plot.figure(size=(6.4, 4.0), title=f"{result.rule} on {result.game}")
    plot.trace(result, options.metric, axes[0, 0], log="y" if options.log else "")
    plot.save(sheet, out)
    print(out)
    return OK


def cache(options: argparse.Namespace) -> int:
    """Delete compiled code."""
    from .machine import cache_root, clear_cache

    count = clear_cache()
    if options.json:
        show_json({"deleted": count})
    else:
        print(f"{count} compiled units deleted from {cache_root()}")
    return OK


# ---------------------------------------------------------------------------------------------------- parser
class Version(argparse.Action):
    """--version, which needs the package only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from . import __version__

        print(f"fastmpg {__version__}")
        parser.exit()


def endings(one: argparse.ArgumentParser) -> None:
    """What becomes of a run."""
    one.add_argument("--out", metavar="FILE.npz", help="save the result")
    one.add_argument("--tolerance", type=float, metavar="X", help="exit with 3 if a player's last NE-gap is larger")


def build(argv: Sequence[str]) -> Parser:
    """The parser; the flags of ``run`` and ``info`` come from the game and the rule that ``argv`` names."""
    about = "Compiled kernels for tabular Markov games: run learning rules, and rerun published experiments."
    parser = Parser(prog="fastmpg", description=about,
                    epilog="exit status: 0 all well, 2 bad input, 3 not converged or a published number missed, 130 interrupted",
                    allow_abbrev=False)
    parser.add_argument("--version", action=Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, action: Callable[[argparse.Namespace], int], about: str, **more: Any) -> Parser:
        one = commands.add_parser(name, help=about, description=about, allow_abbrev=False, **more)
        one.set_defaults(action=action)
        one.add_argument("--json", action="store_true", help="print JSON on stdout")
        return one

    one = command("reproduce", reproduce, "rerun published experiments and report them beside the published numbers")
    one.add_argument("name", nargs="*", metavar="NAME", help="experiments (`fastmpg list experiments`); all by default")
    one.add_argument("--out", default="reproduction", metavar="DIR",
                     help="folder for index.html, figures and results.json (default: %(default)s)")

    named = [word for word in argv[1:3] if not word.startswith("-")] if argv[:1] == ["run"] else []
    one = command("run", run, "run a learning rule on a named game",
                  epilog="`fastmpg run GAME RULE --help` shows the parameters of that game and that rule; `fastmpg list` all of them")
    one.add_argument("game", metavar="GAME")
    one.add_argument("rule", metavar="RULE")
    one.add_argument("--steps", type=whole, required=True, metavar="N", help="updates to make")
    one.add_argument("--every", type=whole, metavar="K", help="record every K steps (default: about 1000 times)")
    one.add_argument("--metrics", help="what to record, with commas (`fastmpg list metrics`; default: ne_gap,value, of simulators policy)")
    one.add_argument("--policy", choices=("uniform", "random"), default="uniform", help="where to start (default: %(default)s)")
    one.add_argument("--seed", type=whole, default=0, metavar="N", help="of random policies and sampled rules (default: 0)")
    one.add_argument("--runs", type=whole, metavar="R", help="make so many runs side by side")
    one.add_argument("--checkpoint", metavar="FILE", help="keep all that `fastmpg resume FILE` needs up to date in a file")
    one.add_argument("--trajectory", metavar="DIR", help="stream the states and actions of a sampled rule to a folder")
    endings(one)
    if len(named) == 2:
        game, rule = pick(named[0], games(), "game"), pick(named[1], rules(), "rule")
        add_parameters(one, {"game": (game, games()[game]), "rule": (rule, rules()[rule])})

    one = command("resume", go_on, "go on from a checkpoint, bit for bit as if the run had never stopped")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--steps", type=whole, metavar="N", help="updates in all, the past ones included (default: as the run was begun)")
    endings(one)

    one = command("list", listing, "list games, rules, experiments and metrics")
    one.add_argument("kind", nargs="?", choices=("games", "rules", "experiments", "metrics"))

    one = command("info", info, "show versions, threads and cache, or the sizes of named games")
    one.add_argument("game", nargs="*", metavar="GAME")
    if argv[:1] == ["info"] and len(argv) > 1 and not argv[1].startswith("-") and (len(argv) < 3 or argv[2].startswith("-")):
        game = pick(argv[1], games(), "game")
        add_parameters(one, {"game": (game, games()[game])})

    one = command("plot", draw, "draw a saved result")
    one.add_argument("file", metavar="FILE.npz")
    one.add_argument("--metric", default="ne_gap", help="(default: %(default)s)")
    one.add_argument("--out", metavar="FILE", help=".png, .svg or .pdf (default: beside the result)")
    one.add_argument("--log", action="store_true", help="logarithmic vertical axis")

    one = command("cache", cache, "manage the cache of compiled kernels")
    one.add_argument("what", choices=("clear",), help="clear: delete what every version compiled")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        The exit status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options = build(words).parse_args(words)
        if options.command == "run":
            options.game, options.rule = pick(options.game, games(), "game"), pick(options.rule, rules(), "rule")
        if options.command == "info":
            options.game = [pick(name, games(), "game") for name in options.game]
        status: int = options.action(options)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse's way out
        return stop.code if isinstance(stop.code, int) else OK
    except KeyboardInterrupt:
        print("\nfastmpg: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader went away: nothing is left to say, also at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as error:
        return complain(str(error) or type(error).__name__)
    return status


if __name__ == "__main__":
    sys.exit(main())
