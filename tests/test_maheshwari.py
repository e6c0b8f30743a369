"""Distance to Nash and smoothed Q against plain NumPy, and the experiments that use them."""

import naive
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg.experiments import catalogue, maheshwari2022
from fastmpg.metrics import distance_to_nash, smoothed_q

NAMES = ("maheshwari-s1", "maheshwari-s2", "maheshwari-s3", "maheshwari-long")
CLOSE = {"rtol": 1e-11, "atol": 1e-11}


def naive_distance(game, policies, last):
    """[M]'s measure, snapshot by snapshot: sum_s |V_i(s; pi_i^k, last_-i) - max V_i(s; ., last_-i)|."""
    ends = naive.split(last, game.rewards.shape[2:])
    out = np.zeros((len(policies), len(ends)))
    for i in range(len(ends)):
        best = naive.best_response(game, ends, i)[1]
        for k, table in enumerate(policies):
            own = naive.split(table, game.rewards.shape[2:])[i]
            out[k, i] = np.abs(naive.value(game, [*ends[:i], own, *ends[i + 1:]])[i] - best).sum()
    return out


def snapshots(game, rng, *shape):
    """Random policies (*shape, S, A_total)."""
    return np.array([fm.random_policy(game, rng) for _ in range(int(np.prod(shape)))]).reshape(
        *shape, game.num_states, -1)


def random_twins(rng, actions, states, discount, shared):
    slow = naive.random_game(rng, actions, states, discount, shared)
    make = fm.MarkovGame.identical_interest if shared else fm.MarkovGame
    return make(slow.rewards[0] if shared else slow.rewards, slow.transitions, discount, slow.initial), slow


# ------------------------------------------------------------------------------------------------- distance to Nash
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("actions, states, discount", [((2, 3), 3, 0.9), ((2, 1, 3), 2, 0.5), ((3, 2), 2, 0.0)])
def test_the_distance_is_the_paper_s(rng, actions, states, discount, shared):
    game, slow = random_twins(rng, actions, states, discount, shared)
    policies = snapshots(game, rng, 4)
    assert_allclose(distance_to_nash(game, policies), naive_distance(slow, policies, policies[-1]), **CLOSE)
    last = fm.random_policy(game, rng)
    assert_allclose(distance_to_nash(game, policies, last), naive_distance(slow, policies, last), **CLOSE)


@pytest.mark.parametrize("players", [2, 4])
def test_tables_counts_and_sparse_rows_give_the_same_distance(rng, players):
    game = fm.games.routing(players)
    slow = naive.Game(game.rewards, game.transitions, game.discount, game.initial)
    policies = snapshots(game, rng, 3)
    expected = naive_distance(slow, policies, policies[-1])
    sparse = fm.MarkovGame(game.rewards, sp.csr_array(game.transitions.reshape(-1, 4)), game.discount)
    for form in (game, fm.games.routing(players, form="count"), sparse):
        assert_allclose(distance_to_nash(form, policies), expected, **CLOSE)


def test_normal_form_games_have_a_distance(rng):
    game = fm.games.random_normal_form((2, 3, 2), rng=1)
    payoffs = np.broadcast_to(game.payoffs, (3, 2, 3, 2))
    slow = naive.Game(payoffs[:, None], np.ones((1, 2, 3, 2, 1)), 0.0, np.ones(1))
    policies = snapshots(game, rng, 5)
    assert_allclose(distance_to_nash(game, policies), naive_distance(slow, policies, policies[-1]), **CLOSE)


def test_run_axes_stay_in_front(rng):
    game = fm.games.random_markov(3, (2, 3), rng=2)
    policies = snapshots(game, rng, 2, 3, 4)
    found = distance_to_nash(game, policies)
    assert found.shape == (2, 3, 4, 2)
    for run in np.ndindex(2, 3):
        assert_array_equal(found[run], distance_to_nash(game, policies[run]))
    one, each = fm.random_policy(game, rng), snapshots(game, rng, 2, 3)
    for last in (one, each):
        found = distance_to_nash(game, policies, last)
        for run in np.ndindex(2, 3):
            assert_array_equal(found[run],
                               distance_to_nash(game, policies[run], np.broadcast_to(last, each.shape)[run]))
    followed = distance_to_nash(game, np.append(policies[0, 0], one[None], axis=0))
    assert_allclose(distance_to_nash(game, policies, one)[0, 0], followed[:-1], **CLOSE)


@pytest.mark.compiled
def test_the_snapshots_of_a_run_are_what_it_takes():
    game = fm.games.routing(4)
    runs = fm.ensemble(game, fm.rules.TwoTimescaleQ(1e-3), 200, 3,
                       record=fm.Record(every=50, metrics=("policy", "ne_gap")))
    distance = distance_to_nash(game, runs.trace["policy"])
    assert distance.shape == (3, 5, 4)
    # at the last snapshot the deviators' gains, summed over states instead of weighed by rho
    assert_allclose(distance[:, -1].mean(axis=-1) / 4, runs.trace["ne_gap"][:, -1].mean(axis=-1), **CLOSE)


def test_the_distance_of_best_responses_is_0(rng):
    """A player who best-responds to the others' last policies is at 0; at a pure equilibrium everybody is."""
    game = fm.games.random_markov(4, (2, 3, 2), 0.8, rng=3)
    policies = snapshots(game, rng, 3)
    for i in range(3):
        columns = slice(game.offset[i], game.offset[i + 1])
        answered = policies.copy()
        answered[:, :, columns] = fm.best_response(game, policies[-1], i)[0]
        found = distance_to_nash(game, answered)
        assert (found[:, i] <= 1e-12).all() and (np.delete(found, i, axis=1) > 1e-3).all()
    stage = fm.games.zhang_3x2()
    equilibrium = fm.join([[0.0, 0.0, 1.0], [1.0, 0.0]])
    assert_array_equal(distance_to_nash(stage, [fm.uniform_policy(stage), equilibrium])[-1], 0.0)


def test_the_inputs_of_the_distance_stay_as_they_are(rng):
    game = fm.games.random_markov(3, (2, 2), rng=4)
    policies = snapshots(game, rng, 3)
    before = policies.copy()
    policies.flags.writeable = False
    distance_to_nash(game, policies)
    assert_array_equal(policies, before)


@pytest.mark.parametrize("change, message", [
    (lambda p: p[0], r"shape \(\.\.\., K, S, A_total\).*Record\(metrics"), (lambda p: p[:0], "K >= 1"),
    (lambda p: p[:, :2], r"\(3, 5\)"), (lambda p: p[..., :4], r"\(3, 5\)"),
    (lambda p: p * 2, "player 0 must sum to 1, found .* in state . of snapshot"),
    (lambda p: p + np.array([0, 0, -2, 1, 1]), "player 1 must not be negative"),
    (lambda p: p * np.nan, "must be finite"),
    (lambda p: "uniform", "policies"), (lambda p: [[["a"]]], "policies")])
def test_what_are_no_snapshots_is_refused(rng, change, message):
    game = fm.games.random_markov(3, (2, 3), rng=5)
    with pytest.raises((ValueError, TypeError), match=message):
        distance_to_nash(game, change(snapshots(game, rng, 4)))


def test_a_wrong_snapshot_is_found_by_run_and_place(rng):
    game = fm.games.random_markov(3, (2, 3), rng=5)
    policies = snapshots(game, rng, 2, 4)
    policies[1, 3, 2, 2:] = 0.5
    with pytest.raises(ValueError, match=r"player 1 must sum to 1, found 1.5 in state 2 of snapshot \(1, 3\)"):
        distance_to_nash(game, policies)
    good = snapshots(game, rng, 2, 4)
    for last in (good[:, 0, :2], good[0], good[:1, 0]):
        with pytest.raises(ValueError,
                           match=r"last must have shape \(S, A_total\) = \(3, 5\), or one a run, \(2, 3, 5\)"):
            distance_to_nash(game, good, last)
    with pytest.raises(ValueError, match="last of player 0 must sum to 1"):
        distance_to_nash(game, good, good[:, 0] * 1.5)
    with pytest.raises(TypeError, match="game"):
        distance_to_nash("routing", good)


# -------------------------------------------------------------------------------------------------------- smoothed Q
def fixed_point(game, policies, tau):
    """q <- r_i - tau nu_i + gamma sum_t P_i sum_b pi_i(t, b) q(t, b), the mean of the q-update, until nothing moves."""
    out = []
    for i, own in enumerate(policies):
        reward, moves = (naive.marginal_reward(game.rewards, policies, i),
                         naive.marginal_transition(game.transitions, policies, i))
        nu = np.array([sum(p * np.log(p) for p in row if p > 0) for row in own])
        q, move = np.zeros_like(reward), 1.0
        while move > 1e-14:
            new = reward - tau * nu[:, None] + game.discount * moves @ (own * q).sum(axis=1)
            move, q = np.abs(new - q).max(), new
        out.append(q)
    return naive.join(out)


@pytest.mark.parametrize("tau", [0.0, 1e-3, 0.7])
@pytest.mark.parametrize("actions, states, discount, shared",
                         [((2, 3), 3, 0.8, False), ((3, 1, 2), 2, 0.5, True), ((2, 2), 2, 0.0, False)])
def test_the_smoothed_q_is_the_fixed_point_of_the_mean_update(rng, actions, states, discount, shared, tau):
    game, slow = random_twins(rng, actions, states, discount, shared)
    policies = naive.random_policy(rng, actions, states)
    policies[0][0] = np.eye(actions[0])[0]  # 0 log 0 = 0
    found = smoothed_q(game, policies, tau)
    assert found.shape == (states, sum(actions))
    assert_allclose(found, fixed_point(slow, policies, tau), rtol=0, atol=1e-12)
    assert_allclose(found, smoothed_q(game, naive.join(policies), tau), rtol=0, atol=0)


def test_the_smoothed_q_of_a_normal_form_game_is_payoff_and_entropy():
    game = fm.games.zhang_3x2()
    start = fm.uniform_policy(game)
    averaged = np.concatenate([game.payoffs[0].mean(axis=1), game.payoffs[0].mean(axis=0)])
    entropy = np.log([3.0, 3.0, 3.0, 2.0, 2.0])
    assert_allclose(smoothed_q(game, start, 2.0)[0], averaged + 2.0 * entropy, rtol=0, atol=1e-15)
    assert_array_equal(start, fm.uniform_policy(game))


@pytest.mark.compiled
def test_a_learner_whose_policy_stands_still_finds_the_smoothed_q():
    """With steps of the policy near 0, q approaches Qtilde of the initial policy."""
    game, tau = fm.games.routing(2), 0.5
    still = (1e-9,) * 3
    run = fm.learn(game, fm.rules.TwoTimescaleQ(tau, (0.7, 1.0), still), 400_000, rng=1,
                   record=fm.Record(every=400_000, metrics=()))
    assert_allclose(run.policy, fm.uniform_policy(game), atol=1e-3)
    assert_allclose(run.state.q, smoothed_q(game, fm.uniform_policy(game), tau), rtol=0, atol=0.25)


def test_wrong_inputs_of_the_smoothed_q_are_refused():
    game = fm.games.zhang_3x2()
    for policy, tau, message in ((fm.uniform_policy(game), -1.0, "tau"), (fm.uniform_policy(game), "warm", "tau"),
                                 (fm.uniform_policy(game)[:, :4], 1.0, "policy"),
                                 (fm.uniform_policy(game) * 2, 1.0, "sum to 1")):
        with pytest.raises((ValueError, TypeError), match=message):
            smoothed_q(game, policy, tau)


# ------------------------------------------------------------------------------------------------------- experiments
def test_the_experiments_are_found():
    assert set(NAMES) <= set(catalogue)


@pytest.mark.compiled
@pytest.mark.parametrize("name", [
    *NAMES[:2], *(pytest.param(name, marks=(pytest.mark.slow, pytest.mark.whole)) for name in NAMES[2:])])
def test_the_statements_are_met_and_the_figures_drawn(name):
    pytest.importorskip("matplotlib")
    outcome = catalogue[name].run()
    assert [check for check in outcome.checks if not check.ok] == []
    assert len({check.name for check in outcome.checks}) == len(outcome.checks)
    assert len({figure.name for figure in outcome.figures}) == len(outcome.figures) >= 2
    for figure in outcome.figures:
        sheet = figure.draw()
        assert all(ax.get_xlabel() and ax.get_ylabel() and ax.lines for ax in sheet.axes)
        sheet.draw_without_rendering()


def test_the_settings_are_the_paper_s(monkeypatch):
    """What S1 to S3 run: players, temperature, stages, steps; everything recorded in at most 500 rows and the first."""
    asked = []

    def ensemble(game, rule, steps, runs, *, record):
        asked.append((game.num_players, rule.tau, steps, rule.alpha, rule.beta))
        return fm.ensemble(game, rule, min(steps, 20), 2, record=fm.Record(every=1, metrics=record.metrics))

    monkeypatch.setattr(maheshwari2022, "ensemble", ensemble)
    for name in NAMES[:3]:
        catalogue[name].run()
    steps = ((0.6, 1.0), (1.0, 1.0))
    assert ({(4, 1e-3, 5000, *steps), (4, 1e-6, 5000, *steps), (8, 1e-6, 1000, *steps), (8, 1e-6, 5000, *steps)}
            <= set(asked))


def test_runs_that_learn_nothing_meet_no_statement(monkeypatch):
    """The checks are computed from the runs: where the policies stay at random, they say so."""
    def ensemble(game, rule, steps, runs, *, record):
        result = fm.ensemble(game, rule, 40, 4, record=fm.Record(every=1, metrics=record.metrics))
        draw = np.random.default_rng(0)
        trace = dict(result.trace) | {"policy": snapshots(game, draw, 4, 41)}
        return fm.Result(result.policy, trace, "done", "", 40, result.state, "", "")

    monkeypatch.setattr(maheshwari2022, "ensemble", ensemble)
    checks = maheshwari2022.four_players(maheshwari2022.play(4, 1e-3, 5000))
    assert not any(check.ok for check in checks)


def test_when_a_run_has_arrived_for_good():
    distance = np.array([[8.0, 3.0, 5.0, 4.0], [8.0, 7.0, 6.0, 5.0], [8.0, 4.0, 4.0, 4.0]])[:, :, None]
    game = fm.games.routing(2)
    result = fm.ensemble(game, fm.rules.TwoTimescaleQ(0.1), 30, 1, record=fm.Record(every=10, metrics=()))
    played = maheshwari2022.Played(game, 0.1, result, distance)
    assert_array_equal(maheshwari2022.reached(played, 0.5), [30.0, np.inf, 10.0])
    assert_array_equal(maheshwari2022.reached(played, 1.0), [0.0, 0.0, 0.0])


def test_the_change_over_the_last_tenth_is_of_the_last_tenth():
    table = np.zeros((2, 21, 1, 2))
    table[0, 17] = 5.0  # before the last tenth, rows 18 to 20
    table[1, 18, 0, 1] = -0.25
    assert_array_equal(maheshwari2022.change(table), [0.0, 0.25])


# --------------------------------------------------------------------------------------------------------- the band
@pytest.mark.parametrize("band", ["range", "std", 0.5, None])
def test_runs_are_drawn_as_mean_and_band(rng, band):
    pytest.importorskip("matplotlib")
    from fastmpg import plot

    x, rows = np.array([0, 1, 10, 100]), rng.uniform(1.0, 2.0, (2, 5, 4))
    ax = plot.figure()[1][0, 0]
    line = plot.runs(x, rows, ax, band=band, log="x", label="all", color="black")
    flat = rows.reshape(10, 4)
    assert_array_equal(line.get_ydata(), flat.mean(axis=0))
    assert (line.get_label(), line.get_color(), ax.get_xscale(), ax.get_yscale()) == ("all", "black", "log", "linear")
    if band is None:
        assert not ax.collections
        return
    low, high = {"range": (flat.min(0), flat.max(0)),
                 "std": (flat.mean(0) - flat.std(0), flat.mean(0) + flat.std(0))}.get(
        band, tuple(np.quantile(flat, [0.25, 0.75], axis=0)))
    corners = ax.collections[0].get_paths()[0].vertices
    for k, place in enumerate(x):
        at = corners[corners[:, 0] == place, 1]
        assert_allclose([at.min(), at.max()], [low[k], high[k]])
