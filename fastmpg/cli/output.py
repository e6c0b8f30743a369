"""What the command line prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

OK, BAD_INPUT, MISSED, INTERRUPTED, PIPE_CLOSED = 0, 2, 3, 130, 141


def complain(message: str) -> int:
    """Say on stderr what is wrong."""
    print(f"fastmpg: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def on_terminal() -> bool:
    """Whether progress is shown."""
    return sys.stderr.isatty()


def show_json(value: Any) -> None:
    """Print what scripts read."""
    print(json.dumps(value, indent=1))


def finite(value: Any) -> Any:
    """Arrays, numpy numbers and records as JSON has them; what is not finite is null."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def table(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Columns of text, aligned; the first row is the head."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(widths[c]) if c in numbers else cell.ljust(widths[c])
                       for c, cell in enumerate(row)).rstrip()
             for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
