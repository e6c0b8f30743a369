"""Markov games from tables: dense transitions (S, A_0, ..., S), or scipy.sparse rows (S J, S) that stay sparse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._check import Float
from .._jit import UNCOMPILED, lapack
from ..kernels.joint import cut_players, own_action_first, scratch_sizes
from ..kernels.marginal import contraction_plan
from .dense import DenseModel, DenseWork
from .game import Game, reward_table
from .sparse import DIRECT, SparseModel, SparseWork

INSTEAD = "give the transitions as scipy.sparse rows (S*J, S), or use a count-based or polymatrix model, which has no joint actions"


def dense_bytes(num_states: int, num_actions: tuple[int, ...], planes: int) -> int:
    """Bytes of a dense game's tables, as a Python integer."""
    return 8 * num_states * math.prod(num_actions) * (planes + num_states)


class MarkovGame(Game):
    """A Markov game from its reward and transition tables.

    Parameters
    ----------
    rewards : array_like (N, S, A_0, ..., A_{N-1})
        Reward of every player in every state at every joint action.
    transitions : array_like (S, A_0, ..., A_{N-1}, S) or scipy.sparse (S * J, S)
        P(t | s, a); every row sums to 1. Sparse rows are numbered s * J + j with j the joint action in C order (player 0
        slowest), and are never densified.
    discount : float
        In [0, 1).
    initial : array_like (S,), optional
        Law of the first state; uniform by default.
    name : str
        What reports call it.
    copy : bool
        Whether to copy the tables (default). Without copies the caller must leave them as they are.
    max_bytes : int, optional
        Refuse to build past this size; by default, what the machine has free.

    Raises
    ------
    ValueError, TypeError
        What is wrong and where: a shape, an entry that is not finite, a negative probability or a row that does not sum
        to 1 with its state, joint action and sum, a discount outside [0, 1).
    MemoryError
        If the tables or the workspace of one evaluation would not fit, before anything is allocated.

    Examples
    --------
    >>> import numpy as np, fastmpg as fm
    >>> rewards = np.zeros((2, 2, 2, 2)); rewards[:, 1] = 1.0
    >>> transitions = np.full((2, 2, 2, 2), 0.5)
    >>> game = fm.MarkovGame(rewards, transitions, discount=0.9)
    >>> fm.evaluate(game, fm.uniform_policy(game)).value
    array([[4.5, 5.5],
           [4.5, 5.5]])
    """

    def __init__(self, rewards: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None, *,
                 name: str = "Markov game", copy: bool = True, max_bytes: int | None = None) -> None:
        shape = _check.shape_of(rewards, "rewards")
        ndim = len(shape)
        if ndim < 3 or shape[0] != ndim - 2:
            raise ValueError(f"rewards must have shape (N, S, A_0, ..., A_{{N-1}}) for N players, found {shape}; "
                             "for one reward shared by all use MarkovGame.identical_interest")
        self._build(rewards, shape[1:], transitions, discount, initial, name, copy, max_bytes)

    @classmethod
    def identical_interest(cls, reward: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None, *,
                           name: str = "identical-interest Markov game", copy: bool = True,
                           max_bytes: int | None = None) -> MarkovGame:
        """A game in which every player receives the same reward, stored once.

        Parameters
        ----------
        reward : array_like (S, A_0, ..., A_{N-1})
        transitions, discount, initial, name, copy, max_bytes
            As for :class:`MarkovGame`.
        """
        if len(_check.shape_of(reward, "reward")) < 2:
            raise ValueError(f"reward must have shape (S, A_0, ..., A_{{N-1}}), found {np.shape(reward)}")
        game = cls.__new__(cls)
        game._build(np.asarray(reward)[None], np.shape(reward), transitions, discount, initial, name, copy, max_bytes)
        return game

    def _build(self, rewards: ArrayLike, sizes: tuple[int, ...], transitions: Any, discount: float,
               initial: ArrayLike | None, name: str, copy: bool, max_bytes: int | None) -> None:
        n_states, actions = int(sizes[0]), tuple(map(int, sizes[1:]))
        if n_states == 0 or 0 in actions:
            raise ValueError(f"a game needs at least one state and one action per player, found {n_states} states and actions {actions}")
        joint = math.prod(actions)
        gamma = _check.real(discount, "discount", 0.0, 1.0, open_high=True)
        sparse = sp.issparse(transitions)
        expected = (n_states * joint, n_states) if sparse else (n_states, *actions, n_states)
        meaning = "(num_states * joint actions, num_states)" if sparse else "(S, A_0, ..., A_{N-1}, S)"
        found = transitions.shape if sparse else _check.shape_of(transitions, "transitions")
        if found != expected:
            raise ValueError(f"transitions must have shape {meaning} = {expected} to fit the rewards, found {found}")
        planes = np.shape(rewards)[0]
        need = 8 * planes * n_states * joint + self._transition_bytes(transitions, sparse) if copy else 0
        need += (self._sparse_work_bytes if sparse else self._dense_work_bytes)(n_states, actions, 1)
        _check.budget(need, f"a {'sparse' if sparse else 'dense'} game of {n_states} states and {joint} joint actions", INSTEAD, max_bytes)

        table = _check.array(rewards, "rewards", copy=copy)
        table = own_action_first(table, actions) if planes == len(actions) > 1 else table.reshape(planes, n_states, joint)
        rho = np.full(n_states, 1.0 / n_states) if initial is None else _check.distribution(initial, "initial", n_states)
        self.num_players, self.num_states, self.num_actions = len(actions), n_states, actions
        self.discount, self.name, self.shares_reward = gamma, name, planes == 1
        counts = np.array(actions, np.int64)
        if sparse:
            self._model: Any = self._sparse_model(table, transitions, gamma, rho, counts)
        else:
            moves = _check.array(transitions, "transitions", copy=copy).reshape(n_states, joint, n_states)
            _rows_sum_to_one(moves.min(axis=-1).ravel(), moves.sum(axis=-1).ravel(), actions)
            self._model = DenseModel(table, moves, gamma, rho, counts, self.offset, cut_players(actions, n_states))
        self.initial = rho.view()
        self.initial.flags.writeable = False
        self._frozen = True

    def _sparse_model(self, table: Float, transitions: Any, gamma: float, rho: Float, counts: NDArray[np.int64]) -> SparseModel:
        if transitions.dtype.kind not in "fiub":
            raise TypeError(f"transitions must hold real numbers, found dtype {transitions.dtype}")
        rows = sp.csr_array(transitions, dtype=np.float64, copy=True)
        rows.sum_duplicates()
        rows.sort_indices()
        probability = _check.array(rows.data, "transitions.data", copy=False)
        low = np.zeros(rows.shape[0])
        lengths = np.diff(rows.indptr)
        filled = lengths > 0
        if probability.size:
            low[filled] = np.minimum.reduceat(probability, rows.indptr[:-1][filled])
        _rows_sum_to_one(low, np.asarray(rows.sum(axis=1)).ravel(), self.num_actions)
        state = np.repeat(np.arange(rows.shape[0]) // math.prod(self.num_actions), lengths)
        pattern, slot = np.unique(state * self.num_states + rows.indices, return_inverse=True)
        pointer = np.searchsorted(pattern, np.arange(self.num_states + 1) * self.num_states)
        return SparseModel(table, rows.indptr.astype(np.int64), rows.indices.astype(np.int64), probability,
                           slot.astype(np.int64), pointer.astype(np.int64), (pattern % self.num_states).astype(np.int64), gamma,
                           rho, counts, self.offset, cut_players(self.num_actions, 1))

    @staticmethod
    def _transition_bytes(transitions: Any, sparse: bool) -> int:
        return 24 * int(transitions.nnz) if sparse else 8 * math.prod(np.shape(transitions))

    @staticmethod
    def _dense_work_bytes(n_states: int, actions: tuple[int, ...], threads: int) -> int:
        scratch = sum(scratch_sizes(actions, cut_players(actions, n_states), n_states))
        return 8 * (n_states * sum(actions) * (n_states + 1) + 2 * n_states**2 + threads * scratch)

    @staticmethod
    def _sparse_work_bytes(n_states: int, actions: tuple[int, ...], threads: int) -> int:
        return 8 * (n_states * (sum(actions) + 8) + math.prod(actions) + sum(scratch_sizes(actions, cut_players(actions, 1), 1)))

    @property
    def is_sparse(self) -> bool:
        """Whether the transitions are stored as sparse rows."""
        return isinstance(self._model, SparseModel)

    @property
    def rewards(self) -> Float:
        """(N or 1, S, A_0, ...), read-only; one plane when the players share it."""
        return reward_table(self._model.rewards, self.num_actions)

    @property
    def transitions(self) -> Any:
        """(S, A_0, ..., S), read-only; a scipy.sparse array (S * J, S), built on request, when the game is sparse."""
        if self.is_sparse:
            m = self._model
            return sp.csr_array((m.probability.copy(), m.index.copy(), m.pointer.copy()), shape=(m.pointer.size - 1, self.num_states))
        view = self._model.transitions.reshape(self.num_states, *self.num_actions, self.num_states).view()
        view.flags.writeable = False
        return view

    @property
    def model(self) -> Any:
        return self._model

    def workspace(self, threads: int = 1) -> Any:
        m, actions, n_states = self._model, self.num_actions, self.num_states
        _check.budget(self.workspace_bytes(threads), f"one evaluation of {self!r}", INSTEAD)
        routines = np.array([lapack("dgetrf"), lapack("dgetrs")])
        scalars = np.zeros(4, np.int32)
        reward = np.zeros((n_states, sum(actions)))
        if self.is_sparse:
            side = n_states if n_states <= DIRECT else 0
            return SparseWork(reward, np.zeros(m.chain_index.size), np.zeros((side, side)), np.zeros(side, np.int32), routines, scalars,
                              np.zeros((7, 0 if side else n_states)), np.zeros(math.prod(actions)),
                              *(np.zeros(n) for n in scratch_sizes(actions, m.cut, 1)))
        shares = 1 if UNCOMPILED else min(threads, n_states)
        scratch = [np.zeros((shares, n)) for n in scratch_sizes(actions, m.cut, n_states)]
        p_bar, chain = np.zeros((n_states, sum(actions), n_states)), np.zeros((n_states, n_states))
        plan = np.zeros(0, np.int64)
        if not UNCOMPILED:
            plan = contraction_plan(m.rewards, m.transitions, m.n_actions, m.offset, m.cut, scratch, reward, p_bar, chain)
        lead, tail, x, y, others = scratch
        return DenseWork(reward, p_bar, chain, np.zeros((n_states, n_states)), np.zeros(n_states, np.int32), routines, scalars,
                         lead, tail, x, y, others, plan)

    def workspace_bytes(self, threads: int = 1) -> int:
        count = self._sparse_work_bytes if self.is_sparse else self._dense_work_bytes
        extra = 8 * self._model.chain_index.size if self.is_sparse else 0
        return count(self.num_states, self.num_actions, min(threads, self.num_states)) + extra

    @property
    def nbytes(self) -> int:
        return sum(int(getattr(table, "nbytes", 0)) for table in self._model)

    def payoff_range(self) -> Float:
        table = self._model.rewards.reshape(self._model.rewards.shape[0], -1)
        both = np.stack([table.min(axis=1), table.max(axis=1)], axis=1)
        return np.broadcast_to(both, (self.num_players, 2)).copy()

    def to_dense(self) -> MarkovGame:
        """The same game with dense transitions; itself when it has them already.

        Raises
        ------
        MemoryError
            If the dense table would not fit, with its size.
        """
        if not self.is_sparse:
            return self
        need = dense_bytes(self.num_states, self.num_actions, self._model.rewards.shape[0])
        _check.budget(need, f"the dense form of {self!r}", "keep the sparse form")
        moves = self.transitions.toarray().reshape(self.num_states, *self.num_actions, self.num_states)
        build = MarkovGame.identical_interest if self.shares_reward else MarkovGame
        rewards = self.rewards[0] if self.shares_reward else self.rewards
        return build(rewards, moves, self.discount, self.initial, name=self.name)


def _rows_sum_to_one(low: Float, total: Float, actions: tuple[int, ...]) -> None:
    """Every row's smallest entry and sum, rows in order s J + j."""

    def where(row: int) -> str:
        s, j = divmod(row, math.prod(actions))
        return f"in state {s} at joint action {tuple(int(a) for a in np.unravel_index(j, actions))}"

    if (low < 0).any():
        row = int(np.argmin(low))
        raise ValueError(f"transition probabilities must not be negative, found {float(low[row])!r} {where(row)}")
    off = np.abs(total - 1)
    if (off > _check.TOLERANCE).any():
        row = int(np.argmax(off))
        raise ValueError(f"transition probabilities must sum to 1, found {float(total[row])!r} {where(row)}; "
                         "divide each row by its sum (for an absorbing state, let it lead to itself)")
