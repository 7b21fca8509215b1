"""`consentctl record`, `withdraw` and `dnc`: what a person said."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

import typer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.registry_service_pb2 import RecordConsentResponse
from consent_registry_client._arguments import Consent, OptOut
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._groups import (
    Channels,
    Person,
    Proof,
    Purposes,
    RequestId,
    Statement,
    channels_of,
)
from consent_registry_client.cli._receipt import ReceiptFile
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import as_dict, print_json, print_line, say
from consent_registry_client.cli._times import instant_option, shown
from consent_registry_client.cli._words import CHANNELS

dnc = typer.Typer(no_args_is_help=True, help="Do-not-contact entries.")


class Receipt(Protocol):
    """What every write answers."""

    entry_id: str

    @property
    def recorded_at(self) -> Timestamp: ...


class OptOutReceipt(Protocol):
    """What an opt-out answers."""

    @property
    def unenforceable_channels(self) -> Sequence[int]: ...
    @property
    def indirect_channels(self) -> Sequence[int]: ...
    @property
    def kept_by_digits(self) -> Sequence[int]: ...


def record(
    context: typer.Context,
    *,
    controller: Controller,
    channel: Channels,
    purpose: Purposes,
    person: Person,
    statement: Statement,
    proof: Proof,
    expires_at: Annotated[
        datetime | None,
        typer.Option(parser=instant_option, metavar="TIME", help="Default: by the rule."),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write a signed consent receipt, for the person; must not exist.",
        ),
    ] = None,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Record a consent, with its proof."""
    consent = Consent(
        controller=controller,
        subject=person.subject(),
        channels=channels_of(channel),
        purposes=purpose,
        expression=statement.expression(),
        evidence=proof.evidence(),
        request_id=request_id,
    )
    if expires_at is not None:
        consent["expires_at"] = expires_at
    if receipt is None:
        with client_of(context) as client:
            response = client.record_consent(**consent)
    else:
        response = _with_receipt(context, consent, receipt)
    show_receipt(response, response, as_json=as_json)
    if not response.proven:
        say("the proof is incomplete: this consent permits nothing where a consent is required")
    return Exit.OK


def _with_receipt(context: typer.Context, consent: Consent, path: Path) -> RecordConsentResponse:
    """Records a consent and keeps its receipt, in the file and nowhere else."""
    consent["issue_receipt"] = True
    file = ReceiptFile(path)
    try:
        with client_of(context) as client:
            response = client.record_consent(**consent)
        file.keep(response.receipt)
    except BaseException:
        file.discard()
        raise
    response.ClearField("receipt")
    return response


def withdraw(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    statement: Statement,
    proof: Proof,
    channel: Channels = [],  # noqa: B006 - Typer copies it.
    purpose: Purposes = [],  # noqa: B006
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Withdraw consents; without --channel or --purpose: all of them."""
    opt_out = OptOut(
        controller=controller,
        subject=person.subject(),
        channels=channels_of(channel),
        purposes=purpose,
        expression=statement.expression(),
        evidence=proof.evidence(),
        request_id=request_id,
    )
    with client_of(context) as client:
        response = client.withdraw_consent(**opt_out)
    show_receipt(response, response, as_json=as_json)
    warn_of_gaps(response)
    return Exit.OK


@dnc.command()
@grouped
def add(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    statement: Statement,
    proof: Proof,
    channel: Channels = [],  # noqa: B006 - Typer copies it.
    purpose: Purposes = [],  # noqa: B006
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Record a do-not-contact request; without --channel or --purpose: for all of them."""
    opt_out = OptOut(
        controller=controller,
        subject=person.subject(),
        channels=channels_of(channel),
        purposes=purpose,
        expression=statement.expression(),
        evidence=proof.evidence(),
        request_id=request_id,
    )
    with client_of(context) as client:
        response = client.add_do_not_contact(**opt_out)
    show_receipt(response, response, as_json=as_json)
    warn_of_gaps(response)
    return Exit.OK


@dnc.command()
@grouped
def lift(
    context: typer.Context,
    *,
    entry_id: Annotated[str, typer.Argument(metavar="ENTRY", help="The entry to lift.")],
    controller: Controller,
    statement: Statement,
    proof: Proof,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Lift one do-not-contact entry, and nothing else; needs a proof."""
    with client_of(context) as client:
        response = client.lift_do_not_contact(
            controller=controller,
            entry_id=entry_id,
            expression=statement.expression(),
            evidence=proof.evidence(),
            request_id=request_id,
        )
    show_receipt(response, response, as_json=as_json)
    return Exit.OK


def show_receipt(receipt: Receipt, message: Message, *, as_json: bool) -> None:
    """Prints the entry that was stored."""
    if as_json:
        print_json(as_dict(message))
    else:
        print_line(f"{receipt.entry_id} stored {shown(receipt.recorded_at)}")


def warn_of_gaps(receipt: OptOutReceipt) -> None:
    """Tells on standard error where an opt-out cannot be honoured as it was meant."""
    if receipt.unenforceable_channels:
        say(
            "stored, yet nothing in it can match on: "
            + ", ".join(CHANNELS.word(one) for one in receipt.unenforceable_channels)
        )
    if receipt.indirect_channels:
        say(
            "matches only when the question names its other contact points, on: "
            + ", ".join(CHANNELS.word(one) for one in receipt.indirect_channels)
        )
    if receipt.kept_by_digits:
        say("a phone number could not be read: it matches only a question with the same digits")
