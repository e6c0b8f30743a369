"""What rounding can do to values: the part of a certified bound that a residual in floating point cannot see.

For the operator T of a policy, or of best responses, and computed values V, TV is computed too, with an error of at
most

    e = g_K W (|r| + gamma sigma |V|),      g_K = K u / (1 - K u),  u = 2^-53
    |V - V*| <= (|TV - V| + e) / (1 - gamma W sigma)

in largest entries: K roundings on the longest path from an entry of a table to TV (Higham 2002, section 3.1, which
holds for every order of summation and for fused multiply-adds), sigma the largest sum of a row of transitions and W the
largest product of the sums of the players' rows, as they are stored: a row that misses 1 by a rounding misses it in the
game that is solved. Both are summed in twice the precision, since 1 - gamma may be smaller than the rounding of such a
sum. All of it comes from norms, which are found once a game: no pass over its tables.

The bound is a worst case: of the few roundings of the largest value over 1 - gamma that it stands for (K and those of
the residual: 4 to 15 in games of three players and two actions, 30 to 40 with counts; tests/test_certified.py), true
errors are mostly a tenth or less.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..kernels.contract_counts import FACTORED, FIXED, vectors
from ..machine import kernel, precise
from ..models.counts.model import CountModel
from ..models.custom import CustomGame
from ..models.game import Game
from ..models.markov.dense import DenseModel
from ..models.markov.sparse import SparseModel
from ..models.normal_form import StageModel
from ..models.polymatrix import PolymatrixModel

UNIT = 2.0**-53
TINY = 2.2250738585072014e-308  # smallest normal number: K of them cover what underflow loses
FINAL = 1.0 + 2.0**-46  # covers the few roundings of the bound's own formula


class Magnitudes(NamedTuple):
    """What the bounds of one game need.

    Attributes
    ----------
    size, moved : ndarray (N,)
        Largest absolute payoff, or a bound on it; and by how much payoffs were shifted (see :mod:`.origin`).
    mixed, pure, ahead : int
        Roundings on the way from a table to r_i(s, a_i) and P_i(t | s, a_i), for any policies and for policies of 0s
        and 1s; and terms of sum_t P_i(t | s, a_i) V(t).
    over, off : float
        By how much a row of transitions sums to more than 1, at most (negative if all sum to less), and misses it.
    loose : bool
        Whether sums of policies that are not 1 enter some marginals and not others.
    actions : ndarray (N,)
        The most actions that a player has in a state: what it does not have has probability 0 and rounds nothing.
    discount : float
    """

    size: Any
    moved: Any
    mixed: int
    pure: int
    ahead: int
    over: float
    off: float
    loose: bool
    actions: Any
    discount: float


# -------------------------------------------------------------------------------------------------------- row sums
@precise
def excess(row):
    """sum row - 1, as in twice the precision: to 2u of itself and n^2 u^2.    row (n,)"""
    high, low = -1.0, 0.0
    for k in range(row.size):
        p = np.float64(row[k])
        total = high + p
        part = total - high
        low += (high - (total - part)) + (p - part)
        high = total
    return high + low


@precise
def raised(x, size):
    """An upper bound from :func:`excess` of a row of ``size`` numbers."""
    return x + 2.5e-16 * abs(x) + 1.3e-32 * size * size


@kernel
def row_excess(table, pointer, out):
    """out[0], out[1]: by how much the rows table[pointer[k]:pointer[k + 1]] sum to more than 1, and miss it, at most.
    """
    out[0], out[1] = -1.0, 0.0
    for k in range(pointer.size - 1):
        size = float(pointer[k + 1] - pointer[k])
        x = excess(table[pointer[k]:pointer[k + 1]])
        out[0] = max(out[0], raised(x, size))
        out[1] = max(out[1], raised(abs(x), size))


@kernel
def policy_excess(policy, offset, out):
    """out[0]: sum over players of what their rows exceed 1 by, in the worst state; out[1]: the same of how far they
    miss it.

    Returns whether all entries are 0 or 1.

    policy (S, A_total)   offset (N + 1,)   out (2,)
    """
    out[0], out[1], pure = 0.0, 0.0, True
    for s in range(policy.shape[0]):
        above, off = 0.0, 0.0
        for i in range(offset.size - 1):
            row = policy[s, offset[i]:offset[i + 1]]
            x = excess(row)
            above += max(0.0, raised(x, float(row.size)))
            off += raised(abs(x), float(row.size)) if x != 0.0 else 0.0
            for a in range(row.size):
                pure = pure and (row[a] == 0.0 or row[a] == 1.0)
        out[0], out[1] = max(out[0], above), max(out[1], off)
    if pure:
        out[0], out[1] = 0.0, 0.0
    return pure


def _row_sums(game: Game) -> tuple[float, float]:
    """``over`` and ``off`` of :class:`Magnitudes`."""
    model, out, copies = game.model, np.zeros(2), 1
    if game.discount == 0.0:
        return 0.0, 0.0
    if isinstance(model, SparseModel):
        table, pointer = model.probability, model.pointer
    else:
        table, width = model.transitions.reshape(-1), model.transitions.shape[-1]
        pointer = np.arange(0, table.size + 1, width, dtype=np.int64)
        if isinstance(model, CountModel) and model.kind == FACTORED:
            copies = game.num_actions[0]
    row_excess(table, pointer, out)
    over, off = (copies * float(x) for x in out)
    return (over + 2.0 * over * over, off + 2.0 * off * off) if copies > 1 else (over, off)


# ------------------------------------------------------------------------------------------------- counts of roundings
def _summed(counts: list[int]) -> int:
    """Roundings of a sum over joint actions: products of probabilities, and a dot product as long as they are many."""
    return len(counts) - 1 + math.prod(counts) if counts else 0


def _joint_steps(model: Any, counts: list[int]) -> int:
    """Roundings of the contraction by joint actions, for the player with most: over all others at once, or the other
    group first, and
    then its own: players before it one by one, those after it at once."""
    cut, most = model.cut, 0
    for i in range(len(counts)):
        group, rest = (counts[:cut], counts[cut:]) if i < cut else (counts[cut:], counts[:cut])
        at = i if i < cut else i - cut
        most = max(most, _summed(rest) + sum(group[:at]) + _summed(group[at + 1:]))
        if isinstance(model, SparseModel) or model.rewards.shape[0] == len(counts):
            most = max(most, _summed(counts[:i] + counts[i + 1:]))
    return most


def _count_steps(model: CountModel, players: int, actions: int) -> int:
    """Roundings of the contraction by laws of counts: every other player enters a law or is summed out once.

    Two actions: 2 a player for the weights of up to four, 5 for adding these to a law, and one a term where a law of m
    players meets m + 1 rows, once a depth. With ``actions`` > 2, one an action for every player, and one a vector where
    a law of them meets a table; or a law over two, "this one" and "any other", whose probability is a sum.
    """
    product = actions - 1 if model.kind == FACTORED else 0
    if actions == 1:
        return product
    n = players - 1
    deep = min(n, 2 + math.ceil(math.log(players, 1.5)))
    pairs = 3 * n + 5 * min(n, n // 4 + 1 + deep) + deep + players + (actions - 2) * n
    return product + (pairs if actions == 2 else max(pairs, actions * n + vectors(n, actions) if n else 0))


def _build(game: Game) -> Magnitudes:
    model: Any = game.model
    with np.errstate(over="ignore"):
        size = np.abs(game.payoff_range()).max(axis=1)
    pure, ahead, loose = 0, game.num_states, False
    most_actions = np.ascontiguousarray(game.action_counts().max(axis=0))
    if isinstance(game, CustomGame):  # nothing is known of a user's arithmetic
        unknown, none = np.full(game.num_players, np.inf), np.zeros(game.num_players)
        return Magnitudes(unknown, none, 1, 1, ahead, 0.0, 0.0, loose, most_actions, float(game.discount))
    if isinstance(model, StageModel | DenseModel):
        mixed = _joint_steps(model, most_actions.tolist())
    elif isinstance(model, SparseModel):
        mixed, ahead = _joint_steps(model, most_actions.tolist()), int(np.diff(model.chain_pointer).max())
    elif isinstance(model, CountModel):
        actions = game.num_actions[0]
        mixed = _count_steps(model, game.num_players, actions)
        pure = actions - 1 if model.kind == FACTORED else 0
        loose = actions == 1 or model.kind == FIXED
    elif isinstance(model, PolymatrixModel):
        most = int(np.diff(model.edges).max(initial=0))
        mixed, pure, loose = int(most_actions.max()) + most + 2, most + 1, True
        with np.errstate(over="ignore"):
            size = np.zeros(game.num_players)
            for i in range(game.num_players):
                size[i] = np.abs(model.solo[:, model.offset[i]:model.offset[i + 1]]).max()
            for (i, _), table in game.payoffs.items():  # type: ignore[attr-defined]
                size[i] += np.abs(table).max() * (1.0 + 4.0 * UNIT * most)
    else:
        raise TypeError(f"the rounding of a {type(model).__name__} is not known: give it a branch in {__name__}")
    moved = game.__dict__.get("_moved", np.zeros(game.num_players))
    return Magnitudes(size, moved, mixed, pure, ahead, *_row_sums(game), loose, most_actions,
                      float(game.discount))


def magnitudes(game: Game) -> Magnitudes:
    """Norms of a game, found once."""
    found = game.__dict__.get("_magnitudes")
    if found is None:
        found = _build(game)
        object.__setattr__(game, "_magnitudes", found)
    return found


# ------------------------------------------------------------------------------------------------------------- bounds
@kernel
def rounding(m, i, sums, pure, mixes, value_size, tau, actions, soft):
    """The error e of TV for player i.    sums: of :func:`policy_excess`

    mixes: terms of the mean over the player's own actions, 0 if it takes the largest or the policy is pure
    soft: roundings of an entropy or a soft maximum over ``actions``, each relative to 1 + log actions
    """
    steps = (m.pure if pure else m.mixed) + mixes
    if m.discount > 0.0:
        steps += m.ahead + 2
    largest = m.size[i] + m.discount * (1.0 + m.off) * value_size
    total = 0.0
    if steps > 0 and largest > 0.0:
        share = steps * UNIT / (1.0 - steps * UNIT)
        total = share * (1.0 + 2.0 * sums[0]) * largest + steps * TINY
    if m.loose:
        total += 1.01 * sums[1] * largest
    if tau > 0.0:
        total += (soft + mixes) * UNIT * 1.01 * (1.0 + 2.0 * sums[0]) * tau * (1.0 + math.log(float(actions)))
        total += 3.0 * UNIT * (largest + total) + TINY
    return total


@kernel
def error_bound(m, i, sums, residual, rounded):
    """|V_i - V_i*| from a residual as computed and its rounding; infinite where nothing can be said.

    A shift of payoffs moves values by a constant only as far as rows sum to 1: what they miss is added.
    """
    above = sums[0] + m.over + (sums[0] + abs(m.over)) ** 2
    left = (1.0 - m.discount) * (1.0 - 4.0 * UNIT) - m.discount * (above + 4.0 * UNIT * abs(above))
    top = residual * (1.0 + 8.0 * UNIT) + rounded
    if m.moved[i] > 0.0:
        top += 1.01 * m.moved[i] * (sums[1] + m.discount * (m.off + sums[1]) / (1.0 - m.discount))
    if top == 0.0:
        return 0.0
    bound = top / left * FINAL if left > 0.0 else math.inf
    return bound if bound < math.inf else math.inf  # not NaN


@kernel
def larger(a, b):
    """The larger number; NaN if there is one."""
    return a if a >= b or a != a else b


@kernel
def largest(row):
    """Largest absolute entry; NaN if there is one.    row (n,)"""
    size = 0.0
    for s in range(row.size):
        size = larger(size, abs(row[s]))
    return size
