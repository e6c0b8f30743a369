"""Which games that are called potential games are Markov potential games, and how near the others come."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from .. import plot, potential
from ..games.distancing import safe_distancing
from ..games.markov_congestion import markov_congestion
from ..games.matrix import zhang_3player, zhang_3x2, zhang_8player
from ..games.perturbed_team import perturbed_team
from ..games.routing import routing
from ..models.game import Game
from ..theory.near_potential import congestion_alpha, near_potential, perturbed_team_alpha
from .experiment import RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment

PAPER = ("Guo, Li, Maheshwari, Sastry & Wu 2023, Markov alpha-potential games; benchmarks of Maheshwari et al. 2022, "
         "Ding et al. 2022, Zhang et al. 2022")
SAMPLES, ROUNDING, GAMMA = 500, 1e-12, 0.9
KAPPAS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
SHARES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)


def benchmarks() -> dict[str, tuple[Game, bool]]:
    """Name, game and whether it is a Markov potential game."""
    return {"routing, own rewards (N = 4)": (routing(4), False),
            "routing, own rewards, averaged transitions": (routing(4, transitions="averaged"), True),
            "routing, team rewards": (routing(4, reward="team"), True),
            "safe distancing (N = 4)": (safe_distancing(4), False),
            "Zhang et al., 3 x 2": (zhang_3x2(), True),
            "Zhang et al., three players": (zhang_3player(), True),
            "Zhang et al., eight players": (zhang_8player(), True)}


class Family(NamedTuple):
    """Games that a perturbation takes away from a potential game, with intervals of alpha and lines above them.

    lines: (label, style, values) of theory
    """

    title: str
    axis: str
    at: tuple[float, ...]
    found: list[Any]
    lines: list[tuple[str, str, list[float]]]


def perturbed_teams() -> Family:
    """Team games with selfish payoffs, by kappa."""
    found = [potential.alpha(perturbed_team(kappa=kappa, discount=GAMMA)) for kappa in KAPPAS]
    line = [perturbed_team_alpha(kappa, GAMMA) for kappa in KAPPAS]
    return Family("perturbed team games, three states, γ = 0.9", "perturbation κ", KAPPAS, found,
                  [("2κ/(1-γ)", "--", line)])


def congestion() -> Family:
    """Congestion games whose crowds move the state, by their influence."""
    games = [markov_congestion(influence=share, discount=GAMMA) for share in SHARES]
    found = [potential.alpha(game, starts=4, rounds=4) for game in games]
    of_game = [near_potential(game).alpha for game in games]
    explicit = [congestion_alpha(3, share, GAMMA) for share in SHARES]
    return Family("Markov congestion games, three players, γ = 0.9", "influence ζ", SHARES, found,
                  [("γζ(N-1)/((1-γ)(1-γ+γζ))", "--", explicit), ("with the game's own constants", ":", of_game)])


def draw(family: Family) -> Any:
    """The interval of alpha and a quarter of the defect against the perturbation, with the lines of theory."""
    sheet, axes = plot.figure(size=(5.6, 4.0), title=family.title)
    with plot.style():
        ax = axes[0, 0]
        low, high = ([getattr(each, name) for each in family.found] for name in ("lower", "upper"))
        ax.fill_between(family.at, low, high, color=plot.COLOURS[0], alpha=0.25, lw=0, label="α lies here")
        ax.plot(family.at, low, color=plot.COLOURS[0], label="cycles: at least")
        ax.plot(family.at, high, color=plot.COLOURS[2], label="a potential function: at most")
        for label, style, values in family.lines:
            ax.plot(family.at, values, style, color="0.3", label=label)
        ax.set(xscale="log", yscale="log", xlabel=family.axis, ylabel="α")
        ax.legend(loc="best", fontsize="small")
    return sheet


def proved(what: str, family: Family) -> list[Check]:
    """That every line lies above what is proved, and optimisers of the potential functions are alpha-equilibria."""
    count = len(family.at)
    bounds = [min(values[k] for _, _, values in family.lines) for k in range(count)]
    return [Check(f"{what} of {count} whose alpha is proved to be below every line", count,
                  sum(bool(each.upper <= bound * (1 + 1e-9)) for each, bound in zip(family.found, bounds, strict=True)),
                  0, STATEMENT),
            Check(f"{what} of {count} where optimisers of the potential function are alpha-equilibria", count,
                  sum(each.gap <= each.upper for each in family.found), 0, STATEMENT)]


@experiment("potential-claims", title="Which benchmarks are Markov potential games", paper=PAPER)
def claims() -> Outcome:
    """Defects of the benchmarks around squares of deviations, and intervals of alpha of perturbed potential games."""
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
    families = {"perturbed teams": perturbed_teams(), "Markov congestion games": congestion()}
    for what, family in families.items():
        checks += proved(what, family)
        notes.append(f"alpha of {what} by {family.axis}: " + "; ".join(
            f"{at:g}: [{each.lower:.3g}, {each.upper:.3g}]" for at, each in zip(family.at, family.found, strict=True)))
    notes.append("The lines are ours, with their proof in fastmpg/theory/near_potential.py. Guo et al. bound alpha of "
                 "both classes too; their constants could not be read here, and are not drawn.")
    figures = tuple(Figure(name, f"The interval of alpha of {what} grows with the perturbation, below the lines.",
                           functools.partial(draw, families[what]))
                    for name, what in (("perturbed", "perturbed teams"), ("congestion", "Markov congestion games")))
    return Outcome(checks, figures, tuple(notes))
