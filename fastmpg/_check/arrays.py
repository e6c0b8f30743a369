"""Arrays of numbers, and rows of probabilities, whatever library they come from."""

from __future__ import annotations

import decimal
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .scalars import shown, typed

Float = NDArray[np.float64]
# by which probabilities may miss a sum of 1 (float64 sums of thousands of rounded terms stay far below)
TOLERANCE = 1e-8
CHUNK = 2**20  # probabilities that are normalised at a time
FORBIDDEN = "; a move that must not be made costs a large finite amount, or is left out of the actions"


def _masked(value: Any) -> int:
    """How many entries are masked, in nested lists too: numpy would read what is behind the masks."""
    if isinstance(value, np.ma.MaskedArray):
        return int(np.count_nonzero(np.ma.getmaskarray(value))) if value.dtype.names is None else 0
    if not isinstance(value, list | tuple):
        return 0
    return sum(_masked(each) for each in value if isinstance(each, list | tuple | np.ma.MaskedArray))


def is_masked(value: Any) -> bool:
    """Whether any entry is masked."""
    return _masked(value) > 0


def _entry(value: Any, name: str, at: tuple[int, ...]) -> float:
    """One number out of an array of objects, rounded to the nearest float64."""
    kind, where = type(value), f" at index {at}" if at else ""
    array_like = isinstance(value, np.ndarray | np.generic)
    known = isinstance(value, numbers.Real | decimal.Decimal)
    known = known or (array_like and value.ndim == 0 and value.dtype.kind in "fiub")
    if not known and (array_like or isinstance(value, str | bytes | numbers.Complex) or not hasattr(kind, "__float__")):
        raise TypeError(f"{name} must hold real numbers, found {typed(value)}{where}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must hold numbers that a float holds, found {shown(value)}{where}") from None
    except Exception:  # whatever the caller's __float__ raises
        raise TypeError(f"{name} must hold real numbers, found {typed(value)}{where}") from None


def read(value: Any, name: str) -> NDArray[Any]:
    """An array of real numbers of whatever precision, the caller's own if it is one.

    Everything that numpy reads, and arrays of objects that are numbers (Fraction and Decimal are rounded to the nearest
    float64).
    """
    if type(value) is np.ndarray and value.dtype.kind in "fiub":
        return value
    try:
        hidden = _masked(value)
        found: NDArray[Any] = np.asarray(value)
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(value, list | tuple):
            raise ValueError(f"{name} must be a rectangular array of numbers, found lists of different "
                             "lengths") from None
        found_type = f"found {type(value).__name__}: {shown(str(error))}"
        raise TypeError(f"{name} must be an array of real numbers, {found_type}") from error
    if hidden:
        raise ValueError(f"{name} must not have masked entries, found {hidden} of them; give each a number first, with "
                         ".filled(number)")
    if found.dtype == object:
        out = np.empty(found.shape)
        for at in np.ndindex(found.shape):
            out[at] = _entry(found[at], name, at)
        return out
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, found dtype {found.dtype}")
    return found


def shape_of(value: ArrayLike, name: str) -> tuple[int, ...]:
    """The shape of a rectangular array."""
    if type(value) is np.ndarray:
        return value.shape
    if hasattr(value, "__array__") or isinstance(value, list | tuple):
        try:
            return tuple(map(int, np.shape(value)))
        except Exception:  # read says what is wrong
            pass
    return read(value, name).shape


def array(value: ArrayLike, name: str, *, copy: bool = True, advice: str = "") -> Float:
    """A C-contiguous float64 array of finite numbers, by default the caller's own no longer."""
    found = read(value, name)
    with np.errstate(invalid="ignore", over="ignore"):
        if copy:
            result = np.array(found, dtype=np.float64, order="C", copy=True)
        else:
            result = np.ascontiguousarray(found, np.float64)
        if found.ndim == 0:
            result = result.reshape(())
        total = float(result.sum()) if result.size else 0.0
    if not math.isfinite(total) and not np.isfinite(result).all():
        where = tuple(map(int, np.unravel_index(int(np.argmin(np.isfinite(result))), result.shape)))
        raise ValueError(f"{name} must be finite, found {float(result[where])} at index {where}{advice}")
    return result


def shape(value: Float, name: str, expected: Sequence[int], meaning: str) -> None:
    """An array of exactly this shape."""
    if value.shape != tuple(expected):
        raise ValueError(f"{name} must have shape {meaning} = {tuple(expected)}, found {value.shape}")


def single_tolerance(length: int) -> float:
    """By how much rows of float32 may miss a sum of 1: what rounding does to a float32 sum of so many terms."""
    return min(1e-4, max(1e-6, length * 2.0**-24))


def laws(table: Float, single: bool, what: str, where: Callable[[int, int | None], str], *, own: bool = True,
         advice: str = "divide each row by its sum, in float64") -> tuple[Float, float]:
    """Rows of probabilities along the last axis, settled, and the largest change that this took.

    Negative entries and sums that are off by no more than the tolerance are rounding: entries below 0 become 0 and
    their row is divided by its sum; rows of single precision are divided by theirs in double. Other rows stay as they
    are, bit for bit.

    Parameters
    ----------
    single : bool
        Whether the rows come from float32.
    where : callable
        ``where(row, column)`` says which entry one is, ``where(row, None)`` which row.
    own : bool
        Whether the table may be changed; else a copy is, where something has to.
    """
    tolerance = single_tolerance(table.shape[-1]) if single else TOLERANCE
    low, total = table.min(axis=-1), table.sum(axis=-1)
    least = low.min()
    if least < -tolerance:
        row = int(np.argmin(low))
        column = int(np.argmin(table[np.unravel_index(row, low.shape)]))
        raise ValueError(f"{what} must not be negative, found {float(least)!r} {where(row, column)}".rstrip())
    off = np.abs(total - 1)
    if off.max() > tolerance:
        row = int(np.argmax(off))
        found = f"{float(total.flat[row])!r} {where(row, None)}".rstrip()
        raise ValueError(f"{what} must sum to 1, found {found}; {advice}")
    if not single and least >= 0:
        return table, 0.0
    rows, change = np.nonzero((low < 0) | (total != 1) if single else low < 0), 0.0
    if rows[0].size and not own:
        table = table.copy()
    step = max(1, CHUNK // table.shape[-1])
    for first in range(0, rows[0].size, step):
        some = tuple(index[first:first + step] for index in rows)
        before = table[some]
        after = np.maximum(before, 0.0)
        after /= after.sum(axis=-1, keepdims=True)
        change = max(change, float(np.abs(after - before).max()))
        table[some] = after
    return table, change


def law_table(value: ArrayLike, name: str, *, copy: bool = True) -> tuple[Float, bool, bool]:
    """Probabilities as :func:`array` gives them, whether they come from float32, and whether they may be changed."""
    found = read(value, name)
    table = array(found, name, copy=copy)
    return table, found.dtype == np.float32, copy or not np.may_share_memory(table, found)


def distribution(value: ArrayLike, name: str, size: int) -> tuple[Float, float]:
    """A probability vector of the given length, settled as :func:`laws` does, and the largest change."""
    row, single, _ = law_table(value, name)
    shape(row, name, (size,), "(num_states,)")
    settled, change = laws(row[None], single, name, lambda _, s: "" if s is None else f"at state {s}",
                           advice="divide it by its sum, in float64")
    return settled[0], change


def initial(value: ArrayLike | None, n_states: int) -> tuple[Float, float]:
    """The law of the first state, uniform by default, and the largest change that settling it took."""
    return (np.full(n_states, 1.0 / n_states), 0.0) if value is None else distribution(value, "initial", n_states)


def transitions(table: Float, single: bool, where: Callable[[int], str], *, own: bool = True) -> tuple[Float, float]:
    """Rows of transition probabilities, settled as :func:`laws` does, and the largest change.

    ``where`` says which row one is.
    """
    return laws(table, single, "transition probabilities", lambda row, _: where(row), own=own,
                advice="divide each row by its sum, in float64 (for an absorbing state, let it lead to itself)")


def compressed_rows(pointer: Any, index: Any, probability: Any, count: int, width: int, name: str) -> None:
    """Refuse arrays that are no (count, width) CSR rows, sorted and without duplicates: kernels trust them.

    Raises
    ------
    ValueError
        What is wrong with them.
    """
    kinds = [getattr(each, "dtype", np.dtype(object)).kind for each in (pointer, index, probability)]
    if kinds[0] not in "iu" or kinds[1] not in "iu" or kinds[2] != "f":
        raise ValueError(f"{name} must be rows of whole numbers with probabilities, found kinds {kinds}")
    if pointer.shape != (count + 1,) or index.ndim != 1 or index.shape != probability.shape:
        raise ValueError(f"{name} must be {count} rows, found a pointer of shape {pointer.shape}, "
                         f"{index.shape} columns and {probability.shape} probabilities")
    if int(pointer[0]) != 0 or int(pointer[-1]) != index.size or (pointer[1:] < pointer[:-1]).any():
        raise ValueError(f"{name} must be rows one after the other, found a pointer that is not ascending from 0 to "
                         f"{index.size}")
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < width:
        raise ValueError(f"{name} must lead to 0 to {width - 1}, found {int(index.min())} to {int(index.max())}")
    again = index[1:] <= index[:-1]
    again[pointer[1:-1][(pointer[1:-1] > 0) & (pointer[1:-1] < index.size)] - 1] = False
    if again.any():
        raise ValueError(f"{name} must have ascending columns in every row")
