"""`consentctl check`: may this person be contacted?"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, cast

import typer

from consent_registry.v1.contact_pb2 import Channel, ContactPoint
from consent_registry.v1.decision_pb2 import Consistency, View
from consent_registry_client import Answer, AttemptAnswer, ConsentRegistryError, subject
from consent_registry_client._arguments import ContactQuestion
from consent_registry_client.cli._groups import Customer, Person
from consent_registry_client.cli._session import (
    AsJson,
    Controller,
    Exit,
    client_of,
    exit_of,
    explained,
)
from consent_registry_client.cli._show import as_dict, print_decision, print_json, print_line, say
from consent_registry_client.cli._times import instant_option
from consent_registry_client.cli._tokens import write_token
from consent_registry_client.cli._words import CHANNELS, REASONS, VERDICTS

TARGET_KINDS: dict[int, tuple[str, ...]] = {
    Channel.CHANNEL_EMAIL: ("email",),
    Channel.CHANNEL_SMS: ("phone",),
    Channel.CHANNEL_VOICE_CALL: ("phone",),
    Channel.CHANNEL_AUTOMATED_CALL: ("phone",),
    Channel.CHANNEL_MESSAGING: ("handle", "phone"),
    Channel.CHANNEL_DOOR_TO_DOOR: ("address",),
    Channel.CHANNEL_POST: ("address",),
    Channel.CHANNEL_ONLINE_ADVERTISING: ("email", "phone", "handle"),
    Channel.CHANNEL_PROCESSING: ("email", "phone", "handle"),
}
"""The kinds of contact point that each channel reaches, the preferred one first."""

SingleChannel = Annotated[
    int,
    typer.Option(parser=CHANNELS.parse, metavar="CHANNEL", help=f"One of {CHANNELS.listed}."),
]
Purpose = Annotated[str, typer.Option(help="As in the policy, e.g. direct_marketing.")]


def check(
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
    at: Annotated[
        datetime | None,
        typer.Option(parser=instant_option, metavar="TIME", help="Of the contact. Default: now."),
    ] = None,
    revision: Annotated[str, typer.Option(help="Answer from no older state than this.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Show all grounds.")] = False,
    replay_token: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write here what `explain` needs to explain this answer later."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Tell whether one person may be contacted.

    The first contact point that the channel can use is the target; all others are what else is
    known of the person, and opt-outs on any of it count.

    Exits with 0 when contact is allowed, 1 when it is not, 2 when the question is wrong and 3 when
    there is no answer, which means: do not contact.
    """
    target, others = split_target(channel, person.contact_points())
    question = ContactQuestion(
        controller=controller,
        channel=cast("Channel.ValueType", channel),
        purpose=purpose,
        target=target,
        subject=subject(*others, name=person.name, customer_number=person.customer_number),
        customer=customer.context(),
        recipient_type=customer.recipient_type(),
        recipient_country=recipient_country,
        view=View.VIEW_FULL if full else View.VIEW_BASIC,
    )
    if at is not None:
        question["at"] = at
    if revision:
        question["consistency"] = Consistency(at_least_as_fresh=revision)
    if replay_token is not None:
        question["issue_replay_token"] = True
    with client_of(context) as client:
        answer = client.may_contact(**question)
    show_answer(answer, as_json=as_json)
    if replay_token is not None and answer.decision is not None:
        write_token(replay_token, answer.decision.replay_token)
    return exit_of_answer(answer)


def split_target(
    channel: int, points: list[ContactPoint]
) -> tuple[ContactPoint, list[ContactPoint]]:
    """Returns the contact point that the channel would use, and all others."""
    kinds = TARGET_KINDS[channel]
    for kind in kinds:
        for index, point in enumerate(points):
            if point.WhichOneof("contact_point") == kind:
                return point, points[:index] + points[index + 1 :]
    needed = " or ".join(
        "--street and --postal-code" if k == "address" else f"--{k}" for k in kinds
    )
    raise typer.BadParameter(f"channel {CHANNELS.word(channel)} needs {needed}")


def show_answer(answer: Answer, *, as_json: bool, retention_months: int | None = None) -> None:
    """Prints an answer; what kept it from coming goes to standard error."""
    if as_json:
        print_json(_shape_of(answer, retention_months))
    elif answer.decision is not None:
        print_decision(answer.decision)
        if retention_months:
            print_line(f"  keep for {retention_months} months")
    elif answer.allowed:
        print_line(f"{VERDICTS.name(answer.verdict)} {REASONS.name(answer.reason)}")
    else:
        print_line(f"{VERDICTS.name(answer.verdict)}, for there is no answer")
    if not as_json:
        for name, value in _reservation_of(answer).items():
            print_line(f"  {name.replace('_', ' ')} {value}")
    if answer.cause is not None:
        say(f"no answer from the registry: {told(answer.cause)}")


def exit_of_answer(answer: Answer) -> Exit:
    """Returns the exit code of an answer."""
    if answer.allowed:
        return Exit.OK
    if answer.cause is not None:
        return exit_of(answer.cause)
    return Exit.NOT_ALLOWED


def told(cause: Exception) -> str:
    """Returns why there is no answer; of a foreign exception only its kind, to be safe."""
    return explained(cause) if isinstance(cause, ConsentRegistryError) else type(cause).__name__


def _shape_of(answer: Answer, retention_months: int | None) -> dict[str, object]:
    shape: dict[str, object] = {
        "allowed": answer.allowed,
        "verdict": VERDICTS.name(answer.verdict),
        "reason": REASONS.name(answer.reason),
    }
    if retention_months is not None:
        shape["retention_months"] = retention_months
    shape |= _reservation_of(answer)
    if answer.decision is not None:
        shape["decision"] = as_dict(answer.decision)
    if answer.cause is not None:
        shape["cause"] = told(answer.cause)
    return shape


def _reservation_of(answer: Answer) -> dict[str, str]:
    """What was reserved; nothing for other answers."""
    if not isinstance(answer, AttemptAnswer) or answer.expires_at is None:
        return {}
    return {"attempt_id": answer.attempt_id, "expires_at": answer.expires_at.isoformat()}
