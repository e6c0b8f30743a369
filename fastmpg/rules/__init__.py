"""Learning rules, one file each: found here by themselves, so that adding one touches no list.

A rule is a NamedTuple of its parameters whose class names the feedback it may see, the state it keeps, and a static
kernel ``update(rule, state, feedback, k)`` that changes the state in place.
"""

from .._discover import public_classes
from .._same import comparable

_found = public_classes(__name__, __path__, "update")
for _each in _found.values():
    comparable(_each)
globals().update(_found)
__all__ = sorted(_found)
