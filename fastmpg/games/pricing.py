"""Firms that set prices: the repeated game of Calvano et al. (2020), in which algorithms learn to collude."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from .. import _check
from .._check import Float
from .._check.words import guided
from ..machine import attach, inlined
from ..machine.flat import poke
from ..machine.vectors import gather
from ..models.game import Game
from ..models.logit_market import LogitMarket, logit_market
from ..models.markov.game import MarkovGame
from ..models.markov.sampler import FEW
from ..models.sampler import row_is_state
from ..models.simulator import MOST_ROWS, SimulatorGame

__all__ = ["pricing"]

FORMS = ("tables", "simulator")
SMALL = 2**20  # rows of transitions up to which the game is built from tables


@inlined
def _begin(sampler, uniforms, at):
    """Any state."""
    return min(np.int64(uniforms[at] * sampler.states), sampler.states - 1)


@inlined
def _step(sampler, state, actions, rewards, uniforms, at):
    """Forget the oldest prices, remember these.    gains (K J N,): profits at the K values of a_0"""
    j = gather(actions, 0)
    for i in range(1, len(sampler.players) if len(sampler.players) > 0 else sampler.num_players):
        j = j * sampler.num_prices + gather(actions, i)
    row = j
    if sampler.until.size > 1:
        for d in range(sampler.until.size - 1):
            row += sampler.joint if uniforms[at] >= sampler.until[d] else 0
    for i in range(len(sampler.players) if len(sampler.players) > 0 else sampler.num_players):
        poke(rewards, i, gather(sampler.gains, row * sampler.num_players + i))
    return j if sampler.states == sampler.joint else state % (sampler.states // sampler.joint) * sampler.joint + j


@attach(begin=_begin, step=_step, row=row_is_state)
class NoisyMarketSampler(NamedTuple):
    """gains (K J N,)   until (K,): cumulative chances   joint: J   states: J^memory

    players: a tuple as long as there are firms, where these are few, or empty
    """

    gains: Any
    until: Any
    joint: int
    states: int
    num_players: int
    num_prices: int
    players: Any


@attach(step_draws=0)
class MarketSampler(NoisyMarketSampler):
    """The same under one demand: a stage draws nothing."""


class _Market(SimulatorGame):
    """The game without tables of transitions."""

    def __init__(self, market: LogitMarket, memory: int, discount: float, recipe: dict[str, Any]) -> None:
        n, m = market.prices.shape
        joint = m**n
        gains = np.ascontiguousarray(np.moveaxis(market.profits.reshape(-1, n, joint), 1, 2)).reshape(-1)
        states = joint**memory
        plain = MarketSampler(gains, np.cumsum(market.chances), joint, states, n, m, ())

        def reset(uniforms):
            return int(uniforms[0] * states)

        def step(state, actions, uniforms, rewards):
            return int(_plain(plain, state, actions, uniforms, rewards))

        object.__setattr__(self, "_plain_sampler", plain)
        super().__init__(reset, step, (m,) * n, states, discount, name="pricing", recipe=recipe)

    def build_sampler(self) -> Any:
        s = self._plain_sampler  # type: ignore[attr-defined]
        kind: Any = MarketSampler if s.until.size == 1 else NoisyMarketSampler
        players = (0,) * s.num_players if s.num_players <= FEW else ()
        return kind(*s._replace(players=players))

    def check(self) -> None:
        """Nothing can go wrong in a step."""

    def _mean_profits(self) -> Float:
        """(J, N): expected over a_0."""
        s = self._plain_sampler  # type: ignore[attr-defined]
        weight = np.diff(s.until, prepend=0.0)
        return np.tensordot(weight, s.gains.reshape(weight.size, s.joint, -1), 1)  # type: ignore[no-any-return]

    def payoff_range(self) -> Float:
        """Smallest and largest profit of every firm: (N, 2)."""
        s = self._plain_sampler  # type: ignore[attr-defined]
        each = s.gains.reshape(-1, s.num_players)
        return np.stack([each.min(axis=0), each.max(axis=0)], axis=1)  # type: ignore[no-any-return]

    def rewards_against_uniform(self) -> Float:
        """(S, A_total): expected profit of every price, the others' drawn evenly; the same in all states."""
        table = self._mean_profits().reshape(*self.num_actions, -1)
        others = [tuple(k for k in range(self.num_players) if k != i) for i in range(self.num_players)]
        row = np.concatenate([table[..., i].mean(axis=rest) for i, rest in enumerate(others)])
        return np.broadcast_to(row, (self.num_states, row.size))

    def _move(self, state: int, actions: Any) -> tuple[int, Float]:
        """The next state, and the expected rewards (N,)."""
        s = self._plain_sampler  # type: ignore[attr-defined]
        j = int(np.ravel_multi_index(tuple(actions), self.num_actions))
        return state % (s.states // s.joint) * s.joint + j, self._mean_profits()[j]


def _plain(s: MarketSampler, state: int, actions: Any, uniforms: Any, rewards: Any) -> int:
    """A step in Python."""
    j = 0
    for a in actions:
        j = j * s.num_prices + int(a)
    row = j + s.joint * int(np.searchsorted(s.until[:-1], uniforms[0], side="right"))
    rewards[:] = s.gains[row * s.num_players:(row + 1) * s.num_players]
    return int(state) % (s.states // s.joint) * s.joint + j


@guided
def pricing(num_firms: int = 2, num_prices: int = 15, memory: int = 1, form: str | None = None, *,
            cost: ArrayLike = 1.0, quality: ArrayLike = 2.0, outside: ArrayLike = 0.0, chances: ArrayLike | None = None,
            mu: float = 0.25, xi: float = 0.1, discount: float = 0.95, entry: float | None = None,
            exit: float = 0.0) -> Game:
    """Firms set prices stage after stage, under logit demand, and remember all prices of the last stages.

    A state is the joint prices of the last ``memory`` stages, those of the last one fastest, in it firm 0 slowest; the
    first state is drawn evenly. A firm's action is the index of its price, among ``num_prices`` between a little below
    the one-shot equilibrium's and a little above the cartel's: see :func:`fastmpg.theory.logit_market`, which has these
    prices and profits, and takes the same arguments.

    Parameters
    ----------
    num_firms, num_prices : int
    memory : int
        Stages that are remembered, at least 1: num_prices^(num_firms memory) states.
    form : "tables" or "simulator", optional
        A sparse :class:`fastmpg.MarkovGame`, whose values and best responses are exact, or one that is only played,
        without a table of transitions. By default tables where there are no more than 2^20 moves, of one demand.
    cost, quality : float or array_like (N,)
        c_i and a_i; firms may differ.
    outside : float or array_like (K,)
        a_0, or the values between which it is drawn in every stage, unseen: stochastic demand. Tables hold expected
        profits.
    chances : array_like (K,), optional
        Their probabilities; alike by default.
    mu, xi : float
    discount : float
        In [0, 1].
    entry, exit : float, optional
        The last firm is an outsider: after a stage out of the market it enters with probability ``entry`` > 0, after
        one in it it leaves with probability ``exit``, which everybody sees. States num_prices^(num_firms memory) on are
        those with it in the market; where it is out it has its lowest price alone, nobody buys from it, and that is the
        price that is remembered. Tables only. By default all firms stay.

    Returns
    -------
    MarkovGame or SimulatorGame

    Raises
    ------
    MemoryError
        If there are more states than learners' tables may have rows, or the tables would not fit, with the sizes.

    Notes
    -----
    Calvano, Calzolari, Denicolo and Pastorello (2020), whose baseline are the defaults.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.pricing()
    >>> game
    <MarkovGame 'pricing': 2 players, 225 states, actions (15, 15), discount 0.95, own rewards>
    >>> rule = fm.rules.IndependentQLearning(0.15, ("exponential", 1e-4), "uniform_opponents")
    >>> record = fm.Record(every=10**7, metrics=("policy",))
    >>> result = fm.learn(game, rule, 10**7, rng=0, record=record, until=fm.Unchanged(stages=10_000))
    >>> found = fm.metrics.cycle(game, result.policy, 0)
    >>> bool(fm.theory.logit_market().profit_gain(found.profit) > 0.5)      # well above competition
    True
    """
    n, m = _check.integer(num_firms, "num_firms", low=1), _check.integer(num_prices, "num_prices", low=2)
    k = _check.integer(memory, "memory", low=1)
    if not (form is None or (isinstance(form, str) and form in FORMS)):
        raise ValueError(f"form must be one of {', '.join(map(repr, FORMS))}, found {_check.shown(form)}")
    gamma = _check.discount(discount)
    states, joint = _check.power(m, n * k), _check.power(m, n)
    if states > MOST_ROWS:
        raise MemoryError(f"pricing with {n} firms, {m} prices and memory {k} has {_check.shown(states)} states, and "
                          f"learners' tables at most {MOST_ROWS} rows: choose fewer firms or prices, or a shorter "
                          "memory")
    market = logit_market(n, m, cost=cost, quality=quality, outside=outside, chances=chances, mu=mu, xi=xi)
    comes = _check.real(1.0 if entry is None else entry, "entry", 0.0, 1.0, open_low=True)
    leaves = _check.real(exit, "exit", 0.0, 1.0)
    if entry is not None or leaves != 0.0:
        if n < 2 or form == "simulator":
            raise ValueError("entry and exit are of the last of at least two firms, in tables, found "
                             f"{n} firms and form {form!r}")
        return _with_outsider(market, k, gamma, comes, leaves)
    if form is None:
        form = "tables" if states * joint <= SMALL and market.chances.size == 1 else "simulator"
    if form == "simulator":
        recipe = {"num_firms": n, "num_prices": m, "memory": k, "form": form,
                  "cost": np.asarray(cost, float).tolist(), "quality": np.asarray(quality, float).tolist(),
                  "outside": np.asarray(outside, float).tolist(),
                  "chances": None if chances is None else market.chances.tolist(), "mu": float(mu), "xi": float(xi),
                  "discount": gamma}
        return _Market(market, k, gamma, recipe)
    rows = states * joint
    _check.budget(rows * (28 + 16 * n), f"a pricing game of {states} states and {joint} joint prices",
                  'use form="simulator", which has no tables of transitions')
    after = (np.arange(states)[:, None] % (states // joint) * joint + np.arange(joint)).reshape(-1)
    moves = sp.csr_array((np.ones(rows), after, np.arange(rows + 1)), shape=(rows, states))
    profits = market.mean_profits[:, None]
    return MarkovGame(np.broadcast_to(profits, (n, states, *[m] * n)), moves, gamma, name="pricing")


def _with_outsider(market: LogitMarket, memory: int, discount: float, entry: float, exit: float) -> Game:
    """The game in which the last firm comes and goes: states of prices with it out of the market, then with it in."""
    n, m = market.prices.shape
    joint = m**n
    before = joint**memory
    rows = 2 * before * joint
    _check.budget(rows * (48 + 16 * n), f"a pricing game of {2 * before} states and {joint} joint prices",
                  "choose fewer firms or prices, or a shorter memory")
    after = (np.arange(before)[:, None] % (before // joint) * joint + np.arange(joint)).reshape(-1)
    both = np.stack([after, after + before], axis=1)
    chances = np.repeat([[1.0 - entry, entry], [exit, 1.0 - exit]], before * joint, axis=0)
    moves = sp.csr_array((chances.reshape(-1), np.concatenate([both, both]).reshape(-1), 2 * np.arange(rows + 1)),
                         shape=(rows, 2 * before))
    moves.eliminate_zeros()
    profits = np.stack([market.without_last(), market.mean_profits], axis=1)
    available = np.ones((2 * before, n * m), bool)
    available[:before, (n - 1) * m + 1:] = False
    rewards = np.repeat(profits, before, axis=1)
    return MarkovGame(rewards, moves, discount, available=available, name="pricing")
