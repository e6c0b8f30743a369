"""Named games, one file a family: found here by themselves, so that adding one touches no list."""

from typing import TYPE_CHECKING

from .._discover import listing, public_functions

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from .distancing import safe_distancing as safe_distancing
    from .driving import driving as driving
    from .grid_1 import grid_1 as grid_1
    from .grid_2 import grid_2 as grid_2
    from .imitation_line import imitation_line as imitation_line
    from .markov_congestion import markov_congestion as markov_congestion
    from .matrix import sun2023_potential as sun2023_potential
    from .matrix import zhang_3player as zhang_3player
    from .matrix import zhang_3x2 as zhang_3x2
    from .matrix import zhang_8player as zhang_8player
    from .network import ring_polymatrix as ring_polymatrix
    from .perturbed_team import perturbed_team as perturbed_team
    from .pricing import pricing as pricing
    from .pursuit_2 import pursuit_2 as pursuit_2
    from .pursuit_3 import pursuit_3 as pursuit_3
    from .queueing import queueing as queueing
    from .rabbit_hole import rabbit_hole as rabbit_hole
    from .random import random_markov as random_markov
    from .random import random_normal_form as random_normal_form
    from .routing import routing as routing
    from .sioux_falls import sioux_falls as sioux_falls

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
__dir__ = listing(globals())
