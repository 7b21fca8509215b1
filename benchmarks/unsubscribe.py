"""How long after a mailbox's one-click POST the person may not be written to any more.

Real processes: a server with its PostgreSQL, the page, and a client that presses links at a steady
rate, each on a connection of its own, and asks after each answer until it is DENY. What a click
takes is counted from when it was due, so that a stall shows in every click that it held up.
`UNSUBSCRIBE_BENCHMARK_S` sets for how long.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.program import Program
from consent_registry_client import Channel, Client, Reason, email, subject

LIMIT_MS: Final = 1_000
"""Of the 99th percentile."""

_RATE_HZ: Final = 20
_DURATION_S: Final = int(os.environ.get("UNSUBSCRIBE_BENCHMARK_S", "60"))
_AT_ONCE: Final = 64
_BATCH: Final = 1_000
_LEAD_S: Final = 0.5
"""From the first link's making to its press: what starts late is no stall."""
_TIMEOUT_S: Final = 60
_CONTROLLER: Final = "alarm-fr"
_PURPOSE: Final = "direct_marketing"
_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def main() -> int:
    """Prints percentiles; returns 1 when the 99th is at the limit or above."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # PostgreSQL may run as another user, who has to pass through.
        directory.chmod(0o755)
        registry = stack.enter_context(Program("serve", directory, LISTEN_ADDRESS="127.0.0.1:0"))
        address = f"127.0.0.1:{registry.port}"
        page = stack.enter_context(
            Program("unsubscribe-web", directory, WEB_LISTEN_ADDRESS="127.0.0.1:0", ADDRESS=address)
        )
        with Client(address) as client:
            took_ms = _pressed(client, page.port)
    percentiles = quantiles(took_ms, n=100, method="inclusive")
    p50_ms, p99_ms, longest_ms = percentiles[49], percentiles[98], max(took_ms)
    print(
        f"unsubscribe: {_RATE_HZ} POSTs/s for {_DURATION_S} s, from POST to DENY"
        f" p50 {p50_ms:,.0f} ms, p99 {p99_ms:,.0f} ms (< {LIMIT_MS:,} ms), max {longest_ms:,.0f} ms"
    )
    return int(p99_ms >= LIMIT_MS)


def _pressed(client: Client, port: int) -> list[float]:
    """What each click took, in milliseconds."""
    addresses = [f"press-{number}@example.com" for number in range(_RATE_HZ * _DURATION_S)]
    tokens = _tokens(client, addresses)
    first_s = time.perf_counter() + _LEAD_S

    def press(number: int) -> float:
        due_s = first_s + number / _RATE_HZ
        time.sleep(max(0.0, due_s - time.perf_counter()))
        _post(port, tokens[number])
        _wait_for_denial(client, addresses[number])
        return (time.perf_counter() - due_s) * 1_000

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(press, range(len(tokens))))


def _tokens(client: Client, addresses: list[str]) -> list[str]:
    tokens: list[str] = []
    for start in range(0, len(addresses), _BATCH):
        results = client.create_unsubscribe_links(
            controller=_CONTROLLER,
            channel=Channel.CHANNEL_EMAIL,
            purpose=_PURPOSE,
            campaign="benchmark",
            subjects=[subject(email(each)) for each in addresses[start : start + _BATCH]],
        )
        tokens += [result.link.token for result in results]
    return tokens


def _post(port: int, token: str) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)) as connection:
        connection.request("POST", f"/u/{token}", _ONE_CLICK, _FORM)
        status = connection.getresponse().status
    if status != 200:  # noqa: PLR2004 - of HTTP
        sys.exit(f"a click was answered with {status}")


def _wait_for_denial(client: Client, address: str) -> None:
    while True:
        decision = client.check_contact(
            controller=_CONTROLLER,
            target=email(address),
            channel=Channel.CHANNEL_EMAIL,
            purpose=_PURPOSE,
            recipient_country="FR",
        )
        # Without a consent it is DENY before, for another reason.
        if decision.reason == Reason.REASON_OBJECTION:
            return


if __name__ == "__main__":
    sys.exit(main())
