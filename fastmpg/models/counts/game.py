"""Anonymous games: rewards and transitions see how many players choose each action, not who.

No joint action is formed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ..._check import Float
from ...kernels import contract_counts
from ...kernels.contract_counts import EACH, FACTORED, FIXED, OWN, SHARED, TABLE, VECTOR, vectors
from ...machine import UNCOMPILED, fanned, lapack
from ..available import mask_of, missing_of
from ..game import Game, masks_in
from ..markov.game import MarkovGame, dense_bytes
from ..terminal import ending_counts, terminal_of
from .model import CountModel, CountScratch, CountWork, contract_share
from .reach import received
from .sampler import CountSampler, FlatSampler
from .vectors import INSTEAD, MOST_ACTIONS, _chooses, _indices, count_vectors


class CountGame(Game):
    """A Markov game of N players with the same L actions whose rewards and transitions depend on counts alone.

    Exact evaluation needs the laws of counts, not the L^N joint actions: a thousand players on two links are
    milliseconds.

    Parameters
    ----------
    payoffs : array_like (S, L, N + 1) or (N, S, L, N + 1)
        payoffs[s, a, n]: what a player that chooses a in state s receives when n players, itself among them, choose a.
        With a leading axis every player has payoffs of its own. Entries at n = 0 are never used. For payoffs that
        depend on the other counts too see :meth:`from_count_vectors`, for one reward shared by all
        :meth:`identical_interest`.
    transitions : array_like or callable
        One of

        - (L, m, N + 1, m): entry [l, x, n, y] is the probability that facility l goes from its state x to y when n
          players choose action l. Given the counts the facilities move independently; the game's state is theirs
          together, S = m**L in C order (facility 0 slowest).
        - (S, C, S): entry [s, k, t] for count vector k, in the order of :func:`fastmpg.count_vectors`.
        - a function f(s, counts) of a state and all count vectors (C, L) that returns their rows (C, S); called here,
          once a state.
        - (S, S): the same whatever the players do.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    initial : array_like (S,), optional
        Law of the first state; uniform by default.
    available : array_like (S, N L) of bool, or list of (S, L), one a player, optional
        Which actions every player has in which state, at least one; all of them by default. Players with different
        actions still count as one each. Entries of the tables must be finite and rows sum to 1 at all counts, also at
        those that players cannot reach.
    terminal : array_like (S,) of bool, or sequence of int, optional
        States that end the game: nobody receives anything there, and the state stays, whatever the tables hold. Not
        with a table a facility.
    name : str
        What reports call it.
    max_bytes : int, optional
        Refuse to build past this size; by default, what the machine has free.

    Raises
    ------
    ValueError, TypeError
        What is wrong and where.
    MemoryError
        If the tables or the workspace of one evaluation would not fit, before anything is allocated.

    Examples
    --------
    Two roads that are slower the more players take them:

    >>> import numpy as np, fastmpg as fm
    >>> delay = -np.arange(101) * np.array([[[1.0], [3.0]]])
    >>> game = fm.CountGame(delay, [[1.0]], discount=0.0)
    >>> found = fm.evaluate(game, fm.uniform_policy(game))
    >>> game.num_players, game.num_actions[:2], found.q_bar[0, :2].round(9).tolist()
    (100, (2, 2), [-50.5, -151.5])
    """

    def __init__(self, payoffs: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None, *,
                 available: Any = None, terminal: Any = None, name: str = "count game",
                 max_bytes: int | None = None) -> None:
        found = _check.shape_of(payoffs, "payoffs")
        if len(found) == 4 and found[3] == found[0] + 1:
            kind, n_players = EACH, found[0]
        elif len(found) == 3 and found[2] > 0:
            kind, n_players = OWN, found[2] - 1
        else:
            raise ValueError("payoffs must have shape (S, L, N + 1), or (N, S, L, N + 1) for payoffs of every player's "
                             f"own, found {found}; for payoffs by count vector use CountGame.from_count_vectors, for "
                             "one reward shared by all CountGame.identical_interest")
        self._build(kind, payoffs, found[-3], n_players, found[-2], transitions, discount, initial, available, terminal,
                    name, max_bytes)

    @classmethod
    def from_count_vectors(cls, payoffs: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None,
                           *, num_players: int, available: Any = None, terminal: Any = None, name: str = "count game",
                           max_bytes: int | None = None) -> CountGame:
        """A game whose payoffs depend on the whole count vector.

        Parameters
        ----------
        payoffs : array_like (S, L, C)
            payoffs[s, a, k]: what a player that chooses a receives at count vector k, itself counted, in the order of
            :func:`fastmpg.count_vectors`. Entries at vectors with nobody on a are never used.
        num_players : int
        transitions, discount, initial, available, terminal, name, max_bytes
            As for :class:`CountGame`.
        """
        found, n_players = _check.shape_of(payoffs, "payoffs"), _check.integer(num_players, "num_players", low=1)
        if len(found) != 3:
            raise ValueError(f"payoffs must have shape (S, L, C) with one entry per row of count_vectors({n_players}, "
                             f"L), found {found}")
        game = cls.__new__(cls)
        game._build(VECTOR, payoffs, found[0], n_players, found[1], transitions, discount, initial, available, terminal,
                    name, max_bytes)
        return game

    @classmethod
    def identical_interest(cls, reward: ArrayLike, transitions: Any, discount: float, initial: ArrayLike | None = None,
                           *, num_players: int, num_actions: int, available: Any = None, terminal: Any = None,
                           name: str = "identical-interest count game", max_bytes: int | None = None) -> CountGame:
        """A game in which every player receives the same reward.

        Parameters
        ----------
        reward : array_like (S, C)
            By state and count vector, in the order of :func:`fastmpg.count_vectors`.
        num_players, num_actions : int
        transitions, discount, initial, available, terminal, name, max_bytes
            As for :class:`CountGame`.
        """
        found, n_players = _check.shape_of(reward, "reward"), _check.integer(num_players, "num_players", low=1)
        n_actions = _check.integer(num_actions, "num_actions", low=1, high=MOST_ACTIONS)
        if len(found) != 2:
            raise ValueError(f"reward must have shape (S, C) with one entry per row of count_vectors({n_players}, "
                             f"{n_actions}), found {found}")
        game = cls.__new__(cls)
        game._build(SHARED, reward, found[0], n_players, n_actions, transitions, discount, initial, available, terminal,
                    name, max_bytes)
        return game

    def _build(self, payoff_kind: int, payoffs: ArrayLike, n_states: int, n_players: int, n_actions: int,
               transitions: Any, discount: float, initial: ArrayLike | None, available: Any, terminal: Any,
               name: str, max_bytes: int | None) -> None:
        if n_states == 0 or n_actions == 0 or n_players == 0:
            raise ValueError("a game needs at least one state, one player and one action, found "
                             f"{n_states} states, {n_players} players and {n_actions} actions")
        gamma, count, what = _check.discount(discount), vectors(n_players, n_actions), "payoffs"
        if payoff_kind in (VECTOR, SHARED):
            what = "payoffs" if payoff_kind == VECTOR else "reward"
            form = "(S, L, C)" if payoff_kind == VECTOR else "(S, C)"
            expected = (n_states, n_actions, count) if payoff_kind == VECTOR else (n_states, count)
            if _check.shape_of(payoffs, what) != expected:
                raise ValueError(f"{what} must have shape {form} = {expected}, one entry per row of "
                                 f"count_vectors({n_players}, {n_actions}), found {_check.shape_of(payoffs, what)}")
        kind, found = self._kind_of(transitions, n_states, n_players, n_actions, count)
        ended = terminal_of(terminal, n_states)
        payoffs, transitions = ending_counts(ended, payoffs, what, int(payoff_kind == EACH), transitions,
                                             kind == FACTORED)
        self.num_players, self.num_states, self.num_actions = n_players, n_states, (n_actions,) * n_players
        self.terminal = ended
        self.discount, self.name = gamma, _check.text(name, "name")
        self.shares_reward = payoff_kind == SHARED or n_players == 1
        self.available = mask_of(available, n_states, self.num_actions)
        by_vector = kind == TABLE or payoff_kind in (VECTOR, SHARED)
        need = 16 * math.prod(_check.shape_of(payoffs, what)) + 16 * math.prod(found)
        need += 8 * (n_players + 3) * (n_actions + 1)
        need += 8 * count * (n_actions + 6) * by_vector
        columns = sum(contract_counts.table_columns(payoff_kind, n_states, n_actions, kind))
        layout = contract_counts.scratch_layout(n_players, n_actions, columns, payoff_kind)
        need += self._work_bytes(layout, 1)
        _check.budget(need, f"a count game of {n_players} players, {n_states} states and {count} count vectors",
                      INSTEAD, max_bytes)

        choose = _chooses(n_players, n_actions)
        counts = count_vectors(n_players, n_actions) if by_vector else np.zeros((0, n_actions), np.int64)
        order = np.argsort(_indices(counts, choose))
        table = _check.array(payoffs, what, advice=_check.FORBIDDEN)
        if payoff_kind == OWN:
            table = table[None]
        elif payoff_kind == VECTOR:
            table = np.ascontiguousarray(table.transpose(0, 2, 1)[None, :, order])
        elif payoff_kind == SHARED:
            table = np.ascontiguousarray(table[None, :, order, None])
        moves, change = self._moves(kind, transitions, counts, found)
        if kind == TABLE:
            moves = np.ascontiguousarray(moves[:, order])[None]
        elif kind == FIXED:
            moves = moves[None, None]
        rho, moved = _check.initial(initial, n_states)
        self._order = order
        self.draws = n_actions if kind == FACTORED else 1
        self._model = CountModel(table, moves, choose, np.array(layout, np.int64), kind, payoff_kind, gamma, rho,
                                 np.array(self.num_actions, np.int64), self.offset, missing_of(self.available))
        self.largest_change = max(change, moved)
        self.initial = rho.view()
        self.initial.flags.writeable = False
        self._frozen = True

    @staticmethod
    def _kind_of(transitions: Any, n_states: int, n_players: int, n_actions: int,
                 count: int) -> tuple[int, tuple[int, ...]]:
        """What form the transitions have, and the shape of their table."""
        if callable(transitions):
            return TABLE, (n_states, count, n_states)
        found = _check.shape_of(transitions, "transitions")
        if found == (n_states, n_states):
            return FIXED, found
        if found == (n_states, count, n_states):
            return TABLE, found
        if len(found) == 4 and found == (n_actions, found[1], n_players + 1,
                                         found[1]) and found[1] ** n_actions == n_states:
            return FACTORED, found
        local = round(n_states ** (1 / n_actions))
        factored = (f"(L, m, N + 1, m) = {(n_actions, local, n_players + 1, local)}" if local**n_actions == n_states
                    else f"(L, m, N + 1, m) with m**{n_actions} = {n_states}, which no m fits,")
        raise ValueError(f"transitions must have shape {factored} or (S, C, S) = {(n_states, count, n_states)} or (S, "
                         f"S) = {(n_states, n_states)}, or be a function f(state, counts), found {found}")

    @staticmethod
    def _moves(kind: int, transitions: Any, counts: NDArray[np.int64], shape: tuple[int, ...]) -> tuple[Float, float]:
        """The checked and settled table, and the largest change."""
        if callable(transitions):
            _check.arity(transitions, 2, "transitions", "f(state, counts)")
            moves, single = np.empty(shape), False
            for s in range(shape[0]):
                rows, from_single, _ = _check.law_table(transitions(s, counts.copy()), f"transitions({s}, counts)")
                _check.shape(rows, f"transitions({s}, counts)", shape[1:], "(C, S)")
                moves[s], single = rows, single or from_single
        else:
            moves, single, _ = _check.law_table(transitions, "transitions")

        def where(row: int) -> str:
            index = tuple(int(x) for x in np.unravel_index(row, moves.shape[:-1]))
            if kind == FACTORED:
                return f"for facility {index[0]} in its state {index[1]} with {index[2]} players"
            return f"in state {index[0]}" + (f" at counts {tuple(counts[index[1]].tolist())}" if kind == TABLE else "")

        return _check.transitions(moves, single, where)

    @property
    def payoffs(self) -> Float:
        """As they were given: (S, L, N + 1), (N, S, L, N + 1), (S, L, C) or (S, C); read-only."""
        table, kind = self._model.rewards, self._model.payoff_kind
        if kind == OWN:
            table = table[0].view()
        elif kind == EACH:
            table = table.view()
        else:
            table = table[0][:, np.argsort(self._order)]
            table = np.ascontiguousarray(table.transpose(0, 2, 1)) if kind == VECTOR else table[..., 0]
        table.flags.writeable = False
        return table

    @property
    def transitions(self) -> Float:
        """As they were given, a function's as its table: (L, m, N + 1, m), (S, C, S) or (S, S); read-only."""
        table, kind = self._model.transitions, self._model.kind
        if kind == FACTORED:
            view = table.view()
        else:
            view = table[0, 0].view() if kind == FIXED else table[0][:, np.argsort(self._order)]
        view.flags.writeable = False
        return view

    def tables(self) -> dict[str, NDArray[Any]]:
        sizes = np.array([self.num_players, self.num_actions[0], self._model.payoff_kind])
        found = {"payoffs": self.payoffs, "transitions": self.transitions, "discount": np.array(self.discount),
                 "initial": self.initial, "sizes": sizes}
        return found | self._kept_masks()

    @classmethod
    def from_tables(cls, tables: dict[str, NDArray[Any]]) -> CountGame:
        _check.entries(tables, "tables", ("payoffs", "transitions", "discount", "initial", "sizes"))
        n_players, n_actions, kind = map(int, tables["sizes"])
        rest = (tables["payoffs"], tables["transitions"], float(tables["discount"]), tables["initial"])
        masks = masks_in(tables)
        if kind == VECTOR:
            return cls.from_count_vectors(*rest, num_players=n_players, **masks)
        if kind == SHARED:
            return cls.identical_interest(*rest, num_players=n_players, num_actions=n_actions, **masks)
        return cls(*rest, **masks)

    def build_sampler(self) -> FlatSampler | CountSampler:
        return FlatSampler.create(CountSampler.create(self))

    @property
    def model(self) -> CountModel:
        return self._model

    def _work_bytes(self, layout: list[int] | NDArray[np.int64], threads: int) -> int:
        width, n_states = sum(self.num_actions), self.num_states
        scratch = int(layout[contract_counts.FLOATS]) + int(layout[-1])
        return 8 * (n_states * width * (n_states + 1) + 2 * n_states**2 + threads * scratch)

    def workspace(self, threads: int = 1) -> CountWork:
        m, n_states = self._model, self.num_states
        _check.budget(self.workspace_bytes(threads), f"one evaluation of {self!r}", INSTEAD)
        shares = 1 if UNCOMPILED else min(threads, 2 * n_states)
        columns = sum(self.num_actions)
        reward, p_bar = np.zeros((n_states, columns)), np.zeros((n_states, columns, n_states))
        chain, lu = np.zeros((n_states, n_states)), np.zeros((n_states, n_states))
        floats = np.zeros((shares, int(m.layout[contract_counts.FLOATS])))
        ints = np.zeros((shares, int(m.layout[-1])), np.int64)
        contraction = fanned(contract_share.bind(CountScratch(self.held, reward, p_bar, chain, floats, ints)), shares)
        return CountWork(reward, p_bar, chain, lu, np.zeros(n_states, np.int32),
                         np.array([lapack("dgetrf"), lapack("dgetrs")]), np.zeros(4, np.int32), contraction)

    def workspace_bytes(self, threads: int = 1) -> int:
        return self._work_bytes(self._model.layout, min(threads, 2 * self.num_states))

    @property
    def nbytes(self) -> int:
        return sum(int(getattr(table, "nbytes", 0)) for table in self._model) + self._order.nbytes

    @property
    def work_size(self) -> int:
        """Multiply-adds of one exact evaluation at distinct policies, halved: they are cheaper than table entries."""
        n_players, n_actions, m = self.num_players, self.num_actions[0], self._model
        columns = sum(contract_counts.table_columns(m.payoff_kind, self.num_states, n_actions, m.kind))
        own = {OWN: n_actions * (n_actions > 2), EACH: 2 * n_actions}.get(m.payoff_kind, 0)
        joint = n_actions * vectors(n_players, n_actions) * n_players // n_actions
        return self.num_states * (columns * joint + own * n_players**2) // 2

    def payoff_range(self) -> Float:
        m, n_actions = self._model, self.num_actions[0]
        if self.available is not None:
            counts = count_vectors(self.num_players, n_actions)[self._order] if self._order.size else self._order
            used = list(received(m, self.available, counts))
            return np.broadcast_to([(each.min(), each.max()) for each in used], (self.num_players, 2)).copy()
        least = 1 if n_actions > 1 else self.num_players  # players on a chosen action
        if m.payoff_kind in (OWN, EACH):
            used = m.rewards[..., least:].reshape(m.rewards.shape[0], -1)
        elif m.payoff_kind == SHARED:
            used = m.rewards.reshape(1, -1)
        else:
            chosen = count_vectors(self.num_players, n_actions)[self._order] > 0
            used = m.rewards[0][:, chosen].reshape(1, -1)
        both = np.stack([used.min(axis=1), used.max(axis=1)], axis=1)
        return np.broadcast_to(both, (self.num_players, 2)).copy()

    def to_dense(self) -> MarkovGame:
        """The same game with a table over joint actions.

        Raises
        ------
        MemoryError
            If it would not fit, with its size.
        """
        n_players, n_states, actions, m = self.num_players, self.num_states, self.num_actions, self._model
        joint, shared = math.prod(actions), m.payoff_kind == SHARED
        need = 2 * dense_bytes(n_states, actions, 1 if shared else n_players) + 8 * joint * (n_players + actions[0] + 4)
        _check.budget(need, f"the dense form of {self!r}", "keep the count form")
        choices = np.indices(actions).reshape(n_players, -1)
        counts = np.stack([(choices == a).sum(axis=0) for a in range(actions[0])], axis=1)
        index = _indices(counts, m.choose)
        if m.kind == FIXED:
            moves = np.broadcast_to(m.transitions[0, 0][:, None], (n_states, joint, n_states))
        elif m.kind == TABLE:
            moves = m.transitions[0][:, index]
        else:
            local = np.indices((m.transitions.shape[1],) * actions[0]).reshape(actions[0], -1)
            moves = np.ones((n_states, joint, n_states))
            for l in range(actions[0]):
                moves *= m.transitions[l][local[l][:, None, None], counts[:, l][None, :, None], local[l][None, None, :]]
        moves = moves.reshape(n_states, *actions, n_states)
        if shared:
            reward = m.rewards[0, :, index, 0].T.reshape(n_states, *actions)
            game = MarkovGame.identical_interest(reward, moves, self.discount, self.initial, name=self.name,
                                                 **self._masks())
            return game._with(self.names, {})
        rewards = np.empty((n_players, n_states, joint))
        for i in range(n_players):
            own = choices[i]
            if m.payoff_kind == VECTOR:
                rewards[i] = m.rewards[0, :, index, own].T
            else:
                rewards[i] = m.rewards[i if m.payoff_kind == EACH else 0][:, own, counts[np.arange(joint), own]]
        game = MarkovGame(rewards.reshape(n_players, n_states, *actions), moves, self.discount, self.initial,
                          name=self.name, **self._masks())
        return game._with(self.names, {})
