"""The range of a potential that theory asks for, where payoffs make one."""

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.theory._constants import potential_range_or_known
from fastmpg.theory._potential_range import known_range, missed, nearest


def with_potential(rng, num_actions, states=1):
    """(phi (S, A_0, ..), payoffs (N, S, A_0, ..)): phi and a function of the others each."""
    phi = rng.standard_normal((states, *num_actions))
    rest = [rng.standard_normal((states, *(1 if j == i else a for j, a in enumerate(num_actions))))
            for i in range(len(num_actions))]
    return phi, np.stack([phi + each for each in rest])


@pytest.mark.parametrize("num_actions", [(2, 2), (3, 4), (2, 3, 2), (2, 2, 2, 2)])
def test_potentials_are_found_up_to_a_constant(num_actions):
    for seed in range(25):
        phi, payoffs = with_potential(np.random.default_rng(seed), num_actions)
        found = nearest(payoffs[:, 0])
        off = missed(payoffs[:, 0], found)
        assert off <= 1e-14 * 20 and np.ptp(found - phi[0]) <= 1e-13
        game = fm.NormalFormGame(payoffs[:, 0])
        assert potential_range_or_known(game, None) == pytest.approx(np.ptp(phi), abs=1e-13)
        assert potential_range_or_known(game, 7.0) == 7.0
        assert fm.theory.natural_gradient_step(game) == fm.theory.natural_gradient_step(
            game, potential_range=known_range(game))


def test_states_are_shifted_by_themselves_where_moves_do_not_depend_on_actions():
    phi, payoffs = with_potential(np.random.default_rng(0), (2, 3), 4)
    moves = np.broadcast_to(np.random.default_rng(1).dirichlet(np.ones(4), 4)[:, None, None], (4, 2, 3, 4))
    game = fm.MarkovGame(payoffs, moves, 0.8)
    assert known_range(game) == pytest.approx(np.ptp(phi.reshape(4, -1), axis=1).max(), abs=1e-13)
    assert fm.potential.defect(game).relative < 1e-13
    assert known_range(fm.games.random_markov(4, (2, 3), rng=0)) is None


def test_no_potential_is_refused_as_before():
    pennies = fm.NormalFormGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    off = missed(pennies.payoffs, nearest(pennies.payoffs))
    assert off == pytest.approx(2.0)  # a quarter of what a square adds up to
    with pytest.raises(ValueError, match="potential_range is known only"):
        fm.theory.natural_gradient_step(pennies)
    phi, payoffs = with_potential(np.random.default_rng(0), (2, 2))
    with pytest.raises(ValueError, match="known only for identical interest, found different rewards"):
        fm.theory.q_ascent_step(fm.NormalFormGame(payoffs[:, 0]))
    assert phi.size == 4
