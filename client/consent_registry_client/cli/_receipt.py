"""`consentctl receipt`: what a person has in hand of a consent, and whether it is genuine."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._receipt_signature import (
    MAX_BYTES,
    NotVerified,
    known_keys,
    verified,
)
from consent_registry_client.cli._session import AsJson, Exit, client_of
from consent_registry_client.cli._show import print_json, print_line, say

receipt = typer.Typer(no_args_is_help=True, help="Consent receipts.")


@receipt.command()
@grouped
def verify(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The receipt.")],
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM_FILE",
            help="The published key. Default: those that the registry publishes now.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Verify a consent receipt, and print what was consented to.

    Exits with 1 when it is not genuine. With --key the registry is not asked.
    """
    text = _read(file)
    keys = known_keys(_published(context)) if key is None else _keys_in(key)
    try:
        key_id, document = verified(text, keys)
    except NotVerified as reason:
        say(f"not verified: {reason}")
        return Exit.NOT_ALLOWED
    if as_json:
        print_json(document)
    else:
        print_line(f"verified: signed by the key {key_id}")
        for line in _lines(document):
            print_line(
                "".join(
                    each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line
                )
            )
    return Exit.OK


class ReceiptFile:
    """A file for a receipt, which only its owner may read; it must not exist before."""

    def __init__(self, path: Path) -> None:
        """Makes the file, so that no consent is recorded whose receipt could not be kept."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise typer.BadParameter("the file of --receipt exists") from None
        self._path = path
        self._file = os.fdopen(descriptor, "w", encoding="ascii")

    def keep(self, text: str) -> None:
        """Writes the receipt, as one line."""
        with self._file as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Removes the file: there is no receipt."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    return content.decode("ascii", errors="replace").strip()


def _published(context: typer.Context) -> list[bytes]:
    with client_of(context) as client:
        return [each.public_key_pem.encode() for each in client.get_receipt_keys()]


def _keys_in(path: Path) -> dict[str, Any]:
    try:
        return dict(known_keys([path.read_bytes()]))
    except ValueError:
        raise typer.BadParameter("the file of --key holds no Ed25519 key in PEM") from None


def _lines(document: dict[str, Any]) -> Iterator[str]:
    """Yields what a receipt says, for a human."""
    publisher = _node(document.get("dct:publisher"))
    record = _node(document.get("dpv:hasRecordOfActivity"))
    yield f"receipt {_text(document, 'dct:identifier')} of {_text(document, 'dct:created')}"
    yield f"entry {_text(record, 'dct:identifier')}"
    yield f"to {_text(publisher, 'dpv:hasName')} ({_text(publisher, 'dct:identifier')})"
    for status in _nodes(record.get("dpv:hasConsentStatus")):
        method = _node(status.get("dpv:hasIndicationMethod"))
        said = _text(status, "dpv:isIndicatedAtTime") or "at an unknown time"
        yield f"given {said}: {_text(method, 'dct:title')}"
        yield f"until {_text(_node(status.get('dpv:hasDuration')), 'rdf:value')}"
    processes = _nodes(record.get("dpv:hasProcess"))
    for process in processes:
        purpose = _node(process.get("dpv:hasPurpose"))
        channels = _listed(_nodes(process.get("dpv:hasScope")), "dct:title")
        words = _text(purpose, "dct:description")
        yield f"for {_text(purpose, 'dct:identifier')} ({words}), by {channels}"
    for process in processes[:1]:
        yield f"about {_listed(_nodes(process.get('dpv:hasPersonalData')), 'rdf:value')}"
    notice = _node(record.get("dpv:hasNotice"))
    if notice:
        shown = _text(notice, "rdf:value") or "kept elsewhere"
        yield f"told, in version {_text(notice, 'dct:identifier') or '-'}: {shown}"
    control = _node(record.get("dpv:hasConsentControl"))
    yield f"to withdraw it: {_text(control, 'dct:description')}"


def _node(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _nodes(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(node: dict[str, Any], name: str) -> str:
    value = node.get(name, "")
    return str(_node(value).get("@value", "") if isinstance(value, dict) else value)


def _listed(nodes: Iterable[dict[str, Any]], name: str) -> str:
    return ", ".join(_text(node, name) for node in nodes)
