"""Processes that work for one: they leave Ctrl-C to it, end when it does, and are ended by it at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any


@contextmanager
def pool_of(count: int) -> Iterator[ProcessPoolExecutor]:
    """So many new processes, gone when the block is left; by an exception at once, whatever they do: what they write
    is whole or not there, and SIGTERM would wait for the end of a chunk."""
    pool = ProcessPoolExecutor(count, get_context("spawn"), _begin)
    try:
        yield pool
    except BaseException:
        manager = getattr(pool, "_executor_manager_thread", None)
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        if manager is not None:
            manager.join(1)  # one that is still closing its pipes when Python ends prints a traceback; but may hang
        raise
    pool.shutdown()


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked says what happens
    threading.Thread(target=_follow, args=(parent_process(),), daemon=True).start()


def _follow(parent: Any) -> None:
    """Without it a worker would wait for ever for a process that was killed."""
    parent.join()
    os._exit(1)
