"""Makes an audience's members of the rows of a file."""

from zoneinfo import ZoneInfo

import typer

from consent_registry.v1.contact_pb2 import CustomerContext
from consent_registry_client import AudienceMember, InvalidRequest, subject, timestamp
from consent_registry_client.cli._check import TARGET_KINDS
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._people import (
    KIND_FIELDS,
    PERSON_FIELDS,
    Defaults,
    RowFault,
    as_fault,
    further_points,
    main_points,
    require_size,
    require_sound,
)
from consent_registry_client.cli._records import Record
from consent_registry_client.cli._times import parse_instant
from consent_registry_client.cli._words import CHANNELS, CONTRACTS, OFFERS, RELATIONSHIPS, Words

_TIMES = ("contract_ended_at", "last_sale_at")
_WORDS = {"relationship": RELATIONSHIPS, "contract": CONTRACTS, "offer": OFFERS}
_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})
CUSTOMER_FIELDS = (*_WORDS, *_TIMES, "informed_at_collection")
AUDIENCE_FIELDS = (*PERSON_FIELDS, *CUSTOMER_FIELDS)


class AudienceRows:
    """The rows of one audience file."""

    def __init__(
        self,
        columns: Columns,
        *,
        channel: int,
        defaults: Defaults,
        customer: CustomerContext,
        zone: ZoneInfo | None,
    ) -> None:
        """Prepares to read rows.

        Raises:
            typer.BadParameter: No column holds what the channel reaches.
        """
        self._columns = columns
        self._kinds = kinds_reached(columns, channel)
        self._defaults = defaults
        self._customer = customer
        self._zone = zone
        self._has_customer = columns.has(*CUSTOMER_FIELDS)

    def member(self, record: Record) -> AudienceMember:
        """Returns the member of a row; raises RowFault when it makes none."""
        require_sound(record)
        try:
            return self._member(record)
        except InvalidRequest as error:
            fault = as_fault(error)
        raise fault

    def _member(self, record: Record) -> AudienceMember:
        points = main_points(record, self._columns, self._defaults)
        kind = next((kind for kind in self._kinds if kind in points), None)
        if kind is None:
            raise RowFault(f"no {' or '.join(self._kinds)}")
        target = points.pop(kind)
        member = AudienceMember(
            target=target,
            subject=subject(
                *points.values(),
                *further_points(record, self._columns, self._defaults),
                name=self._columns.value(record, "name"),
                customer_number=self._columns.value(record, "customer_number"),
            ),
            recipient_country=self._columns.value(record, "country"),
            customer=self._context(record) if self._has_customer else None,
        )
        require_size(member)
        return member

    def _context(self, record: Record) -> CustomerContext:
        """Returns what holds for all, replaced by what the row says."""
        context = CustomerContext()
        context.CopyFrom(self._customer)
        for field, words in _WORDS.items():
            if text := self._columns.value(record, field):
                setattr(context, field, _number(field, text, words))
        for field in _TIMES:
            if text := self._columns.value(record, field):
                instant = parse_instant(text, self._zone)
                if instant is None:
                    raise RowFault(f"{field} is no time")
                getattr(context, field).CopyFrom(timestamp(instant))
        if text := self._columns.value(record, "informed_at_collection").lower():
            if text not in _YES | _NO:
                raise RowFault("informed_at_collection is neither yes nor no")
            context.informed_at_collection = text in _YES
        return context


def kinds_reached(columns: Columns, channel: int) -> tuple[str, ...]:
    """Returns the kinds of contact point that a channel reaches, the preferred one first.

    Raises:
        typer.BadParameter: No column holds any of them.
    """
    kinds = TARGET_KINDS[channel]
    if not any(columns.has(*KIND_FIELDS[kind]) for kind in kinds):
        wanted = ", ".join(KIND_FIELDS[kind][0] for kind in kinds)
        raise typer.BadParameter(
            f"channel {CHANNELS.word(channel)} needs a column {wanted}: "
            "name it in the first line, or with --column"
        )
    return kinds


def _number(field: str, text: str, words: Words) -> int:
    number = words.number(text)
    if number is None:
        raise RowFault(f"{field} is none of: {words.listed}")
    return number
