"""Rooms are found, not listed: every module of a folder offers what it defines."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any


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
