"""The pages that people see.

They tell of the link and of what was chosen just now, and of nothing else: whoever holds a link
learns nothing of what the registry knows of the person.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from consent_registry.v1.unsubscribe_service_pb2 import DescribeUnsubscribeResponse
from consent_registry_client import UnsubscribeChoice
from consent_registry_server.web.branding import DEFAULT, Branding
from consent_registry_server.web.languages import Catalogues, Language
from consent_registry_server.web.wording import (
    Choice,
    channel_words,
    choice_field,
    choice_label,
    further_choices,
    offers_all,
    refusal_words,
    stopped_sentences,
)

TEMPLATES: Final = Path(__file__).parent / "templates"

_LINK_ONLY: Final = (UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK,)


@dataclass(frozen=True, slots=True)
class View:
    """What every page needs."""

    language: Language
    path: str
    """Of this resource, for the actions of forms and the links to other languages."""
    link: DescribeUnsubscribeResponse | None
    """None: the token is invalid, or the registry did not answer."""


class Pages:
    """Makes the pages, as HTML."""

    def __init__(self, branding: Branding, catalogues: Catalogues) -> None:
        self._branding = branding
        loader = FileSystemLoader(TEMPLATES)
        self._environments = {
            language: _environment(loader, language, catalogues) for language in Language
        }

    def start(self, view: View) -> str:
        """Tells who wrote and what one click stops, and asks for it."""
        return self._page("start.html", view)

    def stopped(self, view: View, *, undo_token: bytes, chosen: Sequence[Choice]) -> str:
        """Confirms what was chosen just now, offers what else can stop, and to take it back.

        Without an undo token, as after the press of a mailbox, it cannot be taken back here.
        """
        return self._page(
            "stopped.html",
            view,
            sentences=stopped_sentences(chosen, view.link),
            offered=_offered(chosen, view.link),
            offers_all=offers_all(view.link),
            undo=_undo_field(undo_token),
        )

    def undone(self, view: View) -> str:
        """Tells that the last choice was taken back."""
        return self._page("undone.html", view)

    def undo_expired(self, view: View) -> str:
        """Tells that it is too late to take a choice back, and what to do instead."""
        return self._page("undo_expired.html", view)

    def invalid_link(self, view: View) -> str:
        """Tells that the link does not work, and how to unsubscribe by hand."""
        return self._page("invalid_link.html", view)

    def unavailable(
        self, view: View, *, chosen: Sequence[Choice] = (), undo_token: bytes = b""
    ) -> str:
        """Tells that nothing is recorded yet, and offers to try the same again.

        `chosen` is what the person wanted to stop, `undo_token` what they wanted to take back;
        without either the page offers what the start page does.
        """
        again = tuple(sorted(chosen)) if tuple(chosen) != _LINK_ONLY else ()
        return self._page(
            "unavailable.html",
            view,
            again=[(choice_field(choice), choice_label(choice, view.link)) for choice in again],
            undo=_undo_field(undo_token),
        )

    def refused(self, view: View, *, status: int) -> str:
        """Tells that nothing was changed, and why; with a link, offers what it does."""
        return self._page(
            "refused.html",
            view,
            words=refusal_words(status),
            offered=_offered((), view.link),
            offers_all=offers_all(view.link),
            triable_again=view.link is not None,
        )

    def _page(self, template: str, view: View, **details: object) -> str:
        return (
            self._environments[view.language]
            .get_template(template)
            .render(self._common(view), **details)
        )

    def _common(self, view: View) -> Mapping[str, object]:
        """What the frame around every page tells."""
        controller = view.link.controller if view.link else ""
        legal_name = view.link.legal_name if view.link else ""
        brand = self._branding.of(controller)
        # Two slashes at the beginning would name another host.
        path = "/" + quote(view.path.lstrip("/"), safe="/")
        return {
            "action": f"{path}?lang={view.language}",
            "brand": brand,
            "brand_path": f"/static/brand/{quote(controller or DEFAULT, safe='')}",
            "channel": channel_words(view.link.channel if view.link else 0),
            "language": view.language,
            "languages": tuple(Language),
            "legal_name": legal_name,
            "name": brand.name or legal_name,
            "path": path,
        }


def _undo_field(undo_token: bytes) -> str:
    return urlsafe_b64encode(undo_token).decode("ascii")


def _offered(
    chosen: Sequence[Choice], link: DescribeUnsubscribeResponse | None
) -> list[tuple[str, str]]:
    """The value and the words of each further choice."""
    return [
        (choice_field(choice), choice_label(choice, link))
        for choice in further_choices(chosen, link)
    ]


def _environment(
    loader: FileSystemLoader, language: Language, catalogues: Catalogues
) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    translations = catalogues.of(language)
    environment.install_gettext_callables(  # type: ignore[attr-defined] # added by the extension
        translations.gettext, translations.ngettext, newstyle=True
    )
    return environment
