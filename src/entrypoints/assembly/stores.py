"""Everything that is kept, by port: here PostgreSQL's adapters are checked against them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from adapters.postgres.api_keys import PostgresApiKeys
from adapters.postgres.budget import PostgresBudgets
from adapters.postgres.budget_warnings import PostgresBudgetWarnings
from adapters.postgres.capabilities import PostgresCapabilities
from adapters.postgres.capsules import PostgresCapsules
from adapters.postgres.chains import PostgresChains
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.durable_clock import PostgresClock
from adapters.postgres.effects import PostgresEffectJournal
from adapters.postgres.feedback import PostgresFeedback
from adapters.postgres.findings import PostgresFindings
from adapters.postgres.invocations import PostgresInvocations
from adapters.postgres.journal import open_turn_journal
from adapters.postgres.leases import PostgresTurnLeases
from adapters.postgres.memories import PostgresNotes, open_memories
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.partitions import PostgresPartitions
from adapters.postgres.published import PostgresAudits, PostgresPublishedEvents
from adapters.postgres.reconciliation import PostgresBooks
from adapters.postgres.records import PostgresRecords
from adapters.postgres.request_claims import PostgresRequestClaims
from adapters.postgres.retention import PostgresRetention, RetentionTerms
from adapters.postgres.sessions import PostgresSessions
from adapters.postgres.signals import PostgresTurnSignals
from adapters.postgres.stuck_turns import PostgresStuckTurns
from adapters.postgres.subscriptions import PostgresSubscriptions
from adapters.postgres.tenancy import PostgresCredentials, PostgresTenants
from adapters.postgres.turn_reader import open_turn_reader
from adapters.postgres.usage_books import UsageBooks
from adapters.postgres.writer import WriterSettings
from adapters.protobuf.events import EventEncoding
from adapters.protobuf.usage import read_usage
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.budget.ports import Budgets, BudgetWarnings
from application.capability.ports import Capabilities
from application.capsule.ports import Capsules
from application.conversation.ports.journal import TurnJournal
from application.conversation.ports.leases import TurnLeases
from application.conversation.ports.reading import TurnReader
from application.conversation.ports.sessions import FeedbackStore, SessionStore
from application.conversation.ports.signals import TurnSignals
from application.delivery.ports.bell import RelayBell
from application.delivery.ports.dead_letters import DeadLetters
from application.delivery.ports.outbox import Outbox
from application.delivery.ports.published import Audits, PublishedEvents
from application.delivery.relay_bell import ProcessRelayBell
from application.identity.ports import Credentials
from application.kernel.ports import DurableClock, RequestClaims
from application.memory.ports import MemoryStore, NoteStore
from application.operations.ports import Books, Findings, Storage, StuckTurns
from application.provenance.ports import Chains, Records
from application.tenancy.ports import ApiKeys, Subscriptions, Tenants
from application.tools.ports import EffectJournal, InvocationReader
from domain.kernel.identifiers import ServerId
from entrypoints.settings.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    clock: DurableClock
    journal: TurnJournal
    leases: TurnLeases
    reader: TurnReader
    signals: TurnSignals
    sessions: SessionStore
    feedback: FeedbackStore
    effects: EffectJournal
    invocations: InvocationReader
    budgets: Budgets
    warnings: BudgetWarnings
    tenants: Tenants
    subscriptions: Subscriptions
    keys: ApiKeys
    credentials: Credentials
    capsules: Capsules
    capabilities: Capabilities
    records: Records
    chains: Chains
    memories: MemoryStore
    notes: NoteStore
    stuck_turns: StuckTurns
    dead_letters: DeadLetters
    published: PublishedEvents
    audits: Audits
    storage: Storage
    retention: Storage
    books: Books
    findings: Findings
    claims: RequestClaims
    outbox: Outbox
    relay_bell: RelayBell


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTerms:
    """How long things are kept, and the lease of a server that holds them against themselves.

    `writer` is of the writer of turns.
    """

    retention: RetentionTerms
    reconciliation: timedelta
    writer: WriterSettings = field(default_factory=WriterSettings)


@asynccontextmanager
async def open_stores(
    settings: DatabaseSettings,
    server_id: ServerId,
    lease_seconds: float,
    traceparent: Callable[[], str],
    codes: Mapping[str, int],
    terms: StoreTerms,
) -> AsyncGenerator[Stores]:
    """Open the connections of one server process, and start its writer."""
    outgoing, relay_bell = Outgoing(EventEncoding(codes), traceparent), ProcessRelayBell()
    async with (
        open_database(settings) as database,
        open_turn_journal(
            database,
            server_id,
            outgoing,
            lease_seconds=lease_seconds,
            settings=replace(terms.writer, committed=relay_bell.ring),
        ) as journal,
        open_turn_reader(database) as reader,
        open_memories(database, outgoing) as memories,
    ):
        yield Stores(
            clock=PostgresClock(database),
            journal=journal,
            leases=PostgresTurnLeases(
                database=database, server_id=server_id, lease_seconds=lease_seconds
            ),
            reader=reader,
            signals=PostgresTurnSignals(database=database, server_id=server_id),
            sessions=PostgresSessions(database=database),
            feedback=PostgresFeedback(database=database),
            effects=PostgresEffectJournal(
                database=database, outgoing=outgoing, lease_seconds=lease_seconds
            ),
            invocations=PostgresInvocations(database=database),
            budgets=PostgresBudgets(database=database, outgoing=outgoing),
            warnings=PostgresBudgetWarnings(database=database, outgoing=outgoing),
            tenants=PostgresTenants(database=database, outgoing=outgoing),
            subscriptions=PostgresSubscriptions(database=database),
            keys=PostgresApiKeys(database=database, outgoing=outgoing),
            credentials=PostgresCredentials(database=database),
            capsules=PostgresCapsules(database=database, outgoing=outgoing),
            capabilities=PostgresCapabilities(database=database),
            records=PostgresRecords(database=database),
            chains=PostgresChains(
                database=database,
                sealer_id=server_id,
                outgoing=outgoing,
                clock=SystemClock(),
                identifiers=SystemIdentifiers(),
            ),
            memories=memories,
            notes=PostgresNotes(database=database),
            stuck_turns=PostgresStuckTurns(database=database),
            dead_letters=PostgresDeadLetters(database=database, outgoing=outgoing),
            published=PostgresPublishedEvents(database=database),
            audits=PostgresAudits(database=database, outgoing=outgoing),
            storage=PostgresPartitions(database=database),
            retention=PostgresRetention(database=database, terms=terms.retention),
            books=PostgresBooks(
                database=database,
                usage=UsageBooks(database=database, read_usage=read_usage),
                lease=terms.reconciliation,
            ),
            findings=PostgresFindings(database=database),
            claims=PostgresRequestClaims(database=database),
            outbox=PostgresOutbox(database=database),
            relay_bell=relay_bell,
        )


def store_terms(settings: Settings) -> StoreTerms:
    kept = settings.retention
    return StoreTerms(
        retention=RetentionTerms(
            requests=timedelta(hours=kept.request_hours),
            reservations=timedelta(hours=kept.reservation_hours),
            deleted_sessions=timedelta(hours=kept.deleted_session_hours),
            dead_letters=timedelta(days=kept.dead_letters_days),
        ),
        reconciliation=timedelta(seconds=settings.reconciliation.lease_seconds),
    )
