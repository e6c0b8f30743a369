"""How far a policy is from equilibrium, and the quantities that the papers plot beside it.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
    c(pi)     = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s)         M(pi) = max_s 1 / d(s)
    grad_norm = 2-norm over all players and states of dV_i(rho)/dtheta_i = d(s) pi_i(a | s) Abar_i(s, a) / (1 - gamma)
    distance_i = sum_s |V_i(s; pi_i^k, pi_-i^K) - max_{pi_i'} V_i(s; pi_i', pi_-i^K)|, K the last snapshot

Every gap is a vector over players; the papers' scalars are named reductions of it (Zhang et al. and Ding et al. take the
maximum, one line of follow-up work the sum).
"""

from .concentration import c, mismatch
from .distance import distance_to_nash
from .gaps import nash_regret, ne_gap, ne_gap_bound, qre_gap
from .gradient import grad_norm, gradient
from .smoothed import smoothed_q

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
