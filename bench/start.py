"""What the first minute feels like: import, first call cold, first call from the cache."""

import os
import subprocess
import sys
import tempfile

WARM = os.path.join(tempfile.gettempdir(), "fastmpg-bench")
LEARN = "import fastmpg as fm; fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(1.0), 1)"


def timeraw_import():
    return "import fastmpg"


def timeraw_numba_alone():
    return "import numba, numpy, scipy.sparse"


class FirstCall:
    """In a fresh process; ``cold`` with an empty cache."""

    params = ["cold", "cached"]
    param_names = ["cache"]
    timeout = 300
    number, repeat = 1, 3

    def setup(self, cache):
        if cache == "cached":  # fill it outside the timing
            subprocess.run([sys.executable, "-c", LEARN], check=True, env=os.environ | {"FASTMPG_CACHE_DIR": WARM})

    def timeraw_learn(self, cache):
        folder = "tempfile.mkdtemp()" if cache == "cold" else repr(WARM)
        return f"import os, tempfile; os.environ['FASTMPG_CACHE_DIR'] = {folder}; {LEARN}"
