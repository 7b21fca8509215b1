"""Steps 2 to 9 of a decision (ADR 0002), at one instant.

On the path of every decision: one pass sorts out the facts that matter, and the steps look at
what it left. Each adds its grounds in order, and keeps every later instant at which it may come
to another result, so that the engine can tell how long an answer holds.
"""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.calendar import DAY_US, plus_months
from consent_registry_server.domain.contact_times import NO_GROUNDS, check_times
from consent_registry_server.domain.decision import Customer, Fact, Ground, Match, Question
from consent_registry_server.domain.entry_effects import (
    expiry_us,
    has_ended,
    in_deciding_order,
    reaches,
)
from consent_registry_server.domain.policy import (
    NEVER_US,
    Case,
    NationalRegister,
    Regime,
    Rule,
)
from consent_registry_server.domain.screening import Screening
from consent_registry_server.domain.vocabulary import (
    ContractState,
    EntryId,
    EntryKind,
    Offer,
    Reason,
    Relationship,
    Verdict,
)

# A module's own name is found ten times faster than an enumeration's member.
_CONSENT: Final = EntryKind.CONSENT
_PARTNER_CONSENT: Final = EntryKind.PARTNER_CONSENT
_WITHDRAWAL: Final = EntryKind.WITHDRAWAL
_DO_NOT_CONTACT: Final = EntryKind.DO_NOT_CONTACT
_RESTRICTION: Final = EntryKind.RESTRICTION
_ATTEMPT: Final = EntryKind.CONTACT_ATTEMPT
_REGISTER_RESULT: Final = EntryKind.REGISTER_RESULT
_TARGET: Final = Match.TARGET
_UNIT_UNCLEAR: Final = Match.UNIT_UNCLEAR
_ALLOW: Final = Verdict.ALLOW
_REVIEW: Final = Verdict.REVIEW
_DENY: Final = Verdict.DENY
_OPT_OUT: Final = Regime.OPT_OUT
_BY_CONSENT: Final = Reason.CONSENT
_BY_PARTNER_CONSENT: Final = Reason.PARTNER_CONSENT
_BY_SOFT_OPT_IN: Final = Reason.SOFT_OPT_IN
_BY_REGIME: Final = Reason.OPT_OUT_REGIME
_NO_CONSENT: Final = Reason.NO_CONSENT
_RUNNING: Final = ContractState.RUNNING
_SIMILAR_OWN: Final = Offer.SIMILAR_OWN

_FAILED_CONSENT_ORDER: Final = (
    Reason.CONSENT_EXPIRED,
    Reason.CONSENT_UNPROVEN,
    Reason.PARTNER_NOT_ACCEPTED,
)


class Deliberation:
    """What the steps find at one instant, which need not be the question's own.

    `grounds` are those of steps 2 to 8 in step order, `time_grounds` those of step 9; `deciding`
    is the first of the strictest of them all. Nothing that matters changes before `ends_at_us`
    (NEVER_US where time alone never changes it), and `changes` are the later instants, in no
    order, at which `grounds` may differ. `closes_next` says that what ends are open hours.
    """

    __slots__ = (
        "_at_us",
        "_case",
        "_consents",
        "_opt_outs",
        "_question",
        "_register_results",
        "_restrictions",
        "_withdrawals",
        "attempts",
        "changes",
        "closes_next",
        "deciding",
        "ends_at_us",
        "grounds",
        "rule",
        "time_grounds",
    )

    def __init__(self, question: Question, facts: list[Fact], case: Case, at_us: int) -> None:
        self._question = question
        self._case = case
        self._at_us = at_us
        self._register_results: list[Fact] | None = None
        self.attempts: list[Fact] | None = None
        self.changes: list[int] = []
        self.grounds: list[Ground] = []
        rule = self.rule = self._rule_in_force()
        if not (question.is_target_usable and case.has_country):
            self._question_target()
        holding: list[Fact] | None = None
        failed: list[Ground] | None = None
        if facts:
            self._sort(facts)
            if self._restrictions:
                self._restrict()
            if self._opt_outs:
                self._stop()
            if self._consents:
                holding, failed = self._weigh_consents()
        if rule is not None:
            if rule.register is not None:
                self._screen(rule, rule.register, holding or [])
            self._apply_regime(rule, holding, failed)
        elif case.has_country:
            self.grounds.append(Ground(Reason.RULE_UNVERIFIED, _REVIEW))
        self._conclude()

    def _conclude(self) -> None:
        """Weighs what was found, against hours and cap too."""
        grounds = self.grounds
        self.deciding = grounds[0] if len(grounds) == 1 else strictest(grounds)
        self.ends_at_us = min(self.changes) if self.changes else NEVER_US
        self.time_grounds = NO_GROUNDS
        self.closes_next = False
        rule = self.rule
        if rule is not None and (rule.contact_hours is not None or rule.attempt_cap is not None):
            place = self._question.place or self._case.place
            self.time_grounds, ends_at_us = check_times(
                rule, place, self.attempts, self._at_us, self.deciding.verdict
            )
            if ends_at_us < self.ends_at_us:
                self.ends_at_us = ends_at_us
                self.closes_next = not self.time_grounds
            for ground in self.time_grounds:
                if ground.verdict > self.deciding.verdict:
                    self.deciding = ground

    # Step 2: the rule of the day, target and country.

    def _rule_in_force(self) -> Rule | None:
        for rule in self._case.rules:
            if self._at_us < rule.holds_from_us:
                self.changes.append(rule.holds_from_us)
                return None
            if self._at_us < rule.holds_until_us:
                if rule.holds_until_us != NEVER_US:
                    self.changes.append(rule.holds_until_us)
                return rule
        return None

    def _question_target(self) -> None:
        if not self._question.is_target_usable:
            self.grounds.append(Ground(Reason.INVALID_CONTACT_POINT, _DENY))
        if not self._case.has_country:
            self.grounds.append(Ground(Reason.UNKNOWN_JURISDICTION, _REVIEW))

    # The facts that matter, by the steps they matter to.

    def _sort(self, facts: list[Fact]) -> None:
        self._restrictions: list[Fact] | None = None
        self._withdrawals: list[Fact] | None = None
        opt_outs: list[Fact] = []
        consents: list[tuple[Fact, bool]] = []
        self._opt_outs = opt_outs
        self._consents = consents
        asked, reaching = self._case.asked, self._case.reaching
        purpose = self._question.purpose
        at_us = self._at_us
        for fact in facts:
            kind = fact.kind
            if kind is _DO_NOT_CONTACT or kind is _WITHDRAWAL:
                if (
                    fact.channels & reaching
                    and (fact.purposes is None or reaches(fact.purposes, purpose))
                    and (fact.lifted_at_us is None or self._still_stands(fact.lifted_at_us))
                ):
                    opt_outs.append(fact)
                    if kind is _WITHDRAWAL:
                        self._withdrawals = [*(self._withdrawals or ()), fact]
            elif kind is _CONSENT or kind is _PARTNER_CONSENT:
                if (
                    fact.match is _TARGET
                    and fact.channels & asked
                    and fact.purposes is not None
                    and purpose in fact.purposes
                    and (fact.lifted_at_us is None or self._still_stands(fact.lifted_at_us))
                ):
                    if fact.counts_at_us <= at_us:
                        consents.append((fact, self._is_unexpired(fact)))
                    else:
                        self.changes.append(fact.counts_at_us)
            else:
                self._sort_rare(fact)

    def _sort_rare(self, fact: Fact) -> None:
        kind = fact.kind
        if kind is _RESTRICTION:
            if fact.lifted_at_us is None or self._still_stands(fact.lifted_at_us):
                self._restrictions = [*(self._restrictions or ()), fact]
        elif fact.match is _TARGET:
            if kind is _REGISTER_RESULT:
                self._register_results = [*(self._register_results or ()), fact]
            elif kind is _ATTEMPT and fact.lifted_at_us is None:
                self.attempts = [*(self.attempts or ()), fact]

    def _still_stands(self, lifted_at_us: int) -> bool:
        if lifted_at_us <= self._at_us:
            return False
        self.changes.append(lifted_at_us)
        return True

    # Step 3: restrictions.

    def _restrict(self) -> None:
        for fact in sorted(self._restrictions or (), key=_latest_first):
            self._add(Reason.RESTRICTED, _DENY, fact)

    # Steps 4 and 6: opt-outs, less those that a newer first-party consent lifts.

    def _stop(self) -> None:
        """Adds the opt-outs that apply, and drops the consents that a withdrawal ended."""
        withdrawals = self._withdrawals
        lifted_before_us = once_lifted_before_us = -1
        for consent, is_unexpired in self._consents:
            if consent.lifts_opt_outs and consent.proven:
                given_at_us = consent.counts_at_us
                if withdrawals is not None and has_ended(consent, withdrawals):
                    once_lifted_before_us = max(once_lifted_before_us, given_at_us)
                elif is_unexpired and given_at_us > lifted_before_us:
                    lifted_before_us = given_at_us
        applying = [fact for fact in self._opt_outs if fact.counts_at_us >= lifted_before_us]
        if len(applying) > 1:
            applying = in_deciding_order(applying, once_lifted_before_us)
        for fact in applying:
            self._add_opt_out(fact)
        if withdrawals is not None:
            # What may be another dwelling's withdrawal is for a human to judge; it lifts nothing
            # and ends nothing for certain.
            certain = [fact for fact in withdrawals if fact.match is not _UNIT_UNCLEAR]
            self._consents = [each for each in self._consents if not has_ended(each[0], certain)]

    def _add_opt_out(self, fact: Fact) -> None:
        if fact.match is _UNIT_UNCLEAR:
            self._add(Reason.UNIT_UNCLEAR, _REVIEW, fact)
        elif fact.kind is _DO_NOT_CONTACT:
            self._add(Reason.OBJECTION, _DENY, fact)
        else:
            self._add(Reason.WITHDRAWN, _DENY, fact)

    # Step 5: consents.

    def _weigh_consents(self) -> tuple[list[Fact], list[Ground]]:
        """Adds the consents that hold and returns them, with why the others fail."""
        holding: list[Fact] = []
        failed: list[Ground] = []
        if len(self._consents) > 1:
            self._consents.sort(key=_first_party_then_latest)
        for fact, is_unexpired in self._consents:
            reason = self._worth(fact) if is_unexpired else Reason.CONSENT_EXPIRED
            if reason is _BY_CONSENT or reason is _BY_PARTNER_CONSENT:
                holding.append(fact)
                verdict, found = _ALLOW, self.grounds
            else:
                verdict, found = _DENY, failed
            found.append(Ground(reason, verdict, fact.entry_id, None, "", fact.expressed_at_us))
        if len(failed) > 1:
            failed.sort(key=lambda ground: _FAILED_CONSENT_ORDER.index(ground.reason))
        return holding, failed

    def _worth(self, fact: Fact) -> Reason:
        if not fact.proven:
            return Reason.CONSENT_UNPROVEN
        if fact.kind is _CONSENT:
            return _BY_CONSENT
        return _BY_PARTNER_CONSENT if self._accepts(fact) else Reason.PARTNER_NOT_ACCEPTED

    def _is_unexpired(self, fact: Fact) -> bool:
        expires_at_us = expiry_us(fact, self.rule)
        if expires_at_us is None:
            return True
        if expires_at_us <= self._at_us:
            return False
        self.changes.append(expires_at_us)
        return True

    def _accepts(self, fact: Fact) -> bool:
        terms = fact.partner
        if (
            terms is None
            or not terms.permitted_channels & self._case.asked
            or self._question.purpose not in terms.permitted_purposes
        ):
            return False
        too_old_at_us = fact.counts_at_us + terms.maximum_lead_age_days * DAY_US
        if too_old_at_us <= self._at_us:
            return False
        self.changes.append(too_old_at_us)
        return True

    # Step 7: the national register.

    def _screen(self, rule: Rule, register: NationalRegister, consents: list[Fact]) -> None:
        consents = [each for each in consents if each.lifts_opt_outs]
        screening = Screening(
            register,
            self._question,
            counts_customers=self._case.own_regime is None,
            at_us=self._at_us,
            changes=self.changes,
        )
        if screening.is_exempt(consents):
            return
        result = screening.last_result(self._register_results or [])
        if result is not None and result.is_listed and not screening.is_later(consents, result):
            reason, verdict, entry_id = Reason.NATIONAL_REGISTER, _DENY, result.entry_id
        elif result is not None and screening.is_fresh(result):
            return
        else:
            reason, verdict, entry_id = Reason.REGISTER_STALE, _REVIEW, None
        self.grounds.append(Ground(reason, verdict, entry_id, rule.rule_id, rule.citation))

    # Step 8: the regime.

    def _apply_regime(
        self, rule: Rule, consents: list[Fact] | None, failed: list[Ground] | None
    ) -> None:
        own_regime = self._case.own_regime
        regime = rule.regime if own_regime is None else own_regime
        citation = rule.citation if own_regime is None else self._case.purpose.citation
        if regime is None:
            self._add_rule(Reason.RULE_UNVERIFIED, _REVIEW, rule, citation)
            return
        if regime is _OPT_OUT:
            self._add_rule(_BY_REGIME, _ALLOW, rule, citation)
            return
        soft_opt_in, running_contract = None, False
        # A purpose that asks for consent in every country knows no exemption of a country's rule.
        if own_regime is None:
            soft_opt_in = None if rule.soft_opt_in is None else self._soft_opt_in(rule)
            customer = self._question.customer
            running_contract = (
                rule.running_contract_exemption
                and customer.contract is _RUNNING
                and customer.offer is _SIMILAR_OWN
            )
        if soft_opt_in is _BY_SOFT_OPT_IN:
            self._add_rule(soft_opt_in, _ALLOW, rule, citation)
        if running_contract:
            self._add_rule(Reason.RUNNING_CONTRACT, _ALLOW, rule, citation)
        if consents or running_contract or soft_opt_in is _BY_SOFT_OPT_IN:
            return
        if failed:
            self.grounds.extend(failed)
        if soft_opt_in is not None:
            self._add_rule(soft_opt_in, _DENY, rule, citation)
        elif not failed:
            self._add_rule(_NO_CONSENT, _DENY, rule, citation)

    def _soft_opt_in(self, rule: Rule) -> Reason | None:
        """SOFT_OPT_IN, SOFT_OPT_IN_EXPIRED, or None where it was never open to this customer."""
        customer = self._question.customer
        if rule.soft_opt_in is None or not meets_soft_opt_in(customer):
            return None
        within_months = rule.soft_opt_in.within_months
        if within_months is None:
            return Reason.SOFT_OPT_IN
        sold_at_us = customer.last_sale_at_us
        if sold_at_us is None:
            return None
        if sold_at_us > self._at_us:
            self.changes.append(sold_at_us)
            return None
        ends_at_us = plus_months(sold_at_us, within_months)
        if ends_at_us <= self._at_us:
            return Reason.SOFT_OPT_IN_EXPIRED
        self.changes.append(ends_at_us)
        return Reason.SOFT_OPT_IN

    # Grounds.

    def _add(self, reason: Reason, verdict: Verdict, fact: Fact) -> None:
        self.grounds.append(Ground(reason, verdict, fact.entry_id, None, "", fact.expressed_at_us))

    def _add_rule(self, reason: Reason, verdict: Verdict, rule: Rule, citation: str) -> None:
        self.grounds.append(Ground(reason, verdict, None, rule.rule_id, citation))


def strictest(grounds: list[Ground]) -> Ground:
    """The first of the strictest verdict; nothing at all is no permission (step 10)."""
    if not grounds:
        grounds.append(Ground(_NO_CONSENT, _DENY))
    deciding = grounds[0]
    for ground in grounds:
        if ground.verdict > deciding.verdict:
            deciding = ground
    return deciding


def meets_soft_opt_in(customer: Customer) -> bool:
    """Own customer, own similar products, informed at collection (ePrivacy art. 13(2))."""
    return (
        customer.relationship is Relationship.CUSTOMER
        and customer.offer is Offer.SIMILAR_OWN
        and customer.informed_at_collection
    )


def _latest_first(fact: Fact) -> tuple[int, EntryId]:
    return (-fact.counts_at_us, fact.entry_id)


def _first_party_then_latest(consent: tuple[Fact, bool]) -> tuple[bool, int, EntryId]:
    fact = consent[0]
    return (fact.kind is _PARTNER_CONSENT, -fact.counts_at_us, fact.entry_id)
