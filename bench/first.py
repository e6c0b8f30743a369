"""``python -m bench.first``: what first calls take, cold and from the cache, and what every call takes from Python.

The unit is the time in which numba compiles a plain elimination, in the same run: machines differ.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

RULE = "fm.rules.NaturalGradientPlay(eta=0.1)"
CASES = {
    "one state, learn": f"fm.learn(fm.games.zhang_3x2(), {RULE}, 100)",
    "dense, learn": f"fm.learn(fm.games.random_markov(5, (3, 3, 3)), {RULE}, 100)",
    "counts, learn": f"fm.learn(fm.games.routing(4, form='count'), {RULE}, 10)",
    "two-timescale on routing": "fm.learn(fm.games.routing(4), fm.rules.TwoTimescaleQ(1e-3), 1000, "
                                "record=fm.Record(steps=[0, 1000], metrics=('q',)))",
    "sparse, learn": f"fm.learn(fm.games.queueing(2, 3, 5), {RULE}, 10)",
}
SECOND = {
    "one more rule, one state": ("one state, learn", "fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(0.1), 100)"),
    "one more rule, dense": ("dense, learn",
                             "fm.learn(fm.games.random_markov(5, (3, 3, 3)), fm.rules.QAscent(0.1), 100)"),
    "a user's rule": ("one state, learn", "fm.learn(fm.games.zhang_3x2(), Own(0.2), 100)"),
}
OWN = """
from typing import NamedTuple
@fm.kernel
def step(rule, state, feedback, k):
    for s in range(state.policy.shape[0]):
        for i in range(feedback.offset.size - 1):
            low, high = feedback.offset[i], feedback.offset[i + 1]
            best = low
            for c in range(low, high):
                if feedback.q_bar[s, c] > feedback.q_bar[s, best]:
                    best = c
            for c in range(low, high):
                state.policy[s, c] *= 1 - rule.rate
            state.policy[s, best] += rule.rate
class Own(NamedTuple):
    rate: float = 0.1
    update = staticmethod(step)
"""
UNIT = """
import time, numba, numpy as np
@numba.njit
def warm(x):
    return x + 1.0
warm(1.0)
@numba.njit
def eliminate(a, b):
    n = a.shape[0]
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        for j in range(n):
            a[k, j], a[p, j] = a[p, j], a[k, j]
        b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            for j in range(k, n):
                a[i, j] -= f * a[k, j]
            b[i] -= f * b[k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            b[k] -= a[k, j] * b[j]
        b[k] /= a[k, k]
    return b
began = time.perf_counter()
eliminate(np.eye(3), np.ones(3))
print(time.perf_counter() - began)
"""
CALL = """
import time, fastmpg as fm
{before}
began = time.perf_counter()
{call}
spent = time.perf_counter() - began
from fastmpg.machine.units import COMPILED
print(spent, len(COMPILED))
"""
WARM = """
import json, time, fastmpg as fm
def best(call, count):
    call()
    found = []
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(count):
            call()
        found.append((time.perf_counter() - began) / count * 1e6)
    return min(found)
table = {}
five = fm.games.random_markov(5, (5, 5, 5))
for name, game in (("zhang_3x2", fm.games.zhang_3x2()), ("five states, (5, 5, 5)", five)):
    policy, rule = fm.uniform_policy(game), fm.rules.NaturalGradientPlay(0.1)
    table[name] = {"ne_gap": best(lambda: fm.ne_gap(game, policy), 2000),
                   "evaluate": best(lambda: fm.evaluate(game, policy), 2000),
                   "learn(..., 1)": best(lambda: fm.learn(game, rule, 1), 300)}
print(json.dumps(table))
"""


def run(code, folder):
    """What a fresh process prints, with this cache."""
    env = os.environ | {"FASTMPG_CACHE_DIR": folder}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return done.stdout


def main(repeats=3):
    """Print the tables."""
    unit = statistics.median(float(run(UNIT, "")) for _ in range(5))
    print(f"unit: {unit:.2f} s (numba compiles a plain elimination)")
    kept = tempfile.mkdtemp()
    for name, call in CASES.items():
        cold = [float(run(CALL.format(before="", call=call), tempfile.mkdtemp()).split()[0]) for _ in range(repeats)]
        run(CALL.format(before="", call=call), kept)
        spent, compiled = run(CALL.format(before="", call=call), kept).split()
        middle = statistics.median(cold)
        print(f"{name}: cold {middle:.1f} s [{min(cold):.1f}, {max(cold):.1f}] = {middle / unit:.0f} units; "
              f"in the next process {float(spent):.2f} s, {compiled} units of code compiled")
    for name, (known, call) in SECOND.items():
        # the game's own units come from the cache, those of the rule are new: a cache with the first rule alone
        found = []
        for _ in range(repeats):
            folder = tempfile.mkdtemp()
            run(CALL.format(before="", call=CASES[known]), folder)
            found.append(float(run(CALL.format(before=OWN if "Own" in call else "", call=call), folder).split()[0]))
        middle = statistics.median(found)
        print(f"{name}: {middle:.2f} s [{min(found):.2f}, {max(found):.2f}] = {middle / unit:.1f} units")
    for name, row in json.loads(run(WARM, kept)).items():
        print(f"{name}: " + ", ".join(f"{what} {spent:.1f} us" for what, spent in row.items()))


if __name__ == "__main__":
    main()
