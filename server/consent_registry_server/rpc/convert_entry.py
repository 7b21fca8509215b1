"""Entries, evidence, partners and leads: protobuf to domain, and ledger entries back."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

from google.protobuf.message import Message

from consent_registry.v1 import (
    contact_pb2,
    entry_pb2,
    history_service_pb2,
    registry_service_pb2,
)
from consent_registry_server.domain.contact import ContactPoint, CustomerNumber
from consent_registry_server.domain.entry import Entry, Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    ControllerId,
    EntryKind,
    PartnerId,
    PartnerKind,
    Precision,
    Source,
    channels_in,
)
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_channels,
    to_contact_point,
    to_controller,
    to_purposes,
    to_subject,
    to_us,
)
from consent_registry_server.rpc.validation import validate
from consent_registry_server.service.partners import Lead, LeadRefusal, RefusedLead
from consent_registry_server.service.ports import Partner
from consent_registry_server.service.preparation import Write

_SOURCES: Final = {int(each): each for each in Source}
_NEVER_STATED: Final = frozenset({Source.REGISTRY})
"""Sources of what no person said: only the registry itself writes such entries."""
_PRECISIONS: Final = {0: Precision.INSTANT, **{int(each): each for each in Precision}}
_PARTNER_KINDS: Final = {int(each): each for each in PartnerKind}
_PARTNER_ID: Final = re.compile(r"[a-z0-9_-]{1,64}")
_SHA256_LENGTH: Final = 32
_OLDEST_LEAD_DAYS: Final = 3660
_WITHOUT_SCOPE: Final = frozenset(
    {
        EntryKind.DO_NOT_CONTACT_LIFT,
        EntryKind.RECORDING_OBJECTION,
        EntryKind.RECORDING_OBJECTION_LIFT,
        EntryKind.IDENTITY_EXPIRED,
        EntryKind.IDENTITY_ERASED,
        EntryKind.RETENTION_SET,
        EntryKind.HOLD_PLACED,
        EntryKind.HOLD_LIFTED,
        EntryKind.RESTRICTION_LIFT,
        EntryKind.RECTIFICATION,
    }
)


def to_write(request: Message, caller: str, *, controller: str = "") -> Write:
    """What makes a write idempotent; `controller` is for requests that do not name it.

    The content is the request without its id, encoded deterministically by this server's runtime.
    """
    controller = controller or to_controller(getattr(request, "controller", ""))
    request_id: str = getattr(request, "request_id", "")
    if not request_id:
        raise missing("request_id")
    content = type(request)()
    content.CopyFrom(request)
    content.ClearField("request_id")
    return Write(
        caller=caller,
        method=request.DESCRIPTOR.name,
        controller=controller,
        request_id=request_id,
        content=content.SerializeToString(deterministic=True),
    )


def to_expression(expression: entry_pb2.Expression) -> Expression:
    """When and where a will was expressed."""
    source = _SOURCES.get(expression.source)
    if source is None:
        raise missing("expression.source")
    if source in _NEVER_STATED:
        message = "not the source of anything that a person said"
        raise InvalidRequest("INVALID_FIELD", message, field="expression.source")
    precision = _PRECISIONS.get(expression.precision)
    if precision is None:
        raise InvalidRequest("UNKNOWN_ENUM_VALUE", "not known", field="expression.precision")
    is_dated = expression.HasField("expressed_at")
    if precision is Precision.UNKNOWN and is_dated:
        message = "a time together with precision UNKNOWN"
        raise InvalidRequest("CONTRADICTION", message, field="expression.expressed_at")
    if precision is not Precision.UNKNOWN and not is_dated:
        raise missing("expression.expressed_at")
    if precision is Precision.DAY and not expression.time_zone:
        raise missing("expression.time_zone")
    if expression.time_zone:
        _check_time_zone(expression.time_zone)
    expressed_at_us = to_us(expression.expressed_at) if is_dated else None
    return Expression(source, precision, expressed_at_us, expression.time_zone)


def to_evidence(evidence: entry_pb2.Evidence) -> Evidence:
    """The proof, as sent."""
    for field in ("text_digest", "artefact_digest"):
        digest: bytes = getattr(evidence, field)
        if digest and len(digest) != _SHA256_LENGTH:
            message = "must be a SHA-256 digest of 32 bytes"
            raise InvalidRequest("INVALID_FIELD", message, field=f"evidence.{field}")
    return Evidence(
        notice_version=evidence.notice_version,
        text=evidence.text,
        text_digest=evidence.text_digest,
        form_id=evidence.form_id,
        agent=evidence.agent,
        ip=evidence.ip,
        user_agent=evidence.user_agent,
        artefact_uri=evidence.artefact_uri,
        artefact_digest=evidence.artefact_digest,
        note=evidence.note,
        third_party=evidence.third_party,
    )


def to_consent(request: registry_service_pb2.RecordConsentRequest) -> NewEntry:
    """The consent of a request; whether it is proven is the service's to say."""
    for field in ("channels", "purposes"):
        if not getattr(request, field):
            raise missing(field)
    expires = request.HasField("expires_at")
    return NewEntry(
        kind=EntryKind.CONSENT,
        controller=to_controller(request.controller),
        expression=to_expression(request.expression),
        subject=to_subject(request.subject),
        evidence=to_evidence(request.evidence),
        channels=to_channels(request.channels),
        purposes=to_purposes(request.purposes),
        expires_at_us=to_us(request.expires_at) if expires else None,
    )


def to_opt_out(
    request: registry_service_pb2.AddDoNotContactRequest
    | registry_service_pb2.WithdrawConsentRequest,
) -> NewEntry:
    """The do-not-contact entry or withdrawal of a request."""
    withdraws = isinstance(request, registry_service_pb2.WithdrawConsentRequest)
    return NewEntry(
        kind=EntryKind.WITHDRAWAL if withdraws else EntryKind.DO_NOT_CONTACT,
        controller=to_controller(request.controller),
        expression=to_expression(request.expression),
        subject=to_subject(request.subject),
        evidence=to_evidence(request.evidence),
        channels=to_channels(request.channels),
        purposes=to_purposes(request.purposes),
    )


def to_recording_entry(
    request: registry_service_pb2.ObjectToCallRecordingRequest
    | registry_service_pb2.LiftCallRecordingObjectionRequest,
) -> NewEntry:
    """The recording objection of a request, or its lift."""
    objects = isinstance(request, registry_service_pb2.ObjectToCallRecordingRequest)
    return NewEntry(
        kind=EntryKind.RECORDING_OBJECTION if objects else EntryKind.RECORDING_OBJECTION_LIFT,
        controller=to_controller(request.controller),
        expression=to_expression(request.expression),
        subject=to_subject(request.subject),
        evidence=to_evidence(request.evidence),
    )


def to_lift(request: registry_service_pb2.LiftDoNotContactRequest) -> NewEntry:
    """The lift of a request; the entry it lifts is the service's to look up."""
    return NewEntry(
        kind=EntryKind.DO_NOT_CONTACT_LIFT,
        controller=to_controller(request.controller),
        expression=to_expression(request.expression),
        subject=to_subject(contact_pb2.Subject()),
        evidence=to_evidence(request.evidence),
    )


def to_lead(lead: registry_service_pb2.PartnerLead) -> Lead | RefusedLead:
    """A lead; what is missing or malformed in it refuses this lead alone."""
    try:
        validate(lead)
        for field in ("lead_id", "channels", "purposes", "named_controller"):
            if not getattr(lead, field):
                raise missing(field)
        if not lead.HasField("captured_at"):
            raise missing("captured_at")
        subject = to_subject(lead.subject)
        if not subject.contact_points:
            raise missing("subject.contact_points")
        return Lead(
            lead_id=lead.lead_id,
            subject=subject,
            channels=to_channels(lead.channels),
            purposes=to_purposes(lead.purposes) or frozenset(),
            captured_at_us=to_us(lead.captured_at),
            named_controller=ControllerId(lead.named_controller),
            evidence=to_evidence(lead.evidence),
        )
    except InvalidRequest as error:
        return RefusedLead(LeadRefusal.INVALID, error.field)


def to_partner_id(partner_id: str, field: str = "partner_id") -> PartnerId:
    """The partner that a request names."""
    if not partner_id:
        raise missing(field)
    if not _PARTNER_ID.fullmatch(partner_id):
        message = "must be lower-case letters, digits, - and _, at most 64"
        raise InvalidRequest("INVALID_FIELD", message, field=field)
    return PartnerId(partner_id)


def to_partner(controller: str, partner: registry_service_pb2.Partner) -> Partner:
    """The partner of a request."""
    kind = _PARTNER_KINDS.get(partner.kind)
    if kind is None:
        raise missing("partner.kind")
    for field in ("name", "permitted_channels", "permitted_purposes"):
        if not getattr(partner, field):
            raise missing(f"partner.{field}")
    if not 1 <= partner.maximum_lead_age_days <= _OLDEST_LEAD_DAYS:
        message = f"must be 1 to {_OLDEST_LEAD_DAYS}"
        raise InvalidRequest("INVALID_FIELD", message, field="partner.maximum_lead_age_days")
    return Partner(
        controller=to_controller(controller),
        partner_id=to_partner_id(partner.partner_id, "partner.partner_id"),
        name=partner.name,
        kind=kind,
        permitted_channels=to_channels(partner.permitted_channels),
        permitted_purposes=to_purposes(partner.permitted_purposes) or frozenset(),
        maximum_lead_age_days=partner.maximum_lead_age_days,
    )


def to_listed_point(
    request: history_service_pb2.ListEntriesRequest,
) -> ContactPoint | CustomerNumber:
    """The contact point, or customer number, whose history is asked for."""
    point = to_contact_point(request.contact_point)
    if point is not None and request.customer_number:
        message = "ask for a contact point or for a customer number"
        raise InvalidRequest("CONTRADICTION", message, field="customer_number")
    if point is not None:
        return point
    if not request.customer_number:
        raise missing("contact_point")
    return CustomerNumber(request.customer_number)


def fill_partner(message: registry_service_pb2.Partner, partner: Partner) -> None:
    """Writes a partner into a message."""
    message.partner_id = partner.partner_id
    message.name = partner.name
    message.kind = registry_service_pb2.PartnerKind.ValueType(partner.kind)
    message.permitted_channels.extend(
        contact_pb2.Channel.ValueType(channel)
        for channel in channels_in(partner.permitted_channels)
    )
    message.permitted_purposes.extend(sorted(partner.permitted_purposes))
    message.maximum_lead_age_days = partner.maximum_lead_age_days


def fill_entry(message: entry_pb2.Entry, entry: Entry) -> None:
    """Writes a ledger entry into a message."""
    message.entry_id = str(entry.entry_id)
    message.kind = entry_pb2.EntryKind.ValueType(entry.kind)
    message.controller = entry.controller
    if entry.kind not in _WITHOUT_SCOPE:
        _fill_scope(message, entry)
    expression = message.expression
    expression.source = entry_pb2.Source.ValueType(entry.expression.source)
    expression.precision = entry_pb2.Precision.ValueType(entry.expression.precision)
    expression.time_zone = entry.expression.time_zone
    if entry.expression.expressed_at_us is not None:
        set_timestamp(expression.expressed_at, entry.expression.expressed_at_us)
    set_timestamp(message.recorded_at, entry.recorded_at_us)
    set_timestamp(message.counts_at, entry.counts_at_us)
    if entry.expires_at_us is not None:
        set_timestamp(message.expires_at, entry.expires_at_us)
    if entry.lifted_at_us is not None:
        set_timestamp(message.lifted_at, entry.lifted_at_us)
    message.partner_id = entry.partner_id or ""
    message.lifts_entry_id = str(entry.lifts_entry_id or "")
    message.contact_kinds.extend(
        entry_pb2.ContactKind.ValueType(kind) for kind in entry.contact_kinds
    )
    message.proven = entry.proven
    message.concerns_entry_id = str(entry.concerns_entry_id or "")
    if entry.keep_until is not None:
        message.keep_until = entry.keep_until.isoformat()
    _fill_findings(message, entry)


def _fill_findings(message: entry_pb2.Entry, entry: Entry) -> None:
    """Writes what became of an attempt, and what a register said."""
    if entry.attempt is not None:
        message.attempt_id = str(entry.attempt.attempt_id)
        message.attempt_outcome = entry_pb2.AttemptOutcome.ValueType(entry.attempt.outcome)
    result = entry.register_result
    if result is not None:
        message.register = result.register
        message.register_status = entry_pb2.RegisterStatus.ValueType(result.status)
        if result.listed_at_us is not None:
            set_timestamp(message.listed_at, result.listed_at_us)


def _fill_scope(message: entry_pb2.Entry, entry: Entry) -> None:
    if entry.channels == ALL_CHANNELS:
        message.all_channels = True
    else:
        message.channels.extend(
            contact_pb2.Channel.ValueType(channel) for channel in channels_in(entry.channels)
        )
    if entry.purposes is None:
        message.all_purposes = True
    else:
        message.purposes.extend(sorted(entry.purposes))


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        message = "must be an IANA time zone"
        raise InvalidRequest("INVALID_FIELD", message, field="expression.time_zone") from None
