"""What the results of a national register say of a question: for step 7 of a decision."""

from __future__ import annotations

from consent_registry_server.domain.calendar import DAY_US, LONGEST_DAY_US
from consent_registry_server.domain.decision import Customer, Fact, Question
from consent_registry_server.domain.policy import NationalRegister, RegisterExemption
from consent_registry_server.domain.vocabulary import ContractState, Offer, Relationship


class Screening:
    """One register and one question, at one instant.

    Consents are those that hold. Only what the person told the controller themselves answers a
    listing: a partner's lead does so no more than it lifts an opt-out. Later instants at which
    it says something else are added to `changes`.
    """

    __slots__ = ("_at_us", "_changes", "_counts_customers", "_customer", "_register")

    def __init__(
        self,
        register: NationalRegister,
        question: Question,
        *,
        counts_customers: bool,
        at_us: int,
        changes: list[int],
    ) -> None:
        """Takes whether being a customer exempts: not for a purpose with a regime of its own."""
        self._register = register
        self._customer = question.customer
        self._counts_customers = counts_customers
        self._at_us = at_us
        self._changes = changes

    def is_exempt(self, consents: list[Fact]) -> bool:
        """Whether it does not matter what the register says."""
        customer = self._customer
        is_customer = customer.relationship is Relationship.CUSTOMER
        for exemption in self._register.exemptions:
            if exemption is RegisterExemption.CONSENT:
                holds = bool(consents)
            elif not self._counts_customers:
                holds = False
            elif exemption is RegisterExemption.CUSTOMER:
                holds = is_customer
            elif exemption is RegisterExemption.CUSTOMER_SIMILAR_OFFER:
                holds = is_customer and customer.offer is Offer.SIMILAR_OWN
            elif exemption is RegisterExemption.CONTRACT:
                holds = self._has_contract(customer)
            else:
                holds = False
            if holds:
                return True
        return False

    def last_result(self, results: list[Fact]) -> Fact | None:
        """The result that counts; on one day a listing.

        A contact point scrubbed for the controller and for the group has a result of each.
        """
        of_register = (each for each in results if each.register == self._register.name)
        return max(of_register, key=lambda each: (each.counts_at_us, each.is_listed), default=None)

    def is_fresh(self, result: Fact) -> bool:
        """Whether a result still says something about the instant."""
        stale_at_us = result.counts_at_us + self._register.scrub_age_days * DAY_US
        if self._at_us < result.counts_at_us:
            self._changes.append(result.counts_at_us)
            return False
        if stale_at_us <= self._at_us:
            return False
        self._changes.append(stale_at_us)
        return True

    def is_later(self, consents: list[Fact], listing: Fact) -> bool:
        """Whether the person consented after they had themselves listed, and that exempts."""
        listed_at_us = listing.listed_at_us
        if listed_at_us is None:
            listed_at_us = listing.counts_at_us + LONGEST_DAY_US
        return RegisterExemption.LATER_CONSENT in self._register.exemptions and any(
            each.counts_at_us > listed_at_us for each in consents
        )

    def _has_contract(self, customer: Customer) -> bool:
        if customer.contract is ContractState.RUNNING:
            return True
        ended_at_us = customer.contract_ended_at_us
        within_us = self._register.contract_ended_within_days * DAY_US
        if customer.contract is None or ended_at_us is None or not within_us:
            return False
        if ended_at_us > self._at_us:
            self._changes.append(ended_at_us)
            return False
        if ended_at_us + within_us <= self._at_us:
            return False
        self._changes.append(ended_at_us + within_us)
        return True
