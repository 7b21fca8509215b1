"""`consentctl partner`: who may send leads, and the leads they sent."""

from pathlib import Path
from typing import Annotated, cast

import typer

from consent_registry.v1.registry_service_pb2 import Partner, PartnerKind
from consent_registry_client.cli._batch import Report, RequestIds, RunLabel, report_path
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._groups import (
    Channels,
    Proof,
    Purposes,
    RequestId,
    channels_of,
)
from consent_registry_client.cli._leads import LEAD_FIELDS, LeadRows, Leads
from consent_registry_client.cli._outputs import Outputs, require_distinct
from consent_registry_client.cli._people import Defaults
from consent_registry_client.cli._records import Records
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import as_dict, print_json, print_line, print_table
from consent_registry_client.cli._times import parse_zone
from consent_registry_client.cli._words import CHANNELS, PARTNER_KINDS

partner = typer.Typer(no_args_is_help=True, help="Partners, and the leads they sent.")

PartnerId = Annotated[
    str, typer.Argument(metavar="PARTNER", help="Lower-case letters, digits, - and _.")
]


@partner.command()
def register(
    context: typer.Context,
    *,
    partner_id: PartnerId,
    controller: Controller,
    name: Annotated[str, typer.Option(help="Its legal name.")],
    kind: Annotated[
        int,
        typer.Option(
            parser=PARTNER_KINDS.parse, metavar="KIND", help=f"One of {PARTNER_KINDS.listed}."
        ),
    ],
    channel: Channels,
    purpose: Purposes,
    maximum_lead_age_days: Annotated[
        int, typer.Option(help="How old a lead may be when it is recorded and when it is used.")
    ],
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> int:
    """Register a partner, or change what it is permitted."""
    with client_of(context) as client:
        response = client.register_partner(
            controller=controller,
            partner=Partner(
                partner_id=partner_id,
                name=name,
                kind=cast("PartnerKind.ValueType", kind),
                permitted_channels=channels_of(channel),
                permitted_purposes=purpose,
                maximum_lead_age_days=maximum_lead_age_days,
            ),
            request_id=request_id,
        )
    if as_json:
        print_json(as_dict(response))
    else:
        print_line(f"{response.partner.partner_id} registered")
    return Exit.OK


@partner.command("list")
def list_partners(
    context: typer.Context, *, controller: Controller, as_json: AsJson = False
) -> int:
    """List the partners of a controller."""
    with client_of(context) as client:
        partners = list(client.list_partners(controller=controller))
    if as_json:
        print_json([as_dict(one) for one in partners])
        return Exit.OK
    print_table(
        ["partner", "name", "kind", "channels", "purposes", "lead age"],
        (
            [
                one.partner_id,
                one.name,
                PARTNER_KINDS.word(one.kind),
                " ".join(CHANNELS.word(channel) for channel in one.permitted_channels),
                " ".join(one.permitted_purposes),
                f"{one.maximum_lead_age_days} days",
            ]
            for one in partners
        ),
    )
    return Exit.OK


@partner.command()
@grouped
def leads(
    context: typer.Context,
    *,
    partner_id: PartnerId,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False)],
    controller: Controller,
    proof: Proof,
    channel: Channels = [],  # noqa: B006 - Typer copies it.
    purpose: Purposes = [],  # noqa: B006
    region: Annotated[str, typer.Option(help="Of national phone numbers, e.g. FR.")] = "",
    country: Annotated[str, typer.Option(help="Of addresses that name none, e.g. FR.")] = "",
    time_zone: Annotated[str, typer.Option(help="Of times in the file without an offset.")] = "",
    column: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=HEADER",
            help="Where a header is not named after its field. May be repeated. "
            f"Fields: {', '.join(LEAD_FIELDS)}.",
        ),
    ] = [],  # noqa: B006
    report: Report = None,
    run: RunLabel = "",
    as_json: AsJson = False,
) -> int:
    """Record the leads of one partner from a file.

    Each row is a lead: its lead_id, the person, captured_at, and named_controller, whom the text
    shown names as recipient. Channels, purposes and proof come from the row or else from the
    options.

    The report says of every row what became of it; with refused or bad rows the exit code is 4.
    After an interruption run the same command again: what was stored is not stored twice.
    """
    place = report_path(report, file)
    require_distinct(file, place)
    evidence = proof.evidence()
    options = [
        *(controller, partner_id, channel, purpose, region, country, time_zone, column, run),
        evidence.SerializeToString(deterministic=True).hex(),
    ]
    with Records(file) as records:
        rows = LeadRows(
            columns=Columns(records.header, LEAD_FIELDS, column),
            channels=channel,
            purposes=purpose,
            evidence=evidence,
            defaults=Defaults(region=region, country=country),
            zone=parse_zone(time_zone) if time_zone else None,
        )
        making = Outputs()
        with making, client_of(context) as client:
            work = Leads(rows=rows, records=records, report=making.add(place))
            work.store(
                client, controller=controller, partner_id=partner_id, ids=RequestIds(file, options)
            )
            making.publish()
    if as_json:
        print_json({**work.counts, "bad_rows": work.faults.count, "report": str(place)})
    else:
        counted = ", ".join(f"{count} {outcome}" for outcome, count in work.counts.items())
        print_line(f"{counted or 'no leads'}; see {place}")
    work.faults.tell(str(place))
    return Exit.BAD_ROWS if work.faults.count else Exit.OK
