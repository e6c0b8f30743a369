"""Seeded mutations of valid calls of every public callable: what comes out is a result, or an error that this library
raises itself, in one sentence; and nothing of the caller's is changed.

``FASTMPG_FUZZ=20000 python -m pytest tests/test_fuzz.py -m slow`` tries as many.
"""

import os
import traceback
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import test_public_entries as entries

import fastmpg as fm
from fastmpg.models.markov import moves as compiling

PACKAGE = str(Path(fm.__file__).parent)
TRIES = int(os.environ.get("FASTMPG_FUZZ", 20_000))
# an ArithmeticError where a run ends since its policy is none any more, an ImportError of an extra that is missing
OURS = TypeError, ValueError, MemoryError, OSError, fm.Diverged, ImportError
ODD = [None, True, "wrong", "", b"1", -1, 0, 1, 2, 0.5, -0.5, 1e-320, 1e300, 2**62, -(2**63) - 1, 10**400, float("nan"),
       float("inf"), 1j, (), [], {}, [None], [[1, 2], [3]], np.zeros(0), np.float64("nan"), np.str_("ne_gap"),
       np.array(["a"]), np.array([None], object), object(), int, np]


def number(rng, value):
    """Something near it, or at the end of what there is."""
    if abs(value) > 1e300:
        return ODD[rng.integers(len(ODD))]
    with np.errstate(all="ignore"):
        return [value + 1, value - 1, -value, value * 0, value * 1.0, value + 0.5, value * 1e-300, value * 1e300,
                float("nan"), float("inf"), -float("inf"), str(value), [value], np.array(value), np.array([value] * 2),
                np.float32(min(value, 1e30)), np.int64(2**62), complex(value, 1), True][rng.integers(19)]


def array(rng, value):
    """The same table otherwise kept, or with an entry, an axis, a kind of number that does not fit."""
    value = np.array(value)
    if not value.size or not value.ndim or value.dtype.kind not in "biufc":
        return ODD[rng.integers(len(ODD))]
    how = rng.integers(18)
    at = tuple(rng.integers(n) for n in value.shape)
    if how < 6 and value.dtype.kind in "fiu":
        value = value.astype(float)
        value[at] = [np.nan, np.inf, -np.inf, -1.0, 1e300, value[at] + 1e-6][how]
        return value
    with np.errstate(all="ignore"):
        return [lambda: value[..., :-1], lambda: np.concatenate([value, value]), lambda: value[None],
                lambda: value.reshape(-1), lambda: value.T, lambda: value.astype(complex), lambda: value.astype(object),
                lambda: value.astype(str), lambda: value.astype(value.dtype.newbyteorder()), lambda: value[::-1],
                lambda: value.tolist(), lambda: np.ma.array(value, mask=rng.random(value.shape) < 0.2),
                lambda: value.astype(np.float32), lambda: np.asfortranarray(value), lambda: value * 0,
                lambda: sp.csr_array(value) if value.ndim == 2 and value.dtype == float else value,
                lambda: value.astype(np.float16), lambda: value.astype(bool)][how]()


def mutated(rng, value):
    """Another value like this one."""
    if rng.random() < 0.2:
        return ODD[rng.integers(len(ODD))]
    if isinstance(value, np.ndarray):
        return array(rng, value)
    if isinstance(value, bool) or value is None:
        return ODD[rng.integers(len(ODD))]
    if isinstance(value, int | float):
        return number(rng, value)
    if isinstance(value, str):
        return [value + "x", value[:-1], value.upper(), value.encode(), [value], value * 1000, "\0"][rng.integers(7)]
    if isinstance(value, list | tuple) and value and not hasattr(value, "_fields"):
        items = list(value)
        at = rng.integers(len(items))
        how = rng.integers(5)
        if how == 0:
            items.pop(at)
        elif how == 1:
            items.append(items[at])
        elif how == 2:
            items = items[::-1]
        else:
            items[at] = mutated(rng, items[at])
        return items if rng.random() < 0.5 else tuple(items)
    if isinstance(value, dict) and value:
        items = dict(value)
        key = list(items)[rng.integers(len(items))]
        if rng.random() < 0.3:
            del items[key]
        else:
            items[key] = mutated(rng, items[key])
        return items
    return ODD[rng.integers(len(ODD))]


def arrays(value):
    """All arrays that a value holds."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from arrays(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from arrays(each)


def same(one, other):
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def where(error):
    """The file that raised it."""
    return traceback.extract_tb(error.__traceback__)[-1].filename


def attempt(call, given):
    """What is wrong with the outcome of a call, or None."""
    held = [(each, each.copy()) for each in arrays(list(given.values())) if each.dtype != object]
    try:
        with entries.in_time(entries.SECONDS):
            call(**given)
        problem = None
    except OURS as error:
        said = str(error)
        most = 700 + max((len(str(each)) for each in given.values() if isinstance(each, str)), default=0)  # a path
        problem = (f"{type(error).__name__} without a sentence: {said!r}" if len(said) < 12 or len(said) > most
                   else None if where(error).startswith(PACKAGE) or isinstance(error, OSError)
                   else f"{type(error).__name__} of {where(error)}: {said[:200]}")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        problem = f"{type(error).__name__} of {where(error)}: {str(error)[:200]}"
    if not all(same(each, before) for each, before in held):
        return "an array of the caller's was changed"
    return problem


def tried(tries, seed, tmp_path):
    """Mutated calls, and those of them with which something is wrong."""
    rng = np.random.default_rng(seed)
    labels = [label for label in entries.CALLABLES if label != "Trajectory.load"]
    ready, wrong = {}, []
    for number_ in range(tries):
        label = labels[rng.integers(len(labels))]
        call, _ = entries.CALLABLES[label]
        if label not in ready:
            ready[label] = entries.valid(label, tmp_path)
        given, names = dict(ready[label]), [name for name in entries.parameters(call) if name != "self"]
        if not names:
            continue
        for _ in range(rng.integers(1, 4)):
            name = names[rng.integers(len(names))]
            before = given.get(name, entries.VALID.get(name))
            given[name] = mutated(rng, before)
        problem = attempt(call, given)
        if problem:
            shown = {name: str(value)[:80] for name, value in given.items() if name != "self"}
            wrong.append(f"{number_}: {label}({shown}): {problem}")
    return wrong


@pytest.fixture
def quick(tmp_path, monkeypatch, keep_threads):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compiling, "user_kernel", lambda function: function)  # nothing is compiled again and again
    return tmp_path


@pytest.mark.compiled
def test_mutated_calls(quick):
    assert not tried(1000, 0, quick)


@pytest.mark.slow
def test_more_mutated_calls(quick):
    wrong = tried(TRIES, 1, quick)
    assert not wrong, f"{len(wrong)} of {TRIES}\n" + "\n".join(wrong[:40])
