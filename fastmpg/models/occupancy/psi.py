"""Interactions that are users' functions."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...kernels.occupancy import gather_everyone
from ...machine import attach, user_kernel


def pooled(psi: Any) -> Any:
    """The class of an interaction that is a compiled function of sum_{j != i} mu_j O_j^t(x)."""

    @user_kernel
    def interaction(self, frame, share, i, t, x, own):
        """psi(i, x, sum_{j != i} mu_j O_j^t(x))."""
        return float(psi(i, x, frame.crowd[t, x] - frame.weight[i] * own))

    @attach(interaction=interaction)
    class PooledPsi(NamedTuple):
        players: int

    PooledPsi.__module__ = "user"  # never cached: nobody can stamp a user's functions
    return PooledPsi


def functional(psi: Any) -> Any:
    """The class of an interaction that is a compiled function of all O_j^t(x).

    everyone (T + 1, X, M): O_j^t(x)   others (shares, M): what the function is handed
    """

    @user_kernel
    def interaction(self, frame, share, i, t, x, own):
        """psi(i, x, O^t(x) with 0 for player i)."""
        others = self.others[share]
        for j in range(others.size):
            others[j] = self.everyone[t, x, j]
        others[i] = 0.0
        return float(psi(i, x, others))

    @attach(interaction=interaction, gather=gather_everyone)
    class FunctionalPsi(NamedTuple):
        everyone: Any
        others: Any

    FunctionalPsi.__module__ = "user"
    return FunctionalPsi
