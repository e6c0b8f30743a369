"""Solvers that are no learning rules, one file each: found here by themselves."""

from typing import TYPE_CHECKING

from .._discover import listing, public_functions

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from ._occupancy import OccupancyPlay as OccupancyPlay
    from ._occupancy import OccupancySolution as OccupancySolution
    from .logit_dynamics import logit_dynamics as logit_dynamics
    from .mce_irl import MceIrl as MceIrl
    from .mce_irl import mce_irl as mce_irl
    from .mge_f import MgeF as MgeF
    from .mge_f import mge_f as mge_f
    from .mge_fb import mge_fb as mge_fb
    from .mge_i import MgeI as MgeI
    from .mge_i import mge_i as mge_i
    from .pure_equilibria import PureEquilibria as PureEquilibria
    from .pure_equilibria import pure_equilibria as pure_equilibria
    from .quantal_response_tracing import QuantalBranch as QuantalBranch
    from .quantal_response_tracing import quantal_response_tracing as quantal_response_tracing
    from .replicator_dynamics import replicator_dynamics as replicator_dynamics
    from .round_robin import RoundRobin as RoundRobin
    from .round_robin import RoundRobins as RoundRobins
    from .round_robin import round_robin as round_robin
    from .shapley import ZeroSumSolution as ZeroSumSolution
    from .shapley import shapley as shapley

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
__dir__ = listing(globals())
