"""Finds the house number in the words of a street line, and with it where the name ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from consent_registry_server.domain.normal_form.lexicon import (
    DOOR,
    MONTHS,
    NUMBER_FILLERS,
    REGNAL_NAMES,
    HouseLetter,
    Lexicon,
    NumberPosition,
)

_HOUSE_NUMBER: Final = re.compile(r"([0-9]{1,5})(bis|ter|quater|quinquies|[a-z])?")
_VALUE: Final = re.compile(r"[0-9]{1,5}[a-z]{0,4}|[a-z][0-9]{0,4}")
_STRAY: Final = re.compile(r"[0-9]{1,3}(?:[a-z]|er|eme|ieme)?|[a-z]")
_SUFFIX_WORDS: Final = {"bis": "b", "ter": "t", "quater": "q", "quinquies": "c"}
_RANGE_WORDS: Final = frozenset({"a", "et"})
_ARTICLES: Final = frozenset({"de", "du", "des", "d", "la", "le", "les", "l", "the"})
_NO_NUMBER: Final = "sn"
_YEAR_DIGITS: Final = 4


@dataclass(slots=True)
class Found:
    """A line of words cut at its house number and where its unit begins."""

    before: list[str]
    number: str
    """Folded, with its letter; empty when there is none."""
    name: list[str]
    after: list[str]


def find_number(words: list[str], lexicon: Lexicon) -> Found | None:
    """The line cut at its house number; None when it has none."""
    if lexicon.number_position is NumberPosition.FIRST:
        return _number_first(words, lexicon) or _number_at_end(words, lexicon)
    return _number_before_name(words, lexicon) or _number_after_name(words, lexicon)


def without_number(words: list[str], lexicon: Lexicon) -> Found:
    """A line in which `find_number` found none, cut where its unit begins."""
    if is_number_only(words):
        number, rest = _house_number(words, 0, lexicon)
        return Found([], number, [], rest)
    name, after = _cut_at_unit(words, lexicon)
    return Found([], "", name, after)


def is_type(word: str, lexicon: Lexicon) -> bool:
    """Whether a street's name may start with the word: rue, Calle, Piazza."""
    return word in lexicon.types or lexicon.words.get(word) in lexicon.types


def is_number_only(words: list[str]) -> bool:
    """Whether the words are a house number, perhaps with its letter, and nothing else."""
    letterless = [word for word in words if word not in _SUFFIX_WORDS and len(word) > 1]
    numbers = [word for word in words if _HOUSE_NUMBER.fullmatch(word)]
    return bool(numbers) and all(
        _HOUSE_NUMBER.fullmatch(word) or word in NUMBER_FILLERS for word in letterless
    )


def starts_with_number(words: list[str]) -> bool:
    """Whether a house number, or the statement that there is none, comes first."""
    first = next((word for word in words if word not in NUMBER_FILLERS), "")
    return first == _NO_NUMBER or _HOUSE_NUMBER.fullmatch(first) is not None


def end_of_value(words: list[str], start: int) -> int:
    """Where a designator's value that begins at `start` ends; `start` when none begins there."""
    at = start
    while at < len(words) and words[at] in NUMBER_FILLERS:
        at += 1
    return at + 1 if at < len(words) and _VALUE.fullmatch(words[at]) else start


def _number_first(words: list[str], lexicon: Lexicon) -> Found | None:
    """`12 rue X`, or `Résidence Y 12 rue X` where a street type tells."""
    for at in _number_positions(words, lexicon):
        number, rest = _house_number(words, at, lexicon)
        if rest and (at == 0 or is_type(rest[0], lexicon)):
            name, after = _without_stray_value(*_cut_at_unit(rest, lexicon), lexicon)
            return Found(words[:at], number, name, after)
    return None


def _number_at_end(words: list[str], lexicon: Lexicon) -> Found | None:
    """`rue X 12 bis`, where the number usually comes first."""
    for at in reversed(_number_positions(words, lexicon)):
        if at == 0 or is_type(words[at - 1], lexicon) or words[at - 1] in lexicon.unit_words:
            continue
        number, rest = _house_number(words, at, lexicon)
        if not rest or rest[0] in lexicon.unit_words:
            name, unit = _cut_at_unit(_without_fillers(words[:at]), lexicon)
            return Found([], number, name, unit + rest)
    return None


def _number_before_name(words: list[str], lexicon: Lexicon) -> Found | None:
    """`5 Calle Mayor`, where the number usually comes last."""
    if 0 not in _number_positions(words, lexicon):
        return None
    number, rest = _house_number(words, 0, lexicon)
    if not rest or not (is_type(rest[0], lexicon) or not _number_positions(rest, lexicon)):
        return None
    end = next((at for at in _number_positions(rest, lexicon) if at), len(rest))
    name, after = _cut_at_unit(rest[:end], lexicon)
    return Found([], number, name, after + rest[end:])


def _number_after_name(words: list[str], lexicon: Lexicon) -> Found | None:
    """`Storgata 12 B`; whatever follows the number is the unit's."""
    for at, word in enumerate(words):
        name = _without_fillers(words[:at])
        if not name:
            continue
        if word == _NO_NUMBER:
            return Found([], "", name, words[at + 1 :])
        if _is_house_number(words, at, lexicon):
            number, rest = _house_number(words, at, lexicon)
            return Found([], number, name, rest)
    return None


def _number_positions(words: list[str], lexicon: Lexicon) -> list[int]:
    return [at for at in range(len(words)) if _is_house_number(words, at, lexicon)]


def _is_house_number(words: list[str], at: int, lexicon: Lexicon) -> bool:
    if not _HOUSE_NUMBER.fullmatch(words[at]):
        return False
    following = words[at + 1] if at + 1 < len(words) else ""
    if following in MONTHS:
        return False
    if following == "de" and lexicon.number_position is NumberPosition.LAST:
        return False
    return not (at and words[at - 1] in MONTHS and len(words[at]) == _YEAR_DIGITS)


def _house_number(words: list[str], at: int, lexicon: Lexicon) -> tuple[str, list[str]]:
    """The folded number at a position, and the words after it and its letter or range."""
    match = _HOUSE_NUMBER.fullmatch(words[at])
    digits, suffix = (match[1], match[2] or "") if match else ("", "")
    rest = words[at + 1 :]
    if not suffix:
        suffix, rest = _suffix(rest, lexicon)
    rest = _after_range(rest, lexicon)
    suffix = _SUFFIX_WORDS.get(suffix, suffix)
    if suffix and lexicon.house_letter is HouseLetter.UNIT:
        return digits.lstrip("0"), [suffix, *rest]
    return digits.lstrip("0") + suffix, rest


def _suffix(rest: list[str], lexicon: Lexicon) -> tuple[str, list[str]]:
    if not rest:
        return "", rest
    if rest[0] in _SUFFIX_WORDS and rest[0] not in lexicon.words:
        return rest[0], rest[1:]
    if rest[0] in "-/" and len(rest) > 1 and _is_letter(rest[1]):
        return rest[1], rest[2:]
    if _is_letter(rest[0]) and _belongs_to_number(rest, lexicon):
        return rest[0], rest[1:]
    return "", rest


def _belongs_to_number(rest: list[str], lexicon: Lexicon) -> bool:
    """Whether the single letter at the start is the house number's, not the next word's."""
    if len(rest) == 1:
        return True
    if lexicon.number_position is NumberPosition.LAST:
        return rest[0] not in lexicon.unit_words or not _VALUE.fullmatch(rest[1])
    if _HOUSE_NUMBER.fullmatch(rest[1]) and rest[0] in _RANGE_WORDS:
        return False
    abbreviates = rest[0] in lexicon.words or rest[0] in lexicon.first_words
    return is_type(rest[1], lexicon) or not abbreviates


def _after_range(rest: list[str], lexicon: Lexicon) -> list[str]:
    """The words after the second number of `12-14`, `12 et 14` or `12, 14`.

    Where numbers come last, a number after a slash may be a flat's: it stays, as a door's.
    """
    number_follows = len(rest) > 1 and _HOUSE_NUMBER.fullmatch(rest[1])
    if lexicon.number_position is NumberPosition.LAST:
        if number_follows and rest[0] == "/":
            return [DOOR, *rest[1:]]
        return rest[2:] if number_follows and rest[0] == "-" else rest
    if number_follows and rest[0] in {"-", "/", *_RANGE_WORDS}:
        return rest[2:]
    if len(rest) > 1 and _is_house_number(rest, 0, lexicon):
        return rest[1:]
    return rest


def _cut_at_unit(words: list[str], lexicon: Lexicon) -> tuple[list[str], list[str]]:
    """The words of the name, and those from the first that designates a unit."""
    sides = [[word] for word in lexicon.side_words]
    for at in range(1, len(words)):
        designator = lexicon.unit_words.get(words[at])
        if designator is None or words[at - 1] in _ARTICLES:
            continue
        has_value = end_of_value(words, at + 1) > at + 1 or words[at + 1 : at + 2] in sides
        starts = designator in lexicon.unit_starts and not is_type(words[at - 1], lexicon)
        if has_value or starts:
            return words[:at], words[at:]
    return words, []


def _without_stray_value(
    name: list[str], after: list[str], lexicon: Lexicon
) -> tuple[list[str], list[str]]:
    """Moves a last `4` or `B` out of the name; as a door, for nobody said it is a flat."""
    if len(name) <= 2 or not _STRAY.fullmatch(name[-1]):  # noqa: PLR2004 - a type and a word
        return name, after
    if name[-2] in MONTHS | REGNAL_NAMES or is_type(name[-2], lexicon) or name[-1] in lexicon.words:
        return name, after
    return _without_fillers(name[:-1]), [DOOR, name[-1], *after]


def _without_fillers(words: list[str]) -> list[str]:
    end = len(words)
    while end and words[end - 1] in NUMBER_FILLERS:
        end -= 1
    return words[:end]


def _is_letter(word: str) -> bool:
    return len(word) == 1 and "a" <= word <= "z"
