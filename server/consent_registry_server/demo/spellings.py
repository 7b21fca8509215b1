"""Spells contact points the way people type them into forms, spreadsheets and call notes.

Each function takes the truth and draws one spelling of it; the same `Random` draws the same one.
The registry has to see through all of them, except through the broken numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from consent_registry_server.demo.people import Dwelling

NO_BREAK_SPACE: Final = "\N{NO-BREAK SPACE}"

PHONE_SPELLINGS: Final = {
    "{0} {1} {2} {3} {4}": 30,
    "{0}{1}{2}{3}{4}": 18,
    "{0}.{1}.{2}.{3}.{4}": 12,
    "{0}-{1}-{2}-{3}-{4}": 5,
    "{0}/{1}/{2}/{3}/{4}": 2,
    "+33{5}{1}{2}{3}{4}": 8,
    "+33 {5} {1} {2} {3} {4}": 8,
    "+33 (0){5}.{1}.{2}.{3}.{4}": 4,
    "+33(0){5} {1} {2} {3} {4}": 2,
    "0033{5}{1}{2}{3}{4}": 3,
    "00 33 {5} {1} {2} {3} {4}": 1,
    "{5} {1} {2} {3} {4}": 3,  # The zero that a spreadsheet took for padding.
    "Tél. {0} {1} {2} {3} {4}": 1,
    " {0} {1} {2} {3} {4} ": 1,
    NO_BREAK_SPACE.join(("{0}", "{1}", "{2}", "{3}", "{4}")): 2,
}
"""How often each spelling occurs, in percent: {0} is `06`, {1} to {4} the pairs, {5} is `6`."""

BROKEN_NUMBERS: Final = ("{0} {1} {2}", "{0} {1} {2} {3} {4} {1}", "{0} {1} {2} {3} 1O", "inconnu")
"""Too short, too long, a letter for a zero, and no number at all."""

UNIT_SPELLINGS: Final = {
    "apt {0}": 22,
    "Apt. {0}": 16,
    "Appt {0}": 16,
    "appartement {0}": 14,
    "APPARTEMENT {0}": 6,
    "Appt n°{0}": 10,
    "app. {0}": 8,
    "apt 0{0}": 8,
}
"""How often each spelling of a flat occurs, in percent."""

STREET_TYPES: Final = {
    "rue": ("rue", "Rue", "RUE", "r."),
    "avenue": ("avenue", "Avenue", "av.", "Ave"),
    "boulevard": ("boulevard", "Boulevard", "bd", "Bld"),
    "place": ("place", "Place", "pl."),
    "chemin": ("chemin", "Chemin", "ch."),
    "impasse": ("impasse", "Imp."),
    "allée": ("allée", "Allée", "all.", "allee"),
    "route": ("route", "Route", "rte"),
    "quai": ("quai", "Quai"),
}

_SHORT_TITLES: Final = (
    ("Général", "Gal"),
    ("Docteur", "Dr"),
    ("Maréchal", "Mal"),
    ("Sainte-", "Ste "),
    ("Saint-", "St "),
)
_WITHOUT_ACCENTS: Final = str.maketrans("éèêëàâîïôöùûçÉÈÀ", "eeeeaaiioouucEEA")
_SUB_ADDRESSES: Final = ("alarme", "pub", "newsletter", "2026")
_IDN_DOMAIN: Final = ("forêt.example.org", "xn--fort-ipa.example.org")


@dataclass(frozen=True, slots=True)
class TypedAddress:
    """An address in the fields of a form; the flat is in either line, or left out."""

    street: str = field(repr=False)
    unit: str = field(repr=False)
    postal_code: str = field(repr=False)
    town: str = field(repr=False)


def typed_phone(e164: str, random: Random) -> str:
    """Returns a spelling of a French number that can be dialled from France."""
    return _filled(_drawn(PHONE_SPELLINGS, random), e164)


def respelled_phone(e164: str, other: str, random: Random) -> str:
    """Returns a spelling that differs from the other one."""
    while (spelling := typed_phone(e164, random)) == other:
        pass
    return spelling


def broken_phone(e164: str, random: Random) -> str:
    """Returns what no one can dial."""
    return _filled(random.choice(BROKEN_NUMBERS), e164)


def typed_email(email: str, random: Random) -> str:
    """Returns a spelling of the same mailbox: its case, or the other form of its domain."""
    local, _, domain = email.partition("@")
    if domain in _IDN_DOMAIN:
        domain = random.choice(_IDN_DOMAIN)
    spelling = random.random()
    if spelling < 0.15:  # noqa: PLR2004 - a share
        return f"{local.title()}@{domain}"
    if spelling < 0.25:  # noqa: PLR2004 - a share
        return f"{local}@{domain.title()}"
    if spelling < 0.32:  # noqa: PLR2004 - a share
        return f" {local.upper()}@{domain} "
    return f"{local}@{domain}"


def sub_addressed_email(email: str, random: Random) -> str:
    """Returns the mailbox with a tag of its owner's: opt-outs see through it, consents do not."""
    local, _, domain = email.partition("@")
    return typed_email(f"{local}+{random.choice(_SUB_ADDRESSES)}@{domain}", random)


def typed_address(dwelling: Dwelling, random: Random) -> TypedAddress:
    """Returns a spelling of the same dwelling."""
    unit = typed_unit(dwelling, random)
    street = _street(dwelling, random)
    town = dwelling.town.upper() if random.random() < 0.3 else dwelling.town  # noqa: PLR2004
    if unit and random.random() < 0.25:  # noqa: PLR2004 - a share
        return TypedAddress(f"{street}, {unit}", "", dwelling.postal_code, town)
    return TypedAddress(street, unit, dwelling.postal_code, town)


def without_unit(dwelling: Dwelling, random: Random) -> TypedAddress:
    """Returns a spelling of the building that leaves open which flat is meant."""
    return TypedAddress(_street(dwelling, random), "", dwelling.postal_code, dwelling.town)


def typed_unit(dwelling: Dwelling, random: Random) -> str:
    """Returns a spelling of the flat; empty for a house."""
    if dwelling.flat is None:
        return ""
    return _drawn(UNIT_SPELLINGS, random).format(dwelling.flat)


def _street(dwelling: Dwelling, random: Random) -> str:
    name = dwelling.street_name
    if random.random() < 0.3:  # noqa: PLR2004 - a share
        for title, short in _SHORT_TITLES:
            name = name.replace(title, short)
    number = f"{dwelling.number}{random.choice(('', ' '))}{dwelling.letter}".strip()
    comma = random.choice((",", ""))
    line = f"{number}{comma} {random.choice(STREET_TYPES[dwelling.street_type])} {name}"
    spelling = random.random()
    if spelling < 0.15:  # noqa: PLR2004 - a share
        return line.upper()
    return line.translate(_WITHOUT_ACCENTS) if spelling < 0.4 else line  # noqa: PLR2004


def _filled(pattern: str, e164: str) -> str:
    national = "0" + e164.removeprefix("+33")
    pairs = [national[at : at + 2] for at in range(0, len(national), 2)]
    return pattern.format(*pairs, national[1])


def _drawn(spellings: dict[str, int], random: Random) -> str:
    return random.choices(tuple(spellings), weights=tuple(spellings.values()))[0]
