"""Unsubscribe links and what is said through them: protobuf to domain and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from consent_registry.v1 import contact_pb2, unsubscribe_service_pb2
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.errors import InvalidRequest, RegistryError
from consent_registry_server.domain.vocabulary import UnsubscribeChoice, UnsubscribeMethod
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_channel,
    to_controller,
    to_purpose,
    to_subject,
)
from consent_registry_server.rpc.convert_errors import fill_item_error
from consent_registry_server.rpc.options import UnsubscribeAddresses
from consent_registry_server.rpc.validation import validate
from consent_registry_server.service.ports import Recorded
from consent_registry_server.service.unsubscribe import Campaign, OpenedLink, Unsubscribed, Wish

ONE_CLICK: Final = "List-Unsubscribe=One-Click"
"""RFC 8058, section 3.1."""

_CHOICES: Final = {int(each): each for each in UnsubscribeChoice}
_METHODS: Final = {int(each): each for each in UnsubscribeMethod}


def to_campaign(request: unsubscribe_service_pb2.CreateUnsubscribeLinksRequest) -> Campaign:
    """What links are asked for."""
    if not request.subjects:
        raise missing("subjects")
    return Campaign(
        to_controller(request.controller),
        to_channel(request.channel),
        to_purpose(request.purpose),
        request.campaign,
    )


def to_linked(subject: contact_pb2.Subject) -> Subject | RegistryError:
    """A person who is to have a link, or what is wrong with them."""
    try:
        validate(subject)
        return to_subject(subject)
    except RegistryError as error:
        error.field = error.field.removeprefix("subject.")
        return error


def to_token(token: str) -> str:
    """A token, whatever it holds."""
    if not token:
        raise missing("token")
    return token


def to_wish(request: unsubscribe_service_pb2.UnsubscribeRequest) -> Wish:
    """What a person wants to stop."""
    method = _METHODS.get(request.method)
    if method is None:
        raise missing("method")
    choices = []
    for index, number in enumerate(request.choices):
        choice = _CHOICES.get(number)
        if choice is None:
            raise missing(f"choices[{index}]")
        if choice in choices:
            raise InvalidRequest("CONTRADICTION", "named twice", field=f"choices[{index}]")
        choices.append(choice)
    return Wish(method, tuple(choices), request.form_id)


def fill_links(
    message: unsubscribe_service_pb2.CreateUnsubscribeLinksResponse,
    tokens: Sequence[str | RegistryError],
    addresses: UnsubscribeAddresses,
) -> None:
    """Writes the links of some tokens into a message."""
    for token in tokens:
        result = message.results.add()
        if isinstance(token, RegistryError):
            fill_item_error(result.error, token)
            continue
        link = result.link
        link.token = token
        link.url = addresses.url_of(token)
        link.list_unsubscribe = ", ".join(f"<{each}>" for each in addresses.uris_of(token))
        link.list_unsubscribe_post = ONE_CLICK


def fill_description(
    message: unsubscribe_service_pb2.DescribeUnsubscribeResponse, opened: OpenedLink
) -> None:
    """Writes what a link is for into a message."""
    controller = opened.controller
    message.controller = opened.link.controller
    message.legal_name = controller.legal_name if controller else opened.link.controller
    message.country = controller.country if controller else ""
    message.channel = contact_pb2.Channel.ValueType(opened.token.channel)
    message.purpose = opened.token.purpose
    message.choices.extend(
        unsubscribe_service_pb2.UnsubscribeChoice.ValueType(choice) for choice in opened.choices
    )


def fill_unsubscribed(
    message: unsubscribe_service_pb2.UnsubscribeResponse, unsubscribed: Unsubscribed
) -> None:
    """Writes what was stored of a wish into a message."""
    message.entry_ids.extend(str(entry_id) for entry_id in unsubscribed.entry_ids)
    message.revision = unsubscribed.revision
    set_timestamp(message.recorded_at, unsubscribed.recorded_at_us)
    message.undo_token = unsubscribed.undo_token
    set_timestamp(message.undo_until, unsubscribed.undo_until_us)


def fill_undone(
    message: unsubscribe_service_pb2.UndoUnsubscribeResponse, recorded: Recorded
) -> None:
    """Writes what was taken back into a message."""
    message.entry_ids.extend(recorded.details["entry_ids"])
    message.revision = recorded.revision
    set_timestamp(message.recorded_at, recorded.recorded_at_us)
