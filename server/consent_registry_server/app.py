"""The application: the one place where its parts are put together."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final
from uuid import uuid4

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from structlog.typing import FilteringBoundLogger

from consent_registry_server.config import Settings
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.logs import configure_logging
from consent_registry_server.policy.archive import PastPolicies
from consent_registry_server.policy.load import read_files
from consent_registry_server.policy.source import (
    Edition,
    PolicyInForce,
    ReadFiles,
    read_edition,
)
from consent_registry_server.registry_database import open_database, open_warm_store
from consent_registry_server.renewal import FileWatch
from consent_registry_server.rpc import services
from consent_registry_server.rpc.authentication import LocalAuthenticator
from consent_registry_server.rpc.expiring import ExpiringIdentities
from consent_registry_server.rpc.export_lag import ExportLag
from consent_registry_server.rpc.keys_in_force import KeysInForce
from consent_registry_server.rpc.metrics import Metrics, serve_metrics
from consent_registry_server.rpc.overdue import OverdueIdentities
from consent_registry_server.rpc.probes import Probes
from consent_registry_server.rpc.rights_request_counts import RightsRequestCounts
from consent_registry_server.rpc.scrub_ages import ScrubAges
from consent_registry_server.rpc.server import RunningServer, Service, start_server
from consent_registry_server.service.attempts import Attempts
from consent_registry_server.service.checks import Checks
from consent_registry_server.service.explain import Explanations
from consent_registry_server.service.history import Records
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import Partners
from consent_registry_server.service.ports import PolicyArchive, PolicySource
from consent_registry_server.service.receipts import Receipts
from consent_registry_server.service.registers import Registers
from consent_registry_server.service.replay import ReplayTokens
from consent_registry_server.service.rights_requests import RightsRequests
from consent_registry_server.service.subject_reading import SubjectReading
from consent_registry_server.service.subjects import Subjects
from consent_registry_server.service.undo_tokens import UndoTokens
from consent_registry_server.service.unsubscribe import Unsubscribing
from consent_registry_server.storage.heartbeat import DatabaseQuestion, Heartbeat, Tell
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.log.lag import read_export_lag_s
from consent_registry_server.storage.migrate import newest
from consent_registry_server.storage.overdue import expiring_identities, overdue_identities
from consent_registry_server.storage.receipt_keys import ReceiptKeys
from consent_registry_server.storage.store import Store
from consent_registry_server.waiting import patiently

_RECEIPT_KEYS_NAME: Final = "receipt-keys.json"

_COLLECT_AFTER: Final = 50_000
_GENERATIONS: Final = 20


@dataclass(frozen=True, slots=True)
class RunningApplication:
    """A registry that answers."""

    server: RunningServer
    metrics_port: int
    reload_policy: Callable[[], None]
    """Has the policy's files read at once; does not wait for it."""
    logger: FilteringBoundLogger


def now_us() -> int:
    """The time now, in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def new_entry_id() -> EntryId:
    """A random entry id."""
    return EntryId(uuid4())


@contextmanager
def running(
    settings: Settings, stop_within: Callable[[float], bool]
) -> Iterator[RunningApplication]:
    """A registry that answers until the context ends.

    Waits for a database that is not its own, and for what is to be in it, until `stop_within` says
    otherwise: it waits for so many seconds, and tells whether to give up. Probes and metrics are
    answered meanwhile.

    Raises:
        ConfigurationError: settings, policy, keys, schema or address do not allow it to.
        Stopped: it gave up waiting.
    """
    logger = configure_logging(settings.log_level, settings.log_format)
    for name in settings.unrecognised:
        logger.warning("setting_unrecognised", name=name)
    read = partial(read_files, settings.policy_dir, company_file=settings.company_policy_file)
    edition = read_edition(read)
    with ExitStack() as stack:
        metrics = _metrics()
        endpoint = serve_metrics(
            metrics.registry, settings.metrics.host, port=settings.metrics.port
        )
        stack.callback(endpoint.close)
        probes = None if settings.health is None else Probes(settings.health)
        if probes is not None:
            stack.callback(probes.close)
        health_port = None if probes is None else probes.port
        logger.info("started", health_port=health_port, metrics_port=endpoint.port)
        where = stack.enter_context(open_database(settings))
        keyring = Keyring.load(where.keyring_file)
        opening = partial(open_warm_store, where, keyring, settings)
        store = patiently(opening, stop_within=stop_within, logger=logger)
        stack.callback(store.close)
        _watch_store(metrics, store)
        policy = _in_force(edition, read, store=store, metrics=metrics, logger=logger)
        watch = FileWatch(policy.reload, interval_s=settings.policy_reload_interval_s)
        stack.callback(watch.close)
        policies = PastPolicies(store.policy_versions, logger=logger)
        receipts = Receipts(_receipt_keys(settings), policy=policy)
        served = _services(
            store, keyring, metrics=metrics, policy=policy, policies=policies, receipts=receipts
        )
        served += (_unsubscribing(settings, store, keyring, metrics=metrics, policy=policy),)
        names = frozenset(service.name for service in served)
        keys = _keys_in_force(settings, names, metrics, logger)
        _settle()
        server = start_server(
            settings.server,
            served,
            authenticator=keys or LocalAuthenticator(),
            metrics=metrics,
            logger=logger,
        )
        stack.callback(server.stop)
        renewed = [server.reload_certificate, *([keys.reload] if keys else [])]
        secrets = FileWatch(*renewed, interval_s=settings.secrets_reload_interval_s)
        stack.callback(secrets.close)
        show_ready = partial(_show_ready, probes=probes, metrics=metrics)
        show_ready(serving=True)
        # A server that stops finishes what it has begun: it is shown as not ready, and answers.
        stack.callback(show_ready, serving=False)
        question = DatabaseQuestion(where.access, schema=newest(), incarnation=store.incarnation)
        tell = partial(_answer, server=server, show_ready=show_ready)
        stack.callback(Heartbeat(question, tell=tell).close)
        logger.info(
            "serving",
            port=server.port,
            metrics_port=endpoint.port,
            health_port=health_port,
            policy=policy().version,
        )
        yield RunningApplication(server, endpoint.port, watch.reload_now, logger)
    logger.info("stopped")


def _answer(*, serving: bool, server: RunningServer, show_ready: Tell) -> None:
    server.answer(serving=serving)
    show_ready(serving=serving)


def _show_ready(*, serving: bool, probes: Probes | None, metrics: Metrics) -> None:
    """Shows probes and Prometheus whether the registry answers."""
    metrics.is_ready = serving
    if probes is not None:
        probes.show_ready(serving=serving)


def _settle() -> None:
    """Takes what start-up made out of the garbage collector's sight, and lets it look less often.

    A chunk of an audience makes and drops tens of thousands of objects without a cycle among them;
    the default thresholds would walk through them, and the whole program, over and over.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, _GENERATIONS, _GENERATIONS)


def _keys_in_force(
    settings: Settings, names: frozenset[str], metrics: Metrics, logger: FilteringBoundLogger
) -> KeysInForce | None:
    """The callers of the settings; without a file of keys, none but those on this machine."""
    if settings.api_keys_file is None:
        return None
    return KeysInForce(
        settings.api_keys_file, services=names, logger=logger, counted=metrics.api_keys_reloaded
    )


def _receipt_keys(settings: Settings) -> ReceiptKeys | None:
    """What signs receipts; a registry with a database of its own makes keys where there are none.

    Raises:
        ConfigurationError: the file cannot be read, or made.
    """
    path = settings.receipt_keys_file
    if path is None and settings.database is None:
        path = settings.data_dir / _RECEIPT_KEYS_NAME
        if not path.exists():
            ReceiptKeys.generate().save_new(path)
    return None if path is None else ReceiptKeys.load(path)


def _in_force(
    edition: Edition,
    read: ReadFiles,
    *,
    store: Store,
    metrics: Metrics,
    logger: FilteringBoundLogger,
) -> PolicyInForce:
    policy = PolicyInForce(
        edition,
        read,
        versions=store.policy_versions,
        clock=now_us,
        logger=logger,
        counted=metrics.policy_reloaded,
    )
    policy.activate()
    metrics.watch_versions(version("consent-registry"), policy=lambda: policy().version)
    metrics.watch_registers(policy)
    return policy


def _metrics() -> Metrics:
    # When a counter was made says nothing that its process's start does not.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library is typed but for it
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return Metrics(registry)


def _watch_store(metrics: Metrics, store: Store) -> None:
    limits = store.database.limits
    connections = limits.pool_size + limits.pool_overflow
    metrics.watch_database_pool(store.pool_status, limit=connections)
    in_time = metrics.reader.bounded
    database = store.database
    for reading in (
        ScrubAges(in_time(store.scrub_ages), clock=now_us),
        OverdueIdentities(in_time(partial(overdue_identities, database)), clock=now_us),
        ExpiringIdentities(in_time(partial(expiring_identities, database)), clock=now_us),
        ExportLag(in_time(partial(read_export_lag_s, database))),
    ):
        metrics.registry.register(reading)


def _services(
    store: Store,
    keyring: Keyring,
    *,
    metrics: Metrics,
    policy: PolicySource,
    policies: PolicyArchive,
    receipts: Receipts,
) -> tuple[Service, ...]:
    checks = Checks(store.standing, keyring, policy=policy, clock=now_us)
    attempts = Attempts(
        store.ledger,
        keyring,
        history=store.history,
        policy=policy,
        clock=now_us,
        entry_ids=new_entry_id,
        decision_ids=uuid4,
    )
    records = Records(store.history, keyring, policy=policy)
    intake = Intake(store.ledger, keyring, policy=policy, clock=now_us, entry_ids=new_entry_id)
    partners = Partners(store.ledger, keyring, policy=policy, clock=now_us, entry_ids=new_entry_id)
    registers = Registers(
        store.ledger, keyring, policy=policy, clock=now_us, entry_ids=new_entry_id
    )
    tokens = ReplayTokens(store.sealer, keyring, policy=policy, policies=policies)
    explanations = Explanations(
        store.past, keyring, policy=policy, policies=policies, tokens=tokens, clock=now_us
    )
    subjects = Subjects(store.ledger, keyring, policy=policy, clock=now_us, entry_ids=new_entry_id)
    reading = SubjectReading(
        store.ledger, store.subject_history, keyring, policy=policy, clock=now_us
    )
    rights_requests = RightsRequests(
        store.ledger, store.subject_history, keyring, policy=policy, clock=now_us, ids=uuid4
    )
    counts = metrics.reader.bounded(rights_requests.counts)
    metrics.registry.register(RightsRequestCounts(counts))
    return (
        services.decision_service(
            checks, metrics=metrics, decision_ids=uuid4, replay_tokens=tokens
        ),
        services.attempt_service(attempts, metrics=metrics),
        services.registry_service(
            intake,
            partners,
            registers=registers,
            records=records,
            receipts=receipts,
            digester=keyring,
            metrics=metrics,
        ),
        services.history_service(records, digester=keyring),
        services.subject_service(
            explanations,
            subjects,
            reading=reading,
            rights_requests=rights_requests,
            digester=keyring,
        ),
        services.policy_service(policy, receipts),
    )


def _unsubscribing(
    settings: Settings, store: Store, keyring: Keyring, *, metrics: Metrics, policy: PolicySource
) -> Service:
    unsubscribing = Unsubscribing(
        store.ledger,
        store.unsubscribe_links,
        keyring,
        undo_tokens=UndoTokens(store.sealer),
        policy=policy,
        clock=now_us,
        entry_ids=new_entry_id,
    )
    return services.unsubscribe_service(
        unsubscribing, addresses=settings.unsubscribe, metrics=metrics
    )
