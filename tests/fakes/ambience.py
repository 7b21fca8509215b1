"""A clock, a digester and a deadline that do as they are told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from consent_registry_server.domain.vocabulary import EntryId


class HashDigester:
    """Digests without a key: equal forms meet, different ones do not."""

    def digest(self, form: bytes) -> bytes:
        """See `Digester`."""
        return hashlib.blake2b(form, digest_size=16).digest()


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    now_us: int

    def __call__(self) -> int:
        """See `Clock`."""
        return self.now_us


@dataclass(frozen=True)
class FixedDeadline:
    """So many seconds are always left; None for no deadline."""

    left_s: float | None = None

    def remaining_s(self) -> float | None:
        """See `Deadline`."""
        return self.left_s


NO_DEADLINE = FixedDeadline()
PASSED = FixedDeadline(-0.001)


def counted_ids() -> Callable[[], EntryId]:
    """Ids 1, 2, 3..., so that a test can name an entry."""
    numbers = count(1)
    return lambda: EntryId(UUID(int=next(numbers)))
