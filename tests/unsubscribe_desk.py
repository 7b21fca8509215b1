"""People who unsubscribe, beside a desk at which much is said over time, on whatever store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

from consent_registry_server.domain.contact import ContactPoint, PostalAddress, Subject
from consent_registry_server.domain.decision import Decision
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Channel,
    ControllerId,
    EntryId,
    PurposeId,
    UnsubscribeChoice,
    UnsubscribeMethod,
)
from consent_registry_server.service.checks import AskedRecording
from consent_registry_server.service.ports import Digester, Sealer
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.undo_tokens import UndoTokens
from consent_registry_server.service.unsubscribe import (
    Campaign,
    OpenedLink,
    Unsubscribed,
    Unsubscribing,
    Wish,
)
from consent_registry_server.service.unsubscribe_ports import UnsubscribeLedger, UnsubscribeLinks
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.seal import KeyringSealer
from tests.fakes.ambience import NO_DEADLINE, HashDigester, counted_ids
from tests.fakes.store import FakeStore
from tests.officer_desk import Officer
from tests.past_desk import EMAIL, FRANCE, MARKETING, PHONE, PastDesk, asked

HOME: Final = PostalAddress("FR", "59000", "Lille", "12 rue Exemple", "Apt 3")
EVERYTHING: Final = (UnsubscribeChoice.EVERYTHING,)


class Unsubscribers:
    """Makes links and uses them; every call is a request of its own."""

    def __init__(
        self,
        desk: PastDesk,
        ledger: UnsubscribeLedger,
        links: UnsubscribeLinks,
        *,
        digester: Digester,
        sealer: Sealer,
        entry_ids: Callable[[], EntryId] = lambda: EntryId(uuid4()),
    ) -> None:
        self.desk = desk
        self.undo_tokens = UndoTokens(sealer)
        self.service = Unsubscribing(
            ledger,
            links,
            digester,
            undo_tokens=self.undo_tokens,
            policy=lambda: desk.policies.in_force,
            clock=desk.clock,
            entry_ids=entry_ids,
        )

    def link(
        self,
        *points: ContactPoint,
        channel: Channel = Channel.EMAIL,
        purpose: PurposeId = MARKETING,
        campaign: str = "",
        customer_number: str = "",
    ) -> str:
        """The token of a person's link: by default of the one with an email and a phone."""
        subject = Subject(points or (EMAIL, PHONE), customer_number)
        [token] = self.links(subject, channel=channel, purpose=purpose, campaign=campaign)
        if isinstance(token, RegistryError):
            raise token
        return token

    def links(
        self,
        *subjects: Subject | RegistryError,
        controller: ControllerId = FRANCE,
        channel: Channel = Channel.EMAIL,
        purpose: PurposeId = MARKETING,
        campaign: str = "",
    ) -> list[str | RegistryError]:
        """What CreateUnsubscribeLinks answers for each."""
        campaign_ = Campaign(controller, channel, purpose, campaign)
        return self.service.create(campaign_, subjects, deadline=NO_DEADLINE)

    def opened(self, token: str) -> OpenedLink:
        """What a token is for."""
        return self.service.open(token, deadline=NO_DEADLINE)

    def click(
        self,
        token: str,
        *choices: UnsubscribeChoice,
        method: UnsubscribeMethod | None = None,
        form_id: str = "",
        write: Write | None = None,
    ) -> Unsubscribed:
        """Unsubscribes: with choices on the page, else by the mailbox's one click."""
        by_default = UnsubscribeMethod.PAGE if choices else UnsubscribeMethod.ONE_CLICK
        wish = Wish(method or by_default, choices, form_id)
        write = write or self.write("Unsubscribe")
        return self.service.unsubscribe(write, self.opened(token), wish, deadline=NO_DEADLINE)

    def undo(
        self, token: str, answer: Unsubscribed | bytes, *, write: Write | None = None
    ) -> list[EntryId]:
        """Takes an answer back; the entries that lift."""
        undo_token = answer if isinstance(answer, bytes) else answer.undo_token
        write = write or self.write("UndoUnsubscribe")
        recorded = self.service.undo(write, self.opened(token), undo_token, deadline=NO_DEADLINE)
        return [EntryId(UUID(entry_id)) for entry_id in recorded.details["entry_ids"]]

    def write(self, method: str) -> Write:
        """The frame of a new request."""
        return replace(self.desk.write(), method=method)

    def later(self, us: int) -> None:
        """Lets time pass."""
        self.desk.clock.now_us += us

    def check(
        self,
        target: ContactPoint,
        channel: Channel,
        *others: ContactPoint,
        purpose: PurposeId = MARKETING,
    ) -> Decision:
        """May the target be contacted?"""
        return self.desk.check(asked(target, channel, *others, purpose=purpose))

    def check_recording(self, *points: ContactPoint) -> Decision:
        """May a call of this person with customer service be recorded?"""
        question = AskedRecording(
            FRANCE, Subject(points), CallLine.CUSTOMER_SERVICE, CallDirection.INBOUND
        )
        return self.desk.checks.check_recording(question, deadline=NO_DEADLINE).decisions[0]


class MemoryUnsubscribers(Unsubscribers):
    """People who unsubscribe from a registry in memory."""

    def __init__(self) -> None:
        self.store = FakeStore()
        digester, entry_ids = HashDigester(), counted_ids()
        sealer = KeyringSealer(Keyring.generate())
        desk = PastDesk(
            self.store,
            self.store,
            self.store,
            history=self.store,
            sealer=sealer,
            digester=digester,
            entry_ids=entry_ids,
        )
        super().__init__(
            desk, self.store, self.store, digester=digester, sealer=sealer, entry_ids=entry_ids
        )
        self.officer = Officer(desk, self.store, digester, entry_ids=entry_ids)
