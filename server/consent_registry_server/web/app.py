"""The application: its routes, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from consent_registry_client import AsyncClient
from consent_registry_server.web.answers import Refusals
from consent_registry_server.web.branding import Branding
from consent_registry_server.web.edge import Edge
from consent_registry_server.web.headers import CACHED_FOR_AN_HOUR
from consent_registry_server.web.languages import Catalogues
from consent_registry_server.web.limits import RateLimits
from consent_registry_server.web.link_page import METHODS, LinkPage
from consent_registry_server.web.metrics import WebMetrics
from consent_registry_server.web.options import WebOptions
from consent_registry_server.web.pages import Pages
from consent_registry_server.web.registry import Registry

_STYLE: Final = Path(__file__).parent / "static" / "style.css"
_CACHED: Final = {"Cache-Control": CACHED_FOR_AN_HOUR}


def make_app(
    client: AsyncClient,
    *,
    branding: Branding,
    options: WebOptions,
    metrics: WebMetrics,
    logger: FilteringBoundLogger,
) -> ASGIApp:
    """Returns the application; the client stays open until its lifespan is over."""
    pages = Pages(branding, Catalogues.load())
    refusals = Refusals(pages)
    registry = Registry(client, metrics=metrics, logger=logger, clock=monotonic)
    link_page = LinkPage(
        registry, pages=pages, limits=RateLimits(options), options=options, metrics=metrics
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await registry.finish(timeout_s=options.shutdown_grace_s)

    app = Starlette(
        routes=[*_link_routes(link_page), *_brand_routes(branding), *_probe_routes(registry)],
        lifespan=lifespan,
        exception_handlers={
            HTTPException: partial(_refused, refusals),
            Exception: partial(_broken, refusals),
        },
    )
    # A link that was altered by a slash is invalid; nothing here answers with a redirect.
    app.router.redirect_slashes = False
    return Edge(
        app,
        concurrent_requests=options.concurrent_requests,
        metrics=metrics,
        logger=logger,
        busy=refusals.unavailable,
    )


def _link_routes(page: LinkPage) -> list[Route]:
    route = Route("/u/{token:path}", page.answer, methods=METHODS, name="link")
    # A broken link may have ends of lines in it, which the router's own pattern stops at.
    route.path_regex = re.compile(r"/u/(?P<token>.*)\Z", re.DOTALL)
    return [route]


def _brand_routes(branding: Branding) -> list[Route]:
    style = _STYLE.read_text(encoding="utf-8")

    async def show_style(_: Request) -> Response:
        return _css(style)

    async def show_brand(request: Request) -> Response:
        return _css(branding.of(request.path_params["controller"]).css())

    async def show_icon(_: Request) -> Response:
        # Browsers ask for one unasked; without an answer their consoles tell of an error.
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_CACHED)

    async def show_logo(request: Request) -> Response:
        logo = branding.of(request.path_params["controller"]).logo
        if logo is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(logo.content, media_type=logo.media_type, headers=_CACHED)

    return [
        Route("/static/style.css", show_style, name="style"),
        Route("/static/brand/{controller}.css", show_brand, name="brand"),
        Route("/static/brand/{controller}/logo", show_logo, name="logo"),
        Route("/favicon.ico", show_icon, name="icon"),
    ]


def _probe_routes(registry: Registry) -> list[Route]:
    async def is_alive(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def is_ready(_: Request) -> Response:
        if await registry.is_ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the registry does not answer\n", HTTPStatus.SERVICE_UNAVAILABLE)

    return [
        Route("/healthz", is_alive, name="healthz"),
        Route("/readyz", is_ready, name="readyz"),
    ]


async def _refused(refusals: Refusals, request: Request, error: Exception) -> Response:
    """The page for a request that no route answers."""
    if not isinstance(error, HTTPException):
        raise error
    allowed = (error.headers or {}).get("Allow", "")
    # In one order: the router has them in a set.
    headers = {"Allow": ", ".join(sorted(allowed.split(", ")))} if allowed else None
    return refusals.refused(request, error.status_code, headers=headers)


async def _broken(refusals: Refusals, request: Request, _: Exception) -> Response:
    return refusals.broken(request)


def _css(sheet: str) -> Response:
    return Response(sheet, media_type="text/css", headers=_CACHED)
