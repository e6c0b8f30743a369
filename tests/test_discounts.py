"""A discount per player as an option: by hand, against the twin, against games at that discount, and renamed."""

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm

OWN = (0.0, 0.6, 0.95)


def forms(slow):
    """The same game, dense and sparse."""
    for moves in (slow.transitions, sp.csr_array(slow.transitions.reshape(-1, len(slow.initial)))):
        yield fm.MarkovGame(slow.rewards, moves, slow.discount, slow.initial)


def waiting():
    """Player 0 may take 1 at once for ever (action 0) or wait a step for 3 and nothing then; player 1 does nothing.

    State 0: take 1 and stay, or move on; state 1: receive 3, then nothing in state 2. Both are paid alike.
    """
    reward, moves = np.zeros((3, 2, 1)), np.zeros((3, 2, 1, 3))
    reward[0, 0], reward[1] = 1.0, 3.0
    moves[0, 0, 0, 0] = moves[0, 1, 0, 1] = moves[1, :, 0, 2] = moves[2, :, 0, 2] = 1.0
    return fm.MarkovGame(np.stack([reward, reward]), moves, 0.9, [1.0, 0.0, 0.0])


def test_by_hand():
    """Taking is worth 1/(1 - g), waiting 3 g: at g = 1/2 these are 2 and 3/2, at 3/4 4 and 9/4."""
    game, take = waiting(), [[1, 0, 1]] * 3
    wait = [[0, 1, 1]] * 3
    found = fm.evaluate(game, take, discount=(0.5, 0.75))
    assert_allclose(found.value[:, 0], [2.0, 4.0], rtol=1e-15)
    assert_allclose(fm.evaluate(game, wait, discount=(0.5, 0.75)).value[:, 0], [1.5, 2.25], rtol=1e-15)
    assert_allclose(fm.ne_gap(game, wait, discount=(0.5, 0.75)), [0.5, 0.0], rtol=1e-15)
    assert_allclose(fm.ne_gap(game, wait, discount=(0.75, 0.5)), [1.75, 0.0], rtol=1e-15)
    assert_allclose(fm.ne_gap(game, wait, discount=(0.5, 0.75), relative=True), [0.5 / (3.0 / 0.5), 0.0], rtol=1e-14)
    assert_allclose(found.visit, [[1.0, 0.0, 0.0]] * 2, atol=1e-16)
    assert_allclose(fm.evaluate(game, wait, discount=(0.5, 0.75)).visit, [[0.5, 0.25, 0.25], [0.25, 0.1875, 0.5625]],
                    rtol=1e-15)
    assert fm.best_response(game, wait, 0, discount=(0.5, 0.9))[1][0] == pytest.approx(2.0, rel=1e-15)


@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_against_the_twin(rng, tau):
    slow = naive.random_game(rng, (2, 3, 2), 4, 0.9)
    policies = naive.random_policy(rng, (2, 3, 2), 4)
    at = [slow._replace(discount=gamma) for gamma in OWN]
    value = np.array([naive.value(game, policies, tau)[i] for i, game in enumerate(at)])
    best = np.array([(naive.soft_best_response(game, policies, i, tau) if tau
                      else naive.best_response(game, policies, i))[1] for i, game in enumerate(at)])
    for game in forms(slow):
        found = fm.evaluate(game, policies, tau=tau, discount=OWN)
        assert np.abs(found.value - value).max() <= found.error_bound <= 1e-11
        q = [naive.q_bar(each, policies, tau)[i] for i, each in enumerate(at)]
        assert_allclose(found.q_bar, naive.join(q), rtol=0, atol=1e-11)
        mean = np.stack([(q[i] * policies[i]).sum(axis=1) for i in range(3)])
        assert_allclose(found.adv_bar, naive.join([q[i] - mean[i][:, None] for i in range(3)]), rtol=0, atol=1e-11)
        assert_allclose(found.visit, [naive.visitation(each, policies) for each in at], rtol=0, atol=1e-12)
        gaps = (fm.qre_gap(game, policies, tau, discount=OWN, start="every") if tau
                else fm.ne_gap(game, policies, discount=OWN, start="every"))
        bound = fm.metrics.ne_gap_bound(game, policies, tau, discount=OWN)
        assert np.abs(gaps - (best - value)).max() <= bound <= 1e-10
        for i in range(3):
            assert_allclose(fm.best_response(game, policies, i, tau=tau, discount=OWN)[1], best[i], rtol=0, atol=1e-11)


@pytest.mark.parametrize("build", [lambda: fm.games.routing(3, form="count"), lambda: fm.games.queueing(2, 2, 3),
                                   lambda: fm.games.random_markov(4, (2, 3, 2), rng=1, discount=0.5)],
                         ids=["count", "sparse", "dense"])
def test_every_model_and_stacks_bit_for_bit(build):
    """Each player's part has the bits of the game built anew at its discount; equal discounts are the game itself."""
    game = build()
    own = OWN[-game.num_players:]
    stack = np.stack([fm.random_policy(game, seed) for seed in range(3)])
    found, gap = fm.evaluate(game, stack, discount=own), fm.ne_gap(game, stack, discount=own, start="worst")
    assert found.visit.shape == (3, game.num_players, game.num_states) and found.error_bound.shape == (3,)
    for i, gamma in enumerate(own):
        tables = game.tables()
        there = type(game).from_tables(tables | {"discount": np.array(gamma)})
        alone = fm.evaluate(there, stack)
        assert_array_equal(found.value[:, i], alone.value[:, i])
        assert_array_equal(found.visit[:, i], alone.visit)
        assert_array_equal(gap[:, i], fm.ne_gap(there, stack, start="worst")[:, i])
        assert_array_equal(fm.ne_gap(game, stack, discount=gamma), fm.ne_gap(there, stack))
        assert fm.evaluate(game, stack[0], discount=gamma).visit.shape == (game.num_states,)
    same = (game.discount,) * game.num_players
    assert_array_equal(fm.evaluate(game, stack, discount=same).value, fm.evaluate(game, stack).value)
    assert_array_equal(fm.ne_gap(game, stack, discount=same), fm.ne_gap(game, stack))
    assert game == build() and game.discount == build().discount


def test_renamed_players_and_shifted_payoffs(rng):
    slow, order = naive.random_game(rng, (2, 4, 3), 5, 0.9), [2, 0, 1]
    policies = naive.random_policy(rng, (2, 4, 3), 5)
    renamed = slow._replace(rewards=slow.rewards[order].transpose(0, 1, *(2 + i for i in order)),
                            transitions=slow.transitions.transpose(0, *(1 + i for i in order), 4))
    own, swapped = np.array(OWN), [policies[i] for i in order]
    for one, two in zip(forms(slow), forms(renamed), strict=True):
        assert_allclose(fm.ne_gap(two, swapped, discount=own[order]), fm.ne_gap(one, policies, discount=own)[order],
                        rtol=1e-12, atol=1e-12)
        assert_allclose(fm.evaluate(two, swapped, discount=own[order]).value,
                        fm.evaluate(one, policies, discount=own).value[order], rtol=1e-12, atol=1e-12)
        level = np.array([1e9, 0.0, -3e8])
        moved = fm.MarkovGame(slow.rewards + level[:, None, None, None, None], one.transitions, 0.9, slow.initial)
        gap = fm.ne_gap(moved, policies, discount=own)
        assert np.abs(gap - fm.ne_gap(one, policies, discount=own)).max() <= 1e-5  # 1e9 rounds rewards to 1e-7
        assert_allclose(fm.evaluate(moved, policies, discount=own).value - level[:, None] / (1.0 - own)[:, None],
                        fm.evaluate(one, policies, discount=own).value, rtol=0, atol=1e-4)


def test_games_without_an_infinite_horizon_have_one_at_a_discount():
    """A game of discount 1 can be asked at another; a normal form has no future; tables hold one for all."""
    slow = waiting()
    game = fm.MarkovGame(slow.rewards, slow.transitions, 1.0, slow.initial)
    assert_array_equal(fm.ne_gap(game, [[0, 1, 1]] * 3, discount=0.5), [0.5, 0.0])
    stage = fm.games.zhang_3x2()
    policy = fm.uniform_policy(stage)
    assert_array_equal(fm.ne_gap(stage, policy, discount=(0.0, 0.0)), fm.ne_gap(stage, policy))
    with pytest.raises(ValueError, match=r"discount must be 0 for a normal-form game.*one state repeats it"):
        fm.evaluate(stage, policy, discount=(0.0, 0.5))
    with pytest.raises(ValueError, match=r"discount must be a number or one a player, 2, found 3"):
        fm.ne_gap(game, policy, discount=(0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match=r"discount\[1\] must be a finite number in \[0, 1\), found 1"):
        fm.qre_gap(game, policy, 0.1, discount=(0.5, 1.0))
    with pytest.raises(TypeError, match=r"discount must be a real number.*whoever learns in it, has one for all"):
        fm.MarkovGame(slow.rewards, slow.transitions, (0.5, 0.9))


def test_no_kernel_is_compiled_again():
    from fastmpg.machine.units import COMPILED

    game = fm.games.random_markov(3, (2, 2), rng=0)
    policy = fm.uniform_policy(game)

    def everything(**option):
        return (fm.evaluate(game, policy, **option), fm.ne_gap(game, policy, **option),
                fm.qre_gap(game, policy, 0.1, **option), fm.best_response(game, policy, 0, **option),
                fm.metrics.ne_gap_bound(game, policy, **option))

    everything()
    before = len(COMPILED)
    everything(discount=(0.3, 0.99))
    assert len(COMPILED) == before
