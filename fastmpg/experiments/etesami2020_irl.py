"""Etesami and Straehle (2020), Algorithm 4: rewards of exploring players from what they do, on a line of four places.

The paper prints no curve of it. What is compared: the weights that the experts have, the log-likelihood of their play,
and the rate 1/sqrt(n) at which weights from n sampled trajectories come near.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import games, plot
from .._check import Float
from ..games.imitation_line import THETA, line_features
from ..solvers.mce_irl import MceIrl, mce_irl
from ..solvers.mge_f import mge_f
from ._imitation import HORIZON, SIZES, error_slope, sampled_errors
from .experiment import RECOMPUTED, STATEMENT, Check, Figure, Outcome, experiment

RUNS = 16  # of every number of trajectories: the slope of their errors is known to about .025
WEIGHTS = ("player 1: at 3", "player 1: together", "player 2: other at 0", "player 2: other at 1")
LIKELIHOOD = {"softmax": (-6.11865, 650), "mean": (-5.97004, 725)}  # and iterations to a feature gap of 1e-7


def learn_weights(value: str) -> MceIrl:
    """From the experts' own policy, step .3, from 0."""
    game = games.imitation_line()
    return mce_irl(game, line_features(), policy=mge_f(game, HORIZON, value=value).policy, value=value)


def path_of(found: MceIrl) -> Float:
    """Weights (iterations + 1, 4) before every step and after the last."""
    return np.concatenate([each for each in found.path if each is not None], axis=1)


def draw_weights(found: MceIrl) -> Any:
    """Weights against truth, and the gap of features, by iteration."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 3.8), title="imitation line: weights from exact feature counts")
    path = path_of(found)
    with plot.style():
        for k, name in enumerate(WEIGHTS):
            axes[0, 0].plot(path[:, k], color=plot.COLOURS[k], label=name)
            axes[0, 0].axhline(THETA.reshape(-1)[k], color=plot.COLOURS[k], linestyle=(0, (2, 2)), linewidth=1.0)
        axes[0, 0].set(title="weights (dashed: the experts')", xlabel="iteration", ylabel="weight",
                       xlim=(0, len(path) - 1))
        axes[0, 1].plot(found.gap, color=plot.COLOURS[0], label="largest gap of a feature")
        axes[0, 1].plot(np.maximum(found.log_likelihood[-1] - found.log_likelihood, 1e-16), color=plot.COLOURS[1],
                        label="log-likelihood below its last")
        axes[0, 1].set(title="what is left", xlabel="iteration", ylabel="feature count; log-likelihood", yscale="log",
                       xlim=(0, len(path) - 1), ylim=(1e-13, None))
        axes[0, 1].legend(loc="upper right")
        sheet.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return sheet


def draw_errors(errors: Float) -> Any:
    """Errors of single runs, their root mean square, and its slope."""
    sheet, axes = plot.figure(1, 1, size=(6.0, 4.2), title="imitation line: weights from sampled trajectories")
    rms, slope = error_slope(SIZES, errors)
    each = np.sqrt((errors**2).sum(axis=(2, 3)))
    ax = axes[0, 0]
    with plot.style():
        ax.plot(np.repeat(SIZES, each.shape[1]), each.reshape(-1), ".", color="0.7", markersize=4, label="runs")
        ax.plot(SIZES, rms, "o-", color=plot.COLOURS[0], label=f"root mean square, slope {slope:.3f}")
        ax.plot(SIZES, rms[-1] * np.sqrt(SIZES[-1] / np.array(SIZES)), "--", color="black", linewidth=1.0,
                label="slope -1/2")
        ax.set(xscale="log", yscale="log", xlabel="expert trajectories", ylabel="error of the weights, Euclidean")
        ax.legend(loc="upper right")
    return sheet


@experiment("etesami-irl", title="Inverse learning from exploring experts on a line",
            paper="Etesami and Straehle (2020), Non-cooperative multi-agent systems with exploring agents, Algorithm 4")
def irl() -> Outcome:
    """Two players on four places, T = 4, theta* = (1, -1.5), (.7, .8); step .3 from 0."""
    checks: list[Check] = []
    found = {value: learn_weights(value) for value in LIKELIHOOD}
    for value, (likelihood, most) in LIKELIHOOD.items():
        one = found[value]
        checks += [Check(f'value="{value}": {name}', float(true), float(own), 1e-5, STATEMENT)
                   for name, true, own in zip(WEIGHTS, THETA.reshape(-1), path_of(one)[-1], strict=True)]
        checks += [Check(f'value="{value}": iterations to a feature gap of 1e-7, at most {most}', 1,
                         one.status == "converged" and one.iterations <= most, 0, RECOMPUTED),
                   Check(f'value="{value}": log-likelihood of a trajectory at the end', likelihood,
                         float(one.log_likelihood[-1]), 1e-5, RECOMPUTED)]
    errors = sampled_errors(SIZES, RUNS)
    checks.append(Check(f"slope of the error of weights from 10^2 to 10^5 trajectories, {RUNS} runs each", -0.5,
                        error_slope(SIZES, errors)[1], 0.1, STATEMENT))
    return Outcome(
        checks, [Figure("weights", 'The weights find the experts\' (value="softmax").',
                        lambda: draw_weights(found["softmax"])),
                 Figure("errors", "From sampled trajectories the error falls as one over the root of their number.",
                        lambda: draw_errors(errors))],
        ("The printed Algorithm 4 subtracts the gap of features, which walks away from the data; here it is added.",
         "With two players the gap of features is not the gradient of the likelihood, though its zero is the right "
         "point: the likelihood is recorded beside it."))
