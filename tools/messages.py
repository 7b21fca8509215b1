"""Brings the pages' catalogues up to date, or with `--check` tells what they lack.

Every catalogue holds the messages of the templates and of the modules beside them, sorted, without
line numbers and dates, so that a change of the code changes nothing in them but its messages.
"""

import argparse
import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from consent_registry_server.web.languages import DOMAIN, LOCALES, Language, catalogue_path

SOURCES = Path("server/consent_registry_server/web")
WIDTH = 100
HEADER = "# The pages' messages in {}; `make messages` keeps them up to date."
KEYWORDS: Mapping[str, None] = {"_": None, "gettext": None, "message": None}
TEMPLATE_OPTIONS = {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}
PLACEHOLDER = re.compile(r"%\(\w+\)s|%")
MARKUP = re.compile(r'[<>&"]')


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 when `--check` finds a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="tell what is wrong, write nothing")
    template = extracted(SOURCES)
    if not parser.parse_args(arguments).check:
        update(template)
        return 0
    found = list(problems(template))
    for problem in found:
        print(problem)
    return 1 if found else 0


def extracted(sources: Path) -> Catalog:
    """The messages of the templates and modules below a folder."""
    catalogue = Catalog(domain=DOMAIN, fuzzy=False)
    methods = {".html": ("jinja2", TEMPLATE_OPTIONS), ".py": ("python", None)}
    for path in sorted(sources.rglob("*")):
        if path.suffix in methods:
            method, options = methods[path.suffix]
            for _, text, _, _ in extract_from_file(method, path, KEYWORDS, options=options):
                catalogue.add(text)
    return catalogue


def update(template: Catalog, folder: Path = LOCALES) -> None:
    """Writes every catalogue with the template's messages; what no page says any more goes."""
    for language in translated():
        path = catalogue_path(language, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(updated(read(path, language), template))


def problems(template: Catalog, folder: Path = LOCALES) -> Iterator[str]:
    """What is wrong with the catalogues, each by its file."""
    for language in translated():
        path = catalogue_path(language, folder)
        catalogue = read(path, language)
        if not path.exists() or path.read_bytes() != updated(catalogue, template):
            yield f"{path} is not up to date; run `make messages`"
        for message in catalogue:
            if message.id:
                yield from (f"{path}: {each}: {message.id!r}" for each in faults(message))


def faults(message: Message) -> Iterator[str]:
    """What is wrong with one message's translation."""
    source, translation = str(message.id), str(message.string)
    if message.fuzzy:
        yield "fuzzy"
    if not translation:
        yield "not translated"
    elif placeholders(source) != placeholders(translation):
        yield "other placeholders than in the source"
    # The templates take translations for safe; text is all that they may be.
    if MARKUP.search(translation):
        yield "holds <, >, & or a straight quotation mark"


def placeholders(text: str) -> list[str]:
    """The placeholders of a message, in order, and every lone percent sign."""
    return sorted(PLACEHOLDER.findall(text))


def translated() -> Iterator[Language]:
    """The languages that have a catalogue: all but that of the sources."""
    return (language for language in Language if language is not Language.ENGLISH)


def read(path: Path, language: Language) -> Catalog:
    """The catalogue of a file; an empty one when there is none."""
    if not path.exists():
        return Catalog(locale=language, domain=DOMAIN)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN, abort_invalid=True)


def updated(catalogue: Catalog, template: Catalog) -> bytes:
    """A catalogue's file with the messages of the template, in their order."""
    fresh = Catalog(domain=DOMAIN, fuzzy=False)
    for message in template:
        if message.id:
            known = catalogue.get(message.id)
            fresh.add(
                message.id,
                known.string if known else "",
                flags=known.flags if known else (),
                user_comments=known.user_comments if known else (),
            )
    body = io.BytesIO()
    write_po(body, fresh, width=WIDTH, omit_header=True, sort_output=True)
    return header(catalogue).encode() + body.getvalue()


def header(catalogue: Catalog) -> str:
    """The beginning of a catalogue's file: what readers need, and no dates."""
    language = catalogue.locale_identifier
    name = Language(str(language)).own_name
    return (
        f"{HEADER.format(name)}\n"
        'msgid ""\n'
        'msgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
