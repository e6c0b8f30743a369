"""Every kernel of fastmpg/kernels against a slow twin (rows of the simplex: test_simplex.py), and what must hold bit
for bit: threads, shares, chunks."""

import itertools
import math

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg import machine
from fastmpg.feedback.desk import Desk, evaluate_desk
from fastmpg.kernels import contract_dense, dense_solve, joint, sparse_solve, triangular, vector
from fastmpg.models.markov import dense
from fastmpg.run import job
from fastmpg.run import run as run_module

EPS = np.finfo(float).eps


# ---------------------------------------------------------------------------------------------------- joint actions
SHAPES = [(3,), (1, 1), (2, 3), (3, 1, 2), (2, 3, 2, 2), (1, 4, 1, 3), (2, 2, 3, 1, 2), (7, 9)]
CUTS = [(shape, cut) for shape in SHAPES for cut in range(len(shape))]


class Row:
    """One state's policy row with the kernel's index arrays and suffix weights."""

    def __init__(self, rng, actions, cut):
        self.actions, self.cut = np.array(actions, np.int64), cut
        self.offset = np.concatenate([[0], np.cumsum(actions)]).astype(np.int64)
        self.parts = [rng.dirichlet(np.ones(n)) for n in actions]
        self.row = np.concatenate(self.parts)
        self.n_lead, self.n_tail = math.prod(actions[:cut]), math.prod(actions[cut:])
        self.sizes = joint.scratch_sizes(actions, cut, 1)
        self.lead, self.tail = np.full(self.sizes[0], np.nan), np.full(self.sizes[1], np.nan)
        self.lead_top = joint.suffix_weights(self.row, self.actions, self.offset, 0, cut, -1, self.lead)
        self.tail_top = joint.suffix_weights(self.row, self.actions, self.offset, cut, len(actions), -1, self.tail)

    def scratch(self, width=1):
        return np.full(self.n_lead * width, np.nan), np.full(self.n_tail * width, np.nan)

    def others(self):
        return np.full(self.sizes[4], np.nan)

    def head(self):
        return self.row, self.actions, self.offset, self.cut

    def marginals(self, plane):
        """(A_total, width) and (width,): every player's own view and the mean, by loops over the joint actions."""
        return marginals_of(self.parts, self.offset, plane)


def marginals_of(parts, offset, plane):
    width = plane.shape[-1]
    out, mean = np.zeros((sum(map(len, parts)), width)), np.zeros(width)
    for a in itertools.product(*(range(len(p)) for p in parts)):
        weights = [p[k] for p, k in zip(parts, a, strict=True)]
        mean += math.prod(weights) * plane[a]
        for i in range(len(a)):
            out[offset[i] + a[i]] += math.prod(weights[:i] + weights[i + 1 :]) * plane[a]
    return out, mean


every_cut = pytest.mark.parametrize("actions, cut", CUTS, ids=str)


@every_cut
def test_suffix_weights(rng, actions, cut):
    """Level by level from the last player back, with and without a player left out; no entry is left unwritten."""
    r = Row(rng, actions, cut)
    for first, last in ((0, cut), (cut, len(actions)), (0, len(actions))):
        for skip in (-1, *range(first, last)):
            group = [i for i in range(first, last) if i != skip]
            out = np.full(joint.level_sizes([actions[i] for i in group]), np.nan)
            top = joint.suffix_weights(r.row, r.actions, r.offset, first, last, skip, out)
            start = 0
            for d in range(len(group), -1, -1):
                level = [math.prod(w) for w in itertools.product(*(r.parts[i] for i in group[d:]))]
                assert_allclose(out[start : start + len(level)], level, rtol=len(actions) * EPS)
                last_start, start = start, start + len(level)
            assert start == out.size and top == last_start


@pytest.mark.parametrize("width", [1, 5, 700, 10**6])
@pytest.mark.parametrize("actions", [*SHAPES, (3,) * 8, (2,) * 41], ids=str)
def test_cut_players_balances_what_fits(actions, width):
    """Of all cuts whose tail stays in cache (the last player alone always may), one with the fewest partial sums."""
    last = len(actions) - 1
    cost = {
        k: math.prod(actions[:k]) + math.prod(actions[k:])
        for k in range(min(1, last), last + 1)
        if k == last or math.prod(actions[k:]) * width <= joint.TILE
    }
    assert cost[joint.cut_players(actions, width)] == min(cost.values())


@pytest.mark.parametrize("actions", SHAPES, ids=str)
def test_own_action_first_and_back(rng, actions):
    planes = rng.normal(size=(len(actions), 3, *actions))
    turned = joint.own_action_first(planes, actions)
    for i, a in itertools.product(range(len(actions)), itertools.product(*map(range, actions))):
        order = [a[i], *a[:i], *a[i + 1 :]]
        place = np.ravel_multi_index(order, [actions[i], *actions[:i], *actions[i + 1 :]])
        assert_array_equal(turned[i, :, place], planes[(i, slice(None), *a)])
    assert_array_equal(joint.natural_order(turned, actions), planes)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 33])
def test_rows_of_numbers(rng, size):
    a, b = rng.normal(size=size), rng.normal(size=size)
    tolerance = 4 * (size + 1) * EPS * 9
    assert_allclose(vector.dot(a, b), a @ b, rtol=0, atol=tolerance)
    out = b.copy()
    vector.add(0.3, a, out)
    assert_allclose(out, b + 0.3 * a, rtol=0, atol=tolerance)
    vector.scale(0.3, a, out)
    assert_array_equal(out, 0.3 * a)
    vector.scale(0.3, out, out)
    assert_array_equal(out, 0.3 * (0.3 * a))
    for width in (1, 3):
        rows, out = rng.normal(size=(size, width)), np.ones(width)
        contract_dense.add_rows(rows.ravel(), width, a, out)
        assert_allclose(out, 1 + a @ rows, rtol=0, atol=tolerance)


@pytest.mark.parametrize("leads", [1, 7, 8, 9, 16, 21])
def test_long_rows_are_summed_eight_at_a_time(rng, leads):
    """Blocks of LONG numbers and more take another path for every full eight lead actions."""
    tail, width = contract_dense.LONG // 10 + 1, 10
    plane = rng.normal(size=(leads, tail, width))
    lead_weight, tail_weight = rng.dirichlet(np.ones(leads)), rng.dirichlet(np.ones(tail))
    x, y = np.empty(leads * width), np.empty(tail * width)
    contract_dense.sum_both(plane.ravel(), width, lead_weight, tail_weight, x, y)
    tolerance = (leads + tail) * EPS * np.abs(plane).max()
    assert_allclose(x, np.einsum("luw,u->lw", plane, tail_weight).ravel(), rtol=0, atol=tolerance)
    assert_allclose(y, np.einsum("luw,l->uw", plane, lead_weight).ravel(), rtol=0, atol=tolerance)


@every_cut
@pytest.mark.parametrize("width", [1, 3])
def test_sums_over_both_sides(rng, actions, cut, width):
    r = Row(rng, actions, cut)
    plane = rng.normal(size=(r.n_lead, r.n_tail, width))
    lead, tail = r.lead[r.lead_top :], r.tail[r.tail_top :]
    tolerance = (r.n_lead + r.n_tail) * EPS * np.abs(plane).max()
    x, y = r.scratch(width)
    contract_dense.sum_both(plane.ravel(), width, lead, tail, x, y)
    assert_allclose(x, np.einsum("luw,u->lw", plane, tail).ravel(), rtol=0, atol=tolerance)
    assert_allclose(y, np.einsum("luw,l->uw", plane, lead).ravel(), rtol=0, atol=tolerance)


@every_cut
@pytest.mark.parametrize("width", [1, 4])
def test_reduce_all(rng, actions, cut, width):
    """The tail group's joint plane by itself: its players' marginals and its mean; other players' columns stay."""
    r = Row(rng, actions, cut)
    plane = rng.normal(size=(*actions[cut:], width))
    expected, mean = marginals_of(r.parts[cut:], r.offset[cut:] - r.offset[cut], plane)
    out, x = np.full((r.row.size, width), 7.0), plane.ravel().copy()
    contract_dense.reduce_all(x, width, r.row, r.actions, r.offset, cut, len(actions), r.tail, r.tail_top, out.ravel())
    tolerance = (r.n_tail + len(actions)) * EPS * np.abs(plane).max()
    assert_allclose(out[r.offset[cut] :], expected, rtol=0, atol=tolerance)
    assert_array_equal(out[: r.offset[cut]], 7.0)
    assert_allclose(x[:width], mean, rtol=0, atol=tolerance)


@every_cut
def test_contract_first(rng, actions, cut):
    r = Row(rng, actions, cut)
    x = rng.normal(size=(actions[cut], 5))
    found = x.ravel().copy()
    contract_dense.contract_first(found, 5, actions[cut], r.row, r.offset[cut])
    assert_allclose(found[:5], r.parts[cut] @ x, rtol=0, atol=actions[cut] * EPS * np.abs(x).max())
    assert_array_equal(found[5:], x.ravel()[5:])


@every_cut
def test_contract_one_state(rng, actions, cut):
    """Rewards (own and shared planes) and transitions, every cut, against sums over all joint actions."""
    r = Row(rng, actions, cut)
    tolerance = 4 * math.prod(actions) * EPS
    planes = rng.uniform(-1, 1, (len(actions), 2, *actions))  # two states, the second is asked for
    turned, found = joint.own_action_first(planes, actions), np.full(r.row.size, np.nan)
    contract_dense.contract_rewards(turned, 1, *r.head(), r.lead, r.tail, *r.scratch(), r.others(), found)
    for i, plane in enumerate(planes[:, 1]):
        own = slice(r.offset[i], r.offset[i + 1])
        assert_allclose(found[own], r.marginals(plane[..., None])[0][own, 0], rtol=0, atol=tolerance)
        one = np.full(r.row.size, np.nan)
        contract_dense.contract_own(turned[i, 1], i, r.row, r.actions, r.offset, r.others(), one)
        assert_array_equal(one[own], found[own])
        assert np.isnan(np.delete(one, np.arange(own.start, own.stop))).all()
    if len(actions) > 1:
        contract_dense.contract_rewards(planes[:1].reshape(1, 2, -1), 1, *r.head(), r.lead, r.tail,
                                        *r.scratch(), r.others(), found)
        assert_allclose(found, r.marginals(planes[0, 1][..., None])[0][:, 0], rtol=0, atol=tolerance)
    contract_dense.contract_shared(planes[0, 1].ravel(), *r.head(), r.lead, r.lead_top, r.tail, r.tail_top,
                                   *r.scratch(), found)
    assert_allclose(found, r.marginals(planes[0, 1][..., None])[0][:, 0], rtol=0, atol=tolerance)
    width = 5
    moves = rng.dirichlet(np.ones(width), actions)
    out, chain = np.full((r.row.size, width), np.nan), np.full(width, np.nan)
    contract_dense.contract_transitions(moves.ravel(), width, *r.head(), r.lead, r.tail,
                                        *r.scratch(width), out.ravel(), chain)
    expected, mean = r.marginals(moves)
    assert_allclose(out, expected, rtol=0, atol=tolerance)
    assert_allclose(chain, mean, rtol=0, atol=tolerance)


@pytest.mark.compiled
@pytest.mark.parametrize("shared", [False, True])
def test_parallel_contraction_is_bit_identical(rng, keep_threads, shared):
    """Whatever the number of shares and threads, every state is summed in the same order."""
    game = fm.games.random_markov(13, (3, 4, 2), rng=rng, identical_interest=shared)
    policy, model = fm.random_policy(game, rng), game.model
    contract = type(model).contract

    def contracted(shares):
        work = game.workspace(shares)
        assert shares == 1 or work.contraction.frame.shares == shares
        contract(model, work, policy)
        return work.reward, work.p_bar, work.chain

    serial = contracted(1)
    r = naive.split(policy, game.num_actions)
    assert_allclose(serial[2], naive.induced_chain(np.asarray(game.transitions), r), rtol=0, atol=64 * EPS)
    for threads in range(1, keep_threads + 1):
        fm.set_threads(threads)
        for shares in (2, 3, 5, 13):
            for mine, theirs in zip(contracted(shares), serial, strict=True):
                assert_array_equal(mine, theirs, f"{threads} threads, {shares} shares")


@pytest.mark.compiled
def test_threads_do_not_change_a_run(keep_threads):
    """A game large enough for threads: the same bits from learn, evaluate and ne_gap at every thread count."""
    game = fm.games.random_markov(40, (6, 5, 5), rng=1)
    from fastmpg.feedback.desk import PARALLEL_WORK

    assert game.work_size > PARALLEL_WORK
    start = fm.random_policy(game, 2)
    seen = []
    for threads in range(1, max(2, keep_threads) + 1):
        fm.set_threads(threads)
        run = fm.learn(game, fm.rules.NaturalGradientPlay(0.01), 3, policy=start)
        seen.append((run.policy, run.trace["ne_gap"], run.trace["value"], *fm.evaluate(game, start)[:4],
                     fm.ne_gap(game, start)))
    assert len(seen) >= 2
    for other in seen[1:]:
        for mine, theirs in zip(other, seen[0], strict=True):
            assert_array_equal(mine, theirs)


# ------------------------------------------------------------------------------------------------- linear systems
def routines():
    return np.array([machine.lapack("dgetrf"), machine.lapack("dgetrs")]), np.zeros(4, np.int32)


def chain_of(rng, n, density=1.0):
    chain = rng.dirichlet(np.ones(n), n)
    if density < 1.0:
        chain = np.where((rng.random((n, n)) < density) | (chain == chain.max(axis=1, keepdims=True)), chain, 0.0)
        chain /= chain.sum(axis=1, keepdims=True)
    return chain


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
def test_triangular_parts(n, rng):
    """Of a matrix that needs no pivots: L U = A panel by panel, and both systems."""
    matrix = rng.normal(size=(n, n)) + 3 * n * np.eye(n)
    lu = matrix.copy()
    for k0 in range(0, n, triangular.PANEL):
        k1 = min(k0 + triangular.PANEL, n)
        for k in range(k0, k1):
            triangular.below(lu, k, k1)
        triangular.beside(lu, k0, k1)
        triangular.rest(lu, k0, k1)
    assert_allclose((np.tril(lu, -1) + np.eye(n)) @ np.triu(lu), matrix, rtol=0, atol=1e-14 * 6 * n)
    x, y = rng.normal(size=(2, n))
    forwards, transposed = x.copy(), y.copy()
    triangular.solve(lu, forwards)
    triangular.solve_transposed(lu, transposed)
    assert_allclose(forwards, np.linalg.solve(matrix, x), rtol=1e-13, atol=1e-14)
    assert_allclose(transposed, np.linalg.solve(matrix.T, y), rtol=1e-13, atol=1e-14)


THRESHOLD = dense_solve.OWN if dense_solve.OWN < 10**6 else 160  # without compiled code there is no LAPACK


@pytest.mark.compiled
@pytest.mark.parametrize("n", [*range(1, 71), *range(THRESHOLD - 5, THRESHOLD + 6), THRESHOLD + 40])
def test_dense_systems(n):
    """Both orientations, both sides of the LAPACK threshold, several right-hand sides; cond <= 2 / (1 - gamma)."""
    rng = np.random.default_rng(n)
    addresses, scalars = routines()
    for gamma in (0.0, 0.5, 0.99):
        chain = chain_of(rng, n, 1.0 if n % 2 else 0.3)
        matrix = np.eye(n) - gamma * chain
        lu, pivot = np.empty((n, n)), np.zeros(n, np.int32)
        dense_solve.system(chain, gamma, lu)
        assert_allclose(lu, matrix, rtol=0, atol=EPS)
        assert dense_solve.factor(lu, pivot, addresses, scalars) == 0
        for transposed in (False, True):
            rhs = rng.normal(size=(3, n))
            found = rhs.copy()
            dense_solve.solve(lu, pivot, addresses, scalars, found, transposed)
            expected = np.linalg.solve(matrix.T if transposed else matrix, rhs.T).T
            assert_allclose(found, expected, rtol=0, atol=8 * n * EPS * np.abs(rhs).max() * n / (1 - gamma))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 31, 50, THRESHOLD, THRESHOLD + 1])
def test_a_vanishing_pivot_is_reported(n):
    addresses, scalars = routines()
    for row in {0, n // 2, n - 1}:
        lu = np.eye(n)
        lu[row, row] = 0.0
        assert dense_solve.factor(lu, np.zeros(n, np.int32), addresses, scalars) == row + 1


def solved(rng, n, kind, gamma, transposed):
    """Solve; what it returns must be the residual and bound the error as the module says: (residual, rounding)."""
    chain = {
        "random": lambda: chain_of(rng, n),
        "sparse": lambda: chain_of(rng, n, 4 / n),
        "cycle": lambda: np.roll(np.eye(n), 1, axis=1),
        "absorbing": lambda: np.vstack([np.eye(n)[1:], np.eye(n)[-1:]]),
        "walk": lambda: (np.roll(np.eye(n), 1, axis=1) + np.roll(np.eye(n), -1, axis=1)) / 2,
    }[kind]()
    csr, rhs = sp.csr_array(chain), rng.normal(size=n)
    matrix = np.eye(n) - gamma * chain
    matrix, norm = (matrix.T, lambda v: np.abs(v).sum()) if transposed else (matrix, lambda v: np.abs(v).max())
    found, table = np.zeros(n), (csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data)
    residual = sparse_solve.gauss_seidel(*table, gamma, rhs, found, np.full(n, np.nan), 1e-14 * norm(rhs), transposed)
    exact = rhs.astype(np.longdouble) - np.einsum("st,t->s", matrix.astype(np.longdouble), found.astype(np.longdouble))
    rounding = n * EPS * (norm(rhs) + 2 * norm(found))  # of computing a residual in double at all
    assert abs(residual - float(norm(exact))) <= rounding
    expected = np.linalg.solve(matrix, rhs)
    assert norm(found - expected) <= (residual + 2 * rounding) / (1 - gamma)
    return residual, 1e-14 * norm(rhs) + rounding


CHAINS = [
    (1, "random"),
    (2, "cycle"),
    (5, "random"),
    (60, "sparse"),
    (60, "cycle"),
    (60, "absorbing"),
    (300, "sparse"),
    (300, "walk"),
    (300, "cycle"),
    (300, "absorbing"),
]


@pytest.mark.compiled
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("n, kind", CHAINS)
def test_sparse_residual_is_truthful(rng, n, kind, gamma, transposed):
    solved(rng, n, kind, gamma, transposed)


@pytest.mark.compiled
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("n, kind", CHAINS)
def test_gauss_seidel_reaches_rounding(rng, n, kind, gamma, transposed):
    """The plain series x <- b + gamma P x gets there in log(eps) / log(gamma) sweeps (36 000 at 0.999): no
    stalling before."""
    residual, rounding = solved(rng, n, kind, gamma, transposed)
    assert residual <= rounding


def test_gauss_seidel_of_nothing_is_nothing():
    csr, found = sp.csr_array(np.full((4, 4), 0.25)), np.zeros(4)
    args = csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data
    assert sparse_solve.gauss_seidel(*args, 0.9, np.zeros(4), found, np.zeros(4), 0.0, False) == 0.0
    assert_array_equal(found, 0.0)


# ------------------------------------------------------------------------------------------------------- chunks
@pytest.mark.parametrize("form", ["stage", "dense", "sparse"])
@pytest.mark.parametrize(
    "rule",
    [fm.rules.NaturalGradientPlay(0.3), fm.rules.EntropyNaturalGradientPlay(0.1, 0.2), fm.rules.QAscent(0.1)],
    ids=lambda r: type(r).__name__,
)
def test_chunks_do_not_change_a_run(monkeypatch, form, rule):
    """One step a chunk, chunks that grow tenfold, and a stop after every recorded step: the same bits."""
    game = {
        "stage": lambda: fm.games.sun2023_potential(),
        "dense": lambda: fm.games.random_markov(4, (2, 3), rng=1),
        "sparse": lambda: fm.games.random_markov(6, (2, 3), rng=2, sparse=2),
    }[form]()
    record = fm.Record(every=7, metrics=("ne_gap", "qre_gap", "value", "c", "mismatch", "grad_norm", "policy"), tau=0.3)
    lengths, runs = [], []
    real = run_module.Run.advance

    def counted(run, first, last, steps=None):
        if last > first:  # the empty call compiles
            lengths[-1].append(last - first)
        real(run, first, last, steps)

    monkeypatch.setattr(run_module.Run, "advance", counted)
    for seconds in (0.0, 1e9):
        monkeypatch.setattr(job, "CHUNK_SECONDS", seconds)
        lengths.append([])
        runs.append(fm.learn(game, rule, 200, record=record))
    lengths.append([])
    runs.append(fm.learn(game, rule, 200, record=record, callback=lambda snapshot: False))
    assert lengths[0] == [1] * 201
    assert lengths[1][:3] == [1, 10, 100] and sum(lengths[1]) == 201
    assert len(lengths[2]) >= record.at(200).size, "compiled code came back for every callback"
    for run in runs[1:]:
        assert_array_equal(run.policy, runs[0].policy)
        assert set(run.trace) == {"step", *record.metrics}
        for name in run.trace:
            assert_array_equal(run.trace[name], runs[0].trace[name], name)


@pytest.mark.parametrize("actions, states",
                         [((3, 5, 5), 5), ((2, 2), 8), ((1, 4), 1), ((8, 2, 3), 3), ((2, 1, 2, 2), 7)])
def test_rows_of_vectors_are_contracted_as_others_are(rng, monkeypatch, actions, states):
    """Small games, padded, against the general contraction; and sizes of the workspace as they were foretold."""
    game = fm.games.random_markov(states, actions, 0.9, rng=rng)
    policy = fm.random_policy(game, rng)
    found = []
    for most in (dense.NARROW, 0):
        monkeypatch.setattr(dense, "NARROW", most)
        work = game.workspace(1)
        frame = work.contraction.frame
        held = sum(getattr(frame, name).size for name in ("lead", "tail", "x", "y", "others", "rows", "paid"))
        assert held == dense.scratch_numbers(states, actions, len(actions), 1)
        assert (frame.rows.size > 0) == (most > 0)
        evaluate_desk.bind(Desk.create(game, policy, threads=1)._replace(work=work))()
        found.append((work.reward, work.p_bar, work.chain))
    for narrow, wide in zip(*found, strict=True):
        assert_allclose(narrow, wide, rtol=0, atol=1e-14)
