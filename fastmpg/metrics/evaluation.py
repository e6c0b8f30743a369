"""Exact evaluation of one policy: what :mod:`..feedback.oracle` computes, with the advantage and a certified error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._check import Float, real
from .._check.words import guided
from .._same import comparable
from ..feedback.bench import ask
from ..feedback.desk import evaluate_desk, visits_of_desk
from ..kernels.simplex import entropy, weighed
from ..machine import Bound, kernel, unit
from ..models import html
from ..models.game import Game
from ._discounts import at_discount, discounts_of
from ._interval import Interval, around
from .rounding import error_bound, larger, largest, magnitudes, policy_excess, rounding


@kernel
def certify(m, q_bar, policy, offset, value, tau, sums, adv):
    """Advantages, and the bound on the largest error of ``value``: its residual and what rounding may hide of it.

    q_bar, policy, adv (S, A_total)   value (N, S)   sums (2,): filled, see :func:`.rounding.policy_excess`
    """
    bound, pure = 0.0, policy_excess(policy, offset, sums)
    for i in range(value.shape[0]):
        residual, actions = 0.0, m.actions[i]
        for s in range(value.shape[1]):
            mean = 0.0
            for c in range(offset[i], offset[i + 1]):
                mean += weighed(policy[s, c], q_bar[s, c])
            for c in range(offset[i], offset[i + 1]):
                adv[s, c] = q_bar[s, c] - mean
            if tau > 0.0:
                mean += tau * entropy(policy[s, offset[i]:offset[i + 1]])
            residual = larger(residual, abs(mean - value[i, s]))
        rounded = rounding(m, i, sums, pure, 0 if pure else actions, largest(value[i]), tau, actions, actions + 8)
        bound = max(bound, error_bound(m, i, sums, residual, rounded))
    return bound


class CertifyFrame(NamedTuple):
    """A desk, its game's :class:`.rounding.Magnitudes`, room for sums (2,), and where all of ``found`` goes."""

    desk: Any
    magnitudes: Any
    sums: Any
    value: Any
    q_bar: Any
    advantage: Any
    visit: Any
    bound: Any


@unit
def certify_desk(frame):
    """What the desk has found, with advantages and the certified bound.

    found: the desk's tables, advantage (S, A_total), bound (1,)
    """
    desk = frame.desk
    frame.bound[0] = certify(frame.magnitudes, desk.q_bar, desk.policy, desk.offset, desk.value, desk.temperature[0],
                             frame.sums, frame.advantage)
    for s in range(desk.visit.size):
        frame.visit[s] = desk.visit[s]
        for i in range(desk.value.shape[0]):
            frame.value[i, s] = desk.value[i, s]
        for c in range(desk.q_bar.shape[1]):
            frame.q_bar[s, c] = desk.q_bar[s, c]


@comparable
class Evaluation(NamedTuple):
    """What :func:`evaluate` finds.

    Attributes
    ----------
    value : ndarray (N, S)
        Of a stack of policies (..., N, S), and so on for the others.
    q_bar, adv_bar : ndarray (S, A_total)
        Marginalised Q and advantage Qbar_i - V_i (with entropy: minus the value's own mean of Qbar); -inf at actions
        that the player does not have in the state.
    visit : ndarray (S,), with a discount a player (N, S)
        Discounted visitation; sums to 1.
    error_bound : float, of a stack ndarray (...)
        Certified bound on the largest error of ``value``: its Bellman residual and what rounding may hide of it,
        divided by 1 - gamma times the largest sum of a row as it is stored (see fastmpg/metrics/rounding.py). It holds
        for the game and the policy exactly as given, for discounts up to 1 - 1e-15 and values up to 1e300; infinite
        where nothing can be said.
    """

    value: Float
    q_bar: Float
    adv_bar: Float
    visit: Float
    error_bound: Any

    @property
    def interval(self) -> Interval:
        """Of the values (..., N, S): what ``error_bound`` leaves."""
        return around(self.value, np.asarray(self.error_bound)[..., None, None], "their Bellman residual and rounding")

    def _repr_html_(self) -> str:
        """For notebooks: a small table, and how often states are visited."""
        return _page(self)

    def __repr__(self) -> str:
        *lead, players, states = self.value.shape
        many = f"{' x '.join(map(str, lead))} policies, " if lead else ""
        if self.value.size == 0:
            return f"<Evaluation: {many}{players} players, {states} states>"
        return (f"<Evaluation: {many}{players} players, {states} states, values in [{self.value.min():.6g}, "
                f"{self.value.max():.6g}], error at most {np.max(self.error_bound):.1e}>")


def _page(found: Evaluation) -> str:
    *lead, players, states = found.value.shape
    rows = [("policies", " x ".join(map(str, lead)) or 1), ("players", players), ("states", states)]
    if not found.value.size:
        return html.facts("Evaluation", rows)
    for i in range(min(players, 12)):
        own = found.value[..., i, :]
        span = f"{own.min():.4g}" if own.min() == own.max() else f"{own.min():.4g} to {own.max():.4g}"
        rows.append((f"value of player {i}", span))
    rows.append(("error at most", f"{np.max(found.error_bound):.1e}"))
    line = found.visit.reshape(-1, states).mean(axis=0).tolist()
    return html.facts("Evaluation", rows, html.bars(line, "discounted visitation, by state") if states > 1 else "")


@guided
def evaluate(game: Game, policy: Any, *, tau: float = 0.0, discount: Any = None) -> Evaluation:
    """Values, visitation, marginalised Q and advantage of a policy, exactly.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
        Such as ``ensemble`` returns, or a list of (..., S, A_i): every policy is evaluated, in one compiled call, in
        parallel where that pays, with the same bits as one by one.
    tau : float
        Weight of the entropy in the stage payoffs, >= 0.
    discount : float or array_like (N,), optional
        In [0, 1), instead of the game's; or every player's own, for players who differ in patience. Every player is
        then evaluated at its own, and ``visit`` is (..., N, S).

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError, TypeError
        If a policy does not fit the game, the discount is none, or payoffs are so large that values might exceed 1e301.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.evaluate(game, fm.uniform_policy(game)).q_bar.round(3)
    array([[-0.43 ,  0.155, -0.4  , -0.213, -0.237]])
    >>> repeated = fm.MarkovGame([[[[2.0]]], [[[1.0]]]], [[[[1.0]]]], 0.9)  # nobody has a choice
    >>> fm.evaluate(repeated, [[1.0, 1.0]], discount=(0.5, 0.75)).value
    array([[4.],
           [4.]])

    Notes
    -----
    Zhang et al. (2022), section 2.
    """
    weight = 0.0 if type(tau) is float and tau == 0.0 else real(tau, "tau", 0.0)
    if discount is not None:
        own = discounts_of(game, discount)
        return _each(game, policy, weight, own) if isinstance(own, tuple) else _at(at_discount(game, own), policy,
                                                                                   weight)
    return _at(game, policy, weight)


def _at(game: Game, policy: Any, weight: float) -> Evaluation:
    """The evaluation at the game's own discount."""
    found = ask(game, policy, _question, weight)
    value, q_bar, advantage, visit = _parts(found, game)
    if found.ndim == 1:
        return Evaluation(value, q_bar, advantage, visit, float(found[-1]))
    own = np.ascontiguousarray
    return Evaluation(own(value), own(q_bar), own(advantage), own(visit), found[..., -1].copy())


def _each(game: Game, policy: Any, weight: float, discounts: tuple[float, ...]) -> Evaluation:
    """Every player's part at its own discount."""
    found = {gamma: _at(at_discount(game, gamma), policy, weight) for gamma in discounts}
    value, q_bar, advantage = (np.empty_like(each) for each in found[discounts[0]][:3])
    for i, gamma in enumerate(discounts):
        columns = slice(game.offset[i], game.offset[i + 1])
        value[..., i, :] = found[gamma].value[..., i, :]
        q_bar[..., columns] = found[gamma].q_bar[..., columns]
        advantage[..., columns] = found[gamma].adv_bar[..., columns]
    bound = np.max([each.error_bound for each in found.values()], axis=0)  # each holds for all players
    return Evaluation(value, q_bar, advantage, np.stack([found[gamma].visit for gamma in discounts], axis=-2),
                      float(bound) if bound.ndim == 0 else bound)


def _question(desk: Any, game: Game) -> tuple[Sequence[Bound], Float]:
    found = np.zeros(desk.value.size + 2 * desk.policy.size + desk.visit.size + 1)
    frame = CertifyFrame(desk, magnitudes(game), np.zeros(2), *_parts(found, game), found[-1:])
    return [evaluate_desk.bind(desk), visits_of_desk.bind(desk), certify_desk.bind(frame)], found


def _parts(found: Float, game: Game) -> tuple[Float, Float, Float, Float]:
    """Views of value, q_bar, adv_bar and visit in what was found (..., W)."""
    lead, players, states = found.shape[:-1], game.num_players, game.num_states
    first, last = players * states, found.shape[-1] - 1 - states
    middle = (first + last) // 2
    table = (*lead, states, (middle - first) // states)
    return (found[..., :first].reshape(*lead, players, states), found[..., first:middle].reshape(table),
            found[..., middle:last].reshape(table), found[..., last:-1])
