"""How addresses are written in each country: the words that the address form folds, as data.

Every word is in the form `text.base_letters` gives it. Long and short spellings share one
canonical word; which of the two it is means nothing, but changing it changes every digest, so
that any edit here needs a new `address.VERSION`.

Folding too much makes two streets of one postal code equal and asks too few people; folding
too little misses an opt-out. So these tables fold generously.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final


class NumberPosition(IntEnum):
    """Where a country writes the house number; the other place is understood too."""

    FIRST = 1
    LAST = 2


class HouseLetter(IntEnum):
    """What a single letter after the house number is part of."""

    BUILDING = 1
    UNIT = 2


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One country's way of writing an address."""

    postal_digits: int
    """How many digits a postal code has; 0 where it is not made of digits."""
    postal_kept: int
    """How many of them count; fewer where the last ones are often left out."""
    number_position: NumberPosition
    dwelling: re.Pattern[str]
    """A whole unit that names one dwelling and no other; its groups are the unit's form.

    It must accept one way of numbering only: two units it accepts are judged different when
    their groups differ.
    """
    house_letter: HouseLetter = HouseLetter.BUILDING
    phrases: tuple[tuple[re.Pattern[str], str], ...] = ()
    """Rewritten before the line is cut into words."""
    words: dict[str, str] = field(default_factory=dict)
    """Street types, titles and the like anywhere in a street's name; to "" when dropped."""
    first_words: dict[str, str] = field(default_factory=dict)
    """The same where they mean it only as the first word: single letters."""
    types: frozenset[str] = frozenset()
    """The canonical words (or spellings, if dropped) that start a street's name."""
    letters: tuple[tuple[str, str], ...] = ()
    """Letters that are also typed as two."""
    endings: tuple[tuple[str, str], ...] = ()
    """Street types grown into the name: `-gatan`; longest first."""
    unit_words: dict[str, str] = field(default_factory=dict)
    """Designators of a unit; all lead to one of the canonical ones below."""
    unit_starts: frozenset[str] = frozenset()
    """The canonical designators that start a unit even when no number follows."""
    side_words: dict[str, str] = field(default_factory=dict)
    """Which door of a landing."""


APARTMENT: Final = "apt"
DOOR: Final = "porte"
FLOOR: Final = "etage"
STAIRCASE: Final = "esc"
BLOCK: Final = "bat"
ESTATE: Final = "res"
"""A named group of buildings; beside a street and number it tells nothing more."""


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _folded(**spellings: str) -> dict[str, str]:
    """Each spelling of a canonical word, itself included, to that word."""
    return {
        spelling: word for word, listed in spellings.items() for spelling in (word, *listed.split())
    }


def _dropped(words: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), "")


MONTHS: Final = _listed(
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre "
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre dicembre "
    "enero febrero abril mayo junio julio septiembre octubre noviembre diciembre "
    "janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro "
    "januar februar april juni juli august september oktober november desember"
)
"""A number next to one belongs to the street's name: rue du 8 mai 1945, Via 25 Aprile."""

REGNAL_NAMES: Final = _listed("albert charles francois henri jean leopold louis napoleon pie")
"""A number after one belongs to the street's name: avenue Albert 1er."""

NUMBER_FILLERS: Final = _listed("n no nr num numero nro number numer nummer lote lt civ civico")
"""Words that only announce a house number."""

UNIT_FILLERS: Final = NUMBER_FILLERS - {"lote", "lt", "civ", "civico"}
"""Words that only announce a unit's number."""


_NUMBERED: Final = re.compile(r"(?:apt )?0*([1-9][0-9]{0,4})")
_FLOOR_AND_DOOR: Final = re.compile(
    r"(?:etage )?0*([1-9][0-9]?) (?:etage )?(?:porte )?(?:0*([1-9][0-9]?)|([a-z]))"
)

_NORDIC_LETTERS: Final = (("aa", "a"), ("ae", "a"), ("oe", "o"))

_FRANCE: Final = Lexicon(
    postal_digits=5,
    postal_kept=5,
    number_position=NumberPosition.FIRST,
    dwelling=_NUMBERED,
    phrases=(
        (re.compile(r"\b(?:[dl]|qu)'"), " "),
        (re.compile(r"\brez[ -]?de[ -]?(?:chaussee|ch\b)|\brdch?\b|\br\.d\.c\.?"), " rdc "),
        (re.compile(r"\bau fond de (?:la )?cour\b|\bfond (?:de )?(?:la )?cour\b"), " fdc "),
        (
            re.compile(r"\b([0-9]{1,2}) *(?:er|ere|e|eme|ieme|nd|nde)?\.? *(?:etage|etg)\b"),
            r" etage \1 ",
        ),
        (
            re.compile(
                r"\b([0-9]{1,2})(?:er|ere|e|eme|ieme|nd|nde) +(gauche|gch|droite|dte|face)\b"
            ),
            r" etage \1 \2 ",
        ),
        (re.compile(r"\b([0-9]{1,2})(?:er|ere|e|eme|ieme|nd|nde) +et\b"), r" etage \1 "),
        (re.compile(r"\b(bat|esc)([a-h])\b"), r"\1 \2"),
        (re.compile(r"\bc/o\b"), " chez "),
        (re.compile(r"\brond[ -]point\b"), " rpt "),
        (re.compile(r"\blieu[ -]?dit\b"), " ld "),
        (re.compile(r"\bnotre[ -]dame\b"), " nd "),
    ),
    words={
        **_folded(
            av="ave aven avenue", bd="bvd bld blvd boul boulevard", r="rue", pl="place",
            ch="che chem chemin", imp="impasse", all="allee allees", rte="route",
            sq="square", fg="fbg fb faubourg", crs="cours cr", res="residence", qu="quai",
            pas="pass passage", mte="montee", esp="esplanade", prom="promenade",
            lot="lotissement", ham="hameau", dom="domaine", vla="villa", sen="sente sentier",
            rle="ruelle", trav="traverse", ven="venelle", cite="", clos="", cour="", rpt="",
            za="", zi="", zac="", st="saint", ste="sainte", gd="grand", gde="grande",
            pt="petit", pte="petite", gal="general gen", dr="docteur", mal="marechal",
            pdt="president pres", pr="professeur prof", cpt="capitaine", col="colonel",
            cdt="commandant", lt="lieutenant", nd="", abbe="", rn="nationale",
        ),
        **dict.fromkeys(("1er", "ier"), "1"),
        **_dropped("de du des la le les l d a au aux et en ld"),
    },
    first_words={"q": "qu", "b": "bd", "c": "ch", "p": "pl"},
    types=_listed(
        "av bd r pl ch imp all rte sq fg crs res qu pas mte esp prom lot ham dom vla sen rle "
        "trav ven cite clos cour rpt rn"
    ),
    unit_words=_folded(
        apt="appt app appart apart appartement apartement apartment logement logt lgt",
        porte="pte villa maison pav pavillon", etage="etg niveau", esc="escalier entree hall",
        bat="bt batiment bloc immeuble imm tour", res="residence hlm", chez="", rdc="",
        fdc="", bp="cs tsa",
    ),
    unit_starts=_listed("apt etage esc bat res chez rdc fdc bp"),
    side_words=_folded(g="gauche gch", d="droite droit dte", f="face"),
)  # fmt: skip

_NORWAY: Final = Lexicon(
    postal_digits=4,
    postal_kept=4,
    number_position=NumberPosition.LAST,
    # "Leilighet 4" may be the same dwelling as "H0204": only the official number is read.
    dwelling=re.compile(r"(?:apt )?([hukl][0-9]{4})"),
    phrases=((re.compile(r"\b([hukl])[ -]?([0-9]{4})\b"), r" \1\2 "),),
    words=_folded(st="sankt sct", pl="plass plassen"),
    types=frozenset({"gate", "gata", "vei", "veien"}),
    letters=_NORDIC_LETTERS,
    endings=(
        ("gaten", "g"), ("gata", "g"), ("gate", "g"), ("gt", "g"),
        ("veien", "v"), ("vegen", "v"), ("vei", "v"), ("veg", "v"), ("vn", "v"),
        ("alleen", "al"), ("alle", "al"),
    ),
    unit_words=_folded(
        apt="leilighet leil leilighetsnr leilighetsnummer bolig bruksenhet bruksenhetsnummer bnr",
        etage="etasje etg", esc="oppgang oppg inngang", bat="blokk bygg",
    ),
)  # fmt: skip

_SWEDEN: Final = Lexicon(
    postal_digits=5,
    postal_kept=5,
    number_position=NumberPosition.LAST,
    # Landlords number flats their own way, in fewer digits; only the official number is read.
    dwelling=re.compile(r"(?:apt )?((?:0[89]|[1-9][0-9])[0-9]{2})"),
    phrases=((re.compile(r"\bs:t\b"), "st"), (re.compile(r"\bs:ta\b"), "sta")),
    words=_folded(
        st="sankt stora", sta="sankta", n="norra", s="sodra", o="ostra", v="vastra", l="lilla",
    ),
    types=frozenset(),
    letters=_NORDIC_LETTERS,
    endings=(
        ("gatan", "g"), ("gata", "g"), ("vagen", "v"), ("vag", "v"), ("grand", "gr"),
        ("stigen", "st"), ("allen", "al"), ("alle", "al"),
    ),
    unit_words=_folded(
        apt="lgh lght lagenhet lagenhetsnr lagenhetsnummer lghnr", etage="tr trappor vaning vr",
        esc="uppgang uppg port", bat="hus",
    ),
)  # fmt: skip

_FINLAND: Final = Lexicon(
    postal_digits=5,
    postal_kept=5,
    number_position=NumberPosition.LAST,
    # Flats are numbered through a building's staircases, so the number alone names one.
    dwelling=re.compile(r"(?:[a-z] ){0,2}(?:esc [a-z] )?(?:apt )?0*([1-9][0-9]{0,3})"),
    house_letter=HouseLetter.UNIT,
    words=_folded(st="pyha sankt"),
    types=frozenset(),
    letters=_NORDIC_LETTERS,
    endings=(
        ("katu", "k"), ("tie", "t"), ("kuja", "kj"), ("polku", "p"), ("aukio", "auk"),
        ("gatan", "g"), ("gata", "g"), ("vagen", "v"), ("vag", "v"), ("grand", "gr"),
    ),
    unit_words=_folded(
        apt="as asunto asnto huoneisto huon bst bostad lgh", esc="rappu rp porras trappa uppgang",
        etage="krs kerros vaning", bat="talo hus",
    ),
)  # fmt: skip

_IRELAND: Final = Lexicon(
    postal_digits=0,
    postal_kept=0,
    number_position=NumberPosition.FIRST,
    dwelling=_NUMBERED,
    words={
        **_folded(
            st="street str saint", rd="road", ave="avenue av aven", dr="drive", ln="lane",
            ct="court crt", cl="close", cres="crescent crst", pk="park pks", pl="place",
            sq="square", tce="terrace ter terr", gdns="gardens gdn garden", gr="grove grv",
            hts="heights", est="estate", ms="mews", pde="parade", qy="quay", row="",
            upr="upper up", lwr="lower lr", mt="mount", n="north nth", s="south sth",
            e="east", w="west", gt="great", apts="apartments",
        ),
        **_dropped("the of"),
    },
    types=frozenset(),
    unit_words=_folded(
        apt="flat fl apartment apartement appt unit", etage="floor", bat="block blk building bldg",
        porte="door room rm",
    ),
)  # fmt: skip

_SPAIN: Final = Lexicon(
    postal_digits=5,
    postal_kept=5,
    number_position=NumberPosition.LAST,
    # A ground floor or attic has several names, so floors count only when they are numbered.
    dwelling=_FLOOR_AND_DOOR,
    phrases=((re.compile(r"\bs/n\b|\bs\.n\.?(?=[ ,]|$)|\bsin numero\b"), " sn "),),
    words={
        **_folded(
            av="avda avd ave avenida ava", pza="plaza plza pl", po="paseo pso",
            ctra="carretera crta", cno="camino cmno", trv="travesia trva tr", rda="ronda",
            gta="glorieta", urb="urbanizacion",
            pje="pasaje psje", bda="barriada", bo="barrio", pgno="poligono pol", cjon="callejon",
            gv="granvia", s="san", sta="santa", sto="santo", dr="doctor", gral="general gen",
            ma="maria", ntra="nuestra", sra="senora", d="don", da="dona",
        ),
        **_dropped("de del la las el los y i calle"),
    },
    first_words={**_dropped("c cl cll carrer"), "p": "po"},
    types=_listed("av pza po ctra cno trv rda gta urb pje bda bo pgno cjon calle c cl"),
    unit_words=_folded(
        etage="piso planta plta pl p", porte="puerta pta pt porta", esc="escalera escal",
        bat="bloque blq bl portal port torre edificio edif", apt="apartamento apto local",
    ),
    side_words=_folded(
        d="dcha der derecha drcha dch dreta", i="izda izq izquierda izqda iz esquerra",
        c="centro ctro cto cen centre",
    ),
)  # fmt: skip

_ITALY: Final = Lexicon(
    postal_digits=5,
    postal_kept=5,
    number_position=NumberPosition.LAST,
    dwelling=_NUMBERED,
    phrases=(
        (re.compile(r"\bs\.? ?n\.? ?c\b\.?"), " sn "),
        (re.compile(r"\bp\.? ?z?za\b\.?"), " pz "),
        (re.compile(r"\bc\.? ?so\b\.?"), " cso "),
        (re.compile(r"\bv\.? ?le\b\.?"), " vle "),
        (re.compile(r"\bl\.? ?go\b\.?"), " lgo "),
        (re.compile(r"\bf\.? ?lli\b\.?"), " flli "),
        (re.compile(r"\b(?:[dl]|dell|all|dall|nell|sull)'"), " "),
        (re.compile(r"\bsant'"), " s "),
    ),
    words={
        **_folded(
            v="via", vle="viale", pz="piazza pzza pza", cso="corso", lgo="largo", vlo="vicolo vic",
            str="strada", pzle="piazzale ple", ctr="contrada cda", loc="localita",
            fraz="frazione fr", bgo="borgo", s="san santo santa sant", ss="santi",
            gen="generale", dott="dottor dr", prof="professor", mons="monsignor",
            cav="cavaliere", f="fratelli flli",
        ),
        **_dropped("di del della dei degli delle dell da de la le lo il i"),
    },
    types=_listed("v vle pz cso lgo vlo str pzle ctr loc fraz bgo"),
    unit_words=_folded(
        apt="int interno appartamento appto app", esc="scala sc", etage="piano p",
        bat="palazzina pal edificio ed lotto torre", porte="porta",
    ),
)  # fmt: skip

_PORTUGAL: Final = Lexicon(
    postal_digits=7,
    postal_kept=4,
    number_position=NumberPosition.LAST,
    dwelling=_FLOOR_AND_DOOR,
    phrases=(
        (re.compile(r"\br/c\b|\bres[ -]do[ -]chao\b"), " rc "),
        (re.compile(r"\bs/n\b"), " sn "),
    ),
    words={
        **_folded(
            r="rua", av="avenida ave ava", pc="praca pca pr", tv="travessa trav tr", lg="largo lgo",
            estr="estrada est", bc="beco", al="alameda", urb="urbanizacao", qta="quinta",
            bo="bairro", clc="calcada", pct="praceta pcta", s="sao", sta="santa", sto="santo",
            dr="doutor", dra="doutora", eng="engenheiro", prof="professor", gen="general",
            d="dom dona", cap="capitao", cel="coronel", mal="marechal", ma="maria", nsa="",
        ),
        **_dropped("de do da dos das e o a os as"),
    },
    types=_listed("r av pc tv lg estr bc al urb qta bo clc pct"),
    unit_words=_folded(
        etage="andar and piso", porte="porta pta", esc="escada", apt="apartamento apto apart",
        bat="bloco bl torre edificio edif", fracao="fraccao frac",
    ),
    side_words=_folded(
        e="esq esqdo esqo esquerdo esquerda", d="dto dta dir direito direita",
        f="frente fte frt ft", t="tras traseiras",
    ),
)  # fmt: skip

LEXICONS: Final[dict[str, Lexicon]] = {
    "FR": _FRANCE,
    "NO": _NORWAY,
    "SE": _SWEDEN,
    "FI": _FINLAND,
    "IE": _IRELAND,
    "ES": _SPAIN,
    "IT": _ITALY,
    "PT": _PORTUGAL,
}

ANY_COUNTRY: Final = Lexicon(
    postal_digits=0,
    postal_kept=0,
    number_position=NumberPosition.LAST,
    dwelling=re.compile(r"(?!)"),
)
"""For countries without a lexicon: nothing is abbreviated, and no unit is ever read."""

TERRITORIES: Final[dict[str, str]] = {
    **dict.fromkeys(_listed("RE GP MQ GF YT PM BL MF WF PF NC TF"), "FR"),
    "AX": "FI",
    "SJ": "NO",
    "UK": "GB",
}
"""Countries that share another's postal codes: people write either."""
