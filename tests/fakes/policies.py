"""Policies that were in force, kept in memory."""

from __future__ import annotations

from collections.abc import Mapping

from consent_registry_server.domain.errors import Unavailable


class FakePolicyVersions:
    """Keeps policies as `PolicyVersions` promises; `is_down` makes it unavailable."""

    def __init__(self) -> None:
        self.is_down = False
        self.activations: list[tuple[int, str]] = []
        self._files: dict[str, dict[str, str]] = {}

    def activate(self, version: str, files: Mapping[str, str], *, at_us: int) -> None:
        """See `PolicyVersions`."""
        self._require_answer()
        if not self.activations or self.activations[-1][1] != version:
            self._files.setdefault(version, dict(files))
            self.activations.append((at_us, version))

    def version_at(self, at_us: int) -> str | None:
        """See `PolicyVersions`."""
        self._require_answer()
        known = [version for activated_us, version in self.activations if activated_us <= at_us]
        return known[-1] if known else None

    def files(self, version: str) -> dict[str, str] | None:
        """See `PolicyVersions`."""
        self._require_answer()
        return self._files.get(version)

    def _require_answer(self) -> None:
        if self.is_down:
            raise Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")
