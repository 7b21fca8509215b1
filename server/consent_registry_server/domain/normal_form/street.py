"""Reads a street line: the house number, the street's name, and what is left for the unit.

People write the unit into the street line, put the number on either side and repeat the
locality. What is taken for the unit by mistake costs a REVIEW, what stays in the name by mistake
misses an opt-out; so whatever is not clearly the street goes to the unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from consent_registry_server.domain.normal_form.house_number import (
    Found,
    end_of_value,
    find_number,
    is_number_only,
    is_type,
    starts_with_number,
    without_number,
)
from consent_registry_server.domain.normal_form.lexicon import ESTATE, Lexicon, NumberPosition
from consent_registry_server.domain.normal_form.text import base_letters

_SEGMENT: Final = re.compile(r"[,;()|]| - | / ")
# A hyphen or slash means something only after a number: 12-14, 12/A.
_WORD: Final = re.compile(r"[^\W_]+|(?<=[0-9])[-/](?=[0-9a-z])|(?<=[0-9][a-z])[-/](?=[0-9])")

_UNSPACED: Final = re.compile(
    r"(?P<designator>[a-z]{2,})(?P<value>[0-9]+[a-z]?)|(?P<number>[0-9]{1,5})(?P<type>[a-z]{2,})"
)


@dataclass(slots=True)
class StreetLine:
    """A street line taken apart; every part folded."""

    number: str
    """With its letter, e.g. `12b`; of a range the first; empty when there is none."""
    name: str
    """The folded words without spaces; empty when the line names no street."""
    unit: list[str]
    """The words that are not the street's."""


def words_of(text: str, lexicon: Lexicon) -> list[list[str]]:
    """The folded words of a text, by the parts its punctuation separates; none is empty."""
    folded = base_letters(text)
    for pattern, replacement in lexicon.phrases:
        folded = pattern.sub(replacement, folded)
    folded = folded.replace("'", "")
    segments = [_WORD.findall(part) for part in _SEGMENT.split(folded)]
    return [_spaced(words, lexicon) for words in segments if words]


def street_line(segments: list[list[str]], lexicon: Lexicon) -> StreetLine:
    """The street line whose `words_of` these are."""
    unit: list[str] = []
    without_units: list[list[str]] = []
    for words in segments:
        rest = _without_leading_units(words, lexicon)
        unit += words[: len(words) - len(rest)]
        if rest:
            without_units.append(rest)
    candidates = _joined(without_units, lexicon)
    chosen, found = _choose(candidates, lexicon)
    for index, words in enumerate(candidates):
        if index != chosen and _tells_of_a_unit(words, lexicon):
            unit += words
    name = street_name(found.name, lexicon)
    return StreetLine(found.number, name, [*found.before, *unit, *found.after])


def street_name(words: list[str], lexicon: Lexicon) -> str:
    """The name by which a street is compared: words folded and joined.

    Joined, because "Karl Johans gate" and "Karl Johansgate", "Saint-Ouen" and "Saintouen" are
    the same street.
    """
    words = [word for word in words if word not in "-/"]
    if not words:
        return ""
    first = lexicon.first_words.get(words[0], words[0]) if len(words) > 1 else words[0]
    folded = [lexicon.words.get(word, word) for word in (first, *words[1:])]
    name = "".join(folded) or "".join(words)
    for pair, letter in lexicon.letters:
        name = name.replace(pair, letter)
    for ending, short in lexicon.endings:
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending) + short
    return name


def _spaced(words: list[str], lexicon: Lexicon) -> list[str]:
    """The words, the space put back that `apt4` and `12rue` lack."""
    spaced: list[str] = []
    for word in words:
        match = _UNSPACED.fullmatch(word)
        if match is None:
            spaced.append(word)
        elif match["designator"] in lexicon.unit_words:
            spaced += [match["designator"], match["value"]]
        elif match["number"] and is_type(match["type"], lexicon):
            spaced += [match["number"], match["type"]]
        else:
            spaced.append(word)
    return spaced


def _joined(segments: list[list[str]], lexicon: Lexicon) -> list[list[str]]:
    """The segments, a house number set apart by a comma rejoined with its street."""
    joined: list[list[str]] = []
    pending: list[str] = []
    for index, words in enumerate(segments):
        following = segments[index + 1] if index + 1 < len(segments) else []
        if _precedes_street(words, following, joined, lexicon):
            pending = pending + words
        elif joined and not pending and _completes(words, joined[-1], lexicon):
            joined[-1] = joined[-1] + words
        else:
            joined.append(pending + words)
            pending = []
    return joined


def _precedes_street(
    words: list[str], following: list[str], joined: list[list[str]], lexicon: Lexicon
) -> bool:
    if lexicon.number_position is NumberPosition.LAST or not following:
        return False
    if not is_number_only(words):
        return False
    return not joined or is_type(following[0], lexicon) or not is_type(joined[-1][0], lexicon)


def _completes(words: list[str], street: list[str], lexicon: Lexicon) -> bool:
    if find_number(street, lexicon) is not None:
        return False
    if lexicon.number_position is NumberPosition.LAST:
        return starts_with_number(words)
    return is_number_only(words)


def _without_leading_units(words: list[str], lexicon: Lexicon) -> list[str]:
    """The words after `apt 4`, `bat b apt 4` and the like at their start."""
    if lexicon.number_position is NumberPosition.LAST:
        return words
    start = 0
    while start < len(words) and words[start] in lexicon.unit_words:
        end = end_of_value(words, start + 1)
        if end == start + 1:
            break
        start = end
    return words[start:]


def _choose(candidates: list[list[str]], lexicon: Lexicon) -> tuple[int, Found]:
    """Which part is the street and how it reads: one with a number, else with a street type."""
    for index, words in enumerate(candidates):
        found = find_number(words, lexicon)
        if found is not None:
            return index, found
    for index, words in enumerate(candidates):
        if is_type(words[0], lexicon) and lexicon.unit_words.get(words[0]) != ESTATE:
            return index, without_number(words, lexicon)
    if candidates:
        return 0, without_number(candidates[0], lexicon)
    return -1, Found([], "", [], [])


def _tells_of_a_unit(words: list[str], lexicon: Lexicon) -> bool:
    # Where postal codes are often missing, people add townlands and towns to the line.
    return bool(lexicon.postal_digits) or any(word in lexicon.unit_words for word in words)
