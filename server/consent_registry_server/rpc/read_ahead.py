"""Works out the next item of a stream while the last one is answered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """An iterator that is one item ahead of its reader, in a thread of its own.

    What waits for the database and what needs the processor take turns this way. An item is handed
    over as soon as it is there: a client that sends one chunk and waits for its result gets it. The
    thread ends with the items, or when they raise, which they do when their call is over.
    """

    _END: Final = object()

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._next = self._work_out()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __iter__(self) -> Iterator[T]:
        """Yields the items in order, and raises what they raise."""
        while (item := self._next.result()) is not self._END:
            self._next = self._work_out()
            yield item  # type: ignore[misc] # it is not the end

    def _work_out(self) -> Future[T | object]:
        return self._pool.submit(next, self._items, self._END)
