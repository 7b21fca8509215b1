"""Makes up people: ten thousand French households that do not exist.

Their numbers are those that the French regulator reserves for fiction, their email domains those
of RFC 2606. The same `Random` gives the same people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

MOBILE_PREFIX: Final = "+3363998"
LANDLINE_PREFIXES: Final = ("+3319900", "+3326191", "+3335301", "+3346571", "+3353649")
DOMAINS: Final = ("example.com", "example.org", "example.net", "forêt.example.org")

MAX_PEOPLE: Final = 10_000
"""Beyond it the reserved mobile numbers run out."""

_LINES_A_PREFIX: Final = 10_000
_LANDLINE_SHARE: Final = 0.3
_FLATS_A_BLOCK: Final = 6
_BLOCK_SHARE: Final = 0.2
"""Of the buildings; six in ten people then live in a flat."""
_LETTER_SHARE: Final = 0.06
_HIGHEST_HOUSE_NUMBER: Final = 140

FIRST_NAMES: Final = (
    "Adèle", "Agnès", "Alain", "Amélie", "André", "Anne-Sophie", "Aurélie", "Benoît", "Bérénice",
    "Camille", "Céline", "Chloé", "Clément", "Daniel", "Denis", "Édouard", "Élodie", "Émile",
    "Fabien", "François", "Françoise", "Gaël", "Geneviève", "Gérard", "Hélène", "Hugo", "Inès",
    "Jean-Pierre", "Jérôme", "Joël", "Karim", "Léa", "Loïc", "Lucie", "Maëlle", "Marc", "Margaux",
    "Marie", "Maxime", "Mélanie", "Nadia", "Noé", "Océane", "Pascal", "Raphaël", "Rémi", "Sabine",
    "Sébastien", "Théo", "Valérie", "Véronique", "Yasmine", "Yves", "Zoé",
)  # fmt: skip
SURNAMES: Final = (
    "Aubert", "Barbier", "Benali", "Berthelot", "Blanchard", "Bonnet", "Bouvier", "Brunet",
    "Carpentier", "Chevalier", "Collet", "Cousin", "Da Silva", "Delaunay", "Deschamps", "Diallo",
    "Dupré", "Étienne", "Fabre", "Fournier", "Gauthier", "Girard", "Guérin", "Hamel", "Huet",
    "Jacquet", "Kervella", "Lacroix", "Lambert", "Le Goff", "Lefèvre", "Lemaître", "Maréchal",
    "Marchand", "Mercier", "Morin", "Noël", "Nguyen", "Olivier", "Pelletier", "Perrin", "Picard",
    "Quéméneur", "Renard", "Rolland", "Rousseau", "Schneider", "Tessier", "Tissot", "Vasseur",
    "Vidal", "Weber",
)  # fmt: skip
STREETS: Final = (
    ("rue", "des Lilas"), ("rue", "de la République"), ("rue", "du Général de Gaulle"),
    ("rue", "de l'Église"), ("rue", "Saint-Martin"), ("rue", "du Docteur Roux"),
    ("rue", "des Frères Lumière"), ("rue", "Émile Zola"), ("avenue", "Victor Hugo"),
    ("avenue", "Jean Jaurès"), ("avenue", "du Maréchal Foch"), ("avenue", "des Acacias"),
    ("boulevard", "Gambetta"), ("boulevard", "de la Liberté"), ("boulevard", "Voltaire"),
    ("place", "du Marché"), ("place", "Sainte-Anne"), ("chemin", "des Vignes"),
    ("chemin", "de la Fontaine"), ("impasse", "du Moulin"), ("allée", "des Tilleuls"),
    ("allée", "des Érables"), ("route", "de la Vallée"), ("quai", "de la Loire"),
)  # fmt: skip
TOWNS: Final = (
    ("75011", "Paris"), ("75020", "Paris"), ("13008", "Marseille"), ("69003", "Lyon"),
    ("31000", "Toulouse"), ("44000", "Nantes"), ("67000", "Strasbourg"), ("34000", "Montpellier"),
    ("33000", "Bordeaux"), ("59000", "Lille"), ("35000", "Rennes"), ("51100", "Reims"),
    ("76600", "Le Havre"), ("42000", "Saint-Étienne"), ("83000", "Toulon"), ("38000", "Grenoble"),
    ("21000", "Dijon"), ("49000", "Angers"), ("29200", "Brest"), ("63000", "Clermont-Ferrand"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dwelling:
    """Where somebody lives, in the parts that people spell differently."""

    number: int
    letter: str
    """Of the house number: empty, `bis` or `ter`."""
    street_type: str
    street_name: str
    postal_code: str
    town: str
    flat: int | None
    """None: a house of its own."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist, as the truth behind every spelling has it."""

    customer_number: str
    name: str = field(repr=False)
    e164: str = field(repr=False)
    email: str = field(repr=False)
    dwelling: Dwelling = field(repr=False)


def people(count: int, random: Random) -> list[Person]:
    """Returns so many people; no two share a number, an email address or a flat.

    Raises:
        ValueError: More than MAX_PEOPLE, or none.
    """
    if not 1 <= count <= MAX_PEOPLE:
        raise ValueError(f"between 1 and {MAX_PEOPLE} people can be made up")
    numbers = _numbers(count, random)
    dwellings = _dwellings(count, random)
    return [
        _person(index, e164, dwelling, random)
        for index, (e164, dwelling) in enumerate(zip(numbers, dwellings, strict=True))
    ]


def _person(index: int, e164: str, dwelling: Dwelling, random: Random) -> Person:
    first_name, surname = random.choice(FIRST_NAMES), random.choice(SURNAMES)
    local = f"{_mailbox(first_name)}.{_mailbox(surname)}{index:04d}"
    return Person(
        customer_number=f"FR-{100_000 + index}",
        name=f"{first_name} {surname}",
        e164=e164,
        email=f"{local}@{random.choice(DOMAINS)}",
        dwelling=dwelling,
    )


def _mailbox(name: str) -> str:
    plain = str.maketrans("éèêëàâîïôöùûçÉ", "eeeeaaiioouuce")
    return "".join(char for char in name.lower().translate(plain) if char.isalpha())


def _numbers(count: int, random: Random) -> list[str]:
    landlines = round(count * _LANDLINE_SHARE)
    numbers = [
        f"{LANDLINE_PREFIXES[line // _LINES_A_PREFIX]}{line % _LINES_A_PREFIX:04d}"
        for line in random.sample(range(len(LANDLINE_PREFIXES) * _LINES_A_PREFIX), landlines)
    ]
    mobiles = random.sample(range(_LINES_A_PREFIX), count - landlines)
    numbers += [f"{MOBILE_PREFIX}{line:04d}" for line in mobiles]
    random.shuffle(numbers)
    return numbers


def _dwellings(count: int, random: Random) -> list[Dwelling]:
    possible = range(len(STREETS) * len(TOWNS) * _HIGHEST_HOUSE_NUMBER)
    dwellings: list[Dwelling] = []
    for building in random.sample(possible, count):
        flats = _FLATS_A_BLOCK if random.random() < _BLOCK_SHARE else 0
        dwellings += _building(building, random, flats=flats)
    dwellings = dwellings[:count]
    random.shuffle(dwellings)
    return dwellings


def _building(index: int, random: Random, *, flats: int) -> list[Dwelling]:
    index, number = divmod(index, _HIGHEST_HOUSE_NUMBER)
    town, street = divmod(index, len(STREETS))
    street_type, street_name = STREETS[street]
    postal_code, town_name = TOWNS[town]
    letter = random.choice(("bis", "ter")) if random.random() < _LETTER_SHARE else ""
    numbered = range(1, flats + 1) if flats else (None,)
    return [
        Dwelling(
            number=number + 1,
            letter=letter,
            street_type=street_type,
            street_name=street_name,
            postal_code=postal_code,
            town=town_name,
            flat=flat,
        )
        for flat in numbered
    ]
