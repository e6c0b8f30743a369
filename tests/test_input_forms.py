"""What is taken: float32 rows, negative rounding, exact numbers of other kinds, masked arrays without masks, every
sparse format."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm

STATES, ACTIONS = 150, (2, 3)
COLUMNS = sum(ACTIONS)


class Tensor:
    """What torch and jax hand over: something with __array__."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.dtype = self.values.shape, f"framework.{self.values.dtype}"

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class Column:
    """A column of nullable integers or floats of a data frame: an array of objects."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=object if dtype is None else dtype)


def softmax32(rng, *shape):
    """Rows as float32 frameworks make them: every operation in float32."""
    e = np.exp(rng.normal(size=shape).astype(np.float32))
    rows = e / e.sum(axis=-1, keepdims=True, dtype=np.float32)
    assert rows.dtype == np.float32
    if rows.size > 10_000:
        assert np.abs(rows.sum(axis=-1, dtype=np.float64) - 1).max() > 1e-8, "float64's tolerance would do"
    return rows


def normalised(rows):
    """By the rule that the docstrings state, in float64."""
    rows = rows.astype(np.float64)
    return rows / rows.sum(axis=-1, keepdims=True)


@pytest.fixture
def moves32(rng):
    return softmax32(rng, STATES, *ACTIONS, STATES)


@pytest.fixture
def rewards(rng):
    return rng.random((2, STATES, *ACTIONS))


@pytest.mark.parametrize("wrap", [lambda x: x, Tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("copy", [True, False])
def test_dense_float32_transitions(moves32, rewards, wrap, copy):
    kept = moves32.copy()
    game = fm.MarkovGame(rewards, wrap(moves32), 0.9, copy=copy)
    assert_array_equal(moves32, kept)
    assert_allclose(game.transitions, normalised(moves32), rtol=1e-15)
    assert_allclose(game.transitions.sum(axis=-1), 1, rtol=0, atol=1e-15)
    assert game.largest_change == np.abs(game.transitions - moves32.astype(float)).max() > 0
    assert fm.MarkovGame(rewards, game.transitions, 0.9).largest_change == 0.0


@pytest.mark.compiled
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "lil"])
@pytest.mark.parametrize("copy", [True, False])
def test_sparse_float32_transitions(moves32, rewards, form, copy):
    rows = sp.csr_array(moves32.reshape(-1, STATES)).asformat(form)
    assert rows.dtype == np.float32
    kept = rows.toarray()
    game = fm.MarkovGame(rewards, rows, 0.9, copy=copy)
    assert_array_equal(rows.toarray(), kept)
    assert game.transitions.dtype == np.float64
    assert_allclose(game.transitions.toarray(), normalised(kept), rtol=1e-15)
    assert 0 < game.largest_change < 1e-6
    single = fm.MarkovGame(rewards, rows, 0.9, copy=copy, dtype="float32")
    assert single.transitions.dtype == np.float32
    assert_array_equal(rows.toarray(), kept)


def test_sparse_float32_rows_with_duplicates(rewards, rng):
    row = softmax32(rng, STATES * 6, 100)
    index = rng.integers(0, STATES, row.shape)
    rows = sp.csr_array((row.ravel(), index.ravel(), np.arange(0, row.size + 1, 100)), shape=(STATES * 6, STATES))
    game = fm.MarkovGame(rewards, rows, 0.9)
    assert_allclose(game.transitions.sum(axis=1), 1, rtol=0, atol=1e-14)
    dense = np.zeros((STATES * 6, STATES))
    np.add.at(dense, (np.arange(STATES * 6)[:, None], index), row.astype(float))
    assert_allclose(game.transitions.toarray(), dense / dense.sum(axis=1, keepdims=True), rtol=1e-12)


def test_float32_elsewhere(rng):
    """Polymatrix and count games, products of factors, initial laws, snapshots."""
    square = softmax32(rng, STATES, STATES)
    game = fm.PolymatrixGame({(0, 1): np.eye(2)}, (2, 2), square, 0.9, softmax32(rng, STATES))
    assert_allclose(game.model.transitions, normalised(square), rtol=1e-15)
    assert_allclose(game.initial.sum(), 1, rtol=0, atol=1e-15)
    assert game.largest_change > 0
    game = fm.CountGame(np.zeros((STATES, 2, 4)), square, 0.9, initial=softmax32(rng, STATES))
    assert_allclose(game.transitions, normalised(square), rtol=1e-15)
    vectors = softmax32(rng, STATES, 4, STATES)
    game = fm.CountGame(np.zeros((STATES, 2, 4)), lambda s, counts: vectors[s], 0.9)
    assert_allclose(game.transitions, normalised(vectors), rtol=1e-15)
    factor = softmax32(rng, 101, 2, 1, 101)
    rows = fm.product_transitions([factor], (2, 2))
    assert rows.dtype == np.float64
    assert_allclose(rows.toarray().reshape(101, 2, 2, 101)[:, :, 0], normalised(factor)[:, :, 0], rtol=1e-15)
    stage = fm.games.zhang_3x2()
    snapshots = np.concatenate([softmax32(rng, 9, 1, 300)[..., :3] * 0 + np.float32(1 / 3),
                                np.full((9, 1, 2), 0.5, np.float32)], axis=-1)
    assert_allclose(fm.metrics.distance_to_nash(stage, snapshots)[0],
                    fm.metrics.distance_to_nash(stage, [fm.uniform_policy(stage)])[0],
                    atol=1e-7)


@pytest.mark.parametrize("wrap", [lambda x: x, Tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("form", ["table", "list", "mixed"])
def test_float32_policies(rng, wrap, form):
    game = fm.NormalFormGame(rng.random((2, 120, 130)))
    parts = [softmax32(rng, 1, 120), softmax32(rng, 1, 130)]
    table = np.concatenate([normalised(part) for part in parts], axis=1)
    given = {"table": wrap(np.concatenate(parts, axis=1)), "list": [wrap(part) for part in parts],
             "mixed": [wrap(parts[0]), normalised(parts[1])]}[form]
    assert_allclose(fm.learn(game, fm.rules.QAscent(0.1), 0, policy=given).policy, table, rtol=1e-15)
    assert_allclose(fm.evaluate(game, given).value, fm.evaluate(game, table).value, rtol=1e-14)


def test_float32_has_its_own_tolerance_and_float64_keeps_its(rng):
    game = fm.NormalFormGame(rng.random((2, 2, 2)))
    off = np.array([[0.5, 0.5 + 4e-7, 0.5, 0.5]])
    fm.evaluate(game, off.astype(np.float32))
    with pytest.raises(ValueError, match=r"policy of player 0 must sum to 1, found 1\.0000004"):
        fm.evaluate(game, off)
    with pytest.raises(ValueError, match=r"policy of player 0 must sum to 1.*in float64"):
        fm.evaluate(game, np.array([[0.5, 0.5 + 3e-6, 0.5, 0.5]], np.float32))
    with pytest.raises(ValueError, match="transition probabilities must sum to 1"):
        fm.MarkovGame(np.zeros((1, 1, 1)), np.full((1, 1, 1), 1.001, np.float32), 0.9)


def test_float64_rows_within_the_tolerance_stay_bit_for_bit(rng):
    moves = rng.dirichlet(np.ones(5), (5, 2, 3)) * (1 + 1e-9)
    game = fm.MarkovGame(rng.random((2, 5, 2, 3)), moves, 0.9)
    assert_array_equal(game.transitions, moves)
    assert game.largest_change == 0.0


def test_negative_rounding_becomes_zero():
    """As linear programming leaves it; only rows with negative entries are changed."""
    game = fm.games.zhang_3x2()
    given = np.array([[1.0, -1e-17, 0.0, 1.0 + 3e-9, -3e-9]])
    policy = fm.learn(game, fm.rules.QAscent(0.1), 0, policy=given).policy
    assert_array_equal(policy, [[1.0, 0.0, 0.0, 1.0, 0.0]])
    assert given[0, 1] < 0
    kept = np.array([[0.5 + 2e-9, 0.25, 0.25, 1.0, -1e-12]])
    policy = fm.learn(game, fm.rules.QAscent(0.1), 0, policy=kept).policy
    assert_array_equal(policy[0, :3], kept[0, :3])
    moves = np.array([[[1.0, -1e-17]], [[0.25, 0.75]]])
    for form in (moves, sp.csr_array(moves.reshape(2, 2))):
        game = fm.MarkovGame(np.zeros((1, 2, 1)), form, 0.9, copy=False, initial=[1.0, -1e-17])
        found = game.transitions.toarray() if game.is_sparse else game.transitions.reshape(2, 2)
        assert_array_equal(found, [[1.0, 0.0], [0.25, 0.75]])
        assert_array_equal(game.initial, [1.0, 0.0])
        assert game.largest_change == 1e-17
    assert moves[0, 0, 1] == -1e-17
    with pytest.raises(ValueError, match=r"must not be negative, found -1e-07"):
        fm.evaluate(fm.games.zhang_3x2(), [[1.0, -1e-7, 0.0, 1.0, 0.0]])


@pytest.mark.parametrize("numbers", [
    [[Fraction(1, 3), Fraction(1, 3), Fraction(1, 3), Fraction(1, 2), Fraction(1, 2)]],
    [[Decimal("0.25"), Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal(0)]],
    np.array([[0.25, 0.25, 0.5, 1, 0]], object),
    Column([[1, 0, 0, 1, 0]]),
    np.array([[1, 0, 0, 1, 0]], np.int8),
    np.ma.array([[0.25, 0.25, 0.5, 1, 0]], mask=False),
    [np.ma.array([0.25, 0.25, 0.5]), [1, 0]],
], ids=["Fraction", "Decimal", "objects", "nullable integers", "int8", "masked without masks", "masked in a list"])
def test_numbers_of_other_kinds(numbers):
    """Rounded to the nearest float64."""
    game = fm.games.zhang_3x2()
    flat = (np.concatenate([np.ravel(np.asarray(part)) for part in numbers]) if isinstance(numbers, list)
            else np.asarray(numbers).ravel())
    expected = np.array([[float(x) for x in flat]])
    assert_array_equal(fm.learn(game, fm.rules.QAscent(0.1), 0, policy=numbers).policy, expected)
    assert_array_equal(fm.evaluate(game, numbers).value, fm.evaluate(game, expected).value)


def test_missing_numbers_are_refused():
    with pytest.raises(TypeError,
                       match=r"policy must hold real numbers, found None of type NoneType at index \(0, 1\)"):
        fm.evaluate(fm.games.zhang_3x2(), Column([[1, None, 0, 1, 0]]))
    with pytest.raises(ValueError,
                       match=r"payoffs must be finite, found -inf at index \(0, 0, 1\); a move that must not be made"):
        fm.NormalFormGame([[[0.0, -np.inf], [1.0, 2.0]], [[0.0, 1.0], [1.0, 2.0]]])


class Frame:
    """A table with named columns: iterating gives their names."""

    def __iter__(self):
        return iter(["a", "b"])

    def __array__(self, dtype=None, copy=None):
        return np.array([["x", "y"]], object)


def test_join_and_split():
    stacked = np.full((2, 3, 2), 0.5)
    assert_array_equal(fm.join(list(stacked)), np.full((3, 4), 0.5))
    assert_array_equal(fm.join(stacked), np.full((3, 4), 0.5))
    with pytest.raises(TypeError, match=r"parts\[0\] must hold real numbers, found dtype <U1"):
        fm.join(Frame())
    with pytest.raises(TypeError, match=r"parts\[1\] must hold real numbers, found 'x' of type str at index \(0, 0\)"):
        fm.join([[[0.5, 0.5]], Frame()])
    with pytest.raises(ValueError, match=r"parts must hold arrays \(S, A_i\) of the same states, "
                                         r"found shapes \[\(1, 2\), \(2, 2\)\]"):
        fm.join([np.ones((1, 2)), np.ones((2, 2))])
    with pytest.raises(TypeError, match="game must be a fastmpg game, found ndarray"):
        fm.split(np.zeros(3), np.zeros(3))
    with pytest.raises(TypeError, match="game must be a fastmpg game, found NoneType"):
        fm.best_response(None, stacked, 0)
    table = np.full((1, 5), 0.5)
    assert all(np.shares_memory(part, table) for part in fm.split(fm.games.zhang_3x2(), table))
