"""The grammar of sgamesolver's tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ._words import number_of


class TableCells(NamedTuple):
    """Cells, names of columns, what errors call every row, and the whole."""

    heads: Sequence[str]
    cells: Sequence[Sequence[Any]]
    where: Sequence[str]
    name: str


class StochasticTable(NamedTuple):
    """Arrays, one a state, discounts, and what everything is called; actions by state and player."""

    u: list[Float]
    phi: list[Float]
    delta: Float
    players: list[str]
    states: list[str]
    actions: list[list[list[str]]]


def _text(cell: Any) -> str:
    """A cell as a label: nothing where it is empty."""
    empty = cell is None or (isinstance(cell, float) and math.isnan(cell))
    return "" if empty else str(cell).strip()


def _number(cell: Any, where: str, head: str) -> float:
    """A cell as a finite number."""
    value = number_of(_text(cell))
    if value is None:
        raise ValueError(f"{where}: expected a number in the column {head!r}, found {_check.shown(cell)}")
    return value


def _after(text: str, states: dict[str, int], where: str) -> list[tuple[int, float]]:
    """The next states of a cell of "to_state"."""
    inside = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    parts, found = [each for each in inside.split(",") if each.strip()], []
    if len(parts) == 1 and (parts[0].strip() in states or ":" not in parts[0]):
        parts = [f"{parts[0]}:1"]
    for part in parts:
        label, _, chance = part.rpartition(":")
        state, value = label.strip().strip('"').strip(), number_of(chance.strip())
        if state not in states:
            raise ValueError(f"{where}: expected a state in the column 'to_state', found {_check.shown(state)}")
        if value is None:
            raise ValueError(f"{where}: expected STATE: PROBABILITY in the column 'to_state', found "
                             f"{_check.shown(part)}")
        found.append((states[state], value))
    return found


def _different(names: list[str], name: str, what: str) -> list[str]:
    """Names that must differ."""
    again = [each for k, each in enumerate(names) if each in names[:k]]
    if again:
        raise ValueError(f"{name}: expected different {what}, found {_check.shown(again[0])} twice")
    return names


def parse(rows: TableCells) -> StochasticTable:
    """A table's arrays.

    Raises
    ------
    ValueError
        What is wrong in which row or column.
    """
    heads, name = list(rows.heads), rows.name
    players = _different([head[2:] for head in heads if head.startswith("a_")], name, 'columns "a_PLAYER"')
    paying = [head[2:] for head in heads if head.startswith("u_")]
    if not players or sorted(players) != sorted(paying) or heads.count("state") != 1:
        raise ValueError(f'{name}: expected a column "state", and "a_PLAYER" and "u_PLAYER" for every player, found '
                         f"{_check.shown(heads)}")
    column = {head: k for k, head in enumerate(heads)}
    at_state, acting = column["state"], [column[f"a_{each}"] for each in players]
    paid = [column[f"u_{each}"] for each in players]
    labels = [_text(row[at_state]) for row in rows.cells]
    discounts = [k for k, label in enumerate(labels) if label == "delta"]
    if len(discounts) != 1:
        raise ValueError(f'{name}: expected one row with the state "delta", found {len(discounts)}')
    last = rows.cells[discounts[0]]
    delta = np.array([_number(last[k], rows.where[discounts[0]], heads[k]) for k in paid])
    play = [k for k in range(len(labels)) if k != discounts[0]]
    states = list(dict.fromkeys(labels[k] for k in play))
    if not states:
        raise ValueError(f"{name}: expected a row for every joint action, found none")
    number = {state: s for s, state in enumerate(states)}
    leading = [head for head in heads if head.startswith("phi_")]
    listed = "to_state" in column
    if listed == bool(leading):
        raise ValueError(f'{name}: expected either columns "phi_STATE" or one "to_state", found '
                         f"{'both' if listed else 'neither'}")
    if not listed and sorted(leading) != sorted(f"phi_{state}" for state in states):
        raise ValueError(f'{name}: expected one column "phi_STATE" for every state, {_check.shown(states)}, found '
                         f"{_check.shown(leading)}")
    by_state: list[list[int]] = [[] for _ in states]
    for k in play:
        by_state[number[labels[k]]].append(k)
    u, phi, actions = [], [], []
    for s, own in enumerate(by_state):
        chosen = {k: [_text(rows.cells[k][a]) for a in acting] for k in own}
        known = [list(dict.fromkeys(chosen[k][i] for k in own)) for i in range(len(players))]
        place = [{label: a for a, label in enumerate(each)} for each in known]
        sizes = tuple(map(len, known))
        seen: dict[tuple[int, ...], int] = {}
        for k in own:
            at = tuple(place[i][label] for i, label in enumerate(chosen[k]))
            if at in seen:
                raise ValueError(f"{rows.where[k]}: expected another joint action in state {_check.shown(states[s])}, "
                                 f"found {_check.shown(chosen[k])} again, as in {rows.where[seen[at]]}")
            seen[at] = k
        if len(seen) != math.prod(sizes):
            missing: Any = next(at for at in np.ndindex(*sizes) if at not in seen)
            without = [known[i][a] for i, a in enumerate(missing)]
            raise ValueError(f"{name}: expected a row for every joint action of state {_check.shown(states[s])}, found "
                             f"none for {_check.shown(without)}")
        _check.budget(8 * len(seen) * (len(states) + len(players)), f"{name}: a game of {len(states)} states",
                      "give fewer states")
        payoffs, moves = np.zeros((len(players), *sizes)), np.zeros((*sizes, len(states)))
        for at, k in seen.items():
            row, where = rows.cells[k], rows.where[k]
            every: Any = (slice(None), *at)
            payoffs[every] = [_number(row[c], where, heads[c]) for c in paid]
            if listed:
                for t, chance in _after(_text(row[column["to_state"]]), number, where):
                    moves[(*at, t)] += chance
            else:
                moves[at] = [_number(row[column[f"phi_{state}"]], where, f"phi_{state}") for state in states]
            if moves[at].min() < 0.0 or moves[at].sum() > 1.0 + _check.TOLERANCE:
                raise ValueError(f"{where}: expected probabilities that sum to at most 1, found "
                                 f"{_check.shown(moves[at].tolist())}")
        u.append(payoffs)
        phi.append(moves)
        actions.append(known)
    return StochasticTable(u, phi, delta, players, states, actions)


def named(game: Any, table: StochasticTable) -> Any:
    """The game with the table's names; of actions where every state calls them the same."""
    states = table.states
    if game.num_states > len(states):
        end = "end"
        while end in states:
            end += "_"
        states = [*states, end]
    longest = [max((own[i] for own in table.actions), key=len) for i in range(game.num_players)]
    same = all(own[i] == longest[i][:len(own[i])] for own in table.actions for i in range(game.num_players))
    return game.named(players=table.players, states=states, actions=longest if same else None)
