"""What an opt-out is told about the channels that it cannot be honoured on."""

from __future__ import annotations

from typing import Any

import pytest

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, NewEntry
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    EntryKind,
    Verdict,
    channel_mask,
)
from tests.fakes.ambience import NO_DEADLINE
from tests.unit.service.desk import FRANCE, PROOF, Desk, consent, opt_out, question, said

EMAIL = Email("camille.desiree@example.com")
PHONE = Phone("+33639980001")
HANDLE = Handle("messenger", "camille.desiree")
ADDRESS = PostalAddress("FR", "69003", "Lyon", "12 rue des Lilas", "apt 4")
UNPARSABLE = Phone("06 39 98 00 01")

BY_EMAIL = {Channel.EMAIL, Channel.ONLINE_ADVERTISING, Channel.PROCESSING}
BY_PHONE = {
    Channel.SMS,
    Channel.VOICE_CALL,
    Channel.AUTOMATED_CALL,
    Channel.MESSAGING,
    Channel.ONLINE_ADVERTISING,
    Channel.PROCESSING,
}
BY_HANDLE = {Channel.MESSAGING, Channel.ONLINE_ADVERTISING, Channel.PROCESSING}
BY_ADDRESS = {Channel.DOOR_TO_DOOR, Channel.POST}
EVERYWHERE = set(Channel)


def details_of(
    *points: ContactPoint,
    channels: int = ALL_CHANNELS,
    customer_number: str = "",
    name: str = "",
    kind: EntryKind = EntryKind.DO_NOT_CONTACT,
) -> dict[str, Any]:
    """What a do-not-contact request is answered."""
    desk = Desk()
    subject = Subject(points, customer_number, name)
    new = NewEntry(kind, FRANCE, said(), subject, Evidence(), channels)
    recorded = desk.intake.add_opt_out(desk.write(), new, deadline=NO_DEADLINE)
    assert len(list(desk.store.written())) == 1
    return recorded.details


@pytest.mark.parametrize(
    "points, unenforceable, indirect",
    [
        pytest.param([EMAIL], set(), EVERYWHERE - BY_EMAIL, id="email"),
        pytest.param([PHONE], set(), EVERYWHERE - BY_PHONE, id="phone"),
        pytest.param([HANDLE], set(), EVERYWHERE - BY_HANDLE, id="handle"),
        pytest.param(
            [Handle("whatsapp", "+33639980001")], set(), EVERYWHERE - BY_PHONE, id="WhatsApp"
        ),
        pytest.param([ADDRESS], EVERYWHERE - BY_ADDRESS, set(), id="address"),
        pytest.param([EMAIL, ADDRESS], set(), EVERYWHERE - BY_EMAIL - BY_ADDRESS, id="two"),
        pytest.param([EMAIL, PHONE, ADDRESS], set(), set(), id="all"),
        pytest.param([UNPARSABLE], set(), EVERYWHERE, id="digits"),
        pytest.param([UNPARSABLE, ADDRESS], set(), EVERYWHERE - BY_ADDRESS, id="digits, address"),
        pytest.param([UNPARSABLE, EMAIL], set(), EVERYWHERE - BY_EMAIL, id="digits and email"),
    ],
)
@pytest.mark.parametrize("kind", [EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL])
def test_an_opt_out_of_everything_tells_where_it_is_out_of_reach(
    points: list[ContactPoint], unenforceable: set[Channel], indirect: set[Channel], kind: EntryKind
) -> None:
    """And where it needs a question that carries its contact points; it is stored all the same."""
    details = details_of(*points, kind=kind)
    assert details["unenforceable_channels"] == sorted(unenforceable)
    assert details["indirect_channels"] == sorted(indirect)


def test_only_the_channels_it_covers_are_told() -> None:
    """Of the others nobody asked."""
    details = details_of(EMAIL, channels=channel_mask((Channel.EMAIL, Channel.SMS)))
    assert details["unenforceable_channels"] == []
    assert details["indirect_channels"] == [Channel.SMS]


def test_a_customer_number_alone_reaches_every_channel_indirectly() -> None:
    """It is no contact point."""
    details = details_of(customer_number="K-4711")
    assert details["unenforceable_channels"] == []
    assert details["indirect_channels"] == list(Channel)


def test_a_name_alone_reaches_nothing() -> None:
    """It is kept as proof and never compared."""
    details = details_of(name="Camille Désirée")
    assert details["unenforceable_channels"] == list(Channel)
    assert details["indirect_channels"] == []


def test_numbers_kept_by_their_digits_are_told_by_their_places() -> None:
    """So that the caller can ask for the region."""
    details = details_of(EMAIL, UNPARSABLE, PHONE, Phone("0639980002"))
    assert details["kept_by_digits"] == [1, 3]
    assert details_of(EMAIL, PHONE)["kept_by_digits"] == []


def test_a_recording_objection_tells_its_numbers_kept_by_digits() -> None:
    """It is enough to have one."""
    desk = Desk()
    new = opt_out(UNPARSABLE, expression=said(), kind=EntryKind.RECORDING_OBJECTION)
    recorded = desk.intake.object_to_recording(desk.write(), new, deadline=NO_DEADLINE)
    assert recorded.details["kept_by_digits"] == [0]
    assert desk.ask_recording(Phone("0639980001", "FR")).verdict is Verdict.DENY


TARGETS: dict[Channel, ContactPoint] = {
    Channel.EMAIL: Email("camille@example.net"),
    Channel.SMS: Phone("+33639980009"),
    Channel.VOICE_CALL: Phone("+33639980009"),
    Channel.AUTOMATED_CALL: Phone("+33639980009"),
    Channel.MESSAGING: Handle("messenger", "somebody"),
    Channel.DOOR_TO_DOOR: PostalAddress("FR", "75002", "Paris", "3 rue de la Paix"),
    Channel.POST: PostalAddress("FR", "75002", "Paris", "3 rue de la Paix"),
    Channel.ONLINE_ADVERTISING: Email("camille@example.net"),
    Channel.PROCESSING: Email("camille@example.net"),
}


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize(
    "point",
    [
        pytest.param(EMAIL, id="email"),
        pytest.param(PHONE, id="phone"),
        pytest.param(HANDLE, id="handle"),
        pytest.param(ADDRESS, id="address"),
        pytest.param(UNPARSABLE, id="digits"),
    ],
)
def test_what_is_told_of_a_channel_is_what_happens_there(
    channel: Channel, point: ContactPoint
) -> None:
    """Asked for another target of somebody known by the opt-out's contact point too."""
    desk = Desk()
    target = TARGETS[channel]
    desk.record(consent(target, expression=said(), channels=(channel,), evidence=PROOF))
    new = opt_out(point, expression=said())
    details = desk.intake.add_opt_out(desk.write(), new, deadline=NO_DEADLINE).details
    verdict = desk.ask(question(target, channel, point)).verdict
    assert (verdict is Verdict.ALLOW) == (channel in details["unenforceable_channels"])
