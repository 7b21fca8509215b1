"""What is scraped from running programs, against what is documented, and asked for by the chart."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from consent_registry.v1.decision_service_pb2 import FilterAudienceRequest
from tests.charts.rules.asked import (
    GIVEN,
    RELEASE,
    Expression,
    family_of,
    of_panels,
    of_rules,
    recorded,
)
from tests.e2e import filled
from tests.e2e.certificate import self_signed
from tests.e2e.connection import Connection
from tests.e2e.examples import question
from tests.e2e.handler_process import MAIL, WEB, WITHOUT_RATES, HandlerProcess, running
from tests.e2e.people import somebody, subject
from tests.e2e.prometheus import Prometheus, scraping
from tests.e2e.registry_process import NotYet, RegistryProcess, eventually
from tests.e2e.test_registers import CALL, CLEAR, scrub
from tests.e2e.unsubscribing import get, path_of, press, tokens_for
from tools.metrics_document import DOCUMENT

_DOCUMENTED: Final = re.compile(r"`((?:consent_registry|process|python)_[a-z_]+)`")
_COUNTED: Final = re.compile(r"_total$")
_ELSEWHERE: Final = {
    "up": frozenset[str](),
    "ALERTS": frozenset({"alertname", "alertstate"}),
    "kube_cronjob_created": frozenset({"cronjob"}),
    "kube_cronjob_status_last_successful_time": frozenset({"cronjob"}),
    "kube_job_failed": frozenset({"job_name", "condition"}),
}
"""What Prometheus itself or kube-state-metrics has."""
_WITHOUT_DATA: Final = frozenset({"Lag of the exported log"})
"""Panels of what this registry does not have: nobody exports its log."""
_CALM: Final = frozenset(
    {
        "ConsentRegistryCertificateExpiring",
        "ConsentRegistryNotExported",
        "ConsentRegistryRegisterScrubStale",
    }
)
"""Alerts that have a cause: the certificate is for a day, scrubs are as old as time passes, and
nobody exports the log, which the chart does not miss unless it is to."""


def _numbered(expressions: Sequence[Expression]) -> list[Any]:
    return [
        pytest.param(expression, id=f"{expression.place}-{number}")
        for number, expression in enumerate(expressions)
    ]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, by the names that PromQL has for its metrics."""

    names: frozenset[str]
    labels: Mapping[str, frozenset[str]]
    """Those of the metrics that have samples."""

    @classmethod
    def read(cls, page: bytes) -> Page:
        """What a program shows."""
        names: set[str] = set()
        labels: dict[str, frozenset[str]] = {}
        for family in text_string_to_metric_families(page.decode()):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            names.add(name)
            for sample in family.samples:
                found = frozenset(sample.labels) - {"le"}
                labels[name] = labels.get(name, frozenset()) | found
        return cls(frozenset(names), labels)


@dataclass(frozen=True, slots=True)
class Programs:
    """A registry over TLS, and its handlers."""

    registry: RegistryProcess
    connection: Connection
    web: HandlerProcess
    mail: HandlerProcess

    def pages(self) -> dict[str, Page]:
        """The page of each, by the job that scrapes it."""
        return {
            RELEASE["SERVER_JOB"]: Page.read(self.registry.metrics()),
            RELEASE["WEB_JOB"]: Page.read(self.web.metrics()),
            RELEASE["MAIL_JOB"]: Page.read(self.mail.metrics()),
        }

    @property
    def ports(self) -> dict[str, int]:
        """Where each is scraped."""
        return {
            RELEASE["SERVER_JOB"]: self.registry.metrics_port,
            RELEASE["WEB_JOB"]: self.web.metrics_port,
            RELEASE["MAIL_JOB"]: self.mail.metrics_port,
        }

    def work(self) -> None:
        """A bit of everything that is counted."""
        person = somebody()
        self.connection.registry.RegisterPartner(filled.register_partner())
        self.connection.registry.RecordPartnerLeads(filled.record_partner_leads())
        today = scrub(person.phone, status=CLEAR)
        today.checked_on = datetime.now(UTC).date().isoformat()
        self.connection.write(today)
        for asked in (
            question(person.phone, CALL),
            question(person.british_phone, CALL, country="GB"),
        ):
            self.connection.decisions.CheckContact(asked)
        audience = [FilterAudienceRequest(scope=filled.scope()), filled.chunk(1, filled.member())]
        list(self.connection.decisions.FilterAudience(iter(audience)))
        (token,) = tokens_for(self.connection, subject(person.email))
        assert get(self.web.port, path_of(token)).status == 200
        assert press(self.web.port, token).status == 200
        with smtplib.LMTP("127.0.0.1", self.mail.port) as client:
            message = f"Subject: {token}\r\n\r\n"
            client.sendmail("a@example.com", ["unsubscribe@mail.example.com"], message)


@pytest.fixture(scope="module")
def programs(
    new_data_dir: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Programs]:
    """All three, after some work."""
    files = self_signed(tmp_path_factory.mktemp("tls"))
    registry = RegistryProcess(
        new_data_dir(), TLS_CERT_FILE=str(files.certificate), TLS_KEY_FILE=str(files.key)
    )
    credentials = grpc.ssl_channel_credentials(files.certificate.read_bytes())
    with ExitStack() as stack:
        stack.callback(registry.stop)
        connection = Connection(registry.address, credentials)
        stack.enter_context(closing(connection.channel))
        tls = {"TLS_CA": str(files.certificate)}
        web = stack.enter_context(running(WEB, registry.address, **tls, **WITHOUT_RATES))
        mail = stack.enter_context(running(MAIL, registry.address, **tls))
        started = Programs(registry, connection, web, mail)
        started.work()
        yield started


@pytest.fixture(scope="module")
def pages(programs: Programs) -> dict[str, Page]:
    """The page of each program."""
    return programs.pages()


@pytest.fixture(scope="module")
def prometheus(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """The real one; where there is none, tests that need it are skipped."""
    program = shutil.which("prometheus")
    if program is None:
        message = "prometheus is not installed"
        if os.environ.get("CI", "").lower() in {"", "0", "false", "no"}:
            pytest.skip(message)
        pytest.fail(message)
    with scraping(program, tmp_path_factory.mktemp("prometheus"), programs.ports) as started:
        _observe(started, programs)
        yield started


def _observe(prometheus: Prometheus, programs: Programs) -> None:
    """Works until what was done with each program is seen as a rate, and recorded."""
    recorded_last = (
        "namespace_job:consent_registry_checks_slow:ratio_rate3d",
        'namespace_job_outcome:consent_registry_mail_messages:rate5m{outcome="stored"} > 0',
        'namespace_job_route_status:consent_registry_web_requests:rate5m{route="link"} > 0',
        'namespace_job_route:consent_registry_web_request_duration_seconds:p99_5m{route="link"}',
    )

    def seen() -> None:
        programs.work()
        missing = [each for each in recorded_last if not prometheus.query(each)]
        if missing:
            raise NotYet(missing)

    eventually(seen)


def test_the_pages_have_what_is_documented_and_nothing_else(pages: Mapping[str, Page]) -> None:
    """By their names, program by program."""
    sections = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]
    assert len(sections) == len(pages)
    for section, page in zip(sections, pages.values(), strict=True):
        assert page.names == set(_DOCUMENTED.findall(section))


@pytest.mark.parametrize("expression", _numbered([*of_rules(), *of_panels()]))
def test_what_a_rule_or_panel_names_exists(
    pages: Mapping[str, Page], expression: Expression
) -> None:
    """Every metric, and every label by which it is chosen or grouped."""
    labels: dict[str, frozenset[str]] = {**_ELSEWHERE, **recorded()}
    for page in pages.values():
        labels |= dict.fromkeys(page.names, frozenset[str]())
        labels |= page.labels
    has: set[str] = set(GIVEN)
    for name, chosen_by in expression.selectors():
        own = labels.get(name, labels.get(family_of(name)))
        assert own is not None, f"nobody has {name}"
        assert chosen_by <= own | GIVEN, name
        has |= own
    assert expression.groupings() <= has


def test_prometheus_evaluates_every_rule(prometheus: Prometheus) -> None:
    """Without an error, and in good time."""
    rules = prometheus.rules()
    assert len(rules) == len(of_rules())
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_nothing_is_alarming_about_programs_that_work(prometheus: Prometheus) -> None:
    """But what is."""
    alarming = {rule["name"] for rule in prometheus.rules() if rule.get("alerts")}
    assert alarming <= _CALM


@pytest.mark.parametrize("expression", _numbered(of_panels()))
def test_a_panel_shows_something(prometheus: Prometheus, expression: Expression) -> None:
    """Of programs that work."""
    found = prometheus.query(expression.text)
    assert bool(found) == (expression.place not in _WITHOUT_DATA)
