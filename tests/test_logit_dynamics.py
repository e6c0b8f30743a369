"""The limit differential equation (15) of Maheshwari et al. (2022) against a solver of its own, and its Lyapunov
function (16): where it falls, and where it does not."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastmpg as fm
from fastmpg import theory
from fastmpg.experiments import catalogue, maheshwari2022_flow
from fastmpg.solvers import logit_dynamics
from fastmpg.solvers.logit_dynamics import smoothed_replies


def velocity(slow, parts, tau, rates):
    """(15) from the fixed point of the entropy-regularised evaluation, by plain NumPy; rates (N, S)."""
    out = []
    for i, own in enumerate(parts):
        reward, moves = (naive.marginal_reward(slow.rewards, parts, i),
                         naive.marginal_transition(slow.transitions, parts, i))
        stage = (own * reward).sum(axis=1) - tau * (own * np.log(own)).sum(axis=1)
        chain = np.einsum("sa,sat->st", own, moves)
        value = np.linalg.solve(np.eye(len(own)) - slow.discount * chain, stage)
        soft = np.exp((reward + slow.discount * moves @ value) / tau)
        out.append(rates[i][:, None] * (soft / soft.sum(axis=1, keepdims=True) - own))
    return out


def runge_kutta(slow, parts, tau, rates, end, steps=400):
    """Classical, of order 4."""
    h = end / steps

    def at(base, slope, far):
        return velocity(slow, [b + far * m for b, m in zip(base, slope, strict=True)], tau, rates)

    for _ in range(steps):
        k1 = velocity(slow, parts, tau, rates)
        k2 = at(parts, k1, h / 2)
        k3 = at(parts, k2, h / 2)
        k4 = at(parts, k3, h)
        parts = [p + h / 6 * (a + 2 * b + 2 * c + d) for p, a, b, c, d in zip(parts, k1, k2, k3, k4, strict=True)]
    return naive.join(parts)


@pytest.mark.parametrize("given", [1.0, [0.3, 1.0, 0.6], [[0.2, 0.5, 1.0], [1.0, 0.9, 0.1]]])
def test_the_solution_is_that_of_plain_runge_kutta(given, rng):
    game = fm.games.random_markov(3, (2, 3), discount=0.7, rng=1)
    slow = naive.Game(game.rewards, game.transitions, game.discount, game.initial)
    start, tau = fm.random_policy(game, rng), 0.4
    found = logit_dynamics(game, tau, [0.0, 0.5, 3.0], policy=start, rates=given, tol=1e-11)
    assert_allclose(found.policy[0], start, rtol=0, atol=1e-15)
    rates = np.broadcast_to(given, (2, 3))
    for end, policy in zip((0.5, 3.0), found.policy[1:], strict=True):
        assert_allclose(policy, runge_kutta(slow, fm.split(game, start), tau, rates, end), rtol=0, atol=2e-9)


@pytest.mark.compiled
@pytest.mark.parametrize("game", [fm.games.routing(4), fm.games.routing(20, form="count"), fm.games.zhang_3x2(),
                                  fm.MarkovGame.identical_interest(np.random.default_rng(1).random((2, 2, 3)),
                                                                   np.full((2, 2, 3, 2), 0.5), 0.6,
                                                                   available=[[1, 1, 1, 0, 1], [1, 0, 1, 1, 1]])])
def test_solutions_end_at_equilibria_of_the_perturbed_game(game):
    tau = 0.5
    found = logit_dynamics(game, tau, [1.0, 200.0])
    assert found.speed < 1e-9 and fm.qre_gap(game, found.policy[-1], tau).max() < 1e-9
    assert (found.policy >= 0.0).all()
    if game.available is not None:
        assert_array_equal(found.policy[:, ~game.available], 0.0)
    assert "2 policies until t = 200" in repr(found)


@pytest.mark.parametrize("more, message", [
    ({"times": []}, "times"), ({"times": [1.0, 1.0]}, "times"), ({"times": [-1.0]}, "times"), ({"times": 3.0}, "times"),
    ({"rates": 0.0}, "rates"), ({"rates": [0.5, 2.0]}, "rates"), ({"tau": 0.0}, "tau"), ({"tol": 0.5}, "tol"),
    ({"policy": [[1.0, 0.0]]}, "policy")])
def test_what_is_no_question_is_refused(more, message):
    with pytest.raises((ValueError, TypeError), match=message):
        logit_dynamics(fm.games.zhang_3x2(), **({"tau": 1.0, "times": [0.0, 1.0]} | more))


# ----------------------------------------------------------------------------------------------- (16) and Lemma 3.5
def potential(game, policies, tau):
    """Phi~(mu) along policies."""
    return theory.perturbed_potential(game, policies, tau) @ game.initial


@pytest.mark.compiled
def test_the_potential_rises_where_nobody_moves_the_state():
    """Lemma 3.5, by how much: dPhi~/dt = sum of slopes times velocities, (43), by differences."""
    game, tau = fm.games.routing(3, reward="team", transitions="averaged"), 0.3
    times = np.linspace(0.0, 8.0, 161)
    for seed in range(3):
        policies = logit_dynamics(game, tau, times, policy=fm.random_policy(game, seed), tol=1e-11).policy
        phi = potential(game, policies, tau)
        assert (np.diff(phi) > -1e-9 * np.ptp(phi)).all()
        slope = fm.metrics.perturbed_gradient(game, policies, tau)
        replies = np.stack([smoothed_replies(game, each, tau) for each in policies])
        speed = (slope * (replies - policies)).sum(axis=(1, 2))
        assert (speed[:-20] > 0).all()
        gain = (speed[:-2:2] + 4 * speed[1:-1:2] + speed[2::2]) * (times[1] / 3)  # Simpson
        assert_allclose(gain, np.diff(phi[::2]), rtol=2e-3, atol=1e-6)


def test_the_printed_lyapunov_function_rises_where_players_move_the_state():
    """Nobody is paid, player 0 picks the next state, player 1 has entropy in state 1: from the maximum of (14), x =
    2^g/(1 + 2^g), player 0 goes to 1/2. All by closed forms, the maximum by a grid too."""
    game, tau, gamma = maheshwari2022_flow.crossroads(), 1.0, 0.9
    x = np.linspace(0.001, 0.999, 999)
    grid = np.stack([[[1 - p, p, 1.0, 0.0], [1 - p, p, 0.5, 0.5]] for p in x])
    phi = potential(game, grid, tau)
    held = -x * np.log(x) - (1 - x) * np.log(1 - x) + gamma * x * np.log(2)
    assert_allclose(phi, held / (1 - gamma) + np.log(2) / 2, rtol=1e-12)
    top = potential(game, maheshwari2022_flow.summit(), tau)
    assert phi.max() <= top < phi.max() + 1e-5
    for seed in range(200):
        assert potential(game, fm.random_policy(game, seed), tau) < top
    times = np.linspace(0.0, 10.0, 21)
    policies = logit_dynamics(game, tau, times, policy=maheshwari2022_flow.summit(), tol=1e-12).policy
    assert_allclose(policies[:, :, 1], np.stack([0.5 + (2**gamma / (1 + 2**gamma) - 0.5) * np.exp(-times)] * 2, 1),
                    rtol=1e-9)
    risen = top - potential(game, policies, tau)
    assert (np.diff(risen) > 0).all() and risen[-1] > 0.47
    assert_allclose(risen, [maheshwari2022_flow.summit_lead(t) for t in times], rtol=0, atol=1e-9)
    assert fm.qre_gap(game, policies[-1], tau).max() < 1e-8


def test_the_slope_of_the_printed_potential_is_not_0_at_an_equilibrium():
    """From the side where (14) is larger it falls all the way; where nobody moves the state it rises from both."""
    rng = np.random.default_rng(0)
    game = fm.MarkovGame.identical_interest(rng.random((2, 2, 2)), rng.dirichlet(np.ones(2), (2, 2, 2)), 0.8)
    tau = 0.5
    end = logit_dynamics(game, tau, [300.0], tol=1e-12).policy[-1]
    assert fm.qre_gap(game, end, tau).max() < 1e-12
    aside = fm.random_policy(game, 1)
    step = 0.02 * (aside - end)
    step *= np.sign(potential(game, end + step, tau) - potential(game, end, tau))
    phi = potential(game, logit_dynamics(game, tau, np.linspace(0, 20, 50), policy=end + step, tol=1e-11).policy, tau)
    assert phi[0] > phi[-1] + 1e-5 and (np.diff(phi) < 1e-12).mean() > 0.8
    still = fm.MarkovGame.identical_interest(game.rewards[0], np.full((2, 2, 2, 2), 0.5), 0.8)
    end = logit_dynamics(still, tau, [300.0], tol=1e-12).policy[-1]
    for sign in (1, -1):
        side = end + sign * step / 10
        phi = potential(still, logit_dynamics(still, tau, np.linspace(0, 20, 50), policy=side, tol=1e-11).policy, tau)
        assert (np.diff(phi) > -1e-11).all()


def test_the_lyapunov_function_need_not_go_to_0():
    """Two equilibria of one coordination game: started at the worse one, (14) stays below its maximum."""
    game, tau = fm.NormalFormGame.identical_interest([[1.0, 0.0], [0.0, 2.0]]), 0.1
    ends = [logit_dynamics(game, tau, [100.0], policy=[[p, 1 - p], [p, 1 - p]]) for p in (0.9, 0.1)]
    low, high = (potential(game, each.policy[-1], tau) for each in ends)
    assert all(each.speed < 1e-9 for each in ends) and high - low > 0.9


# ------------------------------------------------------------------------------------------------------- experiment
@pytest.mark.slow
@pytest.mark.whole
def test_the_statements_are_met_or_said_not_to_be_and_drawn():
    pytest.importorskip("matplotlib")
    outcome = catalogue["maheshwari-flow"].run()
    assert [check for check in outcome.checks if not check.ok] == []
    assert len({check.name for check in outcome.checks}) == len(outcome.checks)
    assert [figure.name for figure in outcome.figures] == ["estimates", "lyapunov"]
    for figure in outcome.figures:
        sheet = figure.draw()
        assert all(ax.get_xlabel() and ax.get_ylabel() and ax.lines for ax in sheet.axes)
        sheet.draw_without_rendering()


def test_estimates_that_learn_nothing_are_told(monkeypatch):
    """What is drawn and checked is computed from the runs."""
    monkeypatch.setattr(maheshwari2022_flow, "STAGES", 20)
    monkeypatch.setattr(maheshwari2022_flow, "ROWS", 5)
    found = maheshwari2022_flow.estimates(fm.games.routing(2), 1.0)
    assert found.share[0] == 1.0 and found.share[-1] > 0.1 and found.outside == 0
    assert found.error.shape == (maheshwari2022_flow.RUNS, found.stage.size)
    monkeypatch.setattr(theory, "q_estimate_range", lambda game, tau: np.zeros((2, 2)))
    assert maheshwari2022_flow.estimates(fm.games.routing(2), 1.0).outside > 0
