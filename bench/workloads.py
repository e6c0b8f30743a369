"""Seeded workloads that the suites share."""

import time

import numpy as np

import fastmpg as fm

SIZES = {"tiny": (3, 5, 5), "states": (4, 5, 100), "players": (8, 3, 10), "both": (6, 4, 50), "many": (10, 2, 20)}


def game(players, actions, states, *, sparse=None, shared=False):
    """A random game of the given size."""
    return fm.games.random_markov(states, (actions,) * players, rng=1, identical_interest=shared, sparse=sparse)


def in_single(target):
    """A dense game with its transitions in single precision."""
    return fm.MarkovGame(target.rewards, target.transitions, target.discount, target.initial, dtype="float32")


def policy(target):
    """An interior policy."""
    return fm.random_policy(target, 2)


class Iterations:
    """``steps`` iterations of a rule on a game in one compiled call, with or without the NE-gap at each."""

    def __init__(self, target, rule, steps, *, gap=True, threads=None):
        from fastmpg.run.run import Run

        record = fm.Record(every=1 if gap else steps, metrics=("ne_gap",))
        self.steps, self.start = steps, policy(target)
        self.run = Run.prepare(target, rule, steps, self.start, record, record.allocate(target, steps, 1), 0, threads)
        self()  # compile, and touch the memory

    def __call__(self):
        r = self.run
        r.recorder.cursor[0] = 0
        r.state.policy[...] = self.start
        if hasattr(r.state, "theta"):
            np.log(self.start, out=r.state.theta)
        r.advance(0, self.steps)


class Simulation:
    """``steps`` stages of a sampled rule from the start, in one run or many; a call returns its seconds.

    rule: a number is the temperature of two-timescale Q-learning.
    """

    def __init__(self, target, rule, steps, runs=None, threads=1):
        from fastmpg.run.job import Job
        from fastmpg.run.run import run_key

        count = runs or 1
        record = fm.Record(steps=[steps], metrics=("policy",))
        keys = [run_key(seed) for seed in np.random.SeedSequence(0).spawn(count)]
        rule = (fm.rules.TwoTimescaleQ(rule) if isinstance(rule, float) else rule).checked()
        self.steps = steps
        self.job = Job(target, [rule] * count, steps, record, [fm.uniform_policy(target)] * count, keys, threads,
                       single=runs is None)
        self.job.prepare()
        self.job.__enter__()
        self.start = self.job.arrays()
        self()

    def __call__(self):
        self.job.restore(self.start, 0, [])
        began = time.perf_counter()
        self.job._advance(self.steps)
        return time.perf_counter() - began


def in_turns(functions, seconds=0.5):
    """{name: seconds}: of functions called in turn until the time is spent, at least seven times, by the processor's
    clock: what else runs on the machine is not in it.
    """
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(next(iter(times.values()))) < 7:
        for name, function in functions.items():
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    return {name: np.array(values) for name, values in times.items()}
