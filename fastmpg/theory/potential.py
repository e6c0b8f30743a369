r"""Whether a game has a potential, weights allowed: Maheshwari et al. (2022) [M], Definition 2.3 and footnote 4.

    Phi(s, pi_i', pi_-i) - Phi(s, pi) = w_i (V_i(s, pi_i', pi_-i) - V_i(s, pi)),    w_i > 0, for all s, i, pi, pi_i'

Such a Phi exists if and only if, around every square pi -> pi_i' -> (pi_i', pi_k') -> pi_k' -> pi of two players'
deviations, the deviators' weighted value changes add up to 0 from every state (Monderer & Shapley 1996, Theorem 2.8 and
its weighted form, with stationary policies as strategies). Nothing of Phi need be known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .._check import Float, real
from ..metrics.evaluation import evaluate
from ..metrics.origin import centred
from ..models.game import Game, check_game
from ..policy import random_policy
from .perturbed import weights_of

TINY = 1e-9  # singular values beside the largest that rounding could leave


class CycleDefect(NamedTuple):
    """What :func:`four_cycle_defect` finds.

    Attributes
    ----------
    defect : float
        The largest |sum of the deviators' weighted value changes around a square|, over squares and states.
    change : float
        The largest single weighted change among them.
    weights : ndarray (N,)
        What players' values were weighed by.
    """

    defect: float
    change: float
    weights: Float

    @property
    def relative(self) -> float:
        """defect / change: about 1e-14 is rounding; 0 where nothing changes."""
        return self.defect / self.change if self.change > 0.0 else 0.0


def _fitted(rows: Float) -> Float:
    """Weights (N,) of mean 1 that let rows (R, N) come nearest to 0, near ones where several do; 1 unless positive."""
    size = rows.shape[1]
    _, values, basis = np.linalg.svd(rows, full_matrices=True)
    values = np.concatenate([values, np.zeros(size - values.size)])
    null = basis[values <= max(TINY * values[0], values[-1])]
    found = null.T @ (null @ np.ones(size))
    return found * size / found.sum() if (found > 1e-6).all() else np.ones(size)


def four_cycle_defect(game: Game, *, weights: Any = None, tau: float = 0.0, samples: int = 100,
                      rng: Any = 0) -> CycleDefect:
    """By how much the game fails to be a (weighted) Markov potential game, on random squares of deviations.

    Parameters
    ----------
    game : Game
    weights : None, "fit" or array_like (N,)
        w_i > 0; 1 by default. "fit": the weights of mean 1 that come nearest to a potential, by least squares over the
        same squares, and 1 where they are not all positive.
    tau : float
        Temperature, >= 0, of the game with stage payoffs r_i + tau H(pi_i), which need have no potential though the
        game has one (see :mod:`.perturbed`).
    samples : int
        Squares, >= 1, every second one of pure policies.
    rng : None, int, sequence of int, SeedSequence or Generator
        Of players, policies and deviations.

    Returns
    -------
    CycleDefect
        0 up to rounding on all squares says nothing about others; a larger one is proof that there is no potential with
        these weights.

    Examples
    --------
    >>> import fastmpg as fm
    >>> defect = fm.theory.four_cycle_defect
    >>> [defect(fm.games.routing(3, transitions=each)).relative > 1e-3 for each in ("counts", "averaged")]
    [True, False]
    >>> payoff = fm.games.zhang_3x2().payoffs[0]
    >>> game = fm.NormalFormGame([payoff, 4 * payoff])  # weights in the ratio 4 : 1
    >>> defect(game).relative > 1e-3, defect(game, weights="fit").weights.round(4)
    (True, array([1.6, 0.4]))

    Notes
    -----
    Maheshwari et al. (2022), Definition 2.3 and footnote 4.
    """
    check_game(game)
    fit = isinstance(weights, str)
    if fit and weights != "fit":
        raise ValueError(f'weights must be None, "fit" or an array (N,), found {_check.shown(weights)}')
    scale = np.ones(game.num_players) if fit else weights_of(game, weights)
    tau, draw = real(tau, "tau", 0.0), _check.generator(rng)
    count = _check.integer(samples, "samples", low=1)
    n, columns = game.num_players, (game.num_states, sum(game.num_actions))
    _check.budget(32 * count * (columns[0] * (columns[1] + n)), f"squares for samples = {count}", "ask for fewer")
    if n == 1:
        return CycleDefect(0.0, 0.0, scale)
    corners, movers = np.zeros((count, 4, *columns)), np.zeros((count, 2), np.int64)
    for r in range(count):
        here, there = random_policy(game, draw), random_policy(game, draw)
        if r % 2:
            here, there = _pure(game, here), _pure(game, there)
        i, k = movers[r] = draw.choice(n, 2, replace=False)
        corners[r] = here
        for corner, who in ((1, (i,)), (2, (i, k)), (3, (k,))):
            for j in who:
                own = slice(game.offset[j], game.offset[j + 1])
                corners[r, corner, :, own] = there[:, own]
    value = evaluate(centred(game)[0], corners, tau=tau).value  # (samples, 4, N, S)
    steps = np.roll(value, -1, axis=1) - value
    each, turns = np.arange(count)[:, None], movers[:, [0, 1, 0, 1]]
    changes = steps[each, np.arange(4), turns]  # (samples, 4, S), of the deviator
    if fit:
        table = np.zeros((count, n, columns[0]))
        for side in range(4):
            table[np.arange(count), turns[:, side]] += changes[:, side]
        scale = _fitted(np.moveaxis(table, 1, 2).reshape(-1, n))
    changes = changes * scale[turns][..., None]
    return CycleDefect(float(np.abs(changes.sum(axis=1)).max()), float(np.abs(changes).max()), scale)


def _pure(game: Game, policy: Float) -> Float:
    """Every row's likeliest action alone."""
    out = np.zeros_like(policy)
    for low, high in zip(game.offset[:-1], game.offset[1:], strict=True):
        out[np.arange(len(out)), low + policy[:, low:high].argmax(axis=1)] = 1.0
    return out
