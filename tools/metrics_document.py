"""Writes docs/metrics.md from the programs' own metrics, or with `--check` tells if it is true."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from consent_registry_client import UnsubscribeMethod
from consent_registry_server.domain.retention import Overdue
from consent_registry_server.domain.vocabulary import GROUP, Channel, Reason, Verdict
from consent_registry_server.handler_process import collectors
from consent_registry_server.mail.metrics import MailMetrics
from consent_registry_server.policy.load import load_policy
from consent_registry_server.rpc.expiring import ExpiringIdentities
from consent_registry_server.rpc.export_lag import ExportLag
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.overdue import OverdueIdentities
from consent_registry_server.rpc.rights_request_counts import RightsRequestCounts
from consent_registry_server.rpc.scrub_ages import ScrubAges
from consent_registry_server.service.ports import ScrubAge
from consent_registry_server.service.subject_ports import RightsRequestCount
from consent_registry_server.storage.database import PoolStatus
from consent_registry_server.web.metrics import Outcome, WebMetrics

DOCUMENT = Path("docs/metrics.md")

_WORDS: Final = {
    "code": "the codes of gRPC",
    "controller": f"the controllers of the policy, `{GROUP}`",
    "method": "the methods of the contract (`consent_registry.v1.<service>/<method>`), `unknown`",
    "register": "the national registers of the policy",
    "route": "`brand`, `healthz`, `icon`, `link`, `logo`, `none`, `readyz`, `style`",
    "status": "HTTP statuses, `499` for no answer",
    "version": "that of the program or policy",
}
"""The values of labels that are too many to list, or not known here."""

_HTTP: Final = "`GET`, `HEAD`, `POST`, `OPTIONS`, `PUT`, `PATCH`, `DELETE`, `OTHER`"
_OF_ONE: Final = {
    ("consent_registry_register_results", "status"): "`CLEAR`, `INVALID`, `LISTED`",
    ("consent_registry_web_requests", "method"): _HTTP,
    ("consent_registry_web_request_duration_seconds", "method"): _HTTP,
    ("consent_registry_unsubscribes", "method"): "`MAIL`, `ONE_CLICK`, `PAGE`",
    ("consent_registry_web_unsubscribes", "method"): "`one_click`, `page`",
}
_UNITS: Final = (
    ("_timestamp_seconds", "seconds since 1970"),
    ("_seconds", "seconds"),
    ("_days", "days"),
    ("_info", "always 1"),
    ("_up", "1 or 0"),
    ("_ready", "1 or 0"),
)
_LIBRARY: Final = ("process_", "python_")
_INTRODUCTION: Final = """\
# Metrics

`make metrics-doc` writes this page from what the programs register; a test keeps it true, and
another compares it with the pages of running programs. Each program serves its metrics in
Prometheus's format, at `/metrics` of `CONSENT_REGISTRY_METRICS_ADDRESS`.

No label has contact data, a name that a caller chose, or anything else without bound. What is read
of the database is read at most once a minute or so, and waited for two seconds at most; while the
database does not answer, those gauges are missing, and the one that ends in `_up` is 0. Counters
that alerts watch are there from the start, with 0.

The chart's recording rules, alerts and dashboard are in `charts/consent-registry/files`; what to
do about each alert is in [operations.md](operations.md).
"""


class Program(NamedTuple):
    """A program, and all that it registers."""

    title: str
    command: str
    registry: CollectorRegistry


class Described(NamedTuple):
    """One metric; its name is that of PromQL, without the suffixes of histograms."""

    name: str
    kind: str
    labels: Mapping[str, str]
    unit: str
    meaning: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    text = document()
    if not parser.parse_args(arguments).check:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
        print(f"{DOCUMENT} is not what the programs register; run `make metrics-doc`")
        return 1
    return 0


def document() -> str:
    """The page."""
    return "\n".join([_INTRODUCTION, *(line for each in programs() for line in _section(each))])


def programs() -> Iterator[Program]:
    """The programs that are scraped."""
    yield Program("Server", "serve", _server())
    yield Program("Unsubscribe pages", "unsubscribe-web", _web())
    registry = collectors()
    MailMetrics(registry)
    yield Program("Unsubscribe mail", "unsubscribe-mail", registry)


def described(registry: CollectorRegistry) -> list[Described]:
    """Its metrics, in alphabetical order."""
    return sorted(map(_described, registry.collect()))


def _server() -> CollectorRegistry:
    """That of a server whose database answers, with every label once."""
    registry = collectors()
    metrics = Metrics(registry)
    policy = load_policy()
    metrics.watch_calls(lambda: 0)
    metrics.watch_certificate(lambda: 0)
    metrics.watch_database_pool(lambda: PoolStatus(0, 0, 0), limit=0)
    metrics.watch_registers(lambda: policy)
    metrics.watch_versions("", policy=lambda: "")
    metrics.rpc_ended("", "OK", 0)
    for channel in (None, *Channel):
        for reason in Reason:
            metrics.decided(channel, Verdict.ALLOW, reason=reason)
    for verdict in Verdict:
        metrics.decided(None, verdict, reason=Reason.CONSENT)
    clock: Callable[[], int] = lambda: 0  # noqa: E731 - a clock that stands
    for collector in (
        ScrubAges(lambda _: [ScrubAge(GROUP, "", 0)], clock=clock),
        OverdueIdentities(lambda *_: Overdue(0, None), clock=clock),
        ExpiringIdentities(lambda *_: 0, clock=clock),
        ExportLag(lambda _: 0.0),
        RightsRequestCounts(lambda _: [RightsRequestCount(GROUP, 0, 0)]),
    ):
        registry.register(collector)
    return registry


def _web() -> CollectorRegistry:
    registry = collectors()
    metrics = WebMetrics(registry)
    metrics.answered("", "GET", status=200, duration_s=0)
    metrics.unsubscribed(UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE, Outcome.STORED)
    return registry


def _described(family: Metric) -> Described:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    values: dict[str, set[str]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            values.setdefault(label, set()).add(value)
    values.pop("le", None)
    labels = {label: _values(family.name, label, values[label]) for label in sorted(values)}
    unit = next((unit for suffix, unit in _UNITS if family.name.endswith(suffix)), "")
    return Described(name, family.type, labels, unit, family.documentation)


def _values(name: str, label: str, found: Iterable[str]) -> str:
    known = _OF_ONE.get((name, label)) or _WORDS.get(label)
    return known or ", ".join(f"`{value}`" for value in sorted(found))


def _section(program: Program) -> Iterator[str]:
    every = described(program.registry)
    yield f"## {program.title}: `consent-registry {program.command}`"
    yield ""
    yield "| Metric | Type | Labels | Unit | Meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for metric in every:
        if not metric.name.startswith(_LIBRARY):
            labels = "<br>".join(f"`{name}`: {values}" for name, values in metric.labels.items())
            kind = f"{metric.kind} | {labels} | {metric.unit}"
            yield f"| `{metric.name}` | {kind} | {metric.meaning} |".replace("  ", " ")
    yield ""
    library = [f"`{each.name}`" for each in every if each.name.startswith(_LIBRARY)]
    yield f"Beside them those of the process: {', '.join(library)}."
    yield ""


if __name__ == "__main__":
    raise SystemExit(main())
