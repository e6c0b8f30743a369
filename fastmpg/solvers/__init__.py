"""Solvers that are no learning rules, one file each: found here by themselves."""

from .._discover import public_functions

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
