"""What is asked of every rule before it runs, and how it is named."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._check import shown


def _checked_rule(rule: Any) -> Any:
    if isinstance(rule, type):
        raise TypeError(f"rule must be an instance, found the class {rule.__name__}; write {rule.__name__}(...)")
    if not (isinstance(rule, tuple) and hasattr(rule, "_fields") and hasattr(type(rule), "update")):
        raise TypeError(f"rule must be a NamedTuple with a static kernel `update`, found {shown(rule)}; see fastmpg.rules")
    return rule.checked() if hasattr(rule, "checked") else rule


def _label(rule: Any) -> str:
    parts = ", ".join(f"{k}={v!r}" if not isinstance(v, np.ndarray) else f"{k}=<{v.shape}>" for k, v in rule._asdict().items())
    return f"{type(rule).__name__}({parts})"
