"""The policy in force: kept in the database, and replaced when its files change.

A request takes the policy once and keeps it, so that it is answered by one whole policy. What
cannot take the place of the policy in force leaves it where it is, and is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError, RegistryError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import policy_of
from consent_registry_server.renewal import faults_of, read_settled, settle
from consent_registry_server.service.ports import Clock, PolicyVersions, Reload

Files = Mapping[str, str]
"""The text of each file by its name."""

ReadFiles = Callable[[], Files]
"""Returns the files as they are; raises `ConfigurationError` when they cannot be read."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What the files say, as written and as a policy."""

    files: Files = field(repr=False)
    policy: Policy


def read_edition(read: ReadFiles, pause: Callable[[], object] = settle) -> Edition:
    """The policy that the files state.

    Raises:
        ConfigurationError: they have faults, with every one of them; or they keep changing.
    """
    files = read_settled(read(), read, pause)
    return Edition(files, policy_of(files))


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
        files = read_settled(files, self._read, self._pause)
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
