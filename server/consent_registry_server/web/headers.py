"""What every answer says to browsers, caches and search engines."""

from __future__ import annotations

from typing import Final

NO_STORE: Final = "no-store"
CACHED_FOR_AN_HOUR: Final = "public, max-age=3600"
CLOSE: Final = {"Connection": "close"}
"""For an answer before the end of the body: what is left of it is not waited for."""

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_FEATURES: Final = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")

ALWAYS: Final = {
    "Content-Security-Policy": _POLICY,
    # The address of the page is the right to unsubscribe; it goes to nobody.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Robots-Tag": "noindex, nofollow",
}
"""On every answer, whatever it is."""
