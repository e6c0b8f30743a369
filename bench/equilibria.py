"""Equilibria and potentials: all pure ones of a stage game, certified zero-sum values, branches, defects, intervals."""

import fastmpg as fm


class Pure:
    """All pure equilibria of a random normal form."""

    params = [[(3,) * 8, (3,) * 11, (2,) * 18]]
    param_names = ["actions"]

    def setup(self, actions):
        self.game = fm.games.random_normal_form(actions, rng=0)
        self.time_search(actions)

    def time_search(self, actions):
        fm.solvers.pure_equilibria(self.game)


class Values:
    """A zero-sum Markov game, its value within 1e-10; and a branch of quantal responses."""

    timeout = 120

    def setup(self):
        one = fm.games.random_markov(10, (4, 4), 0.9, rng=0, identical_interest=True)
        rewards = one.rewards.repeat(2, axis=0)
        rewards[1] *= -1
        self.zero_sum = fm.MarkovGame(rewards, one.transitions, 0.9)
        self.general = fm.games.random_markov(8, (3, 3), 0.9, rng=0)

    def time_shapley(self):
        fm.solvers.shapley(self.zero_sum)

    def time_branch(self):
        fm.solvers.quantal_response_tracing(self.general)


class Potentials:
    """A hundred squares of a hundred players by counts; the interval of alpha of four players' routing."""

    def setup(self):
        self.crowd, self.few = fm.games.routing(100, form="count"), fm.games.routing(4)
        self.time_defect()
        self.time_alpha()

    def time_defect(self):
        fm.potential.defect(self.crowd)

    def time_alpha(self):
        fm.potential.alpha(self.few)
