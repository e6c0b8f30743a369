"""Etesami and Straehle (2020), section 7, (14): damped sweeps in the pursuit of two hunters.

Figure 3 survives without its curves; compared are the statement on the policies that come out, and numbers of another
program of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import plot
from .._check import Float
from ..games.pursuit_3 import pursuit_3
from ..models.markov.game import MarkovGame
from ..models.normal_form import NormalFormGame
from ..policy import join, split
from ..solvers.mge_f import MgeF, mge_f
from ..theory.exploring import damping_limit
from .etesami2020_pursuit import HORIZON_3, I1, I2, PAPER, at
from .experiment import RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment

ALPHAS = (0.05, 0.2, 0.4, 0.6)
SWEEPS, LONG = 1500, 40_000  # sweeps a stage; and of the alpha that is swept to the end in all states
NEAR = 1200  # sweeps after which a damping is said to settle or not, from 1e-4 beside a solution
LIMITS = {"max": (0.7243, 0.7533, 0.8666), "mean": (0.7332, 0.7686, 0.8666)}
REPELLING = (80, 80, 56)


def one_shot(game: MarkovGame, value: Float, state: int) -> NormalFormGame:
    """The game that a stage of pursuit_3 is in one state, where what comes after is worth value (N, S)."""
    assert game.available is not None
    able = np.split(game.available[state], game.offset[1:-1])
    rows = game.transitions[state * 125:(state + 1) * 125]
    payoffs = (game.rewards[:, state].reshape(3, 125) + (rows @ value.T).T).reshape(3, 5, 5, 5)
    return NormalFormGame(payoffs[:, able[0]][:, :, able[1]][:, :, :, able[2]])


def mirrored(value: Float) -> Float:
    """Values of pursuit_3 with the hunters' symmetry to the last bit."""
    one, _, prey = value.reshape(3, 9, 9, 9)
    return np.stack([one, one.transpose(1, 0, 2), 0.5 * (prey + prey.transpose(1, 0, 2))]).reshape(3, 729)


def bisected(game: MarkovGame, solved: MgeF, t: int, state: int) -> float:
    """The damping at which sweeps stop to settle, from beside the solution of a stage in a state where the hunters are
    on one node. Both start alike, as only their symmetry, exactly kept, holds them there."""
    shot = one_shot(game, mirrored(solved.value[t + 1]), state)
    found = mge_f(shot, 1, terminal=0.0).policy[0]
    one, _, prey = (part * (1 + 1e-4 * np.cos(np.arange(part.shape[1]))) for part in split(shot, found))
    near = join([part / part.sum(axis=1, keepdims=True) for part in (one, one, prey)])
    low, high = 0.5, 1.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        swept = mge_f(shot, 1, terminal=0.0, alpha=middle, branch="start", start=near, maxiter=NEAR, tol=1e-13)
        low, high = (middle, high) if np.abs(swept.policy[0] - found).max() < 1e-6 else (low, middle)
    return (low + high) / 2


def draw_residuals(swept: Mapping[float, MgeF]) -> Any:
    """Figure 3, stage by stage."""
    sheet, axes = plot.figure(1, HORIZON_3, size=(11.4, 4.0), title="Figure 3: convergence error of damped sweeps")
    colours = [*plot.shades(len(ALPHAS)), plot.COLOURS[1]]
    with plot.style():
        for ax, t in zip(axes[0], range(HORIZON_3 - 1, -1, -1), strict=True):
            for (alpha, one), colour in zip(swept.items(), colours, strict=True):
                error = alpha * one.history[t][:SWEEPS]
                ax.plot(np.arange(1, error.size + 1), error, color=colour, label=f"α = {alpha:g}", linewidth=1.1)
            ax.set(title=f"stage t = {t}" + (" (the last decision)" if t == HORIZON_3 - 1 else ""), yscale="log",
                   xlabel="iteration", ylabel="max |ΔQ| = α max |U(Q) - Q|", xlim=(1, SWEEPS), ylim=(1e-12, 20))
        sheet.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(swept))
    return sheet


def draw_limits(limits: Mapping[str, Any], found: Mapping[str, Sequence[float]]) -> Any:
    """The largest damping that settles, from eigenvalues and measured, beside the paper's."""
    sheet, axes = plot.figure(1, 1, size=(6.6, 3.8), title="which damping settles")
    ax, x = axes[0, 0], np.arange(HORIZON_3)
    with plot.style():
        for i, (kind, limit) in enumerate(limits.items()):
            ax.plot(x + 0.08 * (2 * i - 1), limit.alpha, "_", markersize=22, markeredgewidth=2.0, color=plot.COLOURS[i],
                    label=f"limit, value = {kind}")
            ax.plot(x + 0.08 * (2 * i - 1), found[kind], "o", markersize=5, markerfacecolor="none",
                    color=plot.COLOURS[i], label=f"bisected, value = {kind}")
        for alpha in (*ALPHAS, 1.0):
            ax.axhline(alpha, color="0.45" if alpha < 1 else plot.COLOURS[2], linestyle="--", linewidth=0.9,
                       label={ALPHAS[0]: "the paper's α", 1.0: "undamped"}.get(alpha))
        ax.set(xlabel="stage t", ylabel="damping α", xticks=x, xlim=(-0.5, 2.5), ylim=(0, 1.06))
        ax.grid(visible=False, axis="x")
        sheet.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return sheet


@experiment("etesami-alpha", title="Pursuit, two hunters and a prey: damped sweeps",
            paper=PAPER + ", section 7, (14) and Figure 3")
def damping() -> Outcome:
    """Sweeps of the whole table, Q <- α U(Q) + (1 - α) Q from uniform play, at the paper's α and undamped."""
    game = pursuit_3()
    solved = {kind: mge_f(game, HORIZON_3, value=kind) for kind in LIMITS}
    swept = {alpha: mge_f(game, HORIZON_3, value="max", alpha=alpha, maxiter=LONG if alpha == ALPHAS[-1] else SWEEPS)
             for alpha in (*ALPHAS, 1.0)}
    rows, checks = [at(I1), at(I2)], []
    exact, last = solved["max"].policy[0, rows], HORIZON_3 - 1
    for alpha in ALPHAS:
        checks += [Check(f"α = {alpha:g}: all states of the last stage settle to 1e-10 (1: yes)", 1,
                         swept[alpha].status[last] == "converged", 0, STATEMENT),
                   Check(f"α = {alpha:g}: policies at I1 and I2, largest difference from those without sweeps", 0.0,
                         float(np.abs(swept[alpha].policy[0, rows] - exact).max()), 1e-6, STATEMENT)]
    long, undamped = swept[ALPHAS[-1]], swept[1.0]
    checks += [Check(f"α = {ALPHAS[-1]:g}: stages that settle in all states, of 3", 3,
                     sum(word == "converged" for word in long.status), 0, STATEMENT),
               Check("α = 1 does not settle: stages that go round in a cycle, of 3", 3,
                     sum(word == "cycle" for word in undamped.status), 0, RECOMPUTED),
               Check("α = 1: stages whose residual ends above 2, of 3", 3, int((undamped.residual > 2.0).sum()), 0,
                     RECOMPUTED)]
    limits = {kind: damping_limit(game, one) for kind, one in solved.items()}
    found = {kind: [bisected(game, solved[kind], t, int(limit.state[t])) for t in range(HORIZON_3)]
             for kind, limit in limits.items()}
    for kind, limit in limits.items():
        checks += [Check(f"largest α that settles at stage {t}, value = {kind}", LIMITS[kind][t], float(limit.alpha[t]),
                         5e-5, RECOMPUTED) for t in range(HORIZON_3)]
        checks += [Check(f"the same at stage {t}, value = {kind}: bisected beside eigenvalues", float(limit.alpha[t]),
                         found[kind][t], 0.01, RECOMPUTED) for t in range(HORIZON_3)]
    checks += [Check(f"states of stage {t} that no damping holds", REPELLING[t], int(limits["max"].repelling[t]), 0,
                     RECOMPUTED) for t in range(HORIZON_3)]
    away = [np.abs(long.policy[t] - solved["max"].policy[t]).max(axis=1) > 1e-6 for t in range(HORIZON_3)]
    one, two, _ = np.indices((9, 9, 9)).reshape(3, 729)
    left = "; ".join(f"{swept[alpha].unsettled[0]} and {swept[alpha].unsettled[1]} at α = {alpha:g}"
                     for alpha in ALPHAS[:-1])
    return Outcome(
        checks,
        (Figure("residuals", "Figure 3, with α = 1, which is drawn until it is back where it was before. The last "
                "stage settles at every α below 1. In the two before, states with both hunters on one node come near "
                "a solution that repels, and leave it for another one.",
                lambda: draw_residuals(swept)),
         Figure("limits", "Limits at the narrowest state of each stage; the paper's α are below them, α = 1 is above.",
                lambda: draw_limits(limits, found))),
        ("Figure 3 has no numbers in the text. Drawn is the largest change of Q in a sweep, α |U(Q) - Q|, with value = "
         "max. All Q of a stage are updated at once, where Algorithm 1 lets one player see the others' new values.",
         "\"All different values of α led to the same set of policies\" holds at I1 and I2. In the whole table it does "
         f"not: at α = {ALPHAS[-1]:g} the swept policies of {int(away[1].sum())} states at t = 1 and "
         f"{int(away[0].sum())} at t = 0 are not those of the solution that is continued from β = 0; at t = 1 the "
         f"hunters are on one node in {int((away[1] & (one == two)).sum())} of them. There it repels, and rounding "
         "decides to which other solution sweeps go; which states these are may differ between machines.",
         f"Within {SWEEPS} sweeps a stage some states do not settle to 1e-10 (at t = 0 and t = 1: {left}). They do in "
         "the end: at α = 0.05 in about 20 000 sweeps. That is why states are solved one by one by default.",
         "Erratum. The paper says that a small enough α lets (14) converge for larger rewards, by γ_{αb} + (1 - α) < 1 "
         "(γ_b: the contraction's factor at rewards up to b). As γ_b is linear in b this is γ_b < 1, whatever α, and "
         "proves nothing new. What damping does is local: at a solution whose Jacobian has eigenvalues λ sweeps settle "
         "if Re λ < 1 and α < 2 (1 - Re λ) / |1 - λ|² for all λ. The limits are the smallest such α over all states "
         "and all directions with Re λ < 1. Bisected is the α at which sweeps that keep the hunters' symmetry exactly "
         "no longer come back, at the state where the limit is smallest. The paper says nothing of α = 1."))
