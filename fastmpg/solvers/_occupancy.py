"""What forward-backward sweeps end with: occupancies, and all that follows from them (see :mod:`.mge_fb`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _check, machine
from .._check import Float
from ..kernels.occupancy import MAX, MEAN, SOFTMAX, Felt, Sweep, feel, sum_crowd
from ..kernels.occupancy_play import reach, write_paths, write_scores, write_tables
from ..machine import Held, fanned
from ..models.occupancy.game import OccupancyGame

KINDS = {"mean": MEAN, "softmax": SOFTMAX, "max": MAX}
PARALLEL_WORK = 20_000  # cells, steps and actions of a sweep (about 100 us) below which threads do not pay
INSTEAD = "a shorter horizon, fewer players or fewer states would fit"


class OccupancyPlay(NamedTuple):
    """Most likely play: every player takes its likeliest action, step by step.

    Attributes
    ----------
    paths : ndarray (M, T + 1)
        States at t = 0 .. T, from the likeliest start, by the likeliest move; the first of equals.
    arrivals : ndarray (M,) or None
        First step at which a player is at its goal, -1 if it never is; None for games without goals.
    meetings : tuple of (t, i, j)
        Players i < j that are in one state at step t.
    """

    paths: NDArray[np.int32]
    arrivals: NDArray[np.int64] | None
    meetings: tuple[tuple[int, int, int], ...]


class OccupancyPlan(NamedTuple):
    """What a solution was asked to be."""

    horizon: int
    beta: float
    value: str
    alpha: float
    terminal: str
    tol: float

    @property
    def decisions(self) -> int:
        return self.horizon + (self.terminal == "extra_decision")


class OccupancySolution:
    """Where the sweeps of :func:`mge_fb` ended.

    Attributes
    ----------
    game : OccupancyGame
    horizon, beta, value_kind, alpha, terminal, tol
        As asked for.
    decisions : int
        Steps at which players act: ``horizon``, and one more with ``terminal="extra_decision"``.
    iterations : int
        Sweeps made.
    residual : float
        Largest change of an occupancy by the last sweep, before ``alpha``.
    status : str
        "settled" (within the tolerance), "cycle" (occupancies came back to where they were, and will for ever), or
        "maxiter".
    period : int
        Sweeps of a cycle; 0 without one.
    crowd : ndarray (T + 1, X)
        sum_j mu_j O_j^t(x), read-only.
    nbytes : int
        What is kept.
    """

    def __init__(self, game: OccupancyGame, plan: OccupancyPlan, felt: Felt, sweep: Sweep,
                 counts: NDArray[np.int64], found: Float) -> None:
        self.game, self._plan, self._felt, self._sweep = game, plan, felt, sweep
        self._counts, self._found = counts, found
        self.horizon, self.beta, self.value_kind, self.alpha, self.terminal, self.tol = plan
        self.decisions = plan.decisions
        self.iterations, self.period, self.residual = int(counts[0]), int(counts[3]), float(found[0])
        self.status = "settled" if self.residual <= plan.tol else "cycle" if self.period else "maxiter"
        self.crowd = sweep.crowd.view()
        self.crowd.flags.writeable = False

    @property
    def nbytes(self) -> int:
        s = self._sweep
        return int(sum(each.nbytes for each in (s.occupancy, s.cells, s.counts, s.place, s.crowd)))

    # ------------------------------------------------------------------------------------------------- of one player
    def occupancy(self, player: int) -> Float:
        """O_i (T + 1, X): the probability that a player is in a state at t = 0 .. T.

        Parameters
        ----------
        player : int
        """
        i, s = _check.player(player, self.game.num_players), self._sweep
        out = np.zeros((self.horizon + 1, self.game.num_states))
        for t in range(self.horizon + 1):
            count = s.counts[i, t]
            out[t, s.cells[s.first[i]:s.first[i] + count]] = s.occupancy[s.place[i, t]:s.place[i, t] + count]
        return out

    def tables(self, player: int) -> tuple[Float, Float, Float]:
        """Policy, Q and values of a player in all states, whether or not it can come there.

        Parameters
        ----------
        player : int

        Returns
        -------
        policy : ndarray (D, X, A_i)
            0 where an action cannot be taken.
        q : ndarray (D, X, A_i)
            -inf where an action cannot be taken.
        value : ndarray (D + 1, X)
            Of the kind that was asked for; at [D] what is received at the end.
        """
        i, game = _check.player(player, self.game.num_players), self.game
        m, x, a, steps = game.num_players, game.num_states, game.num_actions[i], self.decisions
        _check.budget(8 * x * (2 * steps * a + 2 * steps + 8), f"the tables of player {i}", INSTEAD)
        values, occupancy = np.zeros((1, (steps + 1) * x)), self.occupancy(i).reshape(-1)
        everywhere: dict[str, Any] = {
            "cells": np.arange(x, dtype=np.int32), "first": np.zeros(m, np.int64), "occupancy": occupancy,
            "place": np.tile(np.arange(steps + 2) * x, (m, 1)), "counts": np.full((m, steps + 1), x),
            "level": np.zeros((1, x))}
        felt = self._felt._replace(fault=np.zeros((1, 4), np.int64), **everywhere)
        whole = self._sweep._replace(
            felt=feel.bind(felt), keep=True, shares=1, policy=np.zeros((1, steps * x * a)),
            q=np.zeros((1, steps * x * a)), values=values, gaps=np.zeros((1, x * a)), value=np.zeros((1, 2, x)),
            local=np.zeros((1, x), np.int32), **everywhere)
        write_tables.bind(whole)(i)
        shape = (steps, x, a)
        return whole.policy.reshape(shape), whole.q.reshape(shape), values.reshape(steps + 1, x)

    def policy(self, player: int) -> Float:
        """pi_i (D, X, A_i): a player's policy at every decision, in all states.

        Parameters
        ----------
        player : int
        """
        return self.tables(player)[0]

    def q(self, player: int) -> Float:
        """Q_i (D, X, A_i), -inf where an action cannot be taken.

        Parameters
        ----------
        player : int
        """
        return self.tables(player)[1]

    def value(self, player: int) -> Float:
        """V_i (D + 1, X), of the kind that was asked for.

        Parameters
        ----------
        player : int
        """
        return self.tables(player)[2]

    # ------------------------------------------------------------------------------------------------ of all players
    def scores(self) -> Float:
        """(M,): what players receive on average, R_i, Psi_i and what comes at the end, over all steps."""
        with machine.parallel_region(self._sweep.shares > 1):
            fanned(write_scores.bind(self._sweep), self._sweep.shares)(0)
        return self._sweep.score.copy()

    def most_likely(self) -> OccupancyPlay:
        """Every player's most likely action, step by step: where that leads, when, and who meets whom.

        Returns
        -------
        OccupancyPlay

        Examples
        --------
        >>> import fastmpg as fm
        >>> play = fm.solvers.mge_fb(fm.games.driving(), 12).most_likely()
        >>> play.arrivals  # cars 1 to 3, and the pedestrian, who goes first
        array([7, 5, 8, 3])
        >>> play.meetings
        ()
        """
        paths = self._paths(1, np.zeros(2, np.uint64), False)[0]
        game, met = self.game, []
        for t in range(self.horizon + 1):
            order = np.argsort(paths[:, t], kind="stable")
            for n, i in enumerate(order):
                for j in order[n + 1:]:
                    if paths[i, t] != paths[j, t]:
                        break
                    met.append((t, int(i), int(j)))
        arrivals = None
        if game.goals is not None:
            there = paths == game.goals[:, None]
            arrivals = np.where(there.any(axis=1), there.argmax(axis=1), -1)
        return OccupancyPlay(paths, arrivals, tuple(sorted(met)))

    def simulate(self, runs: int, rng: Any = None) -> NDArray[np.int32]:
        """Play with the policies.

        Parameters
        ----------
        runs : int
        rng : None, int, sequence of int, SeedSequence or Generator
            Seed; draws depend on it, the run, the step and the player alone.

        Returns
        -------
        ndarray (runs, M, T + 1)
            States at t = 0 .. T.
        """
        count = _check.integer(runs, "runs", low=1)
        need = 4 * count * self.game.num_players * (self.horizon + 1)
        _check.budget(need, f"runs = {count} of {self.game.num_players} players", "fewer runs would fit")
        return self._paths(count, _check.seed_sequence(rng).generate_state(2).astype(np.uint64), True)

    def _paths(self, runs: int, key: Any, sampled: bool) -> NDArray[np.int32]:
        paths = np.zeros((runs, self.game.num_players, self.horizon + 1), np.int32)
        frame = self._sweep._replace(paths=paths, key=key)
        with machine.parallel_region(frame.shares > 1):
            fanned(write_paths.bind(frame), frame.shares)(0, int(sampled))
        return paths

    def __reduce__(self) -> Any:
        return _rebuilt, (self.game, self._plan, self._sweep.occupancy, self._counts, self._found)

    def __repr__(self) -> str:
        cycle = f" of {self.period}" if self.status == "cycle" else ""
        return (f"<OccupancySolution: {self.status}{cycle} after {self.iterations} sweeps, residual "
                f"{self.residual:.3g}, {self.game.num_players} players, {self.horizon} steps>")


# -------------------------------------------------------------------------------------------------------- preparation
def _cones(game: OccupancyGame, plan: OccupancyPlan,
           max_bytes: int | None) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Cells that players can reach: cells (C,), first (M,), counts (M, D + 1)."""
    m, x = game.num_players, game.num_states
    counts, cells, first, total = np.zeros((m, plan.decisions + 1), np.int64), [], np.zeros(m, np.int64), 0
    room = np.zeros(x, np.int32)
    for i in range(m):
        begin = [game.starts[i]] if game.starts.ndim == 1 else np.flatnonzero(game.starts[i] > 0)
        counts[i, 0] = len(begin)
        room[:len(begin)] = begin
        reach(game.model, i, counts[i], room, np.zeros(x, np.bool_))
        cells.append(room[:counts[i, -1]].copy())
        first[i] = total
        total += int(counts[i, -1])
        if i % 64 == 0:
            _check.budget(8 * total, f"the states that {i + 1} of {m} players can reach", INSTEAD, max_bytes)
    return np.concatenate(cells), first, counts


def prepared(game: OccupancyGame, plan: OccupancyPlan, max_bytes: int | None) -> tuple[Felt, Sweep]:
    """A sweep with O^0 in its place and nothing else."""
    m, x, steps = game.num_players, game.num_states, plan.horizon
    _check.budget(24 * m * (steps + 2) + 16 * (steps + 1) * x, f"{m} players, {x} states and {steps} steps", INSTEAD,
                  max_bytes)
    cells, first, counts = _cones(game, plan, max_bytes)
    sizes = counts[:, :steps + 1]
    place = np.zeros((m, plan.decisions + 2), np.int64)
    ends = np.cumsum(sizes).reshape(m, steps + 1)
    place[:, :steps + 1] = ends - sizes
    place[:, steps + 1:] = ends[:, -1:]
    if plan.decisions > steps:
        place[:, -1] += counts[:, -1]
    entries = int(ends[-1, -1])
    largest = int((sizes.sum(axis=1) * np.array(game.num_actions)).max())
    width = int(counts[:, -1].max())
    shares = min(machine.threads(), m) if entries * max(game.num_actions) > PARALLEL_WORK else 1
    actions = max(game.num_actions)
    functional = 0 if game.has_weights else m * (x * (steps + 1) + shares)
    need = 8 * (entries + 2 * (steps + 1) * x + functional)
    need += shares * (8 * (largest + (5 + actions) * width + x + 4) + 4 * x)
    _check.budget(need, f"{entries} occupancies, of {m} players in up to {width} of {x} states over {steps} steps, "
                  f"with room for {shares} threads,", INSTEAD, max_bytes)
    occupancy = np.zeros(entries)
    for i in range(m):
        law = 1.0 if game.starts.ndim == 1 else game.starts[i, cells[first[i]:first[i] + counts[i, 0]]]
        occupancy[place[i, 0]:place[i, 0] + counts[i, 0]] = law
    row = np.zeros(steps + 1)
    felt = Felt(psi=game.interaction(), weight=game.mu, cells=cells, first=first, counts=counts, place=place,
                occupancy=occupancy, crowd=np.zeros((steps + 1, x)), level=np.zeros((shares, width)),
                everyone=np.zeros((0, 0, 0) if game.has_weights else (steps + 1, x, m)),
                others=np.zeros((shares, 0 if game.has_weights else m)), fault=np.zeros((shares, 4), np.int64))
    return felt, Sweep(
        model=Held(game.model), felt=feel.bind(felt), weight=game.mu, cells=cells, first=first, counts=counts,
        place=place, occupancy=occupancy, crowd=felt.crowd, kept=np.zeros((steps + 1, x)),
        moved=row.copy(), apart=row.copy(), horizon=steps, decisions=plan.decisions, beta=plan.beta, alpha=plan.alpha,
        kind=KINDS[plan.value], charged=plan.terminal == "with_psi", keep=False, shares=shares,
        policy=np.zeros((shares, largest)), q=np.zeros((1, 1)), values=np.zeros((1, 1)),
        gaps=np.zeros((shares, width * actions)), value=np.zeros((shares, 2, width)),
        flow=np.zeros((shares, 2, width)), local=np.zeros((shares, x), np.int32),
        before=np.zeros((shares, x)), everyone=felt.everyone, level=felt.level, residual=np.zeros(m),
        paths=np.zeros((1, 1, 1), np.int32), key=np.zeros(2, np.uint64), score=np.zeros(m))


def _rebuilt(game: OccupancyGame, plan: OccupancyPlan, occupancy: Float, counts: NDArray[np.int64],
             found: Float) -> OccupancySolution:
    """A solution out of a pickle."""
    felt, sweep = prepared(game, plan, None)
    sweep.occupancy[...] = occupancy
    with machine.parallel_region(sweep.shares > 1):
        fanned(sum_crowd.bind(sweep), sweep.shares)(0)
    return OccupancySolution(game, plan, felt, sweep, counts, found)
