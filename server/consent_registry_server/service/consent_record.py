"""Consent records as JSON-LD, in the DPV profile of ISO/IEC TS 27560:2023.

The shape and the terms are those of the W3C DPVCG's guide "Consent Records and Receipts as per
ISO/IEC TS 27560:2023 using DPV" (DPV 2.3). A record holds the person's own data and what they were
told; the employee who took it down, internal links and notes are not part of it. Pure functions:
the same facts give the same document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import (
    PERMITTING,
    Entry,
    Evidence,
    Identity,
    NewEntry,
)
from consent_registry_server.domain.identity_expiry import consent_term, countries_of
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import EntryId, PartnerId
from consent_registry_server.service.consent_processes import processes
from consent_registry_server.service.consent_status import (
    ended_events,
    expired_event,
    given_event,
    instant,
)

CONTEXT: Final[dict[str, Any]] = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dpv-27560": "https://w3id.org/dpv/schema/dpv-27560#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "legal-eu": "https://w3id.org/dpv/legal/eu#",
    "loc": "https://w3id.org/dpv/loc#",
    "pd": "https://w3id.org/dpv/pd#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    **{
        name: {"@type": "@id"}
        for name in (
            "dct:audience",
            "dct:conformsTo",
            "dct:isReplacedBy",
            "dpv:hasApplicableLaw",
            "dpv:hasJurisdiction",
            "dpv:hasLegalBasis",
            "dpv:isIndicatedBy",
            "skos:broader",
        )
    },
}
"""The prefixes, and the properties whose plain strings are IRIs."""

RIGHTS: Final = (
    ("eu-gdpr:A7-3", "Right to withdraw the consent at any time"),
    ("eu-gdpr:A15", "Right of access"),
    ("eu-gdpr:A16", "Right to rectification"),
    ("eu-gdpr:A17", "Right to erasure"),
    ("eu-gdpr:A18", "Right to restriction of processing"),
    ("eu-gdpr:A20", "Right to data portability"),
    ("eu-gdpr:A77", "Right to lodge a complaint with a supervisory authority"),
)
"""What a person has who consented; there is no right to object to what rests on a consent."""

_NOBODY: Final = Identity(Subject(), Evidence())
_NO_PARTNERS: Final[Mapping[PartnerId, str]] = {}


def consent_record(
    consent: NewEntry,
    entry_id: EntryId,
    recorded_at_us: int,
    policy: Policy,
    *,
    partner_name: str = "",
    ended: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The record of one consent, without `@context`.

    `consent.subject` and `consent.evidence` are empty where the identity is gone: the record then
    tells what was consented to, and not by whom. `ended` are the states after the consent was
    given (`consent_status`), in the order of time.

    Raises:
        InvalidRequest: EXPRESSED_IN_FUTURE; never for a consent that was recorded.
    """
    identifier = str(entry_id)
    countries = countries_of(consent.subject.contact_points)
    term = consent_term(consent, recorded_at_us, policy, countries=countries)
    record: dict[str, Any] = {
        "@id": f"urn:uuid:{identifier}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": "dpv-27560:record",
        "dct:created": instant(recorded_at_us),
        "dct:identifier": identifier,
        "dpv:hasApplicableLaw": "legal-eu:law-GDPR",
        "dpv:hasConsentControl": _withdrawal(),
        "dpv:hasConsentStatus": [given_event(consent, term), *ended],
        "dpv:hasDataController": controller_of(consent, policy),
        "dpv:hasDataSubject": _data_subject(consent, identifier),
        "dpv:hasIdentifier": identifier,
        "dpv:hasProcess": processes(consent, term, policy, partner_name=partner_name),
        "dpv:hasRight": [
            {"@type": ["dpv:DataSubjectRight", right], "dct:title": title}
            for right, title in RIGHTS
        ],
    }
    controller = policy.controllers.get(consent.controller)
    if controller is not None:
        record["dpv:hasJurisdiction"] = f"loc:{controller.country}"
    notice = _notice(consent.evidence)
    if notice:
        record["dpv:hasNotice"] = notice
    return record


def export_graph(
    records: Sequence[tuple[Entry, Identity | None]],
    policy: Policy,
    *,
    partner_names: Mapping[PartnerId, str] = _NO_PARTNERS,
    at_us: int | None = None,
) -> dict[str, Any]:
    """Every consent of one person, each with what became of it; other entries end consents.

    Args:
        records: all the entries about the person, in any order, each with its identity or None
            where that is gone.
        policy: in force.
        partner_names: by id; a partner without one is named by its id.
        at_us: the time of the export, by which a consent is told expired; None: no consent is, and
            the duration of each says until when it holds.
    """
    entries = [entry for entry, _ in records]
    graph = []
    for entry, identity in sorted(records, key=_order):
        if entry.kind not in PERMITTING:
            continue
        consent = _restored(entry, identity)
        events = ended_events(entry, entries)
        if at_us is not None:
            events += _expired(consent, entry.recorded_at_us, policy, at_us=at_us)
        name = partner_names.get(entry.partner_id, "") if entry.partner_id else ""
        record = consent_record(
            consent,
            entry.entry_id,
            entry.recorded_at_us,
            policy,
            partner_name=name,
            ended=events,
        )
        replacing = sorted(_urn(each.entry_id) for each in entries if _replaces(each, entry))
        if replacing:
            record["dct:isReplacedBy"] = replacing
        graph.append(record)
    return {"@context": CONTEXT, "@graph": graph}


def serialised(document: Mapping[str, Any]) -> bytes:
    """A document as JSON in UTF-8: keys sorted, no spaces, the same bytes for the same document."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def controller_of(consent: NewEntry, policy: Policy) -> dict[str, Any]:
    """The legal entity that a consent was given to."""
    node = {
        "@type": ["dpv:DataController", "dpv:Organisation"],
        "dct:identifier": consent.controller,
    }
    controller = policy.controllers.get(consent.controller)
    if controller is not None:
        node["dpv:hasName"] = controller.legal_name
    return node


def _order(record: tuple[Entry, Identity | None]) -> tuple[int, str]:
    entry, _ = record
    return entry.counts_at_us, str(entry.entry_id)


def _replaces(later: Entry, consent: Entry) -> bool:
    return later.kind in PERMITTING and later.concerns_entry_id == consent.entry_id


def _urn(entry_id: EntryId) -> str:
    return f"urn:uuid:{entry_id}"


def _restored(entry: Entry, identity: Identity | None) -> NewEntry:
    """A consent as it was recorded, as far as the ledger and what is left of the vault tell."""
    known = identity or _NOBODY
    return NewEntry(
        kind=entry.kind,
        controller=entry.controller,
        expression=entry.expression,
        subject=known.subject,
        evidence=known.evidence,
        channels=entry.channels,
        purposes=entry.purposes,
        expires_at_us=entry.expires_at_us,
        proven=entry.proven,
        partner_id=entry.partner_id,
    )


def _expired(
    consent: NewEntry, recorded_at_us: int, policy: Policy, *, at_us: int
) -> list[dict[str, Any]]:
    countries = countries_of(consent.subject.contact_points)
    term = consent_term(consent, recorded_at_us, policy, countries=countries)
    event = expired_event(consent, term, at_us=at_us)
    return [] if event is None else [event]


def _withdrawal() -> dict[str, Any]:
    """How the consent is withdrawn: every source of the registry takes it, at any time."""
    description = (
        "At any time and as easily as it was given (GDPR art. 7(3)): by the unsubscribe link, on"
        " the preference page, by phone, letter or chat, or at the doorstep. No proof of identity"
        " is asked for."
    )
    return {"@type": "dpv:WithdrawConsent", "dct:description": description}


def _data_subject(consent: NewEntry, identifier: str) -> dict[str, Any]:
    node = {"@id": f"urn:uuid:{identifier}#data-subject", "@type": "dpv:DataSubject"}
    if consent.subject.customer_number:
        node["dct:identifier"] = consent.subject.customer_number
    return node


def _notice(evidence: Evidence) -> dict[str, Any] | None:
    """What the person was shown or told; None when nothing of it is known."""
    node: dict[str, Any] = {}
    if evidence.notice_version:
        node["dct:identifier"] = evidence.notice_version
    if evidence.text:
        node["rdf:value"] = evidence.text
    if evidence.text_digest:
        node["schema:sha256"] = evidence.text_digest.hex()
    return {"@type": "dpv:ConsentNotice", **node} if node else None
