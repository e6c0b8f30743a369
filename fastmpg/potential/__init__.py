"""Is it a potential game, how near, and what the potential is: one question a file, found here by themselves."""

from typing import TYPE_CHECKING

from .._discover import listing, public_functions

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from .alpha import PotentialInterval as PotentialInterval
    from .alpha import alpha as alpha
    from .defect import PotentialDefect as PotentialDefect
    from .defect import defect as defect
    from .difference import PotentialDifference as PotentialDifference
    from .difference import difference as difference
    from .jacobian_asymmetry import JacobianAsymmetry as JacobianAsymmetry
    from .jacobian_asymmetry import jacobian_asymmetry as jacobian_asymmetry
    from .of import StagePotential as StagePotential
    from .of import of as of
    from .potential_range import potential_range as potential_range

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
__dir__ = listing(globals())
