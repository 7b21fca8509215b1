"""What comes of a message, over real connections to a listener and to a registry."""

from __future__ import annotations

import grpc
import pytest

from consent_registry_client import UnsubscribeMethod
from consent_registry_server.domain import errors
from consent_registry_server.mail.options import MailProtocol
from tests.fakes.unsubscribe_service import UNSUBSCRIBE
from tests.unit.mail.house import Reply, running
from tests.unit.mail.messages import (
    ADDRESS,
    ADDRESSES,
    AUTOMATIC,
    LONG,
    MAILBOX,
    OTHER,
    PEOPLE,
    PERSON,
    SUBJECTS,
    TOKEN,
    WITHOUT_TOKEN,
    message,
)
from tests.unit.mail.registry import LinkRegistry

OTHER_ADDRESS = f"unsubscribe+{OTHER}@mail.example.com"
FORGED = "a" + TOKEN[1:] if TOKEN[0] != "a" else "b" + TOKEN[1:]
FORGED_ADDRESS = f"unsubscribe+{FORGED}@mail.example.com"
STORED = Reply(250, "2.0.0 Recorded")
AGAIN = Reply(451, "4.3.0 Not recorded yet: please try again later")
PLAIN = message(subject="unsubscribe")

UNSTORED = {
    "unavailable": errors.Unavailable("STORAGE_UNAVAILABLE", "told to fail"),
    "without a key": errors.Unauthenticated("MISSING_API_KEY", "told to fail"),
    "not granted": errors.PermissionDenied("CONTROLLER_NOT_GRANTED", "told to fail"),
    "too much": errors.LimitExceeded("TOO_MANY_CALLS", "told to fail"),
    "too slow": errors.DeadlineExceeded("DEADLINE_EXCEEDED", "told to fail"),
    "another invalid field": errors.InvalidRequest("INVALID_FIELD", "told to fail"),
    "something else not found": errors.NotFound("UNKNOWN_CONTROLLER", "told to fail"),
    "another state": errors.PreconditionFailed("UNDO_EXPIRED", "told to fail"),
    **{
        f"{code.name.lower()}, by a proxy": code
        for code in (
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.NOT_FOUND,
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.UNIMPLEMENTED,
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.UNKNOWN,
        )
    },
}


@pytest.mark.parametrize("protocol", MailProtocol)
async def test_a_token_in_the_address_unsubscribes(
    registry: LinkRegistry, protocol: MailProtocol
) -> None:
    """By the method MAIL, what the link is for; said only when it is stored."""
    async with running(registry.address, protocol=protocol) as house:
        assert await house.deliver(PLAIN, [ADDRESS]) == [STORED]
    (request,) = registry.requests[UNSUBSCRIBE]
    assert request.token == TOKEN
    assert request.method == UnsubscribeMethod.UNSUBSCRIBE_METHOD_MAIL
    assert not request.choices


async def test_the_registry_is_told_the_id_that_the_log_names(registry: LinkRegistry) -> None:
    """One for each message, so that an unsubscribe can be followed through both."""
    async with running(registry.address) as house:
        for _ in range(2):
            await house.deliver(PLAIN, [ADDRESS])
        ids = [event["request_id"] for event in house.events]
    assert len(set(ids)) == 2
    assert registry.request_ids[UNSUBSCRIBE] == ids


async def test_every_event_of_a_message_has_its_id(registry: LinkRegistry) -> None:
    """Of one that fails, too."""
    registry.unavailable.add(TOKEN)
    async with running(registry.address) as house:
        await house.deliver(PLAIN, [ADDRESS])
        events = {event["event"]: event["request_id"] for event in house.events}
    assert set(events) == {"unsubscribe_not_stored", "message_handled"}
    assert set(events.values()) == set(registry.request_ids[UNSUBSCRIBE])


async def test_every_shape_of_a_subject_unsubscribes(registry: LinkRegistry) -> None:
    async with running(registry.address) as house:
        for name, subject in SUBJECTS.items():
            registry.entries.clear()
            replies = await house.deliver(message(subject=subject), [MAILBOX])
            assert (name, replies, set(registry.stored)) == (name, [STORED], {TOKEN})


async def test_every_shape_of_an_address_unsubscribes(registry: LinkRegistry) -> None:
    async with running(registry.address) as house:
        for name, address in ADDRESSES.items():
            registry.entries.clear()
            replies = await house.deliver(PLAIN, [address])
            assert (name, replies, registry.stored) == (name, [STORED], [TOKEN])


async def test_messages_of_every_mail_program_unsubscribe(registry: LinkRegistry) -> None:
    async with running(registry.address) as house:
        for name, content in PEOPLE.items():
            registry.entries.clear()
            replies = await house.deliver(content, [MAILBOX])
            assert (name, replies, registry.stored) == (name, [STORED], [TOKEN])


async def test_a_broken_long_token_is_told_from_its_first_line(registry: LinkRegistry) -> None:
    """The registry alone tells which reading is a token."""
    subject = f"unsubscribe {LONG[:80]}\r\n {LONG[80:]}"
    async with running(registry.address) as house:
        assert await house.deliver(message(subject=subject), [MAILBOX]) == [STORED]
    assert registry.stored == [LONG]


@pytest.mark.parametrize("protocol", MailProtocol)
async def test_automatic_messages_are_accepted_and_change_nothing(
    registry: LinkRegistry, protocol: MailProtocol
) -> None:
    """The registry is not even asked, and each is counted by what shows it."""
    async with running(registry.address, protocol=protocol) as house:
        for name, (sign, content) in AUTOMATIC.items():
            before = house.counted().get(f"automatic_messages {sign}", 0)
            (reply,) = await house.deliver(content, [ADDRESS])
            after = house.counted()[f"automatic_messages {sign}"]
            assert (name, reply.code, after - before) == (name, 250, 1)
        assert house.counted()["messages automatic"] == len(AUTOMATIC)
    assert registry.asked == []


@pytest.mark.parametrize(
    "content",
    [
        message(),
        message(subject=None),
        message(subject=FORGED),
        b"X: a\r\n" * 2_000 + b"\r\n",
        b"Subject: a\r\n\r\n" + b"a" * 70_000,
        b"Subject: a\r\n\r\n" + b"aaaaaaaa\r\n" * 7_000,
    ],
    ids=["a token", "no token", "a forged token", "unreadable", "a long line", "too large"],
)
async def test_a_null_sender_is_always_told_250(registry: LinkRegistry, content: bytes) -> None:
    """Nobody reads a bounce of a bounce; and it changes nothing, whatever it holds."""
    async with running(registry.address, message_octets=65_536) as house:
        replies = await house.deliver(content, [ADDRESS, MAILBOX], sender="")
        assert [reply.code for reply in replies] == [250, 250]
    assert registry.asked == []


@pytest.mark.parametrize("subject", WITHOUT_TOKEN.values(), ids=WITHOUT_TOKEN.keys())
async def test_without_a_token_the_sender_is_told_so(registry: LinkRegistry, subject: str) -> None:
    async with running(registry.address) as house:
        (reply,) = await house.deliver(message(subject=subject), [MAILBOX])
        assert house.counted()["messages no_token"] == 1
    assert reply.code == 554
    assert "Not recorded" in reply.text
    assert "Please use the link" in reply.text
    assert registry.asked == []


@pytest.mark.parametrize(
    "token",
    [FORGED, TOKEN[:-1], TOKEN + "a", TOKEN[1:] + TOKEN[0]],
    ids=["forged", "truncated", "lengthened", "turned"],
)
async def test_an_invalid_token_is_never_said_to_be_recorded(
    registry: LinkRegistry, token: str
) -> None:
    async with running(registry.address) as house:
        (of_subject,) = await house.deliver(message(subject=token), [MAILBOX])
        (of_address,) = await house.deliver(PLAIN, [f"unsubscribe+{token}@mail.example.com"])
        assert house.counted()["messages invalid_token"] == 2
    assert of_subject == of_address
    assert (of_subject.code, "Not recorded" in of_subject.text) == (554, True)
    assert registry.stored == []


@pytest.mark.parametrize("failure", UNSTORED.values(), ids=UNSTORED.keys())
async def test_what_is_not_known_to_be_stored_is_tried_again(
    registry: LinkRegistry, failure: errors.RegistryError | grpc.StatusCode
) -> None:
    """By the mail server, which keeps the message; the next time it is stored."""
    registry.refuse(UNSUBSCRIBE, failure)
    async with running(registry.address) as house:
        assert await house.deliver(PLAIN, [ADDRESS]) == [AGAIN]
        registry.recover()
        assert await house.deliver(PLAIN, [ADDRESS]) == [STORED]
        assert house.counted() == {"messages unavailable": 1, "messages stored": 1}
    assert registry.stored == [TOKEN]


async def test_a_lost_link_is_tried_again_and_logged(registry: LinkRegistry) -> None:
    """Until the operator has restored the database, or the mail server tells the sender."""
    registry.lose_link(TOKEN)
    async with running(registry.address) as house:
        assert await house.deliver(PLAIN, [ADDRESS]) == [AGAIN]
        assert house.counted() == {"messages unknown_link": 1}
        assert ("unsubscribe_link_unknown", "error") in {
            (event["event"], event["level"]) for event in house.events
        }


async def test_a_registry_that_is_away_is_not_asked_for_every_token(registry: LinkRegistry) -> None:
    registry.refuse(UNSUBSCRIBE)
    async with running(registry.address) as house:
        replies = await house.deliver(PLAIN, [ADDRESS, OTHER_ADDRESS])
    assert replies == [AGAIN, AGAIN]
    assert registry.asked == [TOKEN]


async def test_no_registry_at_all_is_tried_again() -> None:
    async with running("127.0.0.1:1", registry_timeout_s=0.5) as house:
        assert await house.deliver(PLAIN, [ADDRESS]) == [AGAIN]


async def test_a_registry_that_hangs_is_tried_again(registry: LinkRegistry) -> None:
    """After the client's timeout."""
    with registry.held(UNSUBSCRIBE):
        async with running(registry.address, registry_timeout_s=0.2) as house:
            assert await house.deliver(PLAIN, [ADDRESS]) == [AGAIN]
        assert registry.stored == []


async def test_an_answer_that_was_lost_is_not_recorded_twice(registry: LinkRegistry) -> None:
    """The mail server brings the message back, and the registry knows it."""
    registry.lose_answers(UNSUBSCRIBE, times=1)
    async with running(registry.address) as house:
        assert await house.deliver(PLAIN, [ADDRESS]) == [AGAIN]
        assert await house.deliver(PLAIN, [ADDRESS]) == [STORED]
    assert registry.stored == [TOKEN]


async def test_each_recipient_of_lmtp_has_an_answer_of_its_own(registry: LinkRegistry) -> None:
    """In order (RFC 2033, 4.2), those included that are named twice."""
    registry.unavailable.add(OTHER)
    recipients = [ADDRESS, MAILBOX, FORGED_ADDRESS, OTHER_ADDRESS, ADDRESS]
    async with running(registry.address) as house:
        replies = await house.deliver(PLAIN, recipients)
        assert house.counted() == {"messages unavailable": 1}
    assert [reply.code for reply in replies] == [250, 554, 554, 451, 250]
    assert registry.stored == [TOKEN]


@pytest.mark.parametrize(
    "recipients, code",
    [
        ([ADDRESS, OTHER_ADDRESS], 250),
        ([ADDRESS, MAILBOX], 554),
        ([ADDRESS, FORGED_ADDRESS], 554),
        ([FORGED_ADDRESS, f"unsubscribe+{LONG}@mail.example.com"], 451),
    ],
    ids=["all stored", "one without a token", "one invalid", "one to be tried again"],
)
async def test_smtp_has_one_answer_that_hides_no_failure(
    registry: LinkRegistry, recipients: list[str], code: int
) -> None:
    registry.unavailable.add(LONG)
    async with running(registry.address, protocol=MailProtocol.SMTP) as house:
        (reply,) = await house.deliver(PLAIN, recipients)
    assert reply.code == code


async def test_a_subject_speaks_for_all_recipients(registry: LinkRegistry) -> None:
    """Of which it is one token, asked for once."""
    async with running(registry.address) as house:
        replies = await house.deliver(message(), [MAILBOX, ADDRESS, "stop@mail.example.com"])
    assert replies == [STORED] * 3
    assert registry.stored == [TOKEN]


async def test_different_tokens_of_address_and_subject_are_both_used(
    registry: LinkRegistry,
) -> None:
    """Whoever holds a token may use it; neither is guessed to be the one that is meant."""
    async with running(registry.address) as house:
        assert await house.deliver(message(subject=OTHER), [ADDRESS]) == [STORED]
    assert registry.stored == [TOKEN, OTHER]


async def test_a_stored_token_does_not_hide_one_to_be_tried_again(registry: LinkRegistry) -> None:
    registry.unavailable.add(OTHER)
    async with running(registry.address) as house:
        assert await house.deliver(message(subject=OTHER), [ADDRESS]) == [AGAIN]
        registry.unavailable.clear()
        assert await house.deliver(message(subject=OTHER), [ADDRESS]) == [STORED]
    assert OTHER in registry.stored


async def test_an_address_that_was_cut_off_leaves_the_subject(registry: LinkRegistry) -> None:
    """A local part has no more than 64 octets on some mail systems (RFC 5321, 4.5.3.1.1)."""
    cut = f"unsubscribe+{TOKEN[:61]}@mail.example.com"
    async with running(registry.address) as house:
        assert await house.deliver(message(), [cut]) == [STORED]
    assert registry.stored == [TOKEN]


async def test_nothing_about_a_person_is_in_the_log_or_the_metrics(registry: LinkRegistry) -> None:
    """Neither address nor subject nor token, whatever comes of the message."""
    registry.unavailable.add(OTHER)
    async with running(registry.address) as house:
        for to in (ADDRESS, OTHER_ADDRESS, FORGED_ADDRESS, MAILBOX):
            await house.deliver(message(subject="secret wish", body="secret text\r\n"), [to])
            await house.deliver(message("Precedence: bulk", subject="secret wish"), [to])
        await house.talk(lambda server: server.command("MAIL", 'FROM:"'))
        await house.talk(lambda server: server.command(f"SECRET-{TOKEN}"))
        said = house.log + " ".join(house.counted())
    for word in (TOKEN, OTHER, FORGED, PERSON, "claire", "secret", "mail.example", "127.0.0.1"):
        assert word not in said.lower()
    assert {event["event"] for event in house.events} <= {
        "message_handled",
        "unsubscribe_not_stored",
        "mail_command_failed",
    }
