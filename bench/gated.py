"""What :mod:`.gate` measures, and the process that measures one side: it reads requests, and writes a line for each.

``CASES[name]()`` sets a benchmark up and gives what to call. Those of the short form are in ``SHORT``.
"""

import gc
import json
import sys
import time
import traceback

import numpy as np

import fastmpg as fm

from . import kernels, rooms, workloads

WARM = 1  # calls before each measurement: the other side's process has been at the caches


def rule_case(label, static):
    """Steps of a rule: many on a stage game, a few on a Markov game."""
    game = fm.games.random_normal_form((3, 4, 5), rng=0) if static else workloads.game(3, 3, 10)
    return workloads.Iterations(game, rooms.rules()[label], 300 if static else 5, gap=False, threads=1)


def question_case(name, label):
    """A public question about a policy."""
    asked = rooms.Questions()
    asked.setup(name, label)
    return asked.time_question


def game_case(label, method):
    """An evaluation, or the gaps, of one game a model, as Python asks for them."""
    game = rooms.build(label)
    policy = fm.random_policy(game, 0)
    return lambda: method(game, policy)


def simulation_case(form, runs):
    """Stages of sampled learning."""
    return workloads.Simulation(fm.games.routing(4, form=form), 1e-6, 5_000 if runs is None else 500, runs)


def pure_case():
    """All pure equilibria of a stage game."""
    game = fm.games.random_normal_form((3,) * 6, rng=0)
    return lambda: fm.solvers.pure_equilibria(game)


def defect_case():
    """The defect of routing by counts."""
    game = fm.games.routing(20, form="count")
    return lambda: fm.potential.defect(game, rng=0)


def gathered():
    """Every benchmark by name; rules, metrics and models as they are found in this side's package."""
    found = {f"kernel {name}": make for name, make in kernels.CASES.items()}
    for label in rooms.MODELS:
        found[f"evaluate {label}"] = lambda label=label: game_case(label, fm.evaluate)
        found[f"ne_gap {label}"] = lambda label=label: game_case(label, fm.ne_gap)
    for form in ("dense", "count"):
        for runs in (None, 64):
            found[f"stages {form}, {runs or 1} runs"] = lambda form=form, runs=runs: simulation_case(form, runs)
    found |= {"pure_equilibria": pure_case, "defect": defect_case}
    for label in rooms.rules():
        for static in (True, False):
            found[f"rule {label} on {'stage' if static else 'Markov'} games"] = (
                lambda label=label, static=static: rule_case(label, static))
    for name in rooms.questions():
        found[f"metric {name}"] = lambda name=name: question_case(name, "random_markov")
    return found


CASES = gathered()
SHORT = [name for name in CASES if name.startswith(("kernel", "evaluate", "stages", "ne_gap random_markov"))
         or name in ("rule NaturalGradientPlay on stage games", "rule QAscent on Markov games")]


class Side:
    """One side's benchmarks, set up when they are first asked for."""

    def __init__(self):
        self.ready = {}

    def list(self):
        """Where the package is, and the names."""
        return {"package": fm.__file__, "cases": list(CASES), "short": SHORT}

    def prepare(self, names):
        """What failed, by name: "unfit" where a benchmark says itself that it is not for this."""
        failed = {}
        for name in names:
            try:
                call = CASES[name]()
                call()
                self.ready[name] = call
            except NotImplementedError:
                failed[name] = "unfit"
            except Exception:
                failed[name] = traceback.format_exc(limit=-3)
        return failed

    def calls(self, name, seconds):
        """How many calls take so long, by the processor's clock."""
        best = np.inf
        for _ in range(3):
            best = min(best, self.measure(name, 1))
        return max(1, int(seconds / max(best, 1e-7)))

    def measure(self, name, calls):
        """The processor's seconds of so many calls."""
        call = self.ready[name]
        for _ in range(WARM):
            call()
        gc.disable()
        began = time.process_time_ns()
        for _ in range(calls):
            call()
        spent = time.process_time_ns() - began
        gc.enable()
        return spent * 1e-9


def main():
    """Serve one gate until it closes the pipe."""
    replies, sys.stdout = sys.stdout, sys.stderr  # what benchmarks print is no reply
    fm.set_threads(1)
    side = Side()
    for line in sys.stdin:
        what, arguments = json.loads(line)
        replies.write(json.dumps(getattr(side, what)(*arguments)) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
