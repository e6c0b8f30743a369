"""What inverse learning is given: features, what experts were seen to do, and the counts of features in it.

    Fhat_i = sum_t gamma^t E[F_i(s_t)], t = 0..T      or, of actions, sum_t gamma^t E[F_i(s_t, a_i,t)], t = 0..T - 1

E under an expert's policy, or the mean over trajectories. Both are linear in how often states and actions are met at t,
as is the log-likelihood of a policy: that is all that is kept.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..horizon.given import horizon_policy
from ..horizon.play import HorizonPlay
from ..models.markov.forward import forward, laws_of_horizon
from ..models.markov.game import MarkovGame
from ..policy import uniform_policy

Features = list[Float | None]
ALIKE = 1e-9  # relative: singular values below are rounding
SHARE = 1e-6  # of a direction of unit length: smaller entries of it are rounding


class Demonstrations(NamedTuple):
    """What is kept of the experts.

    counts (K,): Fhat of all players that are learned, one after the other   running (n, K), or None: the means of the
    first trajectories   visits (T, S, A_total), or None if only counts are known: how often an action is taken in a
    state at t, in a trajectory
    """

    horizon: int
    counts: Float
    running: Float | None
    visits: Float | None


def split_up(features: Features, flat: Float) -> tuple[Float | None, ...]:
    """(..., K) of all players that are learned -> (..., K_i) of each; None for the others."""
    parts: list[Float | None] = []
    low = 0
    for table in features:
        high = low + (0 if table is None else table.shape[-1])
        parts.append(None if table is None else flat[..., low:high])
        low = high
    return tuple(parts)


def joined(features: Features, given: Any, name: str) -> Float:
    """(K,) from a list of one (K_i,) a player, None where there are no features."""
    items = _check.sequence(given, name, "arrays, one per player")
    if len(items) != len(features):
        raise ValueError(f"{name} must hold one array, or None, for each of {len(features)} players, found "
                         f"{len(items)}")
    found = []
    for i, (table, item) in enumerate(zip(features, items, strict=True)):
        if (table is None) != (item is None):
            what = "None, as the player's reward is known" if table is None else "an array, as the player has features"
            raise ValueError(f"{name}[{i}] must be {what}, found {_check.shown(item)}")
        if table is not None:
            row = _check.array(item, f"{name}[{i}]")
            _check.shape(row, f"{name}[{i}]", table.shape[-1:], "(K,)")
            found.append(row)
    return np.concatenate(found)


def features_of(game: MarkovGame, given: Any) -> Features:
    """Checked features (S, K) or (S, A_i, K) of every player, None where its reward is known."""
    items = _check.sequence(given, "features", "arrays, one per player")
    if len(items) != game.num_players:
        raise ValueError(f"features must hold one array, or None, for each of {game.num_players} players, found "
                         f"{len(items)}")
    found: Features = []
    for i, item in enumerate(items):
        if item is None:
            found.append(None)
            continue
        table = _check.array(item, f"features[{i}]")
        if table.ndim not in (2, 3) or table.shape[-1] == 0:
            raise ValueError(f"features[{i}] must have shape (S, K) or (S, A_{i}, K) with K at least 1, found "
                             f"{table.shape}")
        middle = (game.num_actions[i],) if table.ndim == 3 else ()
        _check.shape(table, f"features[{i}]", (game.num_states, *middle, table.shape[-1]),
                     f"(S, A_{i}, K)" if middle else "(S, K)")
        if middle and game.available is not None:
            low = int(game.offset[i])
            table *= game.available[:, low:low + middle[0], None]
        found.append(table)
    if all(table is None for table in found):
        raise ValueError("features must hold an array for at least one player: None says that a reward is known")
    return found


def counted(game: MarkovGame, features: Features, laws: Float, visits: Float) -> Float:
    """Counts (K,) of all features, given how often states (T + 1, S) and actions (T, S, A_total) are met."""
    weights = game.discount ** np.arange(len(laws))
    met = weights @ laws
    made, found = None, []
    for i, table in enumerate(features):
        if table is None:
            continue
        if table.ndim == 2:
            found.append(met @ table)
        else:
            if made is None:
                made = np.tensordot(weights[:-1], visits, 1)
            low, own = int(game.offset[i]), table.shape[1]
            found.append(made[:, low:low + own].reshape(-1) @ table.reshape(-1, table.shape[2]))
    return np.concatenate(found)


def laws_of(game: MarkovGame, policy: Float, law: Float | None) -> Float:
    """The laws (T + 1, S) of the states that a checked policy (T, S, A_total) meets."""
    made = forward(game, policy, law)
    laws_of_horizon.bind(made)()
    return made.laws  # type: ignore[no-any-return]


def demonstrations(game: MarkovGame, features: Features, law: Float | None, policy: Any, trajectories: Any, counts: Any,
                   horizon: Any, online: bool) -> Demonstrations:
    """What is given of the experts, checked and counted."""
    given = {"policy": policy, "trajectories": trajectories, "counts": counts}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ValueError("give the experts' policy=, trajectories= or counts=, one of them, found "
                         f"{' and '.join(names) or 'none'}")
    if online and names != ["trajectories"]:
        raise ValueError(f"online=True needs trajectories, which come one by one, found {names[0]}")
    if counts is not None:
        if horizon is None:
            raise ValueError("counts need horizon=, the number of decisions that they are counted over")
        return Demonstrations(_check.integer(horizon, "horizon", low=1), joined(features, counts, "counts"), None, None)
    if policy is not None:
        checked = horizon_policy(game, policy)
        _agree(horizon, len(checked), "policy")
        laws = laws_of(game, checked, law)
        visits = checked * laws[:-1, :, None]
        return Demonstrations(len(checked), counted(game, features, laws, visits), None, visits)
    return _sampled(game, features, trajectories, horizon, online)


def _agree(horizon: Any, found: int, name: str) -> None:
    if found == 0:
        raise ValueError(f"{name} must have at least one decision, found none")
    if horizon is not None and _check.integer(horizon, "horizon", low=1) != found:
        raise ValueError(f"horizon must be that of {name}, {found}, or left out, found {horizon}")


def _whole(value: Any, name: str, ndim: int, meaning: str) -> NDArray[np.int64]:
    """An array of whole numbers."""
    table = _check.array(value, name)
    if table.ndim != ndim or table.size == 0:
        raise ValueError(f"{name} must have shape {meaning}, with at least one trajectory, found {table.shape}")
    if (table != np.rint(table)).any() or np.abs(table).max() > 2**53:
        raise ValueError(f"{name} must hold whole numbers, found {float(table[table != np.rint(table)][0])}"
                         if (table != np.rint(table)).any() else f"{name} must hold indices, found {table.max():g}")
    return table.astype(np.int64)


def _sampled(game: MarkovGame, features: Features, given: Any, horizon: Any, online: bool) -> Demonstrations:
    """Means over trajectories."""
    pair = (given.states, given.actions) if isinstance(given, HorizonPlay) else _check.sequence(
        given, "trajectories", "two arrays: states (n, T + 1) and actions (n, T, N)")
    if len(pair) != 2:
        raise ValueError("trajectories must be a HorizonPlay, or a pair of states (n, T + 1) and actions (n, T, N), "
                         f"found {len(pair)} items")
    states = _whole(pair[0], "states of trajectories", 2, "(n, T + 1)")
    actions = _whole(pair[1], "actions of trajectories", 3, "(n, T, N)")
    count, steps = len(states), states.shape[1] - 1
    if actions.shape != (count, steps, game.num_players):
        raise ValueError(f"actions of trajectories must have shape (n, T, N) = {(count, steps, game.num_players)}, "
                         f"found {actions.shape}")
    _agree(horizon, steps, "trajectories")
    _within(game, states, actions)
    columns, n_states = sum(game.num_actions), game.num_states
    _check.budget(8 * steps * n_states * columns, f"what was done at {steps} decisions in {game!r}",
                  "give counts of features instead")
    laws = np.array([np.bincount(each, minlength=n_states) for each in states.T]) / count
    visits = np.zeros((steps, n_states * columns))
    for t in range(steps):
        taken = (states[:, t, None] * columns + game.offset[:-1] + actions[:, t]).ravel()
        visits[t] = np.bincount(taken, minlength=n_states * columns) / count
    visits = visits.reshape(steps, n_states, columns)
    running = _running(game, features, states, actions) if online else None
    return Demonstrations(steps, counted(game, features, laws, visits), running, visits)


def _within(game: MarkovGame, states: NDArray[np.int64], actions: NDArray[np.int64]) -> None:
    """Refuse states and actions that the game does not have."""
    off = (states < 0) | (states >= game.num_states)
    if off.any():
        r, t = map(int, np.argwhere(off)[0])
        raise ValueError(f"states of trajectories must be in 0..{game.num_states - 1}, found {states[r, t]} at t = {t} "
                         f"of trajectory {r}")
    for i, own in enumerate(game.num_actions):
        one = actions[:, :, i]
        off = (one < 0) | (one >= own)
        if game.available is not None and not off.any():
            off = ~game.available[states[:, :-1], game.offset[i] + one]
        if off.any():
            r, t = map(int, np.argwhere(off)[0])
            raise ValueError(f"actions of player {i} must be ones that it has, found {one[r, t]} in state "
                             f"{states[r, t]} at t = {t} of trajectory {r}; it has {own} actions, see game.available")


def _running(game: MarkovGame, features: Features, states: NDArray[np.int64], actions: NDArray[np.int64]) -> Float:
    """Mean counts of all features after 1, 2, .. trajectories: (n, K)."""
    found = []
    for i, table in enumerate(features):
        if table is not None:
            one = np.zeros((len(states), table.shape[-1]))
            for t in range(states.shape[1] - (table.ndim - 2)):
                met = table[states[:, t]] if table.ndim == 2 else table[states[:, t], actions[:, t, i]]
                one += game.discount**t * met
            found.append(one)
    return np.cumsum(np.concatenate(found, axis=1), axis=0) / np.arange(1, len(states) + 1)[:, None]


def warn_of_dependence(game: MarkovGame, features: Features, law: Float | None, horizon: int) -> None:
    """A warning where some weights change nothing but one another: they cannot be told apart from what is seen.

    Features are compared as functions of what decisions are made in, and of the last state, as far as these can be met.
    A function of state and action is split into its mean over the player's actions in the state, and the rest: what is
    left of two players' features then has nothing in common.
    """
    laws = laws_of(game, np.stack([uniform_policy(game)] * horizon), law)
    met, last = laws[:-1].max(axis=0) > 0.0, laws[-1] > 0.0
    known = [(i, table) for i, table in enumerate(features) if table is not None]
    total = sum(table.shape[-1] for _, table in known)
    rows, low, owner = [np.zeros((met.sum() + last.sum(), total))], 0, np.zeros(total, np.int64)
    for i, table in known:
        high = low + table.shape[-1]
        owner[low:high] = i
        if table.ndim == 2:
            rows[0][:, low:high] = np.concatenate([table[met], table[last]])
        else:
            own = slice(int(game.offset[i]), int(game.offset[i + 1]))
            can = np.ones(table.shape[:2], bool) if game.available is None else game.available[:, own]
            mean = table.sum(axis=1) / can.sum(axis=1)[:, None]
            rows[0][:met.sum(), low:high] = mean[met]
            rest = np.zeros((met.sum() * table.shape[1], total))
            rest[:, low:high] = ((table - mean[:, None]) * can[:, :, None])[met].reshape(len(rest), -1)
            rows.append(rest)
        low = high
    matrix = np.concatenate(rows)
    size = np.abs(matrix).max(axis=0)
    matrix /= np.where(size > 0.0, size, 1.0)
    _, found, directions = np.linalg.svd(np.concatenate([matrix, np.zeros((total, total))]), full_matrices=False)
    null = directions[found <= ALIKE * max(1.0, float(found.max()))]
    if len(null):
        who = sorted({int(owner[k]) for k in np.flatnonzero(np.abs(null).max(axis=0) > SHARE)})
        names = "player " + str(who[0]) if len(who) == 1 else f"players {', '.join(map(str, who))}"
        warnings.warn(f"the features of {names} are linearly dependent: their weights cannot be told apart from what "
                      f"is seen ({len(null)} of {total} directions change nothing), though features will match; the "
                      "theta that is found depends on the one that is begun from", stacklevel=3)
