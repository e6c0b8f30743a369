"""``fastmpg plot``: pictures of saved results and of games."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from .names import add_parameters, chosen, game_name, maker, pick, rules, whole
from .output import OK, show_json

OF_RESULTS = ("trace", "heat", "simplex", "policy")
OF_GAMES = ("landscape", "phase", "graph", "visits")


def wanted(words: Sequence[str], flag: str) -> str | None:
    """What a flag says among the words, before they are parsed."""
    for at, word in enumerate(words):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag and at + 1 < len(words):
            return words[at + 1]
    return None


def add_flags(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """The flags of ``fastmpg plot``; those of a named game and a rule come from what the words name."""
    parser.add_argument("file", metavar="WHAT", help="a saved result or game (FILE.npz), a game's file (as .nfg), or "
                        "its name")
    parser.add_argument("--kind", choices=(*OF_RESULTS, *OF_GAMES),
                        help=f"of results {', '.join(OF_RESULTS)} (default: trace); of games {', '.join(OF_GAMES)} "
                        "(default: graph)")
    parser.add_argument("--metric", default="ne_gap", help="(default: %(default)s)")
    parser.add_argument("--by", metavar="NAME", help="of traces: whose values have colours; other parameters have "
                        "panels")
    parser.add_argument("--columns", metavar="NAME", help="of traces: a parameter with panels beside one another")
    parser.add_argument("--rows", metavar="NAME", help="of traces: a parameter with panels below one another")
    parser.add_argument("--x", metavar="NAME", help="of heat maps: the parameter to the right")
    parser.add_argument("--y", metavar="NAME", help="of heat maps: the parameter upwards")
    parser.add_argument("--players", metavar="I[,K]", help="of simplex, landscape, phase and graph: whose policies")
    parser.add_argument("--state", type=whole, default=0, metavar="S", help="(default: 0)")
    parser.add_argument("--rule", metavar="RULE", help="of phase portraits (default: replicator dynamics)")
    parser.add_argument("--result", metavar="FILE.npz", help="of games: whose last policy, or whose paths, are drawn")
    parser.add_argument("--shape", metavar="ROWS,COLUMNS", help="of visits: the grid that the states are on")
    parser.add_argument("--out", metavar="FILE", help=".png, .svg or .pdf (default: beside the file, or here)")
    parser.add_argument("--log", action="store_true", help="logarithmic vertical axis, or colours")
    given = words[1] if words[:1] == ["plot"] and len(words) > 1 else "-"
    if not (given.startswith("-") or _saved(given)):
        game = game_name(given)
        add_parameters(parser, {"game": (game, maker(game))})  # first: names that both have are the game's
    named = wanted(words, "--rule")
    if named is not None:
        rule = pick(named, rules(), "rule")
        add_parameters(parser, {"rule": (rule, rules()[rule])})


def _saved(word: str) -> bool:
    """Whether a word is a saved result or game, no name and no game's file of another format."""
    from ..io._formats import of_path

    return word.endswith(".npz") or (os.path.exists(word) and of_path(word) is None)


def _numbers(given: str | None, flag: str) -> Any:
    """Whole numbers with commas; one alone as a number."""
    if given is None:
        return None
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        raise ValueError(f"{flag} takes whole numbers with commas, found {given!r}") from None
    return found[0] if len(found) == 1 else found


def draw(options: argparse.Namespace) -> int:
    """Draw a saved result, or a game."""
    from .. import plot
    from .._check import storage
    from ..models.game import Game
    from ..run.result import Result

    source: Any
    file = options.file
    if _saved(file):
        from pathlib import Path

        source = Game.load(file) if storage.kind_of(Path(file)) == "saved game" else Result.load(file)
        stem = os.path.splitext(file)[0]
    else:
        name = game_name(file)
        source, stem = maker(name)(**chosen(options, "game")), os.path.splitext(name)[0]
    is_game = isinstance(source, Game)
    kind = options.kind or ("graph" if is_game else "trace")
    if (kind in OF_GAMES) != is_game:
        raise ValueError(f"--kind {kind} draws {'games' if kind in OF_GAMES else 'results'}, found {source!r}")
    sheet = _of_game(source, kind, options) if is_game else _of_result(source, kind, options)
    ending = options.metric if kind == "trace" else f"{kind}-{options.metric}" if kind == "heat" else kind
    out = options.out or f"{stem}-{ending}.png"
    plot.save(sheet, out)
    if options.json:
        show_json({"out": out, "kind": kind})
    else:
        print(out)
    return OK


def _of_result(result: Any, kind: str, options: argparse.Namespace) -> Any:
    from .. import plot
    from ..plot._names import titled, varied

    log = "y" if options.log else ""
    if kind == "trace":
        named = options.by or options.columns or options.rows
        if named or len(varied(result)) > 1:
            return plot.facets(result, options.metric, by=options.by, columns=options.columns, rows=options.rows,
                               log=log)
        sheet, axes = plot.figure(size=(6.4, 4.0), title=f"{titled(result)} on {result.game}")
        plot.trace(result, options.metric, axes[0, 0], log=log)
        return sheet
    if kind == "policy":
        return plot.policy(result, state=options.state)
    sheet, axes = plot.figure(size=(6.0, 4.6), title=f"{titled(result)} on {result.game}")
    if kind == "heat":
        plot.heat(result, options.metric, axes[0, 0], x=options.x, y=options.y, log=options.log)
    else:
        plot.simplex(result, ax=axes[0, 0], players=_numbers(options.players, "--players"), state=options.state)
    return sheet


def _of_game(game: Any, kind: str, options: argparse.Namespace) -> Any:
    from .. import plot
    from ..policy import uniform_policy
    from ..run.result import Result

    result = None if options.result is None else Result.load(options.result)
    table = uniform_policy(game) if result is None else result.policy
    players, (sheet, axes) = _numbers(options.players, "--players"), plot.figure(size=(6.0, 4.6))
    ax = axes[0, 0]
    if kind == "landscape":
        plot.landscape(game, ax, players=players, state=options.state, paths=() if result is None else result)
    elif kind == "phase":
        rule = None
        if options.rule is not None:
            rule = rules()[pick(options.rule, rules(), "rule")](**chosen(options, "rule"))
        plot.phase(game, rule, ax, players=players, state=options.state, paths=() if result is None else result)
    elif kind == "graph":
        plot.graph(table, game, ax, player=0 if players is None else players)
    else:
        plot.visits(table, game, ax, shape=_numbers(options.shape, "--shape"), player=0 if players is None else players)
    return sheet
