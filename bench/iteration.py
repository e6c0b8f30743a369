"""One learning iteration, by rule, by size, by threads: what users wait for."""

import numba

import fastmpg as fm

from . import rooms, workloads

RULES = rooms.rules()


class NaturalGradient:
    """With the NE-gap at every iteration."""

    params = [list(workloads.SIZES), [1, 2]]
    param_names = ["size", "threads"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, size, threads):
        if threads > numba.config.NUMBA_NUM_THREADS:
            raise NotImplementedError
        target = workloads.game(*workloads.SIZES[size])
        steps = max(1, int(2e6) // target.work_size)
        self.iterations = workloads.Iterations(target, fm.rules.NaturalGradientPlay(0.01), steps, threads=threads)

    def time_with_gap(self, size, threads):
        self.iterations()


class Rules:
    """A thousand steps on the 3 x 4 x 5 game, and ten on a mid-sized Markov game."""

    params = [list(RULES), ["static", "markov", "sparse"]]
    param_names = ["rule", "game"]
    rounds, repeat = 2, (5, 20, 5.0)
    timeout = 300

    def setup(self, rule, game):
        if game == "static":
            self.iterations = workloads.Iterations(fm.games.random_normal_form((3, 4, 5)), RULES[rule], 1000, gap=False)
        else:
            target = workloads.game(4, 3, 40, sparse=5 if game == "sparse" else None)
            self.iterations = workloads.Iterations(target, RULES[rule], 10, gap=False, threads=1)

    def time_steps(self, rule, game):
        self.iterations()


class Scaling:
    """How an exact evaluation grows in states, actions and players."""

    params = [[5, 50, 200], [2, 4], [2, 4]]
    param_names = ["states", "actions", "players"]
    rounds, repeat = 2, (5, 20, 5.0)

    def setup(self, *size):
        states, actions, players = size
        self.game = workloads.game(players, actions, states)
        self.policy = workloads.policy(self.game)
        fm.evaluate(self.game, self.policy)

    def time_evaluate(self, *_):
        fm.evaluate(self.game, self.policy)

    def time_ne_gap(self, *_):
        fm.ne_gap(self.game, self.policy)

    def peakmem_evaluate(self, *_):
        fm.evaluate(self.game, self.policy)
