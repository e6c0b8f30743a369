"""Games from elsewhere, and for elsewhere: one file a format, found here by themselves."""

from typing import TYPE_CHECKING

from .._discover import public_functions

if TYPE_CHECKING:  # written by fastmpg._discover.write_exports
    from .gymnasium import from_gymnasium as from_gymnasium
    from .gymnasium import to_gymnasium as to_gymnasium
    from .pettingzoo import from_pettingzoo as from_pettingzoo
    from .pettingzoo import to_pettingzoo as to_pettingzoo
    from .read import read as read
    from .read import write as write

_found = public_functions(__name__, __path__)
globals().update(_found)
__all__ = sorted(_found)
