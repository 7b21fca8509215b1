"""A consent, a policy and the facts around them, for the documents made of consents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact import Email, Phone, PostalAddress, Subject
from consent_registry_server.domain.entry import (
    Entry,
    Evidence,
    Expression,
    Identity,
    NewEntry,
)
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.policy.load import load_policy

FRANCE: Final = ControllerId("alarm-fr")
MARKETING: Final = PurposeId("direct_marketing")
BENEFIT: Final = PurposeId("member_benefit")
CONSENT_ID: Final = EntryId(UUID(int=1))
GIVEN_US: Final = to_us(datetime(2026, 9, 1, 8, 30, tzinfo=UTC))
RECORDED_US: Final = to_us(datetime(2026, 9, 1, 8, 31, tzinfo=UTC))
HOUR_US: Final = 3_600_000_000

WHO: Final = Subject(
    (
        Email("marie@example.com"),
        Phone("06 39 98 00 01", "FR"),
        PostalAddress("FR", "75011", "Paris", "12 rue X", "apt 4"),
    ),
    customer_number="C-77",
    name="Marie Exemple",
)
PROOF: Final = Evidence(
    notice_version="2026-08",
    text="Oui, écrivez-moi.",
    form_id="signup-3",
    agent="agent Dupont",
    ip="192.0.2.7",
    user_agent="Browser/1",
    artefact_uri="s3://scans/77",
    note="neighbour of M. Voisin",
)
CONSENT: Final = NewEntry(
    kind=EntryKind.CONSENT,
    controller=FRANCE,
    expression=Expression(Source.WEB_FORM, Precision.INSTANT, GIVEN_US, "Europe/Paris"),
    subject=WHO,
    evidence=PROOF,
    channels=Channel.EMAIL.mask | Channel.SMS.mask,
    purposes=frozenset({MARKETING}),
)


packaged: Final = cache(load_policy)
"""The policy that comes with the server."""


def entry(new: NewEntry = CONSENT, *, number: int = 1, recorded_at_us: int = RECORDED_US) -> Entry:
    """A new entry as it is read back."""
    expressed_us = new.expression.expressed_at_us
    return Entry(
        entry_id=EntryId(UUID(int=number)),
        kind=new.kind,
        controller=new.controller,
        channels=new.channels,
        purposes=new.purposes,
        expression=new.expression,
        recorded_at_us=recorded_at_us,
        counts_at_us=recorded_at_us if expressed_us is None else expressed_us,
        expires_at_us=new.expires_at_us,
        proven=True,
        partner_id=new.partner_id,
        lifts_entry_id=new.lifts_entry_id,
        lifted_at_us=None,
        contact_kinds=(),
        concerns_entry_id=new.concerns_entry_id,
    )


def opt_out(number: int = 2, *, after_us: int = HOUR_US, **changes: Any) -> Entry:  # noqa: ANN401
    """A withdrawal of everything, some time after the consent."""
    expression = Expression(Source.CALL_CENTRE, Precision.INSTANT, GIVEN_US + after_us)
    said = NewEntry(EntryKind.WITHDRAWAL, FRANCE, expression, Subject(), Evidence())
    return entry(replace(said, **changes), number=number)


def identity() -> Identity:
    """What the vault keeps of the consent."""
    return Identity.of(CONSENT)


def states(record: dict[str, Any]) -> list[str]:
    """The states of a consent in a record, in their order, without their prefix."""
    return [
        (kind[0] if isinstance(kind, list) else kind).removeprefix("dpv:")
        for kind in (each["@type"] for each in record["dpv:hasConsentStatus"])
    ]
