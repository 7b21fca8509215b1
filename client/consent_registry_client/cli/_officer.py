"""What the commands of the data-protection officer share: who does it, and why."""

from dataclasses import dataclass
from typing import Annotated

import typer

from consent_registry.v1.subject_service_pb2 import AccessReason
from consent_registry_client import access_reason

Actor = Annotated[
    str,
    typer.Option(
        envvar="CONSENTCTL_ACTOR",
        show_envvar=True,
        help="Who does it: a name or staff number. Kept encrypted in the access trail.",
    ),
]
Limit = Annotated[int, typer.Option(min=1, help="Show at most this many.")]


@dataclass(slots=True, kw_only=True)
class Accountable:
    """Who looks at or changes clear identities, and why."""

    actor: Actor
    reason: Annotated[
        str,
        typer.Option(
            help="Why: the number of the request, the authority that asks. "
            "Kept encrypted in the access trail."
        ),
    ]

    def access(self) -> AccessReason:
        """Returns what goes to the access trail."""
        return access_reason(actor=self.actor, reason=self.reason)
