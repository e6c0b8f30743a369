"""Calvano, Calzolari, Denicolo and Pastorello (2020), American Economic Review 110: independent Q-learners that set
prices learn to keep them above the competitive ones.

Two firms under logit demand, 15 prices, one stage of memory, discount .95; epsilon = exp(-beta t), first q against
opponents who play uniformly; a session ends when greedy prices have stood for 100 000 stages in every state. The
paper's own grid of learning rates, a file for every point that is finished, so that it can be stopped and taken up:

    python -m fastmpg.experiments._calvano_grid FOLDER --points 100 --sessions 1000
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .. import plot
from .._check import Float
from ..games.pricing import pricing
from ..metrics.cycle import best_on_cycle, cycle, deviation
from ..models.game import Game
from ..models.logit_market import logit_market
from ..rules.independent_q_learning import IndependentQLearning
from ..run.ensemble import ensemble
from ..run.record import Record
from ..run.result import Result
from ..run.until import Unchanged
from .experiment import PRINTED, RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment

PAPER = "Calvano, Calzolari, Denicolo and Pastorello (2020)"
ALPHA, BETA = 0.15, 4e-6  # the representative point
SESSIONS, STAGES, MOST = 200, 100_000, 10**9
ALPHAS, BETAS, FEW = (0.025, 0.1, 0.175, 0.25), (5e-6, 1e-5, 1.5e-5, 2e-5), 10
FIRMS = {2: 200, 3: 6, 4: 2}  # sessions; those of more firms are longer, and miss every cache
AFTER = 15  # stages that are shown of a deviation
# the rerun in plain numba whose numbers are compared: 200 sessions of its own
GAIN, GAIN_ERROR, SHARES, LENGTH, LENGTH_SPREAD = 0.8457, 0.0084, {1: 0.67, 2: 0.24}, 1.91e6, 0.35e6


class Sessions(NamedTuple):
    """gain (R,), length (R,) of cycles, steps (R,), and the runs."""

    gain: Float
    length: Any
    steps: Any
    result: Result


def sessions(game: Game, count: int, alpha: float = ALPHA, beta: float = BETA, seed: int = 0) -> Sessions:
    """Sessions until they settle, and the cycle of each from the state that it ended in."""
    rule = IndependentQLearning(alpha, ("exponential", beta), "uniform_opponents")
    result = ensemble(game, rule, MOST, count, rng=seed, record=Record(steps=[MOST], metrics=()),
                      until=Unchanged(STAGES))
    found = [cycle(game, policy, int(place)) for policy, place in zip(result.policy, result.state.place, strict=True)]
    market = logit_market(game.num_players, game.num_actions[0])
    return Sessions(market.profit_gain(np.array([each.profit for each in found])),
                    np.array([each.length for each in found]), result.steps, result)


@cache
def representative() -> Sessions:
    """The representative point."""
    return sessions(pricing(), SESSIONS)


@cache
def small_grid() -> Float:
    """Mean profit gain (alphas, betas)."""
    game = pricing()
    return np.array([[sessions(game, FEW, alpha, beta, seed=1).gain.mean() for beta in BETAS] for alpha in ALPHAS])


@cache
def by_firms() -> dict[int, Float]:
    """Profit gains (R,) for numbers of firms."""
    return {n: representative().gain if n == 2 else sessions(pricing(n), count, seed=2).gain
            for n, count in FIRMS.items()}


class Responses(NamedTuple):
    """prices (T, 2): mean prices of the deviating firm and of the other, before, and from the deviation on

    unprofitable: the share of deviations by which the firm loses, of those that change its price   back: the share of
    sessions in which prices are again the old ones at the end
    """

    prices: Float
    unprofitable: float
    back: float


@cache
def responses() -> Responses:
    """One firm deviates once to its best reply at once, in every session whose cycle has length 1."""
    game, market, done = pricing(), logit_market(), representative()
    paths, lost, back = [], [], []
    for r in np.flatnonzero(done.length == 1):
        policy = done.result.policy[r]
        at = cycle(game, policy, int(done.result.state.place[r]))
        usual = at.actions[0]
        found = deviation(game, policy, int(at.states[0]), 0, stages=200)
        if found.actions[0, 0] == usual[0]:
            continue
        rows = np.concatenate([[usual, usual], found.actions[:AFTER]])
        paths.append(np.stack([market.prices[i][rows[:, i]] for i in range(2)], axis=1))
        lost.append(found.gain[0] < 0.0)
        back.append((found.actions[AFTER] == usual).all())
    if not paths:
        return Responses(np.full((AFTER + 2, 2), np.nan), np.nan, np.nan)
    return Responses(np.mean(paths, axis=0), float(np.mean(lost)), float(np.mean(back)))


def draw_grid(gain: Float, alphas: Any, betas: Any) -> Any:
    """The heat map of the paper's Figure 1."""
    sheet, axes = plot.figure(size=(5.4, 4.0), title="mean profit gain")
    with plot.style():
        edges = [np.concatenate([[1.5 * x[0] - 0.5 * x[1]], (x[1:] + x[:-1]) / 2, [1.5 * x[-1] - 0.5 * x[-2]]])
                 for x in (np.asarray(betas) * 1e5, np.asarray(alphas))]
        image = axes[0, 0].pcolormesh(*edges, gain, cmap="viridis", vmin=0.5, vmax=1.0)
        if gain.size <= 25:
            for i, alpha in enumerate(alphas):
                for j, beta in enumerate(betas):
                    axes[0, 0].text(1e5 * beta, alpha, f"{gain[i, j]:.2f}", ha="center", va="center",
                                    color="white" if gain[i, j] < 0.8 else "black")
        axes[0, 0].grid(False)
        axes[0, 0].set(xlabel="beta x 10^5 (exploration)", ylabel="alpha (learning rate)")
        sheet.colorbar(image, ax=axes[0, 0])
    return sheet


def draw_responses(found: Responses) -> Any:
    """Prices around a deviation, the paper's Figure 4."""
    market = logit_market()
    sheet, axes = plot.figure(size=(5.4, 3.4), title="prices after one firm deviates once")
    with plot.style():
        when = np.arange(-2, found.prices.shape[0] - 2)
        axes[0, 0].plot(when, found.prices[:, 0], "o-", label="the firm that deviates at 0")
        axes[0, 0].plot(when, found.prices[:, 1], "s-", label="the other")
        for price, word in ((market.nash_price[0], "Bertrand-Nash"), (market.monopoly_price[0], "monopoly")):
            axes[0, 0].axhline(price, color="0.5", linestyle="--", linewidth=0.9)
            axes[0, 0].annotate(word, (when[-1], price), (0, 3), textcoords="offset points", ha="right", fontsize=8)
        axes[0, 0].set(xlabel="stages after the deviation", ylabel="mean price")
        axes[0, 0].legend(loc="center right")
    return sheet


def draw_firms(found: dict[int, Float]) -> Any:
    """Profit gain against the number of firms."""
    sheet, axes = plot.figure(size=(4.6, 3.4), title="profit gain and the number of firms")
    with plot.style():
        for n, gain in found.items():
            axes[0, 0].plot(np.full(gain.size, n) + np.linspace(-0.06, 0.06, gain.size), gain, ".",
                            color=plot.COLOURS[5], markersize=3, label="a session" if n == 2 else None)
        axes[0, 0].plot(list(found), [gain.mean() for gain in found.values()], "o-", label="mean")
        axes[0, 0].set(xlabel="firms", ylabel="profit gain", ylim=(0.0, 1.05), xticks=list(found))
        axes[0, 0].legend(loc="lower left")
    return sheet


@experiment("calvano2020", title="Algorithms that set prices: profit gains, cycles, deviations", paper=PAPER)
def calvano2020() -> Outcome:
    """200 sessions of the representative point, a small grid of learning rates, deviations, and more firms."""
    done, gains, reply, firms = representative(), small_grid(), responses(), by_firms()
    mean, error = done.gain.mean(), done.gain.std(ddof=1) / SESSIONS**0.5
    joint = 3.0 * (error**2 + GAIN_ERROR**2) ** 0.5
    checks = [Check("profit gain at alpha = .15, beta = 4e-6", 0.85, mean, 0.03, PRINTED),
              Check("profit gain, to three standard errors", GAIN, mean, joint, RECOMPUTED)]
    for length, share in SHARES.items():
        spread = 3.0 * (2.0 * share * (1.0 - share) / SESSIONS) ** 0.5
        checks.append(Check(f"share of cycles of length {length}, to three standard errors", share,
                            float(np.mean(done.length == length)), spread, RECOMPUTED))
    spread = 3.0 * ((LENGTH_SPREAD**2 + done.steps.std(ddof=1) ** 2) / SESSIONS) ** 0.5
    inside = float(np.mean((gains >= 0.7) & (gains <= 0.9)))
    checks += [Check("mean stages until a session settles, to three standard errors", LENGTH, done.steps.mean(), spread,
                     RECOMPUTED),
               Check("profit gains between .7 and .9 over most of the grid", 1.0, float(inside > 0.5), 0.0, STATEMENT),
               Check("profit gain falls with the number of firms", 1.0,
                     float(firms[2].mean() > max(firms[n].mean() for n in firms if n > 2)), 0.0, STATEMENT)]
    game, some = pricing(), range(20)
    best = [best_on_cycle(game, done.result.policy[r], int(done.result.state.place[r])) for r in some]
    lengths = ", ".join(f"{n}: {np.mean(done.length == n):.1%}" for n in sorted(set(done.length.tolist())))
    notes = (
        f"{SESSIONS} sessions at alpha = {ALPHA}, beta = {BETA:g}: profit gain {mean:.4f} (s.e. {error:.4f}); a rerun "
        f"in plain numba, {SESSIONS} sessions of its own: {GAIN} (s.e. {GAIN_ERROR}). Stages until they settle: mean "
        f"{done.steps.mean() / 1e6:.3f} million, s.d. {done.steps.std(ddof=1) / 1e6:.2f} million.",
        f"Cycles by length: {lengths}.",
        f"Over the grid of {len(ALPHAS)} x {len(BETAS)}, {FEW} sessions each: {inside:.0%} of the points between .7 "
        f"and .9; least {gains.min():.2f}, largest {gains.max():.2f}. The paper's grid: see this module.",
        f"A deviation to the best reply at once: it loses in {reply.unprofitable:.0%} of the sessions, and prices are "
        f"the old ones {AFTER} stages later in {reply.back:.0%} (cycles of length 1).",
        f"Of the first {len(some)} sessions, {np.mean([b.best_on_path.min() == 1.0 for b in best]):.0%} are Nash "
        f"equilibria on the path; where not, a firm loses at most {max(b.on_path.max() for b in best):.2%}; off the "
        f"path {np.mean([b.off_path.mean() for b in best]):.2%} on average.",
        "Profit gain by number of firms (sessions): "
        + ", ".join(f"{n}: {gain.mean():.2f} ({gain.size})" for n, gain in firms.items()) + ".")
    return Outcome(checks, (
        Figure("grid", f"Mean profit gain over {FEW} sessions at every point: 0 is competition, 1 a cartel.",
               lambda: draw_grid(gains, ALPHAS, BETAS)),
        Figure("deviation", "Mean prices over sessions; at stage 0 one firm takes its best reply at once.",
               lambda: draw_responses(reply)),
        Figure("firms", "Every session, and means.", lambda: draw_firms(firms))), notes)
