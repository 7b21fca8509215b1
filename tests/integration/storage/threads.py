"""Lets threads go at once, and tells when one of them waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.conftest import run_sql

T = TypeVar("T")


def at_once(work: Callable[[int], T], threads: int) -> list[T]:
    """Runs the work on as many threads, all let go at the same moment."""
    barrier = threading.Barrier(threads)

    def run(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(run, range(threads)))


def wait_until_one_waits_for_a_lock(url: str) -> None:
    """Returns when a session of this database waits for another's lock."""
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    while not run_sql(url, waiting):
        pass
