"""Mailbox providers that press links at a steady rate, whatever they are answered."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

from tests.e2e.registry_process import TIMEOUT_S
from tests.e2e.unsubscribing import Answer, press

RATE_HZ: Final = 20

_AT_ONCE: Final = 40
"""More than wait for an answer at any time, or the rate would not be kept."""


class PressLoad:
    """Presses one link after the other, each once, until the end of the block."""

    def __init__(self, port: int, tokens: Sequence[str]) -> None:
        self._port = port
        self._tokens = tokens
        self._is_over = threading.Event()
        self._changed = threading.Condition()
        self._answers: dict[str, Answer] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._pacing = threading.Thread(target=self._pace)
        self._problems: list[OSError] = []

    def __enter__(self) -> Self:
        self._pacing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._pacing.join()
        self._pool.shutdown()
        assert self._problems == []

    @property
    def stored(self) -> list[str]:
        """The tokens that were answered with 200."""
        with self._changed:
            return [token for token, answer in self._answers.items() if answer.status == 200]

    @property
    def refused(self) -> dict[str, Answer]:
        """Those that were not, and what they were answered."""
        with self._changed:
            return {each: answer for each, answer in self._answers.items() if answer.status != 200}

    def wait_for(self, *, stored: int = 0, refused: int = 0) -> None:
        """Returns when so many more are answered."""
        with self._changed:
            goals = len(self.stored) + stored, len(self.refused) + refused
            assert self._changed.wait_for(
                lambda: (
                    bool(self._problems)
                    or (len(self.stored) >= goals[0] and len(self.refused) >= goals[1])
                ),
                TIMEOUT_S,
            )

    def _pace(self) -> None:
        for token in self._tokens:
            self._pool.submit(self._press, token)
            if self._is_over.wait(1 / RATE_HZ):
                return

    def _press(self, token: str) -> None:
        try:
            answer = press(self._port, token)
        except OSError as error:
            with self._changed:
                self._problems.append(error)
                self._changed.notify_all()
            return
        with self._changed:
            self._answers[token] = answer
            self._changed.notify_all()
