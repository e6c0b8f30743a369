"""Files that anybody may have made: no code of theirs runs, no file is touched, no memory is taken that is not free.

``FASTMPG_FUZZ=10000 python -m pytest tests/test_untrusted.py -m slow`` forges as many archives.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiled

TRIES = int(os.environ.get("FASTMPG_FUZZ", 500))


def forged(tries, seed, python):
    """How readers ended; as Python, an index outside of a table raises, which compiled code need not show."""
    words = [sys.executable, str(Path(__file__).with_name("forging.py")), str(tries), str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60 + tries,
                          env=os.environ | {"NUMBA_DISABLE_JIT": str(int(python))})
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    print(told)
    assert not told["count"], "\n".join(told["wrong"])
    return told["ended"]


def test_forged_archives():
    assert sum(count for how, count in forged(90, 0, python=True).items() if "Error" in how or "Damaged" in how) > 40


@pytest.mark.slow
@pytest.mark.parametrize("python", [True, False])
def test_many_forged_archives(python):
    ended = forged(TRIES, 1 + python, python)
    kinds = {how.partition(":")[0] for how in ended} - {"task"}  # one that is damaged is missing
    for kind in kinds:
        refused = sum(count for how, count in ended.items() if how.startswith(kind) and not how.endswith("read"))
        assert refused > TRIES // 2 // len(kinds), kind
