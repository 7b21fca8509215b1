"""The policies that were in force, read again from the text that was kept of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Final

from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError, NotFound
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import policy_of
from consent_registry_server.renewal import faults_of
from consent_registry_server.service.ports import PolicyVersions

CACHED_POLICIES: Final = 8
"""Parsing one takes a tenth of a second; who asks about the past mostly asks about one day."""


class PastPolicies:
    """See `PolicyArchive`."""

    def __init__(self, versions: PolicyVersions, *, logger: FilteringBoundLogger) -> None:
        self._versions = versions
        self._logger = logger
        self._cached: OrderedDict[str, Policy] = OrderedDict()
        self._lock = threading.Lock()

    def version_at(self, at_us: int) -> str | None:
        """See `PolicyArchive`."""
        return self._versions.version_at(at_us)

    def policy(self, version: str) -> Policy | None:
        """See `PolicyArchive`."""
        with self._lock:
            if version in self._cached:
                self._cached.move_to_end(version)
                return self._cached[version]
        files = self._versions.files(version)
        if files is None:
            # Not remembered: another server may store it at any moment.
            return None
        policy = self._parsed(version, files)
        with self._lock:
            self._cached[version] = policy
            if len(self._cached) > CACHED_POLICIES:
                self._cached.popitem(last=False)
        return policy

    def _parsed(self, version: str, files: dict[str, str]) -> Policy:
        try:
            policy = policy_of(files)
        except ConfigurationError as error:
            faults = faults_of(error)
            self._logger.warning("stored_policy_unreadable", version=version, faults=faults)
            # No answer, rather than one by other rules than those of the day.
            message = f"the policy {version} was written for another version of this program"
            raise NotFound("UNKNOWN_POLICY_VERSION", message) from None
        # A digest also covers the keys that the schema has got since; the text is what was in force
        # under this version, and the decisions of its day name it so.
        return replace(policy, version=version)
