"""The identical-interest matrix games of Zhang et al. (2022) and the one of Sun et al. (2023)."""

from __future__ import annotations

import numpy as np

from ..models.normal_form import NormalFormGame

__all__ = ["sun2023_potential", "zhang_3player", "zhang_3x2", "zhang_8player"]

ZHANG = np.array([[-1.0, 0.14], [0.16, 0.15], [0.2, -1.0]])


def zhang_3x2() -> NormalFormGame:
    """Three actions against two, where unregularised play lingers near a pure policy that is no equilibrium.

    Zhang et al. (2022), Figure 1.
    """
    return NormalFormGame.identical_interest(ZHANG, name="zhang_3x2")


def zhang_3player() -> NormalFormGame:
    """The same with a third player who chooses between it and a variant of it (Zhang et al. 2022, appendix 8)."""
    variant = ZHANG.copy()
    variant[2, 0] = 0.24
    return NormalFormGame.identical_interest(np.stack([ZHANG, variant - 0.01], axis=-1), name="zhang_3player")


def zhang_8player() -> NormalFormGame:
    """Eight players of three actions each with one common random payoff (Zhang et al. 2022, appendix 8)."""
    draws = np.random.RandomState(19765).random_sample(3**8)  # the authors' own stream
    return NormalFormGame.identical_interest(draws.reshape((3,) * 8, order="F"), name="zhang_8player")


def sun2023_potential() -> NormalFormGame:
    """One common random payoff of three players with 3, 4 and 5 actions (the potential game of Sun et al. 2023)."""
    return NormalFormGame.identical_interest(np.random.RandomState(10).uniform(0, 1, (3, 4, 5)),
                                             name="sun2023_potential")
