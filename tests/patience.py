"""``pytest -p tests.patience``: a test that takes more of the processor than FASTMPG_PATIENCE seconds ends there, as
skipped; one marked ``patience(SECONDS)`` after so many.

For kernels that run as Python: every test begins, and the lines that it reaches are counted, but none runs for minutes
that a compiled one ends in a second. That one runs in full elsewhere.
"""

import os
import signal

import pytest

PATIENCE = float(os.environ.get("FASTMPG_PATIENCE", "inf"))
AGAIN = 0.5  # then it is asked again, so often, as an exception may get lost where Python ignores it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """With the clock running."""
    marker = item.get_closest_marker("patience")
    limit = max(PATIENCE, marker.args[0]) if marker else PATIENCE

    def stop(number, frame):
        pytest.skip(f"more than {limit:g} s as Python")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 0.0 if limit == float("inf") else limit, AGAIN)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
