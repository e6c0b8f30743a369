"""Pictures of results. matplotlib is imported when something is drawn, and its global settings stay as they are."""

from ._figure import COLOURS, STYLE, figure, save, shades, style
from .crowds import junction, occupancy
from .horizons import arrows, horizon
from .potentials import branch, potential
from .results import policy, reduced, runs, trace

__all__ = [
    "COLOURS", "STYLE", "arrows", "branch", "figure", "horizon", "junction", "occupancy", "policy", "potential",
    "reduced", "runs", "save", "shades", "style", "trace",
]
