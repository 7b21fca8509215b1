"""Where phone numbers and postal codes are: tables for the countries with rules.

Zones whose clocks have agreed since 1996 stand for each other: Europe/Oslo for
Arctic/Longyearbyen, Europe/Helsinki for Europe/Mariehamn, Europe/Madrid for Africa/Ceuta,
Europe/Lisbon for Atlantic/Madeira, America/Guadeloupe for America/St_Barthelemy and
America/Marigot. Several zones are in the order of their names. Subdivisions are those of the
`holidays` library; where a country's differ within one postal area they are left out.

Sources: the numbering plans of ARCEP, CNMC, ANACOM and Traficom, which a test compares with the
time zones of `phonenumbers`; the postal codes of La Poste, Correos, CTT and Posti.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.vocabulary import CountryCode

_MADRID, _CANARY = "Europe/Madrid", "Atlantic/Canary"
_LISBON, _AZORES = "Europe/Lisbon", "Atlantic/Azores"
_REUNION, _MAYOTTE = "Indian/Reunion", "Indian/Mayotte"

ZONES: Final[dict[str, tuple[str, ...]]] = {
    "FR": ("Europe/Paris",),
    "GP": ("America/Guadeloupe",),
    "BL": ("America/Guadeloupe",),
    "MF": ("America/Guadeloupe",),
    "MQ": ("America/Martinique",),
    "GF": ("America/Cayenne",),
    "RE": (_REUNION,),
    "YT": (_MAYOTTE,),
    "PM": ("America/Miquelon",),
    "NC": ("Pacific/Noumea",),
    # Neither number nor postal code tells Tahiti from the other islands for certain.
    "PF": ("Pacific/Gambier", "Pacific/Marquesas", "Pacific/Tahiti"),
    "WF": ("Pacific/Wallis",),
    "TF": ("Indian/Kerguelen",),
    "NO": ("Europe/Oslo",),
    "SJ": ("Europe/Oslo",),
    "SE": ("Europe/Stockholm",),
    "FI": ("Europe/Helsinki",),
    "AX": ("Europe/Helsinki",),
    "IE": ("Europe/Dublin",),
    "ES": (_CANARY, _MADRID),
    "IT": ("Europe/Rome",),
    "PT": (_AZORES, _LISBON),
}


def _place(country: str, *zones: str, subdivision: str = "") -> Place:
    return Place(CountryCode(country), zones or ZONES[country], subdivision)


PLACES: Final = {country: _place(country) for country in ZONES}
_ALAND: Final = PLACES["AX"]
_CANARY_ISLANDS: Final = _place("ES", _CANARY, subdivision="CN")
_MADEIRA: Final = _place("PT", _LISBON, subdivision="30")
_AZORES_ISLANDS: Final = _place("PT", _AZORES, subdivision="20")


class Plan(NamedTuple):
    """Where a country's phone numbers are: by their first characters, or anywhere in it."""

    code: str
    place: Place
    by_prefix: Mapping[str, Place] = MappingProxyType({})
    prefix_chars: int = 0


# Mobiles, free numbers and the like serve all of a country. 827 is left to both zones: the plan
# gives it to Cáceres, `phonenumbers` to the Canary Islands.
_SPANISH: Final = {
    **{
        f"+34{first}{area}": _place("ES", _MADRID)
        for first in (8, 9)
        for area in range(10, 90)
        if (first, area) != (8, 27)
    },
    **dict.fromkeys(("+34822", "+34828", "+34922", "+34928"), _CANARY_ISLANDS),
}
_PORTUGUESE: Final = {
    **{f"+351{area}": _place("PT", _LISBON) for area in range(210, 300)},
    "+351291": _MADEIRA,
    **dict.fromkeys(("+351292", "+351295", "+351296"), _AZORES_ISLANDS),
}
_OF_REUNION: Final = dict.fromkeys(("+262262", "+262263", "+262692", "+262693"), PLACES["RE"])
_OF_MAYOTTE: Final = dict.fromkeys(("+262269", "+262639"), PLACES["YT"])

PLANS: Final[dict[str, Plan]] = {
    "FR": Plan("+33", PLACES["FR"]),
    "NO": Plan("+47", PLACES["NO"]),
    "SJ": Plan("+47", PLACES["SJ"]),
    "SE": Plan("+46", PLACES["SE"]),
    "FI": Plan("+358", PLACES["FI"], {"+35818": _ALAND}, 6),
    "AX": Plan("+358", _ALAND),
    "IE": Plan("+353", PLACES["IE"]),
    "ES": Plan("+34", PLACES["ES"], _SPANISH, 6),
    "IT": Plan("+39", PLACES["IT"]),
    "PT": Plan("+351", PLACES["PT"], _PORTUGUESE, 7),
    "GP": Plan("+590", PLACES["GP"]),
    "BL": Plan("+590", PLACES["BL"]),
    "MF": Plan("+590", PLACES["MF"]),
    "MQ": Plan("+596", PLACES["MQ"]),
    "GF": Plan("+594", PLACES["GF"]),
    "RE": Plan("+262", _place("RE", _MAYOTTE, _REUNION), _OF_REUNION, 7),
    "YT": Plan("+262", _place("YT", _MAYOTTE, _REUNION), _OF_MAYOTTE, 7),
    "PM": Plan("+508", PLACES["PM"]),
    "NC": Plan("+687", PLACES["NC"]),
    "PF": Plan("+689", PLACES["PF"]),
    "WF": Plan("+681", PLACES["WF"]),
}
PLANS_BY_CODE: Final[dict[str, Plan]] = {
    # Of a code that several share, the plan of the first of them.
    **{plan.code: plan for plan in reversed(PLANS.values())},
    "+262": PLANS["RE"]._replace(by_prefix={**_OF_REUNION, **_OF_MAYOTTE}),
}

_FRENCH_POSTAL: Final = {
    **dict.fromkeys(("67", "68"), _place("FR", subdivision="6AE")),
    "57": _place("FR", subdivision="57"),
    "971": PLACES["GP"],
    "972": PLACES["MQ"],
    "973": PLACES["GF"],
    "974": PLACES["RE"],
    "975": PLACES["PM"],
    "976": PLACES["YT"],
    "984": PLACES["TF"],
    "986": PLACES["WF"],
    "987": PLACES["PF"],
    "988": PLACES["NC"],
    **dict.fromkeys(("97133", "977"), PLACES["BL"]),
    **dict.fromkeys(("97150", "978"), PLACES["MF"]),
}
_SPANISH_POSTAL: Final = {
    province: _place("ES", _CANARY if community == "CN" else _MADRID, subdivision=community)
    for community, provinces in {
        "AN": "04 11 14 18 21 23 29 41",
        "AR": "22 44 50",
        "AS": "33",
        "CB": "39",
        "CE": "51",
        "CL": "05 09 24 34 37 40 42 47 49",
        "CM": "02 13 16 19 45",
        "CN": "35 38",
        "CT": "08 17 25 43",
        "EX": "06 10",
        "GA": "15 27 32 36",
        "IB": "07",
        "MC": "30",
        "MD": "28",
        "ML": "52",
        "NC": "31",
        "PV": "01 20 48",
        "RI": "26",
        "VC": "03 12 46",
    }.items()
    for province in provinces.split()
}
_PORTUGUESE_POSTAL: Final = {
    **{str(first): _place("PT", _LISBON) for first in range(1, 9)},
    **{f"9{second}": _MADEIRA if second < 5 else _AZORES_ISLANDS for second in range(10)},  # noqa: PLR2004
}

BY_POSTAL_CODE: Final[dict[str, tuple[tuple[int, ...], dict[str, Place]]]] = {
    "FR": ((5,), _FRENCH_POSTAL),
    "ES": ((5,), _SPANISH_POSTAL),
    "PT": ((4, 7), _PORTUGUESE_POSTAL),
    "FI": ((5,), {"22": _ALAND}),
}
"""Per country the lengths of a postal code, and the places of its first digits."""
