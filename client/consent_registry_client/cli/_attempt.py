"""`consentctl attempt`: may this call or visit be made, and what became of it?"""

from typing import Annotated, cast

import typer

from consent_registry.v1.contact_pb2 import Channel
from consent_registry.v1.decision_pb2 import View
from consent_registry.v1.entry_pb2 import AttemptOutcome
from consent_registry_client import subject
from consent_registry_client.cli._check import (
    Purpose,
    SingleChannel,
    exit_of_answer,
    show_answer,
    split_target,
)
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._groups import Customer, Person, RequestId
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import say
from consent_registry_client.cli._words import ATTEMPT_OUTCOMES
from consent_registry_client.cli._write import show_receipt

attempt = typer.Typer(no_args_is_help=True, help="Calls and door visits that are counted.")


@attempt.command()
@grouped
def reserve(
    context: typer.Context,
    *,
    controller: Controller,
    channel: SingleChannel,
    purpose: Purpose,
    person: Person,
    customer: Customer,
    recipient_country: Annotated[
        str, typer.Option(help="Where they live, when the target does not tell, e.g. FR.")
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Show all grounds.")] = False,
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Tell whether one call or door visit may be made now, and count it if it may.

    The first contact point that the channel can use is the target; all others are what else is
    known of the person, and opt-outs on any of it count.

    Exits with 0 when the attempt may be made, 1 when it may not, 2 when the question is wrong and 3
    when there is no answer, which means: do not contact.
    """
    target, others = split_target(channel, person.contact_points())
    with client_of(context) as client:
        answer = client.may_attempt(
            controller=controller,
            channel=cast("Channel.ValueType", channel),
            purpose=purpose,
            target=target,
            subject=subject(*others, name=person.name, customer_number=person.customer_number),
            customer=customer.context(),
            recipient_type=customer.recipient_type(),
            recipient_country=recipient_country,
            view=View.VIEW_FULL if full else View.VIEW_BASIC,
            request_id=request_id,
        )
    show_answer(answer, as_json=as_json)
    return exit_of_answer(answer)


@attempt.command()
@grouped
def report(
    context: typer.Context,
    *,
    attempt_id: Annotated[str, typer.Argument(metavar="ATTEMPT", help="What was reserved.")],
    controller: Controller,
    outcome: Annotated[
        int,
        typer.Option(
            parser=ATTEMPT_OUTCOMES.parse,
            metavar="OUTCOME",
            help=f"One of {ATTEMPT_OUTCOMES.listed}.",
        ),
    ],
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Tell what became of an attempt: a refusal is an opt-out, what was released counts no more."""
    with client_of(context) as client:
        response = client.report_outcome(
            controller=controller,
            attempt_id=attempt_id,
            outcome=cast("AttemptOutcome.ValueType", outcome),
            request_id=request_id,
        )
    show_receipt(response, response, as_json=as_json)
    if response.opt_out_entry_id:
        say(f"recorded as do-not-contact entry {response.opt_out_entry_id}")
    return Exit.OK
