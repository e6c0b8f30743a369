"""What a change of the game must do to its answers, on random games: players, actions and states renamed, payoffs
shifted and scaled, a state doubled, two games played at once, a player who does not matter.

``FASTMPG_FUZZ=N python -m pytest tests/test_metamorphic.py -m slow`` draws as many of every kind.
"""

import os

import naive
import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm

DRAWS = int(os.environ.get("FASTMPG_FUZZ", 2000)) // 8
RULES = [fm.rules.NaturalGradientPlay(0.1), fm.rules.ProjectedGradientAscent(0.1), fm.rules.QAscent(0.05),
         fm.rules.GradientPlay(0.1), fm.rules.EntropyNaturalGradientPlay(1e-3, 0.2)]


def draw(rng, most=3, largest=4):
    """A random game in plain tables, and policies inside."""
    actions = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, most + 1)))
    states = int(rng.integers(1, largest + 1))
    game = naive.random_game(rng, actions, states, [0.0, 0.5, 0.95][rng.integers(3)])
    return game, naive.random_policy(rng, actions, states)


def build(rng, game):
    """Dense or sparse."""
    moves = game.transitions
    if rng.integers(2):
        moves = sp.csr_array(moves.reshape(-1, moves.shape[-1]))
    return fm.MarkovGame(game.rewards, moves, game.discount, game.initial)


def answers(game, rows, rule):
    found = fm.evaluate(game, rows)
    after = fm.learn(game, rule, 3, policy=rows, record=fm.Record(metrics=("policy",))).policy
    return {"value": found.value, "visit": found.visit, "ne_gap": fm.ne_gap(game, rows),
            "qre_gap": fm.qre_gap(game, rows, 0.3), "policy": fm.split(game, after)}


def unit(game):
    """What rounding may do: two roundings over 1 - gamma, of values of range/(1 - gamma)."""
    return 2.0**-52 * 2 / (1 - game.discount) ** 2 * (1 + np.abs(game.rewards).max())


def players(rng):
    game, rows = draw(rng)
    order = rng.permutation(len(rows))
    other = game._replace(rewards=game.rewards[order].transpose(0, 1, *(2 + order)),
                          transitions=game.transitions.transpose(0, *(1 + order), len(rows) + 1))
    return game, rows, other, [rows[i] for i in order], lambda told: told | {
        "value": told["value"][order], "ne_gap": told["ne_gap"][order], "qre_gap": told["qre_gap"][order],
        "policy": [told["policy"][i] for i in order]}


def actions(rng):
    game, rows = draw(rng)
    orders = [rng.permutation(p.shape[1]) for p in rows]
    pick = np.ix_(*orders)
    other = game._replace(rewards=game.rewards[(slice(None), slice(None), *pick)],
                          transitions=game.transitions[(slice(None), *pick)])
    return game, rows, other, [p[:, order] for p, order in zip(rows, orders)], lambda told: told | {
        "policy": [p[:, order] for p, order in zip(told["policy"], orders)]}


def states(rng):
    game, rows = draw(rng)
    order = rng.permutation(len(game.initial))
    other = game._replace(rewards=game.rewards[:, order], transitions=game.transitions[order][..., order],
                          initial=game.initial[order])
    return game, rows, other, [p[order] for p in rows], lambda told: told | {
        "value": told["value"][:, order], "visit": told["visit"][order], "policy": [p[order] for p in told["policy"]]}


def shifted(rng):
    game, rows = draw(rng)
    shift = rng.normal(size=len(rows)) * 10
    other = game._replace(rewards=game.rewards + shift.reshape(-1, *[1] * (game.rewards.ndim - 1)))
    return game, rows, other, rows, lambda told: told | {
        "value": told["value"] + shift[:, None] / (1 - game.discount)}


def doubled(rng):
    """A state becomes two of the same kind: whoever came there comes to either by chance."""
    game, rows = draw(rng)
    s, share = int(rng.integers(len(game.initial))), float(rng.random())

    def twice(table, axis):
        return np.concatenate([table, np.take(table, [s], axis=axis)], axis=axis)

    moves = twice(twice(game.transitions, 0), -1)
    initial = np.append(game.initial, game.initial[s])
    for law in (moves, initial):
        law[..., -1] *= share
        law[..., s] *= 1 - share
    other = naive.Game(twice(game.rewards, 1), moves, game.discount, initial)

    def expected(told):
        visit = np.append(told["visit"], told["visit"][s] * share)
        visit[s] *= 1 - share
        return told | {"value": twice(told["value"], 1), "visit": visit, "policy": None}

    return game, rows, other, [twice(p, 0) for p in rows], expected


def together(rng):
    """Two games that have nothing to do with each other, played at once."""
    (one, rows), (two, others) = draw(rng, 2, 3), draw(rng, 2, 3)
    two = two._replace(discount=one.discount)
    n, m, k, h = len(rows), len(others), len(one.initial), len(two.initial)
    left, right = one.transitions.shape[1:-1], two.transitions.shape[1:-1]
    moves = np.einsum("sat,ubv->suabtv", one.transitions.reshape(k, -1, k), two.transitions.reshape(h, -1, h))
    ours = np.broadcast_to(one.rewards.reshape(n, k, 1, -1, 1), (n, k, h, np.prod(left), np.prod(right)))
    theirs = np.broadcast_to(two.rewards.reshape(m, 1, h, 1, -1), (m, k, h, np.prod(left), np.prod(right)))
    game = naive.Game(np.concatenate([ours, theirs]).reshape(n + m, k * h, *left, *right),
                      moves.reshape(k * h, *left, *right, k * h), one.discount,
                      np.outer(one.initial, two.initial).reshape(-1))
    told = fm.MarkovGame(two.rewards, two.transitions, two.discount, two.initial)
    aside = {"value": fm.evaluate(told, others).value, "ne_gap": fm.ne_gap(told, others),
             "qre_gap": fm.qre_gap(told, others, 0.3)}

    def expected(said):
        return {"value": np.concatenate([np.repeat(said["value"], h, 1), np.tile(aside["value"], k)]), "visit": None,
                "ne_gap": np.concatenate([said["ne_gap"], aside["ne_gap"]]),
                "qre_gap": np.concatenate([said["qre_gap"], aside["qre_gap"]]), "policy": None}

    return one, rows, game, [np.repeat(p, h, 0) for p in rows] + [np.tile(p, (k, 1)) for p in others], expected


def dummy(rng):
    """One more player, whose actions do nothing and who gets nothing."""
    game, rows = draw(rng)
    count = int(rng.integers(1, 4))
    last = rng.dirichlet(np.ones(count), len(game.initial))
    rewards = np.repeat(game.rewards[..., None], count, -1)
    other = game._replace(rewards=np.concatenate([rewards, np.zeros_like(rewards[:1])]),
                          transitions=np.repeat(game.transitions[..., None, :], count, -2))
    nothing = np.zeros((1, len(game.initial)))

    def expected(told):
        # entropy is all that the player gets where it counts
        return told | {"value": np.concatenate([told["value"], nothing]), "ne_gap": np.append(told["ne_gap"], 0.0),
                       "qre_gap": None, "policy": None}

    return game, rows, other, [*rows, last], expected


CHANGES = [players, actions, states, shifted, doubled, together, dummy]
LIMIT = 4  # the largest seen is 1


def off(change, seed):
    """The largest difference from what a change must do, in units of rounding, with where it is."""
    rng = np.random.default_rng([CHANGES.index(change), seed])
    game, rows, other, moved, expected = change(rng)
    rule = RULES[rng.integers(len(RULES))]
    said = expected(answers(build(rng, game), rows, rule))
    found = answers(build(rng, other), moved, rule)
    worst = 0.0, ""
    for name, value in said.items():
        if value is not None:
            pairs = zip(value, found[name]) if name == "policy" else [(value, found[name])]
            most = max(float(np.abs(one - two).max()) for one, two in pairs)
            scale = max(unit(game), unit(other))
            worst = max(worst, (most / scale, f"seed {seed}: {name}, {rule}, {game.rewards.shape}, {game.discount}"))
    return worst


@pytest.mark.compiled
@pytest.mark.parametrize("change", CHANGES)
def test_changes(change):
    worst, where = max(off(change, seed) for seed in range(25))
    assert worst < LIMIT, where


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_changes_over_thousands(change):
    worst, where = max(off(change, seed) for seed in range(1000, 1000 + DRAWS))
    assert worst < LIMIT, where


def exact(seed):
    """Payoffs in units of another power of two: what has to keep its bits."""
    rng = np.random.default_rng([99, seed])
    game, rows = draw(rng)
    factor = 2.0 ** int(rng.integers(-40, 40))
    one, two = (build(np.random.default_rng(seed), each)
                for each in (game, game._replace(rewards=game.rewards * factor)))
    same = (fm.evaluate(two, rows).value == factor * fm.evaluate(one, rows).value).all()
    same &= (fm.ne_gap(two, rows) == factor * fm.ne_gap(one, rows)).all()
    return bool(same & (fm.evaluate(two, rows).visit == fm.evaluate(one, rows).visit).all())


def test_powers_of_two_keep_every_bit():
    assert all(map(exact, range(25)))


@pytest.mark.slow
def test_powers_of_two_keep_every_bit_over_thousands():
    assert all(map(exact, range(1000, 1000 + DRAWS)))
