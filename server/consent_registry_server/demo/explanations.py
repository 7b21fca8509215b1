"""Says decisions in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.decision_pb2 import Decision, Ground
from consent_registry.v1.entry_pb2 import Entry, EntryKind
from consent_registry_client import Client, Reason, Source, Verdict
from consent_registry_server.demo.statements import CONTROLLER, TIME_ZONE

IN_WORDS: Final = {
    "CONSENT": "consented to this",
    "PARTNER_CONSENT": "consented at a partner",
    "SOFT_OPT_IN": "customer, similar product",
    "RUNNING_CONTRACT": "running contract, related offer",
    "OPT_OUT_REGIME": "no consent needed, no objection",
    "NOT_MARKETING": "not marketing",
    "RECORDING_REQUIRED": "this line is always recorded",
    "RECORDING_NOT_OBJECTED": "did not object to recording",
    "OBJECTION": "asked not to be contacted",
    "WITHDRAWN": "took the consent back",
    "CONSENT_EXPIRED": "consented too long ago",
    "CONSENT_UNPROVEN": "consent without complete proof",
    "PARTNER_NOT_ACCEPTED": "partner not accepted for this",
    "NO_CONSENT": "consent needed, none given",
    "INVALID_CONTACT_POINT": "nobody can be reached there",
    "RECORDING_OBJECTION": "objected to recording",
    "UNIT_UNCLEAR": "objection in this building",
}
"""What each reason means; one that is missing here speaks for itself."""

_SAID: Final = {
    EntryKind.ENTRY_KIND_CONSENT: "consent given",
    EntryKind.ENTRY_KIND_PARTNER_CONSENT: "consent given at a partner",
    EntryKind.ENTRY_KIND_WITHDRAWAL: "consent taken back",
    EntryKind.ENTRY_KIND_DO_NOT_CONTACT: "objection",
    EntryKind.ENTRY_KIND_RECORDING_OBJECTION: "objection to recording",
}
_THROUGH: Final = {
    Source.SOURCE_WEB_FORM: "in our web form",
    Source.SOURCE_PREFERENCE_PAGE: "on the preference page",
    Source.SOURCE_CALL_CENTRE: "to the call centre",
    Source.SOURCE_UNSUBSCRIBE_LINK: "by the unsubscribe link",
    Source.SOURCE_DOORSTEP: "at the door",
    Source.SOURCE_LETTER: "by letter",
    Source.SOURCE_CHAT: "in a chat",
    Source.SOURCE_PARTNER: "in the partner's form",
}


def verdict_of(decision: Decision) -> str:
    """Returns the verdict and its reason by their names."""
    return f"{verdict_name(decision.verdict)} {reason_name(decision.reason)}"


def verdict_name(verdict: Verdict.ValueType) -> str:
    """Returns a verdict's name as people know it."""
    return Verdict.Name(verdict).removeprefix("VERDICT_")


def reason_name(reason: Reason.ValueType) -> str:
    """Returns a reason's name as people know it."""
    return Reason.Name(reason).removeprefix("REASON_")


def grounds_of(decision: Decision, client: Client) -> Iterator[tuple[str, list[str]]]:
    """Yields each ground in a line, the deciding one first, and what it rests on in others."""
    conjunction = ""
    for ground in decision.grounds:
        name = reason_name(ground.reason)
        line = f"{conjunction}{verdict_name(ground.verdict)} {name}: {IN_WORDS.get(name, name)}"
        yield line, list(_basis(ground, client))
        conjunction = "although "


def entry_line(entry: Entry) -> str:
    """Returns what was said, when and where, and how the entry's id begins."""
    said = entry.expression
    what = _SAID.get(entry.kind, "statement")
    through = _THROUGH.get(said.source, "")
    return f"{what} on {day_of(said.expressed_at)} {through}, entry {entry.entry_id[:8]}…"


def day_of(moment: Timestamp) -> str:
    """Returns the day of an instant in France."""
    day = moment.ToDatetime(UTC).astimezone(ZoneInfo(TIME_ZONE))
    return f"{day.day} {day:%B %Y}"


def time_of(moment: Timestamp) -> str:
    """Returns an instant by the clocks of France."""
    local = moment.ToDatetime(UTC).astimezone(ZoneInfo(TIME_ZONE))
    return f"{day_of(moment)}, {local:%H:%M}"


def _basis(ground: Ground, client: Client) -> Iterator[str]:
    if ground.entry_id:
        yield entry_line(client.get_entry(controller=CONTROLLER, entry_id=ground.entry_id))
    if ground.citation:
        yield f"law: {ground.citation}"
