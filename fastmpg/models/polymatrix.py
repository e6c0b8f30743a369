"""Polymatrix games: a player's payoff is a sum over its neighbours on a graph. No joint action is formed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from .._check import Float
from ..kernels import dense_solve
from ..kernels.alias import draw
from ..machine import attach, inlined, kernel, lapack
from ..machine.vectors import gather
from .available import mask_of, missing_of
from .game import Game, masks_in
from .markov.game import MarkovGame, dense_bytes
from .sampler import alias, begin_by_law, row_is_state
from .terminal import ending_moves, going_on, terminal_of

INSTEAD = "use fewer states, or leave pairs without payoffs out"


class PolymatrixWork(NamedTuple):
    """reward (S, A_total)   lu, pivot, routines, scalars: factors of the chain, which no policy changes"""

    reward: Any
    lu: Any
    pivot: Any
    routines: Any
    scalars: Any


@kernel
def _contract(model, work, policy):
    """reward[s, c] = solo[s, c] + sum over player i's edges of its table times the neighbour's policy.

    policy, reward (S, A_total)   payoffs[start + (s A_i + a) A_k + b]: what i gets for (a, b) on this edge
    """
    for s in range(policy.shape[0]):
        for i in range(model.n_actions.size):
            low, n = model.offset[i], model.n_actions[i]
            for a in range(n):
                work.reward[s, low + a] = model.solo[s, low + a]
            for e in range(model.edges[i], model.edges[i + 1]):
                k = model.other[e]
                m, base = model.n_actions[k], model.offset[k]
                start = model.start[e] + s * n * m
                for a in range(n):
                    total = 0.0
                    for b in range(m):
                        total += model.payoffs[start + a * m + b] * policy[s, base + b]
                    work.reward[s, low + a] += total


@kernel
def _factor(model, work):
    """LU factors of I - gamma P; P (S, S) depends on nobody's actions."""
    if work.lu.shape[0] > 0:
        dense_solve.system(model.transitions, model.discount, work.lu)
        dense_solve.factor(work.lu, work.pivot, work.routines, work.scalars)


@inlined
def _deviate(model, work, policy, i):
    """Deviating changes no transition: the factors stay."""


@kernel
def _solve(model, work, rhs, transposed):
    """rhs (R, S) <- (I - gamma P)^-1 rhs, or by the transpose."""
    if work.lu.shape[0] > 0:
        dense_solve.solve(work.lu, work.pivot, work.routines, work.scalars, rhs, transposed)


@kernel
def _lookahead(model, work, policy, i, value, q):
    """q[s, c] = reward[s, c] + gamma sum_t P(t | s) value(t) in the columns of player i; q (S, A_total)."""
    for s in range(value.size):
        total = 0.0
        if model.discount > 0.0:
            for t in range(value.size):
                total += model.transitions[s, t] * value[t]
        for c in range(model.offset[i], model.offset[i + 1]):
            q[s, c] = work.reward[s, c] + model.discount * total


@kernel
def _push(model, work, law, out):
    """out(t) = sum_s law(s) P(t | s): nobody's actions matter.    law, out (S,)"""
    for t in range(law.size):
        total = 0.0
        for s in range(law.size):
            total += law[s] * model.transitions[s, t]
        out[t] = total


@kernel
def _pull(model, work, value, out):
    """out(s) = sum_t P(t | s) value(t): nobody's actions matter.    value, out (S,)"""
    for s in range(value.size):
        total = 0.0
        for t in range(value.size):
            total += model.transitions[s, t] * value[t]
        out[s] = total


@attach(contract=_contract, factor=_factor, deviate=_deviate, solve=_solve, lookahead=_lookahead, push=_push,
        pull=_pull)
class PolymatrixModel(NamedTuple):
    """payoffs: tables (S, A_i, A_k), one after the other   edges (N + 1,): player i's are edges[i] .. edges[i + 1] - 1

    other, start (edges,): the neighbour and where the table begins   solo (S, A_total)
    transitions (S, S)   discount   initial   missing (K,): places in a flat (S, A_total)
    """

    payoffs: Any
    edges: Any
    other: Any
    start: Any
    solo: Any
    transitions: Any
    discount: float
    initial: Any
    n_actions: Any
    offset: Any
    missing: Any


@inlined
def _step(sampler, state, actions, rewards, uniforms, at):
    """The next state, which no action changes; rewards (N,) of actions (N,): own part and one entry an edge."""
    m = sampler.model
    for i in range(m.n_actions.size):
        total = m.solo[state, m.offset[i] + actions[i]]
        for e in range(m.edges[i], m.edges[i + 1]):
            k = m.other[e]
            total += gather(m.payoffs, m.start[e] + (state * m.n_actions[i] + actions[i]) * m.n_actions[k] + actions[k])
        rewards[i] = total
    n = m.initial.size
    return draw(gather(uniforms, at), state * n, n, sampler.threshold, sampler.other) if n > 1 else 0


@attach(begin=begin_by_law, step=_step, row=row_is_state)
class PolymatrixSampler(NamedTuple):
    """The model, with alias tables of its transitions."""

    model: Any
    threshold: Any
    other: Any
    initial: Any


def _extremes(table: Float, can: Any, axes: tuple[int, ...]) -> Float:
    """(S, 2): the smallest and the largest entry of (S, ...) in every state, where ``can`` says that it counts."""
    return np.stack([table.min(axis=axes, where=can, initial=np.inf), table.max(axis=axes, where=can, initial=-np.inf)],
                    axis=1)


class PolymatrixGame(Game):
    """A game in which every player's payoff is a sum of payoffs against single others.

    Parameters
    ----------
    payoffs : mapping of (int, int) to array_like (A_i, A_k) or (S, A_i, A_k)
        payoffs[i, k]: what player i receives from the pair's actions, its own first. Pairs that are not named give
        nothing.
    num_actions : sequence of int
        One number a player.
    transitions : array_like (S, S), optional
        The states' law of motion, which nobody influences; one state by default.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    initial : array_like (S,), optional
        Law of the first state; uniform by default.
    available : array_like (S, A_total) of bool, or list of (S, A_i), optional
        Which actions every player has in which state, at least one; all of them by default. Payoffs at the others are
        never read.
    terminal : array_like (S,) of bool, or sequence of int, optional
        States that end the game: nobody receives anything there, and the state stays, whatever the tables hold.
    solo : list of array_like (A_i,) or (S, A_i), optional
        What players receive for their own actions alone.
    name : str

    Raises
    ------
    ValueError, TypeError
        What is wrong and where.
    MemoryError
        If the tables would not fit.

    Examples
    --------
    >>> import fastmpg as fm
    >>> pennies = [[1, -1], [-1, 1]]
    >>> game = fm.PolymatrixGame({(0, 1): pennies, (1, 2): pennies, (2, 0): pennies}, (2, 2, 2))
    >>> fm.evaluate(game, [[[1, 0]], [[1, 0]], [[0.5, 0.5]]]).value.ravel()
    array([1., 0., 0.])
    """

    def __init__(self, payoffs: Mapping[tuple[int, int], ArrayLike], num_actions: Any,
                 transitions: ArrayLike | None = None, discount: float = 0.0, initial: ArrayLike | None = None, *,
                 available: Any = None, terminal: Any = None, solo: Any = None, name: str = "polymatrix game") -> None:
        actions = _check.num_actions(num_actions)
        if not isinstance(payoffs, Mapping):
            raise TypeError(f"payoffs must map pairs of players to tables, found {type(payoffs).__name__}; write "
                            f"{{(0, 1): table, ...}}")
        if solo is not None:
            solo = _check.sequence(solo, "solo", "tables, one per player")
        given_moves = _check.read([[1.0]] if transitions is None else transitions, "transitions")
        ended = None
        if terminal is not None and given_moves.ndim == 2 and given_moves.shape[0] == given_moves.shape[1]:
            ended = terminal_of(terminal, len(given_moves))
        moves, single, _ = _check.law_table(ending_moves(given_moves, "transitions", ended), "transitions")
        if moves.ndim != 2 or moves.shape[0] != moves.shape[1] or moves.shape[0] == 0:
            raise ValueError(f"transitions must have shape (S, S), found {moves.shape}: no player influences them")
        moves, change = _check.transitions(moves, single, lambda row: f"in state {row}")
        n_states, n_players = moves.shape[0], len(actions)
        gamma, mask = _check.discount(discount), mask_of(available, n_states, actions)
        read = going_on(mask, ended, sum(actions))
        can = None if read is None else np.split(read, np.cumsum(actions)[:-1], axis=1)
        for pair in payoffs:
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(_check.is_int, pair))):
                raise TypeError(f"payoffs must map pairs of players to tables, found the key {_check.shown(pair)}")
            if pair[0] == pair[1] or not all(0 <= x < n_players for x in pair):
                raise ValueError(f"payoffs must name two different players below {n_players}, found "
                                 f"{_check.shown(pair)}")
        need = 8 * n_states * (sum(actions[i] * actions[k] for i, k in payoffs) + 2 * sum(actions) + 3 * n_states)
        _check.budget(need, f"a polymatrix game of {len(payoffs)} ordered pairs and {n_states} states", INSTEAD)
        pairs = sorted((int(i), int(k)) for i, k in payoffs)
        flat = np.empty(n_states * sum(actions[i] * actions[k] for i, k in pairs))
        start, at = np.empty(len(pairs), np.int64), 0
        for e, (i, k) in enumerate(pairs):
            given, full = _check.read(payoffs[i, k], f"payoffs[{i}, {k}]"), (n_states, actions[i], actions[k])
            if given.shape not in (full, full[1:]):
                raise ValueError(f"payoffs[{i}, {k}] must have shape (A_{i}, A_{k}) = {full[1:]}, or with states in "
                                 f"front {full}, found {given.shape}")
            if can is not None:
                given = np.where(can[i][:, :, None] & can[k][:, None], given, 0)
            table = _check.array(given, f"payoffs[{i}, {k}]", copy=False, advice=_check.FORBIDDEN)
            start[e] = at
            flat[at:at + math.prod(full)] = np.broadcast_to(table, full).ravel()
            at += math.prod(full)
        alone = np.zeros((n_states, sum(actions)))
        self.num_players, self.num_states, self.num_actions = n_players, n_states, actions
        self.discount, self.name, self.shares_reward, self.available = gamma, _check.text(name, "name"), False, mask
        self.terminal = ended
        if solo is not None:
            if len(solo) != n_players:
                raise ValueError(f"solo must have one table per player, {n_players}, found {len(solo)}")
            for i, (low, high) in enumerate(zip(self.offset[:-1], self.offset[1:], strict=True)):
                row = _check.read(solo[i], f"solo[{i}]")
                if row.shape not in ((high - low,), (n_states, high - low)):
                    raise ValueError(f"solo[{i}] must have shape ({high - low},) or {(n_states, int(high - low))}, "
                                     f"found {row.shape}")
                alone[:, low:high] = _check.array(row if can is None else np.where(can[i], row, 0), f"solo[{i}]",
                                                  advice=_check.FORBIDDEN)
        rho, moved = _check.initial(initial, n_states)
        owners = np.array([i for i, _ in pairs], np.int64)
        edges, others = np.searchsorted(owners, np.arange(n_players + 1)), np.array([k for _, k in pairs], np.int64)
        self._model = PolymatrixModel(flat, edges, others, start, alone, moves, gamma, rho, np.array(actions, np.int64),
                                      self.offset, missing_of(mask))
        self.largest_change = max(change, moved)
        self.initial = rho.view()
        self.initial.flags.writeable = False
        self._frozen = True

    @property
    def payoffs(self) -> dict[tuple[int, int], Float]:
        """Every pair's table (S, A_i, A_k), read-only."""
        m, found = self._model, {}
        for i in range(self.num_players):
            for e in range(m.edges[i], m.edges[i + 1]):
                k = int(m.other[e])
                shape = (self.num_states, self.num_actions[i], self.num_actions[k])
                found[i, k] = m.payoffs[m.start[e]:m.start[e] + math.prod(shape)].reshape(shape)
                found[i, k].flags.writeable = False
        return found

    @property
    def model(self) -> PolymatrixModel:
        return self._model

    def workspace(self, threads: int = 1) -> PolymatrixWork:
        side = self.num_states if self.discount > 0.0 else 0
        return PolymatrixWork(np.zeros(self._model.solo.shape), np.zeros((side, side)), np.zeros(side, np.int32),
                              np.array([lapack("dgetrf"), lapack("dgetrs")]), np.zeros(4, np.int32))

    def workspace_bytes(self, threads: int = 1) -> int:
        return 8 * self.num_states * (sum(self.num_actions) + self.num_states + 2)

    @property
    def nbytes(self) -> int:
        return sum(int(getattr(table, "nbytes", 0)) for table in self._model)

    def payoff_range(self) -> Float:
        """Bounds: sums of the tables' own smallest and largest entries."""
        bounds = np.zeros((self.num_players, self.num_states, 2))
        m = self._model
        mask = np.ones(m.solo.shape, np.bool_) if self.available is None else self.available
        can = np.split(mask, self.offset[1:-1], axis=1)
        for i in range(self.num_players):
            bounds[i] = _extremes(m.solo[:, m.offset[i]:m.offset[i + 1]], can[i], (1,))
        for (i, k), table in self.payoffs.items():
            bounds[i] += _extremes(table, can[i][:, :, None] & can[k][:, None], (1, 2))
        return np.stack([bounds[..., 0].min(axis=1), bounds[..., 1].max(axis=1)], axis=1)

    def tables(self) -> dict[str, NDArray[Any]]:
        m = self._model
        pairs = np.array([(i, k) for i, k in self.payoffs], np.int64).reshape(-1, 2)
        found = {"payoffs": m.payoffs, "pairs": pairs, "solo": m.solo, "transitions": m.transitions,
                 "discount": np.array(m.discount), "initial": m.initial, "num_actions": m.n_actions}
        return found | self._kept_masks()

    @classmethod
    def from_tables(cls, tables: dict[str, NDArray[Any]]) -> PolymatrixGame:
        _check.entries(tables, "tables", ("payoffs", "pairs", "solo", "transitions", "discount", "initial",
                                          "num_actions"))
        actions, n_states = tuple(map(int, tables["num_actions"])), tables["transitions"].shape[0]
        given, at = {}, 0
        for i, k in tables["pairs"].tolist():
            shape = (n_states, actions[i], actions[k])
            given[i, k] = tables["payoffs"][at:at + math.prod(shape)].reshape(shape)
            at += math.prod(shape)
        solo = np.split(np.asarray(tables["solo"]), np.cumsum(actions)[:-1], axis=1)
        return cls(given, actions, tables["transitions"], float(tables["discount"]), tables["initial"], solo=solo,
                   **masks_in(tables))

    def build_sampler(self) -> PolymatrixSampler:
        m, n = self._model, self.num_states
        return PolymatrixSampler(m, *alias(np.arange(n + 1) * n, m.transitions.reshape(-1), repr(self)), m.initial)

    def to_dense(self) -> MarkovGame:
        """The same game with tables over joint actions.

        Raises
        ------
        MemoryError
            If they would not fit, with their size.
        """
        actions, n_states = self.num_actions, self.num_states
        _check.budget(2 * dense_bytes(n_states, actions, self.num_players), f"the dense form of {self!r}",
                      "keep the polymatrix form")
        rewards = np.zeros((self.num_players, n_states, *actions))
        for i in range(self.num_players):
            shape = [n_states] + [1] * self.num_players
            shape[1 + i] = actions[i]
            rewards[i] += self._model.solo[:, self.offset[i]:self.offset[i + 1]].reshape(shape)
        for (i, k), table in self.payoffs.items():
            shape = [n_states] + [1] * self.num_players
            shape[1 + i], shape[1 + k] = actions[i], actions[k]
            rewards[i] += (table if i < k else table.transpose(0, 2, 1)).reshape(shape)
        moves = np.broadcast_to(self._model.transitions.reshape(n_states, *(1,) * len(actions), n_states),
                                (n_states, *actions, n_states))
        game = MarkovGame(rewards, moves, self.discount, self.initial, name=self.name, **self._masks())
        return game._with(self.names, {})
