"""What the lanes of a vector come to, and entries written by a flat index (read by :func:`.vectors.gather`).

For what every stage of a small game does many times: with ``array[s, i]`` the compiler multiplies by a length that it
does not know, and asks whether s and i are negative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .options import LANES, UNCOMPILED

__all__ = ["lane_bits", "lane_max", "ones", "poke", "store_pairs", "trailing_zeros"]


@intrinsic
def poke(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Overwrite the entry at a flat index."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store(args[2], builder.gep(data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


def _halves(builder: Any, value: Any) -> Any:
    """The larger of lanes r and r + half, for all r below half."""
    count = value.type.count // 2
    undefined = ir.Constant(value.type, ir.Undefined)
    parts = [builder.shuffle_vector(value, undefined, ir.Constant(ir.VectorType(ir.IntType(32), count),
                                                                  list(range(at, at + count)))) for at in (0, count)]
    return builder.select(builder.fcmp_ordered(">", *parts), *parts)


@intrinsic
def lane_max(typingctx: Any, value: Any) -> Any:
    """The largest of a vector of numbers, none of which is NaN."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = args[0]
        while found.type.count > 1:
            found = _halves(builder, found)
        return builder.extract_element(found, ir.Constant(ir.IntType(32), 0))

    return types.float64(value), codegen


@intrinsic
def store_pairs(typingctx: Any, array: Any, first: Any, one: Any, other: Any) -> Any:
    """array[first + 2 r] = one[r], array[first + 2 r + 1] = other[r], of a flat array."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        mixed = [lane for r in range(LANES) for lane in (r, LANES + r)]
        order = ir.Constant(ir.VectorType(ir.IntType(32), 2 * LANES), mixed)
        both = builder.shuffle_vector(args[2], args[3], order)
        builder.store(both, builder.bitcast(builder.gep(data, [args[1]]), both.type.as_pointer())).align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, one, other), codegen


@intrinsic
def lane_bits(typingctx: Any, mask: Any) -> Any:
    """A comparison of vectors as an integer: bit r for lane r."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        narrow = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.zext(narrow, ir.IntType(64))

    return types.int64(mask), codegen


@intrinsic
def ones(typingctx: Any, value: Any) -> Any:
    """How many bits of an integer are set."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.int64), codegen


@intrinsic
def trailing_zeros(typingctx: Any, value: Any) -> Any:
    """The place of the lowest bit that is set, of an integer that is not 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


if UNCOMPILED:

    def lane_max(value):
        return value.max()

    def store_pairs(array, first, one, other):
        array[first:first + 2 * LANES] = np.stack([one, other], axis=1).reshape(-1)

    def lane_bits(mask):
        return int(sum(1 << r for r in range(LANES) if mask[r]))

    def ones(value):
        return value.bit_count()

    def trailing_zeros(value):
        return (value & -value).bit_length() - 1

    def poke(array, index, value):
        array.reshape(-1)[index] = value
