"""The rules of the literature that see exact expectations, by what was proved of them."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.rules._page import PAGE, page, rules
from fastmpg.rules.rule import contract

PENNIES = [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]
SHAPLEY = [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]]
LAST = fm.Record(every=10**9)


def congestion(rng, players=3, links=3):
    """A congestion game as a normal form: u_i = c_l(how many are on its link l)."""
    cost = -np.cumsum(rng.uniform(0.1, 1.0, (links, players + 1)), axis=1)
    payoff = np.zeros((players, *(links,) * players))
    for a in np.ndindex(*(links,) * players):
        for i in range(players):
            payoff[(i, *a)] = cost[a[i], a.count(a[i])]
    return fm.NormalFormGame(payoff)


def potential_games(rng, count):
    for _ in range(count):
        yield congestion(rng)
        yield fm.games.random_normal_form((3, 2, 4), identical_interest=True, rng=rng)


# ------------------------------------------------------------------------------------------------- Frank-Wolfe
def test_steps_of_one_over_k_are_fictitious_play(rng):
    """The policy is the average of the best responses to the averages so far (Brown 1951)."""
    game = fm.games.random_normal_form((3, 4), rng=rng)
    own, other = game.payoffs[0], game.payoffs[1]
    counts = [np.eye(3)[0] * 0.0, np.zeros(4)]
    beliefs = [np.full(3, 1 / 3), np.full(4, 1 / 4)]
    for t in range(200):
        counts[0][np.argmax(own @ beliefs[1])] += 1
        counts[1][np.argmax(beliefs[0] @ other)] += 1
        beliefs = [each / (t + 1) for each in counts]
    found = fm.learn(game, fm.rules.FrankWolfe((1, 1)), 200, record=LAST)
    assert_allclose(found.policy[0], np.concatenate(beliefs), rtol=0, atol=1e-12)


@pytest.mark.compiled
@pytest.mark.parametrize("seed", range(6))
def test_fictitious_play_converges_in_zero_sum_games(seed):
    """Robinson (1951)."""
    table = np.random.default_rng(seed).uniform(-1, 1, (4, 3))
    gaps = [fm.learn(fm.NormalFormGame([table, -table]), fm.rules.FrankWolfe((1, 1)), n, record=LAST)
            .trace["ne_gap"][-1].sum() for n in (100, 10_000, 1_000_000)]
    assert gaps[2] <= 0.02 * max(gaps[0], 0.05) and gaps[2] <= gaps[1] < 0.1


def test_fictitious_play_goes_round_in_shapley_s_game():
    """Shapley (1964): on ever longer rounds the beliefs stay away from the only equilibrium."""
    start = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]
    found = fm.learn(fm.NormalFormGame(SHAPLEY), fm.rules.FrankWolfe((1, 2)), 1_000_000, policy=start,
                     record=fm.Record(every=10_000))
    assert found.trace["ne_gap"][10:].max(axis=1).min() > 0.05


def test_fictitious_play_converges_in_potential_games(rng):
    """Monderer and Shapley (1996)."""
    for game in potential_games(rng, 4):
        found = fm.learn(game, fm.rules.FrankWolfe((1, 2)), 20_000, policy=fm.random_policy(game, rng), record=LAST)
        assert found.trace["ne_gap"][-1].max() < 1e-3 * np.ptp(game.payoffs)


# ------------------------------------------------------------------------------------- optimistic weights
@pytest.mark.parametrize("seed", range(4))
def test_optimistic_weights_converge_where_plain_ones_leave(seed):
    """Daskalakis and Panageas (2019): zero-sum games with one equilibrium, here inside."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.5, 1.5, 3)
    table = np.array([[0, x[0], -x[1]], [-x[0], 0, x[2]], [x[1], -x[2], 0]])  # a game of three that beat one another
    game, start = fm.NormalFormGame([table, -table]), [[0.5, 0.3, 0.2], [0.2, 0.4, 0.4]]
    plain, optimistic = (fm.learn(game, rule, 20_000, policy=start, record=LAST).trace["ne_gap"][-1].max()
                         for rule in (fm.rules.NaturalGradientPlay(0.2), fm.rules.OptimisticMultiplicativeWeights(0.2)))
    assert optimistic < 1e-9 and plain > 0.3


def regret(game, rule, steps):
    """Of all players together, in payoffs that are linear in their own policy."""
    record = fm.Record(every=1, metrics=("policy",))
    found = fm.learn(game, rule, steps, policy=[[0.9, 0.1], [0.8, 0.2]], record=record)
    own, other = np.split(found.trace["policy"][:-1, 0], 2, axis=1)
    paid = other @ game.payoffs[0].T, own @ game.payoffs[1]
    return sum(q.sum(axis=0).max() - (q * p).sum() for q, p in zip(paid, (own, other), strict=True))


def test_optimistic_regret_stays_bounded():
    """Syrgkanis et al. (2015): bounded, where that of plain weights grows like the square root or faster."""
    game = fm.NormalFormGame(PENNIES)
    ours = [regret(game, fm.rules.OptimisticMultiplicativeWeights(0.1), n) for n in (1000, 10_000)]
    plain = [regret(game, fm.rules.NaturalGradientPlay(0.1), n) for n in (1000, 10_000)]
    assert ours[1] < 1.05 * ours[0] + 0.1 and plain[1] > 2 * plain[0]


# ------------------------------------------------------------------------------------------- best and better replies
@pytest.mark.parametrize("rule", [fm.rules.BestResponse(0.5), fm.rules.BetterResponse(0.5)], ids=repr)
def test_replies_come_to_rest_at_pure_equilibria(rng, rule):
    """Young (2004): in (generic) potential games, from anywhere; whoever is there stays."""
    for game in potential_games(rng, 4):
        found = fm.ensemble(game, rule, 300, 16, policy="random", rng=int(rng.integers(2**32)),
                            record=fm.Record(steps=[200, 300], metrics=("policy", "ne_gap")))
        assert found.trace["ne_gap"][:, -1].max() <= 1e-12
        assert set(np.unique(found.policy)) == {0.0, 1.0}
        assert_array_equal(found.trace["policy"][:, 0], found.trace["policy"][:, 1])


def test_replies_in_markov_games_of_one_interest_end_at_equilibria(rng):
    """One at a time they are rounds of policy iteration: values never fall, and who rests has no better policy."""
    game = fm.games.random_markov(5, (3, 2, 2), identical_interest=True, rng=rng)
    for rule in (fm.rules.BestResponse(0.9), fm.rules.BetterResponse(0.9)):
        found = fm.ensemble(game, rule, 3000, 8, rng=1, record=fm.Record(steps=[3000]))
        assert found.trace["ne_gap"].max() <= 1e-12


def test_without_inertia_two_players_miss_each_other_for_ever():
    game = fm.NormalFormGame.identical_interest(np.eye(2))
    found = fm.learn(game, fm.rules.BestResponse(0.0), 101, policy=[[1.0, 0.0], [0.0, 1.0]],
                     record=fm.Record(every=1, metrics=("policy",)))
    for first, expected in ((0, [1, 0, 0, 1]), (1, [0, 1, 1, 0])):
        assert (found.trace["policy"][first::2, 0] == expected).all()


def test_numbers_are_the_run_s_own(tmp_path):
    """Another seed, other choices; a run of an ensemble is the run alone; a stopped run goes on with the same."""
    game, rule = congestion(np.random.default_rng(0), 4, 4), fm.rules.BetterResponse(0.8)
    record = fm.Record(every=1, metrics=("policy",))
    together = fm.ensemble(game, rule, 40, 4, rng=3, record=record)
    for r, child in enumerate(np.random.SeedSequence(3).spawn(4)):
        alone = fm.learn(game, rule, 40, rng=child, record=record)
        assert_array_equal(together.trace["policy"][r], alone.trace["policy"])
    assert len({each.tobytes() for each in together.trace["policy"]}) == 4
    path = tmp_path / "run.npz"
    fm.learn(game, rule, 15, rng=np.random.SeedSequence(3).spawn(4)[1], record=record, checkpoint=path)
    assert_array_equal(fm.resume(path, 40).trace["policy"], together.trace["policy"][1])


# ------------------------------------------------------------------------------------ sequential maximum improvement
@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_improvements_raise_the_potential_one_row_at_a_time(rng, tau):
    """Of games of one interest the value is a potential; with all players' entropy, where there is one state."""
    states = 4 if tau == 0.0 else 1
    game = fm.games.random_markov(states, (3, 2, 3), identical_interest=True, rng=rng)
    record = fm.Record(every=1, metrics=("policy", "qre_gap"))
    found = fm.learn(game, fm.rules.SequentialMaximumImprovement(tau), 200, policy="random", rng=2, record=record)
    policies = found.trace["policy"]
    moved = np.split(np.diff(policies, axis=0), game.offset[1:-1], axis=-1)
    rows = np.stack([np.abs(each).max(axis=-1) > 0 for each in moved])
    assert rows.sum(axis=(0, 2)).max() == 1
    dense = naive.Game(np.broadcast_to(game.rewards, (3, *game.rewards.shape[1:])), game.transitions, game.discount,
                       game.initial)

    def potential(policy):
        parts = naive.split(policy, game.num_actions)
        stage = naive.induced_reward(dense.rewards, parts)[0] + tau * sum(naive.entropy(part) for part in parts)
        chain = naive.induced_chain(dense.transitions, parts)
        return game.initial @ np.linalg.solve(np.eye(states) - game.discount * chain, stage)

    risen = np.diff([potential(each) for each in policies])
    assert risen.min() > -1e-12 and found.trace["qre_gap"][-1].max() <= 1e-9


# ------------------------------------------------------------------------------------------------ replicator dynamics
@pytest.mark.parametrize("states", [1, 3])
def test_small_steps_of_natural_gradient_play_follow_the_flow(rng, states):
    """To first order: halving the step halves the distance."""
    game = fm.games.random_markov(states, (2, 3), 0.5, rng=rng)
    start, horizon = fm.random_policy(game, rng), 2.0
    exact = fm.solvers.replicator_dynamics(game, [horizon], policy=start, tol=1e-12).policy[0]
    off = [np.abs(fm.learn(game, fm.rules.NaturalGradientPlay(horizon / n), n, policy=start, record=LAST).policy
                  - exact).max() for n in (1000, 2000, 4000)]
    assert off[0] < 1e-2
    assert_allclose([off[0] / off[1], off[1] / off[2]], 2.0, rtol=0.05)


def test_the_potential_rises_along_the_flow(rng):
    game = fm.games.random_markov(3, (2, 3), identical_interest=True, rng=rng)
    found = fm.solvers.replicator_dynamics(game, np.arange(0.0, 30.0, 0.5), policy=fm.random_policy(game, rng))
    values = [fm.evaluate(game, each).value[0] @ game.initial for each in found.policy]
    assert np.diff(values).min() > -1e-9 and values[-1] > values[0]
    assert "Flow of the replicator dynamics: 60 policies until t = 29.5" in repr(found)


def test_rest_points_stay_and_lost_actions_stay_lost():
    game = fm.NormalFormGame(PENNIES)
    assert fm.solvers.replicator_dynamics(game, [0, 7.0]).speed == 0.0
    found = fm.solvers.replicator_dynamics(game, [3.0], policy=[[1.0, 0.0], [0.8, 0.2]])
    assert_array_equal(found.policy[0, 0, :2], [1.0, 0.0])


def test_the_page_of_rules_is_that_of_the_classes():
    assert PAGE.read_text("utf-8") == page(), 'run python -c "from fastmpg.rules._page import write; write()"'
    for name, kind in rules().items():
        found = contract(kind)
        assert found.feedback.sees and found.proved and found.fails, name
