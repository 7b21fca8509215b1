"""The languages of the pages: which one a person gets, and what it says."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES: Final = Path(__file__).parent / "locales"
"""Holds `<language>/LC_MESSAGES/web.po` for every language but English."""

DOMAIN: Final = "web"

_LONGEST_HEADER: Final = 1_000
_MOST_RANGES: Final = 50

_RANGE: Final = re.compile(
    r"[ \t]*(?P<tag>[A-Za-z]{1,8})(?:[-_][A-Za-z0-9]{1,8})*"
    r"[ \t]*(?:;[ \t]*[qQ]=(?P<weight>[01](?:\.[0-9]{0,3})?)[ \t]*)?"
)
"""A language range of RFC 9110, section 12.5.4, with the weight that may follow it."""


class Language(StrEnum):
    """A language, by its BCP 47 tag: the value of the attribute `lang`."""

    FRENCH = "fr"
    ENGLISH = "en"
    NORWEGIAN = "nb"
    SWEDISH = "sv"
    FINNISH = "fi"
    SPANISH = "es"
    ITALIAN = "it"
    PORTUGUESE = "pt"

    @property
    def own_name(self) -> str:
        """What its speakers call it."""
        return _OWN_NAMES[self]


_OWN_NAMES: Final[Mapping[Language, str]] = {
    Language.FRENCH: "Français",
    Language.ENGLISH: "English",
    Language.NORWEGIAN: "Norsk",
    Language.SWEDISH: "Svenska",
    Language.FINNISH: "Suomi",
    Language.SPANISH: "Español",
    Language.ITALIAN: "Italiano",
    Language.PORTUGUESE: "Português",
}
# Whoever reads Nynorsk reads Bokmål; `no` is what phones sent before the two had tags.
_BY_TAG: Final[Mapping[str, Language]] = {
    **{str(language): language for language in Language},
    "nn": Language.NORWEGIAN,
    "no": Language.NORWEGIAN,
}
_BY_COUNTRY: Final[Mapping[str, Language]] = {
    "ES": Language.SPANISH,
    "FI": Language.FINNISH,
    "FR": Language.FRENCH,
    "GB": Language.ENGLISH,
    "IE": Language.ENGLISH,
    "IT": Language.ITALIAN,
    "NO": Language.NORWEGIAN,
    "PT": Language.PORTUGUESE,
    "SE": Language.SWEDISH,
}


def negotiate(asked: str, accepted: str, country: str) -> Language:
    """The language of a page; whatever the arguments are, there is one.

    `asked` is the tag of `?lang=`, `accepted` the header Accept-Language, `country` that of the
    controller (ISO 3166-1 alpha-2). Each may be empty; the first that names a language of ours
    decides, else it is English.
    """
    match = _RANGE.fullmatch(asked[:_LONGEST_HEADER])
    if match and match["weight"] is None and (language := _language(match["tag"])):
        return language
    return _preferred(accepted) or _BY_COUNTRY.get(country.upper(), Language.ENGLISH)


def _preferred(accepted: str) -> Language | None:
    """The language of ours with the highest weight; of equal ones the first."""
    weighted = [(weight, language) for weight, language in _ranges(accepted) if weight > 0]
    return max(weighted, key=lambda one: one[0])[1] if weighted else None


def _ranges(accepted: str) -> Iterator[tuple[float, Language]]:
    """The languages of ours that a header names; what cannot be read counts as absent."""
    for text in _bounded(accepted).split(",", _MOST_RANGES)[:_MOST_RANGES]:
        match = _RANGE.fullmatch(text)
        if match and (language := _language(match["tag"])):
            yield float(match["weight"] or 1), language


def _bounded(header: str) -> str:
    """A header's beginning, without the range that the bound would cut."""
    if len(header) <= _LONGEST_HEADER:
        return header
    return header[:_LONGEST_HEADER].rpartition(",")[0]


def _language(tag: str) -> Language | None:
    return _BY_TAG.get(tag.lower())


class Catalogues:
    """The translations of every language, read once."""

    def __init__(self, translations: Mapping[Language, gettext.NullTranslations]) -> None:
        self._translations = translations

    @classmethod
    def load(cls, folder: Path = LOCALES) -> Catalogues:
        """Reads the catalogues of a folder; English is the language of the sources.

        Raises:
            OSError: one is missing. babel.messages.pofile.PoFileError: one is broken.
        """
        translations: dict[Language, gettext.NullTranslations] = {
            language: _read(catalogue_path(language, folder))
            for language in Language
            if language is not Language.ENGLISH
        }
        return cls({Language.ENGLISH: gettext.NullTranslations(), **translations})

    def of(self, language: Language) -> gettext.NullTranslations:
        """What a language says."""
        return self._translations[language]


def catalogue_path(language: Language, folder: Path = LOCALES) -> Path:
    """Where the catalogue of a language is."""
    return folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _read(path: Path) -> gettext.GNUTranslations:
    # Compiled in memory: the tree holds what translators edit, and no binary that may lag behind.
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, domain=DOMAIN, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
