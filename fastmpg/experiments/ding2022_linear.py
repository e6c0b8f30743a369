"""Ding et al. (2022), Q-ascent on linear estimates from samples: how far the estimates are, and what that costs.

The slides print no experiment of it. Errors are measured against exact values, and runs against exact Q-ascent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import plot
from .._check import Float
from ..games.random import random_markov
from ..metrics.evaluation import evaluate
from ..metrics.ne_gap import ne_gap
from ..models.markov.game import MarkovGame
from ..policy import random_policy
from ..rules.linear_q_ascent import LinearQAscent
from ..rules.q_ascent import QAscent
from ..run.ensemble import ensemble
from ..run.learn import learn
from ..run.record import Record
from .ding2022 import PAPER
from .experiment import STATEMENT, Check, Figure, Outcome, experiment

SIZES = 1000 * 4 ** np.arange(5)  # K
RUNS, XI, DIMENSION = 16, 0.5, 3  # of the estimates
ETA, ROUNDS, FLOOR, SEEDS, COURSES = 0.05, 200, 0.02, 8, (100, 1000, 10_000)


class Errors(NamedTuple):
    """By K: the root mean square error of <phi, w> against the best w, and eps_stat, means over players and runs."""

    root: Float
    excess: Float


def law(game: MarkovGame, policy: Float) -> Float:
    """How often a player's samples are of a state and action: d(s) ((1 - xi) pi_i + xi uniform).    (S, A_total)"""
    counts = np.repeat(game.action_counts(), game.num_actions, axis=1)
    return evaluate(game, policy).visit[:, None] * ((1.0 - XI) * policy + XI / counts)


def best_fit(game: MarkovGame, policy: Float, features: Float | None) -> Float:
    """<phi, w> for the w that minimises E (<phi, w> - R)^2, which is that of least distance to Qbar.   (S, A_total)"""
    q = evaluate(game, policy).q_bar
    if features is None:
        return q
    weight, found = law(game, policy), np.empty_like(q)
    for i in range(game.num_players):
        own = slice(game.offset[i], game.offset[i + 1])
        root = np.sqrt(weight[:, own]).ravel()
        rows = features[:, own].reshape(-1, features.shape[2])
        w = np.linalg.lstsq(rows * root[:, None], q[:, own].ravel() * root, rcond=None)[0]
        found[:, own] = (rows @ w).reshape(found[:, own].shape)
    return found


def estimates(game: MarkovGame, policy: Float, features: Float | None) -> Errors:
    """One round of estimates at every K, at the same policy."""
    best, weight, found = best_fit(game, policy, features), law(game, policy), []
    for size in SIZES:
        rule = LinearQAscent(ETA, int(size), features, exploration=XI)
        q = ensemble(game, rule, 1, RUNS, policy=policy, rng=5, record=Record(metrics=("q",))).trace["q"][:, 1]
        found.append((np.sqrt(np.mean((q - best) ** 2)),
                      np.mean(np.sum(weight * (q - best) ** 2, axis=-1)) / game.num_players))
    return Errors(*np.array(found).T)


def slope(values: Float) -> float:
    """Of the logarithms, against log K."""
    return float(np.polyfit(np.log(SIZES), np.log(values), 1)[0])


def draw_errors(found: dict[str, Errors]) -> Any:
    """Errors and their excess against K."""
    sheet, axes = plot.figure(1, 2, size=(8.4, 3.6), title="one round of estimates, against the best linear fit")
    with plot.style():
        for ax, field, power, title in ((axes[0, 0], "root", -0.5, "root mean square error of <φ, w>"),
                                        (axes[0, 1], "excess", -1.0, "eps_stat: excess of E (<φ, w> - R)²")):
            for colour, (name, errors) in zip(plot.COLOURS, found.items(), strict=False):
                values = getattr(errors, field)
                ax.plot(SIZES, values, "o-", color=colour, label=f"{name}, slope {slope(values):.2f}")
            guide = values[0] * 1.6 * (SIZES / SIZES[0]) ** power
            ax.plot(SIZES, guide, color="0.5", ls=":", label=f"slope {power:g}")
            ax.set(xscale="log", yscale="log", xlabel="K, samples a player", title=title)
            ax.legend(loc="lower left")
    return sheet


def draw_courses(gaps: dict[str, Float]) -> Any:
    """Largest NE-gaps along runs, means over seeds and their range."""
    sheet, axes = plot.figure(1, 1, size=(5.6, 3.8), title=f"largest NE-gap, η = {ETA}, ξ = {FLOOR}")
    with plot.style():
        ax = axes[0, 0]
        for colour, (name, gap) in zip(plot.COLOURS, gaps.items(), strict=False):
            ax.plot(gap.mean(axis=0), color=colour, label=name, ls="--" if len(gap) == 1 else "-")
            if len(gap) > 1:
                ax.fill_between(np.arange(gap.shape[1]), gap.min(axis=0), gap.max(axis=0), color=colour, alpha=0.2,
                                lw=0)
        ax.set(yscale="log", xlabel="rounds", ylabel="largest NE-gap", xlim=(0, ROUNDS))
        ax.legend(loc="upper right")
    return sheet


@experiment("ding-linear", title="Q-ascent on linear estimates from samples", paper=PAPER + ", slides")
def linear() -> Outcome:
    """Errors of estimates against K, without features and with few; runs at several K against exact Q-ascent."""
    game = random_markov(3, (2, 3), 0.7, rng=3, identical_interest=True)
    policy, rng = random_policy(game, 1), np.random.default_rng(1)
    phi = rng.normal(size=(3, 5, DIMENSION))
    phi /= np.linalg.norm(phi, axis=-1, keepdims=True)
    found = {"every state and action": estimates(game, policy, None),
             f"{DIMENSION} random features": estimates(game, policy, phi)}
    checks = [Check(f"{name}: {what}", expected, slope(values), wide, STATEMENT)
              for name, errors in found.items()
              for what, expected, values, wide in (("slope of the error in K", -0.5, errors.root, 0.1),
                                                   ("slope of eps_stat in K", -1.0, errors.excess, 0.2))]
    gaps = {"exact": learn(game, QAscent(ETA), ROUNDS).trace["ne_gap"].max(axis=-1)[None]}
    for size in COURSES:
        run = ensemble(game, LinearQAscent(ETA, size, exploration=FLOOR), ROUNDS, SEEDS, rng=0,
                       record=Record(metrics=("policy",)))
        gaps[f"K = {size}"] = ne_gap(game, run.trace["policy"]).max(axis=-1)
    last = {name: float(gap[:, -1].mean()) for name, gap in gaps.items()}
    return Outcome(
        checks, (Figure("errors", "Errors fall as one over the root of K; eps_stat as 1 / K.",
                        lambda: draw_errors(found)),
                 Figure("courses", "With more samples, runs are those of exact ascent until the floor of exploration "
                        "shows: means of eight seeds and their range.", lambda: draw_courses(gaps))),
        ("The slides give the method and its rates, no experiment and no constant; the game, step sizes and features "
         "are ours.",
         "The least error that three random features can have is that of the best fit, which is not 0: errors are "
         "against it.",
         "Largest NE-gaps after the last round: "
         + ", ".join(f"{name} {value:.2g}" for name, value in last.items()) + "."))
