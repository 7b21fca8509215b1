"""Replay tokens: what a decision depended on, kept by its caller until somebody asks why.

A token is sealed, so that its holder can neither read nor change it. It names no contact point:
those come again with the request for an explanation. That they are the same ones is told by a
keyed digest over the keyed digests of all that was looked up, under a label of its own: it tells
nothing without the registry's digest keys, matches nothing that is stored, and is under the seal.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

from consent_registry_server.domain.contact import ContactPoint, Subject
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.decision import Customer
from consent_registry_server.domain.errors import InvalidRequest, NotFound
from consent_registry_server.domain.matching import Look
from consent_registry_server.domain.policy import LineType, Policy
from consent_registry_server.domain.vocabulary import (
    Channel,
    ContractState,
    ControllerId,
    CountryCode,
    Offer,
    PurposeId,
    Reason,
    RecipientType,
    Relationship,
    Verdict,
)
from consent_registry_server.service.checks import Answers
from consent_registry_server.service.ports import Digester, PolicyArchive, PolicySource, Sealer
from consent_registry_server.service.questions import AskedContact, Resolved, Scope, resolve

SEALED_FOR: Final = "replay-token"

_FORMAT: Final = 1
_LABEL: Final = b"replay-token/1\0"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision that was given, as a request names it."""

    token: bytes = field(repr=False)
    controller: ControllerId
    target: ContactPoint = field(repr=False)
    subject: Subject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """A decision that was given, as its token tells: all but the contact points.

    `scope.at_us` is the caller's own instant, None for now; `country` the caller's own country.
    `told` are the country, line type and place that the contact points told at the time.
    """

    scope: Scope
    country: CountryCode | None
    told: tuple[CountryCode | None, LineType, Place | None]
    points_digest: bytes = field(repr=False)
    verdict: Verdict
    reason: Reason
    decision_id: UUID
    policy_version: str
    revision: str
    checked_at_us: int

    @property
    def at_us(self) -> int:
        """The instant that was asked about."""
        return self.checked_at_us if self.scope.at_us is None else self.scope.at_us


@dataclass(frozen=True, slots=True)
class Reopened:
    """A decision that was given, with its contact points and the rules of then."""

    given: Given
    asked: AskedContact
    resolved: Resolved
    policy: Policy


class ReplayTokens:
    """Issues tokens, and opens them again."""

    def __init__(
        self,
        sealer: Sealer,
        digester: Digester,
        *,
        policy: PolicySource,
        policies: PolicyArchive,
    ) -> None:
        self._sealer = sealer
        self._digester = digester
        self._in_force = policy
        self._policies = policies

    def issue(
        self, asked: AskedContact, answers: Answers, position: int, *, decision_id: UUID
    ) -> bytes:
        """The token of the decision at a position among some answers.

        Raises:
            Unavailable: the policy was replaced just now, and the database that has it is down.
        """
        policy = self._policy(answers.policy_version)
        resolved = resolve(asked, policy, self._digester)
        decision = answers.decisions[position]
        given = Given(
            asked.scope,
            asked.country,
            (resolved.country, resolved.line_type, resolved.place),
            self._digest(resolved.looks),
            decision.verdict,
            decision.reason,
            decision_id,
            answers.policy_version,
            answers.revision,
            answers.checked_at_us,
        )
        content = json.dumps(_document(given), separators=(",", ":")).encode()
        return self._sealer.seal(content, purpose=SEALED_FOR)

    def open(self, replayed: Replayed) -> Reopened:
        """The decision of a token, if it is of the controller and the contact points named.

        Raises:
            InvalidRequest: INVALID_REPLAY_TOKEN; which of them differs is not told.
            NotFound: UNKNOWN_POLICY_VERSION.
        """
        content = self._sealer.unseal(replayed.token, purpose=SEALED_FOR)
        document = {} if content is None else json.loads(content)
        if document.get("format") != _FORMAT:
            raise _invalid()
        given = _given(document)
        if given.scope.controller != replayed.controller:
            raise _invalid()
        policy = self._policy(given.policy_version)
        asked = AskedContact(given.scope, replayed.target, replayed.subject, given.country)
        resolved = resolve(asked, policy, self._digester)
        if not hmac.compare_digest(self._digest(resolved.looks), given.points_digest):
            raise _invalid()
        # A later release may read more into a number than the one that decided.
        resolved.country, resolved.line_type, resolved.place = given.told
        return Reopened(given, asked, resolved, policy)

    def _policy(self, version: str) -> Policy:
        in_force = self._in_force()
        if in_force.version == version:
            # No outage of the database may keep the answer about an alarm call back.
            return in_force
        policy = self._policies.policy(version)
        if policy is None:
            message = "the registry has no such policy"
            raise NotFound("UNKNOWN_POLICY_VERSION", message)
        return policy

    def _digest(self, looks: Sequence[Look]) -> bytes:
        # Neither the order of the subject's contact points nor saying one twice makes another
        # question.
        parts = {
            bytes((look.is_target, look.is_address, look.unit_state)) + look.wide + look.exact
            for look in looks
        }
        return self._digester.digest(_LABEL + b"".join(sorted(parts)))


def _invalid() -> InvalidRequest:
    message = "not a token that this registry issued for this controller, target and subject"
    return InvalidRequest("INVALID_REPLAY_TOKEN", message, field="replay_token")


def _document(given: Given) -> dict[str, Any]:
    scope = given.scope
    country, line_type, place = given.told
    return {
        "format": _FORMAT,
        "controller": scope.controller,
        "channel": scope.channel,
        "purpose": scope.purpose,
        "customer": asdict(scope.customer),
        "recipient_type": scope.recipient_type,
        "at_us": scope.at_us,
        "country": given.country,
        "told_country": country,
        "told_line_type": line_type,
        "told_place": place,
        "points": given.points_digest.hex(),
        "verdict": given.verdict,
        "reason": given.reason,
        "decision_id": given.decision_id.hex,
        "policy": given.policy_version,
        "revision": given.revision,
        "checked_at_us": given.checked_at_us,
    }


def _given(document: dict[str, Any]) -> Given:
    scope = Scope(
        ControllerId(document["controller"]),
        Channel(document["channel"]),
        PurposeId(document["purpose"]),
        _customer(document["customer"]),
        RecipientType(document["recipient_type"]),
        at_us=document["at_us"],
    )
    told = document["told_country"], LineType(document["told_line_type"])
    return Given(
        scope,
        document["country"],
        (*told, _place(document["told_place"])),
        bytes.fromhex(document["points"]),
        Verdict(document["verdict"]),
        Reason(document["reason"]),
        UUID(document["decision_id"]),
        document["policy"],
        document["revision"],
        document["checked_at_us"],
    )


def _customer(document: dict[str, Any]) -> Customer:
    relationship, contract, offer = (
        document.pop(name) for name in ("relationship", "contract", "offer")
    )
    return Customer(
        relationship=None if relationship is None else Relationship(relationship),
        contract=None if contract is None else ContractState(contract),
        offer=None if offer is None else Offer(offer),
        **document,
    )


def _place(document: list[Any] | None) -> Place | None:
    if document is None:
        return None
    country, zones, subdivision = document
    return Place(country, tuple(zones), subdivision)
