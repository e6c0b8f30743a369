"""Branches of logit quantal response: their equations at every point, gambit's figures, turning points, ends."""

import numpy as np
import pytest
from scipy.optimize import root

import fastmpg as fm
from fastmpg.solvers._branch import Equations

TRACE = fm.solvers.quantal_response_tracing
PAYOFFS = [[[5, 1, 3], [2, 6, 0], [4, 2, 4]], [[3, 4, 1], [5, 0, 2], [1, 3, 6]]]
GAMBIT = {
    0.25000000002939093: [0.3385834426844575, 0.29385996727517355, 0.3675565900403689, 0.33578655174676636,
                          0.3041663914680819, 0.3600470567851517],
    1.0000000000029994: [0.27235633566693185, 0.06832440563765363, 0.6593192586954146, 0.05795169500279737,
                         0.202144470776968, 0.7399038342202346],
    4.000000000000119: [0.017986208455728396, 1.1054454644752829e-07, 0.9820136809997253, 3.4105506075406105e-09,
                        9.460928597850326e-06, 0.9999905356608515]}
END = [0, 0, 1, 0, 0, 1]


def logits(game, policy, lam):
    """softmax(lam Q) by the package's own evaluation."""
    q = lam * fm.evaluate(game, policy).q_bar
    out = np.zeros_like(q)
    for low, high in zip(game.offset[:-1], game.offset[1:], strict=True):
        part = np.exp(q[..., low:high] - q[..., low:high].max(axis=-1, keepdims=True))
        out[..., low:high] = part / part.sum(axis=-1, keepdims=True)
    return out


@pytest.mark.parametrize("lam", [0.4, 3.0])
def test_derivatives_are_those_of_the_equations(lam):
    game = fm.games.random_markov(2, (2, 3, 2), rng=0)
    system = Equations(game)
    y = system.start() + 0.1 * np.random.default_rng(0).standard_normal(system.size + 1)
    y[-1] = lam
    likely, h = system.likely(y), 1e-6
    slopes = [(system.at(y + h * e, likely)[0] - system.at(y - h * e, likely)[0]) / (2 * h) for e in np.eye(y.size)]
    columns = slice(None) if lam < 1.0 else slice(-1)  # rows are divided by lam, and that is left out: 0 on the branch
    assert np.abs(np.stack(slopes, axis=1) - system.at(y, likely)[1])[:, columns].max() <= 1e-8


@pytest.mark.compiled
@pytest.mark.parametrize(("sizes", "discount", "shared"), [
    ((1, (3, 4)), 0.5, False), ((3, (2, 2)), 0.9, False), ((3, (2, 2)), 0.9, True), ((2, (2, 3, 2)), 0.8, False),
    ((4, (2,)), 0.95, False)])
def test_every_point_is_a_quantal_response_equilibrium_and_the_end_is_nash(sizes, discount, shared):
    for seed in range(5):
        game = fm.games.random_markov(*sizes, discount=discount, rng=seed, identical_interest=shared)
        found = TRACE(game)
        assert found.status == "equilibrium" and found.ne_gap.max() <= 1e-6
        assert np.abs(found.ne_gap - fm.ne_gap(game, found.policy, start="worst")).max() <= 1e-12
        assert found.lam[0] == 0.0 and np.allclose(found.policies[0], fm.uniform_policy(game), rtol=0, atol=1e-15)
        for lam, policy in zip(found.lam, found.policies, strict=True):
            # what is rounded in Q is multiplied by lam
            assert np.abs(policy - logits(game, policy, lam)).max() <= 1e-10 + 1e-13 * lam
        assert (found.residual <= 1e-10 + 1e-13 * found.lam).all()


@pytest.mark.compiled
def test_a_hundred_normal_forms_end_in_equilibria():
    sizes = [(2, 2), (3, 4), (2, 3, 2), (5, 2)]
    for seed in range(100):
        game = fm.games.random_normal_form(sizes[seed % 4], rng=seed)
        found = TRACE(game)
        assert found.status == "equilibrium" and found.ne_gap.max() <= 1e-6, seed
        assert np.abs(np.diff(found.policies, axis=0)).max() < 0.5  # no jumps


def q_of(p):
    """Expected payoffs of PAYOFFS at mixes (6,), not checked: a root finder leaves the simplex."""
    return np.concatenate([np.array(PAYOFFS[0]) @ p[3:], p[:3] @ np.array(PAYOFFS[1])])


def softmaxes(x):
    parts = [np.exp(part - part.max()) for part in (x[:3], x[3:])]
    return np.concatenate([part / part.sum() for part in parts])


def test_figures_of_gambit():
    """logit_solve_lambda and logit_solve_branch of pygambit 16.7, at a fixed lam by a root finder from our branch."""
    game = fm.NormalFormGame(PAYOFFS)
    found = TRACE(game)
    for lam, figures in GAMBIT.items():
        k = int(np.argmax(found.lam > lam))
        share = (lam - found.lam[k - 1]) / (found.lam[k] - found.lam[k - 1])
        near = (1 - share) * found.policies[k - 1] + share * found.policies[k]
        done = root(lambda p, lam=lam: p - softmaxes(lam * q_of(p)), near[0], tol=1e-14)
        assert np.abs(done.x - figures).max() <= 1e-8
    assert np.abs(found.policy[0] - END).max() <= 1e-5


@pytest.mark.parametrize(("num_actions", "end"), [((3, 4), [0, 1, 0, 1, 0, 0, 0]), ((2, 3, 2), [1, 0, 0, 0, 1, 1, 0])])
def test_turning_points_are_passed(num_actions, end):
    """lam falls and rises again; gambit's branch ends at the same equilibrium, with first steps from .03 to .001."""
    found = TRACE(fm.games.random_normal_form(num_actions, rng=2))
    assert found.turning_points == 2 and (np.diff(found.lam) < 0.0).any()
    assert found.status == "equilibrium" and np.abs(found.policy[0] - end).max() <= 1e-3


def test_symmetric_games_stay_symmetric_where_branches_cross():
    chicken = fm.NormalFormGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
    found = TRACE(chicken)
    assert found.crossings == 1 and found.status == "equilibrium"
    # rounding, over 1e-7 from the crossing
    assert np.abs(found.policies[:, :, :2] - found.policies[:, :, 2:]).max() <= 1e-8
    assert np.abs(found.policy[0] - [1 / 3, 2 / 3, 1 / 3, 2 / 3]).max() <= 1e-5


def test_scale_and_level_of_payoffs_change_only_lam():
    game = fm.games.random_markov(2, (2, 3), rng=4)
    other = fm.MarkovGame(1000.0 * game.rewards + 5.0, game.transitions, game.discount)
    one, two = TRACE(game, tol=1e-9), TRACE(other, tol=1e-9)
    assert np.abs(one.policy - two.policy).max() <= 1e-7
    assert two.lam[5] == pytest.approx(one.lam[5] / 1000.0, rel=1e-6)


def test_missing_actions_and_honest_ends():
    mask = np.ones((2, 5), bool)
    mask[0, 1] = mask[1, 4] = False
    whole = fm.games.random_markov(2, (2, 3), rng=1)
    game = fm.MarkovGame(whole.rewards, whole.transitions, 0.9, available=mask)
    found = TRACE(game)
    assert found.status == "equilibrium" and found.ne_gap.max() <= 1e-6 and (found.policies[:, ~mask] == 0.0).all()
    short = TRACE(whole, max_steps=3)
    assert short.status == "steps exhausted" and len(short.lam) == 4 and "steps exhausted" in repr(short)
    with pytest.raises(MemoryError, match="joint actions"):
        TRACE(fm.games.ring_polymatrix(60, 4))
