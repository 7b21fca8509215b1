"""`consentctl import` and `partner leads` write every row once, and report on each."""

from __future__ import annotations

import csv
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest

from consent_registry.v1 import entry_pb2
from consent_registry.v1.contact_pb2 import Channel
from consent_registry.v1.registry_service_pb2 import (
    AddDoNotContactRequest,
    AddDoNotContactResponse,
    LeadOutcome,
    LeadRefusal,
    PartnerLeadResult,
    RecordPartnerLeadsRequest,
    RecordPartnerLeadsResponse,
)
from consent_registry_client.cli._import import MAX_ROWS_IN_FLIGHT
from tests.unit.client.console import Console, Outcome
from tests.unit.client.fake_registry import FakeRegistry, failing


class Ledger:
    """Stores what arrives, once for each request id."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: dict[str, AddDoNotContactRequest] = {}

    def __call__(self, request: AddDoNotContactRequest, context: Any) -> AddDoNotContactResponse:  # noqa: ANN401
        if request.subject.contact_points[:1] and "bad" in request.subject.contact_points[0].email:
            failing(
                grpc.StatusCode.INVALID_ARGUMENT,
                "no normal form",
                reason="INVALID_CONTACT_POINT",
                fields=["subject.contact_points[0].email"],
            )(request, context)
        with self.lock:
            self.entries.setdefault(request.request_id, request)
            place = list(self.entries).index(request.request_id)
        return AddDoNotContactResponse(
            entry_id=f"e{place}", unenforceable_channels=[Channel.CHANNEL_POST]
        )


class Importing:
    def __init__(self, consentctl: Console, folder: Path) -> None:
        self.consentctl = consentctl
        self.file = folder / "opt-outs.csv"
        self.report = folder / "opt-outs.report.csv"

    def __call__(self, content: str | bytes, *options: str) -> Outcome:
        self.file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.consentctl("import", self.file, *options)

    def reported(self, report: Path | None = None) -> list[dict[str, str]]:
        with (report or self.report).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def ledger(registry: FakeRegistry) -> Ledger:
    made = Ledger()
    registry.on("AddDoNotContact", made)
    return made


@pytest.fixture
def importing(consentctl: Console, tmp_path: Path) -> Importing:
    return Importing(consentctl, tmp_path)


def test_every_row_is_an_entry_and_is_reported_in_order(
    ledger: Ledger, importing: Importing
) -> None:
    outcome = importing("email\n" + "".join(f"p{n}@example.com\n" for n in range(500)))
    assert outcome.code == 0
    assert len(ledger.entries) == 500
    reported = importing.reported()
    assert [int(row["line"]) for row in reported] == list(range(2, 502))
    assert {row["outcome"] for row in reported} == {"stored"}
    assert {row["entry_id"] for row in reported} == {f"e{n}" for n in range(500)}
    assert reported[0]["unenforceable_channels"] == "post"
    assert {one.expression.source for one in ledger.entries.values()} == {entry_pb2.SOURCE_IMPORT}


def test_a_row_says_who_what_and_when(ledger: Ledger, importing: Importing) -> None:
    outcome = importing(
        "email,phone,name,channels,purposes,expressed_at\n"
        'a@example.com,0639980001,Marie,"email, SMS",direct_marketing,2026-03-10T10:00:00Z\n'
        "b@example.com,,,,,2026-03-10\n"
        "c@example.com,,,,,2026-03-10 10:00\n"
        "d@example.com,,,,,\n",
        *("--region", "FR", "--time-zone", "Europe/Paris", "--channel", "post"),
    )
    assert outcome.code == 0
    by_email = {
        entry.subject.contact_points[0].email[0]: entry for entry in ledger.entries.values()
    }
    first = by_email["a"]
    assert first.subject.contact_points[1].phone.region == "FR"
    assert first.subject.name == "Marie"
    assert list(first.channels) == [Channel.CHANNEL_EMAIL, Channel.CHANNEL_SMS]
    assert list(first.purposes) == ["direct_marketing"]
    assert list(by_email["b"].channels) == [Channel.CHANNEL_POST]
    assert [by_email[name].expression.precision for name in "abcd"] == [
        entry_pb2.PRECISION_INSTANT,
        entry_pb2.PRECISION_DAY,
        entry_pb2.PRECISION_INSTANT,
        entry_pb2.PRECISION_UNKNOWN,
    ]
    assert by_email["c"].expression.expressed_at.ToJsonString() == "2026-03-10T09:00:00Z"


def test_the_same_file_again_stores_nothing_twice(ledger: Ledger, importing: Importing) -> None:
    content = "email\na@example.com\na@example.com\n"
    importing(content)
    first = importing.reported()
    importing(content)
    assert importing.reported() == first
    assert len(ledger.entries) == 2


@pytest.mark.parametrize(
    "content, options",
    [
        ("email\na@example.com\n", ["--run", "april"]),
        ("email\na@example.com\n", ["--channel", "sms"]),
        ("email\na@example.com\n", ["--source", "letter"]),
        ("email\na@example.com\n", ["--controller", "group"]),
        ("email\na@example.com\nb@example.com\n", []),
    ],
    ids=["another run", "other channels", "another source", "another controller", "another file"],
)
def test_anything_else_is_stored_anew(
    ledger: Ledger, importing: Importing, content: str, options: list[str]
) -> None:
    importing("email\na@example.com\n")
    importing(content, *options)
    assert len(ledger.entries) == 1 + content.count("@")


def test_bad_rows_are_reported_and_spoil_nothing_else(ledger: Ledger, importing: Importing) -> None:
    outcome = importing(
        b"email,name,channels,expressed_at\n"
        b"a@example.com,,,\n"
        b"b@example.com\n"
        b",,,\n"
        b"c@example.com,,pigeon,\n"
        b"d@example.com,,,yesterday\n"
        b"e@example.com,caf\xe9,,\n"
        b"bad@example.com,,,\n"
        b"f@example.com,,,\n"
    )
    assert outcome.code == 4
    assert "example.com" not in outcome.err
    reported = importing.reported()
    assert [row["outcome"] for row in reported] == [
        *("stored", "bad_row", "bad_row", "bad_row", "bad_row", "bad_row", "refused", "stored")
    ]
    assert reported[6]["reason"] == "INVALID_CONTACT_POINT"
    assert reported[6]["field"] == "subject.contact_points[0].email"
    assert len(ledger.entries) == 2
    assert "line 8: INVALID_CONTACT_POINT" in outcome.err


@pytest.mark.parametrize(
    "status, code",
    [
        (grpc.StatusCode.PERMISSION_DENIED, 3),
        (grpc.StatusCode.NOT_FOUND, 2),
        (grpc.StatusCode.INTERNAL, 3),
    ],
)
def test_a_failure_that_every_row_would_meet_ends_the_import(
    registry: FakeRegistry, importing: Importing, status: grpc.StatusCode, code: int
) -> None:
    registry.on("AddDoNotContact", failing(status, "no"))
    outcome = importing("email\n" + "a@example.com\n" * 5_000)
    assert outcome.code == code
    assert not importing.report.exists()
    assert len(registry.calls["AddDoNotContact"]) <= MAX_ROWS_IN_FLIGHT
    assert {path.name for path in importing.file.parent.iterdir()} == {"opt-outs.csv"}


def test_an_import_that_was_cut_short_goes_on_where_it_was(
    registry: FakeRegistry, importing: Importing
) -> None:
    ledger = Ledger()

    def failing_midway(request: AddDoNotContactRequest, context: Any) -> Any:  # noqa: ANN401
        if len(ledger.entries) >= 100:
            failing(grpc.StatusCode.INTERNAL)(request, context)
        return ledger(request, context)

    content = "email\n" + "".join(f"p{n}@example.com\n" for n in range(300))
    registry.on("AddDoNotContact", failing_midway)
    assert importing(content).code == 3
    registry.on("AddDoNotContact", ledger)
    assert importing(content, "--json").json["stored"] == 300
    assert len(ledger.entries) == 300


@pytest.mark.parametrize(
    "content, options",
    [
        pytest.param("colour\nred\n", [], id="nobody is named"),
        pytest.param("email\na@example.com\n", ["--source", "gossip"], id="unknown source"),
        pytest.param("email\n", ["--report", "{file}"], id="the report over the file"),
    ],
)
def test_wrong_usage_writes_nothing(
    registry: FakeRegistry, importing: Importing, content: str, options: list[str]
) -> None:
    outcome = importing(content, *(one.format(file=importing.file) for one in options))
    assert outcome.code == 2
    assert not registry.calls


LEADS = (
    "lead_id,email,captured_at,named_controller,notice_version,channels\n"
    "L1,a@example.com,2026-09-01T10:00:00Z,alarm-fr,n7,\n"
    "L2,b@example.com,2026-09-01T10:00:00Z,alarm-fr,,sms\n"
    "L3,c@example.com,never,alarm-fr,,\n"
    "L4,d@example.com,2026-09-01T10:00:00Z,alarm-no,,\n"
)


def judged(request: RecordPartnerLeadsRequest, _: object) -> RecordPartnerLeadsResponse:
    response = RecordPartnerLeadsResponse()
    for lead in request.leads:
        if lead.named_controller != request.controller:
            result = PartnerLeadResult(
                lead_id=lead.lead_id,
                outcome=LeadOutcome.LEAD_OUTCOME_REFUSED,
                refusal=LeadRefusal.LEAD_REFUSAL_OTHER_RECIPIENT,
                field="named_controller",
            )
        else:
            outcome = (
                LeadOutcome.LEAD_OUTCOME_BLOCKED
                if lead.lead_id == "L2"
                else LeadOutcome.LEAD_OUTCOME_ACCEPTED
            )
            result = PartnerLeadResult(lead_id=lead.lead_id, outcome=outcome, entry_id="e")
        response.results.append(result)
    return response


@pytest.fixture
def leads_file(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_text(LEADS, encoding="utf-8")
    return path


OPTIONS = ("--channel", "email", "--purpose", "direct_marketing", "--notice-version", "n1")


def test_leads_are_recorded_and_reported(
    registry: FakeRegistry, consentctl: Console, importing: Importing, leads_file: Path
) -> None:
    registry.on("RecordPartnerLeads", judged)
    outcome = consentctl("partner", "leads", "acme", leads_file, *OPTIONS, "--text", "Oui.")
    assert outcome.code == 4
    reported = importing.reported(leads_file.with_name("leads.report.csv"))
    assert {row["line"]: (row["outcome"], row["refusal"]) for row in reported} == {
        "2": ("accepted", ""),
        "3": ("blocked", ""),
        "4": ("bad_row", "captured_at is no time, or needs --time-zone"),
        "5": ("refused", "other_recipient"),
    }
    request = registry.requests("RecordPartnerLeads")[0]
    assert request.partner_id == "acme"
    first, second, _ = request.leads
    assert (first.evidence.notice_version, first.evidence.text) == ("n7", "Oui.")
    assert second.evidence.notice_version == "n1"
    assert list(first.channels) == [Channel.CHANNEL_EMAIL]
    assert list(second.channels) == [Channel.CHANNEL_SMS]
    assert list(first.purposes) == ["direct_marketing"]


def test_leads_travel_in_bounded_calls_with_lasting_ids(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    registry.on("RecordPartnerLeads", judged)
    path = tmp_path / "leads.csv"
    header, row, *_ = LEADS.splitlines()
    path.write_text("\n".join([header, *[row] * 1_200]), encoding="utf-8")
    for _ in range(2):
        outcome = consentctl("partner", "leads", "acme", path, *OPTIONS, "--json")
        assert outcome.json["accepted"] == 1_200
    requests = registry.requests("RecordPartnerLeads")
    assert [len(request.leads) for request in requests] == [500, 500, 200] * 2
    ids = [request.request_id for request in requests]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3


def test_leads_not_answered_one_for_one_leave_no_report(
    registry: FakeRegistry, consentctl: Console, leads_file: Path
) -> None:
    registry.on("RecordPartnerLeads", RecordPartnerLeadsResponse())
    assert consentctl("partner", "leads", "acme", leads_file, *OPTIONS).code == 3
    assert not leads_file.with_name("leads.report.csv").exists()
