"""What may not be written, why, and that nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_registry_server.domain.contact import Email, Phone, PostalAddress, Subject
from consent_registry_server.domain.entry import FUTURE_TOLERANCE_US, Evidence, NewEntry
from consent_registry_server.domain.errors import (
    InvalidContactPoint,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    RegistryError,
)
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    Channel,
    ControllerId,
    EntryKind,
    PurposeId,
    Source,
    Verdict,
)
from tests.fakes.ambience import NO_DEADLINE
from tests.unit.service.desk import (
    FRANCE,
    NORWAY,
    NOW_US,
    PROOF,
    Desk,
    consent,
    opt_out,
    question,
    refused,
    said,
)

EMAIL = Email("camille.desiree@example.com")
PHONE = Phone("+33639980001")
BROKEN = Email("camille.desiree")
NOBODY, NOWHERE = ControllerId("alarm-xx"), PurposeId("world_domination")
TOO_LATE_US = NOW_US + FUTURE_TOLERANCE_US + 1

AGREED = consent(EMAIL, expression=said())
OBJECTED = opt_out(EMAIL, expression=said())
OBJECTED_TO_RECORDING = replace(OBJECTED, kind=EntryKind.RECORDING_OBJECTION)
LIFTED_RECORDING = replace(OBJECTED, kind=EntryKind.RECORDING_OBJECTION_LIFT, evidence=PROOF)


@pytest.mark.parametrize(
    "new, kind, reason, field",
    [
        *(
            pytest.param(
                consent(EMAIL, expression=said(source=source)),
                PreconditionFailed,
                "SOURCE_NOT_ALLOWED",
                "expression.source",
                id=f"consent by {source.name}",
            )
            for source in (Source.PARTNER, Source.NATIONAL_REGISTER, Source.UNSUBSCRIBE_LINK)
        ),
        pytest.param(
            consent(EMAIL, expression=said(source=Source.IMPORT), evidence=Evidence()),
            PreconditionFailed,
            "SOURCE_NOT_ALLOWED",
            "expression.source",
            id="imported consent without proof",
        ),
        pytest.param(
            consent(EMAIL, expression=replace(said(None), source=Source.IMPORT)),
            PreconditionFailed,
            "SOURCE_NOT_ALLOWED",
            "expression.source",
            id="imported consent of an unknown time",
        ),
        pytest.param(
            consent(EMAIL, expression=said(TOO_LATE_US)),
            InvalidRequest,
            "EXPRESSED_IN_FUTURE",
            "expression.expressed_at",
            id="consent from the future",
        ),
        pytest.param(
            replace(consent(EMAIL, expression=said()), channels=ALL_CHANNELS),
            InvalidRequest,
            "MISSING_FIELD",
            "channels",
            id="consent to every channel",
        ),
        pytest.param(
            replace(consent(EMAIL, expression=said()), purposes=None),
            InvalidRequest,
            "MISSING_FIELD",
            "purposes",
            id="consent to every purpose",
        ),
        pytest.param(
            consent(EMAIL, expression=said(), controller=GROUP),
            InvalidRequest,
            "INVALID_FIELD",
            "controller",
            id="consent for the group",
        ),
        pytest.param(
            consent(EMAIL, expression=said(), controller=NOBODY),
            NotFound,
            "UNKNOWN_CONTROLLER",
            "controller",
            id="consent for an unknown controller",
        ),
        pytest.param(
            consent(EMAIL, expression=said(), purposes=(NOWHERE,)),
            InvalidRequest,
            "UNKNOWN_PURPOSE",
            "purposes",
            id="consent to an unknown purpose",
        ),
        pytest.param(
            consent(EMAIL, expression=said(), purposes=(PurposeId("service"),)),
            InvalidRequest,
            "INVALID_FIELD",
            "purposes",
            id="consent to an alarm call",
        ),
        pytest.param(
            consent(expression=said()),
            InvalidRequest,
            "MISSING_FIELD",
            "subject.contact_points",
            id="consent without a contact point",
        ),
        pytest.param(
            replace(AGREED, subject=Subject(customer_number="K-1")),
            InvalidRequest,
            "MISSING_FIELD",
            "subject.contact_points",
            id="consent by customer number alone",
        ),
        pytest.param(
            consent(EMAIL, expression=said(), expires_at_us=NOW_US),
            InvalidRequest,
            "CONTRADICTION",
            "expires_at",
            id="consent that ends when it begins",
        ),
        pytest.param(
            consent(EMAIL, BROKEN, expression=said()),
            InvalidContactPoint,
            "INVALID_CONTACT_POINT",
            "subject.contact_points[1]",
            id="consent with a malformed email",
        ),
        pytest.param(
            consent(Phone("06 39 98 00 01"), expression=said()),
            InvalidContactPoint,
            "INVALID_CONTACT_POINT",
            "subject.contact_points[0]",
            id="consent with a number of no country",
        ),
        pytest.param(
            replace(AGREED, subject=Subject((EMAIL,), customer_number=" ")),
            InvalidContactPoint,
            "INVALID_CONTACT_POINT",
            "subject.customer_number",
            id="consent with an empty customer number",
        ),
        pytest.param(
            opt_out(expression=said()),
            InvalidRequest,
            "MISSING_FIELD",
            "subject",
            id="do-not-contact for nobody",
        ),
        pytest.param(
            replace(OBJECTED, kind=EntryKind.WITHDRAWAL, subject=Subject(name="Camille Désirée")),
            InvalidRequest,
            "MISSING_FIELD",
            "subject",
            id="withdrawal by name alone",
        ),
        pytest.param(
            replace(OBJECTED, controller=NOBODY),
            NotFound,
            "UNKNOWN_CONTROLLER",
            "controller",
            id="do-not-contact for an unknown controller",
        ),
        pytest.param(
            replace(OBJECTED, purposes=frozenset({NOWHERE})),
            InvalidRequest,
            "UNKNOWN_PURPOSE",
            "purposes",
            id="do-not-contact for an unknown purpose",
        ),
        pytest.param(
            opt_out(EMAIL, BROKEN, expression=said()),
            InvalidContactPoint,
            "INVALID_CONTACT_POINT",
            "subject.contact_points[1]",
            id="do-not-contact with a malformed email",
        ),
        pytest.param(
            opt_out(Phone("call me"), expression=said()),
            InvalidContactPoint,
            "INVALID_CONTACT_POINT",
            "subject.contact_points[0]",
            id="do-not-contact with a number without digits",
        ),
        pytest.param(
            replace(OBJECTED_TO_RECORDING, subject=Subject(name="Camille Désirée")),
            InvalidRequest,
            "MISSING_FIELD",
            "subject",
            id="recording objection by name alone",
        ),
        pytest.param(
            replace(
                OBJECTED_TO_RECORDING,
                subject=Subject((PostalAddress("FR", "69003", "Lyon", "12 rue des Lilas"),)),
            ),
            InvalidRequest,
            "MISSING_FIELD",
            "subject",
            id="recording objection by address alone",
        ),
        pytest.param(
            replace(LIFTED_RECORDING, evidence=Evidence(agent="agent-7")),
            InvalidRequest,
            "EVIDENCE_REQUIRED",
            "evidence",
            id="recording lift without evidence",
        ),
        pytest.param(
            replace(LIFTED_RECORDING, expression=said(None)),
            InvalidRequest,
            "INVALID_FIELD",
            "expression.precision",
            id="recording lift of an unknown time",
        ),
        pytest.param(
            replace(LIFTED_RECORDING, expression=said(source=Source.IMPORT)),
            PreconditionFailed,
            "SOURCE_NOT_ALLOWED",
            "expression.source",
            id="imported recording lift",
        ),
        pytest.param(
            replace(LIFTED_RECORDING, subject=Subject((Phone("06 39 98 00 01"),))),
            InvalidContactPoint,
            "INVALID_CONTACT_POINT",
            "subject.contact_points[0]",
            id="recording lift for a number of no country",
        ),
    ],
)
def test_what_can_never_be_such_an_entry_is_refused(
    desk: Desk, new: NewEntry, kind: type[RegistryError], reason: str, field: str
) -> None:
    """With the field at fault and no word of the person."""
    error = refused(desk, lambda: desk.record(new))
    assert type(error) is kind
    assert (error.reason, error.field) == (reason, field)


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(replace(OBJECTED, expression=said(TOO_LATE_US)), id="objection"),
        pytest.param(
            replace(OBJECTED, expression=said(TOO_LATE_US), kind=EntryKind.WITHDRAWAL),
            id="withdrawal",
        ),
        pytest.param(
            replace(OBJECTED_TO_RECORDING, expression=said(TOO_LATE_US)), id="recording objection"
        ),
    ],
)
def test_what_stops_contact_is_never_refused_for_its_date(desk: Desk, new: NewEntry) -> None:
    """It counts at once."""
    desk.record(new)
    [written] = desk.store.written()
    assert written.counts_at_us == NOW_US


@pytest.mark.parametrize("source", Source)
def test_an_objection_is_taken_from_every_source(desk: Desk, source: Source) -> None:
    """Whoever brings it, without any evidence."""
    desk.record(replace(OBJECTED, expression=said(source=source)))
    assert desk.ask(question(EMAIL, Channel.EMAIL)).verdict is Verdict.DENY


def test_an_objection_by_name_alone_is_kept(desk: Desk) -> None:
    """Though it can match nothing yet."""
    desk.record(replace(OBJECTED, subject=Subject(name="Camille Désirée")))
    assert len(list(desk.store.written())) == 1


def test_an_objection_may_bind_the_whole_group(desk: Desk) -> None:
    """Every controller then."""
    desk.record(replace(OBJECTED, controller=GROUP))
    for controller in (FRANCE, NORWAY):
        asked = question(EMAIL, Channel.EMAIL, controller=controller)
        assert desk.ask(asked).verdict is Verdict.DENY


@pytest.mark.parametrize(
    "evidence, source, proven, lifts",
    [
        pytest.param(PROOF, Source.WEB_FORM, True, True, id="own form"),
        pytest.param(Evidence(), Source.WEB_FORM, False, False, id="unproven"),
        pytest.param(PROOF, Source.CALL_CENTRE, True, False, id="call"),
        pytest.param(
            replace(PROOF, artefact_digest=b"1" * 32),
            Source.CALL_CENTRE,
            True,
            True,
            id="recorded call",
        ),
        pytest.param(PROOF, Source.IMPORT, True, False, id="import"),
        pytest.param(PROOF, Source.THIRD_PARTY_FORM, False, False, id="somebody else's form"),
    ],
)
def test_a_consent_is_stored_with_what_it_proves_and_may_lift(
    desk: Desk, evidence: Evidence, source: Source, proven: bool, lifts: bool
) -> None:
    """Whatever the caller claims; an incomplete proof is stored, and told."""
    claimed = replace(AGREED, proven=not proven, lifts_opt_outs=not lifts)
    new = replace(claimed, evidence=evidence, expression=said(source=source))
    recorded = desk.intake.record_consent(desk.write(), new, deadline=NO_DEADLINE)
    [written] = desk.store.written()
    assert recorded.details == {"entry_id": str(written.entry_id), "proven": proven}
    assert (written.new.proven, written.new.lifts_opt_outs) == (proven, lifts)
