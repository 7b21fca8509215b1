"""The one resource of a link: GET shows it, POST decides (RFC 8058)."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from consent_registry.v1.unsubscribe_service_pb2 import DescribeUnsubscribeResponse
from consent_registry_client import UnsubscribeMethod
from consent_registry_server.web.answers import (
    RETRY_AFTER_S,
    Refusals,
    html,
    language_of,
    view_of,
)
from consent_registry_server.web.forms import (
    LINK,
    BodyRefused,
    Stop,
    TakeBack,
    Wish,
    read_wish,
)
from consent_registry_server.web.limits import RateLimits, Use
from consent_registry_server.web.metrics import ABORTED, Invalidity, Limit, WebMetrics
from consent_registry_server.web.options import WebOptions
from consent_registry_server.web.pages import Pages
from consent_registry_server.web.registry import Refusal, Registry
from consent_registry_server.web.wording import Choice

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST")
ALLOW: Final = {"Allow": ", ".join(METHODS)}

# Twice as long as a token can be: what is longer is none, and the registry need not look.
_TOKEN: Final = re.compile(r"[A-Za-z2-7]{1,400}")

_FORMS_VERSION: Final = 1
_DESCRIPTION_PATIENCE_S: Final = 1.0
"""How much longer than for the write we wait to tell who it was that stopped."""
_BAD_REQUEST: Final = 400

_INVALIDITIES: Final = {
    Refusal.INVALID_LINK: Invalidity.INVALID,
    Refusal.UNKNOWN_LINK: Invalidity.UNKNOWN,
}

Description = DescribeUnsubscribeResponse | Refusal


class LinkPage:
    """Answers requests for links."""

    def __init__(
        self,
        registry: Registry,
        *,
        pages: Pages,
        limits: RateLimits,
        options: WebOptions,
        metrics: WebMetrics,
    ) -> None:
        self._registry = registry
        self._pages = pages
        self._refusals = Refusals(pages)
        self._limits = limits
        self._options = options
        self._metrics = metrics

    async def answer(self, request: Request) -> Response:
        """Answers one request."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=ALLOW)
        token: str = request.path_params["token"]
        is_token = bool(_TOKEN.fullmatch(token))
        use = Use.WRITE if request.method == "POST" else Use.READ
        too_often = await self._too_often(request, token if is_token else None, use)
        if too_often is not None:
            return too_often
        if not is_token:
            return self._invalid(request, Invalidity.MALFORMED)
        return await (self._post if use is Use.WRITE else self._show)(request, token)

    async def _too_often(self, request: Request, token: str | None, use: Use) -> Response | None:
        address = request.client.host if request.client else None
        wait_s, limit = await self._limits.wait_for_client_s(address), Limit.CLIENT_RATE
        if not wait_s and token is not None:
            wait_s, limit = await self._limits.wait_for_link_s(token, use), Limit.LINK_RATE
        if not wait_s:
            return None
        self._metrics.limited(limit)
        return self._refusals.too_often(request, wait_s)

    async def _show(self, request: Request, token: str) -> Response:
        """The page; nothing changes, whoever looks at it, and however often."""
        link = await self._registry.describe(token)
        if isinstance(link, Refusal):
            return self._without_link(request, link)
        view = view_of(request, link)
        return html(self._pages.start(view), view)

    async def _post(self, request: Request, token: str) -> Response:
        try:
            wish = await read_wish(request, self._options)
        except ClientDisconnect:
            # There is nobody to answer, and no end of what was wanted.
            return Response(status_code=ABORTED)
        except BodyRefused as refused:
            if refused.status != _BAD_REQUEST:
                self._metrics.limited(Limit.BODY)
                return self._refusals.cut_off(request, refused.status)
            return self._misunderstood(request, await self._registry.describe(token))
        return await self._decided(request, token, wish)

    async def _decided(self, request: Request, token: str, wish: Wish) -> Response:
        """Does what is wanted; the page's words are looked up meanwhile, and decide nothing."""
        describing = asyncio.create_task(self._registry.describe(token))
        try:
            if isinstance(wish, TakeBack):
                return await self._undo(request, token, wish, describing)
            return await self._stop(request, token, wish, describing)
        finally:
            describing.cancel()

    async def _stop(
        self, request: Request, token: str, wish: Stop, describing: asyncio.Task[Description]
    ) -> Response:
        stored = await self._registry.stop(token, wish, form_id=_form_id(request, wish))
        link = await _in_time(describing)
        chosen = wish.choices or (LINK,)
        if isinstance(stored, Refusal):
            return self._not_done(request, stored, link, chosen=chosen)
        by_page = wish.method == UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE
        undo_token = stored.undo_token if by_page else b""
        return self._stopped(request, link, undo_token, chosen=chosen)

    async def _undo(
        self, request: Request, token: str, wish: TakeBack, describing: asyncio.Task[Description]
    ) -> Response:
        undone = await self._registry.undo(token, wish.undo_token)
        link = await _in_time(describing)
        if undone is Refusal.UNDO_EXPIRED:
            view = view_of(request, _known(link))
            return html(self._pages.undo_expired(view), view)
        if isinstance(undone, Refusal):
            return self._not_done(request, undone, link, undo_token=wish.undo_token)
        view = view_of(request, _known(link))
        return html(self._pages.undone(view), view)

    def _stopped(
        self,
        request: Request,
        link: Description,
        undo_token: bytes,
        *,
        chosen: tuple[Choice, ...],
    ) -> Response:
        view = view_of(request, _known(link))
        page = self._pages.stopped(view, undo_token=undo_token, chosen=chosen)
        return html(page, view)

    def _not_done(
        self,
        request: Request,
        refusal: Refusal,
        link: Description,
        *,
        chosen: tuple[Choice, ...] = (),
        undo_token: bytes = b"",
    ) -> Response:
        """Why a wish is not stored."""
        if refusal is Refusal.INVALID_LINK:
            return self._without_link(request, refusal)
        if refusal is Refusal.UNKNOWN_LINK:
            # It was ours, and comes back with the log: whoever pressed it shall press again.
            self._metrics.invalid_token(Invalidity.UNKNOWN)
        elif refusal is not Refusal.UNAVAILABLE:
            return self._misunderstood(request, link)
        view = view_of(request, _known(link))
        page = self._pages.unavailable(view, chosen=chosen, undo_token=undo_token)
        return html(page, view, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})

    def _misunderstood(self, request: Request, link: Description) -> Response:
        """The request wants nothing that the link offers."""
        if isinstance(link, Refusal) and link in _INVALIDITIES:
            return self._without_link(request, link)
        view = view_of(request, _known(link))
        page = self._pages.refused(view, status=_BAD_REQUEST)
        return html(page, view, status=_BAD_REQUEST)

    def _without_link(self, request: Request, refusal: Refusal) -> Response:
        """There is no link, or nobody knows."""
        if refusal in _INVALIDITIES:
            return self._invalid(request, _INVALIDITIES[refusal])
        return self._refusals.unavailable(request)

    def _invalid(self, request: Request, reason: Invalidity) -> Response:
        self._metrics.invalid_token(reason)
        view = view_of(request)
        return html(self._pages.invalid_link(view), view)


async def _in_time(describing: asyncio.Task[Description]) -> Description:
    """The description of a link, or that there is none yet."""
    await asyncio.wait({describing}, timeout=_DESCRIPTION_PATIENCE_S)
    return describing.result() if describing.done() else Refusal.UNAVAILABLE


def _known(link: Description) -> DescribeUnsubscribeResponse | None:
    return None if isinstance(link, Refusal) else link


def _form_id(request: Request, wish: Stop) -> str:
    """The form that the person saw; a mailbox shows none."""
    if wish.method == UnsubscribeMethod.UNSUBSCRIBE_METHOD_ONE_CLICK:
        return ""
    name = "unsubscribe" if wish.choices == (LINK,) else "preferences"
    return f"{name}-{_FORMS_VERSION}/{language_of(request)}"
