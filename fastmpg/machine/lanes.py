"""The operations of :mod:`.vectors` uncompiled, on NumPy arrays of length LANES and on single numbers."""

import numpy as np

from .options import LANES


def fma(a, b, c):
    return a * b + c  # rounded twice: the last bit may differ


def select(condition, a, b):
    return np.where(condition, a, b) if isinstance(condition, np.ndarray) else (a if condition else b)


def _viewed(value, source, target):
    return value.view(target) if isinstance(value, np.ndarray) else source(value).view(target)


def bits(value):
    return _viewed(value, np.float64, np.int64)


def number(value):
    return _viewed(value, np.int64, np.float64)


def whole(value):
    return _viewed(value, np.uint64, np.int64)


def constant(table, index):
    return table[index]


def any_lane(mask):
    return bool(np.any(mask))


def broadcast(value):
    return np.full(LANES, value)


def load(array, first):
    return array[first:first + LANES].copy()


def store(array, first, value):
    array[first:first + LANES] = value


def gather(array, index):
    return array.reshape(-1)[index]


def columns_out(array, starts, first, source, at):
    for c in range(LANES):
        array[starts + (first + c)] = source[at + LANES * c:at + LANES * (c + 1)]


def load_halves(array, first, other, second):
    half = other[second:second + LANES // 2] if other.dtype == array.dtype else np.zeros(LANES // 2, array.dtype)
    return np.concatenate([array[first:first + LANES // 2], half])


def store_halves(array, first, other, second, value):
    array[first:first + LANES // 2] = value[:LANES // 2]
    if other.dtype == array.dtype:
        other[second:second + LANES // 2] = value[LANES // 2:]


def broadcast_halves(first, second):
    return np.repeat([first, second], LANES // 2)
