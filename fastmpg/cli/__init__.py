"""The command line: ``fastmpg COMMAND``.

Exit status: 0 all well, 2 bad input (one line on stderr), 3 not converged or a published number missed, 130
interrupted. What a script wants goes to stdout, progress to stderr and only on a terminal.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..run.signals import Signals
from . import cache, listing, reproduce, run, sweep
from . import plot as plotting
from . import solve as solving
from .names import add_parameters, game_name, maker, pick, rules, whole
from .output import INTERRUPTED, OK, PIPE_CLOSED, complain


class Parser(argparse.ArgumentParser):
    """argparse whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(complain(message))


class Version(argparse.Action):
    """--version, which needs the package only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from .. import __version__

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
                    epilog="exit status: 0 all well, 2 bad input, 3 not converged or a published number missed, 130 "
                    "interrupted", allow_abbrev=False)
    parser.add_argument("--version", action=Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    def command(name: str, action: Callable[[argparse.Namespace], int], about: str, among: Any = commands,
                **more: Any) -> Parser:
        one = among.add_parser(name, help=about, description=about, allow_abbrev=False, **more)
        one.set_defaults(action=action)
        one.add_argument("--json", action="store_true", help="print JSON on stdout")
        return one

    one = command("reproduce", reproduce.reproduce,
                  "rerun published experiments and report them beside the published numbers")
    one.add_argument("name", nargs="*", metavar="NAME", help="experiments (`fastmpg list experiments`); all by default")
    one.add_argument("--out", default="reproduction", metavar="DIR",
                     help="folder for index.html, figures and results.json (default: %(default)s)")
    one.add_argument("--jobs", type=whole, default=min(2, os.cpu_count() or 1), metavar="N",
                     help="experiments to run side by side (default: %(default)s)")

    named = [word for word in argv[1:3] if not word.startswith("-")] if argv[:1] == ["run"] else []
    one = command("run", run.run, "run a learning rule on a named game, or on one in a file",
                  epilog="`fastmpg run GAME RULE --help` shows the parameters of that game and that rule; `fastmpg "
                  "list` all of them")
    one.add_argument("game", metavar="GAME")
    one.add_argument("rule", metavar="RULE")
    run.about_runs(one)
    one.add_argument("--checkpoint", metavar="FILE",
                     help="keep all that `fastmpg resume FILE` needs up to date in a file")
    one.add_argument("--trajectory", metavar="DIR", help="stream the states and actions of a sampled rule to a folder")
    endings(one)
    if len(named) == 2:
        game, rule = game_name(named[0]), pick(named[1], rules(), "rule")
        add_parameters(one, {"game": (game, maker(game)), "rule": (rule, rules()[rule])})

    sweep.arguments(command, argv)

    one = command("solve", solving.solve, "solve a game of a name or a file: its pure equilibria, or by another method",
                  epilog="`fastmpg solve GAME --method NAME --help` shows the parameters of that game and that method")
    one.add_argument("game", metavar="GAME")
    one.add_argument("--method", default=solving.FIRST, metavar="NAME",
                     help="one of fastmpg.solvers (default: %(default)s)")
    if argv[:1] == ["solve"] and [word.startswith("-") for word in argv[1:2]] == [False]:
        game, method = game_name(argv[1]), solving.method_of(argv[2:])
        add_parameters(one, {"game": (game, maker(game))})  # first: names that both have are the game's
        add_parameters(one, {"method": (method, solving.flags(solving.solvers()[method]))})

    one = command("resume", run.go_on, "go on from a checkpoint, bit for bit as if the run had never stopped")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--steps", type=whole, metavar="N",
                     help="updates in all, the past ones included (default: as the run was begun)")
    endings(one)

    one = command("list", listing.listing, "list games, rules, experiments and metrics")
    one.add_argument("kind", nargs="?", choices=("games", "rules", "experiments", "metrics"))

    one = command("info", listing.info, "show versions, threads and cache, or the sizes of named games")
    one.add_argument("game", nargs="*", metavar="GAME")
    one.add_argument("--potential", action="store_true",
                     help="whether it is a Markov potential game: its defect and, of small games, an interval of alpha")
    is_word = [not each.startswith("-") for each in argv[1:3]]
    if argv[:1] == ["info"] and is_word[:1] == [True] and is_word[1:] != [True]:
        game = game_name(argv[1])
        add_parameters(one, {"game": (game, maker(game))})

    one = command("plot", plotting.draw, "draw a saved result, or a game")
    plotting.add_flags(one, argv if argv[:1] == ["plot"] else ())

    room = commands.add_parser("cache", help="fill or clear the cache of compiled code",
                               allow_abbrev=False).add_subparsers(
                                   dest="what", metavar="WHAT", required=True, parser_class=Parser)
    one = command("fill", cache.fill, "compile ahead of time what games and rules need", room)
    one.add_argument("game", nargs="*", metavar="GAME", help="games; one of every model by default")
    one.add_argument("--rules", nargs="+", metavar="RULE", help="rules; by default all that fit")
    one.add_argument("--jobs", type=whole, metavar="N", help="processes (default: one a processor)")
    command("clear", cache.clear, "delete what every version compiled", room)
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
    atexit.register(gc.freeze)  # else Python looks through all that the compiler made, for a third of a second
    try:
        with Signals():
            return _answer(words)
    except KeyboardInterrupt:
        print("\nfastmpg: interrupted", file=sys.stderr)
        return INTERRUPTED


def _answer(words: list[str]) -> int:
    """Do what is asked."""
    try:
        options = build(words).parse_args(words)
        if options.command in ("run", "sweep"):
            options.game, options.rule = game_name(options.game), pick(options.rule, rules(), "rule")
        if options.command == "solve":
            options.game = game_name(options.game)
        if options.command == "info":
            options.game = [game_name(name) for name in options.game]
        status: int = options.action(options)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse's way out
        return stop.code if isinstance(stop.code, int) else OK
    except BrokenPipeError:  # the reader went away: nothing is left to say, also at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as error:
        return complain(str(error) or type(error).__name__)
    return status
