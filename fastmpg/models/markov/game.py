"""Markov games from tables: dense transitions (S, A_0, ..., S), or scipy.sparse rows (S J, S) that stay sparse."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ..._check import Float
from ...kernels.joint import cut_players, own_action_first
from ..available import mask_of, missing_of, possible, possible_moves, possible_rewards, range_of
from ..game import Game, masks_in, reward_table
from ..sampler import alias
from ..terminal import going_on, terminal_of
from .build import DTYPES, LARGEST, Rows, build, canonical, dtype_name, refuse_large, to_csr
from .dense import DenseModel, dense_rows, work_bytes, workspace
from .moves import mask_from, rewards_of, rows_of
from .sampler import DenseSampler, SparseSampler, SureSampler, joint_rewards, sure_move
from .sparse import Layout, SparseModel

INSTEAD = ("give the transitions as scipy.sparse rows (S*J, S), or use a count-based or polymatrix model, which has no "
           "joint actions")


def dense_bytes(num_states: int, num_actions: tuple[int, ...], planes: int) -> int:
    """Bytes of a dense game's tables, as a Python integer."""
    return 8 * num_states * math.prod(num_actions) * (planes + num_states)


def named_row(row: int, actions: tuple[int, ...]) -> str:
    """Which state and joint action row s J + j is."""
    s, j = divmod(row, math.prod(actions))
    return f"in state {s} at joint action {tuple(int(a) for a in np.unravel_index(j, actions))}"


class MarkovGame(Game):
    """A Markov game from its reward and transition tables.

    Parameters
    ----------
    rewards : array_like (N, S, A_0, ..., A_{N-1})
        Reward of every player in every state at every joint action.
    transitions : array_like (S, A_0, ..., A_{N-1}, S) or scipy.sparse (S * J, S)
        P(t | s, a); every row sums to 1, in float32 up to its rounding (see :class:`fastmpg.Game`). Sparse rows are
        numbered s * J + j with j the joint action in C order (player 0 slowest), and are never densified.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    initial : array_like (S,), optional
        Law of the first state; uniform by default.
    available : array_like (S, A_total) of bool, or list of (S, A_i), optional
        Which actions every player has in which state, at least one; all of them by default. Rewards and transitions at
        joint actions of which somebody does not have its part are never read: they may be NaN.
    terminal : array_like (S,) of bool, or sequence of int, optional
        States that end the game, or their numbers: there rewards are 0 and the state stays, whatever the tables hold,
        which is not read. What is received for reaching a terminal state is a reward of the move that leads there.
    name : str
        What reports call it.
    copy : bool
        Whether to copy the tables (default). Without copies the caller must leave them as they are.
    max_bytes : int, optional
        Refuse to build past this size; by default, what the machine has free.
    dtype : str
        "float64", or "float32" to store transitions in single precision: half the memory where they are dense, a
        quarter less where they are sparse with ten next states a row. All arithmetic stays in double. Rows are adjusted
        at their largest entry to sum to 1 within 2^-25, so that values move by at most 1e-7 gamma / (1 - gamma) of the
        largest one. Measured with rewards in [0, 1], in units of 1 / (1 - gamma): 1e-8 at gamma = 0.95, 8e-8 at 0.999.

    Raises
    ------
    ValueError, TypeError
        What is wrong and where: a shape, an entry that is not finite, a negative probability or a row that does not sum
        to 1 with its state, joint action and sum, a discount outside [0, 1], a player without an action.
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

    The same game where player 1 has a single action in state 0:

    >>> game = fm.MarkovGame(rewards, transitions, discount=0.9, available=[[1, 1, 1, 0], [1, 1, 1, 1]])
    >>> fm.uniform_policy(game)
    array([[0.5, 0.5, 1. , 0. ],
           [0.5, 0.5, 0.5, 0.5]])
    """

    def __init__(self, rewards: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None, *,
                 available: Any = None, terminal: Any = None, name: str = "Markov game", copy: bool = True,
                 max_bytes: int | None = None, dtype: str = "float64") -> None:
        shape = _check.shape_of(rewards, "rewards")
        ndim = len(shape)
        if ndim < 3 or shape[0] != ndim - 2:
            raise ValueError(f"rewards must have shape (N, S, A_0, ..., A_{{N-1}}) for N players, found {shape}; "
                             "for one reward shared by all use MarkovGame.identical_interest")
        self._build(rewards, shape[1:], transitions, discount, initial, available, terminal, name, copy, max_bytes,
                    dtype)

    @classmethod
    def identical_interest(cls, reward: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None,
                           *, available: Any = None, terminal: Any = None, name: str = "identical-interest Markov game",
                           copy: bool = True, max_bytes: int | None = None, dtype: str = "float64") -> MarkovGame:
        """A game in which every player receives the same reward, stored once.

        Parameters
        ----------
        reward : array_like (S, A_0, ..., A_{N-1})
        transitions, discount, initial, available, terminal, name, copy, max_bytes, dtype
            As for :class:`MarkovGame`.
        """
        found = _check.shape_of(reward, "reward")
        if len(found) < 2:
            raise ValueError(f"reward must have shape (S, A_0, ..., A_{{N-1}}), found {found}")
        table = _check.read(reward, "reward")
        game = cls.__new__(cls)
        game._build(table[None], table.shape, transitions, discount, initial, available, terminal, name, copy,
                    max_bytes, dtype, "reward")
        return game

    @classmethod
    def from_moves(cls, num_states: int, num_actions: Sequence[int], moves: Callable[..., Any], rewards: Any,
                   discount: float, initial: ArrayLike | None = None, *, available: Any = None, terminal: Any = None,
                   width: int = 1024, shared: bool = False, name: str = "Markov game", dtype: str = "float64",
                   max_bytes: int | None = None) -> MarkovGame:
        """A sparse game from a function of state and joint action; no dense table is ever formed.

        Parameters
        ----------
        num_states : int
        num_actions : sequence of int
            One number a player.
        moves : callable
            ``moves(state, actions) -> next state``, or ``moves(state, actions, next_states, probabilities) -> count``,
            which fills that many entries of both arrays, in any order; equal states add up. Compiled by numba and
            called twice for every state and joint action: a plain function of numbers and arrays that remembers
            nothing. ``fm.kernel(moves)`` is compiled once for all games that are built from it.
        rewards : array_like (N, S, A_0, ...), or callable
            A table, or ``reward(state, actions, out)``, compiled, that fills ``out`` (N,).
        discount, initial, terminal, name, dtype, max_bytes
            As for :class:`MarkovGame`.
        available : array_like (S, A_total) of bool, list of (S, A_i), or callable, optional
            As for :class:`MarkovGame`, or ``available(state, player, action) -> bool``, compiled. ``moves`` and
            ``reward`` are asked only about joint actions that everybody can take, in states that are not terminal.
        width : int
            Room in ``next_states`` and ``probabilities``: the most next states that ``moves`` may write for one joint
            action.
        shared : bool
            Whether all players receive one reward: ``rewards`` is then (S, A_0, ...), or fills ``out`` (1,).

        Raises
        ------
        ValueError, TypeError
            As for :class:`MarkovGame`; what is wrong with a row comes with its state and joint action.
        MemoryError
            If the tables would not fit.

        Examples
        --------
        >>> import fastmpg as fm
        >>> def moves(state, actions):  # two players push a token around a ring of six places
        ...     return (state + actions[0] - actions[1]) % 6
        >>> def reward(state, actions, out):
        ...     out[0], out[1] = 1.0 if state == 2 else 0.0, 1.0 if state == 4 else 0.0
        >>> game = fm.MarkovGame.from_moves(6, (2, 2), moves, reward, discount=0.9)
        >>> game.transitions.nnz
        24
        >>> fm.evaluate(game, fm.uniform_policy(game)).value[:, 0].round(3)
        array([1.105, 1.105])
        """
        actions = _check.num_actions(num_actions)
        states = _check.integer(num_states, "num_states", low=1, high=LARGEST - 1)
        table, shared, single = rewards, _check.flag(shared, "shared"), dtype_name(dtype)
        discount = _check.discount(discount)
        rho, moved = _check.initial(initial, states)  # all that is quickly said, before anything is compiled
        room, name = _check.integer(width, "width", low=1, high=2**24), _check.text(name, "name")
        if max_bytes is not None:
            _check.integer(max_bytes, "max_bytes", low=0)
        mask = mask_of(mask_from(available, states, actions, max_bytes) if callable(available) else available, states,
                       actions)
        ended = terminal_of(terminal, states)
        asked = going_on(mask, ended, sum(actions))
        if callable(rewards):
            table = rewards_of(rewards, states, actions, 1 if shared else len(actions), asked, max_bytes)
            table = table[0] if shared else table
        expected = (*(() if shared else (len(actions),)), states, *actions)
        found = _check.shape_of(table, "rewards")
        if found != expected:
            raise ValueError(f"rewards must have shape {expected} for {states} states and actions {actions}"
                             f"{' with shared=True' if shared else ''}, found {found}")
        table = _check.read(table, "rewards")
        rows = rows_of(moves, states, actions, asked, room, lambda row: named_row(row, actions), max_bytes, single)
        game = cls.__new__(cls)
        planes = table[None] if shared else table
        game._build(planes, (states, *actions), rows, discount, rho, mask, ended, name, not callable(rewards),
                    max_bytes, dtype)
        object.__setattr__(game, "largest_change", max(moved, game.largest_change))
        return game

    def _build(self, rewards: ArrayLike, sizes: tuple[int, ...], transitions: Any, discount: float,
               initial: ArrayLike | None, available: Any, terminal: Any, name: str, copy: bool, max_bytes: int | None,
               dtype: str, what: str = "rewards") -> None:
        copy, name = _check.flag(copy, "copy"), _check.text(name, "name")
        n_states, actions = int(sizes[0]), tuple(map(int, sizes[1:]))
        if n_states == 0 or 0 in actions:
            raise ValueError(f"a game needs at least one state and one action per player, found {n_states} states and "
                             f"actions {actions}")
        joint = math.prod(actions)
        gamma, mask = _check.discount(discount), mask_of(available, n_states, actions)
        ended = terminal_of(terminal, n_states)
        read, ready = going_on(mask, ended, sum(actions)), isinstance(transitions, Rows)
        sparse, single = ready or sp.issparse(transitions), dtype_name(dtype)
        expected = (n_states * joint, n_states) if sparse else (n_states, *actions, n_states)
        meaning = "(num_states * joint actions, num_states)" if sparse else "(S, A_0, ..., A_{N-1}, S)"
        found = expected if ready else transitions.shape if sparse else _check.shape_of(transitions, "transitions")
        if found != expected:
            raise ValueError(f"transitions must have shape {meaning} = {expected} to fit the {what}, found {found}")
        planes = _check.shape_of(rewards, what)[0]
        if sparse:
            rows = transitions if ready else canonical(transitions)
            rows = rows if read is None or ready else rows.stay(read, actions)  # others stay already
            layout = Layout(n_states, actions, len(actions) - 1, int(rows.pointer[-1]), 0, 1)
            refuse_large(planes, joint, layout, single, max_bytes, rows.held(single))
        else:
            kept = copy or read is not None
            need = 8 * planes * n_states * joint if kept else 0
            need += DTYPES[single] * math.prod(expected) if kept or single == "float32" else 0
            need += work_bytes(n_states, actions, planes, 1)
            _check.budget(need, f"a dense game of {n_states} states and {joint} joint actions", INSTEAD, max_bytes)

        if read is not None:
            can = possible(read, actions)
            rewards, copy = possible_rewards(rewards, what, can), False
            transitions = transitions if sparse else possible_moves(transitions, "transitions", can)
        several = planes == len(actions) > 1
        table = _check.array(rewards, what, copy=copy and not several, advice=_check.FORBIDDEN)
        table = own_action_first(table, actions) if several else table.reshape(planes, n_states, joint)
        rho, moved = _check.initial(initial, n_states)
        self.num_players, self.num_states, self.num_actions = len(actions), n_states, actions
        self.discount, self.name, self.shares_reward, self.available = gamma, name, planes == 1, mask
        self.terminal = ended
        counts = np.array(actions, np.int64)
        if sparse:
            built = build(rows, table, actions, gamma, rho, self.offset, missing_of(mask), single, copy, max_bytes,
                          self._where)
            self._model: Any = built[0]
            self._layout, change = built[1], built[2]
        else:
            moves, change = dense_rows(transitions, joint, single, copy, self._where)
            self._model = DenseModel(table, moves, gamma, rho, counts, self.offset, cut_players(actions, n_states),
                                     missing_of(mask))
        self.largest_change = max(change, moved)
        self.initial = rho.view()
        self.initial.flags.writeable = False
        self._frozen = True

    def _where(self, row: int) -> str:
        """Which state and joint action row s J + j is."""
        return named_row(row, self.num_actions)

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
            return to_csr(self._model, self.num_states)
        view = self._model.transitions.reshape(self.num_states, *self.num_actions, self.num_states).view()
        view.flags.writeable = False
        return view

    @property
    def model(self) -> Any:
        return self._model

    def workspace(self, threads: int = 1) -> Any:
        instead = INSTEAD
        if self.is_sparse:
            instead = "its tables fit, but the scratch does not: free memory, or build a smaller game"
        _check.budget(self.workspace_bytes(threads), f"one evaluation of {self!r}", instead)
        return self._layout.workspace(self.held, threads) if self.is_sparse else workspace(self, threads)

    def workspace_bytes(self, threads: int = 1) -> int:
        if self.is_sparse:
            return self._layout.bytes(threads)
        planes, shares = self._model.rewards.shape[0], min(threads, self.num_states)
        return work_bytes(self.num_states, self.num_actions, planes, shares)

    @property
    def nbytes(self) -> int:
        return sum(int(getattr(table, "nbytes", 0)) for table in self._model)

    def payoff_range(self) -> Float:
        table = self._model.rewards.reshape(self._model.rewards.shape[0], -1)
        if self.available is not None:
            both = range_of(self.rewards, possible(self.available, self.num_actions))
        else:
            both = np.stack([table.min(axis=1), table.max(axis=1)], axis=1)
        return np.broadcast_to(both, (self.num_players, 2)).copy()

    def tables(self) -> dict[str, NDArray[Any]]:
        m = self._model
        if self.is_sparse:
            rows = self.transitions
            moves = {"pointer": m.pointer, "index": rows.indices, "probability": rows.data}
        else:
            moves = {"transitions": self.transitions}
        rest = {"rewards": self.rewards, "discount": np.array(self.discount), "initial": self.initial}
        return rest | moves | self._kept_masks()

    @classmethod
    def from_tables(cls, tables: dict[str, NDArray[Any]]) -> MarkovGame:
        rewards = _check.entries(tables, "tables", ("rewards", "discount", "initial"))["rewards"]
        moves: Any = tables.get("transitions")
        if moves is None:
            _check.entries(tables, "tables", ("pointer", "index", "probability"))
            _check.shape_of(rewards, "rewards in tables")
            if rewards.ndim < 3:
                raise ValueError(f"tables must hold rewards (N or 1, S, A_0, ...), found shape {rewards.shape}")
            _check.compressed_rows(tables["pointer"], tables["index"], tables["probability"],
                                   math.prod(rewards.shape[1:]), rewards.shape[1], "tables")
            moves = Rows(tables["pointer"].astype(np.int64), tables["index"], tables["probability"], False)
        rest = (moves, float(tables["discount"]), tables["initial"])
        stored = moves.probability if isinstance(moves, Rows) else moves
        single = "float32" if stored.dtype == np.float32 else "float64"
        more: dict[str, Any] = {"dtype": single} | masks_in(tables)
        several = rewards.shape[0] == rewards.ndim - 2 > 1
        return cls(rewards, *rest, **more) if several else cls.identical_interest(rewards[0], *rest, **more)

    def _move(self, state: int, actions: Any) -> tuple[int, Float]:
        if self._planes is None:
            object.__setattr__(self, "_planes", self.rewards)
        return sure_move(self, self._planes, state, actions)

    def _sampler_index(self) -> NDArray[np.int64]:  # (nnz,): next states of sparse rows
        if self._index is None:
            object.__setattr__(self, "_index", self.transitions.indices.astype(np.int64))
        return self._index  # type: ignore[no-any-return]

    _index: Any = None

    def build_sampler(self) -> Any:
        m = self._model
        if self.is_sparse:
            index = self._sampler_index()
            if index.size == m.pointer.size - 1 and (np.diff(m.pointer) == 1).all():
                return SureSampler.create(self, index)
            chances = alias(m.pointer, m.probability.astype(np.float64, copy=False), repr(self))
            return SparseSampler(*joint_rewards(self), m.pointer, index, *chances, m.initial, m.n_actions)
        rows = np.arange(m.transitions.size // self.num_states + 1) * self.num_states
        chances = alias(rows, m.transitions.reshape(-1).astype(np.float64, copy=False), repr(self))
        return DenseSampler(*joint_rewards(self), *chances, m.initial, m.n_actions)

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
        game = build(rewards, moves, self.discount, self.initial, name=self.name, **self._masks())
        return game._with(self.names, {})
