"""An occupancy game as plain arrays, and back to what its constructor takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ... import _check
from ..files import numbers

NEEDED = ("graph", "graph_actions", "pointer", "index", "probability", "reward", "reward_at", "reward_width", "starts",
          "mu")


def tables_of(game: Any) -> dict[str, NDArray[Any]]:
    """Graphs one after the other, rewards as the model has them, and the rest as it was given."""
    m, graphs = game.model, game._graphs
    found = {"graph": np.array(game._graph, np.int64), "graph_actions": np.array([g.actions for g in graphs]),
             "pointer": np.concatenate([g.pointer for g in graphs]), "index": m.index, "probability": m.probability,
             "reward": m.reward, "reward_at": m.reward_at, "reward_width": m.reward_width, "starts": game.starts,
             "mu": game.mu}
    if m.final is not m.reward:
        found |= {"final": m.final, "final_at": m.final_at}
    found |= {name: table for name, table in (("goals", game.goals), ("layout", game.layout)) if table is not None}
    return found | {name: np.array(words) for name, words in (("ground", game.ground), ("players", game.players))
                    if words is not None}


def _pieces(flat: Any, at: Any, widths: Any, states: int, name: str) -> list[Any]:
    """Every player's table out of a flat one; players who share one have the same object."""
    found: dict[tuple[int, int], Any] = {}
    for first, width in zip(at.tolist(), widths.tolist(), strict=True):
        last = first + states * width
        if not 0 <= first < last <= flat.size:
            raise ValueError(f"{name} must hold {states * width} numbers from {first} on, found {flat.size} in all")
        if (first, width) not in found:
            piece = flat[first:last]
            found[first, width] = piece if width == 1 else piece.reshape(states, width)
    return [found[key] for key in zip(at.tolist(), widths.tolist(), strict=True)]


def arguments_in(tables: Any) -> dict[str, Any]:
    """What :class:`.game.OccupancyGame` takes, of :func:`tables_of`, which may come from anybody.

    Raises
    ------
    ValueError
        If the arrays do not fit one another.
    """
    _check.entries(tables, "tables", NEEDED)
    whose, actions = (numbers(tables[name], f"{name} in tables") for name in ("graph", "graph_actions"))
    pointer, index = tables["pointer"], tables["index"]
    if whose.ndim != 1 or actions.ndim != 1 or not whose.size or not actions.size or (actions < 1).any():
        raise ValueError(f"tables must hold the graphs of players, found shapes {whose.shape} and {actions.shape}")
    if not 0 <= int(whose.min()) <= int(whose.max()) < actions.size:
        raise ValueError(f"tables must hold {int(whose.max()) + 1} graphs, found {actions.size}")
    total = int(actions.sum())
    if np.ndim(pointer) != 1 or (pointer.size - actions.size) % total:
        raise ValueError(f"tables must hold pointers of {actions.size} graphs, found shape {np.shape(pointer)}")
    states = (pointer.size - actions.size) // total
    graphs, row, edge = [], 0, 0
    for count in actions.tolist():
        own = pointer[row:row + states * count + 1]
        last = edge + int(own[-1])
        part = own, index[edge:last], tables["probability"][edge:last]
        _check.compressed_rows(*part, states * count, states, "tables")
        graphs.append(sp.csr_array((part[2], part[1], own), shape=(states * count, states)))
        row, edge = row + own.size, last
    widths = [numbers(tables[name], f"{name} in tables") for name in ("reward_at", "reward_width")]
    if any(each.shape != whose.shape for each in widths):
        raise ValueError(f"tables must hold the rewards of {whose.size} players, found shapes {widths[0].shape} and "
                         f"{widths[1].shape}")
    rewards = _pieces(tables["reward"], widths[0], widths[1], states, "reward in tables")
    found: dict[str, Any] = {"transitions": [graphs[g] for g in whose], "rewards": rewards,
                             "starts": list(tables["starts"]), "mu": tables["mu"]}
    if "final" in tables:
        places = numbers(tables["final_at"], "final_at in tables")
        found["final"] = _pieces(tables["final"], places, np.ones_like(widths[1]), states, "final in tables")
    found |= {name: tables[name] for name in ("goals", "layout") if name in tables}
    return found | {name: [str(word) for word in numbers(tables[name], f"{name} in tables", "U")]
                    for name in ("ground", "players") if name in tables}
