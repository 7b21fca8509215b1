"""What can be missing or unknown in any request, and what reads refuse."""

from __future__ import annotations

from collections.abc import Iterator

from consent_registry.v1.contact_pb2 import Channel, Subject
from tests.e2e import filled
from tests.e2e.bad_request import (
    BINDING_ALL,
    BY_TOKEN,
    NOT_FOUND,
    WITH_PEOPLE,
    WRITES,
    BadRequest,
    clear,
    invalid,
    put,
    same,
)


def bad_everywhere() -> Iterator[BadRequest]:
    """All of them."""
    yield from _missing()
    yield from _controllers()
    yield from _questions()
    yield from _attempts()
    yield from _reads()


def _missing() -> Iterator[BadRequest]:
    required = {
        "DecisionService/CheckContact": ("controller", "target", "channel", "purpose"),
        "DecisionService/CheckCallRecording": ("controller", "line", "direction"),
        "AttemptService/ReserveContactAttempt": (
            "controller",
            "request_id",
            "target",
            "channel",
            "purpose",
        ),
        "AttemptService/ReportAttemptOutcome": (
            "controller",
            "request_id",
            "attempt_id",
            "outcome",
        ),
        "RegistryService/RecordConsent": ("channels", "purposes", "subject"),
        "RegistryService/LiftDoNotContact": ("entry_id",),
        "RegistryService/RecordPartnerLeads": ("partner_id", "leads"),
        "RegistryService/RecordRegisterResults": ("register", "checked_on", "results"),
        "RegistryService/RegisterPartner": (
            "partner.partner_id",
            "partner.name",
            "partner.kind",
            "partner.permitted_channels",
            "partner.permitted_purposes",
        ),
        "RegistryService/ListPartners": ("controller",),
        "SubjectService/ExplainDecision": (
            "question",
            "question.controller",
            "question.target",
            "question.channel",
            "question.purpose",
        ),
        "HistoryService/GetEntry": ("controller", "entry_id"),
        "HistoryService/ListEntries": ("controller", "contact_point"),
    }
    for method, paths in required.items():
        for path in paths:
            field = "subject.contact_points" if path == "subject" else path
            yield invalid(method, f"no {path}", clear(path), field, "MISSING_FIELD")
    for method in WRITES:
        for path in ("controller", "request_id"):
            yield invalid(method, f"no {path}", clear(path), path, "MISSING_FIELD")
    for method in WITH_PEOPLE[1:]:
        yield invalid(method, "nobody", clear("subject"), "subject", "MISSING_FIELD")
    for method in ("WithdrawConsent", "ObjectToCallRecording", "LiftCallRecordingObjection"):
        yield invalid(
            f"RegistryService/{method}",
            "a name alone",
            lambda request: request.subject.CopyFrom(Subject(name=filled.NAME)),
            "subject",
            "MISSING_FIELD",
        )


def _controllers() -> Iterator[BadRequest]:
    for method in filled.UNARY:
        if "Batch" in method or "Policy" in method or method in BY_TOKEN:
            continue
        path = "question.controller" if "Explain" in method else "controller"
        unknown = put(path, "alarm-mars")
        yield BadRequest(
            method, "an unknown controller", unknown, NOT_FOUND, "UNKNOWN_CONTROLLER", path
        )
        if method not in BINDING_ALL and not method.endswith("RecordConsent"):
            yield BadRequest(
                method,
                "the group",
                put(path, "group"),
                NOT_FOUND,
                "UNKNOWN_CONTROLLER",
                path,
            )
    yield invalid(
        "RegistryService/RecordConsent",
        "the group",
        put("controller", "group"),
        "controller",
    )


def _questions() -> Iterator[BadRequest]:
    check = "DecisionService/CheckContact"
    yield invalid(
        check,
        "an unknown purpose",
        put("purpose", "world_domination"),
        "purpose",
        "UNKNOWN_PURPOSE",
    )
    for country in ("France", "F", "F1", "ÉÉ"):
        yield invalid(
            check, f"the country {country}", put("recipient_country", country), "recipient_country"
        )
    yield invalid(
        check,
        "an empty contact point of the subject",
        lambda request: request.subject.contact_points[2].Clear(),
        "subject.contact_points[2]",
        "MISSING_FIELD",
    )
    for method in filled.UNARY:
        if method.startswith("DecisionService"):
            yield from _consistencies(method)


def _attempts() -> Iterator[BadRequest]:
    reserve, report = "AttemptService/ReserveContactAttempt", "AttemptService/ReportAttemptOutcome"
    for path, value, reason in (
        ("channel", Channel.CHANNEL_POST, "CHANNEL_NOT_COUNTED"),
        ("purpose", "service", "CHANNEL_NOT_COUNTED"),
        ("purpose", "world_domination", "UNKNOWN_PURPOSE"),
        ("recipient_country", "France", "INVALID_FIELD"),
    ):
        yield invalid(reserve, f"the {path} {value}", put(path, value), path, reason)
    yield invalid(report, "a malformed attempt id", put("attempt_id", "attempt-7"), "attempt_id")
    yield BadRequest(report, "an unknown attempt", same, NOT_FOUND, "UNKNOWN_ATTEMPT", "attempt_id")


def _consistencies(method: str) -> Iterator[BadRequest]:
    yield invalid(
        method,
        "not consistent",
        put("consistency.fully_consistent", False),
        "consistency.fully_consistent",
    )
    for seconds in (-1, 61):
        yield invalid(
            method,
            f"{seconds} s stale",
            lambda request, seconds=seconds: request.consistency.bounded_staleness.FromSeconds(  # type: ignore[misc]
                seconds
            ),
            "consistency.bounded_staleness",
        )
    yield invalid(
        method,
        "no revision",
        put("consistency.at_least_as_fresh", ""),
        "consistency.at_least_as_fresh",
        "MISSING_FIELD",
    )
    for revision in ("x", "nonsense", "AAAA", "é", "AQ" + "A" * 40, "=" * 8):
        yield invalid(
            method,
            f"the revision {revision}",
            put("consistency.at_least_as_fresh", revision),
            "consistency.at_least_as_fresh",
            "INVALID_REVISION",
        )


def _reads() -> Iterator[BadRequest]:
    lists = ("RegistryService/ListPartners", "HistoryService/ListEntries")
    for method in lists:
        for size in (-1, 1_001, -(2**31)):
            yield invalid(method, f"pages of {size}", put("page_size", size), "page_size")
        for token in ("nonsense", "é", "AAAA" * 10, "="):
            yield invalid(
                method,
                f"the page {token}",
                put("page_token", token),
                "page_token",
                "INVALID_PAGE_TOKEN",
            )
    entry, entries = "HistoryService/GetEntry", "HistoryService/ListEntries"
    yield invalid(entry, "a malformed entry id", put("entry_id", "entry-7"), "entry_id")
    yield BadRequest(entry, "an unknown entry", same, NOT_FOUND, "UNKNOWN_ENTRY", "entry_id")
    yield invalid(
        entries,
        "a contact point and a customer number",
        put("customer_number", filled.CUSTOMER_NUMBER),
        "customer_number",
        "CONTRADICTION",
    )
    yield invalid(
        entries,
        "a malformed email",
        put("contact_point.email", "zephyrine"),
        "contact_point",
        "INVALID_CONTACT_POINT",
    )
    policy = "PolicyService/GetPolicy"
    yield invalid(policy, "a malformed country", put("country", "France"), "country")
    yield BadRequest(
        policy,
        "a country without rules",
        put("country", "GB"),
        NOT_FOUND,
        "UNKNOWN_COUNTRY",
        "country",
    )
    yield invalid(
        "DecisionService/BatchCheckContact",
        "1,001 questions",
        lambda request: request.requests.extend([filled.batch_question()] * 1_000),
        "requests",
        "TOO_LONG",
    )
