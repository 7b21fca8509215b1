"""People's rights on PostgreSQL: whatever is done, standing is right and no opt-out is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import ContactPoint, Email, PostalAddress
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.identity_expiry import day_of
from consent_registry_server.domain.vocabulary import (
    Channel,
    EntryId,
    EntryKind,
    HoldChange,
    Precision,
    Reason,
    Source,
    Verdict,
)
from consent_registry_server.storage.expiry import Expiry, ExpiryReport
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import on_database, run_sql
from tests.fakes.ambience import counted_ids
from tests.integration.storage.threads import at_once
from tests.officer_desk import (
    BUILDING,
    HOME,
    NEW_EMAIL,
    NEW_HOME,
    NEW_PHONE,
    NEXT_DOOR,
    MemoryOfficer,
    Officer,
    entry_id_of,
)
from tests.past_desk import (
    EMAIL,
    MINUTE_US,
    NEWSLETTER,
    OTHER_EMAIL,
    OTHER_PHONE,
    PARIS,
    PHONE,
    PastDesk,
    asked,
)
from tests.reference.situations import ROW_LENGTH, Choices

POINTS: Final[tuple[ContactPoint, ...]] = (EMAIL, PHONE, OTHER_EMAIL, OTHER_PHONE, HOME)
OPTED_OUT: Final[tuple[ContactPoint, ...]] = (*POINTS, BUILDING)
"""Who opts out may leave out the unit."""
CORRECTIONS: Final[tuple[tuple[ContactPoint, ContactPoint], ...]] = (
    (EMAIL, NEW_EMAIL),
    (PHONE, NEW_PHONE),
    (EMAIL, OTHER_EMAIL),
    (NEW_EMAIL, EMAIL),
    (OTHER_PHONE, PHONE),
    (HOME, NEW_HOME),
    (HOME, NEXT_DOOR),
)
NEW: Final[tuple[ContactPoint, ...]] = (NEW_EMAIL, NEW_PHONE, NEW_HOME, NEXT_DOOR)
TARGETS: Final[tuple[ContactPoint, ...]] = (*POINTS, *NEW)
STOPPED: Final = {Reason.OBJECTION, Reason.WITHDRAWN, Reason.RESTRICTED}
OPT_OUTS: Final = (EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL)
NOT_DONE: Final = {
    "EXPRESSED_IN_FUTURE",
    "LIFT_BEFORE_ENTRY",
    "UNKNOWN_SUBJECT",
    "IDENTITY_GONE",
}
"""Why some of what is done at random cannot be done."""


def channel_of(target: ContactPoint) -> Channel:
    """A channel on which it can be reached."""
    if isinstance(target, PostalAddress):
        return Channel.DOOR_TO_DOOR
    return Channel.EMAIL if isinstance(target, Email) else Channel.SMS


class Life:
    """A registry in which much is said and the officer does much, and what must hold after all.

    People consent to marketing and never to the newsletter, so that no consent lifts an opt-out
    from that.
    """

    def __init__(self, officer: Officer, expire: Callable[[int], None] | None) -> None:
        self.officer = officer
        self.desk = officer.desk
        self._expire = expire
        self.denying: dict[EntryId, tuple[ContactPoint, ...]] = {}
        """What was said that stops contact and not lifted, with contact points it must stop."""
        self._parts: dict[EntryId, set[EntryId]] = {}
        """Of what was restated in parts, all of them."""
        self.restrictions: list[EntryId] = []
        self.said: list[EntryId] = []
        self.done = Counter[str]()
        """How often what was done."""
        self.may_permit = False
        """Whether the last that was done may turn a DENY of an opt-out into an ALLOW."""
        self.desk.registers_mover()

    def go_on(self, row: bytes) -> None:
        """Says or does something, and lets time pass or not."""
        choices = Choices(row)
        say = (self._consent, self._opt_out, self._lead, self._lift)
        act = (self._rectify, self._erase, self._restrict, self._lift_restriction, self._keep)
        acts = act if self._expire is None else (*act, self._let_expire)
        do = choices.one(
            (
                *say,
                *say,
                *acts,
                self._opt_out_of_group,
                self._rectify,
                self._rectify,
                self._keep,
                self._keep,
            )
        )
        self.may_permit = do in (self._consent, self._lift, self._lift_restriction)
        try:
            do(choices)
        except RegistryError as error:
            if error.reason not in NOT_DONE:
                raise
        else:
            self.done[do.__name__] += 1

    def pass_time(self, row: bytes) -> None:
        """Lets time pass, or not."""
        self.desk.clock.now_us += (0, MINUTE_US, DAY_US, 100 * DAY_US)[row[-1] % 4]

    def _expression(self, choices: Choices) -> Expression:
        precision = choices.one((Precision.INSTANT, *Precision))
        ago_us = choices.one((0, DAY_US, 40 * DAY_US, 3_000 * DAY_US, -DAY_US))
        at_us = None if precision is Precision.UNKNOWN else self.desk.clock.now_us - ago_us
        return Expression(Source.WEB_FORM, precision, at_us, PARIS)

    def _consent(self, choices: Choices) -> None:
        said = self._expression(choices)
        points = choices.some(POINTS)
        channels = (Channel.EMAIL, Channel.SMS, Channel.DOOR_TO_DOOR)
        self.said.append(self.desk.consents(*points, said=said, channels=channels))

    def _opt_out(self, choices: Choices) -> None:
        points, kind = choices.some(OPTED_OUT), choices.one(OPT_OUTS)
        entry_id = self.desk.opts_out(*points, said=self._expression(choices), kind=kind)
        self.denying[entry_id] = points
        self.said.append(entry_id)

    def _opt_out_of_group(self, choices: Choices) -> None:
        points = choices.some(OPTED_OUT)
        said = self._expression(choices)
        self.denying[self.officer.opts_out_of_group(*points, said=said)] = points

    def _lead(self, choices: Choices) -> None:
        self.desk.brings(*choices.some(POINTS))

    def _lift(self, choices: Choices) -> None:
        if self.desk.objections:
            lifted = choices.one(self.desk.objections)
            self.desk.lifts(lifted)
            self.denying.pop(lifted, None)

    def _rectify(self, choices: Choices) -> None:
        wrong, corrected = choices.one(CORRECTIONS)
        before, _ = self.gist(wrong)
        pairs = self.officer.restated(wrong, corrected)
        for original, copy in pairs:
            self.said.append(copy)
            if original in self.denying:
                parts = self._parts.get(original, {original})
                self._parts[copy] = {part for of, part in pairs if of in parts}
                self.denying[copy] = (corrected,)
        decision = self.desk.check(asked(corrected, channel_of(corrected)))
        if decision.grounds[0].entry_id in {copy for _, copy in pairs}:
            assert decision.verdict is not Verdict.ALLOW or before is Verdict.ALLOW

    def _erase(self, choices: Choices) -> None:
        self.officer.erase(*choices.some(POINTS))

    def _restrict(self, choices: Choices) -> None:
        points = choices.some(POINTS)
        recorded = self.officer.restrict(*points, said=self._expression(choices))
        entry_id = entry_id_of(recorded)
        self.restrictions.append(entry_id)
        self.denying[entry_id] = points

    def _lift_restriction(self, choices: Choices) -> None:
        if self.restrictions:
            lifted = choices.one(self.restrictions)
            self.officer.lift(lifted)
            self.denying.pop(lifted, None)

    def _keep(self, choices: Choices) -> None:
        if self.said:
            days = timedelta(days=choices.one((0, 30, 9_000)))
            day = day_of(self.desk.clock.now_us) + days
            lately = self.said[-4:]  # whose identities are more likely still there
            self.officer.keep(choices.one(lately), choices.one((day, *HoldChange)))

    def _let_expire(self, choices: Choices) -> None:
        assert self._expire is not None
        self._expire(choices.one((1, 40, 1_200, 2_600, 9_000)))

    # What must hold.

    def stopped(self) -> set[int]:
        """Which of the targets may not be reached because somebody said so."""
        return {n for n, target in enumerate(TARGETS) if self.gist(target)[1] in STOPPED}

    def denied(self) -> set[int]:
        """Which of the targets may not be reached."""
        return {n for n, target in enumerate(TARGETS) if self.gist(target)[0] is Verdict.DENY}

    def gist(self, target: ContactPoint) -> tuple[Verdict, Reason]:
        """What is answered about marketing, by the contact point alone."""
        decision = self.desk.check(asked(target, channel_of(target)))
        return decision.verdict, decision.reason

    def require_every_opt_out(self) -> None:
        """Every opt-out that nobody lifted is a ground to deny each of its contact points."""
        for entry_id, points in self.denying.items():
            for point in points:
                question = asked(point, channel_of(point), purpose=NEWSLETTER)
                decision = self.desk.check(question)
                unclear = point == BUILDING
                assert decision.verdict is Verdict.DENY or unclear
                grounds = {ground.entry_id for ground in decision.grounds}
                assert grounds & self._parts.get(entry_id, {entry_id})


lives = st.lists(st.binary(min_size=ROW_LENGTH, max_size=ROW_LENGTH), min_size=3, max_size=14)


@contextmanager
def opened(url: str, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    """A store on a database of its own, which is dropped afterwards."""
    store = open_store(url, keyring, key_store)
    try:
        yield store
    finally:
        store.close()
        name = make_url(url).database
        run_sql(on_database(url, "postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def officer_of(store: Store, keyring: Keyring) -> Officer:
    """An officer at a desk on a store."""
    ids = counted_ids()
    desk = PastDesk(
        store.ledger,
        store.standing,
        store.past,
        history=store.history,
        sealer=store.sealer,
        digester=keyring,
        entry_ids=ids,
    )
    return Officer(desk, store.ledger, keyring, entry_ids=ids)


def expiry_of(store: Store, desk: PastDesk) -> Callable[[int], None]:
    """The expiry job, as of so many days from now."""
    job = Expiry(
        store.database,
        store.vault,
        store.ledger.appender,
        policy=desk.policies.in_force,
        clock=desk.clock,
        entry_ids=lambda: EntryId(uuid4()),
    )

    def expire(days: int) -> None:
        as_of = day_of(desk.clock.now_us) + timedelta(days=days)
        job.run(as_of, ExpiryReport(as_of))

    return expire


@settings(max_examples=25)
@given(lives)
def test_standing_is_right_and_no_opt_out_is_lost_whatever_is_done(
    new_database: Callable[[], str],
    keyring: Keyring,
    key_store: KeyStore,
    life: list[bytes],
) -> None:
    """After every step: standing is the rebuilt one; what nobody lifted denies all it names.

    And nothing but a lift, or what a person says anew, permits what an opt-out denied.
    """
    with opened(new_database(), keyring, key_store) as store:
        require_sound(store, officer_of(store, keyring), life)


@pytest.mark.parametrize("seed", range(2))
def test_a_long_life_is_sound_all_along(store: Store, keyring: Keyring, seed: int) -> None:
    """One registry in which everything comes after everything else, several times."""
    dice = random.Random(seed)  # noqa: S311 - the same life in every run
    life = [dice.randbytes(ROW_LENGTH) for _ in range(140)]
    done = require_sound(store, officer_of(store, keyring), life)
    assert len(done) == 11
    assert min(done.values()) >= 2, done


def require_sound(store: Store, officer: Officer, life: list[bytes]) -> Counter[str]:
    """Raises unless all holds after every step; returns how often what was done."""
    lived = Life(officer, expiry_of(store, officer.desk))
    for row in life:
        stopped = lived.stopped()
        lived.go_on(row)
        if not lived.may_permit:
            assert stopped <= lived.denied()
        lived.require_every_opt_out()
        assert compare_standing(store.database.engine) == 0
        lived.pass_time(row)
    lived.require_every_opt_out()
    return lived.done


@settings(max_examples=15)
@given(lives)
def test_the_store_in_memory_does_as_postgresql_does(
    new_database: Callable[[], str],
    keyring: Keyring,
    key_store: KeyStore,
    life: list[bytes],
) -> None:
    """The unit tests of people's rights say what they say of the real store as well."""
    with opened(new_database(), keyring, key_store) as store:
        lived, remembered = Life(officer_of(store, keyring), None), Life(MemoryOfficer(), None)
        for row in life:
            for each in (lived, remembered):
                each.go_on(row)
                each.pass_time(row)
            assert list(map(lived.gist, TARGETS)) == list(map(remembered.gist, TARGETS))
            assert list(lived.denying) == list(remembered.denying)


@pytest.fixture
def officer(store: Store, keyring: Keyring) -> Officer:
    """An officer of an empty registry."""
    return officer_of(store, keyring)


def test_who_was_erased_and_is_imported_again_is_still_denied(officer: Officer) -> None:
    """The partner's list has what the registry forgot; that it must not be used it remembers."""
    desk = officer.desk
    desk.registers_mover()
    desk.brings(EMAIL, PHONE)
    desk.opts_out(EMAIL)
    officer.erase(EMAIL)
    desk.clock.now_us += DAY_US
    desk.brings(EMAIL, PHONE)
    decision = desk.check(asked(EMAIL, Channel.EMAIL, PHONE))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.OBJECTION)
    spelt = asked(Email("Camille.Desiree+x@EXAMPLE.com"), Channel.EMAIL)
    assert desk.check(spelt).reason is Reason.OBJECTION


def test_of_a_person_with_consents_only_nothing_is_found_again(
    officer: Officer, store: Store, postgres_url: str
) -> None:
    """Not by the digests either, for those are random now."""
    officer.desk.consents(EMAIL, PHONE)
    officer.erase(PHONE)
    with pytest.raises(RegistryError) as error:
        officer.erase(EMAIL, PHONE)
    assert error.value.reason == "UNKNOWN_SUBJECT"
    assert run_sql(postgres_url, "SELECT count(*) FROM vault") == [(0,)]
    assert compare_standing(store.database.engine) == 0


def test_a_corrected_consent_permits_the_corrected_address_alone(officer: Officer) -> None:
    """While the opt-out denies both numbers."""
    officer.desk.consents(EMAIL)
    officer.desk.opts_out(PHONE)
    officer.desk.clock.now_us += MINUTE_US
    officer.rectify(EMAIL, NEW_EMAIL)
    officer.rectify(PHONE, NEW_PHONE)
    answers = [officer.desk.check(asked(each, Channel.EMAIL)) for each in (EMAIL, NEW_EMAIL)]
    assert [each.reason for each in answers] == [Reason.NO_CONSENT, Reason.CONSENT]
    for number in (PHONE, NEW_PHONE):
        assert officer.desk.check(asked(number, Channel.SMS)).reason is Reason.OBJECTION


def test_an_erasure_beside_corrections_leaves_no_identity(
    officer: Officer, store: Store, postgres_url: str
) -> None:
    """Whichever comes first: nothing that was erased is restated."""
    for _ in range(5):
        officer.desk.consents(EMAIL, PHONE)
        officer.desk.opts_out(EMAIL, PHONE)

        def act(number: int) -> None:
            try:
                if number % 2:
                    officer.erase(PHONE)
                else:
                    officer.rectify(EMAIL, NEW_EMAIL)
            except RegistryError as error:
                if error.reason not in NOT_DONE:
                    raise

        at_once(act, 4)
        officer.desk.clock.now_us += MINUTE_US
        assert run_sql(postgres_url, "SELECT count(*) FROM vault") == [(0,)]
        assert compare_standing(store.database.engine) == 0
        ends = "SELECT count(*) - count(DISTINCT concerns_entry_id) FROM entry WHERE kind = 13"
        assert run_sql(postgres_url, ends) == [(0,)]


def test_an_erasure_beside_the_expiry_ends_each_identity_once(
    officer: Officer, store: Store, postgres_url: str
) -> None:
    """The one that comes second finds it ended."""
    expire = expiry_of(store, officer.desk)
    for _ in range(10):
        officer.desk.opts_out(EMAIL)

        def act(number: int) -> None:
            if number % 2:
                officer.erase(EMAIL)
            else:
                expire(9_000)

        at_once(act, 4)
        assert run_sql(postgres_url, "SELECT count(*) FROM vault") == [(0,)]
    ends = "SELECT count(*), count(DISTINCT concerns_entry_id) FROM entry WHERE kind IN (12, 13)"
    assert run_sql(postgres_url, ends) == [(10, 10)]
