r"""Provable steps and bounds, to lay a run against its theorem: Zhang et al. (2022) [Z], Theorems 4-7, and Sun et al.
(2024) [S], Theorem 3.3, with the constants of their proofs. Games are Markov potential games (not checked); those of
[S] are static, potential or not. Every provable step comes with all smaller ones. n players, A = max_i A_i, gamma the
discount:

    M    >= max_s 1/d(s) over a run (for log-barriers, over all policies), d the visitation [Z eq. 5]; by default the
            supremum over all policies (:func:`mismatch_supremum`) where the game is small and that is finite, otherwise
            max_s 1/((1-gamma) rho(s)), rho the initial law
    c    =  the run's least :func:`fastmpg.metrics.c` [Z eq. 7, 11]; no default: it can be exponentially small
    D    >= max phi - min phi of the stage potential [Z Definition 2]; by default, for identical interest only,
            max r - min r; without a natural_gradient_step, (1-gamma)(max Phi - min Phi) of the total potential serves
            as well
    gap  =  the largest NE-gap over the players; sums over k < T are over the policies *before* each of T updates

**Units.** The papers take rewards in [0, 1]. A constant added to a player's reward changes no update and no gap, so
widths alone matter: W is 1 if every payoff lies in [0, 1] (each formula is then the printed one), otherwise the largest
max r_i - min r_i (1 if that is 0). Shifted and divided by W, the rewards are in [0, 1], and (eta, lam, tau, epsilon, D,
gap) become (W eta, lam/W, tau/W, epsilon/W, D/W, gap/W) along the same run. Solved back, all is in the game's own
units: eta in 1/payoff; lam, tau, epsilon, D and gaps in payoffs.

Where the printed papers need care, the file of each theorem says so. Occupancy games, Etesami & Straehle (2020), have
their own symbols: see :mod:`.occupancy`. What a gradient says of a policy, [Z] Lemmas 1 and 2: :mod:`.stationary`.
"""

from .._discover import listing
from ..models.logit_market import LogitMarket, logit_market
from .entropy import EntropyProof, entropy_natural_bound, entropy_natural_proof, entropy_natural_step
from .exploring import (
    DampingLimit,
    damping_limit,
    mge_f_factors,
    mge_f_reward_limit,
    mge_i_factor,
    mge_i_reward_limit,
)
from .log_barrier import (
    log_barrier_gradient_iterations,
    log_barrier_gradient_step,
    log_barrier_natural_bound,
    log_barrier_natural_iterations,
    log_barrier_natural_step,
    log_barrier_weight,
)
from .mismatch import MismatchSupremum, mismatch_supremum
from .near_potential import NearPotential, congestion_alpha, near_potential, perturbed_team_alpha
from .occupancy import occupancy_factor
from .perturbed import performance_difference, perturbed_potential, q_estimate_range, temperature_limit
from .q_ascent import IterationsRow, iterations_table, q_ascent_bound, q_ascent_step
from .softmax import (
    gradient_play_bound,
    gradient_play_step,
    natural_gradient_bound,
    natural_gradient_step,
)
from .stationary import Stationarity, gradient_domination, gradient_domination_by_ratio, stationarity
from .two_timescale import Ergodicity, StepSizeConditions, ergodicity, step_size_conditions

__all__ = [
    "DampingLimit",
    "EntropyProof",
    "Ergodicity",
    "IterationsRow",
    "LogitMarket",
    "MismatchSupremum",
    "NearPotential",
    "Stationarity",
    "StepSizeConditions",
    "congestion_alpha",
    "damping_limit",
    "entropy_natural_bound",
    "entropy_natural_proof",
    "entropy_natural_step",
    "ergodicity",
    "gradient_domination",
    "gradient_domination_by_ratio",
    "gradient_play_bound",
    "gradient_play_step",
    "iterations_table",
    "log_barrier_gradient_iterations",
    "log_barrier_gradient_step",
    "log_barrier_natural_bound",
    "log_barrier_natural_iterations",
    "log_barrier_natural_step",
    "log_barrier_weight",
    "logit_market",
    "mge_f_factors",
    "mge_f_reward_limit",
    "mge_i_factor",
    "mge_i_reward_limit",
    "mismatch_supremum",
    "natural_gradient_bound",
    "natural_gradient_step",
    "near_potential",
    "occupancy_factor",
    "performance_difference",
    "perturbed_potential",
    "perturbed_team_alpha",
    "q_ascent_bound",
    "q_ascent_step",
    "q_estimate_range",
    "stationarity",
    "step_size_conditions",
    "temperature_limit",
]
__dir__ = listing(globals())
