"""The shape of a worked example, and the people in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consent_registry_server.domain.contact import Email, Handle, Phone, PostalAddress
from consent_registry_server.domain.decision import Customer
from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.vocabulary import (
    Channel,
    ContractState,
    Offer,
    Reason,
    Relationship,
    Verdict,
)
from consent_registry_server.service.partners import Lead
from consent_registry_server.service.questions import AskedContact
from consent_registry_server.service.registers import Scrub
from tests.unit.service.desk import (
    consent,
    paris,
    said,
)

EMAIL = Email("camille.desiree@example.com")
PHONE = Phone("+33639980001")
OTHER_PHONE = Phone("+33639980002")
HANDLE = Handle("messenger", "camille.desiree")
ABROAD = Phone("+12025550123")
NORWEGIAN = Phone("+4799999999")
ITALIAN = Phone("+393120000001")
IRISH_EMAIL = Email("aoife@example.org")

CALLS = (Channel.VOICE_CALL,)
SIMILAR_OWN = Customer(
    relationship=Relationship.CUSTOMER, contract=ContractState.RUNNING, offer=Offer.SIMILAR_OWN
)
ENDED = Customer(
    relationship=Relationship.CUSTOMER, contract=ContractState.ENDED, offer=Offer.SIMILAR_OWN
)

OWN_FORM = consent(EMAIL, expression=said(paris(2026, 3, 18)))
"""A consent to emails of 18 March by the controller's own form."""

ALLOW, DENY, REVIEW = Verdict.ALLOW, Verdict.DENY, Verdict.REVIEW


def home(unit: str, street: str = "12 rue des Lilas") -> PostalAddress:
    """A dwelling in Lyon."""
    return PostalAddress("FR", "69003", "Lyon", street, unit)


def informed(last_sale_at_us: int | None) -> Customer:
    """A customer told at collection of marketing by email."""
    return Customer(
        relationship=Relationship.CUSTOMER,
        last_sale_at_us=last_sale_at_us,
        informed_at_collection=True,
        offer=Offer.SIMILAR_OWN,
    )


@dataclass(frozen=True)
class Example:
    """One case; beside the deciding ground there are the `further` ones, and maybe more."""

    case: str
    says: Sequence[NewEntry | Lead | Scrub]
    asks: AskedContact
    verdict: Verdict
    reason: Reason
    further: frozenset[Reason] = frozenset()
