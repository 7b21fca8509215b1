"""What happened between each person and the company, and what must come of it for a sales call."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Final


class Story(StrEnum):
    """What happened, in a few words."""

    RUNNING_CONTRACT = "customer with a running contract"
    RUNNING_CONTRACT_NOT_RECORDED = "customer with a running contract who objects to recording"
    RUNNING_CONTRACT_OBJECTED = "customer with a running contract who wants no calls"
    FORMER_CUSTOMER = "former customer"
    PROSPECT = "prospect who never said anything"
    CONSENT = "ticked the box of the web form"
    CONSENT_AFTER_OBJECTION = "objected once, ticked the box later"
    CONSENT_EXPIRED = "ticked the box more than a year ago"
    CONSENT_UNPROVEN = "said yes on the phone, of which nothing was kept"
    CONSENT_WITHDRAWN = "ticked the box, took it back"
    OBJECTION_BY_PHONE = "told the call centre to stop calling"
    OBJECTION_BY_LETTER = "wrote to be left alone, naming an email address only"
    SHARED_LINE = "shares the line of somebody who objected"
    UNSUBSCRIBED = "unsubscribed from the newsletter"
    DOOR_REFUSED = "sent the salesman away at the door"
    PARTNER_LEAD = "consented at a partner"
    PARTNER_LEAD_BLOCKED = "objected, then consented at a partner"
    PARTNER_LEAD_REFUSED = "consented at a partner, but to another company"
    PARTNER_LEAD_NOT_ACCEPTED = "consented at a partner whose calls are no longer accepted"
    BROKEN_NUMBER = "left a number nobody can dial"


SHARES: Final = {
    Story.RUNNING_CONTRACT: 300,
    Story.RUNNING_CONTRACT_NOT_RECORDED: 15,
    Story.RUNNING_CONTRACT_OBJECTED: 25,
    Story.FORMER_CUSTOMER: 60,
    Story.PROSPECT: 195,
    Story.CONSENT: 100,
    Story.CONSENT_AFTER_OBJECTION: 10,
    Story.CONSENT_EXPIRED: 25,
    Story.CONSENT_UNPROVEN: 15,
    Story.CONSENT_WITHDRAWN: 15,
    Story.OBJECTION_BY_PHONE: 40,
    Story.OBJECTION_BY_LETTER: 30,
    Story.SHARED_LINE: 20,
    Story.UNSUBSCRIBED: 30,
    Story.DOOR_REFUSED: 20,
    Story.PARTNER_LEAD: 40,
    Story.PARTNER_LEAD_BLOCKED: 10,
    Story.PARTNER_LEAD_REFUSED: 10,
    Story.PARTNER_LEAD_NOT_ACCEPTED: 20,
    Story.BROKEN_NUMBER: 20,
}
"""How many of a thousand people live each story."""

ON_A_SALES_CALL: Final = {
    Story.RUNNING_CONTRACT: "RUNNING_CONTRACT",
    Story.RUNNING_CONTRACT_NOT_RECORDED: "RUNNING_CONTRACT",
    Story.RUNNING_CONTRACT_OBJECTED: "OBJECTION",
    Story.FORMER_CUSTOMER: "NO_CONSENT",
    Story.PROSPECT: "NO_CONSENT",
    Story.CONSENT: "CONSENT",
    Story.CONSENT_AFTER_OBJECTION: "CONSENT",
    Story.CONSENT_EXPIRED: "CONSENT_EXPIRED",
    Story.CONSENT_UNPROVEN: "CONSENT_UNPROVEN",
    Story.CONSENT_WITHDRAWN: "WITHDRAWN",
    Story.OBJECTION_BY_PHONE: "OBJECTION",
    Story.OBJECTION_BY_LETTER: "OBJECTION",
    Story.SHARED_LINE: "OBJECTION",
    Story.UNSUBSCRIBED: "NO_CONSENT",
    Story.DOOR_REFUSED: "NO_CONSENT",
    Story.PARTNER_LEAD: "PARTNER_CONSENT",
    Story.PARTNER_LEAD_BLOCKED: "OBJECTION",
    Story.PARTNER_LEAD_REFUSED: "NO_CONSENT",
    Story.PARTNER_LEAD_NOT_ACCEPTED: "PARTNER_NOT_ACCEPTED",
    Story.BROKEN_NUMBER: "INVALID_CONTACT_POINT",
}
"""The reason that the registry must give for each story when asked about a sales call."""

CUSTOMERS: Final = frozenset(
    {
        Story.RUNNING_CONTRACT,
        Story.RUNNING_CONTRACT_NOT_RECORDED,
        Story.RUNNING_CONTRACT_OBJECTED,
    }
)


def stories(count: int, random: Random) -> list[Story]:
    """Returns a story for each of so many people: the shares exact, the order drawn."""
    drawn = [story for story, share in SHARES.items() for _ in range(count * share // 1000)]
    drawn += [Story.PROSPECT] * (count - len(drawn))
    random.shuffle(drawn)
    return drawn
