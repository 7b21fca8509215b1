"""Pages as answers of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from consent_registry.v1.unsubscribe_service_pb2 import DescribeUnsubscribeResponse
from consent_registry_server.web.headers import CLOSE
from consent_registry_server.web.languages import Language, negotiate
from consent_registry_server.web.pages import Pages, View

RETRY_AFTER_S: Final = 10
"""When whoever was not heard should try again."""

_SERVER_ERROR: Final = 500


def language_of(request: Request, *, country: str = "") -> Language:
    """The language that a person reads."""
    accepted = request.headers.get("accept-language", "")
    return negotiate(request.query_params.get("lang", ""), accepted, country)


def view_of(request: Request, link: DescribeUnsubscribeResponse | None = None) -> View:
    """What every page needs, from the request."""
    language = language_of(request, country=link.country if link else "")
    return View(language, request.scope["path"], link)


def html(
    page: str, view: View, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A page as an answer."""
    return HTMLResponse(
        page,
        status,
        headers={
            "Content-Language": view.language,
            "Vary": "Accept-Language",
            **(headers or {}),
        },
    )


@dataclass(frozen=True, slots=True)
class Refusals:
    """The answers to requests that are refused before anybody looks at the link."""

    pages: Pages

    def refused(
        self, request: Request, status: int, *, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Nothing was changed."""
        view = view_of(request)
        return html(self.pages.refused(view, status=status), view, status=status, headers=headers)

    def cut_off(self, request: Request, status: int) -> Response:
        """Nothing was changed, and the rest of the body is not waited for."""
        return self.refused(request, status, headers=CLOSE)

    def too_often(self, request: Request, wait_s: int) -> Response:
        """Nothing was recorded; later it may be."""
        return self.refused(request, 429, headers={"Retry-After": str(wait_s)})

    def unavailable(self, request: Request) -> Response:
        """Nothing was recorded yet; later it may be."""
        return self._not_yet(request, 503)

    def broken(self, request: Request) -> Response:
        """Nothing is known to be recorded, for something is wrong here."""
        return self._not_yet(request, _SERVER_ERROR)

    def _not_yet(self, request: Request, status: int) -> Response:
        view = view_of(request)
        retry = {"Retry-After": str(RETRY_AFTER_S)}
        return html(self.pages.unavailable(view), view, status=status, headers=retry)
