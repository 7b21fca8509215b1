"""Worked examples of opt-outs that a newer consent lifts, or does not, and of what came first."""

from __future__ import annotations

from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    EntryKind,
    Precision,
    Reason,
    Source,
)
from tests.unit.service.desk import (
    NORWAY,
    consent,
    lead,
    opt_out,
    paris,
    question,
    said,
)
from tests.unit.service.example import (
    ALLOW,
    DENY,
    EMAIL,
    HANDLE,
    OWN_FORM,
    PHONE,
    Example,
    home,
)

UNSUBSCRIBED = opt_out(
    EMAIL,
    expression=said(paris(2026, 1, 14), source=Source.UNSUBSCRIBE_LINK),
    channels=(Channel.EMAIL,),
)
FROM_EVERYTHING = opt_out(
    EMAIL, PHONE, expression=said(paris(2026, 1, 14), source=Source.CALL_CENTRE)
)
WITHDRAWN = opt_out(EMAIL, expression=said(paris(2026, 6, 1)), kind=EntryKind.WITHDRAWAL)

LIFTING_EXAMPLES = (
    Example(
        "unsubscribed in January, partner lead in March",
        [UNSUBSCRIBED, lead(EMAIL, captured_at_us=paris(2026, 3, 18))],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.OBJECTION,
        frozenset({Reason.PARTNER_CONSENT}),
    ),
    Example(
        "unsubscribed in January, own form in March: email",
        [UNSUBSCRIBED, OWN_FORM],
        question(EMAIL, Channel.EMAIL),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "unsubscribed in January, own form in March: text message",
        [UNSUBSCRIBED, OWN_FORM],
        question(PHONE, Channel.SMS, EMAIL),
        DENY,
        Reason.NO_CONSENT,
    ),
    *(
        Example(
            f"unsubscribed in January, a consent by {case} in March",
            [UNSUBSCRIBED, consent(EMAIL, expression=said(paris(2026, 3, 18), source=source))],
            question(EMAIL, Channel.EMAIL),
            DENY,
            Reason.OBJECTION,
            frozenset({further}),
        )
        for case, source, further in (
            ("import", Source.IMPORT, Reason.CONSENT),
            ("a call that was not recorded", Source.CALL_CENTRE, Reason.CONSENT),
        )
    ),
    Example(
        "objection to everything, later a consent for the email, known with the phone",
        [FROM_EVERYTHING, OWN_FORM],
        question(EMAIL, Channel.EMAIL, PHONE),
        ALLOW,
        Reason.CONSENT,
    ),
    *(
        Example(
            f"the same, {channel.name} to the {type(target).__name__.lower()}",
            [FROM_EVERYTHING, OWN_FORM],
            question(target, channel, EMAIL, PHONE),
            DENY,
            Reason.OBJECTION,
        )
        for channel, target in (
            (Channel.SMS, PHONE),
            (Channel.VOICE_CALL, PHONE),
            (Channel.AUTOMATED_CALL, PHONE),
            (Channel.MESSAGING, PHONE),
            (Channel.MESSAGING, HANDLE),
            (Channel.DOOR_TO_DOOR, home("")),
            (Channel.POST, home("")),
            (Channel.ONLINE_ADVERTISING, EMAIL),
            (Channel.PROCESSING, EMAIL),
        )
    ),
    Example(
        "the same, another email of the person",
        [FROM_EVERYTHING, OWN_FORM],
        question(Email("camille@example.net"), Channel.EMAIL, PHONE),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "the same, that consent withdrawn later",
        [FROM_EVERYTHING, OWN_FORM, WITHDRAWN],
        question(EMAIL, Channel.EMAIL, PHONE),
        DENY,
        Reason.OBJECTION,
        frozenset({Reason.WITHDRAWN}),
    ),
    Example(
        "the same, that consent expired later",
        [
            FROM_EVERYTHING,
            consent(EMAIL, expression=said(paris(2026, 3, 18)), expires_at_us=paris(2026, 6, 1)),
        ],
        question(EMAIL, Channel.EMAIL, PHONE),
        DENY,
        Reason.OBJECTION,
        frozenset({Reason.CONSENT_EXPIRED}),
    ),
    Example(
        "the same, withdrawn and then consented to again",
        [FROM_EVERYTHING, OWN_FORM, WITHDRAWN, consent(EMAIL, expression=said(paris(2026, 7, 1)))],
        question(EMAIL, Channel.EMAIL, PHONE),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "a consent withdrawn, nothing else",
        [OWN_FORM, WITHDRAWN],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.WITHDRAWN,
    ),
    Example(
        "a group's objection, lifted by a consent to one controller: there",
        [
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), controller=ControllerId("group")),
            OWN_FORM,
        ],
        question(EMAIL, Channel.EMAIL),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "a group's objection, lifted by a consent to one controller: elsewhere",
        [
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), controller=ControllerId("group")),
            OWN_FORM,
        ],
        question(EMAIL, Channel.EMAIL, controller=NORWAY),
        DENY,
        Reason.OBJECTION,
    ),
)

TIME_EXAMPLES = (
    Example(
        "opt-out of 10 March recorded before or after the consent of 5 March",
        [
            opt_out(EMAIL, expression=said(paris(2026, 3, 10))),
            consent(EMAIL, expression=said(paris(2026, 3, 5))),
        ],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "opt-out and consent of the same instant",
        [
            opt_out(EMAIL, expression=said(paris(2026, 3, 10))),
            consent(EMAIL, expression=said(paris(2026, 3, 10))),
        ],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "the consent a microsecond later",
        [
            opt_out(EMAIL, expression=said(paris(2026, 3, 10))),
            consent(EMAIL, expression=said(paris(2026, 3, 10) + 1)),
        ],
        question(EMAIL, Channel.EMAIL),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "opt-out of the day 10 March, consent of 10 March at 18:00",
        [
            opt_out(EMAIL, expression=said(paris(2026, 3, 10), precision=Precision.DAY)),
            consent(EMAIL, expression=said(paris(2026, 3, 10, 18))),
        ],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "opt-out of the day 10 March, consent of 11 March",
        [
            opt_out(EMAIL, expression=said(paris(2026, 3, 10), precision=Precision.DAY)),
            consent(EMAIL, expression=said(paris(2026, 3, 11, 0, 1))),
        ],
        question(EMAIL, Channel.EMAIL),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "opt-out on 10 March at 9:00, consent of that day",
        [
            opt_out(EMAIL, expression=said(paris(2026, 3, 10, 9))),
            consent(EMAIL, expression=said(paris(2026, 3, 10, 23), precision=Precision.DAY)),
        ],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "an opt-out of a later day than the question's",
        [OWN_FORM, opt_out(EMAIL, expression=said(paris(2026, 10, 1)))],
        question(EMAIL, Channel.EMAIL, at_us=paris(2026, 5, 1)),
        DENY,
        Reason.OBJECTION,
    ),
)
