"""Worked examples in which the hour decides, by the clock of the recipient."""

from __future__ import annotations

from consent_registry_server.domain.contact import Phone, PostalAddress
from consent_registry_server.domain.vocabulary import Channel, ControllerId, PurposeId, Reason
from tests.unit.service.desk import NORWAY, paris, question
from tests.unit.service.example import (
    ALLOW,
    DENY,
    PHONE,
    SIMILAR_OWN,
    Example,
    home,
)
from tests.unit.service.examples_of_permission import PHONE_CONSENT

SPAIN = ControllerId("alarm-es")
REUNION = Phone("+262262200001")
GUADELOUPE = Phone("+590590200001")
SERVICE = PurposeId("service")
SPANISH_MOBILE = Phone("+34600000001")
STRASBOURG = PostalAddress("FR", "67000", "Strasbourg", "1 rue des Orfevres", "")
BERGEN = PostalAddress("NO", "5003", "Bergen", "Bryggen 1", "")

OUTSIDE = Reason.OUTSIDE_CONTACT_HOURS


HOUR_EXAMPLES = (
    Example(
        "France: lunch time",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 11, 23, 13, 30)),
        DENY,
        OUTSIDE,
        frozenset({Reason.CONSENT}),
    ),
    Example(
        "France: two in the afternoon sharp",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 11, 23, 14)),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "France: Saturday",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 11, 21, 11)),
        DENY,
        OUTSIDE,
    ),
    Example(
        "France: Armistice Day, a Wednesday",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 11, 11, 11)),
        DENY,
        OUTSIDE,
    ),
    Example(
        "France: St Stephen's Day in Strasbourg, a Monday in 2033",
        [],
        question(
            PHONE,
            Channel.VOICE_CALL,
            STRASBOURG,
            customer=SIMILAR_OWN,
            at_us=paris(2033, 12, 26, 11),
        ),
        DENY,
        OUTSIDE,
    ),
    Example(
        "France: the same Monday elsewhere",
        [],
        question(
            PHONE,
            Channel.VOICE_CALL,
            home("4"),
            customer=SIMILAR_OWN,
            at_us=paris(2033, 12, 26, 11),
        ),
        ALLOW,
        Reason.RUNNING_CONTRACT,
    ),
    Example(
        "Réunion: 18:00 in Paris is 21:00 there",
        [],
        question(
            REUNION,
            Channel.VOICE_CALL,
            country="",
            customer=SIMILAR_OWN,
            at_us=paris(2026, 11, 23, 18),
        ),
        DENY,
        OUTSIDE,
    ),
    Example(
        "Réunion: 08:00 in Paris is 11:00 there",
        [],
        question(
            REUNION,
            Channel.VOICE_CALL,
            country="",
            customer=SIMILAR_OWN,
            at_us=paris(2026, 11, 23, 8),
        ),
        ALLOW,
        Reason.RUNNING_CONTRACT,
    ),
    Example(
        "Guadeloupe: 11:00 in Paris is 06:00 there",
        [],
        question(
            GUADELOUPE,
            Channel.VOICE_CALL,
            country="",
            customer=SIMILAR_OWN,
            at_us=paris(2026, 11, 23, 11),
        ),
        DENY,
        OUTSIDE,
    ),
    Example(
        "Spain: a mobile at 09:30, which may be on the Canaries",
        [],
        question(
            SPANISH_MOBILE,
            Channel.VOICE_CALL,
            controller=SPAIN,
            country="",
            at_us=paris(2026, 11, 23, 9, 30),
        ),
        DENY,
        Reason.NO_CONSENT,
        frozenset({OUTSIDE}),
    ),
    Example(
        "Norway: a door on Sunday",
        [],
        question(
            BERGEN, Channel.DOOR_TO_DOOR, controller=NORWAY, country="", at_us=paris(2026, 11, 22)
        ),
        DENY,
        OUTSIDE,
    ),
    Example(
        "Norway: the same door, by a caller who always says France",
        [],
        question(
            BERGEN, Channel.DOOR_TO_DOOR, controller=NORWAY, country="FR", at_us=paris(2026, 11, 22)
        ),
        DENY,
        OUTSIDE,
    ),
    Example(
        "Norway: the same door on Monday",
        [],
        question(
            BERGEN, Channel.DOOR_TO_DOOR, controller=NORWAY, country="", at_us=paris(2026, 11, 23)
        ),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "an alarm call at night",
        [],
        question(PHONE, Channel.VOICE_CALL, purpose=SERVICE, at_us=paris(2026, 11, 22, 3)),
        ALLOW,
        Reason.NOT_MARKETING,
    ),
)
