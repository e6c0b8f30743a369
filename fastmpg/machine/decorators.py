"""Kernels: functions over arrays, numbers and frames, compiled when they are first called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit, types
from numba.core.registry import CPUDispatcher

from .._check.scalars import shown
from . import cache
from .calls import Entry
from .options import OPTIONS, UNCOMPILED
from .units import InnerCompiler

F = TypeVar("F", bound=Callable[..., Any])


class _Kernel(CPUDispatcher):  # type: ignore[misc]
    """A dispatcher of kernels that only kernels call; Python calls them through an :class:`Entry`.

    It compiles no version of its own for every integer that a caller writes out.
    """

    _entry: Any = None

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return super().get_call_template(tuple(types.int64 if isinstance(each, types.IntegerLiteral) else each
                                               for each in args), kws)

    def __call__(self, *args: Any) -> Any:
        if self._entry is None:
            self._entry = Entry(self)
        return self._entry(*args)


def _compile(function: F, **options: Any) -> F:
    if UNCOMPILED:
        return function
    chosen = {**OPTIONS, "no_cfunc_wrapper": True, "no_cpython_wrapper": True, "pipeline_class": InnerCompiler,
              **options}
    dispatcher = njit(**chosen)(function)
    dispatcher.__class__ = _Kernel
    return dispatcher  # type: ignore[no-any-return]


def kernel(function: F) -> F:
    """Compile a function over arrays, scalars and frames when it is first called. It cannot allocate."""
    return _compile(function)


def inlined(function: F) -> F:
    """As :func:`kernel`, always inlined: for every step of a small game, where handing arrays over shows."""
    return _compile(function, forceinline=True)


def precise(function: F) -> F:
    """As :func:`inlined` for arithmetic that rounds as written: the same bits wherever it is inlined or vectorised."""
    return _compile(function, fastmath=False, forceinline=True)


def user_kernel(function: F) -> F:
    """Compile the ``update`` of a rule of your own (or any kernel) on its first call.

    It takes arrays, scalars and NamedTuples of them, may allocate, and runs inside the same compiled loop as the rules
    of the package. It is compiled in every process: what a user's function calls cannot be stamped. Indices are
    checked: one outside of its array raises IndexError (``NUMBA_BOUNDSCHECK=0`` in the environment leaves that out).

    Examples
    --------
    >>> import fastmpg as fm
    >>> @fm.kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    if not inspect.isfunction(getattr(function, "py_func", function)):
        raise TypeError(f"function must be a function of yours, written in Python, found {shown(function)}")
    checked = not cache.own(getattr(function, "__module__", ""))
    return njit(**{**OPTIONS, "_nrt": True, "boundscheck": checked})(function)  # type: ignore[no-any-return]
