"""Normal forms: what is compared, and digested, instead of what was typed.

Opt-outs are matched widely and consents narrowly, so some kinds have more than one form. Every
function is pure and refuses what it cannot read with `InvalidContactPoint`, whose message never
holds the value. Each module's `VERSION` is stored with the digests of its forms: once the clear
value is erased a digest cannot be made anew, so a change of output is a new version beside the
old one, never a correction in place. The forms also depend on the Unicode data of Python and the
metadata of `phonenumbers`; an upgrade of either is such a change where an output differs.
"""

from __future__ import annotations

from consent_registry_server.domain.normal_form import (
    address,
    customer_number,
    email,
    handle,
    phone,
)
from consent_registry_server.domain.normal_form.address import AddressForm, address_form
from consent_registry_server.domain.normal_form.customer_number import customer_number_form
from consent_registry_server.domain.normal_form.email import exact_form, wide_form
from consent_registry_server.domain.normal_form.handle import handle_form, phone_of
from consent_registry_server.domain.normal_form.phone import (
    PhoneForm,
    digits_form,
    line_type,
    parse_phone,
)
from consent_registry_server.domain.normal_form.unit import UnitState

__all__ = [
    "AddressForm",
    "PhoneForm",
    "UnitState",
    "address",
    "address_form",
    "customer_number",
    "customer_number_form",
    "digits_form",
    "email",
    "exact_form",
    "handle",
    "handle_form",
    "line_type",
    "parse_phone",
    "phone",
    "phone_of",
    "wide_form",
]
