"""The groups of options that several commands share, and the messages they make."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.contact_pb2 import (
    Channel,
    ContactPoint,
    CustomerContext,
    RecipientType,
    Subject,
)
from consent_registry.v1.entry_pb2 import Evidence, Expression, Source
from consent_registry_client import (
    address,
    email,
    expressed_at,
    expressed_on,
    expressed_sometime,
    handle,
    phone,
    subject,
    timestamp,
)
from consent_registry_client.cli._times import day_option, instant_option
from consent_registry_client.cli._words import (
    CHANNELS,
    CONTRACTS,
    OFFERS,
    RELATIONSHIPS,
    SOURCES,
)

_PERSON = "The person"
_TIME = "When and where it was said"
_PROOF = "The proof"
_CUSTOMER = "The customer relationship"


def _text(help_text: str, panel: str) -> Any:  # noqa: ANN401 - What Typer itself declares.
    return typer.Option(help=help_text, rich_help_panel=panel)


Channels = Annotated[
    list[int],
    typer.Option(
        "--channel",
        parser=CHANNELS.parse,
        metavar="CHANNEL",
        help=f"May be repeated: {CHANNELS.listed}.",
    ),
]
Purposes = Annotated[
    list[str],
    typer.Option("--purpose", help="As in the policy, e.g. direct_marketing. May be repeated."),
]
RequestId = Annotated[
    str, typer.Option(help="Makes a repetition the same write. Default: a new one.")
]


@dataclass(slots=True, kw_only=True)
class Person:
    """Who is meant, by whatever is known."""

    email: Annotated[list[str], _text("May be repeated.", _PERSON)] = field(default_factory=list)
    phone: Annotated[list[str], _text("May be repeated.", _PERSON)] = field(default_factory=list)
    region: Annotated[str, _text("Of national phone numbers, e.g. FR.", _PERSON)] = ""
    handle: Annotated[list[str], _text("PLATFORM:NAME. May be repeated.", _PERSON)] = field(
        default_factory=list
    )
    country: Annotated[str, _text("Of the address, e.g. FR.", _PERSON)] = ""
    postal_code: Annotated[str, _text("Of the address.", _PERSON)] = ""
    locality: Annotated[str, _text("Of the address.", _PERSON)] = ""
    street: Annotated[str, _text("House number and street.", _PERSON)] = ""
    unit: Annotated[str, _text("Apartment, door or flat.", _PERSON)] = ""
    customer_number: Annotated[str, _text("The controller's.", _PERSON)] = ""
    name: Annotated[str, _text("Kept as proof, never compared.", _PERSON)] = ""

    def contact_points(self) -> list[ContactPoint]:
        """Returns all contact points, those of one kind in the order given."""
        points = [email(one) for one in self.email]
        points += [phone(one, region=self.region) for one in self.phone]
        for one in self.handle:
            platform, separator, name = one.partition(":")
            if not separator:
                raise typer.BadParameter("--handle is PLATFORM:NAME")
            points.append(handle(platform, name))
        if self.postal_code or self.street:
            points.append(
                address(
                    country=self.country,
                    postal_code=self.postal_code,
                    locality=self.locality,
                    street=self.street,
                    unit=self.unit,
                )
            )
        return points

    def subject(self) -> Subject:
        """Returns the person."""
        return subject(*self.contact_points(), name=self.name, customer_number=self.customer_number)


@dataclass(slots=True, kw_only=True)
class Statement:
    """When and where something was said; by default now."""

    source: Annotated[
        int,
        typer.Option(
            parser=SOURCES.parse,
            metavar="SOURCE",
            help=f"One of {SOURCES.listed}.",
            rich_help_panel=_TIME,
        ),
    ]
    said_at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant_option,
            metavar="TIME",
            help="ISO 8601 with its offset. Default: now.",
            rich_help_panel=_TIME,
        ),
    ] = None
    said_on: Annotated[
        date | None,
        typer.Option(
            parser=day_option,
            metavar="DAY",
            help="YYYY-MM-DD, when only the day is known.",
            rich_help_panel=_TIME,
        ),
    ] = None
    undated: Annotated[
        bool, typer.Option("--undated", help="The time is not known.", rich_help_panel=_TIME)
    ] = False
    time_zone: Annotated[str, _text("Of the day, e.g. Europe/Paris.", _TIME)] = ""

    def expression(self) -> Expression:
        """Returns the expression of will."""
        source = cast("Source.ValueType", self.source)
        if (self.said_at is not None) + (self.said_on is not None) + self.undated > 1:
            raise typer.BadParameter("only one of --said-at, --said-on and --undated")
        if self.undated:
            return expressed_sometime(source=source)
        if self.said_on is not None:
            if not self.time_zone:
                raise typer.BadParameter("--said-on needs --time-zone")
            return expressed_on(self.said_on, source=source, time_zone=self.time_zone)
        return expressed_at(
            self.said_at or datetime.now(UTC), source=source, time_zone=self.time_zone
        )


@dataclass(slots=True, kw_only=True)
class Proof:
    """What proves it."""

    notice_version: Annotated[str, _text("Of the privacy notice shown.", _PROOF)] = ""
    text: Annotated[str, _text("The exact text shown or read out.", _PROOF)] = ""
    text_file: Annotated[Path | None, _text("A file that holds that text, in UTF-8.", _PROOF)] = (
        None
    )
    form_id: Annotated[str, _text("Of the form or call script, with its version.", _PROOF)] = ""
    agent: Annotated[str, _text("Who took it down.", _PROOF)] = ""
    artefact_uri: Annotated[str, _text("Of the recording, scan or screenshot.", _PROOF)] = ""
    third_party: Annotated[str, _text("Whose form it was.", _PROOF)] = ""
    note: Annotated[str, _text("Anything else worth keeping.", _PROOF)] = ""

    def evidence(self) -> Evidence:
        """Returns the evidence."""
        if self.text and self.text_file is not None:
            raise typer.BadParameter("only one of --text and --text-file")
        return Evidence(
            notice_version=self.notice_version,
            text=self.text if self.text_file is None else _content(self.text_file),
            form_id=self.form_id,
            agent=self.agent,
            artefact_uri=self.artefact_uri,
            third_party=self.third_party,
            note=self.note,
        )


@dataclass(slots=True, kw_only=True)
class Customer:
    """What is known of the customer relationship, and of the recipient."""

    relationship: Annotated[
        int | None,
        typer.Option(
            parser=RELATIONSHIPS.parse,
            metavar="WORD",
            help=RELATIONSHIPS.listed,
            rich_help_panel=_CUSTOMER,
        ),
    ] = None
    contract: Annotated[
        int | None,
        typer.Option(
            parser=CONTRACTS.parse,
            metavar="WORD",
            help=CONTRACTS.listed,
            rich_help_panel=_CUSTOMER,
        ),
    ] = None
    contract_ended_at: Annotated[
        datetime | None,
        typer.Option(parser=instant_option, metavar="TIME", rich_help_panel=_CUSTOMER),
    ] = None
    last_sale_at: Annotated[
        datetime | None,
        typer.Option(parser=instant_option, metavar="TIME", rich_help_panel=_CUSTOMER),
    ] = None
    informed_at_collection: Annotated[
        bool,
        typer.Option(
            "--informed-at-collection",
            help="They were told of the marketing and could object.",
            rich_help_panel=_CUSTOMER,
        ),
    ] = False
    offer: Annotated[
        int | None,
        typer.Option(
            parser=OFFERS.parse,
            metavar="WORD",
            help=OFFERS.listed,
            rich_help_panel=_CUSTOMER,
        ),
    ] = None
    business: Annotated[
        bool,
        typer.Option("--business", help="Reached in their profession.", rich_help_panel=_CUSTOMER),
    ] = False

    def context(self) -> CustomerContext:
        """Returns the customer relationship."""
        return CustomerContext(
            relationship=cast("CustomerContext.Relationship.ValueType", self.relationship or 0),
            contract=cast("CustomerContext.Contract.ValueType", self.contract or 0),
            contract_ended_at=_moment(self.contract_ended_at),
            last_sale_at=_moment(self.last_sale_at),
            informed_at_collection=self.informed_at_collection,
            offer=cast("CustomerContext.Offer.ValueType", self.offer or 0),
        )

    def recipient_type(self) -> RecipientType.ValueType:
        """Returns whether a consumer or a business is reached."""
        if self.business:
            return RecipientType.RECIPIENT_TYPE_BUSINESS
        return RecipientType.RECIPIENT_TYPE_CONSUMER


def channels_of(numbers: list[int]) -> list[Channel.ValueType]:
    """Returns the channels of their option."""
    return cast("list[Channel.ValueType]", numbers)


def _moment(instant: datetime | None) -> Timestamp | None:
    return None if instant is None else timestamp(instant)


def _content(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter("--text-file is not UTF-8") from None
