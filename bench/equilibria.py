"""Equilibria and potentials: all pure ones of a stage game, certified zero-sum values, branches, defects, intervals.

``python -m bench.equilibria [--sgamesolver PYTHON] [--rounds N]``: branches of quantal responses beside others', in
turn, ratios with their spread. pygambit is run where it can be imported; sgamesolver, which needs numpy 1, by the
interpreter that is named.
"""

import argparse
import importlib.util
import subprocess
import time
from functools import partial

import numpy as np

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
        self.large = sgame(64, 2, 4, 42)
        self.time_branch()

    def time_shapley(self):
        fm.solvers.shapley(self.zero_sum)

    def time_branch(self):
        fm.solvers.quantal_response_tracing(self.general)

    def time_branch_of_64_states(self):
        fm.solvers.quantal_response_tracing(self.large)


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


# -------------------------------------------------------------------------------------- branches beside other packages
README = (64, 2, 4, 42)  # states, players, actions, seed: the game of sgamesolver's README
RANDOM = [(2 + k % 5, 3 if k % 4 == 3 else 2, 2 + k % 3, 100 + k) for k in range(20)]
SHAPES = [(3, 4), (2, 2), (5, 5), (2, 3, 2), (4, 4), (3, 3, 3), (6, 3), (2, 2, 2, 2)]
SERVER = """
import sys, time, sgamesolver
for line in sys.stdin:
    *size, seed = map(int, line.split())
    homotopy = sgamesolver.homotopy.QRE(sgamesolver.SGame.random_game(*size, seed=seed))
    began = time.perf_counter()
    homotopy.solver_setup()
    homotopy.solver.verbose = 0
    homotopy.solve()
    spent = time.perf_counter() - began
    print("told", spent, *homotopy.equilibrium.strategies.ravel(), flush=True)
"""


def sgame(states, players, actions, seed):
    """sgamesolver.SGame.random_game(states, players, actions, seed=seed), drawn as it draws."""
    rng, shape = np.random.default_rng(seed), (actions,) * players
    rewards = np.stack([rng.random((players, *shape)) for _ in range(states)], axis=1)
    moves = np.stack([rng.exponential(size=(*shape, states)) for _ in range(states)])
    return fm.MarkovGame(rewards, moves / moves.sum(axis=-1, keepdims=True), 0.95)


def timed(function):
    """Seconds, and what was returned."""
    began = time.perf_counter()
    found = function()
    return time.perf_counter() - began, found


def beside_sgamesolver(python, sizes, rounds):
    """Times (games, rounds) of both, and gaps of their ends (games,), ours and theirs."""
    games, times, gaps = [sgame(*size) for size in sizes], np.zeros((2, len(sizes), rounds)), np.zeros((2, len(sizes)))
    with subprocess.Popen([python, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        for n in range(rounds):
            for k, (game, size) in enumerate(zip(games, sizes, strict=True)):
                times[0, k, n], found = timed(partial(fm.solvers.quantal_response_tracing, game))
                server.stdin.write(" ".join(map(str, size)) + "\n")
                server.stdin.flush()
                told = server.stdout.readline().split()
                assert found.status == "equilibrium" and told[0] == "told"
                times[1, k, n] = float(told[1])
                policy = np.array(told[2:], float).reshape(game.num_states, -1)
                policy /= np.repeat(np.add.reduceat(policy, game.offset[:-1], axis=1), game.num_actions, axis=1)
                gaps[:, k] = found.ne_gap.max(), fm.ne_gap(game, policy, start="worst").max()
        server.stdin.close()
    return times, gaps


def beside_gambit(rounds):
    """Times (games, rounds) of both on twenty normal forms, to a regret of 1e-8 of the payoffs' range."""
    import pygambit

    times = np.zeros((2, 20, rounds))
    for k in range(20):
        game = fm.games.random_normal_form(SHAPES[k % len(SHAPES)], rng=k)
        other = pygambit.Game.from_arrays(*np.asarray(game.payoffs))
        within = 1e-8 * float(np.ptp(game.payoffs, axis=tuple(range(1, game.payoffs.ndim))).max())
        ours = partial(fm.solvers.quantal_response_tracing, game, tol=within)
        for n in range(rounds):
            times[0, k, n], found = timed(ours)
            times[1, k, n], theirs = timed(partial(pygambit.nash.logit_solve, other, maxregret=1e-8))
            assert found.status == "equilibrium" and theirs.equilibria
    return times


def told(what, times):
    """Medians, and the quartiles and range of ratios: of games by their medians, or of the rounds of one game."""
    ours, theirs = np.median(times, axis=2)
    ratios = theirs / ours if len(ours) > 1 else times[1, 0] / times[0, 0]
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    print(f"{what:>46} {1e3 * np.median(ours):9.2f} ms, theirs {1e3 * np.median(theirs):9.2f} ms: {middle:6.1f}x "
          f"[{low:.1f}, {high:.1f}], least {ratios.min():.1f}x")


def main():
    from bench.peers.__main__ import machine

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sgamesolver", metavar="PYTHON", help="an interpreter that imports sgamesolver")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(machine())
    fm.solvers.quantal_response_tracing(sgame(2, 2, 2, 0))  # compiled
    fm.solvers.quantal_response_tracing(fm.games.random_normal_form((2, 2), rng=0))
    if importlib.util.find_spec("pygambit") is not None:
        told("20 normal forms, beside pygambit.logit_solve", beside_gambit(options.rounds))
    if options.sgamesolver:
        for what, sizes, rounds in (("20 Markov games, beside sgamesolver", RANDOM, options.rounds),
                                    ("64 states, 2 players, 4 actions, beside it", [README], 3)):
            times, gaps = beside_sgamesolver(options.sgamesolver, sizes, rounds)
            told(what, times)
            print(f"{'largest NE-gap at the end':>46} {gaps[0].max():.1e}, theirs {gaps[1].max():.1e}")


if __name__ == "__main__":
    main()
