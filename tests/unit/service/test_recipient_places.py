"""Where the recipient of a question is: told by target and subject, where hours matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Place, Window
from consent_registry_server.domain.policy import Controller, Policy, Purpose, Regime, Rule
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    CountryCode,
    PurposeId,
    Reason,
    RecipientType,
    RuleId,
)
from consent_registry_server.service import questions
from consent_registry_server.service.checks import Checks
from consent_registry_server.service.ports import Deadline, Digested, Standing
from consent_registry_server.service.questions import AskedContact, Resolved, Scope, resolve
from tests.fakes.ambience import NO_DEADLINE, HashDigester, SetClock

CONTROLLER = ControllerId("alarm-es")
MARKETING = PurposeId("direct_marketing")
ES, FR, RE, DE = map(CountryCode, ("ES", "FR", "RE", "DE"))

DAILY = ContactHours(dict.fromkeys(DayKind, (Window(540, 1260),)))
WITH_HOURS = (Channel.VOICE_CALL, Channel.DOOR_TO_DOOR, Channel.MESSAGING)


def rule(country: CountryCode, channel: Channel) -> Rule:
    hours = DAILY if channel in WITH_HOURS else None
    rule_id = RuleId(f"{country}.{channel.name}")
    return Rule(rule_id, country, channel, Regime.OPT_OUT, contact_hours=hours)


POLICY = Policy(
    version="hours",
    controllers={CONTROLLER: Controller(CONTROLLER, "Alarm Example SL", ES)},
    purposes={MARKETING: Purpose(MARKETING, "offers")},
    rules={
        (each.country, each.channel, each.line_type, RecipientType.CONSUMER): (each,)
        for each in (rule(country, channel) for country in (ES, FR) for channel in Channel)
    },
    recording_rules={},
    territories={RE: FR},
    time_zones={ES: ("Europe/Madrid", "Atlantic/Canary"), FR: ("Europe/Paris",)},
)

SPAIN = Place(ES, ("Atlantic/Canary", "Europe/Madrid"))
TENERIFE = Place(ES, ("Atlantic/Canary",), "CN")
SEVILLE = Place(ES, ("Europe/Madrid",), "AN")
MADRID = Place(ES, ("Europe/Madrid",))
REUNION = Place(RE, ("Indian/Reunion",))

MOBILE, LANDLINE = Phone("+34600000001"), Phone("+34928000001")
IN_TENERIFE = PostalAddress("ES", "38001", street="Calle Ejemplo 1")
IN_SEVILLE = PostalAddress("ES", "41001", street="Calle Ejemplo 1")
IN_REUNION = PostalAddress("FR", "97400", street="1 rue de l'Exemple")


def asked_of(
    target: ContactPoint,
    *others: ContactPoint,
    channel: Channel = Channel.VOICE_CALL,
    country: CountryCode | None = None,
    fallback: CountryCode | None = None,
    at_us: int | None = None,
) -> AskedContact:
    scope = Scope(CONTROLLER, channel, MARKETING, fallback_country=fallback, at_us=at_us)
    if not others:
        return AskedContact(scope, target, country=country)
    return AskedContact(scope, target, Subject(others), country)


def resolved(asked: AskedContact) -> Resolved:
    return resolve(asked, POLICY, HashDigester())


@pytest.mark.parametrize(
    "asked, place",
    [
        pytest.param(asked_of(MOBILE), SPAIN, id="a mobile"),
        pytest.param(asked_of(LANDLINE), TENERIFE, id="a landline"),
        pytest.param(asked_of(Phone("928 00 00 01", "ES")), TENERIFE, id="typed as at home"),
        pytest.param(asked_of(MOBILE, Email("anna@example.com")), SPAIN, id="no address"),
        pytest.param(asked_of(MOBILE, IN_TENERIFE), TENERIFE, id="at home on Tenerife"),
        pytest.param(asked_of(MOBILE, IN_SEVILLE), SEVILLE, id="at home in Seville"),
        pytest.param(
            asked_of(LANDLINE, IN_SEVILLE),
            Place(ES, ("Atlantic/Canary", "Europe/Madrid"), "AN"),
            id="a line and a home apart",
        ),
        pytest.param(asked_of(MOBILE, IN_REUNION), SPAIN, id="a home abroad"),
        pytest.param(asked_of(Phone("+262692000001")), REUNION, id="overseas"),
        pytest.param(asked_of(Phone("+262692000001"), country=FR), REUNION, id="overseas, as FR"),
        pytest.param(
            asked_of(Phone("+33639980001"), IN_REUNION),
            Place(RE, ("Europe/Paris", "Indian/Reunion")),
            id="a mainland number overseas",
        ),
        pytest.param(
            asked_of(MOBILE, country=FR),
            Place(FR, ("Atlantic/Canary", "Europe/Madrid", "Europe/Paris")),
            id="a number from abroad",
        ),
        pytest.param(
            asked_of(Handle("whatsapp", "+34928000001"), channel=Channel.MESSAGING),
            TENERIFE,
            id="an account that is a number",
        ),
        pytest.param(
            asked_of(IN_TENERIFE, IN_SEVILLE, channel=Channel.DOOR_TO_DOOR), TENERIFE, id="a door"
        ),
        pytest.param(
            asked_of(IN_REUNION, LANDLINE, channel=Channel.DOOR_TO_DOOR), REUNION, id="its door"
        ),
    ],
)
def test_the_recipient_is_where_target_and_subject_say(asked: AskedContact, place: Place) -> None:
    """And the engine is told."""
    assert resolved(asked).place == place
    assert resolved(asked).question(now_us=0).place == place


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(asked_of(MOBILE, channel=Channel.SMS), id="no hours on the channel"),
        pytest.param(asked_of(MOBILE, IN_SEVILLE, channel=Channel.SMS), id="with an address"),
        pytest.param(asked_of(IN_SEVILLE, channel=Channel.POST), id="a letter"),
        pytest.param(asked_of(MOBILE, country=DE), id="no rules in the country"),
        pytest.param(asked_of(Phone("+493012345678")), id="no rules where the number is"),
        pytest.param(asked_of(Phone("12"), country=ES), id="no usable number"),
        pytest.param(asked_of(Email("anna@example.com"), country=ES), id="no target of a call"),
        pytest.param(
            asked_of(Handle("messenger", "anna"), fallback=ES, channel=Channel.MESSAGING),
            id="an account anywhere",
        ),
    ],
)
def test_otherwise_nothing_more_than_the_country_is_known(asked: AskedContact) -> None:
    """The policy's own zones serve where hours matter all the same."""
    assert resolved(asked).place is None


@given(
    st.builds(
        "+{}{}".format,
        st.sampled_from(["33", "33692", "34", "34928", "351", "262", "44", "49"]),
        st.text("0123456789", min_size=4, max_size=10),
    ),
    st.sampled_from(Channel),
    st.sampled_from([None, ES, FR, RE, DE]),
)
@example("+34600000001", Channel.VOICE_CALL, None)
@example("+34928000001", Channel.VOICE_CALL, FR)
def test_the_short_cut_for_plain_numbers_tells_the_same_place(
    number: str, channel: Channel, country: CountryCode | None
) -> None:
    """As the long way, which most members of an audience are spared."""
    asked = asked_of(Phone(number), channel=channel, country=country)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "plain_phone_form", lambda _: None)
        the_long_way = resolved(asked)
    assert resolved(asked) == the_long_way


class EmptyReader:
    """A registry in which nobody has an entry."""

    def read(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        *,
        deadline: Deadline,
        at_least_as_fresh: str = "",
    ) -> Standing:
        """See `StandingReader`."""
        del controller, points, deadline, at_least_as_fresh
        return Standing("1", [])


def test_members_without_entries_share_an_answer_only_where_they_share_the_clock() -> None:
    """At 9:30 in Madrid it is 8:30 in Las Palmas, and a mobile may be in either."""
    at_us = to_us(datetime(2026, 11, 23, 9, 30, tzinfo=ZoneInfo("Europe/Madrid")))
    checks = Checks(EmptyReader(), HashDigester(), policy=lambda: POLICY, clock=SetClock(at_us))
    scope = asked_of(MOBILE).scope
    numbers = [Phone("+34910000001"), LANDLINE, MOBILE, Phone("+34950000001")]
    asked = [AskedContact(scope, number) for number in (*numbers, *numbers[::-1])]
    reasons = [each.reason for each in checks.check(asked, deadline=NO_DEADLINE).decisions]
    calling, not_calling = Reason.OPT_OUT_REGIME, Reason.OUTSIDE_CONTACT_HOURS
    expected = [calling, not_calling, not_calling, calling]
    assert reasons == [*expected, *expected[::-1]]
