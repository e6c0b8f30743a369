"""What functions of a horizon are given: policies and how they are played, terminal payoffs, first states."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.available import possible
from ..models.game import Game, check_game
from ..models.markov.game import MarkovGame
from ..models.normal_form import NormalFormGame
from ..policy import check_policies, random_policy
from .stages import run, stages, values_of_stages

TIES = 1e-9  # relative: probabilities that miss the largest by no more are as large to greedy play
ALIKE = 1e-12  # relative: by which expectations of one number differ through rounding


def horizon_policy(game: Game, policy: Any, play: str = "mixed", ties: str = "split") -> Float:
    """A checked copy of a policy (T, S, A_total), or of a list of T policies, as it is played.

    Raises
    ------
    ValueError, TypeError
        What is wrong, for which player, in which state at which t.
    """
    check_game(game)
    for value, name, known in ((play, "play", ("mixed", "greedy")), (ties, "ties", ("split", "first"))):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f'{name} must be "{known[0]}" or "{known[1]}", found {_check.shown(value)}')
    one = game.num_states, sum(game.num_actions)
    if isinstance(policy, list | tuple) and policy and all(_check.shape_of(p, "policy") == one for p in policy):
        policy = np.stack([_check.read(p, "policy") for p in policy])
    found = check_policies(game, policy)
    if found.ndim != 3:
        raise ValueError(f"policy must have a stage for every decision, (T, S, A_total) = (T, {one[0]}, "
                         f"{one[1]}), found shape {found.shape}; the same policy at every t is "
                         "numpy.stack([policy] * T)")
    return found if play == "mixed" else greedy(game, found, ties)


def greedy(game: Game, policy: Float, ties: str) -> Float:
    """The most likely actions of policies (..., S, A_total): even shares of all that tie, or the first of them."""
    out = np.zeros_like(policy)
    for low, high in zip(game.offset[:-1], game.offset[1:], strict=True):
        own = policy[..., low:high]
        best = own >= own.max(axis=-1, keepdims=True) * (1.0 - TIES)
        if ties == "first":
            best &= np.cumsum(best, axis=-1) == 1
        out[..., low:high] = best / best.sum(axis=-1, keepdims=True)
    return out


def state_rewards(game: Game) -> Float | None:
    """R_i(s) (N, S) if no action that can be taken changes any player's reward, else None."""
    shape = game.num_players, game.num_states
    if isinstance(game, MarkovGame | NormalFormGame):
        table = game.rewards
        if game.available is None:
            flat = table.reshape(*table.shape[:2], -1)
            low, high = flat.min(axis=2), flat.max(axis=2)
        else:
            axes, can = tuple(range(2, table.ndim)), possible(game.available, game.num_actions)
            low = table.min(axis=axes, where=can, initial=np.inf)
            high = table.max(axis=axes, where=can, initial=-np.inf)
        return np.broadcast_to(low, shape).copy() if (low == high).all() else None
    found, draw = [], np.random.default_rng(0)
    for _ in range(2):  # an expectation that is the same whatever is done, at two policies of no particular kind
        made = stages(game, random_policy(game, draw)[None], np.zeros(shape))
        run(game, values_of_stages.bind(made))
        parts = np.split(made.work.reward, game.offset[1:-1], axis=1)
        found += [np.array([part.max(axis=1) for part in parts]),
                  np.array([np.where(np.isfinite(part), part, np.inf).min(axis=1) for part in parts])]
    spread = np.max(found, axis=0) - np.min(found, axis=0)
    return found[0] if (spread <= ALIKE * np.abs(game.payoff_range()).max()).all() else None


def terminal_payoff(game: Game, terminal: Any) -> Float:
    """V^T (N, S): as given, a number for all, or by default R where rewards depend on the state alone, and else 0.

    Raises
    ------
    ValueError, TypeError
        If it has another shape or holds anything but finite numbers.
    """
    shape = game.num_players, game.num_states
    if terminal is None:
        found = state_rewards(game)
        return np.zeros(shape) if found is None else found
    table = _check.array(terminal, "terminal")
    if table.ndim == 0:
        return np.full(shape, float(table))
    _check.shape(table, "terminal", shape, "(num_players, num_states)")
    return table


def first_law(game: Game, initial: Any) -> Float | None:
    """The law (S,) of the first state: as given, of one state, or None for the game's own.

    Raises
    ------
    ValueError, TypeError
        If it is no law on the game's states.
    """
    if initial is None:
        return None
    if not game.exact:
        raise ValueError(f"initial must be None for {game.name!r}, found {_check.shown(initial)}: a simulator's first "
                         "state is what its reset says")
    if _check.is_int(initial):
        state = _check.integer(initial, "initial", low=0, high=game.num_states - 1)
        return (np.arange(game.num_states) == state).astype(np.float64)
    return _check.initial(initial, game.num_states)[0]
