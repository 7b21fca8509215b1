"""The translations are complete, and say in each language what the sources do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from consent_registry_server.web.languages import LOCALES, Language, catalogue_path
from tools.messages import extracted, faults, main, problems, read, translated, update

SOURCES = LOCALES.parent
SPACE_BEFORE = re.compile(r"(?<!\u202f)[?!;]|(?<!\u00a0):")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extracted(SOURCES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LOCALES, tmp_path / "locales"))


def messages(language: Language) -> Iterator[tuple[str, str]]:
    catalogue = read(catalogue_path(language), language)
    return ((str(each.id), str(each.string)) for each in catalogue if each.id)


def test_the_catalogues_are_complete(template: Catalog) -> None:
    """After a change of the words: `make messages`, then translate."""
    assert list(problems(template)) == []


def test_the_check_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `make check` runs it."""
    monkeypatch.chdir(SOURCES.parents[2])
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_messages_of_templates_and_modules_are_found(template: Catalog) -> None:
    """And nothing else."""
    found = {str(each.id) for each in template if each.id}
    assert {"Unsubscribe", "%(name)s has noted:", "All marketing calls"} <= found
    assert all(text[0].isupper() or text.startswith("%(name)s") for text in found)


def test_updating_changes_nothing_the_second_time(template: Catalog, folder: Path) -> None:
    """No dates, no line numbers."""
    before = {path: path.read_bytes() for path in folder.rglob("*.po")}
    update(template, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*.po")} == before
    assert len(before) == len(Language) - 1


def test_updating_keeps_translations_and_guesses_none(template: Catalog, folder: Path) -> None:
    """A message that is new is empty until somebody translates it; one that is gone goes."""
    changed = Catalog(fuzzy=False)
    for each in template:
        if each.id and each.id != "Try again":
            changed.add(each.id)
    changed.add("Try once again")
    update(changed, folder)
    catalogue = read(catalogue_path(Language.FRENCH, folder), Language.FRENCH)
    assert catalogue["Unsubscribe"].string == "Me désabonner"
    assert catalogue.get("Try again") is None
    assert not catalogue.obsolete
    assert catalogue["Try once again"].string == ""
    assert not catalogue["Try once again"].fuzzy
    found = list(problems(changed, folder))
    assert len(found) == len(Language) - 1
    assert all(each.endswith("not translated: 'Try once again'") for each in found)


def test_catalogues_can_be_begun(template: Catalog, tmp_path: Path) -> None:
    """For a language that has none yet."""
    assert len(list(problems(template, tmp_path))) == len(Language) - 1
    update(template, tmp_path)
    assert all(catalogue_path(language, tmp_path).exists() for language in translated())


@pytest.mark.parametrize(
    "message, fault",
    [
        pytest.param(Message("Yes", "Oui", flags=["fuzzy"]), "fuzzy", id="fuzzy"),
        pytest.param(Message("Yes", ""), "not translated", id="empty"),
        pytest.param(Message("%(name)s", "nom"), "other placeholders", id="lost"),
        pytest.param(Message("%(name)s", "%(nom)s"), "other placeholders", id="renamed"),
        pytest.param(Message("Yes", "100 %"), "other placeholders", id="percent-sign"),
        pytest.param(Message("Yes", "<b>Oui</b>"), "holds <", id="markup"),
        pytest.param(Message("Yes", 'dit "oui"'), "holds <", id="quotation-mark"),
        pytest.param(Message("Yes", "&amp;"), "holds <", id="character-reference"),
    ],
)
def test_a_faulty_translation_is_found(message: Message, fault: str) -> None:
    """What would break a page, or show English."""
    (found,) = faults(message)
    assert found.startswith(fault)


def test_french_has_its_spaces_and_apostrophes() -> None:
    """No-break spaces before ? ! ; (narrow) and the colon (wide), so that no line begins so."""
    for _, translation in messages(Language.FRENCH):
        text = translation.replace("%(name)s", "")
        assert not SPACE_BEFORE.search(text), text


@pytest.mark.parametrize("language", list(translated()))
def test_translations_are_typeset(language: Language) -> None:
    """Curly apostrophes, no stray spaces, and the source's final mark."""
    for source, translation in messages(language):
        assert "'" not in translation
        assert translation == " ".join(translation.split(" ")).strip()
        assert "  " not in translation
        assert (source[-1] in ".?:") == (translation[-1] in ".?:"), translation
        assert source[-1] not in ".?:" or translation[-1] == source[-1]
    assert {source for source, translation in messages(language) if source == translation} == set()
