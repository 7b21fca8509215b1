"""Between the base digests of the service and the stored ones, which went through further keys.

Digest keys nest: a digest of version 1 is the base digest, under the first key alone; one of
version n went through the keys 2 to n on top, H(kn, ... H(k2, base)), so that it can be carried
over when nobody knows any more what was digested. Every row of `contact_point` and
`write_request` says its version, and the row of `registry` bounds those that occur: none is below
`digest_oldest` or above `digest_newest` in any state of the database. They differ only while a
rotation is under way (`rotation`).

**To look up** by digests, call `StoredDigests.find` with the contact points, which have base
digests, and a function that runs a query: it gets a `Lookup`, asks for `lookup.wides`, and returns
the range with what was found, *both from one statement*, because only then no row can have left
the range that was looked up. `find` repeats when the range turns out to be wider than that. What
was found is told in base digests by `lookup.base_wide` and `lookup.base_exact`.

**To write**, take the range from the claim of the request (`ledger`), which holds the rotation off
until the transaction ends, and store what `StoredDigests.at` returns for its `newest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.service.ports import Digested
from consent_registry_server.storage.keyring import BASE_VERSION, Keyring

T = TypeVar("T")

DIGESTS_LOCK: Final = 0x636F6E73656E7432
"""Advisory: every writer holds it shared until its end, the start of a rotation alone."""


class DigestRange(NamedTuple):
    """The versions of the digests that occur in a state of the database, both ends included."""

    oldest: int
    newest: int

    def covers(self, other: DigestRange) -> bool:
        """Whether every version of the other one is in this one."""
        return self.oldest <= other.oldest and other.newest <= self.newest

    def with_all_of(self, other: DigestRange) -> DigestRange:
        """The narrowest range that covers both."""
        return DigestRange(min(self.oldest, other.oldest), max(self.newest, other.newest))


ONLY_BASE: Final = DigestRange(BASE_VERSION, BASE_VERSION)


CheckKeys = Callable[[Connection | None], None]
"""Returns when the database's digest keys are those of the keyring, as far as they go; uses the
connection it is given. Raises Unavailable, KEYRING_OUTDATED, when they are not."""


class StoredDigests:
    """What a server knows of the stored digests: its keyring, and the range it saw last.

    `check_keys` is asked when a rotation began since: a server's pending key may be another one
    than the one that was rotated to, and would find nothing.
    """

    def __init__(self, keyring: Keyring, seen: DigestRange, check_keys: CheckKeys) -> None:
        self._keyring = keyring
        self._seen = seen
        self._check_keys = check_keys
        self._checked = seen.newest

    @property
    def versions(self) -> int:
        """The newest version that the keyring can compute."""
        return len(self._keyring.digest_keys)

    def at(self, base: bytes, version: int) -> bytes:
        """A base digest as it is stored at a version."""
        return self._keyring.advance(base, BASE_VERSION, version)

    def at_each(self, base: bytes) -> list[bytes]:
        """A base digest at every version that the keyring can compute, from the first on."""
        return list(self.between(base, DigestRange(BASE_VERSION, self.versions)))

    def between(self, base: bytes, versions: DigestRange) -> Iterable[bytes]:
        """A base digest at every version of a range, the oldest first."""
        digest = self._keyring.advance(base, BASE_VERSION, versions.oldest)
        yield digest
        for version in range(versions.oldest, versions.newest):
            digest = self._keyring.advance(digest, version, version + 1)
            yield digest

    def find(
        self,
        points: Sequence[Digested],
        query: Callable[[Lookup], tuple[DigestRange, T]],
    ) -> tuple[T, Lookup]:
        """Runs a query for some contact points, again where the range had widened meanwhile.

        Raises:
            Unavailable: KEYRING_OUTDATED, when there are digests that the keyring cannot compute.
        """
        versions = self._seen
        # Ends, because what is looked up only widens and never beyond the keyring's own keys.
        while True:
            lookup = Lookup(self, points, versions)
            seen, found = query(lookup)
            self.require(seen)
            if versions.covers(seen):
                return found, lookup
            versions = versions.with_all_of(seen)

    def require(self, seen: DigestRange, connection: Connection | None = None) -> None:
        """Notes the range of a state of the database.

        Whoever is inside a transaction gives its connection, so as not to wait for another one.

        Raises:
            Unavailable: KEYRING_OUTDATED, when there are digests that the keyring cannot compute.
        """
        if seen.newest > self.versions:
            raise keyring_outdated()
        if seen.newest > self._checked:
            self._check_keys(connection)
            self._checked = seen.newest
        self._seen = seen


def keyring_outdated() -> Unavailable:
    """The error for a database whose digests went through keys that the keyring does not have."""
    message = "the digest keys were rotated, and this server does not have the new ones"
    return Unavailable("KEYRING_OUTDATED", message)


class Lookup:
    """Some contact points at every version of a range: what is asked for, and what it tells."""

    __slots__ = ("_by_exact", "_by_wide", "_digests", "_points", "_versions", "wides")

    def __init__(
        self, digests: StoredDigests, points: Sequence[Digested], versions: DigestRange
    ) -> None:
        self._digests = digests
        self._points = points
        self._versions = versions
        wides = {point.wide for point in points}
        # While there is one key, a stored digest is the base digest, and costs nothing more.
        self._by_wide = None if versions == ONLY_BASE else self._stored(wides)
        self._by_exact: dict[bytes, bytes] | None = None
        self.wides: list[bytes] = list(wides if self._by_wide is None else self._by_wide)
        """The wide digests to look up as they are stored, each once."""

    def base_wide(self, stored: bytes) -> bytes:
        """The base digest of a wide digest that was found."""
        return stored if self._by_wide is None else self._by_wide[stored]

    def base_exact(self, stored: bytes) -> bytes:
        """The base digest of an exact digest; what none of the points has is left as it is."""
        if self._by_wide is None:
            return stored
        if self._by_exact is None:
            self._by_exact = self._stored({point.exact for point in self._points})
        return self._by_exact.get(stored, stored)

    def _stored(self, bases: Iterable[bytes]) -> dict[bytes, bytes]:
        """The base digests by their stored ones."""
        versions = self._versions
        return {stored: base for base in bases for stored in self._digests.between(base, versions)}
