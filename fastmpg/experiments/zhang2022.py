"""Zhang et al. (2022): softmax gradient play in identical-interest matrix games.

The paper's t = 1 is the initial policy, step 0 of our traces, so that its value at t = k is ours at step k - 1 and a
run of T iterations makes T - 1 updates. NE-gaps are the largest over the players. The paper prints figures and hardly a
number: what is compared is the authors' data, for the games of two and of eight players, or recomputed independently,
as every check says.

**Erratum.** Appendix 8 says that natural gradient play is stuck at pi_1(a_1 = 3) = 1; it is action 2 that has nearly
all probability there, as the same paragraph says before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import plot
from .._check import Float
from ..games import matrix
from ..models.game import Game
from ..models.normal_form import NormalFormGame
from ..policy import split
from ..rules.gradient_play import GradientPlay
from ..rules.natural_gradient_play import NaturalGradientPlay
from ..run.learn import learn
from ..run.record import Record
from ..run.result import Result
from .experiment import DATA, PRINTED, RECOMPUTED, ROUNDING, STATEMENT, Check, Figure, Outcome, experiment, printed

PAPER = ("Zhang, Mei, Dai, Schuurmans, Li (2022), On the global convergence rates of decentralized softmax gradient "
         "play in MPGs")
GP, NGP, LBGP, LBNGP = "gradient play", "natural gradient play", "log-barrier gradient play", "log-barrier natural"
METRICS = ("ne_gap", "grad_norm", "c", "value", "policy")
TITLES = {"ne_gap": "NE-gap", "grad_norm": "gradient norm", "c": "c(π)", "value": "value"}
FLOORS = {"ne_gap": 1e-12, "grad_norm": 1e-12, "c": 1e-30}  # where logarithmic axes end
TIMES = "iteration t (t = 1: initial policy)"


class Number(NamedTuple):
    """A printed number: which curve, which metric, at which t; ``within`` where its digits do not say."""

    curve: str
    metric: str
    t: int
    text: str
    within: float = 0.0


def four(eta: float, lam: float, clip: str, eta_clipped: float | None = None) -> dict[str, Any]:
    """The paper's four rules."""
    return {GP: GradientPlay(eta), NGP: NaturalGradientPlay(eta), LBGP: GradientPlay(eta, lam),
            LBNGP: NaturalGradientPlay(eta_clipped or eta, lam, clip)}


def run(game: Game, each: Mapping[str, Any], last: Mapping[str, int] | int, start: Any = None) -> dict[str, Result]:
    """Run every rule from t = 1 to its own last t, recording every step."""
    ends = last if isinstance(last, Mapping) else dict.fromkeys(each, last)
    return {name: learn(game, rule, ends[name] - 1, policy=start, record=Record(metrics=METRICS))
            for name, rule in each.items()}


def at(result: Result, metric: str, t: int) -> float:
    """The value of a metric (the largest over the players) at the paper's t."""
    return float(plot.reduced(result, metric)[t - 1])


def compare(results: Mapping[str, Result], numbers: Sequence[Number], source: str) -> list[Check]:
    """Every number beside ours."""
    return [printed(f"{n.curve}: {TITLES[n.metric]} @{n.t}", n.text, at(results[n.curve], n.metric, n.t),
                    n.within or (ROUNDING if n.metric == "ne_gap" else 0.0), source) for n in numbers]


def everyone(metric: str, text: str) -> list[Number]:
    """One initial value for the four curves."""
    return [Number(curve, metric, 1, text) for curve in (GP, NGP, LBGP, LBNGP)]


def mark(ax: Any, numbers: Sequence[Number], colour: str, log: bool) -> None:
    """Published numbers as open markers; what a logarithmic axis cannot show is left out."""
    shown = [(n.t, float(n.text)) for n in numbers if float(n.text) > 0 or not log]
    if shown:
        ax.plot(*zip(*shown, strict=True), "o", markerfacecolor="none", markersize=6, color=colour, clip_on=False,
                zorder=5, in_layout=False)


def panels(results: Mapping[str, Result], numbers: Sequence[Number], title: str, last: int,
           marks: str = "published") -> Any:
    """NE-gap, gradient norm, c and value of several runs up to t = last, with the numbers compared as open markers."""
    sheet, axes = plot.figure(2, 2, size=(9.6, 6.6), title=title)
    with plot.style():
        for ax, metric in zip(axes.ravel(), TITLES, strict=True):
            log = "" if metric == "value" else "y"
            for i, (name, result) in enumerate(results.items()):
                plot.trace(result, metric, ax, reduce="max", first=1, log=log, color=plot.COLOURS[i])
                mark(ax, [n for n in numbers if n.curve == name and n.metric == metric and n.t <= last],
                     plot.COLOURS[i], bool(log))
            ax.set(title=TITLES[metric], xlim=(1, last), xlabel=TIMES)
            if log:
                top = max(plot.reduced(result, metric)[:last].max() for result in results.values())
                ax.set_ylim(max(FLOORS[metric], ax.get_ylim()[0]), 3 * top)
        legend(sheet, results, marks if any(n.t <= last for n in numbers) else "")
    return sheet


def legend(sheet: Any, names: Mapping[str, Any] | Sequence[str], marks: str) -> None:
    """One legend under all panels."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=plot.COLOURS[i], label=name) for i, name in enumerate(names)]
    if marks:
        handles.append(Line2D([], [], linestyle="", marker="o", markerfacecolor="none", color="0.3", label=marks))
    sheet.legend(handles=handles, loc="outside lower center", ncols=len(handles))


# ------------------------------------------------------------------------------------------------------ two players
NUMBERS_3X2 = (
    *everyone("ne_gap", "0.38000000"), *everyone("value", "-0.22500000"), *everyone("c", "0.33333333"),
    Number(GP, "ne_gap", 11, "0.01462194"), Number(GP, "ne_gap", 101, "0.00117753"),
    Number(GP, "ne_gap", 401, "0.01047869"), Number(GP, "ne_gap", 1000, "0.02849272"), Number(GP, "c", 401, "0.000976"),
    Number(GP, "ne_gap", 20000, "1.2995e-5"), Number(NGP, "ne_gap", 11, "0.00345684"),
    Number(NGP, "ne_gap", 101, "0.0330566"), Number(NGP, "c", 101, "7.37e-25"),
    Number(NGP, "ne_gap", 401, "0.00094719"), Number(NGP, "ne_gap", 1000, "0.00000000"),
    Number(NGP, "value", 1000, "0.20000000"), Number(LBGP, "ne_gap", 101, "0.00559213"),
    Number(LBGP, "ne_gap", 401, "0.01155259"), Number(LBGP, "ne_gap", 1000, "0.00574814"),
    Number(LBGP, "ne_gap", 20000, "0.00574814"), Number(LBGP, "value", 20000, "0.191003"),
    Number(LBNGP, "ne_gap", 101, "0.00576532", 4e-4), Number(LBNGP, "ne_gap", 1000, "0.00575", 4e-4),
    Number(LBNGP, "ne_gap", 20000, "0.00575", 4e-4),
)


def averaged_q(game: NormalFormGame, policies: Float) -> Float:
    """Qbar of a two-player game along a run: policies (K, 1, A_total) to (K, A_total)."""
    first, second = (part[:, 0] for part in split(game, policies))
    payoff = game.payoffs[0]
    return np.concatenate([second @ payoff.T, first @ payoff], axis=1)


def draw_switch(game: NormalFormGame, result: Result, last: int = 500) -> Any:
    """Averaged Q and policies of either player along natural gradient play."""
    sheet, axes = plot.figure(2, 2, size=(9.6, 6.2),
                              title="why natural gradient play lingers: the averaged Q-values change order")
    table = result.trace["policy"][:last]
    q_bar = averaged_q(game, table)
    t = np.arange(1, table.shape[0] + 1)
    with plot.style():
        for i in range(2):
            columns = range(game.offset[i], game.offset[i + 1])
            for a, c in enumerate(columns):
                axes[0, i].plot(t, q_bar[:, c], label=f"action {a + 1}")
                axes[1, i].plot(t, table[:, 0, c], label=f"action {a + 1}")
            axes[0, i].set(title=f"averaged Q of player {i + 1}", xlabel=TIMES, ylabel="averaged Q (payoff)",
                           xlim=(1, last))
            axes[1, i].set(title=f"policy of player {i + 1}", xlabel=TIMES, ylabel="probability", ylim=(-0.03, 1.03),
                           xlim=(1, last))
        axes[0, 0].legend(loc="lower right")
        axes[0, 1].legend(loc="center left")
        axes[1, 0].legend(loc="center left")
        axes[1, 1].legend(loc="center right")
        axes[0, 0].set_ylim(0.1, 0.21)
    return sheet


def draw_long(results: Mapping[str, Result]) -> Any:
    """Gradient play's long way: NE-gap and value over the whole run."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 3.5), title="zoomed out: the runs to t = 20 000")
    with plot.style():
        for ax, metric in zip(axes[0], ("ne_gap", "value"), strict=True):
            for i, (name, result) in enumerate(results.items()):
                plot.trace(result, metric, ax, reduce="max", first=1, log="xy" if metric == "ne_gap" else "x",
                           color=plot.COLOURS[i])
                mark(ax, [n for n in NUMBERS_3X2 if n.curve == name and n.metric == metric], plot.COLOURS[i],
                     metric != "value")
            ax.set(title=TITLES[metric], xlim=(1, 20000), xlabel=TIMES)
        axes[0, 0].set_ylim(bottom=1e-6)
        axes[0, 1].set_ylim(0.13, 0.205)
        legend(sheet, results, "published")
    return sheet


@experiment("zhang-3x2", title="Four softmax rules on a 3 x 2 game, from uniform play", paper=PAPER + ", Figure 1")
def zhang_3x2() -> Outcome:
    """eta = 5, lambda = .003, 20 000 iterations, log-barrier natural clipped before normalising."""
    game = matrix.zhang_3x2()
    results = run(game, four(5.0, 0.003, "raw"), 20000)
    q_bar = averaged_q(game, results[NGP].trace["policy"][:1000])
    overtakes = int(np.argmax(q_bar[:, 2] > q_bar[:, 1])) + 1
    return Outcome(
        (*compare(results, NUMBERS_3X2, DATA),
         Check(f"{NGP}: action 3's averaged Q overtakes action 2's at t (\"around iteration 70\")", 70, overtakes, 5,
               PRINTED)),
        (Figure("panels", "Figure 1 (a)-(d). Unregularised play passes points that are no equilibrium with gradient "
                "and c near 0: its NE-gap rises again. The log-barrier keeps a bias instead.",
                lambda: panels(results, NUMBERS_3X2, "3 x 2 game, uniform start", 1000)),
         Figure("long", "The same runs to the end: gradient play leaves the plateau at about t = 11 000, natural "
                "gradient play at 400.", lambda: draw_long(results)),
         Figure("q", "Appendix 8: at first action 2 of player 1 looks best and takes nearly all probability; by the "
                "time action 3 overtakes it, action 3 has almost none left.", lambda: draw_switch(game, results[NGP]))),
        ("t = 1 is the initial policy; a value at t = k is compared with the trace's step k - 1.",
         "The clipped log-barrier natural rule runs in a small cycle under its clip that no fixed precision pins down: "
         "its numbers are compared to 4e-4."))


# --------------------------------------------------------------------------------------------- good and bad starts
GOOD, BAD = ([0.1, 0.1, 0.8], [0.5, 0.5]), ([0.8, 0.1, 0.1], [0.5, 0.5])
NEAR = 0.01  # an NE-gap between the log-barrier's bias .0057 and the .04 of the point that is no equilibrium


def linear_domain(payoff: Float, start: tuple[list[float], list[float]], eta: float, last: int) -> tuple[Float, int]:
    """Natural gradient play with float64 probabilities instead of logarithms, as the paper ran it.

    Returns the NE-gap at t = 1..last and the first t at which player 1's third probability is exactly 0 (0: never).
    """
    first, second = (np.array(row) for row in start)
    gap, underflow = np.zeros(last), 0
    for t in range(1, last + 1):
        if first[2] == 0.0 and not underflow:
            underflow = t
        q_first, q_second, value = payoff @ second, first @ payoff, first @ payoff @ second
        gap[t - 1] = max(q_first.max(), q_second.max()) - value
        first, second = first * np.exp(eta * (q_first - value)), second * np.exp(eta * (q_second - value))
        first, second = first / first.sum(), second / second.sum()
    return gap, underflow


def settled(result: Result, below: float = NEAR) -> int:
    """The last t at which the NE-gap is above a level, plus 1."""
    return int(np.max(np.nonzero(plot.reduced(result, "ne_gap") > below)[0], initial=-1)) + 2


def draw_escape(long: Result, linear: Float) -> Any:
    """The bad start: logarithms of probabilities against probabilities."""
    sheet, axes = plot.figure(1, 1, size=(6.6, 3.6), title="natural gradient play from the bad start")
    ax = axes[0, 0]
    with plot.style():
        plot.trace(long, "ne_gap", ax, first=1, log="x", label="logarithms kept (ours)", color=plot.COLOURS[1])
        ax.plot(np.arange(1, linear.size + 1), linear, "--", color="black",
                label="plain float64 probabilities (the paper's)")
        ax.set(xlabel=TIMES, ylim=(-0.002, 0.06), xlim=(1, long.steps + 1))
        ax.axvline(5000, color="0.5", linewidth=0.8, linestyle=":")
        ax.text(4700, 0.056, "end of the paper's run", ha="right", va="top", fontsize=8, color="0.35")
        ax.legend(loc="upper left", bbox_to_anchor=(0.12, 1.0))
    return sheet


@experiment("zhang-3x2-starts", title="The 3 x 2 game from a good and from a bad start", paper=PAPER + ", appendix 8")
def zhang_3x2_starts() -> Outcome:
    """pi_1 = (.1, .1, .8) for 1 000 iterations; pi_1 = (.8, .1, .1) for 5 000."""
    game, each = matrix.zhang_3x2(), four(5.0, 0.003, "raw")
    good, bad = run(game, each, 1000, list(GOOD)), run(game, each, 5000, list(BAD))
    long = learn(game, each[NGP], 29999, policy=list(BAD), record=Record(metrics=("ne_gap",)))
    linear, underflow = linear_domain(game.payoffs[0], BAD, 5.0, long.steps + 1)
    near = sum(at(result, "ne_gap", 1000) < NEAR for result in good.values())
    left = {name: settled(result) for name, result in bad.items()}
    checks = [
        Check("good start: rules with NE-gap below .01 @1000, of 4", 4, near, 0, STATEMENT),
        Check("bad start: log-barrier rules that settle below .01 before natural gradient play, of 2", 2,
              sum(left[name] < left[NGP] for name in (LBGP, LBNGP)), 0, STATEMENT),
        Check("bad start: log-barrier rules with NE-gap below .01 @5000, of 2", 2,
              sum(at(bad[name], "ne_gap", 5000) < NEAR for name in (LBGP, LBNGP)), 0, STATEMENT),
        Check("bad start, plain float64: t at which player 1's third probability underflows to 0", 132, underflow, 1,
              RECOMPUTED),
        printed("bad start, plain float64: NE-gap of natural gradient play @5000", "0.04", float(linear[4999]),
                source=RECOMPUTED),
        printed("bad start: NE-gap of natural gradient play @5000", "0.04", at(bad[NGP], "ne_gap", 5000),
                source=RECOMPUTED),
    ]
    return Outcome(
        checks,
        (Figure("good", "Good start: all four rules do well.",
                lambda: panels(good, (), "3 x 2 game, good start", 1000)),
         Figure("bad",
                "Bad start: the log-barrier rules escape; the others stay for long at a point that is no equilibrium.",
                lambda: panels(bad, (), "3 x 2 game, bad start", 5000)),
         Figure("escape",
                "The bad start run on: with logarithms of probabilities kept, natural gradient play does leave.",
                lambda: draw_escape(long, linear))),
        ("The paper ran natural gradient play on plain float64 probabilities. From the bad start, player 1's third "
         f"probability underflows to exactly 0 at t = {underflow} and can never come back: the NE-gap stays at .04 "
         "(rerun here in plain float64, dashed). We keep logarithms of probabilities, so ours escapes, but later than "
         f"the paper's run ends: its NE-gap is below .01 for good from t = {settled(long)} on.",
         f"NE-gap below .01 for good from the bad start: {left[LBGP]} iterations for log-barrier gradient play, "
         f"{left[LBNGP]} for log-barrier natural. Gradient play dips below .01 at times within 5 000 iterations."))


# ----------------------------------------------------------------------------------------------- three and eight
NUMBERS_3 = (
    *everyone("ne_gap", "0.376667"), Number(GP, "ne_gap", 5000, "0.029405"), Number(LBGP, "ne_gap", 1000, "0.005869"),
    Number(LBNGP, "ne_gap", 1000, "0.007354"),
)


@experiment("zhang-3player", title="Four softmax rules on a game of three players", paper=PAPER + ", Figure 2")
def zhang_3player() -> Outcome:
    """eta = 10, lambda = .003; gradient play 5 000 iterations, the others 1 000; the clip is on the centred step."""
    last = {GP: 5000, NGP: 1000, LBGP: 1000, LBNGP: 1000}
    results = run(matrix.zhang_3player(), four(10.0, 0.003, "centred"), last)
    ends = at(results[LBNGP], "ne_gap", 999)
    return Outcome(
        (*compare(results, NUMBERS_3, RECOMPUTED),
         Check(f"{NGP}: t from which the NE-gap is below 1e-6", 274, settled(results[NGP], 1e-6), 0, RECOMPUTED)),
        (Figure("panels", "Figure 2. The two-player game's behaviour with a third player.",
                lambda: panels(results, NUMBERS_3, "three players, uniform start", 1000, "recomputed")),
         Figure("long", "Gradient play to t = 5 000.",
                lambda: panels({GP: results[GP]}, NUMBERS_3, "three players, gradient play", 5000,
                               "recomputed"))),
        ("The paper prints no numbers for this game: those compared were recomputed independently, in plain NumPy.",
         "Under its clip the log-barrier natural rule ends in a cycle of two policies: NE-gap .007354 at even t, "
         f"{ends:.6f} at odd t."))


NUMBERS_8 = (
    *everyone("ne_gap", "0.00852920256"), *everyone("value", "0.500116"),
    Number(GP, "ne_gap", 100, "0.0205207908"), Number(GP, "ne_gap", 5000, "2.73230266e-5"),
    Number(NGP, "ne_gap", 100, "1.58805833e-5"), Number(NGP, "ne_gap", 600, "8.29561198e-10"),
    Number(NGP, "value", 10000, "0.974101"), Number(LBGP, "ne_gap", 100, "0.01371072"),
    Number(LBGP, "ne_gap", 10000, "0.00199935"), Number(LBGP, "value", 10000, "0.966571"),
    Number(LBNGP, "ne_gap", 100, "0.002951"), Number(LBNGP, "ne_gap", 600, "0.00294562"),
    Number(LBNGP, "ne_gap", 10000, "0.00294562"), Number(LBNGP, "value", 10000, "0.959584"),
)


@experiment("zhang-8player", title="Four softmax rules on a random game of eight players", paper=PAPER + ", Figure 3")
def zhang_8player() -> Outcome:
    """eta = 5 (log-barrier natural: 20, centred clip), lambda = .001; gradient play 5 000 iterations, others 10 000."""
    last = {GP: 5000, NGP: 10000, LBGP: 10000, LBNGP: 10000}
    results = run(matrix.zhang_8player(), four(5.0, 0.001, "centred", 20.0), last)
    return Outcome(
        compare(results, NUMBERS_8, DATA),
        (Figure("panels", "Figure 3, the first 1 000 iterations.",
                lambda: panels(results, NUMBERS_8, "eight players, uniform start", 1000)),
         Figure("long", "The same to t = 10 000.", lambda: panels(results, NUMBERS_8, "eight players, to the end",
                                                                  10000))),
        ("Under its clip the log-barrier natural rule ends in a cycle of two policies; the published numbers are those "
         "at even t.",
         "Gaps are compared to half a unit in their last printed digit, but to no less than 1e-13: a gap is a "
         "difference of payoffs of size 1, and float64 rounds those."))
