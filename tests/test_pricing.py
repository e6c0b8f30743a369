"""Firms that set prices: the market by other routes, the game, how learners explore, cycles and deviations."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

import fastmpg as fm
from fastmpg.experiments import catalogue
from fastmpg.rules import _exploring

GAME, MARKET = fm.games.pricing(), fm.theory.logit_market()
RULE = fm.rules.IndependentQLearning(0.15, ("exponential", 1e-4), "uniform_opponents")
END = fm.Record(steps=[10**7], metrics=())


def demand(prices, quality, outside=0.0, mu=0.25):
    weight = np.exp((quality - prices) / mu)
    return weight / (weight.sum() + np.exp(outside / mu))


def test_the_published_prices_and_profits_of_two_firms():
    """Calvano et al. (2020), as the request for this game gives them."""
    assert_allclose(MARKET.nash_price, 1.47293, atol=5e-6)
    assert_allclose(MARKET.monopoly_price, 1.92498, atol=5e-6)
    assert_allclose(MARKET.nash_profit, 0.22293, atol=5e-6)
    assert_allclose(MARKET.monopoly_profit, 0.33749, atol=5e-6)
    assert_allclose(MARKET.prices[0, [0, -1]], [1.47293 - 0.1 * 0.45205, 1.92498 + 0.1 * 0.45205], atol=1e-5)
    assert MARKET.profit_gain(MARKET.nash_profit) == 0.0 and MARKET.profit_gain(MARKET.monopoly_profit) == 1.0


@pytest.mark.parametrize("outside", [0.0, [-0.2, 0.3]])
def test_markets_of_firms_that_differ_by_searching(outside):
    """No firm gains by another price; no firm's price alone raises the sum at the cartel's."""
    cost, quality, chances = np.array([1.0, 0.8, 1.1]), np.array([2.0, 1.9, 2.3]), None
    market = fm.theory.logit_market(3, 5, cost=cost, quality=quality, outside=outside, chances=chances)
    drawn = np.atleast_1d(outside)

    def profits(prices):
        return np.mean([(prices - cost) * demand(prices, quality, a) for a in drawn], axis=0)

    assert_allclose(market.nash_profit, profits(market.nash_price), rtol=1e-12)
    assert_allclose(market.monopoly_profit, profits(market.monopoly_price), rtol=1e-12)
    for i in range(3):
        for at, worth in ((market.nash_price, lambda p, i=i: -profits(p)[i]),
                          (market.monopoly_price, lambda p: -profits(p).sum())):
            best = minimize_scalar(lambda x, at=at, worth=worth, i=i: worth(np.where(np.arange(3) == i, x, at)),
                                   bounds=(0.5, 4.0), method="bounded", options={"xatol": 1e-9})
            assert_allclose(best.x, at[i], atol=1e-5)
    each = [market.prices[0, 3], market.prices[1, 0], market.prices[2, 4]]
    assert_allclose(market.mean_profits[:, 3, 0, 4], profits(np.array(each)), rtol=1e-12)


def test_the_game_remembers_the_last_prices():
    game = fm.games.pricing(2, 3, 2, form="tables", quality=[2.0, 2.2])
    market = fm.theory.logit_market(2, 3, quality=[2.0, 2.2])
    assert game.num_states == 81 and game.num_actions == (3, 3)
    state = 3 * 0 + 1  # firm 0 lowest, firm 1 middle: the older prices
    after, reward = game._move(state, (2, 1))
    assert after == 9 * state + 3 * 2 + 1
    assert_array_equal(reward, market.mean_profits[:, 2, 1])
    assert game._move(after, (0, 0))[0] == 9 * (3 * 2 + 1)


@pytest.mark.parametrize("firms, prices, memory", [
    (2, 4, 2), (3, 4, 1),
    *(pytest.param(*each, marks=pytest.mark.slow) for each in ((1, 4, 1), (2, 15, 1), (5, 2, 1)))])
def test_tables_and_simulator_are_one_game(firms, prices, memory):
    """The same steps, bit for bit, from the same first state; and the same first estimates."""
    table = fm.games.pricing(firms, prices, memory, form="tables")
    simulated = fm.games.pricing(firms, prices, memory, form="simulator")
    assert_allclose(table.rewards_against_uniform(), simulated.rewards_against_uniform(), rtol=1e-13)
    first = np.array(table.rewards_against_uniform()) * 20
    rule, record = RULE._replace(initial=first), fm.Record(every=500, metrics=("policy", "counts"), trajectory=True)
    one, other = (fm.learn(game, rule, 2000, rng=4, record=record) for game in (table, simulated))
    assert one.trajectory.states[0] == other.trajectory.states[0]
    for name in ("q", "counts", "visits"):
        assert_array_equal(getattr(one.state, name), getattr(other.state, name))
    assert_array_equal(one.trajectory.actions, other.trajectory.actions)
    for state in (0, table.num_states - 1):
        for joint in ([0] * firms, [prices - 1] * firms):
            (a, x), (b, y) = table._move(state, joint), simulated._move(state, joint)
            assert a == b
            assert_allclose(x, y, rtol=1e-15)


def test_larger_games_have_no_tables_and_the_largest_are_refused():
    for game in (fm.games.pricing(3), fm.games.pricing(2, memory=2), fm.games.pricing(4)):
        assert isinstance(game, fm.SimulatorGame) and game.nbytes == 0
    assert fm.games.pricing(4).num_states == 15**4
    with pytest.raises(MemoryError, match="2562890625 states"):
        fm.games.pricing(4, memory=2)
    with pytest.raises(MemoryError, match='form="simulator"'):
        fm.games.pricing(4, form="tables")


@pytest.mark.compiled
def test_stochastic_demand_is_drawn_unseen():
    game = fm.games.pricing(2, 3, outside=[-0.5, 0.5], chances=[0.25, 0.75])
    market = fm.theory.logit_market(2, 3, outside=[-0.5, 0.5], chances=[0.25, 0.75])
    assert isinstance(game, fm.SimulatorGame) and "draws=1" not in repr(game)
    rule = fm.rules.IndependentQLearning((1.0, 0.0), 1.0)  # averages of r + gamma max q; with discount 0 of r
    still = fm.games.pricing(2, 3, outside=[-0.5, 0.5], chances=[0.25, 0.75], discount=0.0)
    found = fm.learn(still, rule, 400_000, rng=0, record=fm.Record(steps=[0], metrics=("policy",)))
    mean = np.concatenate([market.mean_profits[0].mean(axis=1), market.mean_profits[1].mean(axis=0)])
    spread = market.profits.std() / np.sqrt(found.state.counts.min())
    assert_allclose(found.state.q, np.tile(mean, (9, 1)), atol=6 * spread)
    assert pickle.loads(pickle.dumps(game)) == game
    assert fm.games.pricing(2, 3, form="tables", outside=[-0.5, 0.5]) != fm.games.pricing(2, 3, form="tables")


@pytest.mark.compiled
def test_a_run_on_the_simulator_is_resumed(tmp_path):
    game = fm.games.pricing(2, 3, form="simulator", cost=[1.0, 0.9])
    path, until = tmp_path / "run.ckpt", fm.Unchanged(stages=2000)
    whole = fm.learn(game, RULE, 10**6, rng=1, record=fm.Record(steps=[0], metrics=("policy",)), until=until)
    fm.learn(game, RULE, 5000, rng=1, record=fm.Record(steps=[0], metrics=("policy",)), until=until, checkpoint=path)
    after = fm.resume(path, steps=10**6)
    assert whole.status == after.status == "settled" and whole.steps == after.steps
    assert_array_equal(whole.state.q, after.state.q)


# ------------------------------------------------------------------------------------------------------- exploring
SCHEDULES = {0.3: lambda k: 0.3, ("exponential", 0.01): lambda k: np.exp(-0.01 * k),
             ("power", 0.7): lambda k: (k + 1) ** -0.7, ("power", 2.0, 0.5): lambda k: min(1.0, (k + 0.5) ** -2.0),
             ("table", (0.9, 0.5, 0.25)): lambda k: (0.9, 0.5, 0.25)[min(k, 2)]}


@pytest.mark.parametrize("given", SCHEDULES)
def test_exploration_by_its_schedule(given):
    """The probability at hand after k steps, and how often actions are not the greedy one."""
    for k in (0, 1, 7, 8, 9, 200):
        rule = fm.rules.IndependentQLearning(0.1, given)
        found = fm.learn(GAME, rule, k, rng=0, record=fm.Record(steps=[0], metrics=("policy",)))
        assert_allclose(found.state.epsilon[0], SCHEDULES[given](k), rtol=1e-14)


@pytest.mark.compiled
def test_boltzmann_draws_by_its_law():
    """Of a game of one state whose values never move."""
    game = fm.NormalFormGame([[0.0, 0.0, 0.0], ])
    values = np.array([[0.0, 0.5, 2.0]])
    for given, temperature in ((("boltzmann", 0.7), 0.7), (("boltzmann", 0.7, 0.0), 0.7)):
        rule = fm.rules.IndependentQLearning(1e-300, given, values)
        counts = fm.learn(game, rule, 200_000, rng=1, record=fm.Record(steps=[0], metrics=("policy",))).state.counts
        law = np.exp(values / temperature)
        law /= law.sum()
        assert_allclose(counts / 200_000, law, atol=5 * np.sqrt(0.25 / 200_000))
    cooled = fm.learn(game, rule._replace(exploration=("boltzmann", 1.0, 0.01)), 1000, rng=0,
                      record=fm.Record(steps=[0], metrics=("policy",)))
    assert_allclose(cooled.state.epsilon[0], np.exp(-10.0), rtol=1e-14)
    assert_array_equal(cooled.policy, [[0.0, 0.0, 1.0]])


@pytest.mark.parametrize("given", ["exponential", ("linear", 1), ("exponential",), ("power", -1.0), ("power", 1.0, 0.0),
                                   ("table", ()), ("table", (0.5, 1.5)), ("boltzmann", 0.0), 1.5, (), ("table", 0.5)])
def test_no_schedule(given):
    with pytest.raises((ValueError, TypeError), match="exploration"):
        _exploring.checked(given)


# -------------------------------------------------------------------------------------------- what play comes to
def test_cycles_by_hand():
    """Firm 0 copies the other's last price, firm 1 the other's: two prices that differ change hands for ever."""
    game = fm.games.pricing(2, 3)
    policy = np.zeros((9, 6))
    for state in range(9):
        p, q = divmod(state, 3)
        policy[state, q] = policy[state, 3 + p] = 1.0
    market = fm.theory.logit_market(2, 3)
    found = fm.metrics.cycle(game, policy, 3 * 2 + 1)
    assert (found.length, found.before) == (2, 0)
    assert_array_equal(found.states, [3 * 2 + 1, 3 * 1 + 2])
    assert_array_equal(found.actions, [[1, 2], [2, 1]])
    assert_allclose(found.profit, (market.mean_profits[:, 1, 2] + market.mean_profits[:, 2, 1]) / 2)
    assert fm.metrics.cycle(game, policy, 4).length == 1
    went = fm.metrics.deviation(game, policy, 4, 1, action=0, stages=4)
    assert_array_equal(went.actions, [[1, 0], [0, 1], [1, 0], [0, 1]])
    usual = market.mean_profits[:, 1, 1]
    gains = [0.95**k * (market.mean_profits[:, *a] - usual) for k, a in enumerate(went.actions.tolist())]
    assert_allclose(went.gain, np.sum(gains, axis=0), atol=1e-14)
    best = int(np.argmax(market.mean_profits[0, :, 1]))
    assert fm.metrics.deviation(game, policy, 4).actions[0].tolist() == [best, 1]


def test_best_responses_on_and_off_the_cycle():
    """Both always at the one-shot equilibrium of the grid: nothing to gain anywhere; else what NE-gaps say."""
    game, market = fm.games.pricing(2, 5), fm.theory.logit_market(2, 5)
    a, b = market.mean_profits
    pure = [(i, j) for i in range(5) for j in range(5) if a[i, j] == a[:, j].max() and b[i, j] == b[i].max()]
    for i, j in (pure[0], (4, 4)):
        policy = np.zeros((25, 10))
        policy[:, i] = policy[:, 5 + j] = 1.0
        found = fm.metrics.best_on_cycle(game, policy, 0)
        assert (found.on_path == 0).all() == (found.best_off_path == 1).all() == ((i, j) in pure)
        gap = np.stack([fm.best_response(game, policy, k)[1] for k in range(2)]) - fm.evaluate(game, policy).value
        state = 5 * i + j
        top = np.stack([fm.best_response(game, policy, k)[1] for k in range(2)]).max(axis=1)
        assert_allclose(found.on_path, gap[:, state] / top, atol=1e-12)


def test_random_moves_have_no_cycle():
    with pytest.raises(ValueError, match="moves must be sure, found 2 next states in state 0"):
        game = fm.MarkovGame(np.zeros((1, 2, 2)), np.full((2, 2, 2), 0.5), 0.9)
        fm.metrics.cycle(game, fm.uniform_policy(game), 0)
    with pytest.raises(TypeError, match="lists no moves"):
        fm.metrics.cycle(fm.games.routing(3, form="count"), fm.uniform_policy(fm.games.routing(3)), 0)
    with pytest.raises(TypeError, match="no exact values"):
        game = fm.games.pricing(2, 3, form="simulator")
        fm.metrics.best_on_cycle(game, fm.uniform_policy(game), 0)


@pytest.mark.compiled
def test_sessions_settle_above_competition():
    found = fm.ensemble(GAME, RULE, 10**7, 6, record=END, until=fm.Unchanged(20_000))
    assert found.status == "settled"
    profits = [fm.metrics.cycle(GAME, policy, int(s)).profit
               for policy, s in zip(found.policy, found.state.place, strict=True)]
    gain = MARKET.profit_gain(np.array(profits))
    assert gain.shape == (6,) and (gain > 0.3).all() and (gain < 1.0).all()


@pytest.mark.slow
@pytest.mark.whole
def test_the_experiment():
    outcome = catalogue["calvano2020"].run()
    assert [check.name for check in outcome.checks if not check.ok] == []


def test_a_firm_that_comes_and_goes():
    """Profits without it are those of the market of the others at the same prices; the chain is what was asked for."""
    game = fm.games.pricing(3, 4, entry=0.25, exit=0.125, cost=[1.0, 1.1, 0.9])
    before = 4**3
    assert game.num_states == 2 * before and game.num_actions == (4, 4, 4)
    market = fm.theory.logit_market(3, 4, cost=[1.0, 1.1, 0.9])
    worth = np.exp((2.0 - market.prices) / 0.25)
    for a, b in np.ndindex(4, 4):
        both = worth[0, a] + worth[1, b] + 1.0
        expected = [(market.prices[0, a] - 1.0) * worth[0, a] / both, (market.prices[1, b] - 1.1) * worth[1, b] / both,
                    0.0]
        assert_allclose(game.rewards[:, 5, a, b, 0], expected, rtol=1e-13, atol=1e-15)
        for c in range(4):
            assert_array_equal(game.rewards[:, before + 5, a, b, c], market.mean_profits[:, a, b, c])
            row = game.transitions[[(before + 5) * before + 16 * a + 4 * b + c]].toarray()[0]
            assert row[16 * a + 4 * b + c] == 0.125 and row[before + 16 * a + 4 * b + c] == 0.875
    assert game.available[:before, 9:].sum() == 0 and game.available[:, :9].all() and game.available[before:].all()
    row = game.transitions[[5 * before]].toarray()[0]
    assert row[0] == 0.75 and row[before] == 0.25
    found = fm.learn(game, fm.rules.IndependentQLearning(0.1, 0.2), 5000, rng=0,
                     record=fm.Record(every=5000, metrics=("policy",), trajectory=True))
    out = found.trajectory.states[:-1] < before
    assert 0.5 < out.mean() * 3 < 1.5 and (found.trajectory.actions[out, 2] == 0).all()  # .125 / (.25 + .125) = 1/3
    with pytest.raises(ValueError, match="entry and exit are of the last of at least two firms"):
        fm.games.pricing(2, 4, form="simulator", entry=0.5)
