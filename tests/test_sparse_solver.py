"""The solver of large sparse chains on hard ones: the residual that it tells, and SciPy's solution."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from fastmpg.kernels import sparse_solve
from fastmpg.models.markov.sparse import Factors

EPS = np.finfo(float).eps


def factors(n, entries):
    room = min(entries + n, (sparse_solve.WIDTH + 1) * n)
    small = [np.zeros(n, np.int32) for _ in range(3)]
    return Factors(*small, np.zeros(n + 1, np.int64), np.zeros(n, np.int64), np.zeros(room, np.uint32), np.zeros(room))


def solve(chain, gamma, rhs, transposed, share=0.0):
    rows = sp.csr_array(chain)
    rows.sum_duplicates()
    table = rows.indptr.astype(np.int64), rows.indices.astype(np.uint32), rows.data
    made = factors(rhs.size, rows.nnz)
    sparse_solve.factor(*table, gamma, made)
    found = rhs.copy()
    residual = sparse_solve.solve(*table, gamma, made, found, transposed, share,
                                  np.full((sparse_solve.VECTORS, rhs.size), np.nan))
    return found, residual


def onehot(columns, weight=1.0):
    n = columns.size
    return sp.csr_array((np.full(n, weight), (np.arange(n), columns)), shape=(n, n))


def walk(n):
    k = np.arange(n)
    return 0.5 * onehot((k + 1) % n) + 0.5 * onehot((k - 1) % n)


def spread(rng, n, width, reach=None):
    rows = np.repeat(np.arange(n), width)
    columns = (rng.integers(0, n, n * width) if reach is None
               else (rows + rng.integers(-reach, reach + 1, n * width)) % n)
    return sp.csr_array((rng.dirichlet(np.ones(width), n).ravel(), (rows, columns)), shape=(n, n))


def shuffled(rng, chain):
    order = rng.permutation(chain.shape[0])
    return chain[order][:, order]


HARD = {
    "walk": lambda rng, n: walk(n),
    "shuffled walk": lambda rng, n: shuffled(rng, walk(n)),
    "drift": lambda rng, n: 0.9 * onehot((np.arange(n) + 1) % n) + 0.1 * onehot((np.arange(n) - 1) % n),
    "cycle": lambda rng, n: onehot((np.arange(n) + 1) % n),
    "shuffled cycle": lambda rng, n: shuffled(rng, onehot((np.arange(n) + 1) % n)),
    "permutation": lambda rng, n: onehot(rng.permutation(n)),
    "one-hot rows": lambda rng, n: onehot(rng.integers(0, n, n)),
    "staying": lambda rng, n: sp.eye_array(n, format="csr"),
    "nearly absorbing": lambda rng, n: (1 - 1e-6) * sp.eye_array(n) + onehot(rng.permutation(n), 1e-6),
    "one way to the end": lambda rng, n: onehot(np.minimum(np.arange(n) + 1, n - 1)),
    "periodic": lambda rng, n: sp.block_array([[None, spread(rng, n // 2, 4)], [spread(rng, n // 2, 4), None]]),
    "local": lambda rng, n: spread(rng, n, 10, 20),
    "random": lambda rng, n: spread(rng, n, 10),
    "wide": lambda rng, n: spread(rng, n, 90),
    "noisy": lambda rng, n: 0.9 * onehot(rng.integers(0, n, n)) + 0.1 * spread(rng, n, 5),
}


@pytest.mark.compiled
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gamma", [0.9, 0.999, 0.9999])
@pytest.mark.parametrize("kind", HARD)
def test_hard_chains_against_spsolve(rng, kind, gamma, transposed):
    """To rounding, with a residual that is the true one and certifies the error."""
    n = 1000
    chain = sp.csr_array(HARD[kind](rng, n))
    rhs = rng.random(n)
    found, residual = solve(chain, gamma, rhs, transposed)
    matrix = sp.csc_array(sp.eye_array(n) - gamma * (chain.T if transposed else chain))
    norm = (lambda v: np.abs(v).sum()) if transposed else (lambda v: np.abs(v).max())
    most = np.diff((chain.T if transposed else chain).tocsr().indptr).max()
    rounding = (8 + most / 2) * EPS * (norm(rhs) + 2 * norm(found))  # what the certificate allows so many terms
    assert residual <= rounding
    assert abs(norm(rhs - matrix @ found) - residual) <= rounding
    assert norm(found - sla.spsolve(matrix, rhs)) <= 20 * rounding / (1 - gamma)


def test_an_inexact_solve_leaves_what_it_may(rng):
    chain, rhs = walk(1000), rng.random(1000)
    for share in (0.5, 1e-2, 1e-6):
        found, residual = solve(shuffled(rng, chain), 0.999, rhs, False, share)
        assert 0.0 < residual <= share * rhs.max()
        assert np.isfinite(found).all()


def test_solving_for_nothing_or_for_nan():
    chain = walk(200)
    found, residual = solve(chain, 0.99, np.zeros(200), False)
    assert residual == 0.0 and not found.any()
    rhs = np.ones(200)
    rhs[7] = np.nan
    assert np.isnan(solve(chain, 0.99, rhs, False)[1])
