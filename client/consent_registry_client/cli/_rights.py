"""`consentctl rights` and `consentctl audit`: what people asked for, and who looked at them."""

from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Annotated, cast

import typer

from consent_registry.v1.subject_service_pb2 import (
    Access,
    GetRightsRequestResponse,
    RightsRequest,
    RightsRequestKind,
    RightsRequestOutcome,
    RightsRequestState,
)
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._groups import Person, RequestId
from consent_registry_client.cli._identity import subject_lines
from consent_registry_client.cli._officer import Accountable, Actor, Limit
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import as_dict, print_json, print_line, print_table, say
from consent_registry_client.cli._times import day_option, shown
from consent_registry_client.cli._words import (
    ACCESS_OPERATIONS,
    RIGHTS_REQUEST_KINDS,
    RIGHTS_REQUEST_OUTCOMES,
)

rights = typer.Typer(no_args_is_help=True, help="Rights requests, due in 30 days.")

RightsRequestArgument = Annotated[str, typer.Argument(metavar="REQUEST")]


@rights.command("open")
@grouped
def open_request(
    context: typer.Context,
    *,
    controller: Controller,
    kind: Annotated[
        int,
        typer.Option(
            parser=RIGHTS_REQUEST_KINDS.parse,
            metavar="KIND",
            help=f"One of {RIGHTS_REQUEST_KINDS.listed}.",
        ),
    ],
    received_on: Annotated[
        date, typer.Option(parser=day_option, metavar="DAY", help="YYYY-MM-DD.")
    ],
    actor: Actor,
    person: Person,
    note: Annotated[str, typer.Option(help="What was said.")] = "",
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Take down what a person asked for; a name suffices to tell who."""
    with client_of(context) as client:
        response = client.open_rights_request(
            controller=controller,
            kind=cast("RightsRequestKind.ValueType", kind),
            received_on=received_on,
            actor=actor,
            subject=person.subject(),
            note=note,
            request_id=request_id,
        )
    _show(response.rights_request, as_json=as_json)
    return Exit.OK


@rights.command()
@grouped
def delay(
    context: typer.Context,
    *,
    rights_request_id: RightsRequestArgument,
    controller: Controller,
    due_on: Annotated[
        date,
        typer.Option(
            parser=day_option, metavar="DAY", help="At most 90 days after it was received."
        ),
    ],
    explanation: Annotated[str, typer.Option(help="The reason that the person was told.")],
    actor: Actor,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Take down that the person was told of a delay; once, and before the request is overdue."""
    with client_of(context) as client:
        response = client.announce_delay(
            controller=controller,
            rights_request_id=rights_request_id,
            due_on=due_on,
            explanation=explanation,
            actor=actor,
            request_id=request_id,
        )
    _show(response.rights_request, as_json=as_json)
    return Exit.OK


@rights.command()
@grouped
def close(
    context: typer.Context,
    *,
    rights_request_id: RightsRequestArgument,
    controller: Controller,
    outcome: Annotated[
        int,
        typer.Option(
            parser=RIGHTS_REQUEST_OUTCOMES.parse,
            metavar="OUTCOME",
            help=f"One of {RIGHTS_REQUEST_OUTCOMES.listed}.",
        ),
    ],
    actor: Actor,
    identity_confirmed: Annotated[
        bool, typer.Option("--identity-confirmed", help="We made sure who asked.")
    ] = False,
    explanation: Annotated[str, typer.Option(help="What the person was told.")] = "",
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Take down how a request ended."""
    with client_of(context) as client:
        response = client.close_rights_request(
            controller=controller,
            rights_request_id=rights_request_id,
            outcome=cast("RightsRequestOutcome.ValueType", outcome),
            actor=actor,
            identity_confirmed=identity_confirmed,
            explanation=explanation,
            request_id=request_id,
        )
    _show(response.rights_request, as_json=as_json)
    return Exit.OK


@rights.command()
@grouped
def show(
    context: typer.Context,
    *,
    rights_request_id: RightsRequestArgument,
    controller: Controller,
    accountable: Accountable,
    as_json: AsJson = False,
) -> int:
    """Show whom a request is of, and what was said; written to the access trail."""
    with client_of(context) as client:
        shown_request = client.get_rights_request(
            controller=controller,
            rights_request_id=rights_request_id,
            access=accountable.access(),
        )
    if as_json:
        print_json(as_dict(shown_request))
    else:
        _print([shown_request.rights_request])
        _print_whose(shown_request)
    return Exit.OK


@rights.command("list")
@grouped
def list_requests(
    context: typer.Context,
    *,
    controller: Controller,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only those that should have been answered.")
    ] = False,
    limit: Limit = 1_000,
    as_json: AsJson = False,
) -> int:
    """List rights requests, those due first.

    With --overdue it exits with 1 when there is any, so that a daily job can raise the alarm.
    """
    state = RightsRequestState.RIGHTS_REQUEST_STATE_UNSPECIFIED
    if is_open:
        state = RightsRequestState.RIGHTS_REQUEST_STATE_OPEN
    if overdue:
        state = RightsRequestState.RIGHTS_REQUEST_STATE_OVERDUE
    with client_of(context) as client:
        listed = list(
            islice(client.list_rights_requests(controller=controller, state=state), limit + 1)
        )
    if as_json:
        print_json([as_dict(one) for one in listed[:limit]])
    else:
        _print(listed[:limit])
    _tell_of_more(listed, limit)
    return Exit.NOT_ALLOWED if overdue and listed else Exit.OK


def audit(
    context: typer.Context,
    *,
    controller: Controller,
    entry: Annotated[str, typer.Option(help="Only accesses to this one entry.")] = "",
    limit: Limit = 1_000,
    as_json: AsJson = False,
) -> int:
    """List who saw or changed clear identities, and why, the newest first."""
    with client_of(context) as client:
        listed = list(
            islice(client.list_accesses(controller=controller, entry_id=entry), limit + 1)
        )
    if as_json:
        print_json([as_dict(one) for one in listed[:limit]])
    else:
        print_table(
            ["when", "actor", "operation", "entry", "key", "reason"],
            (
                [
                    shown(one.accessed_at),
                    one.actor,
                    ACCESS_OPERATIONS.word(one.operation),
                    one.entry_id,
                    one.caller_id,
                    one.reason,
                ]
                for one in listed[:limit]
            ),
        )
    _tell_of_more(listed, limit)
    return Exit.OK


def _tell_of_more(listed: list[RightsRequest] | list[Access], limit: int) -> None:
    if len(listed) > limit:
        say(f"there are more than these {limit}: raise --limit")


def _show(request: RightsRequest, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(request))
    else:
        _print([request])


def _print(requests: Iterable[RightsRequest]) -> None:
    print_table(
        ["request", "kind", "received", "due", "state"],
        (
            [
                one.rights_request_id,
                RIGHTS_REQUEST_KINDS.word(one.kind),
                one.received_on,
                one.due_on,
                _state(one),
            ]
            for one in requests
        ),
    )


def _print_whose(shown_request: GetRightsRequestResponse) -> None:
    for label, value in subject_lines(shown_request.subject):
        print_line(f"{label}: {value}")
    for note in shown_request.notes:
        told = f": {note.text}" if note.text else ""
        # A text of several lines must not look like lines of ours.
        line = f"{shown(note.taken_down_at)} {note.actor}{told}"
        print_line(line.replace("\n", "\n  "))


def _state(request: RightsRequest) -> str:
    if request.outcome:
        return RIGHTS_REQUEST_OUTCOMES.word(request.outcome).replace("_", " ")
    state = "OVERDUE" if request.overdue else "open"
    return f"{state}, delay announced" if shown(request.delayed_at) else state
