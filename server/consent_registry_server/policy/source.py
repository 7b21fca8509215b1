"""The policy in force: kept in the database, and replaced when its files change.

A request takes the policy once and keeps it, so that it is answered by one whole policy. What
cannot take the place of the policy in force leaves it where it is, and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import policy_of
from consent_registry_server.renewal import Renewed, read_settled, settle
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
        self._versions = versions
        self._clock = clock
        self._policy: Renewed[Files, Policy] = Renewed(
            edition.files,
            edition.policy,
            subject="policy",
            read=read,
            make=policy_of,
            # Stored first: a decision must never name a policy that cannot be found again.
            take=self._store,
            version=lambda policy: policy.version,
            logger=logger,
            counted=counted,
            pause=pause,
        )

    def __call__(self) -> Policy:
        """See `PolicySource`."""
        return self._policy.value

    def activate(self) -> None:
        """Stores that the policy is in force; decisions that name it can then be replayed.

        Raises:
            Unavailable: the database cannot be reached.
        """
        self._store(self._policy.content, self._policy.value)

    def reload(self) -> None:
        """Puts the files in force if they changed and can be; never raises."""
        self._policy.reload()

    def _store(self, files: Files, policy: Policy) -> None:
        self._versions.activate(policy.version, files, at_us=self._clock())
