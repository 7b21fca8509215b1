"""Unsubscribe links: made for messages that go out, and what people say through them.

Whoever holds a token may stop contact, and take their own last word back for a while. So what these
methods answer for a valid token depends on the link alone; whether a person said the same before
shows nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import (
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    RegistryError,
)
from consent_registry_server.domain.matching import TARGET_KINDS
from consent_registry_server.domain.policy import Controller, Policy
from consent_registry_server.domain.unsubscribe import OptOut, choices_of, opt_outs_of
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    LinkId,
    Precision,
    PurposeId,
    Source,
    UnsubscribeChoice,
    UnsubscribeMethod,
)
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    EntryIds,
    PolicySource,
    PreparedEntry,
    Recorded,
)
from consent_registry_server.service.preparation import (
    NO_POINTS,
    Write,
    prepare,
    suppression_points,
)
from consent_registry_server.service.questions import (
    NO_SUBJECT,
    home_of,
    require_controller,
    require_purpose,
)
from consent_registry_server.service.undo_tokens import UNDO_FOR_US, Undo, UndoTokens
from consent_registry_server.service.unsubscribe_ports import (
    LinkedPerson,
    Said,
    UnsubscribeLedger,
    UnsubscribeLink,
    UnsubscribeLinks,
    UnsubscribeTransaction,
)
from consent_registry_server.service.unsubscribe_tokens import (
    Token,
    UnsubscribeTokens,
    check_campaign,
)

_MINUTE_US: Final = 60 * 1_000_000

_LOCK: Final = b"unsubscribe link\0"
_ONE_CLICK: Final = (UnsubscribeChoice.LINK,)
_LIFTS: Final = {
    EntryKind.DO_NOT_CONTACT: EntryKind.DO_NOT_CONTACT_LIFT,
    EntryKind.RECORDING_OBJECTION: EntryKind.RECORDING_OBJECTION_LIFT,
}


@dataclass(frozen=True, slots=True)
class Campaign:
    """What links are made for."""

    controller: ControllerId
    channel: Channel
    purpose: PurposeId
    name: str


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A token, and the link that it is of."""

    token: Token
    link: UnsubscribeLink
    controller: Controller | None
    """As the policy declares it; None where it does so no more."""

    @property
    def choices(self) -> tuple[UnsubscribeChoice, ...]:
        """What can be stopped through it."""
        return choices_of(self.link.kinds)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to stop; without choices what the link is for."""

    method: UnsubscribeMethod
    choices: tuple[UnsubscribeChoice, ...]
    form_id: str = field(repr=False)

    @property
    def chosen(self) -> tuple[UnsubscribeChoice, ...]:
        """The choices, one click's by default."""
        return self.choices or _ONE_CLICK

    @property
    def source(self) -> Source:
        """Where it was said: on the page, or by pressing the link itself."""
        by_page = self.method is UnsubscribeMethod.PAGE
        return Source.PREFERENCE_PAGE if by_page else Source.UNSUBSCRIBE_LINK

    @property
    def repeated_for_us(self) -> int:
        """How long the same again is the same click, and not another one.

        Mailboxes and mail servers send again what was not answered in time, people click twice.
        """
        return _MINUTE_US if self.method is UnsubscribeMethod.PAGE else 15 * _MINUTE_US


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A wish as it was stored."""

    entry_ids: tuple[EntryId, ...]
    revision: str
    recorded_at_us: int
    undo_token: bytes = field(repr=False)
    undo_until_us: int


class Unsubscribing:
    """Makes unsubscribe links and takes what people say through them.

    All raise Unavailable or DeadlineExceeded when nothing is known to be stored.
    """

    def __init__(
        self,
        ledger: UnsubscribeLedger,
        links: UnsubscribeLinks,
        digester: Digester,
        *,
        undo_tokens: UndoTokens,
        policy: PolicySource,
        clock: Clock,
        entry_ids: EntryIds,
    ) -> None:
        self._ledger = ledger
        self._links = links
        self._digester = digester
        self._tokens = UnsubscribeTokens(digester)
        self._undo_tokens = undo_tokens
        self._policy = policy
        self._clock = clock
        self._entry_ids = entry_ids

    def create(
        self, campaign: Campaign, subjects: Sequence[Subject | RegistryError], *, deadline: Deadline
    ) -> list[str | RegistryError]:
        """Returns the token of each subject, in their order; an error stays what it is.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_PURPOSE; a purpose or campaign that no link can be for.
        """
        policy = self._policy()
        _check_campaign(campaign, policy)
        answers: list[str | RegistryError] = []
        people: list[LinkedPerson] = []
        for subject in subjects:
            person = self._person(subject, campaign, policy)
            if isinstance(person, RegistryError):
                answers.append(person)
            else:
                answers.append("")
                people.append(person)
        tokens = iter(self._kept(campaign, people, deadline) if people else ())
        return [next(tokens) if answer == "" else answer for answer in answers]

    def open(self, token: str, *, deadline: Deadline) -> OpenedLink:
        """Returns what a token is for.

        Raises:
            InvalidRequest: INVALID_UNSUBSCRIBE_TOKEN.
            NotFound: UNKNOWN_UNSUBSCRIBE_LINK.
        """
        read = self._tokens.read(token)
        link = self._links.find(read.link_id, deadline=deadline)
        if link is None:
            message = "the registry has lost this link"
            raise NotFound("UNKNOWN_UNSUBSCRIBE_LINK", message, field="token")
        return OpenedLink(read, link, self._policy().controllers.get(link.controller))

    def unsubscribe(
        self, write: Write, opened: OpenedLink, wish: Wish, *, deadline: Deadline
    ) -> Unsubscribed:
        """Records a wish, unless the link has said just this before and says it still.

        Nothing but the link decides whether it may be recorded: not even that the policy declares
        the controller still.

        Raises:
            InvalidRequest: INVALID_FIELD, for a choice that the link does not offer.
            AlreadyExists: REQUEST_ID_REUSED.
        """
        _require_offered(wish.chosen, opened.choices)
        policy = self._policy()
        now_us = self._clock()
        purpose = opened.token.purpose
        opt_outs = opt_outs_of(
            wish.chosen,
            kinds=opened.link.kinds,
            channel=opened.token.channel,
            # Nobody asks for a purpose any more that was renamed or split: then it is all of them.
            purpose=purpose if _is_marketing(purpose, policy) else None,
        )

        def work(transaction: UnsubscribeTransaction) -> dict[str, Any]:
            # Of two clicks at once the second must see the first.
            transaction.lock(_LOCK + opened.link.link_id.bytes)
            link_id = opened.link.link_id
            # A form's clock may be ahead of ours: whoever clicks has seen all that is stored.
            counts_at_us = max(now_us, transaction.last_permission_us(link_id) or now_us)
            said = []
            for opt_out in opt_outs:
                before = transaction.said_before(
                    link_id, opt_out, source=wish.source, since_us=now_us - wish.repeated_for_us
                )
                if before is None:
                    prepared = self._prepared(opened, wish, opt_out, policy, now_us=now_us)
                    transaction.append([replace(prepared, counts_at_us=counts_at_us)])
                    before = Said(prepared.entry_id, now_us)
                said.append(before)
            return {"said": [[str(each.entry_id), each.recorded_at_us] for each in said]}

        recorded = self._ledger.write(write.key(self._digester), now_us, work, deadline=deadline)
        return self._answer(opened, wish, recorded)

    def undo(
        self, write: Write, opened: OpenedLink, undo_token: bytes, *, deadline: Deadline
    ) -> Recorded:
        """Lifts what one answer recorded; the details tell `entry_ids`, those of the lifts.

        Raises:
            InvalidRequest: INVALID_UNDO_TOKEN.
            PreconditionFailed: UNDO_EXPIRED.
        """
        undo = self._undo_tokens.read(undo_token, opened.link.link_id)
        now_us = self._clock()
        policy = self._policy()

        def work(transaction: UnsubscribeTransaction) -> dict[str, Any]:
            # Here, because what was taken back in time is answered so however late it is repeated.
            if now_us >= undo.until_us:
                message = "it can be taken back no more; say so to customer service"
                raise PreconditionFailed("UNDO_EXPIRED", message, field="undo_token")
            transaction.lock(_LOCK + opened.link.link_id.bytes)
            lifts = []
            for entry_id in undo.entry_ids:
                entry = transaction.entry(entry_id)
                if entry is None or entry.lifted_at_us is not None:
                    continue
                new = _lift(opened, entry.kind, entry_id, now_us=now_us)
                lift = prepare(
                    new, NO_POINTS, policy=policy, entry_ids=self._entry_ids, now_us=now_us
                )
                transaction.append([lift])
                lifts.append(str(lift.entry_id))
            return {"entry_ids": lifts}

        return self._ledger.write(write.key(self._digester), now_us, work, deadline=deadline)

    def _person(
        self, subject: Subject | RegistryError, campaign: Campaign, policy: Policy
    ) -> LinkedPerson | RegistryError:
        """Whom a link is for, or why there can be none."""
        if isinstance(subject, RegistryError):
            return subject
        try:
            home = home_of(campaign.controller, policy)
            points = suppression_points(subject, self._digester, home=home)
        except RegistryError as error:
            error.field = error.field.removeprefix("subject.")
            return error
        kinds = frozenset(points.kinds)
        if not kinds & TARGET_KINDS[campaign.channel]:
            message = "no contact point of the channel's kind: the link could not stop it"
            return InvalidRequest("MISSING_FIELD", message, field="contact_points")
        return LinkedPerson(points.digests, kinds)

    def _kept(
        self, campaign: Campaign, people: Sequence[LinkedPerson], deadline: Deadline
    ) -> list[str]:
        now_us = self._clock()

        def work(transaction: UnsubscribeTransaction) -> list[LinkId]:
            return transaction.keep_links(campaign.controller, people, created_at_us=now_us)

        links = self._ledger.transact(work, deadline=deadline)
        return [
            self._tokens.text(Token(link_id, campaign.channel, campaign.purpose, campaign.name))
            for link_id in links
        ]

    def _prepared(
        self,
        opened: OpenedLink,
        wish: Wish,
        opt_out: OptOut,
        policy: Policy,
        *,
        now_us: int,
    ) -> PreparedEntry:
        campaign = opened.token.campaign
        new = NewEntry(
            kind=opt_out.kind,
            controller=opened.link.controller,
            expression=Expression(wish.source, Precision.INSTANT, now_us),
            subject=NO_SUBJECT,
            evidence=Evidence(
                form_id=wish.form_id or wish.method.name,
                note=f"campaign {campaign}" if campaign else "",
            ),
            channels=opt_out.channels,
            purposes=opt_out.purposes,
            unsubscribe_link_id=opened.link.link_id,
        )
        return prepare(new, NO_POINTS, policy=policy, entry_ids=self._entry_ids, now_us=now_us)

    def _answer(self, opened: OpenedLink, wish: Wish, recorded: Recorded) -> Unsubscribed:
        """The answer to a wish, from what was stored, so that a repetition gets the same.

        Only what was said on the page is taken back there.
        """
        said = [
            Said(EntryId(UUID(entry_id)), recorded_at_us)
            for entry_id, recorded_at_us in recorded.details["said"]
        ]
        entry_ids = tuple(each.entry_id for each in said)
        until_us = min(each.recorded_at_us for each in said) + UNDO_FOR_US
        undone = entry_ids if wish.method is UnsubscribeMethod.PAGE else ()
        return Unsubscribed(
            entry_ids,
            recorded.revision,
            max(each.recorded_at_us for each in said),
            self._undo_tokens.issue(Undo(opened.link.link_id, undone, until_us)),
            until_us,
        )


def _check_campaign(campaign: Campaign, policy: Policy) -> None:
    require_controller(policy, campaign.controller)
    require_purpose(policy, campaign.purpose)
    if not policy.purposes[campaign.purpose].is_marketing:
        message = "this purpose is no marketing; nobody can unsubscribe from it"
        raise InvalidRequest("INVALID_FIELD", message, field="purpose")
    check_campaign(campaign.name, campaign.purpose)


def _is_marketing(purpose: PurposeId, policy: Policy) -> bool:
    declared = policy.purposes.get(purpose)
    return declared is not None and declared.is_marketing


def _require_offered(
    chosen: Collection[UnsubscribeChoice], offered: Collection[UnsubscribeChoice]
) -> None:
    if not set(chosen) <= set(offered):
        message = "the link does not offer this"
        raise InvalidRequest("INVALID_FIELD", message, field="choices")


def _lift(opened: OpenedLink, kind: EntryKind, lifted: EntryId, *, now_us: int) -> NewEntry:
    return NewEntry(
        kind=_LIFTS[kind],
        controller=opened.link.controller,
        expression=Expression(Source.PREFERENCE_PAGE, Precision.INSTANT, now_us),
        subject=NO_SUBJECT,
        evidence=Evidence(form_id="undo"),
        lifts_entry_id=lifted,
    )
