"""What lies between a handler and its registry: a network that a test slows down or cuts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Final, Self

_OCTETS: Final = 65_536

# RFC 9113, sections 4.1, 5.1.1 and 6: what of HTTP/2 an answer is made of, unlike settings and
# pings; and the first stream of a connection, where a client watches the server's health, and asks
# nothing before it knows it.
_FRAME_HEADER_OCTETS: Final = 9
_DATA_OR_HEADERS: Final = frozenset({0, 1})
_OF_HEALTH: Final = 1


class Network(StrEnum):
    """What the network does with what is sent."""

    UP = "up"
    STALLED = "stalled"
    """Takes everything and passes nothing on, until it is up again."""
    ANSWERLESS = "answerless"
    """Passes on what the handler sends, and cuts the connection where its answer comes back."""
    DOWN = "down"
    """Cuts every connection."""


class Relay:
    """Passes TCP connections on to a port that may change; has an address before the server has."""

    def __init__(self) -> None:
        self.target_port = 0
        self._state = Network.DOWN
        self._changed = threading.Condition()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.answers_lost = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would not wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.become(Network.DOWN)

    def become(self, state: Network) -> None:
        """Changes the network, for open connections too."""
        with self._changed:
            self._state = state
            self._changed.notify_all()
            pairs = tuple(self._pairs) if state is Network.DOWN else ()
        for pair in pairs:
            _cut(pair)

    def lead_to(self, port: int) -> None:
        """Leads new connections to this port, over a network that is up."""
        self.become(Network.DOWN)
        self.target_port = port
        self.become(Network.UP)

    def next_port(self) -> int:
        """Where the next connection leads.

        Raises:
            OSError: nowhere.
        """
        return self.target_port

    @contextmanager
    def being(self, state: Network) -> Iterator[None]:
        """Is so until the end of the block, and up again afterwards."""
        self.become(state)
        try:
            yield
        finally:
            self.become(Network.UP)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        if self._state is Network.DOWN:
            near.close()
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.next_port()))
        except OSError:
            near.close()
            return
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self._changed:
            self._pairs.add(pair)
        back = threading.Thread(target=self._pass_back, args=(pair,), daemon=True)
        back.start()
        self._pass_on(pair)
        back.join()
        with self._changed:
            self._pairs.discard(pair)
        for each in pair:
            each.close()

    def _pass_on(self, pair: tuple[socket.socket, socket.socket]) -> None:
        near, far = pair
        with suppress(OSError):
            while octets := near.recv(_OCTETS):
                self._wait_while_stalled()
                far.sendall(octets)
        _cut(pair)

    def _pass_back(self, pair: tuple[socket.socket, socket.socket]) -> None:
        near, far = pair
        frames = _Frames()
        with suppress(OSError):
            while octets := far.recv(_OCTETS):
                self._wait_while_stalled()
                is_answer = frames.have_answer(octets)
                if is_answer and self._state is Network.ANSWERLESS:
                    with self._changed:
                        self.answers_lost += 1
                    break
                near.sendall(octets)
        _cut(pair)

    def _wait_while_stalled(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._state is not Network.STALLED)


class _Frames:
    """Reads the HTTP/2 frames that come over one connection, in whatever pieces."""

    def __init__(self) -> None:
        self._unread = b""

    def have_answer(self, octets: bytes) -> bool:
        """Whether any of the frames that begin in these octets is of the answer to a call."""
        self._unread += octets
        found = False
        while len(self._unread) >= _FRAME_HEADER_OCTETS:
            stream = int.from_bytes(self._unread[5:_FRAME_HEADER_OCTETS])
            found = found or (self._unread[3] in _DATA_OR_HEADERS and stream != _OF_HEALTH)
            end = _FRAME_HEADER_OCTETS + int.from_bytes(self._unread[:3])
            if len(self._unread) < end:
                break
            self._unread = self._unread[end:]
        return found


def _cut(pair: tuple[socket.socket, socket.socket]) -> None:
    for each in pair:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
