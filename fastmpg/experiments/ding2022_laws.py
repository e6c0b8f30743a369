"""The safe-distancing game of Ding et al. (2022): how far it is from a Markov potential game, and first states that are
all but certain.

Two players who deviate in turn around a square of policies, (p, q) -> (p', q) -> (p', q') -> (p, q') -> (p, q), change
their values by amounts that add up to 0 from every state if there is a potential (Monderer & Shapley 1996); what is
left over is the square's defect.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import plot
from .._check import Float
from ..games.distancing import safe_distancing
from ..metrics.ne_gap import ne_gap
from ..models.counts.game import CountGame
from ..models.markov.game import MarkovGame
from ..rules.projected_gradient_ascent import ProjectedGradientAscent
from ..rules.q_ascent import QAscent
from ..run.record import Record
from .ding2022 import PAPER, Ascent, climb, distance, ends_distancing, payoff_range
from .experiment import RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment

PLAYERS, CERTAIN, STARTS, STEPS, ROWS = 4, 1e-3, 20, 3000, 300
LAWS = {"uniform": (0.5, 0.5), "safe first": (1 - CERTAIN, CERTAIN), "distancing first": (CERTAIN, 1 - CERTAIN)}
RULES = {"independent Q-ascent, η = 1e-3": (QAscent(), 1e-3),
         "projected gradient ascent, η = 1e-5": (ProjectedGradientAscent(), 1e-5)}


def pure_values(game: MarkovGame) -> Float:
    """Values (N, S, P, ..., P) of all profiles of pure stationary policies, P of them a player, in C order."""
    n, states = game.num_players, game.num_states
    policies = np.array(list(itertools.product(range(game.num_actions[0]), repeat=states)))
    chosen = policies[np.indices((len(policies),) * n).reshape(n, -1)]  # (N, profiles, S)
    rewards, moves = np.asarray(game.rewards), np.asarray(game.transitions)
    reward = np.stack([rewards[:, s][(slice(None), *chosen[..., s])] for s in range(states)], axis=-1)
    chain = np.stack([moves[s][tuple(chosen[..., s])] for s in range(states)], axis=1)
    value = np.linalg.solve(np.eye(states) - game.discount * chain, np.moveaxis(reward, 0, -1))
    return np.ascontiguousarray(np.moveaxis(value, (2, 1), (0, 1))).reshape(n, states, *(len(policies),) * n)


def largest_defect(values: Float) -> float:
    """Of all squares of players 0 and 1, which in an anonymous game are those of any two; values (N, S, P, ..., P)."""
    apart = (values[0] - values[1]).reshape(*values.shape[1:4], -1)  # each square adds up differences of V_0 - V_1
    return max(float(np.ptp(apart[:, one] - apart[:, other], axis=1).max())
               for one, other in itertools.combinations(range(apart.shape[1]), 2))


def first_from(law: tuple[float, float]) -> CountGame:
    """The game of 8 players with another law of the first state."""
    return safe_distancing(initial=law)


def draw(runs: Mapping[tuple[str, str], Ascent]) -> Any:
    """Distance to the last policy, a panel a rule."""
    sheet, axes = plot.figure(1, len(RULES), size=(9.6, 3.8),
                              title=f"safe-distancing game, exact values: mean and range of {STARTS} random starts")
    with plot.style():
        for ax, rule in zip(axes[0], RULES, strict=True):
            for law, colour in zip(LAWS, plot.COLOURS, strict=False):
                one = runs[rule, law]
                plot.runs(one.iteration, one.to(one.result.policy)[0], ax, label=law, color=colour)
            ax.set(title=rule, xlabel="iteration", ylabel="L1 distance to the policy at the end", xlim=(0, STEPS))
            ax.legend(title="first state", loc="upper right")
    return sheet


@experiment("ding-laws", title="Safe-distancing game: not quite a potential game; degenerate first laws", paper=PAPER)
def laws() -> Outcome:
    """Squares of pure policies with N = 4; N = 8 from first laws (1/2, 1/2), (1 - e, e) and (e, 1 - e), e = 1e-3."""
    values = {gamma: pure_values(safe_distancing(PLAYERS, discount=gamma).to_dense()) for gamma in (0.99, 0.0)}
    defect = {gamma: largest_defect(each) for gamma, each in values.items()}
    change = float(np.ptp(values[0.99][0], axis=1).max())
    record = Record(every=STEPS // ROWS, metrics=("policy", "ne_gap"))
    runs = {(rule, law): climb(first_from(at), kind, (eta,), STEPS, STARTS, record)
            for rule, (kind, eta) in RULES.items() for law, at in LAWS.items()}
    ends = {key: one.result.policy[0] for key, one in runs.items()}
    plain = next(iter(RULES))
    checks = [
        Check("N = 4, γ = 0: largest defect of a square of pure policies (a potential game)", 0.0, defect[0.0], 1e-12,
              STATEMENT),
        Check("N = 4, γ = .99: largest defect of a square is above a twentieth of the largest change (1: yes)", 1,
              defect[0.99] > change / 20, 0, RECOMPUTED),
        Check(f"{plain}: largest difference between policies at the end under the three laws (it does not see the law)",
              0.0, max(float(np.abs(ends[plain, law] - ends[plain, "uniform"]).max()) for law in LAWS), 0.0,
              STATEMENT)]
    for (rule, law), one in runs.items():
        crowd = one.crowd[0]
        worst = max(float(ne_gap(one.game, each, start="worst").max()) for each in ends[rule, law])
        good = int(ends_distancing(crowd).sum())
        if rule == plain:
            checks += [Check(f"{rule}, {law}: starts of {STARTS} that end with nothing crowded", STARTS, good, 0,
                             STATEMENT),
                       Check(f"{rule}, {law}: largest NE-gap from any first state at the end, share of the payoff "
                             "range", 0.0, worst / payoff_range(one.game), 1e-12, STATEMENT)]
    told = "; ".join(f"{law} {int(ends_distancing(runs[rule, law].crowd[0]).sum())}" for rule in list(RULES)[1:]
                     for law in LAWS)
    late = "; ".join(
        f"{law} {float(distance(one.result.trace['policy'][0, :, -2:], one.result.policy[0], 8)[:, 0].max()):.1e}"
        for (rule, law), one in runs.items() if rule != plain)
    return Outcome(
        checks, (Figure("laws", "Q-ascent does not see the law of the first state; gradients are weighed by the "
                        "visitation, which it moves.", lambda: draw(runs)),),
        ("Papers use this game as a Markov potential game. It is not an exact one: the largest defect over all squares "
         f"of pure stationary policies of two of four players is {defect[0.99]:.0f}, where a player's value changes by "
         f"up to {change:.0f}; without a future (γ = 0) it is 0.",
         "The description of the authors' code, which is not used here, names a uniform law and two degenerate ones, "
         "and stops when successive policies differ by less than 1e-15.",
         f"Projected gradient ascent at η = 1e-5, starts of {STARTS} that end after {STEPS} iterations with nothing "
         f"crowded: {told}; largest distance over the last {STEPS // ROWS} iterations: {late}."))
