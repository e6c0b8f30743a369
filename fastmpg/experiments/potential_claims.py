"""Which games that are called potential games are Markov potential games, and how near the others come."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import plot, potential
from ..games.distancing import safe_distancing
from ..games.matrix import zhang_3player, zhang_3x2, zhang_8player
from ..games.perturbed_team import perturbed_team
from ..games.routing import routing
from ..models.game import Game
from .experiment import RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment

PAPER = ("Guo, Li, Maheshwari, Sastry & Wu 2023, Markov alpha-potential games; benchmarks of Maheshwari et al. 2022, "
         "Ding et al. 2022, Zhang et al. 2022")
SAMPLES, ROUNDING, GAMMA = 500, 1e-12, 0.9
KAPPAS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)


def benchmarks() -> dict[str, tuple[Game, bool]]:
    """Name, game and whether it is a Markov potential game."""
    return {"routing, own rewards (N = 4)": (routing(4), False),
            "routing, own rewards, averaged transitions": (routing(4, transitions="averaged"), True),
            "routing, team rewards": (routing(4, reward="team"), True),
            "safe distancing (N = 4)": (safe_distancing(4), False),
            "Zhang et al., 3 x 2": (zhang_3x2(), True),
            "Zhang et al., three players": (zhang_3player(), True),
            "Zhang et al., eight players": (zhang_8player(), True)}


def draw(found: list[Any]) -> Any:
    """The interval of alpha against the perturbation, with the lines of theory."""
    sheet, axes = plot.figure(size=(5.6, 4.0), title="perturbed team games, three states, γ = 0.9")
    kappa = np.array(KAPPAS)
    with plot.style():
        ax = axes[0, 0]
        ax.fill_between(kappa, [each.lower for each in found], [each.upper for each in found], color=plot.COLOURS[0],
                        alpha=0.25, lw=0, label="α lies here")
        ax.plot(kappa, [each.lower for each in found], color=plot.COLOURS[0], label="a quarter of the defect")
        ax.plot(kappa, [each.gap for each in found], "o", color=plot.COLOURS[1], label="optimiser's NE-gap")
        ax.plot(kappa, 2 * kappa / (1 - GAMMA), "--", color="0.3", label="2κ/(1-γ)")
        ax.plot(kappa, 2 * kappa / (1 - GAMMA) ** 2, ":", color="0.3", label="2κ/(1-γ)²")
        ax.set(xscale="log", yscale="log", xlabel="perturbation κ", ylabel="α")
        ax.legend(loc="upper left")
    return sheet


@experiment("potential-claims", title="Which benchmarks are Markov potential games", paper=PAPER)
def claims() -> Outcome:
    """Defects of the benchmarks around squares of deviations, and intervals of alpha of perturbed team games."""
    checks, notes = [], []
    for name, (game, has) in benchmarks().items():
        found = potential.defect(game, samples=SAMPLES)
        notes.append(f"{name}: defect {found.defect:.4g}, {found.relative:.2g} of the largest change "
                     f"{found.change:.4g}, {found.squares} squares"
                     f"{', all deterministic ones' if found.exhaustive else ''}; "
                     + ("a potential game" if has else "no Markov potential game, alpha at least "
                        f"{found.alpha:.3g}"))
        if has:
            checks.append(Check(f"relative defect, {name}", 0.0, found.relative, ROUNDING, STATEMENT))
        else:  # found there on other squares; the worst of ours is no smaller
            least = {"routing": 8.7, "safe di": 1090.0}[name[:7]]
            checks.append(Check(f"defect, {name}, at least what another program found ({least:g})", 1.0,
                                float(found.defect >= least), 0, RECOMPUTED))
    near = [potential.alpha(perturbed_team(kappa=kappa, discount=GAMMA)) for kappa in KAPPAS]
    line = 2 * np.array(KAPPAS) / (1 - GAMMA)
    checks += [Check("perturbed teams of 7 whose alpha is proved to be at most 2κ/(1-γ)", len(KAPPAS),
                     sum(bool(each.upper <= bound * (1 + 1e-9)) for each, bound in zip(near, line, strict=True)), 0,
                     STATEMENT),
               Check("of these, optimisers of the potential function that are alpha-equilibria", len(KAPPAS),
                     sum(each.gap <= each.upper for each in near), 0, STATEMENT)]
    notes.append("alpha of perturbed teams by κ: " + "; ".join(
        f"{kappa:g}: [{each.lower:.3g}, {each.upper:.3g}]" for kappa, each in zip(KAPPAS, near, strict=True)))
    return Outcome(checks, (Figure("perturbed", "The interval of alpha grows with the perturbation, below both lines.",
                                   lambda: draw(near)),), tuple(notes))
