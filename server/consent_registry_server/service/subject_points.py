"""The contact points of a person as the data-protection officer names them, digested.

Found by whatever an opt-out may have been kept by: the wide form, the mere digits, a national
number as it reads at home. A dwelling is only ever the very one, for its neighbours share the wide
form of the building.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from consent_registry_server.domain.contact import (
    ContactPoint,
    CustomerNumber,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.matching import forms_of, suppression_forms_of
from consent_registry_server.domain.vocabulary import CountryCode
from consent_registry_server.service.ports import ContactDigests, Digested, Digester
from consent_registry_server.service.preparation import form_digests
from consent_registry_server.service.questions import forms_at_home

AnyPoint = ContactPoint | CustomerNumber


@dataclass(frozen=True, slots=True)
class PersonPoint:
    """One contact point, by every form that it may have been kept by.

    `own` is its full normal form; None for a number of which only the digits are known.
    """

    point: AnyPoint = field(repr=False, compare=False)
    digests: tuple[ContactDigests, ...] = field(repr=False)
    own: ContactDigests | None = field(repr=False)

    @property
    def is_address(self) -> bool:
        """Whether it is a dwelling, which only its exact form names."""
        return isinstance(self.point, PostalAddress)

    def is_found_by(self, digested: Digested) -> bool:
        """Whether a stored contact point is this one, as an opt-out is meant."""
        if self.is_address:
            return any(each.exact == digested.exact for each in self.digests)
        return any(each.wide == digested.wide for each in self.digests)

    def is_exactly(self, digested: Digested) -> bool:
        """Whether a stored contact point is this very one, as a consent is meant."""
        return self.own is not None and self.own.exact == digested.exact


def person_point(
    point: AnyPoint, digester: Digester, *, home: CountryCode | None, field_path: str
) -> PersonPoint:
    """Digests a contact point that somebody asks about.

    Raises:
        InvalidContactPoint: nothing could ever be found by it.
    """
    digests = _all_digests(point, digester, home)
    try:
        own = form_digests(forms_of(point), digester)
    except InvalidContactPoint as error:
        if not digests:
            raise InvalidContactPoint(error.message, field=field_path) from None
        own = None
    return PersonPoint(point, digests, own)


def person_points(
    subject: Subject, digester: Digester, *, home: CountryCode | None
) -> tuple[PersonPoint, ...]:
    """Digests all that identifies a person.

    Raises:
        InvalidContactPoint: nothing could ever be found by one of them.
    """
    return tuple(
        person_point(point, digester, home=home, field_path=field_path)
        for point, field_path in _named(subject)
    )


def known_points(
    subject: Subject, digester: Digester, *, home: CountryCode | None
) -> Iterator[PersonPoint]:
    """Digests whatever identifies the person in an entry; what no longer can be is left out."""
    for point, field_path in _named(subject):
        try:
            yield person_point(point, digester, home=home, field_path=field_path)
        except InvalidContactPoint:
            continue


def digests_of_all(points: Iterable[PersonPoint]) -> list[ContactDigests]:
    """What is looked up of some contact points."""
    return list({each.exact: each for point in points for each in point.digests}.values())


def _named(subject: Subject) -> Iterator[tuple[AnyPoint, str]]:
    for index, point in enumerate(subject.contact_points):
        yield point, f"subject.contact_points[{index}]"
    if subject.customer_number:
        yield CustomerNumber(subject.customer_number), "subject.customer_number"


def _all_digests(
    point: AnyPoint, digester: Digester, home: CountryCode | None
) -> tuple[ContactDigests, ...]:
    forms = (*suppression_forms_of(point), *forms_at_home(point, home))
    digested = (form_digests(each, digester) for each in forms)
    return tuple({each.exact: each for each in digested}.values())
