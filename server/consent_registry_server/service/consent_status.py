"""The states of a consent over time, as JSON-LD in the DPV profile of ISO/IEC TS 27560:2023.

Each state says when it began, by whom and how it was told, and for how long it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.entry import OPT_OUTS, Entry, Expression, NewEntry
from consent_registry_server.domain.identity_expiry import ConsentTerm, day_of
from consent_registry_server.domain.policy import covers
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    Channel,
    EntryKind,
    Precision,
    Source,
    channels_in,
)

_PERSON: Final = "dpv:DataSubject"
_CONTROLLER: Final = "dpv:DataController"

_METHODS: Final = {
    Source.WEB_FORM: "On the controller's web form",
    Source.THIRD_PARTY_FORM: "On a third party's form",
    Source.CALL_CENTRE: "In a call",
    Source.UNSUBSCRIBE_LINK: "By the unsubscribe link",
    Source.PREFERENCE_PAGE: "On the preference page",
    Source.DOORSTEP: "At the doorstep",
    Source.LETTER: "By letter",
    Source.CHAT: "In a chat",
    Source.PARTNER: "To a partner",
    Source.IMPORT: "Imported from earlier records",
    Source.NATIONAL_REGISTER: "In a national register",
    Source.REGISTRY: "By the registry itself",
}

_ENDED_BECAUSE: Final = {
    EntryKind.IDENTITY_EXPIRED: "The retention of its proof ended",
    EntryKind.IDENTITY_ERASED: "Its proof was erased on request (GDPR art. 17)",
    EntryKind.RECTIFICATION: "It was restated with corrected data (GDPR art. 16)",
}


def given_event(consent: NewEntry, term: ConsentTerm) -> dict[str, Any]:
    """That the consent was given; a time that is not known is left out."""
    method = {"dct:title": _METHODS[consent.expression.source]}
    if consent.evidence.form_id:
        method["dct:identifier"] = consent.evidence.form_id
    return {
        "@type": ["dpv:ConsentGiven", "dpv:ExpressedConsent"],
        "dpv:hasDuration": _duration(consent, term),
        "dpv:hasIndicationMethod": method,
        "dpv:isIndicatedBy": _PERSON,
        **_said_at(consent.expression),
    }


def ended_events(consent: Entry, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What ended a consent, wholly or in part, in the order of time.

    An opt-out of the same person counts from its own time on and as far as it reaches, whichever
    of the person's contact points it names; one from before the consent ends nothing.
    """
    ended = [entry for entry in entries if _ends(entry, consent) or _opts_out(entry, consent)]
    ended.sort(key=lambda entry: (entry.counts_at_us, str(entry.entry_id)))
    events = [
        _withdrawn(entry) if entry.kind in OPT_OUTS else _revoked(entry, entry.counts_at_us)
        for entry in ended
    ]
    if consent.lifted_at_us is not None and not any(_ends(entry, consent) for entry in ended):
        events.append(_revoked(None, consent.lifted_at_us))
    return events


def expired_event(consent: NewEntry, term: ConsentTerm, *, at_us: int) -> dict[str, Any] | None:
    """That the consent had expired by an instant; None when it had not."""
    until_us = consent.expires_at_us
    by_date = until_us is not None and until_us <= at_us
    day = term.used_until
    if not by_date and (day is None or day >= day_of(at_us, consent.expression.time_zone)):
        return None
    since = instant(until_us) if by_date and until_us is not None else _day(str(day))
    return {
        "@type": "dpv:ConsentExpired",
        "dpv:isIndicatedAtTime": since,
        "dpv:isIndicatedBy": _CONTROLLER,
    }


def instant(at_us: int) -> dict[str, str]:
    """A time in UTC, ISO 8601, of microseconds since the Unix epoch."""
    text = from_us(at_us).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"@type": "xsd:dateTime", "@value": text}


def scope(channels: int) -> list[dict[str, str]]:
    """The channels of a bit set, by the contract's names."""
    if channels == ALL_CHANNELS:
        return [{"dct:identifier": "ALL", "dct:title": "every channel"}]
    return [
        {"dct:identifier": each.name, "dct:title": _words(each)} for each in channels_in(channels)
    ]


def _words(channel: Channel) -> str:
    return channel.name.lower().replace("_", " ")


def _duration(consent: NewEntry, term: ConsentTerm) -> dict[str, Any]:
    if consent.expires_at_us is not None and term.used_until is not None:
        by_date = day_of(consent.expires_at_us, consent.expression.time_zone)
        if by_date <= term.used_until:
            return {"@type": "dpv:UntilTimeDuration", "rdf:value": instant(consent.expires_at_us)}
    if term.used_until is not None:
        return {"@type": "dpv:UntilTimeDuration", "rdf:value": _day(str(term.used_until))}
    return {"@type": "dpv:UntilEventDuration", "rdf:value": "Withdrawal of the consent"}


def _said_at(expression: Expression) -> dict[str, Any]:
    at_us = expression.expressed_at_us
    if at_us is None:
        return {}
    if expression.precision is Precision.DAY:
        said = _day(str(day_of(at_us, expression.time_zone)))
    else:
        said = instant(at_us)
    return {"dpv:isIndicatedAtTime": said}


def _day(day: str) -> dict[str, str]:
    return {"@type": "xsd:date", "@value": day}


def _ends(entry: Entry, consent: Entry) -> bool:
    named = (entry.lifts_entry_id, entry.concerns_entry_id)
    return entry.kind in _ENDED_BECAUSE and consent.entry_id in named


def _opts_out(entry: Entry, consent: Entry) -> bool:
    return (
        entry.kind in OPT_OUTS
        and entry.controller in {consent.controller, GROUP}
        and bool(_reached(entry.channels) & consent.channels)
        and entry.counts_at_us >= consent.counts_at_us
        and (
            entry.purposes is None
            or any(
                covers(stated, asked)
                for stated in entry.purposes
                for asked in consent.purposes or ()
            )
        )
    )


def _reached(channels: int) -> int:
    """The channels an opt-out reaches: VOICE_CALL covers AUTOMATED_CALL."""
    voice = channels & Channel.VOICE_CALL.mask
    return channels | Channel.AUTOMATED_CALL.mask if voice else channels


def _withdrawn(entry: Entry) -> dict[str, Any]:
    event: dict[str, Any] = {
        "@type": "dpv:ConsentWithdrawn",
        "dct:identifier": str(entry.entry_id),
        "dpv:hasIndicationMethod": {"dct:title": _METHODS[entry.expression.source]},
        "dpv:hasScope": [*scope(entry.channels), *_purposes(entry)],
        "dpv:isIndicatedBy": _PERSON,
        "dpv:isIndicatedAtTime": instant(entry.counts_at_us),
        **_said_at(entry.expression),
    }
    if entry.lifted_at_us is not None:
        until = instant(entry.lifted_at_us)
        event["dpv:hasDuration"] = {"@type": "dpv:UntilTimeDuration", "rdf:value": until}
    return event


def _purposes(entry: Entry) -> list[dict[str, str]]:
    if entry.purposes is None:
        return [{"dct:identifier": "ALL", "dct:title": "every purpose"}]
    return [{"dct:identifier": str(purpose)} for purpose in sorted(entry.purposes)]


def _revoked(entry: Entry | None, at_us: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "@type": "dpv:ConsentRevoked",
        "dpv:isIndicatedAtTime": instant(at_us),
        "dpv:isIndicatedBy": _CONTROLLER,
    }
    if entry is not None:
        event["dct:description"] = _ENDED_BECAUSE[entry.kind]
        event["dct:identifier"] = str(entry.entry_id)
    return event
