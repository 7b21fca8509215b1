"""Clients that write at once, and go on until they have an answer or the server is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Self

import grpc
from google.protobuf.message import Message

from consent_registry.v1.registry_service_pb2 import AddDoNotContactRequest
from tests.e2e.connection import Connection
from tests.e2e.people import opt_out, somebody
from tests.e2e.registry_process import NotYet, eventually


def written(connection: Connection, request: Any) -> Any:  # noqa: ANN401 - any write's response
    """The answer to a write, repeated with its request id while the server says to."""

    def attempt() -> Any:  # noqa: ANN401 - as above
        try:
            return connection.write(request)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise NotYet from error
            raise

    return eventually(attempt)


def all_at_once(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """What tasks return that start at the same moment, each in a thread of its own."""
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the task
        start.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def octets(answer: Message) -> bytes:
    """An answer to compare byte by byte."""
    return answer.SerializeToString(deterministic=True)


class WriteLoad:
    """Threads that record opt-outs, each of another person, until a write fails or it is over."""

    def __init__(self, address: str, *, writers: int) -> None:
        self.acknowledged: list[tuple[AddDoNotContactRequest, bytes]] = []
        self.unacknowledged: list[AddDoNotContactRequest] = []
        self._address = address
        self._is_over = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._write) for _ in range(writers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def wait_for(self, acknowledged: int) -> None:
        """Returns when this many more writes are acknowledged."""
        with self._changed:
            goal = len(self.acknowledged) + acknowledged
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= goal, 60)

    @property
    def requests(self) -> Iterable[AddDoNotContactRequest]:
        """All that were sent."""
        return [*(request for request, _ in self.acknowledged), *self.unacknowledged]

    def _write(self) -> None:
        connection = Connection(self._address)
        with closing(connection.channel):
            while not self._is_over:
                request = opt_out(somebody().email)
                try:
                    answer = connection.write(request)
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    self.unacknowledged.append(request)
                    return
                with self._changed:
                    self.acknowledged.append((request, octets(answer)))
                    self._changed.notify_all()
