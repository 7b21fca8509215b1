"""What of a stored identity is the person's own, and what another's (GDPR art. 15(4)).

Whoever asks is known by the contact points, customer number and name given, and by nothing else.
An entry of a shared telephone may be a neighbour's, and then everything in it is: so whatever is
not plainly the person's is taken for somebody else's, and withheld rather than shown to the wrong
one. What is withheld is counted, with the reason, so that the officer can look at it by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from consent_registry_server.domain.contact import (
    ContactPoint,
    CustomerNumber,
    Email,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, Identity
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.text import base_letters
from consent_registry_server.domain.vocabulary import CountryCode
from consent_registry_server.service.ports import Digester
from consent_registry_server.service.subject_points import AnyPoint, PersonPoint, person_point

OTHERS_CONTACT_POINT: Final = (
    "not one of the contact points given; it may be another person's (GDPR art. 15(4))"
)
OTHERS_CUSTOMER_NUMBER: Final = (
    "not the customer number given; it may be another person's (GDPR art. 15(4))"
)
OTHERS_NAME: Final = "not the name given; it may be another person's (GDPR art. 15(4))"
EMPLOYEE: Final = "an employee of the controller (GDPR art. 15(4))"
BY_HAND: Final = "written by employees, may speak of others; the officer reviews it by hand"
ARTEFACT_BY_HAND: Final = (
    "a recording, scan or screenshot may show others; the officer reviews it by hand"
)
UNCLEAR_WHOSE: Final = (
    "the entry names somebody or something else than was given, so that it may be another person's"
    " (GDPR art. 15(4)); the officer reviews it by hand"
)
NAMES_OTHERS: Final = "it holds what was withheld elsewhere in the entry (GDPR art. 15(4))"

_SHORTEST_TRACE: Final = 3
"""Characters of a withheld value by which it is sought in a text; fewer are in every text."""

_NATIONAL_DIGITS: Final = 8
"""So many last digits of a number are the same in every spelling of it."""

_PERSONAL: Final = ("ip", "user_agent")
"""Of the proof, what is the very person's who gave it."""
_OF_THE_FORM: Final = ("notice_version", "form_id", "third_party")
"""Of the proof, what is the same for whoever filled in the form."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many data of a kind were not shown, and why."""

    what: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """What of an identity may be shown to the person, and what was withheld."""

    identity: Identity = field(repr=False)
    withheld: tuple[Withheld, ...]
    is_own: bool
    """Whether nothing in it speaks of anybody or anything else than was given."""


@dataclass(frozen=True, slots=True)
class Person:
    """The person who asks, by what was given and confirmed."""

    points: tuple[PersonPoint, ...] = field(repr=False)
    name: str = field(repr=False)
    home: CountryCode | None

    def owns(self, point: AnyPoint, digester: Digester) -> bool:
        """Whether a contact point, in whatever spelling, is one of those given.

        One that cannot be read any more is not: nobody can tell.
        """
        try:
            stored = person_point(point, digester, home=self.home, field_path="")
        except InvalidContactPoint:
            return False
        return any(
            given.is_found_by(digests) for given in self.points for digests in stored.digests
        )

    def is_named(self, name: str) -> bool:
        """Whether a name is the one given, but for case, accents and spaces."""
        return bool(self.name) and _name_form(name) == _name_form(self.name)


def redact(
    identity: Identity, person: Person, digester: Digester, *, is_about_person: bool
) -> Redacted:
    """Takes out of an identity whatever is not the person's.

    `is_about_person` tells whether its entry names the person, or is about one that plainly does.
    """
    subject, others, withheld = _redact_subject(identity.subject, person, digester)
    is_own = is_about_person and not withheld
    evidence, more = _redact_evidence(identity.evidence, is_own=is_own, others=others)
    lead_id = identity.lead_id if is_own else ""
    if lead_id != identity.lead_id:
        more.append(Withheld("lead_id", 1, UNCLEAR_WHOSE))
    return Redacted(Identity(subject, evidence, lead_id), (*withheld, *more), is_own)


def _redact_subject(
    subject: Subject, person: Person, digester: Digester
) -> tuple[Subject, list[str], list[Withheld]]:
    """The person's own part, the traces of what is others', and what was withheld."""
    own = tuple(each for each in subject.contact_points if person.owns(each, digester))
    strange = [each for each in subject.contact_points if each not in own]
    others = [_trace_of(each) for each in strange]
    withheld = []
    if strange:
        withheld.append(Withheld("contact_points", len(strange), OTHERS_CONTACT_POINT))
    number = subject.customer_number
    if number and not person.owns(CustomerNumber(number), digester):
        withheld.append(Withheld("customer_number", 1, OTHERS_CUSTOMER_NUMBER))
        others.append(_trace(number))
        number = ""
    name = subject.name
    if name and not person.is_named(name):
        withheld.append(Withheld("name", 1, OTHERS_NAME))
        others += [_trace(each) for each in (name, *name.split())]
        name = ""
    return Subject(own, number, name), others, withheld


def _redact_evidence(
    evidence: Evidence, *, is_own: bool, others: Sequence[str]
) -> tuple[Evidence, list[Withheld]]:
    withheld = []
    if evidence.agent:
        withheld.append(Withheld("agent", 1, EMPLOYEE))
    if evidence.note:
        withheld.append(Withheld("note", 1, BY_HAND))
    if evidence.has_artefact:
        withheld.append(Withheld("artefact", 1, ARTEFACT_BY_HAND))
    shown = replace(evidence, agent="", note="", artefact_uri="", artefact_digest=b"")
    if not is_own:
        personal = [name for name in _PERSONAL if getattr(shown, name)]
        withheld += [Withheld(name, 1, UNCLEAR_WHOSE) for name in personal]
        shown = replace(shown, ip="", user_agent="")
    # An employee may be named in what was read out, and another person in anything.
    traces = [*others, _trace(evidence.agent)]
    for name in ("text", *_OF_THE_FORM, *_PERSONAL):
        if _holds(getattr(shown, name), traces):
            withheld.append(Withheld(name, 1, NAMES_OTHERS))
            shown = _without(shown, name)
    return shown, withheld


def _without(evidence: Evidence, name: str) -> Evidence:
    changes: dict[str, Any] = {name: ""}
    if name == "text":
        # Whoever guesses the text could tell by it that they guessed right.
        changes["text_digest"] = b""
    return replace(evidence, **changes)


def _trace_of(point: ContactPoint) -> str:
    """By what a contact point would be recognised in a text, however it is spelled there."""
    if isinstance(point, Phone):
        return _trace(point.number)[-_NATIONAL_DIGITS:]
    if isinstance(point, Email):
        return _trace(point.address)
    return _trace(point.street if isinstance(point, PostalAddress) else point.handle)


def _trace(text: str) -> str:
    return "".join(filter(str.isalnum, base_letters(text)))


def _holds(text: str, traces: Sequence[str]) -> bool:
    where = _trace(text)
    return any(len(trace) >= _SHORTEST_TRACE and trace in where for trace in traces)


def _name_form(name: str) -> str:
    return " ".join(base_letters(name).split())
