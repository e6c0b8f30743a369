"""The same seed gives the same digits whatever vectors a processor has: 512, 256 and 128 bits, with and without FMA."""

import os
import subprocess
import sys

import pytest
from simulating import compiled_only

PLAIN = "+64bit,+cmov,+cx16,+cx8,+fxsr,+mmx,+popcnt,+sse,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3"
SETS = {"256 bits": ("znver3", f"{PLAIN},+avx,+avx2,+fma,+bmi,+bmi2,+lzcnt,+movbe,+f16c,+xsave"),
        "128 bits": ("generic", "")}  # what every processor has
CODE = """
import hashlib
import numpy as np
import fastmpg as fm
found, record = hashlib.sha256(), fm.Record(every=500, metrics=("policy", "q"))
games = [fm.games.routing(4), fm.games.routing(4, form="count"), fm.games.routing(8, form="count"),
         fm.games.random_markov(3, (3, 1, 2, 2, 2), rng=2)]
rules = [fm.rules.TwoTimescaleQ(1e-6), fm.rules.TwoTimescaleQ(0.1, (0.6, 1.0), (0.9, 2.0))]
for game in games:
    for rule in rules:
        for run in (fm.learn(game, rule, 2000, rng=1, record=record),
                    fm.ensemble(game, rule, 2000, 3, rng=1, record=record)):
            found.update(run.trace["policy"].tobytes() + run.trace["q"].tobytes())
last = fm.learn(games[3], fm.rules.LinearQAscent(0.05, 300), 5, rng=1, record=fm.Record(metrics=("policy", "q")))
found.update(last.trace["policy"].tobytes() + last.trace["q"].tobytes())
print(found.hexdigest())
"""


def digest(**settings):
    done = subprocess.run([sys.executable, "-c", CODE], env=os.environ | settings, capture_output=True, text=True,
                          check=True)
    return done.stdout.strip()


@compiled_only
@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="names of other processors' instructions")
def test_the_same_digits_on_every_instruction_set():
    """Each set compiles code of its own, which is kept in the cache under that processor's name."""
    own = digest()
    for what, (name, features) in SETS.items():
        assert digest(NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features) == own, what
