"""A company layer makes rules stricter; what is looser, or means nothing, is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.policy import (
    AttemptCap,
    NationalRegister,
    Policy,
    Regime,
    RegisterExemption,
    Rule,
    SoftOptIn,
)
from consent_registry_server.domain.vocabulary import RuleId
from consent_registry_server.policy.load import load_policy, policy_of, read_files
from tests.unit.policy.refusals import edit, faults


@pytest.fixture(scope="module")
def packaged() -> dict[str, str]:
    return read_files(None, None)


@pytest.fixture(scope="module")
def policy(packaged: dict[str, str]) -> Policy:
    return policy_of(packaged)


def rule_of(policy: Policy, rule_id: str) -> Rule:
    every = (rule for rules in policy.rules.values() for rule in rules)
    (rule,) = (rule for rule in every if rule.rule_id == rule_id)
    return rule


def layer(rule_id: str, *lines: str) -> str:
    """A layer for one rule; the first of its lines is the fourth of the file."""
    return "\n".join(["# Ours.", "rules:", f"  {rule_id}:", *(f"    {line}" for line in lines)])


NO_CHANGE = object()

# Rule, what the company states of it, and what of the rule that changes.
STRICTER: dict[str, tuple[str, str, Callable[[Rule], object], object]] = {
    "opt-in for opt-out": (
        "fr.door_to_door", "regime: opt_in",
        lambda rule: (rule.regime, rule.soft_opt_in, rule.proof_retention_months),
        (Regime.OPT_IN, None, 36),
    ),
    "opt-in with terms of its own": (
        "fi.voice_call",
        """{regime: opt_in, consent_validity_months: 6, proof_retention_months: 12,
        running_contract_exemption: true, soft_opt_in: {within_months: 3}}""",
        lambda rule: (
            rule.regime, rule.consent_validity_months, rule.proof_retention_months,
            rule.running_contract_exemption, rule.soft_opt_in,
        ),
        (Regime.OPT_IN, 6, 12, True, SoftOptIn(3)),
    ),
    "no soft opt-in": (
        "fr.email", "soft_opt_in: none", lambda rule: rule.soft_opt_in, None,
    ),
    "shorter soft opt-in": (
        "ie.email", "soft_opt_in: {within_months: 11}",
        lambda rule: rule.soft_opt_in, SoftOptIn(11),
    ),
    "limited soft opt-in": (
        "fr.email", "soft_opt_in: {within_months: 24}",
        lambda rule: rule.soft_opt_in, SoftOptIn(24),
    ),
    "no exemption of running contracts": (
        "fr.voice_call", "running_contract_exemption: false",
        lambda rule: rule.running_contract_exemption, False,
    ),
    "shorter consent": (
        "fr.voice_call", "consent_validity_months: 6",
        lambda rule: rule.consent_validity_months, 6,
    ),
    "limited consent": (
        "fr.email", "consent_validity_months: 24",
        lambda rule: rule.consent_validity_months, 24,
    ),
    "longer proof": (
        "fr.email", "proof_retention_months: 60",
        lambda rule: rule.proof_retention_months, 60,
    ),
    "smaller scrub age": (
        "it.voice_call", "register: {scrub_age_days: 7}",
        lambda rule: rule.register,
        NationalRegister(
            "RPO", 7,
            exemptions=frozenset({RegisterExemption.LATER_CONSENT, RegisterExemption.CONTRACT}),
            contract_ended_within_days=30,
        ),
    ),
    "a scrub age of one's own": (
        "se.voice_call", "register: {scrub_age_days: 1}",
        lambda rule: rule.register,
        NationalRegister("NIX", 1, exemptions=frozenset({RegisterExemption.LATER_CONSENT})),
    ),
    "fewer exemptions": (
        "it.voice_call", "register: {exemptions: [later_consent]}",
        lambda rule: rule.register,
        NationalRegister("RPO", 15, exemptions=frozenset({RegisterExemption.LATER_CONSENT})),
    ),
    "no exemptions": (
        "no.post", "register: {exemptions: []}",
        lambda rule: rule.register,
        NationalRegister("Reservasjonsregisteret", 1, is_scrub_age_verified=False),
    ),
    "only running contracts": (
        "it.post", "register: {contract_ended_within_days: 1}",
        lambda rule: rule.register and rule.register.contract_ended_within_days, 1,
    ),
    "a register that no law asks for": (
        "fr.voice_call",
        "register: {name: Bloctel, scrub_age_days: 30, exemptions: [later_consent]}",
        lambda rule: rule.register,
        NationalRegister("Bloctel", 30, exemptions=frozenset({RegisterExemption.LATER_CONSENT})),
    ),
    "narrower hours": (
        "fr.voice_call", 'contact_hours: [{days: [MON], from: "10:00", to: "12:59"}]',
        lambda rule: rule.contact_hours,
        ContactHours({DayKind.MON: (Window(600, 779),)}),
    ),
    "hours where the law knows none": (
        "fr.door_to_door", 'contact_hours: [{days: [SUN, HOLIDAY], from: "00:00", to: "24:00"}]',
        lambda rule: rule.contact_hours,
        ContactHours(dict.fromkeys((DayKind.SUN, DayKind.HOLIDAY), (Window(0, 1440),))),
    ),
    "hours of one's own where they are unverified": (
        "se.voice_call", 'contact_hours: [{days: [MON, FRI], from: "10:00", to: "13:00"}]',
        lambda rule: rule.contact_hours,
        ContactHours(dict.fromkeys((DayKind.MON, DayKind.FRI), (Window(600, 780),))),
    ),
    "hours that the eve of a holiday leaves": (
        "it.voice_call", 'contact_hours: [{days: [MON], from: "10:00", to: "19:00"}]',
        lambda rule: rule.contact_hours,
        ContactHours({DayKind.MON: (Window(600, 1140),)}),
    ),
    "hours with an eve as narrow": (
        "it.voice_call",
        """contact_hours: [{days: [MON], from: "09:00", to: "20:00"},
        {days: [HOLIDAY_EVE], from: "10:00", to: "12:00"},
        {days: [SAT], from: "11:00", to: "12:00"},
        {days: [HOLIDAY_EVE], from: "12:30", to: "19:00"}]""",
        lambda rule: rule.contact_hours and rule.contact_hours.by_day.keys(),
        NO_CHANGE,
    ),
    "fewer attempts": (
        "fr.voice_call", "attempt_cap: {attempts: 3, days: 30}",
        lambda rule: rule.attempt_cap, AttemptCap(3, 30),
    ),
    "a longer time": (
        "fr.voice_call", "attempt_cap: {attempts: 4, days: 31}",
        lambda rule: rule.attempt_cap, AttemptCap(4, 31),
    ),
    "a cap where the law knows none": (
        "fr.door_to_door", "attempt_cap: {attempts: 1000, days: 1}",
        lambda rule: rule.attempt_cap, AttemptCap(1000, 1),
    ),
    "a cap of one's own where it is unverified": (
        "se.voice_call", "attempt_cap: {attempts: 4, days: 30}",
        lambda rule: rule.attempt_cap, AttemptCap(4, 30),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "rule_id, stated, of_rule, expected", STRICTER.values(), ids=STRICTER.keys()
)
def test_stricter_is_taken(
    packaged: dict[str, str],
    policy: Policy,
    *,
    rule_id: str,
    stated: str,
    of_rule: Callable[[Rule], object],
    expected: object,
) -> None:
    """The rule changes as stated, its citation says so, and no other rule changes."""
    tightened = policy_of({**packaged, "company.yaml": layer(rule_id, stated)})
    rule, before = rule_of(tightened, rule_id), rule_of(policy, rule_id)
    if expected is not NO_CHANGE:
        assert of_rule(rule) == expected
        assert of_rule(rule) != of_rule(before)
    assert rule.citation == f"{before.citation}; company policy"
    assert tightened.version != policy.version
    changed = {slot for slot in policy.rules if policy.rules[slot] != tightened.rules[slot]}
    assert changed == {(rule.country, rule.channel, rule.line_type, rule.recipient_type)}


@pytest.mark.parametrize(
    "rule_id, stated",
    [
        ("fr.voice_call", "consent_validity_months: 12"),
        ("fr.voice_call", "attempt_cap: {attempts: 4, days: 30}"),
        ("fr.voice_call.business", "contact_hours: any"),
        ("fr.voice_call.business", "attempt_cap: none"),
        ("fr.email", "{regime: opt_in, soft_opt_in: {within_months: unlimited}}"),
        ("it.voice_call", "register: {name: RPO, scrub_age_days: 15}"),
        ("fr.post", "{}"),
    ],
)
def test_what_the_rule_says_anyway_changes_nothing(
    packaged: dict[str, str], policy: Policy, rule_id: str, stated: str
) -> None:
    """To repeat the law is neither looser nor company policy."""
    repeated = policy_of({**packaged, "company.yaml": layer(rule_id, stated)})
    assert repeated.rules == policy.rules


NULL = "null marks what is unverified, which this key has no meaning for; leave it out"

# Rule, what the company states of it, and the key and the reason of the refusal.
REFUSED = {
    "opt-out for opt-in": (
        "fr.email", "regime: opt_out",
        "regime: looser than fr.email, which has opt_in",
    ),
    "soft opt-in where there is none": (
        "it.sms", "soft_opt_in: {within_months: 1}",
        "soft_opt_in: looser than it.sms, which has none",
    ),
    "longer soft opt-in": (
        "ie.email", "soft_opt_in: {within_months: 13}",
        "soft_opt_in.within_months: looser than ie.email, which has 12",
    ),
    "soft opt-in without a limit": (
        "ie.email", "soft_opt_in: {within_months: unlimited}",
        "soft_opt_in.within_months: looser than ie.email, which has 12",
    ),
    "exemption of running contracts": (
        "fr.email", "running_contract_exemption: true",
        "running_contract_exemption: looser than fr.email, which has none",
    ),
    "longer consent": (
        "fr.voice_call", "consent_validity_months: 13",
        "consent_validity_months: looser than fr.voice_call, which has 12",
    ),
    "shorter proof": (
        "fr.voice_call", "proof_retention_months: 35",
        "proof_retention_months: looser than fr.voice_call, which has 36",
    ),
    "consent terms of an opt-out": (
        "fr.post", "consent_validity_months: 12",
        "consent_validity_months: has a meaning under opt_in only",
    ),
    "soft opt-in of an opt-out": (
        "fr.post", "soft_opt_in: none",
        "soft_opt_in: has a meaning under opt_in only",
    ),
    "larger scrub age": (
        "it.voice_call", "register: {scrub_age_days: 16}",
        "register.scrub_age_days: looser than it.voice_call, which has 15",
    ),
    "larger scrub age than the unverified one": (
        "se.voice_call", "register: {scrub_age_days: 2}",
        "register.scrub_age_days: looser than se.voice_call, which has 1",
    ),
    "further exemption": (
        "it.voice_call", "register: {exemptions: [later_consent, consent]}",
        "register.exemptions: looser than it.voice_call, which has no consent",
    ),
    "contract that ended earlier": (
        "it.voice_call", "register: {contract_ended_within_days: 31}",
        "register.contract_ended_within_days: looser than it.voice_call, which has 30",
    ),
    "end of a contract that exempts nobody": (
        "se.voice_call", "register: {contract_ended_within_days: 1}",
        "register.contract_ended_within_days: has a meaning with the exemption contract only",
    ),
    "another register": (
        "it.voice_call", "register: {name: NIX}",
        "register.name: it.voice_call has RPO",
    ),
    "a new register without its terms": (
        "fr.voice_call", "register: {name: Bloctel}",
        "register: fr.voice_call has none: a new one needs name and scrub_age_days",
    ),
    "a new register of another country": (
        "fr.voice_call", "register: {name: NIX, scrub_age_days: 1}",
        "register.name: a register of SE already",
    ),
    "hours that begin earlier": (
        "fr.voice_call", 'contact_hours: [{days: [MON], from: "09:59", to: "12:00"}]',
        "contact_hours: looser than fr.voice_call: they permit what that forbids",
    ),
    "hours over lunch": (
        "fr.voice_call", 'contact_hours: [{days: [MON], from: "10:00", to: "20:00"}]',
        "contact_hours: looser than fr.voice_call: they permit what that forbids",
    ),
    "hours on another day": (
        "fr.voice_call", 'contact_hours: [{days: [SAT], from: "10:00", to: "12:00"}]',
        "contact_hours: looser than fr.voice_call: they permit what that forbids",
    ),
    "hours on holidays": (
        "fr.voice_call", 'contact_hours: [{days: [HOLIDAY], from: "10:00", to: "12:00"}]',
        "contact_hours: looser than fr.voice_call: they permit what that forbids",
    ),
    "hours that forget the eve of a holiday": (
        "it.voice_call", 'contact_hours: [{days: [MON], from: "09:00", to: "20:00"}]',
        "contact_hours: looser than it.voice_call: they permit what that forbids",
    ),
    "hours beyond the unverified ones": (
        "se.voice_call", 'contact_hours: [{days: [MON], from: "10:00", to: "13:01"}]',
        "contact_hours: looser than se.voice_call: they permit what that forbids",
    ),
    "any hours": (
        "fr.voice_call", "contact_hours: any",
        "contact_hours: looser than fr.voice_call: they permit what that forbids",
    ),
    "hours of an email": (
        "fr.email", 'contact_hours: [{days: [MON], from: "10:00", to: "12:00"}]',
        "contact_hours: has no meaning for EMAIL",
    ),
    "more attempts": (
        "fr.voice_call", "attempt_cap: {attempts: 5, days: 365}",
        "attempt_cap: looser than fr.voice_call, which has 4 in 30 days",
    ),
    "fewer days": (
        "fr.voice_call", "attempt_cap: {attempts: 1, days: 29}",
        "attempt_cap: looser than fr.voice_call, which has 4 in 30 days",
    ),
    "no cap": (
        "fr.voice_call", "attempt_cap: none",
        "attempt_cap: looser than fr.voice_call, which has 4 in 30 days",
    ),
    "more attempts than the unverified cap": (
        "se.voice_call", "attempt_cap: {attempts: 5, days: 30}",
        "attempt_cap: looser than se.voice_call, which has 4 in 30 days",
    ),
    "cap of an email": (
        "fr.email", "attempt_cap: {attempts: 1, days: 30}",
        "attempt_cap: has no meaning for EMAIL",
    ),
    "unknown key": ("fr.email", "hours: 9", "hours: unknown key"),
    "key that a company cannot state": ("fr.email", "citation: ours", "citation: unknown key"),
    "null": (
        "fr.email", "regime: null",
        f"regime: {NULL}",
    ),
    "null hours": (
        "fr.voice_call", "contact_hours: null",
        f"contact_hours: {NULL}",
    ),
    "impossible hours": (
        "fr.voice_call", 'contact_hours: [{days: [MON], from: "25:00", to: "12:00"}]',
        'contact_hours.0.from: not a time of day from "00:00" to "24:00"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule_id, stated, expected", REFUSED.values(), ids=REFUSED.keys())
def test_looser_is_refused_by_name(
    packaged: dict[str, str], *, rule_id: str, stated: str, expected: str
) -> None:
    """With file, line, rule and key, and with what the law has."""
    with pytest.raises(ConfigurationError) as refused:
        policy_of({**packaged, "company.yaml": layer(rule_id, stated)})
    (fault,) = refused.value.message.splitlines()[1:]
    assert fault == f"  company.yaml:4: rules.{rule_id}.{expected}"


def test_an_unverified_regime_cannot_be_tightened(packaged: dict[str, str]) -> None:
    """With a consent it is REVIEW today, and would be ALLOW as an opt-in."""
    pack = packaged["FR.yaml"].replace("regime: opt_out", "regime: null", 1)
    files = {
        **packaged,
        "FR.yaml": pack,
        "company.yaml": layer("fr.email.business", "regime: opt_in"),
    }
    with pytest.raises(ConfigurationError, match=r"regime: unverified: to ask a human is stricter"):
        policy_of(files)


def test_an_unknown_rule_is_refused(packaged: dict[str, str]) -> None:
    """Its author believes that it holds."""
    with pytest.raises(ConfigurationError) as refused:
        policy_of({**packaged, "company.yaml": layer("fr.fax", "regime: opt_in")})
    assert refused.value.message.splitlines()[1:] == [
        "  company.yaml:3: rules.fr.fax: no rule has this id"
    ]


def test_all_faults_of_a_layer_are_named(packaged: dict[str, str]) -> None:
    """Of one rule and of several, each at its line."""
    text = layer(
        "fr.voice_call", "consent_validity_months: 24", "register: {name: A}", "attempt_cap: none"
    )
    text += "\n  fr.email: {regime: opt_out}\n  xx: {}\n"
    with pytest.raises(ConfigurationError) as refused:
        policy_of({**packaged, "company.yaml": text})
    places = [line.rsplit(": ", 1)[0].strip() for line in refused.value.message.splitlines()[1:]]
    assert [place.split(": ")[:2] for place in places] == [
        ["company.yaml:4", "rules.fr.voice_call.consent_validity_months"],
        ["company.yaml:5", "rules.fr.voice_call.register"],
        ["company.yaml:6", "rules.fr.voice_call.attempt_cap"],
        ["company.yaml:7", "rules.fr.email.regime"],
        ["company.yaml:8", "rules.xx"],
    ]


def test_a_new_register_is_of_one_country(packaged: dict[str, str]) -> None:
    """The day of a scrub is a day of its country's clock."""
    new = "{register: {name: Robinsonliste, scrub_age_days: 1}}"
    text = f"rules:\n  fr.voice_call: {new}\n  fi.voice_call: {new}\n"
    with pytest.raises(ConfigurationError) as refused:
        policy_of({**packaged, "company.yaml": text})
    assert refused.value.message.splitlines()[1:] == [
        "  company.yaml:2: rules.fr.voice_call.register.name: a register of FI already"
    ]


def test_one_period_can_be_tightened_alone(packaged: dict[str, str], policy: Policy) -> None:
    """A layer names rules, and the rules of two periods are two."""
    stated = layer("fr.voice_call.before_2026_08_11", "regime: opt_in")
    tightened = policy_of({**packaged, "company.yaml": stated})
    before = rule_of(tightened, "fr.voice_call.before_2026_08_11")
    assert (before.regime, before.valid_to) == (
        Regime.OPT_IN,
        rule_of(policy, RuleId("fr.voice_call.before_2026_08_11")).valid_to,
    )
    assert rule_of(tightened, "fr.voice_call") == rule_of(policy, "fr.voice_call")


def test_the_layer_is_read_from_its_own_file(packs: Path, tmp_path: Path) -> None:
    """Whatever it is called, faults name it as company.yaml."""
    file = tmp_path / "ours.txt"
    file.write_text(layer("fr.email", "soft_opt_in: none"), encoding="utf-8")
    assert rule_of(load_policy(packs, company_file=file), "fr.email").soft_opt_in is None
    assert rule_of(load_policy(company_file=file), "fr.email").soft_opt_in is None
    edit(file, "none", "some")
    assert faults(packs, file) == [
        "company.yaml:4: rules.fr.email.soft_opt_in: not a mapping of keys to values"
    ]
    file.unlink()
    assert faults(packs, file) == ["company.yaml: cannot be read: No such file or directory"]


@pytest.mark.parametrize("name", ["company.yaml", "strict.yaml"])
def test_the_layer_may_lie_beside_the_packs(packs: Path, name: str) -> None:
    """One mounted directory may hold them all."""
    file = packs / name
    file.write_text(layer("fr.email", "soft_opt_in: none"), encoding="utf-8")
    assert rule_of(load_policy(packs, company_file=file), "fr.email").soft_opt_in is None


def test_a_layer_that_the_settings_do_not_name_is_refused(packs: Path, tmp_path: Path) -> None:
    """Whoever put it there believes it in force."""
    (packs / "company.yaml").write_text("rules: {}\n", encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text("rules: {}\n", encoding="utf-8")
    expected = ["company.yaml: not the file that the settings name as the company layer"]
    assert faults(packs) == expected
    assert faults(packs, other) == expected


def test_an_empty_layer_is_refused(packaged: dict[str, str]) -> None:
    """A file that was cut off must not pass for one that asks for nothing."""
    with pytest.raises(ConfigurationError, match=r"company\.yaml: empty"):
        policy_of({**packaged, "company.yaml": "# Nothing.\n"})
