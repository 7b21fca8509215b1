"""`consentctl subject`: what is held about a person, and their rights to it."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, cast

import typer

from consent_registry.v1.subject_service_pb2 import (
    EraseSubjectResponse,
    HoldChange,
    RestrictionGround,
)
from consent_registry_client import number_correction, point_correction
from consent_registry_client._arguments import Rectification, RetentionChange
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._groups import Person, RequestId, Statement
from consent_registry_client.cli._identity import print_found
from consent_registry_client.cli._officer import Accountable, Limit
from consent_registry_client.cli._private_files import require_writable, write_private
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import as_dict, print_json, print_line, print_table, say
from consent_registry_client.cli._times import day_option, instant_option
from consent_registry_client.cli._words import (
    ENTRY_KINDS,
    ERASURE_OUTCOMES,
    RESTRICTION_GROUNDS,
)
from consent_registry_client.cli._write import show_receipt

subject = typer.Typer(no_args_is_help=True, help="What is held about a person; needs a reason.")

_WRONG = "What is wrong"
EntryArgument = Annotated[str, typer.Argument(metavar="ENTRY")]


def _wrong(help_text: str = "") -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=help_text, rich_help_panel=_WRONG)
    return option


@dataclass(slots=True, kw_only=True)
class Wrong:
    """The one contact point or customer number that is wrong."""

    wrong_email: Annotated[str, _wrong()] = ""
    wrong_phone: Annotated[str, _wrong()] = ""
    wrong_region: Annotated[str, _wrong("Of a national phone number, e.g. FR.")] = ""
    wrong_handle: Annotated[str, _wrong("PLATFORM:NAME.")] = ""
    wrong_country: Annotated[str, _wrong("Of the address, e.g. FR.")] = ""
    wrong_postal_code: Annotated[str, _wrong("Of the address.")] = ""
    wrong_locality: Annotated[str, _wrong("Of the address.")] = ""
    wrong_street: Annotated[str, _wrong("House number and street.")] = ""
    wrong_unit: Annotated[str, _wrong("Apartment, door or flat.")] = ""
    wrong_customer_number: Annotated[str, _wrong()] = ""

    def person(self) -> Person:
        """Returns it as the options of a person."""
        return Person(
            email=[self.wrong_email] if self.wrong_email else [],
            phone=[self.wrong_phone] if self.wrong_phone else [],
            region=self.wrong_region,
            handle=[self.wrong_handle] if self.wrong_handle else [],
            country=self.wrong_country,
            postal_code=self.wrong_postal_code,
            locality=self.wrong_locality,
            street=self.wrong_street,
            unit=self.wrong_unit,
            customer_number=self.wrong_customer_number,
        )


@dataclass(slots=True, kw_only=True)
class Change:
    """What becomes of an identity: exactly one of these."""

    keep_until: Annotated[
        date | None,
        typer.Option(parser=day_option, metavar="DAY", help="The last day it is kept."),
    ] = None
    hold: Annotated[
        bool, typer.Option("--hold", help="Stop its expiry and erasure: a legal hold.")
    ] = False
    release: Annotated[bool, typer.Option("--release", help="Lift the hold.")] = False


@subject.command()
@grouped
def find(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    accountable: Accountable,
    limit: Limit = 1_000,
    as_json: AsJson = False,
) -> int:
    """Show a person's entries with the clear identity that is left, the newest first."""
    asked = person.subject()
    with client_of(context) as client:
        found = list(
            islice(
                client.find_subject(
                    controller=controller, subject=asked, access=accountable.access()
                ),
                limit + 1,
            )
        )
    if as_json:
        print_json([as_dict(one) for one in found[:limit]])
    else:
        print_found(found[:limit], asked)
    if not found:
        say("nobody found")
    if len(found) > limit:
        say(f"there are more than these {limit}: raise --limit")
    return Exit.OK


@subject.command()
@grouped
def export(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    accountable: Accountable,
    json: Annotated[Path, typer.Option(metavar="FILE", help="Write everything here, as JSON.")],
    json_ld: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the consents here, as JSON-LD (ISO/IEC 27560)."),
    ] = None,
) -> int:
    """Write a copy of everything held about a person, for the person, to files of yours alone.

    Whatever is not one of the contact points given is redacted, for it may be somebody else's.
    """
    require_writable(json, *([json_ld] if json_ld is not None else []))
    with client_of(context) as client:
        copy = client.export_subject(
            controller=controller, subject=person.subject(), access=accountable.access()
        )
    contents = {json: copy.json}
    if json_ld is not None:
        contents[json_ld] = copy.json_ld
    write_private(contents)
    print_line(f"{copy.entry_count} entries in {', '.join(str(path) for path in contents)}")
    return Exit.OK


@subject.command()
@grouped
def rectify(
    context: typer.Context,
    *,
    controller: Controller,
    wrong: Wrong,
    person: Person,
    accountable: Accountable,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Correct a contact point or customer number wherever it stands.

    Give one --wrong-... option and the corrected value by the option without `wrong`. An opt-out
    goes on matching the wrong one too.
    """
    correction = _correction(controller, wrong.person(), person)
    correction["access"] = accountable.access()
    correction["request_id"] = request_id
    with client_of(context) as client:
        response = client.rectify_subject(**correction)
    if as_json:
        print_json(as_dict(response))
    else:
        print_table(
            ["entry", "restated by"],
            ([one.entry_id, one.restated_entry_id] for one in response.entries),
        )
    return Exit.OK


@subject.command()
@grouped
def erase(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    accountable: Accountable,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Erase a person: consents end, identities go, opt-outs stay as keyed digests.

    Asks first. Tells of every entry what is kept of it, and by which law.
    """
    whom = person.subject()
    if not yes and not _confirmed(controller):
        say("nothing was erased: answer yes, or give --yes")
        return Exit.USAGE
    with client_of(context) as client:
        response = client.erase_subject(
            controller=controller,
            subject=whom,
            access=accountable.access(),
            request_id=request_id,
        )
    if as_json:
        print_json(as_dict(response))
    else:
        _print_erased(response)
    return Exit.OK


@subject.command()
@grouped
def restrict(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    ground: Annotated[
        int,
        typer.Option(
            parser=RESTRICTION_GROUNDS.parse,
            metavar="GROUND",
            help=f"One of {RESTRICTION_GROUNDS.listed}.",
        ),
    ],
    statement: Statement,
    accountable: Accountable,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Restrict the processing of a person's data: no contact until the restriction is lifted."""
    with client_of(context) as client:
        response = client.restrict_processing(
            controller=controller,
            subject=person.subject(),
            ground=cast("RestrictionGround.ValueType", ground),
            expression=statement.expression(),
            access=accountable.access(),
            request_id=request_id,
        )
    show_receipt(response, response, as_json=as_json)
    if response.kept_by_digits:
        say("a phone number could not be read: it matches only a question with the same digits")
    return Exit.OK


@subject.command("lift-restriction")
@grouped
def lift_restriction(
    context: typer.Context,
    *,
    entry_id: EntryArgument,
    controller: Controller,
    informed_at: Annotated[
        datetime,
        typer.Option(
            parser=instant_option,
            metavar="TIME",
            help="When the person was told that it would be lifted; ISO 8601 with its offset.",
        ),
    ],
    accountable: Accountable,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Lift one restriction, after the person was informed (art. 18(3))."""
    with client_of(context) as client:
        response = client.lift_restriction(
            controller=controller,
            entry_id=entry_id,
            subject_informed_at=informed_at,
            access=accountable.access(),
            request_id=request_id,
        )
    show_receipt(response, response, as_json=as_json)
    return Exit.OK


@subject.command()
@grouped
def retention(
    context: typer.Context,
    *,
    entry_id: EntryArgument,
    controller: Controller,
    change: Change,
    accountable: Accountable,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Change until when the identity of one entry is kept, or place or lift a legal hold."""
    if (change.keep_until is not None) + change.hold + change.release != 1:
        raise typer.BadParameter("one of --keep-until, --hold and --release, and only one")
    wanted = RetentionChange(
        controller=controller,
        entry_id=entry_id,
        access=accountable.access(),
        request_id=request_id,
    )
    if change.keep_until is not None:
        wanted["keep_until"] = change.keep_until
    else:
        placed, lifted = HoldChange.HOLD_CHANGE_PLACE, HoldChange.HOLD_CHANGE_LIFT
        wanted["hold"] = placed if change.hold else lifted
    with client_of(context) as client:
        response = client.set_retention(**wanted)
    if as_json:
        print_json(as_dict(response))
    else:
        held = ", under a hold" if response.held else ""
        print_line(f"{response.entry_id} kept until {response.identity_expires_on}{held}")
    return Exit.OK


def _correction(controller: str, wrong: Person, corrected: Person) -> Rectification:
    """What is to be corrected, without who does it."""
    numbers = (wrong.customer_number, corrected.customer_number)
    points = (wrong.contact_points(), corrected.contact_points())
    correction = cast("Rectification", {"controller": controller})
    if all(len(each) == 1 for each in points) and not any(numbers):
        correction["contact_point"] = point_correction(points[0][0], points[1][0])
    elif all(numbers) and not any(points):
        correction["customer_number"] = number_correction(*numbers)
    else:
        raise typer.BadParameter("one --wrong-... and its correction, both of the same kind")
    return correction


def _confirmed(controller: str) -> bool:
    question = f"Erase this person at {controller}? Consents end; it cannot be undone."
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        # There is nobody to ask.
        return False


def _print_erased(response: EraseSubjectResponse) -> None:
    print_table(
        ["entry", "kind", "outcome", "kept by"],
        (
            [
                one.entry_id,
                ENTRY_KINDS.word(one.kind),
                ERASURE_OUTCOMES.word(one.outcome).replace("_", " "),
                one.citation,
            ]
            for one in response.entries
        ),
    )
