"""How far a policy is from equilibrium, and the quantities that the papers plot beside it.

    NE-gap_i  = max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi)
    QRE-gap_i = the same with stage payoff r_i + tau H(pi_i(. | s))
    c(pi)     = min_{i,s} sum_{a in argmax Qbar_i(s, .)} pi_i(a | s)         M(pi) = max_s 1 / d(s)
    grad_norm = 2-norm over all players and states of dV_i(rho)/dtheta_i = d(s) pi_i(a | s) Abar_i(s, a) / (1 - gamma)
    log_barrier_i = sum_s sum_a log pi_i(a | s), over states weighed by d(s) if "visited"
    distance_i = sum_s |V_i(s; pi_i^k, pi_-i^K) - max_{pi_i'} V_i(s; pi_i', pi_-i^K)|, K the last snapshot

Every gap is a vector over players; the papers' scalars are named reductions of it (Zhang et al. and Ding et al. take
the maximum, one line of follow-up work the sum).

One file a metric, found here by itself: adding one touches no list.
"""

from typing import TYPE_CHECKING

from .._discover import listing, public_functions

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from .average_reward import average_reward as average_reward
    from .best_gap import best_gap as best_gap
    from .c import c as c
    from .cce_gap import cce_gap as cce_gap
    from .ce_gap import ce_gap as ce_gap
    from .chain import chain as chain
    from .cycle import best_on_cycle as best_on_cycle
    from .cycle import cycle as cycle
    from .cycle import deviation as deviation
    from .distance import distance_to_nash as distance_to_nash
    from .fisher import fisher_matrix as fisher_matrix
    from .fisher import natural_gradient as natural_gradient
    from .gain_gap import gain_gap as gain_gap
    from .gain_response import gain_response as gain_response
    from .gap_over_runs import gap_over_runs as gap_over_runs
    from .grad_norm import grad_norm as grad_norm
    from .grad_norm import gradient as gradient
    from .log_barrier import log_barrier as log_barrier
    from .log_barrier import log_barrier_objective as log_barrier_objective
    from .mismatch import mismatch as mismatch
    from .nash_regret import nash_regret as nash_regret
    from .ne_gap import ne_gap as ne_gap
    from .ne_gap import ne_gap_bound as ne_gap_bound
    from .perturbed_gradient import perturbed_gradient as perturbed_gradient
    from .q_error import q_error as q_error
    from .qre_gap import qre_gap as qre_gap
    from .regularised_gradient import regularised_gradient as regularised_gradient
    from .smoothed import smoothed_q as smoothed_q
    from .welfare import best_welfare as best_welfare
    from .welfare import price_of_anarchy as price_of_anarchy
    from .welfare import welfare as welfare

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
__dir__ = listing(globals())
