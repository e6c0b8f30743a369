"""Random games, policies and rules: every form of one game gives the same answers, and those of tests/naive.py.

``FASTMPG_FUZZ=N python -m pytest tests/test_differential.py -m slow`` draws as many games.
"""

import os

import naive
import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm

DRAWS = int(os.environ.get("FASTMPG_FUZZ", 2000))
RULES = [
    fm.rules.GradientPlay(0.1, 0.01), fm.rules.NaturalGradientPlay(0.1, 0.001), fm.rules.NaturalGradientPlay(0.1),
    fm.rules.EntropyNaturalGradientPlay(1e-3, 0.2), fm.rules.ProjectedGradientAscent(0.1), fm.rules.QAscent(0.05),
    fm.rules.FrankWolfe(), fm.rules.OptimisticMultiplicativeWeights(0.05), fm.rules.OptimisticQAscent(0.05),
]


def sizes(rng):
    """Players' actions, states, and a discount, up to 1 - 2^-9."""
    actions = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5)))
    states = int(rng.integers(1, 6))
    return actions, states, [0.0, float(rng.random()), 1 - 2.0 ** -float(rng.integers(1, 10))][rng.integers(3)]


def policies(rng, actions, states):
    """Inside, at corners, or within rounding of them."""
    drawn = naive.random_policy(rng, actions, states)
    kind = rng.integers(3)
    if kind == 1:
        drawn = [np.eye(n)[rng.integers(n, size=states)] for n in actions]
    elif kind == 2:
        drawn = [(p**9) / (p**9).sum(axis=1, keepdims=True) for p in drawn]
    return drawn


def dense(rng):
    actions, states, discount = sizes(rng)
    game = naive.random_game(rng, actions, states, discount, shared=bool(rng.integers(2)))
    if rng.random() < 0.3:  # few next states, and moves that are certain
        kept = game.transitions * (rng.random(game.transitions.shape) < 0.4)
        kept[..., 0] += 1e-3
        game = game._replace(transitions=kept / kept.sum(axis=-1, keepdims=True))
    moves = game.transitions.reshape(-1, states)
    forms = {"dense": fm.MarkovGame(game.rewards, game.transitions, discount, game.initial),
             "sparse": fm.MarkovGame(game.rewards, sp.csr_array(moves), discount, game.initial)}
    if states == 1 and discount == 0:
        forms["normal form"] = fm.NormalFormGame(game.rewards[:, 0])
    return game, forms


def counts(rng):
    players, links = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    _, states, discount = sizes(rng)
    shape = (states, links, players + 1)
    own = bool(rng.integers(2))
    payoffs = rng.normal(size=(players, *shape) if own else shape)
    vectors = fm.count_vectors(players, links)
    game = fm.CountGame(payoffs, rng.dirichlet(np.ones(states), (states, len(vectors))), discount,
                        rng.dirichlet(np.ones(states)))
    return None, {"counts": game, "dense": game.to_dense()}


def pairs(rng):
    actions, states, discount = sizes(rng)
    count = len(actions)
    payoffs = {(i, k): rng.normal(size=(states, actions[i], actions[k])) for i in range(count) for k in range(count)
               if i != k and rng.random() < 0.7}
    game = fm.PolymatrixGame(payoffs, actions, rng.dirichlet(np.ones(states), states), discount,
                             rng.dirichlet(np.ones(states)), solo=[rng.normal(size=(states, n)) for n in actions])
    return None, {"pairs": game, "dense": game.to_dense()}


def twin(game):
    """The plain tables of a dense game."""
    shape = (game.num_players, game.num_states, *game.num_actions)
    return naive.Game(np.broadcast_to(game.rewards, shape), game.transitions.reshape(*shape[1:], game.num_states),
                      game.discount, game.initial)


def answers(game, policy, rule):
    """All that is asked of a form."""
    found = fm.evaluate(game, policy)
    said = {name: getattr(found, name) for name in ("value", "q_bar", "visit")}
    said |= {"ne_gap": fm.ne_gap(game, policy), "qre_gap": fm.qre_gap(game, policy, 0.3)}
    if rule is not None:
        said["step"] = fm.learn(game, rule, 2, policy=policy, record=fm.Record(metrics=("policy",))).policy
    return said


def told(game, rows):
    """The same of the plain twin."""
    return {"value": naive.value(game, rows), "q_bar": naive.join(naive.q_bar(game, rows)),
            "visit": naive.visitation(game, rows), "ne_gap": naive.ne_gap(game, rows),
            "qre_gap": naive.qre_gap(game, rows, 0.3)}


def differ(seed):
    """The largest difference of a draw's answers, in units of what rounding may do, with where it is."""
    rng = np.random.default_rng([2026, seed])
    plain, forms = (dense, dense, counts, pairs)[rng.integers(4)](rng)
    first = next(iter(forms.values()))
    rows = policies(rng, first.num_actions, first.num_states)
    inside = min(p.min() for p in rows) > 1e-3
    rule = RULES[rng.integers(len(RULES))] if inside else None
    if rule is not None and first.num_states > 1 and isinstance(rule, fm.rules.OptimisticMultiplicativeWeights):
        rule = None
    policy = naive.join(rows)
    said = {name: answers(game, policy, rule) for name, game in forms.items()}
    said["naive"] = told(plain if plain is not None else twin(forms["dense"]), rows)
    # a solve's error is 2/(1 - gamma) roundings of what it solves for, which may be range/(1 - gamma) large
    far = 1 / (1 - first.discount)
    unit = 2.0**-52 * 2 * far**2 * (1 + np.abs(first.payoff_range()).max())
    worst = 0.0, ""
    for name in ("value", "q_bar", "visit", "ne_gap", "qre_gap", "step"):
        known = [(form, each[name]) for form, each in said.items() if name in each]
        for form, other in known[1:]:
            off = float(np.abs(np.asarray(other) - known[0][1]).max()) / unit
            worst = max(worst, (off, f"seed {seed}: {name} of {form} and {known[0][0]}, {first!r}, {rule}"))
    return worst


LIMIT = 4  # the largest seen is .6


@pytest.mark.compiled
def test_every_form_agrees():
    off, where = max(map(differ, range(150)))
    assert off < LIMIT, where


@pytest.mark.slow
def test_every_form_agrees_over_thousands():
    off, where = max(map(differ, range(1000, 1000 + DRAWS)))
    assert off < LIMIT, where


def test_a_horizon_of_one_is_a_stage():
    for seed in range(40):
        rng = np.random.default_rng([1, seed])
        game, forms = dense(rng)
        rows = policies(rng, forms["dense"].num_actions, forms["dense"].num_states)
        stage = naive.induced_reward(game.rewards, rows)
        for each in forms.values():
            if each.num_states == len(game.initial):
                found = fm.evaluate_horizon(each, [naive.join(rows)])
                assert np.abs(found.value[0] - stage).max() < 1e-14 * (1 + np.abs(game.rewards).max())
