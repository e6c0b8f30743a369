"""Team games that are a little selfish: the near-potential games of Guo et al. (2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _check
from .._check.words import guided
from ..models.markov.game import MarkovGame
from .random import random_markov

__all__ = ["perturbed_team"]


@guided
def perturbed_team(num_states: int = 3, num_actions: Sequence[int] = (2, 2), kappa: float = 0.1, discount: float = 0.9,
                   rng: Any = 0) -> MarkovGame:
    """r_i(s, a) = r(s, a) + kappa xi_i(s, a), r uniform on [0, 1] and xi_i on [-1, 1], transitions flat Dirichlet.

    Parameters
    ----------
    num_states : int
    num_actions : sequence of int
    kappa : float
        >= 0.
    discount : float
    rng : None, int, sequence of int, SeedSequence or Generator
        Of r, xi and transitions: the same numbers for every kappa.

    Returns
    -------
    MarkovGame
        Its alpha is at most 2 kappa / (1 - gamma), by the value of r as a potential function: see
        :func:`fastmpg.theory.perturbed_team_alpha`.

    Examples
    --------
    >>> import fastmpg as fm
    >>> game = fm.games.perturbed_team(kappa=0.01)
    >>> bool(fm.potential.alpha(game).upper <= fm.theory.perturbed_team_alpha(0.01, 0.9))
    True

    Notes
    -----
    Guo, Li, Maheshwari, Sastry & Wu (2023), arXiv 2305.12553, name the class; the numbers are ours.
    """
    draw, size = _check.generator(rng), _check.real(kappa, "kappa", 0.0)
    one = random_markov(num_states, num_actions, discount, rng=draw, identical_interest=True)
    rewards: Any = one.rewards
    noise = draw.uniform(-1.0, 1.0, (one.num_players, *rewards.shape[1:]))
    return MarkovGame(rewards + size * noise, one.transitions, one.discount, name="perturbed_team")
