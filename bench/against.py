"""The package beside plain numba and NumPy: times of each, which asv draws as lines of one plot, and their ratios,
measured in turns in one process, so that the machine cancels out.
"""

import os
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import numpy as np

import fastmpg as fm

from . import workloads
from .peers import (
    numba_linear_rollouts,
    numba_natural,
    numba_q_learning,
    numba_two_timescale,
    numpy_chains,
    numpy_natural,
)
from .workloads import in_turns

OURS = "fastmpg"
PEERS = {"plain numba": numba_natural, "plain NumPy": numpy_chains, "fastest NumPy": numpy_natural}
SIZES = {name: workloads.SIZES[name] for name in ("tiny", "players", "many")}


def iterations(size, by):
    """Natural-gradient iterations with all NE-gaps: a call, and how many it makes."""
    game = workloads.game(*SIZES[size])
    if by == OURS:
        count = max(5, 200_000 // game.work_size)
        return workloads.Iterations(game, fm.rules.NaturalGradientPlay(0.01), count, threads=1), count
    peer = PEERS[by].NaturalGradient(game.rewards, game.transitions, game.discount, game.initial, 0.01)
    start = fm.split(game, workloads.policy(game))
    found = peer.step(start)[1]
    exact = fm.ne_gap(game, workloads.policy(game))
    if not np.allclose(found, exact, atol=1e-9):
        raise AssertionError(f"{by} finds gaps of {found}, and {exact} is right")
    return partial(peer.step, start), 1


class NaturalGradient:
    """Microseconds an iteration with all NE-gaps, one thread, by who computes it."""

    pretty_name = "Microseconds of a natural-gradient iteration with all NE-gaps, one thread"
    params = [list(SIZES), [OURS, *PEERS]]
    param_names = ["size", "by"]
    timeout = 300
    unit = "us"

    def setup(self, size, by):
        self.call, self.count = iterations(size, by)

    def track_iteration(self, size, by):
        return float(np.median(in_turns({by: self.call})[by])) / self.count * 1e6


class NaturalGradientRatio:
    """How many times as long each peer takes."""

    pretty_name = "How many times as long a natural-gradient iteration takes otherwise"
    params = [list(SIZES), list(PEERS)]
    param_names = ["size", "against"]
    timeout = 300
    unit = "x"

    def setup(self, size, against):
        (self.ours, self.count), (self.peer, _) = iterations(size, OURS), iterations(size, against)

    def track_ratio(self, size, against):
        found = in_turns({"peer": self.peer, "ours": self.ours})
        return float(np.median(found["peer"] / found["ours"])) * self.count


def stages(players, by):
    """Two-timescale Q-learning on the routing game: a call, and the stages that it plays."""
    steps, game = 20_000, fm.games.routing(players)
    if by == OURS:
        return workloads.Simulation(game, 1e-6, steps), steps
    if by == "fastmpg, 64 runs":
        return workloads.Simulation(game, 1e-6, steps // 4, 64), 64 * (steps // 4)
    tables = (np.ascontiguousarray(game.rewards.reshape(players, game.num_states, -1)),
              np.ascontiguousarray(game.transitions.reshape(game.num_states, -1, game.num_states)))
    return partial(numba_two_timescale.run, *tables, np.array(game.num_actions), game.offset, game.discount, 1e-6, 0.6,
                   1.0, 1.0, steps, 0), steps


class TwoTimescale:
    """Nanoseconds a stage of all players, one thread, by who plays it."""

    pretty_name = "Nanoseconds of a stage of two-timescale Q-learning, all players, one thread"
    params = [[4, 8], [OURS, "fastmpg, 64 runs", "plain numba"]]
    param_names = ["players", "by"]
    timeout = 300
    unit = "ns"

    def setup(self, players, by):
        self.call, self.stages = stages(players, by)

    def track_stage(self, players, by):
        return float(np.median(in_turns({by: self.call})[by])) / self.stages * 1e9


class SamplesRatio:
    """How many times as long plain numba takes for the samples of linear Q-ascent, of which we do all players', with
    the regression and the step; and for sessions of firms that set prices."""

    pretty_name = "How many times as long plain numba takes for samples"
    params = [["linear samples", "pricing sessions"]]
    param_names = ["what"]
    timeout = 300
    unit = "x"

    def setup(self, what):
        if what == "linear samples":
            game, count = fm.games.random_markov(20, (4, 4, 4, 4), 0.9, rng=1), 5_000
            tables = (np.ascontiguousarray(game.rewards.reshape(4, 20, -1)),
                      np.ascontiguousarray(game.transitions.reshape(20, -1, 20)), game.initial,
                      fm.uniform_policy(game), np.array(game.num_actions), game.offset, 0.9, 0.05)
            self.peer, self.parts = partial(numba_linear_rollouts.sample, *tables, 0, count, 0), 4
            numba.set_num_threads(1)
            self.ours = workloads.Simulation(game, fm.rules.LinearQAscent(1e-6, count, exploration=0.05), 1)
            return
        game, stages = fm.games.pricing(), 50_000
        rule = fm.rules.IndependentQLearning(0.15, ("exponential", 4e-6), "uniform_opponents")
        first = np.stack(fm.split(game, np.array(game.rewards_against_uniform()))) / (1 - game.discount)
        profit = fm.theory.logit_market().mean_profits.copy()
        self.ours, self.parts = workloads.Simulation(game, rule, stages), 1
        self.peer = lambda: numba_q_learning.run(profit, first.copy(), 0.15, 4e-6, 0.95, stages, stages, 1)

    def track_ratio(self, what):
        found = in_turns({"peer": self.peer, "ours": self.ours})
        return float(np.median(found["peer"] / found["ours"])) * self.parts
