"""Learning rules, one file each: found here by themselves, so that adding one touches no list.

A rule is a NamedTuple of its parameters whose class names the feedback it may see, the state it keeps, and a static
kernel ``update(rule, state, feedback, k)`` that changes the state in place. All that its class may have is on one page,
:class:`fastmpg.rules.rule.Contract`.
"""

from typing import TYPE_CHECKING

from .._discover import listing, public_classes
from .._same import comparable as _comparable

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from .best_response import BestResponse as BestResponse
    from .better_response import BetterResponse as BetterResponse
    from .binary_log_linear_learning import BinaryLogLinearLearning as BinaryLogLinearLearning
    from .correlated_q_learning import CorrelatedQLearning as CorrelatedQLearning
    from .decentralised_q_learning import DecentralisedQLearning as DecentralisedQLearning
    from .entropy_natural_gradient_play import EntropyNaturalGradientPlay as EntropyNaturalGradientPlay
    from .exp3p import Exp3P as Exp3P
    from .frank_wolfe import FrankWolfe as FrankWolfe
    from .gradient_play import GradientPlay as GradientPlay
    from .independent_q_learning import IndependentQLearning as IndependentQLearning
    from .linear_q_ascent import LinearQAscent as LinearQAscent
    from .log_linear_learning import LogLinearLearning as LogLinearLearning
    from .monte_carlo_gradient_ascent import MonteCarloGradientAscent as MonteCarloGradientAscent
    from .natural_gradient_play import NaturalGradientPlay as NaturalGradientPlay
    from .nscp_learner import NSCPLearner as NSCPLearner
    from .optimistic_multiplicative_weights import OptimisticMultiplicativeWeights as OptimisticMultiplicativeWeights
    from .optimistic_q_ascent import OptimisticQAscent as OptimisticQAscent
    from .projected_gradient_ascent import ProjectedGradientAscent as ProjectedGradientAscent
    from .q_ascent import QAscent as QAscent
    from .sampled_natural_gradient import SampledNaturalGradient as SampledNaturalGradient
    from .sequential_maximum_improvement import SequentialMaximumImprovement as SequentialMaximumImprovement
    from .smoothed_fictitious_play import SmoothedFictitiousPlay as SmoothedFictitiousPlay
    from .two_timescale_q import TwoTimescaleQ as TwoTimescaleQ
    from .v_learning import VLearning as VLearning

_found = public_classes(__name__, __path__, "update")
for _each in _found.values():
    _comparable(_each)
globals().update(_found)
__all__ = sorted(_found)
__dir__ = listing(globals())
