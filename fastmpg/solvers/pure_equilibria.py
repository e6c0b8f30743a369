"""All pure stationary equilibria of a game.

A pure profile a is an equilibrium if a_i is a best reply to a_-i for every player. With one state that is a comparison
of payoffs: every player marks its best replies against whatever the others do, and what all have marked is left. With
several states a deterministic stationary profile is an equilibrium from every state (Markov perfect) if

    Q_i(s, b; pi) <= V_i(s; pi)     for all i, s, b,

and profiles are not walked through: for every deterministic policy of all players but one, that one's best responses
are solved for, which are all the profiles with these policies that may be equilibria, and the others are asked in turn
whether they would stay. Before that actions go which nobody could play in an equilibrium, whatever the values ahead
are between their bounds (interval iteration).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import Float
from ..kernels.joint import own_action_first
from ..machine import kernel
from ..metrics._joint import JointTables, digits, joint_tables, pure_policy
from ..metrics.evaluation import evaluate
from ..metrics.ne_gap import ne_gap, ne_gap_bound
from ..models.game import Game, check_discounted, check_game
from ..models.normal_form import NormalFormGame
from ._pure import search

__all__ = ["PureEquilibria", "pure_equilibria"]

Whole = NDArray[np.int64]


@kernel
def mutual_best_replies(planes, n_actions, slack, best, can, alive):
    """How many joint actions are best replies of everybody: the first so many of alive (J,), filled in order.

    planes (N or 1, J): payoffs, of several players with the own action first   n_actions (N,)
    best (J / A_0,): scratch   can (J,): which joint actions there are, or (0,) for all

    Player 0 is asked about all of them; everybody else only about those that nobody before would leave.
    """
    joint, players = alive.size, n_actions.size
    table, others = planes[0], joint // n_actions[0]
    for m in range(others):
        best[m] = -math.inf
    for a in range(n_actions[0]):  # player 0's own action is the slowest digit in any order
        if can.size == 0:
            for m in range(others):
                best[m] = max(best[m], table[a * others + m])
        else:
            for m in range(others):
                if can[a * others + m]:
                    best[m] = max(best[m], table[a * others + m])
    count = 0
    for a in range(n_actions[0]):
        for m in range(others):
            j = a * others + m
            if table[j] + slack >= best[m] and (can.size == 0 or can[j]):
                alive[count] = j
                count += 1
    right = others
    for i in range(1, players):
        own, kept = n_actions[i], 0
        right //= own
        shared = planes.shape[0] == 1
        table, stride = planes[0 if shared else i], right if shared else joint // own
        for k in range(count):
            j = alive[k]
            left, low = j // (own * right), j % right
            first = left * own * right + low  # the same with player i's action 0
            read = first if shared else left * right + low
            top = -math.inf
            for b in range(own):
                if can.size == 0 or can[first + b * right]:
                    top = max(top, table[read + b * stride])
            if table[read + (j // right) % own * stride] + slack >= top:
                alive[kept] = j
                kept += 1
        count = kept
    return count


class PureEquilibria(NamedTuple):
    """All pure stationary equilibria.

    Attributes
    ----------
    number : int
        How many there are, K.
    actions : ndarray (K, S, N)
        What every player does in every state, in lexicographic order.
    policy : ndarray (K, S, A_total)
    value : ndarray (K, N, S)
    ne_gap : ndarray (K,)
        The largest gain of any player from any state: 0 up to ``error``, or up to ``tol``.
    error : ndarray (K,)
        Certified bound on the error of ``ne_gap``; 0 with one state, where payoffs are compared as they are.
    profiles : int
        Pure stationary profiles of the game.
    searched : int
        Policies of all players but one that were walked through; with one state, the joint actions.
    """

    number: int
    actions: Whole
    policy: Float
    value: Float
    ne_gap: Float
    error: Float
    profiles: int
    searched: int

    def __repr__(self) -> str:
        total = f"{self.profiles}" if self.profiles < 10**15 else f"about 10^{math.log10(self.profiles):.0f}"
        return f"<PureEquilibria: {self.number} of {total} pure profiles, {self.searched} searched>"


def _one_state(game: Game, tol: float) -> PureEquilibria:
    """One state: nothing but comparisons of payoffs."""
    joint = math.prod(game.num_actions)
    if isinstance(game, NormalFormGame) and game.available is None:
        model = game.model  # its planes are what the kernel reads
        _check.budget(16 * joint, f"a list of {joint} joint actions of {game!r}", "ask of a smaller game")
        planes, can = model.rewards[:, 0], np.zeros(0, bool)
    else:
        tables = joint_tables(game, "the payoffs")
        planes = own_action_first(tables.rewards.reshape(game.num_players, 1, *game.num_actions),
                                  game.num_actions)[:, 0]
        if game.num_players == 1:
            planes = np.ascontiguousarray(tables.rewards[:, 0])
        can = np.zeros(0, bool) if tables.can is None else np.ascontiguousarray(tables.can[0])
    left = 1.0 - game.discount  # what is gained once is gained for ever
    alive = np.zeros(joint, np.int64)
    best = np.zeros(joint // game.num_actions[0])
    left_over = mutual_best_replies(planes, np.array(game.num_actions, np.int64), tol * left, best, can, alive)
    found = digits(game, alive[:left_over])
    k = len(found)
    _check.budget(16 * k * (sum(game.num_actions) + game.num_players), f"a list of {k} equilibria", "raise no tol")
    policy, gain = pure_policy(game, found[:, None]), np.zeros(k)
    value = np.zeros((k, game.num_players, 1))
    for i in range(game.num_players):
        order = [i, *(j for j in range(game.num_players) if j != i)] if len(planes) > 1 else range(game.num_players)
        at = np.ravel_multi_index([found[:, j] for j in order], [game.num_actions[j] for j in order])
        value[:, i, 0] = planes[min(i, len(planes) - 1)][at]
    value /= left
    if tol > 0.0 and k:
        best = np.maximum.reduceat(evaluate(game, policy).q_bar[:, 0], game.offset[:-1], axis=1)
        gain = np.maximum((best - value[:, :, 0]).max(axis=1), 0.0) / left
    return PureEquilibria(k, found[:, None], policy, value, gain, np.zeros(k), joint, joint)


def _many_states(game: Game, tol: float, most: int) -> PureEquilibria:
    """Several states: search, then certify."""
    check_discounted(game)
    tables: JointTables = joint_tables(game, "a search for pure equilibria", 2 + sum(game.num_actions))
    total = math.prod(int(each) for each in game.action_counts().ravel())
    joints, searched = search(game, tables, tol, most)
    actions = digits(game, joints)
    policy = pure_policy(game, actions)
    gap, error = np.zeros(len(policy)), np.zeros(len(policy))
    if len(policy):
        gap = np.asarray(ne_gap(game, policy, start="worst")).max(axis=-1)
        error = np.asarray(ne_gap_bound(game, policy))
    keep = gap <= tol + error
    order = np.lexsort(joints[keep].T[::-1])
    kept = policy[keep][order]
    value = evaluate(game, kept).value if len(kept) else np.zeros((0, game.num_players, game.num_states))
    return PureEquilibria(len(kept), actions[keep][order], kept, value, gap[keep][order], error[keep][order], total,
                          searched)


def pure_equilibria(game: Game, *, tol: float = 0.0, max_policies: int = 1_000_000) -> PureEquilibria:
    """Count and list all pure stationary equilibria.

    Parameters
    ----------
    game : Game
        Any whose tables over joint actions can be written down. With several states an equilibrium is one from every
        state, whatever the initial law.
    tol : float
        Gains up to this, >= 0, do not count: those of epsilon-equilibria. With one state 0 compares the payoffs as they
        are; with several, gains that rounding may have made (``error``) do not count either.
    max_policies : int
        Most deterministic policies of all players but one to walk through, and most candidates among their responses,
        in games of several states.

    Returns
    -------
    PureEquilibria

    Raises
    ------
    ValueError, TypeError
        If the game has no tables or no values; if there is too much to walk through, with how much it is.
    MemoryError
        If tables over joint actions do not fit, with their size.

    Examples
    --------
    >>> import fastmpg as fm
    >>> found = fm.solvers.pure_equilibria(fm.games.random_normal_form((4, 5), rng=2))
    >>> found
    <PureEquilibria: 2 of 20 pure profiles, 20 searched>
    >>> found.actions[:, 0]
    array([[0, 2],
           [1, 0]])
    >>> game = fm.games.random_markov(12, (2, 2), rng=0)
    >>> fm.solvers.pure_equilibria(game)
    <PureEquilibria: 6 of 16777216 pure profiles, 4096 searched>

    Notes
    -----
    The game of 20 profiles has two equilibria though best replies in turn go round. With several states the work is the
    number of deterministic policies of all players but the one who has most, times a solve of that one's process.
    """
    check_game(game)
    slack = _check.real(tol, "tol", 0.0)
    most = _check.integer(max_policies, "max_policies", low=1)
    if game.num_states == 1:
        check_discounted(game)
        return _one_state(game, slack)
    return _many_states(game, slack, most)
