"""The copy of everything held about a person, as a JSON document (GDPR art. 15 and 20).

Instants are RFC 3339 in UTC (`2026-11-23T09:30:00Z`), days `YYYY-MM-DD`; enumerations go by the
names of the contract (`CONSENT`, `WEB_FORM`); what is not known is left out. The keys:

- `format`: which document this is, with its version; `made_at`.
- `controller`: `id`, `legal_name`, `country`; the group has no country.
- `person`: `name`, `customer_number`, `contact_points`, as they were given to ask for the copy.
- `entries`: every entry about the person, the newest recorded first:
  - `entry_id`, `states` (its kind), `controller`, `channels` and `purposes` (the name of each, or
    "ALL"), `proven`;
  - `expressed_at`, `precision`, `time_zone` as it was said; `recorded_at`; `counts_from`;
    `expires_at`; `ended_at` and by what it was ended: that entry's `ends_entry_id`;
  - `about_entry_id`, `attempt` (`attempt_id`, `outcome`), `register` (`name`, `status`,
    `listed_at`), where it is about another entry, an attempt or a national register;
  - `found_by`: `contact_points` (indices into those given) and `customer_number`;
  - `source`: where all that it holds came from (`source_of`);
  - `identity`: `state`, and what of it is the person's: `name`, `customer_number`,
    `contact_points`, `proof`, `partner_lead_id`; or `remark`, why there is none;
  - `withheld`: `what`, `count`, `reason` of whatever is another's, or for the officer to review;
  - `retention`: `identity_kept_until`, `on_hold`, and until when the rest is kept.
- `data`: each datum that identifies the person, once, with its `sources` (art. 14(2)(f)): the
  `source` and the `entry_id`.
- `portable`: what the person provided under a consent (art. 20): `contact_points`, `name`, and
  `consents` with what was agreed to, when, and the text.
- `recipients` (art. 15(1)(c)), `retention_terms` (art. 15(1)(d)), `rights` (art. 15(1)(e) and (f)).
- `withheld`: the counts of all entries, by `what` and `reason`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import DENYING, Entry, Evidence, Identity
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    ControllerId,
    EntryId,
    EntryKind,
    IdentityState,
    PartnerId,
    Source,
    channels_in,
)
from consent_registry_server.service.person_entries import PersonEntry, relations
from consent_registry_server.service.ports import Digester, Partner
from consent_registry_server.service.redaction import Person, Redacted, Withheld, redact

FORMAT: Final = "consent-registry/subject-export/1"

ALL: Final = "ALL"

RIGHTS: Final = (
    ("GDPR art. 16", "to have inaccurate data corrected"),
    ("GDPR art. 17", "to have data erased, but for what must be kept to honour an opt-out"),
    ("GDPR art. 18", "to have the processing restricted"),
    ("GDPR art. 20", "to receive what you provided, and take it elsewhere: `portable`"),
    ("GDPR art. 21", "to object, to direct marketing at any time and without a reason"),
    ("GDPR art. 7(3)", "to withdraw a consent at any time"),
    (
        "GDPR art. 77",
        "to lodge a complaint with a supervisory authority, such as that of where you live or work",
    ),
)
"""Of what a person must be told with a copy (GDPR art. 15(1)(e) and (f))."""

_GONE: Final = {
    IdentityState.EXPIRED: "the identity expired; only keyed digests are left (GDPR art. 11(2))",
    IdentityState.ERASED: "the identity was erased; only keyed digests are left (GDPR art. 11(2))",
    IdentityState.NEVER_KEPT: "the entry holds nothing by itself that identifies a person",
}
_NOT_OF_THE_PERSON: Final = frozenset({Source.REGISTRY, Source.NATIONAL_REGISTER})
_PORTABLE: Final = EntryKind.CONSENT
"""What a partner passed on was provided to the partner, who must be asked for it."""

_KINDS: Final[dict[type[ContactPoint], str]] = {
    Email: "email",
    Phone: "phone",
    PostalAddress: "address",
    Handle: "handle",
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copy:
    """For whom a copy is made, when, and what its entries refer to."""

    controller: ControllerId
    subject: Subject = field(repr=False)
    policy: Policy
    partners: dict[PartnerId, Partner]
    made_at_us: int


def own_part(
    found: Iterable[PersonEntry],
    identities: dict[EntryId, Identity],
    person: Person,
    digester: Digester,
) -> dict[EntryId, Redacted]:
    """What of each identity is the person's own; entries without identity are left out.

    What only relates to another entry is the person's where that other one plainly is.
    """
    own: dict[EntryId, Redacted] = {}
    # The oldest first: what an entry relates to was recorded before it.
    for each in reversed(list(found)):
        identity = identities.get(each.entry.entry_id)
        if identity is not None:
            related = (own.get(entry_id) for entry_id in relations(each.entry))
            is_about = bool(each.points) or any(it is not None and it.is_own for it in related)
            own[each.entry.entry_id] = redact(identity, person, digester, is_about_person=is_about)
    return own


def subject_document(
    copy: Copy, found: Sequence[PersonEntry], own: dict[EntryId, Redacted]
) -> Document:
    """The document; `own` is what may be shown of the identities."""
    withheld = [each for redacted in own.values() for each in redacted.withheld]
    return {
        "format": FORMAT,
        "made_at": _instant(copy.made_at_us),
        "controller": _controller(copy.controller, copy.policy),
        "person": _subject(copy.subject),
        "entries": [_entry(each, own.get(each.entry.entry_id), copy) for each in found],
        "data": _data(found, own, copy),
        "portable": _portable(found, own),
        "recipients": _recipients(copy),
        "retention_terms": _terms(copy.policy),
        "rights": [{"citation": law, "right": right} for law, right in RIGHTS],
        "withheld": _summed(withheld),
    }


def source_of(entry: Entry, identity: Identity | None, copy: Copy) -> Document:
    """Where what an entry holds came from (GDPR art. 14(2)(f)).

    `kind`, and for a partner's lead its `partner` (`id`, `name`, `kind`), for a third party's form
    its `third_party`, for a scrub its `register`; `from_the_person` tells whether it was said by
    the person.
    """
    source = entry.expression.source
    document: Document = {"kind": source.name}
    if entry.partner_id is not None:
        document["partner"] = _partner(entry.partner_id, copy)
    if identity is not None and identity.evidence.third_party:
        document["third_party"] = identity.evidence.third_party
    if entry.register_result is not None:
        document["register"] = entry.register_result.register
    document["from_the_person"] = source not in _NOT_OF_THE_PERSON and entry.partner_id is None
    return document


def _partner(partner_id: PartnerId, copy: Copy) -> Document:
    partner = copy.partners.get(partner_id)
    if partner is None:
        return {"id": partner_id}
    return {"id": partner_id, "name": partner.name, "kind": partner.kind.name}


def _entry(each: PersonEntry, redacted: Redacted | None, copy: Copy) -> Document:
    entry, expression = each.entry, each.entry.expression
    identity = None if redacted is None else redacted.identity
    document = {
        "entry_id": str(entry.entry_id),
        "states": entry.kind.name,
        "controller": entry.controller,
        **_reach(entry),
        "proven": entry.proven,
        "expressed_at": _instant(expression.expressed_at_us),
        "precision": expression.precision.name,
        "time_zone": expression.time_zone or None,
        "recorded_at": _instant(entry.recorded_at_us),
        "counts_from": _instant(entry.counts_at_us),
        "expires_at": _instant(entry.expires_at_us),
        "ended_at": _instant(entry.lifted_at_us),
        "ends_entry_id": _text(entry.lifts_entry_id),
        "about_entry_id": _text(entry.concerns_entry_id),
        "attempt": _attempt(entry),
        "register": _register(entry),
        "found_by": _found_by(each, copy),
        "source": source_of(entry, identity, copy),
        "identity": _identity(each, identity),
        "withheld": [] if redacted is None else _summed(redacted.withheld),
        "retention": _retention(each),
    }
    return _known(document)


def _reach(entry: Entry) -> Document:
    purposes = entry.purposes
    is_all = entry.channels == ALL_CHANNELS
    return {
        "channels": ALL if is_all else [each.name for each in channels_in(entry.channels)],
        "purposes": ALL if purposes is None else sorted(purposes),
    }


def _attempt(entry: Entry) -> Document | None:
    if entry.attempt is None:
        return None
    return {"attempt_id": str(entry.attempt.attempt_id), "outcome": entry.attempt.outcome.name}


def _register(entry: Entry) -> Document | None:
    result = entry.register_result
    if result is None:
        return None
    listed_at = _instant(result.listed_at_us)
    return _known({"name": result.register, "status": result.status.name, "listed_at": listed_at})


def _found_by(each: PersonEntry, copy: Copy) -> Document:
    customer_number = len(copy.subject.contact_points)
    return {
        "contact_points": sorted(each.points - {customer_number}),
        "customer_number": customer_number in each.points,
    }


def _identity(each: PersonEntry, identity: Identity | None) -> Document:
    state = each.found.identity_state
    if identity is None:
        return {"state": state.name, "remark": _GONE.get(state)}
    document = {"state": state.name, **_subject(identity.subject)}
    proof = _proof(identity.evidence)
    if proof:
        document["proof"] = proof
    if identity.lead_id:
        document["partner_lead_id"] = identity.lead_id
    return document


def _proof(evidence: Evidence) -> Document:
    shown = asdict(evidence) | {"text_digest": evidence.text_digest.hex()}
    return {name: value for name, value in shown.items() if value}


def _retention(each: PersonEntry) -> Document:
    found = each.found
    document: Document = {
        "identity_kept_until": found.expires_on and found.expires_on.isoformat(),
        "on_hold": found.is_held,
        "rest": "kept as history without identity",
    }
    if each.entry.kind in DENYING:
        document["rest"] = (
            "kept as keyed digests for as long as it must be honoured (GDPR art. 17(3)(b))"
        )
    return _known(document)


def _data(found: Sequence[PersonEntry], own: dict[EntryId, Redacted], copy: Copy) -> list[Document]:
    """Each datum that identifies the person, with where it came from."""
    data: dict[str, Document] = {}
    for each in found:
        redacted = own.get(each.entry.entry_id)
        if redacted is None:
            continue
        source = source_of(each.entry, redacted.identity, copy)
        held = {"entry_id": str(each.entry.entry_id), "source": source}
        for datum in _identifying(redacted.identity.subject):
            known = data.setdefault(repr(sorted(datum.items())), {**datum, "sources": []})
            known["sources"].append(held)
    return list(data.values())


def _identifying(subject: Subject) -> list[Document]:
    data: list[Document] = [_point(each) for each in subject.contact_points]
    if subject.customer_number:
        data.append({"kind": "customer_number", "customer_number": subject.customer_number})
    if subject.name:
        data.append({"kind": "name", "name": subject.name})
    return data


def _portable(found: Sequence[PersonEntry], own: dict[EntryId, Redacted]) -> Document:
    consents = [
        (each.entry, own[each.entry.entry_id].identity)
        for each in found
        if each.entry.kind is _PORTABLE and each.entry.entry_id in own
    ]
    points = [point for _, identity in consents for point in identity.subject.contact_points]
    names = [identity.subject.name for _, identity in consents if identity.subject.name]
    return {
        "contact_points": _each_once([_point(point) for point in points]),
        "names": _each_once(names),
        "consents": [_consent(entry, identity) for entry, identity in consents],
    }


def _consent(entry: Entry, identity: Identity) -> Document:
    evidence = identity.evidence
    document = {
        "entry_id": str(entry.entry_id),
        **_reach(entry),
        "given_at": _instant(entry.expression.expressed_at_us),
        "precision": entry.expression.precision.name,
        "expires_at": _instant(entry.expires_at_us),
        "ended_at": _instant(entry.lifted_at_us),
        "text": evidence.text or None,
        "notice_version": evidence.notice_version or None,
        "form_id": evidence.form_id or None,
    }
    return _known(document)


def _recipients(copy: Copy) -> list[Document]:
    """Who is told something about the person: answers, and never the data themselves."""
    asking = copy.policy.controllers if copy.controller == GROUP else (copy.controller,)
    told = "whether contact is permitted, and why; the registry passes on no identity"
    return [{**_controller(each, copy.policy), "receives": told} for each in sorted(asking)]


def _terms(policy: Policy) -> Document:
    terms = {name: months for name, months in asdict(policy.retention).items() if months}
    remark = (
        "calendar months; the identity in an opt-out goes after its term, the opt-out itself is"
        " honoured for ever by keyed digests"
    )
    return {**terms, "remark": remark}


def _controller(controller: ControllerId, policy: Policy) -> Document:
    declared = policy.controllers.get(controller)
    if declared is None:
        return {"id": controller}
    return {
        "id": controller,
        "legal_name": declared.legal_name,
        "country": declared.country,
    }


def _subject(subject: Subject) -> Document:
    document = {
        "name": subject.name or None,
        "customer_number": subject.customer_number or None,
        "contact_points": [_point(each) for each in subject.contact_points],
    }
    return _known(document)


def _point(point: ContactPoint) -> Document:
    parts = {name: value for name, value in asdict(point).items() if value}
    return {"kind": _KINDS[type(point)], **parts}


def _summed(withheld: Iterable[Withheld]) -> list[Document]:
    counts: Counter[tuple[str, str]] = Counter()
    for each in withheld:
        counts[each.what, each.reason] += each.count
    return [
        {"what": what, "count": count, "reason": reason}
        for (what, reason), count in sorted(counts.items())
    ]


def _each_once(values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for each in values:
        if each not in kept:
            kept.append(each)
    return kept


def _known(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _instant(instant_us: int | None) -> str | None:
    if instant_us is None:
        return None
    return from_us(instant_us).isoformat().replace("+00:00", "Z")


def _text(entry_id: EntryId | None) -> str | None:
    return None if entry_id is None else str(entry_id)
