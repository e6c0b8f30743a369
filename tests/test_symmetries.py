"""What does not change when players, actions or states are renamed, or payoffs shifted and scaled."""


import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm

# --------------------------------------------------------------------------------------------------- symmetries
ASK = {
    "value": lambda g, p: fm.evaluate(g, p).value,
    "ne_gap": lambda g, p: fm.ne_gap(g, p),
    "qre_gap": lambda g, p: fm.qre_gap(g, p, 0.3),
    "grad_norm": lambda g, p: fm.metrics.grad_norm(g, p),
}
RULES = [
    fm.rules.GradientPlay(0.1, 0.01),
    fm.rules.NaturalGradientPlay(0.1, 0.001),
    fm.rules.EntropyNaturalGradientPlay(0.05, 0.2),
    fm.rules.ProjectedGradientAscent(0.1),
    fm.rules.QAscent(0.05),
]


def build(game, kind):
    moves = game.transitions
    if kind == "sparse":
        moves = sp.csr_array(moves.reshape(-1, moves.shape[-1]))
    return fm.MarkovGame(game.rewards, moves, game.discount, game.initial)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (2, 1, 0)], ids=str)
def test_renaming_players_renames_the_answers(rng, kind, order):
    actions = (2, 4, 3)
    game = naive.random_game(rng, actions, 5, 0.9)
    policies = naive.random_policy(rng, actions, 5)
    renamed = game._replace(
        rewards=game.rewards[list(order)].transpose(0, 1, *(2 + i for i in order)),
        transitions=game.transitions.transpose(0, *(1 + i for i in order), 4),
    )
    one, two = build(game, kind), build(renamed, kind)
    swapped = [policies[i] for i in order]
    for name, ask in ASK.items():
        assert_allclose(ask(two, swapped), ask(one, policies)[list(order)], rtol=1e-12, atol=1e-12, err_msg=name)
    for rule in RULES:
        run, other = (fm.learn(g, rule, 10, policy=p, record=fm.Record(metrics=()))
                      for g, p in ((one, policies), (two, swapped)))
        parts = fm.split(one, run.policy)
        assert_allclose(other.policy, fm.join([parts[i] for i in order]), rtol=0, atol=1e-11, err_msg=str(rule))


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_renaming_states_renames_the_answers(rng, kind):
    game = naive.random_game(rng, (2, 3), 6, 0.9)
    policies, order = naive.random_policy(rng, (2, 3), 6), rng.permutation(6)
    renamed = naive.Game(game.rewards[:, order], game.transitions[order][..., order], game.discount,
                         game.initial[order])
    one, two = build(game, kind), build(renamed, kind)
    moved = [p[order] for p in policies]
    assert_allclose(fm.evaluate(two, moved).value, fm.evaluate(one, policies).value[:, order], rtol=1e-12, atol=1e-12)
    assert_allclose(fm.evaluate(two, moved).visit, fm.evaluate(one, policies).visit[order], rtol=1e-12)
    assert_allclose(fm.ne_gap(two, moved), fm.ne_gap(one, policies), rtol=1e-12, atol=1e-12)
    for rule in RULES:
        run, other = (fm.learn(g, rule, 10, policy=p, record=fm.Record(metrics=()))
                      for g, p in ((one, policies), (two, moved)))
        assert_allclose(other.policy, run.policy[order], rtol=0, atol=1e-11, err_msg=str(rule))


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**30])
def test_units_of_payoff_do_not_matter(rng, factor):
    """A power of two only changes exponents: values and gaps scale with it, a run at eta / factor keeps every bit."""
    game = naive.random_game(rng, (2, 3), 4, 0.9)
    policies = naive.random_policy(rng, (2, 3), 4)
    one, two = build(game, "dense"), build(game._replace(rewards=game.rewards * factor), "dense")
    assert_array_equal(fm.evaluate(two, policies).value, factor * fm.evaluate(one, policies).value)
    assert_array_equal(fm.ne_gap(two, policies), factor * fm.ne_gap(one, policies))
    assert_array_equal(fm.best_response(two, policies, 0)[0], fm.best_response(one, policies, 0)[0])
    assert fm.metrics.c(two, policies) == fm.metrics.c(one, policies)
    assert_allclose(fm.qre_gap(two, policies, 0.3 * factor), factor * fm.qre_gap(one, policies, 0.3), rtol=1e-12)
    for rule in RULES:
        units = {name: getattr(rule, name) * factor for name in ("tau", "lam") if hasattr(rule, name)}
        other = rule._replace(eta=rule.eta / factor, **units)
        runs = [fm.learn(g, r, 20, policy=policies, record=fm.Record(metrics=())).policy
                for g, r in ((one, rule), (two, other))]
        assert_allclose(runs[1], runs[0], rtol=0, atol=1e-12, err_msg=str(rule))


def test_shifted_payoffs_shift_values_alone(rng):
    """r_i + b_i adds b_i / (1 - gamma) to V_i and changes no gap, gradient or softmax step."""
    game = naive.random_game(rng, (3, 2), 4, 0.9)
    policies, shifts = naive.random_policy(rng, (3, 2), 4), np.array([3.0, -7.0])
    one = build(game, "dense")
    two = build(game._replace(rewards=game.rewards + shifts[:, None, None, None]), "dense")
    assert_allclose(fm.evaluate(two, policies).value,
                    fm.evaluate(one, policies).value + shifts[:, None] / (1 - 0.9), rtol=1e-12)
    for ask in (fm.ne_gap, lambda g, p: fm.qre_gap(g, p, 0.3), fm.metrics.gradient, fm.metrics.c):
        assert_allclose(ask(two, policies), ask(one, policies), rtol=0, atol=1e-11)
    for rule in RULES:
        runs = [fm.learn(g, rule, 10, policy=policies, record=fm.Record(metrics=())).policy for g in (one, two)]
        assert_allclose(runs[1], runs[0], rtol=0, atol=1e-11, err_msg=str(rule))
