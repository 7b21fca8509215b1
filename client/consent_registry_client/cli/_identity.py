"""Shows entries with the clear identities that are left, for the officer's own eyes."""

from collections.abc import Iterable, Iterator

from consent_registry.v1.contact_pb2 import ContactPoint, Subject
from consent_registry.v1.entry_pb2 import Entry, Evidence
from consent_registry.v1.subject_service_pb2 import FoundEntry, IdentityState
from consent_registry_client.cli._show import entry_cells, print_line
from consent_registry_client.cli._words import IDENTITY_STATES

_PROOF = (
    ("notice", "notice_version"),
    ("text", "text"),
    ("form", "form_id"),
    ("agent", "agent"),
    ("ip", "ip"),
    ("user agent", "user_agent"),
    ("artefact", "artefact_uri"),
    ("note", "note"),
    ("third party", "third_party"),
)


def print_found(entries: Iterable[FoundEntry], asked: Subject) -> None:
    """Prints entries, each with what is left of its identity and by what it was found."""
    for found in entries:
        print_line(_headline(found.entry))
        print_line(f"  identity {_state(found)}")
        by = ", ".join(_matched(found, asked))
        if by:
            print_line(f"  found by {by}")
        for label, value in _identity(found):
            # A text of several lines must not look like lines of ours.
            print_line(f"    {label}: {value}".replace("\n", "\n      "))


def point_text(point: ContactPoint) -> tuple[str, str]:
    """Returns the kind of a contact point, and it as typed."""
    if point.HasField("phone"):
        return "phone", " ".join(part for part in (point.phone.number, point.phone.region) if part)
    if point.HasField("address"):
        address = point.address
        parts = (
            address.street,
            address.unit,
            address.postal_code,
            address.locality,
            address.country,
        )
        return "address", ", ".join(part for part in parts if part)
    if point.HasField("handle"):
        return "handle", f"{point.handle.platform}:{point.handle.handle}"
    return "email", point.email


def subject_lines(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yields whatever identifies a person, each with what it is, as typed."""
    if subject.name:
        yield "name", subject.name
    if subject.customer_number:
        yield "customer number", subject.customer_number
    for point in subject.contact_points:
        yield point_text(point)


def _headline(entry: Entry) -> str:
    recorded, kind, _, channels, purposes, expressed, source, entry_id = entry_cells(entry)
    scope = "".join(
        f" {label} {cell}" for label, cell in (("on", channels), ("for", purposes)) if cell
    )
    said = f", expressed {expressed}" if expressed else ""
    return f"{recorded} {kind}{scope}{said}, {source}, entry {entry_id}"


def _state(found: FoundEntry) -> str:
    state = IDENTITY_STATES.word(found.identity_state).replace("_", " ")
    if found.identity_state != IdentityState.IDENTITY_STATE_KEPT:
        return state
    return f"{state} until {found.identity_expires_on}" + (", under a hold" if found.held else "")


def _matched(found: FoundEntry, asked: Subject) -> Iterator[str]:
    for index in found.matched_contact_points:
        if index < len(asked.contact_points):
            yield " ".join(point_text(asked.contact_points[index]))
    if found.matched_customer_number:
        yield "customer number"


def _identity(found: FoundEntry) -> Iterator[tuple[str, str]]:
    identity = found.identity
    yield from subject_lines(identity.subject)
    if identity.lead_id:
        yield "lead", identity.lead_id
    yield from _proof(identity.evidence)


def _proof(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for label, field in _PROOF:
        value = getattr(evidence, field)
        if value:
            yield label, value
    for label, digest in (
        ("text sha-256", evidence.text_digest),
        ("artefact sha-256", evidence.artefact_digest),
    ):
        if digest:
            yield label, digest.hex()
