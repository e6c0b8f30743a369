"""The Markov routing game of Maheshwari et al. (2022): links that become unsafe when many players take them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Float
from .._check.words import guided
from ..models.counts.game import CountGame
from ..models.counts.vectors import INSTEAD, count_vectors
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ..models.simulator import SimulatorGame

__all__ = ["routing"]

FORMS = ("dense", "count", "simulator")


def _one_of(value: Any, name: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, found {_check.shown(value)}")
    return value


def _per_link(value: ArrayLike | None, name: str, default: tuple[float, ...], n_links: int) -> Float:
    """One number a link: as given, one for all, or the defaults in turn."""
    if value is None:
        return np.resize(np.array(default), n_links)
    row = _check.array(value, name)
    if row.shape not in ((), (n_links,)):
        raise ValueError(f"{name} must be one number or one a link, ({n_links},), found shape {row.shape}")
    return np.broadcast_to(row, n_links)


def _multinomial(counts: Any, n_players: int, n_links: int) -> Float:
    """Probabilities of count vectors when every player picks a link uniformly, exactly rounded."""
    total = n_links**n_players
    ways = []
    for row in counts.tolist():
        left, number = n_players, 1
        for n in row:
            number, left = number * math.comb(left, n), left - n
        ways.append(number / total)
    return np.array(ways)


def _simulator(n_players: int, n_links: int, discount: float, payoff: Float, unsafe: Float, chance: Float, team: bool,
               recipe: dict[str, Any]) -> SimulatorGame:
    """The same game as compiled code."""
    n_states, cumulative = 2**n_links, np.cumsum(chance)

    def reset(uniforms):
        return int(uniforms[0] * n_states)

    def step(state, actions, uniforms, rewards):
        after, total = 0, 0.0
        for l in range(n_links):
            count = 0
            for a in actions:
                count += a == l
            if cumulative.size == 0:
                after = 2 * after + (uniforms[l] < unsafe[l, count])
            total += count * payoff[state, l, count]
            for i in range(actions.size):
                if actions[i] == l:
                    rewards[i] = payoff[state, l, count]
        if team:
            rewards[:] = total
        for t in range(cumulative.size - 1):
            after += uniforms[0] >= cumulative[t]
        return int(after)

    return SimulatorGame(reset, step, (n_links,) * n_players, n_states, discount, draws=n_links, name="routing",
                         recipe=recipe)


@guided
def routing(num_players: int = 4, num_links: int = 2, form: str = "dense", reward: str = "own",
            transitions: str = "counts", *, thresholds: ArrayLike | None = None, slopes: ArrayLike | None = None,
            intercepts: ArrayLike | None = None, discount: float = 0.5, lambda1: float = 0.8,
            lambda2: float = 0.2) -> Game:
    """Players choose links; a link costs more the more players take it, and twice the slope when unsafe.

    The state tells of every link whether it is safe (0) or unsafe (1), link 0 the slowest digit. A player on link l
    receives b_l - m_l (1 + s_l) n_l, with n_l players on it. A link is unsafe next with probability ``lambda1`` when at
    least T_l players are on it and ``lambda2`` otherwise, whatever it was, independently of the other links.

    Parameters
    ----------
    num_players, num_links : int
    form : "dense", "count" or "simulator"
        Tables over joint actions (:class:`fastmpg.MarkovGame`), laws of counts (:class:`fastmpg.CountGame`) for many
        players, or compiled code alone (:class:`fastmpg.SimulatorGame`), which is played but not evaluated.
    reward : "own" or "team"
        Every player its own, or all the sum over the players.
    transitions : "counts" or "averaged"
        As told, or averaged over uniform actions, so that nobody influences them.
    thresholds : array_like, optional
        T, one number or one a link; 2 by default, whatever the number of players.
    slopes, intercepts : array_like, optional
        m and b, one number or one a link; 2, 4, 2, 4, ... and 9, 16, 9, 16, ... by default.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    lambda1, lambda2 : float
        Probabilities of an unsafe link.

    Returns
    -------
    MarkovGame, CountGame or SimulatorGame

    Raises
    ------
    MemoryError
        If the tables would not fit, before anything is allocated.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.games.routing()
    <MarkovGame 'routing': 4 players, 4 states, actions (2, 2, 2, 2), discount 0.5, own rewards>
    >>> game = fm.games.routing(100, form="count")
    >>> fm.ne_gap(game, fm.uniform_policy(game))[:2].round(2)
    array([162.52, 162.52])

    Notes
    -----
    Maheshwari et al. (2022), with N = 4 or 8, L = 2 and T = 2. With own rewards and transitions by counts it is no
    Markov potential game; with ``reward="team"`` or ``transitions="averaged"`` it is.
    """
    n_players = _check.integer(num_players, "num_players", low=1)
    n_links = _check.integer(num_links, "num_links", low=1)
    if n_links > 62 or n_players > 2**31:
        raise MemoryError(f"a routing game of num_players = {n_players} on num_links = {n_links} fits no machine; "
                          "use fewer of both")
    _one_of(form, "form", FORMS)
    team = _one_of(reward, "reward", ("own", "team")) == "team"
    averaged = _one_of(transitions, "transitions", ("counts", "averaged")) == "averaged"
    bar = _per_link(thresholds, "thresholds", (2.0,), n_links)
    slope = _per_link(slopes, "slopes", (2.0, 4.0), n_links)
    height = _per_link(intercepts, "intercepts", (9.0, 16.0), n_links)
    danger, calm = _check.real(lambda1, "lambda1", 0.0, 1.0), _check.real(lambda2, "lambda2", 0.0, 1.0)
    n_states = 2**n_links
    vectors = math.comb(n_players + n_links - 1, n_links - 1)
    joint = _check.power(n_links, n_players) if form == "dense" else 0
    need = 8 * (2 * joint * n_states * (n_states + (1 if team else n_players)) + joint * (n_players + n_links))
    need += 8 * n_states * n_links * n_players + 8 * vectors * (n_links + 2 * n_states) * (averaged or team)
    instead = 'use form="count"' if form == "dense" else INSTEAD
    _check.budget(need, f"a routing game of {n_players} players on {n_links} links", instead)

    state = np.indices((2,) * n_links).reshape(n_links, -1).T  # (S, L)
    number = np.arange(n_players + 1)
    unsafe = np.where(number >= bar[:, None], danger, calm)  # (L, N + 1)
    local = np.stack([1 - unsafe, unsafe], axis=-1)
    payoff = height[:, None] - (slope * (1 + state))[:, :, None] * number  # (S, L, N + 1)
    if averaged or team:
        counts = count_vectors(n_players, n_links)
    if averaged:
        weight = _multinomial(counts, n_players, n_links)
        row = np.array([(weight * np.prod([local[l, counts[:, l], t[l]] for l in range(n_links)], axis=0)).sum()
                        for t in state])
        fixed = np.tile(row / row.sum(), (n_states, 1))

    if form == "simulator":
        chance = row / row.sum() if averaged else np.zeros(0)  # of every next state, when nobody influences it
        recipe = {"num_players": n_players, "num_links": n_links, "form": form, "reward": reward,
                  "transitions": transitions,
                  "thresholds": bar.tolist(), "slopes": slope.tolist(), "intercepts": height.tolist(),
                  "discount": discount,
                  "lambda1": danger, "lambda2": calm}
        return _simulator(n_players, n_links, discount, payoff, unsafe, chance, team, recipe)
    if form == "count":
        moves = fixed if averaged else np.broadcast_to(local[:, None], (n_links, 2, n_players + 1, 2))
        if not team:
            return CountGame(payoff, moves, discount, name="routing")
        total = sum(counts[:, l] * payoff[:, l, counts[:, l]] for l in range(n_links))
        return CountGame.identical_interest(total, moves, discount, num_players=n_players, num_actions=n_links,
                                            name="routing")

    actions = (n_links,) * n_players
    choice = np.indices(actions).reshape(n_players, -1)
    taken = np.stack([(choice == l).sum(axis=0) for l in range(n_links)])  # (L, J)
    if averaged:
        table = np.broadcast_to(fixed[:, None], (n_states, taken.shape[1], n_states))
    else:
        row = np.ones((taken.shape[1], n_states))
        for l in range(n_links):
            row *= local[l, taken[l]][:, state[:, l]]
        table = np.broadcast_to(row, (n_states, *row.shape))
    table = table.reshape(n_states, *actions, n_states)
    if team:
        total = sum(taken[l] * payoff[:, l, taken[l]] for l in range(n_links))
        return MarkovGame.identical_interest(total.reshape(n_states, *actions), table, discount, name="routing")
    own = np.stack([payoff[:, a, taken[a, np.arange(a.size)]] for a in choice])
    return MarkovGame(own.reshape(n_players, n_states, *actions), table, discount, name="routing")
