"""The mail handler's settings, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.mail.options import MailOptions, MailProtocol, SocketPlace, TcpPlace
from consent_registry_server.mail_cli import MailSettings, load_mail_settings
from consent_registry_server.rpc.options import Address
from consent_registry_server.settings_reader import PREFIX


def load(**variables: str) -> MailSettings:
    return load_mail_settings({PREFIX + name: value for name, value in variables.items()})


def test_without_any_setting_it_is_for_this_machine() -> None:
    settings = load()
    assert settings.options == MailOptions()
    assert settings.options.place == TcpPlace("127.0.0.1", 8025)
    assert settings.options.protocol is MailProtocol.LMTP
    assert settings.metrics == Address("127.0.0.1", 9466)
    assert settings.registry.address == "127.0.0.1:50051"


def test_every_setting_is_read() -> None:
    settings = load(
        MAIL_LISTEN_ADDRESS="[::]:2525",
        MAIL_PROTOCOL="smtp",
        MAIL_DOMAINS=" Mail.example.com, u.example.org,",
        MAIL_MAX_MESSAGE_BYTES="65536",
        MAIL_MAX_RECIPIENTS="1",
        MAIL_MAX_CONNECTIONS="2",
        MAIL_MESSAGES_PER_MINUTE="3",
        MAIL_TIMEOUT_S="4",
        SHUTDOWN_GRACE_S="5",
        METRICS_ADDRESS="127.0.0.1:0",
        ADDRESS="registry.example.com:50051",
        LOG_LEVEL="debug",
        LOG_FORMAT="console",
        MAIL_DOMAIN="typo.example.com",
    )
    assert settings.options == MailOptions(
        place=TcpPlace("::", 2525),
        protocol=MailProtocol.SMTP,
        domains=frozenset({"mail.example.com", "u.example.org"}),
        message_octets=65_536,
        recipients=1,
        connections=2,
        messages_per_minute=3,
        timeout_s=4.0,
        shutdown_grace_s=5.0,
    )
    assert settings.registry.address == "registry.example.com:50051"
    assert (settings.log_level, settings.log_format) == ("debug", "console")
    assert settings.unrecognised == (f"{PREFIX}MAIL_DOMAIN",)


def test_a_unix_socket_is_read() -> None:
    """It is no danger beyond this machine."""
    place = load(MAIL_LISTEN_ADDRESS="unix:/run/unsubscribe/lmtp").options.place
    assert place == SocketPlace(Path("/run/unsubscribe/lmtp"))


@pytest.mark.parametrize(
    "variables, problem",
    [
        ({"MAIL_LISTEN_ADDRESS": "0.0.0.0:25"}, "MAIL_LISTEN_ADDRESS reaches beyond this machine"),
        ({"MAIL_LISTEN_ADDRESS": "8025"}, "MAIL_LISTEN_ADDRESS must be host:port"),
        ({"MAIL_LISTEN_ADDRESS": "unix:"}, "MAIL_LISTEN_ADDRESS must name a socket"),
        (
            {"MAIL_LISTEN_ADDRESS": f"unix:/{'a' * 120}"},
            "MAIL_LISTEN_ADDRESS must name a socket",
        ),
        ({"MAIL_PROTOCOL": "imap"}, "MAIL_PROTOCOL must be one of lmtp, smtp"),
        ({"MAIL_DOMAINS": "a@example.com"}, "MAIL_DOMAINS must be domains"),
        ({"MAIL_DOMAINS": "exämple.com"}, "MAIL_DOMAINS must be domains"),
        ({"MAIL_MAX_RECIPIENTS": "0"}, "MAIL_MAX_RECIPIENTS must be a whole number"),
        ({"MAIL_TIMEOUT_S": "0"}, "MAIL_TIMEOUT_S must be seconds"),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)
def test_a_wrong_setting_is_named(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load(**variables)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(MAIL_PROTOCOL="imap", MAIL_MAX_CONNECTIONS="no", METRICS_ADDRESS="x", TIMEOUT_S="y")
    for name in ("MAIL_PROTOCOL", "MAIL_MAX_CONNECTIONS", "METRICS_ADDRESS", "TIMEOUT_S"):
        assert f"{PREFIX}{name}" in refused.value.message
