"""State-dependent action sets: masks are kept, compared and refused, and what is one's own sees them."""

import copy
import pickle

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulating import compiled_only
from test_available import ragged_case, twice, wide

import fastmpg as fm


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_copies_and_checkpoints_keep_the_mask(tmp_path, form):
    _, policies, forms = ragged_case(0)
    game, policy = forms[form], naive.join(policies)
    plain = fm.MarkovGame(game.rewards, game.transitions, game.discount, game.initial)
    for same in (pickle.loads(pickle.dumps(game)), copy.deepcopy(game), type(game).from_tables(game.tables())):
        assert same == game != plain and not same.available.flags.writeable
        assert_array_equal(fm.evaluate(same, policy).q_bar, fm.evaluate(game, policy).q_bar)
    assert (game.to_dense() == forms["dense"]
            and f"({game.available.sum()} of {game.available.size} available)" in repr(game))
    for rule in (fm.rules.NaturalGradientPlay(0.1), fm.rules.TwoTimescaleQ(0.1)):
        path = tmp_path / type(rule).__name__
        whole = fm.learn(game, rule, 40, policy=policy, rng=2)
        fm.learn(game, rule, 15, policy=policy, rng=2, checkpoint=path)
        resumed = fm.resume(path, 40)
        assert_array_equal(resumed.policy, whole.policy)
        assert_array_equal(resumed.trace["ne_gap"], whole.trace["ne_gap"])
        if isinstance(rule, fm.rules.TwoTimescaleQ):
            assert_array_equal(resumed.state.q, whole.state.q)


def test_the_given_is_left_alone():
    rewards, moves = np.ones((1, 2, 2)), np.full((2, 2, 2), 0.5)
    mask, before = np.array([[True, False], [True, True]]), (rewards.copy(), moves.copy())
    game = fm.MarkovGame(rewards, moves, 0.9, available=mask, copy=False)
    assert_array_equal(rewards, before[0])
    assert_array_equal(moves, before[1])
    mask[0, 1] = True
    assert not game.available[0, 1]
    with pytest.raises(ValueError, match="read-only"):
        game.available[0, 1] = True
    with pytest.raises(AttributeError, match="immutable"):
        game.available = None


def two(available, **more):
    return fm.MarkovGame(np.zeros((2, 2, 2, 3)), np.full((2, 2, 3, 2), 0.5), 0.9, available=available, **more)


@pytest.mark.parametrize("mask, error, says", [
    ([[1, 1, 0, 0, 0], [1] * 5], ValueError,
     "at least one available action in every state, found none for player 1 in state 0"),
    ([[1] * 5, [0, 0, 1, 1, 1]], ValueError, "found none for player 0 in state 1"),
    ([[1, 1, 0.5, 0, 1], [1] * 5], ValueError, r"must hold truth values, .* found 0.5 at index \(0, 2\)"),
    ([[1, np.nan, 1, 1, 1], [1] * 5], ValueError, "must hold truth values"),
    (np.ones((2, 4)), ValueError,
     r"must have shape \(S, A_total\) = \(2, 5\), or be a list of one \(S, A_i\) per player, found \(2, 4\)"),
    ([np.ones((2, 2)), np.ones((2, 2))], ValueError,
     r"hold one array \(S, A_i\) per player, \[\(2, 2\), \(2, 3\)\], found"),
    ("all", TypeError, "available must hold real numbers"),
])
def test_masks_that_are_none(mask, error, says):
    with pytest.raises(error, match=says):
        two(mask)


@pytest.mark.parametrize("form", ["table", "list", "stack", "float32"])
def test_policies_that_play_what_is_missing(form):
    game = two([[1, 1, 1, 0, 1], [1] * 5])
    good, bad = fm.uniform_policy(game), fm.uniform_policy(game)
    bad[0, 2:] = [0.5, 0.25, 0.25]
    given = {"table": bad, "list": naive.split(bad, (2, 3)), "stack": np.stack([good, bad]),
             "float32": bad.astype(np.float32)}[form]
    says = r"policy of player 1 must give unavailable actions probability 0, found 0.25 in state 0 for action 1"
    says += " of policy 1; see" if form == "stack" else "; see"
    for ask in (fm.evaluate, fm.ne_gap, lambda game, policy: fm.best_response(game, policy, 0)):
        with pytest.raises(ValueError, match=says):
            ask(game, given)
    if form != "stack":
        with pytest.raises(ValueError, match=says):
            fm.learn(game, fm.rules.QAscent(0.1), 1, policy=given)
    assert np.isfinite(fm.ne_gap(game, np.stack([good, good]))).all()


def test_rules_start_where_only_the_missing_is_zero():
    game = two([[1, 1, 1, 0, 1], [1] * 5])
    rule = fm.rules.NaturalGradientPlay(0.1, lam=0.1)
    assert fm.learn(game, rule, 3).status == "done"
    with pytest.raises(ValueError, match=r"found 0\.0 for player 1, action 2 in state 0"):
        fm.learn(game, rule, 3, policy=[[0.5, 0.5, 1, 0, 0], [0.5, 0.5, 1 / 3, 1 / 3, 1 / 3]])


def play_missing(rule, state, feedback, k):
    for s in range(state.policy.shape[0]):
        for c in range(state.policy.shape[1]):
            state.policy[s, c] = 1.0 / feedback.num_actions[s, 0 if c < 2 else 1] if feedback.available[s, c] else 0.0
    if k == 2:
        state.policy[0, 2], state.policy[0, 3] = 0.25, 0.25


@compiled_only  # where a value of -inf goes on without a warning
def test_rules_of_ones_own_see_what_there_is():
    from test_rules import define

    kind = define(update=staticmethod(play_missing))
    game = two([[1, 1, 1, 0, 1], [1] * 5])
    assert_array_equal(fm.learn(game, kind(), 2).policy, fm.uniform_policy(game))
    says = (r"the policy played what cannot be taken within 3 steps of FictitiousStep: at step 3 in state 0 player 1's "
            r"probability of action 1 is 0.25; its `update` must leave unavailable actions at probability 0")
    with pytest.raises(fm.Diverged, match=says):
        fm.learn(game, kind(), 3, record=fm.Record(metrics=()))


def test_theory_counts_what_there_is():
    game, less = twice("dense")
    for name, given in (("log_barrier_weight", {"epsilon": 0.1}), ("gradient_play_step", {}),
                        ("log_barrier_gradient_step", {"lam": 0.1}), ("log_barrier_natural_step", {"lam": 0.1})):
        assert_allclose(getattr(fm.theory, name)(game, **given), getattr(fm.theory, name)(less, **given), rtol=1e-14)
    game, less = twice("normal form")
    tau = 1000.0
    assert_allclose(fm.theory.entropy_natural_step(game, tau=tau),
                    fm.theory.entropy_natural_step(less, tau=tau), rtol=1e-14)
    policy = fm.random_policy(less, 2)
    bounds = [fm.theory.entropy_natural_bound(each, given, tau=tau, eta=1e-3, steps=3)
              for each, given in ((game, wide(policy)), (less, policy))]
    assert_allclose(*bounds, rtol=1e-12)
