"""A server that refuses in words of its own locale is one that cannot be reached."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import psycopg2
import pytest

from consent_registry_server.storage.access import open_connection

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104


def refuse(listener: socket.socket) -> None:
    """Starts up, in French and in Latin-1, as long as anybody asks."""
    words = "le système de bases de données se lance".encode("latin-1")
    fields = b"SFATAL\0VFATAL\0C57P03\0M" + words + b"\0\0"
    error = b"E" + struct.pack("!i", len(fields) + 4) + fields
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            while code_of(connection) in {SSL_REQUEST, GSS_REQUEST}:
                connection.sendall(b"N")
            connection.sendall(error)


def code_of(connection: socket.socket) -> int:
    """Reads a message of the beginning, and returns what it asks for."""
    (length,) = struct.unpack("!i", connection.recv(4))
    (code,) = struct.unpack("!i", connection.recv(length - 4)[:4])
    return int(code)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=refuse, args=[listener], daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_refusal_that_cannot_be_read_is_one_all_the_same(port: int) -> None:
    """The driver fails to decode it, and that would be an error of nobody's."""
    with pytest.raises(psycopg2.OperationalError, match="another encoding"):
        open_connection(host="127.0.0.1", port=port, user="u", password="p", dbname="d")
