"""Unsubscribing on PostgreSQL: what is stopped stays stopped, and a link tells of nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date
from typing import Any, Final, cast
from uuid import UUID

import grpc
import psycopg2.extensions
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry
from sqlalchemy import event

from consent_registry.v1 import unsubscribe_service_pb2 as pb
from consent_registry_server.domain.contact import ContactPoint, Email, Phone, PostalAddress
from consent_registry_server.domain.errors import InvalidRequest, Unavailable
from consent_registry_server.domain.vocabulary import (
    Channel,
    EntryId,
    EntryKind,
    Reason,
    RegisterStatus,
    UnsubscribeChoice,
    Verdict,
)
from consent_registry_server.rpc.authentication import LOCAL
from consent_registry_server.rpc.call import Call, Method, enter_call
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.unsubscribe_service import UnsubscribeServicer
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.unsubscribe import Unsubscribed
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.rotation import rotate_digests
from consent_registry_server.storage.seal import KeyringSealer
from consent_registry_server.storage.store import Store, open_store
from consent_registry_server.storage.vault_rotation import VaultRotation
from tests.conftest import run_sql
from tests.fakes.ambience import NO_DEADLINE
from tests.integration.storage.threads import at_once
from tests.officer_desk import NEW_EMAIL, Officer
from tests.past_desk import EMAIL, MINUTE_US, OTHER_EMAIL, OTHER_PHONE, PHONE, PastDesk
from tests.unsubscribe_desk import EVERYTHING, HOME, Unsubscribers

OBJECTED: Final = (Verdict.DENY, Reason.OBJECTION)
ALLOWED: Final = (Verdict.ALLOW, Reason.CONSENT)
NO_CONSENT: Final = (Verdict.DENY, Reason.NO_CONSENT)
CLICKERS: Final = 8


def on(store: Store, keyring: Keyring) -> Unsubscribers:
    """People who unsubscribe from the registry of a store."""
    desk = PastDesk(
        store.ledger,
        store.standing,
        store.past,
        history=store.history,
        sealer=store.sealer,
        digester=keyring,
    )
    return Unsubscribers(
        desk, store.ledger, store.unsubscribe_links, digester=keyring, sealer=store.sealer
    )


@pytest.fixture
def people(store: Store, keyring: Keyring) -> Unsubscribers:
    """People who unsubscribe from an empty registry."""
    return on(store, keyring)


@pytest.fixture
def officer(people: Unsubscribers, store: Store, keyring: Keyring) -> Officer:
    """The data-protection officer of that registry."""
    return Officer(people.desk, store.ledger, keyring)


@pytest.fixture
def reopened(
    postgres_url: str, store: Store, key_store: KeyStore
) -> Iterator[Callable[[Keyring], Store]]:
    """Opens the same database with another keyring."""
    with ExitStack() as stack:
        yield lambda keyring: stack.enter_context(
            closing(open_store(postgres_url, keyring, key_store, store.database.limits))
        )


def gist(people: Unsubscribers, target: ContactPoint, channel: Channel) -> tuple[Verdict, Reason]:
    """The answer, and its reason."""
    decision = people.check(target, channel)
    return decision.verdict, decision.reason


# What is stopped.


SPELLINGS: Final[dict[str, tuple[ContactPoint, Channel]]] = {
    "the email in capitals": (Email("Camille.Desiree@EXAMPLE.com"), Channel.EMAIL),
    "the email with a tag": (Email("camille.desiree+news@example.com"), Channel.EMAIL),
    "a text message": (PHONE, Channel.SMS),
    "the number with spaces": (Phone("+33 6 39 98 00 01"), Channel.VOICE_CALL),
    "the number as dialled abroad": (Phone("0033639980001", "FR"), Channel.VOICE_CALL),
    "the number as dialled at home": (Phone("06 39 98 00 01", "FR"), Channel.AUTOMATED_CALL),
    "the number of a messenger": (Phone("06.39.98.00.01", "FR"), Channel.MESSAGING),
    "the door": (
        PostalAddress("FR", "59000", "LILLE", "12, Rue exemple", "appartement 3"),
        Channel.DOOR_TO_DOOR,
    ),
    "the letter box": (HOME, Channel.POST),
}


@pytest.mark.parametrize("target, channel", SPELLINGS.values(), ids=SPELLINGS)
def test_who_was_erased_and_unsubscribes_is_found_however_their_contact_points_are_spelt(
    people: Unsubscribers, officer: Officer, target: ContactPoint, channel: Channel
) -> None:
    """By the email of the old message, and by all that its sender knew and never showed."""
    people.desk.consents(EMAIL, PHONE, channels=(Channel.EMAIL, Channel.SMS))
    token = people.link(EMAIL, PHONE, HOME)
    people.later(MINUTE_US)
    officer.erase(EMAIL, PHONE)
    assert gist(people, target, channel) != OBJECTED

    people.click(token, *EVERYTHING)

    assert gist(people, target, channel) == OBJECTED
    assert gist(people, OTHER_EMAIL, Channel.EMAIL) == NO_CONSENT
    assert gist(people, OTHER_PHONE, Channel.SMS) == NO_CONSENT


def test_one_click_stops_what_the_message_was_for_and_no_more(people: Unsubscribers) -> None:
    """And what it stopped is permitted again by a newer consent, and stopped by a newer click."""
    people.desk.consents(EMAIL, PHONE, channels=(Channel.EMAIL, Channel.SMS))
    token = people.link()
    people.later(MINUTE_US)
    people.click(token)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED
    assert gist(people, PHONE, Channel.SMS) == ALLOWED
    people.later(MINUTE_US)
    people.desk.consents(EMAIL)
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED
    people.click(token)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED


def test_a_click_counts_after_a_consent_of_a_form_whose_clock_is_ahead(
    people: Unsubscribers,
) -> None:
    """The person clicked after all that is stored, whatever its time."""
    token = people.link()
    ahead = replace(people.desk.now(), expressed_at_us=people.desk.clock.now_us + 4 * MINUTE_US)
    people.desk.consents(EMAIL, said=ahead)
    people.click(token)
    for _ in range(10):
        assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED
        people.later(MINUTE_US)


def test_a_contact_point_that_was_corrected_is_as_stopped_as_the_wrong_one(
    people: Unsubscribers, officer: Officer
) -> None:
    """Although no identity in the vault told whose click it was."""
    people.desk.consents(EMAIL)
    token = people.link()
    people.later(MINUTE_US)
    people.click(token)
    people.later(MINUTE_US)

    officer.rectify(EMAIL, NEW_EMAIL)

    for email in (EMAIL, NEW_EMAIL):
        assert gist(people, email, Channel.EMAIL) == OBJECTED
    assert gist(people, PHONE, Channel.SMS) == NO_CONSENT


def test_an_undo_lifts_its_own_entries_and_standing_can_be_rebuilt(
    people: Unsubscribers, store: Store
) -> None:
    """The objection to recording among them, by its name, and no older one."""
    token = people.link()
    first = people.click(token, UnsubscribeChoice.RECORDING, UnsubscribeChoice.SMS)
    people.later(20 * MINUTE_US)
    second = people.click(token, *EVERYTHING)
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION

    people.later(MINUTE_US)
    assert len(people.undo(token, second)) == len(set(second.entry_ids) - set(first.entry_ids))

    assert gist(people, EMAIL, Channel.EMAIL) == NO_CONSENT
    assert gist(people, PHONE, Channel.SMS) == OBJECTED
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION
    assert compare_standing(store.database.engine) == 0


def test_an_objection_to_recording_is_taken_back_by_its_undo(
    people: Unsubscribers, store: Store
) -> None:
    """On the phone and by everything else that the link names."""
    token = people.link(customer_number="C-7")
    answer = people.click(token, UnsubscribeChoice.RECORDING)
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION
    people.undo(token, answer)
    assert people.check_recording(PHONE).reason is Reason.RECORDING_NOT_OBJECTED
    assert compare_standing(store.database.engine) == 0


def test_clicks_at_once_record_one_opt_out(people: Unsubscribers, store: Store) -> None:
    """A mailbox that sends its request eight times at once gets one answer."""
    token = people.link()
    writes = [people.write("Unsubscribe") for _ in range(CLICKERS)]

    answers = at_once(lambda number: people.click(token, write=writes[number]), CLICKERS)

    assert len({answer.entry_ids for answer in answers}) == 1
    [answer] = {answer.entry_ids for answer in answers}
    with store.database.transaction(NO_DEADLINE) as connection:
        entries = connection.exec_driver_sql("SELECT entry_id FROM entry").scalars().all()
    assert [EntryId(UUID(str(each))) for each in entries] == list(answer)


def test_undos_at_once_lift_once(people: Unsubscribers, store: Store) -> None:
    """And all of them succeed."""
    token = people.link()
    answer = people.click(token, UnsubscribeChoice.LINK)
    writes = [people.write("UndoUnsubscribe") for _ in range(CLICKERS)]

    lifted = at_once(lambda number: people.undo(token, answer, write=writes[number]), CLICKERS)

    assert sum(map(len, lifted)) == 1
    with store.database.transaction(NO_DEADLINE) as connection:
        lifts = connection.exec_driver_sql(
            f"SELECT count(*) FROM entry WHERE kind = {EntryKind.DO_NOT_CONTACT_LIFT:d}"  # noqa: S608
        ).scalar_one()
    assert lifts == 1


def test_of_a_click_and_an_undo_at_once_no_opt_out_is_lost(people: Unsubscribers) -> None:
    """Whichever comes first, an entry that the click was answered with stands or is lifted."""
    for number in range(4):
        email = Email(f"camille.{number}@example.com")
        token = people.link(email)
        first = people.click(token, UnsubscribeChoice.LINK)
        writes = [people.write("Unsubscribe"), people.write("UndoUnsubscribe")]

        def press(
            number: int,
            token: str = token,
            first: Unsubscribed = first,
            writes: list[Write] = writes,
        ) -> Unsubscribed | None:
            if number:
                people.undo(token, first, write=writes[1])
                return None
            return people.click(token, UnsubscribeChoice.LINK, write=writes[0])

        second, _ = at_once(press, 2)
        assert second is not None
        # Said once more after the undo it is another entry, which stands.
        stands = gist(people, email, Channel.EMAIL) == OBJECTED
        assert stands is (second.entry_ids != first.entry_ids)


def test_after_a_restore_nobody_is_told_that_a_link_is_lost(
    people: Unsubscribers, postgres_url: str
) -> None:
    """By a server of before: it does not answer at all."""
    token = people.link()
    run_sql(postgres_url, "UPDATE registry SET incarnation = gen_random_uuid()")
    with pytest.raises(Unavailable, match="restored"):
        people.opened(token)


# When keys rotate.


def test_a_token_goes_on_working_through_rotations_of_the_digest_keys(
    people: Unsubscribers, store: Store, keyring: Keyring, reopened: Callable[[Keyring], Store]
) -> None:
    """The same token as ever, for links of before and of after."""
    token = people.link()
    for rotations in range(1, 3):
        keyring = keyring.with_new_digest_key()
        rotated = on(reopened(keyring), keyring)
        rotated.desk.clock = people.desk.clock
        assert rotated.opened(token).link == people.opened(token).link
        rotate_digests(store.database.engine, keyring)
        later = on(reopened(keyring), keyring)
        later.later(rotations * 60 * MINUTE_US)
        assert later.link() == token
        later.desk.consents(EMAIL)
        assert gist(later, EMAIL, Channel.EMAIL) == ALLOWED
        later.later(MINUTE_US)
        later.click(token)
        assert gist(later, EMAIL, Channel.EMAIL) == OBJECTED
        people = later


NEW: Final = Key("vault-2", b"2" * 32)


def test_tokens_go_on_working_through_rotations_of_the_vault_keys(
    people: Unsubscribers, keyring: Keyring, reopened: Callable[[Keyring], Store]
) -> None:
    """An undo token for as long as its key is there; without it nothing is taken back."""
    token = people.link()
    before = people.click(token, UnsubscribeChoice.LINK)
    old = keyring.active_vault_key
    both = Keyring(keyring.digest_keys, (old, NEW), active_vault_key=NEW.key_id)
    rotated = on(reopened(both), both)

    store = reopened(both)
    report = VaultRotation(store.database, store.vault).run()

    assert report.unreadable == 0
    assert len(rotated.undo(token, before)) == 1
    after = rotated.click(token, UnsubscribeChoice.LINK)
    assert gist(rotated, EMAIL, Channel.EMAIL) == OBJECTED
    alone = KeyringSealer(Keyring(keyring.digest_keys, (NEW,), active_vault_key=NEW.key_id))
    last = Unsubscribers(
        rotated.desk, store.ledger, store.unsubscribe_links, digester=both, sealer=alone
    )
    with pytest.raises(InvalidRequest) as error:
        last.undo(token, before)
    assert error.value.reason == "INVALID_UNDO_TOKEN"
    assert gist(rotated, EMAIL, Channel.EMAIL) == OBJECTED
    assert len(last.undo(token, after)) == 1


# What a link shows.


class _Recording(psycopg2.extensions.cursor):
    """A cursor that notes what is sent, without the values."""

    sent: Final[list[str]] = []

    def execute(self, query: Any, values: Any = None) -> None:  # noqa: ANN401 - as the driver's
        """Notes it and sends it; without the time left, which is another one every time."""
        self.sent.append(re.sub(r"\d+ms", "", str(query)))
        super().execute(query, values)


@pytest.fixture
def sent(store: Store) -> list[str]:
    """The statements sent to PostgreSQL from here on, on whatever connection."""

    def watch(connection: psycopg2.extensions.connection, *_: object) -> None:
        connection.cursor_factory = _Recording

    event.listen(store.database.engine, "checkout", watch)
    _Recording.sent.clear()
    return _Recording.sent


class _NoDeadline:
    def time_remaining(self) -> float | None:
        """See `TimedContext`."""
        return None


class Wire:
    """UnsubscribeService as its callers see it."""

    def __init__(self, people: Unsubscribers) -> None:
        self._servicer = UnsubscribeServicer(
            people.service, addresses=None, metrics=Metrics(CollectorRegistry())
        )

    def call(self, method: str, request: Message) -> Any:  # noqa: ANN401 - its response
        """What a method answers."""
        call = Call(Method(method, "", None, False, False), (), caller=LOCAL)
        call.deadline = CallDeadline(_NoDeadline(), 10.0)
        enter_call(call)
        return getattr(self._servicer, method)(request, cast("grpc.ServicerContext", None))

    def describe(self, token: str) -> bytes:
        """What is told of a link, as it goes over the wire."""
        answer = self.call("DescribeUnsubscribe", pb.DescribeUnsubscribeRequest(token=token))
        return bytes(answer.SerializeToString(deterministic=True))

    def unsubscribe(self, token: str, request_id: str) -> pb.UnsubscribeResponse:
        """The answer to a click of a mailbox."""
        method = pb.UNSUBSCRIBE_METHOD_ONE_CLICK
        request = pb.UnsubscribeRequest(token=token, request_id=request_id, method=method)
        return cast("pb.UnsubscribeResponse", self.call("Unsubscribe", request))


def _no_history(people: Unsubscribers, officer: Officer, token: str) -> None:
    del people, officer, token


def _much_history(people: Unsubscribers, officer: Officer, token: str) -> None:
    del officer
    people.desk.registers_mover()
    for _ in range(5):
        people.desk.consents(EMAIL, PHONE, channels=(Channel.EMAIL, Channel.SMS))
        people.desk.opts_out(EMAIL, PHONE)
        people.desk.brings(EMAIL)
        people.click(token, *EVERYTHING)
        people.later(MINUTE_US)
    people.desk.scrubs(PHONE, RegisterStatus.LISTED, date(2026, 11, 23))


def _clicked(people: Unsubscribers, officer: Officer, token: str) -> None:
    del officer
    people.click(token)


def _undone(people: Unsubscribers, officer: Officer, token: str) -> None:
    del officer
    people.undo(token, people.click(token, UnsubscribeChoice.LINK))


def _restricted(people: Unsubscribers, officer: Officer, token: str) -> None:
    del token
    people.desk.consents(EMAIL)
    officer.restrict(EMAIL)


def _erased(people: Unsubscribers, officer: Officer, token: str) -> None:
    del token
    people.desk.consents(EMAIL)
    officer.erase(EMAIL)


HISTORIES: Final = {
    "much": _much_history,
    "clicked": _clicked,
    "undone": _undone,
    "restricted": _restricted,
    "erased": _erased,
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_link_is_described_alike_whatever_is_known_of_its_person(
    people: Unsubscribers,
    officer: Officer,
    sent: list[str],
    history: Callable[[Unsubscribers, Officer, str], None],
) -> None:
    """The same statements go to the database, and the same octets to the caller."""
    token, other = people.link(), people.link(OTHER_EMAIL, OTHER_PHONE)
    history(people, officer, token)
    wire = Wire(people)
    wire.describe(token)

    sent.clear()
    of_nobody = wire.describe(other), list(sent)
    sent.clear()
    of_somebody = wire.describe(token), list(sent)

    assert of_somebody == of_nobody
    assert len(of_somebody[1]) == 1


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_click_is_answered_alike_whatever_is_known_of_its_person(
    people: Unsubscribers,
    officer: Officer,
    history: Callable[[Unsubscribers, Officer, str], None],
) -> None:
    """As many entries, as long a time to take it back, and as many octets of each."""
    token, other = people.link(), people.link(OTHER_EMAIL, OTHER_PHONE)
    history(people, officer, token)
    wire = Wire(people)

    shapes = []
    for number, each in enumerate((other, token)):
        answer = wire.unsubscribe(each, f"request-{number}")
        # The number of the transaction is in it, of which nobody makes anything.
        answer.ClearField("revision")
        shapes.append(
            (
                answer.ByteSize(),
                [len(entry_id) for entry_id in answer.entry_ids],
                len(answer.undo_token),
                sorted(name.name for name, _ in answer.ListFields()),
            )
        )

    assert shapes[0] == shapes[1]
