"""Tables of outcomes, as environments list them: ``P[state][action] = [(probability, next state, reward, done), ...]``.

An action is a number, or a tuple of one a player; a reward a number, or one a player.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from .. import _check
from .._check import Float
from ..models.game import Game
from ..models.markov.game import MarkovGame, dense_bytes

DENSE = 2**16  # entries up to which transitions are kept as a dense table


def title_of(env: Any, given: Any) -> str:
    """What an environment calls itself."""
    if given is not None:
        return _check.text(given, "name")
    metadata = getattr(env, "metadata", None)
    known = getattr(getattr(env, "spec", None), "id", None)
    known = known or (metadata.get("name") if isinstance(metadata, Mapping) else None)
    return known if isinstance(known, str) else type(env).__name__


def _items(table: Any, name: str) -> list[Any]:
    """The values of a list, or of a dict over 0, 1, ..., in order."""
    if isinstance(table, Mapping):
        wrong = [key for key in range(len(table)) if key not in table]
        if wrong:
            raise ValueError(f"{name} must have the keys 0 to {len(table) - 1}, found no {wrong[0]}")
        return [table[key] for key in range(len(table))]
    return _check.sequence(table, name, "tables")


def _joint(table: Any, players: int, name: str) -> tuple[dict[tuple[int, ...], Any], list[set[int]]]:
    """The outcomes of every joint action, and which actions every player has."""
    if players == 1:
        listed: dict[tuple[int, ...], Any] = {(a,): each for a, each in enumerate(_items(table, name))}
    else:
        if not isinstance(table, Mapping):
            raise TypeError(f"{name} must be a dict over joint actions, found {_check.shown(table)}")
        listed = {}
        for key, each in table.items():
            parts = _check.sequence(key, f"a joint action of {name}", "whole numbers")
            if len(parts) != players:
                raise ValueError(f"a joint action of {name} must have {players} parts, found {_check.shown(key)}")
            listed[tuple(_check.integer(a, f"a joint action of {name}", low=0) for a in parts)] = each
    if not listed:
        raise ValueError(f"{name} must have at least one action, found none")
    own = [{joint[i] for joint in listed} for i in range(players)]
    if math.prod(map(len, own)) != len(listed):
        raise ValueError(f"{name} must list every joint action of what the players can do there, "
                         f"{math.prod(map(len, own))} of them, found {len(listed)}")
    return listed, own


def from_outcomes(table: Any, players: int, discount: Any, initial: Any, name: str) -> MarkovGame:
    """The game of an environment's table ``P``.

    What is done ends: a state that is only ever reached so, and is no first one, becomes terminal; where it is not, the
    outcome leads to one terminal state more, the last.
    """
    gamma = _check.real(discount, "discount", 0.0, 1.0)
    states = [_joint(each, players, f"P[{s}]") for s, each in enumerate(_items(table, "P"))]
    if not states:
        raise ValueError("P must have at least one state, found none")
    count, actions = len(states), tuple(1 + max(max(own[i]) for _, own in states) for i in range(players))
    law, _ = _check.initial(initial, count)
    joint = math.prod(actions)
    _check.budget(8 * (count + 1) * joint * players, f"a game of {count} states and {joint} joint actions",
                  "its joint actions are too many")
    rewards, entries = np.zeros((players, count, *actions)), []
    reached = np.zeros((2, count), np.bool_)  # without and with done
    reached[0] = law > 0.0
    for s, (listed, _) in enumerate(states):
        for at, outcomes in listed.items():
            where = f"P[{s}][{at[0] if players == 1 else at}]"
            j, received = int(np.ravel_multi_index(at, actions)), []
            here: Any = (slice(None), s, *at)
            for outcome in _check.sequence(outcomes, where, "outcomes"):
                parts = _check.sequence(outcome, f"an outcome of {where}", "(probability, next state, reward, done)")
                if len(parts) != 4:
                    raise ValueError(f"an outcome of {where} must be (probability, next state, reward, done), found "
                                     f"{_check.shown(outcome)}")
                chance = _check.real(parts[0], f"a probability of {where}", 0.0, 1.0 + _check.TOLERANCE)
                after = _check.integer(parts[1], f"a next state of {where}", low=0, high=count - 1)
                paid: Float = _check.array(parts[2], f"a reward of {where}")
                if paid.shape != (players,) and paid.shape != ():
                    raise ValueError(f"a reward of {where} must be a number, or one a player, found shape "
                                     f"{paid.shape}")
                done = bool(_check.flag(parts[3], f"done of {where}"))
                if chance > 0.0:
                    received.append((chance, paid))
                    entries.append((s * joint + j, after, chance, done))
                    reached[int(done), after] = True
            if received:
                first = received[0][1]
                same = all(np.array_equal(first, paid) for _, paid in received)
                rewards[here] = first if same else sum(chance * paid for chance, paid in received)
    mixed, ended = reached[0] & reached[1], reached[1] & ~reached[0]
    more = bool(mixed.any())
    final = [*np.flatnonzero(ended).tolist(), *([count] if more else [])]
    total = count + more
    rows = np.array([at for at, *_ in entries], np.int64)
    columns = np.array([count if done and mixed[t] else t for _, t, _, done in entries], np.int64)
    moves: Any = sp.csr_array((np.array([p for _, _, p, _ in entries]), (rows, columns)), shape=(total * joint, total))
    moves.sum_duplicates()
    if more:
        rewards = np.concatenate([rewards, np.zeros((players, 1, *actions))], axis=1)
        law = np.append(law, 0.0)
    mask = None
    if any(len(own[i]) < n for _, own in states for i, n in enumerate(actions)):
        every: list[Any] = [*(own for _, own in states), *([[range(n) for n in actions]] if more else [])]
        mask = np.array([[a in own[i] for i, n in enumerate(actions) for a in range(n)] for own in every])
    if dense_bytes(total, actions, 0) <= 8 * DENSE:
        moves = moves.toarray().reshape(total, *actions, total)
    return MarkovGame(rewards, moves, gamma, law, available=mask, terminal=final or None, name=name)


def to_outcomes(game: Game) -> dict[int, dict[Any, list[tuple[float, int, Any, bool]]]]:
    """The table ``P`` of a game that has tables: mean rewards, done where a terminal state is reached."""
    form = game if isinstance(game, MarkovGame) else game.to_dense()
    if not isinstance(form, MarkovGame):
        raise TypeError(f"{game!r} lists no transitions")
    joint, one = math.prod(form.num_actions), form.num_players == 1
    rows = sp.csr_array(form.transitions if form.is_sparse else form.transitions.reshape(-1, form.num_states))
    rewards = np.broadcast_to(form.rewards, (form.num_players, *form.rewards.shape[1:]))
    final = np.zeros(form.num_states, np.bool_) if form.terminal is None else form.terminal
    table: dict[int, dict[Any, list[tuple[float, int, Any, bool]]]] = {}
    for s in range(form.num_states):
        mask = None if form.available is None else np.split(form.available[s], form.offset[1:-1])
        table[s] = {}
        for j, at in enumerate(np.ndindex(*form.num_actions)):
            if mask is not None and not all(mask[i][a] for i, a in enumerate(at)):
                continue
            paid = rewards[(slice(None), s, *at)]
            here = slice(rows.indptr[s * joint + j], rows.indptr[s * joint + j + 1])
            table[s][at[0] if one else at] = [
                (float(p), int(t), float(paid[0]) if one else paid.copy(), bool(final[t]))
                for t, p in zip(rows.indices[here].tolist(), rows.data[here].tolist(), strict=True)]
    return table
