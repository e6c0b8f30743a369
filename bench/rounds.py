"""Best replies in turn from many starts; lists of pure equilibria, and defects by counts, beside plain NumPy.

    python -m bench.rounds

prints medians of both, and of the ratios of 15 rounds, taken in turn, with the least and the most.
"""

import time

import numpy as np

import fastmpg as fm


class Rounds:
    """Best replies in turn from a thousand starts of a small game, and from a hundred of a larger one."""

    def setup(self):
        self.stage = fm.games.random_normal_form((4, 5), rng=2)
        self.game = fm.games.random_markov(20, (3, 3), rng=0)
        self.time_one_state()
        self.time_twenty_states()

    def time_one_state(self):
        fm.solvers.round_robin(self.stage, starts=1000)

    def time_twenty_states(self):
        fm.solvers.round_robin(self.game, starts=100)


def numpy_scan(payoffs):
    """Pure equilibria (K, N) of payoffs (N, A_0, ..), by comparing whole tables."""
    stay = np.ones(payoffs.shape[1:], bool)
    for i, plane in enumerate(payoffs):
        stay &= plane == plane.max(axis=i, keepdims=True)
    return np.argwhere(stay)


def one_by_one(game, stack):
    """Best replies in turn from every start by itself."""
    return [fm.solvers.round_robin(game, each) for each in stack]


def beside(title, ours, other, rounds=15):
    """Print seconds of both and their ratio round by round."""
    ours(), other()
    taken = []
    for _ in range(rounds):
        marks = [time.perf_counter()]
        for each in (ours, other):
            each()
            marks.append(time.perf_counter())
        taken.append((marks[1] - marks[0], marks[2] - marks[1]))
    one, two = (np.median(each) for each in zip(*taken, strict=True))
    ratios = sorted(b / a for a, b in taken)
    print(f"{title}: {1e3 * one:.3g} ms beside {1e3 * two:.3g} ms, {np.median(ratios):.2f} times "
          f"({ratios[0]:.2f} to {ratios[-1]:.2f})")


def main():
    """Ratios with their spread."""
    for actions in ((3,) * 8, (3,) * 11, (2,) * 18):
        game = fm.games.random_normal_form(actions, rng=0)
        payoffs = np.array(game.payoffs)
        assert np.array_equal(fm.solvers.pure_equilibria(game).actions[:, 0], numpy_scan(payoffs))
        beside(f"pure equilibria of {actions[0]}^{len(actions)}, beside a NumPy scan",
               lambda game=game: fm.solvers.pure_equilibria(game), lambda payoffs=payoffs: numpy_scan(payoffs))
    for game, starts in ((fm.games.random_normal_form((4, 5), rng=2), 1000), (fm.games.random_markov(20, (3, 3)), 100)):
        stack = np.stack([fm.random_policy(game, seed) for seed in range(starts)])
        beside(f"{starts} starts in {game.name}, {game.num_states} states, beside one by one",
               lambda game=game, stack=stack: fm.solvers.round_robin(game, starts=stack),
               lambda game=game, stack=stack: one_by_one(game, stack))
    crowd = fm.games.routing(100, form="count")
    fm.potential.defect(crowd)
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        fm.potential.defect(crowd)
        taken.append(time.perf_counter() - began)
    print(f"defect of routing by counts, 100 players, 100 squares: {1e3 * np.median(taken):.3g} ms "
          f"({1e3 * min(taken):.3g} to {1e3 * max(taken):.3g})")


if __name__ == "__main__":
    main()
