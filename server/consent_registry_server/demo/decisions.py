"""Shows single decisions: three with all their grounds, and one that changes at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from random import Random

from consent_registry.v1.contact_pb2 import ContactPoint, CustomerContext
from consent_registry.v1.decision_pb2 import Consistency, Decision
from consent_registry_client import (
    CallDirection,
    CallLine,
    Channel,
    Client,
    Source,
    Verdict,
    View,
    expressed_at,
    phone,
    subject,
)
from consent_registry_server.demo.dataset import Dataset
from consent_registry_server.demo.explanations import (
    IN_WORDS,
    entry_line,
    grounds_of,
    reason_name,
    time_of,
    verdict_of,
)
from consent_registry_server.demo.failure import DemoFailed
from consent_registry_server.demo.screen import Screen
from consent_registry_server.demo.spellings import respelled_phone, typed_phone, without_unit
from consent_registry_server.demo.statements import CONTROLLER, PURPOSE, TIME_ZONE, contact_point
from consent_registry_server.demo.stories import Story

_CUSTOMER = CustomerContext(
    relationship=CustomerContext.RELATIONSHIP_CUSTOMER,
    contract=CustomerContext.CONTRACT_RUNNING,
    offer=CustomerContext.OFFER_SIMILAR_OWN,
)
_PROSPECT = CustomerContext(
    relationship=CustomerContext.RELATIONSHIP_PROSPECT, offer=CustomerContext.OFFER_SIMILAR_OWN
)


class Cases:
    """The people of the data set, asked about one by one."""

    def __init__(
        self, screen: Screen, client: Client, data: Dataset, *, random: Random, at: datetime
    ) -> None:
        self._screen = screen
        self._client = client
        self._data = data
        self._random = random
        self._at = at

    def explain(self) -> None:
        """Shows three decisions with all their grounds, one of each verdict."""
        self._objection_beats_contract()
        self._consent_lifts_objection()
        self._unit_is_unclear()

    def recording(self) -> None:
        """Shows that an objection to recording counts on one line and not on another."""
        contact = self._data.first(Story.RUNNING_CONTRACT_NOT_RECORDED)
        caller = subject(self._phone(typed_phone(contact.person.e164, self._random)))
        self._screen.say(f"{contact.person.name} objected to recording, and calls")
        for line, name in (
            (CallLine.CALL_LINE_CUSTOMER_SERVICE, "customer service"),
            (CallLine.CALL_LINE_MONITORING_CENTRE, "the monitoring centre"),
        ):
            decision = self._client.check_call_recording(
                controller=CONTROLLER,
                subject=caller,
                line=line,
                direction=CallDirection.CALL_DIRECTION_INBOUND,
            ).decision
            why = IN_WORDS[reason_name(decision.reason)]
            self._screen.say(f"{name}: {verdict_of(decision)}, {why}", indent=1)

    def opt_out_at_once(self) -> None:
        """Shows a permitted call become a forbidden one.

        Raises:
            DemoFailed: It does not.
        """
        person = self._data.first(Story.CONSENT).person
        dialled = typed_phone(person.e164, self._random)
        spoken = respelled_phone(person.e164, dialled, self._random)
        before = self._ask(dialled, Consistency())
        started = time.perf_counter()
        written = self._client.add_do_not_contact(
            controller=CONTROLLER,
            subject=subject(self._phone(spoken), name=person.name),
            channels=[Channel.CHANNEL_VOICE_CALL],
            expression=expressed_at(
                datetime.now(UTC), source=Source.SOURCE_CHAT, time_zone=TIME_ZONE
            ),
        )
        self._screen.say(
            f"{_ms_since(started):6.1f} ms  {person.name} writes in a chat:"
            f" no more calls to {spoken.strip()}! Stored."
        )
        after = self._ask(dialled, Consistency(at_least_as_fresh=written.revision))
        elapsed_ms = _ms_since(started)
        if (before.verdict, after.verdict) != (Verdict.VERDICT_ALLOW, Verdict.VERDICT_DENY):
            raise DemoFailed("an opt-out did not take effect at once")
        self._screen.say(f"{elapsed_ms:6.1f} ms  from the request to the refusal")

    def _objection_beats_contract(self) -> None:
        person = self._data.first(Story.RUNNING_CONTRACT_OBJECTED).person
        number = typed_phone(person.e164, self._random)
        self._explain(
            f"{person.name}, customer: may we call {number.strip()} to offer a sensor upgrade?",
            target=self._phone(number),
            channel=Channel.CHANNEL_VOICE_CALL,
            customer=_CUSTOMER,
        )

    def _consent_lifts_objection(self) -> None:
        person = self._data.first(Story.CONSENT_AFTER_OBJECTION).person
        number = typed_phone(person.e164, self._random)
        target = self._phone(number)
        decision = self._explain(
            f"{person.name}, prospect: may we call {number.strip()}?",
            target=target,
            channel=Channel.CHANNEL_VOICE_CALL,
            customer=_PROSPECT,
        )
        used = {ground.entry_id for ground in decision.grounds}
        for entry in self._client.list_entries(controller=CONTROLLER, contact_point=target):
            if entry.entry_id not in used:
                self._screen.say(f"although on file: {entry_line(entry)}")
                self._screen.say(
                    "the newer consent lifts it, for calls to this number and this purpose only",
                    indent=1,
                )

    def _unit_is_unclear(self) -> None:
        contact = next(
            each
            for each in self._data.contacts
            if each.story is Story.DOOR_REFUSED and each.person.dwelling.flat is not None
        )
        address = without_unit(contact.person.dwelling, self._random)
        self._explain(
            f"May we ring at {address.street}, {address.postal_code} {address.town}, flat unknown?",
            target=contact_point(address),
            channel=Channel.CHANNEL_DOOR_TO_DOOR,
            customer=_PROSPECT,
        )

    def _explain(
        self,
        question: str,
        *,
        target: ContactPoint,
        channel: Channel.ValueType,
        customer: CustomerContext,
    ) -> Decision:
        decision = self._client.check_contact(
            controller=CONTROLLER,
            target=target,
            channel=channel,
            purpose=PURPOSE,
            customer=customer,
            at=self._at,
            view=View.VIEW_FULL,
        )
        self._screen.blank()
        self._screen.say(question, style="italic")
        for ground, basis in grounds_of(decision, self._client):
            self._screen.say(ground)
            for line in basis:
                self._screen.say(line, indent=1)
        if decision.HasField("valid_until"):
            self._screen.say(
                f"holds until {time_of(decision.valid_until)} unless something new is said",
                indent=1,
            )
        return decision

    def _ask(self, number: str, consistency: Consistency) -> Decision:
        started = time.perf_counter()
        decision = self._client.check_contact(
            controller=CONTROLLER,
            target=self._phone(number),
            channel=Channel.CHANNEL_VOICE_CALL,
            purpose=PURPOSE,
            at=self._at,
            consistency=consistency,
        )
        self._screen.say(
            f"{_ms_since(started):6.1f} ms  may we call {number.strip()}? {verdict_of(decision)}"
        )
        return decision

    def _phone(self, number: str) -> ContactPoint:
        return phone(number, region="FR")


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
