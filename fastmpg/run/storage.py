"""Files that survive, as runs use them: see :mod:`.._check.storage`."""

from .._check.storage import META, SEAL, kind_of, pack, unpack, write_atomically

__all__ = ["META", "SEAL", "kind_of", "pack", "unpack", "write_atomically"]
