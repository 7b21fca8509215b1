"""Every policy that was ever in force, as its files, and when each came into force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select, text
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects.postgresql import insert

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.storage.errors import Contention, NoDeadline
from consent_registry_server.storage.schema import policy_activation, policy_version
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.times import to_timestamp

# Replicas start together: only the first of them notes that the policy came into force.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('policy_activation', 10))")

# By number, not by time: what a server stored whose clock is ahead must not outlive the next one.
_activations = select(policy_activation.c.version).order_by(
    policy_activation.c.activation_number.desc()
)


class PostgresPolicyVersions:
    """Keeps policies in PostgreSQL; see `PolicyVersions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def activate(self, version: str, files: Mapping[str, str], *, at_us: int) -> None:
        """Stores that a policy is in force from now on; does nothing when it already is.

        Raises:
            Unavailable: CONTENTION, when another server keeps its own activation open.
        """
        try:
            with self._database.transaction(NoDeadline()) as connection:
                connection.execute(_LOCK)
                _activate(connection, version, files, at_us=at_us)
        except Contention:
            message = "another server is storing its policy"
            raise Unavailable("CONTENTION", message) from None

    def version_at(self, at_us: int) -> str | None:
        """Returns the version in force at an instant; None before the first."""
        was_active = policy_activation.c.activated_at <= to_timestamp(at_us)
        with self._database.transaction(NoDeadline()) as connection:
            version: str | None = connection.scalar(_activations.where(was_active).limit(1))
        return version

    def files(self, version: str) -> dict[str, str] | None:
        """Returns the files of a policy by name, or None."""
        query = select(policy_version.c.files).where(policy_version.c.version == version)
        with self._database.transaction(NoDeadline()) as connection:
            files: dict[str, Any] | None = connection.scalar(query)
        return files


def _activate(
    connection: Connection, version: str, files: Mapping[str, str], *, at_us: int
) -> None:
    at = to_timestamp(at_us)
    if connection.scalar(_activations.limit(1)) == version:
        return
    row = {"version": version, "files": dict(files), "stored_at": at}
    connection.execute(insert(policy_version).on_conflict_do_nothing(), row)
    connection.execute(insert_into(policy_activation), {"version": version, "activated_at": at})
