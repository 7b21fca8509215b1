"""What follows its files while the program runs: looked at every so often, replaced as a whole.

A mounted ConfigMap or Secret is swapped while it is being read, and an editor writes one file after
the other. What cannot take the place of what is in force leaves it where it is, and is tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError, RegistryError
from consent_registry_server.service.ports import Reload

SETTLE_S: Final = 0.1
"""Between two readings that must agree."""
MAX_READINGS: Final = 5

Content = TypeVar("Content")
Value = TypeVar("Value")


def settle() -> None:
    """Waits as long as two readings are to be apart."""
    time.sleep(SETTLE_S)


def read_settled(
    content: Content, read: Callable[[], Content], pause: Callable[[], object]
) -> Content:
    """The content of one moment, `content` being what was read first.

    A mixture of two may be free of faults and is what nobody wrote. So content counts when it is
    found the same again after a while.

    Raises:
        ConfigurationError: it keeps changing.
    """
    for _ in range(MAX_READINGS):
        pause()
        again = read()
        if again == content:
            return content
        content = again
    raise ConfigurationError("the files keep changing while they are read")


class Renewed(Generic[Content, Value]):
    """A value made of files: of the newest content that it could be made of."""

    def __init__(
        self,
        content: Content,
        value: Value,
        *,
        subject: str,
        read: Callable[[], Content],
        make: Callable[[Content], Value],
        logger: FilteringBoundLogger,
        counted: Callable[[Reload], object],
        take: Callable[[Content, Value], object] = lambda _, __: None,
        version: Callable[[Value], str] | None = None,
        pause: Callable[[], object] = settle,
    ) -> None:
        """Takes the content to begin with, and what was made of it.

        The log's events are the `subject` with `_reloaded`, `_refused`, `_not_stored` or
        `_reload_failed`. `make` refuses content by a `ConfigurationError`. `take` is called before
        a new value is in force, and keeps it from being so by any error. Where values have a
        `version`, the log names it, and other content of the same version is no renewal.
        """
        self.content = content
        self.value = value
        self._subject = subject
        self._read = read
        self._make = make
        self._logger = logger
        self._counted = counted
        self._take = take
        self._version = version
        self._pause = pause
        self._refused: Content | None = None
        self._told = ""
        self._reloading = threading.Lock()

    def reload(self) -> None:
        """Replaces the value if the content changed and one can be made of it; never raises.

        A refusal is logged once, and counted at each attempt.
        """
        with self._reloading:
            try:
                self._reload()
            except ConfigurationError as error:
                self._not_done(Reload.REFUSED, "refused", faults=faults_of(error))
            except RegistryError as error:
                self._not_done(Reload.NOT_STORED, "not_stored", reason=error.reason)
            except Exception as error:  # noqa: BLE001 - what is in force must outlive any fault
                self._not_done(Reload.FAILED, "reload_failed", exc_info=error)

    def _reload(self) -> None:
        content = self._read()
        if content == self.content:
            self._refused, self._told = None, ""
            return
        if content == self._refused:
            # Known to be faulty: to make it again would only take time from calls.
            self._counted(Reload.REFUSED)
            return
        content = read_settled(content, self._read, self._pause)
        try:
            value = self._make(content)
        except ConfigurationError:
            self._refused = content
            raise
        self._replace(content, value)

    def _replace(self, content: Content, value: Value) -> None:
        if self._version is None or self._version(value) != self._version(self.value):
            self._take(content, value)
            old, self.value = self.value, value
            self._counted(Reload.DONE)
            event = f"{self._subject}_reloaded"
            self._logger.info(event, **self._named("old", old), **self._named("new", value))
        self.content = content
        self._refused, self._told = None, ""

    def _not_done(self, outcome: Reload, how: str, **details: object) -> None:
        self._counted(outcome)
        event = f"{self._subject}_{how}"
        told = f"{event} {details}"
        if told != self._told:
            self._told = told
            self._logger.error(event, **self._named("in_force", self.value), **details)

    def _named(self, name: str, value: Value) -> dict[str, str]:
        return {} if self._version is None else {name: self._version(value)}


def faults_of(error: ConfigurationError) -> list[str]:
    """The faults of files that were refused, each as `where: what`."""
    summary, *faults = error.message.splitlines()
    return [fault.strip() for fault in faults] or [summary]


class FileWatch:
    """Reloads every so often, in a thread of its own, until it is closed."""

    def __init__(self, *reloads: Callable[[], None], interval_s: float) -> None:
        """Takes what to call, which must not raise, and starts."""
        self._reloads = reloads
        self._interval_s = interval_s
        self._wanted = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="file-watch", daemon=True)
        self._thread.start()

    def reload_now(self) -> None:
        """Has all reloaded at once; does not wait for it."""
        self._wanted.set()

    def close(self) -> None:
        """Returns when the thread has ended."""
        self._is_closing = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wanted.wait(self._interval_s)
            # Before the reload: a wish that comes while it runs means what is read afterwards.
            self._wanted.clear()
            if self._is_closing:
                return
            for reload in self._reloads:
                reload()
