"""Frames: NamedTuples of arrays, numbers and further NamedTuples, seen by compiled code through one pointer.

A frame is packed once, as a row of 8-byte words; compiled code takes its address, and reads ``frame.work.reward`` as it
reads a field of the NamedTuple itself. What a function does not use costs it nothing, neither when it runs nor when it
is compiled, and a call hands over one number where a NamedTuple would be dozens.

The words of an array are its address and its shape (and strides unless it is contiguous), those of a nested NamedTuple
follow one another. Nobody writes to words while code runs, and the compiler is told so: it may keep what it read.

A :class:`Bound` is a kernel together with its frame: code, and where the words are (see :mod:`.calls`). A field of a
frame may be one.
"""

from __future__ import annotations

import hashlib
import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model, typeof_impl
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

from . import cache
from .options import UNCOMPILED
from .raised import RAISED, check_raised

WORD = ir.IntType(64)


# ------------------------------------------------------------------------------------------------------------ types
class Target(types.Type):  # type: ignore[misc]
    """A :class:`Bound` in a frame: the address of its code, and that of its words."""

    def __init__(self) -> None:
        super().__init__(name="Bound")


TARGET = Target()


@register_model(Target)
class _TargetModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, [("code", types.int64), ("where", types.int64)])


_numbers: weakref.WeakKeyDictionary[type, int] = weakref.WeakKeyDictionary()
_count = itertools.count(1)


def _number(cls: type) -> int:
    """0 for classes of the package; others are told apart, as one that is defined again has the names of the first."""
    return 0 if cls is tuple or cache.own(cls.__module__) else _numbers.setdefault(cls, next(_count))


class At(types.Type):  # type: ignore[misc]
    """The address of a frame: a NamedTuple class (or tuple) and the types of its fields."""

    def __init__(self, cls: type, kinds: tuple[Any, ...]) -> None:
        self.instance_class, self.kinds = cls, kinds
        self.names: tuple[str, ...] = getattr(cls, "_fields", tuple(f"f{n}" for n in range(len(kinds))))
        self.starts = list(itertools.accumulate((words_of(kind) for kind in kinds), initial=0))
        facts = f"{cls.__module__}.{cls.__qualname__}({', '.join(map('{}: {!r}'.format, self.names, kinds))})"
        number = _number(cls)
        super().__init__(name=f"{cls.__name__}@{hashlib.sha256(facts.encode()).hexdigest()[:16]}"
                         + (f".{number}" if number else ""))

    @property
    def key(self) -> Any:
        return self.instance_class, self.kinds

    def modules(self) -> set[str]:
        """Where the classes in it are defined."""
        frames: list[At] = [kind.at if isinstance(kind, Ref) else kind for kind in self.kinds
                            if isinstance(kind, At | Ref)]
        inner = (each.modules() for each in frames)
        return set().union({self.instance_class.__module__} if self.instance_class is not tuple else set(), *inner)


class Ref(types.Type):  # type: ignore[misc]
    """A field that holds the address of a frame of its own words (see :class:`Held`)."""

    def __init__(self, at: At) -> None:
        self.at = at
        super().__init__(name=f"ref {at.name}")

    @property
    def key(self) -> Any:
        return self.at


@register_model(At)
class _AtModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, WORD)


def words_of(kind: Any) -> int:
    """How many words a field of this type takes."""
    if isinstance(kind, types.Array):
        return 1 + kind.ndim * (1 if kind.layout == "C" else 2)
    if isinstance(kind, At):
        return kind.starts[-1]
    if isinstance(kind, types.BaseTuple):
        return len(kind)
    return 2 if kind is TARGET else 1


def kind_of(value: Any) -> Any:
    """The type that compiled code sees for a value."""
    if isinstance(value, np.ndarray):
        return types.Array(from_dtype(value.dtype), value.ndim, "C" if value.flags.c_contiguous else "A")
    if isinstance(value, bool | np.bool_):
        return types.boolean
    if isinstance(value, int | np.signedinteger):
        return types.int64
    if isinstance(value, np.unsignedinteger):
        return types.uint64
    if isinstance(value, float | np.floating):
        return types.float64
    if isinstance(value, Bound):
        return TARGET
    if isinstance(value, Bounds):
        return types.Array(types.int64, 2, "C")
    if isinstance(value, Held):
        return Ref(kind_of(value.frame))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return types.BaseTuple.from_types(tuple(map(kind_of, value)))
    if isinstance(value, tuple):
        return At(type(value), tuple(map(kind_of, value)))
    raise TypeError(f"a frame holds arrays, numbers and NamedTuples of them, found {value!r}")


def _read_value(value: Any, words: list[Any], key: list[Any]) -> None:
    """The words of a value, and what decides its type: much faster than its numba type, for what is bound often."""
    cls = type(value)
    if cls is np.ndarray:
        words.append(value.__array_interface__["data"][0])
        words.extend(value.shape)
        if value.flags.c_contiguous:
            key += (value.dtype.char, value.ndim)
        else:
            key += (value.dtype.char, -1 - value.ndim)
            words.extend(value.strides)
    elif cls is Bound:
        key.append(cls)
        words += (value.code, value.where)
    elif cls is Bounds:
        key.append(cls)
        _read_value(value.table, words, key)
    elif cls is Held:
        key += (cls, value.key)
        words.append(value.where)
    elif isinstance(value, tuple):
        key += (cls, len(value))
        for each in value:
            _read_value(each, words, key)
    elif isinstance(value, np.ndarray):
        _read_value(np.asarray(value), words, key)
    else:
        key.append(cls)
        words.append(value)


def packed(frame: Any, spare: int = 0) -> tuple[Any, tuple[Any, ...]]:
    """The words of a frame, and ``spare`` more; and what decides its type."""
    found: list[Any] = []
    key: list[Any] = []
    _read_value(frame, found, key)
    words = np.zeros(len(found) + spare, np.int64)
    numbers = words.view(np.float64)
    for at, value in enumerate(found):
        if isinstance(value, float):
            numbers[at] = value
        else:
            words[at] = value
    return words, tuple(key)


# ---------------------------------------------------------------------------------------------------------- reading
def _word(builder: Any, where: Any, at: int, kind: Any = WORD) -> Any:
    """Word ``at``, which nobody changes while code runs."""
    address = builder.add(where, ir.Constant(WORD, 8 * at))
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


def contiguous(builder: Any, shape: list[Any], size: int) -> list[Any]:
    strides, step = [], ir.Constant(WORD, size)
    for length in reversed(shape):
        strides.append(step)
        step = builder.mul(step, length)
    return strides[::-1]


def made_array(context: Any, builder: Any, kind: Any, address: Any, shape: list[Any], strides: list[Any],
                size: int) -> Any:
    made = context.make_array(kind)(context, builder)
    arrayobj.populate_array(made, data=builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer()),
                            shape=cgutils.pack_array(builder, shape) if shape else [],
                            strides=cgutils.pack_array(builder, strides) if shape else [],
                            itemsize=ir.Constant(WORD, size), meminfo=None)
    return made._getvalue()


def _array(context: Any, builder: Any, kind: Any, where: Any, at: int) -> Any:
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    shape = [_word(builder, where, at + 1 + d) for d in range(kind.ndim)]
    if kind.layout == "C":
        strides = contiguous(builder, shape, size)
    else:
        strides = [_word(builder, where, at + 1 + kind.ndim + d) for d in range(kind.ndim)]
    return made_array(context, builder, kind, _word(builder, where, at), shape, strides, size)


def _field(context: Any, builder: Any, kind: Any, where: Any, at: int) -> Any:
    """What a field holds, as compiled code has it."""
    if isinstance(kind, types.Array):
        return _array(context, builder, kind, where, at)
    if isinstance(kind, At):
        return builder.add(where, ir.Constant(WORD, 8 * at))
    if isinstance(kind, types.BaseTuple):
        return context.make_tuple(builder, kind, [_field(context, builder, each, where, at + n)
                                                  for n, each in enumerate(kind.types)])
    if kind is TARGET:
        made = cgutils.create_struct_proxy(TARGET)(context, builder)
        made.code, made.where = _word(builder, where, at), _word(builder, where, at + 1)
        return made._getvalue()
    if kind is types.float64:
        return _word(builder, where, at, ir.DoubleType())
    value = _word(builder, where, at)
    return builder.icmp_signed("!=", value, ir.Constant(WORD, 0)) if kind is types.boolean else value


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = At

    def generic_resolve(self, kind: Any, name: str) -> Any:
        if name not in kind.names:
            return None
        found = kind.kinds[kind.names.index(name)]
        return found.at if isinstance(found, Ref) else found


@lower_getattr_generic(At)
def _read(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    at = kind.names.index(name)
    return _field(context, builder, kind.kinds[at], value, kind.starts[at])


@intrinsic
def fields_of(typingctx: Any, frame: Any) -> Any:
    """The fields of a frame as a tuple."""
    result = types.BaseTuple.from_types(tuple(kind.at if isinstance(kind, Ref) else kind for kind in frame.kinds))

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [_field(context, builder, kind, args[0], start)
                 for kind, start in zip(frame.kinds, frame.starts, strict=False)]
        return context.make_tuple(builder, result, parts)

    return result(frame), codegen


@intrinsic
def leave(typingctx: Any, frame: Any, value: Any) -> Any:
    """Write a number, or a tuple of numbers, behind the words of a frame."""
    kinds = value.types if isinstance(value, types.BaseTuple) else () if value is types.none else (value,)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = cgutils.unpack_tuple(builder, args[1]) if isinstance(value, types.BaseTuple) else [args[1]]
        for n, (kind, part) in enumerate(zip(kinds, parts, strict=False)):
            address = builder.add(args[0], ir.Constant(WORD, 8 * (frame.starts[-1] + n)))
            wide = part
            if isinstance(kind, types.Boolean) or (isinstance(kind, types.Integer) and kind.bitwidth < 64):
                wide = context.cast(builder, part, kind, types.int64)
            builder.store(wide, builder.inttoptr(address, wide.type.as_pointer()))
        return context.get_dummy_value()

    return types.void(frame, value), codegen


# --------------------------------------------------------------------------------- values that hold code or addresses
PASSED = 5  # numbers that a call hands over beside the frame
ZEROS = [(0,) * (PASSED - n) for n in range(PASSED + 1)]


class Bound:
    """A unit and its frame. Call it with up to :data:`PASSED` integers."""

    __slots__ = ("_run", "code", "frame", "kernel", "library", "where", "words")

    def __init__(self, kernel: Callable[..., Any], frame: Any, words: Any = None, code: int = 0, library: Any = None,
                 run: Any = None) -> None:
        self.kernel, self.frame, self.words = kernel, frame, words
        self.code, self.library, self._run = code, library, run
        self.where = 0 if words is None else int(words.__array_interface__["data"][0])

    def __call__(self, *numbers: int) -> None:
        if UNCOMPILED:
            given = (*numbers, *ZEROS[len(numbers)])
            self.kernel(self.frame, *given[:self.kernel.__code__.co_argcount - 1])
        else:
            self._run(self.where, *numbers, *ZEROS[len(numbers)])
            if RAISED:
                check_raised()

    def __repr__(self) -> str:
        return f"<{self.kernel.__qualname__} bound to a {type(self.frame).__name__}>"


class Held:
    """A frame with words of its own, packed once, however many frames it is a field of: they hold its address alone.

    Python reads its fields as those of the NamedTuple.
    """

    __slots__ = ("frame", "key", "where", "words")

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        if not UNCOMPILED:
            self.words, self.key = packed(frame)
            self.where = int(self.words.__array_interface__["data"][0])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.frame, name)


class Bounds:
    """Several :class:`Bound`, for :func:`.calls.call_each`; in a frame, a table of their code and words."""

    __slots__ = ("bounds", "table")

    def __init__(self, bounds: Sequence[Bound]) -> None:
        self.bounds = tuple(bounds)
        self.table = np.array([(each.code, each.where) for each in self.bounds], np.int64).reshape(-1, 2)

    def __getitem__(self, some: slice) -> Bounds:
        return Bounds(self.bounds[some])


@typeof_impl.register(Bound)
def _typeof(value: Any, context: Any) -> Any:
    return TARGET
