"""Makes results of a register's files, and records them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

from consent_registry.v1.registry_service_pb2 import RegisterResult
from consent_registry_client import Client, listed, not_listed
from consent_registry_client.cli._batch import RequestIds
from consent_registry_client.cli._faults import Faults
from consent_registry_client.cli._outputs import Output
from consent_registry_client.cli._people import RowFault
from consent_registry_client.cli._scrub_files import Rows

REPORT_COLUMNS = ("line", "reason")
RESULTS_PER_CALL = 5_000
MAX_CALL_BYTES = 2 * 1024 * 1024
CALL_TIMEOUT_S = 60.0

Results = Iterator[tuple[int, RegisterResult]]
"""Each with the line it is of."""


@dataclass(slots=True, kw_only=True)
class Load:
    """One scrub on its way into the registry."""

    client: Client
    controller: str
    register: str
    checked_on: date
    ids: RequestIds
    report: Output
    faults: Faults = field(default_factory=Faults)
    listed: int = 0
    clear: int = 0

    def store(self, results: Results, step: Callable[[], None]) -> None:
        """Records all results, a bounded number a call."""
        for part, chunk in enumerate(_chunks(results, step)):
            response = self.client.record_register_results(
                controller=self.controller,
                register=self.register,
                checked_on=self.checked_on,
                results=[result for _, result in chunk],
                request_id=self.ids.of(part),
                timeout_s=CALL_TIMEOUT_S,
            )
            self.listed += response.listed
            self.clear += response.clear
            for index in response.invalid:
                self._refuse(chunk[index][0], "no normal form")

    def listings(self, rows: Rows) -> Results:
        """Yields that everything in a file is listed."""
        for record in rows:
            try:
                points = rows.points(record)
                day = rows.listed_on(record, self.checked_on)
            except RowFault as fault:
                self._refuse(record.line, str(fault))
            else:
                yield from ((record.line, listed(point, on=day)) for point in points)

    def differences(self, rows: Rows, returned: set[str]) -> Results:
        """Yields that what came back of a submitted file is clear, and that the rest is listed."""
        for record in rows:
            try:
                numbers = rows.numbers(record)
            except RowFault as fault:
                self._refuse(record.line, str(fault))
                continue
            for number, point in numbers:
                is_clear = number.digits in returned
                yield record.line, not_listed(point) if is_clear else listed(point)

    def _refuse(self, line: int, reason: str) -> None:
        self.faults.add(line, reason)
        self.report.write([str(line), reason])


def _chunks(
    results: Results, step: Callable[[], None]
) -> Iterator[list[tuple[int, RegisterResult]]]:
    chunk: list[tuple[int, RegisterResult]] = []
    size = 0
    for line, result in results:
        step()
        chunk.append((line, result))
        size += result.ByteSize()
        if len(chunk) >= RESULTS_PER_CALL or size >= MAX_CALL_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
