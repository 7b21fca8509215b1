"""Reads of what was written, without identity."""

from __future__ import annotations

from consent_registry_server.domain.contact import ContactPoint, CustomerNumber
from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import InvalidContactPoint, NotFound
from consent_registry_server.domain.matching import suppression_forms_of
from consent_registry_server.domain.vocabulary import ControllerId, EntryId
from consent_registry_server.service.ports import (
    Deadline,
    Digester,
    History,
    Page,
    Partner,
    PolicySource,
)
from consent_registry_server.service.preparation import form_digests
from consent_registry_server.service.questions import (
    forms_at_home,
    home_of,
    require_controller,
)


class Records:
    """Shows entries and partners of a controller, and the entries of `group`."""

    def __init__(self, history: History, digester: Digester, *, policy: PolicySource) -> None:
        self._history = history
        self._digester = digester
        self._policy = policy

    def entry(self, controller: ControllerId, entry_id: EntryId, *, deadline: Deadline) -> Entry:
        """Returns one entry.

        Raises:
            NotFound: UNKNOWN_ENTRY, UNKNOWN_CONTROLLER.
        """
        require_controller(self._policy(), controller)
        found = self._history.entry(controller, entry_id, deadline=deadline)
        if found is None:
            message = "neither the controller nor the group has such an entry"
            raise NotFound("UNKNOWN_ENTRY", message, field="entry_id")
        return found

    def entries(
        self,
        controller: ControllerId,
        point: ContactPoint | CustomerNumber,
        page: Page,
        *,
        deadline: Deadline,
    ) -> list[Entry]:
        """Returns the entries that concern a contact point, the newest recorded first.

        Raises:
            InvalidContactPoint: nothing can have been stored for such a contact point.
            NotFound: UNKNOWN_CONTROLLER.
        """
        policy = self._policy()
        require_controller(policy, controller)
        at_home = forms_at_home(point, home_of(controller, policy))
        forms = (*suppression_forms_of(point), *at_home)
        points = [form_digests(each, self._digester) for each in forms]
        if not points:
            message = "the contact point has no normal form"
            raise InvalidContactPoint(message, field="contact_point")
        return self._history.entries(controller, points, page, deadline=deadline)

    def partners(
        self, controller: ControllerId, page: Page, *, deadline: Deadline
    ) -> list[Partner]:
        """Returns the partners of a controller, by id.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
        """
        require_controller(self._policy(), controller)
        return self._history.partners(controller, page, deadline=deadline)
