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
from digits import MP, exact, rows
from extremes import (
    DISCOUNTS,
    FORMS,
    STEPS,
    TINY,
    UNIT,
    Misses,
    check,
    inside,
    largest,
    on_simplex,
    payoffs,
    policy_for,
    power,
)
from test_intervals import Mixture

import fastmpg as fm
from fastmpg.rules.rule import contract

DRAWS = int(os.environ.get("FASTMPG_FUZZ", 30))
RULES = [name for name in fm.rules.__all__ if not contract(getattr(fm.rules, name)).feedback.sampled]
SOFT = {"GradientPlay", "NaturalGradientPlay", "EntropyNaturalGradientPlay", "OptimisticMultiplicativeWeights"}
DRAWN = {"BetterResponse", "LogLinearLearning", "BinaryLogLinearLearning"}
PROJECTED = {"ProjectedGradientAscent", "QAscent", "OptimisticQAscent"}


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


@pytest.mark.slow
def test_bounds_hold_at_the_ends_of_the_number_line_many_times():
    seen = collections.Counter()
    assert misses(range(1000, 1000 + DRAWS), seen) == {}
    print(seen)
