"""Which language a page is in."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.web.languages import Catalogues, Language, negotiate

FRENCH, ENGLISH, NORWEGIAN = Language.FRENCH, Language.ENGLISH, Language.NORWEGIAN
SWEDISH, FINNISH, SPANISH = Language.SWEDISH, Language.FINNISH, Language.SPANISH
ITALIAN, PORTUGUESE = Language.ITALIAN, Language.PORTUGUESE


@pytest.mark.parametrize(
    "accepted, expected",
    [
        pytest.param("fr", FRENCH, id="a-bare-tag"),
        pytest.param("fr-CH", FRENCH, id="a-region"),
        pytest.param("pt-BR", PORTUGUESE, id="another-region"),
        pytest.param("es-419", SPANISH, id="a-region-by-number"),
        pytest.param("SV-se", SWEDISH, id="in-any-case"),
        pytest.param("fi_FI", FINNISH, id="with-an-underscore"),
        pytest.param("nb-NO", NORWEGIAN, id="bokmal"),
        pytest.param("nn-NO", NORWEGIAN, id="nynorsk"),
        pytest.param("no", NORWEGIAN, id="norwegian-as-phones-said-it"),
        pytest.param("de-DE,de;q=0.9,it;q=0.8,en;q=0.7", ITALIAN, id="the-first-of-ours"),
        pytest.param("en;q=0.5, fr;q=0.9", FRENCH, id="the-highest-weight"),
        pytest.param("it;q=0.8,fr;q=0.8", ITALIAN, id="of-equal-weights-the-first"),
        pytest.param("sv;q=0, fi;q=0.1", FINNISH, id="weight-0-means-no"),
        pytest.param("es ; q=0.2 , pt;q=0.30", PORTUGUESE, id="with-spaces"),
        pytest.param("fr;q=2, en;q=0.1", ENGLISH, id="a-weight-above-1-is-no-weight"),
        pytest.param("fr;q=0.1234, en;q=0.1", ENGLISH, id="nor-one-of-four-digits"),
        pytest.param("fr;level=1, sv;q=0.1", SWEDISH, id="other-parameters-are-not-known"),
        pytest.param("\x00;;,,=, fi", FINNISH, id="after-garbage"),
    ],
)
def test_the_header_names_the_language(accepted: str, expected: Language) -> None:
    """By weight, then by order; regions make no difference."""
    assert negotiate("", accepted, "GB" if expected is not ENGLISH else "FR") is expected


@pytest.mark.parametrize(
    "asked, accepted, country, expected",
    [
        pytest.param("sv", "fr", "NO", SWEDISH, id="what-is-asked-for"),
        pytest.param("pt-PT", "fr", "NO", PORTUGUESE, id="with-a-region"),
        pytest.param("no", "fr", "SE", NORWEGIAN, id="by-another-tag"),
        pytest.param("de", "fr", "NO", FRENCH, id="then-the-header"),
        pytest.param("sv;q=1", "fr", "NO", FRENCH, id="a-range-is-no-tag"),
        pytest.param("", "de, *;q=0.5", "NO", NORWEGIAN, id="then-the-country"),
        pytest.param("", "sv;q=0", "NO", NORWEGIAN, id="not-by-a-language-refused"),
        pytest.param("", "*", "it", ITALIAN, id="any-language-is-the-country's"),
        pytest.param("", "", "IE", ENGLISH, id="ireland"),
        pytest.param("", "", "", ENGLISH, id="else-english"),
        pytest.param("", "de", "DE", ENGLISH, id="a-country-without-a-language-of-ours"),
    ],
)
def test_the_first_that_names_one_of_ours_decides(
    asked: str, accepted: str, country: str, expected: Language
) -> None:
    """The link to a language, the browser's languages, the controller's country."""
    assert negotiate(asked, accepted, country) is expected


@given(asked=st.text(), accepted=st.text(alphabet="frensv-_;q=.019,* \t\x00é"), country=st.text())
def test_garbage_never_fails(asked: str, accepted: str, country: str) -> None:
    """There is always a language."""
    assert negotiate(asked, accepted, country) in Language


@pytest.mark.parametrize(
    "accepted",
    [
        pytest.param("de," * 60 + "fr", id="too-many"),
        pytest.param("x" * 5_000 + ",fr", id="too-long"),
        pytest.param("," * 1_000_000 + "fr", id="far-too-long"),
        pytest.param("d" * 994 + ",fr-xxxxx", id="cut-within-a-range"),
    ],
)
def test_only_the_beginning_of_a_header_is_read(accepted: str) -> None:
    """No header keeps the handler busy; a range that the bound cuts is not read as another one."""
    assert negotiate("", accepted, "") is ENGLISH


def test_every_language_has_a_name_of_its_own() -> None:
    """That which its speakers look for."""
    names = [language.own_name for language in Language]
    assert names[:3] == ["Français", "English", "Norsk"]
    assert len(set(names)) == len(Language)


def test_catalogues_translate() -> None:
    """English is what the sources say."""
    catalogues = Catalogues.load()
    said = {language: catalogues.of(language).gettext("Try again") for language in Language}
    assert (said[ENGLISH], said[FRENCH], said[FINNISH]) == (
        "Try again",
        "Réessayer",
        "Yrittäkää uudelleen",
    )
    assert len(set(said.values())) == len(Language)


def test_a_missing_catalogue_is_an_error_at_the_start(tmp_path: Path) -> None:
    """Not one that somebody sees."""
    with pytest.raises(FileNotFoundError, match=r"web\.po"):
        Catalogues.load(tmp_path)


def test_there_is_no_compiled_catalogue() -> None:
    """Nor is one looked for: it might say something else than its source."""
    assert isinstance(Catalogues.load().of(FRENCH), gettext.GNUTranslations)
    package = Path(__file__).parents[3] / "server" / "consent_registry_server"
    assert not list(package.rglob("*.mo"))
