"""How far a policy is from equilibrium, and the quantities that the papers plot beside it."""

from .gaps import c, distance_to_nash, grad_norm, gradient, mismatch, nash_regret, ne_gap, ne_gap_bound, qre_gap, smoothed_q

__all__ = [
    "c",
    "distance_to_nash",
    "grad_norm",
    "gradient",
    "mismatch",
    "nash_regret",
    "ne_gap",
    "ne_gap_bound",
    "qre_gap",
    "smoothed_q",
]
