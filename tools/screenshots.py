"""Writes docs/images/*.png: the unsubscribe pages, as an installed browser shows them."""

from __future__ import annotations

import asyncio
import base64
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from playwright.async_api import Browser

from tests.browser.chromium import find_browser, running_browser
from tests.browser.handler import Handler, running_handler
from tests.browser.looking import PHONE, Scheme, show
from tests.browser.states import State, reach
from tests.browser.visit import visiting

IMAGES: Final = Path("docs/images")

_DESKTOP_WIDTH: Final = 900
_CONTROLLERS: Final = {
    "en": {
        "controller": "alarm-ie",
        "legal_name": "Alarm Example Ireland Limited",
        "country": "IE",
    },
    "fi": {"controller": "alarm-fi", "legal_name": "Alarm Example Suomi Oy", "country": "FI"},
    "fr": {"controller": "alarm-fr", "legal_name": "Alarm Example France SAS", "country": "FR"},
}

# Sixty-four colours, so that the files stay small: the most frequent ones, and for each of the
# others, which smooth the edges of letters, the nearest of them.
_INDEXED: Final = """async (source) => {
    const octets = Uint8Array.from(atob(source), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([octets]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const data = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    const pixels = new Uint32Array(data.length / 4), counts = new Map();
    for (let i = 0; i < pixels.length; i++) {
        pixels[i] = data[4 * i] << 16 | data[4 * i + 1] << 8 | data[4 * i + 2];
        counts.set(pixels[i], (counts.get(pixels[i]) ?? 0) + 1);
    }
    const palette = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b)
        .slice(0, 64);
    const parts = (colour) => [colour >> 16, colour >> 8 & 255, colour & 255];
    const distance = (one, other) => {
        const [a, b] = [parts(one), parts(other)];
        return a.reduce((sum, part, i) => sum + (part - b[i]) ** 2, 0);
    };
    const indexes = new Map(palette.map((colour, i) => [colour, i]));
    for (const colour of counts.keys()) {
        if (indexes.has(colour)) continue;
        const nearest = palette.reduce((best, other) =>
            distance(colour, other) < distance(colour, best) ? other : best);
        indexes.set(colour, indexes.get(nearest));
    }
    return {width: bitmap.width, height: bitmap.height, palette: palette.flatMap(parts),
            indexes: Uint8Array.from(pixels, (pixel) => indexes.get(pixel)).toBase64()};
}"""


class Shot(NamedTuple):
    """One picture."""

    state: State
    language: str
    width: int
    scheme: Scheme

    @property
    def file(self) -> Path:
        """Where it is kept."""
        size = "phone" if self.width == PHONE["width"] else "desktop"
        return IMAGES / f"unsubscribe-{self.state}-{size}-{self.scheme}-{self.language}.png"


SHOTS: Final = (
    Shot(State.START, "fr", PHONE["width"], "light"),
    Shot(State.STOPPED, "fr", PHONE["width"], "light"),
    Shot(State.UNDONE, "fi", PHONE["width"], "dark"),
    Shot(State.INVALID_LINK, "fi", PHONE["width"], "dark"),
    Shot(State.START, "en", _DESKTOP_WIDTH, "dark"),
    Shot(State.STOPPED, "en", _DESKTOP_WIDTH, "light"),
)


def main() -> int:
    """Returns the exit code: 1 without a browser."""
    program = find_browser()
    if program is None:
        print("No browser is installed; `apt-get install chromium` gives one")
        return 1
    with tempfile.TemporaryDirectory() as folder, running_handler(Path(folder)) as handler:
        asyncio.run(_take_all(program, handler))
    return 0


async def _take_all(program: str, handler: Handler) -> None:
    IMAGES.mkdir(exist_ok=True)
    async with running_browser(program) as browser:
        for shot in SHOTS:
            picture = await _take(shot, browser, handler)
            shot.file.write_bytes(picture)
            print(f"{shot.file}: {len(picture):,} bytes")


async def _take(shot: Shot, browser: Browser, handler: Handler) -> bytes:
    async with visiting(browser, handler.origin, device_scale_factor=2) as visit:
        described = _CONTROLLERS[shot.language]
        await reach(shot.state, visit, handler, language=shot.language, **described)
        await visit.page.mouse.move(0, 0)
        # As high as the page, and no higher.
        await show(visit.page, {"width": shot.width, "height": 1}, scheme=shot.scheme)
        picture = await visit.page.screenshot(full_page=True)
    page = await browser.new_page()
    found = await page.evaluate(_INDEXED, base64.b64encode(picture).decode())
    await page.close()
    return _png(
        found["width"],
        found["height"],
        palette=bytes(found["palette"]),
        indexes=base64.b64decode(found["indexes"]),
    )


def _png(width: int, height: int, *, palette: bytes, indexes: bytes) -> bytes:
    """A PNG of eight bits a pixel."""
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    # Each line begins with the number of its filter: none.
    lines = b"".join(b"\0" + indexes[at : at + width] for at in range(0, len(indexes), width))
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    length, check = struct.pack(">I", len(content)), zlib.crc32(kind + content)
    return length + kind + content + struct.pack(">I", check)


if __name__ == "__main__":
    raise SystemExit(main())
