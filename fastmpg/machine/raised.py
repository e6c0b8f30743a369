"""What code of the user's raises in a compiled unit: numba would print it as ignored, and Python would go on.

Kernels of the package raise nothing. A function of the user's may: an index outside of an array, no memory, an
exception of its own. It leaves its unit at once; the C function around the unit keeps the exception here, and
:class:`.frames.Bound` raises it where Python called. What compiled code calls by address in between knows nothing of
it, and ends as it can.
"""

from __future__ import annotations

import copy
import ctypes
import threading
from typing import Any

from llvmlite import ir
from numba.core.cpu import CPUContext


class Watch:
    """What a thread counts in ``now`` (1,) while it is in compiled code; ``step``: where that stood when something was
    raised.
    """

    def __init__(self, now: Any) -> None:
        self.now, self.step = now, -1

    def __enter__(self) -> Watch:
        _WATCHED[threading.get_ident()] = self
        return self

    def __exit__(self, *_: object) -> None:
        _WATCHED.pop(threading.get_ident(), None)


RAISED: dict[int, BaseException] = {}  # the first of every thread that Python has not yet been told of
_WATCHED: dict[int, Watch] = {}
# Takes an exception from C, and raises it.
_restore = ctypes.PYFUNCTYPE(None, *[ctypes.c_void_p] * 3)(("PyErr_Restore", ctypes.pythonapi))


def _keep(kind: int | None, value: int | None, trace: int | None) -> None:
    try:
        _restore(kind, value, trace)
    except BaseException as error:
        thread = threading.get_ident()
        if thread not in RAISED:
            RAISED[thread] = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
            watched = _WATCHED.get(thread) or (next(iter(_WATCHED.values())) if len(_WATCHED) == 1 else None)
            if watched is not None:
                watched.step = int(watched.now[0])


_entry = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(_keep)
_address = ctypes.cast(_entry, ctypes.c_void_p).value


class _Raising(CPUContext):  # type: ignore[misc]
    """numba's context, whose C functions keep what was raised."""

    def create_cfunc_wrapper(self, library: Any, fndesc: Any, env: Any, call_helper: Any) -> None:
        module = self.create_module("cfunc_wrapper")
        inner = ir.Function(module, self.call_conv.get_function_type(fndesc.restype, fndesc.argtypes),
                            fndesc.llvm_func_name)
        kind = ir.FunctionType(self.get_value_type(fndesc.restype), [self.get_value_type(ty) for ty in fndesc.argtypes])
        outer = ir.Function(module, kind, fndesc.llvm_cfunc_wrapper_name)
        builder = ir.IRBuilder(outer.append_basic_block("entry"))
        status, out = self.call_conv.call_function(builder, inner, fndesc.restype, fndesc.argtypes, outer.args,
                                                   attrs=("noinline",))
        with builder.if_then(status.is_error, likely=False):
            api = self.get_python_api(builder)
            lock = api.gil_ensure()
            self.call_conv.raise_error(builder, api, status)
            places = [builder.alloca(api.pyobj) for _ in range(3)]
            api.err_fetch(*places)
            keep = ir.FunctionType(ir.VoidType(), [api.pyobj] * 3).as_pointer()
            builder.call(builder.inttoptr(ir.Constant(ir.IntType(64), _address), keep), list(map(builder.load, places)))
            api.gil_release(lock)
        builder.ret(out)
        library.add_ir_module(module)


def raising(context: Any) -> Any:
    """numba's context for a unit with code of the user's."""
    made = copy.copy(context)
    made.__class__ = _Raising
    return made


def check_raised() -> None:
    """Raise what was raised in this thread, or in one that is none of Python's."""
    error = RAISED.pop(threading.get_ident(), None)
    known = {each.ident for each in threading.enumerate()}
    for thread in [each for each in RAISED if each not in known]:
        error = RAISED.pop(thread, None) if error is None else error
    if error is not None:
        raise error
