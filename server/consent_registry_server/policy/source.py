"""The policy in force: kept in the database, and replaced when its files change.

A request takes the policy once and keeps it, so that it is answered by one whole policy. What
cannot take the place of the policy in force leaves it where it is, and is tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError, RegistryError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import policy_of
from consent_registry_server.service.ports import Clock, PolicyVersions, Reload

Files = Mapping[str, str]
"""The text of each file by its name."""

ReadFiles = Callable[[], Files]
"""Returns the files as they are; raises `ConfigurationError` when they cannot be read."""

SETTLE_S: Final = 0.1
"""Between two readings that must agree."""
MAX_READINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Edition:
    """What the files say, as written and as a policy."""

    files: Files = field(repr=False)
    policy: Policy


def settle() -> None:
    """Waits as long as two readings are to be apart."""
    time.sleep(SETTLE_S)


def read_edition(read: ReadFiles, pause: Callable[[], object] = settle) -> Edition:
    """The policy that the files state.

    Raises:
        ConfigurationError: they have faults, with every one of them; or they keep changing.
    """
    files = _read_whole(read(), read, pause)
    return Edition(files, policy_of(files))


def _read_whole(files: Files, read: ReadFiles, pause: Callable[[], object]) -> Files:
    """Files of one moment.

    An editor writes one file after the other, and a ConfigMap is swapped while it is being read: a
    mixture of two policies may be free of faults and is the policy of nobody. So files count when
    they are found the same again after a while.
    """
    for _ in range(MAX_READINGS):
        pause()
        again = read()
        if again == files:
            return files
        files = again
    raise ConfigurationError("the policy's files keep changing while they are read")


class PolicyInForce:
    """A `PolicySource` whose policy changes with its files, as a whole or not at all."""

    def __init__(
        self,
        edition: Edition,
        read: ReadFiles,
        *,
        versions: PolicyVersions,
        clock: Clock,
        logger: FilteringBoundLogger,
        counted: Callable[[Reload], object],
        pause: Callable[[], object] = settle,
    ) -> None:
        """Takes the policy to begin with; `activate` before the first question is answered."""
        self._edition = edition
        self._policy = edition.policy
        self._read = read
        self._versions = versions
        self._clock = clock
        self._logger = logger
        self._counted = counted
        self._pause = pause
        self._refused: Files | None = None
        self._told = ""
        self._reloading = threading.Lock()

    def __call__(self) -> Policy:
        """See `PolicySource`."""
        return self._policy

    def activate(self) -> None:
        """Stores that the policy is in force; decisions that name it can then be replayed.

        Raises:
            Unavailable: the database cannot be reached.
        """
        self._store(self._edition)

    def reload(self) -> None:
        """Puts the files in force if they changed and can be; never raises.

        A refusal is logged once, and counted at each attempt.
        """
        with self._reloading:
            try:
                self._reload()
            except ConfigurationError as error:
                self._not_done(Reload.REFUSED, "policy_refused", faults=faults_of(error))
            except RegistryError as error:
                self._not_done(Reload.NOT_STORED, "policy_not_stored", reason=error.reason)
            except Exception as error:  # noqa: BLE001 - the policy in force must outlive any fault
                self._not_done(Reload.FAILED, "policy_reload_failed", exc_info=error)

    def _reload(self) -> None:
        files = self._read()
        if files == self._edition.files:
            self._refused, self._told = None, ""
            return
        if files == self._refused:
            # Known to be faulty: parsing them again would only take time from calls.
            self._counted(Reload.REFUSED)
            return
        files = _read_whole(files, self._read, self._pause)
        try:
            edition = Edition(files, policy_of(files))
        except ConfigurationError:
            self._refused = files
            raise
        self._replace(edition)

    def _replace(self, edition: Edition) -> None:
        old, new = self._policy.version, edition.policy.version
        if new != old:
            # Stored first: a decision must never name a policy that cannot be found again.
            self._store(edition)
            self._policy = edition.policy
            self._counted(Reload.DONE)
            self._logger.info("policy_reloaded", old=old, new=new)
        self._edition = edition
        self._refused, self._told = None, ""

    def _store(self, edition: Edition) -> None:
        self._versions.activate(edition.policy.version, edition.files, at_us=self._clock())

    def _not_done(self, outcome: Reload, event: str, **details: object) -> None:
        self._counted(outcome)
        told = f"{event} {details}"
        if told != self._told:
            self._told = told
            self._logger.error(event, in_force=self._policy.version, **details)


def faults_of(error: ConfigurationError) -> list[str]:
    """The faults of a policy that was refused, each as `file:line: key: problem`."""
    summary, *faults = error.message.splitlines()
    return [fault.strip() for fault in faults] or [summary]


class PolicyWatch:
    """Reloads a policy every so often, in a thread of its own, until it is closed."""

    def __init__(self, reload: Callable[[], None], *, interval_s: float) -> None:
        """Takes what to call, which must not raise, and starts."""
        self._reload = reload
        self._interval_s = interval_s
        self._wanted = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="policy-watch", daemon=True)
        self._thread.start()

    def reload_now(self) -> None:
        """Has the policy reloaded at once; does not wait for it."""
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
            self._reload()
