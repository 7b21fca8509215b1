"""A rule that cannot be meant is refused: dates, hours, caps, registers, countries."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.policy.refusals import assert_named, edit, faults

# File, text replaced, its replacement, and a fault that must be reported (a regular expression).
EDITS = {
    "unknown time zone": (
        "FR.yaml", "[Europe/Paris]", "[Europe/Lyon]",
        r"FR\.yaml:\d+: time_zones\.0: not a time zone like Europe/Paris",
    ),
    "path as a time zone": (
        "FR.yaml", "[Europe/Paris]", "[../../etc/passwd]",
        r"FR\.yaml:\d+: time_zones\.0: not a time zone like Europe/Paris",
    ),
    "folder as a time zone": (
        "FR.yaml", "[Europe/Paris]", "[Europe]",
        r"FR\.yaml:\d+: time_zones\.0: not a time zone like Europe/Paris",
    ),
    "no time zone": (
        "FR.yaml", "[Europe/Paris]", "[]",
        r"FR\.yaml:\d+: time_zones: .*at least 1",
    ),
    "time zone twice": (
        "FR.yaml", "[Europe/Paris]", "[Europe/Paris, Europe/Paris]",
        r"FR\.yaml:\d+: time_zones: names one of them twice",
    ),
    "unknown country": (
        "FR.yaml", 'country: "FR"', 'country: "QX"',
        r"FR\.yaml:\d+: country: no country has this code",
    ),
    "unknown territory": (
        "FR.yaml", '["GP"', '["QX"',
        r"FR\.yaml:\d+: territories\.0: no country has this code",
    ),
    "unknown country of a controller": (
        "controllers.yaml", 'country: "FR"', 'country: "QX"',
        r"controllers\.yaml:\d+: controllers\.alarm-fr\.country: no country has this code",
    ),
    "overlapping dates": (
        "FR.yaml", "valid_to: 2026-08-10", "valid_to: 2026-08-11",
        r"FR\.yaml:\d+: rules\.fr\.voice_call: holds on days on which fr\.v.*11 ",
    ),
    "a rule without an end beside a later one": (
        "FR.yaml", "    valid_to: 2026-08-10\n", "",
        r"FR\.yaml:\d+: rules\.fr\.voice_call: holds on days on which",
    ),
    "end before the beginning": (
        "FR.yaml", "    valid_from: 2026-08-11\n",
        "    valid_from: 2026-08-11\n    valid_to: 2026-08-10\n",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.valid_to: before valid_from, 2026-08-11",
    ),
    "null as a date": (
        "FR.yaml", "valid_from: 2026-08-11", "valid_from: null",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.valid_from: ",
    ),
    "period in the id of a rule that is alone": (
        "FR.yaml", "  fr.post:\n", "  fr.post.since_2020:\n",
        r"FR\.yaml:\d+: rules\.fr\.post\.since_2020: the id of this rule is fr\.post$",
    ),
    "period in the id that names a recipient": (
        "FR.yaml", "fr.voice_call.before_2026_08_11:", "fr.voice_call.consumer:",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.consumer: the id of .* or that and one word",
    ),
    "period of two words": (
        "FR.yaml", "fr.voice_call.before_2026_08_11:", "fr.voice_call.before.august:",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.before\.august: the id of this rule is",
    ),
    "business rule without its word": (
        "FR.yaml", "  fr.email.business:\n", "  fr.email.firms:\n",
        r"FR\.yaml:\d+: rules\.fr\.email\.firms: the id of this rule is fr\.email\.business",
    ),
    "rule for businesses alone": (
        "FI.yaml", "channel: POST\n", "channel: POST\n    recipient_type: business\n",
        r"FI\.yaml:\d+: rules: POST has no rule for consumers",
    ),
    "line types for businesses alone": (
        "FR.yaml", "  fr.voice_call.business:\n    channel: VOICE_CALL\n",
        "  fr.voice_call.mobile.business:\n    channel: VOICE_CALL\n    line_type: mobile\n",
        r"FR\.yaml:\d+: rules: VOICE_CALL has line types for businesses, and none for consumers",
    ),
    "business landlines without a rule": (
        "FR.yaml", "  fr.voice_call.business:\n    channel: VOICE_CALL\n",
        "  fr.voice_call.mobile.business:\n    channel: VOICE_CALL\n    line_type: mobile\n",
        r"FR\.yaml:\d+: rules: VOICE_CALL BUSINESS LANDLINE has no rule",
    ),
    "unknown recipient type": (
        "FR.yaml", "recipient_type: business", "recipient_type: firm",
        r"FR\.yaml:\d+: .*recipient_type: not one of consumer, business",
    ),
    "no hours for calls": (
        "FI.yaml", "    contact_hours: null\n", "",
        r"FI\.yaml:\d+: rules\.fi\.voice_call: contact_hours is missing: `any` where",
    ),
    "no cap for calls": (
        "FI.yaml", "    attempt_cap: null\n", "",
        r"FI\.yaml:\d+: rules\.fi\.voice_call: attempt_cap is missing: `none` where",
    ),
    "hours of an email": (
        "FI.yaml", "channel: EMAIL\n", "channel: EMAIL\n    contact_hours: any\n",
        r"FI\.yaml:\d+: rules\.fi\.email\.contact_hours: has no meaning for EMAIL",
    ),
    "cap of an email": (
        "FI.yaml", "channel: EMAIL\n", "channel: EMAIL\n    attempt_cap: null\n",
        r"FI\.yaml:\d+: rules\.fi\.email\.attempt_cap: has no meaning for EMAIL",
    ),
    "hour that no day has": (
        "NO.yaml", 'to: "21:00"', 'to: "25:00"',
        r"NO\.yaml:\d+: rules\.no\.voice_call\.contact_hours\.0\.to: not a time of day from",
    ),
    "minute that no hour has": (
        "NO.yaml", 'to: "21:00"', 'to: "20:60"',
        r"NO\.yaml:\d+: rules\.no\.voice_call\.contact_hours\.0\.to: not a time of day from",
    ),
    "minute beyond midnight": (
        "NO.yaml", 'to: "21:00"', 'to: "24:01"',
        r"NO\.yaml:\d+: rules\.no\.voice_call\.contact_hours\.0\.to: not a time of day from",
    ),
    "hour without quotes": (
        "NO.yaml", 'to: "21:00"', "to: 21:00",
        r"NO\.yaml:\d+: .*contact_hours\.0\.to: read as 1260, not as text; put it in quotes",
    ),
    "hours that end before they begin": (
        "NO.yaml", 'from: "09:00", to: "21:00"', 'from: "21:00", to: "09:00"',
        r"NO\.yaml:\d+: rules\.no\.voice_call\.contact_hours\.0: ends before it begins",
    ),
    "hours that end as they begin": (
        "NO.yaml", 'to: "21:00"', 'to: "09:00"',
        r"NO\.yaml:\d+: rules\.no\.voice_call\.contact_hours\.0: ends before it begins",
    ),
    "overlapping hours": (
        "FR.yaml", 'from: "14:00"', 'from: "12:59"',
        r"FR\.yaml:\d+: rules\.fr\..*_11\.contact_hours: windows overlap on MON",
    ),
    "day named twice": (
        "NO.yaml", "[MON, TUE,", "[MON, MON,",
        r"NO\.yaml:\d+: rules\.no\.voice_call\.contact_hours: windows overlap on MON",
    ),
    "unknown day": (
        "NO.yaml", "[MON, TUE,", "[MON, TUESDAY,",
        r"NO\.yaml:\d+: .*contact_hours\.0\.days\.1: not one of MON, TUE,",
    ),
    "hours on no day": (
        "NO.yaml", "[MON, TUE, WED, THU, FRI]", "[]",
        r"NO\.yaml:\d+: .*contact_hours\.0\.days: .*at least 1",
    ),
    "hours that are never": (
        "FI.yaml", "contact_hours: null", "contact_hours: []",
        r"FI\.yaml:\d+: .*contact_hours: without a window there is no hour left",
    ),
    "another word for hours": (
        "FI.yaml", "contact_hours: null", "contact_hours: none",
        r"FI\.yaml:\d+: .*contact_hours: neither `any` nor a list of windows",
    ),
    "another word for a cap": (
        "FI.yaml", "attempt_cap: null", "attempt_cap: any",
        r"FI\.yaml:\d+: .*attempt_cap: neither `none` nor attempts and days",
    ),
    "cap without its days": (
        "FR.yaml", "{attempts: 4, days: 30}", "{attempts: 4}",
        r"FR\.yaml:\d+: .*attempt_cap\.days: missing",
    ),
    "cap of no attempt": (
        "FR.yaml", "{attempts: 4, days: 30}", "{attempts: 0, days: 30}",
        r"FR\.yaml:\d+: .*attempt_cap\.attempts: .*greater",
    ),
    "consent without a time to keep its proof": (
        "FR.yaml", "    proof_retention_months: 36\n", "",
        r"FR\.yaml:\d+: rules\.fr\.email: an opt_in rule needs proof_retention_months",
    ),
    "proof of no consent": (
        "FR.yaml", "channel: POST\n", "channel: POST\n    proof_retention_months: 36\n",
        r"FR\.yaml:\d+: rules\.fr\.post\.proof_retention_months: has a meaning under opt_in only",
    ),
    "unknown exemption": (
        "IT.yaml", "[later_consent, contract]", "[later_consent, friend]",
        r"IT\.yaml:\d+: .*register\.exemptions\.1: not one of later_consent, consent,",
    ),
    "exemption twice": (
        "IT.yaml", "[later_consent, contract]", "[contract, contract]",
        r"IT\.yaml:\d+: .*register\.exemptions: names one of them twice",
    ),
    "end of a contract that exempts nobody": (
        "IT.yaml", "[later_consent, contract]", "[later_consent]",
        r"IT\.yaml:\d+: .*register\.contract_ended_within_days: has a meaning with the exemption",
    ),
    "register without a scrub age": (
        "IT.yaml", "      scrub_age_days: 15\n", "",
        r"IT\.yaml:\d+: rules\.it\.voice_call\.register\.scrub_age_days: missing",
    ),
    "register of two countries": (
        "SE.yaml", "name: NIX", "name: NDD",
        r"SE\.yaml:\d+: rules\.se\.voice_call\.register\.name: a register of IE already",
    ),
    "register by its name alone": (
        "SE.yaml", "register: {name: NIX, scrub_age_days: null, exemptions: [later_consent]}",
        "register: NIX",
        r"SE\.yaml:\d+: rules\.se\.voice_call\.register: not a mapping",
    ),
    "unverified hours that a law forbids": (
        "unverified.yaml", 'from: "10:00"', 'from: "09:59"',
        r"unverified\.yaml:\d+: contact_hours: permit what fr\.voice_call forbids",
    ),
    "unverified hours that a law forbids before a holiday": (
        "unverified.yaml", 'to: "19:00"', 'to: "19:01"',
        r"unverified\.yaml:\d+: contact_hours: permit what it\.voice_call forbids",
    ),
    "unverified cap that a law forbids": (
        "unverified.yaml", "{attempts: 4, days: 30}", "{attempts: 4, days: 29}",
        r"unverified\.yaml:\d+: attempt_cap: permits what fr\.voice_call forbids",
    ),
    "unverified scrub age that a law forbids": (
        "unverified.yaml", "scrub_age_days: 1", "scrub_age_days: 16",
        r"unverified\.yaml:\d+: scrub_age_days: more than the 15 of it\.post",
    ),
    "unverified null": (
        "unverified.yaml", "scrub_age_days: 1", "scrub_age_days: null",
        r"unverified\.yaml:\d+: scrub_age_days: ",
    ),
    "recording without a purpose": (
        "recording.yaml", "    purpose: Quality control and training\n", "",
        r"recording\.yaml:\d+: rules\.recording\.customer_service\.inbound: purpose is missing",
    ),
    "purpose of what is not recorded": (
        "recording.yaml", "basis: not_permitted\n", "basis: not_permitted\n    purpose: Fun\n",
        r"recording\.yaml:\d+: .*outbound\.purpose: nothing is recorded, so it is used for nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("file, old, new, expected", EDITS.values(), ids=EDITS.keys())
def test_fault_is_named(packs: Path, *, file: str, old: str, new: str, expected: str) -> None:
    """The refusal has a line with the fault's file, line, key and nature."""
    edit(packs / file, old, new)
    assert_named(packs, file=file, expected=expected)


@pytest.mark.parametrize(
    "file, old, new",
    [
        pytest.param("FR.yaml", "valid_to: 2026-08-10", "valid_to: 2026-08-09", id="a gap"),
        pytest.param(
            "FR.yaml", "valid_from: 2026-08-11", "valid_from: 2026-08-11\n    valid_to: 2026-08-11",
            id="a day",
        ),
        pytest.param(
            "FR.yaml", "  fr.voice_call:\n", "  fr.voice_call.since_2026_08_11:\n",
            id="a word for each period",
        ),
        pytest.param("NO.yaml", 'to: "21:00"', 'to: "24:00"', id="until midnight"),
        pytest.param("FR.yaml", 'from: "14:00"', 'from: "13:00"', id="windows that touch"),
        pytest.param("FI.yaml", "contact_hours: null", "contact_hours: any", id="any hours"),
        pytest.param("FI.yaml", "attempt_cap: null", "attempt_cap: none", id="no cap"),
        pytest.param(
            "IT.yaml", "      contract_ended_within_days: 30\n", "", id="while a contract runs"
        ),
    ],
)  # fmt: skip
def test_what_can_be_meant_is_accepted(packs: Path, file: str, old: str, new: str) -> None:
    """The edges of what is refused."""
    edit(packs / file, old, new)
    assert faults(packs) == []


def test_all_overlaps_are_named(packs: Path) -> None:
    """A rule without dates overlaps with each of the others."""
    edit(packs / "FR.yaml", "    valid_to: 2026-08-10\n", "")
    text = (packs / "FR.yaml").read_text(encoding="utf-8")
    start = text.index("  fr.voice_call.before_2026_08_11:\n")
    again = text[start : text.index("  # The regime is certain.")]
    again = again.replace("before_2026_08_11", "in_2019").replace(
        "    regime:", "    valid_from: 2019-01-01\n    valid_to: 2019-12-31\n    regime:"
    )
    (packs / "FR.yaml").write_text(text[:start] + again + text[start:], encoding="utf-8")
    overlaps = [fault.split(": ")[1] for fault in faults(packs) if "holds on days" in fault]
    assert overlaps == ["rules.fr.voice_call.in_2019", "rules.fr.voice_call"]
