"""TLS in front of a PostgreSQL that has none: tls_front.py ADDRESS BEHIND CERTIFICATE KEY.

The PostgreSQL of the wheel is built without it. Says "listening" and goes on until it is ended. A
client that does not ask for TLS first is sent away, as by `hostssl` alone in pg_hba.conf.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from typing import Final

_PORT: Final = 5432
_SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")
_OCTETS: Final = 65_536


async def main() -> None:
    """Serves for ever."""
    address, behind, certificate, key = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                await _join(reader, writer, behind)
        writer.close()

    server = await asyncio.start_server(serve, address, _PORT)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await server.serve_forever()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: str) -> None:
    """Passes on what either side says until both have ended."""
    inner_reader, inner_writer = await asyncio.open_connection(behind, _PORT)
    await asyncio.gather(_pass(reader, inner_writer), _pass(inner_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(_OCTETS):
            writer.write(octets)
            await writer.drain()
    finally:
        writer.close()


asyncio.run(main())
