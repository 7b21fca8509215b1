"""The policy as a page for lawyers: `docs/policy.md` is the packaged one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from consent_registry_server.domain.policy import Policy, RecordingBasis, Rule
from consent_registry_server.domain.vocabulary import CountryCode
from consent_registry_server.policy import wording

_INTRODUCTION: Final = """\
# The policy

<!-- Generated from the policy packs by `make policy-doc`; what is written here by hand is lost. -->

The rules by which the registry decides, as the packs state them that come with it
(`server/consent_registry_server/policy/packs/`). A company may make them stricter with a layer of
its own; `consent-registry policy show` prints what is in force, that included.

**This is not legal advice.** It says what was read in the sources named, on the day named, with the
confidence named. Have a lawyer of the country look at it before you rely on it.

## How to read it

- **Regime.** *Opt-in*: no contact without a consent that holds, or an exemption. *Opt-out*: contact
  until the person objects. An opt-out counts whatever the regime.
- **Exemptions** stand in for the consent. *Own customer* is the soft opt-in: a customer who was
  informed at collection, for offers of the controller's own similar products. *Running contract*: a
  contract runs, and the offer is similar.
- **Register.** The national register to screen against, for how long a result counts, and what
  makes a listing not count. Without a result that counts the answer is REVIEW.
- **Hours** are in the recipient's local time; a window ends with the minute before the one named.
  Where a number or an address leaves several time zones open, the hours of all must be kept. Hours
  for the day before a holiday narrow those of its weekday.
- **Cap.** How many attempts on one number or door in any stretch of so many times 24 hours, those
  that were not answered included.
- **Consent.** For how long it counts, and for how long after its last use its proof is kept.
- **In force.** The first and the last day, in the country's own time. A decision about a past day
  takes the rules of that day.
- Where a country has no rule for **businesses**, that for consumers holds.
- The law of the **recipient's** country applies, whichever controller asks.
"""

_UNVERIFIED: Final = """\
## What UNVERIFIED means

Nobody has found it in the law yet. It is never taken for a permission:

- An unverified **regime** is answered REVIEW, RULE_UNVERIFIED: a human must look.
- Unverified **hours**, an unverified **cap** and an unverified time for which a **scrub** counts
  are replaced by ones so strict that no known law undercuts them; these are shown. Outside
  such hours and beyond such a cap the answer is REVIEW, RULE_UNVERIFIED.
"""

_RULE_COLUMNS: Final = (
    "Channel", "Recipients", "Regime", "Exemptions", "Register", "Hours", "Cap", "Consent",
    "In force", "Source",
)  # fmt: skip


def handbook(policy: Policy) -> str:
    """The whole policy in Markdown; the same policy gives the same text."""
    sections = [_INTRODUCTION, _UNVERIFIED + "\n" + "\n".join(_open_questions(policy))]
    sections += [_country(policy, country) for country in sorted(policy.time_zones)]
    sections += [_purposes(policy), _recording(policy)]
    sections += [_retention(policy), _controllers(policy)]
    return "\n".join(f"{section.rstrip()}\n" for section in sections)


def _open_questions(policy: Policy) -> Iterator[str]:
    unverified = [
        (rule.rule_id, wording.unverified_in(rule))
        for country in sorted(policy.time_zones)
        for rule in wording.rules_of(policy, country)
    ]
    found = [f"- `{rule_id}`: {', '.join(keys)}" for rule_id, keys in unverified if keys]
    yield "Unverified today:" if found else "Nothing is unverified today."
    yield ""
    yield from found


def _country(policy: Policy, country: CountryCode) -> str:
    name = wording.country_name(country)
    lines = [f"## {name} ({country})" if name != country else f"## {country}", ""]
    territories = wording.territories_of(policy, country)
    if territories:
        lines.append(f"Its rules hold in {', '.join(territories)} too.")
    lines.append(f"Time zones: {', '.join(policy.time_zones[country])}.")
    rows = [_cells(rule) for rule in wording.rules_of(policy, country)]
    return "\n".join([*lines, "", *_table(_RULE_COLUMNS, rows)])


def _cells(rule: Rule) -> tuple[str, ...]:
    return (
        f"{wording.channel_name(rule.channel, rule.line_type)}<br>`{rule.rule_id}`",
        wording.recipients(rule.recipient_type),
        wording.regime(rule.regime),
        "<br>".join(wording.exemptions(rule)),
        wording.register(rule.register),
        wording.contact_hours(rule),
        wording.attempt_cap(rule),
        "<br>".join(wording.consent_terms(rule)),
        wording.period(rule),
        wording.source(rule),
    )


def _purposes(policy: Policy) -> str:
    rows = [
        (f"`{key}`", purpose.description, wording.purpose_regime(purpose), purpose.citation)
        for key, purpose in sorted(policy.purposes.items())
    ]
    lead = "An opt-out of a purpose covers those below it: `a` covers `a.b`."
    table = _table(("Purpose", "What it is for", "Regime", "Source"), rows)
    return "\n".join(["## Purposes", "", lead, "", *table])


def _recording(policy: Policy) -> str:
    rows = [
        (
            rule.line.name.lower().replace("_", " "),
            rule.direction.name.lower(),
            wording.basis_name(rule.basis),
            rule.purpose,
            wording.months(rule.retention_months or None),
            rule.citation,
        )
        for rule in sorted(policy.recording_rules.values(), key=lambda rule: rule.rule_id)
    ]
    lead = (
        f"*{wording.basis_name(RecordingBasis.REQUIRED)}*: an objection does not apply."
        f" *{wording.basis_name(RecordingBasis.UNLESS_OBJECTED)}*: until the person objects."
    )
    columns = ("Line", "Direction", "Recording", "Purpose", "Kept", "Source")
    return "\n".join(["## Call recording", "", lead, "", *_table(columns, rows)])


def _retention(policy: Policy) -> str:
    rows = [
        (f"`{term.key}`", term.kept, term.months, term.since, term.source)
        for term in wording.kept_terms(policy)
    ]
    lead = (
        "An opt-out is never deleted; what identifies the person behind it is, on the day after the"
        " last of its term. `SetRetention` gives a single entry another day, and a hold stops the"
        " term until it is lifted, each with its reason. A term of months ends on the day of the"
        " month on which it began, where there is none on the last of that month. A consent is over"
        " when its own date or its rule's validity ends it, or when the person does; a customer's"
        " consent that nothing has ended yet is looked at again when its term has passed."
    )
    columns = ("Term", "What is kept", "For", "From", "Source")
    return "\n".join(["## Retention", "", lead, "", *_table(columns, rows)])


def _controllers(policy: Policy) -> str:
    rows = [
        (f"`{key}`", each.legal_name, wording.country_name(each.country))
        for key, each in sorted(policy.controllers.items())
    ]
    return "\n".join(["## Controllers", "", *_table(("Controller", "Legal name", "Country"), rows)])


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, without the columns that no row has anything to say in."""
    rows = list(rows)
    said = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    for row in (columns, ["---"] * len(columns), *rows):
        yield f"| {' | '.join(row[at].replace('|', '&#124;') for at in said)} |"
