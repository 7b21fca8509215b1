"""`consentctl filter` splits an audience whole, or leaves everything as it was."""

from __future__ import annotations

import csv
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from consent_registry.v1.contact_pb2 import Channel, CustomerContext
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    AudienceMember,
    AudienceMemberResult,
    FilterAudienceRequest,
    FilterAudienceResponse,
)
from consent_registry_client.cli import _outputs
from tests.unit.client.console import Console, Outcome
from tests.unit.client.fake_registry import FakeRegistry, answers_to, failing, honest, result

ADDED = ["verdict", "reason", "valid_until"]
VERDICTS = {
    "allow": (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT),
    "deny": (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION),
    "review": (Verdict.VERDICT_REVIEW, Reason.REASON_UNIT_UNCLEAR),
    "later": (77, 99),
}


def by_name(member: AudienceMember) -> AudienceMemberResult:
    if member.target.WhichOneof("contact_point") is None:
        return result(Verdict.VERDICT_DENY, Reason.REASON_INVALID_CONTACT_POINT)
    name = member.target.email.partition("@")[0].strip("0123456789")
    verdict = VERDICTS.get(name, (Verdict.VERDICT_DENY, Reason.REASON_INVALID_CONTACT_POINT))
    answer = result(*verdict)
    if name == "allow":
        answer.valid_until.FromSeconds(1_800_000_000)
    return answer


def naive(member: AudienceMember) -> AudienceMemberResult:
    """Allows everyone, even a member without a target."""
    del member
    return result()


class Filter:
    """One audience file and its two outputs."""

    def __init__(self, consentctl: Console, folder: Path) -> None:
        self.consentctl = consentctl
        self.folder = folder
        self.audience = folder / "audience.csv"
        self.allowed = folder / "allowed.csv"
        self.refused = folder / "refused.csv"

    def __call__(self, content: str | bytes, *options: object, channel: str = "email") -> Outcome:
        self.audience.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.consentctl("filter", self.audience, *self.options(channel), *options)

    def options(self, channel: str = "email") -> list[object]:
        return [
            *("--channel", channel, "--purpose", "direct_marketing"),
            *("--allowed", self.allowed, "--refused", self.refused),
        ]

    def rows(self, path: Path, delimiter: str = ",") -> list[list[str]]:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            return list(csv.reader(file, delimiter=delimiter))

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def filtering(registry: FakeRegistry, consentctl: Console, tmp_path: Path) -> Filter:
    registry.on("FilterAudience", honest(by_name))
    return Filter(consentctl, tmp_path)


def test_an_audience_is_split_and_its_columns_are_kept(filtering: Filter) -> None:
    outcome = filtering(
        "Email,note\nallow@example.com, as typed \ndeny@example.com,=1+1\n"
        "review@example.com,\nlater@example.com,x\n"
    )
    assert outcome.code == 0
    assert filtering.rows(filtering.allowed) == [
        ["Email", "note", *ADDED],
        ["allow@example.com", " as typed ", "ALLOW", "CONSENT", "2027-01-15T08:00:00Z"],
    ]
    assert filtering.rows(filtering.refused) == [
        ["Email", "note", *ADDED],
        ["deny@example.com", "=1+1", "DENY", "OBJECTION", ""],
        ["review@example.com", "", "REVIEW", "UNIT_UNCLEAR", ""],
        ["later@example.com", "x", "DENY", "99", ""],
    ]
    assert filtering.files == {"audience.csv", "allowed.csv", "refused.csv"}


def test_the_summary_counts_the_answers(filtering: Filter) -> None:
    content = "email\n" + "allow@example.com\n" * 3 + "deny@example.com\n"
    outcome = filtering(content, "--json")
    assert outcome.json["counts"] == [
        {"verdict": "ALLOW", "reason": "CONSENT", "rows": 3},
        {"verdict": "DENY", "reason": "OBJECTION", "rows": 1},
    ]
    assert (outcome.json["rows"], outcome.json["bad_rows"]) == (4, 0)
    assert "OBJECTION" in filtering(content).out


def test_an_audience_of_nobody_gives_two_headers(filtering: Filter) -> None:
    assert filtering("email\n").code == 0
    assert filtering.rows(filtering.allowed) == [["email", *ADDED]]
    assert filtering.rows(filtering.refused) == [["email", *ADDED]]


def test_many_chunks_keep_the_order(filtering: Filter) -> None:
    names = ["allow", "deny", "review"]
    rows = [f"{names[n % 3]}@example.com,{n}" for n in range(10_000)]
    assert filtering("\n".join(["email,n", *rows])).code == 0
    allowed = [int(row[1]) for row in filtering.rows(filtering.allowed)[1:]]
    refused = [int(row[1]) for row in filtering.rows(filtering.refused)[1:]]
    assert allowed == [n for n in range(10_000) if n % 3 == 0]
    assert refused == [n for n in range(10_000) if n % 3]


@pytest.mark.parametrize("judge", [by_name, naive], ids=["honest registry", "naive registry"])
def test_bad_rows_are_refused_reported_and_spoil_nothing_else(
    registry: FakeRegistry, filtering: Filter, judge: Callable[..., Any]
) -> None:
    registry.on("FilterAudience", honest(judge))
    outcome = filtering(
        b"email,name\n"
        b"allow1@example.com,x\n"
        b"allow@example.com\n"  # line 3: too few cells
        b"allow@example.com,x,more\n"  # line 4: too many
        b"allow@example.com,\x00\n"  # line 5
        b"allow@example.com,caf\xe9\n"  # line 6
        b" ,no email\n"  # line 7
        b'"allow@example.com,x\n'  # line 8: a stray quote
        b"allow2@example.com,x\n"
    )
    assert outcome.code == 4
    assert [row[0] for row in filtering.rows(filtering.allowed)[1:]] == [
        "allow1@example.com",
        "allow2@example.com",
    ]
    refused = filtering.rows(filtering.refused)[1:]
    assert [row[2:4] for row in refused] == [["DENY", "BAD_ROW"]] * 6
    assert refused[1] == ["allow@example.com", "x", "DENY", "BAD_ROW", "", "more"]
    assert [line.split(":")[0].strip() for line in outcome.err.splitlines()] == [
        "6 bad rows",
        *(f"line {line}" for line in range(3, 9)),
    ]
    assert "example.com" not in outcome.err
    content = filtering.refused.read_bytes()
    assert b"caf\xe9" in content
    assert b"\x00" in content


def test_a_target_that_cannot_be_used_is_a_bad_row(filtering: Filter) -> None:
    outcome = filtering("email\nallow@example.com\nnonsense\n")
    assert outcome.code == 4
    assert "line 3: the target cannot be used" in outcome.err
    refused = filtering.rows(filtering.refused)[1]
    assert refused == ["nonsense", "DENY", "INVALID_CONTACT_POINT", ""]


def test_many_bad_rows_are_counted_and_the_first_are_listed(filtering: Filter) -> None:
    outcome = filtering("email\n" + "nonsense\n" * 100)
    assert "100 bad rows" in outcome.err
    assert "and 80 more" in outcome.err
    assert len(outcome.err.splitlines()) == 22


def test_the_dialect_of_the_audience_is_that_of_the_outputs(filtering: Filter) -> None:
    content = '\ufeffEmail;note\r\nallow@example.com;"a;b"\r\n'
    assert filtering(content).code == 0
    assert filtering.allowed.read_bytes().startswith(b"\xef\xbb\xbfEmail;note;verdict")
    assert b'allow@example.com;"a;b";ALLOW' in filtering.allowed.read_bytes()
    assert filtering.allowed.read_bytes().endswith(b"\r\n")


def members_of(registry: FakeRegistry, filtering: Filter, content: str, *options: str) -> Any:  # noqa: ANN401
    seen: list[AudienceMember] = []
    scopes: list[Any] = []

    def watch(requests: Iterator[FilterAudienceRequest], context: Any) -> Any:  # noqa: ANN401
        def watched() -> Iterator[FilterAudienceRequest]:
            for request in requests:
                if request.WhichOneof("message") == "scope":
                    scopes.append(request.scope)
                seen.extend(request.chunk.rows.members)
                yield request

        return honest(naive)(watched(), context)

    registry.on("FilterAudience", watch)
    channel, *rest = options
    assert filtering(content, *rest, channel=channel).code == 0
    return scopes[0], seen


def test_a_row_becomes_target_and_subject(registry: FakeRegistry, filtering: Filter) -> None:
    scope, members = members_of(
        registry,
        filtering,
        "Email,Mobile,Phone,region,customer_number,name,country,street,postal_code\n"
        "a@example.com,06 39 98 00 01,+33 1 99 00 00 01,,C1,Marie,FR,12 rue X,75002\n",
        *("sms", "--region", "FR", "--country", "FR"),
    )
    member = members[0]
    assert (scope.channel, scope.recipient_country) == (Channel.CHANNEL_SMS, "FR")
    assert (member.target.phone.number, member.target.phone.region) == ("06 39 98 00 01", "FR")
    kinds = [point.WhichOneof("contact_point") for point in member.subject.contact_points]
    assert kinds == ["email", "address", "phone"]
    assert member.subject.contact_points[2].phone.number == "+33 1 99 00 00 01"
    assert (member.subject.name, member.subject.customer_number) == ("Marie", "C1")
    assert member.recipient_country == "FR"


@pytest.mark.parametrize(
    "channel, content, kind",
    [
        ("email", "email\na@example.com", "email"),
        ("voice_call", "phone\n+33639980001", "phone"),
        ("automated_call", "phone\n+33639980001", "phone"),
        ("messaging", "platform,handle,phone\nwhatsapp,marie,+33639980001", "handle"),
        ("messaging", "platform,handle,phone\n,,+33639980001", "phone"),
        ("door_to_door", "street,postal_code\n12 rue X,75002", "address"),
        ("post", "street,postal_code\n12 rue X,75002", "address"),
        ("online_advertising", "email,phone\n,+33639980001", "phone"),
        ("processing", "email,phone\na@example.com,+33639980001", "email"),
    ],
)
def test_each_channel_reaches_its_kind_of_target(
    registry: FakeRegistry, filtering: Filter, channel: str, content: str, kind: str
) -> None:
    _, members = members_of(registry, filtering, content, channel)
    assert members[0].target.WhichOneof("contact_point") == kind


def test_the_customer_relationship_comes_from_the_row_or_else_from_the_options(
    registry: FakeRegistry, filtering: Filter
) -> None:
    _, members = members_of(
        registry,
        filtering,
        "email,contract,last_sale_at,informed_at_collection\n"
        "a@example.com,ENDED,2026-09-01,yes\nb@example.com,,,\n",
        *("email", "--contract", "running", "--offer", "similar_own"),
    )
    first, second = (member.customer for member in members)
    assert first.contract == CustomerContext.CONTRACT_ENDED
    assert second.contract == CustomerContext.CONTRACT_RUNNING
    assert first.last_sale_at.ToJsonString() == "2026-09-01T00:00:00Z"
    assert (first.informed_at_collection, second.informed_at_collection) == (True, False)
    assert {first.offer, second.offer} == {CustomerContext.OFFER_SIMILAR_OWN}


@pytest.mark.parametrize(
    "header, cell",
    [
        ("relationship", "friend"),
        ("last_sale_at", "yesterday"),
        ("last_sale_at", "2026-09-01 12:00"),
        ("informed_at_collection", "perhaps"),
    ],
)
def test_a_relationship_that_cannot_be_read_makes_a_bad_row(
    filtering: Filter, header: str, cell: str
) -> None:
    outcome = filtering(f"email,{header}\nallow@example.com,{cell}\n")
    assert outcome.code == 4
    assert f"line 2: {header}" in outcome.err
    assert cell not in outcome.err


def breaking(requests: Iterator[FilterAudienceRequest], context: grpc.ServicerContext) -> Any:  # noqa: ANN401
    next(requests)
    yield answers_to(next(requests), by_name)
    failing(grpc.StatusCode.UNAVAILABLE, "stopping")(None, context)


def without_summary(requests: Iterator[FilterAudienceRequest], _: object) -> Any:  # noqa: ANN401
    next(requests)
    for request in requests:
        yield answers_to(request, by_name)


def miscounting(requests: Iterator[FilterAudienceRequest], context: object) -> Any:  # noqa: ANN401
    for response in honest(by_name)(requests, context):
        if response.WhichOneof("message") == "summary":
            response.summary.members -= 1
        yield response


def one_short(requests: Iterator[FilterAudienceRequest], context: object) -> Any:  # noqa: ANN401
    response: FilterAudienceResponse
    for response in honest(by_name)(requests, context):
        if response.WhichOneof("message") == "chunk_result":
            response.chunk_result.results.pop()
        yield response


@pytest.mark.parametrize(
    "behaviour, code",
    [
        pytest.param(breaking, 3, id="breaks off"),
        pytest.param(without_summary, 3, id="no summary"),
        pytest.param(miscounting, 3, id="summary disagrees"),
        pytest.param(one_short, 3, id="one answer missing"),
        pytest.param(failing(grpc.StatusCode.NOT_FOUND, "no"), 2, id="unknown controller"),
        pytest.param(failing(grpc.StatusCode.PERMISSION_DENIED, "no"), 3, id="not granted"),
    ],
)
@pytest.mark.parametrize("existing", [True, False], ids=["outputs exist", "no outputs yet"])
def test_an_incomplete_answer_leaves_everything_as_it_was(
    registry: FakeRegistry,
    filtering: Filter,
    behaviour: Callable[..., Any],
    code: int,
    existing: bool,
) -> None:
    registry.on("FilterAudience", behaviour)
    if existing:
        filtering.allowed.write_text("before")
        filtering.refused.write_text("before")
    before = filtering.files | {"audience.csv"}
    outcome = filtering("email\n" + "allow@example.com\n" * 9_000)
    assert outcome.code == code
    assert outcome.err
    assert filtering.files == before
    if existing:
        assert filtering.allowed.read_text() == filtering.refused.read_text() == "before"


@pytest.mark.parametrize("moment", ["write", "seal", "publish"])
def test_a_full_disk_leaves_everything_as_it_was(
    filtering: Filter, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    filtering.allowed.write_text("before")
    filtering.refused.write_text("before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_outputs.Output, moment, full)
    outcome = filtering("email\n" + "allow@example.com\n" * 9_000)
    assert outcome.code == 2
    assert "No space left on device" in outcome.err
    assert filtering.allowed.read_text() == filtering.refused.read_text() == "before"
    assert filtering.files == {"audience.csv", "allowed.csv", "refused.csv"}


@pytest.mark.parametrize(
    "allowed, refused",
    [
        pytest.param("out.csv", "out.csv", id="one for both"),
        pytest.param("audience.csv", "out.csv", id="over the audience"),
        pytest.param("out.csv", "./sub/../audience.csv", id="over the audience by a detour"),
        pytest.param("/dev/null", "out.csv", id="a device"),
        pytest.param("sub", "out.csv", id="a folder"),
        pytest.param("missing/out.csv", "out.csv", id="in no folder"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_anything_is_asked(
    registry: FakeRegistry, filtering: Filter, allowed: str, refused: str
) -> None:
    (filtering.folder / "sub").mkdir()
    filtering.allowed = filtering.folder / allowed
    filtering.refused = filtering.folder / refused
    outcome = filtering("email\nallow@example.com\n")
    assert outcome.code == 2
    assert filtering.audience.read_text() == "email\nallow@example.com\n"
    assert filtering.files == {"audience.csv", "sub"}
    assert not registry.calls["FilterAudience"]


@pytest.mark.parametrize(
    "content, options",
    [
        pytest.param("name\nMarie\n", [], id="no column for the target"),
        pytest.param("a@example.com\nb@example.com\n", [], id="no header"),
        pytest.param("", [], id="empty"),
        pytest.param("email\n", ["--column", "email=Courriel"], id="no such column"),
        pytest.param("email\n", ["--time-zone", "Mars/Olympus"], id="no such time zone"),
    ],
)
def test_a_file_that_cannot_be_understood_is_wrong_usage(
    filtering: Filter, content: str, options: list[str]
) -> None:
    outcome = filtering(content, *options)
    assert outcome.code == 2
    assert "example.com" not in outcome.err
    assert filtering.files == {"audience.csv"}


def test_an_output_behind_a_link_is_replaced_where_it_is(filtering: Filter) -> None:
    target = filtering.folder / "target.csv"
    target.write_text("before")
    filtering.allowed.symlink_to(target)
    assert filtering("email\nallow@example.com\n").code == 0
    assert filtering.allowed.is_symlink()
    assert "ALLOW" in target.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_interruption_leaves_nothing_half_written(
    registry: FakeRegistry, filtering: Filter, number: signal.Signals
) -> None:
    answered = threading.Event()

    def stalling(requests: Iterator[FilterAudienceRequest], _: object) -> Any:  # noqa: ANN401
        next(requests)
        yield answers_to(next(requests), by_name)
        next(requests)
        answered.set()
        for _request in requests:
            pass

    registry.on("FilterAudience", stalling)
    filtering.audience.write_text("email\n" + "allow@example.com\n" * 9_000)
    command = [sys.executable, "-m", "consent_registry_client.cli", "--address", registry.address]
    process = subprocess.Popen(
        [*command, "filter", *map(str, [filtering.audience, *filtering.options()])],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert answered.wait(30)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted\n")
    assert filtering.files == {"audience.csv"}
