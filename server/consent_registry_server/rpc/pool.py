"""The threads that answer calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CallPool(ThreadPoolExecutor):
    """A pool that knows how many calls it has.

    Counted here, because gRPC gives every call to the pool, but not every one to its handler: a
    client may leave before it has sent its request.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(max_workers=threads, thread_name_prefix="rpc")
        self._lock = threading.Lock()
        self._calls = 0

    @property
    def calls(self) -> int:
        """How many run or wait for a thread."""
        return self._calls

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Counts a call until it is done."""
        with self._lock:
            self._calls += 1
        try:
            future = super().submit(fn, *args, **kwargs)
        except RuntimeError:
            self._done(None)
            raise
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        with self._lock:
            self._calls -= 1
