"""Maheshwari et al. (2022), what its proof is made of: estimates that find Q~ (Lemma 3.4), the limit differential
equation (15) with its Lyapunov function (16), and the lemma on which that stands, 3.1(b), where it does not hold.

The paper draws none of this and prints no numbers; compared are its statements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import plot, potential, theory
from .._check import Float
from ..games.routing import routing
from ..metrics.ne_gap import ne_gap
from ..metrics.q_error import q_error
from ..models.game import Game
from ..models.markov.game import MarkovGame
from ..policy import random_policy, split, uniform_policy
from ..rules.two_timescale_q import TwoTimescaleQ
from ..run.ensemble import ensemble
from ..run.record import Record
from ..solvers.logit_dynamics import logit_dynamics
from .experiment import NOT_REPRODUCED, RECOMPUTED, ROUNDING, STATEMENT, Check, Figure, Outcome, experiment
from .maheshwari2022 import PAPER, short

STAGES, RUNS, ROWS = 100_000, 20, 60
TAU, STARTS, END, LAST = 1e-3, 10, 10.0, 60.0
TAUS = (TAU, 1.0, 3.0)
WHERE_TAU, WHERE_GAMMA, WHERE_END = 1.0, 0.9, 10.0
EPSILON, EXPONENT = 0.1, 0.75


class Estimates(NamedTuple):
    """Runs at one temperature: stages (K,), largest |q - Q~| of any player, state and action (runs, K), and how many
    recorded estimates are outside their range."""

    stage: Any
    error: Float
    outside: int

    @property
    def share(self) -> Float:
        """The mean over runs, divided by that of the first estimates, 0."""
        mean = self.error.mean(axis=0)
        return mean / mean[0]


def estimates(game: Game, tau: float) -> Estimates:
    """Play for long with the paper's steps."""
    record = Record(steps=Record.log_spaced(STAGES, ROWS), metrics=("policy", "q"))
    trace = ensemble(game, TwoTimescaleQ(tau), STAGES, RUNS, record=record).trace
    outside = 0
    for q, (low, high) in zip(split(game, trace["q"]), theory.q_estimate_range(game, tau), strict=True):
        outside += int(((q < low) | (q > high)).sum())
    return Estimates(trace["step"], q_error(game, trace["policy"], trace["q"], tau).max(axis=-1), outside)


class Potentials(NamedTuple):
    """Phi~(mu) along solutions of (15) (starts, K) at times (K,), the last far out; and along runs (runs, R) at times
    of theirs."""

    times: Float
    flow: Float
    clock: Float
    runs: Float

    @property
    def top(self) -> float:
        """The largest that was found, for the maximum."""
        return float(max(self.flow.max(), self.runs.max()))


def potentials(game: Game) -> Potentials:
    """From uniform play and from random policies; runs from uniform play, with the sum of steps beta, by which their
    policies have moved, for a clock: the mean over states."""
    times = np.append(np.linspace(0.0, END, 201), LAST)
    starts = [uniform_policy(game), *(random_policy(game, seed) for seed in range(STARTS - 1))]
    flow = [theory.perturbed_potential(game, logit_dynamics(game, TAU, times, policy=start, tol=1e-11).policy, TAU)
            @ game.initial for start in starts]
    record = Record(steps=Record.log_spaced(STAGES, ROWS), metrics=("policy", "visits"))
    trace = ensemble(game, TwoTimescaleQ(TAU), STAGES, RUNS, record=record).trace
    visits = trace["visits"].astype(np.int64)
    gone = np.concatenate([[0.0], np.cumsum(1.0 / (np.arange(1, visits.max() + 1) + 1.0))])
    return Potentials(times, np.array(flow), gone[visits].mean(axis=-1),
                      theory.perturbed_potential(game, trace["policy"], TAU) @ game.initial)


# ------------------------------------------------------------------------------------------- where players move states
def crossroads() -> MarkovGame:
    """Nobody is paid; player 0 picks the next state, player 1 has two actions in state 1 and one in state 0."""
    moves = np.zeros((2, 2, 2, 2))
    moves[:, 0, :, 0] = moves[:, 1, :, 1] = 1.0
    return MarkovGame.identical_interest(np.zeros((2, 2, 2)), moves, WHERE_GAMMA,
                                         available=[[True, True, True, False], [True] * 4], name="crossroads")


def summit() -> Float:
    """The policy that maximises (14) in the crossroads game: state 1 is worth log 2 more, one step from now."""
    x = 2.0**WHERE_GAMMA / (1.0 + 2.0**WHERE_GAMMA)
    return np.array([[1 - x, x, 1.0, 0.0], [1 - x, x, 0.5, 0.5]])


def summit_lead(t: float) -> float:
    """By how much (14) is larger there than after a time t along (15), which takes x to 1/2, where player 0 does not
    care: (14) is tau/(1-gamma) (H(x) + gamma x log 2) and what x does not change."""
    x = 0.5 + (float(summit()[0, 1]) - 0.5) * math.exp(-t)
    held = -x * math.log(x) - (1.0 - x) * math.log(1.0 - x) + WHERE_GAMMA * x * math.log(2.0)
    return WHERE_TAU / (1.0 - WHERE_GAMMA) * (math.log(1.0 + 2.0**WHERE_GAMMA) - held)


def fall(game: Game) -> tuple[Float, Float]:
    """Times, and by how much (14) is below its maximum along (15) from there: phi."""
    times = np.linspace(0.0, WHERE_END, 101)
    policies = logit_dynamics(game, WHERE_TAU, times, policy=summit(), tol=1e-11).policy
    phi = theory.perturbed_potential(game, policies, WHERE_TAU) @ game.initial
    return times, phi[0] - phi


# ------------------------------------------------------------------------------------------------------------ figures
def draw_estimates(found: Mapping[float, Estimates]) -> Any:
    """Largest |q - Q~| by stage and temperature."""
    sheet, axes = plot.figure(1, 1, size=(6.2, 4.0), title="q-estimates find the perturbed Q-function (Lemma 3.4)")
    ax = axes[0, 0]
    with plot.style():
        for (tau, each), colour in zip(found.items(), plot.COLOURS, strict=False):
            plot.runs(each.stage[1:], each.error[:, 1:], ax, band=0.8, log="xy", label=f"τ = {short(tau)}",
                      color=colour)
        ax.set(xlabel="stage k", ylabel="largest |q − Q~| of all players, states, actions", xlim=(1, STAGES),
               title=f"4 players: mean and middle 80 % of {RUNS} runs")
        ax.legend(loc="lower left")
    return sheet


def draw_lyapunov(found: Potentials, times: Float, phi: Float) -> Any:
    """phi along (15) and along runs; and where it rises."""
    sheet, axes = plot.figure(1, 2, size=(10.0, 4.0), title="the Lyapunov function (16) along the limit equation (15)")
    left, right = axes[0]
    with plot.style():
        for i, row in enumerate(found.flow[::-1]):
            last = i == len(found.flow) - 1
            left.plot(found.times[:-1], found.top - row[:-1], color=plot.COLOURS[0] if last else "0.75",
                      linewidth=1.8 if last else 0.8, zorder=3 if last else 1,
                      label="(15) from uniform play" if last else "(15) from random policies" if i == 0 else None)
        for i, (clock, row) in enumerate(zip(found.clock, found.runs, strict=True)):
            left.plot(clock, found.top - row, color=plot.COLOURS[1], linewidth=0.6, alpha=0.6, zorder=2,
                      label=f"Algorithm 1, {len(found.runs)} runs" if i == 0 else None)
        left.set(xlabel="t; for Algorithm 1 the sum of its steps β", ylabel="φ (discounted reward)", yscale="log",
                 xlim=(0, END), ylim=(1e-4, None), title="nobody moves the state: φ falls")
        left.legend(loc="upper right")
        right.plot(times, phi, color=plot.COLOURS[0], label="(15) from the maximum of (14)")
        end = summit_lead(math.inf)
        right.axhline(end, color="0.4", linestyle=":", label="at the equilibrium, closed form")
        right.set(xlabel="t", ylabel="φ (discounted reward)", xlim=(0, WHERE_END), ylim=(-0.02, 1.25 * end),
                  title="player 0 moves the state: φ rises")
        right.legend(loc="lower right")
    return sheet


# --------------------------------------------------------------------------------------------------------- experiment
@experiment("maheshwari-flow", title="Markov routing game: estimates, limit equation, Lyapunov function",
            paper=PAPER + ", Lemmas 3.1, 3.4 and 3.5, (14)-(16)")
def flow() -> Outcome:
    """Estimates in the paper's game; (15) and (16) where nobody moves the state, and in a game where (14) fails."""
    game, team = routing(4), routing(4, reward="team")
    still = routing(4, reward="team", transitions="averaged")
    learned = {tau: estimates(game, tau) for tau in TAUS}
    along = potentials(still)
    cross = crossroads()
    times, phi = fall(cross)
    tenth = int(np.searchsorted(learned[TAU].stage, STAGES / 10))
    checks = [Check(f"τ = {short(tau)}: largest |q − Q~| goes toward 0: mean over runs after {STAGES} stages, share of "
                    "the first", 0.0, float(each.share[-1]), 0.1, NOT_REPRODUCED if tau == TAU else STATEMENT)
              for tau, each in learned.items()]
    checks += [
        Check(f"largest |q − Q~| still falls over the last decade of stages: temperatures, of {len(TAUS)}", len(TAUS),
              sum(bool(each.share[-1] < each.share[tenth]) for each in learned.values()), 0, STATEMENT),
        Check("recorded q-estimates outside their range, section C (i)", 0,
              sum(each.outside for each in learned.values()), 0, STATEMENT)]
    steps = np.diff(along.flow, axis=1)
    checks += [
        Check("nobody moves the state: largest fall of (14) along (15), share of what it rises by", 0.0,
              float((np.maximum(-steps.min(axis=1), 0.0) / np.ptp(along.flow, axis=1)).max()), ROUNDING, STATEMENT),
        Check("nobody moves the state: the perturbed game is a potential game: four-cycle defect, relative, τ = 1", 0.0,
              potential.defect(still, tau=1.0).relative, ROUNDING, STATEMENT),
        Check("players move the state: the perturbed game is a potential game: four-cycle defect, relative, τ = 1, "
              "team reward", 0.0, potential.defect(team, tau=1.0).relative, ROUNDING, NOT_REPRODUCED),
        Check("crossroads: φ falls along (15): its rise from start to end", 0.0, float(phi[-1] - phi[0]), ROUNDING,
              NOT_REPRODUCED),
        Check(f"crossroads: φ at t = {WHERE_END:g}, closed form", summit_lead(WHERE_END), float(phi[-1]), 1e-9,
              RECOMPUTED)]
    for printed in (True, False):
        tau = theory.temperature_limit(game, EPSILON, printed=printed)
        gap = ne_gap(game, logit_dynamics(game, tau, [60.0]).policy[-1], start="worst").max()
        checks.append(Check(f"equilibria at τ = {tau:.4f} ({'printed' if printed else 'sharper'} limit) are within "
                            f"{EPSILON}: excess of the largest NE-gap from any state", 0.0,
                            max(0.0, float(gap) - EPSILON), 0, STATEMENT))
    example = theory.step_size_conditions((EXPONENT, 0.0), (EXPONENT, 0.0))
    checks += [
        Check("the paper's step sizes meet Assumption 3.2 (1: they do)", 1,
              theory.step_size_conditions(*TwoTimescaleQ(TAU)[1:]).holds, 0, STATEMENT),
        Check(f"so does its example with c1 = c2 = {EXPONENT} (1: it does)", 1, example.holds, 0, NOT_REPRODUCED),
        Check("the paper's game meets Assumption 2.1 (1: it does)", 1, bool(theory.ergodicity(game).holds), 0,
              STATEMENT)]
    return Outcome(
        checks,
        (Figure("estimates", "In the paper's own game and with its steps. Policies move meanwhile, and Q~ with them.",
                lambda: draw_estimates(learned)),
         Figure("lyapunov", "Left: team reward, transitions averaged over actions; the maximum in (16) is the largest "
                "value found. Policies of Algorithm 1 follow the equation's, once its steps are added up. Right: two "
                "states, where (14) is no potential.", lambda: draw_lyapunov(along, times, phi))),
        ("The paper prints no numbers and draws none of this. \"Goes toward 0\" is taken as in the other experiments: "
         "down to a tenth, and still falling over the last decade of stages.",
         f"Not reproduced within {STAGES} stages: that estimates find Q~ at the paper's τ = 1e-3. Lemma 3.4 is about "
         "the limit and not contradicted: the error falls, but actions that softmax(q / τ) all but excludes are played "
         "with a probability that is left over from the start and shrinks as 1/n, so about log k times, and "
         "their estimates stay behind. At τ = 1 and 3 all actions go on being played.",
         "Not reproduced: Lemma 3.1(b), that (14) is a potential of the perturbed game. Its proof counts only the "
         "deviator's regulariser; the others' are counted in states that the deviator's policy moves. Where nobody "
         "influences transitions the lemma holds. Otherwise the perturbed game need have no potential at all, and (16) "
         "need not fall: in the crossroads game nobody is paid, player 0 picks the next state, and player 1 has a "
         "choice, so entropy, only in state 1. (14) is largest where player 0 prefers state 1; its own perturbed value "
         "does not hold player 1's entropy, so that (15) leads away from there. It converges nevertheless.",
         f"Not reproduced: that n^-c1, n^-c2 with c1 = c2 is an example of Assumption 3.2: (iv) fails, {example}."))

