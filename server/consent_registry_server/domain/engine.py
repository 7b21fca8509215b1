"""The decision: (question, facts, policy) -> Decision. No I/O, no clock.

The steps are those of ADR 0002. Step 1 ends the decision; every other one contributes grounds,
and the strictest ground wins, the first of its verdict in step order. Opt-outs match widely,
consents narrowly; unknown is never ALLOW. The facts may come in any order.
"""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.calendar import DAY_US, plus_months
from consent_registry_server.domain.decision import (
    Customer,
    Decision,
    Fact,
    Ground,
    Match,
    Question,
)
from consent_registry_server.domain.policy import Policy, Purpose, Regime, Rule, covers
from consent_registry_server.domain.vocabulary import (
    Channel,
    ContractState,
    CountryCode,
    EntryId,
    EntryKind,
    Offer,
    Reason,
    Relationship,
    Verdict,
)

_CONSENT_KINDS: Final = (EntryKind.CONSENT, EntryKind.PARTNER_CONSENT)
_OPT_OUT_KINDS: Final = (EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL)

_FAILED_CONSENT_ORDER: Final = (
    Reason.CONSENT_EXPIRED,
    Reason.CONSENT_UNPROVEN,
    Reason.PARTNER_NOT_ACCEPTED,
)


def decide(question: Question, facts: list[Fact], policy: Policy) -> Decision:
    """Answers a question from the facts that concern it.

    Args:
        question: its controller and purpose must be the policy's.
        facts: those of the question's controller and of `group` whose contact points meet the
            question's, matched by `matching.py`; facts that turn out not to apply are passed over.
        policy: the rules in force.
    """
    purpose = policy.purposes[question.purpose]
    if not purpose.is_marketing:
        return not_marketing()
    return _Deliberation(question, facts, policy, purpose).decision()


def not_marketing() -> Decision:
    """The answer to every question about contract, safety or alarm (step 1)."""
    ground = Ground(Reason.NOT_MARKETING, Verdict.ALLOW)
    return Decision(ground.verdict, ground.reason, [ground])


class _Deliberation:
    """One decision in the making: its grounds, and the instants at which it may change."""

    __slots__ = (
        "_asked",
        "_at_us",
        "_changes",
        "_facts",
        "_grounds",
        "_own_regime",
        "_policy",
        "_purpose",
        "_question",
    )

    def __init__(
        self, question: Question, facts: list[Fact], policy: Policy, purpose: Purpose
    ) -> None:
        self._question = question
        self._facts = facts
        self._policy = policy
        self._purpose = purpose
        self._asked = question.channel.mask
        self._at_us = question.at_us
        overrides = purpose.regime_channels & self._asked
        self._own_regime = purpose.regime if overrides else None
        self._grounds: list[Ground] = []
        self._changes: list[int] = []

    def decision(self) -> Decision:
        """Runs the steps in their order and weighs the grounds."""
        country = self._jurisdiction()
        rule = self._rule(country) if country else None
        consents = self._consents()
        self._restrictions()
        kept = self._opt_outs(consents, rule)
        valid, failed = self._weigh_consents(kept, rule)
        if rule is not None:
            if rule.register:
                # Screening results come with the national registers; without one the answer is
                # the same as for a number that was never screened.
                self._add(Reason.REGISTER_STALE, Verdict.REVIEW, rule=rule)
            self._regime(rule, failed, has_consent=valid)
            # Step 9, contact hours and attempt caps, adds its grounds here.
        elif country:
            self._add(Reason.RULE_UNVERIFIED, Verdict.REVIEW)
        if not self._grounds:
            self._add(Reason.NO_CONSENT, Verdict.DENY)
        return self._weigh()

    # Step 2: target and country.

    def _jurisdiction(self) -> CountryCode | None:
        question = self._question
        if not question.is_target_usable:
            self._add(Reason.INVALID_CONTACT_POINT, Verdict.DENY)
        country = self._policy.jurisdiction(question.country) if question.country else None
        if country is None:
            self._add(Reason.UNKNOWN_JURISDICTION, Verdict.REVIEW)
        return country

    def _rule(self, country: CountryCode) -> Rule | None:
        return self._policy.rule(country, self._question.channel, self._question.line_type)

    # Step 3: restrictions.

    def _restrictions(self) -> None:
        restrictions = [fact for fact in self._facts if fact.kind is EntryKind.RESTRICTION]
        if restrictions:
            for fact in _latest_first(restrictions):
                if self._stands(fact):
                    self._add(Reason.RESTRICTED, Verdict.DENY, fact=fact)

    # Steps 4 and 6: opt-outs, less those that a newer first-party consent lifts.

    def _opt_outs(self, consents: list[Fact], rule: Rule | None) -> list[Fact]:
        """Adds the opt-outs that apply; returns the consents that no withdrawal ended."""
        standing = [
            fact
            for fact in self._facts
            if fact.kind in _OPT_OUT_KINDS and self._covers(fact) and self._stands(fact)
        ]
        if not standing:
            return consents
        withdrawals = [fact for fact in standing if fact.kind is EntryKind.WITHDRAWAL]
        lifted_before_us = -1
        once_lifted_before_us = -1
        for consent in consents:
            if not (consent.lifts_opt_outs and consent.proven):
                continue
            if _ended(consent, withdrawals):
                once_lifted_before_us = max(once_lifted_before_us, consent.counts_at_us)
            elif self._is_unexpired(consent, rule):
                lifted_before_us = max(lifted_before_us, consent.counts_at_us)
        applying = [fact for fact in standing if fact.counts_at_us >= lifted_before_us]
        for fact in _in_deciding_order(applying, once_lifted_before_us):
            self._add_opt_out(fact)
        if not withdrawals:
            return consents
        # What may be another dwelling's withdrawal is for a human to judge; it lifts nothing and
        # ends nothing for certain.
        certain = [fact for fact in withdrawals if fact.match is not Match.UNIT_UNCLEAR]
        return [consent for consent in consents if not _ended(consent, certain)]

    def _covers(self, fact: Fact) -> bool:
        asked = self._asked
        if self._question.channel is Channel.AUTOMATED_CALL:
            asked |= Channel.VOICE_CALL.mask
        if not fact.channels & asked:
            return False
        if fact.purposes is None:
            return True
        purpose = self._question.purpose
        return purpose in fact.purposes or any(covers(each, purpose) for each in fact.purposes)

    def _stands(self, fact: Fact) -> bool:
        lifted_at_us = fact.lifted_at_us
        if lifted_at_us is None:
            return True
        if lifted_at_us > self._at_us:
            self._changes.append(lifted_at_us)
            return True
        return False

    # Step 5: consents.

    def _consents(self) -> list[Fact]:
        """The consents for this very target, channel and purpose, given by now."""
        question = self._question
        found = []
        for fact in self._facts:
            if (
                fact.kind in _CONSENT_KINDS
                and fact.match is Match.TARGET
                and fact.channels & self._asked
                and fact.purposes is not None
                and question.purpose in fact.purposes
            ):
                if fact.counts_at_us > self._at_us:
                    self._changes.append(fact.counts_at_us)
                else:
                    found.append(fact)
        if len(found) > 1:
            found.sort(key=_first_party_then_latest)
        return found

    def _weigh_consents(self, consents: list[Fact], rule: Rule | None) -> tuple[bool, list[Ground]]:
        """Adds the consents that hold; returns whether any does, and why the others fail."""
        valid = False
        failed = []
        for fact in consents:
            reason = self._consent_reason(fact, rule)
            if reason in _FAILED_CONSENT_ORDER:
                ground = Ground(reason, Verdict.DENY, fact.entry_id)
                ground.expressed_at_us = fact.expressed_at_us
                failed.append(ground)
            else:
                self._add(reason, Verdict.ALLOW, fact=fact)
                valid = True
        failed.sort(key=lambda ground: _FAILED_CONSENT_ORDER.index(ground.reason))
        return valid, failed

    def _consent_reason(self, fact: Fact, rule: Rule | None) -> Reason:
        if not self._is_unexpired(fact, rule):
            return Reason.CONSENT_EXPIRED
        if not fact.proven:
            return Reason.CONSENT_UNPROVEN
        if fact.kind is EntryKind.CONSENT:
            return Reason.CONSENT
        return Reason.PARTNER_CONSENT if self._accepts(fact) else Reason.PARTNER_NOT_ACCEPTED

    def _is_unexpired(self, fact: Fact, rule: Rule | None) -> bool:
        expires_at_us = fact.expires_at_us
        if rule is not None and rule.consent_validity_months is not None:
            by_rule_us = plus_months(fact.counts_at_us, rule.consent_validity_months)
            expires_at_us = by_rule_us if expires_at_us is None else min(expires_at_us, by_rule_us)
        if expires_at_us is None:
            return True
        if expires_at_us <= self._at_us:
            return False
        self._changes.append(expires_at_us)
        return True

    def _accepts(self, fact: Fact) -> bool:
        terms = fact.partner
        if (
            terms is None
            or not terms.permitted_channels & self._asked
            or self._question.purpose not in terms.permitted_purposes
        ):
            return False
        too_old_at_us = fact.counts_at_us + terms.maximum_lead_age_days * DAY_US
        if too_old_at_us <= self._at_us:
            return False
        self._changes.append(too_old_at_us)
        return True

    # Step 8: the regime.

    def _regime(self, rule: Rule, failed: list[Ground], *, has_consent: bool) -> None:
        regime = self._own_regime or rule.regime
        if regime is None:
            self._add(Reason.RULE_UNVERIFIED, Verdict.REVIEW, rule=rule)
            return
        if regime is Regime.OPT_OUT:
            self._add(Reason.OPT_OUT_REGIME, Verdict.ALLOW, rule=rule)
            return
        soft_opt_in, running_contract = None, False
        # A purpose that asks for consent in every country knows no exemption of a country's rule.
        if self._own_regime is None:
            soft_opt_in = self._soft_opt_in(rule)
            running_contract = self._has_running_contract(rule)
        if soft_opt_in is Reason.SOFT_OPT_IN:
            self._add(soft_opt_in, Verdict.ALLOW, rule=rule)
        if running_contract:
            self._add(Reason.RUNNING_CONTRACT, Verdict.ALLOW, rule=rule)
        if has_consent or running_contract or soft_opt_in is Reason.SOFT_OPT_IN:
            return
        self._grounds.extend(failed)
        if soft_opt_in is not None:
            self._add(soft_opt_in, Verdict.DENY, rule=rule)
        elif not failed:
            self._add(Reason.NO_CONSENT, Verdict.DENY, rule=rule)

    def _soft_opt_in(self, rule: Rule) -> Reason | None:
        """SOFT_OPT_IN, SOFT_OPT_IN_EXPIRED, or None where it was never open to this customer."""
        customer = self._question.customer
        if rule.soft_opt_in is None or not _meets_soft_opt_in(customer):
            return None
        within_months = rule.soft_opt_in.within_months
        if within_months is None:
            return Reason.SOFT_OPT_IN
        sold_at_us = customer.last_sale_at_us
        if sold_at_us is None:
            return None
        if sold_at_us > self._at_us:
            self._changes.append(sold_at_us)
            return None
        ends_at_us = plus_months(sold_at_us, within_months)
        if ends_at_us <= self._at_us:
            return Reason.SOFT_OPT_IN_EXPIRED
        self._changes.append(ends_at_us)
        return Reason.SOFT_OPT_IN

    def _has_running_contract(self, rule: Rule) -> bool:
        customer = self._question.customer
        return (
            rule.running_contract_exemption
            and customer.contract is ContractState.RUNNING
            and customer.offer is Offer.SIMILAR_OWN
        )

    # Weighing.

    def _add(
        self,
        reason: Reason,
        verdict: Verdict,
        *,
        fact: Fact | None = None,
        rule: Rule | None = None,
    ) -> None:
        ground = Ground(reason, verdict)
        if fact is not None:
            ground.entry_id = fact.entry_id
            ground.expressed_at_us = fact.expressed_at_us
        if rule is not None:
            ground.rule_id = rule.rule_id
            ground.citation = self._purpose.citation if self._own_regime else rule.citation
        self._grounds.append(ground)

    def _add_opt_out(self, fact: Fact) -> None:
        if fact.match is Match.UNIT_UNCLEAR:
            self._add(Reason.UNIT_UNCLEAR, Verdict.REVIEW, fact=fact)
        elif fact.kind is EntryKind.DO_NOT_CONTACT:
            self._add(Reason.OBJECTION, Verdict.DENY, fact=fact)
        else:
            self._add(Reason.WITHDRAWN, Verdict.DENY, fact=fact)

    def _weigh(self) -> Decision:
        grounds = self._grounds
        deciding = grounds[0]
        for ground in grounds:
            if ground.verdict > deciding.verdict:
                deciding = ground
        if deciding is not grounds[0]:
            grounds.remove(deciding)
            grounds.insert(0, deciding)
        valid_until_us = min(self._changes, default=None)
        return Decision(deciding.verdict, deciding.reason, grounds, valid_until_us)


def _latest_first(facts: list[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: (-fact.counts_at_us, fact.entry_id))


def _first_party_then_latest(fact: Fact) -> tuple[bool, int, EntryId]:
    return (fact.kind is EntryKind.PARTNER_CONSENT, -fact.counts_at_us, fact.entry_id)


def _ended(consent: Fact, withdrawals: list[Fact]) -> bool:
    return any(each.counts_at_us >= consent.counts_at_us for each in withdrawals)


def _in_deciding_order(opt_outs: list[Fact], once_lifted_before_us: int) -> list[Fact]:
    """The latest opt-out first; on a tie an objection before a withdrawal.

    Where a withdrawal ended a consent that had lifted an objection, the objection applies again
    and decides: the withdrawal only took the person back to where they stood (ADR 0002).
    """
    if len(opt_outs) <= 1:
        return opt_outs
    revived = any(
        fact.kind is EntryKind.DO_NOT_CONTACT and fact.counts_at_us < once_lifted_before_us
        for fact in opt_outs
    )

    def order(fact: Fact) -> tuple[bool, int, bool, EntryId]:
        withdrawal = fact.kind is EntryKind.WITHDRAWAL
        return (revived and withdrawal, -fact.counts_at_us, withdrawal, fact.entry_id)

    return sorted(opt_outs, key=order)


def _meets_soft_opt_in(customer: Customer) -> bool:
    return (
        customer.relationship is Relationship.CUSTOMER
        and customer.offer is Offer.SIMILAR_OWN
        and customer.informed_at_collection
    )
