"""Microseconds since the Unix epoch to and from the database's timestamps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@overload
def to_timestamp(instant_us: int) -> datetime: ...
@overload
def to_timestamp(instant_us: int | None) -> datetime | None: ...
def to_timestamp(instant_us: int | None) -> datetime | None:
    """The instant as the driver takes it, exact to the microsecond."""
    return None if instant_us is None else _EPOCH + timedelta(microseconds=instant_us)


@overload
def to_microseconds(instant: datetime) -> int: ...
@overload
def to_microseconds(instant: datetime | None) -> int | None: ...
def to_microseconds(instant: datetime | None) -> int | None:
    """The instant as the domain counts it."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND
