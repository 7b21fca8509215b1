"""Why an answer was given, or what it would have been: with the facts and the rules of then.

Two instants matter: the one that is asked about, and the one of what was known. What was recorded
later than the latter counts for nothing, and so do rules that came later.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from consent_registry_server.domain.errors import InvalidRequest, NotFound
from consent_registry_server.domain.explanation import Explanation, beside_given, explain
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    Past,
    PastReader,
    PolicyArchive,
    PolicySource,
)
from consent_registry_server.service.questions import (
    AskedContact,
    Resolved,
    facts_of,
    require_controller,
    require_purpose,
    resolve,
)
from consent_registry_server.service.replay import Given, Replayed, ReplayTokens

_NOTHING = Past([], {})


@dataclass(frozen=True, slots=True)
class Times:
    """Which instant is asked about, and by what was known when; None for the defaults."""

    at_us: int | None = None
    known_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, of which instant, by what was known when.

    `decision_id` and `revision` are those of the decision that was given, where it is that very
    one that is explained; otherwise there is none, for nobody should act on an explanation.
    """

    explanation: Explanation
    at_us: int
    known_at_us: int
    recorded_at_us: dict[EntryId, int]
    policy_version: str
    checked_at_us: int
    decision_id: UUID | None = None
    revision: str = ""


class Explanations:
    """Explains decisions; reads only.

    Both methods raise Unavailable, DeadlineExceeded and LimitExceeded when the facts cannot be
    read, and NotFound, UNKNOWN_POLICY_VERSION, when the rules of then cannot.
    """

    def __init__(
        self,
        past: PastReader,
        digester: Digester,
        *,
        policy: PolicySource,
        policies: PolicyArchive,
        tokens: ReplayTokens,
        clock: Clock,
    ) -> None:
        self._past = past
        self._digester = digester
        self._policy = policy
        self._policies = policies
        self._tokens = tokens
        self._clock = clock

    def require_past(self, times: Times) -> None:
        """Refuses what nobody can know yet.

        Raises:
            InvalidRequest: INVALID_FIELD.
        """
        if times.known_at_us is not None and times.known_at_us > self._clock():
            message = "must not be in the future"
            raise InvalidRequest("INVALID_FIELD", message, field="known_at")

    def explain(self, asked: AskedContact, times: Times, *, deadline: Deadline) -> Explained:
        """Explains the answer to a question; the question's scope states no instant.

        With neither time given it is the answer of `Checks.check`.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_PURPOSE.
        """
        now_us = self._clock()
        policy = self._policy() if times.known_at_us is None else self._policy_of(times.known_at_us)
        resolved = self._resolved(asked, policy)
        at_us = now_us if times.at_us is None else times.at_us
        known_at_us = now_us if times.known_at_us is None else times.known_at_us
        past = self._read(resolved, policy, times, revision="", deadline=deadline)
        explanation = _explained(resolved, past, policy, at_us=at_us)
        return Explained(
            explanation, at_us, known_at_us, past.recorded_at_us, policy.version, now_us
        )

    def replay(self, replayed: Replayed, times: Times, *, deadline: Deadline) -> Explained:
        """Explains a decision that was given, or what it would have been at other times.

        Without other times the facts are those of the very state it was read from, and the
        explanation begins with whether it comes to the same.

        Raises:
            InvalidRequest: INVALID_REPLAY_TOKEN.
        """
        reopened = self._tokens.open(replayed)
        given = reopened.given
        if times == Times():
            return self._replay_given(given, reopened.resolved, reopened.policy, deadline=deadline)
        policy, resolved, revision = reopened.policy, reopened.resolved, given.revision
        at_us = given.at_us if times.at_us is None else times.at_us
        read_at_us = times.at_us
        known_at_us = given.checked_at_us
        if times.known_at_us is not None:
            known_at_us, revision = times.known_at_us, ""
            policy = self._policy_of(known_at_us)
            resolved = self._resolved(reopened.asked, policy)
            # The check honoured what it had, whatever its date; nothing later belongs to it.
            read_at_us = max(at_us, given.checked_at_us) if read_at_us is None else read_at_us
        times = Times(read_at_us, known_at_us)
        past = self._read(resolved, policy, times, revision=revision, deadline=deadline)
        explanation = _explained(resolved, past, policy, at_us=at_us)
        return Explained(
            explanation, at_us, known_at_us, past.recorded_at_us, policy.version, self._clock()
        )

    def _replay_given(
        self, given: Given, resolved: Resolved, policy: Policy, *, deadline: Deadline
    ) -> Explained:
        times = Times(None, given.checked_at_us)
        past = self._read(resolved, policy, times, revision=given.revision, deadline=deadline)
        explanation = beside_given(
            _explained(resolved, past, policy, at_us=given.at_us),
            given.verdict,
            given.reason,
            given_at_us=given.checked_at_us,
        )
        return Explained(
            explanation,
            given.at_us,
            given.checked_at_us,
            past.recorded_at_us,
            policy.version,
            given.checked_at_us,
            given.decision_id,
            given.revision,
        )

    def _resolved(self, asked: AskedContact, policy: Policy) -> Resolved:
        require_controller(policy, asked.scope.controller)
        require_purpose(policy, asked.scope.purpose)
        return resolve(asked, policy, self._digester)

    def _policy_of(self, known_at_us: int) -> Policy:
        version = self._policies.version_at(known_at_us)
        policy = None if version is None else self._policies.policy(version)
        if policy is None:
            message = "the registry had no policy at that time"
            raise NotFound("UNKNOWN_POLICY_VERSION", message)
        return policy

    def _read(
        self,
        resolved: Resolved,
        policy: Policy,
        times: Times,
        *,
        revision: str,
        deadline: Deadline,
    ) -> Past:
        scope = resolved.scope
        if not policy.purposes[scope.purpose].is_marketing:
            return _NOTHING
        return self._past.read_past(
            scope.controller,
            resolved.looks,
            at_us=times.at_us,
            known_at_us=times.known_at_us,
            revision=revision,
            deadline=deadline,
        )


def _explained(resolved: Resolved, past: Past, policy: Policy, *, at_us: int) -> Explanation:
    question = resolved.question(at_us)
    question.at_us = at_us
    return explain(question, facts_of(past.rows, resolved.looks), policy)
