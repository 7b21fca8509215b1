"""The client library and `consentctl`, against the real server."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from consent_registry.v1.contact_pb2 import ContactPoint
from consent_registry.v1.entry_pb2 import EntryKind
from consent_registry_client import (
    AsyncClient,
    AudienceMember,
    Channel,
    Client,
    Reason,
    RequestIdReused,
    Source,
    allows,
    contact_question,
    email,
    expressed_at,
    phone,
    subject,
)
from tests.e2e.people import FRANCE, MARKETING, Person, paris, proof, somebody
from tests.e2e.registry_process import CONSENTCTL, PREFIX, RegistryProcess

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def client(registry: RegistryProcess) -> Iterator[Client]:
    with Client(registry.address, timeout_s=30) as client:
        yield client


@pytest.fixture
def consentctl(registry: RegistryProcess) -> Run:
    """Runs the command against the shared server, for France."""
    settings = {
        "ADDRESS": registry.address,
        "CONTROLLER": FRANCE,
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CONSENTCTL, *arguments],
            env=others | {PREFIX + name: value for name, value in settings.items()},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_the_client_asks_writes_and_lists(client: Client) -> None:
    person = somebody()
    ask = {
        "controller": FRANCE,
        "target": person.email,
        "channel": Channel.CHANNEL_EMAIL,
        "purpose": MARKETING,
        "recipient_country": "FR",
    }

    before = client.may_contact(**ask)  # type: ignore[arg-type]
    recorded = client.record_consent(
        controller=FRANCE,
        subject=subject(person.email),
        channels=[Channel.CHANNEL_EMAIL],
        purposes=[MARKETING],
        expression=expressed_at(paris(2025, 3, 18), source=Source.SOURCE_WEB_FORM),
        evidence=proof(),
    )
    after = client.may_contact(**ask)  # type: ignore[arg-type]
    entries = list(client.list_entries(controller=FRANCE, contact_point=person.email))

    assert (bool(before), before.reason) == (False, Reason.REASON_NO_CONSENT)
    assert (bool(after), after.reason) == (True, Reason.REASON_CONSENT)
    assert [(each.entry_id, each.kind) for each in entries] == [
        (recorded.entry_id, EntryKind.ENTRY_KIND_CONSENT)
    ]


def test_the_client_tells_a_request_id_that_was_used_for_something_else(client: Client) -> None:
    def add(point: ContactPoint) -> object:
        return client.add_do_not_contact(
            controller=FRANCE,
            request_id="the-same",
            subject=subject(point),
            expression=expressed_at(paris(2025, 1, 14), source=Source.SOURCE_CHAT),
        )

    add(somebody().email)

    with pytest.raises(RequestIdReused):
        add(somebody().email)


def test_the_client_filters_an_audience_of_several_chunks(client: Client) -> None:
    objector = somebody()
    client.add_do_not_contact(
        controller=FRANCE,
        subject=subject(objector.email),
        expression=expressed_at(paris(2025, 1, 14), source=Source.SOURCE_CHAT),
    )
    members = [AudienceMember(target=email(f"audience-{at}@example.com")) for at in range(250)]
    members.insert(123, AudienceMember(target=objector.email))

    answers = client.filter_audience(
        members,
        chunk_members=40,
        controller=FRANCE,
        channel=Channel.CHANNEL_EMAIL,
        purpose="satisfaction_survey",
        recipient_country="FR",
    )
    allowed = [allows(each) for each in answers]

    assert [at for at, each in enumerate(allowed) if not each] == [123]
    assert answers.finish().members == 251


async def test_the_asyncio_client_asks_as_the_other_does(registry: RegistryProcess) -> None:
    questions = [
        contact_question(
            controller=FRANCE,
            target=phone(f"06 39 98 99 {number}", region="FR"),
            channel=Channel.CHANNEL_SMS,
            purpose=purpose,
        )
        for number, purpose in ((90, MARKETING), (91, "service"))
    ]
    async with AsyncClient(registry.address, timeout_s=30) as client:
        results = await client.batch_check_contact(questions)

    assert [Reason.Name(each.decision.reason) for each in results] == [
        "REASON_NO_CONSENT",
        "REASON_NOT_MARKETING",
    ]


def _survey(person: Person) -> Sequence[str]:
    """May this person be asked about the quality of a service, by email?"""
    return (
        "check",
        "--email",
        person.email.email,
        "--channel",
        "email",
        "--purpose",
        "satisfaction_survey",
        "--recipient-country",
        "FR",
        "--json",
    )


def test_the_command_records_what_it_is_then_told(consentctl: Run) -> None:
    person = somebody()
    named = ("--email", person.email.email, "--source", "call_centre")

    before = consentctl(*_survey(person))
    added = consentctl("dnc", "add", *named, "--said-at", "2025-01-14T10:00:00Z", "--json")
    entry_id = json.loads(added.stdout)["entry_id"]
    objected = consentctl(*_survey(person))
    lifted = consentctl(
        "dnc", "lift", entry_id, "--source", "letter", "--note", "wrote to us", "--json"
    )
    after = consentctl(*_survey(person))

    codes = [each.returncode for each in (before, added, objected, lifted, after)]
    assert codes == [0, 0, 1, 0, 0], added.stderr + lifted.stderr
    assert "OBJECTION" in objected.stdout


def test_the_command_says_that_there_is_no_answer(consentctl: Run) -> None:
    nobody = consentctl("--address", "127.0.0.1:1", *_survey(somebody()))

    assert nobody.returncode == 3
    assert "Traceback" not in nobody.stderr


def test_the_command_says_that_a_question_is_wrong(consentctl: Run) -> None:
    wrong = consentctl("check", "--email", "zephyrine", "--channel", "email", "--purpose", "none")

    assert wrong.returncode == 2
    assert "zephyrine" not in wrong.stderr + wrong.stdout


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_a_bad_row_of_an_audience_spoils_only_itself(consentctl: Run, tmp_path: Path) -> None:
    objector = somebody()
    consentctl("dnc", "add", "--email", objector.email.email, "--source", "chat")
    good = [somebody().email.email for _ in range(3)]
    audience = tmp_path / "audience.csv"
    rows = ["email", *good[:2], "no-address", objector.email.email, good[2]]
    audience.write_text("\n".join(rows))
    allowed, refused = tmp_path / "allowed.csv", tmp_path / "refused.csv"

    done = consentctl(
        "filter",
        audience,
        "--channel",
        "email",
        "--purpose",
        "satisfaction_survey",
        "--country",
        "FR",
        "--allowed",
        allowed,
        "--refused",
        refused,
    )

    assert done.returncode == 4, done.stderr
    assert [row["email"] for row in _rows(allowed)] == good
    assert [(row["email"], row["reason"]) for row in _rows(refused)] == [
        ("no-address", "INVALID_CONTACT_POINT"),
        (objector.email.email, "OBJECTION"),
    ]


def test_an_import_repeated_stores_nothing_twice(
    consentctl: Run, registry: RegistryProcess, tmp_path: Path
) -> None:
    people = [somebody() for _ in range(3)]
    file = tmp_path / "opt-outs.csv"
    rows = [f"{each.email.email},2025-01-14" for each in people]
    rows.insert(1, "no-address,2025-01-14")
    file.write_text("\n".join(["email,expressed_at", *rows]))
    before = registry.scalar("SELECT count(*) FROM entry")

    done = [consentctl("import", file, "--time-zone", "Europe/Paris") for _ in range(2)]

    assert [each.returncode for each in done] == [4, 4], done[0].stderr
    assert registry.scalar("SELECT count(*) FROM entry") == before + 3
    assert consentctl(*_survey(people[0])).returncode == 1
