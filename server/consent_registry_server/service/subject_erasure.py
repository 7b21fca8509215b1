"""Erases a person: identities go, consents end, and what denies contact stays as keyed digests."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.entry import DENYING, PERMITTING, Entry
from consent_registry_server.domain.identity_expiry import WITHOUT_IDENTITY
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    EntryKind,
    ErasureOutcome,
    IdentityState,
)
from consent_registry_server.service.person_entries import PersonSought, entries_of
from consent_registry_server.service.ports import PreparedEntry
from consent_registry_server.service.subject_entries import (
    ENTRIES_OF_A_PERSON,
    Officer,
    unknown_subject,
)
from consent_registry_server.service.subject_ports import FoundEntry, SubjectTransaction

LEGAL_OBLIGATION: Final = "GDPR art. 17(3)(b)"
"""Opt-outs are kept to comply with them: art. 21(3), and the ePrivacy directive's art. 13."""
LEGAL_CLAIMS: Final = "GDPR art. 17(3)(e)"

_COUNTED_US: Final = 400 * DAY_US
"""For how long attempts are found by their digests, for the caps that protect the person."""

_NAMELESS: Final = WITHOUT_IDENTITY - {EntryKind.REGISTER_RESULT}
_KEPT_BY_DIGESTS: Final = DENYING | {
    EntryKind.REGISTER_RESULT,
    # Part of what is known of an objection: that it was one, and when it ended.
    EntryKind.RECORDING_OBJECTION_LIFT,
}


class _Judged(NamedTuple):
    """What becomes of an entry, and the entry that says so."""

    found: FoundEntry
    outcome: ErasureOutcome
    citation: str
    told_by: PreparedEntry | None

    @property
    def goes(self) -> bool:
        """Whether its identity is to be ended; a hold's is not."""
        return self.told_by is not None and self.outcome is not ErasureOutcome.HELD


def erase(
    transaction: SubjectTransaction, officer: Officer, person: PersonSought
) -> dict[str, Any]:
    """Erases a person within a transaction; the details of the answer.

    With whatever corrections restated and restate, however the person was asked for. What is
    recorded at the same moment counts as recorded afterwards.

    Raises:
        NotFound: UNKNOWN_SUBJECT.
        LimitExceeded: TOO_MANY_ENTRIES.
    """
    officer.lock(transaction)
    found = entries_of(transaction, person, limit=ENTRIES_OF_A_PERSON)
    if not found:
        raise unknown_subject()
    judged = [_judge(each.found, officer) for each in found if each.entry.kind not in _NAMELESS]
    transaction.append([each.told_by for each in judged if each.told_by is not None])
    transaction.end_identities([each.found.entry.entry_id for each in judged if each.goes])
    entry_ids = [each.found.entry.entry_id for each in judged]
    officer.record_access(transaction, AccessOperation.ERASE_SUBJECT, entry_ids)
    return {"entries": [_told(each) for each in judged]}


def _told(judged: _Judged) -> dict[str, Any]:
    return {
        "entry_id": str(judged.found.entry.entry_id),
        "kind": int(judged.found.entry.kind),
        "outcome": int(judged.outcome),
        "citation": judged.citation,
    }


def _judge(found: FoundEntry, officer: Officer) -> _Judged:
    entry = found.entry
    is_kept = found.identity_state is IdentityState.KEPT
    stands = entry.kind in PERMITTING and entry.lifted_at_us is None
    if is_kept and found.is_held:
        # Kept for a claim, and for nothing else: the consent ends all the same. Its identity has
        # not been erased, so it is not said to be.
        told_by = officer.ending(EntryKind.RECTIFICATION, entry) if stands else None
        return _Judged(found, ErasureOutcome.HELD, LEGAL_CLAIMS, told_by)
    citation = _citation(entry, officer)
    if is_kept:
        is_opt_out = entry.kind in DENYING
        outcome = ErasureOutcome.OPT_OUT_KEPT if is_opt_out else ErasureOutcome.ERASED
        told_by = officer.ending(EntryKind.IDENTITY_ERASED, entry)
        return _Judged(found, outcome, citation, told_by)
    if stands:
        # An identity ends once; only of one that never was can it be said now.
        never = found.identity_state is IdentityState.NEVER_KEPT
        kind = EntryKind.IDENTITY_ERASED if never else EntryKind.RECTIFICATION
        return _Judged(found, ErasureOutcome.ERASED, citation, officer.ending(kind, entry))
    return _Judged(found, ErasureOutcome.ALREADY_GONE, citation, None)


def _citation(entry: Entry, officer: Officer) -> str:
    if entry.kind is EntryKind.CONTACT_ATTEMPT:
        is_counted = entry.recorded_at_us > officer.now_us - _COUNTED_US
        return LEGAL_OBLIGATION if is_counted else ""
    return LEGAL_OBLIGATION if entry.kind in _KEPT_BY_DIGESTS else ""
