"""Certified bounds against exact rational arithmetic, and verdicts that do not depend on the origin of payoffs.

Twins compute with fractions.Fraction (with decimal at 60 digits where there are logarithms) from the floating-point
numbers that the game holds: nothing is rounded, so that a computed value that is off by more than its bound fails
whatever the reason.
"""

import functools
import itertools
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm
from fastmpg.kernels import sparse_solve
from fastmpg.metrics.origin import centred
from fastmpg.models.markov.sparse import Factors

UNIT = Fraction(1, 2**53)
DISCOUNTS = [0.0, *(1.0 - 2.0**-k for k in (1, 4, 10, 20, 30, 40, 50)), 1.0 - 1e-15]


# -------------------- the twins
def solve(matrix, rhs):
    """Gauss-Jordan elimination over the rationals."""
    n = len(rhs)
    rows = [[*row, b] for row, b in zip(matrix, rhs, strict=True)]
    for k in range(n):
        at = next(i for i in range(k, n) if rows[i][k] != 0)
        rows[k], rows[at] = rows[at], rows[k]
        inverse = 1 / rows[k][k]
        rows[k] = [x * inverse for x in rows[k]]
        for i in range(n):
            if i != k and rows[i][k] != 0:
                f = rows[i][k]
                rows[i] = [x - f * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[n] for row in rows]


class Exact:
    """A game with tables over joint actions, and a policy, in fractions."""

    def __init__(self, game, policy):
        dense = game.to_dense()
        self.actions, self.states, self.players = dense.num_actions, dense.num_states, dense.num_players
        rewards, moves = np.asarray(dense.rewards), np.asarray(dense.transitions)
        fractions = np.vectorize(Fraction, otypes=[object])
        self.reward = [fractions(rewards[min(i, len(rewards) - 1)]) for i in range(self.players)]
        self.moves = fractions(moves)
        self.gamma, self.initial = Fraction(game.discount), [Fraction(float(x)) for x in game.initial]
        edges = [0, *itertools.accumulate(self.actions)]
        self.policy = [[[Fraction(float(x)) for x in row[edges[i]:edges[i + 1]]] for row in policy]
                       for i in range(self.players)]

    def marginal(self, i, s, a):
        """r_i(s, a_i) and P_i(. | s, a_i): everybody else's actions summed out, one joint action at a time."""
        reward, moves = Fraction(0), [Fraction(0)] * self.states
        for joint in itertools.product(*(range(n) if j != i else [a] for j, n in enumerate(self.actions))):
            weight = Fraction(1)
            for j, b in enumerate(joint):
                if j != i:
                    weight *= self.policy[j][s][b]
            if weight:
                reward += weight * self.reward[i][(s, *joint)]
                moves = [m + weight * p for m, p in zip(moves, self.moves[(s, *joint)], strict=True)]
        return reward, moves

    @functools.cache  # noqa: B019
    def marginals(self, i):
        return [[self.marginal(i, s, a) for a in range(self.actions[i])] for s in range(self.states)]

    def value_of(self, i, own, bonus=None):
        """Player i's value when it plays ``own`` [s][a]; ``bonus`` [s] is added to its payoffs."""
        table, n, actions = self.marginals(i), self.states, range(self.actions[i])
        reward = [sum(own[s][a] * table[s][a][0] for a in actions) + (bonus[s] if bonus else 0) for s in range(n)]
        chain = [[sum(own[s][a] * table[s][a][1][t] for a in actions) for t in range(n)] for s in range(n)]
        return solve([[(s == t) - self.gamma * chain[s][t] for t in range(n)] for s in range(n)], reward)

    def value(self, i, tau=0.0):
        bonus = [Fraction(tau) * entropy(row) for row in self.policy[i]] if tau else None
        return self.value_of(i, self.policy[i], bonus)

    def best(self, i):
        """The best of all pure policies, state by state: one of them is the best everywhere."""
        n, found = self.actions[i], None
        for choice in itertools.product(range(n), repeat=self.states):
            value = self.value_of(i, [[Fraction(a == c) for a in range(n)] for c in choice])
            found = value if found is None else [max(x, y) for x, y in zip(found, value, strict=True)]
        return found

    def gap(self, i):
        best, value = self.best(i), self.value(i)
        return max(Fraction(0), sum(p * (x - y) for p, x, y in zip(self.initial, best, value, strict=True)))


def entropy(row):
    with localcontext() as context:
        context.prec = 60
        decimals = [Decimal(p.numerator) / Decimal(p.denominator) for p in row if p > 0]
        return Fraction(-sum((p * p.ln() for p in decimals), Decimal(0)))


def check(game, policy, most=None, gaps=True):
    """Both certified bounds, and how they compare with one rounding of the values over 1 - gamma."""
    exact, found = Exact(game, policy), fm.evaluate(game, policy)
    largest = float(np.abs(found.value).max() + np.abs(game.payoff_range()).max())
    errors = [abs(Fraction(float(found.value[i, s])) - v)
              for i in range(exact.players) for s, v in enumerate(exact.value(i))]
    assert np.isfinite(found.error_bound)
    assert max(errors) <= Fraction(found.error_bound), (float(max(errors)), found.error_bound)
    if gaps:
        gap, bound, above = fm.ne_gap(game, policy), fm.metrics.ne_gap_bound(game, policy), largest
        assert np.isfinite(bound)
        for i in range(exact.players):
            off = abs(Fraction(float(gap[i])) - exact.gap(i))
            assert off <= Fraction(bound), (i, float(off), bound)
            value = fm.best_response(game, policy, i)[1]
            above = max(above, float(np.abs(value).max()))
            level = UNIT * 4 * Fraction(float(np.abs(value).max()))  # of adding the middle again
            for x, y in zip(value, exact.best(i), strict=True):
                assert abs(Fraction(float(x)) - y) <= Fraction(bound) * exact.states * 4 + level
    if most is not None:
        one = float(UNIT) / (1.0 - game.discount)
        assert found.error_bound <= most * one * largest
        if gaps:
            assert bound <= 2 * most * one * above
    return errors


# -------------------- the games
def dyadic(rng, *shape, unit=64):
    """Rows of multiples of 1/unit that sum to 1 exactly."""
    return rng.multinomial(unit, np.full(shape[-1], 1.0 / shape[-1]), size=shape[:-1]) / unit


def payoffs(rng, *shape):
    return rng.integers(-1024, 1025, shape) / 1024


def policy_of(rng, actions, states):
    return np.concatenate([dyadic(rng, states, n) for n in actions], axis=1)


def dense(rng, gamma, shared=False):
    actions, states = (2, 2, 2), 3
    moves, rho = dyadic(rng, states, *actions, states), dyadic(rng, states)
    if shared:
        return fm.MarkovGame.identical_interest(payoffs(rng, states, *actions), moves, gamma, rho)
    return fm.MarkovGame(payoffs(rng, 3, states, *actions), moves, gamma, rho)


def sparse(rng, gamma):
    actions, states = (2, 3), 3
    moves = dyadic(rng, states, *actions, states)
    rows = sp.csr_array(moves.reshape(-1, states))
    return fm.MarkovGame(payoffs(rng, 2, states, *actions), rows, gamma, dyadic(rng, states))


def counts(rng, gamma):
    return fm.CountGame(payoffs(rng, 4, 2, 4), dyadic(rng, 2, 2, 4, 2), gamma, dyadic(rng, 4))


def crowd(rng, gamma):
    moves = dyadic(rng, 2, 10, 2)
    return fm.CountGame.from_count_vectors(payoffs(rng, 2, 3, 10), moves, gamma, dyadic(rng, 2), num_players=3)


def polymatrix(rng, gamma):
    pairs = {(0, 1): payoffs(rng, 2, 2, 3), (1, 0): payoffs(rng, 2, 3, 2), (2, 1): payoffs(rng, 2, 2, 3)}
    return fm.PolymatrixGame(pairs, (2, 3, 2), dyadic(rng, 2, 2), gamma, dyadic(rng, 2))


FORMS = {"dense": dense, "shared": functools.partial(dense, shared=True), "sparse": sparse, "counts": counts,
         "crowd": crowd, "polymatrix": polymatrix}
MOST = {"dense": 20, "shared": 20, "sparse": 20, "counts": 60, "crowd": 60, "polymatrix": 20}


@pytest.mark.parametrize("gamma", DISCOUNTS, ids=lambda g: f"1-{1 - g:.2g}")
@pytest.mark.parametrize("form", FORMS)
def test_bounds_hold_for_dyadic_games(rng, form, gamma):
    """Tight to MOST roundings of the largest value over 1 - gamma: K of them are possible, one is unavoidable."""
    for _ in range(2):
        game = FORMS[form](rng, gamma)
        check(game, policy_of(rng, game.num_actions, game.num_states), MOST[form])


CROWDS = {
    "nine on two": lambda rng, gamma: fm.CountGame(payoffs(rng, 1, 2, 10), [[1.0]], gamma),
    "eight with payoffs of their own": lambda rng, gamma: fm.CountGame(payoffs(rng, 8, 1, 2, 9), [[1.0]], gamma),
    "seven who move facilities": lambda rng, gamma: fm.CountGame(payoffs(rng, 4, 2, 8), dyadic(rng, 2, 2, 8, 2), gamma),
    "five on three": lambda rng, gamma: fm.CountGame(payoffs(rng, 1, 3, 6), [[1.0]], gamma),
    "four on four, by vector": lambda rng, gamma: fm.CountGame.from_count_vectors(
        payoffs(rng, 1, 4, 35), dyadic(rng, 1, 35, 1), gamma, num_players=4),
}


@pytest.mark.parametrize("gamma", [0.0, 1.0 - 2.0**-10])
@pytest.mark.parametrize("which", CROWDS)
def test_bounds_hold_for_crowds(rng, which, gamma):
    """Everybody apart, or in two groups: laws are grown and players summed out at several depths."""
    game = CROWDS[which](rng, gamma)
    policy = policy_of(rng, game.num_actions, game.num_states)
    check(game, policy, 120, gaps=False)
    own = policy[:, :game.num_actions[0]]
    two = [own if i % 3 else policy[:, -own.shape[1]:] for i in range(game.num_players)]
    check(game, np.concatenate(two, axis=1), 120, gaps=False)


def test_bounds_of_192_values(rng):
    """Two players, two states, discounts from 1 - 2^-4 to 1 - 2^-50: 23 of these exceeded the residual over 1 - gamma.
    """
    count = 0
    for k in range(4, 52, 2):
        for _ in range(2):
            game = fm.MarkovGame(payoffs(rng, 2, 2, 2, 2), dyadic(rng, 2, 2, 2, 2), 1.0 - 2.0**-k)
            count += len(check(game, policy_of(rng, (2, 2), 2), 30, gaps=False))
    assert count == 192


def test_two_states_and_one_player_at_a_discount_near_1():
    """Off by 1e7, and was certified to 0."""
    game = fm.MarkovGame(np.array([[[1.0], [0.0]]]), [[[0.25, 0.75]], [[0.5, 0.5]]], 1.0 - 1e-12)
    errors = check(game, np.ones((2, 1)), 10)
    assert max(errors) > 1e5
    assert fm.evaluate(game, np.ones((2, 1))).error_bound < 1e9 < 1e-2 * fm.evaluate(game, np.ones((2, 1))).value.min()


@pytest.mark.parametrize("gamma", [0.0, 0.9, 1.0 - 1e-6])
def test_rows_that_miss_1(rng, gamma):
    """By as much as is accepted: the bound is of the game exactly as it is stored."""
    for off in (1e-16, 3e-9, -3e-9):
        moves = rng.dirichlet(np.ones(3), (3, 2, 2)) * (1 + off)
        game = fm.MarkovGame(rng.uniform(-1, 1, (2, 3, 2, 2)), moves, gamma, rng.dirichlet(np.ones(3)))
        policy = np.concatenate([rng.dirichlet(np.ones(2), 3) * (1 + off) for _ in range(2)], axis=1)
        check(game, policy)
        check(fm.MarkovGame(game.rewards, sp.csr_array(moves.reshape(-1, 3)), gamma, game.initial), policy)
        check(fm.NormalFormGame(game.rewards[:, 0]), policy[:1])


@pytest.mark.parametrize("form", ["counts", "crowd", "polymatrix"])
@pytest.mark.parametrize("gamma", [0.0, 0.9])
def test_policies_that_miss_1(rng, form, gamma):
    """Where a table does not ask who else plays, the dense form weighs it by sums of their rows: the bound holds for
    both readings.
    """
    for off in (0.0, 3e-9, -3e-9):
        game = FORMS[form](rng, gamma)
        parts = [rng.dirichlet(np.ones(n), game.num_states) * (1 + off) for n in game.num_actions]
        check(game, np.concatenate(parts, axis=1))


def test_rows_that_outweigh_the_discount_leave_no_bound():
    game = fm.MarkovGame(np.ones((1, 1, 1)), [[[1.0 + 5e-9]]], 1.0 - 1e-9)
    assert fm.evaluate(game, [[1.0]]).error_bound == fm.metrics.ne_gap_bound(game, [[1.0]]) == np.inf


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e12, 1e290, 1e300])
@pytest.mark.parametrize("gamma", [0.0, 1.0 - 2.0**-4, 1.0 - 2.0**-20])
def test_values_of_any_size(rng, gamma, size):
    rewards = payoffs(rng, 2, 2, 2, 2) * size * (1.0 - gamma)
    check(fm.MarkovGame(rewards, dyadic(rng, 2, 2, 2, 2), gamma), policy_of(rng, (2, 2), 2))


def test_overflow_is_refused():
    """Values came out infinite and gaps as NaN."""
    game = fm.MarkovGame(np.arange(16).reshape(2, 2, 2, 2) * 1e305, np.full((2, 2, 2, 2), 0.5), 0.999)
    stage = fm.NormalFormGame([[[1.5e308, -1.5e308], [1e308, 0.0]], [[1.5e308, 1.5e308], [-1.5e308, 1.5e308]]])
    for each in (game, stage):
        policy = fm.uniform_policy(each)
        for ask in (fm.evaluate, fm.ne_gap, fm.metrics.ne_gap_bound, fm.metrics.cce_gap,
                    lambda g, p: fm.learn(g, fm.rules.QAscent(0.1), 1), lambda g, p: fm.evaluate_horizon(g, [p] * 3),
                    lambda g, p: fm.potential.defect(g)):
            with pytest.raises(ValueError, match="larger than the 1e301 that can be computed with: divide all payoffs"):
                ask(each, policy[None] if ask is fm.metrics.cce_gap else policy)


def test_an_exact_game_has_no_error():
    game = fm.NormalFormGame([[[0, 1], [10**15, 10**15 + 1]], [[0, 1], [2, 3]]])
    pure = [[1.0, 0.0, 0.0, 1.0]]
    assert fm.evaluate(game, pure).error_bound == 0.0
    assert fm.ne_gap(game, pure)[0] == 10**15


# -------------------- with entropy
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0 - 2.0**-10, 1.0 - 2.0**-40])
@pytest.mark.parametrize("tau", [1e-3, 0.7, 1e3])
def test_values_with_entropy(rng, gamma, tau):
    for form in ("dense", "counts"):
        game = FORMS[form](rng, gamma)
        policy = policy_of(rng, game.num_actions, game.num_states)
        exact, found = Exact(game, policy), fm.evaluate(game, policy, tau=tau)
        for i in range(exact.players):
            for s, v in enumerate(exact.value(i, tau)):
                assert abs(Fraction(float(found.value[i, s])) - v) <= Fraction(found.error_bound)
        assert found.error_bound < 1e3 * float(UNIT) * (np.abs(found.value).max() + 1 + 3 * tau) / (1 - gamma)


@pytest.mark.parametrize("gamma", [0.0, 0.75])
@pytest.mark.parametrize("tau", [1e-2, 0.7, 50.0])
def test_soft_gaps(rng, gamma, tau):
    """Soft value iteration with 60 digits; 400 rounds of 3/4 leave 1e-50."""
    game = fm.MarkovGame(payoffs(rng, 2, 2, 3, 2), dyadic(rng, 2, 3, 2, 2), gamma, dyadic(rng, 2))
    policy = policy_of(rng, (3, 2), 2)
    exact, gap = Exact(game, policy), fm.qre_gap(game, policy, tau)
    bound = fm.metrics.ne_gap_bound(game, policy, tau)
    with localcontext() as context:
        context.prec = 60

        def decimal(x):
            return Decimal(x.numerator) / Decimal(x.denominator)

        for i in range(2):
            table, best, t = exact.marginals(i), [Decimal(0)] * 2, Decimal(tau)
            for _ in range(400):
                ahead = [[sum(decimal(p) * v for p, v in zip(m, best, strict=True)) for _, m in row] for row in table]
                q = [[(decimal(row[a][0]) + decimal(exact.gamma) * ahead[s][a]) / t for a in range(len(row))]
                     for s, row in enumerate(table)]
                best = [t * sum(x.exp() for x in row).ln() for row in q]
            gain = [Fraction(x) - y for x, y in zip(best, exact.value(i, tau), strict=True)]
            true = max(Fraction(0), sum(p * x for p, x in zip(exact.initial, gain, strict=True)))
            assert abs(Fraction(float(gap[i])) - true) <= Fraction(bound)
    assert bound < 1e-12 * (1 + tau)


# -------------------- sparse chains
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gamma", [0.5, 1.0 - 2.0**-10, 1.0 - 2.0**-40])
@pytest.mark.parametrize("share", [0.0, 1e-3])
def test_sparse_residuals_contain_their_rounding(rng, gamma, transposed, share):
    n, width = 60, 3
    rows = np.repeat(np.arange(n), width)
    chain = sp.csr_array((dyadic(rng, n, width).ravel(), (rows, rng.integers(0, n, n * width))), shape=(n, n))
    chain.sum_duplicates()
    table = chain.indptr.astype(np.int64), chain.indices.astype(np.uint32), chain.data
    small = [np.zeros(n, np.int32) for _ in range(3)]
    room = chain.nnz + n
    made = Factors(*small, np.zeros(n + 1, np.int64), np.zeros(n, np.int64), np.zeros(room, np.uint32), np.zeros(room))
    sparse_solve.factor(*table, gamma, made)
    b = rng.normal(size=n)
    x = b.copy()
    bound = sparse_solve.solve(*table, gamma, made, x, transposed, share, np.full((sparse_solve.VECTORS, n), np.nan))
    exact = [Fraction(float(p)) - Fraction(float(q)) for p, q in zip(b, x, strict=True)]
    for s in range(n):
        for k in range(chain.indptr[s], chain.indptr[s + 1]):
            t, p = int(chain.indices[k]), Fraction(gamma) * Fraction(float(chain.data[k]))
            if transposed:
                exact[t] += p * Fraction(float(x[s]))
            else:
                exact[s] += p * Fraction(float(x[t]))
    size = sum(map(abs, exact)) if transposed else max(map(abs, exact))
    norm = np.abs(x).sum() if transposed else np.abs(x).max()
    assert size <= Fraction(float(bound))
    assert bound <= float(size) + 20 * float(UNIT) * (2 * norm + np.abs(b).sum())


# -------------------- the origin of payoffs
PENNIES = np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])


def same_verdict(game, moved, policy=None):
    a, b = fm.solvers.round_robin(game), fm.solvers.round_robin(moved)
    assert a.status == b.status
    assert a.rounds == b.rounds
    np.testing.assert_array_equal(a.policy, b.policy)
    np.testing.assert_allclose(a.ne_gap, b.ne_gap, rtol=1e-9, atol=1e-12)
    if policy is None:
        policy = fm.uniform_policy(game)
    else:  # its rows sum to 1 exactly
        assert fm.metrics.ne_gap_bound(moved, policy) <= 2 * fm.metrics.ne_gap_bound(game, policy) < 1e-8
    atol = 1e-12 / (1 - game.discount) ** 2
    np.testing.assert_allclose(fm.ne_gap(moved, policy), fm.ne_gap(game, policy), rtol=0, atol=atol)
    np.testing.assert_allclose(fm.qre_gap(moved, policy, 0.5), fm.qre_gap(game, policy, 0.5), rtol=0, atol=1e-9)
    assert fm.metrics.c(moved, policy) == fm.metrics.c(game, policy)
    for i in range(game.num_players):
        np.testing.assert_array_equal(fm.best_response(moved, policy, i)[0], fm.best_response(game, policy, i)[0])
    return a.status


@pytest.mark.parametrize("level", [1e3, 1e9, 1e12, 1e15, -1e15])
def test_matching_pennies_cycle_from_any_origin(level):
    assert same_verdict(fm.NormalFormGame(PENNIES), fm.NormalFormGame(PENNIES + level)) == "cycle"


@pytest.mark.parametrize("level", [1e9, 1e11, 1e12])
def test_integer_payoffs_from_any_origin(rng, level):
    found = set()
    for shape in ((3, 3, 3, 2), (2, 4, 4), (2, 3, 3)):
        for _ in range(6):
            table = rng.integers(-9, 10, shape).astype(float)
            table += np.array([0.0, 5.0, -3.0])[:shape[0]].reshape(-1, *(1,) * (len(shape) - 1))
            lift = level * np.array([1.0, -1.0, 2.0])[:shape[0]].reshape(-1, *(1,) * (len(shape) - 1))
            found.add(same_verdict(fm.NormalFormGame(table), fm.NormalFormGame(table + lift)))
    assert found == {"equilibrium", "cycle"}


@pytest.mark.parametrize("form", ["dense", "counts", *(pytest.param(each, marks=pytest.mark.slow)
                                                     for each in FORMS if each not in ("dense", "counts"))])
@pytest.mark.parametrize("gamma", [0.5, 1.0 - 2.0**-7])
def test_every_representation_from_any_origin(rng, form, gamma):
    """Multiples of 2^-10 at 1e11 are exact; rows that sum to 1 exactly leave nothing of the level."""
    plain = FORMS[form](np.random.default_rng(5), gamma)
    before = payoffs
    try:
        globals()["payoffs"] = lambda rng, *shape: before(rng, *shape) + 1e11
        moved = FORMS[form](np.random.default_rng(5), gamma)
    finally:
        globals()["payoffs"] = before
    same_verdict(plain, moved, policy_of(rng, plain.num_actions, plain.num_states))


def test_a_spread_that_is_small_beside_the_level():
    """1e9 +- .004: an equilibrium was seen in any profile, the NE-gap being .008."""
    near = 1e9 + np.array([[[4, -4], [-4, 4]], [[-4, 4], [4, -4]]]) / 1024
    found = fm.solvers.round_robin(fm.NormalFormGame(near))
    assert found.status == "cycle"
    assert found.ne_gap.max() == 8 / 1024
    assert fm.ne_gap(fm.NormalFormGame(near), [[1.0, 0.0, 0.0, 1.0]]).tolist() == [8 / 1024, 0.0]


def test_a_difference_of_1_beside_payoffs_of_1e15():
    """No middle helps here, but nothing is rounded: the verdict is exact."""
    game = fm.NormalFormGame([[[0, 10**15], [1, 10**15 + 1]], [[0, 1], [1, 0]]])
    found = fm.solvers.round_robin(game, [[1.0, 0.0], [0.0, 1.0]])
    assert found.status == "equilibrium"
    assert found.policy.tolist() == [[0.0, 1.0, 1.0, 0.0]]
    assert found.hidden.tolist() == [0.0, 0.0]


def test_where_rounding_decides_it_is_said():
    rewards, moves = np.zeros((2, 2, 2, 2)), np.full((2, 2, 2, 2), 0.5)
    rewards[:, 0] = PENNIES
    assert fm.solvers.round_robin(fm.MarkovGame(rewards, moves, 0.9)).status == "cycle"
    assert fm.solvers.round_robin(fm.MarkovGame(rewards * 1e288, moves, 1.0 - 1e-12)).status == "cycle"
    rewards[:, 0] = [[2, 0], [0, 1]]
    found = fm.solvers.round_robin(fm.MarkovGame(rewards, moves, 1.0 - 1e-14))
    assert found.status == "undecided"
    assert found.hidden.max() > 1.0


def test_a_game_near_its_origin_is_left_alone(rng):
    game = dense(rng, 0.9)
    assert centred(game)[0] is game
    lifted = fm.MarkovGame(game.rewards + 1e6, game.transitions, 0.9)
    before = np.array(lifted.rewards)
    assert centred(lifted)[0] is centred(lifted)[0] is not lifted
    np.testing.assert_array_equal(lifted.rewards, before)
