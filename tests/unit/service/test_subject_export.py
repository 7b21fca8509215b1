"""ExportSubject: everything that is the person's, and nothing that is anybody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, NewEntry
from consent_registry_server.domain.errors import LimitExceeded, NotFound
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    EntryKind,
    RegisterStatus,
    Source,
)
from consent_registry_server.service import subject_reading
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import Accessor
from consent_registry_server.service.subject_reading import Exported, SubjectReading
from tests.fakes.ambience import NO_DEADLINE, HashDigester
from tests.unit.service.desk import (
    FRANCE,
    NOW_US,
    Desk,
    consent,
    lead,
    mover,
    opt_out,
    said,
    scrub,
)

EMAIL, PHONE = Email("camille@example.com"), Phone("+33639980001")
OTHERS_EMAIL, OTHERS_PHONE = Email("bob.secret@example.org"), Phone("+33639980099")
OTHERS_HOME = PostalAddress("FR", "59000", "Lille", "99 rue du Voisin")
NAME, OTHERS_NAME = "Camille Désirée", "Bob Brouillard"
BY = Accessor("officer-desk", "Robin Officer", "request 2026/117")
PROOF = Evidence(
    notice_version="2026-01",
    text="I agree to emails.",
    form_id="contact-form-3",
    ip="192.0.2.7",
    user_agent="Firefox/140",
)


@pytest.fixture
def reading(desk: Desk) -> SubjectReading:
    """The officer at the desk."""
    return SubjectReading(
        desk.store.ledger,
        desk.store.subject_history,
        HashDigester(),
        policy=lambda: desk.policy,
        clock=desk.clock,
    )


def named(new: NewEntry, name: str, **evidence: Any) -> NewEntry:  # noqa: ANN401 - fields of it
    """An entry that names a person."""
    return replace(
        new,
        subject=replace(new.subject, name=name),
        evidence=replace(new.evidence, **evidence),
    )


def export(
    reading: SubjectReading, *points: ContactPoint, name: str = NAME, customer_number: str = ""
) -> Exported:
    """A person's copy."""
    subject = Subject(points, customer_number, name)
    return reading.export(FRANCE, subject, BY, deadline=NO_DEADLINE)


def document(
    reading: SubjectReading, *points: ContactPoint, name: str = NAME, customer_number: str = ""
) -> dict[str, Any]:
    """It, parsed."""
    exported = export(reading, *points, name=name, customer_number=customer_number)
    parsed: dict[str, Any] = json.loads(exported.json)
    return parsed


def withheld(entry: dict[str, Any]) -> dict[str, int]:
    """What was withheld of an entry, and how often."""
    return {each["what"]: each["count"] for each in entry["withheld"]}


def test_a_consent_is_exported_whole(desk: Desk, reading: SubjectReading) -> None:
    """All that the person said, how it was proven, and until when it is kept."""
    entry_id = desk.record(named(consent(EMAIL, PHONE, expression=said(), evidence=PROOF), NAME))
    copy = document(reading, EMAIL, PHONE)
    [entry] = copy["entries"]
    assert entry["entry_id"] == str(entry_id)
    assert (entry["states"], entry["channels"], entry["purposes"]) == (
        "CONSENT",
        ["EMAIL"],
        ["direct_marketing"],
    )
    assert entry["expressed_at"] == "2026-11-23T14:00:00Z"
    assert entry["found_by"] == {"contact_points": [0, 1], "customer_number": False}
    assert entry["identity"] == {
        "state": "KEPT",
        "name": NAME,
        "contact_points": [
            {"kind": "email", "address": EMAIL.address},
            {"kind": "phone", "number": PHONE.number},
        ],
        "proof": {
            "notice_version": "2026-01",
            "text": "I agree to emails.",
            "form_id": "contact-form-3",
            "ip": "192.0.2.7",
            "user_agent": "Firefox/140",
        },
    }
    assert entry["withheld"] == []
    assert entry["retention"]["on_hold"] is False
    assert len(entry["retention"]["identity_kept_until"]) == len("2026-11-23")
    assert copy["controller"]["id"] == FRANCE
    assert copy["made_at"] == "2026-11-23T14:00:00Z"


def test_any_spelling_of_what_was_given_is_the_persons(desk: Desk, reading: SubjectReading) -> None:
    """Of contact points, of the customer number, of the name."""
    new = opt_out(
        Email("Camille+News@EXAMPLE.com"),
        Phone("06 39 98 00 01", "FR"),
        expression=said(),
        customer_number="K-77",
    )
    desk.record(named(new, "  CAMILLE   DESIREE "))
    [entry] = document(reading, EMAIL, PHONE, customer_number="k-77 ")["entries"]
    assert entry["withheld"] == []
    assert entry["identity"]["name"] == "  CAMILLE   DESIREE "
    assert len(entry["identity"]["contact_points"]) == 2
    assert entry["identity"]["customer_number"] == "K-77"


def test_nothing_of_another_person_on_a_shared_telephone_is_exported(
    desk: Desk, reading: SubjectReading
) -> None:
    """Neither contact points nor name nor what their browser told; all of it is counted."""
    new = consent(PHONE, OTHERS_EMAIL, OTHERS_PHONE, OTHERS_HOME, expression=said(), evidence=PROOF)
    new = named(
        replace(new, subject=replace(new.subject, customer_number="B-99-SECRET")), OTHERS_NAME
    )
    desk.record(new)
    exported = export(reading, PHONE)
    for secret in (
        "bob",
        "secret",
        "brouillard",
        "639980099",
        "voisin",
        "192.0.2.7",
        "firefox",
        "b-99",
    ):
        assert secret not in exported.json.lower(), secret
        assert secret not in exported.json_ld.lower(), secret
    [entry] = json.loads(exported.json)["entries"]
    assert entry["identity"]["contact_points"] == [{"kind": "phone", "number": PHONE.number}]
    assert withheld(entry) == {
        "contact_points": 3,
        "customer_number": 1,
        "name": 1,
        "ip": 1,
        "user_agent": 1,
    }
    assert all(each["reason"] for each in entry["withheld"])


def test_a_name_is_nobodys_unless_it_was_given(desk: Desk, reading: SubjectReading) -> None:
    """Without a name in the question none is shown, and who used the browser is not clear."""
    desk.record(named(consent(EMAIL, expression=said(), evidence=PROOF), NAME))
    exported = export(reading, EMAIL, name="")
    assert "Désirée" not in exported.json + exported.json_ld
    assert "192.0.2.7" not in exported.json + exported.json_ld


def test_employees_and_what_they_wrote_are_withheld(desk: Desk, reading: SubjectReading) -> None:
    """The agent, the note, the recording; and told for the officer to review."""
    new = consent(
        EMAIL,
        expression=said(),
        evidence=replace(
            PROOF,
            agent="Agnès Agente",
            note="Her husband Bob was rude.",
            artefact_uri="https://intranet.example/rec/4711",
            artefact_digest=b"\x01" * 32,
        ),
    )
    desk.record(named(new, NAME))
    exported = export(reading, EMAIL)
    for secret in ("Agnès", "Bob", "intranet", "4711", "01" * 32):
        assert secret not in exported.json, secret
        assert secret not in exported.json_ld, secret
    [entry] = json.loads(exported.json)["entries"]
    assert withheld(entry) == {"agent": 1, "note": 1, "artefact": 1}
    assert "reviews it by hand" in next(
        each["reason"] for each in entry["withheld"] if each["what"] == "note"
    )
    assert entry["identity"]["proof"]["ip"] == "192.0.2.7"


@pytest.mark.parametrize(
    "text",
    [
        "I, BOB BROUILLARD, agree.",
        "Also for Brouillard's number.",
        "Call 06.39.98.00.99 instead",
        "Write to Bob.Secret@Example.org",
        "To 99, Rue du Voisin please",
    ],
    ids=["name", "surname", "number", "email", "street"],
)
def test_a_text_that_names_another_person_is_withheld(
    desk: Desk, reading: SubjectReading, text: str
) -> None:
    """However it is spelled there, as far as the entry tells who that is."""
    evidence = replace(PROOF, text=text, text_digest=b"\x07" * 32)
    new = consent(
        EMAIL, OTHERS_EMAIL, OTHERS_PHONE, OTHERS_HOME, expression=said(), evidence=evidence
    )
    desk.record(named(new, OTHERS_NAME))
    exported = export(reading, EMAIL)
    assert text not in exported.json + exported.json_ld
    assert "07" * 32 not in exported.json + exported.json_ld
    [entry] = json.loads(exported.json)["entries"]
    assert withheld(entry)["text"] == 1


def test_what_only_relates_to_anothers_entry_is_anothers(
    desk: Desk, reading: SubjectReading
) -> None:
    """The proof of a lift is the person's where the entry lifted plainly is."""
    theirs = desk.record(named(opt_out(PHONE, OTHERS_EMAIL, expression=said()), OTHERS_NAME))
    own = desk.record(named(opt_out(EMAIL, expression=said()), NAME))
    desk.clock.now_us += 1
    for lifted, ip in ((theirs, "198.51.100.1"), (own, "192.0.2.9")):
        desk.lift(lifted, said(), evidence=replace(PROOF, ip=ip, user_agent=""))
    exported = export(reading, EMAIL, PHONE)
    assert "198.51.100.1" not in exported.json
    assert "192.0.2.9" in exported.json


def test_the_neighbours_of_a_dwelling_are_not_in_the_copy(
    desk: Desk, reading: SubjectReading
) -> None:
    """They share the building, and that is how a dwelling is found."""
    home = PostalAddress("FR", "59000", "Lille", "12 rue Exemple", "Apt 3")
    desk.record(opt_out(home, expression=said()))
    desk.record(opt_out(replace_unit(home, "Apt 4"), expression=said()))
    copy = document(reading, home)
    assert len(copy["entries"]) == 1
    assert "Apt 4" not in json.dumps(copy)


def replace_unit(home: PostalAddress, unit: str) -> PostalAddress:
    """Another dwelling of the building."""
    return PostalAddress(home.country, home.postal_code, home.locality, home.street, unit)


def test_the_source_of_each_datum_is_named(desk: Desk, reading: SubjectReading) -> None:
    """A partner by its name and kind, a third party's form by its own (art. 14(2)(f))."""
    desk.register(mover())
    desk.record_leads(lead(EMAIL, captured_at_us=NOW_US))
    form = replace(PROOF, third_party="Comparateur SARL")
    desk.record(consent(PHONE, expression=said(source=Source.THIRD_PARTY_FORM), evidence=form))
    data = {each["kind"]: each["sources"] for each in document(reading, EMAIL, PHONE)["data"]}
    [by_partner], [by_form] = data["email"], data["phone"]
    assert by_partner["source"] == {
        "kind": "PARTNER",
        "partner": {"id": "mover-1", "name": "Movers Example SARL", "kind": "MOVER"},
        "from_the_person": False,
    }
    assert by_form["source"]["third_party"] == "Comparateur SARL"


def test_one_datum_from_two_sources_is_there_once(desk: Desk, reading: SubjectReading) -> None:
    """With both."""
    for source in (Source.WEB_FORM, Source.LETTER):
        desk.record(opt_out(EMAIL, expression=said(source=source)))
    [datum] = document(reading, EMAIL)["data"]
    assert {each["source"]["kind"] for each in datum["sources"]} == {"WEB_FORM", "LETTER"}


def test_what_the_person_provided_under_a_consent_is_portable(
    desk: Desk, reading: SubjectReading
) -> None:
    """Not an opt-out, nor what a partner passed on (art. 20)."""
    desk.register(mover())
    desk.record_leads(lead(PHONE, captured_at_us=NOW_US))
    desk.record(opt_out(Handle("messenger", "camille.d"), expression=said()))
    entry_id = desk.record(named(consent(EMAIL, expression=said(), evidence=PROOF), NAME))
    copy = document(reading, EMAIL, PHONE, Handle("messenger", "camille.d"))
    assert len(copy["entries"]) == 3
    assert copy["portable"] == {
        "contact_points": [{"kind": "email", "address": EMAIL.address}],
        "names": [NAME],
        "consents": [
            {
                "entry_id": str(entry_id),
                "channels": ["EMAIL"],
                "purposes": ["direct_marketing"],
                "given_at": "2026-11-23T14:00:00Z",
                "precision": "INSTANT",
                "text": "I agree to emails.",
                "notice_version": "2026-01",
                "form_id": "contact-form-3",
            }
        ],
    }


def test_an_entry_whose_identity_is_gone_is_listed_without_it(
    desk: Desk, reading: SubjectReading
) -> None:
    """And why (art. 11(2)): found by the number all the same."""
    long_ago_us = NOW_US - 8 * 366 * 86_400_000_000
    desk.record(opt_out(PHONE, expression=said(long_ago_us)))
    [entry] = document(reading, PHONE)["entries"]
    assert entry["states"] == "DO_NOT_CONTACT"
    assert entry["identity"]["state"] == "NEVER_KEPT"
    assert entry["identity"]["remark"]
    assert entry["channels"] == entry["purposes"] == "ALL"


def test_nobody_found_is_an_error_and_a_row_of_the_trail(reading: SubjectReading) -> None:
    """That somebody looked is known even so."""
    with pytest.raises(NotFound) as unknown:
        export(reading, EMAIL)
    assert unknown.value.reason == "UNKNOWN_SUBJECT"
    [access] = reading.accesses(FRANCE, Page(9, None), deadline=NO_DEADLINE)
    assert (access.operation, access.entry_id) == (AccessOperation.EXPORT_SUBJECT, None)


def test_a_copy_is_in_the_trail(desk: Desk, reading: SubjectReading) -> None:
    """With every entry of which an identity was opened."""
    written = {desk.record(opt_out(EMAIL, expression=said())) for _ in range(2)}
    assert export(reading, EMAIL).entry_count == 2
    trail = reading.accesses(FRANCE, Page(9, None), deadline=NO_DEADLINE)
    assert {each.entry_id for each in trail} == written


def test_a_copy_that_no_answer_can_carry_is_refused(
    desk: Desk, reading: SubjectReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than cut short."""
    monkeypatch.setattr(subject_reading, "LARGEST_EXPORT_BYTES", 1_000)
    desk.record(opt_out(EMAIL, expression=said()))
    with pytest.raises(LimitExceeded):
        export(reading, EMAIL)


def test_what_else_the_law_asks_for_is_there(desk: Desk, reading: SubjectReading) -> None:
    """Recipients, terms, rights, and the person as given."""
    desk.record(opt_out(EMAIL, expression=said()))
    copy = document(reading, EMAIL)
    [recipient] = copy["recipients"]
    assert recipient["legal_name"] == desk.policy.controllers[FRANCE].legal_name
    assert copy["retention_terms"]["opt_out_months"] == 84
    assert {each["citation"] for each in copy["rights"]} >= {"GDPR art. 16", "GDPR art. 77"}
    assert copy["person"] == {
        "name": NAME,
        "contact_points": [{"kind": "email", "address": EMAIL.address}],
    }
    assert copy["entries"][0]["retention"]["rest"].endswith("(GDPR art. 17(3)(b))")


def test_the_consents_are_exported_as_a_graph(desk: Desk, reading: SubjectReading) -> None:
    """In JSON-LD, those that ended with what ended them; no opt-out among them."""
    entry_id = desk.record(consent(EMAIL, expression=said(), evidence=PROOF))
    desk.clock.now_us += 1
    desk.record(opt_out(EMAIL, expression=said(), kind=EntryKind.WITHDRAWAL))
    graph = json.loads(export(reading, EMAIL).json_ld)["@graph"]
    assert [each["dct:identifier"] for each in graph] == [str(entry_id)]


def test_scrubs_are_part_of_the_copy(desk: Desk, reading: SubjectReading) -> None:
    """With the register, and that the person did not say it."""
    italian = Phone("+390612345678")
    italy = next(
        each.controller_id for each in desk.policy.controllers.values() if each.country == "IT"
    )
    register = next(name for name, at in desk.policy.registers.items() if at == "IT")
    desk.say(
        scrub(
            italian,
            RegisterStatus.LISTED,
            date(2026, 11, 20),
            register=register,
            controller=italy,
        )
    )
    subject = Subject((italian,))
    exported = reading.export(italy, subject, BY, deadline=NO_DEADLINE)
    [entry] = json.loads(exported.json)["entries"]
    assert entry["register"]["status"] == "LISTED"
    assert entry["source"] == {
        "kind": "NATIONAL_REGISTER",
        "register": register,
        "from_the_person": False,
    }
