"""Explanations over the wire: a token's way round, the past, and nothing told to the wrong one."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from consent_registry.v1.contact_pb2 import Channel, ContactPoint
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from consent_registry.v1.entry_pb2 import Source
from consent_registry.v1.subject_service_pb2 import (
    Consideration,
    ConsiderationEffect,
    ExplainDecisionRequest,
    ExplainDecisionResponse,
    ReplayedDecision,
)
from consent_registry_client import Client, InvalidRequest, NotFound
from tests.clear_values import find_clear_values
from tests.e2e.connection import Connection, refusal
from tests.e2e.people import (
    FRANCE,
    MARKETING,
    Person,
    consent,
    opt_out,
    paris,
    said,
    somebody,
    timestamp,
)
from tests.e2e.registry_process import CONSENTCTL, RegistryProcess

EMAIL = Channel.CHANNEL_EMAIL
DECIDED = ConsiderationEffect.CONSIDERATION_EFFECT_DECIDED


def asked(target: ContactPoint, **changes: Any) -> CheckContactRequest:  # noqa: ANN401 - of any field
    """May this email address be written to?"""
    fields: dict[str, Any] = {
        "controller": FRANCE,
        "target": target,
        "channel": EMAIL,
        "purpose": MARKETING,
        "recipient_country": "FR",
    }
    return CheckContactRequest(**{**fields, **changes})


def of_token(token: bytes, target: ContactPoint) -> ExplainDecisionRequest:
    decision = ReplayedDecision(replay_token=token, controller=FRANCE, target=target)
    return ExplainDecisionRequest(decision=decision)


def deciding(explained: ExplainDecisionResponse) -> Consideration:
    told = [each for step in explained.steps for each in step.considerations]
    [found] = [each for each in told if each.effect == DECIDED]
    return found


def outcome(explained: ExplainDecisionResponse) -> tuple[int, int]:
    return explained.decision.verdict, explained.decision.reason


def test_an_answer_is_explained_by_its_token_whatever_was_said_since(
    connection: Connection,
) -> None:
    """The very entry that decided, and neither the objection nor the hour of today."""
    person = somebody()
    given = connection.write(consent(person.email, channels=[EMAIL]))
    question = asked(person.email, issue_replay_token=True)
    answer = connection.decisions.CheckContact(question).decision
    connection.write(opt_out(person.email))
    explained = connection.subjects.ExplainDecision(of_token(answer.replay_token, person.email))
    assert outcome(explained) == (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)
    assert explained.decision.decision_id == answer.decision_id
    assert explained.decision.valid_until == answer.valid_until
    assert deciding(explained).entry_id == given.entry_id
    assert deciding(explained).recorded_at == given.recorded_at
    assert "the replay comes to the same" in explained.steps[0].considerations[0].text
    now = connection.subjects.ExplainDecision(ExplainDecisionRequest(question=asked(person.email)))
    assert outcome(now) == (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)
    check = connection.decisions.CheckContact(asked(person.email)).decision
    assert outcome(now) == (check.verdict, check.reason)


def test_what_was_said_and_what_was_known_are_told_apart(connection: Connection) -> None:
    """An objection of March that came today: it counts in April by what is known now."""
    person = somebody()
    connection.write(consent(person.email, channels=[EMAIL], at=paris(2026, 3, 1)))
    march = said(paris(2026, 3, 20), Source.SOURCE_LETTER)
    connection.write(opt_out(person.email, expression=march))

    def at(day: datetime) -> tuple[int, int]:
        request = ExplainDecisionRequest(question=asked(person.email), at=timestamp(day))
        return outcome(connection.subjects.ExplainDecision(request))

    assert at(paris(2026, 3, 10)) == (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)
    assert at(paris(2026, 4, 1)) == (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)


def test_rules_of_a_time_without_a_policy_are_not_found(connection: Connection) -> None:
    """This registry is younger than that."""
    request = ExplainDecisionRequest(
        question=asked(somebody().email), known_at=timestamp(paris(2020, 1, 1))
    )
    refused = refusal(lambda: connection.subjects.ExplainDecision(request))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.NOT_FOUND,
        "UNKNOWN_POLICY_VERSION",
    )


@pytest.fixture
def token(connection: Connection) -> tuple[Person, bytes]:
    """A person, and the token of an answer about their email address."""
    person = somebody()
    connection.write(consent(person.email, person.phone, channels=[EMAIL]))
    answer = connection.decisions.CheckContact(asked(person.email, issue_replay_token=True))
    return person, answer.decision.replay_token


def _changed(token: bytes, place: int) -> bytes:
    octets = bytearray(token)
    octets[place] ^= 0x40
    return bytes(octets)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda token: _changed(token, 0), id="format"),
        pytest.param(lambda token: _changed(token, 30), id="in the middle"),
        pytest.param(lambda token: _changed(token, -1), id="last octet"),
        pytest.param(lambda token: token[:-1], id="cut short"),
        pytest.param(lambda token: token + b"\0", id="too long"),
        pytest.param(lambda token: os.urandom(len(token)), id="made up"),
        pytest.param(base64.b64encode, id="in base64"),
    ],
)
def test_a_token_that_was_changed_is_refused(
    connection: Connection, token: tuple[Person, bytes], change: Callable[[bytes], bytes]
) -> None:
    """Whatever the change, by the same error."""
    person, sealed = token
    request = of_token(change(sealed), person.email)
    refused = refusal(lambda: connection.subjects.ExplainDecision(request))
    assert (refused.code, refused.reason, refused.field) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REPLAY_TOKEN",
        "decision.replay_token",
    )


def test_a_token_of_another_target_is_refused(
    connection: Connection, token: tuple[Person, bytes]
) -> None:
    """Even one of the same person."""
    person, sealed = token
    for other in (somebody().email, person.phone):
        request = of_token(sealed, other)
        refused = refusal(lambda: connection.subjects.ExplainDecision(request))  # noqa: B023
        assert refused.reason == "INVALID_REPLAY_TOKEN"


def test_a_token_tells_nobody_anything(token: tuple[Person, bytes]) -> None:
    """No contact data, in clear or in base64, and two of the same answer have nothing in common."""
    person, sealed = token
    clear = (person.email.email, f"person-{person.number}", person.phone.phone.number)
    assert find_clear_values(sealed, clear) == []
    assert find_clear_values(base64.b64encode(sealed), clear) == []
    for telling in (FRANCE, MARKETING, "consent", "policy", "email"):
        assert telling.encode() not in sealed


def test_the_log_tells_nothing_of_what_was_explained(
    connection: Connection, registry: RegistryProcess, token: tuple[Person, bytes]
) -> None:
    """Neither the person nor the token."""
    person, sealed = token
    connection.subjects.ExplainDecision(of_token(sealed, person.email))
    connection.subjects.ExplainDecision(ExplainDecisionRequest(question=asked(person.email)))
    log = registry.log
    assert b"ExplainDecision" in log
    assert find_clear_values(log, (person.email.email, person.phone.phone.number)) == []
    assert base64.b64encode(sealed)[:40] not in log
    assert base64.urlsafe_b64encode(sealed)[:40] not in log


@pytest.fixture
def client(registry: RegistryProcess) -> Iterator[Client]:
    with closing(Client(registry.address)) as connected:
        yield connected


def test_the_client_asks_and_is_refused_in_its_own_words(
    client: Client, token: tuple[Person, bytes]
) -> None:
    """As every other method of it."""
    person, _ = token
    question = asked(person.email)
    explained = client.explain_decision(question=question)
    assert outcome(explained) == (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)
    with pytest.raises(InvalidRequest):
        client.explain_decision(question=question, known_at=datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(NotFound):
        client.explain_decision(question=question, known_at=paris(2020, 1, 1))


def test_a_token_goes_from_one_command_to_the_other(
    registry: RegistryProcess, token: tuple[Person, bytes], tmp_path: Path
) -> None:
    """`consentctl check` writes it, `consentctl explain` prints the tree of the answer."""
    person, _ = token
    file = tmp_path / "token"

    def consentctl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CONSENTCTL, "--address", registry.address, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    who = ("--controller", FRANCE, "--email", person.email.email)
    what = ("--channel", "email", "--purpose", MARKETING, "--recipient-country", "FR")
    checked = consentctl("check", *who, *what, "--replay-token", str(file))
    assert (checked.returncode, checked.stderr) == (0, "")
    explained = consentctl("explain", *who, "--replay-token", str(file))
    assert (explained.returncode, explained.stderr) == (0, "")
    lines = explained.stdout.splitlines()
    assert lines[0].startswith("ALLOW CONSENT on ")
    steps = [line for line in lines if line.startswith(("├── ", "└── ")) and "? " not in line]
    numbers = [line[4:].partition(".")[0] for line in steps if line[4:5].isdigit()]
    assert numbers == [str(number) for number in range(1, 11)]
    assert sum("DECIDED: The consent of " in line for line in lines) == 1
    assert person.email.email not in explained.stdout
