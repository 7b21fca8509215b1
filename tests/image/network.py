"""A network of its own for the programs of a test: their fixed ports are free, nobody else's."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self, TypeVar

_CLONE_NEWNET: Final = 0x40000000
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1

T = TypeVar("T")


class Network:
    """A network namespace with nothing but loopback, all 16 million addresses of it.

    What runs through `within`, and every process started there, is in it.
    """

    def __init__(self) -> None:
        # A namespace is a thread's affair; it lives as long as the thread, and what it started.
        self._thread = ThreadPoolExecutor(1, "network", initializer=_leave_for_a_new_one)

    def within(self, act: Callable[[], T]) -> T:
        """Does something in the network, and returns what it returns."""
        return self._thread.submit(act).result()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leaves it to what still runs there."""
        self._thread.shutdown()


def _leave_for_a_new_one() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
