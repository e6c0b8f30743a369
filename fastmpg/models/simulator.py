"""Games given by compiled code: reset and step, no transition table at all."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float
from ..machine import UNCOMPILED, attach, inlined, user_kernel
from ..machine.explain import explaining
from .available import mask_of
from .game import Game
from .names import renamed

MOST_ROWS = 2**26  # observations: the learners keep a row for each


@inlined
def hashed(state, rows):
    """A row in [0, rows) for any 64-bit state: the mixer of splitmix64 (Steele, Lea and Flood 2014)."""
    z = np.uint64(state) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) % np.uint64(rows))


class ByName:
    """A user's function on its way into a pickle, which holds its name alone."""

    def __init__(self, function: Any, what: str) -> None:
        self.function, self.what = function, what

    def __deepcopy__(self, memo: Any) -> ByName:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        found: Any = sys.modules.get(getattr(self.function, "__module__", None) or "")
        for name in getattr(self.function, "__qualname__", "").split("."):
            found = getattr(found, name, None)
        if found is not self.function and not hasattr(self.function, "py_func"):  # numba's own functions go by value
            raise pickle.PicklingError(f"{self.what} is {self.function!r}, which no other process can find by its "
                                       "name: define it at the top of a module, not inside a function or as a lambda, "
                                       "or build the game where it is needed")
        return ByName, (self.function, self.what)


def _named(builder: str, recipe: dict[str, Any], name: str, names: Any = None) -> Game:
    games = importlib.import_module(f"{__name__.partition('.')[0]}.games")  # which import this module
    game: Game = getattr(games, builder)(**recipe)
    game.name = name
    return renamed(game, names)


class _Elsewhere(ValueError):
    """The row observed in a state is outside of the tables."""


class NoModel(NamedTuple):
    """The model of a game without tables: all that is known is the discount."""

    discount: float


class SimulatorGame(Game):
    """A game that can be played but not written down: the state is any 64-bit integer, and nothing is enumerated.

    Parameters
    ----------
    reset : callable
        ``reset(uniforms) -> state``.
    step : callable
        ``step(state, actions, uniforms, rewards) -> next state``; fills ``rewards`` (N,). ``actions`` (N,) are
        integers, ``uniforms`` (draws,) independent numbers in [0, 1), the only randomness there is. Compiled by numba:
        plain functions of numbers and arrays. Arrays that they close over are frozen at the first run. Integers are 64
        bits wide and wrap around.
    num_actions : sequence of int
        One number a player.
    num_observations : int
        Rows of the players' tables.
    discount : float
        In [0, 1]; 1 is for finite horizons.
    observe : callable, "hash" or None
        ``observe(state) -> row`` in [0, num_observations): what players see of a state. None: the state itself. "hash":
        rows shared at random by the states, for state spaces too large for any table.
    available : array_like (num_observations, A_total) of bool, or list of (num_observations, A_i), optional
        Which actions every player has in which row, at least one; all of them by default. No other action is ever
        taken: ``step`` may do what it likes with them.
    draws : int
        Uniform numbers that a reset and a step take.
    name : str
    recipe : dict, optional
        Of named games: the arguments of ``fastmpg.games.<name>`` that build this game again from a checkpoint.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or the functions fail, or return no integer, when they are tried once: uncompiled,
        or, where Python's integers outgrow 64 bits, compiled. At the first run, with their line, if they cannot be
        compiled.

    Examples
    --------
    >>> import fastmpg as fm
    >>> def reset(uniforms):
    ...     return 0
    >>> def step(state, actions, uniforms, rewards):  # two players share a reward for meeting
    ...     rewards[:] = 1.0 if actions[0] == actions[1] else 0.0
    ...     return (state + actions[0]) % 3
    >>> game = fm.SimulatorGame(reset, step, (2, 2), num_observations=3, discount=0.5)
    >>> record = fm.Record(every=1000, metrics=("policy",))
    >>> result = fm.learn(game, fm.rules.TwoTimescaleQ(tau=0.1), 1000, rng=0, record=record)
    >>> result.policy.shape
    (3, 4)
    """

    exact = False

    def __init__(self, reset: Callable[..., Any], step: Callable[..., Any], num_actions: Sequence[int],
                 num_observations: int, discount: float, *, observe: Callable[..., Any] | str | None = None,
                 available: Any = None, draws: int = 1, name: str = "simulator",
                 recipe: dict[str, Any] | None = None) -> None:
        self.num_actions = _check.num_actions(num_actions)
        self.num_players = len(self.num_actions)
        self.num_states = _check.integer(num_observations, "num_observations", low=1, high=MOST_ROWS)
        self.discount = _check.discount(discount)
        self.available = mask_of(available, self.num_states, self.num_actions)
        self.draws = _check.integer(draws, "draws", low=0, high=10**6)
        self.initial, self.shares_reward, self.name, self.recipe = np.zeros(0), False, _check.text(name, "name"), recipe
        self.builder = None if recipe is None else name
        self.initial.flags.writeable = False
        if not (recipe is None or isinstance(recipe, dict)):
            raise TypeError(f"recipe must be a dict, found {_check.shown(recipe)}")
        _check.arity(reset, 1, "reset", "reset(uniforms)")
        _check.arity(step, 4, "step", "step(state, actions, uniforms, rewards)")
        if not (observe is None or (isinstance(observe, str) and observe == "hash") or callable(observe)):
            raise TypeError(f'observe must be a function, "hash" or None, found {_check.shown(observe)}')
        if callable(observe):
            _check.arity(observe, 1, "observe", "observe(state)")
        self._functions: Any = (reset, step, observe)
        self._try()
        self._frozen = True

    def _try(self) -> None:
        """One reset and one step, uncompiled, so that mistakes come with a Python traceback and not from compiled code.

        States are numpy integers, which wrap around as compiled ones do. Python's own, such as a hash that a function
        begins by itself, do not: where these outgrow 64 bits, or lead to a row that is none, the compiled functions
        decide.
        """
        plain = [getattr(each, "py_func", each) for each in self._functions]
        try:
            with np.errstate(over="ignore"):
                self._play(*plain)
        except (OverflowError, _Elsewhere) as error:
            if UNCOMPILED:
                raise ValueError(str(error)) from error
            self._compile()
            try:
                self._play(*self._functions)
            except _Elsewhere as still:
                raise ValueError(str(still)) from None

    def _play(self, reset: Any, step: Any, observe: Any) -> None:
        """One reset and one step of functions, compiled or not."""
        uniforms, rewards = np.full(self.draws, 0.5), np.zeros(self.num_players)

        def seen_as(state: Any) -> Any:
            with explaining(observe, "observe"):
                row = checked("observe", observe(state)) if callable(observe) else state if observe is None else 0
            if not 0 <= row < self.num_states:
                raise _Elsewhere(f"state {state} is seen as row {row}, outside of the {self.num_states} observations; "
                                 'give observe=, or observe="hash"')
            return hashed(state, self.num_states) if observe == "hash" else row

        def checked(what: str, value: Any) -> Any:
            if not _check.is_int(value):
                raise TypeError(f"{what} must return an integer, found {_check.shown(value)} of type "
                                f"{type(value).__name__}")
            return np.int64((int(value) + 2**63) % 2**64 - 2**63)

        with explaining(reset, "reset"):
            state = checked("reset", reset(uniforms))
        actions = np.zeros(self.num_players, np.int64)
        if self.available is not None:
            actions[:] = [part.argmax() for part in np.split(self.available[seen_as(state)], self.offset[1:-1])]
        with explaining(step, "step"):
            after = checked("step", step(state, actions, uniforms, rewards))
        if not np.isfinite(rewards).all():
            raise ValueError(f"step must fill rewards with finite numbers, found {_check.shown(rewards)}")
        for current in (state, after):
            seen_as(current)

    def _compile(self) -> None:
        """Compile the functions that are plain Python."""
        plain = [callable(each) and not hasattr(each, "py_func") for each in self._functions]
        functions = (user_kernel(each) if is_plain else each
                     for each, is_plain in zip(self._functions, plain, strict=True))
        object.__setattr__(self, "_functions", tuple(functions))

    def build_sampler(self) -> Any:
        self._compile()
        with contextlib.suppress(_Elsewhere):  # said by check(), with the state
            self._play(*self._functions)  # what cannot be compiled is explained here, not from the middle of a run
        reset, step, observe = self._functions

        @user_kernel
        def begin(sampler, uniforms, at):
            """The first state, by the user's ``reset`` with uniforms[at:at + draws]."""
            return np.int64(reset(uniforms[at:at + sampler.draws]))

        @user_kernel
        def move(sampler, state, actions, rewards, uniforms, at):
            """The next state, by the user's ``step``; actions, rewards (N,) without the lanes behind them."""
            n = sampler.players
            return np.int64(step(state, actions[:n], uniforms[at:at + sampler.draws], rewards[:n]))

        if observe is None:

            @user_kernel
            def observed(state, rows):
                """Players see the state itself."""
                return state
        elif isinstance(observe, str):
            observed = hashed
        else:

            @user_kernel
            def observed(state, rows):
                """What the user's ``observe`` says."""
                return observe(state)

        @user_kernel
        def row(sampler, state):
            """The row that players see; outside of the tables: row 0, and a note for :meth:`check`."""
            found = np.int64(observed(state, sampler.rows))
            if found < 0 or found >= sampler.rows:
                if sampler.fault[0] == 0:
                    sampler.fault[0], sampler.fault[1], sampler.fault[2] = 1, state, found
                return 0
            return found

        @attach(begin=begin, step=move, row=row)
        class UserSampler(NamedTuple):
            players: int
            rows: int
            draws: int
            fault: Any

        UserSampler.__module__ = "user"  # never cached: nobody can stamp a user's functions
        return UserSampler(self.num_players, self.num_states, self.draws, np.zeros(3, np.int64))

    def _content(self) -> Any:
        own = (self.draws, self._functions) if self.recipe is None else (self.builder, self.recipe)
        return own if self.available is None else (*own, self.available)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Named games by their arguments, others by the names of their functions."""
        if self.builder is not None:
            return _named, (self.builder, self.recipe, self.name, self.names and self.names.lists())
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        kept = super().__getstate__()
        kept["_functions"] = tuple(ByName(each, what) if callable(each) else each
                                   for each, what in zip(self._functions, ("reset", "step", "observe"), strict=True))
        return kept

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state | {"_functions": tuple(getattr(each, "function", each)
                                                          for each in state["_functions"])})

    def check(self) -> None:
        """Raise what compiled code could only note down.

        Raises
        ------
        ValueError
            If a state was seen as a row outside of the tables.
        """
        fault = self.sampler().fault
        if fault[0]:
            fault[0] = 0
            raise ValueError(f"state {fault[1]} was seen as row {fault[2]}, outside of the {self.num_states} "
                             "observations; "
                             'give observe=, or observe="hash"')

    @property
    def model(self) -> NoModel:
        return NoModel(self.discount)

    def workspace(self, threads: int = 1) -> Any:
        raise TypeError(f"{self.name!r} is a simulator: it has no exact evaluation; build a game from tables, or from "
                        "counts")

    def workspace_bytes(self, threads: int = 1) -> int:
        return 0

    @property
    def nbytes(self) -> int:
        return 0

    def payoff_range(self) -> Float:
        """Unknown: from -inf to inf."""
        return np.array([[-np.inf, np.inf]] * self.num_players)

    def to_dense(self) -> Game:
        """Refused: a simulator does not know its transitions."""
        self.workspace()
        raise AssertionError

    def __repr__(self) -> str:
        counts = f"actions {self.num_actions if self.num_players <= 8 else f'of {self.num_players} players'}"
        return (f"<SimulatorGame {self.name!r}: {self.num_players} players{self._player_names()}, {self.num_states} "
                f"observations, {self._action_names() or counts}{self._missing()}, discount {self.discount:g}>")
