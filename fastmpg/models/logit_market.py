"""Prices under logit demand: the one-shot equilibrium and the cartel's prices, of Calvano et al. (2020), section II.

    q_i = exp((a_i - p_i) / mu) / (sum_j exp((a_j - p_j) / mu) + exp(a_0 / mu))          profit_i = (p_i - c_i) q_i

Bertrand-Nash: dprofit_i / dp_i = 0 for all i, that is 1 = (p_i - c_i) (1 - q_i) / mu.    Monopoly: the sum of profits
is largest, that is 1 = (p_i - c_i) / mu - sum_j (p_j - c_j) q_j / mu. Where a_0 is random, expectations of both sides
times q_i are equal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Float
from .._same import comparable

MOST = 1e-9  # of a first-order condition, where q_i is of order 1
FAR = 100.0  # of costs and qualities, in units of mu: beyond it one firm has all customers, up to rounding


@comparable
class LogitMarket(NamedTuple):
    """What :func:`logit_market` finds.

    Attributes
    ----------
    prices : ndarray (N, m)
        Those that a firm chooses from.
    profits : ndarray (K, N, m, ..., m)
        Of every firm, at every value of a_0, at all prices.
    chances : ndarray (K,)
        Of these values.
    nash_price, nash_profit, monopoly_price, monopoly_profit : ndarray (N,)
    last_share : ndarray (K, m, ..., m)
        Of the customers, the last firm's.
    """

    prices: Float
    profits: Float
    chances: Float
    nash_price: Float
    nash_profit: Float
    monopoly_price: Float
    monopoly_profit: Float
    last_share: Float

    @property
    def mean_profits(self) -> Float:
        """(N, m, ..., m): expected over a_0."""
        return np.tensordot(self.chances, self.profits, 1)

    def without_last(self) -> Float:
        """(N, m, ..., m): the expected profits when the last firm is out of the market, its own 0."""
        left = self.profits / (1.0 - self.last_share[:, None])  # what others sell keeps its proportions
        left[:, -1] = 0.0
        return np.tensordot(self.chances, left, 1)

    def profit_gain(self, profit: ArrayLike) -> Float:
        """(mean profit - mean profit^N) / (mean profit^M - mean profit^N), Calvano et al. (2020), (9): 0 under
        competition, 1 for a cartel, means over firms.

        Parameters
        ----------
        profit : array_like (..., N)
            Such as ``fm.metrics.cycle(...).profit``.
        """
        found = _check.array(profit, "profit")
        if found.ndim == 0 or found.shape[-1] != self.nash_profit.size:
            raise ValueError(f"profit must have shape (..., {self.nash_profit.size}), found {found.shape}")
        low, high = self.nash_profit.mean(), self.monopoly_profit.mean()
        return (found.mean(axis=-1) - low) / (high - low)  # type: ignore[no-any-return]


def _per_firm(given: ArrayLike, name: str, count: int) -> Float:
    row = _check.array(given, name)
    if row.shape not in ((), (count,)):
        raise ValueError(f"{name} must be one number or one a firm, ({count},), found shape {row.shape}")
    return np.array(np.broadcast_to(row, (count,)))


def _near(value: Float, name: str, mu: float) -> Float:
    """Refuse what lies too far from 0."""
    if not np.abs(value).max() <= FAR * mu:
        raise ValueError(f"{name} must lie within {FAR:g} mu = {FAR * mu:g} of 0, found "
                         f"{float(np.abs(value).max()):g}; measure money in other units, or from another origin")
    return value


def _shares(price: Float, quality: Float, outside: Float, mu: float) -> Float:
    """q (K, N) at prices (N,)."""
    height = (quality - price) / mu
    top = max(float(height.max()), float((outside / mu).max()))
    weight = np.exp(height - top)
    return weight / (weight.sum() + np.exp(outside / mu - top))[:, None]  # type: ignore[no-any-return]


def _solved(conditions: Any, start: Float, what: str) -> Float:
    from scipy.optimize import root

    found = root(conditions, start, tol=1e-14)
    if not np.abs(conditions(found.x)).max() < MOST:
        raise ValueError(f"no {what} prices were found for these cost, quality, outside and mu, from {start.tolist()}: "
                         "firms may differ too much in units of mu")
    return np.asarray(found.x)


def logit_market(num_firms: int = 2, num_prices: int = 15, *, cost: ArrayLike = 1.0, quality: ArrayLike = 2.0,
                 outside: ArrayLike = 0.0, chances: ArrayLike | None = None, mu: float = 0.25,
                 xi: float = 0.1) -> LogitMarket:
    """Equilibrium, cartel, and a grid of prices around both.

    Parameters
    ----------
    num_firms, num_prices : int
    cost, quality : float or array_like (N,)
        c_i and a_i.
    outside : float or array_like (K,)
        a_0, or the values between which it is drawn in every stage: stochastic demand.
    chances : array_like (K,), optional
        Their probabilities; alike by default.
    mu : float
        Above 0: how differentiated the products are.
    xi : float
        Firm i's prices lie evenly from p^N_i - xi (p^M_i - p^N_i) to p^M_i + xi (p^M_i - p^N_i).

    Returns
    -------
    LogitMarket

    Raises
    ------
    ValueError
        If an argument does not fit.
    MemoryError
        If the table of profits would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> market = fm.theory.logit_market()
    >>> market.nash_price.round(5), market.monopoly_price.round(5)
    (array([1.47293, 1.47293]), array([1.92498, 1.92498]))
    >>> market.nash_profit.round(5), market.monopoly_profit.round(5)
    (array([0.22293, 0.22293]), array([0.33749, 0.33749]))
    """
    n, m = _check.integer(num_firms, "num_firms", low=1), _check.integer(num_prices, "num_prices", low=2)
    scale, margin = _check.real(mu, "mu", 0.0, open_low=True), _check.real(xi, "xi", 0.0)
    own, worth = (_near(_per_firm(each, name, n), name, scale) for each, name in ((cost, "cost"), (quality, "quality")))
    drawn = np.atleast_1d(_check.array(outside, "outside"))
    if drawn.ndim != 1 or drawn.size == 0:
        raise ValueError(f"outside must be one number, or a list of them, found shape {drawn.shape}")
    _near(drawn, "outside", scale)
    law = np.full(drawn.size, 1.0 / drawn.size) if chances is None else _check.distribution(chances, "chances",
                                                                                           drawn.size)[0]
    _check.budget(16 * drawn.size * n * _check.power(m, n), f"the profits of {n} firms at {m} prices each",
                  "fewer firms or prices would fit")

    def nash(price: Float) -> Float:
        q = _shares(price, worth, drawn, scale)
        slope = q * (1.0 - (price - own) * (1.0 - q) / scale)
        return law @ slope / (law @ q)  # type: ignore[no-any-return]

    def cartel(price: Float) -> Float:
        q = _shares(price, worth, drawn, scale)
        slope = q * (1.0 - (price - own) / scale + (q @ (price - own) / scale)[:, None])
        return law @ slope / (law @ q)  # type: ignore[no-any-return]

    competitive = _solved(nash, own + 2.0 * scale, "Bertrand-Nash")
    joint = _solved(cartel, competitive + scale, "monopoly")
    grid = np.linspace(competitive - margin * (joint - competitive), joint + margin * (joint - competitive), m, axis=1)
    each = np.stack(np.meshgrid(*grid, indexing="ij")).reshape(n, -1)
    height = (worth[:, None] - each) / scale
    top = np.maximum(height.max(axis=0), drawn.max() / scale)
    weight = np.exp(height - top)
    profits = np.stack([(each - own[:, None]) * weight / (weight.sum(axis=0) + np.exp(a / scale - top)) for a in drawn])
    at = [law @ _shares(price, worth, drawn, scale) * (price - own) for price in (competitive, joint)]
    last = np.stack([weight[-1] / (weight.sum(axis=0) + np.exp(a / scale - top)) for a in drawn])
    return LogitMarket(grid, profits.reshape(drawn.size, n, *[m] * n), law, competitive, at[0], joint, at[1],
                       last.reshape(drawn.size, *[m] * n))
