"""Pictures of results and games.

matplotlib is imported when something is drawn, and its global settings stay as they are.

Every function takes ``ax``, draws there and returns it; those of several panels take one for each, and without make a
figure, which they return.
"""

from .._discover import listing
from ._figure import COLOURS, STYLE, figure, save, shades, style
from .crowds import junction, occupancy
from .graphs import graph
from .grids import grid
from .horizons import arrows, horizon
from .landscapes import landscape
from .phases import phase
from .potentials import branch, potential
from .results import policy, reduced, runs, trace
from .simplices import simplex
from .sweeps import facets, heat
from .visits import visits

__all__ = [
    "COLOURS", "STYLE", "arrows", "branch", "facets", "figure", "graph", "grid", "heat", "horizon", "junction",
    "landscape", "occupancy", "phase", "policy", "potential", "reduced", "runs", "save", "shades", "simplex", "style",
    "trace", "visits",
]
__dir__ = listing(globals())
