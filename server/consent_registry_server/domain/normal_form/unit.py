"""Reads the unit of an address: which dwelling of the building.

Two units are judged different, and an opt-out passed over, only when both were READ. So READ is
kept for the one way of numbering a country has that names a dwelling alone: `apt 4` in France,
`H0201` in Norway, `lgh 1102` in Sweden, the flat's number in Finland, `3º B` in Spain. All else
is UNREADABLE: a floor (it has several doors), a door (numbered by landing here, by house there),
a staircase or block with or without a flat (the same flat is also written without it), numbers
with letters, free text.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from consent_registry_server.domain.normal_form.lexicon import ESTATE, UNIT_FILLERS, Lexicon

_PIECES: Final = re.compile(r"[0-9]+|[^\W\d_]+")
_ORDINAL_AND_DOOR: Final = re.compile(r"([0-9]+)[oa]([a-z])")
_ORDINAL: Final = re.compile(r"([0-9]+)o")
# `3r` is an ordinal as likely as a floor with its door, and so is `3a` beside another word.
_UNCERTAIN: Final = re.compile(r"[0-9]+[ortn]")
_UNCERTAIN_BESIDE_OTHERS: Final = re.compile(r"[0-9]+a")
_ONE_VALUE: Final = re.compile(r"(?:apt|porte) 0*(\S+)")


class UnitState(IntEnum):
    """What an address says about the unit; the numbers are stored."""

    NONE = 0
    """Nothing: the whole building, or a house of its own."""
    READ = 1
    """One dwelling; another READ unit of the building is another dwelling."""
    UNREADABLE = 2
    """Something, but which dwelling is unclear. Equal texts are the same place; different ones
    prove nothing."""


def read_unit(words: list[str], lexicon: Lexicon) -> tuple[str, UnitState]:
    """The folded unit (empty for NONE only) and whether it names one dwelling.

    `words` are folded, as `street.words_of` gives them.
    """
    folded = _without_estates(_folded(words, lexicon), lexicon)
    text = " ".join(folded)
    if not text:
        return "", UnitState.NONE
    if (match := lexicon.dwelling.fullmatch(text)) is not None:
        return "-".join(group for group in match.groups() if group), UnitState.READ
    if (match := _ONE_VALUE.fullmatch(text)) is not None:
        return match[1], UnitState.UNREADABLE
    return _sorted_parts(folded, lexicon), UnitState.UNREADABLE


def _folded(words: list[str], lexicon: Lexicon) -> list[str]:
    words = [word for word in words if word not in "-/"]
    pieces: list[str] = []
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        if word in UNIT_FILLERS and following[:1].isdigit():
            continue
        word_pieces = _pieces(word, lexicon)
        if len(words) > 1:
            word_pieces = _pieces_beside_others(word) or word_pieces
        pieces += word_pieces
    return pieces


def _pieces(word: str, lexicon: Lexicon) -> list[str]:
    if lexicon.dwelling.fullmatch(word) or _UNCERTAIN.fullmatch(word):
        return [word]
    if (match := _ORDINAL_AND_DOOR.fullmatch(word)) is not None:
        return [match[1], match[2]]
    canonical = lexicon.unit_words.get(word) or lexicon.side_words.get(word)
    if canonical:
        return [canonical]
    pieces: list[str] = _PIECES.findall(word)
    return [lexicon.side_words.get(piece, piece) for piece in pieces]


def _pieces_beside_others(word: str) -> list[str]:
    if (match := _ORDINAL.fullmatch(word)) is not None:
        return [match[1]]
    return [word] if _UNCERTAIN_BESIDE_OTHERS.fullmatch(word) else []


def _without_estates(words: list[str], lexicon: Lexicon) -> list[str]:
    """The words without `résidence Les Lilas`: beside a street and number it says nothing."""
    designators = frozenset(lexicon.unit_words.values())
    kept: list[str] = []
    skipping = False
    for word in words:
        if word in designators:
            skipping = word == ESTATE
        if not skipping:
            kept.append(word)
    return kept


def _sorted_parts(words: list[str], lexicon: Lexicon) -> str:
    """The text with each designator and its value in a fixed order: `apt 4 bat b`."""
    designators = frozenset(lexicon.unit_words.values())
    parts: list[list[str]] = [[]]
    for word in words:
        if word in designators:
            parts.append([])
        parts[-1].append(word)
    return " ".join(" ".join(part) for part in sorted(parts) if part)
