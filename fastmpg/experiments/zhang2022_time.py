"""Zhang et al. (2022): CPU time. What the paper says of it is one sentence, for one machine:

    "Running trajectories for all the four algorithms for one set of initializations takes approximately 2.04 seconds of
    CPU running time (Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz 1.80 GHz)." (appendix 8)

It compares no methods. Here is what they take on this machine, now: measurements, which no check can hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import plot
from ..games import matrix
from ..models.game import Game
from ..run.learn import learn
from ..run.record import Record
from ..run.result import Result
from .experiment import Figure, Outcome, experiment
from .zhang2022 import GOOD, GP, LBGP, LBNGP, NEAR, NGP, PAPER, four, linear_domain, run, settled

PAPER_SECONDS = 2.04
LAST, PLAIN = 20000, 2000  # iterations of each of the four runs, as in the authors' data; in plain NumPy
REPEATS = 3
GAMES: dict[str, tuple[Callable[[], Game], dict[str, Any], int]] = {
    "3 x 2": (matrix.zhang_3x2, four(5.0, 0.003, "raw"), LAST),
    "three players": (matrix.zhang_3player, four(10.0, 0.003, "centred"), LAST),
    "eight players": (matrix.zhang_8player, four(5.0, 0.001, "centred", 20.0), 2000),
}


class RuleTiming(NamedTuple):
    """CPU seconds of an iteration, by game and rule; of the four runs recorded; of one in plain NumPy; until NEAR."""

    iteration: dict[str, dict[str, float]]
    recorded: float
    numpy: float
    until: dict[str, tuple[int, float]]


def cpu_seconds(do: Callable[[], Any]) -> float:
    """The least CPU time of this process, all its threads, over a few calls after a first that is not counted."""
    do()
    best = np.inf
    for _ in range(REPEATS):
        began = time.process_time()
        do()
        best = min(best, time.process_time() - began)
    return float(best)


def measure(results: dict[str, Result]) -> RuleTiming:
    """Everything, one after the other in this process."""
    iteration: dict[str, dict[str, float]] = {}
    for name, (make, rules, last) in GAMES.items():
        game, end = make(), Record(steps=[last], metrics=("policy",))
        iteration[name] = {each: cpu_seconds(partial(learn, game, rule, last, record=end)) / last
                           for each, rule in rules.items()}
    game, rules = matrix.zhang_3x2(), GAMES["3 x 2"][1]
    recorded = cpu_seconds(partial(run, game, rules, LAST))
    plain = cpu_seconds(partial(linear_domain, game.payoffs[0], GOOD, 5.0, PLAIN)) / PLAIN
    reached = {name: settled(result) for name, result in results.items()}
    return RuleTiming(iteration, recorded, plain, {name: (t, (t - 1) * iteration["3 x 2"][name])
                                               for name, t in reached.items() if t <= LAST})


def draw(found: RuleTiming) -> Any:
    """Time of an iteration by game and rule, and until the gap is small."""
    sheet, axes = plot.figure(1, 2, size=(9.6, 3.8), title="CPU time on this machine")
    left, right = axes[0]
    rules = (GP, NGP, LBGP, LBNGP)
    with plot.style():
        for i, rule in enumerate(rules):
            at = np.arange(len(GAMES)) + 0.12 * (i - 1.5)
            left.plot(at, [1e6 * each[rule] for each in found.iteration.values()], "o", color=plot.COLOURS[i],
                      label=rule)
            if rule in found.until:
                t, seconds = found.until[rule]
                right.plot(i, 1e6 * seconds, "o", color=plot.COLOURS[i])
                right.annotate(f"t = {t}", (i, 1e6 * seconds), (0, 8), textcoords="offset points", ha="center",
                               fontsize=8)
        left.set(yscale="log", ylabel="microseconds an iteration", title="an iteration, nothing recorded",
                 xlim=(-0.5, len(GAMES) - 0.5))
        left.set_ylim(left.get_ylim()[0] / 2, 2 * left.get_ylim()[1])
        left.set_xticks(range(len(GAMES)), list(GAMES))
        left.legend(loc="upper left")
        right.set(yscale="log", ylabel="microseconds", title=f"until the NE-gap is below {NEAR:g} for good, 3 x 2 game",
                  xlim=(-0.5, len(rules) - 0.5))
        right.set_ylim(right.get_ylim()[0] / 2, 3 * right.get_ylim()[1])
        right.set_xticks(range(len(rules)), [rule.replace(" gradient play", "\ngradient play") for rule in rules])
    return sheet


@experiment("zhang-time", title="CPU time of the four softmax rules", paper=PAPER + ", appendix 8")
def zhang_time() -> Outcome:
    """Seconds of CPU: measured here and now, other at every run; nothing is checked."""
    found = measure(run(matrix.zhang_3x2(), GAMES["3 x 2"][1], LAST))
    each = found.iteration["3 x 2"]
    base, total = each[GP], LAST * sum(each.values())
    return Outcome(
        (),
        (Figure("time", "Left: an iteration of every rule, on three games. Right: that times the iterations needed, "
                "which stand beside.", lambda: draw(found)),),
        (f"The paper: about {PAPER_SECONDS} s of CPU for the four runs from one start, on an i5-8250U; it does not say "
         f"of how many iterations, nor compares methods. Here, {LAST} iterations of each on the 3 x 2 game: "
         f"{found.recorded:.3f} s with every step recorded ({PAPER_SECONDS / found.recorded:.0f} times less, on "
         f"another machine), {total:.3f} s without.",
         "An iteration relative to gradient play's on the 3 x 2 game: "
         + ", ".join(f"{name} {seconds / base:.2f}" for name, seconds in each.items())
         + f"; gradient play's takes {1e6 * base:.2f} microseconds.",
         f"An iteration of natural gradient play in plain NumPy, on this machine, in the same process: "
         f"{1e6 * found.numpy:.1f} microseconds, {found.numpy / each[NGP]:.0f} times ours.",
         f"CPU time of this process, the least of {REPEATS} calls after one not counted; it varies with the load."))
