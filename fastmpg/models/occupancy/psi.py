"""Interactions that are users' functions."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...machine import attach, user_kernel


def pooled(psi: Any) -> Any:
    """The class of an interaction that is a compiled function of sum_{j != i} mu_j O_j^t(x)."""

    @user_kernel
    def interaction(self, felt, share, i, t, x, own):
        """psi(i, x, sum_{j != i} mu_j O_j^t(x))."""
        return float(psi(i, x, felt.crowd[t, x] - felt.weight[i] * own))

    @attach(interaction=interaction)
    class PooledPsi(NamedTuple):
        players: int

    PooledPsi.__module__ = "user"  # never cached: nobody can stamp a user's functions
    return PooledPsi


def functional(psi: Any) -> Any:
    """The class of an interaction that is a compiled function of all O_j^t(x)."""

    @user_kernel
    def interaction(self, felt, share, i, t, x, own):
        """psi(i, x, O^t(x) with 0 for player i)."""
        others = felt.others[share]
        for j in range(others.size):
            others[j] = felt.everyone[t, x, j]
        others[i] = 0.0
        return float(psi(i, x, others))

    @attach(interaction=interaction)
    class FunctionalPsi(NamedTuple):
        players: int

    FunctionalPsi.__module__ = "user"
    return FunctionalPsi
