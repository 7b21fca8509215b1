"""For every alert, series with which it fires and series with which it does not.

Series are in promtool's notation, one sample a step: with steps of a minute `0+1x60` counts up for
an hour, `1x60` stays. They are as long as the rates of the alert and its `for` need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Series = dict[str, str]

SERVER: Final = 'namespace="RELEASE_NAMESPACE", job="SERVER_JOB"'
WEB: Final = 'namespace="RELEASE_NAMESPACE", job="WEB_JOB"'
MAIL: Final = 'namespace="RELEASE_NAMESPACE", job="MAIL_JOB"'
OTHER: Final = 'namespace="elsewhere", job="SERVER_JOB"'
"""Another release, which the rules must leave alone."""

CHECK: Final = "consent_registry.v1.DecisionService/CheckContact"
WRITE: Final = "consent_registry.v1.RegistryService/AddDoNotContact"


@dataclass(frozen=True, slots=True)
class Case:
    """What one alert is tried with; `at` is when, in steps.

    `labels` are those with which it fires, beside the name and `severity`.
    """

    alert: str
    fires: Series
    quiet: Series
    at: int = 60
    step_min: int = 1
    severity: str = "warning"
    labels: tuple[tuple[str, str], ...] = ()
    place: str = SERVER


def server(name: str, values: str, *labels: str) -> Series:
    """A series of a server."""
    return {_series(name, f'{SERVER}, instance="a"', *labels): values}


def web(name: str, values: str, *labels: str) -> Series:
    """A series of a web handler."""
    return {_series(name, f'{WEB}, instance="w"', *labels): values}


def mail(name: str, values: str, *labels: str) -> Series:
    """A series of a mail handler."""
    return {_series(name, f'{MAIL}, instance="m"', *labels): values}


def calls(code: str, values: str, method: str = CHECK) -> Series:
    """Calls of one method that ended with a code."""
    return server("consent_registry_rpcs_total", values, f'method="{method}", code="{code}"')


def decisions(verdict: str, reason: str, values: str) -> Series:
    """Decisions on calls."""
    labels = f'channel="VOICE_CALL", verdict="{verdict}", reason="{reason}"'
    return server("consent_registry_decisions_total", values, labels)


def slow_calls(quick: str, every: str) -> Series:
    """Checks that took up to 50 ms, and all."""
    labels = f'method="{CHECK}", code="OK"'
    name = "consent_registry_rpc_duration_seconds"
    return server(f"{name}_bucket", quick, f'{labels}, le="0.05"') | server(
        f"{name}_count", every, labels
    )


def _series(name: str, *labels: str) -> str:
    return f"{name}{{{', '.join(labels)}}}"


def _burns(
    alert: str, fires: Callable[[int], Series], quiet: Callable[[int], Series]
) -> list[Case]:
    """One case for each pair of windows; what is made of so many bad calls in a thousand."""
    return [
        Case(
            alert,
            fires=fires(bad * factor),
            quiet=quiet(bad * factor),
            at=100,
            step_min=step_min,
            severity=severity,
            labels=(("window", window),),
        )
        for severity, window, step_min, bad in (
            ("critical", "1h", 2, 20),
            ("critical", "6h", 10, 10),
            ("warning", "1d", 40, 4),
            ("warning", "3d", 90, 2),
        )
        for factor in (1 if "Availability" in alert else 10,)
    ]


# Steps of five minutes: a day and a half, and then an hour.
_BEFORE: Final = 432
_LATER: Final = 444
_ALLOWED: Final = decisions("ALLOW", "CONSENT", f"0+50x{_LATER}")
"""Half of all, for as long, beside `_DENIED`."""
_DENIED: Final = decisions("DENY", "NO_CONSENT", f"0+50x{_LATER}")
_NIGHT: Final = decisions(
    "DENY", "OUTSIDE_CONTACT_HOURS", f"0+0x{_BEFORE} 5000+5000x{_LATER - _BEFORE}"
)
_KUBE: Final = 'namespace="RELEASE_NAMESPACE", instance="k", job="kube-state-metrics"'
_CRONJOB: Final = f'{_KUBE}, cronjob="EXPIRE_CRONJOB"'
_EXPIRY_LABELS: Final = (("cronjob", "EXPIRE_CRONJOB"),)
_UNSUBSCRIBES: Final = "consent_registry_web_unsubscribes_total"
_STORED: Final = web(_UNSUBSCRIBES, "0+100x60", 'method="page", outcome="stored"')


def _age(days: float) -> Series:
    labels = 'controller="alarm-it", register="RPO"'
    name = "consent_registry_register_scrub_age_seconds"
    limit = "consent_registry_register_scrub_age_limit_seconds"
    return server(name, f"{days * 86_400:.0f}x90", labels) | server(
        limit, "1296000x90", 'register="RPO"'
    )


def _leads(accepted: str, refused: str) -> Series:
    name = "consent_registry_partner_leads_total"
    return server(name, accepted, 'outcome="ACCEPTED"') | server(name, refused, 'outcome="REFUSED"')


def _links(status: str, values: str) -> Series:
    labels = f'route="link", method="POST", status="{status}"'
    return web("consent_registry_web_requests_total", values, labels)


def _messages(outcome: str, values: str) -> Series:
    return mail("consent_registry_mail_messages_total", values, f'outcome="{outcome}"')


def _tokens(reason: str, values: str) -> Series:
    return web("consent_registry_web_invalid_tokens_total", values, f'reason="{reason}"')


ANSWERS: Final = (
    Case(
        "ConsentRegistryDown",
        fires={f'up{{{OTHER}, instance="a"}}': "1x60"},
        quiet=server("up", "1x60"),
        severity="critical",
    ),
    Case(
        "ConsentRegistryDown",
        fires=server("up", "0x60"),
        quiet=server("up", "0x58 1 1"),
        severity="critical",
    ),
    Case(
        "ConsentRegistryTargetDown",
        fires=server("up", "0x60"),
        quiet=server("up", "1x57 0 0 0") | {f'up{{{OTHER}, instance="b"}}': "0x60"},
        labels=(("instance", "a"),),
    ),
    Case(
        "ConsentRegistryNotReady",
        fires=server("consent_registry_ready", "0x60"),
        quiet=server("consent_registry_ready", "0x60")
        | {f'consent_registry_ready{{{SERVER}, instance="b"}}': "1x60"},
        severity="critical",
    ),
    Case(
        "ConsentRegistryInstanceNotReady",
        fires=server("consent_registry_ready", "0x60"),
        quiet=server("consent_registry_ready", "1x55 0x5"),
        labels=(("instance", "a"),),
    ),
    *_burns(
        "ConsentRegistryCheckAvailabilityBurn",
        lambda bad: calls("OK", f"0+{1000 - bad}x100") | calls("UNAVAILABLE", f"0+{bad}x100"),
        # It is over, and no more than one call of ten thousand fails now.
        lambda bad: (
            calls("OK", "0+9999x100") | calls("UNAVAILABLE", f"0+{10 * bad}x70 {700 * bad}+1x30")
        ),
    ),
    *_burns(
        "ConsentRegistryCheckLatencyBurn",
        lambda bad: slow_calls(f"0+{1000 - bad}x100", "0+1000x100"),
        lambda bad: slow_calls(f"0+{1000 - bad}x70 {70 * (1000 - bad)}+1000x30", "0+1000x100"),
    ),
    Case(
        "ConsentRegistryFailClosedSurge",
        fires=calls("OK", "0+90x60") | calls("RESOURCE_EXHAUSTED", "0+10x60"),
        quiet=calls("OK", "0+99x60")
        | calls("RESOURCE_EXHAUSTED", "0+1x60")
        | calls("UNAVAILABLE", "0+900x60", WRITE),
        labels=(("code", "RESOURCE_EXHAUSTED"),),
    ),
    Case(
        "ConsentRegistryInternalErrors",
        fires=calls("INTERNAL", "0x55 1x5", WRITE),
        quiet=calls("INTERNAL", "0x20 1x40", WRITE) | calls("NOT_FOUND", "0+9x60", WRITE),
        labels=(("method", WRITE), ("code", "INTERNAL")),
    ),
    Case(
        "ConsentRegistryUnauthenticatedSurge",
        fires=calls("UNAUTHENTICATED", "0+60x60"),
        quiet=calls("UNAUTHENTICATED", "0+10x60"),
    ),
    Case(
        "ConsentRegistryDatabasePoolExhausted",
        fires=server("consent_registry_database_pool_in_use", "12x60")
        | server("consent_registry_database_pool_limit", "12x60"),
        quiet=server("consent_registry_database_pool_in_use", "12 2 2 2 2 2x55")
        | server("consent_registry_database_pool_limit", "12x60"),
        labels=(("instance", "a"),),
    ),
    Case(
        "ConsentRegistryCertificateExpiring",
        fires=server("consent_registry_tls_certificate_expiry_timestamp_seconds", "1000000x90"),
        quiet=server("consent_registry_tls_certificate_expiry_timestamp_seconds", "2000000x90"),
        at=90,
    ),
    Case(
        "ConsentRegistryCertificateExpiring",
        fires=server("consent_registry_tls_certificate_expiry_timestamp_seconds", "100000x90"),
        quiet=server("consent_registry_tls_certificate_expiry_timestamp_seconds", "1000000x90"),
        at=90,
        severity="critical",
    ),
    Case(
        "ConsentRegistryTlsReloadFailing",
        fires=server(
            "consent_registry_tls_certificate_reloads_total", "0x40 1x20", 'outcome="refused"'
        )
        | server("consent_registry_tls_certificate_reloads_total", "0+1x60", 'outcome="done"'),
        quiet=server("consent_registry_tls_certificate_reloads_total", "0+1x60", 'outcome="done"'),
        at=52,
    ),
    Case(
        "ConsentRegistryApiKeysReloadFailing",
        fires=server("consent_registry_api_key_reloads_total", "0+1x60", 'outcome="refused"'),
        quiet=server("consent_registry_api_key_reloads_total", "0+1x60", 'outcome="done"'),
    ),
)

DECISIONS: Final = (
    Case(
        "ConsentRegistryAllowShareJump",
        fires=decisions("ALLOW", "CONSENT", f"0+50x{_BEFORE} {50 * _BEFORE}+100x12")
        | decisions("DENY", "NO_CONSENT", f"0+50x{_BEFORE} {50 * _BEFORE}x12"),
        quiet=_ALLOWED | _DENIED,
        at=_LATER,
        step_min=5,
        severity="critical",
        labels=(("channel", "VOICE_CALL"),),
    ),
    Case(
        "ConsentRegistryAllowShareJump",
        fires=decisions("ALLOW", "CONSENT", f"0+50x{_BEFORE} {50 * _BEFORE}+100x12")
        | decisions("DENY", "NO_CONSENT", f"0+50x{_BEFORE} {50 * _BEFORE}x12"),
        # Alarm calls are no marketing, and the night is no opinion.
        quiet=_ALLOWED
        | _DENIED
        | decisions("ALLOW", "NOT_MARKETING", f"0+0x{_BEFORE} 0+5000x12")
        | decisions("DENY", "OUTSIDE_CONTACT_HOURS", f"0+5000x{_BEFORE - 12}"),
        at=_LATER,
        step_min=5,
        severity="critical",
        labels=(("channel", "VOICE_CALL"),),
    ),
    Case(
        "ConsentRegistryDenyShareJump",
        fires=decisions("ALLOW", "CONSENT", f"0+50x{_BEFORE} {50 * _BEFORE}x12")
        | decisions("REVIEW", "REGISTER_STALE", f"0+50x{_BEFORE} {50 * _BEFORE}+100x12"),
        quiet=_ALLOWED | _DENIED | _NIGHT,
        at=_LATER,
        step_min=5,
        labels=(("channel", "VOICE_CALL"),),
    ),
    Case(
        "ConsentRegistryPolicyReloadFailing",
        fires=server("consent_registry_policy_reloads_total", "0+1x60", 'outcome="not_stored"'),
        quiet=server("consent_registry_policy_reloads_total", "0+1x60", 'outcome="done"')
        | server("consent_registry_policy_reloads_total", "0x10 1x50", 'outcome="refused"'),
        labels=(("outcome", "not_stored"),),
    ),
    Case(
        "ConsentRegistryPoliciesDiffer",
        fires=server("consent_registry_policy_info", "1x60", 'version="p1"')
        | {f'consent_registry_policy_info{{{SERVER}, instance="b", version="p2"}}': "1x60"},
        quiet=server("consent_registry_policy_info", "1x60", 'version="p1"')
        | {f'consent_registry_policy_info{{{SERVER}, instance="b", version="p1"}}': "1x60"},
    ),
)

DUTIES: Final = (
    Case(
        "ConsentRegistryRegisterScrubStale",
        fires=_age(14),
        quiet=_age(13),
        at=90,
        labels=(("controller", "alarm-it"), ("register", "RPO")),
    ),
    Case(
        "ConsentRegistryIdentitiesOverdue",
        fires=server("consent_registry_identities_overdue_days", "3x90"),
        quiet=server("consent_registry_identities_overdue_days", "1x90"),
        at=90,
    ),
    Case(
        "ConsentRegistryRightsRequestsOverdue",
        fires=server("consent_registry_rights_requests_overdue", "1x60", 'controller="alarm-fr"'),
        quiet=server("consent_registry_rights_requests_overdue", "0x60", 'controller="alarm-fr"'),
        labels=(("controller", "alarm-fr"),),
    ),
    Case(
        "ConsentRegistryExportLagging",
        fires=server("consent_registry_export_lag_seconds", "600x60"),
        quiet=server("consent_registry_export_lag_seconds", "200x60"),
    ),
    Case(
        "ConsentRegistryNotExported",
        fires=server("consent_registry_export_up", "1x90"),
        quiet=server("consent_registry_export_up", "1x90")
        | server("consent_registry_export_lag_seconds", "9000x90"),
        at=90,
    ),
    Case(
        "ConsentRegistryExportUnknown",
        fires=server("consent_registry_export_up", "0x60"),
        quiet=server("consent_registry_export_up", "1x60"),
    ),
    Case(
        "ConsentRegistryDutiesUnknown",
        fires=server("consent_registry_rights_requests_up", "0x60")
        | server("consent_registry_register_scrubs_up", "1x60"),
        quiet=server("consent_registry_rights_requests_up", "0x60")
        | {f'consent_registry_rights_requests_up{{{SERVER}, instance="b"}}': "1x60"},
    ),
    Case(
        "ConsentRegistryLeadRefusalsSurge",
        fires=_leads("0+1x120", "0+9x120"),
        quiet=_leads("0+9x120", "0+1x120"),
        at=120,
    ),
    Case(
        "ConsentRegistryExpiryJobFailing",
        fires={f"kube_cronjob_status_last_successful_time{{{_CRONJOB}}}": "0x250"},
        quiet={
            f"kube_cronjob_status_last_successful_time{{{_CRONJOB}}}": "0x120 86400x130",
            f"kube_cronjob_created{{{_CRONJOB}}}": "0x250",
        },
        at=240,
        step_min=10,
        labels=_EXPIRY_LABELS,
        place="",
    ),
    Case(
        "ConsentRegistryExpiryJobFailing",
        fires={f"kube_cronjob_created{{{_CRONJOB}}}": "0x250"},
        quiet={f"kube_cronjob_created{{{_CRONJOB}}}": "86400x250"},
        at=240,
        step_min=10,
        labels=_EXPIRY_LABELS,
        place="",
    ),
    Case(
        "ConsentRegistryMigrationFailed",
        fires={
            f'kube_job_failed{{{_KUBE}, job_name="MIGRATE_JOB-1a2b", condition="true"}}': "1x60"
        },
        quiet={
            f'kube_job_failed{{{_KUBE}, job_name="MIGRATE_JOB-1a2b", condition="true"}}': "0x60",
            f'kube_job_failed{{{_KUBE}, job_name="other", condition="true"}}': "1x60",
        },
        severity="critical",
        labels=(("job_name", "MIGRATE_JOB-1a2b"),),
        place="",
    ),
)

UNSUBSCRIBING: Final = (
    Case(
        "ConsentRegistryWebDown",
        fires=server("up", "1x60"),
        quiet=web("up", "1x60"),
        severity="critical",
        place=WEB,
    ),
    Case(
        "ConsentRegistryWebErrors",
        fires=_links("200", "0+90x60") | _links("503", "0+10x60"),
        quiet=_links("200", "0+99x60") | _links("503", "0+1x60"),
        severity="critical",
        place=WEB,
    ),
    Case(
        "ConsentRegistryUnsubscribesNotStored",
        fires=_STORED | web(_UNSUBSCRIBES, "0x50 1x10", 'method="page", outcome="unavailable"'),
        quiet=_STORED | web(_UNSUBSCRIBES, "0x60", 'method="page", outcome="unavailable"'),
        place=WEB,
    ),
    Case(
        "ConsentRegistryUnsubscribesNotStored",
        fires=_STORED | web(_UNSUBSCRIBES, "0+10x60", 'method="page", outcome="unavailable"'),
        quiet=_STORED | web(_UNSUBSCRIBES, "0x50 1x10", 'method="page", outcome="unavailable"'),
        severity="critical",
        place=WEB,
    ),
    Case(
        "ConsentRegistryUnsubscribeLinksLost",
        fires=_tokens("unknown", "0x50 1x10"),
        quiet=_tokens("unknown", "0x60") | _tokens("invalid", "0+1x60"),
        severity="critical",
        place=WEB,
    ),
    Case(
        "ConsentRegistryUnsubscribeLinksLost",
        fires=_messages("unknown_link", "0x50 1x10"),
        quiet=_messages("unknown_link", "0x60"),
        severity="critical",
        place=MAIL,
    ),
    Case(
        "ConsentRegistryInvalidUnsubscribeTokens",
        fires=_tokens("malformed", "0+5x60") | _links("200", "0+10x60"),
        quiet=_tokens("malformed", "0+1x60") | _links("200", "0+10x60"),
        place=WEB,
    ),
    Case(
        "ConsentRegistryMailNotStored",
        fires=_messages("unavailable", "0+1x60"),
        quiet=_messages("unavailable", "0x57 1x3") | _messages("stored", "0+1x60"),
        place=MAIL,
    ),
    Case(
        "ConsentRegistryMailRefused",
        fires=_messages("no_token", "0+1x420") | _messages("automatic", "0+9x420"),
        quiet=_messages("no_token", "0+1x420") | _messages("stored", "0+9x420"),
        at=420,
        place=MAIL,
    ),
)

CASES: Final = (*ANSWERS, *DECISIONS, *DUTIES, *UNSUBSCRIBING)
