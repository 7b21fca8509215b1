"""Tells the registry what people said: the real client, real gRPC, several writers at once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from consent_registry.v1.registry_service_pb2 import LeadOutcome, Partner, PartnerLead
from consent_registry_client import Client
from consent_registry_server.demo.statements import CONTROLLER, PURPOSE, Act, Statement

WRITERS: Final = 8
"""Threads that write at the same time, on one connection."""

_LEADS_A_CALL: Final = 100
_WRITE_TIMEOUT_S: Final = 30.0
_OUTCOME_PREFIX: Final = "LEAD_OUTCOME_"

Written = Callable[[int], None]
"""Called with how many more things were written, from any thread."""


def write_statements(client: Client, statements: Sequence[Statement], *, written: Written) -> None:
    """Writes all of them, in no particular order; the first error ends it."""
    pending = deque(statements)
    with ThreadPoolExecutor(WRITERS) as executor:
        writers = [executor.submit(_write_all, client, pending, written) for _ in range(WRITERS)]
    for writer in writers:
        writer.result()


def register_partner(client: Client, partner: Partner) -> None:
    """Registers a partner, or changes what it is permitted."""
    client.register_partner(controller=CONTROLLER, partner=partner)


def write_leads(
    client: Client, partner_id: str, leads: Sequence[PartnerLead], *, written: Written
) -> Counter[str]:
    """Writes a partner's leads in batches; returns how many had which outcome."""
    outcomes = Counter[str]()
    for start in range(0, len(leads), _LEADS_A_CALL):
        batch = leads[start : start + _LEADS_A_CALL]
        response = client.record_partner_leads(
            controller=CONTROLLER, partner_id=partner_id, leads=batch, timeout_s=_WRITE_TIMEOUT_S
        )
        outcomes.update(
            LeadOutcome.Name(result.outcome).removeprefix(_OUTCOME_PREFIX).lower()
            for result in response.results
        )
        written(len(batch))
    return outcomes


def _write_all(client: Client, pending: deque[Statement], written: Written) -> None:
    while pending:
        try:
            statement = pending.popleft()
        except IndexError:  # Another writer took the last one.
            return
        try:
            _write(client, statement)
        except BaseException:
            pending.clear()
            raise
        written(1)


def _write(client: Client, statement: Statement) -> None:
    subject, expression, evidence = statement.subject, statement.said, statement.evidence
    match statement.act:
        case Act.CONSENT:
            client.record_consent(
                controller=CONTROLLER,
                subject=subject,
                channels=statement.channels,
                purposes=[PURPOSE],
                expression=expression,
                evidence=evidence,
                timeout_s=_WRITE_TIMEOUT_S,
            )
        case Act.WITHDRAWAL | Act.DO_NOT_CONTACT:
            opt_out = (
                client.withdraw_consent
                if statement.act is Act.WITHDRAWAL
                else client.add_do_not_contact
            )
            opt_out(
                controller=CONTROLLER,
                subject=subject,
                channels=statement.channels,
                expression=expression,
                evidence=evidence,
                timeout_s=_WRITE_TIMEOUT_S,
            )
        case Act.RECORDING_OBJECTION:
            client.object_to_call_recording(
                controller=CONTROLLER,
                subject=subject,
                expression=expression,
                evidence=evidence,
                timeout_s=_WRITE_TIMEOUT_S,
            )
