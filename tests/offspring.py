"""Children of a process whose parallel kernels have run, as a program of its own:
``python tests/offspring.py KIND TASKS`` prints how many tasks came back with the parent's bits, and from how
many processes, as JSON.
"""

import json
import multiprocessing
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np

import fastmpg as fm

WORKERS = 2
GAMES = {"dense": lambda: fm.games.random_markov(60, (4, 5, 4), rng=1),
         "sparse": lambda: fm.games.random_markov(600, (4, 4, 4), rng=1, sparse=8)}


def task(number):
    """One of three questions about one of two games; the bits of the answer, and who answered."""
    game = GAMES[("dense", "sparse")[number % 2]]()
    how = number // 2 % 3
    if how == 0:
        found = fm.evaluate(game, fm.random_policy(game, number)).value
    elif how == 1:
        found = fm.learn(game, fm.rules.NaturalGradientPlay(0.1), 2, policy="random", rng=number).policy
    else:
        rule = fm.rules.NaturalGradientPlay(0.1)
        found = fm.ensemble(game, rule, 1, 3, policy="random", rng=number, threads=2).policy
    return np.asarray(found).tobytes(), os.getpid()


def executor(kind):
    """map(function, values) in children of this kind."""
    if kind in ("fork", "forkserver", "spawn"):
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context(kind)) as pool:
            yield pool.map
        with multiprocessing.get_context(kind).Pool(WORKERS) as pool:
            yield pool.map
    elif kind == "loky":
        from loky import get_reusable_executor

        yield get_reusable_executor(WORKERS).map
    elif kind.startswith("joblib"):
        import joblib

        backend = kind.partition("-")[2]
        yield lambda call, values: joblib.Parallel(WORKERS, backend=backend)(joblib.delayed(call)(k) for k in values)
    else:
        from distributed import Client, LocalCluster

        with (LocalCluster(n_workers=WORKERS, threads_per_worker=2, processes=kind == "dask", dashboard_address=None)
              as cluster, Client(cluster) as client):
            yield lambda call, values: client.gather(client.map(call, values, pure=False))


def main(kind, tasks):
    """The parent's answers first, by its threads; then the children's."""
    fm.set_threads(2)
    expected = [task(number)[0] for number in range(tasks)]
    right, who = 0, set()
    for mapped in executor(kind):
        for number, (bits, process) in enumerate(mapped(task, range(tasks))):
            right += bits == expected[number]
            who.add(process)
        assert [task(number)[0] for number in range(2)] == expected[:2]  # the parent goes on
    print(json.dumps({"right": right, "processes": len(who), "own": os.getpid() in who}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
