"""Finite horizons against a plain twin, against enumeration, against infinite horizons and against play."""

import itertools
import math

import naive_horizon as plain
import naive_numbers
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.horizon.given import state_rewards
from fastmpg.horizon.stages import stages, values_of_stages
from fastmpg.kernels.rng import ACTIONS, START
from fastmpg.machine import kernel
from fastmpg.models.game import pull, push


def random_mask(rng, states, actions):
    """Every action with probability 2/3, and one for sure."""
    parts = []
    for n in actions:
        part = rng.random((states, n)) < 2 / 3
        part[np.arange(states), rng.integers(0, n, states)] = True
        parts.append(part)
    return np.concatenate(parts, axis=1)


def random_game(rng, actions=(2, 3), states=4, discount=1.0, kind="dense", masked=True, **more):
    rewards = rng.uniform(-1, 1, (len(actions), states, *actions))
    transitions = rng.dirichlet(np.ones(states), (states, *actions))
    transitions[rng.random(transitions.shape) < 0.3] = 0.0
    transitions[..., 0] += 1e-3
    transitions /= transitions.sum(axis=-1, keepdims=True)
    if kind == "sparse":
        transitions = sp.csr_array(transitions.reshape(-1, states))
    mask = random_mask(rng, states, actions) if masked else None
    law = rng.dirichlet(np.ones(states))
    if kind == "shared":
        return fm.MarkovGame.identical_interest(rewards[0], transitions, discount, law, available=mask, **more)
    return fm.MarkovGame(rewards, transitions, discount, law, available=mask, **more)


def counting(rng, discount=1.0):
    return fm.CountGame(rng.uniform(-1, 1, (3, 2, 4)), rng.dirichlet(np.ones(3), (3, 4)), discount,
                        rng.dirichlet(np.ones(3)))


def pairs(rng, discount=1.0):
    payoffs = {pair: rng.uniform(-1, 1, (3, 2, 2)) for pair in [(0, 1), (1, 0), (1, 2), (2, 1)]}
    return fm.PolymatrixGame(payoffs, (2, 2, 2), rng.dirichlet(np.ones(3), 3), discount, rng.dirichlet(np.ones(3)))


def stage_game(rng, discount=0.0):
    return fm.NormalFormGame(rng.uniform(-1, 1, (2, 3, 2)))


def policies_of(game, horizon, rng):
    return np.stack([fm.random_policy(game, rng) for _ in range(horizon)])


KINDS = {
    "dense": random_game,
    "sparse": lambda rng, discount: random_game(rng, discount=discount, kind="sparse"),
    "three players": lambda rng, discount: random_game(rng, (2, 1, 3), 3, discount),
    "identical interest": lambda rng, discount: random_game(rng, discount=discount, kind="shared"),
    "all actions": lambda rng, discount: random_game(rng, discount=discount, masked=False),
    "counts": counting,
    "pairs": pairs,
    "one state": stage_game,
}


@pytest.mark.parametrize("discount", [1.0, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_every_model_agrees_with_the_twin(kind, discount, rng):
    game = KINDS[kind](rng, discount=discount)
    tables = plain.tables(game.to_dense(), game.available)
    policy = policies_of(game, 5, rng)
    parts = [plain.split(each, game.num_actions) for each in policy]
    terminal = rng.uniform(-1, 1, (game.num_players, game.num_states))
    found = fm.evaluate_horizon(game, policy, terminal=terminal)
    value, occupancy = plain.evaluate(tables, parts, terminal)
    assert_allclose(found.value, value, atol=1e-13)
    assert_allclose(found.occupancy, occupancy, atol=1e-14)
    assert_allclose(found.score, value[0] @ game.initial, atol=1e-13)
    assert found.occupancy.sum(axis=1) == pytest.approx(1, abs=1e-13)
    assert_array_equal(found.policy, policy)
    gaps = fm.ne_gap_horizon(game, policy, terminal=terminal)
    for i in range(game.num_players):
        best = plain.best_value(tables, parts, terminal, i)
        response, reached = fm.best_response_horizon(game, policy, i, terminal=terminal)
        assert_allclose(reached, best, atol=1e-13)
        assert gaps[i] == pytest.approx((best[0] - value[0, i]) @ game.initial, abs=1e-13)
        deviation = policy.copy()
        deviation[:, :, game.offset[i]:game.offset[i + 1]] = response
        assert_allclose(fm.evaluate_horizon(game, deviation, terminal=terminal).value[:, i], reached, atol=1e-13)


@kernel
def pushed(model, work, law, out):
    """out (S,) = law (S,) after one step."""
    push(model, work, law, out)


@kernel
def pulled(model, work, value, out):
    """out (S,) = value (S,) one step before."""
    pull(model, work, value, out)


@pytest.mark.parametrize("kind", KINDS)
def test_push_and_pull_are_adjoint(kind, rng):
    """law . (P v) = (law P) . v, P the chain of the contracted policy."""
    game = KINDS[kind](rng, discount=0.0 if kind == "one state" else 1.0)
    made = stages(game, policies_of(game, 1, rng), np.zeros((game.num_players, game.num_states)))
    values_of_stages.bind(made)()
    law, value = rng.dirichlet(np.ones(game.num_states)), rng.uniform(-1, 1, game.num_states)
    after, before = np.zeros(game.num_states), np.zeros(game.num_states)
    pushed(game.model, made.work, law, after)
    pulled(game.model, made.work, value, before)
    assert law @ before == pytest.approx(after @ value, abs=1e-14) and after.sum() == pytest.approx(1, abs=1e-14)


def test_best_responses_against_all_deterministic_policies(rng):
    game = random_game(rng, (2, 2), 2, masked=False)
    policy, best = policies_of(game, 2, rng), -math.inf
    for actions in itertools.product(range(2), repeat=4):
        deviation = policy.copy()
        deviation[:, :, 2:] = np.eye(2)[np.array(actions).reshape(2, 2)]
        best = max(best, fm.evaluate_horizon(game, deviation).score[1])
    _, value = fm.best_response_horizon(game, policy, 1)
    assert value[0] @ game.initial == pytest.approx(best, abs=1e-14)
    assert (fm.ne_gap_horizon(game, policy)[1]
            == pytest.approx(best - fm.evaluate_horizon(game, policy).score[1], abs=1e-14))


def test_a_long_horizon_is_the_infinite_one(rng):
    game = random_game(rng, discount=0.8)
    policy = fm.random_policy(game, rng)
    found = fm.evaluate_horizon(game, np.stack([policy] * 170), terminal=0.0)
    assert_allclose(found.value[0], fm.evaluate(game, policy).value, atol=1e-13)
    weights = 0.2 * 0.8 ** np.arange(171)
    assert_allclose(weights @ found.occupancy, fm.evaluate(game, policy).visit, atol=1e-13)
    assert_allclose(fm.ne_gap_horizon(game, np.stack([policy] * 170)), fm.ne_gap(game, policy), atol=1e-12)
    fixed = fm.evaluate_horizon(game, np.stack([policy] * 3), terminal=fm.evaluate(game, policy).value).value
    assert_allclose(fixed, np.broadcast_to(fixed[-1], fixed.shape), atol=1e-13)  # Bellman's equation


def test_by_hand():
    """One player, two states; action 0 stays, 1 changes; 1 for changing from state 0, 3 for ending in state 1."""
    rewards = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    transitions = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    game = fm.MarkovGame(rewards, transitions, 1.0, [1.0, 0.0])
    policy = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]]])
    found = fm.evaluate_horizon(game, policy, terminal=[[0.0, 3.0]])
    assert_allclose(found.value, [[[0.5 * 3.0 + 0.5 * (1 + 1.5), 1.5]], [[0.75 * (1 + 3), 1.5]], [[0.0, 3.0]]])
    assert_allclose(found.occupancy, [[1, 0], [0.5, 0.5], [0.5 * 0.25 + 0.5 * 0.5, 0.5 * 0.75 + 0.5 * 0.5]])
    response, value = fm.best_response_horizon(game, policy, 0, terminal=[[0.0, 3.0]])
    assert_array_equal(response[1], [[0, 1], [1, 0]])
    assert_array_equal(response[0], [[1, 0], [0, 1]])  # 4 either way in state 0: the first of the two
    assert_allclose(value, [[4, 4], [4, 3], [0, 3]])  # state 1 at t = 0: back to 0 and here again, 0 + 1 + 3


@pytest.mark.compiled
def test_the_default_terminal_payoff():
    """Rewards that depend on the state alone are received for the last state, too; others are not."""
    game = fm.games.pursuit_3()
    assert_array_equal(state_rewards(game), plain.of_states(plain.tables(game)))
    uniform = np.stack([fm.uniform_policy(game)] * 2)
    found = fm.evaluate_horizon(game, uniform)
    assert_array_equal(found.value[-1], state_rewards(game))
    assert_array_equal(found.value, fm.evaluate_horizon(game, uniform, terminal=state_rewards(game)).value)
    assert not fm.evaluate_horizon(game, uniform, terminal=0).value[-1].any()
    assert (fm.evaluate_horizon(game, uniform, terminal=2.0).value[-1] == 2).all()
    for other in (fm.games.grid_1(), fm.games.grid_2(), fm.games.zhang_3x2()):
        assert state_rewards(other) is None
        assert not fm.evaluate_horizon(other, np.stack([fm.uniform_policy(other)] * 2)).value[-1].any()


def test_state_rewards_of_every_model(rng):
    """One player's action that matters only where it cannot be taken does not matter."""
    rewards = np.broadcast_to(rng.uniform(-1, 1, (2, 3, 1, 1)), (2, 3, 2, 2)).copy()
    rewards[:, 1, 1] = 7.0
    mask = np.ones((3, 4), bool)
    transitions = np.full((3, 2, 2, 3), 1 / 3)
    assert state_rewards(fm.MarkovGame(rewards, transitions, 1.0)) is None
    mask[1, 1] = False
    assert_array_equal(state_rewards(fm.MarkovGame(rewards, transitions, 1.0, available=mask)), rewards[:, :, 0, 0])
    level = rng.uniform(-1, 1, 3)
    same = fm.CountGame(np.broadcast_to(level[:, None, None], (3, 2, 5)), np.full((3, 3), 1 / 3), 1.0)
    assert_allclose(state_rewards(same), np.tile(level, (4, 1)), atol=1e-15)
    assert state_rewards(counting(rng)) is None and state_rewards(pairs(rng)) is None
    zero_sum = fm.PolymatrixGame({(0, 1): [[1, -1], [-1, 1]], (1, 0): [[-1, 1], [1, -1]]}, (2, 2))
    assert state_rewards(zero_sum) is None, "the same for all own actions at the uniform policy only"


def test_greedy_play(rng):
    game = fm.MarkovGame(np.zeros((1, 1, 4)), np.ones((1, 4, 1)), 1.0, available=[[1, 1, 1, 0]])
    policy = np.array([[[0.4, 0.4 * (1 + 1e-13), 0.2, 0.0]], [[0.2, 0.5, 0.3, 0.0]]])
    policy /= policy.sum(axis=2, keepdims=True)
    assert_array_equal(fm.evaluate_horizon(game, policy, play="greedy").policy, [[[0.5, 0.5, 0, 0]], [[0, 1, 0, 0]]])
    assert_array_equal(fm.evaluate_horizon(game, policy, play="greedy", ties="first").policy,
                       [[[1, 0, 0, 0]], [[0, 1, 0, 0]]])
    game = random_game(rng)
    policy = policies_of(game, 4, rng)
    for ties in ("split", "first"):
        parts = [[plain.greedy(p, ties) for p in plain.split(each, game.num_actions)] for each in policy]
        value, _ = plain.evaluate(plain.tables(game), parts, np.zeros((2, 4)))
        assert_allclose(fm.evaluate_horizon(game, policy, play="greedy", ties=ties).value, value, atol=1e-14)
        assert fm.ne_gap_horizon(game, policy, play="greedy", ties=ties) == pytest.approx(
            [(plain.best_value(plain.tables(game), parts, np.zeros((2, 4)), i)[0] - value[0, i]) @ game.initial
             for i in range(2)])


@pytest.mark.parametrize("discount", [1.0, 0.7])
def test_features_are_what_rewards_are_made_of(discount, rng):
    states, weights = rng.uniform(-1, 1, (2, 4, 3)), rng.uniform(-1, 1, (2, 3))
    transitions = rng.dirichlet(np.ones(4), (4, 2, 3))
    rewards = np.einsum("isk,ik->is", states, weights)
    game = fm.MarkovGame(np.broadcast_to(rewards[:, :, None, None], (2, 4, 2, 3)), transitions, discount,
                         [0.1, 0.2, 0.3, 0.4])
    found = fm.evaluate_horizon(game, policies_of(game, 6, rng))
    for i in range(2):
        assert found.features(states[i]) @ weights[i] == pytest.approx(found.score[i], abs=1e-13)
    own = rng.uniform(-1, 1, (4, 3, 5))
    mine = np.broadcast_to((own @ np.ones(5))[:, None], (4, 2, 3))
    game = fm.MarkovGame(np.stack([mine, mine]), transitions, discount, [0.1, 0.2, 0.3, 0.4])
    found = fm.evaluate_horizon(game, found.policy)
    assert found.features(own, player=1).sum() == pytest.approx(found.score[1], abs=1e-13)
    for given, player, match in ((own, None, "say which, with player="), (own, 0, r"must have shape \(S, A_0, K\)"),
                                 (np.zeros((3, 2)), None, r"must have shape \(S, K\)"),
                                 (np.zeros(4), None, "must have shape")):
        with pytest.raises(ValueError, match=match):
            found.features(given, player)


# Play


def test_play_is_the_twins_draws(rng):
    """Moves of pursuit_2 are certain, so that the states follow from the twin's draws of actions alone."""
    game, runs, horizon = fm.games.pursuit_2(), 20, 9
    policy = policies_of(game, horizon, rng)
    found = fm.play_horizon(game, policy, runs, rng=7)
    key = tuple(int(word) for word in np.random.SeedSequence(7).generate_state(2))
    row = game.transitions.indices.reshape(81, 5, 5)
    for r in range(runs):
        state = int(np.searchsorted(np.cumsum(game.initial), naive_numbers.uniform(key, r, 0, START), side="right"))
        for t in range(horizon):
            assert found.states[r, t] == state
            drawn = [naive_numbers.uniform(key, r * horizon + t, i, ACTIONS) for i in range(2)]
            actions = [int(np.searchsorted(np.cumsum(p), u, side="right"))
                       for p, u in zip(np.split(policy[t, state], 2), drawn, strict=True)]
            assert found.actions[r, t].tolist() == actions
            assert_array_equal(found.rewards[r, t], game.rewards[:, state, actions[0], actions[1]])
            state = int(row[state, actions[0], actions[1]])
        assert found.states[r, horizon] == state
    assert_allclose(found.scores, found.rewards.sum(axis=1) + state_rewards(game)[:, found.states[:, -1]].T)


def test_play_repeats_itself_and_begins_where_it_is_told(rng):
    game = random_game(rng)
    policy = policies_of(game, 12, rng)
    once = fm.play_horizon(game, policy, 30, rng=1)
    assert once == fm.play_horizon(game, policy, 30, rng=1) and once != fm.play_horizon(game, policy, 30, rng=2)
    assert_array_equal(fm.play_horizon(game, policy, 5, rng=1).states, once.states[:5])
    assert (fm.play_horizon(game, policy, 30, rng=1, initial=2).states[:, 0] == 2).all()
    assert set(fm.play_horizon(game, policy, 300, initial=[0.5, 0, 0, 0.5]).states[:, 0].tolist()) == {0, 3}
    assert once.states.shape == (30, 13) and once.actions.shape == (30, 12, 2) and once.rewards.shape == (30, 12, 2)
    columns = once.actions + game.offset[:-1]
    assert game.available[once.states[:, :-1, None], columns].all()
    assert fm.play_horizon(game, policy, 0).scores.shape == (0, 2)


@pytest.mark.compiled
@pytest.mark.parametrize("kind", ["dense", "sparse", "counts", "pairs"])
def test_play_has_the_exact_means(kind, rng):
    game = KINDS[kind](rng, discount=0.9)
    policy, runs = policies_of(game, 5, rng), 20_000
    terminal = rng.uniform(-1, 1, (game.num_players, game.num_states))
    found, exact = (fm.play_horizon(game, policy, runs, rng=5, terminal=terminal),
                    fm.evaluate_horizon(game, policy, terminal=terminal))
    error = found.scores.std(axis=0) / runs**0.5
    assert (np.abs(found.scores.mean(axis=0) - exact.score) < 5 * error).all()
    for t in range(6):
        share = np.bincount(found.states[:, t], minlength=game.num_states) / runs
        assert np.abs(share - exact.occupancy[t]).max() < 5 * 0.5 / runs**0.5


def test_simulators_are_played():
    def reset(uniforms):
        return 10

    def step(state, actions, uniforms, rewards):
        rewards[:] = state
        return state + actions[0] - actions[1]

    def observe(state):
        return state % 2

    game = fm.SimulatorGame(reset, step, (2, 2), num_observations=2, discount=0.5, observe=observe)
    policy = np.array([[[0, 1, 1, 0], [1, 0, 1, 0]]] * 3, float)  # up from even states, then stay
    found = fm.play_horizon(game, policy, 2, terminal=100.0)
    assert found.states.tolist() == [[10, 11, 11, 11]] * 2 and found.actions[0].tolist() == [[1, 0], [0, 0], [0, 0]]
    assert_allclose(found.scores, 10 + 11 / 2 + 11 / 4 + 100 / 8)
    with pytest.raises(TypeError, match="is a simulator"):
        fm.evaluate_horizon(game, policy)
    with pytest.raises(ValueError, match="initial must be None"):
        fm.play_horizon(game, policy, initial=0)


# Terminal states


def ended(game, states):
    """The tables of a game (rewards, transitions, mask) whose terminal states are written out by hand."""
    dense = game.to_dense()
    rewards, moves = (np.array(np.broadcast_to(dense.rewards, (game.num_players, *dense.rewards.shape[1:]))),
                      np.array(dense.transitions))
    for s in states:
        rewards[:, s], moves[s] = 0.0, 0.0
        moves[s, ..., s] = 1.0
    return fm.MarkovGame(rewards, moves, game.discount, game.initial, available=game.available)


def with_terminal(kind, rng, terminal, discount):
    """A game of every kind, without and with terminal states: from the same draws."""
    state = rng.bit_generator.state

    def made(**more):
        rng.bit_generator.state = state
        if kind == "counts":
            return fm.CountGame(rng.uniform(-1, 1, (3, 2, 4)), rng.dirichlet(np.ones(3), (3, 4)), discount, **more)
        if kind == "own counts":
            return fm.CountGame(rng.uniform(-1, 1, (2, 3, 2, 3)), rng.dirichlet(np.ones(3), 3), discount, **more)
        if kind == "pairs":
            payoffs = {pair: rng.uniform(-1, 1, (3, 2, 2)) for pair in [(0, 1), (1, 0)]}
            return fm.PolymatrixGame(payoffs, (2, 2), rng.dirichlet(np.ones(3), 3), discount,
                                     solo=[rng.random(2), rng.random((3, 2))], **more)
        return random_game(rng, states=3, discount=discount, kind=kind, **more)

    return made(), made(terminal=terminal)


@pytest.mark.parametrize("terminal", [[1], [False, True, False], (2, 0)])
@pytest.mark.parametrize("kind", ["dense", "sparse", "shared", "counts", "own counts", "pairs"])
def test_terminal_states_end_the_reward(kind, terminal, rng):
    whole, game = with_terminal(kind, rng, terminal, 0.9)
    states = np.flatnonzero(terminal) if terminal[0] is False else sorted(terminal)
    assert whole.terminal is None and np.flatnonzero(game.terminal).tolist() == list(states)
    by_hand = ended(whole, states)
    policy = policies_of(game, 4, rng)
    found, expected = fm.evaluate_horizon(game, policy), fm.evaluate_horizon(by_hand, policy)
    assert_allclose(found.value, expected.value, atol=1e-14)
    assert_allclose(found.occupancy, expected.occupancy, atol=1e-15)
    assert not found.value[:, :, states].any()
    assert_allclose(fm.ne_gap_horizon(game, policy), fm.ne_gap_horizon(by_hand, policy), atol=1e-14)
    assert_allclose(fm.evaluate(game, policy[0]).value, fm.evaluate(by_hand, policy[0]).value, atol=1e-13)
    played = fm.play_horizon(game, policy, 50, rng=0)
    over = np.isin(played.states[:, :-1], states)
    assert over.any() and not played.rewards[over].any() and (played.states[:, 1:] == played.states[:, :-1])[over].all()
    assert game != whole and game == type(game).from_tables(game.tables())
    assert_array_equal(game.to_dense().terminal, game.terminal)
    with pytest.raises(ValueError, match="read-only"):
        game.terminal[0] = True


def test_tables_of_terminal_states_are_not_read(rng):
    rewards, moves = rng.random((1, 3, 2)), np.full((3, 2, 3), 1 / 3)
    rewards[:, 2], moves[2] = np.nan, np.nan
    dense = fm.MarkovGame(rewards, moves, 1.0, terminal=[2])
    sparse = fm.MarkovGame(rewards, sp.csr_array(moves.reshape(6, 3)), 1.0, terminal=[2])

    def move(state, actions, next_states, probabilities):
        for t in range(3):
            next_states[t], probabilities[t] = t, 1 / 3 if state < 2 else 7.0
        return 3

    def reward(state, actions, out):
        out[0] = rewards[0, state, actions[0]]

    built = fm.MarkovGame.from_moves(3, (2,), move, reward, 1.0, terminal=[2])
    mixed = fm.MarkovGame.from_moves(3, (2,), move, rewards, 1.0, terminal=[2])
    policy = policies_of(dense, 3, rng)
    expected = fm.evaluate_horizon(dense, policy)
    assert expected.value[0, 0, :2].all() and expected.occupancy[3, 2] > expected.occupancy[0, 2]
    for game in (sparse, built, mixed):
        assert_allclose(fm.evaluate_horizon(game, policy).value, expected.value, atol=1e-15)
    counts = fm.CountGame(rng.random((2, 2, 3)), lambda s, k: np.full((len(k), 2), 0.5) if s == 0 else 1 / 0, 1.0,
                          terminal=[1])
    assert_array_equal(counts.transitions[1], [[0, 1]] * 3)


P1 = np.full((2, 1, 2), 0.5)


@pytest.mark.parametrize(("build", "error", "match"), [
    (lambda: fm.MarkovGame(np.zeros((1, 2, 1)), P1, 1.0, terminal=[2]), ValueError,
     "a state in terminal must be between 0 and 1, found 2"),
    (lambda: fm.MarkovGame(np.zeros((1, 2, 1)), P1, 1.0, terminal=[True]), ValueError,
     r"one truth value a state, \(S,\) = \(2,\)"),
    (lambda: fm.MarkovGame(np.zeros((1, 2, 1)), P1, 1.0, terminal=1), TypeError, "sequence of states"),
    (lambda: fm.MarkovGame(np.zeros((1, 2, 1)), P1, 1.0, terminal=[0.5]), TypeError,
     "a state in terminal must be a whole number"),
    (lambda: fm.CountGame(np.zeros((4, 2, 3)), np.full((2, 2, 3, 2), 0.5), 0.5, terminal=[0]), ValueError,
     "facilities do not know"),
])
def test_bad_terminal_states(build, error, match):
    with pytest.raises(error, match=match):
        build()


GAME = fm.MarkovGame(np.zeros((2, 3, 2, 2)), np.full((3, 2, 2, 3), 1 / 3), 1.0, available=[[1, 0, 1, 1]] * 3)
GOOD = np.stack([fm.uniform_policy(GAME)] * 2)


@pytest.mark.parametrize(("call", "error", "match"), [
    (lambda: fm.evaluate_horizon(GAME, GOOD[0]), ValueError,
     r"a stage for every decision, .* = \(T, 3, 4\).*numpy.stack\(\[policy\] \* T\)"),
    (lambda: fm.evaluate_horizon(GAME, GOOD[None]), ValueError, "a stage for every decision"),
    (lambda: fm.evaluate_horizon(GAME, GOOD[:, :2]), ValueError, r"must have shape \(S, A_total\)"),
    (lambda: fm.evaluate_horizon(GAME, np.full((2, 3, 4), 0.5)), ValueError, "player 0"),
    (lambda: fm.evaluate_horizon(GAME, GOOD, play="best"), ValueError,
     'play must be "mixed" or "greedy", found \'best\''),
    (lambda: fm.evaluate_horizon(GAME, GOOD, ties=1), ValueError, 'ties must be "split" or "first", found 1'),
    (lambda: fm.evaluate_horizon(GAME, GOOD, terminal=[1, 2]), ValueError,
     r"terminal must have shape \(num_players, num_states\) = \(2, 3\)"),
    (lambda: fm.evaluate_horizon(GAME, GOOD, terminal=np.full((2, 3), np.nan)), ValueError, "terminal must be finite"),
    (lambda: fm.evaluate_horizon(GAME, GOOD, initial=3), ValueError, "initial must be between 0 and 2, found 3"),
    (lambda: fm.evaluate_horizon(GAME, GOOD, initial=[0.5, 0.6, 0]), ValueError, "initial must sum to 1"),
    (lambda: fm.best_response_horizon(GAME, GOOD, 2), ValueError, "player must be between 0 and 1"),
    (lambda: fm.play_horizon(GAME, GOOD, -1), ValueError, "runs must be at least 0"),
    (lambda: fm.play_horizon(GAME, GOOD, 10**15), MemoryError, "runs of 2 decisions"),
    (lambda: fm.evaluate_horizon("game", GOOD), TypeError, "game must be a fastmpg game"),
])
def test_bad_input(call, error, match):
    before = GOOD.copy()
    with pytest.raises(error, match=match):
        call()
    assert_array_equal(GOOD, before)


def test_what_is_given_stays_as_it_was(rng):
    game = random_game(rng)
    policy, terminal = policies_of(game, 3, rng), rng.random((2, 4))
    copies = policy.copy(), terminal.copy()
    found = fm.evaluate_horizon(game, policy, terminal=terminal)
    found.value[:] = found.policy[:] = 0
    fm.ne_gap_horizon(game, policy, terminal=terminal)
    assert_array_equal(policy, copies[0])
    assert_array_equal(terminal, copies[1])
    parts = [policy[:, :, :2], policy[:, :, 2:]]
    assert (fm.evaluate_horizon(game, parts) == fm.evaluate_horizon(game, list(policy))
            == fm.evaluate_horizon(game, policy))
