"""What people said to the company and to its partners, in their own spelling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from random import Random
from typing import Final

from consent_registry.v1.contact_pb2 import ContactPoint, Subject
from consent_registry.v1.entry_pb2 import Expression
from consent_registry.v1.registry_service_pb2 import PartnerLead
from consent_registry_client import (
    Channel,
    Evidence,
    Source,
    address,
    email,
    expressed_at,
    expressed_on,
    phone,
    subject,
    timestamp,
)
from consent_registry_server.demo.people import Person
from consent_registry_server.demo.spellings import (
    TypedAddress,
    sub_addressed_email,
    typed_address,
    typed_email,
    typed_phone,
)
from consent_registry_server.demo.stories import Story

CONTROLLER: Final = "alarm-fr"
PURPOSE: Final = "direct_marketing"
TIME_ZONE: Final = "Europe/Paris"

CALLS: Final = (Channel.CHANNEL_VOICE_CALL, Channel.CHANNEL_SMS)
CALLS_AND_EMAIL: Final = (Channel.CHANNEL_VOICE_CALL, Channel.CHANNEL_EMAIL)

_PROOF: Final = Evidence(
    notice_version="2026-03",
    text="J'accepte que l'entreprise me présente ses offres par téléphone et par email.",
    form_id="devis-en-ligne/7",
    ip="192.0.2.17",
    user_agent="Mozilla/5.0 (exemple)",
)
_PARTNER_PROOF: Final = Evidence(
    notice_version="partenaires-4",
    text="J'accepte que mes coordonnées soient transmises à Alarm Example France SAS.",
    form_id="simulateur/3",
)
_ANOTHER_RECIPIENT: Final = "alarm-es"

_Days = tuple[int, int]
"""How many days ago: from at least so many to less than so many."""


class Act(Enum):
    """What a person may say to the company."""

    CONSENT = "consents"
    WITHDRAWAL = "withdrawals"
    DO_NOT_CONTACT = "do-not-contact requests"
    RECORDING_OBJECTION = "recording objections"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person with their story."""

    person: Person
    story: Story


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that one person said; no channels: all of them."""

    act: Act
    subject: Subject = field(repr=False)
    said: Expression
    channels: tuple[Channel.ValueType, ...] = ()
    evidence: Evidence = field(repr=False, default_factory=Evidence)


class Author:
    """Turns stories into what was said, when and how it was spelled."""

    def __init__(self, random: Random, *, now: datetime) -> None:
        self._random = random
        self._now = now

    def statements(self, contact: Contact) -> Iterator[Statement]:
        """Yields what this person said to the company, in the order they said it."""
        for said in _SCRIPTS.get(contact.story, ()):
            yield said(self, contact.person)

    def leads(self, contacts: Iterable[Contact]) -> Iterator[PartnerLead]:
        """Yields a partner's lead for each of these people, with their consent."""
        for number, contact in enumerate(contacts):
            refused = contact.story is Story.PARTNER_LEAD_REFUSED
            yield PartnerLead(
                lead_id=f"lead-{number:04d}",
                subject=self._by_phone_and_email(contact.person),
                channels=CALLS_AND_EMAIL,
                purposes=[PURPOSE],
                captured_at=timestamp(self._ago((5, 170))),
                named_controller=_ANOTHER_RECIPIENT if refused else CONTROLLER,
                evidence=_PARTNER_PROOF,
            )

    def consent(self, person: Person, days: _Days) -> Statement:
        """A box ticked on the company's own site, with its whole proof."""
        source = self._random.choice((Source.SOURCE_WEB_FORM, Source.SOURCE_PREFERENCE_PAGE))
        said = self._at(days, source)
        who = self._by_phone_and_email(person)
        return Statement(Act.CONSENT, who, said, CALLS_AND_EMAIL, _PROOF)

    def unproven_consent(self, person: Person) -> Statement:
        """A yes that an agent noted down, and no more."""
        said = self._on((30, 300), Source.SOURCE_CALL_CENTRE)
        who = self._by_phone_and_email(person)
        return Statement(
            Act.CONSENT, who, said, CALLS_AND_EMAIL, Evidence(note="a dit oui au téléphone")
        )

    def withdrawal(self, person: Person) -> Statement:
        """The box unticked."""
        said = self._at((5, 90), Source.SOURCE_PREFERENCE_PAGE)
        return Statement(Act.WITHDRAWAL, self._by_phone_and_email(person), said, CALLS_AND_EMAIL)

    def no_more_calls(self, person: Person, days: _Days = (190, 900)) -> Statement:
        """Told an agent; all that is known is the number and the day."""
        said = self._on(days, Source.SOURCE_CALL_CENTRE)
        note = Evidence(note="ne veut plus être appelé")
        return Statement(Act.DO_NOT_CONTACT, self._by_phone(person), said, CALLS, note)

    def letter(self, person: Person) -> Statement:
        """A letter that forbids everything and names an email address only."""
        said = self._on((5, 900), Source.SOURCE_LETTER)
        return Statement(Act.DO_NOT_CONTACT, self._by_tagged_email(person), said)

    def unsubscription(self, person: Person) -> Statement:
        """A click in a newsletter."""
        said = self._at((5, 900), Source.SOURCE_UNSUBSCRIBE_LINK)
        channels = (Channel.CHANNEL_EMAIL,)
        return Statement(Act.DO_NOT_CONTACT, self._by_tagged_email(person), said, channels)

    def refusal_at_the_door(self, person: Person) -> Statement:
        """Said to the salesman, who notes the address."""
        said = self._on((5, 900), Source.SOURCE_DOORSTEP)
        door = subject(contact_point(typed_address(person.dwelling, self._random)))
        return Statement(Act.DO_NOT_CONTACT, door, said, (Channel.CHANNEL_DOOR_TO_DOOR,))

    def recording_objection(self, person: Person) -> Statement:
        """Said at the start of a call with customer service."""
        said = self._at((5, 900), Source.SOURCE_CALL_CENTRE)
        return Statement(Act.RECORDING_OBJECTION, self._by_phone(person), said)

    def _by_phone(self, person: Person) -> Subject:
        return subject(self._phone(person), name=person.name)

    def _by_tagged_email(self, person: Person) -> Subject:
        tagged = sub_addressed_email(person.email, self._random)
        return subject(email(tagged), name=person.name)

    def _by_phone_and_email(self, person: Person) -> Subject:
        mailbox = email(typed_email(person.email, self._random))
        return subject(self._phone(person), mailbox, name=person.name)

    def _phone(self, person: Person) -> ContactPoint:
        return phone(typed_phone(person.e164, self._random), region="FR")

    def _at(self, days: _Days, source: Source.ValueType) -> Expression:
        return expressed_at(self._ago(days), source=source, time_zone=TIME_ZONE)

    def _on(self, days: _Days, source: Source.ValueType) -> Expression:
        return expressed_on(self._ago(days).date(), source=source, time_zone=TIME_ZONE)

    def _ago(self, days: _Days) -> datetime:
        seconds = self._random.randrange(days[0] * 86_400, days[1] * 86_400)
        return self._now - timedelta(seconds=seconds)


def contact_point(typed: TypedAddress) -> ContactPoint:
    """Returns the French address as it was typed."""
    return address(
        country="FR",
        postal_code=typed.postal_code,
        street=typed.street,
        unit=typed.unit,
        locality=typed.town,
    )


_Said = Callable[[Author, Person], Statement]


def _box_ticked(*days: int) -> _Said:
    return lambda author, person: author.consent(person, (days[0], days[1]))


_SCRIPTS: Final[dict[Story, tuple[_Said, ...]]] = {
    Story.RUNNING_CONTRACT_NOT_RECORDED: (Author.recording_objection,),
    Story.RUNNING_CONTRACT_OBJECTED: (Author.no_more_calls,),
    Story.CONSENT: (_box_ticked(5, 300),),
    Story.CONSENT_AFTER_OBJECTION: (Author.no_more_calls, _box_ticked(5, 180)),
    Story.CONSENT_EXPIRED: (_box_ticked(380, 900),),
    Story.CONSENT_UNPROVEN: (Author.unproven_consent,),
    Story.CONSENT_WITHDRAWN: (_box_ticked(100, 300), Author.withdrawal),
    Story.OBJECTION_BY_PHONE: (Author.no_more_calls,),
    Story.OBJECTION_BY_LETTER: (Author.letter,),
    Story.UNSUBSCRIBED: (Author.unsubscription,),
    Story.DOOR_REFUSED: (Author.refusal_at_the_door,),
    Story.PARTNER_LEAD_BLOCKED: (Author.no_more_calls,),
}
"""What the people of each story said, in this order; the others said nothing to the company."""
