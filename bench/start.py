"""What the first minute feels like: import, first call cold, first call from the cache."""

import os
import subprocess
import sys
import tempfile

WARM = os.path.join(tempfile.gettempdir(), "fastmpg-bench")
FIRST = {
    "matrix": "fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(1.0), 1)",
    "dense": "fm.learn(fm.games.random_markov(4, (2, 3)), fm.rules.NaturalGradientPlay(0.1), 1)",
    "count": "fm.learn(fm.games.routing(4, form='count'), fm.rules.NaturalGradientPlay(0.1), 1)",
    "sparse": "game = fm.games.random_markov(300, (2, 3), sparse=4); fm.evaluate(game, fm.uniform_policy(game))",
    "simulated":
    "fm.learn(fm.games.routing(4), fm.rules.TwoTimescaleQ(0.1), 10, record=fm.Record(metrics=('policy',)))",
}


def timeraw_import():
    return "import fastmpg"


def timeraw_numba_alone():
    return "import numba, numpy, scipy.sparse"


class FirstCall:
    """Of each kind of game, in a fresh process; ``cold`` with an empty cache."""

    params = [[*FIRST], ["cold", "cached"]]
    param_names = ["what", "cache"]
    timeout = 300
    number, repeat = 1, 3

    def setup(self, what, cache):
        if cache == "cached":  # fill it outside the timing
            subprocess.run([sys.executable, "-c", f"import fastmpg as fm; {FIRST[what]}"], check=True,
                           env=os.environ | {"FASTMPG_CACHE_DIR": WARM})

    def timeraw_call(self, what, cache):
        folder = "tempfile.mkdtemp()" if cache == "cold" else repr(WARM)
        return f"import os, tempfile; os.environ['FASTMPG_CACHE_DIR'] = {folder}; import fastmpg as fm; {FIRST[what]}"
