"""Round-robin best-response dynamics over stationary policies.

Players take turns; each moves to its exact best response when that is strictly better from some state. In a Markov
potential game every move raises the potential, so the dynamics end at a pure equilibrium; elsewhere they may cycle.

Better means by more than the certified error of the difference (:func:`.gaps.gain_error`), with payoffs counted from
the player's own middle where their level is far from it (:mod:`.origin`): verdicts do not depend on the origin, every
move is a true improvement, and so is every step of a cycle. Profiles are pure after the first round, so that without a
future nothing is rounded at all. Monderer & Shapley (1996), Lemma 2.3; for Markov potential games, Leonardos et al.
(2022), Theorem 3.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from .. import _check, machine
from .._check import Float
from ..feedback.bench import CALL_WORK
from ..feedback.desk import PARALLEL_WORK, Desk, finish
from ..machine import Bound, Bounds, Held, call_each, fanned, kernel, unit
from ..metrics.evaluation import evaluate
from ..metrics.gaps import gain_error, gaps, value_residual
from ..metrics.origin import centred
from ..metrics.respond import profile, respond
from ..metrics.rounding import magnitudes, policy_excess
from ..models.game import Game, check_game, contract
from ..policy import check_policies, check_policy, random_policy, uniform_policy

__all__ = ["RoundRobin", "RoundRobins", "round_robin"]

STATUSES = ("equilibrium", "cycle", "limit", "undecided")
NEGLIGIBLE = 1e-6  # of the largest difference that two values can have: rounding that could hide more than this decides


@kernel
def _round(model, desk, policy, always, m, sums, hidden):
    """One turn of every player, in order; returns how many changed their policy (``always``: take the response anyway).

    hidden (N,): filled with what a player's gain must exceed, the bound on its error
    """
    moves = 0
    for i in range(desk.value.shape[0]):
        contract(model, desk.work, policy)
        finish(model, desk, policy)
        profile(desk, policy, 0, policy.shape[1])
        pure = policy_excess(policy, desk.offset, sums)
        residual = value_residual(desk.q_bar, policy, desk.offset, i, 0.0, desk.value[i])
        reached = respond(model, desk, policy, i, 0.0, desk.value[i])
        hidden[i] = gain_error(m, i, sums, pure, 0.0, m.actions[i], residual, desk.value[i], reached, desk.best)
        gain = 0.0
        for s in range(policy.shape[0]):
            gain = max(gain, desk.best[s] - desk.value[i, s])
        if always or gain > hidden[i]:
            moves += 1
            for s in range(policy.shape[0]):
                for c in range(desk.offset[i], desk.offset[i + 1]):
                    policy[s, c] = desk.deviation[s, c]
    contract(model, desk.work, policy)
    finish(model, desk, policy)
    return moves


FIRST, LATER, END = 0, 1, 2  # rounds, and what is said at the end


class Turns(NamedTuple):
    """A desk with what :func:`_round` needs, and of all starts R: order (R,), those that go on first, policy (R, S,
    A_total), hidden and gap (R, N), made (R,), value (R, N, S).
    """

    desk: Any
    magnitudes: Any
    sums: Any
    order: Any
    policy: Any
    hidden: Any
    made: Any
    value: Any
    gap: Any


@unit
def take_turns(frame, first, last, task):
    """A round from each of the starts order[first:last], or the values and gaps where they have ended."""
    desk = frame.desk
    for k in range(first, last):
        r = frame.order[k]
        policy = frame.policy[r]
        if task != END:
            frame.made[r] = _round(desk.model, desk, policy, task == FIRST, frame.magnitudes, frame.sums,
                                   frame.hidden[r])
        else:
            contract(desk.model, desk.work, policy)
            finish(desk.model, desk, policy)
            for i in range(desk.value.shape[0]):
                for s in range(desk.value.shape[1]):
                    frame.value[r, i, s] = desk.value[i, s]
            gaps(desk.model, desk, policy, 0.0, desk.value, frame.gap[r])


class Shared(NamedTuple):
    """One :func:`take_turns` a share."""

    workers: Any
    shares: int


@unit
def take_share(frame, share, count, task):
    """One share of :func:`take_turns` from ``count`` starts."""
    first, last = share * count // frame.shares, (share + 1) * count // frame.shares
    call_each(frame.workers[share:share + 1], (first, last, task))


class RoundRobin(NamedTuple):
    """Where the dynamics ended.

    Attributes
    ----------
    policy : ndarray (S, A_total)
        A pure profile.
    value : ndarray (N, S)
    ne_gap : ndarray (N,)
    rounds, moves : int
        Rounds of all players made, and changes of policy after the first of them.
    status : str
        "equilibrium" (a round without a move), "cycle" (a profile came back by moves that were true improvements),
        "limit" (``maxiter`` rounds), or "undecided": a round without a move in which rounding could hide gains of more
        than a millionth of the largest difference that a player's values can have.
    hidden : ndarray (N,)
        Gains up to this could be rounding at the player's last turn, and did not count as better.
    """

    policy: Float
    value: Float
    ne_gap: Float
    rounds: int
    moves: int
    status: str
    hidden: Float

    def __repr__(self) -> str:
        made = f"{self.rounds} rounds, {self.moves} moves"
        return f"<RoundRobin: {self.status} after {made}, NE-gap {self.ne_gap.max():.3g}>"


class RoundRobins(NamedTuple):
    """Where the dynamics ended from many starts.

    Attributes
    ----------
    runs : tuple of RoundRobin
        One a start, in order.
    policy : ndarray (K, S, A_total)
        The different equilibria among the ends, in the order in which they were found.
    found : ndarray (K,)
        How many starts ended at each.
    """

    runs: tuple[RoundRobin, ...]
    policy: Float
    found: NDArray[np.int64]

    @property
    def statuses(self) -> tuple[str, ...]:
        """How the dynamics ended, one a start, in order."""
        return tuple(run.status for run in self.runs)

    def __repr__(self) -> str:
        told = {status: sum(run.status == status for run in self.runs) for status in STATUSES}
        ends = ", ".join(f"{count} {status}" for status, count in told.items() if count)
        return f"<RoundRobins: {len(self.runs)} starts, {ends}; {len(self.policy)} different equilibria>"


@overload
def round_robin(game: Game, policy: Any = None, *, maxiter: int = 10_000, starts: None = None,
                rng: Any = 0) -> RoundRobin: ...


@overload
def round_robin(game: Game, policy: Any = None, *, maxiter: int = 10_000, starts: Any, rng: Any = 0) -> RoundRobins: ...


def round_robin(game: Game, policy: Any = None, *, maxiter: int = 10_000, starts: Any = None,
                rng: Any = 0) -> RoundRobin | RoundRobins:
    """Let players best-respond in turn until none can improve.

    Parameters
    ----------
    game : Game
    policy : array_like (S, A_total) or list of (S, A_i), optional
        Where to start; uniform by default. In the first round everyone moves to a pure best response.
    maxiter : int
        Most rounds to make.
    starts : int or array_like (R, S, A_total), optional
        Many starts instead of one: so many random policies, or these. They are shared out to threads where that pays,
        with the same bits as one by one.
    rng : None, int, sequence of int, SeedSequence or Generator
        Of random starts.

    Returns
    -------
    RoundRobin
        Its status says whether the profile is an equilibrium or the dynamics came back to an earlier profile. Neither
        that nor the gaps depend on the origin of a player's payoffs.
    RoundRobins
        With ``starts``.

    Raises
    ------
    ValueError, TypeError
        If a policy does not fit the game, or both ``policy`` and ``starts`` are given.

    Examples
    --------
    >>> import fastmpg as fm
    >>> fm.solvers.round_robin(fm.games.zhang_3x2())
    <RoundRobin: equilibrium after 3 rounds, 1 moves, NE-gap 0>
    >>> fm.solvers.round_robin(fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])).status  # matching pennies
    'cycle'
    >>> fm.solvers.round_robin(fm.games.random_normal_form((4, 5), rng=2), starts=100)
    <RoundRobins: 100 starts, 24 equilibrium, 76 cycle; 2 different equilibria>

    Notes
    -----
    Monderer & Shapley (1996), Lemma 2.3; Leonardos et al. (2022), Theorem 3.1.
    """
    check_game(game)
    limit = _check.integer(maxiter, "maxiter", low=1)
    if starts is None:
        table = uniform_policy(game) if policy is None else check_policy(game, policy)
        return _from(game, table[None], limit)[0]
    if policy is not None:
        raise ValueError("give policy or starts, found both")
    if _check.is_int(starts):
        count, draw = _check.integer(starts, "starts", low=1), _check.generator(rng)
        _check.budget(8 * count * game.num_states * sum(game.num_actions) * 4, f"starts = {count} policies of {game!r}",
                      "ask for fewer")
        stack = np.stack([random_policy(game, draw) for _ in range(count)])
    else:
        stack = check_policies(game, starts, "starts")
        if stack.ndim != 3 or len(stack) == 0:
            raise ValueError(f"starts must be a number or a stack (R, S, A_total) of policies, found {stack.shape}")
    runs = _from(game, np.array(stack, np.float64, order="C"), limit)
    ends: dict[bytes, list[int]] = {}
    for r, run in enumerate(runs):
        if run.status == "equilibrium":
            ends.setdefault(np.packbits(run.policy > 0.5).tobytes(), []).append(r)
    policies = np.array([runs[each[0]].policy for each in ends.values()])
    found = np.array([len(each) for each in ends.values()], np.int64)
    return RoundRobins(runs, policies.reshape(-1, *stack.shape[1:]), found)


def _workers(near: Game, state: dict[str, Any], count: int) -> tuple[Bound, bool]:
    """What makes a round from all starts, called as (0, how many, task), and whether it uses threads."""
    threads = machine.threads()
    large = near.work_size > PARALLEL_WORK
    shares = min(count, threads) if count * (near.work_size + CALL_WORK) > PARALLEL_WORK else 1
    if (count < threads and large) or not _check.fits(shares * near.workspace_bytes(), 0.5):
        shares = 1  # one desk, with all threads
    alone = threads if large and shares == 1 else 1
    norms = magnitudes(near)
    workers = [take_turns.bind(Turns(Held(Desk.create(near, wants_visit=False, threads=alone)), norms, np.zeros(2),
                                     **state)) for _ in range(shares)]
    return fanned(take_share.bind(Shared(Bounds(workers), shares)), shares), shares > 1 or alone > 1


def _from(game: Game, table: Float, limit: int) -> tuple[RoundRobin, ...]:
    """The dynamics from checked policies (R, S, A_total), which are overwritten."""
    near, _ = centred(game)
    count, n = len(table), game.num_players
    order = np.arange(count)
    hidden, gap, value = np.zeros((count, n)), np.zeros((count, n)), np.zeros((count, n, game.num_states))
    made, rounds, moves = (np.zeros(count, np.int64) for _ in range(3))
    work, several = _workers(near, {"order": order, "policy": table, "hidden": hidden, "made": made, "value": value,
                                    "gap": gap}, count)
    with np.errstate(over="ignore"):
        span = np.ptp(near.payoff_range(), axis=1) / (1.0 - game.discount)
    seen: list[set[bytes]] = [set() for _ in range(count)]
    status, left = ["limit"] * count, list(range(count))
    with machine.parallel_region(several):
        for now in range(limit):
            order[:len(left)] = left
            work(0, len(left), FIRST if now == 0 else LATER)
            going = []
            for r in left:
                rounds[r] += 1
                moves[r] += made[r] if now > 0 else 0
                if now > 0 and made[r] == 0:
                    sure = np.isfinite(hidden[r]) & (hidden[r] <= NEGLIGIBLE * span)
                    status[r] = "equilibrium" if sure.all() else "undecided"
                    continue
                profile = np.packbits(table[r] > 0.5).tobytes()
                if profile in seen[r]:
                    status[r] = "cycle"
                    continue
                seen[r].add(profile)
                going.append(r)
            left = going
            if not left:
                break
        order[:] = range(count)
        work(0, count, END)
    if near is not game:
        value = evaluate(game, table).value
    return tuple(RoundRobin(table[r].copy(), value[r].copy(), gap[r].copy(), int(rounds[r]), int(moves[r]), status[r],
                            hidden[r].copy()) for r in range(count))
