"""Ding et al. (2022), the optimistic rule: last iterates, averages and the best so far, against plain Q-ascent.

The slides print no experiment of it. Numbers to compare with come from another program, in plain NumPy, that runs the
same games; "policy t" is counted from 1, the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import plot
from .._check import Float
from ..metrics.best_gap import best_gap
from ..metrics.ne_gap import ne_gap
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ..models.normal_form import NormalFormGame
from ..rules.optimistic_q_ascent import OptimisticQAscent
from ..rules.q_ascent import QAscent
from ..run.learn import learn
from ..run.record import Record
from .ding2022 import PAPER
from .experiment import RECOMPUTED, Check, Figure, Outcome, experiment, printed

FLOOR = 1e-16  # what is drawn of a gap of 0
PENNIES_ETA, PENNIES_START, PENNIES_T = 0.1, [[0.9, 0.1], [0.8, 0.2]], 2000
COUNT, T = 2000, 4000
PENNIES = {  # largest NE-gap of policy t, recomputed
    "plain": ("1.28", "1.475474", "1.304169", "0.7260330", "1.248705", "0.7083285"),
    "optimistic": ("1.28", "1.005171", "0.1211648", "2.556346e-5", "4.7227e-10")}
PENNIES_AT, AT = (1, 10, 100, 500, 1000, 2000), (1, 10, 100, 500, 1000)
MARKOV = {  # by step size and kind of game: optimistic, plain (None: not recomputed)
    (0.5, "zero-sum"): (("0.4195", "0.07719", "1.579e-4", "3.96e-9", "2.83e-10"),
                        ("0.4195", "0.1581", "0.1676", "0.2172", "0.2103")),
    (0.5, "cooperative"): (("0.4195", "0.01721", "0.004947", "0", "0"), None),
    (0.2, "zero-sum"): (("0.4195", "0.1283", "0.02880", "0.001164", "2.089e-5"),
                        ("0.4195", "0.1541", "0.1673", "0.1440", "0.1540"))}


class Course(NamedTuple):
    """Largest NE-gap of every policy, and of the average of all up to it, (K,); at which policies t (K,)."""

    t: Any
    last: Float
    average: Float

    @property
    def best(self) -> Float:
        """Of the best policy so far."""
        return best_gap(self.last[:, None])

    def at(self, t: int) -> float:
        """The gap of policy t."""
        return float(self.last[t - 1])


def play(game: Game, rule: Any, count: int, policy: Any = None) -> Course:
    """The first ``count`` policies of a run; gaps of averages at about 200 of them."""
    trace = learn(game, rule, count - 1, policy=policy, record=Record(metrics=("ne_gap", "average_policy"))).trace
    some = np.unique(np.geomspace(1, count, 200).astype(int)) - 1
    average = np.full(count, np.nan)
    average[some] = ne_gap(game, trace["average_policy"][some]).max(axis=1)
    return Course(trace["step"] + 1, trace["ne_gap"].max(axis=1), average)


def pennies() -> NormalFormGame:
    """Matching pennies, +1 or -1."""
    payoff = np.array([[1.0, -1.0], [-1.0, 1.0]])
    return NormalFormGame(np.stack([payoff, -payoff]), name="matching pennies")


def markov(kind: str) -> MarkovGame:
    """Three states, three actions each: rewards uniform, transitions flat Dirichlet, in this order of draws."""
    rng = np.random.default_rng(2022)
    reward = rng.random((3, 3, 3))
    moves = rng.dirichlet(np.ones(3), (3, 3, 3))
    return MarkovGame(np.stack([reward, reward if kind == "cooperative" else -reward]), moves, 0.5,
                      name=f"random {kind} game")


def compare(name: str, run: Course, at: Sequence[int], expected: Sequence[str]) -> list[Check]:
    """Policies t against recomputed digits, and a gap of 0 to rounding."""
    label = f"{name}: largest NE-gap of policy "
    return [Check(f"{label}{t}", 0.0, run.at(t), 1e-14, RECOMPUTED) if text == "0"
            else printed(f"{label}{t}", text, run.at(t), source=RECOMPUTED)
            for t, text in zip(at, expected, strict=False)]


def draw(runs: Mapping[str, tuple[Course, Course]]) -> Any:
    """A column a game: last iterates, averages and best so far of both rules."""
    sheet, axes = plot.figure(1, len(runs), size=(3.6 * len(runs) + 0.4, 3.6),
                              title="largest NE-gap of policy t: optimistic and plain Q-ascent")
    with plot.style():
        for ax, (title, pair) in zip(axes[0], runs.items(), strict=True):
            for run, rule, colour in zip(pair, ("optimistic", "plain"), plot.COLOURS, strict=False):
                seen = np.isfinite(run.average)
                ax.plot(run.t, np.maximum(run.last, FLOOR), color=colour, label=f"{rule}, last")
                ax.plot(run.t[seen], np.maximum(run.average[seen], FLOOR), color=colour, ls="--",
                        label=f"{rule}, average")
                ax.plot(run.t, np.maximum(run.best, FLOOR), color=colour, ls=":", label=f"{rule}, best so far")
            ax.set(xscale="log", yscale="log", xlabel="t", title=title, xlim=(1, run.t[-1]))
        axes[0, 0].set_ylabel("largest NE-gap (gaps of 0 at 1e-16)")
        axes[0, 0].legend(loc="lower left")
    return sheet


@experiment("ding-optimistic", title="Optimistic Q-ascent with a smoothed critic", paper=PAPER + ", slides")
def optimistic() -> Outcome:
    """Matching pennies (exact critic) and two random Markov games (smoothed critic), last iterates and averages."""
    coins = {"optimistic": play(pennies(), OptimisticQAscent(PENNIES_ETA, "exact"), PENNIES_T, PENNIES_START),
             "plain": play(pennies(), QAscent(PENNIES_ETA), PENNIES_T, PENNIES_START)}
    checks = [each for name in ("plain", "optimistic")
              for each in compare(f"matching pennies, {name}", coins[name], PENNIES_AT, PENNIES[name])]
    checks.append(Check("matching pennies, optimistic: largest NE-gap of policy 2000, below 1e-14", 0.0,
                        coins["optimistic"].at(2000), 1e-14, RECOMPUTED))
    played = {}
    for (eta, kind), (ours, theirs) in MARKOV.items():
        game = markov(kind)
        played[eta, kind] = play(game, OptimisticQAscent(eta), COUNT), play(game, QAscent(eta), COUNT)
        checks += compare(f"{kind}, η = {eta}, optimistic", played[eta, kind][0], AT, ours)
        if theirs is not None:
            checks += compare(f"{kind}, η = {eta}, plain", played[eta, kind][1], AT, theirs)
    checks.append(printed("zero-sum, η = 0.2, plain: largest NE-gap of the average of 2000 policies", "0.0075",
                          float(played[0.2, "zero-sum"][1].average[-1]), source=RECOMPUTED))
    slow = {gamma: learn(MarkovGame(game.rewards, game.transitions, gamma), OptimisticQAscent(0.1 * (1 - gamma)), T - 1,
                         record=Record(metrics=("ne_gap",), steps=[T - 1])).trace["ne_gap"].max()
            for game in [markov("zero-sum")] for gamma in (0.5, 0.9)}
    checks += [printed(f"zero-sum, γ = {gamma}, η = .1 (1 - γ): largest NE-gap of policy {T}, still", text,
                       float(slow[gamma]), source=RECOMPUTED) for gamma, text in ((0.5, "0.011"), (0.9, "0.32"))]
    shown = {"matching pennies, η = .1, exact critic": (coins["optimistic"], coins["plain"]),
             "zero-sum, γ = .5, η = .5": played[0.5, "zero-sum"], "cooperative, γ = .5, η = .5":
             played[0.5, "cooperative"]}
    return Outcome(
        checks, (Figure("gaps", "Optimistic last iterates settle where plain ones go round; averages of plain ascent "
                        "settle too, but slowly.", lambda: draw(shown)),),
        ("The slides give the update and its rates, no experiment and no constant; games, step sizes and numbers are "
         "ours.",
         f"The step size decides what can be seen: at η = .1 (1 - γ) the gap is still {slow[0.5]:.3f} (γ = .5) and "
         f"{slow[0.9]:.2f} (γ = .9) after {T} policies."))
