"""What a consent is for and about, as JSON-LD in the DPV profile of ISO/IEC TS 27560:2023."""

from __future__ import annotations

from typing import Any, Final

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.identity_expiry import ConsentTerm
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import PurposeId, Source
from consent_registry_server.service.consent_status import scope

_BROADER: Final = {
    "direct_marketing": "dpv:DirectMarketing",
    "member_benefit": "dpv:Marketing",
    "partner_offers": "dpv:Marketing",
    "profiling": "dpv:Personalisation",
}
"""The DPV's purpose above each of the packaged policy's; one of its own has none."""

_EXPLICIT: Final = "9(2)(a)"
"""Where a purpose's citation names it, the consent is one to special categories of data."""


def processes(
    consent: NewEntry, term: ConsentTerm, policy: Policy, *, partner_name: str
) -> list[dict[str, Any]]:
    """One process for each purpose, by its id: the profile's unit of what is done with which data.

    `partner_name` is empty where the consent came from no partner, or from one whose name is not
    known.
    """
    shared = {
        "@type": "dpv:Process",
        "dpv:hasDataSource": _source(consent, partner_name),
        "dpv:hasPersonalData": _personal_data(consent.subject),
        "dpv:hasScope": scope(consent.channels),
        "dpv:hasStorageCondition": _storage(term),
    }
    return [
        {
            **shared,
            "dpv:hasLegalBasis": _legal_basis(purpose, policy),
            "dpv:hasPurpose": _purpose(purpose, policy),
        }
        for purpose in sorted(consent.purposes or ())
    ]


def _legal_basis(purpose_id: PurposeId, policy: Policy) -> str:
    purpose = policy.purposes.get(purpose_id)
    explicit = purpose is not None and _EXPLICIT in purpose.citation
    return "eu-gdpr:A9-2-a" if explicit else "eu-gdpr:A6-1-a"


def _purpose(purpose_id: PurposeId, policy: Policy) -> dict[str, Any]:
    node = {"@type": "dpv:Purpose", "dct:identifier": str(purpose_id)}
    purpose = policy.purposes.get(purpose_id)
    if purpose is not None:
        node["dct:description"] = purpose.description
    broader = _BROADER.get(purpose_id.partition(".")[0])
    if broader:
        node["skos:broader"] = broader
    return node


def _source(consent: NewEntry, partner_name: str) -> dict[str, Any]:
    """Whom the data came from (GDPR art. 14(2)(f)): the person, a partner or a third party."""
    if consent.partner_id:
        return {
            "@type": "dpv:ThirdPartyDataSource",
            "dct:identifier": consent.partner_id,
            "dpv:hasName": partner_name or consent.partner_id,
        }
    if consent.expression.source is Source.THIRD_PARTY_FORM:
        node = {"@type": "dpv:ThirdPartyDataSource"}
        if consent.evidence.third_party:
            node["dpv:hasName"] = consent.evidence.third_party
        return node
    return {"@type": "dpv:DataSubjectDataSource"}


def _storage(term: ConsentTerm) -> dict[str, Any]:
    duration = {
        "@type": "dpv:TemporalDuration",
        "dct:description": "The proof of the consent, from its last use on",
        "rdf:value": f"P{term.proof_months}M",
    }
    return {"@type": "dpv:StorageDuration", "dpv:hasDuration": duration}


def _personal_data(subject: Subject) -> list[dict[str, Any]]:
    """What the consent names of the person, each datum with its kind, in the order given."""
    nodes = [_contact_datum(point) for point in subject.contact_points]
    if subject.name:
        nodes.append(_datum("pd:Name", subject.name))
    if subject.customer_number:
        nodes.append(_datum("pd:UID", subject.customer_number))
    return nodes


def _contact_datum(point: ContactPoint) -> dict[str, Any]:
    match point:
        case Email(address):
            return _datum("pd:EmailAddress", address)
        case Phone(number, region):
            return _datum("pd:TelephoneNumber", f"{number} ({region})" if region else number)
        case Handle(platform, handle):
            return _datum("pd:Username", f"{platform}:{handle}")
        case PostalAddress(country, postal_code, locality, street, unit):
            lines = (unit, street, f"{postal_code} {locality}".strip(), country)
            return _datum("pd:PhysicalAddress", ", ".join(filter(None, lines)))


def _datum(kind: str, value: str) -> dict[str, Any]:
    return {"@type": kind, "rdf:value": value}
