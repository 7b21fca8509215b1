"""How the pages look for each controller, and how to reach it: read from one YAML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic import StringConstraints as Constraints
from pydantic_core import ErrorDetails, PydanticCustomError

from consent_registry_server.web.colour import BLACK, WHITE, Colour, readable, text_on

DEFAULT: Final = "default"
"""The key of what holds for controllers without an entry, and where no controller is known."""

MAX_FILE_BYTES: Final = 256 * 1024
MAX_LOGO_BYTES: Final = 256 * 1024

_NEUTRAL_ACCENT: Final = Colour(0x1F, 0x4E, 0x79)
# The surfaces of static/style.css that text in the accent's colour stands on.
LIGHT_SURFACES: Final = (WHITE, Colour(0xF3, 0xF5, 0xF8))
DARK_SURFACES: Final = (Colour(0x1B, 0x21, 0x2A), Colour(0x11, 0x15, 0x1B))

_PNG: Final = re.compile(rb"\x89PNG\r\n\x1a\n")
_JPEG: Final = re.compile(rb"\xff\xd8\xff")
_WEBP: Final = re.compile(rb"RIFF.{4}WEBP", re.DOTALL)
# No SVG: it may hold scripts, which run when somebody opens the picture by itself.
_IMAGES: Final = {"image/png": _PNG, "image/jpeg": _JPEG, "image/webp": _WEBP}


class BrandingError(Exception):
    """The branding cannot be used; the message tells every problem, a line each."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture."""

    content: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Brand:
    """How the pages of one controller look, and how to reach it; what is empty is not told."""

    name: str = ""
    """The name that people know; empty: the legal one."""
    logo: Logo | None = None
    accent: Colour = _NEUTRAL_ACCENT
    email: str = ""
    phone: str = ""
    address: tuple[str, ...] = ()
    """Lines."""
    privacy_url: str = ""

    @property
    def dialled(self) -> str:
        """The phone number as a link dials it."""
        return re.sub(r"[^0-9+]", "", self.phone)

    @property
    def reachable(self) -> bool:
        """Whether anybody can be told to stop by hand."""
        return bool(self.email or self.phone or self.address)

    def css(self) -> str:
        """A style sheet of custom properties; text in each of these colours has enough contrast."""
        properties = {
            "accent": self.accent,
            "on-accent": text_on(self.accent),
            "accent-on-light": readable(self.accent, on=LIGHT_SURFACES, towards=BLACK),
            "accent-on-dark": readable(self.accent, on=DARK_SURFACES, towards=WHITE),
        }
        lines = (f"  --{name}: {colour};\n" for name, colour in properties.items())
        return f":root {{\n{''.join(lines)}}}\n"


@dataclass(frozen=True, slots=True)
class Branding:
    """The brands of all controllers."""

    default: Brand = field(default_factory=Brand)
    brands: Mapping[str, Brand] = field(default_factory=dict)

    def of(self, controller: str) -> Brand:
        """The controller's own brand, else the default one; `default` is that of no controller."""
        return self.brands.get(controller, self.default)


def read_branding(path: Path | None) -> Branding:
    """Reads a branding file and the logos that it names; without a file everything is neutral.

    Raises:
        BrandingError: with every problem, by the path of its key.
    """
    if path is None:
        return Branding()
    try:
        entries = _ENTRIES.validate_python(_content(path), context=path.parent)
    except ValidationError as error:
        raise BrandingError("\n".join(map(_problem, error.errors()))) from None
    brands = {controller: entry.brand() for controller, entry in entries.items()}
    default = brands.pop(DEFAULT, Brand())
    return Branding(default=default, brands=brands)


def _content(path: Path) -> object:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise BrandingError(f"larger than {MAX_FILE_BYTES // 1024} KiB")
        return yaml.safe_load(text)
    except OSError as error:
        raise BrandingError(f"cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BrandingError(f"not YAML: {' '.join(str(error).split())}") from None


def _problem(error: ErrorDetails) -> str:
    place = ".".join(str(step) for step in error["loc"] if step != "[key]")
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"{place}: {message}" if place else message


def _refusing(kind: str, problem: str, *, unless: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        if not unless(text):
            raise PydanticCustomError(kind, problem)
        return text

    return AfterValidator(check)


def _colour(value: object) -> Colour:
    try:
        return Colour.parse(str(value))
    except ValueError:
        # Without quotes, YAML takes the number sign for a comment.
        raise PydanticCustomError("colour", 'must be a colour like "#1d4ed8", in quotes') from None


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and known and "@" not in parts.netloc


def _logo(name: str, info: ValidationInfo) -> Logo:
    path = Path(info.context or ".") / name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LOGO_BYTES + 1)
    except (OSError, ValueError):
        raise PydanticCustomError("logo", "names no file that can be read") from None
    if len(content) > MAX_LOGO_BYTES:
        raise PydanticCustomError("logo", "a picture larger than 256 KiB")
    for media_type, beginning in _IMAGES.items():
        if beginning.match(content):
            return Logo(content, media_type)
    raise PydanticCustomError("logo", "not a PNG, JPEG or WebP picture")


_printable = _refusing(
    "control", "holds characters that cannot be printed", unless=lambda text: text.isprintable()
)
_Controller = Annotated[str, Constraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
_Text = Annotated[str, Constraints(strip_whitespace=True, min_length=1, max_length=200), _printable]
_Email = Annotated[
    str,
    Constraints(max_length=254),
    _refusing(
        "email",
        "must be an email address",
        unless=re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+").fullmatch,
    ),
]
_Phone = Annotated[
    str,
    _refusing(
        "phone",
        "must be a phone number, in quotes, like '+33 6 39 98 00 00'",
        unless=re.compile(r"\+?[0-9][0-9 ().-]{2,28}").fullmatch,
    ),
]
_Url = Annotated[
    str,
    Constraints(max_length=500, pattern=r"^[!-~]+$"),
    _refusing("url", "must be an https address", unless=_is_https),
]
_LogoFile = Annotated[Logo, BeforeValidator(_logo)]


class _Entry(BaseModel):
    """One controller's part of the file."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )

    name: _Text = ""
    logo: _LogoFile | None = None
    accent: Annotated[Colour, BeforeValidator(_colour)] = _NEUTRAL_ACCENT
    email: _Email = ""
    phone: _Phone = ""
    address: Annotated[list[_Text], Field(min_length=1, max_length=6)] = []
    privacy_url: _Url = ""

    def brand(self) -> Brand:
        return Brand(
            name=self.name,
            logo=self.logo,
            accent=self.accent,
            email=self.email,
            phone=self.phone,
            address=tuple(self.address),
            privacy_url=self.privacy_url,
        )


_ENTRIES: Final = TypeAdapter(dict[_Controller, _Entry])
