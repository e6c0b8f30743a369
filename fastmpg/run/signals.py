"""Ctrl-C and SIGTERM at the end of what must not be torn."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Signals:
    """While entered, Ctrl-C and SIGTERM wait for the end of what must not be torn, then raise KeyboardInterrupt."""

    def __init__(self) -> None:
        self.whole, self.heard = False, False
        self.previous: dict[int, Any] = {}

    def _hear(self, number: int, frame: Any) -> None:
        self.heard = True
        if not self.whole:
            raise KeyboardInterrupt

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # else someone else listens
                if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                    self.previous[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def undivided(self, quiet: bool = False) -> Iterator[None]:
        """What happens here happens whole; ``quiet``: and nothing is raised afterwards."""
        self.whole = True
        try:
            yield
        finally:
            self.whole = False
        if self.heard and not quiet:
            raise KeyboardInterrupt
