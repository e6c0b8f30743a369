"""Python threads: every public callable from many at once, with either layer of numba's threads, and first calls."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from processes import run

SECONDS = int(os.environ.get("FASTMPG_FUZZ", 3_500)) / 1000  # of a layer
pytestmark = pytest.mark.compiled


def crowd(layer, seconds, seed, *counts):
    """What was called and what went wrong; the process did not abort."""
    words = [sys.executable, str(Path(__file__).with_name("crowding.py")), str(seconds), str(seed), *map(str, counts)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20 * seconds + 300,
                          env=os.environ | {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "4"})
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr[-3000:]}"
    told = json.loads(done.stdout)
    print(told)
    assert told["layer"] == layer and not told["wrong"] and not told["unsteady"]
    return told


def test_all_public_functions_from_four_threads():
    """By the layer that ends a process when two threads enter it."""
    assert crowd("workqueue", 1.5, 0, 4)["calls"] > 4


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_all_public_functions_from_two_to_eight_threads(layer):
    assert crowd(layer, SECONDS, 1, *range(2, 9))["callables"] > 20


COLD = """
from concurrent.futures import ThreadPoolExecutor
import fastmpg as fm
game = fm.games.zhang_3x2()
rules = [fm.rules.GradientPlay(0.1), fm.rules.QAscent(0.1)]
def one(k):
    return fm.learn(game, rules[k % 2], 3, record=fm.Record(metrics=("value", "policy"))).trace["value"].tobytes()
with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(one, range(8)))
assert found == [one(k) for k in range(8)], "another result"
"""


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_first_calls_from_four_threads(layer, tmp_path):
    """Each unit is compiled while others ask for it."""
    run(COLD, tmp_path / "cache", NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS=str(numba.config.NUMBA_NUM_THREADS))
