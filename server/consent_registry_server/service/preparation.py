"""From a new entry to one that can be stored: dated, its contact points digested."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from consent_registry_server.domain.contact import (
    ContactKind,
    ContactPoint,
    CustomerNumber,
    Phone,
    Subject,
)
from consent_registry_server.domain.entry import PERMITTING, NewEntry, counts_at_us
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.identity_expiry import identity_expires_on
from consent_registry_server.domain.matching import (
    Forms,
    digits_forms_of,
    forms_of,
    home_forms_of,
)
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import CountryCode
from consent_registry_server.service.ports import (
    ContactDigests,
    Digester,
    EntryIds,
    PreparedEntry,
    RequestKey,
)


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, and what makes the write idempotent.

    `content` is the request as received, without its `request_id`, in a canonical encoding.
    """

    caller: str
    method: str
    controller: str
    request_id: str = field(repr=False)
    content: bytes = field(repr=False)

    def key(self, digester: Digester) -> RequestKey:
        """The digests that identify the write and its content."""
        scope = _joined("request", self.caller, self.controller, self.request_id)
        content = _joined("content", self.method) + self.content
        return RequestKey(digester.digest(scope), digester.digest(content))


@dataclass(frozen=True, slots=True)
class KeptPoints:
    """The contact points of an entry, and which of them were kept by their digits only.

    `kinds` are those with a full normal form; `by_digits` are indices into the subject's list.
    `countries` are those that the contact points tell.
    """

    digests: tuple[ContactDigests, ...]
    kinds: tuple[ContactKind, ...]
    by_digits: tuple[int, ...]
    countries: frozenset[CountryCode] = frozenset()


NO_POINTS: Final = KeptPoints((), (), ())
"""Of an entry that names contact points by another one, or by a link, or none."""


def strict_points(new: NewEntry, digester: Digester) -> KeptPoints:
    """Digests contact points for an entry that permits: each must have a normal form.

    Raises:
        InvalidContactPoint: one has none; the field says which.
    """
    return _points(new.subject, digester, digits_kept=False)


def suppression_points(
    subject: Subject, digester: Digester, *, home: CountryCode | None = None
) -> KeptPoints:
    """Digests contact points for what stops contact; unparsable numbers by their digits.

    A number without a region is also kept as it reads in `home`, the controller's country.

    Raises:
        InvalidContactPoint: one has neither a normal form nor enough digits.
    """
    return _points(subject, digester, digits_kept=True, home=home)


def digests_of(point: ContactPoint, digester: Digester) -> ContactDigests:
    """Digests one contact point.

    Raises:
        InvalidContactPoint: it has no normal form.
    """
    return form_digests(forms_of(point), digester)


def prepare(
    new: NewEntry, points: KeptPoints, *, policy: Policy, entry_ids: EntryIds, now_us: int
) -> PreparedEntry:
    """Dates and identifies an entry, and says how long its identity is kept.

    A consent so old that its identity is kept no longer is one that nothing proves: it is stored,
    and permits nothing.

    Raises:
        InvalidRequest: EXPRESSED_IN_FUTURE, for a consent or a lift.
    """
    counted_us = counts_at_us(new.kind, new.expression, now_us)
    expires_on = identity_expires_on(new, now_us, policy, countries=points.countries)
    if expires_on is None and new.kind in PERMITTING:
        new = replace(new, proven=False, lifts_opt_outs=False)
    return PreparedEntry(entry_ids(), new, now_us, counted_us, points.digests, expires_on)


def _joined(*parts: str) -> bytes:
    """Parts that hold no NUL, each ended by one, so that no two lists give the same bytes."""
    return "".join(part + "\0" for part in parts).encode()


def _points(
    subject: Subject, digester: Digester, *, digits_kept: bool, home: CountryCode | None = None
) -> KeptPoints:
    found: dict[bytes, ContactDigests] = {}
    kinds: list[ContactKind] = []
    by_digits: list[int] = []
    countries: set[CountryCode] = set()
    for index, point in enumerate(subject.contact_points):
        try:
            forms = forms_of(point)
            kinds.append(forms.kind)
            if forms.country:
                countries.add(forms.country)
        except InvalidContactPoint as error:
            if not (digits_kept and isinstance(point, Phone)):
                raise _at(error, index) from None
            try:
                forms = digits_forms_of(point)
            except InvalidContactPoint as unusable:
                raise _at(unusable, index) from None
            by_digits.append(index)
            at_home = home_forms_of(point, home) if home else None
            if at_home is not None:
                digests = form_digests(at_home, digester)
                found[digests.exact] = digests
        digests = form_digests(forms, digester)
        found[digests.exact] = digests
    if subject.customer_number:
        try:
            forms = forms_of(CustomerNumber(subject.customer_number))
        except InvalidContactPoint as error:
            raise InvalidContactPoint(error.message, field="subject.customer_number") from None
        kinds.append(forms.kind)
        digests = form_digests(forms, digester)
        found[digests.exact] = digests
    return KeptPoints(tuple(found.values()), tuple(kinds), tuple(by_digits), frozenset(countries))


def _at(error: InvalidContactPoint, index: int) -> InvalidContactPoint:
    return InvalidContactPoint(error.message, field=f"subject.contact_points[{index}]")


def form_digests(forms: Forms, digester: Digester) -> ContactDigests:
    """Digests the canonical forms of one contact point."""
    wide = digester.digest(forms.wide)
    exact = wide if forms.exact is forms.wide else digester.digest(forms.exact)
    return ContactDigests(forms.kind, wide, exact, forms.unit_state, forms.version)
