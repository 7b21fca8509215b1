"""For how long what identifies a person is kept.

A term ends with the last hour of its last day (Regulation (EEC, Euratom) No 1182/71, art. 3), so
that an identity is erased on the first day after it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Retention:
    """The terms, in calendar months; as data in the policy."""

    opt_out_months: int = 84
    """From the day an opt-out, an objection, a restriction or a lift of one was expressed."""
    consent_proof_months: int = 36
    """From the last use of a consent, where its rule names no term."""
    prospect_months: int = 36
    """From the last contact with somebody who never bought."""
    attempt_months: int = 36
    """From the attempt."""
    refused_lead_months: int = 12
    """From the refusal of a partner's lead."""
    access_months: int = 36
    """From an access to a clear identity, for its row of the trail."""
    rights_request_months: int = 60
    """From the receipt of a rights request."""


class Overdue(NamedTuple):
    """How many identities are past their last day and still there, and the oldest such day.

    None where none is. Those that a hold keeps do not count.
    """

    number: int
    oldest: date | None


def last_day(first: date, months: int) -> date:
    """The last day of a term of calendar months that runs from a day.

    The same day of the month; where there is none the last of that month, so that what began on
    29 February ends on 28 February.
    """
    year, month0 = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month0 + 1, min(first.day, monthrange(year, month0 + 1)[1]))
