"""Makes partner leads of the rows of a file, and records them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from consent_registry.v1.entry_pb2 import Evidence
from consent_registry.v1.registry_service_pb2 import LeadOutcome, PartnerLead, PartnerLeadResult
from consent_registry_client import Client, InvalidRequest, UnusableAnswer, subject, timestamp
from consent_registry_client._messages import build
from consent_registry_client.cli._batch import RequestIds
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._faults import Faults
from consent_registry_client.cli._outputs import Output
from consent_registry_client.cli._people import (
    PERSON_FIELDS,
    Defaults,
    RowFault,
    as_fault,
    further_points,
    main_points,
    require_size,
    require_sound,
)
from consent_registry_client.cli._progress import progress
from consent_registry_client.cli._records import Record, Records
from consent_registry_client.cli._times import parse_instant
from consent_registry_client.cli._words import CHANNELS, LEAD_OUTCOMES, LEAD_REFUSALS

_PROOF_FIELDS = ("notice_version", "text", "form_id", "third_party", "artefact_uri", "ip")
LEAD_FIELDS = (
    *PERSON_FIELDS,
    "lead_id",
    "channels",
    "purposes",
    "captured_at",
    "named_controller",
    *_PROOF_FIELDS,
)
REPORT_COLUMNS = ("line", "outcome", "entry_id", "refusal", "field")
# Half of what the registry takes: leads carry texts, and a message has a size limit too.
LEADS_PER_CALL = 500
MAX_CALL_BYTES = 2 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class LeadRows:
    """The rows of one file of leads, and what holds for all of them."""

    columns: Columns
    channels: list[int]
    purposes: list[str]
    evidence: Evidence
    defaults: Defaults
    zone: ZoneInfo | None

    def lead(self, record: Record) -> PartnerLead:
        """Returns the lead of a row; raises RowFault when it makes none."""
        require_sound(record)
        try:
            lead = self._lead(record)
            require_size(lead)
        except InvalidRequest as error:
            fault = as_fault(error)
        else:
            return lead
        raise fault

    def _lead(self, record: Record) -> PartnerLead:
        value = self.columns.value
        points = [
            *main_points(record, self.columns, self.defaults).values(),
            *further_points(record, self.columns, self.defaults),
        ]
        words = value(record, "channels")
        channels = CHANNELS.numbers(words) if words else self.channels
        if channels is None:
            raise RowFault(f"channels is none of: {CHANNELS.listed}")
        captured_at = parse_instant(value(record, "captured_at"), self.zone)
        if captured_at is None:
            raise RowFault("captured_at is no time, or needs --time-zone")
        purposes = value(record, "purposes").replace(",", " ").replace(";", " ").split()
        return build(
            PartnerLead,
            {
                "lead_id": value(record, "lead_id"),
                "subject": subject(
                    *points,
                    name=value(record, "name"),
                    customer_number=value(record, "customer_number"),
                ),
                "channels": channels,
                "purposes": purposes or self.purposes,
                "captured_at": timestamp(captured_at),
                "named_controller": value(record, "named_controller"),
                "evidence": self._evidence(record),
            },
        )

    def _evidence(self, record: Record) -> Evidence:
        evidence = Evidence()
        evidence.CopyFrom(self.evidence)
        said = {name: self.columns.value(record, name) for name in _PROOF_FIELDS}
        evidence.MergeFrom(build(Evidence, {name: text for name, text in said.items() if text}))
        return evidence


@dataclass(slots=True, kw_only=True)
class Leads:
    """One file of leads on its way into the registry."""

    records: Records
    rows: LeadRows
    report: Output
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)

    def store(self, client: Client, *, controller: str, partner_id: str, ids: RequestIds) -> None:
        """Records all leads, a bounded number a call."""
        self.report.write(REPORT_COLUMNS)
        with progress(
            "recording", self.records.size, position=lambda: self.records.bytes_read
        ) as step:
            for chunk in self._chunks():
                response = client.record_partner_leads(
                    controller=controller,
                    partner_id=partner_id,
                    leads=[lead for _, lead in chunk],
                    request_id=ids.of(chunk[0][0].line),
                )
                if len(response.results) != len(chunk):
                    raise UnusableAnswer("the leads were not answered one for one")
                for (record, _), result in zip(chunk, response.results, strict=True):
                    self._note(record, result)
                    step()

    def _chunks(self) -> Iterator[list[tuple[Record, PartnerLead]]]:
        chunk: list[tuple[Record, PartnerLead]] = []
        size = 0
        for record in self.records:
            try:
                lead = self.rows.lead(record)
            except RowFault as fault:
                self._count(record, "bad_row", str(fault))
                self.report.write([str(record.line), "bad_row", "", str(fault), ""])
                continue
            chunk.append((record, lead))
            size += lead.ByteSize()
            if len(chunk) >= LEADS_PER_CALL or size >= MAX_CALL_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _note(self, record: Record, result: PartnerLeadResult) -> None:
        outcome = LEAD_OUTCOMES.word(result.outcome)
        refusal = LEAD_REFUSALS.word(result.refusal) if result.refusal else ""
        is_stored = result.outcome in {
            LeadOutcome.LEAD_OUTCOME_ACCEPTED,
            LeadOutcome.LEAD_OUTCOME_BLOCKED,
        }
        self._count(record, outcome, "" if is_stored else f"{outcome} {refusal}")
        self.report.write([str(record.line), outcome, result.entry_id, refusal, result.field])

    def _count(self, record: Record, outcome: str, fault: str) -> None:
        self.counts[outcome] += 1
        if fault:
            self.faults.add(record.line, fault)
