"""Consents whose identity would be past its term on the day they are recorded."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import Email, Subject
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
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
from consent_registry_server.service.preparation import prepare, strict_points
from tests.fakes.ambience import HashDigester

NOW_US = 1_795_446_000_000_000
THREE_YEARS_US = 3 * 366 * DAY_US

CONSENT = NewEntry(
    EntryKind.CONSENT,
    ControllerId("alarm-fr"),
    Expression(Source.WEB_FORM, Precision.INSTANT, NOW_US),
    Subject((Email("ada@example.org"),)),
    Evidence(),
    channels=Channel.EMAIL.mask,
    purposes=frozenset({PurposeId("direct_marketing")}),
    proven=True,
    lifts_opt_outs=True,
)


@pytest.mark.parametrize(
    "age_us, is_kept",
    [
        pytest.param(0, True, id="of today"),
        pytest.param(THREE_YEARS_US, False, id="of a prospect not spoken to for three years"),
    ],
)
def test_a_consent_whose_proof_is_not_kept_proves_nothing(age_us: int, is_kept: bool) -> None:
    """It is stored, and permits nothing and lifts nothing."""
    expression = replace(CONSENT.expression, expressed_at_us=NOW_US - age_us)
    new = replace(CONSENT, expression=expression)
    prepared = prepare(
        new,
        strict_points(new, HashDigester()),
        policy=load_policy(),
        entry_ids=lambda: EntryId(UUID(int=1)),
        now_us=NOW_US,
    )
    assert (prepared.identity_expires_on is not None) == is_kept
    assert (prepared.new.proven, prepared.new.lifts_opt_outs) == (is_kept, is_kept)
