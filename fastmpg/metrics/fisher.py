"""The natural gradient as it is defined: the Fisher information of softmax policies, and its pseudo-inverse at work.

    F_i = E_{s ~ d, a ~ pi_i(. | s)} [ grad log pi_i(a | s) grad log pi_i(a | s)' ] = blkdiag_s d(s) (diag p - p p'),
    p = pi_i(. | s)

Zhang et al. (2022), section 4, Lemma 9 and Corollary 10. On gradients, whose rows sum to 0, F_i^+ divides by d(s)
pi_i(a | s) and takes the row's mean off (Lemma 11), which no softmax sees: rules.NaturalGradientPlay divides and leaves
the mean, so that the step of theta differs by a number a row and the policy not at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _check
from .._check import Float
from ..models.game import Game
from ..policy import check_policies, split
from .evaluation import evaluate
from .grad_norm import gradient

__all__ = ["fisher_matrix", "natural_gradient"]


def fisher_matrix(game: Game, policy: Any) -> list[Float]:
    """Every player's Fisher information matrix of its softmax parameters, as the blocks that it has on the diagonal.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)

    Returns
    -------
    list of N ndarrays (S, A_i, A_i), of a stack (..., S, A_i, A_i)
        Parameters of different states have no information on each other: the whole matrix (S A_i, S A_i) is
        ``scipy.linalg.block_diag(*blocks)``. Rows and columns of actions that the player does not have are 0.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.fisher_matrix(game, fm.uniform_policy(game))[1]
    array([[[ 0.25, -0.25],
            [-0.25,  0.25]]])

    Notes
    -----
    Zhang et al. (2022), section 4, Corollary 10.
    """
    table = check_policies(game, policy)
    cells = table.size * max(game.num_actions)
    _check.budget(24 * cells, f"Fisher matrices of {cells} entries", "ask for fewer policies")
    visit, blocks = evaluate(game, table).visit[..., None, None], []
    for part in split(game, table):
        cross = part[..., :, None] * part[..., None, :] * (1.0 - np.eye(part.shape[-1]))
        # p (1 - p) as a sum over the others: rows sum to 0 but for rounding of their own size, so that the
        # pseudo-inverse sees the rank that there is
        blocks.append(visit * (np.eye(part.shape[-1]) * cross.sum(axis=-1, keepdims=True) - cross))
    return blocks


def natural_gradient(game: Game, policy: Any, *, lam: float = 0.0) -> Float:
    """F_i^+ grad_i J~_i: the gradient that every player climbs, times the pseudo-inverse of its Fisher matrix.

    rules.NaturalGradientPlay(eta, lam) multiplies policies by exp(eta times this) and normalises: the same step, found
    without matrices.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total), list of (S, A_i), or a stack (..., S, A_total)
    lam : float
        Weight of the log-barrier, >= 0.

    Returns
    -------
    ndarray (S, A_total), of a stack (..., S, A_total)
        A player's row sums to 0. Where probabilities are below 1e-15 of the row's largest, or a state is never visited,
        the pseudo-inverse has nothing left of them; the rule goes on.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.zhang_3x2()
    >>> fm.metrics.natural_gradient(game, fm.uniform_policy(game)).round(4)
    array([[-0.205 ,  0.38  , -0.175 ,  0.0117, -0.0117]])

    Notes
    -----
    Zhang et al. (2022), eq. (9) and, for lam > 0, (16).
    """
    lam, table = _check.real(lam, "lam", 0.0), check_policies(game, policy)
    slope = gradient(game, table)
    if lam > 0.0:
        counts = np.repeat(game.action_counts(), game.num_actions, axis=-1)
        can = 1.0 if game.available is None else game.available
        slope = slope + lam * (can - counts * table)
    parts = [np.einsum("...ab,...b->...a", np.linalg.pinv(block, hermitian=True), own)
             for block, own in zip(fisher_matrix(game, table), split(game, slope), strict=True)]
    return np.concatenate(parts, axis=-1)
