"""Ding et al. (2022): independent Q-ascent and projected gradient ascent in the safe-distancing game, exact and from
rollouts.

The slides print updates and rates, and no experiment, curve or number. The comparison is that of the authors' published
code, as its description has it (projected Q-ascent against the gradient of Leonardos et al., from a uniform law of the
first state; for two degenerate ones see ding2022_laws.py); compared are statements. "Distance" is the L1
distance to a policy, summed over states and actions, mean over the players: between 0 and 4 in a game of two states. A
payoff range is that of a stage over 1 - gamma. Iteration 0 is the first policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import plot
from .._check import Float
from ..games.distancing import safe_distancing
from ..metrics.evaluation import evaluate
from ..metrics.ne_gap import ne_gap
from ..models.game import Game
from ..policy import split
from ..rules.monte_carlo_gradient_ascent import MonteCarloGradientAscent
from ..rules.projected_gradient_ascent import ProjectedGradientAscent
from ..rules.q_ascent import QAscent
from ..run.ensemble import ensemble
from ..run.record import Record
from ..run.result import Result
from .experiment import NOT_REPRODUCED, STATEMENT, Check, Figure, Outcome, experiment

PAPER = "Ding, Wei, Zhang, Jovanović (2022), Independent policy gradient for large-scale Markov potential games"
STATES = ("safe", "distancing")
STARTS, STEPS, ROWS = 20, 3000, 400
Q, PROJECTED = "independent Q-ascent", "projected gradient ascent"
RULES: dict[str, tuple[Any, tuple[float, ...]]] = {
    Q: (QAscent, (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)),
    PROJECTED: (ProjectedGradientAscent, (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3)),
}
SETTLED, SMALL = 1e-4, 1e-5  # NE-gaps over the payoff range: settled, and the least that is drawn


def distance(policies: Float, ends: Float, players: int) -> Float:
    """L1 distance of snapshots (..., K, S, A_total) to a policy a run (..., S, A_total), mean of players: (..., K)."""
    return np.asarray(np.abs(policies - ends[..., None, :, :]).sum(axis=(-1, -2)) / players)


def occupancy(game: Game, policies: Float) -> Float:
    """Expected number of players at every facility in every state: (..., S, A)."""
    return np.asarray(np.sum(split(game, policies), axis=0))


def payoff_range(game: Game) -> float:
    """Largest minus smallest payoff of a stage, over 1 - gamma."""
    payoffs = game.payoff_range()
    return float((payoffs[:, 1].max() - payoffs[:, 0].min()) / (1.0 - game.discount))


def ends_distancing(crowd: Float) -> Any:
    """No facility crowded: at most N / 2 players expected at any when safe, N / 4 when distancing, to 1e-6."""
    most, n = crowd.max(axis=-1), crowd[..., 0, :].sum(axis=-1)
    return (most[..., 0] <= n / 2 + 1e-6) & (most[..., 1] <= n / 4 + 1e-6)


def short(eta: float) -> str:
    """A step size as the papers write it: 1e-3, not 0.001."""
    return f"{eta:.0e}".replace("e-0", "e-")


class Ascent(NamedTuple):
    """Runs (step sizes, starts) of one rule: step sizes, what was recorded, NE-gaps over the payoff range (steps,
    starts, K).
    """

    game: Game
    etas: Sequence[float]
    result: Result
    gap: Float

    @property
    def iteration(self) -> Any:
        """Recorded iterations (K,)."""
        return self.result.trace["step"]

    @property
    def crowd(self) -> Float:
        """Occupancy at the end."""
        return occupancy(self.game, self.result.policy)

    @property
    def settled(self) -> Float:
        """First recorded iteration from which on the gap stays at or below SETTLED, infinite if none."""
        late = np.max(np.where(self.gap > SETTLED, np.arange(self.iteration.size), -1), axis=-1) + 1
        return np.where(late < self.iteration.size,
                        self.iteration[np.minimum(late, self.iteration.size - 1)].astype(float), np.inf)

    def at(self, eta: float) -> int:
        """The place of a step size."""
        return list(self.etas).index(eta)

    def to(self, ends: Float) -> Float:
        """Distance of every snapshot to a policy a run."""
        return distance(self.result.trace["policy"], ends, self.game.num_players)


def climb(game: Game, rule: Any, etas: Sequence[float], steps: int, runs: int, record: Record) -> Ascent:
    """Every step size from the same random first policies."""
    result = ensemble(game, rule._replace(eta=np.array(etas)[:, None]), steps, runs, policy="random", rng=0,
                      record=record)
    return Ascent(game, etas, result, plot.reduced(result, "ne_gap") / payoff_range(game))


# ------------------------------------------------------------------------------------------------------------- exact
SHOWN = ((Q, 1e-3, "η = 1e-3"), (PROJECTED, 1e-4, "η = 1e-4"), (PROJECTED, 1e-5, "η = 1e-5, where η / (1 - γ) = 1e-3"))


def draw_curves(runs: Mapping[str, Ascent]) -> Any:
    """Distance to the last policy and NE-gap."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 4.0),
                              title=f"safe-distancing game, exact values: mean and range of {STARTS} random starts")
    with plot.style():
        for i, (name, eta, label) in enumerate(SHOWN):
            one, at = runs[name], runs[name].at(eta)
            gap = np.maximum(one.gap[at], SMALL)  # 0 has no logarithm
            for ax, rows, log in ((axes[0, 0], one.to(one.result.policy)[at], "x"), (axes[0, 1], gap, "xy")):
                plot.runs(one.iteration[1:], rows[:, 1:], ax, log=log, label=f"{name}, {label}", color=plot.COLOURS[i])
        axes[0, 0].set(title="distance to the last policy", ylabel="L1 distance (mean over players)", ylim=(0, None))
        axes[0, 1].set(title="distance from equilibrium", ylabel="largest NE-gap / payoff range", ylim=(SMALL, 0.5))
        for ax in axes[0]:
            ax.set(xlabel="iteration", xlim=(1, STEPS))
        sheet.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, columnspacing=1.4)
    return sheet


def draw_occupancy(crowds: Mapping[str, Float], title: str) -> Any:
    """Expected players per facility in either state, the mean over runs (runs, S, A), with the range of runs."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 3.7), title=title)
    width = 0.8 / len(crowds)
    with plot.style():
        for s, (ax, state) in enumerate(zip(axes[0], STATES, strict=True)):
            for i, ((name, crowd), colour) in enumerate(zip(crowds.items(), ("0.75", *plot.COLOURS), strict=False)):
                mean, x = crowd[:, s].mean(axis=0), np.arange(crowd.shape[-1]) + (i - (len(crowds) - 1) / 2) * width
                ax.bar(x, mean, 0.92 * width, color=colour, label=name)
                wide = np.ptp(crowd[:, s], axis=0) > 0.02
                spread = np.stack([mean - crowd[:, s].min(axis=0), crowd[:, s].max(axis=0) - mean])
                ax.errorbar(x[wide], mean[wide], spread[:, wide], fmt="none", ecolor="0.25", elinewidth=0.8, capsize=2)
            n = crowd[0, s].sum()
            ax.axhline(n / (2, 4)[s], color="0.2", linewidth=0.9, linestyle=(0, (4, 3)),
                       label="N / 2 when safe, N / 4 when distancing: beyond, the next state is distancing")
            ax.set(title=state, xlabel="facility: reward per head", ylabel="expected number of players",
                   yticks=range(int(n) + 1),
                   ylim=(0, 1.08 * max(n / 2, max(float(each.max()) for each in crowds.values()))), xlim=(-0.6, 3.6),
                   xticks=range(4), xticklabels=[f"{name}: {w}" for name, w in zip("ABCD", (1, 2, 4, 6), strict=True)])
            ax.grid(False, axis="x")
        handles, labels = axes[0, 0].get_legend_handles_labels()  # lines come before bars
        sheet.legend([*handles[1:], handles[0]], [*labels[1:], labels[0]], loc="outside lower center", ncols=2)
    return sheet


def draw_steps(runs: Mapping[str, Ascent]) -> Any:
    """What the step size does, on one scale: the factor in front of Qbar, that of the visitation left out."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 4.0),
                              title=f"step sizes, {STARTS} random starts each, {STEPS} iterations")
    with plot.style():
        for i, (name, one) in enumerate(runs.items()):
            scale = 1.0 if name == Q else 1.0 / (1.0 - one.game.discount)
            x, settled, fine = np.array(one.etas) * scale, one.settled, ends_distancing(one.crowd)
            good = np.where(fine & np.isfinite(settled), settled, np.nan)
            keep = np.isfinite(good).sum(axis=1) >= STARTS / 2
            low, mid, high = np.nanquantile(np.where(keep[:, None], good, 0.0), [0.0, 0.5, 1.0], axis=1)
            axes[0, 0].errorbar(x[keep], mid[keep], [(mid - low)[keep], (high - mid)[keep]], fmt="o-", markersize=4,
                                capsize=2, elinewidth=0.8, color=plot.COLOURS[i], label=name)
            axes[0, 1].plot(x, (fine & np.isfinite(settled)).mean(axis=1), "o-", markersize=4, color=plot.COLOURS[i],
                            label=name)
        axes[0, 0].set(title="iterations until settled (where most runs do)", yscale="log",
                       ylabel="iterations (median and range)")
        axes[0, 1].set(title="runs that end where distancing ends at once", ylabel="share of the runs",
                       ylim=(-0.03, 1.03))
        for ax in axes[0]:
            ax.set(xscale="log", xlabel="step in front of Q̄: η, or η / (1 - γ) for the gradient", xlim=(1.5e-4, 0.15))
        sheet.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return sheet


@experiment("ding-distancing", title="Safe-distancing game: independent Q-ascent and projected gradient ascent",
            paper=PAPER)
def distancing() -> Outcome:
    """8 players, 4 facilities, γ = .99; exact values; 20 random first policies at every step size."""
    game = safe_distancing()
    record = Record(steps=Record.log_spaced(STEPS, ROWS), metrics=("policy", "ne_gap"))
    runs = {name: climb(game, rule(), etas, STEPS, STARTS, record) for name, (rule, etas) in RULES.items()}
    checks: list[Check] = []
    shown: dict[str, Float] = {}
    for name, eta, _ in SHOWN[:2]:
        one, at = runs[name], runs[name].at(eta)
        crowd = one.crowd[at]
        label = f"{name}, η = {short(eta)}"
        shown[label] = crowd
        checks += [
            Check(f"{label}: largest NE-gap at the end, share of the payoff range", 0.0,
                  float(one.gap[at, :, -1].max()), 1e-12, STATEMENT),
            Check(f"{label}: most players expected at a facility when safe, at most N / 2 = 4", 4.0,
                  float(crowd[:, 0].max()), 1e-6, STATEMENT),
            Check(f"{label}: most players expected at a facility when distancing, at most N / 4 = 2", 2.0,
                  float(crowd[:, 1].max()), 1e-6, STATEMENT),
            Check(f"{label}: least players expected at either of the two best facilities when safe", 4.0,
                  float(crowd[:, 0, 2:].min()), 1e-6, STATEMENT)]
    widest, best = {}, {}
    for name, one in runs.items():
        sure = (ends_distancing(one.crowd) & np.isfinite(one.settled)).all(axis=1)
        widest[name] = max((eta for eta, all_well in zip(one.etas, sure, strict=True) if all_well), default=np.nan)
        best[name] = float(np.median(one.settled[sure][-1])) if sure.any() else np.nan  # NaN meets no check

    def settled(name: str, eta: float) -> Float:
        return np.asarray(runs[name].settled[runs[name].at(eta)])

    def median(name: str, eta: float) -> str:
        return f"{np.median(settled(name, eta)):.0f}"

    checks += [
        Check("the same factor in front of Q̄ (η = 1e-3; η / (1 - γ) = 1e-3): starts of 20 from which Q-ascent settles "
              "first", STARTS, int((settled(Q, 1e-3) < settled(PROJECTED, 1e-5)).sum()), 0, STATEMENT),
        Check("each at its largest step that never fails: Q-ascent's median iterations over the gradient's, below 1",
              0.5, best[Q] / best[PROJECTED], 0.5, NOT_REPRODUCED)]
    start = occupancy(game, runs[Q].result.trace["policy"][0, :, 0])
    lost = runs[PROJECTED]
    stuck = lost.crowd[lost.at(1e-3), :, 1].max(axis=-1) > game.num_players - 1e-6
    values = [evaluate(game, one).value[:, 1].mean() for one in lost.result.policy[lost.at(1e-3)][stuck]]
    well = evaluate(game, runs[Q].result.policy[runs[Q].at(1e-3), 0]).value[:, 1].mean()
    return Outcome(
        checks,
        (Figure("curves", "Learning curves. Left: distance to the policy at the end; right: NE-gap.",
                lambda: draw_curves(runs)),
         Figure("occupancy", "Where the players are. Lines span the runs: at the end they do not differ.",
                lambda: draw_occupancy({"first policies (random)": start, **shown},
                                       f"safe-distancing game at the end, {STARTS} random starts")),
         Figure("steps", "Left: at the same factor in front of Q̄ the gradient, which is weighed by the visitation, "
                f"takes longer. Settled: largest NE-gap below {SETTLED:g} of the payoff range for good. Right: large "
                "steps end elsewhere, or nowhere.", lambda: draw_steps(runs))),
        ("No numbers are published; compared are statements, over 20 random starts. Policies at the end are "
         "at the simplex's corners, where the NE-gap is 0 to rounding: asked for is 1e-12 of the payoff range, some "
         "thousand roundings.",
         "All runs at these steps end at the same loads: 0, 0, 4, 4 when safe, which keeps the game safe, and 2, 2, 2, "
         "2 when distancing, which ends it at once. Who goes where differs from start to start.",
         "What is fewer depends on how steps are measured. At the same factor in front of Q̄ the gradient's steps are "
         "shorter by the visitation, which is .005 of the distancing state once nobody stays there: median "
         f"{median(Q, 1e-3)} iterations against {median(PROJECTED, 1e-5)}. Each at the largest step of the grid from "
         f"which all starts end well, η = {short(widest[Q])} and {short(widest[PROJECTED])}: {best[Q]:.0f} against "
         f"{best[PROJECTED]:.0f}, so that Q-ascent is not ahead; but steps of the grid are factors of 2 apart, which "
         "speaks for neither. With η = 1e-3 for Q and 1e-4 for the gradient the order turns "
         f"round, {median(Q, 1e-3)} against {median(PROJECTED, 1e-4)}, and Q-ascent is first from "
         f"{int((settled(Q, 1e-3) < settled(PROJECTED, 1e-4)).sum())} of {STARTS} starts: the exact gradient holds 1 / "
         "(1 - γ) = 100, where 20 sampled steps have 18.",
         "Large steps lead elsewhere: with η = 1e-3 projected gradient ascent ends with all 8 players at one facility "
         f"in the distancing state from {int(stuck.sum())} of {STARTS} starts. That too is an equilibrium, as nobody "
         f"alone can end distancing; from there it is worth {np.mean(values) if values else np.nan:.0f} a player on "
         f"average, and the one of small steps {well:.0f}."))


# ---------------------------------------------------------------------------------------------------------- rollouts
SAMPLED_RUNS, SAMPLED_STEPS, EXPLORATION = 8, 16_000, 0.01
SAMPLED = {"q": (Q, (1e-5, 3e-5, 1e-4), 3e-5), "gradient": (PROJECTED, (1e-6, 3e-6, 1e-5), 3e-6)}


def corners(game: Game, policies: Float) -> Float:
    """Every player's most probable actions, as policies."""
    return np.concatenate([np.eye(one.shape[-1])[one.argmax(axis=-1)] for one in split(game, policies)], axis=-1)


def late(rows: Float) -> Float:
    """Mean over the last tenth of what is recorded."""
    return np.asarray(rows[..., rows.shape[-1] - 1 - (rows.shape[-1] - 1) // 10:].mean(axis=-1))


def draw_sampled(runs: Mapping[str, Ascent], floor: float) -> Any:
    """Distance and NE-gap of both kinds."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 4.0),
                              title=f"10 rollouts of 20 steps an iteration: mean and range of {SAMPLED_RUNS} runs")
    with plot.style():
        for i, (kind, one) in enumerate(runs.items()):
            name, _, eta = SAMPLED[kind]
            at = one.at(eta)
            for ax, rows, log in ((axes[0, 0], one.to(corners(one.game, one.result.policy))[at], ""),
                                  (axes[0, 1], one.gap[at], "y")):
                plot.runs(one.iteration, rows, ax, log=log, label=f"{name}, η = {short(eta)}", color=plot.COLOURS[i])
        axes[0, 1].axhline(floor, color="0.3", linewidth=0.9, linestyle=(0, (4, 3)),
                           label=f"the equilibrium, kept at {EXPLORATION / 4:g} from the corners")
        axes[0, 0].set(title="distance to the corner where the run ends", ylabel="L1 distance (mean over players)",
                       ylim=(0, None))
        axes[0, 1].set(title="distance from equilibrium", ylabel="largest NE-gap / payoff range")
        for ax in axes[0]:
            ax.set(xlabel="iteration", xlim=(0, SAMPLED_STEPS))
        sheet.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return sheet


def draw_noise(runs: Mapping[str, Ascent]) -> Any:
    """NE-gap for the step sizes of either kind."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 4.0),
                              title=f"step sizes with sampled estimates: mean of {SAMPLED_RUNS} runs")
    with plot.style():
        for ax, (kind, one) in zip(axes[0], runs.items(), strict=True):
            for rows, eta, colour in zip(one.gap, one.etas, plot.shades(len(one.etas)), strict=True):
                plot.runs(one.iteration, rows, ax, log="y", label=f"η = {short(eta)}", color=colour, band=None)
            ax.set(title=SAMPLED[kind][0], xlabel="iteration", ylabel="largest NE-gap / payoff range",
                   xlim=(0, SAMPLED_STEPS), ylim=(2e-3, 0.4))
            ax.legend(loc="upper right", ncols=3)
    return sheet


@experiment("ding-rollouts", title="Safe-distancing game: gradients and Q from rollouts", paper=PAPER)
def rollouts() -> Outcome:
    """Estimates from 10 rollouts of 20 steps, ξ = .01, 8 runs from random first policies, three step sizes each."""
    game = safe_distancing()
    record = Record(every=SAMPLED_STEPS // 200, metrics=("policy", "ne_gap"))
    runs = {kind: climb(game, MonteCarloGradientAscent(kind=kind, exploration=EXPLORATION), etas, SAMPLED_STEPS,
                        SAMPLED_RUNS, record)
            for kind, (_, etas, _) in SAMPLED.items()}
    checks, crowds, trapped = [], {}, 0
    for kind, (name, _, eta) in SAMPLED.items():
        one, at = runs[kind], runs[kind].at(eta)
        crowd, away = one.crowd[at], one.to(corners(game, one.result.policy))[at]
        label = f"{name}, η = {short(eta)}"
        crowds[label] = crowd
        apart = crowd[:, 1].max(axis=-1) <= game.num_players / 4 + 0.2
        trapped = int((~apart).sum())
        checks += [
            Check(f"{label}: runs of {SAMPLED_RUNS} that end with 2 players expected at every facility when "
                  "distancing, to 0.2", SAMPLED_RUNS, int(apart.sum()), 2, STATEMENT),
            Check(f"{label}: NE-gap over the last tenth, share of the payoff range, median of the runs", 0.0,
                  float(np.median(late(one.gap[at]))), 0.02, STATEMENT),
            Check(f"{label}: distance to the nearest corner over the last tenth, share of the first, median of the "
                  "runs", 0.0, float(np.median(late(away) / away[:, 0])), 0.15, STATEMENT)]
    q = runs["q"]
    ends = corners(game, q.result.policy[q.at(3e-5)])
    floor = float(ne_gap(game, (1.0 - EXPLORATION) * ends[0] + EXPLORATION / 4).max()) / payoff_range(game)
    start = occupancy(game, q.result.trace["policy"][0, :, 0])
    best = {kind: float(late(one.gap).mean(axis=1).min()) for kind, one in runs.items()}
    checks += [
        Check(f"{Q}, η = 3e-5: runs of {SAMPLED_RUNS} whose most probable actions at the end are a Nash equilibrium",
              SAMPLED_RUNS, sum(float(ne_gap(game, each).max()) <= 1e-12 * payoff_range(game) for each in ends), 0,
              STATEMENT),
        Check("each at its best step: Q-ascent's NE-gap over the last tenth, mean of the runs, share of the "
              "gradient's, below 1", 0.5, best["q"] / best["gradient"], 0.5, STATEMENT)]
    return Outcome(
        checks,
        (Figure("curves", "Learning curves.", lambda: draw_sampled(runs, floor)),
         Figure("occupancy", "Where the players are at the end: mean and range of the runs.",
                lambda: draw_occupancy({"first policies (random)": start, **crowds},
                                       f"sampled estimates: players at the end, {SAMPLED_RUNS} runs")),
         Figure("steps", "Small steps are slow; large ones follow the noise.", lambda: draw_noise(runs))),
        ("No numbers are published. Policies stay ξ / 4 = .0025 away from the corners and the estimates stay noisy, "
         f"so that no run comes to a gap of 0: the equilibrium itself, moved that far inward, has {floor:.4f} of the "
         "payoff range. Asked for is at most .02, seven times that and about a tenth of what random policies have; "
         "medians, as single runs can end elsewhere. Two runs of eight may: a count of 6 has a standard deviation of "
         "1.2.",
         f"Here Q-ascent is ahead: over the last tenth its gap at the best of three is {best['q']:.4f} of the "
         f"payoff range, mean of the runs, the gradient's {best['gradient']:.4f}. The gradient's estimate divides by "
         "the policy's probabilities and subtracts no baseline, where Q-ascent averages returns and compares them with "
         f"their mean. {trapped} of the gradient's {SAMPLED_RUNS} runs at η = 3e-6 crowd in the distancing state, "
         "where all at one facility is an equilibrium too.",
         "Steps are smaller by thirty times and more than those that suit exact values (ding-distancing): an estimate "
         "from 200 sampled steps is mostly noise, which larger ones follow.",
         "20 steps see 1 - γ^20 = .18 of the discounted future, and late returns less; where the runs of Q-ascent end "
         "is an equilibrium of the whole game all the same."))
