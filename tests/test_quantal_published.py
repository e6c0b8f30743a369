"""Quantal responses of the field's other packages, by their published numbers, and beside a plain NumPy tracing."""

import gambit
import naive_branch
import numpy as np
import pytest
from scipy.optimize import root

import fastmpg as fm

TRACE = fm.solvers.quantal_response_tracing
# gambit's tutorial "Quantal response equilibria": the asymmetric matching pennies of Ochs (1995) as McKelvey & Palfrey
# (1995) transformed it; probabilities of the first strategies. 1.8456 is the estimate of McKelvey & Palfrey (1995) from
# Ochs's data as the tutorial replicates it
OCHS = [[[1.1141, 0.0], [0.0, 0.2785]], [[0.0, 1.1141], [1.1141, 0.0]]]
OCHS_LAM = {1.0: (0.5867840364385154, 0.4518070316997103), 2.0: (0.6175219458400859, 0.3719816648492249),
            3.0: (0.6168968501329284, 0.31401636202001226),
            1.8456097536855862: (0.615651314427859, 0.38329094004562914)}
OCHS_END = (0.5000000234106035, 0.19998563837426647)
# sgamesolver's examples/dynamic_rock_paper_scissors.py: the end of its QRE homotopy, as printed there
ROCK = [[[0.369, 0.298, 0.333, 0.369, 0.298, 0.333]], [[0.257, 0.409, 0.333, 0.480, 0.187, 0.333]],
        [[0.480, 0.187, 0.333, 0.257, 0.409, 0.333]]]
ROCK_VALUE = [0.0, 0.11, -0.11]
# sgamesolver 1.0.2 run on numpy 1.23.5: the stag hunt of its documentation, "Computing QRE for multiple lambdas", where
# the numbers are drawn, and states 0 and 1 of the game of its README at lam = 1 and 5 (random_game(64, 2, 4, seed=42))
STAG_LAM = {0.1: 0.470628066003, 0.5: 0.195846048425, 1.0: 0.020264474503, 2.0: 3.367073435633e-04}
README_LAM = {
    1.0: [[0.281248471953, 0.263395115326, 0.224583773969, 0.230772638915, 0.243962928493, 0.189430282796,
           0.299386241287, 0.267220547602], [0.219717514571, 0.223838049335, 0.274599845488, 0.281844590698,
                                             0.291040766417, 0.244988654135, 0.229986485966, 0.233984093558]],
    5.0: [[0.511736879181, 0.272784013243, 0.118718094178, 0.096761013399, 0.174572024639, 0.027406238862,
           0.532532941172, 0.265488795328], [0.106722330929, 0.109696349508, 0.299122991609, 0.484458327955,
                                             0.425457139352, 0.208441879676, 0.146231939126, 0.219869041847]]}
SIZES = [(2, 2), (3, 4), (2, 3, 2), (5, 2), (4, 4), (3, 3, 3)]


def at(game, found, lam):
    """The quantal response (S, A_total) at a fixed lam, by scipy's root finder from the branch, through evaluate."""
    k = int(np.argmax(found.lam > lam))
    share = (lam - found.lam[k - 1]) / (found.lam[k] - found.lam[k - 1])
    near = (1.0 - share) * found.policies[k - 1] + share * found.policies[k]

    def policy(logits):
        parts = [np.exp(part - part.max(axis=1, keepdims=True)) for part in fm.split(game, logits)]
        return fm.join([part / part.sum(axis=1, keepdims=True) for part in parts])

    def off(flat):
        logits = flat.reshape(near.shape)
        now = policy(logits)
        return (now - policy(lam * fm.evaluate(game, now).q_bar) + 0.0).ravel()

    first = near.ravel()
    done = root(lambda p: off(np.log(np.maximum(p, 1e-300))), first, tol=1e-13)
    return policy(np.log(done.x.reshape(near.shape)))


def test_asymmetric_matching_pennies_of_gambits_tutorial():
    game = fm.NormalFormGame(OCHS)
    found = TRACE(game, tol=1e-8)
    for lam, figures in OCHS_LAM.items():
        assert np.abs(at(game, found, lam)[0, ::2] - figures).max() <= 1e-8
    assert np.abs(found.policy[0, ::2] - OCHS_END).max() <= 2e-5 and found.status == "equilibrium"
    # the equilibrium itself: 1/2, and 0.2785 / (0.2785 + 1.1141)
    assert np.abs(found.policy[0, ::2] - [0.5, 0.2785 / 1.3926]).max() <= 2e-5


def test_dynamic_rock_paper_scissors_of_sgamesolver():
    plain = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    first = np.stack([plain] * 3)
    first[1, 2, 2], first[2, 2, 2] = 1, -1
    ahead = np.eye(3)[[[0, 0, 2], [0, 0, 2], [1, 1, 0]]]
    game = fm.MarkovGame(np.stack([first, -first]), np.stack([ahead] * 3), 0.95)
    found = TRACE(game)
    assert found.status == "equilibrium"
    assert np.abs(found.policy - np.array(ROCK)[:, 0]).max() <= 1e-3  # printed to three digits, 1/3 as .333
    value = fm.evaluate(game, found.policy).value
    assert np.abs(value[0] - ROCK_VALUE).max() <= 5e-3 and np.abs(value[0] + value[1]).max() <= 1e-9


def test_stag_hunt_of_sgamesolvers_documentation():
    game = fm.NormalFormGame([[[10, 1], [8, 5]], [[10, 8], [1, 5]]])
    found = TRACE(game)
    for lam, stag in STAG_LAM.items():
        # its corrector stops at 1e-7 in logarithms
        assert np.abs(at(game, found, lam)[0, ::2] - stag).max() <= 1e-7
    assert np.abs(found.policy[0] - [0, 1, 0, 1]).max() <= 1e-6


def readme_game():
    """sgamesolver.SGame.random_game(64, 2, 4, seed=42), drawn as it draws: payoffs state by state, then transitions."""
    rng = np.random.default_rng(42)
    rewards = np.stack([rng.random((2, 4, 4)) for _ in range(64)], axis=1)
    moves = np.stack([rng.exponential(size=(4, 4, 64)) for _ in range(64)])
    return fm.MarkovGame(rewards, moves / moves.sum(axis=-1, keepdims=True), 0.95)


@pytest.mark.compiled
def test_game_of_sgamesolvers_readme():
    game = readme_game()
    found = TRACE(game)
    assert found.status == "equilibrium" and found.ne_gap.max() <= 1e-7
    assert found.turning_points == 2  # lam falls from 14.6 to 12.9: as in its own report
    assert (found.residual <= 1e-10 + 1e-13 * found.lam).all()
    for lam, figures in README_LAM.items():
        k = int(np.argmax(found.lam > lam))
        x = found.lam[k - 2:k + 2]
        weights = [np.prod([(lam - x[j]) / (x[i] - x[j]) for j in range(4) if j != i]) for i in range(4)]
        logs = np.tensordot(weights, np.log(found.policies[k - 2:k + 2, :2]), 1)
        assert np.abs(np.exp(logs) - figures).max() <= 2e-4  # by a cubic between points of the branch


@pytest.mark.compiled
def test_branches_are_those_of_plain_numpy():
    """The same ends and turning points, for games with folds and without."""
    games = [fm.games.random_normal_form(SIZES[k % 6], rng=k) for k in (0, 1, 3, 4, 5, 2, 34, 95, 99, 109)]
    games += [fm.games.random_markov(2 + k % 3, SIZES[k % 3], (0.3, 0.8, 0.95)[k % 3], rng=k)
              for k in (0, 1, 2, 16, 17, 34, 263, 268, 272)]
    turning = []
    for game in games:
        found = TRACE(game)
        _, policies, turns = naive_branch.trace(game)
        turning.append(turns)
        assert found.turning_points == turns and found.status == "equilibrium"
        assert np.abs(found.policy - policies[-1]).max() <= 1e-3
    assert turning == [0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 0, 0, 0, 2, 4, 4, 4, 4, 6]


@pytest.mark.compiled
def test_games_with_ties_and_symmetries_end_in_equilibria():
    """Payoffs of few values: branches cross, equilibria are degenerate; every point is as near as documented."""
    crossings = 0
    for seed in range(40):
        table = np.random.default_rng(seed).integers(-2, 3, (3, 3)).astype(float)
        for game in (fm.NormalFormGame(np.stack([table, table.T])), fm.NormalFormGame(
                np.random.default_rng(seed).integers(0, 4, (2, 3, 3)).astype(float))):
            found = TRACE(game)
            span = np.ptp(game.payoffs, axis=(1, 2)).max()
            assert found.status == "equilibrium" and (found.residual <= 1e-10 + 1e-13 * span * found.lam).all(), seed
            crossings += found.crossings
    assert crossings >= 10


@pytest.mark.peers
def test_ends_are_gambits():
    import pygambit

    for k in range(20):
        game = fm.games.random_normal_form(SIZES[k % 6], rng=k)
        other = gambit.made(game.payoffs)
        theirs = gambit.shares(other, gambit.equilibria(pygambit.nash.logit_solve(other))[0])
        assert np.abs(TRACE(game, tol=1e-8).policy[0] - theirs).max() <= 1e-3, k
