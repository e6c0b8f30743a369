"""Every public callable from several Python threads at once: a program of its own, as a crash ends its process.

``python tests/crowding.py SECONDS SEED THREADS [THREADS ...]`` prints what was called and what went wrong, as JSON.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import test_public_entries as entries

import fastmpg as fm
from fastmpg.feedback.desk import PARALLEL_WORK

LARGE = {"dense": fm.games.random_markov(60, (4, 5, 4), rng=1),
         "sparse": fm.games.random_markov(600, (4, 4, 4), rng=1, sparse=8)}
POLICY = {kind: fm.random_policy(game, 2) for kind, game in LARGE.items()}
STEP = fm.rules.NaturalGradientPlay(0.1)
SEEDLESS = {"rng": 3}  # optional, and given wherever there is one, so that the same comes out


def large():
    """Calls whose kernels take threads of their own."""
    found = {}
    for kind, game in LARGE.items():
        assert game.work_size > PARALLEL_WORK
        found |= {
            f"{kind}: evaluate": lambda game=game, policy=POLICY[kind]: fm.evaluate(game, policy),
            f"{kind}: ne_gap": lambda game=game, policy=POLICY[kind]: fm.ne_gap(game, policy),
            f"{kind}: learn": lambda game=game: fm.learn(game, STEP, 2),
            f"{kind}: ensemble": lambda game=game: fm.ensemble(game, STEP, 1, 3, policy="random", rng=0, threads=2),
        }
    routing, rule = fm.games.routing(3), fm.rules.TwoTimescaleQ(tau=0.1)
    found["sampled ensemble"] = lambda: fm.ensemble(routing, rule, 2000, 4, rng=0, threads=2)
    found["sweep by threads"] = lambda: swept(routing)
    return found


def swept(game):
    """A sweep whose tasks are threads of its own."""
    with ThreadPoolExecutor(2) as pool:
        return fm.sweep(game, fm.rules.QAscent(0.1), 3, {"eta": [0.1, 0.2]}, executor=pool).stack()


def fed(digest, value, depth=0):
    """Put all that a value holds into a digest; what has no bits of its own as its type."""
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OV":
        digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        digest.update(repr(value).encode())
    elif isinstance(value, dict):
        for key, each in value.items():
            digest.update(repr(key).encode())
            fed(digest, each, depth + 1)
    elif isinstance(value, list | tuple):
        for each in value:
            fed(digest, each, depth + 1)
    elif isinstance(value, fm.Game):
        digest.update(type(value).__name__.encode())
        with contextlib.suppress(TypeError, ValueError):  # of functions, not of tables
            fed(digest, value.tables(), depth + 1)
    elif dataclasses.is_dataclass(value) and depth < 6:
        for each in dataclasses.fields(value):
            digest.update(each.name.encode())
            fed(digest, getattr(value, each.name), depth + 1)
    else:
        digest.update(type(value).__name__.encode())


def outcome(call):
    """A digest of what a call returns, or what it raises."""
    digest = hashlib.sha256()
    try:
        fed(digest, call())
    except (ValueError, ImportError) as error:  # a folder that is not there, another package
        digest.update(f"{type(error).__name__}".encode())
    return digest.hexdigest()


def small(folder):
    """A valid call of every public callable, with files in a folder."""
    found = {}
    for label, (call, _) in entries.CALLABLES.items():
        if label == "set_threads":
            continue  # numba's count is each thread's own: set by `work`
        own = folder / label  # files of its own: what is saved under one name would be loaded under another
        own.mkdir(exist_ok=True)
        given = entries.valid(label, own)
        named = {name: value for name, value in SEEDLESS.items() if name in entries.parameters(call)}
        found[label] = lambda call=call, given=given | named: call(**given)
    return found


def work(seed, folder, until, expected, told, lock):
    """One thread: calls in an order of its own, each compared with the serial one."""
    rng, calls, wrong = np.random.default_rng(seed), Counter(), []
    own = small(folder) | large()
    names, most = list(own), os.environ.get("NUMBA_NUM_THREADS", "2")
    heavy = [name for name in names if name not in entries.CALLABLES]
    while time.monotonic() < until:
        name = str(rng.choice(heavy if rng.random() < 0.3 else names))
        fm.set_threads(int(rng.integers(1, int(most) + 1)))
        try:
            if outcome(own[name]) != expected.get(name):
                wrong.append(f"{name}: another result")
        except BaseException as error:
            wrong.append(f"{name}: {error!r}"[:300])
        calls[name] += 1
    with lock:
        told["calls"].update(calls)
        told["wrong"] += wrong


def main(seconds, seed, counts):
    """Serially first; then with so many threads at once, one count after the other."""
    told, lock = {"calls": Counter(), "wrong": []}, threading.Lock()
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(k)) for k in range(max(counts) + 1)]
        for each in folders:
            each.mkdir()
        os.chdir(folders[0])
        serial = small(folders[0]) | large()
        expected = {name: outcome(call) for name, call in serial.items()}
        unsteady = {name for name, call in serial.items() if outcome(call) != expected[name]}
        for count in counts:
            until = time.monotonic() + seconds / len(counts)
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(lambda k, until=until, count=count: work(
                    (seed, count, k), folders[k + 1], until, expected, told, lock), range(count)))
    import numba

    print(json.dumps({"layer": numba.threading_layer(), "calls": sum(told["calls"].values()),
                      "callables": len(told["calls"]), "of": len(serial), "unsteady": sorted(unsteady),
                      "wrong": sorted(set(told["wrong"]))}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), [int(each) for each in sys.argv[3:]])
