"""A progress bar on a terminal or in a notebook, from the first moment on; nothing on a pipe."""

from __future__ import annotations

import sys
import time
from typing import Any

EVERY = 0.5  # seconds between lines where there is no tqdm


def in_notebook() -> bool:
    """Whether a notebook shows what is written."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class Progress:
    """Counts up to ``total``: tqdm's bar, or plain percentages where tqdm is not installed.

    It is there before the first step, and says that code is compiled, or loaded, until :meth:`begin`.
    """

    def __init__(self, total: int, label: str, active: bool, unit: str = " steps") -> None:
        self.bar: Any = None
        if not (active and (sys.stderr.isatty() or in_notebook())):
            return
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self.bar = _Line(total, label)
        else:
            self.bar = tqdm(total=total, desc=f"{label}: compiling", unit=unit, unit_scale=unit == " steps",
                            leave=False, dynamic_ncols=True)
        self.label, self.total = label, total

    def begin(self) -> None:
        """The first step is made now."""
        if self.bar is not None:
            self.bar.set_description(self.label, refresh=False)
            self.bar.reset(self.total)  # steps a second are counted from now on

    def advance(self, count: int) -> None:
        """Move on by so many."""
        if self.bar is not None:
            self.bar.update(count)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


class _Line:
    """What of tqdm is used, on one line without a bar."""

    def __init__(self, total: int, label: str) -> None:
        self.total, self.label, self.count, self.due, self.width = total, label, 0, 0.0, 0
        self.began = time.monotonic()
        self._show(f'{label}: compiling (pip install "fastmpg[report]" for a bar)')

    def _show(self, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self.width))
        sys.stderr.flush()
        self.width = len(text)

    def set_description(self, label: str, refresh: bool) -> None:
        self.label = label

    def reset(self, total: int) -> None:
        self.total, self.count, self.began = total, 0, time.monotonic()
        self.update(0)

    def update(self, count: int) -> None:
        self.count += count
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + EVERY
            left = (time.monotonic() - self.began) * (self.total - self.count) / max(1, self.count)
            self._show(f"{self.label}: {100 * self.count // max(1, self.total)} %"
                       + f", {round(left)} s to go" * (self.count > 0))

    def close(self) -> None:
        self._show("")
        self._show("")
