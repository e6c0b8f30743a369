"""Rows of the simplex, kernel by kernel: exponentials, softmaxes, entropies, projections."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.kernels import simplex

EPS = np.finfo(float).eps


def exps(xs):
    return np.array([simplex.exp(float(x)) for x in xs])


def test_exp_keeps_its_promise():
    """5e-16 relative against long double over the whole range, denser around 0 where rules live."""
    xs = np.concatenate(
        [
            np.linspace(-708, 700, 40_001),
            np.linspace(-2, 2, 8_001),
            np.geomspace(1e-300, 1, 301),
            -np.geomspace(1e-300, 1, 301),
            [0.0, -0.0, 709.0, -708.0],
        ]
    )
    exact = np.exp(xs.astype(np.longdouble))
    assert np.abs(exps(xs) / exact - 1).max() <= 5e-16
    assert simplex.exp(0.0) == 1.0


@pytest.mark.parametrize("x", [-708.1, -745.0, -1e4, -1e18, -1e300, -math.inf])
def test_exp_is_zero_far_below(x):
    assert simplex.exp(x) == 0.0


def test_exp_hands_nan_on():
    assert math.isnan(simplex.exp(math.nan))


def ragged(rng, num_actions, num_states, spread):
    theta = rng.normal(size=(num_states, sum(num_actions))) * spread
    return theta, np.concatenate([[0], np.cumsum(num_actions)]).astype(np.int64)


@pytest.mark.parametrize("num_actions", [(1,), (7,), (1, 1), (2, 3), (4, 1, 6, 2), (3,) * 8])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 300.0, 1e15])
def test_softmax_rows(rng, num_actions, spread):
    theta, offset = ragged(rng, num_actions, 9, spread)
    shifted, policy = theta.copy(), np.full_like(theta, np.nan)
    simplex.softmax_rows(shifted, offset, policy)
    for own, mine, moved in zip(*(naive.split(x, num_actions) for x in (theta, policy, shifted)), strict=True):
        assert_allclose(mine, naive.softmax(own), rtol=0, atol=8 * EPS)
        assert_array_equal(moved, own - own.max(axis=1, keepdims=True))
        assert_allclose(mine.sum(axis=1), 1.0, rtol=0, atol=own.shape[1] * EPS)


def test_softmax_rows_of_impossible_actions():
    theta = np.array([[-np.inf, 0.0, -np.inf, 5.0, 5.0]])
    policy = np.empty_like(theta)
    simplex.softmax_rows(theta, np.array([0, 3, 5]), policy)
    assert_array_equal(policy, [[0.0, 1.0, 0.0, 0.5, 0.5]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_softmax_rows_never_hide_a_broken_row(bad, place):
    """The row turns into NaN as a whole; the neighbour's is untouched."""
    theta = np.array([[0.5, 1.0, 0.2, 0.0, 0.0]])
    theta[0, place] = bad
    policy = np.empty_like(theta)
    simplex.softmax_rows(theta, np.array([0, 3, 5]), policy)
    assert np.isnan(policy[0, :3]).all()
    assert_array_equal(policy[0, 3:], 0.5)


@pytest.mark.parametrize("size", [1, 2, 5, 33])
@pytest.mark.parametrize("spread", [1.0, 300.0, 1e6])
def test_log_softmax_row(rng, size, spread):
    theta, out = rng.normal(size=size) * spread, np.empty(size)
    simplex.log_softmax_row(theta, out)
    assert_allclose(out, naive.log_softmax(theta), rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize("size", [1, 2, 5, 33])
def test_entropy_and_divergence(rng, size):
    for _ in range(20):
        p, q = rng.dirichlet(np.ones(size)), rng.dirichlet(np.ones(size))
        p[rng.random(size) < 0.3] = 0.0
        p[0] += 1 - p.sum()
        assert_allclose(simplex.entropy(p), naive.entropy(p), rtol=0, atol=8 * EPS * math.log(size + 1))
        expected = naive.kl(p, q)
        bound = 8 * size * EPS * (1 + np.abs(np.log(q)).max())
        assert_allclose(simplex.divergence(p, q), expected, rtol=0, atol=bound)


def test_divergence_at_the_boundary():
    assert simplex.divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == math.inf
    assert simplex.divergence(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0
    assert simplex.entropy(np.array([0.0, 1.0])) == 0.0


def projected(row, floor=0.0):
    out = np.full(len(row), np.nan)
    simplex.project_row(np.array(row, dtype=float), floor, out)
    return out


@st.composite
def rows_and_floors(draw):
    size = draw(st.integers(1, 12))
    spread = draw(st.sampled_from([1e-9, 1.0, 1e6, 1e15]))
    row = draw(st.lists(st.floats(-1, 1), min_size=size, max_size=size))
    share = draw(st.sampled_from([0.0, 1e-6, 0.3, 0.9, 1.0]))
    return np.array(row) * spread, share / size


@pytest.mark.compiled
@settings(max_examples=400, deadline=None, derandomize=True)
@given(rows_and_floors())
def test_project_row(drawn):
    """Twin: floor + mass times the projection of (row - floor) / mass on the simplex, from the largest entry down."""
    row, floor = drawn
    size, before = len(row), row.copy()
    mass = 1.0 - size * floor
    found = projected(row, floor)
    assert_array_equal(row, before)
    relative = row - row.max()  # adding a constant moves no projection; the twin then loses no digits either
    expected = floor + mass * naive.project_simplex(relative / mass) if mass > 0 else np.full(size, floor)
    assert_allclose(found, expected, rtol=0, atol=4 * size * EPS)
    assert found.min() >= floor
    assert_allclose(found.sum(), 1.0, rtol=0, atol=4 * size * EPS)
    again = row.copy()
    simplex.project_row(again, floor, again)
    assert_array_equal(again, found, "in place")
    assert_allclose(projected(found, floor), found, rtol=0, atol=4 * size * EPS, err_msg="idempotent")


@pytest.mark.parametrize("size", range(1, 61))
def test_project_row_when_the_floor_takes_everything(size):
    """n floor = 1 up to rounding (of the row's entries) leaves one point, the uniform row."""
    row = np.linspace(-1.0, 2.0, size)
    assert_allclose(projected(row, 1.0 / size), np.full(size, 1.0 / size), rtol=0, atol=2 * EPS * np.abs(row).max())


@pytest.mark.parametrize("rule", [fm.rules.QAscent(1.0), fm.rules.ProjectedGradientAscent(1.0)],
                         ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("size", [1e3, 1e6, 1e9, 1e12])
def test_large_payoffs_still_end_on_the_simplex(rule, size):
    """However large the row that is projected, and however the compiler inlines it, the result sums to 1."""
    game = fm.NormalFormGame([[size + 0.3, size, size + 0.1]])
    policy = fm.learn(game, rule, 1).policy
    assert_allclose(policy.sum(), 1.0, rtol=0, atol=4 * 3 * EPS)


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [1.0, np.nan], [np.inf, 1.0], [0.0, np.inf],
                                 [np.inf, np.inf], [-np.inf, np.nan]])
def test_project_row_never_hides_a_broken_row(bad):
    """What is not a number must not come out as a probability row: a run would go on from it as if all were well."""
    assert np.isnan(projected(bad)).any()
