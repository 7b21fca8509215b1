"""Consent records: what they say of a consent, in whose words, and what they leave out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import Handle, Subject
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.vocabulary import (
    GROUP,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    PartnerId,
    Precision,
    Source,
)
from consent_registry_server.service.consent_record import (
    CONTEXT,
    consent_record,
    export_graph,
    serialised,
)
from consent_registry_server.service.receipts import receipt
from tests.unit.service.consents import (
    BENEFIT,
    CONSENT,
    CONSENT_ID,
    GIVEN_US,
    HOUR_US,
    MARKETING,
    RECORDED_US,
    entry,
    identity,
    opt_out,
    packaged,
    states,
)
from tests.unit.service.dpv_terms import TERMS

YEAR_US = 366 * 24 * HOUR_US


def record(consent: NewEntry = CONSENT, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    return consent_record(consent, CONSENT_ID, RECORDED_US, packaged(), **options)


def exported(*others: Any, at_us: int | None = None) -> dict[str, Any]:  # noqa: ANN401
    """The record of the one consent in an export beside other entries."""
    records = [(entry(), identity()), *((other, None) for other in others)]
    graph = export_graph(records, packaged(), at_us=at_us)["@graph"]
    assert isinstance(graph[0], dict)
    return graph[0]


def terms_in(node: object) -> Iterator[str]:
    """Every property, class and IRI with a prefix in a document; other texts are not looked at."""
    if isinstance(node, list):
        for each in node:
            yield from terms_in(each)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name == "@context":
            continue
        if not name.startswith("@"):
            yield name
        is_iri = name == "@type" or isinstance(CONTEXT.get(name), dict)
        if is_iri:
            iris = [value] if isinstance(value, str) else value
            yield from (iri for iri in iris if not iri.startswith("urn:uuid:"))
        else:
            yield from terms_in(value)


@pytest.mark.parametrize(
    "consent",
    [
        pytest.param(CONSENT, id="web form"),
        pytest.param(replace(CONSENT, purposes=frozenset({BENEFIT, MARKETING})), id="explicit"),
        pytest.param(
            replace(CONSENT, kind=EntryKind.PARTNER_CONSENT, partner_id=PartnerId("insurer-1")),
            id="partner",
        ),
        pytest.param(
            replace(
                CONSENT, expression=Expression(Source.THIRD_PARTY_FORM, Precision.UNKNOWN, None)
            ),
            id="third party",
        ),
        pytest.param(
            replace(CONSENT, subject=Subject((Handle("messenger", "m"),)), evidence=Evidence()),
            id="no proof",
        ),
    ],
)
def test_a_receipt_uses_only_terms_that_exist(consent: NewEntry) -> None:
    """Every term is one of the vocabulary, under a prefix of the context."""
    document = receipt(consent, CONSENT_ID, RECORDED_US, packaged())
    assert set(terms_in(document)) <= TERMS


def test_an_export_uses_only_terms_that_exist() -> None:
    """The states after the consent was given too."""
    lifted = replace(opt_out(kind=EntryKind.DO_NOT_CONTACT), lifted_at_us=GIVEN_US + 2 * HOUR_US)
    erased = replace(opt_out(3), kind=EntryKind.IDENTITY_ERASED, concerns_entry_id=CONSENT_ID)
    restated = replace(entry(number=4), concerns_entry_id=CONSENT_ID)
    assert set(terms_in(exported(lifted, erased, restated, at_us=GIVEN_US + 9 * YEAR_US))) <= TERMS


def test_the_record_has_every_field_that_the_profile_requires() -> None:
    """ISO/IEC TS 27560 by the DPV's guide, sections 8.1 to 8.5."""
    made = record()
    assert made["@type"] == "dpv:ConsentRecord"
    assert made["dct:conformsTo"] == "dpv-27560:record"
    assert made["dct:identifier"] == str(CONSENT_ID)
    assert made["dpv:hasDataController"]["dpv:hasName"] == "Alarm Example France SAS"
    assert made["dpv:hasJurisdiction"] == "loc:FR"
    assert made["dpv:hasConsentControl"]["@type"] == "dpv:WithdrawConsent"
    assert {"eu-gdpr:A7-3", "eu-gdpr:A77"} <= {right["@type"][1] for right in made["dpv:hasRight"]}
    (process,) = made["dpv:hasProcess"]
    assert process["dpv:hasPurpose"]["skos:broader"] == "dpv:DirectMarketing"
    assert process["dpv:hasLegalBasis"] == "eu-gdpr:A6-1-a"
    assert [each["dct:identifier"] for each in process["dpv:hasScope"]] == ["EMAIL", "SMS"]
    duration = process["dpv:hasStorageCondition"]["dpv:hasDuration"]
    assert duration["rdf:value"] == "P36M"
    assert made["dpv:hasNotice"] == {
        "@type": "dpv:ConsentNotice",
        "dct:identifier": "2026-08",
        "rdf:value": "Oui, écrivez-moi.",
    }
    (given,) = made["dpv:hasConsentStatus"]
    assert given["dpv:isIndicatedAtTime"]["@value"] == "2026-09-01T08:30:00.000000Z"
    assert given["dpv:isIndicatedBy"] == "dpv:DataSubject"
    assert given["dpv:hasDuration"]["@type"] == "dpv:UntilEventDuration"


def test_each_purpose_is_a_process_with_its_own_legal_basis() -> None:
    """Membership is special-category data: its consent is an explicit one (GDPR art. 9(2)(a))."""
    made = record(replace(CONSENT, purposes=frozenset({MARKETING, BENEFIT})))
    bases = {
        each["dpv:hasPurpose"]["dct:identifier"]: each["dpv:hasLegalBasis"]
        for each in made["dpv:hasProcess"]
    }
    assert bases == {"direct_marketing": "eu-gdpr:A6-1-a", "member_benefit": "eu-gdpr:A9-2-a"}


def test_it_names_the_person_s_own_data_and_nobody_else() -> None:
    """Not the employee, internal links, notes or traces of the device."""
    text = serialised(record()).decode()
    for own in ("marie@example.com", "06 39 98 00 01 (FR)", "apt 4, 12 rue X", "C-77", "Marie"):
        assert own in text
    for other in ("Dupont", "Voisin", "s3://", "192.0.2.7", "Browser"):
        assert other not in text


def test_a_partner_s_consent_names_the_partner_as_its_source() -> None:
    """GDPR art. 14(2)(f): from whom the data came."""
    consent = replace(CONSENT, kind=EntryKind.PARTNER_CONSENT, partner_id=PartnerId("insurer-1"))
    named = record(consent, partner_name="Assurances Exemple")["dpv:hasProcess"][0]
    assert named["dpv:hasDataSource"] == {
        "@type": "dpv:ThirdPartyDataSource",
        "dct:identifier": "insurer-1",
        "dpv:hasName": "Assurances Exemple",
    }
    unnamed = record(consent)["dpv:hasProcess"][0]
    assert unnamed["dpv:hasDataSource"]["dpv:hasName"] == "insurer-1"


def test_a_third_party_s_form_names_the_third_party() -> None:
    """As the evidence of such a consent must."""
    expression = replace(CONSENT.expression, source=Source.THIRD_PARTY_FORM)
    evidence = replace(CONSENT.evidence, third_party="Comparateur SARL")
    process = record(replace(CONSENT, expression=expression, evidence=evidence))["dpv:hasProcess"]
    assert process[0]["dpv:hasDataSource"]["dpv:hasName"] == "Comparateur SARL"


@pytest.mark.parametrize(
    "expression, said",
    [
        pytest.param(
            Expression(Source.LETTER, Precision.DAY, GIVEN_US, "Europe/Paris"),
            {"@type": "xsd:date", "@value": "2026-09-01"},
            id="day",
        ),
        pytest.param(Expression(Source.LETTER, Precision.UNKNOWN, None), None, id="unknown"),
    ],
)
def test_a_time_is_told_as_exactly_as_it_is_known(
    expression: Expression, said: dict[str, str] | None
) -> None:
    """A day is a day, and no time is made up for an unknown one."""
    (given,) = record(replace(CONSENT, expression=expression))["dpv:hasConsentStatus"]
    assert given.get("dpv:isIndicatedAtTime") == said


def test_an_expiry_is_the_consent_s_duration() -> None:
    """From then on it no longer counts."""
    (given,) = record(replace(CONSENT, expires_at_us=GIVEN_US + HOUR_US))["dpv:hasConsentStatus"]
    duration = given["dpv:hasDuration"]
    assert duration["@type"] == "dpv:UntilTimeDuration"
    assert duration["rdf:value"]["@value"] == "2026-09-01T09:30:00.000000Z"


def test_a_consent_without_identity_tells_what_and_not_by_whom() -> None:
    """As after an erasure: the entry stays, the person is gone from it."""
    graph = export_graph([(entry(), None)], packaged())["@graph"]
    assert graph[0]["dpv:hasProcess"][0]["dpv:hasPersonalData"] == []
    assert "dpv:hasNotice" not in graph[0]
    assert graph[0]["dpv:hasProcess"][0]["dpv:hasPurpose"]["dct:identifier"] == MARKETING


def test_a_controller_and_a_purpose_that_the_policy_no_longer_knows_go_by_their_ids() -> None:
    """The ledger outlives policies; nothing of it may fail an access request."""
    policy = replace(packaged(), controllers={}, purposes={})
    made = consent_record(CONSENT, CONSENT_ID, RECORDED_US, policy)
    assert made["dpv:hasDataController"]["dct:identifier"] == "alarm-fr"
    assert made["dpv:hasProcess"][0]["dpv:hasPurpose"]["dct:identifier"] == MARKETING


@pytest.mark.parametrize(
    "other, expected",
    [
        pytest.param(opt_out(), "ConsentWithdrawn", id="withdrawal"),
        pytest.param(
            opt_out(kind=EntryKind.DO_NOT_CONTACT), "ConsentWithdrawn", id="do not contact"
        ),
        pytest.param(opt_out(controller=GROUP), "ConsentWithdrawn", id="to the group"),
        pytest.param(
            opt_out(channels=Channel.SMS.mask, purposes=frozenset({MARKETING})),
            "ConsentWithdrawn",
            id="in part",
        ),
        pytest.param(opt_out(channels=Channel.POST.mask), None, id="other channel"),
        pytest.param(opt_out(purposes=frozenset({BENEFIT})), None, id="other purpose"),
        pytest.param(opt_out(controller=ControllerId("alarm-no")), None, id="other controller"),
        pytest.param(opt_out(after_us=-HOUR_US), None, id="before the consent"),
        pytest.param(
            opt_out(kind=EntryKind.IDENTITY_ERASED, concerns_entry_id=CONSENT_ID),
            "ConsentRevoked",
            id="erased",
        ),
        pytest.param(
            opt_out(kind=EntryKind.IDENTITY_EXPIRED, concerns_entry_id=CONSENT_ID),
            "ConsentRevoked",
            id="identity expired",
        ),
        pytest.param(
            opt_out(kind=EntryKind.RECTIFICATION, concerns_entry_id=CONSENT_ID),
            "ConsentRevoked",
            id="rectified",
        ),
        pytest.param(
            opt_out(kind=EntryKind.IDENTITY_ERASED, concerns_entry_id=EntryId(UUID(int=9))),
            None,
            id="another erased",
        ),
    ],
)
def test_what_ends_a_consent(other: Any, expected: str | None) -> None:  # noqa: ANN401
    """An opt-out as far as it reaches; an erasure, expiry or correction of this very consent."""
    assert states(exported(other)) == ["ConsentGiven", *([expected] if expected else [])]


def test_a_consent_that_ended_without_its_entry_in_the_export_is_still_revoked() -> None:
    """The ledger says when; a consent is never shown as holding that does not."""
    ended = replace(entry(), lifted_at_us=GIVEN_US + HOUR_US)
    graph = export_graph([(ended, None)], packaged())["@graph"]
    assert states(graph[0]) == ["ConsentGiven", "ConsentRevoked"]


def test_an_opt_out_that_was_lifted_says_until_when_it_stood() -> None:
    """Its lift did not make the earlier time undone."""
    lifted = replace(opt_out(kind=EntryKind.DO_NOT_CONTACT), lifted_at_us=GIVEN_US + 2 * HOUR_US)
    withdrawn = exported(lifted)["dpv:hasConsentStatus"][1]
    assert withdrawn["dpv:hasDuration"]["rdf:value"]["@value"] == "2026-09-01T10:30:00.000000Z"


@pytest.mark.parametrize(
    "after_us, expected",
    [(HOUR_US - 1, ["ConsentGiven"]), (HOUR_US, ["ConsentGiven", "ConsentExpired"])],
    ids=["before", "at the end"],
)
def test_a_consent_expires_at_its_end(after_us: int, expected: list[str]) -> None:
    """From `expires_at` on, that instant included."""
    consent = entry(replace(CONSENT, expires_at_us=GIVEN_US + HOUR_US))
    graph = export_graph([(consent, identity())], packaged(), at_us=GIVEN_US + after_us)
    assert states(graph["@graph"][0]) == expected


def test_a_restated_consent_names_what_replaces_it() -> None:
    """GDPR art. 16: the corrected one is a record of its own."""
    restated = replace(entry(number=4), concerns_entry_id=CONSENT_ID)
    assert exported(restated)["dct:isReplacedBy"] == [f"urn:uuid:{UUID(int=4)}"]


def test_the_export_does_not_depend_on_the_order_of_its_entries() -> None:
    """Neither its records nor their states."""
    records = [(entry(), identity()), (entry(number=7), None), (opt_out(), None)]
    graphs = {serialised(export_graph(each, packaged())) for each in permutations(records)}
    assert len(graphs) == 1
    assert len(json.loads(graphs.pop())["@graph"]) == 2


def test_the_same_receipt_is_the_same_bytes() -> None:
    """Signatures are over bytes; the keys are sorted."""
    twice = {serialised(receipt(CONSENT, CONSENT_ID, RECORDED_US, packaged())) for _ in range(2)}
    (content,) = twice
    document = json.loads(content)
    assert content == serialised(document)
    assert list(document["dpv:hasRecordOfActivity"]["dpv:hasProcess"][0]) == [
        "@type",
        "dpv:hasDataSource",
        "dpv:hasLegalBasis",
        "dpv:hasPersonalData",
        "dpv:hasPurpose",
        "dpv:hasScope",
        "dpv:hasStorageCondition",
    ]
