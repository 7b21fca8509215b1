"""The real web handler in a process of its own, before a registry that does as a test tells it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.handler_process import WEB, WITHOUT_RATES, running
from tests.fakes.unsubscribe_service import Choice, FakeUnsubscribeService

INVALID_LINK: Final = "/u/" + "a" * 80

PALE: Final = "pale"
VIVID: Final = "vivid"
NIGHT: Final = "night"
"""Controllers with colours of their own; the first one has a logo as well."""

_BRANDING: Final = """\
default: &contact
  name: Alarm Example
  email: privacy@example.com
  phone: "+33 6 39 98 00 00"
  address: [Alarm Example, 1 rue de l’Exemple, 75001 Paris]
  privacy_url: https://example.com/privacy
alarm-ie: {<<: *contact, name: Alarm Example Ireland, accent: "#0f6b5c"}
alarm-fi: {<<: *contact, name: Alarm Example Suomi, accent: "#8a2be2"}
alarm-fr: {<<: *contact, name: Alarm Example France}
pale: {<<: *contact, name: Pale, accent: "#ffe680", logo: logo.png}
vivid: {<<: *contact, accent: "#ff4f00"}
night: {<<: *contact, accent: "#00001a"}
"""
# One dot.
_LOGO: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


@dataclass(frozen=True, slots=True)
class Handler:
    """Where the pages are, and what the registry behind them was asked."""

    origin: str
    registry: FakeUnsubscribeService

    def new_link(self, **described: Any) -> str:  # noqa: ANN401 - as `add_link` takes them
        """The path of a new link."""
        return f"/u/{self.registry.add_link(**described)}"

    def standing(self, link: str) -> tuple[Choice, ...]:
        """What was stopped through a link and not taken back."""
        return self.registry.standing(_token(link))

    def recorded(self, link: str) -> list[Choice]:
        """What was ever stopped through a link, once for each entry."""
        token = _token(link)
        return [each.choice for each in self.registry.entries if each.token == token]

    def asked(self, link: str, method: str) -> list[Any]:
        """The requests with which the handler called a method for a link."""
        token = _token(link)
        return [each for each in self.registry.requests[method] if each.token == token]


@contextmanager
def running_handler(folder: Path) -> Iterator[Handler]:
    """A handler until the end of the block; `folder` is where its branding is written."""
    branding = folder / "branding.yaml"
    branding.write_text(_BRANDING, encoding="utf-8")
    (folder / "logo.png").write_bytes(_LOGO)
    with (
        FakeUnsubscribeService() as registry,
        running(WEB, registry.address, BRANDING_FILE=str(branding), **WITHOUT_RATES) as process,
    ):
        yield Handler(f"http://127.0.0.1:{process.port}", registry)


def _token(link: str) -> str:
    return link.removeprefix("/u/")
