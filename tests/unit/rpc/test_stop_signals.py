"""SIGTERM and SIGINT end a wait, SIGHUP does not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from consent_registry_server.rpc.stop_signals import StopSignals, stop_signals


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    with stop_signals() as since_now:
        yield since_now


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_signal_ends_the_wait(signals: StopSignals, number: signal.Signals) -> None:
    """Also one that came before it began."""
    os.kill(os.getpid(), number)
    signals.wait()


def test_each_hangup_is_heeded_and_the_wait_goes_on(signals: StopSignals) -> None:
    """Those before the wait included; a stop signal ends it."""
    heeded: list[int] = []

    def on_hangup() -> None:
        heeded.append(len(heeded))
        # The wait is under way: what is sent from here on comes while it lasts.
        os.kill(os.getpid(), signal.SIGHUP if len(heeded) < 5 else signal.SIGTERM)

    os.kill(os.getpid(), signal.SIGHUP)
    signals.wait(on_hangup)
    assert heeded == [0, 1, 2, 3, 4]


def test_a_hangup_taken_by_another_thread_is_heeded(signals: StopSignals) -> None:
    """The threads of gRPC take signals too."""
    heeded: list[str] = []

    def on_hangup() -> None:
        heeded.append(threading.current_thread().name)
        signal.pthread_kill(other.ident or 0, signal.SIGTERM)

    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    signal.pthread_kill(other.ident or 0, signal.SIGHUP)
    signals.wait(on_hangup)
    done.set()
    other.join()
    assert heeded == ["MainThread"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_signal_cuts_a_pause_short(signals: StopSignals, number: signal.Signals) -> None:
    """And every one after it, the last wait included."""
    os.kill(os.getpid(), number)
    assert signals.come_within(60)
    assert signals.come_within(0)
    signals.wait()


def test_a_pause_without_a_stop_signal_ends(signals: StopSignals) -> None:
    """A hangup meanwhile is heeded by the wait that follows."""
    os.kill(os.getpid(), signal.SIGHUP)
    assert not signals.come_within(0.01)
    heeded: list[int] = []

    def on_hangup() -> None:
        heeded.append(len(heeded))
        os.kill(os.getpid(), signal.SIGTERM)

    signals.wait(on_hangup)
    assert heeded == [0]


def test_a_hangup_after_the_wait_ends_nothing(signals: StopSignals) -> None:
    """A server that is stopping finishes what it has begun."""
    os.kill(os.getpid(), signal.SIGTERM)
    signals.wait()
    os.kill(os.getpid(), signal.SIGHUP)


def test_signals_are_as_they_were_afterwards() -> None:
    """Handlers and the descriptor that is told of them."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with stop_signals():
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1
