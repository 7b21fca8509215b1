"""What the unsubscribe handlers have in common as processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from consent_registry_server.rpc.stop_signals import STOP_SIGNALS


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Has the running loop call `stop` at the first stop signal; a second has its usual effect."""
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop_once)
    # As in the server, ends nothing, however it is sent.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)


def collectors() -> CollectorRegistry:
    """A registry that tells of the process already."""
    # When a counter was made says nothing that its process's start does not.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library is typed but for it
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
