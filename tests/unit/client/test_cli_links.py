"""`consentctl links` gives every recipient of a file their link, whole or not at all."""

from __future__ import annotations

import csv
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest

from consent_registry.v1.contact_pb2 import Channel, Subject
from consent_registry.v1.decision_pb2 import ItemError
from consent_registry.v1.unsubscribe_service_pb2 import (
    CreateUnsubscribeLinksRequest,
    CreateUnsubscribeLinksResponse,
    UnsubscribeLink,
    UnsubscribeLinkResult,
)
from consent_registry_client.cli import _link_rows, _outputs
from tests.unit.client.console import Console, Outcome
from tests.unit.client.fake_registry import FakeRegistry, failing

ADDED = ["unsubscribe_url", "list_unsubscribe", "list_unsubscribe_post"]
POST = "List-Unsubscribe=One-Click"


def link_of(name: str) -> UnsubscribeLink:
    """The link of whoever has this email address."""
    token = name.replace("@", "2").replace(".", "3")
    url = f"https://stop.example.org/u/{token}"
    return UnsubscribeLink(
        token=token,
        url=url,
        list_unsubscribe=f"<{url}>, <mailto:stop@example.org?subject={token}>",
        list_unsubscribe_post=POST,
    )


def added_to(name: str) -> list[str]:
    link = link_of(name)
    return [link.url, link.list_unsubscribe, link.list_unsubscribe_post]


def judged(subject: Subject) -> UnsubscribeLinkResult:
    """A link for every person with an email address that has an @."""
    points = [point.email for point in subject.contact_points if point.email]
    name = points[0] if points else "no email"
    if points and "@" not in name:
        error = ItemError(
            code=grpc.StatusCode.INVALID_ARGUMENT.value[0],
            reason="INVALID_CONTACT_POINT",
            message="no email address",
            field="contact_points[0]",
        )
        return UnsubscribeLinkResult(error=error)
    return UnsubscribeLinkResult(link=link_of(name))


def answering(request: CreateUnsubscribeLinksRequest, _: object) -> CreateUnsubscribeLinksResponse:
    return CreateUnsubscribeLinksResponse(results=[judged(one) for one in request.subjects])


class Links:
    """One file of recipients and its two outputs."""

    def __init__(self, consentctl: Console, folder: Path) -> None:
        self.consentctl = consentctl
        self.folder = folder
        self.recipients = folder / "recipients.csv"
        self.output = folder / "linked.csv"
        self.refused = folder / "linked.refused.csv"

    def __call__(self, content: str | bytes, *options: object, channel: str = "email") -> Outcome:
        self.recipients.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.consentctl("links", self.recipients, *self.options(channel), *options)

    def options(self, channel: str = "email") -> list[object]:
        return [
            *("--channel", channel, "--purpose", "direct_marketing"),
            *("--campaign", "spring-2026", "--output", self.output),
        ]

    def rows(self, path: Path, delimiter: str = ",") -> list[list[str]]:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            return list(csv.reader(file, delimiter=delimiter))

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def linking(registry: FakeRegistry, consentctl: Console, tmp_path: Path) -> Links:
    registry.on("CreateUnsubscribeLinks", answering)
    return Links(consentctl, tmp_path)


def test_every_recipient_gets_their_link_and_the_columns_are_kept(
    registry: FakeRegistry, linking: Links
) -> None:
    outcome = linking("Email,note\na@example.com, as typed \nb@example.com,=1+1\n")
    assert (outcome.code, outcome.err) == (0, "")
    assert linking.rows(linking.output) == [
        ["Email", "note", *ADDED],
        ["a@example.com", " as typed ", *added_to("a@example.com")],
        ["b@example.com", "=1+1", *added_to("b@example.com")],
    ]
    assert linking.rows(linking.refused) == [["Email", "note", "fault"]]
    assert linking.files == {"recipients.csv", "linked.csv", "linked.refused.csv"}
    request = registry.requests("CreateUnsubscribeLinks")[0]
    assert (request.controller, request.channel) == ("alarm-fr", Channel.CHANNEL_EMAIL)
    assert (request.purpose, request.campaign) == ("direct_marketing", "spring-2026")


def test_the_summary_counts_the_links(linking: Links) -> None:
    outcome = linking("email\na@example.com\nnonsense\n", "--json")
    assert outcome.json == {
        "linked": 1,
        "bad_rows": 1,
        "output": str(linking.output),
        "refused": str(linking.refused),
    }
    assert linking("email\na@example.com\n").out == f"1 linked, 0 not; see {linking.output}\n"


def test_recipients_of_nobody_give_two_headers(registry: FakeRegistry, linking: Links) -> None:
    """And ask nothing."""
    assert linking("email\n").code == 0
    assert linking.rows(linking.output) == [["email", *ADDED]]
    assert linking.rows(linking.refused) == [["email", "fault"]]
    assert not registry.calls


def test_a_long_file_travels_in_batches_and_keeps_its_order(
    registry: FakeRegistry, linking: Links
) -> None:
    """However many of its rows are bad, each of the others has the link that is its own."""
    names = [f"p{n}@example.com" if n % 7 else "nonsense" for n in range(2_500)]
    assert linking("\n".join(["email", *names])).code == 4
    sizes = [len(each.subjects) for each in registry.requests("CreateUnsubscribeLinks")]
    assert sizes == [1_000, 1_000, 500]
    assert linking.rows(linking.output)[1:] == [
        [name, *added_to(name)] for name in names if name != "nonsense"
    ]
    assert len(linking.rows(linking.refused)) == 1 + names.count("nonsense")


def test_large_rows_travel_in_small_batches(
    registry: FakeRegistry, linking: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message has a size limit."""
    monkeypatch.setattr(_link_rows, "MAX_CALL_BYTES", 2_000)
    assert linking("email,name\n" + f"a@example.com,{'x' * 900}\n" * 10).code == 0
    sizes = [each.ByteSize() for each in registry.requests("CreateUnsubscribeLinks")]
    assert len(sizes) == 4
    assert max(sizes) < 3_000


def test_a_file_is_read_no_faster_than_it_is_answered(
    registry: FakeRegistry, linking: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with the file: rows are written before further ones are read."""
    written: list[int] = []
    rows = 0
    monkeypatch.setattr(_link_rows, "ROWS_PER_CALL", 10)
    write = _outputs.Output.write

    def count(output: _outputs.Output, row: Any) -> None:  # noqa: ANN401
        nonlocal rows
        rows += 1
        write(output, row)

    def watch(request: CreateUnsubscribeLinksRequest, context: object) -> object:
        written.append(rows)
        return answering(request, context)

    monkeypatch.setattr(_outputs.Output, "write", count)
    registry.on("CreateUnsubscribeLinks", watch)
    assert linking("email\n" + "a@example.com\n" * 50).code == 0
    assert written == [2 + 10 * n for n in range(5)]


def test_bad_rows_get_no_link_are_reported_and_spoil_nothing_else(linking: Links) -> None:
    """So that whoever sends to all rows of the output sends nothing without a link."""
    outcome = linking(
        b"email,name\n"
        b"a1@example.com,x\n"
        b"a@example.com\n"  # line 3: too few cells
        b"a@example.com,x,more\n"  # line 4: too many
        b"a@example.com,\x00\n"  # line 5
        b"nonsense,x\n"  # line 6: what the registry refuses
        b"a@example.com,caf\xe9\n"  # line 7
        b" ,no email\n"  # line 8
        b'"a@example.com,x\n'  # line 9: a stray quote
        b"a2@example.com,x\n"
    )
    assert outcome.code == 4
    assert [row[0] for row in linking.rows(linking.output)[1:]] == [
        "a1@example.com",
        "a2@example.com",
    ]
    refused = linking.rows(linking.refused)[1:]
    assert [row[2] for row in refused] == [
        "1 cells instead of 2",
        "3 cells instead of 2",
        "a NUL character",
        "INVALID_CONTACT_POINT contact_points[0]",
        "not UTF-8",
        "no email",
        "not a row of cells",
    ]
    assert refused[1] == ["a@example.com", "x", "3 cells instead of 2", "more"]
    assert [line.split(":")[0].strip() for line in outcome.err.splitlines()] == [
        "7 bad rows",
        *(f"line {line}" for line in range(3, 10)),
    ]
    assert "example.com" not in outcome.err + outcome.out
    content = linking.refused.read_bytes()
    assert b"caf\xe9" in content
    assert b"\x00" in content


def test_a_row_that_is_too_large_is_a_bad_row(linking: Links) -> None:
    long = "x" * 130_000
    outcome = linking(
        f"email{',phone' * 9}\na@example.com{f',{long}' * 9}\nb@example.com{',' * 9}\n"
    )
    assert outcome.code == 4
    assert "line 2: too long" in outcome.err
    assert len(linking.rows(linking.output)) == 2


def test_many_bad_rows_are_counted_and_the_first_are_listed(linking: Links) -> None:
    outcome = linking("email\n" + "nonsense\n" * 100)
    assert "100 bad rows" in outcome.err
    assert f"and 80 more; all of them are in {linking.refused}" in outcome.err
    assert "nonsense" not in outcome.err


def test_no_token_is_printed(linking: Links) -> None:
    """Whoever reads one can use it."""
    outcome = linking("email\na@example.com\n")
    assert "stop.example.org" not in outcome.out + outcome.err


def test_the_dialect_of_the_recipients_is_that_of_the_outputs(linking: Links) -> None:
    content = '\ufeffEmail;note\r\na@example.com;"a;b"\r\n'
    assert linking(content).code == 0
    assert linking.output.read_bytes().startswith(b"\xef\xbb\xbfEmail;note;unsubscribe_url")
    assert b'a@example.com;"a;b";https://' in linking.output.read_bytes()
    assert linking.output.read_bytes().endswith(b"\r\n")
    assert linking.rows(linking.output, ";")[1][2:] == added_to("a@example.com")


def test_everything_that_a_row_tells_of_a_person_goes_into_the_link(
    registry: FakeRegistry, linking: Links
) -> None:
    """What is missing cannot be stopped through it."""
    outcome = linking(
        "Courriel,Mobile,Phone,platform,handle,customer_number,name,street,postal_code\n"
        "a@example.com,06 39 98 00 01,+33 1 99 00 00 01,whatsapp,marie,C1,Marie,12 rue X,75002\n",
        *("--region", "FR", "--country", "FR", "--column", "email=Courriel"),
    )
    assert outcome.code == 0
    (person,) = registry.requests("CreateUnsubscribeLinks")[0].subjects
    kinds = [point.WhichOneof("contact_point") for point in person.contact_points]
    assert kinds == ["email", "phone", "handle", "address", "phone"]
    mobile = person.contact_points[1].phone
    assert (mobile.number, mobile.region) == ("06 39 98 00 01", "FR")
    assert person.contact_points[3].address.country == "FR"
    assert (person.name, person.customer_number) == ("Marie", "C1")


@pytest.mark.parametrize(
    "channel, content",
    [
        ("sms", "phone\n+33639980001"),
        ("messaging", "platform,handle\nwhatsapp,marie"),
        ("post", "street,postal_code\n12 rue X,75002"),
    ],
)
def test_a_link_can_be_for_any_channel(
    registry: FakeRegistry, linking: Links, channel: str, content: str
) -> None:
    assert linking(content, channel=channel).code == 0
    request = registry.requests("CreateUnsubscribeLinks")[0]
    assert request.channel == Channel.Value(f"CHANNEL_{channel.upper()}")
    assert len(request.subjects) == 1


def breaking(request: CreateUnsubscribeLinksRequest, context: grpc.ServicerContext) -> object:
    """Answers all batches but the last one."""
    if len(request.subjects) < _link_rows.ROWS_PER_CALL:
        failing(grpc.StatusCode.PERMISSION_DENIED, "no longer")(request, context)
    return answering(request, context)


def one_short(request: CreateUnsubscribeLinksRequest, context: object) -> object:
    response = answering(request, context)
    response.results.pop()
    return response


def without(
    field: Literal["url", "list_unsubscribe", "list_unsubscribe_post"],
) -> Callable[..., Any]:
    def behave(request: CreateUnsubscribeLinksRequest, context: object) -> object:
        response = answering(request, context)
        response.results[7].link.ClearField(field)
        return response

    return behave


def unset(request: CreateUnsubscribeLinksRequest, context: object) -> object:
    response = answering(request, context)
    response.results[7].Clear()
    return response


@pytest.mark.parametrize(
    "behaviour, code",
    [
        pytest.param(breaking, 3, id="breaks off"),
        pytest.param(one_short, 3, id="one answer missing"),
        pytest.param(unset, 3, id="neither link nor error"),
        pytest.param(without("url"), 3, id="no address"),
        pytest.param(without("list_unsubscribe"), 3, id="no header"),
        pytest.param(without("list_unsubscribe_post"), 3, id="no second header"),
        pytest.param(failing(grpc.StatusCode.NOT_FOUND, "no"), 2, id="unknown controller"),
        pytest.param(failing(grpc.StatusCode.INVALID_ARGUMENT, "no"), 2, id="wrong campaign"),
        pytest.param(failing(grpc.StatusCode.FAILED_PRECONDITION, "no"), 2, id="not configured"),
        pytest.param(failing(grpc.StatusCode.UNAVAILABLE, "no"), 3, id="down"),
    ],
)
@pytest.mark.parametrize("existing", [True, False], ids=["outputs exist", "no outputs yet"])
def test_an_incomplete_answer_leaves_everything_as_it_was(
    registry: FakeRegistry,
    linking: Links,
    behaviour: Callable[..., Any],
    code: int,
    existing: bool,
) -> None:
    registry.on("CreateUnsubscribeLinks", behaviour)
    if existing:
        linking.output.write_text("before")
        linking.refused.write_text("before")
    before = linking.files | {"recipients.csv"}
    outcome = linking("email\n" + "a@example.com\n" * 2_100)
    assert outcome.code == code
    assert outcome.err
    assert linking.files == before
    if existing:
        assert linking.output.read_text() == linking.refused.read_text() == "before"


@pytest.mark.parametrize("moment", ["write", "seal", "publish"])
def test_a_full_disk_leaves_everything_as_it_was(
    linking: Links, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    linking.output.write_text("before")
    linking.refused.write_text("before")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_outputs.Output, moment, full)
    outcome = linking("email\na@example.com\n")
    assert outcome.code == 2
    assert "No space left on device" in outcome.err
    assert linking.output.read_text() == linking.refused.read_text() == "before"
    assert linking.files == {"recipients.csv", "linked.csv", "linked.refused.csv"}


@pytest.mark.parametrize(
    "content, options",
    [
        pytest.param("name\nMarie\n", [], id="no column for the channel"),
        pytest.param("a@example.com\nb@example.com\n", [], id="no header"),
        pytest.param("", [], id="empty"),
        pytest.param("email\n", ["--column", "email=Courriel"], id="no such column"),
        pytest.param("email,unsubscribe_url\n", [], id="links already"),
        pytest.param("email\n", ["--refused", "linked.csv"], id="one output for both"),
        pytest.param("email\n", ["--refused", "recipients.csv"], id="over the recipients"),
        pytest.param("email\n", ["--refused", "missing/refused.csv"], id="in no folder"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_asked(
    registry: FakeRegistry,
    linking: Links,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    options: list[str],
) -> None:
    monkeypatch.chdir(linking.folder)
    outcome = linking(content, *options)
    assert outcome.code == 2
    assert "example.com" not in outcome.err
    assert linking.files == {"recipients.csv"}
    assert linking.recipients.read_text() == content
    assert not registry.calls


def test_the_refused_rows_go_where_they_are_told_to(linking: Links) -> None:
    linking.refused = linking.folder / "elsewhere.csv"
    outcome = linking("email\nnonsense\n", "--refused", linking.refused)
    assert outcome.code == 4
    assert len(linking.rows(linking.refused)) == 2
    assert linking.files == {"recipients.csv", "linked.csv", "elsewhere.csv"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_an_interruption_leaves_nothing_half_written(
    registry: FakeRegistry, linking: Links, number: signal.Signals
) -> None:
    answered, interrupted = threading.Event(), threading.Event()

    def stalling(request: CreateUnsubscribeLinksRequest, context: object) -> object:
        if registry.calls["CreateUnsubscribeLinks"][1:]:
            answered.set()
            interrupted.wait(30)
        return answering(request, context)

    registry.on("CreateUnsubscribeLinks", stalling)
    linking.recipients.write_text("email\n" + "a@example.com\n" * 9_000)
    command = [sys.executable, "-m", "consent_registry_client.cli", "--address", registry.address]
    process = subprocess.Popen(
        [*command, "links", *map(str, [linking.recipients, *linking.options()])],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert answered.wait(30)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    interrupted.set()
    assert (process.returncode, err) == (130, "interrupted\n")
    assert linking.files == {"recipients.csv"}


ONE = ("link", "--channel", "email", "--purpose", "direct_marketing", "--email", "a@example.com")


def test_one_link_is_printed_as_a_message_needs_it(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on("CreateUnsubscribeLinks", answering)
    outcome = consentctl(*ONE, "--phone", "06 39 98 00 01", "--region", "FR", "--campaign", "try")
    url, header, _ = added_to("a@example.com")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        url,
        f"List-Unsubscribe: {header}",
        f"List-Unsubscribe-Post: {POST}",
    ]
    request = registry.requests("CreateUnsubscribeLinks")[0]
    assert (request.controller, request.campaign) == ("alarm-fr", "try")
    assert [one.WhichOneof("contact_point") for one in request.subjects[0].contact_points] == [
        "email",
        "phone",
    ]
    assert consentctl(*ONE, "--json").json["url"] == url


@pytest.mark.parametrize(
    "behaviour, code, told",
    [
        pytest.param(
            CreateUnsubscribeLinksResponse(
                results=[
                    UnsubscribeLinkResult(
                        error=ItemError(code=3, reason="INVALID_CONTACT_POINT", field="x")
                    )
                ]
            ),
            2,
            "no link: INVALID_CONTACT_POINT x",
            id="no link",
        ),
        pytest.param(
            CreateUnsubscribeLinksResponse(results=[UnsubscribeLinkResult()]),
            3,
            "less than a link",
            id="less than a link",
        ),
        pytest.param(
            failing(
                grpc.StatusCode.FAILED_PRECONDITION, "no page", reason="UNSUBSCRIBE_NOT_CONFIGURED"
            ),
            2,
            "UNSUBSCRIBE_NOT_CONFIGURED: no page",
            id="not configured",
        ),
        pytest.param(failing(grpc.StatusCode.UNAVAILABLE, "down"), 3, "down", id="down"),
    ],
)
def test_one_link_that_there_is_not_is_told(
    registry: FakeRegistry,
    consentctl: Console,
    behaviour: Any,  # noqa: ANN401
    code: int,
    told: str,
) -> None:
    registry.on("CreateUnsubscribeLinks", behaviour)
    outcome = consentctl(*ONE)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert "example.com" not in outcome.err


def test_one_link_needs_what_its_channel_reaches(
    registry: FakeRegistry, consentctl: Console
) -> None:
    outcome = consentctl(*ONE, "--channel", "sms")
    assert outcome.code == 2
    assert "needs --phone" in outcome.err
    assert not registry.calls
