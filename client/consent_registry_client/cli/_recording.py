"""`consentctl recording`: may this call be recorded?"""

from typing import Annotated, cast

import typer

from consent_registry.v1.decision_pb2 import View
from consent_registry.v1.decision_service_pb2 import CallDirection, CallLine
from consent_registry_client.cli._check import exit_of_answer, show_answer
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._groups import Person, Proof, RequestId, Statement
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._words import DIRECTIONS, LINES
from consent_registry_client.cli._write import show_receipt

recording = typer.Typer(no_args_is_help=True, help="The recording of calls.")


@recording.command()
@grouped
def check(
    context: typer.Context,
    *,
    controller: Controller,
    line: Annotated[
        int, typer.Option(parser=LINES.parse, metavar="LINE", help=f"One of {LINES.listed}.")
    ],
    direction: Annotated[
        int,
        typer.Option(
            parser=DIRECTIONS.parse, metavar="DIRECTION", help=f"One of {DIRECTIONS.listed}."
        ),
    ],
    person: Person,
    full: Annotated[bool, typer.Option("--full", help="Show all grounds.")] = False,
    as_json: AsJson = False,
) -> int:
    """Tell whether a call may be recorded; ask before the recording starts.

    Exits with 0 when it may, 1 when it may not, 2 when the question is wrong and 3 when there is no
    answer, which means: do not record.
    """
    with client_of(context) as client:
        answer = client.may_record(
            controller=controller,
            line=cast("CallLine.ValueType", line),
            direction=cast("CallDirection.ValueType", direction),
            subject=person.subject(),
            view=View.VIEW_FULL if full else View.VIEW_BASIC,
        )
    show_answer(answer, as_json=as_json, retention_months=answer.retention_months)
    return exit_of_answer(answer)


@recording.command("object")
@grouped
def object_to(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    statement: Statement,
    proof: Proof,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Record an objection to the recording of calls with customer service."""
    with client_of(context) as client:
        response = client.object_to_call_recording(
            controller=controller,
            subject=person.subject(),
            expression=statement.expression(),
            evidence=proof.evidence(),
            request_id=request_id,
        )
    show_receipt(response, response, as_json=as_json)
    return Exit.OK


@recording.command()
@grouped
def lift(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    statement: Statement,
    proof: Proof,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Lift recording objections, for the named contact points only; needs a proof."""
    with client_of(context) as client:
        response = client.lift_call_recording_objection(
            controller=controller,
            subject=person.subject(),
            expression=statement.expression(),
            evidence=proof.evidence(),
            request_id=request_id,
        )
    show_receipt(response, response, as_json=as_json)
    return Exit.OK
