"""Named games, one file a family: found here by themselves, so that adding one touches no list."""

from .._discover import public_functions

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
