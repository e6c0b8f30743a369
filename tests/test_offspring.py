"""Processes made by whoever makes them, after parallel kernels have run in the parent: none dies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TASKS = max(6, int(os.environ.get("FASTMPG_FUZZ", 0)) // 1000)
POOLS = {"fork": 2, "forkserver": 2, "spawn": 2}  # an executor and a pool
pytestmark = pytest.mark.compiled


def children(kind, tasks):
    """What a program with children of this kind says; it and they end well."""
    words = [sys.executable, str(Path(__file__).with_name("offspring.py")), kind, str(tasks)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600,
                          env=os.environ | {"NUMBA_NUM_THREADS": "2"})
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr[-3000:]}"
    told = json.loads(done.stdout)
    print(kind, told)
    assert told["right"] == tasks * POOLS.get(kind, 1)
    return told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_workers():
    assert not children("fork", 6)["own"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", POOLS)
def test_workers_of_the_standard_library(kind):
    told = children(kind, TASKS)
    assert told["processes"] >= 2 and not told["own"]


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["loky", "joblib-loky", "joblib-multiprocessing", "joblib-threading", "dask",
                                  "dask-threads"])
def test_workers_of_other_packages(kind):
    assert children(kind, TASKS)["own"] == kind.endswith("threads" if kind.startswith("dask") else "threading")
