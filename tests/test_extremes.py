"""Small games at the ends of the number line, against numbers of 700 digits.

Discounts 0 to 1 - 1e-15, payoffs and mixtures of payoffs 1e-300 to 1e300, temperatures and step sizes 1e-12 to 1e12;
ties, doubled actions, missing actions, states that nothing reaches or leaves, chains that hardly move.

Where the library claims a bound, the true number lies within it. Where it claims none, the bound is a few roundings
(STEPS) of the largest number on the way, times what the problem itself makes of a rounding. Otherwise what comes is a
ValueError or :class:`fastmpg.Diverged`: never NaN, no row off the simplex, no warning.

``FASTMPG_FUZZ=N python -m pytest tests/test_extremes.py -m slow`` draws as many games.
"""

import collections
import itertools
import os
from types import SimpleNamespace

import digits
import numpy as np
import pytest
import scipy.sparse as sp
from digits import INF, MP, exact, rows
from test_available import policy_on, ragged
from test_intervals import Mixture

import fastmpg as fm
from fastmpg.kernels import simplex
from fastmpg.metrics.respond import soft_maximum
from fastmpg.rules.rule import contract

DRAWS = int(os.environ.get("FASTMPG_FUZZ", 30))
DISCOUNTS = (0.0, 0.5, *(1.0 - 10.0**-k for k in (3, 6, 9, 12, 15)))
ENDS = (1e-300, 1e-150, 1e-12, 1.0, 1.0, 1e12, 1e150, 1e300)
HUGE = 1e300  # what values may reach
UNIT, STEPS, TINY = MP.mpf(2)**-53, 64, MP.mpf(10)**-305
RULES = [name for name in fm.rules.__all__ if not contract(getattr(fm.rules, name)).feedback.sampled]
SOFT = {"GradientPlay", "NaturalGradientPlay", "EntropyNaturalGradientPlay", "OptimisticMultiplicativeWeights"}
DRAWN = {"BetterResponse", "LogLinearLearning", "BinaryLogLinearLearning"}
PROJECTED = {"ProjectedGradientAscent", "QAscent", "OptimisticQAscent"}


def power(rng):
    """1e-12 to 1e12."""
    return float(10.0 ** rng.integers(-12, 13))


# ------------------------------------------------------------------------------------------------------------ the games
def payoffs(rng, gamma, *shape):
    """(K, ...) of one size, of a size an entry or a player, small beside a level, or with ties."""
    most, kind = HUGE * (1.0 - gamma), rng.integers(5)
    size = rng.choice(ENDS)
    if kind == 1:
        size = rng.choice(ENDS, shape)
    elif kind == 2:
        size = rng.choice(ENDS, (shape[0], *(1,) * (len(shape) - 1)))
    drawn = rng.uniform(-1, 1, shape)
    if kind == 3:
        drawn = np.rint(2 * drawn)
    elif kind == 4:
        drawn = 1.0 + drawn * 10.0 ** -float(rng.integers(1, 17))
    return np.clip(drawn, -2.0, 2.0) * np.minimum(size, most / 4)


def laws(rng, states, *shape):
    """(..., S) rows that sum to 1 exactly or nearly: drawn, of multiples of 1/64, sure, staying, hardly moving."""
    kind = rng.integers(5)
    if kind == 0:
        drawn = rng.dirichlet(np.ones(states), shape)
        return drawn / drawn.sum(axis=-1, keepdims=True)
    if kind == 1:
        return rng.multinomial(64, np.full(states, 1.0 / states), shape) / 64
    if kind == 2:
        return np.eye(states)[rng.integers(states, size=shape)]
    stay = np.broadcast_to(np.eye(states).reshape(states, *(1,) * (len(shape) - 1), states), (*shape, states))
    if kind == 3 or shape[0] != states:
        return stay.copy() if shape[0] == states else np.eye(states)[np.zeros(shape, int)]
    away = 2.0 ** -rng.integers(10, 52, shape)[..., None]
    return (1 - away) * stay + away * np.eye(states)[rng.integers(states, size=shape)]


def shape_of(rng):
    return [(2, 2), (3,), (2, 3), (2, 2, 2)][rng.integers(4)], int(rng.integers(1, 4))


def markov(rng, gamma):
    """Dense or sparse, with own or shared payoffs, doubled actions, missing ones, final and unreachable states."""
    actions, states = shape_of(rng)
    planes = 1 if rng.random() < 0.3 else len(actions)
    rewards = payoffs(rng, gamma, planes, states, *actions)
    moves = laws(rng, states, states, *actions)
    if rng.random() < 0.3:  # player 0's first two actions are one
        rewards[:, :, 1], moves[:, 1] = rewards[:, :, 0], moves[:, 0]
    if states > 1 and rng.random() < 0.3:  # nothing leads to the last state
        moves[..., 0] += moves[..., -1]
        moves[..., -1] = 0.0
    more = {}
    if rng.random() < 0.3:
        more["available"] = ragged(rng, states, actions)
    if states > 1 and rng.random() < 0.2:
        more["terminal"] = [0]
    if rng.random() < 0.4:
        moves = sp.csr_array(moves.reshape(-1, states))
    initial = np.eye(states)[0] if rng.random() < 0.5 else np.full(states, 1.0 / states)
    if planes == 1:
        return fm.MarkovGame.identical_interest(rewards[0], moves, gamma, initial, **more)
    return fm.MarkovGame(rewards, moves, gamma, initial, **more)


def normal(rng, gamma):
    actions, _ = shape_of(rng)
    more = {"available": ragged(rng, 1, actions)} if rng.random() < 0.3 else {}
    return fm.NormalFormGame(payoffs(rng, 0.0, len(actions), *actions), **more)


def counts(rng, gamma):
    players, states = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    if rng.random() < 0.5:  # every facility has a state of its own
        moves = laws(rng, states, states, 2, players + 1) if states > 1 else [[1.0]]
        return fm.CountGame(payoffs(rng, gamma, states**2, 2, players + 1), moves, gamma)
    vectors = len(fm.count_vectors(players, 3))
    return fm.CountGame.from_count_vectors(payoffs(rng, gamma, states, 3, vectors), laws(rng, states, states, vectors),
                                           gamma, num_players=players)


def pairs(rng, gamma):
    actions, states = shape_of(rng)
    count = len(actions)
    tables = {(i, k): payoffs(rng, gamma, states, actions[i], actions[k]) / 4 for i in range(count)
              for k in range(count) if i != k}
    solo = [payoffs(rng, gamma, states, n) / 4 for n in actions]
    return fm.PolymatrixGame(tables, actions, laws(rng, states, states), gamma, solo=solo)


FORMS = (markov, markov, markov, normal, counts, pairs)


def policy_for(rng, game):
    """Inside, of multiples of 1/64, at corners, or as near to them as there are numbers."""
    there = np.ones((game.num_states, int(game.offset[-1])), bool) if game.available is None else game.available
    parts = np.split(there, game.offset[1:-1], axis=1)
    drawn, kind = policy_on(rng, parts), rng.integers(4)
    if kind == 1:
        drawn = [np.array([rng.multinomial(64, row) for row in part]) / 64 for part in drawn]
    elif kind == 2:
        drawn = [np.eye(part.shape[1])[part.argmax(axis=1)] for part in drawn]
    elif kind == 3:
        drawn = [np.where(part == part.max(axis=1, keepdims=True), 1.0, part * 10.0 ** -float(rng.integers(20, 300)))
                 for part in drawn]
    return np.concatenate(drawn, axis=1)


# ------------------------------------------------------------------------------------------------------------- checks
class Misses(Exception):
    """What is farther off than its bound."""


def largest(table):
    """Of finite entries."""
    flat = [abs(x) for x in exact(table).reshape(-1) if MP.isfinite(x)]
    return max(flat, default=MP.mpf(0))


def check(name, found, true, bound):
    """Entry by entry; -inf is met by itself alone, and NaN by nothing."""
    found, true = np.asarray(exact(found), object), np.asarray(true, object)
    assert found.shape == true.shape, (name, found.shape, true.shape)
    bound = np.broadcast_to(np.asarray(bound, object), true.shape)
    for x, y, most in zip(found.flat, true.flat, bound.flat, strict=True):
        if not (x == y or abs(x - y) <= most):
            raise Misses(f"{name}: {MP.nstr(x, 20)} for {MP.nstr(MP.mpf(y), 20)}, bound {MP.nstr(MP.mpf(most), 5)}")


def inside(name, interval, true):
    low, high, true = np.asarray(interval.low), np.asarray(interval.high), np.asarray(true, object)
    assert low.shape == true.shape, (name, low.shape, true.shape)
    for a, b, x in zip(low.flat, high.flat, true.flat, strict=True):
        if not MP.mpf(float(a)) <= x <= MP.mpf(float(b)):
            raise Misses(f"{name}: {MP.nstr(x, 20)} is not in [{a!r}, {b!r}]")


def on_simplex(name, game, policy):
    policy = np.asarray(policy)
    there = np.ones(policy.shape, bool) if game.available is None else game.available
    width = max(game.num_actions)
    sums = np.add.reduceat(policy, game.offset[:-1], axis=-1)
    if not (policy >= 0).all() or policy[~there].any() or not (np.abs(sums - 1) <= 4 * width * 2.0**-52).all():
        raise Misses(f"{name}: off the simplex {policy!r}")


class Case:
    """A game, a policy, and what is so about them."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng([2027, seed])
        self.gamma = DISCOUNTS[seed % len(DISCOUNTS)]
        self.game = game = FORMS[rng.integers(len(FORMS))](rng, self.gamma)
        self.gamma = game.discount
        self.policy, self.tau = policy_for(rng, game), power(rng)
        self.exact, self.rows = digits.game_of(game), rows(game, self.policy)
        self.players = range(game.num_players)
        self.far = 1 / (1 - MP.mpf(self.gamma))

    def evaluation(self):
        naive, game = digits.naive, self.game
        inverse = self.inverse()
        for tau in (0.0, self.tau):
            found = fm.evaluate(game, self.policy, tau=tau)
            value = naive.value(self.exact, self.rows, MP.mpf(tau))
            check(f"value at {tau}", found.value, value, MP.mpf(found.error_bound))
            inside(f"interval of values at {tau}", found.interval, value)
            if not np.isfinite(found.error_bound) and self.sums() <= 1:
                raise Misses(f"no bound at {tau}, though no row outweighs the discount")
            off = np.max(np.abs(exact(found.value) - value))
            size = largest(self.exact.rewards) + largest(value)
            q = naive.join(naive.q_bar(self.exact, self.rows, MP.mpf(tau)))
            most = 2 * off + STEPS * UNIT * size + TINY
            check(f"Q at {tau}", found.q_bar, q, most)
            if tau == 0.0:
                check("advantage", found.adv_bar, naive.join(naive.adv_bar(self.exact, self.rows)), 3 * most)
        chain = np.abs(naive.induced_chain(self.exact.transitions, self.rows))
        visit = naive.visitation(self.exact, self.rows)
        spread = visit @ (exact(np.eye(len(chain))) + self.exact.discount * chain) @ np.abs(inverse)
        check("visitation", found.visit, visit, STEPS * UNIT * (spread + visit) + TINY)
        return "bounded" if np.isfinite(found.error_bound) else "rows outweigh the discount"

    def sums(self):
        """The largest sum of a row of moves or probabilities."""
        return max(max(table.sum(axis=-1).flat) for table in (self.exact.transitions, *self.rows))

    def inverse(self):
        chain = digits.naive.induced_chain(self.exact.transitions, self.rows)
        one = exact(np.eye(len(chain)))
        return digits._Linear.solve(one - self.exact.discount * chain, one)

    def gaps(self):
        naive, game, rho = digits.naive, self.game, self.exact.initial
        for tau in (0.0, self.tau):
            value = naive.value(self.exact, self.rows, MP.mpf(tau))
            best = []
            for i in self.players:
                values = (naive.best_response(self.exact, self.rows, i) if tau == 0.0
                          else naive.soft_best_response(self.exact, self.rows, i, MP.mpf(tau)))[1]
                best.append(values)
                response, interval = fm.best_response(game, self.policy, i, tau=tau, certified=True)
                inside(f"best response of {i} at {tau}", interval, values)
                told, plain = fm.best_response(game, self.policy, i, tau=tau)
                np.testing.assert_array_equal(told, response)
                if not interval.holds(plain):
                    raise Misses(f"best response of {i} at {tau} is outside of its interval")
                whole = self.policy.copy()
                whole[:, game.offset[i]:game.offset[i + 1]] = told
                on_simplex(f"response of {i} at {tau}", game, whole)
                if tau == 0.0 and np.isfinite(interval.width).all():
                    reached = naive.value(self.exact, rows(game, whole))[i]
                    if not (reached >= exact(interval.low) - 2 * exact(interval.width)).all():
                        raise Misses(f"the response of {i} is worth less than it says")
            gains = np.array([[max(MP.mpf(0), x - y) for x, y in zip(b, v, strict=True)]
                              for b, v in zip(best, value, strict=True)], object)
            mean = np.array([max(MP.mpf(0), rho @ (b - v)) for b, v in zip(best, value, strict=True)], object)
            for start, true in ((None, mean), ("every", gains), ("worst", gains.max(axis=1))):
                asked = {} if start is None else {"start": start}
                if tau == 0.0:
                    found, plain = (fm.ne_gap(game, self.policy, certified=c, **asked) for c in (True, False))
                else:
                    found, plain = (fm.qre_gap(game, self.policy, tau, certified=c) for c in (True, False))
                    true = mean
                inside(f"gap at {tau} from {start}", found, true)
                if np.isnan(plain).any() or not found.holds(plain):
                    raise Misses(f"gap at {tau} from {start} is outside of its interval: {plain}, {found}")
                if tau != 0.0:
                    break

    def correlated(self):
        game = self.game
        if game.available is not None:
            return
        stack = np.stack([self.policy, policy_for(self.rng, game)])
        weights = self.rng.uniform(0.5, 1.5, 2)
        laid = [[part.tolist() for part in rows(game, each)] for each in stack]
        tables = SimpleNamespace(actions=game.num_actions, states=game.num_states, reward=self.exact.rewards,
                                 moves=self.exact.transitions, gamma=self.exact.discount)
        mixed = Mixture(tables, laid, weights)
        for name, told in (("cce_gap", False), ("ce_gap", True)):
            metric, each = getattr(fm.metrics, name), [mixed.gap(i, told) for i in self.players]
            mean = [sum(p * x for p, x in zip(self.exact.initial, row, strict=True)) for row in each]
            inside(name, metric(game, stack, weights=weights, certified=True), mean)
            inside(f"{name} from every state", metric(game, stack, weights=weights, start="every", certified=True),
                   each)
            if not np.isfinite(metric(game, stack, weights=weights)).all():
                raise Misses(f"{name} is no number")

    def potential(self):
        game, naive = self.game, digits.naive
        found = fm.potential.defect(game, samples=4, rng=self.rng)
        i, k = (int(x) for x in found.players)
        value = [naive.value(self.exact, rows(game, corner)) for corner in found.square]
        w = [one[i][found.state] - one[k][found.state] for one in value]
        around = abs(w[1] - w[0] - w[2] + w[3])
        check("defect of its square", found.defect, around, MP.mpf(found.error))
        near = fm.potential.alpha(game, samples=4, starts=0, rounds=0, rng=self.rng)
        for bound, name in ((found.interval, "the defect"), (near.interval, "alpha")):
            if not bound.low <= bound.high or not around <= (1 if name == "the defect" else 4) * MP.mpf(bound.high):
                raise Misses(f"the interval of {name} lies below a square: {bound}, {MP.nstr(around, 20)}")

    def horizon(self):
        game, naive, stages = self.game, digits.naive_horizon, 3
        policies = [policy_for(self.rng, game) for _ in range(stages)]
        terminal = payoffs(self.rng, 0.0, game.num_players, game.num_states)
        there = self.exact.available or [np.ones(p.shape, bool) for p in self.rows]
        tables = naive.Game(self.exact.rewards, self.exact.transitions.reshape(-1, game.num_states), there,
                            self.exact.initial, self.exact.discount)
        found = fm.evaluate_horizon(game, policies, terminal=terminal)
        laid = [rows(game, each) for each in policies]
        value, occupancy = naive.evaluate(tables, laid, exact(terminal))
        size = 4 * (largest(self.exact.rewards) + largest(terminal)) + largest(value)
        check("values of a horizon", found.value, value, stages * STEPS * UNIT * size + TINY)
        check("occupancy", found.occupancy, occupancy, stages * STEPS * UNIT * occupancy + TINY)
        best = np.array([naive.best_value(tables, laid, exact(terminal), i)[0] for i in self.players])
        gap = np.array([max(MP.mpf(0), self.exact.initial @ (b - v)) for b, v in zip(best, value[0], strict=True)])
        found = fm.ne_gap_horizon(game, policies, terminal=terminal)
        check("NE-gap of a horizon", found, gap, 4 * stages * STEPS * UNIT * (size + largest(best)) + TINY)

    def metrics(self):
        for name in ("c", "grad_norm", "log_barrier", "mismatch", "welfare"):
            found = getattr(fm.metrics, name)(self.game, self.policy)
            if np.isnan(np.asarray(found, float)).any():
                raise Misses(f"{name} is no number: {found}")

    def rule(self):
        """One step, as of the Q, advantages and visitation that :func:`fastmpg.evaluate` finds, which are checked for
        themselves; then some more, which must end on the simplex."""
        rng, game, name = self.rng, self.game, RULES[self.rng.integers(len(RULES))]
        kind = getattr(fm.rules, name)
        grid = [dict(contract(kind).examples[rng.integers(len(contract(kind).examples))])]
        parameters = kind._field_defaults | grid[0]
        for each in parameters:
            if each in ("eta", "tau", "lam") and (each != "lam" or parameters[each]):
                parameters[each] = power(rng)
        if name == "EntropyNaturalGradientPlay":
            parameters["eta"] = min(parameters["eta"], 0.9 * (1.0 - self.gamma) / parameters["tau"])
        rule = kind(**parameters)
        for steps in (1, 4):
            try:
                result = fm.learn(game, rule, steps, policy=self.policy, rng=0)
            except (ValueError, fm.Diverged) as error:
                return type(error).__name__
            on_simplex(f"{rule} after {steps}", game, result.policy)
            for each, trace in result.trace.items():
                if np.isnan(np.asarray(trace, float)).any():
                    raise Misses(f"{each} of {rule} is no number")
        self.step(rule, name, parameters)
        return "a policy"

    def step(self, rule, name, parameters):
        game, seen = self.game, {}
        found = fm.learn(game, rule, 1, policy=self.policy, rng=0, record=fm.Record(metrics=())).policy

        def asked(part, tau=0.0):
            if tau not in seen:
                seen[tau] = fm.evaluate(game, self.policy, tau=float(tau))
            told = getattr(seen[tau], part)
            if part == "visit":
                return exact(told)
            if name == "ProjectedGradientAscent":  # in states that are never visited that is 0 times -inf
                told = np.where(np.isfinite(told), told, -MP.mpf(10)**4000)
            return rows(game, told)

        temperature = float(getattr(rule, "temperature", 0.0))
        if name in DRAWN and not self.told_apart(asked("q_bar"), getattr(rule, "tau", None)):
            return
        visit, size = asked("visit"), largest(self.exact.rewards) + max(
            map(largest, asked("q_bar", temperature) + asked("adv_bar")))
        size += largest(fm.evaluate(game, self.policy, tau=temperature).value)
        if not (visit > 0).all() and name == "NaturalGradientPlay":
            if parameters["lam"]:
                return  # a barrier of no finite height
            visit = visit + 1  # is not asked for
        with digits.given(q_bar=lambda _g, _p, tau=0.0: asked("q_bar", float(tau)),
                          adv_bar=lambda _g, _p: asked("adv_bar"), visitation=lambda _g, _p: visit):
            twin = digits.naive.start(digits.twin_of(name), self.exact, self.rows, **{
                key: MP.mpf(v) if isinstance(v, float) and key in ("eta", "tau", "lam") else v
                for key, v in parameters.items()})
            twin.step()
        if name == "SequentialMaximumImprovement":
            self.improved(found, asked("q_bar", temperature), MP.mpf(rule.tau), size)
            return
        true, eta = digits.naive.join(twin.policies), MP.mpf(parameters.get("eta", 0.0))
        if name in SOFT:
            logs = max((abs(MP.log(p)) for part in self.rows for p in part.flat if p > 0), default=MP.mpf(0))
            on = eta * size * self.far * 3 + logs * (1 + eta * self.far * MP.mpf(parameters.get("tau", 0.0)))
            if parameters.get("lam"):
                least = min(p for part in self.rows for p in part.flat if p > 0) if name[0] == "N" else 1
                on += eta * MP.mpf(parameters["lam"]) * 8 / (least * min(visit) if name[0] == "N" else 1)
            off = 2 * STEPS * UNIT * (on + 1)
            check(f"a step of {rule}", found, true, true * MP.expm1(off) + TINY if off < 1 else 1)
        elif name in PROJECTED:
            check(f"a step of {rule}", found, true,
                  8 * STEPS * UNIT * (1 + eta * size * (self.far if name[0] == "P" else 1)))
        else:
            check(f"a step of {rule}", found, true, STEPS * UNIT)

    def told_apart(self, q_bar, tau):
        """Whether rounding decides nothing: what is compared, with one another and with their mean, differs by more."""
        for q, own in ((q, own) for part, whole in zip(q_bar, self.rows, strict=True)
                       for q, own in zip(part, whole, strict=True)):
            there = digits.finite(q)
            worth, slack = [*q[there], own[there] @ q[there]], STEPS * UNIT * largest(q)
            if tau is not None:
                if slack > tau * 1e-9:
                    return False
            elif any(abs(x - y) <= slack for x, y in itertools.combinations(worth, 2)):
                return False
        return True

    def improved(self, found, q_bar, tau, size):
        """Nobody has moved but the player and state with most to gain, or one that rounding cannot tell from it."""
        naive, gains = digits.naive, {}
        for i, s in itertools.product(self.players, range(self.game.num_states)):
            q, own = q_bar[i][s], self.rows[i][s]
            there = digits.finite(q)
            best = naive.softmax(q / tau) if tau > 0 else exact(np.eye(q.size)[q.argmax()])
            worth = [(p[there] @ q[there]) + tau * naive.entropy(p) for p in (best, own)]
            gains[i, s] = worth[0] - worth[1], best
        most, slack = max(gain for gain, _ in gains.values()), STEPS * UNIT * (size + tau)
        moved = np.abs(exact(found) - exact(self.policy))
        near = []
        for (i, s), (gain, best) in gains.items():
            if gain >= most - slack:
                after = exact(self.policy)
                after[s, self.game.offset[i]:self.game.offset[i + 1]] = best
                near.append(np.max(np.abs(exact(found) - after)))
        if not (min(near) <= STEPS * UNIT * (1 + (size / tau if tau > 0 else 0)) or (most <= slack
                                                                                   and not moved.any())):
            raise Misses(f"somebody else moves by sequential maximum improvement at {tau}")


def numbers(rng, size):
    """Of one size or many, with ties, small beside a level, and -inf where there is something else."""
    kind, drawn = rng.integers(5), rng.uniform(-1, 1, size)
    row = drawn * rng.choice(ENDS, size if kind == 0 else 1)
    if kind == 1:
        row = np.rint(2 * drawn) * rng.choice(ENDS)
    elif kind == 2:
        row = 1e8 + drawn * 10.0 ** -rng.integers(8)
    elif kind == 3:
        row = drawn * 10.0 ** rng.integers(0, 4)
    return np.where((rng.random(size) < 0.1) & (np.arange(size) > 0), -np.inf, row)


def kernels(seed):
    """Rows of the simplex, one kernel after the other."""
    rng, naive = np.random.default_rng([2029, seed]), digits.naive
    row, tau = numbers(rng, int(rng.integers(1, 7))), power(rng)
    n, true = row.size, exact(row)
    size, near = largest(row), [abs(x - max(true)) for x in true]
    theta, p = row[None].copy(), np.zeros((1, n))
    simplex.softmax_rows(theta, np.array([0, n]), p)
    # an exponent x is rounded by x roundings, below -708 it is 0 as a whole
    law = naive.softmax(true)
    check("softmax", p[0], law, [w * (2 * min(x, 750) + STEPS) * UNIT + TINY for w, x in zip(law, near, strict=True)])
    out = np.zeros(n)
    simplex.log_softmax_row(row, out)
    shown = naive.log_softmax(true)
    check("logarithms of a softmax", out, shown, STEPS * UNIT * (1 + size + largest(shown)))
    value, heat = soft_maximum(row, tau, out), MP.mpf(tau)
    scaled = true / heat
    law = naive.softmax(scaled)
    check("soft maximum", value, max(true) + heat * MP.log(sum(MP.exp(x - max(scaled)) for x in scaled)),
          STEPS * UNIT * (abs(max(true)) + heat * (1 + MP.log(n))) + TINY)
    check("its weights", out, law, [w * (3 * min(x / heat, 750) + STEPS) * UNIT + TINY
                                    for w, x in zip(law, near, strict=True)])
    there = int(np.isfinite(row).sum())
    for floor in (0.0, 1e-300, 0.3 / there):
        simplex.project_row(row, floor, out)
        mass = 1 - there * MP.mpf(floor)
        kept = naive.project_simplex(np.array([x / mass for x in true if MP.isfinite(x)], object))
        expected = np.array([MP.mpf(0)] * n, object)
        expected[np.isfinite(row)] = floor + mass * kept
        check(f"projection above {floor}", out, expected, 8 * n * UNIT)
    other = np.where(rng.random(n) < 0.2, 0.0, rng.random(n) ** rng.choice([1, 100, 700]))
    law = exact(p[0])
    logs = [abs(MP.log(x)) for x in (*law, *exact(other)) if x > 0]
    check("entropy", simplex.entropy(p[0]), naive.entropy(law), n * STEPS * UNIT * (1 + max(logs)) + TINY)
    expected = INF if any(x > 0 and y == 0 for x, y in zip(law, other, strict=True)) else sum(
        x * MP.log(x / MP.mpf(float(y))) for x, y in zip(law, other, strict=True) if x > 0)
    check("divergence", simplex.divergence(p[0], other), expected, n * STEPS * UNIT * (1 + 2 * max(logs)) + TINY)


CHECKS = ("evaluation", "gaps", "correlated", "potential", "horizon", "metrics", "rule")


def misses(seeds, seen=None):
    """{(seed, check): what is wrong}"""
    lost = {}
    for seed, name in itertools.product(seeds, CHECKS):
        try:
            told = getattr(Case(seed), name)()
            if seen is not None:
                seen[told] += 1
        except Exception as error:
            lost[seed, name] = f"{type(error).__name__}: {error}"
    return lost


def lost_by_kernels(seeds):
    lost = {}
    for seed in seeds:
        try:
            kernels(seed)
        except Exception as error:
            lost[seed] = f"{type(error).__name__}: {error}"
    return lost


def test_bounds_hold_at_the_ends_of_the_number_line():
    assert misses(range(8)) == {}


def test_a_mean_that_underflows_lies_in_its_interval():
    law = [0.25, 0.25, 0.5]
    game = fm.MarkovGame([[[0.0, 5e-324], [0.0, 0.0], [0.0, 0.0]]], np.full((3, 2, 3), law), 0.0, law)
    policy, quarter = [[1.0, 0.0]] * 3, MP.mpf(5e-324) / 4
    inside("the gap", fm.ne_gap(game, policy, certified=True), [quarter])
    inside("the gap from a law", fm.ne_gap(game, policy, start=law, certified=True), [quarter])
    inside("the gap to mixtures", fm.metrics.cce_gap(game, [policy], certified=True), [quarter])


@pytest.mark.parametrize("power", [-990, -600, 600, 990])
def test_gradient_norms_of_any_size(power):
    """Squares overflowed, with a warning, or vanished."""
    payoffs = np.array([[[1.0, -2.0], [3.0, 0.5], [0.0, 2.0]], [[0.25, 2.0], [-3.0, 1.5], [1.0, 0.0]]])
    near, far = fm.NormalFormGame(payoffs), fm.NormalFormGame(np.ldexp(payoffs, power))
    policy, record = fm.uniform_policy(near), fm.Record(metrics=("grad_norm",))
    expected = np.ldexp(fm.metrics.grad_norm(near, policy), power)
    np.testing.assert_array_equal(fm.metrics.grad_norm(far, policy), expected)
    told = fm.learn(far, fm.rules.FrankWolfe(), 1, policy=policy, record=record).trace["grad_norm"][0]
    np.testing.assert_allclose(told / expected.max(), np.hypot(*expected / expected.max()), rtol=4e-16)


def test_what_entropy_keeps_of_a_policy_near_no_discount():
    """A tenth of its logarithm: at 1 - 1e-15 that was taken for rounding, and the policy forgotten."""
    game = fm.MarkovGame(np.zeros((1, 1, 2)), np.ones((1, 2, 1)), 1.0 - 1e-15)
    rule = fm.rules.EntropyNaturalGradientPlay(0.9 * (1.0 - game.discount), 1.0, "printed")
    kept = 0.01**0.1
    np.testing.assert_allclose(fm.learn(game, rule, 1, policy=[[1 / 1.01, 0.01 / 1.01]]).policy,
                               [[1 / (1 + kept), kept / (1 + kept)]], rtol=1e-14)


def test_alpha_where_rows_may_outweigh_the_discount():
    """0 times an infinite bound was NaN, with a warning."""
    pennies = np.array([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
    game = fm.MarkovGame(np.stack([pennies] * 2, axis=1), np.full((2, 2, 2, 2), 0.5), 1.0 - 1e-15)
    found = fm.potential.alpha(game)
    assert 1e14 < found.lower <= found.upper


def test_divergences_of_numbers_far_apart():
    assert abs(simplex.divergence(np.array([1.0, 0.0]), np.array([1e-310, 1.0])) - 713.8013788281542) < 1e-12


def test_rows_of_the_simplex():
    assert lost_by_kernels(range(30)) == {}


@pytest.mark.slow
def test_bounds_hold_at_the_ends_of_the_number_line_many_times():
    seen = collections.Counter()
    assert misses(range(1000, 1000 + DRAWS), seen) == {}
    assert lost_by_kernels(range(1000, 1000 + 5 * DRAWS)) == {}
    print(seen)
