"""Zhang et al. (2022): what is proved beside what happens. Theorems 4-7 and Lemmas 1 and 2 along runs.

The paper draws none of this. Every rule runs with the largest step that its theorem allows, on the 3 x 2 game and on a
random identical-interest Markov game; T counts the policies of an average, those before each of T updates.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from .. import plot, theory
from .._check import Float
from ..games import matrix
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ..rules.gradient_play import GradientPlay
from ..rules.natural_gradient_play import NaturalGradientPlay
from ..run.learn import learn
from ..run.record import Record
from ..run.result import Result
from .experiment import STATEMENT, Check, Figure, Outcome, experiment
from .zhang2022 import GP, LBGP, LBNGP, NGP, PAPER, TIMES, four, run

STEPS, BARRIER_STEPS = 100_000, 20_000
SHARES = (0.3, 0.1, 0.05, 0.03)  # epsilon of Theorem 6, of the payoffs' width
BARRIER_SHARE = 0.1  # and of Theorem 7
EXACT = 1e-12  # by which a value may fall in float64
ROWS = ("ne_gap", "value", "c", "mismatch", "log_barrier")


class BoundCurve(NamedTuple):
    """What a theorem bounds: measured and bound at T (K,), bounds from what is known after the run too, else None."""

    T: Any
    measured: Float
    bound: Float
    after: Float | None = None


class BoundLine(NamedTuple):
    """The rule, its steps at T, and how often its objective fell."""

    name: str
    curve: BoundCurve
    falls: int
    verdict: str


class BarrierReach(NamedTuple):
    """Theorem 6: the updates in which a gap of epsilon is reached, measured (0: not within the run) and proved."""

    epsilon: float
    measured: int
    proved: int


def random_common() -> MarkovGame:
    """Two states, 3 x 2 actions, one reward for both: uniform, transitions flat Dirichlet, drawn in this order."""
    rng = np.random.default_rng(2022)
    reward = rng.random((2, 3, 2))
    return MarkovGame.identical_interest(reward, rng.dirichlet(np.ones(2), (2, 3, 2)), 0.5, name="random Markov game")


def means(x: Float) -> Float:
    """The mean of the first T entries at [T - 1]."""
    return np.asarray(np.cumsum(x) / np.arange(1, x.size + 1))


def falls(potential: Float) -> int:
    """How many updates let it fall."""
    return int((np.diff(potential) < -EXACT * np.abs(potential).max()).sum())


def theorem_5(game: Game, name: str) -> BoundLine:
    """Average squared gaps against the bound at c and M as measured up to T."""
    natural = name == NGP
    eta = theory.natural_gradient_step(game) if natural else theory.gradient_play_step(game)
    bound = theory.natural_gradient_bound if natural else theory.gradient_play_bound
    result = learn(game, NaturalGradientPlay(eta) if natural else GradientPlay(eta), STEPS, record=Record(metrics=ROWS))
    trace = result.trace
    T = Record.log_spaced(STEPS, 150)[1:]
    c, most = np.minimum.accumulate(trace["c"]), np.maximum.accumulate(trace["mismatch"])
    gap = trace["ne_gap"].max(axis=1)[:-1]
    proved = [bound(game, steps=int(t), c=float(c[t - 1]), mismatch=float(most[t]), eta=eta) for t in T]
    return BoundLine(name, BoundCurve(T, means(gap**2)[T - 1], np.array(proved)), falls(trace["value"][:, 0]),
                theory.stationarity(game, result.policy).verdict)


def theorem_6(game: Game, share: float) -> BarrierReach:
    """First policy with a gap of epsilon, from uniform play, against the updates proved to be enough."""
    epsilon = share * width(game)
    lam = theory.log_barrier_weight(game, epsilon=epsilon)
    rule = GradientPlay(theory.log_barrier_gradient_step(game, lam=lam), lam)
    gap = learn(game, rule, BARRIER_STEPS, record=Record(metrics=("ne_gap",))).trace["ne_gap"].max(axis=1)
    first = int(np.argmax(gap <= epsilon)) + 1 if (gap <= epsilon).any() else 0
    return BarrierReach(epsilon, first, theory.log_barrier_gradient_iterations(game, epsilon=epsilon))


def theorem_7(game: Game) -> BoundLine:
    """Average gaps against the bound, and against the printed one with the potential's rise as it was."""
    lam = theory.log_barrier_weight(game, epsilon=BARRIER_SHARE * width(game), rule="natural")
    eta = theory.log_barrier_natural_step(game, lam=lam)
    result = learn(game, NaturalGradientPlay(eta, lam), STEPS, record=Record(metrics=ROWS))
    trace = result.trace
    T = Record.log_spaced(STEPS, 150)[1:]
    proved = np.array([theory.log_barrier_natural_bound(game, steps=int(t), lam=lam, eta=eta) for t in T])
    potential = trace["value"][:, 0] + lam * trace["log_barrier"].sum(axis=1)
    floor = 0.5 * BARRIER_SHARE * width(game)  # lam A M
    curve = BoundCurve(T, means(trace["ne_gap"].max(axis=1)[:-1])[T - 1], proved,
                  9.0 * (potential[T] - potential[0]) / (eta * lam * T) + floor)
    return BoundLine(LBNGP, curve, falls(potential), theory.stationarity(game, result.policy).verdict)


def width(game: Game) -> float:
    """max r - min r."""
    return float(np.ptp(game.payoff_range()[0]))


def draw_curve(ax: Any, line: BoundLine, what: str, title: str) -> None:
    """Measured, and bounds dashed."""
    T, measured, bound, after = line.curve
    seen = measured > 0.0
    ax.plot(T[seen], measured[seen], color=plot.COLOURS[0])
    ax.plot(T, bound, "--", color=plot.COLOURS[1])
    if after is not None:
        ax.plot(T, after, ":", color=plot.COLOURS[2])
    ax.set(xscale="log", yscale="log", xlabel="updates T", ylabel=what, title=title, xlim=(1, T[-1]))


def draw_reach(ax: Any, found: list[BarrierReach]) -> None:
    """Updates against epsilon, measured and proved."""
    some = [each for each in found if each.measured]
    ax.plot([each.epsilon for each in some], [each.measured for each in some], "o-", color=plot.COLOURS[0],
            markersize=4)
    ax.plot([each.epsilon for each in found], [each.proved for each in found], "o--", color=plot.COLOURS[1],
            markersize=4)
    ax.set(xscale="log", yscale="log", xlabel="ε (payoff)", ylabel="policies until the NE-gap is ε",
           title=f"Theorem 6: {LBGP}")
    ax.set_xticks([each.epsilon for each in found], [f"{each.epsilon:.2g}" for each in found])
    ax.xaxis.set_minor_formatter("")
    ax.invert_xaxis()


def legend(sheet: Any, entries: list[tuple[str, str, str]]) -> None:
    """One legend (label, style, colour) under all panels."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle=style, color=colour, label=label) for label, style, colour in entries]
    sheet.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def draw(lines: dict[str, tuple[BoundLine, BoundLine, list[BarrierReach], BoundLine]]) -> Any:
    """A row a game, a column a theorem."""
    sheet, axes = plot.figure(len(lines), 4, size=(14.4, 3.2 * len(lines) + 0.6),
                              title="Theorems 5, 6 and 7 beside runs at their own step sizes")
    with plot.style():
        for row, (name, (gradient, natural, reach, barrier)) in zip(axes, lines.items(), strict=True):
            draw_curve(row[0], gradient, f"{name}\naverage squared NE-gap", f"Theorem 5: {GP}")
            draw_curve(row[1], natural, "average squared NE-gap", f"Theorem 5: {NGP}")
            draw_reach(row[2], reach)
            draw_curve(row[3], barrier, "average NE-gap", f"Theorem 7: {LBNGP}")
        legend(sheet, [("measured", "-", plot.COLOURS[0]), ("proved", "--", plot.COLOURS[1]),
                       ("proved, with the measured rise of the regularised potential", ":", plot.COLOURS[2])])
    return sheet


def draw_lemma(results: dict[str, Result], bounds: dict[str, Float], last: int) -> Any:
    """NE-gap and Lemma 1's right side along the four runs of Figure 1."""
    sheet, axes = plot.figure(1, 4, size=(14.4, 3.5), title="Lemma 1 along the runs of Figure 1")
    t = np.arange(1, last + 1)
    with plot.style():
        for ax, (name, result) in zip(axes[0], results.items(), strict=True):
            gap = plot.reduced(result, "ne_gap")[:last]
            ax.plot(t[gap > 0], gap[gap > 0], color=plot.COLOURS[0])
            ax.plot(t, bounds[name][:last], "--", color=plot.COLOURS[1])
            ax.set(yscale="log", title=name, xlabel=TIMES, xlim=(1, last), ylim=(1e-5, 3))
        axes[0, 0].set_ylabel("payoff")
        legend(sheet, [("NE-gap, the larger of the players", "-", plot.COLOURS[0]),
                       ("√A M ‖∇V‖ / c, the larger of the players", "--", plot.COLOURS[1])])
    return sheet


@experiment("zhang-bounds", title="What is proved of the four softmax rules, beside runs",
            paper=PAPER + ", Theorems 4-7, Lemmas 1 and 2")
def zhang_bounds() -> Outcome:
    """Provable steps, uniform start, 100 000 updates; Lemmas 1 and 2 along the runs of Figure 1."""
    checks: list[Check] = []
    lines: dict[str, tuple[BoundLine, BoundLine, list[BarrierReach], BoundLine]] = {}
    notes = []
    for name, game in {"3 x 2 game": matrix.zhang_3x2(), "random Markov game": random_common()}.items():
        gradient, natural, barrier = theorem_5(game, GP), theorem_5(game, NGP), theorem_7(game)
        reach = [theorem_6(game, share) for share in SHARES]
        lines[name] = gradient, natural, reach, barrier
        for line, number in ((gradient, 5), (natural, 5), (barrier, 7)):
            measured, bound = line.curve.measured, line.curve.bound
            over = measured > (bound if line.curve.after is None else np.minimum(bound, line.curve.after))
            which = "potential" if number == 5 else "regularised potential"
            checks += [
                Check(f"{name}, {line.name}: T above the bound of Theorem {number}", 0, int(over.sum()), 0, STATEMENT),
                Check(f"{name}, {line.name}: updates that lower the {which}", 0, line.falls, 0, STATEMENT)]
            notes.append(f"{name}, {line.name}: the bound is {(bound / measured).min():.3g} times the measured average "
                         f"where it is nearest; the last of {STEPS} policies: {line.verdict}.")
        late = sum(each.measured > each.proved if each.measured else each.proved <= BARRIER_STEPS for each in reach)
        checks += [Check(f"{name}, {LBGP}: ε not reached in the iterations of Theorem 6", 0, late, 0, STATEMENT),
                   Check(f"{name}, {NGP}: ends at a Nash equilibrium (Theorem 4)", 1,
                         int(natural.verdict == "Nash equilibrium"), 0, STATEMENT)]
    game = matrix.zhang_3x2()
    results = run(game, four(5.0, 0.003, "raw"), 1000)
    stacks = {name: result.trace["policy"] for name, result in results.items()}
    bounds = {name: theory.gradient_domination(game, stack) for name, stack in stacks.items()}
    missed = sum(int((results[name].trace["ne_gap"] > bound + EXACT).sum()) for name, bound in bounds.items())
    verdicts = [theory.stationarity(game, policy).verdict for policy in stacks[NGP]]
    checks += [Check("Figure 1's runs: gaps above Lemma 1's bound", 0, missed, 0, STATEMENT),
               Check(f"{NGP} @250: stationary, no Nash equilibrium (Lemma 2)", 1,
                     int(verdicts[249] == "stationary, no Nash equilibrium"), 0, STATEMENT),
               Check(f"{NGP} @1000: a Nash equilibrium (Lemma 2)", 1, int(verdicts[999] == "Nash equilibrium"), 0,
                     STATEMENT)]
    spans, t = [], 1
    for verdict, some in groupby(verdicts):
        spans.append(f"{verdict} from t = {t}")
        t += len(list(some))
    notes += [
        "A bound of Theorem 5 takes the least c so far, so that it grows when c collapses: on the 3 x 2 game that of "
        f"natural gradient play comes to {lines['3 x 2 game'][1].curve.bound.max():.1e}.",
        f"{NGP} of Figure 1, by its gradient and its mass on best actions: " + ", ".join(spans) + "."]
    return Outcome(
        checks,
        (Figure("theorems", "Measured (solid) and proved (dashed). Theorem 5 is drawn at c and M as measured up to T, "
                "Theorems 6 and 7 with the a-priori bound on M.", lambda: draw(lines)),
         Figure("lemma1", "Lemma 1: where natural gradient play's gradient is near 0 and its gap is not, c is as near "
                "0, and the right side stays close to the gap. (The spike near t = 200 is rounding: an advantage of "
                "1e-17 times a probability of 1, beside a c of 1e-16.)",
                lambda: draw_lemma(results, {k: b.max(axis=1) for k, b in bounds.items()}, 1000))),
        notes)
