"""How far the pseudo-gradient's Jacobian is from symmetric across players: 0 at every policy of a potential game.

    g_i(s, a) = d V_i(rho) / d pi_i(a | s),    J_ik = d g_i / d pi_k,    J_ik - J_ki^T = d^2 (V_i - V_k) / d pi_i d pi_k

With R = (I - gamma P^pi)^-1 and x, y entries of pi_i and pi_k,

    d_x V   = R (d_x r + gamma d_x P V)
    d_xy V  = R (d_xy r + gamma [ d_xy P V + d_x P d_y V + d_y P d_x V ])

for each of the two rewards; only directions inside the simplices count.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from .._same import comparable
from ..metrics._joint import JointTables, joint_tables, others_out
from ..models.game import Game, check_discounted, check_game
from ..policy import check_policy, split

__all__ = ["JacobianAsymmetry", "jacobian_asymmetry"]


@comparable
class JacobianAsymmetry(NamedTuple):
    """What :func:`jacobian_asymmetry` finds.

    Attributes
    ----------
    asymmetry : ndarray (N, N)
        The largest singular value of J_ik - J_ki^T on the product of the simplices' tangent spaces; 0 on the diagonal.
    size : float
        The largest singular value of any J_ik there: 0 up to 1e-14 of it is rounding.
    """

    asymmetry: Float
    size: float

    @property
    def relative(self) -> float:
        """The largest asymmetry, by the size."""
        return float(self.asymmetry.max()) / self.size if self.size > 0.0 else 0.0

    def __repr__(self) -> str:
        return (f"<JacobianAsymmetry {self.asymmetry.max():.6g}, {self.relative:.2g} of the largest block "
                f"{self.size:.6g}>")


def mixed_derivatives(game: Game, tables: JointTables, policy: Float, i: int, k: int) -> tuple[Float, Float]:
    """d^2 V_i(rho) and d^2 V_k(rho) / d pi_i(a|s) d pi_k(b|t), (S, A_i, S, A_k) each, of dense tables."""
    parts, states, gamma = split(game, policy), game.num_states, game.discount
    size = (states, *game.num_actions)
    both = others_out(tables.moves.reshape(*size, states), parts, (i, k))  # (S, A, B, S), the smaller index first
    both = both if i < k else np.swapaxes(both, 1, 2)
    of_i, of_k = np.einsum("sabt,sb->sat", both, parts[k]), np.einsum("sabt,sa->sbt", both, parts[i])
    chain = np.einsum("sat,sa->st", of_i, parts[i])
    inverse = np.linalg.inv(np.eye(states) - gamma * chain)
    visits = game.initial @ inverse  # not normalised
    found = []
    for who in (i, k):
        stage = others_out(tables.rewards[who].reshape(size), parts, (i, k))
        stage = stage if i < k else np.swapaxes(stage, 1, 2)
        value = inverse @ np.einsum("sab,sa,sb->s", stage, parts[i], parts[k])
        q_i = np.einsum("sab,sb->sa", stage, parts[k]) + gamma * of_i @ value
        q_k = np.einsum("sab,sa->sb", stage, parts[i]) + gamma * of_k @ value
        # d V(u) / d pi_j(a|s) = inverse[u, s] q_j(s, a); then P_i(s, a) of the other's derivative, and the same place
        out = gamma * np.einsum("s,sau,ut,tb->satb", visits, of_i, inverse, q_k)
        out += gamma * np.einsum("t,tbu,us,sa->satb", visits, of_k, inverse, q_i)
        here = np.arange(states)
        out[here, :, here, :] += visits[:, None, None] * (stage + gamma * both @ value)
        found.append(out)
    return found[0], found[1]


def _tangent(parts: Float, there: Float | None) -> Float:
    """An orthonormal basis (S A, ...) of directions that keep every row's sum and leave alone what is not there."""
    states, actions = parts.shape
    columns = []
    for s in range(states):
        found = np.arange(actions) if there is None else np.flatnonzero(there[s])
        if found.size > 1:
            base = np.linalg.qr(np.concatenate([np.ones((found.size, 1)), np.eye(found.size)[:, 1:]], axis=1))[0][:, 1:]
            block = np.zeros((states, actions, found.size - 1))
            block[s, found] = base
            columns.append(block.reshape(states * actions, -1))
    return np.concatenate(columns, axis=1) if columns else np.zeros((states * actions, 0))


def jacobian_asymmetry(game: Game, policy: Any) -> JacobianAsymmetry:
    """How far the Jacobian of all players' gradients is from symmetric at a policy.

    Parameters
    ----------
    game : Game
        Of few states and actions: its dense tables are formed.
    policy : array_like (S, A_total) or list of (S, A_i)

    Returns
    -------
    JacobianAsymmetry
        Above rounding it is proof that there is no potential; 0 at every policy of the inside means that there is one.

    Raises
    ------
    ValueError, TypeError
        What is wrong with the arguments.
    MemoryError
        If dense tables would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> for transitions in ("counts", "averaged"):
    ...     game = fm.games.routing(3, transitions=transitions)
    ...     print(fm.potential.jacobian_asymmetry(game, fm.random_policy(game, 0)).relative > 1e-3)
    True
    False

    Notes
    -----
    Monderer and Shapley (1996), Theorem 4.5; exact derivatives, no differences.
    """
    check_game(game)
    check_discounted(game)
    at = check_policy(game, policy)
    _check.budget(16 * (game.num_states * max(game.num_actions)) ** 2, "mixed derivatives of two players",
                  "fewer states or actions would fit")
    tables = joint_tables(game, "mixed derivatives")
    if not isinstance(tables.moves, np.ndarray):
        tables = tables._replace(moves=tables.moves.toarray())
    there = None if game.available is None else split(game, game.available)
    n, size = game.num_players, 0.0
    bases = [_tangent(part, None if there is None else there[i]) for i, part in enumerate(split(game, at))]
    out = np.zeros((n, n))
    for i, k in itertools.combinations(range(n), 2):
        own, other = (each.reshape(len(bases[i]), len(bases[k])) for each in mixed_derivatives(game, tables, at, i, k))
        blocks = [bases[i].T @ each @ bases[k] for each in (own, other)]
        size = max(size, *(float(np.linalg.norm(each, 2)) if each.size else 0.0 for each in blocks))
        out[i, k] = out[k, i] = np.linalg.norm(blocks[0] - blocks[1], 2) if blocks[0].size else 0.0
    return JacobianAsymmetry(out, float(size))
