"""Rooms are found, not listed: every module of a folder offers what it defines.

What is found at run time is also written out for type checkers and editors, which run nothing:

    python -c "from fastmpg._discover import write_exports; write_exports()"

rewrites the block under ``if TYPE_CHECKING`` in each such folder (a test says when that is due).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^if TYPE_CHECKING:[^\n]*\n(?:    from [^\n]*\n)*", re.MULTILINE)


def modules(package: str, path: Iterable[str]) -> list[Any]:
    """Every module of a package whose name does not begin with an underscore."""
    names = sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_"))
    return [importlib.import_module(f"{package}.{name}") for name in names]


def public_classes(package: str, path: Iterable[str], attribute: str) -> dict[str, type]:
    """Classes with this attribute, each from the module that defines it."""
    return {name: value for module in modules(package, path) for name, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
            and hasattr(value, attribute)}


def public_functions(package: str, path: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """Public functions, each from the module that defines it and lists it in ``__all__``."""
    return {name: getattr(module, name) for module in modules(package, path) for name in getattr(module, "__all__", ())}


def listing(namespace: Mapping[str, Any]) -> Callable[[], list[str]]:
    """A module's ``__dir__``: what it offers, and not the helpers and modules that lie beside it."""

    def names() -> list[str]:
        return sorted({*namespace["__all__"], *(name for name in namespace if name.startswith("__"))})

    return names


def with_exports(text: str, package: str, found: Mapping[str, Any]) -> str:
    """The text of a folder's ``__init__`` with the block under ``if TYPE_CHECKING`` as it should be."""
    homes = {name: value.__module__.removeprefix(f"{package}.") for name, value in found.items()}
    lines = sorted(f"    from .{home} import {name} as {name}\n" for name, home in homes.items())
    return BLOCK.sub(lambda block: block[0].partition("\n")[0] + "\n" + "".join(lines), text)


def exports() -> dict[Path, tuple[str, str]]:
    """Every ``__init__`` that writes out what it finds, as it is and as it should be."""
    told = {}
    for path in sorted(Path(__file__).parent.glob("*/__init__.py")):
        text = path.read_text()
        if BLOCK.search(text):
            room = importlib.import_module(f"{__package__}.{path.parent.name}")
            told[path] = text, with_exports(text, room.__name__, vars(room)["_found"])
    return told


def write_exports() -> None:
    """Bring every block up to date."""
    for path, (_, text) in exports().items():
        path.write_text(text)
