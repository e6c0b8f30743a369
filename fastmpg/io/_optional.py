"""Packages that are imported only when they are asked for."""

from __future__ import annotations

import importlib
from typing import Any


def optional(module: str, extra: str, what: str) -> Any:
    """A module of another package.

    Raises
    ------
    ImportError
        If it is not installed: what needs it, and how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise ImportError(f'{what} needs {module.split(".")[0]}: pip install "fastmpg[{extra}]"') from None
