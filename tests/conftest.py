"""Shared by every test: no display, one kernel cache for the session, seeds from the test's own name.

Kernels compile on their first call and are cached on disk, in $FASTMPG_CACHE_DIR if that is set, else in the user's
cache folder: the first session of a new version compiles for minutes, every later one loads.
"""

import os
import signal
import zlib

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that spin beside two test processes: 4 ms a tiny solve
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job: no test of Ctrl-C could end
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest

import fastmpg as fm
from fastmpg import machine


def pytest_collection_modifyitems(config, items):
    """Tests beside other packages run where .ci/run has installed them; of compiled code, where there is any."""
    if machine.UNCOMPILED:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("compiled")])
        items[:] = [item for item in items if not item.get_closest_marker("compiled")]
    if not os.environ.get("FASTMPG_PEERS"):
        for item in items:
            if item.get_closest_marker("peers"):
                item.add_marker(pytest.mark.skip(reason="needs other packages: set FASTMPG_PEERS=1"))


@pytest.fixture
def rng(request):
    """A generator seeded by the test's name: the same draws alone, in any order and on any worker."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def keep_threads():
    """Put numba's thread count back after a test that changes it."""
    before = machine.threads()
    yield before
    fm.set_threads(before)
