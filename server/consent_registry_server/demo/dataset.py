"""What is written to the registry, and whom the audience file will name. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Final

from consent_registry.v1.registry_service_pb2 import (
    PARTNER_KIND_INSURER,
    PARTNER_KIND_MOVER,
    Partner,
    PartnerLead,
)
from consent_registry_client import Channel
from consent_registry_server.demo.people import people
from consent_registry_server.demo.statements import (
    CALLS_AND_EMAIL,
    PURPOSE,
    Author,
    Contact,
    Statement,
)
from consent_registry_server.demo.stories import Story, stories

INSURER: Final = Partner(
    partner_id="assurance-exemple",
    name="Assurance Exemple SA",
    kind=PARTNER_KIND_INSURER,
    permitted_channels=CALLS_AND_EMAIL,
    permitted_purposes=[PURPOSE],
    maximum_lead_age_days=365,
)
MOVER: Final = Partner(
    partner_id="demenageurs-exemple",
    name="Déménageurs Exemple SARL",
    kind=PARTNER_KIND_MOVER,
    permitted_channels=CALLS_AND_EMAIL,
    permitted_purposes=[PURPOSE],
    maximum_lead_age_days=365,
)
NARROWED_MOVER: Final = Partner(
    partner_id=MOVER.partner_id,
    name=MOVER.name,
    kind=MOVER.kind,
    permitted_channels=[Channel.CHANNEL_EMAIL],
    permitted_purposes=[PURPOSE],
    maximum_lead_age_days=365,
)
"""What the mover is permitted once its leads are in."""

_LEADS: Final = {
    INSURER.partner_id: frozenset(
        {Story.PARTNER_LEAD, Story.PARTNER_LEAD_BLOCKED, Story.PARTNER_LEAD_REFUSED}
    ),
    MOVER.partner_id: frozenset({Story.PARTNER_LEAD_NOT_ACCEPTED}),
}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything that is written: the statements first, then the leads."""

    contacts: list[Contact]
    statements: list[Statement]
    leads: dict[str, list[PartnerLead]]
    """By the partner that brings them."""

    def first(self, story: Story) -> Contact:
        """Returns the first person with this story."""
        return next(each for each in self.contacts if each.story is story)


def dataset(count: int, random: Random, *, now: datetime) -> Dataset:
    """Returns the data set of so many people; its times are relative to `now`."""
    contacts = _contacts(count, random)
    author = Author(random, now=now)
    statements = [said for contact in contacts for said in author.statements(contact)]
    leads = {
        partner_id: list(author.leads(each for each in contacts if each.story in brought))
        for partner_id, brought in _LEADS.items()
    }
    return Dataset(contacts, statements, leads)


def _contacts(count: int, random: Random) -> list[Contact]:
    contacts = [
        Contact(person, story)
        for person, story in zip(people(count, random), stories(count, random), strict=True)
    ]
    objected = iter(
        [each.person.e164 for each in contacts if each.story is Story.OBJECTION_BY_PHONE]
    )
    return [
        _on_the_line(each, next(objected)) if each.story is Story.SHARED_LINE else each
        for each in contacts
    ]


def _on_the_line(contact: Contact, e164: str) -> Contact:
    return replace(contact, person=replace(contact.person, e164=e164))
