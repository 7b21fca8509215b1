"""What intake refuses to write down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from consent_registry.v1.contact_pb2 import ContactPoint, MessagingHandle
from consent_registry.v1.entry_pb2 import Evidence, Precision, RegisterStatus, Source
from tests.e2e import filled
from tests.e2e.bad_request import (
    LIFTS,
    NOT_FOUND,
    PRECONDITION,
    WITH_EXPRESSION,
    WITH_PEOPLE,
    BadRequest,
    clear,
    invalid,
    put,
    same,
)
from tests.e2e.people import phone, timestamp

_TOMORROW: Final = datetime.now(UTC) + timedelta(days=1)


def bad_intake() -> Iterator[BadRequest]:
    """All of it."""
    yield from _expressions()
    yield from _contact_points()
    yield from _intake()
    yield from _partners()
    yield from _registers()


def _expressions() -> Iterator[BadRequest]:
    for method in WITH_EXPRESSION:
        yield invalid(
            method, "never said", clear("expression"), "expression.source", "MISSING_FIELD"
        )
        yield invalid(
            method,
            "without a time",
            clear("expression.expressed_at"),
            "expression.expressed_at",
            "MISSING_FIELD",
        )
        yield invalid(
            method,
            "at a time that is not known, given",
            put("expression.precision", Precision.PRECISION_UNKNOWN),
            "expression.expressed_at",
            "CONTRADICTION",
        )
        yield invalid(
            method, "on a day nowhere", _on_a_day(""), "expression.time_zone", "MISSING_FIELD"
        )
        for zone in ("Mars/Olympus", "../../etc/passwd", "Europe", "/etc/localtime", "é"):
            yield invalid(method, f"on a day in {zone}", _on_a_day(zone), "expression.time_zone")
        yield invalid(
            method,
            "a digest that is none",
            put("evidence.text_digest", b"short"),
            "evidence.text_digest",
        )
    for method in ("RecordConsent", "LiftDoNotContact", "LiftCallRecordingObjection"):
        yield invalid(
            f"RegistryService/{method}",
            "tomorrow",
            lambda request: request.expression.expressed_at.CopyFrom(timestamp(_TOMORROW)),
            "expression.expressed_at",
            "EXPRESSED_IN_FUTURE",
        )


def _on_a_day(zone: str) -> Callable[[Any], None]:
    def change(request: Any) -> None:  # noqa: ANN401 - whatever has an expression
        request.expression.precision = Precision.PRECISION_DAY
        request.expression.time_zone = zone

    return change


def _contact_points() -> Iterator[BadRequest]:
    secret = filled.EMAIL
    everywhere = {
        "an email without @": ContactPoint(email=secret.replace("@", " at ")),
        "an email with two @": ContactPoint(email=f"{secret}@example.org"),
        "an email of spaces": ContactPoint(email="   "),
        "an email at an IP address": ContactPoint(email="zephyrine@127.0.0.1"),
        "an address without a country": _without("country"),
        "an address without a postal code": _without("postal_code"),
        "an address without a street": _without("street", "locality"),
        "a handle nowhere": ContactPoint(handle=MessagingHandle(handle=filled.HANDLE)),
        "nobody's handle": ContactPoint(handle=MessagingHandle(platform=filled.PLATFORM)),
        "a number of words": phone("Zéphyrine's number"),
    }
    for method in WITH_PEOPLE:
        for fault, point in everywhere.items():
            yield invalid(
                method,
                fault,
                _second(point),
                "subject.contact_points[1]",
                "INVALID_CONTACT_POINT",
            )
        yield invalid(
            method,
            "an empty contact point",
            _second(ContactPoint()),
            "subject.contact_points[1]",
            "MISSING_FIELD",
        )
        yield invalid(
            method,
            "a customer number of spaces",
            put("subject.customer_number", "   "),
            "subject.customer_number",
            "INVALID_CONTACT_POINT",
        )
    for method in ("RecordConsent", "LiftCallRecordingObjection"):
        yield invalid(
            f"RegistryService/{method}",
            "a national number of no region",
            _second(phone(filled.NATIONAL_PHONE)),
            "subject.contact_points[1]",
            "INVALID_CONTACT_POINT",
        )


def _without(*parts: str) -> ContactPoint:
    point = filled.points()[-1]
    for part in parts:
        point.address.ClearField(part)  # type: ignore[arg-type]
    return point


def _second(point: ContactPoint) -> Callable[[Any], None]:
    return lambda request: request.subject.contact_points[1].CopyFrom(point)


def _intake() -> Iterator[BadRequest]:
    consent = "RegistryService/RecordConsent"
    for method in (consent, "RegistryService/WithdrawConsent", "RegistryService/AddDoNotContact"):
        yield invalid(
            method,
            "an unknown purpose",
            lambda request: request.purposes.append("world_domination"),
            "purposes",
            "UNKNOWN_PURPOSE",
        )
        yield invalid(
            method,
            "channel zero",
            lambda request: request.channels.append(0),
            "channels[1]" if method != consent else "channels[2]",
        )
    yield invalid(
        consent, "for `service`", lambda request: request.purposes.append("service"), "purposes"
    )
    yield invalid(
        consent,
        "expires before it was given",
        lambda request: request.expires_at.CopyFrom(request.expression.expressed_at),
        "expires_at",
        "CONTRADICTION",
    )
    for source in ("PARTNER", "NATIONAL_REGISTER", "UNSUBSCRIBE_LINK"):
        yield _not_from(consent, source)
    yield BadRequest(
        consent,
        "an import without proof",
        _import_without_proof,
        PRECONDITION,
        "SOURCE_NOT_ALLOWED",
        "expression.source",
    )
    for method in LIFTS:
        for source in ("PARTNER", "IMPORT", "NATIONAL_REGISTER"):
            yield _not_from(method, source)
        yield invalid(
            method,
            "no evidence",
            lambda request: request.evidence.CopyFrom(Evidence(agent=filled.AGENT)),
            "evidence",
            "EVIDENCE_REQUIRED",
        )
    lift = LIFTS[0]
    yield invalid(lift, "a malformed entry id", put("entry_id", "entry-7"), "entry_id")
    yield BadRequest(lift, "an unknown entry", same, NOT_FOUND, "UNKNOWN_ENTRY", "entry_id")
    yield invalid(
        "RegistryService/LiftCallRecordingObjection",
        "at a time that is not known",
        _at_no_known_time,
        "expression.precision",
    )


def _not_from(method: str, source: str) -> BadRequest:
    return BadRequest(
        method,
        f"from {source}",
        put("expression.source", Source.Value(f"SOURCE_{source}")),
        PRECONDITION,
        "SOURCE_NOT_ALLOWED",
        "expression.source",
    )


def _import_without_proof(request: Any) -> None:  # noqa: ANN401 - a consent
    request.expression.source = Source.SOURCE_IMPORT
    request.evidence.ClearField("text")
    request.evidence.ClearField("text_digest")


def _at_no_known_time(request: Any) -> None:  # noqa: ANN401 - whatever has an expression
    request.expression.precision = Precision.PRECISION_UNKNOWN
    request.expression.ClearField("expressed_at")


def _partners() -> Iterator[BadRequest]:
    leads, register = "RegistryService/RecordPartnerLeads", "RegistryService/RegisterPartner"
    yield BadRequest(
        leads,
        "an unknown partner",
        put("partner_id", "nobody"),
        NOT_FOUND,
        "UNKNOWN_PARTNER",
        "partner_id",
    )
    yield invalid(leads, "a malformed partner id", put("partner_id", "Nobody!"), "partner_id")
    yield invalid(
        leads,
        "1,001 leads",
        lambda request: request.leads.extend([filled.lead()] * 1_000),
        "leads",
        "TOO_LONG",
    )
    yield invalid(
        register,
        "a malformed partner id",
        put("partner.partner_id", "Assureur 1"),
        "partner.partner_id",
    )
    for days in (0, -1, 3_661, 2**31 - 1):
        yield invalid(
            register,
            f"leads of {days} days",
            put("partner.maximum_lead_age_days", days),
            "partner.maximum_lead_age_days",
        )
    yield invalid(
        register,
        "an unknown purpose",
        lambda request: request.partner.permitted_purposes.append("world_domination"),
        "partner.permitted_purposes",
        "UNKNOWN_PURPOSE",
    )


def _registers() -> Iterator[BadRequest]:
    results = "RegistryService/RecordRegisterResults"
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for path, value, reason in (
        ("register", "rpo", "UNKNOWN_REGISTER"),
        ("checked_on", tomorrow, "EXPRESSED_IN_FUTURE"),
        ("checked_on", "1989-12-31", "INVALID_FIELD"),
        ("checked_on", "20.11.2026", "INVALID_FIELD"),
    ):
        yield invalid(results, f"the {path} {value}", put(path, value), path, reason)
    for fault, path, change, reason in (
        ("of nobody", "contact_point", clear("contact_point"), "MISSING_FIELD"),
        ("that says nothing", "status", clear("status"), "MISSING_FIELD"),
        ("of no day", "listed_on", put("listed_on", "2026-02-29"), "INVALID_FIELD"),
        ("listed after the scrub", "listed_on", put("listed_on", "2099-01-01"), "CONTRADICTION"),
        (
            "clear and yet listed",
            "listed_on",
            put("status", RegisterStatus.REGISTER_STATUS_CLEAR),
            "CONTRADICTION",
        ),
    ):
        yield invalid(
            results,
            f"a result {fault}",
            lambda request, change=change: change(request.results[1]),  # type: ignore[misc]
            f"results[1].{path}",
            reason,
        )
    yield invalid(
        results,
        "5,001 results",
        lambda request: request.results.extend([request.results[0]] * 5_000),
        "results",
        "TOO_LONG",
    )
