"""`consentctl explain`: why may this person be contacted, or not?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

import typer
from rich.text import Text
from rich.tree import Tree

from consent_registry.v1.contact_pb2 import Channel, RecipientType
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from consent_registry.v1.subject_service_pb2 import (
    Consideration,
    ConsiderationEffect,
    ExplainDecisionResponse,
    ReplayedDecision,
)
from consent_registry_client import contact_question, given_decision, subject
from consent_registry_client._arguments import Explanation
from consent_registry_client.cli._check import split_target
from consent_registry_client.cli._groups import Customer, Person
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import as_dict, print_json, print_tree, verdict_text
from consent_registry_client.cli._times import instant_option, shown
from consent_registry_client.cli._tokens import read_token
from consent_registry_client.cli._words import CHANNELS, REASONS, VERDICTS

_MARKS: dict[int, Text] = {
    ConsiderationEffect.CONSIDERATION_EFFECT_DECIDED: Text("DECIDED", style="bold"),
    ConsiderationEffect.CONSIDERATION_EFFECT_APPLIED: Text("applied", style="cyan"),
    ConsiderationEffect.CONSIDERATION_EFFECT_NOT_APPLIED: Text("not", style="dim"),
}


@dataclass(slots=True, kw_only=True)
class Asked:
    """The question, unless a replay token holds it."""

    channel: Annotated[
        int | None,
        typer.Option(parser=CHANNELS.parse, metavar="CHANNEL", help=f"One of {CHANNELS.listed}."),
    ] = None
    purpose: Annotated[str, typer.Option(help="As in the policy, e.g. direct_marketing.")] = ""
    recipient_country: Annotated[
        str, typer.Option(help="Where they live, when the target does not tell, e.g. FR.")
    ] = ""


@dataclass(slots=True, kw_only=True)
class Times:
    """The instant asked about, and that of what was known."""

    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant_option,
            metavar="TIME",
            help="The instant asked about. Default: that of the answer, otherwise now.",
        ),
    ] = None
    known_at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant_option,
            metavar="TIME",
            help="By what was known then. Default: when the answer was given, otherwise now.",
        ),
    ] = None


def explain(
    context: typer.Context,
    *,
    controller: Controller,
    asked: Asked,
    person: Person,
    customer: Customer,
    times: Times,
    replay_token: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Explain the answer of which `check` wrote this; - for standard input.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Tell why one person may be contacted, or may not, now or in the past.

    Either ask a question as `check` does, with --channel and --purpose; or give the --replay-token
    of an answer together with the controller and person of its question. Every rule and entry that
    was considered is shown, with why it counted or did not.
    """
    if replay_token:
        if asked.purpose or asked.recipient_country or _is_given(customer):
            raise typer.BadParameter("the question is in --replay-token; give only the person")
        decision = _decision(controller, asked.channel, person, token=replay_token)
        explanation = Explanation(decision=decision)
    else:
        explanation = Explanation(question=_question(controller, asked, person, customer=customer))
    if times.at is not None:
        explanation["at"] = times.at
    if times.known_at is not None:
        explanation["known_at"] = times.known_at
    with client_of(context) as client:
        response = client.explain_decision(**explanation)
    if as_json:
        print_json(as_dict(response))
    else:
        print_tree(_tree(response))
    return Exit.OK


def _question(
    controller: str, asked: Asked, person: Person, *, customer: Customer
) -> CheckContactRequest:
    if asked.channel is None or not asked.purpose:
        raise typer.BadParameter("either --channel and --purpose, or --replay-token")
    target, others = split_target(asked.channel, person.contact_points())
    return contact_question(
        controller=controller,
        channel=cast("Channel.ValueType", asked.channel),
        purpose=asked.purpose,
        target=target,
        subject=subject(*others, name=person.name, customer_number=person.customer_number),
        customer=customer.context(),
        recipient_type=customer.recipient_type(),
        recipient_country=asked.recipient_country,
    )


def _is_given(customer: Customer) -> bool:
    is_business = customer.recipient_type() == RecipientType.RECIPIENT_TYPE_BUSINESS
    return is_business or bool(customer.context().ListFields())


def _decision(
    controller: str, channel: int | None, person: Person, *, token: str
) -> ReplayedDecision:
    points = person.contact_points()
    if channel is not None:
        target, others = split_target(channel, points)
    elif len(points) == 1:
        target, others = points[0], []
    else:
        raise typer.BadParameter("one contact point, or --channel to tell which is the target")
    return given_decision(
        replay_token=read_token(token),
        controller=controller,
        target=target,
        subject=subject(*others, name=person.name, customer_number=person.customer_number),
    )


def _tree(response: ExplainDecisionResponse) -> Tree:
    decision = response.decision
    tree = Tree(
        Text.assemble(
            verdict_text(decision.verdict),
            f" {REASONS.name(decision.reason)} on {shown(response.at)}",
            f", by what was known on {shown(response.known_at)}",
            f" and policy {decision.policy_version}",
        )
    )
    for label, moment in (("retry at", decision.retry_at), ("valid until", decision.valid_until)):
        if shown(moment):
            tree.add(Text(f"{label} {shown(moment)}"))
    for step in response.steps:
        branch = tree.add(Text(f"{step.number}. {step.title}", style="bold"))
        for consideration in step.considerations:
            leaf = branch.add(_sentence(consideration))
            for line in _details(consideration):
                leaf.add(Text(line, style="dim"))
    return tree


def _sentence(consideration: Consideration) -> Text:
    mark = _MARKS.get(consideration.effect, Text(str(consideration.effect)))
    return Text.assemble(mark, ": ", consideration.text)


def _details(consideration: Consideration) -> Iterator[str]:
    """What the sentence rests on, in a line or none."""
    ground = consideration.ground
    parts = []
    if ground.verdict:
        parts.append(f"{VERDICTS.name(ground.verdict)} {REASONS.name(ground.reason)}")
    for label, value in (
        ("entry", consideration.entry_id),
        ("expressed", shown(consideration.expressed_at)),
        ("recorded", shown(consideration.recorded_at)),
        ("rule", consideration.rule_id),
    ):
        if value:
            parts.append(f"{label} {value}")
    if consideration.citation:
        parts.append(consideration.citation)
    if parts:
        yield "; ".join(parts)
