"""What tests of sweeps run in processes of their own: a module, as these import what they are sent."""

import os
import signal
import sys
from typing import NamedTuple

import fastmpg as fm

GAME = fm.games.routing(4)
RULE = fm.rules.TwoTimescaleQ(tau=0.1)
HOME = int(os.environ.setdefault("SWEEPING_HOME", str(os.getpid())))  # children have it from here
GRID = {"tau": [0.1, 0.01]}


def options(runs, steps):
    return {"steps": steps, "grid": GRID, "runs": runs, "policy": "random", "rng": 3,
            "record": fm.Record(every=steps, metrics=("ne_gap", "q"))}


class Odd(NamedTuple):
    """A rule whose start is refused at one value."""

    rate: float = 0.1
    feedback = fm.Oracle
    state = fm.TableState

    @staticmethod
    def update(rule, state, feedback, k):
        """Stay."""
        if rule.rate > 1:
            state.policy[0, 0] = 7.0


class Deadly(Odd):
    """A rule whose values above 1 are the end of the process that unpacks them."""

    def _replace(self, **given):
        if given.get("rate", 0) > 1 and os.getpid() != HOME:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._replace(**given)


def go(folder, engine, runs, steps):
    """Make a sweep, or go on with it, with an engine."""
    if engine == "serial":
        return fm.sweep(GAME, RULE, **options(runs, steps), folder=folder)
    if engine == "processes":
        return fm.sweep(GAME, RULE, **options(runs, steps), folder=folder, executor=2)
    if engine == "loky":
        from loky import get_reusable_executor

        return fm.sweep(GAME, RULE, **options(runs, steps), folder=folder, executor=get_reusable_executor(2))
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as pool:
        return fm.sweep(GAME, RULE, **options(runs, steps), folder=folder, executor=pool)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("begun", os.getpid(), flush=True)
    print(go(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
