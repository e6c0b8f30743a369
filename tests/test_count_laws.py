"""Count vectors, and the laws of the others' counts: sums of products of probabilities, held to a *relative* error of
rounding."""

import itertools
import math

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_counts import contract_once

import fastmpg as fm

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny


# ------------------------------------------------------------------------------------------------------ count vectors
@pytest.mark.parametrize("players", range(1, 6))
@pytest.mark.parametrize("actions", range(1, 6))
def test_count_vectors(players, actions):
    expected = [n for n in itertools.product(range(players + 1), repeat=actions) if sum(n) == players]
    found = fm.count_vectors(players, actions)
    assert found.tolist() == [list(n) for n in expected]
    assert len(found) == math.comb(players + actions - 1, actions - 1)


# --------------------------------------------------------------------------------------------------- laws of the others
def laws(rows):
    """Every player's law of the others as the library has it: expected indicators of count vectors, {counts: (N, L)}"""
    players, actions = rows.shape
    vectors, found = fm.count_vectors(players, actions), {}
    for k, counts in enumerate(vectors.tolist()):
        payoffs = np.zeros((1, actions, len(vectors)))
        payoffs[0, :, k] = 1.0
        game = fm.CountGame.from_count_vectors(payoffs, [[1.0]], 0.0, num_players=players)
        found[tuple(counts)] = fm.evaluate(game, rows.reshape(1, -1)).q_bar.reshape(players, actions)
    return found


def check_laws(rows):
    found = laws(rows)
    players, actions = rows.shape
    for i in range(players):
        law = naive.others_count_law(rows, i)
        for counts, expected in law.items():
            for a in range(actions):
                after = tuple(n + (b == a) for b, n in enumerate(counts))
                # at most N products and L^(N-1) additions round once each; below the smallest normal all may be lost
                slack = (2 * players + actions ** (players - 1)) * EPS
                assert_allclose(found[after][i, a], expected, rtol=slack, atol=TINY, err_msg=f"{i} {counts} {a}")


ROWS = [(2, 2), (3, 2), (5, 2), (6, 2), (3, 3), (5, 3), (4, 4), (3, 5)]


@pytest.mark.parametrize("players, actions", ROWS)
def test_laws_of_the_others(players, actions, rng):
    check_laws(rng.dirichlet(np.ones(actions), players))


@pytest.mark.parametrize("players, actions", ROWS)
@pytest.mark.parametrize("low", [0.0, 1e-300, 1e-20])
def test_laws_at_the_boundary(players, actions, low, rng):
    """No digit is lost to cancellation where probabilities are 0, 1 or tiny."""
    corner = np.eye(actions)[rng.integers(0, actions, players)]
    rows = np.where(corner == 0.0, low, corner)
    rows[0] = rng.dirichlet(np.ones(actions))
    check_laws(rows)
    check_laws(np.where(corner == 0.0, low, corner))


def partitions(n, largest=None):
    largest = n if largest is None else largest
    if n == 0:
        yield ()
    for first in range(min(n, largest), 0, -1):
        for rest in partitions(n - first, first):
            yield (first, *rest)


@pytest.mark.parametrize("actions", [2, 3])
@pytest.mark.parametrize("sizes", list(partitions(5)), ids=str)
def test_laws_of_groups(actions, sizes, rng):
    """Players with equal rows are asked once, in every mixture of group sizes and in any order."""
    rows = np.repeat(rng.dirichlet(np.ones(actions), len(sizes)), sizes, axis=0)
    check_laws(rng.permutation(rows))


@pytest.mark.parametrize("actions, players", [(2, 200), (3, 30), (4, 14)])
@pytest.mark.parametrize("groups", [1, 2, 3, 7, None])
def test_many_players(actions, players, groups, rng):
    """What a player expects of a linear payoff is linear: sum_b w_b E n_b, whatever the law; groups of all sizes."""
    rows = rng.dirichlet(np.ones(actions), groups or players)
    rows = rng.permutation(rows[np.arange(players) % len(rows)] if groups != 3
                           else rows[np.minimum(rng.geometric(0.7, players) - 1, 2)])
    weight = rng.uniform(0, 1, (actions, actions))
    vectors = fm.count_vectors(players, actions)
    game = fm.CountGame.from_count_vectors((weight @ vectors.T)[None], [[1.0]], 0.0, num_players=players)
    found = fm.evaluate(game, rows.reshape(1, -1)).q_bar.reshape(players, actions)
    others = rows.sum(axis=0) - rows
    expected = others @ weight.T + np.diag(weight)
    assert_allclose(found, expected, rtol=8 * players * EPS, atol=0)
    own = fm.CountGame(np.diag(weight)[None, :, None] * np.arange(players + 1), [[1.0]], 0.0)
    each = fm.CountGame(np.repeat(own.payoffs[None], players, axis=0), [[1.0]], 0.0)
    for one in (own, each):
        found = fm.evaluate(one, rows.reshape(1, -1)).q_bar.reshape(players, actions)
        assert_allclose(found, np.diag(weight) * (others + 1), rtol=8 * players * EPS, atol=0)


@pytest.mark.compiled
def test_more_count_vectors_than_numbers(rng):
    """Payoffs by own count need no table over count vectors, of which there are 3e21 here."""
    game = fm.CountGame(np.broadcast_to(np.arange(1001.0), (2, 10, 1001)), np.full((2, 2), 0.5), 0.5)
    policy = fm.random_policy(game, rng)
    rows = policy.reshape(2, 1000, 10)
    found = game.workspace()
    contract_once(game.model, found, policy)
    expected = 1 + rows.sum(axis=1, keepdims=True) - rows
    assert_allclose(found.reward.reshape(2, 1000, 10), expected, rtol=8000 * EPS)
    with pytest.raises(MemoryError, match="count vectors"):
        fm.CountGame(game.payoffs, lambda s, counts: counts, 0.5)


def test_squares_of_counts():
    """E n^2 of a Poisson-binomial count, N = 1000: a law of 1000 terms to the last digits."""
    rng = np.random.default_rng(1)
    p = rng.random(1000)
    game = fm.CountGame(np.arange(1001.0)[None, None] ** 2 * np.ones((1, 2, 1)), [[1.0]], 0.0)
    policy = np.stack([p, 1 - p], axis=1)
    found = fm.evaluate(game, policy.reshape(1, -1)).q_bar.reshape(1000, 2)
    for a in (0, 1):
        mean = policy[:, a].sum() - policy[:, a] + 1
        variance = (policy[:, 0] * policy[:, 1]).sum() - policy[:, 0] * policy[:, 1]
        assert_allclose(found[:, a], mean**2 + variance, rtol=1000 * 8 * EPS)
