"""Processes that work for one: they leave Ctrl-C to it, end when it does, and are ended by it at once."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Any


def pool_of(count: int) -> ProcessPoolExecutor:
    """So many new processes."""
    return ProcessPoolExecutor(count, get_context("spawn"), _begin)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked says what happens
    threading.Thread(target=_follow, args=(parent_process(),), daemon=True).start()


def _follow(parent: Any) -> None:
    """Without it a worker would wait for ever for a process that was killed."""
    parent.join()
    os._exit(1)


def end(pool: ProcessPoolExecutor) -> None:
    """At once, whatever they do: what they write is whole or not there. SIGTERM would wait for the end of a chunk."""
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()
