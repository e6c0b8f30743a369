"""Games of players with individual states, who feel one another through their occupancies: no joint state is formed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import _check
from ..._check import Float
from ..._same import comparable
from ...kernels.occupancy import OccupancyModel, Weighted
from ...machine import user_kernel
from ...machine.explain import explaining
from .. import html
from ..files import Saved
from ..names import Nameable, Names
from .graphs import INSTEAD, Graph, graph_of
from .psi import functional, pooled
from .tables import arguments_in, tables_of


@comparable
class OccupancyGame(Nameable, Saved):
    """Players move on graphs of their own, and pay where others are likely to be.

    Player i of M is in a state x of its own, one of X; its next state depends on its own action alone, P_i(y | x, a).
    At step t it receives R_i(x, a) + Psi_i(O_-i^t)(x), where O_j^t(x) is the probability that player j is in x at t,
    and Psi_i, by default, - sum_{j != i} mu_j O_j^t(x). Where players are independent, as they are here, that is what
    is paid on average by players who pay mu_j for being in one state with player j.

    This is no :class:`fastmpg.Game`: that would have X^M states. :func:`fastmpg.solvers.mge_fb` solves it.

    Parameters
    ----------
    transitions : array_like, scipy.sparse array, or list of M of them
        Where players can go; one for all, or a list with one a player (the same object twice is stored once). Integers
        (X, A): the next state, -1 where an action cannot be taken. Probabilities (X, A, X), or sparse rows (X * A, X):
        a row without entries is an action that cannot be taken. Numbers of actions may differ between players.
    rewards : array_like (M, X) or (M, X, A), or list of M arrays (X,) or (X, A_i)
        R_i(x) or R_i(x, a). What stands at actions that cannot be taken is not read.
    starts : sequence of M int, or list of M laws (X,)
        Where players are at t = 0.
    mu : float or array_like (M,), optional
        What it costs others to be where player j is; 1 by default. Below 0, players attract.
    psi : callable, optional
        Psi in compiled code, a plain function or one under :func:`fastmpg.kernel`. With ``mu``:
        ``psi(player, state, crowd) -> float``, where crowd is sum_{j != i} mu_j O_j^t(x). Without: ``psi(player, state,
        occupancy) -> float`` of occupancy (M,), the O_j^t(x), with 0 in the player's own place; this takes time and
        memory in proportion to M^2.
    final : array_like (M, X), or list of M arrays (X,), optional
        R_F,i(x), received at the end. By default R_i where it depends on the state alone, 0 elsewhere.
    available : array_like of bool (X, A), or list of M of them, optional
        Which actions can be taken; by default those that lead somewhere.
    goals : sequence of M int, optional
        States that players want to reach, for arrival times and pictures; no part of the equations.
    layout : array_like (X, 2), optional
        Row and column of every state on a map, for pictures.
    ground : str of X characters, or sequence of X str, optional
        What there is in every state, for pictures.
    players : sequence of M str, optional
        Names.
    name : str

    Attributes
    ----------
    num_players, num_states : int
        M, and X: states of one player.
    num_actions : tuple of int
    starts : ndarray (M,) or (M, X)
    mu : ndarray (M,)
    goals, layout : ndarray or None
    players, ground : tuple of str or None

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit: which, where, what was found and what is expected.
    MemoryError
        If the tables would not fit.

    Examples
    --------
    Two players want to be in state 1 of two, but not together:

    >>> import fastmpg as fm
    >>> stay_or_go = [[0, 1], [1, 0]]  # next state of actions 0 and 1
    >>> game = fm.OccupancyGame(stay_or_go, [[0, 1], [0, 1]], starts=[0, 1], mu=2.0)
    >>> game
    <OccupancyGame 'occupancy': 2 players, 2 states each, 2 actions each>
    >>> fm.solvers.mge_fb(game, 3).policy(0)[0].round(2)  # in states 0 and 1: stay, go
    array([[0.38, 0.62],
           [0.62, 0.38]])

    Notes
    -----
    Etesami & Straehle (2020), section 5.
    """

    exact = False  # a game's joint values and gaps are not computed
    discount = 1.0  # none: horizons are finite
    _instead = ", which has no joint states; solve it with fastmpg.solvers.mge_fb"  # what functions of games say

    def __init__(self, transitions: Any, rewards: Any, starts: Sequence[Any] | ArrayLike, *,
                 mu: ArrayLike | None = None, psi: Callable[..., Any] | None = None, final: Any = None,
                 available: Any = None, goals: Sequence[int] | None = None, layout: ArrayLike | None = None,
                 ground: Sequence[str] | None = None, players: Sequence[str] | None = None,
                 name: str = "occupancy") -> None:
        tables = _per_player(rewards, "rewards")
        self.num_players = m = len(tables)
        self._graphs, self._graph = _graphs(transitions, available, m)
        graphs = [self._graphs[g] for g in self._graph]
        self.num_states, self.num_actions = graphs[0].states, tuple(each.actions for each in graphs)
        self.name = _check.text(name, "name")
        reward = _Tables([(id(table), g) for table, g in zip(tables, self._graph, strict=True)],
                         lambda i: _reward(tables[i], graphs[i], f"rewards[{i}]"))
        same = final is None and all(table.ndim == 1 for table in reward.tables)
        ends = reward if same else self._ends(final, reward)
        self.starts = self._begin(starts)
        self.mu = self._weights(mu, psi)
        self._psi = None if psi is None else _check.function(psi, "psi")
        if psi is not None:
            _check.arity(psi, 3, "psi", "psi(player, state, crowd)" if mu is not None else
                         "psi(player, state, occupancy)")
        self._pooled = psi is not None and mu is not None
        self.goals = None if goals is None else self._states(goals, "goals")
        self.layout = self._map(layout)
        self.ground = self._words(ground, "ground", self.num_states)
        self.players = self._words(players, "players", m)
        self._names = None if self.players is None or len(set(self.players)) < m else Names(self.players)
        rows = np.cumsum([0, *(each.states * each.actions for each in self._graphs)])
        pointers = [each.pointer[:-1] for each in self._graphs]
        entries = np.cumsum([0, *(each.target.size for each in self._graphs)])
        self.model = OccupancyModel(
            pointer=np.concatenate([*(p + e for p, e in zip(pointers, entries, strict=False)), entries[-1:]]),
            index=np.concatenate([each.target for each in self._graphs]),
            probability=np.concatenate([each.probability for each in self._graphs]),
            row=rows[self._graph].astype(np.int64), actions=np.array(self.num_actions, np.int64), reward=reward.flat,
            reward_at=reward.at, reward_width=np.array([1 if table.ndim == 1 else table.shape[1]
                                                        for table in reward.tables], np.int64),
            final=ends.flat, final_at=ends.at)
        self._freeze()

    _frozen = False

    def _freeze(self) -> None:
        for each in (*self.model, self.starts, self.mu, self.goals, self.layout):
            if each is not None:
                each.flags.writeable = False
        object.__setattr__(self, "_frozen", True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._freeze()

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen and name != "name":
            raise AttributeError(f"OccupancyGame is immutable: build a new game to change {name}")
        object.__setattr__(self, name, value)

    def _with(self, names: Names | None, changed: dict[str, Any]) -> OccupancyGame:
        own = self.players if names is None or names.players is None else names.players
        return super()._with(names, changed | {"players": own})

    # ------------------------------------------------------------------------------------------------ what is given
    def _ends(self, final: Any, reward: _Tables) -> _Tables:
        """R_F of every player."""
        if final is None:
            zero = np.zeros(self.num_states)
            given = [table if table.ndim == 1 else zero for table in reward.tables]
            return _Tables([id(table) for table in given], lambda i: given[i])
        tables = _per_player(final, "final", self.num_players)

        def checked(i: int) -> Float:
            table = _check.array(tables[i], f"final[{i}]")
            _check.shape(table, f"final[{i}]", (self.num_states,), "(X,)")
            return table

        return _Tables([id(table) for table in tables], checked)

    def _begin(self, starts: Any) -> NDArray[Any]:
        """States (M,), or laws (M, X)."""
        given = _per_player(starts, "starts", self.num_players)
        if all(_check.is_int(each) for each in given):
            return self._states(given, "starts")
        found = []
        for i, each in enumerate(given):
            if np.ndim(each) == 0:
                raise TypeError(f"starts must be whole numbers, or laws (X,) for every player, found "
                                f"{_check.shown(each)} for player {i}")
            found.append(_check.distribution(each, f"starts[{i}]", self.num_states)[0])
        return np.array(found)

    def _states(self, given: Any, name: str) -> NDArray[np.int64]:
        """One state for every player."""
        return np.array([_check.integer(each, f"{name}[{i}]", low=0, high=self.num_states - 1)
                         for i, each in enumerate(_per_player(given, name, self.num_players))], np.int64)

    def _weights(self, mu: Any, psi: Any) -> Float:
        """mu (M,); where a function of all occupancies takes its place, numbers that tell players apart."""
        if mu is None and psi is not None:
            return 1.0 + np.modf(np.arange(self.num_players) * 0.6180339887498949)[0]
        table = _check.array(1.0 if mu is None else mu, "mu")
        if table.ndim == 0:
            table = np.full(self.num_players, float(table))
        _check.shape(table, "mu", (self.num_players,), "(M,)")
        if np.abs(table).sum() > 1e150:
            raise ValueError(f"mu must be numbers of reasonable size, found {float(np.abs(table).max())}")
        return table

    def _map(self, layout: Any) -> Float | None:
        if layout is None:
            return None
        table = _check.array(layout, "layout")
        _check.shape(table, "layout", (self.num_states, 2), "(X, 2)")
        return table

    def _words(self, given: Any, name: str, count: int) -> tuple[str, ...] | None:
        if given is None:
            return None
        words = list(given) if isinstance(given, str) else _check.sequence(given, name, "strings")
        if len(words) != count:
            raise ValueError(f"{name} must hold {count} strings, found {len(words)}")
        return tuple(_check.text(each, f"{name}[{i}]") for i, each in enumerate(words))

    # ----------------------------------------------------------------------------------------------- what is offered
    def available(self, player: int) -> NDArray[np.bool_]:
        """(X, A_i): which actions a player can take.

        Parameters
        ----------
        player : int
        """
        return self._graphs[self._graph[_check.player(player, self.num_players)]].available

    def reward(self, player: int) -> Float:
        """R_i as it was given: (X,) or (X, A_i), read-only.

        Parameters
        ----------
        player : int
        """
        i = _check.player(player, self.num_players)
        at, width = self.model.reward_at[i], self.model.reward_width[i]
        table: Float = self.model.reward[at:at + self.num_states * width]
        return table if width == 1 and self.num_actions[i] > 1 else table.reshape(self.num_states, width)

    def final(self, player: int) -> Float:
        """R_F,i (X,), read-only.

        Parameters
        ----------
        player : int
        """
        at = self.model.final_at[_check.player(player, self.num_players)]
        table: Float = self.model.final[at:at + self.num_states]
        return table

    def payoff_range(self) -> Float:
        """Smallest and largest reward of every player, R_F among them, Psi apart: (M, 2)."""
        found = np.zeros((self.num_players, 2))
        for i in range(self.num_players):
            table = self.reward(i)
            taken, end = (table[self.available(i)] if table.ndim == 2 else table), self.final(i)
            found[i] = min(taken.min(), end.min()), max(taken.max(), end.max())
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of the game's own tables."""
        return sum({id(each): int(each.nbytes) for each in (*self.model, self.starts, self.mu)}.values())

    def workspace_bytes(self, horizon: int = 100, threads: int = 1) -> int:
        """What :func:`fastmpg.solvers.mge_fb` would take if every player could be everywhere; it takes less.

        Parameters
        ----------
        horizon : int
        threads : int
        """
        m, x, steps = self.num_players, self.num_states, _check.integer(horizon, "horizon", low=1) + 1
        each = 8 * steps * max(self.num_actions) * x + 60 * x
        everyone = 8 * steps * x * m if self._psi is not None and not self._pooled else 0
        return m * (8 * steps * x + 4 * x + 24 * steps) + 16 * steps * x + threads * each + everyone

    @property
    def has_weights(self) -> bool:
        """Whether Psi is a function of sum_{j != i} mu_j O_j."""
        return self._psi is None or self._pooled

    @property
    def is_weighted(self) -> bool:
        """Whether Psi_i is - sum_{j != i} mu_j O_j."""
        return self._psi is None

    def interaction(self) -> Any:
        """Psi as kernels take it, see kernels/occupancy.py."""
        if self._psi is None:
            return Weighted(self.num_players)
        psi = self._psi if hasattr(self._psi, "py_func") else user_kernel(self._psi)
        with explaining(self._psi, "psi"):  # what cannot be compiled is told here, not from the middle of a sweep
            found = psi(0, 0, 0.0 if self._pooled else np.zeros(self.num_players))
        _check.real(found, "what psi returns")
        return (pooled if self._pooled else functional)(psi)(self.num_players)

    def tables(self) -> dict[str, NDArray[Any]]:
        """Arrays from which :meth:`from_tables` builds the same game, bit for bit; none if it has a ``psi``."""
        return {} if self._psi is not None else tables_of(self)

    @classmethod
    def from_tables(cls, tables: dict[str, NDArray[Any]]) -> OccupancyGame:
        """The game that gave these :meth:`tables`.

        Parameters
        ----------
        tables : dict of ndarray
        """
        return cls(**arguments_in(tables))

    def _repr_html_(self) -> str:
        """For notebooks: a small table."""
        return html.of_occupancy(self)

    def _parts(self) -> Any:
        return (*self.model, self.starts, self.mu, self._psi, self._pooled)

    def __hash__(self) -> int:
        return hash((type(self).__qualname__, self.num_players, self.num_states, self.num_actions))

    def __repr__(self) -> str:
        least, most = min(self.num_actions), max(self.num_actions)
        return (f"<OccupancyGame {self.name!r}: {self.num_players} players, {self.num_states} states each, "
                f"{least if least == most else f'{least} to {most}'} actions each>")


class _Tables:
    """Tables of the players, one after the other; what has the same key is checked and stored once."""

    def __init__(self, keys: Sequence[Any], made: Callable[[int], Float]) -> None:
        found: dict[Any, tuple[int, Float]] = {}
        self.tables, size = [], 0
        for i, key in enumerate(keys):
            if key not in found:
                found[key] = size, made(i)
                size += found[key][1].size
            self.tables.append(found[key][1])
        self.flat = np.concatenate([table.reshape(-1) for _, table in found.values()])
        self.at = np.array([found[key][0] for key in keys], np.int64)


def _per_player(given: Any, name: str, count: int | None = None) -> list[Any]:
    """One item a player."""
    if _check.is_masked(given):
        raise ValueError(f"{name} must not have masked entries")
    items = _check.sequence(given, name, "one item for every player")
    if not items or (count is not None and len(items) != count):
        raise ValueError(f"{name} must hold one item for every player{'' if count is None else f', {count} of them'}, "
                         f"found {len(items)}")
    return items


def _graphs(transitions: Any, available: Any, m: int) -> tuple[list[Graph], list[int]]:
    """Different graphs, and which of them is whose."""
    several = isinstance(transitions, list | tuple) and len(transitions) > 0 and all(
        hasattr(each, "shape") or np.ndim(each) > 1 for each in transitions)
    masks = isinstance(available, list | tuple) and len(available) > 0 and all(np.ndim(each) > 1 for each in available)
    given = _per_player(transitions, "transitions", m) if several else [transitions] * m
    allowed = _per_player(available, "available", m) if masks else [available] * m
    found: dict[tuple[int, int], int] = {}
    graphs: list[Graph] = []
    for i, (each, mask) in enumerate(zip(given, allowed, strict=True)):
        key = (id(each), id(mask))
        if key not in found:
            found[key] = len(graphs)
            graphs.append(graph_of(each, mask, f"transitions[{i}]" if several else "transitions",
                                   f"available[{i}]" if masks else "available"))
            if graphs[-1].states != graphs[0].states:
                raise ValueError(f"transitions[{i}] must have as many states as those of player 0, {graphs[0].states}, "
                                 f"found {graphs[-1].states}; in states that it never visits a player may stay")
            _check.budget(sum(g.pointer.nbytes + g.target.nbytes + g.probability.nbytes for g in graphs),
                          "transitions of all players", INSTEAD)
    return graphs, [found[id(each), id(mask)] for each, mask in zip(given, allowed, strict=True)]


def _reward(table: Any, graph: Graph, name: str) -> Float:
    """R_i (X,), or (X, A_i) with 0 where an action cannot be taken."""
    found = np.array(_check.read(table, name), np.float64)
    if found.shape not in ((graph.states,), (graph.states, graph.actions)):
        raise ValueError(f"{name} must have shape (X,) = {(graph.states,)} or (X, A) = "
                         f"{(graph.states, graph.actions)}, as transitions have, found {found.shape}")
    if found.ndim == 2:
        found[~graph.available] = 0.0
    return _check.array(found, name)
