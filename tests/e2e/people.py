"""Made-up people, no two of them with a contact point in common, and what they say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.contact_pb2 import Channel, ContactPoint, PostalAddress, Subject
from consent_registry.v1.entry_pb2 import Evidence, Expression, Precision, Source
from consent_registry.v1.registry_service_pb2 import (
    AddDoNotContactRequest,
    RecordConsentRequest,
    WithdrawConsentRequest,
)

FRANCE: Final = "alarm-fr"
MARKETING: Final = "direct_marketing"
PARIS: Final = "Europe/Paris"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody nobody else in the tests has anything in common with."""

    number: int

    @property
    def email(self) -> ContactPoint:
        return email(f"person-{self.number}@example.com")

    @property
    def phone(self) -> ContactPoint:
        return phone(f"+3363998{self.number:04}")

    @property
    def second_phone(self) -> ContactPoint:
        return phone(f"+3319900{self.number:04}")

    @property
    def british_phone(self) -> ContactPoint:
        """One that is reserved for fiction, too; no policy here has rules for its country."""
        return phone(f"+447700900{self.number % 1000:03}")

    def home(self, unit: str = "") -> ContactPoint:
        return address(street=f"{self.number} rue des Lilas", unit=unit)


def somebody() -> Person:
    """A person nobody has heard of yet."""
    return Person(next(_numbers))


def email(typed: str) -> ContactPoint:
    return ContactPoint(email=typed)


def phone(typed: str, region: str = "") -> ContactPoint:
    point = ContactPoint()
    point.phone.number = typed
    point.phone.region = region
    return point


def address(*, street: str, unit: str = "") -> ContactPoint:
    dwelling = PostalAddress(
        country="FR", postal_code="75011", locality="Paris", street=street, unit=unit
    )
    return ContactPoint(address=dwelling)


def subject(*points: ContactPoint) -> Subject:
    return Subject(contact_points=points)


def paris(year: int, month: int, day: int, hour: int = 12) -> datetime:
    """An hour on a clock in Paris."""
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(PARIS))


def timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant.astimezone(UTC))
    return message


def said(
    instant: datetime | None = None,
    source: Source.ValueType = Source.SOURCE_WEB_FORM,
    *,
    precision: Precision.ValueType = Precision.PRECISION_INSTANT,
) -> Expression:
    """When and where something was said; now, unless an instant is given."""
    return Expression(
        expressed_at=timestamp(instant or datetime.now(UTC)),
        precision=precision,
        time_zone=PARIS,
        source=source,
    )


def proof() -> Evidence:
    """All that a consent needs to be proven."""
    return Evidence(text="Oui, je souhaite recevoir des offres.", form_id="site-1")


def consent(
    *points: ContactPoint,
    channels: Sequence[Channel.ValueType],
    at: datetime | None = None,
    until: datetime | None = None,
) -> RecordConsentRequest:
    """A proven consent to direct marketing."""
    return RecordConsentRequest(
        controller=FRANCE,
        request_id=str(uuid4()),
        subject=subject(*points),
        channels=channels,
        purposes=[MARKETING],
        expression=said(at),
        evidence=proof(),
        expires_at=None if until is None else timestamp(until),
    )


def opt_out(
    *points: ContactPoint,
    channels: Sequence[Channel.ValueType] = (),
    expression: Expression | None = None,
) -> AddDoNotContactRequest:
    """A do-not-contact request: everything on every channel, unless some are named."""
    return AddDoNotContactRequest(
        controller=FRANCE,
        request_id=str(uuid4()),
        subject=subject(*points),
        channels=channels,
        expression=expression or said(source=Source.SOURCE_CALL_CENTRE),
    )


def withdrawal(
    *points: ContactPoint,
    channels: Sequence[Channel.ValueType] = (),
    at: datetime | None = None,
) -> WithdrawConsentRequest:
    """The withdrawal of consents."""
    return WithdrawConsentRequest(
        controller=FRANCE,
        request_id=str(uuid4()),
        subject=subject(*points),
        channels=channels,
        expression=said(at),
    )
