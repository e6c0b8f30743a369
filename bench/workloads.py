"""Seeded workloads that the suites share."""

import numpy as np

import fastmpg as fm

SIZES = {"tiny": (3, 5, 5), "states": (4, 5, 100), "players": (8, 3, 10), "both": (6, 4, 50), "many": (10, 2, 20)}


def game(players, actions, states, *, sparse=None, shared=False):
    """A random game of the given size."""
    return fm.games.random_markov(states, (actions,) * players, rng=1, identical_interest=shared, sparse=sparse)


def policy(target):
    """An interior policy."""
    return fm.random_policy(target, 2)


class Iterations:
    """``steps`` iterations of a rule on a game in one compiled call, with or without the NE-gap at each."""

    def __init__(self, target, rule, steps, *, gap=True, threads=None):
        from fastmpg.learn import _prepare

        record = fm.Record(every=1 if gap else steps, metrics=("ne_gap",))
        self.steps, self.start = steps, policy(target)
        self.run = _prepare(target, rule, steps, self.start, record, record.allocate(target, steps, 1), 0, threads)
        self()  # compile, and touch the memory

    def __call__(self):
        from fastmpg.loop import run_chunk

        r = self.run
        r.recorder.cursor[0] = 0
        r.state.policy[...] = self.start
        if hasattr(r.state, "theta"):
            np.log(self.start, out=r.state.theta)
        run_chunk(r.rule, r.model, r.state, r.feedback, r.recorder, np.uint64(0), 0, self.steps, self.steps)
