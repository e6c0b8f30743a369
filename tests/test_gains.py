"""Best responses and gaps without discount: by hand, by a linear program, as limits, renamed and shifted."""

import itertools

import naive
import naive_gains
import numpy as np
import pytest
import scipy.sparse as sp

import fastmpg as fm

GAP, RESPONSE = fm.metrics.gain_gap, fm.metrics.gain_response


def deterministic(rng, actions, states):
    """A game of sure moves, which fall apart into several chains; a third of the rows are random."""
    slow = naive.random_game(rng, actions, states, 0.9)
    sure = np.eye(states)[rng.integers(0, states, (states, *actions))]
    mixed = np.where(rng.random((states, *actions, 1)) < 1 / 3, slow.transitions, sure)
    return slow._replace(transitions=mixed)


def build(slow, sparse=False):
    moves = slow.transitions
    return fm.MarkovGame(slow.rewards, sp.csr_array(moves.reshape(-1, moves.shape[-1])) if sparse else moves,
                         slow.discount, slow.initial)


def process(slow, policies, i):
    return naive.marginal_reward(slow.rewards, policies, i), naive.marginal_transition(slow.transitions, policies, i)


def test_by_hand():
    """Two ends: from state 0 player 0 chooses state 1, worth 2 a step, or 2, worth 3 to it and 0 to player 1."""
    reward, moves = np.zeros((2, 3, 2, 1)), np.zeros((3, 2, 1, 3))
    reward[:, 0, 0] = 100.0  # once: no matter
    reward[:, 1], reward[0, 2] = 2.0, 3.0
    moves[0, 0, 0, 1] = moves[0, 1, 0, 2] = moves[1, :, 0, 1] = moves[2, :, 0, 2] = 1.0
    game = fm.MarkovGame(reward, moves, 1.0, [0.5, 0.5, 0.0])
    first = [[1.0, 0.0, 1.0]] * 3
    assert GAP(game, first).tolist() == [0.5, 0.0] and GAP(game, first, start="every").tolist() == [[1, 0, 0], [0] * 3]
    assert GAP(game, first, start="worst").tolist() == [1.0, 0.0] and GAP(game, first, start=1).tolist() == [0.0, 0.0]
    found = RESPONSE(game, first, 0)
    assert found.gain.tolist() == [3.0, 2.0, 3.0] and found.policy[0].tolist() == [0.0, 1.0] and found.residual == 0.0
    half = fm.MarkovGame(reward, moves, 0.5)
    assert GAP(half, first).tolist() == pytest.approx([1.0 / 3.0, 0.0])  # of an even law: the discount is not used
    assert fm.ne_gap(half, first, start=0)[0] == 0.0  # with the discount the 100 at once count


def test_waits_for_a_larger_circle():
    """Staying earns 1 a step; the way round pays 0, 0, 3.6 and so 1.2: the first step of it never pays at once."""
    reward, moves = np.zeros((1, 3, 2)), np.zeros((3, 2, 3))
    reward[0, 0, 0], reward[0, 2] = 1.0, 3.6
    moves[0, 0, 0] = moves[0, 1, 1] = 1.0
    moves[1, :, 2] = moves[2, :, 0] = 1.0
    found = RESPONSE(fm.MarkovGame(reward, moves, 0.1), [[1.0, 0.0]] * 3, 0)
    assert found.gain == pytest.approx([1.2] * 3, rel=1e-15) and found.policy[0].tolist() == [0.0, 1.0]


def test_normal_forms_gain_what_they_pay():
    game = fm.games.random_normal_form((3, 4), rng=0)
    policy = fm.random_policy(game, 0)
    assert np.abs(GAP(game, policy) - fm.ne_gap(game, policy)).max() <= 1e-15
    for i in range(2):
        assert RESPONSE(game, policy, i).gain == pytest.approx(fm.best_response(game, policy, i)[1], rel=1e-15)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["random", "sure moves"])
def test_against_a_linear_program(kind):
    for seed in range(25):
        rng = np.random.default_rng(seed)
        actions, states = [((2, 3), 5), ((2, 2, 2), 4), ((4, 1), 7)][seed % 3]
        slow = deterministic(rng, actions, states) if kind == "sure moves" else naive.random_game(rng, actions, states,
                                                                                                   0.9)
        policies = naive.random_policy(rng, actions, states)
        if seed % 2:  # pure, so that chains fall apart
            policies = [np.eye(p.shape[1])[p.argmax(axis=1)] for p in policies]
        best, own = [], []
        for i in range(len(actions)):
            reward, moves = process(slow, policies, i)
            best.append(naive_gains.lp_gain(reward, moves))
            own.append(naive_gains.cesaro_gain(naive.induced_chain(slow.transitions, policies),
                                               naive.induced_reward(slow.rewards, policies)[i]))
        for sparse in (False, True):
            game = build(slow, sparse)
            gap = GAP(game, policies, start="every")
            assert np.abs(gap - (np.array(best) - own)).max() <= 1e-7  # HiGHS's tolerance
            for i in range(len(actions)):
                found = RESPONSE(game, policies, i)
                assert np.abs(found.gain - best[i]).max() <= 1e-7 and found.residual <= 1e-11
                played = fm.join([found.policy if k == i else policies[k] for k in range(len(actions))])
                again = fm.metrics.average_reward(game, played)
                assert np.abs(again.gain[i] - found.gain).max() <= 1e-12
                assert np.abs(again.bias[i] - found.bias).max() <= 1e-10
                assert GAP(game, played)[i] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_limit_of_discounts(seed):
    """(1 - gamma) NE-gap goes to the gap of gains, at the pace of 1 - gamma."""
    rng = np.random.default_rng(seed)
    slow = (deterministic if seed % 2 else lambda *what: naive.random_game(*what, 0.9))(rng, (2, 3), 5)
    game, policies = build(slow), naive.random_policy(rng, (2, 3), 5)
    gap = GAP(game, policies, start="every")
    away = [np.abs(left * fm.ne_gap(game, policies, start="every", discount=1.0 - left) - gap).max()
            for left in (1e-3, 1e-4, 1e-5, 1e-6)]
    assert away[-1] <= 1e-4
    for one, other in itertools.pairwise(away):
        assert other <= 0.11 * one + 1e-9


@pytest.mark.parametrize("build_game", [lambda: fm.games.routing(4, form="count"), lambda: fm.games.queueing(2, 2, 3),
                                        lambda: fm.games.ring_polymatrix(3, 2)], ids=["count", "sparse", "polymatrix"])
def test_every_model_equals_its_tables(build_game):
    game = build_game()
    policy = fm.random_policy(game, 0)
    assert np.abs(GAP(game, policy, start="every") - GAP(game.to_dense(), policy, start="every")).max() <= 1e-11


def test_masks_terminal_states_and_discount_one():
    rng = np.random.default_rng(5)
    slow = naive.random_game(rng, (2, 3), 4, 0.9)
    mask = np.ones((4, 5), bool)
    mask[1, 0] = mask[2, 3] = mask[0, 4] = False
    game = fm.MarkovGame(slow.rewards, slow.transitions, 1.0, available=mask)
    policy = fm.uniform_policy(game)
    parts = fm.split(game, policy)
    own = fm.metrics.average_reward(game, policy).gain
    for i in range(2):
        reward, moves = process(slow, parts, i)
        reward[~mask[:, game.offset[i]:game.offset[i + 1]]] = -np.inf
        assert np.abs(GAP(game, policy, start="every")[i] + own[i] - naive_gains.lp_gain(reward, moves)).max() <= 1e-7
    ending = fm.MarkovGame(slow.rewards, slow.transitions, 1.0, terminal=[0, 0, 0, 1])
    assert np.abs(GAP(ending, fm.uniform_policy(ending), start="every")).max() <= 1e-12  # it ends, whoever does what


def test_renamed_players_states_and_shifted_payoffs():
    rng = np.random.default_rng(7)
    slow, order, places = deterministic(rng, (2, 4, 3), 5), [2, 0, 1], rng.permutation(5)
    policies = naive.random_policy(rng, (2, 4, 3), 5)
    gap = GAP(build(slow), policies, start="every")
    renamed = slow._replace(rewards=slow.rewards[order].transpose(0, 1, *(2 + i for i in order)),
                            transitions=slow.transitions.transpose(0, *(1 + i for i in order), 4))
    assert np.abs(GAP(build(renamed), [policies[i] for i in order], start="every") - gap[order]).max() <= 1e-12
    moved = naive.Game(slow.rewards[:, places], slow.transitions[places][..., places], 0.9, slow.initial[places])
    assert np.abs(GAP(build(moved), [p[places] for p in policies], start="every") - gap[:, places]).max() <= 1e-12
    level = np.array([2.0**20, 0.0, -(2.0**30)])[:, None, None, None, None]
    shifted = slow._replace(rewards=slow.rewards + level)
    assert np.abs(GAP(build(shifted), policies, start="every") - gap).max() <= 4 * 2.0**-22  # rewards rounded at 2^30
    for i in range(3):
        there, here = RESPONSE(build(shifted), policies, i), RESPONSE(build(slow), policies, i)
        assert there.gain == pytest.approx(here.gain + level.ravel()[i], abs=4 * 2.0**-22)
    scaled = GAP(build(slow._replace(rewards=8.0 * slow.rewards)), policies, start="every")
    assert np.array_equal(scaled, 8.0 * gap)


def test_refused():
    game = fm.games.random_markov(3, (2, 2), rng=0)
    with pytest.raises(ValueError, match="start must be None"):
        GAP(game, fm.uniform_policy(game), start="best")
    with pytest.raises(ValueError, match="player must be between 0 and 1"):
        RESPONSE(game, fm.uniform_policy(game), 2)
