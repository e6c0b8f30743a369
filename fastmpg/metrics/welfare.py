"""The sum of the players' values, the best one that any policy reaches, and what equilibria lose of it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game, check_discounted
from ..policy import check_policies
from ._joint import joint_tables, together
from .evaluation import evaluate

__all__ = ["best_welfare", "price_of_anarchy", "welfare"]


class BestWelfare(NamedTuple):
    """The most that players get together.

    Attributes
    ----------
    welfare : float
        From the initial law.
    policy : ndarray (S, A_total)
        A pure profile that reaches it from every state.
    """

    welfare: float
    policy: Float


class PriceOfAnarchy(NamedTuple):
    """Welfare of equilibria beside the best.

    Attributes
    ----------
    best : float
        The most that players get together, in equilibrium or not.
    equilibria : ndarray (K,)
        Welfare of every equilibrium.
    best_equilibrium, worst_equilibrium : int
        Which of them it is highest and lowest at.
    anarchy, stability : float
        ``best`` over the lowest and over the highest welfare of an equilibrium; of negative welfare, as of costs, the
        inverse, so that both are at least 1. NaN where welfare has not the same sign everywhere: ratios then mean
        nothing, differences do.
    """

    best: float
    equilibria: Float
    best_equilibrium: int
    worst_equilibrium: int
    anarchy: float
    stability: float

    def __repr__(self) -> str:
        return (f"<PriceOfAnarchy: {len(self.equilibria)} equilibria, welfare {self.equilibria.min():.6g} to "
                f"{self.equilibria.max():.6g} of {self.best:.6g}, anarchy {self.anarchy:.6g}, stability "
                f"{self.stability:.6g}>")


def welfare(game: Game, policy: Any) -> Any:
    """sum_i V_i(rho; pi).

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    float, of a stack ndarray (...)

    Examples
    --------
    >>> import fastmpg as fm
    >>> prisoners = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> fm.metrics.welfare(prisoners, [[0, 1, 0, 1]])
    2.0
    """
    total = evaluate(game, policy).value.sum(axis=-2) @ game.initial
    return float(total) if np.ndim(total) == 0 else total


def best_welfare(game: Game) -> BestWelfare:
    """The highest sum of values of any policy, correlated ones included, by policy iteration over joint actions.

    Parameters
    ----------
    game : Game
        Whose tables over joint actions can be written down, with a discount below 1.

    Examples
    --------
    >>> import fastmpg as fm
    >>> prisoners = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> fm.metrics.best_welfare(prisoners)
    BestWelfare(welfare=6.0, policy=array([[1., 0., 1., 0.]]))
    """
    tables = joint_tables(game, "the best welfare", 2)
    check_discounted(game)
    policy, value = together(game, tables, tables.rewards.sum(axis=0))
    return BestWelfare(float(value @ game.initial), policy)


def price_of_anarchy(game: Game, policies: Any) -> PriceOfAnarchy:
    """Welfare of listed equilibria: best and worst, prices of anarchy and of stability among them.

    Parameters
    ----------
    game : Game
        Whose tables over joint actions can be written down, with a discount below 1.
    policies : array_like (K, S, A_total)
        Such as ``fm.solvers.pure_equilibria(game).policy``. That they are equilibria is not checked.

    Returns
    -------
    PriceOfAnarchy

    Examples
    --------
    >>> import fastmpg as fm
    >>> prisoners = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> fm.metrics.price_of_anarchy(prisoners, fm.solvers.pure_equilibria(prisoners).policy)
    <PriceOfAnarchy: 1 equilibria, welfare 2 to 2 of 6, anarchy 3, stability 3>

    Notes
    -----
    Koutsoupias & Papadimitriou (1999); of stability Anshelevich et al. (2008). Of pure equilibria where pure ones are
    listed: mixed ones may be worse.
    """
    top = best_welfare(game)
    stack = check_policies(game, policies, "policies")
    if stack.ndim == 2:
        stack = stack[None]
    if stack.ndim != 3 or len(stack) == 0:
        raise ValueError("policies must be a stack (K, S, A_total) of at least one equilibrium, found "
                         f"{_check.shown(stack.shape)}")
    best, each = top.welfare, np.atleast_1d(welfare(game, stack))
    high, low = int(each.argmax()), int(each.argmin())
    return PriceOfAnarchy(best, each, high, low, _ratio(best, float(each[low])), _ratio(best, float(each[high])))


def _ratio(best: float, found: float) -> float:
    if found > 0.0:
        return best / found
    return found / best if best < 0.0 else math.nan
