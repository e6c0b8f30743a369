"""Large sparse games: an evaluation and a NE-gap by the number of states, and the memory they take.

``python -m bench.large`` prints them for up to 10^6 states, each case in a process of its own.
"""

import argparse
import multiprocessing
import re
import time

import numpy as np

import fastmpg as fm
from fastmpg import machine

from . import workloads


def local_game(states, actions=(4, 4, 4), discount=0.95, width=10, reach=15, **more):
    """Random rewards; a row leads to ``width`` states in a row within ``reach`` of its own, with random chances."""
    shape = np.array(actions)

    def moves(state, joint, next_states, probabilities):
        z = state
        for i in range(shape.size):
            z = z * shape[i] + joint[i]
        z = (z + 1) * 6364136223846793005  # wraps, as linear congruential generators do
        first = state - reach + (z >> 40) % (2 * reach - width + 1)
        total = 0.0
        for e in range(width):
            z = z * 6364136223846793005 + 1442695040888963407
            probabilities[e] = 1e-3 + ((z >> 33) & 0xFFFFF) / 0x100000
            next_states[e] = (first + e) % states
            total += probabilities[e]
        for e in range(width):
            probabilities[e] /= total
        return width

    rewards = np.random.default_rng(1).random((len(actions), states, *actions))
    return fm.MarkovGame.from_moves(states, actions, moves, rewards, discount, width=width, **more)


class Local:
    """Three players of four actions, ten next states a row, thirty a state."""

    params = [[10**3, 10**4, 10**5], ["float64", "float32"]]
    param_names = ["states", "dtype"]
    rounds, repeat, number = 1, (2, 5, 20.0), 1
    timeout = 600

    def setup(self, states, dtype):
        self.game = local_game(states, dtype=dtype)
        self.policy = workloads.policy(self.game)
        fm.ne_gap(self.game, self.policy)

    def time_evaluate(self, *_):
        fm.evaluate(self.game, self.policy)

    def time_ne_gap(self, *_):
        fm.ne_gap(self.game, self.policy)

    def peakmem_ne_gap(self, *_):
        fm.ne_gap(self.game, self.policy)


class Queueing:
    """The named game, from 10^3 to 10^5 states."""

    params = [3, 4, 5]
    param_names = ["queues"]
    rounds, repeat, number = 1, (2, 5, 20.0), 1
    timeout = 600

    def setup(self, queues):
        self.game = fm.games.queueing(2, queues, 9)
        self.policy = fm.uniform_policy(self.game)
        fm.ne_gap(self.game, self.policy)

    def time_ne_gap(self, *_):
        fm.ne_gap(self.game, self.policy)

    def peakmem_ne_gap(self, *_):
        fm.ne_gap(self.game, self.policy)


CASES = {"local 0.95": lambda states: local_game(states),
         "local 0.999": lambda states: local_game(states, discount=0.999),
         "local float32": lambda states: local_game(states, dtype="float32"),
         "queueing": lambda states: fm.games.queueing(2, {10**4: 4, 10**5: 5, 10**6: 6}[states], 9)}


def _resident(name):
    """VmRSS or VmHWM of this process, in bytes."""
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(name + r":\s+(\d+)", status.read())[1])


def _measure(name, states, pipe):
    def timed(run):
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    rule, threads = fm.rules.NaturalGradientPlay(eta=0.01), machine.threads()
    small = CASES[name](10**4)  # compiles
    fm.learn(small, rule, 1)
    base = _resident("VmRSS") - small.nbytes
    del small
    began = time.perf_counter()
    game = CASES[name](states)
    built = time.perf_counter() - began
    policy = fm.random_policy(game, 0)
    gap = timed(lambda: fm.ne_gap(game, policy))
    record = fm.Record(every=1, metrics=("ne_gap",))
    one, three = (timed(lambda k=k: fm.learn(game, rule, k, policy=policy, record=record)) for k in (1, 3))
    pipe.send((built, timed(lambda: fm.evaluate(game, policy)), gap, (three - one) / 2, game.nbytes,
               game.workspace_bytes(threads), _resident("VmHWM") - base))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--states", type=int, nargs="*", default=[10**4, 10**5, 10**6])
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    print("seconds; peak: the largest resident size, building included, above that of the interpreter with its kernels "
          "loaded; the games' own functions compile meanwhile, which shows in games of a few MB")
    for name in options.cases:
        for states in options.states:
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.get_context("spawn").Process(target=_measure, args=(name, states, theirs))
            child.start()
            theirs.close()
            try:
                built, evaluate, gap, iteration, tables, work, peak = ours.recv()
            except EOFError:  # the child has said why
                print(f"{name:14} S={states:<8} failed")
                continue
            finally:
                child.join()
            print(f"{name:14} S={states:<8} build {built:6.2f}  evaluate {evaluate:6.2f}  NE-gap {gap:6.2f}  iteration "
                  f"with NE-gap {iteration:6.2f}  predicted {tables / 1e6:.0f} + {work / 1e6:.0f} MB, peak "
                  f"{peak / 1e6:.0f} MB ({peak / (tables + work):.2f} x)", flush=True)


if __name__ == "__main__":
    main()
