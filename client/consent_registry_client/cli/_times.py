"""Times as people and files write them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.entry_pb2 import Expression
from consent_registry_client import Source, expressed_at, expressed_on, expressed_sometime

_DATE_LENGTH = len("2026-01-31")


def parse_zone(name: str) -> ZoneInfo:
    """Returns a time zone given on the command line."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter("not the name of an IANA time zone") from None


def parse_instant(text: str, zone: ZoneInfo | None = None) -> datetime | None:
    """Returns an ISO 8601 instant; without an offset it is read in the zone.

    A date alone is its first moment. None: it is no instant, or has neither offset nor zone.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if instant.tzinfo is not None:
        return instant
    if zone is None:
        is_date = len(text.strip()) <= _DATE_LENGTH
        return instant.replace(tzinfo=UTC) if is_date else None
    return instant.replace(tzinfo=zone)


def parse_expression(
    text: str, source: Source.ValueType, zone: ZoneInfo | None
) -> Expression | None:
    """Returns when something was said: an instant, a day, or empty for an unknown time.

    None: the text is neither, or a day or a time without offset comes without a zone.
    """
    if not text.strip():
        return expressed_sometime(source=source)
    if len(text.strip()) > _DATE_LENGTH:
        instant = parse_instant(text, zone)
        if instant is None:
            return None
        return expressed_at(instant, source=source, time_zone="" if zone is None else zone.key)
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return None if zone is None else expressed_on(day, source=source, time_zone=zone.key)


def instant_option(text: str) -> datetime:
    """Returns an instant given on the command line."""
    instant = parse_instant(text)
    if instant is None:
        raise typer.BadParameter("an ISO 8601 time with its offset, e.g. 2026-09-01T12:00:00+02:00")
    return instant


def day_option(text: str) -> date:
    """Returns a day given on the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day as YYYY-MM-DD") from None


def shown(moment: Timestamp) -> str:
    """Returns an instant as ISO 8601 in UTC; empty when it is not set."""
    return moment.ToJsonString() if moment.seconds or moment.nanos else ""


def day_of(moment: Timestamp, zone: str) -> str:
    """Returns the day of an instant in a zone; in UTC where the zone is not known."""
    try:
        known: ZoneInfo | None = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = None
    return moment.ToDatetime(tzinfo=known or UTC).date().isoformat()
