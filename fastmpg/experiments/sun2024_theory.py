"""Sun et al. (2024), what its proof is made of, and its Markov form as it is printed.

The paper draws none of this and prints no numbers; compared are its statements, and for the printed form numbers of
another program, in plain NumPy.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from .. import plot, theory
from .._check import Float
from ..games import random as random_games
from ..models.game import Game
from ..rules.entropy_natural_gradient_play import EntropyNaturalGradientPlay
from ..run.ensemble import ensemble
from ..run.learn import learn
from ..run.record import Record
from ..run.result import Result
from ..theory.entropy import EntropyProof
from .experiment import NOT_REPRODUCED, RECOMPUTED, ROUNDING, STATEMENT, Check, Figure, Outcome, experiment, printed
from .sun2024 import MARKOV_STEPS, PAPER, SOLVED, TAUS, first_below

PROOF_STEPS = 300
CASES = ((30.0, 0.5 / 30.0), (2.0, 0.1))  # tau and eta: above 2 sum A_i = 24, and above (n - 1)/2 = 1 alone
ROUNDED = 1e-13  # gaps are differences of numbers of size tau


# ----------------------------------------------------------------------------------------- the proof of Theorem 3.3
class ProofRun(NamedTuple):
    """A run: its largest QRE-gap (K,), what the proof says of it, and the factor a step from the derived pull."""

    tau: float
    eta: float
    gap: Float
    found: EntropyProof
    factor: float

    @property
    def derived(self) -> Float:
        """The bound with the derived factor (K,)."""
        return np.asarray(self.found.gap_bound[0] * self.factor ** np.arange(self.gap.size))


def proof_run(game: Game, tau: float, eta: float) -> ProofRun:
    """From a random policy."""
    record = Record(metrics=("policy", "qre_gap"))
    result = learn(game, EntropyNaturalGradientPlay(eta, tau), PROOF_STEPS, policy="random", rng=20, record=record)
    found = theory.entropy_natural_proof(game, result.trace["policy"], tau=tau, eta=eta)
    return ProofRun(tau, eta, plot.reduced(result, "qre_gap"), found,
                    abs(1.0 - eta * tau) + 0.5 * eta * (game.num_players - 1))


def draw_proof(runs: list[ProofRun], bound: Float) -> Any:
    """Gap, the proof's own bound, and its powers."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 3.9), title="random rewards, 3 x 4 x 5 actions: Theorem 3.3's proof")
    with plot.style():
        for ax, run in zip(axes[0], runs, strict=True):
            ax.plot(run.gap, label="QRE-gap")
            ax.plot(run.found.gap_bound, label="2τ max ‖log ξ − r/τ‖ along the run")
            if run is runs[0]:
                ax.plot(bound, label="Theorem 3.3, from the start alone")
            ax.plot(run.derived, "--", color=plot.COLOURS[3], label="the same with (n − 1)/2 for 2 Σ A")
            ax.set_yscale("log", nonpositive="mask")
            ax.set(title=f"τ = {run.tau:g}, η = {run.eta:.3g}", xlabel="iteration", xlim=(0, PROOF_STEPS),
                   ylim=(1e-14, 1e3), ylabel="QRE-gap (largest of the players)")
        sheet.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return sheet


@experiment("sun-proof", title="Theorem 3.3 and the sequences of its proof",
            paper=PAPER + ", eq. (5), (6), Theorem 3.3")
def sun_proof() -> Outcome:
    """One draw of Figure 1's game; tau = 30 with half the largest step, where the theorem holds, and tau = 2."""
    game = random_games.random_normal_form((3, 4, 5), rng=0)
    runs = [proof_run(game, tau, eta) for tau, eta in CASES]
    start = learn(game, EntropyNaturalGradientPlay(), 0, policy="random", rng=20).policy
    bound = theory.entropy_natural_bound(game, start, tau=CASES[0][0], eta=CASES[0][1], steps=PROOF_STEPS)
    checks = []
    for run in runs:
        moved, pull = run.found.distance.max(axis=1), run.found.pull.max(axis=1)
        name = f"tau {run.tau:g}"
        checks += [
            Check(f"{name}: QRE-gap at most 2 tau max ||log xi - r/tau||, share of iterations", 1.0,
                  float((run.gap <= run.found.gap_bound + ROUNDED).mean()), 0.0, STATEMENT),
            Check(f"{name}: rewards move at most as the proof says, share", 1.0,
                  float((pull <= 2 * run.eta * 12 * moved[:-1] + ROUNDED).mean()), 0.0, STATEMENT),
            Check(f"{name}: and as is derived, with (n - 1)/2 for 2 sum A, share", 1.0,
                  float((pull <= run.eta * moved[:-1] + ROUNDED).mean()), 0.0, STATEMENT),
            Check(f"{name}: QRE-gap at most the derived bound, share", 1.0,
                  float((run.gap <= run.derived + ROUNDED).mean()), 0.0, STATEMENT)]
    checks += [
        Check("tau 30: QRE-gap at most Theorem 3.3's bound, share of iterations", 1.0,
              float((runs[0].gap <= bound).mean()), 0.0, STATEMENT),
        Check("tau 30: the last line of the proof is an equality, ratio of its sides", 1.0,
              float(runs[0].found.gap_bound[0] / bound[0]), ROUNDING, STATEMENT)]
    return Outcome(
        checks,
        (Figure("gap", "What the proof bounds, at a temperature of the theorem and at one far below. The second line "
                "uses the run, the third only its start. At τ = 2 the theorem says nothing.",
                lambda: draw_proof(runs, bound)),),
        ("The paper prints no numbers and draws none of this.",
         "The paper remarks that temperatures far below 2 sum A_i are enough. Two steps of its proof lose a factor, as "
         "theory.entropy_natural_proof derives: with (n - 1)/2 instead of 2 sum A_i the same proof covers tau > "
         "(n - 1)/2, here 1 instead of 24 (payoffs in [0, 1])."))


# ------------------------------------------------------------------------------------------- the printed Markov form
FORMS: tuple[Literal["regularised"], Literal["printed"]] = ("regularised", "printed")
LEAST = 1e-15  # that is drawn: the rest is rounding
SMALL_TAU, SMALL_STEPS = 0.5, 300
DISCOUNTS = (0.0, 0.3, 0.5, 0.7, 0.9, 0.95)


def small(discount: float) -> dict[str, Result]:
    """Both forms on a small random game, at tau = .5 and half the largest step."""
    game = random_games.random_markov(3, (2, 3), discount, rng=1)
    return {form: learn(game, EntropyNaturalGradientPlay(1.0 - discount, SMALL_TAU, form), SMALL_STEPS,
                        record=Record(metrics=("qre_gap",))) for form in FORMS}


def draw_printed(runs: dict[str, Result], rests: Float) -> Any:
    """QRE-gap of both forms, along a run and at rest."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 3.6),
                              title="random Markov game: 2 players, 3 states, 2 x 3 actions, τ = 0.5")
    with plot.style():
        for (form, result), rest in zip(runs.items(), rests.T, strict=True):
            name = "with entropy to come" if form == "regularised" else "as printed, without"
            axes[0, 0].plot(np.maximum(plot.reduced(result, "qre_gap"), LEAST), label=name)
            axes[0, 1].plot(DISCOUNTS, np.maximum(rest, LEAST), ".-", label=name)
        axes[0, 0].set(title="γ = 0.7", xlabel="iteration", xlim=(0, 60))
        axes[0, 1].set(title=f"after {SMALL_STEPS} iterations", xlabel="discount γ")
        for ax in axes[0]:
            ax.set(yscale="log", ylim=(0.3 * LEAST, 1), ylabel="QRE-gap (largest of the players)")
        axes[0, 0].legend(loc="upper right")
    return sheet


@experiment("sun-markov-printed", title="The Markov form of entropy-regularised natural gradient play as it is printed",
            paper=PAPER + ", section IV-C")
def sun_markov_printed() -> Outcome:
    """A small random game at gamma = .7, tau = .5; and the game of sun-markov."""
    runs = small(0.7)
    gap = {form: plot.reduced(result, "qre_gap")[-1] for form, result in runs.items()}
    apart = float(np.abs(runs["printed"].policy - runs["regularised"].policy).max())
    rests = np.array([[plot.reduced(result, "qre_gap")[-1] for result in small(discount).values()]
                      for discount in DISCOUNTS])
    taus: Any = np.array(TAUS[4:])[:, None]
    rule, game = EntropyNaturalGradientPlay(0.01, taus, "printed"), random_games.random_markov(5, (5, 5, 5), 0.9, rng=0)
    own = ensemble(game, rule, MARKOV_STEPS, 1, policy="random", rng=0, record=Record(metrics=("qre_gap",)))
    gaps = plot.reduced(own, "qre_gap")[:, 0]
    ends = ", ".join(f"{gap:.1e}" for gap in gaps[:, -1])
    return Outcome(
        (Check("small game: QRE-gap at the end, with entropy to come", 0.0, float(gap["regularised"]), SOLVED,
               STATEMENT),
         printed("small game: QRE-gap at the end, as printed", "3.8742138e-5", gap["printed"], source=RECOMPUTED),
         printed("small game: largest difference of the two in a probability", "0.005301343", apart, source=RECOMPUTED),
         Check("without a future, gamma = 0: QRE-gap at the end, as printed", 0.0, float(rests[0, 1]), SOLVED,
               STATEMENT),
         Check("game of sun-markov, as printed: temperatures of .1 and above that reach 1e-10, of 4", 4,
               int(np.isfinite(first_below(gaps, SOLVED)).sum()), 0, NOT_REPRODUCED)),
        (Figure("gap", "The printed update settles beside the equilibrium, the farther the more the future counts; "
                "with entropy in the values of states to come it settles there. Gaps below 1e-15 are drawn at 1e-15.",
                lambda: draw_printed(runs, rests)),),
        ("The paper prints no numbers here. Its update has the marginalised advantage of unregularised values, tau in "
         "units of 1 / (1 - gamma) of ours. It rests where pi ~ exp(Abar / tau), which is the equilibrium only where "
         "nobody's actions change what entropy is to come. The rule's default counts that entropy: then the step is "
         "the natural gradient of the regularised value.",
         f"Not reproduced with the printed update: convergence as in static games, Figure 2 (c). On the game of "
         f"sun-markov its QRE-gaps stop at {ends} for tau = .1, .2, .5, 1; with entropy to come all four reach 1e-10. "
         "With which of the two the figure was made is not said."))
