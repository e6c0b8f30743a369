"""Gaps from every start: against the twin, against games whose first state is certain, and what they put together."""

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm


def forms(slow):
    """The same game, dense and sparse."""
    states = len(slow.initial)
    for moves in (slow.transitions, sp.csr_array(slow.transitions.reshape(-1, states))):
        yield fm.MarkovGame(slow.rewards, moves, slow.discount, slow.initial)


@pytest.mark.parametrize("actions, states, discount", [((2, 3), 4, 0.9), ((2, 2, 2), 3, 0.5), ((3, 2), 1, 0.0)])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_from_every_state(rng, actions, states, discount, tau):
    slow = naive.random_game(rng, actions, states, discount)
    policies = naive.random_policy(rng, actions, states)
    values = naive.value(slow, policies, tau)
    best = [naive.soft_best_response(slow, policies, i, tau)[1] if tau else naive.best_response(slow, policies, i)[1]
            for i in range(len(actions))]
    expected, law = np.array(best) - values, rng.dirichlet(np.ones(states))
    for game in forms(slow):
        def gap(start, game=game):
            return fm.qre_gap(game, policies, tau, start=start) if tau else fm.ne_gap(game, policies, start=start)

        assert_allclose(gap("every"), expected, rtol=0, atol=1e-10)
        assert_allclose(gap("worst"), expected.max(axis=1), rtol=0, atol=1e-10)
        assert_allclose(gap(law), expected @ law, rtol=0, atol=1e-10)
        assert_allclose(gap(game.initial), gap(None), rtol=0, atol=1e-12)
        for s in range(states):  # a game that begins there
            there = fm.MarkovGame(slow.rewards, game.transitions, discount, np.eye(states)[s])
            own = fm.qre_gap(there, policies, tau) if tau else fm.ne_gap(there, policies)
            assert_allclose(gap("every")[:, s], own, rtol=0, atol=1e-12)
            assert_array_equal(gap(s), gap("every")[:, s])


def test_an_equilibrium_of_the_law_alone(rng):
    """A state that is never reached: anything goes there as far as the law sees, but not from it."""
    rewards = np.zeros((2, 2, 2, 2))
    rewards[:, 1, 0] = 1.0  # in state 1 player 0 should take its first action
    game = fm.MarkovGame(rewards, np.tile(np.eye(2)[:, None, None], (1, 2, 2, 1)), 0.5, [1.0, 0.0])
    policy = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]]
    assert_array_equal(fm.ne_gap(game, policy), [0.0, 0.0])
    assert_allclose(fm.ne_gap(game, policy, start="worst"), [2.0, 0.0])
    assert_allclose(fm.ne_gap(game, policy, start="every", relative=True), [[0.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize("build", [lambda: fm.games.routing(4, form="count"), lambda: fm.games.ring_polymatrix(3, 2),
                                   lambda: fm.games.queueing(2, 2, 3)], ids=["count", "polymatrix", "sparse"])
def test_every_model_and_stacks(build):
    game = build()
    dense, stack = game.to_dense(), np.stack([fm.random_policy(game, rng=seed) for seed in range(3)])
    each = fm.ne_gap(game, stack, start="every")
    assert each.shape == (3, game.num_players, game.num_states)
    for k, policy in enumerate(stack):
        assert_allclose(each[k], fm.ne_gap(dense, policy, start="every"), rtol=0, atol=1e-10)
        assert_allclose(fm.ne_gap(game, policy), each[k] @ game.initial, rtol=0, atol=1e-10)
    assert_array_equal(fm.ne_gap(game, stack, start="worst"), each.max(axis=-1))


@pytest.mark.parametrize("start, error, says", [
    ("best", ValueError, 'start must be None, "worst", "every", a state or a law'), (7, ValueError, "start"),
    ([0.5, 0.6, 0.1], ValueError, "start"), ([1.0], ValueError, "start"), ([[1.0, 0.0, 0.0]], ValueError, "start"),
    (0.5, (ValueError, TypeError), "start")])
def test_starts_that_are_none(start, error, says):
    game = fm.games.random_markov(3, (2, 2), rng=0)
    for ask in (lambda: fm.ne_gap(game, fm.uniform_policy(game), start=start),
                lambda: fm.qre_gap(game, fm.uniform_policy(game), 0.5, start=start)):
        with pytest.raises(error, match=says):
            ask()
