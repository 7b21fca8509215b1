from __future__ import annotations

from dataclasses import replace
from typing import Any

from consent_registry_server.domain.vocabulary import PartnerId, PartnerKind, PurposeId
from consent_registry_server.service.ports import Page, Partner, Transaction
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, NORWAY, Samples

UNION = Partner(
    controller=FRANCE,
    partner_id=PartnerId("union"),
    name="Syndicat des Exemples",
    kind=PartnerKind.UNION,
    permitted_channels=6,
    permitted_purposes=frozenset({PurposeId("partner_offers")}),
    maximum_lead_age_days=90,
)


def save(store: Store, samples: Samples, *partners: Partner) -> None:
    def work(transaction: Transaction) -> dict[str, Any]:
        for partner in partners:
            transaction.save_partner(partner, recorded_at_us=NOON_US)
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)


def listed(store: Store, page: Page) -> list[Partner]:
    return store.history.partners(FRANCE, page, deadline=NO_DEADLINE)


def test_a_partner_is_read_back_in_the_same_transaction(store: Store, samples: Samples) -> None:
    read: list[Partner | None] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        read.append(transaction.partner(FRANCE, UNION.partner_id))
        transaction.save_partner(UNION, recorded_at_us=NOON_US)
        read.append(transaction.partner(FRANCE, UNION.partner_id))
        read.append(transaction.partner(NORWAY, UNION.partner_id))
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert read == [None, UNION, None]


def test_a_changed_partner_keeps_what_it_was(store: Store, samples: Samples, rows: Sql) -> None:
    changed = replace(UNION, permitted_channels=2)
    save(store, samples, UNION)
    save(store, samples, changed)

    assert listed(store, Page(10, None)) == [changed]
    history = rows("SELECT permitted_channels FROM partner_change ORDER BY change_number")
    assert history == [(6,), (2,)]


def test_partners_are_listed_by_id_in_pages(store: Store, samples: Samples) -> None:
    names = ["bank-2", "Bank", "bank_1", "a"]
    save(store, samples, *(replace(UNION, partner_id=PartnerId(name)) for name in names))
    save(store, samples, replace(UNION, controller=NORWAY, partner_id=PartnerId("b")))

    first = listed(store, Page(3, None))
    second = listed(store, Page(3, (first[-1].partner_id,)))

    assert [partner.partner_id for partner in first + second] == sorted(names)
