"""The short cut for phone numbers that are E.164 to the letter gives what the long way gives."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import Phone
from consent_registry_server.domain.matching import plain_phone_form
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    CountryCode,
    PurposeId,
)
from consent_registry_server.policy.load import load_policy
from consent_registry_server.service import questions
from consent_registry_server.service.questions import AskedContact, Resolved, Scope, resolve
from consent_registry_server.storage.keyring import Keyring

KEYRING = Keyring.generate()
POLICY = load_policy()

NUMBERS = st.builds(
    "+{}{}".format,
    st.sampled_from(
        ["33", "33639", "33692", "47", "4779", "46", "358", "35818", "353", "39", "44"]
    ),
    st.text("0123456789", min_size=4, max_size=11),
)
COUNTRIES = st.sampled_from([None, CountryCode("FR"), CountryCode("IE"), CountryCode("US")])


def the_long_way(asked: AskedContact) -> Resolved:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "plain_phone_form", lambda _: None)
        return resolve(asked, POLICY, KEYRING)


@given(NUMBERS, st.sampled_from(["", "FR", "IE", "FRA"]), st.sampled_from(Channel), COUNTRIES)
@example("+33639981234", "", Channel.VOICE_CALL, None)
@example("+353871234567", "", Channel.VOICE_CALL, None)
@example("+33639981234", "", Channel.EMAIL, None)
def test_a_plain_number_is_resolved_as_any_other(
    number: str, region: str, channel: Channel, country: CountryCode | None
) -> None:
    """On every channel, Irish lines and unusable targets included."""
    scope = Scope(ControllerId("alarm-fr"), channel, PurposeId("direct_marketing"))
    asked = AskedContact(scope, Phone(number, region), country=country)
    assert resolve(asked, POLICY, KEYRING) == the_long_way(asked)


def test_the_short_cut_is_taken() -> None:
    """Else the test above would compare the long way with itself."""
    assert plain_phone_form(Phone("+33639981234")) is not None
