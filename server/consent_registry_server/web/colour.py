"""Colours, and which of them can be told apart (WCAG 2.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

TEXT_CONTRAST: Final = 4.5
"""What text needs against its background: success criterion 1.4.3, level AA."""

_STEPS: Final = 32
# Below it sRGB is linear.
_LINEAR_UP_TO: Final = 0.04045
_HEX: Final = re.compile(r"#[0-9A-Fa-f]{6}")


class Colour(NamedTuple):
    """A colour of sRGB, each part from 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> Colour:
        """Reads `#rrggbb`.

        Raises:
            ValueError: it is written in another way.
        """
        if not _HEX.fullmatch(text):
            raise ValueError("not a colour like #1d4ed8")
        return cls(int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    def mixed(self, other: Colour, share: float) -> Colour:
        """This colour with a share of another one, from 0 to 1."""
        parts = (round(one + (two - one) * share) for one, two in zip(self, other, strict=True))
        return Colour(*parts)

    def luminance(self) -> float:
        """The relative luminance: 0 for black, 1 for white."""
        red, green, blue = (_linear(part / 255) for part in self)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


BLACK: Final = Colour(0, 0, 0)
WHITE: Final = Colour(255, 255, 255)


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((one.luminance(), other.luminance()))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(background: Colour) -> Colour:
    """Black or white, whichever reads better; on every background it reads well enough."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, background))


def readable(colour: Colour, *, on: Sequence[Colour], towards: Colour) -> Colour:
    """The colour itself, or as little of another one mixed in as makes it text on all backgrounds.

    When nothing between does, the other one.
    """
    for step in range(_STEPS):
        mixed = colour.mixed(towards, step / _STEPS)
        if all(contrast(mixed, background) >= TEXT_CONTRAST for background in on):
            return mixed
    return towards


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_UP_TO else ((part + 0.055) / 1.055) ** 2.4
