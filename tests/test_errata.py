"""The list of errata in fastmpg/experiments/README.md is whole and its tests exist; errata that no other test shows."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastmpg as fm
from fastmpg import theory
from fastmpg.games.imitation_line import line_features

ROOT = Path(fm.__file__).parent
PAGE = (ROOT / "experiments" / "README.md").read_text()
ROWS = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in PAGE.splitlines()
        if re.match(r"\| \[[A-Z]\]", line)]


def test_every_row_names_a_docstring_and_a_test_that_are_there():
    assert len(ROWS) >= 11
    for where, says, holds, told, shown in ROWS:
        assert says and holds and where[1] in "DEMSZ"
        assert all((ROOT / each).exists() for each in re.findall(r"`([^`]+)`", told)), where
        file, test = shown.strip("`").split("::")
        assert f"def {test}(" in (Path(__file__).parent / file).read_text(), where


def test_every_file_that_tells_of_an_erratum_is_listed():
    telling = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")
               if re.search(r"needs care\.\*\*|Erratum|erratum\.?\*\*|prints? an error", path.read_text())}
    assert {"theory/entropy.py", "theory/log_barrier.py", "theory/softmax.py", "theory/exploring.py"} <= telling
    assert {path for path in telling if path not in PAGE} == set()


@pytest.mark.compiled
def test_the_printed_sign_of_algorithm_4_walks_away():
    """From 0, in steps of .3: along +(Fhat - Fbar) counts come nearer to the expert's, along the minus they leave."""
    game, features = fm.games.imitation_line(), line_features()
    expert = fm.solvers.mge_f(game, 4, value="softmax").policy
    for sign in (1, -1):
        theta, gaps = [np.zeros(2), np.zeros(2)], []
        for _ in range(20):
            at = fm.solvers.mce_irl(game, features, policy=expert, theta=theta, maxiter=0)
            ahead = [shown - own for shown, own in zip(at.expert_counts, at.counts, strict=True)]
            gaps.append(np.linalg.norm(np.concatenate(ahead)))
            theta = [own + sign * 0.3 * each for own, each in zip(theta, ahead, strict=True)]
        assert gaps[-1] < 0.2 * gaps[0] if sign > 0 else gaps[-1] > 1.5 * gaps[0]


def test_the_step_of_suns_experiments_is_negative():
    """1/(2 (tau - 2) sum A_i) at the temperatures of its own experiments; ours is 1/tau where a rate is proved."""
    for tau in (0.005, 0.1, 1.0):
        assert 1 / (2 * (tau - 2) * 12) < 0
    game = fm.NormalFormGame(np.zeros((2, 2, 2)))
    assert theory.entropy_natural_step(game, tau=12.0) == pytest.approx(1 / 12)


def test_equation_10_of_zhang_lacks_eta():
    """The step (9) of theta and its softmax: exp(eta Abar/(1-gamma)), at two eta; without eta both would be one."""
    game = fm.games.random_markov(3, (2, 3), discount=0.6, rng=0)
    start = fm.random_policy(game, rng=1)
    found = fm.evaluate(game, start)
    for eta in (0.1, 0.7):
        step = fm.learn(game, fm.rules.NaturalGradientPlay(eta), 1, policy=start).policy
        for own, before, adv in zip(*(fm.split(game, each) for each in (step, start, found.adv_bar)), strict=True):
            with_eta = before * np.exp(eta * adv / 0.4)
            assert_allclose(own, with_eta / with_eta.sum(axis=1, keepdims=True), rtol=1e-12)
            without = before * np.exp(adv / 0.4)
            assert abs(own - without / without.sum(axis=1, keepdims=True)).max() > 1e-3


def test_theorem_5_needs_less_than_lemma_21_asks():
    """A narrow potential: the theorem's own step is above (1-gamma)^2, the exponents that the proof bounds are not."""
    gamma, width = 0.5, 0.1
    rewards = width * np.random.default_rng(0).random((3, 2, 3))
    game = fm.MarkovGame.identical_interest(rewards, fm.games.random_markov(3, (2, 3), rng=0).transitions, gamma)
    eta = theory.natural_gradient_step(game)
    assert eta > (1 - gamma) ** 2
    result = fm.learn(game, fm.rules.NaturalGradientPlay(eta), 50)
    for policy in (result.policy, fm.uniform_policy(game)):
        assert (eta * np.abs(fm.evaluate(game, policy).adv_bar) / (1 - gamma)).max() <= 1 / (2 * 2) + 1e-12
