"""The data set of the demonstration tells every story, and is the same in every run."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from consent_registry.v1.decision_pb2 import Reason
from consent_registry_server.demo.dataset import INSURER, MOVER, Dataset, dataset
from consent_registry_server.demo.explanations import IN_WORDS
from consent_registry_server.demo.people import MAX_PEOPLE
from consent_registry_server.demo.statements import Act
from consent_registry_server.demo.stories import ON_A_SALES_CALL, SHARES, Story, stories

Seeded = Callable[[int], Random]
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module", name="data")
def _data(seeded: Seeded) -> Dataset:
    return dataset(MAX_PEOPLE, seeded(1), now=NOW)


def test_the_same_seed_gives_the_same_data_set(seeded: Seeded) -> None:
    """Nothing in it comes from the clock or from chance."""
    assert dataset(1_000, seeded(2), now=NOW) == dataset(1_000, seeded(2), now=NOW)


def test_every_story_has_its_share(seeded: Seeded) -> None:
    """The shares are of a thousand and exact, so that no answer is missing from the table."""
    assert sum(SHARES.values()) == 1_000
    assert SHARES.keys() == ON_A_SALES_CALL.keys() == set(Story)
    counted = Counter(stories(2_000, seeded(3)))
    assert counted == {story: 2 * share for story, share in SHARES.items()}


def test_every_answer_is_a_reason_of_the_contract_in_plain_words() -> None:
    """The table explains each reason that a story leads to."""
    for reason in ON_A_SALES_CALL.values():
        assert Reason.Value(f"REASON_{reason}")
        assert reason in IN_WORDS


def test_few_enough_statements_for_a_short_demonstration(data: Dataset) -> None:
    """Every act occurs, some thousand times in all."""
    counted = Counter(statement.act for statement in data.statements)
    assert counted.keys() == set(Act)
    assert 3_000 < counted.total() < 4_500


def test_both_partners_bring_leads(data: Dataset) -> None:
    """Some of the first one's are for another company."""
    leads = data.leads[INSURER.partner_id]
    assert {lead.named_controller for lead in leads} == {"alarm-fr", "alarm-es"}
    assert data.leads[MOVER.partner_id]
    assert len({lead.lead_id for lead in leads}) == len(leads)


def test_who_shares_a_line_shares_it_with_an_objector(data: Dataset) -> None:
    """Their number is the one an objection names."""
    numbers = {each.person.e164 for each in data.contacts if each.story is Story.OBJECTION_BY_PHONE}
    shared = [each.person.e164 for each in data.contacts if each.story is Story.SHARED_LINE]
    assert len(set(shared)) == len(shared) == SHARES[Story.SHARED_LINE] * 10
    assert numbers.issuperset(shared)


def test_nothing_was_said_in_the_future(data: Dataset) -> None:
    """Not even by the day: the registry would count it later than it was said."""
    for statement in data.statements:
        said = statement.said.expressed_at.ToDatetime(UTC)
        assert NOW - timedelta(days=902) < said < NOW - timedelta(days=3)
