"""Where people unsubscribe: what the settings may say, and what they may not."""

from __future__ import annotations

import pytest

from consent_registry_server.config import load_settings
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.options import UnsubscribeAddresses
from consent_registry_server.settings_reader import PREFIX

DATABASE = {
    "DATABASE_URL": "postgresql://app@db.example:5432/registry",
    "KEYRING_FILE": "/keys/keyring",
}
ORIGIN = "https://stop.example.com"
MAILBOX = "unsubscribe@example.com"
TOKEN = "abc234"


def load(**variables: str) -> UnsubscribeAddresses | None:
    """What a server is told."""
    return load_settings({PREFIX + name: value for name, value in variables.items()}).unsubscribe


def problems(**variables: str) -> list[str]:
    """What is wrong, each on a line of its own; all of it at once."""
    with pytest.raises(ConfigurationError) as refused:
        load(**variables)
    return refused.value.message.split("\n  ")[1:]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of a server with a database of its operator's."""
    return {**DATABASE, "KEY_STORE_DIR": str(tmp_path_factory.mktemp("keys"))}


def test_without_a_database_of_its_own_the_page_is_on_this_machine() -> None:
    """Where `unsubscribe-web` listens when nobody says otherwise."""
    assert load() == UnsubscribeAddresses("http://127.0.0.1:8080")
    assert load(UNSUBSCRIBE_MAILTO=MAILBOX) == UnsubscribeAddresses(
        "http://127.0.0.1:8080", MAILBOX
    )


def test_with_a_database_no_page_is_guessed(served: dict[str, str]) -> None:
    """Links to this machine would go out to people."""
    assert load(**served) is None
    assert load(**served, UNSUBSCRIBE_URL="", UNSUBSCRIBE_MAILTO="") is None


def test_a_mailbox_alone_makes_no_link(served: dict[str, str]) -> None:
    """RFC 8058 wants a page; that it is missing is told, not found out by the first campaign."""
    [problem] = problems(**served, UNSUBSCRIBE_MAILTO=MAILBOX)
    assert problem == f"{PREFIX}UNSUBSCRIBE_URL is needed with {PREFIX}UNSUBSCRIBE_MAILTO"


@pytest.mark.parametrize(
    "given, origin",
    [
        pytest.param("https://stop.example.com", "https://stop.example.com", id="https"),
        pytest.param("https://stop.example.com/", "https://stop.example.com", id="slash"),
        pytest.param("https://stop.example.com:8443", "https://stop.example.com:8443", id="port"),
        pytest.param("https://192.0.2.7:8443", "https://192.0.2.7:8443", id="ipv4"),
        pytest.param("https://[2001:db8::7]", "https://[2001:db8::7]", id="ipv6"),
        pytest.param("https://[2001:db8::7]:8443/", "https://[2001:db8::7]:8443", id="ipv6-port"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8080", id="here"),
        pytest.param("http://localhost", "http://localhost", id="here-by-name"),
        pytest.param("http://localhost:8080/", "http://localhost:8080", id="here-and-slash"),
        pytest.param("http://[::1]:8080", "http://[::1]:8080", id="here-ipv6"),
        pytest.param("http://[::1]", "http://[::1]", id="here-ipv6-without-port"),
    ],
)
def test_the_page_is_named_by_its_origin(served: dict[str, str], given: str, origin: str) -> None:
    """One way to write the address of a token follows from it."""
    addresses = load(**served, UNSUBSCRIBE_URL=given)
    assert addresses == UnsubscribeAddresses(origin)
    assert addresses is not None
    assert addresses.url_of(TOKEN) == f"{origin}/u/{TOKEN}"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("http://stop.example.com", id="in-clear"),
        pytest.param("http://192.0.2.7:8080", id="in-clear-by-address"),
        pytest.param("http://localhost.example.com", id="in-clear-nearly-here"),
        pytest.param("http://[2001:db8::7]:8080", id="in-clear-ipv6"),
        pytest.param("stop.example.com", id="no-scheme"),
        pytest.param("//stop.example.com", id="no-scheme-but-slashes"),
        pytest.param("ftp://stop.example.com", id="another-scheme"),
        pytest.param("https://", id="no-host"),
        pytest.param("https://stop.example.com/unsubscribe", id="path"),
        pytest.param("https://stop.example.com//", id="two-slashes"),
        pytest.param("https://stop.example.com?x=1", id="query"),
        pytest.param("https://stop.example.com#x", id="fragment"),
        pytest.param("https://user:word@stop.example.com", id="credentials"),
        pytest.param("https://stop.example.com:", id="no-port-behind-the-colon"),
        pytest.param("https://stop.example.com:65536", id="port-too-high"),
        pytest.param("https://stop.example.com:８０", id="port-in-other-digits"),
        pytest.param("https://stop.example.com>, <mailto:x@example.com", id="header-injection"),
        pytest.param("https://stop.example.com\n", id="line-end"),
        pytest.param("https://stöp.example.com", id="not-ascii"),
        pytest.param("https://stop example.com", id="space"),
    ],
)
def test_what_is_no_origin_is_refused(served: dict[str, str], given: str) -> None:
    """It would be put into millions of messages."""
    [problem] = problems(**served, UNSUBSCRIBE_URL=given)
    assert problem.startswith(f"{PREFIX}UNSUBSCRIBE_URL must be https://host[:port]")


@pytest.mark.parametrize(
    "mailbox", ["unsubscribe@example.com", "u+stop.it_7-b@mail.example.co.uk", "stop@localhost"]
)
def test_a_mailbox_takes_messages_about_a_token(served: dict[str, str], mailbox: str) -> None:
    """The page comes first, as mailboxes take the first that they can use."""
    addresses = load(**served, UNSUBSCRIBE_URL=ORIGIN, UNSUBSCRIBE_MAILTO=mailbox)
    assert addresses is not None
    page, mail = addresses.uris_of(TOKEN)
    assert page == f"{ORIGIN}/u/{TOKEN}"
    assert mail.startswith(f"mailto:{mailbox}?")
    assert TOKEN in mail


def test_without_a_mailbox_the_page_is_all_there_is(served: dict[str, str]) -> None:
    """A mailto is optional in RFC 8058."""
    addresses = load(**served, UNSUBSCRIBE_URL=ORIGIN)
    assert addresses is not None
    assert addresses.uris_of(TOKEN) == (f"{ORIGIN}/u/{TOKEN}",)


@pytest.mark.parametrize(
    "mailbox",
    [
        pytest.param("unsubscribe", id="no-domain"),
        pytest.param("@example.com", id="no-name"),
        pytest.param("stop@", id="nothing-behind-the-at"),
        pytest.param("stop@example..com", id="empty-label"),
        pytest.param("stop@a@example.com", id="two-ats"),
        pytest.param("mailto:stop@example.com", id="scheme"),
        pytest.param("Stop <stop@example.com>", id="name"),
        pytest.param("stop@example.com?subject=x", id="query"),
        pytest.param("stop@example.com>, <https://other.example", id="header-injection"),
        pytest.param("stop@example.com, other@example.com", id="two"),
        pytest.param("stop@example.com\n", id="line-end"),
        pytest.param("stöp@example.com", id="not-ascii"),
        pytest.param("stop%40x@example.com", id="percent"),
    ],
)
def test_what_is_no_mailbox_is_refused(served: dict[str, str], mailbox: str) -> None:
    """It goes into a header as it is."""
    [problem] = problems(**served, UNSUBSCRIBE_URL=ORIGIN, UNSUBSCRIBE_MAILTO=mailbox)
    assert problem.startswith(f"{PREFIX}UNSUBSCRIBE_MAILTO must be an email address")


def test_both_faults_are_told_at_once(served: dict[str, str]) -> None:
    """With whatever else is wrong."""
    found = problems(**served, UNSUBSCRIBE_URL="http://x", UNSUBSCRIBE_MAILTO="x", LOG_LEVEL="loud")
    assert [each.split()[0].removeprefix(PREFIX) for each in found] == [
        "UNSUBSCRIBE_URL",
        "UNSUBSCRIBE_MAILTO",
        "LOG_LEVEL",
    ]
