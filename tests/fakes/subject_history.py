"""The lists of the data-protection officer, from a store in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date

from consent_registry_server.domain.vocabulary import ControllerId, EntryId
from consent_registry_server.service.ports import Deadline, Page
from consent_registry_server.service.subject_ports import (
    Access,
    RightsRequest,
    RightsRequestCount,
    RightsRequestState,
)
from tests.fakes.state import State


class FakeSubjectHistory:
    """See `SubjectHistory`."""

    def __init__(
        self, state: Callable[[], State], require_answer: Callable[[Deadline], None]
    ) -> None:
        self._state = state
        self._require_answer = require_answer

    def accesses(
        self,
        controller: ControllerId,
        page: Page,
        *,
        entry_id: EntryId | None = None,
        deadline: Deadline,
    ) -> list[Access]:
        """See `SubjectHistory`; on a tie the greatest id."""
        self._require_answer(deadline)
        found = [
            each
            for each in self._state().accesses
            if each.controller == controller
            and (entry_id is None or each.entry_id == entry_id)
            and (page.after is None or (each.accessed_at_us, each.access_id) < page.after)
        ]
        found.sort(key=lambda each: (each.accessed_at_us, each.access_id), reverse=True)
        return found[: page.size]

    def rights_requests(
        self,
        controller: ControllerId,
        page: Page,
        *,
        today: date,
        which: RightsRequestState,
        deadline: Deadline,
    ) -> list[RightsRequest]:
        """See `SubjectHistory`."""
        self._require_answer(deadline)
        found = [
            each
            for each in self._state().rights_requests.values()
            if each.controller == controller
            and (which is RightsRequestState.ALL or each.closed_at_us is None)
            and (which is not RightsRequestState.OVERDUE or each.due_on < today)
            and (page.after is None or (each.first_due_on, each.rights_request_id) > page.after)
        ]
        found.sort(key=lambda each: (each.first_due_on, each.rights_request_id))
        return found[: page.size]

    def rights_request_counts(self, today: date, *, deadline: Deadline) -> list[RightsRequestCount]:
        """See `SubjectHistory`; by controller."""
        self._require_answer(deadline)
        requests = self._state().rights_requests.values()
        pending = [each for each in requests if each.closed_at_us is None]
        count = Counter(each.controller for each in pending)
        overdue = Counter(each.controller for each in pending if each.due_on < today)
        return [RightsRequestCount(each, count[each], overdue[each]) for each in sorted(count)]
