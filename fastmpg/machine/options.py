"""What every compiled function is compiled with."""

from __future__ import annotations

import platform
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import config

# fastmath=True would also assume that NaN and inf never happen and delete the checks for them.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
# Kernels only borrow arrays: without numba's reference counts, which are atomic and cost more than a small game's whole
# step (1.4 us instead of 0.3), and without allocation, which the compiler then refuses.
# forceinline is said, since numba lets it be inherited from whoever compiles a function first.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": FASTMATH, "nogil": True, "_nrt": False,
                           "forceinline": False}
LANES = 8  # numbers in a vector
UNCOMPILED = bool(config.DISABLE_JIT)  # NUMBA_DISABLE_JIT=1: kernels run as Python, for coverage


def versions() -> dict[str, str]:
    """Of what decides the speed and the last digits of results."""
    return {"numba": numba.__version__, "llvmlite": llvmlite.__version__, "numpy": np.__version__,
            "python": platform.python_version()}
