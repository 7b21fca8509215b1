"""SetRetention: another last day, a hold, and the ledger that tells of it."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    EntryId,
    EntryKind,
    HoldChange,
)
from tests.officer_desk import MemoryOfficer
from tests.past_desk import EMAIL

TODAY = date(2026, 11, 23)
IN_SEVEN_YEARS = date(2033, 11, 23)


@pytest.fixture
def officer() -> MemoryOfficer:
    """An officer of an empty registry."""
    return MemoryOfficer()


@pytest.mark.parametrize("until", [TODAY, date(2040, 2, 29), date(2126, 11, 23)], ids=str)
def test_an_identity_is_kept_until_another_day(officer: MemoryOfficer, until: date) -> None:
    """From today on, and for a hundred years at most."""
    entry_id = officer.desk.opts_out(EMAIL)
    assert officer.state.vault[entry_id].expires_on == IN_SEVEN_YEARS
    details = officer.keep(entry_id, until)
    assert details | {"entry_id": ""} == {
        "entry_id": "",
        "identity_expires_on": until.isoformat(),
        "held": False,
    }
    assert officer.state.vault[entry_id].expires_on == until
    [_, told] = officer.state.entries
    assert str(told.entry_id) == details["entry_id"]
    assert (told.new.kind, told.new.concerns_entry_id, told.new.keep_until) == (
        EntryKind.RETENTION_SET,
        entry_id,
        until,
    )
    [access] = officer.state.accesses
    assert (access.operation, access.entry_id) == (AccessOperation.SET_RETENTION, entry_id)


@pytest.mark.parametrize("until", [TODAY - timedelta(1), date(2126, 11, 24), date.max], ids=str)
def test_a_day_that_cannot_be_is_refused(officer: MemoryOfficer, until: date) -> None:
    """Nothing is changed."""
    entry_id = officer.desk.opts_out(EMAIL)
    with pytest.raises(RegistryError) as error:
        officer.keep(entry_id, until)
    assert (error.value.reason, error.value.field) == ("INVALID_DAY", "keep_until")
    assert len(officer.state.entries) == 1


def test_a_hold_is_placed_and_lifted(officer: MemoryOfficer) -> None:
    """The day stays; what changes is whether it matters."""
    entry_id = officer.desk.opts_out(EMAIL)
    for change, is_held in ((HoldChange.PLACE, True), (HoldChange.LIFT, False)):
        details = officer.keep(entry_id, change)
        assert (details["held"], details["identity_expires_on"]) == (is_held, "2033-11-23")
        kept = officer.state.vault[entry_id]
        assert (kept.is_held, kept.expires_on) == (is_held, IN_SEVEN_YEARS)
    kinds = [each.new.kind for each in officer.state.entries]
    assert kinds[1:] == [EntryKind.HOLD_PLACED, EntryKind.HOLD_LIFTED]


@pytest.mark.parametrize("change", list(HoldChange))
def test_a_hold_that_is_there_or_not_is_answered_all_the_same(
    officer: MemoryOfficer, change: HoldChange
) -> None:
    """Nothing changes but that it was said again."""
    entry_id = officer.desk.opts_out(EMAIL)
    officer.keep(entry_id, change)
    before = officer.state.vault
    first, second = (officer.keep(entry_id, change) for _ in range(2))
    assert first | {"entry_id": ""} == second | {"entry_id": ""}
    assert officer.state.vault == before


def test_a_hold_outlives_another_day(officer: MemoryOfficer) -> None:
    """And the day is there when it is lifted."""
    entry_id = officer.desk.opts_out(EMAIL)
    officer.keep(entry_id, HoldChange.PLACE)
    assert officer.keep(entry_id, date(2030, 1, 1))["held"]
    assert officer.keep(entry_id, HoldChange.LIFT)["identity_expires_on"] == "2030-01-01"


def test_what_a_hold_kept_beyond_its_day_goes_with_the_next_expiry(officer: MemoryOfficer) -> None:
    """Its last day is then the very day the hold is lifted."""
    entry_id = officer.desk.opts_out(EMAIL)
    officer.keep(entry_id, TODAY)
    officer.keep(entry_id, HoldChange.PLACE)
    officer.desk.clock.now_us += 30 * DAY_US
    assert officer.keep(entry_id, HoldChange.LIFT)["identity_expires_on"] == "2026-12-23"


def test_what_is_gone_cannot_be_kept(officer: MemoryOfficer) -> None:
    """No hold brings an identity back."""
    entry_id = officer.desk.opts_out(EMAIL)
    officer.erase(EMAIL)
    with pytest.raises(RegistryError) as error:
        officer.keep(entry_id, HoldChange.PLACE)
    assert error.value.reason == "IDENTITY_GONE"


def test_an_entry_that_nobody_knows_is_unknown(officer: MemoryOfficer) -> None:
    """Whatever is to become of it."""
    with pytest.raises(RegistryError) as error:
        officer.keep(EntryId(UUID(int=99)), HoldChange.PLACE)
    assert error.value.reason == "UNKNOWN_ENTRY"
