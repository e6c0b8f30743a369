"""What every representation of a game offers, to people (:class:`Game`) and to compiled code (a *model*).

A model is a NamedTuple of arrays whose class carries these static kernels, found at compile time by their names:

    contract(model, work, policy)                    others' play summed out: work.reward (S, A_total) and what the
                                                     other kernels read; ``model.missing`` are the places in a flat
                                                     (S, A_total) of actions that cannot be taken, and :func:`contract`
                                                     makes them worth -inf
    factor(model, work)                              ready P^pi, the chain of the contracted policy, for solving
    deviate(model, work, policy, i)                  the same with player i's columns of ``policy`` in place of its own
    solve(model, work, rhs, transposed)              rhs (R, S) <- (I - gamma P)^-1 rhs, or its transpose
    lookahead(model, work, policy, i, value, q)      q[s, c] = r_i(s, a_i) + gamma sum_t P_i(t | s, a_i) value(t),
                                                     c the columns of player i
    improve(model, work, policy, i, tau, q, value, share)
                                                     value <- that of the deviation, given q, its lookahead; only so
                                                     far, if the model likes, that ``share`` of its Bellman residual is
                                                     left; whether it is exact
    push(model, work, law, out)                      out(t) = sum_s law(s) P^pi(t | s), P^pi the chain of the
                                                     contracted policy
    pull(model, work, value, out)                    out(s) = sum_t P^pi(t | s) value(t)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._check import Float
from .._check.words import guided
from .._same import same
from ..kernels.joint import natural_order
from ..kernels.simplex import entropy
from ..machine import Held, inlined, kernel, method
from . import html
from .available import Mask
from .files import Saved
from .names import Nameable

marginals, factor, deviate = method("contract"), method("factor"), method("deviate")
solve, lookahead, push, pull = method("solve"), method("lookahead"), method("push"), method("pull")


@kernel
def _bar(missing, reward):
    """reward (S, A_total) <- -inf at its flat places ``missing`` (K,)."""
    flat = reward.reshape(-1)
    for e in range(missing.size):
        flat[missing[e]] = -math.inf


@inlined
def contract(model, work, policy):
    """The model's own ``contract`` at ``policy`` (S, A_total); an action that cannot be taken is then worth -inf.

    work.reward (S, A_total)   model.missing (K,): places in it, flat. So Q is -inf there: no largest entry, no weight
    in a soft maximum, a logarithm of 0. Products with a probability of 0 have to be left out: :func:`.simplex.weighed`.
    """
    marginals(model, work, policy)
    if model.missing.size > 0:
        _bar(model.missing, work.reward)


@kernel
def _improve(model, work, policy, i, tau, q, value, share):
    """value (S,) <- that of player i's deviation ``policy`` (S, A_total), by solving the chain of :func:`deviate`.

    (I - gamma P) value = sum_c policy[s, c] reward[s, c] + tau H(policy_i(s)). True: it is exact.
    """
    for s in range(value.size):
        total = 0.0
        for c in range(model.offset[i], model.offset[i + 1]):
            if policy[s, c] != 0.0:
                total += policy[s, c] * work.reward[s, c]
        if tau > 0.0:
            total += tau * entropy(policy[s, model.offset[i]:model.offset[i + 1]])
        value[s] = total
    solve(model, work, value.reshape((1, value.size)), False)
    return True


improve = method("improve", default=_improve)


# What games build on request, and neither pickles nor copies take along.
BUILT = {"_offset", "_uniform", "_index", "_planes", "_sampler", "_benches", "_held", "_magnitudes", "_centred",
         "_moved", "_counts", "_everything", "_discounted", "_most"}
HUGE = 2.0**1000  # about 1e301: what values may reach, so that sums and differences of some of them are numbers


class Game(Nameable, Saved, ABC):
    """A tabular Markov game: N players, S states, A_i actions each, rewards, transitions, discount, initial law.

    Attributes
    ----------
    num_players, num_states : int
    num_actions : tuple of int
        Actions of every player; they may differ.
    discount : float
        In [0, 1]. At 1 there is no value of an infinite horizon, and functions that need one refuse the game.
    initial : ndarray (S,)
        The law of the first state, read-only.
    available : ndarray (S, A_total) of bool, or None
        Which actions there are in which state, read-only; None if every player has all of its actions everywhere.
    terminal : ndarray (S,) of bool, or None
        Which states end the game: nobody receives anything there, and the state stays. Read-only; None if none does.
    shares_reward : bool
        Whether all players share one stored reward.
    name : str
        What reports call it.
    names : Names, or None
        What players, states and actions are called; see :meth:`named`.
    largest_change : float
        By how much the most changed probability was moved to let its row be a distribution: 0 for rows of float64 that
        have no negative entries.

    Notes
    -----
    Rows of probabilities may miss a sum of 1 by 1e-8, or, if they come from float32, by what rounding does to a float32
    sum of so many terms (2^-24 a term, from 1e-6 to 1e-4). Entries below 0 by no more than that are rounding and become
    0. Rows with such entries, and rows from float32, are divided by their sum in float64; all others stay as they are,
    bit for bit.

    A game of one's own is a :class:`CustomGame`, of functions, or a subclass of this one, which names its sizes in the
    attributes above and has the abstract members below: a model and its workspace, their bytes, bounds on payoffs, a
    dense form and a sampler, of which the last two may raise a TypeError that says why there is none.
    """

    discount: float
    initial: Float
    shares_reward: bool
    largest_change: float = 0.0
    available: Mask | None = None
    terminal: Mask | None = None
    _frozen = False

    kinds: ClassVar[dict[str, type[Game]]] = {}  # every class of games by its name, for checkpoints

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        Game.kinds[cls.__name__] = cls
        for name, found in list(vars(cls).items()):  # what builds a game of the class says which word is meant
            if name == "__init__" and callable(found):
                setattr(cls, name, guided(found))
            elif isinstance(found, classmethod) and not name.startswith("_") and name != "from_tables":
                setattr(cls, name, classmethod(guided(found.__func__)))

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen and name != "name":
            raise AttributeError(f"{type(self).__name__} is immutable: build a new game to change {name}")
        object.__setattr__(self, name, value)

    @property
    @abstractmethod
    def model(self) -> Any:
        """The NamedTuple that kernels take."""

    @abstractmethod
    def workspace(self, threads: int = 1) -> Any:
        """Scratch arrays for the model's kernels, for use by one thread of control at a time."""

    @abstractmethod
    def workspace_bytes(self, threads: int = 1) -> int:
        """What :meth:`workspace` would allocate."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the game's own tables."""

    @abstractmethod
    def to_dense(self) -> Game:
        """The same game with dense tables, where they fit."""

    @abstractmethod
    def payoff_range(self) -> Float:
        """Smallest and largest reward of every player: (N, 2)."""

    # arguments of the function of fastmpg.games that builds it, where there are no tables
    recipe: dict[str, Any] | None = None
    builder: str | None = None  # that function's name
    exact = True  # whether values and gaps can be computed
    draws = 1  # uniform numbers that the environment takes for one step

    def sampler(self) -> Any:
        """What simulation needs (see models/sampler.py); built once."""
        if self._sampler is None:
            object.__setattr__(self, "_sampler", self.build_sampler())
        return self._sampler

    _sampler: Any = None

    @abstractmethod
    def build_sampler(self) -> Any:
        """What :meth:`sampler` keeps; raises TypeError where a game cannot be simulated."""

    @property
    def held(self) -> Held:
        """The model as frames take it, packed once."""
        if self._held is None:
            object.__setattr__(self, "_held", Held(self.model))
        return self._held  # type: ignore[no-any-return]

    _held: Any = None

    _benches: Any = None  # workspaces that Python's questions left for the next one (see feedback/bench.py)

    def check(self) -> None:
        """Raise what kernels could only note down while they simulated."""

    @property
    def offset(self) -> NDArray[np.int64]:
        """First column of every player in a policy (S, A_total), and A_total last."""
        if self._offset is None:
            edges = np.concatenate([[0], np.cumsum(self.num_actions)]).astype(np.int64)
            edges.flags.writeable = False
            object.__setattr__(self, "_offset", edges)
        return self._offset  # type: ignore[no-any-return]

    _offset: Any = None

    def action_counts(self) -> NDArray[np.int64]:
        """How many actions every player has in every state, A_i(s): (S, N), read-only.

        Examples
        --------
        >>> import fastmpg as fm
        >>> fm.NormalFormGame.identical_interest([[3, 0], [1, 0]], available=[[1, 1], [1, 0]]).action_counts()
        array([[2, 1]])
        """
        if self._counts is None:
            if self.available is None:
                counts = np.tile(np.array(self.num_actions, np.int64), (self.num_states, 1))
            else:
                counts = np.add.reduceat(self.available.astype(np.int64), self.offset[:-1], axis=1)
            counts.flags.writeable = False
            object.__setattr__(self, "_counts", counts)
        return self._counts  # type: ignore[no-any-return]

    _counts: Any = None
    _everything: Any = None  # of feedbacks, where nothing is missing

    def _move(self, state: int, actions: Any) -> tuple[int, Float]:
        """Where a joint action leads for sure, and the rewards (N,).

        Raises
        ------
        ValueError
            If it leads to several states.
        TypeError
            If this kind of game lists no moves.
        """
        raise TypeError(f"{self!r} lists no moves: ask of a MarkovGame")

    def rewards_against_uniform(self) -> Float:
        """(S, A_total), read-only: what every action of every player is worth at once, the others' drawn evenly; -inf
        where it cannot be taken.

        Raises
        ------
        ValueError
            If rewards are not known, as those of simulators.
        """
        if not self.exact:
            raise ValueError(f"the rewards of {self!r}, a simulator, are not known: give initial as an array "
                             "(S, A_total)")
        if self._uniform is None:
            work = self.workspace()
            even = np.repeat(1.0 / self.action_counts(), self.num_actions, axis=1)
            contract(self.model, work, even if self.available is None else np.where(self.available, even, 0.0))
            table = work.reward.copy()
            table.flags.writeable = False
            object.__setattr__(self, "_uniform", table)
        return self._uniform  # type: ignore[no-any-return]

    _uniform: Any = None
    _planes: Any = None  # rewards as ``_move`` reads them

    @property
    def work_size(self) -> int:
        """Table entries that one exact evaluation reads: what decides whether threads pay."""
        return self.nbytes // 8

    def _masks(self) -> dict[str, Any]:
        """What actions and states there are, as constructors take it."""
        return {"available": self.available, "terminal": self.terminal}

    def _kept_masks(self) -> dict[str, Mask]:
        """The same as a part of :meth:`tables`."""
        return {name: mask for name, mask in self._masks().items() if mask is not None}

    def _sizes(self) -> tuple[Any, ...]:
        return self.num_players, self.num_states, self.num_actions, self.discount

    def _content(self) -> Any:
        """What makes two games of equal sizes the same, their names aside; None: nothing but being one."""
        return self.tables() or None

    def __eq__(self, other: object) -> bool:
        """Whether the other is a game of the same class with the same tables."""
        if self is other:
            return True
        if not isinstance(other, Game) or type(self) is not type(other) or self._sizes() != other._sizes():
            return False
        content = self._content()
        return content is not None and same(content, other._content())

    def __hash__(self) -> int:
        return hash((type(self).__qualname__, self._sizes()))

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: all but what is built on request."""
        return {name: value for name, value in vars(self).items() if name not in BUILT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        law = getattr(self.model, "initial", self.initial).view()  # of the model's own, and read-only as it was
        law.flags.writeable = False
        vars(self)["initial"] = law
        for mask in (self.available, self.terminal):
            if mask is not None:
                mask.flags.writeable = False

    def __repr__(self) -> str:
        shared = "identical interest" if self.shares_reward else "own rewards"
        counts = self.num_actions
        if len(counts) <= 10:
            actions = f"actions {counts}"
        else:
            least, most = min(counts), max(counts)
            actions = f"{least} actions each" if least == most else f"{least} to {most} actions"
        actions = self._action_names() or actions
        return (f"<{type(self).__name__} {self.name!r}: {self.num_players} players{self._player_names()}, "
                f"{self.num_states} states, {actions}{self._missing()}, discount {self.discount:g}, {shared}>")

    def _repr_html_(self) -> str:
        """For notebooks: a small table."""
        return html.of_game(self)

    def _missing(self) -> str:
        """How much of the players' actions there is, where some are missing: for people."""
        mask = self.available
        return "" if mask is None else f" ({np.count_nonzero(mask)} of {mask.size} available)"


def masks_in(tables: dict[str, Any]) -> dict[str, Any]:
    """What constructors take of the masks among a game's tables."""
    return {name: tables.get(name) for name in ("available", "terminal")}


def most_paid(game: Game) -> float:
    """A bound on absolute payoffs, found once; infinite where nothing is known."""
    found = game.__dict__.get("_most")
    if found is None:
        m = game.model
        tables = [each for name in ("rewards", "payoffs", "solo")
                  if isinstance(each := getattr(m, name, None), np.ndarray) and each.size]
        found = max((max(float(each.max()), -float(each.min())) for each in tables), default=math.inf)
        if hasattr(m, "edges"):  # of a polymatrix game, whose payoffs are sums
            found *= 1.0 + float(np.diff(m.edges).max(initial=0))
        object.__setattr__(game, "_most", found)
    return float(found)


def check_sums(game: Game, times: float, more: float = 0.0) -> None:
    """Refuse a game whose payoffs, ``times`` of them and ``more``, might add up to what cannot be computed with."""
    most = most_paid(game)
    if most < math.inf and most / HUGE * times + more / HUGE > 1.0:
        raise ValueError(f"payoffs of up to {max(most, more):.3g} at discount {game.discount:.17g} may make values of "
                         f"{game.name!r} larger than the 1e301 that can be computed with: divide all payoffs by a "
                         "constant, and temperatures by the same one")


def check_discounted(game: Game) -> None:
    """Refuse a game of discount 1 where values of an infinite horizon are asked for, and values beyond all numbers."""
    if not game.discount < 1.0:
        raise ValueError(f"an infinite horizon needs discount below 1, found {game.discount:g} for {game.name!r}: "
                         "rewards that are never discounted need not add up to a value; ask over a number of steps, "
                         "with fastmpg.evaluate_horizon, or build the game with a smaller discount")
    check_sums(game, 1.0 / (1.0 - game.discount))


def check_game(game: Any) -> None:
    """Refuse what is no game."""
    if not isinstance(game, Game):
        found = f"the class {game.__name__}" if isinstance(game, type) else type(game).__name__
        raise TypeError(f"game must be a fastmpg game, found {found}{getattr(type(game), '_instead', '')}")


def reward_table(planes: Float, num_actions: tuple[int, ...]) -> Float:
    """Rewards (N or 1, S, A_0, ...), read-only, from a model's planes."""
    if planes.shape[0] == len(num_actions) > 1:
        table = natural_order(planes, num_actions)
    else:
        table = planes.reshape(*planes.shape[:2], *num_actions).view()
    table.flags.writeable = False
    return table
