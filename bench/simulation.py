"""Sampled learning: two-timescale Q-learning on the routing game, alone and in ensembles."""

import functools

import numba
import numpy as np

import fastmpg as fm

from . import workloads
from .peers import numba_two_timescale


class TwoTimescale:
    """Twenty thousand stages from the start; 64 runs where there are many."""

    params = [[4, 8, 16], ["dense", "count"], ["single", "64 runs", "64 runs, 2 threads"]]
    param_names = ["players", "form", "runs"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, players, form, runs):
        if (form == "dense" and players > 8) or ("2" in runs[3:] and numba.config.NUMBA_NUM_THREADS < 2):
            raise NotImplementedError
        many, threads = None if runs == "single" else 64, 2 if runs.endswith("threads") else 1
        self.simulation = workloads.Simulation(fm.games.routing(players, form=form), 1e-6, 20_000, many, threads)

    def time_stages(self, players, form, runs):
        self.simulation()


class AgainstPlainNumba:
    """How many times as long a straightforward numba version takes, in turns in one process: machines cancel out."""

    params = [[4, 8], ["dense", "count"], ["single", "64 runs"]]
    param_names = ["players", "form", "runs"]
    timeout = 300
    unit = "x"

    def setup(self, players, form, runs):
        game, table = fm.games.routing(players, form=form), fm.games.routing(players)
        tables = (np.ascontiguousarray(table.rewards.reshape(players, 4, -1)),
                  np.ascontiguousarray(table.transitions.reshape(4, -1, 4)), np.array(table.num_actions), table.offset)
        self.many = None if runs == "single" else 64
        self.ours = workloads.Simulation(game, 1e-6, 20_000, self.many)
        self.plain = functools.partial(numba_two_timescale.run, *tables, table.discount, 1e-6, 0.6, 1.0, 1.0, 20_000, 0)
        self.plain()

    def track_ratio(self, players, form, runs):
        found = workloads.in_turns({"plain": self.plain, "ours": self.ours})
        return float(np.median(found["plain"] / found["ours"])) * (self.many or 1)


class Learners:
    """Stages of learners on a game that ends and begins again; equilibria of most stages take a linear program."""

    params = ["IndependentQLearning", "NSCPLearner", "CorrelatedQLearning"]
    param_names = ["rule"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, rule):
        game = fm.games.grid_2(ends="first", discount=0.9)
        steps = 500 if rule == "CorrelatedQLearning" else 20_000
        self.simulation = workloads.Simulation(game, getattr(fm.rules, rule)(exploration=1.0), steps)

    def time_stages(self, rule):
        self.simulation()


class LinearRounds:
    """A round of linear Q-ascent: samples, regression and step."""

    params = [["dense", "count"], ["1 thread", "2 threads"]]
    param_names = ["form", "threads"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, form, threads):
        if (form == "count" and threads[0] == "2") or int(threads[0]) > numba.config.NUMBA_NUM_THREADS:
            raise NotImplementedError
        game = fm.games.routing(4, form=form)
        rule = fm.rules.LinearQAscent(1e-3, 50_000 if form == "dense" else 5000)
        numba.set_num_threads(int(threads[0]))
        self.simulation = workloads.Simulation(game, rule, 1)

    def time_round(self, form, threads):
        self.simulation()


class Players:
    """How a stage grows with the players, by counts."""

    params = [[4, 16, 100, 1000], [2, 4]]
    param_names = ["players", "links"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, players, links):
        if (players, links) == (1000, 4):
            raise NotImplementedError  # 10^9 ways to spread the players over the links
        game = fm.games.routing(players, links, form="count")
        self.simulation = workloads.Simulation(game, 1e-6, max(500, 400_000 // players))

    def time_stages(self, players, links):
        self.simulation()


class Counts:
    """An exact iteration of a count game, with all NE-gaps."""

    params = [[10, 100, 1000], [2, 3]]
    param_names = ["players", "links"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 600

    def setup(self, players, links):
        if players == 1000 and links > 2:
            raise NotImplementedError
        self.iterations = workloads.Iterations(fm.games.routing(players, links, form="count"),
                                               fm.rules.NaturalGradientPlay(0.01), 3)

    def time_with_gap(self, players, links):
        self.iterations()

    def peakmem_with_gap(self, players, links):
        self.iterations()
