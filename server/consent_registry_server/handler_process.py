"""What the unsubscribe handlers have in common as processes."""

from __future__ import annotations

import asyncio
import signal

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from consent_registry_server.rpc.stop_signals import STOP_SIGNALS


def stop_event() -> asyncio.Event:
    """Is set by the first stop signal; a second one has its usual effect."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def note() -> None:
        stop.set()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, note)
    # As in the server, ends nothing, however it is sent.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    return stop


def collectors() -> CollectorRegistry:
    """A registry that tells of the process already."""
    # When a counter was made says nothing that its process's start does not.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library is typed but for it
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
