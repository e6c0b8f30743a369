"""Exploring players: the three-player pursuit, whole, and how a stage grows in states and actions."""

import numpy as np

import fastmpg as fm

from . import workloads


class Pursuit:
    """MGE-F on 729 states and 125 joint actions, three stages; and a hundred damped sweeps of one."""

    params = ["mean", "max"]
    param_names = ["value"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, value):
        self.game = fm.games.pursuit_3()
        self.time_solve(value)
        self.time_sweeps(value)

    def time_solve(self, value):
        fm.solvers.mge_f(self.game, 3, value=value)

    def time_sweeps(self, value):
        fm.solvers.mge_f(self.game, 1, value=value, alpha=0.4, maxiter=100)

    def track_residual(self, value):
        return float(fm.solvers.mge_f(self.game, 3, value=value).residual.max())


class Stages:
    """One stage, and an infinite horizon, of random games."""

    params = [[50, 500], [2, 4], [2, 4]]
    param_names = ["states", "actions", "players"]
    rounds, repeat = 2, (5, 20, 5.0)

    def setup(self, states, actions, players):
        self.game = workloads.game(players, actions, states, sparse=5)
        self.last = np.zeros((players, states))
        self.time_stage()
        self.time_infinite()

    def time_stage(self, *_):
        fm.solvers.mge_f(self.game, 1, 2.0, terminal=self.last)

    def time_infinite(self, *_):
        fm.solvers.mge_i(self.game, 2.0, gamma=0.5, tol=1e-6)
