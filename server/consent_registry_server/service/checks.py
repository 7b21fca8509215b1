"""The questions: may this person be contacted, may this call be recorded?

The path of an answer: forms and digests of the question's contact points (`questions.py`), one
read of what stands for them, the pure engine. Nothing is cached across calls, so an entry counts
as soon as it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.decision import (
    Decision,
    RecordingQuestion,
)
from consent_registry_server.domain.engine import decide, not_marketing
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.recording import decide_recording, depends_on_objection
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    ControllerId,
    PurposeId,
)
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    PolicySource,
    Standing,
    StandingReader,
    StandingRow,
)
from consent_registry_server.service.questions import (
    AskedContact,
    Resolved,
    Scope,
    facts_of,
    home_of,
    recording_facts_of,
    require_controller,
    require_purpose,
    resolve,
    subject_looks,
)


@dataclass(slots=True)
class Answers:
    """Decisions in the order of their questions, all from one state of the registry.

    `revision` is empty when nothing was read, because the answer depends on no entry.
    """

    decisions: list[Decision]
    policy_version: str
    revision: str
    checked_at_us: int


@dataclass(slots=True)
class PreparedQuestions:
    """Questions of one controller, normalised and digested.

    `resolved` is empty when nothing need be read for their `number` answers.
    """

    resolved: list[Resolved]
    number: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class AskedRecording:
    """May calls with this subject be recorded?"""

    controller: ControllerId
    subject: Subject = field(repr=False)
    line: CallLine
    direction: CallDirection


class Checks:
    """Answers questions; reads only."""

    def __init__(
        self, reader: StandingReader, digester: Digester, *, policy: PolicySource, clock: Clock
    ) -> None:
        self._reader = reader
        self._digester = digester
        self._policy = policy
        self._clock = clock

    def policy(self) -> Policy:
        """The policy in force, for a caller that asks many questions under one policy."""
        return self._policy()

    def is_marketing(self, purpose: PurposeId) -> bool:
        """Whether opt-outs reach a purpose; one that the policy does not declare counts as such."""
        declared = self._policy().purposes.get(purpose)
        return declared is None or declared.is_marketing

    def require_known(self, scope: Scope, policy: Policy | None = None) -> None:
        """Refuses questions whose controller or purpose the policy does not declare.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_PURPOSE.
        """
        policy = policy or self._policy()
        require_controller(policy, scope.controller)
        require_purpose(policy, scope.purpose)

    def check(
        self,
        questions: Sequence[AskedContact],
        *,
        deadline: Deadline,
        at_least_as_fresh: str = "",
    ) -> Answers:
        """Answers questions of one controller with one read, whatever their number.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_PURPOSE; INVALID_REVISION.
            Unavailable, DeadlineExceeded, LimitExceeded: there is no answer; do not contact.
        """
        prepared = self.prepare(questions, self._policy())
        return self.answer(prepared, deadline=deadline, at_least_as_fresh=at_least_as_fresh)

    def prepare(self, questions: Sequence[AskedContact], policy: Policy) -> PreparedQuestions:
        """Does the part of `check` that reads nothing, under a policy that the caller keeps.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_PURPOSE.
            ValueError: questions of several controllers; one read would miss opt-outs.
        """
        scopes = {id(asked.scope): asked.scope for asked in questions}.values()
        if len({scope.controller for scope in scopes}) > 1:
            message = "questions of several controllers in one read"
            raise ValueError(message)
        for scope in scopes:
            self.require_known(scope, policy)
        reads = any(policy.purposes[scope.purpose].is_marketing for scope in scopes)
        if not reads:
            # No outage may stand in the way of an alarm call: nothing is read.
            return PreparedQuestions([], len(questions), policy)
        resolved = [resolve(asked, policy, self._digester) for asked in questions]
        return PreparedQuestions(resolved, len(questions), policy)

    def answer(
        self, prepared: PreparedQuestions, *, deadline: Deadline, at_least_as_fresh: str = ""
    ) -> Answers:
        """Does the other part of `check`: the read, and the decisions.

        Raises:
            InvalidRequest: INVALID_REVISION.
            Unavailable, DeadlineExceeded, LimitExceeded: there is no answer; do not contact.
        """
        resolved, policy = prepared.resolved, prepared.policy
        now_us = self._clock()
        if not resolved:
            decisions = [not_marketing() for _ in range(prepared.number)]
            return Answers(decisions, policy.version, "", now_us)
        standing = self._reader.read(
            resolved[0].scope.controller,
            [look for each in resolved for look in each.looks],
            deadline=deadline,
            at_least_as_fresh=at_least_as_fresh,
        )
        decisions = list(_decide_all(resolved, standing.rows, policy, now_us=now_us))
        return Answers(decisions, policy.version, standing.revision, now_us)

    def check_recording(
        self, asked: AskedRecording, *, deadline: Deadline, at_least_as_fresh: str = ""
    ) -> Answers:
        """Answers whether a call may be recorded.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            Unavailable, DeadlineExceeded, LimitExceeded: there is no answer; do not record, except
                on a line that is always recorded.
        """
        policy = self._policy()
        require_controller(policy, asked.controller)
        now_us = self._clock()
        # An address does not tell who is on the line.
        home = home_of(asked.controller, policy)
        looks = subject_looks(asked.subject, self._digester, with_addresses=False, home=home)
        question = RecordingQuestion(
            asked.controller, asked.line, asked.direction, now_us, bool(looks)
        )
        standing = Standing("", [])
        if depends_on_objection(question, policy):
            standing = self._reader.read(
                asked.controller,
                looks,
                deadline=deadline,
                at_least_as_fresh=at_least_as_fresh,
            )
        decision = decide_recording(question, recording_facts_of(standing.rows), policy)
        return Answers([decision], policy.version, standing.revision, now_us)


def _decide_all(
    resolved: list[Resolved], rows: list[StandingRow], policy: Policy, *, now_us: int
) -> Iterator[Decision]:
    by_wide: dict[bytes, list[StandingRow]] = {}
    for row in rows:
        by_wide.setdefault(row.wide, []).append(row)
    without_facts: dict[object, Decision] = {}
    for each in resolved:
        for look in each.looks:
            if look.wide in by_wide:
                found = {look.wide for look in each.looks if look.wide in by_wide}
                met = [row for wide in found for row in by_wide[wide]]
                yield decide(each.question(now_us), facts_of(met, each.looks), policy)
                break
        else:
            # Most members of an audience have no entry at all, and share their answer with every
            # other one of the same country, place and line.
            key = (id(each.scope), each.country, each.place, each.line_type, each.is_target_usable)
            decision = without_facts.get(key)
            if decision is None:
                decision = without_facts[key] = decide(each.question(now_us), [], policy)
            yield decision
