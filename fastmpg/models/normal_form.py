"""Normal-form games: one state, discount 0, Q the marginal reward itself.

Every rule and metric of Markov games runs on them unchanged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._check import Float
from ..kernels.contract_dense import contract_rewards
from ..kernels.joint import cut_players, own_action_first, scratch_sizes
from ..machine import attach, inlined
from .available import mask_of, missing_of, possible, possible_rewards, range_of
from .game import Game, reward_table
from .markov.sampler import DenseSampler, joint_rewards


class StageWork(NamedTuple):
    """reward (1, A_total); the rest is scratch of the contraction."""

    reward: Any
    lead: Any
    tail: Any
    x: Any
    y: Any
    others: Any


@inlined
def _contract(model, work, policy):
    """work.reward (1, A_total): every player's expected payoffs against the others' policies (1, A_total)."""
    contract_rewards(model.rewards, 0, policy[0], model.n_actions, model.offset, model.cut, work.lead, work.tail,
                     work.x, work.y, work.others, work.reward[0])


@inlined
def _factor(model, work):
    """No future: nothing to solve."""


@inlined
def _deviate(model, work, policy, i):
    """No future: nothing to solve."""


@inlined
def _solve(model, work, rhs, transposed):
    """No future: the solution is the right-hand side."""


@inlined
def _lookahead(model, work, policy, i, value, q):
    """q (1, A_total) = work.reward in the columns of player i; there is no next state."""
    for c in range(model.offset[i], model.offset[i + 1]):
        q[0, c] = work.reward[0, c]


@inlined
def _push(model, work, law, out):
    """out (1,) = law (1,): the one state."""
    out[0] = law[0]


@inlined
def _pull(model, work, value, out):
    """out (1,) = value (1,): the one state."""
    out[0] = value[0]


STAGE = {"factor": _factor, "deviate": _deviate, "solve": _solve, "lookahead": _lookahead, "push": _push, "pull": _pull}


@attach(contract=_contract, **STAGE)
class StageModel(NamedTuple):
    """rewards (N, 1, J) own action first, or (1, 1, J)   discount 0   initial (1,)

    n_actions (N,)   offset (N + 1,)   cut: first player of the contraction's tail group   missing (K,): columns
    """

    rewards: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    cut: int
    missing: Any


def _one_a_player(first: ArrayLike, others: tuple[ArrayLike, ...]) -> NDArray[Any]:
    """(N, A_0, ..., A_{N-1}) from N tables (A_0, ..., A_{N-1})."""
    tables = [_check.read(table, f"payoffs, the table of player {i},") for i, table in enumerate((first, *others))]
    shapes = [table.shape for table in tables]
    if set(map(len, shapes)) != {len(tables)} or len(set(shapes)) > 1:
        axes = ", ".join(f"A_{i}" for i in range(len(tables)))
        raise ValueError(f"payoffs, then others: {len(tables)} tables must be one a player, each of the same shape "
                         f"({axes}), found {_check.shown(shapes)}; NormalFormGame(A, B) takes two matrices, "
                         "NormalFormGame(payoffs) one array (N, A_0, ..., A_{N-1})")
    return np.stack(tables)


class NormalFormGame(Game):
    """A normal-form game from its payoff array.

    Parameters
    ----------
    payoffs : array_like (N, A_0, ..., A_{N-1})
        Payoff of every player at every joint action.
    *others : array_like (A_0, ..., A_{N-1})
        With these, ``payoffs`` is the first player's table and each of them the next one's: ``NormalFormGame(A, B)`` is
        the bimatrix game, rows player 0's actions in both.
    available : array_like (1, A_total) of bool, or list of (1, A_i), optional
        Which actions every player has, at least one; all of them by default. Payoffs at the others are never read. As
        of :class:`MarkovGame`; here the game without these actions is the same one.
    name : str
        What reports call it.

    Raises
    ------
    ValueError, TypeError
        If the shape does not fit N players or an entry is not a finite number.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.NormalFormGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    >>> game.num_players, game.num_actions, game.discount
    (2, (2, 2), 0.0)
    >>> fm.ne_gap(game, fm.uniform_policy(game))
    array([0.75, 0.75])
    >>> bimatrix = fm.NormalFormGame([[3, 0], [5, 1]], [[3, 5], [0, 1]])
    >>> bool((bimatrix.payoffs == game.payoffs).all())
    True
    """

    def __init__(self, payoffs: ArrayLike, *others: ArrayLike, available: Any = None,
                 name: str = "normal-form game") -> None:
        table = _one_a_player(payoffs, others) if others else _check.read(payoffs, "payoffs")
        if table.ndim < 2 or table.shape[0] != table.ndim - 1:
            raise ValueError(f"payoffs must have shape (N, A_0, ..., A_{{N-1}}) for N players, found {table.shape}: "
                             f"{table.ndim - 1} action axes for {table.shape[0] if table.ndim else 0} payoffs; "
                             "for one payoff shared by all use NormalFormGame.identical_interest, for two matrices "
                             "NormalFormGame(A, B)")
        self._build(table, available, name)

    @classmethod
    def identical_interest(cls, payoff: ArrayLike, *, available: Any = None,
                           name: str = "identical-interest game") -> NormalFormGame:
        """A game in which every player receives the same payoff, stored once.

        Parameters
        ----------
        payoff : array_like (A_0, ..., A_{N-1})
        available, name
            As for :class:`NormalFormGame`.
        """
        table = _check.read(payoff, "payoff")
        if table.ndim < 1:
            raise ValueError(f"payoff must have shape (A_0, ..., A_{{N-1}}), found the single number {table}")
        game = cls.__new__(cls)
        game._build(table[None], available, name, "payoff")
        return game

    def _build(self, given: NDArray[Any], available: Any, name: str, what: str = "payoffs") -> None:
        if given.size == 0:
            raise ValueError(f"every player needs at least one action, found {what} of shape {given.shape}")
        mask = mask_of(available, 1, given.shape[1:])
        if mask is not None:
            given = possible_rewards(given, what, possible(mask, given.shape[1:])[0])
        own = given.shape[0] == given.ndim - 1 > 1
        table = _check.array(given, what, advice=_check.FORBIDDEN, copy=not own)
        self.num_players, self.num_states = table.ndim - 1, 1
        self.num_actions = tuple(map(int, table.shape[1:]))
        self.discount, self.initial = 0.0, np.ones(1)
        self.shares_reward, self.available = table.shape[0] == 1, mask
        self.name = _check.text(name, "name")
        planes = own_action_first(table[:, None], self.num_actions) if own else table.reshape(table.shape[0], 1, -1)
        self._model = StageModel(planes, 0.0, self.initial,
                                 np.array(self.num_actions, np.int64), self.offset, cut_players(self.num_actions, 1),
                                 missing_of(mask))
        self.initial = self.initial.view()
        self.initial.flags.writeable = False
        self._frozen = True

    @property
    def payoffs(self) -> Float:
        """(N or 1, A_0, ...), read-only; one plane when the players share it."""
        return reward_table(self._model.rewards, self.num_actions)[:, 0]

    def _move(self, state: int, actions: Any) -> tuple[int, Float]:
        at: Any = (slice(None), *(int(a) for a in actions))
        return 0, np.broadcast_to(self.payoffs[at], (self.num_players,)).copy()

    @property
    def rewards(self) -> Float:
        """(N or 1, 1, A_0, ...), read-only: the payoffs as a Markov game with one state has them."""
        return self.payoffs[:, None]

    @property
    def transitions(self) -> Float:
        """(1, A_0, ..., 1), all ones, read-only."""
        return np.broadcast_to(np.ones(1), (1, *self.num_actions, 1))

    @property
    def model(self) -> StageModel:
        return self._model

    def workspace(self, threads: int = 1) -> StageWork:
        reward = np.zeros((1, sum(self.num_actions)))
        return StageWork(reward, *(np.zeros(n) for n in scratch_sizes(self.num_actions, self._model.cut, 1)))

    def workspace_bytes(self, threads: int = 1) -> int:
        return 8 * (sum(self.num_actions) + sum(scratch_sizes(self.num_actions, self._model.cut, 1)))

    def tables(self) -> dict[str, NDArray[Any]]:
        return {"payoffs": self.payoffs} | ({} if self.available is None else {"available": self.available})

    @classmethod
    def from_tables(cls, tables: dict[str, NDArray[Any]]) -> NormalFormGame:
        payoffs, mask = _check.entries(tables, "tables", ("payoffs",))["payoffs"], tables.get("available")
        several = payoffs.shape[0] == payoffs.ndim - 1 > 1
        return cls(payoffs, available=mask) if several else cls.identical_interest(payoffs[0], available=mask)

    def build_sampler(self) -> DenseSampler:
        return DenseSampler(*joint_rewards(self), np.zeros(0), np.zeros(0, np.int32), self._model.initial,
                            self._model.n_actions)

    @property
    def nbytes(self) -> int:
        return int(self._model.rewards.nbytes)

    def payoff_range(self) -> Float:
        if self.available is None:
            table = self._model.rewards.reshape(self._model.rewards.shape[0], -1)
            both = np.stack([table.min(axis=1), table.max(axis=1)], axis=1)
        else:
            both = range_of(self.payoffs, possible(self.available, self.num_actions)[0])
        return np.broadcast_to(both, (self.num_players, 2)).copy()

    def to_dense(self) -> Game:
        """The same game as a dense :class:`MarkovGame` with one state."""
        from .markov.game import MarkovGame

        ones = np.ones((1, *self.num_actions, 1))
        if self.shares_reward:
            game = MarkovGame.identical_interest(self.rewards[0], ones, 0.0, available=self.available, name=self.name)
        else:
            game = MarkovGame(self.rewards, ones, 0.0, available=self.available, name=self.name)
        return game._with(self.names, {})
