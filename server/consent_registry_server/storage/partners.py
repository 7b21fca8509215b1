"""Partners, as they are now and every state they were in, and the leads refused of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select
from sqlalchemy.dialects.postgresql import insert

from consent_registry_server.domain.vocabulary import (
    ControllerId,
    PartnerId,
    PartnerKind,
    PurposeId,
)
from consent_registry_server.service.ports import Page, Partner, RefusedLead
from consent_registry_server.storage.schema import partner, partner_change, refused_lead
from consent_registry_server.storage.times import to_timestamp

_KEY = (partner.c.controller, partner.c.partner_id)

_select: Select[Any] = select(
    *_KEY,
    partner.c.name,
    partner.c.kind,
    partner.c.permitted_channels,
    partner.c.permitted_purposes,
    partner.c.maximum_lead_age_days,
)
_insert = insert(partner)
_upsert = _insert.on_conflict_do_update(
    index_elements=_KEY,
    set_={column: _insert.excluded[column.name] for column in partner.c if not column.primary_key},
)


def find_partner(
    connection: Connection, controller: ControllerId, partner_id: PartnerId
) -> Partner | None:
    """Returns a partner, or None."""
    query = _select.where(partner.c.controller == controller, partner.c.partner_id == partner_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _partner(row)


def list_partners(connection: Connection, controller: ControllerId, page: Page) -> list[Partner]:
    """Returns a page of a controller's partners, by id."""
    query = _select.where(partner.c.controller == controller)
    if page.after is not None:
        query = query.where(partner.c.partner_id > page.after[0])
    query = query.order_by(partner.c.partner_id).limit(page.size)
    return [_partner(row) for row in connection.execute(query)]


def save_partner(connection: Connection, saved: Partner, *, recorded_at_us: int) -> None:
    """Stores a partner as it now is; what it was stays in `partner_change`."""
    row = {
        "controller": saved.controller,
        "partner_id": saved.partner_id,
        "name": saved.name,
        "kind": int(saved.kind),
        "permitted_channels": saved.permitted_channels,
        "permitted_purposes": sorted(saved.permitted_purposes),
        "maximum_lead_age_days": saved.maximum_lead_age_days,
        "recorded_at": to_timestamp(recorded_at_us),
    }
    connection.execute(_upsert, row)
    connection.execute(insert(partner_change), row)


def refuse_leads(connection: Connection, refused: Sequence[RefusedLead]) -> None:
    """Stores that leads were refused."""
    rows = [
        {
            "controller": each.controller,
            "partner_id": each.partner_id,
            "refusal": int(each.refusal),
            "recorded_at": to_timestamp(each.recorded_at_us),
            "expires_on": each.expires_on,
        }
        for each in refused
    ]
    if rows:
        connection.execute(insert(refused_lead), rows)


def _partner(row: Row[Any]) -> Partner:
    return Partner(
        controller=ControllerId(row.controller),
        partner_id=PartnerId(row.partner_id),
        name=row.name,
        kind=PartnerKind(row.kind),
        permitted_channels=row.permitted_channels,
        permitted_purposes=frozenset(PurposeId(purpose) for purpose in row.permitted_purposes),
        maximum_lead_age_days=row.maximum_lead_age_days,
    )
