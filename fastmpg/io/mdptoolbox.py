"""The arrays of MDP toolboxes: pymdptoolbox, and those for MATLAB, R and Scilab."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from .. import _check
from .._check import Float
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ._single import one_player

__all__ = ["from_mdptoolbox", "to_mdptoolbox"]


def _matrices(value: Any, name: str) -> list[Any]:
    """One (S, S) matrix an action, sparse or not, from an array (A, S, S), a list, or an array of objects."""
    if sp.issparse(value):
        raise TypeError(f"{name} must be an array (A, S, S) or hold one (S, S) matrix an action, found one sparse "
                        f"matrix of shape {value.shape}")
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1):
        items: list[Any] = list(value)
    else:
        table = _check.read(value, name)
        if table.ndim != 3:
            raise ValueError(f"{name} must have shape (A, S, S), found {table.shape}")
        items = list(table)
    found = []
    for a, each in enumerate(items):
        matrix = each if sp.issparse(each) else _check.array(each, f"{name}[{a}]", copy=False)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
            raise ValueError(f"{name}[{a}] must be a square matrix (S, S), found shape {matrix.shape}")
        if sp.issparse(each) and matrix.dtype.kind not in "fiub":
            raise TypeError(f"{name}[{a}] must hold real numbers, found dtype {matrix.dtype}")
        found.append(matrix)
    if not found:
        raise ValueError(f"{name} must hold one matrix for every action, found none")
    if len({matrix.shape for matrix in found}) > 1:
        raise ValueError(f"{name} must hold matrices of one shape (S, S), found "
                         f"{_check.shown([matrix.shape for matrix in found])}")
    return found


def _expected(chances: Any, paid: Any) -> Float:
    """(S,): the mean reward of one action, of P and R (S, S)."""
    if sp.issparse(chances) or sp.issparse(paid):
        product = chances.multiply(paid) if sp.issparse(chances) else paid.multiply(chances)
        return np.asarray(product.sum(axis=1), np.float64).reshape(-1)
    return np.asarray(np.einsum("st,st->s", chances, paid))


def _by_transition(value: Any) -> bool:
    """Whether rewards come as one matrix an action."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ndim == 3
    if isinstance(value, list | tuple | np.ndarray) and len(value) > 0:
        return sp.issparse(value[0]) or len(_check.shape_of(value[0], "R[0]")) == 2
    return False


def _rewards(value: Any, chances: list[Any]) -> Float:
    """R as (S, A), whatever its form."""
    states, actions = chances[0].shape[0], len(chances)
    if _by_transition(value):
        paid = _matrices(value, "R")
        if len(paid) != actions or paid[0].shape != chances[0].shape:
            raise ValueError(f"R must hold one matrix of shape {(states, states)} for each of the {actions} actions, "
                             f"found {len(paid)} of shape {paid[0].shape}")
        return np.stack([_expected(p, r) for p, r in zip(chances, paid, strict=True)], axis=1)
    table: Float = _check.array(value.toarray() if sp.issparse(value) else value, "R")
    if table.shape == (states,):
        return np.repeat(table[:, None], actions, axis=1)
    if table.shape != (states, actions):
        raise ValueError(f"R must have shape (S,) = {(states,)}, (S, A) = {(states, actions)} or (A, S, S) = "
                         f"{(actions, states, states)}, found {table.shape}")
    return table


def from_mdptoolbox(P: Any, R: Any, discount: float, *, initial: Any = None, name: str = "MDP") -> MarkovGame:
    """The game of one player of an MDP toolbox's arrays.

    Parameters
    ----------
    P : array_like (A, S, S), or sequence of A (S, S), scipy.sparse or not
        P[a][s, t], the probability that action a leads from state s to t.
    R : array_like (S,), (S, A) or (A, S, S), or sequence of A (S, S), scipy.sparse or not
        Rewards of states, of states and actions, or of transitions; of the last the means over the next states are
        kept, as the toolboxes do.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    initial : array_like (S,), optional
        Law of the first state, which the toolboxes do not have; uniform by default.
    name : str
        What reports call it.

    Returns
    -------
    MarkovGame
        With sparse transitions if any matrix of ``P`` is.

    Raises
    ------
    ValueError, TypeError
        What is wrong with which argument.
    MemoryError
        If the tables would not fit.

    Examples
    --------
    The toolboxes' forest: to wait, or to cut; a fire burns it down with probability 0.1.

    >>> import fastmpg as fm
    >>> P = [[[0.1, 0.9, 0.0], [0.1, 0.0, 0.9], [0.1, 0.0, 0.9]], [[1, 0, 0], [1, 0, 0], [1, 0, 0]]]
    >>> game = fm.io.from_mdptoolbox(P, [[0, 0], [0, 1], [4, 2]], 0.9)
    >>> policy, value = fm.best_response(game, fm.uniform_policy(game), 0)
    >>> policy.argmax(axis=1), value.round(3)
    (array([0, 0, 0]), array([26.244, 29.484, 33.484]))
    """
    gamma = _check.real(discount, "discount", 0.0, 1.0)
    chances = _matrices(P, "P")
    states, actions = chances[0].shape[0], len(chances)
    paid = _rewards(R, chances)
    moves: Any
    if any(map(sp.issparse, chances)):
        order = np.arange(actions * states).reshape(actions, states).T.reshape(-1)  # s A + a from a S + s
        moves = sp.csr_array(sp.vstack([sp.csr_array(each) for each in chances], format="csr"))[order]
    else:
        _check.budget(16 * actions * states * states, f"an MDP of {states} states and {actions} actions",
                      "give P as sparse matrices")
        moves = np.stack(chances, axis=1)
    return MarkovGame(paid[None], moves, gamma, initial, name=name)


def to_mdptoolbox(game: Game) -> tuple[Any, Float]:
    """An MDP toolbox's arrays (P, R) of a game of one player; the discount is ``game.discount``.

    Parameters
    ----------
    game : Game
        Of one player, who has all actions in every state. Terminal states become states that stay and pay 0.

    Returns
    -------
    P : ndarray (A, S, S), or list of A scipy.sparse (S, S)
        Sparse if the game is.
    R : ndarray (S, A)

    Raises
    ------
    ValueError, TypeError
        If the game has several players, or lacks actions in some states.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.random_markov(4, (3,))
    >>> P, R = fm.io.to_mdptoolbox(game)
    >>> P.shape, R.shape, fm.io.from_mdptoolbox(P, R, game.discount) == game
    ((3, 4, 4), (4, 3), True)
    """
    form = one_player(game, "an MDP toolbox")
    paid = form.rewards[0].copy()
    if not form.is_sparse:
        return np.ascontiguousarray(np.moveaxis(form.transitions, 1, 0)), paid
    count = form.num_actions[0]
    return [sp.csr_matrix(form.transitions[a::count]) for a in range(count)], paid
