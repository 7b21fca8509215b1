"""A faulty policy is refused as a whole, with the file, line and key of every fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import PurposeId
from consent_registry_server.policy.document import MAX_FILE_BYTES, read_document
from consent_registry_server.policy.load import load_policy
from tests.unit.policy.refusals import assert_named, edit, faults

# File, text replaced, its replacement, and a fault that must be reported (a regular expression).
EDITS = {
    "unknown key": (
        "FR.yaml", "    channel: SMS\n", "    channel: SMS\n    hours: 9\n",
        r"FR\.yaml:\d+: rules\.fr\.sms\.hours: unknown key",
    ),
    "unknown key at the top": (
        "recording.yaml", "rules:\n", "colour: red\nrules:\n",
        r"recording\.yaml:\d+: colour: unknown key",
    ),
    "missing key": (
        "FR.yaml", "    regime: opt_in\n", "",
        r"FR\.yaml:\d+: rules\.fr\.email\.regime: missing",
    ),
    "key given twice": (
        "FR.yaml", "    regime: opt_in\n", "    regime: opt_in\n    regime: opt_out\n",
        r"FR\.yaml:\d+: rules\.fr\.email\.regime: given twice, first at line 11",
    ),
    "rule given twice": (
        "FR.yaml", "  fr.sms:\n", "  fr.email:\n",
        r"FR\.yaml:\d+: rules\.fr\.email: given twice, first at line 9",
    ),
    "channel has two rules": (
        "FR.yaml", "channel: SMS", "channel: EMAIL",
        r"FR\.yaml:\d+: rules\.fr\.sms: holds on days on which fr\.email holds already",
    ),
    "channel without a rule": (
        "FR.yaml", "channel: SMS", "channel: EMAIL",
        r"FR\.yaml:\d+: rules: SMS has no rule for consumers",
    ),
    "rule id of another channel": (
        "FR.yaml", "  fr.sms:\n", "  fr.text:\n",
        r"FR\.yaml:\d+: rules\.fr\.text: the id of this rule is fr\.sms",
    ),
    "landlines without a rule": (
        "IE.yaml", "line_type: landline", "line_type: mobile",
        r"IE\.yaml:\d+: rules: VOICE_CALL LANDLINE has no rule",
    ),
    "a rule for any line beside one for mobiles": (
        "IE.yaml", "    line_type: landline\n", "",
        r"IE\.yaml:\d+: rules: VOICE_CALL has a rule for any line beside",
    ),
    "line type of an email": (
        "FR.yaml", "channel: EMAIL\n", "channel: EMAIL\n    line_type: mobile\n",
        r"FR\.yaml:\d+: rules\.fr\.email\.line_type: EMAIL has no line types",
    ),
    "unknown channel": (
        "FR.yaml", "channel: SMS", "channel: FAX",
        r"FR\.yaml:\d+: rules\.fr\.sms\.channel: not one of EMAIL, SMS, ",
    ),
    "unknown regime": (
        "FR.yaml", "regime: opt_in", "regime: sometimes",
        r"FR\.yaml:\d+: rules\.fr\.email\.regime: not one of opt_in, opt_out",
    ),
    "null where only a value can be": (
        "FR.yaml", "consent_validity_months: 12", "consent_validity_months: null",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.consent_validity_months: null marks",
    ),
    "unverified limit of the soft opt-in": (
        "IE.yaml", "{within_months: 12}", "{within_months: null}",
        r"IE\.yaml:\d+: rules\.ie\.email\.soft_opt_in\.within_months: null marks",
    ),
    "months as text": (
        "FR.yaml", "consent_validity_months: 12", 'consent_validity_months: "12"',
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.consent_validity_months: .*integer",
    ),
    "no months": (
        "FR.yaml", "consent_validity_months: 12", "consent_validity_months: 0",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.consent_validity_months: .*greater",
    ),
    "soft opt-in without opt-in": (
        "FR.yaml", "regime: opt_in", "regime: opt_out",
        r"FR\.yaml:\d+: rules\.fr\.email\.soft_opt_in: has a meaning under opt_in only",
    ),
    "running-contract exemption without opt-in": (
        "FR.yaml", "regime: opt_in\n    running", "regime: null\n    running",
        r"FR\.yaml:\d+: rules\.fr\.voice_call\.running_contract_exemption: has a meaning",
    ),
    "rule without a citation": (
        "FR.yaml", "    citation: CPCE art. L34-5\n", "",
        r"FR\.yaml:\d+: rules\.fr\.email: a verified rule needs citation",
    ),
    "rule never checked": (
        "FR.yaml", "    checked_on: 2026-11-22\n", "",
        r"FR\.yaml:\d+: rules\.fr\.email: a verified rule needs checked_on",
    ),
    "impossible date": (
        "FR.yaml", "checked_on: 2026-11-22", "checked_on: 2026-02-30",
        r"FR\.yaml:\d+: rules\.fr\.email\.checked_on: not a date like 2026-01-31",
    ),
    "file of another country": (
        "FR.yaml", 'country: "FR"', 'country: "BE"',
        r"FR\.yaml:\d+: country: the file's name says FR",
    ),
    "country in lower case": (
        "FR.yaml", 'country: "FR"', 'country: "fr"',
        r"FR\.yaml:\d+: country: .*\[A-Z\]\{2\}",
    ),
    "country without quotes": (
        "NO.yaml", 'country: "NO"', "country: NO",
        r"NO\.yaml:\d+: country: read as false, not as text; put it in quotes",
    ),
    "controller's country without quotes": (
        "controllers.yaml", 'country: "NO"', "country: NO",
        r"controllers\.yaml:\d+: controllers\.alarm-no\.country: read as false, not as text",
    ),
    "territory without quotes": (
        "SE.yaml", 'country: "SE"\n', 'country: "SE"\nterritories: [AX, NO]\n',
        r"SE\.yaml:\d+: territories\.1: read as false, not as text; put it in quotes",
    ),
    "key without quotes": (
        "SE.yaml", "rules:\n", "NO: 1\nrules:\n",
        r"SE\.yaml:\d+: NO: a key: read as false, not as text; put it in quotes",
    ),
    "territory of two countries": (
        "SE.yaml", 'country: "SE"\n', 'country: "SE"\nterritories: ["AX"]\n',
        r"SE\.yaml:\d+: territories: AX is a territory of FI already",
    ),
    "territory with rules of its own": (
        "SE.yaml", 'country: "SE"\n', 'country: "SE"\nterritories: ["NO"]\n',
        r"SE\.yaml:\d+: territories: NO has a file of its own",
    ),
    "reserved controller": (
        "controllers.yaml", "alarm-fr:", "group:",
        r"controllers\.yaml:\d+: controllers\.group: reserved",
    ),
    "controller without rules": (
        "controllers.yaml", 'country: "FR"', 'country: "DE"',
        r"controllers\.yaml:\d+: controllers\.alarm-fr\.country: no rules: DE\.yaml is missing",
    ),
    "controller id in upper case": (
        "controllers.yaml", "alarm-fr:", "Alarm FR:",
        r"controllers\.yaml:\d+: controllers\.Alarm FR: ",
    ),
    "purpose without its parent": (
        "purposes.yaml", "direct_marketing.newsletter:", "marketing.newsletter:",
        r"purposes\.yaml:\d+: purposes\.marketing\.newsletter: its parent `marketing` is missing",
    ),
    "no service purpose": (
        "purposes.yaml", "  service:\n", "  care:\n",
        r"purposes\.yaml:\d+: purposes: `service` is missing",
    ),
    "service as marketing": (
        "purposes.yaml", "    marketing: false\n", "",
        r"purposes\.yaml:\d+: purposes\.service: `service` must state marketing: false",
    ),
    "service with a regime": (
        "purposes.yaml", "marketing: false", "marketing: false\n    regime: opt_out",
        r"purposes\.yaml:\d+: purposes\.service\.regime: `service` is always allowed",
    ),
    "service with a child": (
        "purposes.yaml", "direct_marketing.newsletter:", "service.newsletter:",
        r"purposes\.yaml:\d+: purposes\.service\.newsletter: `service` has no children",
    ),
    "a second purpose that is not marketing": (
        "purposes.yaml", "regime: opt_out", "marketing: false",
        r"purposes\.yaml:\d+: purposes\.satisfaction_survey\.marketing: only `service`",
    ),
    "child purpose less strict than its parent": (
        "purposes.yaml", "  profiling:\n", "  member_benefit.news:\n",
        r"purposes\.yaml:\d+: purposes\.member_benefit\.news\.regime: less strict than",
    ),
    "recording rule missing": (
        "recording.yaml", "direction: OUTBOUND", "direction: INBOUND",
        r"recording\.yaml:\d+: rules: MONITORING_CENTRE OUTBOUND has no rule",
    ),
    "recording rule repeated": (
        "recording.yaml", "direction: OUTBOUND", "direction: INBOUND",
        r"recording\.yaml:\d+: .*outbound: MONITORING_CENTRE INBOUND has a rule already",
    ),
    "recording without an end": (
        "recording.yaml", "    retention_months: 12\n", "",
        r"recording\.yaml:\d+: rules\.recording\.monitoring_centre\.inbound: retention_",
    ),
    "retention of what is not recorded": (
        "recording.yaml", "basis: unless_objected", "basis: not_permitted",
        r"recording\.yaml:\d+: .*retention_months: nothing is recorded",
    ),
    "rule that is no mapping": (
        "FR.yaml", "rules:\n", "rules:\n  fr.fax:\n",
        r"FR\.yaml:\d+: rules\.fr\.fax: not a mapping",
    ),
    "alias": (
        "FR.yaml", "channel: SMS", "channel: *email",
        r"FR\.yaml:\d+: not plain YAML: anchors, aliases and tags are not accepted",
    ),
    "tag": (
        "FR.yaml", "channel: SMS", "channel: !!python/name:os.system SMS",
        r"FR\.yaml:\d+: not plain YAML: anchors, aliases and tags are not accepted",
    ),
    "broken YAML": (
        "FR.yaml", "channel: SMS", "channel: [SMS",
        r"FR\.yaml:\d+: not plain YAML: ",
    ),
    "two documents": (
        "FR.yaml", "rules:\n", "---\nrules:\n",
        r"FR\.yaml:\d+: not plain YAML: but found another document",
    ),
}  # fmt: skip


@pytest.mark.parametrize("file, old, new, expected", EDITS.values(), ids=EDITS.keys())
def test_fault_is_named(packs: Path, *, file: str, old: str, new: str, expected: str) -> None:
    """The refusal has a line with the fault's file, line, key and nature."""
    edit(packs / file, old, new)
    assert_named(packs, file=file, expected=expected)


@pytest.mark.parametrize(
    "content, expected",
    [
        pytest.param(b"", "FR.yaml: empty", id="empty"),
        pytest.param(b"# nothing\n", "FR.yaml: empty", id="comments alone"),
        pytest.param(b"null\n", "FR.yaml:1: empty", id="null"),
        pytest.param(b"FR\n", "FR.yaml:1: not a mapping of keys to values", id="text"),
        pytest.param(b"country: \xff\n", "FR.yaml: not UTF-8 text", id="not UTF-8"),
        pytest.param(b"country: \x00\n", "FR.yaml: not YAML: ", id="control character"),
        pytest.param(b"[" * 20_000, "FR.yaml: nested too deeply", id="nested"),
        pytest.param(
            b"#" * (MAX_FILE_BYTES + 1), "FR.yaml: larger than 1000000 bytes", id="too large"
        ),
    ],
)
def test_unreadable_file_is_named(packs: Path, content: bytes, expected: str) -> None:
    """A file that holds no policy is refused by name, never read in part."""
    (packs / "FR.yaml").write_bytes(content)
    found = faults(packs)
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    "name", ["controllers.yaml", "purposes.yaml", "recording.yaml", "unverified.yaml"]
)
def test_missing_file_is_named(packs: Path, name: str) -> None:
    """Without one of the four fixed files there is no policy."""
    (packs / name).unlink()
    assert faults(packs) == [f"{name}: the file is missing"]


@pytest.mark.parametrize("name", ["fr.yaml", "FR.yml", "FRA.yaml", "rules.YAML"])
def test_misnamed_file_is_refused(packs: Path, name: str) -> None:
    """A file no one would read is a fault: its author believes it is in force."""
    (packs / name).write_text("country: FR\n", encoding="utf-8")
    assert faults(packs) == [f"{name}: no such policy file; a country's is named like FR.yaml"]


def test_other_files_are_left_alone(packs: Path) -> None:
    """Hidden entries, as mounted volumes have them, and notes are no part of the policy."""
    (packs / "README.md").write_text("Notes.\n", encoding="utf-8")
    (packs / "..data").mkdir()
    (packs / ".FR.yaml.swp").write_bytes(b"\x00")
    assert faults(packs) == []


def test_directory_in_place_of_a_file_is_named(packs: Path) -> None:
    """What cannot be opened is refused by name."""
    (packs / "FR.yaml").unlink()
    (packs / "FR.yaml").mkdir()
    assert faults(packs) == ["FR.yaml: cannot be read: Is a directory"]


def test_missing_directory_is_named(tmp_path: Path) -> None:
    """A directory that is not there is an error, not the packaged policy."""
    with pytest.raises(ConfigurationError, match="nowhere does not exist"):
        load_policy(tmp_path / "nowhere")


def test_all_faults_are_named_at_once(packs: Path) -> None:
    """One start tells every fault of every file, in the order of their places."""
    edit(packs / "NO.yaml", 'country: "NO"', "country: NO")
    edit(packs / "FR.yaml", "channel: EMAIL", "channel: FAX")
    edit(packs / "FR.yaml", "checked_on: 2026-11-22", "checked_on: soon")
    edit(packs / "purposes.yaml", "  service:\n", "  care:\n")
    edit(packs / "controllers.yaml", 'country: "PT"', 'country: "DE"')
    places = [re.sub(r":\d+", "", ": ".join(fault.split(": ")[:2])) for fault in faults(packs)]
    assert places == [
        "FR.yaml: rules.fr.email.channel",
        "FR.yaml: rules.fr.email.checked_on",
        "NO.yaml: country",
        "controllers.yaml: controllers.alarm-pt.country",
        "purposes.yaml: purposes",
        "purposes.yaml: purposes.care.marketing",
    ]


def test_lines_are_counted_from_one() -> None:
    """A key's line is that of the key itself, whatever the shape of its value."""
    text = 'a:\n  b.c: >-\n    folded\n    text\n\n  # why\n  "d": [1,\n    2]\n'
    document = read_document("FR.yaml", text)
    assert document.content == {"a": {"b.c": "folded text", "d": [1, 2]}}
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("a", "b.c"): 2,
        ("a", "d"): 7,
        ("a", "d", 0): 7,
        ("a", "d", 1): 8,
    }


def test_unverified_rule_is_accepted(packs: Path) -> None:
    """A null regime says that no one has verified the rule; it needs no citation."""
    edit(packs / "PT.yaml", "regime: opt_out\n    citation: Lei 6/99\n", "regime: null\n")
    policy = load_policy(packs)
    every = [rule for rules in policy.rules.values() for rule in rules]
    unverified = [rule.rule_id for rule in every if rule.regime is None]
    assert unverified == ["pt.post"]


def test_child_purpose_inherits_its_parents_regime(packs: Path) -> None:
    """A benefit of one union asks for consent because every member benefit does."""
    edit(
        packs / "purposes.yaml",
        "  profiling:\n",
        "  member_benefit.union:\n    description: Of one union\n  profiling:\n",
    )
    purposes = load_policy(packs).purposes
    child = purposes[PurposeId("member_benefit.union")]
    parent = purposes[PurposeId("member_benefit")]
    assert (child.regime, child.citation) == (parent.regime, parent.citation)
