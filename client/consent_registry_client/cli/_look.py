"""`consentctl history` and `consentctl policy`: what was written, and which rules apply."""

from itertools import islice
from typing import Annotated

import typer

from consent_registry.v1.policy_service_pb2 import GetPolicyResponse, Rule
from consent_registry_client._arguments import History
from consent_registry_client.cli._groups import Person
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import (
    as_dict,
    print_entries,
    print_json,
    print_line,
    print_table,
    say,
)
from consent_registry_client.cli._words import (
    CHANNELS,
    CONFIDENCES,
    DIRECTIONS,
    LINE_TYPES,
    LINES,
    RECORDING_BASES,
    REGIMES,
)


def history(
    context: typer.Context,
    *,
    controller: Controller,
    person: Person,
    entry: Annotated[str, typer.Option(help="Show this one entry.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 1_000,
    as_json: AsJson = False,
) -> int:
    """List the entries that concern one contact point or customer number, the newest first."""
    points = person.contact_points()
    if bool(entry) + bool(person.customer_number) + len(points) != 1:
        raise typer.BadParameter("one contact point, --customer-number or --entry, and only one")
    with client_of(context) as client:
        if entry:
            found = [client.get_entry(controller=controller, entry_id=entry)]
        else:
            whose = History(controller=controller)
            if points:
                whose["contact_point"] = points[0]
            else:
                whose["customer_number"] = person.customer_number
            found = list(islice(client.list_entries(**whose), limit + 1))
    if as_json:
        print_json([as_dict(one) for one in found[:limit]])
    else:
        print_entries(found[:limit])
    if len(found) > limit:
        say(f"there are more than these {limit}: raise --limit")
    return Exit.OK


def policy(
    context: typer.Context,
    *,
    country: Annotated[str, typer.Option(help="Only the rules of this country, e.g. FR.")] = "",
    as_json: AsJson = False,
) -> int:
    """Show the controllers, purposes and rules in force."""
    with client_of(context) as client:
        in_force = client.get_policy(country=country)
    if as_json:
        print_json(as_dict(in_force))
    else:
        _print_policy(in_force)
    return Exit.OK


def _print_policy(in_force: GetPolicyResponse) -> None:
    print_line(f"policy {in_force.policy_version}")
    print_table(
        ["controller", "country", "legal name"],
        ([one.controller, one.country, one.legal_name] for one in in_force.controllers),
    )
    print_table(
        ["purpose", "marketing", "regime", "description"],
        (
            [
                one.purpose,
                "yes" if one.marketing else "no",
                REGIMES.word(one.regime) if one.regime else "by country",
                one.description,
            ]
            for one in in_force.purposes
        ),
    )
    print_table(
        ["rule", "channel", "line", "regime", "register", "holds", "law", "checked", "confidence"],
        (
            [
                one.rule_id,
                CHANNELS.word(one.channel),
                LINE_TYPES.word(one.line_type) if one.line_type else "any",
                REGIMES.word(one.regime) if one.regime else "unverified",
                one.national_register.register,
                _period(one),
                one.citation,
                one.checked_on,
                CONFIDENCES.word(one.confidence),
            ]
            for one in in_force.rules
        ),
    )
    print_table(
        ["recording", "line", "direction", "basis", "months kept", "law"],
        (
            [
                one.rule_id,
                LINES.word(one.line),
                DIRECTIONS.word(one.direction),
                RECORDING_BASES.word(one.basis),
                str(one.retention_months),
                one.citation,
            ]
            for one in in_force.recording_rules
        ),
    )


def _period(rule: Rule) -> str:
    """Returns the days on which a rule holds; empty where it always does."""
    if not rule.valid_from and not rule.valid_to:
        return ""
    return f"{rule.valid_from} to {rule.valid_to}".strip()
