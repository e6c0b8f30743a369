"""All that knows numba, LLVM and threads. What the rest of the package uses of it:

kernel, inlined, precise    decorate a kernel       unit, call, Bound, array_at    kernels by address, with their frames
method, attach              kernels by a class      fanned, threads, ...           shares of a unit's work on threads
Callback                    Python called by kernels
"""

from .cache import cache_folder, cache_root, cached_files, clear_cache
from .callback import Callback, check_callback
from .calls import Unit, array_at, call, call_address, call_each, unit
from .decorators import inlined, kernel, precise, user_kernel
from .frames import Bound, Bounds, Held
from .generics import attach, method
from .options import UNCOMPILED, versions
from .raised import Watch
from .threads import fanned, forsake_region, lapack, parallel_region, set_threads, threads

__all__ = [
    "UNCOMPILED", "Bound", "Bounds", "Callback", "Held", "Unit", "Watch", "array_at", "attach", "cache_folder",
    "cache_root", "cached_files", "call", "call_address", "call_each", "check_callback", "clear_cache", "fanned",
    "forsake_region", "inlined", "kernel", "lapack", "method", "parallel_region", "precise", "set_threads", "threads",
    "unit", "user_kernel", "versions",
]
