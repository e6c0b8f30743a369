"""Compiled code on disk: object code alone, keyed by all that decides it, in a folder that nobody else can write to.

An entry is the machine code of one unit (see :mod:`.units`): no pickle, so that reading one runs nothing. Its name
hashes the unit's name, the types it was compiled for, the processor, the versions, and the sources of the *import
closure* of the modules that its kernel and the classes among its types come from: editing a file compiles again what
imports it, and nothing else. What was edited after this process began is not kept: nobody knows which of the two texts
its code was made of.

A folder or an entry that belongs to somebody else, or that others may write to, is not used. Nothing that is found in
the cache can do more than be compiled again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .options import versions

PACKAGE = Path(__file__).parent.parent
NAME = PACKAGE.name
MAGIC = b"fastmpg unit 1\n"
IMPORTS = re.compile(r"^from +(\.+)([\w.]*) +import +(\([^)]*\)|[^\n]*)", re.MULTILINE)


def cache_root() -> Path:
    """Folder that holds the cache: $FASTMPG_CACHE_DIR, else $NUMBA_CACHE_DIR, else ~/.cache/fastmpg."""
    for name in ("FASTMPG_CACHE_DIR", "NUMBA_CACHE_DIR"):
        if os.environ.get(name):
            return Path(os.environ[name])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~")) / ".cache") / NAME


def cache_folder() -> Path:
    """Folder of the compiled code (it may not exist yet)."""
    return cache_root() / "units"


def cached_files() -> list[Path]:
    """Every entry, of this and of other versions."""
    with contextlib.suppress(OSError):
        return sorted(cache_folder().glob("*.unit"))
    return []


def clear_cache() -> int:
    """Delete all compiled code, and what killed processes left half written; return how many entries went."""
    count = 0
    for path in [*cached_files(), *cache_folder().glob("*.unit.tmp")]:
        with contextlib.suppress(OSError):
            path.unlink()
            count += path.suffix == ".unit"
    with contextlib.suppress(OSError):
        cache_folder().rmdir()
    usable.cache_clear()
    return count


# ---------------------------------------------------------------------------------------------------------- stamps
def _file_of(module: str) -> Path | None:
    """The source of a module of the package, given by its name without the package's."""
    base = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


_began = time.time_ns()  # before the rest of the package is loaded


@functools.cache
def _source(module: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's source, and the modules of the package that it imports where it is loaded.

    Raises
    ------
    OSError
        If there is no source, or it changed since the process began.
    """
    path = _file_of(module)
    if path is None:
        raise FileNotFoundError(f"no source of {NAME}.{module}")
    found = path.stat()
    if max(found.st_mtime_ns, found.st_ctime_ns) > _began:
        raise OSError(f"{path} changed since this process began")
    text = path.read_text(encoding="utf-8")
    parents = module.split(".") if module else []
    if path.name != "__init__.py":
        parents = parents[:-1]
    imported = []
    for dots, base, names in IMPORTS.findall(text):
        above = parents[:len(parents) - len(dots) + 1]
        target = ".".join([*above, *filter(None, base.split("."))])
        for name in re.findall(r"(\w+)(?: +as +\w+)?", re.sub(r"#.*", "", names)):
            inner = f"{target}.{name}" if target else name
            imported.append(inner if _file_of(inner) is not None else target)
    return hashlib.sha256(text.encode()).hexdigest(), tuple(dict.fromkeys(imported))


def closure(modules: Iterable[str]) -> list[str]:
    """These modules of the package (names without the package's), and all that they import, however far down."""
    seen: dict[str, None] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen[module] = None
            waiting += _source(module)[1]
    return sorted(seen)


@functools.cache
def _stamp(modules: frozenset[str]) -> str:
    digest = hashlib.sha256()
    for module in closure(modules):
        digest.update(f"{module}\0{_source(module)[0]}\0".encode())
    return digest.hexdigest()


def stamp(modules: Iterable[str]) -> str:
    """Hash of the sources that code of these modules depends on, by full names; OSError where they are not known."""
    return _stamp(frozenset(module.partition(".")[2] for module in modules))


def own(module: str) -> bool:
    """Whether a module belongs to the package: what others define cannot be stamped, and is never cached."""
    return module.partition(".")[0] == NAME


# ---------------------------------------------------------------------------------------------------------- entries
_warned: set[str] = set()


def _warn(text: str) -> None:
    """Once a process."""
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def _mine(found: os.stat_result) -> bool:
    """Whether only this user can have written what was found."""
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)


@functools.cache
def usable(folder: Path) -> bool:
    """Whether compiled code may be kept there; makes the folder."""
    advice = "compiled code is not kept, and every process compiles anew; set FASTMPG_CACHE_DIR to a folder of your own"
    try:
        root = folder.parent
        for each in reversed([folder, root, *root.parents]):  # parents=True would ignore the mode for parents
            each.mkdir(mode=0o700, exist_ok=True)
        for each in (root, folder):
            found = os.lstat(each)
            if each == folder and not stat.S_ISDIR(found.st_mode):
                _warn(f"{each} is no folder: {advice}")
                return False
            if not _mine(os.stat(each)):
                own = os.stat(each).st_uid == os.getuid()
                whose = "others may write to it" if own else "it belongs to somebody else"
                _warn(f"{each} is not used, as {whose}: {advice}, or take their right away (chmod go-w)")
                return False
        if not os.access(folder, os.W_OK):
            _warn(f"{folder} cannot be written to: code that is there is used, new {advice}")
    except OSError as error:
        _warn(f"{folder} cannot be used ({error.strerror}): {advice}")
        return False
    return True


def key(kernel: Any, kinds: str, modules: Iterable[str], machine: Iterable[Any]) -> str:
    """The name of an entry: a hash of all that decides what the code does; OSError where sources are not known."""
    parts = [kernel.__module__, kernel.__qualname__, kinds, stamp(modules), *map(repr, machine), *versions().values(),
             sys.byteorder]
    digest = hashlib.sha256(chr(0).join(parts).encode()).hexdigest()
    return f"{kernel.__qualname__.replace('<locals>.', '')}-{digest[:32]}"


def load(name: str) -> tuple[dict[str, Any], bytes] | None:
    """The facts and the object code of an entry; None where there is none, or none that is whole and the user's own."""
    folder = cache_folder()
    if not usable(folder):
        return None
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(folder / f"{name}.unit", flags)
        try:
            found = os.fstat(handle)
            if not (stat.S_ISREG(found.st_mode) and _mine(found)):
                return None
            with open(handle, "rb", closefd=False) as file:
                blob = file.read()
        finally:
            os.close(handle)
        body = blob[len(MAGIC) + 32:]
        if not blob.startswith(MAGIC) or hashlib.sha256(body).digest() != blob[len(MAGIC):len(MAGIC) + 32]:
            return None
        facts, _, code = body.partition(b"\n")
        read = json.loads(facts)
        fits = isinstance(read, dict) and read.get("name") == name and isinstance(read.get("symbol"), str)
        return (read, code) if fits else None
    except (OSError, ValueError):
        return None


def save(name: str, facts: dict[str, Any], code: bytes) -> None:
    """Keep an entry, whole or not at all; a folder that is full or cannot be written to keeps nothing."""
    folder = cache_folder()
    if not usable(folder):
        return
    body = json.dumps(facts | {"name": name}).encode() + b"\n" + code
    try:
        handle, temporary = tempfile.mkstemp(".unit.tmp", f"{name[:100]}.", folder)  # mode 0600, whatever the umask
    except OSError:
        usable.cache_clear()  # it may have been deleted: the next entry makes it again
        return
    try:
        with open(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(body).digest() + body)
        with contextlib.suppress(OSError):
            (folder / f"{name}.unit").rmdir()  # an empty folder would stay in the way
        os.replace(temporary, folder / f"{name}.unit")
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
