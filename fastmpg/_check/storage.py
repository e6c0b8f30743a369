"""Files that survive: npz archives of plain arrays with a JSON description inside, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import math
import os
import re
import time
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from . import budget

try:
    import fcntl
except ImportError:  # not on Windows: two runs may write one file there
    fcntl = None  # type: ignore[assignment]

META = "meta.json"
SEAL = 64  # hexadecimal digits of a SHA-256
WRITES = itertools.count()  # tells apart what the threads of a process write at once
# what reading an archive raises that was made by somebody else, with a seal that fits
FORGED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError, EOFError,
          NotImplementedError, ImportError, SyntaxError, RuntimeError, zipfile.BadZipFile, zlib.error, UnicodeError,
          tokenize.TokenError)


class Damaged(ValueError):
    """A file is damaged, or was not written by this library, or holds what this library never writes."""


def write_atomically(path: str | os.PathLike[str], data: bytes, *, keep: Path | None = None) -> Path:
    """Write a file so that, whatever happens, its name holds either the old content or the new, never a part.

    ``keep``: where the old content stays. It gets this second name before the new content takes the first, so that the
    newest whole file never goes without its own name; a file system without hard links renames it, and has none for a
    moment. A link stays one: what it leads to is written.
    """
    target = Path(os.path.realpath(path))
    unique = f"{os.getpid()}{next(WRITES):06d}"
    temporary, second = (target.with_name(f".{target.name}.{unique}.{end}") for end in ("tmp", "old"))
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


def left_by(name: str) -> str | None:
    """The file for which this one is a temporary of :func:`write_atomically`, left by a death; None if it is none."""
    match = re.fullmatch(r"\.(.+)\.\d+\.(tmp|old)", name)
    return match[1] if match else None


def clear_left(folder: Path, mine: Callable[[str], bool], older: float = 0.0) -> None:
    """Delete what deaths left half written of files that ``mine`` knows; where others may be writing, only what nobody
    has written to for so many seconds."""
    with contextlib.suppress(OSError):  # a folder that cannot be listed
        for name in os.listdir(folder):
            target = left_by(name)
            if target is not None and mine(target):
                with contextlib.suppress(OSError):  # somebody else was faster
                    if older <= 0.0 or time.time() - os.lstat(folder / name).st_mtime > older:
                        os.unlink(folder / name)


def _rename_a_copy(target: Path, second: Path, keep: Path) -> None:
    """Let ``keep`` name what ``target`` names; without hard links, instead of ``target``."""
    while True:
        try:
            second.unlink(missing_ok=True)
            os.link(target, second)
            break
        except FileNotFoundError:  # somebody else is replacing it
            if not target.exists():
                return
        except OSError:
            os.replace(target, keep)
            return
    try:
        os.replace(second, keep)
    finally:
        # it stays where both named one file already, after a death just before the new one came
        second.unlink(missing_ok=True)


class Lock:
    """While entered, nobody else writes ``path``: in this process or another, until it ends, however it ends.

    Raises
    ------
    ValueError
        On entering, if somebody else does.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.with_name(f".{path.name}.lock")
        self.held = -1

    def __enter__(self) -> Lock:
        if fcntl is None:
            return self
        while True:
            held = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(held), os.stat(self.file)):
                        break
                os.close(held)  # the one before took its name away in between
            except BlockingIOError:
                who = os.pread(held, 20, 0).decode("ascii", "replace").strip() or "that just began"
                os.close(held)
                raise ValueError(f"{self.path} is being written by another run (process {who}): name another file, or "
                                 "wait for its end") from None
            except OSError:  # a file system without locks
                os.close(held)
                return self
        self.held = held
        with contextlib.suppress(OSError):  # a full disk: it is held all the same
            os.ftruncate(held, 0)
            os.pwrite(held, str(os.getpid()).encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        if self.held >= 0:
            self.file.unlink(missing_ok=True)
            os.close(self.held)
            self.held = -1


def beside(path: str | os.PathLike[str], folder: Any) -> str | None:
    """Where a folder is, seen from a file: both may move together, and whoever reads may be elsewhere."""
    if not isinstance(folder, str | os.PathLike):
        return None
    with contextlib.suppress(ValueError):  # another drive
        return os.path.relpath(os.path.realpath(folder), os.path.dirname(os.path.realpath(path)))
    return None


def refound(path: str | os.PathLike[str], folder: Any, seen: Any) -> Any:
    """A folder that a file tells of: where it is seen from the file, or else where it was."""
    if isinstance(seen, str) and isinstance(folder, str):
        found = os.path.normpath(os.path.join(os.path.dirname(os.path.realpath(path)), seen))
        if os.path.isdir(found) and not (os.path.isdir(folder) and os.path.samefile(folder, found)):
            return found
    return folder


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


def seal_of(told: Mapping[str, Any]) -> str:
    """The SHA-256 of a description, as JSON has it: of files that are plain text."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def kind_of(path: Path) -> str | None:
    """What kind of archive a file says it is, from its description alone; None if it is none of ours."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{META}.npy") as file:
            found = json.loads(bytes(np.lib.format.read_array(file)))
        return str(found["kind"])
    except Exception:  # whatever a file that is not ours may hold
        return None


def unpack(source: str | os.PathLike[str] | bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the description of an archive that :func:`pack` made.

    Raises
    ------
    Damaged
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
        raise Damaged(f"{label} is damaged or was not written by fastmpg: its checksum does not match its content")
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_damaged(label))
        archive = stack.enter_context(zipfile.ZipFile(io.BytesIO(data)))
        entries = archive.infolist()
        budget(sum(entry.file_size for entry in entries), f"loading {label}", "load it on a larger machine")
        arrays = {}
        for entry in entries:
            try:
                arrays[entry.filename.removesuffix(".npy")] = array_in(archive, entry)
            except FORGED:
                raise Damaged(f"{label} was not written by fastmpg: {entry.filename!r} in it is no plain "
                              "array") from None
        meta = json.loads(bytes(arrays.pop(META)))
        if not isinstance(meta, dict) or len(arrays) != len(entries) - 1:
            raise ValueError
    return arrays, meta


@contextlib.contextmanager
def as_damaged(label: str) -> Iterator[None]:
    """Say of what a forged file may raise that the file is none of ours."""
    try:
        yield
    except Damaged:
        raise
    except FORGED as error:
        raise Damaged(f"{label} was not written by fastmpg, or by another version: what it holds cannot be read "
                      f"({type(error).__name__})") from None


def array_in(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """One array of an archive, of no more items than there are bytes for; never a pickle.

    Raises
    ------
    One of FORGED
        If it is no such array.
    """
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # numpy writes no other; of these Python expands all at once, however little is asked for
        raise ValueError(f"{entry.filename} is compressed by a method that numpy does not use")
    with archive.open(entry) as file:
        return _array(file, entry.file_size)


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """One array of an archive, of no more items than there are bytes for."""
    version = np.lib.format.read_magic(file)  # type: ignore[arg-type]
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran, dtype = header(file)  # type: ignore[arg-type]
    count = math.prod(shape)
    if dtype.hasobject or min((*shape, 0)) < 0 or count * dtype.itemsize > size:
        raise ValueError
    content = file.read(count * dtype.itemsize + 1)
    if len(content) != count * dtype.itemsize:
        raise ValueError
    found = np.frombuffer(bytearray(content), dtype) if count else np.zeros(0, dtype)
    return found.reshape(shape[::-1]).T if fortran else found.reshape(shape)
