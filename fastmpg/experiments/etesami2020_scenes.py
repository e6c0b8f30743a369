"""Etesami and Straehle (2020), section 7: the grid games, the rabbit hole and the driving scene.

The paper prints two scores of grid games, two of the rabbit hole, and describes the driving scene in words. Maps that
it shows without all their edges, and horizons that it does not print, are reconstructions, which the pages say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import plot
from .._check import Float
from ..games.driving import driving
from ..games.grid_1 import grid_1
from ..games.grid_2 import grid_2
from ..games.rabbit_hole import rabbit_hole
from ..horizon.evaluate import evaluate_horizon
from ..horizon.play import play_horizon
from ..models.markov.game import MarkovGame
from ..policy import split
from ..rules.correlated_q_learning import CorrelatedQLearning
from ..rules.independent_q_learning import IndependentQLearning
from ..run.ensemble import ensemble
from ..run.record import Record
from ..solvers.mge_f import mge_f
from ..solvers.mge_fb import mge_fb
from .experiment import RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment, printed

PAPER = "Etesami and Straehle (2020), Non-cooperative multi-agent systems with exploring agents"
HORIZON = {"grid_1": 5, "grid_2": 5, "rabbit": 12, "driving": 12}

# ------------------------------------------------------------------------------------------------------------- grids
GRIDS = {"grid_1": (grid_1, 2, 30.0), "grid_2": (grid_2, 1, 2.0)}  # the game, A's goal, the prize
Q, UTILITARIAN, FIRST, SECOND = "Q-learning", "uCE-Q", "lCE-Q, A dictates", "lCE-Q, B dictates"
ONE_OF_TWO = ((1.0, 2.0), (2.0, 1.0))
EPISODES = 200  # moves after which a game that ends at the first arrival is over, but for 2^-98


class Learner(NamedTuple):
    """A rule and its steps in a game, seeds, the scores that its runs may end with, and where these come from."""

    rule: Any
    steps: int
    seeds: int
    scores: Sequence[tuple[float, float]]
    source: str = STATEMENT


def learners(grid: str) -> dict[str, Learner]:
    """The three algorithms that the paper compares with, by name.

    Moves of grid 1 are certain: the newest sample of a joint action is the truth, and the step size of its tables 1.
    The barriers of grid 2 want steps that decay.
    """
    alpha: Any = 1.0 if grid == "grid_1" else (0.8, 1.0)
    steps = 10_000 if grid == "grid_1" else 8_000
    runs = dict.fromkeys((UTILITARIAN, FIRST, SECOND), (steps, 1))
    if grid == "grid_2":  # soon done, as either equilibrium will do
        runs[UTILITARIAN] = (2_000, 8)
    wanted = {name: ((30.0, 30.0),) if grid == "grid_1" else found for name, found in
              ((Q, ONE_OF_TWO), (UTILITARIAN, ONE_OF_TWO), (FIRST, ONE_OF_TWO[1:]), (SECOND, ONE_OF_TWO[:1]))}
    rules: dict[str, Any] = {UTILITARIAN: CorrelatedQLearning("utilitarian", 0, alpha, 1.0),
                             FIRST: CorrelatedQLearning("libertarian", 0, alpha, 1.0),
                             SECOND: CorrelatedQLearning("libertarian", 1, alpha, 1.0)}
    found = {Q: Learner(IndependentQLearning((0.6, 1.0), ("exponential", 3e-5)), 400_000, 8, wanted[Q])}
    # the paper has one dictator; of the other one the scores are those of the players' symmetry
    return found | {name: Learner(rule, *runs[name], wanted[name], RECOMPUTED if name == SECOND else STATEMENT)
                    for name, rule in rules.items()}


def score(game: MarkovGame, play: Float) -> Float:
    """What the players expect of a game that ends, at play (S, J) of joint actions, without discounting: (N,)."""
    rewards = game.rewards.reshape(game.num_players, game.num_states, -1)
    moves = game.transitions.toarray().reshape(*play.shape, -1)
    chain, paid = np.einsum("sj,sjt->st", play, moves), np.einsum("sj,nsj->ns", play, rewards)
    law, total = np.array(game.initial), np.zeros(game.num_players)
    for _ in range(EPISODES):
        total, law = total + paid @ law, law @ chain
    return total


def joint_play(game: MarkovGame, result: Any) -> Float:
    """Laws of joint actions (runs, S, J) at the end of an ensemble: the correlated ones, where the rule has such."""
    joint = getattr(result.state, "joint", None)
    if joint is not None:
        return np.asarray(joint)
    one, other = split(game, result.policy)
    return np.einsum("rsa,rsb->rsab", one, other).reshape(*one.shape[:2], -1)


def learned(grid: str, learner: Learner) -> Float:
    """Scores (seeds, 2) of a learner of a grid game that ends at the first arrival, gamma = .9."""
    game = GRIDS[grid][0](ends="first", discount=0.9)
    result = ensemble(game, learner.rule, learner.steps, learner.seeds, rng=0, threads=1,
                      record=Record(every=learner.steps, metrics=("policy",)))
    return np.array([score(game, play) for play in joint_play(game, result)])


def is_one_of(found: Float, wanted: Sequence[tuple[float, float]]) -> bool:
    """Whether a score is one of those, but for rounding."""
    return bool(min(np.abs(found - each).max() for each in np.array(wanted)) < 1e-12)


PRINTED_SCORES = {"grid_1": {"MGE-F": (29.6, 29.6)} | dict.fromkeys((Q, UTILITARIAN, FIRST, SECOND), (30.0, 30.0)),
                  "grid_2": {"MGE-F": (1.37, 1.37), Q: (1.0, 2.0), UTILITARIAN: (1.0, 2.0), FIRST: (2.0, 1.0)}}


def draw_scores(scores: Mapping[str, Mapping[str, Float]]) -> Any:
    """Scores of A and B by algorithm (first seed) beside those that are printed."""
    sheet, axes = plot.figure(1, 2, size=(10.4, 4.0), title="grid games: expected scores")
    with plot.style():
        for ax, (grid, rows) in zip(axes[0], scores.items(), strict=True):
            names = list(rows)
            for i, player in enumerate("AB"):
                x = np.arange(len(names)) + 0.36 * (i - 0.5)
                ax.bar(x, [rows[name][i] for name in names], 0.34, color=plot.COLOURS[i], label=f"player {player}")
                there = [PRINTED_SCORES[grid].get(name, (np.nan, np.nan))[i] for name in names]
                ax.plot(x, there, "D", color="black", markersize=5, markerfacecolor="white",
                        label="printed" if i else None)
            ax.set(title=f"grid game ({'I' * int(grid[-1])})", ylabel="score", xlabel="algorithm")
            ax.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names], fontsize=8.5)
            ax.set_ylim(0, 1.15 * max(max(row) for row in rows.values()))
        sheet.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return sheet


def draw_start(game: MarkovGame, policy: Float) -> Any:
    """What both do in the first state."""
    side = round(game.num_states**0.5)
    start = int(game.initial.argmax())
    goals = {9: "A from 6 to 2, B from 0 to 8", 6: "A from 3, B from 5, both to 1"}
    return plot.arrows(policy[0], game, [start], shape=(side // 3, 3), names="AB", titles=[goals[side]])


@experiment("etesami-grids", title="Grid games: exploring play beside Q-learning and correlated Q-learning",
            paper=PAPER + ", Figure 5")
def grids() -> Outcome:
    """T = 5 decisions, beta = 1, value "mean", mixed play; learners: a game ends at the first arrival, gamma = .9."""
    checks: list[Check] = []
    shown: dict[str, dict[str, Float]] = {}
    moves = []
    for grid, text, ours, collisions in (("grid_1", "29.6", 29.6234, 0.3766), ("grid_2", "1.37", 1.3728, 0.249)):
        make, goal, prize = GRIDS[grid]
        game: MarkovGame = make()
        solution = mge_f(game, HORIZON[grid])
        found = evaluate_horizon(game, solution.policy)
        cells = round(game.num_states**0.5)
        arrived = found.occupancy[-1].reshape(cells, cells)[goal].sum()
        for i, player in enumerate("AB"):
            checks += [printed(f"{grid}, MGE-F: score of {player}", text, float(found.score[i])),
                       Check(f"{grid}, MGE-F: score of {player}, to four digits", ours, float(found.score[i]), 5e-5,
                             RECOMPUTED)]
        checks += [Check(f"{grid}, MGE-F: expected cost of collisions, each", collisions,
                         float(prize * arrived - found.score[0]), 5e-4, RECOMPUTED),
                   Check(f"{grid}, MGE-F: states that did not settle", 0, int(solution.unsettled.sum()), 0, RECOMPUTED)]
        shown[grid] = {"MGE-F": found.score}
        moves.append(Figure(f"moves-{grid[-1]}", f"First moves in grid game ({'I' * int(grid[-1])}): arrows are as "
                            "long, discs as large as the probabilities.", partial(draw_start, game, solution.policy)))
        for name, learner in learners(grid).items():
            ends = learned(grid, learner)
            shown[grid][name] = ends[0]
            what = " or ".join(f"{a:g}, {b:g}" for a, b in learner.scores)
            checks.append(Check(f"{grid}, {name}: runs of {learner.seeds} that score {what}", learner.seeds,
                                sum(is_one_of(each, learner.scores) for each in ends), 0, learner.source))
    return Outcome(
        checks, [Figure("scores", "Expected scores, of learners those of their first run. The paper prints one lCE-Q. "
                        "A learner finds either of the two asymmetric equilibria of (II), by its draws; the dictator "
                        "of lCE-Q has the 2.", lambda: draw_scores(shown)), *moves],
        ("Reconstructions: the size of grid (II), the horizon T = 5, nothing for the state after the last decision.",
         "The paper prints 1, 2 for Q-learning and uCE-Q in (II): which of the two players is delayed is chance. "
         "Linear programs take time: other learners than Q-learning have one seed here, but for uCE-Q in (II). The "
         "tests run eight of each in (I) and four in (II), and all of them end so.",
         "The paper's table calls its row MMCE-F; its numbers agree with the value \"mean\" (1.3728), not with "
         "\"softmax\" (.8237)."))


# ------------------------------------------------------------------------------------------------------- rabbit hole
CELLS, ENTRANCE, DOWN = 21, 17, 2


def entering(policy: Float) -> Float:
    """P(the rabbit goes down) (20,) by the fox's cell, of a rabbit at the entrance; NaN where the fox is there, too."""
    states = 2 * CELLS * np.arange(CELLS - 1) + ENTRANCE
    found = policy[states, 5 + DOWN].copy()
    found[ENTRANCE] = np.nan
    return found


def away() -> Any:
    """Steps (20,) from every cell of the map to the entrance."""
    row, column = np.divmod(np.arange(CELLS - 1), 5)
    return abs(row - ENTRANCE // 5) + abs(column - ENTRANCE % 5)


def draw_entering(mixed: Float, greedy: Float) -> Any:
    """On the map, by the fox's cell."""
    sheet, axes = plot.figure(1, 2, size=(9.2, 4.1),
                              title="a rabbit at the entrance at t = 0: does it enter the hole?")
    with plot.style():
        for ax, table, title in ((axes[0, 0], mixed, "policy"), (axes[0, 1], greedy, "greedy play")):
            image = ax.imshow(table.reshape(4, 5), vmin=0, vmax=1, cmap="Blues")
            for cell in range(CELLS - 1):
                y, x = divmod(cell, 5)
                text = "rabbit" if cell == ENTRANCE else f"{table[cell]:.2f}".replace("1.00", "1").replace("0.00", "0")
                dark = cell != ENTRANCE and table[cell] > 0.6
                ax.text(x, y, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
            ax.add_patch(_hole())
            ax.text(2, 4, "hole", ha="center", va="center", fontsize=9)
            ax.set(title=title, xlim=(-0.5, 4.5), ylim=(4.55, -0.5), xticks=range(5), yticks=range(4),
                   xlabel="column of the fox", ylabel="row of the fox")
            ax.grid(False)
        sheet.colorbar(image, ax=axes[0].tolist(), label="probability of entering", shrink=0.8)
    return sheet


def _hole() -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((1.5, 3.5), 1, 1, facecolor="0.92", edgecolor="0.3", linewidth=1.0)


@experiment("etesami-rabbit", title="Rabbit hole: the rabbit enters when the fox is far (a reconstruction)",
            paper=PAPER + ", Figure 5")
def rabbit() -> Outcome:
    """T = 12, beta = 1, value "mean", greedy play from two different cells at random."""
    game = rabbit_hole()
    solution = mge_f(game, HORIZON["rabbit"])
    greedy = {ties: evaluate_horizon(game, solution.policy, play="greedy", ties=ties) for ties in ("split", "first")}
    enters, far = entering(greedy["split"].policy[0]), away()
    other = np.arange(CELLS - 1) != ENTRANCE
    spread = {ties: play_horizon(game, found.policy, 20_000, rng=0).scores.std(axis=0) / np.sqrt(10)
              for ties, found in greedy.items()}
    checks = [Check("cells of the fox at least 4 from the entrance for which the rabbit enters, share", 1.0,
                    float(enters[other & (far >= 4)].mean()), 0, STATEMENT),
              Check("cells of the fox at most 2 from the entrance for which the rabbit enters, share", 0.0,
                    float(enters[other & (far <= 2)].mean()), 0, STATEMENT),
              Check("cells of the fox 3 from the entrance for which the rabbit enters, share", 0.2,
                    float(enters[other & (far == 3)].mean()), 1e-12, RECOMPUTED),
              Check("greedy play, ties split: score of the fox", 0.058, float(greedy["split"].score[0]), 1e-3,
                    RECOMPUTED),
              Check("greedy play, ties split: score of the rabbit", -0.008, float(greedy["split"].score[1]), 1e-3,
                    RECOMPUTED)]
    for ties, found in greedy.items():
        for i, (player, text) in enumerate((("fox", "0"), ("rabbit", "0.06"))):
            error = 2 * float(spread[ties][i])
            checks.append(printed(f"greedy play, ties {ties}: score of the {player}, a mean of 10 games, within two "
                                  "standard errors of such a mean", text, float(found.score[i]), error)
                          ._replace(tolerance=max(error, 0.005)))
    return Outcome(
        checks, [Figure("entering", "Probability that a rabbit at the entrance goes into the hole at t = 0, by where "
                        "the fox is.", lambda: draw_entering(entering(solution.policy[0]), enters))],
        ("A reconstruction of the map: four rows of five cells, the hole under the middle of the last row.",
         f"Greedy play that takes the first of equally likely actions scores {greedy['first'].score[0]:.4f} (fox) and "
         f"{greedy['first'].score[1]:.4f} (rabbit); the paper prints 0 and .06, each a mean of 10 games."))


# ------------------------------------------------------------------------------------------------------ driving scene
CARS = ("car 1", "car 2", "car 3", "pedestrian")


@experiment("etesami-driving", title="Driving scene: who waits for whom at a junction (a reconstruction)",
            paper=PAPER + ", Figure 6")
def scene() -> Outcome:
    """MGE-FB with T = 12 and beta = 1; costs of 2 for meeting a car and 6 for meeting the pedestrian."""
    solution = mge_fb(driving(), HORIZON["driving"])
    careless = mge_fb(driving(mu=0.01), HORIZON["driving"]).most_likely()
    play = solution.most_likely()
    assert play.arrivals is not None  # the game has goals
    arrival = dict(zip(CARS, play.arrivals.tolist(), strict=True))
    order = tuple(sorted(CARS, key=lambda name: arrival[name]))
    checks = [Check(f"{name}: step of its arrival in most likely play", step, arrival[name], 0, RECOMPUTED)
              for name, step in zip(CARS, (7, 5, 8, 3), strict=True)]
    checks += [Check("order of arrival is pedestrian, car 2, car 1, car 3", 1,
                     order == ("pedestrian", "car 2", "car 1", "car 3"), 0, STATEMENT),
               Check("meetings in most likely play", 0, len(play.meetings), 0, STATEMENT),
               Check("at mu = .01: step at which car 1 meets the pedestrian", 2,
                     min((t for t, one, other in careless.meetings if (one, other) == (0, 3)), default=-1), 0,
                     RECOMPUTED)]
    for terminal in ("plain", "extra_decision"):
        other = mge_fb(driving(), HORIZON["driving"], terminal=terminal).most_likely()
        checks.append(Check(f'terminal="{terminal}": players that arrive when they do with "with_psi", of 4', 4,
                            int((np.array(other.arrivals) == play.arrivals).sum()), 0, RECOMPUTED))
    return Outcome(
        checks, [Figure("junction", "Most likely play, frame by frame; shades are probabilities of the mixed policies.",
                        lambda: plot.junction(solution)),
                 Figure("occupancy", "Where everybody is, over time.", lambda: plot.occupancy(solution))],
        ("A reconstruction of the map, of costs and of the horizon; the paper describes the play in words.",))
