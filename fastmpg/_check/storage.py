"""Files that survive: npz archives of plain arrays with a JSON description inside, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import budget

META = "meta.json"
SEAL = 64  # hexadecimal digits of a SHA-256


def write_atomically(path: str | os.PathLike[str], data: bytes, *, keep: Path | None = None) -> Path:
    """Write a file so that, whatever happens, its name holds either the old content or the new, never a part.

    ``keep``: where the old content stays. It gets this second name before the new content takes the first, so that the
    newest whole file never goes without its own name; a file system without hard links renames it, and has none for a
    moment.
    """
    target = Path(path)
    temporary, second = (target.with_name(f".{target.name}.{os.getpid()}.{end}") for end in ("tmp", "old"))
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and target.exists():
            _rename_a_copy(target, second, keep)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # not every system lets a folder be opened
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return target


def _rename_a_copy(target: Path, second: Path, keep: Path) -> None:
    """Let ``keep`` name what ``target`` names; without hard links, instead of ``target``."""
    try:
        second.unlink(missing_ok=True)
        os.link(target, second)
    except OSError:
        os.replace(target, keep)
        return
    try:
        os.replace(second, keep)
    finally:
        # it stays where both named one file already, after a death just before the new one came
        second.unlink(missing_ok=True)


def pack(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], *, compress: bool = True) -> bytes:
    """An npz archive of the arrays, with ``meta`` as JSON in it; never a pickle.

    Its zip comment is the SHA-256 of everything before the comment, directory included: numpy reads the file as any
    npz, and :func:`unpack` refuses it after a single flipped bit.
    """
    for name, value in arrays.items():
        if value.dtype == object:
            raise TypeError(f"{name} holds Python objects, which are not stored")
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), np.uint8)
    (np.savez_compressed if compress else np.savez)(buffer, **{META: text}, **dict(arrays))  # type: ignore[arg-type]
    body = buffer.getvalue()[:-2]  # the last two bytes are the length of the comment, 0 so far
    return body + SEAL.to_bytes(2, "little") + hashlib.sha256(body).hexdigest().encode()


def kind_of(path: Path) -> str | None:
    """What kind of archive a file says it is, from its description alone; None if it is none of ours."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{META}.npy") as file:
            found = json.loads(bytes(np.lib.format.read_array(file)))
        return str(found["kind"])
    except Exception:  # whatever a file that is not ours may hold
        return None


def _check_headers(archive: zipfile.ZipFile, label: str) -> None:
    """Refuse arrays that say they are larger than what is there: numpy would make room for them first."""
    for entry in archive.infolist():
        with archive.open(entry) as file:
            try:
                major = np.lib.format.read_magic(file)[0]
                read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
                shape, _, kind = read(file)
                needed = math.prod(shape) * kind.itemsize
                fits = not kind.hasobject and needed == entry.file_size - file.tell()
            except (ValueError, EOFError):
                fits = False
        if not fits:
            raise ValueError(f"{label} is no archive of plain arrays: {entry.filename!r} is none")


def unpack(source: str | os.PathLike[str] | bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the description of an archive that :func:`pack` made.

    Raises
    ------
    ValueError
        If the file is damaged or is no such archive.
    MemoryError
        If its content would not fit, which is read from its directory before anything is expanded.
    """
    label = "this archive" if isinstance(source, bytes) else os.fspath(source)
    if isinstance(source, bytes):
        data = source
    else:
        budget(os.path.getsize(source), f"loading {label}", "load it on a larger machine")
        data = Path(source).read_bytes()
    body = data[:-SEAL - 2]
    if data[-SEAL - 2:] != SEAL.to_bytes(2, "little") + hashlib.sha256(body).hexdigest().encode():
        raise ValueError(f"{label} is damaged or was not written by fastmpg: its checksum does not match its content")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        budget(sum(entry.file_size for entry in archive.infolist()), f"loading {label}",
                      "load it on a larger machine")
        _check_headers(archive, label)
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if META not in arrays:
        raise ValueError(f"{label} was not written by fastmpg: it holds no {META}")
    return arrays, json.loads(bytes(arrays.pop(META)))
