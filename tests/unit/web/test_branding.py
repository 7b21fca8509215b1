"""How the pages look for each controller."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_registry_server.web.branding import (
    DARK_SURFACES,
    LIGHT_SURFACES,
    MAX_FILE_BYTES,
    MAX_LOGO_BYTES,
    Brand,
    Branding,
    BrandingError,
    read_branding,
)
from consent_registry_server.web.colour import BLACK, WHITE, Colour, contrast, text_on

ROOT = Path(__file__).parents[3]
STYLE = ROOT / "server" / "consent_registry_server" / "web" / "static" / "style.css"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"

colours = st.builds(Colour, *[st.integers(0, 255)] * 3)


def written(folder: Path, text: str) -> Path:
    path = folder / "branding.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BrandingError) as raised:
        read_branding(written(folder, text))
    return str(raised.value).splitlines()


def properties(brand: Brand) -> dict[str, Colour]:
    found = re.findall(r"^  --([a-z-]+): (#[0-9a-f]{6});$", brand.css(), re.MULTILINE)
    return {name: Colour.parse(value) for name, value in found}


def test_the_example_in_the_documentation_can_be_used() -> None:
    """As it stands."""
    branding = read_branding(ROOT / "docs" / "branding.example.yaml")
    brand = branding.of("alarm-fr")
    assert (brand.name, brand.email, brand.dialled) == (
        "Exemple Alarme",
        "stop@example.com",
        "+33639980000",
    )
    assert brand.reachable
    assert branding.of("alarm-no") == branding.of("default") == branding.default


def test_without_a_file_everything_is_neutral() -> None:
    """No name but the legal one, and nobody to write to."""
    branding = read_branding(None)
    assert branding == Branding()
    assert branding.of("alarm-fr") == Brand()
    assert not Brand().reachable


def test_an_entry_takes_nothing_from_the_default_one(tmp_path: Path) -> None:
    """The telephone number of one company is not that of another."""
    path = written(tmp_path, 'default: {phone: "3900"}\nalarm-fr: {name: Alarme}\n')
    branding = read_branding(path)
    assert branding.of("alarm-no").phone == "3900"
    assert branding.of("alarm-fr") == Brand(name="Alarme")


@pytest.mark.parametrize(
    "content, media_type",
    [
        pytest.param(PNG, "image/png", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0rest", "image/jpeg", id="jpeg"),
        pytest.param(b"RIFF\x0a\0\0\0WEBPVP8 ", "image/webp", id="webp"),
        pytest.param(PNG.ljust(MAX_LOGO_BYTES, b"\0"), "image/png", id="as-large-as-may-be"),
    ],
)
def test_a_logo_is_read_with_its_kind(tmp_path: Path, content: bytes, media_type: str) -> None:
    """By what it holds, whatever it is called, from beside the file."""
    (tmp_path / "logo.svg").write_bytes(content)
    logo = read_branding(written(tmp_path, "alarm-fr: {logo: logo.svg}\n")).of("alarm-fr").logo
    assert logo is not None
    assert (logo.content, logo.media_type) == (content, media_type)


@pytest.mark.parametrize(
    "content, problem",
    [
        pytest.param(SVG, "not a PNG, JPEG or WebP picture", id="svg-may-hold-scripts"),
        pytest.param(b"", "not a PNG, JPEG or WebP picture", id="empty"),
        pytest.param(b"x" + PNG, "not a PNG, JPEG or WebP picture", id="not-at-the-beginning"),
        pytest.param(PNG.ljust(MAX_LOGO_BYTES + 1), "a picture larger than 256 KiB", id="large"),
        pytest.param(None, "names no file that can be read", id="missing"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """At the start, not by a browser."""
    if content is not None:
        (tmp_path / "logo.png").write_bytes(content)
    assert problems(tmp_path, "alarm-fr: {logo: logo.png}\n") == [f"alarm-fr.logo: {problem}"]


@pytest.mark.parametrize(
    "entry, place",
    [
        pytest.param("colour: red", "alarm-fr.colour: extra inputs", id="unknown-key"),
        pytest.param("accent: red", "alarm-fr.accent: must be a colour", id="colour-by-name"),
        pytest.param('accent: "#fff"', "alarm-fr.accent: must be a colour", id="short-colour"),
        pytest.param('accent: "#ffffff;"', "alarm-fr.accent: must be", id="more-than-a-colour"),
        pytest.param("accent: #1d4ed8", "alarm-fr.accent: must be", id="colour-without-quotes"),
        pytest.param("privacy_url: http://example.com/", "alarm-fr.privacy_url: ", id="no-tls"),
        pytest.param("privacy_url: 'javascript:alert(1)'", "alarm-fr.privacy_url", id="script"),
        pytest.param("privacy_url: https:///x", "alarm-fr.privacy_url: ", id="no-host"),
        pytest.param("privacy_url: https://a@example.com/", "alarm-fr.privacy_url", id="user"),
        pytest.param("privacy_url: https://example.com:x/", "alarm-fr.privacy_url", id="port"),
        pytest.param('privacy_url: "https://example.com/a b"', "alarm-fr.privacy", id="space"),
        pytest.param('name: "a\\u0007"', "alarm-fr.name: holds characters", id="bell-in-name"),
        pytest.param('name: "a\\u202Eb"', "alarm-fr.name: holds characters", id="turned-around"),
        pytest.param('name: ""', "alarm-fr.name: ", id="empty-name"),
        pytest.param("name: 7", "alarm-fr.name: ", id="number-for-a-name"),
        pytest.param('address: ["a\\nb"]', "alarm-fr.address.0: holds", id="line-in-a-line"),
        pytest.param("address: []", "alarm-fr.address: ", id="no-lines"),
        pytest.param("email: nobody", "alarm-fr.email: must be", id="no-email"),
        pytest.param('email: "a@example.com?bcc=b@example.org"', "alarm-fr.email", id="header"),
        pytest.param("phone: 3900", "alarm-fr.phone: ", id="phone-without-quotes"),
        pytest.param('phone: "call us"', "alarm-fr.phone: must be a phone", id="no-phone"),
    ],
)
def test_a_problem_is_told_with_the_path_of_its_key(tmp_path: Path, entry: str, place: str) -> None:
    """A page never shows what nobody meant."""
    (problem,) = problems(tmp_path, f"alarm-fr:\n  {entry}\n")
    assert problem.startswith(place)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """In the file's order."""
    text = "default: {accent: red}\nalarm-fr: {email: x, phone: x}\nAlarm: {}\n"
    places = [problem.partition(":")[0] for problem in problems(tmp_path, text)]
    assert places == ["default.accent", "alarm-fr.email", "alarm-fr.phone", "Alarm"]


@pytest.mark.parametrize(
    "text, problem",
    [
        pytest.param("- a\n", "input should be a valid dictionary", id="a-list"),
        pytest.param("", "input should be a valid dictionary", id="nothing"),
        pytest.param("a: [", "not YAML: ", id="broken"),
        pytest.param("a: !!python/object:os.system {}", "not YAML: ", id="objects"),
        pytest.param("a: 2026-02-30", "not YAML: ", id="no-date"),
        pytest.param("#" * (MAX_FILE_BYTES + 1), "larger than 256 KiB", id="large"),
    ],
)
def test_a_file_that_holds_no_entries_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """With what it is instead."""
    (found,) = problems(tmp_path, text)
    assert found.lower().startswith(problem.lower())


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The settings name it, so that it was meant to be there."""
    with pytest.raises(BrandingError, match="cannot be read: No such file"):
        read_branding(tmp_path / "missing.yaml")


@given(colours)
@example(Colour(0x75, 0x75, 0x75))
@example(Colour(0x76, 0x76, 0x76))
@example(Colour(0xFF, 0xFF, 0))
def test_text_can_be_read_on_every_accent_and_in_its_colour(accent: Colour) -> None:
    """WCAG 2.2, success criterion 1.4.3, in light and dark."""
    found = properties(Brand(accent=accent))
    assert found["accent"] == accent
    assert found["on-accent"] in {BLACK, WHITE}
    assert contrast(found["on-accent"], accent) >= 4.5
    assert all(contrast(found["accent-on-light"], surface) >= 4.5 for surface in LIGHT_SURFACES)
    assert all(contrast(found["accent-on-dark"], surface) >= 4.5 for surface in DARK_SURFACES)


@pytest.mark.parametrize(
    "one, other, ratio",
    [
        pytest.param("#000000", "#ffffff", 21.0, id="the-most"),
        pytest.param("#777777", "#777777", 1.0, id="none"),
        pytest.param("#767676", "#ffffff", 4.54, id="the-lightest-grey-that-is-text-on-white"),
        pytest.param("#0000ff", "#ffffff", 8.59, id="blue"),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    """In either order; the values are those of public checkers."""
    first, second = Colour.parse(one), Colour.parse(other)
    assert contrast(first, second) == contrast(second, first) == pytest.approx(ratio, abs=0.01)


def test_the_text_on_a_button_is_the_more_readable_one() -> None:
    """White on dark, black on light."""
    assert text_on(Colour.parse("#1f4e79")) == WHITE
    assert text_on(Colour.parse("#ffd400")) == BLACK


def test_a_brand_can_style_nothing_but_colours() -> None:
    """Its style sheet holds custom properties alone."""
    lines = Brand(accent=Colour(1, 2, 3)).css().splitlines()
    assert (lines[0], lines[-1]) == (":root {", "}")
    assert len(properties(Brand())) == len(lines) - 2 == 4


def test_the_surfaces_are_those_of_the_style_sheet() -> None:
    """Contrast is computed against what the pages show."""
    light, dark = STYLE.read_text(encoding="utf-8").split("prefers-color-scheme: dark", 2)[:2]
    for style, surfaces in ((light, LIGHT_SURFACES), (dark, DARK_SURFACES)):
        assert re.findall(r"--(?:card|page): (#\w{6})", style)[::-1] == list(map(str, surfaces))


def test_what_the_style_sheet_writes_has_enough_contrast() -> None:
    """Text 4.5:1 on every surface, the edges of controls 3:1."""
    light, dark = STYLE.read_text(encoding="utf-8").split("prefers-color-scheme: dark", 2)[:2]
    for style in (light, dark):
        named = {
            name: Colour.parse(value)
            for name, value in re.findall(r"--([a-z-]+): (#\w{6});", style)
        }
        for surface in (named["card"], named["page"], named["confirmed"]):
            assert contrast(named["text"], surface) >= 4.5
        for surface in (named["card"], named["page"]):
            assert contrast(named["muted"], surface) >= 4.5
        assert contrast(named["control"], named["card"]) >= 3
        assert contrast(named["confirmed-line"], named["confirmed"]) >= 3
