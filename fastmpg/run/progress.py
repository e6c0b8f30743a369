"""A progress bar on a terminal after the first second; nothing on a pipe."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """Counts up to ``total``; shows a bar if tqdm is installed, stderr is a terminal and the work takes over a second."""

    def __init__(self, total: int, label: str, active: bool) -> None:
        self.bar: Any = None
        if active and sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self.bar = tqdm(total=total, desc=label, delay=1.0, unit=" steps", unit_scale=True, leave=False, dynamic_ncols=True)

    def advance(self, count: int) -> None:
        """Move on by so many."""
        if self.bar is not None:
            self.bar.update(count)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
