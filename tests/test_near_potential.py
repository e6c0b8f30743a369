"""Games near potential games: what makes them, and bounds on alpha that can be written down."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_potential import missed

import fastmpg as fm
from fastmpg import potential, theory


def dense(game):
    made = game.to_dense()
    return made, np.broadcast_to(made.rewards, (game.num_players, *made.rewards.shape[1:]))


@pytest.mark.parametrize("influence", [0.0, 0.2, 1.0])
def test_congestion_games_are_what_they_say(influence):
    """Everybody on a facility is paid the same, less where more are; nobody moves the law by more than the influence,
    and costs do not depend on it."""
    game = fm.games.markov_congestion(3, 2, 3, influence, rng=4)
    made, rewards = dense(game)
    still = dense(fm.games.markov_congestion(3, 2, 3, 0.0, rng=4))[1]
    assert_allclose(rewards, still)
    for a in np.ndindex(2, 2, 2):
        for i in range(3):
            more = list(a)
            if (j := next((k for k in range(3) if a[k] != a[i]), None)) is not None:
                more[j] = a[i]
                assert (rewards[(i, slice(None), *more)] <= rewards[(i, slice(None), *a)]).all()
            for k in range(3):
                assert a[i] != a[k] or (rewards[(i, slice(None), *a)] == rewards[(k, slice(None), *a)]).all()
            other = [*a[:i], 1 - a[i], *a[i + 1:]]
            apart = np.abs(made.transitions[(slice(None), *a)] - made.transitions[(slice(None), *other)]).sum(axis=-1)
            assert (apart / 2 <= influence + 1e-15).all()
    assert (rewards >= 0).all() and (rewards <= 1).all()


@pytest.mark.parametrize("game", [
    fm.games.markov_congestion(3, 2, 2, 0.3), fm.games.markov_congestion(2, 3, 3, 0.05, 0.5, rng=1),
    fm.games.perturbed_team(kappa=0.2), fm.games.routing(3), fm.games.random_markov(2, (2, 3), 0.8, rng=3)])
def test_the_bound_holds(game, rng):
    """Its phi misses no more, of random policies and deviations; nor is alpha proved to be larger."""
    found = theory.near_potential(game)
    made = game.to_dense()
    rewards = np.broadcast_to(made.rewards, (game.num_players, *made.rewards.shape[1:]))
    made = fm.MarkovGame(rewards, made.transitions, game.discount)
    assert missed(made, found.phi, rng) <= found.alpha
    near = potential.alpha(game, starts=1, rounds=0)
    assert near.lower <= near.upper <= found.alpha * (1 + 1e-9)
    assert "alpha <=" in repr(found)


def test_constants_of_congestion_games_are_rosenthal_s():
    """missed 0; h_i = -phi(n_-i), counted from the middle of every state, by hand."""
    game = fm.games.markov_congestion(3, 2, 2, 0.3, rng=5)
    _, rewards = dense(game)
    found = theory.near_potential(game)
    assert found.missed < 1e-14
    cost = np.stack([rewards[0, :, 0, 1, 1], rewards[0, :, 0, 0, 1], rewards[0, :, 0, 0, 0],
                     rewards[0, :, 1, 0, 0], rewards[0, :, 1, 1, 0], rewards[0, :, 1, 1, 1]]).reshape(2, 3, 2)
    rosenthal = [[cost[0, :n, s].sum() + cost[1, :2 - n, s].sum() for n in range(3)] for s in range(2)]
    assert_allclose(found.spread, np.ptp(rosenthal, axis=1).max(), rtol=1e-12)
    assert found.alpha <= theory.congestion_alpha(3, found.influence, game.discount) <= theory.congestion_alpha(
        3, 0.3, game.discount)


def test_team_games_by_formula():
    for kappa in (0.0, 0.03, 2.0):
        game = fm.games.perturbed_team(3, (2, 3), kappa, 0.8, rng=2)
        team = fm.games.perturbed_team(3, (2, 3), 0.0, 0.8, rng=2).rewards[0]
        found = theory.near_potential(game, team)
        assert found.missed <= 2 * kappa + 1e-15 and found.spread <= 2 * kappa + 1e-15
        assert found.alpha <= theory.perturbed_team_alpha(kappa, 0.8) * (1 + 1e-12) + 1e-14
        assert theory.perturbed_team_alpha(kappa, 0.8) == pytest.approx(10 * kappa)


def test_what_the_bound_is_not_for():
    mask = np.array([[1, 1, 0, 1, 1]] * 2, bool)
    game = fm.games.random_markov(2, (3, 2), rng=0)
    game = fm.MarkovGame(game.rewards, game.transitions, game.discount, available=mask)
    with pytest.raises(ValueError, match="game must let everybody take every action"):
        theory.near_potential(game)
    with pytest.raises(ValueError, match="phi"):
        theory.near_potential(fm.games.routing(3), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="discount must be below 1"):
        theory.congestion_alpha(3, 0.1, 1.0)


def test_influence_0_is_a_potential_game():
    game = fm.games.markov_congestion(influence=0.0)
    assert potential.defect(game).relative < 1e-12
    assert theory.near_potential(game).alpha < 1e-12 and potential.alpha(game, starts=0, rounds=0).upper < 1e-10
