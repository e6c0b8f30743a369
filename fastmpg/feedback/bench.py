"""What Python asks about one policy, or a stack of them: one compiled call, whatever is asked.

A *bench* is a desk with the units that answer a question about the policy on it. Setting one up takes far longer than
evaluating a small game, so that benches are kept with their game. A question is a function ``question(desk, game) ->
(units, found)``: what to run once a policy lies on the desk, and the array in which the answer then lies; it is asked
once a bench.

Policies of a stack come onto the desk one after the other, and onto one desk a thread where that pays: the same units
on the same numbers, so that the answers have the same bits as one by one, whatever the number of threads.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check, machine
from .._check import Float
from ..machine import Bound, Bounds, Held, array_at, call_each, inlined, unit
from ..models.game import Game, check_game
from ..policy import check_policies, check_policy
from .desk import PARALLEL_WORK, Desk

Question = Callable[[Any, Game], tuple[Sequence[Bound], Float]]
FLOAT = np.dtype(np.float64)
NOTHING = contextlib.nullcontext()
CALL_WORK = 1_000  # table entries that are read in the time that a policy takes in a game without any


# ---------------------------------------------------------------------------------------------------------- kernels
class Work(NamedTuple):
    """A desk's policy with its columns and fault, see :class:`.desk.Desk`; the units that answer, and where (W,).

    missing (K,): places in the policy, laid out flat, of what cannot be taken
    """

    policy: Any
    offset: Any
    missing: Any
    fault: Any
    units: Any
    found: Any


@inlined
def put(policy, offset, missing, given):
    """Copy a policy onto a desk; 1 where an entry is not in [0, 1], a player's row does not sum to 1, or what cannot be
    taken has a probability, else 0.

    policy, given (S, A_total)   offset (N + 1,)   missing (K,)
    """
    fault = 0
    for s in range(policy.shape[0]):
        for i in range(offset.size - 1):
            total = 0.0
            for c in range(offset[i], offset[i + 1]):
                p = given[s, c]
                policy[s, c] = p
                total += p
                if not p >= 0.0:
                    fault = 1
            if not abs(total - 1.0) <= 1e-12:
                fault = 1
    width = policy.shape[1]
    for e in range(missing.size):
        if policy[missing[e] // width, missing[e] % width] != 0.0:
            fault = 1
    return fault


@unit
def answer(work, given, out, count, trusted):
    """Answers (count, W) at the address ``out`` about the policies (count, S, A_total) at ``given``.

    Unless they are trusted, an answer stays away where work.fault[0] ends as 1, see :func:`put`.
    """
    policies = array_at(given, (count, work.policy.shape[0], work.policy.shape[1]), np.float64)
    answers = array_at(out, (count, work.found.size), np.float64)
    for r in range(count):
        work.fault[0] = put(work.policy, work.offset, work.missing, policies[r])
        if trusted != 0 or work.fault[0] == 0:
            call_each(work.units, (0,))
            for e in range(work.found.size):
                answers[r, e] = work.found[e]


class Shares(NamedTuple):
    """Answering benches, one a share; numbers of a policy, and of an answer."""

    benches: Any
    shares: int
    size: int
    width: int


@unit
def answer_share(frame, share, given, out, count):
    """One share of :func:`answer` about trusted policies.

    given, out: addresses of (count, S, A_total) and (count, W)
    """
    first, last = share * count // frame.shares, (share + 1) * count // frame.shares
    call_each(frame.benches[share:share + 1], (given + 8 * first * frame.size, out + 8 * first * frame.width,
                                               last - first, 1))


# ---------------------------------------------------------------------------------------------------------- benches
class Task:
    """A question at a bench: its unit, called about the policy on the desk, and where the answer then lies (W,)."""

    __slots__ = ("about", "found", "heat", "run")

    def __init__(self, bench: Bench, question: Question, soft: bool) -> None:
        desk = bench.soft() if soft else bench.desk
        units, found = question(desk, bench.game)
        self.found, self.heat = found.reshape(-1), desk.temperature
        work = Work(desk.policy, desk.offset, desk.model.missing, desk.fault, Bounds(units), self.found)
        self.run = answer.bind(work)
        self.about = _address(desk.policy), _address(self.found)

    def __call__(self, trusted: int) -> Float:
        self.run(*self.about, 1, trusted)
        return self.found.copy()


class Bench:
    """A desk that Python works at."""

    def __init__(self, game: Game, threads: int) -> None:
        self.game, self.desk = game, Held(Desk.create(game, wants_visit=False, threads=threads))
        self.policy, self.fault = self.desk.policy, self.desk.fault
        self.tasks: dict[Any, Task] = {}
        self._soft: Held | None = None

    def soft(self) -> Held:
        """The same desk at a temperature above 0: what lies on it is used by nobody else meanwhile."""
        if self._soft is None:
            self._soft = Held(self.desk.frame.warm(self.game))
        return self._soft

    def task(self, question: Question, tau: float) -> Task:
        """What answers a question at a temperature."""
        key = (question, tau != 0.0)
        found = self.tasks.get(key)
        if found is None:
            found = self.tasks[key] = Task(self, *key)
        if tau != 0.0:
            found.heat[0] = tau
        return found


class Benches:
    """The benches of one game that nobody works at, by their number of threads."""

    def __init__(self, game: Game) -> None:
        self.shape = (game.num_states, sum(game.num_actions))
        self.work, self.workspace = game.work_size, game.workspace_bytes()
        self.large = self.work > PARALLEL_WORK
        self.spare: dict[int, list[Bench]] = {1: []}

    def take(self, game: Game, threads: int) -> tuple[Bench, list[Bench]]:
        """A bench, and where to put it back."""
        spare = self.spare.setdefault(threads, [])
        try:
            return spare.pop(), spare
        except IndexError:
            return Bench(game, threads), spare


def _benches(game: Any) -> Benches:
    found = getattr(game, "_benches", None)
    if type(found) is not Benches:
        check_game(game)
        if not game.exact:
            game.workspace()  # says why
        found = Benches(game)
        object.__setattr__(game, "_benches", found)
    return found


def _address(array: Float) -> int:
    return int(array.__array_interface__["data"][0])


# --------------------------------------------------------------------------------------------------------- answers
def ask(game: Game, policy: Any, question: Question, tau: float = 0.0) -> Float:
    """Answers (..., W) about a policy (S, A_total), or about each of a stack (..., S, A_total), checked.

    Raises
    ------
    ValueError, TypeError
        What is wrong with the game or a policy: with which of them, for which player, in which state.
    """
    benches, trusted = _benches(game), 0
    if type(policy) is not np.ndarray or policy.dtype is not FLOAT or policy.shape != benches.shape:
        policy, trusted = check_policies(game, policy), 1
        if policy.ndim > 2:
            return _ask_each(game, benches, policy, question, tau)
    bench, spare = benches.take(game, machine.threads() if benches.large else 1)
    task = bench.task(question, tau)
    bench.policy[...] = policy
    with machine.parallel_region(True) if benches.large else NOTHING:
        out = task(trusted)
        if trusted == 0 and bench.fault[0] != 0:
            bench.policy[...] = check_policy(game, policy)
            out = task(1)
    spare.append(bench)
    return out


def _ask_each(game: Game, benches: Benches, stack: Float, question: Question, tau: float) -> Float:
    """The answers about every policy of a settled stack (..., S, A_total)."""
    lead, size = stack.shape[:-2], stack.shape[-2] * stack.shape[-1]
    count, all_threads = math.prod(lead), machine.threads()
    shares = min(count, all_threads) if count * (benches.work + CALL_WORK) > PARALLEL_WORK else 1
    if (count < all_threads and benches.large) or not _check.fits(shares * benches.workspace, 0.5):
        shares = 1  # one desk, with all threads
    taken = [benches.take(game, all_threads if benches.large and shares == 1 else 1) for _ in range(max(1, shares))]
    tasks = [bench.task(question, tau) for bench, _ in taken]
    width = tasks[0].found.size
    out = np.zeros((count, width))
    with machine.parallel_region(shares > 1 or benches.large):
        if shares > 1:
            frame = Shares(Bounds([each.run for each in tasks]), shares, size, width)
            machine.fanned(answer_share.bind(frame), shares)(0, _address(stack), _address(out), count)
        elif count:
            tasks[0].run(_address(stack), _address(out), count, 1)
    for bench, spare in taken:
        spare.append(bench)
    return out.reshape(*lead, width)
