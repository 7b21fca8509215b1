"""What may be written: which sources, with what proof, and how far an opt-out will reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import InvalidRequest, PreconditionFailed
from consent_registry_server.domain.matching import TARGET_KINDS
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    Channel,
    EntryKind,
    Precision,
    Source,
    channels_in,
)

_NEVER_CONSENT: Final = frozenset(
    {Source.PARTNER, Source.NATIONAL_REGISTER, Source.UNSUBSCRIBE_LINK}
)
_NEVER_LIFTS: Final = frozenset({Source.PARTNER, Source.IMPORT, Source.NATIONAL_REGISTER})
_FIRST_PARTY: Final = frozenset(
    {Source.WEB_FORM, Source.PREFERENCE_PAGE, Source.LETTER, Source.CHAT, Source.DOORSTEP}
)
_INDIRECT_KINDS: Final = frozenset(
    {ContactKind.EMAIL, ContactKind.PHONE, ContactKind.HANDLE, ContactKind.CUSTOMER_NUMBER}
)


def is_proven(expression: Expression, evidence: Evidence) -> bool:
    """Whether a consent's proof is complete.

    Its time is known, the text (or its digest) and the form or notice version are there, and for
    a third party's form the third party is named (GDPR art. 7(1); ISO/IEC TS 27560).
    """
    return (
        expression.precision is not Precision.UNKNOWN
        and bool(evidence.text.strip() or evidence.text_digest)
        and bool(evidence.form_id.strip() or evidence.notice_version.strip())
        and (expression.source is not Source.THIRD_PARTY_FORM or bool(evidence.third_party.strip()))
    )


def lifts_opt_outs(expression: Expression, evidence: Evidence) -> bool:
    """Whether a proven consent from here lifts older opt-outs: the person spoke to us themselves.

    A call counts with its recording or another artefact only, because the agent who gains from
    the consent is otherwise its one witness.
    """
    if expression.source is Source.CALL_CENTRE:
        return evidence.has_artefact
    return expression.source in _FIRST_PARTY


def check_consent(new: NewEntry) -> None:
    """Refuses what can never be a consent.

    Raises:
        PreconditionFailed: SOURCE_NOT_ALLOWED.
        InvalidRequest: a consent for `group`, for everything, for no contact point, or that expires
            before it was given.
    """
    source = new.expression.source
    if source in _NEVER_CONSENT or (source is Source.IMPORT and not new.proven):
        message = "no consent may be recorded from this source"
        if source is Source.IMPORT:
            message = "an imported consent needs its complete proof"
        raise PreconditionFailed("SOURCE_NOT_ALLOWED", message, field="expression.source")
    if new.controller == GROUP:
        message = "a consent names its controller; it cannot be given to all of them"
        raise InvalidRequest("INVALID_FIELD", message, field="controller")
    if new.channels == ALL_CHANNELS or new.purposes is None:
        field = "channels" if new.channels == ALL_CHANNELS else "purposes"
        message = "a consent names what it is for; it is never for everything"
        raise InvalidRequest("MISSING_FIELD", message, field=field)
    if not new.subject.contact_points:
        message = "a consent holds for contact points; name at least one"
        raise InvalidRequest("MISSING_FIELD", message, field="subject.contact_points")
    given_at_us = new.expression.expressed_at_us
    expires_at_us = new.expires_at_us
    if expires_at_us is not None and given_at_us is not None and expires_at_us <= given_at_us:
        message = "expires before it was given"
        raise InvalidRequest("CONTRADICTION", message, field="expires_at")


def check_lift(new: NewEntry) -> None:
    """Refuses a lift that the person did not ask for themselves, or that nothing proves.

    Raises:
        PreconditionFailed: SOURCE_NOT_ALLOWED.
        InvalidRequest: EVIDENCE_REQUIRED.
    """
    if new.expression.source in _NEVER_LIFTS:
        message = "this source may not lift what a person asked for"
        raise PreconditionFailed("SOURCE_NOT_ALLOWED", message, field="expression.source")
    if not new.evidence.supports_lift:
        message = "a lift needs a note, a text, a form or an artefact as evidence"
        raise InvalidRequest("EVIDENCE_REQUIRED", message, field="evidence")
    if (
        new.kind is EntryKind.RECORDING_OBJECTION_LIFT
        and new.expression.precision is Precision.UNKNOWN
    ):
        message = "the time of this lift must be known"
        raise InvalidRequest("INVALID_FIELD", message, field="expression.precision")


def reach(
    kinds: Iterable[ContactKind], channels: int
) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
    """The channels on which an opt-out cannot match at all, and those on which only indirectly.

    Args:
        kinds: of the entry's contact points that have a full normal form, or are a customer
            number.
        channels: the bit set that the opt-out covers.
    """
    kinds = frozenset(kinds)
    unenforceable: list[Channel] = []
    indirect: list[Channel] = []
    for channel in channels_in(channels):
        if kinds & TARGET_KINDS[channel]:
            continue
        (indirect if kinds & _INDIRECT_KINDS else unenforceable).append(channel)
    return tuple(unenforceable), tuple(indirect)
