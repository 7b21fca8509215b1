"""What a store promises of what an unsubscribe link says already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import Channel, EntryKind, Source
from consent_registry_server.service.ports import ContactDigests, PreparedEntry
from consent_registry_server.service.unsubscribe_ports import Said
from tests.conformance.entries import (
    MARKETING,
    NOON_US,
    NORWAY,
    append,
    consent,
    entry,
    lead,
    lift,
    partner,
    point,
    register,
    request,
)
from tests.conformance.links import (
    ALL_EMAIL,
    EMAIL,
    EVERYTHING,
    LATER_US,
    NEWSLETTER,
    ONE_CLICK,
    PHONE,
    RECORDING,
    lifted_recording,
    link,
    said,
    said_before,
)
from tests.conformance.ports import AnyTransaction, Ports
from tests.fakes.ambience import NO_DEADLINE


def test_a_link_says_what_was_said_through_it(ports: Ports) -> None:
    """By the entry, and since it was stored."""
    link_id = link(ports, EMAIL, PHONE)
    opt_out = said(link_id)
    assert said_before(ports, link_id) is None
    append(ports, opt_out)
    assert said_before(ports, link_id) == Said(opt_out.entry_id, NOON_US)


@pytest.mark.parametrize(
    "since_us, is_said", [(NOON_US - 1, True), (NOON_US, True), (NOON_US + 1, False)]
)
def test_what_was_said_longer_ago_is_said_anew(
    ports: Ports, since_us: int, *, is_said: bool
) -> None:
    """A consent that nobody knows yet may have come in between."""
    link_id = link(ports, EMAIL)
    append(ports, said(link_id))
    assert (said_before(ports, link_id, since_us=since_us) is not None) is is_said


def test_what_the_page_says_is_not_said_by_the_mailbox(ports: Ports) -> None:
    """The page's word can be undone, and the mailbox's goes on then."""
    link_id = link(ports, EMAIL)
    append(ports, said(link_id))
    assert said_before(ports, link_id, source=Source.PREFERENCE_PAGE) is None
    by_page = said(link_id, source=Source.PREFERENCE_PAGE)
    append(ports, by_page)
    found = said_before(ports, link_id, source=Source.PREFERENCE_PAGE)
    assert found == Said(by_page.entry_id, NOON_US)


def test_of_what_was_said_again_the_last_counts(ports: Ports) -> None:
    """On a tie the first id, so that a repetition answers the same."""
    link_id = link(ports, EMAIL)
    old, *ties = said(link_id), *(said(link_id, counts_at_us=LATER_US) for _ in range(3))
    append(ports, *ties, old)
    expected = min(each.entry_id for each in ties)
    assert said_before(ports, link_id) == Said(expected, LATER_US)


def test_a_transaction_sees_what_it_said(ports: Ports) -> None:
    """Two opt-outs of one click do not hide each other."""
    link_id = link(ports, EMAIL)

    def work(transaction: AnyTransaction) -> dict[str, Any]:
        transaction.append([said(link_id)])
        when: dict[str, Any] = {"source": Source.UNSUBSCRIBE_LINK, "since_us": NOON_US}
        assert transaction.said_before(link_id, ONE_CLICK, **when) is not None
        assert transaction.said_before(link_id, RECORDING, **when) is None
        return {}

    ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)


OTHERS = {
    "another channel": OptOut(EntryKind.DO_NOT_CONTACT, Channel.SMS.mask, frozenset({MARKETING})),
    "more channels": OptOut(
        EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask | Channel.SMS.mask, frozenset({MARKETING})
    ),
    "a purpose below": OptOut(
        EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask, frozenset({NEWSLETTER})
    ),
    "more purposes": OptOut(
        EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask, frozenset({MARKETING, NEWSLETTER})
    ),
    "all purposes": ALL_EMAIL,
    "everything": EVERYTHING,
    "recording": RECORDING,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_one_thing_said_is_not_another(ports: Ports, other: OptOut) -> None:
    """Neither is said by the other, however much of it is covered."""
    link_id = link(ports, EMAIL)
    append(ports, said(link_id))
    assert said_before(ports, link_id, other) is None
    append(ports, said(link_id, other))
    assert said_before(ports, link_id, other) is not None


def test_what_was_said_through_one_link_is_not_said_through_another(ports: Ports) -> None:
    """Even where one of them has all the contact points of the other."""
    one, other = link(ports, EMAIL, PHONE), link(ports, EMAIL)
    append(ports, said(one), entry(EMAIL, channels=ONE_CLICK.channels, purposes=ONE_CLICK.purposes))
    assert said_before(ports, one) is not None
    assert said_before(ports, other) is None


class Since(NamedTuple):
    """What came after a click, and whether the link says it still."""

    entry: Callable[[PreparedEntry], PreparedEntry]
    is_said: bool
    opt_out: OptOut = ONE_CLICK


def _since(*points: ContactDigests, **changes: Any) -> Callable[[PreparedEntry], PreparedEntry]:  # noqa: ANN401 - fields of NewEntry
    return lambda _: consent(*points, **{"counts_at_us": LATER_US, **changes})


SINCE = {
    "a consent": Since(_since(EMAIL), is_said=False),
    "a consent by the other contact point": Since(_since(PHONE), is_said=False),
    "a consent at the same instant": Since(_since(EMAIL, counts_at_us=NOON_US), is_said=True),
    "a consent a moment later": Since(_since(EMAIL, counts_at_us=NOON_US + 1), is_said=False),
    "a consent from before": Since(_since(EMAIL, counts_at_us=NOON_US - 1), is_said=True),
    "a consent of a variant": Since(_since(point("email+tag", found_as="email")), is_said=False),
    "a consent of somebody else": Since(_since(point("other")), is_said=True),
    "a consent to something else": Since(
        _since(EMAIL, channels=Channel.SMS.mask, purposes=frozenset({NEWSLETTER})), is_said=False
    ),
    "a consent to another controller": Since(_since(EMAIL, controller=NORWAY), is_said=False),
    "a consent that nothing proves": Since(
        _since(EMAIL, proven=False, lifts_opt_outs=False), is_said=False
    ),
    "a partner's lead": Since(
        lambda _: entry(
            EMAIL,
            counts_at_us=LATER_US,
            kind=EntryKind.PARTNER_CONSENT,
            partner_id=lead(EMAIL).new.partner_id,
            channels=Channel.EMAIL.mask,
            purposes=frozenset({MARKETING}),
            proven=True,
        ),
        is_said=False,
    ),
    "a lift of it": Since(lambda opt_out: lift(opt_out, counts_at_us=LATER_US), is_said=False),
    "a lift dated before it": Since(
        lambda opt_out: lift(opt_out, counts_at_us=NOON_US - 1), is_said=False
    ),
    "a lift of recording": Since(
        lambda _: entry(PHONE, counts_at_us=LATER_US, kind=EntryKind.RECORDING_OBJECTION_LIFT),
        is_said=False,
        opt_out=RECORDING,
    ),
    "a lift of recording by name": Since(
        lambda objection: lifted_recording(objection, counts_at_us=LATER_US),
        is_said=False,
        opt_out=RECORDING,
    ),
    "a lift of recording from before": Since(
        lambda _: entry(PHONE, counts_at_us=NOON_US - 1, kind=EntryKind.RECORDING_OBJECTION_LIFT),
        is_said=True,
        opt_out=RECORDING,
    ),
    "another opt-out": Since(lambda _: entry(EMAIL, counts_at_us=LATER_US), is_said=True),
    "a restriction": Since(
        lambda _: entry(EMAIL, counts_at_us=LATER_US, kind=EntryKind.RESTRICTION), is_said=True
    ),
}


@pytest.mark.parametrize("since", SINCE.values(), ids=SINCE)
def test_a_link_says_no_more_what_may_have_been_permitted_since(ports: Ports, since: Since) -> None:
    """Whatever it was: a click too many is harmless, one too few is a lost opt-out."""
    register(ports, partner())
    link_id = link(ports, EMAIL, PHONE)
    opt_out = said(link_id, since.opt_out)
    append(ports, opt_out)
    append(ports, since.entry(opt_out))
    assert (said_before(ports, link_id, since.opt_out) is not None) is since.is_said


def test_what_is_said_after_a_consent_is_said(ports: Ports) -> None:
    """Once more, by the entry of after it."""
    link_id = link(ports, EMAIL)
    again = said(link_id, counts_at_us=LATER_US + 1)
    append(ports, said(link_id), consent(EMAIL, counts_at_us=LATER_US), again)
    assert said_before(ports, link_id) == Said(again.entry_id, LATER_US + 1)


PERMISSIONS = {
    "none": ([], None),
    "a consent": ([consent(EMAIL, counts_at_us=LATER_US)], LATER_US),
    "the latest of several": (
        [consent(PHONE, counts_at_us=LATER_US), consent(EMAIL, counts_at_us=NOON_US)],
        LATER_US,
    ),
    "a consent of a variant": (
        [consent(point("email+tag", found_as="email"), counts_at_us=LATER_US)],
        LATER_US,
    ),
    "a consent of somebody else": ([consent(point("other"))], None),
    "a lift of recording": (
        [entry(PHONE, counts_at_us=LATER_US, kind=EntryKind.RECORDING_OBJECTION_LIFT)],
        LATER_US,
    ),
    "an opt-out": ([entry(EMAIL, counts_at_us=LATER_US)], None),
}


@pytest.mark.parametrize("entries, expected_us", PERMISSIONS.values(), ids=PERMISSIONS)
def test_the_last_permission_is_told(
    ports: Ports, entries: list[PreparedEntry], expected_us: int | None
) -> None:
    """On any of the link's contact points, however spelt."""
    link_id = link(ports, EMAIL, PHONE)
    if entries:
        append(ports, *entries)
    found_us = ports.ledger.transact(
        lambda transaction: transaction.last_permission_us(link_id), deadline=NO_DEADLINE
    )
    assert found_us == expected_us
