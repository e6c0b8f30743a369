"""Calls by address: a kernel is bound to its frame once, and then called with up to PASSED integers.

A :class:`Unit` makes :class:`.frames.Bound`, which kernels call with :func:`call` and Python as ``bound(...)``. An
:class:`Entry` is how Python calls a kernel that takes arrays and numbers: these are packed as a frame.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from . import cache
from .frames import (
    PASSED,
    TARGET,
    WORD,
    ZEROS,
    At,
    Bound,
    Held,
    contiguous,
    fields_of,
    kind_of,
    leave,
    made_array,
    packed,
)
from .options import UNCOMPILED
from .raised import RAISED, check_raised
from .units import code_of, compiling

RETURNED = 8  # words behind those of an entry's arguments, for what it returns
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_int64] * PASSED)


def _sources(function: Callable[..., Any], kind: At) -> set[str] | None:
    """The modules that a function and the classes of its frame come from; None if some code in it cannot be stamped."""
    modules = {function.__module__} | kind.modules()
    return modules if all(map(cache.own, modules)) and function.__closure__ is None else None


class Unit:
    """A kernel called by address, ``kernel(frame, a, b, ...)`` with integers; what calls it links none of its code."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.function, self.options = function, options
        self._made: dict[Any, tuple[int, Any, Any]] = {}
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__

    def bind(self, frame: Any) -> Bound:
        """The unit with a frame, ready to be called; compiles it for the frame's types, or loads it."""
        if UNCOMPILED:
            return Bound(self.function, frame)
        words, key = (frame.words, frame.key) if type(frame) is Held else packed(frame)
        made = self._made.get(key)
        if made is None:
            kind = kind_of(frame.frame if type(frame) is Held else frame)
            modules = _sources(self.function, kind)
            passed = self.function.__code__.co_argcount - 1
            with compiling(self.function.__name__, modules is not None):
                code = code_of(self.function, self.function, (kind, *[types.int64] * passed), modules, self.options)
                made = self._made[key] = (code.address, code.library, _SIGNATURE(code.address))
        return Bound(self.function, frame, words, *made)

    def __repr__(self) -> str:
        return f"<unit {self.__module__}.{self.__name__}: {len(self._made)} versions>"


class Entry:
    """A kernel as Python calls it: the arguments are its frame, and what it returns lies behind their words."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self._made: dict[Any, tuple[Any, Any, list[str]]] = {}

    def __call__(self, *arguments: Any) -> Any:
        words, key = packed(arguments, spare=RETURNED)
        made = self._made.get(key)
        if made is None:
            kind = At(tuple, tuple(map(kind_of, arguments)))
            modules = _sources(self.kernel.py_func, kind)
            with compiling(self.kernel.__name__, modules is not None):
                made = self._made[key] = self._compile(kind, modules)
        made[1](int(words.__array_interface__["data"][0]), *ZEROS[0])
        if RAISED:
            check_raised()
        found = [_RESULTS[name](words[words.size - RETURNED + n:]) for n, name in enumerate(made[2])]
        return tuple(found) if len(found) != 1 else found[0] if found else None

    def _compile(self, kind: Any, modules: set[str] | None) -> tuple[Any, Any, list[str]]:
        kernel, function = self.kernel, self.kernel.py_func

        def entry(frame: Any) -> None:
            leave(frame, kernel(*fields_of(frame)))

        def results() -> dict[str, Any]:
            value = kernel.overloads[tuple(getattr(each, "at", each) for each in kind.kinds)].signature.return_type
            kinds = value.types if isinstance(value, types.BaseTuple) else () if value is types.none else (value,)
            return {"results": [str(each) for each in kinds]}

        code = code_of(entry, function, (kind,), modules, {"entry": True}, results)
        return code.library, _SIGNATURE(code.address), code.facts["results"]


_RESULTS: dict[str, Callable[[Any], Any]] = {
    "float64": lambda words: float(words[:1].view(np.float64)[0]), "int64": lambda words: int(words[0]),
    "uint64": lambda words: int(words[:1].view(np.uint64)[0]), "bool": lambda words: bool(words[0])}


def unit(function: Callable[..., Any]) -> Unit:
    """Decorate a kernel that is called by address; see :class:`Unit`."""
    return Unit(function)


def _emit_call(context: Any, builder: Any, code: Any, numbers: Any, kinds: Any, first: tuple[Any, ...] = (),
               count: int = 0) -> Any:
    """Call the C function at an address with ``first`` and integers, ``count`` of these, zeros last."""
    passed = [context.cast(builder, value, kind, types.int64)
              for value, kind in zip(cgutils.unpack_tuple(builder, numbers), kinds.types, strict=True)]
    passed = [*first, *passed, *[ir.Constant(WORD, 0)] * (count - len(passed))]
    function = ir.FunctionType(ir.VoidType(), [WORD] * len(passed))
    builder.call(builder.inttoptr(code, function.as_pointer()), passed)
    return context.get_dummy_value()


@intrinsic
def call_address(typingctx: Any, code: Any, numbers: Any) -> Any:
    """Call the C function at an address with a tuple of integers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _emit_call(context, builder, args[0], args[1], signature.args[1])

    return types.void(code, numbers), codegen


@intrinsic
def _call_bound(typingctx: Any, bound: Any, numbers: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = cgutils.create_struct_proxy(TARGET)(context, builder, value=args[0])
        return _emit_call(context, builder, to.code, args[1], signature.args[1], (to.where,), PASSED)

    return types.void(bound, numbers), codegen


@intrinsic
def _call_row(typingctx: Any, code: Any, where: Any, numbers: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _emit_call(context, builder, args[0], args[2], signature.args[2], (args[1],), PASSED)

    return types.void(code, where, numbers), codegen


@intrinsic
def _array_at(typingctx: Any, address: Any, shape: Any, dtype: Any) -> Any:
    kind = types.Array(dtype.instance_type, len(shape), "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        lengths = [context.cast(builder, each, found, types.int64)
                   for each, found in zip(cgutils.unpack_tuple(builder, args[1]), shape.types, strict=True)]
        return made_array(context, builder, kind, args[0], lengths, contiguous(builder, lengths, size), size)

    return kind(address, shape, dtype), codegen


if UNCOMPILED:

    def call(bound: Any, numbers: tuple[Any, ...]) -> None:
        """Call a :class:`Bound` from a kernel with a tuple of up to :data:`PASSED` integers."""
        bound(*map(int, numbers))

    def call_each(bounds: Any, numbers: tuple[Any, ...]) -> None:
        """Call the units of a :class:`Bounds` one after the other."""
        for each in bounds.bounds:
            each(*map(int, numbers))

    def array_at(address: Any, shape: Any, dtype: Any) -> Any:
        """The array at an address that a kernel was handed."""
        count = int(np.prod(shape))
        raw = (ctypes.c_char * (count * np.dtype(dtype).itemsize)).from_address(int(address)) if count else b""
        return np.frombuffer(raw, dtype).reshape(shape)

else:
    call = _call_bound

    @register_jitable
    def call_each(table: Any, numbers: Any) -> None:
        """Call the units of a :class:`Bounds` one after the other."""
        for m in range(table.shape[0]):
            _call_row(table[m, 0], table[m, 1], numbers)

    array_at = _array_at
