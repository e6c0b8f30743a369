"""Every certificate is an interval that holds the true number: 500 random games in exact arithmetic.

The numbers that games, policies and weights hold are taken as fractions (decimals of 80 digits where there are
logarithms), and nothing is rounded: values, best responses, gaps, deviations from correlated policies, squares of
deviations and, where it is known, alpha.
"""

import functools
import itertools
import os
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from test_certified import Exact, solve

import fastmpg as fm
from fastmpg.metrics._interval import NOTHING, around

DISCOUNTS = (0.0, 0.5, 0.9, 0.99, 1.0 - 1e-4, 1.0 - 1e-6, 1.0 - 1e-9, 1.0 - 1e-12)
SHAPES = ((2, 2), (2, 3), (2, 2, 2))
MANY = min(500, int(os.environ.get("FASTMPG_FUZZ", 160)))


# ------------------------------------------------------------------------------------------------------------ the games
def dense(rng, gamma, shared=False, sparse=False):
    actions, states = SHAPES[rng.integers(3)], 2
    rewards = rng.uniform(-1, 1, (len(actions), states, *actions)) + rng.choice([0.0, 0.0, 1e3])
    moves = rng.dirichlet(np.full(states, 0.7), (states, *actions))
    moves = moves / moves.sum(axis=-1, keepdims=True)
    if shared:
        return fm.MarkovGame.identical_interest(rewards[0], moves, gamma, rng.dirichlet(np.ones(states)))
    return fm.MarkovGame(rewards, sp.csr_array(moves.reshape(-1, states)) if sparse else moves, gamma,
                         rng.dirichlet(np.ones(states)))


def counts(rng, gamma):
    n = int(rng.integers(2, 4))
    moves = rng.dirichlet(np.ones(2), (2, 2, n + 1))
    return fm.CountGame(rng.uniform(-1, 1, (4, 2, n + 1)), moves, gamma, rng.dirichlet(np.ones(4)))


def crowd(rng, gamma):
    vectors = len(fm.count_vectors(2, 3))
    return fm.CountGame.from_count_vectors(rng.uniform(-1, 1, (2, 3, vectors)), rng.dirichlet(np.ones(2), (2, vectors)),
                                           gamma, rng.dirichlet(np.ones(2)), num_players=2)


def polymatrix(rng, gamma):
    pairs = {(0, 1): rng.uniform(-1, 1, (2, 2, 3)), (1, 0): rng.uniform(-1, 1, (2, 3, 2))}
    return fm.PolymatrixGame(pairs, (2, 3), rng.dirichlet(np.ones(2), 2), gamma, rng.dirichlet(np.ones(2)))


def normal(rng, gamma):
    actions = SHAPES[rng.integers(3)]
    return fm.NormalFormGame(rng.uniform(-1, 1, (len(actions), *actions)))


def uncontrolled(rng, gamma):
    """Two players, two actions, moves that nobody's actions change: alpha is known."""
    moves = np.broadcast_to(rng.dirichlet(np.ones(2), 2)[:, None, None], (2, 2, 2, 2))
    return fm.MarkovGame(rng.uniform(-1, 1, (2, 2, 2, 2)), moves, gamma)


def exact_potential(rng, gamma):
    """phi and a function of the others each, in multiples of 1/256: sums are exact."""
    phi = rng.integers(-256, 257, (2, 2, 2)) / 256
    rest = rng.integers(-256, 257, (2, 2, 2)) / 256  # (player, state, the other's action)
    rewards = np.stack([phi + rest[0][:, None, :], phi + rest[1][:, :, None]])
    moves = np.broadcast_to(np.array([[0.25, 0.75], [0.5, 0.5]])[:, None, None], (2, 2, 2, 2))
    game = fm.MarkovGame(rewards, moves, gamma)
    object.__setattr__(game, "phi", phi)
    return game


FORMS = {"dense": dense, "shared": functools.partial(dense, shared=True),
         "sparse": functools.partial(dense, sparse=True), "counts": counts, "crowd": crowd, "polymatrix": polymatrix,
         "normal form": normal, "uncontrolled": uncontrolled, "exact potential": exact_potential}


# ------------------------------------------------------------------------------------------------------------ the twins
def best_of(gets, leads, gamma):
    """Values of the best choices by policy iteration in fractions: gets [s][k][b], leads [s][k][b][t], one b a k."""
    states = len(gets)
    pick = [[next(b for b in range(len(row)) if row[b] is not None) for row in gets[s]] for s in range(states)]
    while True:
        paid = [sum(gets[s][k][b] for k, b in enumerate(pick[s])) for s in range(states)]
        chain = [[sum(leads[s][k][b][t] for k, b in enumerate(pick[s])) for t in range(states)] for s in range(states)]
        value = solve([[(s == t) - gamma * chain[s][t] for t in range(states)] for s in range(states)], paid)
        changed = False
        for s in range(states):
            for k, row in enumerate(gets[s]):
                q = [gets[s][k][b] + gamma * sum(p * v for p, v in zip(leads[s][k][b], value, strict=True))
                     for b in range(len(row))]
                if max(q) > q[pick[s][k]]:
                    changed, pick[s][k] = True, q.index(max(q))
        if not changed:
            return value


def marginal_best(exact, i):
    table = exact.marginals(i)
    return best_of([[[r for r, _ in row]] for row in table], [[[m for _, m in row]] for row in table], exact.gamma)


def soft_best(exact, i, tau):
    """Entropy-regularised best values by policy iteration with 80 digits, which converges quadratically."""
    def decimal(x):
        return Decimal(x.numerator) / Decimal(x.denominator)

    with localcontext() as context:
        context.prec = 80
        gamma, t = decimal(exact.gamma), Decimal(tau)
        table = [[(decimal(r), [decimal(p) for p in m]) for r, m in row] for row in exact.marginals(i)]
        states, value = len(table), [Decimal(0)] * len(table)
        for _ in range(60):
            paid, chain, last = [], [], value
            for row in table:
                q = [(r + gamma * sum(p * v for p, v in zip(m, value, strict=True))) / t for r, m in row]
                top = max(q)
                weights = [(x - top).exp() for x in q]
                total = sum(weights)
                pi = [w / total for w in weights]
                soft = t * (top + total.ln())
                paid.append(soft - gamma * sum(p * sum(x * v for x, v in zip(m, value, strict=True))
                                               for p, (_, m) in zip(pi, row, strict=True)))
                chain.append([sum(p * m[u] for p, (_, m) in zip(pi, row, strict=True)) for u in range(states)])
            value = solve([[(s == u) - gamma * chain[s][u] for u in range(states)] for s in range(states)], paid)
            if max(abs(x - y) for x, y in zip(value, last, strict=True)) <= Decimal(10)**-60 * max(map(abs, value)):
                return [Fraction(x) for x in value]
        raise AssertionError("soft policy iteration did not converge")


class Mixture:
    """Deviations from a correlated policy, in fractions."""

    def __init__(self, exact, policies, weights):
        total = sum(map(Fraction, weights))
        self.exact, self.joint = exact, list(itertools.product(*map(range, exact.actions)))
        self.law = []
        for s in range(exact.states):
            row = {}
            for a in self.joint:
                row[a] = Fraction(0)
                for weight, one in zip(weights, policies, strict=True):
                    share = Fraction(weight) / total
                    for j, b in enumerate(a):
                        share *= one[j][s][b]
                    row[a] += share
            self.law.append(row)

    def gap(self, i, told):
        """[s]"""
        e, kinds = self.exact, range(self.exact.actions[i]) if told else (None,)
        states = range(e.states)
        paid = [sum(p * e.reward[i][(s, *a)] for a, p in self.law[s].items()) for s in states]
        chain = [[sum(p * e.moves[(s, *a, t)] for a, p in self.law[s].items()) for t in states] for s in states]
        value = solve([[(s == t) - e.gamma * chain[s][t] for t in states] for s in states], paid)
        gets, leads = [], []
        for s in states:
            gets.append([])
            leads.append([])
            for k in kinds:
                who = [(a, p) for a, p in self.law[s].items() if k is None or a[i] == k]
                swap = [[((s, *a[:i], b, *a[i + 1:]), p) for a, p in who] for b in range(e.actions[i])]
                gets[-1].append([sum(p * e.reward[i][at] for at, p in row) for row in swap])
                leads[-1].append([[sum(p * e.moves[(*at, t)] for at, p in row) for t in states] for row in swap])
        best = best_of(gets, leads, e.gamma)
        return [max(x - y, 0) for x, y in zip(best, value, strict=True)]


def around_square(game, square, players, state):
    """The sum of the deviators' value changes around a square, in fractions."""
    i, k = (int(x) for x in players)
    value = [Exact(game, corner) for corner in square]
    w = [one.value(i)[state] - one.value(k)[state] for one in value]
    return abs(w[1] - w[0] - w[2] + w[3])


def missed_around(game, phi, square, players):
    """The most that the value of phi misses of the four changes around a square, from any state, in fractions."""
    table, worst = np.vectorize(Fraction, otypes=[object])(np.asarray(phi)), Fraction(0)
    apart = []
    for corner in square:
        exact, common = Exact(game, corner), Exact(game, corner)
        common.reward = [table] * game.num_players
        apart.append([[v - p for v, p in zip(exact.value(i), common.value(i), strict=True)] for i in range(
            game.num_players)])
    i, k = (int(x) for x in players)
    for c, who in enumerate((i, k, i, k)):
        worst = max(worst, *(abs(x - y) for x, y in zip(apart[c][who], apart[(c + 1) % 4][who], strict=True)))
    return worst


def known_alpha(game):
    """Of two players with two actions who do not move the state: squares of all states add up, and so do potentials."""
    exact = Exact(game, fm.uniform_policy(game))
    cycles = [abs(sum((-1) ** (a + b) * (exact.reward[0][(s, a, b)] - exact.reward[1][(s, a, b)])
                      for a in range(2) for b in range(2))) / 4 for s in range(exact.states)]
    chain = [[exact.moves[(s, 0, 0, t)] for t in range(exact.states)] for s in range(exact.states)]
    n = range(exact.states)
    return max(solve([[(s == t) - exact.gamma * chain[s][t] for t in n] for s in n], cycles))


def inside(interval, true):
    """Whether exact numbers, nested as the interval is shaped, lie in it."""
    low, high = np.asarray(interval.low), np.asarray(interval.high)
    true = np.array(true, object)
    assert low.shape == high.shape == true.shape, (low.shape, true.shape)
    return all((a == -np.inf or Fraction(float(a)) <= t) and (b == np.inf or t <= Fraction(float(b)))
               for a, b, t in zip(low.flat, high.flat, true.flat, strict=True))


def misses(form, gamma, seed):
    """Names of the certificates whose interval does not hold the true number, and every interval's widest entry."""
    rng = np.random.default_rng(seed)
    game = FORMS[form](rng, gamma)
    policies = [fm.random_policy(game, rng) for _ in range(2)]
    if seed % 3 == 0:  # of 0s and 1s: nothing is rounded on the way to a marginal
        pure = [np.eye(part.shape[1])[part.argmax(axis=1)] for part in fm.split(game, policies[0])]
        policies[0] = np.concatenate(pure, axis=1)
    policy, exact = policies[0], Exact(game, policies[0])
    players, tau = range(game.num_players), float(rng.choice([0.01, 1.0]))
    start = [Fraction(float(p)) for p in game.initial]
    value, best = [exact.value(i) for i in players], [marginal_best(exact, i) for i in players]
    gains = [[max(Fraction(0), x - y) for x, y in zip(best[i], value[i], strict=True)] for i in players]
    gaps = [max(Fraction(0), sum(p * (x - y) for p, x, y in zip(start, best[i], value[i], strict=True)))
            for i in players]
    soft, calm = [soft_best(exact, i, tau) for i in players], [exact.value(i, tau) for i in players]
    soft_gaps = [max(Fraction(0), sum(p * (x - y) for p, x, y in zip(start, soft[i], calm[i], strict=True)))
                 for i in players]
    found = {
        "value": (fm.evaluate(game, policy).interval, value),
        "value with entropy": (fm.evaluate(game, policy, tau=tau).interval, calm),
        "ne_gap": (fm.ne_gap(game, policy, certified=True), gaps),
        "ne_gap from every state": (fm.ne_gap(game, policy, start="every", certified=True), gains),
        "ne_gap from the worst": (fm.ne_gap(game, policy, start="worst", certified=True), list(map(max, gains))),
        "qre_gap": (fm.qre_gap(game, policy, tau, certified=True), soft_gaps),
    }
    for i in players:
        found[f"best response {i}"] = fm.best_response(game, policy, i, certified=True)[1], best[i]
        found[f"soft best response {i}"] = fm.best_response(game, policy, i, tau=tau, certified=True)[1], soft[i]
    weights = rng.uniform(0.5, 1.5, 2)
    mixed = Mixture(exact, [exact.policy, Exact(game, policies[1]).policy], [float(w) for w in weights])
    for name, told in (("cce_gap", False), ("ce_gap", True)):
        each = [mixed.gap(i, told) for i in players]
        mean = [sum(p * x for p, x in zip(start, row, strict=True)) for row in each]
        metric = functools.partial(getattr(fm.metrics, name), game, np.stack(policies), weights=weights, certified=True)
        found[name] = metric(), mean
        found[f"{name} from every state"] = metric(start="every"), each
    square = fm.potential.defect(game, samples=4, rng=rng)
    true = around_square(game, square.square, square.players, square.state)
    found["defect of its square"] = around(square.defect, square.error, ""), true
    if game.num_states == 1 and game.num_actions == (2, 2):
        found["defect"] = square.interval, true
    else:  # a lower bound on the largest is known
        found["defect"] = square.interval._replace(high=np.inf), max(true, Fraction(square.interval.low))
        assert square.interval.high == np.inf or true <= Fraction(square.interval.high)
    near = fm.potential.alpha(game, samples=4, starts=0, rounds=0, rng=rng)
    if form == "uncontrolled" or (game.num_states == 1 and game.num_actions == (2, 2)):
        found["alpha"] = near.interval, known_alpha(game)
    elif game.shares_reward or form == "exact potential":
        found["alpha"] = near.interval, Fraction(0)
    else:  # more than the square proves, less than what one function misses
        assert true / 4 <= Fraction(near.upper), "alpha"
        found["alpha"] = near.interval._replace(low=0.0), true / 4
    miss = missed_around(game, near.phi, square.square, square.players)
    found["what its function misses"] = near.interval._replace(low=0.0), miss
    if game.shares_reward:
        found["potential range"] = (fm.potential.potential_range(game),
                                    Fraction(float(game.rewards.max())) - Fraction(float(game.rewards.min())))
    if form == "exact potential":
        found["potential range"] = (fm.potential.potential_range(game),
                                    max(Fraction(float(np.ptp(each))) for each in game.phi))
    lost = [name for name, (interval, exactly) in found.items() if not inside(interval, exactly)]
    scale = float(np.abs(game.payoff_range()).max()) / (1.0 - game.discount)
    widths = {name: float(np.max(interval.width)) / scale for name, (interval, _) in found.items()}
    return lost, widths | {"defect": square.interval.width / scale, "alpha": near.interval.width / scale}, game.discount


def cases(count):
    """(form, discount, seed), every form and discount in turn."""
    every = list(itertools.product(FORMS, DISCOUNTS))
    return [(*every[k % len(every)], k) for k in range(count)]


def wrong(which):
    return {case: lost for case in which if (lost := misses(*case)[0])}


@pytest.mark.compiled
def test_the_true_number_lies_in_every_interval():
    """A slice of the 500."""
    assert wrong(cases(500)[::21]) == {}


@pytest.mark.slow
def test_the_true_number_lies_in_every_interval_of_many():
    """All 500 with FASTMPG_FUZZ=500. Medians of widths, of the largest payoff over 1 - gamma, are printed by
    certificate and 1 - discount.
    """
    widths, lost = {}, {}
    for case in cases(500)[::500 // MANY]:
        gone, seen, gamma = misses(*case)
        if gone:
            lost[case] = gone
        for name, width in seen.items():
            widths.setdefault(name.rstrip("012").strip(), {}).setdefault(gamma, []).append(width)
    print(26 * " ", *(f"{1.0 - g:9.1e}" for g in DISCOUNTS))
    for name, row in widths.items():
        print(f"{name:26}", *(f"{np.median(row[g]):9.1e}" if g in row else 9 * " " for g in DISCOUNTS))
    assert lost == {}


# --------------------------------------------------------------------------------------------------------- the record
@pytest.mark.compiled
def test_intervals_say_how_wide_they_are_and_why():
    game = fm.games.routing(3)
    found = fm.ne_gap(game, fm.uniform_policy(game), certified=True)
    assert isinstance(found, fm.Interval) and found.holds(fm.ne_gap(game, fm.uniform_policy(game)))
    assert "of shape (3,)" in repr(found) and "by rounding" in repr(found) and not found.low.flags.writeable
    assert not found.holds(found.high + 1.0) and found.width.shape == (3,)
    one = fm.potential.defect(game).interval
    assert type(one.low) is type(one.width) is float and "by sampling" in repr(one)
    assert fm.Interval(1.0, 1.0, "x") == fm.Interval(1.0, 1.0, "x") != fm.Interval(1.0, 2.0, "x")
    assert hash(fm.Interval(1.0, 1.0, "x")) == hash(fm.Interval(1.0, 1.0, "x"))
    assert fm.Interval(np.inf, np.inf, "").width == 0.0 and repr(fm.Interval(np.zeros(0), np.zeros(0), "x"))


def test_stacks_and_shares_of_the_span():
    game = fm.games.routing(3)
    stack = np.stack([fm.random_policy(game, k) for k in range(4)])
    found = fm.ne_gap(game, stack, certified=True)
    assert found.low.shape == (4, 3) and found.holds(fm.ne_gap(game, stack))
    for start in (None, "every", "worst", 1, [0.5, 0.5, 0.0, 0.0]):
        for relative in (False, True):
            found = fm.ne_gap(game, stack, start=start, relative=relative, certified=True)
            told = fm.ne_gap(game, stack, start=start, relative=relative)
            assert found.holds(told) and found.width.max() < 1e-12 * (1.0 + told.max())
    assert fm.ne_gap(game, stack[:0], certified=True).low.shape == (0, 3)
    assert fm.best_response(game, stack, 1, certified=True)[1].holds(fm.best_response(game, stack, 1)[1])
    assert fm.evaluate(game, stack).interval.holds(fm.evaluate(game, stack).value)


def test_where_nothing_can_be_said_the_interval_says_so():
    game = fm.MarkovGame(np.ones((1, 1, 1)), [[[1.0 + 5e-9]]], 1.0 - 1e-9)
    found = fm.ne_gap(game, [[1.0]], certified=True)
    assert (found.low[0], found.high[0], found.limit) == (0.0, np.inf, NOTHING)


def test_a_residual_that_is_seen_is_named():
    """A sparse chain of many states is solved by iteration."""
    game = fm.games.random_markov(400, (2, 2), 0.999, rng=0, sparse=3)
    found = fm.evaluate(game, fm.uniform_policy(game)).interval
    assert np.isfinite(found.width).all()
    assert fm.ne_gap(game, fm.uniform_policy(game), certified=True).limit in ("rounding",
                                                                              "the residual of the linear solve")
