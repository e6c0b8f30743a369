"""Files that survive: npz archives of plain arrays with a JSON description inside, written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _check

META = "meta.json"


def write_atomically(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file so that, whatever happens, its name holds either the old content or the new, never a part."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # not every system lets a folder be opened
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return target


def pack(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> bytes:
    """An npz archive of the arrays, with ``meta`` as JSON in it; never a pickle."""
    for name, value in arrays.items():
        if value.dtype == object:
            raise TypeError(f"{name} holds Python objects, which are not stored")
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), np.uint8)
    np.savez_compressed(buffer, **{META: text}, **dict(arrays))  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(source: str | os.PathLike[str] | io.BytesIO) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the description of an archive that :func:`pack` made.

    Raises
    ------
    ValueError
        If the file is damaged or is no such archive.
    MemoryError
        If its content would not fit, which is read from its directory before anything is expanded.
    """
    label = "this archive" if isinstance(source, io.BytesIO) else os.fspath(source)
    try:
        with zipfile.ZipFile(source) as archive:
            _check.budget(sum(entry.file_size for entry in archive.infolist()), f"loading {label}", "load it on a larger machine")
        with np.load(source, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(bytes(arrays.pop(META)))
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{label} is damaged or was not written by fastmpg: {error}") from None
    return arrays, meta
