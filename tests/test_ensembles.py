"""Ensembles: their runs bit for bit, grids of parameters, initial policies and seeds."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from recording import ALL, NPG, same

import fastmpg as fm


@pytest.fixture(scope="module")
def game():
    return fm.games.random_markov(4, (2, 3), rng=1)


GRID = {
    "eta (3,)": ({"eta": [0.1, 0.2, 0.4]}, None, (3,)),
    "runs 3": ({"eta": 0.2}, 3, (3,)),
    "eta (2, 1) x runs 3": ({"eta": np.array([[0.1], [0.3]])}, 3, (2, 3)),
    "eta (2, 1), tau (3,)": ({"eta": np.array([[0.1], [0.3]]), "tau": np.array([0.0, 0.1, 0.2])}, None, (2, 3)),
    "eta (2, 1, 1), tau (2, 1) x runs 2":
        ({"eta": np.array([[[0.1]], [[0.3]]]), "tau": np.array([[0.0], [0.2]])}, 2, (2, 2, 2)),
    "runs 1": ({"eta": 0.2}, 1, (1,)),
    "no axis": ({"eta": 0.2}, None, ()),
}


@pytest.mark.parametrize("name", GRID)
def test_ensemble_is_its_runs_bit_for_bit(game, name):
    """Parameters broadcast as numpy arrays do; place r on the last axis has one initial policy for every parameter."""
    parameters, runs, shape = GRID[name]
    rule, record = fm.rules.EntropyNaturalGradientPlay(**parameters), fm.Record(every=4, metrics=ALL)
    results = [fm.ensemble(game, rule, 9, runs, policy="random", rng=7, record=record, threads=t) for t in (1, 2, None)]
    for other in results[1:]:
        same(other, results[0])
    result = results[0]
    seeds = np.random.SeedSequence(7).spawn(shape[-1] if shape else 1)
    eta, tau = np.broadcast_to(rule.eta, shape), np.broadcast_to(rule.tau, shape)
    assert result.policy.shape == (*shape, 4, 5)
    for place in np.ndindex(shape):
        one = fm.rules.EntropyNaturalGradientPlay(float(eta[place]), float(tau[place]))
        start = fm.random_policy(game, seeds[place[-1] if place else 0])
        run = fm.learn(game, one, 9, policy=start, record=record)
        assert_array_equal(result.policy[place], run.policy)
        assert_array_equal(result.state.theta[place], run.state.theta)
        for metric in ALL:
            assert_array_equal(result.trace[metric][place], run.trace[metric], metric)
    assert_array_equal(result.trace["step"], [0, 4, 8, 9])


def test_ensemble_starts_from_given_policies(game):
    starts = np.stack([fm.random_policy(game, s) for s in range(3)])
    result = fm.ensemble(game, NPG, 4, 3, policy=starts)
    for r in range(3):
        assert_array_equal(result.policy[r], fm.learn(game, NPG, 4, policy=starts[r]).policy)
    shared = fm.ensemble(game, NPG, 4, 3, policy=starts[1])
    for r in range(3):
        assert_array_equal(shared.policy[r], result.policy[1])


@pytest.mark.parametrize("wrap", [int, np.random.SeedSequence, np.random.default_rng],
                         ids=["int", "SeedSequence", "Generator"])
def test_equal_seeds_make_equal_ensembles(game, wrap):
    one, two, three = (fm.ensemble(game, NPG, 3, 4, policy="random", rng=wrap(s)) for s in (5, 5, 6))
    same(one, two)
    assert (one.policy[0] != three.policy[0]).any()
    assert len({one.policy[r].tobytes() for r in range(4)}) == 4, "every run has a start of its own"


def test_a_longer_ensemble_begins_as_a_shorter_one(game):
    few, many = (fm.ensemble(game, NPG, 3, n, policy="random", rng=1) for n in (2, 5))
    assert_array_equal(many.policy[:2], few.policy)


def test_a_seed_sequence_is_not_used_up(game):
    """The same object twice: the same runs (its own spawning counter must not decide)."""
    seed = np.random.SeedSequence(5)
    same(fm.ensemble(game, NPG, 3, 2, policy="random", rng=seed),
         fm.ensemble(game, NPG, 3, 2, policy="random", rng=seed))
