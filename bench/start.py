"""What the first minute feels like: import, first call cold, first call from the cache."""


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

    def timeraw_learn(self, cache):
        work = "fm.learn(fm.games.zhang_3x2(), fm.rules.GradientPlay(1.0), 1)"
        folder = "tempfile.mkdtemp()" if cache == "cold" else "os.path.join(tempfile.gettempdir(), 'fastmpg-bench')"
        return f"import os, tempfile; os.environ['FASTMPG_CACHE_DIR'] = {folder}; import fastmpg as fm; {work}"
