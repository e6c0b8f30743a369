"""Frames: NamedTuples of arrays, numbers and further NamedTuples, seen by compiled code through one pointer.

A frame is packed once, as a row of 8-byte words; compiled code takes its address, and reads ``frame.work.reward`` as it reads a
field of the NamedTuple itself. What a function does not use costs it nothing, neither when it runs nor when it is compiled, and
a call hands over one number where a NamedTuple would be dozens.

The words of an array are its address and its shape (and strides unless it is contiguous), those of a nested NamedTuple
follow one another. Nobody writes to words while code runs, and the compiler is told so: it may keep what it read.

A :class:`Bound` is a kernel together with its frame: code, and where the words are. Kernels call it with :func:`call`, Python as
``bound(...)``. A field of a frame may be one.
"""

from __future__ import annotations

import ctypes
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
from numba.extending import intrinsic, models, register_jitable, register_model, typeof_impl
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

from . import cache
from .options import UNCOMPILED
from .units import code_of, compiling

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
        super().__init__(name=f"{cls.__name__}@{hashlib.sha256(facts.encode()).hexdigest()[:16]}" + (f".{number}" if number else ""))

    @property
    def key(self) -> Any:
        return self.instance_class, self.kinds

    def modules(self) -> set[str]:
        """Where the classes in it are defined."""
        frames: list[At] = [kind.at if isinstance(kind, Ref) else kind for kind in self.kinds if isinstance(kind, At | Ref)]
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
    """The type that compiled code sees in the place of a value."""
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
    """The words of a value, and what decides its type: much faster than its numba type, for what is bound again and again."""
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
    for place, value in enumerate(found):
        if isinstance(value, float):
            numbers[place] = value
        else:
            words[place] = value
    return words, tuple(key)


# ---------------------------------------------------------------------------------------------------------- reading
def _word(builder: Any, where: Any, place: int, kind: Any = WORD) -> Any:
    """Word ``place``, which nobody changes while code runs."""
    address = builder.add(where, ir.Constant(WORD, 8 * place))
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


def _contiguous(builder: Any, shape: list[Any], size: int) -> list[Any]:
    strides, step = [], ir.Constant(WORD, size)
    for length in reversed(shape):
        strides.append(step)
        step = builder.mul(step, length)
    return strides[::-1]


def _made_array(context: Any, builder: Any, kind: Any, address: Any, shape: list[Any], strides: list[Any], size: int) -> Any:
    made = context.make_array(kind)(context, builder)
    arrayobj.populate_array(made, data=builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer()),
                            shape=cgutils.pack_array(builder, shape) if shape else [],
                            strides=cgutils.pack_array(builder, strides) if shape else [], itemsize=ir.Constant(WORD, size), meminfo=None)
    return made._getvalue()


def _array(context: Any, builder: Any, kind: Any, where: Any, place: int) -> Any:
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    shape = [_word(builder, where, place + 1 + d) for d in range(kind.ndim)]
    if kind.layout == "C":
        strides = _contiguous(builder, shape, size)
    else:
        strides = [_word(builder, where, place + 1 + kind.ndim + d) for d in range(kind.ndim)]
    return _made_array(context, builder, kind, _word(builder, where, place), shape, strides, size)


def _field(context: Any, builder: Any, kind: Any, where: Any, place: int) -> Any:
    """What a field holds, as compiled code has it."""
    if isinstance(kind, types.Array):
        return _array(context, builder, kind, where, place)
    if isinstance(kind, At):
        return builder.add(where, ir.Constant(WORD, 8 * place))
    if isinstance(kind, types.BaseTuple):
        return context.make_tuple(builder, kind, [_field(context, builder, each, where, place + n) for n, each in enumerate(kind.types)])
    if kind is TARGET:
        made = cgutils.create_struct_proxy(TARGET)(context, builder)
        made.code, made.where = _word(builder, where, place), _word(builder, where, place + 1)
        return made._getvalue()
    if kind is types.float64:
        return _word(builder, where, place, ir.DoubleType())
    value = _word(builder, where, place)
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
    place = kind.names.index(name)
    return _field(context, builder, kind.kinds[place], value, kind.starts[place])


@intrinsic
def _all(typingctx: Any, frame: Any) -> Any:
    """The fields of a frame as a tuple."""
    result = types.BaseTuple.from_types(tuple(kind.at if isinstance(kind, Ref) else kind for kind in frame.kinds))

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [_field(context, builder, kind, args[0], start) for kind, start in zip(frame.kinds, frame.starts, strict=False)]
        return context.make_tuple(builder, result, parts)

    return result(frame), codegen


@intrinsic
def _leave(typingctx: Any, frame: Any, value: Any) -> Any:
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


# ---------------------------------------------------------------------------------------------------------- calling
RETURNED = 8  # words behind those of an entry's arguments, for what it returns
PASSED = 5  # numbers that a call hands over beside the frame
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_int64] * PASSED)


_ZEROS = [(0,) * (PASSED - n) for n in range(PASSED + 1)]


class Bound:
    """A unit and its frame. Call it with up to :data:`PASSED` integers."""

    __slots__ = ("_run", "code", "frame", "kernel", "library", "where", "words")

    def __init__(self, kernel: Callable[..., Any], frame: Any, words: Any = None, code: int = 0, library: Any = None,
                 run: Any = None) -> None:
        self.kernel, self.frame, self.words, self.code, self.library, self._run = kernel, frame, words, code, library, run
        self.where = 0 if words is None else int(words.__array_interface__["data"][0])

    def __call__(self, *numbers: int) -> None:
        if UNCOMPILED:
            self.kernel(self.frame, *numbers[:self.kernel.__code__.co_argcount - 1])
        else:
            self._run(self.where, *numbers, *_ZEROS[len(numbers)])

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
    """Several :class:`Bound`, for :func:`call_each`; in a frame, a table of their code and words, however many there are."""

    __slots__ = ("bounds", "table")

    def __init__(self, bounds: Sequence[Bound]) -> None:
        self.bounds = tuple(bounds)
        self.table = np.array([(each.code, each.where) for each in self.bounds], np.int64).reshape(-1, 2)

    def __getitem__(self, some: slice) -> Bounds:
        return Bounds(self.bounds[some])


def _sources(function: Callable[..., Any], kind: At) -> set[str] | None:
    """The modules that a function and the classes of its frame come from; None if some code in it cannot be stamped."""
    modules = {function.__module__} | kind.modules()
    return modules if all(map(cache.own, modules)) and function.__closure__ is None else None


class Unit:
    """A kernel that is called by address, ``kernel(frame, a, b, ...)`` with integers a, b, ..; what calls it links none of its code."""

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
    """A kernel as Python calls it, ``entry(*arguments)``: the arguments are its frame, and what it returns lies behind their words."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self._made: dict[Any, tuple[Any, Any, list[str]]] = {}

    def __call__(self, *arguments: Any) -> Any:
        words, key = packed(arguments, spare=RETURNED)
        made = self._made.get(key)
        if made is None:
            kind = At(tuple, tuple(map(kind_of, arguments)))
            with compiling(self.kernel.__name__, _sources(self.kernel.py_func, kind) is not None):
                made = self._made[key] = self._compile(kind)
        made[1](int(words.__array_interface__["data"][0]), *_ZEROS[0])
        found = [_RESULTS[name](words[words.size - RETURNED + n:]) for n, name in enumerate(made[2])]
        return tuple(found) if len(found) != 1 else found[0] if found else None

    def _compile(self, kind: Any) -> tuple[Any, Any, list[str]]:
        kernel, function = self.kernel, self.kernel.py_func
        modules = _sources(function, kind)

        def entry(frame: Any) -> None:
            _leave(frame, kernel(*_all(frame)))

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


@intrinsic
def _call(typingctx: Any, code: Any, arguments: Any) -> Any:
    """Call the C function at an address with integers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = [context.cast(builder, value, kind, types.int64)
                  for value, kind in zip(cgutils.unpack_tuple(builder, args[1]), signature.args[1].types, strict=True)]
        function = ir.FunctionType(ir.VoidType(), [WORD] * len(values))
        builder.call(builder.inttoptr(args[0], function.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(code, arguments), codegen


call_address = _call


def _emit_call(context: Any, builder: Any, target: Any, numbers: Any, kinds: Any) -> Any:
    passed = [context.cast(builder, value, kind, types.int64)
              for value, kind in zip(cgutils.unpack_tuple(builder, numbers), kinds.types, strict=True)]
    passed += [ir.Constant(WORD, 0)] * (PASSED - len(passed))
    function = ir.FunctionType(ir.VoidType(), [WORD] * (1 + PASSED))
    builder.call(builder.inttoptr(target.code, function.as_pointer()), [target.where, *passed])
    return context.get_dummy_value()


@intrinsic
def _call_bound(typingctx: Any, bound: Any, numbers: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = cgutils.create_struct_proxy(TARGET)(context, builder, value=args[0])
        return _emit_call(context, builder, target, args[1], signature.args[1])

    return types.void(bound, numbers), codegen


@intrinsic
def _call_row(typingctx: Any, code: Any, where: Any, numbers: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(TARGET)(context, builder)
        made.code, made.where = args[0], args[1]
        return _emit_call(context, builder, made, args[2], signature.args[2])

    return types.void(code, where, numbers), codegen


@intrinsic
def _array_at(typingctx: Any, address: Any, shape: Any, dtype: Any) -> Any:
    kind = types.Array(dtype.instance_type, len(shape), "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        lengths = [context.cast(builder, each, found, types.int64)
                   for each, found in zip(cgutils.unpack_tuple(builder, args[1]), shape.types, strict=True)]
        return _made_array(context, builder, kind, args[0], lengths, _contiguous(builder, lengths, size), size)

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


@typeof_impl.register(Bound)
def _typeof(value: Any, context: Any) -> Any:
    return TARGET
