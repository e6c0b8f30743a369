"""Games of one's own: what actions are worth against the others' policies, in compiled code, and no joint action."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Float
from ..machine import attach, kernel, lapack, user_kernel
from ..machine.explain import explaining
from .available import mask_of, missing_of
from .chain import CHAIN
from .game import Game
from .markov.game import MarkovGame, dense_bytes
from .normal_form import STAGE
from .outside import compiled
from .simulator import ByName

INSTEAD = "use fewer states or actions"


class CustomWork(NamedTuple):
    """reward (S, A_total)   p_bar (S, A_total, S), chain (S, S), lu, pivot, routines, scalars: of games with a future
    """

    reward: Any
    p_bar: Any
    chain: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any


@kernel
def _induce(model, work, policy):
    """chain[s, t] = sum_c policy[s, c] p_bar[s, c, t] over the columns c of player 0, which any player's equal."""
    for s in range(work.chain.shape[0]):
        for t in range(work.chain.shape[1]):
            total = 0.0
            for c in range(model.offset[1]):
                if policy[s, c] != 0.0:
                    total += policy[s, c] * work.p_bar[s, c, t]
            work.chain[s, t] = total


@functools.lru_cache(maxsize=256)
def _kind(worth: Any, moves: Any) -> Any:
    """The class of models with these kernels: one for each pair, so that a second game compiles nothing."""
    if moves is None:

        @user_kernel
        def contract(model, work, policy):
            """work.reward (1, A_total), by the user's function of policy (1, A_total)."""
            worth(model.tables, policy, work.reward)

        others = STAGE
    else:

        @user_kernel
        def contract(model, work, policy):
            """work.reward (S, A_total), work.p_bar (S, A_total, S) by the user's functions, work.chain (S, S)."""
            worth(model.tables, policy, work.reward)
            moves(model.tables, policy, work.p_bar)
            _induce(model, work, policy)

        others = CHAIN

    @attach(contract=contract, **others)
    class CustomModel(NamedTuple):
        tables: Any
        discount: float
        initial: Any
        n_actions: Any
        offset: Any
        missing: Any

    CustomModel.__module__ = "user"  # never cached: nobody can stamp a user's functions
    return CustomModel


class CustomGame(Game):
    """A game of your own, whose expected payoffs you can compute: two functions, and arrays for them to read.

    Exact values, gaps, rules and solvers work with it as with any game. Players' actions are never combined, unless
    your functions do that.

    Parameters
    ----------
    worth : callable
        ``worth(tables, policy, out)`` fills out (S, A_total): what every action of every player is worth in a state,
        on average over the *others'* policies (S, A_total); player i has columns offset[i] to offset[i + 1]. Compiled
        by numba: a plain function of arrays and numbers that remembers nothing.
    tables : NamedTuple of arrays and numbers
        What the functions read, copied here. Numbers become float64, whole numbers int64.
    num_actions : sequence of int
        One number a player.
    num_states : int
    moves : callable, optional
        Of games with several states or a future: ``moves(tables, policy, out)`` fills out (S, A_total, S): the
        probability of every next state, given a player's action, on average over the others' policies.
    discount : float
        In [0, 1].
    initial : array_like (S,), optional
        Law of the first state; uniform by default.
    payoffs : array_like (2,) or (N, 2), optional
        Bounds on what players can receive at once, smallest and largest; without them relative gaps are not known. The
        certified error of values is infinite in any case, as nothing is known of your arithmetic.
    available : array_like (S, A_total) of bool, or list of (S, A_i), optional
        Which actions there are; all by default.
    name : str

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or a function fails, fills in what is no number, or probabilities that do not sum
        to 1, when it is tried at the uniform policy, uncompiled.
    MemoryError
        If the workspace would not fit.

    Examples
    --------
    A thousand drivers on two roads, each slower the more take it:

    >>> from typing import Any, NamedTuple
    >>> import numpy as np, fastmpg as fm
    >>> class Roads(NamedTuple):
    ...     slope: Any
    >>> def worth(roads, policy, out):
    ...     n = roads.slope.size
    ...     for road in range(n):
    ...         load = policy[0, road::n].sum()  # expected number of drivers
    ...         for i in range(policy.shape[1] // n):
    ...             out[0, n * i + road] = -roads.slope[road] * (1.0 + load - policy[0, n * i + road])
    >>> game = fm.CustomGame(worth, Roads(np.array([1.0, 3.0])), (2,) * 1000, payoffs=(-3000, -1))
    >>> fm.evaluate(game, fm.uniform_policy(game)).q_bar[0, :2]
    array([ -500.5, -1501.5])

    Notes
    -----
    A model that needs more, as sparse transitions or a sampler, is a subclass of :class:`fastmpg.Game`: a ``model``
    whose class carries the kernels of fastmpg/models/game.py, ``workspace``, ``workspace_bytes``, ``nbytes``,
    ``payoff_range``, ``to_dense`` and ``build_sampler``.
    """

    def __init__(self, worth: Callable[..., Any], tables: Any, num_actions: Sequence[int], num_states: int = 1, *,
                 moves: Callable[..., Any] | None = None, discount: float = 0.0, initial: ArrayLike | None = None,
                 payoffs: ArrayLike | None = None, available: Any = None, name: str = "custom game") -> None:
        _check.arity(worth, 3, "worth", "worth(tables, policy, out)")
        if moves is not None:
            _check.arity(moves, 3, "moves", "moves(tables, policy, out)")
        actions = _check.num_actions(num_actions)
        n_states = _check.integer(num_states, "num_states", low=1, high=2**31)
        gamma = _check.real(discount, "discount", 0.0, 1.0)
        if moves is None and (n_states > 1 or gamma > 0.0):
            raise ValueError(f"moves must be given for a game of {n_states} states and discount {gamma:g}: without "
                             "them it has one state and no future")
        columns = sum(actions)
        side = n_states if moves is not None else 0
        _check.budget(8 * (n_states * columns * (n_states + 8) + 2 * side**2),
                      f"a game of {n_states} states and {columns} actions of {len(actions)} players", INSTEAD)
        self.num_players, self.num_states, self.num_actions = len(actions), n_states, actions
        self.discount, self.name, self.shares_reward = gamma, _check.text(name, "name"), False
        self.available = mask_of(available, n_states, actions)
        rho, self.largest_change = _check.initial(initial, n_states)
        self._functions, self._tables, self._law = (worth, moves), _tables(tables), rho
        self._range = _bounds(payoffs, len(actions))
        self.initial = rho.view()
        self.initial.flags.writeable = False
        self._try()
        self._frozen = True

    def _try(self) -> None:
        """The functions at the uniform policy, uncompiled, so that mistakes come with a Python traceback."""
        out, law = self._ask(*(getattr(each, "py_func", each) for each in self._functions))
        there = np.ones(out.shape, np.bool_) if self.available is None else self.available
        if not np.isfinite(out[there]).all():
            s, c = (int(x) for x in np.argwhere(there & ~np.isfinite(out))[0])
            raise ValueError(f"worth must fill out with finite numbers, found {float(out[s, c])} in state {s}, column "
                             f"{c}, at the uniform policy")
        with np.errstate(invalid="ignore"):
            sums = np.abs(law.sum(axis=-1) - 1.0) <= _check.TOLERANCE
            wrong = there & ~(sums & (law >= -_check.TOLERANCE).all(axis=-1))
        if wrong.any():
            s, c = (int(x) for x in np.argwhere(wrong)[0])
            raise ValueError("moves must fill out with probabilities that sum to 1, found "
                             f"{_check.shown(law[s, c].tolist())} in state {s}, column {c}, at the uniform policy")

    def _ask(self, worth: Any, moves: Any) -> tuple[Float, Float]:
        """What functions fill in at the uniform policy: (S, A_total) and (S, A_total, S)."""
        even = np.repeat(1.0 / self.action_counts(), self.num_actions, axis=1)
        even = even if self.available is None else np.where(self.available, even, 0.0)
        out = np.full(even.shape, np.nan)
        with explaining(worth, "worth"):
            worth(self._tables, even, out)
        law = np.full((*even.shape, self.num_states), 1.0 if moves is None else np.nan)
        if moves is not None:
            with explaining(moves, "moves"):
                moves(self._tables, even, law)
        return out, law

    @property
    def model(self) -> Any:
        """The NamedTuple that kernels take."""
        if self._made is None:
            kind = _kind(*self._kernels())
            self._ask(*self._kernels())  # what cannot be compiled is told here, by its line
            object.__setattr__(self, "_made", kind(self._tables, self.discount, self._law,
                                                   np.array(self.num_actions, np.int64), self.offset,
                                                   missing_of(self.available)))
        return self._made

    _made: Any = None
    _compiled: Any = None

    def _kernels(self) -> Any:
        """The functions as they are when the game is first asked."""
        if self._compiled is None:
            object.__setattr__(self, "_compiled", tuple(each and compiled(each) for each in self._functions))
        return self._compiled

    @property
    def _side(self) -> int:
        return self.num_states if self._functions[1] is not None else 0

    def workspace(self, threads: int = 1) -> CustomWork:
        _check.budget(self.workspace_bytes(threads), f"one evaluation of {self!r}", INSTEAD)
        side, columns = self._side, sum(self.num_actions)
        square = np.zeros((side, side))
        return CustomWork(np.zeros((self.num_states, columns)), np.zeros((side, columns * (side > 0), side)), square,
                          square.copy(), np.zeros(side, np.int32), np.array([lapack("dgetrf"), lapack("dgetrs")]),
                          np.zeros(4, np.int32))

    def workspace_bytes(self, threads: int = 1) -> int:
        side, columns = self._side, sum(self.num_actions)
        return 8 * (self.num_states * columns + side * columns * side + 2 * side**2 + side)

    @property
    def nbytes(self) -> int:
        return sum(int(getattr(each, "nbytes", 8)) for each in self._tables)

    def payoff_range(self) -> Float:
        """The given bounds; else from -inf to inf."""
        return self._range.copy()

    def to_dense(self) -> Game:
        """The same game as tables over joint actions, by your functions at pure policies.

        Raises
        ------
        MemoryError
            If they would not fit, with their size.
        """
        n_states, actions = self.num_states, self.num_actions
        need = 2 * dense_bytes(n_states, actions, self.num_players)
        _check.budget(need, f"the dense form of {self!r}", "keep the form that it has")
        worth, moves = self._kernels()
        joint, columns = math.prod(actions), sum(actions)
        rewards, law = np.zeros((self.num_players, n_states, joint)), np.ones((n_states, joint, n_states))
        out, probabilities = np.zeros((n_states, columns)), np.zeros((n_states, columns, n_states))
        for j in range(joint):
            chosen = self.offset[:-1] + np.array(np.unravel_index(j, actions))
            pure = np.zeros((n_states, columns))
            pure[:, chosen] = 1.0
            worth(self._tables, pure, out)
            rewards[:, :, j] = out[:, chosen].T
            if moves is not None:
                moves(self._tables, pure, probabilities)
                law[:, j] = probabilities[:, chosen[0]]
        game = MarkovGame(rewards.reshape(self.num_players, n_states, *actions), law.reshape(n_states, *actions, -1),
                          self.discount, self.initial, available=self.available, name=self.name)
        return game._with(self.names, {})

    def build_sampler(self) -> Any:
        """Refused: what is known are expectations."""
        raise TypeError(f"{self!r} cannot be simulated: it knows expectations alone; build a fastmpg.SimulatorGame, or "
                        "ask for to_dense()")

    def _content(self) -> Any:
        return (*self._functions, *self._tables, self._law, self._range, self.available)

    def __getstate__(self) -> dict[str, Any]:
        kept = super().__getstate__()
        for name in ("_made", "_compiled"):
            kept.pop(name, None)
        named = tuple(each and ByName(each, what) for each, what in zip(self._functions, ("worth", "moves"),
                                                                       strict=True))
        return kept | {"_functions": named}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state | {"_functions": tuple(getattr(each, "function", each)
                                                          for each in state["_functions"])})


def _tables(given: Any) -> Any:
    """The user's NamedTuple with arrays of its own, of the layout that kernels are compiled for."""
    if not (isinstance(given, tuple) and hasattr(given, "_fields")) or isinstance(given, type):
        raise TypeError(f"tables must be a NamedTuple of arrays and numbers, found {_check.shown(given)}")
    found: list[Any] = []
    for field, value in zip(given._fields, given, strict=True):
        table = _check.read(value, f"tables.{field}")
        whole = table.dtype.kind in "iub"
        own = np.array(table, np.int64 if whole else np.float64, order="C")
        if not whole and not np.isfinite(own).all():
            raise ValueError(f"tables.{field} must be finite, found {float(own[~np.isfinite(own)][0])}")
        found.append(own if table.ndim else own.item())
    kind: Any = type(given)
    return kind(*found)


def _bounds(given: Any, players: int) -> Float:
    """(N, 2) bounds on payoffs."""
    if given is None:
        return np.array([[-np.inf, np.inf]] * players)
    table = _check.array(given, "payoffs")
    if table.shape not in ((2,), (players, 2)):
        raise ValueError(f"payoffs must be bounds, smallest and largest, of shape (2,) or (N, 2) = {(players, 2)}, "
                         f"found {table.shape}")
    both = np.broadcast_to(table, (players, 2)).copy()
    if (both[:, 0] > both[:, 1]).any():
        raise ValueError(f"payoffs must be the smallest and the largest, found {_check.shown(both.tolist())}")
    return both
