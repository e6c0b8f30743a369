"""What notebooks show of games, evaluations and results: a small table and a line, as HTML that needs nothing else."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

WIDTH, HEIGHT, EDGE = 220, 44, 3
BLUE, GREY = "#0072B2", "#8a8a8a"
CELL = 'style="text-align:left;padding:1px 10px 1px 0"'


def escaped(value: Any, most: int = 400) -> str:
    """A value as text in HTML, cut where it is long."""
    text = str(value)
    return html.escape(text if len(text) <= most else f"{text[:most]}...")


def facts(title: str, rows: Iterable[tuple[str, Any]], picture: str = "") -> str:
    """A title, a table of what and its value, and a picture that is HTML already."""
    lines = "".join(f"<tr><th {CELL}>{escaped(what)}</th><td {CELL}>{escaped(value)}</td></tr>"
                    for what, value in rows)
    return (f'<div class="fastmpg"><strong>{escaped(title)}</strong><table style="font-size:90%">{lines}</table>'
            f"{picture}</div>")


def grid(head: Sequence[Any], rows: Iterable[Sequence[Any]], corner: str = "") -> str:
    """A table with names above and in front."""
    cell = 'style="padding:1px 10px;text-align:right"'
    top = "".join(f"<th {cell}>{escaped(word, 40)}</th>" for word in (corner, *head))
    body = "".join("<tr>" + f"<th {cell}>{escaped(first, 40)}</th>"
                   + "".join(f"<td {cell}>{escaped(word, 40)}</td>" for word in rest) + "</tr>"
                   for first, *rest in rows)
    return f'<table style="font-size:90%"><tr>{top}</tr>{body}</table>'


def _scaled(values: Sequence[float], log: bool) -> list[float | None]:
    """In [0, 1] from the least to the largest; None where there is no finite number, or none to take the logarithm of.
    """
    able = [math.isfinite(v) and (v > 0 or not log) for v in values]
    points = [(math.log10(v) if log else float(v)) if ok else None for v, ok in zip(values, able, strict=True)]
    known = [p for p in points if p is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [None if p is None else 0.5 for p in points]
    return [None if p is None else (p - low) / span for p in points]


def _svg(inner: str, about: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'role="img" aria-label="{escaped(about)}"><title>{escaped(about)}</title>{inner}</svg>')


def sparkline(values: Sequence[float], about: str, *, log: bool = False, most: int = 200) -> str:
    """A line through numbers, the last one marked; interrupted where they are not finite.

    ``most``: of more numbers than that, evenly spaced ones, the first and the last among them.
    """
    count = len(values)
    if count > most:
        values = [values[round(k * (count - 1) / (most - 1))] for k in range(most)]
    heights, last = _scaled(values, log), ""
    pieces: list[str] = []
    points: list[str] = []
    for k, height in enumerate([*heights, None]):
        if height is None:
            if points:
                path = " ".join(points) if len(points) > 1 else f"{points[0]} {points[0]}"
                pieces.append(f'<polyline fill="none" stroke="{BLUE}" stroke-width="1.5" points="{path}"/>')
            points = []
            continue
        x = EDGE + (WIDTH - 2 * EDGE) * (k / max(1, len(values) - 1))
        points.append(f"{x:.1f},{HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * height:.1f}")
        last = points[-1]
    if last:
        x_last, y_last = last.split(",")
        pieces.append(f'<circle cx="{x_last}" cy="{y_last}" r="2" fill="{BLUE}"/>')
    return _svg("".join(pieces), about)


def bars(values: Sequence[float], about: str, *, most: int = 100) -> str:
    """A bar a number, from 0 up; sums of neighbours where there are many."""
    size = -(-len(values) // most)
    joined = [sum(values[k:k + size]) for k in range(0, len(values), max(1, size))]
    top = max((v for v in joined if math.isfinite(v)), default=0.0)
    step = (WIDTH - 2 * EDGE) / max(1, len(joined))
    inner = []
    for k, v in enumerate(joined):
        tall = (HEIGHT - 2 * EDGE) * v / top if top > 0 and math.isfinite(v) and v > 0 else 0.0
        inner.append(f'<rect x="{EDGE + k * step:.1f}" y="{HEIGHT - EDGE - tall:.1f}" width="{0.8 * step:.1f}" '
                     f'height="{tall:.1f}" fill="{BLUE}"/>')
    base = f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{HEIGHT - EDGE}" y2="{HEIGHT - EDGE}" stroke="{GREY}"/>'
    return _svg("".join(inner) + base, about)


def _counts(game: Any) -> str:
    least, most = min(game.num_actions), max(game.num_actions)
    return f"{least} each" if least == most else f"{least} to {most}"


def _named(words: Sequence[str] | None, count: int, most: int = 12) -> str:
    """How many there are, and their names."""
    told = "" if words is None else ": " + ", ".join(words[:most]) + ", ..." * (count > most)
    return f"{count}{told}"


def _numbers(value: float) -> str:
    return f"{value:.4g}"


def of_game(game: Any) -> str:
    """A game for notebooks; of two players with few actions in one state, their payoffs."""
    names = game.names
    players, states, actions = (None, None, None) if names is None else names
    told = _counts(game)
    if actions is not None and len(set(actions)) == 1:
        told = _named(actions[0], len(actions[0]))
    rows = [("kind", type(game).__name__), ("players", _named(players, game.num_players)),
            ("states" if game.exact else "observations", _named(states, game.num_states)), ("actions", told),
            ("discount", f"{game.discount:g}"), ("rewards", "one for all" if game.shares_reward else "own")]
    if game.exact:
        low, high = game.payoff_range().T
        rows.append(("payoffs", f"{_numbers(low.min())} to {_numbers(high.max())}"))
    if game.available is not None:
        rows.append(("available", f"{int(game.available.sum())} of {game.available.size} actions"))
    if game.terminal is not None:
        rows.append(("terminal", f"{int(game.terminal.sum())} states"))
    rows.append(("tables", f"{game.nbytes} bytes"))
    return facts(game.name, rows, _bimatrix(game))


def _bimatrix(game: Any) -> str:
    """The payoffs of two players with up to six actions each."""
    if not (hasattr(game, "payoffs") and game.num_states == 1 and game.num_players == 2 and max(game.num_actions) <= 6
            and game.available is None and getattr(game.payoffs, "ndim", 0) == 3):
        return ""
    names = game.names
    lists = [list(range(n)) for n in game.num_actions] if names is None or names.actions is None else names.actions
    table = game.payoffs
    if table.shape[1:] != game.num_actions:
        return ""
    rows = [(lists[0][a], *(", ".join(_numbers(float(x)) for x in table[:, a, b]) for b in range(game.num_actions[1])))
            for a in range(game.num_actions[0])]
    corner = "" if names is None or names.players is None else f"{names.players[0]} \\ {names.players[1]}"
    return grid(lists[1], rows, corner)


def of_occupancy(game: Any) -> str:
    """An occupancy game for notebooks."""
    low, high = game.payoff_range().T
    rows = [("kind", type(game).__name__), ("players", _named(game.players, game.num_players)),
            ("states of one player", game.num_states), ("actions", _counts(game)),
            ("rewards", f"{_numbers(low.min())} to {_numbers(high.max())}"), ("tables", f"{game.nbytes} bytes")]
    return facts(game.name, rows)
