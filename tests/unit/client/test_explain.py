"""Explanations: what the clients and `consentctl explain` send, and what it prints."""

from __future__ import annotations

import asyncio
import base64
import io
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.contact_pb2 import ContactPoint, CustomerContext
from consent_registry.v1.decision_pb2 import Decision, Ground, Reason, Verdict
from consent_registry.v1.decision_service_pb2 import CheckContactResponse
from consent_registry.v1.subject_service_pb2 import (
    Consideration,
    ConsiderationEffect,
    ExplainDecisionResponse,
    ExplanationStep,
)
from consent_registry_client import (
    AsyncClient,
    Channel,
    Client,
    contact_question,
    given_decision,
    phone,
    timestamp,
)
from tests.unit.client.console import Console
from tests.unit.client.fake_registry import FakeRegistry, failing

NUMBER = "+33 6 39 98 00 01"
OPT_OUT = "The do-not-contact request of 10 March 2026 by letter covers every channel."
MONDAY = timestamp(datetime(2026, 11, 23, 14, tzinfo=UTC))
TOKEN = b"sealed\x00\xff"
EXPLAIN = ("explain", "--channel", "sms", "--purpose", "direct_marketing", "--phone", NUMBER)

DENIED = Ground(
    reason=Reason.REASON_OBJECTION,
    verdict=Verdict.VERDICT_DENY,
    entry_id="entry-1",
    expressed_at=Timestamp(seconds=1_773_000_000),
)
ANSWER = ExplainDecisionResponse(
    decision=Decision(
        verdict=Verdict.VERDICT_DENY,
        reason=Reason.REASON_OBJECTION,
        grounds=[DENIED],
        policy_version="p1",
    ),
    at=MONDAY,
    known_at=MONDAY,
    steps=[
        ExplanationStep(
            number=4,
            title="Did the person opt out?",
            considerations=[
                Consideration(
                    effect=ConsiderationEffect.CONSIDERATION_EFFECT_DECIDED,
                    text=OPT_OUT,
                    ground=DENIED,
                    entry_id="entry-1",
                    expressed_at=DENIED.expressed_at,
                    recorded_at=Timestamp(seconds=1_773_000_060),
                ),
                Consideration(
                    effect=ConsiderationEffect.CONSIDERATION_EFFECT_NOT_APPLIED,
                    text="The withdrawal is about email.",
                    entry_id="entry-2",
                ),
            ],
        ),
        ExplanationStep(
            number=8,
            title="What does the law ask for?",
            considerations=[
                Consideration(
                    effect=ConsiderationEffect.CONSIDERATION_EFFECT_APPLIED,
                    text="The rule [fr.sms] asks for a consent.",
                    rule_id="fr.sms",
                    citation="CPCE L34-5",
                )
            ],
        ),
    ],
)
TREE = f"""\
DENY OBJECTION on 2026-11-23T14:00:00Z, by what was known on 2026-11-23T14:00:00Z and policy p1
├── 4. Did the person opt out?
│   ├── DECIDED: {OPT_OUT}
│   │   └── DENY OBJECTION; entry entry-1; expressed 2026-03-08T20:00:00Z; recorded \
2026-03-08T20:01:00Z
│   └── not: The withdrawal is about email.
│       └── entry entry-2
└── 8. What does the law ask for?
    └── applied: The rule [fr.sms] asks for a consent.
        └── rule fr.sms; CPCE L34-5
"""


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_a_question_is_explained(registry: FakeRegistry, flavour: str) -> None:
    """Both clients send the question and the times, and return the whole answer."""
    registry.on("ExplainDecision", ANSWER)
    question = contact_question(
        controller="alarm-fr",
        target=phone(NUMBER),
        channel=Channel.CHANNEL_SMS,
        purpose="direct_marketing",
    )
    at, known_at = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)
    if flavour == "sync":
        with Client(registry.address) as client:
            answer = client.explain_decision(question=question, at=at, known_at=known_at)
    else:

        async def ask() -> ExplainDecisionResponse:
            async with AsyncClient(registry.address) as client:
                return await client.explain_decision(question=question, at=at, known_at=known_at)

        answer = asyncio.run(ask())
    assert answer == ANSWER
    [request] = registry.requests("ExplainDecision")
    assert request.question == question
    assert (request.at, request.known_at) == (timestamp(at), timestamp(known_at))


def test_a_given_decision_is_explained(registry: FakeRegistry, client: Client) -> None:
    """By its token and the target that the token does not hold."""
    registry.on("ExplainDecision", ANSWER)
    given = given_decision(replay_token=TOKEN, controller="alarm-fr", target=phone(NUMBER))
    client.explain_decision(decision=given)
    [request] = registry.requests("ExplainDecision")
    assert request.decision == given
    assert not request.HasField("at")


def test_an_explanation_is_printed_as_a_tree(registry: FakeRegistry, consentctl: Console) -> None:
    """What decided, what counted and what did not can be told apart without colours."""
    registry.on("ExplainDecision", ANSWER)
    outcome = consentctl(*EXPLAIN)
    assert outcome.code == 0
    assert outcome.out == TREE


def test_an_explanation_is_printed_as_json(registry: FakeRegistry, consentctl: Console) -> None:
    """Under the contract's names."""
    registry.on("ExplainDecision", ANSWER)
    explained = consentctl(*EXPLAIN, "--json").json
    assert explained["steps"][0]["considerations"][0]["text"] == OPT_OUT


def test_explain_asks_with_everything_it_was_given(
    registry: FakeRegistry, consentctl: Console
) -> None:
    """The target is the first contact point that the channel can use, as in `check`."""
    registry.on("ExplainDecision", ANSWER)
    outcome = consentctl(
        *EXPLAIN,
        *("--email", "a@example.com", "--relationship", "customer", "--recipient-country", "FR"),
        *("--at", "2026-11-23T13:30:00+01:00", "--known-at", "2026-11-24"),
    )
    assert outcome.code == 0
    [request] = registry.requests("ExplainDecision")
    assert request.question.controller == "alarm-fr"
    assert request.question.target.phone.number == NUMBER
    assert list(request.question.subject.contact_points) == [ContactPoint(email="a@example.com")]
    assert request.question.customer.relationship == CustomerContext.RELATIONSHIP_CUSTOMER
    assert request.question.recipient_country == "FR"
    assert not request.question.HasField("at")
    assert request.at.ToJsonString() == "2026-11-23T12:30:00Z"
    assert request.known_at.ToJsonString() == "2026-11-24T00:00:00Z"


def test_a_token_goes_from_check_to_explain(
    registry: FakeRegistry,
    consentctl: Console,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through a file or the standard input."""
    decision = Decision(
        verdict=Verdict.VERDICT_ALLOW, reason=Reason.REASON_CONSENT, replay_token=TOKEN
    )
    registry.on("CheckContact", CheckContactResponse(decision=decision))
    registry.on("ExplainDecision", ANSWER)
    file = tmp_path / "token"
    question = ("--channel", "sms", "--purpose", "direct_marketing", "--phone", NUMBER)
    assert consentctl("check", *question, "--replay-token", file).code == 0
    assert registry.requests("CheckContact")[0].issue_replay_token

    assert consentctl("explain", "--replay-token", file, "--phone", NUMBER).code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text()))
    assert consentctl("explain", "--replay-token", "-", "--phone", NUMBER).code == 0
    for request in registry.requests("ExplainDecision"):
        assert request.decision.replay_token == TOKEN
        assert request.decision.controller == "alarm-fr"
        assert request.decision.target.phone.number == NUMBER


def test_no_token_is_asked_for_unless_it_is_wanted(
    registry: FakeRegistry, consentctl: Console
) -> None:
    """Checks without one stay as cheap as they were."""
    registry.on("CheckContact", CheckContactResponse())
    consentctl("check", *EXPLAIN[1:])
    assert not registry.requests("CheckContact")[0].issue_replay_token


def test_the_channel_tells_the_target_among_several(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """The token does not tell anyone what it is about."""
    registry.on("ExplainDecision", ANSWER)
    file = tmp_path / "token"
    file.write_text(base64.b64encode(TOKEN).decode())
    both = ("--phone", NUMBER, "--email", "a@example.com")
    assert consentctl("explain", "--replay-token", file, *both).code == 2
    assert consentctl("explain", "--replay-token", file, *both, "--channel", "email").code == 0
    [request] = registry.requests("ExplainDecision")
    assert request.decision.target == ContactPoint(email="a@example.com")
    assert request.decision.subject.contact_points[0].phone.number == NUMBER


@pytest.mark.parametrize(
    "arguments",
    [
        ("--phone", NUMBER),
        ("--phone", NUMBER, "--channel", "sms"),
        ("--phone", NUMBER, "--purpose", "direct_marketing"),
        ("--email", "a@example.com", "--channel", "sms", "--purpose", "direct_marketing"),
        ("--phone", NUMBER, "--replay-token", "FILE", "--purpose", "direct_marketing"),
        ("--phone", NUMBER, "--replay-token", "FILE", "--recipient-country", "FR"),
        ("--phone", NUMBER, "--replay-token", "FILE", "--business"),
        ("--phone", NUMBER, "--replay-token", "FILE", "--offer", "similar-own"),
        ("--replay-token", "FILE"),
        ("--phone", NUMBER, "--replay-token", "EMPTY"),
        ("--phone", NUMBER, "--replay-token", "NONE"),
    ],
    ids=" ".join,
)
def test_what_is_no_question_is_refused(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Before anything is sent, and without repeating contact data."""
    registry.on("ExplainDecision", ANSWER)
    (tmp_path / "FILE").write_text(base64.b64encode(TOKEN).decode())
    (tmp_path / "EMPTY").write_text("\n")
    placed = [str(tmp_path / each) if each.isupper() else each for each in arguments]
    outcome = consentctl("explain", *placed)
    assert outcome.code == 2
    assert not registry.calls["ExplainDecision"]
    assert "39 98" not in outcome.err
    assert "example.com" not in outcome.err


def test_a_refused_token_is_told(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """Exit code 2: the request was wrong."""
    (tmp_path / "token").write_text(base64.b64encode(TOKEN).decode())
    fault = failing(
        grpc.StatusCode.INVALID_ARGUMENT, "not this registry's", reason="INVALID_REPLAY_TOKEN"
    )
    registry.on("ExplainDecision", fault)
    outcome = consentctl("explain", "--replay-token", tmp_path / "token", "--phone", NUMBER)
    assert outcome.code == 2
    assert "INVALID_REPLAY_TOKEN" in outcome.err
