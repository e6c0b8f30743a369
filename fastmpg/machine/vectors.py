"""Eight numbers at a time: vectors that compiled code computes with as with numbers, and that round as numbers do.

A function written with +, -, *, /, comparisons, :func:`select` and :func:`fma` runs unchanged on floats and on vectors
of LANES floats, and gives the same bits on both: nothing is left to the compiler's own vectoriser, and no product and
sum are fused unless :func:`fma` says so. Uncompiled, vectors are NumPy arrays of length LANES.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, models, register_model

from .options import LANES, UNCOMPILED

__all__ = ["LANES", "aligned", "any_lane", "bits", "broadcast", "broadcast_halves", "columns_out", "constant",
           "constants", "fma", "gather", "load", "load_halves", "number", "select", "store",
           "store_halves", "whole"]

LINE = 64  # bytes of a cache line: vectors that begin on one never lie across two, which costs up to a third of a step


def aligned(size: int, fill: float = 0.0, dtype: Any = np.float64) -> Any:
    """A new array that begins on a cache line."""
    raw = np.empty(size * np.dtype(dtype).itemsize + LINE, np.uint8)
    first = -raw.ctypes.data % LINE
    table = raw[first:raw.size - LINE + first].view(dtype)
    table[:] = fill
    return table


class Vector(types.Type):  # type: ignore[misc]
    """LANES numbers of one type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype}, {LANES})")


KINDS = {types.float64: ir.DoubleType(), types.uint64: ir.IntType(64), types.int64: ir.IntType(64),
         types.boolean: ir.IntType(1)}
VECTORS = {kind: Vector(kind) for kind in KINDS}
MASK = VECTORS[types.boolean]
INDEX = ir.IntType(32)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(KINDS[fe_type.dtype], LANES))


# ------------------------------------------------------------------------------------------------------- arithmetic
def _splat(builder: Any, value: Any) -> Any:
    kind = ir.VectorType(value.type, LANES)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INDEX, 0))
    zeros = ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)


def _widen(context: Any, builder: Any, value: Any, found: Any, vector: Vector) -> Any:
    """A number beside a vector means that number in every lane."""
    return value if isinstance(found, Vector) else _splat(builder, context.cast(builder, value, found, vector.dtype))


def _vector_among(*found: Any) -> Any:
    return next((each for each in found if isinstance(each, Vector)), None)


def _install(symbol: Any, emit: Callable[..., Any], result: Any = None) -> None:
    """Let an operator take vectors.

    An overload would be a function of its own for every pair of types, compiled by itself.
    """

    class Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            vector = _vector_among(*args) if len(args) == 2 else None
            return None if vector is None else (result or vector)(*map(types.unliteral, args))

    Template.key = symbol
    infer_global(symbol, types.Function(Template))

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = _vector_among(*signature.args)
        x, y = (_widen(context, builder, value, found, vector)
                for value, found in zip(args, signature.args, strict=True))
        return emit(builder, vector.dtype, x, y)

    for kinds in ((Vector, Vector), (Vector, types.Any), (types.Any, Vector)):
        lower_builtin(symbol, *kinds)(lower)


def _compare(sign: str) -> Callable[..., Any]:
    return lambda b, kind, x, y: b.fcmp_ordered(sign, x, y) if kind is types.float64 else b.icmp_signed(sign, x, y)


for _symbol, _float, _whole in ((operator.add, "fadd", "add"), (operator.sub, "fsub", "sub"),
                                (operator.mul, "fmul", "mul"), (operator.truediv, "fdiv", ""),
                                (operator.and_, "", "and_"), (operator.or_, "", "or_"), (operator.xor, "", "xor"),
                                (operator.lshift, "", "shl")):
    _install(_symbol, lambda b, kind, x, y, f=_float, w=_whole: getattr(b, f if kind is types.float64 else w)(x, y))
_install(operator.rshift, lambda b, kind, x, y: b.lshr(x, y) if kind is types.uint64 else b.ashr(x, y))
for _symbol, _sign in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="),
                       (operator.eq, "==")):
    _install(_symbol, _compare(_sign), MASK)


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    vector = _vector_among(a, b, c)
    name, result = (f"llvm.fma.v{LANES}f64", vector) if vector else ("llvm.fma.f64", types.float64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = zip(args, signature.args, strict=True)
        terms = [_widen(context, builder, x, t, vector) if vector else context.cast(builder, x, t, types.float64)
                 for x, t in pairs]
        kind = terms[0].type
        return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name),
                            terms)

    return result(a, b, c), codegen


@intrinsic
def select(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b; both are computed."""
    vector = _vector_among(a, b)
    if vector is None and isinstance(condition, Vector):
        vector = VECTORS[types.float64 if types.float64 in (a, b) else types.int64]
    result = vector or (types.float64 if types.float64 in (a, b) else types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = list(zip(args[1:], signature.args[1:], strict=True))
        if vector is None:
            x, y = (context.cast(builder, value, found, result) for value, found in pairs)
        else:
            x, y = (_widen(context, builder, value, found, vector) for value, found in pairs)
        return builder.select(args[0], x, y)

    return result(condition, a, b), codegen


def _reinterpret(source: Any, target: Any) -> Any:
    @intrinsic
    def cast(typingctx: Any, a: Any) -> Any:
        wide = isinstance(a, Vector)
        found, made = (VECTORS[source], VECTORS[target]) if wide else (source, target)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.VectorType(KINDS[target], LANES) if wide else KINDS[target]
            return builder.bitcast(args[0], kind)

        return made(found), codegen

    return cast


bits = _reinterpret(types.float64, types.int64)  # the int64 with a float's bits
number = _reinterpret(types.int64, types.float64)  # the float with an int64's bits
whole = _reinterpret(types.uint64, types.int64)  # a uint64 as the int64 of the same bits


@intrinsic
def any_lane(typingctx: Any, mask: Any) -> Any:
    """Whether a comparison of vectors holds in any lane; of numbers, itself."""
    if not isinstance(mask, Vector):
        return types.boolean(types.boolean), lambda context, builder, signature, args: args[0]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        packed = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", packed, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(MASK), codegen


@intrinsic
def broadcast(typingctx: Any, value: Any) -> Any:
    """A vector with a number in every lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, args[0])

    return VECTORS[value](value), codegen


def constants(*values: float) -> Any:
    """A function that returns the address of a table of numbers, for :func:`constant`.

    Compiled code reaches each constant written into it by a 64-bit address of its own, an instruction longer than an
    operand at an offset from one register; the empty assembly keeps the compiler from seeing that the table never
    changes.
    """
    if UNCOMPILED:
        return lambda: values
    kind = ir.ArrayType(ir.DoubleType(), len(values))

    @intrinsic
    def address(typingctx: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            table = cgutils.global_constant(builder.module, "constants", ir.Constant(kind, list(values)))
            where = builder.ptrtoint(table, ir.IntType(64))
            return builder.asm(ir.FunctionType(ir.IntType(64), [ir.IntType(64)]), "", "=r,0", [where], False)

        return types.intp(), codegen

    return address


@intrinsic
def constant(typingctx: Any, table: Any, index: Any) -> Any:
    """Number ``index`` of a table of :func:`constants`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(builder.inttoptr(args[0], ir.DoubleType().as_pointer()), [args[1]]))

    return types.float64(types.intp, types.intp), codegen


# ----------------------------------------------------------------------------------------------------------- memory
def _address(context: Any, builder: Any, found: Any, array: Any, index: Any, kind: Any) -> Any:
    data = context.make_array(found)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), kind.as_pointer())


def _load(builder: Any, pointer: Any) -> Any:
    value = builder.load(pointer)
    value.align = 8
    return value


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, pointer).align = 8


@intrinsic
def load(typingctx: Any, array: Any, first: Any) -> Any:
    """Entries first .. first + LANES - 1 of a flat, contiguous array."""
    kind = ir.VectorType(KINDS[array.dtype], LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(builder, _address(context, builder, signature.args[0], args[0], args[1], kind))

    return VECTORS[array.dtype](array, types.intp), codegen


@intrinsic
def store(typingctx: Any, array: Any, first: Any, value: Any) -> Any:
    """Overwrite entries first .. first + LANES - 1."""
    kind = ir.VectorType(KINDS[array.dtype], LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _store(builder, args[2], _address(context, builder, signature.args[0], args[0], args[1], kind))
        return context.get_dummy_value()

    return types.void(array, types.intp, VECTORS[array.dtype]), codegen


def _half(builder: Any, value: Any, second: bool) -> Any:
    undefined = ir.Constant(value.type, ir.Undefined)
    picks = list(range(LANES // 2 * second, LANES // 2 * (1 + second)))
    return builder.shuffle_vector(value, undefined, ir.Constant(ir.VectorType(INDEX, LANES // 2), picks))


def _join(builder: Any, first: Any, second: Any) -> Any:
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(INDEX, LANES), list(range(LANES))))


@intrinsic
def load_halves(typingctx: Any, array: Any, first: Any, other: Any, second: Any) -> Any:
    """LANES / 2 entries from ``array[first]`` on and as many from ``other[second]`` on.

    Zeros for the latter where ``other`` is of booleans: there is no second array.
    """
    kind = ir.VectorType(KINDS[array.dtype], LANES // 2)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        halves = [_load(builder, _address(context, builder, signature.args[n], args[n], args[n + 1], kind))
                  if signature.args[n].dtype == array.dtype else ir.Constant(kind, None) for n in (0, 2)]
        return _join(builder, *halves)

    return VECTORS[array.dtype](array, types.intp, other, types.intp), codegen


@intrinsic
def store_halves(typingctx: Any, array: Any, first: Any, other: Any, second: Any, value: Any) -> Any:
    """Overwrite what :func:`load_halves` reads."""
    kind = ir.VectorType(KINDS[array.dtype], LANES // 2)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for n in (0, 2):
            if signature.args[n].dtype == array.dtype:
                pointer = _address(context, builder, signature.args[n], args[n], args[n + 1], kind)
                _store(builder, _half(builder, args[4], n == 2), pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, other, types.intp, value), codegen


@intrinsic
def broadcast_halves(typingctx: Any, first: Any, second: Any) -> Any:
    """One number in the first LANES / 2 lanes, another in the others."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        picks = [0] * (LANES // 2) + [LANES] * (LANES // 2)
        return builder.shuffle_vector(*(_splat(builder, value) for value in args),
                                      ir.Constant(ir.VectorType(INDEX, LANES), picks))

    return VECTORS[first](first, first), codegen


@intrinsic
def gather(typingctx: Any, array: Any, index: Any) -> Any:
    """Entry index[r] in lane r, 32-bit integers as 64-bit ones; at a number, that entry. Flat, whatever the axes."""
    if not isinstance(index, Vector):

        def at(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data,
                                            [args[1]]))

        return array.dtype(array, types.intp), at

    dtype = types.int64 if array.dtype is types.int32 else array.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        value = ir.Constant(ir.VectorType(KINDS[dtype], LANES), ir.Undefined)
        for r in range(LANES):
            lane = ir.Constant(INDEX, r)
            entry = builder.load(builder.gep(data, [builder.extract_element(args[1], lane)]))
            value = builder.insert_element(value, context.cast(builder, entry, array.dtype, dtype), lane)
        return value

    return VECTORS[dtype](array, VECTORS[types.int64]), codegen


def _transpose(builder: Any, rows: list[Any]) -> list[Any]:
    """LANES vectors of LANES entries: pairs of rows exchange half of what they hold, at distances 4, 2, 1."""
    distance = LANES // 2
    while distance:
        low = [c if not c & distance else c - distance + LANES for c in range(LANES)]
        masks = [ir.Constant(ir.VectorType(INDEX, LANES), picks) for picks in (low, [c + distance for c in low])]
        out = list(rows)
        for r in range(LANES):
            if not r & distance:
                out[r], out[r + distance] = (builder.shuffle_vector(rows[r], rows[r + distance], mask)
                                             for mask in masks)
        rows, distance = out, distance // 2
    return rows


def _rows(context: Any, builder: Any, signature: Any, args: Any, kind: Any) -> list[Any]:
    """Where the first wanted entry of every lane's row is."""
    starts = context.make_array(signature.args[1])(context, builder, args[1]).data
    base = builder.gep(context.make_array(signature.args[0])(context, builder, args[0]).data, [args[2]])
    firsts = [builder.load(builder.gep(starts, [ir.Constant(ir.IntType(64), r)])) for r in range(LANES)]
    return [builder.bitcast(builder.gep(base, [first]), kind.as_pointer()) for first in firsts]


@intrinsic
def columns_out(typingctx: Any, array: Any, starts: Any, first: Any, source: Any, at: Any) -> Any:
    """array[starts[r] + first + c] = source[at + LANES c + r] for c < LANES: from lanes to rows in memory."""
    kind = ir.VectorType(KINDS[array.dtype], LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        columns = [_load(builder, _address(context, builder, signature.args[3], args[3],
                                           builder.add(args[4], ir.Constant(ir.IntType(64), LANES * c)), kind))
                   for c in range(LANES)]
        for value, pointer in zip(_transpose(builder, columns), _rows(context, builder, signature, args, kind),
                                  strict=True):
            _store(builder, value, pointer)
        return context.get_dummy_value()

    return types.void(array, starts, types.intp, source, types.intp), codegen


if UNCOMPILED:
    from .lanes import *  # noqa: F403
