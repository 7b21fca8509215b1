"""The listener's bounds, its manners, and its end."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

import pytest

from consent_registry_server.mail.options import MailProtocol, SocketPlace
from tests.fakes.unsubscribe_service import UNSUBSCRIBE
from tests.unit.mail.house import House, MailServer, Reply, running
from tests.unit.mail.messages import ADDRESS, LONG, MAILBOX, PERSON, TOKEN, message
from tests.unit.mail.registry import LinkRegistry

OK = Reply(250, "2.0.0 OK")
LATER = Reply(421, "4.3.2 Shutting down: please try again later")


async def asked(registry: LinkRegistry) -> None:
    """Returns when the registry was asked."""
    await asyncio.to_thread(registry.wait_for, UNSUBSCRIBE)


@pytest.mark.parametrize(
    "protocol, greeting, other",
    [(MailProtocol.LMTP, "LHLO", "EHLO"), (MailProtocol.SMTP, "EHLO", "LHLO")],
)
async def test_only_the_protocol_chosen_is_spoken(
    registry: LinkRegistry, protocol: MailProtocol, greeting: str, other: str
) -> None:
    """With its extensions: the size it takes, eight bits, UTF-8, and commands sent ahead."""
    async with running(registry.address, protocol=protocol) as house:
        features = await house.talk(lambda server: server.features)
        assert features == {"size": "1048576", "8bitmime": "", "smtputf8": "", "pipelining": ""}
        hello = await house.talk(lambda server: server.command(greeting, "mx.example.org"))
        refused = await house.talk(lambda server: server.command(other, "mx.example.org"))
    assert (hello.code, refused.code) == (250, 500)


async def test_it_says_nothing_about_itself_and_logs_nobody_in(registry: LinkRegistry) -> None:
    async with running(registry.address) as house:
        replies = await house.talk(
            lambda server: [
                server.command(each)
                for each in ("AUTH PLAIN AA==", "VRFY claire", "HELP", "EXPN x")
            ]
        )
    assert [reply.code for reply in replies] == [502, 252, 214, 502]
    assert not [reply for reply in replies if "claire" in reply.text]


async def test_mail_for_other_domains_is_not_relayed(registry: LinkRegistry) -> None:
    """By the domain in any case; the recipients of our own go on."""
    domains = frozenset({"mail.example.com"})

    def conversation(server: MailServer) -> list[Reply]:
        replies = server.begin(
            "a@MAIL.example.com", "a@example.org", "a@sub.mail.example.com", "a", ADDRESS
        )
        return [*replies, *server.finish(message(), replies=2)]

    async with running(registry.address, domains=domains) as house:
        replies = await house.talk(conversation)
        assert house.counted()["refusals domain"] == 3
    assert [reply.code for reply in replies] == [250, 250, 550, 550, 550, 250, 250, 250]


async def test_recipients_beyond_the_bound_are_for_another_message(registry: LinkRegistry) -> None:
    def conversation(server: MailServer) -> list[Reply]:
        replies = server.begin(ADDRESS, MAILBOX, ADDRESS)
        return [*replies, *server.finish(message(), replies=2)]

    async with running(registry.address, recipients=2) as house:
        replies = await house.talk(conversation)
        assert house.counted()["refusals recipients"] == 1
    assert [reply.code for reply in replies] == [250, 250, 250, 452, 250, 250]


async def test_messages_beyond_the_rate_are_tried_again_later(registry: LinkRegistry) -> None:
    """And count as nothing else."""

    def conversation(server: MailServer) -> list[int]:
        codes = []
        for _ in range(4):
            codes.append(server.command("MAIL", f"FROM:<{PERSON}>").code)
            server.command("RSET")
        return codes

    async with running(registry.address, messages_per_minute=2) as house:
        codes = await house.talk(conversation)
        assert house.counted() == {"refusals rate": codes.count(451)}
    # Four within one minute, or on both sides of its end.
    assert codes in ([250, 250, 451, 451], [250, 250, 250, 250], [250, 250, 451, 250])


@pytest.mark.parametrize("protocol", MailProtocol)
async def test_a_message_beyond_the_size_is_refused_for_each_recipient(
    registry: LinkRegistry, protocol: MailProtocol
) -> None:
    """With a text that says that nothing was recorded; the session goes on."""
    async with running(registry.address, protocol=protocol, message_octets=65_536) as house:
        too_large = message(body="12345678\r\n" * 7_000)
        replies = await house.deliver(too_large, [ADDRESS, MAILBOX])
        assert {reply.code for reply in replies} == {552}
        replies += await house.deliver(message(body="1" * 65_537 + "\r\n"), [ADDRESS, MAILBOX])
        assert house.counted() == {"refusals message": 2}
    assert len(replies) == (4 if protocol is MailProtocol.LMTP else 2)
    assert all("Not recorded" in reply.text for reply in replies)
    assert registry.asked == []


async def test_a_message_announced_too_large_is_refused_at_once(registry: LinkRegistry) -> None:
    async with running(registry.address) as house:
        reply = await house.talk(
            lambda server: server.command("MAIL", f"FROM:<{PERSON}> SIZE=1048577")
        )
    assert reply.code == 552


async def test_lines_beyond_the_standards_length_are_taken(registry: LinkRegistry) -> None:
    """Some programs write them, and an opt-out does not depend on it."""
    async with running(registry.address) as house:
        (reply,) = await house.deliver(message(body="1" * 60_000 + "\r\n"), [ADDRESS])
    assert reply.code == 250


async def test_the_longest_token_and_domain_are_taken(registry: LinkRegistry) -> None:
    """With every option, and though others connect: aiosmtpd shares the bound of commands."""
    domain = ".".join(letter * 60 for letter in "abcd") + ".example"
    recipient = f"unsubscribe+{LONG}@{domain}"
    sender = f"{'e' * 64}@{domain}"

    async with running(registry.address) as house:

        def conversation(server: MailServer) -> list[int]:
            house.connect().close()
            return [
                server.command("MAIL", f"FROM:<{sender}> SIZE=999999 BODY=8BITMIME SMTPUTF8").code,
                server.command("RCPT", f"TO:<{recipient}>").code,
            ]

        assert await house.talk(conversation) == [250, 250]


async def test_commands_sent_ahead_are_answered_in_order(registry: LinkRegistry) -> None:
    """PIPELINING, with a message whose dots are doubled and which ends only by CR LF . CR LF."""
    tricky = (
        b"Subject: unsubscribe\r\n\r\n..\r\n\n.\nMAIL FROM:<x@example.org>\r\n\r.\rRCPT\r\n.\r\n"
        b"MAIL FROM:<y@example.org>\r\nRSET\r\nNOOP\r\n"
    )

    def conversation(server: MailServer) -> list[int]:
        server.send(
            f"MAIL FROM:<{PERSON}>\r\nRCPT TO:<{ADDRESS}>\r\nRCPT TO:<{MAILBOX}>\r\n".encode()
        )
        codes = [server.read().code for _ in range(3)]
        server.send(b"DATA\r\n")
        codes.append(server.read().code)
        server.send(tricky)
        return [*codes, *(server.read().code for _ in range(5))]

    async with running(registry.address) as house:
        codes = await house.talk(conversation)
    assert codes == [250, 250, 250, 354, 250, 554, 250, 250, 250]
    assert registry.stored == [TOKEN]


async def test_addresses_in_utf_8_are_taken(registry: LinkRegistry) -> None:
    def conversation(server: MailServer) -> list[int]:
        server.send(b"MAIL FROM:<p\xc3\xa9n\xc3\xa9lope@example.org> SMTPUTF8\r\n")
        first = server.read().code
        return [
            first,
            *(r.code for r in server.begin(ADDRESS)[1:]),
            server.finish(message())[0].code,
        ]

    async with running(registry.address) as house:
        # The second MAIL is one too many.
        assert await house.talk(conversation) == [250, 250, 250]


async def test_connections_beyond_the_bound_are_told_to_come_later(registry: LinkRegistry) -> None:
    """Until one of those there are has ended."""
    async with running(registry.address, connections=2) as house:

        def conversation(server: MailServer) -> int:
            second = house.connect()
            with pytest.raises(smtplib.SMTPConnectError) as refused:
                house.connect()
            assert server.command("NOOP").code == 250
            second.close()
            return refused.value.smtp_code

        assert await house.talk(conversation) == 421
        assert house.counted() == {"refusals connections": 1}
        assert await house.deliver(message(), [ADDRESS]) == [Reply(250, "2.0.0 Recorded")]


async def test_a_peer_that_says_nothing_is_cut_off(registry: LinkRegistry) -> None:
    async with running(registry.address, timeout_s=0.2) as house:
        # Not by the test's own patience, which smtplib would tell.
        with pytest.raises(smtplib.SMTPServerDisconnected, match=r"closed$"):
            await house.talk(lambda server: server.read())


async def test_a_peer_that_leaves_in_the_middle_changes_nothing(registry: LinkRegistry) -> None:
    """Half a message is none."""

    def conversation(server: MailServer) -> None:
        server.begin(ADDRESS)
        server.command("DATA")
        server.send(message())

    async with running(registry.address) as house:
        await house.talk(conversation)
        assert (await house.deliver(message(subject="x"), [MAILBOX]))[0].code == 554
        assert house.counted() == {"messages no_token": 1}
    assert registry.asked == []


async def test_a_unix_socket_is_listened_on(registry: LinkRegistry, tmp_path: Path) -> None:
    """One that was left behind is replaced."""
    path = tmp_path / "lmtp"
    for _ in range(2):
        async with running(registry.address, place=SocketPlace(path)) as house:
            assert house.listener.port is None

            def conversation() -> int:
                with smtplib.LMTP(str(path)) as client:
                    client.ehlo_or_helo_if_needed()
                    return client.docmd("MAIL", f"FROM:<{PERSON}>")[0]

            assert await asyncio.to_thread(conversation) == 250


async def test_a_message_under_way_is_answered_before_the_end(registry: LinkRegistry) -> None:
    """Its connection ends then, idle ones at once; and nobody new is let in."""
    async with running(registry.address) as house:
        with registry.held(UNSUBSCRIBE):
            idle = await asyncio.to_thread(house.connect)
            busy = asyncio.create_task(house.talk(_deliver_and_read_on))
            await asked(registry)
            end = asyncio.create_task(house.listener.close())
            assert await asyncio.to_thread(idle.read) == LATER
            assert not end.done()
            with pytest.raises(OSError, match="refused"):
                await asyncio.to_thread(house.connect)
        assert await busy == [Reply(250, "2.0.0 Recorded"), LATER]
        await end
        idle.close()
    assert registry.stored == [TOKEN]


async def test_a_message_that_takes_too_long_is_left_unanswered(registry: LinkRegistry) -> None:
    """At the end of the grace: the mail server keeps it, and brings it back."""
    async with running(registry.address, shutdown_grace_s=0.05) as house:
        with registry.held(UNSUBSCRIBE):
            busy = asyncio.create_task(house.talk(_deliver_and_read_on))
            await asked(registry)
            await house.listener.close()
            with pytest.raises(smtplib.SMTPServerDisconnected, match=r"closed$"):
                await busy


def _deliver_and_read_on(server: MailServer) -> list[Reply]:
    server.begin(ADDRESS)
    return [*server.finish(message()), server.read()]


async def test_every_child_of_every_metric_is_there_from_the_start(registry: LinkRegistry) -> None:
    """So that the first refusal is seen as an increase; and connections are shown."""
    async with running(registry.address) as house:
        families = {family.name: family for family in house.collectors.collect()}

        def connections(_: MailServer) -> float:
            return _value(house, "connections")

        assert await house.talk(connections) == 1
        await _until_none(house)
    prefix = "consent_registry_mail_"
    samples = {
        name: [each for each in family.samples if not each.name.endswith("_created")]
        for name, family in families.items()
    }
    assert {name: len(each) for name, each in samples.items()} == {
        f"{prefix}messages": 8,
        f"{prefix}automatic_messages": 8,
        f"{prefix}refusals": 6,
        f"{prefix}message_duration_seconds": 16,
        f"{prefix}connections": 1,
    }


async def _until_none(house: House) -> None:
    while _value(house, "connections"):  # noqa: ASYNC110 - the end of a connection has no event
        await asyncio.sleep(0)


def _value(house: House, name: str) -> float:
    value = house.collectors.get_sample_value(f"consent_registry_mail_{name}")
    assert value is not None
    return value
