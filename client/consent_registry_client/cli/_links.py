"""`consentctl link` and `links`: what a message needs so that its reader can unsubscribe."""

from pathlib import Path
from typing import Annotated, cast

import typer

from consent_registry.v1.contact_pb2 import Channel
from consent_registry_client._arguments import UnsubscribeLinks
from consent_registry_client.cli._check import Purpose, SingleChannel, split_target
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._groups import Person
from consent_registry_client.cli._link_rows import (
    LINK_COLUMNS,
    Linking,
    LinkRows,
    fault_of,
    whole,
)
from consent_registry_client.cli._outputs import Outputs, require_distinct
from consent_registry_client.cli._people import PERSON_FIELDS, Defaults
from consent_registry_client.cli._progress import progress
from consent_registry_client.cli._records import Records
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import as_dict, print_json, print_line, say

Campaign = Annotated[
    str,
    typer.Option(
        help="Up to 40 letters, digits, dots, underscores and hyphens. Can be read in the link: "
        "nothing that tells a person."
    ),
]


def create_links(
    context: typer.Context,
    *,
    recipients: Annotated[
        Path, typer.Argument(metavar="RECIPIENTS.csv", exists=True, dir_okay=False)
    ],
    controller: Controller,
    channel: SingleChannel,
    purpose: Purpose,
    output: Annotated[Path, typer.Option(help="Gets the rows with their links.")],
    refused: Annotated[
        Path | None,
        typer.Option(help="Gets all other rows. Default: beside the output, as NAME.refused.csv."),
    ] = None,
    campaign: Campaign = "",
    region: Annotated[str, typer.Option(help="Of national phone numbers, e.g. FR.")] = "",
    country: Annotated[str, typer.Option(help="Of addresses that name none, e.g. FR.")] = "",
    column: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=HEADER",
            help="Where a header is not named after its field. May be repeated, for email and "
            f"phone also with one field. Fields: {', '.join(PERSON_FIELDS)}.",
        ),
    ] = [],  # noqa: B006 - Typer copies it.
    as_json: AsJson = False,
) -> int:
    """Get the unsubscribe link of every recipient of a campaign.

    RECIPIENTS.csv is as for `filter`. The output keeps its columns as they are and adds
    unsubscribe_url, for the message's text, and list_unsubscribe and list_unsubscribe_post, the
    values of the headers of those names. All that a row tells of the person can be stopped through
    the link. Both files appear only when the whole file was answered; otherwise what was there
    before stays.

    Bad rows get no link, so that they cannot be sent: they are refused and reported with their
    line, and the exit code is 4. The same file again gets the same links.
    """
    refused = refused or output.with_name(f"{output.stem}.refused.csv")
    require_distinct(recipients, output, refused)
    with Records(recipients) as records:
        _require_no_links(records.header)
        rows = LinkRows(
            Columns(records.header, PERSON_FIELDS, column),
            channel=channel,
            defaults=Defaults(region=region, country=country),
        )
        encoding = "utf-8-sig" if records.has_byte_order_mark else "utf-8"
        making = Outputs(encoding=encoding, delimiter=records.delimiter, newline=records.newline)
        with making, client_of(context) as client:
            linking = Linking(
                records=records, rows=rows, refused=making.add(refused), linked=making.add(output)
            )
            sent = _campaign(controller, channel, purpose=purpose, campaign=campaign)
            with progress("linking", records.size, position=lambda: records.bytes_read) as step:
                for _ in linking.run(client, sent):
                    step()
            making.publish()
    if as_json:
        print_json(
            {
                "linked": linking.count,
                "bad_rows": linking.faults.count,
                "output": str(output),
                "refused": str(refused),
            }
        )
    else:
        print_line(f"{linking.count} linked, {linking.faults.count} not; see {output}")
    linking.faults.tell(str(refused))
    return Exit.BAD_ROWS if linking.faults.count else Exit.OK


def create_link(
    context: typer.Context,
    *,
    controller: Controller,
    channel: SingleChannel,
    purpose: Purpose,
    person: Person,
    campaign: Campaign = "",
    as_json: AsJson = False,
) -> int:
    """Get the unsubscribe link of one person, to try it by hand.

    Prints the address of the page and the two headers. Whoever has the link can stop contact with
    that person.
    """
    split_target(channel, person.contact_points())
    links = _campaign(controller, channel, purpose=purpose, campaign=campaign)
    links["subjects"] = [person.subject()]
    with client_of(context) as client:
        result = client.create_unsubscribe_links(**links)[0]
    if result.HasField("error"):
        say(f"no link: {fault_of(result.error)}")
        return Exit.USAGE
    link = whole(result.link)
    if as_json:
        print_json(as_dict(link))
    else:
        print_line(link.url)
        print_line(f"List-Unsubscribe: {link.list_unsubscribe}")
        print_line(f"List-Unsubscribe-Post: {link.list_unsubscribe_post}")
    return Exit.OK


def _campaign(controller: str, channel: int, *, purpose: str, campaign: str) -> UnsubscribeLinks:
    return UnsubscribeLinks(
        controller=controller,
        channel=cast("Channel.ValueType", channel),
        purpose=purpose,
        campaign=campaign,
        subjects=(),
    )


def _require_no_links(header: list[str]) -> None:
    """Raises BadParameter for a file that has links: who reads it could not tell which to send."""
    if there := [name for name in LINK_COLUMNS if name in header]:
        raise typer.BadParameter(f"the file has a column {there[0]} already")
