"""Ctrl-C and SIGTERM at the end of what must not be torn, and who else is told of them then."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Signals:
    """While entered, Ctrl-C and SIGTERM wait for the end of what must not be torn, then raise KeyboardInterrupt.

    A handler of somebody else's is called then instead, and what it raises ends the run: raised in the midst of a chunk
    it would leave tables of other steps than those that were counted. ``asyncio.run`` raises nothing and cancels its
    task, which neither a run in it nor one that it has sent to a thread would ever notice: so they ask.
    """

    def __init__(self) -> None:
        self.whole, self.heard = False, False
        self.previous: dict[int, Any] = {}
        self.waiting: dict[int, Any] = {}  # of which others are told afterwards
        self.task: Any = None

    def _hear(self, number: int, frame: Any) -> None:
        if self._ends(number):
            self.heard = True
            if not self.whole:
                raise KeyboardInterrupt
        elif self.whole:
            self.waiting[number] = frame
        else:
            self.previous[number](number, frame)

    def _ends(self, number: int) -> bool:
        """Whether nobody else listens to a signal, so that it ends what runs here."""
        before = self.previous[number]
        outer = _outer(before)
        return outer._ends(number) if outer else before in (signal.default_int_handler, signal.SIG_DFL)

    def _tell(self) -> None:
        while self.waiting:
            number, frame = self.waiting.popitem()
            self.previous[number](number, frame)

    @property
    def _cancelled(self) -> bool:
        return self.task is not None and bool(self.task.cancelling() or self.task.cancelled())

    def wanted(self) -> bool:
        """Whether the run is to stop, asked while threads of its own go on: others are told now, and may raise."""
        self._tell()
        return self.heard or self._cancelled

    def ask(self) -> None:
        """Raise KeyboardInterrupt if asyncio has heard Ctrl-C, or if Python dropped one that fell into a destructor."""
        if self.heard or self._cancelled:
            raise KeyboardInterrupt

    def __enter__(self) -> Signals:
        self.task = _task()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                if callable(before) or before == signal.SIG_DFL:  # else it is ignored, or not Python's
                    self.previous[number] = before
                    signal.signal(number, self._hear)
            # what came before there was anything that could be torn
            if any(outer.heard for outer in map(_outer, self.previous.values()) if outer):
                self.__exit__()
                raise KeyboardInterrupt
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self._tell()

    @contextlib.contextmanager
    def undivided(self) -> Iterator[None]:
        """What happens here happens whole."""
        self.whole = True
        try:
            yield
        finally:
            self.whole = False
        self._tell()
        if self.heard:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """What happens from here on happens whole; whoever began it looks at ``heard`` at its end."""
        self.whole = True


def _outer(handler: Any) -> Signals | None:
    """Whose handler it is, if it is that of signals in which these are entered."""
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, Signals) else None


def _task() -> Any:
    """The task that ``asyncio.run`` cancels at Ctrl-C, if it is who listens: asked in whatever thread."""
    handler = signal.getsignal(signal.SIGINT)
    while outer := _outer(handler):
        handler = outer.previous.get(signal.SIGINT)
    task = handler.keywords.get("main_task") if isinstance(handler, functools.partial) else None
    return task if hasattr(task, "cancelling") else None
