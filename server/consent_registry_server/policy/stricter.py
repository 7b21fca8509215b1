"""One rule made stricter by a company, or the reasons why what it states is not stricter.

Stricter means: whatever the facts and the question, the verdict is the same or a stricter one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from consent_registry_server.domain.contact_hours import ContactHours
from consent_registry_server.domain.policy import (
    AttemptCap,
    NationalRegister,
    Regime,
    RegisterExemption,
    Rule,
    SoftOptIn,
)
from consent_registry_server.policy.document import KeyPath
from consent_registry_server.policy.rule_checks import TIMED_CHANNELS
from consent_registry_server.policy.schema import NO_SOFT_OPT_IN, CompanyRegister, CompanyRule
from consent_registry_server.policy.times import (
    are_hours_within,
    attempt_cap,
    contact_hours,
    is_cap_within,
)

COMPANY: Final = "company policy"
"""What a citation adds where the law alone does not say what the rule says."""

PROOF_RETENTION_MONTHS: Final = 36
"""For rules whose law asks for no consent, and so names no time; CNIL's practice."""


class NotStricter(Exception):
    """What a company states of a rule is looser than the rule, or has no meaning for it.

    `faults` has each of them: the keys that lead to it below the rule's, and what is wrong.
    """

    def __init__(self, faults: tuple[tuple[KeyPath, str], ...]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, key))}: {why}" for key, why in faults))
        self.faults = faults


def stricter(rule: Rule, company: CompanyRule) -> Rule:
    """The rule as the company tightens it; what the company leaves out stays as it is.

    Its citation says so where anything changed. Hours, cap and scrub age that stood in for an
    unknown law are from then on the company's own, and known.

    Raises:
        NotStricter: with everything that is looser.
    """
    return _Tightening(rule, company).result()


class _Tightening:
    """Takes each value of the company's that is no looser, and notes each that is."""

    def __init__(self, rule: Rule, company: CompanyRule) -> None:
        self._rule = rule
        self._company = company
        self._faults: list[tuple[KeyPath, str]] = []

    def result(self) -> Rule:
        rule = self._rule
        regime = self._regime()
        tightened = replace(
            rule,
            regime=regime,
            soft_opt_in=self._soft_opt_in(regime),
            running_contract_exemption=self._running_contract_exemption(regime),
            consent_validity_months=self._consent_validity_months(regime),
            proof_retention_months=self._proof_retention_months(regime),
            register=self._register(),
            contact_hours=self._contact_hours(),
            attempt_cap=self._attempt_cap(),
        )
        if self._faults:
            raise NotStricter(tuple(self._faults))
        if tightened == rule:
            return rule
        citation = "; ".join(part for part in (rule.citation, COMPANY) if part)
        return replace(tightened, citation=citation)

    def _refuse(self, *key: str, because: str) -> None:
        self._faults.append((key, because))

    def _looser(self, *key: str, law: str) -> None:
        self._refuse(*key, because=f"looser than {self._rule.rule_id}, which has {law}")

    # Consent.

    def _regime(self) -> Regime | None:
        stated, regime = self._company.regime, self._rule.regime
        if stated is None or stated is regime:
            return regime
        if regime is Regime.OPT_OUT:
            return stated
        if regime is None:
            self._refuse("regime", because="unverified: to ask a human is stricter")
        else:
            self._looser("regime", law="opt_in")
        return regime

    def _has_meaning(self, key: str, regime: Regime | None) -> bool:
        """Whether the company states a consent term of a rule that asks for consent."""
        if getattr(self._company, key) is None:
            return False
        if regime is not Regime.OPT_IN:
            self._refuse(key, because="has a meaning under opt_in only")
            return False
        return True

    @property
    def _is_new_opt_in(self) -> bool:
        """Whether no law asks for the consent, so that no term of it can undercut one."""
        return self._rule.regime is Regime.OPT_OUT

    def _soft_opt_in(self, regime: Regime | None) -> SoftOptIn | None:
        stated, ruled = self._company.soft_opt_in, self._rule.soft_opt_in
        if stated is None or not self._has_meaning("soft_opt_in", regime):
            return ruled
        if stated == NO_SOFT_OPT_IN:
            return None
        if ruled is None and not self._is_new_opt_in:
            self._looser("soft_opt_in", law="none")
        elif ruled is not None and _is_longer(stated.within_months, ruled.within_months):
            self._looser("soft_opt_in", "within_months", law=str(ruled.within_months))
        return SoftOptIn(stated.within_months)

    def _running_contract_exemption(self, regime: Regime | None) -> bool:
        stated = self._company.running_contract_exemption
        ruled = self._rule.running_contract_exemption
        if stated is None or not self._has_meaning("running_contract_exemption", regime):
            return ruled
        if stated and not (ruled or self._is_new_opt_in):
            self._looser("running_contract_exemption", law="none")
        return stated

    def _consent_validity_months(self, regime: Regime | None) -> int | None:
        stated, ruled = self._company.consent_validity_months, self._rule.consent_validity_months
        if stated is None or not self._has_meaning("consent_validity_months", regime):
            return ruled
        if _is_longer(stated, ruled):
            self._looser("consent_validity_months", law=str(ruled))
        return stated

    def _proof_retention_months(self, regime: Regime | None) -> int | None:
        stated, ruled = self._company.proof_retention_months, self._rule.proof_retention_months
        if stated is None and self._is_new_opt_in and regime is Regime.OPT_IN:
            return PROOF_RETENTION_MONTHS
        if stated is None or not self._has_meaning("proof_retention_months", regime):
            return ruled
        if ruled is not None and stated < ruled:
            self._looser("proof_retention_months", law=str(ruled))
        return stated

    # The national register.

    def _register(self) -> NationalRegister | None:
        stated, ruled = self._company.national_register, self._rule.register
        if stated is None:
            return ruled
        if ruled is None:
            return self._new_register(stated)
        if stated.name not in {None, ruled.name}:
            self._refuse("register", "name", because=f"{self._rule.rule_id} has {ruled.name}")
        scrub_age_days = stated.scrub_age_days
        if scrub_age_days is not None and scrub_age_days > ruled.scrub_age_days:
            self._looser("register", "scrub_age_days", law=str(ruled.scrub_age_days))
        exemptions = ruled.exemptions if stated.exemptions is None else frozenset(stated.exemptions)
        for exemption in sorted(exemptions - ruled.exemptions):
            self._looser("register", "exemptions", law=f"no {exemption.name.lower()}")
        return replace(
            ruled,
            scrub_age_days=scrub_age_days or ruled.scrub_age_days,
            is_scrub_age_verified=ruled.is_scrub_age_verified or scrub_age_days is not None,
            exemptions=exemptions,
            contract_ended_within_days=self._ended_within(stated, exemptions, ruled),
        )

    def _new_register(self, stated: CompanyRegister) -> NationalRegister | None:
        if stated.name is None or stated.scrub_age_days is None:
            because = f"{self._rule.rule_id} has none: a new one needs name and scrub_age_days"
            self._refuse("register", because=because)
            return None
        exemptions = frozenset(stated.exemptions or ())
        return NationalRegister(
            stated.name,
            scrub_age_days=stated.scrub_age_days,
            exemptions=exemptions,
            contract_ended_within_days=self._ended_within(stated, exemptions, None),
        )

    def _ended_within(
        self,
        stated: CompanyRegister,
        exemptions: frozenset[RegisterExemption],
        ruled: NationalRegister | None,
    ) -> int:
        days = stated.contract_ended_within_days
        if RegisterExemption.CONTRACT not in exemptions:
            if days is not None:
                because = "has a meaning with the exemption contract only"
                self._refuse("register", "contract_ended_within_days", because=because)
            return 0
        if ruled is None:
            return days or 0
        if days is not None and days > ruled.contract_ended_within_days:
            law = str(ruled.contract_ended_within_days)
            self._looser("register", "contract_ended_within_days", law=law)
        return ruled.contract_ended_within_days if days is None else days

    # Hours and cap.

    def _contact_hours(self) -> ContactHours | None:
        stated, ruled = self._company.contact_hours, self._rule.contact_hours
        if stated is None or not self._is_timed("contact_hours"):
            return ruled
        hours = contact_hours(stated)
        if not are_hours_within(hours, within=ruled):
            because = f"looser than {self._rule.rule_id}: they permit what that forbids"
            self._refuse("contact_hours", because=because)
        return hours

    def _attempt_cap(self) -> AttemptCap | None:
        stated, ruled = self._company.attempt_cap, self._rule.attempt_cap
        if stated is None or not self._is_timed("attempt_cap"):
            return ruled
        cap = attempt_cap(stated)
        if ruled is not None and not is_cap_within(cap, within=ruled):
            self._looser("attempt_cap", law=f"{ruled.attempts} in {ruled.days} days")
        return cap

    def _is_timed(self, key: str) -> bool:
        timed = self._rule.channel in TIMED_CHANNELS
        if not timed:
            self._refuse(key, because=f"has no meaning for {self._rule.channel.name}")
        return timed


def _is_longer(months: int | None, than: int | None) -> bool:
    """Whether one term lasts longer than another; None is without a limit."""
    return than is not None and (months is None or months > than)
