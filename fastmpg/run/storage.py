"""Files that survive, as runs use them: see :mod:`.._check.storage`."""

from .._check.storage import (
    META,
    SEAL,
    Damaged,
    Lock,
    as_damaged,
    beside,
    clear_left,
    kind_of,
    left_by,
    pack,
    refound,
    seal_of,
    unpack,
    write_atomically,
)

__all__ = ["META", "SEAL", "Damaged", "Lock", "as_damaged", "beside", "clear_left", "kind_of", "left_by", "pack",
           "refound", "seal_of", "unpack", "write_atomically"]
