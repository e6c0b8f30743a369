"""What follows branches of quantal responses: derivatives, eliminated blocks, pivoted factors; the same bits."""

import os
import subprocess
import sys

import naive_branch
import numpy as np
import pytest

import fastmpg as fm
from fastmpg.kernels import pivoted
from fastmpg.kernels.quantal import factored, payoffs, solved
from fastmpg.machine import UNCOMPILED, lapack
from fastmpg.solvers import quantal_response_tracing
from fastmpg.solvers._branch import Equations

# not the function of that name, which the room offers
TRACING = sys.modules[quantal_response_tracing.__module__]


def masked(seed):
    mask = np.ones((3, 7), bool)
    mask[0, 1] = mask[2, 4] = False
    game = fm.games.random_markov(3, (2, 3, 2), rng=seed)
    return fm.MarkovGame(game.rewards, game.transitions, 0.9, available=mask)


GAMES = {"one state": lambda: fm.games.random_normal_form((3, 4), rng=0), "masked": lambda: masked(0),
         "one player": lambda: fm.games.random_markov(4, (3,), rng=0), "no future": lambda: fm.games.random_markov(
             3, (2, 2), 0.0, rng=1), "four players": lambda: fm.games.random_markov(2, (2, 3, 2, 2), rng=1)}


def near(system, lam, seed=0):
    y = system.start()
    y += 0.1 * np.random.default_rng(seed).standard_normal(y.size)
    y[:system.can.size] *= system.can.ravel()
    y[-1] = lam
    return y


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("lam", [0.5, 30.0])
def test_equations_and_derivatives_are_those_of_plain_numpy(name, lam):
    game = GAMES[name]()
    system, plain = Equations(game), naive_branch.Equations(game)
    y = near(system, lam)
    likely = system.likely(y)
    for ours, theirs in zip(system.at(y, likely), plain.at(y, likely), strict=True):
        assert np.abs(ours - theirs).max() <= 1e-13 * (1.0 + np.abs(theirs).max())


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("lam", [0.5, 30.0])
@pytest.mark.parametrize("once", [False, True])
def test_blocks_are_eliminated_as_the_whole_is_solved(name, lam, once):
    system = Equations(GAMES[name]())
    y, rng = near(system, lam), np.random.default_rng(1)
    matrix = np.vstack([system.at(y, system.likely(y))[1], rng.standard_normal(y.size)])
    if once:
        assert system.at_once() == (system.states > 1) and not system.at_once()
    system.logit.base[:] = system.likely(y)
    right, out = rng.standard_normal(y.size), np.zeros(y.size)
    sign = factored(system.logit, y, matrix[-1])
    assert sign == np.linalg.slogdet(matrix)[0]
    solved(system.logit, right, out)
    exact = np.linalg.solve(matrix, right)
    assert np.abs(out - exact).max() <= 1e-15 * np.linalg.cond(matrix) * (1.0 + np.abs(exact).max())


def test_missing_actions_have_no_probability():
    system = Equations(masked(1))
    y = near(system, 2.0)
    payoffs(system.logit, y)
    assert (system.logit.policy[~system.can] == 0.0).all() and (system.logit.policy[system.can] > 0.0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 40, 320, 321])
def test_pivoted_factors(n):
    """LAPACK takes the last one."""
    assert UNCOMPILED or pivoted.OWN == 320
    if UNCOMPILED and n > 40:
        pytest.skip("own elimination, for seconds, where nothing is compiled")
    rng = np.random.default_rng(n)
    matrix = rng.standard_normal((n, n))
    matrix[0, 0] = 0.0 if n > 1 else -2.0  # a row must be swapped
    lu, pivot, scalars = matrix.copy(), np.zeros(n, np.int32), np.zeros(4, np.int32)
    routines = np.array([lapack("dgetrf"), lapack("dgetrs")])
    assert pivoted.factor(lu, pivot, routines, scalars) == np.linalg.slogdet(matrix)[0]
    right = rng.standard_normal(n)
    x = right.copy()
    pivoted.solve(lu, pivot, routines, scalars, x)
    bound = 1e-15 * max(n, 10) * np.linalg.cond(matrix)
    assert np.abs(x - np.linalg.solve(matrix, right)).max() <= bound * (1.0 + np.abs(x).max())
    if n <= pivoted.OWN:
        x = right.copy()
        pivoted.substitute_transposed(lu, pivot, x)
        assert np.abs(x - np.linalg.solve(matrix.T, right)).max() <= bound * (1.0 + np.abs(x).max())


def test_what_is_singular_is_told():
    singular = np.ones((3, 3))
    assert pivoted.eliminate(singular, np.zeros(3, np.int32)) == 0.0


def test_a_branch_is_the_same_where_blocks_are_not_eliminated(monkeypatch):
    game = fm.games.random_markov(4, (2, 2), 0.8, rng=16)
    blocks = quantal_response_tracing(game)

    def at_once(game):
        system = Equations(game)
        system.at_once()
        return system

    monkeypatch.setattr(TRACING, "Equations", at_once)
    whole = quantal_response_tracing(game)
    assert whole.status == blocks.status == "equilibrium" and whole.turning_points == blocks.turning_points
    assert np.abs(whole.policy - blocks.policy).max() <= 1e-6


@pytest.mark.compiled
@pytest.mark.parametrize("name", GAMES)
def test_chunks_do_not_show(name, monkeypatch):
    game = GAMES[name]()
    whole = quantal_response_tracing(game)
    monkeypatch.setattr(TRACING, "CHUNK", 1)
    parts = quantal_response_tracing(game)
    assert (parts.policies == whole.policies).all() and (parts.lam == whole.lam).all()


@pytest.mark.slow
def test_kernels_from_the_cache_give_the_bits_of_those_just_compiled(tmp_path):
    code = ("import fastmpg as fm, hashlib\n"
            "f = fm.solvers.quantal_response_tracing\n"
            "games = [fm.games.random_normal_form((3, 4), rng=0), fm.games.random_markov(6, (3, 3, 3), .95, rng=0)]\n"
            "print([hashlib.sha256(x.tobytes()).hexdigest() for g in games for r in [f(g)]\n"
            "       for x in (r.lam, r.policies, r.gap, r.residual)])")
    environment = os.environ | {"FASTMPG_CACHE_DIR": str(tmp_path)}
    told = [subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True,
                           text=True).stdout for _ in range(2)]
    assert told[0] == told[1] and len(told[0]) > 100
